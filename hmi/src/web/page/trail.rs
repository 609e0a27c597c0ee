//! The audit trail of a batch: every entry of its stream with who, when, where, what, old and new value, and reason. What is not
//! disclosed to the reader is marked as such, and still counted.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Actor, Rejection, Who},
    batch::{Batch, BatchCommand, BatchEvent},
    engine::{Act, Command},
    id::{BatchId, ItemId, PhaseId},
    journal::{Entry, Event, Part, PartName, StreamId, StreamKind},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    batch::{Band, band, find},
    deviations::cause,
    sign::item_name,
};
use crate::web::form::{Asked, At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    frame::{Frame, page},
    locale::Words,
    session::Session,
    term,
};

/// One entry.
pub(crate) struct Row {
    seq: u64,
    entry: String,
    time: String,
    who: String,
    role: String,
    place: String,
    action: String,
    object: String,
    old: String,
    new: String,
    reason: String,
    withheld: bool,
    after_review: bool,
    group: &'static str,
}

#[derive(Template)]
#[template(path = "trail.html")]
struct TrailPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    rows: Vec<Row>,
    total: usize,
    show: String,
    groups: Vec<(&'static str, String)>,
    may_review: bool,
    last: u64,
    reviewed: Option<String>,
    refusal: Option<String>,
}

/// Groups of entries, with the words for them.
const GROUPS: [(&str, &str); 6] = [
    ("values", "trail-values"),
    ("changes", "trail-changes"),
    ("signatures", "trail-signatures"),
    ("deviations", "trail-deviations"),
    ("equipment", "trail-equipment"),
    ("steps", "trail-steps"),
];

/// Which entries to show.
#[derive(Deserialize)]
pub(crate) struct Filter {
    show: Option<String>,
}

/// What an entry says, in columns.
#[derive(Default)]
struct Columns {
    object: String,
    old: String,
    new: String,
    reason: String,
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(filter): Asked<Filter>,
) -> Result<Response, WebError> {
    trail_page(&state, &session, &id, filter.show.unwrap_or_default(), None).await
}

async fn trail_page(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    show: String,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let entries = state.desk.history(session.scope.clone(), StreamId::new(StreamKind::Batch, id)).await?;
    let view = session.view(state);
    let batch = find(&view, id)?;
    let reviewed = batch.audit_reviewed.as_ref();
    let up_to = reviewed.map_or(0, |(up_to, _)| *up_to);
    let total = entries.len();
    let rows = entries.iter().map(|entry| row(entry, batch, up_to, w));
    let rows = rows.filter(|row| show.is_empty() || row.group == show).collect();
    let content = TrailPage {
        w,
        frame: Frame::of(state, session, &view, w.t("tab-trail")),
        band: band(state, session, &view, batch, "trail"),
        batch: id.to_string(),
        rows,
        total,
        show,
        groups: GROUPS.into_iter().map(|(code, key)| (code, w.t(key))).collect(),
        may_review: state.desk.may(&session.scope, Action::ReviewAuditTrail, Some(id)) && batch.disposed_at.is_none(),
        last: batch.last_seq,
        reviewed: reviewed.map(|(up_to, by)| {
            let name = view.facility.people.get(by).map_or_else(|| by.to_string(), |person| person.name.full());
            w.t2("trail-reviewed-by", ("number", up_to), ("name", name))
        }),
        refusal: refusal.as_ref().map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(refusal.as_ref().map_or(StatusCode::OK, status_of), &content)
}

/// How far the trail was read.
#[derive(Deserialize)]
pub(crate) struct Reviewed {
    up_to: u64,
}

/// Enters that the trail was reviewed.
pub(crate) async fn review(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Filled(sent): Filled<Reviewed>,
) -> Result<Response, WebError> {
    let command = Command::Batch { batch: id.clone(), command: BatchCommand::ReviewAuditTrail { up_to: sent.up_to } };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to(&format!("/batches/{id}/review")).into_response()),
        Err(rejection) => trail_page(&state, &session, &id, String::new(), Some(rejection)).await,
    }
}

fn open(entry: &Entry, name: PartName) -> Option<&Value> {
    match entry.parts.get(&name) {
        Some(Part::Open { value, .. }) => Some(value),
        _ => None,
    }
}

fn row(entry: &Entry, batch: &Batch, up_to: u64, w: Words) -> Row {
    let envelope = &entry.envelope;
    let who: Option<Who> = open(entry, PartName::Who).and_then(|value| serde_json::from_value(value.clone()).ok());
    let event = Event::of(entry).ok();
    let closed = |part: &Part| !matches!(part, Part::Open { .. });
    let withheld = entry.parts.values().any(closed);
    let columns = match &event {
        Some(Event::Batch(event)) => columns(event, batch, w),
        _ => Columns { object: w.t("withheld"), ..Columns::default() },
    };
    let action = w.maybe(&format!("event-{}", envelope.event_type.replace(['.', '_'], "-")));
    Row {
        seq: envelope.stream_seq,
        entry: entry.id().to_string(),
        time: format!("{} {}", envelope.time.shown(), millis(envelope.time.as_ms())),
        who: who.as_ref().map_or_else(|| w.t("withheld"), |who| actor(&who.actor)),
        role: who.as_ref().map(|who| role(&who.actor, w)).unwrap_or_default(),
        place: who.as_ref().map(place).unwrap_or_default(),
        action: action.unwrap_or_else(|| envelope.event_type.clone()),
        object: columns.object,
        old: columns.old,
        new: columns.new,
        reason: columns.reason,
        withheld,
        after_review: up_to > 0 && envelope.stream_seq > up_to,
        group: group(&envelope.event_type),
    }
}

fn millis(ms: i64) -> String {
    format!(".{:03}", ms.rem_euclid(1000))
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Person { id, name, .. } => format!("{name} [{id}]"),
        Actor::System { set } => format!("system:{set}"),
    }
}

fn role(actor: &Actor, w: Words) -> String {
    match actor {
        Actor::Person { role: Some(role), .. } => w.t(term::role(*role)),
        Actor::Person { role: None, .. } | Actor::System { .. } => String::new(),
    }
}

fn place(who: &Who) -> String {
    let parts = [
        who.terminal.as_ref().map(ToString::to_string),
        who.suite.as_ref().map(ToString::to_string),
        who.client.clone(),
        who.session_of.as_ref().map(|person| format!("@{person}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn group(event_type: &str) -> &'static str {
    match event_type {
        "batch.item_recorded" => "values",
        "batch.item_corrected" | "batch.late_entered" => "changes",
        "batch.signed"
        | "batch.signature_rejected"
        | "batch.reviewed"
        | "batch.audit_trail_reviewed"
        | "batch.released"
        | "batch.rejected" => "signatures",
        "batch.deviation_opened" | "batch.deviation_classified" | "batch.deviation_closed" => "deviations",
        "batch.write_requested"
        | "batch.write_resolved"
        | "batch.condition_met"
        | "batch.limit_returned"
        | "batch.link_changed" => "equipment",
        _ => "steps",
    }
}

fn of_item(batch: &Batch, phase: &PhaseId, item: &ItemId, w: Words) -> String {
    format!("{phase}/{item} {}", item_name(batch, Some(phase), item, w))
}

fn of_phase(batch: &Batch, phase: &PhaseId, w: Words) -> String {
    let name = batch.issued.recipe.phase(phase).map(|phase| w.b(&phase.name)).unwrap_or_default();
    format!("{phase} {name}")
}

fn columns(event: &BatchEvent, batch: &Batch, w: Words) -> Columns {
    let phase = |id: &PhaseId| of_phase(batch, id, w);
    let item = |id: &PhaseId, name: &ItemId| of_item(batch, id, name, w);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let just = |object: String, new: String, reason: String| Columns { object, old: String::new(), new, reason };
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
            just(item(phase, id), format!("{} · {}", value.shown(), w.t(term::verdict(*verdict))), text(reason))
        }
        BatchEvent::ItemCorrected { phase, item: id, version, old, value, text: reason, .. } => Columns {
            object: format!("{} v{version}", item(phase, id)),
            old: old.shown(),
            new: value.shown(),
            reason: text(reason),
        },
        BatchEvent::WriteRequested { phase, item: id, tag, value, .. } => {
            just(item(phase, id), format!("{tag} ← {value}"), String::new())
        }
        BatchEvent::WriteResolved { phase, item: id, outcome, .. } => {
            let value = |value: &Option<mes_core::historian::SampleValue>| {
                value.as_ref().map(ToString::to_string).unwrap_or_default()
            };
            Columns {
                object: item(phase, id),
                old: value(&outcome.before),
                new: format!("{} {}", value(&outcome.read_back), w.t(term::write(&outcome.result))),
                reason: String::new(),
            }
        }
        BatchEvent::ConditionMet { phase: id, evidence } => {
            let readings = evidence
                .readings
                .iter()
                .map(|r| format!("{}={}", r.tag, r.value.as_ref().map(ToString::to_string).unwrap_or_default()));
            just(
                phase(id),
                format!("{} · {}", evidence.expression, readings.collect::<Vec<_>>().join(", ")),
                String::new(),
            )
        }
        BatchEvent::LimitReturned { phase, item: id, .. } => just(item(phase, id), String::new(), String::new()),
        BatchEvent::LinkChanged { equipment, state, cause, .. } => {
            just(equipment.to_string(), w.t(term::link(state)), cause.clone())
        }
        BatchEvent::Signed { signature, text: words } => {
            let meaning = w.t(term::meaning(signature.statement.meaning));
            just(
                format!("{}", signature.id),
                format!("{meaning} · {} · {}", signature.name, signature.statement_hash.short()),
                text(words),
            )
        }
        BatchEvent::SignatureRejected { signature, phase: id, text: why } => {
            just(format!("{signature} · {}", phase(id)), String::new(), text(why))
        }
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
        BatchEvent::DeviationOpened { deviation, cause: why, text: words, .. } => {
            just(deviation.to_string(), cause(why, w), text(words))
        }
        BatchEvent::DeviationClassified { deviation, class, text: words } => {
            just(deviation.to_string(), w.t(term::class(*class)), text(words))
        }
        BatchEvent::DeviationClosed { deviation, text: words, .. } => {
            just(deviation.to_string(), String::new(), text(words))
        }
        BatchEvent::ExecutionCompleted => Columns::default(),
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
    }
}
