//! One batch through every fault that its simulated equipment knows: each gap stands in the record with its cause, values that came
//! with a fault are recorded as they came, and nothing is invented.

use equipment_drivers::{DeviceKind, Fault, FaultKind};
use mes_core::{
    access::Meaning,
    batch::{BatchCommand, DeviationCause},
    clock::Timestamp,
    engine::{Command, LinkState, Reading, View, WriteResult},
    historian::Sample,
    id::{BatchId, TagId},
    store::samples_between,
};
use serde_json::Value;
use tests::{
    Facility,
    facility::{FACILITY, TEST_3},
    story,
};

use crate::protocol::{exceptions, finished};

/// The tag that is looked at, on both kinds of equipment.
const TAG: &str = "temperature";
/// What a lying sensor shows, in °C: possible, and far from what it is.
const LIE: f64 = 24.68;

/// A bioreactor that speaks Modbus and may say that it is busy, in the same suite.
const MODBUS_REACTOR: &str = r#"
  - id: BR-03
    name: { ja: "培養槽3", en: "Bioreactor 3" }
    class: bioreactor
    suite: SU-1
    calibrated_until: 2035-03-31T15:00:00.000Z
    link: { template: modbus-bioreactor, address: "sim", unit_id: 1 }
    tags:
      - { name: temperature, title: { ja: "温度", en: "Temperature" }, unit: "Cel", decimals: 2, limits: { range: { low: "0", high: "60" }, stale_after_s: 15 } }
      - { name: o2_cascade, title: { ja: "酸素カスケード", en: "Oxygen cascade" }, unit: "%", decimals: 0, limits: { range: { low: "-1", high: "101" }, stale_after_s: 15 } }

people:"#;
/// The role that only it can play.
const SATELLITE: &str = r#"
  - role: satellite
    class: bioreactor
    name: { ja: "前培養槽", en: "Seed bioreactor" }
    tags: [temperature, o2_cascade]

procedure:"#;

/// What a fault has to do to the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The value is not good for as long as the fault lasts.
    Gap,
    /// The link is lost and comes back by itself; while the fault lasts, values are good.
    Reconnect,
    /// It costs nothing that could be told from outside: good values go on.
    Nothing,
    /// The value shown is not the true one, and is recorded as it was shown.
    Shown,
    /// It concerns writes.
    Write,
}

fn effect(kind: FaultKind, device: DeviceKind) -> Effect {
    match kind {
        FaultKind::Drop
        | FaultKind::BlackHole
        | FaultKind::HalfFrame
        | FaultKind::ForeignTransaction
        | FaultKind::LoseEvery
        | FaultKind::ExpiredCertificate
        | FaultKind::Freeze
        | FaultKind::SensorFault
        | FaultKind::BadQuality
        | FaultKind::Busy
        | FaultKind::ClockOff
        | FaultKind::ClockReset => Effect::Gap,
        FaultKind::Reset
        | FaultKind::Restart
        | FaultKind::ShiftNamespace
        | FaultKind::WrongEndpoint
        | FaultKind::OperationLimit
        | FaultKind::NoTransfer => Effect::Reconnect,
        // A late answer costs a Modbus connection, for its number cannot be believed any more.
        FaultKind::LateReply if device == DeviceKind::Co2Incubator => Effect::Reconnect,
        FaultKind::LateReply | FaultKind::Delay | FaultKind::OneConnection | FaultKind::Stuck => Effect::Nothing,
        FaultKind::Lie => Effect::Shown,
        FaultKind::RefuseWrites | FaultKind::IgnoreWrites => Effect::Write,
    }
}

/// A stretch in which no good value may stand.
#[derive(Debug)]
struct Gap {
    device: &'static str,
    fault: &'static str,
    from: Timestamp,
    until: Timestamp,
}

fn tag(device: &str) -> TagId {
    format!("{device}/{TAG}").parse().unwrap()
}

fn reading(view: &View, device: &str) -> Option<Reading> {
    view.readings.get(&tag(device)).cloned()
}

/// Awaits a good value that came after another one.
async fn good_after(facility: &Facility, device: &str, what: &str, after: Timestamp) -> Sample {
    let seen = |view: &View| {
        let sample = reading(view, device)?.sample;
        (sample.quality.is_good() && sample.receive_time > after).then_some(sample)
    };
    facility.until(&format!("{device}: a good value after {what}"), seen).await
}

/// Lets one device suffer one fault; gives the gap, if it has to make one.
async fn suffer(facility: &Facility, device: &'static str, kind: FaultKind) -> Option<Gap> {
    let unit = facility.plant.unit(&device.parse().unwrap()).unwrap();
    let parameter = match kind {
        FaultKind::Lie => Some(LIE),
        // Of every answer, so that no value comes through.
        FaultKind::LoseEvery => Some(1.0),
        _ => None,
    };
    let fault = kind.build(unit.kind(), unit.framing(), Some(TAG), parameter).unwrap();
    let before = good_after(facility, device, "the fault before", Timestamp::from_ms(0)).await.receive_time;
    let since = facility.view().links[&device.parse().unwrap()].since;
    let what = kind.info().name;
    unit.set_fault(fault).await.unwrap();
    let gap = match effect(kind, unit.kind()) {
        Effect::Gap => Some(gap(facility, device, kind).await),
        Effect::Reconnect => {
            let id = device.parse().unwrap();
            let back = |view: &View| view.links[&id].since > since && view.links[&id].state == LinkState::Online;
            facility.until_true(&format!("{device}: back after {what}"), back).await;
            good_after(facility, device, what, facility.view().links[&id].since).await;
            None
        }
        Effect::Nothing => {
            let first = good_after(facility, device, what, before).await;
            good_after(facility, device, what, first.receive_time).await;
            None
        }
        Effect::Shown => {
            let shown = |view: &View| {
                let sample = reading(view, device)?.sample;
                let value = sample.value.as_ref()?.to_f64()?;
                ((value - LIE).abs() < 0.01).then_some(sample)
            };
            facility.until(&format!("{device}: what it shows"), shown).await;
            None
        }
        Effect::Write => unreachable!("writes are looked at by themselves"),
    };
    unit.clear().await.unwrap();
    if kind == FaultKind::ExpiredCertificate {
        // A person has put the device right and says so.
        let again = Command::ConnectAgain { equipment: device.parse().unwrap() };
        facility.person("nakamura").act(again).await.unwrap();
    }
    let again = good_after(facility, device, what, facility.view().now).await;
    gap.map(|gap| Gap { until: again.receive_time, ..gap })
}

/// Awaits that the value is not good, and that it stays so.
async fn gap(facility: &Facility, device: &'static str, kind: FaultKind) -> Gap {
    let not_good = |view: &View| reading(view, device).filter(|one| !one.sample.quality.is_good());
    let what = format!("{device}: not good, because of {}", kind.info().name);
    let bad = facility.until(&what, not_good).await;
    Gap { device, fault: kind.info().name, from: bad.sample.receive_time, until: facility.view().now }
}

/// A set-point that the device refuses, then one that it ignores, then one that it takes.
async fn writes(facility: &Facility, batch: &BatchId) {
    let (sato, reactor) = (facility.person("sato"), facility.plant.unit(&"BR-01".parse().unwrap()).unwrap());
    let phase: mes_core::id::PhaseId = "P030".parse().unwrap();
    sato.starts(batch, "P030").await.unwrap();
    let mut known = None;
    for fault in [Some(Fault::RefuseWrites), Some(Fault::IgnoreWrites), None] {
        if let Some(fault) = fault.clone() {
            reactor.set_fault(fault).await.unwrap();
        }
        sato.does(batch, BatchCommand::ApplySetPoints { phase: phase.clone() }).await.unwrap();
        let seen = |view: &View| {
            let write = view.batches[batch].phases[&phase].writes.values().next()?;
            let outcome = write.outcome.as_ref().filter(|_| Some(&write.effect) != known.as_ref())?;
            Some((write.effect.clone(), outcome.result.clone()))
        };
        let (effect, result) = facility.until("the outcome of the write", seen).await;
        known = Some(effect);
        match fault {
            Some(Fault::RefuseWrites) => assert!(matches!(result, WriteResult::Refused { .. }), "{result:?}"),
            Some(_) => assert!(matches!(result, WriteResult::NotConfirmed), "{result:?}"),
            None => assert_eq!(result, WriteResult::Confirmed),
        }
        reactor.clear().await.unwrap();
    }
    let view = facility.view();
    let set_point = |cause: &DeviationCause| matches!(cause, DeviationCause::SetPoint { .. });
    let opened: Vec<_> = view.batches[batch].deviations.iter().filter(|(_, it)| set_point(&it.cause)).collect();
    assert_eq!(opened.len(), 2, "each write that did not succeed opens a deviation: {opened:?}");
    for (deviation, _) in opened {
        facility.person("watanabe").closes(batch, deviation).await.unwrap();
    }
    sato.signs_phase(batch, "P030", Meaning::Performed).await.unwrap();
}

/// No good value stands in a gap, and each tag's samples are numbered without a hole within one run of its driver.
async fn nothing_is_invented(facility: &Facility, gaps: &[Gap]) {
    for gap in gaps {
        let samples =
            samples_between(facility.app.store.as_ref(), &tag(gap.device), gap.from, gap.until).await.unwrap();
        let good: Vec<&Sample> = samples.iter().filter(|sample| sample.quality.is_good()).collect();
        assert!(good.is_empty(), "{} of {}: {good:?}", gap.fault, gap.device);
        assert!(!samples.is_empty(), "{gap:?}: that it was not good is itself a sample");
    }
}

/// Each gap is an exception or a gap of the trend, with its cause.
fn gaps_are_in(record: &Value, gaps: &[Gap]) {
    let trends = record["trends"].as_array().unwrap();
    for gap in gaps {
        let trend = trends.iter().find(|trend| trend["tag"] == tag(gap.device).to_string());
        let Some(trend) = trend else { panic!("no trend of {}", gap.device) };
        let told = trend["gaps"].as_array().unwrap().iter().any(|told| {
            let at = |name: &str| told[name].as_str().unwrap().parse::<Timestamp>().unwrap();
            at("from") <= gap.from.plus_ms(1) && at("until") >= gap.from
        });
        assert!(told, "{gap:?} is not in the record: {}", trend["gaps"]);
    }
    let links = exceptions(record, "link_gap");
    assert!(["INC-01", "BR-01", "BR-03"].iter().all(|device| links.contains(device)), "{links}");
}

#[test]
fn a_batch_through_every_fault_ends_with_each_gap_in_its_record_and_nothing_invented() {
    story(async |place| {
        // Another set-point than the device has by itself: one that is ignored must not look like one that was taken.
        let recipe = TEST_3.replace("value: 37.0", "value: 36.5");
        assert_ne!(recipe, TEST_3);
        let recipe = recipe.replacen("\nprocedure:", SATELLITE, 1);
        let with_modbus = FACILITY.replacen("\npeople:", MODBUS_REACTOR, 1);
        let with_modbus = with_modbus.replacen(
            "  - import: co2-incubator\n",
            "  - import: co2-incubator\n  - import: modbus-bioreactor\n",
            1,
        );
        let facility = Facility::start_as(place, &with_modbus, &[&recipe]).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.instruction_done(&batch).await;
        let mut gaps = Vec::new();
        for device in ["INC-01", "BR-01", "BR-03"] {
            let unit = facility.plant.unit(&device.parse().unwrap()).unwrap();
            let known = |kind: &FaultKind| kind.applies(unit.kind(), unit.framing()).is_ok();
            // What every Modbus device suffers the incubator has suffered.
            let new = |kind: &FaultKind| {
                known(kind) && (device != "BR-03" || matches!(kind, FaultKind::Busy | FaultKind::Drop))
            };
            for kind in FaultKind::ALL.into_iter().filter(new) {
                if effect(kind, unit.kind()) != Effect::Write {
                    gaps.extend(suffer(&facility, device, kind).await);
                }
            }
        }
        facility.temperature_recorded(&batch).await;
        writes(&facility, &batch).await;
        let record = finished(&facility, &batch).await;
        nothing_is_invented(&facility, &gaps).await;
        gaps_are_in(&record, &gaps);
        let alarms = exceptions(&record, "device_alarm");
        assert!(alarms.contains("BR-01") && alarms.contains("sensor failure: begins"), "{alarms}");
        facility.stop().await;
    });
}
