//! The earliest time at which one batch fits beside everything already placed.
//!
//! Activities are placed from first to last. Whatever does not fit raises a lower bound (of the
//! activity itself, of the one before when a maximum lag would be exceeded, or of the first
//! activity of a hold that finds no room) and the search steps back there. Bounds only rise, and
//! a later start never gives an earlier end, so the first complete placement is the earliest one
//! for its route. It judges only time: costs decide elsewhere, except between suites that are free
//! at the same time.
#![expect(clippy::indexing_slicing, reason = "activities and holds are in range by Problem::new")]

use std::collections::BTreeMap;

use crate::index::{PoolIx, RouteIx, SuiteIx};
use crate::load::fitness;
use crate::load::{Load, span};
use crate::plan::Placement;
use crate::problem::{Activity, Batch, Commitment, EquipmentHold, Problem, Route, SuiteHold};
use crate::profile::NEVER;
use crate::spec::{Slot, Window};

/// What can stand in the way of a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Obstacle {
    /// People or equipment.
    Pool(PoolIx),
    /// The suites that a hold of the route could use.
    Suite(usize),
    /// The tenant's own quota.
    Quota,
}

/// Where the search was stopped or delayed, per obstacle: the last stretch.
pub(crate) type Obstacles = BTreeMap<Obstacle, Window>;

/// What is asked for, beyond the batch itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Whose holds these will be.
    pub(crate) owner: usize,
    /// The first activity starts no earlier, whatever the batch's own release.
    pub(crate) start_min: Slot,
    /// The last activity must end by then.
    pub(crate) end_max: Slot,
    /// Treated as if there were always enough of it.
    pub(crate) ignored: Option<Obstacle>,
    /// Offsets within a period at which the first activity may start; any when empty.
    pub(crate) grid: Option<(Slot, &'a [Slot])>,
}

impl Ask<'_> {
    /// A place that ends by a slot, and nothing special.
    pub(crate) const fn until(owner: usize, end_max: Slot) -> Self {
        Self { owner, start_min: 0, end_max, ignored: None, grid: None }
    }
}

/// Most combinations of suites and pools tried for a route whose holds compete with each other.
const COMBINATIONS_MAX: usize = 256;

/// The earliest placement on a route, or what was in the way.
pub(crate) fn earliest(
    problem: &Problem,
    load: &Load,
    batch: &Batch,
    route: RouteIx,
    ask: Ask,
) -> Result<Placement, Obstacles> {
    let mut timer = Timer { trace: true, ..Timer::default() };
    timer.earliest(problem, load, batch, route, ask).ok_or(timer.obstacles)
}

/// Finds earliest placements, one after the other, in the same memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timer {
    /// Latest start of each activity that leaves room for the rest.
    pub(crate) latest: Vec<Slot>,
    bounds: Vec<Slot>,
    pub(crate) starts: Vec<Slot>,
    pub(crate) suites: Vec<Option<SuiteIx>>,
    pub(crate) equipment: Vec<Option<PoolIx>>,
    /// Whether to note what was in the way.
    trace: bool,
    obstacles: Obstacles,
    /// Whether a hold found no room only because of another hold of this same batch.
    pub(crate) in_own_way: bool,
    /// Row, among the candidates of a hold, of the suite that was free soonest.
    pub(crate) likely: usize,
    /// Suites that a search leaves out of account for the sake of variety: one in so many is
    /// passed over when another one is free; 0 for none.
    pub(crate) pass_over: u32,
    /// Draws the suites passed over.
    draw: u32,
}

impl Timer {
    /// One that draws the suites it passes over from a seed.
    pub(crate) fn drawing(seed: u64) -> Self {
        Self { draw: (seed as u32) | 1, ..Self::default() }
    }

    /// The earliest placement on a route, when there is one.
    pub(crate) fn earliest(
        &mut self,
        problem: &Problem,
        load: &Load,
        batch: &Batch,
        route: RouteIx,
        ask: Ask,
    ) -> Option<Placement> {
        self.obstacles.clear();
        self.in_own_way = false;
        let choice = committed_choice(batch, route);
        let found = Search::new(self, problem, load, batch, route, ask, choice.as_ref()).run();
        let mut best = found.map(|()| self.placement(route));
        if !self.in_own_way {
            return best;
        }
        for choice in choices(batch, route) {
            if Search::new(self, problem, load, batch, route, ask, Some(&choice)).run().is_some()
                && best.as_ref().is_none_or(|best| self.starts.last() < best.starts.last())
            {
                best = Some(self.placement(route));
            }
        }
        best
    }

    /// Whether a placement fits as it is.
    pub(crate) fn fits(
        &mut self,
        problem: &Problem,
        load: &Load,
        batch: &Batch,
        placement: &Placement,
        ask: Ask,
    ) -> bool {
        let committed = batch.commitment.as_ref();
        if committed.is_some_and(|fixed| !allows(fixed, placement)) {
            return false;
        }
        let soonest = batch.release.max(problem.now).max(ask.start_min);
        let is_free = |k: usize, activity: &Activity| {
            let (start, fixed) = (placement.starts[k], committed.is_some_and(|fixed| fixed.starts[k].is_some()));
            let window = Window::new(start, start + activity.duration);
            let mut demands = activity.demands.iter();
            fixed
                || (start >= soonest
                    && demands.all(|(pool, units)| load.pools[*pool].blocked_until(window, (*units).into()).is_none()))
        };
        let route = &batch.routes[placement.route];
        if !route.activities.iter().enumerate().all(|(k, activity)| is_free(k, activity)) {
            return false;
        }
        let choice = Choice {
            starts: placement.starts.iter().copied().map(Some).collect(),
            suites: placement.suites.iter().copied().map(Some).collect(),
            equipment: placement.equipment.iter().copied().map(Some).collect(),
        };
        Search::new(self, problem, load, batch, placement.route, ask, Some(&choice)).run().is_some()
    }

    fn placement(&self, route: RouteIx) -> Placement {
        Placement {
            route,
            starts: self.starts.clone(),
            suites: self.suites.iter().copied().flatten().collect(),
            equipment: self.equipment.iter().copied().flatten().collect(),
        }
    }
}

/// Whether a placement keeps to what is fixed.
fn allows(fixed: &Commitment, placement: &Placement) -> bool {
    fn same<T: PartialEq>(fixed: &[Option<T>], here: &[T]) -> bool {
        fixed.len() == here.len()
            && fixed.iter().zip(here).all(|(fixed, here)| fixed.as_ref().is_none_or(|it| it == here))
    }
    fixed.route == placement.route
        && same(&fixed.starts, &placement.starts)
        && same(&fixed.suites, &placement.suites)
        && same(&fixed.equipment, &placement.equipment)
}

/// Starts, suites and pools that are settled before the search; the rest it chooses as it goes.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) starts: Vec<Option<Slot>>,
    pub(crate) suites: Vec<Option<SuiteIx>>,
    pub(crate) equipment: Vec<Option<PoolIx>>,
}

/// What is committed is settled; the search chooses the rest one by one.
fn committed_choice(batch: &Batch, ix: RouteIx) -> Option<Choice> {
    let commitment = batch.commitment.as_ref().filter(|commitment| commitment.route == ix)?;
    let Commitment { starts, suites, equipment, .. } = commitment.clone();
    Some(Choice { starts, suites, equipment })
}

/// When holds of the route compete for the same suites or pools, choosing one by one can miss the
/// only way to serve them all: then every combination, up to a limit, of those that compete.
fn choices(batch: &Batch, ix: RouteIx) -> Vec<Choice> {
    let route = &batch.routes[ix];
    let open = || Choice {
        starts: vec![None; route.activities.len()],
        suites: vec![None; route.suite_holds.len()],
        equipment: vec![None; route.equipment_holds.len()],
    };
    let mut choices = vec![committed_choice(batch, ix).unwrap_or_else(open)];
    for (row, hold) in route.suite_holds.iter().enumerate() {
        let rival = |other: &SuiteHold| other.candidates.iter().any(|suite| hold.candidates.contains(suite));
        // A hold that comes back to a suite has no choice of its own.
        let open = hold.same_suite_as.is_none();
        if open && route.suite_holds.iter().enumerate().any(|(at, other)| at != row && rival(other)) {
            branch(&mut choices, &hold.candidates, |choice| &mut choice.suites[row]);
        }
    }
    for (row, hold) in route.equipment_holds.iter().enumerate() {
        let rival = |other: &EquipmentHold| other.pools.iter().any(|pool| hold.pools.contains(pool));
        if route.equipment_holds.iter().enumerate().any(|(at, other)| at != row && rival(other)) {
            branch(&mut choices, &hold.pools, |choice| &mut choice.equipment[row]);
        }
    }
    choices
}

fn branch<T: Copy>(choices: &mut Vec<Choice>, candidates: &[T], field: impl Fn(&mut Choice) -> &mut Option<T>) {
    if candidates.is_empty() || choices.len() * candidates.len() > COMBINATIONS_MAX {
        return;
    }
    let mut more = Vec::new();
    for choice in choices.iter() {
        let mut open = choice.clone();
        if field(&mut open).is_some() {
            more.push(open);
            continue;
        }
        for candidate in candidates {
            let mut settled = choice.clone();
            *field(&mut settled) = Some(*candidate);
            more.push(settled);
        }
    }
    *choices = more;
}

/// One search for the earliest placement on one route.
pub(crate) struct Search<'a, 't> {
    pub(crate) timer: &'t mut Timer,
    pub(crate) problem: &'a Problem,
    pub(crate) load: &'a Load,
    pub(crate) batch: &'a Batch,
    pub(crate) route: &'a Route,
    pub(crate) ask: Ask<'a>,
    pub(crate) choice: Option<&'t Choice>,
    pub(crate) fixed: Option<&'t [Option<Slot>]>,
}

/// The search goes back to an activity, which may not start before a slot.
pub(crate) struct Raise {
    pub(crate) activity: usize,
    pub(crate) from: Slot,
}

impl<'a, 't> Search<'a, 't> {
    fn new(
        timer: &'t mut Timer,
        problem: &'a Problem,
        load: &'a Load,
        batch: &'a Batch,
        ix: RouteIx,
        ask: Ask<'a>,
        choice: Option<&'t Choice>,
    ) -> Self {
        let route = &batch.routes[ix];
        let count = route.activities.len();
        let fixed = choice.map(|choice| choice.starts.as_slice());
        let Timer { latest, bounds, starts, suites, equipment, .. } = timer;
        latest.clear();
        latest.resize(count, 0);
        let mut end_max = ask.end_max;
        for k in (0..count).rev() {
            latest[k] = end_max - route.activities[k].duration;
            if let Some(start) = fixed.and_then(|fixed| fixed[k]) {
                latest[k] = latest[k].min(start);
            }
            end_max = latest[k] - route.activities[k].min_lag;
        }
        latest[0] = latest[0].min(batch.start_max.unwrap_or(NEVER));
        bounds.clear();
        bounds.resize(count, problem.now);
        let ready = fitness::ready(batch, &load.runs);
        bounds[0] = bounds[0].max(batch.release).max(ask.start_min).max(ready);
        for (bound, start) in bounds.iter_mut().zip(fixed.unwrap_or_default()) {
            *bound = start.unwrap_or(*bound);
        }
        if bounds[0] < ready {
            latest[0] = -NEVER;
        }
        starts.clear();
        starts.resize(count, 0);
        suites.clear();
        suites.resize(route.suite_holds.len(), None);
        equipment.clear();
        equipment.resize(route.equipment_holds.len(), None);
        Self { timer, problem, load, batch, route, ask, choice, fixed }
    }

    /// Whether a placement was found; it is then in `starts`, `suites` and `equipment`.
    fn run(&mut self) -> Option<()> {
        let mut k = 0;
        while k < self.route.activities.len() {
            let activity = &self.route.activities[k];
            let end_before = k.checked_sub(1).map(|before| self.end(before));
            let bound = self.timer.bounds[k];
            let from = bound.max(end_before.map_or(bound, |end| end + activity.min_lag));
            let start = self.start_from(k, from)?;
            if let (Some(end), Some(max_lag)) = (end_before, activity.max_lag)
                && start > end + max_lag
            {
                k -= 1;
                self.timer.bounds[k] = start - max_lag - self.route.activities[k].duration;
                continue;
            }
            self.timer.starts[k] = start;
            match self.begin_holds(k).or_else(|| self.take_holds(k)) {
                Some(raise) => {
                    k = raise.activity;
                    self.timer.bounds[k] = raise.from;
                }
                None => k += 1,
            }
        }
        Some(())
    }

    fn end(&self, k: usize) -> Slot {
        self.timer.starts[k] + self.route.activities[k].duration
    }

    pub(crate) fn span(&self, first: usize, last: usize) -> Window {
        span(self.route, &self.timer.starts, first, last)
    }

    /// The first slot from which an activity's people are free throughout and its start is
    /// allowed. Fixed activities are where they are: their people are not asked again.
    fn start_from(&mut self, k: usize, from: Slot) -> Option<Slot> {
        let latest = self.timer.latest[k];
        if let Some(fixed) = self.fixed.and_then(|fixed| fixed[k]) {
            return (from <= fixed && fixed <= latest).then_some(fixed);
        }
        let activity = &self.route.activities[k];
        let mut start = from;
        'again: while start <= latest {
            if k == 0
                && let Some(on_grid) = self.ask.grid.and_then(|(period, at)| next_on_grid(start, period, at))
            {
                start = on_grid;
            }
            for (pool, units) in &activity.demands {
                if self.ask.ignored == Some(Obstacle::Pool(*pool)) {
                    continue;
                }
                let window = Window::new(start, start + activity.duration);
                if let Some(until) = self.load.pools[*pool].blocked_until(window, i64::from(*units)) {
                    self.note(Obstacle::Pool(*pool), Window::new(start, until));
                    start = until;
                    continue 'again;
                }
            }
            return (start <= latest).then_some(start);
        }
        None
    }

    pub(crate) fn note(&mut self, obstacle: Obstacle, window: Window) {
        if self.timer.trace {
            self.timer.obstacles.insert(obstacle, window);
        }
    }
}

impl Timer {
    /// Draws whether the suite just looked at is passed over.
    pub(crate) fn passes_over(&mut self) -> bool {
        if self.pass_over == 0 {
            return false;
        }
        // A step of Marsaglia's xorshift: variety is wanted here, not quality of randomness.
        self.draw ^= self.draw << 13;
        self.draw ^= self.draw >> 17;
        self.draw ^= self.draw << 5;
        self.draw.is_multiple_of(self.pass_over)
    }
}

/// The first allowed start at or after a slot.
fn next_on_grid(start: Slot, period: Slot, offsets: &[Slot]) -> Option<Slot> {
    let begin = start - start.rem_euclid(period);
    let here = offsets.iter().map(|offset| begin + offset).filter(|slot| *slot >= start).min();
    here.or_else(|| offsets.iter().map(|offset| begin + period + offset).min())
}
