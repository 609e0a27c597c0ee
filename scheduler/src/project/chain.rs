//! The two ways a project is searched side by side: one proves, one improves. They tell each other
//! the best plan and nothing else.

use fastrand::Rng;

use super::bounds::{Lit, Reason};
use super::engine::Conclusion;
use super::evolve::Evolution;
use super::model::{Project, ProjectPlan};
use super::relax;
use super::search::{Limit, Search, Verdict};
use crate::chains::Chain;
use crate::stop::{Progress, Stop};

/// Elementary operations in a step, about a twentieth of a millisecond.
const STEP: u64 = 8_000;
/// Conflicts spent on one relaxed plan.
const CONFLICTS: u64 = 200;
/// Rounds of steps that the prover works from above, then as many from below.
const TURN: u64 = 8;
/// Conflicts after which the prover aims at a lesser gain.
const AIM: u64 = 200;

/// A plan and when it ends.
#[derive(Debug, Clone)]
pub(super) struct Best {
    pub(super) end: i32,
    pub(super) plan: ProjectPlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Searches everything, from above and from below in turns.
    Prove,
    /// Plans a part of the best plan anew, again and again.
    Improve,
}

/// One of the two searches.
pub(super) struct ProjectChain<'a> {
    project: &'a Project,
    role: Role,
    search: Search,
    pub(super) best: Option<Best>,
    /// No plan ends earlier.
    pub(super) least: i32,
    /// No better plan than the best exists; without one, none at all.
    pub(super) is_complete: bool,
    rng: Rng,
    share: f64,
    /// Where precedence is plain, orders to breed.
    evolution: Option<Evolution>,
    /// How much earlier than the best the prover aims to end.
    stride: i32,
    /// The conflicts met when it began to aim so.
    aimed_at: u64,
    turns: u64,
    steps: u64,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> ProjectChain<'a> {
    pub(super) fn new(
        project: &'a Project,
        role: Role,
        search: Search,
        seed: u64,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Self {
        let least = search.end_least();
        let rng = Rng::with_seed(seed);
        let (best, share) = (None, 0.25);
        let evolution = if role == Role::Improve { Evolution::of(project) } else { None };
        Self {
            project,
            role,
            search,
            best,
            least,
            is_complete: false,
            rng,
            share,
            evolution,
            stride: 1,
            aimed_at: 0,
            turns: 0,
            steps: 0,
            progress,
        }
    }

    fn tell(&self) {
        let end = self.best.as_ref().map(|best| best.end);
        let bound = end.map_or(self.least, |end| self.least.min(end));
        (self.progress)(Progress { objective: end.map(Into::into), bound: Some(bound.into()), steps: self.steps });
    }

    /// Takes a plan that is better than the best.
    fn accept(&mut self, best: Best) {
        self.search.guide = Some(self.search.network.values(&best.plan, best.end, &self.search.engine));
        self.is_complete |= !self.search.end_by(best.end - 1);
        if let Some(evolution) = &mut self.evolution {
            evolution.learn(&best.plan, best.end);
        }
        self.best = Some(best);
    }

    /// The plan that the search has come to.
    fn fixed(&self) -> Best {
        let Search { engine, network, .. } = &self.search;
        Best { end: engine.bounds.least(2 * network.end), plan: network.plan(engine) }
    }

    fn raise_least(&mut self) {
        let least = self.search.end_least();
        if least > self.least {
            self.least = least;
            self.tell();
        }
        self.is_complete |= self.best.as_ref().is_some_and(|best| best.end <= self.least);
    }

    /// Searches everything up to so much work. A plan found doubles the gain aimed at, and patience
    /// that runs out halves it: first plans lie far above good ones.
    fn prove(&mut self, limit: Limit, from_below: bool) {
        while !self.is_complete {
            let aim = self.best.as_ref().map(|best| best.end - self.stride);
            let target = if from_below { Some(self.least) } else { aim };
            // What has been decided stays while the aim does: a long project needs many rounds for a plan.
            if target != self.search.target {
                self.search.back_to(0);
                self.search.target = target;
                self.aimed_at = self.search.conflicts;
            }
            let verdict = self.search.run(0, Limit { conflicts: AIM, ..limit });
            match verdict {
                Verdict::Found => {
                    self.accept(self.fixed());
                    self.stride = self.stride.saturating_mul(2).min(self.least_gap());
                    self.tell();
                }
                Verdict::Nothing => self.is_complete = true,
                Verdict::Interrupted if self.search.conflicts >= self.aimed_at + AIM => {
                    self.stride = (self.stride / 2).max(1);
                    self.aimed_at = self.search.conflicts;
                }
                Verdict::Interrupted => {}
            }
            self.raise_least();
            if self.search.engine.work >= limit.work || (limit.asked)() {
                return;
            }
        }
    }

    /// Half of what a better plan could gain at most.
    fn least_gap(&self) -> i32 {
        self.best.as_ref().map_or(1, |best| ((best.end - self.least) / 2).max(1))
    }

    /// Plans a part of the best plan anew, to end earlier.
    fn improve(&mut self, limit: Limit) {
        let Some(plan) = self.best.as_ref().map(|best| best.plan.clone()) else { return };
        let free = relax::choose(self.project, &plan, self.share, &mut self.rng);
        self.search.back_to(0);
        match self.search.engine.propagate() {
            Conclusion::All => {}
            Conclusion::Paused => return,
            Conclusion::Contradiction => {
                self.is_complete = true;
                return;
            }
        }
        let (edges, clauses) = (self.search.engine.edges(), self.search.engine.clauses.count());
        self.search.engine.bounds.open_level();
        let is_kept = relax::keep(&mut self.search, self.project, &plan, &free);
        let (found, verdict) = if is_kept { self.descend(limit) } else { (None, Verdict::Nothing) };
        self.search.back_to(0);
        self.search.engine.truncate_edges(edges);
        self.search.engine.clauses.truncate(clauses);
        self.search.target = None;
        match (verdict, found) {
            (_, Some(best)) => {
                self.accept(best);
                self.tell();
            }
            (Verdict::Interrupted, None) => self.share = (self.share * 0.97).max(0.05),
            (_, None) => self.share = (self.share * 1.03).min(0.9),
        }
        self.raise_least();
    }

    /// Breeds orders up to so much work.
    fn breed(&mut self, limit: Limit) {
        while !self.is_complete && self.search.engine.work < limit.work && !(limit.asked)() {
            let (Some(evolution), Some(best)) = (&mut self.evolution, &self.best) else { return };
            if let Some((end, plan)) = evolution.breed(best.end, &mut self.rng, &mut self.search.engine.work) {
                self.accept(Best { end, plan });
                self.raise_least();
                self.tell();
            }
        }
    }

    /// Looks for plans with what is kept, each better than the one before, and aims further after
    /// each.
    fn descend(&mut self, limit: Limit) -> (Option<Best>, Verdict) {
        let mut found: Option<Best> = None;
        let mut stride = 1;
        self.search.target = None;
        loop {
            let verdict = self.search.run(1, Limit { conflicts: CONFLICTS, ..limit });
            if verdict != Verdict::Found {
                return (found, verdict);
            }
            let best = self.fixed();
            self.search.back_to(1);
            self.search.target = Some(best.end - stride);
            stride *= 2;
            let end = Lit::new(2 * self.search.network.end + 1, 1 - best.end);
            found = Some(best);
            if !self.search.engine.set(end, Reason::Decision) {
                return (found, Verdict::Nothing);
            }
        }
    }
}

impl Chain for ProjectChain<'_> {
    fn run(&mut self, steps: u64, stop: Stop) -> u64 {
        let before = self.search.engine.work;
        let work = before + steps * STEP;
        let limit = Limit { work, conflicts: u64::MAX, asked: stop.asked };
        self.turns += 1;
        match (self.role, &self.best) {
            (Role::Improve, Some(_)) if self.evolution.is_some() && !self.turns.is_multiple_of(3) => self.breed(limit),
            (Role::Improve, Some(_)) => {
                while !self.is_complete && self.search.engine.work < work && !(stop.asked)() {
                    self.search.engine.work += STEP / 8;
                    self.improve(limit);
                }
            }
            (_, best) => {
                let from_below = best.is_some() && (self.turns / TURN) % 2 == 1;
                self.prove(limit, from_below);
            }
        }
        let did = (self.search.engine.work - before).div_ceil(STEP).clamp(1, steps.max(1));
        self.steps += did;
        did.min(steps)
    }

    fn rank(&self) -> i64 {
        self.best.as_ref().map_or(i64::MAX, |best| best.end.into())
    }

    fn is_done(&self) -> bool {
        self.is_complete
    }

    fn learn(&mut self, best: &Self) {
        self.least = self.least.max(best.least);
        if best.rank() < self.rank()
            && let Some(best) = best.best.clone()
        {
            self.accept(best);
        }
        let least = Lit::new(2 * self.search.network.end, self.least);
        if !self.search.engine.bounds.holds(least) && !self.is_complete {
            self.search.back_to(0);
            self.is_complete |= !self.search.engine.set(least, Reason::Decision);
        }
    }
}
