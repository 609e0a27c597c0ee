//! The journal is the record: the form of an entry, its bytes, its hashes and proofs, and every event there is.

mod entry;

pub use entry::{ENTRY_FORM, Entry, EntryId, Envelope, Hash, HashError, Owner, Part, PartName, StreamId, StreamKind};
