//! OPC UA values to ours and back. A number is never cut to fit: what does not fit is not sent.

use mes_core::{
    clock::Timestamp,
    historian::{Cause, Quality, SampleValue},
};
use opcua::types::{DataTypeId, DataValue, DateTime, NodeId, StatusCode, UAString, Variant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{driver::Reading, modbus::codec::shortest};

/// Ticks of 100 ns from 1601 to 1970.
const EPOCH_TICKS: i64 = 116_444_736_000_000_000;
const TICKS_PER_MS: i64 = 10_000;

/// A scalar type that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "named as OPC UA names them")]
pub enum Scalar {
    Boolean,
    SByte,
    Byte,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float,
    Double,
    Text,
}

impl Scalar {
    /// From the DataType attribute of a node.
    pub(crate) fn of(data_type: &NodeId) -> Option<Self> {
        Some(match data_type.as_data_type_id().ok()? {
            DataTypeId::Boolean => Self::Boolean,
            DataTypeId::SByte => Self::SByte,
            DataTypeId::Byte => Self::Byte,
            DataTypeId::Int16 => Self::Int16,
            DataTypeId::UInt16 => Self::UInt16,
            DataTypeId::Int32 => Self::Int32,
            DataTypeId::UInt32 => Self::UInt32,
            DataTypeId::Int64 => Self::Int64,
            DataTypeId::UInt64 => Self::UInt64,
            DataTypeId::Float => Self::Float,
            DataTypeId::Double => Self::Double,
            DataTypeId::String => Self::Text,
            _ => return None,
        })
    }

    /// From a value, where the DataType is one of the server's own.
    pub(crate) fn of_value(value: &Variant) -> Option<Self> {
        Some(match value {
            Variant::Boolean(_) => Self::Boolean,
            Variant::SByte(_) => Self::SByte,
            Variant::Byte(_) => Self::Byte,
            Variant::Int16(_) => Self::Int16,
            Variant::UInt16(_) => Self::UInt16,
            Variant::Int32(_) => Self::Int32,
            Variant::UInt32(_) => Self::UInt32,
            Variant::Int64(_) => Self::Int64,
            Variant::UInt64(_) => Self::UInt64,
            Variant::Float(_) => Self::Float,
            Variant::Double(_) => Self::Double,
            Variant::String(_) => Self::Text,
            _ => return None,
        })
    }

    /// The value in this type, or a sentence why it does not fit.
    pub(crate) fn variant(self, value: &SampleValue) -> Result<Variant, String> {
        let misfit = || format!("\"{value}\" does not fit into a node of type {self:?}");
        let whole = || whole(value).ok_or_else(misfit);
        let number = || value.to_f64().filter(|number| number.is_finite()).ok_or_else(misfit);
        macro_rules! narrow {
            ($variant:ident) => {
                Variant::$variant(whole()?.try_into().map_err(|_| misfit())?)
            };
        }
        Ok(match self {
            Self::Boolean => match value {
                SampleValue::Flag(flag) => Variant::Boolean(*flag),
                _ => match whole()? {
                    0 => Variant::Boolean(false),
                    1 => Variant::Boolean(true),
                    _ => return Err(misfit()),
                },
            },
            Self::SByte => narrow!(SByte),
            Self::Byte => narrow!(Byte),
            Self::Int16 => narrow!(Int16),
            Self::UInt16 => narrow!(UInt16),
            Self::Int32 => narrow!(Int32),
            Self::UInt32 => narrow!(UInt32),
            Self::Int64 => Variant::Int64(whole()?),
            Self::UInt64 => narrow!(UInt64),
            Self::Float => {
                #[expect(clippy::cast_possible_truncation, reason = "the node holds a single; infinity is refused")]
                let single = number()? as f32;
                if !single.is_finite() {
                    return Err(misfit());
                }
                Variant::Float(single)
            }
            Self::Double => Variant::Double(number()?),
            Self::Text => match value {
                SampleValue::Text(text) => Variant::String(UAString::from(text.as_str())),
                _ => return Err(misfit()),
            },
        })
    }
}

fn whole(value: &SampleValue) -> Option<i64> {
    match value {
        SampleValue::Integer(number) => Some(*number),
        SampleValue::Flag(flag) => Some(i64::from(*flag)),
        #[expect(clippy::cast_possible_truncation, reason = "within 2^53 and without fraction")]
        SampleValue::Real(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(*number as i64),
        SampleValue::Real(_) | SampleValue::Text(_) => None,
    }
}

/// Our value for theirs; the cause when it is none.
pub(crate) fn value_of(variant: &Variant) -> Result<SampleValue, Cause> {
    let real = |number: f64| {
        if number.is_finite() { Ok(SampleValue::Real(number)) } else { Err(Cause::SensorFault) }
    };
    match variant {
        Variant::Boolean(flag) => Ok(SampleValue::Flag(*flag)),
        Variant::SByte(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::Byte(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::Int16(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::UInt16(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::Int32(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::UInt32(number) => Ok(SampleValue::Integer(i64::from(*number))),
        Variant::Int64(number) => Ok(SampleValue::Integer(*number)),
        Variant::UInt64(number) => match i64::try_from(*number) {
            Ok(number) => Ok(SampleValue::Integer(number)),
            Err(_) => Err(Cause::OutOfRange),
        },
        Variant::Float(number) => real(shortest(*number)),
        Variant::Double(number) => real(*number),
        Variant::String(text) => Ok(SampleValue::Text(text.as_ref().to_owned())),
        Variant::LocalizedText(text) => Ok(SampleValue::Text(text.text.as_ref().to_owned())),
        Variant::Empty => Err(Cause::NotYetRead),
        _ => Err(Cause::Device("a value of this type is not supported".to_owned())),
    }
}

/// A text, where it is one.
pub(crate) fn text_of(variant: &Variant) -> String {
    match variant {
        Variant::String(text) => text.as_ref().to_owned(),
        Variant::LocalizedText(text) => text.text.as_ref().to_owned(),
        _ => String::new(),
    }
}

/// A reading of the tag at `tag` from what the server sent.
pub(crate) fn reading(tag: usize, data: &DataValue) -> Reading {
    let status = data.status.unwrap_or(StatusCode::Good);
    let (value, mut quality) = match data.value.as_ref().map_or(Err(Cause::NotYetRead), value_of) {
        Ok(value) => (Some(value), Quality::GOOD),
        Err(cause) => (None, Quality::bad(cause)),
    };
    if status.is_bad() {
        quality = Quality::bad(cause_of(status));
    } else if status.is_uncertain() && quality.is_good() {
        quality = Quality::uncertain(cause_of(status));
    }
    let time = |at: Option<DateTime>| at.filter(|at| !at.is_null()).map(|at| to_timestamp(&at));
    let (source_time, server_time) = (time(data.source_timestamp), time(data.server_timestamp));
    let overflow = status.overflow() && status.bits() & 0x0400 != 0;
    Reading { tag, value, quality, source_time, server_time, overflow }
}

fn cause_of(status: StatusCode) -> Cause {
    let code = status.sub_code().to_string();
    match code.as_str() {
        "BadSensorFailure" | "BadDeviceFailure" | "UncertainSensorNotAccurate" => Cause::SensorFault,
        "BadWaitingForInitialData" => Cause::NotYetRead,
        "BadNoCommunication" => Cause::LinkDown,
        _ => Cause::Device(code),
    }
}

/// A device's time.
pub(crate) fn to_timestamp(at: &DateTime) -> Timestamp {
    Timestamp::from_ms((at.ticks() - EPOCH_TICKS).div_euclid(TICKS_PER_MS))
}

/// A time for a device.
pub(crate) fn to_date_time(at: Timestamp) -> DateTime {
    DateTime::from(at.as_ms().saturating_mul(TICKS_PER_MS).saturating_add(EPOCH_TICKS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_the_same_on_both_sides() {
        let at: Timestamp = "2026-07-01T05:03:22.120Z".parse().unwrap();
        assert_eq!(to_timestamp(&to_date_time(at)), at);
        assert!(to_date_time(at).to_rfc3339().starts_with("2026-07-01T05:03:22.12"));
    }

    #[test]
    fn status_and_nan_become_qualities() {
        let good = DataValue { value: Some(Variant::Double(1.5)), ..DataValue::default() };
        assert!(reading(0, &good).quality.is_good());
        let nan = DataValue { value: Some(Variant::Double(f64::NAN)), ..DataValue::default() };
        assert_eq!(reading(0, &nan).quality, Quality::bad(Cause::SensorFault));
        let failed = DataValue { status: Some(StatusCode::BadSensorFailure), ..good.clone() };
        assert_eq!(reading(0, &failed).quality, Quality::bad(Cause::SensorFault));
        let unknown = DataValue { value: None, status: Some(StatusCode::BadNodeIdUnknown), ..good.clone() };
        assert_eq!(reading(0, &unknown).quality, Quality::bad(Cause::Device("BadNodeIdUnknown".to_owned())));
        let uncertain = DataValue { status: Some(StatusCode::UncertainLastUsableValue), ..good };
        assert!(!reading(0, &uncertain).quality.is_good() && reading(0, &uncertain).value.is_some());
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        for (scalar, value) in [
            (Scalar::Byte, SampleValue::Integer(256)),
            (Scalar::UInt16, SampleValue::Integer(-1)),
            (Scalar::Int32, SampleValue::Real(0.5)),
            (Scalar::Boolean, SampleValue::Integer(2)),
            (Scalar::Double, SampleValue::Text("37".to_owned())),
            (Scalar::Double, SampleValue::Real(f64::INFINITY)),
            (Scalar::Float, SampleValue::Real(1e300)),
            (Scalar::Text, SampleValue::Integer(1)),
        ] {
            assert!(scalar.variant(&value).is_err(), "{scalar:?} {value}");
        }
        assert_eq!(Scalar::Boolean.variant(&SampleValue::Flag(false)), Ok(Variant::Boolean(false)));
        assert_eq!(Scalar::Double.variant(&SampleValue::Integer(0)), Ok(Variant::Double(0.0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_sent_comes_back_the_same(number: i64, real in -1e12..1e12f64, text in ".{0,20}", flag: bool) {
            for (scalar, value) in [
                (Scalar::Int64, SampleValue::Integer(number)),
                (Scalar::Double, SampleValue::Real(real)),
                (Scalar::Text, SampleValue::Text(text)),
                (Scalar::Boolean, SampleValue::Flag(flag)),
            ] {
                let data = DataValue { value: Some(scalar.variant(&value).unwrap()), ..DataValue::default() };
                prop_assert_eq!(reading(0, &data).value, Some(value));
            }
        }
    }
}
