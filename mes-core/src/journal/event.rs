//! Every event there is, and how an event becomes the parts of an entry and back.
//!
//! In an event's JSON, `type` goes to the envelope, `text` to the `text` part, `other` to the `other` part, and all the rest is the
//! `facts` part. A withheld part simply leaves its fields away: they are optional in every event. An event whose facts are withheld
//! cannot be read back, and a reader shows its entry as withheld.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    batch::BatchEvent,
    booking::{BookingEvent, PlanEvent},
    clock::Timestamp,
    historian::{FacilitySamples, SealedSamples},
    isa88::RecipeEvent,
    journal::{Entry, Hash, PartName, Purpose, UpcastError, Upcasts},
    tenant::{EquipmentEvent, FacilityEvent, PersonEvent},
};

/// What can happen to the journal itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum JournalEvent {
    /// The first entry of a journal.
    #[serde(rename = "journal.opened")]
    Opened {
        /// What it is for.
        purpose: Purpose,
        /// Facility time at the start.
        facility_time: Timestamp,
        /// Wall-clock time at the start.
        wall_time: Timestamp,
        /// SHA-256 of the facility's public checkpoint key.
        key: Hash,
    },
    /// The process started.
    #[serde(rename = "journal.started")]
    Started {
        /// Software version.
        software: String,
        /// Wall-clock time.
        wall_time: Timestamp,
    },
    /// The rate of facility time changed (never in production).
    #[serde(rename = "journal.rate_changed")]
    RateChanged {
        /// Facility seconds per wall second.
        rate: u32,
    },
}

/// What can happen to samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SamplesEvent {
    /// The samples of an occupancy and period were sealed.
    #[serde(rename = "samples.sealed")]
    Sealed {
        /// What was sealed.
        sealed: SealedSamples,
    },
    /// The samples of equipment and a period in which no batch occupied it were sealed.
    #[serde(rename = "samples.facility_sealed")]
    FacilitySealed {
        /// What was sealed.
        sealed: FacilitySamples,
    },
}

/// Every event there is.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Of the journal itself.
    Journal(JournalEvent),
    /// Of the facility's configuration.
    Facility(FacilityEvent),
    /// Of equipment.
    Equipment(EquipmentEvent),
    /// Of a person's account.
    Person(PersonEvent),
    /// Of a recipe.
    Recipe(RecipeEvent),
    /// Of a booking.
    Booking(BookingEvent),
    /// Of the facility's plan.
    Plan(PlanEvent),
    /// Of a batch.
    Batch(BatchEvent),
    /// Of samples.
    Samples(SamplesEvent),
}

/// Why an entry could not be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Its facts are withheld or erased.
    #[error("the facts of this entry are not disclosed")]
    Withheld,
    /// Its type is unknown to this version.
    #[error("entry type \"{0}\" is unknown: it was written by a newer version of this software")]
    Unknown(String),
    /// Its version is newer than this software, or cannot be read as the newest one.
    #[error(transparent)]
    Upcast(#[from] UpcastError),
    /// Its content does not have the form of its type.
    #[error("entry of type \"{event_type}\" does not have the form of its type")]
    Form {
        /// Type.
        event_type: String,
        /// What was wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// An event taken apart: what `Draft`s and envelopes hold.
#[derive(Debug, Clone, PartialEq)]
pub struct EventParts {
    /// Type.
    pub event_type: String,
    /// Version.
    pub version: u32,
    /// Parts `facts`, and `text` and `other` where the event has them.
    pub parts: BTreeMap<PartName, Value>,
}

/// The steps from old versions of events to the newest. A type that changes gets its step here, and a line in a new golden
/// journal (`tests/golden`).
fn upcasts() -> Upcasts {
    // Version 2 of a confirmation may carry its signature; version 1 has none.
    // Version 2 of a proposed change and of an issue may hold device templates and more of a device; version 1 has none.
    Upcasts::default().step("booking.confirmed", 1, Ok).step("facility.change_proposed", 1, Ok).step(
        "batch.issued",
        1,
        Ok,
    )
}

/// The version in which an event is written now.
pub fn current_version(event_type: &str) -> u32 {
    upcasts().newest(event_type)
}

impl Event {
    /// Takes the event apart.
    pub fn to_parts(&self) -> Result<EventParts, EventError> {
        let value = match self {
            Self::Journal(event) => serde_json::to_value(event),
            Self::Facility(event) => serde_json::to_value(event),
            Self::Equipment(event) => serde_json::to_value(event),
            Self::Person(event) => serde_json::to_value(event),
            Self::Recipe(event) => serde_json::to_value(event),
            Self::Booking(event) => serde_json::to_value(event),
            Self::Plan(event) => serde_json::to_value(event),
            Self::Batch(event) => serde_json::to_value(event),
            Self::Samples(event) => serde_json::to_value(event),
        };
        let form = |source| EventError::Form { event_type: "(unwritten)".to_owned(), source };
        let mut facts: Map<String, Value> = value.and_then(serde_json::from_value).map_err(form)?;
        let event_type = match facts.remove("type") {
            Some(Value::String(name)) => name,
            _ => return Err(EventError::Unknown(String::new())),
        };
        let mut parts = BTreeMap::new();
        for (key, name) in [("text", PartName::Text), ("other", PartName::Other)] {
            if let Some(value) = facts.remove(key).filter(|value| !value.is_null()) {
                parts.insert(name, value);
            }
        }
        parts.insert(PartName::Facts, Value::Object(facts));
        Ok(EventParts { version: current_version(&event_type), event_type, parts })
    }

    /// Reads an entry's event back, as far as its parts are disclosed.
    pub fn of(entry: &Entry) -> Result<Self, EventError> {
        let mut parts = upcasts().lift(entry)?;
        let Some(Value::Object(mut facts)) = parts.remove(&PartName::Facts) else { return Err(EventError::Withheld) };
        for (key, name) in [("text", PartName::Text), ("other", PartName::Other)] {
            if let Some(value) = parts.remove(&name) {
                facts.insert(key.to_owned(), value);
            }
        }
        Self::read(&entry.envelope.event_type, facts)
    }

    fn read(event_type: &str, mut facts: Map<String, Value>) -> Result<Self, EventError> {
        facts.insert("type".to_owned(), Value::String(event_type.to_owned()));
        let value = Value::Object(facts);
        let group = event_type.split('.').next().unwrap_or_default();
        match group {
            "journal" => typed(event_type, value).map(Self::Journal),
            "facility" => typed(event_type, value).map(Self::Facility),
            "equipment" => typed(event_type, value).map(Self::Equipment),
            "person" => typed(event_type, value).map(Self::Person),
            "recipe" => typed(event_type, value).map(Self::Recipe),
            "booking" => typed(event_type, value).map(Self::Booking),
            "plan" => typed(event_type, value).map(Self::Plan),
            "batch" => typed(event_type, value).map(Self::Batch),
            "samples" => typed(event_type, value).map(Self::Samples),
            _ => Err(EventError::Unknown(event_type.to_owned())),
        }
    }
}

fn typed<T: DeserializeOwned>(event_type: &str, value: Value) -> Result<T, EventError> {
    serde_json::from_value(value).map_err(|source| {
        // serde's own words for a `type` that is none of the enum's.
        if source.to_string().starts_with(&format!("unknown variant `{event_type}`")) {
            return EventError::Unknown(event_type.to_owned());
        }
        EventError::Form { event_type: event_type.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Draft, Owner, Salts, Sequencer, StreamId, StreamKind};

    #[test]
    fn an_event_taken_apart_reads_back() {
        let event = Event::Batch(BatchEvent::Commented { phase: None, text: Some("cloudy 濁り".into()) });
        let EventParts { event_type, version, parts } = event.to_parts().unwrap();
        assert_eq!((event_type.as_str(), version), ("batch.commented", 1));
        assert_eq!(parts[&PartName::Text], Value::String("cloudy 濁り".into()));
        let Value::Object(mut facts) = parts[&PartName::Facts].clone() else { panic!() };
        assert!(!facts.contains_key("text"));
        let withheld = Event::read(&event_type, facts.clone()).unwrap();
        assert_eq!(withheld, Event::Batch(BatchEvent::Commented { phase: None, text: None }));
        facts.insert("text".into(), parts[&PartName::Text].clone());
        assert_eq!(Event::read(&event_type, facts).unwrap(), event);
    }

    #[test]
    fn a_newer_or_unknown_type_is_said_to_be_one() {
        for unknown in ["moon.landed", "batch.flown"] {
            let said = Event::read(unknown, Map::new()).unwrap_err();
            assert!(matches!(said, EventError::Unknown(_)) && said.to_string().contains("newer version"), "{said}");
        }
        let misshapen = Event::read("batch.commented", Map::from_iter([("phase".into(), Value::Bool(true))]));
        assert!(matches!(misshapen.unwrap_err(), EventError::Form { .. }));
        let draft = Draft {
            owner: Owner::Facility,
            stream: StreamId::new(StreamKind::Batch, "B-1"),
            time: Timestamp::from_ms(0),
            event_type: "batch.commented".into(),
            version: 2,
            parts: [PartName::Who, PartName::Facts].map(|name| (name, Value::Object(Map::new()))).into(),
        };
        let entry = Sequencer::default().number(draft, &mut Salts::new([0; 32])).unwrap().entry;
        let newer = Event::of(&entry).unwrap_err().to_string();
        assert!(newer.contains("version 2") && newer.contains("newer version"), "{newer}");
    }
}
