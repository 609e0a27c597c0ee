//! A plan that another one should stay near to, and what moving away from it costs.
//!
//! It only counts; which batches must not move at all is said by their commitments.

use crate::index::BatchIx;
use crate::plan::{Placement, Plan};
use crate::spec::{Slot, Window};

/// What a new plan is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The plan to stay near to. Batches it does not speak of are free.
    pub plan: Plan,
    /// Cost of another route or another suite for a batch, or of refusing one that is placed, or
    /// of placing one that is refused.
    pub change_cost: i64,
    /// Cost of each activity that was to start within `window` and starts at least `moved_min`
    /// slots sooner or later on the same route.
    pub move_cost: i64,
    /// When activities had to start so that their move costs anything.
    pub window: Window,
    /// Slots from which on a move costs.
    pub moved_min: Slot,
    /// Most batches that may differ in anything from the plan; any number when absent.
    pub moved_max: Option<usize>,
}

impl Anchor {
    /// What it costs to have a batch there, or to refuse it.
    #[must_use]
    pub fn cost(&self, ix: BatchIx, now: Option<&Placement>) -> i64 {
        if ix.row() >= self.plan.len() {
            return 0;
        }
        match (self.plan.placement(ix), now) {
            (None, None) => 0,
            (Some(before), Some(now)) => {
                let other = before.route != now.route || before.suites != now.suites;
                let changed = if other { self.change_cost } else { 0 };
                changed + self.move_cost * self.moves(before, now)
            }
            (None, Some(_)) | (Some(_), None) => self.change_cost,
        }
    }

    /// Activities that were to start in the window and moved far enough to count.
    fn moves(&self, before: &Placement, now: &Placement) -> i64 {
        if before.route != now.route {
            return 0;
        }
        let pairs = before.starts.iter().zip(&now.starts);
        let far = |(before, now): &(&Slot, &Slot)| {
            (self.window.start..self.window.end).contains(*before) && (*now - *before).abs() >= self.moved_min
        };
        i64::try_from(pairs.filter(far).count()).unwrap_or(i64::MAX)
    }

    /// Whether a batch differs in anything from the plan.
    #[must_use]
    pub fn is_moved(&self, ix: BatchIx, now: Option<&Placement>) -> bool {
        ix.row() < self.plan.len() && self.plan.placement(ix) != now
    }
}
