//! What the working area shows of equipment: set-points with the outcome of their writes, a condition that is waited for with
//! its truth of this moment, watched limits, and the hold time before a phase.

use mes_core::{
    batch::PhaseRun,
    engine::WriteResult,
    id::TagId,
    isa88::{Clause, Phase, SetPoint, TagRef, Watch},
    quantity::Unit,
};

use std::collections::BTreeMap;

use super::{signed_record::written, work::Builder};
use crate::web::{
    reading::{LiveValue, live, tag_of},
    wording,
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

/// A part of a condition, with its truth of this moment and the values it looks at.
pub(crate) struct Part {
    pub(crate) words: String,
    pub(crate) truth: String,
    pub(crate) truth_class: &'static str,
    pub(crate) values: Vec<LiveValue>,
}

/// A condition that is waited for.
pub(crate) struct Wait {
    pub(crate) expression: String,
    /// How its parts belong together; empty when there is only one.
    pub(crate) joined: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) truth: String,
    pub(crate) truth_class: &'static str,
    pub(crate) hold: String,
    pub(crate) longest: String,
    pub(crate) left_ms: Option<i64>,
    pub(crate) rate: u32,
}

impl Wait {
    /// Changes exactly when the truth of the condition or of one of its parts does.
    pub(crate) fn key(&self) -> String {
        self.parts.iter().fold(self.truth.clone(), |key, part| key + "|" + &part.truth)
    }
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
        let outcome = run.writes.get(&point.item).and_then(|status| status.outcome.as_ref());
        let (status, status_class) = written(run, point, w);
        let unit = Unit(point.unit.0.clone());
        let read_back = outcome.and_then(|outcome| outcome.read_back.as_ref());
        let tag = tag_of(self.batch, &point.to.role, &point.to.tag);
        let settings = wording::issued_tag(self.batch, &point.to);
        let back = |value| w.t1("read-back", "value", wording::sampled(value, unit.shown(), settings, w));
        Point {
            name: w.b(&point.name).to_owned(),
            value: wording::amount(point.value, unit.shown(), settings, w),
            tag: tag.as_ref().map(ToString::to_string).unwrap_or_default(),
            status,
            status_class,
            detail: read_back.map(back).unwrap_or_default(),
            live: tag.map(|tag| live(self.view, &tag, None, self.now, w)),
        }
    }

    pub(crate) fn wait(&self, condition: &str, for_s: u32, max_s: u32, run: &PhaseRun) -> Wait {
        let w = self.w;
        let settings = |tag: &TagRef| wording::issued_tag(self.batch, tag);
        let known = wording::condition(condition, &self.batch.issued.recipe, &settings);
        let tags = known.as_ref().map(|(expression, _)| expression.tags().clone()).unwrap_or_default();
        let values: BTreeMap<TagRef, Option<f64>> =
            tags.into_iter().map(|tag| (tag.clone(), self.good_number(&tag))).collect();
        let truth = known.as_ref().and_then(|(expression, _)| expression.evaluate_condition(&values).ok().flatten());
        let (key, class) = truth_words(run.condition_met, truth);
        let due = run.started_at.map(|at| at.plus_s(i64::from(max_s)));
        let joined = match &known {
            Some((_, clauses)) if clauses.parts.len() > 1 => w.t(if clauses.all { "wait-all" } else { "wait-any" }),
            _ => String::new(),
        };
        let parts = known
            .iter()
            .flat_map(|(_, clauses)| &clauses.parts)
            .map(|part| self.part(part, &values, run.condition_met));
        Wait {
            expression: condition.to_owned(),
            joined,
            parts: parts.collect(),
            truth: w.t(key),
            truth_class: class,
            hold: if for_s > 0 { w.t1("wait-for", "time", wording::span(i64::from(for_s), w)) } else { String::new() },
            longest: w.t1("wait-longest", "time", wording::span(i64::from(max_s), w)),
            left_ms: due.filter(|_| !run.condition_met).map(|due| due.since_ms(self.now)),
            rate: self.view.rate,
        }
    }

    /// A part as it is now; once the whole condition was met, what the values are now says nothing of it.
    fn part(&self, part: &Clause, values: &BTreeMap<TagRef, Option<f64>>, met: bool) -> Part {
        let (key, truth_class) = truth_words(met, part.holds(values).ok().flatten());
        let tags = part.tags.iter().filter(|_| !met).filter_map(|tag| tag_of(self.batch, &tag.role, &tag.tag));
        Part {
            words: self.w.b(&part.words).to_owned(),
            truth: self.w.t(key),
            truth_class,
            values: tags.map(|tag: TagId| live(self.view, &tag, None, self.now, self.w)).collect(),
        }
    }

    fn good_number(&self, tag: &TagRef) -> Option<f64> {
        let sample = &self.view.readings.get(&tag_of(self.batch, &tag.role, &tag.tag)?)?.sample;
        sample.quality.is_good().then_some(sample.value.as_ref()?.to_f64()?)
    }

    pub(crate) fn watch(&self, watch: &Watch, run: &PhaseRun) -> WatchRow {
        let tag = tag_of(self.batch, &watch.tag.role, &watch.tag.tag);
        WatchRow {
            name: self.w.b(&watch.name).to_owned(),
            range: with_unit(&watch.range.shown(), wording::issued_tag(self.batch, &watch.tag)),
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

/// How true a condition is, in words, and the class of it.
fn truth_words(met: bool, truth: Option<bool>) -> (&'static str, &'static str) {
    match (met, truth) {
        (true, _) => ("wait-met", "normal"),
        (false, Some(true)) => ("wait-true", "normal"),
        (false, Some(false)) => ("wait-false", "waiting"),
        (false, None) => ("wait-unknown", "warning"),
    }
}

/// A range with the unit of its tag.
fn with_unit(range: &str, tag: Option<&mes_core::tenant::Tag>) -> String {
    format!("{range} {}", tag.map(|tag| tag.unit.shown()).unwrap_or_default()).trim().to_owned()
}

/// Whether a set-point is not on the device, as far as its write is known.
pub(crate) fn unsettled(run: &PhaseRun, point: &SetPoint) -> bool {
    let outcome = run.writes.get(&point.item).and_then(|status| status.outcome.as_ref());
    outcome.is_none_or(|outcome| outcome.result != WriteResult::Confirmed)
}
