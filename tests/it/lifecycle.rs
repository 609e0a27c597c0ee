//! The spine: one batch of TEST-3 from booking to a verified record, over real protocols, by two people.

use std::collections::BTreeMap;

use mes_core::{
    access::{Actor, Meaning, Subject},
    batch::{BatchEvent, ItemValue, Lifecycle, Source},
    booking::BookingState,
    engine::WriteResult,
    historian::Quality,
    id::BatchId,
    journal::{Entry, Event, StreamId, StreamKind},
};
use tests::{Facility, story, work::RATE_WAITING};

/// The entries of a batch's own stream.
async fn history(facility: &Facility, batch: &BatchId) -> Vec<Entry> {
    let scope = facility.person("watanabe").scope();
    facility.desk.history(scope, StreamId::new(StreamKind::Batch, batch)).await.unwrap()
}

fn events(entries: &[Entry]) -> Vec<BatchEvent> {
    let event = |entry: &Entry| match Event::of(entry).unwrap() {
        Event::Batch(event) => event,
        other => panic!("{other:?} in the stream of a batch"),
    };
    entries.iter().map(event).collect()
}

#[test]
fn one_batch_goes_from_booking_to_a_verified_package() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        let booking = facility.view().batches[&batch].issued.booking.clone();
        assert_eq!(facility.view().bookings[&booking].state, BookingState::Issued(batch.clone()));
        facility.person("tanaka").signs(&batch, Subject::Issue, Meaning::Approved).await.unwrap();

        facility.instruction_done(&batch).await;
        facility.temperature_recorded(&batch).await;
        a_value_came_over_modbus_with_its_evidence(&facility, &batch);
        facility.set_point_written(&batch).await;
        a_set_point_was_written_and_read_back(&facility, &batch).await;
        assert!(facility.complete(&batch));
        two_people_executed(&history(&facility, &batch).await);

        let supervisor = facility.person("tanaka");
        supervisor.does(&batch, mes_core::batch::BatchCommand::CompleteExecution).await.unwrap();
        facility.rate(RATE_WAITING).await;
        facility.released(&batch).await;
        assert_eq!(facility.view().batches[&batch].lifecycle, Lifecycle::Released);
        release_seals_every_stream(&history(&facility, &batch).await);
        let package = facility.person("aida").exports(&batch).await.unwrap();
        let report = crate::package::verified(&facility, &package);
        assert_eq!(report.batch, Some(batch.clone()));
        the_package_says_what_happened(&package);
        facility.stop().await;
    });
}

fn a_value_came_over_modbus_with_its_evidence(facility: &Facility, batch: &BatchId) {
    let view = facility.view();
    let item = &view.batches[batch].phases[&"P020".parse().unwrap()].items[&"incubator_temperature".parse().unwrap()];
    let ItemValue::Quantity(recorded) = &item.value else { panic!("{:?}", item.value) };
    assert_eq!(recorded.unit.0, "Cel");
    let Source::Tag(evidence) = &item.source else { panic!("{:?}", item.source) };
    assert_eq!(evidence.tag.to_string(), "INC-01/temperature");
    assert_eq!(evidence.quality, Quality::GOOD);
    let shown = evidence.value.as_ref().and_then(|value| value.to_f64()).unwrap();
    assert!((recorded.to_f64() - shown).abs() <= 0.05 + 1e-9, "recorded {recorded:?}, the device said {shown}");
    assert_eq!(item.performer.as_ref().unwrap().as_str(), "sato");
}

async fn a_set_point_was_written_and_read_back(facility: &Facility, batch: &BatchId) {
    let view = facility.view();
    let write = &view.batches[batch].phases[&"P030".parse().unwrap()].writes[&"temperature".parse().unwrap()];
    let outcome = write.outcome.as_ref().unwrap();
    assert_eq!(outcome.result, WriteResult::Confirmed);
    assert_eq!(outcome.effect, write.effect);
    assert_eq!(outcome.read_back.as_ref().and_then(|value| value.to_f64()), Some(37.0));
    // What the device itself says afterwards, over OPC UA.
    let fits = |reading: &mes_core::engine::Reading| {
        reading.sample.quality.is_good() && reading.sample.value.as_ref().and_then(|v| v.to_f64()) == Some(37.0)
    };
    facility.device("BR-01").until_reading("temperature_setpoint", "37.0 °C", fits).await;
}

fn two_people_executed(entries: &[Entry]) {
    let mut signed: BTreeMap<String, Vec<(String, Meaning)>> = BTreeMap::new();
    for event in events(entries) {
        if let BatchEvent::Signed { signature, .. } = event
            && let Subject::Phase(phase) = &signature.subject
        {
            let signer = signature.statement.signer.to_string();
            signed.entry(phase.to_string()).or_default().push((signer, signature.statement.meaning));
        }
    }
    let of = |person: &str, meaning| (person.to_owned(), meaning);
    assert_eq!(signed["P010"], [of("sato", Meaning::Performed)]);
    assert_eq!(signed["P020"], [of("sato", Meaning::Performed), of("takahashi", Meaning::Verified)]);
    assert_eq!(signed["P030"], [of("sato", Meaning::Performed)]);
}

fn release_seals_every_stream(entries: &[Entry]) {
    let released = events(entries).into_iter().find_map(|event| match event {
        BatchEvent::Released { seals, .. } => Some(seals),
        _ => None,
    });
    let seals = released.expect("the release is entered");
    let kinds: Vec<StreamKind> = seals.iter().map(|seal| seal.stream.kind).collect();
    for kind in [StreamKind::Batch, StreamKind::Recipe, StreamKind::Booking, StreamKind::Samples] {
        assert!(kinds.contains(&kind), "no seal of {kind:?} in {seals:?}");
    }
    // A gap-free stream of its own, each entry by a named person or by the system.
    for (number, entry) in (1u64..).zip(entries) {
        assert_eq!(entry.envelope.stream_seq, number);
        let mes_core::journal::Part::Open { value, .. } = &entry.parts[&mes_core::journal::PartName::Who] else {
            panic!("{} does not say who", entry.id());
        };
        let who: mes_core::access::Who = serde_json::from_value(value.clone()).unwrap();
        if let Actor::Person { id, name, .. } = &who.actor {
            assert!(!name.is_empty() && name != id.as_str(), "P11-17: the printed name, not the id alone");
        }
    }
}

fn the_package_says_what_happened(package: &[u8]) {
    let record: serde_json::Value = serde_json::from_slice(&crate::package::member(package, "record.json")).unwrap();
    let text = record.to_string();
    for word in [
        "TEST-3",
        "LOT-TEN-A-001",
        "COI-TEN-A-0001",
        "佐藤 花子 (Sato Hanako)",
        "高橋 美咲 (Takahashi Misaki)",
        "INC-01",
        "BR-01",
    ] {
        assert!(text.contains(word), "record.json does not say {word}");
    }
    assert_eq!(record["purpose"], "validation");
    assert!(record["purpose_mark"].is_object(), "a validation record is marked on every form of it");
    assert!(crate::package::member(package, "record.pdf").starts_with(b"%PDF"));
}
