//! Signatures: the flow rules of REQUIREMENTS 4.3, performer and recorder, corrections of what was signed.
//!
//! Locking an account after wrong passwords, and asking for all components after a lock, are the credential store's.

use mes_core::{
    access::{AuthMethod, Meaning, Reauth, SignatureStatus, Subject},
    batch::{BatchCommand, PhaseStatus},
    id::PhaseId,
    tenant::Role,
};

use crate::bench::{Bench, correct, id, number};

fn ready(bench: &mut Bench) {
    bench.record("sato", "P030", "viability", number("92")).unwrap();
    bench.reads("INC-01/temperature", 37.0);
    bench.record("sato", "P030", "incubation_temp", mes_core::batch::Entered::FromTag).unwrap();
}

fn phase(name: &str) -> Subject {
    Subject::Phase(id::<PhaseId>(name))
}

#[test]
fn sod_01_performer_and_checker_of_a_step_are_two_people() {
    let mut bench = Bench::at("P030");
    bench.start("suzuki", "P030").unwrap();
    bench.record("suzuki", "P030", "viability", number("92")).unwrap();
    bench.reads("INC-01/temperature", 37.0);
    bench.record("suzuki", "P030", "incubation_temp", mes_core::batch::Entered::FromTag).unwrap();
    bench.performed("suzuki", "P030").unwrap();
    assert_eq!(bench.phase("P030").status, PhaseStatus::AwaitingVerification);
    let dialog = bench.dialog("suzuki", phase("P030"), Meaning::Verified);
    assert_eq!(bench.act_as("suzuki", Role::Chk, &dialog).unwrap_err().rule, "SOD-01");
    bench.verified("tanaka", "P030").unwrap();
    assert_eq!(bench.phase("P030").status, PhaseStatus::Complete);
}

#[test]
fn p11_23_p11_26_a_signature_needs_the_signers_own_credential() {
    let mut bench = Bench::running("P030");
    ready(&mut bench);
    let dialog = bench.dialog("sato", phase("P030"), Meaning::Performed);
    let actor = mes_core::access::Actor::Person { id: id("sato"), name: "sato".into(), role: Some(Role::Op) };
    assert_eq!(bench.give(actor.clone(), None, &dialog).unwrap_err().rule, "P11-23");
    let other = Reauth { person: id("mori"), method: AuthMethod::Password, age_ms: 0 };
    assert_eq!(bench.give(actor, Some(other), &dialog).unwrap_err().rule, "P11-26");
}

#[test]
fn p11_24_a_credential_check_is_good_for_sixty_seconds() {
    let mut bench = Bench::running("P030");
    ready(&mut bench);
    let dialog = bench.dialog("sato", phase("P030"), Meaning::Performed);
    bench.age_ms = 60_001;
    assert_eq!(bench.act("sato", &dialog).unwrap_err().rule, "P11-24");
    bench.age_ms = 60_000;
    assert!(bench.act("sato", &dialog).is_ok());
}

#[test]
fn p11_17_the_meanings_are_limited_by_role_and_step() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("1.5")).unwrap();
    for meaning in [Meaning::Verified, Meaning::Approved, Meaning::Released, Meaning::Reviewed, Meaning::Witnessed] {
        let dialog = bench.dialog("tanaka", phase("P060"), meaning);
        assert_eq!(bench.act("tanaka", &dialog).unwrap_err().rule, "P11-17", "{meaning:?}");
    }
    let dialog = bench.dialog("watanabe", phase("P060"), Meaning::Performed);
    assert_eq!(bench.act("watanabe", &dialog).unwrap_err().rule, "P11-11", "QA does not perform");
    let dialog = bench.dialog("sato", phase("P060"), Meaning::Verified);
    assert_eq!(bench.act("sato", &dialog).unwrap_err().rule, "P11-11", "an operator does not check");
}

#[test]
fn p11_17_performed_is_signed_by_somebody_who_performed() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("1.5")).unwrap();
    assert_eq!(bench.performed("mori", "P060").unwrap_err().rule, "P11-17");
    bench.performed("sato", "P060").unwrap();
}

#[test]
fn p11_17_a_signature_says_who_when_what_role_and_how() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("1.5")).unwrap();
    bench.performed("sato", "P060").unwrap();
    let (signature, _) = bench.batch().signatures.last().unwrap();
    assert_eq!((signature.name.as_str(), signature.role), ("佐藤 花子 (Sato Hanako)", Role::Op));
    assert_eq!(signature.method, AuthMethod::Password);
    assert_eq!(signature.statement.hash().unwrap(), signature.statement_hash);
    let records: Vec<&str> = signature.statement.records.iter().map(|r| r.record.as_str()).collect();
    assert_eq!(records, ["B-1/P060", "B-1/P060/density"]);
}

#[test]
fn p11_19_a_record_that_changed_since_it_was_shown_is_not_signed() {
    let mut bench = Bench::running("P030");
    ready(&mut bench);
    let dialog = bench.dialog("sato", phase("P030"), Meaning::Performed);
    bench.act("sato", &correct("P030", "viability", "91")).unwrap();
    assert_eq!(bench.act("sato", &dialog).unwrap_err().rule, "P11-19");
}

#[test]
fn p11_19_a_dialog_cannot_be_posted_for_another_record_meaning_or_time() {
    let mut bench = Bench::running("P030");
    ready(&mut bench);
    let BatchCommand::Sign { subject, meaning, statement, shown_at, language, signature, text } =
        bench.dialog("sato", phase("P030"), Meaning::Performed)
    else {
        panic!()
    };
    let later = BatchCommand::Sign {
        subject: subject.clone(),
        meaning,
        statement,
        shown_at: shown_at.plus_s(-1),
        language,
        signature: signature.clone(),
        text: text.clone(),
    };
    assert_eq!(bench.act("sato", &later).unwrap_err().rule, "P11-19");
    let future =
        BatchCommand::Sign { subject, meaning, statement, shown_at: bench.now.plus_s(60), language, signature, text };
    assert_eq!(bench.act("sato", &future).unwrap_err().rule, "P11-19");
}

#[test]
fn p11_19_a_signature_row_copied_to_another_record_does_not_fit_it() {
    let mut bench = Bench::at("P040");
    let (signature, _) = bench.batch().signatures.iter().find(|(s, _)| s.subject == phase("P030")).unwrap().clone();
    let s = &signature.statement;
    let there = bench.batch().statement(&phase("P010"), s.meaning, &s.signer, s.shown_at, s.language).unwrap();
    assert_ne!(there.hash().unwrap(), signature.statement_hash);
    let here = bench.batch().statement(&phase("P030"), s.meaning, &s.signer, s.shown_at, s.language).unwrap();
    assert_eq!(here.hash().unwrap(), signature.statement_hash);
    bench.start("sato", "P040").unwrap();
    let BatchCommand::Sign { subject, meaning, statement, shown_at, language, text, .. } =
        bench.dialog("tanaka", Subject::Issue, Meaning::Approved)
    else {
        panic!()
    };
    let copied =
        BatchCommand::Sign { subject, meaning, statement, shown_at, language, signature: signature.id.clone(), text };
    assert_eq!(bench.act("tanaka", &copied).unwrap_err().rule, "P11-19", "a signature's id is used once");
}

#[test]
fn a_second_person_rejects_a_signature_with_a_reason_and_the_phase_runs_again() {
    let mut bench = Bench::running("P030");
    ready(&mut bench);
    bench.performed("sato", "P030").unwrap();
    let signature = bench.batch().signatures.last().unwrap().0.id.clone();
    let reject = |reason: &str| BatchCommand::RejectSignature { signature: signature.clone(), reason: reason.into() };
    assert_eq!(bench.act_as("sato", Role::Chk, &reject("no")).unwrap_err().rule, "SOD-01");
    assert_eq!(bench.act("suzuki", &reject("")).unwrap_err().rule, "A11-14");
    bench.act("suzuki", &reject("the slide was not counted twice")).unwrap();
    assert_eq!(bench.phase("P030").status, PhaseStatus::Running);
    assert_eq!(bench.batch().signatures.last().unwrap().1, SignatureStatus::Rejected);
    assert_eq!(bench.act("suzuki", &reject("again")).unwrap_err().rule, "P11-17");
    bench.act("sato", &correct("P030", "viability", "91")).unwrap();
    bench.performed("sato", "P030").unwrap();
    bench.verified("suzuki", "P030").unwrap();
}

#[test]
fn p11_08_a_correction_after_signing_supersedes_one_item_and_waits_for_a_second_person() {
    let mut bench = Bench::at("P040");
    bench.act("suzuki", &correct("P030", "viability", "91")).unwrap();
    let of_phase = |bench: &Bench| -> Vec<SignatureStatus> {
        let signed = bench.batch().signatures.iter().filter(|(s, _)| s.subject == phase("P030"));
        signed.map(|(_, standing)| standing.clone()).collect()
    };
    let superseded = SignatureStatus::SupersededFor(vec![id("viability")]);
    assert_eq!(of_phase(&bench), [superseded.clone(), superseded]);
    assert_eq!(bench.phase("P030").unverified, [id("viability")]);
    assert!(bench.batch().signed_item(&id("P030"), &id("incubation_temp")), "still valid for the other item");
    assert!(!bench.batch().signed_item(&id("P030"), &id("viability")));
    let corrections = || Subject::Corrections(id("P030"));
    assert_eq!(bench.sign("suzuki", corrections(), Meaning::Verified).unwrap_err().rule, "SOD-01");
    assert_eq!(bench.sign("tanaka", corrections(), Meaning::Performed).unwrap_err().rule, "P11-17");
    bench.sign("tanaka", corrections(), Meaning::Verified).unwrap();
    assert!(bench.phase("P030").unverified.is_empty());
    assert!(bench.batch().signed_item(&id("P030"), &id("viability")));
    assert_eq!(bench.sign("tanaka", corrections(), Meaning::Verified).unwrap_err().rule, "P11-08");
}

#[test]
fn an_unverified_correction_blocks_the_completion_of_the_execution() {
    let mut bench = Bench::at("end");
    bench.act("suzuki", &correct("P030", "viability", "91")).unwrap();
    assert_eq!(bench.act("tanaka", &BatchCommand::CompleteExecution).unwrap_err().rule, "P11-08");
}

fn for_hands_in_the_cabinet(performer: &str) -> BatchCommand {
    BatchCommand::Record {
        phase: id("P060"),
        item: id("density"),
        value: number("1.5"),
        performer: Some(id(performer)),
        reason: None,
    }
}

#[test]
fn di_01_what_a_recorder_entered_is_countersigned_by_its_performer_before_the_phase_completes() {
    let mut bench = Bench::running("P060");
    bench.act("mori", &for_hands_in_the_cabinet("suzuki")).unwrap();
    let item = &bench.phase("P060").items[&id("density")];
    assert_eq!((item.performer.clone(), item.recorder.clone()), (Some(id("suzuki")), Some(id("mori"))));
    assert!(item.countersign_due);
    let items = || Subject::Items(id("P060"), vec![id("density")]);
    assert_eq!(bench.performed("sato", "P060").unwrap_err().rule, "DI-01");
    assert_eq!(bench.sign("mori", items(), Meaning::Performed).unwrap_err().rule, "DI-01");
    bench.sign("suzuki", items(), Meaning::Performed).unwrap();
    assert!(!bench.phase("P060").items[&id("density")].countersign_due);
    bench.performed("suzuki", "P060").unwrap();
}

#[test]
fn di_01_a_performer_who_signs_the_phase_countersigns_with_it() {
    let mut bench = Bench::running("P060");
    bench.act("mori", &for_hands_in_the_cabinet("suzuki")).unwrap();
    bench.performed("suzuki", "P060").unwrap();
    assert_eq!(bench.phase("P060").status, PhaseStatus::Complete);
    assert!(!bench.phase("P060").items[&id("density")].countersign_due);
}

#[test]
fn a_performer_must_be_one_who_may_execute() {
    let mut bench = Bench::running("P060");
    for performer in ["watanabe", "asano", "nobody"] {
        let no = bench.act("mori", &for_hands_in_the_cabinet(performer)).unwrap_err();
        assert_eq!(no.field.as_deref(), Some("performer"), "{performer}");
    }
}

#[test]
fn c211_19_the_issue_is_signed_once_by_the_supervisor() {
    let mut bench = Bench::issued();
    assert_eq!(bench.sign("sato", Subject::Issue, Meaning::Approved).unwrap_err().rule, "P11-11");
    bench.sign("tanaka", Subject::Issue, Meaning::Approved).unwrap();
    assert_eq!(bench.sign("tanaka", Subject::Issue, Meaning::Approved).unwrap_err().rule, "C211-19");
}
