//! What holds an activity of a plan where it is, and what would have to be otherwise for it to
//! start earlier.
//!
//! It looks at one activity with the rest of the plan left alone: what breaks when it starts a slot
//! earlier. It proposes nothing and searches for no better plan.

use crate::check::check;
use crate::index::{BatchIx, PoolIx, SuiteIx};
use crate::load::{span, turnaround};
use crate::plan::{Placement, Plan};
use crate::problem::{Batch, Problem, Route, SuiteHold};
use crate::profile::Profile;
use crate::quote::{CapacityKind, pool_use};
use crate::spec::{PoolKind, Slot, Window};
use crate::view::when;
use crate::violation::Violation;

/// Slots looked at, from the start backwards, for an earlier one at which nothing holds it.
const LOOK_BACK_MAX: Slot = 4_000;
/// Times that the referee is asked about one activity.
const REFEREE_MAX: usize = 20;

/// Why an activity starts when it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The batch.
    pub batch: BatchIx,
    /// The activity, counted from 0.
    pub activity: usize,
    /// Its start.
    pub start: Slot,
    /// What keeps it from starting a slot earlier; empty when nothing does.
    pub held_by: Vec<Hold>,
    /// An earlier start at which nothing would hold it, all else left as it is; the latest such.
    pub free_at: Option<Slot>,
}

/// Something that holds an activity where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Started or confirmed: it may not move.
    Committed,
    /// The batch is not released earlier, or earlier lies in the past.
    Release(Slot),
    /// The least lag after the activity before.
    Before {
        /// Slots at least.
        min_lag: Slot,
    },
    /// The most lag before the next activity, which starts when it does.
    Next {
        /// Slots at most.
        max_lag: Slot,
    },
    /// Too few people or too little equipment, turnaround included.
    Pool {
        /// Which.
        pool: PoolIx,
        /// When.
        window: Window,
        /// Units that are missing.
        units: i64,
        /// Batches that use it then.
        used_by: Vec<BatchIx>,
    },
    /// The suite is still held by another batch, or being cleared of it.
    Suite {
        /// Which.
        suite: SuiteIx,
        /// By whom.
        by: BatchIx,
        /// When it is clear.
        clear_at: Slot,
    },
    /// The suite is in maintenance, reserved for another tenant, or not yet available.
    Closed {
        /// Which.
        suite: SuiteIx,
        /// Until when.
        until: Slot,
    },
    /// The tenant's own quota of suites.
    Quota {
        /// Suites agreed.
        max_suites: u32,
    },
    /// Another rule, which a start a slot earlier would break.
    Rule(Violation),
}

/// What holds an activity, as its tenant may know it: its own reasons, and kinds of capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantHold {
    /// It has started, or its time is agreed.
    Committed,
    /// The batch is not released earlier.
    Release,
    /// It waits for the activity before.
    Before,
    /// It waits so as not to be too long before the next activity.
    Next,
    /// The tenant's own quota of suites.
    Quota,
    /// No capacity of this kind any earlier.
    NoCapacity(CapacityKind),
}

/// Explains the start of one activity; none when the plan does not have it. The plan must be one
/// of the problem.
#[must_use]
pub fn explain(problem: &Problem, plan: &Plan, batch: BatchIx, activity: usize) -> Option<Explanation> {
    let placement = plan.placement(batch)?;
    let of = problem.batch(batch)?;
    let route = of.route(placement.route)?;
    let start = *placement.starts.get(activity)?;
    let look = Look { problem, plan, ix: batch, batch: of, route, placement, k: activity };
    let held_by = look.holds(start - 1);
    let free_at = if held_by.is_empty() { Some(start - 1) } else { look.free_before(start - 1) };
    Some(Explanation { batch, activity, start, held_by, free_at })
}

struct Look<'a> {
    problem: &'a Problem,
    plan: &'a Plan,
    ix: BatchIx,
    batch: &'a Batch,
    route: &'a Route,
    placement: &'a Placement,
    k: usize,
}

impl Look<'_> {
    /// The placement with the activity at another start.
    fn starts(&self, start: Slot) -> Vec<Slot> {
        let row = |(k, was): (usize, &Slot)| if k == self.k { start } else { *was };
        self.placement.starts.iter().enumerate().map(row).collect()
    }

    /// The latest start before `from` at which nothing holds the activity.
    fn free_before(&self, from: Slot) -> Option<Slot> {
        let end_before = self.k.checked_sub(1).and_then(|before| self.end(before));
        let lag = self.route.activities.get(self.k).map_or(0, |activity| activity.min_lag);
        let least = match end_before {
            Some(end) => end + lag,
            None => self.batch.release.max(self.problem.now),
        };
        let least = least.max(from - LOOK_BACK_MAX);
        let mut asked = 0;
        // Only starts that nothing simple rules out are put before the referee, which takes its time.
        let mut starts = (least..from).rev().map_while(|start| {
            let holds = self.holds(start);
            asked += usize::from(matches!(holds.as_slice(), [] | [Hold::Rule(_)]));
            (asked <= REFEREE_MAX).then_some((start, holds.is_empty()))
        });
        starts.find(|(_, free)| *free).map(|(start, _)| start)
    }

    fn end(&self, k: usize) -> Option<Slot> {
        Some(self.placement.starts.get(k)? + self.route.activities.get(k)?.duration)
    }

    /// Everything that is in the way of a start, the rest of the plan left alone.
    fn holds(&self, start: Slot) -> Vec<Hold> {
        let mut found = Vec::new();
        let Some(activity) = self.route.activities.get(self.k) else { return found };
        let fixed = self.batch.commitment.as_ref().and_then(|fixed| fixed.starts.get(self.k).copied().flatten());
        if fixed.is_some() {
            return vec![Hold::Committed];
        }
        let release = if self.k == 0 { self.batch.release.max(self.problem.now) } else { self.problem.now };
        if start < release {
            found.push(Hold::Release(release));
        }
        if let Some(end) = self.k.checked_sub(1).and_then(|before| self.end(before))
            && start < end + activity.min_lag
        {
            found.push(Hold::Before { min_lag: activity.min_lag });
        }
        let next = self.route.activities.get(self.k + 1).zip(self.placement.starts.get(self.k + 1));
        if let Some((next, at)) = next
            && let Some(max_lag) = next.max_lag
            && *at > start + activity.duration + max_lag
        {
            found.push(Hold::Next { max_lag });
        }
        let starts = self.starts(start);
        let own = Placement { starts: starts.clone(), ..self.placement.clone() };
        for (pool, _) in &activity.demands {
            found.extend(self.short(*pool, Window::new(start, start + activity.duration), &own));
        }
        for (hold, pool) in self.route.equipment_holds.iter().zip(&self.placement.equipment) {
            if hold.first == self.k {
                let mut window = span(self.route, &starts, hold.first, hold.last);
                window.end += turnaround(&self.problem.pools[*pool]);
                found.extend(self.short(*pool, window, &own));
            }
        }
        for (hold, suite) in self.route.suite_holds.iter().zip(&self.placement.suites) {
            if hold.first == self.k {
                found.extend(self.suite(hold, *suite, span(self.route, &starts, hold.first, hold.last)));
                found.extend(self.quota(span(self.route, &starts, hold.first, hold.last)));
            }
        }
        if found.is_empty() {
            found.extend(self.other_rule(own));
        }
        found
    }

    /// What the referee finds when nothing of the above is in the way: places, fitness, airlocks,
    /// other holds of the same batch.
    fn other_rule(&self, own: Placement) -> Option<Hold> {
        let mut moved = self.plan.clone();
        moved.set(self.ix, Some(own));
        let before = check(self.problem, self.plan);
        check(self.problem, &moved).into_iter().find(|it| !before.contains(it)).map(Hold::Rule)
    }

    /// The stretch of a window in which too little of a pool is left for all, this batch at `own`.
    fn short(&self, pool: PoolIx, window: Window, own: &Placement) -> Option<Hold> {
        let item = self.problem.pool(pool)?;
        let mut free = Profile::of_pool(self.problem, item, window.end + 1);
        let mut used_by = Vec::new();
        for (ix, part, units) in self.others(|other, placement| pool_use(self.problem, other, placement, pool)) {
            if part.overlaps(window) {
                free.take(part, units);
                used_by.push(ix);
            }
        }
        pool_use(self.problem, self.batch, own, pool).into_iter().for_each(|(part, units)| free.take(part, units));
        let (first, units) = free.shortages(window, 0).into_iter().next()?;
        used_by.sort_unstable();
        used_by.dedup();
        Some(Hold::Pool { pool, window: first, units, used_by })
    }

    /// Everything of one kind that the other batches of the plan use.
    fn others<'s>(
        &'s self,
        used: impl Fn(&Batch, &Placement) -> Vec<(Window, i64)> + 's,
    ) -> impl Iterator<Item = (BatchIx, Window, i64)> + 's {
        let placed = self.plan.placed().filter(|(ix, _)| *ix != self.ix);
        placed.flat_map(move |(ix, placement)| {
            let all = self.problem.batch(ix).map(|other| used(other, placement)).unwrap_or_default();
            all.into_iter().map(move |(window, units)| (ix, window, units))
        })
    }

    fn suite(&self, hold: &SuiteHold, suite: SuiteIx, held: Window) -> Vec<Hold> {
        let Some(item) = self.problem.suite(suite) else { return Vec::new() };
        let foreign = item.reserved.iter().filter(|(tenant, _)| *tenant != self.batch.tenant);
        let closed = item.maintenance.iter().chain(foreign.map(|(_, window)| window));
        let mut found: Vec<Hold> = closed
            .filter(|window| window.overlaps(held))
            .map(|window| Hold::Closed { suite, until: window.end })
            .collect();
        let changeover = |from, to| self.problem.changeover(from, to).time;
        let first = item.available_from + item.initial_family.map_or(0, |from| changeover(from, self.batch.family));
        if held.start < first {
            found.push(Hold::Closed { suite, until: first });
        }
        for (ix, placement) in self.plan.placed().filter(|(ix, _)| *ix != self.ix) {
            let Some(other) = self.problem.batch(ix) else { continue };
            let Some(route) = other.route(placement.route) else { continue };
            for (theirs, at) in route.suite_holds.iter().zip(&placement.suites) {
                let shares = theirs.shared
                    && hold.shared
                    && self.problem.may_share(suite, self.batch.occupancy_class, other.occupancy_class);
                if *at != suite || shares {
                    continue;
                }
                let span = span(route, &placement.starts, theirs.first, theirs.last);
                let clear_at = span.end + changeover(other.family, self.batch.family);
                let clear_after = held.end + changeover(self.batch.family, other.family);
                if held.start < clear_at && span.start < clear_after {
                    found.push(Hold::Suite { suite, by: ix, clear_at });
                }
            }
        }
        found
    }

    fn quota(&self, held: Window) -> Option<Hold> {
        let max_suites = self.problem.tenant(self.batch.tenant)?.max_suites?;
        let mut free = Profile::constant(max_suites, held.end + 1);
        let tenant = self.batch.tenant;
        let own = self.others(|other, placement| match (other.tenant == tenant, other.route(placement.route)) {
            (true, Some(route)) => {
                let holds = route.suite_holds.iter();
                holds.map(|hold| (span(route, &placement.starts, hold.first, hold.last), 1)).collect()
            }
            (true | false, _) => Vec::new(),
        });
        own.for_each(|(_, window, units)| free.take(window, units));
        (!free.shortages(held, 1).is_empty()).then_some(Hold::Quota { max_suites })
    }
}

impl Explanation {
    /// What the batch's own tenant may know of it, each reason once.
    #[must_use]
    pub fn for_tenant(&self, problem: &Problem) -> Vec<TenantHold> {
        let kind = |pool: &PoolIx| match problem.pool(*pool).map(|pool| pool.kind) {
            Some(PoolKind::Equipment { .. }) => CapacityKind::Equipment,
            Some(PoolKind::Labour) | None => CapacityKind::People,
        };
        let told = |hold: &Hold| match hold {
            Hold::Committed => TenantHold::Committed,
            Hold::Release(_) => TenantHold::Release,
            Hold::Before { .. } => TenantHold::Before,
            Hold::Next { .. } => TenantHold::Next,
            Hold::Quota { .. } => TenantHold::Quota,
            Hold::Pool { pool, .. } => TenantHold::NoCapacity(kind(pool)),
            Hold::Suite { .. } | Hold::Closed { .. } | Hold::Rule(_) => TenantHold::NoCapacity(CapacityKind::Suite),
        };
        let mut reasons: Vec<TenantHold> = self.held_by.iter().map(told).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// Which activity it is and when it starts: `2 harvest, day 4 (Thu) 08:00`.
    #[must_use]
    pub fn headline(&self, problem: &Problem, plan: &Plan) -> String {
        let route = plan.placement(self.batch).and_then(|at| problem.batch(self.batch)?.route(at.route));
        let name = route.and_then(|route| route.activities.get(self.activity)).map_or("?", |it| it.name.as_str());
        format!("{} {name}, {}", self.activity, when::moment(problem, self.start))
    }

    /// Sentences for the planner: what holds it, and from when on it would be free. Not for a
    /// tenant: they name others.
    #[must_use]
    pub fn describe(&self, problem: &Problem) -> Vec<String> {
        let mut said: Vec<String> = self.held_by.iter().map(|hold| hold.describe(problem)).collect();
        match (self.held_by.is_empty(), self.free_at) {
            (true, _) => said.push("nothing keeps it from starting earlier: the plan chose so".to_owned()),
            (false, Some(at)) => {
                said.push(format!("with all else as it is, the next earlier start is {}", when::moment(problem, at)));
            }
            (false, None) => said.push("with all else as it is, there is no earlier start".to_owned()),
        }
        said
    }
}

impl Hold {
    fn describe(&self, problem: &Problem) -> String {
        let name = |ix: &BatchIx| problem.batch(*ix).map_or("?", |batch| batch.id.as_str());
        let suite = |ix: &SuiteIx| problem.suite(*ix).map_or("?", |suite| suite.id.as_str());
        match self {
            Self::Committed => "it has started or is agreed, and stays; a new agreement would move it".to_owned(),
            Self::Release(at) => format!("the batch is released at {}; an earlier release", when::moment(problem, *at)),
            Self::Before { min_lag } => {
                format!("the activity before it ends {} earlier at least", when::length(problem, *min_lag))
            }
            Self::Next { max_lag } => format!(
                "the next activity follows within {} and stays where it is; move that one first",
                when::length(problem, *max_lag)
            ),
            Self::Pool { pool, window, units, used_by } => {
                let pool = problem.pool(*pool).map_or("?", |pool| pool.id.as_str());
                let window = when::window(problem, *window);
                let users = used_by.iter().map(name).collect::<Vec<_>>().join(", ");
                let by = if users.is_empty() { "by its calendar".to_owned() } else { format!("used by {users}") };
                format!("{units} {pool} too few, {window}, {by}; {units} more would do")
            }
            Self::Suite { suite: at, by, clear_at } => {
                let clear = when::moment(problem, *clear_at);
                format!("suite {} is held by {} and clear at {clear}; another suite would do", suite(at), name(by))
            }
            Self::Closed { suite: at, until } => {
                format!("suite {} is closed until {}", suite(at), when::moment(problem, *until))
            }
            Self::Rule(violation) => format!("a slot earlier, {}", violation.describe(problem)),
            Self::Quota { max_suites } => format!("its tenant already holds the {max_suites} suites agreed"),
        }
    }
}
