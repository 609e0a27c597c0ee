//! The public benchmark format `facility-1`: an instance becomes a [`ProblemSpec`], a plan becomes
//! a solution, a solution becomes a plan again. All of it JSON text; no file is opened here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::Position;
use crate::index::{RouteIx, SuiteIx};
use crate::plan::{Placement, Plan};
use crate::problem::{Problem, Route};
use crate::spec::{
    ActivitySpec, BatchSpec, Capacity, ChangeoverSpec, DemandSpec, EquipmentHoldSpec, Pool, PoolKind, ProblemSpec,
    Reduction, ReservationSpec, RouteSpec, Slot, SuiteHoldSpec, SuiteSpec, TenantSpec, Window,
};

/// The schema this reader understands.
const SCHEMA: &str = "facility-1";
/// The kind of batch that is made from one patient's own cells.
const AUTOLOGOUS: &str = "cart";

/// Text that is not a `facility-1` instance or solution.
#[derive(Debug, thiserror::Error)]
pub enum FacilityError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("reading {what}: not as the format facility-1 has it")]
    Json {
        /// What was read.
        what: &'static str,
        /// Line, column and reason.
        #[source]
        source: serde_json::Error,
    },
    /// Another format.
    #[error("reading the instance: its schema is {found:?}, this reader understands {SCHEMA:?}")]
    Schema {
        /// What it says.
        found: String,
    },
    /// Ids that do not count 0, 1, 2 …, or a reference to none of them.
    #[error("reading {at}: {field} is {found}, but {wanted}")]
    Number {
        /// Where.
        at: String,
        /// The field.
        field: &'static str,
        /// Its value.
        found: i64,
        /// What it should be.
        wanted: String,
    },
    /// A solution for another instance.
    #[error("reading the solution: it is for instance {found:?}, the problem is {wanted:?}")]
    Instance {
        /// What it says.
        found: String,
        /// The problem's name.
        wanted: String,
    },
}

#[derive(Deserialize)]
struct Instance {
    name: String,
    slot_minutes: u32,
    horizon: Slot,
    objective: Objective,
    tenants: Vec<Tenant>,
    suites: Vec<Suite>,
    pools: Vec<FacilityPool>,
    changeover_time: Vec<Vec<Slot>>,
    changeover_cost: Vec<Vec<i64>>,
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Objective {
    cost_scale: i64,
}

#[derive(Deserialize)]
struct Tenant {
    id: i64,
    qualified_suites: Vec<i64>,
    max_suites: u32,
}

#[derive(Deserialize)]
struct Suite {
    id: i64,
    classes: Vec<String>,
    maintenance: Vec<(Slot, Slot)>,
    reserved: Vec<(i64, Slot, Slot)>,
    initial_family: i64,
    available_from: Slot,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum FacilityPool {
    Labour { id: String, week: Vec<u32>, reductions: Vec<FacilityReduction> },
    Equip { id: String, capacity: u32, turnaround: Slot, reductions: Vec<FacilityReduction> },
}

#[derive(Deserialize)]
struct FacilityReduction {
    start: Slot,
    end: Slot,
    units: u32,
}

#[derive(Deserialize)]
struct Batch {
    id: i64,
    tenant: i64,
    #[serde(default)]
    kind: String,
    family: i64,
    weight: i64,
    drop_penalty: i64,
    release: Slot,
    start_max: Option<Slot>,
    due: Slot,
    deadline: Option<Slot>,
    routes: Vec<FacilityRoute>,
}

#[derive(Deserialize)]
struct FacilityRoute {
    name: String,
    cost: i64,
    ops: Vec<Op>,
    holds: Vec<Hold>,
}

#[derive(Deserialize)]
struct Op {
    name: String,
    dur: Slot,
    demand: BTreeMap<String, u32>,
    min_lag: Slot,
    max_lag: Option<Slot>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Hold {
    Suite { cls: String, first: usize, last: usize },
    Equip { pool: String, units: u32, first: usize, last: usize },
}

/// Reads an instance. Ids in the specification are the numbers of the instance as text, routes
/// are named by their number and name (`0 closed`).
///
/// # Errors
/// Where and why the text is not of the format. What the numbers mean is checked by
/// `Problem::new`.
pub fn read_facility(json: &str) -> Result<ProblemSpec, FacilityError> {
    let what = "the instance";
    let schema: Schema = serde_json::from_str(json).map_err(|source| FacilityError::Json { what, source })?;
    if schema.schema != SCHEMA {
        return Err(FacilityError::Schema { found: schema.schema });
    }
    let file: Instance = serde_json::from_str(json).map_err(|source| FacilityError::Json { what, source })?;
    count("tenant", file.tenants.iter().map(|item| item.id))?;
    count("suite", file.suites.iter().map(|item| item.id))?;
    count("batch", file.batches.iter().map(|item| item.id))?;
    let families = file.changeover_time.len();
    Ok(ProblemSpec {
        name: file.name,
        slot_minutes: file.slot_minutes,
        horizon: file.horizon,
        cost_scale: file.objective.cost_scale,
        tenants: file.tenants.into_iter().map(tenant).collect(),
        suites: file.suites.into_iter().map(suite).collect(),
        pools: file.pools.into_iter().map(pool).collect(),
        changeover: ChangeoverSpec {
            families: (0..families).map(|row| row.to_string()).collect(),
            time: file.changeover_time,
            cost: file.changeover_cost,
        },
        batches: file.batches.into_iter().map(batch).collect(),
        ..ProblemSpec::default()
    })
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

fn count(kind: &'static str, ids: impl Iterator<Item = i64>) -> Result<(), FacilityError> {
    for (row, found) in (0..).zip(ids) {
        if found != row {
            let wanted = format!("ids count up from 0: this one must be {row}");
            return Err(FacilityError::Number { at: format!("{kind} number {}", row + 1), field: "id", found, wanted });
        }
    }
    Ok(())
}

fn tenant(item: Tenant) -> TenantSpec {
    TenantSpec {
        id: item.id.to_string(),
        qualified_suites: item.qualified_suites.iter().map(i64::to_string).collect(),
        max_suites: Some(item.max_suites),
    }
}

fn suite(item: Suite) -> SuiteSpec {
    let reserved = item
        .reserved
        .iter()
        .map(|(tenant, start, end)| ReservationSpec { tenant: tenant.to_string(), window: Window::new(*start, *end) });
    SuiteSpec {
        id: item.id.to_string(),
        maintenance: item.maintenance.iter().map(|(start, end)| Window::new(*start, *end)).collect(),
        reserved: reserved.collect(),
        initial_family: (item.initial_family >= 0).then(|| item.initial_family.to_string()),
        available_from: item.available_from,
        classes: item.classes,
        ..SuiteSpec::default()
    }
}

/// Reads one batch in the form that an instance lists it, as a request. Its number becomes text.
///
/// # Errors
/// Where and why the text is not of the format.
pub fn read_request(json: &str) -> Result<BatchSpec, FacilityError> {
    let what = "the request";
    serde_json::from_str(json).map(batch).map_err(|source| FacilityError::Json { what, source })
}

fn pool(item: FacilityPool) -> Pool {
    let (id, kind, capacity, reductions) = match item {
        FacilityPool::Labour { id, week, reductions } => {
            (id, PoolKind::Labour, Capacity::Weekly { units: week }, reductions)
        }
        FacilityPool::Equip { id, capacity, turnaround, reductions } => {
            (id, PoolKind::Equipment { turnaround }, Capacity::Constant { units: capacity }, reductions)
        }
    };
    let reduction = |it: FacilityReduction| Reduction { window: Window::new(it.start, it.end), units: it.units };
    Pool { id, kind, capacity, reductions: reductions.into_iter().map(reduction).collect() }
}

fn batch(item: Batch) -> BatchSpec {
    BatchSpec {
        id: item.id.to_string(),
        tenant: item.tenant.to_string(),
        family: item.family.to_string(),
        occupancy_class: None,
        release: item.release,
        start_max: item.start_max,
        due: item.due,
        deadline: item.deadline,
        weight: item.weight,
        drop_penalty: Some(item.drop_penalty),
        autologous: item.kind == AUTOLOGOUS,
        routes: item.routes.into_iter().enumerate().map(|(row, it)| route(row, it)).collect(),
        ..BatchSpec::default()
    }
}

fn route(row: usize, item: FacilityRoute) -> RouteSpec {
    let mut spec = RouteSpec { name: format!("{row} {}", item.name), cost: item.cost, ..RouteSpec::default() };
    spec.activities.extend(item.ops.into_iter().map(|op| ActivitySpec {
        name: op.name,
        duration: op.dur,
        demands: op.demand.into_iter().map(|(pool, units)| DemandSpec { pool, units }).collect(),
        min_lag: op.min_lag,
        max_lag: op.max_lag,
    }));
    for hold in item.holds {
        match hold {
            Hold::Suite { cls, first, last } => {
                let hold = SuiteHoldSpec { classes: vec![cls], first, last, ..SuiteHoldSpec::default() };
                spec.suite_holds.push(hold);
            }
            Hold::Equip { pool, units, first, last } => {
                spec.equipment_holds.push(EquipmentHoldSpec { pools: vec![pool], units, first, last });
            }
        }
    }
    spec
}

#[derive(Serialize, Deserialize)]
struct Solution {
    instance: String,
    batches: Vec<SolutionBatch>,
}

#[derive(Serialize, Deserialize)]
struct SolutionBatch {
    id: i64,
    route: Option<i64>,
    ops: Vec<Slot>,
    suites: Vec<i64>,
}

/// Writes a plan of a problem that was read with [`read_facility`] as a solution.
///
/// # Errors
/// When the solution cannot be written as JSON.
pub fn write_solution(problem: &Problem, plan: &Plan) -> Result<String, FacilityError> {
    let number = |row: usize| i64::try_from(row).unwrap_or(i64::MAX);
    let batches = problem.batches().map(|(ix, _)| {
        let placement = plan.placement(ix);
        SolutionBatch {
            id: number(ix.row()),
            route: placement.map(|it| number(it.route.row())),
            ops: placement.map(|it| it.starts.clone()).unwrap_or_default(),
            suites: placement.iter().flat_map(|it| it.suites.iter().map(|suite| number(suite.row()))).collect(),
        }
    });
    let solution = Solution { instance: problem.name().to_owned(), batches: batches.collect() };
    serde_json::to_string(&solution).map_err(|source| FacilityError::Json { what: "the solution", source })
}

/// Reads a solution back as a plan of a problem that was read with [`read_facility`]. Whether it
/// is legal is for `check` to say.
///
/// # Errors
/// Where and why the text is not a solution of this instance: numbers must name batches, routes
/// and suites that exist, and every batch must occur once.
pub fn read_solution(problem: &Problem, json: &str) -> Result<Plan, FacilityError> {
    let what = "the solution";
    let file: Solution = serde_json::from_str(json).map_err(|source| FacilityError::Json { what, source })?;
    if file.instance != problem.name() {
        return Err(FacilityError::Instance { found: file.instance, wanted: problem.name().to_owned() });
    }
    let mut plan = Plan::empty(problem);
    let mut rows: Vec<&SolutionBatch> = file.batches.iter().collect();
    rows.sort_by_key(|row| row.id);
    count("batch, in order of id,", rows.iter().map(|row| row.id))?;
    if rows.len() != problem.batches.len() {
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let wanted = format!("the problem has {}", problem.batches.len());
        return Err(FacilityError::Number { at: what.to_owned(), field: "the number of batches", found, wanted });
    }
    for ((ix, batch), row) in problem.batches().zip(rows) {
        let at = || format!("batch {}", row.id);
        let Some(number) = row.route else { continue };
        let (route, chosen) = usize::try_from(number)
            .ok()
            .map(RouteIx::at)
            .and_then(|route| Some((route, batch.route(route)?)))
            .ok_or_else(|| missing(at(), "route", number, "the batch has no such route"))?;
        let suite = |number: &i64| {
            let suite = usize::try_from(*number).ok().map(SuiteIx::at);
            let known = suite.filter(|suite| problem.suite(*suite).is_some());
            known.ok_or_else(|| missing(at(), "suite", *number, "there is no such suite"))
        };
        let suites = row.suites.iter().map(suite).collect::<Result<_, _>>()?;
        plan.set(ix, Some(Placement { route, starts: row.ops.clone(), suites, equipment: only_pools(chosen) }));
    }
    Ok(plan)
}

/// `facility-1` names one pool per equipment hold, so a solution does not repeat it.
fn only_pools(route: &Route) -> Vec<crate::index::PoolIx> {
    route.equipment_holds.iter().filter_map(|hold| hold.pools.first().copied()).collect()
}

fn missing(at: String, field: &'static str, found: i64, wanted: &str) -> FacilityError {
    FacilityError::Number { at, field, found, wanted: wanted.to_owned() }
}
