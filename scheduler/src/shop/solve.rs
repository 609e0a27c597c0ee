//! Solving a shop: two chains of walks, each starting between good plans met before, that tell each
//! other of the best from time to time.
//!
//! What a plan is worth is the makespan alone. No clock is read.

use std::sync::atomic::{AtomicI64, Ordering};

use fastrand::Rng;

use super::bound::lower_bound;
use super::dispatch::{Rule, dispatch};
use super::graph::{Graph, Order};
use super::model::Shop;
use super::plan::ShopPlan;
use super::pool::{POOL_SIZE, Pool};
use super::walk::Walk;
use crate::chains::{self, Chain};
use crate::stop::{Params, Progress, Stop};

/// Chains, whatever the number of threads.
const CHAINS: u64 = 2;
/// Steps of a chain between two meetings.
const ROUND: u64 = 20_000;
/// Steps without a better plan after which a walk ends.
const IDLE_MAX: u64 = 1_000;
/// One of so many walks begins near one plan rather than between two.
const NEAR_ONE_IN: u32 = 12;
/// Moves at random that such a walk begins with, at most.
const NEAR_MOVES_MAX: usize = 6;
/// Walks in a row that found nothing worth keeping, after which a chain begins anew.
const BARREN_MAX: u32 = 30;

/// What solving a shop has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopOutcome {
    /// The best plan found; always legal.
    pub plan: ShopPlan,
    /// When its last operation ends.
    pub objective: i64,
    /// No plan ends sooner than this. The plan is optimal when both are equal.
    pub lower_bound: i64,
    /// Steps taken by all chains.
    pub steps: u64,
}

/// Plans a flexible job shop so that its last operation ends as soon as can be found until the stop.
///
/// The same shop, seed and step budget give the same plan on every machine and any number of
/// threads. Ends early when the plan is as good as the bound.
#[must_use]
pub fn solve_shop(shop: &Shop, params: &Params, seed: u64, stop: Stop) -> ShopOutcome {
    let bound = lower_bound(shop);
    let told = AtomicI64::new(i64::MAX);
    let tell = |objective: i64, steps: u64| {
        if objective < told.fetch_min(objective, Ordering::Relaxed) {
            (params.progress)(Progress { objective: Some(objective), bound: Some(bound), steps });
        }
    };
    let mut seeds = Rng::with_seed(seed);
    let new = |_| ShopChain::new(shop, bound, seeds.u64(..), &tell);
    let mut chains: Vec<_> = (0..CHAINS).map(new).collect();
    let steps = chains::run(&mut chains, params.threads, ROUND, stop);
    let best = chains.into_iter().map(|chain| chain.best).min_by_key(|best| best.makespan);
    let best = best.unwrap_or_else(|| dispatch(shop, Rule::EndsSoonest, &mut seeds));
    let graph = Graph::new(shop, &best);
    ShopOutcome { plan: graph.plan(), objective: graph.makespan, lower_bound: bound, steps }
}

struct ShopChain<'a> {
    shop: &'a Shop,
    bound: i64,
    rng: Rng,
    walk: Walk<'a>,
    pool: Pool,
    best: Order,
    walks: usize,
    barren: u32,
    steps: u64,
    idle_max: u64,
    tell: &'a (dyn Fn(i64, u64) + Sync),
}

impl<'a> ShopChain<'a> {
    fn new(shop: &'a Shop, bound: i64, seed: u64, tell: &'a (dyn Fn(i64, u64) + Sync)) -> Self {
        let mut rng = Rng::with_seed(seed);
        let first = dispatch(shop, Rule::EndsSoonest, &mut rng);
        let walk = Walk::new(shop, &first, rng.u64(..));
        let best = walk.best.clone();
        tell(best.makespan, 0);
        let idle_max = IDLE_MAX.min(100 + 20 * shop.operations() as u64);
        Self { shop, bound, rng, walk, pool: Pool::default(), best, walks: 0, barren: 0, steps: 0, idle_max, tell }
    }

    /// Keeps what the walk found and begins another.
    fn turn(&mut self) {
        if self.pool.keep(&self.walk.best) {
            self.barren = 0;
        } else {
            self.barren += 1;
        }
        if self.barren > BARREN_MAX {
            self.pool.thin_out();
            self.walks = 0;
            self.barren = 0;
        }
        self.begin();
        self.note();
    }

    /// Begins a walk: far from all others while there are few, then near one or between two of them.
    fn begin(&mut self) {
        self.walks += 1;
        if self.walks > POOL_SIZE {
            let near = if self.rng.u32(..NEAR_ONE_IN) == 0 { self.pool.any(&mut self.rng) } else { None };
            if let Some(plan) = near {
                let moves = self.rng.usize(1..=NEAR_MOVES_MAX);
                return self.walk.begin_near(plan, moves);
            }
            if let Some(between) = self.pool.between(&mut self.rng) {
                return self.walk.begin(&between);
            }
        }
        let rule = match self.rng.u32(..3) {
            0 => Rule::EndsSoonest,
            1 => Rule::MostWork,
            _ => Rule::Any,
        };
        self.walk.begin(&dispatch(self.shop, rule, &mut self.rng));
    }

    /// Takes note of the walk's best plan.
    fn note(&mut self) {
        if self.walk.best.makespan < self.best.makespan {
            self.best.clone_from(&self.walk.best);
            (self.tell)(self.best.makespan, self.steps);
        }
    }
}

impl Chain for ShopChain<'_> {
    fn run(&mut self, steps: u64, stop: Stop) -> u64 {
        let mut did = 0;
        while did < steps && !self.is_done() && !(stop.asked)() {
            did += 1;
            self.steps += 1;
            let moved = self.walk.step();
            if self.walk.idle == 0 {
                self.note();
            }
            if !moved || self.walk.idle > self.idle_max {
                self.turn();
            }
        }
        did
    }

    fn rank(&self) -> i64 {
        self.best.makespan
    }

    fn is_done(&self) -> bool {
        self.best.makespan <= self.bound
    }

    fn learn(&mut self, best: &Self) {
        if best.best.makespan < self.best.makespan {
            self.best.clone_from(&best.best);
        }
        self.pool.keep(&best.best);
    }
}
