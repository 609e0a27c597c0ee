//! The draft of a template from what was found on a server, as the YAML that `Template::parse` reads.
//!
//! What cannot be a tag is named in a remark, so that nothing disappears in silence.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use mes_core::id::ID_CHARS_MAX;
use opcua::types::{Argument, EUInformation, NodeId, Range, Variant};
use serde_json::json;

use super::{browse::BrowseRequest, unit::ucum, value::Scalar};

/// Interval of reading all tags that a draft proposes, in seconds.
const POLL_S: u32 = 2;
const PUBLISHING_MS: u32 = 1000;
const STALE_AFTER_S: u32 = 10;

/// A variable of a server.
#[derive(Debug, Clone)]
pub(super) struct FoundVariable {
    pub(super) node: NodeId,
    pub(super) path: Vec<String>,
    pub(super) scalar: Option<Scalar>,
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) unit: Option<Variant>,
    pub(super) range: Option<Variant>,
}

/// A method of a server.
#[derive(Debug, Clone)]
pub(super) struct FoundMethod {
    pub(super) object: NodeId,
    pub(super) method: NodeId,
    pub(super) path: Vec<String>,
    pub(super) arguments: Option<Variant>,
}

/// The draft of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The template as YAML, with remarks in comments.
    pub yaml: String,
    /// How many tags it has.
    pub tags: usize,
    /// What a person has to look at; also in the comments.
    pub remarks: Vec<String>,
}

/// `None` when there is nothing that could be a tag.
pub(super) fn draft(
    request: &BrowseRequest,
    uris: &BTreeMap<u16, String>,
    variables: &[FoundVariable],
    methods: &[FoundMethod],
) -> Option<Draft> {
    let mut sheet = Sheet::new(uris, variables);
    for variable in variables {
        sheet.variable(variable);
    }
    for method in methods {
        sheet.method(method);
    }
    if sheet.lines.is_empty() {
        return None;
    }
    let mut yaml = format!("# Draft from {}: check names, units, ranges, and what may be written.\n", request.url);
    for remark in &sheet.remarks {
        let _ = writeln!(yaml, "# - {}", remark.replace(['\n', '\r'], " "));
    }
    let _ = write!(
        yaml,
        "name: {}\nversion: 1\nvendor: generic\nmodel: {}\nsummary: {}\nprotocol: opc_ua\npoll_s: {POLL_S}\nopc_ua: {{ namespace: {}, publishing_ms: \
         {PUBLISHING_MS} }}\ntags:\n{}",
        json!(request.name),
        json!(request.name),
        json!(format!("Draft from {}", request.url)),
        json!(sheet.default),
        sheet.lines
    );
    Some(Draft { yaml, tags: sheet.names.len(), remarks: sheet.remarks })
}

struct Sheet<'a> {
    uris: &'a BTreeMap<u16, String>,
    /// The namespace of most nodes; it need not be written at each.
    default: String,
    /// Leading names that all paths share.
    shared: usize,
    names: BTreeSet<String>,
    lines: String,
    remarks: Vec<String>,
}

impl<'a> Sheet<'a> {
    fn new(uris: &'a BTreeMap<u16, String>, variables: &[FoundVariable]) -> Self {
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for variable in variables {
            *counts.entry(variable.node.namespace).or_default() += 1;
        }
        let most = counts.iter().max_by_key(|(_, count)| **count).map(|(index, _)| *index);
        let default = most.and_then(|index| uris.get(&index)).cloned().unwrap_or_default();
        let first = variables.first().map(|one| one.path.as_slice()).unwrap_or_default();
        let agree = |depth: usize| {
            variables.iter().all(|one| one.path.len() > depth + 1 && one.path.get(depth) == first.get(depth))
        };
        let shared = (0..first.len()).take_while(|depth| agree(*depth)).count();
        Self { uris, default, shared, names: BTreeSet::new(), lines: String::new(), remarks: Vec::new() }
    }

    fn variable(&mut self, found: &FoundVariable) {
        let path = found.path.join("/");
        let Some(scalar) = found.scalar else {
            return self.remarks.push(format!("left out: {path}: its type is not one of a single value"));
        };
        if !found.readable {
            return self.remarks.push(format!("left out: {path}: this user may not read it"));
        }
        let name = self.name(&found.path);
        let unit = match inner::<EUInformation>(found.unit.as_ref()).map(ucum) {
            Some(Ok(unit)) => unit,
            Some(Err(shown)) => {
                self.remarks.push(format!("{name}: the unit {shown} is not known here; it is left as 1"));
                "1"
            }
            None => "1",
        };
        let range = inner::<Range>(found.range.as_ref())
            .filter(|range| range.low.is_finite() && range.high.is_finite() && range.low < range.high)
            .filter(|_| !matches!(scalar, Scalar::Boolean | Scalar::Text));
        let range = range.map(|range| format!(" range: [{:?}, {:?}],", range.low, range.high)).unwrap_or_default();
        let access = if found.writable { "write" } else { "read" };
        let node = json!(self.node(&found.node));
        let _ = writeln!(
            self.lines,
            "  - {{ name: {}, unit: {}, access: {access},{range} stale_after_s: {STALE_AFTER_S}, opc_ua: {{ node: {node} }} }}",
            json!(name),
            json!(unit)
        );
    }

    fn method(&mut self, found: &FoundMethod) {
        let path = found.path.join("/");
        let inputs = match &found.arguments {
            None => Some(Vec::new()),
            Some(Variant::Array(array)) => array.values.iter().map(|one| inner::<Argument>(Some(one))).collect(),
            Some(_) => None,
        };
        let scalars = inputs.and_then(|inputs: Vec<&Argument>| {
            inputs
                .into_iter()
                .map(|one| Scalar::of(&one.data_type).filter(|_| one.value_rank < 0))
                .collect::<Option<Vec<_>>>()
        });
        let Some(scalars) = scalars else {
            return self.remarks.push(format!("left out: {path}: a method with arguments that are not single values"));
        };
        if scalars.len() > 1 {
            let count = scalars.len();
            return self.remarks.push(format!(
                "left out: {path}: a method with {count} arguments; give all but one a fixed value and write it by hand"
            ));
        }
        let name = self.name(&found.path);
        let (object, method) = (json!(self.node(&found.object)), json!(self.node(&found.method)));
        let arguments: Vec<_> = scalars.iter().map(|scalar| format!("{{ type: {} }}", written(*scalar))).collect();
        let _ = writeln!(
            self.lines,
            "  - {{ name: {}, unit: \"1\", access: call, stale_after_s: {STALE_AFTER_S}, opc_ua: {{ object: {object}, \
             node: {method}, arguments: [{}] }} }}",
            json!(name),
            arguments.join(", ")
        );
    }

    /// A tag name from the path, in lower case, that no other tag has.
    fn name(&mut self, path: &[String]) -> String {
        let own: Vec<_> = path.iter().skip(self.shared).map(String::as_str).collect();
        let mut text = String::new();
        for letter in own.join("_").to_lowercase().chars() {
            let letter = if letter.is_ascii_alphanumeric() { letter } else { '_' };
            if !(letter == '_' && (text.is_empty() || text.ends_with('_'))) {
                text.push(letter);
            }
        }
        let text = text.trim_end_matches('_');
        // Of a long name the end tells more; four characters are kept for a number.
        let cut = text.len().saturating_sub(ID_CHARS_MAX - 4);
        let text = text.get(cut..).unwrap_or_default().trim_start_matches('_');
        let text = if text.is_empty() { "tag" } else { text };
        let mut name = text.to_owned();
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{text}_{number}");
            number += 1;
        }
        name
    }

    fn node(&self, node: &NodeId) -> String {
        match self.uris.get(&node.namespace) {
            Some(uri) if *uri != self.default => format!("nsu={uri};{}", node.identifier),
            _ => node.identifier.to_string(),
        }
    }
}

fn written(scalar: Scalar) -> String {
    format!("{scalar:?}").to_lowercase()
}

/// The structure in a value.
fn inner<T: Send + Sync + 'static>(value: Option<&Variant>) -> Option<&T> {
    match value {
        Some(Variant::ExtensionObject(object)) => object.inner_as::<T>(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use opcua::types::ExtensionObject;

    use super::*;
    use crate::{
        opcua::security::{Login, Security},
        template::{Access, Template},
    };

    fn variable(node: &str, path: &[&str], scalar: Option<Scalar>, writable: bool) -> FoundVariable {
        FoundVariable {
            node: NodeId::new(2, node),
            path: path.iter().map(|one| (*one).to_owned()).collect(),
            scalar,
            readable: true,
            writable,
            unit: None,
            range: None,
        }
    }

    #[test]
    fn a_draft_is_a_template_and_says_what_it_leaves_out() {
        let uris = BTreeMap::from([(0, "http://opcfoundation.org/UA/".to_owned()), (2, "urn:dev".to_owned())]);
        let mut warm = variable("T", &["Dev", "Vessel", "Temp: \"core\""], Some(Scalar::Double), true);
        warm.range = Some(Variant::from(ExtensionObject::from_message(Range { low: 0.0, high: 60.0 })));
        let unit = EUInformation { unit_id: 4_408_652, ..EUInformation::default() };
        warm.unit = Some(Variant::from(ExtensionObject::from_message(unit)));
        let twin = variable("T2", &["Dev", "Vessel", "Temp core"], Some(Scalar::Float), false);
        let list = variable("L", &["Dev", "List"], None, false);
        let hidden = FoundVariable { readable: false, ..variable("H", &["Dev", "Hidden"], Some(Scalar::Text), false) };
        let start = FoundMethod {
            object: NodeId::new(2, "Dev"),
            method: NodeId::new(2, "Start"),
            path: vec!["Dev".to_owned(), "Start".to_owned()],
            arguments: None,
        };
        let request = BrowseRequest {
            url: "opc.tcp://h:1/".to_owned(),
            security: Security::Best,
            login: Login::Anonymous,
            pki_dir: "pki".into(),
            thumbprint: None,
            name: "dev".to_owned(),
        };
        let made = draft(&request, &uris, &[warm, twin, list, hidden], &[start]).unwrap();
        assert_eq!((made.tags, made.remarks.len()), (3, 2), "{made:?}");
        let template = Template::parse("draft.yaml", &made.yaml).unwrap();
        let names: Vec<_> = template.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["vessel_temp_core", "vessel_temp_core_2", "start"]);
        assert_eq!((template.tags[0].unit.0.as_str(), template.tags[0].range), ("Cel", Some([0.0, 60.0])));
        assert_eq!(
            template.tags.iter().map(|tag| tag.access).collect::<Vec<_>>(),
            [Access::Write, Access::Read, Access::Call]
        );
        assert_eq!(template.tags[0].opc_ua.as_ref().map(|point| point.node.as_str()), Some("s=T"));
        assert!(draft(&request, &uris, &[], &[]).is_none());
    }
}
