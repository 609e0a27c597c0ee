//! A move that a booking's tenant is asked for: the slot it has, the slot proposed, why, and until when it may answer; and the answer
//! (SCH-10). Only the tenant's own staff is given the forms.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    booking::{Booking, BookingCommand, BookingStep, BookingWindow, MoveAnswer, ProposedMove, booking_statement},
    engine::{Act, Command},
    id::BookingId,
};
use serde::Deserialize;

use super::{
    booking::{Sent, Shown, booking_page, sign},
    bookings::{equipment, minute},
};
use crate::web::form::{At, Filled};
use crate::web::{AppState, error::WebError, locale::Words, session::Session, term};

/// A proposed move as the booking's page shows it.
pub(super) struct MovePanel {
    pub(super) booking: String,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) reason: String,
    pub(super) until: String,
    /// Where it stands, with the mark that goes with it.
    pub(super) open: bool,
    pub(super) standing: String,
    pub(super) answer: Option<AnswerForm>,
}

/// What a consent signs, frozen.
pub(super) struct AnswerForm {
    pub(super) accept: String,
    pub(super) statement: String,
    pub(super) short: String,
    pub(super) shown_at: String,
    pub(super) shown: String,
    pub(super) signature: String,
}

fn slot(window: &BookingWindow) -> String {
    format!("{} – {} · {} · {}", minute(window.from), minute(window.until), window.suite, equipment(window))
}

/// What came of a proposal, when anything has.
pub(super) fn answered(proposed: &ProposedMove, w: Words) -> Option<String> {
    Some(match proposed.answer.as_ref()? {
        MoveAnswer::Accepted(signature) => {
            w.t2("move-accepted", ("person", &signature.name), ("time", signature.at.shown_signed()))
        }
        MoveAnswer::Refused { by, text } => {
            w.t2("move-refused", ("person", by), ("reason", text.as_deref().unwrap_or("–")))
        }
        MoveAnswer::Lapsed(due) => w.t1("move-lapsed", "time", minute(*due)),
        MoveAnswer::Withdrawn(_) => w.t("move-withdrawn"),
    })
}

/// The proposed moves of a request's batches.
pub(super) fn panels(
    state: &AppState,
    session: &Session,
    all: &[(&BookingId, &Booking)],
) -> Result<Vec<MovePanel>, Rejection> {
    let w = session.words();
    let may = state.desk.may(&session.scope, Action::AnswerMove, None);
    let panel = |(id, booking): &(&BookingId, &Booking)| {
        let proposed = booking.proposed.as_ref()?;
        let open = booking.open_move(state.desk.now()).is_some();
        // Between the end of its time and the entry that says so, it is over already.
        let over = || if open { w.t("move-open") } else { w.t1("move-lapsed", "time", minute(proposed.until)) };
        let own = session.scope.tenant.as_ref() == Some(&booking.tenant);
        let answer = (open && own && may).then(|| form(state, session, (id, booking)));
        Some(answer.transpose().map(|answer| MovePanel {
            booking: id.to_string(),
            old: slot(&booking.window),
            new: slot(&proposed.window),
            reason: w.b(&proposed.reason).to_owned(),
            until: minute(proposed.until),
            open,
            standing: answered(proposed, w).unwrap_or_else(over),
            answer,
        }))
    };
    all.iter().filter_map(panel).collect()
}

fn form(state: &AppState, session: &Session, booking: (&BookingId, &Booking)) -> Result<AnswerForm, Rejection> {
    let (w, at, step) = (session.words(), state.desk.now(), BookingStep::Consent);
    let signer = (&session.scope.person, (at, session.scope.language));
    let statement = booking_statement(step, &[booking], None, signer.0, signer.1)?;
    let hash = statement.hash()?;
    let (meaning, about) = (w.t(term::meaning(step.meaning())), w.t(term::booking_step(step)));
    Ok(AnswerForm {
        accept: w.t2("sign-accept", ("meaning", meaning), ("about", about)),
        statement: hash.to_string(),
        short: hash.short(),
        shown_at: at.to_string(),
        shown: at.shown_signed(),
        signature: state.desk.new_id("SIG"),
    })
}

/// Accepts the move.
pub(crate) async fn accept(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    sign(&state, &session, &id, BookingStep::Consent, sent).await
}

/// Why the move is refused.
#[derive(Deserialize)]
pub(crate) struct No {
    #[serde(default)]
    text: String,
}

/// Refuses the move.
pub(crate) async fn refuse(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<No>,
) -> Result<Response, WebError> {
    let command = Command::Booking { booking: id.clone(), command: BookingCommand::RefuseMove { text: sent.text } };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to(&format!("/bookings/{id}")).into_response()),
        Err(refusal) => booking_page(&state, &session, &id, Shown::refused(refusal)),
    }
}
