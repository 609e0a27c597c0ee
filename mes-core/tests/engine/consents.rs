//! A move beyond what was agreed: the tenant is asked, its slot is held meanwhile, and only a yes lets a plan make it.

use mes_core::{
    booking::{Ask, BookingCommand, BookingEvent, BookingStep, BookingWindow, MOVE_VALID_D, MoveAnswer},
    engine::Command,
    journal::Event,
    quantity::Bilingual,
};

use crate::{
    bench::{Bench, Decision, booking, id, request},
    plans::{adopt, booked, later, plan},
};

fn ask(bench: &mut Bench, person: &str, name: &str, window: BookingWindow) -> Decision {
    let adopted = Box::new(plan(bench, &[(name, window)]));
    let reason = Bilingual::new("空きがなくなったため", "no capacity of this kind any more");
    bench.act(person, Command::ProposeMoves { adopted, asks: vec![Ask { booking: id(name), reason }] })
}

fn accept(bench: &mut Bench, person: &str, name: &str) -> Decision {
    let sign = bench.booking_dialog(name, person, BookingStep::Consent);
    bench.signed(person, booking(name, BookingCommand::AcceptMove { sign }))
}

fn refuse(bench: &mut Bench, person: &str, name: &str, text: &str) -> Decision {
    bench.act(person, booking(name, BookingCommand::RefuseMove { text: text.to_owned() }))
}

/// BK-1 of tenant A, asked to start two days later in SU-1: days 4 to 7.
fn asked() -> (Bench, BookingWindow) {
    let mut bench = booked();
    let there = later(&bench, "BK-1", 48);
    ask(&mut bench, "nakamura", "BK-1", there.clone()).unwrap();
    (bench, there)
}

#[test]
fn sch_10_only_the_tenants_own_signed_yes_lets_a_plan_move_a_booking_beyond_its_agreement() {
    let mut bench = booked();
    let (before, there) = (later(&bench, "BK-1", 0), later(&bench, "BK-1", 48));
    let made = plan(&bench, &[("BK-1", there.clone())]);
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10");
    ask(&mut bench, "nakamura", "BK-1", there.clone()).unwrap();
    let proposed = bench.entries().find(|entry| entry.envelope.event_type == "booking.move_proposed").unwrap();
    assert_eq!(proposed.envelope.owner.to_string(), "tenant:TEN-A");
    assert_eq!(bench.engine.books().bookings[&id("BK-1")].window, before, "nothing has moved");
    let made = plan(&bench, &[("BK-1", there.clone())]);
    assert_eq!(adopt(&mut bench, "nakamura", made).unwrap_err().rule, "SCH-10", "it is not answered yet");
    accept(&mut bench, "aoki", "BK-1").unwrap();
    let booked = &bench.engine.books().bookings[&id("BK-1")];
    assert_eq!((&booked.window, booked.promised.as_ref()), (&before, Some(&there)));
    assert!(
        matches!(&booked.proposed.as_ref().unwrap().answer, Some(MoveAnswer::Accepted(it)) if it.name.contains("Aoki"))
    );
    let stays = plan(&bench, &[]);
    assert_eq!(adopt(&mut bench, "nakamura", stays).unwrap_err().rule, "SCH-10", "what was accepted is kept to");
    let made = plan(&bench, &[("BK-1", there.clone())]);
    adopt(&mut bench, "nakamura", made).unwrap();
    let books = bench.engine.books();
    let moved = &books.bookings[&id("BK-1")];
    assert_eq!((&moved.window, &moved.proposed, moved.promised.as_ref()), (&there, &None, Some(&there)));
    assert_eq!(bench.replayed().books(), books);
}

#[test]
fn sch_10_another_suite_may_be_proposed_too() {
    let mut bench = booked();
    bench.book("BK-3", "aoki", "MBR-A", &bench.window("SU-1", 8, 9)).unwrap();
    bench.accept("BK-3").unwrap();
    let there = bench.window("SU-2", 8, 9);
    ask(&mut bench, "nakamura", "BK-3", there.clone()).unwrap();
    accept(&mut bench, "aoki", "BK-3").unwrap();
    let made = plan(&bench, &[("BK-3", there)]);
    adopt(&mut bench, "nakamura", made).unwrap();
    assert_eq!(bench.engine.books().bookings[&id("BK-3")].window.suite, id("SU-2"));
}

#[test]
fn sod_14_another_tenant_can_neither_see_nor_answer_a_proposed_move() {
    let (mut bench, _) = asked();
    let view = bench.engine.view(bench.now);
    assert!(view.cut(&Bench::scope("aoki")).bookings[&id("BK-1")].proposed.is_some());
    assert!(!view.cut(&Bench::scope("baba")).bookings.contains_key(&id("BK-1")));
    for person in ["baba", "bessho"] {
        let foreign = refuse(&mut bench, person, "BK-1", "no").unwrap_err();
        let missing = refuse(&mut bench, person, "BK-9", "no").unwrap_err();
        assert_eq!(foreign, missing, "{person}");
        assert_eq!(accept(&mut bench, person, "BK-1").unwrap_err(), missing, "{person}");
    }
    for person in ["nakamura", "tanaka", "watanabe"] {
        assert_eq!(accept(&mut bench, person, "BK-1").unwrap_err().rule, "P11-11", "the facility has no say: {person}");
    }
    assert_eq!(bench.count("booking.move_accepted") + bench.count("booking.move_refused"), 0);
}

#[test]
fn bkg_02_the_proposed_slot_is_held_like_a_tentative_booking_until_its_time_is_over_which_is_entered() {
    let (mut bench, there) = asked();
    let taken = bench.engine.view(bench.now).taken(&Bench::scope("baba"));
    assert!(taken.contains(&(id("SU-1"), there.from, there.until)), "{taken:?}");
    let no = bench.book("BK-3", "baba", "MBR-B", &bench.window("SU-1", 6, 8)).unwrap_err();
    assert!(no.rule == "SCH-02" && !no.to_string().contains("BK-1"), "{no}");
    bench.pass(MOVE_VALID_D * 86_400);
    let lapsed = |event: &Event| match event {
        Event::Booking(BookingEvent::MoveLapsed { due, noticed, .. }) => Some((*due, *noticed)),
        _ => None,
    };
    let (due, noticed) = bench.events().iter().find_map(lapsed).expect("it is said that it lapsed");
    assert!(due <= noticed && noticed == bench.now);
    assert_eq!(
        bench.engine.books().bookings[&id("BK-1")].proposed.as_ref().unwrap().answer,
        Some(MoveAnswer::Lapsed(due))
    );
    assert_eq!(accept(&mut bench, "aoki", "BK-1").unwrap_err().rule, "SCH-10");
    bench.book("BK-4", "baba", "MBR-B", &bench.window("SU-1", 6, 8)).unwrap();
    bench.tick();
    assert_eq!(bench.count("booking.move_lapsed"), 1, "once");
}

#[test]
fn bkg_03_a_refusal_has_a_reason_frees_the_slot_and_leaves_the_booking_where_it_is() {
    let (mut bench, _) = asked();
    let before = later(&bench, "BK-1", 0);
    assert_eq!(refuse(&mut bench, "aoki", "BK-1", "  ").unwrap_err().rule, "A11-14");
    refuse(&mut bench, "aoki", "BK-1", "患者の予定 the patient's date").unwrap();
    let booked = &bench.engine.books().bookings[&id("BK-1")];
    let Some(MoveAnswer::Refused { by, text }) = &booked.proposed.as_ref().unwrap().answer else { panic!() };
    assert!(*by == id("aoki") && text.as_deref() == Some("患者の予定 the patient's date"));
    assert_eq!((&booked.window, booked.promised.as_ref()), (&before, Some(&before)));
    assert_eq!(accept(&mut bench, "aoki", "BK-1").unwrap_err().rule, "SCH-10", "it is answered");
    bench.book("BK-3", "baba", "MBR-B", &bench.window("SU-1", 6, 8)).unwrap();
    // It may be asked again.
    let there = bench.window("SU-1", 9, 12);
    ask(&mut bench, "tanaka", "BK-1", there).unwrap();
}

#[test]
fn p11_19_a_consent_is_signed_with_the_persons_own_credential_for_what_was_shown() {
    let (mut bench, _) = asked();
    let sign = bench.booking_dialog("BK-1", "aoki", BookingStep::Consent);
    let command = booking("BK-1", BookingCommand::AcceptMove { sign: sign.clone() });
    assert_eq!(bench.act("aoki", command).unwrap_err().rule, "P11-23");
    refuse(&mut bench, "aoki", "BK-1", "not now").unwrap();
    let there = bench.window("SU-1", 9, 12);
    ask(&mut bench, "nakamura", "BK-1", there).unwrap();
    let command = booking("BK-1", BookingCommand::AcceptMove { sign });
    assert_eq!(bench.signed("aoki", command).unwrap_err().rule, "P11-19", "another slot was shown");
}

#[test]
fn sch_10_a_plan_that_keeps_to_the_agreements_withdraws_what_was_asked() {
    let (mut bench, _) = asked();
    let made = plan(&bench, &[]);
    adopt(&mut bench, "nakamura", made).unwrap();
    let proposed = bench.engine.books().bookings[&id("BK-1")].proposed.clone().unwrap();
    assert!(matches!(proposed.answer, Some(MoveAnswer::Withdrawn(_))) && bench.count("booking.move_withdrawn") == 1);
    bench.book("BK-3", "baba", "MBR-B", &bench.window("SU-1", 6, 8)).unwrap();
}

#[test]
fn sch_10_a_tenant_is_asked_only_for_what_needs_its_consent_by_whoever_plans() {
    let mut bench = booked();
    let within = later(&bench, "BK-1", 24);
    assert_eq!(ask(&mut bench, "nakamura", "BK-1", within).unwrap_err().rule, "SCH-10");
    let there = later(&bench, "BK-1", 48);
    for person in ["aoki", "baba", "sato", "watanabe"] {
        assert!(ask(&mut bench, person, "BK-1", there.clone()).is_err(), "{person}");
    }
    bench.quoted("BK-3", "aoki", "MBR-A", &[bench.window("SU-1", 10, 11)]).unwrap();
    bench.act("aoki", booking("BK-3", request())).unwrap();
    let tentative = bench.window("SU-1", 14, 15);
    assert_eq!(ask(&mut bench, "nakamura", "BK-3", tentative).unwrap_err().rule, "SCH-10", "it is not confirmed");
    ask(&mut bench, "nakamura", "BK-1", there.clone()).unwrap();
    let further = later(&bench, "BK-1", 72);
    assert_eq!(ask(&mut bench, "nakamura", "BK-1", further).unwrap_err().rule, "SCH-10", "one at a time");
    assert_eq!(bench.count("booking.move_proposed"), 1);
}
