//! A project written as variables, edges, sums and resources of an [`Engine`]. Says what is true of
//! every plan, and nothing of how to look for one.
#![expect(clippy::indexing_slicing, reason = "positions of a sound project")]

use super::bounds::{Lit, NONE};
use super::closure::Closure;
use super::cumulative::Task;
use super::engine::{ALWAYS, Engine};
use super::model::{LagFrom, Project, ProjectActivity, ProjectMode, ProjectPlan};

/// Orders of pairs that are made variables at most.
const ORDERS_MAX: usize = 6_000;

/// The variables of an activity.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) start: u32,
    /// One from 0 to 1 for each mode; none when there is only one mode.
    pub(super) modes: Vec<u32>,
    /// By mode, how much it takes of what is used up, to compare.
    pub(super) takes: Vec<u64>,
    /// How long it takes; none when that does not depend on the mode.
    length: Option<u32>,
    pub(super) shortest: i32,
}

/// Which variables mean what.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) works: Vec<Work>,
    /// When all is over.
    pub(super) end: u32,
    /// What depends on the mode of an activity: the variable, the activity, the value for each mode.
    by_mode: Vec<(u32, usize, Vec<i32>)>,
    /// Variables that are 1 when the first of two activities comes before the second.
    orders: Vec<(u32, usize, usize)>,
    /// Whether some activity cannot be done at all, or a clause fails from the outset.
    pub(super) is_impossible: bool,
}

impl Network {
    pub(super) fn of(project: &Project, closure: Option<&Closure>, engine: &mut Engine) -> Self {
        let spec = project.spec();
        let horizon = project.horizon() as i32;
        let end = engine.add_variable(0, horizon);
        let mut network =
            Self { works: Vec::new(), end, by_mode: Vec::new(), orders: Vec::new(), is_impossible: false };
        for activity in &spec.activities {
            let work = network.add_work(project, activity, engine);
            network.works.push(work);
        }
        for lag in &spec.lags {
            let (from, to) = (&network.works[lag.from], &network.works[lag.to]);
            let least = lag.least as i32;
            match (lag.after, from.length) {
                (LagFrom::Start, _) => engine.add_edge(2 * from.start, 2 * to.start, least, ALWAYS),
                (LagFrom::End, None) => engine.add_edge(2 * from.start, 2 * to.start, least + from.shortest, ALWAYS),
                (LagFrom::End, Some(length)) => {
                    engine.add_edge(2 * from.start, 2 * to.start, least + from.shortest, ALWAYS);
                    engine.add_sum(vec![2 * from.start, 2 * length, 2 * to.start + 1], -i64::from(least));
                }
            }
        }
        if let Some(closure) = closure {
            for (from, to, lag) in &closure.ordered {
                engine.add_edge(2 * network.works[*from].start, 2 * network.works[*to].start, *lag, ALWAYS);
            }
        }
        network.add_resources(project, engine);
        network
    }

    /// Makes the order of each pair that cannot run at the same time a variable of its own, unless
    /// there are too many to be worth their while.
    pub(super) fn add_orders(&mut self, closure: &Closure, engine: &mut Engine) {
        if closure.open.len() > ORDERS_MAX {
            return;
        }
        for (one, two) in &closure.open {
            let (before, after) = (&self.works[*one], &self.works[*two]);
            let first = engine.add_variable(0, 1);
            engine.add_edge(2 * before.start, 2 * after.start, before.shortest, Lit::new(2 * first, 1));
            engine.add_edge(2 * after.start, 2 * before.start, after.shortest, Lit::new(2 * first + 1, 0));
            self.orders.push((first, *one, *two));
        }
    }

    fn add_work(&mut self, project: &Project, activity: &ProjectActivity, engine: &mut Engine) -> Work {
        let horizon = project.horizon() as i32;
        let shortest = super::closure::shortest(activity);
        let start = engine.add_variable(0, horizon - shortest);
        let takes = activity.modes.iter().map(|mode| share_taken(project, mode)).collect();
        let mut work = Work { start, modes: Vec::new(), takes, length: None, shortest };
        let is_doable = |row: usize| {
            let units = activity.modes[row].renewable.iter().zip(&project.spec().renewable);
            units.into_iter().all(|(units, capacity)| units <= capacity || activity.modes[row].duration == 0)
        };
        if activity.modes.len() == 1 {
            self.is_impossible |= !is_doable(0);
        } else {
            for row in 0..activity.modes.len() {
                work.modes.push(engine.add_variable(0, i32::from(is_doable(row))));
            }
            let any: Vec<Lit> = work.modes.iter().map(|mode| Lit::new(2 * mode, 1)).collect();
            self.is_impossible |= !engine.add_clause(&any);
            for (row, one) in any.iter().enumerate() {
                for two in &any[row + 1..] {
                    self.is_impossible |= !engine.add_clause(&[one.not(), two.not()]);
                }
            }
            let lengths: Vec<i32> = activity.modes.iter().map(|mode| mode.duration as i32).collect();
            work.length = by_mode(engine, &work.modes, &lengths);
            self.by_mode.extend(work.length.map(|length| (length, self.works.len(), lengths)));
        }
        match work.length {
            Some(length) => engine.add_sum(vec![2 * start, 2 * length, 2 * self.end + 1], 0),
            None => engine.add_edge(2 * start, 2 * self.end, shortest, ALWAYS),
        }
        work
    }

    fn add_resources(&mut self, project: &Project, engine: &mut Engine) {
        let spec = project.spec();
        for (resource, capacity) in spec.renewable.iter().enumerate() {
            let mut tasks = Vec::new();
            for (work, activity) in self.works.iter().zip(&spec.activities) {
                for (row, mode) in activity.modes.iter().enumerate() {
                    let units = mode.renewable[resource];
                    if mode.duration > 0 && units > 0 && units <= *capacity {
                        let present = work.modes.get(row).map_or(NONE, |mode| 2 * mode);
                        let (duration, units) = (mode.duration as i32, i64::from(units));
                        tasks.push(Task { start: work.start, duration, units, present });
                    }
                }
            }
            engine.add_cumulative((*capacity).into(), tasks);
        }
        for (resource, stock) in spec.non_renewable.iter().enumerate() {
            let mut sides = Vec::new();
            let mut left = i64::from(*stock);
            for (row, (work, activity)) in self.works.iter().zip(&spec.activities).enumerate() {
                let units: Vec<i32> = activity.modes.iter().map(|mode| mode.non_renewable[resource] as i32).collect();
                match by_mode(engine, &work.modes, &units) {
                    Some(used) => {
                        sides.push(2 * used);
                        self.by_mode.push((used, row, units));
                    }
                    None => left -= i64::from(units[0]),
                }
            }
            self.is_impossible |= left < 0;
            if !sides.is_empty() && left >= 0 {
                engine.add_sum(sides, left);
            }
        }
    }

    /// The plan that the engine's variables hold once all are fixed.
    pub(super) fn plan(&self, engine: &Engine) -> ProjectPlan {
        let value = |variable: u32| engine.bounds.least(2 * variable);
        let mode = |work: &Work| work.modes.iter().position(|mode| value(*mode) == 1).unwrap_or(0);
        ProjectPlan {
            starts: self.works.iter().map(|work| value(work.start).into()).collect(),
            modes: self.works.iter().map(mode).collect(),
        }
    }

    /// The value of every variable in a plan that ends then.
    pub(super) fn values(&self, plan: &ProjectPlan, end: i32, engine: &Engine) -> Vec<i32> {
        let mut values = vec![0; engine.bounds.variables()];
        values[self.end as usize] = end;
        for (row, work) in self.works.iter().enumerate() {
            values[work.start as usize] = plan.starts[row] as i32;
            if let Some(mode) = work.modes.get(plan.modes[row]) {
                values[*mode as usize] = 1;
            }
        }
        for (variable, row, by_mode) in &self.by_mode {
            values[*variable as usize] = by_mode[plan.modes[*row]];
        }
        for (variable, one, two) in &self.orders {
            values[*variable as usize] = i32::from(plan.starts[*one] < plan.starts[*two]);
        }
        values
    }
}

/// Millionths of the stocks that a mode uses up, added over all non-renewable resources.
fn share_taken(project: &Project, mode: &ProjectMode) -> u64 {
    let stocks = project.spec().non_renewable.iter();
    mode.non_renewable
        .iter()
        .zip(stocks)
        .map(|(units, stock)| u64::from(*units) * 1_000_000 / u64::from((*stock).max(1)))
        .sum()
}

/// A variable that has the value of whatever mode is chosen; none when all modes agree.
fn by_mode(engine: &mut Engine, modes: &[u32], values: &[i32]) -> Option<u32> {
    let (least, most) = (*values.iter().min()?, *values.iter().max()?);
    if least == most || modes.len() < 2 {
        return None;
    }
    let variable = engine.add_variable(least, most);
    let (low, high) = (2 * variable, 2 * variable + 1);
    for (mode, value) in modes.iter().zip(values) {
        for bound in [Lit::new(low, *value), Lit::new(high, -value)] {
            if !engine.bounds.holds(bound) {
                engine.add_clause(&[Lit::new(2 * mode + 1, 0), bound]);
            }
        }
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    for value in sorted {
        for (bound, beyond) in [(Lit::new(low, value), value - 1), (Lit::new(high, -value), value + 1)] {
            let passes = |other: i32| if beyond < value { other <= beyond } else { other >= beyond };
            let others = modes.iter().zip(values).filter(|(_, other)| passes(**other));
            let mut clause = vec![bound];
            clause.extend(others.map(|(mode, _)| Lit::new(2 * mode, 1)));
            engine.add_clause(&clause);
        }
    }
    Some(variable)
}
