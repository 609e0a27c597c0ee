//! Reports of closed devices, as the record page of a batch and the devices' page list them, and one report as it was received.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use mes_core::{
    id::{BatchId, EquipmentId, TagName},
    journal::Hash,
    quantity::decimal_of,
    tenant::{DeviceReport, Equipment, FiledReport},
};

use super::{batch::find, records};
use crate::web::{AppState, error::WebError, form::At, locale::Words, session::Session};

/// One report.
pub(crate) struct ReportLine {
    pub(crate) received: String,
    pub(crate) equipment: EquipmentId,
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) hash: String,
    pub(crate) short_hash: String,
    /// The batch that it was entered with; empty where that is the facility's own.
    pub(crate) batch: String,
    pub(crate) values: Vec<String>,
    /// What a person has to look at: values outside the device's limits, and what was not read.
    pub(crate) look: Vec<String>,
}

/// The values of a report, each with its unit.
pub(crate) fn values(report: &DeviceReport) -> Vec<String> {
    report
        .values
        .iter()
        .map(|one| format!("{} = {} {}", one.tag, one.value, one.unit.shown()).trim_end().to_owned())
        .collect()
}

/// A report as it is listed; `unit` names its tags and their limits, as far as it is known.
pub(crate) fn line(filed: &FiledReport, unit: Option<&Equipment>, w: Words) -> ReportLine {
    let report = &filed.report;
    let tag = |name: &TagName| unit.and_then(|unit| unit.tags.iter().find(|tag| tag.name == *name));
    let mut look = Vec::new();
    let values = report.values.iter().map(|one| {
        let known = tag(&one.tag);
        let title = known.map_or_else(|| one.tag.to_string(), |tag| w.b(&tag.title).to_owned());
        let said = format!("{title} {} {}", one.value, one.unit.shown()).trim_end().to_owned();
        let number = one.value.to_f64().and_then(decimal_of);
        if let Some((tag, number)) = known.zip(number)
            && !tag.limits.range.contains(number)
        {
            look.push(w.t2("report-outside", ("value", &said), ("range", &tag.limits.range.shown())));
        }
        said
    });
    let values = values.collect();
    look.extend(report.problems.iter().map(|problem| w.b(problem).to_owned()));
    ReportLine {
        received: filed.at.shown(),
        equipment: report.equipment.clone(),
        name: report.name.clone(),
        size: w.t1("size-kb", "n", report.bytes.div_ceil(1024)),
        hash: report.sha256.to_string(),
        short_hash: report.sha256.short(),
        batch: filed.batch.as_ref().map(ToString::to_string).unwrap_or_default(),
        values,
        look,
    }
}

/// One report of the facility's own as it was received; that it leaves is entered, so it is a POST.
pub(crate) async fn fetch_facility(
    State(state): State<AppState>,
    session: Session,
    At((equipment, hash)): At<(EquipmentId, String)>,
) -> Result<Response, WebError> {
    let Ok(hash) = hash.parse::<Hash>() else { return Err(WebError::NotFound) };
    match state.desk.facility_report(session.scope.clone(), equipment, hash).await {
        Ok(download) => Ok(records::file(download).into_response()),
        Err(refusal) => Err(WebError::from(refusal)),
    }
}

/// One report as it was received; that it leaves is entered, so it is a POST.
pub(crate) async fn fetch(
    State(state): State<AppState>,
    session: Session,
    At((id, hash)): At<(BatchId, String)>,
) -> Result<Response, WebError> {
    find(&session.view(&state), &id)?;
    let Ok(hash) = hash.parse::<Hash>() else { return Err(WebError::NotFound) };
    match state.desk.report(session.scope.clone(), id, hash).await {
        Ok(download) => Ok(records::file(download).into_response()),
        Err(refusal) => Err(WebError::from(refusal)),
    }
}
