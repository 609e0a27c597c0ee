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
    batch::{Batch, BatchCommand},
    engine::{Act, Command},
    id::BatchId,
    journal::{Entry, Event, Part, PartName, StreamId, StreamKind},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    batch::{Band, band, find, stream},
    trail_columns::{Columns, columns},
};
use crate::web::form::{Asked, At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    frame::{Frame, page},
    glance::name_of,
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
        frame: Frame::of(state, session, &view, w.t("tab-trail")).live(stream(id, "trail")),
        band: band(state, session, &view, batch, "trail"),
        batch: id.to_string(),
        rows,
        total,
        show,
        groups: GROUPS.into_iter().map(|(code, key)| (code, w.t(key))).collect(),
        may_review: state.desk.may(&session.scope, Action::ReviewAuditTrail, Some(id)) && batch.disposed_at.is_none(),
        last: batch.last_seq,
        reviewed: reviewed.map(|(up_to, by)| {
            let name = name_of(&view, batch, by);
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
        time: envelope.time.shown().replace(" JST", &format!(".{:03} JST", envelope.time.as_ms().rem_euclid(1000))),
        who: who.as_ref().map_or_else(|| w.t("withheld"), |who| actor(&who.actor, w)),
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

fn actor(actor: &Actor, w: Words) -> String {
    match actor {
        Actor::Person { id, name, .. } => format!("{name} [{id}]"),
        Actor::System { set } => w.t1("system-set", "set", set),
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
        | "batch.link_changed"
        | "batch.report_received"
        | "batch.sampling_agreed"
        | "batch.device_event_reported"
        | "batch.messages_left_out" => "equipment",
        _ => "steps",
    }
}
