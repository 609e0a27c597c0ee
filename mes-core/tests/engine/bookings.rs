//! Bookings: what a tenant learns, what the facility learns, and what is held.

use mes_core::{
    batch::BatchCommand,
    booking::{BookingCommand, BookingState},
    engine::Command,
    quantity::Bilingual,
    tenant::{FacilityItem, difference},
};

use crate::bench::{Bench, booking, id, issue};

#[test]
fn sod_14_a_tenant_learns_that_there_is_no_capacity_and_not_whose_it_is() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    let no = bench.book("BK-2", "baba", "MBR-B", &bench.window("SU-1", 4, 8)).unwrap_err();
    assert!(no.said.en.starts_with("No capacity of this kind in this window"), "{no}");
    assert!(!no.to_string().contains("BK-1") && !no.said.ja.contains("TEN-A"), "{no}");
    bench.book("BK-3", "baba", "MBR-B", &bench.window("SU-1", 5, 8)).unwrap();
    bench.book("BK-4", "baba", "MBR-B", &bench.window("SU-2", 1, 5)).unwrap();
}

#[test]
fn another_tenants_recipe_or_booking_is_not_found() {
    let mut bench = Bench::with_recipes();
    assert_eq!(bench.book("BK-1", "baba", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap_err().rule, "not-found");
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    let foreign = bench.act("baba", booking("BK-1", BookingCommand::Withdraw)).unwrap_err();
    let missing = bench.act("baba", booking("BK-9", BookingCommand::Withdraw)).unwrap_err();
    assert_eq!(foreign, missing);
}

#[test]
fn sch_04_a_window_beyond_qualification_or_calibration_is_not_confirmed() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    let mut items = crate::bench::items();
    items.retain(|item| item.key().id == "BR-01");
    let FacilityItem::Equipment(unit) = &mut items[0] else { panic!() };
    unit.calibrated_until = bench.now.plus_s(86_400 * 3);
    let items = difference(&bench.engine.books().facility, items);
    bench.act("nakamura", Command::ProposeChange { change: id("CHG-2"), items, text: None }).unwrap();
    bench.signed("watanabe", Command::ApproveChange { change: id("CHG-2") }).unwrap();
    assert_eq!(bench.accept("BK-1").unwrap_err().rule, "SCH-04");
    let refuse = BookingCommand::Refuse { reason: Bilingual::new("校正のため", "Calibration is due.") };
    bench.act("nakamura", booking("BK-1", refuse)).unwrap();
    assert!(matches!(bench.engine.books().bookings[&id("BK-1")].state, BookingState::Refused(_)));
    assert!(bench.confirm("BK-1", "nakamura").is_err());
}

#[test]
fn a_batch_that_runs_longer_than_planned_keeps_its_suite_and_one_that_ended_gives_it_back() {
    let mut bench = Bench::expanding();
    bench.now = bench.now.plus_s(86_400 * 11);
    let mut later = bench.window("SU-1", 11, 13);
    bench.book("BK-2", "baba", "MBR-B", &later).unwrap_err();
    bench.run_to_its_end();
    later.from = bench.now;
    bench.book("BK-3", "baba", "MBR-B", &later).unwrap();
}

#[test]
fn what_a_batch_does_not_need_of_its_window_any_more_can_be_booked() {
    let mut bench = Bench::expanding();
    let within = bench.window("SU-1", 3, 5);
    bench.book("BK-2", "baba", "MBR-B", &within).unwrap_err();
    bench.run_to_its_end();
    bench.book("BK-3", "baba", "MBR-B", &within).unwrap();
}

#[test]
fn a_booking_is_confirmed_by_the_facility_and_issued_once() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 0, 5)).unwrap();
    assert!(bench.confirm("BK-1", "aoki").is_err());
    let order = issue("B-1", "BK-1", "MBR-A", "SU-1", "BR-01");
    assert!(bench.act("tanaka", order.clone()).is_err(), "it is not confirmed yet");
    bench.accept("BK-1").unwrap();
    bench.act("tanaka", order).unwrap();
    assert_eq!(bench.engine.books().bookings[&id("BK-1")].state, BookingState::Issued(id("B-1")));
    assert!(bench.act("tanaka", issue("B-2", "BK-1", "MBR-A", "SU-1", "BR-01")).is_err());
    assert!(bench.act("aoki", booking("BK-1", BookingCommand::Withdraw)).is_err());
}

#[test]
fn a_quote_is_recorded_and_books_nothing() {
    let mut bench = Bench::with_recipes();
    let window = bench.window("SU-1", 1, 5);
    bench.quoted("BK-1", "aoki", "MBR-A", &[window]).unwrap();
    assert_eq!(bench.count("booking.offered"), 1);
    assert!(bench.engine.books().bookings.is_empty());
    let stray = Command::Batch { batch: id("B-9"), command: BatchCommand::CompleteExecution };
    assert_eq!(bench.signed("aoki", stray).unwrap_err().rule, "not-found");
}
