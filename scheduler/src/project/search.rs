//! Deciding and learning: a complete search of what an engine knows. It can be interrupted by a
//! measure of work and gone on with; how good a plan is, is decided elsewhere.
#![expect(clippy::indexing_slicing, reason = "positions of a sound project")]

use super::bounds::{Lit, Reason};
use super::engine::{Conclusion, Engine};
use super::learn::Analysis;
use super::network::Network;
use super::order::Order;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything is fixed, and nothing contradicts.
    Found,
    /// Nothing is possible under what was posted at the root.
    Nothing,
    /// So much work is done, so many conflicts are met, or the question was answered with yes.
    Interrupted,
}

/// When a search is interrupted.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    /// The engine's work up to which it may go on.
    pub(super) work: u64,
    pub(super) conflicts: u64,
    pub(super) asked: &'a dyn Fn() -> bool,
}

/// What is decided when no statement is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The activity that can start first.
    Earliest,
    /// The activity with the fewest places left.
    Tightest,
}

/// Conflicts before the first restart; later ones follow the sequence 1 1 2 1 1 2 4 …
const RESTART: u64 = 100;
/// Learnt clauses before half of them are forgotten; grows.
const LEARNT: usize = 4000;

/// An engine with what has been learnt of it.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) engine: Engine,
    pub(super) network: Network,
    pub(super) order: Order,
    analysis: Analysis,
    /// By variable, the value to try first.
    pub(super) guide: Option<Vec<i32>>,
    pub(super) rule: Rule,
    /// Whether active statements are decided before the rule is followed.
    pub(super) by_activity: bool,
    /// When to end by, as the first decision: what is learnt then holds anyway, and is at best that
    /// no plan ends so early.
    pub(super) target: Option<i32>,
    pub(super) conflicts: u64,
    restarts: u64,
    restart_at: u64,
    learnt_max: usize,
}

impl Search {
    pub(super) fn new(engine: Engine, network: Network) -> Self {
        Self {
            engine,
            network,
            order: Order::new(),
            analysis: Analysis::default(),
            guide: None,
            rule: Rule::Earliest,
            by_activity: true,
            target: None,
            conflicts: 0,
            restarts: 0,
            restart_at: RESTART,
            learnt_max: LEARNT,
        }
    }

    /// Looks for values of everything, keeping what was posted up to the level `root`.
    pub(super) fn run(&mut self, root: u32, limit: Limit) -> Verdict {
        let last = self.conflicts.saturating_add(limit.conflicts);
        let mut rounds = 0_u32;
        loop {
            rounds += 1;
            if (rounds.is_multiple_of(4) && (limit.asked)()) || self.engine.work >= limit.work {
                return Verdict::Interrupted;
            }
            match self.engine.propagate() {
                Conclusion::All => {}
                Conclusion::Paused => continue,
                Conclusion::Contradiction => {
                    self.conflicts += 1;
                    if !self.turn_back(root) {
                        return Verdict::Nothing;
                    }
                    continue;
                }
            }
            if self.conflicts >= last {
                return Verdict::Interrupted;
            }
            if self.conflicts >= self.restart_at {
                self.restart(root);
                continue;
            }
            let Some(lit) = self.next_decision(root) else { return Verdict::Found };
            self.engine.work += 20;
            self.engine.bounds.open_level();
            self.engine.bounds.push(lit, Reason::Decision);
        }
    }

    /// Learns from the conflict and goes back to where what was learnt says something new.
    fn turn_back(&mut self, root: u32) -> bool {
        if !self.analysis.learn(&mut self.engine, &mut self.order, root) {
            return false;
        }
        self.back_to(self.analysis.level);
        let forced = self.analysis.clause[0];
        let reason = if self.analysis.clause.len() == 1 {
            Reason::Decision
        } else {
            Reason::Clause(self.engine.clauses.add(&self.analysis.clause, self.analysis.levels.max(1)))
        };
        self.engine.clauses.decay();
        self.order.decay();
        self.engine.set(forced, reason)
    }

    pub(super) fn back_to(&mut self, level: u32) {
        self.engine.back_to(level);
        self.order.back_to(level);
    }

    /// From now on only plans that end by then count; back at level zero. False when there is none.
    pub(super) fn end_by(&mut self, time: i32) -> bool {
        self.back_to(0);
        self.engine.set(Lit::new(2 * self.network.end + 1, -time), Reason::Decision)
    }

    /// No plan that still counts ends earlier.
    pub(super) fn end_least(&self) -> i32 {
        // Above level zero the bound may stem from a decision.
        let end = 2 * self.network.end;
        let first = self.engine.bounds.trail.iter().find(|change| change.side == end && change.level > 0);
        first.map_or(self.engine.bounds.least(end), |change| change.old)
    }

    fn restart(&mut self, root: u32) {
        self.restarts += 1;
        self.restart_at = self.conflicts + RESTART * luby(self.restarts);
        self.back_to(root);
        if root == 0 {
            self.engine.settle();
            self.order.thin_out();
            if self.engine.clauses.learnt() > self.learnt_max {
                self.engine.clauses.forget_half(2);
                self.learnt_max += LEARNT / 20;
            }
        }
    }

    fn next_decision(&mut self, root: u32) -> Option<Lit> {
        let bounds = &self.engine.bounds;
        if let Some(target) = self.target.filter(|_| bounds.level() == root) {
            let end = 2 * self.network.end;
            let lit = Lit::new(end ^ 1, -target.max(bounds.least(end)));
            if !bounds.holds(lit) {
                return Some(lit);
            }
        }
        if self.by_activity {
            let level = bounds.level() + 1;
            if let Some(lit) = self.order.take(level, |lit| !bounds.holds(lit) && !bounds.fails(lit)) {
                let variable = lit.side as usize / 2;
                let value = self.guide.as_ref().map_or(self.engine.last_value[variable], |guide| guide[variable]);
                return Some(if value >= lit.least { lit } else { lit.not() });
            }
        }
        self.follow_rule()
    }

    /// Chooses the mode of an activity, or puts it at its earliest start.
    fn follow_rule(&self) -> Option<Lit> {
        let bounds = &self.engine.bounds;
        let is_open = |work: &&super::network::Work| {
            !bounds.is_fixed(work.start) || work.modes.iter().any(|mode| !bounds.is_fixed(*mode))
        };
        let key = |work: &&super::network::Work| {
            let (least, most) = (bounds.least(2 * work.start), bounds.most(2 * work.start));
            if self.rule == Rule::Earliest { (least, most) } else { (most - least, least) }
        };
        let Some(work) = self.network.works.iter().filter(is_open).min_by_key(key) else {
            let end = self.network.end;
            return (!bounds.is_fixed(end)).then(|| Lit::new(2 * end + 1, -bounds.least(2 * end)));
        };
        let open = work.modes.iter().zip(&work.takes).filter(|(mode, _)| !bounds.is_fixed(**mode));
        // The mode of the best plan; before there is one, the mode that takes least.
        let unlike = |mode: u32| self.guide.as_ref().is_some_and(|guide| guide[mode as usize] == 0);
        if let Some((mode, _)) = open.min_by_key(|(mode, takes)| (unlike(**mode), **takes)) {
            return Some(Lit::new(2 * mode, 1));
        }
        Some(Lit::new(2 * work.start + 1, -bounds.least(2 * work.start)))
    }
}

/// The sequence 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 …
fn luby(mut at: u64) -> u64 {
    loop {
        let size = (at + 2).next_power_of_two();
        if size == at + 2 {
            return size / 2;
        }
        at = at + 1 - size / 2;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn patience_follows_its_sequence() {
        let found: Vec<u64> = (0..15).map(super::luby).collect();
        assert_eq!(found, [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]);
    }
}
