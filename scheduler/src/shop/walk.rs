//! Tabu search from one plan: step after step to the best neighbour that does not undo what was
//! done lately, even when it is worse.
//!
//! It knows nothing of other plans; where to begin and when to give up is decided elsewhere.
#![expect(clippy::indexing_slicing, reason = "operations, modes and machines are numbered by the shop itself")]

use fastrand::Rng;

use super::graph::{Graph, Order};
use super::insertion::{Evaluation, Insertion};
use super::model::Shop;

/// Slots of the table of forbidden orders at most; beyond, different pairs share a slot.
const ORDERS_MAX: usize = 1 << 20;

/// Steps that something stays forbidden at least; longer where machines have long lines.
const TENURE_MIN: u64 = 8;

/// Operations of a longest path looked at per step, so that a step in a very large shop is short too.
const LOOKED_AT_MAX: usize = 100;

/// A walk through plans of one shop.
pub(super) struct Walk<'s> {
    graph: Graph<'s>,
    evaluation: Evaluation,
    rng: Rng,
    now: u64,
    /// Until when an operation may not get into a mode again, per mode of the shop.
    mode_until: Vec<u64>,
    mode_from: Vec<usize>,
    /// Until when one operation may not come before another on a machine, per pair.
    order_until: Vec<u64>,
    path: Vec<u32>,
    line: Vec<u32>,
    /// The best plan since the walk began.
    pub(super) best: Order,
    /// Steps since then.
    pub(super) idle: u64,
    tenure: u64,
}

impl<'s> Walk<'s> {
    pub(super) fn new(shop: &'s Shop, start: &Order, seed: u64) -> Self {
        let count = shop.operations();
        let mut mode_from = vec![0];
        for operation in 0..count {
            mode_from.push(mode_from[operation] + shop.modes(operation).len());
        }
        let mut walk = Self {
            graph: Graph::new(shop, start),
            evaluation: Evaluation::default(),
            rng: Rng::with_seed(seed),
            now: 0,
            mode_until: vec![0; mode_from[count]],
            mode_from,
            order_until: vec![0; count.saturating_mul(count).next_power_of_two().min(ORDERS_MAX)],
            path: Vec::new(),
            line: Vec::new(),
            best: start.clone(),
            idle: 0,
            tenure: TENURE_MIN + count as u64 / shop.machines().max(1) as u64 / 4,
        };
        walk.begin(start);
        walk
    }

    /// Goes to another plan and forgets what is forbidden.
    pub(super) fn begin(&mut self, start: &Order) {
        self.graph.load(start);
        self.settle();
    }

    /// Counts anew from where the graph is.
    fn settle(&mut self) {
        // Whatever was forbidden is so no longer.
        self.now += 10 * self.tenure;
        self.graph.store(&mut self.best);
        self.idle = 0;
        self.evaluation.follow(&self.graph);
    }

    /// Goes to another plan and from there some moves at random, whether or not they touch a longest path.
    pub(super) fn begin_near(&mut self, start: &Order, moves: usize) {
        self.graph.load(start);
        for _ in 0..moves {
            self.evaluation.follow(&self.graph);
            let operation = self.rng.u32(..self.graph.none());
            let (mut chosen, mut seen) = (None, 0);
            let Self { graph, evaluation, rng, .. } = self;
            evaluation.visit(graph, operation, |insertion| {
                seen += 1;
                if rng.usize(..seen) == 0 {
                    chosen = Some(insertion);
                }
            });
            if let Some(Insertion { operation, mode, place, .. }) = chosen {
                self.graph.put(operation, mode, place as usize);
            }
        }
        self.settle();
    }

    /// One move; false when there is none.
    pub(super) fn step(&mut self) -> bool {
        self.now += 1;
        self.idle += 1;
        let Some(chosen) = self.choose() else { return false };
        self.forbid(chosen);
        self.graph.put(chosen.operation, chosen.mode, chosen.place as usize);
        self.evaluation.follow(&self.graph);
        if self.graph.makespan < self.best.makespan {
            self.graph.store(&mut self.best);
            self.idle = 0;
        }
        true
    }

    /// The move with the lowest estimate that is allowed, or any when all are forbidden.
    fn choose(&mut self) -> Option<Insertion> {
        self.draw_path();
        if self.path.len() > LOOKED_AT_MAX {
            let from = self.rng.usize(..=self.path.len() - LOOKED_AT_MAX);
            self.path.drain(..from);
            self.path.truncate(LOOKED_AT_MAX);
        }
        let mut best: Option<Insertion> = None;
        let (mut equals, mut all) = (0, 0);
        let mut any = None;
        let path = std::mem::take(&mut self.path);
        let Self { graph, evaluation, rng, now, mode_until, mode_from, order_until, line, best: found, .. } = self;
        let slots = order_until.len();
        let record = found.makespan;
        for &operation in &path {
            let own = (graph.mode[operation as usize], graph.place[operation as usize] as usize);
            line.clone_from(&graph.lines[graph.machine[operation as usize] as usize]);
            evaluation.visit(graph, operation, |insertion| {
                all += 1;
                if rng.usize(..all) == 0 {
                    any = Some(insertion);
                }
                let known = best.map_or(i64::MAX, |best| best.estimate);
                if insertion.estimate > known {
                    return;
                }
                if insertion.estimate >= record {
                    let forbidden = if insertion.mode == own.0 {
                        passed(line, own.1, insertion.place as usize)
                            .any(|(other, ahead)| order_until[pair(slots, line_pair(operation, other, ahead))] > *now)
                    } else {
                        mode_until[mode_from[operation as usize] + insertion.mode as usize] > *now
                    };
                    if forbidden {
                        return;
                    }
                }
                equals = if insertion.estimate < known { 1 } else { equals + 1 };
                if rng.usize(..equals) == 0 {
                    best = Some(insertion);
                }
            });
        }
        self.path = path;
        best.or(any)
    }

    /// Forbids for a while what would undo a move.
    fn forbid(&mut self, chosen: Insertion) {
        let until = self.now + self.tenure + self.rng.u64(..=self.tenure / 2);
        let row = chosen.operation as usize;
        if chosen.mode == self.graph.mode[row] {
            let line = &self.graph.lines[self.graph.machine[row] as usize];
            let slots = self.order_until.len();
            for (other, ahead) in passed(line, self.graph.place[row] as usize, chosen.place as usize) {
                let (earlier, later) = line_pair(chosen.operation, other, !ahead);
                self.order_until[pair(slots, (earlier, later))] = until;
            }
        } else {
            self.mode_until[self.mode_from[row] + self.graph.mode[row] as usize] = until;
        }
    }

    /// Draws one longest path, from its last operation to its first.
    fn draw_path(&mut self) {
        let graph = &self.graph;
        let none = graph.none();
        self.path.clear();
        let mut ends = 0;
        let mut at = none;
        for (row, end) in graph.end.iter().enumerate().take(none as usize) {
            if *end == graph.makespan {
                ends += 1;
                if self.rng.usize(..ends) == 0 {
                    at = row as u32;
                }
            }
        }
        while at != none {
            self.path.push(at);
            let node = graph.nodes[at as usize];
            let head = graph.head[at as usize];
            let by_job = node.job_before != none && graph.end[node.job_before as usize] == head;
            let by_machine = node.before != none && graph.end[node.before as usize] + node.setup == head;
            at = match (by_job, by_machine) {
                (true, true) if self.rng.bool() => node.before,
                (true, _) => node.job_before,
                (false, true) => node.before,
                (false, false) => none,
            };
        }
    }
}

/// The operations that one passes when it moves along its line, and whether it is ahead of them after.
fn passed(line: &[u32], from: usize, to: usize) -> impl Iterator<Item = (u32, bool)> + '_ {
    let ahead = to < from;
    let range = if ahead { to..from } else { from + 1..to + 1 };
    line[range].iter().map(move |other| (*other, ahead))
}

/// Earlier and later of a pair.
fn line_pair(operation: u32, other: u32, ahead: bool) -> (u32, u32) {
    if ahead { (operation, other) } else { (other, operation) }
}

/// Slot of an ordered pair in a table whose size is a power of two.
fn pair(slots: usize, (earlier, later): (u32, u32)) -> usize {
    let mixed = (u64::from(earlier) << 32 | u64::from(later)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize & (slots - 1)
}
