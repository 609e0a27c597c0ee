//! Propagation to a fixpoint: edges, clauses, sums and resources tighten bounds, each change with
//! its reason. Decides nothing and learns nothing.
#![expect(clippy::indexing_slicing, reason = "numbers of variables, edges and sums are made here")]

use super::bounds::{Bounds, Lit, NONE, Reason, Side};
use super::clauses::{Clauses, Outcome, others_fail};
use super::cumulative::Cumulative;

/// `to` is at least `from` plus the lag, when the condition holds.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: Side,
    to: Side,
    lag: i32,
    when: Lit,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    to: Side,
    lag: i32,
    edge: u32,
    when: Lit,
}

/// The condition of an edge that has none.
pub(super) const ALWAYS: Lit = Lit { side: NONE, least: 0 };

/// The sum of the sides is at most `most`.
#[derive(Debug, Clone)]
struct Sum {
    sides: Vec<Side>,
    most: i64,
}

/// How propagation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// All conclusions are drawn.
    All,
    /// They contradict each other; the conflict is set.
    Contradiction,
    /// There are more, but it is time to ask whether to go on.
    Paused,
}

/// Work after which propagation pauses: well under a millisecond.
const PAUSE: u64 = 40_000;

/// Everything known of a problem, and what follows from the decisions taken so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Engine {
    pub(super) bounds: Bounds,
    pub(super) clauses: Clauses,
    edges: Vec<Edge>,
    out: Vec<Vec<Out>>,
    /// Edges that a side makes true, by that side.
    made_true: Vec<Vec<u32>>,
    sums: Vec<Sum>,
    sums_of: Vec<Vec<u32>>,
    waiting_sums: Vec<u32>,
    is_waiting: Vec<bool>,
    pub(super) cumulatives: Vec<Cumulative>,
    /// By variable: resource and task whose place depends on it.
    pub(super) tasks_of: Vec<Vec<(u32, u32)>>,
    pub(super) moved: Vec<u32>,
    is_moved: Vec<bool>,
    next: usize,
    /// Statements that hold together though they must not; set when propagation fails.
    pub(super) conflict: Vec<Lit>,
    /// By variable, the value it last had.
    pub(super) last_value: Vec<i32>,
    /// Elementary operations done, as a measure of time that is the same everywhere.
    pub(super) work: u64,
}

impl Engine {
    pub(super) fn add_variable(&mut self, least: i32, most: i32) -> u32 {
        self.clauses.add_variable();
        self.out.extend([Vec::new(), Vec::new()]);
        self.made_true.extend([Vec::new(), Vec::new()]);
        self.sums_of.extend([Vec::new(), Vec::new()]);
        self.tasks_of.push(Vec::new());
        self.is_moved.push(false);
        self.last_value.push(least);
        self.bounds.add_variable(least, most)
    }

    /// `to` is at least `from` plus `lag` when `when` holds; both directions are kept.
    pub(super) fn add_edge(&mut self, from: Side, to: Side, lag: i32, when: Lit) {
        for (from, to) in [(from, to), (to ^ 1, from ^ 1)] {
            let edge = self.edges.len() as u32;
            self.edges.push(Edge { from, to, lag, when });
            self.out[from as usize].push(Out { to, lag, edge, when });
            if when != ALWAYS {
                self.made_true[when.side as usize].push(edge);
            }
        }
    }

    /// Adds an edge above level zero and draws its first conclusions; false when it cannot hold.
    pub(super) fn post_edge(&mut self, from: Side, to: Side, lag: i32) -> bool {
        let edge = self.edges.len() as u32;
        self.add_edge(from, to, lag, ALWAYS);
        let (forward, backward) = (self.bounds.least(from) + lag, self.bounds.least(to ^ 1) + lag);
        self.set(Lit::new(to, forward), Reason::Edge(edge))
            && self.set(Lit::new(from ^ 1, backward), Reason::Edge(edge + 1))
    }

    pub(super) fn edges(&self) -> usize {
        self.edges.len()
    }

    /// Forgets the edges, all of them without condition, that were added last.
    pub(super) fn truncate_edges(&mut self, count: usize) {
        while self.edges.len() > count {
            if let Some(edge) = self.edges.pop() {
                self.out[edge.from as usize].pop();
            }
        }
    }

    pub(super) fn add_sum(&mut self, sides: Vec<Side>, most: i64) {
        let sum = self.sums.len() as u32;
        sides.iter().for_each(|side| self.sums_of[*side as usize].push(sum));
        self.sums.push(Sum { sides, most });
        self.is_waiting.push(true);
        self.waiting_sums.push(sum);
    }

    /// Adds a clause of the problem at level zero; false when none of its statements can hold.
    pub(super) fn add_clause(&mut self, lits: &[Lit]) -> bool {
        if lits.iter().any(|lit| self.bounds.holds(*lit)) {
            return true;
        }
        let possible: Vec<Lit> = lits.iter().copied().filter(|lit| !self.bounds.fails(*lit)).collect();
        match possible[..] {
            [] => return false,
            [only] => self.bounds.push(only, Reason::Decision),
            _ => _ = self.clauses.add(&possible, 0),
        }
        true
    }

    pub(super) fn mark_moved(&mut self, variable: u32) {
        if !self.is_moved[variable as usize] && !self.tasks_of[variable as usize].is_empty() {
            self.is_moved[variable as usize] = true;
            self.moved.push(variable);
        }
    }

    pub(super) fn take_moved(&mut self) -> Vec<u32> {
        let moved = std::mem::take(&mut self.moved);
        moved.iter().for_each(|variable| self.is_moved[*variable as usize] = false);
        moved
    }

    /// Makes a statement hold. False when it cannot; then the conflict is set.
    pub(super) fn set(&mut self, lit: Lit, reason: Reason) -> bool {
        if self.bounds.holds(lit) {
            return true;
        }
        if self.bounds.fails(lit) {
            let mut conflict = std::mem::take(&mut self.conflict);
            conflict.clear();
            self.explain(lit, reason, &mut conflict);
            conflict.push(lit.not());
            self.conflict = conflict;
            return false;
        }
        self.bounds.push(lit, reason);
        true
    }

    /// Adds the statements from which a statement followed for a reason.
    pub(super) fn explain(&self, lit: Lit, reason: Reason, out: &mut Vec<Lit>) {
        match reason {
            Reason::Decision => {}
            Reason::Edge(edge) => {
                let edge = &self.edges[edge as usize];
                out.push(Lit::new(edge.from, lit.least - edge.lag));
                if edge.when != ALWAYS {
                    out.push(edge.when);
                }
            }
            Reason::Clause(clause) => others_fail(self.clauses.of(clause), lit.side, out),
            Reason::Said(from, count) => out.extend_from_slice(self.bounds.said(from, count)),
        }
    }

    /// Goes back to a level, keeping the bounds of it; all conclusions of that level were drawn.
    pub(super) fn back_to(&mut self, level: u32) {
        if level >= self.bounds.level() {
            return;
        }
        while let Some(change) = self.bounds.pop_above(level) {
            let variable = change.side / 2;
            if change.new == self.bounds.most(change.side) {
                let value = if change.side.is_multiple_of(2) { change.new } else { -change.new };
                self.last_value[variable as usize] = value;
            }
            self.mark_moved(variable);
        }
        self.next = self.next.min(self.bounds.trail.len());
        // What resources hold is taken back at once: a later growth must be seen as one.
        self.shrink_resources();
    }

    /// At level zero: what holds, holds for good.
    pub(super) fn settle(&mut self) {
        self.bounds.settle();
        self.next = 0;
    }

    /// Draws conclusions.
    pub(super) fn propagate(&mut self) -> Conclusion {
        let pause = self.work + PAUSE;
        while self.work < pause {
            let goes_on = if self.next < self.bounds.trail.len() {
                self.follow_change()
            } else if let Some(sum) = self.waiting_sums.pop() {
                self.is_waiting[sum as usize] = false;
                self.follow_sum(sum as usize)
            } else if !self.moved.is_empty() {
                self.follow_resources()
            } else {
                return Conclusion::All;
            };
            if !goes_on {
                return Conclusion::Contradiction;
            }
        }
        Conclusion::Paused
    }

    fn follow_change(&mut self) -> bool {
        let change = self.bounds.trail[self.next];
        self.next += 1;
        self.mark_moved(change.side / 2);
        for sum in &self.sums_of[change.side as usize] {
            if !self.is_waiting[*sum as usize] {
                self.is_waiting[*sum as usize] = true;
                self.waiting_sums.push(*sum);
            }
        }
        // An older change of a side says nothing by edges that the newer one does not.
        self.follow_clauses(change.side, change.old, change.new)
            && (self.bounds.least(change.side) != change.new || self.follow_edges(change.side))
    }

    fn follow_clauses(&mut self, side: Side, old: i32, new: i32) -> bool {
        self.work += self.clauses.watching(side) as u64;
        let mut row = 0;
        loop {
            let (outcome, next) = self.clauses.visit(&self.bounds, side, old, new, row);
            row = next;
            match outcome {
                Outcome::Nothing => return true,
                Outcome::Forced(lit, clause) => self.bounds.push(lit, Reason::Clause(clause)),
                Outcome::Broken(clause) => {
                    self.conflict.clear();
                    self.conflict.extend(self.clauses.of(clause).iter().map(|lit| lit.not()));
                    return false;
                }
            }
        }
    }

    fn follow_edges(&mut self, side: Side) -> bool {
        let least = self.bounds.least(side);
        self.work += 2 + self.out[side as usize].len() as u64;
        for row in 0..self.out[side as usize].len() {
            let Out { to, lag, edge, when } = self.out[side as usize][row];
            let forced = Lit::new(to, least + lag);
            if when != ALWAYS && !self.bounds.holds(when) {
                if !self.bounds.fails(when) && self.bounds.fails(forced) {
                    let reason = self.bounds.say(&[Lit::new(side, least), forced.not()]);
                    self.bounds.push(when.not(), reason);
                }
            } else if !self.bounds.holds(forced) && !self.set(forced, Reason::Edge(edge)) {
                return false;
            }
        }
        for row in 0..self.made_true[side as usize].len() {
            let number = self.made_true[side as usize][row];
            let Edge { from, to, lag, when } = self.edges[number as usize];
            let forced = Lit::new(to, self.bounds.least(from) + lag);
            if self.bounds.holds(when) && !self.set(forced, Reason::Edge(number)) {
                return false;
            }
        }
        true
    }

    fn follow_sum(&mut self, sum: usize) -> bool {
        let Sum { sides, most } = &self.sums[sum];
        self.work += 2 * sides.len() as u64;
        let least: i64 = sides.iter().map(|side| i64::from(self.bounds.least(*side))).sum();
        let over = least - most;
        if over > 0 {
            self.conflict.clear();
            self.conflict.extend(sides.iter().map(|side| Lit::new(*side, self.bounds.least(*side))));
            return false;
        }
        for row in 0..self.sums[sum].sides.len() {
            let side = self.sums[sum].sides[row];
            let forced = over - i64::from(self.bounds.least(side));
            // Nothing is ever as far away as what does not fit.
            let Ok(forced) = i32::try_from(forced) else { continue };
            let forced = Lit::new(side ^ 1, forced);
            if !self.bounds.holds(forced) {
                let others = self.sums[sum].sides.iter().filter(|other| **other != side);
                let lits: Vec<Lit> = others.map(|other| Lit::new(*other, self.bounds.least(*other))).collect();
                let reason = self.bounds.say(&lits);
                if !self.set(forced, reason) {
                    return false;
                }
            }
        }
        true
    }
}
