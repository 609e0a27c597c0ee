//! Bookings: a tenant asks for a quote and requests what was offered; the facility confirms or refuses. Windows of other
//! tenants are only said not to be free.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    booking::{Booking, BookingCommand, BookingState, BookingWindow},
    clock::Timestamp,
    engine::{Act, Command, View},
    id::{BookingId, RecipeId},
    quantity::Bilingual,
};
use serde::Deserialize;

use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    locale::Words,
    port::QuoteRequest,
    session::Session,
    term,
};

/// One booking.
struct Line {
    id: String,
    tenant: String,
    product: String,
    recipe: String,
    suite: String,
    equipment: String,
    from: String,
    until: String,
    state: String,
    said: String,
    requested: String,
    batch: Option<String>,
    confirmable: bool,
    withdrawable: bool,
    issuable: bool,
    refusal: Option<String>,
    reason_ja: String,
    reason_en: String,
}

/// What the scheduler offers.
struct Offer {
    booking: String,
    recipe: String,
    version: u32,
    window: String,
    suite: String,
    equipment: String,
    from: String,
    until: String,
}

/// A recipe to choose.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "bookings.html")]
struct BookingsPage {
    w: Words,
    frame: Frame,
    may_request: bool,
    choices: Vec<Choice>,
    earliest: String,
    latest: String,
    offer: Option<Offer>,
    no_capacity: Option<String>,
    refusal: Option<String>,
    lines: Vec<Line>,
    taken: Vec<(String, String, String)>,
}

/// What a page shows beyond the bookings themselves.
#[derive(Default)]
struct Shown {
    recipe: String,
    earliest: Option<String>,
    latest: Option<String>,
    offer: Option<Offer>,
    no_capacity: Option<Bilingual>,
    refusal: Option<Rejection>,
    /// A refusal about one booking's form, with what was entered there.
    about: Option<(BookingId, String, String)>,
}

/// How far ahead the quote form looks at first, in seconds (28 days).
const HORIZON_S: i64 = 28 * 86_400;

/// A time of the plan, which has no seconds.
fn minute(at: Timestamp) -> String {
    at.shown().chars().take("2026-07-01 14:03".len()).collect()
}

fn equipment(window: &BookingWindow) -> String {
    window.equipment.iter().map(|(role, id)| format!("{role}: {id}")).collect::<Vec<_>>().join(" · ")
}

fn line(state: &AppState, session: &Session, view: &View, id: &BookingId, booking: &Booking) -> Line {
    let w = session.words();
    let may = |action| state.desk.may(&session.scope, action, None);
    let tenant = view.facility.tenants.get(&booking.tenant);
    let name = |person| view.facility.people.get(person).map_or_else(|| person.to_string(), |p| p.name.full());
    let product =
        view.recipes.get(&(booking.recipe.clone(), booking.version)).map(|r| w.b(&r.body.header.product_name));
    Line {
        id: id.to_string(),
        tenant: tenant.map_or_else(|| booking.tenant.to_string(), |tenant| w.b(&tenant.name).to_owned()),
        product: product.map_or_else(|| booking.product.to_string(), str::to_owned),
        recipe: format!("{} v{}", booking.recipe, booking.version),
        suite: booking.window.suite.to_string(),
        equipment: equipment(&booking.window),
        from: minute(booking.window.from),
        until: minute(booking.window.until),
        state: w.t(term::booking(&booking.state)),
        said: match &booking.state {
            BookingState::Refused(said) => w.b(said).to_owned(),
            _ => String::new(),
        },
        requested: format!("{} · {}", booking.requested_at.shown(), name(&booking.requested_by)),
        batch: match &booking.state {
            BookingState::Issued(batch) => Some(batch.to_string()),
            _ => None,
        },
        confirmable: booking.state == BookingState::Requested && may(Action::ConfirmBooking),
        withdrawable: matches!(booking.state, BookingState::Requested | BookingState::Confirmed)
            && session.scope.tenant.as_ref() == Some(&booking.tenant)
            && may(Action::RequestBooking),
        issuable: booking.state == BookingState::Confirmed && may(Action::IssueBatch),
        refusal: None,
        reason_ja: String::new(),
        reason_en: String::new(),
    }
}

fn bookings_page(state: &AppState, session: &Session, shown: Shown) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let now = state.desk.now();
    let mut lines: Vec<Line> = view.bookings.iter().map(|(id, b)| line(state, session, &view, id, b)).collect();
    lines.sort_by(|a, b| a.from.cmp(&b.from));
    let said = shown.refusal.as_ref().map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule));
    let status = shown.refusal.as_ref().map_or(StatusCode::OK, status_of);
    let mut general = said.clone();
    if let Some((about, ja, en)) = &shown.about {
        for line in lines.iter_mut().filter(|line| line.id == about.as_str()) {
            (line.refusal, line.reason_ja, line.reason_en) = (said.clone(), ja.clone(), en.clone());
            general = None;
        }
    }
    let usable = view.recipes.iter().filter(|(_, recipe)| recipe.approvals.is_some());
    let choices = usable.map(|((id, version), recipe)| {
        let value = format!("{id}@{version}");
        Choice {
            label: format!("{id} v{version} · {}", w.b(&recipe.body.header.title)),
            chosen: value == shown.recipe,
            value,
        }
    });
    let taken = state.desk.view().taken(&session.scope);
    let taken = taken.into_iter().filter(|(_, _, until)| *until > now);
    let content = BookingsPage {
        w,
        frame: Frame::of(state, session, &view, w.t("nav-bookings")),
        may_request: state.desk.may(&session.scope, Action::RequestBooking, None),
        choices: choices.collect(),
        earliest: shown.earliest.unwrap_or_else(|| form::local_field(now)),
        latest: shown.latest.unwrap_or_else(|| form::local_field(now.plus_s(HORIZON_S))),
        offer: shown.offer,
        no_capacity: shown.no_capacity.map(|said| w.b(&said).to_owned()),
        refusal: general,
        lines,
        taken: taken.map(|(suite, from, until)| (suite.to_string(), minute(from), minute(until))).collect(),
    };
    page(status, &content)
}

/// The page.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    bookings_page(&state, &session, Shown::default())
}

/// What is asked for.
#[derive(Deserialize)]
pub(crate) struct QuoteForm {
    recipe: String,
    earliest: String,
    latest: String,
}

fn request(asked: &QuoteForm, booking: BookingId) -> Result<QuoteRequest, Rejection> {
    let unknown =
        || Rejection::new("form", "マスターレシピを選んでください。", "Choose a master recipe.").about("recipe");
    let (recipe, version) = asked.recipe.split_once('@').ok_or_else(unknown)?;
    Ok(QuoteRequest {
        booking,
        recipe: recipe.parse().map_err(|_| unknown())?,
        version: version.parse().map_err(|_| unknown())?,
        earliest: form::local_time(&asked.earliest, "earliest")?,
        latest: form::local_time(&asked.latest, "latest")?,
    })
}

/// Asks for a quote.
pub(crate) async fn quote(
    State(state): State<AppState>,
    session: Session,
    Filled(asked): Filled<QuoteForm>,
) -> Result<Response, WebError> {
    let booking: BookingId = form::id(&state.desk.next_booking(&session.scope))?;
    let mut shown = Shown { recipe: asked.recipe.clone(), ..Shown::default() };
    (shown.earliest, shown.latest) = (Some(asked.earliest.clone()), Some(asked.latest.clone()));
    let request = match request(&asked, booking.clone()) {
        Ok(request) => request,
        Err(refusal) => return bookings_page(&state, &session, Shown { refusal: Some(refusal), ..shown }),
    };
    let (recipe, version) = (request.recipe.to_string(), request.version);
    match state.desk.quote(session.scope.clone(), request).await {
        Ok(Ok(window)) => {
            shown.offer = Some(Offer {
                booking: booking.to_string(),
                recipe,
                version,
                window: serde_json::to_string(&window).map_err(|error| WebError::Form(error.to_string()))?,
                suite: window.suite.to_string(),
                equipment: equipment(&window),
                from: minute(window.from),
                until: minute(window.until),
            });
        }
        Ok(Err(said)) => shown.no_capacity = Some(said),
        Err(refusal) => shown.refusal = Some(refusal),
    }
    bookings_page(&state, &session, shown)
}

/// A request for what was offered.
#[derive(Deserialize)]
pub(crate) struct Requested {
    booking: BookingId,
    recipe: RecipeId,
    version: u32,
    window: String,
}

/// Requests the offered window.
pub(crate) async fn book(
    State(state): State<AppState>,
    session: Session,
    Filled(sent): Filled<Requested>,
) -> Result<Response, WebError> {
    let window = serde_json::from_str(&sent.window).map_err(|error| WebError::Form(error.to_string()))?;
    let command = BookingCommand::Request { recipe: sent.recipe, version: sent.version, window };
    give(&state, &session, sent.booking, command, None).await
}

async fn give(
    state: &AppState,
    session: &Session,
    booking: BookingId,
    command: BookingCommand,
    entered: Option<(String, String)>,
) -> Result<Response, WebError> {
    let command = Command::Booking { booking: booking.clone(), command };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to("/bookings").into_response()),
        Err(refusal) => {
            let about = entered.map(|(ja, en)| (booking, ja, en));
            bookings_page(state, session, Shown { refusal: Some(refusal), about, ..Shown::default() })
        }
    }
}

/// Confirms a booking.
pub(crate) async fn confirm(
    State(state): State<AppState>,
    session: Session,
    At(booking): At<BookingId>,
) -> Result<Response, WebError> {
    give(&state, &session, booking, BookingCommand::Confirm, None).await
}

/// Withdraws a booking.
pub(crate) async fn withdraw(
    State(state): State<AppState>,
    session: Session,
    At(booking): At<BookingId>,
) -> Result<Response, WebError> {
    give(&state, &session, booking, BookingCommand::Withdraw, None).await
}

/// The sentence the tenant sees.
#[derive(Deserialize)]
pub(crate) struct Reason {
    ja: String,
    en: String,
}

/// Refuses a booking.
pub(crate) async fn refuse(
    State(state): State<AppState>,
    session: Session,
    At(booking): At<BookingId>,
    Filled(sent): Filled<Reason>,
) -> Result<Response, WebError> {
    let reason = Bilingual::new(sent.ja.trim(), sent.en.trim());
    give(&state, &session, booking, BookingCommand::Refuse { reason }, Some((sent.ja, sent.en))).await
}
