//! Modbus TCP: the CO2 incubator.

use std::path::Path;

use equipment_drivers::{DeviceConfig, Fault, IncubatorSim, SimHandle, Templates};
use mes_core::{
    clock::Clock,
    engine::{LinkState, WriteResult},
    historian::{Cause, Quality, SampleValue},
};

use crate::rig::{Rig, number};

const NOWHERE: &str = "/nowhere";

async fn incubator(clock: &Clock) -> SimHandle {
    IncubatorSim { name: "INC-01".to_owned(), port: 0, seed: 3, clock: clock.clone() }.start().await.unwrap()
}

fn device(address: &str) -> DeviceConfig {
    DeviceConfig::new("INC-01".parse().unwrap(), "co2-incubator", address)
}

async fn rig() -> (SimHandle, Rig) {
    let clock = Clock::real();
    let sim = incubator(&clock).await;
    let mut rig = Rig::start(vec![device(sim.address())], clock, Path::new(NOWHERE)).await;
    rig.online().await;
    (sim, rig)
}

#[tokio::test]
async fn every_tag_is_read_with_good_quality_and_plausible_values() {
    let (_sim, mut rig) = rig().await;
    let seen = rig.every_tag("INC-01", "co2-incubator").await;
    let value = |tag: &str| number(&seen[tag]);
    assert!((value("temperature") - 37.0).abs() < 0.3 && (value("co2") - 5.0).abs() < 0.3, "{seen:?}");
    assert!((value("humidity") - 95.0).abs() < 3.0, "{seen:?}");
    assert_eq!((value("temperature_setpoint"), value("door")), (37.0, 0.0));
}

#[tokio::test]
async fn a_set_point_is_written_and_read_back_also_zero_and_the_limits() {
    let (_sim, mut rig) = rig().await;
    for (tag, value) in [
        ("INC-01/co2_setpoint", 0.0),
        ("INC-01/co2_setpoint", 20.0),
        ("INC-01/temperature_setpoint", 5.0),
        ("INC-01/temperature_setpoint", 60.0),
        ("INC-01/temperature_setpoint", 37.1),
    ] {
        let outcome = rig.write(tag, SampleValue::Real(value)).await;
        assert_eq!(outcome.result, WriteResult::Confirmed, "{tag} {value}: {outcome:?}");
        assert_eq!(outcome.read_back, Some(SampleValue::Real(value)));
        assert!(outcome.before.is_some());
    }
}

#[tokio::test]
async fn a_value_out_of_range_never_reaches_the_device() {
    let (_sim, mut rig) = rig().await;
    let outcome = rig.write("INC-01/temperature_setpoint", SampleValue::Real(60.1)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("range 5 to 60")),
        "{outcome:?}"
    );
    let outcome = rig.write("INC-01/temperature", SampleValue::Real(37.0)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("only be read")),
        "{outcome:?}"
    );
    let unknown = rig.ask("INC-01/colour", SampleValue::Real(1.0), 1);
    assert!(matches!(rig.outcome(&unknown).await.result, WriteResult::NotSent { .. }));
}

#[tokio::test]
async fn a_device_that_says_no_is_quoted_and_one_that_does_nothing_is_not_confirmed() {
    let (sim, mut rig) = rig().await;
    sim.set_fault(Fault::RefuseWrites).await.unwrap();
    let outcome = rig.write("INC-01/co2_setpoint", SampleValue::Real(6.0)).await;
    assert_eq!(outcome.result, WriteResult::Refused { code: "ServerDeviceBusy".to_owned() });
    sim.clear().await.unwrap();
    sim.set_fault(Fault::IgnoreWrites).await.unwrap();
    let request = rig.ask("INC-01/co2_setpoint", SampleValue::Real(6.0), 1);
    let outcome = rig.outcome(&request).await;
    assert_eq!((outcome.result, outcome.read_back), (WriteResult::NotConfirmed, Some(SampleValue::Real(5.0))));
}

#[tokio::test]
async fn a_killed_device_turns_every_tag_bad_and_comes_back_good() {
    let (sim, mut rig) = rig().await;
    let last = rig.good("INC-01/temperature").await;
    sim.stop().await.unwrap();
    let down = rig.bad("INC-01/temperature").await;
    assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
    assert!(down.seq > last.seq && down.value.is_some());
    let lost = rig.link("connecting", |state| *state == LinkState::Connecting).await;
    assert!(!lost.cause.is_empty());
    let refused = rig.write("INC-01/co2_setpoint", SampleValue::Real(6.0)).await;
    assert!(
        matches!(&refused.result, WriteResult::NotSent { reason } if reason.contains("link is down")),
        "{refused:?}"
    );
    sim.start().await.unwrap();
    rig.online().await;
    let back = rig.good("INC-01/temperature").await;
    assert!((number(&back) - 37.0).abs() < 0.5 && back.seq > down.seq);
}

#[tokio::test]
async fn an_unplugged_device_is_refused_until_the_cable_is_back() {
    let (sim, mut rig) = rig().await;
    rig.good("INC-01/co2").await;
    sim.set_fault(Fault::Drop).await.unwrap();
    assert_eq!(rig.bad("INC-01/co2").await.quality, Quality::bad(Cause::LinkDown));
    rig.link("connection refused", |state| *state == LinkState::Connecting).await;
    sim.clear().await.unwrap();
    rig.online().await;
    rig.good("INC-01/co2").await;
}

#[tokio::test]
async fn a_late_reply_costs_one_connection_and_no_wrong_value() {
    let (sim, mut rig) = rig().await;
    rig.good("INC-01/temperature").await;
    sim.set_fault(Fault::LateReply { ms: 3000 }).await.unwrap();
    let down = rig.bad("INC-01/temperature").await;
    assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
    rig.online().await;
    let back = rig.good("INC-01/temperature").await;
    assert!((number(&back) - 37.0).abs() < 0.5);
}

#[tokio::test]
async fn a_write_cut_in_the_middle_is_unknown_and_never_repeated() {
    let (sim, mut rig) = rig().await;
    rig.good("INC-01/co2_setpoint").await;
    // Every answer is now too late: the write reaches the device, its answer does not reach us.
    sim.set_fault(Fault::IgnoreWrites).await.unwrap();
    let request = rig.ask("INC-01/co2_setpoint", SampleValue::Real(7.0), 30);
    let seen = rig.sample("polls go on while a write is read back", |s| s.tag.name.as_str() == "heartbeat").await;
    assert!(seen.quality.is_good());
    sim.set_fault(Fault::Drop).await.unwrap();
    let outcome = rig.outcome(&request).await;
    assert!(
        matches!(&outcome.result, WriteResult::Unknown { reason } if reason.contains("link was lost")),
        "{outcome:?}"
    );
    sim.clear().await.unwrap();
    let set = rig.good("INC-01/co2_setpoint").await;
    assert_eq!(number(&set), 5.0, "the write was not repeated after the link came back");
}

#[tokio::test]
async fn a_frozen_device_is_found_out_by_its_heartbeat() {
    let (sim, mut rig) = rig().await;
    rig.good("INC-01/temperature").await;
    sim.set_fault(Fault::Freeze).await.unwrap();
    assert_eq!(rig.bad("INC-01/temperature").await.quality, Quality::bad(Cause::Stale));
    let link = rig.link("degraded", |state| matches!(state, LinkState::Degraded(_))).await;
    assert!(link.cause.contains("heartbeat"), "{link:?}");
    sim.clear().await.unwrap();
    rig.online().await;
    rig.good("INC-01/temperature").await;
}

#[tokio::test]
async fn a_failed_sensor_is_bad_and_a_lie_is_caught_by_the_physical_range_only() {
    let (sim, mut rig) = rig().await;
    let tag = |name: &str| name.parse().unwrap();
    sim.set_fault(Fault::SensorFault { tag: tag("co2") }).await.unwrap();
    assert_eq!(rig.bad("INC-01/co2").await.quality, Quality::bad(Cause::SensorFault));
    sim.set_fault(Fault::Lie { tag: tag("temperature"), value: 300.0 }).await.unwrap();
    assert_eq!(rig.bad("INC-01/temperature").await.quality, Quality::bad(Cause::OutOfRange));
    sim.set_fault(Fault::Lie { tag: tag("temperature"), value: 36.0 }).await.unwrap();
    assert_eq!(number(&rig.good("INC-01/temperature").await), 36.0);
    sim.clear().await.unwrap();
    rig.good("INC-01/co2").await;
}

#[tokio::test]
async fn an_opened_door_is_seen() {
    let (sim, mut rig) = rig().await;
    assert!(sim.open_door(600).await.unwrap());
    rig.sample("door open", |s| s.tag.name.as_str() == "door" && s.value == Some(SampleValue::Integer(3))).await;
    rig.sample("CO2 falling", |s| s.tag.name.as_str() == "co2" && number(s) < 4.0).await;
}

#[tokio::test]
async fn where_nobody_listens_the_link_says_so_and_every_tag_is_bad_without_a_value() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut rig = Rig::start(vec![device(&format!("127.0.0.1:{port}"))], Clock::real(), Path::new(NOWHERE)).await;
    let sample = rig.bad("INC-01/temperature").await;
    assert_eq!((sample.value, sample.quality), (None, Quality::bad(Cause::LinkDown)));
    let link = rig.link("refused", |state| *state == LinkState::Connecting).await;
    assert!(link.cause.contains("refused"), "{link:?}");
    rig.fleet.shutdown().await;
    rig.link("disconnected", |state| *state == LinkState::Disconnected).await;
}

#[tokio::test]
async fn a_register_the_device_does_not_have_does_not_hide_the_others() {
    let clock = Clock::real();
    let sim = incubator(&clock).await;
    let mut templates = Templates::default();
    let text = "name: odd\nversion: 1\nvendor: v\nmodel: m\nsummary: one register too many\nprotocol: modbus\npoll_s: 1\nmodbus: { registers_max: 60, gap_max: 16 }\ntags:\n  - { name: co2, unit: '%', access: read, stale_after_s: 9, modbus: { table: holding, address: 0x1200, type: f32, word_order: low_first } }\n  - { name: hole, unit: '1', access: read, stale_after_s: 9, modbus: { table: holding, address: 0x11FE, type: u16 } }\n";
    templates.add("odd.yaml", text).unwrap();
    let device = DeviceConfig::new("INC-01".parse().unwrap(), "odd", sim.address());
    let mut rig = Rig::start_with(vec![device], &templates, clock, Path::new(NOWHERE)).await;
    let hole = rig.bad("INC-01/hole").await;
    assert_eq!(hole.quality, Quality::bad(Cause::Device("IllegalDataAddress".to_owned())));
    let link = rig.link("degraded", |state| matches!(state, LinkState::Degraded(_))).await;
    assert!(link.cause.contains("hole (IllegalDataAddress)"), "{link:?}");
    rig.good("INC-01/co2").await;
}
