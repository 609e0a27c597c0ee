//! A legal plan as near to the one before as it is quickly had: what still fits stays, the rest is
//! put in again where it costs least.
//!
//! What has started comes first, then what may not be refused, then the rest: each group keeps
//! what it can before any of it is moved. Where that leaves out what must be in, others make room, as
//! few as will do. It looks for no better plan.

use crate::anchor::Anchor;
use crate::index::BatchIx;
use crate::load::fitness;
use crate::moves::recreate::{Whim, cheapest};
use crate::plan::{Objective, Plan};
use crate::problem::{Batch, Problem};
use crate::search::improve;
use crate::spec::Slot;
use crate::stop::{Params, Stop};
use crate::timing::{Ask, Timer};
use crate::working::Working;
use crate::{check, cost, load::Load};

/// How many more batches than so far may make room, attempt by attempt.
const MORE_MOVED: [usize; 5] = [1, 2, 4, 8, 16];
/// Steps of one attempt.
const ATTEMPT_STEPS: u64 = 1_000;

/// A plan put in order again, and the problem it is legal for.
pub(super) struct Repaired {
    pub(super) problem: Problem,
    pub(super) plan: Plan,
    pub(super) objective: Objective,
    pub(super) steps: u64,
}

/// Repairs the anchor's plan. Bookings for which there is no room, whoever makes some for them, have
/// their agreements set aside, and then whatever keeps them where they were.
pub(super) fn repair(mut problem: Problem, anchor: &Anchor, params: &Params, seed: u64, stop: Stop) -> Repaired {
    let (mut plan, mut steps) = with_room_made(&problem, anchor, params, seed, stop);
    for lift in [lift_agreement, lift_frozen] {
        let missing = missing(&problem, &plan);
        if missing.is_empty() {
            break;
        }
        missing.into_iter().for_each(|ix| lift(&mut problem.batches[ix]));
        let (again, more) = with_room_made(&problem, anchor, params, seed, stop);
        plan = again;
        steps += more;
    }
    let objective = cost::of_plan(&problem, &plan, &Load::of_plan(&problem, &plan));
    debug_assert_eq!(objective, check::recount(&problem, &plan));
    Repaired { problem, plan, objective, steps }
}

/// Batches that must be in the plan and are not.
pub(super) fn missing(problem: &Problem, plan: &Plan) -> Vec<BatchIx> {
    let out = |ix: &BatchIx| problem.batches[*ix].must_be_in() && plan.placement(*ix).is_none();
    problem.batches.positions().filter(out).collect()
}

/// A plan put in order, and the steps it took: where a booking finds no place beside what stays, one more
/// batch may make room for it, then a few more.
fn with_room_made(problem: &Problem, anchor: &Anchor, params: &Params, seed: u64, stop: Stop) -> (Plan, u64) {
    let mut plan = put_in_order(problem, anchor);
    let mut steps = 0;
    for more in MORE_MOVED {
        let out = missing(problem, &plan);
        // What has started was put in first: nobody stands in its way who could make room.
        if out.iter().all(|ix| problem.batches[*ix].commitment.is_some()) || (stop.asked)() {
            break;
        }
        let moved = super::moved(problem, &anchor.plan, &plan).count();
        let near = Anchor { moved_max: Some(moved + more), ..anchor.clone() };
        let attempt = Stop { steps: Some(ATTEMPT_STEPS), asked: stop.asked };
        let outcome = improve(problem, &plan, &near, params, seed, attempt);
        steps += outcome.steps;
        // Nobody is put out for the sake of another.
        if outcome.missing.len() < out.len() && outcome.missing.iter().all(|ix| out.contains(ix)) {
            plan = outcome.plan;
        }
    }
    (plan, steps)
}

/// The batch's own dates, without what was agreed.
fn lift_agreement(batch: &mut Batch) {
    if let (Some(booking), None) = (batch.booking, &batch.commitment) {
        batch.release = booking.release;
        batch.start_max = booking.start_max;
        batch.booking = None;
    }
}

/// What was frozen and has not started may move after all.
fn lift_frozen(batch: &mut Batch) {
    let fixed = batch.commitment.as_ref();
    if fixed.is_some_and(|fixed| fixed.is_complete()) {
        lift_agreement(batch);
        batch.commitment = None;
    }
}

/// Started work, work on suites, bookings, requests.
fn group(batch: &Batch) -> u8 {
    match (batch.commitment.is_some(), batch.work, batch.must_be_in()) {
        (true, ..) => 0,
        (false, true, _) => 1,
        (false, false, true) => 2,
        (false, false, false) => 3,
    }
}

fn put_in_order(problem: &Problem, anchor: &Anchor) -> Plan {
    let mut working = Working::new(problem, Some(anchor));
    let mut timer = Timer::default();
    let works: Vec<usize> = rank_of_works(problem);
    let start = |ix: BatchIx| -> Slot {
        let before = anchor.plan.placement(ix).and_then(|placement| placement.starts.first().copied());
        before.unwrap_or(problem.batches[ix].release)
    };
    let open = |ix: &BatchIx| working.placement(*ix).is_none();
    let mut line: Vec<BatchIx> = problem.batches.positions().filter(open).collect();
    let rank = |ix: &BatchIx| works.get(ix.row()).copied().unwrap_or(0);
    line.sort_by_key(|ix| (group(&problem.batches[*ix]), rank(ix), start(*ix), *ix));
    for part in line.chunk_by(|one, other| group(&problem.batches[*one]) == group(&problem.batches[*other])) {
        let moved: Vec<BatchIx> =
            part.iter().copied().filter(|ix| !keep(&mut working, &mut timer, *ix, anchor)).collect();
        for ix in moved {
            working.lift(ix, true);
            let placement = cheapest(&working, &mut timer, ix, Whim::default());
            working.lift(ix, false);
            if let Some(placement) = placement {
                working.insert(ix, placement);
            }
        }
    }
    let mut plan = Plan::empty(problem);
    for ix in problem.batches.positions() {
        plan.set(ix, working.placement(ix).cloned());
    }
    plan
}

/// The order in which work on suites must be put in; 0 for batches.
fn rank_of_works(problem: &Problem) -> Vec<usize> {
    let mut ranks = vec![0; problem.batches.len()];
    for (rank, ix) in problem.works.iter().enumerate() {
        if let Some(row) = ranks.get_mut(ix.row()) {
            *row = rank;
        }
    }
    ranks
}

/// Puts a batch where it was; whether it still fits there. One that was refused stays refused for
/// now: the search looks after it.
fn keep(working: &mut Working, timer: &mut Timer, ix: BatchIx, anchor: &Anchor) -> bool {
    let problem = working.problem;
    let batch = &problem.batches[ix];
    let Some(before) = anchor.plan.placement(ix) else {
        return ix.row() < anchor.plan.len() && !batch.must_be_in();
    };
    let end_max = problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX));
    let mut ask = Ask::until(ix.row(), end_max);
    if batch.work {
        let room = fitness::room_for_work(problem, |ix| working.placement(ix), &working.load, ix);
        (ask.start_min, ask.end_max) = (room.start, ask.end_max.min(room.end));
    }
    working.lift(ix, true);
    let fits = timer.fits(problem, &working.load, batch, before, ask);
    working.lift(ix, false);
    if fits {
        working.insert(ix, before.clone());
    }
    fits
}
