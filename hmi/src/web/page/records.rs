//! Finding batches, and taking their records home: a searchable list, and per batch the evidence package and the printed record.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::Action,
    id::{BatchId, EquipmentId},
};
use serde::Deserialize;

use super::{
    batch::{Band, band, find, stream},
    reports::{ReportLine, line},
};
use crate::web::form::{Asked, At, encoded};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    exports::{Export, ExportKind, Progress},
    frame::{Frame, page},
    glance::{Glance, glance},
    live::Fragment,
    locale::Words,
    port::{Download, ExportStage},
    session::Session,
};

#[derive(Template)]
#[template(path = "batches.html")]
struct BatchesPage {
    w: Words,
    frame: Frame,
    batches: Vec<Glance>,
    query: String,
}

/// What is searched for.
#[derive(Deserialize)]
pub(crate) struct Search {
    q: Option<String>,
}

/// All batches the person may see, newest first; `q` narrows by number, lot, product, tenant or identity code (P11-05).
pub(crate) async fn list(
    State(state): State<AppState>,
    session: Session,
    Asked(search): Asked<Search>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(&state);
    let query = search.q.unwrap_or_default().trim().to_lowercase();
    let mut found: Vec<_> = view.batches.values().collect();
    found.sort_by_key(|batch| std::cmp::Reverse(batch.issued_at));
    let matches = |glance: &Glance| {
        let fields = [
            &glance.id,
            &glance.lot,
            &glance.coi,
            &glance.product,
            &glance.product_code,
            &glance.tenant,
            &glance.lifecycle,
        ];
        query.is_empty() || fields.iter().any(|field| field.to_lowercase().contains(&query))
    };
    let batches = found.into_iter().map(|batch| glance(batch, &view, w)).filter(matches).collect();
    let frame = Frame::of(&state, &session, &view, w.t("nav-batches"));
    page(StatusCode::OK, &BatchesPage { w, frame, batches, query })
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    may_export: bool,
    disposed: bool,
    refusal: Option<String>,
    facts: Vec<(String, String)>,
    reports: Vec<ReportLine>,
    export: Option<ExportView>,
}

/// One stage of an export.
struct StageLine {
    name: String,
    class: &'static str,
}

/// An export that was asked for.
#[derive(Template)]
#[template(path = "export.html")]
struct ExportView {
    w: Words,
    what: String,
    stages: Vec<StageLine>,
    took: String,
    refusal: Option<String>,
    /// Where the finished file is fetched, its name and its size.
    file: Option<(String, String, String)>,
}

/// What export a person wants to see.
#[derive(Deserialize)]
pub(crate) struct Asking {
    export: Option<String>,
}

/// The page from which a record is taken home.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(asking): Asked<Asking>,
) -> Result<Response, WebError> {
    record_page(&state, &session, &id, None, asking.export.as_deref())
}

fn record_page(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    refusal: Option<mes_core::access::Rejection>,
    export: Option<&str>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let batch = find(&view, id)?;
    let issued = &batch.issued;
    let status = refusal.as_ref().map_or(StatusCode::OK, status_of);
    let export = export.map(str::to_owned).or_else(|| state.exports.latest(&session.scope.person, id));
    let facts = vec![
        (w.t("facility"), w.b(&issued.facility.name).to_owned()),
        (w.t("permit"), issued.agreement.permit.clone()),
        (w.t("manufacture-kind"), w.t(crate::web::term::manufacturer(issued.agreement.manufacturer))),
        (
            w.t("recipe"),
            format!(
                "{} v{} · {}",
                issued.recipe.header.id,
                issued.recipe.header.version,
                w.b(&issued.recipe.header.title)
            ),
        ),
        (w.t("recipe-hash"), issued.recipe_hash.to_string()),
        (w.t("issued-at"), batch.issued_at.shown()),
        (w.t("batch-size"), w.b(&issued.recipe.header.batch_size).to_owned()),
        (w.t("entries-count"), batch.last_seq.to_string()),
    ];
    let unit = |equipment: &EquipmentId| issued.equipment.values().find(|unit| unit.id == *equipment);
    let reports = view.reports_of(id).into_iter().map(|filed| line(filed, unit(&filed.report.equipment), w));
    let reports = reports.collect();
    let content = RecordPage {
        w,
        frame: Frame::of(state, session, &view, w.t("tab-record")).live(match &export {
            Some(export) => format!("{}&export={}", stream(id, "record"), encoded(export)),
            None => stream(id, "record"),
        }),
        export: export.map(|export| export_view(state, session, id, &export)),
        band: band(state, session, &view, batch, "record"),
        batch: id.to_string(),
        may_export: state.desk.may(&session.scope, Action::Export, Some(id)),
        disposed: batch.disposed_at.is_some(),
        refusal: refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
        facts,
        reports,
    };
    page(status, &content)
}

/// Hands a file out; its name is plain ASCII.
pub(crate) fn file(download: Download) -> Response {
    let name: String = download.name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, download.media.to_owned()), (header::CONTENT_DISPOSITION, disposition)], download.bytes)
        .into_response()
}

const STAGES: [(ExportStage, &str); 4] = [
    (ExportStage::Gathering, "export-gathering"),
    (ExportStage::Typesetting, "export-typesetting"),
    (ExportStage::Packing, "export-packing"),
    (ExportStage::Verifying, "export-verifying"),
];

/// An export as it stands at this moment.
fn export_view(state: &AppState, session: &Session, batch: &BatchId, id: &str) -> ExportView {
    let w = session.words();
    let known = state.exports.find(id, &session.scope.person, batch);
    let Some(Export { kind, progress, took }) = known else {
        let gone = Some(w.t("export-gone"));
        return ExportView {
            w,
            what: String::new(),
            stages: Vec::new(),
            took: String::new(),
            refusal: gone,
            file: None,
        };
    };
    let (what, stages) = match kind {
        ExportKind::Package => ("export-package", STAGES.as_slice()),
        // A printed record is gathered and typeset; there is nothing to pack.
        ExportKind::Record => ("export-pdf", STAGES.split_at(2).0),
    };
    let class = |stage: ExportStage| match &progress {
        Progress::Ready(_) => "done",
        Progress::UnderWay(at) if *at == stage => "now",
        Progress::UnderWay(at) if *at > stage => "done",
        Progress::UnderWay(_) | Progress::Refused(_) => "",
    };
    let stages = stages.iter().map(|(stage, key)| StageLine { name: w.t(key), class: class(*stage) }).collect();
    let (refusal, file) = match &progress {
        Progress::UnderWay(_) => (None, None),
        Progress::Ready(file) => {
            let size = w.t1("size-kb", "n", file.bytes.len().div_ceil(1024));
            (None, Some((format!("/batches/{batch}/exports/{}", encoded(id)), file.name.clone(), size)))
        }
        Progress::Refused(refusal) => (Some(format!("{} ({})", w.b(&refusal.said), refusal.rule)), None),
    };
    ExportView { w, what: w.t(what), stages, took: w.t1("span-s", "n", took.as_secs()), refusal, file }
}

/// The part of the page that says how far an export is.
pub(crate) fn fragment(
    state: &AppState,
    session: &Session,
    batch: &BatchId,
    export: &str,
) -> Result<Fragment, WebError> {
    Ok(Fragment::new("#export", "innerHTML", export_view(state, session, batch, export).render()?))
}

/// Begins an export; asking for it is entered, so it is a POST. The page then says how far it is.
fn begin(state: &AppState, session: &Session, id: BatchId, kind: ExportKind) -> Result<Response, WebError> {
    find(&session.view(state), &id)?;
    match state.exports.begin(Arc::clone(&state.desk), session.scope.clone(), id.clone(), kind) {
        Ok(export) => {
            Ok(Redirect::to(&format!("/batches/{id}/record?export={}#export", encoded(&export))).into_response())
        }
        Err(refusal) => record_page(state, session, &id, Some(refusal), None),
    }
}

/// The evidence package.
pub(crate) async fn package(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    begin(&state, &session, id, ExportKind::Package)
}

/// The printed record.
pub(crate) async fn pdf(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    begin(&state, &session, id, ExportKind::Record)
}

/// Hands the finished file over, to the person who asked for it.
pub(crate) async fn fetch(
    State(state): State<AppState>,
    session: Session,
    At((id, export)): At<(BatchId, String)>,
) -> Result<Response, WebError> {
    match state.exports.find(&export, &session.scope.person, &id).map(|export| export.progress) {
        Some(Progress::Ready(download)) => Ok(file(Download::clone(&download))),
        Some(Progress::UnderWay(_) | Progress::Refused(_)) | None => Err(WebError::NotFound),
    }
}
