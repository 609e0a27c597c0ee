#![doc = include_str!("../README.md")]

pub mod access;
pub mod batch;
pub mod booking;
pub mod clock;
pub mod engine;
pub mod historian;
pub mod id;
pub mod isa88;
pub mod journal;
#[cfg(feature = "engine")]
pub mod plant;
pub mod quantity;
#[cfg(feature = "store")]
pub mod store;
pub mod tenant;
