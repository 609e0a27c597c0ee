//! What can happen to a batch. Events are past tense, never changed, only joined by newer versions with an upcaster.
//!
//! A field named `text` holds a person's free words; it travels in the entry's `text` part and may be withheld or erased, so it
//! is optional everywhere. Everything else is the `facts` part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    access::Signature,
    clock::Timestamp,
    engine::{DeviceEvent, LeftOut, LinkState, TagSampling, WriteOutcome, WriteResult},
    historian::{Quality, SampleValue},
    id::{
        BatchId, BookingId, DeviationId, EquipmentId, EquipmentRole, ItemId, PersonId, PhaseId, SignatureId, TagId,
        TenantId,
    },
    isa88::{Command, RecipeApprovals, RecipeBody, State},
    journal::{EntryId, Hash, StreamId},
    quantity::{Quantity, decimal_text},
    tenant::{Agreement, DeviceReport, Equipment, FacilityName, Suite, TemplateMark, Tenant},
};

/// All that is frozen into a batch at issue; it ends under what it was issued with (S88-04).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedBatch {
    /// Batch.
    pub batch: BatchId,
    /// Booking it fulfils.
    pub booking: BookingId,
    /// Tenant, as of the issue.
    pub tenant: Tenant,
    /// Facility, as of the issue.
    pub facility: FacilityName,
    /// Agreement, as of the issue.
    pub agreement: Agreement,
    /// The approved master recipe: an immutable copy.
    pub recipe: RecipeBody,
    /// SHA-256 over the canonical recipe.
    pub recipe_hash: Hash,
    /// Who wrote and approved it.
    pub approvals: RecipeApprovals,
    /// Lot 製造番号.
    pub lot: String,
    /// Chain-of-identity code of the starting cells.
    pub coi: String,
    /// Suite, as of the issue.
    pub suite: Suite,
    /// Equipment by role, as of the issue.
    pub equipment: BTreeMap<EquipmentRole, Equipment>,
    /// Which device templates that equipment was spoken to by, as of the issue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_templates: Vec<TemplateMark>,
    /// SHA-256 over the policies in force.
    pub policies_hash: Hash,
}

/// A recorded value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemValue {
    /// A quantity, rounded to the parameter's decimals.
    Quantity(Quantity),
    /// A checklist line, confirmed.
    Confirmed,
    /// A code, as scanned or typed.
    Code(String),
    /// A condition that was met.
    ConditionMet,
}

impl ItemValue {
    /// As people see it.
    pub fn shown(&self) -> String {
        match self {
            Self::Quantity(quantity) => quantity.shown(),
            Self::Confirmed => "✓".to_owned(),
            Self::Code(code) => code.clone(),
            Self::ConditionMet => "✓".to_owned(),
        }
    }
}

/// A reading as evidence: enough to find the sample again under its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingEvidence {
    /// Tag.
    pub tag: TagId,
    /// Value as the device gave it.
    pub value: Option<SampleValue>,
    /// Quality.
    pub quality: Quality,
    /// Source time.
    pub source_time: Option<Timestamp>,
    /// Receive time.
    pub receive_time: Timestamp,
    /// Sample number on the tag.
    pub seq: u64,
}

/// Evidence of a condition that was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionEvidence {
    /// The expression as it stands in the recipe.
    pub expression: String,
    /// It has held since.
    pub since: Timestamp,
    /// The readings at the moment it was met.
    pub readings: Vec<ReadingEvidence>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Typed or confirmed by hand.
    Manual,
    /// Scanned.
    Scanned,
    /// Read from a device.
    Tag(ReadingEvidence),
    /// Calculated: the expression and the inputs it used, by item id.
    Calculated {
        /// The expression.
        expression: String,
        /// The inputs with their versions.
        inputs: BTreeMap<ItemId, String>,
    },
}

/// Judgement of a value against its ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the normal range, or without one.
    Normal,
    /// Outside the normal, within the acceptable range: a reason was given.
    OutOfNormal,
    /// Outside the acceptable range: a deviation was opened.
    OutOfAcceptable,
}

/// Why a deviation was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationCause {
    /// A recorded value outside its acceptable range.
    Value {
        /// The value.
        shown: String,
        /// The acceptable range.
        range: String,
    },
    /// A watched limit violated.
    Watch {
        /// Since.
        since: Timestamp,
        /// The deciding reading.
        evidence: ReadingEvidence,
        /// The range.
        range: String,
    },
    /// A hold time exceeded.
    HoldTime {
        /// Due.
        due: Timestamp,
        /// Noticed; later than due when the process was down.
        noticed: Timestamp,
    },
    /// A condition that did not come about in time.
    Overdue {
        /// Due.
        due: Timestamp,
        /// Noticed.
        noticed: Timestamp,
    },
    /// A set-point that was not confirmed.
    SetPoint {
        /// What became of the write.
        result: WriteResult,
    },
    /// Identity did not match.
    Identity {
        /// The code that was read.
        read: String,
    },
    /// A person saw something.
    Observed,
}

/// Class of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationClass {
    /// Minor 軽微な逸脱.
    Minor,
    /// Major 重大な逸脱.
    Major,
    /// Critical 致命的な逸脱.
    Critical,
}

/// Kinds of review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// Production 製造管理の確認.
    Production,
    /// Quality 照査.
    Quality,
}

/// The end of a stream at the moment of release: presence and completeness. The stream is of the owner of the entry that
/// seals it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSeal {
    /// Stream.
    pub stream: StreamId,
    /// Number of its last entry.
    pub seq: u64,
    /// Leaf hash of its last envelope.
    pub hash: Hash,
}

/// A file that left the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Name in the package.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
}

/// What can happen to a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum BatchEvent {
    /// Issued.
    #[serde(rename = "batch.issued")]
    Issued {
        /// All that is frozen.
        issued: Box<IssuedBatch>,
    },
    /// A phase started.
    #[serde(rename = "batch.phase_started")]
    PhaseStarted {
        /// Phase.
        phase: PhaseId,
    },
    /// An item was recorded for the first time.
    #[serde(rename = "batch.item_recorded")]
    ItemRecorded {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// Value.
        value: ItemValue,
        /// Where it came from.
        source: Source,
        /// Judgement.
        verdict: Verdict,
        /// The performer, when somebody else entered it.
        performer: Option<PersonId>,
        /// Reason, when out of normal.
        text: Option<String>,
    },
    /// An item was corrected.
    #[serde(rename = "batch.item_corrected")]
    ItemCorrected {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// New version, from 2.
        version: u32,
        /// The value before.
        old: ItemValue,
        /// The value now.
        value: ItemValue,
        /// Where it came from.
        source: Source,
        /// Judgement.
        verdict: Verdict,
        /// Reason.
        text: Option<String>,
    },
    /// A write was asked for; the entry's id is the effect's.
    #[serde(rename = "batch.write_requested")]
    WriteRequested {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// Tag.
        tag: TagId,
        /// Value.
        value: SampleValue,
        /// Tolerance of the read-back.
        #[serde(with = "decimal_text")]
        tolerance: rust_decimal::Decimal,
    },
    /// The outcome of a write.
    #[serde(rename = "batch.write_resolved")]
    WriteResolved {
        /// Phase.
        phase: PhaseId,
        /// Item.
        item: ItemId,
        /// The effect.
        effect: EntryId,
        /// Outcome.
        outcome: WriteOutcome,
    },
    /// A condition was met.
    #[serde(rename = "batch.condition_met")]
    ConditionMet {
        /// Phase.
        phase: PhaseId,
        /// Evidence.
        evidence: ConditionEvidence,
    },
    /// A watched limit is kept again.
    #[serde(rename = "batch.limit_returned")]
    LimitReturned {
        /// Phase.
        phase: PhaseId,
        /// The watch's item.
        item: ItemId,
        /// The deciding reading.
        evidence: ReadingEvidence,
    },
    /// A link changed its state, or the cause of it.
    #[serde(rename = "batch.link_changed")]
    LinkChanged {
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
    /// A closed device wrote a report about the batch.
    #[serde(rename = "batch.report_received")]
    ReportReceived {
        /// Role.
        role: EquipmentRole,
        /// The report.
        report: Box<DeviceReport>,
    },
    /// How tags of its equipment are sampled: at the issue, and when the device agreed to something else.
    #[serde(rename = "batch.sampling_agreed")]
    SamplingAgreed {
        /// Role.
        role: EquipmentRole,
        /// Equipment.
        equipment: EquipmentId,
        /// The tags that this concerns.
        tags: Vec<TagSampling>,
    },
    /// A device told of something that happened.
    #[serde(rename = "batch.device_event_reported")]
    DeviceEventReported {
        /// Role.
        role: EquipmentRole,
        /// What; of equal ones, the newest.
        happened: DeviceEvent,
        /// 0 when it is told; otherwise how many more equal ones came within a minute.
        again: u32,
    },
    /// Messages of a device were too many to be entered.
    #[serde(rename = "batch.messages_left_out")]
    MessagesLeftOut {
        /// Role.
        role: EquipmentRole,
        /// Equipment.
        equipment: EquipmentId,
        /// Of which kind, and how many.
        left_out: LeftOut,
    },
    /// Something was signed.
    #[serde(rename = "batch.signed")]
    Signed {
        /// The signature.
        signature: Signature,
        /// Decision or comment.
        text: Option<String>,
    },
    /// A signature was rejected by a second person.
    #[serde(rename = "batch.signature_rejected")]
    SignatureRejected {
        /// Which.
        signature: SignatureId,
        /// Whose phase runs again.
        phase: PhaseId,
        /// Reason.
        text: Option<String>,
    },
    /// A phase completed.
    #[serde(rename = "batch.phase_completed")]
    PhaseCompleted {
        /// Phase.
        phase: PhaseId,
    },
    /// The batch's procedural state changed by a command.
    #[serde(rename = "batch.state_changed")]
    StateChanged {
        /// The command; `None` for an automatic transition.
        command: Option<Command>,
        /// From.
        from: State,
        /// To.
        to: State,
        /// Row of the transition table.
        row: u8,
        /// Reason.
        text: Option<String>,
    },
    /// A comment.
    #[serde(rename = "batch.commented")]
    Commented {
        /// Phase.
        phase: Option<PhaseId>,
        /// The words.
        text: Option<String>,
    },
    /// A late entry.
    #[serde(rename = "batch.late_entered")]
    LateEntered {
        /// Phase.
        phase: PhaseId,
        /// When it happened, by the person's account.
        claimed: Timestamp,
        /// What happened, and why it is late.
        text: Option<String>,
    },
    /// A deviation was opened.
    #[serde(rename = "batch.deviation_opened")]
    DeviationOpened {
        /// Id.
        deviation: DeviationId,
        /// Phase.
        phase: Option<PhaseId>,
        /// Item.
        item: Option<ItemId>,
        /// Cause.
        cause: DeviationCause,
        /// What was seen.
        text: Option<String>,
    },
    /// A deviation was classified.
    #[serde(rename = "batch.deviation_classified")]
    DeviationClassified {
        /// Id.
        deviation: DeviationId,
        /// Class.
        class: DeviationClass,
        /// Impact assessment.
        text: Option<String>,
    },
    /// A deviation was closed.
    #[serde(rename = "batch.deviation_closed")]
    DeviationClosed {
        /// Id.
        deviation: DeviationId,
        /// The closing signature.
        signature: SignatureId,
        /// Decision.
        text: Option<String>,
    },
    /// All phases are done.
    #[serde(rename = "batch.execution_completed")]
    ExecutionCompleted,
    /// The audit trail was reviewed.
    #[serde(rename = "batch.audit_trail_reviewed")]
    AuditTrailReviewed {
        /// Up to which entry of the batch's stream.
        up_to: u64,
    },
    /// A review was completed.
    #[serde(rename = "batch.reviewed")]
    Reviewed {
        /// Kind.
        kind: ReviewKind,
        /// The signature.
        signature: SignatureId,
    },
    /// Released 出荷可.
    #[serde(rename = "batch.released")]
    Released {
        /// The signature.
        signature: SignatureId,
        /// The ends of all streams the record draws on.
        seals: Vec<StreamSeal>,
        /// Comment.
        text: Option<String>,
    },
    /// Rejected 出荷不可.
    #[serde(rename = "batch.rejected")]
    Rejected {
        /// The signature.
        signature: SignatureId,
        /// The ends of all streams the record draws on.
        seals: Vec<StreamSeal>,
        /// Reason.
        text: Option<String>,
    },
    /// A package was exported.
    #[serde(rename = "batch.exported")]
    Exported {
        /// Its files.
        files: Vec<ExportedFile>,
    },
}

/// Whose batch it is, from its issue.
impl IssuedBatch {
    /// The owning tenant.
    pub fn owner(&self) -> &TenantId {
        &self.tenant.id
    }
}
