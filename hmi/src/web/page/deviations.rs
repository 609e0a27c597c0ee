//! The deviations of a batch: what was seen, classification, and the way to the signature that closes one.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Meaning, Rejection, Subject},
    batch::{Batch, BatchCommand, Deviation, DeviationCause, DeviationClass},
    engine::{Act, Command, View},
    id::{BatchId, DeviationId},
};
use serde::Deserialize;

use super::{
    batch::{Band, band, find, stream},
    sign::subject_text,
    signed_record::item_name,
    work::{Signed, signed},
};
use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    glance::name_of,
    locale::Words,
    session::Session,
    term, wording,
};

/// One deviation.
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) place: String,
    pub(crate) phase: String,
    pub(crate) cause: String,
    pub(crate) text: String,
    pub(crate) opened: String,
    pub(crate) class: String,
    pub(crate) class_code: String,
    pub(crate) impact: String,
    pub(crate) closed: Option<String>,
    decision: String,
    signed: Vec<Signed>,
    close: String,
    refusal: Option<String>,
    draft_class: String,
    draft_text: String,
}

#[derive(Template)]
#[template(path = "deviations.html")]
struct DeviationsPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    lines: Vec<Line>,
    may_classify: bool,
    may_close: bool,
}

/// A cause in words.
pub(crate) fn cause(cause: &DeviationCause, batch: &Batch, w: Words) -> String {
    match cause {
        DeviationCause::Value { shown, range } => w.t2("deviation-value", ("value", shown), ("range", range)),
        DeviationCause::Watch { since, evidence, range } => {
            let settings = wording::device_tag(batch, &evidence.tag);
            let unit = settings.map(|tag| tag.unit.shown()).unwrap_or_default();
            let value = wording::measured(batch, &evidence.tag, evidence.value.as_ref(), w);
            let value = if value.is_empty() { "—".to_owned() } else { value };
            let range = format!("{range} {unit}");
            let said = w.t2("deviation-watch", ("value", value), ("range", range.trim()));
            format!("{said} {}", w.t2("deviation-watch-since", ("tag", &evidence.tag), ("time", since.shown())))
        }
        DeviationCause::HoldTime { due, noticed } => {
            w.t2("deviation-hold", ("due", due.shown()), ("noticed", noticed.shown()))
        }
        DeviationCause::Overdue { due, noticed } => {
            w.t2("deviation-overdue", ("due", due.shown()), ("noticed", noticed.shown()))
        }
        DeviationCause::SetPoint { result } => w.t1("deviation-set-point", "result", wording::written(result, w)),
        DeviationCause::Identity { read } => w.t1("deviation-identity", "read", read),
        DeviationCause::Observed => w.t("deviation-observed"),
    }
}

/// A deviation as pages show it.
pub(crate) fn line(batch: &Batch, view: &View, id: &DeviationId, deviation: &Deviation, w: Words) -> Line {
    let phase = deviation.phase.as_ref().and_then(|id| batch.issued.recipe.phase(id));
    let mut place = phase.map(|phase| w.b(&phase.name).to_owned()).unwrap_or_default();
    if let Some(item) = &deviation.item {
        place = format!("{place} › {}", item_name(batch, deviation.phase.as_ref(), item, w));
    }
    let by = deviation.opened_by.as_ref().map_or_else(|| w.t("the-system"), |by| name_of(view, batch, by));
    let subject = Subject::Deviation(id.clone());
    let withheld = || w.t("withheld");
    Line {
        id: id.to_string(),
        place,
        phase: deviation.phase.as_ref().map(ToString::to_string).unwrap_or_default(),
        cause: cause(&deviation.cause, batch, w),
        text: deviation.text.clone().unwrap_or_default(),
        opened: format!("{} · {by}", deviation.opened_at.shown()),
        class: deviation.class.map(|class| w.t(term::class(class))).unwrap_or_default(),
        class_code: deviation.class.map(|class| format!("{class:?}").to_lowercase()).unwrap_or_default(),
        impact: deviation.impact.clone().unwrap_or_default(),
        closed: deviation.closed.as_ref().map(|(at, _, _)| at.shown()),
        decision: deviation
            .closed
            .as_ref()
            .map(|(_, _, text)| text.clone().unwrap_or_else(withheld))
            .unwrap_or_default(),
        signed: signed(batch, w, |about| *about == subject),
        close: format!("/batches/{}/sign?{}", batch.issued.batch, subject_text(&subject, Meaning::Approved)),
        refusal: None,
        draft_class: String::new(),
        draft_text: String::new(),
    }
}

/// The deviations of a batch, open ones first.
pub(crate) fn lines(batch: &Batch, view: &View, w: Words) -> Vec<Line> {
    let mut lines: Vec<Line> = batch.deviations.iter().map(|(id, d)| line(batch, view, id, d, w)).collect();
    lines.sort_by_key(|line| line.closed.is_some());
    lines
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    deviations_page(&state, &session, &id, None)
}

fn deviations_page(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    refused: Option<(&DeviationId, &Sent, Rejection)>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let batch = find(&view, id)?;
    let mut lines = lines(batch, &view, w);
    let mut status = StatusCode::OK;
    if let Some((deviation, sent, rejection)) = refused {
        status = status_of(&rejection);
        for line in lines.iter_mut().filter(|line| line.id == deviation.as_str()) {
            line.refusal = Some(format!("{} ({})", w.b(&rejection.said), rejection.rule));
            line.draft_class = format!("{:?}", sent.class).to_lowercase();
            line.draft_text = sent.text.clone();
        }
    }
    let may = |action| state.desk.may(&session.scope, action, Some(id));
    let content = DeviationsPage {
        w,
        frame: Frame::of(state, session, &view, w.t("tab-deviations")).live(stream(id, "deviations")),
        band: band(state, session, &view, batch, "deviations"),
        batch: id.to_string(),
        lines,
        may_classify: may(Action::ClassifyDeviation),
        may_close: may(Action::CloseDeviation),
    };
    page(status, &content)
}

/// A classification.
#[derive(Deserialize)]
pub(crate) struct Sent {
    class: DeviationClass,
    text: String,
}

/// Classifies a deviation.
pub(crate) async fn classify(
    State(state): State<AppState>,
    session: Session,
    At((id, deviation)): At<(BatchId, DeviationId)>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    let command = BatchCommand::ClassifyDeviation {
        deviation: deviation.clone(),
        class: sent.class,
        text: sent.text.trim().to_owned(),
    };
    let command = Command::Batch { batch: id.clone(), command };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to(&format!("/batches/{}/deviations", form::encoded(id.as_str()))).into_response()),
        Err(rejection) => deviations_page(&state, &session, &id, Some((&deviation, &sent, rejection))),
    }
}
