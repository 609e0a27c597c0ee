//! The referee of shop plans: is this plan legal, and when does it end?
//!
//! It uses the shop's data and nothing of the search. A plan may come from anywhere, so everything
//! is looked up with care.

use super::model::Shop;
use super::plan::ShopPlan;

/// Later starts are refused, so that no end overflows.
const START_MAX: i64 = 1_000_000_000_000_000_000;

/// One way in which a plan breaks a rule of its shop. Operations and machines count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShopViolation {
    /// Lists that do not fit the shop.
    #[error("the plan has {lines} machines and {starts} operations, the shop has {machines} and {operations}")]
    Shape {
        /// Machines of the plan.
        lines: usize,
        /// Operations of the plan.
        starts: usize,
        /// Machines of the shop.
        machines: usize,
        /// Operations of the shop.
        operations: usize,
    },
    /// An operation that the shop does not have.
    #[error("machine {machine} is given operation {operation}, which does not exist")]
    Unknown {
        /// The machine.
        machine: usize,
        /// The number given.
        operation: usize,
    },
    /// An operation that is planned not once.
    #[error("operation {operation} is planned {times} times instead of once")]
    Times {
        /// The operation.
        operation: usize,
        /// How often.
        times: usize,
    },
    /// An operation on a machine it cannot go to.
    #[error("operation {operation} cannot go to machine {machine}")]
    Unfit {
        /// The operation.
        operation: usize,
        /// The machine.
        machine: usize,
    },
    /// A start before the beginning of time, or beyond all counting.
    #[error("operation {operation} starts at {start}, possible are 0 to {START_MAX}")]
    Start {
        /// The operation.
        operation: usize,
        /// Its start.
        start: i64,
    },
    /// An operation that starts before the one ahead of it in its job has ended.
    #[error("operation {operation} starts at {start}, but the one before it in its job ends at {end}")]
    JobOrder {
        /// The later operation.
        operation: usize,
        /// Its start.
        start: i64,
        /// End of the earlier one.
        end: i64,
    },
    /// An operation that starts before its machine is free and set up.
    #[error("operation {operation} starts at {start}, but machine {machine} is ready for it only at {ready}")]
    MachineOrder {
        /// The machine.
        machine: usize,
        /// The later operation.
        operation: usize,
        /// Its start.
        start: i64,
        /// End of the operation before it, and set-up.
        ready: i64,
    },
}

/// Every way in which a plan breaks a rule of its shop; none when it is legal.
#[must_use]
pub fn check_shop(shop: &Shop, plan: &ShopPlan) -> Vec<ShopViolation> {
    let operations = shop.operations();
    if plan.lines.len() != shop.machines() || plan.starts.len() != operations {
        return vec![ShopViolation::Shape {
            lines: plan.lines.len(),
            starts: plan.starts.len(),
            machines: shop.machines(),
            operations,
        }];
    }
    let mut found = Vec::new();
    let mut times = vec![0_usize; operations];
    for (machine, line) in plan.lines.iter().enumerate() {
        let mut ready = None;
        for (&operation, next) in line.iter().zip(line.iter().skip(1).map(Some).chain([None])) {
            let Some(start) = plan.starts.get(operation).copied() else {
                found.push(ShopViolation::Unknown { machine, operation });
                continue;
            };
            times.iter_mut().skip(operation).take(1).for_each(|times| *times += 1);
            let Some(duration) = duration_on(shop, operation, machine) else {
                found.push(ShopViolation::Unfit { operation, machine });
                continue;
            };
            if let Some(ready) = ready.filter(|ready| start < *ready) {
                found.push(ShopViolation::MachineOrder { machine, operation, start, ready });
            }
            let setup = next.map_or(0, |next| shop.setup(machine, operation, *next));
            ready = Some(start.saturating_add(duration).saturating_add(setup));
        }
    }
    let wrong = times.iter().enumerate().filter(|(_, times)| **times != 1);
    found.extend(wrong.map(|(operation, times)| ShopViolation::Times { operation, times: *times }));
    let ends = ends(shop, plan);
    for job in shop.jobs() {
        let mut before = None;
        for operation in job {
            let start = plan.starts.get(operation).copied().unwrap_or_default();
            if !(0..=START_MAX).contains(&start) {
                found.push(ShopViolation::Start { operation, start });
            }
            if let Some(end) = before.filter(|end| start < *end) {
                found.push(ShopViolation::JobOrder { operation, start, end });
            }
            before = ends.get(operation).copied().flatten();
        }
    }
    found
}

/// When the last operation of a plan ends, added up independently of the search.
#[must_use]
pub fn recount_shop(shop: &Shop, plan: &ShopPlan) -> i64 {
    ends(shop, plan).into_iter().flatten().max().unwrap_or(0)
}

/// End of every operation, where the plan puts it on a machine it can go to.
fn ends(shop: &Shop, plan: &ShopPlan) -> Vec<Option<i64>> {
    let mut ends = vec![None; shop.operations()];
    for (machine, line) in plan.lines.iter().enumerate() {
        for &operation in line {
            let start = plan.starts.get(operation).copied();
            let end = start.zip(duration_on(shop, operation, machine)).map(|(start, long)| start.saturating_add(long));
            if let Some(known) = ends.get_mut(operation) {
                *known = end.max(*known);
            }
        }
    }
    ends
}

fn duration_on(shop: &Shop, operation: usize, machine: usize) -> Option<i64> {
    shop.modes(operation).iter().find(|mode| mode.machine == machine).map(|mode| mode.duration)
}
