//! A first plan: batches one after the other, each at its earliest place that is worth its cost.
//!
//! It never moves what it has placed; making a plan better is not its business. The order of
//! insertion decides how good the plan is, so a few orders are tried and the best plan kept.

use std::cmp::Reverse;

use crate::cost;
use crate::index::BatchIx;
use crate::load::Load;
use crate::plan::{Objective, Placement, Plan};
use crate::problem::{Batch, Problem};
use crate::spec::Slot;
use crate::timing::{Ask, earliest};

/// A first plan and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The plan.
    pub plan: Plan,
    /// Its cost as the planner counts it.
    pub objective: Objective,
    /// Batches without a place. Among them may be ones that must not be refused, when what is
    /// fixed leaves them no room: `check` names those.
    pub left_out: Vec<BatchIx>,
}

/// An order in which batches are inserted.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// Batches that must start soon first, the others by due time.
    UrgentThenDue,
    /// By due time alone.
    Due,
    /// By the latest start that still meets the due time.
    LatestStart,
}

const ORDERS: [Order; 3] = [Order::UrgentThenDue, Order::Due, Order::LatestStart];

/// Most rounds in which batches that must be placed, but found no room, are inserted first.
const ROUNDS_MAX: usize = 8;
/// Precedence of batches that may be refused; what comes before must be placed.
const REFUSABLE: u8 = 2;

/// Builds a first plan. Committed batches come first and stay where they are; then those that may
/// not be refused; then the rest, each only where it costs less than its refusal.
#[must_use]
pub fn build(problem: &Problem) -> Draft {
    let (plan, load, open) = committed(problem);
    let [first, rest @ ..] = ORDERS.map(|order| draft(problem, &plan, &load, &open, order));
    let better = |best: Draft, next: Draft| if rank(problem, &next) < rank(problem, &best) { next } else { best };
    rest.into_iter().fold(first, better)
}

/// Everything that is fixed, in use; and the batches that are not, or not wholly.
fn committed(problem: &Problem) -> (Plan, Load, Vec<BatchIx>) {
    let mut plan = Plan::empty(problem);
    let mut load = Load::new(problem);
    let mut open = Vec::new();
    for (ix, batch) in problem.batches.pairs() {
        let whole = batch.commitment.as_ref().filter(|commitment| commitment.is_complete());
        if let Some(commitment) = whole {
            let placement = Placement {
                route: commitment.route,
                starts: commitment.starts.iter().copied().flatten().collect(),
                suites: commitment.suites.iter().copied().flatten().collect(),
                equipment: commitment.equipment.iter().copied().flatten().collect(),
            };
            load.place(problem, batch, ix.row(), &placement);
            plan.set(ix, Some(placement));
        } else {
            load.set_aside(problem, batch, ix.row(), 1);
            open.push(ix);
        }
    }
    (plan, load, open)
}

/// Inserts in one order. When a batch that must be placed finds no room, it is inserted before all
/// others in another round.
fn draft(problem: &Problem, plan: &Plan, load: &Load, open: &[BatchIx], order: Order) -> Draft {
    let mut open = open.to_vec();
    open.sort_by_key(|ix| (precedence(&problem.batches[*ix]), key(&problem.batches[*ix], order), *ix));
    let mut best = insert_all(problem, plan.clone(), load.clone(), &open);
    for _ in 0..ROUNDS_MAX {
        let must = |ix: &BatchIx| precedence(&problem.batches[*ix]) < REFUSABLE;
        let without: Vec<BatchIx> = best.left_out.iter().copied().filter(must).collect();
        if without.is_empty() {
            break;
        }
        open.sort_by_key(|ix| !without.contains(ix));
        let next = insert_all(problem, plan.clone(), load.clone(), &open);
        if rank(problem, &next) < rank(problem, &best) {
            best = next;
        }
    }
    best
}

fn insert_all(problem: &Problem, mut plan: Plan, mut load: Load, open: &[BatchIx]) -> Draft {
    let mut left_out = Vec::new();
    for ix in open.iter().copied() {
        let batch = &problem.batches[ix];
        load.set_aside(problem, batch, ix.row(), -1);
        match best_place(problem, &load, batch, ix) {
            Some(placement) => {
                load.place(problem, batch, ix.row(), &placement);
                plan.set(ix, Some(placement));
            }
            None => {
                load.set_aside(problem, batch, ix.row(), 1);
                left_out.push(ix);
            }
        }
    }
    left_out.sort_unstable();
    // What stays set aside for batches without a place is not part of the plan.
    let load = if left_out.is_empty() { load } else { Load::of_plan(problem, &plan) };
    let objective = cost::of_plan(problem, &plan, &load);
    Draft { plan, objective, left_out }
}

/// Batches that must be placed but are not come first, then the objective.
fn rank(problem: &Problem, draft: &Draft) -> (usize, i64) {
    let must = |ix: &&BatchIx| precedence(&problem.batches[**ix]) < REFUSABLE;
    (draft.left_out.iter().filter(must).count(), draft.objective.total)
}

/// Started work, then what may not be refused, then the rest.
fn precedence(batch: &Batch) -> u8 {
    match (&batch.commitment, batch.drop_penalty) {
        (Some(_), _) => 0,
        (None, None) => 1,
        (None, Some(_)) => REFUSABLE,
    }
}

fn key(batch: &Batch, order: Order) -> (u8, Slot, Reverse<i64>) {
    let length = batch.routes.rows().map(crate::problem::Route::length_min).min().unwrap_or(0);
    let (class, slot) = match order {
        Order::UrgentThenDue => match batch.start_max {
            Some(_) => (0, batch.release),
            None => (1, batch.due),
        },
        Order::Due => (0, batch.due),
        Order::LatestStart => (0, batch.start_max.unwrap_or(Slot::MAX).min(batch.due - length)),
    };
    (class, slot, Reverse(batch.weight))
}

/// The cheapest of the earliest placements on each route; none when refusal is cheaper.
fn best_place(problem: &Problem, load: &Load, batch: &Batch, ix: BatchIx) -> Option<Placement> {
    let owner = ix.row();
    let end_max = last_worthwhile_end(problem, batch);
    let ask = Ask { owner, end_max, ignored: None, grid: None };
    let mut best: Option<(i64, Placement)> = None;
    for route in batch.routes.positions() {
        if batch.commitment.as_ref().is_some_and(|commitment| commitment.route != route) {
            continue;
        }
        let Ok(placement) = earliest(problem, load, batch, route, ask) else { continue };
        let cost = cost::of_placement(problem, load, batch, owner, &placement);
        if batch.commitment.is_none() && batch.drop_penalty.is_some_and(|penalty| cost >= penalty) {
            continue;
        }
        let rank = problem.cost_scale * cost + cost::end(batch, &placement);
        if best.as_ref().is_none_or(|(least, _)| rank < *least) {
            best = Some((rank, placement));
        }
    }
    best.map(|(_, placement)| placement)
}

/// The last end that is allowed, and not so late that refusing would be cheaper.
fn last_worthwhile_end(problem: &Problem, batch: &Batch) -> Slot {
    let allowed = problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX));
    match batch.drop_penalty {
        Some(penalty) if batch.weight > 0 && batch.commitment.is_none() => {
            allowed.min(batch.due + penalty / batch.weight)
        }
        Some(_) | None => allowed,
    }
}
