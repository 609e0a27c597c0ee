//! Writes that a device may refuse by its state, and command registers that answer: what reaches the device and what is
//! said of it.

use std::path::Path;

use equipment_drivers::{DeviceConfig, template::Table};
use mes_core::{clock::Clock, engine::WriteResult, historian::SampleValue};
use tokio_modbus::Request;

use crate::{
    image::{Image, Words},
    rig::Rig,
};

/// A bioreactor with the register map of the template: everything zero, set-points 37 °C.
async fn reactor() -> (Image, Rig, tokio::task::JoinHandle<()>) {
    let mut words: Words = (0..40).chain(50..54).map(|address| ((Table::Input, address), 0)).collect();
    words.extend((0..42).map(|address| ((Table::Holding, address), 0)));
    words.insert((Table::Holding, 10), 0x4214);
    let image = Image::of(1, words);
    let (address, server) = image.tcp().await;
    let device = DeviceConfig::new("BR-02".parse().unwrap(), "modbus-bioreactor", address.to_string());
    let mut rig = Rig::start(vec![device], Clock::real(), Path::new("/nowhere")).await;
    rig.good("BR-02/status").await;
    (image, rig, server)
}

/// The device executes a command when it is next asked for anything, with this result.
fn executes(image: &Image, result: u16) {
    image.with(|state| {
        state.logic = Some(Box::new(move |words, request| {
            if !matches!(request, Request::WriteSingleRegister(0, _)) && words[&(Table::Holding, 0)] != 0 {
                words.insert((Table::Holding, 0), 0);
                words.insert((Table::Holding, 1), result);
            }
        }));
    });
}

fn writes(image: &Image) -> usize {
    image.asked(1, |request| matches!(request, Request::WriteSingleRegister(..) | Request::WriteMultipleRegisters(..)))
}

#[tokio::test]
async fn a_state_that_forbids_a_write_keeps_it_from_the_device() {
    let (image, mut rig, _server) = reactor().await;
    image.set(1, Table::Input, 2, 1 << 4);
    let outcome = rig.write("BR-02/temperature_setpoint", SampleValue::Real(30.0)).await;
    let WriteResult::NotSent { reason } = &outcome.result else { panic!("{outcome:?}") };
    assert!(reason.contains("only while status has bit 2 clear") && reason.contains("it is 16"), "{reason}");
    // A condition that cannot be read forbids as well.
    image.with(|state| state.units.get_mut(&1).unwrap().remove(&(Table::Input, 2)));
    let outcome = rig.write("BR-02/temperature_setpoint", SampleValue::Real(30.0)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("cannot be read now")),
        "{outcome:?}"
    );
    assert_eq!(writes(&image), 0);
    image.set(1, Table::Input, 2, 1);
    let outcome = rig.write("BR-02/temperature_setpoint", SampleValue::Real(0.0)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("range 4 to 45")),
        "{outcome:?}"
    );
    let outcome = rig.write("BR-02/temperature_setpoint", SampleValue::Real(36.5)).await;
    assert_eq!((outcome.result, outcome.before), (WriteResult::Confirmed, Some(SampleValue::Real(37.0))));
    let outcome = rig.write("BR-02/feed_rate_setpoint", SampleValue::Real(0.0)).await;
    assert_eq!((outcome.result, writes(&image)), (WriteResult::Confirmed, 2), "zero is a value");
}

#[tokio::test]
async fn a_command_is_confirmed_refused_or_not_confirmed_as_its_register_says() {
    let (image, mut rig, _server) = reactor().await;
    executes(&image, 0);
    let outcome = rig.write("BR-02/command", SampleValue::Integer(1)).await;
    assert_eq!((outcome.result, outcome.read_back), (WriteResult::Confirmed, Some(SampleValue::Integer(0))));
    executes(&image, 1);
    let outcome = rig.write("BR-02/command", SampleValue::Integer(3)).await;
    assert_eq!(outcome.result, WriteResult::Refused { code: "rejected".to_owned() });
    executes(&image, 2);
    let outcome = rig.write("BR-02/command", SampleValue::Integer(2)).await;
    assert_eq!(outcome.result, WriteResult::Refused { code: "busy".to_owned() });
    // A device that never executes: sent once, and not confirmed; the next one is not sent.
    image.with(|state| state.logic = None);
    let before = writes(&image);
    let request = rig.ask("BR-02/command", SampleValue::Integer(1), 1);
    let outcome = rig.outcome(&request).await;
    assert_eq!((outcome.result, outcome.read_back), (WriteResult::NotConfirmed, Some(SampleValue::Integer(1))));
    let outcome = rig.write("BR-02/command", SampleValue::Integer(2)).await;
    assert!(matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("not ready")), "{outcome:?}");
    assert_eq!(writes(&image), before + 1);
}
