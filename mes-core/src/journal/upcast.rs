//! Old events read as new ones: a table from (type, version) to the step that makes the next version of it.
//!
//! An event is never changed, only joined by a newer version. Entries keep the bytes they were written with; only what
//! the software reads out of them is lifted. This file does not know the events: `event.rs` has the table, and says
//! which types there are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entry::{Entry, Part, PartName};

/// The open parts of an entry, by name. Withheld and erased parts are absent.
pub type OpenParts = BTreeMap<PartName, Value>;

/// One step: the parts of a version made into those of the next. A part that was withheld is absent and stays so.
pub type Step = fn(OpenParts) -> Result<OpenParts, String>;

/// Why an entry cannot be read as an event of today.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpcastError {
    /// The version is newer than the newest known.
    #[error(
        "version {version} of \"{event_type}\" was written by a newer version of this software, which knows up to {known}"
    )]
    Newer {
        /// The type.
        event_type: String,
        /// Its version.
        version: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// A step is missing from the table.
    #[error("there is no step from version {version} of \"{event_type}\" to the next")]
    NoStep {
        /// The type.
        event_type: String,
        /// The version that cannot be left.
        version: u32,
    },
    /// A step refused the parts.
    #[error("version {version} of \"{event_type}\" cannot be read: {reason}")]
    Refused {
        /// The type.
        event_type: String,
        /// The version.
        version: u32,
        /// Why, in words.
        reason: String,
    },
}

/// The steps that lead from old versions to the newest. A type without a step has one version, the first.
#[derive(Debug, Default)]
pub struct Upcasts {
    steps: BTreeMap<(&'static str, u32), Step>,
}

impl Upcasts {
    /// Adds the step from `version` of an event type to the next one.
    #[must_use]
    pub fn step(mut self, event_type: &'static str, version: u32, step: Step) -> Self {
        self.steps.insert((event_type, version), step);
        self
    }
    /// The newest version of an event type: one above its last step.
    pub fn newest(&self, event_type: &str) -> u32 {
        let of_type = self.steps.keys().filter(|(known, _)| *known == event_type);
        of_type.map(|(_, version)| version.saturating_add(1)).max().unwrap_or(1)
    }
    /// The open parts of an entry, read as the newest version of its type.
    ///
    /// # Errors
    /// When the version is newer than this software, a step is missing, or a step refuses.
    pub fn lift(&self, entry: &Entry) -> Result<OpenParts, UpcastError> {
        let event_type = || entry.envelope.event_type.clone();
        let (written, newest) = (entry.envelope.version, self.newest(&entry.envelope.event_type));
        if written > newest {
            return Err(UpcastError::Newer { event_type: event_type(), version: written, known: newest });
        }
        let mut parts = open_parts(entry);
        for version in written..newest {
            let step = self.steps.iter().find(|((known, of), _)| *known == entry.envelope.event_type && *of == version);
            let (_, step) = step.ok_or_else(|| UpcastError::NoStep { event_type: event_type(), version })?;
            let refused = |reason| UpcastError::Refused { event_type: event_type(), version, reason };
            parts = step(parts).map_err(refused)?;
        }
        Ok(parts)
    }
}

/// The parts of an entry that are open to this reader.
pub fn open_parts(entry: &Entry) -> OpenParts {
    let open = |(name, part): (&PartName, &Part)| match part {
        Part::Open { value, .. } => Some((*name, value.clone())),
        Part::Withheld | Part::Erased { .. } => None,
    };
    entry.parts.iter().filter_map(open).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        clock::Timestamp,
        journal::{Draft, Owner, Salts, Sequencer, StreamId, StreamKind},
    };

    fn entry(event_type: &str, version: u32) -> Entry {
        let draft = Draft {
            owner: Owner::Facility,
            stream: StreamId::new(StreamKind::Suite, "S-1"),
            time: Timestamp::from_ms(0),
            event_type: event_type.into(),
            version,
            parts: [(PartName::Who, json!({})), (PartName::Facts, json!({"temp": "37.0"}))].into(),
        };
        Sequencer::default().number(draft, &mut Salts::new([0; 32])).unwrap().entry
    }

    fn with_unit(mut parts: OpenParts) -> Result<OpenParts, String> {
        if let Some(facts) = parts.get_mut(&PartName::Facts) {
            let value = facts.get("temp").cloned().ok_or("facts hold no temp")?;
            *facts = json!({"temp": {"value": value, "unit": "Cel"}});
        }
        Ok(parts)
    }

    fn table() -> Upcasts {
        let same: Step = Ok;
        Upcasts::default().step("suite.read", 1, same).step("suite.read", 2, with_unit).step("suite.old", 2, same)
    }

    #[test]
    fn an_old_event_is_read_as_the_newest_version() {
        assert_eq!((table().newest("suite.read"), table().newest("suite.other")), (3, 1));
        let parts = table().lift(&entry("suite.read", 1)).unwrap();
        assert_eq!(parts[&PartName::Facts], json!({"temp": {"value": "37.0", "unit": "Cel"}}));
        let parts = table().lift(&entry("suite.read", 3)).unwrap();
        assert_eq!(parts[&PartName::Facts], json!({"temp": "37.0"}));
    }

    #[test]
    fn a_withheld_part_stays_absent() {
        let mut old = entry("suite.read", 1);
        old.parts.insert(PartName::Facts, Part::Withheld);
        assert_eq!(table().lift(&old).unwrap().keys().collect::<Vec<_>>(), [&PartName::Who]);
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused_in_these_words() {
        for (event_type, version) in [("suite.read", 4), ("suite.other", 2)] {
            let refused = table().lift(&entry(event_type, version)).unwrap_err().to_string();
            assert!(refused.contains("written by a newer version"), "{refused}");
        }
        assert!(matches!(table().lift(&entry("suite.old", 1)).unwrap_err(), UpcastError::NoStep { version: 1, .. }));
    }
}
