//! Modbus: one task per physical link, the devices on it, block reads, records, writes; and a simulator.
//!
//! `tokio-modbus` brings the frames. Time limits, reconnection, byte order, block planning and the silence between
//! frames are ours, here and in the supervisor.

pub mod address;
pub mod codec;
pub mod plan;
pub mod sim;
pub(crate) mod sim_bioreactor;
pub(crate) mod sim_counter;
pub mod sim_incubator;
pub(crate) mod sim_room;

pub(crate) mod bus;
pub(crate) mod client;

mod record;
mod wire;
