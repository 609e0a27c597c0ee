//! What can be asked of a batch. People's commands come from pages and the API; the system's come from plant systems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    access::{Meaning, Subject},
    batch::{ConditionEvidence, DeviationClass, ExportedFile, ReadingEvidence, StreamSeal},
    clock::Timestamp,
    engine::{DeviceEvent, LeftOut, LinkState, TagSampling, WriteOutcome},
    id::{
        BookingId, DeviationId, EquipmentId, EquipmentRole, ItemId, PersonId, PhaseId, RecipeId, SignatureId, SuiteId,
    },
    journal::Hash,
    quantity::Language,
    tenant::DeviceReport,
};

/// The order to issue a batch 製造指図.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueOrder {
    /// The confirmed booking it fulfils.
    pub booking: BookingId,
    /// Which recipe.
    pub recipe: RecipeId,
    /// Which version.
    pub version: u32,
    /// Lot 製造番号.
    pub lot: String,
    /// Chain-of-identity code of the starting cells.
    pub coi: String,
    /// Suite.
    pub suite: SuiteId,
    /// Equipment by the recipe's roles.
    pub equipment: BTreeMap<EquipmentRole, EquipmentId>,
}

/// What a person entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entered {
    /// A number as typed; parsed, rounded and judged by `decide`.
    Number(String),
    /// Take the live value of the item's tag now.
    FromTag,
    /// A line of a checklist confirmed.
    Confirmed,
    /// A scanned or typed code.
    Code(String),
}

/// What can be asked of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchCommand {
    /// Issue the batch.
    Issue(Box<IssueOrder>),
    /// Start a phase.
    StartPhase {
        /// Which.
        phase: PhaseId,
    },
    /// Record an item of a running phase.
    Record {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// What was entered.
        value: Entered,
        /// The performer, when the actor only enters it for hands that are in the cabinet (記録者).
        performer: Option<PersonId>,
        /// Reason, required outside the normal range.
        reason: Option<String>,
    },
    /// Correct a recorded item; the old value stays visible.
    Correct {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// The right value.
        value: Entered,
        /// Why (required).
        reason: String,
    },
    /// Write the next unsent set-points of a running Set phase.
    ApplySetPoints {
        /// Phase.
        phase: PhaseId,
    },
    /// Complete a phase that needs no signature, or whose signatures are there.
    CompletePhase {
        /// Phase.
        phase: PhaseId,
    },
    /// Sign a statement. The signer is the one whose credential came with the command.
    Sign {
        /// About what.
        subject: Subject,
        /// Meaning.
        meaning: Meaning,
        /// Hash of the statement shown.
        statement: Hash,
        /// When it was shown.
        shown_at: Timestamp,
        /// In which language.
        language: Language,
        /// The new signature's id.
        signature: SignatureId,
        /// For a deviation's closure or a disposition: the decision in words.
        text: Option<String>,
    },
    /// A second person does not agree with a signature; the phase runs again.
    RejectSignature {
        /// Which signature.
        signature: SignatureId,
        /// Why (required).
        reason: String,
    },
    /// Hold 保留.
    Hold {
        /// Why (required).
        reason: String,
    },
    /// Restart 再始動.
    Restart {
        /// Why (required).
        reason: String,
    },
    /// Comment, on a phase or on the batch.
    Comment {
        /// Phase.
        phase: Option<PhaseId>,
        /// The words.
        text: String,
    },
    /// Late entry 後日記入: something that happened earlier and was not recorded then.
    LateEntry {
        /// Phase.
        phase: PhaseId,
        /// When it happened, by the person's account.
        claimed: Timestamp,
        /// What happened.
        text: String,
        /// Why it is late (required).
        reason: String,
    },
    /// Open a deviation 逸脱.
    OpenDeviation {
        /// New id.
        deviation: DeviationId,
        /// Phase.
        phase: Option<PhaseId>,
        /// What was seen.
        text: String,
    },
    /// Classify a deviation.
    ClassifyDeviation {
        /// Which.
        deviation: DeviationId,
        /// Class.
        class: DeviationClass,
        /// Impact assessment.
        text: String,
    },
    /// All phases done: execution complete 製造完了.
    CompleteExecution,
    /// The audit trail of the batch was reviewed up to this entry (SOD-05, A11D-28).
    ReviewAuditTrail {
        /// Number of the last entry of the batch's stream that was reviewed.
        up_to: u64,
    },
    /// Release or reject, with the signature that `Sign { subject: Disposition }` made; the engine adds the seals.
    Dispose {
        /// Released or rejected.
        release: bool,
        /// The disposition signature.
        signature: SignatureId,
        /// Reason; required for a rejection.
        text: Option<String>,
        /// Number and last hash of every stream that the record draws on; filled in by the engine.
        seals: Vec<StreamSeal>,
    },
    /// A package was exported; the hashes of its files.
    NoteExport {
        /// Files.
        files: Vec<ExportedFile>,
    },
    /// System: outcome of a write.
    ResolveEffect {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// Outcome.
        outcome: WriteOutcome,
    },
    /// System: the condition of a Wait phase has held long enough.
    MeetCondition {
        /// Phase.
        phase: PhaseId,
        /// Evidence.
        evidence: ConditionEvidence,
    },
    /// System: the condition did not come about in time.
    NoticeOverdue {
        /// Phase.
        phase: PhaseId,
        /// When it was due.
        due: Timestamp,
    },
    /// System: a watched limit was violated for longer than allowed.
    NoticeViolation {
        /// Phase.
        phase: PhaseId,
        /// The watch's item.
        item: ItemId,
        /// Outside, or not good, since.
        since: Timestamp,
        /// The reading that decided it.
        evidence: ReadingEvidence,
        /// New deviation's id.
        deviation: DeviationId,
    },
    /// System: a watched limit is kept again.
    NoticeReturn {
        /// Phase.
        phase: PhaseId,
        /// The watch's item.
        item: ItemId,
        /// The reading that decided it.
        evidence: ReadingEvidence,
    },
    /// System: a hold time ran out before its phase started.
    NoticeHoldExceeded {
        /// The phase that should have started.
        phase: PhaseId,
        /// When it was due.
        due: Timestamp,
        /// New deviation's id.
        deviation: DeviationId,
    },
    /// System: the link to a piece of the batch's equipment changed its state, or the cause of it.
    NoteLink {
        /// Role.
        role: EquipmentRole,
        /// Equipment.
        equipment: EquipmentId,
        /// State now.
        state: LinkState,
        /// Cause.
        cause: String,
        /// When.
        at: Timestamp,
    },
    /// System: a closed device of the batch's equipment wrote a report.
    TakeReport {
        /// Role.
        role: EquipmentRole,
        /// The report.
        report: Box<DeviceReport>,
    },
    /// System: a piece of the batch's equipment told something beside its readings.
    NoteDevice {
        /// Role.
        role: EquipmentRole,
        /// Equipment.
        equipment: EquipmentId,
        /// What.
        news: DeviceNews,
    },
}

/// What a device tells beside its readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceNews {
    /// It agreed to how tags are sampled.
    Sampling {
        /// The tags.
        tags: Vec<TagSampling>,
    },
    /// Something happened.
    Event {
        /// What.
        happened: DeviceEvent,
        /// How many more equal ones came within a minute.
        again: u32,
    },
    /// It told more than is entered.
    LeftOut {
        /// How much more.
        left_out: LeftOut,
    },
}
