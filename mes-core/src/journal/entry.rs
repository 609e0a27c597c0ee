//! The form of a journal entry: envelope, parts, and what is not in either.
//!
//! An **envelope** is what is hashed and what every proof speaks of. It says whose entry this is, its gap-free numbers,
//! the hash of the envelope before it in its stream, when it was made, what type and version of event it is, and holds
//! one salted commitment per **part**. A part may be withheld from a reader, or erased after retention, while every
//! proof still holds. This file fixes the form; `encode.rs` fixes the bytes, `merkle.rs` the proofs.
//!
//! The form is `catapult-entry-1`. It is never changed, only joined by a newer one.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{IdError, TenantId},
};

/// Name of the form of an envelope and of its hash algorithm (canonical JSON, SHA-256).
pub const ENTRY_FORM: &str = "catapult-entry-1";

/// A SHA-256 hash, written in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash before the first envelope of a stream: 32 zero bytes.
    pub const ZERO: Self = Self([0; 32]);
    /// The first eight characters, as printed beside a signature.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a SHA-256 hash: 64 characters 0-9 a-f are needed")]
pub struct HashError(pub String);

impl FromStr for Hash {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        let wrong = || HashError(text.chars().take(80).collect());
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Hash {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

/// To whom an entry belongs. Each owner has its own numbers and its own log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// The facility itself. Written `facility`.
    Facility,
    /// A tenant. Written `tenant:TEN-A`.
    Tenant(TenantId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Facility => f.write_str("facility"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

impl FromStr for Owner {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.strip_prefix("tenant:") {
            Some(tenant) => Ok(Self::Tenant(tenant.parse()?)),
            None if text == "facility" => Ok(Self::Facility),
            None => Err(IdError { kind: "owner (facility or tenant:ID)", text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> String {
        owner.to_string()
    }
}

/// A stream: the entries of one owner about one thing, in order. Written `kind:id`, e.g. `batch:MSC-2607-01`.
///
/// A stream lies within its owner: `equipment:INC-03` of the facility and `equipment:INC-03` of a tenant are two
/// streams with their own numbers, so that no number of one tenant depends on what another one does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId {
    /// What kind of thing.
    pub kind: StreamKind,
    /// Which one.
    pub id: String,
}

/// The kinds of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// The journal itself: purpose, clock rate, starts and stops.
    Journal,
    /// The facility's configuration.
    Facility,
    /// A suite.
    Suite,
    /// A piece of equipment and its link.
    Equipment,
    /// A lot of material.
    Material,
    /// A master recipe.
    Recipe,
    /// A person: account, roles, refusals.
    Person,
    /// A booking.
    Booking,
    /// A plan.
    Plan,
    /// A batch.
    Batch,
    /// The sealed samples of one occupancy of one piece of equipment.
    Samples,
}

impl StreamKind {
    /// All kinds with their written names.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Journal, "journal"),
        (Self::Facility, "facility"),
        (Self::Suite, "suite"),
        (Self::Equipment, "equipment"),
        (Self::Material, "material"),
        (Self::Recipe, "recipe"),
        (Self::Person, "person"),
        (Self::Booking, "booking"),
        (Self::Plan, "plan"),
        (Self::Batch, "batch"),
        (Self::Samples, "samples"),
    ];
}

/// Longest id of a stream in characters.
pub const STREAM_ID_CHARS_MAX: usize = 160;

impl StreamId {
    /// A stream from its kind and id. The id is checked when the entry is numbered: see [`Self::is_valid`].
    pub fn new(kind: StreamKind, id: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string() }
    }
    /// Whether the id is 1 to [`STREAM_ID_CHARS_MAX`] visible ASCII characters, so that it reads back what it writes.
    pub fn is_valid(&self) -> bool {
        (1..=STREAM_ID_CHARS_MAX).contains(&self.id.len()) && self.id.bytes().all(|b| b.is_ascii_graphic())
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = StreamKind::ALL.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name);
        write!(f, "{name}:{}", self.id)
    }
}

impl FromStr for StreamId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError { kind: "stream (kind:id)", text: text.to_owned() };
        let (name, id) = text.split_once(':').ok_or_else(wrong)?;
        let (kind, _) = StreamKind::ALL.iter().find(|(_, known)| *known == name).ok_or_else(wrong)?;
        let stream = Self { kind: *kind, id: id.to_owned() };
        if stream.is_valid() { Ok(stream) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for StreamId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> String {
        stream.to_string()
    }
}

/// The name of an entry: its owner and its number there. Written `tenant:TEN-A#17`. An effect is named by its entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryId {
    /// Whose entry.
    pub owner: Owner,
    /// Its gap-free number within the owner, from 1.
    pub seq: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.owner, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError { kind: "entry id (owner#number)", text: text.to_owned() };
        let (owner, seq) = text.rsplit_once('#').ok_or_else(wrong)?;
        Ok(Self { owner: owner.parse()?, seq: seq.parse().map_err(|_| wrong())? })
    }
}

impl TryFrom<String> for EntryId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<EntryId> for String {
    fn from(id: EntryId) -> String {
        id.to_string()
    }
}

/// The parts an entry may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    /// Who acted, where, under which session and software. Always present.
    Who,
    /// The facts of the event. Always present.
    Facts,
    /// Free text that a person wrote.
    Text,
    /// The identity of somebody else's batch.
    Other,
}

/// What is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Always [`ENTRY_FORM`].
    pub form: String,
    /// Whose entry.
    pub owner: Owner,
    /// Gap-free number within the owner, from 1.
    pub owner_seq: u64,
    /// Which stream.
    pub stream: StreamId,
    /// Gap-free number within the owner's stream, from 1.
    pub stream_seq: u64,
    /// Leaf hash of the envelope before this one in the owner's stream; [`Hash::ZERO`] for the first.
    pub stream_prev: Hash,
    /// Facility time at commit.
    pub time: Timestamp,
    /// Event type, e.g. `batch.item_recorded`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Version of that event type, from 1.
    pub version: u32,
    /// Salted commitment of each part: SHA-256(0x02 ‖ salt ‖ canonical bytes of the part).
    pub parts: BTreeMap<PartName, Hash>,
}

/// A part as a reader holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// The part with the salt that opens its commitment (hexadecimal, 32 bytes).
    Open {
        /// The salt.
        salt: Hash,
        /// The part's JSON value.
        value: serde_json::Value,
    },
    /// Not disclosed to this reader 開示対象外.
    Withheld,
    /// Erased 消去 by a signed act, which is the entry named here.
    Erased {
        /// The entry that erased it.
        by: EntryId,
    },
}

/// A journal entry: an envelope and its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is hashed.
    pub envelope: Envelope,
    /// The parts, by name.
    pub parts: BTreeMap<PartName, Part>,
}

impl Entry {
    /// The entry's name.
    pub fn id(&self) -> EntryId {
        EntryId { owner: self.envelope.owner.clone(), seq: self.envelope.owner_seq }
    }
}
