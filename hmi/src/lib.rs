#![doc = include_str!("../README.md")]

pub mod admin;
pub mod app;
mod booking_number;
pub mod checkpointing;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod desk;
pub mod device_secrets;
pub mod device_templates;
pub mod drivers;
pub mod engine_task;
pub mod gateway;
pub mod intake;
pub mod packaging;
pub mod permission;
pub mod planner;
pub mod planning;
pub mod progress;
pub mod quoting;
pub mod random;
pub mod reasons;
mod samples;
pub mod sealing;
pub mod server;
pub mod web;
