//! A facility file (YAML) becomes a list of items, or one error with its line, its field and what to do.
//!
//! It judges form only: fields, ids, numbers. Whether the items fit each other is judged where the change is proposed
//! (`decide.rs`); whether a device template has a tag, by whoever knows the templates.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::tenant::{
    Agreement, DeviceTemplate, Equipment, FacilityItem, FacilityName, Person, Suite, Tenant, Terminal,
};

/// Largest facility file, in bytes.
pub const FACILITY_BYTES_MAX: usize = 4 << 20;

/// Why a facility file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FacilityReadError {
    /// Too large to be one.
    #[error("the file has {bytes} bytes; a facility file has at most {FACILITY_BYTES_MAX}: is it the right file?")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not the form of a facility file; the sentence names line, column and field.
    #[error("{sentence}; correct the file and run the command again")]
    Form {
        /// What is wrong, where.
        sentence: String,
    },
    /// A device template in it is none.
    #[error("device template {number} of the file: {sentence}; correct it and run the command again")]
    Template {
        /// Its place in the list, from 1.
        number: usize,
        /// What is wrong, where.
        sentence: String,
    },
    /// The same item stands in it twice.
    #[error("{kind} {id} is written twice; remove one of them")]
    Twice {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
    },
}

/// The file: one list per kind of item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FacilityFile {
    #[serde(default)]
    name: Option<FacilityName>,
    #[serde(default)]
    tenants: Vec<Tenant>,
    #[serde(default)]
    agreements: Vec<Agreement>,
    #[serde(default)]
    suites: Vec<Suite>,
    #[serde(default)]
    terminals: Vec<Terminal>,
    #[serde(default)]
    device_templates: Vec<TemplateSource>,
    #[serde(default)]
    equipment: Vec<Equipment>,
    #[serde(default)]
    people: Vec<Person>,
}

/// Where a device template of the file comes from.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TemplateSource {
    /// It stands here in full.
    Text(String),
    /// It is one of those that the program offers.
    Import(String),
}

/// Reads the items of a facility file; `offered` gives the text of a device template that may be imported by its name.
///
/// # Errors
/// [`FacilityReadError`] says where the file is wrong and what to do.
pub fn read_facility(
    text: &str,
    offered: impl Fn(&str) -> Option<String>,
) -> Result<Vec<FacilityItem>, FacilityReadError> {
    if text.len() > FACILITY_BYTES_MAX {
        return Err(FacilityReadError::TooLarge { bytes: text.len() });
    }
    let file: FacilityFile =
        serde_saphyr::from_str(text).map_err(|error| FacilityReadError::Form { sentence: sentence(&error, text) })?;
    let templates: Vec<DeviceTemplate> = (1..)
        .zip(&file.device_templates)
        .map(|(number, source)| {
            template(source, &offered).map_err(|sentence| FacilityReadError::Template { number, sentence })
        })
        .collect::<Result<_, _>>()?;
    let items: Vec<FacilityItem> = file
        .name
        .into_iter()
        .map(FacilityItem::Name)
        .chain(file.tenants.into_iter().map(FacilityItem::Tenant))
        .chain(file.suites.into_iter().map(FacilityItem::Suite))
        .chain(file.agreements.into_iter().map(FacilityItem::Agreement))
        .chain(file.terminals.into_iter().map(FacilityItem::Terminal))
        .chain(templates.into_iter().map(|one| FacilityItem::DeviceTemplate(Box::new(one))))
        .chain(file.equipment.into_iter().map(|unit| FacilityItem::Equipment(Box::new(unit))))
        .chain(file.people.into_iter().map(FacilityItem::Person))
        .collect();
    let mut seen = BTreeSet::new();
    match items.iter().map(FacilityItem::key).find(|key| !seen.insert(key.clone())) {
        Some(key) => Err(FacilityReadError::Twice { kind: key.kind, id: key.id }),
        None => Ok(items),
    }
}

fn template(source: &TemplateSource, offered: impl Fn(&str) -> Option<String>) -> Result<DeviceTemplate, String> {
    let text = match source {
        TemplateSource::Text(text) => text.clone(),
        TemplateSource::Import(name) => offered(name).ok_or_else(|| format!("\"{name}\" is not offered for import"))?,
    };
    DeviceTemplate::read(&text).map_err(|error| error.to_string())
}

/// Where it is, what is wrong, and what stands there.
pub(super) fn sentence(error: &serde_saphyr::Error, text: &str) -> String {
    let said = error.to_string();
    let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first).trim_end_matches('.');
    let Some(at) = error.location() else { return first.to_owned() };
    let line = usize::try_from(at.line()).unwrap_or(usize::MAX);
    let stands = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    let place = if first.starts_with("line ") { String::new() } else { format!("line {line}: ") };
    format!("{place}{first}, in `{stands}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANTS: &str = "tenants:\n  - id: TEN-A\n    name: { ja: あ, en: A }\n";

    fn read(text: &str) -> Result<Vec<FacilityItem>, FacilityReadError> {
        read_facility(text, |name| (name == "probe").then(|| PROBE.to_owned()))
    }

    const PROBE: &str = "name: probe\nprotocol: modbus\ntags: []\n";

    #[test]
    fn a_device_template_stands_in_full_or_is_imported_by_its_name() {
        let both = format!(
            "device_templates:\n  - import: probe\n  - text: |\n      {}\n",
            PROBE.replace("probe", "own").replace('\n', "\n      ")
        );
        let keys: Vec<_> = read(&both).unwrap().iter().map(|item| item.key().id).collect();
        assert_eq!(keys, ["probe v1", "own v1"]);
        let said = read("device_templates:\n  - import: nothing\n").unwrap_err().to_string();
        assert!(said.contains("device template 1") && said.contains("\"nothing\" is not offered"), "{said}");
        let said = read("device_templates:\n  - text: |\n      name: own\n").unwrap_err().to_string();
        assert!(said.contains("device template 1") && said.contains("protocol"), "{said}");
    }

    #[test]
    fn a_file_becomes_items() {
        let items = read(TENANTS).unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].key().id, "TEN-A");
    }

    #[test]
    fn an_error_says_line_and_field() {
        let wrong = TENANTS.replace("name:", "nmae:");
        let said = read(&wrong).unwrap_err().to_string();
        assert!(said.contains("line 3") && said.contains("nmae"), "{said}");
        let said = read("tenants:\n  - id: \"TEN A\"\n    name: { ja: あ, en: A }\n").unwrap_err().to_string();
        assert!(said.contains("line 2") && said.contains("tenant id"), "{said}");
    }

    #[test]
    fn an_error_shows_what_stands_there() {
        let wrong = "suites:\n  - { id: SU-1, name: { ja: あ, en: A }, grade: B, places: two, qualified_until: x }\n";
        let said = read(wrong).unwrap_err().to_string();
        assert!(said.starts_with("line 2 ") && said.contains("places: two"), "{said}");
    }

    #[test]
    fn an_item_written_twice_is_named() {
        let twice = format!("{TENANTS}  - id: TEN-A\n    name: {{ ja: い, en: B }}\n");
        assert!(read(&twice).unwrap_err().to_string().contains("tenant TEN-A is written twice"));
    }
}
