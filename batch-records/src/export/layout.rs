//! What the PDF's template is given: the record's cells with the widths of their columns, and the audit trail in a few
//! wide columns. Every character that the fonts lack is replaced by its code point here, and only here.

use serde_json::{Map, Value, json};

use crate::{
    audit::AuditLine,
    document::{Block, Cell, Column, Field, Mark, Row, column, field},
    exception::{Exception, Kind},
    export::pdf::printable,
    record::BatchRecord,
};

/// The whole layout.
pub(crate) fn layout(record: &BatchRecord) -> Value {
    let owner = record.head.owner.to_string();
    let mut head = json!(record.head);
    if let Some(head) = head.as_object_mut() {
        head.insert("as_of_shown".to_owned(), json!(record.head.as_of.shown()));
    }
    let sections = record.sections.iter().map(|section| {
        json!({
            "row": section.row,
            "title": section.title,
            "basis": section.basis,
            "not_applicable": section.not_applicable,
            "blocks": section.blocks.iter().map(|block| part(block, &owner)).collect::<Vec<_>>(),
        })
    });
    let trends = record.trends.iter().map(|trend| {
        json!({
            "tag": trend.tag, "title": trend.title, "unit_shown": trend.unit_shown, "samples": trend.samples,
            "plot": trend.plot,
        })
    });
    let whole = json!({
        "head": head,
        "cover": fields(&cover(record)),
        "exceptions": exceptions(&record.exceptions, &owner),
        "sections": sections.collect::<Vec<_>>(),
        "trends": trends.collect::<Vec<_>>(),
        "audit": audit(record),
    });
    shown(whole)
}

/// Replaces what the fonts cannot print.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(
            text.chars()
                .map(|c| match c {
                    c if printable(c) => c.to_string(),
                    '\t' | '\r' => " ".to_owned(),
                    c => format!("〔U+{:04X}〕", u32::from(c)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(shown).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, shown(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn fields(list: &[Field]) -> Value {
    Value::Array(list.iter().map(|field| json!({"label": field.label, "value": field.value})).collect())
}

fn table(columns: &[Column], rows: &[Row], owner: &str) -> Value {
    let columns: Vec<Value> =
        columns.iter().map(|column| json!({"label": column.label, "share": column.share})).collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let entry = row.entry.as_ref().map(|entry| {
                let whose = entry.owner.to_string();
                if whose == owner { format!("#{}", entry.seq) } else { format!("F#{}", entry.seq) }
            });
            json!({"cells": row.cells, "entry": entry, "mark": row.mark})
        })
        .collect();
    json!({"columns": columns, "rows": rows})
}

fn part(block: &Block, owner: &str) -> Value {
    match block {
        Block::Fields(list) => json!({"kind": "fields", "fields": fields(list)}),
        Block::Table { title, columns, rows, .. } => {
            let mut table = table(columns, rows, owner);
            if let Some(table) = table.as_object_mut() {
                table.insert("kind".to_owned(), json!("table"));
                table.insert("title".to_owned(), json!(title));
            }
            table
        }
        Block::Heading(text) => json!({"kind": "heading", "text": text}),
        Block::Note(text) => json!({"kind": "note", "text": text}),
        Block::Plots => json!({"kind": "plots"}),
    }
}

fn cover(record: &BatchRecord) -> Vec<Field> {
    let head = &record.head;
    let open = record.exceptions.iter().filter(|exception| exception.open).count();
    let deviations = record.exceptions.iter().filter(|exception| exception.kind == Kind::Deviation).count();
    let all = record.exceptions.len();
    vec![
        field(
            "product",
            "製品",
            "Product",
            Cell::Lines(vec![Cell::text(head.product.clone()), Cell::bilingual(head.product_name.clone())]),
        ),
        field("lot", "製造番号(ロット)・バッチ", "Lot, batch", Cell::text(format!("{}  /  {}", head.lot, head.batch))),
        field("coi", "同一性の連鎖(COI)コード", "Chain of identity", Cell::text(head.coi.clone())),
        field("recipe", "マスターレシピ", "Master recipe", Cell::text(head.recipe.clone())),
        field("tenant", "委託者(入居者)", "Tenant", Cell::bilingual(head.tenant.clone())),
        field(
            "manufacturer",
            "製造者・許可番号",
            "Manufacturer, permit",
            Cell::Lines(vec![Cell::bilingual(head.manufacturer.clone()), Cell::text(head.permit.clone())]),
        ),
        field("lifecycle", "現在の状態", "Standing", Cell::bilingual(head.lifecycle.clone())),
        field(
            "exceptions",
            "例外・逸脱",
            "Exceptions",
            Cell::both(
                format!("例外 {all} 件(うち逸脱 {deviations} 件)、未完了 {open} 件"),
                format!("{all} exceptions, {deviations} of them deviations; {open} open"),
            ),
        ),
        field(
            "entries",
            "元となったエントリー",
            "Made of",
            Cell::both(
                format!("{} 件、{} 現在", head.entries, head.as_of.shown()),
                format!("{} entries as of {}", head.entries, head.as_of.shown()),
            ),
        ),
    ]
}

fn exceptions(list: &[Exception], owner: &str) -> Value {
    let columns = [
        column("kind", 17, "種類", "Kind"),
        column("at", 19, "日時", "When"),
        column("phase", 8, "工程", "Step"),
        column("what", 46, "内容", "What"),
        column("words", 31, "理由・記述", "Words"),
        column("standing", 18, "処置", "Standing"),
    ];
    let rows: Vec<Row> = list
        .iter()
        .map(|exception| Row {
            cells: vec![
                Cell::bilingual(exception.title.clone()),
                Cell::time(Some(exception.at)),
                exception.phase.as_ref().map_or(Cell::Empty, |phase| Cell::text(phase.as_str())),
                Cell::bilingual(exception.what.clone()),
                exception.words.clone(),
                Cell::bilingual(exception.standing.clone()),
            ],
            entry: exception.entry.clone(),
            mark: Some(if exception.open || exception.kind <= Kind::OutOfAcceptable { Mark::Out } else { Mark::Look }),
        })
        .collect();
    table(&columns, &rows, owner)
}

fn audit(record: &BatchRecord) -> Value {
    let owner = record.head.owner.to_string();
    let columns = [
        column("numbers", 17, "番号", "Entry, stream"),
        column("when", 19, "日時", "When"),
        column("who", 26, "行為者・役割", "Who, role"),
        column("where", 27, "端末・場所・認証", "Terminal, place, session"),
        column("what", 37, "行為", "Action"),
        column("record", 33, "対象・項目・版", "Record, field, version"),
        column("value", 40, "旧値 → 新値", "Old → new value"),
        column("reason", 38, "理由・記述", "Reason"),
        column("links", 15, "署名・逸脱", "Sign., dev."),
        column("review", 16, "重要度・照査", "Crit., review"),
        column("hash", 17, "ハッシュ", "Hash, before"),
    ];
    let rows: Vec<Row> = record.audit_trail.iter().map(|line| audit_row(line, &owner)).collect();
    let mut value = table(&columns, &rows, &owner);
    if let Some(value) = value.as_object_mut() {
        value.insert("title".to_owned(), json!({"ja": "監査証跡", "en": "Audit trail: every entry"}));
        value.insert(
            "note".to_owned(),
            json!({
                "ja": "番号は所有者ごとの通し番号(F は施設)とストリーム内の番号。時刻は施設時計によるコミット時刻(JST、+09:00、Asia/Tokyo)。照査者と日時は第27項、全項目(UTC 時刻、設定ハッシュ、木の位置など)は添付の audit-trail.json にある。",
                "en": "Numbers are those of the owner (F: the facility) and of the stream. Times are those of the facility clock at commit (JST, +09:00, Asia/Tokyo). Who reviewed, and when, is in section 27; all fields, with UTC, configuration hash and position in the tree, are in the attached audit-trail.json.",
            }),
        );
    }
    value
}

fn audit_row(line: &AuditLine, owner: &str) -> Row {
    let whose = if line.entry.owner.to_string() == owner { "" } else { "F" };
    let stream = line.stream.split(':').next().unwrap_or_default();
    let place = [&line.terminal_id, &line.suite_id, &line.client_ip].map(|text| text.as_deref().unwrap_or_default());
    let place: Vec<&str> = place.into_iter().filter(|text| !text.is_empty()).collect();
    let text = |text: &Option<String>| text.clone().map_or(Cell::Empty, Cell::text);
    let role = line.actor_role_in_effect.clone().map_or(Cell::Empty, Cell::bilingual);
    let behalf =
        line.on_behalf_of.as_ref().map_or(Cell::Empty, |who| Cell::both(format!("({who})"), format!("({who})")));
    let unit = line.unit.as_deref().filter(|unit| *unit != "1").map(|unit| format!(" {unit}")).unwrap_or_default();
    let value = match (&line.old_value, &line.new_value) {
        (Some(old), Some(new)) => Cell::text(format!("{old} → {new}{unit}")),
        (None, Some(new)) => Cell::text(format!("{new}{unit}")),
        (Some(old), None) => Cell::text(format!("{old} →")),
        (None, None) => Cell::Empty,
    };
    let version = line.record_version.map_or(Cell::Empty, |version| Cell::text(format!("v{version}")));
    let critical = if line.criticality == "critical" { Cell::both("重要", "critical") } else { Cell::Empty };
    let review =
        if line.review_status == "reviewed" { ("照査済", "reviewed") } else { ("未照査", "not reviewed") };
    let claimed = line
        .event_time_claimed
        .map_or(Cell::Empty, |at| Cell::both(format!("申告 {}", at.shown()), format!("claimed {}", at.shown())));
    let cells = vec![
        Cell::lines(vec![
            Cell::text(format!("{whose}#{}", line.seq)),
            Cell::text(format!("{stream} #{}", line.stream_seq)),
        ]),
        Cell::lines(vec![Cell::text(line.ts_shown.clone()), claimed]),
        Cell::lines(vec![line.actor_full_name.clone(), Cell::text(line.actor_id.clone()), role, behalf]),
        Cell::lines(vec![
            Cell::text(place.join(" · ")),
            text(&line.session_id),
            line.auth_method.clone().map_or(Cell::Empty, Cell::bilingual),
        ]),
        Cell::lines(vec![
            Cell::bilingual(line.what.clone()),
            Cell::text(format!("{} · {}", line.action, line.event_type)),
        ]),
        Cell::lines(vec![
            Cell::text(format!("{} {}", line.record_type, line.record_id)),
            Cell::text(line.field_path.clone()),
            version,
        ]),
        value,
        line.reason.clone(),
        Cell::lines(vec![text(&line.linked_signature_id), text(&line.linked_deviation_id)]),
        Cell::lines(vec![critical, Cell::both(review.0, review.1)]),
        Cell::lines(vec![Cell::text(line.entry_hash.short()), Cell::text(line.prev_hash.short())]),
    ];
    Row { cells, entry: None, mark: None }
}
