//! What the working area shows of equipment: set-points with the outcome of their writes, a condition that is waited for with
//! its truth of this moment, watched limits, and the hold time before a phase.

use mes_core::{
    batch::PhaseRun,
    engine::WriteResult,
    isa88::{Expression, Phase, SetPoint, Watch},
    quantity::Unit,
};

use super::work::Builder;
use crate::web::{
    reading::{LiveValue, live, tag_of},
    term,
};

/// A set-point.
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) tag: String,
    pub(crate) status: String,
    pub(crate) status_class: &'static str,
    pub(crate) detail: String,
    pub(crate) live: Option<LiveValue>,
}

/// A condition that is waited for.
pub(crate) struct Wait {
    pub(crate) expression: String,
    pub(crate) truth: String,
    pub(crate) truth_class: &'static str,
    pub(crate) hold: String,
    pub(crate) left_ms: Option<i64>,
    pub(crate) rate: u32,
    pub(crate) values: Vec<LiveValue>,
}

/// A watched limit.
pub(crate) struct WatchRow {
    pub(crate) name: String,
    pub(crate) range: String,
    pub(crate) violated: bool,
    pub(crate) live: Option<LiveValue>,
}

/// A hold time.
pub(crate) struct Hold {
    pub(crate) since: String,
    pub(crate) earliest: String,
    pub(crate) due: String,
    pub(crate) left_ms: i64,
    pub(crate) rate: u32,
    pub(crate) exceeded: bool,
}

impl Builder<'_> {
    pub(crate) fn point(&self, point: &SetPoint, run: &PhaseRun) -> Point {
        let w = self.w;
        let status = run.writes.get(&point.item);
        let outcome = status.and_then(|status| status.outcome.as_ref());
        let (key, class) = match (status, outcome) {
            (None, _) => ("write-not-yet", "waiting"),
            (Some(_), None) => ("write-under-way", "running"),
            (Some(_), Some(outcome)) => {
                let confirmed = outcome.result == WriteResult::Confirmed;
                (term::write(&outcome.result), if confirmed { "normal" } else { "alarm" })
            }
        };
        let unit = Unit(point.unit.0.clone());
        let read_back = outcome.and_then(|outcome| outcome.read_back.as_ref());
        let tag = tag_of(self.batch, &point.to.role, &point.to.tag);
        Point {
            name: w.b(&point.name).to_owned(),
            value: format!("{} {}", point.value, unit.shown()).trim().to_owned(),
            tag: tag.as_ref().map(ToString::to_string).unwrap_or_default(),
            status: w.t(key),
            status_class: class,
            detail: read_back.map(|value| w.t1("read-back", "value", value)).unwrap_or_default(),
            live: tag.map(|tag| live(self.view, &tag, None, self.now, w)),
        }
    }

    pub(crate) fn wait(&self, condition: &str, for_s: u32, max_s: u32, run: &PhaseRun) -> Wait {
        let w = self.w;
        let parsed = Expression::parse(condition).ok();
        let tags = parsed.as_ref().map(Expression::tags).cloned().unwrap_or_default();
        let tags: Vec<_> =
            tags.into_iter().filter_map(|t| tag_of(self.batch, &t.role, &t.tag).map(|id| (t, id))).collect();
        let number = |id| {
            let sample = self.view.readings.get(id).map(|reading| &reading.sample)?;
            sample.quality.is_good().then_some(sample.value.as_ref()?.to_f64()?)
        };
        let values = tags.iter().map(|(tag, id)| (tag.clone(), number(id))).collect();
        let truth = parsed.and_then(|expression| expression.evaluate_condition(&values).ok().flatten());
        let (key, class) = match (run.condition_met, truth) {
            (true, _) => ("wait-met", "normal"),
            (false, Some(true)) => ("wait-true", "normal"),
            (false, Some(false)) => ("wait-false", "waiting"),
            (false, None) => ("wait-unknown", "warning"),
        };
        let due = run.started_at.map(|at| at.plus_s(i64::from(max_s)));
        Wait {
            expression: condition.to_owned(),
            truth: w.t(key),
            truth_class: class,
            hold: w.t1("wait-for", "minutes", format!("{:.1}", f64::from(for_s) / 60.0)),
            left_ms: due.filter(|_| !run.condition_met).map(|due| due.since_ms(self.now)),
            rate: self.view.rate,
            values: tags.iter().map(|(_, id)| live(self.view, id, None, self.now, w)).collect(),
        }
    }

    pub(crate) fn watch(&self, watch: &Watch, run: &PhaseRun) -> WatchRow {
        let tag = tag_of(self.batch, &watch.tag.role, &watch.tag.tag);
        WatchRow {
            name: self.w.b(&watch.name).to_owned(),
            range: watch.range.shown(),
            violated: run.violated.contains_key(&watch.item),
            live: tag.map(|tag| live(self.view, &tag, Some(&watch.range), self.now, self.w)),
        }
    }

    pub(crate) fn hold(&self, phase: &Phase, run: &PhaseRun) -> Option<Hold> {
        let hold = phase.hold.as_ref().filter(|_| run.started_at.is_none())?;
        let since = self.batch.phases.get(&hold.since)?.completed_at?;
        let due = since.plus_s(i64::from(hold.max_s));
        let earlier = self.batch.issued.recipe.phase(&hold.since);
        Some(Hold {
            since: earlier.map(|phase| self.w.b(&phase.name).to_owned()).unwrap_or_default(),
            earliest: if hold.min_s > 0 { since.plus_s(i64::from(hold.min_s)).shown() } else { String::new() },
            due: due.shown(),
            left_ms: due.since_ms(self.now),
            rate: self.view.rate,
            exceeded: run.hold_exceeded,
        })
    }
}

/// Whether a set-point is not on the device, as far as its write is known.
pub(crate) fn unsettled(run: &PhaseRun, point: &SetPoint) -> bool {
    let outcome = run.writes.get(&point.item).and_then(|status| status.outcome.as_ref());
    outcome.is_none_or(|outcome| outcome.result != WriteResult::Confirmed)
}
