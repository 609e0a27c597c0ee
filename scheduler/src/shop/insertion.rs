//! All places to which one operation can be moved, each with the longest path that would lead
//! through it there.
//!
//! The estimate is exact for paths through the operation: the paths around it are computed with it
//! taken off its machine, as far as they matter for the places in reach. It is a lower bound of the
//! new makespan, for the paths that go round the operation are not looked at. Places that might
//! close a cycle are left out.
#![expect(clippy::indexing_slicing, reason = "operations, modes and machines are numbered by the shop itself")]

use super::graph::Graph;

/// A place to move an operation to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Insertion {
    pub(super) operation: u32,
    /// Row among the operation's modes.
    pub(super) mode: u32,
    /// Place on that mode's machine, counted without the operation.
    pub(super) place: u32,
    /// Longest path through the operation at that place.
    pub(super) estimate: i64,
}

/// The places in reach on one machine: first and last.
#[derive(Debug, Clone, Copy)]
struct Reach {
    mode: u32,
    first: usize,
    last: usize,
}

/// Memory of the evaluation, kept between calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Evaluation {
    /// Ends and rests with the operation taken off its machine; equal to the graph's between calls.
    end: Vec<i64>,
    rest: Vec<i64>,
    reach: Vec<Reach>,
}

impl Evaluation {
    /// Starts from what the graph is now; to be called after every change of the graph.
    pub(super) fn follow(&mut self, graph: &Graph) {
        self.end.clone_from(&graph.end);
        self.rest.clone_from(&graph.rest);
    }

    /// Shows every place to which an operation can be moved.
    pub(super) fn visit(&mut self, graph: &mut Graph, operation: u32, mut see: impl FnMut(Insertion)) {
        let node = graph.nodes[operation as usize];
        let (first, last) = self.find_reach(graph, operation);
        let position = graph.position[operation as usize] as usize;
        let (none, machine) = (graph.none(), graph.machine[operation as usize] as usize);
        // Off its machine.
        let bridge = graph.setup(machine, node.before, node.after);
        let setup_after = graph.nodes[node.after as usize].setup;
        if node.before != none {
            graph.nodes[node.before as usize].after = node.after;
        }
        if node.after != none {
            graph.nodes[node.after as usize].before = node.before;
            graph.nodes[node.after as usize].setup = bridge;
        }
        self.sweep(graph, operation, first, last);
        for reach in &self.reach {
            let mode = graph.shop.modes(operation as usize)[reach.mode as usize];
            let line = &graph.lines[mode.machine];
            let own = if mode.machine == machine { graph.place[operation as usize] as usize } else { usize::MAX };
            let at = |place: usize| line.get(place + usize::from(place >= own)).copied().unwrap_or(none);
            let mut before = if reach.first == 0 { none } else { at(reach.first - 1) };
            for place in reach.first..=reach.last {
                let after = at(place);
                if place != own {
                    let ready = self.end[before as usize] + graph.setup(mode.machine, before, operation);
                    let rest = self.rest[after as usize] + graph.setup(mode.machine, operation, after);
                    let head = self.end[node.job_before as usize].max(ready);
                    let tail = self.rest[node.job_after as usize].max(rest);
                    let estimate = head + mode.duration + tail;
                    see(Insertion { operation, mode: reach.mode, place: place as u32, estimate });
                }
                before = after;
            }
        }
        // Back again.
        if node.before != none {
            graph.nodes[node.before as usize].after = operation;
        }
        if node.after != none {
            graph.nodes[node.after as usize].before = operation;
            graph.nodes[node.after as usize].setup = setup_after;
        }
        for &other in &graph.order[first.min(position)..=last.max(position)] {
            self.end[other as usize] = graph.end[other as usize];
            self.rest[other as usize] = graph.rest[other as usize];
        }
    }

    /// Longest paths without the operation's machine links, between two positions of the order.
    fn sweep(&mut self, graph: &Graph, operation: u32, first: usize, last: usize) {
        let node = graph.nodes[operation as usize];
        let position = graph.position[operation as usize] as usize;
        self.end[operation as usize] = self.end[node.job_before as usize];
        self.rest[operation as usize] = self.rest[node.job_after as usize];
        for &other in graph.order.get(position + 1..=last).unwrap_or_default() {
            let node = graph.nodes[other as usize];
            let head = self.end[node.job_before as usize].max(self.end[node.before as usize] + node.setup);
            self.end[other as usize] = head + node.duration;
        }
        for &other in graph.order.get(first..position).unwrap_or_default().iter().rev() {
            let node = graph.nodes[other as usize];
            let after = graph.nodes[node.after as usize];
            let tail = self.rest[node.job_after as usize].max(self.rest[node.after as usize] + after.setup);
            self.rest[other as usize] = tail + node.duration;
        }
    }

    /// Which places are in reach, and the first and last position in the order whose paths matter.
    ///
    /// No path leads from the operation's job successor to anyone that starts before it ends, and
    /// none to the job predecessor from anyone that ends after it starts. Without set-up times
    /// nothing is gained by going before someone who ends before the job predecessor does, nor by
    /// going after someone whose rest is shorter than the job successor's.
    fn find_reach(&mut self, graph: &Graph, operation: u32) -> (usize, usize) {
        let node = graph.nodes[operation as usize];
        let (before, after) = (node.job_before as usize, node.job_after as usize);
        let none = graph.none() as usize;
        let tight = !graph.shop.has_setups();
        let own_machine = graph.machine[operation as usize] as usize;
        let own = graph.place[operation as usize] as usize;
        let position = graph.position[operation as usize] as usize;
        let (mut first, mut last) = (position, position);
        self.reach.clear();
        for (mode, to) in graph.shop.modes(operation as usize).iter().enumerate() {
            let line = &graph.lines[to.machine];
            let on_it = |other: usize| other != none && graph.machine[other] as usize == to.machine;
            let behind = |least: i64| line.partition_point(|other| graph.end[*other as usize] <= least);
            let mut from = if before == none { 0 } else { behind(graph.head[before]) };
            if on_it(before) {
                from = from.max(graph.place[before] as usize + 1);
            }
            let mut until = line.len();
            if after != none {
                until = line.partition_point(|other| graph.head[*other as usize] < graph.end[after]);
            }
            if on_it(after) {
                until = until.min(graph.place[after] as usize);
            }
            if from > until {
                continue;
            }
            if tight {
                let rest = graph.rest[after];
                let useful_from = behind(graph.end[before]).clamp(from, until);
                let useful_until = line.partition_point(|other| graph.rest[*other as usize] > rest).clamp(from, until);
                (from, until) = (useful_from.min(useful_until), useful_from.max(useful_until));
            }
            if to.machine == own_machine {
                // Places are counted without the operation itself.
                from -= usize::from(from > own);
                until -= usize::from(until > own);
            }
            let skip = |place: usize| place + usize::from(to.machine == own_machine && place >= own);
            if let Some(&other) = line.get(skip(from)) {
                first = first.min(graph.position[other as usize] as usize);
            }
            if until > 0 {
                last = last.max(graph.position[line[skip(until - 1)] as usize] as usize);
            }
            self.reach.push(Reach { mode: mode as u32, first: from, last: until });
        }
        (first, last)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::super::dispatch::{Rule, dispatch};
    use super::super::graph::Order;
    use super::super::model::{Shop, ShopMode, ShopSpec};
    use super::*;

    fn drawn(rng: &mut Rng) -> Shop {
        let machines = rng.usize(1..5);
        let mut jobs = Vec::new();
        for _ in 0..rng.usize(1..6) {
            let mut operation = || {
                let mut machines: Vec<usize> = (0..machines).collect();
                rng.shuffle(&mut machines);
                machines.truncate(rng.usize(1..=machines.len()));
                machines.into_iter().map(|machine| ShopMode { machine, duration: rng.i64(0..9) }).collect()
            };
            jobs.push((0..4).map(|_| operation()).collect::<Vec<Vec<ShopMode>>>());
        }
        let operations: usize = jobs.iter().map(Vec::len).sum();
        let setups =
            if rng.bool() { vec![] } else { (0..machines * operations * operations).map(|_| rng.i64(0..6)).collect() };
        Shop::new(&ShopSpec { machines, jobs, setups }).unwrap()
    }

    /// Longest path through each operation and over all, by relaxing every arc until nothing changes.
    fn paths(graph: &Graph) -> (Vec<i64>, i64) {
        let count = graph.mode.len();
        let mut arcs = Vec::new();
        for job in graph.shop.jobs() {
            arcs.extend(job.clone().skip(1).map(|later| (later - 1, later, 0)));
        }
        for (machine, line) in graph.lines.iter().enumerate() {
            arcs.extend(line.windows(2).map(|pair| {
                (pair[0] as usize, pair[1] as usize, graph.shop.setup(machine, pair[0] as usize, pair[1] as usize))
            }));
        }
        let long = |operation: usize| graph.shop.modes(operation)[graph.mode[operation] as usize].duration;
        let (mut head, mut tail) = (vec![0; count], vec![0; count]);
        for round in 0.. {
            assert!(round <= count, "a cycle");
            let before = (head.clone(), tail.clone());
            for &(earlier, later, setup) in &arcs {
                head[later] = head[later].max(head[earlier] + long(earlier) + setup);
                tail[earlier] = tail[earlier].max(setup + long(later) + tail[later]);
            }
            if before == (head.clone(), tail.clone()) {
                break;
            }
        }
        assert_eq!(head, graph.head[..count]);
        assert_eq!(tail, graph.tail[..count]);
        let through: Vec<i64> =
            (0..count).map(|operation| head[operation] + long(operation) + tail[operation]).collect();
        let makespan = through.iter().copied().max().unwrap_or(0);
        assert_eq!(makespan, graph.makespan);
        (through, makespan)
    }

    fn all(evaluation: &mut Evaluation, graph: &mut Graph) -> Vec<Insertion> {
        let mut found = Vec::new();
        for operation in 0..graph.none() {
            evaluation.visit(graph, operation, |insertion| found.push(insertion));
        }
        found
    }

    proptest! {
        #[test]
        fn every_place_is_free_of_cycles_and_its_estimate_is_the_longest_path_through_it(seed in any::<u64>()) {
            let mut rng = Rng::with_seed(seed);
            let shop = drawn(&mut rng);
            let mut graph = Graph::new(&shop, &dispatch(&shop, Rule::Any, &mut rng));
            let mut evaluation = Evaluation::default();
            for _ in 0..12 {
                paths(&graph);
                evaluation.follow(&graph);
                let found = all(&mut evaluation, &mut graph);
                prop_assert_eq!(&evaluation.end, &graph.end);
                prop_assert_eq!(&evaluation.rest, &graph.rest);
                for insertion in &found {
                    let mut moved = graph.clone();
                    moved.put(insertion.operation, insertion.mode, insertion.place as usize);
                    let (through, makespan) = paths(&moved);
                    prop_assert_eq!(through[insertion.operation as usize], insertion.estimate);
                    prop_assert!(makespan >= insertion.estimate);
                }
                let Some(chosen) = rng.choice(&found) else { break };
                graph.put(chosen.operation, chosen.mode, chosen.place as usize);
            }
        }

        #[test]
        fn an_order_gives_back_the_graph_it_was_stored_from(seed in any::<u64>()) {
            let mut rng = Rng::with_seed(seed);
            let shop = drawn(&mut rng);
            let first = dispatch(&shop, Rule::MostWork, &mut rng);
            let graph = Graph::new(&shop, &first);
            prop_assert_eq!(graph.makespan, first.makespan);
            let mut stored = Order { mode: vec![], rank: vec![], makespan: 0 };
            graph.store(&mut stored);
            let again = Graph::new(&shop, &stored);
            prop_assert_eq!(&again.lines, &graph.lines);
            prop_assert_eq!(again.plan(), graph.plan());
        }
    }
}
