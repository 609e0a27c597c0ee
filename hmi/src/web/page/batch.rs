//! The step screen (L2/L3): identity band, outline of the procedure, the phase at which the batch stands, live equipment.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use mes_core::{
    access::Action,
    batch::{Batch, PhaseStatus},
    engine::{LinkState, View, cause_words},
    id::{BatchId, PhaseId},
};
use serde::Deserialize;

use crate::web::form::{Asked, At};
use crate::web::{
    AppState,
    error::WebError,
    form,
    frame::{Frame, page},
    glance::{Glance, current, glance},
    live::Fragment,
    locale::Words,
    page::work::{Draft, Work, status_class, work},
    reading::{LiveValue, live},
    session::Session,
    term, wording,
};

/// One phase in the outline.
struct OutlineRow {
    id: String,
    name: String,
    status: String,
    status_class: &'static str,
    here: bool,
    alarm: bool,
}

/// A device of the batch.
struct Device {
    role: String,
    id: String,
    name: String,
    link: String,
    /// Why it is not online, and where it is looked for; empty while it is.
    cause: String,
    online: bool,
    values: Vec<LiveValue>,
}

/// The link of a device, and why it is not there when it is not.
#[derive(Template)]
#[template(path = "batch_link.html")]
struct LinkNow<'a> {
    device: &'a Device,
}

/// Identity band, fixed on top of every page of a batch (HMI-11).
#[derive(Template)]
#[template(path = "batch_band.html")]
pub(crate) struct Band {
    pub(crate) w: Words,
    pub(crate) glance: Glance,
    pub(crate) tabs: Vec<(String, String, bool)>,
}

#[derive(Template)]
#[template(path = "batch_outline.html")]
struct Outline {
    w: Words,
    batch: String,
    outline: Vec<OutlineRow>,
}

#[derive(Template)]
#[template(path = "batch_devices.html")]
struct Devices {
    w: Words,
    batch: String,
    devices: Vec<Device>,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    w: Words,
    frame: Frame,
    band: Band,
    outline: Outline,
    work: Work,
    devices: Devices,
}

/// Which phase a person wants to see; the one at which the batch stands when missing.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    pub(crate) phase: Option<String>,
}

/// A batch in a view that was cut for the person; what is not in it does not exist for them.
pub(crate) fn find<'a>(view: &'a View, batch: &BatchId) -> Result<&'a Batch, WebError> {
    view.batches.get(batch).map(AsRef::as_ref).ok_or(WebError::NotFound)
}

/// The band with its tabs; `here` is the tab's last path segment, empty for the step screen.
pub(crate) fn band(state: &AppState, session: &Session, view: &View, batch: &Batch, here: &str) -> Band {
    let w = session.words();
    let id = &batch.issued.batch;
    let may = |action| state.desk.may(&session.scope, action, Some(id));
    let mut tabs = vec![("", "tab-steps"), ("deviations", "tab-deviations"), ("review", "tab-review")];
    if may(Action::SeeAuditTrail) {
        tabs.push(("trail", "tab-trail"));
    }
    tabs.push(("record", "tab-record"));
    let tabs = tabs.into_iter().map(|(path, key)| {
        let href = if path.is_empty() { format!("/batches/{id}") } else { format!("/batches/{id}/{path}") };
        (href, w.t(key), path == here)
    });
    Band { w, glance: glance(batch, view, w), tabs: tabs.collect() }
}

/// The live stream of a page of a batch other than its step screen: the band alone.
pub(crate) fn stream(batch: &BatchId, tab: &str) -> String {
    format!("/live/batches/{batch}?tab={tab}")
}

fn outline(batch: &Batch, shown: Option<&PhaseId>, w: Words) -> Outline {
    let here = shown.or_else(|| current(batch).map(|phase| &phase.id));
    let rows = batch.issued.recipe.phases().map(|phase| {
        let run = batch.phases.get(&phase.id);
        let status = run.map_or(PhaseStatus::Waiting, |run| run.status);
        OutlineRow {
            id: phase.id.to_string(),
            name: w.b(&phase.name).to_owned(),
            status: w.t(term::phase(status)),
            status_class: status_class(status),
            here: here == Some(&phase.id),
            alarm: batch.deviations.values().any(|d| d.phase.as_ref() == Some(&phase.id) && d.closed.is_none()),
        }
    });
    Outline { w, batch: batch.issued.batch.to_string(), outline: rows.collect() }
}

fn devices(state: &AppState, view: &View, batch: &Batch, w: Words) -> Devices {
    let now = state.desk.now();
    let devices = batch.issued.equipment.iter().map(|(role, equipment)| {
        let known = view.links.get(&equipment.id);
        let link = known.map(|link| &link.state);
        let online = link == Some(&LinkState::Online);
        let why = known.filter(|_| !online).map(|link| w.b(&cause_words(&link.cause)).to_owned());
        let tag = |name: &mes_core::id::TagName| mes_core::id::TagId::new(equipment.id.clone(), name.clone());
        Device {
            role: w.b(&wording::role(&batch.issued.recipe, role)).to_owned(),
            id: equipment.id.to_string(),
            name: w.b(&equipment.name).to_owned(),
            link: w.t(link.map_or("link-unknown", term::link)),
            cause: why.map(|why| format!("{why} · {}", equipment.link.address)).unwrap_or_default(),
            online,
            values: equipment.tags.iter().map(|t| live(view, &tag(&t.name), None, now, w)).collect(),
        }
    });
    Devices { w, batch: batch.issued.batch.to_string(), devices: devices.collect() }
}

fn phase_id(text: Option<&str>) -> Result<Option<PhaseId>, WebError> {
    text.filter(|text| !text.is_empty()).map(form::id).transpose()
}

/// The step screen.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(chosen): Asked<Chosen>,
) -> Result<Response, WebError> {
    let phase = phase_id(chosen.phase.as_deref())?;
    whole(&state, &session, &id, phase.as_ref(), None)
}

/// The whole page, with what was refused if something was.
pub(crate) fn whole(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    phase: Option<&PhaseId>,
    draft: Option<Draft>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let batch = find(&view, id)?;
    let status = draft.as_ref().map_or(StatusCode::OK, |draft| crate::web::error::status_of(&draft.rejection));
    let stream = match phase {
        Some(phase) => format!("/live/batches/{id}?phase={phase}"),
        None => format!("/live/batches/{id}"),
    };
    let mut frame = Frame::of(state, session, &view, id.to_string()).live(stream);
    frame.path = match phase {
        Some(phase) => format!("/batches/{id}?phase={phase}"),
        None => format!("/batches/{id}"),
    };
    let content = BatchPage {
        w,
        frame,
        band: band(state, session, &view, batch, ""),
        outline: outline(batch, phase, w),
        work: work(state, session, &view, batch, phase, draft),
        devices: devices(state, &view, batch, w),
    };
    page(status, &content)
}

/// The working area alone, with outline and band beside it: what htmx puts in place after an act.
pub(crate) fn part(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    phase: Option<&PhaseId>,
    draft: Option<Draft>,
) -> Result<Response, WebError> {
    let view = session.view(state);
    let batch = find(&view, id)?;
    let status = draft.as_ref().map_or(StatusCode::OK, |draft| crate::web::error::status_of(&draft.rejection));
    let html = work(state, session, &view, batch, phase, draft).render()?;
    let beside = beside(state, session, &view, batch, phase)?;
    let all = beside.iter().map(Fragment::partial).fold(html, |all, part| all + &part);
    Ok(axum::response::IntoResponse::into_response((status, axum::response::Html(all))))
}

fn beside(
    state: &AppState,
    session: &Session,
    view: &View,
    batch: &Batch,
    phase: Option<&PhaseId>,
) -> Result<Vec<Fragment>, WebError> {
    let outline = outline(batch, phase, session.words()).render()?;
    let band = band(state, session, view, batch, "").render()?;
    Ok(vec![Fragment::new("#outline", "outerMorph", outline), Fragment::new("#band", "outerMorph", band)])
}

/// The parts that change on a batch's other pages: the band, and the values of its equipment.
pub(crate) fn fragments_of_tab(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    tab: &str,
) -> Result<Vec<Fragment>, WebError> {
    let view = session.view(state);
    let batch = find(&view, id)?;
    let band = band(state, session, &view, batch, tab).render()?;
    let mut fragments = vec![Fragment::new("#band", "outerMorph", band)];
    equipment_fragments(&devices(state, &view, batch, session.words()), &mut fragments)?;
    Ok(fragments)
}

/// The parts of the step screen that change.
pub(crate) fn fragments(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    phase: Option<&str>,
) -> Result<Vec<Fragment>, WebError> {
    let view = session.view(state);
    let batch = find(&view, id)?;
    let phase = phase_id(phase)?;
    let mut fragments = beside(state, session, &view, batch, phase.as_ref())?;
    let work = work(state, session, &view, batch, phase.as_ref(), None);
    if let Some((truth, html)) = work.wait_now()? {
        fragments.push(Fragment::new("#wait-now", "innerHTML", html).keyed(truth));
    }
    // Ages run on in the browser, so the working area is sent when the record changed, not each second.
    let key = format!("{} {:?} {:?}", batch.last_seq, batch.state, session.scope.language);
    fragments.push(Fragment::new("#work", "outerMorph", work.render()?).keyed(key));
    equipment_fragments(&devices(state, &view, batch, session.words()), &mut fragments)?;
    Ok(fragments)
}

fn equipment_fragments(devices: &Devices, fragments: &mut Vec<Fragment>) -> Result<(), WebError> {
    for device in &devices.devices {
        fragments.push(Fragment::new(
            format!("[data-link=\"{}\"]", device.id),
            "innerHTML",
            LinkNow { device }.render()?,
        ));
        for value in &device.values {
            let target = format!("[data-tag=\"{}\"]", value.tag);
            fragments.push(Fragment::new(target, "innerHTML", value.html()?).keyed(value.key()));
        }
    }
    Ok(())
}
