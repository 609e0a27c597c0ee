//! A renewable resource: from the stretches that tasks are sure to occupy follows where others
//! cannot lie. Reasons name one point in time each, so that they stay general.
//!
//! A task may be absent (the mode of an activity that is not chosen). A task whose presence is open
//! occupies nothing; it is found absent when even its surest place is taken.
#![expect(clippy::indexing_slicing, reason = "numbers of resources and tasks are made by add_cumulative")]

use super::bounds::{Lit, NONE, Side};
use super::engine::Engine;
use super::step_line::StepLine;

/// Something that needs units of a resource from its start on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// The variable of its start.
    pub(super) start: u32,
    pub(super) duration: i32,
    pub(super) units: i64,
    /// A side of a variable from 0 to 1 that is 1 when the task is done, or [`NONE`].
    pub(super) present: Side,
}

/// One resource with its tasks.
#[derive(Debug, Clone)]
pub(super) struct Cumulative {
    capacity: i64,
    pub(super) tasks: Vec<Task>,
    /// By task, the stretch entered in the line.
    parts: Vec<(i32, i32)>,
    line: StepLine,
}

#[derive(Debug, Clone, Copy)]
struct Grown {
    resource: usize,
    from: i32,
    to: i32,
}

impl Engine {
    /// Adds a resource; every task lasts at least one slot and needs at least one unit.
    pub(super) fn add_cumulative(&mut self, capacity: i64, tasks: Vec<Task>) {
        let resource = self.cumulatives.len() as u32;
        for (row, task) in tasks.iter().enumerate() {
            self.tasks_of[task.start as usize].push((resource, row as u32));
            if task.present != NONE {
                self.tasks_of[task.present as usize / 2].push((resource, row as u32));
                self.mark_moved(task.present / 2);
            }
            self.mark_moved(task.start);
        }
        let parts = vec![(0, 0); tasks.len()];
        self.cumulatives.push(Cumulative { capacity, tasks, parts, line: StepLine::new() });
    }

    fn is_present(&self, task: &Task) -> bool {
        task.present == NONE || self.bounds.least(task.present) == 1
    }

    fn is_absent(&self, task: &Task) -> bool {
        task.present != NONE && self.bounds.most(task.present) == 0
    }

    pub(super) fn follow_resources(&mut self) -> bool {
        let moved = self.take_moved();
        let mut grown = Vec::new();
        for variable in &moved {
            for row in 0..self.tasks_of[*variable as usize].len() {
                let (resource, task) = self.tasks_of[*variable as usize][row];
                self.enter(resource as usize, task as usize, &mut grown);
            }
        }
        for Grown { resource, from, to } in &grown {
            let cumulative = &self.cumulatives[*resource];
            if let Some((_, end)) = cumulative.line.first_above(*from, *to, cumulative.capacity) {
                self.conflict.clear();
                let mut conflict = std::mem::take(&mut self.conflict);
                self.occupied(*resource, NONE as usize, end - 1, &mut conflict);
                self.conflict = conflict;
                return false;
            }
        }
        for variable in &moved {
            for row in 0..self.tasks_of[*variable as usize].len() {
                let (resource, task) = self.tasks_of[*variable as usize][row];
                if !self.place(resource as usize, task as usize) {
                    return false;
                }
            }
        }
        grown.iter().all(|grown| self.make_room(*grown))
    }

    /// After going back to where all conclusions were drawn: stretches shrink, nothing follows.
    pub(super) fn shrink_resources(&mut self) {
        let mut grown = Vec::new();
        for variable in self.take_moved() {
            for row in 0..self.tasks_of[variable as usize].len() {
                let (resource, task) = self.tasks_of[variable as usize][row];
                self.enter(resource as usize, task as usize, &mut grown);
            }
        }
    }

    /// Brings the stretch that a task is sure to occupy up to date.
    fn enter(&mut self, resource: usize, row: usize, grown: &mut Vec<Grown>) {
        let task = self.cumulatives[resource].tasks[row];
        let (least, most) = (self.bounds.least(2 * task.start), self.bounds.most(2 * task.start));
        let part =
            if most < least + task.duration && self.is_present(&task) { (most, least + task.duration) } else { (0, 0) };
        let cumulative = &mut self.cumulatives[resource];
        let was = cumulative.parts[row];
        if was == part {
            return;
        }
        self.work += 4 + cumulative.line.len() as u64 / 16;
        cumulative.parts[row] = part;
        let overlap = (was.0.max(part.0), was.1.min(part.1));
        if overlap.0 >= overlap.1 {
            cumulative.line.add(was.0, was.1, -task.units);
            cumulative.line.add(part.0, part.1, task.units);
            if part.0 < part.1 {
                grown.push(Grown { resource, from: part.0, to: part.1 });
            }
            return;
        }
        for (old, new, before) in [(was.0, part.0, true), (was.1, part.1, false)] {
            let (from, to) = (old.min(new), old.max(new));
            let grows = if before { new < old } else { new > old };
            cumulative.line.add(from, to, if grows { task.units } else { -task.units });
            if grows && from < to {
                grown.push(Grown { resource, from, to });
            }
        }
    }

    /// Other tasks that cannot lie across a stretch that has filled up.
    fn make_room(&mut self, grown: Grown) -> bool {
        let Grown { resource, from, to } = grown;
        let count = self.cumulatives[resource].tasks.len();
        self.work += count as u64;
        for row in 0..count {
            let task = self.cumulatives[resource].tasks[row];
            let (least, most) = (self.bounds.least(2 * task.start), self.bounds.most(2 * task.start));
            let is_near = (least < to && from < least + task.duration) || (most < to && from < most + task.duration);
            if is_near && least < most && !self.place(resource, row) {
                return false;
            }
        }
        true
    }

    /// Moves the bounds of a task out of stretches that have no room for it.
    fn place(&mut self, resource: usize, row: usize) -> bool {
        let task = self.cumulatives[resource].tasks[row];
        if self.is_absent(&task) {
            return true;
        }
        let room = self.cumulatives[resource].capacity - task.units;
        if !self.is_present(&task) {
            return self.place_open(resource, row, task, room);
        }
        let start = 2 * task.start;
        loop {
            self.work += 6;
            let (least, most) = (self.bounds.least(start), self.bounds.most(start));
            let end = most.min(least + task.duration);
            let Some((_, end)) = self.cumulatives[resource].line.first_above(least, end, room) else { break };
            let mut lits = vec![Lit::new(start, end - task.duration)];
            if !self.force(resource, row, end - 1, &mut lits, Lit::new(start, end)) {
                return false;
            }
        }
        loop {
            self.work += 6;
            let (least, most) = (self.bounds.least(start), self.bounds.most(start));
            let from = most.max(least + task.duration);
            let Some((from, _)) = self.cumulatives[resource].line.last_above(from, most + task.duration, room) else {
                return true;
            };
            let mut lits = vec![Lit::new(start ^ 1, -from)];
            if !self.force(resource, row, from, &mut lits, Lit::new(start ^ 1, task.duration - from)) {
                return false;
            }
        }
    }

    fn place_open(&mut self, resource: usize, row: usize, task: Task, room: i64) -> bool {
        let start = 2 * task.start;
        let (least, most) = (self.bounds.least(start), self.bounds.most(start));
        self.work += 2;
        let Some((_, end)) = self.cumulatives[resource].line.first_above(most, least + task.duration, room) else {
            return true;
        };
        let mut lits = vec![Lit::new(start, end - task.duration), Lit::new(start ^ 1, 1 - end)];
        self.force(resource, row, end - 1, &mut lits, Lit::new(task.present ^ 1, 0))
    }

    /// Sets what follows from the tasks that occupy a point in time, and from what `lits` says.
    fn force(&mut self, resource: usize, row: usize, at: i32, lits: &mut Vec<Lit>, forced: Lit) -> bool {
        let task = self.cumulatives[resource].tasks[row];
        if task.present != NONE && task.present ^ 1 != forced.side {
            lits.push(Lit::new(task.present, 1));
        }
        self.occupied(resource, row, at, lits);
        let reason = self.bounds.say(lits);
        self.set(forced, reason)
    }

    /// Says which tasks are sure to occupy a point in time, leaving out those that are not needed
    /// to exceed the capacity; with `row` for the task that finds no room there.
    fn occupied(&mut self, resource: usize, row: usize, at: i32, lits: &mut Vec<Lit>) {
        let cumulative = &self.cumulatives[resource];
        self.work += cumulative.tasks.len() as u64;
        let own = cumulative.tasks.get(row).map_or(0, |task| task.units);
        let mut spare = cumulative.line.units_at(at) + own - cumulative.capacity - 1;
        for (other, (task, part)) in cumulative.tasks.iter().zip(&cumulative.parts).enumerate() {
            if part.0 > at || at >= part.1 || other == row {
                continue;
            }
            if task.units <= spare {
                spare -= task.units;
                continue;
            }
            lits.push(Lit::new(2 * task.start, at + 1 - task.duration));
            lits.push(Lit::new(2 * task.start + 1, -at));
            if task.present != NONE {
                lits.push(Lit::new(task.present, 1));
            }
        }
    }
}
