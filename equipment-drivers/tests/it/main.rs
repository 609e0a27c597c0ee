//! Drivers against simulators over real sockets: what is read, written, lost and found again.
//!
//! No test sleeps for a fixed time: each waits for a report with a deadline.

#[cfg(test)]
mod cost;
#[cfg(test)]
mod modbus;
#[cfg(test)]
mod opcua;
#[cfg(test)]
mod rig;
