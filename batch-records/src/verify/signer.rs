//! Who signed the manifest and the checkpoint, and whether they say the same.

use mes_core::{
    journal::{Checkpoint, FacilityPublicKey, SignedNote},
    quantity::Bilingual,
};

use super::{Failure, Found, Run, holds};
use crate::manifest::{Manifest, name};

fn text<'a>(run: &'a Run<'_>, member: &str) -> Result<&'a str, Failure> {
    let bytes =
        run.members.get(member).ok_or_else(|| Failure::new(member, "メンバーがない", "the member is missing"))?;
    std::str::from_utf8(bytes).map_err(|_| Failure::new(member, "UTF-8 のテキストではない", "it is not UTF-8 text"))
}

fn note(run: &Run<'_>, member: &str) -> Result<SignedNote, Failure> {
    let text = text(run, member)?;
    let note =
        SignedNote::parse(text).map_err(|error| Failure::cause(member, "署名付きノートとして読めない", &error))?;
    if note.to_string() != text {
        return Err(Failure::new(
            member,
            "署名付きノートの形が一意でない",
            "it is not written in the one form of a signed note",
        ));
    }
    Ok(note)
}

/// The manifest is signed by a key that the reader trusts; without one, by the key in the package.
pub(super) fn manifest(run: &mut Run<'_>) -> Result<Found, Failure> {
    let note = note(run, name::MANIFEST)?;
    let manifest = Manifest::read(note.text())
        .map_err(|error| Failure::cause(name::MANIFEST, "マニフェストとして読めない", &error))?;
    let given = !run.options.keys.is_empty();
    let key = if given {
        let signed =
            |key: &&FacilityPublicKey| note.signatures().iter().any(|line| line.fingerprint == key.fingerprint());
        run.options.keys.iter().find(signed).or(run.options.keys.first()).cloned()
    } else {
        let pem = text(run, name::KEY)?;
        Some(
            FacilityPublicKey::parse(pem, name::KEY)
                .map_err(|error| Failure::cause(name::KEY, "公開鍵として読めない", &error))?,
        )
    };
    let key = key.ok_or_else(|| Failure::new(name::KEY, "鍵がない", "there is no key"))?;
    let verified = note.verify(&key);
    // What a note says is reported even when its signature fails, so that the reader sees what was refused.
    run.manifest = Some((manifest, note));
    verified.map_err(|error| Failure::cause(name::MANIFEST, "署名が一致しない", &error))?;
    let fingerprint = key.fingerprint();
    run.key = Some(key);
    if given {
        holds(format!("指定の鍵による署名 {fingerprint}"), format!("signed by the given key {fingerprint}"))
    } else {
        run.not_proven.push(Bilingual::new(
            "署名者が施設であること。鍵を指定していない。指紋を施設から別経路で得た値と照合すること。",
            "That the facility signed it: no key was given. Compare the fingerprint with one you got from the facility by another way.",
        ));
        holds(
            format!("パッケージ内の鍵による署名 {fingerprint}"),
            format!("signed by the key in the package {fingerprint}"),
        )
    }
}

/// The checkpoint is signed by the same key, and agrees with the manifest.
pub(super) fn checkpoint(run: &mut Run<'_>) -> Result<Found, Failure> {
    let note = note(run, name::CHECKPOINT)?;
    let (Some(key), Some((manifest, _))) = (&run.key, &run.manifest) else {
        return Err(Failure::new(name::MANIFEST, "鍵がない", "there is no key"));
    };
    let checkpoint = Checkpoint::verify(&note, key)
        .map_err(|error| Failure::cause(name::CHECKPOINT, "署名が一致しないか、読めない", &error))?;
    if checkpoint.purpose != manifest.purpose
        || checkpoint.number != manifest.checkpoint
        || checkpoint.facility != manifest.facility
    {
        return Err(Failure::new(
            name::CHECKPOINT,
            "目的・番号・施設名がマニフェストと一致しない",
            "its purpose, number or facility is not the manifest's",
        ));
    }
    let pem = text(run, name::KEY)?;
    if FacilityPublicKey::parse(pem, name::KEY).ok().as_ref() != Some(key) {
        return Err(Failure::new(name::KEY, "署名鍵の公開鍵ではない", "it is not the public key that signed"));
    }
    let (number, time) = (checkpoint.number, checkpoint.time.shown());
    run.checkpoint = Some((checkpoint, note));
    holds(format!("第 {number} 号、{time}"), format!("number {number}, {time}"))
}
