//! What the sealing entries say: which chunks, of which occupancy or of which free equipment, and of which period, under which
//! root.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{BatchId, EquipmentId, TagId},
    journal::Hash,
};

/// One chunk: the samples of one tag in one period (`chunk.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRef {
    /// Tag.
    pub tag: TagId,
    /// Receive time of the first sample.
    pub from: Timestamp,
    /// Receive time of the last sample.
    pub until: Timestamp,
    /// Number of samples.
    pub count: u64,
    /// SHA-256 of the chunk's bytes.
    pub hash: Hash,
}

/// The samples of one occupancy and period, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSamples {
    /// Batch whose occupancy it is.
    pub batch: BatchId,
    /// Equipment.
    pub equipment: EquipmentId,
    /// Period start, inclusive.
    pub from: Timestamp,
    /// Period end, exclusive.
    pub until: Timestamp,
    /// RFC 6962 Merkle root over the chunks in this order (leaf data: the chunk hash's 32 bytes).
    pub root: Hash,
    /// The chunks, by tag, then time.
    pub chunks: Vec<ChunkRef>,
    /// Late samples of a period that was sealed before.
    pub supplement: bool,
}

/// The samples of equipment in a period in which no batch occupied it, sealed for the facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacilitySamples {
    /// Equipment.
    pub equipment: EquipmentId,
    /// Period start, inclusive.
    pub from: Timestamp,
    /// Period end, exclusive.
    pub until: Timestamp,
    /// RFC 6962 Merkle root over the chunks in this order (leaf data: the chunk hash's 32 bytes).
    pub root: Hash,
    /// The chunks, by tag, then time.
    pub chunks: Vec<ChunkRef>,
    /// Late samples of a period that was sealed before.
    pub supplement: bool,
}
