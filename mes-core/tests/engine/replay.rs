//! Replay equals live, and the same inputs with the same seed make the same bytes.

use mes_core::{
    batch::{BatchCommand, Entered},
    engine::{
        Command, DeviceEvent, Effect, Input, LinkReport, LinkState, Note, SamplingReport, TagSampling, WriteResult,
    },
    historian::{Cause, Quality},
    journal::Numbered,
    quantity::Language,
};
use proptest::prelude::*;

use crate::bench::{Bench, id, issue};

/// One thing that happens: kind, choice, number, seconds that pass before it.
type Draw = (u8, usize, i32, u16);

const PHASES: [&str; 6] = ["P010", "P020", "P030", "P040", "P050", "P999"];
const PEOPLE: [&str; 8] = ["sato", "suzuki", "tanaka", "watanabe", "aida", "baba", "kobayashi", "nobody"];

fn happen(bench: &mut Bench, (kind, choice, n, s): Draw) {
    bench.now = bench.now.plus_s(i64::from(s));
    let phase = PHASES[choice % PHASES.len()];
    let person = PEOPLE[choice % PEOPLE.len()];
    // What is refused is part of the history.
    let _ = match kind {
        0 | 1 => bench.start(phase),
        2 | 3 => bench.complete(phase),
        4 => bench.record(phase, "viability", Entered::Number((n % 100).abs().to_string())),
        5 => bench.record(phase, "temperature_seen", Entered::FromTag),
        6..=12 => {
            let name = ["temperature", "ph", "glucose"][choice % 3];
            let value = [37.0, 7.2, 2.0, 39.0, 6.0, 99.0][n.unsigned_abs() as usize % 6];
            let mut sample = bench.sample("BR-01", name, value);
            if n % 11 == 0 {
                sample.quality = Quality::bad(Cause::LinkDown);
            }
            bench.input(Input::Readings(vec![sample]))
        }
        13 => bench.input(Input::Tick),
        14 => bench.batch("sato", BatchCommand::ApplySetPoints { phase: id("P030") }),
        15 if bench.effects.iter().any(|effect| matches!(effect, Effect::Write(_))) => bench.answer(match n % 4 {
            0 => WriteResult::Refused { code: "BadOutOfRange".into() },
            1 => WriteResult::Unknown { reason: "?".into() },
            _ => WriteResult::Confirmed,
        }),
        16 => {
            let state = if n % 2 == 0 { LinkState::Online } else { LinkState::Disconnected };
            let report = LinkReport { equipment: id("BR-01"), state, cause: format!("cause {}", n % 5), at: bench.now };
            bench.input(Input::Link(report))
        }
        17 => bench.batch(person, BatchCommand::Hold { reason: "r".into() }),
        18 => bench.batch("tanaka", BatchCommand::Restart { reason: "r".into() }),
        19 => bench.sign(person, mes_core::access::Subject::Phase(id(phase)), mes_core::access::Meaning::Performed),
        20 => bench.sign("suzuki", mes_core::access::Subject::Phase(id(phase)), mes_core::access::Meaning::Verified),
        21 => bench.act("kobayashi", Command::SetRate { rate: n.unsigned_abs() % 4_000 }),
        22 => bench.act(person, Command::ChooseLanguage { language: Language::En }),
        23 => {
            let window = bench.window("SU-2", i64::from(n % 9), i64::from(n % 9) + 3);
            bench.book(&format!("BK-{choice}"), "baba", "MBR-B", &window)
        }
        24 => bench.accept(&format!("BK-{choice}")),
        25 => bench.act("bessho", issue(&format!("B-{choice}"), &format!("BK-{choice}"), "MBR-B", "SU-2", "BR-02")),
        26 => bench.input(Input::Note(Note::Started { wall_time: bench.now })),
        27 | 28 => {
            let input = told(bench, kind, choice, n);
            bench.input(input)
        }
        29 => bench.act(person, Command::ConnectAgain { equipment: id("BR-01") }),
        _ => {
            bench.seal();
            Ok(Vec::new())
        }
    };
}

/// What a device tells beside its readings.
fn told(bench: &Bench, kind: u8, choice: usize, n: i32) -> Input {
    if kind == 27 {
        let tags = vec![TagSampling {
            tag: id(["ph", "glucose"][choice % 2]),
            asked_us: 500_000,
            effective_us: (n % 3 == 0).then(|| u64::from(n.unsigned_abs())),
            refused: None,
        }];
        return Input::Sampling(SamplingReport { equipment: id("BR-01"), tags });
    }
    let event = |choice: usize| DeviceEvent {
        equipment: id(["BR-01", "BR-02", "BR-99"][choice % 3]),
        source: "Pump".into(),
        message: format!("m{}", n % 3),
        severity: u16::try_from(n.unsigned_abs() % 1000).unwrap(),
        source_time: None,
        receive_time: bench.now,
    };
    Input::Happened((0..choice * 4).map(event).collect())
}

fn bytes(log: &[Numbered]) -> Vec<&[u8]> {
    log.iter().map(|numbered| numbered.bytes.as_slice()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_recorded_state_of_any_history_is_what_its_entries_replay_to(
        expanding in any::<bool>(),
        draws in proptest::collection::vec((0u8..31, 0usize..24, any::<i32>(), 0u16..40), 1..80),
    ) {
        let mut bench = if expanding { Bench::expanding() } else { Bench::with_batch() };
        draws.iter().for_each(|draw| happen(&mut bench, *draw));
        let mut replayed = bench.replayed();
        prop_assert_eq!(replayed.books(), bench.engine.books());
        prop_assert_eq!(replayed.recorded_plant(), bench.engine.recorded_plant());
        prop_assert_eq!(replayed.sequencer(), bench.engine.sequencer());
    }

    #[test]
    fn the_same_inputs_and_the_same_seed_make_the_same_bytes(
        draws in proptest::collection::vec((0u8..31, 0usize..24, any::<i32>(), 0u16..40), 1..40),
    ) {
        let run = || {
            let mut bench = Bench::expanding();
            draws.iter().for_each(|draw| happen(&mut bench, *draw));
            bench
        };
        let (one, other) = (run(), run());
        prop_assert_eq!(bytes(&one.log), bytes(&other.log));
        let parts = |bench: &Bench| bench.entries().map(|entry| entry.parts.clone()).collect::<Vec<_>>();
        prop_assert_eq!(parts(&one), parts(&other));
    }
}

#[test]
fn a_history_with_a_release_replays_to_the_same_state() {
    let mut bench = Bench::expanding();
    bench.run_to_its_end();
    let signature = bench.reviewed();
    bench.seal();
    bench.batch("yamamoto", BatchCommand::Dispose { release: true, signature, text: None, seals: Vec::new() }).unwrap();
    assert_eq!(bench.replayed().books(), bench.engine.books());
    assert_eq!(bench.replayed().recorded_plant(), bench.engine.recorded_plant());
}
