//! Deviations, reviews, disposition.

use mes_core::{
    access::{Meaning, SignatureStatus, Subject},
    batch::{BatchCommand, BatchEvent, DeviationClass, ExportedFile, Lifecycle, StreamSeal},
    journal::{Hash, StreamId, StreamKind},
    tenant::Role,
};

use crate::bench::{Bench, correct, id, number};

pub(crate) fn open(bench: &mut Bench, person: &str) {
    let open = BatchCommand::OpenDeviation { deviation: id("DEV-1"), phase: Some(id("P030")), text: "spill".into() };
    bench.act(person, &open).unwrap();
}

pub(crate) fn classify(class: DeviationClass) -> BatchCommand {
    BatchCommand::ClassifyDeviation { deviation: id("DEV-1"), class, text: "no impact 影響なし".into() }
}

fn close(bench: &mut Bench, person: &str) -> Result<Vec<BatchEvent>, mes_core::access::Rejection> {
    bench.sign(person, Subject::Deviation(id("DEV-1")), Meaning::Approved)
}

fn audit(bench: &Bench) -> BatchCommand {
    BatchCommand::ReviewAuditTrail { up_to: bench.batch().last_seq }
}

pub(crate) fn seals() -> Vec<StreamSeal> {
    vec![StreamSeal { stream: StreamId::new(StreamKind::Batch, "B-1"), seq: 1, hash: Hash::ZERO }]
}

pub(crate) fn dispose(bench: &Bench, release: bool) -> BatchCommand {
    let signature = bench.batch().signatures.last().unwrap().0.id.clone();
    BatchCommand::Dispose { release, signature, text: Some("fine".into()), seals: seals() }
}

pub(crate) fn reviewed() -> Bench {
    let mut bench = Bench::executed();
    bench.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    let review = audit(&bench);
    bench.act("aida", &review).unwrap();
    bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap();
    bench
}

#[test]
fn a_batch_is_reviewed_by_production_then_quality_and_released_with_seals() {
    let mut bench = reviewed();
    assert_eq!(bench.batch().lifecycle, Lifecycle::QualityReviewed);
    bench.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap();
    let release = dispose(&bench, true);
    bench.act("yamamoto", &release).unwrap();
    assert_eq!(bench.batch().lifecycle, Lifecycle::Released);
    assert_eq!(bench.batch().seals, seals());
    let comment = BatchCommand::Comment { phase: None, text: "late".into() };
    assert_eq!(bench.act("sato", &comment).unwrap_err().rule, "P11-09");
    let files = vec![ExportedFile { name: "record.pdf".into(), sha256: Hash::ZERO }];
    assert!(bench.act("watanabe", &BatchCommand::NoteExport { files }).is_ok());
}

#[test]
fn sod_03_nobody_from_production_reviews_for_quality_or_decides_release() {
    let mut bench = Bench::executed();
    bench.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    let review = audit(&bench);
    bench.act("aida", &review).unwrap();
    let dialog = bench.dialog("tanaka", Subject::QualityReview, Meaning::Reviewed);
    assert_eq!(bench.act_as("tanaka", Role::Qa, &dialog).unwrap_err().rule, "SOD-03");
    bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap();
    let dialog = bench.dialog("sato", Subject::Disposition, Meaning::Released);
    assert_eq!(bench.act_as("sato", Role::Rel, &dialog).unwrap_err().rule, "SOD-03");
}

#[test]
fn sod_03_a_quality_person_who_corrected_an_item_took_part_in_production() {
    let mut bench = Bench::at("end");
    bench.act("watanabe", &correct("P030", "viability", "91")).unwrap();
    bench.sign("tanaka", Subject::Corrections(id("P030")), Meaning::Verified).unwrap();
    bench.act("tanaka", &BatchCommand::CompleteExecution).unwrap();
    bench.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    let review = audit(&bench);
    bench.act("aida", &review).unwrap();
    assert_eq!(bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap_err().rule, "SOD-03");
    assert!(bench.sign("ueda", Subject::QualityReview, Meaning::Reviewed).is_ok());
}

#[test]
fn sod_05_the_audit_trail_is_reviewed_by_somebody_who_did_not_act_in_it() {
    let mut bench = Bench::at("P040");
    open(&mut bench, "sato");
    bench.act("watanabe", &classify(DeviationClass::Minor)).unwrap();
    close(&mut bench, "watanabe").unwrap();
    for (name, run) in crate::bench::STEPS {
        if *name >= "P040" {
            run(&mut bench);
        }
    }
    bench.act("tanaka", &BatchCommand::CompleteExecution).unwrap();
    let review = audit(&bench);
    assert_eq!(bench.act("watanabe", &review).unwrap_err().rule, "SOD-05", "closed a deviation");
    assert_eq!(bench.act_as("sato", Role::Qa, &review).unwrap_err().rule, "SOD-05");
    assert!(bench.act("ueda", &review).is_ok());
}

#[test]
fn a11d_28_quality_review_needs_an_audit_trail_reviewed_to_its_end() {
    let mut bench = Bench::executed();
    bench.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    assert_eq!(bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap_err().rule, "A11D-28");
    let part = BatchCommand::ReviewAuditTrail { up_to: 3 };
    assert_eq!(bench.act("ueda", &part).unwrap_err().rule, "A11D-28");
    let beyond = BatchCommand::ReviewAuditTrail { up_to: bench.batch().last_seq + 1 };
    assert_eq!(bench.act("ueda", &beyond).unwrap_err().rule, "A11D-28");
    let review = audit(&bench);
    bench.act("ueda", &review).unwrap();
    let comment = BatchCommand::Comment { phase: None, text: "looks fine".into() };
    bench.act("ueda", &comment).unwrap();
    bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap();
}

#[test]
fn c211_22_neither_quality_review_nor_release_with_an_open_deviation() {
    let mut bench = Bench::executed();
    open(&mut bench, "sato");
    bench.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    let review = audit(&bench);
    bench.act("aida", &review).unwrap();
    let no = bench.sign("watanabe", Subject::QualityReview, Meaning::Reviewed).unwrap_err();
    assert!(no.rule == "C211-22" && no.said.en.contains("DEV-1"), "{}", no.said.en);
}

#[test]
fn sod_06_a_deviation_is_closed_by_neither_its_opener_nor_a_performer_of_the_phase() {
    let mut bench = Bench::at("P040");
    open(&mut bench, "watanabe");
    assert_eq!(close(&mut bench, "ueda").unwrap_err().rule, "C211-22", "not classified");
    bench.act("tanaka", &classify(DeviationClass::Major)).unwrap();
    assert_eq!(close(&mut bench, "watanabe").unwrap_err().rule, "SOD-06");
    let dialog = bench.dialog("sato", Subject::Deviation(id("DEV-1")), Meaning::Approved);
    assert_eq!(bench.act_as("sato", Role::Qa, &dialog).unwrap_err().rule, "SOD-06");
    assert_eq!(close(&mut bench, "tanaka").unwrap_err().rule, "P11-11", "production does not close");
    close(&mut bench, "ueda").unwrap();
    assert!(bench.batch().deviations[&id("DEV-1")].closed.is_some());
    assert_eq!(close(&mut bench, "ueda").unwrap_err().rule, "C211-22");
    let again = classify(DeviationClass::Minor);
    assert_eq!(bench.act("ueda", &again).unwrap_err().rule, "C211-22");
}

#[test]
fn reviews_fall_when_the_record_changes_and_have_to_be_made_again() {
    for change in [
        correct("P030", "viability", "91"),
        BatchCommand::OpenDeviation { deviation: id("DEV-9"), phase: None, text: "found later".into() },
        BatchCommand::LateEntry {
            phase: id("P030"),
            claimed: mes_core::clock::Timestamp::from_ms(1),
            text: "door was open".into(),
            reason: "forgotten".into(),
        },
    ] {
        let mut bench = reviewed();
        bench.act("suzuki", &change).unwrap();
        assert_eq!(bench.batch().lifecycle, Lifecycle::ExecutionComplete, "{change:?}");
        let reviews = bench.batch().signatures.iter().filter(|(s, _)| s.subject == Subject::QualityReview);
        assert!(reviews.into_iter().all(|(_, standing)| *standing == SignatureStatus::Superseded));
        let no = bench.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap_err();
        assert_eq!(no.rule, "C211-21");
    }
}

#[test]
fn a_disposition_needs_the_deciders_own_signature_of_the_same_meaning() {
    let mut bench = reviewed();
    bench.sign("yamamoto", Subject::Disposition, Meaning::Rejected).unwrap();
    let release = dispose(&bench, true);
    assert_eq!(bench.act("yamamoto", &release).unwrap_err().rule, "P11-17");
    let BatchCommand::Dispose { signature, .. } = dispose(&bench, false) else { panic!() };
    let unsealed =
        BatchCommand::Dispose { release: false, signature, text: Some("contaminated".into()), seals: Vec::new() };
    assert_eq!(bench.act("yamamoto", &unsealed).unwrap_err().rule, "P11-19");
    let reject = dispose(&bench, false);
    assert_eq!(bench.act("watanabe", &reject).unwrap_err().rule, "P11-11", "QA does not release");
    bench.act("yamamoto", &reject).unwrap();
    assert_eq!(bench.batch().lifecycle, Lifecycle::Rejected);
}

#[test]
fn a_held_batch_can_be_rejected_without_running_to_its_end_but_not_released() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("0.1")).unwrap();
    let no = bench.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap_err();
    assert_eq!(no.rule, "C211-21");
    bench.sign("yamamoto", Subject::Disposition, Meaning::Rejected).unwrap();
    let reject = dispose(&bench, false);
    bench.act("yamamoto", &reject).unwrap();
    assert_eq!(bench.batch().lifecycle, Lifecycle::Rejected);
}

#[test]
fn ten_05_in_a_leased_suite_the_tenants_own_people_execute_review_and_release() {
    let mut bench = Bench::new();
    bench.lease();
    let order = bench.order();
    bench.act("abe", &order).unwrap();
    assert_eq!(bench.start("sato", "P010").unwrap_err().rule, "P11-11", "the facility's operator");
    assert!(bench.start("asano", "P010").is_ok());
    let mut bench = Bench::executed();
    if let Some(batch) = bench.batch.as_mut() {
        batch.issued.agreement.manufacturer = mes_core::tenant::Manufacturer::Tenant;
    }
    bench.lease();
    bench.sign("abe", Subject::ProductionReview, Meaning::Reviewed).unwrap();
    let review = audit(&bench);
    assert_eq!(bench.act("watanabe", &review).unwrap_err().rule, "P11-11", "the facility's QA has no say");
    bench.act("aida", &review).unwrap();
    bench.sign("aida", Subject::QualityReview, Meaning::Reviewed).unwrap();
    assert_eq!(bench.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap_err().rule, "P11-11");
    bench.sign("aida", Subject::Disposition, Meaning::Released).unwrap();
    let release = dispose(&bench, true);
    bench.act("aida", &release).unwrap();
}

#[test]
fn di_03_a_late_entry_says_when_it_happened_and_why_it_is_late() {
    let mut bench = Bench::at("P040");
    let late = |claimed, text: &str, reason: &str| BatchCommand::LateEntry {
        phase: id("P030"),
        claimed,
        text: text.into(),
        reason: reason.into(),
    };
    let (now, before) = (bench.now, bench.now.plus_s(-600));
    assert_eq!(bench.act("sato", &late(now, "x", "y")).unwrap_err().rule, "DI-03");
    assert_eq!(bench.act("sato", &late(before, "x", "")).unwrap_err().rule, "A11-14");
    bench.act("sato", &late(before, "tube changed", "hands were in the cabinet")).unwrap();
    let remark = bench.batch().remarks.last().unwrap();
    assert_eq!(remark.claimed, Some(before));
    assert!(remark.text.as_deref().unwrap().contains("hands were in the cabinet"));
}
