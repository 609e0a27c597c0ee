//! The composition root of the MES, its command line and its pages.

pub mod web;
