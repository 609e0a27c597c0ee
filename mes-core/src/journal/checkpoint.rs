//! Checkpoints: the signed root over the heads of all logs, made by the clock and at each release.
//!
//! ```text
//! catapult-checkpoint-1
//! facility 日本版カタパルト 神戸
//! purpose demo
//! number 17
//! time 2026-07-01T05:03:22.000Z
//! root 64 hexadecimal characters
//!
//! — ed25519 FINGERPRINT SIGNATURE
//! ```
//!
//! It holds no count of anything: a tenant receives every checkpoint, and none may tell how much the others recorded.
//! The proof of one owner's head under the root is in `heads.rs`; between two checkpoints, the consistency proof of the
//! owner's log ties the older head to the newer.

use super::{
    entry::{Hash, HashError},
    key::{FacilityKey, FacilityPublicKey},
    note::{NoteError, SignedNote},
    purpose::{Purpose, PurposeError},
};
use crate::clock::{Timestamp, TimestampError};

/// Name of the form of a checkpoint: its first line.
pub const CHECKPOINT_FORM: &str = "catapult-checkpoint-1";

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the facility, one line.
    pub facility: String,
    /// Purpose of the journal.
    pub purpose: Purpose,
    /// Gap-free number of the checkpoint, from 1.
    pub number: u64,
    /// Facility time at which the heads were taken.
    pub time: Timestamp,
    /// Root of the facility tree.
    pub root: Hash,
}

/// Why a checkpoint is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is not accepted.
    #[error("the checkpoint's note is not accepted")]
    Note(#[source] NoteError),
    /// The note is of another form.
    #[error("this note is a \"{0}\", not a {CHECKPOINT_FORM}; a newer version of this software may be needed")]
    Form(String),
    /// A line is missing, superfluous or in the wrong place.
    #[error("line {line} of the checkpoint should read \"{expected} …\"")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// The word it should begin with.
        expected: &'static str,
    },
    /// The purpose cannot be read.
    #[error("the checkpoint's purpose cannot be read")]
    Purpose(#[source] PurposeError),
    /// The number cannot be read.
    #[error("the checkpoint's number \"{0}\" is not a whole number from 1")]
    Number(String),
    /// The time cannot be read.
    #[error("the checkpoint's time cannot be read")]
    Time(#[source] TimestampError),
    /// The root cannot be read.
    #[error("the checkpoint's root cannot be read")]
    Root(#[source] HashError),
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self { facility, purpose, number, time, root } = self;
        format!(
            "{CHECKPOINT_FORM}\nfacility {facility}\npurpose {purpose}\nnumber {number}\ntime {time}\nroot {root}\n"
        )
    }
    /// Signs the checkpoint.
    ///
    /// # Errors
    /// When the facility's name is not one line of text.
    pub fn sign(&self, key: &FacilityKey) -> Result<SignedNote, CheckpointError> {
        let text = self.text();
        if Self::read(&text)? != *self {
            return Err(CheckpointError::Note(NoteError::Text));
        }
        SignedNote::sign(text, key).map_err(CheckpointError::Note)
    }
    /// Reads the checkpoint in a note and checks that it was signed by this key.
    ///
    /// # Errors
    /// When the note was signed by another key, was changed, or is not a checkpoint.
    pub fn verify(note: &SignedNote, key: &FacilityPublicKey) -> Result<Self, CheckpointError> {
        note.verify(key).map_err(CheckpointError::Note)?;
        Self::read(note.text())
    }
    /// Reads the text of a checkpoint. No signature is checked.
    ///
    /// # Errors
    /// The first line that is not as it should be.
    pub fn read(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let form = lines.next().unwrap_or_default();
        if form != CHECKPOINT_FORM {
            return Err(CheckpointError::Form(form.chars().take(80).collect()));
        }
        let mut line_number = 1;
        let mut next = |expected: &'static str| {
            line_number += 1;
            let value = lines.next().and_then(|line| line.strip_prefix(expected)?.strip_prefix(' '));
            value.filter(|value| !value.is_empty()).ok_or(CheckpointError::Line { line: line_number, expected })
        };
        let facility = next("facility")?.to_owned();
        let purpose = next("purpose")?.parse().map_err(CheckpointError::Purpose)?;
        let number = next("number")?;
        let parsed: u64 = number.parse().map_err(|_| CheckpointError::Number(number.to_owned()))?;
        if parsed == 0 || parsed.to_string() != number {
            return Err(CheckpointError::Number(number.to_owned()));
        }
        let time = next("time")?.parse().map_err(CheckpointError::Time)?;
        let root = next("root")?.parse().map_err(CheckpointError::Root)?;
        match (lines.next(), lines.next()) {
            (Some(""), None) => Ok(Self { facility, purpose, number: parsed, time, root }),
            _ => Err(CheckpointError::Line { line: 7, expected: "(end)" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            facility: "日本版カタパルト 神戸".into(),
            purpose: Purpose::Demo,
            number: 17,
            time: "2026-07-01T05:03:22.120Z".parse().unwrap(),
            root: Hash([0xab; 32]),
        }
    }

    #[test]
    fn doc_05_a_checkpoint_reads_back_what_was_signed() {
        let key = FacilityKey::from_secret(&[1; 32]);
        let note = SignedNote::parse(&checkpoint().sign(&key).unwrap().to_string()).unwrap();
        assert_eq!(Checkpoint::verify(&note, &key.public()).unwrap(), checkpoint());
        let other = FacilityKey::from_secret(&[2; 32]).public();
        assert!(matches!(
            Checkpoint::verify(&note, &other).unwrap_err(),
            CheckpointError::Note(NoteError::OtherKey { .. })
        ));
    }

    #[test]
    fn the_text_of_a_checkpoint_never_changes() {
        let root = "ab".repeat(32);
        let text = "catapult-checkpoint-1\nfacility 日本版カタパルト 神戸\npurpose demo\nnumber 17\n";
        assert_eq!(checkpoint().text(), format!("{text}time 2026-07-01T05:03:22.120Z\nroot {root}\n"));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let read = |from: &str, to: &str| Checkpoint::read(&checkpoint().text().replace(from, to)).unwrap_err();
        assert!(matches!(read("checkpoint-1", "checkpoint-2"), CheckpointError::Form(_)));
        assert!(matches!(read("purpose demo\n", ""), CheckpointError::Line { line: 3, expected: "purpose" }));
        assert!(matches!(read("demo", "play"), CheckpointError::Purpose(_)));
        assert!(matches!(read("number 17", "number 017"), CheckpointError::Number(_)));
        assert!(matches!(read("number 17", "number 0"), CheckpointError::Number(_)));
        assert!(matches!(read("2026-07-01T", "2026-07-01"), CheckpointError::Time(_)));
        assert!(matches!(read("root ab", "root AB"), CheckpointError::Root(_)));
        assert!(Checkpoint::read(&format!("{}more\n", checkpoint().text())).is_err());
        let name = Checkpoint { facility: "two\npurpose production".into(), ..checkpoint() };
        assert!(name.sign(&FacilityKey::from_secret(&[1; 32])).is_err());
    }
}
