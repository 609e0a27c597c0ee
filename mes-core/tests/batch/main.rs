//! The rules of one batch, each shown by a test that is named for its claim.
#![cfg(feature = "engine")]

#[cfg(test)]
mod bench;
#[cfg(test)]
mod equipment;
#[cfg(test)]
mod every_command;
#[cfg(test)]
mod issue;
#[cfg(test)]
mod items;
#[cfg(test)]
mod phases;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod reviews;
#[cfg(test)]
mod signatures;
