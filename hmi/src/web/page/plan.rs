//! The plan as a Gantt chart: of the whole facility for its own staff, of the own batches for a tenant, to whom all else is only not
//! free (SOD-14). One click on a batch says why it is where it is (SCH-09). Whoever assigns suites sees what is proposed; what is done
//! with it is in `adopt.rs`.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    booking::{Booking, BookingState, BookingWindow, Move, PlanObjective},
    clock::{SHOWN_OFFSET_S, Timestamp},
    engine::View,
    id::{BookingId, SuiteId},
};
use serde::Deserialize;

use super::{
    bookings::{minute, standing},
    consent::answered,
};
use crate::web::form::Asked;
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    locale::Words,
    session::Session,
};
use crate::{
    planning::Proposal,
    progress::{SLIP_MIN, expected, expected_window, slip_min},
    reasons::Reason,
};

/// Width of the chart, and of the names of suites beside it, in pixels of its own.
const WIDTH: i64 = 1_120;
const NAMES: i64 = 96;
/// Height of a suite's row.
const ROW: i64 = 40;
/// Height of the days above the rows.
const HEAD: i64 = 24;
/// Narrowest bar that has its name on it.
const NAMED_MIN: i64 = 70;
const DAY_S: i64 = 86_400;
/// Weeks that are shown at first, and at most.
const WEEKS: i64 = 3;
const WEEKS_MAX: i64 = 26;

/// A stretch of the chart.
struct Stretch {
    x: i64,
    width: i64,
}

/// A batch in the chart.
struct Bar {
    x: i64,
    y: i64,
    width: i64,
    class: &'static str,
    label: String,
    title: String,
    href: Option<String>,
    work: Vec<Stretch>,
    late: Option<Stretch>,
}

/// A suite's row.
struct Row {
    name: String,
    y: i64,
}

/// A day in the head of the chart.
struct Day {
    x: i64,
    label: String,
}

/// The same as text.
struct Line {
    href: Option<String>,
    booking: String,
    tenant: String,
    suite: String,
    period: String,
    state: String,
    late: Option<String>,
}

/// A booking that the proposal moves.
struct MoveLine {
    booking: String,
    old: String,
    new: String,
    reason: String,
    /// What its tenant is to be asked.
    ask: Option<String>,
    /// What came of asking before.
    answered: Option<String>,
}

/// A plan to adopt.
struct Proposed {
    cause: String,
    objective: Vec<(String, i64)>,
    made: String,
    moves: Vec<MoveLine>,
    asks: bool,
    plan: String,
    inputs: String,
}

/// The plan in force.
struct InForce {
    id: String,
    by: String,
    at: String,
    made: String,
    cause: String,
    objective: Vec<(String, i64)>,
}

/// One click on a batch.
struct Why {
    booking: String,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    w: Words,
    frame: Frame,
    whole: bool,
    width: i64,
    height: i64,
    rows: Vec<Row>,
    days: Vec<Day>,
    bars: Vec<Bar>,
    now_x: Option<i64>,
    earlier: String,
    later: String,
    spans: Vec<(i64, String, bool)>,
    lines: Vec<Line>,
    why: Option<Why>,
    may_adopt: bool,
    in_force: Option<InForce>,
    proposed: Option<Proposed>,
    no_plan: Option<String>,
    person: String,
    refusal: Option<String>,
}

/// What of the plan is looked at.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct Look {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    weeks: Option<i64>,
    #[serde(default)]
    at: Option<String>,
}

/// Between time and the chart.
struct Scale {
    from: Timestamp,
    until: Timestamp,
}

impl Scale {
    fn of(look: &Look, now: Timestamp) -> Self {
        let weeks = look.weeks.unwrap_or(WEEKS).clamp(1, WEEKS_MAX);
        let day = look.from.as_ref().and_then(|day| form::local_time(&format!("{day}T00:00"), "from").ok());
        let from = midnight(day.unwrap_or_else(|| now.plus_s(-2 * DAY_S)));
        Self { from, until: from.plus_s(weeks * 7 * DAY_S) }
    }
    fn x(&self, at: Timestamp) -> i64 {
        let whole = self.until.since_ms(self.from).max(1);
        let at = at.since_ms(self.from).clamp(0, whole);
        NAMES + at * (WIDTH - NAMES) / whole
    }
    fn stretch(&self, from: Timestamp, until: Timestamp) -> Stretch {
        let x = self.x(from);
        Stretch { x, width: (self.x(until) - x).max(2) }
    }
    fn shows(&self, from: Timestamp, until: Timestamp) -> bool {
        from < self.until && self.from < until
    }
    fn days(&self) -> i64 {
        self.until.since_ms(self.from) / (DAY_S * 1000)
    }
    fn head(&self) -> Vec<Day> {
        let every = (self.days() / 12).max(1);
        let day = |n: i64| {
            let at = self.from.plus_s(n * DAY_S);
            Day { x: self.x(at), label: at.shown().chars().skip(5).take(5).collect() }
        };
        (0..self.days()).step_by(usize::try_from(every).unwrap_or(1)).map(day).collect()
    }
    fn address(&self, days: i64, weeks: i64) -> String {
        let day: String = form::local_field(self.from.plus_s(days * DAY_S)).chars().take(10).collect();
        format!("/plan?from={day}&weeks={weeks}")
    }
}

/// The start of a day, local time.
fn midnight(at: Timestamp) -> Timestamp {
    let local_s = at.as_ms().div_euclid(1000) + i64::from(SHOWN_OFFSET_S);
    Timestamp::from_ms((local_s.div_euclid(DAY_S) * DAY_S - i64::from(SHOWN_OFFSET_S)) * 1000)
}

fn bar(view: &View, scale: &Scale, y: i64, (id, booking): (&BookingId, &Booking), w: Words) -> Bar {
    let window = expected_window(booking, view);
    let place = scale.stretch(window.from, window.until);
    let late = slip_min(booking, view);
    let steps = expected(booking, view);
    let work = booking
        .window
        .activities
        .iter()
        .zip(&steps)
        .map(|(planned, step)| scale.stretch(step.from, step.from.plus_ms(planned.until.since_ms(planned.from))));
    let weeks = scale.days() / 7;
    Bar {
        y: y + 6,
        class: match booking.state {
            BookingState::Requested => "bar tentative",
            BookingState::Issued(_) => "bar running",
            _ => "bar",
        },
        label: if place.width < NAMED_MIN { String::new() } else { shown_id(id, booking) },
        title: format!(
            "{} · {} – {} · {}",
            shown_id(id, booking),
            minute(window.from),
            minute(window.until),
            standing(booking, view, w)
        ),
        href: Some(format!("{}&at={id}#why", scale.address(0, weeks))),
        work: work.filter(|stretch| stretch.x > NAMES).collect(),
        late: (late >= SLIP_MIN).then(|| scale.stretch(booking.window.until, window.until)),
        x: place.x,
        width: place.width,
    }
}

/// The batch's number once there is one.
fn shown_id(id: &BookingId, booking: &Booking) -> String {
    match &booking.state {
        BookingState::Issued(batch) => batch.to_string(),
        _ => id.to_string(),
    }
}

fn foreign(scale: &Scale, y: i64, (from, until): (Timestamp, Timestamp), w: Words) -> Bar {
    let place = scale.stretch(from, until);
    let label = if place.width < NAMED_MIN { String::new() } else { w.t("suite-not-free") };
    Bar {
        x: place.x,
        y: y + 6,
        width: place.width,
        class: "bar foreign",
        label,
        title: w.t("suite-not-free"),
        href: None,
        work: Vec::new(),
        late: None,
    }
}

/// The slot that a tenant is asked to move to, or has accepted.
fn proposed_bar(scale: &Scale, y: i64, id: &BookingId, window: &BookingWindow, w: Words) -> Bar {
    let place = scale.stretch(window.from, window.until);
    Bar {
        x: place.x,
        y: y + 6,
        width: place.width,
        class: "bar tentative",
        label: if place.width < NAMED_MIN { String::new() } else { id.to_string() },
        title: format!("{id} · {} · {}", period(window), w.t("move-slot")),
        href: Some(format!("/bookings/{id}")),
        work: Vec::new(),
        late: None,
    }
}

fn proposed_line(
    view: &View,
    (id, booking): (&BookingId, &Booking),
    window: &BookingWindow,
    scale: &Scale,
    w: Words,
) -> Line {
    Line {
        href: Some(format!("/bookings/{id}")),
        period: format!("{} – {}", minute(window.from), minute(window.until)),
        state: w.t("move-slot"),
        late: None,
        ..line(view, id, booking, scale, w)
    }
}

fn holds(booking: &Booking, view: &View) -> bool {
    booking.held_until(&view.batches, view.now).is_some()
}

fn line(view: &View, id: &BookingId, booking: &Booking, scale: &Scale, w: Words) -> Line {
    let tenant = view.facility.tenants.get(&booking.tenant).map(|tenant| w.b(&tenant.name).to_owned());
    let window = expected_window(booking, view);
    let late = slip_min(booking, view);
    Line {
        href: Some(format!("{}&at={id}#why", scale.address(0, scale.days() / 7))),
        booking: shown_id(id, booking),
        tenant: tenant.unwrap_or_else(|| booking.tenant.to_string()),
        suite: booking.window.suite.to_string(),
        period: format!("{} – {}", minute(window.from), minute(window.until)),
        state: standing(booking, view, w),
        late: (late >= SLIP_MIN).then(|| w.t2("plan-late", ("hours", late / 60), ("minutes", late % 60))),
    }
}

fn reason_text(reason: &Reason, w: Words) -> String {
    let whose = |by: &Option<BookingId>| by.as_ref().map_or_else(|| w.t("plan-another"), ToString::to_string);
    match reason {
        Reason::Promised { from, tolerance_h } => w.t2("why-promised", ("time", minute(*from)), ("hours", tolerance_h)),
        Reason::SuiteBefore { suite, until, by } => {
            format!("{} ({})", w.t2("why-suite-before", ("suite", suite), ("time", minute(*until))), whose(by))
        }
        Reason::SuiteAfter { suite, from, by } => {
            format!("{} ({})", w.t2("why-suite-after", ("suite", suite), ("time", minute(*from))), whose(by))
        }
        Reason::EquipmentBefore { equipment, until, by } => {
            format!("{} ({})", w.t2("why-equipment", ("equipment", equipment), ("time", minute(*until))), whose(by))
        }
        Reason::Elsewhere { suite, earliest: Some(at), chosen: true } => {
            w.t2("why-own", ("suite", suite), ("time", minute(*at)))
        }
        Reason::Elsewhere { suite, earliest: Some(at), chosen: false } => {
            w.t2("why-other", ("suite", suite), ("time", minute(*at)))
        }
        Reason::Elsewhere { suite, earliest: None, .. } => w.t1("why-nowhere", "suite", suite),
    }
}

fn objective(it: &PlanObjective, w: Words) -> Vec<(String, i64)> {
    let PlanObjective { total, tardiness, changeover, route, drop, makespan } = *it;
    let parts = [
        ("objective-total", total),
        ("objective-tardiness", tardiness),
        ("objective-changeover", changeover),
        ("objective-route", route),
        ("objective-drop", drop),
        ("objective-makespan", makespan),
    ];
    parts.into_iter().map(|(key, value)| (w.t(key), value)).collect()
}

fn period(window: &BookingWindow) -> String {
    format!("{} · {} – {}", window.suite, minute(window.from), minute(window.until))
}

fn proposed(state: &AppState, view: &View, proposal: &Proposal, w: Words) -> Proposed {
    let moved = |item: &Move| MoveLine {
        booking: view.bookings.get(&item.booking).map_or_else(String::new, |it| shown_id(&item.booking, it)),
        old: view.bookings.get(&item.booking).map_or_else(String::new, |it| period(&it.window)),
        new: period(&item.window),
        reason: w.b(&item.reason).to_owned(),
        ask: proposal.asks.iter().find(|ask| ask.booking == item.booking).map(|ask| w.b(&ask.reason).to_owned()),
        answered: view.bookings.get(&item.booking).and_then(|it| answered(it.proposed.as_ref()?, w)),
    };
    let plan = &proposal.adopted;
    Proposed {
        cause: w.b(&plan.cause).to_owned(),
        objective: objective(&plan.objective, w),
        made: format!("{} · seed {} · {}", plan.solver, plan.seed, w.t1("plan-steps", "steps", plan.steps)),
        moves: plan.moves.iter().map(moved).collect(),
        asks: !proposal.asks.is_empty(),
        plan: state.desk.new_id("PLN"),
        inputs: plan.inputs.short(),
    }
}

fn in_force(view: &View, w: Words) -> Option<InForce> {
    let plan = view.plan.as_ref()?;
    let by = view.facility.people.get(&plan.by).map_or_else(|| plan.by.to_string(), |person| person.name.full());
    let made = &plan.adopted;
    Some(InForce {
        id: plan.id.to_string(),
        by,
        at: plan.at.shown_signed(),
        made: format!(
            "{} · seed {} · {} · {}",
            made.solver,
            made.seed,
            w.t1("plan-steps", "steps", made.steps),
            made.inputs.short()
        ),
        cause: w.b(&made.cause).to_owned(),
        objective: objective(&made.objective, w),
    })
}

/// Bars and lines of everything in the chart's period.
fn drawn(
    view: &View,
    suites: &[SuiteId],
    taken: &[(SuiteId, Timestamp, Timestamp)],
    scale: &Scale,
    w: Words,
) -> (Vec<Bar>, Vec<Line>) {
    let (mut bars, mut lines) = (Vec::new(), Vec::new());
    for (suite, row) in suites.iter().zip(0_i64..) {
        let y = HEAD + row * ROW;
        let own = view.bookings.iter().filter(|(_, it)| it.window.suite == *suite && holds(it, view));
        for (id, booking) in own {
            let window = expected_window(booking, view);
            if scale.shows(window.from, window.until) {
                bars.push(bar(view, scale, y, (id, booking), w));
                lines.push(line(view, id, booking, scale, w));
            }
        }
        for (id, booking) in &*view.bookings {
            let beside = booking.held_beside(view.now).filter(|it| it.suite == *suite);
            if let Some(window) = beside.filter(|it| scale.shows(it.from, it.until)) {
                bars.push(proposed_bar(scale, y, id, window, w));
                lines.push(Line { suite: suite.to_string(), ..proposed_line(view, (id, booking), window, scale, w) });
            }
        }
        for (_, from, until) in taken.iter().filter(|(of, from, until)| of == suite && scale.shows(*from, *until)) {
            bars.push(foreign(scale, y, (*from, *until), w));
            lines.push(Line {
                href: None,
                booking: "–".to_owned(),
                tenant: "–".to_owned(),
                suite: suite.to_string(),
                period: format!("{} – {}", minute(*from), minute(*until)),
                state: w.t("suite-not-free"),
                late: None,
            });
        }
    }
    (bars, lines)
}

pub(super) fn plan_page(
    state: &AppState,
    session: &Session,
    look: &Look,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let scale = Scale::of(look, state.desk.now());
    let weeks = scale.days() / 7;
    let suites: Vec<SuiteId> = view.facility.suites.keys().cloned().collect();
    let taken = state.desk.view().taken(&session.scope);
    let (bars, lines) = drawn(&view, &suites, &taken, &scale, w);
    let may_adopt = state.desk.may(&session.scope, Action::AdoptPlan, None);
    let found = state.desk.proposal(&session.scope);
    let why = look.at.as_ref().and_then(|id| id.parse::<BookingId>().ok()).and_then(|id| {
        let booking = view.bookings.get(&id)?;
        let reasons = state.desk.reasons(&session.scope, &id);
        Some(Why { booking: shown_id(&id, booking), reasons: reasons.iter().map(|it| reason_text(it, w)).collect() })
    });
    let now = state.desk.now();
    let rows = suites.iter().zip(0_i64..).map(|(suite, row)| Row { name: suite.to_string(), y: HEAD + row * ROW });
    let content = PlanPage {
        w,
        frame: Frame::of(state, session, &view, w.t("nav-plan")),
        whole: may_adopt || view.plan.is_some(),
        width: WIDTH,
        height: HEAD + i64::try_from(suites.len()).unwrap_or(0) * ROW + 4,
        rows: rows.collect(),
        days: scale.head(),
        bars,
        now_x: scale.shows(now, now.plus_ms(1)).then(|| scale.x(now)),
        earlier: scale.address(-weeks * 7, weeks),
        later: scale.address(weeks * 7, weeks),
        spans: [1, 3, 8, 26].map(|n| (n, scale.address(0, n), n == weeks)).into(),
        lines,
        why,
        may_adopt,
        in_force: in_force(&view, w),
        proposed: found.as_ref().and_then(|it| it.as_ref().as_ref().ok()).map(|it| proposed(state, &view, it, w)),
        no_plan: found.as_ref().and_then(|it| it.as_ref().as_ref().err()).map(|no| w.b(&no.said).to_owned()),
        person: session.scope.person.to_string(),
        refusal: refusal.as_ref().map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(refusal.as_ref().map_or(StatusCode::OK, status_of), &content)
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    Asked(look): Asked<Look>,
) -> Result<Response, WebError> {
    plan_page(&state, &session, &look, None)
}

/// Searches for a plan now.
pub(crate) async fn propose(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    match state.desk.propose(session.scope.clone()).await {
        Ok(()) => Ok(Redirect::to("/plan#proposal").into_response()),
        Err(refusal) => plan_page(&state, &session, &Look::default(), Some(refusal)),
    }
}
