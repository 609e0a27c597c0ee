//! Everything that can make the engine act: one closed enum.

use serde::{Deserialize, Serialize};

use crate::{
    access::{AuthMethod, Reauth, Scope},
    batch::{BatchCommand, ExportedFile},
    booking::{AdoptedPlan, Answer, Ask, Asked, BookingCommand},
    clock::Timestamp,
    engine::{DeviceEvent, LinkReport, SamplingReport, WriteOutcome},
    historian::{FacilitySamples, Sample, SealedSamples},
    id::{BatchId, BookingId, ChangeId, EquipmentId, PersonId, PlanId, RecipeId, TagId},
    isa88::{Approval, RecipeBody},
    journal::{Hash, Purpose},
    quantity::Language,
    tenant::{DeviceCertificate, DeviceReport, ItemChange},
};

/// Everything that can make the engine act.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A person's command.
    Act(Box<Act>),
    /// Readings of one tick, in the order in which they were received.
    Readings(Vec<Sample>),
    /// A link changed its state, or the cause of it.
    Link(LinkReport),
    /// A device agreed to how its tags are sampled.
    Sampling(SamplingReport),
    /// Events that devices told of in one tick, in the order in which they came.
    Happened(Vec<DeviceEvent>),
    /// The outcome of an effect.
    Outcome(WriteOutcome),
    /// A closed device wrote a report; its bytes are kept with the entry that follows.
    Report(Box<DeviceReport>),
    /// Time passes: timers, staleness.
    Tick,
    /// Something that the process itself has to enter.
    Note(Note),
}

/// A person's command, with who gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Whose session.
    pub scope: Scope,
    /// A credential given with the command: the signer, who may be a second person at the same terminal.
    pub signer: Option<Reauth>,
    /// The command.
    pub command: Command,
}

/// Every command of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// About a batch.
    Batch {
        /// Which.
        batch: BatchId,
        /// What.
        command: BatchCommand,
    },
    /// About a booking.
    Booking {
        /// Which.
        booking: BookingId,
        /// What.
        command: BookingCommand,
    },
    /// Adopt a plan, with a credential.
    AdoptPlan {
        /// New plan's id.
        plan: PlanId,
        /// The plan.
        adopted: Box<AdoptedPlan>,
    },
    /// Ask tenants for the moves beyond their agreements that a plan needs. The plan is not adopted.
    ProposeMoves {
        /// The plan.
        adopted: Box<AdoptedPlan>,
        /// Whom to ask.
        asks: Vec<Ask>,
    },
    /// Submit a recipe for approval.
    SubmitRecipe {
        /// The checked recipe.
        body: Box<RecipeBody>,
    },
    /// Approve a recipe, with a credential.
    ApproveRecipe {
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// For which department.
        approval: Approval,
        /// Hash of the statement shown.
        statement: Hash,
        /// When it was shown.
        shown_at: Timestamp,
        /// In which language.
        language: Language,
        /// New signature's id.
        signature: crate::id::SignatureId,
    },
    /// Propose a change of the facility.
    ProposeChange {
        /// New change's id.
        change: ChangeId,
        /// The items.
        items: Vec<ItemChange>,
        /// Why.
        text: Option<String>,
    },
    /// Approve a change of the facility, with a credential.
    ApproveChange {
        /// Change.
        change: ChangeId,
    },
    /// Accept or refuse the certificate of a device, with a credential.
    JudgeCertificate {
        /// The certificate, as it waits.
        certificate: Box<DeviceCertificate>,
        /// Trust it.
        accept: bool,
        /// Why.
        text: String,
    },
    /// Connect to a device anew whose link is down or needs a person.
    ConnectAgain {
        /// Which.
        equipment: EquipmentId,
    },
    /// Choose a language.
    ChooseLanguage {
        /// Language.
        language: Language,
    },
    /// Change the rate of facility time (never in production).
    SetRate {
        /// Facility seconds per wall second.
        rate: u32,
    },
}

/// What the process itself has to enter.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A new journal is opened; must be the first.
    Opened {
        /// Purpose.
        purpose: Purpose,
        /// Wall-clock time.
        wall_time: Timestamp,
        /// SHA-256 of the public checkpoint key.
        key: Hash,
    },
    /// The process started.
    Started {
        /// Wall-clock time.
        wall_time: Timestamp,
    },
    /// The first facility of an empty journal, proposed and approved by two people named in it, both with their credentials.
    FirstFacility {
        /// The items.
        items: Vec<ItemChange>,
        /// New change's id.
        change: ChangeId,
        /// Who proposes it.
        proposed_by: PersonId,
        /// Who approves it.
        approved_by: PersonId,
    },
    /// A person logged in.
    LoggedIn(Scope),
    /// A person logged out.
    LoggedOut {
        /// Session.
        scope: Scope,
        /// By time.
        timed_out: bool,
    },
    /// A credential was refused.
    CredentialRefused {
        /// Person.
        person: PersonId,
        /// Client address.
        client: String,
        /// Failures in a row.
        failures: u32,
        /// Locked now.
        locked: bool,
    },
    /// A credential was set.
    CredentialSet {
        /// Person.
        person: PersonId,
        /// By whom.
        by: Option<PersonId>,
        /// How.
        method: AuthMethod,
    },
    /// Samples of an occupancy were sealed.
    Sealed(SealedSamples),
    /// Samples of equipment that no batch occupied were sealed.
    FacilitySealed(FacilitySamples),
    /// A person asked for a quote, and the scheduler answered.
    Quoted(Box<Quoted>),
    /// A certificate, ours or one that is trusted, ends within so many days on the wall clock (UA-03: 60, 30, 7).
    CertificateEnds {
        /// The certificate.
        certificate: Box<DeviceCertificate>,
        /// The threshold that it has passed, in days.
        within_days: u32,
    },
    /// Samples that belong to no batch left the system as a file.
    SamplesExported(Box<SamplesExport>),
    /// A report that was entered with no batch left the system.
    ReportExported {
        /// Who took it.
        scope: Scope,
        /// Whose report.
        equipment: EquipmentId,
        /// The file.
        file: ExportedFile,
    },
}

/// Samples that left the system.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplesExport {
    /// Who took them.
    pub scope: Scope,
    /// Of which tag.
    pub tag: TagId,
    /// Received from (inclusive).
    pub from: Timestamp,
    /// Until (exclusive).
    pub until: Timestamp,
    /// The file.
    pub file: ExportedFile,
}

/// A quote that a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Quoted {
    /// Who asked.
    pub scope: Scope,
    /// The quote's number, and the booking's that may follow from it.
    pub booking: BookingId,
    /// What was asked for.
    pub asked: Asked,
    /// What the scheduler answered.
    pub answer: Answer,
    /// How many quotes the person asked for in this minute of wall time, this one included. Beyond
    /// [`QUOTES_PER_MINUTE_MAX`](crate::booking::QUOTES_PER_MINUTE_MAX) the quote is refused, and the refusal entered.
    pub in_minute: u32,
}
