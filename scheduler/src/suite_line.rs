//! The holds of one suite in order of time: where another one fits, and what changeover it costs.
//!
//! It does not know people or equipment, nor which tenant may use the suite.
#![expect(clippy::indexing_slicing, reason = "rows come from partition_point over the same vector")]

use crate::index::{FamilyIx, OccupancyIx, SuiteIx, TenantIx};
use crate::problem::{Batch, Problem, SuiteHold};
use crate::profile::NEVER;
use crate::spec::{Slot, Window};

/// A hold of a suite by some batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) span: Window,
    pub(crate) family: FamilyIx,
    pub(crate) owner: usize,
    pub(crate) hold: usize,
    pub(crate) class: Option<OccupancyIx>,
    pub(crate) shared: bool,
}

impl Held {
    pub(crate) fn new(batch: &Batch, owner: usize, hold: usize, of: &SuiteHold, span: Window) -> Self {
        Self { span, family: batch.family, owner, hold, class: batch.occupancy_class, shared: of.shared }
    }
}

/// The holds of one suite, sorted by time.
#[derive(Debug, Clone)]
pub(crate) struct SuiteLine {
    suite: SuiteIx,
    holds: Vec<Held>,
    /// Maintenance and reservations, with the tenant that a reservation is for, by start.
    closed: Vec<(Window, Option<TenantIx>)>,
    /// The latest end of the closed windows up to each row.
    closed_until: Vec<Slot>,
    longest: Slot,
    changeover_longest: Slot,
    /// Holds that are shared.
    shared: usize,
    /// Whether holds that do not follow each other are always far enough apart when neighbours are.
    neighbours_only: bool,
}

impl SuiteLine {
    pub(crate) fn new(problem: &Problem, suite: SuiteIx) -> Self {
        let times = problem.changeover.rows().flat_map(|row| row.rows().map(|changeover| changeover.time));
        let of = &problem.suites[suite];
        let reserved = of.reserved.iter().map(|(tenant, window)| (*window, Some(*tenant)));
        let mut closed: Vec<_> = of.maintenance.iter().map(|window| (*window, None)).chain(reserved).collect();
        closed.sort_unstable();
        let mut until = Slot::MIN;
        let closed_until = closed.iter().map(|(window, _)| {
            until = until.max(window.end);
            until
        });
        Self {
            suite,
            holds: Vec::new(),
            closed_until: closed_until.collect(),
            closed,
            longest: 0,
            changeover_longest: times.max().unwrap_or(0),
            shared: 0,
            neighbours_only: problem.changeover_is_metric,
        }
    }

    pub(crate) fn insert(&mut self, held: Held) {
        let row = self.holds.partition_point(|other| *other < held);
        self.holds.insert(row, held);
        self.shared += usize::from(held.shared);
        self.longest = self.longest.max(held.span.end - held.span.start);
    }

    pub(crate) fn remove(&mut self, held: &Held) {
        if let Ok(row) = self.holds.binary_search(held) {
            self.holds.remove(row);
            self.shared -= usize::from(held.shared);
        }
    }

    /// All holds, by time.
    pub(crate) fn holds(&self) -> &[Held] {
        &self.holds
    }

    /// Holds that can matter to a new one: near enough for their span or changeover to reach it.
    fn near(&self, span: Window) -> &[Held] {
        let until = span.end.saturating_add(self.changeover_longest);
        let from = span.start.saturating_sub(self.changeover_longest).saturating_sub(self.longest);
        let first = self.holds.partition_point(|held| held.span.start < from);
        let later = self.holds[first..].iter().position(|held| held.span.start > until);
        &self.holds[first..later.map_or(self.holds.len(), |rows| first + rows)]
    }

    /// Whether two holds may be in this suite at once.
    pub(crate) fn together(&self, problem: &Problem, one: &Held, other: &Held) -> bool {
        one.shared && other.shared && problem.may_share(self.suite, one.class, other.class)
    }

    /// When the new hold does not fit here: the earliest start that is not yet excluded. A hold
    /// that starts later never ends earlier, so what cannot pass an obstacle must come after it.
    pub(crate) fn blocked_until(&self, problem: &Problem, batch: &Batch, new: &Held, own: &[Held]) -> Option<Slot> {
        let suite = &problem.suites[self.suite];
        let initial = suite.initial_family.map_or(0, |from| problem.changeover(from, new.family).time);
        let mut start = new.span.start.max(suite.available_from + initial);
        let first = self.closed_until.partition_point(|until| *until <= new.span.start);
        for (closed, of) in self.closed[first..].iter().take_while(|(closed, _)| closed.start < new.span.end) {
            if *of != Some(batch.tenant) && closed.overlaps(new.span) {
                start = start.max(closed.end);
            }
        }
        for held in self.near(new.span).iter().chain(own) {
            if self.together(problem, held, new) {
                continue;
            }
            let clear_before = held.span.end + problem.changeover(held.family, new.family).time;
            let clear_after = new.span.end + problem.changeover(new.family, held.family).time;
            if new.span.start < clear_before && held.span.start < clear_after {
                start = start.max(clear_before);
            }
        }
        if new.shared {
            start = start.max(self.place_free_from(problem, new, own));
        }
        (start > new.span.start).then_some(start)
    }

    /// The first start, no sooner than that of the new hold, at which one fits that is at least
    /// `length_min` long and ends no sooner than the new one. Looks no further than `until`: what
    /// it then gives is not before it.
    pub(crate) fn first_fit(
        &self,
        problem: &Problem,
        batch: &Batch,
        new: &Held,
        length_min: Slot,
        until: Slot,
    ) -> Slot {
        if self.neighbours_only && self.shared == 0 {
            return self.first_gap(problem, batch, new, length_min, until);
        }
        let mut new = *new;
        while new.span.start < until
            && let Some(start) = self.blocked_until(problem, batch, &new, &[])
        {
            new.span = Window::new(start, new.span.end.max(start.saturating_add(length_min)));
        }
        new.span.start
    }

    /// The same where no holds are shared and only neighbours can be too near: holds are then
    /// apart from each other and in the same order by start and by end.
    fn first_gap(&self, problem: &Problem, batch: &Batch, new: &Held, length_min: Slot, until: Slot) -> Slot {
        let suite = &problem.suites[self.suite];
        let initial = suite.initial_family.map_or(0, |from| problem.changeover(from, new.family).time);
        let mut start = new.span.start.max(suite.available_from + initial);
        let mut row = self.holds.partition_point(|held| held.span.start <= start);
        if let Some(before) = row.checked_sub(1).map(|row| &self.holds[row]) {
            start = start.max(before.span.end + problem.changeover(before.family, new.family).time);
        }
        let mut closed = self.closed_until.partition_point(|until| *until <= start);
        while start < until {
            let end = new.span.end.max(start.saturating_add(length_min));
            let after = self.holds.get(row);
            if let Some(after) = after
                && after.span.start < end + problem.changeover(new.family, after.family).time
            {
                start = start.max(after.span.end + problem.changeover(after.family, new.family).time);
                row += 1;
                continue;
            }
            match self.closed.get(closed) {
                Some((window, _)) if window.end <= start => closed += 1,
                Some((window, of)) if window.start < end => {
                    if *of != Some(batch.tenant) {
                        start = window.end;
                    }
                    closed += 1;
                }
                Some(_) | None => return start,
            }
        }
        start
    }

    /// The end of the last stretch within the new hold in which every place is taken; its own
    /// start when there is none.
    fn place_free_from(&self, problem: &Problem, new: &Held, own: &[Held]) -> Slot {
        let suite = &problem.suites[self.suite];
        let clearance = suite.place_clearance;
        let asked = Window::new(new.span.start, new.span.end + clearance);
        let reach = clearance.max(self.changeover_longest);
        let from = asked.start.saturating_sub(reach).saturating_sub(self.longest);
        let first = self.holds.partition_point(|held| held.span.start < from);
        let mut changes: Vec<(Slot, i64)> = Vec::new();
        for held in self.holds[first..].iter().take_while(|held| held.span.start < asked.end).chain(own) {
            let taken = Window::new(held.span.start, held.span.end + clearance);
            if held.shared && taken.overlaps(asked) {
                changes.extend([(taken.start, 1), (taken.end, -1)]);
            }
        }
        changes.sort_unstable();
        let (mut taken, mut full, mut free_from) = (0, false, asked.start);
        for (slot, change) in changes {
            taken += change;
            let is_full = taken >= i64::from(suite.places);
            if full && !is_full {
                free_from = free_from.max(slot);
            }
            // A stretch that begins after the asked window cannot begin here: all overlap it.
            full = is_full;
        }
        if full { NEVER } else { free_from }
    }

    /// What one more hold adds to the changeover cost, and the idle slots around it.
    pub(crate) fn cost_of(&self, problem: &Problem, new: &Held) -> (i64, Slot) {
        let row = self.holds.partition_point(|held| held < new);
        let before = row.checked_sub(1).map(|row| &self.holds[row]);
        let after = self.holds.get(row);
        let mut delta = self.step_cost(problem, before, new);
        let mut idle = match before {
            Some(held) => new.span.start - held.span.end,
            None => new.span.start - problem.suites[self.suite].available_from,
        };
        if let Some(after) = after {
            delta += self.step_cost(problem, Some(new), after) - self.step_cost(problem, before, after);
            idle += after.span.start - new.span.end;
        }
        (delta, idle.max(0))
    }

    fn step_cost(&self, problem: &Problem, before: Option<&Held>, after: &Held) -> i64 {
        match before {
            Some(held) if self.together(problem, held, after) => 0,
            Some(held) => problem.changeover(held.family, after.family).cost,
            None => {
                let initial = problem.suites[self.suite].initial_family;
                initial.map_or(0, |from| problem.changeover(from, after.family).cost)
            }
        }
    }

    /// Changeover cost of all holds in order.
    pub(crate) fn cost(&self, problem: &Problem) -> i64 {
        let mut before = None;
        let mut sum = 0;
        for held in &self.holds {
            sum += self.step_cost(problem, before, held);
            before = Some(held);
        }
        sum
    }

    /// Owners of the few holds whose start is nearest to a slot, none of them further than `reach`.
    pub(crate) fn nearest(&self, around: Slot, reach: Slot, most: usize) -> impl Iterator<Item = usize> {
        let mut after = self.holds.partition_point(|held| held.span.start < around);
        let mut before = after;
        (0..most).map_while(move |_| {
            let later = self.holds.get(after).map(|held| (held.span.start - around, held.owner));
            let sooner = before.checked_sub(1).map(|row| (around - self.holds[row].span.start, self.holds[row].owner));
            let (distance, owner) = match (sooner, later) {
                (Some(sooner), Some(later)) if sooner.0 <= later.0 => {
                    before -= 1;
                    sooner
                }
                (_, Some(later)) => {
                    after += 1;
                    later
                }
                (Some(sooner), None) => {
                    before -= 1;
                    sooner
                }
                (None, None) => return None,
            };
            (distance <= reach).then_some(owner)
        })
    }

    /// Who holds the suite at some time in the window.
    pub(crate) fn holders(&self, window: Window) -> impl Iterator<Item = usize> {
        self.holds.iter().filter(move |held| held.span.overlaps(window)).map(|held| held.owner)
    }
}
