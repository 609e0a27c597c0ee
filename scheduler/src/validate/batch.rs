//! Batches and their routes, from specification to problem: as `validate`, for one batch at a time,
//! so that a request is checked by the same rules as the batches of a facility.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{PoolIx, RouteIx, SuiteIx, Table, TenantIx};
use crate::problem::{Activity, Batch, Booking, Commitment, EquipmentHold, Problem, Route, Suite, SuiteHold, serves};
use crate::spec::{
    ActivitySpec, BatchSpec, CommitmentSpec, EquipmentHoldSpec, PoolKind, RouteSpec, Slot, SuiteHoldSpec,
};
use crate::validate::{
    COST_MAX, Checked, Fault, HORIZON_MAX, ProblemError, UNITS_MAX, costs, err, known, length, only_work, range,
    register,
};

/// A batch that is not yet the problem's: its id must be new.
pub(crate) fn batch(problem: &Problem, spec: &BatchSpec) -> Checked<Batch> {
    if problem.names.batches.contains_key(&spec.id) {
        return err("problem", Fault::Twice { kind: "batch", id: spec.id.clone() });
    }
    let batch = resolve_batch(problem, spec)?;
    only_work(problem, &format!("batch {}", spec.id), batch.after.iter().copied())?;
    costs(problem, Some(&batch))?;
    Ok(batch)
}

pub(crate) fn resolve_batch(problem: &Problem, spec: &BatchSpec) -> Checked<Batch> {
    let at = format!("batch {}", spec.id);
    let names = &problem.names;
    let tenant = known(&names.tenants, &at, "tenant", &spec.tenant)?;
    for (field, value) in [
        ("release", Some(spec.release)),
        ("start_max", spec.start_max),
        ("due", Some(spec.due)),
        ("deadline", spec.deadline),
    ] {
        range(&at, field, value.unwrap_or(0), -HORIZON_MAX, HORIZON_MAX)?;
    }
    range(&at, "weight", spec.weight, 0, COST_MAX)?;
    range(&at, "drop_penalty", spec.drop_penalty.unwrap_or(0), 0, COST_MAX)?;
    if spec.routes.is_empty() {
        return err(at, Fault::Length { field: "routes", found: 0, wanted: 1 });
    }
    let ids = spec.routes.iter().map(|route| &route.name);
    let routes_by_name = register::<RouteIx>("route", ids)
        .map_err(|fault| ProblemError { at: format!("{at}, {}", fault.at), ..fault })?;
    let routes = spec.routes.iter().map(|route| resolve_route(problem, tenant, spec.work, &at, route));
    let routes = Table::new(routes.collect::<Checked<Vec<Route>>>()?);
    let commitment = spec.commitment.as_ref().map(|item| {
        let ix = known(&routes_by_name, &at, "route", &item.route)?;
        resolve_commitment(problem, &at, &routes[ix], ix, item)
    });
    let commitment = commitment.transpose()?;
    let booking = resolve_booking(&at, spec)?;
    // What has started has started: an agreement is about starts to come.
    let has_started = commitment.as_ref().is_some_and(|it| it.starts.first().is_some_and(Option::is_some));
    let agreed = booking.filter(|_| !has_started).map(Booking::bounds);
    // A class that no rule and no batch of the problem names can share with nobody.
    let class = spec.occupancy_class.as_ref().and_then(|id| names.occupancy.get(id));
    let after = spec.after.iter().map(|id| known(&names.batches, &at, "work item", id));
    Ok(Batch {
        id: spec.id.clone(),
        tenant,
        family: known(&names.families, &at, "family", &spec.family)?,
        occupancy_class: class.copied(),
        release: agreed.map_or(spec.release, |(earliest, _)| earliest.max(spec.release)),
        start_max: agreed.map(|(_, latest)| latest).into_iter().chain(spec.start_max).min(),
        due: spec.due,
        deadline: spec.deadline,
        weight: spec.weight,
        drop_penalty: spec.drop_penalty,
        autologous: spec.autologous,
        booking,
        work: spec.work,
        after: after.collect::<Checked<_>>()?,
        routes,
        commitment,
    })
}

fn resolve_booking(at: &str, spec: &BatchSpec) -> Checked<Option<Booking>> {
    let Some(booking) = spec.booking else { return Ok(None) };
    if spec.drop_penalty.is_some() {
        return err(at, Fault::Both { one: "booking", other: "drop_penalty" });
    }
    range(at, "booking start", booking.start, -HORIZON_MAX, HORIZON_MAX)?;
    range(at, "booking earlier", booking.earlier, 0, HORIZON_MAX)?;
    range(at, "booking later", booking.later, 0, HORIZON_MAX)?;
    let (release, start_max) = (spec.release, spec.start_max);
    Ok(Some(Booking { start: booking.start, earlier: booking.earlier, later: booking.later, release, start_max }))
}

fn resolve_route(problem: &Problem, tenant: TenantIx, work: bool, at: &str, spec: &RouteSpec) -> Checked<Route> {
    let at = format!("{at}, route {}", spec.name);
    range(&at, "cost", spec.cost, 0, COST_MAX)?;
    let count = spec.activities.len();
    if count == 0 {
        return err(at, Fault::Length { field: "activities", found: 0, wanted: 1 });
    }
    let activities = spec.activities.iter().map(|item| resolve_activity(problem, &at, item));
    let activities = activities.collect::<Checked<Vec<Activity>>>()?;
    let span = |first: usize, last: usize| {
        let top = i64::try_from(count).unwrap_or(i64::MAX) - 1;
        let (first, last) = (i64::try_from(first), i64::try_from(last));
        let last = range(&at, "last activity of a hold", last.unwrap_or(i64::MAX), 0, top)?;
        range(&at, "first activity of a hold", first.unwrap_or(i64::MAX), 0, last).map(drop)
    };
    let mut suite_holds = Vec::new();
    for hold in &spec.suite_holds {
        span(hold.first, hold.last)?;
        let least = least_length(&activities, hold.first, hold.last);
        suite_holds.push(resolve_suite_hold(problem, tenant, work, &at, hold, least)?);
    }
    come_back(&at, &mut suite_holds)?;
    if work && suite_holds.is_empty() {
        return err(at, Fault::Length { field: "suite_holds of a work item", found: 0, wanted: 1 });
    }
    let mut equipment_holds = Vec::new();
    for hold in &spec.equipment_holds {
        span(hold.first, hold.last)?;
        equipment_holds.push(resolve_equipment_hold(problem, &at, hold)?);
    }
    Ok(Route { name: spec.name.clone(), cost: spec.cost, activities, suite_holds, equipment_holds })
}

/// Least slots from the start of one activity to the end of another.
fn least_length(activities: &[Activity], first: usize, last: usize) -> Slot {
    let held = activities.get(first..=last).unwrap_or_default();
    let lags: Slot = held.iter().skip(1).map(|activity| activity.min_lag).sum();
    held.iter().map(|activity| activity.duration).sum::<Slot>() + lags
}

fn resolve_equipment_hold(problem: &Problem, at: &str, spec: &EquipmentHoldSpec) -> Checked<EquipmentHold> {
    range(at, "units", spec.units.into(), 1, UNITS_MAX.into())?;
    if spec.pools.is_empty() {
        return err(at, Fault::Length { field: "pools of a hold", found: 0, wanted: 1 });
    }
    let pools = spec.pools.iter().map(|id| {
        let ix = known(&problem.names.pools, at, "pool", id)?;
        match problem.pools[ix].kind {
            PoolKind::Equipment { .. } => Ok(ix),
            PoolKind::Labour => {
                let instead = "ask for people as demand of an activity";
                err(at, Fault::Kind { id: id.clone(), is: "people", instead })
            }
        }
    });
    let pools = pools.collect::<Checked<_>>()?;
    Ok(EquipmentHold { pools, units: spec.units, first: spec.first, last: spec.last })
}

fn resolve_activity(problem: &Problem, at: &str, spec: &ActivitySpec) -> Checked<Activity> {
    let at = format!("{at}, activity {}", spec.name);
    range(&at, "duration", spec.duration, 1, HORIZON_MAX)?;
    range(&at, "min_lag", spec.min_lag, 0, HORIZON_MAX)?;
    range(&at, "max_lag", spec.max_lag.unwrap_or(HORIZON_MAX), spec.min_lag, HORIZON_MAX)?;
    let mut demands: BTreeMap<PoolIx, u32> = BTreeMap::new();
    for demand in &spec.demands {
        let ix = known(&problem.names.pools, &at, "pool", &demand.pool)?;
        range(&at, "units", demand.units.into(), 0, UNITS_MAX.into())?;
        let id = demand.pool.clone();
        if matches!(problem.pools[ix].kind, PoolKind::Equipment { .. }) {
            let instead = "take it as an equipment hold over this activity";
            return err(at, Fault::Kind { id, is: "equipment", instead });
        }
        if demand.units > 0 && demands.insert(ix, demand.units).is_some() {
            return err(at, Fault::Twice { kind: "demand on pool", id });
        }
    }
    for (union, of) in &problem.unions {
        let asked: u32 = demands.iter().filter(|(pool, _)| of.contains(pool)).map(|(_, units)| *units).sum();
        if asked > 0 {
            *demands.entry(*union).or_default() += asked;
        }
    }
    Ok(Activity {
        name: spec.name.clone(),
        duration: spec.duration,
        demands: demands.into_iter().collect(),
        min_lag: spec.min_lag,
        max_lag: spec.max_lag,
    })
}

fn resolve_suite_hold(
    problem: &Problem,
    tenant: TenantIx,
    work: bool,
    at: &str,
    spec: &SuiteHoldSpec,
    least: Slot,
) -> Checked<SuiteHold> {
    if work && spec.suites.len() != 1 {
        return err(at, Fault::Length { field: "suites of a work item's hold", found: spec.suites.len(), wanted: 1 });
    }
    if work && spec.shared {
        return err(at, Fault::Both { one: "work", other: "a shared hold" });
    }
    let only = spec.suites.iter().map(|id| known(&problem.names.suites, at, "suite", id));
    let only: BTreeSet<SuiteIx> = only.collect::<Checked<_>>()?;
    let classes: BTreeSet<String> = spec.classes.iter().cloned().collect();
    let mut hold = SuiteHold {
        classes,
        grade_min: spec.grade_min,
        only,
        first: spec.first,
        last: spec.last,
        shared: spec.shared,
        same_suite_as: spec.same_suite_as,
        candidates: Vec::new(),
    };
    let fits = |ix: &SuiteIx| {
        let suite = &problem.suites[*ix];
        (work || may_be_fit(suite, &hold))
            && (hold.only.is_empty() || hold.only.contains(ix))
            && suite.airlock.is_none_or(|airlock| least >= 2 * problem.airlocks[airlock].passage)
    };
    let qualified = problem.tenants[tenant].qualified_suites.iter().copied();
    hold.candidates = qualified.filter(fits).collect();
    Ok(hold)
}

/// Whether a suite has what a hold asks for, at some time at least.
fn may_be_fit(suite: &Suite, hold: &SuiteHold) -> bool {
    match suite.fitness.is_empty() {
        true => serves(&suite.classes, suite.grade, &hold.classes, hold.grade_min),
        false => suite.fitness.iter().any(|stretch| stretch.serves(hold)),
    }
}

/// Holds that come back to a suite name the first hold there, and all of them can use the same suites.
fn come_back(at: &str, holds: &mut [SuiteHold]) -> Checked<()> {
    let mut first_there: Vec<usize> = Vec::new();
    for (row, hold) in holds.iter().enumerate() {
        let Some(other) = hold.same_suite_as else {
            first_there.push(row);
            continue;
        };
        match (first_there.get(other), holds.get(other)) {
            (Some(first), Some(earlier)) if earlier.last < hold.first => first_there.push(*first),
            _ => return err(at, Fault::ComesBack { hold: row, other }),
        }
    }
    for first in 0..holds.len() {
        let mut common: Option<BTreeSet<SuiteIx>> = None;
        for (hold, _) in holds.iter().zip(&first_there).filter(|(_, of)| **of == first) {
            let own: BTreeSet<SuiteIx> = hold.candidates.iter().copied().collect();
            common = Some(common.map_or_else(|| own.clone(), |known| &known & &own));
        }
        let common = common.unwrap_or_default();
        for (hold, _) in holds.iter_mut().zip(&first_there).filter(|(_, of)| **of == first) {
            hold.candidates.retain(|suite| common.contains(suite));
        }
    }
    for (hold, first) in holds.iter_mut().zip(first_there) {
        hold.same_suite_as = hold.same_suite_as.map(|_| first);
    }
    Ok(())
}

fn resolve_commitment(
    problem: &Problem,
    at: &str,
    route: &Route,
    ix: RouteIx,
    spec: &CommitmentSpec,
) -> Checked<Commitment> {
    let at = format!("{at}, commitment");
    length(&at, "starts", spec.starts.len(), route.activities.len())?;
    length(&at, "suites", spec.suites.len(), route.suite_holds.len())?;
    length(&at, "equipment", spec.equipment.len(), route.equipment_holds.len())?;
    for start in spec.starts.iter().flatten() {
        range(&at, "a start", *start, -HORIZON_MAX, HORIZON_MAX)?;
    }
    let names = &problem.names;
    let suite = |id: &Option<String>| id.as_ref().map(|id| known(&names.suites, &at, "suite", id)).transpose();
    let pool = |id: &Option<String>| id.as_ref().map(|id| known(&names.pools, &at, "pool", id)).transpose();
    Ok(Commitment {
        route: ix,
        starts: spec.starts.clone(),
        suites: spec.suites.iter().map(suite).collect::<Checked<_>>()?,
        equipment: spec.equipment.iter().map(pool).collect::<Checked<_>>()?,
    })
}
