//! Drivers against simulators over real sockets: what is read, written, lost and found again.
//!
//! No test sleeps for a fixed time: each waits for a report with a deadline.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod image;
#[cfg(test)]
mod modbus;
#[cfg(test)]
mod opcua;
#[cfg(test)]
mod order;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod peer_clients;
#[cfg(test)]
mod peer_modbus;
#[cfg(test)]
mod peer_opcua;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod record;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod sentences;
#[cfg(test)]
mod simulated_modbus;
#[cfg(test)]
mod simulated_opcua;
#[cfg(test)]
mod stranger;
#[cfg(test)]
mod trust;
