//! Reports of closed devices in the record and in its package: what they say, what has to be looked at, and that none is missing,
//! changed or smuggled in.

use batch_records::{
    BatchRecord, Kind,
    export::package::{Package, PackageInput, build},
    verify::{Status, VerifyOptions, verify},
};
use mes_core::{
    batch::BatchEvent,
    historian::SampleValue,
    journal::{SignedNote, encode::sha256},
    quantity::{Bilingual, Language, Unit},
    tenant::{DeviceReport, ReportedValue},
};

use crate::{
    evidence::{Moment, key, made},
    facility::{id, system},
    story::Story,
};

const FILE: &[u8] = b"Lot;MSC-0007\nT;51.0\n";

pub(crate) fn story() -> Story {
    let mut story = Story::begun();
    let report = DeviceReport {
        equipment: id("INC-03"),
        name: "記録 17.csv".into(),
        sha256: sha256(&[FILE]),
        bytes: FILE.len() as u64,
        written: story.now,
        template: "freezer-report".into(),
        template_version: 2,
        lot: None,
        lot_unread: false,
        values: vec![ReportedValue {
            tag: id("temperature"),
            value: SampleValue::Real(451.0),
            unit: Unit("Cel".into()),
        }],
        problems: vec![Bilingual::new("F0: 空欄である", "F0: it is empty")],
    };
    let event = BatchEvent::ReportReceived { role: id("incubator"), report: Box::new(report) };
    story.batch(system("file-drop"), event);
    story.reports.push(FILE.to_vec());
    story
}

fn packed(story: &Story, reports: &[Vec<u8>]) -> Package {
    let (moment, key) = (Moment::now(story), key());
    let input = PackageInput {
        entries: &story.entries,
        chunks: &story.chunks,
        reports,
        checkpoint: &moment.note,
        logs: moment.proofs(&story.entries),
        earlier: Vec::new(),
        key: &key.public(),
        left_out: Vec::new(),
        made: made(),
        sign: &|text| SignedNote::sign(text, &key),
    };
    build(&input).unwrap()
}

#[test]
fn di_04_what_a_report_says_stands_in_section_15_and_what_has_to_be_looked_at_is_an_exception() {
    let story = story();
    let record = BatchRecord::from_entries(&story.entries, &story.chunks).unwrap();
    let section = serde_json::to_string(&record.sections[14]).unwrap();
    for said in ["記録 17.csv", &sha256(&[FILE]).to_string(), "451", "F0: it is empty"] {
        assert!(section.contains(said), "{said}: {section}");
    }
    let seen: Vec<_> =
        record.exceptions.iter().filter(|one| one.kind == Kind::Report).map(|one| &one.what.en).collect();
    assert_eq!(seen, ["INC-03 記録 17.csv: F0: it is empty"]);
    let list = serde_json::to_string(&record.sections[30]).unwrap();
    assert!(list.contains("記録 17.csv"), "C211-23: the list of attachments names it");
}

#[test]
fn a_package_without_the_report_says_so_and_a_changed_or_foreign_one_is_never_handed_out() {
    let story = story();
    let key = key().public();
    let options = VerifyOptions { keys: std::slice::from_ref(&key), since: None, render_pdf: false };
    let whole = verify(&packed(&story, &story.reports).bytes, &options);
    assert_eq!(whole.status, Status::Verified);
    assert!(whole.text(Language::En).contains("1 reports"));
    // Bytes that no entry names do not get in; the one that is missing is named.
    let without = verify(&packed(&story, &[b"something else".to_vec()]).bytes, &options);
    assert_eq!(without.status, Status::Verified);
    let said = without.text(Language::En);
    assert!(said.contains(&format!("report {} of INC-03: not in this package", sha256(&[FILE]))), "{said}");
    assert!(said.contains("What the 1 reports say that were left out"), "{said}");
}
