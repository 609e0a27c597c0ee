//! The offline verifier: a package, a key, and nothing else.
//!
//! It runs a fixed list of checks, stops at the first that does not hold, and names the member or entry. It never repairs,
//! never guesses, and does not trust the copy of the key in the package. What no package can prove is said every time.

mod archive;
mod content;
mod entries;
mod report;
mod signer;

use std::{collections::BTreeMap, fs, path::Path};

use mes_core::{
    journal::{Checkpoint, Entry, FacilityPublicKey, KeyError, LogHead, Owner, SignedNote},
    quantity::Bilingual,
};

use crate::{
    manifest::{Manifest, name},
    proof::Proofs,
};

pub use archive::{ArchiveFault, MEMBER_BYTES_MAX, MEMBERS_MAX, PACKAGE_BYTES_MAX, UNPACKED_BYTES_MAX};
pub use report::{Check, Outcome, Report, Status};

/// What a verification is given beside the package.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyOptions<'a> {
    /// The keys that the reader trusts: one, or a pinned list. Empty: the signer is not established.
    pub keys: &'a [FacilityPublicKey],
    /// A checkpoint that the reader kept: nothing before it was rewritten.
    pub since: Option<&'a SignedNote>,
    /// Also render the PDF again from the entries and compare its bytes (about a second).
    pub render_pdf: bool,
}

/// Why a check does not hold.
struct Failure {
    object: String,
    why: Bilingual,
}

impl Failure {
    fn new(object: impl ToString, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { object: object.to_string(), why: Bilingual::new(ja, en) }
    }
    /// A cause that the core names in English.
    fn cause(object: impl ToString, ja: &str, error: &dyn std::error::Error) -> Self {
        let mut en = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            en = format!("{en}: {cause}");
            source = cause.source();
        }
        Self::new(object, format!("{ja}({en})"), en)
    }
}

/// What a check found when it holds, or why it was not made.
enum Found {
    Holds(Bilingual),
    NotChecked(Bilingual),
}

fn holds(ja: impl Into<String>, en: impl Into<String>) -> Result<Found, Failure> {
    Ok(Found::Holds(Bilingual::new(ja, en)))
}

/// What the checks learn, one after the other.
struct Run<'a> {
    options: &'a VerifyOptions<'a>,
    members: BTreeMap<String, Vec<u8>>,
    manifest: Option<(Manifest, SignedNote)>,
    key: Option<FacilityPublicKey>,
    checkpoint: Option<(Checkpoint, SignedNote)>,
    entries: Vec<Entry>,
    proofs: Option<Proofs>,
    heads: BTreeMap<Owner, LogHead>,
    not_proven: Vec<Bilingual>,
}

type Step = (&'static str, &'static str, fn(&mut Run<'_>) -> Result<Found, Failure>);

const STEPS: [Step; 14] = [
    ("マニフェストの署名", "Signature of the manifest", signer::manifest),
    ("全メンバーの存在と同一性", "Every member is there and unchanged", content::members),
    ("チェックポイントの署名", "Signature of the checkpoint", signer::checkpoint),
    ("エントリーの形式と約束値", "Form of the entries, and their commitments", entries::form),
    ("ストリームの連鎖と欠番", "Streams are chained and gap-free", entries::streams),
    ("所有者のログの先頭値", "Heads of the owners' logs under the checkpoint", entries::heads),
    ("エントリーの包含証明", "Every entry is in its owner's log", entries::inclusion),
    ("出荷判定時の封印", "Streams sealed at disposition are complete", entries::seals),
    ("封印されたサンプル", "Sealed samples", content::samples),
    ("機器の報告書", "Reports of devices", content::reports),
    ("記録の再導出", "The record derived again from the entries", content::record),
    ("PDF", "PDF", content::pdf),
    ("以前のチェックポイントとの整合", "Consistency with the earlier checkpoints in the package", entries::earlier),
    ("手元のチェックポイントとの整合", "Consistency with your own checkpoint", entries::since),
];

/// Reads the public keys in a text: one `facility.pub`, or a pinned list of several, one PEM block after the other.
///
/// # Errors
/// When a block is not a public key, or there is none; `source` names the text.
pub fn read_keys(text: &str, source: &str) -> Result<Vec<FacilityPublicKey>, KeyError> {
    const END: &str = "-----END PUBLIC KEY-----";
    let blocks = text.split_inclusive(END).filter(|block| !block.trim().is_empty());
    let keys =
        blocks.map(|block| FacilityPublicKey::parse(block.trim_start(), source)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(KeyError::NotPublic(source.to_owned())) } else { Ok(keys) }
}

/// Verifies a package.
pub fn verify(package: &[u8], options: &VerifyOptions<'_>) -> Report {
    let opened = Bilingual::new("zip ファイル", "Zip file");
    let members = match archive::read(package) {
        Ok(members) if members.contains_key(name::MANIFEST) => members,
        Ok(_) => {
            let why = Bilingual::new(
                "メンバーがない: 真正性証明パッケージではない",
                "the member is missing: this is not an evidence package",
            );
            return unread(Status::Unreadable, opened, name::MANIFEST.to_owned(), why);
        }
        Err(fault) => {
            let status = if fault.is_unreadable() { Status::Unreadable } else { Status::Failed };
            let said = fault.to_string();
            return unread(status, opened, fault.object(), Bilingual::new(format!("zip を読めない({said})"), said));
        }
    };
    let count = members.len();
    let detail = Bilingual::new(format!("{count} メンバー"), format!("{count} members"));
    let mut checks = vec![Check { what: opened, outcome: Outcome::Holds(detail) }];
    let mut run = Run {
        options,
        members,
        manifest: None,
        key: None,
        checkpoint: None,
        entries: Vec::new(),
        proofs: None,
        heads: BTreeMap::new(),
        not_proven: Vec::new(),
    };
    for (ja, en, step) in STEPS {
        let outcome = match step(&mut run) {
            Ok(Found::Holds(detail)) => Outcome::Holds(detail),
            Ok(Found::NotChecked(why)) => Outcome::NotChecked(why),
            Err(Failure { object, why }) => Outcome::Fails { object, why },
        };
        let failed = matches!(outcome, Outcome::Fails { .. });
        checks.push(Check { what: Bilingual::new(ja, en), outcome });
        if failed {
            return run.report(Status::Failed, checks);
        }
    }
    let status = if options.keys.is_empty() { Status::SignerNotEstablished } else { Status::Verified };
    run.report(status, checks)
}

/// Reads a package from a file and verifies it.
pub fn verify_file(path: &Path, options: &VerifyOptions<'_>) -> Report {
    let what = Bilingual::new("ファイル", "File");
    let shown = path.display().to_string();
    let too_large = || {
        let why = ArchiveFault::Limit { what: "the package".to_owned(), limit: PACKAGE_BYTES_MAX }.to_string();
        unread(Status::Unreadable, what.clone(), shown.clone(), Bilingual::new(format!("大きすぎる({why})"), why))
    };
    match fs::metadata(path).map(|data| data.len()) {
        Ok(length) if length > PACKAGE_BYTES_MAX => return too_large(),
        _ => {}
    }
    match fs::read(path) {
        Ok(bytes) => verify(&bytes, options),
        Err(error) => {
            let why = Bilingual::new(format!("読めない({error})"), format!("cannot be read: {error}"));
            unread(Status::Unreadable, what, shown, why)
        }
    }
}

fn unread(status: Status, what: Bilingual, object: String, why: Bilingual) -> Report {
    Report {
        status,
        purpose: None,
        batch: None,
        fingerprint: None,
        about: Vec::new(),
        left_out: Vec::new(),
        checks: vec![Check { what, outcome: Outcome::Fails { object, why } }],
        not_proven: Vec::new(),
    }
}

impl Run<'_> {
    fn report(self, status: Status, checks: Vec<Check>) -> Report {
        let manifest = self.manifest.as_ref().map(|(manifest, _)| manifest);
        let mut about = Vec::new();
        if let Some(manifest) = manifest {
            let Manifest { batch, owner, facility, entries, made, renderer, .. } = manifest;
            about.push(Bilingual::new(
                format!("バッチ {batch}({owner})、{facility}"),
                format!("Batch {batch} ({owner}), {facility}"),
            ));
            about.push(Bilingual::new(
                format!("エントリー {entries} 件、作成 {}、{renderer}", made.shown()),
                format!("{entries} entries, made {}, {renderer}", made.shown()),
            ));
        }
        if let Some((checkpoint, _)) = &self.checkpoint {
            let (number, time) = (checkpoint.number, checkpoint.time.shown());
            about.push(Bilingual::new(
                format!("チェックポイント {number}({time})"),
                format!("Checkpoint {number} ({time})"),
            ));
        }
        let mut not_proven = self.not_proven;
        if matches!(status, Status::Verified | Status::SignerNotEstablished) {
            not_proven.extend(always_unproven());
        }
        Report {
            status,
            purpose: manifest.map(|manifest| manifest.purpose),
            batch: manifest.map(|manifest| manifest.batch.clone()),
            fingerprint: self
                .manifest
                .as_ref()
                .and_then(|(_, note)| note.signatures().first())
                .map(|line| line.fingerprint),
            about,
            left_out: manifest.map(|manifest| manifest.left_out.clone()).unwrap_or_default(),
            checks,
            not_proven,
        }
    }
}

fn always_unproven() -> Vec<Bilingual> {
    vec![
        Bilingual::new(
            "署名した本人が操作したこと。個人の署名はサーバが認証して記録したもので、施設の鍵が証明するのはサーバの記録である。",
            "That the person and not the server made a signature: people are authenticated by the server, and the facility's key vouches for what the server recorded.",
        ),
        Bilingual::new(
            "入力された値や設備の測定値が事実どおりであること。",
            "That what people entered and devices measured was true.",
        ),
    ]
}
