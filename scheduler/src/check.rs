//! The referee: is this plan legal, and what does it cost?
//!
//! It shares no code with what makes plans: it expands calendars, sorts suites and adds up costs
//! by itself, straight from the problem. It looks up everything with care, because a plan may come
//! from anywhere. It does not say how to mend a plan.

use std::collections::BTreeMap;

use crate::index::{BatchIx, PoolIx, SuiteIx, TenantIx};
use crate::plan::{Objective, Placement, Plan};
use crate::problem::{Batch, Problem, Route, Suite, SuiteHold};
use crate::spec::{Capacity, Pool, PoolKind, Slot, Window};
use crate::violation::Violation;

/// One suite hold of a plan.
struct Stay<'p> {
    suite: SuiteIx,
    span: Window,
    ix: BatchIx,
    batch: &'p Batch,
    hold: &'p SuiteHold,
}

/// Everything a plan uses, collected before it is judged.
#[derive(Default)]
struct Use<'p> {
    stays: Vec<Stay<'p>>,
    pools: BTreeMap<PoolIx, BTreeMap<Slot, i64>>,
    tenants: BTreeMap<TenantIx, BTreeMap<Slot, i64>>,
}

/// Every way in which a plan breaks a rule of its problem; none when it is legal.
#[must_use]
pub fn check(problem: &Problem, plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    if plan.len() != problem.batches.len() {
        found.push(Violation::BatchCount { planned: plan.len(), wanted: problem.batches.len() });
    }
    let mut used = Use::default();
    for (ix, batch) in problem.batches.pairs() {
        match plan.placement(ix) {
            None if batch.drop_penalty.is_none() => found.push(Violation::ConfirmedRefused { batch: ix }),
            None => {}
            Some(placement) => match whole(problem, batch, placement) {
                None => found.push(Violation::Shape { batch: ix }),
                Some(route) => {
                    timing(problem, ix, batch, route, placement, &mut found);
                    commitment(ix, batch, placement, &mut found);
                    fitness(problem, ix, batch, route, placement, &mut found);
                    collect(problem, ix, batch, route, placement, &mut used);
                }
            },
        }
    }
    for (pool, changes) in &used.pools {
        if let Some(item) = problem.pools.find(*pool) {
            capacity(*pool, changes, |slot| units_at(problem, item, slot), &mut found);
        }
    }
    for (tenant, changes) in &used.tenants {
        let most = problem.tenants.find(*tenant).and_then(|item| item.max_suites);
        if let Some(most) = most {
            quota(*tenant, changes, most.into(), &mut found);
        }
    }
    for (suite, stays) in by_suite(used.stays) {
        if let Some(item) = problem.suites.find(suite) {
            occupancy(problem, suite, item, &stays, &mut found);
        }
    }
    found
}

/// What a plan costs, added up independently of the planner. Batches whose placement does not
/// fit their route count as refused.
#[must_use]
pub fn recount(problem: &Problem, plan: &Plan) -> Objective {
    let mut sum = Objective::default();
    let mut used = Use::default();
    for (ix, batch) in problem.batches.pairs() {
        let placed = plan.placement(ix).and_then(|at| Some((at, whole(problem, batch, at)?)));
        let Some((placement, route)) = placed else {
            sum.drop += batch.drop_penalty.unwrap_or(0);
            continue;
        };
        let end = ends(route, placement).last().copied().unwrap_or(0);
        let late = end.saturating_sub(batch.due).max(0);
        sum.tardiness = sum.tardiness.saturating_add(batch.weight.saturating_mul(late));
        sum.route += route.cost;
        sum.makespan = sum.makespan.max(end);
        collect(problem, ix, batch, route, placement, &mut used);
    }
    for (suite, stays) in by_suite(used.stays) {
        let mut before = problem.suites.find(suite).and_then(|item| item.initial_family);
        let mut last: Option<&Stay> = None;
        for stay in &stays {
            let shares = last.is_some_and(|last| together(problem, last, stay));
            if let (Some(from), false) = (before, shares) {
                sum.changeover += problem.changeover(from, stay.batch.family).cost;
            }
            before = Some(stay.batch.family);
            last = Some(stay);
        }
    }
    let cost = sum.tardiness.saturating_add(sum.changeover + sum.route + sum.drop);
    sum.total = problem.cost_scale.saturating_mul(cost).saturating_add(sum.makespan);
    sum
}

/// The route, when every list of the placement fits it and names things that exist.
fn whole<'p>(problem: &Problem, batch: &'p Batch, placement: &Placement) -> Option<&'p Route> {
    let route = batch.routes.find(placement.route)?;
    let fits = placement.starts.len() == route.activities.len()
        && placement.suites.len() == route.suite_holds.len()
        && placement.equipment.len() == route.equipment_holds.len()
        && placement.suites.iter().all(|ix| problem.suites.find(*ix).is_some())
        && placement.equipment.iter().all(|ix| problem.pools.find(*ix).is_some());
    fits.then_some(route)
}

fn ends(route: &Route, placement: &Placement) -> Vec<Slot> {
    let pairs = placement.starts.iter().zip(&route.activities);
    pairs.map(|(start, activity)| start.saturating_add(activity.duration)).collect()
}

fn span(placement: &Placement, ends: &[Slot], first: usize, last: usize) -> Option<Window> {
    Some(Window::new(*placement.starts.get(first)?, *ends.get(last)?))
}

fn timing(
    problem: &Problem,
    ix: BatchIx,
    batch: &Batch,
    route: &Route,
    placement: &Placement,
    found: &mut Vec<Violation>,
) {
    let ends = ends(route, placement);
    let (Some(first), Some(last)) = (placement.starts.first(), ends.last()) else { return };
    if *first < batch.release {
        found.push(Violation::BeforeRelease { batch: ix, start: *first, release: batch.release });
    }
    if let Some(start_max) = batch.start_max.filter(|start_max| first > start_max) {
        found.push(Violation::AfterStartMax { batch: ix, start: *first, start_max });
    }
    if let Some(deadline) = batch.deadline.filter(|deadline| last > deadline) {
        found.push(Violation::AfterDeadline { batch: ix, end: *last, deadline });
    }
    if *last > problem.horizon {
        found.push(Violation::BeyondHorizon { batch: ix, end: *last, horizon: problem.horizon });
    }
    for (k, (activity, start)) in route.activities.iter().zip(&placement.starts).enumerate() {
        let fixed = batch.commitment.as_ref().is_some_and(|it| it.starts.get(k).is_some_and(Option::is_some));
        if *start < problem.now && !fixed {
            found.push(Violation::BeforeNow { batch: ix, activity: k, start: *start, now: problem.now });
        }
        let Some(end) = k.checked_sub(1).and_then(|before| ends.get(before)) else { continue };
        let lag = start.saturating_sub(*end);
        if lag < activity.min_lag {
            found.push(Violation::LagTooShort { batch: ix, activity: k, lag, min_lag: activity.min_lag });
        }
        if let Some(max_lag) = activity.max_lag.filter(|max_lag| lag > *max_lag) {
            found.push(Violation::LagTooLong { batch: ix, activity: k, lag, max_lag });
        }
    }
}

fn commitment(ix: BatchIx, batch: &Batch, placement: &Placement, found: &mut Vec<Violation>) {
    fn kept<T: PartialEq>(fixed: &[Option<T>], planned: &[T]) -> bool {
        fixed.iter().zip(planned).all(|(fixed, planned)| fixed.as_ref().is_none_or(|fixed| fixed == planned))
    }
    let Some(fixed) = &batch.commitment else { return };
    let whole = fixed.route == placement.route
        && kept(&fixed.starts, &placement.starts)
        && kept(&fixed.suites, &placement.suites)
        && kept(&fixed.equipment, &placement.equipment);
    if !whole {
        found.push(Violation::CommitmentMoved { batch: ix });
    }
}

/// Each suite is fit for its hold and open to the tenant; each pool is one that serves.
fn fitness(
    problem: &Problem,
    ix: BatchIx,
    batch: &Batch,
    route: &Route,
    placement: &Placement,
    found: &mut Vec<Violation>,
) {
    let ends = ends(route, placement);
    for (hold, pool) in route.equipment_holds.iter().zip(&placement.equipment) {
        if !hold.pools.contains(pool) {
            found.push(Violation::WrongEquipment { batch: ix, pool: *pool });
        }
    }
    let qualified = problem.tenants.find(batch.tenant).map(|tenant| &tenant.qualified_suites);
    for (hold, at) in route.suite_holds.iter().zip(&placement.suites) {
        let Some(suite) = problem.suites.find(*at) else { continue };
        let has_class = hold.classes.iter().all(|class| suite.classes.contains(class));
        let has_grade = hold.grade_min.is_none_or(|least| suite.grade.is_some_and(|grade| grade >= least));
        if !has_class || !has_grade || (!hold.only.is_empty() && !hold.only.contains(at)) {
            found.push(Violation::SuiteUnfit { batch: ix, suite: *at });
        }
        if !qualified.is_some_and(|suites| suites.contains(at)) {
            found.push(Violation::SuiteNotQualified { batch: ix, suite: *at });
        }
        let Some(span) = span(placement, &ends, hold.first, hold.last) else { continue };
        for closed in suite.maintenance.iter().filter(|closed| closed.overlaps(span)) {
            found.push(Violation::Maintenance { batch: ix, suite: *at, window: *closed });
        }
        let foreign = suite.reserved.iter().filter(|(tenant, _)| *tenant != batch.tenant);
        for (tenant, window) in foreign.filter(|(_, window)| window.overlaps(span)) {
            found.push(Violation::Reserved { batch: ix, suite: *at, tenant: *tenant, window: *window });
        }
    }
}

fn collect<'p>(
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

fn units_at(problem: &Problem, pool: &Pool, slot: Slot) -> i64 {
    let units = match &pool.capacity {
        Capacity::Constant { units } => *units,
        Capacity::Weekly { units } => {
            let week = i64::try_from(units.len()).unwrap_or(1).max(1);
            let row = usize::try_from(slot.saturating_add(problem.week_phase).rem_euclid(week));
            row.ok().and_then(|row| units.get(row)).copied().unwrap_or(0)
        }
        Capacity::Steps { steps } => steps.iter().rev().find(|step| step.from <= slot).map_or(0, |step| step.units),
    };
    let missing = pool.reductions.iter().filter(|it| it.window.start <= slot && slot < it.window.end);
    (i64::from(units) - missing.map(|it| i64::from(it.units)).sum::<i64>()).max(0)
}

/// Slots beyond which a plan is not followed slot by slot: it is illegal there anyway.
const FOLLOWED_MAX: Slot = 4 * crate::validate::HORIZON_MAX;

fn capacity(pool: PoolIx, changes: &BTreeMap<Slot, i64>, units_at: impl Fn(Slot) -> i64, found: &mut Vec<Violation>) {
    let mut used = 0;
    let mut from = -FOLLOWED_MAX;
    let mut over: Option<(Window, i64)> = None;
    for (slot, change) in changes {
        let until = (*slot).clamp(-FOLLOWED_MAX, FOLLOWED_MAX);
        if used > 0 {
            for at in from..until {
                let excess = used - units_at(at);
                over = match over {
                    Some((window, worst)) if excess > 0 && window.end == at => {
                        Some((Window::new(window.start, at + 1), worst.max(excess)))
                    }
                    open if excess > 0 => {
                        found.extend(open.map(|(window, excess)| Violation::Capacity { pool, window, excess }));
                        Some((Window::new(at, at + 1), excess))
                    }
                    open => open,
                };
            }
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

fn by_suite(stays: Vec<Stay<'_>>) -> BTreeMap<SuiteIx, Vec<Stay<'_>>> {
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
fn together(problem: &Problem, one: &Stay, other: &Stay) -> bool {
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
