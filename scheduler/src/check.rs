//! The referee: is this plan legal, and what does it cost?
//!
//! It shares no code with what makes plans: it expands calendars, sorts suites and adds up costs
//! by itself, straight from the problem. It looks up everything with care, because a plan may come
//! from anywhere. It does not say how to mend a plan. Here each batch is judged by itself; what
//! batches use together is `shared`'s.

mod shared;

use std::collections::BTreeSet;

use crate::check::shared::{Stay, Use};
use crate::index::BatchIx;
use crate::plan::{Objective, Placement, Plan};
use crate::problem::{Batch, Fitness, Problem, Route, Suite};
use crate::spec::{Grade, Slot, Window};
use crate::violation::Violation;

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
                    waits(problem, plan, ix, batch, placement, &mut found);
                    commitment(ix, batch, placement, &mut found);
                    fitness(problem, plan, ix, batch, route, placement, &mut found);
                    shared::collect(problem, ix, batch, route, placement, &mut used);
                }
            },
        }
    }
    shared::judge(problem, used, &mut found);
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
        shared::collect(problem, ix, batch, route, placement, &mut used);
    }
    for (suite, stays) in shared::by_suite(used.stays) {
        let mut before = problem.suites.find(suite).and_then(|item| item.initial_family);
        let mut last: Option<&Stay> = None;
        for stay in &stays {
            let shares = last.is_some_and(|last| shared::together(problem, last, stay));
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

pub(crate) fn ends(route: &Route, placement: &Placement) -> Vec<Slot> {
    let pairs = placement.starts.iter().zip(&route.activities);
    pairs.map(|(start, activity)| start.saturating_add(activity.duration)).collect()
}

pub(crate) fn span(placement: &Placement, ends: &[Slot], first: usize, last: usize) -> Option<Window> {
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
    let started = batch.commitment.as_ref().is_some_and(|it| it.starts.first().is_some_and(Option::is_some));
    let agreed = batch
        .booking
        .filter(|_| !started)
        .map(|booking| (booking.start.saturating_sub(booking.earlier), booking.start.saturating_add(booking.later)));
    match agreed.filter(|(earliest, latest)| first < earliest || first > latest) {
        Some((earliest, latest)) => {
            found.push(Violation::BeyondTolerance { batch: ix, start: *first, earliest, latest });
        }
        None if *first < batch.release => {
            found.push(Violation::BeforeRelease { batch: ix, start: *first, release: batch.release });
        }
        None => {
            let late = batch.start_max.filter(|start_max| first > start_max);
            found.extend(late.map(|start_max| Violation::AfterStartMax { batch: ix, start: *first, start_max }));
        }
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

/// Work that must be finished is finished.
fn waits(
    problem: &Problem,
    plan: &Plan,
    ix: BatchIx,
    batch: &Batch,
    placement: &Placement,
    found: &mut Vec<Violation>,
) {
    let Some(start) = placement.starts.first().copied() else { return };
    for after in &batch.after {
        let end = runs(problem, plan, *after).map(|run| run.end);
        if end.is_none_or(|end| start < end) {
            found.push(Violation::WorkNotDone { batch: ix, after: *after, start, end });
        }
    }
}

/// From the first start to the last end of a batch; none when it is not placed.
fn runs(problem: &Problem, plan: &Plan, ix: BatchIx) -> Option<Window> {
    let batch = problem.batches.find(ix)?;
    let placement = plan.placement(ix)?;
    let route = whole(problem, batch, placement)?;
    Some(Window::new(*placement.starts.first()?, *ends(route, placement).last()?))
}

/// Each suite is fit for its hold and open to the tenant; each pool is one that serves.
fn fitness(
    problem: &Problem,
    plan: &Plan,
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
        if !qualified.is_some_and(|suites| suites.contains(at)) {
            found.push(Violation::SuiteNotQualified { batch: ix, suite: *at });
        }
        let first = hold.same_suite_as.and_then(|row| placement.suites.get(row));
        if let Some(first) = first.filter(|first| *first != at) {
            found.push(Violation::NotTheSameSuite { batch: ix, suite: *at, first: *first });
        }
        let Some(span) = span(placement, &ends, hold.first, hold.last) else { continue };
        found.extend(unfit(problem, plan, suite, &Stay { suite: *at, span, ix, batch, hold }));
        for closed in suite.maintenance.iter().filter(|closed| closed.overlaps(span)) {
            found.push(Violation::Maintenance { batch: ix, suite: *at, window: *closed });
        }
        let foreign = suite.reserved.iter().filter(|(tenant, _)| *tenant != batch.tenant);
        for (tenant, window) in foreign.filter(|(_, window)| window.overlaps(span)) {
            found.push(Violation::Reserved { batch: ix, suite: *at, tenant: *tenant, window: *window });
        }
    }
}

/// How a suite is not fit for a hold, if it is not: never, or not throughout. Work needs no fit suite.
fn unfit(problem: &Problem, plan: &Plan, suite: &Suite, stay: &Stay) -> Option<Violation> {
    let Stay { suite: at, span, ix, batch, hold } = *stay;
    let has = |classes: &BTreeSet<String>, grade: Option<Grade>| {
        hold.classes.iter().all(|class| classes.contains(class))
            && hold.grade_min.is_none_or(|least| grade.is_some_and(|grade| grade >= least))
    };
    let named = hold.only.is_empty() || hold.only.contains(&at);
    let stretches: Vec<&Fitness> = suite.fitness.iter().filter(|it| has(&it.classes, it.grade)).collect();
    let ever = if suite.fitness.is_empty() { has(&suite.classes, suite.grade) } else { !stretches.is_empty() };
    if !named || !(ever || batch.work) {
        return Some(Violation::SuiteUnfit { batch: ix, suite: at });
    }
    let in_force = |stretch: &&Fitness| {
        let begun = stretch.after.is_none_or(|work| runs(problem, plan, work).is_some_and(|run| run.end <= span.start));
        let ends = stretch.before.and_then(|work| runs(problem, plan, work)).map(|run| run.start);
        begun && ends.into_iter().chain(stretch.until).all(|end| span.end <= end)
    };
    let lapsed = !suite.fitness.is_empty() && !batch.work && !stretches.iter().any(in_force);
    lapsed.then_some(Violation::SuiteNotFitThen { batch: ix, suite: at, window: span })
}
