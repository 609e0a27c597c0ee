//! The registers of two transmitters of a suite: differential pressure (DeltaOhm HD402ST) and temperature with humidity
//! (Comet).
//!
//! Both only answer reads. What they measure is in `physics/room.rs`.

use mes_core::clock::Timestamp;
use tokio_modbus::ExceptionCode;

use super::sim::{Bank, Line, Moment, Registers, serve, word};
use crate::{
    device_kind::DeviceKind,
    physics::{Realism, room::Room},
    simulator::{SimError, SimHandle},
};

/// Tags of the pressure transmitter.
pub(crate) const PRESSURE_TAGS: [&str; 1] = ["pressure"];
/// Tags of the logger.
pub(crate) const COMET_TAGS: [&str; 2] = ["temperature", "humidity"];
/// What the transmitter shows for a value that it does not have, and the bit in its error register.
const NOT_AVAILABLE: u16 = 0x8000;
const ERROR_SENSOR: u16 = 1;
/// What the logger shows for a value that it does not have.
const COMET_ERROR: u16 = 0x8000;
/// The maker's list calls them 0x0031 and 0x0032; what travels is one less.
const COMET_TEMPERATURE: u16 = 0x0030;
const COMET_HUMIDITY: u16 = 0x0031;

/// Starts a differential-pressure transmitter.
pub(crate) async fn pressure(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let registers = Pressure { room: Room::new(seed, line.clock.now(), realism), shown: 0.0 };
    serve(line, DeviceKind::PressureTransmitter, registers).await
}

/// Starts a temperature and humidity logger.
pub(crate) async fn comet(line: Line, seed: u64, realism: Realism) -> Result<SimHandle, SimError> {
    let registers = Comet { room: Room::new(seed, line.clock.now(), realism), shown: (0.0, 0.0) };
    serve(line, DeviceKind::CometLogger, registers).await
}

/// Input registers 0 to 26: 3 tenths of Pa, 4 Pa, 26 error bits.
struct Pressure {
    room: Room,
    shown: f64,
}

impl Registers for Pressure {
    fn advance(&mut self, now: Timestamp) {
        self.room.advance_to(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.shown = self.room.pressure_pa(now);
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        if bank == Bank::Holding {
            return Err(ExceptionCode::IllegalFunction);
        }
        Ok(match address {
            3 => moment.tenths("pressure", self.shown, NOT_AVAILABLE),
            4 => moment.shown("pressure", self.shown).map_or(NOT_AVAILABLE, word),
            26 => u16::from(moment.failed("pressure")) * ERROR_SENSOR,
            // Other units and outputs that this transmitter does not have.
            0..=25 => NOT_AVAILABLE,
            _ => return Err(ExceptionCode::IllegalDataAddress),
        })
    }

    fn value(&self, tag: &str) -> Option<f64> {
        (tag == "pressure").then_some(self.shown)
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.room.open_door(seconds);
        true
    }
}

/// Holding registers in tenths: temperature and humidity.
struct Comet {
    room: Room,
    shown: (f64, f64),
}

impl Registers for Comet {
    fn advance(&mut self, now: Timestamp) {
        self.room.advance_to(now);
    }

    fn look(&mut self, now: Timestamp) {
        self.shown = self.room.climate(now);
    }

    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode> {
        if bank == Bank::Input {
            return Err(ExceptionCode::IllegalFunction);
        }
        let (temperature, humidity) = self.shown;
        match address {
            COMET_TEMPERATURE => Ok(moment.tenths("temperature", temperature, COMET_ERROR)),
            COMET_HUMIDITY => Ok(moment.tenths("humidity", humidity, COMET_ERROR)),
            _ => Err(ExceptionCode::IllegalDataAddress),
        }
    }

    fn value(&self, tag: &str) -> Option<f64> {
        match tag {
            "temperature" => Some(self.shown.0),
            "humidity" => Some(self.shown.1),
            _ => None,
        }
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.room.open_door(seconds);
        true
    }
}
