//! What any plan costs at least: a true lower bound of the whole problem's objective.
//!
//! Each batch is placed by itself into the empty facility. What stands in its way there stands in
//! its way in every plan, and its earliest end there is the earliest in any, so the cheaper of
//! that and its refusal is never beaten. How batches hinder each other is left out of account:
//! the bound is true, and weak where people are scarce.

use crate::cost;
use crate::index::{BatchIx, RouteIx};
use crate::problem::Problem;
use crate::spec::Slot;
use crate::timing::{Ask, Timer};
use crate::working::Working;

/// A lower bound of the objective of every legal plan.
#[must_use]
pub fn lower_bound(problem: &Problem) -> i64 {
    // In use are batches that are fixed as a whole, and of those fixed in part what no plan can do
    // without.
    let mut empty = Working::new(problem, None);
    let mut timer = Timer::default();
    let (mut cost, mut end_min): (i64, Slot) = (0, 0);
    for ix in problem.batches.positions() {
        let least = match empty.placement(ix) {
            Some(placement) => (empty.cost_of(ix), cost::end(&problem.batches[ix], placement), true),
            None => alone(&mut empty, &mut timer, ix),
        };
        let (least, end, placed) = least;
        cost = cost.saturating_add(least);
        end_min = if placed { end_min.max(end) } else { end_min };
    }
    problem.cost_scale.saturating_mul(cost).saturating_add(end_min)
}

/// The least cost of a batch, the end it then has at least, and whether it is surely placed.
fn alone(empty: &mut Working, timer: &mut Timer, ix: BatchIx) -> (i64, Slot, bool) {
    let problem = empty.problem;
    let batch = &problem.batches[ix];
    let ask = Ask::until(ix.row(), problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX)));
    empty.lift(ix, true);
    let routes = batch.routes.positions();
    let open = routes.filter(|route| batch.commitment.as_ref().is_none_or(|fixed| fixed.route == *route));
    let start_min = if batch.commitment.is_some() { batch.release } else { batch.release.max(problem.now) };
    let mut end = |route: RouteIx| {
        let found = timer.earliest(problem, &empty.load, batch, route, ask);
        // Where holds of the batch itself compete, suites are yet to be made fit, or airlocks must
        // be passed, the timer's answer is not proved to be the earliest: then only the route's own length counts.
        match problem.works.is_empty() && problem.airlocks.len() == 0 && !timer.in_own_way {
            true => Some(cost::end(batch, &found?)),
            false => Some(start_min + batch.routes[route].length_min()),
        }
    };
    let found: Vec<(i64, Slot)> = open
        .filter_map(|route| {
            let end = end(route)?;
            Some((batch.weight * (end - batch.due).max(0) + batch.routes[route].cost, end))
        })
        .collect();
    empty.lift(ix, false);
    let least = found.iter().map(|(cost, _)| *cost).min();
    let end = found.iter().map(|(_, end)| *end).min().unwrap_or(0);
    match (least, batch.drop_penalty) {
        (Some(least), Some(penalty)) => (least.min(penalty), end, false),
        (Some(least), None) => (least, end, true),
        (None, penalty) => (penalty.unwrap_or(0), 0, false),
    }
}
