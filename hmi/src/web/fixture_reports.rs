//! A report of a closed device with each batch of the fixture. It is compiled for tests only.

use std::{collections::BTreeMap, sync::Arc};

use mes_core::{
    historian::SampleValue,
    id::EquipmentId,
    journal::encode::sha256,
    quantity::{Bilingual, Unit},
    tenant::{DeviceReport, FiledReport, ReportedValue},
};

use super::fixture::{Story, at, id};

/// The bytes of the report that every batch of the fixture has.
pub(super) const REPORT: &[u8] = b"Lot;MSC";

/// A report of the incubator with each batch.
pub(super) fn reports(stories: &[&Story]) -> BTreeMap<EquipmentId, Vec<Arc<FiledReport>>> {
    let filed = stories.iter().map(|story| {
        let report = DeviceReport {
            equipment: id("INC-01"),
            name: format!("run-{}.csv", story.batch.issued.batch),
            sha256: sha256(&[story.batch.issued.batch.as_str().as_bytes()]),
            bytes: 2048,
            written: at("2026-07-01T01:00:00Z"),
            template: "cell-processor-report".into(),
            template_version: 1,
            lot: None,
            lot_unread: false,
            values: vec![ReportedValue {
                tag: id("temperature"),
                value: SampleValue::Real(451.0),
                unit: Unit("Cel".into()),
            }],
            problems: vec![Bilingual::new("F0: 空欄である", "F0: it is empty")],
        };
        let batch = Some(story.batch.issued.batch.clone());
        Arc::new(FiledReport {
            report,
            batch,
            at: at("2026-07-01T01:00:05Z"),
            entry: "tenant:TEN-A#98".parse().unwrap(),
        })
    });
    [(id("INC-01"), filed.collect())].into()
}
