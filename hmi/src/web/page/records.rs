//! Finding batches, and taking their records home: a searchable list, and per batch the evidence package and the printed record.

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use mes_core::{access::Action, id::BatchId};
use serde::Deserialize;

use super::batch::{Band, band, find, stream};
use crate::web::form::{Asked, At};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    frame::{Frame, page},
    glance::{Glance, glance},
    locale::Words,
    port::Download,
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
}

/// The page from which a record is taken home.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    record_page(&state, &session, &id, None)
}

fn record_page(
    state: &AppState,
    session: &Session,
    id: &BatchId,
    refusal: Option<mes_core::access::Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let batch = find(&view, id)?;
    let issued = &batch.issued;
    let status = refusal.as_ref().map_or(StatusCode::OK, status_of);
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
    let content = RecordPage {
        w,
        frame: Frame::of(state, session, &view, w.t("tab-record")).live(stream(id, "record")),
        band: band(state, session, &view, batch, "record"),
        batch: id.to_string(),
        may_export: state.desk.may(&session.scope, Action::Export, Some(id)),
        disposed: batch.disposed_at.is_some(),
        refusal: refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
        facts,
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

/// The evidence package. Asking for it is entered, so it is a POST.
pub(crate) async fn package(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    match state.desk.package(session.scope.clone(), id.clone()).await {
        Ok(download) => Ok(file(download)),
        Err(refusal) => record_page(&state, &session, &id, Some(refusal)),
    }
}

/// The printed record.
pub(crate) async fn pdf(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    match state.desk.record_pdf(session.scope.clone(), id.clone()).await {
        Ok(download) => Ok(file(download)),
        Err(refusal) => record_page(&state, &session, &id, Some(refusal)),
    }
}
