//! The registers of an airborne particle counter after Lighthouse's map: a device of records, with an index into them and a
//! "new data" bit that reading clears.
//!
//! What it counts is in `physics/particles.rs`.

use mes_core::clock::Timestamp;
use tokio_modbus::ExceptionCode;

use super::sim::{Bank, Line, Moment, Registers, half, serve};
use crate::{
    device_kind::DeviceKind,
    physics::{
        Realism,
        particles::{CHANNELS, Particles, Record, Trouble},
    },
    simulator::{SimError, SimHandle},
};

/// What can fail: the pump and the laser.
pub(crate) const TAGS: [&str; 2] = ["flow", "device_error"];
/// Version of the register map: 1.47.
const MAP_VERSION: u16 = 147;
const FIRMWARE: u16 = 210;
const SERIAL: u32 = 190_400_000;
/// Product and model, two characters a register.
const PRODUCT: &[u8; 16] = b"Remote particle ";
const MODEL: &[u8; 16] = b"SIM 5104        ";
/// 1.00 cubic foot a minute.
const FLOW: u16 = 100;
/// Bits of the device status.
const RUNNING: u16 = 1;
const SAMPLING: u16 = 1 << 1;
const NEW_DATA: u16 = 1 << 2;
const DEVICE_ERROR: u16 = 1 << 3;
const FLOW_STATUS: u16 = 1 << 12;
/// Offset of 40001 and 30001 on the wire is 0; the last data register.
const DATA_LAST: u16 = 998;
/// Offset of the first channel.
const FIRST_CHANNEL: u16 = 8;

/// Starts a particle counter.
pub(crate) async fn counter(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let now = line.clock.now();
    let physics = Particles::new(seed, now, realism);
    let serial = SERIAL + u32::try_from(seed % 100_000).unwrap_or_default();
    let registers =
        Counter { physics, serial, index: -1, fetched: 0, clock_set_ms: 0, new_clock: [0; 2], alarm: [0; 2] };
    serve(line, DeviceKind::ParticleCounter, registers).await
}

struct Counter {
    physics: Particles,
    serial: u32,
    /// Which record is shown; -1 is the last.
    index: i16,
    /// How many samples had been taken when data were last read.
    fetched: u64,
    /// By how much its clock was set, in milliseconds.
    clock_set_ms: i64,
    new_clock: [u16; 2],
    alarm: [u16; 2],
}

impl Counter {
    fn record(&self) -> Option<&Record> {
        match usize::try_from(self.index) {
            Ok(place) => self.physics.records().get(place),
            Err(_) => self.physics.records().back(),
        }
    }

    fn status(&self, moment: &Moment<'_>) -> u16 {
        let bit = |on: bool, mask: u16| if on { mask } else { 0 };
        bit(self.physics.running(), RUNNING)
            | bit(self.physics.sampling(), SAMPLING)
            | bit(self.physics.taken() > self.fetched, NEW_DATA)
            | bit(moment.failed("device_error"), DEVICE_ERROR)
            | bit(moment.failed("flow"), FLOW_STATUS)
    }

    /// Seconds of the device's clock for a time of the facility.
    fn unix(&self, at: Timestamp, moment: &Moment<'_>) -> u32 {
        let shown = at.plus_ms(moment.clock_off_ms + self.clock_set_ms);
        u32::try_from(shown.as_ms().div_euclid(1000)).unwrap_or_default()
    }

    fn holding(&self, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        let timing = &self.physics.timing;
        // A name, two characters a register.
        let text = |name: &[u8; 16], from: u16| {
            let (pairs, _) = name.as_chunks::<2>();
            pairs.get(usize::from(address - from)).map_or(0, |pair| u16::from_be_bytes(*pair))
        };
        // 32 bits in two registers, the first of which has this address.
        let wide = |bits: u32, from: u16| half(bits, address - from);
        Ok(match address {
            0 => MAP_VERSION,
            1 => 0,
            2 => self.status(moment),
            3 => FIRMWARE,
            4 | 5 => wide(self.serial, 4),
            6..=13 => text(PRODUCT, 6),
            14..=21 => text(MODEL, 14),
            22 => FLOW,
            23 => u16::try_from(self.physics.records().len()).unwrap_or(u16::MAX),
            24 => u16::from_be_bytes(self.index.to_be_bytes()),
            25 => self.physics.location,
            26 | 27 => wide(self.unix(self.physics.at(), moment), 26),
            28 | 29 => wide(timing.delay_s, 28),
            30 | 31 => wide(timing.hold_s, 30),
            32 | 33 => wide(timing.sample_s, 32),
            34 | 35 => self.new_clock.get(usize::from(address - 34)).copied().unwrap_or_default(),
            36 | 37 => self.alarm.get(usize::from(address - 36)).copied().unwrap_or_default(),
            _ => return Err(ExceptionCode::IllegalDataAddress),
        })
    }

    /// The record chosen by the index; zeros where there is none yet.
    fn data(&self, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        if address > DATA_LAST {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let channels = u16::try_from(CHANNELS).unwrap_or_default();
        // Which channels are valid: one bit each, in the low word of 30073-30074.
        if address == 73 {
            return Ok((1 << channels) - 1);
        }
        let Some(record) = self.record() else { return Ok(0) };
        let bits = match address / 2 {
            0 => self.unix(record.at, moment),
            1 => record.sample_s,
            2 => u32::from(record.location),
            3 => record.status,
            _ if (FIRST_CHANNEL..FIRST_CHANNEL + 2 * channels).contains(&address) => {
                let channel = usize::from((address - FIRST_CHANNEL) / 2);
                record.counts.get(channel).copied().unwrap_or_default()
            }
            _ => 0,
        };
        Ok(half(bits, address % 2))
    }

    fn command(&mut self, order: u16) -> Result<(), ExceptionCode> {
        match order {
            // Parameters are kept as they are written, orders are taken from both sides, and the pump follows the samples.
            1 | 4..=8 => {}
            3 => {
                self.physics.clear();
                (self.index, self.fetched) = (-1, self.physics.taken());
            }
            9 | 11 => self.physics.start(),
            10 | 12 => self.physics.stop(),
            13 => {
                let [high, low] = self.new_clock;
                let wanted_ms = (i64::from(high) << 16 | i64::from(low)) * 1000;
                self.clock_set_ms = wanted_ms - self.physics.at().as_ms();
            }
            _ => return Err(ExceptionCode::IllegalDataValue),
        }
        Ok(())
    }

    fn write_one(&mut self, address: u16, word: u16) -> Result<(), ExceptionCode> {
        let timing = &mut self.physics.timing;
        let wide = |bits: u32, high: bool| {
            if high { bits & 0xFFFF | u32::from(word) << 16 } else { bits & 0xFFFF_0000 | u32::from(word) }
        };
        match address {
            1 => return self.command(word),
            24 => {
                let index = i16::from_be_bytes(word.to_be_bytes());
                let count = i16::try_from(self.physics.records().len()).unwrap_or(i16::MAX);
                if index < -1 || index >= count.max(1) {
                    return Err(ExceptionCode::IllegalDataValue);
                }
                self.index = index;
            }
            25 if (1..=200).contains(&word) => self.physics.location = word,
            25 => return Err(ExceptionCode::IllegalDataValue),
            28 | 29 => timing.delay_s = wide(timing.delay_s, address == 28),
            30 | 31 => timing.hold_s = wide(timing.hold_s, address == 30),
            32 | 33 => timing.sample_s = wide(timing.sample_s, address == 32),
            34 => self.new_clock[0] = word,
            35 => self.new_clock[1] = word,
            36 => self.alarm[0] = word,
            37 => self.alarm[1] = word,
            _ => return Err(ExceptionCode::IllegalDataAddress),
        }
        Ok(())
    }
}

impl Registers for Counter {
    fn advance(&mut self, now: Timestamp) {
        self.physics.advance_to(now);
    }

    fn look(&mut self, _now: Timestamp) {}

    fn trouble(&mut self, failed: &dyn Fn(&str) -> bool) {
        self.physics.trouble = Trouble { flow: failed("flow"), laser: failed("device_error") };
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        match bank {
            Bank::Holding => self.holding(address, moment),
            Bank::Input => self.data(address, moment),
        }
    }

    fn was_read(&mut self, bank: Bank, _start: u16, _count: u16) {
        if bank == Bank::Input {
            self.fetched = self.physics.taken();
        }
    }

    fn write(&mut self, start: u16, words: &[u16], _single: bool, _now: Timestamp) -> Result<(), ExceptionCode> {
        for (word, address) in words.iter().zip(start..) {
            self.write_one(address, *word)?;
        }
        Ok(())
    }

    fn value(&self, _tag: &str) -> Option<f64> {
        None
    }

    /// A door brings people, and people bring particles.
    fn open_door(&mut self, seconds: i64) -> bool {
        self.physics.stir(seconds);
        true
    }
}
