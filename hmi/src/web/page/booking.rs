//! One request with all its batches, and the signed steps that lead to its confirmation: risk assessment of co-location, quality's
//! approval, confirmation (BKG-02). What is signed is frozen and shown before the password is asked for.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection, Signature},
    booking::{
        Booking, BookingCommand, BookingSignature, BookingState, BookingStep, RiskAnswer, RiskAssessment, RiskQuestion,
        booking_statement,
    },
    clock::Timestamp,
    engine::{Act, Command, View},
    id::{BookingId, SignatureId},
    journal::Hash,
    quantity::Bilingual,
};
use serde::Deserialize;

use super::{
    bookings::{equipment, minute, standing},
    consent::{self, MovePanel},
};
use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    locale::Words,
    session::Session,
    term,
};

/// One batch of the request.
struct BatchLine {
    id: String,
    position: String,
    from: String,
    until: String,
    suite: String,
    equipment: String,
    state: String,
}

/// One step of the ladder.
struct Rung {
    name: String,
    class: &'static str,
    signed: String,
}

/// One question with the answer it has.
struct Question {
    field: String,
    rule: &'static str,
    text: String,
    answer: Option<String>,
    choices: Vec<(&'static str, String, bool)>,
}

/// Somebody else's batch at the same time, as the assessor sees it.
struct Neighbour {
    booking: String,
    tenant: String,
    product: String,
    period: String,
    place: String,
    class: String,
    same_suite: bool,
}

/// What is to be signed, frozen.
struct Dialog {
    action: &'static str,
    title: String,
    accept: String,
    records: Vec<(String, u32, String)>,
    statement: String,
    short: String,
    shown_at: String,
    shown: String,
    signature: String,
    /// Fields that are posted again as they were shown.
    kept: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "booking.html")]
struct BookingPage {
    w: Words,
    frame: Frame,
    request: String,
    facts: Vec<(String, String)>,
    batches: Vec<BatchLine>,
    ladder: Vec<Rung>,
    questions: Vec<Question>,
    assessed: Option<(String, String)>,
    neighbours: Option<Vec<Neighbour>>,
    risk_form: Option<RiskForm>,
    dialog: Option<Dialog>,
    signer: String,
    refusable: bool,
    reason: (String, String),
    refusal: Option<String>,
    moves: Vec<MovePanel>,
}

/// What a page shows beyond the request itself.
#[derive(Default)]
pub(super) struct Shown {
    draft: Option<RiskForm>,
    frozen: bool,
    reason: (String, String),
    refusal: Option<Rejection>,
}

impl Shown {
    /// What was asked for was refused.
    pub(super) fn refused(refusal: Rejection) -> Self {
        Self { refusal: Some(refusal), ..Self::default() }
    }
}

/// The bookings of the request to which a booking belongs, and the request's number.
fn members<'v>(view: &'v View, id: &BookingId) -> Option<(BookingId, Vec<(&'v BookingId, &'v Booking)>)> {
    let of = |request: &BookingId| -> Vec<(&'v BookingId, &'v Booking)> {
        view.bookings.iter().filter(|(known, booking)| booking.of_request(known, request)).collect()
    };
    let request = view.bookings.get(id).and_then(|it| it.hold.as_ref()).map_or(id, |hold| &hold.request);
    let found = of(request);
    (!found.is_empty()).then(|| (request.clone(), found))
}

fn signed(signature: Option<&Signature>, w: Words) -> String {
    let text = |it: &Signature| format!("{} · {} · {}", it.name, w.t(term::role(it.role)), it.at.shown_signed());
    signature.map(text).unwrap_or_default()
}

fn ladder(booking: &Booking, w: Words) -> Vec<Rung> {
    let assessed = booking.assessed.as_ref().map(|assessed| &assessed.signature);
    let steps = [
        ("step-risk", assessed),
        ("step-approval", booking.approval.as_ref()),
        ("step-confirmation", booking.confirmation.as_ref()),
    ];
    let open = booking.state == BookingState::Requested;
    let next = steps.iter().position(|(_, signature)| signature.is_none());
    let rung = |(row, (key, signature)): (usize, &(&str, Option<&Signature>))| Rung {
        name: w.t(key),
        class: match signature {
            Some(_) => "done",
            None if open && next == Some(row) => "now",
            None => "",
        },
        signed: signed(*signature, w),
    };
    steps.iter().enumerate().map(rung).collect()
}

/// What the request states, with what its recipe and agreement say (BKG-01).
fn facts(view: &View, booking: &Booking, w: Words) -> Vec<(String, String)> {
    let tenant = view.facility.tenants.get(&booking.tenant).map(|tenant| w.b(&tenant.name).to_owned());
    let mut facts = vec![
        (w.t("tenant"), tenant.unwrap_or_else(|| booking.tenant.to_string())),
        (w.t("recipe"), format!("{} v{}", booking.recipe, booking.version)),
        (w.t("booking-standing"), standing(booking, view, w)),
    ];
    if let Some(master) = view.recipes.get(&(booking.recipe.clone(), booking.version)) {
        let header = &master.body.header;
        facts.push((w.t("product"), w.b(&header.product_name).to_owned()));
        facts.push((w.t("stated-vector"), w.t(if header.viral { "vector-yes" } else { "vector-no" })));
    }
    let Some(hold) = &booking.hold else { return facts };
    let stated = &hold.stated;
    facts.push((w.t("stated-regime"), w.t(term::regime(stated.regime))));
    facts.push((w.t("stated-handling"), w.t(if stated.open_handling { "handling-open" } else { "handling-closed" })));
    facts.push((w.t("stated-infection"), w.t(term::infection(stated.infection))));
    if let Some(day) = stated.patient_date {
        facts.push((w.t("stated-patient-date"), day.shown().chars().take("2026-07-01".len()).collect()));
    }
    if let Some(text) = &hold.text {
        facts.push((w.t("stated-text"), text.clone()));
    }
    if booking.state == BookingState::Requested {
        facts.push((w.t("hold-until"), minute(hold.until)));
    }
    facts
}

/// Bookings of anybody in the facility at the same time: what co-location is about. Only the facility's own staff are shown them.
fn neighbours(view: &View, of: &[(&BookingId, &Booking)], w: Words) -> Vec<Neighbour> {
    let own = |id: &BookingId| of.iter().any(|(known, _)| *known == id);
    let holds = |booking: &Booking| booking.held_until(&view.batches, view.now);
    let near = |booking: &Booking| of.iter().any(|(_, it)| it.window.overlaps(&booking.window));
    let others = view.bookings.iter().filter(|(id, it)| !own(id) && holds(it).is_some() && near(it));
    let line = |(id, it): (&BookingId, &Booking)| {
        let tenant = view.facility.tenants.get(&it.tenant).map(|tenant| w.b(&tenant.name).to_owned());
        let viral = view.recipes.get(&(it.recipe.clone(), it.version)).is_some_and(|r| r.body.header.viral);
        let infection = it.hold.as_ref().map(|hold| w.t(term::infection(hold.stated.infection)));
        let vector = w.t(if viral { "vector-yes" } else { "vector-no" });
        Neighbour {
            booking: id.to_string(),
            tenant: tenant.unwrap_or_else(|| it.tenant.to_string()),
            product: it.product.to_string(),
            period: format!("{} – {}", minute(it.window.from), minute(it.window.until)),
            place: format!("{} · {}", it.window.suite, equipment(&it.window)),
            class: infection.map_or_else(|| vector.clone(), |infection| format!("{vector} · {infection}")),
            same_suite: of.iter().any(|(_, own)| own.window.suite == it.window.suite),
        }
    };
    others.map(line).collect()
}

/// The form of an assessment.
#[derive(Deserialize, Clone, Default)]
pub(crate) struct RiskForm {
    #[serde(default)]
    separated: Option<RiskAnswer>,
    #[serde(default)]
    cabinets: Option<RiskAnswer>,
    #[serde(default)]
    vectors: Option<RiskAnswer>,
    #[serde(default)]
    infected: Option<RiskAnswer>,
    #[serde(default)]
    acceptable: Option<String>,
    #[serde(default)]
    text: String,
}

impl RiskForm {
    fn answer(&self, question: RiskQuestion) -> Option<RiskAnswer> {
        match question {
            RiskQuestion::Separated => self.separated,
            RiskQuestion::Cabinets => self.cabinets,
            RiskQuestion::Vectors => self.vectors,
            RiskQuestion::Infected => self.infected,
        }
    }
    fn assessment(&self) -> RiskAssessment {
        let given = RiskQuestion::ALL.into_iter().filter_map(|question| Some((question, self.answer(question)?)));
        let answers: BTreeMap<RiskQuestion, RiskAnswer> = given.collect();
        RiskAssessment { answers, acceptable: self.acceptable.as_deref() == Some("yes") }
    }
    fn kept(&self) -> Vec<(String, String)> {
        let answers = RiskQuestion::ALL.into_iter().filter_map(|question| {
            let code = answer_code(self.answer(question)?);
            Some((question_code(question).to_owned(), code.to_owned()))
        });
        let conclusion = self.acceptable.clone().map(|said| ("acceptable".to_owned(), said));
        answers.chain(conclusion).chain([("text".to_owned(), self.text.clone())]).collect()
    }
}

fn question_code(question: RiskQuestion) -> &'static str {
    match question {
        RiskQuestion::Separated => "separated",
        RiskQuestion::Cabinets => "cabinets",
        RiskQuestion::Vectors => "vectors",
        RiskQuestion::Infected => "infected",
    }
}

fn answer_code(answer: RiskAnswer) -> &'static str {
    match answer {
        RiskAnswer::Satisfied => "satisfied",
        RiskAnswer::NotApplicable => "not_applicable",
        RiskAnswer::NotSatisfied => "not_satisfied",
    }
}

fn questions(draft: Option<&RiskForm>, signed: Option<&RiskAssessment>, w: Words) -> Vec<Question> {
    let all = [RiskAnswer::Satisfied, RiskAnswer::NotApplicable, RiskAnswer::NotSatisfied];
    let question = |question: RiskQuestion| {
        let drafted = draft.and_then(|draft| draft.answer(question));
        let answer = drafted.or_else(|| signed.and_then(|it| it.answers.get(&question).copied()));
        let choice = |it: RiskAnswer| (answer_code(it), w.t(term::risk_answer(it)), drafted == Some(it));
        Question {
            field: question_code(question).to_owned(),
            rule: question.rule(),
            text: w.t(term::risk_question(question)),
            answer: answer.map(|it| w.t(term::risk_answer(it))),
            choices: all.into_iter().map(choice).collect(),
        }
    };
    RiskQuestion::ALL.into_iter().map(question).collect()
}

/// The dialog of the next step, if this person may take it now.
fn dialog(
    state: &AppState,
    session: &Session,
    open: &[(&BookingId, &Booking)],
    shown: &Shown,
) -> Result<Option<Dialog>, Rejection> {
    let w = session.words();
    let Some((_, first)) = open.first() else { return Ok(None) };
    let acceptable = first.assessed.as_ref().is_some_and(|assessed| assessed.assessment.acceptable);
    let (step, action, act) = match (&first.assessed, &first.approval) {
        _ if shown.frozen => (BookingStep::RiskAssessment, "assess", Action::AssessBooking),
        (Some(_), None) if acceptable => (BookingStep::Approval, "approve", Action::ApproveBooking),
        (Some(_), Some(_)) => (BookingStep::Confirmation, "confirm", Action::ConfirmBooking),
        _ => return Ok(None),
    };
    if !state.desk.may(&session.scope, act, None) {
        return Ok(None);
    }
    let draft = shown.draft.clone().unwrap_or_default();
    let assessment = draft.assessment();
    let text = form::filled(Some(&draft.text));
    let drafted = (step == BookingStep::RiskAssessment).then_some((&assessment, text.as_deref()));
    let at = state.desk.now();
    let statement = booking_statement(step, open, drafted, &session.scope.person, (at, session.scope.language))?;
    let hash = statement.hash()?;
    let title = w.t(term::booking_step(step));
    Ok(Some(Dialog {
        action,
        accept: w.t2("sign-accept", ("meaning", w.t(term::meaning(step.meaning()))), ("about", &title)),
        title,
        records: statement.records.iter().map(|it| (it.record.clone(), it.version, it.hash.short())).collect(),
        statement: hash.to_string(),
        short: hash.short(),
        shown_at: at.to_string(),
        shown: at.shown_signed(),
        signature: state.desk.new_id("SIG"),
        kept: if step == BookingStep::RiskAssessment { draft.kept() } else { Vec::new() },
    }))
}

pub(super) fn booking_page(
    state: &AppState,
    session: &Session,
    id: &BookingId,
    mut shown: Shown,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let (request, all) = members(&view, id).ok_or(WebError::NotFound)?;
    let (_, first) = all.first().ok_or(WebError::NotFound)?;
    let open: Vec<(&BookingId, &Booking)> =
        all.iter().filter(|(_, booking)| booking.state == BookingState::Requested).copied().collect();
    let dialog = dialog(state, session, &open, &shown).unwrap_or_else(|refusal| {
        shown.refusal.get_or_insert(refusal);
        None
    });
    let may = |action| !open.is_empty() && state.desk.may(&session.scope, action, None);
    let lead = open.first().map_or(*first, |(_, booking)| *booking);
    let assessed = lead.assessed.as_ref();
    let may_assess = may(Action::AssessBooking);
    let batch = |(id, booking): &(&BookingId, &Booking)| BatchLine {
        id: id.to_string(),
        position: booking.hold.as_ref().map(|hold| format!("{}/{}", hold.position, hold.of)).unwrap_or_default(),
        from: minute(booking.window.from),
        until: minute(booking.window.until),
        suite: booking.window.suite.to_string(),
        equipment: equipment(&booking.window),
        state: standing(booking, &view, w),
    };
    let facility = session.scope.tenant.is_none() && state.desk.may(&session.scope, Action::AssessBooking, None)
        || state.desk.may(&session.scope, Action::ApproveBooking, None);
    let content = BookingPage {
        w,
        frame: Frame::of(state, session, &view, w.t1("booking-title", "booking", &request)),
        request: request.to_string(),
        facts: facts(&view, lead, w),
        batches: all.iter().map(batch).collect(),
        ladder: ladder(lead, w),
        questions: questions(shown.draft.as_ref(), assessed.map(|it| &it.assessment), w),
        assessed: assessed.map(|it| {
            let conclusion = if it.assessment.acceptable { "risk-acceptable" } else { "risk-not-acceptable" };
            (w.t(conclusion), it.text.clone().unwrap_or_default())
        }),
        neighbours: facility.then(|| neighbours(&view, &all, w)),
        risk_form: (may_assess && !shown.frozen).then(|| shown.draft.clone().unwrap_or_default()),
        dialog,
        signer: session.scope.person.to_string(),
        refusable: may(Action::ConfirmBooking),
        reason: shown.reason,
        moves: consent::panels(state, session, &all)?,
        refusal: shown.refusal.as_ref().map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(shown.refusal.as_ref().map_or(StatusCode::OK, status_of), &content)
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
) -> Result<Response, WebError> {
    booking_page(&state, &session, &id, Shown::default())
}

/// Freezes a drafted assessment and shows what will be signed.
pub(crate) async fn draft(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<RiskForm>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let (_, all) = members(&view, &id).ok_or(WebError::NotFound)?;
    let judged = all.iter().filter(|(_, booking)| booking.state == BookingState::Requested).try_for_each(|(_, it)| {
        let viral = view.recipes.get(&(it.recipe.clone(), it.version)).is_some_and(|r| r.body.header.viral);
        sent.assessment().check(it, viral)
    });
    let refusal = judged.err();
    let shown = Shown { draft: Some(sent), frozen: refusal.is_none(), refusal, ..Shown::default() };
    booking_page(&state, &session, &id, shown)
}

/// The signature of a step.
#[derive(Deserialize)]
pub(crate) struct Sent {
    statement: Hash,
    shown_at: Timestamp,
    signature: SignatureId,
    password: String,
    #[serde(flatten)]
    risk: RiskForm,
}

pub(super) async fn sign(
    state: &AppState,
    session: &Session,
    id: &BookingId,
    step: BookingStep,
    sent: Sent,
) -> Result<Response, WebError> {
    let Sent { statement, shown_at, signature, password, risk } = sent;
    let (person, client) = (session.scope.person.clone(), session.visit.client.clone());
    let sign = BookingSignature { statement, shown_at, language: session.scope.language, signature };
    let command = match step {
        BookingStep::RiskAssessment => {
            let text = form::filled(Some(&risk.text));
            BookingCommand::AssessRisk { assessment: risk.assessment(), text, sign }
        }
        BookingStep::Approval => BookingCommand::Approve { sign },
        BookingStep::Confirmation => BookingCommand::Confirm { sign },
        BookingStep::Consent => BookingCommand::AcceptMove { sign },
    };
    let outcome = match state.desk.check_credential(person, password, client).await {
        Ok(reauth) => {
            let command = Command::Booking { booking: id.clone(), command };
            state.desk.act(Act { scope: session.scope.clone(), signer: Some(reauth), command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to(&format!("/bookings/{id}")).into_response()),
        Err(refusal) => {
            let drafted = step == BookingStep::RiskAssessment;
            let draft = drafted.then_some(risk);
            let shown = Shown { draft, frozen: drafted, refusal: Some(refusal), ..Shown::default() };
            booking_page(state, session, id, shown)
        }
    }
}

/// Signs the assessment.
pub(crate) async fn assess(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    sign(&state, &session, &id, BookingStep::RiskAssessment, sent).await
}

/// Signs quality's approval.
pub(crate) async fn approve(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    sign(&state, &session, &id, BookingStep::Approval, sent).await
}

/// Signs the confirmation.
pub(crate) async fn confirm(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    sign(&state, &session, &id, BookingStep::Confirmation, sent).await
}

/// The sentence the tenant sees.
#[derive(Deserialize)]
pub(crate) struct Reason {
    ja: String,
    en: String,
}

/// Refuses a request.
pub(crate) async fn refuse(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BookingId>,
    Filled(sent): Filled<Reason>,
) -> Result<Response, WebError> {
    let reason = Bilingual::new(sent.ja.trim(), sent.en.trim());
    let command = Command::Booking { booking: id.clone(), command: BookingCommand::Refuse { reason } };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to("/bookings").into_response()),
        Err(refusal) => {
            let shown = Shown { reason: (sent.ja, sent.en), refusal: Some(refusal), ..Shown::default() };
            booking_page(&state, &session, &id, shown)
        }
    }
}
