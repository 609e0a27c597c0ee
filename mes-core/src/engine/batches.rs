//! Commands about batches, from people and from the plant, and what a batch's events ask of the plant.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    access::{Reauth, Rejection, Who},
    batch::{BatchCommand, BatchEvent, Context, StreamSeal, decide},
    booking::BookingEvent,
    engine::{Effect, Engine, WriteRequest, decide::samples_stream},
    historian::Sample,
    id::{BatchId, DeviationId, EquipmentId, ItemId, TagId},
    isa88::Expression,
    journal::{EntryId, Event, Owner, StreamId, StreamKind},
    plant::{Finding, Proposal},
};

use super::decide::Decision;

/// How long a device may take until a read-back agrees, in seconds of wall time.
const READBACK_MAX_S: u32 = 10;

impl Engine {
    /// A person's command about a batch, already permitted.
    pub(super) fn person_batch(
        &mut self,
        id: &BatchId,
        command: &BatchCommand,
        who: &Who,
        signer: Option<&Reauth>,
    ) -> Decision {
        let sealed;
        let command = match command {
            BatchCommand::Dispose { release, signature, text, .. } => {
                let seals = self.seals(id, *release)?;
                sealed = BatchCommand::Dispose {
                    release: *release,
                    signature: signature.clone(),
                    text: text.clone(),
                    seals,
                };
                &sealed
            }
            other => other,
        };
        let bounded = self.bounded_by(id, command);
        self.enter_what_was_counted(&bounded);
        let events = self.decided(id, command, who, signer)?;
        Ok(self.enter_batch(id, events, who))
    }

    /// The equipment whose occupancy a command begins or ends: what was counted of it until then belongs to the time before.
    fn bounded_by(&self, id: &BatchId, command: &BatchCommand) -> Vec<EquipmentId> {
        match command {
            BatchCommand::Issue(order) => order.equipment.values().cloned().collect(),
            BatchCommand::CompleteExecution | BatchCommand::Dispose { .. } => {
                let units = self.books.batches.get(id).map(|batch| batch.issued.equipment.values());
                units.into_iter().flatten().map(|unit| unit.id.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A command of the plant or of a driver. What it is refused is logged: nobody is there to read it.
    pub(super) fn system_batch(&mut self, set: &str, id: &BatchId, command: &BatchCommand) -> Vec<EntryId> {
        let who = self.system(set);
        match self.decided(id, command, &who, None) {
            Ok(events) => self.enter_batch(id, events, &who),
            Err(rejection) => {
                tracing::warn!(batch.id = %id, rule = %rejection.rule, "the plant was refused: {}", rejection.said.en);
                Vec::new()
            }
        }
    }

    fn decided(
        &mut self,
        id: &BatchId,
        command: &BatchCommand,
        who: &Who,
        signer: Option<&Reauth>,
    ) -> Result<Vec<BatchEvent>, Rejection> {
        let batch = self.books.batches.get(id).cloned();
        let plant = &self.plant;
        let reading = |tag: &TagId| -> Option<Sample> { plant.reading(tag) };
        let calculate = |text: &str, inputs: &BTreeMap<ItemId, Decimal>| -> Result<Decimal, String> {
            let expression = Expression::parse(text).map_err(|error| error.to_string())?;
            expression.evaluate_number(inputs).map_err(|error| error.to_string())
        };
        let context = Context {
            now: self.now(),
            batch: id,
            actor: &who.actor,
            signer,
            facility: &self.books.facility,
            recipes: &self.books.recipes,
            bookings: &self.books.bookings,
            occupancy: &self.books,
            reading: &reading,
            calculate: &calculate,
            policies_hash: self.policies.hash(),
        };
        decide(batch.as_deref(), command, &context)
    }

    fn enter_batch(&mut self, id: &BatchId, events: Vec<BatchEvent>, who: &Who) -> Vec<EntryId> {
        let mut entries = Vec::new();
        let mut issued_now = false;
        for event in events {
            let Some(owner) = self.owner_of(id, &event) else { continue };
            let stream = StreamId::new(StreamKind::Batch, id);
            let Some(entry) = self.enter(owner.clone(), stream, &Event::Batch(event.clone()), who) else { break };
            match &event {
                BatchEvent::WriteRequested { tag, value, tolerance, .. } => {
                    let request = WriteRequest {
                        effect: entry.clone(),
                        tag: tag.clone(),
                        value: value.clone(),
                        tolerance: *tolerance,
                        readback_max_s: READBACK_MAX_S,
                    };
                    self.push_effect(Effect::Write(request));
                }
                BatchEvent::Issued { issued } => {
                    let booking = issued.booking.clone();
                    let stream = StreamId::new(StreamKind::Booking, &booking);
                    let event = Event::Booking(BookingEvent::BatchIssued { booking, batch: id.clone() });
                    entries.extend(self.enter(owner, stream, &event, who));
                    issued_now = true;
                }
                _ => {}
            }
            entries.push(entry);
        }
        if issued_now {
            entries.extend(self.sampling_in_force(id));
        }
        entries
    }

    fn owner_of(&self, id: &BatchId, event: &BatchEvent) -> Option<Owner> {
        let issued = match event {
            BatchEvent::Issued { issued } => Some(issued.owner().clone()),
            _ => self.books.batches.get(id).map(|batch| batch.issued.owner().clone()),
        };
        issued.map(Owner::Tenant)
    }

    /// Number and last hash of every stream that the record of a batch draws on. A batch is released only when all that its
    /// equipment measured is sealed; one that is rejected before its end is sealed as far as it came.
    fn seals(&self, id: &BatchId, release: bool) -> Result<Vec<StreamSeal>, Rejection> {
        let batch = self.books.batches.get(id).ok_or_else(Rejection::not_found)?;
        let owner = Owner::Tenant(batch.issued.owner().clone());
        let mut streams = vec![
            StreamId::new(StreamKind::Batch, id),
            StreamId::new(StreamKind::Recipe, &batch.issued.recipe.header.id),
            StreamId::new(StreamKind::Booking, &batch.issued.booking),
        ];
        for unit in batch.issued.equipment.values() {
            let sealed = self.books.sealed.get(&(id.clone(), unit.id.clone()));
            let complete = match batch.execution_completed_at {
                Some(end) => sealed.is_some_and(|until| *until > end),
                None => !release,
            };
            if !complete {
                return Err(Rejection::new(
                    "DI-04",
                    format!("{}の測定データがまだ封印されていません。数秒後にもう一度行ってください。", unit.id),
                    format!("The samples of {} are not sealed yet. Try again in some seconds.", unit.id),
                ));
            }
            streams.push(samples_stream(id, &unit.id));
        }
        let seal = |stream: StreamId| {
            let head = self.sequencer().stream(&owner, &stream);
            StreamSeal { stream, seq: head.seq, hash: head.last }
        };
        Ok(streams.into_iter().map(seal).filter(|seal| seal.seq > 0).collect())
    }

    /// A proposal of the plant as a command. A deviation gets its id at the moment of the decision: two proposals may follow each other.
    pub(super) fn command_of(&self, proposal: &Proposal) -> BatchCommand {
        let phase = proposal.phase.clone();
        match proposal.finding.clone() {
            Finding::Violated { item, since, evidence } => {
                let deviation = self.next_deviation(&proposal.batch);
                BatchCommand::NoticeViolation { phase, item, since, evidence, deviation }
            }
            Finding::Returned { item, evidence } => BatchCommand::NoticeReturn { phase, item, evidence },
            Finding::Met { evidence } => BatchCommand::MeetCondition { phase, evidence },
            Finding::Overdue { due } => BatchCommand::NoticeOverdue { phase, due },
            Finding::HoldExceeded { due } => {
                let deviation = self.next_deviation(&proposal.batch);
                BatchCommand::NoticeHoldExceeded { phase, due, deviation }
            }
        }
    }

    fn next_deviation(&self, id: &BatchId) -> DeviationId {
        crate::batch::next_deviation(id, self.books.batches.get(id).map(|batch| &batch.deviations))
    }
}
