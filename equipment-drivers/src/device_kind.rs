//! The kinds of simulated equipment: name, protocol, and the tags that a fault may name.
//!
//! It holds words only. What a kind does is in its file below `modbus/` or `opcua/`.

use std::{fmt, str::FromStr};

/// A kind of simulated equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// Stirred bioreactor after LADS, OPC UA.
    LadsBioreactor,
    /// Stirred bioreactor, Modbus.
    ModbusBioreactor,
    /// CO2 incubator with floats as a BINDER has them, Modbus.
    Co2Incubator,
    /// Incubator in the manner of Hettich, Modbus.
    HettichIncubator,
    /// Airborne particle counter after Lighthouse, Modbus.
    ParticleCounter,
    /// Differential-pressure transmitter after DeltaOhm HD402ST, Modbus.
    PressureTransmitter,
    /// Temperature and humidity logger after Comet, Modbus.
    CometLogger,
}

/// How a device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// OPC UA over TCP.
    OpcUa,
    /// Modbus TCP.
    ModbusTcp,
    /// Modbus RTU frames over TCP, or on a serial line.
    ModbusRtu,
}

/// A name that is none of the kinds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is no kind of simulated equipment; the kinds are {}", DeviceKind::names())]
pub struct UnknownKind {
    /// What was asked for.
    pub name: String,
}

impl DeviceKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::LadsBioreactor,
        Self::ModbusBioreactor,
        Self::Co2Incubator,
        Self::HettichIncubator,
        Self::ParticleCounter,
        Self::PressureTransmitter,
        Self::CometLogger,
    ];
    /// Its name in files and on the command line; that of its template.
    pub fn name(self) -> &'static str {
        match self {
            Self::LadsBioreactor => "lads-bioreactor",
            Self::ModbusBioreactor => "modbus-bioreactor",
            Self::Co2Incubator => "co2-incubator",
            Self::HettichIncubator => "hettich-incubator",
            Self::ParticleCounter => "particle-counter",
            Self::PressureTransmitter => "pressure-transmitter",
            Self::CometLogger => "comet-logger",
        }
    }
    /// English and Japanese name.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::LadsBioreactor => ("Bioreactor (OPC UA, LADS)", "培養槽(OPC UA、LADS)"),
            Self::ModbusBioreactor => ("Bioreactor (Modbus)", "培養槽(Modbus)"),
            Self::Co2Incubator => ("CO₂ incubator (Modbus)", "CO₂インキュベーター(Modbus)"),
            Self::HettichIncubator => ("Incubator (Modbus, integers)", "インキュベーター(Modbus、整数)"),
            Self::ParticleCounter => ("Particle counter (Modbus)", "微粒子計測器(Modbus)"),
            Self::PressureTransmitter => ("Differential-pressure transmitter (Modbus)", "差圧計(Modbus)"),
            Self::CometLogger => ("Temperature and humidity logger (Modbus)", "温湿度ロガー(Modbus)"),
        }
    }
    /// The tags that a fault may name.
    pub fn tags(self) -> Vec<&'static str> {
        match self {
            Self::LadsBioreactor => crate::opcua::sim::tags().collect(),
            Self::ModbusBioreactor => crate::modbus::sim_bioreactor::TAGS.to_vec(),
            Self::Co2Incubator => crate::modbus::sim_incubator::BINDER_TAGS.to_vec(),
            Self::HettichIncubator => crate::modbus::sim_incubator::HETTICH_TAGS.to_vec(),
            Self::ParticleCounter => crate::modbus::sim_counter::TAGS.to_vec(),
            Self::PressureTransmitter => crate::modbus::sim_room::PRESSURE_TAGS.to_vec(),
            Self::CometLogger => crate::modbus::sim_room::COMET_TAGS.to_vec(),
        }
    }
    /// Whether it speaks OPC UA; all others speak Modbus.
    pub fn speaks_opc_ua(self) -> bool {
        self == Self::LadsBioreactor
    }
    /// Whether it takes one connection at a time, as small devices do.
    pub fn takes_one_connection(self) -> bool {
        !matches!(self, Self::LadsBioreactor | Self::ModbusBioreactor)
    }
    /// Whether it can be written to.
    pub fn is_writable(self) -> bool {
        matches!(self, Self::LadsBioreactor | Self::ModbusBioreactor | Self::Co2Incubator | Self::ParticleCounter)
    }
    /// Whether it sends times of its own clock.
    pub fn sends_times(self) -> bool {
        matches!(self, Self::LadsBioreactor | Self::ParticleCounter)
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeviceKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_a_wrong_name_lists_them() {
        for kind in DeviceKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert!(kind.tags().iter().all(|tag| tag.parse::<mes_core::id::TagName>().is_ok()), "{kind}");
        }
        let said = "fridge".parse::<DeviceKind>().unwrap_err().to_string();
        assert!(said.contains("\"fridge\"") && said.contains("comet-logger"), "{said}");
    }
}
