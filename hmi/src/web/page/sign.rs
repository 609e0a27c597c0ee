//! The dialog of a signature. It freezes what is signed, shows it, and posts the statement's hash back, so that what was
//! seen is what is signed. The signer may be another person than the one logged in at the terminal.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Meaning, Rejection, Subject},
    batch::{Batch, BatchCommand},
    clock::Timestamp,
    engine::{Act, Command, View},
    id::{BatchId, PersonId, PhaseId, SignatureId},
    journal::Hash,
};
use serde::Deserialize;

use super::{
    batch::{Band, band, find, stream},
    signed_record::{RecordLine, lines},
};
use crate::web::form::{Asked, At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form::{self, encoded, filled},
    frame::{Frame, page},
    locale::Words,
    session::Session,
    term,
};

#[derive(Template)]
#[template(path = "sign.html")]
struct SignPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    back: String,
    subject: String,
    meaning_code: String,
    meaning: String,
    about: String,
    signer: Option<(String, String)>,
    other: bool,
    records: Vec<RecordLine>,
    statement: String,
    short: String,
    shown_at: String,
    shown: String,
    signature: String,
    accept: String,
    wants_text: Option<String>,
    needs_text: bool,
    own_only: bool,
    text: String,
    refusal: Option<String>,
}

/// What the dialog is about, as its address says it.
#[derive(Deserialize)]
pub(crate) struct About {
    subject: String,
    meaning: Meaning,
    signer: Option<String>,
}

/// Subject and meaning as a query.
pub(crate) fn subject_text(subject: &Subject, meaning: Meaning) -> String {
    let subject = serde_json::to_string(subject).unwrap_or_default();
    let meaning = serde_json::to_string(&meaning).unwrap_or_default();
    format!("subject={}&meaning={}", encoded(&subject), meaning.trim_matches('"'))
}

struct Dialog {
    subject: Subject,
    meaning: Meaning,
    signer: Option<PersonId>,
    shown_at: Timestamp,
    text: String,
    refusal: Option<Rejection>,
}

fn subject_of(text: &str) -> Result<Subject, WebError> {
    serde_json::from_str(text).map_err(|_| WebError::Form("subject".to_owned()))
}

/// Opens the dialog: values are frozen at this moment.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(asked): Asked<About>,
) -> Result<Response, WebError> {
    let subject = subject_of(&asked.subject)?;
    let typed = filled(asked.signer.as_ref()).map(|text| form::typed_id::<PersonId>(&text, "signer")).transpose();
    let (signer, refusal) = match typed {
        _ if subject == Subject::Disposition => (Some(session.scope.person.clone()), None),
        Ok(Some(signer)) => (Some(signer), None),
        // Whoever is logged in signs, except as second person: then somebody else does, and says who.
        Ok(None) if asked.meaning == Meaning::Verified => (None, None),
        Ok(None) => (countersigner(&state, &session, &id, &subject)?, None),
        Err(rejection) => (None, Some(rejection)),
    };
    let shown_at = state.desk.now();
    let dialog = Dialog { subject, meaning: asked.meaning, signer, shown_at, text: String::new(), refusal };
    dialog_page(&state, &session, &id, dialog)
}

/// Who signs by default: the performer for whom something was entered, else the person logged in.
fn countersigner(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    subject: &Subject,
) -> Result<Option<PersonId>, WebError> {
    let Subject::Items(phase, items) = subject else { return Ok(Some(session.scope.person.clone())) };
    let view = session.view(state);
    let run = find(&view, id)?.phases.get(phase);
    Ok(items.iter().find_map(|item| run?.items.get(item)?.performer.clone()))
}

fn dialog_page(state: &AppState, session: &Session, id: &BatchId, mut dialog: Dialog) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let batch = find(&view, id)?;
    let signer = dialog.signer.as_ref().and_then(|id| view.facility.people.get(id));
    if dialog.signer.is_some() && signer.is_none() && dialog.refusal.is_none() {
        dialog.refusal = Some(unknown_signer());
    }
    let statement = match signer {
        Some(person) => {
            let made =
                batch.statement(&dialog.subject, dialog.meaning, &person.id, dialog.shown_at, session.scope.language);
            made.map(Some).unwrap_or_else(|rejection| {
                dialog.refusal.get_or_insert(rejection);
                None
            })
        }
        None => None,
    };
    let status = dialog.refusal.as_ref().map_or(StatusCode::OK, status_of);
    let hash = statement.as_ref().and_then(|statement| statement.hash().ok());
    let wants_text = match dialog.subject {
        Subject::Deviation(_) => Some("sign-text-deviation"),
        Subject::Disposition => Some("sign-text-disposition"),
        Subject::ProductionReview | Subject::QualityReview => Some("sign-text-review"),
        _ => None,
    };
    let records = statement.as_ref().map(|statement| lines(statement, batch, w)).unwrap_or_default();
    // The disposition itself is entered by the person logged in, so nobody else can sign it here.
    let own_only = dialog.subject == Subject::Disposition;
    let meaning = w.t(term::meaning(dialog.meaning));
    let about = about(batch, &dialog.subject, w);
    let content = SignPage {
        w,
        frame: Frame::of(state, session, &view, w.t("sign-title")).live(stream(id, "sign")),
        band: band(state, session, &view, batch, ""),
        batch: id.to_string(),
        back: back(id, &dialog.subject),
        subject: serde_json::to_string(&dialog.subject).unwrap_or_default(),
        meaning_code: serde_json::to_string(&dialog.meaning).unwrap_or_default().trim_matches('"').to_owned(),
        accept: w.t2("sign-accept", ("meaning", &meaning), ("about", &about)),
        about,
        meaning,
        other: signer.is_some_and(|person| person.id != session.scope.person),
        signer: signer.map(|person| (person.id.to_string(), person.name.full())),
        records,
        statement: hash.map(|hash| hash.to_string()).unwrap_or_default(),
        short: hash.map(|hash| hash.short()).unwrap_or_default(),
        shown_at: dialog.shown_at.to_string(),
        shown: dialog.shown_at.shown_signed(),
        signature: state.desk.new_id("SIG"),
        wants_text: wants_text.map(|key| w.t(key)),
        needs_text: matches!(dialog.subject, Subject::Deviation(_)) || dialog.meaning == Meaning::Rejected,
        own_only,
        text: dialog.text,
        refusal: dialog.refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(status, &content)
}

fn unknown_signer() -> Rejection {
    Rejection::new(
        "P11-23",
        "この署名者IDは使えません。IDを確認して入力し直してください。",
        "This signer id cannot be used. Check the id and enter it again.",
    )
    .about("signer")
}

fn phase_name(batch: &Batch, phase: &PhaseId, w: Words) -> String {
    batch.issued.recipe.phase(phase).map_or_else(|| phase.to_string(), |phase| w.b(&phase.name).to_owned())
}

/// What a signature is about, in words.
pub(crate) fn about(batch: &Batch, subject: &Subject, w: Words) -> String {
    match subject {
        Subject::Phase(phase) => w.t1("subject-phase", "name", phase_name(batch, phase, w)),
        Subject::Corrections(phase) => w.t1("subject-corrections", "name", phase_name(batch, phase, w)),
        Subject::Items(phase, _) => w.t1("subject-items", "name", phase_name(batch, phase, w)),
        Subject::Deviation(deviation) => w.t1("subject-deviation", "name", deviation),
        Subject::Issue => w.t("subject-issue"),
        Subject::ProductionReview => w.t("subject-production-review"),
        Subject::QualityReview => w.t("subject-quality-review"),
        Subject::Disposition => w.t("subject-disposition"),
        Subject::Recipe(..) => w.t("subject-recipe"),
        Subject::Booking(..) => w.t("subject-booking"),
    }
}

fn back(batch: &BatchId, subject: &Subject) -> String {
    match subject {
        Subject::Phase(phase) | Subject::Corrections(phase) | Subject::Items(phase, _) => {
            format!("/batches/{batch}?phase={phase}")
        }
        Subject::Deviation(_) => format!("/batches/{batch}/deviations"),
        Subject::ProductionReview | Subject::QualityReview | Subject::Disposition => format!("/batches/{batch}/review"),
        Subject::Issue | Subject::Recipe(..) | Subject::Booking(..) => format!("/batches/{batch}"),
    }
}

/// What the dialog sends.
#[derive(Deserialize)]
pub(crate) struct Signing {
    subject: String,
    meaning: Meaning,
    signer: String,
    password: String,
    statement: String,
    shown_at: String,
    signature: String,
    text: Option<String>,
}

/// Signs: checks the signer's credential, then gives the command with its outcome.
pub(crate) async fn sign(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Filled(sent): Filled<Signing>,
) -> Result<Response, WebError> {
    let subject = subject_of(&sent.subject)?;
    let shown_at: Timestamp = form::id(&sent.shown_at)?;
    let signer: PersonId = form::id(&sent.signer)?;
    find(&session.view(&state), &id)?;
    let text = filled(sent.text.as_ref());
    let outcome = give(&state, &session, &id, &subject, &sent, shown_at, &signer, text.clone()).await;
    match outcome {
        Ok(()) => {
            let to = match &subject {
                Subject::Phase(_) | Subject::Issue => format!("/batches/{id}"),
                other => back(&id, other),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(GiveError::Web(error)) => Err(error),
        Err(GiveError::Refused(rejection)) => {
            // A wrong password keeps the frozen statement; a changed record freezes anew and says so.
            let stale = statement_now(&session.view(&state), &id, &subject, sent.meaning, &signer, shown_at, &session)
                .is_none_or(|hash| hash.to_string() != sent.statement);
            let shown_at = if stale { state.desk.now() } else { shown_at };
            let dialog = Dialog {
                subject,
                meaning: sent.meaning,
                signer: Some(signer),
                shown_at,
                text: text.unwrap_or_default(),
                refusal: Some(rejection),
            };
            dialog_page(&state, &session, &id, dialog)
        }
    }
}

fn statement_now(
    view: &View,
    id: &BatchId,
    subject: &Subject,
    meaning: Meaning,
    signer: &PersonId,
    shown_at: Timestamp,
    session: &Session,
) -> Option<Hash> {
    let statement = view.batches.get(id)?.statement(subject, meaning, signer, shown_at, session.scope.language).ok()?;
    statement.hash().ok()
}

enum GiveError {
    Web(WebError),
    Refused(Rejection),
}

impl From<Rejection> for GiveError {
    fn from(rejection: Rejection) -> Self {
        if rejection.rule == "not-found" { Self::Web(WebError::NotFound) } else { Self::Refused(rejection) }
    }
}

impl From<WebError> for GiveError {
    fn from(error: WebError) -> Self {
        Self::Web(error)
    }
}

#[expect(clippy::too_many_arguments, reason = "what one dialog sends, taken apart once")]
async fn give(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    subject: &Subject,
    sent: &Signing,
    shown_at: Timestamp,
    signer: &PersonId,
    text: Option<String>,
) -> Result<(), GiveError> {
    let statement: Hash = form::id(&sent.statement)?;
    let signature: SignatureId = form::id(&sent.signature)?;
    let client = session.visit.client.clone();
    let reauth = state.desk.check_credential(signer.clone(), sent.password.clone(), client).await?;
    let command = BatchCommand::Sign {
        subject: subject.clone(),
        meaning: sent.meaning,
        statement,
        shown_at,
        language: session.scope.language,
        signature: signature.clone(),
        text: text.clone(),
    };
    let batch = |command| Command::Batch { batch: id.clone(), command };
    let act = Act { scope: session.scope.clone(), signer: Some(reauth.clone()), command: batch(command) };
    state.desk.act(act).await?;
    if *subject == Subject::Disposition {
        let release = sent.meaning == Meaning::Released;
        let command = BatchCommand::Dispose { release, signature, text, seals: Vec::new() };
        let act = Act { scope: session.scope.clone(), signer: Some(reauth), command: batch(command) };
        state.desk.act(act).await?;
    }
    Ok(())
}
