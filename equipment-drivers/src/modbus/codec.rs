//! Registers to values and back, with byte order, word order, scale and sentinel of the template.
//!
//! It does not know where registers lie; `plan.rs` does. A value that the registers cannot hold exactly is refused,
//! never cut or rounded: what the device is told is what the record says.

use mes_core::historian::{Cause, SampleValue};

use crate::template::{ByteOrder, ModbusPoint, RegisterType, WordOrder};

/// Largest difference, as a share of one step of the register, that counts as arithmetic and not as another value.
const STEP_SHARE: f64 = 1e-6;

/// Why a value cannot be put into registers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text, or not a finite number.
    #[error("{0} is not a number that fits into registers")]
    NotANumber(String),
    /// The register cannot hold it.
    #[error("{value} does not fit into a register of type {kind:?}")]
    TooLarge {
        /// The value.
        value: String,
        /// The register type.
        kind: RegisterType,
    },
    /// The register has no such step.
    #[error("{value} cannot be written exactly: the register would hold {held}")]
    NotExact {
        /// The value.
        value: String,
        /// What the device would be told instead.
        held: String,
    },
    /// The raw number means that there is no value.
    #[error("{0} is what this register shows when it has no value")]
    Sentinel(String),
    /// A text that is not plain ASCII or too long.
    #[error("\"{text}\" does not fit into {registers} registers of two ASCII characters")]
    Text {
        /// The text.
        text: String,
        /// How many registers there are.
        registers: u16,
    },
}

/// The value in `registers`; the cause when it is none.
pub fn decode(registers: &[u16], point: &ModbusPoint) -> Result<SampleValue, Cause> {
    if registers.len() != usize::from(point.width()) {
        return Err(Cause::Device("the answer has the wrong length".to_owned()));
    }
    let swapped = registers.iter().map(|word| ordered(*word, point));
    let join = |raw: u64, word: u16| raw << 16 | u64::from(word);
    let raw = match point.word_order {
        WordOrder::HighFirst => swapped.fold(0, join),
        WordOrder::LowFirst => swapped.rev().fold(0, join),
    };
    if point.sentinel == Some(raw) {
        return Err(Cause::SensorFault);
    }
    let [.., b4, b5, b6, b7] = raw.to_be_bytes();
    match point.kind {
        RegisterType::Text => text(registers, point),
        RegisterType::F32 => real(shortest(f32::from_be_bytes([b4, b5, b6, b7])), point),
        RegisterType::F64 => real(f64::from_bits(raw), point),
        RegisterType::Flag => Ok(SampleValue::Flag(raw & 1 == 1)),
        RegisterType::Bits => Ok(bits(raw, point)),
        RegisterType::U16 | RegisterType::U32 => whole(i64::try_from(raw), point),
        RegisterType::I16 => whole(Ok::<_, ()>(i64::from(i16::from_be_bytes([b6, b7]))), point),
        RegisterType::I32 => whole(Ok::<_, ()>(i64::from(i32::from_be_bytes([b4, b5, b6, b7]))), point),
        RegisterType::U64 => whole(i64::try_from(raw), point),
        RegisterType::I64 => whole(Ok::<_, ()>(i64::from_be_bytes(raw.to_be_bytes())), point),
    }
}

/// The registers for `value`, or for a coil its one bit as 0 or 1.
pub fn encode(value: &SampleValue, point: &ModbusPoint) -> Result<Vec<u16>, EncodeError> {
    if let (RegisterType::Text, SampleValue::Text(text)) = (point.kind, value) {
        return text_registers(text, point);
    }
    let raw = raw(value, point)?;
    if point.sentinel == Some(raw) {
        return Err(EncodeError::Sentinel(value.to_string()));
    }
    let [b0, b1, b2, b3, b4, b5, b6, b7] = raw.to_be_bytes();
    let words = [[b0, b1], [b2, b3], [b4, b5], [b6, b7]].map(u16::from_be_bytes);
    let skip = words.len() - usize::from(point.width().clamp(1, 4));
    let mut registers: Vec<u16> = words.iter().skip(skip).map(|word| ordered(*word, point)).collect();
    if point.word_order == WordOrder::LowFirst {
        registers.reverse();
    }
    let agrees = |held: &SampleValue| {
        let step = if matches!(point.kind, RegisterType::F32 | RegisterType::F64) { 0.0 } else { point.scale.abs() };
        match (held.to_f64(), value.to_f64()) {
            (Some(held), Some(wanted)) => {
                let single = if point.kind == RegisterType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON * 4.0 };
                (held - wanted).abs() <= step * STEP_SHARE + wanted.abs().max(point.offset.abs()) * single
            }
            _ => false,
        }
    };
    match decode(&registers, point) {
        Ok(held) if agrees(&held) => Ok(registers),
        Ok(held) => Err(EncodeError::NotExact { value: value.to_string(), held: held.to_string() }),
        Err(_) => Err(EncodeError::NotANumber(value.to_string())),
    }
}

/// The raw number for a value, as the unsigned bits of the register type.
fn raw(value: &SampleValue, point: &ModbusPoint) -> Result<u64, EncodeError> {
    let too_large = || EncodeError::TooLarge { value: value.to_string(), kind: point.kind };
    let plain = is_plain(point);
    let whole = match value {
        SampleValue::Integer(whole) if plain => i128::from(*whole),
        SampleValue::Flag(flag) if plain => i128::from(*flag),
        SampleValue::Text(_) => return Err(EncodeError::NotANumber(value.to_string())),
        other => {
            let number = other.to_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| EncodeError::NotANumber(value.to_string()))?;
            let number = (number - point.offset) / point.scale;
            match point.kind {
                RegisterType::F32 => return single(number).ok_or_else(too_large),
                RegisterType::F64 => return Ok(number.to_bits()),
                _ if number.abs() < 1e19 => {
                    #[expect(clippy::cast_possible_truncation, reason = "bounded on the line above")]
                    let whole = number.round() as i128;
                    whole
                }
                _ => return Err(too_large()),
            }
        }
    };
    let within = |low: i128, high: i128| (low..=high).contains(&whole);
    let fits = match point.kind {
        RegisterType::Flag => within(0, 1),
        RegisterType::U16 | RegisterType::Bits => within(0, i128::from(u16::MAX)),
        RegisterType::I16 => within(i128::from(i16::MIN), i128::from(i16::MAX)),
        RegisterType::U32 => within(0, i128::from(u32::MAX)),
        RegisterType::I32 => within(i128::from(i32::MIN), i128::from(i32::MAX)),
        // A sample's whole number is signed; what cannot be read back is not written.
        RegisterType::U64 => within(0, i128::from(i64::MAX)),
        RegisterType::I64 => within(i128::from(i64::MIN), i128::from(i64::MAX)),
        RegisterType::F32 | RegisterType::F64 => {
            #[expect(clippy::cast_precision_loss, reason = "what is lost is refused when read back")]
            let number = whole as f64;
            let bits = if point.kind == RegisterType::F32 { single(number) } else { Some(number.to_bits()) };
            return bits.ok_or_else(too_large);
        }
        RegisterType::Text => return Err(EncodeError::NotANumber(value.to_string())),
    };
    if !fits {
        return Err(too_large());
    }
    let mask = u64::MAX >> (64 - 16 * u32::from(point.width().clamp(1, 4)));
    u64::try_from(whole & i128::from(mask)).map_err(|_| too_large())
}

fn single(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, reason = "a register pair holds a single; infinity is refused")]
    let single = number as f32;
    single.is_finite().then(|| u64::from(single.to_bits()))
}

/// The word in the order of the device, or back: swapping twice changes nothing.
fn ordered(word: u16, point: &ModbusPoint) -> u16 {
    if point.byte_order == ByteOrder::Little { word.swap_bytes() } else { word }
}

fn bits(raw: u64, point: &ModbusPoint) -> SampleValue {
    match (point.bit, point.mask) {
        (Some(bit), _) => SampleValue::Flag(raw >> bit & 1 == 1),
        (None, Some(mask)) => {
            SampleValue::Integer(i64::try_from((raw & u64::from(mask)) >> mask.trailing_zeros()).unwrap_or_default())
        }
        (None, None) => SampleValue::Integer(i64::try_from(raw).unwrap_or_default()),
    }
}

/// A single as the double with the same shortest decimal: 37.1 and not 37.099998474121094.
pub(crate) fn shortest(value: f32) -> f64 {
    if value.is_finite() { value.to_string().parse().unwrap_or(f64::from(value)) } else { f64::from(value) }
}

#[expect(clippy::float_cmp, reason = "an exact 1 and 0 mean: neither scale nor offset was given")]
fn is_plain(point: &ModbusPoint) -> bool {
    point.scale == 1.0 && point.offset == 0.0
}

fn real(number: f64, point: &ModbusPoint) -> Result<SampleValue, Cause> {
    if !number.is_finite() {
        return Err(Cause::SensorFault);
    }
    Ok(SampleValue::Real(if is_plain(point) { number } else { scaled(number, point) }))
}

fn whole<E>(raw: Result<i64, E>, point: &ModbusPoint) -> Result<SampleValue, Cause> {
    let raw = raw.map_err(|_| Cause::OutOfRange)?;
    if is_plain(point) {
        return Ok(SampleValue::Integer(raw));
    }
    #[expect(clippy::cast_precision_loss, reason = "a scaled number is a float; 53 bits are kept")]
    let raw = raw as f64;
    Ok(SampleValue::Real(scaled(raw, point)))
}

/// `raw` scaled and shifted, to fourteen digits of the larger part: a scale of 0.1 turns 371 into 37.1 and not
/// 37.1000000000000014, and no sensor has more digits.
fn scaled(raw: f64, point: &ModbusPoint) -> f64 {
    let (scaled, offset) = (raw * point.scale, point.offset);
    let largest = scaled.abs().max(offset.abs());
    if largest == 0.0 || !largest.is_finite() {
        return scaled + offset;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a decimal exponent, clamped")]
    let decimals = (13.0 - largest.log10().floor()).clamp(0.0, 40.0) as usize;
    let value = scaled + offset;
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

fn text(registers: &[u16], point: &ModbusPoint) -> Result<SampleValue, Cause> {
    let bytes: Vec<u8> = registers.iter().flat_map(|word| ordered(*word, point).to_be_bytes()).collect();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let shown = bytes.get(..end).unwrap_or_default();
    if !shown.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return Err(Cause::Device("the registers hold no ASCII text".to_owned()));
    }
    Ok(SampleValue::Text(String::from_utf8_lossy(shown).trim_end().to_owned()))
}

fn text_registers(text: &str, point: &ModbusPoint) -> Result<Vec<u16>, EncodeError> {
    let registers = point.width();
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim_end() == text;
    if !plain || text.len() > usize::from(registers) * 2 {
        return Err(EncodeError::Text { text: text.to_owned(), registers });
    }
    let mut bytes = text.bytes();
    let mut next = || bytes.next().unwrap_or_default();
    Ok((0..registers).map(|_| ordered(u16::from_be_bytes([next(), next()]), point)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Table;

    fn point(kind: RegisterType) -> ModbusPoint {
        let table = if kind == RegisterType::Flag { "coil" } else { "holding" };
        let point: ModbusPoint =
            serde_saphyr::from_str(&format!("{{ table: {table}, address: 0, type: u16 }}")).unwrap();
        assert!(point.table == if kind == RegisterType::Flag { Table::Coil } else { Table::Holding });
        ModbusPoint { kind, registers: (kind == RegisterType::Text).then_some(4), ..point }
    }

    fn integer(value: i64) -> SampleValue {
        SampleValue::Integer(value)
    }

    #[test]
    fn the_four_orders_of_a_float_are_told_apart() {
        let (ab, cd) = (0x4216, 0x0000);
        use {ByteOrder as B, WordOrder as W};
        for (registers, word_order, byte_order) in [
            ([ab, cd], W::HighFirst, B::Big),
            ([cd, ab], W::LowFirst, B::Big),
            ([0x1642, 0], W::HighFirst, B::Little),
            ([0, 0x1642], W::LowFirst, B::Little),
        ] {
            let point = ModbusPoint { word_order, byte_order, ..point(RegisterType::F32) };
            assert_eq!(decode(&registers, &point), Ok(SampleValue::Real(37.5)));
            assert_eq!(encode(&SampleValue::Real(37.5), &point).unwrap(), registers);
        }
    }

    #[test]
    fn values_of_four_registers_are_whole() {
        let low_first = ModbusPoint { word_order: WordOrder::LowFirst, ..point(RegisterType::I64) };
        assert_eq!(decode(&[0xFFFE, 0xFFFF, 0xFFFF, 0xFFFF], &low_first), Ok(integer(-2)));
        assert_eq!(encode(&integer(-2), &low_first).unwrap(), [0xFFFE, 0xFFFF, 0xFFFF, 0xFFFF]);
        let unsigned = point(RegisterType::U64);
        assert_eq!(decode(&[0, 1, 0, 0], &unsigned), Ok(integer(1 << 32)));
        assert_eq!(decode(&[0xFFFF; 4], &unsigned), Err(Cause::OutOfRange), "a sample's integer is signed");
        assert_eq!(decode(&[0x4042, 0x8CCC, 0xCCCC, 0xCCCD], &point(RegisterType::F64)), Ok(SampleValue::Real(37.1)));
    }

    #[test]
    fn a_sentinel_or_nan_is_a_failed_sensor_and_no_value() {
        let one = ModbusPoint { sentinel: Some(0x8000), ..point(RegisterType::I16) };
        assert_eq!(decode(&[0x8000], &one), Err(Cause::SensorFault));
        assert_eq!(decode(&[0xFFFF], &one), Ok(integer(-1)));
        assert!(matches!(encode(&integer(-32768), &one), Err(EncodeError::Sentinel(_))));
        let float = point(RegisterType::F32);
        assert_eq!(decode(&[0x7FC0, 0], &float), Err(Cause::SensorFault));
        assert!(matches!(decode(&[1], &float), Err(Cause::Device(_))));
    }

    #[test]
    fn scale_offset_bits_and_masks_are_applied() {
        let tenth = ModbusPoint { scale: 0.1, ..point(RegisterType::I16) };
        assert_eq!(decode(&[371], &tenth), Ok(SampleValue::Real(37.1)));
        assert_eq!(encode(&SampleValue::Real(37.1), &tenth).unwrap(), [371]);
        let fine = ModbusPoint { scale: 0.01, offset: -273.15, ..point(RegisterType::U16) };
        assert_eq!(decode(&[27316], &fine), Ok(SampleValue::Real(0.01)));
        let kelvin = ModbusPoint { scale: 0.01, offset: -273.15, ..point(RegisterType::U16) };
        assert_eq!(decode(&[31015], &kelvin), Ok(SampleValue::Real(37.0)));
        assert_eq!(encode(&SampleValue::Real(37.0), &kelvin).unwrap(), [31015]);
        let bit = ModbusPoint { bit: Some(3), ..point(RegisterType::Bits) };
        assert_eq!(decode(&[0b1000], &bit), Ok(SampleValue::Flag(true)));
        let field = ModbusPoint { mask: Some(0x0F00), ..point(RegisterType::Bits) };
        assert_eq!(decode(&[0xA5F3], &field), Ok(integer(5)));
    }

    #[test]
    fn a_text_is_read_without_its_padding_and_written_with_it() {
        let swapped = ModbusPoint { byte_order: ByteOrder::Little, ..point(RegisterType::Text) };
        assert_eq!(decode(&[0x4F53, 0x414C, 0x2052, 0], &swapped), Ok(SampleValue::Text("SOLAR".to_owned())));
        assert_eq!(encode(&SampleValue::Text("SOLAR".to_owned()), &swapped).unwrap(), [0x4F53, 0x414C, 0x0052, 0]);
        assert!(matches!(decode(&[0xFFFF; 4], &swapped), Err(Cause::Device(_))));
        assert!(encode(&SampleValue::Text("too long a text".to_owned()), &swapped).is_err());
        assert!(encode(&SampleValue::Text("温度".to_owned()), &swapped).is_err());
    }

    #[test]
    fn what_does_not_fit_exactly_is_refused_and_never_cut_or_rounded() {
        let u16_point = point(RegisterType::U16);
        for value in [integer(70_000), integer(-1), SampleValue::Text("on".to_owned()), SampleValue::Real(f64::NAN)] {
            assert!(encode(&value, &u16_point).is_err(), "{value}");
        }
        let half = encode(&SampleValue::Real(0.4), &u16_point).unwrap_err().to_string();
        assert_eq!(half, "0.4 cannot be written exactly: the register would hold 0");
        let tenth = ModbusPoint { scale: 0.1, ..point(RegisterType::I16) };
        assert!(encode(&SampleValue::Real(37.16), &tenth).is_err());
        assert!(encode(&SampleValue::Real(1e300), &point(RegisterType::F32)).is_err());
        assert!(encode(&integer(2), &point(RegisterType::Flag)).is_err());
        assert_eq!(encode(&SampleValue::Flag(false), &point(RegisterType::Flag)).unwrap(), [0]);
        assert_eq!(encode(&integer(0), &u16_point).unwrap(), [0]);
    }

    const KINDS: [RegisterType; 9] = [
        RegisterType::U16,
        RegisterType::I16,
        RegisterType::U32,
        RegisterType::I32,
        RegisterType::U64,
        RegisterType::I64,
        RegisterType::F32,
        RegisterType::F64,
        RegisterType::Bits,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_decoded_is_encoded_to_the_same_registers(
            raw: u64, kind in 0..9usize, low_first: bool, little: bool, scale in 0..4usize, offset in 0..3usize,
        ) {
            let kind = KINDS[kind];
            let scaled = !matches!(kind, RegisterType::F32 | RegisterType::F64 | RegisterType::Bits)
                && !matches!(kind, RegisterType::U64 | RegisterType::I64);
            let point = ModbusPoint {
                word_order: if low_first { WordOrder::LowFirst } else { WordOrder::HighFirst },
                byte_order: if little { ByteOrder::Little } else { ByteOrder::Big },
                scale: if scaled { [1.0, 0.1, 0.01, -2.5][scale] } else { 1.0 },
                offset: if scaled { [0.0, 100.0, -273.15][offset] } else { 0.0 },
                ..point(kind)
            };
            let words = [(raw >> 48) as u16, (raw >> 32) as u16, (raw >> 16) as u16, raw as u16];
            let registers = &words[..usize::from(point.width())];
            if let Ok(value) = decode(registers, &point) {
                let again = encode(&value, &point).unwrap();
                prop_assert_eq!(decode(&again, &point), Ok(value.clone()));
                // -0.0 and 0.0, and the spare digits of a double, are the same value.
                if !matches!(kind, RegisterType::F32 | RegisterType::F64) { prop_assert_eq!(&again, registers); }
            }
        }

        #[test]
        fn what_is_written_reads_back_within_single_precision(value in -1e6f64..1e6, little: bool) {
            let byte_order = if little { ByteOrder::Little } else { ByteOrder::Big };
            let point = ModbusPoint { byte_order, ..point(RegisterType::F32) };
            let registers = encode(&SampleValue::Real(value), &point).unwrap();
            let held = decode(&registers, &point).unwrap().to_f64().unwrap();
            prop_assert!((held - value).abs() <= value.abs() * f64::from(f32::EPSILON));
        }
    }
}
