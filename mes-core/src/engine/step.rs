//! `step`: one input in, entries and effects out. No I/O, no clock, deterministic.
//!
//! A command is asked of the policies, decided on the state it finds, evolved, and what the plant makes of it is decided in the same
//! step, until all is quiet. Entries of one step belong together; the caller makes them durable before anybody sees what followed.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    access::{Actor, AuthMethod, Policies, Rejection, Who},
    clock::Timestamp,
    engine::{
        Books, Effect, Input, LinkView, Reading, View, WriteOutcome, WriteResult, heard::Heard, refusal::Refusals,
    },
    id::BatchId,
    journal::{
        Draft, Entry, EntryId, Event, EventError, Numbered, Owner, PartName, Purpose, Salts, SequenceError, Sequencer,
        StreamId,
    },
    plant::{Plant, Recorded},
};

/// How often a step may go round: plant, decision, plant again.
const ROUNDS_MAX: u32 = 16;
/// Version of this software, as entries name it.
pub const SOFTWARE: &str = concat!("catapult-mes ", env!("CARGO_PKG_VERSION"));

/// Why entries could not be replayed or made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal does not follow on itself.
    #[error("the journal was changed")]
    Sequence(#[from] SequenceError),
    /// An entry cannot be read.
    #[error("entry {entry} cannot be read")]
    Event {
        /// Which.
        entry: EntryId,
        /// Why.
        #[source]
        source: EventError,
    },
    /// An entry does not say who acted.
    #[error("entry {0} does not say who acted")]
    Who(EntryId),
}

/// What a step gave.
#[derive(Debug)]
pub struct Output {
    /// Entries in order, to be made durable in one transaction.
    pub entries: Vec<Numbered>,
    /// What became of the input: its entries, or the rule that said no.
    pub reply: Result<Vec<EntryId>, Rejection>,
    /// What is asked of the world, once the entries are durable.
    pub effects: Vec<Effect>,
}

/// The engine.
pub struct Engine {
    pub(super) policies: Arc<Policies>,
    pub(super) books: Books,
    pub(super) plant: Plant,
    pub(super) refusals: Refusals,
    pub(super) heard: Heard,
    sequencer: Sequencer,
    salts: Salts,
    now: Timestamp,
    entries: Vec<Numbered>,
    effects: Vec<Effect>,
    fault: Option<SequenceError>,
}

impl Engine {
    /// An engine before the first entry.
    pub fn new(policies: Arc<Policies>, salts: Salts) -> Self {
        Self::at(policies, salts, Books::default(), Sequencer::default())
    }

    /// An engine at a recorded state. What is observed is empty.
    pub(super) fn at(policies: Arc<Policies>, salts: Salts, books: Books, sequencer: Sequencer) -> Self {
        let mut plant = Plant::default();
        plant.stand(&books.facility);
        books.batches.values().for_each(|batch| plant.follow(batch));
        Self {
            policies,
            now: sequencer.last_time().unwrap_or(Timestamp::from_ms(0)),
            books,
            plant,
            refusals: Refusals::default(),
            heard: Heard::default(),
            sequencer,
            salts,
            entries: Vec::new(),
            effects: Vec::new(),
            fault: None,
        }
    }

    /// Follows one entry that was recorded before. Nothing is judged again, and nothing is asked of the world.
    ///
    /// # Errors
    /// An entry that is not the next one, was changed, or cannot be read.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), EngineError> {
        self.sequencer.follow(entry)?;
        let event = Event::of(entry).map_err(|source| EngineError::Event { entry: entry.id(), source })?;
        let who = who_of(entry).ok_or_else(|| EngineError::Who(entry.id()))?;
        self.now = entry.envelope.time.max(self.now);
        self.evolve(entry, &event, &who);
        Ok(())
    }

    /// Decides one input. `now` is facility time; it never goes back.
    pub fn step(&mut self, now: Timestamp, mut input: Input) -> Output {
        self.now = now.max(self.now);
        let samples = match &mut input {
            Input::Readings(samples) => std::mem::take(samples),
            _ => Vec::new(),
        };
        let reply = self.decide(input);
        self.let_time_pass(samples);
        let entries = std::mem::take(&mut self.entries);
        let effects = std::mem::take(&mut self.effects);
        let reply = match self.fault.take() {
            None => reply,
            Some(fault) => Err(Rejection::new(
                "DOC-08",
                format!("記録できませんでした({fault})。システム管理者に連絡してください。"),
                format!("It could not be recorded ({fault}). Tell the system administrator."),
            )),
        };
        Output { entries, reply, effects }
    }

    /// Readings reach the plant, time passes there, and what it proposes is decided, until it proposes nothing.
    fn let_time_pass(&mut self, mut samples: Vec<crate::historian::Sample>) {
        self.lapse_bookings();
        for round in 0..=ROUNDS_MAX {
            let proposals = self.plant.run(self.now, &self.books.pace, std::mem::take(&mut samples));
            if proposals.is_empty() {
                break;
            }
            if round == ROUNDS_MAX {
                tracing::error!(
                    rounds = ROUNDS_MAX,
                    "the plant does not come to rest; its proposals wait for the next step"
                );
                break;
            }
            for proposal in proposals {
                let command = self.command_of(&proposal);
                if self.system_batch(proposal.by().name(), &proposal.batch, &command).is_empty() {
                    self.plant.mute(&proposal);
                }
            }
        }
        self.enter_counted_refusals();
        self.enter_what_was_counted(&[]);
    }

    /// Enters an event: numbered, evolved, and part of this step's group.
    pub(super) fn enter(&mut self, owner: Owner, stream: StreamId, event: &Event, who: &Who) -> Option<EntryId> {
        let parts = match event.to_parts() {
            Ok(parts) => parts,
            Err(error) => {
                tracing::error!(%error, "an event cannot be written");
                return None;
            }
        };
        let mut all: BTreeMap<PartName, Value> = parts.parts;
        all.insert(PartName::Who, serde_json::to_value(who).unwrap_or(Value::Null));
        let draft =
            Draft { owner, stream, time: self.now, event_type: parts.event_type, version: parts.version, parts: all };
        match self.sequencer.number(draft, &mut self.salts) {
            Ok(numbered) => {
                let id = numbered.entry.id();
                self.evolve(&numbered.entry, event, who);
                self.entries.push(numbered);
                Some(id)
            }
            Err(fault) => {
                tracing::error!(%fault, "an entry cannot be numbered");
                self.fault = Some(fault);
                None
            }
        }
    }

    pub(super) fn push_effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn evolve(&mut self, entry: &Entry, event: &Event, who: &Who) {
        let facility = Arc::clone(&self.books.facility);
        self.books.apply(entry, event, who);
        if !Arc::ptr_eq(&facility, &self.books.facility) {
            let facility = Arc::clone(&self.books.facility);
            self.plant.stand(&facility);
        }
        if let Event::Batch(_) = event
            && let Ok(id) = BatchId::parse(entry.envelope.stream.id.clone())
            && let Some(batch) = self.books.batches.get(&id)
        {
            self.plant.follow(batch);
        }
    }

    /// The system as an actor.
    pub(super) fn system(&self, set: &str) -> Who {
        Who {
            actor: Actor::System { set: set.to_owned() },
            session_of: None,
            terminal: None,
            suite: None,
            client: None,
            session: None,
            auth: AuthMethod::System,
            language: None,
            software: SOFTWARE.to_owned(),
        }
    }

    /// Every effect that a crash left without an outcome becomes unknown. It is never repeated.
    ///
    /// Called once after replay; the entries go through `step` like all others.
    pub(super) fn settle_unknown(&mut self) {
        let open = self.books.outstanding.iter().filter(|(_, open)| !open.unknown);
        let effects: Vec<_> = open.map(|(id, open)| (id.clone(), open.clone())).collect();
        for (effect, outstanding) in effects {
            let outcome = WriteOutcome {
                effect,
                tag: outstanding.tag,
                result: WriteResult::Unknown { reason: "the process stopped before the outcome was known".to_owned() },
                before: None,
                read_back: None,
                at: self.now,
            };
            self.outcome(&outcome);
        }
    }

    /// Facility time of the newest step or entry.
    pub fn now(&self) -> Timestamp {
        self.now
    }
    /// The heads of all logs and streams.
    pub fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }
    /// The recorded state.
    pub fn books(&self) -> &Books {
        &self.books
    }
    /// The recorded part of the plant: what replay must bring about again.
    pub fn recorded_plant(&mut self) -> Recorded {
        self.plant.recorded()
    }
    /// What the journal is for; `None` before its first entry.
    pub fn purpose(&self) -> Option<Purpose> {
        self.books.purpose
    }
    /// Facility seconds per wall second.
    pub fn rate(&self) -> u32 {
        self.books.pace.rate()
    }
    /// Whether there is no entry yet.
    pub fn is_empty(&self) -> bool {
        self.sequencer.count() == 0
    }
    /// Time of the newest entry.
    pub fn last_time(&self) -> Option<Timestamp> {
        self.sequencer.last_time()
    }

    /// The picture that pages see.
    pub fn view(&self, now: Timestamp) -> View {
        let readings = self.plant.readings().into_iter().map(|(tag, sample)| (tag, Reading { sample })).collect();
        let links: BTreeMap<_, LinkView> = (*self.books.links).clone();
        View {
            now: now.max(self.now),
            purpose: self.books.purpose.unwrap_or(Purpose::Production),
            rate: self.books.pace.rate(),
            facility: Arc::clone(&self.books.facility),
            changes: Arc::clone(&self.books.changes),
            recipes: Arc::clone(&self.books.recipes),
            quotes: Arc::clone(&self.books.quotes),
            bookings: Arc::clone(&self.books.bookings),
            plan: self.books.plan.clone(),
            batches: Arc::clone(&self.books.batches),
            readings: Arc::new(readings),
            links: Arc::new(links),
            sampling: Arc::clone(&self.books.sampling),
            ending: Arc::clone(&self.books.ending),
            certificates: Arc::clone(&self.books.certificates),
            reports: Arc::clone(&self.books.reports),
            languages: Arc::clone(&self.books.languages),
        }
    }
}

/// Who acted, as an entry says it.
fn who_of(entry: &Entry) -> Option<Who> {
    match entry.parts.get(&PartName::Who)? {
        crate::journal::Part::Open { value, .. } => serde_json::from_value(value.clone()).ok(),
        crate::journal::Part::Withheld | crate::journal::Part::Erased { .. } => None,
    }
}
