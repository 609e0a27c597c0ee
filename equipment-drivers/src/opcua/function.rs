//! The functions of the simulated vessel after LADS: name, type, unit and range.
//!
//! A table. What the functions show is in `space.rs`.

/// What sort of function it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Control,
    Totalizer,
    Sensor,
    Switch,
    Cover,
}

impl Kind {
    /// Number of its type in the LADS nodeset.
    pub(super) fn type_id(self) -> u32 {
        match self {
            Self::Control => 1009,
            Self::Totalizer => 1014,
            Self::Sensor => 1016,
            Self::Switch => 1042,
            Self::Cover => 1011,
        }
    }
}

/// One function of the vessel.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Unit as people read it, and its UNECE code where there is one.
    pub(super) unit: &'static str,
    pub(super) code: &'static str,
    pub(super) range: (f64, f64),
}

const fn analog(name: &'static str, kind: Kind, unit: &'static str, code: &'static str, range: (f64, f64)) -> Function {
    Function { name, kind, unit, code, range }
}

#[rustfmt::skip] // One line per function.
pub(super) static FUNCTIONS: [Function; 20] = [
    analog("Temperature", Kind::Control, "°C", "CEL", (4.0, 45.0)),
    analog("Agitation", Kind::Control, "1/min", "RPM", (0.0, 600.0)),
    analog("pH", Kind::Control, "pH", "Q30", (5.0, 9.0)),
    analog("DO", Kind::Control, "% air saturation", "P1", (0.0, 200.0)),
    analog("AirFlow", Kind::Control, "mL/min", "41", (0.0, 500.0)),
    analog("O2Flow", Kind::Control, "mL/min", "41", (0.0, 500.0)),
    analog("CO2Flow", Kind::Control, "mL/min", "41", (0.0, 500.0)),
    analog("N2Flow", Kind::Control, "mL/min", "41", (0.0, 500.0)),
    analog("FeedPump", Kind::Totalizer, "mL/h", "", (0.0, 2000.0)),
    analog("BasePump", Kind::Totalizer, "mL/h", "", (0.0, 200.0)),
    analog("HarvestPump", Kind::Totalizer, "mL/h", "", (0.0, 3000.0)),
    analog("VCD", Kind::Sensor, "10^6/mL", "", (0.0, 100.0)),
    analog("Viability", Kind::Sensor, "%", "P1", (0.0, 100.0)),
    analog("Capacitance", Kind::Sensor, "pF/cm", "", (0.0, 200.0)),
    analog("Weight", Kind::Sensor, "kg", "KGM", (0.0, 10.0)),
    analog("Pressure", Kind::Sensor, "mbar", "MBR", (0.0, 200.0)),
    analog("GlucoseRaman", Kind::Sensor, "mmol/L", "M33", (0.0, 50.0)),
    analog("LactateRaman", Kind::Sensor, "mmol/L", "M33", (0.0, 50.0)),
    analog("Lid", Kind::Cover, "", "", (0.0, 0.0)),
    analog("Sparger", Kind::Switch, "", "", (0.0, 0.0)),
];
