//! Which batches are taken out together: neighbours in time, on a few suites or on many.
//!
//! Batches whose suite holds lie near each other compete for suites, people and equipment alike,
//! and later for testing and release, so nearness on the suites' lines is the only kinship used.

use fastrand::Rng;

use crate::index::{BatchIx, Position};
use crate::spec::Slot;
use crate::working::Working;

/// Most batches taken out at once.
const TAKEN_MAX: usize = 24;
/// Batches looked at to find one that costs much.
const TOURNAMENT: usize = 4;

/// What a step works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ruin {
    /// Around when.
    pub(crate) around: Slot,
    /// Batches to take out; all of them are placed and none is fixed as a whole.
    pub(crate) taken: Vec<BatchIx>,
    /// A batch that is not placed and is meant to be put in, when the step began with one.
    pub(crate) wanted: Option<BatchIx>,
}

impl Ruin {
    /// Chooses anew. `open` are the batches that are not fixed as a whole, `length` how long a
    /// batch usually is in slots.
    pub(crate) fn choose(&mut self, working: &Working, open: &[BatchIx], length: Slot, rng: &mut Rng) {
        self.taken.clear();
        self.wanted = None;
        let missing = if working.missing() > 0 && rng.bool() { missing(working, open, rng) } else { None };
        let Some(seed) = missing.or_else(|| costly(working, open, rng)) else { return };
        let batch = &working.problem.batches[seed];
        if let Some(placement) = working.placement(seed) {
            let starts = &placement.starts;
            self.around = starts.get(rng.usize(0..starts.len().max(1))).copied().unwrap_or(0);
            self.taken.push(seed);
        } else {
            let latest = batch.start_max.unwrap_or((batch.due - length).max(batch.release));
            self.around = rng.i64(batch.release..=latest.max(batch.release)) + rng.i64(0..=length / 2);
            self.wanted = Some(seed);
        }
        let most = 1 + rng.usize(0..TAKEN_MAX).min(rng.usize(0..TAKEN_MAX));
        self.neighbours(working, most, length, rng);
    }

    /// Adds those whose holds lie nearest on some suites, a few from each.
    fn neighbours(&mut self, working: &Working, most: usize, length: Slot, rng: &mut Rng) {
        let count = working.problem.suites.len();
        let from_each = 1 + rng.usize(0..4);
        let first = rng.usize(0..count.max(1));
        // A step coprime to most counts visits the suites in ever other orders.
        let step = 1 + 2 * rng.usize(0..count.max(1));
        for turn in 0..count {
            if self.taken.len() >= most {
                return;
            }
            let suite = Position::at((first + turn * step) % count);
            let line = &working.load.suites[suite];
            let near = line.nearest(self.around, length, from_each);
            for owner in near {
                let ix = BatchIx::at(owner);
                if self.taken.len() < most && !self.taken.contains(&ix) && working.may_move(ix) {
                    self.taken.push(ix);
                }
            }
        }
    }
}

/// One of those that must be in and are not.
fn missing(working: &Working, open: &[BatchIx], rng: &mut Rng) -> Option<BatchIx> {
    let missing = |ix: &&BatchIx| working.placement(**ix).is_none() && working.problem.batches[**ix].must_be_in();
    rng.choice(open.iter().filter(missing).collect::<Vec<_>>()).copied()
}

/// The costliest of a few drawn batches; sometimes of one, so that cheap ones get their turn too.
fn costly(working: &Working, open: &[BatchIx], rng: &mut Rng) -> Option<BatchIx> {
    let turns = rng.usize(0..TOURNAMENT);
    let mut draw = || open.get(rng.usize(0..open.len().max(1))).copied();
    let mut best = draw()?;
    for _ in 0..turns {
        let other = draw()?;
        if working.cost_of(other) > working.cost_of(best) {
            best = other;
        }
    }
    Some(best)
}
