//! One device on a Modbus link: its cycle of readings, its records, its writes.
//!
//! What the device refuses becomes the quality of the tags concerned; a refused block is split until the hole is alone.
//! A device that does not answer is reported as lost; the supervisor tries again. A write is sent once.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use mes_core::{
    clock::{Clock, Timestamp},
    historian::{Cause, Quality, SampleValue},
};
use tokio::{sync::watch, time::sleep};
use tokio_modbus::ExceptionCode;

use super::{
    bus::{BusHandle, Seat, Urgency, is_unreachable},
    codec,
    plan::{Block, plan, split},
    record::Walk,
    wire::{Call, CallError},
};
use crate::{
    driver::{Device, LinkError, Part, Reading, WriteFault},
    template::{Backlog, ModbusPoint, RecordMap, RegisterBit, RegisterRun, Table, Template, WriteFunction},
};

/// How often a reading is asked again of a device that says it is busy.
const BUSY_RETRIES: u32 = 3;
/// Pause before asking a busy device again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// What the device refuses is asked again after this long.
const REFUSED_AGAIN: Duration = Duration::from_secs(30);
/// The record index that always shows the newest record: -1.
const NEWEST: u16 = 0xFFFF;

/// Why a request gave no data.
enum Trouble {
    /// The device said no; the link is fine.
    Refused(ExceptionCode),
    /// The device cannot be reached.
    Lost(LinkError),
}

/// One device's connection: its place on the link and what is known of its answers.
pub(crate) struct Connection {
    bus: BusHandle,
    seat: Arc<Seat>,
    down: watch::Receiver<Option<String>>,
    clock: Clock,
    template: Arc<Template>,
    blocks: Vec<Block>,
    /// The next block of the cycle.
    next: usize,
    /// Blocks of one tag that the device refuses, and when to ask again.
    refused: Vec<(Block, Instant)>,
    records: Records,
}

#[derive(Default)]
struct Records {
    /// Asked for in this cycle.
    asked: bool,
    /// Looked for at least once on this connection, and the index register was set.
    known: bool,
    walk: Option<Walk>,
}

impl Connection {
    /// Asks the device for something; it is connected when it has answered, if only with a refusal.
    pub(crate) async fn open(device: &Device) -> Result<Self, LinkError> {
        let Some((bus, seat)) = device.seat.clone() else {
            return Err(LinkError::NeedsPerson { reason: "the device has no place on a Modbus link".to_owned() });
        };
        let template = device.template.clone();
        let mut one = Self {
            down: bus.down.clone(),
            bus,
            seat,
            clock: device.clock.clone(),
            blocks: planned(&template),
            template,
            next: usize::MAX,
            refused: Vec::new(),
            records: Records::default(),
        };
        let first = match (one.blocks.first(), one.record_map()) {
            (Some(block), _) => (block.table, block.start, block.count),
            (None, Some(record)) => (record.ready.table, record.ready.address, 1),
            (None, None) => (Table::Holding, 0, 1),
        };
        // The answer may be a refusal; that is found out in the first cycle.
        if let Err(Trouble::Lost(lost)) = one.read("connect", first.0, first.1, first.2, Urgency::Reading).await {
            return Err(lost);
        }
        one.down.mark_unchanged();
        Ok(one)
    }

    /// Returns when the link as a whole is lost.
    pub(crate) async fn notified(&mut self) -> Result<Vec<Reading>, LinkError> {
        loop {
            if let Some(cause) = self.down.borrow_and_update().clone() {
                return Err(LinkError::lost("connect", cause));
            }
            if self.down.changed().await.is_err() {
                return Err(LinkError::lost("read", "the link was stopped"));
            }
        }
    }

    /// Starts a cycle of readings.
    pub(crate) fn begin_cycle(&mut self) {
        self.next = 0;
        self.records.asked = false;
        let now = Clock::wall();
        let due: Vec<_> = self.refused.extract_if(.., |(_, at)| *at <= now).map(|(block, _)| block).collect();
        if self.blocks.is_empty() && !due.is_empty() {
            // It refused everything: that is no hole.
            self.refused.clear();
            self.blocks = planned(&self.template);
        } else {
            self.blocks.extend(due);
        }
    }

    /// The next answer of the cycle.
    pub(crate) async fn read_part(&mut self) -> Result<Part, LinkError> {
        let readings = match (self.blocks.get(self.next).cloned(), self.record_map().cloned()) {
            (Some(block), _) => Some(self.read_block(block).await?),
            (None, Some(map)) => self.next_record(&map).await?,
            (None, None) => None,
        };
        let more = readings.is_some();
        Ok(Part { readings: readings.unwrap_or_default(), more })
    }

    async fn read_block(&mut self, block: Block) -> Result<Vec<Reading>, LinkError> {
        let code = match self.read("read", block.table, block.start, block.count, Urgency::Reading).await {
            Ok(registers) => {
                self.next += 1;
                return Ok(self.readings(&block, &registers));
            }
            Err(Trouble::Lost(lost)) => return Err(lost),
            Err(Trouble::Refused(code)) => code,
        };
        let template = self.template.clone();
        let width =
            |tag: usize| template.tags.get(tag).and_then(|tag| tag.modbus.as_ref()).map_or(1, ModbusPoint::width);
        let hole = matches!(
            code,
            ExceptionCode::IllegalDataAddress | ExceptionCode::IllegalDataValue | ExceptionCode::ServerDeviceFailure
        );
        if hole && let Some(halves) = split(&block, width) {
            self.blocks.splice(self.next..=self.next, halves);
            return Ok(Vec::new());
        }
        if hole {
            self.blocks.remove(self.next);
            self.refused.push((block.clone(), Clock::wall() + REFUSED_AGAIN));
        } else {
            self.next += 1;
        }
        Ok(block.tags.iter().map(|(tag, _)| self.reading(*tag, Err(said_no(code)))).collect())
    }

    fn readings(&self, block: &Block, registers: &[u16]) -> Vec<Reading> {
        let decode = |(tag, offset): &(usize, usize)| {
            let point = self.point(*tag)?;
            let end = offset + usize::from(point.width());
            let value = codec::decode(registers.get(*offset..end).unwrap_or_default(), point);
            Some(self.reading(*tag, value))
        };
        block.tags.iter().filter_map(decode).collect()
    }

    /// One step towards the records: look whether there is one, then read one after the other, then hand them on.
    async fn next_record(&mut self, map: &RecordMap) -> Result<Option<Vec<Reading>>, LinkError> {
        let step = match self.records.walk.take() {
            Some(walk) => self.walk_on(walk, map).await,
            None if self.records.asked => Ok(None),
            None => {
                self.records.asked = true;
                self.look_for_records(map).await
            }
        };
        match step {
            Ok(readings) => Ok(readings),
            Err(Trouble::Lost(lost)) => Err(lost),
            Err(Trouble::Refused(code)) => {
                self.records.known = false;
                let tags = points(&self.template).filter(|(_, point)| point.record).map(|(tag, _)| tag);
                Ok(Some(tags.map(|tag| self.reading(tag, Err(said_no(code)))).collect()))
            }
        }
    }

    async fn look_for_records(&mut self, map: &RecordMap) -> Result<Option<Vec<Reading>>, Trouble> {
        let first = |words: Vec<u16>| words.first().copied().unwrap_or_default();
        let RegisterBit { table, address, bit } = map.ready;
        let status = first(self.read("read record status", table, address, 1, Urgency::Reading).await?);
        if status >> bit & 1 == 0 && self.records.known {
            return Ok(None);
        }
        let kept = match &map.backlog {
            None => 1,
            Some(Backlog { count, .. }) => {
                first(self.read("read record count", Table::Holding, *count, 1, Urgency::Reading).await?)
            }
        };
        self.records.known = true;
        let before = *self.seat.records.lock().unwrap_or_else(PoisonError::into_inner);
        self.records.walk = Some(Walk::new(before, kept));
        Ok(Some(Vec::new()))
    }

    async fn walk_on(&mut self, mut walk: Walk, map: &RecordMap) -> Result<Option<Vec<Reading>>, Trouble> {
        if let Some(number) = walk.next() {
            if let Some(backlog) = &map.backlog {
                self.order(backlog.index, number).await?;
            }
            let RegisterRun { table, address, registers } = map.block;
            walk.take(self.read("read record", table, address, registers, Urgency::Reading).await?, map);
            self.records.walk = Some(walk);
            return Ok(Some(Vec::new()));
        }
        if let Some(backlog) = &map.backlog {
            self.order(backlog.index, NEWEST).await?;
        }
        if let Some(clear) = &map.clear {
            self.order(clear.address, clear.value).await?;
        }
        let (readings, memory) = walk.finish(&self.template, map);
        *self.seat.records.lock().unwrap_or_else(PoisonError::into_inner) = memory;
        // A record that came while older ones were read may have lost its mark: look again in the next cycle.
        self.records.known = readings.is_empty();
        Ok(Some(readings))
    }

    /// Reads one tag, for a write: before other readings.
    pub(crate) async fn read_one(&mut self, tag: usize) -> Result<Reading, LinkError> {
        let Some(point) = self.point(tag).filter(|point| !point.record).cloned() else {
            return Ok(self.reading(tag, Err(Cause::Device("this tag is not read by itself".to_owned()))));
        };
        let value = match self.read("read", point.table, point.address, point.width(), Urgency::Write).await {
            Ok(registers) => codec::decode(&registers, &point),
            Err(Trouble::Refused(code)) => Err(said_no(code)),
            Err(Trouble::Lost(lost)) => return Err(lost),
        };
        Ok(self.reading(tag, value))
    }

    pub(crate) async fn write(&mut self, tag: usize, value: &SampleValue) -> Result<(), WriteFault> {
        let Some(point) = self.point(tag).cloned() else {
            return Err(WriteFault::Unsendable { reason: "the template has no register for this tag".to_owned() });
        };
        let words =
            codec::encode(value, &point).map_err(|error| WriteFault::Unsendable { reason: error.to_string() })?;
        let wanted = point.write.or_else(|| self.template.modbus.as_ref()?.write);
        let multiple = wanted == Some(WriteFunction::Multiple);
        let call = Call::Write { table: point.table, start: point.address, words, multiple };
        match self.bus.ask(&self.seat, call, Urgency::Write).await {
            Ok(_) => Ok(()),
            Err(CallError::Exception(code)) => Err(WriteFault::Refused { code: format!("{code:?}") }),
            Err(CallError::Down(cause)) => {
                Err(WriteFault::Unsendable { reason: format!("there is no connection: {cause}") })
            }
            Err(error) => Err(WriteFault::Lost(LinkError::lost("write", error))),
        }
    }

    pub(crate) fn close(self) {
        self.bus.hang_up();
    }

    /// Reads a run; a busy device is asked again a few times.
    async fn read(
        &self,
        step: &'static str,
        table: Table,
        start: u16,
        count: u16,
        urgency: Urgency,
    ) -> Result<Vec<u16>, Trouble> {
        let mut busy = 0;
        loop {
            let result = self.bus.ask(&self.seat, Call::Read { table, start, count }, urgency).await;
            if is_unreachable(&result) {
                let cause = format!("the gateway does not reach unit {}", self.seat.unit);
                return Err(Trouble::Lost(LinkError::lost(step, cause)));
            }
            match result {
                Err(CallError::Exception(ExceptionCode::ServerDeviceBusy)) if busy < BUSY_RETRIES => {
                    busy += 1;
                    sleep(BUSY_PAUSE).await;
                }
                Err(CallError::Exception(code)) => return Err(Trouble::Refused(code)),
                Err(CallError::Timeout(limit)) => {
                    let cause = format!("no answer from unit {} within {} ms", self.seat.unit, limit.as_millis());
                    return Err(Trouble::Lost(LinkError::lost(step, cause)));
                }
                Err(error) => return Err(Trouble::Lost(LinkError::lost(step, error))),
                Ok(words) => return Ok(words),
            }
        }
    }

    /// Sets a register of the record memory; doing it twice would change nothing.
    async fn order(&self, address: u16, value: u16) -> Result<(), Trouble> {
        let call = Call::Write { table: Table::Holding, start: address, words: vec![value], multiple: false };
        match self.bus.ask(&self.seat, call, Urgency::Reading).await {
            Ok(_) => Ok(()),
            Err(CallError::Exception(code)) => Err(Trouble::Refused(code)),
            Err(error) => Err(Trouble::Lost(LinkError::lost("choose record", error))),
        }
    }

    fn record_map(&self) -> Option<&RecordMap> {
        self.template.modbus.as_ref()?.record.as_ref()
    }

    fn point(&self, tag: usize) -> Option<&ModbusPoint> {
        self.template.tags.get(tag)?.modbus.as_ref()
    }

    fn reading(&self, tag: usize, value: Result<SampleValue, Cause>) -> Reading {
        let (value, quality) = match value {
            Ok(value) => (Some(value), Quality::GOOD),
            Err(cause) => (None, Quality::bad(cause)),
        };
        let source_time = match (&value, self.point(tag)) {
            (Some(SampleValue::Integer(seconds)), Some(point)) if point.clock => {
                let at = Timestamp::from_ms(seconds.saturating_mul(1000));
                self.seat.meter.clock_skew(at.since_ms(self.clock.now()));
                Some(at)
            }
            _ => None,
        };
        Reading { tag, value, quality, source_time, server_time: None, overflow: false }
    }
}

fn points(template: &Template) -> impl Iterator<Item = (usize, &ModbusPoint)> {
    template.tags.iter().enumerate().filter_map(|(tag, one)| Some((tag, one.modbus.as_ref()?)))
}

fn planned(template: &Template) -> Vec<Block> {
    let cyclic: Vec<_> = points(template).filter(|(_, point)| !point.record).collect();
    template.modbus.as_ref().map(|map| plan(&cyclic, map)).unwrap_or_default()
}

fn said_no(code: ExceptionCode) -> Cause {
    Cause::Device(format!("{code:?}"))
}
