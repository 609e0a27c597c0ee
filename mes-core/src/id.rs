//! Typed ids, in one alphabetical list, so that a `BatchId` can never be passed as a `SuiteId`.
//!
//! An id is short printable text that people read aloud and scanners read back. Its text is shared, not copied: every sample
//! carries two of them. This file does not make ids up: whoever needs a new one passes it in, so that replay sees the same.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest id in characters; it still fits on a label and in a file name.
pub const ID_CHARS_MAX: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a valid {kind}: use 1 to {ID_CHARS_MAX} of A-Z a-z 0-9 . _ -, starting with a letter or digit"
)]
pub struct IdError {
    /// What was expected, e.g. `batch id`.
    pub kind: &'static str,
    /// The text that was refused.
    pub text: String,
}

fn valid(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && text.len() <= ID_CHARS_MAX && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an id; the error says which characters are allowed.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if valid(&text) { Ok(Self(text.into())) } else { Err(IdError { kind: $kind, text }) }
            }
            /// The id as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> { Self::parse(text) }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { Self::parse(text) }
        }
        impl From<$name> for String { fn from(id: $name) -> String { id.0.as_ref().to_owned() } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }
    )*};
}

ids! {
    /// A quality agreement (取決め) between the facility and a tenant for a product.
    AgreementId = "agreement id";
    /// One batch (製造番号の単位).
    BatchId = "batch id";
    /// A booking request, from quote to confirmed slot.
    BookingId = "booking id";
    /// A proposed change of the facility's configuration.
    ChangeId = "change id";
    /// A deviation (逸脱) of a batch.
    DeviationId = "deviation id";
    /// A unit: bioreactor, incubator, monitor.
    EquipmentId = "equipment id";
    /// One recorded item within a phase (a parameter, a checklist line).
    ItemId = "item id";
    /// The name a recipe gives to the equipment it needs, e.g. `reactor`.
    EquipmentRole = "equipment role";
    /// A person; never reused, never shared.
    PersonId = "person id";
    /// A phase of a recipe and its execution in a batch (a step 工程 on the screen).
    PhaseId = "phase id";
    /// An adopted plan of the facility.
    PlanId = "plan id";
    /// A product code.
    ProductId = "product id";
    /// A master recipe, without its version.
    RecipeId = "recipe id";
    /// A log-in session.
    SessionId = "session id";
    /// An electronic signature.
    SignatureId = "signature id";
    /// A clean-room suite (スイート).
    SuiteId = "suite id";
    /// The name of a tag within its equipment, e.g. `temperature`.
    TagName = "tag name";
    /// A tenant company.
    TenantId = "tenant id";
    /// An HMI terminal.
    TerminalId = "terminal id";
}

/// A tag of the plant: one measured or written point of one piece of equipment, written `INC-03/temperature`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagId {
    /// The equipment the tag belongs to.
    pub equipment: EquipmentId,
    /// The name within the equipment.
    pub name: TagName,
}

impl TagId {
    /// Joins equipment and name.
    pub fn new(equipment: EquipmentId, name: TagName) -> Self {
        Self { equipment, name }
    }
}

impl FromStr for TagId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError { kind: "tag id (EQUIPMENT/name)", text: text.to_owned() };
        let (equipment, name) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self { equipment: equipment.parse().map_err(|_| wrong())?, name: name.parse().map_err(|_| wrong())? })
    }
}

impl TryFrom<String> for TagId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<TagId> for String {
    fn from(tag: TagId) -> String {
        tag.to_string()
    }
}

impl fmt::Display for TagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.equipment, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_plain_text() {
        assert!(BatchId::parse("B-2026.001_a").is_ok());
        for bad in ["", " ", "-a", "a b", "あ", "a/b", &"x".repeat(65)] {
            assert!(BatchId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<BatchId>("\"a/b\"").is_err());
    }

    #[test]
    fn a_tag_id_reads_back_what_it_writes() {
        let tag: TagId = "INC-03/temperature".parse().unwrap();
        assert_eq!(serde_json::from_str::<TagId>(&serde_json::to_string(&tag).unwrap()).unwrap(), tag);
        assert!("INC-03".parse::<TagId>().is_err());
    }
}
