//! A first plan: batches one after the other, each at its earliest place that is worth its cost.
//!
//! Within a round nothing is moved once placed, so the order of insertion decides how good the plan
//! is. Rounds are repeated with those who were left out or late nearer to the front, and the best
//! plan is kept. It does not mend a plan: what a round has placed badly stays so.

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

/// Insertions after which no further round begins: a bound on work, the same on every machine.
const INSERTIONS_MAX: usize = 20_000;
/// Rounds without a better plan after which no further round begins.
const FRUITLESS_MAX: usize = 30;
/// Precedence of batches that may be refused; what comes before must be placed.
const REFUSABLE: u8 = 2;

/// Builds a first plan. Committed batches come first and stay where they are; then those that may
/// not be refused; then the rest, each only where it costs less than its refusal.
#[must_use]
pub fn build(problem: &Problem) -> Draft {
    let (plan, load, open) = committed(problem);
    let mut line = open.clone();
    line.sort_by_key(|ix| (precedence(&problem.batches[*ix]), urgency(&problem.batches[*ix]), *ix));
    let mut last = attempt(problem, &plan, &load, line);
    let mut best = last.draft.clone();
    let mut inserted = open.len();
    let mut fruitless = 0;
    while fruitless < FRUITLESS_MAX && inserted + open.len() <= INSERTIONS_MAX {
        let line = complaints_first(problem, &last);
        if line == last.line {
            break;
        }
        last = attempt(problem, &plan, &load, line);
        inserted += open.len();
        fruitless += 1;
        if rank(problem, &last.draft) < rank(problem, &best) {
            best = last.draft.clone();
            fruitless = 0;
        }
    }
    best
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

/// A line of batches, and the draft that inserting them in this order gives.
struct Attempt {
    line: Vec<BatchIx>,
    draft: Draft,
}

fn attempt(problem: &Problem, plan: &Plan, load: &Load, line: Vec<BatchIx>) -> Attempt {
    let draft = insert_all(problem, plan.clone(), load.clone(), &line);
    Attempt { line, draft }
}

/// The next line to try: who was left out moves half way to the front, who is late a quarter of
/// the way; a batch that must be placed and found no room goes to the very front.
fn complaints_first(problem: &Problem, attempt: &Attempt) -> Vec<BatchIx> {
    let mut line: Vec<(usize, BatchIx)> = Vec::new();
    for (row, ix) in attempt.line.iter().copied().enumerate() {
        let batch = &problem.batches[ix];
        let place = match attempt.draft.plan.placement(ix) {
            None if precedence(batch) < REFUSABLE => 0,
            None => 2 * row,
            Some(placement) if cost::late(batch, placement) > 0 => 3 * row,
            Some(_) => 4 * row,
        };
        line.push((place, ix));
    }
    line.sort_by_key(|(place, _)| *place);
    line.into_iter().map(|(_, ix)| ix).collect()
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

/// Batches with a latest start first, by release; the others by due time.
fn urgency(batch: &Batch) -> (u8, Slot, Reverse<i64>) {
    match batch.start_max {
        Some(_) => (0, batch.release, Reverse(batch.weight)),
        None => (1, batch.due, Reverse(batch.weight)),
    }
}

/// The cheapest of the earliest placements on each route; none when refusal is cheaper.
fn best_place(problem: &Problem, load: &Load, batch: &Batch, ix: BatchIx) -> Option<Placement> {
    let owner = ix.row();
    let end_max = last_worthwhile_end(problem, batch);
    let ask = Ask::until(owner, end_max);
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
