//! The state of a batch: a fold over its events, the same in the engine, in a page and in an offline record.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    access::{Signature, SignatureStatus},
    batch::{DeviationCause, DeviationClass, IssuedBatch, ItemValue, Source, StreamSeal, Verdict},
    clock::Timestamp,
    engine::{AgreedSampling, LinkView, WriteOutcome},
    id::{DeviationId, EquipmentId, ItemId, PersonId, PhaseId, SignatureId},
    isa88::State,
    journal::{EntryId, Hash},
};

/// Life of a batch (REQUIREMENTS 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Issued 指図発行.
    Issued,
    /// In execution 製造中.
    InExecution,
    /// Execution complete 製造完了.
    ExecutionComplete,
    /// Production reviewed 製造確認済.
    ProductionReviewed,
    /// Quality reviewed 照査済.
    QualityReviewed,
    /// Released 出荷可.
    Released,
    /// Rejected 出荷不可.
    Rejected,
}

/// Where a phase stands, beyond its ISA-88 state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseStatus {
    /// Not yet its turn.
    Waiting,
    /// It may be started.
    Ready,
    /// It runs.
    Running,
    /// The performer has signed; a second person must.
    AwaitingVerification,
    /// Done.
    Complete,
}

/// A recorded item with all its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedItem {
    /// The value in force.
    pub value: ItemValue,
    /// Version, from 1.
    pub version: u32,
    /// Where it came from.
    pub source: Source,
    /// Judgement.
    pub verdict: Verdict,
    /// Who did it.
    pub performer: Option<PersonId>,
    /// Who entered it; the same as the performer unless hands were in the cabinet.
    pub recorder: Option<PersonId>,
    /// Whether the performer has still to countersign what somebody else entered.
    pub countersign_due: bool,
    /// When.
    pub at: Timestamp,
    /// Reason given, where known.
    pub reason: Option<String>,
    /// The versions before, oldest first.
    pub corrected: Vec<Correction>,
    /// The entry that recorded the version in force.
    pub entry: EntryId,
}

/// A version that was corrected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// The value before.
    pub old: ItemValue,
    /// Its version.
    pub version: u32,
    /// Who corrected it.
    pub by: Option<PersonId>,
    /// When.
    pub at: Timestamp,
    /// Why, where known.
    pub reason: Option<String>,
}

/// Standing of a set-point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteStatus {
    /// The effect that is or was under way.
    pub effect: EntryId,
    /// Its outcome.
    pub outcome: Option<WriteOutcome>,
}

/// The execution of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRun {
    /// Where it stands.
    pub status: PhaseStatus,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Who started it.
    pub started_by: Option<PersonId>,
    /// When it completed.
    pub completed_at: Option<Timestamp>,
    /// Items by id.
    pub items: BTreeMap<ItemId, RecordedItem>,
    /// Set-points by item id.
    pub writes: BTreeMap<ItemId, WriteStatus>,
    /// Watched items that are violated now, with the deviation that was opened.
    pub violated: BTreeMap<ItemId, DeviationId>,
    /// The condition was met.
    pub condition_met: bool,
    /// It was noticed that the condition is overdue.
    pub overdue: bool,
    /// The hold time before it was exceeded.
    pub hold_exceeded: bool,
    /// Corrected items that a second person has still to verify.
    pub unverified: Vec<ItemId>,
    /// Everybody who recorded or performed something here (SOD-01, SOD-03).
    pub performers: Vec<PersonId>,
}

/// A deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// Phase.
    pub phase: Option<PhaseId>,
    /// Item.
    pub item: Option<ItemId>,
    /// Cause.
    pub cause: DeviationCause,
    /// What was seen, where known.
    pub text: Option<String>,
    /// Who opened it; `None` for the system.
    pub opened_by: Option<PersonId>,
    /// When.
    pub opened_at: Timestamp,
    /// Class, once classified.
    pub class: Option<DeviationClass>,
    /// Impact assessment, where known.
    pub impact: Option<String>,
    /// Decision, once closed.
    pub closed: Option<(Timestamp, SignatureId, Option<String>)>,
}

/// A comment or a late entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remark {
    /// Phase.
    pub phase: Option<PhaseId>,
    /// The words, where known.
    pub text: Option<String>,
    /// Who.
    pub by: Option<PersonId>,
    /// When it was written.
    pub at: Timestamp,
    /// When it is said to have happened: a late entry.
    pub claimed: Option<Timestamp>,
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    pub since: Timestamp,
    /// Who held it; `None` for the system.
    pub by: Option<PersonId>,
    /// Why, where a person gave a reason and it is known.
    pub reason: Option<String>,
    /// The deviation by which it is held, where a violated limit or a wrong identity held it.
    pub deviation: Option<DeviationId>,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// What it was issued with.
    pub issued: Box<IssuedBatch>,
    /// Who issued it, and when.
    pub issued_by: Option<PersonId>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Life.
    pub lifecycle: Lifecycle,
    /// Procedural state.
    pub state: State,
    /// Why it is held, while it is.
    pub held: Option<Held>,
    /// Phases by id.
    pub phases: BTreeMap<PhaseId, PhaseRun>,
    /// Signatures in order, with their standing.
    pub signatures: Vec<(Signature, SignatureStatus)>,
    /// Deviations by id.
    pub deviations: BTreeMap<DeviationId, Deviation>,
    /// Comments and late entries.
    pub remarks: Vec<Remark>,
    /// Last known state of the links of its equipment.
    pub links: BTreeMap<EquipmentId, LinkView>,
    /// How its equipment has agreed to sample tags.
    pub sampling: BTreeMap<EquipmentId, AgreedSampling>,
    /// Reports of closed devices that were entered with it.
    pub reports: BTreeSet<(EquipmentId, Hash)>,
    /// Everybody with a production act in the batch (SOD-03).
    pub production: Vec<PersonId>,
    /// Everybody whose acts an audit-trail review looks at (SOD-05): all but commenting, exporting and reviewing itself.
    pub actors: Vec<PersonId>,
    /// The audit trail was reviewed up to this entry of the stream, by whom.
    pub audit_reviewed: Option<(u64, PersonId)>,
    /// Number of its last entry.
    pub last_seq: u64,
    /// Number of the last entry that an audit-trail review has to cover.
    pub last_act_seq: u64,
    /// The ends of the streams, once disposed.
    pub seals: Vec<StreamSeal>,
    /// When its execution was complete: the end of its occupancies.
    pub execution_completed_at: Option<Timestamp>,
    /// When it was released or rejected.
    pub disposed_at: Option<Timestamp>,
}
