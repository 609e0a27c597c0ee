//! Registers to values and back, with byte order, word order, scale and sentinel of the template.
//!
//! It does not know where registers lie; `plan.rs` does.

use mes_core::historian::{Cause, SampleValue};

use crate::template::{ByteOrder, ModbusPoint, RegisterType, WordOrder};

/// Why a value cannot be put into registers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text, or not a finite number.
    #[error("{0} is not a number that fits into registers")]
    NotANumber(String),
    /// The register cannot hold it.
    #[error("{value} does not fit into a register of type {kind}")]
    TooLarge {
        /// The value.
        value: String,
        /// The register type.
        kind: &'static str,
    },
}

/// The value in `registers`; the cause when it is none.
pub fn decode(registers: &[u16], point: &ModbusPoint) -> Result<SampleValue, Cause> {
    let swap = |word: u16| if point.byte_order == ByteOrder::Little { word.swap_bytes() } else { word };
    let raw = match (point.kind.registers(), registers) {
        (1, [word]) => u32::from(swap(*word)),
        (2, [first, second]) => {
            let (high, low) = match point.word_order {
                WordOrder::HighFirst => (swap(*first), swap(*second)),
                WordOrder::LowFirst => (swap(*second), swap(*first)),
            };
            u32::from(high) << 16 | u32::from(low)
        }
        _ => return Err(Cause::Device("the answer has the wrong length".to_owned())),
    };
    if point.sentinel == Some(raw) {
        return Err(Cause::SensorFault);
    }
    let [.., high, low] = raw.to_be_bytes();
    let word = [high, low];
    match point.kind {
        RegisterType::F32 => {
            let value = shortest(f32::from_bits(raw)) * point.scale;
            if value.is_finite() { Ok(SampleValue::Real(value)) } else { Err(Cause::SensorFault) }
        }
        RegisterType::Bits => Ok(match point.bit {
            Some(bit) => SampleValue::Flag(raw >> bit & 1 == 1),
            None => SampleValue::Integer(i64::from(raw)),
        }),
        RegisterType::U16 => Ok(scaled(i64::from(u16::from_be_bytes(word)), point.scale)),
        RegisterType::I16 => Ok(scaled(i64::from(i16::from_be_bytes(word)), point.scale)),
        RegisterType::U32 => Ok(scaled(i64::from(raw), point.scale)),
        RegisterType::I32 => Ok(scaled(i64::from(i32::from_be_bytes(raw.to_be_bytes())), point.scale)),
    }
}

/// The registers for `value`.
pub fn encode(value: &SampleValue, point: &ModbusPoint) -> Result<Vec<u16>, EncodeError> {
    let number = match value {
        SampleValue::Text(_) => None,
        other => other.to_f64().filter(|number| number.is_finite()),
    }
    .ok_or_else(|| EncodeError::NotANumber(value.to_string()))?
        / point.scale;
    let whole = |low: f64, high: f64, kind| {
        let rounded = number.round();
        if (low..=high).contains(&rounded) {
            #[expect(clippy::cast_possible_truncation, reason = "the range was checked on the line above")]
            Ok(rounded as i64)
        } else {
            Err(EncodeError::TooLarge { value: value.to_string(), kind })
        }
    };
    let raw = match point.kind {
        RegisterType::U16 | RegisterType::Bits => whole(0.0, f64::from(u16::MAX), "u16")?,
        RegisterType::I16 => whole(f64::from(i16::MIN), f64::from(i16::MAX), "i16")?,
        RegisterType::U32 => whole(0.0, f64::from(u32::MAX), "u32")?,
        RegisterType::I32 => whole(f64::from(i32::MIN), f64::from(i32::MAX), "i32")?,
        RegisterType::F32 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a register pair holds a single; infinity is refused below"
            )]
            let single = number as f32;
            if !single.is_finite() {
                return Err(EncodeError::TooLarge { value: value.to_string(), kind: "f32" });
            }
            i64::from(single.to_bits())
        }
    };
    let [.., a, b, c, d] = raw.to_be_bytes();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let swap = |word: u16| if point.byte_order == ByteOrder::Little { word.swap_bytes() } else { word };
    Ok(match (point.kind.registers(), point.word_order) {
        (1, _) => vec![swap(low)],
        (_, WordOrder::HighFirst) => vec![swap(high), swap(low)],
        (_, WordOrder::LowFirst) => vec![swap(low), swap(high)],
    })
}

/// A single as the double with the same shortest decimal: 37.1 and not 37.099998474121094.
pub(crate) fn shortest(value: f32) -> f64 {
    if value.is_finite() { value.to_string().parse().unwrap_or(f64::from(value)) } else { f64::from(value) }
}

#[expect(clippy::float_cmp, reason = "an exact 1 means: no scale was given")]
fn scaled(raw: i64, scale: f64) -> SampleValue {
    if scale == 1.0 {
        return SampleValue::Integer(raw);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 32 bits")]
    let value = raw as f64 * scale;
    // A scale of 0.1 turns 371 into 37.1 and not 37.1000000000000014.
    SampleValue::Real(format!("{value:.9}").parse().unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Table;

    fn point(kind: RegisterType, word_order: WordOrder, byte_order: ByteOrder) -> ModbusPoint {
        ModbusPoint {
            table: Table::Holding,
            address: 0,
            kind,
            word_order,
            byte_order,
            scale: 1.0,
            sentinel: None,
            bit: None,
        }
    }

    #[test]
    fn the_four_orders_of_a_float_are_told_apart() {
        let abcd = 37.5f32.to_bits();
        let (ab, cd) = (0x4216, 0x0000);
        assert_eq!(abcd, 0x4216_0000);
        use {ByteOrder as B, WordOrder as W};
        for (registers, words, bytes) in [
            ([ab, cd], W::HighFirst, B::Big),
            ([cd, ab], W::LowFirst, B::Big),
            ([0x1642, 0], W::HighFirst, B::Little),
            ([0, 0x1642], W::LowFirst, B::Little),
        ] {
            let point = point(RegisterType::F32, words, bytes);
            assert_eq!(decode(&registers, &point), Ok(SampleValue::Real(37.5)));
            assert_eq!(encode(&SampleValue::Real(37.5), &point).unwrap(), registers);
        }
    }

    #[test]
    fn a_sentinel_or_nan_is_a_failed_sensor_and_no_value() {
        let mut one = point(RegisterType::I16, WordOrder::HighFirst, ByteOrder::Big);
        one.sentinel = Some(0x8000);
        assert_eq!(decode(&[0x8000], &one), Err(Cause::SensorFault));
        assert_eq!(decode(&[0xFFFF], &one), Ok(SampleValue::Integer(-1)));
        let float = point(RegisterType::F32, WordOrder::HighFirst, ByteOrder::Big);
        assert_eq!(decode(&[0x7FC0, 0], &float), Err(Cause::SensorFault));
        assert!(matches!(decode(&[1], &float), Err(Cause::Device(_))));
    }

    #[test]
    fn scale_and_bits_are_applied() {
        let mut tenth = point(RegisterType::I16, WordOrder::HighFirst, ByteOrder::Big);
        tenth.scale = 0.1;
        assert_eq!(decode(&[371], &tenth), Ok(SampleValue::Real(37.1)));
        assert_eq!(encode(&SampleValue::Real(37.1), &tenth).unwrap(), [371]);
        let mut bit = point(RegisterType::Bits, WordOrder::HighFirst, ByteOrder::Big);
        bit.bit = Some(3);
        assert_eq!(decode(&[0b1000], &bit), Ok(SampleValue::Flag(true)));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_cut() {
        let u16_point = point(RegisterType::U16, WordOrder::HighFirst, ByteOrder::Big);
        assert!(encode(&SampleValue::Integer(70_000), &u16_point).is_err());
        assert!(encode(&SampleValue::Integer(-1), &u16_point).is_err());
        assert!(encode(&SampleValue::Text("on".to_owned()), &u16_point).is_err());
        assert!(encode(&SampleValue::Real(f64::NAN), &u16_point).is_err());
        let f32_point = point(RegisterType::F32, WordOrder::HighFirst, ByteOrder::Big);
        assert!(encode(&SampleValue::Real(1e300), &f32_point).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_encoded_is_decoded_again(raw: u32, kind in 0..6usize, low_first: bool, little: bool) {
            let kind = [RegisterType::U16, RegisterType::I16, RegisterType::U32, RegisterType::I32, RegisterType::F32, RegisterType::Bits][kind];
            let point = point(
                kind,
                if low_first { WordOrder::LowFirst } else { WordOrder::HighFirst },
                if little { ByteOrder::Little } else { ByteOrder::Big },
            );
            let words = [(raw >> 16) as u16, raw as u16];
            let registers = &words[..usize::from(kind.registers())];
            if let Ok(value) = decode(registers, &point) {
                let again = encode(&value, &point).unwrap();
                prop_assert_eq!(decode(&again, &point), Ok(value));
                if kind != RegisterType::F32 { prop_assert_eq!(&again, registers); }
            }
        }
    }
}
