//! One sample of one tag as it came from a device: value, quality, its times, number.
//!
//! A sample is not a journal entry. This file does not judge samples; `plant/reading.rs` does.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, id::TagId, quantity::decimal_of};

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As good as the device says it is.
    Good,
    /// Usable for display, not for a decision.
    Uncertain,
    /// Not usable; the value, if any, is the last one seen and is never passed off as live.
    Bad,
}

/// Why a value is not good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing has been read since the start.
    NotYetRead,
    /// The link to the device is down.
    LinkDown,
    /// No fresh value within the tag's staleness limit.
    Stale,
    /// The device reports a failed sensor, or a sentinel such as NaN or 0x8000.
    SensorFault,
    /// The value lies outside the tag's physical range.
    OutOfRange,
    /// The device refused the request; the device's own code, e.g. `IllegalDataAddress` or `BadNodeIdUnknown`.
    Device(String),
    /// Source time and receive time differ by more than the limit.
    ClockSkew,
}

/// Quality of a sample: a grade and, unless good, its cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quality {
    /// The grade.
    pub grade: Grade,
    /// Why it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl Quality {
    /// Good quality.
    pub const GOOD: Self = Self { grade: Grade::Good, cause: None };
    /// Bad, for a cause.
    pub fn bad(cause: Cause) -> Self {
        Self { grade: Grade::Bad, cause: Some(cause) }
    }
    /// Uncertain, for a cause.
    pub fn uncertain(cause: Cause) -> Self {
        Self { grade: Grade::Uncertain, cause: Some(cause) }
    }
    /// Whether the value may be used for a decision.
    pub fn is_good(&self) -> bool {
        self.grade == Grade::Good
    }
}

/// A value as a device gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number; recorded as its shortest round-trip decimal.
    Real(f64),
    /// A whole number: state, counter, bits.
    Integer(i64),
    /// On or off.
    Flag(bool),
    /// Text, e.g. a state name.
    Text(String),
}

impl SampleValue {
    /// The value as a float where it is a number or a flag.
    pub fn to_f64(&self) -> Option<f64> {
        match self {
            Self::Real(value) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "device integers are at most 32 bits")]
            Self::Integer(value) => Some(*value as f64),
            Self::Flag(value) => Some(f64::from(u8::from(*value))),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for SampleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(value) => match decimal_of(*value) {
                Some(decimal) => write!(f, "{decimal}"),
                None => write!(f, "{value}"),
            },
            Self::Integer(value) => write!(f, "{value}"),
            Self::Flag(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// The written form holds no JSON number, because a device's 64-bit counter may pass 2⁵³:
/// `{"real":"37.02"}`, `{"integer":"3"}`, `{"flag":true}`, `{"text":"Operate"}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Real(String),
    Integer(String),
    Flag(bool),
    Text(String),
}

impl Serialize for SampleValue {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Real(value) => Written::Real(value.to_string()),
            Self::Integer(value) => Written::Integer(value.to_string()),
            Self::Flag(value) => Written::Flag(*value),
            Self::Text(value) => Written::Text(value.clone()),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for SampleValue {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(d)? {
            Written::Real(text) => Self::Real(text.parse().map_err(serde::de::Error::custom)?),
            Written::Integer(text) => Self::Integer(text.parse().map_err(serde::de::Error::custom)?),
            Written::Flag(value) => Self::Flag(value),
            Written::Text(value) => Self::Text(value),
        })
    }
}

/// One sample of one tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which point of which equipment.
    pub tag: TagId,
    /// The value; `None` when there never was one.
    pub value: Option<SampleValue>,
    /// How far to trust it.
    pub quality: Quality,
    /// When the device says it was measured (facility time), where the device has a clock.
    pub source_time: Option<Timestamp>,
    /// When a server between the device and this system saw it (facility time), where there is one.
    #[serde(default)]
    pub server_time: Option<Timestamp>,
    /// When this system received it (facility time).
    pub receive_time: Timestamp,
    /// Number of this sample on its tag, from 1, without gaps within one run of the driver.
    pub seq: u64,
    /// The device reports that samples before this one were lost.
    #[serde(default)]
    pub overflow: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_what_it_writes_and_holds_no_json_number() {
        for value in [
            SampleValue::Real(37.02),
            SampleValue::Real(-0.0),
            SampleValue::Real(f64::INFINITY),
            SampleValue::Integer(i64::MIN),
            SampleValue::Flag(false),
            SampleValue::Text("Operate".into()),
        ] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<SampleValue>(&text).unwrap(), value, "{text}");
        }
        assert_eq!(serde_json::to_string(&SampleValue::Integer(3)).unwrap(), r#"{"integer":"3"}"#);
    }
}
