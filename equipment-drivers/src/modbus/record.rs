//! Records of a device that measures in records: which have been taken, which are to be fetched, and what they hold.
//!
//! Records are told apart by their time, because their numbers shift when the device's memory is full. They are fetched
//! from the newest backwards until one is met that was taken before, and handed on oldest first: after an outage
//! nothing is lost that the device still has, and nothing comes twice. This file asks no device; the client does.

use mes_core::{
    clock::Timestamp,
    historian::{Cause, Quality},
};

use super::codec;
use crate::{
    driver::Reading,
    template::{RecordMap, Template},
};

/// What has been taken from a device, over all its connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RecordMemory {
    /// Time of the newest record taken, in Unix seconds.
    pub(crate) newest_s: Option<u32>,
    /// How many records the device kept then.
    kept: u16,
}

impl RecordMemory {
    /// Records up to this time were taken in an earlier run.
    pub(crate) fn after(taken: Option<Timestamp>) -> Self {
        let newest_s = taken.and_then(|at| u32::try_from(at.as_ms().div_euclid(1000)).ok());
        Self { newest_s, kept: 0 }
    }
}

/// A walk through the memory of a device, from the newest record backwards.
#[derive(Debug)]
pub(crate) struct Walk {
    before: RecordMemory,
    /// How many records the device keeps.
    kept: u16,
    /// How many records have come meanwhile and pushed out an older one.
    shifted: u16,
    /// Time and registers, newest first.
    found: Vec<(u32, Vec<u16>)>,
    /// The device's clock was set back since the last record was taken.
    clock_set_back: bool,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A record was met that was taken before.
    Met,
    /// The device gave something that is no record.
    Broken,
}

impl Walk {
    /// A walk through `kept` records; 1 where the device keeps only the newest.
    pub(crate) fn new(before: RecordMemory, kept: u16) -> Self {
        Self { before, kept, shifted: 0, found: Vec::new(), clock_set_back: false, end: None }
    }

    /// Number of the next record to be read, from 0 for the oldest; none when the walk is over.
    pub(crate) fn next(&self) -> Option<u16> {
        let read = u16::try_from(self.found.len()).ok()?;
        if self.end.is_some() { None } else { self.kept.checked_sub(1)?.checked_sub(self.shifted)?.checked_sub(read) }
    }

    /// Takes the registers of the record that [`Walk::next`] named.
    pub(crate) fn take(&mut self, registers: Vec<u16>, map: &RecordMap) {
        let Some(time_s) = time_of(&registers, map) else {
            self.end = Some(End::Broken);
            return;
        };
        if let (true, Some(taken)) = (self.found.is_empty(), self.before.newest_s) {
            self.clock_set_back = time_s < taken;
        }
        let is_old = match self.before.newest_s {
            None => false,
            // Times tell nothing then; numbers do, as long as the memory was not full.
            Some(_) if self.clock_set_back => {
                self.found.len() >= usize::from(self.kept.saturating_sub(self.before.kept).max(1))
            }
            Some(taken) => time_s <= taken,
        };
        if is_old {
            self.end = Some(End::Met);
            return;
        }
        // A record that came while the memory was walked shifts the others by one: the same is then met again.
        let again = self.found.last().is_some_and(|(last, _)| !self.clock_set_back && time_s >= *last);
        if again {
            self.shifted = self.shifted.saturating_add(1);
        } else {
            self.found.push((time_s, registers));
        }
    }

    /// The records as readings, oldest first, and what has been taken then.
    pub(crate) fn finish(self, template: &Template, map: &RecordMap) -> (Vec<Reading>, RecordMemory) {
        let memory = match self.found.first() {
            Some((newest, _)) => RecordMemory { newest_s: Some(*newest), kept: self.kept },
            None => RecordMemory { kept: self.kept, ..self.before },
        };
        // The oldest record that the device still has is newer than the last one taken: there may have been others.
        let mut lost = self.before.newest_s.is_some() && self.end != Some(End::Met) && map.backlog.is_some();
        let mut readings = Vec::new();
        for (time_s, registers) in self.found.iter().rev() {
            for mut reading in read(*time_s, registers, template, map) {
                reading.overflow = lost;
                if self.clock_set_back && reading.quality.is_good() {
                    reading.quality = Quality::uncertain(Cause::ClockSkew);
                }
                readings.push(reading);
            }
            lost = false;
        }
        (readings, memory)
    }
}

fn time_of(registers: &[u16], map: &RecordMap) -> Option<u32> {
    let at = usize::from(map.time.checked_sub(map.block.address)?);
    match registers.get(at..at + 2)? {
        [high, low] => Some(u32::from(*high) << 16 | u32::from(*low)),
        _ => None,
    }
}

fn read(time_s: u32, registers: &[u16], template: &Template, map: &RecordMap) -> Vec<Reading> {
    let source_time = Some(Timestamp::from_ms(i64::from(time_s) * 1000));
    let points = template.tags.iter().enumerate().filter_map(|(tag, one)| Some((tag, one.modbus.as_ref()?)));
    points
        .filter(|(_, point)| point.record)
        .map(|(tag, point)| {
            let at = usize::from(point.address.saturating_sub(map.block.address));
            let end = at + usize::from(point.width());
            let (value, quality) = match codec::decode(registers.get(at..end).unwrap_or_default(), point) {
                Ok(value) => (Some(value), Quality::GOOD),
                Err(cause) => (None, Quality::bad(cause)),
            };
            Reading { tag, value, quality, source_time, server_time: None, overflow: false }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mes_core::historian::SampleValue;
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "name: r\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: modbus\npoll_s: 1\nmodbus: { registers_max: 60, record: { ready: { table: holding, address: 2, bit: 2 }, block: { table: input, address: 0, registers: 3 }, time: 0, backlog: { count: 23, index: 24 } } }\ntags:\n  - { name: n, unit: '1', access: read, stale_after_s: 99, modbus: { table: input, address: 2, type: u16, record: true } }\n";

    fn template() -> Template {
        Template::parse("r.yaml", TEXT).unwrap()
    }

    /// A memory of the times given, oldest first; `grow` records come while it is walked.
    fn fetch(memory: RecordMemory, times: &[u32], mut grow: Vec<u32>, full: bool) -> (Vec<(u32, bool)>, RecordMemory) {
        let template = template();
        let map = template.modbus.as_ref().unwrap().record.clone().unwrap();
        let mut times = times.to_vec();
        let kept = u16::try_from(times.len()).unwrap();
        let mut walk = Walk::new(memory, kept);
        while let Some(number) = walk.next() {
            let time = times[usize::from(number)];
            walk.take(vec![(time >> 16) as u16, time as u16, time as u16], &map);
            if !grow.is_empty() {
                times.push(grow.remove(0));
                if full {
                    times.remove(0);
                }
            }
        }
        let (readings, memory) = walk.finish(&template, &map);
        let shown = readings.iter().map(|reading| {
            let time = u32::try_from(reading.source_time.unwrap().as_ms() / 1000).unwrap();
            assert_eq!(reading.value, Some(SampleValue::Integer(i64::from(time as u16))));
            (time, reading.overflow)
        });
        (shown.collect(), memory)
    }

    fn plain(times: &[u32]) -> Vec<(u32, bool)> {
        times.iter().map(|time| (*time, false)).collect()
    }

    #[test]
    fn records_kept_during_an_outage_come_in_order_and_once() {
        let (first, memory) = fetch(RecordMemory::default(), &[60, 120], vec![], false);
        assert_eq!(first, plain(&[60, 120]));
        let (none, memory) = fetch(memory, &[60, 120], vec![], false);
        assert_eq!(none, []);
        let (later, memory) = fetch(memory, &[60, 120, 180, 240, 300], vec![], false);
        assert_eq!(later, plain(&[180, 240, 300]));
        // A memory of three that has run over: 360 and 420 are gone.
        let (rest, _) = fetch(memory, &[480, 540, 600], vec![], false);
        assert_eq!(rest, [(480, true), (540, false), (600, false)]);
    }

    #[test]
    fn an_earlier_run_is_continued_and_a_cleared_memory_is_seen() {
        let (later, _) = fetch(RecordMemory::after(Some(Timestamp::from_ms(120_000))), &[60, 120, 180], vec![], false);
        assert_eq!(later, plain(&[180]));
        let (cleared, _) = fetch(RecordMemory { newest_s: Some(180), kept: 3 }, &[240], vec![], false);
        assert_eq!(cleared, [(240, true)], "what lay between cannot be known");
        assert_eq!(fetch(RecordMemory { newest_s: Some(180), kept: 3 }, &[], vec![], false).0, []);
    }

    #[test]
    fn a_clock_set_back_hides_no_record_and_is_not_trusted() {
        let template = template();
        let map = template.modbus.as_ref().unwrap().record.clone().unwrap();
        let mut walk = Walk::new(RecordMemory { newest_s: Some(9000), kept: 2 }, 3);
        while walk.next().is_some() {
            walk.take(vec![0, 60, 7], &map);
        }
        let (readings, memory) = walk.finish(&template, &map);
        assert_eq!(readings.len(), 1);
        assert_eq!(readings[0].quality, Quality::uncertain(Cause::ClockSkew));
        assert_eq!(memory, RecordMemory { newest_s: Some(60), kept: 3 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_record_is_lost_or_doubled_whenever_the_link_is_up(
            steps in prop::collection::vec((0usize..6, 0usize..3), 1..12), capacity in 10usize..20,
        ) {
            let (mut memory, mut kept, mut taken, mut clock) = (RecordMemory::default(), Vec::new(), Vec::new(), 0);
            let mut made = Vec::new();
            for (outage, during) in steps {
                let mut measure = |count: usize| -> Vec<u32> {
                    (0..count).map(|_| { clock += 60; made.push(clock); clock }).collect()
                };
                kept.extend(measure(outage));
                while kept.len() > capacity { kept.remove(0); }
                let grow = measure(during);
                let (got, after) = fetch(memory, &kept, grow.clone(), kept.len() == capacity);
                kept.extend(grow);
                while kept.len() > capacity { kept.remove(0); }
                memory = after;
                taken.extend(got);
            }
            taken.extend(fetch(memory, &kept, vec![], false).0);
            prop_assert_eq!(taken.iter().map(|(time, _)| *time).collect::<Vec<_>>(), made);
        }
    }
}
