//! Members against the manifest, samples against their seals, record and PDF against the entries.

use std::collections::BTreeMap;

use mes_core::{
    historian::{SealedSamples, seal},
    journal::{
        Event, Hash, SamplesEvent,
        encode::{EncodeError, sha256},
    },
    quantity::Bilingual,
};

use super::{Failure, Found, Run, holds};
use crate::{
    export::{json, package::named_reports, pdf},
    manifest::name,
    record::{BatchRecord, RENDERER},
};

/// Every member that the manifest lists is there, unchanged; nothing else is.
pub(super) fn members(run: &mut Run<'_>) -> Result<Found, Failure> {
    let Some((manifest, _)) = &run.manifest else {
        return Err(Failure::new(name::MANIFEST, "マニフェストがない", "there is no manifest"));
    };
    for member in &manifest.members {
        let bytes = run.members.get(&member.name);
        let bytes = bytes.ok_or_else(|| Failure::new(&member.name, "メンバーがない", "the member is missing"))?;
        if bytes.len() as u64 != member.bytes || sha256(&[bytes]) != member.sha256 {
            return Err(Failure::new(
                &member.name,
                "マニフェストの SHA-256 と一致しない: 変更されている",
                "its SHA-256 is not the manifest's: it was changed",
            ));
        }
    }
    let listed =
        |found: &String| found == name::MANIFEST || manifest.members.iter().any(|member| member.name == *found);
    if let Some(foreign) = run.members.keys().find(|found| !listed(found)) {
        return Err(Failure::new(foreign, "マニフェストにないメンバー", "the manifest does not list this member"));
    }
    if let Some(missing) = name::FIXED.iter().find(|fixed| !run.members.contains_key(**fixed)) {
        return Err(Failure::new(missing, "必須のメンバーがない", "a member that every package has is missing"));
    }
    let count = manifest.members.len();
    holds(format!("{count} 件、余分なものなし"), format!("{count} members, and no other"))
}

/// Every sealed chunk is there and leads to the sealed root; what is left out is named in the manifest.
pub(super) fn samples(run: &mut Run<'_>) -> Result<Found, Failure> {
    let chunks = run.members.iter().filter(|(member, _)| member.starts_with(name::SAMPLES));
    let mut chunks: BTreeMap<Hash, (&str, &[u8])> =
        chunks.map(|(member, bytes)| (sha256(&[bytes]), (member.as_str(), bytes.as_slice()))).collect();
    let left_out = run.manifest.as_ref().map(|(manifest, _)| manifest.left_out.join("\n")).unwrap_or_default();
    let (mut periods, mut count, mut absent) = (0_u64, 0_u64, 0_u64);
    for entry in &run.entries {
        let Ok(Event::Samples(SamplesEvent::Sealed { sealed })) = Event::of(entry) else { continue };
        periods += 1;
        let named = |hash: &Hash| left_out.contains(&hash.to_string());
        let missing = sealed.chunks.iter().filter(|chunk| !chunks.contains_key(&chunk.hash)).collect::<Vec<_>>();
        if let Some(chunk) = missing.iter().find(|chunk| !named(&chunk.hash)) {
            return Err(Failure::new(
                format!("{} {}", chunk.tag, chunk.from),
                format!("{} が封印したチャンク {} がない", entry.id(), chunk.hash),
                format!("the chunk {} that {} sealed is missing", chunk.hash, entry.id()),
            ));
        }
        absent += missing.len() as u64;
        count += check(entry.id().to_string(), &sealed, missing.is_empty(), &chunks)?;
    }
    for entry in &run.entries {
        let Ok(Event::Samples(SamplesEvent::Sealed { sealed })) = Event::of(entry) else { continue };
        for chunk in &sealed.chunks {
            chunks.remove(&chunk.hash);
        }
    }
    if let Some((member, _)) = chunks.into_values().next() {
        return Err(Failure::new(member, "どのエントリーも封印していない", "no entry sealed it"));
    }
    if absent > 0 {
        run.not_proven.push(Bilingual::new(
            format!("除外されたチャンク {absent} 件の内容。"),
            format!("What the {absent} chunks hold that were left out."),
        ));
    }
    holds(format!("{periods} 区間、{count} サンプル"), format!("{periods} periods, {count} samples"))
}

fn check(
    entry: String,
    sealed: &SealedSamples,
    whole: bool,
    chunks: &BTreeMap<Hash, (&str, &[u8])>,
) -> Result<u64, Failure> {
    if whole {
        let samples = seal::verify(sealed, |hash| chunks.get(hash).map(|(_, bytes)| *bytes));
        let samples = samples.map_err(|error| Failure::cause(&entry, "サンプルが封印と一致しない", &error))?;
        return Ok(samples.len() as u64);
    }
    if seal::root(&sealed.chunks) != sealed.root {
        return Err(Failure::new(
            entry,
            "チャンクのハッシュが封印の根に至らない",
            "the chunk hashes do not lead to the sealed root",
        ));
    }
    let there = sealed.chunks.iter().filter(|chunk| chunks.contains_key(&chunk.hash));
    Ok(there.map(|chunk| chunk.count).sum())
}

/// Every report that an entry names is there unchanged; what is left out is named in the manifest.
pub(super) fn reports(run: &mut Run<'_>) -> Result<Found, Failure> {
    let members = run.members.iter().filter(|(member, _)| member.starts_with(name::REPORTS));
    let mut there: BTreeMap<Hash, &str> = members.map(|(member, bytes)| (sha256(&[bytes]), member.as_str())).collect();
    let left_out = run.manifest.as_ref().map(|(manifest, _)| manifest.left_out.join("\n")).unwrap_or_default();
    let named = named_reports(&run.entries);
    let mut absent = 0_u64;
    for report in named.iter().filter(|report| !there.contains_key(&report.sha256)) {
        if !left_out.contains(&report.sha256.to_string()) {
            return Err(Failure::new(
                &report.name,
                format!("{} の報告書({})がない、または変更されている", report.equipment, report.sha256),
                format!("the report of {} ({}) is missing or was changed", report.equipment, report.sha256),
            ));
        }
        absent += 1;
    }
    for report in &named {
        there.remove(&report.sha256);
    }
    if let Some(member) = there.into_values().next() {
        return Err(Failure::new(member, "どのエントリーも言及していない", "no entry names it"));
    }
    if absent > 0 {
        run.not_proven.push(Bilingual::new(
            format!("除外された報告書 {absent} 件の内容。"),
            format!("What the {absent} reports say that were left out."),
        ));
    }
    let count = named.len();
    holds(format!("{count} 件"), format!("{count} reports"))
}

fn derived(run: &Run<'_>) -> Result<BatchRecord, Failure> {
    let chunks = run.members.iter().filter(|(member, _)| member.starts_with(name::SAMPLES));
    let chunks: Vec<Vec<u8>> = chunks.map(|(_, bytes)| bytes.clone()).collect();
    let Some((manifest, _)) = &run.manifest else {
        return Err(Failure::new(name::MANIFEST, "マニフェストがない", "there is no manifest"));
    };
    let record = BatchRecord::with_purpose(&run.entries, &chunks, manifest.purpose)
        .map_err(|error| Failure::cause(name::ENTRIES, "エントリーから記録を導けない", &error))?;
    if record.batch != manifest.batch || record.head.owner != manifest.owner {
        return Err(Failure::new(
            name::MANIFEST,
            format!("エントリーはバッチ {} のもの", record.batch),
            format!("the entries are those of batch {}", record.batch),
        ));
    }
    Ok(record)
}

fn other_renderer(run: &Run<'_>) -> Option<Found> {
    let renderer = run.manifest.as_ref().map(|(manifest, _)| manifest.renderer.clone()).unwrap_or_default();
    (renderer != RENDERER).then(|| {
        Found::NotChecked(Bilingual::new(
            format!("{renderer} が作成した。この版({RENDERER})では再導出して比べられない"),
            format!("made by {renderer}; this version ({RENDERER}) cannot derive the same bytes"),
        ))
    })
}

/// record.json, the audit trail and the trends are what the entries and samples make.
pub(super) fn record(run: &mut Run<'_>) -> Result<Found, Failure> {
    let record = derived(run)?;
    if let Some(other) = other_renderer(run) {
        run.not_proven.push(Bilingual::new(
            "record.json と PDF がエントリーと一致すること。別の版のソフトウェアが作成した。",
            "That record.json and the PDF say what the entries say: another version of the software made them.",
        ));
        return Ok(other);
    }
    let unwritten = |error: EncodeError| Failure::cause(name::RECORD_JSON, "記録を書き出せない", &error);
    let made = [
        (name::RECORD_JSON, json::record(&record).map_err(unwritten)?),
        (name::AUDIT_JSON, json::audit_trail(&record).map_err(unwritten)?),
        (name::AUDIT_CSV, json::audit_csv(&record).into_bytes()),
        (name::TRENDS, record.trend_csv.clone().into_bytes()),
    ];
    for (member, bytes) in &made {
        if run.members.get(*member) != Some(bytes) {
            return Err(Failure::new(
                member,
                "エントリーから導いたものと一致しない",
                "it is not what the entries make",
            ));
        }
    }
    holds("record.json・監査証跡・トレンドが一致", "record.json, audit trail and trends are equal")
}

/// The PDF is the one that the manifest lists and, when asked, the one that the entries make.
pub(super) fn pdf(run: &mut Run<'_>) -> Result<Found, Failure> {
    let bytes = run.members.get(pdf::PDF_NAME).map(Vec::as_slice).unwrap_or_default();
    if !bytes.starts_with(b"%PDF-") {
        return Err(Failure::new(pdf::PDF_NAME, "PDF ではない", "it is not a PDF"));
    }
    let hash = sha256(&[bytes]);
    if let Some(other) = other_renderer(run) {
        return Ok(other);
    }
    if !run.options.render_pdf {
        run.not_proven.push(Bilingual::new(
            "PDF の表示がエントリーと一致すること。SHA-256 のみ確認し、再作成して比べていない。",
            "That the PDF shows what the entries say: only its SHA-256 was checked; it was not made again and compared.",
        ));
        return holds(format!("SHA-256 {hash} はマニフェストのとおり"), format!("SHA-256 {hash} as in the manifest"));
    }
    let record = derived(run)?;
    let again = pdf::render(&record).map_err(|error| Failure::cause(pdf::PDF_NAME, "PDF を再作成できない", &error))?;
    if again != bytes {
        return Err(Failure::new(
            pdf::PDF_NAME,
            "エントリーから再作成したものと一致しない",
            "it is not the PDF that the entries make",
        ));
    }
    holds(format!("再作成して同一、SHA-256 {hash}"), format!("made again from the entries and equal, SHA-256 {hash}"))
}
