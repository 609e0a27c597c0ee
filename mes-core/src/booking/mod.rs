//! Bookings: a tenant's request with its quote, its signed way to a confirmation, its place in the plan in force.

mod adopt;
mod consent;
mod decide;
mod event;
mod judge;
mod plan;
mod quote;
mod risk;
mod state;
mod steps;

pub use adopt::{PlanContext, adopt};
pub use consent::{Ask, MOVE_VALID_D, MoveAnswer, ProposedMove, propose_moves};
pub use decide::{BookingContext, Events, check_series, decide, quote};
pub use event::{BookingCommand, BookingEvent, PlanEvent};
pub use judge::WINDOW_MAX_D;
pub use plan::{AdoptedPlan, Move, PlanInForce, PlanObjective, PlannedBatch, planned, planning_inputs};
pub use quote::{
    Answer, Asked, CADENCE_MAX_D, HOLD_D, Infection, Offer, OfferKind, QUOTE_VALID_H, QUOTES_PER_MINUTE_MAX, Quote,
    Regime, SERIES_BATCHES_MAX, Series, Stated,
};
pub use risk::{BookingSignature, BookingStep, RiskAnswer, RiskAssessment, RiskQuestion, booking_statement};
pub use state::{Assessed, Booking, BookingState, BookingWindow, Hold, PlannedActivity};
