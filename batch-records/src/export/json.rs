//! record.json, audit-trail.json and audit-trail.csv: the record as data.
//!
//! Canonical JSON, so that equal records are equal bytes. The form is `catapult-record-1`; a change of it is a new form.

use mes_core::{
    clock::Timestamp,
    journal::encode::{EncodeError, canonical_of},
    quantity::Bilingual,
};
use serde::Serialize;

use crate::{
    audit::AuditLine,
    document::{Cell, Section},
    exception::Exception,
    record::{BatchRecord, Head},
    trend::{Trend, quoted},
};

/// Name of the form of audit-trail.json.
pub const AUDIT_FORM: &str = "catapult-audit-trail-1";

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    head: &'a Head,
    exceptions: &'a [Exception],
    sections: &'a [Section],
    trends: &'a [Trend],
}

#[derive(Serialize)]
struct AuditTrail<'a> {
    form: &'static str,
    batch: &'a str,
    entries: &'a [AuditLine],
}

/// record.json.
///
/// # Errors
/// When a number in it is not an integer below 2⁵³; none in practice.
pub fn record(record: &BatchRecord) -> Result<Vec<u8>, EncodeError> {
    let BatchRecord { head, exceptions, sections, trends, .. } = record;
    canonical_of(&Record { head, exceptions, sections, trends })
}

/// audit-trail.json.
///
/// # Errors
/// As [`record`].
pub fn audit_trail(record: &BatchRecord) -> Result<Vec<u8>, EncodeError> {
    canonical_of(&AuditTrail { form: AUDIT_FORM, batch: &record.head.batch, entries: &record.audit_trail })
}

/// audit-trail.csv: the same fields for a spreadsheet (RFC 4180, UTF-8).
pub fn audit_csv(record: &BatchRecord) -> String {
    let heading = "entry,stream,stream_seq,ts_utc,ts_shown,event_time_claimed,late_entry,actor_id,actor_full_name,\
                   actor_role,on_behalf_of,terminal_id,client_ip,suite_id,session_id,auth_method,tenant_id,batch_id,\
                   event_type,record_type,record_id,field_path,record_version,action,what,old_value,new_value,unit,\
                   reason,linked_signature_id,linked_deviation_id,criticality,software_version,config_hash,prev_hash,\
                   entry_hash,tree_leaf_index,review_status,reviewed_by,reviewed_at\r\n";
    let mut out = heading.to_owned();
    for line in &record.audit_trail {
        let cells: Vec<String> = audit_cells(line).iter().map(|text| quoted(text)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A cell as one line of text.
pub(crate) fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Both(text) => format!("{} / {}", text.ja, text.en),
        Cell::Time { utc, .. } => utc.to_string(),
        Cell::Lines(lines) => lines.iter().map(plain).collect::<Vec<_>>().join("; "),
        Cell::Withheld => "開示対象外 / withheld".to_owned(),
        Cell::Erased { by } => format!("消去 / erased by {by}"),
    }
}

fn audit_cells(line: &AuditLine) -> Vec<String> {
    let or = |text: &Option<String>| text.clone().unwrap_or_default();
    let said = |text: &Option<Bilingual>| text.as_ref().map(|text| text.en.clone()).unwrap_or_default();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    vec![
        line.entry.to_string(),
        line.stream.clone(),
        line.stream_seq.to_string(),
        line.ts_utc.to_string(),
        line.ts_shown.clone(),
        time(line.event_time_claimed),
        line.late_entry.to_string(),
        line.actor_id.clone(),
        plain(&line.actor_full_name),
        said(&line.actor_role_in_effect),
        or(&line.on_behalf_of),
        or(&line.terminal_id),
        or(&line.client_ip),
        or(&line.suite_id),
        or(&line.session_id),
        said(&line.auth_method),
        line.tenant_id.clone(),
        line.batch_id.clone(),
        line.event_type.clone(),
        line.record_type.clone(),
        line.record_id.clone(),
        line.field_path.clone(),
        line.record_version.map(|version| version.to_string()).unwrap_or_default(),
        line.action.to_owned(),
        format!("{} / {}", line.what.ja, line.what.en),
        or(&line.old_value),
        or(&line.new_value),
        or(&line.unit),
        plain(&line.reason),
        or(&line.linked_signature_id),
        or(&line.linked_deviation_id),
        line.criticality.to_owned(),
        or(&line.software_version),
        line.config_hash.to_string(),
        line.prev_hash.to_string(),
        line.entry_hash.to_string(),
        line.tree_leaf_index.to_string(),
        line.review_status.to_owned(),
        or(&line.reviewed_by),
        time(line.reviewed_at),
    ]
}
