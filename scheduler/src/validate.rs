//! From a specification to a problem: every id resolved, every number in range, or a refusal that
//! says where, what, and what to do. It does not judge whether a plan can exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{FamilyIx, PoolIx, Position, RouteIx, SuiteIx, Table, TenantIx};
use crate::problem::{
    Activity, Batch, Changeover, Commitment, EquipmentHold, Names, Problem, Route, Suite, SuiteHold, Tenant,
};
use crate::spec::{
    ActivitySpec, BatchSpec, Capacity, CommitmentSpec, MINUTES_PER_WEEK, Pool, PoolKind, ProblemSpec, RouteSpec, Slot,
    SuiteHoldSpec, SuiteSpec, Window,
};

/// Longest horizon, in slots: ten years of 5-minute slots. A plan keeps a number per slot and pool.
pub(crate) const HORIZON_MAX: Slot = 1 << 20;
/// Most units of a pool, or needed of one.
pub(crate) const UNITS_MAX: u32 = 1_000_000;
/// Largest single cost, weight or penalty.
pub(crate) const COST_MAX: i64 = 1_000_000_000_000;
/// Largest objective a problem may be able to reach; leaves room to add and compare.
pub(crate) const OBJECTIVE_MAX: i128 = 1 << 60;

/// A specification that cannot be planned, and where it is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct ProblemError {
    /// Where, in the words of the specification.
    pub at: String,
    /// What, and what to do.
    pub fault: Fault,
}

/// What is wrong with a specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A reference to nothing.
    #[error("there is no {kind} {id:?}; name one of the problem's, or add it")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// The same id twice.
    #[error("the {kind} {id:?} occurs twice; give each its own id")]
    Twice {
        /// What kind of thing.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// An empty id.
    #[error("it has no id; give it one")]
    NoId,
    /// A number out of range.
    #[error("{field} is {value}; it must lie between {min} and {max}")]
    Range {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i64,
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// A list of the wrong length.
    #[error("{field} has {found} entries; it needs {wanted}")]
    Length {
        /// The field.
        field: &'static str,
        /// Entries found.
        found: usize,
        /// Entries needed.
        wanted: usize,
    },
    /// An empty or reversed window.
    #[error("{field} runs from {start} to {end}; the end must be later than the start")]
    Window {
        /// The field.
        field: &'static str,
        /// Its start.
        start: Slot,
        /// Its end.
        end: Slot,
    },
    /// People asked for as equipment, or the reverse.
    #[error("pool {id:?} is {is}; {instead}")]
    Kind {
        /// The pool.
        id: String,
        /// What it is.
        is: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A slot that does not divide a week.
    #[error("a slot of {minutes} minutes does not divide a week; choose one that does, such as 5 or 60")]
    SlotLength {
        /// The slot, in minutes.
        minutes: u32,
    },
    /// Costs that could not be added up.
    #[error("the costs could reach {reach}, more than {OBJECTIVE_MAX}; use a smaller cost scale or smaller costs")]
    Costs {
        /// What they could reach.
        reach: i128,
    },
}

type Checked<T> = Result<T, ProblemError>;

fn err<T>(at: impl Into<String>, fault: Fault) -> Checked<T> {
    Err(ProblemError { at: at.into(), fault })
}

fn range(at: &str, field: &'static str, value: i64, min: i64, max: i64) -> Checked<i64> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    err(at, Fault::Range { field, value, min, max })
}

fn length(at: &str, field: &'static str, found: usize, wanted: usize) -> Checked<()> {
    if found == wanted {
        return Ok(());
    }
    err(at, Fault::Length { field, found, wanted })
}

fn window(at: &str, field: &'static str, span: Window) -> Checked<Window> {
    if span.start >= span.end {
        return err(at, Fault::Window { field, start: span.start, end: span.end });
    }
    range(at, field, span.start, -HORIZON_MAX, HORIZON_MAX)?;
    range(at, field, span.end, -HORIZON_MAX, HORIZON_MAX)?;
    Ok(span)
}

fn known<I: Copy>(names: &BTreeMap<String, I>, at: &str, kind: &'static str, id: &str) -> Checked<I> {
    names.get(id).copied().map_or_else(|| err(at, Fault::Unknown { kind, id: id.to_owned() }), Ok)
}

fn register<'s, I: Position>(
    kind: &'static str,
    ids: impl Iterator<Item = &'s String>,
) -> Checked<BTreeMap<String, I>> {
    let mut names = BTreeMap::new();
    for (row, id) in ids.enumerate() {
        if id.is_empty() {
            let at = format!("{kind} number {}", row + 1);
            return err(at, Fault::NoId);
        }
        if names.insert(id.clone(), I::at(row)).is_some() {
            return err("problem", Fault::Twice { kind, id: id.clone() });
        }
    }
    Ok(names)
}

pub(crate) fn problem(spec: &ProblemSpec) -> Checked<Problem> {
    let at = "problem";
    range(at, "slot_minutes", spec.slot_minutes.into(), 1, MINUTES_PER_WEEK.into())?;
    if !MINUTES_PER_WEEK.is_multiple_of(spec.slot_minutes) {
        return err(at, Fault::SlotLength { minutes: spec.slot_minutes });
    }
    range(at, "horizon", spec.horizon, 1, HORIZON_MAX)?;
    range(at, "now", spec.now, 0, spec.horizon)?;
    range(at, "week_phase", spec.week_phase, 0, i64::from(MINUTES_PER_WEEK / spec.slot_minutes) - 1)?;
    range(at, "cost_scale", spec.cost_scale, 0, COST_MAX)?;
    let mut classes: Vec<&String> = spec.co_occupancy.iter().flat_map(|rule| &rule.classes).collect();
    classes.extend(spec.batches.iter().filter_map(|batch| batch.occupancy_class.as_ref()));
    classes.sort();
    classes.dedup();
    let names = Names {
        tenants: register("tenant", spec.tenants.iter().map(|tenant| &tenant.id))?,
        suites: register("suite", spec.suites.iter().map(|suite| &suite.id))?,
        pools: register("pool", spec.pools.iter().map(|pool| &pool.id))?,
        families: register("family", spec.changeover.families.iter())?,
        occupancy: register("occupancy class", classes.into_iter())?,
        batches: register("batch", spec.batches.iter().map(|batch| &batch.id))?,
    };
    let mut problem = Problem {
        name: spec.name.clone(),
        slot_minutes: spec.slot_minutes,
        horizon: spec.horizon,
        now: spec.now,
        week_phase: spec.week_phase,
        cost_scale: spec.cost_scale,
        tenants: tenants(spec, &names)?,
        suites: suites(spec, &names)?,
        pools: pools(spec)?,
        changeover: changeover(spec)?,
        co_occupancy: co_occupancy(spec, &names)?,
        batches: Table::new(Vec::new()),
        names,
    };
    let batches = spec.batches.iter().map(|item| resolve_batch(&problem, item));
    problem.batches = Table::new(batches.collect::<Checked<_>>()?);
    costs(&problem, None)?;
    Ok(problem)
}

fn tenants(spec: &ProblemSpec, names: &Names) -> Checked<Table<TenantIx, Tenant>> {
    let tenant = |item: &crate::spec::TenantSpec| {
        let at = format!("tenant {}", item.id);
        let suites = item.qualified_suites.iter();
        let qualified_suites = suites.map(|id| known(&names.suites, &at, "suite", id)).collect::<Checked<_>>()?;
        Ok(Tenant { id: item.id.clone(), qualified_suites, max_suites: item.max_suites })
    };
    Ok(Table::new(spec.tenants.iter().map(tenant).collect::<Checked<_>>()?))
}

fn suites(spec: &ProblemSpec, names: &Names) -> Checked<Table<SuiteIx, Suite>> {
    let suites = spec.suites.iter().map(|item| suite(item, names));
    Ok(Table::new(suites.collect::<Checked<_>>()?))
}

fn suite(item: &SuiteSpec, names: &Names) -> Checked<Suite> {
    let at = format!("suite {}", item.id);
    range(&at, "places", item.places.into(), 1, UNITS_MAX.into())?;
    range(&at, "place_clearance", item.place_clearance, 0, HORIZON_MAX)?;
    range(&at, "available_from", item.available_from, -HORIZON_MAX, HORIZON_MAX)?;
    let maintenance = item.maintenance.iter().map(|span| window(&at, "maintenance", *span));
    let mut maintenance = maintenance.collect::<Checked<Vec<_>>>()?;
    maintenance.sort();
    let mut reserved = Vec::new();
    for reservation in &item.reserved {
        let tenant = known(&names.tenants, &at, "tenant", &reservation.tenant)?;
        reserved.push((tenant, window(&at, "reserved", reservation.window)?));
    }
    reserved.sort_by_key(|(tenant, span)| (*span, *tenant));
    let family = item.initial_family.as_ref();
    Ok(Suite {
        id: item.id.clone(),
        classes: item.classes.iter().cloned().collect(),
        grade: item.grade,
        places: item.places,
        place_clearance: item.place_clearance,
        maintenance,
        reserved,
        initial_family: family.map(|id| known(&names.families, &at, "family", id)).transpose()?,
        available_from: item.available_from,
    })
}

fn pools(spec: &ProblemSpec) -> Checked<Table<PoolIx, Pool>> {
    for pool in &spec.pools {
        let at = format!("pool {}", pool.id);
        if let PoolKind::Equipment { turnaround } = pool.kind {
            range(&at, "turnaround", turnaround, 0, HORIZON_MAX)?;
        }
        let units = |value: u32| range(&at, "units", value.into(), 0, UNITS_MAX.into());
        match &pool.capacity {
            Capacity::Constant { units: value } => {
                units(*value)?;
            }
            Capacity::Weekly { units: week } => {
                let wanted = (MINUTES_PER_WEEK / spec.slot_minutes) as usize;
                length(&at, "the week", week.len(), wanted)?;
                week.iter().try_for_each(|value| units(*value).map(drop))?;
            }
            Capacity::Steps { steps } => {
                for pair in steps.windows(2) {
                    if let [one, next] = pair {
                        window(&at, "a capacity step", Window::new(one.from, next.from))?;
                    }
                }
                for step in steps {
                    range(&at, "from", step.from, -HORIZON_MAX, HORIZON_MAX)?;
                    units(step.units)?;
                }
            }
        }
        for reduction in &pool.reductions {
            window(&at, "a reduction", reduction.window)?;
            units(reduction.units)?;
        }
    }
    Ok(Table::new(spec.pools.clone()))
}

fn changeover(spec: &ProblemSpec) -> Checked<Table<FamilyIx, Table<FamilyIx, Changeover>>> {
    let (at, matrix) = ("changeover", &spec.changeover);
    let wanted = matrix.families.len();
    length(at, "time", matrix.time.len(), wanted)?;
    length(at, "cost", matrix.cost.len(), wanted)?;
    let mut rows = Vec::new();
    for ((family, times), costs) in matrix.families.iter().zip(&matrix.time).zip(&matrix.cost) {
        let at = format!("changeover from {family}");
        length(&at, "time", times.len(), wanted)?;
        length(&at, "cost", costs.len(), wanted)?;
        let mut row = Vec::new();
        for (time, cost) in times.iter().zip(costs) {
            range(&at, "time", *time, 0, HORIZON_MAX)?;
            range(&at, "cost", *cost, 0, COST_MAX)?;
            row.push(Changeover { time: *time, cost: *cost });
        }
        rows.push(Table::new(row));
    }
    Ok(Table::new(rows))
}

type Approved = BTreeSet<(SuiteIx, crate::index::OccupancyIx, crate::index::OccupancyIx)>;

fn co_occupancy(spec: &ProblemSpec, names: &Names) -> Checked<Approved> {
    let mut approved = Approved::new();
    for rule in &spec.co_occupancy {
        let at = format!("co-occupancy rule {}", rule.id);
        let [one, other] = &rule.classes;
        let one = known(&names.occupancy, &at, "occupancy class", one)?;
        let other = known(&names.occupancy, &at, "occupancy class", other)?;
        for id in &rule.suites {
            let suite = known(&names.suites, &at, "suite", id)?;
            approved.insert((suite, one.min(other), one.max(other)));
        }
    }
    Ok(approved)
}

/// A batch that is not yet the problem's: its id must be new.
pub(crate) fn batch(problem: &Problem, spec: &BatchSpec) -> Checked<Batch> {
    if problem.names.batches.contains_key(&spec.id) {
        return err("problem", Fault::Twice { kind: "batch", id: spec.id.clone() });
    }
    let batch = resolve_batch(problem, spec)?;
    costs(problem, Some(&batch))?;
    Ok(batch)
}

fn resolve_batch(problem: &Problem, spec: &BatchSpec) -> Checked<Batch> {
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
    let routes = spec.routes.iter().map(|route| resolve_route(problem, tenant, &at, route));
    let routes = Table::new(routes.collect::<Checked<Vec<Route>>>()?);
    let commitment = spec.commitment.as_ref().map(|item| {
        let ix = known(&routes_by_name, &at, "route", &item.route)?;
        resolve_commitment(problem, &at, &routes[ix], ix, item)
    });
    // A class that no rule and no batch of the problem names can share with nobody.
    let class = spec.occupancy_class.as_ref().and_then(|id| names.occupancy.get(id));
    Ok(Batch {
        id: spec.id.clone(),
        tenant,
        family: known(&names.families, &at, "family", &spec.family)?,
        occupancy_class: class.copied(),
        release: spec.release,
        start_max: spec.start_max,
        due: spec.due,
        deadline: spec.deadline,
        weight: spec.weight,
        drop_penalty: spec.drop_penalty,
        routes,
        commitment: commitment.transpose()?,
    })
}

fn resolve_route(problem: &Problem, tenant: TenantIx, at: &str, spec: &RouteSpec) -> Checked<Route> {
    let at = format!("{at}, route {}", spec.name);
    range(&at, "cost", spec.cost, 0, COST_MAX)?;
    let count = spec.activities.len();
    if count == 0 {
        return err(at, Fault::Length { field: "activities", found: 0, wanted: 1 });
    }
    let activities = spec.activities.iter().map(|item| resolve_activity(problem, &at, item));
    let span = |first: usize, last: usize| {
        let top = i64::try_from(count).unwrap_or(i64::MAX) - 1;
        let (first, last) = (i64::try_from(first), i64::try_from(last));
        let last = range(&at, "last activity of a hold", last.unwrap_or(i64::MAX), 0, top)?;
        range(&at, "first activity of a hold", first.unwrap_or(i64::MAX), 0, last).map(drop)
    };
    let mut suite_holds = Vec::new();
    for hold in &spec.suite_holds {
        span(hold.first, hold.last)?;
        suite_holds.push(resolve_suite_hold(problem, tenant, &at, hold)?);
    }
    let mut equipment_holds = Vec::new();
    for hold in &spec.equipment_holds {
        span(hold.first, hold.last)?;
        range(&at, "units", hold.units.into(), 1, UNITS_MAX.into())?;
        if hold.pools.is_empty() {
            return err(at, Fault::Length { field: "pools of a hold", found: 0, wanted: 1 });
        }
        let pools = hold.pools.iter().map(|id| {
            let ix = known(&problem.names.pools, &at, "pool", id)?;
            match problem.pools[ix].kind {
                PoolKind::Equipment { .. } => Ok(ix),
                PoolKind::Labour => err(
                    &at,
                    Fault::Kind { id: id.clone(), is: "people", instead: "ask for people as demand of an activity" },
                ),
            }
        });
        let pools = pools.collect::<Checked<_>>()?;
        equipment_holds.push(EquipmentHold { pools, units: hold.units, first: hold.first, last: hold.last });
    }
    Ok(Route {
        name: spec.name.clone(),
        cost: spec.cost,
        activities: activities.collect::<Checked<_>>()?,
        suite_holds,
        equipment_holds,
    })
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
    Ok(Activity {
        name: spec.name.clone(),
        duration: spec.duration,
        demands: demands.into_iter().collect(),
        min_lag: spec.min_lag,
        max_lag: spec.max_lag,
    })
}

fn resolve_suite_hold(problem: &Problem, tenant: TenantIx, at: &str, spec: &SuiteHoldSpec) -> Checked<SuiteHold> {
    let only = spec.suites.iter().map(|id| known(&problem.names.suites, at, "suite", id));
    let only: BTreeSet<SuiteIx> = only.collect::<Checked<_>>()?;
    let classes: BTreeSet<String> = spec.classes.iter().cloned().collect();
    let fits = |ix: &SuiteIx| {
        let suite = &problem.suites[*ix];
        classes.is_subset(&suite.classes)
            && (spec.grade_min.is_none() || suite.grade >= spec.grade_min)
            && (only.is_empty() || only.contains(ix))
    };
    let qualified = problem.tenants[tenant].qualified_suites.iter().copied();
    let candidates = qualified.filter(fits).collect();
    Ok(SuiteHold {
        classes,
        grade_min: spec.grade_min,
        only,
        first: spec.first,
        last: spec.last,
        shared: spec.shared,
        candidates,
    })
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

/// Whether the objective can be added up whatever the plan, with one more batch or without.
fn costs(problem: &Problem, more: Option<&Batch>) -> Checked<()> {
    let changeovers = problem.changeover.rows().flat_map(Table::rows);
    let changeover = changeovers.map(|item| item.cost).max().unwrap_or(0);
    let mut reach = i128::from(changeover) * i128::try_from(problem.suites.len()).unwrap_or(0);
    for batch in problem.batches.rows().chain(more) {
        let holds = batch.routes.rows().map(|route| route.suite_holds.len()).max().unwrap_or(0);
        let route = batch.routes.rows().map(|route| route.cost).max().unwrap_or(0);
        reach += i128::from(batch.weight) * i128::from((problem.horizon - batch.due).max(0));
        reach += i128::from(batch.drop_penalty.unwrap_or(0)) + i128::from(route);
        reach += i128::from(changeover) * i128::try_from(holds).unwrap_or(0);
    }
    reach = reach * i128::from(problem.cost_scale) + i128::from(problem.horizon);
    if reach > OBJECTIVE_MAX {
        return err("problem", Fault::Costs { reach });
    }
    Ok(())
}
