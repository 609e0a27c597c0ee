//! The registers of two incubators: floats CDAB at the addresses of a BINDER MB1, and integers in tenths as a Hettich has them.
//!
//! They refuse what real ones refuse: unknown registers, half a float, values out of range.

use mes_core::clock::{Clock, Timestamp};
use tokio_modbus::ExceptionCode;

use super::sim::{Bank, Line, Moment, Registers, UNIT_ID, joined, serve};
use crate::{
    device_kind::{DeviceKind, Framing},
    physics::{
        Realism, Refusal,
        incubator::{Command, Incubator, Shown},
    },
    simulator::{SimError, SimHandle},
};

/// Tags of the incubator with floats.
pub(crate) const BINDER_TAGS: [&str; 7] =
    ["temperature", "humidity", "co2", "o2", "temperature_setpoint", "humidity_setpoint", "co2_setpoint"];
/// Tags of the incubator with integers.
pub(crate) const HETTICH_TAGS: [&str; 1] = ["temperature"];
/// What a Hettich shows where a sensor has failed, and its alarm bit.
const HETTICH_SENTINEL: u16 = 0x8000;
const ALARM_MAIN_SENSOR: u16 = 1 << 5;

/// A simulated CO2 incubator.
#[derive(Debug, Clone)]
pub struct IncubatorSim {
    /// Its name, for messages.
    pub name: String,
    /// Port on the loopback interface; 0 for any.
    pub port: u16,
    /// Seed of its noise.
    pub seed: u64,
    /// The facility's clock.
    pub clock: Clock,
}

impl IncubatorSim {
    /// Starts it: Modbus TCP, unit 1, an undisturbed life.
    pub async fn start(self) -> Result<SimHandle, SimError> {
        let Self { name, port, seed, clock } = self;
        let line = Line { name, port, unit: UNIT_ID, framing: Framing::ModbusTcp, clock };
        binder(line, seed, Realism::Calm).await
    }
}

/// Starts an incubator with floats.
pub(crate) async fn binder(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let registers = Binder(Inside::new(seed, line.clock.now(), realism));
    serve(line, DeviceKind::Co2Incubator, registers).await
}

/// Starts an incubator with integers.
pub(crate) async fn hettich(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let registers = Hettich(Inside::new(seed, line.clock.now(), realism));
    serve(line, DeviceKind::HettichIncubator, registers).await
}

/// The incubator and what it shows.
struct Inside {
    physics: Incubator,
    shown: Shown,
}

impl Inside {
    fn new(seed: u64, now: Timestamp, realism: Realism) -> Self {
        let physics = Incubator::new(seed, now, realism);
        Self { shown: physics.shown(now), physics }
    }
}

struct Binder(Inside);

impl Binder {
    fn honest(&self, tag: &str) -> Option<f64> {
        let (temperature, humidity, co2) = self.0.physics.set_points();
        let shown = &self.0.shown;
        Some(match tag {
            "temperature" => shown.temperature_cel,
            "humidity" => shown.humidity_percent,
            "co2" if self.0.physics.co2_sensor_failed() => f64::NAN,
            "co2" => shown.co2_percent,
            "o2" => shown.o2_percent,
            "temperature_setpoint" => temperature,
            "humidity_setpoint" => humidity,
            "co2_setpoint" => co2,
            _ => return None,
        })
    }
}

impl Registers for Binder {
    fn advance(&mut self, now: Timestamp) {
        self.0.physics.advance_to(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.0.shown = self.0.physics.shown(now);
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        if bank == Bank::Input {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        // The low word comes first.
        let float = |tag: &str, first: u16| {
            let honest = self.honest(tag).ok_or(ExceptionCode::IllegalDataAddress)?;
            Ok(moment.float(tag, honest, u16::from(address == first)))
        };
        match address {
            0x11A9 | 0x11AA => float("temperature", 0x11A9),
            0x11CD | 0x11CE => float("humidity", 0x11CD),
            0x1200 | 0x1201 => float("co2", 0x1200),
            0x1202 | 0x1203 => float("o2", 0x1202),
            0x1077 | 0x1078 => float("temperature_setpoint", 0x1077),
            0x1079 | 0x107A => float("humidity_setpoint", 0x1079),
            0x1220 | 0x1221 => float("co2_setpoint", 0x1220),
            0x1210 => Ok(self.0.shown.door),
            0x1211 => Ok(self.0.shown.alarms),
            0x1212 => Ok(u16::try_from(moment.beat % 0x1_0000).unwrap_or_default()),
            // Mode: manual set-points; no program.
            0x1A22 => Ok(0x0800),
            0x1A23 | 0x1204..=0x120F | 0x1213..=0x121F => Ok(0),
            _ => Err(ExceptionCode::IllegalDataAddress),
        }
    }

    fn write(&mut self, start: u16, words: &[u16], _single: bool, _now: Timestamp) -> Result<(), ExceptionCode> {
        let command: fn(f64) -> Command = match start {
            0x1077 => Command::Temperature,
            0x1079 => Command::Humidity,
            0x1220 => Command::CarbonDioxide,
            _ => return Err(ExceptionCode::IllegalDataAddress),
        };
        // Both words of a float or nothing.
        let [low, high] = words else { return Err(ExceptionCode::IllegalDataValue) };
        self.0.physics.command(command(joined(*high, *low))).map_err(|refusal| match refusal {
            Refusal::OutOfRange => ExceptionCode::IllegalDataValue,
            Refusal::InvalidState => ExceptionCode::ServerDeviceBusy,
        })
    }

    fn value(&self, tag: &str) -> Option<f64> {
        self.honest(tag)
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.0.physics.open_door(seconds);
        true
    }
}

/// Input registers only: 0 temperature in tenths, 3 door, 4 alarm bits.
struct Hettich(Inside);

impl Registers for Hettich {
    fn advance(&mut self, now: Timestamp) {
        self.0.physics.advance_to(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.0.shown = self.0.physics.shown(now);
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        match (bank, address) {
            (Bank::Input, 0) => Ok(moment.tenths("temperature", self.0.shown.temperature_cel, HETTICH_SENTINEL)),
            (Bank::Input, 1 | 2) => Ok(0),
            (Bank::Input, 3) => Ok(u16::from(self.0.shown.door != 0)),
            (Bank::Input, 4) => {
                let sensor = if moment.failed("temperature") { ALARM_MAIN_SENSOR } else { 0 };
                Ok(self.0.shown.alarms | sensor)
            }
            _ => Err(ExceptionCode::IllegalDataAddress),
        }
    }

    fn value(&self, tag: &str) -> Option<f64> {
        (tag == "temperature").then_some(self.0.shown.temperature_cel)
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.0.physics.open_door(seconds);
        true
    }
}
