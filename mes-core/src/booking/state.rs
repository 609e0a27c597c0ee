//! The state of a booking.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    access::Signature,
    batch::Batch,
    booking::{BookingEvent, MoveAnswer, ProposedMove, RiskAssessment, Stated},
    clock::Timestamp,
    id::{BatchId, BookingId, EquipmentId, EquipmentRole, PersonId, PhaseId, ProductId, RecipeId, SuiteId, TenantId},
    quantity::Bilingual,
};

/// When and where a booking takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingWindow {
    /// Suite.
    pub suite: SuiteId,
    /// Equipment by the recipe's roles.
    pub equipment: BTreeMap<EquipmentRole, EquipmentId>,
    /// Occupied from.
    pub from: Timestamp,
    /// Occupied until, clearance included.
    pub until: Timestamp,
    /// The planned work of people within it, in order.
    #[serde(default)]
    pub activities: Vec<PlannedActivity>,
}

/// Work that people are planned for, in one go, from the start of a phase on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedActivity {
    /// The phase it begins with.
    pub phase: PhaseId,
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Timestamp,
}

impl BookingWindow {
    /// Whether two windows overlap in time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
    /// The suite or the equipment that both would have at the same time.
    pub fn shares(&self, other: &Self) -> Option<String> {
        if !self.overlaps(other) {
            return None;
        }
        if self.suite == other.suite {
            return Some(self.suite.to_string());
        }
        let shared = self.equipment.values().find(|unit| other.equipment.values().any(|taken| taken == *unit));
        shared.map(ToString::to_string)
    }
}

/// Where a booking stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// Requested with a quote, waiting for the facility 仮予約.
    Requested,
    /// Confirmed 予約確定.
    Confirmed,
    /// Refused by the facility, with the sentence the tenant sees.
    Refused(Bilingual),
    /// Its batch was issued.
    Issued(BatchId),
    /// Withdrawn by the tenant.
    Withdrawn,
    /// The tentative booking was not confirmed by this time, and its window became free.
    Lapsed(Timestamp),
}

/// What a tentative booking is made of: until when it holds, and the request that it is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when the window is kept free for it.
    pub until: Timestamp,
    /// The request; of a single batch the booking itself.
    pub request: BookingId,
    /// Which of the request's batches, from 1.
    pub position: u32,
    /// How many batches the request is for.
    pub of: u32,
    /// What the request states (BKG-01).
    pub stated: Stated,
    /// Materials, shipping, and what else the facility should know.
    pub text: Option<String>,
}

/// A signed risk assessment of co-location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessed {
    /// What was assessed.
    pub assessment: RiskAssessment,
    /// Measures and grounds.
    pub text: Option<String>,
    /// The assessor's signature.
    pub signature: Signature,
    /// Which assessment of this booking it is, from 1.
    pub version: u32,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Whose.
    pub tenant: TenantId,
    /// Product.
    pub product: ProductId,
    /// Recipe.
    pub recipe: RecipeId,
    /// Recipe version.
    pub version: u32,
    /// The quoted, then confirmed window.
    pub window: BookingWindow,
    /// Who requested it.
    pub requested_by: PersonId,
    /// When.
    pub requested_at: Timestamp,
    /// Where it stands.
    pub state: BookingState,
    /// Until when it is held, while it is tentative; a booking of an old journal has no end.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// The newest risk assessment.
    #[serde(default)]
    pub assessed: Option<Assessed>,
    /// Quality's approval of that assessment.
    #[serde(default)]
    pub approval: Option<Signature>,
    /// The facility's confirmation.
    #[serde(default)]
    pub confirmation: Option<Signature>,
    /// The window that was confirmed, or accepted since: what a plan may move it away from is measured against it.
    #[serde(default)]
    pub promised: Option<BookingWindow>,
    /// The newest move beyond its agreement that its tenant was asked for, until a plan moves it.
    #[serde(default)]
    pub proposed: Option<ProposedMove>,
}

impl Booking {
    /// A tentative booking as it is requested.
    pub fn requested(
        (tenant, product): (TenantId, ProductId),
        (recipe, version): (RecipeId, u32),
        window: BookingWindow,
        (requested_by, requested_at): (PersonId, Timestamp),
    ) -> Self {
        Self {
            tenant,
            product,
            recipe,
            version,
            window,
            requested_by,
            requested_at,
            state: BookingState::Requested,
            hold: None,
            assessed: None,
            approval: None,
            confirmation: None,
            promised: None,
            proposed: None,
        }
    }

    /// The booking that a request makes; `None` for every other event.
    pub fn first(event: &BookingEvent, at: Timestamp) -> Option<(BookingId, Self)> {
        let BookingEvent::Requested { booking, tenant, product, recipe, version, window, by } = event else {
            return None;
        };
        let whose = (tenant.clone(), product.clone());
        let what = (recipe.clone(), *version);
        Some((booking.clone(), Self::requested(whose, what, window.clone(), (by.clone(), at))))
    }

    /// What an event makes of it. It never fails and never judges.
    pub fn apply(&mut self, event: &BookingEvent) {
        match event {
            BookingEvent::Quoted { .. } | BookingEvent::Offered { .. } | BookingEvent::Requested { .. } => {}
            BookingEvent::Held { until, request, position, of, stated, text, .. } => {
                let (request, stated, text) = (request.clone(), stated.clone(), text.clone());
                self.hold = Some(Hold { until: *until, request, position: *position, of: *of, stated, text });
            }
            BookingEvent::Lapsed { due, .. } => self.state = BookingState::Lapsed(*due),
            BookingEvent::RiskAssessed { assessment, signature, text, .. } => {
                let version = self.assessed.as_ref().map_or(0, |before| before.version).saturating_add(1);
                let (assessment, signature) = (assessment.clone(), signature.clone());
                self.assessed = Some(Assessed { assessment, text: text.clone(), signature, version });
                // An approval is of one assessment.
                self.approval = None;
            }
            BookingEvent::Approved { signature, .. } => self.approval = Some(signature.clone()),
            BookingEvent::Confirmed { signature, .. } => {
                self.state = BookingState::Confirmed;
                self.confirmation.clone_from(signature);
                self.promised = Some(self.window.clone());
            }
            BookingEvent::Moved { window, .. } => {
                self.window = window.clone();
                self.proposed = None;
                if self.state == BookingState::Requested {
                    // What was assessed was another window.
                    (self.assessed, self.approval) = (None, None);
                }
            }
            BookingEvent::MoveProposed { window, reason, until, by, .. } => {
                let (window, reason, by) = (window.clone(), reason.clone(), by.clone());
                self.proposed = Some(ProposedMove { window, reason, until: *until, by, answer: None });
            }
            BookingEvent::MoveAccepted { signature, .. } => {
                self.answered(MoveAnswer::Accepted(signature.clone()));
                self.promised = self.proposed.as_ref().map(|it| it.window.clone()).or(self.promised.take());
            }
            BookingEvent::MoveRefused { by, text, .. } => {
                self.answered(MoveAnswer::Refused { by: by.clone(), text: text.clone() });
            }
            BookingEvent::MoveLapsed { due, .. } => self.answered(MoveAnswer::Lapsed(*due)),
            BookingEvent::MoveWithdrawn { plan, .. } => self.answered(MoveAnswer::Withdrawn(plan.clone())),
            BookingEvent::Refused { reason, .. } => self.state = BookingState::Refused(reason.clone()),
            BookingEvent::Withdrawn { .. } => self.state = BookingState::Withdrawn,
            BookingEvent::BatchIssued { batch, .. } => self.state = BookingState::Issued(batch.clone()),
        }
    }

    fn answered(&mut self, answer: MoveAnswer) {
        if let Some(proposed) = &mut self.proposed {
            proposed.answer = Some(answer);
        }
    }

    /// Whether a tentative booking's time is over.
    pub fn lapsed(&self, now: Timestamp) -> bool {
        self.state == BookingState::Requested && self.hold.as_ref().is_some_and(|hold| hold.until <= now)
    }

    /// Whether it is one of a request's batches: the request's only one, or one of its series.
    pub fn of_request(&self, id: &BookingId, request: &BookingId) -> bool {
        id == request || self.hold.as_ref().is_some_and(|hold| hold.request == *request)
    }

    /// Until when it holds its suite and equipment; `None` when it holds nothing. A batch that runs longer than planned keeps what
    /// it has; one that ended gives it back.
    pub fn held_until(&self, batches: &BTreeMap<BatchId, Arc<Batch>>, now: Timestamp) -> Option<Timestamp> {
        let planned = self.window.until;
        match &self.state {
            BookingState::Requested if self.lapsed(now) => None,
            BookingState::Requested | BookingState::Confirmed => Some(planned),
            BookingState::Refused(_) | BookingState::Withdrawn | BookingState::Lapsed(_) => None,
            BookingState::Issued(batch) => {
                let Some(batch) = batches.get(batch) else { return Some(planned) };
                let ended = batch.execution_completed_at.or(batch.disposed_at);
                Some(ended.unwrap_or_else(|| planned.max(now.plus_ms(1))))
            }
        }
    }
}
