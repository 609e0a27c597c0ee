//! Device templates: what a type of equipment offers on the wire, as data.
//!
//! A template names every tag with its unit, physical range and staleness limit, and where it lies on the wire. This
//! file reads and checks templates; it does not know which equipment exists and opens no connection.

use std::{collections::BTreeMap, sync::Arc};

use mes_core::{
    id::TagName,
    quantity::{Quantity, Unit},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::DeviceTag;
pub use crate::opcua::point::{OpcUaPoint, OpcUaSpace};

mod file;
mod modbus;
mod order;

pub use file::{FileMap, FilePoint, ReportFormat, TextEncoding};
pub use modbus::{
    Backlog, ByteOrder, MODBUS_BITS_MAX, MODBUS_REGISTERS_MAX, ModbusMap, ModbusPoint, RecordMap, RegisterBit,
    RegisterRun, RegisterType, RegisterValue, Table, TableMap, WordOrder, WriteFunction,
};
pub use order::{CommandRegister, Condition, NamedValue, Wanted};

/// Longest interval between two reads, in seconds.
pub const POLL_MAX_S: f64 = 60.0;
/// Within this, in seconds, a pulled cable must show: interval of reading and longest wait for an answer together.
pub const SILENCE_SEEN_S: f64 = 5.0;

const BUILT_IN: [(&str, &str); 8] = [
    ("templates/cell-processor-report.yaml", include_str!("../templates/cell-processor-report.yaml")),
    ("templates/co2-incubator.yaml", include_str!("../templates/co2-incubator.yaml")),
    ("templates/comet-logger.yaml", include_str!("../templates/comet-logger.yaml")),
    ("templates/hettich-incubator.yaml", include_str!("../templates/hettich-incubator.yaml")),
    ("templates/lads-bioreactor.yaml", include_str!("../templates/lads-bioreactor.yaml")),
    ("templates/modbus-bioreactor.yaml", include_str!("../templates/modbus-bioreactor.yaml")),
    ("templates/particle-counter.yaml", include_str!("../templates/particle-counter.yaml")),
    ("templates/pressure-transmitter.yaml", include_str!("../templates/pressure-transmitter.yaml")),
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// OPC UA over TCP, signed and encrypted.
    OpcUa,
    /// Modbus: TCP, RTU, or RTU over TCP, as the address says.
    Modbus,
    /// None: a closed device, which writes its reports as files into a folder.
    File,
}

/// What may be done with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It can be read.
    Read,
    /// It can be read and written.
    Write,
    /// Writing it calls a method of the device (OPC UA); there is nothing to read.
    Call,
}

/// A type of device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name, e.g. `co2-incubator`.
    pub name: String,
    /// Its version; a changed template has a higher one.
    pub version: u32,
    /// Who makes the devices; `generic` for a template of ours for several makers.
    pub vendor: String,
    /// Which models it fits.
    pub model: String,
    /// One line for people.
    pub summary: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Interval of reading all tags, in seconds of wall time.
    pub poll_s: f64,
    /// The tag that shows that the device itself is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// What all tags have in common on OPC UA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opc_ua: Option<OpcUaSpace>,
    /// What all tags have in common on Modbus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusMap>,
    /// Which files are reports of a closed device, and how they are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileMap>,
    /// The tags.
    pub tags: Vec<TagTemplate>,
}

/// A tag whose value must go on changing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Its name among the tags.
    #[schemars(with = "String")]
    pub tag: TagName,
    /// Unchanged for this long, in seconds of wall time, the device is frozen and nothing it says is fresh.
    pub advance_within_s: f64,
}

/// One tag of a type of device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagTemplate {
    /// Its name within the equipment.
    #[schemars(with = "String")]
    pub name: TagName,
    /// UCUM unit; `1` for a pure number, state or text.
    #[schemars(with = "String")]
    pub unit: Unit,
    /// Read only, or also written.
    pub access: Access,
    /// Lowest and highest value that is physically possible; of a written tag, that may be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Without a fresh value for this long, in seconds of wall time, the tag is stale.
    pub stale_after_s: f64,
    /// What its numbers are called, where it is a state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<NamedValue>,
    /// What must hold before it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write_when: Vec<Condition>,
    /// How it answers, where it is a command register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandRegister>,
    /// Where it lies on OPC UA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opc_ua: Option<OpcUaPoint>,
    /// Where it lies on Modbus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusPoint>,
    /// Where it stands in a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FilePoint>,
}

impl Template {
    /// Reads and checks a template; `file` is only named in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        let template: Self = serde_saphyr::from_str(text)
            .map_err(|source| TemplateError::Yaml { file: file.to_owned(), source: Box::new(source) })?;
        template.check(file)?;
        Ok(template)
    }
    /// The JSON Schema of a template file, as it is published in `templates/template.schema.json`.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).into()
    }
    /// The place of a tag in [`Template::tags`].
    pub fn position(&self, tag: &TagName) -> Option<usize> {
        self.tags.iter().position(|one| one.name == *tag)
    }
    /// The tag of a name.
    pub fn tag(&self, tag: &TagName) -> Option<&TagTemplate> {
        self.tags.iter().find(|one| one.name == *tag)
    }

    /// The tags that a record of a device holds that measures in records; none of any other device.
    pub fn record_tags(&self) -> Vec<TagName> {
        let in_records = |tag: &&TagTemplate| tag.modbus.as_ref().is_some_and(|point| point.record);
        self.tags.iter().filter(in_records).map(|tag| tag.name.clone()).collect()
    }

    /// Whether this template fits what the facility says of the tags of a device; the error names tag and field.
    pub fn fits(&self, tags: &[DeviceTag]) -> Result<(), TemplateError> {
        self.narrowed(tags).map(drop)
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
        if self.version == 0 {
            return Err(wrong("version", "versions are counted from 1"));
        }
        // A report without a mapping is kept all the same.
        if self.tags.is_empty() && self.protocol != Protocol::File {
            return Err(wrong("tags", "a template needs at least one tag"));
        }
        match self.protocol {
            Protocol::OpcUa => match &self.opc_ua {
                Some(space) => space.check().map_err(|problem| wrong("opc_ua", problem))?,
                None => return Err(wrong("opc_ua", "OPC UA needs namespace and publishing_ms")),
            },
            Protocol::Modbus => self.check_modbus(file)?,
            Protocol::File => match &self.file {
                Some(map) => map.check().map_err(|problem| wrong("file", problem))?,
                None => return Err(wrong("file", "a closed device needs file: { endings: [ … ] }")),
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

    fn check_modbus(&self, file: &str) -> Result<(), TemplateError> {
        let wrong = |field, problem: String| TemplateError::Field {
            file: file.to_owned(),
            place: "template, modbus".to_owned(),
            field,
            problem,
        };
        let Some(map) = &self.modbus else {
            return Err(wrong("modbus", "a Modbus device needs modbus: { registers_max: … }".to_owned()));
        };
        map.check().map_err(|(field, problem)| wrong(field, problem))?;
        if self.poll_s + f64::from(map.timeout_ms) / 1000.0 > SILENCE_SEEN_S {
            let problem = "with poll_s, must stay within 5 seconds, so that a pulled cable shows".to_owned();
            return Err(wrong("timeout_ms", problem));
        }
        Ok(())
    }
}

impl TagTemplate {
    /// Whether the tag may be written, or its method called.
    pub fn is_writable(&self) -> bool {
        self.access != Access::Read
    }
    /// What a number of this tag is called, where the template says so.
    pub fn named(&self, value: i64) -> Option<&NamedValue> {
        self.values.iter().find(|named| named.value == value)
    }

    fn check_order(&self, template: &Template) -> Result<(), (&'static str, String)> {
        for condition in &self.write_when {
            condition.check()?;
            if template.position(&condition.tag).is_none() {
                return Err(("write_when", format!("there is no tag \"{}\"", condition.tag)));
            }
        }
        if let Some(result) = self.command.as_ref().and_then(|command| command.result.as_ref())
            && template.position(result).is_none()
        {
            return Err(("command", format!("there is no tag \"{result}\"")));
        }
        if !self.is_writable() && (self.command.is_some() || !self.write_when.is_empty()) {
            return Err(("access", "only a tag that is written has command or write_when".to_owned()));
        }
        let twice = |(index, one): (usize, &NamedValue)| {
            self.values.iter().position(|other| other.value == one.value) != Some(index)
        };
        if self.values.iter().enumerate().any(twice) {
            return Err(("values", "a number has two names".to_owned()));
        }
        Ok(())
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
        self.check_order(template).map_err(|(field, problem)| wrong(field, &problem))?;
        if template.protocol == Protocol::File {
            let map = template.file.as_ref();
            return match (&self.file, &self.opc_ua, &self.modbus) {
                _ if self.is_writable() => Err(wrong("access", "a closed device cannot be written to")),
                (Some(point), None, None) => point.check(map.and_then(|map| map.format)).map_err(|p| wrong("file", p)),
                _ => Err(wrong("file", "a tag of a closed device needs file: { … }, no opc_ua and no modbus")),
            };
        }
        if self.file.is_some() {
            return Err(wrong("file", "only a closed device (protocol: file) has it"));
        }
        match (template.protocol, &self.opc_ua, &self.modbus) {
            (Protocol::OpcUa, Some(point), None) => {
                point.check(self.access).map_err(|problem| wrong("opc_ua", problem))
            }
            (Protocol::OpcUa, ..) => {
                Err(wrong("opc_ua", "a tag of an OPC UA device needs opc_ua: { node: … } and no modbus"))
            }
            (Protocol::Modbus, ..) if self.access == Access::Call => {
                Err(wrong("access", "Modbus has no methods to call"))
            }
            (Protocol::Modbus, None, Some(point)) => point
                .check(self.is_writable(), template.modbus.as_ref())
                .map_err(|(field, problem)| wrong(field, &problem)),
            (Protocol::Modbus | Protocol::File, ..) => {
                Err(wrong("modbus", "a tag of a Modbus device needs modbus: { … } and no opc_ua"))
            }
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
    /// Puts a template under a key of the caller's choice: devices of one type may have several versions of its template.
    pub fn insert(&mut self, key: impl Into<String>, template: Template) {
        self.0.insert(key.into(), Arc::new(template));
    }
    /// The texts of the templates that come with this crate.
    pub fn texts() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(_, text)| *text)
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

    const SMALL: &str = "name: t\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: modbus\npoll_s: 1\nmodbus: { registers_max: 60 }\ntags:\n  - { name: a, unit: Cel, access: write, range: [0, 9], stale_after_s: 5, modbus: { table: holding, address: 0x10, type: f32 } }\n";

    #[test]
    fn the_built_in_templates_are_valid() {
        let all = Templates::built_in().unwrap();
        // Each file is named as its template, and the list is in alphabetical order.
        let names: Vec<_> = all.iter().map(|one| format!("templates/{}.yaml", one.name)).collect();
        assert_eq!(names, BUILT_IN.map(|(file, _)| file));
        let incubator = all.get("co2-incubator").unwrap();
        let temperature = incubator.tag(&"temperature".parse().unwrap()).unwrap();
        assert_eq!(temperature.modbus.as_ref().map(|p| (p.address, p.word_order)), Some((0x11A9, WordOrder::LowFirst)));
    }

    #[test]
    fn an_error_names_file_tag_and_field() {
        for (from, to, expected) in [
            ("registers_max: 60", "registers_max: 500", "x.yaml: template, modbus, field \"registers_max\""),
            ("range: [0, 9]", "range: [9, 0]", "x.yaml: tag \"a\", field \"range\""),
            ("stale_after_s: 5", "stale_after_s: 0.5", "x.yaml: tag \"a\", field \"stale_after_s\""),
            ("table: holding", "table: input", "x.yaml: tag \"a\", field \"table\""),
            ("address: 0x10", "address: 0xFFFF", "x.yaml: tag \"a\", field \"address\""),
            ("type: f32", "type: f32, bit: 3", "x.yaml: tag \"a\", field \"bit\""),
            ("type: f32", "type: f16", "x.yaml: this is not a device template"),
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
    fn the_published_schema_is_that_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/template.schema.json");
        let shown = format!("{:#}\n", Template::schema());
        if std::env::var_os("MES_WRITE_SCHEMA").is_some() {
            std::fs::write(path, &shown).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap();
        // In whatever order the fields stand.
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert!(
            read(&published) == read(&shown),
            "run this test once with MES_WRITE_SCHEMA=1 and review the difference"
        );
    }

    #[test]
    fn an_order_that_makes_no_sense_is_named_with_its_tag_and_field() {
        let read = |from: &str, to: &str| Template::parse("x.yaml", &SMALL.replace(from, to)).unwrap_err().to_string();
        let more = |extra: &str| read("stale_after_s: 5", &format!("stale_after_s: 5, {extra}"));
        assert!(
            more("write_when: [{ tag: b, equals: 1 }]")
                .contains("tag \"a\", field \"write_when\": there is no tag \"b\"")
        );
        assert!(more("write_when: [{ tag: a }]").contains("needs equals, bits_set or bits_clear"));
        assert!(more("command: { result: b }").contains("field \"command\": there is no tag \"b\""));
        let twice = "values: [{ value: 1, ja: 一, en: one }, { value: 1, ja: 二, en: two }]";
        assert!(more(twice).contains("field \"values\": a number has two names"));
        let record = read("type: f32", "type: u16, record: true");
        assert!(record.contains("field \"record\": the template describes no record"), "{record}");
        let slow = read("registers_max: 60", "registers_max: 60, timeout_ms: 4001");
        assert!(slow.contains("from 10 to 4000"), "{slow}");
        assert!(read("poll_s: 1", "poll_s: 4.5").contains("must stay within 5 seconds"));
    }

    #[test]
    fn an_unknown_template_is_answered_with_the_known_ones() {
        let error = Templates::built_in().unwrap().get("bioreactor").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no device template \"bioreactor\"; known are: cell-processor-report, "),
            "{error}"
        );
    }
}
