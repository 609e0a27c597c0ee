//! How batches are put in again: one after the other, each where it is cheapest just then.
//!
//! The order decides, so it is drawn from several kinds. A batch stays out where its refusal
//! costs less than any place found.

use fastrand::Rng;

use crate::cost;
use crate::index::BatchIx;
use crate::load::fitness;
use crate::plan::Placement;
use crate::problem::Batch;
use crate::spec::Slot;
use crate::timing::{Ask, Timer};
use crate::validate::COST_MAX;
use crate::working::Working;

/// In which order batches are put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As drawn.
    Any,
    /// Those with a latest start first, by release; then by due time.
    Urgent,
    /// The costliest to leave out first, weighed by how long they take.
    Dear,
    /// The longest first.
    Long,
}

impl Order {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        match rng.u32(0..8) {
            0..=3 => Self::Any,
            4 | 5 => Self::Urgent,
            6 => Self::Dear,
            _ => Self::Long,
        }
    }

    /// Brings batches into this order.
    pub(crate) fn apply(self, working: &Working, batches: &mut [BatchIx], rng: &mut Rng) {
        rng.shuffle(batches);
        let batch = |ix: &BatchIx| &working.problem.batches[*ix];
        match self {
            Self::Any => {}
            Self::Urgent => batches.sort_by_key(|ix| urgency(batch(ix))),
            Self::Dear => {
                batches.sort_by_key(|ix| -batch(ix).drop_penalty.unwrap_or(COST_MAX) / length(batch(ix)).max(1))
            }
            Self::Long => batches.sort_by_key(|ix| -length(batch(ix))),
        }
    }
}

/// Batches with a latest start first, by release; the others by due time.
pub(crate) fn urgency(batch: &Batch) -> (u8, Slot, i64) {
    match batch.start_max {
        Some(_) => (0, batch.release, -batch.weight),
        None => (1, batch.due, -batch.weight),
    }
}

/// Slots that a batch takes at least, by its first route.
pub(crate) fn length(batch: &Batch) -> Slot {
    batch.routes.rows().map(crate::problem::Route::length_min).min().unwrap_or(0)
}

/// How places are looked for, beyond what a batch asks for itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Whim {
    /// Only this one of its routes, counted round.
    pub(crate) route: Option<usize>,
    /// Starts no earlier than so many slots after its release.
    pub(crate) delay: Slot,
    /// Passes over the place where the anchor has the batch: otherwise most go straight back.
    pub(crate) away: bool,
}

/// The cheapest of the earliest placements on each route; none when refusal is cheaper.
pub(crate) fn cheapest(working: &Working, timer: &mut Timer, ix: BatchIx, whim: Whim) -> Option<Placement> {
    let problem = working.problem;
    let batch = &problem.batches[ix];
    let owner = crate::index::Position::row(ix);
    let mut ask = Ask::until(owner, last_worthwhile_end(working, batch));
    ask.start_min = batch.release + whim.delay;
    if batch.work {
        let room = fitness::room_for_work(problem, |ix| working.placement(ix), &working.load, ix);
        (ask.start_min, ask.end_max) = (ask.start_min.max(room.start), ask.end_max.min(room.end));
    }
    let only = whim.route.map(|route| route % batch.routes.len().max(1));
    let mut best: Option<(i64, Placement)> = None;
    for route in batch.routes.positions() {
        let skipped = only.is_some_and(|only| only != crate::index::Position::row(route));
        let committed = batch.commitment.as_ref();
        if committed.map_or(skipped, |commitment| commitment.route != route) {
            continue;
        }
        let Some(placement) = timer.earliest(problem, &working.load, batch, route, ask) else { continue };
        consider(working, ix, placement, Tie::Stays, &mut best);
    }
    if let Some(before) = working.anchored(ix).filter(|_| !whim.away)
        && timer.fits(problem, &working.load, batch, before, Ask::until(owner, ask.end_max))
    {
        consider(working, ix, before.clone(), Tie::Wins, &mut best);
    }
    best.map(|(_, placement)| placement)
}

/// What becomes of a placement that is as good as the one found before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// It is taken: the place from before costs no move.
    Wins,
    /// It is not.
    Stays,
}

/// Keeps a placement when it is cheaper than what there is, and than refusal where that is allowed.
fn consider(working: &Working, ix: BatchIx, placement: Placement, tie: Tie, best: &mut Option<(i64, Placement)>) {
    let (problem, batch) = (working.problem, &working.problem.batches[ix]);
    let cost = cost::of_placement(problem, &working.load, batch, crate::index::Position::row(ix), &placement)
        + working.anchor_cost(ix, &placement);
    if !batch.must_be_in() && cost >= working.refusal_cost(ix) {
        return;
    }
    let rank = problem.cost_scale * cost + cost::end(batch, &placement);
    if best.as_ref().is_none_or(|(least, _)| rank < *least || (tie == Tie::Wins && rank == *least)) {
        *best = Some((rank, placement));
    }
}

/// The last end that is allowed, and not so late that refusing would be cheaper.
fn last_worthwhile_end(working: &Working, batch: &Batch) -> Slot {
    let allowed = working.problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX));
    match batch.drop_penalty {
        Some(penalty) if batch.weight > 0 && batch.commitment.is_none() => {
            allowed.min(batch.due + penalty / batch.weight)
        }
        Some(_) | None => allowed,
    }
}
