//! Changes of the facility and approvals of recipes, with the people they take.

use mes_core::{
    clock::Timestamp,
    engine::Command,
    id::RecipeId,
    isa88::Approval,
    tenant::{DeviceCertificate, FacilityItem, difference},
};

use crate::bench::{Bench, id, items, recipe};

fn changed_suite(bench: &Bench) -> Vec<mes_core::tenant::ItemChange> {
    let mut items = items();
    items.retain(|item| item.key().id == "SU-1");
    let FacilityItem::Suite(suite) = &mut items[0] else { panic!() };
    suite.viral = true;
    difference(&bench.engine.books().facility, items)
}

#[test]
fn sod_09_a_change_comes_into_force_by_a_second_person_only() {
    let mut bench = Bench::with_facility();
    let items = changed_suite(&bench);
    bench
        .act("nakamura", Command::ProposeChange { change: id("CHG-2"), items, text: Some("as agreed".into()) })
        .unwrap();
    let approve = Command::ApproveChange { change: id("CHG-2") };
    assert_eq!(bench.signed("nakamura", approve.clone()).unwrap_err().rule, "SOD-09");
    assert!(bench.signed("sato", approve.clone()).is_err());
    assert!(!bench.engine.books().facility.suites[&id("SU-1")].viral);
    bench.signed("watanabe", approve.clone()).unwrap();
    assert!(bench.engine.books().facility.suites[&id("SU-1")].viral);
    assert!(bench.signed("watanabe", approve).is_err(), "it is approved once");
}

#[test]
fn a_change_made_up_before_another_came_into_force_is_refused() {
    let mut bench = Bench::with_facility();
    for change in ["CHG-2", "CHG-3"] {
        let items = changed_suite(&bench);
        bench.act("nakamura", Command::ProposeChange { change: id(change), items, text: None }).unwrap();
    }
    bench.signed("watanabe", Command::ApproveChange { change: id("CHG-3") }).unwrap();
    let late = bench.signed("watanabe", Command::ApproveChange { change: id("CHG-2") }).unwrap_err();
    assert!(late.said.en.contains("propose anew"), "{late}");
}

#[test]
fn sod_02_author_and_approvers_of_a_recipe_are_three_people() {
    let mut bench = Bench::with_facility();
    let body = recipe("TEN-A");
    let name: RecipeId = body.header.id.clone();
    bench.act("tanaka", Command::SubmitRecipe { body: Box::new(body.clone()) }).unwrap();
    assert_eq!(bench.approve("tanaka", &name, Approval::Production).unwrap_err().rule, "SOD-02");
    bench.approve("watanabe", &name, Approval::Quality).unwrap();
    assert!(bench.engine.books().recipes[&(name.clone(), 1)].approvals.is_none());
    assert!(bench.approve("aida", &name, Approval::Quality).is_err(), "it has its approval for quality");
    assert!(bench.act("aida", Command::SubmitRecipe { body: Box::new(body) }).is_err(), "a version is submitted once");
}

#[test]
fn p11_19_an_approval_signs_the_very_recipe_that_was_shown() {
    let mut bench = Bench::with_facility();
    let body = recipe("TEN-A");
    let name: RecipeId = body.header.id.clone();
    bench.act("aida", Command::SubmitRecipe { body: Box::new(body) }).unwrap();
    let command = Command::ApproveRecipe {
        recipe: name,
        version: 1,
        approval: Approval::Production,
        statement: mes_core::journal::Hash([5; 32]),
        shown_at: bench.now,
        language: mes_core::quantity::Language::Ja,
        signature: id("SIG-X"),
    };
    assert_eq!(bench.signed("tanaka", command).unwrap_err().rule, "P11-19");
}

#[test]
fn a_recipe_that_does_not_make_sense_is_not_taken_whoever_checked_it_before() {
    let mut bench = Bench::with_facility();
    let mut body = recipe("TEN-A");
    body.formula.clear();
    assert!(bench.act("aida", Command::SubmitRecipe { body: Box::new(body) }).is_err());
}

#[test]
fn ua_03_a_certificate_is_judged_by_a_permitted_person_with_a_reason_and_a_credential_and_the_newest_counts() {
    let mut bench = Bench::with_facility();
    let certificate = |equipment: &str| DeviceCertificate {
        thumbprint: "9f86d081".into(),
        subject: "CN=BR-01".into(),
        issuer: "CN=BR-01".into(),
        valid_from: Timestamp::from_ms(0),
        valid_until: Timestamp::from_ms(1),
        equipment: Some(id(equipment)),
    };
    let judge = |accept, text: &str| Command::JudgeCertificate {
        certificate: Box::new(certificate("BR-01")),
        accept,
        text: text.into(),
    };
    assert_eq!(bench.act("nakamura", judge(true, "compared")).unwrap_err().rule, "P11-23");
    assert_eq!(bench.signed("nakamura", judge(true, "  ")).unwrap_err().rule, "UA-03");
    for who in ["sato", "tanaka", "aida"] {
        assert!(bench.signed(who, judge(true, "compared")).is_err(), "{who}");
    }
    let stray =
        Command::JudgeCertificate { certificate: Box::new(certificate("BR-99")), accept: true, text: "x".into() };
    assert_eq!(bench.signed("nakamura", stray).unwrap_err().rule, "not-found");
    bench.signed("nakamura", judge(true, " compared with the plate ")).unwrap();
    let held = |bench: &Bench| {
        let judged = bench.engine.books().certificates["9f86d081"].clone();
        (judged.accepted, judged.by.to_string(), judged.text.unwrap())
    };
    assert_eq!(held(&bench), (true, "nakamura".into(), "compared with the plate".into()));
    bench.signed("watanabe", judge(false, "the device was replaced")).unwrap();
    assert_eq!(held(&bench), (false, "watanabe".into(), "the device was replaced".into()));
    let entered = bench.entries().filter(|entry| entry.envelope.event_type == "equipment.certificate_judged");
    let streams: Vec<String> = entered.map(|entry| entry.envelope.stream.to_string()).collect();
    assert_eq!(streams, ["equipment:BR-01", "equipment:BR-01"]);
}

#[test]
fn mb_02_a_batch_records_by_which_text_its_equipment_was_spoken_to() {
    let bench = Bench::with_batch();
    let books = bench.engine.books();
    let issued = &books.batches.values().next().unwrap().issued;
    let template = books.facility.device_template("lads-bioreactor", 1).unwrap();
    let marks: Vec<_> =
        issued.device_templates.iter().map(|mark| (mark.name.as_str(), mark.version, mark.hash)).collect();
    assert_eq!(marks, [("lads-bioreactor", 1, template.hash)]);
}
