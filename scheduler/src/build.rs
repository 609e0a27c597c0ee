//! A first plan: batches one after the other, each at its earliest place that is worth its cost.
//!
//! Within a round nothing is moved once placed, so the order of insertion decides how good the plan
//! is. Rounds are repeated with those who were left out or late nearer to the front, and the best
//! plan is kept. It does not mend a plan: what a round has placed badly stays so.

use crate::cost;
use crate::index::BatchIx;
use crate::load::Load;
use crate::moves::recreate::{Whim, cheapest, urgency};
use crate::plan::{Objective, Plan};
use crate::problem::{Batch, Problem};
use crate::stop::Stop;
use crate::timing::Timer;
use crate::working::Working;

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

/// Builds a first plan. Committed batches come first and stay where they are; then work on suites,
/// which others wait for; then those that may not be refused; then the rest, each only where it costs
/// less than its refusal.
#[must_use]
pub fn build(problem: &Problem) -> Draft {
    let plan = first_plan(problem, INSERTIONS_MAX, Stop::when(&|| false), &|_| {});
    let left_out: Vec<BatchIx> = plan.refused().collect();
    let objective = cost::of_plan(problem, &plan, &Load::of_plan(problem, &plan));
    Draft { plan, objective, left_out }
}

/// A first plan for which the line is formed anew while so many insertions are not used up. Every
/// better plan's objective is told on the way.
pub(crate) fn first_plan(problem: &Problem, insertions: usize, stop: Stop, tell: &dyn Fn(i64)) -> Plan {
    let rounds = (insertions / problem.batches.len().max(1)).saturating_sub(1);
    let mut timer = Timer::default();
    let mut fixed = Working::new(problem, None);
    if !problem.works.is_empty() {
        fixed = insert_works(fixed, &mut timer);
    }
    let open = |ix: &BatchIx| fixed.placement(*ix).is_none() && !problem.batches[*ix].work;
    let mut line: Vec<BatchIx> = problem.batches.positions().filter(open).collect();
    line.sort_by_key(|ix| (precedence(&problem.batches[*ix]), urgency(&problem.batches[*ix]), *ix));
    let mut last = insert_all(fixed.clone(), &line, &mut timer);
    let (mut best, mut worth) = (last.plan(), last.worth());
    tell(worth.1);
    let mut fruitless = 0;
    for _ in 0..rounds {
        let next = complaints_first(&last, &line);
        if next == line || fruitless >= FRUITLESS_MAX || (stop.asked)() {
            break;
        }
        line = next;
        last = insert_all(fixed.clone(), &line, &mut timer);
        fruitless += 1;
        if last.worth() < worth {
            (best, worth) = (last.plan(), last.worth());
            tell(worth.1);
            fruitless = 0;
        }
    }
    best
}

/// Puts in what has started, and then work on suites in an order in which each follows what it
/// waits for. Work that finds no room stays out.
fn insert_works<'p>(fixed: Working<'p>, timer: &mut Timer) -> Working<'p> {
    let problem = fixed.problem;
    let open = |ix: &BatchIx| fixed.placement(*ix).is_none();
    let has_started = |ix: &BatchIx| problem.batches[*ix].commitment.is_some();
    let mut line: Vec<BatchIx> = problem.batches.positions().filter(|ix| open(ix) && has_started(ix)).collect();
    line.sort_by_key(|ix| (urgency(&problem.batches[*ix]), *ix));
    line.extend(problem.works.iter().filter(|ix| open(ix) && !has_started(ix)));
    insert_all(fixed, &line, timer)
}

fn insert_all<'p>(mut working: Working<'p>, line: &[BatchIx], timer: &mut Timer) -> Working<'p> {
    for ix in line.iter().copied() {
        working.lift(ix, true);
        let placement = cheapest(&working, timer, ix, Whim::default());
        working.lift(ix, false);
        if let Some(placement) = placement {
            working.insert(ix, placement);
        }
    }
    working
}

/// The next line to try: who was left out moves half way to the front, who is late a quarter of
/// the way; a batch that must be placed and found no room goes to the very front.
fn complaints_first(last: &Working, line: &[BatchIx]) -> Vec<BatchIx> {
    let mut next: Vec<(usize, BatchIx)> = Vec::new();
    for (row, ix) in line.iter().copied().enumerate() {
        let batch = &last.problem.batches[ix];
        let place = match last.placement(ix) {
            None if batch.must_be_in() => 0,
            None => 2 * row,
            Some(placement) if cost::late(batch, placement) > 0 => 3 * row,
            Some(_) => 4 * row,
        };
        next.push((place, ix));
    }
    next.sort_by_key(|(place, _)| *place);
    next.into_iter().map(|(_, ix)| ix).collect()
}

/// Started work, then what may not be refused, then the rest.
fn precedence(batch: &Batch) -> u8 {
    match (&batch.commitment, batch.drop_penalty) {
        (Some(_), _) => 0,
        (None, None) => 1,
        (None, Some(_)) => 2,
    }
}
