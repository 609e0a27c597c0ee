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
use crate::load::{Load, span, turnaround};
use crate::plan::Placement;
use crate::problem::{Activity, Batch, Commitment, EquipmentHold, Problem, Route, SuiteHold};
use crate::profile::{NEVER, Profile};
use crate::spec::{Slot, Window};
use crate::suite_line::Held;

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
/// A unit of changeover cost outweighs this many idle minutes when suites are compared.
const IDLE_MIN_PER_COST: i64 = 7_200;

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
    latest: Vec<Slot>,
    bounds: Vec<Slot>,
    starts: Vec<Slot>,
    suites: Vec<Option<SuiteIx>>,
    equipment: Vec<Option<PoolIx>>,
    /// Whether to note what was in the way.
    trace: bool,
    obstacles: Obstacles,
    /// Whether a hold found no room only because of another hold of this same batch.
    in_own_way: bool,
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
struct Choice {
    starts: Vec<Option<Slot>>,
    suites: Vec<Option<SuiteIx>>,
    equipment: Vec<Option<PoolIx>>,
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
        if route.suite_holds.iter().enumerate().any(|(at, other)| at != row && rival(other)) {
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
struct Search<'a, 't> {
    timer: &'t mut Timer,
    problem: &'a Problem,
    load: &'a Load,
    batch: &'a Batch,
    route: &'a Route,
    ask: Ask<'a>,
    choice: Option<&'t Choice>,
    fixed: Option<&'t [Option<Slot>]>,
}

/// A suite that the batch itself already holds, and for which hold of its route.
type OwnHold<'a> = (SuiteIx, Held, &'a SuiteHold);

/// Something is short until a slot: this activity cannot start before then.
#[derive(Debug, Clone, Copy)]
struct Short {
    until: Slot,
    activity: usize,
    in_own_way: bool,
}

/// The search goes back to an activity, which may not start before a slot.
struct Raise {
    activity: usize,
    from: Slot,
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
        bounds[0] = bounds[0].max(batch.release).max(ask.start_min);
        for (bound, start) in bounds.iter_mut().zip(fixed.unwrap_or_default()) {
            *bound = start.unwrap_or(*bound);
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
            match self.take_holds(k) {
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

    fn span(&self, first: usize, last: usize) -> Window {
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

    fn note(&mut self, obstacle: Obstacle, window: Window) {
        if self.timer.trace {
            self.timer.obstacles.insert(obstacle, window);
        }
    }

    /// Takes what is held up to the end of activity `k`, or says where to go back to.
    fn take_holds(&mut self, k: usize) -> Option<Raise> {
        let route = self.route;
        for (row, hold) in route.suite_holds.iter().enumerate() {
            if hold.last == k {
                self.timer.suites[row] = None;
            }
        }
        for (row, hold) in route.equipment_holds.iter().enumerate() {
            if hold.last == k {
                self.timer.equipment[row] = None;
            }
        }
        for (row, hold) in route.equipment_holds.iter().enumerate() {
            if hold.last == k
                && let Err(raise) = self.take_equipment(row, hold)
            {
                return Some(raise);
            }
        }
        for (row, hold) in route.suite_holds.iter().enumerate() {
            if hold.last == k
                && let Err(raise) = self.take_suite(row, hold)
            {
                return Some(raise);
            }
        }
        None
    }

    fn raise(&mut self, obstacle: Obstacle, first: usize, from: Slot) -> Raise {
        let start = self.timer.starts[first];
        self.note(obstacle, Window::new(start, from.max(start + 1)));
        Raise { activity: first, from: from.max(start + 1) }
    }

    fn take_equipment(&mut self, row: usize, hold: &EquipmentHold) -> Result<(), Raise> {
        let held = self.span(hold.first, hold.last);
        let settled = self.choice.and_then(|choice| choice.equipment[row]);
        let mut soonest: Option<(Short, PoolIx)> = None;
        let mut in_own_way = false;
        for pool in settled.iter().chain(hold.pools.iter().filter(|_| settled.is_none())) {
            let window = Window::new(held.start, held.end + turnaround(&self.problem.pools[*pool]));
            let own = self.own_equipment(*pool, row, hold.last);
            let ignored = self.ask.ignored == Some(Obstacle::Pool(*pool));
            match short(&self.load.pools[*pool], window, hold.units.into(), hold.first, &own) {
                Some(short) if !ignored => {
                    in_own_way |= short.in_own_way;
                    if soonest.is_none_or(|(best, _)| short.until < best.until) {
                        soonest = Some((short, *pool));
                    }
                }
                Some(_) | None => {
                    self.timer.equipment[row] = Some(*pool);
                    return Ok(());
                }
            }
        }
        self.timer.in_own_way |= in_own_way;
        Err(match soonest {
            Some((short, pool)) => self.raise(Obstacle::Pool(pool), short.activity, short.until),
            None => Raise { activity: hold.first, from: NEVER },
        })
    }

    fn take_suite(&mut self, row: usize, hold: &SuiteHold) -> Result<(), Raise> {
        let held = self.span(hold.first, hold.last);
        let own = self.own_suites(row, hold.last);
        if let Some(quota) = &self.load.quotas[self.batch.tenant]
            && self.ask.ignored != Some(Obstacle::Quota)
        {
            let open: Vec<_> = own.iter().map(|(_, held, of)| (held.span, 1, of.first)).collect();
            if let Some(short) = short(quota, held, 1, hold.first, &open) {
                return Err(self.raise(Obstacle::Quota, short.activity, short.until));
            }
        }
        let new = Held::new(self.batch, self.ask.owner, row, hold, held);
        let ignored = self.ask.ignored == Some(Obstacle::Suite(row));
        let settled = self.choice.and_then(|choice| choice.suites[row]);
        let mut soonest = Short { until: NEVER, activity: hold.first, in_own_way: false };
        let mut in_own_way = false;
        let mut best: Option<(i64, SuiteIx)> = None;
        for suite in settled.iter().chain(hold.candidates.iter().filter(|_| settled.is_none())) {
            match self.suite_short(*suite, hold, &new, &own) {
                Some(short) if !ignored => {
                    in_own_way |= short.in_own_way;
                    if short.until < soonest.until {
                        soonest = short;
                    }
                }
                Some(_) | None => {
                    let (cost, idle) = self.load.suites[*suite].cost_of(self.problem, &new);
                    let idle_min = idle.saturating_mul(i64::from(self.problem.slot_minutes));
                    let rank = cost.saturating_mul(IDLE_MIN_PER_COST).saturating_add(idle_min);
                    let rank = if self.timer.passes_over() { rank.saturating_add(NEVER) } else { rank };
                    if best.is_none_or(|best| (rank, *suite) < best) {
                        best = Some((rank, *suite));
                    }
                }
            }
        }
        match best {
            Some((_, suite)) => {
                self.timer.suites[row] = Some(suite);
                Ok(())
            }
            None => {
                self.timer.in_own_way |= in_own_way;
                Err(self.raise(Obstacle::Suite(row), soonest.activity, soonest.until))
            }
        }
    }

    /// Why a suite does not take a hold now, if it does not: because of others, or because of
    /// holds of this same batch.
    fn suite_short(&self, suite: SuiteIx, hold: &SuiteHold, new: &Held, own: &[OwnHold]) -> Option<Short> {
        let line = &self.load.suites[suite];
        if let Some(until) = line.blocked_until(self.problem, self.batch, new, &[]) {
            return Some(Short { until, activity: hold.first, in_own_way: false });
        }
        if own.iter().all(|(at, ..)| *at != suite) {
            return None;
        }
        let own: Vec<&OwnHold> = own.iter().filter(|(at, ..)| *at == suite).collect();
        let held: Vec<Held> = own.iter().map(|(_, held, _)| *held).collect();
        let until = line.blocked_until(self.problem, self.batch, new, &held)?;
        let apart = |(_, held, of): &&&OwnHold| of.last >= hold.first && !line.together(self.problem, held, new);
        let until = if own.iter().any(|held| apart(&held)) { NEVER } else { until };
        let sharing = own.iter().filter(|(_, held, _)| line.together(self.problem, held, new));
        let activity = sharing.map(|(.., of)| of.first).chain([hold.first]).max().unwrap_or(hold.first);
        Some(Short { until, activity, in_own_way: true })
    }

    /// What this batch itself already holds of a pool, by holds that end by activity `last`.
    fn own_equipment(&self, pool: PoolIx, row: usize, last: usize) -> Vec<(Window, i64, usize)> {
        let holds = self.route.equipment_holds.iter().zip(&self.timer.equipment).enumerate();
        let mine = holds.filter(|(at, (hold, of))| *at != row && hold.last <= last && **of == Some(pool));
        mine.map(|(_, (hold, _))| {
            let mut window = self.span(hold.first, hold.last);
            window.end += turnaround(&self.problem.pools[pool]);
            (window, i64::from(hold.units), hold.first)
        })
        .collect()
    }

    /// The suites this batch itself already holds, by holds that end by activity `last`.
    fn own_suites(&self, row: usize, last: usize) -> Vec<OwnHold<'a>> {
        let holds = self.route.suite_holds.iter().zip(&self.timer.suites).enumerate();
        let mine = holds.filter(|(at, (hold, _))| *at != row && hold.last <= last);
        mine.filter_map(|(row, (hold, suite))| {
            let span = self.span(hold.first, hold.last);
            Some(((*suite)?, Held::new(self.batch, self.ask.owner, row, hold, span), hold))
        })
        .collect()
    }
}

impl Timer {
    /// Draws whether the suite just looked at is passed over.
    fn passes_over(&mut self) -> bool {
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

/// Whether units are short in the window of a hold that begins with activity `first`, given what
/// other holds of the same batch (`own`: window, units, first activity) take of them.
///
/// If only together with `own` they are short, one of the holds must begin later. Moving an
/// earlier one moves the later ones too, so the one that begins last must move in any case.
fn short(profile: &Profile, window: Window, need: i64, first: usize, own: &[(Window, i64, usize)]) -> Option<Short> {
    if let Some(until) = profile.blocked_until(window, need) {
        return Some(Short { until, activity: first, in_own_way: false });
    }
    let mut cuts = vec![window.start, window.end];
    for (held, ..) in own.iter().filter(|(held, ..)| held.overlaps(window)) {
        cuts.extend([held.start.max(window.start), held.end.min(window.end)]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut parts = cuts.windows(2).rev().map(|pair| Window::new(pair[0], pair[1]));
    parts.find_map(|part| {
        let mine = || own.iter().filter(|(held, ..)| held.overlaps(part));
        let taken: i64 = mine().map(|(_, units, _)| units).sum();
        let until = profile.blocked_until(part, need + taken)?.min(part.end);
        let activity = mine().map(|(.., first)| *first).chain([first]).max().unwrap_or(first);
        Some(Short { until, activity, in_own_way: true })
    })
}
