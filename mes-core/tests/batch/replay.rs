//! Random commands never break anything, and the batch folded from the JSON of its events is the batch in memory.

use mes_core::{
    access::{Meaning, Subject},
    batch::{BatchCommand, DeviationClass, Entered},
    engine::{LinkState, WriteResult},
};
use proptest::prelude::*;

use crate::bench::{Bench, STEPS, condition, correct, evidence, id, number};

const PEOPLE: [&str; 12] =
    ["sato", "mori", "suzuki", "tanaka", "watanabe", "ueda", "yamamoto", "aida", "abe", "bando", "kobayashi", "arai"];
const PHASES: [&str; 10] = ["P010", "P020", "P030", "P040", "P050", "P060", "P070", "P080", "P090", "P999"];
const ITEMS: [&str; 9] = [
    "clean",
    "identity",
    "viability",
    "incubation_temp",
    "set-temperature",
    "density",
    "total_cells",
    "yield_pct",
    "watch-temperature",
];
const MEANINGS: [Meaning; 6] =
    [Meaning::Performed, Meaning::Verified, Meaning::Reviewed, Meaning::Approved, Meaning::Released, Meaning::Rejected];

/// Indices into the lists above, and a number.
type Draw = (usize, usize, usize, usize, i32);

fn value(choice: usize, n: i32) -> Entered {
    match choice % 5 {
        0 => number(&n.to_string()),
        1 => Entered::FromTag,
        2 => Entered::Confirmed,
        3 => Entered::Code(if n % 2 == 0 { "COI-77".into() } else { "COI-0".into() }),
        _ => number("37.0"),
    }
}

fn subject(bench: &Bench, choice: usize, phase: &str, item: &str) -> Subject {
    let deviation = bench.batch().deviations.keys().next().cloned().unwrap_or_else(|| id("DEV-1"));
    match choice % 7 {
        0 | 1 => Subject::Phase(id(phase)),
        2 => Subject::Corrections(id(phase)),
        3 => Subject::Items(id(phase), vec![id(item)]),
        4 => Subject::Deviation(deviation),
        5 => Subject::ProductionReview,
        _ => [Subject::QualityReview, Subject::Disposition, Subject::Issue][choice % 3].clone(),
    }
}

fn persons(bench: &mut Bench, kind: usize, (person, phase, item, choice, n): Draw) -> (&'static str, BatchCommand) {
    let (who, phase, item) = (PEOPLE[person % 12], PHASES[phase % 10], ITEMS[item % 9]);
    let reason = if n % 7 == 0 { String::new() } else { "because 理由".into() };
    let command = match kind {
        0 => BatchCommand::StartPhase { phase: id(phase) },
        1 | 2 => BatchCommand::Record {
            phase: id(phase),
            item: id(item),
            value: value(choice, n),
            performer: (n % 3 == 0).then(|| id(PEOPLE[choice % 12])),
            reason: Some(reason),
        },
        3 => correct(phase, item, &n.to_string()),
        4 => BatchCommand::ApplySetPoints { phase: id(phase) },
        5 => BatchCommand::CompletePhase { phase: id(phase) },
        6 | 7 => {
            let subject = subject(bench, choice, phase, item);
            bench.dialog(who, subject, MEANINGS[choice % 6])
        }
        8 => match bench.batch().signatures.last() {
            Some((known, _)) => BatchCommand::RejectSignature { signature: known.id.clone(), reason },
            None => BatchCommand::Hold { reason },
        },
        9 => BatchCommand::Hold { reason },
        10 => BatchCommand::Restart { reason },
        11 => BatchCommand::LateEntry {
            phase: id(phase),
            claimed: bench.now.plus_s(i64::from(n)),
            text: "x".into(),
            reason,
        },
        12 => {
            BatchCommand::OpenDeviation { deviation: id(&format!("DEV-B-1-{}", n % 4 + 9)), phase: None, text: reason }
        }
        13 => BatchCommand::ClassifyDeviation {
            deviation: bench.batch().deviations.keys().next().cloned().unwrap_or_else(|| id("DEV-1")),
            class: DeviationClass::Major,
            text: reason,
        },
        14 => BatchCommand::CompleteExecution,
        15 => BatchCommand::ReviewAuditTrail { up_to: bench.batch().last_seq },
        _ => BatchCommand::Dispose {
            release: n % 2 == 0,
            signature: bench.batch().signatures.last().map_or_else(|| id("SIG-0"), |(s, _)| s.id.clone()),
            text: Some(reason),
            seals: crate::reviews::seals(),
        },
    };
    (who, command)
}

fn plants(bench: &Bench, kind: usize, (_, phase, item, choice, n): Draw) -> BatchCommand {
    let (phase, item) = (PHASES[phase % 10], ITEMS[item % 9]);
    let (due, deviation) = (bench.now.plus_s(i64::from(-n)), id(&format!("DEV-P{}", n % 5 + 9)));
    match kind {
        0 => BatchCommand::MeetCondition { phase: id(phase), evidence: condition() },
        1 => BatchCommand::NoticeOverdue { phase: id(phase), due },
        2 => BatchCommand::NoticeViolation {
            phase: id(phase),
            item: id(item),
            since: due,
            evidence: evidence(),
            deviation,
        },
        3 => BatchCommand::NoticeReturn { phase: id(phase), item: id(item), evidence: evidence() },
        4 => BatchCommand::NoticeHoldExceeded { phase: id(phase), due, deviation },
        5 => BatchCommand::NoteLink {
            role: id("reactor"),
            equipment: id("BR-01"),
            state: [LinkState::Online, LinkState::Degraded("late".into())][choice % 2].clone(),
            cause: "x".into(),
            at: due,
        },
        _ => {
            let result = [
                WriteResult::Confirmed,
                WriteResult::NotConfirmed,
                WriteResult::Unknown { reason: "x".into() },
                WriteResult::Refused { code: "Bad".into() },
            ][choice % 4]
                .clone();
            let runs = bench.batch().phases.iter();
            let mut open = runs.flat_map(|(p, run)| run.writes.iter().map(move |(i, w)| (p, i, w.effect.clone())));
            match open.next() {
                Some((phase, item, effect)) => crate::bench::resolve(phase.as_str(), item, effect, result, bench.now),
                None => BatchCommand::NoticeOverdue { phase: id(phase), due },
            }
        }
    }
}

fn run(from: usize, draws: &[(usize, Draw)]) -> Bench {
    let start = STEPS.get(from % (STEPS.len() + 1)).map_or("end", |(name, _)| name);
    let mut bench = Bench::at(start);
    bench.reads("INC-01/temperature", 37.2);
    for (kind, draw) in draws {
        let refused = if kind % 24 < 17 {
            let (who, command) = persons(&mut bench, kind % 24, *draw);
            bench.act(who, &command).err()
        } else {
            let command = plants(&bench, kind % 24 - 17, *draw);
            bench.plant(&command).err()
        };
        if let Some(no) = refused {
            assert!(!no.rule.is_empty() && !no.said.ja.is_empty() && !no.said.en.is_empty());
        }
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_never_panic_and_replay_from_json_equals_memory(
        from in 0usize..11,
        draws in prop::collection::vec((0usize..24, (0usize..12, 0usize..10, 0usize..9, 0usize..42, -50i32..120)), 1..60),
    ) {
        let bench = run(from, &draws);
        prop_assert_eq!(&bench.batch, &bench.from_json);
        let text = serde_json::to_string(&bench.batch).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Option<mes_core::batch::Batch>>(&text).unwrap(), &bench.batch);
        let batch = bench.batch();
        for run in batch.phases.values() {
            prop_assert!(run.items.values().all(|item| item.version as usize == item.corrected.len() + 1));
        }
    }

    #[test]
    fn sod_01_whoever_touched_a_phase_cannot_verify_it_and_everybody_else_who_checks_can(
        (starter, first, second, corrector) in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
        hands in prop::option::of(0usize..4),
    ) {
        let who = |n: usize| ["sato", "mori", "suzuki", "tanaka"][n];
        let mut bench = Bench::at("P030");
        bench.start(who(starter), "P030").unwrap();
        let viability = BatchCommand::Record {
            phase: id("P030"),
            item: id("viability"),
            value: number("92"),
            performer: hands.map(|n| id(who(n))),
            reason: None,
        };
        bench.act(who(first), &viability).unwrap();
        bench.reads("INC-01/temperature", 37.0);
        bench.record(who(second), "P030", "incubation_temp", Entered::FromTag).unwrap();
        let corrected = bench.act(who(corrector), &correct("P030", "viability", "91")).is_ok();
        let performer = who(hands.unwrap_or(first));
        bench.performed(performer, "P030").unwrap();
        let touched = [Some(starter), Some(first), Some(second), hands, corrected.then_some(corrector)];
        let free = |n: &usize| !touched.contains(&Some(*n));
        for n in (0..4).filter(|n| !free(n)) {
            prop_assert!(bench.verified(who(n), "P030").is_err(), "{}", who(n));
        }
        for n in [2, 3].iter().filter(|n| free(n)).take(1) {
            prop_assert!(bench.verified(who(*n), "P030").is_ok(), "{}", who(*n));
        }
    }
}
