//! What a device tells beside its readings, over the real protocol: how it samples, its alarms, and that a person had it connected.

use equipment_drivers::{Fault, TrustList};
use hmi::device_trust::untold;
use mes_core::{
    batch::BatchEvent,
    engine::{Command, Input, LinkState, Note, View},
    id::{BatchId, EquipmentId},
    journal::{Event, StreamId, StreamKind},
    tenant::EquipmentEvent,
};
use tests::{DEADLINE, Facility, story};

/// Awaits an event in a stream; gives it.
async fn told<T>(facility: &Facility, stream: StreamId, mut seen: impl FnMut(&Event) -> Option<T>) -> T {
    let scope = facility.person("watanabe").scope();
    let mut views = facility.app.writer.views();
    let look = async {
        loop {
            views.borrow_and_update();
            let entries = facility.desk.history(scope.clone(), stream.clone()).await.unwrap();
            if let Some(found) = entries.iter().find_map(|entry| seen(&Event::of(entry).unwrap())) {
                return found;
            }
            views.changed().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, look).await.unwrap_or_else(|_| panic!("not told in {stream}"))
}

fn of_batch(batch: &BatchId) -> StreamId {
    StreamId::new(StreamKind::Batch, batch)
}

#[test]
fn a_batch_is_told_how_its_bioreactor_samples_and_what_it_raises() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let reactor: EquipmentId = "BR-01".parse().unwrap();
        let agreed = |view: &View| view.sampling.get(&reactor).cloned();
        let known = facility.until("the agreed sampling of the bioreactor", agreed).await;
        let temperature = &known[&"temperature".parse().unwrap()];
        assert!(temperature.asked_us > 0 && temperature.effective_us.is_some(), "{temperature:?}");

        let batch = facility.batch("TEST-3", 1).await;
        let sampling = told(&facility, of_batch(&batch), |event| match event {
            Event::Batch(BatchEvent::SamplingAgreed { equipment, tags, .. }) if *equipment == reactor => {
                Some(tags.clone())
            }
            _ => None,
        });
        assert!(sampling.await.contains(temperature), "its record begins with what is in force");

        let unit = facility.plant.unit(&reactor).unwrap();
        unit.set_fault(Fault::SensorFault { tag: "ph".parse().unwrap() }).await.unwrap();
        let alarm = told(&facility, of_batch(&batch), |event| match event {
            Event::Batch(BatchEvent::DeviceEventReported { happened, .. }) if happened.is_alarm() => {
                Some(happened.clone())
            }
            _ => None,
        });
        let alarm = alarm.await;
        assert_eq!((alarm.message.as_str(), alarm.severity), ("sensor failure: begins", 600));
        assert!(alarm.source_time.is_some() && alarm.source == "BR-01", "{alarm:?}");
        unit.clear().await.unwrap();
        facility.stop().await;
    });
}

#[test]
fn di_09_a_link_that_needs_a_person_comes_back_when_one_asks_and_the_entry_names_who() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let reactor: EquipmentId = "BR-01".parse().unwrap();
        let again = || Command::ConnectAgain { equipment: reactor.clone() };
        let up = facility.person("nakamura").act(again()).await.unwrap_err();
        assert_eq!(up.rule, "link-up");
        facility.device("BR-01").fault(Fault::ExpiredCertificate).await;
        facility
            .device("BR-01")
            .until_link("the link needs a person", |state| matches!(state, LinkState::Faulted(_)))
            .await;
        facility.device("BR-01").clear().await;
        facility.person("sato").act(again()).await.unwrap_err();
        facility.person("nakamura").act(again()).await.unwrap();
        facility.device("BR-01").until_online().await;

        let stream = StreamId::new(StreamKind::Equipment, &reactor);
        let by = told(&facility, stream.clone(), |event| match event {
            Event::Equipment(EquipmentEvent::ConnectAsked { by, .. }) => Some(by.clone()),
            _ => None,
        });
        assert_eq!(by.await.as_str(), "nakamura");
        told(&facility, stream, |event| match event {
            Event::Equipment(EquipmentEvent::LinkChanged { cause, .. }) => {
                (cause == "trying again because a person asked").then_some(())
            }
            _ => None,
        })
        .await;
        facility.stop().await;
    });
}

#[test]
fn ua_03_the_end_of_our_own_certificate_is_entered_when_it_passes_a_threshold_and_not_again() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let pki = facility.app.config.pki();
        let own = TrustList::open(&pki).unwrap().own().unwrap();
        let passed = |days_left: i64| {
            let now = own.valid_to.plus_s(-days_left * 86_400);
            let notes = untold(&pki, &facility.view(), now).unwrap();
            let ours = |note: &Note| matches!(note, Note::CertificateEnds { certificate, .. } if certificate.thumbprint == own.thumbprint);
            notes.into_iter().find(ours)
        };
        assert_eq!(passed(61), None);
        for (days_left, threshold) in [(60, 60), (20, 30), (-1, 7)] {
            let note = passed(days_left).unwrap();
            assert!(
                matches!(&note, Note::CertificateEnds { within_days, .. } if *within_days == threshold),
                "{note:?}"
            );
            facility.app.writer.decide(Input::Note(note)).await.unwrap().unwrap();
            let known = |view: &View| view.ending.get(&own.thumbprint) == Some(&threshold);
            facility.until_true("the threshold on record", known).await;
            assert_eq!(passed(days_left), None, "once for each threshold");
        }
        facility.stop().await;
    });
}
