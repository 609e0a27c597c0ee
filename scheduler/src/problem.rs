//! The validated planning problem: what a plan must respect and what it is judged by.
//!
//! Immutable once made. It says nothing about where a batch should go: that is a `Plan`.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{AirlockIx, BatchIx, FamilyIx, OccupancyIx, PoolIx, RouteIx, SuiteIx, Table, TenantIx};
use crate::spec::{BatchSpec, Grade, Pool, ProblemSpec, Slot, Window};
use crate::validate::batch;
use crate::validate::{self, ProblemError};

/// A planning problem, checked as a whole by [`Problem::new`].
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) name: String,
    pub(crate) slot_minutes: u32,
    pub(crate) horizon: Slot,
    pub(crate) now: Slot,
    pub(crate) week_phase: Slot,
    pub(crate) cost_scale: i64,
    pub(crate) tenants: Table<TenantIx, Tenant>,
    pub(crate) suites: Table<SuiteIx, Suite>,
    pub(crate) pools: Table<PoolIx, Pool>,
    pub(crate) changeover: Table<FamilyIx, Table<FamilyIx, Changeover>>,
    /// Whether no changeover takes longer than two by way of a third family.
    pub(crate) changeover_is_metric: bool,
    pub(crate) co_occupancy: BTreeSet<(SuiteIx, OccupancyIx, OccupancyIx)>,
    pub(crate) airlocks: Table<AirlockIx, Airlock>,
    /// Each union pool with the pools it stands over.
    pub(crate) unions: Vec<(PoolIx, BTreeSet<PoolIx>)>,
    /// The work items, each after those it must follow.
    pub(crate) works: Vec<BatchIx>,
    pub(crate) batches: Table<BatchIx, Batch>,
    pub(crate) names: Names,
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Id.
    pub id: String,
    /// Suites it is qualified for.
    pub qualified_suites: BTreeSet<SuiteIx>,
    /// Most suite holds open at once; no limit when absent.
    pub max_suites: Option<u32>,
}

/// A suite.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Id.
    pub id: String,
    /// What it is fit for at all times, when nothing is said of times.
    pub classes: BTreeSet<String>,
    /// Cleanliness grade at all times, when nothing is said of times.
    pub grade: Option<Grade>,
    /// What it is fit for over time; empty when `classes` and `grade` say it.
    pub fitness: Vec<Fitness>,
    /// The airlock through which it is entered and left.
    pub airlock: Option<AirlockIx>,
    /// Places for shared holds.
    pub places: u32,
    /// Slots for which a place stays taken after a shared hold.
    pub place_clearance: Slot,
    /// Windows without holds, in order.
    pub maintenance: Vec<Window>,
    /// Windows that belong to one tenant, in order.
    pub reserved: Vec<(TenantIx, Window)>,
    /// Family before slot 0; none when released clean.
    pub initial_family: Option<FamilyIx>,
    /// First slot at which it, or its first changeover, may begin.
    pub available_from: Slot,
}

/// What a suite is fit for during one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitness {
    /// What it is fit for.
    pub classes: BTreeSet<String>,
    /// Cleanliness grade.
    pub grade: Option<Grade>,
    /// In force once this work item has ended.
    pub after: Option<BatchIx>,
    /// In force until this work item starts.
    pub before: Option<BatchIx>,
    /// First slot at which it is no longer in force.
    pub until: Option<Slot>,
}

impl Fitness {
    /// Whether it has what a hold asks for, at some time.
    #[must_use]
    pub fn serves(&self, hold: &SuiteHold) -> bool {
        serves(&self.classes, self.grade, &hold.classes, hold.grade_min)
    }
}

/// Whether classes and a grade are enough for what is asked.
pub(crate) fn serves(
    classes: &BTreeSet<String>,
    grade: Option<Grade>,
    asked: &BTreeSet<String>,
    grade_min: Option<Grade>,
) -> bool {
    asked.is_subset(classes) && (grade_min.is_none() || grade >= grade_min)
}

/// An airlock: used in one direction at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Airlock {
    /// Id.
    pub id: String,
    /// Passages in one direction at once.
    pub capacity: u32,
    /// Slots a passage takes.
    pub passage: Slot,
}

/// What was agreed about the start of a confirmed booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// Agreed start.
    pub start: Slot,
    /// Slots by which it may start earlier.
    pub earlier: Slot,
    /// Slots by which it may start later.
    pub later: Slot,
    /// Its release, apart from what was agreed.
    pub release: Slot,
    /// Its latest start, apart from what was agreed.
    pub start_max: Option<Slot>,
}

impl Booking {
    /// First and last start that need no new agreement.
    #[must_use]
    pub const fn bounds(self) -> (Slot, Slot) {
        (self.start - self.earlier, self.start + self.later)
    }
}

/// What it takes to clear a suite from one family for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changeover {
    /// Slots.
    pub time: Slot,
    /// Cost.
    pub cost: i64,
}

/// A batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Id.
    pub id: String,
    /// Its tenant.
    pub tenant: TenantIx,
    /// Its changeover family.
    pub family: FamilyIx,
    /// Its occupancy class, when it may share a suite.
    pub occupancy_class: Option<OccupancyIx>,
    /// Earliest start of the first activity, the tolerance of its booking included.
    pub release: Slot,
    /// Latest start of the first activity, the tolerance of its booking included.
    pub start_max: Option<Slot>,
    /// Wanted end.
    pub due: Slot,
    /// Latest end.
    pub deadline: Option<Slot>,
    /// Cost per slot after `due`.
    pub weight: i64,
    /// Cost of refusal; none when it may not be refused.
    pub drop_penalty: Option<i64>,
    /// Whether it is made from one patient's own cells, for that patient alone.
    pub autologous: bool,
    /// What was agreed about its start.
    pub booking: Option<Booking>,
    /// Whether this is work on suites.
    pub work: bool,
    /// Work items that must have ended before it starts.
    pub after: Vec<BatchIx>,
    pub(crate) routes: Table<RouteIx, Route>,
    /// What is already fixed.
    pub commitment: Option<Commitment>,
}

impl Batch {
    /// Whether no plan may leave it out: it is confirmed, or something of it is already fixed.
    #[must_use]
    pub const fn must_be_in(&self) -> bool {
        self.drop_penalty.is_none() || self.commitment.is_some()
    }

    /// The route at a position, when the batch has it.
    #[must_use]
    pub fn route(&self, ix: RouteIx) -> Option<&Route> {
        self.routes.find(ix)
    }

    /// All routes, with their positions.
    pub fn routes(&self) -> impl Iterator<Item = (RouteIx, &Route)> {
        self.routes.pairs()
    }
}

/// One way to make a batch.
#[derive(Debug, Clone)]
pub struct Route {
    /// Name.
    pub name: String,
    /// Cost of choosing it.
    pub cost: i64,
    /// Activities in order; at least one.
    pub activities: Vec<Activity>,
    /// Suites held.
    pub suite_holds: Vec<SuiteHold>,
    /// Equipment held.
    pub equipment_holds: Vec<EquipmentHold>,
}

impl Route {
    /// Least slots from the first start to the last end, if nothing stood in the way.
    #[must_use]
    pub fn length_min(&self) -> Slot {
        let lags = self.activities.iter().skip(1).map(|activity| activity.min_lag);
        self.activities.iter().map(|activity| activity.duration).chain(lags).sum()
    }
}

/// Work done without a break.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Name.
    pub name: String,
    /// Slots, at least 1.
    pub duration: Slot,
    /// People needed, by labour pool.
    pub demands: Vec<(PoolIx, u32)>,
    /// Least slots since the end of the activity before.
    pub min_lag: Slot,
    /// Most slots since the end of the activity before.
    pub max_lag: Option<Slot>,
}

/// A suite held across activities.
#[derive(Debug, Clone)]
pub struct SuiteHold {
    /// Classes the suite must have.
    pub classes: BTreeSet<String>,
    /// Least grade.
    pub grade_min: Option<Grade>,
    /// Only these, when not empty.
    pub only: BTreeSet<SuiteIx>,
    /// First activity.
    pub first: usize,
    /// Last activity.
    pub last: usize,
    /// Whether a place is enough.
    pub shared: bool,
    /// The hold whose suite this one must have; that one has none itself.
    pub same_suite_as: Option<usize>,
    /// Suites that fulfil all of this and that the tenant is qualified for.
    pub candidates: Vec<SuiteIx>,
}

/// Equipment held across activities.
#[derive(Debug, Clone)]
pub struct EquipmentHold {
    /// One of these serves.
    pub pools: Vec<PoolIx>,
    /// Units taken.
    pub units: u32,
    /// First activity.
    pub first: usize,
    /// Last activity.
    pub last: usize,
}

/// What is fixed about a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The route.
    pub route: RouteIx,
    /// Fixed starts.
    pub starts: Vec<Option<Slot>>,
    /// Fixed suites.
    pub suites: Vec<Option<SuiteIx>>,
    /// Fixed pools.
    pub equipment: Vec<Option<PoolIx>>,
}

impl Commitment {
    /// Whether nothing is left open.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.starts.iter().all(Option::is_some)
            && self.suites.iter().all(Option::is_some)
            && self.equipment.iter().all(Option::is_some)
    }
}

/// Ids to positions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) tenants: BTreeMap<String, TenantIx>,
    pub(crate) suites: BTreeMap<String, SuiteIx>,
    pub(crate) pools: BTreeMap<String, PoolIx>,
    pub(crate) airlocks: BTreeMap<String, AirlockIx>,
    pub(crate) families: BTreeMap<String, FamilyIx>,
    pub(crate) occupancy: BTreeMap<String, OccupancyIx>,
    pub(crate) batches: BTreeMap<String, BatchIx>,
}

impl Problem {
    /// Checks a specification and resolves its ids.
    ///
    /// # Errors
    /// The first thing wrong: where it is, what it is, and what to do about it.
    pub fn new(spec: &ProblemSpec) -> Result<Self, ProblemError> {
        validate::problem(spec)
    }

    /// The same problem with one more batch: how an accepted offer becomes part of the plan.
    ///
    /// # Errors
    /// As [`Problem::new`], for this batch.
    pub fn with_batch(&self, spec: &BatchSpec) -> Result<(Self, BatchIx), ProblemError> {
        let batch = batch::batch(self, spec)?;
        let mut more = self.clone();
        let ix = more.batches.push(batch);
        more.names.batches.insert(spec.id.clone(), ix);
        more.works.extend(spec.work.then_some(ix));
        Ok((more, ix))
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Minutes in a slot.
    #[must_use]
    pub const fn slot_minutes(&self) -> u32 {
        self.slot_minutes
    }

    /// First slot after the last that may be planned.
    #[must_use]
    pub const fn horizon(&self) -> Slot {
        self.horizon
    }

    /// Nothing open may start before this slot.
    #[must_use]
    pub const fn now(&self) -> Slot {
        self.now
    }

    /// Slots that had passed since Monday 00:00 when slot 0 began.
    #[must_use]
    pub const fn week_phase(&self) -> Slot {
        self.week_phase
    }

    /// The objective is `cost_scale × cost + last end`.
    #[must_use]
    pub const fn cost_scale(&self) -> i64 {
        self.cost_scale
    }

    /// All batches, with their positions.
    pub fn batches(&self) -> impl Iterator<Item = (BatchIx, &Batch)> {
        self.batches.pairs()
    }

    /// All suites, with their positions.
    pub fn suites(&self) -> impl Iterator<Item = (SuiteIx, &Suite)> {
        self.suites.pairs()
    }

    /// All pools, with their positions.
    pub fn pools(&self) -> impl Iterator<Item = (PoolIx, &Pool)> {
        self.pools.pairs()
    }

    /// All airlocks, with their positions.
    pub fn airlocks(&self) -> impl Iterator<Item = (AirlockIx, &Airlock)> {
        self.airlocks.pairs()
    }

    /// All tenants, with their positions.
    pub fn tenants(&self) -> impl Iterator<Item = (TenantIx, &Tenant)> {
        self.tenants.pairs()
    }

    /// A batch; none when the position is another problem's.
    #[must_use]
    pub fn batch(&self, ix: BatchIx) -> Option<&Batch> {
        self.batches.find(ix)
    }

    /// A suite; none when the position is another problem's.
    #[must_use]
    pub fn suite(&self, ix: SuiteIx) -> Option<&Suite> {
        self.suites.find(ix)
    }

    /// A pool; none when the position is another problem's.
    #[must_use]
    pub fn pool(&self, ix: PoolIx) -> Option<&Pool> {
        self.pools.find(ix)
    }

    /// An airlock; none when the position is another problem's.
    #[must_use]
    pub fn airlock(&self, ix: AirlockIx) -> Option<&Airlock> {
        self.airlocks.find(ix)
    }

    /// A tenant; none when the position is another problem's.
    #[must_use]
    pub fn tenant(&self, ix: TenantIx) -> Option<&Tenant> {
        self.tenants.find(ix)
    }

    /// The batch of this id.
    #[must_use]
    pub fn batch_of_id(&self, id: &str) -> Option<BatchIx> {
        self.names.batches.get(id).copied()
    }

    /// The suite of this id.
    #[must_use]
    pub fn suite_of_id(&self, id: &str) -> Option<SuiteIx> {
        self.names.suites.get(id).copied()
    }

    /// The pool of this id.
    #[must_use]
    pub fn pool_of_id(&self, id: &str) -> Option<PoolIx> {
        self.names.pools.get(id).copied()
    }

    /// What it takes to clear a suite from one family for another.
    #[must_use]
    pub(crate) fn changeover(&self, from: FamilyIx, to: FamilyIx) -> Changeover {
        self.changeover[from][to]
    }

    /// Whether a rule is approved under which two classes may be in a suite together.
    #[must_use]
    pub(crate) fn may_share(&self, suite: SuiteIx, one: Option<OccupancyIx>, other: Option<OccupancyIx>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => self.co_occupancy.contains(&(suite, one.min(other), one.max(other))),
            (None, _) | (_, None) => false,
        }
    }
}
