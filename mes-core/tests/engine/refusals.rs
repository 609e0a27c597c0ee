//! Refusals: data with a rule and a sentence, and entries in the person's stream.

use mes_core::{
    access::{AuthMethod, Reauth},
    batch::BatchCommand,
    clock::Timestamp,
    engine::{Command, Engine, Input, Note},
    historian::{FacilitySamples, Quality},
    id::BatchId,
    journal::{Event, Hash, Owner, Purpose, Salts},
    quantity::Language,
    tenant::PersonEvent,
};

use crate::bench::{Bench, id, person, policies};

fn refused(bench: &Bench) -> Vec<(String, String, String, u32)> {
    let of = |event| match event {
        Event::Person(PersonEvent::Refused { person, rule, object, count, .. }) => {
            Some((person.to_string(), rule, object, count))
        }
        _ => None,
    };
    bench.events().into_iter().filter_map(of).collect()
}

#[test]
fn p11_11_a_refusal_is_entered_at_once_and_equal_ones_within_a_minute_as_one_count() {
    let mut bench = Bench::with_batch();
    for _ in 0..5 {
        bench.start("P050").unwrap_err();
    }
    assert_eq!(refused(&bench), vec![("sato".into(), "P11-10".into(), "B-1".into(), 1)]);
    let who = &bench.entries().last().unwrap().parts[&mes_core::journal::PartName::Who];
    let who = serde_json::to_string(who).unwrap();
    assert!(who.contains("佐藤 花子 (Sato Hanako)") && who.contains("HMI-1"), "{who}");
    bench.start("P999").unwrap_err();
    assert_eq!(refused(&bench).len(), 2, "another rule is another refusal");
    bench.pass(30);
    assert_eq!(refused(&bench).len(), 2);
    bench.pass(31);
    assert_eq!(refused(&bench).last().unwrap().3, 4);
    bench.pass(61);
    assert_eq!(refused(&bench).len(), 3);
    bench.start("P050").unwrap_err();
    assert_eq!(refused(&bench).len(), 4, "after its minute the first is entered at once again");
}

#[test]
fn nobody_known_leaves_no_entry_and_an_account_out_of_use_can_do_nothing() {
    let mut bench = Bench::with_facility();
    let before = bench.log.len();
    bench.act("stranger", Command::ChooseLanguage { language: Language::En }).unwrap_err();
    bench.input(Input::Note(Note::LoggedIn(Bench::scope("stranger")))).unwrap_err();
    assert_eq!(bench.log.len(), before);
    let mut items = crate::bench::items();
    items.retain(|item| item.key().id == "sato");
    let mes_core::tenant::FacilityItem::Person(leaver) = &mut items[0] else { panic!() };
    leaver.active = false;
    let items = mes_core::tenant::difference(&bench.engine.books().facility, items);
    bench.act("nakamura", Command::ProposeChange { change: id("CHG-2"), items, text: None }).unwrap();
    bench.signed("watanabe", Command::ApproveChange { change: id("CHG-2") }).unwrap();
    let no = bench.act("sato", Command::ChooseLanguage { language: Language::En }).unwrap_err();
    assert_eq!(no.rule, "P11-20");
    assert!(!bench.engine.books().facility.people[&person("sato")].active);
}

#[test]
fn p11_24_a_credential_check_older_than_a_minute_or_of_another_person_does_not_sign() {
    let mut bench = Bench::with_facility();
    let change = |bench: &mut Bench, name: &str| {
        let mut items = crate::bench::items();
        items.retain(|item| item.key().id == "SU-1");
        let mes_core::tenant::FacilityItem::Suite(suite) = &mut items[0] else { panic!() };
        suite.places = 2;
        let items = mes_core::tenant::difference(&bench.engine.books().facility, items);
        bench.act("nakamura", Command::ProposeChange { change: id(name), items, text: None }).unwrap();
    };
    change(&mut bench, "CHG-2");
    let approve = Command::ApproveChange { change: id("CHG-2") };
    let old = Reauth { person: id("watanabe"), method: AuthMethod::Password, age_ms: 60_001 };
    assert!(bench.act_with("watanabe", Some(old), approve.clone()).is_err());
    assert!(bench.act("watanabe", approve.clone()).is_err());
    let fresh = Reauth { person: id("watanabe"), method: AuthMethod::Password, age_ms: 60_000 };
    assert!(bench.act_with("sato", Some(fresh), approve).is_ok(), "a second person may sign at the same terminal");
    let signed = bench.entries().last().unwrap();
    let who = serde_json::to_string(&signed.parts[&mes_core::journal::PartName::Who]).unwrap();
    assert!(who.contains(r#""session_of":"sato""#) && who.contains("渡辺 真理 (Watanabe Mari)"), "{who}");
    assert!(who.contains(r#""role":"QA""#) && who.contains(r#""suite":"SU-1""#), "{who}");
}

#[test]
fn sod_18_a_person_cannot_report_for_the_plant() {
    let mut bench = Bench::expanding();
    let evidence = mes_core::batch::ReadingEvidence {
        tag: id("BR-01/temperature"),
        value: None,
        quality: Quality::GOOD,
        source_time: None,
        receive_time: bench.now,
        seq: 1,
    };
    let command = BatchCommand::NoticeReturn { phase: id("P040"), item: id("watch_temperature"), evidence };
    for name in ["sato", "tanaka", "watanabe", "kobayashi"] {
        assert!(bench.batch(name, command.clone()).is_err(), "{name}");
    }
    assert_eq!(bench.count("batch.limit_returned"), 0);
}

#[test]
fn a_journal_is_opened_first_and_once_and_a_production_journal_runs_in_real_time() {
    let mut engine = Engine::new(policies(), Salts::new([7; 32]));
    let output = engine.step(mes_core::clock::Timestamp::from_ms(0), Input::Tick);
    assert!(output.reply.is_err() && output.entries.is_empty());
    let mut bench = Bench::empty(Purpose::Production);
    let again = Note::Opened { purpose: Purpose::Demo, wall_time: bench.now, key: mes_core::journal::Hash::ZERO };
    assert!(bench.input(Input::Note(again)).is_err());
    let items = mes_core::tenant::difference(&mes_core::tenant::Facility::default(), crate::bench::items());
    let (proposed_by, approved_by) = (id("nakamura"), id("watanabe"));
    let note = Note::FirstFacility { items, change: id("CHG-1"), proposed_by, approved_by };
    bench.input(Input::Note(note)).unwrap();
    assert_eq!(bench.act("kobayashi", Command::SetRate { rate: 60 }).unwrap_err().rule, "DI-13");
    let mut demo = Bench::with_facility();
    assert!(demo.act("kobayashi", Command::SetRate { rate: 0 }).is_err());
    assert!(demo.act("kobayashi", Command::SetRate { rate: 7_201 }).is_err());
    assert!(demo.act("sato", Command::SetRate { rate: 60 }).is_err());
    demo.act("kobayashi", Command::SetRate { rate: 3_600 }).unwrap();
    assert_eq!(demo.engine.rate(), 3_600);
    assert_eq!(demo.engine.books().batches.get(&id::<BatchId>("B-1")), None);
}

#[test]
fn di_04_what_a_batch_occupies_is_never_sealed_as_free() {
    let mut bench = Bench::expanding();
    let issued = bench.now;
    let free = |equipment: &str, from: Timestamp, until: Timestamp| {
        let (equipment, chunks) = (id(equipment), Vec::new());
        let sealed = FacilitySamples { equipment, from, until, root: Hash([3; 32]), chunks, supplement: false };
        Input::Note(Note::FacilitySealed(sealed))
    };
    let later = issued.plus_s(3600);
    assert_eq!(bench.input(free("BR-01", issued, later)).unwrap_err().rule, "DI-04");
    assert_eq!(bench.input(free("FREE-01", later, issued)).unwrap_err().rule, "DI-04", "a period ends after it begins");
    let long_before = issued.plus_s(-30 * 86_400);
    for (equipment, from, until) in [("BR-01", long_before, long_before.plus_s(60)), ("FREE-01", issued, later)] {
        bench.input(free(equipment, from, until)).unwrap();
        let envelope = &bench.entries().last().unwrap().envelope;
        assert_eq!((&envelope.owner, envelope.stream.to_string()), (&Owner::Facility, format!("samples:{equipment}")));
    }
}
