//! What can be asked of a booking, and what can happen to it.

use serde::{Deserialize, Serialize};

use crate::{
    access::Signature,
    booking::{AdoptedPlan, Asked, BookingSignature, BookingWindow, Offer, RiskAssessment, Stated},
    clock::Timestamp,
    id::{BatchId, BookingId, PersonId, PlanId, ProductId, RecipeId, TenantId},
    quantity::Bilingual,
};

/// What can be asked of a booking. A quote is not among them: only the process itself enters what the scheduler answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingCommand {
    /// Request what a quote offered; the booking is the quote's.
    Request {
        /// Which of its offers, from 0.
        offer: u32,
        /// What the request states of itself.
        stated: Stated,
        /// Materials, shipping, and what else the facility should know.
        text: Option<String>,
    },
    /// Sign the risk assessment of co-location; of a series, for all its batches at once.
    AssessRisk {
        /// The assessment.
        assessment: RiskAssessment,
        /// Measures and grounds.
        text: Option<String>,
        /// The signature.
        sign: BookingSignature,
    },
    /// Approve the assessment for quality; of a series, for all its batches at once.
    Approve {
        /// The signature.
        sign: BookingSignature,
    },
    /// Confirm 予約確定; of a series, all its batches at once.
    Confirm {
        /// The signature.
        sign: BookingSignature,
    },
    /// Refuse, with the sentence the tenant sees; of a series, all its batches at once.
    Refuse {
        /// The sentence.
        reason: Bilingual,
    },
    /// Withdraw one batch.
    Withdraw,
    /// Accept a proposed move of one batch.
    AcceptMove {
        /// The signature.
        sign: BookingSignature,
    },
    /// Refuse a proposed move of one batch.
    RefuseMove {
        /// Why.
        text: String,
    },
}

/// What can happen to a booking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum BookingEvent {
    /// A quote was given or refused, as it was written before offers had an end.
    #[serde(rename = "booking.quoted")]
    Quoted {
        /// Booking.
        booking: BookingId,
        /// Tenant.
        tenant: TenantId,
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// Not before.
        earliest: Timestamp,
        /// Done by.
        latest: Timestamp,
        /// The offered window.
        offer: Option<BookingWindow>,
        /// Why there is none.
        refusal: Option<Bilingual>,
    },
    /// A quote was given or refused.
    #[serde(rename = "booking.offered")]
    Offered {
        /// The quote, and the booking that may follow from it.
        booking: BookingId,
        /// Tenant.
        tenant: TenantId,
        /// What was asked for.
        asked: Asked,
        /// What was offered; nothing when it was refused.
        offers: Vec<Offer>,
        /// Until when the offers stand.
        valid_until: Timestamp,
        /// Why there is none.
        refusal: Option<Bilingual>,
    },
    /// Requested 仮予約.
    #[serde(rename = "booking.requested")]
    Requested {
        /// Booking.
        booking: BookingId,
        /// Tenant.
        tenant: TenantId,
        /// Product.
        product: ProductId,
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// Window.
        window: BookingWindow,
        /// By whom.
        by: PersonId,
    },
    /// The window of a tentative booking is kept free until a stated time.
    #[serde(rename = "booking.held")]
    Held {
        /// Booking.
        booking: BookingId,
        /// Until when.
        until: Timestamp,
        /// The request that it is part of; of a single batch the booking itself.
        request: BookingId,
        /// Which of its batches, from 1.
        position: u32,
        /// How many batches the request is for.
        of: u32,
        /// What the request states.
        stated: Stated,
        /// Materials, shipping, and what else the facility should know.
        text: Option<String>,
    },
    /// Its time was over before it was confirmed; its window is free.
    #[serde(rename = "booking.lapsed")]
    Lapsed {
        /// Booking.
        booking: BookingId,
        /// When its time was over.
        due: Timestamp,
        /// When the system noticed.
        noticed: Timestamp,
    },
    /// The risk of co-location was assessed.
    #[serde(rename = "booking.risk_assessed")]
    RiskAssessed {
        /// Booking.
        booking: BookingId,
        /// What was assessed.
        assessment: RiskAssessment,
        /// The assessor's signature.
        signature: Signature,
        /// Measures and grounds.
        text: Option<String>,
    },
    /// Quality approved the assessment.
    #[serde(rename = "booking.approved")]
    Approved {
        /// Booking.
        booking: BookingId,
        /// The approver's signature.
        signature: Signature,
    },
    /// Confirmed 予約確定. Version 1 had no signature.
    #[serde(rename = "booking.confirmed")]
    Confirmed {
        /// Booking.
        booking: BookingId,
        /// By whom.
        by: PersonId,
        /// The signature.
        #[serde(default)]
        signature: Option<Signature>,
    },
    /// An adopted plan moved its window.
    #[serde(rename = "booking.moved")]
    Moved {
        /// Booking.
        booking: BookingId,
        /// The window before.
        old: BookingWindow,
        /// The window now.
        window: BookingWindow,
        /// The plan.
        plan: PlanId,
    },
    /// The tenant was asked for a move beyond its agreement; the slot is held for it meanwhile.
    #[serde(rename = "booking.move_proposed")]
    MoveProposed {
        /// Booking.
        booking: BookingId,
        /// The window it has.
        old: BookingWindow,
        /// The window proposed.
        window: BookingWindow,
        /// Why, in terms of the tenant's own.
        reason: Bilingual,
        /// Until when the tenant may answer.
        until: Timestamp,
        /// By whom.
        by: PersonId,
    },
    /// The tenant consented: a plan may now make the move.
    #[serde(rename = "booking.move_accepted")]
    MoveAccepted {
        /// Booking.
        booking: BookingId,
        /// The signature.
        signature: Signature,
    },
    /// The tenant refused; the booking stays where it was.
    #[serde(rename = "booking.move_refused")]
    MoveRefused {
        /// Booking.
        booking: BookingId,
        /// By whom.
        by: PersonId,
        /// Why.
        text: Option<String>,
    },
    /// Nobody answered in time; the slot is free again.
    #[serde(rename = "booking.move_lapsed")]
    MoveLapsed {
        /// Booking.
        booking: BookingId,
        /// When its time was over.
        due: Timestamp,
        /// When the system noticed.
        noticed: Timestamp,
    },
    /// A plan was adopted that keeps to the agreement after all.
    #[serde(rename = "booking.move_withdrawn")]
    MoveWithdrawn {
        /// Booking.
        booking: BookingId,
        /// The plan.
        plan: PlanId,
    },
    /// Refused.
    #[serde(rename = "booking.refused")]
    Refused {
        /// Booking.
        booking: BookingId,
        /// The sentence the tenant sees.
        reason: Bilingual,
    },
    /// Withdrawn.
    #[serde(rename = "booking.withdrawn")]
    Withdrawn {
        /// Booking.
        booking: BookingId,
    },
    /// Its batch was issued.
    #[serde(rename = "booking.batch_issued")]
    BatchIssued {
        /// Booking.
        booking: BookingId,
        /// Batch.
        batch: BatchId,
    },
}

/// What can happen to the facility's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PlanEvent {
    /// A plan was adopted.
    #[serde(rename = "plan.adopted")]
    Adopted {
        /// Its id.
        plan: PlanId,
        /// The plan, whole.
        adopted: Box<AdoptedPlan>,
        /// By whom.
        by: PersonId,
    },
}

impl BookingEvent {
    /// The booking that it happens to.
    pub fn booking(&self) -> &BookingId {
        match self {
            Self::Quoted { booking, .. }
            | Self::Offered { booking, .. }
            | Self::Requested { booking, .. }
            | Self::Held { booking, .. }
            | Self::Lapsed { booking, .. }
            | Self::RiskAssessed { booking, .. }
            | Self::Approved { booking, .. }
            | Self::Confirmed { booking, .. }
            | Self::Moved { booking, .. }
            | Self::MoveProposed { booking, .. }
            | Self::MoveAccepted { booking, .. }
            | Self::MoveRefused { booking, .. }
            | Self::MoveLapsed { booking, .. }
            | Self::MoveWithdrawn { booking, .. }
            | Self::Refused { booking, .. }
            | Self::Withdrawn { booking }
            | Self::BatchIssued { booking, .. } => booking,
        }
    }
}
