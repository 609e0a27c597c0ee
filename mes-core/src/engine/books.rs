//! The recorded state: what follows from the entries and from nothing else. The same fold runs live and in replay.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    access::Who,
    batch::{Batch, BatchEvent, EventMeta, Lifecycle, Occupancy},
    booking::{Booking, BookingEvent, PlanEvent, PlanInForce, Quote},
    clock::Timestamp,
    engine::{AgreedSampling, JudgedCertificate, LinkView, MasterRecipe, PendingChange, WriteResult, snapshot::pairs},
    id::{BatchId, BookingId, ChangeId, EquipmentId, ItemId, PersonId, PhaseId, RecipeId, SuiteId, TagId},
    isa88::{Approval, RecipeApprovals, RecipeEvent},
    journal::{Entry, EntryId, Event, JournalEvent, Purpose, SamplesEvent},
    plant::Pace,
    quantity::Language,
    tenant::{DeviceReport, EquipmentEvent, Facility, FacilityEvent, FiledReport, PersonEvent},
};

/// A write that was asked for and whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outstanding {
    /// Batch.
    pub batch: BatchId,
    /// Phase.
    pub phase: PhaseId,
    /// Item.
    pub item: ItemId,
    /// Tag.
    pub tag: TagId,
    /// It is on record that the outcome is unknown; a later answer is still taken.
    pub unknown: bool,
}

/// The recorded state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// What the journal is for; `None` before its first entry.
    pub purpose: Option<Purpose>,
    /// How fast facility time ran when.
    pub pace: Pace,
    /// The facility in force.
    pub facility: Arc<Facility>,
    /// Proposed changes.
    pub changes: Arc<BTreeMap<ChangeId, PendingChange>>,
    /// Recipes.
    #[serde(with = "pairs")]
    pub recipes: Arc<BTreeMap<(RecipeId, u32), MasterRecipe>>,
    /// Open quotes.
    pub quotes: Arc<BTreeMap<BookingId, Quote>>,
    /// The plan in force.
    pub plan: Option<Arc<PlanInForce>>,
    /// Bookings.
    pub bookings: Arc<BTreeMap<BookingId, Booking>>,
    /// Batches.
    pub batches: Arc<BTreeMap<BatchId, Arc<Batch>>>,
    /// Links.
    pub links: Arc<BTreeMap<EquipmentId, LinkView>>,
    /// How devices have agreed to sample their tags.
    pub sampling: Arc<BTreeMap<EquipmentId, AgreedSampling>>,
    /// Certificates of whose end was warned, by thumbprint, with the last threshold that was passed, in days.
    pub ending: Arc<BTreeMap<String, u32>>,
    /// Decided certificates of devices, by thumbprint.
    #[serde(default)]
    pub certificates: Arc<BTreeMap<String, JudgedCertificate>>,
    /// Reports of closed devices, in the order of their entries.
    #[serde(default)]
    pub reports: Arc<BTreeMap<EquipmentId, Vec<Arc<FiledReport>>>>,
    /// Languages people chose.
    pub languages: Arc<BTreeMap<PersonId, Language>>,
    /// Effects without an outcome.
    pub outstanding: BTreeMap<EntryId, Outstanding>,
    /// Up to when the samples of an occupancy are sealed.
    #[serde(with = "pairs")]
    pub sealed: Arc<BTreeMap<(BatchId, EquipmentId), Timestamp>>,
}

impl Books {
    /// Applies one entry.
    pub fn apply(&mut self, entry: &Entry, event: &Event, who: &Who) {
        let at = entry.envelope.time;
        match event {
            Event::Journal(event) => self.journal(event, at),
            Event::Facility(event) => self.facility(event),
            Event::Equipment(EquipmentEvent::ReportReceived { report }) => self.file(report, None, entry),
            Event::Equipment(event) => self.equipment(event, at),
            Event::Person(PersonEvent::LanguageChosen { person, language }) => {
                Arc::make_mut(&mut self.languages).insert(person.clone(), *language);
            }
            Event::Person(_) => {}
            Event::Recipe(event) => self.recipe(event),
            Event::Booking(event) => self.booking(event, at),
            Event::Plan(event) => self.plan(event, at),
            Event::Batch(event) => self.batch(entry, event, who),
            Event::Samples(SamplesEvent::Sealed { sealed }) => {
                let key = (sealed.batch.clone(), sealed.equipment.clone());
                let until = Arc::make_mut(&mut self.sealed).entry(key).or_insert(sealed.until);
                *until = sealed.until.max(*until);
            }
            Event::Samples(SamplesEvent::FacilitySealed { .. }) => {}
        }
    }

    fn journal(&mut self, event: &JournalEvent, at: Timestamp) {
        match event {
            JournalEvent::Opened { purpose, .. } => self.purpose = Some(*purpose),
            JournalEvent::RateChanged { rate } => self.pace.change(at, *rate),
            JournalEvent::Started { .. } => {}
        }
    }

    fn equipment(&mut self, event: &EquipmentEvent, at: Timestamp) {
        match event {
            EquipmentEvent::LinkChanged { equipment, state, cause, at } => {
                let links = Arc::make_mut(&mut self.links);
                links.insert(equipment.clone(), LinkView::after(links.get(equipment), state, cause, *at));
            }
            EquipmentEvent::SamplingAgreed { equipment, tags } => {
                let known = Arc::make_mut(&mut self.sampling).entry(equipment.clone()).or_default();
                known.extend(tags.iter().map(|one| (one.tag.clone(), one.clone())));
            }
            EquipmentEvent::CertificateJudged { certificate, accepted, by, text } => {
                let (certificate, by, text) = (certificate.clone(), by.clone(), text.clone());
                let judged = JudgedCertificate { certificate, accepted: *accepted, by, at, text };
                let known = Arc::make_mut(&mut self.certificates);
                known.insert(judged.certificate.thumbprint.clone(), judged);
            }
            EquipmentEvent::CertificateEnds { certificate, within_days } => {
                Arc::make_mut(&mut self.ending).insert(certificate.thumbprint.clone(), *within_days);
            }
            EquipmentEvent::ReportReceived { .. }
            | EquipmentEvent::EventReported { .. }
            | EquipmentEvent::MessagesLeftOut { .. }
            | EquipmentEvent::ConnectAsked { .. }
            | EquipmentEvent::ReportExported { .. }
            | EquipmentEvent::SamplesExported { .. } => {}
        }
    }

    fn facility(&mut self, event: &FacilityEvent) {
        match event {
            FacilityEvent::ChangeProposed { change, items, by, text } => {
                let pending = PendingChange { items: items.clone(), by: by.clone(), text: text.clone() };
                Arc::make_mut(&mut self.changes).insert(change.clone(), pending);
            }
            FacilityEvent::ChangeApproved { change, .. } => {
                if let Some(pending) = Arc::make_mut(&mut self.changes).remove(change) {
                    let facility = Arc::make_mut(&mut self.facility);
                    pending.items.into_iter().for_each(|item| facility.adopt(item.new));
                }
            }
        }
    }

    fn recipe(&mut self, event: &RecipeEvent) {
        let recipes = Arc::make_mut(&mut self.recipes);
        match event {
            RecipeEvent::Submitted { body, hash, author } => {
                let key = (body.header.id.clone(), body.header.version);
                let master = MasterRecipe {
                    body: (**body).clone(),
                    hash: *hash,
                    author: author.clone(),
                    production: None,
                    quality: None,
                    approvals: None,
                };
                recipes.insert(key, master);
            }
            RecipeEvent::Approved { recipe, version, approval, signature } => {
                let Some(master) = recipes.get_mut(&(recipe.clone(), *version)) else { return };
                let signer = Some(signature.statement.signer.clone());
                match approval {
                    Approval::Production => master.production = signer,
                    Approval::Quality => master.quality = signer,
                }
                if let (Some(production), Some(quality)) = (&master.production, &master.quality) {
                    let author = master.author.clone();
                    master.approvals =
                        Some(RecipeApprovals { author, production: production.clone(), quality: quality.clone() });
                }
            }
        }
    }

    fn booking(&mut self, event: &BookingEvent, at: Timestamp) {
        let quotes = Arc::make_mut(&mut self.quotes);
        let bookings = Arc::make_mut(&mut self.bookings);
        if let Some((id, booking)) = Booking::first(event, at) {
            bookings.insert(id, booking);
        }
        match event {
            BookingEvent::Offered { booking, tenant, asked, offers, valid_until, .. } => {
                quotes.retain(|_, quote| at < quote.valid_until);
                if !offers.is_empty() {
                    let (tenant, asked, offers) = (tenant.clone(), asked.clone(), offers.clone());
                    let quote = Quote { tenant, asked, offers, valid_until: *valid_until };
                    quotes.insert(booking.clone(), quote);
                }
            }
            BookingEvent::Held { request, .. } => drop(quotes.remove(request)),
            _ => {}
        }
        if let Some(booking) = bookings.get_mut(event.booking()) {
            booking.apply(event);
        }
    }

    fn plan(&mut self, event: &PlanEvent, at: Timestamp) {
        let PlanEvent::Adopted { plan, adopted, by } = event;
        let in_force = PlanInForce { id: plan.clone(), by: by.clone(), at, adopted: (**adopted).clone() };
        self.plan = Some(Arc::new(in_force));
    }

    fn file(&mut self, report: &DeviceReport, batch: Option<BatchId>, entry: &Entry) {
        let filed = FiledReport { report: report.clone(), batch, at: entry.envelope.time, entry: entry.id() };
        Arc::make_mut(&mut self.reports).entry(report.equipment.clone()).or_default().push(Arc::new(filed));
    }

    fn batch(&mut self, entry: &Entry, event: &BatchEvent, who: &Who) {
        let Ok(id) = BatchId::parse(entry.envelope.stream.id.clone()) else { return };
        let meta = EventMeta { who, at: entry.envelope.time, entry: entry.id(), stream_seq: entry.envelope.stream_seq };
        match event {
            BatchEvent::WriteRequested { phase, item, tag, .. } => {
                let outstanding = Outstanding {
                    batch: id.clone(),
                    phase: phase.clone(),
                    item: item.clone(),
                    tag: tag.clone(),
                    unknown: false,
                };
                self.outstanding.insert(entry.id(), outstanding);
            }
            BatchEvent::WriteResolved { effect, outcome, .. } => match outcome.result {
                WriteResult::Unknown { .. } => {
                    if let Some(open) = self.outstanding.get_mut(effect) {
                        open.unknown = true;
                    }
                }
                WriteResult::Confirmed
                | WriteResult::Refused { .. }
                | WriteResult::NotConfirmed
                | WriteResult::NotSent { .. } => drop(self.outstanding.remove(effect)),
            },
            BatchEvent::ReportReceived { report, .. } => self.file(report, Some(id.clone()), entry),
            BatchEvent::Released { .. } | BatchEvent::Rejected { .. } => {
                self.outstanding.retain(|_, open| open.batch != id);
            }
            _ => {}
        }
        let batches = Arc::make_mut(&mut self.batches);
        let before = batches.remove(&id).map(Arc::unwrap_or_clone);
        if let Some(after) = Batch::fold(before, event, &meta) {
            batches.insert(id, Arc::new(after));
        }
    }

    /// Batches that occupy their suite and equipment: issued, and not yet executed to their end.
    pub fn occupying(&self) -> impl Iterator<Item = (&BatchId, &Arc<Batch>)> {
        self.batches.iter().filter(|(_, batch)| {
            matches!(batch.lifecycle, Lifecycle::Issued | Lifecycle::InExecution) && batch.disposed_at.is_none()
        })
    }

    /// The batch that has a piece of equipment now, with the role it has there.
    pub fn batch_of(&self, equipment: &EquipmentId) -> Option<(&BatchId, &Arc<Batch>)> {
        self.occupying().find(|(_, batch)| batch.issued.equipment.values().any(|unit| unit.id == *equipment))
    }
}

impl Occupancy for Books {
    fn lot_taken(&self, lot: &str) -> bool {
        self.batches.values().any(|batch| batch.issued.lot == lot)
    }
    fn batch_in_suite(&self, suite: &SuiteId) -> Option<BatchId> {
        self.occupying().find(|(_, batch)| batch.issued.suite.id == *suite).map(|(id, _)| id.clone())
    }
    fn batch_on_equipment(&self, equipment: &EquipmentId) -> Option<BatchId> {
        self.batch_of(equipment).map(|(id, _)| id.clone())
    }
}
