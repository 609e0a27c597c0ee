//! Whether a unit is a UCUM code, for the units of cell manufacturing, with a hint for the usual mistakes.
//!
//! It reads the form of a code (`10*6/mL`, `mmol/L`, `/min`); it does not convert, and knows only the atoms listed here.

use crate::quantity::Unit;

/// Atoms that take a metric prefix.
const METRIC: [&str; 13] = ["m", "g", "s", "L", "l", "mol", "Pa", "Cel", "U", "[iU]", "eq", "V", "W"];
/// Atoms that stand alone.
const PLAIN: [&str; 12] = ["1", "%", "[pH]", "min", "h", "d", "wk", "10*", "[EU]", "[CFU]", "bar", "deg"];
const PREFIXES: [&str; 9] = ["", "k", "d", "c", "m", "u", "n", "p", "h"];

/// What people write, and the code for it.
const MISTAKES: [(&str, &str); 12] = [
    ("°C", "Cel"),
    ("℃", "Cel"),
    ("C", "Cel"),
    ("degC", "Cel"),
    ("rpm", "/min"),
    ("pH", "[pH]"),
    ("mM", "mmol/L"),
    ("hr", "h"),
    ("sec", "s"),
    ("µL", "uL"),
    ("cells/mL", "/mL"),
    ("day", "d"),
];

/// Checks a unit; the error is a sentence.
pub(crate) fn check(unit: &Unit) -> Result<(), String> {
    let text = unit.0.as_str();
    if text.trim().is_empty() {
        return Err("the unit is empty; write 1 for a pure number".to_owned());
    }
    let numerator = text.strip_prefix('/').unwrap_or(text);
    if numerator.split(['/', '.']).all(component) {
        return Ok(());
    }
    let hint = match MISTAKES.iter().find(|(wrong, _)| *wrong == text) {
        Some((_, right)) => format!("; write `{right}`"),
        None => " such as Cel, %, 1, mL, h, /min, mmol/L, 10*6/mL".to_owned(),
    };
    Err(format!("`{text}` is not a unit code (UCUM){hint}"))
}

/// One factor: an annotation `{cells}`, or prefix, atom and exponent.
fn component(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric());
    }
    if text == "1" {
        return true;
    }
    let base = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let base = base.strip_suffix('-').filter(|_| base.len() < text.len()).unwrap_or(base);
    let metric = |atom: &str| PREFIXES.iter().any(|prefix| base.strip_prefix(prefix) == Some(atom));
    PLAIN.contains(&base) || METRIC.iter().any(|atom| metric(atom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_cell_manufacturing_are_known() {
        for code in [
            "1", "%", "Cel", "[pH]", "/min", "{rpm}", "10*6", "10*6/mL", "mmol/L", "mL", "L", "kg", "h", "min", "s",
            "d", "hPa", "Pa", "um", "cm2", "/cm2", "10*3/cm2", "mL/min", "[iU]/mL", "[EU]/mL", "m/s", "s-1", "g/L",
            "/mL",
        ] {
            assert_eq!(check(&Unit(code.to_owned())), Ok(()), "{code}");
        }
    }

    #[test]
    fn a_usual_mistake_gets_its_correction() {
        for (wrong, words) in [
            ("°C", "write `Cel`"),
            ("rpm", "write `/min`"),
            ("", "is empty"),
            ("foo", "such as"),
            ("/", "such as"),
            ("-", "such as"),
        ] {
            let sentence = check(&Unit(wrong.to_owned())).unwrap_err();
            assert!(sentence.contains(words), "{wrong}: {sentence}");
        }
    }
}
