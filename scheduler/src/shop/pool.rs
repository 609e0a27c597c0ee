//! The best plans a chain has met, few and different, and new plans from between two of them.
//!
//! It keeps and mixes plans; it improves none.

use fastrand::Rng;

use super::graph::Order;

/// Plans kept.
pub(super) const POOL_SIZE: usize = 10;

/// The plans of a chain, best first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    plans: Vec<Order>,
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.plans.len()
    }

    /// Keeps a plan unless a like one or only better ones are there; true when it is kept.
    pub(super) fn keep(&mut self, plan: &Order) -> bool {
        let near = self.plans.iter().position(|other| other.makespan == plan.makespan && other.mode == plan.mode);
        if near.is_some()
            || (self.len() >= POOL_SIZE && self.plans.last().is_some_and(|last| last.makespan <= plan.makespan))
        {
            return false;
        }
        let at = self.plans.partition_point(|other| other.makespan <= plan.makespan);
        self.plans.insert(at, plan.clone());
        self.plans.truncate(POOL_SIZE);
        true
    }

    /// Forgets all but the best.
    pub(super) fn thin_out(&mut self) {
        self.plans.truncate(1);
    }

    /// A plan that is drawn; none while there are none.
    pub(super) fn any(&self, rng: &mut Rng) -> Option<&Order> {
        rng.choice(&self.plans)
    }

    /// A plan from between two that are drawn; none while there are fewer than two.
    pub(super) fn between(&self, rng: &mut Rng) -> Option<Order> {
        if self.len() < 2 {
            return None;
        }
        let one = rng.usize(..self.len());
        let other = (one + rng.usize(1..self.len())) % self.len();
        let share = rng.u64(64..=192);
        self.plans.get(one).zip(self.plans.get(other)).map(|(one, other)| between(one, other, share, rng))
    }
}

/// A plan between two: positions are the weighted means of both, machines come from either.
///
/// The mean of two orders that agree with the jobs agrees with them too, and keeps what both have
/// in common. `share` of 256 parts come from the second.
fn between(one: &Order, other: &Order, share: u64, rng: &mut Rng) -> Order {
    let ranks = one.rank.iter().zip(&other.rank);
    let mean = |(one, other): (&u32, &u32)| u64::from(*one) * (256 - share) + u64::from(*other) * share;
    let keys: Vec<u64> = ranks.map(mean).collect();
    let mut sorted: Vec<(u64, u32, usize)> =
        keys.iter().zip(&one.rank).enumerate().map(|(operation, (key, rank))| (*key, *rank, operation)).collect();
    sorted.sort_unstable();
    let mut rank = one.rank.clone();
    for (position, (_, _, operation)) in (0..).zip(sorted) {
        rank.iter_mut().skip(operation).take(1).for_each(|rank| *rank = position);
    }
    let either = |(one, other): (&u32, &u32)| if rng.u64(..256) < share { *other } else { *one };
    Order { mode: one.mode.iter().zip(&other.mode).map(either).collect(), rank, makespan: i64::MAX }
}
