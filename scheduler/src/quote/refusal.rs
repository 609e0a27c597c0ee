//! Why a request does not fit, in two views.
//!
//! The planner's names the binding resources, the windows, who is there, and what would help. The
//! tenant's holds nothing but its own constraints and kinds of capacity: there is no field in it
//! that another tenant's name could get into.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::index::{BatchIx, PoolIx, Position, RouteIx, SuiteIx};
use crate::load::{span, turnaround};
use crate::plan::Placement;
use crate::problem::{Batch, Problem, Route};
use crate::quote::Committed;
use crate::quote::looks::Looks;
use crate::quote::remedy::{Remedy, remedies};
use crate::spec::{PoolKind, Slot, Window};
use crate::timing::Obstacle;
use crate::view::when;

/// Why a request was refused: everything, for the planner. Ask [`Refusal::for_tenant`] for what
/// the tenant may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When the batch may run, by its own dates.
    pub window: Window,
    /// Suites that the asking tenant may hold at once.
    pub max_suites: Option<u32>,
    /// What stood in the way, route by route.
    pub routes: Vec<RouteRefusal>,
    /// What would be enough to make room, the least first; each has been tried.
    pub remedies: Vec<Remedy>,
}

/// Why one route does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRefusal {
    /// The route's name.
    pub route: String,
    /// Why.
    pub cause: Cause,
}

/// Why a route does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its own activities and least lags take longer than its own dates allow.
    TooLittleTime {
        /// Slots needed.
        needed: Slot,
        /// Slots there are.
        available: Slot,
    },
    /// Its latest start has passed, or no start that may be offered lies in its own dates.
    NoAllowedStart,
    /// No suite that the tenant is qualified for has the classes and grade of a hold.
    NoSuitableSuite {
        /// Classes the hold asks for.
        classes: Vec<String>,
    },
    /// Each of these alone, if there were enough of it, would make room.
    OneShort(Vec<Shortage>),
    /// These stood in the way; no single one of them would be enough to make room.
    SeveralShort(Vec<Shortage>),
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// What.
    pub resource: Resource,
    /// When, and for pools how many units more would be needed. For a sole shortage these are the
    /// gaps at the earliest place the batch could then have; otherwise where the search last
    /// found it missing.
    pub gaps: Vec<Gap>,
    /// Batches that use it in those windows.
    pub used_by: Vec<BatchIx>,
}

/// A stretch in which something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// When.
    pub window: Window,
    /// Units missing.
    pub units: i64,
}

/// What can be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// People of one qualification.
    People(PoolIx),
    /// Equipment of one kind.
    Equipment(PoolIx),
    /// One of these suites.
    Suites(Vec<SuiteIx>),
    /// The tenant's own quota of suites.
    Quota,
}

/// Why a request was refused, as the tenant may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantReason {
    /// The batch's own activities take longer than its own dates allow.
    TooLittleTime {
        /// Slots needed.
        needed: Slot,
        /// Slots there are.
        available: Slot,
    },
    /// No start that may be offered lies within the batch's own dates.
    NoAllowedStart,
    /// The tenant is qualified for no suite of the class and grade the batch needs.
    NoSuitableSuite,
    /// The tenant already holds as many suites as agreed.
    QuotaReached {
        /// Suites agreed.
        max_suites: u32,
    },
    /// No capacity of this kind in this window.
    NoCapacity {
        /// The kind.
        kind: CapacityKind,
        /// The window: the batch's own dates.
        window: Window,
    },
}

/// Kinds of capacity that a tenant is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityKind {
    /// Suites.
    Suite,
    /// People.
    People,
    /// Equipment.
    Equipment,
}

impl Refusal {
    /// What the tenant that asked may know, each reason once.
    #[must_use]
    pub fn for_tenant(&self) -> Vec<TenantReason> {
        let mut reasons = BTreeSet::new();
        for route in &self.routes {
            match &route.cause {
                Cause::TooLittleTime { needed, available } => {
                    reasons.insert(TenantReason::TooLittleTime { needed: *needed, available: *available });
                }
                Cause::NoAllowedStart => {
                    reasons.insert(TenantReason::NoAllowedStart);
                }
                Cause::NoSuitableSuite { .. } => {
                    reasons.insert(TenantReason::NoSuitableSuite);
                }
                Cause::OneShort(shortages) | Cause::SeveralShort(shortages) => {
                    reasons.extend(shortages.iter().map(|shortage| self.tenant_reason(shortage)));
                }
            }
        }
        reasons.into_iter().collect()
    }

    fn tenant_reason(&self, shortage: &Shortage) -> TenantReason {
        let kind = match shortage.resource {
            Resource::Quota => return TenantReason::QuotaReached { max_suites: self.max_suites.unwrap_or(0) },
            Resource::Suites(_) => CapacityKind::Suite,
            Resource::People(_) => CapacityKind::People,
            Resource::Equipment(_) => CapacityKind::Equipment,
        };
        TenantReason::NoCapacity { kind, window: self.window }
    }

    /// Sentences for the planner, one per route and shortage. Not for a tenant: they name others.
    #[must_use]
    pub fn describe(&self, problem: &Problem) -> Vec<String> {
        let mut sentences = Vec::new();
        for RouteRefusal { route, cause } in &self.routes {
            match cause {
                Cause::TooLittleTime { needed, available } => {
                    sentences.push(format!("route {route}: needs {needed} slots, its dates leave {available}"));
                }
                Cause::NoAllowedStart => {
                    sentences.push(format!("route {route}: no start that may be offered lies within its dates"));
                }
                Cause::NoSuitableSuite { classes } => {
                    let classes = classes.join(", ");
                    sentences.push(format!("route {route}: its tenant is qualified for no suite fit for {classes}"));
                }
                Cause::OneShort(shortages) => {
                    let one = |it: &Shortage| format!("route {route} would fit if not for {}", it.describe(problem));
                    sentences.extend(shortages.iter().map(one));
                }
                Cause::SeveralShort(shortages) => {
                    let all: Vec<_> = shortages.iter().map(|it| it.describe(problem)).collect();
                    sentences.push(format!("route {route} needs more than one of: {}", all.join("; ")));
                }
            }
        }
        sentences.extend(self.remedies.iter().map(|remedy| remedy.describe(problem)));
        sentences
    }
}

impl Shortage {
    fn describe(&self, problem: &Problem) -> String {
        let suite = |ix: &SuiteIx| problem.suite(*ix).map_or("?", |suite| suite.id.as_str());
        let what = match &self.resource {
            Resource::People(pool) | Resource::Equipment(pool) => {
                problem.pool(*pool).map_or("?", |pool| &pool.id).to_owned()
            }
            Resource::Suites(suites) => format!("suites {}", suites.iter().map(suite).collect::<Vec<_>>().join(", ")),
            Resource::Quota => "the tenant's quota of suites".to_owned(),
        };
        let gap = |gap: &Gap| format!("{} {}", gap.units, when::window(problem, gap.window));
        let gaps = self.gaps.iter().map(gap).collect::<Vec<_>>().join(", ");
        let user = |ix: &BatchIx| problem.batch(*ix).map_or("?", |batch| batch.id.as_str());
        let users = self.used_by.iter().map(user).collect::<Vec<_>>().join(", ");
        match users.is_empty() {
            true => format!("{what} (short of {gaps})"),
            false => format!("{what} (short of {gaps}; used by {users})"),
        }
    }
}

/// Finds out why a request does not fit: lifts one obstacle after the other and looks again.
pub(crate) fn refuse(committed: &Committed, looks: &Looks) -> Refusal {
    let batch = looks.batch;
    let start = batch.release.max(looks.problem.now);
    let window = Window::new(start, looks.end_max().max(start));
    let routes = batch.routes.pairs().map(|(ix, route)| RouteRefusal {
        route: route.name.clone(),
        cause: cause(committed, looks, ix, route, window),
    });
    let max_suites = looks.problem.tenants[batch.tenant].max_suites;
    Refusal { window, max_suites, routes: routes.collect(), remedies: remedies(looks) }
}

fn cause(committed: &Committed, looks: &Looks, ix: RouteIx, route: &Route, window: Window) -> Cause {
    let (needed, available) = (route.length_min(), window.end - window.start);
    if needed > available {
        return Cause::TooLittleTime { needed, available };
    }
    if let Some(hold) = route.suite_holds.iter().find(|hold| hold.candidates.is_empty()) {
        return Cause::NoSuitableSuite { classes: hold.classes.iter().cloned().collect() };
    }
    let look = |ignored| looks.first(ix, looks.end_max(), ignored);
    let obstacles = match look(None) {
        Err(obstacles) if !obstacles.is_empty() => obstacles,
        Ok(_) | Err(_) => return Cause::NoAllowedStart,
    };
    let lifted = obstacles.keys().filter_map(|it| Some((*it, look(Some(*it)).ok()?)));
    let sole: Vec<_> = lifted
        .map(|(it, placement)| shortage(committed, looks.batch, route, it, gaps(looks, it, &placement)))
        .collect();
    if !sole.is_empty() {
        return Cause::OneShort(sole);
    }
    let several = obstacles
        .iter()
        .map(|(it, window)| shortage(committed, looks.batch, route, *it, vec![Gap { window: *window, units: 1 }]));
    Cause::SeveralShort(several.collect())
}

fn shortage(committed: &Committed, batch: &Batch, route: &Route, obstacle: Obstacle, gaps: Vec<Gap>) -> Shortage {
    let resource = match obstacle {
        Obstacle::Pool(pool) => match committed.problem.pools[pool].kind {
            PoolKind::Labour => Resource::People(pool),
            PoolKind::Equipment { .. } => Resource::Equipment(pool),
        },
        Obstacle::Suite(row) => {
            Resource::Suites(route.suite_holds.get(row).map(|hold| hold.candidates.clone()).unwrap_or_default())
        }
        Obstacle::Quota => Resource::Quota,
    };
    let used_by = users(committed, batch, &resource, &gaps);
    Shortage { resource, gaps, used_by }
}

/// What a placement found without regard to an obstacle would need of it.
pub(crate) fn gaps(looks: &Looks, obstacle: Obstacle, placement: &Placement) -> Vec<Gap> {
    let batch = looks.batch;
    let route = &batch.routes[placement.route];
    let mut found = Vec::new();
    let mut missing = |parts: Vec<(Window, i64)>| {
        found.extend(parts.into_iter().map(|(window, units)| Gap { window, units }));
    };
    match obstacle {
        Obstacle::Pool(pool) => {
            let profile = &looks.load.pools[pool];
            for (window, units) in pool_use(looks.problem, batch, placement, pool) {
                missing(profile.shortages(window, units));
            }
        }
        Obstacle::Suite(row) => {
            if let Some(hold) = route.suite_holds.get(row) {
                missing(vec![(span(route, &placement.starts, hold.first, hold.last), 1)]);
            }
        }
        Obstacle::Quota => {
            for hold in &route.suite_holds {
                if let Some(quota) = &looks.load.quotas[batch.tenant] {
                    missing(quota.shortages(span(route, &placement.starts, hold.first, hold.last), 1));
                }
            }
        }
    }
    found.sort_unstable();
    found
}

/// When a placed batch uses a pool, and how much of it.
pub(crate) fn pool_use(problem: &Problem, batch: &Batch, placement: &Placement, pool: PoolIx) -> Vec<(Window, i64)> {
    let route = &batch.routes[placement.route];
    let mut used = Vec::new();
    for (activity, start) in route.activities.iter().zip(&placement.starts) {
        let demands = activity.demands.iter().filter(|(at, _)| *at == pool);
        let window = Window::new(*start, start + activity.duration);
        used.extend(demands.map(|(_, units)| (window, i64::from(*units))));
    }
    for (hold, at) in route.equipment_holds.iter().zip(&placement.equipment) {
        if *at == pool {
            let mut window = span(route, &placement.starts, hold.first, hold.last);
            window.end += turnaround(&problem.pools[pool]);
            used.push((window, hold.units.into()));
        }
    }
    used
}

fn users(committed: &Committed, batch: &Batch, resource: &Resource, gaps: &[Gap]) -> Vec<BatchIx> {
    let in_gap = |window: Window| gaps.iter().any(|gap| gap.window.overlaps(window));
    let mut users: Vec<BatchIx> = match resource {
        Resource::People(pool) | Resource::Equipment(pool) => {
            let problem = &committed.problem;
            let reach = turnaround(&problem.pools[*pool]);
            let uses = |ix: BatchIx, placement: &Placement| {
                let other = &problem.batches[ix];
                // Most batches are nowhere near; only the others are looked at closely.
                let near = placement.span(&other.routes[placement.route]);
                near.is_some_and(|(start, end)| in_gap(Window::new(start, end + reach)))
                    && pool_use(problem, other, placement, *pool).into_iter().any(|(window, _)| in_gap(window))
            };
            committed.plan.placed().filter(|(ix, placement)| uses(*ix, placement)).map(|(ix, _)| ix).collect()
        }
        Resource::Suites(suites) => {
            let held = |suite: &SuiteIx| {
                gaps.iter().flat_map(|gap| committed.load.suites[*suite].holders(gap.window)).collect::<Vec<_>>()
            };
            suites.iter().flat_map(held).map(BatchIx::at).collect()
        }
        Resource::Quota => {
            let same = |ix: BatchIx| committed.problem.batches[ix].tenant == batch.tenant;
            let open = |ix: BatchIx, placement: &Placement| {
                let route = &committed.problem.batches[ix].routes[placement.route];
                let holds = route.suite_holds.iter();
                holds.map(|hold| span(route, &placement.starts, hold.first, hold.last)).any(in_gap)
            };
            committed.plan.placed().filter(|(ix, at)| same(*ix) && open(*ix, at)).map(|(ix, _)| ix).collect()
        }
    };
    users.sort_unstable();
    users.dedup();
    users
}
