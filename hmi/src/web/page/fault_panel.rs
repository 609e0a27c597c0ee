//! The panel on which faults of simulated devices are switched: the same in a demo and on the page of `mes simulate`.
//!
//! It shows and reads a form; which fault fits which device the catalogue says.

use equipment_drivers::{FaultKind, fault_catalogue::Parameter};
use mes_core::{access::Rejection, quantity::Language};
use serde::Deserialize;

use crate::{
    simulators::{FaultChange, SimulatorState},
    web::{error::WebError, form::filled, locale::Words},
};

/// One fault to choose, or in force.
pub(crate) struct FaultLine {
    pub(crate) name: &'static str,
    pub(crate) says: String,
}

/// One device.
pub(crate) struct DeviceLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) plugged: bool,
    pub(crate) in_force: Vec<FaultLine>,
    pub(crate) choices: Vec<FaultLine>,
    pub(crate) tags: Vec<&'static str>,
}

fn said(kind: FaultKind, w: Words) -> &'static str {
    let info = kind.info();
    if w.0 == Language::Ja { info.japanese } else { info.english }
}

/// The line of a device; `name` is what people call it.
pub(crate) fn line(state: &SimulatorState, name: Option<String>, w: Words) -> DeviceLine {
    let applies = |kind: &FaultKind| kind.applies(state.kind, state.framing).is_ok();
    let choice = |kind: FaultKind| {
        let told = match kind.info().parameter {
            Parameter::None => String::new(),
            Parameter::Tag => format!(" ({})", w.t("fault-tag")),
            Parameter::TagAndValue => format!(" ({}, {})", w.t("fault-tag"), w.t("fault-value")),
            Parameter::Number { name, default, .. } => format!(" ({name}: {default})"),
        };
        FaultLine { name: kind.info().name, says: format!("{}{told}", said(kind, w)) }
    };
    let force = |fault: &equipment_drivers::Fault| {
        let tag = fault.tag().map(|tag| format!(" – {tag}")).unwrap_or_default();
        let number = fault.number().map(|number| format!(" – {number}")).unwrap_or_default();
        FaultLine { name: fault.kind().info().name, says: format!("{}{tag}{number}", said(fault.kind(), w)) }
    };
    let (english, japanese) = state.kind.words();
    let kind = if w.0 == Language::Ja { japanese } else { english };
    DeviceLine {
        id: state.name.clone(),
        name: name.unwrap_or_else(|| kind.to_owned()),
        address: state.address.clone(),
        plugged: !state.faults.contains(&equipment_drivers::Fault::Drop),
        in_force: state.faults.iter().map(force).collect(),
        choices: FaultKind::ALL.into_iter().filter(applies).map(choice).collect(),
        tags: state.kind.tags(),
    }
}

/// What the panel's forms send.
#[derive(Deserialize)]
pub(crate) struct Sent {
    kind: String,
    tag: Option<String>,
    value: Option<String>,
    on: bool,
}

impl Sent {
    /// The change that is meant.
    pub(crate) fn change(&self) -> Result<FaultChange, WebError> {
        let refuse = |ja: String, en: String| WebError::Refused(Rejection::new("simulator", ja, en));
        let kind = self
            .kind
            .parse()
            .map_err(|error| refuse(format!("故障の種類がありません: {}", self.kind), format!("{error}")))?;
        let value = filled(self.value.as_ref()).map(|text| text.parse::<f64>().map_err(|_| text)).transpose();
        let value = value.map_err(|text| {
            refuse(format!("「{text}」は数値ではありません。"), format!("\"{text}\" is not a number."))
        })?;
        Ok(FaultChange { kind, tag: filled(self.tag.as_ref()), value, on: self.on })
    }
}
