//! The one place where the program takes randomness from the operating system: seeds, session ids, new ids.

use std::fmt::Write;

/// Fills bytes with randomness. The process stops when the operating system has none: nothing may go on with guessable secrets.
pub fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        tracing::error!("the operating system gives no randomness: {error}");
        std::process::abort();
    }
}

/// A new id: the prefix, a hyphen and 16 random characters.
pub fn id(prefix: &str) -> String {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    let mut text = format!("{prefix}-");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
