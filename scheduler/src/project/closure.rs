//! How far apart the starts of any two activities must be at least, by lags alone and by pairs that
//! cannot run at the same time. Everything found here holds in every plan.
#![expect(clippy::indexing_slicing, reason = "the table has a row and a column for each activity")]

use super::model::{LagFrom, Project, ProjectActivity};

/// No distance known.
pub(super) const FREE: i32 = i32::MIN / 4;
/// Larger projects go without the table: it takes the square in memory and the cube in time.
const ACTIVITIES_MAX: usize = 700;

/// Least distances between starts.
#[derive(Debug, Clone)]
pub(super) struct Closure {
    count: usize,
    least: Vec<i32>,
    /// Pairs that had to be put in one order, with the distance that follows.
    pub(super) ordered: Vec<(usize, usize, i32)>,
    /// Pairs that exclude each other and are still open.
    pub(super) open: Vec<(usize, usize)>,
}

/// Why there is no closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoClosure {
    /// The lags contradict each other: the project has no plan.
    Impossible,
    /// Too large, or asked to stop.
    NotTried,
}

pub(super) fn shortest(activity: &ProjectActivity) -> i32 {
    activity.modes.iter().map(|mode| mode.duration as i32).min().unwrap_or(0)
}

impl Closure {
    pub(super) fn of(project: &Project, asked: &dyn Fn() -> bool) -> Result<Self, NoClosure> {
        let spec = project.spec();
        let count = spec.activities.len();
        if count > ACTIVITIES_MAX {
            return Err(NoClosure::NotTried);
        }
        let mut closure = Self { count, least: vec![FREE; count * count], ordered: Vec::new(), open: Vec::new() };
        for row in 0..count {
            closure.least[row * count + row] = 0;
        }
        for lag in &spec.lags {
            let from_end = if lag.after == LagFrom::End { shortest(&spec.activities[lag.from]) } else { 0 };
            let place = &mut closure.least[lag.from * count + lag.to];
            *place = (*place).max(lag.least as i32 + from_end);
        }
        for via in 0..count {
            if asked() {
                return Err(NoClosure::NotTried);
            }
            closure.relax(via);
        }
        closure.is_possible()?;
        closure.order_pairs(project, asked)?;
        Ok(closure)
    }

    pub(super) fn least(&self, from: usize, to: usize) -> i32 {
        self.least[from * self.count + to]
    }

    fn is_possible(&self) -> Result<(), NoClosure> {
        if (0..self.count).any(|row| self.least(row, row) > 0) { Err(NoClosure::Impossible) } else { Ok(()) }
    }

    /// Distances by way of one activity. On a positive cycle they could grow without end, so they
    /// are cut well above any that a plan can have.
    fn relax(&mut self, via: usize) {
        let through: Vec<i32> = self.least[via * self.count..(via + 1) * self.count].to_vec();
        for row in self.least.chunks_mut(self.count) {
            let to_via = row[via];
            if to_via == FREE {
                continue;
            }
            for (place, on) in row.iter_mut().zip(&through) {
                if *on != FREE {
                    *place = (*place).max((to_via + on).clamp(FREE + 1, -(FREE + 1)));
                }
            }
        }
    }

    /// Of two activities that need more together than there is, one comes first; when the distances
    /// leave only one way, that distance holds too, and may decide other pairs.
    fn order_pairs(&mut self, project: &Project, asked: &dyn Fn() -> bool) -> Result<(), NoClosure> {
        self.open = excluding_pairs(project);
        let length: Vec<i32> = project.spec().activities.iter().map(shortest).collect();
        loop {
            let before = self.open.len();
            let mut left = Vec::new();
            for (row, (one, two)) in std::mem::take(&mut self.open).into_iter().enumerate() {
                if row % 64 == 0 && asked() {
                    return Err(NoClosure::NotTried);
                }
                let one_first = self.least(two, one) <= -length[one];
                let two_first = self.least(one, two) <= -length[two];
                match (one_first, two_first) {
                    (false, false) => return Err(NoClosure::Impossible),
                    (true, true) => left.push((one, two)),
                    (true, false) => self.put_first(one, two, length[one])?,
                    (false, true) => self.put_first(two, one, length[two])?,
                }
            }
            self.open = left;
            if self.open.len() == before {
                return Ok(());
            }
        }
    }

    fn put_first(&mut self, from: usize, to: usize, lag: i32) -> Result<(), NoClosure> {
        if self.least(from, to) >= lag {
            return Ok(());
        }
        self.ordered.push((from, to, lag));
        let after: Vec<i32> = self.least[to * self.count..(to + 1) * self.count].to_vec();
        for row in self.least.chunks_mut(self.count) {
            let to_from = row[from];
            if to_from != FREE {
                for (place, on) in row.iter_mut().zip(&after).filter(|(_, on)| **on != FREE) {
                    *place = (*place).max(to_from + lag + on);
                }
            }
        }
        self.is_possible()
    }
}

/// Pairs of activities with one mode each that exceed a capacity together.
fn excluding_pairs(project: &Project) -> Vec<(usize, usize)> {
    let spec = project.spec();
    let single = |activity: &usize| {
        let modes = &spec.activities[*activity].modes;
        modes.len() == 1 && modes[0].duration > 0
    };
    let candidates: Vec<usize> = (0..spec.activities.len()).filter(single).collect();
    let mut pairs = Vec::new();
    for (row, one) in candidates.iter().enumerate() {
        let needs = &spec.activities[*one].modes[0].renewable;
        for two in &candidates[row + 1..] {
            let others = &spec.activities[*two].modes[0].renewable;
            let exceeds = |((a, b), capacity): ((&u32, &u32), &u32)| a + b > *capacity;
            if needs.iter().zip(others).zip(&spec.renewable).any(exceeds) {
                pairs.push((*one, *two));
            }
        }
    }
    pairs
}
