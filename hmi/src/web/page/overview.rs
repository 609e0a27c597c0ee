//! Overview (L1): every suite with the batch that runs in it, its equipment's links and what is abnormal.
//! A tenant sees its own; a suite held by somebody else is only said not to be free.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use mes_core::{
    batch::Batch,
    clock::Timestamp,
    engine::{LinkState, View},
    id::SuiteId,
};

use crate::web::{
    AppState,
    error::WebError,
    frame::{Frame, page},
    glance::{Glance, at_work, glance},
    live::Fragment,
    locale::Words,
    page::demo,
    session::{Session, Visit},
    term,
};

/// A device in a suite.
struct EquipmentLine {
    id: String,
    class: String,
    link: String,
    online: bool,
}

/// One suite.
struct SuiteCard {
    id: String,
    name: String,
    grade: String,
    status: String,
    free: bool,
    batches: Vec<Glance>,
    equipment: Vec<EquipmentLine>,
}

#[derive(Template)]
#[template(path = "overview_suites.html")]
struct Suites {
    w: Words,
    suites: Vec<SuiteCard>,
    elsewhere: Vec<Glance>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    w: Words,
    frame: Frame,
    suites: Vec<SuiteCard>,
    elsewhere: Vec<Glance>,
}

/// The first page: the overview for whoever is logged in, the five things to try in a demo, else the log-in.
pub(crate) async fn start(State(state): State<AppState>, visit: Visit) -> Result<Response, WebError> {
    match visit.scope.clone() {
        Some(scope) => show(&state, &Session { scope, visit }),
        None if state.desk.demo().is_some() => demo::welcome(&state, &visit),
        None => Err(WebError::LogIn { next: "/".to_owned(), partial: visit.partial }),
    }
}

fn show(state: &AppState, session: &Session) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let (suites, elsewhere) = cards(state, session, &view);
    let frame = Frame::of(state, session, &view, w.t("nav-overview")).live("/live/overview".to_owned());
    page(StatusCode::OK, &Overview { w, frame, suites, elsewhere })
}

/// The part of the overview that changes.
pub(crate) fn fragments(state: &AppState, session: &Session) -> Result<Vec<Fragment>, WebError> {
    let (suites, elsewhere) = cards(state, session, &session.view(state));
    let html = Suites { w: session.words(), suites, elsewhere }.render()?;
    Ok(vec![Fragment::new("#suites", "innerMorph", html)])
}

fn cards(state: &AppState, session: &Session, view: &View) -> (Vec<SuiteCard>, Vec<Glance>) {
    let w = session.words();
    let taken = state.desk.view().taken(&session.scope);
    let now = state.desk.now();
    let suites = view.facility.suites.keys().map(|suite| card(suite, view, &taken, now, w)).collect();
    let elsewhere = view.batches.values().filter(|batch| !at_work(batch)).map(|batch| glance(batch, view, w)).collect();
    (suites, elsewhere)
}

fn card(id: &SuiteId, view: &View, taken: &[(SuiteId, Timestamp, Timestamp)], now: Timestamp, w: Words) -> SuiteCard {
    let suite = view.facility.suites.get(id);
    let here: Vec<&Batch> =
        view.batches.values().filter(|b| b.issued.suite.id == *id && at_work(b)).map(AsRef::as_ref).collect();
    let foreign = taken.iter().any(|(suite, from, until)| suite == id && *from <= now && now < *until);
    let unqualified = suite.is_some_and(|suite| suite.qualified_until <= now);
    let status = match (here.is_empty(), foreign, unqualified) {
        (false, _, _) => "suite-in-use",
        (true, true, _) => "suite-not-free",
        (true, false, true) => "suite-unqualified",
        (true, false, false) => "suite-available",
    };
    let equipment = view.facility.equipment.values().filter(|equipment| equipment.suite == *id);
    let equipment = equipment
        .map(|equipment| {
            let link = view.links.get(&equipment.id).map(|link| &link.state);
            EquipmentLine {
                id: equipment.id.to_string(),
                class: w.t(term::equipment(equipment.class)),
                link: w.t(link.map_or("link-unknown", term::link)),
                online: link == Some(&LinkState::Online),
            }
        })
        .collect();
    SuiteCard {
        id: id.to_string(),
        name: suite.map(|suite| w.b(&suite.name).to_owned()).unwrap_or_default(),
        grade: suite.map(|suite| format!("{:?}", suite.grade)).unwrap_or_default(),
        status: w.t(status),
        free: status == "suite-available",
        batches: here.iter().map(|batch| glance(batch, view, w)).collect(),
        equipment,
    }
}
