//! What pages see: an immutable picture, published after each durable group, and cut per person.
//!
//! A view never runs ahead of the record. History beyond it comes from the store.

use std::{collections::BTreeMap, mem::discriminant, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    access::Scope,
    batch::Batch,
    booking::{Booking, PlanInForce, Quote},
    clock::Timestamp,
    engine::{AgreedSampling, LinkState},
    historian::Sample,
    id::{BatchId, BookingId, ChangeId, EquipmentId, PersonId, RecipeId, SuiteId, TagId, TenantId},
    isa88::{RecipeApprovals, RecipeBody},
    journal::{Hash, Purpose},
    quantity::Language,
    tenant::{DeviceCertificate, Facility, FiledReport, ItemChange, Role},
};

/// A master recipe as the engine holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterRecipe {
    /// What it says.
    pub body: RecipeBody,
    /// SHA-256 over the canonical body.
    pub hash: Hash,
    /// The author.
    pub author: PersonId,
    /// Approved by production.
    pub production: Option<PersonId>,
    /// Approved by quality.
    pub quality: Option<PersonId>,
    /// All three, once it can be issued.
    pub approvals: Option<RecipeApprovals>,
}

/// A proposed change of the facility that waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingChange {
    /// The items.
    pub items: Vec<ItemChange>,
    /// Who proposed it.
    pub by: PersonId,
    /// Why, where known.
    pub text: Option<String>,
}

/// The newest sample of a tag, as judged by the plant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The sample; its quality is the plant's judgement (a stale value is bad).
    pub sample: Sample,
}

/// The link of a piece of equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// State.
    pub state: LinkState,
    /// Since when it stands so, whatever causes followed on each other.
    pub since: Timestamp,
    /// What brought it about; the newest cause.
    pub cause: String,
}

impl LinkView {
    /// How a link stands after a report, with how it stood before.
    pub(crate) fn after(known: Option<&Self>, state: &LinkState, cause: &str, at: Timestamp) -> Self {
        let same = known.filter(|known| discriminant(&known.state) == discriminant(state));
        Self { state: state.clone(), since: same.map_or(at, |known| known.since), cause: cause.to_owned() }
    }
}

/// What a person decided on the certificate of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedCertificate {
    /// The certificate.
    pub certificate: DeviceCertificate,
    /// It is trusted.
    pub accepted: bool,
    /// Who decided.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub text: Option<String>,
}

/// All that pages see.
#[derive(Debug, Clone)]
pub struct View {
    /// Facility time of the newest group.
    pub now: Timestamp,
    /// What the journal is for.
    pub purpose: Purpose,
    /// Rate of facility time.
    pub rate: u32,
    /// The facility in force.
    pub facility: Arc<Facility>,
    /// Proposed changes.
    pub changes: Arc<BTreeMap<ChangeId, PendingChange>>,
    /// Recipes by id and version.
    pub recipes: Arc<BTreeMap<(RecipeId, u32), MasterRecipe>>,
    /// Open quotes.
    pub quotes: Arc<BTreeMap<BookingId, Quote>>,
    /// The plan in force; the facility's own staff see it.
    pub plan: Option<Arc<PlanInForce>>,
    /// Bookings.
    pub bookings: Arc<BTreeMap<BookingId, Booking>>,
    /// Batches.
    pub batches: Arc<BTreeMap<BatchId, Arc<Batch>>>,
    /// Newest readings.
    pub readings: Arc<BTreeMap<TagId, Reading>>,
    /// Links.
    pub links: Arc<BTreeMap<EquipmentId, LinkView>>,
    /// How devices have agreed to sample their tags.
    pub sampling: Arc<BTreeMap<EquipmentId, AgreedSampling>>,
    /// Certificates of whose end was warned, with the last threshold passed, in days; the facility's own staff see them.
    pub ending: Arc<BTreeMap<String, u32>>,
    /// Decided certificates of devices, by thumbprint; the facility's own staff see them.
    pub certificates: Arc<BTreeMap<String, JudgedCertificate>>,
    /// Reports of closed devices, by device, in the order of their entries.
    pub reports: Arc<BTreeMap<EquipmentId, Vec<Arc<FiledReport>>>>,
    /// Languages people chose.
    pub languages: Arc<BTreeMap<PersonId, Language>>,
}

impl View {
    /// Whose data a person may see at all: `None` is every tenant (the facility's own staff).
    fn tenants_of(&self, scope: &Scope) -> Option<Vec<TenantId>> {
        let Some(person) = self.facility.people.get(&scope.person) else { return Some(Vec::new()) };
        if let Some(tenant) = &person.employer {
            return Some(vec![tenant.clone()]);
        }
        let auditor = person.roles.iter().any(|grant| grant.role == Role::Aud);
        if auditor {
            let valid = |until: Option<Timestamp>| until.is_none_or(|until| self.now < until);
            return Some(person.roles.iter().filter(|g| valid(g.until)).filter_map(|g| g.tenant.clone()).collect());
        }
        None
    }

    /// When suites that a person may book are held for others: suite, from, until. It never says for whom (TEN-02, SOD-14).
    pub fn taken(&self, scope: &Scope) -> Vec<(SuiteId, Timestamp, Timestamp)> {
        let cut = self.cut(scope);
        let foreign =
            self.bookings.iter().filter(|(id, _)| !cut.bookings.contains_key(*id)).map(|(_, booking)| booking);
        foreign
            .flat_map(|booking| {
                let own = booking.held_until(&self.batches, self.now);
                let own = own.map(|until| (booking.window.suite.clone(), booking.window.from, until));
                let beside = booking.held_beside(self.now).map(|it| (it.suite.clone(), it.from, it.until));
                own.into_iter().chain(beside)
            })
            .filter(|(suite, ..)| cut.facility.suites.contains_key(suite))
            .collect()
    }

    /// The part of the facility that is theirs: their tenants, agreements, suites and people, and the equipment of their batches.
    fn facility_of(&self, scope: &Scope, tenants: &[TenantId], equipment: &[&EquipmentId]) -> Facility {
        let mine = |tenant: &TenantId| tenants.contains(tenant);
        let mut facility = Facility { name: self.facility.name.clone(), ..Facility::default() };
        let full = &self.facility;
        facility.tenants =
            full.tenants.iter().filter(|(id, _)| mine(id)).map(|(k, v)| (k.clone(), v.clone())).collect();
        facility.agreements =
            full.agreements.iter().filter(|(_, a)| mine(&a.tenant)).map(|(k, v)| (k.clone(), v.clone())).collect();
        facility.suites = full
            .suites
            .iter()
            .filter(|(id, _)| facility.agreements.values().any(|a| a.suites.contains(id)))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        facility.terminals = full.terminals.clone();
        facility.people = full
            .people
            .iter()
            .filter(|(id, p)| **id == scope.person || p.employer.as_ref().is_some_and(mine))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        facility.equipment = full
            .equipment
            .iter()
            .filter(|(id, _)| equipment.contains(id))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        facility
    }

    /// The reports that were entered with certain batches.
    fn reports_with(&self, of: impl Fn(&BatchId) -> bool) -> BTreeMap<EquipmentId, Vec<Arc<FiledReport>>> {
        let own = |filed: &&Arc<FiledReport>| filed.batch.as_ref().is_some_and(&of);
        let cut =
            self.reports.iter().map(|(id, all)| (id.clone(), all.iter().filter(own).cloned().collect::<Vec<_>>()));
        cut.filter(|(_, all)| !all.is_empty()).collect()
    }

    /// The reports that were entered with a batch, oldest first.
    pub fn reports_of(&self, batch: &BatchId) -> Vec<&FiledReport> {
        let all = self.reports.values().flatten().map(Arc::as_ref);
        let mut own: Vec<&FiledReport> = all.filter(|filed| filed.batch.as_ref() == Some(batch)).collect();
        own.sort_by(|a, b| (a.at, &a.entry).cmp(&(b.at, &b.entry)));
        own
    }

    /// The part of the view that a person may see (TEN-01, SOD-13, SOD-14): other tenants' things are not in it at all.
    #[must_use]
    pub fn cut(&self, scope: &Scope) -> Self {
        let Some(tenants) = self.tenants_of(scope) else { return self.clone() };
        let mine = |tenant: &TenantId| tenants.contains(tenant);
        let batches: BTreeMap<_, _> = self
            .batches
            .iter()
            .filter(|(_, batch)| mine(batch.issued.owner()))
            .map(|(id, batch)| (id.clone(), Arc::clone(batch)))
            .collect();
        let equipment: Vec<&EquipmentId> =
            batches.values().flat_map(|b| b.issued.equipment.values().map(|e| &e.id)).collect();
        let facility = self.facility_of(scope, &tenants, &equipment);
        Self {
            now: self.now,
            purpose: self.purpose,
            rate: self.rate,
            changes: Arc::default(),
            recipes: Arc::new(
                self.recipes
                    .iter()
                    .filter(|(_, r)| mine(&r.body.header.tenant))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
            quotes: Arc::new(
                self.quotes.iter().filter(|(_, q)| mine(&q.tenant)).map(|(k, v)| (k.clone(), v.clone())).collect(),
            ),
            plan: None,
            certificates: Arc::default(),
            reports: Arc::new(self.reports_with(|batch| batches.contains_key(batch))),
            ending: Arc::default(),
            sampling: Arc::new(
                self.sampling
                    .iter()
                    .filter(|(id, _)| equipment.contains(id))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
            bookings: Arc::new(
                self.bookings.iter().filter(|(_, b)| mine(&b.tenant)).map(|(k, v)| (k.clone(), v.clone())).collect(),
            ),
            readings: Arc::new(
                self.readings
                    .iter()
                    .filter(|(tag, _)| equipment.contains(&&tag.equipment))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
            links: Arc::new(
                self.links
                    .iter()
                    .filter(|(id, _)| equipment.contains(id))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
            languages: Arc::new(
                self.languages
                    .iter()
                    .filter(|(id, _)| facility.people.contains_key(*id))
                    .map(|(id, language)| (id.clone(), *language))
                    .collect(),
            ),
            facility: Arc::new(facility),
            batches: Arc::new(batches),
        }
    }
}
