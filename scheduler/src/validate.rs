//! From a specification to a problem: every id resolved, every number in range, or a refusal that
//! says where, what, and what to do. It does not judge whether a plan can exist; batches and their
//! routes are `batch`'s.

pub(crate) mod batch;

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{AirlockIx, BatchIx, FamilyIx, OccupancyIx, PoolIx, Position, SuiteIx, Table, TenantIx};
use crate::problem::{Airlock, Batch, Changeover, Fitness, Names, Problem, Suite, Tenant};
use crate::spec::{
    Capacity, CapacityStep, FitnessSpec, MINUTES_PER_WEEK, Pool, PoolKind, ProblemSpec, Slot, SuiteSpec, Window,
};
use crate::validate::batch::resolve_batch;

/// Longest horizon, in slots: ten years of 5-minute slots. A plan keeps a number per slot and pool.
pub(crate) const HORIZON_MAX: Slot = 1 << 20;
/// Most units of a pool, or needed of one.
pub(crate) const UNITS_MAX: u32 = 10_000;
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
    /// Two things that exclude each other.
    #[error("{one} and {other} are both given; leave one out")]
    Both {
        /// One field.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// A batch where only work on suites can be named.
    #[error("batch {id:?} is not work on suites; name a work item, or mark it as work")]
    NotWork {
        /// The batch.
        id: String,
    },
    /// Work that waits for itself.
    #[error("work item {id:?} waits for itself through others; take one `after` out")]
    Circle {
        /// One of the work items.
        id: String,
    },
    /// A hold that comes back to a suite it cannot have left.
    #[error("suite hold {hold} has the suite of hold {other}; name an earlier hold that ends before this one begins")]
    ComesBack {
        /// The hold, counted from 0.
        hold: usize,
        /// The hold it names.
        other: usize,
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

pub(crate) type Checked<T> = Result<T, ProblemError>;

pub(crate) fn err<T>(at: impl Into<String>, fault: Fault) -> Checked<T> {
    Err(ProblemError { at: at.into(), fault })
}

pub(crate) fn range(at: &str, field: &'static str, value: i64, min: i64, max: i64) -> Checked<i64> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    err(at, Fault::Range { field, value, min, max })
}

pub(crate) fn length(at: &str, field: &'static str, found: usize, wanted: usize) -> Checked<()> {
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

pub(crate) fn known<I: Copy>(names: &BTreeMap<String, I>, at: &str, kind: &'static str, id: &str) -> Checked<I> {
    names.get(id).copied().map_or_else(|| err(at, Fault::Unknown { kind, id: id.to_owned() }), Ok)
}

pub(crate) fn register<'s, I: Position>(
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
        airlocks: register("airlock", spec.airlocks.iter().map(|airlock| &airlock.id))?,
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
        changeover_is_metric: is_metric(&spec.changeover.time),
        co_occupancy: co_occupancy(spec, &names)?,
        airlocks: airlocks(spec)?,
        unions: unions(spec, &names)?,
        works: Vec::new(),
        batches: Table::new(Vec::new()),
        names,
    };
    let batches = spec.batches.iter().map(|item| resolve_batch(&problem, item));
    problem.batches = Table::new(batches.collect::<Checked<_>>()?);
    problem.works = works(&problem)?;
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
    if !item.fitness.is_empty() && (!item.classes.is_empty() || item.grade.is_some()) {
        return err(at, Fault::Both { one: "fitness", other: "classes or grade" });
    }
    let fitness = item.fitness.iter().map(|stretch| fitness(stretch, &at, names));
    let airlock = item.airlock.as_ref().map(|id| known(&names.airlocks, &at, "airlock", id));
    let family = item.initial_family.as_ref();
    Ok(Suite {
        id: item.id.clone(),
        classes: item.classes.iter().cloned().collect(),
        grade: item.grade,
        fitness: fitness.collect::<Checked<_>>()?,
        airlock: airlock.transpose()?,
        places: item.places,
        place_clearance: item.place_clearance,
        maintenance,
        reserved,
        initial_family: family.map(|id| known(&names.families, &at, "family", id)).transpose()?,
        available_from: item.available_from,
    })
}

fn fitness(item: &FitnessSpec, at: &str, names: &Names) -> Checked<Fitness> {
    let work = |id: &Option<String>| id.as_ref().map(|id| known(&names.batches, at, "work item", id)).transpose();
    range(at, "until", item.until.unwrap_or(0), -HORIZON_MAX, HORIZON_MAX)?;
    Ok(Fitness {
        classes: item.classes.iter().cloned().collect(),
        grade: item.grade,
        after: work(&item.after)?,
        before: work(&item.before)?,
        until: item.until,
    })
}

fn airlocks(spec: &ProblemSpec) -> Checked<Table<AirlockIx, Airlock>> {
    let mut airlocks = Vec::new();
    for item in &spec.airlocks {
        let at = format!("airlock {}", item.id);
        range(&at, "capacity", item.capacity.into(), 1, UNITS_MAX.into())?;
        range(&at, "passage", item.passage, 1, HORIZON_MAX)?;
        airlocks.push(Airlock { id: item.id.clone(), capacity: item.capacity, passage: item.passage });
    }
    Ok(Table::new(airlocks))
}

fn unions(spec: &ProblemSpec, names: &Names) -> Checked<Vec<(PoolIx, BTreeSet<PoolIx>)>> {
    let is_union = |id: &String| spec.unions.iter().any(|union| union.pool == *id);
    let mut unions: Vec<(PoolIx, BTreeSet<PoolIx>)> = Vec::new();
    for item in &spec.unions {
        let at = format!("union {}", item.pool);
        let people = |id: &String| {
            let ix: PoolIx = known(&names.pools, &at, "pool", id)?;
            match spec.pools.get(ix.row()).map(|pool| pool.kind) {
                Some(PoolKind::Labour) => Ok(ix),
                Some(PoolKind::Equipment { .. }) | None => {
                    let instead = "only people can have several qualifications";
                    err(&at, Fault::Kind { id: id.clone(), is: "equipment", instead })
                }
            }
        };
        let pool = people(&item.pool)?;
        if unions.iter().any(|(known, _)| *known == pool) {
            return err("problem", Fault::Twice { kind: "union", id: item.pool.clone() });
        }
        if let Some(id) = item.of.iter().find(|id| is_union(id)) {
            let instead = "name the pools that it stands over instead";
            return err(at, Fault::Kind { id: id.clone(), is: "a union itself", instead });
        }
        unions.push((pool, item.of.iter().map(people).collect::<Checked<_>>()?));
    }
    Ok(unions)
}

/// That only work is waited for; and the work items in an order in which each can be planned.
fn works(problem: &Problem) -> Checked<Vec<BatchIx>> {
    for suite in problem.suites.rows() {
        let named = suite.fitness.iter().flat_map(|stretch| stretch.after.into_iter().chain(stretch.before));
        only_work(problem, &format!("suite {}", suite.id), named)?;
    }
    for batch in problem.batches.rows() {
        only_work(problem, &format!("batch {}", batch.id), batch.after.iter().copied())?;
    }
    let mut open: Vec<BatchIx> = problem.batches.pairs().filter(|(_, batch)| batch.work).map(|(ix, _)| ix).collect();
    let (mut order, mut done) = (Vec::new(), BTreeSet::new());
    while let Some(first) = open.first() {
        let is_ready = |ix: &BatchIx| problem.batches[*ix].after.iter().all(|before| done.contains(before));
        let (ready, later): (Vec<_>, Vec<_>) = open.iter().copied().partition(is_ready);
        if ready.is_empty() {
            return err("problem", Fault::Circle { id: problem.batches[*first].id.clone() });
        }
        done.extend(ready.iter().copied());
        order.extend(ready);
        open = later;
    }
    Ok(order)
}

pub(crate) fn only_work(problem: &Problem, at: &str, named: impl Iterator<Item = BatchIx>) -> Checked<()> {
    let mut named = named.filter_map(|ix| problem.batches.find(ix));
    match named.find(|batch| !batch.work) {
        Some(batch) => err(at, Fault::NotWork { id: batch.id.clone() }),
        None => Ok(()),
    }
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
            Capacity::WeeklySteps { steps: week } => {
                let last = i64::from(MINUTES_PER_WEEK / spec.slot_minutes) - 1;
                week.iter().try_for_each(|step| range(&at, "from", step.from, 0, last).map(drop))?;
                steps(&at, week)?;
            }
            Capacity::Steps { steps: all } => steps(&at, all)?,
        }
        for reduction in &pool.reductions {
            window(&at, "a reduction", reduction.window)?;
            units(reduction.units)?;
        }
    }
    Ok(Table::new(spec.pools.clone()))
}

fn steps(at: &str, steps: &[CapacityStep]) -> Checked<()> {
    for pair in steps.windows(2) {
        if let [one, next] = pair {
            window(at, "a capacity step", Window::new(one.from, next.from))?;
        }
    }
    for step in steps {
        range(at, "from", step.from, -HORIZON_MAX, HORIZON_MAX)?;
        range(at, "units", step.units.into(), 0, UNITS_MAX.into())?;
    }
    Ok(())
}

/// Whether no changeover takes longer than two by way of a third family.
fn is_metric(time: &[Vec<Slot>]) -> bool {
    let by_way_of = |from: &[Slot], (via, first): (usize, &Slot)| {
        time.get(via).is_none_or(|second| from.iter().zip(second).all(|(direct, second)| *direct <= first + second))
    };
    time.iter().all(|from| from.iter().enumerate().all(|way| by_way_of(from, way)))
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

type Approved = BTreeSet<(SuiteIx, OccupancyIx, OccupancyIx)>;

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

/// Whether the objective can be added up whatever the plan, with one more batch or without.
pub(crate) fn costs(problem: &Problem, more: Option<&Batch>) -> Checked<()> {
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
