//! The part of a device template about orders: under which conditions a tag may be written, how a command register
//! answers, and what the numbers of a state are called.
//!
//! It says what must hold; `write.rs` asks the device whether it does.

use mes_core::{historian::SampleValue, id::TagName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::modbus::Wrong;

/// What must hold, by a fresh and Good reading, before a tag is written. All parts that are given must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The tag that is asked.
    #[schemars(with = "String")]
    pub tag: TagName,
    /// It has this value: a number, a flag or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Wanted>,
    /// These bits of it are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bits_set: Vec<u8>,
    /// These bits of it are clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bits_clear: Vec<u8>,
}

/// A value as a template writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Wanted {
    /// On or off.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// A register that takes commands: it is written with the command, and the device shows in it that it has been
/// executed; another tag may then hold the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandRegister {
    /// What the register reads when no command is under way.
    #[serde(default)]
    pub executed: i64,
    /// The tag with the result of the last command, where there is one; its `values` name the refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub result: Option<TagName>,
    /// The result that means: done.
    #[serde(default)]
    pub ok: i64,
}

/// What a number of a tag means. A number that has no name here is not accepted as a value of the tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedValue {
    /// The number.
    pub value: i64,
    /// Its name in Japanese.
    pub ja: String,
    /// Its name in English.
    pub en: String,
}

impl Condition {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        if self.equals.is_none() && self.bits_set.is_empty() && self.bits_clear.is_empty() {
            return Err(("write_when", "needs equals, bits_set or bits_clear".to_owned()));
        }
        if self.bits_set.iter().chain(&self.bits_clear).any(|bit| *bit > 62) {
            return Err(("write_when", "bits are numbered from 0 to 62".to_owned()));
        }
        Ok(())
    }

    /// Whether a value satisfies it.
    pub fn holds(&self, value: &SampleValue) -> bool {
        let equal = self.equals.as_ref().is_none_or(|wanted| match (wanted, value) {
            (Wanted::Flag(wanted), SampleValue::Flag(seen)) => wanted == seen,
            (Wanted::Text(wanted), SampleValue::Text(seen)) => wanted == seen,
            (Wanted::Number(wanted), seen @ (SampleValue::Integer(_) | SampleValue::Real(_))) => {
                seen.to_f64() == Some(*wanted)
            }
            _ => false,
        });
        let bits = match value {
            SampleValue::Integer(bits) => {
                let set = |bit: &u8| bits.checked_shr(u32::from(*bit)).unwrap_or(0) & 1 == 1;
                self.bits_set.iter().all(set) && !self.bits_clear.iter().any(set)
            }
            _ => self.bits_set.is_empty() && self.bits_clear.is_empty(),
        };
        equal && bits
    }

    /// The condition in words: `status has bit 0 set and bit 4 clear`.
    pub fn shown(&self) -> String {
        let mut parts = Vec::new();
        match &self.equals {
            Some(Wanted::Flag(value)) => parts.push(format!("is {value}")),
            Some(Wanted::Number(value)) => parts.push(format!("is {value}")),
            Some(Wanted::Text(value)) => parts.push(format!("is \"{value}\"")),
            None => {}
        }
        parts.extend(self.bits_set.iter().map(|bit| format!("has bit {bit} set")));
        parts.extend(self.bits_clear.iter().map(|bit| format!("has bit {bit} clear")));
        format!("{} {}", self.tag, parts.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(yaml: &str) -> Condition {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn a_condition_holds_only_for_the_value_or_the_bits_it_names() {
        let bits = condition("{ tag: status, bits_set: [0], bits_clear: [2, 4] }");
        assert!(bits.holds(&SampleValue::Integer(0b0_1001)));
        assert!(!bits.holds(&SampleValue::Integer(0b0_1000)), "bit 0 is not set");
        assert!(!bits.holds(&SampleValue::Integer(0b1_0001)), "bit 4 is set");
        assert!(!bits.holds(&SampleValue::Real(1.0)), "a float has no bits");
        assert_eq!(bits.shown(), "status has bit 0 set and has bit 2 clear and has bit 4 clear");
        let state = condition("{ tag: state, equals: Operate }");
        assert!(state.holds(&SampleValue::Text("Operate".to_owned())));
        assert!(!state.holds(&SampleValue::Text("Sleep".to_owned())));
        let number = condition("{ tag: mode, equals: 0 }");
        assert!(number.holds(&SampleValue::Integer(0)) && !number.holds(&SampleValue::Flag(false)));
        let flag = condition("{ tag: remote, equals: true }");
        assert!(flag.holds(&SampleValue::Flag(true)) && !flag.holds(&SampleValue::Integer(1)));
        assert!(condition("{ tag: mode }").check().is_err());
    }
}
