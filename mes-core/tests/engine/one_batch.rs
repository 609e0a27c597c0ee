//! One batch from its booking to its release, and what the plant does on the way.

use mes_core::{
    batch::{BatchCommand, BatchEvent, DeviationCause, Lifecycle},
    engine::{Effect, Input, LinkReport, LinkState, WriteResult},
    id::BatchId,
    journal::{Event, Owner, StreamId, StreamKind},
};

use crate::bench::{Bench, id};

fn deviations(bench: &Bench) -> Vec<(String, DeviationCause)> {
    let of = |event| match event {
        Event::Batch(BatchEvent::DeviationOpened { deviation, cause, .. }) => Some((deviation.to_string(), cause)),
        _ => None,
    };
    bench.events().into_iter().filter_map(of).collect()
}

#[test]
fn a_batch_runs_from_booking_to_release_and_its_release_seals_every_stream_it_draws_on() {
    let mut bench = Bench::expanding();
    bench.run_to_its_end();
    let signature = bench.reviewed();
    let dispose = BatchCommand::Dispose { release: true, signature, text: None, seals: Vec::new() };
    let refused = bench.batch("yamamoto", dispose.clone()).unwrap_err();
    assert!(refused.said.en.contains("not sealed yet"), "{refused}");
    bench.seal();
    let before: Vec<_> = ["batch:B-1", "booking:BK-1", "recipe:MBR-A", "samples:B-1.BR-01"]
        .map(|stream| bench.engine.sequencer().stream(&Owner::Tenant(id("TEN-A")), &id(stream)))
        .to_vec();
    bench.batch("yamamoto", dispose).unwrap();
    let batch = &bench.engine.books().batches[&id::<BatchId>("B-1")];
    assert_eq!(batch.lifecycle, Lifecycle::Released);
    let mut sealed: Vec<_> = batch.seals.iter().map(|seal| (seal.stream.to_string(), seal.seq, seal.hash)).collect();
    sealed.sort();
    let streams = ["batch:B-1", "booking:BK-1", "recipe:MBR-A", "samples:B-1.BR-01"];
    let expected: Vec<_> = streams.iter().zip(before).map(|(s, head)| ((*s).to_owned(), head.seq, head.last)).collect();
    assert_eq!(sealed, expected);
    assert!(deviations(&bench).is_empty());
}

#[test]
fn a_write_is_an_entry_first_and_its_effect_is_named_by_it() {
    let bench = Bench::expanding();
    let [Effect::Write(request)] = &bench.effects[..] else { panic!("{:?}", bench.effects) };
    let entry = bench.entries().find(|entry| entry.id() == request.effect).unwrap();
    assert_eq!(entry.envelope.event_type, "batch.write_requested");
    assert_eq!(bench.count("batch.write_resolved"), 1);
    assert!(bench.engine.books().outstanding.is_empty());
}

#[test]
fn a_condition_is_met_by_the_plant_with_its_evidence_and_the_phase_goes_on_in_the_same_step() {
    let mut bench = Bench::expanding();
    bench.run_to_its_end();
    let met = bench.events().into_iter().find_map(|event| match event {
        Event::Batch(BatchEvent::ConditionMet { evidence, .. }) => Some(evidence),
        _ => None,
    });
    let evidence = met.unwrap();
    assert_eq!(evidence.expression, "reactor.glucose < 3.0");
    assert_eq!(evidence.readings.len(), 1);
    assert!(evidence.readings[0].receive_time.since_ms(evidence.since) >= 60_000);
    let at = bench.entries().position(|e| e.envelope.event_type == "batch.condition_met").unwrap();
    let next = bench.entries().nth(at + 1).unwrap();
    assert_eq!(next.envelope.event_type, "batch.phase_completed");
}

#[test]
fn two_limits_violated_in_one_step_open_two_deviations() {
    let mut bench = Bench::expanding();
    for _ in 0..2 {
        let samples = vec![bench.sample("BR-01", "temperature", 39.0), bench.sample("BR-01", "ph", 6.0)];
        bench.input(Input::Readings(samples)).unwrap();
        bench.pass(8);
    }
    for _ in 0..8 {
        let samples = vec![bench.sample("BR-01", "temperature", 39.0), bench.sample("BR-01", "ph", 6.0)];
        bench.input(Input::Readings(samples)).unwrap();
        bench.pass(8);
    }
    let opened = deviations(&bench);
    assert_eq!(opened.len(), 2, "{opened:?}");
    assert_ne!(opened[0].0, opened[1].0);
    assert!(opened.iter().all(|(_, cause)| matches!(cause, DeviationCause::Watch { .. })));
    bench.reads("temperature", 37.0);
    assert_eq!(bench.count("batch.limit_returned"), 1);
}

#[test]
fn a_silent_device_becomes_a_deviation_and_its_value_is_never_passed_off_as_live() {
    let mut bench = Bench::expanding();
    bench.reads("temperature", 37.0);
    bench.reads("ph", 7.2);
    bench.pass(69);
    assert!(deviations(&bench).is_empty());
    bench.pass(2);
    assert_eq!(deviations(&bench).len(), 2);
    let view = bench.engine.view(bench.now);
    let reading = &view.readings[&id("BR-01/temperature")];
    assert!(!reading.sample.quality.is_good());
}

#[test]
fn a_condition_that_does_not_come_about_is_noticed_once() {
    let mut bench = Bench::expanding();
    bench.pass(3_601);
    bench.pass(10);
    let overdue = deviations(&bench).into_iter().filter(|(_, cause)| matches!(cause, DeviationCause::Overdue { .. }));
    assert_eq!(overdue.count(), 1);
}

#[test]
fn a_link_change_stands_in_the_streams_of_the_equipment_and_of_its_batch_once() {
    let mut bench = Bench::expanding();
    let report = |bench: &Bench, equipment: &str, state| {
        Input::Link(LinkReport { equipment: id(equipment), state, cause: "connected".into(), at: bench.now })
    };
    for equipment in ["BR-01", "BR-02", "BR-01"] {
        let input = report(&bench, equipment, LinkState::Online);
        bench.input(input).unwrap();
    }
    assert_eq!(bench.count("equipment.link_changed"), 2);
    assert_eq!(bench.count("batch.link_changed"), 1);
    let of = |entry: &&mes_core::journal::Entry| entry.envelope.event_type == "equipment.link_changed";
    assert!(bench.entries().filter(of).all(|entry| entry.envelope.owner == Owner::Facility));
    let batch = bench.entries().find(|e| e.envelope.event_type == "batch.link_changed").unwrap();
    assert_eq!(batch.envelope.stream, StreamId::new(StreamKind::Batch, "B-1"));
}

#[test]
fn a_held_batch_can_be_rejected_before_its_samples_are_complete() {
    let mut bench = Bench::expanding();
    bench.batch("sato", BatchCommand::Hold { reason: "contaminated 汚染".into() }).unwrap();
    bench.sign("yamamoto", mes_core::access::Subject::Disposition, mes_core::access::Meaning::Rejected).unwrap();
    let signature = bench.engine.books().batches[&id::<BatchId>("B-1")].signatures.last().unwrap().0.id.clone();
    let dispose =
        BatchCommand::Dispose { release: false, signature, text: Some("contaminated".into()), seals: Vec::new() };
    bench.batch("yamamoto", dispose).unwrap();
    assert_eq!(bench.engine.books().batches[&id::<BatchId>("B-1")].lifecycle, Lifecycle::Rejected);
}

#[test]
fn an_outcome_nobody_asked_for_is_not_entered() {
    let mut bench = Bench::expanding();
    let before = bench.log.len();
    bench.answer(WriteResult::Confirmed).unwrap();
    assert_eq!(bench.log.len(), before);
}
