//! The plant file of `mes simulate`: which devices there are, how they are seeded and reached, and which faults come when.
//!
//! It reads and judges the file, names line and field of what is wrong, and says what to write instead. It starts nothing.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use equipment_drivers::{
    DeviceKind, FaultKind, ScheduledFault, Secret, SimDevice, fault_catalogue::Parameter, physics::Realism,
};
use mes_core::clock::Timestamp;
use serde::Deserialize;
use toml::Spanned;

/// Speed of a serial line unless given, bit/s.
const BAUD: u32 = 19_200;
/// Most facility seconds per second.
const RATE_MAX: u32 = 7200;
/// Most devices that one entry may stand for.
const COUNT_MAX: u16 = 500;

/// What is wrong with a plant file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {what}", field.as_ref().map(|field| format!(", field {field}")).unwrap_or_default())]
pub struct PlantFileError {
    /// The line, from 1.
    pub line: usize,
    /// The field, where one is at fault.
    pub field: Option<String>,
    /// What is wrong, and what to write instead.
    pub what: String,
}

/// What is to be simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Facility seconds per second.
    pub rate: u32,
    /// Facility time at the start; now when missing.
    pub start: Option<Timestamp>,
    /// Folder for the key pairs of simulators.
    pub pki: PathBuf,
    /// The devices.
    pub devices: Vec<SimDevice>,
    /// The faults to come.
    pub schedule: Vec<ScheduledFault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rate: Option<Spanned<u32>>,
    start: Option<Spanned<String>>,
    seed: Option<u64>,
    realism: Option<Spanned<String>>,
    pki: Option<PathBuf>,
    user: Option<String>,
    #[serde(default)]
    device: Vec<Spanned<Device>>,
    #[serde(default)]
    fault: Vec<Spanned<Fault>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    name: Spanned<String>,
    kind: Spanned<String>,
    port: Option<u16>,
    unit: Option<Spanned<u8>>,
    rtu: Option<bool>,
    serial: Option<Spanned<String>>,
    baud: Option<u32>,
    seed: Option<u64>,
    realism: Option<Spanned<String>>,
    count: Option<Spanned<u16>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    device: Spanned<String>,
    kind: Spanned<String>,
    at: Spanned<String>,
    #[serde(rename = "for")]
    lasts: Option<Spanned<String>>,
    tag: Option<String>,
    value: Option<f64>,
    ms: Option<f64>,
    seconds: Option<f64>,
    n: Option<f64>,
    max: Option<f64>,
}

/// The text of the file, to tell lines.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.0.get(..span.start).map_or(1, |before| before.lines().count().max(1) + usize::from(before.ends_with('\n')))
    }
    fn wrong<T>(&self, of: &Spanned<T>, field: &str, what: impl Into<String>) -> PlantFileError {
        PlantFileError { line: self.line(&of.span()), field: Some(field.to_owned()), what: what.into() }
    }
}

/// Reads a plant file; `secret` is the password of devices that ask for one.
pub fn read(text: &str, secret: &Secret) -> Result<Simulation, PlantFileError> {
    let source = Text(text);
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| source.line(&span));
        PlantFileError { line, field: None, what: error.message().trim_end().to_owned() }
    })?;
    let rate = match &file.rate {
        Some(rate) if !(1..=RATE_MAX).contains(rate.get_ref()) => {
            return Err(source.wrong(
                rate,
                "rate",
                format!("{} is not 1 to {RATE_MAX} facility seconds per second", rate.get_ref()),
            ));
        }
        rate => rate.as_ref().map_or(1, |rate| *rate.get_ref()),
    };
    let start = file.start.as_ref().map(|start| {
        let wrong = || source.wrong(start, "start", "write a time with its offset, e.g. \"2026-04-01T08:00:00+09:00\"");
        start.get_ref().parse().map_err(|_| wrong())
    });
    let mut devices = Vec::new();
    for (number, entry) in (0_u64..).zip(&file.device) {
        devices.extend(device(&source, &file, entry.get_ref(), number * 1000, secret)?);
    }
    if devices.is_empty() {
        let what = "there is no device; add a table [[device]] with name and kind".to_owned();
        return Err(PlantFileError { line: 1, field: None, what });
    }
    let mut known: BTreeMap<&str, &SimDevice> = BTreeMap::new();
    for device in &devices {
        if known.insert(&device.name, device).is_some() {
            let named = |entry: &&Spanned<Device>| device.name.starts_with(entry.get_ref().name.get_ref().as_str());
            let name = file.device.iter().rfind(named).map(|entry| &entry.get_ref().name);
            let what = format!("two devices are called {}; give each a name of its own", device.name);
            return Err(name.map_or(PlantFileError { line: 1, field: None, what: what.clone() }, |name| {
                source.wrong(name, "name", what)
            }));
        }
    }
    let faults = file.fault.iter().map(|entry| fault(&source, entry.get_ref(), &known));
    let schedule = faults.collect::<Result<_, _>>()?;
    Ok(Simulation {
        rate,
        start: start.transpose()?,
        pki: file.pki.unwrap_or_else(|| PathBuf::from("simulator-pki")),
        devices,
        schedule,
    })
}

fn realism(source: &Text<'_>, given: Option<&Spanned<String>>) -> Result<Realism, PlantFileError> {
    match given.map(|one| one.get_ref().as_str()) {
        None | Some("full") => Ok(Realism::Full),
        Some("calm") => Ok(Realism::Calm),
        Some(other) => {
            let what = format!("\"{other}\" is neither \"full\" (drift, failures, doors, donors) nor \"calm\"");
            Err(given.map_or(PlantFileError { line: 1, field: None, what: what.clone() }, |given| {
                source.wrong(given, "realism", what)
            }))
        }
    }
}

/// The devices that one entry stands for.
fn device(
    source: &Text<'_>,
    file: &File,
    entry: &Device,
    offset: u64,
    secret: &Secret,
) -> Result<Vec<SimDevice>, PlantFileError> {
    let kind: DeviceKind =
        entry.kind.get_ref().parse().map_err(|error| source.wrong(&entry.kind, "kind", format!("{error}")))?;
    let name = entry.name.get_ref();
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || "/?#".contains(c)) {
        return Err(source.wrong(
            &entry.name,
            "name",
            format!("\"{name}\" is no name; write letters, digits and hyphens, e.g. \"BR-01\""),
        ));
    }
    let opc_ua = kind.speaks_opc_ua();
    if let Some(serial) = entry.serial.as_ref().filter(|_| opc_ua) {
        return Err(source.wrong(
            serial,
            "serial",
            format!("a {kind} speaks OPC UA, which has no serial line; leave it out"),
        ));
    }
    if let Some(unit) = entry.unit.as_ref().filter(|unit| !(1..=247).contains(unit.get_ref())) {
        return Err(source.wrong(unit, "unit", "a Modbus unit is 1 to 247"));
    }
    let count = entry.count.as_ref().map_or(1, |count| *count.get_ref());
    if let Some(given) = entry.count.as_ref().filter(|count| !(1..=COUNT_MAX).contains(count.get_ref())) {
        return Err(source.wrong(given, "count", format!("write 1 to {COUNT_MAX}")));
    }
    if let Some(serial) = entry.serial.as_ref().filter(|_| count > 1) {
        return Err(source.wrong(serial, "serial", "one line cannot be opened by several devices; leave out count"));
    }
    let realism = realism(source, entry.realism.as_ref().or(file.realism.as_ref()))?;
    let first_seed = entry.seed.unwrap_or(file.seed.unwrap_or(1) + offset);
    let port = entry.port.unwrap_or(0);
    let one = |number: u16| SimDevice {
        port: if port == 0 { 0 } else { port.saturating_add(number) },
        unit: entry.unit.as_ref().map_or(1, |unit| *unit.get_ref()),
        rtu: entry.rtu.unwrap_or(false),
        serial: entry.serial.as_ref().map(|path| (path.get_ref().clone(), entry.baud.unwrap_or(BAUD))),
        realism,
        user: (file.user.clone().unwrap_or_else(|| "mes".to_owned()), secret.clone()),
        ..SimDevice::new(
            if entry.count.is_some() { format!("{name}-{:02}", number + 1) } else { name.clone() },
            kind,
            first_seed + u64::from(number),
        )
    };
    Ok((0..count).map(one).collect())
}

fn fault(
    source: &Text<'_>,
    entry: &Fault,
    known: &BTreeMap<&str, &SimDevice>,
) -> Result<ScheduledFault, PlantFileError> {
    let name = entry.device.get_ref();
    let device = known.get(name.as_str()).ok_or_else(|| {
        let names = known.keys().copied().collect::<Vec<_>>().join(", ");
        source.wrong(&entry.device, "device", format!("no device is called \"{name}\"; there are {names}"))
    })?;
    let kind: FaultKind =
        entry.kind.get_ref().parse().map_err(|error| source.wrong(&entry.kind, "kind", format!("{error}")))?;
    let (value, unfit) = number(entry, kind);
    if let Some(field) = unfit {
        return Err(source.wrong(&entry.kind, field, format!("the fault {kind} has no {field}; leave it out")));
    }
    let fault = kind
        .build(device.kind, device.framing(), entry.tag.as_deref(), value)
        .map_err(|error| source.wrong(&entry.kind, "kind", error.to_string()))?;
    let span = |field: &str, of: &Spanned<String>| {
        seconds(of.get_ref()).ok_or_else(|| {
            let what =
                format!("\"{}\" is no time; write e.g. \"90s\", \"1h30m\" or \"2d\" of facility time", of.get_ref());
            source.wrong(of, field, what)
        })
    };
    if let Some(lasts) = entry.lasts.as_ref().filter(|_| kind.info().momentary) {
        return Err(source.wrong(lasts, "for", format!("the fault {kind} happens and is over; leave out for")));
    }
    let for_s = entry.lasts.as_ref().map(|lasts| span("for", lasts)).transpose()?;
    Ok(ScheduledFault { device: name.clone(), at_s: span("at", &entry.at)?, for_s, fault })
}

/// The number that a fault is told, and a field that it does not have.
fn number(entry: &Fault, kind: FaultKind) -> (Option<f64>, Option<&'static str>) {
    let wanted = match kind.info().parameter {
        Parameter::None | Parameter::Tag => "",
        Parameter::TagAndValue => "value",
        Parameter::Number { name, .. } => name,
    };
    let given =
        [("value", entry.value), ("ms", entry.ms), ("seconds", entry.seconds), ("n", entry.n), ("max", entry.max)];
    let unfit = given.iter().find(|(name, value)| value.is_some() && *name != wanted).map(|(name, _)| *name);
    (given.iter().find(|(name, _)| *name == wanted).and_then(|(_, value)| *value), unfit)
}

/// `1d2h3m4s` in any part of it, as seconds.
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut digits) = (0_i64, String::new());
    for character in text.trim().chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !text.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use equipment_drivers::Fault as F;

    use super::*;

    const GOOD: &str = "rate = 60\nstart = \"2026-04-01T08:00:00+09:00\"\nseed = 7\nrealism = \"calm\"\n\n\
        [[device]]\nname = \"BR-01\"\nkind = \"lads-bioreactor\"\nport = 4841\n\n\
        [[device]]\nname = \"PC\"\nkind = \"particle-counter\"\ncount = 3\nport = 5020\nrealism = \"full\"\n\n\
        [[fault]]\ndevice = \"BR-01\"\nkind = \"stuck\"\ntag = \"ph\"\nat = \"1h30m\"\nfor = \"10m\"\n\n\
        [[fault]]\ndevice = \"PC-02\"\nkind = \"late_reply\"\nms = 900\nat = \"2d\"\n";

    fn wrong(text: &str) -> String {
        read(text, &Secret::new("x")).unwrap_err().to_string()
    }

    #[test]
    fn a_plant_file_becomes_devices_with_ports_and_seeds_and_a_schedule() {
        let plant = read(GOOD, &Secret::new("x")).unwrap();
        let named: Vec<(&str, u16, u64)> =
            plant.devices.iter().map(|one| (one.name.as_str(), one.port, one.seed)).collect();
        assert_eq!(named, [("BR-01", 4841, 7), ("PC-01", 5020, 1007), ("PC-02", 5021, 1008), ("PC-03", 5022, 1009)]);
        assert_eq!(
            (plant.rate, plant.devices[0].realism, plant.devices[1].realism),
            (60, Realism::Calm, Realism::Full)
        );
        assert_eq!(plant.start.unwrap().to_string(), "2026-03-31T23:00:00.000Z");
        let faults: Vec<(i64, Option<i64>, &F)> =
            plant.schedule.iter().map(|one| (one.at_s, one.for_s, &one.fault)).collect();
        assert_eq!(
            faults,
            [(5400, Some(600), &F::Stuck { tag: "ph".parse().unwrap() }), (172_800, None, &F::LateReply { ms: 900 })]
        );
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_field_with_advice() {
        let with = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            wrong(&GOOD.replacen(from, to, 1))
        };
        assert_eq!(with("rate = 60", "rate = 0"), "line 1, field rate: 0 is not 1 to 7200 facility seconds per second");
        assert!(with("2026-04-01T08:00:00+09:00", "soon").starts_with("line 2, field start: write a time"));
        let said = with("\"lads-bioreactor\"", "\"fridge\"");
        assert!(
            said.starts_with("line 8, field kind: \"fridge\" is no kind") && said.contains("co2-incubator"),
            "{said}"
        );
        assert!(with("\"PC\"", "\"P C\"").starts_with("line 12, field name: "));
        assert!(with("count = 3", "count = 0").starts_with("line 14, field count: write 1 to"));
        assert!(with("\"full\"", "\"wild\"").starts_with("line 16, field realism: "));
        assert!(with("\"PC-02\"", "\"PC-09\"").contains("there are BR-01, PC-01, PC-02, PC-03"));
        assert!(
            with("tag = \"ph\"", "tag = \"colour\"").starts_with("line 20, field kind: a lads-bioreactor has no tag")
        );
        assert!(with("at = \"1h30m\"", "at = \"90\"").starts_with("line 22, field at: \"90\" is no time"));
        assert!(with("ms = 900", "n = 2").contains("field n: the fault late_reply has no n"));
        assert!(
            with("at = \"2d\"", "at = \"2d\"\nfor = \"1s\"")
                .contains("field for: the fault late_reply happens and is over")
        );
        assert!(with("kind = \"stuck\"", "kind = \"foreign_transaction\"").contains("does not apply"));
        let said = with("port = 4841", "colour = 1");
        assert!(said.starts_with("line 9: unknown field `colour`") && said.contains("expected"), "{said}");
        assert!(with("port = 4841", "port = ").starts_with("line 9: "));
        assert!(wrong("rate = 1\n").contains("there is no device"));
        let twice = format!("{GOOD}\n[[device]]\nname = \"BR-01\"\nkind = \"comet-logger\"\n");
        assert!(wrong(&twice).contains("two devices are called BR-01"));
    }

    #[test]
    fn spans_of_time_add_up() {
        assert_eq!(
            ["90s", "1h30m", "2d", "1d2h3m4s"].map(seconds),
            [Some(90), Some(5400), Some(172_800), Some(93_784)]
        );
        assert_eq!(["", "5", "h", "5x", "-5s"].map(seconds), [None; 5]);
    }
}
