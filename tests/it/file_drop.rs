//! Reports of closed devices: a file in a folder becomes an entry of the batch it is about, with what it says, and the file itself
//! goes with the record.

use std::{fs, path::PathBuf};

use batch_records::verify::{Status, VerifyOptions, verify};
use hmi::web::port::unwatched;
use mes_core::{
    engine::{LinkState, View},
    id::{BatchId, EquipmentId},
    journal::encode::sha256,
    tenant::FiledReport,
};
use serde_json::Value;
use tests::facility::{Facility, TEST_PROCESSOR, story};

use crate::{devices::in_force, package::members, protocol::exceptions};

const PROCESSOR: &str = r#"
device_templates:
  - import: cell-processor-report
equipment:
  - id: CP-01
    name: { ja: "細胞処理装置1", en: "Cell processor 1" }
    class: cell_processor
    suite: SU-1
    calibrated_until: 2035-03-31T15:00:00.000Z
    link: { template: cell-processor-report, address: "file:CP-01" }
    tags:
      - { name: viable_cells, title: { ja: "生細胞数", en: "Viable cells" }, unit: "10*6", decimals: 0, limits: { range: { low: "1", high: "9000" }, stale_after_s: 60 } }
      - { name: viability, title: { ja: "生存率", en: "Viability" }, unit: "%", decimals: 1, limits: { range: { low: "80", high: "100" }, stale_after_s: 60 } }
"#;

fn report(lot: &str, viability: &str) -> String {
    format!(
        "Lot;{lot}\nViable cells (10^6);412\nViability (%);{viability}\nProcessed volume (mL);480\nAlarms;0\nTubing set lot;S-77\n"
    )
}

/// Where the reports of CP-01 go.
struct Drop {
    folder: PathBuf,
}

impl Drop {
    /// Puts a finished file there, as a device does.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let unfinished = self.folder.join(format!("{name}.part"));
        fs::write(&unfinished, bytes).unwrap();
        fs::rename(unfinished, self.folder.join(name)).unwrap();
    }
    fn has_taken(&self, name: &str) -> bool {
        self.folder.join("taken").join(name).exists() && !self.folder.join(name).exists()
    }
}

fn filed(view: &View, count: usize) -> Option<Vec<FiledReport>> {
    let all = view.reports.get(&"CP-01".parse::<EquipmentId>().unwrap())?;
    (all.len() == count).then(|| all.iter().map(|one| FiledReport::clone(one)).collect())
}

async fn watched(facility: &Facility) -> Drop {
    in_force(facility, PROCESSOR.to_owned()).await;
    let id: EquipmentId = "CP-01".parse().unwrap();
    let online = |view: &View| view.links.get(&id).is_some_and(|link| link.state == LinkState::Online);
    facility.until_true("the folder watched", online).await;
    Drop { folder: facility.app.config.data.join("drop/CP-01") }
}

#[test]
fn di_04_a_report_becomes_an_entry_of_its_batch_and_goes_with_the_record() {
    story(async |place| {
        let facility = Facility::start_with(place, &[TEST_PROCESSOR]).await;
        let drop = watched(&facility).await;
        let batch: BatchId = facility.batch("TEST-PROCESSOR", 1).await;
        let lot = facility.view().batches[&batch].issued.lot.clone();

        drop.put("run-1.csv", report(&lot, "71.5"));
        let one = facility.until("the report entered", |view| filed(view, 1)).await.remove(0);
        assert_eq!((one.batch.as_ref(), one.report.lot.as_deref()), (Some(&batch), Some(lot.as_str())));
        let values: Vec<_> = one.report.values.iter().map(|one| format!("{} {}", one.tag, one.value)).collect();
        assert_eq!(values, ["viable_cells 412", "viability 71.5", "processed_volume 480", "alarms 0", "set_lot S-77"]);
        assert_eq!(one.report.sha256, sha256(&[report(&lot, "71.5").as_bytes()]));
        // Without a lot it belongs to whoever has the device; with another lot it is given to nobody.
        drop.put("run-1.pdf", b"%PDF-1.7 as the device printed it");
        let two = facility.until("the PDF entered", |view| filed(view, 2)).await.remove(1);
        assert_eq!((two.batch.as_ref(), two.report.values.len()), (Some(&batch), 0));
        drop.put("run-2.csv", report("LOT-OF-ANOTHER", "95.0"));
        let three = facility.until("the stranger entered", |view| filed(view, 3)).await.remove(2);
        assert_eq!(three.batch, None);
        for name in ["run-1.csv", "run-1.pdf", "run-2.csv"] {
            let moved = |_: &View| drop.has_taken(name);
            facility.until_true("the file moved away", moved).await;
        }
        // As after a crash between the entry and the move: the same file is there again.
        drop.put("run-1.csv", report(&lot, "71.5"));
        let gone = |_: &View| !drop.folder.join("run-1.csv").exists();
        facility.until_true("the known file moved away", gone).await;
        assert!(filed(&facility.view(), 3).is_some(), "it is not entered twice");

        // The tenant of another batch knows nothing of it.
        let cut = facility.view().cut(&facility.person("bessho").scope());
        assert!(cut.reports.is_empty() && cut.reports_of(&batch).is_empty());
        let theirs = facility.desk.report(facility.person("bessho").scope(), batch.clone(), one.report.sha256).await;
        assert_eq!(theirs.unwrap_err().rule, "not-found");

        let quality = facility.person("watanabe").scope();
        let home = facility.desk.report(quality.clone(), batch.clone(), one.report.sha256).await.unwrap();
        assert_eq!((home.name.as_str(), home.bytes), ("run-1.csv", report(&lot, "71.5").into_bytes()));
        // One that belongs to no batch is for the facility alone, and leaves with an entry too.
        let device: EquipmentId = "CP-01".parse().unwrap();
        let foreign = facility.desk.facility_report(quality, device.clone(), one.report.sha256).await;
        assert_eq!(foreign.unwrap_err().rule, "not-found");
        let admin = facility.person("nakamura").scope();
        let home = facility.desk.facility_report(admin, device.clone(), three.report.sha256).await.unwrap();
        assert_eq!(home.bytes, report("LOT-OF-ANOTHER", "95.0").into_bytes());
        let tenant = facility.person("bessho").scope();
        facility.desk.facility_report(tenant, device, three.report.sha256).await.unwrap_err();
        goes_with_the_record(&facility, &batch, report(&lot, "71.5").as_bytes()).await;
        let (_, plant) = facility.stop().await;
        std::mem::drop(plant);
    });
}

/// The package of the batch holds both reports, and its record says what has to be looked at.
async fn goes_with_the_record(facility: &Facility, batch: &BatchId, file: &[u8]) {
    let package = facility.desk.package(facility.person("watanabe").scope(), batch.clone(), unwatched()).await.unwrap();
    let key = facility.app.key.public();
    let options = VerifyOptions { keys: std::slice::from_ref(&key), since: None, render_pdf: true };
    let judged = verify(&package.bytes, &options);
    assert_eq!(judged.status, Status::Verified, "{judged:?}");
    let said = judged.text(mes_core::quantity::Language::En);
    assert!(said.contains("2 reports"), "{said}");
    let members = members(&package.bytes);
    let reports: Vec<_> = members.iter().filter(|(name, _)| name.starts_with("reports/CP-01/")).collect();
    assert!(reports.iter().any(|(name, bytes)| name.ends_with("run-1.csv") && bytes == file));
    assert_eq!(reports.len(), 2);
    let record = members.iter().find(|(name, _)| name == "record.json").unwrap();
    let record: Value = serde_json::from_slice(&record.1).unwrap();
    let outside = exceptions(&record, "report");
    assert!(outside.contains("run-1.csv") && outside.contains("71.5 % (limits 80 – 100)"), "{outside}");
}

#[test]
fn what_was_written_while_the_system_was_away_is_taken_in_when_it_is_back() {
    story(async |place| {
        let facility = Facility::start_with(place, &[TEST_PROCESSOR]).await;
        let drop = watched(&facility).await;
        let (config, plant) = facility.stop().await;
        drop.put("night.csv", report("LOT-OF-THE-NIGHT", "90"));
        let facility = Facility::again(config, plant).await;
        let one = facility.until("the report of the night", |view| filed(view, 1)).await.remove(0);
        assert_eq!((one.report.name.as_str(), one.batch), ("night.csv", None));
        // What is no report is named on the link, and the folder that is gone is a link that is down.
        drop.put("holiday.jpg", b"jpg");
        let id: EquipmentId = "CP-01".parse().unwrap();
        let named = |view: &View| view.links[&id].cause.contains("holiday.jpg");
        facility.until_true("the stranger named", named).await;
        assert!(matches!(facility.view().links[&id].state, LinkState::Degraded(_)));
        fs::rename(&drop.folder, drop.folder.with_extension("away")).unwrap();
        let down = |view: &View| view.links[&id].state == LinkState::Connecting;
        facility.until_true("the folder gone", down).await;
        fs::rename(drop.folder.with_extension("away"), &drop.folder).unwrap();
        facility.until_true("the folder back", |view| view.links[&id].state != LinkState::Connecting).await;
        let (_, plant) = facility.stop().await;
        std::mem::drop(plant);
    });
}
