//! How many units of something are free in each slot, as one number per slot.
//!
//! It knows nothing of pools or batches; it may go below zero when work that is fixed takes more
//! than there is. Slots before the first count as the first, slots after the last as the last.
#![expect(clippy::indexing_slicing, reason = "every range is cut to the slots there are")]

use crate::problem::Problem;
use crate::spec::{Capacity, MINUTES_PER_WEEK, Pool, Slot, Window};

/// Further than any plan: "never".
pub(crate) const NEVER: Slot = Slot::MAX / 4;

/// Slots looked at together when a window is searched; long enough to be worth a vector loop.
const RUN: usize = 64;

/// Free units, slot by slot.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    free: Vec<i16>,
    /// After the last slot. Nothing is ever taken there.
    beyond: i16,
}

impl Profile {
    pub(crate) fn constant(units: u32, slots: Slot) -> Self {
        let units = i16::try_from(units).unwrap_or(i16::MAX);
        Self { free: vec![units; usize::try_from(slots).unwrap_or(0)], beyond: units }
    }

    /// The calendar of a pool with its reductions, for so many slots.
    pub(crate) fn of_pool(problem: &Problem, pool: &Pool, slots: Slot) -> Self {
        let mut profile = Self::constant(0, slots);
        let units = |units: u32| i16::try_from(units).unwrap_or(i16::MAX);
        match &pool.capacity {
            Capacity::Constant { units: all } => profile = Self::constant(*all, slots),
            Capacity::Weekly { units: week } => {
                let week = week.iter().cycle().skip(usize::try_from(problem.week_phase).unwrap_or(0));
                let until = usize::try_from(problem.horizon).unwrap_or(0);
                profile.free.iter_mut().take(until).zip(week).for_each(|(free, all)| *free = units(*all));
            }
            Capacity::WeeklySteps { steps } => {
                let week = Slot::from(MINUTES_PER_WEEK / problem.slot_minutes.max(1)).max(1);
                let until = profile.row(problem.horizon);
                for begin in (0..).map(|row| row * week - problem.week_phase).take_while(|slot| *slot < problem.horizon)
                {
                    let ends = steps.iter().skip(1).map(|step| step.from).chain([week]);
                    for (step, end) in steps.iter().zip(ends) {
                        let (from, end) = (profile.row(begin + step.from), profile.row(begin + end).min(until));
                        profile.free[from.min(end)..end].fill(units(step.units));
                    }
                }
            }
            Capacity::Steps { steps } => {
                for step in steps {
                    let from = profile.row(step.from);
                    profile.free[from..].fill(units(step.units));
                    profile.beyond = units(step.units);
                }
            }
        }
        for reduction in &pool.reductions {
            profile.take(reduction.window, reduction.units.into());
        }
        profile.free.iter_mut().for_each(|free| *free = (*free).max(0));
        profile
    }

    /// The row of a slot, cut to the rows there are.
    fn row(&self, slot: Slot) -> usize {
        usize::try_from(slot.max(0)).unwrap_or(usize::MAX).min(self.free.len())
    }

    /// Takes units away in a window; a negative number gives them back. Numbers stay far from the
    /// limits of their type: units are bounded when a problem is made.
    pub(crate) fn take(&mut self, window: Window, units: i64) {
        let (first, last) = (self.row(window.start), self.row(window.end));
        let units = i16::try_from(units).unwrap_or(i16::MAX);
        if first < last {
            self.free[first..last].iter_mut().for_each(|free| *free = free.saturating_sub(units));
        }
    }

    /// When fewer than `need` units are free somewhere in the window: the end of the last stretch
    /// of it for which that is so. Nothing that needs the units may then span that stretch.
    pub(crate) fn blocked_until(&self, window: Window, need: i64) -> Option<Slot> {
        if window.start >= window.end {
            return None;
        }
        let need = i16::try_from(need).unwrap_or(i16::MAX);
        let (first, mut last) = (self.row(window.start), self.row(window.end));
        if window.end > self.free.len() as Slot && self.beyond < need {
            return Some(NEVER);
        }
        while last > first {
            let run = first.max(last.saturating_sub(RUN));
            let part = &self.free[run..last];
            if part.iter().fold(i16::MAX, |least, free| least.min(*free)) < need {
                let row = part.iter().rposition(|free| *free < need).unwrap_or(0);
                return Some(self.stretch_end(run + row, need));
            }
            last = run;
        }
        None
    }

    fn stretch_end(&self, row: usize, need: i16) -> Slot {
        match self.free[row..].iter().position(|free| *free >= need) {
            Some(rows) => (row + rows) as Slot,
            None if self.beyond >= need => self.free.len() as Slot,
            None => NEVER,
        }
    }

    /// The parts of a window in which fewer than `need` units are free, with the units missing.
    pub(crate) fn shortages(&self, window: Window, need: i64) -> Vec<(Window, i64)> {
        let mut found: Vec<(Window, i64)> = Vec::new();
        for row in self.row(window.start)..self.row(window.end) {
            let (slot, missing) = (row as Slot, need - i64::from(self.free[row]));
            match found.last_mut() {
                _ if missing <= 0 => {}
                Some((part, units)) if part.end == slot && *units == missing => part.end += 1,
                _ => found.push((Window::new(slot, slot + 1), missing)),
            }
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
        let mut profile = Profile::constant(2, 100);
        profile.take(Window::new(10, 20), 2);
        assert_eq!(profile.blocked_until(Window::new(0, 10), 1), None);
        assert_eq!(profile.blocked_until(Window::new(20, 30), 2), None);
        assert_eq!(profile.blocked_until(Window::new(9, 11), 1), Some(20));
        assert_eq!(profile.blocked_until(Window::new(0, 5), 3), Some(NEVER));
        assert_eq!(profile.blocked_until(Window::new(90, 120), 2), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_profile_agrees_with_counting_slot_by_slot(
            takes in proptest::collection::vec((0i64..40, 1i64..52, -2i64..4), 0..12),
            start in 0i64..40, length in 1i64..50, need in -2i64..6,
        ) {
            let mut profile = Profile::constant(4, 100);
            let mut slots = [4i64; 100];
            for (from, length, units) in takes {
                profile.take(Window::new(from, from + length), units);
                slots.iter_mut().skip(from as usize).take(length as usize).for_each(|free| *free -= units);
            }
            let end = start + length;
            let last = (start..end).rev().find(|slot| slots[*slot as usize] < need);
            let until = last.map(|slot| (slot..100).find(|slot| slots[*slot as usize] >= need).unwrap_or(NEVER));
            prop_assert_eq!(profile.blocked_until(Window::new(start, end), need), until);
            let missing: i64 = profile.shortages(Window::new(start, end), need).iter()
                .map(|(part, units)| (part.end - part.start) * units).sum();
            let counted: i64 = (start..end).map(|slot| (need - slots[slot as usize]).max(0)).sum();
            prop_assert_eq!(missing, counted);
        }
    }
}
