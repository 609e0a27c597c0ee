//! Order of phases, hold times, hold and restart, completion.

use mes_core::{
    batch::{BatchCommand, BatchEvent, DeviationCause, Entered, Lifecycle, PhaseStatus},
    clock::Timestamp,
    isa88::{Command, State},
};

use crate::bench::{Bench, condition, id, number};

#[test]
fn p11_10_a_phase_starts_only_when_the_one_before_it_is_complete() {
    let mut bench = Bench::issued();
    let no = bench.start("sato", "P020").unwrap_err();
    assert_eq!(no.rule, "P11-10");
    assert!(no.said.en.contains("Complete phase P010"), "{}", no.said.en);
    bench.start("sato", "P010").unwrap();
    assert_eq!(bench.start("sato", "P010").unwrap_err().rule, "P11-10");
}

#[test]
fn the_first_phase_starts_the_batch() {
    let mut bench = Bench::issued();
    let events = bench.start("sato", "P010").unwrap();
    assert!(matches!(
        events[..],
        [
            BatchEvent::StateChanged { command: Some(Command::Start), to: State::Running, row: 1, .. },
            BatchEvent::PhaseStarted { .. }
        ]
    ));
    assert_eq!(bench.batch().lifecycle, Lifecycle::InExecution);
}

#[test]
fn s88_01_a_held_batch_takes_no_new_step_until_it_is_restarted() {
    let mut bench = Bench::at("P020");
    bench.act("sato", &BatchCommand::Hold { reason: "cloudy 濁り".into() }).unwrap();
    assert_eq!(bench.batch().state, State::Held);
    let held = bench.batch().held.clone().unwrap();
    assert_eq!((held.by, held.reason.as_deref()), (Some(id("sato")), Some("cloudy 濁り")));
    assert_eq!(held.deviation, None);
    assert_eq!(bench.start("sato", "P020").unwrap_err().rule, "S88-01");
    assert_eq!(bench.act("sato", &BatchCommand::Restart { reason: "clear".into() }).unwrap_err().rule, "P11-11");
    let events = bench.act("tanaka", &BatchCommand::Restart { reason: "clear".into() }).unwrap();
    assert_eq!(events.len(), 2, "restarting, then running by itself");
    assert_eq!(bench.batch().held, None);
    bench.start("sato", "P020").unwrap();
}

#[test]
fn a_hold_needs_a_reason_and_a_running_batch() {
    let mut bench = Bench::at("P020");
    assert_eq!(bench.act("sato", &BatchCommand::Hold { reason: " ".into() }).unwrap_err().rule, "A11-14");
    let restart = BatchCommand::Restart { reason: "x".into() };
    assert_eq!(bench.act("tanaka", &restart).unwrap_err().rule, "S88-01");
}

#[test]
fn c211_12_a_phase_waits_for_its_minimum_hold_time_and_says_when() {
    let mut bench = Bench::at("P060");
    let completed = bench.phase("P050").completed_at.unwrap();
    bench.now = completed.plus_s(30);
    let no = bench.start("sato", "P060").unwrap_err();
    assert_eq!(no.rule, "C211-12");
    assert!(no.said.en.contains(&completed.plus_s(60).shown()), "{}", no.said.en);
    bench.now = completed.plus_s(60);
    assert_eq!(bench.start("sato", "P060").unwrap().len(), 1);
}

#[test]
fn c211_12_a_hold_time_exceeded_opens_a_deviation_and_the_phase_goes_on() {
    let mut bench = Bench::at("P060");
    bench.now = bench.phase("P050").completed_at.unwrap().plus_s(3601);
    let events = bench.start("sato", "P060").unwrap();
    let [BatchEvent::DeviationOpened { cause: DeviationCause::HoldTime { .. }, .. }, BatchEvent::PhaseStarted { .. }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(bench.phase("P060").hold_exceeded);
}

#[test]
fn c211_12_a_hold_time_noticed_by_the_plant_is_not_opened_twice() {
    let mut bench = Bench::at("P060");
    let due = bench.phase("P050").completed_at.unwrap().plus_s(3600);
    bench.now = due.plus_s(5);
    let notice = BatchCommand::NoticeHoldExceeded { phase: id("P060"), due, deviation: id("DEV-X") };
    bench.plant(&notice).unwrap();
    assert_eq!(bench.plant(&notice).unwrap_err().rule, "no-change");
    assert_eq!(bench.start("sato", "P060").unwrap().len(), 1);
    assert_eq!(bench.batch().deviations.len(), 1);
}

#[test]
fn sch_04_p11_12_a_phase_does_not_start_on_what_is_no_longer_calibrated_or_qualified() {
    let mut bench = Bench::at("P040");
    for equipment in bench.facility.equipment.values_mut() {
        equipment.calibrated_until = Timestamp::from_ms(1);
    }
    assert_eq!(bench.start("sato", "P040").unwrap_err().rule, "P11-12");
    bench.facility = crate::bench::facility();
    bench.facility.suites.values_mut().for_each(|suite| suite.qualified_until = Timestamp::from_ms(1));
    assert_eq!(bench.start("sato", "P040").unwrap_err().rule, "SCH-04");
}

#[test]
fn di_06_a_phase_is_not_complete_while_an_item_is_missing() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("92")).unwrap();
    let no = bench.performed("sato", "P030").unwrap_err();
    assert_eq!(no.rule, "DI-06");
    assert!(no.said.en.contains("incubation_temp"), "{}", no.said.en);
}

#[test]
fn a_signed_phase_is_completed_by_its_signatures_only() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("1.2")).unwrap();
    assert_eq!(bench.complete("sato", "P060").unwrap_err().rule, "P11-17");
    bench.performed("sato", "P060").unwrap();
    assert_eq!(bench.phase("P060").status, PhaseStatus::Complete);
    assert_eq!(bench.phase("P070").status, PhaseStatus::Ready);
}

#[test]
fn a_condition_met_while_held_completes_its_phase_on_restart() {
    let mut bench = Bench::running("P050");
    bench.act("sato", &BatchCommand::Hold { reason: "alarm".into() }).unwrap();
    bench.plant(&BatchCommand::MeetCondition { phase: id("P050"), evidence: condition() }).unwrap();
    assert_eq!(bench.phase("P050").status, PhaseStatus::Running);
    bench.act("tanaka", &BatchCommand::Restart { reason: "fine".into() }).unwrap();
    assert_eq!(bench.phase("P050").status, PhaseStatus::Complete);
}

#[test]
fn execution_is_complete_only_with_every_phase() {
    let mut bench = Bench::at("P090");
    let no = bench.act("tanaka", &BatchCommand::CompleteExecution).unwrap_err();
    assert!(no.said.en.contains("P090"), "{}", no.said.en);
    let bench = Bench::executed();
    assert_eq!((bench.batch().lifecycle, bench.batch().state), (Lifecycle::ExecutionComplete, State::Complete));
}

#[test]
fn what_a_person_may_not_know_exists_is_not_found() {
    let mut bench = Bench::new();
    assert_eq!(bench.start("sato", "P010").unwrap_err().rule, "not-found");
    let mut bench = Bench::issued();
    assert_eq!(bench.start("sato", "P999").unwrap_err().rule, "S88-04");
    assert_eq!(bench.record("sato", "P010", "clean", Entered::Confirmed).unwrap_err().rule, "S88-01");
}
