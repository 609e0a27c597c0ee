//! OPC UA: one session per device, secured as configured, its trust list, and a simulator that is a real server.
//!
//! Signed and encrypted, unless a reason is on record. Nothing is trusted that a person has not approved.

pub mod browse;
mod chain;
pub(crate) mod client;
pub mod draft;
mod function;
mod lads;
mod method;
pub mod nodesets;
pub(crate) mod own;
pub mod point;
mod resolve;
pub mod security;
mod session;
pub mod sim;
mod sim_trouble;
mod space;
mod subscribe;
pub mod trust;
mod unit;
pub mod value;
mod vessel;

use std::time::Duration;

/// Folders and files of a PKI directory, as the library names them.
pub(crate) const TRUSTED: &str = "trusted";
pub(crate) const REJECTED: &str = "rejected";
pub(crate) const OWN_CERTIFICATE: &str = "own/cert.der";
pub(crate) const OWN_KEY: &str = "private/private.pem";
/// The library's own copy of what we have checked.
pub(crate) const CHECKED: &str = "checked";

/// Longest wait for an answer to a request.
pub const REQUEST_MAX: Duration = Duration::from_secs(3);
