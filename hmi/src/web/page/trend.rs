//! The trend of one tag: a chart in the browser over a range that the person chooses, its gaps with their causes, and every sample of
//! the range as a file. Within a batch the range ends where the batch's occupancy of the equipment does; the facility's own staff may
//! look at any tag at any time.

use std::ops::Range;

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use batch_records::export::samples::SamplesForm;
use mes_core::{
    access::{Action, Rejection},
    batch::Batch,
    clock::Timestamp,
    engine::View,
    historian::{Gap, GapCause, Quality, Sample},
    id::{BatchId, TagId},
};
use serde::{Deserialize, Serialize};

use super::{
    batch::{Band, band, find, stream},
    records::file,
};
use crate::{
    samples::{has_tag, occupancy},
    web::{
        AppState,
        error::WebError,
        form::{Asked, At, Filled, encoded, local_field, local_time},
        frame::{Frame, page},
        locale::Words,
        reading::{LiveValue, live},
        session::Session,
        term,
    },
};

/// Slices of a trend: about one for each pixel of a wide screen.
const SLICES: usize = 1_200;
/// Without a batch and a choice, so many seconds up to now are shown (one day).
const SHOWN_S: i64 = 86_400;

#[derive(Template)]
#[template(path = "trend.html")]
struct TrendPage {
    w: Words,
    frame: Frame,
    band: Option<Band>,
    /// Where the page, its samples and its files are: `/batches/B-1` or nothing.
    base: String,
    tag: String,
    tags: Vec<(String, String)>,
    value: LiveValue,
    kept: Option<String>,
    from: String,
    until: String,
    source: String,
    may_export: bool,
    refusal: Option<String>,
}

/// Which tag and, as a browser's fields send them, from when until when.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    tag: Option<TagId>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
}

/// Which file of samples.
#[derive(Deserialize)]
pub(crate) struct WantedFile {
    tag: TagId,
    from: String,
    until: String,
    form: String,
}

/// What a chart is drawn from: Unix seconds, and values that are null where the line breaks.
#[derive(Serialize)]
struct Series {
    title: String,
    unit: String,
    from: f64,
    until: f64,
    times: Vec<f64>,
    values: Vec<Option<f64>>,
    /// Where there is no value, and why.
    gaps: Vec<Span>,
    /// Where values are uncertain, and why.
    uncertain: Vec<Span>,
}

#[derive(Serialize)]
struct Span {
    from: f64,
    until: f64,
    why: String,
}

/// The range that a person chose, within the one that there is.
fn range(within: &Range<Timestamp>, from: &str, until: &str) -> Result<Range<Timestamp>, Rejection> {
    let time = |text: &str, field, or| if text.trim().is_empty() { Ok(or) } else { local_time(text, field) };
    let from = time(from, "from", within.start)?.max(within.start);
    // A field holds minutes: its end is the end of that minute.
    let end = if until.trim().is_empty() { within.end } else { local_time(until, "until")?.plus_s(60) };
    let until = end.min(within.end);
    if from < until {
        return Ok(from..until);
    }
    Err(Rejection::new("samples-range", "終わりは始まりより後にしてください。", "The range must end after it begins.")
        .about("until"))
}

/// A tag of the batch's own equipment; any other does not exist here.
fn of_batch(batch: &Batch, tag: Option<TagId>) -> Result<TagId, WebError> {
    tag.filter(|tag| has_tag(batch, tag)).ok_or(WebError::NotFound)
}

fn tags_of_batch(batch: &Batch, w: Words) -> Vec<(String, String)> {
    let tag = |unit: &mes_core::tenant::Equipment| {
        let of = |tag: &mes_core::tenant::Tag| (format!("{}/{}", unit.id, tag.name), w.b(&tag.title).to_owned());
        unit.tags.iter().map(of).collect::<Vec<_>>()
    };
    batch.issued.equipment.values().flat_map(tag).collect()
}

fn tags_of_facility(view: &View, w: Words) -> Vec<(String, String)> {
    let tag = |unit: &mes_core::tenant::Equipment| {
        let of = |tag: &mes_core::tenant::Tag| (format!("{}/{}", unit.id, tag.name), w.b(&tag.title).to_owned());
        unit.tags.iter().map(of).collect::<Vec<_>>()
    };
    view.facility.equipment.values().flat_map(tag).collect()
}

/// Where the trend is looked at: within a batch, or anywhere.
struct Place<'a> {
    batch: Option<(&'a BatchId, &'a Batch)>,
    within: Range<Timestamp>,
}

async fn shown(
    state: &AppState,
    session: &Session,
    view: &View,
    place: Place<'_>,
    (tag, from, until): (TagId, &str, &str),
) -> Result<Response, WebError> {
    let w = session.words();
    let (chosen, refusal) = match range(&place.within, from, until) {
        Ok(chosen) => (chosen, None),
        Err(refusal) => (place.within.clone(), Some(format!("{} ({})", w.b(&refusal.said), refusal.rule))),
    };
    let base = place.batch.map(|(id, _)| format!("/batches/{id}")).unwrap_or_default();
    let (from, until) = (local_field(chosen.start), local_field(chosen.end));
    let frame = Frame::of(state, session, view, tag.to_string()).with_scripts(&["uplot.min.js", "trend.js"]);
    let frame = match place.batch {
        Some((id, _)) => frame.live(stream(id, "trend")),
        None => frame,
    };
    let value = live(view, &tag, None, state.desk.now(), w);
    let newest = state.desk.newest_sample(session.scope.clone(), tag.clone()).await?;
    let path = if place.batch.is_some() { format!("{base}/samples") } else { "/trend/samples".to_owned() };
    let source = format!("{path}?tag={tag}&from={}&until={}", encoded(&from), encoded(&until));
    let content = TrendPage {
        w,
        frame,
        band: place.batch.map(|(_, batch)| band(state, session, view, batch, "trend")),
        tags: place.batch.map_or_else(|| tags_of_facility(view, w), |(_, batch)| tags_of_batch(batch, w)),
        tag: tag.to_string(),
        kept: newest.filter(|_| !value.good).map(|sample| kept(&sample)),
        value,
        source,
        may_export: place.batch.is_some_and(|(id, _)| state.desk.may(&session.scope, Action::Export, Some(id))),
        base,
        from,
        until,
        refusal,
    };
    page(if content.refusal.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &content)
}

/// The newest sample that was kept, with the time at which it came: never passed off as live.
fn kept(sample: &Sample) -> String {
    let value = sample.value.as_ref().map_or_else(|| "—".to_owned(), ToString::to_string);
    format!("{value} ({})", sample.receive_time.shown())
}

/// The page within a batch.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(Wanted { tag, from, until }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    let tag = of_batch(batch, tag)?;
    let place = Place { batch: Some((&id, batch)), within: occupancy(batch, state.desk.now()) };
    shown(&state, &session, &view, place, (tag, &from, &until)).await
}

/// All that the facility has, up to now.
fn anywhere(session: &Session, view: &View, now: Timestamp) -> Result<Range<Timestamp>, WebError> {
    let own = view.facility.people.get(&session.scope.person).is_some_and(|person| person.employer.is_none());
    let auditor = crate::samples::is_auditor(view, &session.scope);
    if own && !auditor { Ok(Timestamp::from_ms(0)..now.plus_ms(1)) } else { Err(WebError::NotFound) }
}

/// The page of any tag, for the facility's own staff.
pub(crate) async fn show_any(
    State(state): State<AppState>,
    session: Session,
    Asked(Wanted { tag, from, until }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let now = state.desk.now();
    let within = anywhere(&session, &view, now)?;
    let first = || tags_of_facility(&view, session.words()).first().and_then(|(tag, _)| tag.parse().ok());
    let tag = tag.or_else(first).ok_or(WebError::NotFound)?;
    let from = if from.is_empty() { local_field(now.plus_s(-SHOWN_S)) } else { from };
    shown(&state, &session, &view, Place { batch: None, within }, (tag, &from, &until)).await
}

/// What the chart within a batch is drawn from.
pub(crate) async fn samples(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Asked(Wanted { tag, from, until }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    let tag = of_batch(batch, tag)?;
    let chosen = range(&occupancy(batch, state.desk.now()), &from, &until).map_err(WebError::Refused)?;
    series(&state, &session, &view, &tag, chosen).await
}

/// What the chart of any tag is drawn from.
pub(crate) async fn samples_any(
    State(state): State<AppState>,
    session: Session,
    Asked(Wanted { tag, from, until }): Asked<Wanted>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let within = anywhere(&session, &view, state.desk.now())?;
    let chosen = range(&within, &from, &until).map_err(WebError::Refused)?;
    series(&state, &session, &view, &tag.ok_or(WebError::NotFound)?, chosen).await
}

async fn series(
    state: &AppState,
    session: &Session,
    view: &View,
    tag: &TagId,
    chosen: Range<Timestamp>,
) -> Result<Response, WebError> {
    let w = session.words();
    let trend = state.desk.trend(session.scope.clone(), tag.clone(), chosen.clone(), SLICES).await?;
    let (times, values) = trend.drawn().into_iter().map(|(ms, value)| (seconds(ms), value)).unzip();
    let gap = |gap: &Gap| span(gap.from, gap.until, gap_words(&gap.cause, w));
    let settings = view.facility.tag(tag);
    Ok(Json(Series {
        title: settings.map_or_else(|| tag.to_string(), |tag| w.b(&tag.title).to_owned()),
        unit: settings.map(|tag| tag.unit.shown().to_owned()).unwrap_or_default(),
        from: seconds(chosen.start.as_ms()),
        until: seconds(chosen.end.as_ms()),
        times,
        values,
        gaps: trend.gaps.iter().map(gap).collect(),
        uncertain: trend.spans.iter().map(|it| span(it.from, it.until, quality_words(&it.quality, w))).collect(),
    })
    .into_response())
}

fn span(from: Timestamp, until: Timestamp, why: String) -> Span {
    Span { from: seconds(from.as_ms()), until: seconds(until.as_ms()), why }
}

fn gap_words(cause: &GapCause, w: Words) -> String {
    match cause {
        GapCause::Bad(quality) => quality_words(quality, w),
        GapCause::Lost => w.t("trend-lost"),
        GapCause::NotRunning => w.t("trend-not-running"),
    }
}

fn quality_words(quality: &Quality, w: Words) -> String {
    quality.cause.as_ref().map_or_else(|| w.t("trend-no-cause"), |cause| w.t(term::cause(cause)))
}

/// Every sample of a range within a batch, as a file; its hash is entered first, so it is a POST.
pub(crate) async fn export(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
    Filled(WantedFile { tag, from, until, form }): Filled<WantedFile>,
) -> Result<Response, WebError> {
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    let tag = of_batch(batch, Some(tag))?;
    let form: SamplesForm = form.parse().map_err(WebError::Form)?;
    let chosen = range(&occupancy(batch, state.desk.now()), &from, &until).map_err(WebError::Refused)?;
    Ok(file(state.desk.export_samples(session.scope.clone(), tag, chosen, form).await?))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float exactly until the year 287396")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
