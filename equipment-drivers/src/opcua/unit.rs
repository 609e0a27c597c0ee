//! Units as OPC UA servers name them (UNECE Recommendation 20), in UCUM.
//!
//! Only those that equipment of this kind shows; an unknown one is said to be unknown, never guessed.

use opcua::types::EUInformation;

/// UNECE code and UCUM unit.
const COMMON: [(&str, &str); 58] = [
    ("CEL", "Cel"),
    ("KEL", "K"),
    ("FAH", "[degF]"),
    ("P1", "%"),
    ("59", "[ppm]"),
    ("C62", "1"),
    ("Q30", "[pH]"),
    ("C26", "ms"),
    ("SEC", "s"),
    ("MIN", "min"),
    ("HUR", "h"),
    ("DAY", "d"),
    ("MTR", "m"),
    ("CMT", "cm"),
    ("MMT", "mm"),
    ("4H", "um"),
    ("KGM", "kg"),
    ("GRM", "g"),
    ("MGM", "mg"),
    ("MC", "ug"),
    ("LTR", "L"),
    ("MLT", "mL"),
    ("4G", "uL"),
    ("MTQ", "m3"),
    ("CMQ", "cm3"),
    ("PAL", "Pa"),
    ("A97", "hPa"),
    ("KPA", "kPa"),
    ("MPA", "MPa"),
    ("MBR", "mbar"),
    ("BAR", "bar"),
    ("VLT", "V"),
    ("2Z", "mV"),
    ("AMP", "A"),
    ("4K", "mA"),
    ("WTT", "W"),
    ("KWT", "kW"),
    ("JOU", "J"),
    ("HTZ", "Hz"),
    ("RPM", "/min"),
    ("MTS", "m/s"),
    ("2M", "cm/s"),
    ("MQH", "m3/h"),
    ("MQS", "m3/s"),
    ("L2", "L/min"),
    ("E32", "L/h"),
    ("41", "mL/min"),
    ("G54", "mL/h"),
    ("GL", "g/L"),
    ("M1", "mg/L"),
    ("C34", "mol"),
    ("C18", "mmol"),
    ("C38", "mol/L"),
    ("M33", "mmol/L"),
    ("D10", "S/m"),
    ("G42", "uS/cm"),
    ("H61", "mS/cm"),
    ("NEW", "N"),
];

/// What servers write where they name no code.
const WRITTEN: [(&str, &str); 12] = [
    ("°C", "Cel"),
    ("%", "%"),
    ("pH", "[pH]"),
    ("rpm", "/min"),
    ("1/min", "/min"),
    ("min-1", "/min"),
    ("L", "L"),
    ("mL", "mL"),
    ("ml/h", "mL/h"),
    ("mL/h", "mL/h"),
    ("mmol/L", "mmol/L"),
    ("g/L", "g/L"),
];

/// The unit in UCUM, or what the server calls it.
pub(super) fn ucum(said: &EUInformation) -> Result<&'static str, String> {
    let code = code(said.unit_id);
    let shown = said.display_name.text.as_ref();
    let by_code = COMMON.iter().find(|(known, _)| *known == code);
    let known = by_code.or_else(|| WRITTEN.iter().find(|(known, _)| *known == shown));
    known.map(|(_, unit)| *unit).ok_or_else(|| format!("{shown} ({code})"))
}

/// A unit id is the bytes of its code, the first the most significant.
fn code(unit_id: i32) -> String {
    unit_id.to_be_bytes().into_iter().filter(u8::is_ascii_alphanumeric).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(unit_id: i32, shown: &str) -> EUInformation {
        EUInformation { unit_id, display_name: shown.into(), ..EUInformation::default() }
    }

    #[test]
    fn a_unit_is_known_by_its_code_and_else_by_its_sign_and_never_guessed() {
        // The ids that the OPC Foundation publishes for degree Celsius, percent and millimole per litre.
        assert_eq!(ucum(&said(4_408_652, "whatever")), Ok("Cel"));
        assert_eq!(ucum(&said(20_529, "%")), Ok("%"));
        assert_eq!(ucum(&said(5_059_379, "mmol/l")), Ok("mmol/L"));
        assert_eq!(ucum(&said(-1, "rpm")), Ok("/min"));
        assert_eq!(ucum(&said(0, "furlong")), Err("furlong ()".to_owned()));
    }

    #[test]
    fn no_code_is_there_twice() {
        for (place, (code, _)) in COMMON.iter().enumerate() {
            assert_eq!(COMMON.iter().position(|(other, _)| other == code), Some(place), "{code}");
        }
    }
}
