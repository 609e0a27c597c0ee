//! What the record says of the batch in `story.rs`.

use batch_records::{BatchRecord, Block, COVERAGE, Cell, Kind, RecordError, export::json};
use mes_core::journal::{Entry, Part, PartName, Purpose};
use serde_json::Value;

use crate::story::Story;

fn record(story: &Story) -> BatchRecord {
    BatchRecord::from_entries(&story.entries, &story.chunks).unwrap()
}

/// Everything a section says, as one text.
fn text(record: &BatchRecord, row: u8) -> String {
    let section = record.sections.iter().find(|section| section.row == row).unwrap();
    serde_json::to_string(section).unwrap()
}

#[test]
fn all_31_sections_are_there_in_order_and_an_empty_one_says_why() {
    let record = record(&Story::released());
    let rows: Vec<u8> = record.sections.iter().map(|section| section.row).collect();
    assert_eq!(rows, (1..=31).collect::<Vec<u8>>());
    for section in &record.sections {
        let reason = section.not_applicable.as_ref();
        assert_eq!(reason.is_some(), section.blocks.is_empty(), "{}", section.row);
        assert!(reason.is_none_or(|reason| reason.ja.len() > 10 && reason.en.len() > 10), "{}", section.row);
        assert!(!section.title.ja.is_empty() && !section.title.en.is_empty() && !section.basis.is_empty());
    }
    let empty: Vec<u8> = record.sections.iter().filter(|s| s.not_applicable.is_some()).map(|s| s.row).collect();
    assert_eq!(empty, [9, 10, 13, 18, 24, 25, 26]);
}

#[test]
fn the_exceptions_are_what_happened_worst_first() {
    let record = record(&Story::released());
    let lines: Vec<String> = record
        .exceptions
        .iter()
        .map(|e| {
            let phase = e.phase.as_ref().map_or("-", |phase| phase.as_str());
            format!("{:?} {phase} {} | {} | {}", e.kind, e.what.en, e.standing.en, if e.open { "OPEN" } else { "-" })
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    for kind in [Kind::Deviation, Kind::Write, Kind::Stoppage, Kind::SignatureRejected, Kind::Correction] {
        assert!(record.exceptions.iter().any(|e| e.kind == kind), "{kind:?}");
    }
    for kind in [Kind::LateEntry, Kind::OutOfNormal, Kind::LinkGap, Kind::SampleGap, Kind::Recorder] {
        assert!(record.exceptions.iter().any(|e| e.kind == kind), "{kind:?}");
    }
}

/// record.json as an outline that a person can review: one line per field and row.
fn outline(value: &Value) -> String {
    let cell = |cell: &Value| -> String {
        let text = serde_json::to_string(cell).unwrap();
        let bare = text.replace("{\"both\":", "").replace("{\"text\":", "").replace("{\"lines\":", "").replace('}', "");
        bare.replace("\"empty\"", "-")
    };
    let mut out = vec![];
    let head = value.as_object().unwrap().iter().filter(|(_, value)| !value.is_array());
    out.extend(head.map(|(key, value)| format!("{key}: {value}")));
    for section in value["sections"].as_array().unwrap() {
        out.push(format!("\n{} {} | {}", section["row"], section["title"]["ja"], section["title"]["en"]));
        if let Some(reason) = section.get("not_applicable") {
            out.push(format!("  n/a {}", reason["en"]));
        }
        for block in section["blocks"].as_array().unwrap() {
            if let Some(fields) = block.get("fields") {
                let fields = fields.as_array().unwrap().iter();
                out.extend(
                    fields.map(|field| format!("  {}: {}", field["key"].as_str().unwrap(), cell(&field["value"]))),
                );
            } else if let Some(table) = block.get("table") {
                let keys: Vec<_> =
                    table["columns"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap()).collect();
                out.push(format!("  [{}] {}", table["key"].as_str().unwrap(), keys.join(" | ")));
                for row in table["rows"].as_array().unwrap() {
                    let cells: Vec<_> = row["cells"].as_array().unwrap().iter().map(cell).collect();
                    out.push(format!(
                        "    {} {} {}",
                        row["entry"].as_str().unwrap_or("-"),
                        row["mark"].as_str().unwrap_or("-"),
                        cells.join(" | ")
                    ));
                }
            } else {
                out.push(format!("  {block}"));
            }
        }
    }
    out.join("\n")
}

#[test]
fn record_json_is_stable() {
    let bytes = json::record(&record(&Story::released())).unwrap();
    insta::assert_snapshot!(outline(&serde_json::from_slice(&bytes).unwrap()));
}

#[test]
fn the_same_entries_make_the_same_bytes_whatever_order_they_come_in() {
    let story = Story::released();
    let mut mixed = story.entries.clone();
    mixed.reverse();
    let mut chunks = story.chunks.clone();
    chunks.rotate_left(2);
    let other = BatchRecord::from_entries(&mixed, &chunks).unwrap();
    assert_eq!(json::record(&other).unwrap(), json::record(&record(&story)).unwrap());
    assert_eq!(json::audit_csv(&other), json::audit_csv(&record(&story)));
}

#[test]
fn p11_08_an_earlier_value_stays_readable_beside_its_correction() {
    let record = record(&Story::released());
    assert!(text(&record, 11).contains("訂正前 0.39 ×10⁶/mL"));
    let row_23 = text(&record, 23);
    assert!(row_23.contains("0.39 ×10⁶/mL") && row_23.contains("0.93 ×10⁶/mL") && row_23.contains("転記誤り"));
}

#[test]
fn p11_17_every_signature_prints_name_date_and_meaning_and_all_of_4_3() {
    let record = record(&Story::released());
    let section = record.sections.iter().find(|section| section.row == 14).unwrap();
    let rows = section.blocks.iter().find_map(|block| match block {
        Block::Table { key: "signatures", rows, .. } => Some(rows),
        _ => None,
    });
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 18);
    for row in rows {
        // Only the comment may be missing.
        let empty = row.cells.iter().take(8).filter(|cell| **cell == Cell::Empty).count();
        assert_eq!(empty, 0, "{row:?}");
    }
    let all = text(&record, 14);
    for printed in ["佐藤 花子 (Sato Hanako)", "sato", "作業者", "二重確認", "JST +09:00", "却下", "ID+パスワード"]
    {
        assert!(all.contains(printed), "{printed}");
    }
}

#[test]
fn every_entry_is_in_the_audit_trail_with_the_fields_of_4_2() {
    let story = Story::released();
    let record = record(&story);
    assert_eq!(record.audit_trail.len(), story.entries.len());
    for line in &record.audit_trail {
        assert!(!line.action.is_empty() && !line.record_type.is_empty() && !line.what.ja.is_empty(), "{}", line.entry);
        assert!(!line.actor_id.is_empty() && line.software_version.is_some(), "{}", line.entry);
    }
    let corrected = record.audit_trail.iter().find(|line| line.event_type == "batch.item_corrected v1").unwrap();
    assert_eq!((corrected.old_value.as_deref(), corrected.new_value.as_deref()), (Some("0.39"), Some("0.93")));
    assert_eq!((corrected.unit.as_deref(), corrected.record_version), (Some("10*6/mL"), Some(2)));
    assert_eq!((corrected.criticality, corrected.review_status), ("critical", "reviewed"));
    let late = record.audit_trail.iter().find(|line| line.late_entry).unwrap();
    assert!(late.event_time_claimed.unwrap() < late.ts_utc);
    assert_eq!(json::audit_csv(&record).lines().count(), story.entries.len() + 1);
}

#[test]
fn every_event_type_there_is_appears_or_is_excluded_by_name() {
    let mut found: Vec<String> = Vec::new();
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../mes-core/src");
    for folder in std::fs::read_dir(core).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        for file in ["event.rs", "entry.rs"] {
            let Ok(source) = std::fs::read_to_string(folder.path().join(file)) else { continue };
            let names = source.split("rename = \"").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(names.filter(|name| name.contains('.')).map(str::to_owned));
        }
    }
    found.sort();
    found.dedup();
    let mut covered: Vec<String> = COVERAGE.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    covered.sort();
    assert!(found.len() > 30, "the search found only {found:?}");
    assert_eq!(found, covered, "left: event types in mes-core, right: COVERAGE");
    for (name, rows, reason) in COVERAGE {
        assert_eq!(rows.is_empty(), !reason.is_empty(), "{name} has sections or a reason, not both");
    }
}

#[test]
fn a_covered_event_puts_its_entry_or_its_words_into_the_sections_that_name_it() {
    let stories = [Story::released(), crate::report::story()];
    let mut untried: Vec<&str> = Vec::new();
    for (name, rows, _) in COVERAGE.iter().filter(|(_, rows, _)| !rows.is_empty()) {
        if *name == "batch.issued" {
            continue;
        }
        let of_type = |entry: &Entry| entry.envelope.event_type == *name;
        let Some(story) = stories.iter().find(|story| story.entries.iter().any(of_type)) else {
            untried.push(name);
            continue;
        };
        let whole = record(story);
        let rest: Vec<Entry> = story.entries.iter().filter(|entry| !of_type(entry)).cloned().collect();
        let chunks = if *name == "samples.sealed" { &[] } else { story.chunks.as_slice() };
        let without = BatchRecord::with_purpose(&rest, chunks, Purpose::Demo).unwrap();
        for row in *rows {
            assert_ne!(text(&whole, *row), text(&without, *row), "{name} does not show in section {row}");
        }
    }
    assert_eq!(untried, ["batch.rejected", "batch.exported", "journal.rate_changed"]);
}

#[test]
fn a_withheld_or_erased_part_is_said_to_be_one() {
    let mut story = Story::released();
    let by = story.entries[0].id();
    let typed = |name: &'static str| move |entry: &&mut Entry| entry.envelope.event_type == name;
    let late = story.entries.iter_mut().find(typed("batch.late_entered")).unwrap();
    late.parts.insert(PartName::Text, Part::Withheld);
    let corrected = story.entries.iter_mut().find(typed("batch.item_corrected")).unwrap();
    corrected.parts.insert(PartName::Text, Part::Erased { by });
    let comment = story.entries.iter_mut().find(typed("batch.commented")).unwrap();
    comment.parts.insert(PartName::Facts, Part::Withheld);
    comment.parts.insert(PartName::Who, Part::Withheld);
    let record = record(&story);
    let row_23 = text(&record, 23);
    assert!(row_23.contains("\"withheld\"") && row_23.contains("erased"), "{row_23}");
    assert!(!row_23.contains("転記誤り"));
    let closed: Vec<_> = record.exceptions.iter().filter(|e| e.kind == Kind::NotDisclosed).collect();
    assert_eq!(closed.len(), 3);
    assert_eq!(record.audit_trail.len(), story.entries.len());
    let line = record.audit_trail.iter().find(|line| line.event_type == "batch.commented v1").unwrap();
    assert_eq!((line.action, &line.actor_full_name), ("withheld", &Cell::Withheld));
}

#[test]
fn what_does_not_make_a_record_is_refused_with_its_name() {
    let story = Story::released();
    let refused = |entries: &[Entry], chunks: &[Vec<u8>]| BatchRecord::from_entries(entries, chunks).unwrap_err();
    let mut twice = story.entries.clone();
    twice.push(twice[3].clone());
    assert!(matches!(refused(&twice, &story.chunks), RecordError::Twice { .. }));
    let rest: Vec<Entry> = story.entries.iter().filter(|e| e.envelope.event_type != "batch.issued").cloned().collect();
    assert!(matches!(refused(&rest, &story.chunks), RecordError::Issues { found: 0 }));
    let mut foreign = story.chunks.clone();
    foreign.push(b"{}\n".to_vec());
    assert!(matches!(refused(&story.entries, &foreign), RecordError::Unsealed { .. }));
    let mut changed = story.entries.clone();
    changed[5].envelope.event_type = "batch.commented".into();
    changed[5].parts.insert(PartName::Facts, Part::Open { salt: mes_core::journal::Hash::ZERO, value: Value::Null });
    assert!(matches!(refused(&changed, &story.chunks), RecordError::Entry(_)));
    let purpose = BatchRecord::with_purpose(&story.entries, &story.chunks, Purpose::Production).unwrap_err();
    assert!(purpose.to_string().contains("demo, not production"), "{purpose}");
}

#[test]
fn a_chunk_that_is_not_there_is_a_gap_and_is_said_to_be_missing() {
    let story = Story::released();
    let record = BatchRecord::from_entries(&story.entries, &story.chunks[1..]).unwrap();
    let missing: u64 = record.trends.iter().map(|trend| trend.chunks_missing).sum();
    assert_eq!(missing, 1);
    assert!(text(&record, 31).contains("4(欠 1)"), "{}", text(&record, 31));
    assert!(text(&record, 17).contains("この記録に含まれないチャンク"));
}

#[test]
fn what_a_device_tells_is_in_section_19_and_its_alarms_are_exceptions() {
    let record = record(&Story::released());
    let row_19 = text(&record, 19);
    for said in [
        "co2: 2500 ms (asked for 1000 ms)",
        "humidity: 機器が監視を拒否(BadFilterNotAllowed)、定期読取りのみ(要求 1000 ms)",
        "Gas: door opened (severity 200), ",
        "Gas: CO2 supply low(重大度 700、1分間にさらに41回)",
        "12 more alarms of the device were left out since ",
    ] {
        assert!(row_19.contains(said), "{said}: {row_19}");
    }
    let alarms: Vec<_> = record.exceptions.iter().filter(|one| one.kind == Kind::DeviceAlarm).collect();
    assert_eq!(alarms.len(), 3, "what is below the severity of an alarm is no exception");
    assert!(alarms.iter().all(|one| one.entry.is_some() && one.what.ja.starts_with("INC-03: ")), "{alarms:?}");
    let said = |line: &batch_records::AuditLine| line.event_type == "batch.device_event_reported v1";
    let trail: Vec<_> = record.audit_trail.iter().filter(|line| said(line)).map(|line| line.criticality).collect();
    assert_eq!(trail, ["non_critical", "critical", "critical"]);
}
