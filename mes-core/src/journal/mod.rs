//! The journal is the record: the form of an entry, its bytes, its hashes and proofs, and every event there is.

mod entry;
mod event;

pub use entry::{ENTRY_FORM, Entry, EntryId, Envelope, Hash, HashError, Owner, Part, PartName, StreamId, StreamKind};
pub use event::{Event, EventError, EventParts, JournalEvent, Purpose, SamplesEvent, current_version};
