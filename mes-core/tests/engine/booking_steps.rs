//! From a quote to a confirmed booking: what stands how long, who signs what, and what lapses.

use mes_core::{
    access::Rejection,
    booking::{
        BookingCommand, BookingState, BookingStep, HOLD_D, QUOTE_VALID_H, QUOTES_PER_MINUTE_MAX, RiskAnswer,
        RiskQuestion,
    },
    engine::{Input, Note, Quoted},
    journal::Event,
};

use crate::bench::{Bench, acceptable, booking, id, request};

fn state(bench: &Bench, name: &str) -> BookingState {
    bench.engine.books().bookings[&id(name)].state.clone()
}

#[test]
fn bkg_02_a_request_is_assessed_approved_and_confirmed_each_with_a_signature() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    assert_eq!(bench.approve_booking("BK-1", "watanabe").unwrap_err().rule, "BKG-02");
    assert_eq!(bench.confirm("BK-1", "nakamura").unwrap_err().rule, "BKG-02");
    bench.assess("BK-1", "tanaka", acceptable()).unwrap();
    assert_eq!(bench.confirm("BK-1", "nakamura").unwrap_err().rule, "BKG-02", "quality comes first");
    bench.approve_booking("BK-1", "watanabe").unwrap();
    bench.confirm("BK-1", "nakamura").unwrap();
    let booking = bench.engine.books().bookings[&id("BK-1")].clone();
    assert_eq!(booking.state, BookingState::Confirmed);
    let signers = [
        booking.assessed.unwrap().signature.statement.signer,
        booking.approval.unwrap().statement.signer,
        booking.confirmation.unwrap().statement.signer,
    ];
    assert_eq!(signers, [id("tanaka"), id("watanabe"), id("nakamura")]);
}

#[test]
fn bkg_02_who_may_not_takes_no_step_and_nobody_without_a_credential() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    for person in ["sato", "nakamura", "watanabe", "aoki", "kobayashi"] {
        assert_eq!(bench.assess("BK-1", person, acceptable()).unwrap_err().rule, "P11-11", "{person}");
    }
    for person in ["baba", "bessho"] {
        assert_eq!(bench.assess("BK-1", person, acceptable()).unwrap_err().rule, "not-found", "{person}");
    }
    let sign = bench.booking_dialog("BK-1", "tanaka", BookingStep::RiskAssessment);
    let text = Some("closed systems".to_owned());
    let command = BookingCommand::AssessRisk { assessment: acceptable(), text, sign };
    assert_eq!(bench.act("tanaka", booking("BK-1", command)).unwrap_err().rule, "P11-23");
    bench.assess("BK-1", "tanaka", acceptable()).unwrap();
    for person in ["tanaka", "nakamura", "aida", "bessho"] {
        assert!(bench.approve_booking("BK-1", person).is_err(), "{person}");
    }
}

#[test]
fn p11_19_what_is_signed_is_what_was_shown() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    bench.assess("BK-1", "tanaka", acceptable()).unwrap();
    let shown = bench.booking_dialog("BK-1", "watanabe", BookingStep::Approval);
    let mut otherwise = acceptable();
    otherwise.answers.insert(RiskQuestion::Cabinets, RiskAnswer::NotApplicable);
    let sign = bench.booking_dialog("BK-1", "tanaka", BookingStep::RiskAssessment);
    let text = Some("closed systems".to_owned());
    let command = BookingCommand::AssessRisk { assessment: otherwise, text, sign };
    assert_eq!(bench.signed("tanaka", booking("BK-1", command)).unwrap_err().rule, "P11-19");
    bench.assess("BK-1", "tanaka", acceptable()).unwrap();
    let late = bench.signed("watanabe", booking("BK-1", BookingCommand::Approve { sign: shown })).unwrap_err();
    assert_eq!(late.rule, "P11-19", "it was assessed again since the dialog opened");
}

#[test]
fn atmp_01_to_04_what_is_not_satisfied_is_not_acceptable_and_not_approved() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 1, 5)).unwrap();
    for question in RiskQuestion::ALL {
        let mut against = acceptable();
        against.answers.insert(question, RiskAnswer::NotSatisfied);
        assert_eq!(bench.assess("BK-1", "tanaka", against.clone()).unwrap_err().rule, question.rule());
        against.answers.remove(&question);
        assert_eq!(bench.assess("BK-1", "tanaka", against).unwrap_err().rule, question.rule(), "not answered");
    }
    // The dialog of the bench is of an acceptable assessment; what is entered differs, so it has to be signed as it is.
    let mut against = acceptable();
    against.acceptable = false;
    assert_eq!(bench.assess("BK-1", "tanaka", against).unwrap_err().rule, "P11-19");
}

#[test]
fn a_quote_stands_until_its_end_and_only_what_it_offered_can_be_requested() {
    let mut bench = Bench::with_recipes();
    assert_eq!(bench.act("aoki", booking("BK-1", request())).unwrap_err().rule, "not-found", "nothing was quoted");
    bench.quoted("BK-1", "aoki", "MBR-A", &[bench.window("SU-1", 3, 5)]).unwrap();
    assert_eq!(bench.act("baba", booking("BK-1", request())).unwrap_err().rule, "not-found", "it is another's quote");
    bench.now = bench.now.plus_s(QUOTE_VALID_H * 3600);
    assert_eq!(bench.act("aoki", booking("BK-1", request())).unwrap_err().rule, "BKG-02");
    bench.quoted("BK-2", "aoki", "MBR-A", &[bench.window("SU-1", 3, 5)]).unwrap();
    bench.act("aoki", booking("BK-2", request())).unwrap();
    assert_eq!(bench.act("aoki", booking("BK-2", request())).unwrap_err().rule, "BKG-02", "it was used");
    assert!(bench.engine.books().quotes.is_empty(), "what lapsed or was used is not kept");
}

#[test]
fn a_hold_that_is_not_confirmed_in_time_frees_itself_and_says_when() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 10, 15)).unwrap();
    let due = bench.now.plus_s(HOLD_D * 86_400);
    assert!(bench.book("BK-2", "baba", "MBR-B", &bench.window("SU-1", 10, 15)).is_err(), "it is held");
    // The process was down when the time was over.
    bench.restart(HOLD_D * 86_400 + 3_600);
    bench.input(Input::Tick).unwrap();
    let lapsed = bench.entries().find(|entry| entry.envelope.event_type == "booking.lapsed").unwrap().clone();
    let Event::Booking(mes_core::booking::BookingEvent::Lapsed { due: said, noticed, .. }) =
        Event::of(&lapsed).unwrap()
    else {
        panic!()
    };
    assert_eq!((said, noticed), (due, bench.now));
    assert_eq!(lapsed.envelope.owner.to_string(), "tenant:TEN-A");
    assert_eq!(state(&bench, "BK-1"), BookingState::Lapsed(due));
    bench.book("BK-3", "baba", "MBR-B", &bench.window("SU-1", 10, 15)).unwrap();
    assert_eq!(bench.assess("BK-1", "tanaka", acceptable()).unwrap_err().rule, "BKG-02");
    assert_eq!(bench.count("booking.lapsed"), 1);
    assert_eq!(bench.replayed().books(), bench.engine.books());
}

#[test]
fn a_confirmed_booking_does_not_lapse() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 10, 15)).unwrap();
    bench.accept("BK-1").unwrap();
    bench.now = bench.now.plus_s(HOLD_D * 86_400 * 2);
    bench.input(Input::Tick).unwrap();
    assert_eq!(state(&bench, "BK-1"), BookingState::Confirmed);
}

#[test]
fn bkg_01_a_series_is_requested_whole_signed_once_and_withdrawn_batch_by_batch() {
    let mut bench = Bench::with_recipes();
    let windows = [bench.window("SU-1", 1, 5), bench.window("SU-1", 8, 12), bench.window("SU-1", 15, 19)];
    bench.quoted("BK-1", "aoki", "MBR-A", &windows).unwrap();
    bench.act("aoki", booking("BK-1", request())).unwrap();
    bench.accept("BK-1").unwrap();
    for name in ["BK-1-1", "BK-1-2", "BK-1-3"] {
        assert_eq!(state(&bench, name), BookingState::Confirmed, "{name}");
    }
    assert_eq!((bench.count("booking.confirmed"), bench.count("booking.risk_assessed")), (3, 3));
    let all = bench.engine.books().bookings.clone();
    let one = |name: &str| all[&id(name)].confirmation.clone().unwrap();
    assert_eq!(one("BK-1-1"), one("BK-1-3"), "one signature for the request");
    assert_eq!(one("BK-1-1").statement.records.len(), 9, "three bookings, their assessments and approvals");
    bench.act("aoki", booking("BK-1-2", BookingCommand::Withdraw)).unwrap();
    assert_eq!(state(&bench, "BK-1-2"), BookingState::Withdrawn);
    bench.book("BK-2", "baba", "MBR-B", &windows[1]).unwrap();
    assert!(bench.book("BK-3", "baba", "MBR-B", &windows[2]).is_err());
}

#[test]
fn a_series_that_does_not_fit_as_a_whole_books_nothing() {
    let mut bench = Bench::with_recipes();
    bench.book("BK-1", "baba", "MBR-B", &bench.window("SU-1", 8, 10)).unwrap();
    let windows = [bench.window("SU-1", 1, 5), bench.window("SU-1", 9, 12)];
    bench.quoted("BK-2", "aoki", "MBR-A", &windows).unwrap();
    let no = bench.act("aoki", booking("BK-2", request())).unwrap_err();
    assert!(no.said.en.starts_with("No capacity of this kind"), "{no}");
    let itself = [bench.window("SU-2", 1, 5), bench.window("SU-2", 4, 9)];
    bench.quoted("BK-3", "aoki", "MBR-A", &itself).unwrap();
    bench.act("aoki", booking("BK-3", request())).unwrap_err();
    assert_eq!(bench.engine.books().bookings.len(), 1);
}

#[test]
fn quoting_is_limited_and_the_refusal_is_on_record_in_both_languages() {
    let mut bench = Bench::with_recipes();
    let window = bench.window("SU-1", 1, 5);
    let ask = |bench: &mut Bench, in_minute: u32| -> Result<Vec<_>, Rejection> {
        let asked = mes_core::booking::Asked {
            recipe: id("MBR-A"),
            version: 1,
            earliest: window.from,
            latest: window.until,
            series: None,
        };
        let answer = Err(mes_core::quantity::Bilingual::new("空きなし", "No capacity"));
        let scope = Bench::scope("aoki");
        let quoted = Quoted { scope, booking: id(&format!("BK-{in_minute}")), asked, answer, in_minute };
        bench.input(Input::Note(Note::Quoted(Box::new(quoted))))
    };
    ask(&mut bench, QUOTES_PER_MINUTE_MAX).unwrap();
    let no = ask(&mut bench, QUOTES_PER_MINUTE_MAX + 1).unwrap_err();
    assert_eq!(no.rule, "rate");
    assert!(no.said.ja.contains("1分") && no.said.en.contains("minute"), "{no}");
    ask(&mut bench, QUOTES_PER_MINUTE_MAX + 2).unwrap_err();
    assert_eq!(bench.count("booking.offered"), 1, "a quote is on record with its answer");
    assert_eq!(bench.count("person.refused"), 1, "equal refusals within a minute are counted, not repeated");
}
