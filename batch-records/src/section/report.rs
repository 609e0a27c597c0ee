//! Reports of closed devices, as part of row 15: which file came when, what was read out of it, and what could not be.

use mes_core::{batch::BatchEvent, quantity::Bilingual, tenant::DeviceReport};

use crate::{
    document::{Block, Cell, Mark, Row, column},
    measured::sampled,
    source::{Line, Source},
};

/// The reports that were entered with the batch, in the order of their entries.
pub(crate) fn all(source: &Source) -> impl Iterator<Item = (&Line, &DeviceReport)> {
    source.events().filter_map(|(line, event)| match event {
        BatchEvent::ReportReceived { report, .. } => Some((line, report.as_ref())),
        _ => None,
    })
}

/// The values of a report that lie outside the limits of the device's tags, each in words.
pub(crate) fn outside(source: &Source, report: &DeviceReport) -> Vec<Bilingual> {
    let unit = source.issued().equipment.values().find(|unit| unit.id == report.equipment);
    let tags = unit.map(|unit| unit.tags.as_slice()).unwrap_or_default();
    let wrong = report.values.iter().filter_map(|one| {
        let tag = tags.iter().find(|tag| tag.name == one.tag)?;
        let number = one.value.to_f64().and_then(mes_core::quantity::decimal_of)?;
        if tag.limits.range.contains(number) {
            return None;
        }
        let (value, range) = (sampled(&one.value, one.unit.shown(), Some(tag)), tag.limits.range.shown());
        Some(Bilingual::new(
            format!("{} {}(管理値 {range})", tag.title.ja, value.ja),
            format!("{} {} (limits {range})", tag.title.en, value.en),
        ))
    });
    wrong.collect()
}

/// The table of the reports; it has no rows where no report came.
pub(super) fn table(source: &Source) -> Block {
    let unit_of = |report: &DeviceReport| source.issued().equipment.values().find(|unit| unit.id == report.equipment);
    let rows = all(source).map(|(line, report)| {
        let values = report.values.iter().map(|one| {
            let tag = unit_of(report).and_then(|unit| unit.tags.iter().find(|tag| tag.name == one.tag));
            let said = sampled(&one.value, one.unit.shown(), tag);
            let name = one.tag.to_string();
            let title = tag.map_or_else(|| Bilingual::new(name.clone(), name.clone()), |tag| tag.title.clone());
            Cell::both(format!("{} = {}", title.ja, said.ja), format!("{} = {}", title.en, said.en))
        });
        let mut look: Vec<Cell> = outside(source, report).into_iter().map(Cell::bilingual).collect();
        look.extend(report.problems.iter().cloned().map(Cell::bilingual));
        let mark = (!look.is_empty()).then_some(Mark::Look);
        let file = vec![
            Cell::text(report.name.clone()),
            Cell::both(format!("{} バイト", report.bytes), format!("{} bytes", report.bytes)),
            Cell::text(format!("SHA-256 {}", report.sha256)),
        ];
        let cells = vec![
            Cell::time(Some(line.at())),
            Cell::text(report.equipment.as_str()),
            Cell::lines(file),
            Cell::lines(values.collect()),
            Cell::lines(look),
        ];
        Row::of(line, cells).marked(mark)
    });
    Block::Table {
        key: "device_reports",
        title: Some(Bilingual::new("閉鎖系機器の報告書", "Reports of closed devices")),
        columns: vec![
            column("at", 24, "受領日時", "Received"),
            column("equipment", 14, "設備番号", "Equipment"),
            column("file", 44, "ファイル", "File"),
            column("values", 44, "読み取った値", "Values read"),
            column("look", 30, "要確認", "To be looked at"),
        ],
        rows: rows.collect(),
    }
}
