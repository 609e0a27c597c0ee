//! Signed notes: a text and the Ed25519 signatures under it, readable by people and checked by machines.
//!
//! ```text
//! catapult-checkpoint-1
//! …lines of the text…
//!
//! — ed25519 FINGERPRINT SIGNATURE
//! ```
//!
//! What is signed is the UTF-8 text up to and including the line feed before the empty line. The first line names the
//! form, so that a signature under one kind of note is never one under another. This file does not know what the text
//! means, and does not decide whom to trust.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signature;

use super::{
    entry::Hash,
    key::{FacilityKey, FacilityPublicKey},
};

/// What every signature line begins with.
const SIGNATURE_MARK: &str = "— ed25519 ";
/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 4 << 20;

/// One signature under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Fingerprint of the key: SHA-256 of its 32 public bytes.
    pub fingerprint: Hash,
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

/// A text with at least one signature. Holding one says nothing about who signed: [`Self::verify`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// Why a note is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text cannot be carried by a note.
    #[error("the text of a note must start with its form, end with a line feed, and hold no other control characters")]
    Text,
    /// The file is too long to be a note.
    #[error("this is not a signed note: it is longer than {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// There is no signature.
    #[error("this is not a signed note: no signature line (\"{SIGNATURE_MARK}…\") after an empty line")]
    NoSignature,
    /// A signature line cannot be read.
    #[error("signature line {line} cannot be read: \"{text}\"")]
    BadLine {
        /// Number among the signature lines, from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// None of the signatures is of the key.
    #[error("not signed by the key {wanted}; signed by {found}")]
    OtherKey {
        /// Fingerprint of the key that was expected.
        wanted: Hash,
        /// Fingerprints found, separated by commas.
        found: String,
    },
    /// The signature does not fit the text.
    #[error("the signature of key {0} does not fit the text: the note was changed after it was signed")]
    Changed(Hash),
}

impl SignedNote {
    /// Signs a text. It starts with a line that names its form, ends with a line feed, and holds no other control
    /// character and no signature line.
    ///
    /// # Errors
    /// [`NoteError::Text`] when the text is not of that shape.
    pub fn sign(text: String, key: &FacilityKey) -> Result<Self, NoteError> {
        if !text_is_fit(&text) {
            return Err(NoteError::Text);
        }
        let signature = NoteSignature { fingerprint: key.public().fingerprint(), signature: key.sign(text.as_bytes()) };
        Ok(Self { text, signatures: vec![signature] })
    }
    /// The signed text. Not to be believed before [`Self::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The first line of the text: the form of the note.
    pub fn form(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
    /// The signatures.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
    /// Reads a note. No signature is checked.
    ///
    /// # Errors
    /// When the text is not a note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let split = note.find(&format!("\n\n{SIGNATURE_MARK}")).ok_or(NoteError::NoSignature)?;
        let (text, rest) = note.split_at_checked(split + 1).ok_or(NoteError::NoSignature)?;
        if !text_is_fit(text) {
            return Err(NoteError::Text);
        }
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or(NoteError::NoSignature)?;
        let signatures = (1..).zip(lines.split('\n')).map(|(number, line)| {
            parse_line(line).ok_or_else(|| NoteError::BadLine { line: number, text: line.chars().take(120).collect() })
        });
        Ok(Self { text: text.to_owned(), signatures: signatures.collect::<Result<_, _>>()? })
    }
    /// Checks that the note was signed by this key.
    ///
    /// # Errors
    /// [`NoteError::OtherKey`] names who did sign; [`NoteError::Changed`] says the text does not fit.
    pub fn verify(&self, key: &FacilityPublicKey) -> Result<(), NoteError> {
        let wanted = key.fingerprint();
        let mut of_key = self.signatures.iter().filter(|signature| signature.fingerprint == wanted).peekable();
        if of_key.peek().is_none() {
            let found: Vec<_> = self.signatures.iter().map(|signature| signature.fingerprint.to_string()).collect();
            return Err(NoteError::OtherKey { wanted, found: found.join(", ") });
        }
        let fits = of_key.all(|line| key.verify(self.text.as_bytes(), &Signature::from_bytes(&line.signature)));
        if fits { Ok(()) } else { Err(NoteError::Changed(wanted)) }
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| {
            writeln!(f, "{SIGNATURE_MARK}{} {}", line.fingerprint, STANDARD.encode(line.signature))
        })
    }
}

fn text_is_fit(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let form = !first.is_empty() && first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let controls = text.chars().any(|c| c.is_control() && c != '\n');
    form && text.ends_with('\n') && !controls && !text.lines().any(|line| line.starts_with(SIGNATURE_MARK))
}

fn parse_line(line: &str) -> Option<NoteSignature> {
    let (fingerprint, signature) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
    let signature = STANDARD.decode(signature).ok()?.try_into().ok()?;
    Some(NoteSignature { fingerprint: fingerprint.parse().ok()?, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "catapult-test-1\n日本版カタパルト\n\nlast line\n";

    fn key(n: u8) -> FacilityKey {
        FacilityKey::from_secret(&[n; 32])
    }

    #[test]
    fn a_note_reads_back_what_it_writes_and_verifies() {
        let note = SignedNote::sign(TEXT.into(), &key(1)).unwrap();
        let read = SignedNote::parse(&note.to_string()).unwrap();
        assert_eq!(read, note);
        assert_eq!((read.text(), read.form()), (TEXT, "catapult-test-1"));
        read.verify(&key(1).public()).unwrap();
    }

    #[test]
    fn p11_02_a_changed_character_or_another_key_is_found() {
        let note = SignedNote::sign(TEXT.into(), &key(1)).unwrap().to_string();
        let changed = SignedNote::parse(&note.replace("last", "lost")).unwrap();
        assert!(matches!(changed.verify(&key(1).public()).unwrap_err(), NoteError::Changed(_)));
        let other = SignedNote::parse(&note).unwrap().verify(&key(2).public()).unwrap_err();
        let (wanted, found) = (key(2).public().fingerprint(), key(1).public().fingerprint().to_string());
        assert_eq!(other, NoteError::OtherKey { wanted, found });
    }

    #[test]
    fn what_is_not_a_note_is_refused_with_a_sentence() {
        let note = SignedNote::sign(TEXT.into(), &key(1)).unwrap().to_string();
        assert_eq!(SignedNote::parse("").unwrap_err(), NoteError::NoSignature);
        assert_eq!(SignedNote::parse(TEXT).unwrap_err(), NoteError::NoSignature);
        assert_eq!(SignedNote::parse(note.trim_end()).unwrap_err(), NoteError::NoSignature);
        assert!(matches!(SignedNote::parse(&format!("{note}x\n")).unwrap_err(), NoteError::BadLine { line: 2, .. }));
        assert!(matches!(SignedNote::parse(&note.replace("==\n", "\n")).unwrap_err(), NoteError::BadLine { .. }));
        for bad in ["", "no end", "Capital\n", "form-1\n\ttab\n", "form-1\r\n", "form-1\n— ed25519 x\n"] {
            assert_eq!(SignedNote::sign(bad.into(), &key(1)).unwrap_err(), NoteError::Text, "{bad:?}");
        }
    }
}
