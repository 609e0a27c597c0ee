//! The second half of the referee: what batches use together. People and equipment in every slot,
//! tenants' quotas, suites with their changeovers and places, airlocks.
//!
//! As `check`, it shares no code with what makes plans.

use std::collections::BTreeMap;

use crate::check::{ends, span};
use crate::index::{AirlockIx, BatchIx, PoolIx, SuiteIx, TenantIx};
use crate::plan::Placement;
use crate::problem::{Airlock, Batch, Problem, Route, Suite, SuiteHold};
use crate::spec::{Capacity, CapacityStep, MINUTES_PER_WEEK, Pool, PoolKind, Slot, Window};
use crate::violation::Violation;

/// One suite hold of a plan.
pub(crate) struct Stay<'p> {
    pub(crate) suite: SuiteIx,
    pub(crate) span: Window,
    pub(crate) ix: BatchIx,
    pub(crate) batch: &'p Batch,
    pub(crate) hold: &'p SuiteHold,
}

/// Everything a plan uses, collected before it is judged.
#[derive(Default)]
pub(crate) struct Use<'p> {
    pub(crate) stays: Vec<Stay<'p>>,
    pools: BTreeMap<PoolIx, BTreeMap<Slot, i64>>,
    tenants: BTreeMap<TenantIx, BTreeMap<Slot, i64>>,
}

/// Every way in which batches use together what there is not.
pub(crate) fn judge(problem: &Problem, used: Use, found: &mut Vec<Violation>) {
    for (pool, changes) in &used.pools {
        if let Some(item) = problem.pools.find(*pool) {
            capacity(problem, *pool, item, changes, found);
        }
    }
    for (tenant, changes) in &used.tenants {
        let most = problem.tenants.find(*tenant).and_then(|item| item.max_suites);
        if let Some(most) = most {
            quota(*tenant, changes, most.into(), found);
        }
    }
    airlocks(problem, &used.stays, found);
    for (suite, stays) in by_suite(used.stays) {
        if let Some(item) = problem.suites.find(suite) {
            occupancy(problem, suite, item, &stays, found);
        }
    }
}

pub(crate) fn collect<'p>(
    problem: &Problem,
    ix: BatchIx,
    batch: &'p Batch,
    route: &'p Route,
    placement: &Placement,
    used: &mut Use<'p>,
) {
    fn take(changes: &mut BTreeMap<Slot, i64>, span: Window, units: i64) {
        if span.start < span.end {
            *changes.entry(span.start).or_default() += units;
            *changes.entry(span.end).or_default() -= units;
        }
    }
    let ends = ends(route, placement);
    for ((activity, start), end) in route.activities.iter().zip(&placement.starts).zip(&ends) {
        for (pool, units) in &activity.demands {
            take(used.pools.entry(*pool).or_default(), Window::new(*start, *end), i64::from(*units));
        }
    }
    for (hold, pool) in route.equipment_holds.iter().zip(&placement.equipment) {
        let Some(span) = span(placement, &ends, hold.first, hold.last) else { continue };
        let turnaround = match problem.pools.find(*pool).map(|item| item.kind) {
            Some(PoolKind::Equipment { turnaround }) => turnaround,
            Some(PoolKind::Labour) | None => 0,
        };
        let span = Window::new(span.start, span.end.saturating_add(turnaround));
        take(used.pools.entry(*pool).or_default(), span, i64::from(hold.units));
    }
    for (hold, suite) in route.suite_holds.iter().zip(&placement.suites) {
        let Some(span) = span(placement, &ends, hold.first, hold.last) else { continue };
        take(used.tenants.entry(batch.tenant).or_default(), span, 1);
        used.stays.push(Stay { suite: *suite, span, ix, batch, hold });
    }
}

/// Units of a pool in a slot, reductions taken off.
fn units_at(problem: &Problem, pool: &Pool, slot: Slot) -> i64 {
    let in_force = |steps: &[CapacityStep], slot: Slot| {
        let begun = steps.partition_point(|step| step.from <= slot);
        begun.checked_sub(1).and_then(|row| steps.get(row)).map_or(0, |step| step.units)
    };
    let units = match &pool.capacity {
        Capacity::Constant { units } => *units,
        Capacity::Weekly { units } => {
            let row = usize::try_from(slot_of_week(problem, slot)).unwrap_or(0);
            units.get(row).copied().unwrap_or(0)
        }
        Capacity::WeeklySteps { steps } => in_force(steps, slot_of_week(problem, slot)),
        Capacity::Steps { steps } => in_force(steps, slot),
    };
    let missing = pool.reductions.iter().filter(|it| it.window.start <= slot && slot < it.window.end);
    (i64::from(units) - missing.map(|it| i64::from(it.units)).sum::<i64>()).max(0)
}

fn week(problem: &Problem) -> Slot {
    Slot::from(MINUTES_PER_WEEK / problem.slot_minutes.max(1)).max(1)
}

fn slot_of_week(problem: &Problem, slot: Slot) -> Slot {
    slot.saturating_add(problem.week_phase).rem_euclid(week(problem))
}

/// A later slot up to which the units of a pool are the same as in this one.
fn same_until(problem: &Problem, pool: &Pool, slot: Slot) -> Slot {
    let in_week = slot_of_week(problem, slot);
    let of_week = |next: Option<Slot>| slot + next.unwrap_or_else(|| week(problem)) - in_week;
    let next_step = |steps: &[CapacityStep], slot: Slot| {
        steps.get(steps.partition_point(|step| step.from <= slot)).map(|step| step.from)
    };
    let calendar = match &pool.capacity {
        Capacity::Constant { .. } => Slot::MAX,
        Capacity::Weekly { units } => {
            let mut rest = units.iter().skip(usize::try_from(in_week).unwrap_or(0));
            let now = rest.next();
            of_week(
                rest.position(|units| Some(units) != now)
                    .and_then(|more| Some(in_week + 1 + Slot::try_from(more).ok()?)),
            )
        }
        Capacity::WeeklySteps { steps } => of_week(next_step(steps, in_week)),
        Capacity::Steps { steps } => next_step(steps, slot).unwrap_or(Slot::MAX),
    };
    let edges = pool.reductions.iter().flat_map(|it| [it.window.start, it.window.end]);
    edges.filter(|edge| *edge > slot).fold(calendar, Slot::min)
}

/// Slots beyond which a plan is not followed: it is illegal there anyway.
const FOLLOWED_MAX: Slot = 4 * crate::validate::HORIZON_MAX;

fn capacity(problem: &Problem, pool: PoolIx, item: &Pool, changes: &BTreeMap<Slot, i64>, found: &mut Vec<Violation>) {
    let mut used = 0;
    let mut from = -FOLLOWED_MAX;
    let mut over: Option<(Window, i64)> = None;
    for (slot, change) in changes {
        let until = (*slot).clamp(-FOLLOWED_MAX, FOLLOWED_MAX);
        while used > 0 && from < until {
            let part = Window::new(from, same_until(problem, item, from).min(until));
            let excess = used - units_at(problem, item, from);
            over = match over {
                Some((window, worst)) if excess > 0 && window.end == part.start => {
                    Some((Window::new(window.start, part.end), worst.max(excess)))
                }
                open if excess > 0 => {
                    found.extend(open.map(|(window, excess)| Violation::Capacity { pool, window, excess }));
                    Some((part, excess))
                }
                open => open,
            };
            from = part.end;
        }
        used += change;
        from = until;
    }
    found.extend(over.map(|(window, excess)| Violation::Capacity { pool, window, excess }));
}

fn quota(tenant: TenantIx, changes: &BTreeMap<Slot, i64>, most: i64, found: &mut Vec<Violation>) {
    let mut open = 0;
    for (slot, change) in changes {
        let before = open;
        open += change;
        if open > most && before <= most {
            found.push(Violation::Quota { tenant, from: *slot, open, most });
        }
    }
}

pub(crate) fn by_suite(stays: Vec<Stay<'_>>) -> BTreeMap<SuiteIx, Vec<Stay<'_>>> {
    let mut suites: BTreeMap<SuiteIx, Vec<Stay>> = BTreeMap::new();
    for stay in stays {
        suites.entry(stay.suite).or_default().push(stay);
    }
    for stays in suites.values_mut() {
        stays.sort_by_key(|stay| (stay.span, stay.batch.family, stay.ix));
    }
    suites
}

/// Whether two holds may be in their suite together.
pub(crate) fn together(problem: &Problem, one: &Stay, other: &Stay) -> bool {
    one.hold.shared
        && other.hold.shared
        && problem.may_share(one.suite, one.batch.occupancy_class, other.batch.occupancy_class)
}

fn occupancy(problem: &Problem, at: SuiteIx, suite: &Suite, stays: &[Stay], found: &mut Vec<Violation>) {
    let mut places: BTreeMap<Slot, i64> = BTreeMap::new();
    for (row, stay) in stays.iter().enumerate() {
        let family = stay.batch.family;
        let initial = suite.initial_family.map_or(0, |from| problem.changeover(from, family).time);
        let ready = suite.available_from.saturating_add(initial);
        if stay.span.start < ready {
            found.push(Violation::SuiteNotReady { batch: stay.ix, suite: at, start: stay.span.start, ready });
        }
        for before in stays.iter().take(row).filter(|before| !together(problem, before, stay)) {
            let clear = problem.changeover(before.batch.family, family).time;
            if stay.span.start < before.span.end {
                found.push(Violation::SuiteTaken { batch: stay.ix, by: before.ix, suite: at });
            } else if stay.span.start < before.span.end.saturating_add(clear) {
                found.push(Violation::ChangeoverTooShort {
                    batch: stay.ix,
                    after: before.ix,
                    suite: at,
                    gap: stay.span.start - before.span.end,
                    needed: clear,
                });
            }
        }
        if stay.hold.shared {
            let end = stay.span.end.saturating_add(suite.place_clearance);
            *places.entry(stay.span.start).or_default() += 1;
            *places.entry(end).or_default() -= 1;
        }
    }
    let (mut taken, most) = (0, i64::from(suite.places));
    for (slot, change) in places {
        let before = taken;
        taken += change;
        if taken > most && before <= most {
            found.push(Violation::Places { suite: at, from: slot, taken, places: most });
        }
    }
}

/// Passages through one airlock that begin and end: slot, inwards, outwards.
type Passages = BTreeMap<Slot, (i64, i64)>;

/// Suites are entered in the first slots of a hold and left in its last, through an airlock that is
/// used in one direction at a time.
fn airlocks(problem: &Problem, stays: &[Stay], found: &mut Vec<Violation>) {
    let mut passages: BTreeMap<AirlockIx, Passages> = BTreeMap::new();
    for stay in stays {
        let Some(at) = problem.suites.find(stay.suite).and_then(|suite| suite.airlock) else { continue };
        let Some(airlock) = problem.airlocks.find(at) else { continue };
        let (entered, leaves) =
            (stay.span.start.saturating_add(airlock.passage), stay.span.end.saturating_sub(airlock.passage));
        let changes = passages.entry(at).or_default();
        changes.entry(stay.span.start).or_default().0 += 1;
        changes.entry(entered).or_default().0 -= 1;
        changes.entry(leaves).or_default().1 += 1;
        changes.entry(stay.span.end).or_default().1 -= 1;
    }
    for (at, changes) in passages {
        if let Some(airlock) = problem.airlocks.find(at) {
            passing(at, airlock, changes, found);
        }
    }
}

fn passing(at: AirlockIx, airlock: &Airlock, changes: Passages, found: &mut Vec<Violation>) {
    let capacity = i64::from(airlock.capacity);
    let (mut inwards, mut outwards, mut full, mut both) = (0, 0, false, false);
    for (slot, (more_in, more_out)) in changes {
        inwards += more_in;
        outwards += more_out;
        let passages = inwards.max(outwards);
        if passages > capacity && !full {
            found.push(Violation::AirlockFull { airlock: at, from: slot, passages, capacity });
        }
        if inwards > 0 && outwards > 0 && !both {
            found.push(Violation::AirlockBothWays { airlock: at, from: slot });
        }
        (full, both) = (passages > capacity, inwards > 0 && outwards > 0);
    }
}
