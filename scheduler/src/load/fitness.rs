//! What suites are fit for as work on them is planned, and when work may be planned beside holds
//! that rely on it.
//!
//! It only reads; it is cheap where no suite's fitness changes and no work is planned.

use crate::index::{BatchIx, Position, SuiteIx};
use crate::load::{Load, Runs};
use crate::plan::Placement;
use crate::problem::{Batch, Fitness, Problem, SuiteHold};
use crate::profile::NEVER;
use crate::spec::{Slot, Window};

/// From when to when a stretch is in force, as far as work is planned.
fn in_force(stretch: &Fitness, runs: &Runs) -> Window {
    let run = |work: BatchIx| runs.get(&work.row());
    let begin = stretch.after.map_or(-NEVER, |work| run(work).map_or(NEVER, |run| run.end));
    let end = stretch.before.and_then(run).map_or(NEVER, |run| run.start);
    Window::new(begin, end.min(stretch.until.unwrap_or(NEVER)))
}

/// When the suite is not fit for a hold all the time: the earliest start that is not yet excluded.
pub(crate) fn unfit_until(
    problem: &Problem,
    load: &Load,
    batch: &Batch,
    suite: SuiteIx,
    hold: &SuiteHold,
    held: Window,
) -> Option<Slot> {
    let fitness = &problem.suites[suite].fitness;
    if fitness.is_empty() || batch.work {
        return None;
    }
    let mut until = NEVER;
    for stretch in fitness.iter().filter(|stretch| stretch.serves(hold)) {
        let in_force = in_force(stretch, &load.runs);
        if in_force.start <= held.start && held.end <= in_force.end {
            return None;
        }
        if held.start < in_force.start {
            until = until.min(in_force.start);
        }
    }
    Some(until)
}

/// When a batch may start for the work it waits for; never when some of it is not planned.
pub(crate) fn ready(batch: &Batch, runs: &Runs) -> Slot {
    let ends = batch.after.iter().map(|work| runs.get(&work.row()).map_or(NEVER, |run| run.end));
    ends.max().unwrap_or(-NEVER)
}

/// Between which slots work may be planned so that what is placed or fixed already still comes after
/// it where it must, and keeps the fitness it relies on.
pub(crate) fn room_for_work<'p>(
    problem: &Problem,
    placed: impl Fn(BatchIx) -> Option<&'p Placement>,
    load: &Load,
    work: BatchIx,
) -> Window {
    let mut room = Window::new(-NEVER, NEVER);
    for (ix, batch) in problem.batches.pairs().filter(|(_, batch)| batch.after.contains(&work)) {
        let fixed = || batch.commitment.as_ref().and_then(|fixed| fixed.starts.first().copied().flatten());
        let start = placed(ix).map_or_else(fixed, |placement| placement.starts.first().copied());
        room.end = room.end.min(start.unwrap_or(NEVER));
    }
    let route = |ix: BatchIx| {
        let fixed = || problem.batches[ix].commitment.as_ref().map(|fixed| fixed.route);
        placed(ix).map_or_else(fixed, |placement| Some(placement.route))
    };
    for (suite, line) in load.suites.pairs() {
        let fitness = &problem.suites[suite].fitness;
        let depends = |it: &Fitness| it.after == Some(work) || it.before == Some(work);
        if !fitness.iter().any(depends) {
            continue;
        }
        for held in line.holds() {
            let owner = BatchIx::at(held.owner);
            let batch = &problem.batches[owner];
            let hold = route(owner).and_then(|route| batch.routes[route].suite_holds.get(held.hold));
            let Some(hold) = hold.filter(|_| !batch.work) else { continue };
            let covers = |it: &Fitness| {
                let in_force = in_force(it, &load.runs);
                in_force.start <= held.span.start && held.span.end <= in_force.end
            };
            let serving = || fitness.iter().filter(|it| it.serves(hold));
            if serving().any(|it| !depends(it) && covers(it)) {
                continue;
            }
            // With the work before the hold, or with the work after it.
            let before =
                serving().any(|it| it.after == Some(work) && it.before != Some(work) && covers_after(it, held.span));
            let after = serving().any(|it| it.before == Some(work) && it.after != Some(work) && covers(it));
            match (before, after) {
                (true, false) => room.end = room.end.min(held.span.start),
                (_, true) => room.start = room.start.max(held.span.end),
                (false, false) => {}
            }
        }
    }
    room
}

/// Whether a stretch covers a hold once the work it follows has ended before.
fn covers_after(stretch: &Fitness, held: Window) -> bool {
    stretch.until.is_none_or(|until| held.end <= until)
}
