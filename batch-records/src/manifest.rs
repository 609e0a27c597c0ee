//! The manifest of an evidence package: a signed note that lists every member, and says what was left out.
//!
//! ```text
//! catapult-package-1
//! facility 日本版カタパルト 川崎
//! purpose demo
//! owner tenant:TEN-A
//! batch MSC-2607-01
//! made 2026-07-04T01:00:00.000Z
//! renderer catapult-mes batch-records 0.1.0
//! checkpoint 17
//! entries 90
//! left-out entry tenant:TEN-A#23, part text: withheld
//! member 64 hexadecimal characters, bytes, name
//! …
//!
//! — ed25519 FINGERPRINT SIGNATURE
//! ```
//!
//! The text has one form only: what reads also writes back to the same bytes. This file checks no signature.

use mes_core::{
    clock::Timestamp,
    id::BatchId,
    journal::{Hash, Owner, Purpose},
};

/// Name of the form of a manifest: its first line.
pub const PACKAGE_FORM: &str = "catapult-package-1";
/// Longest name of a member in characters.
pub(crate) const NAME_CHARS_MAX: usize = 200;

/// Names of the members, beside the chunks.
pub(crate) mod name {
    pub(crate) const MANIFEST: &str = "manifest";
    pub(crate) const README: &str = "README.md";
    pub(crate) const RECORD_PDF: &str = "record.pdf";
    pub(crate) const RECORD_JSON: &str = "record.json";
    pub(crate) const AUDIT_JSON: &str = "audit-trail.json";
    pub(crate) const AUDIT_CSV: &str = "audit-trail.csv";
    pub(crate) const TRENDS: &str = "trends.csv";
    pub(crate) const ENTRIES: &str = "entries.jsonl";
    pub(crate) const PROOFS: &str = "proofs.json";
    pub(crate) const CHECKPOINT: &str = "checkpoint";
    pub(crate) const KEY: &str = "facility.pub";
    /// Folder of the chunks.
    pub(crate) const SAMPLES: &str = "samples/";
    /// Folder of the reports of closed devices.
    pub(crate) const REPORTS: &str = "reports/";
    /// Every member that is always there.
    pub(crate) const FIXED: [&str; 10] =
        [README, RECORD_PDF, RECORD_JSON, AUDIT_JSON, AUDIT_CSV, TRENDS, ENTRIES, PROOFS, CHECKPOINT, KEY];
}

/// One member of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Number of its bytes.
    pub bytes: u64,
    /// Its name.
    pub name: String,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the facility.
    pub facility: String,
    /// Purpose of the journal.
    pub purpose: Purpose,
    /// Whose batch.
    pub owner: Owner,
    /// Which batch.
    pub batch: BatchId,
    /// When the package was made (facility time).
    pub made: Timestamp,
    /// What made the record in it.
    pub renderer: String,
    /// Number of the checkpoint in it.
    pub checkpoint: u64,
    /// Number of entries in it.
    pub entries: u64,
    /// What was left out, and why (DOC-10).
    pub left_out: Vec<String>,
    /// The members, in the order of their names.
    pub members: Vec<Member>,
}

/// Why a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is of another form.
    #[error("this is a \"{0}\", not a {PACKAGE_FORM}; a newer version of this software may be needed")]
    Form(String),
    /// A line is missing or cannot be read.
    #[error("line {line} of the manifest should read \"{expected} …\"")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// The word it should begin with.
        expected: &'static str,
    },
    /// A member's name is not allowed.
    #[error("the member name \"{0}\" is not allowed")]
    Name(String),
    /// It can be read, but is not written in the one form there is.
    #[error("the manifest is not written in its one form (order of lines or members)")]
    NotCanonical,
}

/// Whether a member may have this name: plain letters, no way out of the folder.
pub(crate) fn name_is_fit(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let fit = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(plain);
    fit && name.split('/').all(|piece| !piece.is_empty() && !piece.starts_with('.'))
}

/// A text on one line, without control characters.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

impl Manifest {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self { facility, purpose, owner, batch, made, renderer, checkpoint, entries, left_out, members } = self;
        let mut text = format!(
            "{PACKAGE_FORM}\nfacility {facility}\npurpose {purpose}\nowner {owner}\nbatch {batch}\nmade {made}\n\
             renderer {renderer}\ncheckpoint {checkpoint}\nentries {entries}\n"
        );
        for line in left_out {
            text.push_str(&format!("left-out {line}\n"));
        }
        for Member { sha256, bytes, name } in members {
            text.push_str(&format!("member {sha256} {bytes} {name}\n"));
        }
        text
    }
    /// Reads the text of a manifest. No signature is checked.
    ///
    /// # Errors
    /// The first line that is not as it should be.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        let mut lines = (1..).zip(text.lines()).peekable();
        let form = lines.next().map(|(_, line)| line).unwrap_or_default();
        if form != PACKAGE_FORM {
            return Err(ManifestError::Form(form.chars().take(80).collect()));
        }
        let mut number = 1;
        let mut next = |expected: &'static str| {
            number += 1;
            let value = lines.next().and_then(|(_, line)| line.strip_prefix(expected)?.strip_prefix(' '));
            value.map(str::to_owned).ok_or(ManifestError::Line { line: number, expected })
        };
        let line = |line, expected| ManifestError::Line { line, expected };
        let facility = next("facility")?;
        let purpose = next("purpose")?.parse().map_err(|_| line(3, "purpose"))?;
        let owner = next("owner")?.parse().map_err(|_| line(4, "owner"))?;
        let batch = next("batch")?.parse().map_err(|_| line(5, "batch"))?;
        let made = next("made")?.parse().map_err(|_| line(6, "made"))?;
        let renderer = next("renderer")?;
        let checkpoint = next("checkpoint")?.parse().map_err(|_| line(8, "checkpoint"))?;
        let entries = next("entries")?.parse().map_err(|_| line(9, "entries"))?;
        let (mut left_out, mut members) = (Vec::new(), Vec::new());
        for (number, text) in lines {
            match (text.strip_prefix("left-out "), text.strip_prefix("member ")) {
                (Some(text), _) if members.is_empty() => left_out.push(text.to_owned()),
                (_, Some(text)) => members.push(member(text, number)?),
                _ => return Err(line(number, "member")),
            }
        }
        let read = Self { facility, purpose, owner, batch, made, renderer, checkpoint, entries, left_out, members };
        let ordered = read.members.is_sorted_by(|a, b| a.name < b.name);
        if !ordered || read.text() != text { Err(ManifestError::NotCanonical) } else { Ok(read) }
    }
}

fn member(text: &str, number: usize) -> Result<Member, ManifestError> {
    let wrong = || ManifestError::Line { line: number, expected: "member" };
    let mut parts = text.splitn(3, ' ');
    let mut next = || parts.next().ok_or_else(wrong);
    let sha256 = next()?.parse().map_err(|_| wrong())?;
    let bytes = next()?.parse().map_err(|_| wrong())?;
    let name = next()?.to_owned();
    if !name_is_fit(&name) || name == name::MANIFEST {
        return Err(ManifestError::Name(name));
    }
    Ok(Member { sha256, bytes, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let member = |name: &str| Member { sha256: Hash([7; 32]), bytes: 12, name: name.into() };
        Manifest {
            facility: "日本版カタパルト 川崎".into(),
            purpose: Purpose::Demo,
            owner: "tenant:TEN-A".parse().unwrap(),
            batch: "MSC-2607-01".parse().unwrap(),
            made: "2026-07-04T01:00:00Z".parse().unwrap(),
            renderer: "catapult-mes batch-records 0.1.0".into(),
            checkpoint: 17,
            entries: 90,
            left_out: vec!["entry tenant:TEN-A#23, part text: withheld".into()],
            members: vec![member("checkpoint"), member("samples/INC-03/co2/a.jsonl")],
        }
    }

    #[test]
    fn a_manifest_reads_back_what_it_writes_and_nothing_else() {
        let text = manifest().text();
        assert_eq!(Manifest::read(&text).unwrap(), manifest());
        let changed = |from: &str, to: &str| Manifest::read(&text.replace(from, to)).unwrap_err();
        assert!(matches!(changed("-package-1", "-package-2"), ManifestError::Form(_)));
        assert!(matches!(changed("purpose demo", "purpose fun"), ManifestError::Line { line: 3, .. }));
        assert_eq!(changed("checkpoint 17", "checkpoint 017"), ManifestError::NotCanonical);
        assert_eq!(changed(" checkpoint\n", " zzz\n"), ManifestError::NotCanonical);
        assert!(matches!(changed(" checkpoint\n", " ../checkpoint\n"), ManifestError::Name(_)));
    }

    #[test]
    fn a_member_name_cannot_leave_the_folder() {
        for bad in ["", "/a", "../a", "a/../b", "a//b", "a/", ".git", "a\\b", "a b", "あ", &"x".repeat(201)] {
            assert!(!name_is_fit(bad), "{bad:?}");
        }
        assert!(name_is_fit("samples/BR-01/vcd/2026-07-01T101000.000Z-0123456789abcdef.jsonl"));
    }
}
