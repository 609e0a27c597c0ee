//! Modbus TCP: one connection, block reads, writes; and a simulator that is a real server.
//!
//! `tokio-modbus` brings the frames. Time-outs, reconnection, byte order and block planning are ours, here and in
//! the supervisor.

pub(crate) mod client;
pub mod codec;
pub mod plan;
pub mod sim;
