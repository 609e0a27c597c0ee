//! A place for a request that has none beside what is committed, when a few batches may move.
//!
//! Nobody is left out for it: whoever is placed stays placed, keeps what is fixed about it, and
//! moves only within its agreement. What comes of it is a proposal; nothing is moved here.

use crate::anchor::Anchor;
use crate::index::BatchIx;
use crate::load::Load;
use crate::plan::{NamedPlacement, Plan};
use crate::problem::Problem;
use crate::quote::{Committed, Offer, Request, offer_beside};
use crate::search::improve;
use crate::spec::{Slot, Window};
use crate::stop::{Params, Stop};

/// Cost of another suite or route for a batch that moves, and of each of its activities that
/// starts at another time: of two ways to make room, the one that disturbs less.
const CHANGE_COST: i64 = 5;
const MOVE_COST: i64 = 1;

/// A latest start that no slot is early enough for.
const NOT_AT_ALL: Slot = -1;

/// A place for a request, and what has to move for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingOffer {
    /// Where the request goes.
    pub offer: Offer,
    /// Every batch that moves: where it is committed, and where it would be.
    pub moved: Vec<(NamedPlacement, NamedPlacement)>,
    /// The whole plan with the request as its last batch.
    pub plan: Plan,
}

/// Looks for a place with at most `moves_max` committed batches moved. None when none was found
/// within the stop; that is no proof that there is none.
#[must_use]
pub fn quote_with_moves(
    committed: &Committed,
    request: &Request,
    moves_max: usize,
    seed: u64,
    stop: Stop,
) -> Option<MovingOffer> {
    let before = &committed.plan;
    let (problem, asked) = with_request(committed, request);
    let anchor = Anchor {
        plan: before.clone(),
        change_cost: CHANGE_COST,
        move_cost: MOVE_COST,
        window: Window::new(0, problem.horizon),
        moved_min: 1,
        moved_max: Some(moves_max),
    };
    let mut start = before.clone();
    start.set(asked, None);
    let found = improve(&problem, &start, &anchor, &Params::default(), seed, stop);
    let placement = found.plan.placement(asked).filter(|_| found.missing.is_empty())?;
    let moved = problem.batches.pairs().filter(|(ix, _)| anchor.is_moved(*ix, found.plan.placement(*ix)));
    let moved = moved.filter_map(|(ix, batch)| {
        let named = |plan: &Plan| plan.placement(ix).map(|at| at.named(&problem, batch));
        Some((named(before)?, named(&found.plan)?))
    });
    let moved = moved.collect();
    let mut others = found.plan.clone();
    others.set(asked, None);
    let load = Load::of_plan(&problem, &others);
    let offer = offer_beside(&problem, &load, &problem.batches[asked], asked.row(), placement.clone());
    Some(MovingOffer { offer, moved, plan: found.plan })
}

/// The committed problem with the request in it. The request and whoever is placed must be in the
/// plan; whoever was refused stays so, for a quote gives nobody else a place.
fn with_request(committed: &Committed, request: &Request) -> (Problem, BatchIx) {
    let mut problem = committed.problem.clone();
    for ix in committed.problem.batches.positions() {
        if committed.plan.placement(ix).is_some() {
            problem.batches[ix].drop_penalty = None;
        } else {
            problem.batches[ix].start_max = Some(NOT_AT_ALL);
        }
    }
    let mut batch = request.batch.clone();
    batch.drop_penalty = None;
    let asked = problem.batches.push(batch);
    problem.names.batches.insert(request.batch.id.clone(), asked);
    (problem, asked)
}
