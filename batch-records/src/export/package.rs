//! The evidence package 真正性証明パッケージ: everything by which a batch record is verified with no server and no secret.
//!
//! The caller gives entries as the reader may see them, proofs, the checkpoint and a way to sign; nothing is looked up here.
//! A package is verified before it is handed out. It does not hold the key's private half, and never asks for it.

use std::collections::BTreeSet;

use mes_core::{
    batch::BatchEvent,
    clock::Timestamp,
    historian::{Chunk, ChunkError},
    journal::{
        Checkpoint, CheckpointError, Entry, Event, FacilityPublicKey, Hash, KeyError, NoteError, Part, Purpose,
        SignedNote,
        encode::{EncodeError, canonical_of, sha256},
    },
    tenant::DeviceReport,
};

pub use crate::export::archive::ArchiveError;
use crate::{
    exception::part_name,
    export::{
        archive, json,
        pdf::{self, PdfError},
        readme,
    },
    manifest::{Manifest, Member, name, one_line},
    proof::{EarlierCheckpoint, LogProof, PROOFS_FORM, Proofs},
    record::{BatchRecord, RENDERER, RecordError},
    verify::{Outcome, Status, VerifyOptions, verify},
};

/// Most characters of a report's own name in the name of its member.
const REPORT_NAME_MAX: usize = 100;

/// What a package is made of.
pub struct PackageInput<'a> {
    /// Every entry of the batch's stream and of all streams its record draws on, parts withheld as the reader may see them.
    pub entries: &'a [Entry],
    /// The bytes of the sealed chunks.
    pub chunks: &'a [Vec<u8>],
    /// The bytes of the reports that entries name.
    pub reports: &'a [Vec<u8>],
    /// The signed checkpoint that the proofs lead to.
    pub checkpoint: &'a SignedNote,
    /// One proof per owner of entries.
    pub logs: Vec<LogProof>,
    /// Earlier checkpoints that the reader may hold, oldest first.
    pub earlier: Vec<EarlierCheckpoint>,
    /// The facility's public key.
    pub key: &'a FacilityPublicKey,
    /// What was left out beyond withheld and erased parts, and why; one line each.
    pub left_out: Vec<String>,
    /// Facility time.
    pub made: Timestamp,
    /// Signs the manifest's text with the facility's key.
    pub sign: &'a dyn Fn(String) -> Result<SignedNote, NoteError>,
}

/// A package, and the hashes that a `batch.exported` entry keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The zip file.
    pub bytes: Vec<u8>,
    /// Suggested file name.
    pub file_name: String,
    /// SHA-256 of the zip file.
    pub sha256: Hash,
    /// SHA-256 of record.pdf in it.
    pub pdf_sha256: Hash,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The checkpoint was not signed by the key.
    #[error("the checkpoint was not signed by the facility's key")]
    Checkpoint(#[source] CheckpointError),
    /// The entries do not make a record.
    #[error("the entries do not make a record")]
    Record(#[source] Box<RecordError>),
    /// The PDF failed.
    #[error("the record cannot be typeset")]
    Pdf(#[source] PdfError),
    /// A member cannot be written as JSON.
    #[error("{member} cannot be written as JSON")]
    Json {
        /// The member.
        member: &'static str,
        /// Why.
        #[source]
        source: EncodeError,
    },
    /// A chunk cannot be read.
    #[error("a chunk of samples cannot be read")]
    Chunk(#[source] ChunkError),
    /// The key has no text form.
    #[error("the facility's public key cannot be written")]
    Key(#[source] KeyError),
    /// The manifest could not be signed.
    #[error("the manifest could not be signed")]
    Sign(#[source] NoteError),
    /// The zip file failed.
    #[error("the package could not be put together")]
    Archive(#[source] ArchiveError),
    /// The finished package does not verify: entries, proofs and checkpoint do not belong together.
    #[error("the package does not verify and is not handed out: {object}: {why}")]
    DoesNotVerify {
        /// What does not hold.
        object: String,
        /// Why.
        why: String,
    },
}

/// How far the making of a package is, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The record is put together and typeset.
    Typesetting,
    /// The members are written.
    Packing,
    /// The finished package is verified.
    Verifying,
}

/// Makes the package of a batch.
///
/// # Errors
/// When anything in it does not fit together; a package that would not verify is never returned.
pub fn build(input: &PackageInput<'_>) -> Result<Package, PackageError> {
    build_with(input, &|_| ())
}

/// Makes the package of a batch, and says when each stage begins.
///
/// # Errors
/// As [`build`].
pub fn build_with(input: &PackageInput<'_>, begins: &dyn Fn(Stage)) -> Result<Package, PackageError> {
    begins(Stage::Typesetting);
    let checkpoint = Checkpoint::verify(input.checkpoint, input.key).map_err(PackageError::Checkpoint)?;
    let record = BatchRecord::with_purpose(input.entries, input.chunks, checkpoint.purpose)
        .map_err(|source| PackageError::Record(Box::new(source)))?;
    let pdf = pdf::render(&record).map_err(PackageError::Pdf)?;
    begins(Stage::Packing);
    let pdf_sha256 = sha256(&[&pdf]);
    let mut members = members(input, &record, &checkpoint, pdf)?;
    members.sort();
    members.dedup();
    let manifest = manifest(input, &record, &checkpoint, &members)?;
    let mut all = vec![(name::MANIFEST.to_owned(), manifest.to_string().into_bytes())];
    all.extend(members);
    let bytes = archive::write(&all).map_err(PackageError::Archive)?;
    begins(Stage::Verifying);
    let options = VerifyOptions { keys: std::slice::from_ref(input.key), since: None, render_pdf: false };
    let report = verify(&bytes, &options);
    if report.status != Status::Verified {
        let failed = report.checks.into_iter().find_map(|check| match check.outcome {
            Outcome::Fails { object, why } => Some((object, why.en)),
            _ => None,
        });
        let (object, why) = failed.unwrap_or_default();
        return Err(PackageError::DoesNotVerify { object, why });
    }
    let file_name = format!("{}-{}.zip", record.head.batch, checkpoint.number);
    Ok(Package { sha256: sha256(&[&bytes]), bytes, file_name, pdf_sha256 })
}

fn members(
    input: &PackageInput<'_>,
    record: &BatchRecord,
    checkpoint: &Checkpoint,
    pdf: Vec<u8>,
) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
    let failed = |member| move |source| PackageError::Json { member, source };
    let proofs = Proofs { form: PROOFS_FORM.to_owned(), logs: input.logs.clone(), earlier: input.earlier.clone() };
    let mut members = vec![
        (name::README, readme::text(record, checkpoint, &input.key.fingerprint()).into_bytes()),
        (name::RECORD_PDF, pdf),
        (name::RECORD_JSON, json::record(record).map_err(failed(name::RECORD_JSON))?),
        (name::AUDIT_JSON, json::audit_trail(record).map_err(failed(name::AUDIT_JSON))?),
        (name::AUDIT_CSV, json::audit_csv(record).into_bytes()),
        (name::TRENDS, record.trend_csv.clone().into_bytes()),
        (name::ENTRIES, entry_lines(input.entries).map_err(failed(name::ENTRIES))?),
        (name::PROOFS, canonical_of(&proofs).map_err(failed(name::PROOFS))?),
        (name::CHECKPOINT, input.checkpoint.to_string().into_bytes()),
        (name::KEY, input.key.to_pem().map_err(PackageError::Key)?.into_bytes()),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect::<Vec<_>>();
    for chunk in input.chunks {
        members.push((chunk_name(chunk).map_err(PackageError::Chunk)?, chunk.clone()));
    }
    for report in named_reports(input.entries) {
        if let Some(bytes) = input.reports.iter().find(|bytes| sha256(&[bytes]) == report.sha256) {
            members.push((report_name(&report), bytes.clone()));
        }
    }
    Ok(members)
}

/// The name of a chunk's member: equipment, tag, receive time of the first sample, hash.
fn chunk_name(bytes: &[u8]) -> Result<String, ChunkError> {
    let (reference, _) = Chunk::decode(bytes)?;
    let from = reference.from.to_string().replace(':', "");
    let hash: String = reference.hash.to_string().chars().take(16).collect();
    // Form 1 is text; a chunk of form 2 is text in its first line only.
    let end = if Chunk::is_text(bytes) { "jsonl" } else { "chunk" };
    Ok(format!("{}{}/{}/{from}-{hash}.{end}", name::SAMPLES, reference.tag.equipment, reference.tag.name))
}

/// The reports that the entries name.
pub(crate) fn named_reports(entries: &[Entry]) -> Vec<DeviceReport> {
    let report = |entry: &Entry| match Event::of(entry) {
        Ok(Event::Batch(BatchEvent::ReportReceived { report, .. })) => Some(*report),
        _ => None,
    };
    entries.iter().filter_map(report).collect()
}

/// The name of a report's member: equipment, hash, and as much of its own name as every system can write.
fn report_name(report: &DeviceReport) -> String {
    let hash: String = report.sha256.to_string().chars().take(16).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    // From its end, which says what kind of file it is.
    let kept = report.name.chars().count().saturating_sub(REPORT_NAME_MAX);
    let own: String = report.name.chars().skip(kept).map(plain).collect();
    format!("{}{}/{hash}-{own}", name::REPORTS, report.equipment)
}

/// Entries as lines of canonical JSON, by owner and number.
fn entry_lines(entries: &[Entry]) -> Result<Vec<u8>, EncodeError> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.id());
    let mut out = Vec::new();
    for entry in sorted {
        out.extend(canonical_of(entry)?);
        out.push(b'\n');
    }
    Ok(out)
}

fn manifest(
    input: &PackageInput<'_>,
    record: &BatchRecord,
    checkpoint: &Checkpoint,
    members: &[(String, Vec<u8>)],
) -> Result<SignedNote, PackageError> {
    let manifest = Manifest {
        facility: checkpoint.facility.clone(),
        purpose: checkpoint.purpose,
        owner: record.head.owner.clone(),
        batch: record.batch.clone(),
        made: input.made,
        renderer: RENDERER.to_owned(),
        checkpoint: checkpoint.number,
        entries: record.head.entries,
        left_out: left_out(input, record),
        members: members
            .iter()
            .map(|(name, bytes)| Member { sha256: sha256(&[bytes]), bytes: bytes.len() as u64, name: name.clone() })
            .collect(),
    };
    (input.sign)(manifest.text()).map_err(PackageError::Sign)
}

/// What was left out, and why: nothing is cut silently (DOC-10).
fn left_out(input: &PackageInput<'_>, record: &BatchRecord) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for entry in input.entries {
        for (name, part) in &entry.parts {
            let why = match part {
                Part::Open { .. } => continue,
                Part::Withheld => "withheld from this reader 開示対象外".to_owned(),
                Part::Erased { by } => format!("erased 消去 by {by}"),
            };
            lines.insert(format!("entry {}, part {}: {why}", entry.id(), part_name(*name)));
        }
    }
    for (tag, hash) in &record.chunks_missing {
        lines.insert(format!("chunk {hash} of {tag}: sealed, but not in this package"));
    }
    for report in named_reports(input.entries) {
        if !input.reports.iter().any(|bytes| sha256(&[bytes]) == report.sha256) {
            lines.insert(format!("report {} of {}: not in this package", report.sha256, report.equipment));
        }
    }
    lines.extend(input.left_out.iter().map(|line| one_line(line)).filter(|line| !line.is_empty()));
    lines.into_iter().collect()
}

/// The purpose as the first line of a package's README prints it.
pub(crate) fn purpose_line(purpose: Purpose) -> String {
    let said = crate::wording::purpose(purpose);
    format!("{} / {}", said.ja, said.en)
}
