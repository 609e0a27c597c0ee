//! What a program that watches over the process may know, as Prometheus and OpenMetrics read it: the links, what was counted on
//! them, and the process itself. No tenant, no batch and no value of a tag is in it.

use std::sync::atomic::AtomicU64;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use equipment_drivers::Diagnostics;
use mes_core::{
    engine::{LinkState, View},
    id::EquipmentId,
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    device_figures::AllFigures,
    process_figures::ProcessFigures,
    web::{AppState, error::WebError},
};

const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Name, what it says, and where it is counted.
type Figure<T> = (&'static str, &'static str, fn(&Diagnostics) -> T);

type Labels = Vec<(&'static str, String)>;

/// The figures now; the policy of the address has judged the token.
pub(crate) async fn show(State(state): State<AppState>) -> Result<Response, WebError> {
    let text = exposition(&state.desk.view(), &state.desk.figures(), ProcessFigures::read());
    let text = text.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the metrics could not be written");
        WebError::NotFound
    })?;
    Ok(([(header::CONTENT_TYPE, MEDIA)], text).into_response())
}

fn exposition(view: &View, figures: &AllFigures, process: ProcessFigures) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("mes");
    links(&mut registry, view);
    let counters: [Figure<u64>; 7] = [
        ("device_requests", "Requests sent", |seen| seen.requests),
        ("device_timeouts", "Requests without an answer in time", |seen| seen.timeouts),
        ("device_exceptions", "Requests that the device refused", |seen| seen.exceptions),
        ("device_mismatches", "Answers that did not belong to their request", |seen| seen.mismatches),
        ("device_reconnects", "Connections after the first", |seen| seen.reconnects),
        ("device_notifications", "Values that the device sent by itself", |seen| seen.notifications),
        ("device_overflows", "Values dropped for want of room", |seen| seen.queue_overflows),
    ];
    for (name, help, of) in counters {
        let family = Family::<Labels, Counter>::default();
        for (equipment, figures) in figures {
            family.get_or_create(&labels(equipment)).inc_by(of(&figures.seen));
        }
        registry.register(name, help, family);
    }
    let gauges: [Figure<Option<f64>>; 4] = [
        ("device_latency_p50_seconds", "Half of the last answers came within this", |seen| {
            seen.latency_p50_us.map(|us| shown(us) / 1e6)
        }),
        ("device_latency_p99_seconds", "99 of 100 of the last answers came within this", |seen| {
            seen.latency_p99_us.map(|us| shown(us) / 1e6)
        }),
        ("device_last_publish_age_seconds", "Since the last message of the subscription", |seen| {
            seen.last_publish_age_ms.map(|ms| shown(ms) / 1e3)
        }),
        ("device_clock_skew_seconds", "The clock of the device minus ours", |seen| {
            seen.clock_skew_ms.map(|ms| shown(ms.unsigned_abs()) / 1e3 * if ms < 0 { -1.0 } else { 1.0 })
        }),
    ];
    for (name, help, of) in gauges {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (equipment, figures) in figures {
            if let Some(value) = of(&figures.seen) {
                family.get_or_create(&labels(equipment)).set(value);
            }
        }
        registry.register(name, help, family);
    }
    of_process(&mut registry, view, process);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// One line for each state that a link can have: 1 for the one that it has.
fn links(registry: &mut Registry, view: &View) {
    let family = Family::<Labels, Gauge>::default();
    for equipment in view.facility.equipment.keys() {
        let state = view.links.get(equipment).map_or("disconnected", |link| name(&link.state));
        for known in ["disconnected", "connecting", "online", "degraded", "faulted"] {
            let mut labels = labels(equipment);
            labels.push(("state", known.to_owned()));
            family.get_or_create(&labels).set(i64::from(state == known));
        }
    }
    registry.register("device_link_state", "How the link to a device stands", family);
}

fn name(state: &LinkState) -> &'static str {
    match state {
        LinkState::Disconnected => "disconnected",
        LinkState::Connecting => "connecting",
        LinkState::Online => "online",
        LinkState::Degraded(_) => "degraded",
        LinkState::Faulted(_) => "faulted",
    }
}

fn of_process(registry: &mut Registry, view: &View, process: ProcessFigures) {
    let figures = [
        ("process_resident_bytes", "Memory in use", process.resident_bytes.map(shown)),
        ("process_cpu_seconds", "Processor time since the start", process.cpu_ms.map(|ms| shown(ms) / 1e3)),
        ("process_open_files", "Open files and sockets", process.open_files.map(shown)),
        ("process_threads", "Threads", process.threads.map(shown)),
        ("facility_time_rate", "Facility seconds in a second", Some(f64::from(view.rate))),
    ];
    for (name, help, value) in figures {
        if let Some(value) = value {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        }
    }
}

fn labels(equipment: &EquipmentId) -> Labels {
    vec![("equipment", equipment.to_string())]
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is shown, not one that is recorded")]
fn shown(count: u64) -> f64 {
    count as f64
}
