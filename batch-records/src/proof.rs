//! proofs.json: where each entry of a package stands in its owner's log, and where that log stands in the checkpoints.
//!
//! Only the form; `export/package.rs` writes it and `verify/` judges it.

use mes_core::journal::{Hash, HeadProof};
use serde::{Deserialize, Serialize};

/// Name of the form of proofs.json.
pub const PROOFS_FORM: &str = "catapult-proofs-1";

/// That one entry is in its owner's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    /// Number within the owner; the leaf's position is one less.
    pub seq: u64,
    /// RFC 6962 inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
}

/// That the entries of one owner are under the package's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogProof {
    /// The head of the owner's log under the checkpoint.
    pub head: HeadProof,
    /// The entries under that head.
    pub entries: Vec<EntryProof>,
}

/// That the log of one owner only grew since an earlier checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowthProof {
    /// The head of the owner's log under the earlier checkpoint.
    pub head: HeadProof,
    /// RFC 6962 consistency proof from the earlier head to the package's.
    pub path: Vec<Hash>,
}

/// An earlier checkpoint to which the package's is tied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierCheckpoint {
    /// The signed note.
    pub checkpoint: String,
    /// One proof per owner.
    pub logs: Vec<GrowthProof>,
}

/// All proofs of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// Always [`PROOFS_FORM`].
    pub form: String,
    /// One per owner.
    pub logs: Vec<LogProof>,
    /// Earlier checkpoints, oldest first.
    pub earlier: Vec<EarlierCheckpoint>,
}
