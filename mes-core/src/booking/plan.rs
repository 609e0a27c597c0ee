//! An adopted plan: the whole of what a planner put in force, with what it was made from. How a plan is found is no matter of this
//! crate; whether it may be adopted is in `adopt.rs`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    access::Rejection,
    batch::Batch,
    booking::{Booking, BookingState, BookingWindow, ProposedMove},
    clock::Timestamp,
    id::{BatchId, BookingId, EquipmentId, PersonId, PlanId, SuiteId},
    journal::{
        Hash,
        encode::{canonical_of, sha256},
    },
    quantity::Bilingual,
    tenant::Facility,
};

/// Where a batch goes in a plan, as the scheduler writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBatch {
    /// Its booking.
    pub booking: BookingId,
    /// The route taken; none when the plan leaves the batch out.
    pub route: Option<String>,
    /// Start of each activity, in slots since the plan's origin.
    pub starts: Vec<i64>,
    /// Suite of each suite hold.
    pub suites: Vec<SuiteId>,
    /// Equipment of each equipment hold.
    pub equipment: Vec<EquipmentId>,
}

/// What a plan costs, part by part (SCH-09); the weights are the problem's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanObjective {
    /// The objective.
    pub total: i64,
    /// Weighted lateness.
    pub tardiness: i64,
    /// Changeover.
    pub changeover: i64,
    /// Routes.
    pub route: i64,
    /// Refused batches.
    pub drop: i64,
    /// End of the last activity, in slots since the origin.
    pub makespan: i64,
}

/// A booking that a plan moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which.
    pub booking: BookingId,
    /// Its window in the plan.
    pub window: BookingWindow,
    /// Why it moves.
    pub reason: Bilingual,
}

/// A plan with what it was made from (SCH-10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedPlan {
    /// SHA-256 of the facility and the bookings that it was made for: [`planning_inputs`].
    pub inputs: Hash,
    /// Seed of the search.
    pub seed: u32,
    /// Steps the search took.
    pub steps: u64,
    /// Name and version of the solver.
    pub solver: String,
    /// What it costs.
    pub objective: PlanObjective,
    /// When slot 0 begins.
    pub origin: Timestamp,
    /// Length of a slot, in minutes.
    pub slot_min: u32,
    /// What made it necessary.
    pub cause: Bilingual,
    /// Every batch.
    pub batches: Vec<PlannedBatch>,
    /// The bookings whose windows change.
    pub moves: Vec<Move>,
}

/// The plan in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInForce {
    /// Its id.
    pub id: PlanId,
    /// By whom it was adopted.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// The plan.
    pub adopted: AdoptedPlan,
}

/// The bookings that a plan has to place: tentative and confirmed ones whose window is not over, and batches that have not ended.
pub fn planned<'a>(
    bookings: &'a BTreeMap<BookingId, Booking>,
    batches: &'a BTreeMap<BatchId, Arc<Batch>>,
    now: Timestamp,
) -> impl Iterator<Item = (&'a BookingId, &'a Booking)> {
    bookings.iter().filter(move |(_, booking)| match &booking.state {
        BookingState::Requested => !booking.lapsed(now) && booking.window.until > now,
        BookingState::Confirmed => {
            booking.window.until > now || booking.held_beside(now).is_some_and(|it| it.until > now)
        }
        BookingState::Issued(batch) => {
            batches.get(batch).is_none_or(|it| it.execution_completed_at.is_none() && it.disposed_at.is_none())
        }
        BookingState::Refused(_) | BookingState::Withdrawn | BookingState::Lapsed(_) => false,
    })
}

#[derive(Serialize)]
struct Input<'a> {
    booking: &'a BookingId,
    state: &'a BookingState,
    window: &'a BookingWindow,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed: Option<&'a ProposedMove>,
}

/// SHA-256 of what a plan is made from: the facility in force, and every booking that has to be placed, with its window and
/// what its tenant was asked.
///
/// # Errors
/// A facility that has no canonical form; none that entries can bring about.
pub fn planning_inputs(
    facility: &Facility,
    bookings: &BTreeMap<BookingId, Booking>,
    batches: &BTreeMap<BatchId, Arc<Batch>>,
    now: Timestamp,
) -> Result<Hash, Rejection> {
    let placed = planned(bookings, batches, now);
    let placed: Vec<Input<'_>> = placed
        .map(|(booking, it)| Input { booking, state: &it.state, window: &it.window, proposed: it.proposed.as_ref() })
        .collect();
    let bytes = canonical_of(&(facility, placed)).map_err(|error| {
        Rejection::new(
            "SCH-12",
            format!("計画の入力を変換できません({error})。システム管理者に連絡してください。"),
            format!("The plan's inputs cannot be put into canonical form ({error}). Tell the system administrator."),
        )
    })?;
    Ok(sha256(&[&bytes]))
}
