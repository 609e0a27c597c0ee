//! How suites and equipment are taken while the activities of one batch are timed.
//!
//! A hold is looked at twice: for its least length when its first activity is placed, and for its
//! true length when its last one is. What does not fit sends the search back to the activity that
//! must start later.
#![expect(clippy::indexing_slicing, reason = "activities and holds are in range by Problem::new")]

use crate::index::{PoolIx, SuiteIx};
use crate::load::airlock::Way;
use crate::load::fitness;
use crate::load::turnaround;
use crate::problem::{EquipmentHold, Route, SuiteHold};
use crate::profile::{NEVER, Profile};
use crate::spec::{Slot, Window};
use crate::suite_line::Held;
use crate::timing::{Obstacle, Raise, Search};

/// A unit of changeover cost outweighs this many idle minutes when suites are compared.
const IDLE_MIN_PER_COST: i64 = 7_200;

/// A suite that the batch itself already holds, and for which hold of its route.
type OwnHold<'a> = (SuiteIx, Held, &'a SuiteHold);

/// Something is short until a slot: this activity cannot start before then.
#[derive(Debug, Clone, Copy)]
struct Short {
    until: Slot,
    activity: usize,
    in_own_way: bool,
}

/// Why none of several suites takes a hold.
struct Shorts {
    /// The one that would take it soonest.
    soonest: Short,
    /// When the last activity could start so that a suite could be left that is free otherwise.
    leaves: Slot,
    in_own_way: bool,
}

impl<'a> Search<'a, '_> {
    /// Looks, as longer holds begin with activity `k`, whether there is room for their least
    /// length at all: later activities need not be placed before that is so.
    pub(crate) fn begin_holds(&mut self, k: usize) -> Option<Raise> {
        let route = self.route;
        let start = self.timer.starts[k];
        for hold in route.equipment_holds.iter().filter(|hold| hold.first == k && hold.last > k) {
            let end = start + length_min(route, hold.first, hold.last);
            let until = |pool: &PoolIx| {
                let window = Window::new(start, end + turnaround(&self.problem.pools[*pool]));
                match self.ask.ignored == Some(Obstacle::Pool(*pool)) {
                    true => None,
                    false => self.load.pools[*pool].blocked_until(window, hold.units.into()),
                }
            };
            if let [pool] = hold.pools.as_slice()
                && let Some(until) = until(pool)
            {
                return Some(self.raise(Obstacle::Pool(*pool), k, until));
            }
        }
        for (row, hold) in route.suite_holds.iter().enumerate().filter(|(_, hold)| hold.first == k && hold.last > k) {
            let length = length_min(route, hold.first, hold.last);
            let span = Window::new(start, start + length);
            if let Some(quota) = &self.load.quotas[self.batch.tenant]
                && self.ask.ignored != Some(Obstacle::Quota)
                && let Some(until) = quota.blocked_until(span, 1)
            {
                return Some(self.raise(Obstacle::Quota, k, until));
            }
            if self.ask.ignored == Some(Obstacle::Suite(row)) {
                continue;
            }
            let new = Held::new(self.batch, self.ask.owner, row, hold, span);
            let settled = self.choice.and_then(|choice| choice.suites[row]);
            let mut soonest = self.timer.latest[k] + 1;
            // Where it was soonest the last time, it is likely to be free now.
            let (later, first) = hold.candidates.split_at(self.timer.likely.min(hold.candidates.len()));
            let open = first.iter().chain(later).filter(|_| settled.is_none());
            for suite in settled.iter().chain(open) {
                let line = &self.load.suites[*suite];
                let fit = line.first_fit(self.problem, self.batch, &new, length, soonest);
                if fit < soonest {
                    soonest = fit;
                    self.timer.likely = hold.candidates.iter().position(|it| it == suite).unwrap_or(0);
                }
                if soonest <= start {
                    break;
                }
            }
            if soonest > start {
                return Some(self.raise(Obstacle::Suite(row), k, soonest));
            }
        }
        None
    }

    /// Takes what is held up to the end of activity `k`, or says where to go back to.
    pub(crate) fn take_holds(&mut self, k: usize) -> Option<Raise> {
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
        let first_there = hold.same_suite_as.and_then(|first| self.timer.suites[first]);
        let settled = settled.or(first_there);
        let soonest = Short { until: NEVER, activity: hold.first, in_own_way: false };
        let mut shorts = Shorts { soonest, leaves: NEVER, in_own_way: first_there.is_some() };
        let latest = self.timer.latest[hold.first];
        let mut best: Option<(i64, SuiteIx)> = None;
        for suite in settled.iter().chain(hold.candidates.iter().filter(|_| settled.is_none())) {
            let until = if best.is_some() { held.start + 1 } else { shorts.soonest.until.min(latest + 1) };
            let elsewhere = first_there.is_some_and(|first| first != *suite);
            if elsewhere || (!ignored && self.is_short(*suite, hold, &new, &own, until, &mut shorts)) {
                continue;
            }
            let (cost, idle) = self.load.suites[*suite].cost_of(self.problem, &new);
            let idle_min = idle.saturating_mul(i64::from(self.problem.slot_minutes));
            let rank = cost.saturating_mul(IDLE_MIN_PER_COST).saturating_add(idle_min);
            let rank = if self.timer.passes_over() { rank.saturating_add(NEVER) } else { rank };
            if best.is_none_or(|best| (rank, *suite) < best) {
                best = Some((rank, *suite));
            }
        }
        match best {
            Some((_, suite)) => {
                self.timer.suites[row] = Some(suite);
                Ok(())
            }
            None => {
                self.timer.in_own_way |= shorts.in_own_way;
                let (activity, until) = self.soonest(hold, &shorts);
                Err(self.raise(Obstacle::Suite(row), activity, until))
            }
        }
    }

    /// Which activity must start later, and when, for some suite to take the hold. Some may take it
    /// when its first activity starts later, others when its last one does.
    fn soonest(&self, hold: &SuiteHold, shorts: &Shorts) -> (usize, Slot) {
        let Short { until, activity, .. } = shorts.soonest;
        let between = length_min(self.route, activity, hold.last) - self.route.activities[hold.last].duration;
        let leaves = shorts.leaves.min(until.saturating_add(between));
        match shorts.leaves == NEVER || leaves <= self.timer.starts[hold.last] {
            true => (activity, until),
            false => (hold.last, leaves),
        }
    }

    /// Whether a suite does not take a hold now; then why is noted.
    fn is_short(
        &self,
        suite: SuiteIx,
        hold: &SuiteHold,
        new: &Held,
        own: &[OwnHold],
        until: Slot,
        shorts: &mut Shorts,
    ) -> bool {
        let passes = |way| self.airlock_short(suite, hold, new, own, way);
        let unfit = || {
            let until = fitness::unfit_until(self.problem, self.load, self.batch, suite, hold, new.span)?;
            Some(Short { until, activity: hold.first, in_own_way: false })
        };
        let short = self.suite_short(suite, hold, new, own, until).or_else(unfit).or_else(|| passes(Way::In));
        if let Some(short) = short {
            shorts.in_own_way |= short.in_own_way;
            if short.until < shorts.soonest.until {
                shorts.soonest = short;
            }
            return true;
        }
        let short = passes(Way::Out);
        if let Some(short) = short {
            shorts.in_own_way |= short.in_own_way;
            shorts.leaves = shorts.leaves.min(short.until);
        }
        short.is_some()
    }

    /// Why the suite of a hold cannot be entered, or left, through its airlock.
    fn airlock_short(&self, suite: SuiteIx, hold: &SuiteHold, new: &Held, own: &[OwnHold], way: Way) -> Option<Short> {
        let airlock = self.problem.suites[suite].airlock?;
        let passages = &self.load.airlocks[airlock];
        let behind = own.iter().filter(|(at, ..)| self.problem.suites[*at].airlock == Some(airlock));
        let behind: Vec<Window> = behind.map(|(_, held, _)| held.span).collect();
        let busy = passages.busy(new.span, way, &behind)?;
        let (activity, until) = match way {
            Way::In => (hold.first, busy.until),
            Way::Out => {
                let later = busy.until - passages.passage(new.span, way).start;
                (hold.last, self.timer.starts[hold.last] + later)
            }
        };
        Some(Short { until, activity, in_own_way: busy.in_own_way })
    }

    /// Why a suite does not take a hold now, if it does not: because of others, or because of
    /// holds of this same batch. Looks no further than `until`.
    fn suite_short(&self, suite: SuiteIx, hold: &SuiteHold, new: &Held, own: &[OwnHold], until: Slot) -> Option<Short> {
        let line = &self.load.suites[suite];
        let length = length_min(self.route, hold.first, hold.last);
        let until = line.first_fit(self.problem, self.batch, new, length, until);
        if until > new.span.start {
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

/// The least slots from the start of one activity to the end of another.
fn length_min(route: &Route, first: usize, last: usize) -> Slot {
    let lags = route.activities[first..=last].iter().skip(1).map(|activity| activity.min_lag);
    route.activities[first..=last].iter().map(|activity| activity.duration).chain(lags).sum()
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
