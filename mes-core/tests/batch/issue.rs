//! Issue: every hard rule is checked again at this moment.

use mes_core::{
    batch::{BatchCommand, BatchEvent, IssueOrder, Lifecycle, PhaseStatus},
    booking::BookingState,
    clock::Timestamp,
    isa88::{CleanlinessGrade, State},
    tenant::Role,
};

use crate::bench::{Bench, id};

fn refused(spoil: impl FnOnce(&mut Bench, &mut IssueOrder)) -> String {
    let mut bench = Bench::new();
    let BatchCommand::Issue(mut order) = bench.order() else { panic!() };
    spoil(&mut bench, &mut order);
    let no = bench.act_as("tanaka", Role::Sup, &BatchCommand::Issue(order)).unwrap_err();
    assert!(!no.said.ja.is_empty() && !no.said.en.is_empty());
    no.rule
}

#[test]
fn s88_04_an_issued_batch_holds_a_copy_of_all_it_was_issued_with() {
    let mut bench = Bench::new();
    let events = bench.act("tanaka", &bench.order()).unwrap();
    let [BatchEvent::Issued { issued }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(issued.recipe, bench.recipes.values().next().unwrap().body);
    assert_eq!(issued.equipment.len(), 2);
    let batch = bench.batch();
    assert_eq!((batch.lifecycle, batch.state), (Lifecycle::Issued, State::Idle));
    assert_eq!(bench.phase("P010").status, PhaseStatus::Ready);
    assert_eq!(bench.phase("P020").status, PhaseStatus::Waiting);
    bench.recipes.clear();
    assert!(bench.start("sato", "P010").is_ok(), "the batch needs no master recipe any more");
}

#[test]
fn an_issue_needs_a_confirmed_booking_of_the_same_recipe_suite_and_equipment() {
    assert_eq!(
        refused(|b, _| b.bookings.values_mut().for_each(|booking| booking.state = BookingState::Requested)),
        "TEN-05"
    );
    assert_eq!(refused(|_, order| order.booking = id("BK-9")), "not-found");
    assert_eq!(refused(|_, order| order.suite = id("SU-2")), "SCH-02");
    assert_eq!(refused(|_, order| drop(order.equipment.remove(&id("reactor")))), "SCH-02");
    assert_eq!(refused(|_, order| order.version = 2), "not-found");
}

#[test]
fn c211_17_an_issue_needs_a_recipe_approved_by_production_and_quality() {
    assert_eq!(refused(|b, _| b.recipes.values_mut().for_each(|recipe| recipe.approvals = None)), "C211-17");
}

#[test]
fn sch_01_sch_04_the_suite_must_have_the_grade_and_be_qualified_now() {
    let suite = |b: &mut Bench, change: &dyn Fn(&mut mes_core::tenant::Suite)| {
        b.facility.suites.values_mut().for_each(change);
    };
    assert_eq!(refused(|b, _| suite(b, &|s| s.grade = CleanlinessGrade::D)), "SCH-01");
    assert_eq!(refused(|b, _| suite(b, &|s| s.qualified_until = Timestamp::from_ms(0))), "SCH-04");
    assert_eq!(refused(|b, _| b.recipes.values_mut().for_each(|r| r.body.header.viral = true)), "SCH-01");
    assert_eq!(refused(|b, _| drop(b.taken.suites.insert(id("SU-1"), id("B-0")))), "SCH-02");
    assert_eq!(refused(|b, _| b.facility.agreements.values_mut().for_each(|a| a.suites.clear())), "TEN-05");
    assert_eq!(refused(|b, _| b.facility.agreements.clear()), "TEN-05");
}

#[test]
fn s88_06_equipment_must_have_the_class_the_tags_and_a_valid_calibration() {
    let each = |b: &mut Bench, change: &dyn Fn(&mut mes_core::tenant::Equipment)| {
        b.facility.equipment.values_mut().for_each(change);
    };
    assert_eq!(refused(|b, _| each(b, &|e| e.class = mes_core::isa88::EquipmentClass::Incubator)), "S88-06");
    assert_eq!(refused(|b, _| each(b, &|e| e.tags.clear())), "S88-06");
    assert_eq!(refused(|b, _| each(b, &|e| e.suite = id("SU-2"))), "S88-06");
    assert_eq!(refused(|b, _| each(b, &|e| e.calibrated_until = Timestamp::from_ms(0))), "SCH-04");
    assert_eq!(refused(|b, _| drop(b.taken.equipment.insert(id("BR-01"), id("B-0")))), "S88-06");
}

#[test]
fn a_lot_is_given_once_and_the_chain_of_identity_code_is_needed() {
    assert_eq!(refused(|_, order| order.lot = "  ".into()), "DI-01");
    assert_eq!(refused(|_, order| order.coi = String::new()), "DI-01");
    assert_eq!(refused(|b, _| b.taken.lots.push("LOT-1".into())), "DI-01");
}

#[test]
fn only_the_manufacturers_supervisor_issues() {
    for person in ["sato", "suzuki", "watanabe", "yamamoto", "abe", "nakamura"] {
        let mut bench = Bench::new();
        let order = bench.order();
        assert_eq!(bench.act(person, &order).unwrap_err().rule, "P11-11", "{person}");
    }
    let mut bench = Bench::new();
    bench.lease();
    let order = bench.order();
    assert_eq!(bench.act("tanaka", &order).unwrap_err().rule, "P11-11");
    assert!(bench.act_as("abe", Role::Sup, &order).is_ok());
}
