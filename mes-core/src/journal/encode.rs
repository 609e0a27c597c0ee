//! Canonical bytes of a JSON value (RFC 8785), and the three hashes made of them.
//!
//! Only integers below 2⁵³ are allowed as JSON numbers: a float has no bytes that every language agrees on, so a
//! quantity is a decimal string with a unit. This file refuses the rest; it does not convert.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::entry::{Envelope, Hash};

/// Largest magnitude of an integer in canonical JSON: 2⁵³ − 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;
/// Deepest nesting of arrays and objects.
pub const DEPTH_MAX: usize = 100;
/// First byte of what is hashed into a leaf of a Merkle tree.
pub const LEAF_PREFIX: u8 = 0x00;
/// First byte of what is hashed into a node of a Merkle tree.
pub const NODE_PREFIX: u8 = 0x01;
/// First byte of what is hashed into the commitment of a part.
pub const PART_PREFIX: u8 = 0x02;

/// Why a value has no canonical bytes.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A number that is not an integer below 2⁵³.
    #[error("at {path}: the number {number} is not an integer below 2^53; write quantities as decimal strings")]
    Number {
        /// Where, as a JSON path such as `$.facts.value`.
        path: String,
        /// The number as it stood there.
        number: String,
    },
    /// Nested too deep.
    #[error("at {path}: nested deeper than {DEPTH_MAX} levels")]
    Depth {
        /// Where.
        path: String,
    },
    /// The value could not be turned into JSON at all.
    #[error("cannot turn the value into JSON")]
    Json(#[source] serde_json::Error),
}

/// SHA-256 of the given pieces, one after the other.
pub fn sha256(pieces: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    Hash(hasher.finalize().into())
}

/// The canonical bytes of a JSON value.
///
/// # Errors
/// [`EncodeError`] names the JSON path of the first number that is not allowed.
pub fn canonical(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(256);
    write_value(&mut out, value, &mut Vec::new())?;
    Ok(out)
}

/// The canonical bytes of anything that serialises to JSON.
///
/// # Errors
/// As [`canonical`]; also when the value does not serialise to JSON.
pub fn canonical_of<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    canonical(&serde_json::to_value(value).map_err(EncodeError::Json)?)
}

/// The commitment of a part: SHA-256(0x02 ‖ salt ‖ canonical bytes).
///
/// # Errors
/// As [`canonical`].
pub fn commitment(salt: &Hash, value: &Value) -> Result<Hash, EncodeError> {
    Ok(sha256(&[&[PART_PREFIX], &salt.0, &canonical(value)?]))
}

/// The leaf hash of some bytes: SHA-256(0x00 ‖ bytes).
pub fn leaf_of(bytes: &[u8]) -> Hash {
    sha256(&[&[LEAF_PREFIX], bytes])
}

/// The leaf hash of an envelope: SHA-256(0x00 ‖ canonical envelope).
///
/// # Errors
/// As [`canonical`].
pub fn leaf(envelope: &Envelope) -> Result<Hash, EncodeError> {
    Ok(leaf_of(&canonical_of(envelope)?))
}

/// One step of a JSON path, borrowed while writing.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn shown(path: &[Step<'_>]) -> String {
    path.iter().fold("$".to_owned(), |text, step| match step {
        Step::Key(key) => format!("{text}.{key}"),
        Step::Index(index) => format!("{text}[{index}]"),
    })
}

fn write_value<'a>(out: &mut Vec<u8>, value: &'a Value, path: &mut Vec<Step<'a>>) -> Result<(), EncodeError> {
    if path.len() > DEPTH_MAX {
        return Err(EncodeError::Depth { path: shown(path) });
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => {
                out.extend_from_slice(integer.to_string().as_bytes());
            }
            _ => return Err(EncodeError::Number { path: shown(path), number: number.to_string() }),
        },
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                path.push(Step::Index(index));
                write_value(out, item, path)?;
                path.pop();
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(out, members, path)?,
    }
    Ok(())
}

fn write_object<'a>(
    out: &mut Vec<u8>,
    members: &'a Map<String, Value>,
    path: &mut Vec<Step<'a>>,
) -> Result<(), EncodeError> {
    // RFC 8785 sorts by UTF-16 code units, which differs from the order of UTF-8 above U+FFFF.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    out.push(b'{');
    for (index, (key, member)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        path.push(Step::Key(key));
        write_value(out, member, path)?;
        path.pop();
    }
    out.push(b'}');
    Ok(())
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let text = "(\\PC|[\\x00-\\x1f\"\\\\]|[\u{e000}-\u{ffff}]|[\u{10000}-\u{10ffff}]){0,12}";
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(text, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn canonical_bytes_are_those_of_an_independent_implementation(value in any_value()) {
            let ours = canonical(&value).unwrap();
            prop_assert_eq!(&ours, &serde_json_canonicalizer::to_vec(&value).unwrap());
            prop_assert_eq!(serde_json::from_slice::<Value>(&ours).unwrap(), value);
        }
    }

    #[test]
    fn doc_08_a_number_other_than_a_small_integer_is_refused_with_its_path() {
        let refused = |value: Value| canonical(&value).unwrap_err().to_string();
        assert!(refused(json!({"facts": {"limits": [1, {"high": 37.5}]}})).starts_with("at $.facts.limits[1].high:"));
        assert!(refused(json!(1.0)).contains("1.0"));
        assert!(refused(json!(INTEGER_MAX + 1)).contains("2^53"));
        assert!(refused(json!(-INTEGER_MAX - 1)).contains("2^53"));
        assert!(refused(json!(u64::MAX)).contains("2^53"));
        assert_eq!(
            canonical(&json!([INTEGER_MAX, -INTEGER_MAX, 0])).unwrap(),
            b"[9007199254740991,-9007199254740991,0]"
        );
    }

    #[test]
    fn keys_are_sorted_by_utf_16_code_units() {
        let value = json!({"\u{e000}": 1, "\u{10000}": 2, "a": 3});
        assert_eq!(canonical(&value).unwrap(), "{\"a\":3,\"\u{10000}\":2,\"\u{e000}\":1}".as_bytes());
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = (0..=DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
        assert!(canonical(&deep).unwrap_err().to_string().contains("nested deeper"));
    }

    #[test]
    fn a_commitment_opens_only_with_its_salt_and_value() {
        let of = |salt: u8, value: Value| commitment(&Hash([salt; 32]), &value).unwrap();
        assert_eq!(of(7, json!({"a": 1})), of(7, json!({"a": 1})));
        assert_ne!(of(7, json!({"a": 1})), of(8, json!({"a": 1})));
        assert_ne!(of(7, json!({"a": 1})), of(7, json!({"a": "1"})));
    }

    #[test]
    fn doc_04_leaf_of_an_empty_entry() {
        let expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(leaf_of(b"").to_string(), expected);
    }
}
