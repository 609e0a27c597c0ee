//! The journal is the record: the form of an entry, its bytes, its hashes and proofs, and every event there is.

mod checkpoint;
pub mod encode;
mod entry;
mod event;
mod heads;
mod key;
pub mod merkle;
mod note;
mod purpose;
mod sequence;
mod upcast;

pub use checkpoint::{CHECKPOINT_FORM, Checkpoint, CheckpointError};
pub use entry::{
    ENTRY_FORM, Entry, EntryId, Envelope, Hash, HashError, Owner, Part, PartName, STREAM_ID_CHARS_MAX, StreamId,
    StreamKind,
};
pub use event::{Event, EventError, EventParts, JournalEvent, SamplesEvent, current_version};
pub use heads::{FacilityTree, HEAD_FORM, HeadError, HeadLeaf, HeadProof, SLOT_BITS, SLOTS, slot};
pub use key::{FacilityKey, FacilityPublicKey, KeyError, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE};
pub use note::{NOTE_BYTES_MAX, NoteError, NoteSignature, SignedNote};
pub use purpose::{Purpose, PurposeError};
pub use sequence::{
    Draft, LogHead, Numbered, Salts, SequenceError, Sequencer, StreamHead, verify_entry, verify_stream,
};
pub use upcast::{OpenParts, Step, UpcastError, Upcasts, open_parts};
