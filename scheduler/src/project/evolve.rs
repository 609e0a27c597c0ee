//! Plans of projects with plain precedence by breeding orders of activities: two good orders are
//! mixed, the child is planned early, pushed late and pulled early again. Proves nothing, and knows
//! nothing of maximum lags or modes.
#![expect(clippy::indexing_slicing, reason = "positions of a sound project")]

use fastrand::Rng;

use super::model::{LagFrom, Project, ProjectPlan};

/// Orders kept.
const POPULATION: usize = 40;
/// Children without a better plan after which all orders but the best are drawn anew.
const PATIENCE: usize = 3000;
/// Larger tables of what is in use, by resource and time, take too long to clear.
const TABLE_MAX: usize = 1 << 16;

/// A project in which activities only wait for the ends of others.
#[derive(Debug, Clone)]
struct Plain {
    lengths: Vec<i32>,
    units: Vec<Vec<(usize, i64)>>,
    capacities: Vec<i64>,
    before: Vec<Vec<(usize, i32)>>,
    after: Vec<Vec<(usize, i32)>>,
    /// Position of each activity in one order that agrees with all lags.
    rank: Vec<usize>,
    horizon: usize,
}

/// A population of orders.
#[derive(Debug, Clone)]
pub(super) struct Evolution {
    plain: Plain,
    /// Ends and orders.
    kept: Vec<(i32, Vec<usize>)>,
    used: Vec<i64>,
    idle: usize,
}

impl Plain {
    fn of(project: &Project) -> Option<Self> {
        let spec = project.spec();
        let count = spec.activities.len();
        let is_plain = spec.activities.iter().all(|activity| activity.modes.len() == 1)
            && spec.lags.iter().all(|lag| lag.after == LagFrom::End && lag.least >= 0);
        let table = (project.horizon() as usize + 1).saturating_mul(spec.renewable.len());
        if !is_plain || table > TABLE_MAX || count < 2 {
            return None;
        }
        let modes: Vec<_> = spec.activities.iter().map(|activity| &activity.modes[0]).collect();
        let (mut before, mut after) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for lag in &spec.lags {
            before[lag.to].push((lag.from, lag.least as i32));
            after[lag.from].push((lag.to, lag.least as i32));
        }
        let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..count).filter(|row| waits[*row] == 0).collect();
        let mut at = 0;
        while let Some(row) = order.get(at).copied() {
            at += 1;
            for (next, _) in &after[row] {
                waits[*next] -= 1;
                if waits[*next] == 0 {
                    order.push(*next);
                }
            }
        }
        if order.len() < count {
            return None;
        }
        let mut rank = vec![0; count];
        order.iter().enumerate().for_each(|(at, row)| rank[*row] = at);
        let units = modes.iter().map(|mode| {
            let needed = mode.renewable.iter().map(|units| i64::from(*units)).enumerate();
            needed.filter(|(_, units)| *units > 0).collect()
        });
        Some(Self {
            lengths: modes.iter().map(|mode| mode.duration as i32).collect(),
            units: units.collect(),
            capacities: spec.renewable.iter().map(|capacity| i64::from(*capacity)).collect(),
            before,
            after,
            rank,
            horizon: project.horizon() as usize + 1,
        })
    }

    /// Starts each activity as early as it can, in an order that agrees with the lags; with time
    /// reversed when `late`. Gives the starts and the end of all.
    fn place(&self, order: &[usize], late: bool, used: &mut [i64], work: &mut u64) -> (Vec<i32>, i32) {
        used.fill(0);
        *work += used.len() as u64 / 8;
        let lags = if late { &self.after } else { &self.before };
        let mut starts = vec![0; self.lengths.len()];
        let mut end = 0;
        for row in order {
            let length = self.lengths[*row];
            let earliest = lags[*row].iter().map(|(other, lag)| starts[*other] + self.lengths[*other] + lag).max();
            let mut start = earliest.unwrap_or(0);
            // No resource is in use from the horizon on, so there is always a place.
            while let Some(clash) = self.clash(*row, start, used, work) {
                start = clash + 1;
            }
            for (resource, units) in &self.units[*row] {
                let from = resource * self.horizon + start as usize;
                used[from..from + length as usize].iter_mut().for_each(|in_use| *in_use += units);
            }
            starts[*row] = start;
            end = end.max(start + length);
        }
        (starts, end)
    }

    /// The last time at which an activity that starts then finds too little.
    fn clash(&self, row: usize, start: i32, used: &[i64], work: &mut u64) -> Option<i32> {
        let length = self.lengths[row] as usize;
        let mut last = None;
        for (resource, units) in &self.units[row] {
            let from = resource * self.horizon + start as usize;
            let room = self.capacities[*resource] - units;
            *work += length as u64;
            let clash = used[from..from + length].iter().rposition(|in_use| *in_use > room);
            last = last.max(clash);
        }
        last.map(|at| start + at as i32)
    }

    /// Plans an order early, then late, then early again; the best of it, as the order of its starts.
    fn settle(&self, order: &[usize], used: &mut [i64], work: &mut u64) -> (i32, Vec<usize>, Vec<i32>) {
        let (starts, end) = self.place(order, false, used, work);
        let mut back: Vec<usize> = (0..starts.len()).collect();
        back.sort_by_key(|row| {
            (std::cmp::Reverse(starts[*row] + self.lengths[*row]), std::cmp::Reverse(self.rank[*row]))
        });
        let (late, _) = self.place(&back, true, used, work);
        let mut forth = back;
        forth.sort_by_key(|row| (std::cmp::Reverse(late[*row] + self.lengths[*row]), self.rank[*row]));
        let (again, end_again) = self.place(&forth, false, used, work);
        let (starts, end) = if end_again <= end { (again, end_again) } else { (starts, end) };
        let mut order = forth;
        order.sort_by_key(|row| (starts[*row], self.rank[*row]));
        (end, order, starts)
    }

    fn random(&self, rng: &mut Rng) -> Vec<usize> {
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut ready: Vec<usize> = (0..waits.len()).filter(|row| waits[*row] == 0).collect();
        let mut order = Vec::with_capacity(waits.len());
        while !ready.is_empty() {
            let row = ready.swap_remove(rng.usize(0..ready.len()));
            order.push(row);
            for (next, _) in &self.after[row] {
                waits[*next] -= 1;
                if waits[*next] == 0 {
                    ready.push(*next);
                }
            }
        }
        order
    }
}

impl Evolution {
    /// None when the project is not one of plain precedence.
    pub(super) fn of(project: &Project) -> Option<Self> {
        let plain = Plain::of(project)?;
        let used = vec![0; plain.horizon * plain.capacities.len()];
        Some(Self { plain, kept: Vec::new(), used, idle: 0 })
    }

    /// Takes in a plan from elsewhere.
    pub(super) fn learn(&mut self, plan: &ProjectPlan, end: i32) {
        let mut order: Vec<usize> = (0..plan.starts.len()).collect();
        order.sort_by_key(|row| (plan.starts[*row], self.plain.rank[*row]));
        self.keep(end, order);
    }

    /// Plans one more child; the plan when it ends earlier than `end`.
    pub(super) fn breed(&mut self, end: i32, rng: &mut Rng, work: &mut u64) -> Option<(i32, ProjectPlan)> {
        if self.idle > PATIENCE {
            self.idle = 0;
            self.kept.truncate(1);
        }
        let order = if self.kept.len() < POPULATION { self.plain.random(rng) } else { self.mix(rng) };
        *work += 4 * order.len() as u64;
        let (found, order, starts) = self.plain.settle(&order, &mut self.used, work);
        self.idle += 1;
        self.keep(found, order);
        (found < end).then(|| {
            self.idle = 0;
            let modes = vec![0; starts.len()];
            (found, ProjectPlan { starts: starts.into_iter().map(Into::into).collect(), modes })
        })
    }

    fn keep(&mut self, end: i32, order: Vec<usize>) {
        let at = self.kept.partition_point(|(other, _)| *other < end);
        let same = self.kept[at..].iter().take_while(|(other, _)| *other == end);
        if at < POPULATION && !same.into_iter().any(|(_, other)| *other == order) {
            self.kept.insert(at, (end, order));
            self.kept.truncate(POPULATION);
        }
    }

    /// The better of two drawn, twice: the child has the beginning and end of one, the middle in
    /// the order of the other, and a few neighbours swapped.
    fn mix(&self, rng: &mut Rng) -> Vec<usize> {
        let count = self.kept.len();
        let draw = |rng: &mut Rng| rng.usize(0..count).min(rng.usize(0..count));
        let (mother, father) = (&self.kept[draw(rng)].1, &self.kept[draw(rng)].1);
        let length = mother.len();
        let (one, two) = (rng.usize(0..=length), rng.usize(0..=length));
        let (from, to) = (one.min(two), one.max(two));
        let mut is_in = vec![false; length];
        let mut child = Vec::with_capacity(length);
        for (parent, until) in [(mother, from), (father, to), (mother, length)] {
            for row in parent {
                if child.len() < until && !is_in[*row] {
                    is_in[*row] = true;
                    child.push(*row);
                }
            }
        }
        for at in 1..length {
            if rng.u32(0..20) == 0 && !self.plain.before[child[at]].iter().any(|(other, _)| *other == child[at - 1]) {
                child.swap(at - 1, at);
            }
        }
        child
    }
}
