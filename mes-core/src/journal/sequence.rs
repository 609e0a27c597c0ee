//! From drafts to numbered entries, and back: the heads of all streams and logs, and the check of a stream.
//!
//! The [`Sequencer`] lives in memory beside the engine. It stores nothing: `store/` writes what it numbers, and after a
//! failed commit the process aborts, so that the numbers in memory and on disk can never part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    encode::{EncodeError, canonical_of, commitment, leaf_of, sha256},
    entry::{ENTRY_FORM, Entry, EntryId, Envelope, Hash, Owner, Part, PartName, StreamId},
    merkle::{Edge, NodeId},
};
use crate::clock::Timestamp;

/// What is to become an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Whose entry.
    pub owner: Owner,
    /// Which of its streams.
    pub stream: StreamId,
    /// Facility time.
    pub time: Timestamp,
    /// Event type.
    pub event_type: String,
    /// Version of the event type.
    pub version: u32,
    /// The parts in clear.
    pub parts: BTreeMap<PartName, Value>,
}

/// A source of salts: SHA-256(seed ‖ counter). The seed is secret, fresh from the system's randomness at each start,
/// and never stored: whoever knows one salt learns nothing about another.
#[derive(Debug)]
pub struct Salts {
    seed: [u8; 32],
    counter: u64,
}

impl Salts {
    /// Salts from a secret seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }
    /// The next salt.
    pub fn next_salt(&mut self) -> Hash {
        self.counter = self.counter.saturating_add(1);
        sha256(&[&self.seed, &self.counter.to_be_bytes()])
    }
}

/// Where a stream stands: the number of its last entry and that entry's leaf hash. A release entry seals these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamHead {
    /// Number of the last entry; 0 before the first.
    pub seq: u64,
    /// Leaf hash of the last entry; [`Hash::ZERO`] before the first.
    pub last: Hash,
}

impl StreamHead {
    /// The head of a stream without entries.
    pub const EMPTY: Self = Self { seq: 0, last: Hash::ZERO };
}

/// Where the log of an owner stands: how many entries, and the Merkle root over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over their leaf hashes.
    pub root: Hash,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    edge: Edge,
    streams: BTreeMap<StreamId, StreamHead>,
}

/// A numbered entry with everything that is written with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered {
    /// The entry.
    pub entry: Entry,
    /// The canonical bytes of its envelope: stored exactly as hashed.
    pub bytes: Vec<u8>,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The nodes of its owner's tree that it completes, the leaf first.
    pub nodes: Vec<(NodeId, Hash)>,
}

/// Why a draft or an entry does not fit.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The stream's id would not read back.
    #[error("the stream id {0:?} is not 1 to 160 visible ASCII characters")]
    Stream(String),
    /// Who and facts are always present.
    #[error("the part {0:?} is missing; every entry says who and what")]
    MissingPart(PartName),
    /// A part or the envelope has no canonical bytes.
    #[error("entry {id}: {what} cannot be encoded")]
    Encode {
        /// The entry.
        id: EntryId,
        /// Which piece.
        what: String,
        /// Why.
        #[source]
        cause: EncodeError,
    },
    /// An entry is of another form than this software knows.
    #[error("entry {id} has the form \"{form}\"; this software knows {ENTRY_FORM}")]
    Form {
        /// The entry.
        id: EntryId,
        /// Its form.
        form: String,
    },
    /// An entry is not the next one of its owner or of its stream.
    #[error("entry {id} of stream {stream}: number {found} where {expected} was due in its {where_}")]
    Gap {
        /// The entry.
        id: EntryId,
        /// Its stream.
        stream: StreamId,
        /// `log` or `stream`.
        where_: &'static str,
        /// The number that was due.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// An entry does not hold the hash of the one before it.
    #[error("entry {id} of stream {stream} does not hold the hash of the entry before it: {expected} was due")]
    Chain {
        /// The entry.
        id: EntryId,
        /// Its stream.
        stream: StreamId,
        /// The hash that was due.
        expected: Hash,
    },
    /// An entry belongs to another stream or owner than the rest.
    #[error("entry {id} of stream {found} stands among those of stream {stream}")]
    Foreign {
        /// The entry.
        id: EntryId,
        /// The stream that is read.
        stream: StreamId,
        /// The entry's own stream.
        found: StreamId,
    },
    /// A part does not open its commitment.
    #[error("entry {id}: the part {part:?} is not what was recorded; it does not open its commitment")]
    Part {
        /// The entry.
        id: EntryId,
        /// Which part.
        part: PartName,
    },
    /// The names of the parts are not those that the envelope commits to.
    #[error("entry {id}: the part {part:?} was added or left out without a mark")]
    PartSet {
        /// The entry.
        id: EntryId,
        /// Which part.
        part: PartName,
    },
}

/// The heads of all logs and streams. Serialises as part of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequencer {
    logs: BTreeMap<Owner, Log>,
    count: u64,
    last_time: Option<Timestamp>,
}

impl Sequencer {
    /// Number of entries of all owners: the index of the newest one in the total order.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// The time of the newest entry. No later entry has an earlier one (DI-07).
    pub fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }
    /// Where a stream stands.
    pub fn stream(&self, owner: &Owner, stream: &StreamId) -> StreamHead {
        self.logs.get(owner).and_then(|log| log.streams.get(stream)).copied().unwrap_or(StreamHead::EMPTY)
    }
    /// The streams of an owner and where they stand.
    pub fn streams(&self, owner: &Owner) -> impl Iterator<Item = (&StreamId, &StreamHead)> {
        self.logs.get(owner).into_iter().flat_map(|log| &log.streams)
    }
    /// Where the log of an owner stands; `None` before its first entry.
    pub fn log(&self, owner: &Owner) -> Option<LogHead> {
        self.logs.get(owner).map(|log| LogHead { size: log.edge.size(), root: log.edge.root() })
    }
    /// Where all logs stand: what a checkpoint is made of.
    pub fn logs(&self) -> BTreeMap<Owner, LogHead> {
        let head = |log: &Log| LogHead { size: log.edge.size(), root: log.edge.root() };
        self.logs.iter().map(|(owner, log)| (owner.clone(), head(log))).collect()
    }
    /// The name that the next entry of an owner will have; effects are named by it before they are numbered.
    pub fn next_id(&self, owner: &Owner) -> EntryId {
        let seq = self.logs.get(owner).map_or(0, |log| log.edge.size()).saturating_add(1);
        EntryId { owner: owner.clone(), seq }
    }

    /// Numbers a draft: gives it its numbers, the hash before it, its commitments, and appends it to its log.
    ///
    /// The entry's time is never earlier than that of the entry before it, whatever the machine's clock does.
    ///
    /// # Errors
    /// When the draft cannot be encoded or lacks a part; the sequencer is then unchanged.
    pub fn number(&mut self, draft: Draft, salts: &mut Salts) -> Result<Numbered, SequenceError> {
        let id = self.next_id(&draft.owner);
        if !draft.stream.is_valid() {
            return Err(SequenceError::Stream(draft.stream.id));
        }
        for part in [PartName::Who, PartName::Facts] {
            if !draft.parts.contains_key(&part) {
                return Err(SequenceError::MissingPart(part));
            }
        }
        let head = self.stream(&draft.owner, &draft.stream);
        let (mut commitments, mut parts) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in draft.parts {
            let salt = salts.next_salt();
            let encoded = commitment(&salt, &value);
            let hash = encoded.map_err(|cause| encode_error(&id, format!("part {name:?}"), cause))?;
            commitments.insert(name, hash);
            parts.insert(name, Part::Open { salt, value });
        }
        let envelope = Envelope {
            form: ENTRY_FORM.to_owned(),
            owner: draft.owner,
            owner_seq: id.seq,
            stream: draft.stream,
            stream_seq: head.seq.saturating_add(1),
            stream_prev: head.last,
            time: self.last_time.map_or(draft.time, |last| last.max(draft.time)),
            event_type: draft.event_type,
            version: draft.version,
            parts: commitments,
        };
        self.push(Entry { envelope, parts })
    }

    /// Follows an entry that was numbered before, at replay: checks numbers, chain and commitments, and moves on.
    ///
    /// # Errors
    /// When the entry is not the next one, or is not what was recorded; the sequencer is then unchanged.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), SequenceError> {
        let envelope = &entry.envelope;
        verify_entry(entry)?;
        let due = self.next_id(&envelope.owner).seq;
        if envelope.owner_seq != due {
            return Err(gap(entry, "log", due, envelope.owner_seq));
        }
        next_in_stream(entry, self.stream(&envelope.owner, &envelope.stream))?;
        self.push(entry.clone()).map(drop)
    }

    fn push(&mut self, entry: Entry) -> Result<Numbered, SequenceError> {
        let envelope = &entry.envelope;
        let encoded = canonical_of(envelope);
        let bytes = encoded.map_err(|cause| encode_error(&entry.id(), "the envelope".to_owned(), cause))?;
        let leaf = leaf_of(&bytes);
        let log = self.logs.entry(envelope.owner.clone()).or_default();
        log.streams.insert(envelope.stream.clone(), StreamHead { seq: envelope.stream_seq, last: leaf });
        let nodes = log.edge.append(leaf);
        self.count = self.count.saturating_add(1);
        self.last_time = Some(envelope.time);
        Ok(Numbered { entry, bytes, leaf, nodes })
    }
}

/// Checks one entry by itself: its form, its set of parts, and that every open part opens its commitment. Returns the
/// leaf hash that an inclusion proof must prove.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_entry(entry: &Entry) -> Result<Hash, SequenceError> {
    let id = entry.id();
    let envelope = &entry.envelope;
    if envelope.form != ENTRY_FORM {
        return Err(SequenceError::Form { id, form: envelope.form.clone() });
    }
    for part in [PartName::Who, PartName::Facts] {
        if !envelope.parts.contains_key(&part) {
            return Err(SequenceError::MissingPart(part));
        }
    }
    let stray = |name: &&PartName| !envelope.parts.contains_key(name) || !entry.parts.contains_key(name);
    if let Some(part) = envelope.parts.keys().chain(entry.parts.keys()).find(stray) {
        return Err(SequenceError::PartSet { id, part: *part });
    }
    for (name, part) in &entry.parts {
        let Part::Open { salt, value } = part else { continue };
        let opened = commitment(salt, value).map_err(|cause| encode_error(&id, format!("part {name:?}"), cause))?;
        if envelope.parts.get(name) != Some(&opened) {
            return Err(SequenceError::Part { id, part: *name });
        }
    }
    let bytes = canonical_of(envelope).map_err(|cause| encode_error(&id, "the envelope".to_owned(), cause))?;
    Ok(leaf_of(&bytes))
}

/// Checks a whole stream of one owner, from its first entry on: numbers without a gap, each holding the hash of the one
/// before, every open part opening its commitment. Returns where the stream stands; compare it with the sealed head.
///
/// # Errors
/// The first thing that does not hold, naming the entry.
pub fn verify_stream<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<StreamHead, SequenceError> {
    let mut head = StreamHead::EMPTY;
    let mut of: Option<(&Owner, &StreamId)> = None;
    for entry in entries {
        let envelope = &entry.envelope;
        let (owner, stream) = *of.get_or_insert((&envelope.owner, &envelope.stream));
        if (owner, stream) != (&envelope.owner, &envelope.stream) {
            let found = envelope.stream.clone();
            return Err(SequenceError::Foreign { id: entry.id(), stream: stream.clone(), found });
        }
        let leaf = verify_entry(entry)?;
        next_in_stream(entry, head)?;
        head = StreamHead { seq: envelope.stream_seq, last: leaf };
    }
    Ok(head)
}

fn next_in_stream(entry: &Entry, head: StreamHead) -> Result<(), SequenceError> {
    let envelope = &entry.envelope;
    let due = head.seq.saturating_add(1);
    if envelope.stream_seq != due {
        return Err(gap(entry, "stream", due, envelope.stream_seq));
    }
    if envelope.stream_prev != head.last {
        let (id, stream) = (entry.id(), envelope.stream.clone());
        return Err(SequenceError::Chain { id, stream, expected: head.last });
    }
    Ok(())
}

fn gap(entry: &Entry, where_: &'static str, expected: u64, found: u64) -> SequenceError {
    SequenceError::Gap { id: entry.id(), stream: entry.envelope.stream.clone(), where_, expected, found }
}

fn encode_error(id: &EntryId, what: String, cause: EncodeError) -> SequenceError {
    SequenceError::Encode { id: id.clone(), what, cause }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::{
        StreamKind,
        merkle::{prove_inclusion, verify_inclusion},
    };

    fn draft(owner: &str, stream: &str, n: i64) -> Draft {
        Draft {
            owner: owner.parse().unwrap(),
            stream: stream.parse().unwrap(),
            time: Timestamp::from_ms(1_780_000_000_000 + n),
            event_type: "batch.commented".into(),
            version: 1,
            parts: [(PartName::Who, json!({"person": "P-1"})), (PartName::Facts, json!({"n": n}))].into(),
        }
    }

    fn history() -> (Sequencer, Vec<Numbered>) {
        let (mut sequencer, mut salts) = (Sequencer::default(), Salts::new([1; 32]));
        let streams = ["batch:B-1", "batch:B-2", "equipment:INC-01"];
        let entries = (0..30).map(|n| {
            let owner = ["facility", "tenant:TEN-A"][usize::from(n % 5 == 0)];
            sequencer.number(draft(owner, streams[n % 3], n as i64), &mut salts).unwrap()
        });
        let entries = entries.collect();
        (sequencer, entries)
    }

    fn stream(all: &[Numbered], owner: &str, stream: &str) -> Vec<Entry> {
        let entries = all.iter().map(|numbered| numbered.entry.clone());
        let wanted = |e: &Entry| e.envelope.owner.to_string() == owner && e.envelope.stream.to_string() == stream;
        entries.filter(wanted).collect()
    }

    #[test]
    fn a_rebuilt_sequencer_equals_the_one_that_numbered() {
        let (live, entries) = history();
        let mut rebuilt = Sequencer::default();
        entries.iter().for_each(|numbered| rebuilt.follow(&numbered.entry).unwrap());
        assert_eq!(rebuilt, live);
        let snapshot = serde_json::to_string(&live).unwrap();
        assert_eq!(serde_json::from_str::<Sequencer>(&snapshot).unwrap(), live);
        assert_eq!(live.count(), 30);
    }

    #[test]
    fn an_entry_is_the_same_whatever_the_other_tenants_do() {
        let alone = Sequencer::default().number(draft("tenant:TEN-A", "equipment:INC-01", 1), &mut Salts::new([2; 32]));
        let mut shared = history().0;
        let entry = draft("tenant:TEN-C", "equipment:INC-01", 1);
        let beside = shared.number(entry, &mut Salts::new([2; 32])).unwrap().entry.envelope;
        assert_eq!((beside.owner_seq, beside.stream_seq, beside.stream_prev), (1, 1, Hash::ZERO));
        assert_eq!(alone.unwrap().entry.envelope.parts, beside.parts);
    }

    #[test]
    fn doc_06_every_entry_is_in_the_tree_of_its_owner() {
        let (sequencer, entries) = history();
        for owner in ["facility", "tenant:TEN-A"] {
            let mine = entries.iter().filter(|numbered| numbered.entry.envelope.owner.to_string() == owner);
            let mine: Vec<_> = mine.collect();
            let nodes: BTreeMap<NodeId, Hash> = mine.iter().flat_map(|numbered| numbered.nodes.clone()).collect();
            let head = sequencer.log(&owner.parse().unwrap()).unwrap();
            assert_eq!(head.size, mine.len() as u64);
            for (index, numbered) in (0..).zip(&mine) {
                let path = prove_inclusion(index, head.size, &mut |id| nodes.get(&id).copied()).unwrap();
                let leaf = verify_entry(&numbered.entry).unwrap();
                assert_eq!(leaf, numbered.leaf);
                assert!(verify_inclusion(&leaf, index, head.size, &path, &head.root));
            }
        }
    }

    #[test]
    fn p11_02_a_changed_stream_is_named() {
        let (sequencer, entries) = history();
        let good = stream(&entries, "facility", "batch:B-2");
        let head = verify_stream(&good).unwrap();
        assert_eq!(head, sequencer.stream(&Owner::Facility, &StreamId::new(StreamKind::Batch, "B-2")));
        let found = |change: fn(&mut Vec<Entry>)| {
            let mut entries = good.clone();
            change(&mut entries);
            verify_stream(&entries).unwrap_err()
        };
        assert!(matches!(found(|e| drop(e.remove(2))), SequenceError::Gap { expected: 3, found: 4, .. }));
        assert!(matches!(found(|e| e.swap(1, 2)), SequenceError::Gap { expected: 2, found: 3, .. }));
        assert!(matches!(found(|e| e[1].envelope.time = Timestamp::from_ms(0)), SequenceError::Chain { .. }));
        assert!(matches!(found(|e| e[0].envelope.form = "x".into()), SequenceError::Form { .. }));
        assert!(matches!(
            found(|e| e[1].envelope.stream = StreamId::new(StreamKind::Batch, "B-1")),
            SequenceError::Foreign { .. }
        ));
        assert!(matches!(
            found(|e| {
                let salt = Hash::ZERO;
                e[3].parts.insert(PartName::Facts, Part::Open { salt, value: json!({"n": 999}) });
            }),
            SequenceError::Part { part: PartName::Facts, .. }
        ));
        assert!(matches!(
            found(|e| drop(e[3].parts.remove(&PartName::Who))),
            SequenceError::PartSet { part: PartName::Who, .. }
        ));
        assert!(matches!(
            found(|e| drop(e[0].parts.insert(PartName::Text, Part::Withheld))),
            SequenceError::PartSet { part: PartName::Text, .. }
        ));
    }

    #[test]
    fn a_withheld_or_erased_part_leaves_every_proof_standing() {
        let (_, entries) = history();
        let mut good = stream(&entries, "facility", "batch:B-2");
        let head = verify_stream(&good).unwrap();
        let by = EntryId { owner: Owner::Facility, seq: 9 };
        good[0].parts.insert(PartName::Who, Part::Withheld);
        good[1].parts.insert(PartName::Facts, Part::Erased { by });
        assert_eq!(verify_stream(&good).unwrap(), head);
    }

    #[test]
    fn a_draft_that_cannot_be_encoded_changes_nothing() {
        let (mut sequencer, _) = history();
        let before = sequencer.clone();
        let mut salts = Salts::new([3; 32]);
        let mut float = draft("facility", "batch:B-1", 99);
        float.parts.insert(PartName::Facts, json!({"value": 0.5}));
        assert!(matches!(sequencer.number(float, &mut salts).unwrap_err(), SequenceError::Encode { .. }));
        let mut bare = draft("facility", "batch:B-1", 99);
        bare.parts.remove(&PartName::Who);
        assert!(matches!(sequencer.number(bare, &mut salts).unwrap_err(), SequenceError::MissingPart(PartName::Who)));
        let mut odd = draft("facility", "batch:B-1", 99);
        odd.stream = StreamId::new(StreamKind::Batch, "B 1");
        assert!(matches!(sequencer.number(odd, &mut salts).unwrap_err(), SequenceError::Stream(_)));
        assert_eq!(sequencer, before);
    }

    #[test]
    fn di_07_time_never_runs_backwards_in_the_journal() {
        let (mut sequencer, _) = history();
        let last = sequencer.last_time().unwrap();
        let entry = sequencer.number(draft("facility", "batch:B-1", -5000), &mut Salts::new([4; 32])).unwrap();
        assert_eq!(entry.entry.envelope.time, last);
    }
}
