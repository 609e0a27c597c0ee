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
    booking::BookingEvent,
    clock::Timestamp,
    historian::SealedSamples,
    isa88::RecipeEvent,
    journal::{Entry, Hash, Part, PartName, Purpose},
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
    /// Its version is newer than this software knows.
    #[error(
        "entry type \"{event_type}\" has version {version}, this software knows up to {known}: use a newer version of it"
    )]
    Newer {
        /// Type.
        event_type: String,
        /// Its version.
        version: u32,
        /// What is known.
        known: u32,
    },
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

/// The version in which every event is written now. A type that changes gets its own arm here and an upcaster.
pub fn current_version(_event_type: &str) -> u32 {
    1
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
        let open = |name| match entry.parts.get(&name) {
            Some(Part::Open { value, .. }) => Some(value.clone()),
            _ => None,
        };
        let Some(Value::Object(mut facts)) = open(PartName::Facts) else { return Err(EventError::Withheld) };
        for (key, name) in [("text", PartName::Text), ("other", PartName::Other)] {
            if let Some(value) = open(name) {
                facts.insert(key.to_owned(), value);
            }
        }
        Self::read(&entry.envelope.event_type, entry.envelope.version, facts)
    }

    fn read(event_type: &str, version: u32, mut facts: Map<String, Value>) -> Result<Self, EventError> {
        let known = current_version(event_type);
        if version > known {
            return Err(EventError::Newer { event_type: event_type.to_owned(), version, known });
        }
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
            "batch" => typed(event_type, value).map(Self::Batch),
            "samples" => typed(event_type, value).map(Self::Samples),
            _ => Err(EventError::Unknown(event_type.to_owned())),
        }
    }
}

fn typed<T: DeserializeOwned>(event_type: &str, value: Value) -> Result<T, EventError> {
    serde_json::from_value(value).map_err(|source| EventError::Form { event_type: event_type.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_taken_apart_reads_back() {
        let event = Event::Batch(BatchEvent::Commented { phase: None, text: Some("cloudy 濁り".into()) });
        let EventParts { event_type, version, parts } = event.to_parts().unwrap();
        assert_eq!((event_type.as_str(), version), ("batch.commented", 1));
        assert_eq!(parts[&PartName::Text], Value::String("cloudy 濁り".into()));
        let Value::Object(mut facts) = parts[&PartName::Facts].clone() else { panic!() };
        assert!(!facts.contains_key("text"));
        let withheld = Event::read(&event_type, version, facts.clone()).unwrap();
        assert_eq!(withheld, Event::Batch(BatchEvent::Commented { phase: None, text: None }));
        facts.insert("text".into(), parts[&PartName::Text].clone());
        assert_eq!(Event::read(&event_type, version, facts).unwrap(), event);
    }

    #[test]
    fn a_newer_or_unknown_type_is_said_to_be_one() {
        let newer = Event::read("batch.commented", 2, Map::new()).unwrap_err().to_string();
        assert!(newer.contains("version 2"), "{newer}");
        assert!(Event::read("moon.landed", 1, Map::new()).unwrap_err().to_string().contains("newer version"));
    }
}
