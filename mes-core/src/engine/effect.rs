//! What the engine asks of the world, and what the world answers: closed types, shared with the drivers.
//!
//! An effect is an entry first; its id is the entry's. Its outcome is a second entry. A driver never decides:
//! it writes, reads back, and reports what it saw. Nothing is ever repeated blindly.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    historian::SampleValue,
    id::{EquipmentId, TagId},
    journal::EntryId,
    quantity::decimal_text,
};

/// Write one value to one tag and read it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteRequest {
    /// The entry that asks for it.
    pub effect: EntryId,
    /// Where to write.
    pub tag: TagId,
    /// What to write.
    pub value: SampleValue,
    /// Largest accepted difference between the written and the read-back number, in the tag's unit.
    #[serde(with = "decimal_text")]
    pub tolerance: Decimal,
    /// How long the device may take until the read-back agrees, in seconds of wall time.
    pub readback_max_s: u32,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteResult {
    /// Written, and the read-back agrees.
    Confirmed,
    /// The device refused; its own code. Nothing was changed.
    Refused {
        /// The device's code, e.g. `BadOutOfRange` or `IllegalDataValue`.
        code: String,
    },
    /// The device accepted, but the read-back did not agree in time.
    NotConfirmed,
    /// It was never sent: the link was down, or the value lies outside the tag's range.
    NotSent {
        /// Why.
        reason: String,
    },
    /// It may or may not have reached the device; a person or a read-back must find out.
    Unknown {
        /// What was seen.
        reason: String,
    },
}

/// The outcome of one write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteOutcome {
    /// The effect it answers.
    pub effect: EntryId,
    /// The tag.
    pub tag: TagId,
    /// What became of it.
    pub result: WriteResult,
    /// The value before the write, where it could be read.
    pub before: Option<SampleValue>,
    /// The value read back after the write.
    pub read_back: Option<SampleValue>,
    /// When the outcome was known (facility time).
    pub at: Timestamp,
}

/// State of the link to one piece of equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not connected, and not trying.
    Disconnected,
    /// Trying to connect.
    Connecting,
    /// Connected, data flows.
    Online,
    /// Connected, but not everything works; the reason in words.
    Degraded(String),
    /// Needs a person: untrusted certificate, wrong credentials; the reason in words.
    Faulted(String),
}

/// A change of a link's state, or another cause of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Which equipment.
    pub equipment: EquipmentId,
    /// The state now.
    pub state: LinkState,
    /// What brought it about, e.g. `connection refused`.
    pub cause: String,
    /// When (facility time).
    pub at: Timestamp,
}

/// What the engine asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Write a value to a device.
    Write(WriteRequest),
    /// Connect to a device anew: a person asked for it. What becomes of it is reported as the state of its link.
    Connect(EquipmentId),
}
