//! Lower bounds of a shop's makespan: no plan ends sooner.
//!
//! Three relaxations, each true by itself: jobs alone; operations that can only go to some
//! machines, in the time between the shortest ways to and from them; and the load of all machines
//! at once, weighted. None of them looks at a plan.
#![expect(clippy::indexing_slicing, reason = "operations, modes and machines are numbered by the shop itself")]

use std::collections::BTreeSet;

use super::model::Shop;

/// Shops with more operations get no bound over pairs of heads and tails: it takes the square.
const PAIRS_OPERATIONS_MAX: usize = 500;
/// Sets of machines looked at.
const SETS_MAX: usize = 64;
/// With more machines not every set of them is looked at.
const ALL_SETS_MACHINES_MAX: usize = 14;
/// Rounds of moving weight to the machines that are short.
const ROUNDS: u32 = 400;
/// Sum of the weights of all machines.
const WEIGHT: f64 = 1_000_000.0;

/// What is known of one operation whatever the plan.
struct Least {
    /// Least time before its start and after its end, in its job.
    head: i64,
    tail: i64,
    /// Per mode: duration, and duration with the shortest set-up before it.
    modes: Vec<(usize, i64, i64)>,
}

/// A makespan that no plan can beat.
pub(super) fn lower_bound(shop: &Shop) -> i64 {
    let least = least(shop);
    let jobs = least.iter().map(|one| one.head + duration(one) + one.tail).max().unwrap_or(0);
    let sets = machine_sets(shop, &least);
    let sets = sets.iter().map(|set| set_bound(&least, set)).max().unwrap_or(0);
    jobs.max(sets).max(weighted_bound(shop, &least))
}

fn duration(one: &Least) -> i64 {
    one.modes.iter().map(|(_, duration, _)| *duration).min().unwrap_or(0)
}

fn least(shop: &Shop) -> Vec<Least> {
    let mut on_machine: Vec<Vec<usize>> = vec![Vec::new(); shop.machines()];
    for operation in 0..shop.operations() {
        shop.modes(operation).iter().for_each(|mode| on_machine[mode.machine].push(operation));
    }
    let modes = |operation: usize| {
        let modes = shop.modes(operation).iter().map(|mode| {
            let others = on_machine[mode.machine].iter().filter(|other| **other != operation);
            let setups = others.map(|other| shop.setup(mode.machine, *other, operation));
            let setup = if shop.has_setups() { setups.min().unwrap_or(0) } else { 0 };
            (mode.machine, mode.duration, mode.duration + setup)
        });
        modes.collect()
    };
    let mut least: Vec<Least> =
        (0..shop.operations()).map(|operation| Least { head: 0, tail: 0, modes: modes(operation) }).collect();
    for job in shop.jobs() {
        for operation in job.clone().skip(1) {
            least[operation].head = least[operation - 1].head + duration(&least[operation - 1]);
        }
        for operation in job.rev().skip(1) {
            least[operation].tail = least[operation + 1].tail + duration(&least[operation + 1]);
        }
    }
    least
}

/// Sets of machines worth looking at: single ones, those that some operation is confined to, all.
fn machine_sets(shop: &Shop, least: &[Least]) -> BTreeSet<Vec<usize>> {
    let mut sets = BTreeSet::from([(0..shop.machines()).collect::<Vec<_>>()]);
    for one in least {
        let mut set: Vec<usize> = one.modes.iter().map(|(machine, ..)| *machine).collect();
        set.sort_unstable();
        if sets.len() < SETS_MAX {
            sets.insert(set);
        }
    }
    sets
}

/// For operations confined to a set of machines, and of these for all with at least some head and
/// tail: their work, shared out evenly, fits between the shortest head and the shortest tail.
fn set_bound(least: &[Least], set: &[usize]) -> i64 {
    let confined = |one: &&Least| one.modes.iter().all(|(machine, ..)| set.binary_search(machine).is_ok());
    let mut confined: Vec<&Least> = least.iter().filter(confined).collect();
    if confined.len() > PAIRS_OPERATIONS_MAX {
        return 0;
    }
    confined.sort_by_key(|one| std::cmp::Reverse(one.head));
    let mut tails: Vec<i64> = confined.iter().map(|one| one.tail).collect();
    tails.sort_unstable();
    tails.dedup();
    let count = set.len() as i64;
    let mut best = 0;
    for tail in tails {
        // The first operation on every machine needs no set-up: the longest of them are spared.
        let (mut work, mut spared, mut longest) = (0, 0, Vec::new());
        for one in confined.iter().filter(|one| one.tail >= tail) {
            work += one.modes.iter().map(|(_, _, work)| *work).min().unwrap_or(0);
            let setup = one.modes.iter().map(|(_, duration, work)| work - duration).max().unwrap_or(0);
            if setup > 0 {
                longest.insert(longest.partition_point(|other| *other >= setup), setup);
                spared += setup;
                if longest.len() > set.len() {
                    spared -= longest.pop().unwrap_or(0);
                }
            }
            best = best.max(one.head + tail + (work - spared + count - 1).div_euclid(count));
        }
    }
    best
}

/// Machines in the balance: whatever weights they have, the weighted mean of their loads is at
/// least what the operations weigh when each goes where it weighs least.
fn weighted_bound(shop: &Shop, least: &[Least]) -> i64 {
    let machines = shop.machines();
    // Time before the first and after the last operation of a machine, and the set-up it is spared.
    let mut idle = vec![(i64::MAX, i64::MAX, 0); machines];
    for one in least {
        for &(machine, duration, work) in &one.modes {
            let (head, tail, spared) = idle[machine];
            idle[machine] = (head.min(one.head), tail.min(one.tail), spared.max(work - duration));
        }
    }
    let used: Vec<usize> = (0..machines).filter(|machine| idle[*machine].0 != i64::MAX).collect();
    let around: Vec<i64> = idle.iter().map(|(head, tail, spared)| head.saturating_add(*tail) - spared).collect();
    let mut best = 0;
    let mut weights = vec![0_i64; machines];
    if used.len() <= ALL_SETS_MACHINES_MAX && shop.operations() <= PAIRS_OPERATIONS_MAX {
        best = best.max(even_bound(least, &used, &around));
    }
    let mut share = vec![1.0 / used.len().max(1) as f64; used.len()];
    for round in 0..ROUNDS {
        let sum: f64 = share.iter().sum();
        for (row, machine) in used.iter().enumerate() {
            weights[*machine] = (WEIGHT * share[row] / sum) as i64;
        }
        let (bound, load) = weigh(least, &weights, &around);
        best = best.max(bound);
        let mean = load.iter().sum::<i64>() as f64 / used.len().max(1) as f64;
        let pace = 0.5 / f64::from(round + 1).sqrt();
        for (row, machine) in used.iter().enumerate() {
            let excess = (load[*machine] as f64 / mean.max(1.0) - 1.0).clamp(-1.0, 1.0);
            share[row] = (share[row] * (1.0 + pace * excess)).max(1e-9);
        }
        if shop.operations() > PAIRS_OPERATIONS_MAX && round > 20 {
            break;
        }
    }
    best
}

/// The bound for weights, and the load of every machine when operations go where they weigh least.
fn weigh(least: &[Least], weights: &[i64], around: &[i64]) -> (i64, Vec<i64>) {
    let mut load = vec![0; weights.len()];
    let (mut weighed, mut total) = (0_i128, 0_i128);
    for (machine, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
        weighed += i128::from(*weight) * i128::from(around[machine]);
        total += i128::from(*weight);
        load[machine] += around[machine];
    }
    for one in least {
        let lightest = one.modes.iter().min_by_key(|(machine, _, work)| weights[*machine].saturating_mul(*work));
        if let Some(&(machine, _, work)) = lightest {
            weighed += i128::from(weights[machine]) * i128::from(work);
            load[machine] += work;
        }
    }
    let bound = if total == 0 { 0 } else { (weighed + total - 1).div_euclid(total) };
    (i64::try_from(bound).unwrap_or(0), load)
}

/// The best bound with equal weights on some machines and none on the others, over all sets.
fn even_bound(least: &[Least], used: &[usize], around: &[i64]) -> i64 {
    let mut confined = vec![0_i64; 1 << used.len()];
    let bit = |machine: &usize| used.iter().position(|other| other == machine).map_or(0, |row| 1_usize << row);
    for one in least {
        let set: usize = one.modes.iter().map(|(machine, ..)| bit(machine)).sum();
        confined[set] += one.modes.iter().map(|(_, _, work)| *work).min().unwrap_or(0);
    }
    // Sum over subsets, one machine after the other.
    for row in 0..used.len() {
        for set in (0..confined.len()).filter(|set| set >> row & 1 == 1) {
            confined[set] += confined[set ^ 1 << row];
        }
    }
    let mut best = 0;
    for (set, work) in confined.iter().enumerate().skip(1) {
        let machines = used.iter().enumerate().filter(|(row, _)| set >> row & 1 == 1);
        let around: i64 = machines.map(|(_, machine)| around[*machine]).sum();
        let count = i64::from(set.count_ones());
        best = best.max((work + around + count - 1).div_euclid(count));
    }
    best
}
