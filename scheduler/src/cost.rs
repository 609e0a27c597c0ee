//! The objective, as the planner counts it: one batch at a time, and a whole plan.
//!
//! The referee counts for itself (`check::recount`); a property test compares the two.

use crate::index::SuiteIx;
use crate::load::Load;
use crate::plan::{Objective, Placement, Plan};
use crate::problem::{Batch, Problem};
use crate::spec::Slot;

/// Slots after its due time at which a placed batch ends.
pub(crate) fn late(batch: &Batch, placement: &Placement) -> Slot {
    (end(batch, placement) - batch.due).max(0)
}

/// End of the last activity.
pub(crate) fn end(batch: &Batch, placement: &Placement) -> Slot {
    placement.span(&batch.routes[placement.route]).map_or(0, |(_, end)| end)
}

/// What placing a batch costs on top of what is in use: lateness, route, changeover.
pub(crate) fn of_placement(problem: &Problem, load: &Load, batch: &Batch, owner: usize, placement: &Placement) -> i64 {
    batch.weight * late(batch, placement)
        + batch.routes[placement.route].cost
        + load.changeover_cost(problem, batch, owner, placement)
}

/// What a whole plan costs. The plan must have the shape of the problem.
pub(crate) fn of_plan(problem: &Problem, plan: &Plan, load: &Load) -> Objective {
    let mut sum = Objective::default();
    for (ix, batch) in problem.batches.pairs() {
        match plan.placement(ix) {
            Some(placement) => {
                sum.tardiness += batch.weight * late(batch, placement);
                sum.route += batch.routes[placement.route].cost;
                sum.makespan = sum.makespan.max(end(batch, placement));
            }
            None => sum.drop += batch.drop_penalty.unwrap_or(0),
        }
    }
    let suites = load.suites.positions();
    sum.changeover = suites.map(|suite: SuiteIx| load.suites[suite].cost(problem)).sum();
    let cost = sum.tardiness + sum.changeover + sum.route + sum.drop;
    sum.total = problem.cost_scale * cost + sum.makespan;
    sum
}
