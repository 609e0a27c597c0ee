//! The disjunctive graph of one plan: who comes before whom in job and machine, and the longest
//! paths to (head) and from (tail) every operation.
//!
//! It is kept exact after every change and knows nothing of what makes a change worth while.
#![expect(clippy::indexing_slicing, reason = "operations, modes and machines are numbered by the shop itself")]

use super::model::Shop;
use super::plan::ShopPlan;

/// One operation with its neighbours. `Graph::none` stands for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    pub(super) job_before: u32,
    pub(super) job_after: u32,
    pub(super) before: u32,
    pub(super) after: u32,
    pub(super) duration: i64,
    /// Set-up time between `before` and this operation.
    pub(super) setup: i64,
}

/// A plan without times: a machine per operation and one order of all operations that agrees with
/// every job; on each machine the operations run in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Per operation the row among its modes.
    pub(super) mode: Vec<u32>,
    /// Per operation its position in the order.
    pub(super) rank: Vec<u32>,
    pub(super) makespan: i64,
}

/// The graph of one plan. All tables of times have a row for nobody, where everything is 0.
#[derive(Debug, Clone)]
pub(super) struct Graph<'s> {
    pub(super) shop: &'s Shop,
    pub(super) nodes: Vec<Node>,
    /// Per operation the row among its modes, and that mode's machine.
    pub(super) mode: Vec<u32>,
    pub(super) machine: Vec<u32>,
    /// Per machine its operations in order, and per operation its place there.
    pub(super) lines: Vec<Vec<u32>>,
    pub(super) place: Vec<u32>,
    /// Longest path to the start of an operation, and to its end.
    pub(super) head: Vec<i64>,
    pub(super) end: Vec<i64>,
    /// Longest path from the end of an operation, and from its start.
    pub(super) tail: Vec<i64>,
    pub(super) rest: Vec<i64>,
    /// All operations by head, every one after those it waits for; and each one's position.
    pub(super) order: Vec<u32>,
    pub(super) position: Vec<u32>,
    pub(super) makespan: i64,
    /// Memory of `reorder`: who waits for the moved operation, and those of the order.
    waits: Vec<bool>,
    later: Vec<u32>,
}

impl<'s> Graph<'s> {
    /// The graph of an order.
    pub(super) fn new(shop: &'s Shop, order: &Order) -> Self {
        let count = shop.operations();
        let mut graph = Self {
            shop,
            nodes: vec![Node::default(); count + 1],
            mode: vec![0; count],
            machine: vec![0; count],
            lines: vec![Vec::new(); shop.machines()],
            place: vec![0; count],
            head: vec![0; count + 1],
            end: vec![0; count + 1],
            tail: vec![0; count + 1],
            rest: vec![0; count + 1],
            order: Vec::with_capacity(count),
            position: vec![0; count],
            makespan: 0,
            waits: vec![false; count + 1],
            later: Vec::new(),
        };
        let none = count as u32;
        graph.nodes[count] =
            Node { job_before: none, job_after: none, before: none, after: none, duration: 0, setup: 0 };
        for job in shop.jobs() {
            for operation in job.clone() {
                let node = &mut graph.nodes[operation];
                node.job_before = if operation > job.start { operation as u32 - 1 } else { none };
                node.job_after = if operation + 1 < job.end { operation as u32 + 1 } else { none };
            }
        }
        graph.load(order);
        graph
    }

    /// Nobody: the row after the last operation.
    pub(super) fn none(&self) -> u32 {
        self.mode.len() as u32
    }

    /// Set-up time between neighbours, 0 when one is nobody.
    #[inline]
    pub(super) fn setup(&self, machine: usize, earlier: u32, later: u32) -> i64 {
        self.shop.setup(machine, earlier as usize, later as usize)
    }

    /// Becomes the graph of another order of the same shop.
    pub(super) fn load(&mut self, order: &Order) {
        self.mode.copy_from_slice(&order.mode);
        self.order.clear();
        self.order.extend(0..self.none());
        self.order.sort_unstable_by_key(|operation| order.rank[*operation as usize]);
        self.lines.iter_mut().for_each(Vec::clear);
        for &operation in &self.order {
            let row = operation as usize;
            let mode = self.shop.modes(row)[self.mode[row] as usize];
            self.machine[row] = mode.machine as u32;
            self.nodes[row].duration = mode.duration;
            self.lines[mode.machine].push(operation);
        }
        for machine in 0..self.lines.len() {
            self.link_line(machine, 0);
        }
        self.time(0);
    }

    /// Writes down the plan as an order.
    pub(super) fn store(&self, order: &mut Order) {
        order.mode.clone_from(&self.mode);
        order.rank.clone_from(&self.position);
        order.makespan = self.makespan;
    }

    /// The plan with its times.
    pub(super) fn plan(&self) -> ShopPlan {
        ShopPlan {
            lines: self.lines.iter().map(|line| line.iter().map(|operation| *operation as usize).collect()).collect(),
            starts: self.head[..self.mode.len()].to_vec(),
        }
    }

    /// Takes an operation off its machine and puts it in one of its modes at a place of that mode's
    /// machine, counted without it. The caller knows that no cycle arises.
    pub(super) fn put(&mut self, operation: u32, mode: u32, place: usize) {
        let row = operation as usize;
        let (old, old_place) = (self.machine[row] as usize, self.place[row] as usize);
        self.lines[old].remove(old_place);
        let target = self.shop.modes(row)[mode as usize];
        self.mode[row] = mode;
        self.machine[row] = target.machine as u32;
        self.nodes[row].duration = target.duration;
        self.lines[target.machine].insert(place, operation);
        if old == target.machine {
            self.link_line(old, old_place.min(place));
        } else {
            self.link_line(old, old_place);
            self.link_line(target.machine, place);
        }
        let from = self.reorder(operation);
        self.time(from);
    }

    /// Renews neighbours and places on a machine from a place on, and the link into it.
    fn link_line(&mut self, machine: usize, from: usize) {
        let none = self.none();
        let line = std::mem::take(&mut self.lines[machine]);
        let mut before = if from == 0 { none } else { line[from - 1] };
        for (place, &operation) in line.iter().enumerate().skip(from) {
            let setup = self.setup(machine, before, operation);
            if before != none {
                self.nodes[before as usize].after = operation;
            }
            let node = &mut self.nodes[operation as usize];
            node.before = before;
            node.setup = setup;
            self.place[operation as usize] = place as u32;
            before = operation;
        }
        if before != none {
            self.nodes[before as usize].after = none;
        }
        self.lines[machine] = line;
    }

    /// Brings an operation that was moved behind all it waits for now, and gives the first position
    /// of the order that changed.
    fn reorder(&mut self, operation: u32) -> usize {
        let none = self.none();
        let node = self.nodes[operation as usize];
        let own = self.position[operation as usize] as usize;
        let at = |other: u32| (other != none).then(|| self.position[other as usize] as usize);
        let earliest_after = at(node.after).into_iter().chain(at(node.job_after)).min().unwrap_or(usize::MAX);
        let latest_before = at(node.before).into_iter().chain(at(node.job_before)).max();
        let latest_before = latest_before.unwrap_or(0);
        let (from, to) = (own.min(earliest_after), own.max(latest_before));
        if earliest_after > own && latest_before <= own {
            return own;
        }
        // Whoever waits for the operation comes after it, all others before; among each the order stays.
        self.later.clear();
        let mut next = from;
        for position in from..=to {
            let other = self.order[position];
            if other == operation {
                continue;
            }
            let link = self.nodes[other as usize];
            let waits = |for_whom: u32| for_whom == operation || self.waits[for_whom as usize];
            let later = position >= earliest_after && (waits(link.job_before) || waits(link.before));
            if later {
                self.waits[other as usize] = true;
                self.later.push(other);
            } else {
                self.order[next] = other;
                next += 1;
            }
        }
        self.order[next] = operation;
        for &other in &self.later {
            next += 1;
            self.order[next] = other;
            self.waits[other as usize] = false;
        }
        from
    }

    /// Computes longest paths to all from a position of the order on, sorting by head, and from all.
    fn time(&mut self, from: usize) {
        for at in from..self.order.len() {
            let operation = self.order[at];
            let node = self.nodes[operation as usize];
            let head = self.end[node.job_before as usize].max(self.end[node.before as usize] + node.setup);
            self.head[operation as usize] = head;
            self.end[operation as usize] = head + node.duration;
            // Nobody with a later head is waited for.
            let mut position = at;
            while position > 0 && self.head[self.order[position - 1] as usize] > head {
                self.order[position] = self.order[position - 1];
                self.position[self.order[position] as usize] = position as u32;
                position -= 1;
            }
            self.order[position] = operation;
            self.position[operation as usize] = position as u32;
        }
        self.makespan = 0;
        for &operation in self.order.iter().rev() {
            let node = self.nodes[operation as usize];
            let after = self.nodes[node.after as usize];
            let tail = self.rest[node.job_after as usize].max(self.rest[node.after as usize] + after.setup);
            let rest = tail + node.duration;
            self.tail[operation as usize] = tail;
            self.rest[operation as usize] = rest;
            self.makespan = self.makespan.max(rest);
        }
    }
}
