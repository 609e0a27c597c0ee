//! Bookings: a tenant asks for a quote, sees what offers stand, and requests one; everybody sees where the bookings stand. Windows of
//! other tenants are only said not to be free. The signed steps of one booking are in `booking.rs`.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    batch::Lifecycle,
    booking::{
        Asked, Booking, BookingCommand, BookingState, BookingWindow, Infection, Quote, Regime, SERIES_BATCHES_MAX,
        Series, Stated,
    },
    clock::Timestamp,
    engine::{Act, Command, View},
    id::BookingId,
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
    withdrawable: bool,
    issuable: bool,
}

/// A batch of an offer.
struct OfferedWindow {
    suite: String,
    equipment: String,
    from: String,
    until: String,
}

/// One offer of an open quote.
struct OfferLine {
    row: usize,
    kind: String,
    windows: Vec<OfferedWindow>,
}

/// An open quote.
struct QuoteLine {
    id: String,
    recipe: String,
    asked: String,
    valid_until: String,
    offers: Vec<OfferLine>,
    refusal: Option<String>,
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
    asked: QuoteForm,
    series_max: u32,
    no_capacity: Option<String>,
    refusal: Option<String>,
    quotes: Vec<QuoteLine>,
    lines: Vec<Line>,
    taken: Vec<(String, String, String)>,
}

/// What a page shows beyond the bookings themselves.
#[derive(Default)]
struct Shown {
    asked: Option<QuoteForm>,
    no_capacity: Option<Bilingual>,
    refusal: Option<Rejection>,
    /// The quote whose request was refused.
    about: Option<BookingId>,
}

/// How far ahead the quote form looks at first, in seconds (28 days).
const HORIZON_S: i64 = 28 * 86_400;

/// A time of the plan, which has no seconds.
pub(crate) fn minute(at: Timestamp) -> String {
    at.shown().chars().take("2026-07-01 14:03".len()).collect()
}

pub(crate) fn equipment(window: &BookingWindow) -> String {
    window.equipment.values().map(ToString::to_string).collect::<Vec<_>>().join(" · ")
}

/// Where a booking stands, in a word or two: a tentative one says what it waits for, one whose batch is there where the batch stands.
pub(crate) fn standing(booking: &Booking, view: &View, w: Words) -> String {
    let state = w.t(term::booking(&booking.state));
    if let BookingState::Issued(batch) = &booking.state {
        let lifecycle = view.batches.get(batch).map(|batch| batch.lifecycle).filter(|it| *it != Lifecycle::Issued);
        return lifecycle.map_or(state, |lifecycle| w.t(term::lifecycle(lifecycle)));
    }
    if booking.state != BookingState::Requested {
        return state;
    }
    let next = match (&booking.assessed, &booking.approval) {
        (None, _) => "booking-next-risk",
        (Some(assessed), _) if !assessed.assessment.acceptable => "booking-risk-against",
        (Some(_), None) => "booking-next-approval",
        (Some(_), Some(_)) => "booking-next-confirmation",
    };
    format!("{state} · {}", w.t(next))
}

fn line(state: &AppState, session: &Session, view: &View, id: &BookingId, booking: &Booking) -> Line {
    let w = session.words();
    let may = |action| state.desk.may(&session.scope, action, None);
    let tenant = view.facility.tenants.get(&booking.tenant);
    let name = |person| view.facility.people.get(person).map_or_else(|| person.to_string(), |p| p.name.full());
    let product =
        view.recipes.get(&(booking.recipe.clone(), booking.version)).map(|r| w.b(&r.body.header.product_name));
    let held = booking.hold.as_ref().filter(|_| booking.state == BookingState::Requested);
    Line {
        id: id.to_string(),
        tenant: tenant.map_or_else(|| booking.tenant.to_string(), |tenant| w.b(&tenant.name).to_owned()),
        product: product.map_or_else(|| booking.product.to_string(), str::to_owned),
        recipe: format!("{} v{}", booking.recipe, booking.version),
        suite: booking.window.suite.to_string(),
        equipment: equipment(&booking.window),
        from: minute(booking.window.from),
        until: minute(booking.window.until),
        state: standing(booking, view, w),
        said: match (&booking.state, held) {
            _ if booking.open_move(view.now).is_some() => {
                let until = booking.open_move(view.now).map(|it| minute(it.until));
                w.t1("move-answer-until", "time", until.unwrap_or_default())
            }
            _ if booking.accepted_move().is_some() => w.t("move-waits-for-plan"),
            (BookingState::Refused(said), _) => w.b(said).to_owned(),
            (BookingState::Lapsed(due), _) => w.t1("booking-lapsed-at", "time", minute(*due)),
            (_, Some(hold)) => w.t1("booking-held-until", "time", minute(hold.until)),
            _ => String::new(),
        },
        requested: format!("{} · {}", booking.requested_at.shown(), name(&booking.requested_by)),
        batch: match &booking.state {
            BookingState::Issued(batch) => Some(batch.to_string()),
            _ => None,
        },
        withdrawable: matches!(booking.state, BookingState::Requested | BookingState::Confirmed)
            && session.scope.tenant.as_ref() == Some(&booking.tenant)
            && may(Action::RequestBooking),
        issuable: booking.state == BookingState::Confirmed && may(Action::IssueBatch),
    }
}

fn quote_line(id: &BookingId, quote: &Quote, w: Words, refusal: Option<String>) -> QuoteLine {
    let offered = |window: &BookingWindow| OfferedWindow {
        suite: window.suite.to_string(),
        equipment: equipment(window),
        from: minute(window.from),
        until: minute(window.until),
    };
    let offers = quote.offers.iter().enumerate().map(|(row, offer)| OfferLine {
        row,
        kind: w.t(term::offer(offer.kind)),
        windows: offer.windows.iter().map(offered).collect(),
    });
    let asked = &quote.asked;
    let dates = format!("{} – {}", minute(asked.earliest), minute(asked.latest));
    QuoteLine {
        id: id.to_string(),
        recipe: format!("{} v{}", asked.recipe, asked.version),
        asked: match asked.series {
            None => dates,
            Some(series) => format!("{dates} · {}", series_text(series, w)),
        },
        valid_until: minute(quote.valid_until),
        offers: offers.collect(),
        refusal,
    }
}

/// A series in words.
fn series_text(series: Series, w: Words) -> String {
    let cadence = w.t2("series-cadence", ("days", series.cadence_d), ("hours", series.tolerance_h));
    format!("{} · {cadence}", w.t1("series-batches", "count", series.batches))
}

fn bookings_page(state: &AppState, session: &Session, shown: Shown) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let now = state.desk.now();
    let mut lines: Vec<Line> = view.bookings.iter().map(|(id, b)| line(state, session, &view, id, b)).collect();
    lines.sort_by(|a, b| a.from.cmp(&b.from));
    let said = shown.refusal.as_ref().map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule));
    let status = shown.refusal.as_ref().map_or(StatusCode::OK, status_of);
    let may_request = state.desk.may(&session.scope, Action::RequestBooking, None) && session.scope.tenant.is_some();
    let open = view.quotes.iter().filter(|(_, quote)| may_request && now < quote.valid_until);
    let about = |id: &BookingId| said.clone().filter(|_| shown.about.as_ref() == Some(id));
    let quotes: Vec<QuoteLine> = open.map(|(id, quote)| quote_line(id, quote, w, about(id))).collect();
    let asked = shown.asked.unwrap_or_else(|| QuoteForm::first(now));
    let usable = view.recipes.iter().filter(|(_, recipe)| recipe.approvals.is_some());
    let choices = usable.map(|((id, version), recipe)| {
        let value = format!("{id}@{version}");
        let label = format!("{id} v{version} · {}", w.b(&recipe.body.header.title));
        Choice { label, chosen: value == asked.recipe, value }
    });
    let taken = state.desk.view().taken(&session.scope);
    let taken = taken.into_iter().filter(|(_, _, until)| *until > now);
    let content = BookingsPage {
        w,
        frame: Frame::of(state, session, &view, w.t("nav-bookings")),
        may_request,
        choices: choices.collect(),
        asked,
        series_max: SERIES_BATCHES_MAX,
        no_capacity: shown.no_capacity.map(|said| w.b(&said).to_owned()),
        refusal: if quotes.iter().any(|quote| quote.refusal.is_some()) { None } else { said },
        quotes,
        lines,
        taken: taken.map(|(suite, from, until)| (suite.to_string(), minute(from), minute(until))).collect(),
    };
    page(status, &content)
}

/// The page.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    bookings_page(&state, &session, Shown::default())
}

/// What is asked for, as the form has it.
#[derive(Deserialize, Clone)]
pub(crate) struct QuoteForm {
    recipe: String,
    earliest: String,
    latest: String,
    #[serde(default = "one")]
    batches: String,
    #[serde(default)]
    cadence_d: String,
    #[serde(default)]
    tolerance_h: String,
}

fn one() -> String {
    "1".to_owned()
}

impl QuoteForm {
    fn first(now: Timestamp) -> Self {
        Self {
            recipe: String::new(),
            earliest: form::local_field(now),
            latest: form::local_field(now.plus_s(HORIZON_S)),
            batches: one(),
            cadence_d: String::new(),
            tolerance_h: String::new(),
        }
    }

    fn asked(&self) -> Result<Asked, Rejection> {
        let unknown =
            || Rejection::new("form", "マスターレシピを選んでください。", "Choose a master recipe.").about("recipe");
        let number = |text: &str, field: &str| {
            let text = if text.trim().is_empty() { "0" } else { text.trim() };
            text.parse::<u32>()
                .map_err(|_| Rejection::new("form", "数字を入力してください。", "Enter a whole number.").about(field))
        };
        let (recipe, version) = self.recipe.split_once('@').ok_or_else(unknown)?;
        let batches = number(&self.batches, "batches")?;
        let series = Series {
            batches,
            cadence_d: number(&self.cadence_d, "cadence_d")?,
            tolerance_h: number(&self.tolerance_h, "tolerance_h")?,
        };
        Ok(Asked {
            recipe: recipe.parse().map_err(|_| unknown())?,
            version: version.parse().map_err(|_| unknown())?,
            earliest: form::local_time(&self.earliest, "earliest")?,
            latest: form::local_time(&self.latest, "latest")?,
            series: (batches != 1).then_some(series),
        })
    }
}

/// Asks for a quote.
pub(crate) async fn quote(
    State(state): State<AppState>,
    session: Session,
    Filled(form): Filled<QuoteForm>,
) -> Result<Response, WebError> {
    let booking: BookingId = form::id(&state.desk.next_booking(&session.scope))?;
    let mut shown = Shown { asked: Some(form.clone()), ..Shown::default() };
    match form.asked() {
        Ok(asked) => match state.desk.quote(session.scope.clone(), QuoteRequest { booking, asked }).await {
            Ok(Ok(_)) => {}
            Ok(Err(said)) => shown.no_capacity = Some(said),
            Err(refusal) => shown.refusal = Some(refusal),
        },
        Err(refusal) => shown.refusal = Some(refusal),
    }
    bookings_page(&state, &session, shown)
}

/// A request for what was offered.
#[derive(Deserialize)]
pub(crate) struct Requested {
    booking: BookingId,
    offer: u32,
    regime: Regime,
    #[serde(default)]
    open_handling: Option<String>,
    infection: Infection,
    #[serde(default)]
    patient_date: String,
    #[serde(default)]
    text: String,
}

/// Requests one of the offers.
pub(crate) async fn book(
    State(state): State<AppState>,
    session: Session,
    Filled(sent): Filled<Requested>,
) -> Result<Response, WebError> {
    let day = sent.patient_date.trim();
    let patient_date =
        if day.is_empty() { None } else { Some(form::local_time(&format!("{day}T00:00"), "patient_date")) };
    let (booking, about) = (sent.booking.clone(), Some(sent.booking));
    let outcome = match patient_date.transpose() {
        Ok(patient_date) => {
            let open_handling = sent.open_handling.is_some();
            let stated = Stated { regime: sent.regime, open_handling, infection: sent.infection, patient_date };
            let text = form::filled(Some(&sent.text));
            let command = BookingCommand::Request { offer: sent.offer, stated, text };
            let command = Command::Booking { booking: booking.clone(), command };
            state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to(&format!("/bookings/{booking}")).into_response()),
        Err(refusal) => bookings_page(&state, &session, Shown { refusal: Some(refusal), about, ..Shown::default() }),
    }
}

/// Withdraws a booking.
pub(crate) async fn withdraw(
    State(state): State<AppState>,
    session: Session,
    At(booking): At<BookingId>,
) -> Result<Response, WebError> {
    let command = Command::Booking { booking, command: BookingCommand::Withdraw };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to("/bookings").into_response()),
        Err(refusal) => bookings_page(&state, &session, Shown { refusal: Some(refusal), ..Shown::default() }),
    }
}
