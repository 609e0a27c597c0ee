//! What drivers report of a device beside its readings – its link, its sampling, its events – entered where it is new: in the
//! equipment's stream, and in that of the batch that has the equipment.
//!
//! A device that says the same again and again, or something else each time, must not fill the journal: equal events are counted
//! for a minute, and of the rest only so many are entered within ten; how many were left out is an entry too. A change of a link's
//! state is always entered, for it bounds a gap in the data.

use std::{collections::BTreeMap, mem::discriminant};

use crate::{
    access::Who,
    batch::{BatchCommand, DeviceNews},
    clock::Timestamp,
    engine::{
        DeviceEvent, Effect, Engine, LeftOut, LinkReport, LinkState, MessageKind, SamplingReport, TagSampling,
        decide::Decision,
    },
    id::{BatchId, EquipmentId, EquipmentRole},
    journal::{EntryId, Event, Owner, StreamId, StreamKind},
    tenant::{self, EquipmentEvent},
};

/// Equal events within this time are counted, in milliseconds of facility time at rate 1.
const EQUAL_MS: i64 = 60_000;
/// Within this time only so many reports of a kind are entered of a device, in milliseconds of facility time at rate 1.
const BOUND_MS: i64 = 600_000;
/// So many new causes of a link that stands as it stood.
const LINK_CAUSES_MAX: u32 = 5;
/// So many events that are no alarms.
const EVENTS_MAX: u32 = 30;
/// So many alarms; they are counted by themselves, so that no flood of other events hides one.
const ALARMS_MAX: u32 = 30;

fn entered_max(kind: MessageKind) -> u32 {
    match kind {
        MessageKind::LinkCauses => LINK_CAUSES_MAX,
        MessageKind::Events => EVENTS_MAX,
        MessageKind::Alarms => ALARMS_MAX,
    }
}

/// What makes two events equal: equipment, source, message, severity.
type Key = (EquipmentId, String, String, u16);

/// Equal events since the entry of their first.
#[derive(Debug)]
struct Equal {
    since: Timestamp,
    again: u32,
    newest: DeviceEvent,
}

/// Reports of one kind of one device.
#[derive(Debug)]
struct Bound {
    since: Timestamp,
    entered: u32,
    left_out: u32,
    /// How the link stands, where that is not on record yet.
    newest: Option<LinkReport>,
}

/// What was reported and is not entered yet.
///
/// It is lost with the process: at most a minute of repetitions whose first is on record, and how many were left out in the last
/// ten minutes.
#[derive(Debug, Default)]
pub(super) struct Heard {
    equal: BTreeMap<Key, Equal>,
    bounds: BTreeMap<(EquipmentId, MessageKind), Bound>,
}

impl Heard {
    /// Whether one more may be entered; otherwise it is counted.
    fn admits(&mut self, equipment: &EquipmentId, kind: MessageKind, now: Timestamp) -> bool {
        let new = Bound { since: now, entered: 0, left_out: 0, newest: None };
        let bound = self.bounds.entry((equipment.clone(), kind)).or_insert(new);
        if bound.entered < entered_max(kind) {
            bound.entered = bound.entered.saturating_add(1);
            return true;
        }
        bound.left_out = bound.left_out.saturating_add(1);
        false
    }

    /// Keeps how the link stands until it may be entered; nothing, once that is on record.
    fn keep(&mut self, equipment: &EquipmentId, newest: Option<&LinkReport>) {
        if let Some(bound) = self.bounds.get_mut(&(equipment.clone(), MessageKind::LinkCauses)) {
            bound.newest = newest.cloned();
        }
    }
}

impl Engine {
    /// A link: a new state at once, a new cause of the same state within the bound.
    pub(super) fn link(&mut self, report: &LinkReport) -> Vec<EntryId> {
        let LinkReport { equipment, state, cause, .. } = report;
        if !self.has(equipment) {
            return Vec::new();
        }
        let now = self.now();
        if let Some(known) = self.books.links.get(equipment) {
            if known.state == *state && known.cause == *cause {
                self.heard.keep(equipment, None);
                return Vec::new();
            }
            let stands = discriminant(&known.state) == discriminant(state);
            if stands && !self.heard.admits(equipment, MessageKind::LinkCauses, now) {
                self.heard.keep(equipment, Some(report));
                return Vec::new();
            }
        }
        self.heard.keep(equipment, None);
        self.enter_link(report)
    }

    fn enter_link(&mut self, report: &LinkReport) -> Vec<EntryId> {
        let who = self.system("driver");
        let LinkReport { equipment, state, cause, at } = report.clone();
        let mut entries = self.enter_equipment(EquipmentEvent::LinkChanged { equipment, state, cause, at }, &who);
        if let Some((batch, command)) = self.link_command(report) {
            entries.extend(self.system_batch("driver", &batch, &command));
        }
        entries
    }

    /// A process that has just started has no link; the record shows the gap.
    pub(super) fn links_are_down(&mut self) {
        let up = self.books.links.iter().filter(|(_, link)| link.state != LinkState::Disconnected);
        let up: Vec<_> = up.map(|(equipment, _)| equipment.clone()).collect();
        for equipment in up {
            let (state, cause) = (LinkState::Disconnected, "the process was started anew".to_owned());
            self.link(&LinkReport { equipment, state, cause, at: self.now() });
        }
    }

    /// What a device has agreed to, as far as it is not on record.
    pub(super) fn sampling(&mut self, report: &SamplingReport) -> Vec<EntryId> {
        let equipment = &report.equipment;
        if !self.has(equipment) {
            return Vec::new();
        }
        let Some(unit) = self.books.facility.equipment.get(equipment) else { return Vec::new() };
        let known = self.books.sampling.get(equipment);
        let is_new = |one: &&TagSampling| known.and_then(|known| known.get(&one.tag)) != Some(*one);
        let ours = report.tags.iter().filter(|one| unit.tags.iter().any(|tag| tag.name == one.tag));
        let tags: Vec<TagSampling> = ours.filter(is_new).cloned().collect();
        if tags.is_empty() {
            return Vec::new();
        }
        let event = EquipmentEvent::SamplingAgreed { equipment: equipment.clone(), tags: tags.clone() };
        let mut entries = self.enter_equipment(event, &self.system("driver"));
        entries.extend(self.tell_batch(equipment, DeviceNews::Sampling { tags }));
        entries
    }

    /// What is agreed with the equipment of a batch that was just issued: its record says how its values were sampled.
    pub(super) fn sampling_in_force(&mut self, batch: &BatchId) -> Vec<EntryId> {
        let Some(batch) = self.books.batches.get(batch).cloned() else { return Vec::new() };
        let mut entries = Vec::new();
        for unit in batch.issued.equipment.values() {
            let Some(known) = self.books.sampling.get(&unit.id) else { continue };
            let tags = unit.tags.iter().filter_map(|tag| known.get(&tag.name).cloned()).collect();
            entries.extend(self.tell_batch(&unit.id, DeviceNews::Sampling { tags }));
        }
        entries
    }

    /// Events of devices, in the order in which they came.
    pub(super) fn happened(&mut self, events: Vec<DeviceEvent>) -> Vec<EntryId> {
        events.into_iter().flat_map(|event| self.happened_once(event.tidied())).collect()
    }

    fn happened_once(&mut self, event: DeviceEvent) -> Vec<EntryId> {
        let now = self.now();
        if !self.has(&event.equipment) {
            return Vec::new();
        }
        let key = (event.equipment.clone(), event.source.clone(), event.message.clone(), event.severity);
        if let Some(equal) = self.heard.equal.get_mut(&key) {
            equal.again = equal.again.saturating_add(1);
            equal.newest = event;
            return Vec::new();
        }
        let kind = if event.is_alarm() { MessageKind::Alarms } else { MessageKind::Events };
        if !self.heard.admits(&event.equipment, kind, now) {
            return Vec::new();
        }
        self.heard.equal.insert(key, Equal { since: now, again: 0, newest: event.clone() });
        self.enter_event(event, 0)
    }

    fn enter_event(&mut self, happened: DeviceEvent, again: u32) -> Vec<EntryId> {
        let event = EquipmentEvent::EventReported { happened: happened.clone(), again };
        let equipment = happened.equipment.clone();
        let mut entries = self.enter_equipment(event, &self.system("driver"));
        entries.extend(self.tell_batch(&equipment, DeviceNews::Event { happened, again }));
        entries
    }

    /// Enters what was counted once its time is over; of the equipment named at once, for a batch begins or ends with it.
    pub(super) fn enter_what_was_counted(&mut self, at_once: &[EquipmentId]) {
        let (now, rate) = (self.now(), i64::from(self.books.pace.rate()));
        let is_over = |equipment: &EquipmentId, since: Timestamp, window_ms: i64| {
            at_once.contains(equipment) || now.since_ms(since) >= window_ms.saturating_mul(rate)
        };
        let equal: Vec<Equal> = self
            .heard
            .equal
            .extract_if(.., |key, one| is_over(&key.0, one.since, EQUAL_MS))
            .map(|(_, one)| one)
            .collect();
        for one in equal.into_iter().filter(|one| one.again > 0) {
            self.enter_event(one.newest, one.again);
        }
        let bounds: Vec<_> =
            self.heard.bounds.extract_if(.., |key, one| is_over(&key.0, one.since, BOUND_MS)).collect();
        for ((equipment, kind), bound) in bounds {
            let mut count = bound.left_out;
            if let Some(newest) = bound.newest {
                self.enter_link(&newest);
                count = count.saturating_sub(1);
            }
            if count > 0 {
                self.enter_left_out(&equipment, LeftOut { kind, count, since: bound.since });
            }
        }
    }

    fn enter_left_out(&mut self, equipment: &EquipmentId, left_out: LeftOut) {
        let event = EquipmentEvent::MessagesLeftOut { equipment: equipment.clone(), left_out: left_out.clone() };
        self.enter_equipment(event, &self.system("driver"));
        self.tell_batch(equipment, DeviceNews::LeftOut { left_out });
    }

    /// A person asks that a device be connected anew.
    pub(super) fn connect_again(&mut self, equipment: &EquipmentId, who: &Who) -> Decision {
        let link = self.books.links.get(equipment).map(|link| &link.state);
        let event = tenant::connect_again(&self.books.facility, equipment, link, who.actor.person())?;
        let entries = self.enter_equipment(event, who);
        self.push_effect(Effect::Connect(equipment.clone()));
        Ok(entries)
    }

    fn has(&self, equipment: &EquipmentId) -> bool {
        let known = self.books.facility.equipment.contains_key(equipment);
        if !known {
            tracing::warn!(%equipment, "what is said of equipment that the facility does not have is not entered");
        }
        known
    }

    /// The batch that has a piece of equipment now, with its role there.
    fn batch_with(&self, equipment: &EquipmentId) -> Option<(BatchId, EquipmentRole)> {
        let (id, batch) = self.books.batch_of(equipment)?;
        let (role, _) = batch.issued.equipment.iter().find(|(_, unit)| unit.id == *equipment)?;
        Some((id.clone(), role.clone()))
    }

    fn link_command(&self, report: &LinkReport) -> Option<(BatchId, BatchCommand)> {
        let LinkReport { equipment, state, cause, at } = report.clone();
        let (batch, role) = self.batch_with(&equipment)?;
        Some((batch, BatchCommand::NoteLink { role, equipment, state, cause, at }))
    }

    fn tell_batch(&mut self, equipment: &EquipmentId, news: DeviceNews) -> Vec<EntryId> {
        let Some((batch, role)) = self.batch_with(equipment) else { return Vec::new() };
        let command = BatchCommand::NoteDevice { role, equipment: equipment.clone(), news };
        self.system_batch("driver", &batch, &command)
    }

    /// On the equipment's stream; on the facility's, where it is not known whose it is.
    pub(super) fn enter_equipment(&mut self, event: EquipmentEvent, who: &Who) -> Vec<EntryId> {
        let stream = match event.equipment() {
            Some(equipment) => StreamId::new(StreamKind::Equipment, equipment),
            None => StreamId::new(StreamKind::Facility, "facility"),
        };
        self.enter(Owner::Facility, stream, &Event::Equipment(event), who).into_iter().collect()
    }
}
