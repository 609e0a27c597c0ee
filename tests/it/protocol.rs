//! Both protocols in mid-batch: a server is killed, the values go bad, the gap stands in the record, and the batch goes on.

use mes_core::{
    access::{Meaning, Subject},
    batch::{BatchCommand, DeviationCause, Entered, Lifecycle},
    engine::{Reading, View, WriteResult},
    historian::{Cause, Quality},
    id::{BatchId, DeviationId, ItemId, PhaseId},
    journal::EntryId,
};
use serde_json::Value;
use tests::{Facility, story, work::RATE_WAITING};

use crate::package::member;

fn link_down(reading: &Reading) -> bool {
    reading.sample.quality == Quality::bad(Cause::LinkDown)
}

#[test]
fn a_modbus_server_is_killed_in_mid_batch_and_the_gap_stands_in_the_record() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.instruction_done(&batch).await;
        let (sato, incubator) = (facility.person("sato"), facility.device("INC-01"));
        sato.starts(&batch, "P020").await.unwrap();

        incubator.kill().await;
        let reading = incubator.until_reading("temperature", "bad, link down", link_down).await;
        assert!(reading.sample.value.is_some(), "the last value is kept, and never passed off as live");
        let refused = sato.records(&batch, "P020", "incubator_temperature", Entered::FromTag).await.unwrap_err();
        assert!(refused.said.en.contains("INC-01") || refused.field.is_some(), "{refused}");
        assert!(facility.view().batches[&batch].phases[&phase("P020")].items.is_empty());

        incubator.revive().await;
        incubator.until_online().await;
        incubator.until_reading("temperature", "good again", |reading| reading.sample.quality.is_good()).await;
        sato.records(&batch, "P020", "incubator_temperature", Entered::FromTag).await.unwrap();
        sato.signs_phase(&batch, "P020", Meaning::Performed).await.unwrap();
        facility.person("takahashi").signs_phase(&batch, "P020", Meaning::Verified).await.unwrap();
        facility.set_point_written(&batch).await;
        let record = finished(&facility, &batch).await;
        link_gap_is_in(&record, "INC-01");
        facility.stop().await;
    });
}

#[test]
fn an_opc_ua_server_is_killed_before_a_write_and_nothing_is_written_blindly() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.instruction_done(&batch).await;
        facility.temperature_recorded(&batch).await;
        let (sato, reactor) = (facility.person("sato"), facility.device("BR-01"));
        sato.starts(&batch, "P030").await.unwrap();

        reactor.kill().await;
        reactor.until_reading("temperature", "bad, link down", link_down).await;
        sato.does(&batch, BatchCommand::ApplySetPoints { phase: phase("P030") }).await.unwrap();
        let (first, result) = outcome(&facility, &batch, None).await;
        assert!(matches!(result, WriteResult::NotSent { .. }), "{result:?}");
        let deviation = set_point_deviation(&facility, &batch);
        let unsigned = sato.signs_phase(&batch, "P030", Meaning::Performed).await.unwrap_err();
        assert_eq!(unsigned.rule, "DI-06", "{unsigned}");

        reactor.revive().await;
        reactor.until_online().await;
        sato.does(&batch, BatchCommand::ApplySetPoints { phase: phase("P030") }).await.unwrap();
        assert_eq!(outcome(&facility, &batch, Some(&first)).await.1, WriteResult::Confirmed);
        facility.person("watanabe").closes(&batch, &deviation).await.unwrap();
        sato.signs_phase(&batch, "P030", Meaning::Performed).await.unwrap();
        let record = finished(&facility, &batch).await;
        link_gap_is_in(&record, "BR-01");
        assert!(exceptions(&record, "deviation").contains(deviation.as_str()), "the write that was not sent");
        facility.stop().await;
    });
}

fn phase(id: &str) -> PhaseId {
    id.parse().unwrap()
}

/// The outcome of P030's newest write, once it is that of another write than `before`.
async fn outcome(facility: &Facility, batch: &BatchId, before: Option<&EntryId>) -> (EntryId, WriteResult) {
    let item: ItemId = "temperature".parse().unwrap();
    let look = |view: &View| {
        let write = view.batches[batch].phases[&phase("P030")].writes.get(&item)?;
        let outcome = write.outcome.as_ref().filter(|_| Some(&write.effect) != before)?;
        Some((write.effect.clone(), outcome.result.clone()))
    };
    facility.until("the outcome of the write", look).await
}

fn set_point_deviation(facility: &Facility, batch: &BatchId) -> DeviationId {
    let view = facility.view();
    let opened = view.batches[batch].deviations.iter().find(|(_, deviation)| {
        matches!(&deviation.cause, DeviationCause::SetPoint { result: WriteResult::NotSent { .. } })
    });
    opened.expect("a write that was not sent opens a deviation").0.clone()
}

/// Completes, reviews and releases a batch, closing what the break left open; gives record.json of its verified package.
pub(crate) async fn finished(facility: &Facility, batch: &BatchId) -> Value {
    let open: Vec<DeviationId> = facility.view().batches[batch]
        .deviations
        .iter()
        .filter(|(_, deviation)| deviation.closed.is_none())
        .map(|(id, _)| id.clone())
        .collect();
    for deviation in open {
        facility.person("watanabe").closes(batch, &deviation).await.unwrap();
    }
    facility.person("tanaka").does(batch, BatchCommand::CompleteExecution).await.unwrap();
    facility.rate(RATE_WAITING).await;
    facility.released(batch).await;
    assert_eq!(facility.view().batches[batch].lifecycle, Lifecycle::Released);
    assert!(facility.view().batches[batch].signatures.iter().any(|(s, _)| s.subject == Subject::Disposition));
    let package = facility.person("aida").exports(batch).await.unwrap();
    crate::package::verified(facility, &package);
    serde_json::from_slice(&member(&package, "record.json")).unwrap()
}

pub(crate) fn exceptions(record: &Value, kind: &str) -> String {
    let all = record["exceptions"].as_array().unwrap();
    let of_kind: Vec<String> = all.iter().filter(|line| line["kind"] == kind).map(ToString::to_string).collect();
    of_kind.join("\n")
}

/// The link that was lost and came back, as an exception that QA sees first, and as a gap in the trends of its tags.
fn link_gap_is_in(record: &Value, equipment: &str) {
    let lost = exceptions(record, "link_gap");
    assert!(lost.contains(equipment), "no exception says that {equipment} was lost: {}", record["exceptions"]);
    let trends = record["trends"].as_array().unwrap();
    let of_device: Vec<&Value> =
        trends.iter().filter(|trend| trend["tag"].as_str().is_some_and(|tag| tag.starts_with(equipment))).collect();
    assert!(!of_device.is_empty(), "no trend of {equipment}");
    for trend in of_device {
        let gaps = trend["gaps"].as_array().unwrap();
        assert!(!gaps.is_empty(), "no gap in the trend of {}", trend["tag"]);
    }
}
