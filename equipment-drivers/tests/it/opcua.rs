//! OPC UA, signed and encrypted: the stirred bioreactor.

use std::{path::Path, sync::LazyLock};

use equipment_drivers::{BioreactorSim, DeviceConfig, Fault, Secret, SimHandle, TrustList};
use mes_core::{
    clock::Clock,
    engine::{LinkState, WriteResult},
    historian::{Cause, Quality, Sample, SampleValue},
};
use tempfile::TempDir;

use crate::rig::{Rig, number};

/// Key pairs are slow to make: one for all simulators of this test run.
static SIMULATORS: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());
/// One driver identity for all tests; trust lists are told apart by a folder per test.
static DRIVER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());

pub(crate) async fn bioreactor(name: &str, clock: &Clock) -> SimHandle {
    let sim = BioreactorSim {
        name: name.to_owned(),
        port: 0,
        seed: 11,
        clock: clock.clone(),
        pki_dir: SIMULATORS.path().to_owned(),
        user: "mes".to_owned(),
        secret: Secret::new("s3cret"),
    };
    sim.start().await.unwrap()
}

pub(crate) fn device(name: &str, sim: &SimHandle) -> DeviceConfig {
    DeviceConfig::new(name.parse().unwrap(), "lads-bioreactor", sim.address()).with_user("mes", Secret::new("s3cret"))
}

/// A PKI folder that trusts the simulator.
pub(crate) fn trusting(sim: &SimHandle) -> &'static Path {
    TrustList::open(DRIVER.path()).unwrap().trust_file(sim.certificate().unwrap()).unwrap();
    DRIVER.path()
}

async fn rig(name: &str) -> (SimHandle, Rig) {
    let clock = Clock::real();
    let sim = bioreactor(name, &clock).await;
    let mut rig = Rig::start(vec![device(name, &sim)], clock, trusting(&sim)).await;
    rig.online().await;
    (sim, rig)
}

#[tokio::test]
async fn values_arrive_signed_and_encrypted_with_source_times() {
    let (_sim, mut rig) = rig("BR-01").await;
    let seen = rig.every_tag("BR-01", "lads-bioreactor").await;
    assert!((number(&seen["temperature"]) - 25.0).abs() < 1.0, "{seen:?}");
    assert!((number(&seen["weight"]) - 1.5).abs() < 0.05, "{seen:?}");
    assert_eq!(seen["state"].value, Some(SampleValue::Text("Stopped".to_owned())));
    assert_eq!(seen["run_state"].value, Some(SampleValue::Integer(0)));
    assert_eq!(seen["sparger"].value, Some(SampleValue::Flag(true)));
    for sample in seen.values() {
        let lag_ms = sample.receive_time.since_ms(sample.source_time.unwrap());
        assert!((0..30_000).contains(&lag_ms), "{sample:?}");
    }
}

#[tokio::test]
async fn set_points_and_commands_are_read_back_also_zero_false_and_the_limits() {
    let (_sim, mut rig) = rig("BR-02").await;
    for (tag, value) in [
        ("run_command", SampleValue::Real(1.0)),
        ("run_command", SampleValue::Integer(0)),
        ("sparger", SampleValue::Flag(false)),
        ("sparger", SampleValue::Flag(true)),
        ("temperature_setpoint", SampleValue::Real(4.0)),
        ("temperature_setpoint", SampleValue::Real(45.0)),
        ("agitation_setpoint", SampleValue::Real(0.0)),
        ("agitation_setpoint", SampleValue::Integer(600)),
        ("ph_setpoint", SampleValue::Real(7.15)),
        ("do_setpoint", SampleValue::Real(40.0)),
        ("inoculum", SampleValue::Real(75.0)),
        ("feed", SampleValue::Real(0.0)),
    ] {
        let outcome = rig.write(&format!("BR-02/{tag}"), value.clone()).await;
        assert_eq!(outcome.result, WriteResult::Confirmed, "{tag} {value}: {outcome:?}");
        assert!(outcome.before.is_some(), "{outcome:?}");
    }
    rig.sample("cells are in the vessel", |s| s.tag.name.as_str() == "vcd" && number(s) > 0.03).await;
}

#[tokio::test]
async fn out_of_range_is_refused_by_us_and_a_full_vessel_by_the_device() {
    let (_sim, mut rig) = rig("BR-03").await;
    let outcome = rig.write("BR-03/temperature_setpoint", SampleValue::Real(45.1)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("range 4 to 45")),
        "{outcome:?}"
    );
    assert_eq!(rig.write("BR-03/feed", SampleValue::Real(1000.0)).await.result, WriteResult::Confirmed);
    rig.sample("the pump runs", |s| s.tag.name.as_str() == "feed_rate" && number(s) > 1000.0).await;
    let text = rig.write("BR-03/sparger", SampleValue::Text("on".to_owned())).await;
    assert!(matches!(&text.result, WriteResult::NotSent { reason } if reason.contains("Boolean")), "{text:?}");
}

#[tokio::test]
async fn a_device_that_says_no_is_quoted() {
    let (sim, mut rig) = rig("BR-04").await;
    sim.set_fault(Fault::RefuseWrites).await.unwrap();
    let outcome = rig.write("BR-04/agitation_setpoint", SampleValue::Real(80.0)).await;
    assert_eq!(outcome.result, WriteResult::Refused { code: "BadInvalidState".to_owned() });
    assert_eq!(outcome.before, Some(SampleValue::Real(60.0)));
    sim.clear().await.unwrap();
    sim.set_fault(Fault::IgnoreWrites).await.unwrap();
    let request = rig.ask("BR-04/agitation_setpoint", SampleValue::Real(80.0), 1);
    assert_eq!(rig.outcome(&request).await.result, WriteResult::NotConfirmed);
}

#[tokio::test]
async fn a_killed_server_turns_every_tag_bad_and_its_vessel_lives_on() {
    let (sim, mut rig) = rig("BR-05").await;
    assert_eq!(rig.write("BR-05/inoculum", SampleValue::Real(150.0)).await.result, WriteResult::Confirmed);
    rig.sample("cells are in", |s| s.tag.name.as_str() == "vcd" && s.quality.is_good() && number(s) > 0.08).await;
    sim.stop().await.unwrap();
    let down = rig.bad("BR-05/vcd").await;
    assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
    rig.link("connecting", |state| *state == LinkState::Connecting).await;
    sim.start().await.unwrap();
    rig.online().await;
    let back = rig.good("BR-05/vcd").await;
    assert!(number(&back) > 0.08 && back.seq > down.seq, "{back:?}");
    // The subscription works in the new session, not only the periodic read: values keep changing.
    let beat = rig.good("BR-05/heartbeat").await;
    rig.sample("a later heartbeat", |s| s.tag.name.as_str() == "heartbeat" && number(s) > number(&beat) + 2.0).await;
}

#[tokio::test]
async fn a_restart_with_another_namespace_index_is_followed() {
    let (sim, mut rig) = rig("BR-06").await;
    rig.good("BR-06/temperature").await;
    sim.set_fault(Fault::ShiftNamespace).await.unwrap();
    rig.bad("BR-06/temperature").await;
    rig.online().await;
    rig.good("BR-06/temperature").await;
    let outcome = rig.write("BR-06/temperature_setpoint", SampleValue::Real(36.5)).await;
    assert_eq!(outcome.result, WriteResult::Confirmed);
}

#[tokio::test]
async fn a_frozen_server_is_found_out_by_its_heartbeat() {
    let (sim, mut rig) = rig("BR-07").await;
    rig.good("BR-07/temperature").await;
    sim.set_fault(Fault::Freeze).await.unwrap();
    let stale = rig.bad("BR-07/temperature").await;
    assert_eq!(stale.quality, Quality::bad(Cause::Stale));
    rig.link("degraded", |state| matches!(state, LinkState::Degraded(_))).await;
    sim.clear().await.unwrap();
    rig.good("BR-07/temperature").await;
}

#[tokio::test]
async fn a_device_that_falls_silent_behind_an_open_connection_is_given_up() {
    let (sim, mut rig) = rig("BR-14").await;
    rig.good("BR-14/temperature").await;
    sim.set_fault(Fault::Delay { ms: 3_600_000 }).await.unwrap();
    assert_eq!(rig.bad("BR-14/temperature").await.quality, Quality::bad(Cause::LinkDown));
    sim.clear().await.unwrap();
    rig.online().await;
    rig.good("BR-14/temperature").await;
}

#[tokio::test]
async fn a_failed_sensor_and_a_wrong_clock_are_reported() {
    let (sim, mut rig) = rig("BR-08").await;
    sim.set_fault(Fault::SensorFault { tag: "glucose".parse().unwrap() }).await.unwrap();
    assert_eq!(rig.bad("BR-08/glucose").await.quality, Quality::bad(Cause::SensorFault));
    sim.clear().await.unwrap();
    sim.set_fault(Fault::ClockOff { seconds: -3600 }).await.unwrap();
    let off = Quality::uncertain(Cause::ClockSkew);
    rig.sample("skewed", |one| one.tag.name.as_str() == "temperature" && one.quality == off).await;
    let link = rig.link("degraded", |state| matches!(state, LinkState::Degraded(_))).await;
    assert!(link.cause.contains("clock"), "{link:?}");
}

#[tokio::test]
async fn a_wrong_password_needs_a_person_and_is_not_tried_again_by_itself() {
    let clock = Clock::real();
    let sim = bioreactor("BR-09", &clock).await;
    let wrong = device("BR-09", &sim).with_user("mes", Secret::new("guess"));
    let mut rig = Rig::start(vec![wrong], clock, trusting(&sim)).await;
    let reason = rig.fault().await;
    assert!(reason.contains("refuses user \"mes\"") && reason.contains("correct the credentials"), "{reason}");
    assert!(!reason.contains("guess"));
    let outcome = rig.write("BR-09/run_command", SampleValue::Real(1.0)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("needs a person")),
        "{outcome:?}"
    );
    assert!(rig.fleet.reconnect(&"BR-09".parse().unwrap()));
    rig.link("a second attempt", |state| *state == LinkState::Connecting).await;
    rig.fault().await;
}

#[tokio::test]
async fn an_untrusted_device_is_named_by_thumbprint_and_connects_once_approved() {
    let clock = Clock::real();
    let sim = bioreactor("BR-10", &clock).await;
    let own = TempDir::new().unwrap();
    let mut rig = Rig::start(vec![device("BR-10", &sim)], clock, own.path()).await;
    let reason = rig.fault().await;
    let list = TrustList::open(own.path()).unwrap();
    let rejected = list.rejected().unwrap();
    let [unknown] = rejected.as_slice() else { panic!("{rejected:?}") };
    assert!(reason.contains(&unknown.thumbprint) && reason.contains("not trusted"), "{reason}");
    list.approve(&unknown.thumbprint).unwrap();
    rig.fleet.reconnect(&"BR-10".parse().unwrap());
    rig.online().await;
    rig.good("BR-10/temperature").await;
}

#[tokio::test]
async fn where_nobody_listens_or_something_else_does_the_link_says_so() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("opc.tcp://127.0.0.1:{port}/");
    let nobody = DeviceConfig::new("BR-11".parse().unwrap(), "lads-bioreactor", address);
    let pki = &DRIVER;
    let mut rig = Rig::start(vec![nobody], Clock::real(), pki.path()).await;
    assert_eq!(rig.bad("BR-11/temperature").await.quality, Quality::bad(Cause::LinkDown));
    let link = rig.link("refused", |state| *state == LinkState::Connecting).await;
    assert!(link.cause.contains("refused"), "{link:?}");

    let clock = Clock::real();
    let sim = bioreactor("BR-12", &clock).await;
    let mut other_name = device("BR-12", &sim);
    other_name.device_name = Some("BR-99".to_owned());
    let mut rig = Rig::start(vec![other_name], clock, trusting(&sim)).await;
    let sample = rig.bad("BR-12/temperature").await;
    assert_eq!(sample.quality, Quality::bad(Cause::Device("BadNodeIdUnknown".to_owned())));
}

#[tokio::test]
async fn facility_time_at_3600_times_the_rate_stays_good_and_moves_the_culture() {
    let clock = Clock::starting_at(Clock::system_now().plus_s(-30 * 86_400), 3600);
    let sim = bioreactor("BR-13", &clock).await;
    let mut rig = Rig::start(vec![device("BR-13", &sim)], clock.clone(), trusting(&sim)).await;
    rig.online().await;
    assert_eq!(rig.write("BR-13/run_command", SampleValue::Real(1.0)).await.result, WriteResult::Confirmed);
    rig.sample("warm", |s| s.tag.name.as_str() == "temperature" && s.quality.is_good() && number(s) > 36.5).await;
    assert_eq!(rig.write("BR-13/inoculum", SampleValue::Real(1500.0)).await.result, WriteResult::Confirmed);
    let fed = |s: &Sample| s.tag.name.as_str() == "glucose" && (!s.quality.is_good() || number(s) < 5.0);
    let eaten = rig.sample("glucose falls", fed).await;
    assert!(eaten.quality.is_good() && eaten.source_time.unwrap() <= eaten.receive_time, "{eaten:?}");
    clock.set_rate(1);
    let beat = rig.good("BR-13/heartbeat").await;
    let later =
        |s: &Sample| !s.quality.is_good() || s.tag.name.as_str() == "heartbeat" && number(s) > number(&beat) + 3.0;
    let later = rig.sample("a change of rate is not taken for a wrong clock", later).await;
    assert!(later.quality.is_good(), "{later:?}");
}
