//! What an entry of a batch says, in the columns of the audit trail: object, old value, new value, reason. Every event has
//! its arm; none is left out by a catch-all.

use mes_core::{
    batch::{Batch, BatchEvent, ItemValue},
    engine::{TagSampling, cause_words},
    id::{ItemId, PhaseId},
    isa88::TagRef,
};

use super::{deviations::cause, sign::about, signed_record::item_name};
use crate::web::{locale::Words, term, wording};

/// What an entry says, in columns.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) object: String,
    pub(crate) old: String,
    pub(crate) new: String,
    pub(crate) reason: String,
}

fn of_item(batch: &Batch, phase: &PhaseId, item: &ItemId, w: Words) -> String {
    format!("{phase}/{item} {}", item_name(batch, Some(phase), item, w))
}

fn of_phase(batch: &Batch, phase: &PhaseId, w: Words) -> String {
    let name = batch.issued.recipe.phase(phase).map(|phase| w.b(&phase.name)).unwrap_or_default();
    format!("{phase} {name}")
}

fn just(object: String, new: String, reason: String) -> Columns {
    Columns { object, old: String::new(), new, reason }
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

/// An event's columns.
pub(crate) fn columns(event: &BatchEvent, batch: &Batch, w: Words) -> Columns {
    let phase = |id: &PhaseId| of_phase(batch, id, w);
    let item = |id: &PhaseId, name: &ItemId| of_item(batch, id, name, w);
    match event {
        BatchEvent::Issued { issued } => just(
            issued.batch.to_string(),
            format!("{} v{}", issued.recipe.header.id, issued.recipe.header.version),
            String::new(),
        ),
        BatchEvent::PhaseStarted { phase: id } | BatchEvent::PhaseCompleted { phase: id } => {
            just(phase(id), String::new(), String::new())
        }
        BatchEvent::ItemRecorded { phase, item: id, value, verdict, text: reason, .. } => {
            let new = match value {
                ItemValue::Confirmed => w.t("confirmed"),
                value => format!("{} · {}", value.shown(), w.t(term::verdict(*verdict))),
            };
            just(item(phase, id), new, text(reason))
        }
        BatchEvent::ItemCorrected { phase, item: id, version, old, value, text: reason, .. } => Columns {
            object: format!("{} v{version}", item(phase, id)),
            old: old.shown(),
            new: value.shown(),
            reason: text(reason),
        },
        BatchEvent::StateChanged { from, to, row, text: why, .. } => Columns {
            object: w.t1("trail-row", "row", row),
            old: w.t(term::state(*from)),
            new: w.t(term::state(*to)),
            reason: text(why),
        },
        BatchEvent::Commented { phase: id, text: words } => {
            just(id.as_ref().map(phase).unwrap_or_default(), text(words), String::new())
        }
        BatchEvent::LateEntered { phase: id, claimed, text: words } => {
            just(phase(id), format!("{} · {}", claimed.shown(), text(words)), String::new())
        }
        BatchEvent::ExecutionCompleted => Columns::default(),
        BatchEvent::WriteRequested { .. }
        | BatchEvent::WriteResolved { .. }
        | BatchEvent::ConditionMet { .. }
        | BatchEvent::LimitReturned { .. }
        | BatchEvent::LinkChanged { .. }
        | BatchEvent::ReportReceived { .. }
        | BatchEvent::SamplingAgreed { .. }
        | BatchEvent::DeviceEventReported { .. }
        | BatchEvent::MessagesLeftOut { .. } => of_equipment(event, batch, w),
        BatchEvent::Signed { .. }
        | BatchEvent::SignatureRejected { .. }
        | BatchEvent::DeviationOpened { .. }
        | BatchEvent::DeviationClassified { .. }
        | BatchEvent::DeviationClosed { .. }
        | BatchEvent::AuditTrailReviewed { .. }
        | BatchEvent::Reviewed { .. }
        | BatchEvent::Released { .. }
        | BatchEvent::Rejected { .. }
        | BatchEvent::Exported { .. } => of_judgement(event, batch, w),
    }
}

fn of_equipment(event: &BatchEvent, batch: &Batch, w: Words) -> Columns {
    let phase = |id: &PhaseId| of_phase(batch, id, w);
    let item = |id: &PhaseId, name: &ItemId| of_item(batch, id, name, w);
    match event {
        BatchEvent::WriteRequested { phase, item: id, tag, value, .. } => {
            let value = wording::measured(batch, tag, Some(value), w);
            just(item(phase, id), format!("{tag} ← {value}"), String::new())
        }
        BatchEvent::WriteResolved { phase, item: id, outcome, .. } => Columns {
            object: item(phase, id),
            old: wording::measured(batch, &outcome.tag, outcome.before.as_ref(), w),
            new: {
                let back = wording::measured(batch, &outcome.tag, outcome.read_back.as_ref(), w);
                format!("{back} {}", wording::written(&outcome.result, w))
            },
            reason: String::new(),
        },
        BatchEvent::ConditionMet { phase: id, evidence } => {
            let readings = evidence
                .readings
                .iter()
                .map(|one| format!("{} = {}", one.tag, wording::measured(batch, &one.tag, one.value.as_ref(), w)));
            let settings = |tag: &TagRef| wording::issued_tag(batch, tag);
            let known = wording::condition(&evidence.expression, &batch.issued.recipe, &settings);
            let words =
                known.map_or_else(|| evidence.expression.clone(), |(_, clauses)| w.b(&clauses.words()).to_owned());
            just(phase(id), format!("{words} · {}", readings.collect::<Vec<_>>().join(", ")), String::new())
        }
        BatchEvent::LimitReturned { phase, item: id, .. } => just(item(phase, id), String::new(), String::new()),
        BatchEvent::LinkChanged { equipment, state, cause, .. } => {
            just(equipment.to_string(), w.t(term::link(state)), w.b(&cause_words(cause)).to_owned())
        }
        BatchEvent::ReportReceived { report, .. } => just(
            format!("{} · {}", report.equipment, report.name),
            crate::web::page::reports::values(report).join(" · "),
            report.problems.iter().map(|problem| w.b(problem).to_owned()).collect::<Vec<_>>().join(" · "),
        ),
        BatchEvent::SamplingAgreed { equipment, tags, .. } => {
            just(equipment.to_string(), w.b(&TagSampling::list(tags)).to_owned(), String::new())
        }
        BatchEvent::DeviceEventReported { happened, again, .. } => {
            just(happened.equipment.to_string(), w.b(&happened.said(*again)).to_owned(), String::new())
        }
        BatchEvent::MessagesLeftOut { equipment, left_out, .. } => {
            just(equipment.to_string(), w.b(&left_out.said()).to_owned(), String::new())
        }
        _ => Columns::default(),
    }
}

fn of_judgement(event: &BatchEvent, batch: &Batch, w: Words) -> Columns {
    match event {
        BatchEvent::Signed { signature, text: words } => {
            let meaning = w.t(term::meaning(signature.statement.meaning));
            just(
                about(batch, &signature.subject, w),
                format!("{meaning} · {} · {} · {}", signature.name, signature.statement_hash.short(), signature.id),
                text(words),
            )
        }
        BatchEvent::SignatureRejected { signature, phase: id, text: why } => {
            just(format!("{signature} · {}", of_phase(batch, id, w)), String::new(), text(why))
        }
        BatchEvent::DeviationOpened { deviation, cause: why, text: words, .. } => {
            just(deviation.to_string(), cause(why, batch, w), text(words))
        }
        BatchEvent::DeviationClassified { deviation, class, text: words } => {
            just(deviation.to_string(), w.t(term::class(*class)), text(words))
        }
        BatchEvent::DeviationClosed { deviation, text: words, .. } => {
            just(deviation.to_string(), String::new(), text(words))
        }
        BatchEvent::AuditTrailReviewed { up_to } => just(String::new(), format!("1–{up_to}"), String::new()),
        BatchEvent::Reviewed { signature, .. } => just(signature.to_string(), String::new(), String::new()),
        BatchEvent::Released { signature, seals, text: words }
        | BatchEvent::Rejected { signature, seals, text: words } => {
            just(signature.to_string(), w.t1("trail-seals", "count", seals.len()), text(words))
        }
        BatchEvent::Exported { files } => just(
            files.iter().map(|file| file.name.clone()).collect::<Vec<_>>().join(", "),
            String::new(),
            String::new(),
        ),
        _ => Columns::default(),
    }
}
