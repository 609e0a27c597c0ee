//! Completeness: every command is accepted once and refused once. A new command does not compile until it stands here.

use std::collections::BTreeSet;

use mes_core::{
    access::{Meaning, Subject},
    batch::{BatchCommand, DeviationClass, DeviceNews, Entered, ExportedFile},
    clock::Timestamp,
    engine::{LinkState, TagSampling, WriteResult},
    journal::Hash,
    tenant::DeviceReport,
};

use crate::{
    bench::{Bench, condition, correct, evidence, id, number, record, resolve},
    reviews,
};

/// Every command by name, so that none can be left out.
fn name(command: &BatchCommand) -> &'static str {
    match command {
        BatchCommand::Issue(_) => "issue",
        BatchCommand::StartPhase { .. } => "start_phase",
        BatchCommand::Record { .. } => "record",
        BatchCommand::Correct { .. } => "correct",
        BatchCommand::ApplySetPoints { .. } => "apply_set_points",
        BatchCommand::CompletePhase { .. } => "complete_phase",
        BatchCommand::Sign { .. } => "sign",
        BatchCommand::RejectSignature { .. } => "reject_signature",
        BatchCommand::Hold { .. } => "hold",
        BatchCommand::Restart { .. } => "restart",
        BatchCommand::Comment { .. } => "comment",
        BatchCommand::LateEntry { .. } => "late_entry",
        BatchCommand::OpenDeviation { .. } => "open_deviation",
        BatchCommand::ClassifyDeviation { .. } => "classify_deviation",
        BatchCommand::CompleteExecution => "complete_execution",
        BatchCommand::ReviewAuditTrail { .. } => "review_audit_trail",
        BatchCommand::Dispose { .. } => "dispose",
        BatchCommand::NoteExport { .. } => "note_export",
        BatchCommand::ResolveEffect { .. } => "resolve_effect",
        BatchCommand::MeetCondition { .. } => "meet_condition",
        BatchCommand::NoticeOverdue { .. } => "notice_overdue",
        BatchCommand::NoticeViolation { .. } => "notice_violation",
        BatchCommand::NoticeReturn { .. } => "notice_return",
        BatchCommand::NoticeHoldExceeded { .. } => "notice_hold_exceeded",
        BatchCommand::NoteLink { .. } => "note_link",
        BatchCommand::TakeReport { .. } => "take_report",
        BatchCommand::NoteDevice { .. } => "note_device",
    }
}

const COMMANDS: usize = 27;

/// A bench, the person (none: the plant) and the command.
type Case = (Bench, Option<&'static str>, BatchCommand);

fn people() -> Vec<Case> {
    let phase = |text: &str| id(text);
    let new = Bench::new();
    let order = new.order();
    let mut signing = Bench::running("P060");
    signing.record("sato", "P060", "density", number("1.5")).unwrap();
    let dialog = signing.dialog("sato", Subject::Phase(phase("P060")), Meaning::Performed);
    let mut signed = Bench::running("P070");
    signed.record("sato", "P070", "total_cells", number("480")).unwrap();
    signed.performed("sato", "P070").unwrap();
    let signature = signed.batch().signatures.last().unwrap().0.id.clone();
    let mut held = Bench::at("P020");
    held.act("sato", &BatchCommand::Hold { reason: "alarm".into() }).unwrap();
    let mut deviating = Bench::at("P040");
    reviews::open(&mut deviating, "sato");
    let executed = Bench::executed();
    let up_to = executed.batch().last_seq;
    let mut disposing = reviews::reviewed();
    disposing.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap();
    let release = reviews::dispose(&disposing, true);
    let files = vec![ExportedFile { name: "record.json".into(), sha256: Hash::ZERO }];
    let late = BatchCommand::LateEntry {
        phase: phase("P030"),
        claimed: Timestamp::from_ms(1),
        text: "x".into(),
        reason: "y".into(),
    };
    vec![
        (new, Some("tanaka"), order),
        (Bench::issued(), Some("sato"), BatchCommand::StartPhase { phase: phase("P010") }),
        (Bench::running("P010"), Some("sato"), record("P010", "clean", Entered::Confirmed)),
        (Bench::at("P040"), Some("suzuki"), correct("P030", "viability", "91")),
        (Bench::running("P040"), Some("sato"), BatchCommand::ApplySetPoints { phase: phase("P040") }),
        (Bench::running("P090"), Some("sato"), BatchCommand::CompletePhase { phase: phase("P090") }),
        (signing, Some("sato"), dialog),
        (signed, Some("suzuki"), BatchCommand::RejectSignature { signature, reason: "look again".into() }),
        (Bench::at("P020"), Some("sato"), BatchCommand::Hold { reason: "alarm".into() }),
        (held, Some("tanaka"), BatchCommand::Restart { reason: "settled".into() }),
        (Bench::issued(), Some("sato"), BatchCommand::Comment { phase: None, text: "hello".into() }),
        (Bench::at("P040"), Some("sato"), late),
        (
            Bench::issued(),
            Some("kato"),
            BatchCommand::OpenDeviation { deviation: id("D"), phase: None, text: "x".into() },
        ),
        (deviating, Some("watanabe"), reviews::classify(DeviationClass::Minor)),
        (Bench::at("end"), Some("tanaka"), BatchCommand::CompleteExecution),
        (executed, Some("ueda"), BatchCommand::ReviewAuditTrail { up_to }),
        (disposing, Some("yamamoto"), release),
        (Bench::issued(), Some("arai"), BatchCommand::NoteExport { files }),
    ]
}

fn plant() -> Vec<Case> {
    let mut writing = Bench::running("P040");
    writing.act("sato", &BatchCommand::ApplySetPoints { phase: id("P040") }).unwrap();
    let (item, write) = writing.phase("P040").writes.first_key_value().unwrap();
    let resolved = resolve("P040", item, write.effect.clone(), WriteResult::Confirmed, writing.now);
    let waiting = || Bench::running("P050");
    let violation = BatchCommand::NoticeViolation {
        phase: id("P050"),
        item: id("watch-temperature"),
        since: Timestamp::from_ms(0),
        evidence: evidence(),
        deviation: id("DEV-W"),
    };
    let mut violated = waiting();
    violated.plant(&violation).unwrap();
    let back = BatchCommand::NoticeReturn { phase: id("P050"), item: id("watch-temperature"), evidence: evidence() };
    let link = BatchCommand::NoteLink {
        role: id("reactor"),
        equipment: id("BR-01"),
        state: LinkState::Online,
        cause: "connected".into(),
        at: Timestamp::from_ms(0),
    };
    let tags = vec![TagSampling { tag: id("ph"), asked_us: 500_000, effective_us: Some(1_000_000), refused: None }];
    let told =
        BatchCommand::NoteDevice { role: id("reactor"), equipment: id("BR-01"), news: DeviceNews::Sampling { tags } };
    let due = Timestamp::from_ms(1);
    let exceeded = BatchCommand::NoticeHoldExceeded { phase: id("P060"), due, deviation: id("DEV-H") };
    vec![
        (writing, None, resolved),
        (waiting(), None, BatchCommand::MeetCondition { phase: id("P050"), evidence: condition() }),
        (waiting(), None, BatchCommand::NoticeOverdue { phase: id("P050"), due }),
        (waiting(), None, violation),
        (violated, None, back),
        (Bench::at("P060"), None, exceeded),
        (Bench::issued(), None, link),
        (Bench::issued(), None, BatchCommand::TakeReport { role: id("reactor"), report: Box::new(report()) }),
        (Bench::issued(), None, told),
    ]
}

fn report() -> DeviceReport {
    DeviceReport {
        equipment: id("BR-01"),
        name: "run-17.csv".into(),
        sha256: Hash([17; 32]),
        bytes: 12,
        written: Timestamp::from_ms(0),
        template: "cell-processor-report".into(),
        template_version: 1,
        lot: None,
        lot_unread: false,
        values: Vec::new(),
        problems: Vec::new(),
    }
}

#[test]
fn every_command_is_accepted_once_and_refused_when_given_again_or_by_the_wrong_one() {
    let mut seen = BTreeSet::new();
    for (mut bench, person, command) in people().into_iter().chain(plant()) {
        let command_name = name(&command);
        seen.insert(command_name);
        let mut wrong = Vec::new();
        match person {
            Some(person) => {
                wrong.push(bench.plant(&command).unwrap_err());
                wrong.push(bench.act("bando", &command).unwrap_err());
                wrong.push(bench.act("kobayashi", &command).unwrap_err());
                bench.act(person, &command).unwrap_or_else(|no| panic!("{command_name}: {no}"));
            }
            None => {
                wrong.push(bench.act("tanaka", &command).unwrap_err());
                bench.plant(&command).unwrap_or_else(|no| panic!("{command_name}: {no}"));
                wrong.push(bench.plant(&command).unwrap_err());
            }
        }
        for no in wrong {
            assert!(!no.rule.is_empty() && no.said.ja != no.said.en, "{command_name}: {no:?}");
        }
        assert_eq!(bench.batch, bench.from_json, "{command_name}");
    }
    assert_eq!(seen.len(), COMMANDS);
}
