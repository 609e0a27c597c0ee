//! A device's value as a reader understands it: with the unit of its tag, and a code with its meaning, both languages.
//! The settings are those with which the batch was issued; nothing is judged and nothing is rounded.

use crate::source::Source;
use mes_core::{
    batch::ReadingEvidence,
    historian::SampleValue,
    isa88::{SetPoint, TagRef},
    quantity::{Bilingual, decimal_of},
    tenant::Tag,
};

/// The settings of a role's tag.
pub(crate) fn settings<'a>(source: &'a Source, tag: &TagRef) -> Option<&'a Tag> {
    source.issued().equipment.get(&tag.role)?.tags.iter().find(|known| known.name == tag.tag)
}

/// A code's meaning, and the code behind it.
fn coded(state: &Bilingual, code: impl std::fmt::Display) -> Bilingual {
    Bilingual::new(format!("{}({code})", state.ja), format!("{} ({code})", state.en))
}

fn plain(value: impl std::fmt::Display, unit: &str) -> Bilingual {
    let shown = format!("{value} {unit}").trim_end().to_owned();
    Bilingual::new(shown.clone(), shown)
}

/// What a set-point asks for.
pub(crate) fn asked(point: &SetPoint, tag: Option<&Tag>) -> Bilingual {
    match tag.and_then(|tag| tag.state_of(point.value)) {
        Some(state) => coded(state, point.value.normalize()),
        None => plain(point.value, point.unit.shown()),
    }
}

/// What a device gave.
pub(crate) fn sampled(value: &SampleValue, unit: &str, tag: Option<&Tag>) -> Bilingual {
    let state = tag.zip(value.to_f64().and_then(decimal_of)).and_then(|(tag, number)| tag.state_of(number));
    state.map_or_else(|| plain(value, unit), |state| coded(state, value))
}

/// A reading: tag, value, unit.
pub(crate) fn reading(source: &Source, evidence: &ReadingEvidence) -> Bilingual {
    let on = source.issued().equipment.values().find(|unit| unit.id == evidence.tag.equipment);
    let tag = on.and_then(|unit| unit.tags.iter().find(|known| known.name == evidence.tag.name));
    let unit = tag.map(|tag| tag.unit.shown()).unwrap_or_default();
    let said = evidence.value.as_ref().map_or_else(|| Bilingual::new("–", "–"), |value| sampled(value, unit, tag));
    Bilingual::new(format!("{} = {}", evidence.tag, said.ja), format!("{} = {}", evidence.tag, said.en))
}
