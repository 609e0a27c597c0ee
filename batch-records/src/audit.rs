//! The audit trail 監査証跡: one line per entry, with the fields of REQUIREMENTS 4.2.
//!
//! There is no separate audit table: the journal is the audit trail, and this reads it. An entry whose facts are not
//! disclosed keeps its line, its numbers and its hashes.

use mes_core::{
    access::{Actor, Who},
    clock::Timestamp,
    journal::{EntryId, Hash},
    quantity::Bilingual,
};
use serde::Serialize;

use crate::{
    document::Cell,
    happened::{Happened, happened},
    source::{Line, Source},
    wording,
};

/// Offset in which the record shows times.
const SHOWN_OFFSET: &str = "+09:00";
/// IANA zone in which the record shows times.
const SHOWN_ZONE: &str = "Asia/Tokyo";

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// The entry.
    pub entry: EntryId,
    /// Gap-free number within the owner.
    pub seq: u64,
    /// Stream.
    pub stream: String,
    /// Gap-free number within the stream.
    pub stream_seq: u64,
    /// Facility time at commit.
    pub ts_utc: Timestamp,
    /// As people see it.
    pub ts_shown: String,
    /// Offset shown.
    pub tz_offset: &'static str,
    /// Zone shown.
    pub tz: &'static str,
    /// Which clock.
    pub clock_source: &'static str,
    /// When it happened, by a person's account: a late entry.
    pub event_time_claimed: Option<Timestamp>,
    /// Whether it is a late entry 後日記入.
    pub late_entry: bool,
    /// Id of the actor: a person, or the set of rules of the system.
    pub actor_id: String,
    /// Full name, frozen at the time.
    pub actor_full_name: Cell,
    /// Role in effect.
    pub actor_role_in_effect: Option<Bilingual>,
    /// The performer, when another person recorded it; the person logged in, when another one signed there.
    pub on_behalf_of: Option<String>,
    /// Terminal.
    pub terminal_id: Option<String>,
    /// Client address.
    pub client_ip: Option<String>,
    /// Suite.
    pub suite_id: Option<String>,
    /// Session.
    pub session_id: Option<String>,
    /// How the actor was authenticated.
    pub auth_method: Option<Bilingual>,
    /// Tenant.
    pub tenant_id: String,
    /// Batch.
    pub batch_id: String,
    /// Event type and version.
    pub event_type: String,
    /// Kind of record.
    pub record_type: String,
    /// Which record.
    pub record_id: String,
    /// Which field of it.
    pub field_path: String,
    /// Version of the record.
    pub record_version: Option<u32>,
    /// What was done.
    pub action: &'static str,
    /// In words.
    pub what: Bilingual,
    /// Value before.
    pub old_value: Option<String>,
    /// Value after.
    pub new_value: Option<String>,
    /// Unit (UCUM).
    pub unit: Option<String>,
    /// A person's words: reason, comment, decision.
    pub reason: Cell,
    /// Signature it belongs to.
    pub linked_signature_id: Option<String>,
    /// Deviation it belongs to.
    pub linked_deviation_id: Option<String>,
    /// `critical` or `non_critical`, for review by exception.
    pub criticality: &'static str,
    /// Software version that wrote it.
    pub software_version: Option<String>,
    /// SHA-256 over the policies in force at the issue.
    pub config_hash: Hash,
    /// Leaf hash of the entry before in the stream.
    pub prev_hash: Hash,
    /// Leaf hash of this entry.
    pub entry_hash: Hash,
    /// Position in the owner's Merkle tree.
    pub tree_leaf_index: u64,
    /// `reviewed` or `open`.
    pub review_status: &'static str,
    /// Who reviewed it.
    pub reviewed_by: Option<String>,
    /// When it was reviewed.
    pub reviewed_at: Option<Timestamp>,
}

/// A review of the audit trail: up to which entry of the batch's stream, by whom, when.
struct Review {
    up_to: u64,
    by: String,
    at: Timestamp,
}

/// The whole audit trail.
pub(crate) fn trail(source: &Source) -> Vec<AuditLine> {
    let reviews: Vec<Review> = source
        .events()
        .filter_map(|(line, event)| match event {
            mes_core::batch::BatchEvent::AuditTrailReviewed { up_to } => Some(Review {
                up_to: *up_to,
                by: line.who.as_ref().map_or_else(String::new, |who| who.actor.name().to_owned()),
                at: line.at(),
            }),
            _ => None,
        })
        .collect();
    source.lines.iter().map(|line| audit_line(source, line, &reviews)).collect()
}

fn actor_id(who: Option<&Who>) -> String {
    match who.map(|who| &who.actor) {
        Some(Actor::Person { id, .. }) => id.to_string(),
        Some(Actor::System { set }) => format!("system:{set}"),
        None => String::new(),
    }
}

fn audit_line(source: &Source, line: &Line, reviews: &[Review]) -> AuditLine {
    let envelope = &line.entry.envelope;
    let who = line.who.as_ref();
    let role = match who.map(|who| &who.actor) {
        Some(Actor::Person { role: Some(role), .. }) => Some(wording::role(*role)),
        _ => None,
    };
    let facts = line.event.as_ref().map_or_else(Happened::withheld, |event| happened(source, event));
    let own = envelope.stream == source.stream();
    let review = reviews.iter().find(|review| own && envelope.stream_seq <= review.up_to);
    let behalf = facts.performer.clone().or_else(|| who.and_then(|who| who.session_of.clone()));
    AuditLine {
        entry: line.id(),
        seq: envelope.owner_seq,
        stream: envelope.stream.to_string(),
        stream_seq: envelope.stream_seq,
        ts_utc: envelope.time,
        ts_shown: envelope.time.shown(),
        tz_offset: SHOWN_OFFSET,
        tz: SHOWN_ZONE,
        clock_source: "facility clock",
        event_time_claimed: facts.claimed,
        late_entry: facts.claimed.is_some(),
        actor_id: actor_id(who),
        actor_full_name: line.actor(),
        actor_role_in_effect: role,
        on_behalf_of: behalf.map(|person| source.name(&person)),
        terminal_id: who.and_then(|who| who.terminal.as_ref()).map(ToString::to_string),
        client_ip: who.and_then(|who| who.client.clone()),
        suite_id: who.and_then(|who| who.suite.as_ref()).map(ToString::to_string),
        session_id: who.and_then(|who| who.session.as_ref()).map(ToString::to_string),
        auth_method: who.map(|who| wording::auth(who.auth)),
        tenant_id: source.issued().tenant.id.to_string(),
        batch_id: source.issued().batch.to_string(),
        event_type: format!("{} v{}", envelope.event_type, envelope.version),
        record_type: facts.record_type.to_owned(),
        record_id: facts.record_id,
        field_path: facts.field,
        record_version: facts.version,
        action: facts.action,
        what: facts.what,
        old_value: facts.old,
        new_value: facts.new,
        unit: facts.unit,
        reason: Cell::words(line),
        linked_signature_id: facts.signature,
        linked_deviation_id: facts.deviation,
        criticality: if facts.critical { "critical" } else { "non_critical" },
        software_version: who.map(|who| who.software.clone()).filter(|version| !version.is_empty()),
        config_hash: source.issued().policies_hash,
        prev_hash: envelope.stream_prev,
        entry_hash: line.leaf,
        tree_leaf_index: envelope.owner_seq.saturating_sub(1),
        review_status: if review.is_some() { "reviewed" } else { "open" },
        reviewed_by: review.map(|review| review.by.clone()),
        reviewed_at: review.map(|review| review.at),
    }
}
