//! What stands in the list that is signed: each record under the statement with its value, and beneath a phase what its own
//! hash covers beyond its items: the set-points with their read-backs, and the condition that was awaited.

use mes_core::{
    access::{RecordRef, Statement},
    batch::{Batch, ItemValue, PhaseRun, RecordedItem},
    engine::WriteResult,
    id::{DeviationId, ItemId, PhaseId},
    isa88::{Phase, PhaseKind, SetPoint},
    quantity::Unit,
};

use super::deviations::cause;
use crate::web::{locale::Words, reading::tag_of, term, wording};

/// One line of the list.
#[derive(Default)]
pub(crate) struct RecordLine {
    pub(crate) record: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) detail: Vec<String>,
    /// What became of a write, with its class.
    pub(crate) status: Option<(String, &'static str)>,
    pub(crate) version: u32,
    pub(crate) hash: String,
    /// It is part of the record above, under that record's hash.
    pub(crate) within: bool,
}

/// The list of a statement.
pub(crate) fn lines(statement: &Statement, batch: &Batch, w: Words) -> Vec<RecordLine> {
    statement.records.iter().flat_map(|reference| shown(batch, reference, w)).collect()
}

fn shown(batch: &Batch, reference: &RecordRef, w: Words) -> Vec<RecordLine> {
    let line = RecordLine {
        record: reference.record.clone(),
        version: reference.version,
        hash: reference.hash.short(),
        ..RecordLine::default()
    };
    let path: Vec<&str> = reference.record.split('/').skip(1).collect();
    match path.as_slice() {
        [] => vec![RecordLine {
            name: w.t("subject-issue"),
            value: batch.issued.lot.clone(),
            detail: vec![format!("{} v{}", batch.issued.recipe.header.id, batch.issued.recipe.header.version)],
            ..line
        }],
        ["remarks"] => vec![RecordLine {
            name: w.t("remarks-of-batch"),
            value: w.t1("how-many", "count", batch.remarks.len()),
            ..line
        }],
        ["deviation", id] => vec![deviation(batch, id, w, line)],
        [phase] => {
            let Some(id) = phase.parse::<PhaseId>().ok() else { return vec![line] };
            let Some((phase, run)) = batch.issued.recipe.phase(&id).zip(batch.phases.get(&id)) else {
                return vec![line];
            };
            let within = within(batch, phase, run, reference, w);
            let name = w.b(&phase.name).to_owned();
            let detail = vec![w.b(&phase.instruction).to_owned()];
            std::iter::once(RecordLine { name, detail, ..line }).chain(within).collect()
        }
        [phase, item] => {
            let recorded = phase.parse::<PhaseId>().ok().zip(item.parse::<ItemId>().ok());
            let run = |phase: &PhaseId| batch.phases.get(phase);
            let Some((phase, item)) = recorded else { return vec![line] };
            match run(&phase).and_then(|run| run.items.get(&item)) {
                Some(known) => vec![of_item(batch, &phase, &item, known, w, line)],
                None => vec![line],
            }
        }
        _ => vec![line],
    }
}

fn deviation(batch: &Batch, id: &str, w: Words, line: RecordLine) -> RecordLine {
    let known = id.parse::<DeviationId>().ok().and_then(|id| batch.deviations.get(&id));
    let Some(known) = known else { return line };
    let class = known.class.map(|class| w.t(term::class(class)));
    let standing = if known.closed.is_some() { w.t("deviation-is-closed") } else { w.t("deviation-open") };
    let mut detail = vec![cause(&known.cause, batch, w)];
    detail.extend(known.text.clone());
    detail.extend(known.impact.clone());
    RecordLine {
        name: w.t1("subject-deviation-record", "name", id),
        value: class.map_or(standing.clone(), |class| format!("{class} · {standing}")),
        detail,
        ..line
    }
}

fn of_item(batch: &Batch, phase: &PhaseId, id: &ItemId, item: &RecordedItem, w: Words, line: RecordLine) -> RecordLine {
    let judged = matches!(item.value, ItemValue::Quantity(_)).then(|| w.t(term::verdict(item.verdict)));
    let mut detail = vec![judged.into_iter().chain([item.at.shown()]).collect::<Vec<_>>().join(" · ")];
    detail.extend(item.reason.clone());
    let value = match &item.value {
        ItemValue::Confirmed => w.t("confirmed"),
        ItemValue::ConditionMet => w.t("condition-met"),
        other => other.shown(),
    };
    RecordLine { name: item_name(batch, Some(phase), id, w), value, detail, ..line }
}

/// What the hash of a phase's record covers beside its items.
fn within(batch: &Batch, phase: &Phase, run: &PhaseRun, reference: &RecordRef, w: Words) -> Vec<RecordLine> {
    let line = || RecordLine {
        record: reference.record.clone(),
        version: reference.version,
        hash: reference.hash.short(),
        within: true,
        ..RecordLine::default()
    };
    match &phase.kind {
        PhaseKind::Set { points } => points.iter().map(|point| set_point(batch, point, run, w, line())).collect(),
        PhaseKind::Wait { condition, for_s, .. } => {
            let known = wording::condition(condition, &batch.issued.recipe, &|tag| wording::issued_tag(batch, tag));
            let words = known.map_or_else(|| condition.clone(), |(_, clauses)| w.b(&clauses.words()).to_owned());
            let status = if run.condition_met { ("wait-met", "normal") } else { ("wait-false", "waiting") };
            vec![RecordLine {
                name: w.t("wait-title"),
                value: words,
                detail: vec![w.t1("wait-for", "time", wording::span(i64::from(*for_s), w))],
                status: Some((w.t(status.0), status.1)),
                ..line()
            }]
        }
        PhaseKind::Instruction
        | PhaseKind::Record { .. }
        | PhaseKind::Calculate { .. }
        | PhaseKind::LineClearance { .. }
        | PhaseKind::IdentityCheck
        | PhaseKind::Yield { .. } => Vec::new(),
    }
}

fn set_point(batch: &Batch, point: &SetPoint, run: &PhaseRun, w: Words, line: RecordLine) -> RecordLine {
    let unit = Unit(point.unit.0.clone());
    let tag = wording::issued_tag(batch, &point.to);
    let outcome = run.writes.get(&point.item).and_then(|write| write.outcome.as_ref());
    let back = outcome.and_then(|outcome| outcome.read_back.as_ref());
    let mut detail = Vec::new();
    detail.push(back.map_or_else(
        || w.t("no-read-back"),
        |back| w.t1("read-back", "value", wording::sampled(back, unit.shown(), tag, w)),
    ));
    let device = tag_of(batch, &point.to.role, &point.to.tag).map(|tag| tag.to_string());
    let when = outcome.map(|outcome| outcome.at.shown());
    detail.push(device.into_iter().chain(when).collect::<Vec<_>>().join(" · "));
    RecordLine {
        name: w.b(&point.name).to_owned(),
        value: w.t1("requested-value", "value", wording::amount(point.value, unit.shown(), tag, w)),
        detail,
        status: Some(written(run, point, w)),
        ..line
    }
}

/// What became of a set-point's write, and its class.
pub(crate) fn written(run: &PhaseRun, point: &SetPoint, w: Words) -> (String, &'static str) {
    let status = run.writes.get(&point.item);
    let (key, class) = match (status, status.and_then(|status| status.outcome.as_ref())) {
        (None, _) => ("write-not-yet", "waiting"),
        (Some(_), None) => ("write-under-way", "running"),
        (Some(_), Some(outcome)) => {
            let confirmed = outcome.result == WriteResult::Confirmed;
            (term::write(&outcome.result), if confirmed { "normal" } else { "alarm" })
        }
    };
    (w.t(key), class)
}

/// What an item is called: its parameter, its line of a checklist, its set-point.
pub(crate) fn item_name(batch: &Batch, phase: Option<&PhaseId>, id: &ItemId, w: Words) -> String {
    if let Some(parameter) = batch.issued.recipe.parameter(id) {
        return w.b(&parameter.name).to_owned();
    }
    let phase = phase.and_then(|phase| batch.issued.recipe.phase(phase));
    let named = match phase.map(|phase| &phase.kind) {
        Some(PhaseKind::LineClearance { lines }) => lines.iter().find(|line| line.item == *id).map(|line| &line.text),
        Some(PhaseKind::Set { points }) => points.iter().find(|point| point.item == *id).map(|point| &point.name),
        Some(PhaseKind::IdentityCheck) => return w.t("identity-code"),
        _ => None,
    };
    let watched = || phase?.watch.iter().find(|watch| watch.item == *id).map(|watch| &watch.name);
    named.or_else(watched).map_or_else(|| id.to_string(), |name| w.b(name).to_owned())
}
