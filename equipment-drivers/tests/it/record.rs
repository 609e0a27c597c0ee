//! A device that measures in records: each record becomes one sample per channel, with its own time, in order, once, also
//! after an outage in which the device went on measuring.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
};

use equipment_drivers::{DeviceConfig, DriverReport, template::Table};
use mes_core::{
    clock::{Clock, Timestamp},
    historian::SampleValue,
};
use tokio_modbus::Request;

use crate::{
    image::{Image, Words},
    proxy::Proxy,
    rig::Rig,
};

const FIRST: u32 = 1_700_000_000;

/// The memory of a counter: times of its records, oldest first.
type Memory = Arc<Mutex<VecDeque<u32>>>;

/// The count in channel 0.5 µm of the record of a time.
fn count(time: u32) -> u32 {
    time % 100_000 + 7
}

fn put(words: &mut Words, table: Table, address: u16, value: u32) {
    words.insert((table, address), (value >> 16) as u16);
    words.insert((table, address + 1), value as u16);
}

/// A counter with the register map of the template, written from the map and not from the template.
fn counter(memory: &Memory, clock: &Clock) -> Image {
    let mut words: Words = (0..40).map(|address| ((Table::Holding, address), 0)).collect();
    words.extend((0..100).map(|address| ((Table::Input, address), 0)));
    words.insert((Table::Holding, 24), 0xFFFF);
    words.insert((Table::Holding, 25), 7);
    put(&mut words, Table::Holding, 26, FIRST);
    let image = Image::of(1, words);
    let (memory, clock) = (memory.clone(), clock.clone());
    image.with(|state| {
        state.logic = Some(Box::new(move |words, request| {
            show(words, request, &memory);
            put(words, Table::Holding, 26, u32::try_from(clock.now().as_ms() / 1000).unwrap());
        }));
    });
    image
}

fn show(words: &mut Words, request: &Request<'static>, memory: &Memory) {
    let memory = memory.lock().unwrap();
    if matches!(request, Request::ReadInputRegisters(..)) {
        *words.get_mut(&(Table::Holding, 2)).unwrap() &= !4;
    }
    let index = words[&(Table::Holding, 24)];
    let place = if index == 0xFFFF { memory.len().checked_sub(1) } else { Some(usize::from(index)) };
    let time = place.and_then(|place| memory.get(place)).copied().unwrap_or_default();
    put(words, Table::Input, 0, time);
    put(words, Table::Input, 2, 60);
    put(words, Table::Input, 10, count(time));
    words.insert((Table::Holding, 23), u16::try_from(memory.len()).unwrap());
}

/// The device finishes a sample.
fn measure(image: &Image, memory: &Memory, capacity: usize) -> u32 {
    let mut memory = memory.lock().unwrap();
    let time = memory.back().map_or(FIRST + 60, |last| last + 60);
    memory.push_back(time);
    if memory.len() > capacity {
        memory.pop_front();
    }
    let kept = u16::try_from(memory.len()).unwrap();
    drop(memory);
    image.with(|state| {
        let words = state.units.get_mut(&1).unwrap();
        *words.get_mut(&(Table::Holding, 2)).unwrap() |= 4;
        words.insert((Table::Holding, 23), kept);
    });
    time
}

fn device(address: &str) -> DeviceConfig {
    DeviceConfig::new("PC-01".parse().unwrap(), "particle-counter", address)
}

fn clock() -> Clock {
    Clock::starting_at(Timestamp::from_ms(i64::from(FIRST) * 1000), 1)
}

async fn rig(device: DeviceConfig, clock: Clock) -> Rig {
    Rig::start(vec![device], clock, Path::new("/nowhere")).await
}

/// Source time, in Unix seconds, and overflow mark of each sample with a value of the 0.5 µm channel, until `until` is seen.
async fn records(rig: &mut Rig, until: u32) -> Vec<(u32, bool)> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(time, _)| *time != until) {
        let DriverReport::Samples(samples) = rig.next().await else { continue };
        for sample in samples.iter().filter(|sample| sample.tag.name.as_str() == "particles_0_5") {
            if !sample.quality.is_good() {
                continue;
            }
            let time = u32::try_from(sample.source_time.unwrap().as_ms() / 1000).unwrap();
            assert_eq!(
                sample.value,
                Some(SampleValue::Integer(i64::from(count(time)))),
                "count and time belong together"
            );
            seen.push((time, sample.overflow));
        }
    }
    seen
}

fn times(range: std::ops::RangeInclusive<u32>) -> Vec<(u32, bool)> {
    range.map(|number| (FIRST + 60 * number, false)).collect()
}

#[tokio::test]
async fn records_come_once_and_in_order_also_after_an_outage() {
    let (memory, clock) = (Memory::default(), clock());
    let image = counter(&memory, &clock);
    let (address, _server) = image.tcp().await;
    let proxy = Proxy::start(&address.to_string()).await;
    measure(&image, &memory, 100);
    let last = measure(&image, &memory, 100);
    let mut rig = rig(device(&proxy.address().to_string()), clock).await;
    assert_eq!(records(&mut rig, last).await, times(1..=2));
    let last = measure(&image, &memory, 100);
    assert_eq!(records(&mut rig, last).await, times(3..=3));
    // The cable is pulled; the counter measures twelve more samples.
    proxy.black_hole();
    rig.bad("PC-01/status").await;
    for _ in 0..12 {
        measure(&image, &memory, 100);
    }
    proxy.forward();
    let last = *memory.lock().unwrap().back().unwrap();
    assert_eq!(records(&mut rig, last).await, times(4..=15));
    let last = measure(&image, &memory, 100);
    assert_eq!(records(&mut rig, last).await, times(16..=16), "none is repeated");
    assert_eq!(image.get(1, Table::Holding, 24), Some(0xFFFF), "the newest record is shown again");
}

#[tokio::test]
async fn a_memory_that_ran_over_is_said_so_on_the_first_record_after_the_loss() {
    let (memory, clock) = (Memory::default(), clock());
    let image = counter(&memory, &clock);
    let (address, _server) = image.tcp().await;
    let proxy = Proxy::start(&address.to_string()).await;
    let last = measure(&image, &memory, 5);
    let mut rig = rig(device(&proxy.address().to_string()), clock).await;
    records(&mut rig, last).await;
    proxy.black_hole();
    rig.bad("PC-01/status").await;
    for _ in 0..8 {
        measure(&image, &memory, 5);
    }
    proxy.forward();
    let last = *memory.lock().unwrap().back().unwrap();
    let mut expected = times(5..=9);
    expected[0].1 = true;
    assert_eq!(records(&mut rig, last).await, expected);
}

#[tokio::test]
async fn a_new_run_goes_on_after_the_last_record_of_the_one_before() {
    let (memory, clock) = (Memory::default(), clock());
    let image = counter(&memory, &clock);
    let (address, _server) = image.tcp().await;
    for _ in 0..6 {
        measure(&image, &memory, 100);
    }
    let mut device = device(&address.to_string());
    device.records_after = Some(Timestamp::from_ms(i64::from(FIRST + 60 * 4) * 1000));
    let mut rig = rig(device, clock).await;
    assert_eq!(records(&mut rig, FIRST + 360).await, times(5..=6));
}
