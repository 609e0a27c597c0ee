//! The entries of one batch, read: who acted, what happened, and the state that follows. Sections only look at this.
//!
//! Reading never judges and never adds. What cannot be read (withheld, erased) stays in the list and is said to be so.

use std::collections::BTreeMap;

use mes_core::{
    access::{Actor, AuthMethod, Signature, SignatureStatus, Who},
    batch::{Batch, BatchEvent, EventMeta, IssuedBatch},
    clock::Timestamp,
    historian::SealedSamples,
    id::{PersonId, PhaseId, SignatureId},
    isa88::{Phase, RecipeBody},
    journal::{
        Entry, EntryId, Event, EventError, Hash, JournalEvent, Part, PartName, Purpose, SamplesEvent, StreamId,
        StreamKind, verify_entry,
    },
    quantity::Bilingual,
};

use crate::{document::Cell, record::RecordError, trend::Series};

/// One entry, read.
#[derive(Debug, Clone)]
pub struct Line {
    /// The entry as it stands.
    pub entry: Entry,
    /// Its leaf hash.
    pub leaf: Hash,
    /// What happened; `None` when its facts are withheld or erased.
    pub event: Option<Event>,
    /// Who acted; `None` when that is withheld or erased.
    pub who: Option<Who>,
}

impl Line {
    fn read(entry: &Entry) -> Result<Self, RecordError> {
        let leaf = verify_entry(entry).map_err(|source| RecordError::Entry(Box::new(source)))?;
        let event = match Event::of(entry) {
            Ok(event) => Some(event),
            Err(EventError::Withheld) => None,
            Err(source) => return Err(RecordError::Event { entry: entry.id(), source }),
        };
        let who = match entry.parts.get(&PartName::Who) {
            Some(Part::Open { value, .. }) => Some(
                serde_json::from_value(value.clone())
                    .map_err(|source| RecordError::Who { entry: entry.id(), source })?,
            ),
            _ => None,
        };
        Ok(Self { entry: entry.clone(), leaf, event, who })
    }
    /// The entry's name.
    pub fn id(&self) -> EntryId {
        self.entry.id()
    }
    /// When it was recorded.
    pub fn at(&self) -> Timestamp {
        self.entry.envelope.time
    }
    /// The batch event, if it is one.
    pub fn batch_event(&self) -> Option<&BatchEvent> {
        match &self.event {
            Some(Event::Batch(event)) => Some(event),
            _ => None,
        }
    }
    /// The actor's name, or the mark that it is withheld or erased.
    pub fn actor(&self) -> Cell {
        match &self.who {
            Some(who) => match &who.actor {
                Actor::Person { name, .. } => Cell::text(name.clone()),
                Actor::System { set } => Cell::both(format!("システム({set})"), format!("System ({set})")),
            },
            None => Cell::part(self, PartName::Who),
        }
    }
    /// Whether a part of this entry is withheld or erased.
    pub fn is_disclosed(&self) -> bool {
        self.entry.parts.values().all(|part| matches!(part, Part::Open { .. }))
    }
}

/// All that a record is made of.
#[derive(Debug)]
pub(crate) struct Source {
    /// Every entry, in the order of time and number.
    pub lines: Vec<Line>,
    /// The state that follows from the batch's own entries.
    pub batch: Batch,
    /// What the journal is for, when its first entry is among the entries.
    pub purpose: Option<Purpose>,
    /// The sealed samples, by tag.
    pub series: Vec<Series>,
    /// Names of people as frozen in entries, by id.
    pub names: BTreeMap<PersonId, String>,
}

impl Source {
    /// Reads the entries of one batch and its sealed chunks.
    pub(crate) fn read(entries: &[Entry], chunks: &[Vec<u8>]) -> Result<Self, RecordError> {
        let mut lines = entries.iter().map(Line::read).collect::<Result<Vec<_>, _>>()?;
        lines.sort_by_key(|line| (line.at(), line.id()));
        if let Some(pair) = lines.windows(2).find(|pair| matches!(pair, [a, b] if a.id() == b.id()))
            && let Some(twice) = pair.first()
        {
            return Err(RecordError::Twice { entry: twice.id() });
        }
        let batch = fold(&lines)?;
        let purpose = lines.iter().find_map(|line| match &line.event {
            Some(Event::Journal(JournalEvent::Opened { purpose, .. })) => Some(*purpose),
            _ => None,
        });
        let sealed = lines.iter().filter_map(|line| match &line.event {
            Some(Event::Samples(SamplesEvent::Sealed { sealed })) => Some((line.id(), sealed.clone())),
            _ => None,
        });
        let sealed: Vec<(EntryId, SealedSamples)> = sealed.collect();
        let series = Series::read(&batch, &sealed, chunks, &lines)?;
        let mut names = BTreeMap::new();
        for line in &lines {
            if let Some(Actor::Person { id, name, .. }) = line.who.as_ref().map(|who| &who.actor) {
                names.insert(id.clone(), name.clone());
            }
            if let Some(BatchEvent::Signed { signature, .. }) = line.batch_event() {
                names.insert(signature.statement.signer.clone(), signature.name.clone());
            }
        }
        Ok(Self { lines, batch, purpose, series, names })
    }
    /// What the batch was issued with.
    pub(crate) fn issued(&self) -> &IssuedBatch {
        &self.batch.issued
    }
    /// The recipe it was issued with.
    pub(crate) fn recipe(&self) -> &RecipeBody {
        &self.batch.issued.recipe
    }
    /// The batch's own stream.
    pub(crate) fn stream(&self) -> StreamId {
        StreamId::new(StreamKind::Batch, &self.batch.issued.batch)
    }
    /// The entries of the batch's own stream with their events, where disclosed.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&Line, &BatchEvent)> {
        self.lines.iter().filter_map(|line| line.batch_event().map(|event| (line, event)))
    }
    /// A person's name as frozen in the entries; the id where no entry names the person.
    pub(crate) fn name(&self, person: &PersonId) -> String {
        self.names.get(person).cloned().unwrap_or_else(|| person.to_string())
    }
    /// A phase as the record prints it: number in the procedure, id, name.
    pub(crate) fn phase_title(&self, id: &PhaseId) -> Bilingual {
        match self.recipe().phase(id) {
            Some(phase) => Bilingual::new(format!("{id} {}", phase.name.ja), phase.name.en.clone()),
            None => Bilingual::new(id.to_string(), id.to_string()),
        }
    }
    /// The phases in the order of the procedure.
    pub(crate) fn phases(&self) -> impl Iterator<Item = &Phase> {
        self.recipe().phases()
    }
    /// A signature with its standing.
    pub(crate) fn signature(&self, id: &SignatureId) -> Option<&(Signature, SignatureStatus)> {
        self.batch.signatures.iter().find(|(signature, _)| signature.id == *id)
    }
    /// When the execution was completed, if it was.
    pub(crate) fn completed_at(&self) -> Option<Timestamp> {
        self.events().find(|(_, event)| matches!(event, BatchEvent::ExecutionCompleted)).map(|(line, _)| line.at())
    }
    /// When the first phase was started, if one was.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        self.events().find(|(_, event)| matches!(event, BatchEvent::PhaseStarted { .. })).map(|(line, _)| line.at())
    }
}

fn fold(lines: &[Line]) -> Result<Batch, RecordError> {
    let issue = lines.iter().filter(|line| matches!(line.batch_event(), Some(BatchEvent::Issued { .. })));
    let issue: Vec<&Line> = issue.collect();
    let [issue] = issue.as_slice() else { return Err(RecordError::Issues { found: issue.len() }) };
    let (stream, owner) = (&issue.entry.envelope.stream, &issue.entry.envelope.owner);
    let mut batch = None;
    let mut own: Vec<&Line> = Vec::new();
    for line in lines.iter().filter(|line| line.entry.envelope.stream.kind == StreamKind::Batch) {
        let envelope = &line.entry.envelope;
        if envelope.stream != *stream || envelope.owner != *owner {
            return Err(RecordError::OtherBatch { entry: line.id(), stream: envelope.stream.clone() });
        }
        own.push(line);
    }
    own.sort_by_key(|line| line.entry.envelope.stream_seq);
    let unknown = Who {
        actor: Actor::System { set: "withheld".to_owned() },
        session_of: None,
        terminal: None,
        suite: None,
        client: None,
        session: None,
        auth: AuthMethod::System,
        language: None,
        software: String::new(),
    };
    for line in own {
        let Some(event) = line.batch_event() else { continue };
        let meta = EventMeta {
            who: line.who.as_ref().unwrap_or(&unknown),
            at: line.at(),
            entry: line.id(),
            stream_seq: line.entry.envelope.stream_seq,
        };
        batch = Batch::fold(batch, event, &meta);
    }
    batch.ok_or(RecordError::Issues { found: 0 })
}
