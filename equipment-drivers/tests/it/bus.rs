//! Devices that share one physical link, and links of all three kinds: who costs whom what when one falls silent.

use std::{path::Path, time::Duration};

use equipment_drivers::{DeviceConfig, DriverReport, Templates, template::Table};
use mes_core::{
    clock::Clock,
    engine::{LinkState, WriteResult},
    historian::{Cause, Quality, SampleValue},
};
use tokio_modbus::Request;

use crate::{
    image::{Image, Words},
    proxy::Proxy,
    rig::{Rig, number},
};

const NOWHERE: &str = "/nowhere";
/// A small device: temperature, set-point, a switch and a contact; short limits.
const SMALL: &str = "name: small\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: modbus\npoll_s: 0.2\nmodbus: { registers_max: 60, gap_max: 8, timeout_ms: 300 }\ntags:\n  - { name: temperature, unit: Cel, access: read, stale_after_s: 5, modbus: { table: input, address: 0, type: i16, scale: 0.1 } }\n  - { name: setpoint, unit: Cel, access: write, range: [0, 60], stale_after_s: 5, modbus: { table: holding, address: 4, type: f32 } }\n  - { name: switch, unit: '1', access: write, stale_after_s: 5, modbus: { table: coil, address: 9, type: flag } }\n  - { name: contact, unit: '1', access: read, stale_after_s: 5, modbus: { table: discrete, address: 3, type: flag } }\n";

fn words(tenths: u16) -> Words {
    Words::from([
        ((Table::Input, 0), tenths),
        ((Table::Holding, 4), 0x4214),
        ((Table::Holding, 5), 0),
        ((Table::Coil, 9), 1),
        ((Table::Discrete, 3), 1),
    ])
}

fn small(units: &[u8]) -> Image {
    let image = Image::default();
    image.with(|state| state.units = units.iter().map(|unit| (*unit, words(200 + u16::from(*unit)))).collect());
    image
}

fn device(unit: u8, address: &str) -> DeviceConfig {
    DeviceConfig::new(format!("U-{unit}").parse().unwrap(), "small", address).with_unit(unit)
}

/// A driver for these units of a link.
pub(crate) async fn rig(units: &[u8], address: &str) -> Rig {
    let mut templates = Templates::default();
    templates.add("small.yaml", SMALL).unwrap();
    let devices = units.iter().map(|unit| device(*unit, address)).collect();
    Rig::start_with(devices, &templates, Clock::real(), Path::new(NOWHERE)).await
}

/// Reads all kinds of entries, and writes one of each kind.
pub(crate) async fn used(rig: &mut Rig, unit: u8) {
    let tag = |name: &str| format!("U-{unit}/{name}");
    assert_eq!(number(&rig.good(&tag("temperature")).await), (200.0 + f64::from(unit)) / 10.0);
    let flag = |on| SampleValue::Flag(on);
    for value in [flag(false), flag(true), flag(false)] {
        let outcome = rig.write(&tag("switch"), value.clone()).await;
        assert_eq!((outcome.result, outcome.read_back), (WriteResult::Confirmed, Some(value)));
    }
    let outcome = rig.write(&tag("setpoint"), SampleValue::Real(0.0)).await;
    assert_eq!((outcome.result, outcome.before), (WriteResult::Confirmed, Some(SampleValue::Real(37.0))));
}

#[tokio::test]
async fn two_devices_on_one_tcp_connection_are_read_and_written() {
    let image = small(&[3, 7]);
    let (address, _server) = image.tcp().await;
    let mut rig = rig(&[3, 7], &address.to_string()).await;
    used(&mut rig, 3).await;
    used(&mut rig, 7).await;
    let links = rig.fleet.diagnostics();
    assert_eq!((links.len(), links[0].devices.len(), links[0].link.reconnects), (1, 2, 0));
    assert!(links[0].link.requests >= 8 && links[0].link.latency_p99_us.is_some(), "{links:?}");
}

#[tokio::test]
async fn rtu_over_tcp_and_a_serial_line_are_read_and_written_too() {
    let image = small(&[3, 7]);
    let (address, _server) = image.rtu_over_tcp().await;
    let mut over_tcp = rig(&[3, 7], &format!("rtu+tcp://{address}")).await;
    used(&mut over_tcp, 3).await;
    used(&mut over_tcp, 7).await;

    let image = small(&[3, 7]);
    let (path, _server) = image.serial();
    let mut serial = rig(&[3, 7], &format!("rtu://{path}?baud=115200&parity=none")).await;
    used(&mut serial, 3).await;
    used(&mut serial, 7).await;
}

/// The longest time that U-3 went without a request while unit 9 is silent, and how often 9 was asked.
async fn beside_a_dead_unit(image: &Image, mut rig: Rig) -> (Duration, usize) {
    rig.good("U-3/temperature").await;
    rig.good("U-9/temperature").await;
    image.with(|state| {
        state.silent.insert(9);
        state.asked.clear();
    });
    let dead = rig.bad("U-9/temperature").await;
    assert_eq!(dead.quality, Quality::bad(Cause::LinkDown));
    assert!(dead.value.is_some(), "the last value, as such");
    let (mut longest, mut last) = (Duration::ZERO, Clock::wall());
    let start = Clock::wall();
    let mut polls = image.asked(3, |_| true);
    while start.elapsed() < Duration::from_secs(6) {
        let report = rig.next_within(Duration::from_millis(20)).await;
        if let Some(DriverReport::Samples(samples)) = report {
            let others = samples.iter().filter(|sample| sample.tag.equipment.as_str() == "U-3");
            for sample in others {
                assert!(sample.quality.is_good(), "the neighbour of a dead device suffers: {sample:?}");
            }
        }
        let now = image.asked(3, |_| true);
        if now > polls {
            longest = longest.max(last.elapsed());
            (polls, last) = (now, Clock::wall());
        }
    }
    let tries = image.asked(9, |_| true);
    // It comes back by itself.
    image.with(|state| state.silent.clear());
    rig.good("U-9/temperature").await;
    (longest, tries)
}

#[tokio::test]
async fn a_dead_unit_costs_the_others_one_timeout_per_cycle_at_most_on_every_kind_of_link() {
    for kind in ["serial", "tcp"] {
        let image = small(&[3, 9]);
        let (path, _serial) = image.serial();
        let (address, _tcp) = image.tcp().await;
        let address =
            if kind == "serial" { format!("rtu://{path}?baud=115200&parity=none") } else { address.to_string() };
        let rig = rig(&[3, 9], &address).await;
        let (longest, tries) = beside_a_dead_unit(&image, rig).await;
        // One time-out of 300 ms, a cycle of 200 ms, and the noise of a busy machine.
        assert!(longest < Duration::from_millis(1200), "{kind}: {longest:?}");
        // The request that failed, one try after a cycle, then one every five seconds.
        assert!((1..=4).contains(&tries), "{kind}: asked {tries} times in six seconds");
    }
}

#[tokio::test]
async fn a_gateway_that_does_not_reach_one_unit_does_not_lose_the_other() {
    let image = small(&[3, 9]);
    image.with(|state| state.unreachable.insert(9));
    let (address, _server) = image.tcp().await;
    let mut rig = rig(&[3, 9], &address.to_string()).await;
    let is_9 = |cause: &str| cause.contains("the gateway does not reach unit 9");
    rig.link_of("U-9", |state| *state == LinkState::Connecting, is_9).await;
    rig.good("U-3/temperature").await;
}

#[tokio::test]
async fn a_busy_device_is_asked_again_for_readings_and_never_for_writes() {
    let image = small(&[3]);
    let (address, _server) = image.tcp().await;
    let mut rig = rig(&[3], &address.to_string()).await;
    rig.good("U-3/temperature").await;
    image.with(|state| state.busy = 2);
    image.set(3, Table::Input, 0, 371);
    let seen = rig.sample("no gap", |sample| sample.tag.name.as_str() == "temperature").await;
    assert_eq!((number(&seen), seen.quality.is_good()), (37.1, true), "two refusals were waited for");
    image.with(|state| {
        state.logic = Some(Box::new(|words, _| {
            words.remove(&(Table::Coil, 9));
        }));
    });
    // A device that refuses a write is asked once.
    let outcome = rig.write("U-3/switch", SampleValue::Flag(false)).await;
    assert_eq!(outcome.result, WriteResult::Refused { code: "IllegalDataAddress".to_owned() });
    assert_eq!(image.asked(3, |request| matches!(request, Request::WriteSingleCoil(..))), 1);
}

#[tokio::test]
async fn a_reset_and_a_black_hole_turn_the_tags_bad_in_time_and_are_survived() {
    let image = small(&[3, 7]);
    let (address, _server) = image.tcp().await;
    let proxy = Proxy::start(&address.to_string()).await;
    let mut rig = rig(&[3, 7], &proxy.address().to_string()).await;
    rig.good("U-3/temperature").await;
    rig.good("U-7/temperature").await;
    proxy.reset();
    image.set(3, Table::Input, 0, 301);
    image.set(7, Table::Input, 0, 302);
    rig.sample("after a reset", |s| s.tag.to_string() == "U-3/temperature" && s.quality.is_good() && number(s) == 30.1)
        .await;
    rig.sample("after a reset", |s| s.tag.to_string() == "U-7/temperature" && s.quality.is_good() && number(s) == 30.2)
        .await;
    let pulled = Clock::wall();
    proxy.black_hole();
    for unit in ["U-3/temperature", "U-7/temperature"] {
        let down = rig.sample(unit, |s| s.tag.to_string() == unit && !s.quality.is_good()).await;
        assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
    }
    assert!(pulled.elapsed() < Duration::from_secs(5), "{:?}", pulled.elapsed());
    image.set(3, Table::Input, 0, 311);
    while pulled.elapsed() < Duration::from_secs(8) {
        if let Some(DriverReport::Samples(samples)) = rig.next_within(Duration::from_millis(50)).await {
            assert!(samples.iter().all(|sample| !sample.quality.is_good()), "nothing came through: {samples:?}");
        }
    }
    proxy.forward();
    let back = rig.good("U-3/temperature").await;
    assert_eq!(number(&back), 31.1);
    assert!(rig.fleet.diagnostics()[0].link.timeouts >= 1);
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_that_of_the_next_request() {
    for kind in ["serial", "tcp"] {
        let image = small(&[3]);
        let (path, _serial) = image.serial();
        let (address, _tcp) = image.tcp().await;
        let address =
            if kind == "serial" { format!("rtu://{path}?baud=115200&parity=none") } else { address.to_string() };
        let mut rig = rig(&[3], &address).await;
        rig.good("U-3/temperature").await;
        image.with(|state| state.late = Some(Duration::from_millis(450)));
        assert_eq!(rig.bad("U-3/temperature").await.quality, Quality::bad(Cause::LinkDown));
        image.set(3, Table::Input, 0, 199);
        for _ in 0..10 {
            let seen = rig.good("U-3/temperature").await;
            assert!([19.9, 20.3].contains(&number(&seen)), "{kind}: {seen:?}");
            image.set(3, Table::Input, 0, if number(&seen) == 19.9 { 203 } else { 199 });
        }
        let good = rig.good("U-3/contact").await;
        assert_eq!(good.value, Some(SampleValue::Flag(true)));
    }
}
