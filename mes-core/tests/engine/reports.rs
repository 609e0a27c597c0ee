//! Where a report of a closed device is entered, and that it is entered once.

use mes_core::{
    batch::ExportedFile,
    clock::Timestamp,
    engine::{Input, Note},
    id::BatchId,
    journal::{Hash, Owner},
    quantity::Bilingual,
    tenant::{DeviceReport, REPORT_BYTES_MAX},
};

use crate::bench::{Bench, START_MS, id};

fn report(n: u8, lot: Option<&str>) -> DeviceReport {
    DeviceReport {
        equipment: id("BR-01"),
        name: format!("run-{n}.csv"),
        sha256: Hash([n; 32]),
        bytes: 100,
        written: Timestamp::from_ms(START_MS).plus_s(30 * 86_400),
        template: "cell-processor-report".into(),
        template_version: 1,
        lot: lot.map(str::to_owned),
        lot_unread: false,
        values: Vec::new(),
        problems: vec![Bilingual::new("空欄", "it is empty")],
    }
}

/// Gives a report, and whose entry came of it.
fn owner(bench: &mut Bench, report: DeviceReport) -> Option<Owner> {
    let entries = bench.input(Input::Report(Box::new(report))).unwrap();
    entries.first().map(|entry| entry.owner.clone())
}

#[test]
fn ten_01_a_report_is_entered_with_the_batch_it_names_or_else_with_the_one_that_has_the_device() {
    let mut bench = Bench::with_batch();
    let lot = bench.engine.books().batches[&id::<BatchId>("B-1")].issued.lot.clone();
    let tenant = Some(Owner::Tenant(id("TEN-A")));
    assert_eq!(owner(&mut bench, report(1, Some(&lot))), tenant);
    assert_eq!(owner(&mut bench, report(2, None)), tenant);
    assert_eq!(owner(&mut bench, report(3, Some("somebody else's"))), Some(Owner::Facility));
    // Written before the batch had the device, or with a lot that cannot be read: nobody knows whose it is.
    let before = DeviceReport { written: Timestamp::from_ms(0), ..report(4, None) };
    assert_eq!(owner(&mut bench, before), Some(Owner::Facility));
    assert_eq!(owner(&mut bench, DeviceReport { lot_unread: true, ..report(5, None) }), Some(Owner::Facility));
    assert_eq!(owner(&mut bench, report(1, Some(&lot))), None, "the same bytes again");
    let known = &bench.engine.books().reports[&id("BR-01")];
    let batches: Vec<_> = known.iter().map(|filed| filed.batch.as_ref().map(ToString::to_string)).collect();
    assert_eq!(batches, [Some("B-1".to_owned()), Some("B-1".to_owned()), None, None, None]);

    let mut free = Bench::with_recipes();
    assert_eq!(owner(&mut free, report(1, None)), Some(Owner::Facility), "nobody has the device");
}

#[test]
fn di_09_a_report_of_the_facilitys_own_leaves_with_an_entry_and_no_other_does_so() {
    let mut bench = Bench::with_batch();
    owner(&mut bench, report(1, None));
    owner(&mut bench, report(2, Some("somebody else's")));
    let take = |n: u8, person: &str| {
        Input::Note(Note::ReportExported {
            scope: Bench::scope(person),
            equipment: id("BR-01"),
            file: ExportedFile { name: "run.csv".into(), sha256: Hash([n; 32]) },
        })
    };
    for (n, person) in [(1, "tanaka"), (9, "tanaka"), (2, "nobody")] {
        bench.input(take(n, person)).unwrap_err();
    }
    bench.input(take(2, "tanaka")).unwrap();
    let last = bench.entries().last().unwrap();
    assert_eq!(last.envelope.event_type, "equipment.report_exported");
    assert_eq!(last.envelope.stream.to_string(), "equipment:BR-01");
}

#[test]
fn a_report_of_no_equipment_or_beyond_all_size_is_refused() {
    let mut bench = Bench::with_batch();
    let stranger = DeviceReport { equipment: id("CP-99"), ..report(1, None) };
    assert_eq!(bench.input(Input::Report(Box::new(stranger))).unwrap_err().rule, "not-found");
    let large = DeviceReport { bytes: REPORT_BYTES_MAX + 1, ..report(1, None) };
    assert!(bench.input(Input::Report(Box::new(large))).unwrap_err().said.en.contains("32 MiB"));
}
