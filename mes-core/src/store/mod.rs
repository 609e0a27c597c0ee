//! All SQL. One trait, shaped so that SQLite and PostgreSQL can both stand behind it, and what is built on it.
//!
//! The store numbers nothing and decides nothing: it writes groups that the `Sequencer` has numbered, and reads them
//! back. Whoever acts for a person asks `access/` first; no scope reaches this room.

mod credential;
mod lock;
mod prove;
mod samples;
mod sqlite;
mod sqlite_read;
mod sqlite_samples;

#[cfg(test)]
mod conformance;

use std::{collections::BTreeMap, future::Future, path::PathBuf};

pub use credential::{
    Credential, CredentialError, CredentialStore, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PasswordCheck,
    WRONG_TRIES_MAX, check_password, hash_password, set_password,
};
pub use lock::{LockError, ProcessLock, lock_file};
pub use prove::{
    Issuer, MadeCheckpoint, check_logs, check_newest_checkpoint, checkpoint_tree, consistency, inclusion, log_head,
    make_checkpoint, rebuild,
};
pub use samples::{Due, due, samples_between, trend};
pub use sqlite::SqliteStore;

use crate::{
    clock::Timestamp,
    historian::{Chunk, ChunkError, Sample, tail::TailRow},
    id::{EquipmentId, TagId},
    journal::{
        CheckpointError, Entry, Hash, HeadError, Numbered, Owner, SequenceError, StreamId,
        merkle::{NodeId, ProofError},
    },
};

/// Most rows that one read returns; more are asked for page by page.
pub const PAGE_ROWS_MAX: u32 = 5_000;
/// Snapshots that are kept; older ones are thrown away when a new one is written.
pub const SNAPSHOTS_KEPT: u32 = 2;

/// What is written in one transaction.
#[derive(Debug, Default)]
pub struct Group {
    /// Entries, in order.
    pub entries: Vec<Numbered>,
    /// Samples that arrived with them: written before any entry that cites them can be seen.
    pub samples: Vec<Sample>,
    /// Chunks that a sealing entry of this group names.
    pub chunks: Vec<Chunk>,
    /// Arrival numbers of the tail's rows whose samples those chunks hold now; the rows leave the tail.
    pub sealed_arrivals: Vec<u64>,
    /// Up to where this group makes the gateway's queues durable, by the queue's name.
    pub forwarded: BTreeMap<String, u64>,
    /// Samples of those rows that no chunk holds; they go back into the tail.
    pub unsealed: Vec<Sample>,
    /// Files that entries of this group name, under their SHA-256.
    pub attachments: Vec<(Hash, Vec<u8>)>,
}

/// An entry with its place in the total order.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// Place in the total order of all owners, from 1.
    pub position: u64,
    /// The entry.
    pub entry: Entry,
}

/// A checkpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    /// Its number, from 1.
    pub number: u64,
    /// It covers the entries up to this place of the total order.
    pub position: u64,
    /// Secret seed of its facility tree; makes head proofs possible later.
    pub seed: [u8; 32],
    /// The signed note, as it was handed out.
    pub note: String,
}

/// A snapshot: state up to a place of the total order, in a form that its writer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Name of the form, e.g. `catapult-snapshot-1`. A reader that does not know it replays instead.
    pub form: String,
    /// The last entry that it includes.
    pub position: u64,
    /// The state.
    pub body: Vec<u8>,
}

/// A row of the unsealed tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailStored {
    /// Number in the order of arrival.
    pub arrival: u64,
    /// The row.
    pub row: TailRow,
}

/// What the unsealed tail holds of one piece of equipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailExtent {
    /// Equipment.
    pub equipment: EquipmentId,
    /// Receive time of the first sample.
    pub from: Timestamp,
    /// Receive time of the last sample.
    pub until: Timestamp,
    /// Number of samples.
    pub count: u64,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database cannot be opened.
    #[error("cannot open the database {path}; is it a database of this software, and may it be read and written?")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {path} was written by a newer version of this software (its form {found}, known here {known}); \
         start that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Form of the database.
        found: i64,
        /// Newest form known here.
        known: i64,
    },
    /// The database could not be brought to the form of this version.
    #[error("cannot bring the database {path} to the form of this version; nothing was changed")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: sqlx::migrate::MigrateError,
    },
    /// A read or write failed.
    #[error("the database failed: {step}")]
    Query {
        /// What was being done.
        step: &'static str,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// Something stored cannot be read back.
    #[error("the database holds something that cannot be read back: {what}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A number is too large for the database.
    #[error("the number {0} does not fit the database")]
    TooLarge(u64),
    /// A proof cannot be made.
    #[error("cannot make the proof for {owner}")]
    Proof {
        /// Whose log.
        owner: Owner,
        /// Why.
        #[source]
        cause: ProofError,
    },
    /// The facility tree cannot be built.
    #[error("cannot build the facility tree")]
    Heads(#[source] Box<HeadError>),
    /// The checkpoint cannot be signed.
    #[error("cannot sign the checkpoint")]
    Checkpoint(#[source] Box<CheckpointError>),
    /// More samples would leave the tail than chunks hold.
    #[error("{leaving} samples would leave the tail, and the chunks hold {held}")]
    Leaving {
        /// Samples of the rows that would leave.
        leaving: u64,
        /// Samples that chunks hold or that go back.
        held: u64,
    },
    /// The journal does not follow on itself.
    #[error("the journal was changed: entry at position {position} does not follow on the one before")]
    Journal {
        /// Place in the total order.
        position: u64,
        /// What does not hold.
        #[source]
        cause: Box<SequenceError>,
    },
    /// A sealed chunk is not what it was.
    #[error("the sealed chunk {hash} was changed")]
    Chunk {
        /// Its hash.
        hash: Hash,
        /// Why.
        #[source]
        cause: Box<ChunkError>,
    },
}

/// Keeps the journal and the samples. Methods that return lists give at most [`PAGE_ROWS_MAX`] rows.
pub trait Store: Send + Sync {
    /// Writes a group in one transaction, durable when it returns; gives the place of the newest entry.
    ///
    /// After an error nobody knows what is durable: the caller aborts the process and recovers by replay.
    fn append(&self, group: &Group) -> impl Future<Output = Result<u64, StoreError>> + Send;
    /// The place of the newest durable entry; 0 in an empty journal.
    fn extent(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;
    /// Entries of all owners after a place, in total order.
    fn entries(&self, after: u64, limit: u32) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + Send;
    /// Entries of one stream of an owner after a number, in order.
    fn stream(
        &self,
        owner: &Owner,
        stream: &StreamId,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + Send;
    /// Entries of an owner after a number, in order.
    fn log(
        &self,
        owner: &Owner,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + Send;
    /// How many entries each owner has up to a place of the total order.
    fn sizes_at(&self, position: u64) -> impl Future<Output = Result<BTreeMap<Owner, u64>, StoreError>> + Send;
    /// Those of the given nodes of an owner's tree that are there.
    fn nodes(
        &self,
        owner: &Owner,
        ids: &[NodeId],
    ) -> impl Future<Output = Result<BTreeMap<NodeId, Hash>, StoreError>> + Send;
    /// Keeps a checkpoint. Its number is the next one.
    fn put_checkpoint(&self, checkpoint: &CheckpointRecord) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Checkpoints after a number, in order.
    fn checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CheckpointRecord>, StoreError>> + Send;
    /// The newest checkpoint.
    fn newest_checkpoint(&self) -> impl Future<Output = Result<Option<CheckpointRecord>, StoreError>> + Send;
    /// Keeps a snapshot and throws away all but the newest [`SNAPSHOTS_KEPT`] of its form.
    fn put_snapshot(&self, snapshot: &Snapshot) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The newest snapshot of a form.
    fn newest_snapshot(&self, form: &str) -> impl Future<Output = Result<Option<Snapshot>, StoreError>> + Send;
    /// Rows of the tail of some equipment that reach into the time from `from` (inclusive) to `until` (exclusive), in the order of
    /// arrival. Not paged: the period bounds it.
    fn tail(
        &self,
        equipment: &EquipmentId,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<TailStored>, StoreError>> + Send;
    /// What the tail holds, by equipment. Not paged: there is one row for each piece of equipment.
    fn tail_extents(&self) -> impl Future<Output = Result<Vec<TailExtent>, StoreError>> + Send;
    /// Sealed chunks of a tag that reach into the time from `from` (inclusive) to `until` (exclusive), by the time of their first
    /// sample. Not paged: the period bounds it.
    fn chunks(
        &self,
        tag: &TagId,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<Chunk>, StoreError>> + Send;
    /// The newest sample of a tag, sealed or not; its quality says how it was received, not whether it still holds.
    fn newest(&self, tag: &TagId) -> impl Future<Output = Result<Option<Sample>, StoreError>> + Send;
    /// What is kept under a SHA-256: the bytes of a sealed chunk, or of a file that belongs to an entry.
    fn content(&self, hash: &Hash) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;
    /// Up to where the gateway's queues are durable, by the queue's name.
    fn forwarded(&self) -> impl Future<Output = Result<BTreeMap<String, u64>, StoreError>> + Send;
    /// Closes the database in order: everything written back, nothing held open.
    fn close(&self) -> impl Future<Output = ()> + Send;
}
