//! Refusals of known people are entries in the person's stream: the first at once, equal ones within a minute as one count.

use std::collections::BTreeMap;

use crate::{
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

/// Refusals counted since the entry of their first.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Key, (Timestamp, u32)>);

impl Engine {
    /// Counts a refusal; true when it has to be entered now.
    pub(super) fn count_refusal(&mut self, now: Timestamp, key: Key) -> bool {
        match self.refusals.0.get_mut(&key) {
            Some((_, count)) => {
                *count = count.saturating_add(1);
                false
            }
            None => {
                self.refusals.0.insert(key, (now, 0));
                true
            }
        }
    }

    /// Enters a refusal.
    pub(super) fn enter_refusal(&mut self, key: Key, count: u32) {
        let (person, command, object, rule) = key;
        let stream = StreamId::new(StreamKind::Person, &person);
        let event = Event::Person(PersonEvent::Refused { person, command, object, rule, count });
        let who = self.system("access");
        self.enter(Owner::Facility, stream, &event, &who);
    }

    /// Enters what was counted once its minute is over.
    pub(super) fn enter_counted_refusals(&mut self) {
        let window = WINDOW_MS.saturating_mul(i64::from(self.books.pace.rate()));
        let now = self.now();
        let over: Vec<(Key, u32)> = self
            .refusals
            .0
            .iter()
            .filter(|(_, (since, _))| now.since_ms(*since) >= window)
            .map(|(key, (_, count))| (key.clone(), *count))
            .collect();
        for (key, count) in over {
            self.refusals.0.remove(&key);
            if count > 0 {
                self.enter_refusal(key, count);
            }
        }
    }
}
