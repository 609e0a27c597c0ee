//! Device templates: what a type of equipment offers on the wire, as data.
//!
//! A template names every tag with its unit, physical range and staleness limit, and where it lies on the wire. This
//! file reads and checks templates; it does not know which equipment exists and opens no connection.

use std::{collections::BTreeMap, sync::Arc};

use mes_core::{
    id::TagName,
    quantity::{Quantity, Unit},
};
use serde::Deserialize;

use crate::driver::DeviceTag;

/// Registers in one Modbus request at most (Modbus application protocol, function 3 and 4).
pub const MODBUS_REGISTERS_MAX: u16 = 125;
/// Longest interval between two reads, in seconds.
pub const POLL_MAX_S: f64 = 60.0;

const BUILT_IN: [(&str, &str); 2] = [
    ("templates/lads-bioreactor.yaml", include_str!("../templates/lads-bioreactor.yaml")),
    ("templates/co2-incubator.yaml", include_str!("../templates/co2-incubator.yaml")),
];

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is not YAML of the expected form.
    #[error("{file}: this is not a device template: {source}")]
    Yaml {
        /// The file.
        file: String,
        /// What the reader saw, with line and column.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A field has a value that makes no sense.
    #[error("{file}: {place}, field \"{field}\": {problem}")]
    Field {
        /// The file.
        file: String,
        /// `template` or the tag, e.g. `tag "temperature"`.
        place: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it and what is expected.
        problem: String,
    },
    /// Two templates have the same name.
    #[error("{file}: there is already a device template named \"{name}\"; give this one another name")]
    Duplicate {
        /// The file.
        file: String,
        /// The name.
        name: String,
    },
    /// Nobody has defined such a template.
    #[error("there is no device template \"{name}\"; known are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
}

/// The protocol a type of device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// OPC UA over TCP, signed and encrypted.
    OpcUa,
    /// Modbus TCP.
    ModbusTcp,
}

/// What may be done with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It can be read.
    Read,
    /// It can be read and written.
    Write,
}

/// A type of device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name, e.g. `co2-incubator`.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Interval of reading all tags, in seconds of wall time.
    pub poll_s: f64,
    /// The tag that shows that the device itself is alive.
    #[serde(default)]
    pub heartbeat: Option<Heartbeat>,
    /// What all tags have in common on OPC UA.
    #[serde(default)]
    pub opc_ua: Option<OpcUaSpace>,
    /// What all tags have in common on Modbus.
    #[serde(default)]
    pub modbus: Option<ModbusMap>,
    /// The tags.
    pub tags: Vec<TagTemplate>,
}

/// A tag whose value must go on changing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Its name among the tags.
    pub tag: TagName,
    /// Unchanged for this long, in seconds of wall time, the device is frozen and nothing it says is fresh.
    pub advance_within_s: f64,
}

/// The OPC UA address space of a type of device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpcUaSpace {
    /// Namespace URI of the nodes; `{device}` stands for the name of the device.
    pub namespace: String,
    /// Publishing interval of the subscription, in milliseconds.
    pub publishing_ms: u32,
}

/// How a Modbus register map may be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusMap {
    /// Most registers the device answers in one request.
    pub registers_max: u16,
    /// Most unused registers worth reading along to save a request.
    #[serde(default)]
    pub gap_max: u16,
    /// Addresses at which a request may not run across: a block ends before each of them.
    #[serde(default)]
    pub no_cross: Vec<u16>,
}

/// One tag of a type of device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagTemplate {
    /// Its name within the equipment.
    pub name: TagName,
    /// UCUM unit; `1` for a pure number, state or text.
    pub unit: Unit,
    /// Read only, or also written.
    pub access: Access,
    /// Lowest and highest value that is physically possible; of a written tag, that may be written.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// Without a fresh value for this long, in seconds of wall time, the tag is stale.
    pub stale_after_s: f64,
    /// Where it lies on OPC UA.
    #[serde(default)]
    pub opc_ua: Option<OpcUaPoint>,
    /// Where it lies on Modbus.
    #[serde(default)]
    pub modbus: Option<ModbusPoint>,
}

/// A node of an OPC UA address space.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpcUaPoint {
    /// String identifier; `{device}` stands for the name of the device.
    pub node: String,
}

/// A value in Modbus registers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusPoint {
    /// Which table.
    pub table: Table,
    /// Address in the protocol, from 0.
    pub address: u16,
    /// How the registers are read.
    #[serde(rename = "type")]
    pub kind: RegisterType,
    /// Which of two words comes first.
    #[serde(default)]
    pub word_order: WordOrder,
    /// Which byte of a word comes first.
    #[serde(default)]
    pub byte_order: ByteOrder,
    /// The value is the raw number times this.
    #[serde(default = "one")]
    pub scale: f64,
    /// The raw number that means "no value", e.g. 0x8000. NaN always means that.
    #[serde(default)]
    pub sentinel: Option<u32>,
    /// Of type `bits`: one bit only, which makes the tag a flag.
    #[serde(default)]
    pub bit: Option<u8>,
}

fn one() -> f64 {
    1.0
}

/// A Modbus table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Holding registers: function 3 reads, 6 and 16 write.
    Holding,
    /// Input registers: function 4 reads.
    Input,
}

/// The type of a value in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterType {
    /// One register, unsigned.
    U16,
    /// One register, signed.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, signed.
    I32,
    /// Two registers, IEEE 754 single.
    F32,
    /// One register of bits.
    Bits,
}

impl RegisterType {
    /// How many registers it takes.
    pub fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 | Self::Bits => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
        }
    }
}

/// Order of the words of a value of two registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordOrder {
    /// High word first (ABCD).
    #[default]
    HighFirst,
    /// Low word first (CDAB).
    LowFirst,
}

/// Order of the bytes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByteOrder {
    /// As Modbus has it.
    #[default]
    Big,
    /// Bytes swapped within the word.
    Little,
}

impl Template {
    /// Reads and checks a template; `file` is only named in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        let template: Self = serde_saphyr::from_str(text)
            .map_err(|source| TemplateError::Yaml { file: file.to_owned(), source: Box::new(source) })?;
        template.check(file)?;
        Ok(template)
    }
    /// The place of a tag in [`Template::tags`].
    pub fn position(&self, tag: &TagName) -> Option<usize> {
        self.tags.iter().position(|one| one.name == *tag)
    }
    /// The tag of a name.
    pub fn tag(&self, tag: &TagName) -> Option<&TagTemplate> {
        self.tags.iter().find(|one| one.name == *tag)
    }

    /// This template for one device, narrowed by what the facility says of its tags; the error names tag and field.
    pub(crate) fn narrowed(&self, tags: &[DeviceTag]) -> Result<Self, TemplateError> {
        let mut own = self.clone();
        for said in tags {
            let wrong = |field, problem: String| TemplateError::Field {
                file: format!("device template \"{}\"", self.name),
                place: format!("tag \"{}\"", said.name),
                field,
                problem,
            };
            let Some(tag) = own.tags.iter_mut().find(|tag| tag.name == said.name) else {
                let known: Vec<_> = self.tags.iter().map(|tag| tag.name.as_str()).collect();
                return Err(wrong("name", format!("there is no such tag; known are: {}", known.join(", "))));
            };
            if tag.unit != said.unit {
                return Err(wrong("unit", format!("the facility says {}, the template {}", said.unit.0, tag.unit.0)));
            }
            if f64::from(said.stale_after_s) <= self.poll_s {
                return Err(wrong("stale_after_s", format!("must be longer than the {} s of a poll", self.poll_s)));
            }
            tag.stale_after_s = f64::from(said.stale_after_s);
            let [mut low, mut high] = tag.range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
            if let Some(value) = said.range.low {
                low = low.max(Quantity { value, unit: said.unit.clone() }.to_f64());
            }
            if let Some(value) = said.range.high {
                high = high.min(Quantity { value, unit: said.unit.clone() }.to_f64());
            }
            if low > high {
                return Err(wrong(
                    "range",
                    format!("{} has nothing in common with the template's", said.range.shown()),
                ));
            }
            let open = low == f64::NEG_INFINITY && high == f64::INFINITY;
            tag.range = if open { None } else { Some([low, high]) };
        }
        Ok(own)
    }

    fn check(&self, file: &str) -> Result<(), TemplateError> {
        let wrong = |field, problem: &str| TemplateError::Field {
            file: file.to_owned(),
            place: "template".to_owned(),
            field,
            problem: problem.to_owned(),
        };
        if !(self.poll_s > 0.0 && self.poll_s <= POLL_MAX_S) {
            return Err(wrong("poll_s", "must be more than 0 and at most 60 seconds"));
        }
        if self.tags.is_empty() {
            return Err(wrong("tags", "a template needs at least one tag"));
        }
        match self.protocol {
            Protocol::OpcUa => match &self.opc_ua {
                Some(space) if space.publishing_ms > 0 => {}
                _ => return Err(wrong("opc_ua", "OPC UA needs namespace and publishing_ms above 0")),
            },
            Protocol::ModbusTcp => match &self.modbus {
                Some(map) if (2..=MODBUS_REGISTERS_MAX).contains(&map.registers_max) => {}
                _ => return Err(wrong("modbus", "Modbus needs registers_max, from 2 to 125")),
            },
        }
        if let Some(beat) = &self.heartbeat {
            if self.position(&beat.tag).is_none() {
                return Err(wrong("heartbeat", &format!("there is no tag \"{}\"", beat.tag)));
            }
            if beat.advance_within_s <= self.poll_s {
                return Err(wrong("heartbeat", "advance_within_s must be longer than poll_s"));
            }
        }
        for (index, tag) in self.tags.iter().enumerate() {
            if self.position(&tag.name) != Some(index) {
                return Err(wrong("tags", &format!("tag \"{}\" is there twice", tag.name)));
            }
            tag.check(self, file)?;
        }
        Ok(())
    }
}

impl TagTemplate {
    /// Whether the tag may be written.
    pub fn is_writable(&self) -> bool {
        self.access == Access::Write
    }

    fn check(&self, template: &Template, file: &str) -> Result<(), TemplateError> {
        let wrong = |field, problem: &str| TemplateError::Field {
            file: file.to_owned(),
            place: format!("tag \"{}\"", self.name),
            field,
            problem: problem.to_owned(),
        };
        if let Some([low, high]) = self.range
            && !(low.is_finite() && high.is_finite() && low <= high)
        {
            return Err(wrong("range", "must be [lowest, highest]"));
        }
        if !(self.stale_after_s > template.poll_s && self.stale_after_s.is_finite()) {
            return Err(wrong("stale_after_s", "must be longer than poll_s"));
        }
        match (template.protocol, &self.opc_ua, &self.modbus) {
            (Protocol::OpcUa, Some(point), None) if !point.node.is_empty() => Ok(()),
            (Protocol::OpcUa, ..) => {
                Err(wrong("opc_ua", "a tag of an OPC UA device needs opc_ua: { node: … } and no modbus"))
            }
            (Protocol::ModbusTcp, None, Some(point)) => {
                point.check(self.is_writable()).map_err(|(field, problem)| wrong(field, problem))
            }
            (Protocol::ModbusTcp, ..) => {
                Err(wrong("modbus", "a tag of a Modbus device needs modbus: { … } and no opc_ua"))
            }
        }
    }
}

impl ModbusPoint {
    fn check(&self, writable: bool) -> Result<(), (&'static str, &'static str)> {
        if !(self.scale.is_finite() && self.scale != 0.0) {
            return Err(("scale", "must be a number other than 0"));
        }
        if writable && self.table == Table::Input {
            return Err(("table", "input registers cannot be written"));
        }
        if self.address.checked_add(self.kind.registers() - 1).is_none() {
            return Err(("address", "lies beyond the last register"));
        }
        match (self.kind, self.bit) {
            (RegisterType::Bits, Some(bit)) if bit > 15 => Err(("bit", "a register has bits 0 to 15")),
            (RegisterType::Bits, Some(_)) if writable => Err(("bit", "a single bit cannot be written")),
            (RegisterType::Bits, _) | (_, None) => Ok(()),
            (_, Some(_)) => Err(("bit", "only a register of type bits has bits")),
        }
    }
}

/// The templates in force.
#[derive(Debug, Clone, Default)]
pub struct Templates(BTreeMap<String, Arc<Template>>);

impl Templates {
    /// The templates that come with this crate.
    pub fn built_in() -> Result<Self, TemplateError> {
        let mut all = Self::default();
        for (file, text) in BUILT_IN {
            all.add(file, text)?;
        }
        Ok(all)
    }
    /// Adds a template from its YAML text; `file` is only named in errors.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), TemplateError> {
        let template = Template::parse(file, text)?;
        if self.0.contains_key(&template.name) {
            return Err(TemplateError::Duplicate { file: file.to_owned(), name: template.name });
        }
        self.0.insert(template.name.clone(), Arc::new(template));
        Ok(())
    }
    /// The template of a name.
    pub fn get(&self, name: &str) -> Result<Arc<Template>, TemplateError> {
        self.0.get(name).cloned().ok_or_else(|| TemplateError::Unknown {
            name: name.to_owned(),
            known: self.0.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
    /// All templates, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.0.values().map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use mes_core::quantity::Range;

    use super::*;

    const SMALL: &str = "name: t\nsummary: s\nprotocol: modbus_tcp\npoll_s: 1\nmodbus: { registers_max: 60 }\ntags:\n  - { name: a, unit: Cel, access: write, range: [0, 9], stale_after_s: 5, modbus: { table: holding, address: 0x10, type: f32 } }\n";

    #[test]
    fn the_built_in_templates_are_valid() {
        let all = Templates::built_in().unwrap();
        assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["co2-incubator", "lads-bioreactor"]);
        let incubator = all.get("co2-incubator").unwrap();
        let temperature = incubator.tag(&"temperature".parse().unwrap()).unwrap();
        assert_eq!(temperature.modbus.as_ref().map(|p| (p.address, p.word_order)), Some((0x11A9, WordOrder::LowFirst)));
    }

    #[test]
    fn an_error_names_file_tag_and_field() {
        for (from, to, expected) in [
            ("registers_max: 60", "registers_max: 500", "x.yaml: template, field \"modbus\""),
            ("range: [0, 9]", "range: [9, 0]", "x.yaml: tag \"a\", field \"range\""),
            ("stale_after_s: 5", "stale_after_s: 0.5", "x.yaml: tag \"a\", field \"stale_after_s\""),
            ("table: holding", "table: input", "x.yaml: tag \"a\", field \"table\""),
            ("address: 0x10", "address: 0xFFFF", "x.yaml: tag \"a\", field \"address\""),
            ("type: f32", "type: f32, bit: 3", "x.yaml: tag \"a\", field \"bit\""),
            ("type: f32", "type: f64", "x.yaml: this is not a device template"),
            ("poll_s: 1", "poll_s: 0", "x.yaml: template, field \"poll_s\""),
            ("poll_s: 1", "poll_s: 1\nheartbeat: { tag: b, advance_within_s: 9 }", "there is no tag \"b\""),
            ("poll_s: 1", "pol_s: 1", "x.yaml: this is not a device template"),
        ] {
            let error = Template::parse("x.yaml", &SMALL.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
        assert!(Template::parse("x.yaml", SMALL).is_ok());
    }

    #[test]
    fn the_facility_narrows_a_template_and_a_tag_that_does_not_fit_is_named() {
        let template = Template::parse("x.yaml", SMALL).unwrap();
        let range = |low: &str, high: &str| Range { low: low.parse().ok(), high: high.parse().ok() };
        let tag = |name: &str, unit: &str, range: Range, stale_after_s| DeviceTag {
            name: name.parse().unwrap(),
            unit: Unit(unit.to_owned()),
            range,
            stale_after_s,
        };
        let narrowed = |one| template.narrowed(&[one]);
        let own = narrowed(tag("a", "Cel", range("4.5", "99"), 7)).unwrap();
        assert_eq!((own.tags[0].range, own.tags[0].stale_after_s), (Some([4.5, 9.0]), 7.0));
        for (one, expected) in [
            (tag("b", "Cel", range("", ""), 7), "tag \"b\", field \"name\": there is no such tag; known are: a"),
            (tag("a", "%", range("", ""), 7), "field \"unit\": the facility says %, the template Cel"),
            (tag("a", "Cel", range("20", "30"), 7), "field \"range\": 20 – 30 has nothing in common"),
            (tag("a", "Cel", range("", ""), 1), "field \"stale_after_s\""),
        ] {
            let error = narrowed(one).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_unknown_template_is_answered_with_the_known_ones() {
        let error = Templates::built_in().unwrap().get("bioreactor").unwrap_err().to_string();
        assert_eq!(error, "there is no device template \"bioreactor\"; known are: co2-incubator, lads-bioreactor");
    }
}
