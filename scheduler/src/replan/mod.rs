//! A new plan after something has gone wrong: first a repair that moves as little as it can, then a
//! search that stays near to the plan from before, and the difference with a reason for each move.
//!
//! Started work stays. A confirmed booking is never left out; where its agreement leaves no room,
//! the move is a proposal that its tenant must accept. Nothing here is adopted.

mod disruption;
mod reason;
mod repair;

use crate::anchor::Anchor;
use crate::index::BatchIx;
use crate::plan::{Objective, Placement, Plan};
use crate::problem::Problem;
use crate::search::{Outcome, improve};
use crate::spec::{Slot, Window};
use crate::stop::{Params, Progress, Stop};
use disruption::{Reach, is_new};

pub use disruption::{Disrupted, Disruption, DisruptionError, Event};
pub use reason::Reason;

/// Cost of another route or suite for a batch, refusal included.
const CHANGE_COST: i64 = 5;
/// Cost of an activity of the next days that moves by much.
const MOVE_COST: i64 = 1;
/// The next days, in minutes.
const NEAR_MIN: i64 = 7 * 24 * 60;
/// By much, in minutes.
const MUCH_MIN: i64 = 8 * 60;
/// One batch in so many may be moved.
const MOVED_SHARE: usize = 10;

/// A new plan, and how it differs from the one before.
#[derive(Debug, Clone)]
pub struct Replanned {
    /// The problem that the plan is legal for: with what happened in it, what has started fixed,
    /// and the agreements of `proposals` set aside.
    pub problem: Problem,
    /// The new plan.
    pub plan: Plan,
    /// What it costs, without the costs of moving.
    pub objective: Objective,
    /// How much it differs.
    pub stability: Stability,
    /// Every batch that is elsewhere than before, and why.
    pub moves: Vec<Move>,
    /// Confirmed bookings that start outside of what was agreed: their tenants are to be asked.
    pub proposals: Vec<BatchIx>,
    /// Requests that are refused now and were not before.
    pub refused: Vec<BatchIx>,
    /// Batches of one patient's own cells among the moved and the refused.
    pub patients: Vec<BatchIx>,
    /// Batches that must be in the plan and for which no place was found at all.
    pub missing: Vec<BatchIx>,
    /// Steps taken by the repair and the search.
    pub steps: u64,
}

/// How much one plan differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stability {
    /// Batches that differ in anything.
    pub moved_batches: usize,
    /// Batches with another route or suite, refused or no longer refused.
    pub route_or_suite_changes: usize,
    /// Activities of the next seven days that moved by eight hours or more.
    pub activities_moved: i64,
    /// The cost of all this, in units of the objective's cost.
    pub cost: i64,
}

/// One batch that is elsewhere than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub batch: BatchIx,
    /// Where it was; none when it was refused or is new.
    pub from: Option<Placement>,
    /// Where it is now; none when it is refused.
    pub to: Option<Placement>,
    /// Why.
    pub reason: Reason,
}

/// Repairs the plan, then searches on near to it until told to stop. The same disruption, seed and
/// step budget give the same plan; what a repair needs comes on top of the budget. Progress first tells of the repair.
#[must_use]
pub fn replan(disrupted: &Disrupted, params: &Params, seed: u64, stop: Stop) -> Replanned {
    let Disrupted { problem, before, reach } = disrupted;
    let anchor = anchor(problem, before);
    let repaired = repair::repair(problem.clone(), &anchor, params, seed, stop);
    let problem = repaired.problem;
    (params.progress)(Progress { objective: Some(repaired.objective.total), bound: None, steps: 0 });
    let moved = moved(&problem, before, &repaired.plan).count();
    let near = match reach {
        Reach::Least => Anchor { moved_max: Some(moved), ..anchor.clone() },
        Reach::Share => Anchor { moved_max: Some(moved.max(problem.batches.len() / MOVED_SHARE)), ..anchor.clone() },
        Reach::Any => Anchor { change_cost: 0, move_cost: 0, moved_max: None, ..anchor.clone() },
    };
    let mut outcome = improve(&problem, &repaired.plan, &near, params, seed, stop);
    let out = repair::missing(&problem, &repaired.plan);
    if !outcome.missing.iter().all(|ix| out.contains(ix)) {
        // Where somebody has to stay out, nobody is put out instead because that costs less.
        outcome = Outcome { plan: repaired.plan, objective: repaired.objective, missing: out, ..outcome };
    }
    let plan = outcome.plan;
    let moves = reason::moves(&problem, before, &plan);
    let agreed = &disrupted.problem;
    let proposals = problem.batches.positions().filter(|ix| is_proposal(agreed, &plan, *ix)).collect();
    let refused = moves.iter().filter(|it| it.to.is_none()).map(|it| it.batch).collect();
    let own = moves.iter().filter(|it| problem.batches[it.batch].autologous);
    Replanned {
        objective: outcome.objective,
        stability: stability(&anchor, &problem, &plan),
        proposals,
        refused,
        patients: own.map(|it| it.batch).collect(),
        missing: outcome.missing,
        steps: repaired.steps + outcome.steps,
        moves,
        plan,
        problem,
    }
}

/// What a new plan is compared with, and what differences cost.
fn anchor(problem: &Problem, before: &Plan) -> Anchor {
    let slot = i64::from(problem.slot_minutes.max(1));
    Anchor {
        plan: before.clone(),
        change_cost: CHANGE_COST,
        move_cost: MOVE_COST,
        window: Window::new(problem.now, problem.now + NEAR_MIN / slot),
        moved_min: (MUCH_MIN / slot).max(1),
        moved_max: None,
    }
}

/// Batches of the plan from before that are elsewhere in another one.
fn moved<'a>(problem: &'a Problem, before: &'a Plan, plan: &'a Plan) -> impl Iterator<Item = BatchIx> + 'a {
    let differs = |ix: &BatchIx| !is_new(before, *ix) && before.placement(*ix) != plan.placement(*ix);
    problem.batches.positions().filter(differs)
}

fn stability(anchor: &Anchor, problem: &Problem, plan: &Plan) -> Stability {
    let mut sum = Stability::default();
    for ix in moved(problem, &anchor.plan, plan) {
        let now = plan.placement(ix);
        let changed = match (anchor.plan.placement(ix), now) {
            (Some(before), Some(now)) => before.route != now.route || before.suites != now.suites,
            (None, _) | (_, None) => true,
        };
        let cost = anchor.cost(ix, now);
        let moves = cost - if changed { anchor.change_cost } else { 0 };
        sum.moved_batches += 1;
        sum.route_or_suite_changes += usize::from(changed);
        sum.activities_moved += moves / anchor.move_cost.max(1);
        sum.cost += cost;
    }
    sum
}

/// Whether a confirmed booking starts outside of what was agreed.
fn is_proposal(problem: &Problem, plan: &Plan, ix: BatchIx) -> bool {
    let batch = &problem.batches[ix];
    let (Some(booking), Some(placement)) = (batch.booking, plan.placement(ix)) else { return false };
    let start: Slot = placement.starts.first().copied().unwrap_or(0);
    let (earliest, latest) = booking.bounds();
    let begun = batch.commitment.as_ref().is_some_and(|it| it.starts.first().is_some_and(Option::is_some));
    !begun && !(earliest..=latest).contains(&start)
}
