//! The demo's own pages: five things to try with the printed log-ins, and the switches for scripted colleagues and devices.
//! A journal of another purpose has none of this.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{id::EquipmentId, tenant::Role};
use serde::Deserialize;

use super::fault_panel::{DeviceLine, Sent, line};
use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::WebError,
    frame::{Frame, page},
    locale::Words,
    port::{DemoInfo, DemoLogin},
    session::{Session, Visit},
    term,
};

/// A printed log-in.
struct LoginLine {
    person: String,
    name: String,
    roles: String,
    employer: String,
    password: String,
    address: String,
}

#[derive(Template)]
#[template(path = "demo.html")]
struct DemoPage {
    w: Words,
    frame: Frame,
    logged_in: bool,
    logins: Vec<LoginLine>,
    addresses: Vec<(String, String)>,
    operator: String,
    first: String,
    second: String,
    planner: String,
    inspector: String,
    tenant: String,
    auditor: String,
    waiting: Option<String>,
    all_done: bool,
    released: Option<String>,
    colleagues_on: bool,
    devices: Vec<DeviceLine>,
    base: &'static str,
    program: String,
    key_file: String,
}

fn content(state: &AppState, frame: Frame, w: Words, logged_in: bool, demo: DemoInfo) -> DemoPage {
    let view = state.desk.view();
    let login = |login: DemoLogin| {
        let person = view.facility.people.get(&login.person);
        let employer = person.and_then(|p| p.employer.as_ref()).and_then(|id| view.facility.tenants.get(id));
        let roles =
            person.map(|p| p.roles.iter().map(|grant| w.t(term::role(grant.role))).collect::<Vec<_>>().join(" · "));
        let auditor = person.is_some_and(|p| p.roles.iter().any(|grant| grant.role == Role::Aud));
        LoginLine {
            person: login.person.to_string(),
            name: person.map(|p| p.name.full()).unwrap_or_default(),
            roles: roles.unwrap_or_default(),
            employer: match employer {
                Some(tenant) => w.b(&tenant.name).to_owned(),
                None if auditor => w.t("outside-body"),
                None => w.t("facility-staff"),
            },
            password: login.password,
            address: login.address,
        }
    };
    let base = |host: &str| {
        let found = demo.logins.iter().find(|login| login.address.contains(host));
        found.map(|login| login.address.trim_end_matches('/').to_owned()).unwrap_or_default()
    };
    let (operator, tenant, auditor) = (base("operator."), base("tenant."), base("auditor."));
    let who = |host: &str, nth: usize| {
        let mut known = demo.logins.iter().filter(|login| login.address.contains(host));
        known.nth(nth).map(|login| format!("{} / {}", login.person, login.password)).unwrap_or_default()
    };
    let (first, second) = (who("operator.", 0), who("operator.", 1));
    let (planner, inspector) = (who("tenant.", 0), who("auditor.", 0));
    let mut addresses: Vec<(String, String)> = Vec::new();
    for (host, key) in
        [("operator.", "demo-for-operators"), ("tenant.", "demo-for-tenants"), ("auditor.", "demo-for-auditors")]
    {
        if let Some(found) = demo.logins.iter().find(|login| login.address.contains(host)) {
            addresses.push((found.address.clone(), w.t(key)));
        }
    }
    let devices = demo.devices.iter().map(|state| {
        let name = state.name.parse().ok().and_then(|id: EquipmentId| view.facility.equipment.get(&id));
        line(state, name.map(|equipment| w.b(&equipment.name).to_owned()), w)
    });
    DemoPage {
        w,
        frame,
        logged_in,
        devices: devices.collect(),
        base: "/demo/devices",
        addresses,
        operator,
        first,
        second,
        planner,
        inspector,
        tenant,
        auditor,
        all_done: view.batches.len() > 1 && view.batches.values().all(|batch| batch.disposed_at.is_some()),
        waiting: demo.waiting_batch.map(|batch| batch.to_string()),
        released: demo.released_batch.map(|batch| batch.to_string()),
        colleagues_on: demo.colleagues_on,
        program: demo.program,
        key_file: demo.key_file,
        logins: demo.logins.into_iter().map(login).collect(),
    }
}

/// The first page of a demo when nobody is logged in.
pub(crate) fn welcome(state: &AppState, visit: &Visit) -> Result<Response, WebError> {
    let demo = state.desk.demo().ok_or(WebError::NotFound)?;
    let w = Words(visit.language);
    let frame = Frame::open(state, visit, w.t("demo-title"));
    page(StatusCode::OK, &content(state, frame, w, false, demo))
}

/// The same page for somebody who is logged in, with the switches.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    let demo = state.desk.demo().ok_or(WebError::NotFound)?;
    let w = session.words();
    let frame = Frame::of(&state, &session, &session.view(&state), w.t("demo-title"));
    page(StatusCode::OK, &content(&state, frame, w, true, demo))
}

/// A switch.
#[derive(Deserialize)]
pub(crate) struct Switch {
    on: bool,
}

/// Lets the scripted colleagues work or rest.
pub(crate) async fn colleagues(
    State(state): State<AppState>,
    Filled(sent): Filled<Switch>,
) -> Result<Response, WebError> {
    state.desk.demo().ok_or(WebError::NotFound)?;
    state.desk.set_colleagues(sent.on).await?;
    Ok(Redirect::to("/demo").into_response())
}

/// Begins or ends a fault of a device; pulling its cable is one.
pub(crate) async fn device(
    State(state): State<AppState>,
    At(equipment): At<EquipmentId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    state.desk.demo().ok_or(WebError::NotFound)?;
    state.desk.set_fault(equipment, sent.change()?).await?;
    Ok(Redirect::to("/demo#devices").into_response())
}
