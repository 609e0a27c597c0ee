//! Decimal quantities with a UCUM unit, ranges over them, and text in both languages.
//!
//! A quantity keeps the digits it was given (`37.0` is not `37`), so that a record prints what was measured.
//! Nothing here converts between units: two quantities of different units do not compare.

use std::{cmp::Ordering, fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

/// A UCUM unit code such as `Cel`, `%`, `10*6/mL`; `1` for a pure number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unit(pub String);

impl Unit {
    /// How the unit is shown to people, e.g. `°C` for `Cel`.
    pub fn shown(&self) -> &str {
        match self.0.as_str() {
            "Cel" => "°C",
            "1" => "",
            "10*6/mL" => "×10⁶/mL",
            "10*6" => "×10⁶",
            "10*3/cm2" => "×10³/cm²",
            "cm2" => "cm²",
            "{rpm}" | "/min" => "rpm",
            "[pH]" => "",
            "mmol/L" => "mmol/L",
            other => other,
        }
    }
}

/// A decimal value with its unit; JSON `{"value":"37.0","unit":"Cel"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// The value with the digits it was given.
    #[serde(with = "decimal_text")]
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
}

/// Why a text is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a decimal number such as 37.0 (digits, one point, an optional minus sign)")]
pub struct DecimalError(pub String);

/// Parses a decimal as people type it; full-width digits and points (３７．０) are accepted, exponents and commas are not.
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
    let folded: String = text
        .trim()
        .chars()
        .map(|c| match c {
            '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
            '．' => '.',
            '－' | '−' => '-',
            other => other,
        })
        .collect();
    let plain = folded.strip_prefix('-').unwrap_or(&folded);
    let fine = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain.chars().all(|c| c.is_ascii_digit() || c == '.')
        && plain.matches('.').count() <= 1
        && !plain.ends_with('.');
    if !fine {
        return Err(DecimalError(text.to_owned()));
    }
    Decimal::from_str(&folded).map_err(|_| DecimalError(text.to_owned()))
}

impl Quantity {
    /// A quantity from a value and a unit code.
    pub fn new(value: Decimal, unit: &str) -> Self {
        Self { value, unit: Unit(unit.to_owned()) }
    }
    /// Rounded once, half to even, to `decimals`, and padded with zeros to show them all.
    #[must_use]
    pub fn rounded(&self, decimals: u32) -> Self {
        Self { value: round(self.value, decimals), unit: self.unit.clone() }
    }
    /// As people see it: `37.0 °C`.
    pub fn shown(&self) -> String {
        let unit = self.unit.shown();
        if unit.is_empty() { self.value.to_string() } else { format!("{} {unit}", self.value) }
    }
    /// The nearest binary float, for devices and plots; never for a record.
    pub fn to_f64(&self) -> f64 {
        self.value.to_f64().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown())
    }
}

/// Rounds half to even and pads to `decimals` places.
pub fn round(value: Decimal, decimals: u32) -> Decimal {
    let mut rounded = value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointNearestEven);
    rounded.rescale(decimals);
    rounded
}

/// The shortest decimal that reads back as the same float; `None` for NaN, infinities and what no decimal of 28 digits holds.
pub fn decimal_of(value: f64) -> Option<Decimal> {
    if !value.is_finite() {
        return None;
    }
    let text = value.to_string();
    Decimal::from_str(&text).ok()
}

/// A closed range; a missing end is open. JSON `{"low":"36.5","high":"37.5"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Lowest value inside.
    #[serde(default, with = "decimal_text_opt", skip_serializing_if = "Option::is_none")]
    pub low: Option<Decimal>,
    /// Highest value inside.
    #[serde(default, with = "decimal_text_opt", skip_serializing_if = "Option::is_none")]
    pub high: Option<Decimal>,
}

impl Range {
    /// Whether `value` lies inside, ends included.
    pub fn contains(&self, value: Decimal) -> bool {
        self.low.is_none_or(|low| value.cmp(&low) != Ordering::Less)
            && self.high.is_none_or(|high| value.cmp(&high) != Ordering::Greater)
    }
    /// As people see it: `36.5 – 37.5`, `≥ 80`, `≤ 5`.
    pub fn shown(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{low} – {high}"),
            (Some(low), None) => format!("≥ {low}"),
            (None, Some(high)) => format!("≤ {high}"),
            (None, None) => "–".to_owned(),
        }
    }
}

/// Text in both languages, as it stands in a recipe or a rule. Both are recorded, whichever was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// Both texts.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

/// A language of the screens and the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Japanese 日本語.
    #[default]
    Ja,
    /// English.
    En,
}

/// Serde form of a decimal: a string that keeps its digits.
pub mod decimal_text {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the decimal as a string.
    pub fn serialize<S: Serializer>(value: &Decimal, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }
    /// Reads a decimal from its text.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Decimal, D::Error> {
        let text = String::deserialize(d)?;
        super::parse_decimal(&text).map_err(D::Error::custom)
    }
}

/// As [`decimal_text`], for a value that may be missing.
pub mod decimal_text_opt {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the decimal as a string.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, s: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => s.collect_str(value),
            None => s.serialize_none(),
        }
    }
    /// Reads a decimal from its text.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Decimal>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|text| super::parse_decimal(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_keeps_the_digits_it_was_given() {
        let q: Quantity = serde_json::from_str(r#"{"value":"37.0","unit":"Cel"}"#).unwrap();
        assert_eq!(serde_json::to_string(&q).unwrap(), r#"{"value":"37.0","unit":"Cel"}"#);
        assert_eq!(q.shown(), "37.0 °C");
    }

    #[test]
    fn rounding_is_half_to_even_and_pads() {
        let r = |text: &str, n| round(parse_decimal(text).unwrap(), n).to_string();
        assert_eq!(
            (r("2.5", 0), r("3.5", 0), r("0.125", 2), r("7", 2)),
            ("2".into(), "4".into(), "0.12".into(), "7.00".into())
        );
    }

    #[test]
    fn typed_numbers_are_read_or_refused_with_a_sentence() {
        assert_eq!(parse_decimal("３７．０").unwrap().to_string(), "37.0");
        for bad in ["", "1,5", "1e3", "--1", "1.", ".5", "NaN", "37 0"] {
            assert!(parse_decimal(bad).unwrap_err().to_string().contains("is not a decimal number"), "{bad}");
        }
    }

    #[test]
    fn a_range_includes_its_ends() {
        let range = Range { low: Some(parse_decimal("36.5").unwrap()), high: None };
        assert!(range.contains(parse_decimal("36.50").unwrap()));
        assert!(!range.contains(parse_decimal("36.49").unwrap()));
    }

    #[test]
    fn a_float_becomes_its_shortest_decimal() {
        assert_eq!(decimal_of(0.1).unwrap().to_string(), "0.1");
        assert!(decimal_of(f64::NAN).is_none());
    }
}
