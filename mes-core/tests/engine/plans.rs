//! Adopting a plan: what it must be made for, whom it may move how far, and what the tenants learn of it.

use mes_core::{
    booking::{AdoptedPlan, BookingState, BookingWindow, Move, PlanObjective, PlannedBatch, planned, planning_inputs},
    engine::Command,
    journal::Hash,
    quantity::Bilingual,
};

use crate::bench::{Bench, Decision, id, request};

const SLOT_S: i64 = 300;

/// A plan that has every booking where it is, but for the moves.
pub(crate) fn plan(bench: &Bench, moves: &[(&str, BookingWindow)]) -> AdoptedPlan {
    let books = bench.engine.books();
    let origin = bench.now.plus_s(-(bench.now.as_ms() / 1000).rem_euclid(SLOT_S));
    let origin = origin.plus_ms(-origin.as_ms().rem_euclid(1000));
    let window = |name: &mes_core::id::BookingId| {
        let moved = moves.iter().find(|(of, _)| *of == name.as_str()).map(|(_, window)| window.clone());
        moved.unwrap_or_else(|| books.bookings[name].window.clone())
    };
    let placed = planned(&books.bookings, &books.batches, bench.now).map(|(name, _)| PlannedBatch {
        booking: name.clone(),
        route: Some(window(name).suite.to_string()),
        starts: vec![window(name).from.since_ms(origin).div_euclid(SLOT_S * 1000)],
        suites: vec![window(name).suite],
        equipment: window(name).equipment.into_values().collect(),
    });
    let why = Bilingual::new("遅れ", "late");
    let one = |(name, window): &(&str, BookingWindow)| Move {
        booking: id(name),
        window: window.clone(),
        reason: why.clone(),
    };
    AdoptedPlan {
        inputs: planning_inputs(&books.facility, &books.bookings, &books.batches, bench.now).unwrap(),
        seed: 1,
        steps: 100,
        solver: "test".into(),
        objective: PlanObjective::default(),
        origin,
        slot_min: 5,
        cause: why.clone(),
        batches: placed.collect(),
        moves: moves.iter().map(one).collect(),
    }
}

pub(crate) fn adopt(bench: &mut Bench, person: &str, adopted: AdoptedPlan) -> Decision {
    let plan = format!("PLN-{}", bench.log.len());
    bench.signed(person, Command::AdoptPlan { plan: id(&plan), adopted: Box::new(adopted) })
}

pub(crate) fn booked() -> Bench {
    let mut bench = Bench::with_recipes();
    for (name, person, recipe, suite) in [("BK-1", "aoki", "MBR-A", "SU-1"), ("BK-2", "baba", "MBR-B", "SU-2")] {
        bench.book(name, person, recipe, &bench.window(suite, 2, 5)).unwrap();
        bench.accept(name).unwrap();
    }
    bench
}

pub(crate) fn later(bench: &Bench, name: &str, hours: i64) -> BookingWindow {
    let before = &bench.engine.books().bookings[&id(name)].window;
    BookingWindow { from: before.from.plus_s(hours * 3600), until: before.until.plus_s(hours * 3600), ..before.clone() }
}

#[test]
fn sch_10_an_adopted_plan_is_an_entry_with_all_it_was_made_from_and_moves_within_the_tolerance() {
    let mut bench = booked();
    let there = later(&bench, "BK-1", 24);
    let made = plan(&bench, &[("BK-1", there.clone())]);
    adopt(&mut bench, "nakamura", made.clone()).unwrap();
    let books = bench.engine.books();
    assert_eq!(books.bookings[&id("BK-1")].window, there);
    assert_eq!(books.plan.as_ref().unwrap().adopted, made);
    assert_eq!((bench.count("plan.adopted"), bench.count("booking.moved")), (1, 1));
    let owner =
        |of: &str| bench.entries().find(|entry| entry.envelope.event_type == of).unwrap().envelope.owner.to_string();
    assert_eq!((owner("plan.adopted"), owner("booking.moved")), ("facility".into(), "tenant:TEN-A".into()));
    assert_eq!(bench.replayed().books(), books);
}

#[test]
fn sch_10_a_booking_moves_no_further_than_agreed_however_often() {
    let mut bench = booked();
    for (name, hours) in [("BK-1", 25), ("BK-1", -25), ("BK-2", 1)] {
        let there = later(&bench, name, hours);
        let made = plan(&bench, &[(name, there)]);
        assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10", "{name} {hours}");
    }
    let there = later(&bench, "BK-1", 20);
    let made = plan(&bench, &[("BK-1", there)]);
    adopt(&mut bench, "nakamura", made).unwrap();
    let there = later(&bench, "BK-1", 20);
    let made = plan(&bench, &[("BK-1", there)]);
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10", "measured from what was confirmed");
    let elsewhere = BookingWindow { suite: id("SU-2"), ..later(&bench, "BK-1", 0) };
    let made = plan(&bench, &[("BK-1", elsewhere)]);
    assert!(adopt(&mut bench, "nakamura", made).is_err());
}

#[test]
fn sch_10_a_plan_for_another_state_or_without_somebody_is_refused() {
    let mut bench = booked();
    let made = plan(&bench, &[]);
    let foreign = AdoptedPlan { inputs: Hash([9; 32]), ..made.clone() };
    assert_eq!(adopt(&mut bench, "nakamura", foreign).unwrap_err().rule, "SCH-10");
    let mut without = made.clone();
    without.batches.remove(0);
    assert_eq!(adopt(&mut bench, "nakamura", without).unwrap_err().rule, "SCH-10");
    let mut dropped = made.clone();
    dropped.batches[0].route = None;
    assert_eq!(adopt(&mut bench, "nakamura", dropped).unwrap_err().rule, "SCH-10");
    let mut aside = made.clone();
    aside.batches[0].starts[0] += 1;
    assert_eq!(adopt(&mut bench, "nakamura", aside).unwrap_err().rule, "SCH-10", "not where the window is");
    bench.quoted("BK-3", "aoki", "MBR-A", &[bench.window("SU-1", 8, 9)]).unwrap();
    bench.act("aoki", crate::bench::booking("BK-3", request())).unwrap();
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10", "a booking joined since");
    let again = plan(&bench, &[]);
    adopt(&mut bench, "nakamura", again).unwrap();
}

#[test]
fn sch_02_no_plan_gives_a_suite_twice() {
    let mut bench = booked();
    bench.book("BK-3", "aoki", "MBR-A", &bench.window("SU-1", 5, 7)).unwrap();
    bench.accept("BK-3").unwrap();
    let there = later(&bench, "BK-1", 2);
    let made = plan(&bench, &[("BK-1", there)]);
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-02");
    let both = [("BK-1", later(&bench, "BK-1", 2)), ("BK-3", later(&bench, "BK-3", 2))];
    let made = plan(&bench, &both);
    adopt(&mut bench, "nakamura", made).unwrap();
}

#[test]
fn a_plan_is_adopted_by_whoever_assigns_suites_with_a_password() {
    let mut bench = booked();
    let made = plan(&bench, &[]);
    for person in ["sato", "watanabe", "kobayashi"] {
        assert_eq!(adopt(&mut bench, person, made.clone()).unwrap_err().rule, "P11-11", "{person}");
    }
    for person in ["aoki", "bessho", "arai"] {
        assert!(adopt(&mut bench, person, made.clone()).is_err(), "{person}");
    }
    let command = Command::AdoptPlan { plan: id("PLN-1"), adopted: Box::new(made.clone()) };
    assert_eq!(bench.act("nakamura", command).unwrap_err().rule, "P11-23");
    adopt(&mut bench, "tanaka", made).unwrap();
}

#[test]
fn sod_14_a_tenants_view_has_no_plan() {
    let mut bench = booked();
    let made = plan(&bench, &[]);
    adopt(&mut bench, "nakamura", made).unwrap();
    let view = bench.engine.view(bench.now);
    assert!(view.plan.is_some());
    for person in ["aoki", "baba", "arai"] {
        assert!(view.cut(&Bench::scope(person)).plan.is_none(), "{person}");
    }
}

#[test]
fn bkg_02_what_a_plan_moves_before_it_is_confirmed_is_assessed_again() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 2, 5)).unwrap();
    bench.assess("BK-1", "tanaka", crate::bench::acceptable()).unwrap();
    bench.approve_booking("BK-1", "watanabe").unwrap();
    let there = later(&bench, "BK-1", 3);
    let made = plan(&bench, &[("BK-1", there)]);
    adopt(&mut bench, "nakamura", made).unwrap();
    assert_eq!(bench.confirm("BK-1", "nakamura").unwrap_err().rule, "BKG-02");
    bench.accept("BK-1").unwrap();
    assert_eq!(bench.engine.books().bookings[&id("BK-1")].state, BookingState::Confirmed);
}

#[test]
fn sch_10_a_running_batch_keeps_its_place_and_start_and_takes_as_long_as_it_takes() {
    let mut bench = Bench::with_batch();
    let before = bench.engine.books().bookings[&id("BK-1")].window.clone();
    let moved = BookingWindow { from: before.from.plus_s(3600), ..before.clone() };
    let made = plan(&bench, &[("BK-1", moved)]);
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10");
    let longer = BookingWindow { until: before.until.plus_s(3600), ..before };
    let made = plan(&bench, &[("BK-1", longer.clone())]);
    adopt(&mut bench, "nakamura", made).unwrap();
    assert_eq!(bench.engine.books().bookings[&id("BK-1")].window, longer);
}
