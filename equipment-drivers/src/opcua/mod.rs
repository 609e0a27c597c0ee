//! OPC UA: one signed and encrypted session per device, its trust list, and a simulator that is a real server.
//!
//! Only Basic256Sha256 with SignAndEncrypt is spoken. Nothing is trusted that a person has not approved.

pub(crate) mod client;
pub mod sim;
mod space;
pub mod trust;
pub(crate) mod value;

use std::time::Duration;

/// Folders and files of a PKI directory, as the library names them.
pub(crate) const TRUSTED: &str = "trusted";
pub(crate) const REJECTED: &str = "rejected";
pub(crate) const OWN_CERTIFICATE: &str = "own/cert.der";
pub(crate) const OWN_KEY: &str = "private/private.pem";

/// Longest wait for an answer to a request.
pub const REQUEST_MAX: Duration = Duration::from_secs(3);
