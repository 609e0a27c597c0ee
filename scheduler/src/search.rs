//! The search for a good plan: a first plan, then many small steps that take a few batches out
//! and put them in again, some of which are kept.
//!
//! Anytime: whatever is found so far is a whole plan. It judges by its own running count; the
//! plan it hands out is for `check` to judge.

use fastrand::Rng;

use crate::anchor::Anchor;
use crate::bound::lower_bound;
use crate::build::first_plan;
use crate::chains::{self, Chain};
use crate::cost;
use crate::index::BatchIx;
use crate::load::Load;
use crate::moves::recreate::{self, Order, Whim, cheapest};
use crate::moves::ruin::Ruin;
use crate::plan::{Objective, Placement, Plan};
use crate::problem::Problem;
use crate::spec::Slot;
use crate::stop::{Params, Progress, Stop};
use crate::timing::Timer;
use crate::working::{Working, Worth};

/// Chains that search side by side, on however many threads.
const CHAINS: u64 = 2;
/// Steps after which the chains meet.
const ROUND: u64 = 500;
/// Insertions spent on the plan to start from.
const FIRST_INSERTIONS: usize = 12_000;
/// Refused batches tried in one step, beside those taken out.
const REFUSED_TRIED_MAX: usize = 3;
/// Refused batches looked at for that.
const REFUSED_SEEN_MAX: usize = 24;

/// Temperature at the beginning and at the end, in grains: what a batch of usual weight costs that
/// is late by a hundredth of its usual length.
const HOT: f64 = 3.0;
const COLD: f64 = 0.05;

/// What a move must bring where the number of moves is limited, in grains.
const MOVE: f64 = 0.1;

/// What a search ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The best plan found.
    pub plan: Plan,
    /// What it costs, as the planner counts it.
    pub objective: Objective,
    /// Batches that must not be refused and have no place.
    pub missing: Vec<BatchIx>,
    /// A true lower bound of the objective of every plan.
    pub lower_bound: i64,
    /// Steps taken, by all chains together.
    pub steps: u64,
}

/// Searches for a good plan until told to stop.
#[must_use]
pub fn solve(problem: &Problem, params: &Params, seed: u64, stop: Stop) -> Outcome {
    let tell = |objective: i64| (params.progress)(Progress { objective: Some(objective), bound: None, steps: 0 });
    let plan = first_plan(problem, FIRST_INSERTIONS, stop, &tell);
    search(problem, &plan, None, params, seed, stop)
}

/// Searches on from a legal plan, and does not go further from the anchor than is worth it. The
/// plan it ends with is best by objective plus the anchor's costs.
#[must_use]
pub fn improve(problem: &Problem, start: &Plan, anchor: &Anchor, params: &Params, seed: u64, stop: Stop) -> Outcome {
    search(problem, start, Some(anchor), params, seed, stop)
}

fn search(problem: &Problem, start: &Plan, anchor: Option<&Anchor>, params: &Params, seed: u64, stop: Stop) -> Outcome {
    let budget = stop.steps.map(|steps| steps / CHAINS);
    let first = Working::of_plan(problem, start, anchor);
    let seeds = (0..CHAINS).map(|row| seed.wrapping_mul(CHAINS).wrapping_add(row));
    let mut chains: Vec<Descent> =
        seeds.map(|seed| Descent::new(first.clone(), start, *params, seed, budget)).collect();
    drop(first);
    let steps = chains::run(&mut chains, params.threads, ROUND, stop);
    let best = chains.into_iter().min_by_key(|chain| chain.best_worth);
    let plan = best.map_or_else(|| start.clone(), |chain| chain.best);
    let objective = cost::of_plan(problem, &plan, &Load::of_plan(problem, &plan));
    let missing = plan.refused().filter(|ix| problem.batches[*ix].must_be_in()).collect();
    Outcome { plan, objective, missing, lower_bound: lower_bound(problem), steps }
}

/// One chain: a plan that is changed step by step, and the best it has been.
struct Descent<'p> {
    working: Working<'p>,
    worth: Worth,
    /// Batches that are away from the anchor in the plan kept last.
    moved: usize,
    best: Plan,
    best_worth: Worth,
    rng: Rng,
    timer: Timer,
    ruin: Ruin,
    params: Params<'p>,
    steps: u64,
    budget: Option<u64>,
    open: Vec<BatchIx>,
    by_release: Vec<(Slot, BatchIx)>,
    length: Slot,
    undo: Vec<(BatchIx, Option<Placement>)>,
    line: Vec<BatchIx>,
    temperature: f64,
    grain: f64,
}

impl<'p> Descent<'p> {
    fn new(mut working: Working<'p>, plan: &Plan, params: Params<'p>, seed: u64, budget: Option<u64>) -> Self {
        let problem = working.problem;
        let mut best = plan.clone();
        working.save_into(&mut best);
        let open: Vec<BatchIx> = problem.batches.positions().filter(|ix| !working.is_fixed(*ix)).collect();
        let mut by_release: Vec<_> = open.iter().map(|ix| (problem.batches[*ix].release, *ix)).collect();
        by_release.sort_unstable();
        let lengths: i64 = open.iter().map(|ix| recreate::length(&problem.batches[*ix])).sum();
        let length = lengths / (open.len() as i64).max(1) + 1;
        let grain = grain(problem, &open, length);
        let worth = working.worth();
        Self {
            moved: working.moved(),
            worth,
            best,
            best_worth: worth,
            rng: Rng::with_seed(seed),
            timer: Timer::drawing(seed),
            ruin: Ruin::default(),
            params,
            steps: 0,
            budget,
            length,
            open,
            by_release,
            undo: Vec::new(),
            line: Vec::new(),
            temperature: 0.0,
            grain,
            working,
        }
    }

    /// How much of the search is over, from 0 to 1.
    fn gone(&self) -> f64 {
        match (self.budget, self.params.gone) {
            (Some(budget), _) => self.steps as f64 / (budget as f64).max(1.0),
            (None, Some(gone)) => gone().clamp(0.0, 1.0),
            (None, None) => (self.steps % 100_000) as f64 / 100_000.0,
        }
    }

    fn cool(&mut self) {
        // Where few batches may move, none of those moves is spent on a plan that is worse.
        let hot = if self.working.limits_moves() { COLD } else { HOT };
        let (hot, cold) = (self.grain * hot, self.grain * COLD);
        self.temperature = hot * (cold / hot).powf(self.gone());
    }

    fn step(&mut self) {
        self.ruin.choose(&self.working, &self.open, self.length, &mut self.rng);
        self.undo.clear();
        self.line.clear();
        for ix in &self.ruin.taken {
            let placement = self.working.remove(*ix);
            self.undo.push((*ix, placement));
            self.line.push(*ix);
        }
        self.add_refused();
        self.put_in();
        let worth = self.working.worth();
        if self.takes(worth) {
            self.worth = worth;
            self.moved = self.working.moved();
            if worth < self.best_worth {
                self.best_worth = worth;
                self.working.save_into(&mut self.best);
                self.tell();
            }
        } else {
            self.put_back();
        }
    }

    /// Whether a changed plan is kept: when it is no worse, or by chance when it is little worse.
    fn takes(&mut self, worth: Worth) -> bool {
        if self.working.moves_too_many() || worth.0 != self.worth.0 {
            return !self.working.moves_too_many() && worth.0 < self.worth.0;
        }
        let mut worse = (worth.1 - self.worth.1) as f64;
        if self.working.limits_moves() {
            // Moves are few: each must be worth something.
            worse += (self.working.moved() as f64 - self.moved as f64) * self.grain * MOVE;
        }
        worse <= 0.0 || self.rng.f64() < (-worse / self.temperature).exp()
    }

    fn tell(&self) {
        if let (0, objective) = self.best_worth {
            (self.params.progress)(Progress { objective: Some(objective), bound: None, steps: self.steps });
        }
    }

    /// Batches that stay out so far and could come in around this time.
    fn add_refused(&mut self) {
        if let Some(wanted) = self.ruin.wanted {
            self.line.push(wanted);
            self.undo.push((wanted, None));
        }
        let reach = if self.rng.bool() { self.length } else { self.length / 8 };
        let from = self.by_release.partition_point(|(release, _)| *release < self.ruin.around - reach);
        let until = self.by_release.partition_point(|(release, _)| *release <= self.ruin.around + reach / 8);
        let near = self.by_release.get(from..until).unwrap_or_default();
        let mut tried = 0;
        for _ in 0..REFUSED_SEEN_MAX.min(near.len()) {
            let Some((_, ix)) = self.rng.choice(near).copied() else { return };
            if self.working.placement(ix).is_none() && !self.line.contains(&ix) {
                self.line.push(ix);
                self.undo.push((ix, None));
                tried += 1;
                if tried >= REFUSED_TRIED_MAX {
                    return;
                }
            }
        }
    }

    fn put_in(&mut self) {
        Order::draw(&mut self.rng).apply(&self.working, &mut self.line, &mut self.rng);
        if let Some(wanted) = self.ruin.wanted
            && self.rng.u32(0..4) > 0
            && let Some(row) = self.line.iter().position(|ix| *ix == wanted)
        {
            self.line.swap(0, row);
        }
        self.timer.pass_over = if self.rng.bool() { 8 } else { 0 };
        let away = self.working.limits_moves() && self.rng.bool();
        for ix in self.line.iter().copied() {
            let whim = Whim {
                route: (self.rng.u32(0..16) == 0).then(|| self.rng.usize(0..16)),
                delay: if self.rng.u32(0..16) == 0 { self.rng.i64(0..=self.length / 16) } else { 0 },
                away,
            };
            self.working.lift(ix, true);
            let placement = cheapest(&self.working, &mut self.timer, ix, whim);
            self.working.lift(ix, false);
            if let Some(placement) = placement {
                self.working.insert(ix, placement);
            }
        }
    }

    fn put_back(&mut self) {
        for (ix, _) in &self.undo {
            self.working.remove(*ix);
        }
        for (ix, placement) in self.undo.drain(..) {
            if let Some(placement) = placement {
                self.working.insert(ix, placement);
            }
        }
    }
}

/// What a batch of usual weight costs that is late by a hundredth of the usual length.
fn grain(problem: &Problem, open: &[BatchIx], length: Slot) -> f64 {
    let weights: f64 = open.iter().map(|ix| problem.batches[*ix].weight as f64).sum();
    let weight = (weights / (open.len() as f64).max(1.0)).max(0.1);
    (problem.cost_scale as f64 * weight * length as f64 / 100.0).max(1.0)
}

impl Chain for Descent<'_> {
    fn run(&mut self, steps: u64, stop: Stop) -> u64 {
        for done in 0..steps {
            if self.open.is_empty() || (stop.asked)() {
                return done;
            }
            self.cool();
            self.step();
            self.steps += 1;
        }
        steps
    }

    fn rank(&self) -> i64 {
        let (missing, objective) = self.best_worth;
        i64::try_from(missing).unwrap_or(i64::MAX).saturating_mul(1 << 60).saturating_add(objective)
    }

    fn learn(&mut self, best: &Self) {
        if best.best_worth < self.best_worth {
            self.working.take_over(&best.best);
            self.working.save_into(&mut self.best);
            self.worth = self.working.worth();
            self.moved = self.working.moved();
            self.best_worth = self.worth;
        }
    }
}
