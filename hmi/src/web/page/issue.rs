//! Issue of a batch 製造指図 from a confirmed booking. Suite and equipment are as booked; a person gives lot and identity code.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Meaning, Rejection, Subject},
    batch::{BatchCommand, IssueOrder},
    booking::Booking,
    engine::{Act, Command, MasterRecipe, View},
    id::{BatchId, BookingId, EquipmentRole},
};
use serde::Deserialize;

use super::sign::subject_text;
use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    locale::Words,
    session::Session,
    wording,
};

#[derive(Template)]
#[template(path = "issue.html")]
struct IssuePage {
    w: Words,
    frame: Frame,
    booking: String,
    tenant: String,
    product: String,
    recipe: String,
    suite: String,
    equipment: Vec<(String, String)>,
    from: String,
    until: String,
    sent: Sent,
    refusal: Option<String>,
}

/// What a person enters.
#[derive(Deserialize, Clone, Default)]
pub(crate) struct Sent {
    batch: String,
    lot: String,
    coi: String,
}

fn booked<'a>(view: &'a View, id: &BookingId) -> Result<&'a Booking, WebError> {
    view.bookings.get(id).ok_or(WebError::NotFound)
}

fn role_name(recipe: Option<&MasterRecipe>, role: &EquipmentRole, w: Words) -> String {
    recipe.map_or_else(|| role.to_string(), |known| w.b(&wording::role(&known.body, role)).to_owned())
}

/// The next number for a product's batches, as a proposal; whether it is free is decided at the issue.
fn proposal(view: &View, booking: &Booking) -> String {
    let known = view.batches.values().filter(|batch| batch.issued.recipe.header.product == booking.product).count();
    let year_month: String = view.now.shown().chars().skip(2).take(5).filter(char::is_ascii_digit).collect();
    format!("{}-{year_month}-{:02}", booking.product, known + 1)
}

fn issue_page(
    state: &AppState,
    session: &Session,
    id: &BookingId,
    sent: Option<Sent>,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let booking = booked(&view, id)?;
    let recipe = view.recipes.get(&(booking.recipe.clone(), booking.version));
    let status = refusal.as_ref().map_or(StatusCode::OK, status_of);
    let number = proposal(&view, booking);
    let tenant = view.facility.tenants.get(&booking.tenant);
    let content = IssuePage {
        w,
        frame: Frame::of(state, session, &view, w.t("issue-title")),
        booking: id.to_string(),
        tenant: tenant.map_or_else(|| booking.tenant.to_string(), |tenant| w.b(&tenant.name).to_owned()),
        product: recipe.map_or_else(|| booking.product.to_string(), |r| w.b(&r.body.header.product_name).to_owned()),
        recipe: format!("{} v{}", booking.recipe, booking.version),
        suite: booking.window.suite.to_string(),
        equipment: booking
            .window
            .equipment
            .iter()
            .map(|(role, id)| (role_name(recipe, role, w), id.to_string()))
            .collect(),
        from: booking.window.from.shown(),
        until: booking.window.until.shown(),
        sent: sent.unwrap_or(Sent { batch: number.clone(), lot: number, coi: String::new() }),
        refusal: refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(status, &content)
}

/// The form.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
) -> Result<Response, WebError> {
    issue_page(&state, &session, &id, None, None)
}

/// Issues the batch, then leads to the signature of the issue.
pub(crate) async fn issue(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    let batch: BatchId = match form::typed_id(&sent.batch, "batch") {
        Ok(batch) => batch,
        Err(refusal) => return issue_page(&state, &session, &id, Some(sent), Some(refusal)),
    };
    let view = session.view(&state);
    let booking = booked(&view, &id)?;
    let order = IssueOrder {
        booking: id.clone(),
        recipe: booking.recipe.clone(),
        version: booking.version,
        lot: sent.lot.trim().to_owned(),
        coi: sent.coi.trim().to_owned(),
        suite: booking.window.suite.clone(),
        equipment: booking.window.equipment.clone(),
    };
    let command = Command::Batch { batch: batch.clone(), command: BatchCommand::Issue(Box::new(order)) };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => {
            let to = format!("/batches/{batch}/sign?{}", subject_text(&Subject::Issue, Meaning::Approved));
            Ok(Redirect::to(&to).into_response())
        }
        Err(refusal) => issue_page(&state, &session, &id, Some(sent), Some(refusal)),
    }
}
