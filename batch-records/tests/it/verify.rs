//! The verifier: what holds is said to hold, and whatever was tampered with is found and named.

use batch_records::{
    export::package::PackageError,
    verify::{Outcome, Report, Status, VerifyOptions, read_keys, verify, verify_file},
};
use mes_core::{
    journal::{Entry, FacilityPublicKey, Part, PartName, Purpose, SignedNote},
    quantity::Language,
};
use proptest::prelude::*;

use crate::{
    evidence::{Members, Moment, before, build_with, key, other_key, package, sign_again, unzip, zip},
    story::Story,
};

fn check(package: &[u8]) -> Report {
    let keys = [key().public()];
    verify(package, &VerifyOptions { keys: &keys, since: None, render_pdf: false })
}

fn with_keys(package: &[u8], keys: &[FacilityPublicKey]) -> Report {
    verify(package, &VerifyOptions { keys, since: None, render_pdf: false })
}

/// The object that the report names first, after a change of the members that keeps the old manifest.
fn named(change: impl FnOnce(&mut Members)) -> String {
    let mut members = unzip(&package().bytes);
    change(&mut members);
    first(&check(&zip(&members)))
}

/// The same after a change by somebody who holds the key and lists the members anew.
fn named_resigned(change: impl FnOnce(&mut Members)) -> String {
    let mut members = unzip(&package().bytes);
    change(&mut members);
    sign_again(&mut members, &key(), |_| {});
    first(&check(&zip(&members)))
}

fn first(report: &Report) -> String {
    assert_eq!(report.status, Status::Failed, "{}", report.text(Language::En));
    let (object, why) = report.first_failure().unwrap();
    assert!(!why.ja.is_empty() && !why.en.is_empty());
    object.to_owned()
}

fn entries_of(members: &Members) -> Vec<Entry> {
    let text = std::str::from_utf8(&members["entries.jsonl"]).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn put_entries(members: &mut Members, entries: &[Entry]) {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(mes_core::journal::encode::canonical_of(entry).unwrap());
        bytes.push(b'\n');
    }
    members.insert("entries.jsonl".into(), bytes);
}

#[test]
fn doc_09_a_package_verifies_offline_and_says_its_purpose_first() {
    let keys = [key().public()];
    let report = verify(&package().bytes, &VerifyOptions { keys: &keys, since: None, render_pdf: true });
    assert_eq!((report.status, report.status.code()), (Status::Verified, 0), "{}", report.text(Language::En));
    assert_eq!(report.purpose, Some(Purpose::Demo));
    for (language, purpose) in
        [(Language::Ja, "デモ – 製造記録ではありません"), (Language::En, "Demo – not a manufacturing record")]
    {
        assert_eq!(report.text(language).lines().next(), Some(purpose));
    }
    // The hash of the PDF changes with every change of its layout; that it is there is enough here.
    let pdf = "SHA-256 ";
    let steady = |language| {
        let text = report.text(language);
        let at = text.find(pdf).expect("the PDF's hash is named") + pdf.len();
        assert!(text[at..at + 64].bytes().all(|byte| byte.is_ascii_hexdigit()));
        text.replace(&text[at..at + 64], "(hash)")
    };
    insta::assert_snapshot!("report_ja", steady(Language::Ja));
    insta::assert_snapshot!("report_en", steady(Language::En));
}

#[test]
fn the_same_input_makes_the_same_package() {
    let story = Story::released();
    let (now, before) = (Moment::now(&story), before(&story));
    let again = build_with(&now, &story.entries, &story.chunks, vec![before.tie(&now)]).unwrap();
    assert!(again.bytes == package().bytes);
    let names: Vec<String> = unzip(&again.bytes).into_keys().filter(|name| !name.starts_with("samples/")).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn without_a_key_the_signer_is_not_established_and_has_its_own_status() {
    let report = with_keys(&package().bytes, &[]);
    assert_eq!(report.status.code(), 2);
    let line = report.verdict().en;
    let fingerprint = key().public().fingerprint().to_string();
    assert!(line.contains("consistent in itself, signer not established, fingerprint") && line.contains(&fingerprint));
    assert!(report.not_proven.iter().any(|line| line.en.starts_with("That the facility signed it")));
}

#[test]
fn a_pinned_list_finds_the_key_that_signed() {
    let list = format!("{}\n{}", other_key().public().to_pem().unwrap(), key().public().to_pem().unwrap());
    let keys = read_keys(&list, "keys.pem").unwrap();
    assert_eq!(keys, [other_key().public(), key().public()]);
    assert_eq!(with_keys(&package().bytes, &keys).status, Status::Verified);
    for bad in ["", "not a key", &list[..60]] {
        assert!(read_keys(bad, "keys.pem").unwrap_err().to_string().starts_with("keys.pem is not a public"));
    }
}

#[test]
fn a_package_signed_again_with_another_key_is_found() {
    let mut members = unzip(&package().bytes);
    members.insert("facility.pub".into(), other_key().public().to_pem().unwrap().into_bytes());
    sign_again(&mut members, &other_key(), |_| {});
    assert_eq!(first(&check(&zip(&members))), "manifest");
    let report = with_keys(&zip(&members), &[]);
    assert_eq!(first(&report), "checkpoint");
}

#[test]
fn a_missing_added_renamed_or_doubled_member_is_named() {
    for name in unzip(&package().bytes).into_keys().filter(|name| name != "manifest") {
        assert_eq!(named(|members| drop(members.remove(&name))), name);
        let renamed = format!("{name}.old");
        assert_eq!(
            named(|members| {
                let bytes = members.remove(&name).unwrap();
                members.insert(renamed, bytes);
            }),
            name
        );
    }
    assert_eq!(named(|members| drop(members.insert("notes.txt".into(), b"x".to_vec()))), "notes.txt");
    let mut bytes = package().bytes.clone();
    let (from, to) = (b"record.json", b"record.pdf\0");
    let hits: Vec<usize> = (0..bytes.len() - 11).filter(|at| bytes[*at..].starts_with(from)).collect();
    for at in &hits {
        bytes[*at..at + 11].copy_from_slice(to);
    }
    assert_eq!(check(&bytes).status, Status::Failed);
    let members = unzip(&package().bytes);
    let mut bare = members.clone();
    bare.remove("manifest");
    assert_eq!(check(&zip(&bare)).status.code(), 3);
}

#[test]
fn a_truncated_or_strange_file_is_unreadable_with_its_own_status() {
    let bytes = &package().bytes;
    for length in [0, 1, 21, 22, 1000, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(check(&bytes[..length]).status.code(), 3, "{length}");
    }
    assert_eq!(check(b"PK\x03\x04 not a zip").status.code(), 3);
    let missing = verify_file(std::path::Path::new("/nowhere/MSC.zip"), &VerifyOptions::default());
    assert_eq!(missing.status.code(), 3);
    assert!(missing.text(Language::En).contains("/nowhere/MSC.zip: cannot be read"));
}

#[test]
fn p11_02_a_changed_byte_of_any_member_is_named() {
    for (name, bytes) in unzip(&package().bytes) {
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let found = named(|members| members.get_mut(&name).unwrap()[at] ^= 1);
            assert_eq!(found, name, "byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_flipped_byte_of_the_file_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = package().bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let report = check(&bytes);
        // A flip that changes no member (the date in a zip header, padding bits of the packing) changes nothing signed.
        let same = || std::panic::catch_unwind(|| unzip(&bytes) == unzip(&package().bytes)).unwrap_or(false);
        prop_assert!(report.status != Status::Verified || same(), "byte {}", at);
    }
}

#[test]
fn a_truncated_history_is_found_although_the_key_signed_it() {
    // The last three entries before the disposition are dropped, and the disposition is kept.
    let found = named_resigned(|members| {
        let mut entries = entries_of(members);
        let batch = |entry: &Entry| entry.envelope.stream.to_string() == "batch:MSC-2607-01";
        let last =
            entries.iter().rposition(|entry| batch(entry) && entry.envelope.event_type == "batch.reviewed").unwrap();
        entries.remove(last);
        put_entries(members, &entries);
    });
    assert_eq!(found, "batch:MSC-2607-01");
    // A whole sealed stream is dropped.
    let found = named_resigned(|members| {
        let entries = entries_of(members);
        let kept: Vec<Entry> =
            entries.into_iter().filter(|e| e.envelope.stream.to_string() != "booking:BK-0001").collect();
        put_entries(members, &kept);
        let mut proofs: serde_json::Value = serde_json::from_slice(&members["proofs.json"]).unwrap();
        let seqs: Vec<u64> =
            kept.iter().filter(|e| e.envelope.owner.to_string() != "facility").map(|e| e.envelope.owner_seq).collect();
        for log in proofs["logs"].as_array_mut().unwrap() {
            if log["head"]["leaf"]["owner"] != "facility" {
                let list = log["entries"].as_array_mut().unwrap();
                list.retain(|proof| seqs.contains(&proof["seq"].as_u64().unwrap()));
            }
        }
        members.insert("proofs.json".into(), serde_json::to_vec(&proofs).unwrap());
    });
    assert_eq!(found, "booking:BK-0001");
    // The last entry of all, the disposition itself: the record no longer says what it said.
    let found = named_resigned(|members| {
        let mut entries = entries_of(members);
        let last = entries.iter().rposition(|entry| entry.envelope.event_type == "batch.released").unwrap();
        let gone = entries.remove(last).id().to_string();
        put_entries(members, &entries);
        assert!(gone.starts_with("tenant:TEN-A#"));
    });
    assert!(found.starts_with("tenant:TEN-A#"), "{found}");
}

#[test]
fn a_changed_entry_is_named_although_the_key_signed_the_list() {
    let found = named_resigned(|members| {
        let text = String::from_utf8(members["entries.jsonl"].clone()).unwrap();
        members.insert("entries.jsonl".into(), text.replacen("\"88.5\"", "\"91.5\"", 1).into_bytes());
    });
    assert!(found.starts_with("tenant:TEN-A#"), "{found}");
    // The part and its commitment are made to fit: then the chain and the log do not.
    let found = named_resigned(|members| {
        let mut entries = entries_of(members);
        let entry = entries.iter_mut().find(|entry| entry.envelope.event_type == "batch.late_entered").unwrap();
        let Some(Part::Open { salt, value }) = entry.parts.get_mut(&PartName::Text) else { panic!() };
        *value = "nothing".into();
        let fits = mes_core::journal::encode::commitment(salt, value).unwrap();
        entry.envelope.parts.insert(PartName::Text, fits);
        put_entries(members, &entries);
    });
    assert_eq!(found, "batch:MSC-2607-01");
}

#[test]
fn a_record_or_pdf_that_says_other_than_the_entries_is_found_although_the_key_signed_it() {
    let found = named_resigned(|members| {
        let text = String::from_utf8(members["record.json"].clone()).unwrap();
        assert!(text.contains("出荷可(合格)"));
        members.insert("record.json".into(), text.replace("82.4 %", "92.4 %").into_bytes());
    });
    assert_eq!(found, "record.json");
    let story = Story::begun();
    let small = build_with(&Moment::now(&story), &story.entries, &story.chunks, Vec::new()).unwrap();
    let mut members = unzip(&small.bytes);
    members.get_mut("record.pdf").unwrap().extend(b"%\n");
    sign_again(&mut members, &key(), |_| {});
    let keys = [key().public()];
    let report = verify(&zip(&members), &VerifyOptions { keys: &keys, since: None, render_pdf: true });
    assert_eq!(first(&report), "record.pdf");
}

#[test]
fn changed_missing_or_foreign_samples_are_named_although_the_key_signed_them() {
    let chunk =
        |members: &Members| members.keys().find(|name| name.starts_with("samples/INC-03/co2/")).unwrap().clone();
    let found = named_resigned(|members| {
        let name = chunk(members);
        let last = members.get_mut(&name).and_then(|bytes| bytes.last_mut()).unwrap();
        *last ^= 1;
    });
    assert!(found.starts_with("INC-03/co2"), "{found}");
    let found = named_resigned(|members| drop(members.remove(&chunk(members))));
    assert!(found.starts_with("INC-03/co2"), "{found}");
    let found =
        named_resigned(|members| drop(members.insert("samples/INC-03/co2/more.jsonl".into(), b"{}\n".to_vec())));
    assert_eq!(found, "samples/INC-03/co2/more.jsonl");
}

#[test]
fn a_manifest_that_claims_another_purpose_or_batch_is_found() {
    let resigned = |change: fn(&mut batch_records::Manifest)| {
        let mut members = unzip(&package().bytes);
        sign_again(&mut members, &key(), change);
        first(&check(&zip(&members)))
    };
    assert_eq!(resigned(|manifest| manifest.purpose = Purpose::Production), "checkpoint");
    assert_eq!(resigned(|manifest| manifest.batch = "MSC-2607-99".parse().unwrap()), "manifest");
    assert_eq!(resigned(|manifest| manifest.entries += 1), "entries.jsonl");
}

#[test]
fn doc_06_a_checkpoint_that_was_kept_proves_that_nothing_was_rewritten() {
    let story = Story::released();
    let kept = before(&story).note;
    let keys = [key().public()];
    let since = |note: &SignedNote| {
        verify(&package().bytes, &VerifyOptions { keys: &keys, since: Some(note), render_pdf: false })
    };
    let report = since(&kept);
    assert_eq!(report.status, Status::Verified, "{}", report.text(Language::En));
    assert!(report.text(Language::En).contains("nothing was rewritten since number 9"));
    assert_eq!(since(&Moment::now(&story).note).status, Status::Verified);
    // Another history under the same number, an unknown one, a newer one, one of somebody else.
    let fork = Moment::new(&story, 17, |_, size| size - 1).note;
    let report = since(&fork);
    assert!(report.first_failure().unwrap().1.en.contains("another history"), "{}", report.text(Language::En));
    assert!(
        since(&Moment::new(&story, 8, |_, _| 2).note).first_failure().unwrap().1.en.contains("no consistency proof")
    );
    assert!(since(&Moment::new(&story, 18, |_, size| size).note).first_failure().unwrap().1.en.contains("newer"));
    let foreign = SignedNote::sign(kept.text().to_owned(), &other_key()).unwrap();
    assert_eq!(first(&since(&foreign)), "--since");
}

#[test]
fn a_rewritten_history_does_not_continue_an_old_checkpoint() {
    // The facility makes another history with the same number of entries, and ties the old checkpoint to it as it can.
    let (honest, mut other) = (Story::released(), Story::new());
    other.wait(5);
    other.replay_beginning();
    while other.entries.len() < honest.entries.len() {
        let last = other.entries.len();
        other.comment(&format!("rewritten {last}"));
    }
    let mut members = unzip(&package().bytes);
    let mut proofs: batch_records::Proofs = serde_json::from_slice(&members["proofs.json"]).unwrap();
    assert_eq!(proofs.earlier, [before(&honest).tie(&Moment::now(&honest))]);
    let rewritten = Moment::new(&other, 9, |_, size| size.div_ceil(2));
    proofs.earlier = vec![rewritten.tie(&Moment::now(&other))];
    members.insert("proofs.json".into(), serde_json::to_vec(&proofs).unwrap());
    sign_again(&mut members, &key(), |_| {});
    assert_eq!(first(&check(&zip(&members))), "checkpoint 9");
}

#[test]
fn doc_10_what_is_withheld_is_named_in_the_manifest_and_the_proofs_still_hold() {
    let mut story = Story::released();
    let late = story.entries.iter_mut().find(|entry| entry.envelope.event_type == "batch.late_entered").unwrap();
    let id = late.id();
    late.parts.insert(PartName::Text, Part::Withheld);
    let made = build_with(&Moment::now(&story), &story.entries, &story.chunks[1..], Vec::new()).unwrap();
    let report = check(&made.bytes);
    assert_eq!(report.status, Status::Verified, "{}", report.text(Language::En));
    assert!(report.left_out.iter().any(|line| line.contains(&format!("entry {id}, part text: withheld"))));
    assert!(report.left_out.iter().any(|line| line.starts_with("chunk ")));
    assert!(report.not_proven.iter().any(|line| line.en.contains("1 chunks hold that were left out")));
    let text = String::from_utf8(unzip(&made.bytes)["record.json"].clone()).unwrap();
    assert!(!text.contains("撹拌停止は検体採取"));
}

#[test]
fn a_batch_before_its_disposition_verifies_but_its_end_is_not_proven() {
    let story = Story::begun();
    let made = build_with(&Moment::now(&story), &story.entries, &story.chunks, Vec::new()).unwrap();
    let report = check(&made.bytes);
    assert_eq!(report.status, Status::Verified);
    assert!(report.not_proven.iter().any(|line| line.en.contains("no disposition yet")));
    let open = report.checks.iter().find(|check| check.what.en.contains("sealed at disposition")).unwrap();
    assert!(matches!(open.outcome, Outcome::NotChecked(_)));
}

#[test]
fn a_package_whose_parts_do_not_fit_is_never_handed_out() {
    let story = Story::begun();
    let early = Moment::new(&story, 3, |_, size| size.div_ceil(2));
    let entries: Vec<Entry> = story.entries.clone();
    let covered =
        |entry: &&Entry| entry.envelope.owner_seq <= 5 && entry.envelope.owner != mes_core::journal::Owner::Facility;
    let covered: Vec<Entry> = entries.iter().filter(covered).cloned().collect();
    let logs = early.proofs(&covered);
    let key = key();
    let input = batch_records::export::package::PackageInput {
        entries: &entries,
        chunks: &story.chunks,
        reports: &story.reports,
        checkpoint: &early.note,
        logs,
        earlier: Vec::new(),
        key: &key.public(),
        left_out: Vec::new(),
        made: crate::evidence::made(),
        sign: &|text| SignedNote::sign(text, &key),
    };
    let refused = batch_records::export::package::build(&input).unwrap_err();
    assert!(matches!(&refused, PackageError::DoesNotVerify { object, .. } if object.contains('#')), "{refused}");
}
