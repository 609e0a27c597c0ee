//! Refusals of known people are entries in the person's stream: the first at once, equal ones within a minute as one count.

use std::collections::BTreeMap;

use crate::{
    access::Who,
    clock::Timestamp,
    engine::Engine,
    id::PersonId,
    journal::{Event, Owner, StreamId, StreamKind},
    tenant::PersonEvent,
};

/// Equal refusals within this time are counted, in milliseconds of facility time at rate 1.
const WINDOW_MS: i64 = 60_000;

/// What was refused: person, command, object, rule.
type Key = (PersonId, String, String, String);

/// Refusals counted since the entry of their first, with who was refused and from where.
///
/// What is counted but not yet entered is lost with the process: at most a minute of repetitions, whose first is on record.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Key, (Timestamp, u32, Who)>);

impl Engine {
    /// Counts a refusal; true when it has to be entered now.
    pub(super) fn count_refusal(&mut self, key: &Key, who: &Who) -> bool {
        let now = self.now();
        match self.refusals.0.get_mut(key) {
            Some((_, count, _)) => {
                *count = count.saturating_add(1);
                false
            }
            None => {
                self.refusals.0.insert(key.clone(), (now, 0, who.clone()));
                true
            }
        }
    }

    /// Enters a refusal.
    pub(super) fn enter_refusal(&mut self, key: Key, count: u32, who: &Who) {
        let (person, command, object, rule) = key;
        let stream = StreamId::new(StreamKind::Person, &person);
        let event = Event::Person(PersonEvent::Refused { person, command, object, rule, count });
        self.enter(Owner::Facility, stream, &event, who);
    }

    /// Enters what was counted once its minute is over.
    pub(super) fn enter_counted_refusals(&mut self) {
        let window = WINDOW_MS.saturating_mul(i64::from(self.books.pace.rate()));
        let now = self.now();
        let over: Vec<(Key, u32, Who)> = self
            .refusals
            .0
            .iter()
            .filter(|(_, (since, ..))| now.since_ms(*since) >= window)
            .map(|(key, (_, count, who))| (key.clone(), *count, who.clone()))
            .collect();
        for (key, count, who) in over {
            self.refusals.0.remove(&key);
            if count > 0 {
                self.enter_refusal(key, count, &who);
            }
        }
    }
}
