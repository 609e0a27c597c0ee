//! What a device tells beside its readings: how it has agreed to sample its tags, and what happened to it; and the words for both.
//!
//! A driver reports it as it came. What of it is entered, and how often, is decided in `heard.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{EquipmentId, TagName},
    quantity::Bilingual,
};

/// From this severity on, an event of a device is an alarm: it stands in the list of exceptions of the record.
///
/// OPC UA (Part 5, `BaseEventType`) gives events a severity from 1 to 1000, and has every server spread its own levels evenly over
/// that range, so that a client may cut it where it needs to. This system cuts it in the middle: what the maker of the device put
/// into the upper half is seen by quality without anybody looking for it; the lower half is in the record and the audit trail.
pub const ALARM_SEVERITY: u16 = 500;
/// Longest text of an event that is kept, in characters; a device may send megabytes.
pub const EVENT_CHARS_MAX: usize = 400;

/// How a device has agreed to sample one of its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagSampling {
    /// The tag.
    pub tag: TagName,
    /// The interval that was asked for, in microseconds.
    pub asked_us: u64,
    /// The interval in force, in microseconds; `None`: the device does not watch the tag, it is read at the interval of its template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_us: Option<u64>,
    /// The device's code, where it refuses to watch the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl TagSampling {
    /// Whether the device does what was asked of it.
    pub fn is_as_asked(&self) -> bool {
        self.effective_us == Some(self.asked_us)
    }

    /// In words, without the tag's name.
    pub fn said(&self) -> Bilingual {
        let asked = ms(self.asked_us);
        match (self.effective_us, &self.refused) {
            (Some(us), _) if us == self.asked_us => Bilingual::new(format!("{asked} ms"), format!("{asked} ms")),
            (Some(us), _) => Bilingual::new(
                format!("{} ms(要求 {asked} ms)", ms(us)),
                format!("{} ms (asked for {asked} ms)", ms(us)),
            ),
            (None, Some(code)) => Bilingual::new(
                format!("機器が監視を拒否({code})、定期読取りのみ(要求 {asked} ms)"),
                format!("the device refuses to watch it ({code}); it is polled (asked for {asked} ms)"),
            ),
            (None, None) => Bilingual::new(
                format!("監視なし、定期読取りのみ(要求 {asked} ms)"),
                format!("not watched; it is polled (asked for {asked} ms)"),
            ),
        }
    }

    /// Several tags in words, with their names.
    pub fn list(tags: &[Self]) -> Bilingual {
        let each = |words: fn(Bilingual) -> String| -> Vec<String> {
            tags.iter().map(|one| format!("{}: {}", one.tag, words(one.said()))).collect()
        };
        Bilingual::new(each(|said| said.ja).join("、"), each(|said| said.en).join(", "))
    }
}

/// Microseconds as milliseconds, without zeros that say nothing.
fn ms(us: u64) -> String {
    match us % 1000 {
        0 => (us / 1000).to_string(),
        rest => format!("{}.{rest:03}", us / 1000).trim_end_matches('0').to_owned(),
    }
}

/// What a device has agreed to, by tag.
pub type AgreedSampling = BTreeMap<TagName, TagSampling>;

/// How a device has agreed to sample some of its tags; said at each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingReport {
    /// Which equipment.
    pub equipment: EquipmentId,
    /// Its tags.
    pub tags: Vec<TagSampling>,
}

/// Something that happened, as a device tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEvent {
    /// Which equipment.
    pub equipment: EquipmentId,
    /// What the device names as the source.
    pub source: String,
    /// In the device's words.
    pub message: String,
    /// From 1 (lowest) to 1000, as the device rates it.
    pub severity: u16,
    /// When the device says it happened (facility time).
    pub source_time: Option<Timestamp>,
    /// When this system was told (facility time).
    pub receive_time: Timestamp,
}

impl DeviceEvent {
    /// Whether it is an alarm, by its severity ([`ALARM_SEVERITY`]).
    pub fn is_alarm(&self) -> bool {
        self.severity >= ALARM_SEVERITY
    }

    /// The same with texts that fit into an entry: of bounded length and without control characters.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        self.source = tidy(&self.source);
        self.message = tidy(&self.message);
        self
    }

    /// In words; `again` is how many more equal ones came within the minute after the first.
    pub fn said(&self, again: u32) -> Bilingual {
        let at = self.source_time.unwrap_or(self.receive_time).shown();
        let (message, severity) = (&self.message, self.severity);
        let source = if self.source.is_empty() { String::new() } else { format!("{}: ", self.source) };
        let (ja, en) = match again {
            0 => (String::new(), String::new()),
            more => (format!("、1分間にさらに{more}回"), format!(", {more} more times within a minute")),
        };
        Bilingual::new(
            format!("{source}{message}(重大度 {severity}{ja})、{at}"),
            format!("{source}{message} (severity {severity}{en}), {at}"),
        )
    }
}

fn tidy(text: &str) -> String {
    let plain = text.trim().chars().map(|one| if one.is_control() { ' ' } else { one });
    let mut kept: String = plain.clone().take(EVENT_CHARS_MAX).collect();
    if plain.count() > EVENT_CHARS_MAX {
        kept.push('…');
    }
    kept
}

/// Kinds of messages of which only so many are entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Another cause of a link that stands as it stood.
    LinkCauses,
    /// Events that are no alarms.
    Events,
    /// Alarms.
    Alarms,
}

/// Messages of a device that were not entered one by one, because there were too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Of which kind.
    pub kind: MessageKind,
    /// How many.
    pub count: u32,
    /// Since when they were counted.
    pub since: Timestamp,
}

impl LeftOut {
    /// In words.
    pub fn said(&self) -> Bilingual {
        let (ja, en) = match self.kind {
            MessageKind::LinkCauses => ("通信の原因の変化", "changes of the link's cause"),
            MessageKind::Events => ("機器のイベント", "events of the device"),
            MessageKind::Alarms => ("機器の警報", "alarms of the device"),
        };
        let (count, since) = (self.count, self.since.shown());
        Bilingual::new(
            format!("{ja}がさらに{count}件あったが個別には記録していない({since} 以降)"),
            format!("{count} more {en} were left out since {since}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(effective_us: Option<u64>, refused: Option<&str>) -> TagSampling {
        let refused = refused.map(str::to_owned);
        TagSampling { tag: "ph".parse().unwrap(), asked_us: 500_000, effective_us, refused }
    }

    fn event(message: &str, severity: u16) -> DeviceEvent {
        let at = Timestamp::from_ms(0);
        let (equipment, source) = ("BR-01".parse().unwrap(), "Pump".to_owned());
        DeviceEvent { equipment, source, message: message.into(), severity, source_time: None, receive_time: at }
    }

    #[test]
    fn a_sampling_says_what_was_asked_only_where_the_device_does_otherwise() {
        assert_eq!(sampling(Some(500_000), None).said(), Bilingual::new("500 ms", "500 ms"));
        let other = sampling(Some(100_500), None);
        assert_eq!(other.said().en, "100.5 ms (asked for 500 ms)");
        assert!(!other.is_as_asked() && !sampling(None, None).is_as_asked());
        assert!(sampling(None, Some("BadFilterNotAllowed")).said().ja.contains("BadFilterNotAllowed"));
        let both = TagSampling::list(&[sampling(Some(500_000), None), other]);
        assert_eq!(both.en, "ph: 500 ms, ph: 100.5 ms (asked for 500 ms)");
    }

    #[test]
    fn an_event_is_cut_to_what_fits_into_an_entry_and_says_how_often_it_came() {
        let long = event(&format!(" over\ntemperature {}", "x".repeat(EVENT_CHARS_MAX)), 700).tidied();
        assert_eq!(long.message.chars().count(), EVENT_CHARS_MAX + 1);
        assert!(long.message.starts_with("over temperature x") && long.message.ends_with('…'));
        let said = event("door open", 499).said(3);
        assert!(said.en.starts_with("Pump: door open (severity 499, 3 more times within a minute), "), "{}", said.en);
        assert!(said.ja.starts_with("Pump: door open(重大度 499、1分間にさらに3回)、"), "{}", said.ja);
        assert!(!event("door open", 499).is_alarm() && event("door open", 500).is_alarm());
    }
}
