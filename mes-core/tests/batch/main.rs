//! The rules of one batch, each shown by a test that is named for its claim.
#![cfg(feature = "engine")]

mod bench;
mod equipment;
mod every_command;
mod issue;
mod items;
mod phases;
mod replay;
mod reviews;
mod signatures;
