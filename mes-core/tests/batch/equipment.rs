//! Set-points, conditions, watched limits, links and the identity check.

use mes_core::{
    batch::{BatchCommand, BatchEvent, DeviationCause, Entered, PhaseStatus, Verdict},
    clock::Timestamp,
    engine::{LinkState, WriteResult},
    isa88::State,
};

use crate::bench::{Bench, condition, evidence, id, number, resolve};

fn apply(bench: &mut Bench) -> Result<Vec<BatchEvent>, mes_core::access::Rejection> {
    bench.act("sato", &BatchCommand::ApplySetPoints { phase: id("P040") })
}

fn unknown() -> WriteResult {
    WriteResult::Unknown { reason: "the process stopped".into() }
}

#[test]
fn a_set_phase_writes_each_point_once_and_is_done_when_all_are_read_back() {
    let mut bench = Bench::running("P040");
    assert_eq!(apply(&mut bench).unwrap().len(), 2);
    assert_eq!(apply(&mut bench).unwrap_err().rule, "S88-07", "nothing is sent twice");
    assert_eq!(bench.performed("sato", "P040").unwrap_err().rule, "DI-06");
    bench.answer_writes("P040", &WriteResult::Confirmed);
    bench.performed("sato", "P040").unwrap();
    assert_eq!(bench.phase("P040").status, PhaseStatus::Complete);
}

#[test]
fn a_write_that_is_not_confirmed_opens_a_deviation_and_may_be_repeated_by_a_person() {
    for result in [
        WriteResult::Refused { code: "BadOutOfRange".into() },
        WriteResult::NotConfirmed,
        WriteResult::NotSent { reason: "link down".into() },
    ] {
        let mut bench = Bench::running("P040");
        apply(&mut bench).unwrap();
        bench.answer_writes("P040", &result);
        assert_eq!(bench.batch().deviations.len(), 2, "one for each point");
        assert_eq!(apply(&mut bench).unwrap().len(), 2);
        bench.answer_writes("P040", &WriteResult::Confirmed);
        bench.performed("sato", "P040").unwrap();
    }
}

#[test]
fn s88_07_an_unknown_outcome_is_not_written_again_before_a_person_has_looked() {
    let mut bench = Bench::running("P040");
    apply(&mut bench).unwrap();
    bench.answer_writes("P040", &unknown());
    let no = apply(&mut bench).unwrap_err();
    assert!(no.rule == "S88-07" && no.said.en.contains("record what it shows"), "{}", no.said.en);
    bench.record("sato", "P040", "set-temperature", number("37.05")).unwrap();
    bench.record("sato", "P040", "set-stirrer", number("20")).unwrap();
    let verdict = |item: &str| bench.phase("P040").items[&id(item)].verdict;
    assert_eq!((verdict("set-temperature"), verdict("set-stirrer")), (Verdict::Normal, Verdict::OutOfAcceptable));
    let events = apply(&mut bench).unwrap();
    assert_eq!(events.len(), 1, "only the point that the device does not have");
    bench.answer_writes("P040", &unknown());
    assert_eq!(apply(&mut bench).unwrap_err().rule, "S88-07", "what was seen before the second write does not count");
    bench.reads("BR-01/stirrer-setpoint", 60.0);
    bench.record("sato", "P040", "set-stirrer", Entered::FromTag).unwrap();
    assert_eq!(bench.phase("P040").items[&id("set-stirrer")].version, 2);
    bench.performed("sato", "P040").unwrap();
}

#[test]
fn a_set_point_is_not_recorded_by_hand_unless_its_write_was_not_confirmed() {
    let mut bench = Bench::running("P040");
    assert_eq!(bench.record("sato", "P040", "set-temperature", number("37")).unwrap_err().rule, "S88-07");
    assert_eq!(bench.record("sato", "P040", "nothing", number("37")).unwrap_err().rule, "S88-04");
}

#[test]
fn an_outcome_answers_its_own_effect_once() {
    let mut bench = Bench::running("P040");
    apply(&mut bench).unwrap();
    let (item, effect) = {
        let (item, write) = bench.phase("P040").writes.first_key_value().unwrap();
        (item.clone(), write.effect.clone())
    };
    let at = bench.now;
    let mut other = effect.clone();
    other.seq += 500;
    assert_eq!(bench.plant(&resolve("P040", &item, other, unknown(), at)).unwrap_err().rule, "no-change");
    bench.plant(&resolve("P040", &item, effect.clone(), unknown(), at)).unwrap();
    bench.plant(&resolve("P040", &item, effect.clone(), WriteResult::Confirmed, at)).unwrap();
    assert_eq!(
        bench.plant(&resolve("P040", &item, effect, WriteResult::NotConfirmed, at)).unwrap_err().rule,
        "no-change",
        "a known outcome stands"
    );
}

#[test]
fn sod_18_what_the_plant_reports_cannot_be_entered_by_a_person() {
    let mut bench = Bench::running("P050");
    let met = BatchCommand::MeetCondition { phase: id("P050"), evidence: condition() };
    assert_eq!(bench.act("tanaka", &met).unwrap_err().rule, "SOD-18");
    let start = BatchCommand::CompletePhase { phase: id("P050") };
    assert_eq!(bench.plant(&start).unwrap_err().rule, "P11-11", "and the plant does no person's work");
}

#[test]
fn a_wait_phase_without_signature_completes_itself_when_its_condition_is_met() {
    let mut bench = Bench::running("P050");
    let events = bench.plant(&BatchCommand::MeetCondition { phase: id("P050"), evidence: condition() }).unwrap();
    assert!(matches!(events[..], [BatchEvent::ConditionMet { .. }, BatchEvent::PhaseCompleted { .. }]));
    assert_eq!(bench.phase("P060").status, PhaseStatus::Ready);
}

#[test]
fn a_condition_of_another_text_is_not_the_recipes() {
    let mut bench = Bench::running("P050");
    let mut other = condition();
    other.expression = "reactor.glucose < 30.0".into();
    let met = BatchCommand::MeetCondition { phase: id("P050"), evidence: other };
    assert_eq!(bench.plant(&met).unwrap_err().rule, "no-change");
}

#[test]
fn an_overdue_condition_opens_one_deviation_and_the_phase_waits_on() {
    let mut bench = Bench::running("P050");
    let due = bench.now;
    bench.now = due.plus_s(1);
    let notice = BatchCommand::NoticeOverdue { phase: id("P050"), due };
    bench.plant(&notice).unwrap();
    assert_eq!(bench.plant(&notice).unwrap_err().rule, "no-change");
    assert_eq!((bench.batch().deviations.len(), bench.phase("P050").status), (1, PhaseStatus::Running));
}

#[test]
fn a_watched_limit_holds_the_batch_returns_and_can_be_violated_again() {
    let mut bench = Bench::running("P050");
    let item = || id("watch-temperature");
    let violated = |n: u32| BatchCommand::NoticeViolation {
        phase: id("P050"),
        item: item(),
        since: Timestamp::from_ms(0),
        evidence: evidence(),
        deviation: id(&format!("DEV-W{n}")),
    };
    let back = BatchCommand::NoticeReturn { phase: id("P050"), item: item(), evidence: evidence() };
    assert_eq!(bench.plant(&back).unwrap_err().rule, "no-change");
    bench.plant(&violated(1)).unwrap();
    assert_eq!(bench.batch().state, State::Held);
    assert_eq!(bench.plant(&violated(2)).unwrap_err().rule, "no-change", "it is violated already");
    bench.plant(&back).unwrap();
    assert!(bench.phase("P050").violated.is_empty());
    bench.plant(&violated(2)).unwrap();
    assert_eq!(bench.batch().deviations.len(), 2);
}

#[test]
fn a_wrong_identity_code_is_kept_in_a_deviation_and_holds_the_batch() {
    let mut bench = Bench::running("P020");
    bench.record("sato", "P020", "identity", Entered::Code("COI-78".into())).unwrap();
    let deviation = bench.batch().deviations.values().next().unwrap();
    assert_eq!(deviation.cause, DeviationCause::Identity { read: "COI-78".into() });
    assert_eq!(bench.batch().state, State::Held);
    let held = bench.batch().held.clone().unwrap();
    assert_eq!(held.deviation.as_ref(), bench.batch().deviations.keys().next());
    assert_eq!((held.by, held.reason), (None, None), "nobody decided it: the mismatch holds by itself");
    let again = bench.record("sato", "P020", "identity", Entered::Code("COI-77".into()));
    assert_eq!(again.unwrap_err().rule, "S88-01");
    bench.act("tanaka", &BatchCommand::Restart { reason: "right bag found".into() }).unwrap();
    bench.record("sato", "P020", "identity", Entered::Code(" COI-77 ".into())).unwrap();
    bench.performed("sato", "P020").unwrap();
}

#[test]
fn a_link_is_noted_when_it_changes_and_only_for_the_batchs_own_equipment() {
    let mut bench = Bench::running("P050");
    let note = |equipment: &str, state: LinkState| BatchCommand::NoteLink {
        role: id("reactor"),
        equipment: id(equipment),
        state,
        cause: "connection refused".into(),
        at: Timestamp::from_ms(0),
    };
    bench.plant(&note("BR-01", LinkState::Disconnected)).unwrap();
    assert_eq!(bench.plant(&note("BR-01", LinkState::Disconnected)).unwrap_err().rule, "no-change");
    assert_eq!(bench.plant(&note("BR-02", LinkState::Online)).unwrap_err().rule, "no-change");
    bench.plant(&note("BR-01", LinkState::Online)).unwrap();
    assert_eq!(bench.batch().links[&id("BR-01")].state, LinkState::Online);
}
