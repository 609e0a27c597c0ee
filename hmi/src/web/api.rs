//! The same operations as JSON, under `/api/v1`. A session cookie carries the person; refusals are data with the rule's id.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use mes_core::{
    access::{Reauth, Rejection},
    batch::BatchCommand,
    booking::Asked,
    engine::{Act, Command},
    id::{BatchId, BookingId, PersonId},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::At;
use super::{
    AppState,
    error::{WebError, status_of},
    glance::current,
    page::records::file,
    port::{QuoteRequest, unwatched},
    session::Session,
};

/// The description of this interface; a test holds it to the table of routes.
pub(crate) const OPENAPI: &str = include_str!("../../web/openapi.json");

/// A refusal as JSON.
pub(crate) fn refused(rejection: &Rejection) -> Response {
    (status_of(rejection), Json(json!({ "rule": rejection.rule, "said": rejection.said, "field": rejection.field })))
        .into_response()
}

/// An error as JSON.
pub(crate) fn failed(error: &WebError) -> Response {
    let rule = match error {
        WebError::Refused(rejection) => return refused(rejection),
        WebError::LogIn { .. } => "log-in",
        WebError::NotFound => "not-found",
        WebError::Form(_) => "form",
        WebError::Foreign => "origin",
        WebError::Render(_) | WebError::Broken => "fault",
    };
    (error.status(), Json(json!({ "rule": rule, "said": error.said() }))).into_response()
}

/// The description.
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// Batches in short.
pub(crate) async fn batches(State(state): State<AppState>, session: Session) -> Json<Value> {
    let view = session.view(&state);
    let list = view.batches.values().map(|batch| {
        json!({
            "batch": batch.issued.batch,
            "lot": batch.issued.lot,
            "tenant": batch.issued.tenant.id,
            "product": batch.issued.recipe.header.product,
            "suite": batch.issued.suite.id,
            "lifecycle": batch.lifecycle,
            "state": batch.state,
            "phase": current(batch).map(|phase| &phase.id),
        })
    });
    Json(Value::Array(list.collect()))
}

/// One batch, whole.
pub(crate) async fn batch(State(state): State<AppState>, session: Session, At(id): At<BatchId>) -> Response {
    match session.view(&state).batches.get(&id) {
        Some(batch) => Json(batch.as_ref()).into_response(),
        None => failed(&WebError::NotFound),
    }
}

/// Bookings.
pub(crate) async fn bookings(State(state): State<AppState>, session: Session) -> Json<Value> {
    let view = session.view(&state);
    let list = view.bookings.iter().map(|(id, booking)| json!({ "booking": id, "content": booking }));
    Json(Value::Array(list.collect()))
}

/// Asks for a quote.
pub(crate) async fn quote(State(state): State<AppState>, session: Session, Json(asked): Json<Asked>) -> Response {
    let booking: BookingId = match state.desk.next_booking(&session.scope).parse() {
        Ok(booking) => booking,
        Err(_) => return failed(&WebError::Broken),
    };
    let request = QuoteRequest { booking: booking.clone(), asked };
    match state.desk.quote(session.scope.clone(), request).await {
        Ok(Ok(offers)) => Json(json!({ "booking": booking, "offers": offers, "refusal": null })).into_response(),
        Ok(Err(said)) => Json(json!({ "booking": booking, "offers": [], "refusal": said })).into_response(),
        Err(rejection) => refused(&rejection),
    }
}

/// The plan in force, for the facility's own staff, and when suites are not free, for everybody.
pub(crate) async fn plan(State(state): State<AppState>, session: Session) -> Json<Value> {
    let plan = session.view(&state).plan;
    let taken = state.desk.view().taken(&session.scope);
    let taken = taken.iter().map(|(suite, from, until)| json!({ "suite": suite, "from": from, "until": until }));
    Json(json!({ "plan": plan.as_deref(), "taken": taken.collect::<Vec<_>>() }))
}

/// A credential that comes with a command.
#[derive(Deserialize)]
pub(crate) struct Signer {
    person: PersonId,
    password: String,
}

/// A command, with the signer's credential where it needs one.
#[derive(Deserialize)]
pub(crate) struct Sent<C> {
    command: C,
    signer: Option<Signer>,
}

async fn give(state: &AppState, session: &Session, command: Command, signer: Option<Signer>) -> Response {
    let signer: Option<Reauth> = match signer {
        None => None,
        Some(Signer { person, password }) => {
            match state.desk.check_credential(person, password, session.visit.client.clone()).await {
                Ok(reauth) => Some(reauth),
                Err(rejection) => return refused(&rejection),
            }
        }
    };
    match state.desk.act(Act { scope: session.scope.clone(), signer, command }).await {
        Ok(entries) => (StatusCode::OK, Json(json!({ "entries": entries }))).into_response(),
        Err(rejection) => refused(&rejection),
    }
}

/// A command about a batch.
pub(crate) async fn batch_command(
    State(state): State<AppState>,
    session: Session,
    At(batch): At<BatchId>,
    Json(sent): Json<Sent<BatchCommand>>,
) -> Response {
    give(&state, &session, Command::Batch { batch, command: sent.command }, sent.signer).await
}

/// Any command.
pub(crate) async fn command(
    State(state): State<AppState>,
    session: Session,
    Json(sent): Json<Sent<Command>>,
) -> Response {
    give(&state, &session, sent.command, sent.signer).await
}

/// The evidence package of a batch.
pub(crate) async fn package(State(state): State<AppState>, session: Session, At(batch): At<BatchId>) -> Response {
    match state.desk.package(session.scope.clone(), batch, unwatched()).await {
        Ok(download) => file(download),
        Err(rejection) => refused(&rejection),
    }
}
