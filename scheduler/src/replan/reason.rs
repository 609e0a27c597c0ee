//! Why a batch is elsewhere in a new plan: what happened hit it, it makes room for others, or the
//! plan is better so.
//!
//! It compares two finished plans; it does not know how the new one was found.

use super::{Move, disruption::is_new};
use crate::index::BatchIx;
use crate::load::Load;
use crate::plan::{Placement, Plan};
use crate::problem::Problem;
use crate::spec::Slot;
use crate::timing::{Ask, Timer};

/// Why a batch is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The batch is new.
    New,
    /// It could not stay where it was, whatever the others did.
    Hit,
    /// Others are where it was: these, when each of them alone is in its way.
    MakesRoom {
        /// For whom.
        by: Vec<BatchIx>,
    },
    /// It could have stayed; the plan as a whole costs less so.
    Better,
}

/// Batches at another place than before, each with its reason.
pub(super) fn moves(problem: &Problem, before: &Plan, plan: &Plan) -> Vec<Move> {
    let differs = |ix: &BatchIx| before.placement(*ix) != plan.placement(*ix);
    let moved: Vec<BatchIx> = problem.batches.positions().filter(differs).collect();
    let mut loads = Loads { full: Load::of_plan(problem, plan), fixed: Load::new(problem), timer: Timer::default() };
    let started = |ix: &BatchIx| problem.batches[*ix].commitment.is_some();
    plan.placed().map(|(ix, _)| ix).filter(started).for_each(|ix| take(problem, plan, &mut loads.fixed, ix, true));
    let reason = |ix: BatchIx| match before.placement(ix) {
        None if is_new(before, ix) => Reason::New,
        None => Reason::Better,
        Some(from) => loads.reason(problem, plan, ix, from, &moved),
    };
    let mut reasons: Vec<Reason> = moved.iter().copied().map(reason).collect();
    let all = moved.iter().zip(reasons.drain(..)).map(|(ix, reason)| Move {
        batch: *ix,
        from: before.placement(*ix).cloned(),
        to: plan.placement(*ix).cloned(),
        reason,
    });
    all.collect()
}

/// What a finished plan uses: all of it, and only what has started.
struct Loads {
    full: Load,
    fixed: Load,
    timer: Timer,
}

impl Loads {
    fn reason(&mut self, problem: &Problem, plan: &Plan, ix: BatchIx, from: &Placement, moved: &[BatchIx]) -> Reason {
        let batch = &problem.batches[ix];
        let started = batch.commitment.is_some();
        let ask = Ask::until(ix.row(), problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX)));
        take(problem, plan, &mut self.full, ix, false);
        if started {
            take(problem, plan, &mut self.fixed, ix, false);
        }
        let reason = if !self.timer.fits(problem, &self.fixed, batch, from, ask) {
            Reason::Hit
        } else if self.timer.fits(problem, &self.full, batch, from, ask) {
            Reason::Better
        } else {
            let others = moved.iter().copied().filter(|other| *other != ix && meets(problem, plan, *other, ix, from));
            let mut by = Vec::new();
            for other in others {
                take(problem, plan, &mut self.full, other, false);
                if self.timer.fits(problem, &self.full, batch, from, ask) {
                    by.push(other);
                }
                take(problem, plan, &mut self.full, other, true);
            }
            Reason::MakesRoom { by }
        };
        take(problem, plan, &mut self.full, ix, true);
        if started {
            take(problem, plan, &mut self.fixed, ix, true);
        }
        reason
    }
}

/// Whether another batch of the plan runs, with a day to spare, while one did at its former place.
fn meets(problem: &Problem, plan: &Plan, other: BatchIx, ix: BatchIx, from: &Placement) -> bool {
    let day = 24 * 60 / i64::from(problem.slot_minutes.max(1));
    let span = |ix: BatchIx, placement: &Placement| placement.span(&problem.batches[ix].routes[placement.route]);
    let theirs = plan.placement(other).and_then(|placement| span(other, placement));
    let pair = theirs.zip(span(ix, from));
    pair.is_some_and(|(theirs, own)| theirs.0 < own.1 + day && own.0 < theirs.1 + day)
}

/// Puts what a batch of the plan uses into a load, or takes it out of it.
fn take(problem: &Problem, plan: &Plan, load: &mut Load, ix: BatchIx, put: bool) {
    let batch = &problem.batches[ix];
    let Some(placement) = plan.placement(ix) else { return };
    match put {
        true => load.place(problem, batch, ix.row(), placement),
        false => load.unplace(problem, batch, ix.row(), placement),
    };
}
