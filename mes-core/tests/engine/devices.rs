//! What devices tell beside their readings: where it is entered, how often at most, and who may ask for a connection.

use mes_core::{
    batch::{BatchEvent, ExportedFile},
    clock::Timestamp,
    engine::{
        Command, DeviceEvent, Effect, Input, LinkReport, LinkState, MessageKind, Note, SamplesExport, SamplingReport,
        TagSampling,
    },
    id::BatchId,
    journal::{Event, Hash},
    tenant::{DeviceCertificate, EquipmentEvent},
};

use crate::bench::{Bench, id, issue};

fn sampling(tags: &[(&str, Option<u64>)]) -> Input {
    let tag = |(name, effective_us): &(&str, Option<u64>)| {
        let refused = effective_us.is_none().then(|| "BadNodeIdUnknown".to_owned());
        TagSampling { tag: id(name), asked_us: 500_000, effective_us: *effective_us, refused }
    };
    Input::Sampling(SamplingReport { equipment: id("BR-01"), tags: tags.iter().map(tag).collect() })
}

fn event(bench: &Bench, equipment: &str, message: &str, severity: u16) -> DeviceEvent {
    let (equipment, source) = (id(equipment), "Pump 1".to_owned());
    DeviceEvent { equipment, source, message: message.into(), severity, source_time: None, receive_time: bench.now }
}

fn happens(bench: &mut Bench, messages: &[(&str, u16)]) {
    let events = messages.iter().map(|(message, severity)| event(bench, "BR-01", message, *severity)).collect();
    bench.input(Input::Happened(events)).unwrap();
}

fn linked(bench: &mut Bench, state: LinkState, cause: &str) {
    let report = LinkReport { equipment: id("BR-01"), state, cause: cause.into(), at: bench.now };
    bench.input(Input::Link(report)).unwrap();
}

/// Message and repetitions of every entered event, and what was left out, of the equipment's stream and of the batch's.
fn entered(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let of_equipment = |event: &Event| match event {
        Event::Equipment(EquipmentEvent::EventReported { happened, again }) => {
            Some(format!("{} +{again}", happened.message))
        }
        Event::Equipment(EquipmentEvent::MessagesLeftOut { left_out, .. }) => {
            Some(format!("{:?} {}", left_out.kind, left_out.count))
        }
        _ => None,
    };
    let of_batch = |event: &Event| match event {
        Event::Batch(BatchEvent::DeviceEventReported { happened, again, .. }) => {
            Some(format!("{} +{again}", happened.message))
        }
        Event::Batch(BatchEvent::MessagesLeftOut { left_out, .. }) => {
            Some(format!("{:?} {}", left_out.kind, left_out.count))
        }
        _ => None,
    };
    let events = bench.events();
    (events.iter().filter_map(of_equipment).collect(), events.iter().filter_map(of_batch).collect())
}

#[test]
fn the_agreed_sampling_is_entered_when_it_differs_from_what_is_on_record() {
    let mut bench = Bench::with_recipes();
    bench.input(sampling(&[("ph", Some(1_000_000)), ("temperature", Some(500_000)), ("not-ours", Some(1))])).unwrap();
    bench.input(sampling(&[("ph", Some(1_000_000)), ("temperature", Some(500_000))])).unwrap();
    assert_eq!(bench.count("equipment.sampling_agreed"), 1, "a new connection that agrees to the same is no news");
    let known = bench.engine.view(bench.now).sampling[&id("BR-01")].clone();
    assert_eq!(known.keys().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["ph", "temperature"]);
    // A batch begins with what is in force, and is told of what changes after.
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 0, 10)).unwrap();
    bench.accept("BK-1").unwrap();
    bench.act("tanaka", issue("B-1", "BK-1", "MBR-A", "SU-1", "BR-01")).unwrap();
    assert_eq!(bench.count("batch.sampling_agreed"), 1);
    bench.input(sampling(&[("ph", None), ("temperature", Some(500_000))])).unwrap();
    let last = bench.events().pop().unwrap();
    let Event::Batch(BatchEvent::SamplingAgreed { tags, .. }) = last else { panic!("{last:?}") };
    assert_eq!(tags.len(), 1, "only what changed");
    assert_eq!(tags[0].refused.as_deref(), Some("BadNodeIdUnknown"));
    let batch = &bench.engine.books().batches[&id::<BatchId>("B-1")];
    assert_eq!(batch.sampling[&id("BR-01")][&id("ph")].effective_us, None);
    assert_eq!(bench.replayed().books(), bench.engine.books());
}

#[test]
fn di_06_an_event_is_entered_at_once_and_equal_ones_within_a_minute_as_one_count() {
    let mut bench = Bench::with_batch();
    happens(&mut bench, &[("door open", 100), ("door open", 100), ("door open", 700), ("door shut", 100)]);
    let first = vec!["door open +0".to_owned(), "door open +0".into(), "door shut +0".into()];
    assert_eq!(entered(&bench), (first.clone(), first.clone()), "another severity is another event");
    bench.pass(30);
    happens(&mut bench, &[("door open", 100)]);
    assert_eq!(entered(&bench).0.len(), 3);
    bench.pass(31);
    let counted = [first, vec!["door open +2".to_owned()]].concat();
    assert_eq!(entered(&bench), (counted.clone(), counted));
    // Of equipment that no batch has, the batch is not told; of unknown equipment nobody is.
    let strange = vec![event(&bench, "BR-02", "x", 1), event(&bench, "BR-99", "x", 1)];
    bench.input(Input::Happened(strange)).unwrap();
    let (equipment, batch) = entered(&bench);
    assert_eq!((equipment.len(), batch.len()), (5, 4));
}

#[test]
fn a_device_that_floods_does_not_fill_the_journal_and_hides_no_alarm() {
    let mut bench = Bench::with_batch();
    for n in 0..5_000 {
        let (text, severity) = (format!("value {n}"), if n % 1000 == 999 { 900 } else { 200 });
        happens(&mut bench, &[(text.as_str(), severity)]);
        bench.now = bench.now.plus_ms(20);
    }
    bench.pass(600);
    let (equipment, batch) = entered(&bench);
    assert_eq!(equipment, batch);
    assert_eq!(equipment.iter().filter(|said| said.contains("999 ")).count(), 5, "every alarm: {equipment:?}");
    assert_eq!(equipment.len(), 30 + 5 + 1);
    assert_eq!(equipment.last().unwrap(), &format!("{:?} {}", MessageKind::Events, 4_995 - 30));
    happens(&mut bench, &[("value 1", 200)]);
    assert_eq!(entered(&bench).0.len(), 37, "after its time the next is entered at once again");
}

#[test]
fn what_was_counted_before_a_batch_is_not_told_to_it() {
    let mut bench = Bench::with_recipes();
    happens(&mut bench, &[("door open", 100), ("door open", 100)]);
    bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 0, 10)).unwrap();
    bench.accept("BK-1").unwrap();
    bench.act("tanaka", issue("B-1", "BK-1", "MBR-A", "SU-1", "BR-01")).unwrap();
    bench.pass(61);
    assert_eq!(entered(&bench), (vec!["door open +0".into(), "door open +1".into()], Vec::new()));
}

#[test]
fn alm_12_another_cause_of_the_same_state_is_entered_and_flapping_ones_only_so_often() {
    let mut bench = Bench::with_batch();
    linked(&mut bench, LinkState::Connecting, "read: no answer within 3 s");
    let since = bench.engine.view(bench.now).links[&id("BR-01")].since;
    bench.pass(1);
    linked(&mut bench, LinkState::Connecting, "connect: Connection refused (os error 111)");
    assert_eq!((bench.count("equipment.link_changed"), bench.count("batch.link_changed")), (2, 2));
    let link = bench.engine.view(bench.now).links[&id("BR-01")].clone();
    assert_eq!((link.since, link.cause.contains("refused")), (since, true), "the state stands since it began");
    for n in 0..100 {
        linked(&mut bench, LinkState::Connecting, &format!("cause {}", n % 7));
        bench.pass(1);
    }
    assert_eq!(bench.count("equipment.link_changed"), 6, "the first, and five other causes");
    // A change of the state is never left out.
    linked(&mut bench, LinkState::Online, "connected");
    linked(&mut bench, LinkState::Connecting, "cause 1");
    linked(&mut bench, LinkState::Connecting, "cause 2");
    assert_eq!(bench.count("equipment.link_changed"), 8);
    bench.pass(600);
    assert_eq!((bench.count("equipment.link_changed"), bench.count("batch.link_changed")), (9, 9));
    assert_eq!(bench.engine.view(bench.now).links[&id("BR-01")].cause, "cause 2", "the newest is on record in the end");
    let (equipment, batch) = entered(&bench);
    assert_eq!((equipment.clone(), batch), (vec!["LinkCauses 83".to_owned()], equipment));
}

#[test]
fn di_09_a_person_whose_role_allows_it_has_a_device_connected_again_and_the_entry_comes_before_the_effect() {
    let mut bench = Bench::with_batch();
    let again = || Command::ConnectAgain { equipment: id("BR-01") };
    let cause = "the device refuses user \"mes\" or the password (BadUserAccessDenied); correct the credentials";
    linked(&mut bench, LinkState::Faulted(cause.into()), cause);
    for who in ["sato", "suzuki", "watanabe", "aoki", "bessho", "kobayashi"] {
        assert!(bench.act(who, again()).is_err(), "{who}");
    }
    assert!(bench.effects.is_empty());
    for who in ["tanaka", "nakamura"] {
        let entries = bench.act(who, again()).unwrap();
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        let found = bench.entries().find(|one| one.id() == *entry).unwrap();
        assert_eq!(found.envelope.stream.to_string(), "equipment:BR-01");
        assert_eq!(
            Event::of(found).unwrap(),
            Event::Equipment(EquipmentEvent::ConnectAsked { equipment: id("BR-01"), by: id(who) })
        );
        assert_eq!(bench.effects.pop(), Some(Effect::Connect(id("BR-01"))));
    }
    let unknown = Command::ConnectAgain { equipment: id("BR-99") };
    assert_eq!(bench.act("nakamura", unknown).unwrap_err().rule, "not-found");
    linked(&mut bench, LinkState::Online, "connected");
    assert_eq!(bench.act("nakamura", again()).unwrap_err().rule, "link-up", "values would be interrupted");
    bench.restart(1);
    assert!(bench.effects.is_empty(), "nothing is asked again after a start");
}

#[test]
fn ua_03_the_end_of_a_certificate_is_entered_once_for_each_threshold_that_it_passes() {
    let mut bench = Bench::with_facility();
    let ends = |equipment: Option<&str>, within_days| {
        let certificate = DeviceCertificate {
            thumbprint: "9f86d081".into(),
            subject: "CN=BR-01".into(),
            issuer: "CN=BR-01".into(),
            valid_from: Timestamp::from_ms(0),
            valid_until: Timestamp::from_ms(1),
            equipment: equipment.map(id),
        };
        Input::Note(Note::CertificateEnds { certificate: Box::new(certificate), within_days })
    };
    for within_days in [60, 60, 30, 60, 7, 7] {
        bench.input(ends(Some("BR-01"), within_days)).unwrap();
    }
    assert_eq!(bench.count("equipment.certificate_ends"), 3);
    assert_eq!(bench.engine.view(bench.now).ending["9f86d081"], 7);
    assert_eq!(bench.entries().last().unwrap().envelope.stream.to_string(), "equipment:BR-01");
    bench.restart(1);
    bench.input(ends(None, 7)).unwrap();
    assert_eq!(bench.count("equipment.certificate_ends"), 3, "it is known after a restart");
}

#[test]
fn di_09_samples_that_belong_to_no_batch_leave_with_an_entry() {
    let mut bench = Bench::with_facility();
    let export = |person: &str, tag: &str| {
        let file = ExportedFile { name: "x.csv".into(), sha256: Hash([4; 32]) };
        let (from, until) = (Timestamp::from_ms(0), Timestamp::from_ms(9));
        let export = SamplesExport { scope: Bench::scope(person), tag: id(tag), from, until, file };
        Input::Note(Note::SamplesExported(Box::new(export)))
    };
    bench.input(export("nobody", "BR-01/ph")).unwrap_err();
    bench.input(export("tanaka", "BR-01/never")).unwrap_err();
    bench.input(export("tanaka", "BR-01/ph")).unwrap();
    let last = bench.entries().last().unwrap();
    assert_eq!(last.envelope.stream.to_string(), "equipment:BR-01");
    let Event::Equipment(EquipmentEvent::SamplesExported { tag, by, .. }) = Event::of(last).unwrap() else { panic!() };
    assert_eq!((tag.to_string(), by.to_string()), ("BR-01/ph".into(), "tanaka".into()));
}
