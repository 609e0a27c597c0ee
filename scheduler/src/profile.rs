//! How many units of something are free over time, as a step function.
//!
//! It knows nothing of pools or batches; it may go below zero when work that is fixed takes more
//! than there is.
#![expect(clippy::indexing_slicing, reason = "rows come from partition_point over the same vector")]

use crate::problem::Problem;
use crate::spec::{Capacity, Pool, Slot, Window};

/// Further than any plan: "never".
pub(crate) const NEVER: Slot = Slot::MAX / 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    from: Slot,
    free: i64,
}

/// Free units over time. The first step reaches back for ever, the last one on for ever.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    steps: Vec<Step>,
}

impl Profile {
    pub(crate) fn constant(units: u32) -> Self {
        Self { steps: vec![Step { from: -NEVER, free: units.into() }] }
    }

    /// The calendar of a pool with its reductions, up to the horizon.
    pub(crate) fn of_pool(problem: &Problem, pool: &Pool) -> Self {
        let mut profile = match &pool.capacity {
            Capacity::Constant { units } => Self::constant(*units),
            Capacity::Weekly { units } => {
                let week = units.iter().copied().cycle().skip(usize::try_from(problem.week_phase).unwrap_or(0));
                let steps = (0..problem.horizon).zip(week).map(|(from, free)| Step { from, free: free.into() });
                Self::of_steps(steps)
            }
            Capacity::Steps { steps } => {
                Self::of_steps(steps.iter().map(|step| Step { from: step.from, free: step.units.into() }))
            }
        };
        for reduction in &pool.reductions {
            profile.take(reduction.window, reduction.units.into());
        }
        for step in &mut profile.steps {
            step.free = step.free.max(0);
        }
        profile
    }

    fn of_steps(steps: impl Iterator<Item = Step>) -> Self {
        let mut profile = Self::constant(0);
        for step in steps {
            if profile.steps.last().is_none_or(|last| last.free != step.free) {
                profile.steps.push(step);
            }
        }
        profile
    }

    /// The row of the step that a slot lies in.
    fn row(&self, slot: Slot) -> usize {
        self.steps.partition_point(|step| step.from <= slot).saturating_sub(1)
    }

    /// Takes units away in a window; a negative number gives them back.
    pub(crate) fn take(&mut self, window: Window, units: i64) {
        if window.start >= window.end {
            return;
        }
        let first = self.split(window.start);
        let last = self.split(window.end);
        for step in &mut self.steps[first..last] {
            step.free -= units;
        }
        self.join(last);
        self.join(first);
    }

    /// Makes a step begin at a slot and gives its row.
    fn split(&mut self, slot: Slot) -> usize {
        let row = self.row(slot);
        if self.steps[row].from == slot {
            return row;
        }
        let free = self.steps[row].free;
        self.steps.insert(row + 1, Step { from: slot, free });
        row + 1
    }

    fn join(&mut self, row: usize) {
        if row > 0 && row < self.steps.len() && self.steps[row].free == self.steps[row - 1].free {
            self.steps.remove(row);
        }
    }

    /// When fewer than `need` units are free somewhere in the window: the end of the last stretch
    /// of it for which that is so. Nothing that needs the units may then span that stretch.
    pub(crate) fn blocked_until(&self, window: Window, need: i64) -> Option<Slot> {
        if window.start >= window.end {
            return None;
        }
        let mut row = self.steps.partition_point(|step| step.from < window.end).saturating_sub(1);
        loop {
            if self.steps[row].free < need {
                return Some(self.stretch_end(row, need));
            }
            if row == 0 || self.steps[row].from <= window.start {
                return None;
            }
            row -= 1;
        }
    }

    fn stretch_end(&self, mut row: usize, need: i64) -> Slot {
        while row < self.steps.len() && self.steps[row].free < need {
            row += 1;
        }
        self.steps.get(row).map_or(NEVER, |step| step.from)
    }

    /// The parts of a window in which fewer than `need` units are free, with the units missing.
    pub(crate) fn shortages(&self, window: Window, need: i64) -> Vec<(Window, i64)> {
        let mut found = Vec::new();
        let mut row = self.row(window.start);
        while row < self.steps.len() && self.steps[row].from < window.end {
            let end = self.steps.get(row + 1).map_or(NEVER, |next| next.from);
            let part = Window::new(self.steps[row].from.max(window.start), end.min(window.end));
            if self.steps[row].free < need && part.start < part.end {
                found.push((part, need - self.steps[row].free));
            }
            row += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_that_touches_a_busy_stretch_is_not_blocked_by_it() {
        let mut profile = Profile::constant(2);
        profile.take(Window::new(10, 20), 2);
        assert_eq!(profile.blocked_until(Window::new(0, 10), 1), None);
        assert_eq!(profile.blocked_until(Window::new(20, 30), 2), None);
        assert_eq!(profile.blocked_until(Window::new(9, 11), 1), Some(20));
        assert_eq!(profile.blocked_until(Window::new(0, 5), 3), Some(NEVER));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_profile_agrees_with_counting_slot_by_slot(
            takes in proptest::collection::vec((0i64..40, 1i64..12, -2i64..4), 0..12),
            start in 0i64..40, length in 1i64..12, need in -2i64..6,
        ) {
            let mut profile = Profile::constant(4);
            let mut slots = [4i64; 80];
            for (from, length, units) in takes {
                profile.take(Window::new(from, from + length), units);
                slots.iter_mut().skip(from as usize).take(length as usize).for_each(|free| *free -= units);
            }
            let end = start + length;
            let last = (start..end).rev().find(|slot| slots[*slot as usize] < need);
            let until = last.map(|slot| (slot..80).find(|slot| slots[*slot as usize] >= need).unwrap_or(NEVER));
            prop_assert_eq!(profile.blocked_until(Window::new(start, end), need), until);
            let missing: i64 = profile.shortages(Window::new(start, end), need).iter()
                .map(|(part, units)| (part.end - part.start) * units).sum();
            let counted: i64 = (start..end).map(|slot| (need - slots[slot as usize]).max(0)).sum();
            prop_assert_eq!(missing, counted);
        }
    }
}
