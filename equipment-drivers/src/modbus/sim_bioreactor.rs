//! The registers of a stirred bioreactor: floats ABCD with a CDAB mirror, status and alarm words, a command register with its
//! result, and a hole.
//!
//! The vessel is that of `physics/bioreactor.rs`; here is only how it is shown and told.

use mes_core::clock::Timestamp;
use tokio_modbus::ExceptionCode;

use super::sim::{Bank, Line, Moment, Registers, half, joined, serve, single, word};
use crate::{
    device_kind::DeviceKind,
    physics::{
        Realism, Refusal,
        bioreactor::{Actuators, Bioreactor, Command, Shown},
    },
    simulator::{SimError, SimHandle},
};

/// Tags of the process values, in the order of their registers.
pub(crate) const TAGS: [&str; 10] =
    ["temperature", "agitation", "ph", "do", "air_flow", "o2_flow", "co2_flow", "n2_flow", "weight", "pressure"];
/// Version of the register map.
const MAP_VERSION: u16 = 100;
/// Most registers in one read.
const READ_MAX: u16 = 60;
/// Result of the last command.
const OK: u16 = 0;
const REJECTED: u16 = 1;
const BUSY: u16 = 2;
/// Bits of the status word.
const RUN: u16 = 1;
const HOLD: u16 = 1 << 1;
const CALIBRATING: u16 = 1 << 3;
const LID_OPEN: u16 = 1 << 5;
/// Bits of the alarm word.
const ALARM_ANY: u16 = 1 << 15;
const PROBE_FAULT: u16 = 1 << 6;
/// PID of temperature and oxygen, in hundredths. Kept and read back; the model's own loops do not take them.
const TUNING: [i16; 6] = [4000, 40, 0, 40, 90, 0];

/// Starts a bioreactor.
pub(crate) async fn bioreactor(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let now = line.clock.now();
    let physics = Bioreactor::new(seed, now, realism);
    let registers = Vessel {
        shown: physics.shown(now),
        actuators: physics.actuators(),
        physics,
        result: OK,
        held: false,
        acknowledged: 0,
        tuning: TUNING,
    };
    serve(line, DeviceKind::ModbusBioreactor, registers).await
}

struct Vessel {
    physics: Bioreactor,
    shown: Shown,
    actuators: Actuators,
    /// Result of the last command.
    result: u16,
    held: bool,
    /// Alarms that somebody has acknowledged; they come back when they have gone in between.
    acknowledged: u16,
    /// PID of temperature and oxygen, in hundredths.
    tuning: [i16; 6],
}

impl Vessel {
    fn process(&self, place: usize) -> f64 {
        let (s, [air, oxygen, carbon_dioxide, nitrogen]) = (&self.shown, self.actuators.gas_l_min);
        let all = [
            s.temperature_cel,
            s.agitation_rpm,
            s.ph,
            s.oxygen_percent,
            air,
            oxygen,
            carbon_dioxide,
            nitrogen,
            s.weight_kg,
            self.actuators.pressure_mbar,
        ];
        let tag = TAGS.get(place).copied().unwrap_or_default();
        if self.physics.failed_probe() == Some(tag) {
            return f64::NAN;
        }
        all.get(place).copied().unwrap_or_default()
    }

    /// Word of a process value, as far as the block of ten floats goes.
    fn process_word(&self, offset: u16, moment: &Moment<'_>, low_first: bool) -> u16 {
        let (place, part) = (usize::from(offset / 2), offset % 2);
        let tag = TAGS.get(place).copied().unwrap_or_default();
        moment.float(tag, self.process(place), if low_first { 1 - part } else { part })
    }

    fn output(&self, place: u16) -> f64 {
        match place {
            0 => self.shown.feed_ml_h,
            1 => self.actuators.base_ml_h,
            2 => self.shown.harvest_ml_h,
            3 => self.actuators.heater_percent,
            _ => self.actuators.oxygen_cascade_percent,
        }
    }

    fn set_point(&self, address: u16) -> Option<f64> {
        let t = self.physics.targets();
        Some(match address {
            10 => t.temperature_cel,
            12 => t.agitation_rpm,
            14 => t.ph,
            16 => t.oxygen_percent,
            20 => t.feed_ml_h,
            22 => t.base_max_ml_h,
            24 => self.shown.harvest_ml_h,
            _ => return None,
        })
    }

    fn status(&self, moment: &Moment<'_>) -> u16 {
        let bit = |on: bool, mask: u16| if on { mask } else { 0 };
        bit(self.physics.running(), RUN)
            | bit(self.held, HOLD)
            | bit(moment.busy, CALIBRATING)
            | bit(self.actuators.lid_open, LID_OPEN)
    }

    /// Alarms as they stand, without regard to who has acknowledged them.
    fn standing(&self, moment: &Moment<'_>) -> u16 {
        let (s, t) = (&self.shown, self.physics.targets());
        let probe = moment.any_failed() || self.physics.failed_probe().is_some();
        let mut bits = if probe { PROBE_FAULT } else { 0 };
        // While it warms up, or stands still, nothing is out of bounds.
        if self.physics.running() && self.actuators.run_s > 7200.0 {
            let deviations = [
                s.temperature_cel > t.temperature_cel + 1.0,
                s.temperature_cel < t.temperature_cel - 1.0,
                s.ph > t.ph + 0.3,
                s.ph < t.ph - 0.3,
                s.oxygen_percent < 0.5 * t.oxygen_percent,
            ];
            bits |= deviations.iter().zip(0_u16..).filter(|(on, _)| **on).map(|(_, bit)| 1 << bit).sum::<u16>();
        }
        bits
    }

    fn alarms(&self, moment: &Moment<'_>) -> u16 {
        let bits = self.standing(moment);
        if bits & !self.acknowledged == 0 { bits } else { bits | ALARM_ANY }
    }

    fn command(&mut self, order: u16) {
        let done = match order {
            1 => {
                self.held = false;
                self.physics.command(Command::Run(true))
            }
            2 => {
                self.held = false;
                self.physics.command(Command::Run(false))
            }
            3 if self.physics.running() => {
                self.held = !self.held;
                Ok(())
            }
            4 => {
                self.acknowledged = u16::MAX;
                Ok(())
            }
            _ => Err(Refusal::InvalidState),
        };
        self.result = if done.is_ok() { OK } else { REJECTED };
    }

    /// Writes floats that begin at `start`, whole ones only.
    fn set(&mut self, start: u16, words: &[u16]) -> Result<(), ExceptionCode> {
        let (floats, rest) = words.as_chunks::<2>();
        if !rest.is_empty() || floats.is_empty() {
            return Err(ExceptionCode::IllegalDataValue);
        }
        for ([high, low], address) in floats.iter().zip((start..).step_by(2)) {
            let value = joined(*high, *low);
            let command = match address {
                10 => Command::Temperature(value),
                12 => Command::Agitation(value),
                14 => Command::Ph(value),
                16 => Command::Oxygen(value),
                20 => Command::Feed(value),
                22 => Command::BaseMax(value),
                // The pump has one speed: any flow starts it, zero stops it.
                24 if value.is_finite() && value >= 0.0 => Command::Harvest(value > 0.0),
                24 => return Err(ExceptionCode::IllegalDataValue),
                _ => return Err(ExceptionCode::IllegalDataAddress),
            };
            self.physics.command(command).map_err(|refusal| match refusal {
                Refusal::OutOfRange => ExceptionCode::IllegalDataValue,
                Refusal::InvalidState => ExceptionCode::ServerDeviceBusy,
            })?;
        }
        Ok(())
    }

    fn tune(&mut self, start: u16, words: &[u16]) -> Result<(), ExceptionCode> {
        let first = usize::from(start - 30);
        let slots = self.tuning.get_mut(first..first + words.len()).ok_or(ExceptionCode::IllegalDataAddress)?;
        for (slot, word) in slots.iter_mut().zip(words) {
            *slot = i16::from_be_bytes(word.to_be_bytes());
        }
        Ok(())
    }

    fn input(&self, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        Ok(match address {
            0 => MAP_VERSION,
            1 => u16::try_from(moment.beat % 0x1_0000).unwrap_or_default(),
            2 => self.status(moment),
            3 => self.alarms(moment),
            _ if moment.busy => return Err(ExceptionCode::ServerDeviceBusy),
            4..=9 => 0,
            10..=29 => self.process_word(address - 10, moment, false),
            30..=39 => single(self.output((address - 30) / 2), address % 2),
            50 | 51 => half(whole(self.actuators.run_s), address % 2),
            52 | 53 => half(whole(self.actuators.base_total_ml), address % 2),
            2000..=2019 => self.process_word(address - 2000, moment, true),
            _ => return Err(ExceptionCode::IllegalDataAddress),
        })
    }

    fn holding(&self, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        if moment.busy && address != 1 {
            return Err(ExceptionCode::ServerDeviceBusy);
        }
        Ok(match address {
            // A command reads back 0 as soon as it was carried out.
            0 => 0,
            1 if moment.busy => BUSY,
            1 => self.result,
            10..=17 | 20..=25 => {
                let value = self.set_point(address - address % 2).ok_or(ExceptionCode::IllegalDataAddress)?;
                single(value, address % 2)
            }
            30..=35 => {
                let value = self.tuning.get(usize::from(address - 30)).copied().unwrap_or_default();
                word(f64::from(value))
            }
            2..=9 | 18 | 19 | 26..=29 | 36..=41 => 0,
            2000..=2019 => self.process_word(address - 2000, moment, true),
            _ => return Err(ExceptionCode::IllegalDataAddress),
        })
    }
}

fn whole(value: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
    let whole = value.round().max(0.0) as u32;
    whole
}

impl Registers for Vessel {
    fn advance(&mut self, now: Timestamp) {
        self.physics.advance_to(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.shown = self.physics.shown(now);
        self.actuators = self.physics.actuators();
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        match bank {
            Bank::Input => self.input(address, moment),
            Bank::Holding => self.holding(address, moment),
        }
    }

    fn read_max(&self) -> u16 {
        READ_MAX
    }

    fn write(&mut self, start: u16, words: &[u16], single: bool, _now: Timestamp) -> Result<(), ExceptionCode> {
        match (start, words) {
            (0, [order]) => {
                self.command(*order);
                Ok(())
            }
            // Half a float would be a set-point nobody meant.
            (10..=17 | 20..=25, _) if single => Err(ExceptionCode::IllegalDataValue),
            (10..=17 | 20..=25, words) if start.is_multiple_of(2) => self.set(start, words),
            (10..=17 | 20..=25, _) => Err(ExceptionCode::IllegalDataValue),
            (30..=35, words) => self.tune(start, words),
            _ => Err(ExceptionCode::IllegalDataAddress),
        }
    }

    fn value(&self, tag: &str) -> Option<f64> {
        TAGS.iter().position(|one| *one == tag).map(|place| self.process(place))
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.physics.open_lid(seconds);
        true
    }
}
