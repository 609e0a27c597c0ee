//! Entries: their bytes, their chain, their place in the logs, the seals of the disposition, the tie to older checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use mes_core::{
    batch::{BatchEvent, StreamSeal},
    journal::{
        Checkpoint, Entry, EntryId, Event, Hash, Owner, SignedNote, StreamId,
        encode::canonical,
        merkle::{verify_consistency, verify_inclusion},
        verify_entry, verify_stream,
    },
    quantity::Bilingual,
};

use super::{Failure, Found, Run, holds};
use crate::{
    manifest::name,
    proof::{EarlierCheckpoint, PROOFS_FORM, Proofs},
};

/// Every line is one entry in canonical JSON; every open part opens its commitment; none is there twice or foreign.
pub(super) fn form(run: &mut Run<'_>) -> Result<Found, Failure> {
    let bytes = run.members.get(name::ENTRIES).cloned().unwrap_or_default();
    let owner = run.manifest.as_ref().map(|(manifest, _)| manifest.owner.clone());
    let mut known = BTreeSet::new();
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let at = || format!("{} 行 line {number}", name::ENTRIES);
        let unread = |error: &dyn std::error::Error| Failure::cause(at(), "エントリーとして読めない", error);
        let value: serde_json::Value = serde_json::from_slice(line).map_err(|error| unread(&error))?;
        let mut bytes = canonical(&value).map_err(|error| unread(&error))?;
        bytes.push(b'\n');
        let entry: Entry = serde_json::from_value(value).map_err(|error| unread(&error))?;
        let id = entry.id();
        if bytes != line {
            return Err(Failure::new(id, "正規の JSON ではない", "it is not written in canonical JSON"));
        }
        verify_entry(&entry).map_err(|error| Failure::cause(&id, "記録された内容と一致しない", &error))?;
        if !known.insert(id.clone()) {
            return Err(Failure::new(id, "二重に含まれる", "it is there twice"));
        }
        if id.owner != Owner::Facility && Some(&id.owner) != owner.as_ref() {
            return Err(Failure::new(id, "他の所有者のエントリー", "it belongs to another owner"));
        }
        entries.push(entry);
    }
    let claimed = run.manifest.as_ref().map_or(0, |(manifest, _)| manifest.entries);
    if entries.len() as u64 != claimed {
        let found = entries.len();
        let why = (
            format!("{found} 件あり、マニフェストは {claimed} 件"),
            format!("{found} entries, the manifest says {claimed}"),
        );
        return Err(Failure::new(name::ENTRIES, why.0, why.1));
    }
    run.entries = entries;
    holds(format!("{claimed} 件"), format!("{claimed} entries"))
}

fn by_stream(entries: &[Entry]) -> BTreeMap<(Owner, StreamId), Vec<&Entry>> {
    let mut streams: BTreeMap<(Owner, StreamId), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let envelope = &entry.envelope;
        streams.entry((envelope.owner.clone(), envelope.stream.clone())).or_default().push(entry);
    }
    streams.values_mut().for_each(|list| list.sort_by_key(|entry| entry.envelope.stream_seq));
    streams
}

/// Every stream is there from its first entry, without a gap, each entry holding the hash of the one before.
pub(super) fn streams(run: &mut Run<'_>) -> Result<Found, Failure> {
    let streams = by_stream(&run.entries);
    for ((_, stream), entries) in &streams {
        let broken = verify_stream(entries.iter().copied());
        broken.map_err(|error| Failure::cause(stream, "ストリームが連続していない", &error))?;
    }
    holds(format!("{} ストリーム、第1番から", streams.len()), format!("{} streams, each from number 1", streams.len()))
}

/// The head of each owner's log is under the checkpoint's root.
pub(super) fn heads(run: &mut Run<'_>) -> Result<Found, Failure> {
    let bytes = run.members.get(name::PROOFS).cloned().unwrap_or_default();
    let proofs: Proofs =
        serde_json::from_slice(&bytes).map_err(|error| Failure::cause(name::PROOFS, "証明として読めない", &error))?;
    if proofs.form != PROOFS_FORM {
        return Err(Failure::new(
            name::PROOFS,
            format!("形式が {PROOFS_FORM} ではない"),
            format!("its form is not {PROOFS_FORM}"),
        ));
    }
    let root = run.checkpoint.as_ref().map_or(Hash::ZERO, |(checkpoint, _)| checkpoint.root);
    for log in &proofs.logs {
        let proven = log.head.verify(&root);
        let (owner, head) =
            proven.map_err(|error| Failure::cause(name::PROOFS, "ログの先頭値がチェックポイントの下にない", &error))?;
        if run.heads.insert(owner.clone(), head).is_some() {
            return Err(Failure::new(
                name::PROOFS,
                format!("{owner} の先頭値が二つある"),
                format!("two heads of {owner}"),
            ));
        }
    }
    let said: Vec<String> = run.heads.iter().map(|(owner, head)| format!("{owner} {}", head.size)).collect();
    run.proofs = Some(proofs);
    holds(said.join("、"), said.join(", "))
}

/// Every entry is in the log of its owner, at the place its number says.
pub(super) fn inclusion(run: &mut Run<'_>) -> Result<Found, Failure> {
    let proofs = run.proofs.as_ref().map(|proofs| proofs.logs.as_slice()).unwrap_or_default();
    let mut paths: BTreeMap<EntryId, &[Hash]> = BTreeMap::new();
    for log in proofs {
        for proof in &log.entries {
            paths.insert(EntryId { owner: log.head.leaf.owner.clone(), seq: proof.seq }, &proof.path);
        }
    }
    for entry in &run.entries {
        let id = entry.id();
        let leaf = verify_entry(entry).map_err(|error| Failure::cause(&id, "記録された内容と一致しない", &error))?;
        let head = run.heads.get(&id.owner);
        let head =
            head.ok_or_else(|| Failure::new(&id, "所有者のログの先頭値がない", "there is no head of its owner's log"))?;
        let path = paths.remove(&id);
        let path = path.ok_or_else(|| Failure::new(&id, "包含証明がない", "there is no inclusion proof for it"))?;
        if !verify_inclusion(&leaf, id.seq.saturating_sub(1), head.size, path, &head.root) {
            return Err(Failure::new(&id, "所有者のログに含まれない", "it is not in its owner's log"));
        }
    }
    if let Some(stray) = paths.into_keys().next() {
        return Err(Failure::new(stray, "証明はあるがエントリーがない", "there is a proof for it, but not the entry"));
    }
    holds(format!("{} 件すべて", run.entries.len()), format!("all {} entries", run.entries.len()))
}

/// The seals of the last disposition: each stream is there up to the sealed entry, and that entry is the sealed one.
pub(super) fn seals(run: &mut Run<'_>) -> Result<Found, Failure> {
    let disposed = run.entries.iter().rev().filter_map(|entry| match Event::of(entry) {
        Ok(Event::Batch(BatchEvent::Released { seals, .. } | BatchEvent::Rejected { seals, .. })) => {
            Some((entry, seals))
        }
        _ => None,
    });
    let newest = disposed.max_by_key(|(entry, _)| entry.envelope.stream_seq);
    let Some((disposition, seals)) = newest else {
        run.not_proven.push(Bilingual::new(
            "バッチのエントリーがこれで全部であること。出荷判定がまだなく、ストリームの末尾は封印されていない。",
            "That these are all entries of the batch: there is no disposition yet, and the ends of the streams are not sealed.",
        ));
        return Ok(Found::NotChecked(Bilingual::new("出荷判定前のバッチ", "the batch has no disposition yet")));
    };
    let id = disposition.id();
    let streams = by_stream(&run.entries);
    let own = disposition.envelope.stream.clone();
    if !seals.iter().any(|seal| seal.stream == own) {
        return Err(Failure::new(
            &id,
            "バッチ自身のストリームを封印していない",
            "it does not seal the batch's own stream",
        ));
    }
    for StreamSeal { stream, seq, hash } in &seals {
        let entries = streams.get(&(id.owner.clone(), stream.clone()));
        let there = entries.map_or(0, |entries| entries.len() as u64);
        let sealed = entries.and_then(|entries| entries.iter().find(|entry| entry.envelope.stream_seq == *seq));
        let Some(sealed) = sealed else {
            return Err(Failure::new(
                stream,
                format!("{id} は第 {seq} 番までを封印したが、{there} 件しかない"),
                format!("{id} sealed it up to number {seq}, but only {there} entries are there"),
            ));
        };
        let leaf =
            verify_entry(sealed).map_err(|error| Failure::cause(sealed.id(), "記録された内容と一致しない", &error))?;
        if leaf != *hash {
            return Err(Failure::new(
                sealed.id(),
                format!("{id} が封印したエントリーではない"),
                format!("it is not the entry that {id} sealed"),
            ));
        }
    }
    if let Some((_, stream)) =
        streams.keys().find(|(owner, stream)| *owner == id.owner && !seals.iter().any(|seal| seal.stream == *stream))
    {
        run.not_proven.push(Bilingual::new(
            format!("ストリーム {stream} が完全であること。出荷判定で封印されていない。"),
            format!("That stream {stream} is complete: the disposition did not seal it."),
        ));
    }
    holds(format!("{id}: {} ストリーム", seals.len()), format!("{id}: {} streams", seals.len()))
}

/// Checks one earlier checkpoint; returns its owners.
fn tied(run: &Run<'_>, earlier: &EarlierCheckpoint) -> Result<(Checkpoint, SignedNote, usize), Failure> {
    let at = || format!("{} earlier", name::PROOFS);
    let note = SignedNote::parse(&earlier.checkpoint)
        .map_err(|error| Failure::cause(at(), "チェックポイントとして読めない", &error))?;
    let key = run.key.as_ref().ok_or_else(|| Failure::new(at(), "鍵がない", "there is no key"))?;
    let checkpoint =
        Checkpoint::verify(&note, key).map_err(|error| Failure::cause(at(), "署名が一致しない", &error))?;
    let object = format!("checkpoint {}", checkpoint.number);
    for log in &earlier.logs {
        let (owner, old) = log
            .head
            .verify(&checkpoint.root)
            .map_err(|error| Failure::cause(&object, "ログの先頭値がその下にない", &error))?;
        let new = run.heads.get(&owner);
        let new = new.ok_or_else(|| {
            Failure::new(
                &object,
                format!("{owner} の先頭値がない"),
                format!("there is no head of {owner} in the package"),
            )
        })?;
        if !verify_consistency(old.size, &old.root, new.size, &new.root, &log.path) {
            return Err(Failure::new(
                &object,
                format!("{owner} のログは第 {} 件までが書き換えられているか、別の履歴である", old.size),
                format!("the log of {owner} does not continue it: its first {} entries were rewritten", old.size),
            ));
        }
    }
    Ok((checkpoint, note, earlier.logs.len()))
}

/// Every earlier checkpoint in the package is continued by the package's.
pub(super) fn earlier(run: &mut Run<'_>) -> Result<Found, Failure> {
    let list = run.proofs.as_ref().map(|proofs| proofs.earlier.clone()).unwrap_or_default();
    let mut numbers = Vec::new();
    for earlier in &list {
        numbers.push(tied(run, earlier)?.0.number.to_string());
    }
    if numbers.is_empty() {
        return Ok(Found::NotChecked(Bilingual::new("パッケージに含まれない", "the package holds none")));
    }
    holds(format!("第 {} 号", numbers.join("、")), format!("numbers {}", numbers.join(", ")))
}

/// The checkpoint that the reader kept is the package's, or is continued by it.
pub(super) fn since(run: &mut Run<'_>) -> Result<Found, Failure> {
    let Some(own) = run.options.since else {
        run.not_proven.push(Bilingual::new(
            "それ以前が書き換えられていないこと。手元に保管したチェックポイントを --since で示せば、その時点以降について確認できる。",
            "That nothing was rewritten before this package was made: show a checkpoint you kept with --since to check from then on.",
        ));
        return Ok(Found::NotChecked(Bilingual::new("--since の指定なし", "none was given (--since)")));
    };
    let object = "--since";
    let key = run.key.as_ref().ok_or_else(|| Failure::new(object, "鍵がない", "there is no key"))?;
    let kept = Checkpoint::verify(own, key)
        .map_err(|error| Failure::cause(object, "手元のチェックポイントが署名と一致しない", &error))?;
    let number = kept.number;
    run.not_proven.push(Bilingual::new(
        format!("手元のチェックポイント第 {number} 号より前が書き換えられていないこと。"),
        format!("That nothing was rewritten before your own checkpoint number {number}."),
    ));
    let Some((checkpoint, note)) = &run.checkpoint else {
        return Err(Failure::new(name::CHECKPOINT, "チェックポイントがない", "there is no checkpoint"));
    };
    if note.text() == own.text() {
        return holds(format!("第 {number} 号はパッケージのもの"), format!("number {number} is the package's own"));
    }
    if checkpoint.number == number {
        return Err(Failure::new(
            name::CHECKPOINT,
            format!("第 {number} 号が二つある。施設は別の履歴を示した"),
            format!("there are two checkpoints number {number}: you were shown another history"),
        ));
    }
    if checkpoint.number < number {
        return Err(Failure::new(
            object,
            format!(
                "手元の第 {number} 号はパッケージの第 {} 号より新しい。新しいパッケージを求めること",
                checkpoint.number
            ),
            format!("your number {number} is newer than the package's {}: ask for a newer package", checkpoint.number),
        ));
    }
    let list = run.proofs.as_ref().map(|proofs| proofs.earlier.as_slice()).unwrap_or_default();
    let owner = run.manifest.as_ref().map(|(manifest, _)| manifest.owner.clone());
    for earlier in list {
        let (_, note, _) = tied(run, earlier)?;
        let covers = earlier.logs.iter().any(|log| Some(&log.head.leaf.owner) == owner.as_ref());
        if note.text() == own.text() && covers {
            return holds(
                format!("第 {number} 号から書換えなし"),
                format!("nothing was rewritten since number {number}"),
            );
        }
    }
    Err(Failure::new(
        object,
        format!("パッケージに第 {number} 号からの整合証明がない。それを含むパッケージを求めること"),
        format!("the package holds no consistency proof from number {number}: ask for a package that does"),
    ))
}
