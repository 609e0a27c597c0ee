#![doc = include_str!("../README.md")]

pub mod clock;
pub mod engine;
pub mod historian;
pub mod id;
pub mod journal;
pub mod quantity;
