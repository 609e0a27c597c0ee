//! What a process that died finds when it starts again: its timers, its effects, its links.

use mes_core::{
    batch::{BatchCommand, BatchEvent, DeviationCause},
    engine::{Engine, Input, LinkReport, LinkState, WriteResult},
    historian::{Cause, Quality},
    id::BatchId,
    journal::{Event, Salts},
};

use crate::bench::{Bench, id, policies};

#[test]
fn c211_12_a_hold_time_that_ran_out_while_the_process_was_down_has_its_due_time_and_when_it_was_noticed() {
    let mut bench = Bench::expanding();
    for _ in 0..10 {
        bench.pass(8);
        bench.reads("temperature", 37.0);
        bench.reads("ph", 7.2);
        bench.reads("glucose", 2.0);
    }
    let batch = id::<BatchId>("B-1");
    let completed = bench.engine.books().batches[&batch].phases[&id("P040")].completed_at.unwrap();
    bench.restart(7_200);
    let found = bench.events().into_iter().find_map(|event| match event {
        Event::Batch(BatchEvent::DeviationOpened { cause: DeviationCause::HoldTime { due, noticed }, .. }) => {
            Some((due, noticed))
        }
        _ => None,
    });
    assert_eq!(found, Some((completed.plus_s(3_600), bench.now)));
    bench.pass(100);
    assert_eq!(bench.count("batch.deviation_opened"), 1);
}

#[test]
fn a_write_without_an_outcome_becomes_unknown_once_and_is_never_repeated() {
    let mut bench = Bench::with_batch();
    bench.start("P010").unwrap();
    bench.complete("P010").unwrap();
    bench.start("P020").unwrap();
    bench.reads("temperature", 37.0);
    bench.record("P020", "viability", mes_core::batch::Entered::Number("95".into())).unwrap();
    bench.record("P020", "temperature_seen", mes_core::batch::Entered::FromTag).unwrap();
    bench.sign("sato", mes_core::access::Subject::Phase(id("P020")), mes_core::access::Meaning::Performed).unwrap();
    bench.sign("suzuki", mes_core::access::Subject::Phase(id("P020")), mes_core::access::Meaning::Verified).unwrap();
    bench.ensure_complete("P020");
    bench.start("P030").unwrap();
    bench.batch("sato", BatchCommand::ApplySetPoints { phase: id("P030") }).unwrap();
    let effect = bench.effects.last().cloned().unwrap();
    bench.restart(60);
    assert!(bench.effects.is_empty());
    assert_eq!(bench.count("batch.write_resolved"), 1);
    bench.restart(60);
    assert!(bench.effects.is_empty());
    assert_eq!(bench.count("batch.write_resolved"), 1, "it is said once");
    // The device answers after all.
    bench.effects.push(effect);
    bench.answer(WriteResult::Confirmed).unwrap();
    assert_eq!(bench.count("batch.write_resolved"), 2);
    assert!(bench.engine.books().outstanding.is_empty());
}

#[test]
fn links_are_down_after_a_start_and_the_record_of_the_batch_says_so() {
    let mut bench = Bench::expanding();
    let online =
        LinkReport { equipment: id("BR-01"), state: LinkState::Online, cause: "connected".into(), at: bench.now };
    bench.input(Input::Link(online)).unwrap();
    bench.restart(60);
    let batch = &bench.engine.books().batches[&id::<BatchId>("B-1")];
    assert_eq!(batch.links[&id("BR-01")].state, LinkState::Disconnected);
    assert_eq!(bench.engine.books().links[&id("BR-01")].state, LinkState::Disconnected);
    let readings = bench.engine.view(bench.now).readings;
    assert!(readings.values().all(|reading| reading.sample.quality == Quality::bad(Cause::NotYetRead)));
    assert_eq!(readings.len(), 8);
}

#[test]
fn a_snapshot_with_the_entries_after_it_is_the_whole_replay() {
    let mut bench = Bench::with_batch();
    let snapshot = bench.engine.snapshot().unwrap();
    let at = bench.log.len();
    bench.start("P010").unwrap();
    bench.complete("P010").unwrap();
    let mut restored = Engine::restore(policies(), Salts::new([9; 32]), snapshot.clone()).unwrap();
    bench.log[at..].iter().for_each(|numbered| restored.replay(&numbered.entry).unwrap());
    assert_eq!(restored.books(), bench.engine.books());
    assert_eq!(restored.recorded_plant(), bench.engine.recorded_plant());
    assert_eq!(restored.sequencer(), bench.engine.sequencer());
    let mut other = snapshot;
    other["software"] = "catapult-mes 0.0.0".into();
    assert!(Engine::restore(policies(), Salts::new([9; 32]), other).is_err());
}

#[test]
fn an_entry_that_was_changed_or_left_out_stops_the_replay() {
    let bench = Bench::with_facility();
    let mut engine = Engine::new(policies(), Salts::new([8; 32]));
    engine.replay(&bench.log[0].entry).unwrap();
    assert!(engine.replay(&bench.log[2].entry).is_err());
}
