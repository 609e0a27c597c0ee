//! What placed batches use: people and equipment, suites, quotas, airlocks. Kept up to date as batches are
//! placed and taken out again; it does not decide where a batch goes.
#![expect(clippy::indexing_slicing, reason = "activities of a hold are in range by Problem::new")]

pub(crate) mod airlock;
pub(crate) mod fitness;

use std::collections::BTreeMap;

use crate::index::{AirlockIx, PoolIx, SuiteIx, Table, TenantIx};
use crate::load::airlock::{Passages, Way};
use crate::plan::{Placement, Plan};
use crate::problem::{Batch, Problem, Route};
use crate::profile::Profile;
use crate::spec::{Pool, PoolKind, Slot, Window};
use crate::suite_line::{Held, SuiteLine};

/// Slots for which a pool's units stay taken after a hold.
pub(crate) fn turnaround(pool: &Pool) -> Slot {
    match pool.kind {
        PoolKind::Equipment { turnaround } => turnaround,
        PoolKind::Labour => 0,
    }
}

/// The span from the start of one activity to the end of another.
pub(crate) fn span(route: &Route, starts: &[Slot], first: usize, last: usize) -> Window {
    Window::new(starts[first], starts[last] + route.activities[last].duration)
}

/// From start to end of each work item that is placed, by the row of its batch.
pub(crate) type Runs = BTreeMap<usize, Window>;

/// Everything in use.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) pools: Table<PoolIx, Profile>,
    pub(crate) quotas: Table<TenantIx, Option<Profile>>,
    pub(crate) suites: Table<SuiteIx, SuiteLine>,
    pub(crate) airlocks: Table<AirlockIx, Passages>,
    pub(crate) runs: Runs,
}

impl Load {
    /// Nothing in use.
    pub(crate) fn new(problem: &Problem) -> Self {
        let longest = problem.pools.rows().map(turnaround).max().unwrap_or(0);
        let slots = problem.horizon + longest;
        let quota = |most: Option<u32>| most.map(|units| Profile::constant(units, slots));
        Self {
            pools: Table::new(problem.pools.rows().map(|pool| Profile::of_pool(problem, pool, slots)).collect()),
            quotas: Table::new(problem.tenants.rows().map(|tenant| quota(tenant.max_suites)).collect()),
            suites: Table::new(problem.suites.positions().map(|ix| SuiteLine::new(problem, ix)).collect()),
            airlocks: Table::new(problem.airlocks.rows().map(|airlock| Passages::new(airlock, slots)).collect()),
            runs: Runs::new(),
        }
    }

    /// A whole plan in use. The plan must have the shape of the problem.
    pub(crate) fn of_plan(problem: &Problem, plan: &Plan) -> Self {
        let mut load = Self::new(problem);
        for (ix, placement) in plan.placed() {
            load.place(problem, &problem.batches[ix], ix.row(), placement);
        }
        load
    }

    /// Takes what a placement uses and gives what it adds to the changeover cost.
    pub(crate) fn place(&mut self, problem: &Problem, batch: &Batch, owner: usize, placement: &Placement) -> i64 {
        self.take(problem, batch, placement, 1);
        let mut added = 0;
        for (suite, held) in suite_holds(batch, owner, &batch.routes[placement.route], placement) {
            let line = &mut self.suites[suite];
            added += line.cost_of(problem, &held).0;
            line.insert(held);
        }
        if batch.work
            && let Some((start, end)) = placement.span(&batch.routes[placement.route])
        {
            self.runs.insert(owner, Window::new(start, end));
        }
        added
    }

    /// Gives back what a placement uses, and tells what it saves of the changeover cost.
    pub(crate) fn unplace(&mut self, problem: &Problem, batch: &Batch, owner: usize, placement: &Placement) -> i64 {
        self.take(problem, batch, placement, -1);
        let mut saved = 0;
        for (suite, held) in suite_holds(batch, owner, &batch.routes[placement.route], placement) {
            let line = &mut self.suites[suite];
            line.remove(&held);
            saved += line.cost_of(problem, &held).0;
        }
        if batch.work {
            self.runs.remove(&owner);
        }
        saved
    }

    /// People, equipment and quota of a placement; with `sign` -1 they are given back.
    fn take(&mut self, problem: &Problem, batch: &Batch, placement: &Placement, sign: i64) {
        let route = &batch.routes[placement.route];
        for (activity, start) in route.activities.iter().zip(&placement.starts) {
            let window = Window::new(*start, start + activity.duration);
            for (pool, units) in &activity.demands {
                self.pools[*pool].take(window, sign * i64::from(*units));
            }
        }
        for (hold, pool) in route.equipment_holds.iter().zip(&placement.equipment) {
            let mut window = span(route, &placement.starts, hold.first, hold.last);
            window.end += turnaround(&problem.pools[*pool]);
            self.pools[*pool].take(window, sign * i64::from(hold.units));
        }
        if let Some(quota) = &mut self.quotas[batch.tenant] {
            for hold in &route.suite_holds {
                quota.take(span(route, &placement.starts, hold.first, hold.last), sign);
            }
        }
        if self.airlocks.len() > 0 {
            for (hold, suite) in route.suite_holds.iter().zip(&placement.suites) {
                let held = span(route, &placement.starts, hold.first, hold.last);
                self.pass(problem, *suite, held, Way::In, sign);
                self.pass(problem, *suite, held, Way::Out, sign);
            }
        }
    }

    fn pass(&mut self, problem: &Problem, suite: SuiteIx, held: Window, way: Way, sign: i64) {
        if let Some(airlock) = problem.suites[suite].airlock {
            self.airlocks[airlock].take(held, way, sign);
        }
    }

    /// Sets aside what a partly fixed batch is known to use, until it is placed as a whole:
    /// people of its fixed activities, and the fixed suites and pools of holds that have begun,
    /// for as long as they last at least (and the way into the suite, not yet the way out). With `sign` -1 it gives all of this back. Tells by how
    /// much the changeover cost grows.
    pub(crate) fn set_aside(&mut self, problem: &Problem, batch: &Batch, owner: usize, sign: i64) -> i64 {
        let Some(fixed) = &batch.commitment else { return 0 };
        let mut added = 0;
        let route = &batch.routes[fixed.route];
        for (activity, start) in route.activities.iter().zip(&fixed.starts) {
            let Some(start) = start else { continue };
            for (pool, units) in &activity.demands {
                self.pools[*pool].take(Window::new(*start, start + activity.duration), sign * i64::from(*units));
            }
        }
        for (hold, pool) in route.equipment_holds.iter().zip(&fixed.equipment) {
            if let (Some(pool), Some(mut window)) = (pool, fixed_span(route, &fixed.starts, hold.first, hold.last)) {
                window.end += turnaround(&problem.pools[*pool]);
                self.pools[*pool].take(window, sign * i64::from(hold.units));
            }
        }
        for (row, (hold, suite)) in route.suite_holds.iter().zip(&fixed.suites).enumerate() {
            let (Some(suite), Some(span)) = (suite, fixed_span(route, &fixed.starts, hold.first, hold.last)) else {
                continue;
            };
            let held = Held::new(batch, owner, row, hold, span);
            if let Some(quota) = &mut self.quotas[batch.tenant] {
                quota.take(span, sign);
            }
            self.pass(problem, *suite, span, Way::In, sign);
            let line = &mut self.suites[*suite];
            if sign > 0 {
                added += line.cost_of(problem, &held).0;
                line.insert(held);
            } else {
                line.remove(&held);
                added -= line.cost_of(problem, &held).0;
            }
        }
        added
    }

    /// What a placement adds to the changeover cost.
    pub(crate) fn changeover_cost(&self, problem: &Problem, batch: &Batch, owner: usize, placement: &Placement) -> i64 {
        let held: Vec<_> = suite_holds(batch, owner, &batch.routes[placement.route], placement).collect();
        let mut suites: Vec<SuiteIx> = held.iter().map(|(suite, _)| *suite).collect();
        suites.sort_unstable();
        suites.dedup();
        let added = |suite: &SuiteIx| {
            let line = &self.suites[*suite];
            let mut new = held.iter().filter(|(at, _)| at == suite).map(|(_, held)| held);
            match (new.next(), new.next()) {
                (Some(only), None) => line.cost_of(problem, only).0,
                _ => {
                    let mut more = line.clone();
                    held.iter().filter(|(at, _)| at == suite).for_each(|(_, held)| more.insert(*held));
                    more.cost(problem) - line.cost(problem)
                }
            }
        };
        suites.iter().map(added).sum()
    }
}

/// The least span of a hold whose first activity is fixed.
fn fixed_span(route: &Route, starts: &[Option<Slot>], first: usize, last: usize) -> Option<Window> {
    let start = starts[first]?;
    let mut end = start + route.activities[first].duration;
    for (activity, fixed) in route.activities[first..=last].iter().zip(&starts[first..]).skip(1) {
        end = fixed.unwrap_or(end + activity.min_lag).max(end) + activity.duration;
    }
    Some(Window::new(start, end))
}

fn suite_holds(
    batch: &Batch,
    owner: usize,
    route: &Route,
    placement: &Placement,
) -> impl Iterator<Item = (SuiteIx, Held)> {
    route.suite_holds.iter().zip(&placement.suites).enumerate().map(move |(row, (hold, suite))| {
        let span = span(route, &placement.starts, hold.first, hold.last);
        (*suite, Held::new(batch, owner, row, hold, span))
    })
}
