//! The trend of one tag over a batch: a chart in the browser, fed by samples as they were received.

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use mes_core::{
    batch::Batch,
    clock::Timestamp,
    historian::SampleValue,
    id::{BatchId, TagId},
};
use serde::{Deserialize, Serialize};

use super::batch::{Band, band, find, stream};
use crate::web::form::{Asked, At};
use crate::web::{
    AppState,
    error::WebError,
    frame::{Frame, page},
    locale::Words,
    reading::{LiveValue, live},
    session::Session,
};

/// Most points that are sent to a browser; longer series are thinned by taking every n-th sample.
const POINTS_MAX: usize = 4000;

#[derive(Template)]
#[template(path = "trend.html")]
struct TrendPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    value: LiveValue,
    source: String,
}

/// Which tag.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    tag: TagId,
}

/// What a chart is drawn from: Unix seconds, and values that are null where they were not good.
#[derive(Serialize)]
struct Series {
    title: String,
    unit: String,
    times: Vec<f64>,
    values: Vec<Option<f64>>,
}

/// A tag of the batch's own equipment; any other does not exist here.
fn known(batch: &Batch, tag: &TagId) -> Result<(), WebError> {
    let mut equipment = batch.issued.equipment.values();
    let found = equipment.any(|e| e.id == tag.equipment && e.tags.iter().any(|t| t.name == tag.name));
    if found { Ok(()) } else { Err(WebError::NotFound) }
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(Wanted { tag }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    known(batch, &tag)?;
    let frame = Frame::of(&state, &session, &view, tag.to_string())
        .with_scripts(&["uplot.min.js", "trend.js"])
        .live(stream(&id, "trend"));
    let content = TrendPage {
        w,
        frame,
        band: band(&state, &session, &view, batch, "trend"),
        batch: id.to_string(),
        value: live(&view, &tag, None, state.desk.now(), w),
        source: format!("/batches/{id}/samples?tag={tag}"),
    };
    page(StatusCode::OK, &content)
}

/// The samples of a tag from the issue of the batch to its disposition or to now.
pub(crate) async fn samples(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(Wanted { tag }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    known(batch, &tag)?;
    let until: Timestamp = batch.disposed_at.unwrap_or_else(|| state.desk.now());
    let samples = state.desk.samples(session.scope.clone(), tag.clone(), batch.issued_at, until).await?;
    let step = samples.len().div_ceil(POINTS_MAX).max(1);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (index, sample) in samples.iter().enumerate() {
        let good = sample.quality.is_good();
        if good && index % step != 0 {
            continue;
        }
        times.push(seconds(sample.receive_time));
        values.push(sample.value.as_ref().filter(|_| good).and_then(SampleValue::to_f64));
    }
    let settings = view.facility.tag(&tag);
    let title = settings.map_or_else(|| tag.to_string(), |tag| w.b(&tag.title).to_owned());
    let unit = settings.map(|tag| tag.unit.shown().to_owned()).unwrap_or_default();
    Ok(Json(Series { title, unit, times, values }).into_response())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float exactly until the year 287396")]
fn seconds(at: Timestamp) -> f64 {
    at.as_ms() as f64 / 1000.0
}
