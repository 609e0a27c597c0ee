//! What goes wrong while a plan is carried out, and what it makes of the problem: the same one with
//! less of something, with what has started fixed.
//!
//! It moves nothing; where things go instead is for the repair to find.

use serde::{Deserialize, Serialize};

use crate::index::{BatchIx, PoolIx, Position, RouteIx, SuiteIx};
use crate::plan::{Placement, Plan};
use crate::problem::{Batch, Commitment, Problem};
use crate::spec::{BatchSpec, Reduction, Slot, Window};
use crate::validate::ProblemError;

/// Things that have gone wrong, as seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disruption {
    /// When: what starts before has started, nothing else may start before.
    pub now: Slot,
    /// What has gone wrong.
    pub events: Vec<Event>,
}

/// One thing that has gone wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A suite cannot be used. Living batches inside are finished first.
    SuiteDown {
        /// Which.
        suite: String,
        /// From when.
        start: Slot,
        /// Until when.
        end: Slot,
    },
    /// Fewer people, or less equipment.
    FewerUnits {
        /// Of which pool.
        pool: String,
        /// From when.
        start: Slot,
        /// Until when.
        end: Slot,
        /// How many fewer.
        units: u32,
    },
    /// Material arrives later; latest start and deadline, which count from it, move along.
    LateRelease {
        /// For which batch.
        batch: String,
        /// How many slots later.
        by: Slot,
    },
    /// One more batch, at once.
    Rush {
        /// The batch.
        batch: Box<BatchSpec>,
    },
    /// An activity takes longer, or is done again.
    StepFailed {
        /// Of which batch.
        batch: String,
        /// Which, counted from 0.
        activity: usize,
        /// How many slots longer; when absent, it is done again from the start.
        #[serde(default)]
        longer_by: Option<Slot>,
    },
}

/// Why a disruption does not belong to a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisruptionError {
    /// An id that the problem does not have.
    #[error("event {event}: there is no {kind} {id:?}; name one of the problem")]
    Unknown {
        /// Which event, counted from 0.
        event: usize,
        /// What kind of thing.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// A number that makes no sense.
    #[error("event {event}: {what}")]
    Number {
        /// Which event, counted from 0.
        event: usize,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// A batch that cannot be added.
    #[error("event {event}: the batch cannot be added")]
    Rush {
        /// Which event, counted from 0.
        event: usize,
        /// Why.
        #[source]
        source: ProblemError,
    },
}

/// A problem after a disruption, with the plan from before.
#[derive(Debug, Clone)]
pub struct Disrupted {
    pub(crate) problem: Problem,
    pub(crate) before: Plan,
    pub(crate) reach: Reach,
}

/// How many batches the search may move, beyond those that a repair must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// None.
    Least,
    /// A share of all.
    Share,
    /// Any number, at no cost.
    Any,
}

impl Disrupted {
    /// Makes what happened part of the problem and fixes what has started.
    ///
    /// # Errors
    /// An event that names what does not exist, or that makes no sense.
    pub fn new(problem: &Problem, plan: &Plan, disruption: &Disruption) -> Result<Self, DisruptionError> {
        let mut changed = problem.clone();
        for (row, event) in disruption.events.iter().enumerate() {
            happen(&mut changed, plan, disruption.now, row, event)?;
        }
        Ok(Self::changed(changed, plan.clone(), disruption.now))
    }

    /// A problem that already holds what happened, with the plan from before: fixes what has
    /// started. The plan must have the shape of the problem; it may speak of fewer batches.
    #[must_use]
    pub fn changed(mut problem: Problem, before: Plan, now: Slot) -> Self {
        problem.now = problem.now.max(now);
        for (ix, placement) in before.placed() {
            if placement.starts.first().is_some_and(|start| *start < now) {
                let started = started(&problem.batches[ix], placement, now);
                problem.batches[ix].commitment = Some(started);
            }
        }
        Self::recorded(problem, before)
    }

    /// A problem that holds what happened and says itself what has started: what the plan from before
    /// says of the past is not taken for true.
    #[must_use]
    pub const fn recorded(problem: Problem, before: Plan) -> Self {
        Self { problem, before, reach: Reach::Share }
    }

    /// The same without regard to the plan from before: any number of batches may move, at no
    /// cost. It tells what staying near costs.
    #[must_use]
    pub fn free(self) -> Self {
        Self { reach: Reach::Any, ..self }
    }

    /// The same with as few moves as can be: no more batches move than a repair needs.
    #[must_use]
    pub fn least(self) -> Self {
        Self { reach: Reach::Least, ..self }
    }

    /// The problem with what happened in it.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The plan from before.
    #[must_use]
    pub const fn before(&self) -> &Plan {
        &self.before
    }
}

/// What is fixed of a batch that has started: starts in the past, and what has begun to be held.
fn started(batch: &Batch, placement: &Placement, now: Slot) -> Commitment {
    let route = &batch.routes[placement.route];
    let begun = |first: usize| placement.starts.get(first).is_some_and(|start| *start < now);
    let suites = route.suite_holds.iter().zip(&placement.suites);
    let equipment = route.equipment_holds.iter().zip(&placement.equipment);
    Commitment {
        route: placement.route,
        starts: placement.starts.iter().map(|start| (*start < now).then_some(*start)).collect(),
        suites: suites.map(|(hold, suite)| begun(hold.first).then_some(*suite)).collect(),
        equipment: equipment.map(|(hold, pool)| begun(hold.first).then_some(*pool)).collect(),
    }
}

fn happen(problem: &mut Problem, plan: &Plan, now: Slot, event: usize, what: &Event) -> Result<(), DisruptionError> {
    let unknown = |kind, id: &String| DisruptionError::Unknown { event, kind, id: id.clone() };
    let number = |what| DisruptionError::Number { event, what };
    match what {
        Event::SuiteDown { suite, start, end } => {
            let ix = problem.suite_of_id(suite).ok_or_else(|| unknown("suite", suite))?;
            if start >= end {
                return Err(number("it ends before it starts; give start and end in this order"));
            }
            let window = Window::new((*start).max(last_living_end(problem, plan, now, ix)), *end);
            if window.start < window.end {
                let closed = &mut problem.suites[ix].maintenance;
                closed.push(window);
                closed.sort_unstable();
            }
        }
        Event::FewerUnits { pool, start, end, units } => {
            let ix: PoolIx = problem.pool_of_id(pool).ok_or_else(|| unknown("pool", pool))?;
            if start >= end {
                return Err(number("it ends before it starts; give start and end in this order"));
            }
            problem.pools[ix].reductions.push(Reduction { window: Window::new(*start, *end), units: *units });
        }
        Event::LateRelease { batch, by } => {
            let ix = problem.batch_of_id(batch).ok_or_else(|| unknown("batch", batch))?;
            if !(0..=problem.horizon).contains(by) {
                return Err(number("by is not a number of slots from 0 to the horizon"));
            }
            if plan.placement(ix).is_some_and(|placement| placement.starts.first().is_some_and(|start| *start < now)) {
                return Err(number("the batch has started already; its material is there"));
            }
            let item = &mut problem.batches[ix];
            item.release += by;
            item.start_max = item.start_max.map(|latest| latest + by);
            item.deadline = item.deadline.map(|latest| latest + by);
        }
        Event::Rush { batch } => {
            let added = problem.with_batch(batch).map_err(|source| DisruptionError::Rush { event, source });
            *problem = added?.0;
        }
        Event::StepFailed { batch, activity, longer_by } => {
            let ix = problem.batch_of_id(batch).ok_or_else(|| unknown("batch", batch))?;
            let placement = plan.placement(ix).ok_or_else(|| number("the batch is not in the plan"))?;
            if placement.starts.get(activity + 1).is_some_and(|next| *next < now) {
                return Err(number("the activity after it has started already"));
            }
            lengthen(&mut problem.batches[ix], placement.route, *activity, *longer_by)
                .ok_or_else(|| number("the batch has no such activity, or it would take less than nothing longer"))?;
        }
    }
    Ok(())
}

/// Makes one activity longer; none when that is not possible.
fn lengthen(batch: &mut Batch, route: RouteIx, activity: usize, longer_by: Option<Slot>) -> Option<()> {
    batch.routes.find(route)?;
    let item = batch.routes[route].activities.get_mut(activity)?;
    let by = longer_by.unwrap_or(item.duration);
    if by < 0 {
        return None;
    }
    item.duration = item.duration.saturating_add(by);
    Some(())
}

/// When the last batch is out of a suite that is inside already.
fn last_living_end(problem: &Problem, plan: &Plan, now: Slot, suite: SuiteIx) -> Slot {
    let mut last = now;
    for (ix, placement) in plan.placed() {
        let Some(route) = problem.batch(ix).and_then(|batch| batch.route(placement.route)) else { continue };
        for (hold, _) in route.suite_holds.iter().zip(&placement.suites).filter(|(_, at)| **at == suite) {
            if let Some(span) = placement.hold_span(route, hold.first, hold.last)
                && span.start < now
            {
                last = last.max(span.end);
            }
        }
    }
    last
}

/// A batch that the plan from before does not speak of.
pub(crate) fn is_new(before: &Plan, ix: BatchIx) -> bool {
    Position::row(ix) >= before.len()
}
