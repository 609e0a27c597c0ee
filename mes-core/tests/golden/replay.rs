//! The golden journals: files that every version of this software must be able to replay, for ever.
//!
//! `journal-N.jsonl` holds one entry per line, `journal-N.heads.json` where its logs and streams stand. A file that a
//! release shipped with is never written again. A new event type, or a new version of one, goes into a further file: add
//! it to `events.rs` (`newest`) and run the ignored test, which writes the next number and refuses to overwrite. (No release has
//! shipped yet: until then, an event that changes takes the file with it; remove it and write it again.)

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use mes_core::{
    batch::BatchEvent,
    booking::{BookingEvent, PlanEvent},
    clock::Timestamp,
    isa88::RecipeEvent,
    journal::{
        Draft, Entry, Event, JournalEvent, LogHead, Owner, PartName, Salts, SamplesEvent, Sequencer, StreamHead,
        StreamId, current_version, open_parts,
    },
    tenant::{EquipmentEvent, FacilityEvent, PersonEvent},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Heads {
    logs: BTreeMap<Owner, LogHead>,
    streams: BTreeMap<Owner, BTreeMap<StreamId, StreamHead>>,
}

fn heads(sequencer: &Sequencer) -> Heads {
    let logs = sequencer.logs();
    let of = |owner: &Owner| sequencer.streams(owner).map(|(stream, head)| (stream.clone(), *head)).collect();
    let streams = logs.keys().map(|owner| (owner.clone(), of(owner))).collect();
    Heads { logs, streams }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every golden journal: its file and its entries.
fn journals() -> Vec<(PathBuf, Vec<Entry>)> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    assert!(!files.is_empty(), "there is no golden journal");
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    files.iter().map(|path| (path.clone(), read(path))).collect()
}

/// The event types there are, from serde's own list of an enum's variants.
fn types<T: DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_value::<T>(json!({"type": "?"})).err().unwrap().to_string();
    error.split('`').skip(1).step_by(2).filter(|name| *name != "?" && *name != "type").map(str::to_owned).collect()
}

fn all_types() -> BTreeSet<String> {
    let of = [
        types::<JournalEvent>(),
        types::<FacilityEvent>(),
        types::<EquipmentEvent>(),
        types::<PersonEvent>(),
        types::<RecipeEvent>(),
        types::<BookingEvent>(),
        types::<PlanEvent>(),
        types::<BatchEvent>(),
        types::<SamplesEvent>(),
    ];
    assert!(of.iter().all(|types| !types.is_empty()), "{of:?}");
    of.concat().into_iter().collect()
}

#[test]
fn p11_05_every_golden_journal_replays_to_the_heads_it_had() {
    for (path, entries) in journals() {
        let mut sequencer = Sequencer::default();
        entries.iter().for_each(|entry| sequencer.follow(entry).unwrap());
        let expected = fs::read_to_string(path.with_extension("heads.json")).unwrap();
        assert_eq!(heads(&sequencer), serde_json::from_str(&expected).unwrap(), "{}", path.display());
    }
}

#[test]
fn di_17_every_golden_event_is_read_and_means_what_it_meant() {
    for entry in journals().into_iter().flat_map(|(_, entries)| entries) {
        let event = Event::of(&entry).unwrap_or_else(|error| panic!("{}: {error}", entry.envelope.event_type));
        if entry.envelope.version == current_version(&entry.envelope.event_type) {
            let mut recorded = open_parts(&entry);
            recorded.remove(&PartName::Who);
            let again = event.to_parts().unwrap();
            assert_eq!(again.parts, recorded, "{}: nothing is lost in reading", entry.envelope.event_type);
        }
    }
}

#[test]
fn every_event_type_is_in_a_golden_journal() {
    let entries = journals().into_iter().flat_map(|(_, entries)| entries);
    let golden: BTreeSet<String> = entries.map(|entry| entry.envelope.event_type).collect();
    let missing: Vec<_> = all_types().into_iter().filter(|name| !golden.contains(name)).collect();
    assert!(missing.is_empty(), "add these to tests/golden/events.rs and write the next golden journal: {missing:?}");
}

#[test]
#[ignore = "writes the next golden journal; run it by name after adding to events.rs"]
fn write_the_next_golden_journal() {
    let number = (1..).find(|n| !folder().join(format!("journal-{n}.jsonl")).exists()).unwrap();
    let path = folder().join(format!("journal-{number}.jsonl"));
    let (mut sequencer, mut salts, mut lines) = (Sequencer::default(), Salts::new([17; 32]), String::new());
    let events = match number {
        1 => crate::events::first(),
        2 => crate::events::second(),
        3 => crate::events::third(),
        4 => crate::events::fourth(),
        5 => crate::events::fifth(),
        6 => crate::events::sixth(),
        7 => crate::events::seventh(),
        _ => crate::events::newest(),
    };
    for (second, (stream, value)) in (0..).zip(events) {
        let parts = crate::events::event(value).to_parts().unwrap();
        let of_batch = stream.starts_with("batch") || stream.starts_with("samples:MSC");
        let owner = if of_batch { "tenant:TEN-A" } else { "facility" };
        let who = json!({
            "actor": {"person": {"id": "sato", "name": "佐藤 花子 (Sato Hanako)", "role": "OP"}}, "terminal": "T-1",
            "suite": "SU-1", "client": "127.0.0.1", "session": "S-1", "auth": "password", "language": "ja",
            "software": "0.1.0"
        });
        let draft = Draft {
            owner: owner.parse().unwrap(),
            stream: stream.parse().unwrap(),
            time: "2026-07-01T05:00:00Z".parse::<Timestamp>().unwrap().plus_s(second),
            event_type: parts.event_type,
            version: parts.version,
            parts: parts.parts.into_iter().chain([(PartName::Who, who)]).collect(),
        };
        let entry = sequencer.number(draft, &mut salts).unwrap().entry;
        lines += &serde_json::to_string(&entry).unwrap();
        lines.push('\n');
    }
    fs::write(path.with_extension("heads.json"), serde_json::to_string_pretty(&heads(&sequencer)).unwrap() + "\n")
        .unwrap();
    fs::write(path, lines).unwrap();
}
