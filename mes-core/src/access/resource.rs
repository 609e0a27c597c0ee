//! The facts about a thing on which a policy decides: whose it is, and who acted on it before. Plain data; no policy is evaluated here.

use crate::{
    access::{Side, Subject},
    batch::{Batch, BatchCommand},
    booking::Booking,
    engine::{MasterRecipe, PendingChange},
    id::{BookingId, DeviationId, PersonId, PhaseId, TenantId},
    tenant::{Agreement, FacilityItem},
};

/// A thing that somebody wants to act on, with the facts on which a policy decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A batch, or the batch that is to be issued.
    Batch(Box<BatchFacts>),
    /// A master recipe, or the recipe that is to be submitted.
    Recipe {
        /// Id as shown.
        id: String,
        /// Whose.
        tenant: TenantId,
        /// Who wrote it.
        authors: Vec<PersonId>,
        /// Who approved it already.
        approvers: Vec<PersonId>,
    },
    /// A booking, or the booking that is to be requested.
    Booking {
        /// Id as shown.
        id: String,
        /// Whose.
        tenant: TenantId,
        /// Who signed its risk assessment.
        assessors: Vec<PersonId>,
    },
    /// The facility, with a proposed change where the act is about one.
    Facility {
        /// Who proposed the change.
        proposers: Vec<PersonId>,
        /// Whose roles it changes.
        grantees: Vec<PersonId>,
    },
}

/// The facts of a batch, and of the step or deviation that the act is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFacts {
    /// Id as shown.
    pub id: String,
    /// The agreement: whose batch, and who manufactures.
    pub agreement: Agreement,
    /// Who performed or recorded something in the step.
    pub performers: Vec<PersonId>,
    /// Who made the corrections in the step that wait for verification.
    pub correctors: Vec<PersonId>,
    /// Who took part in production.
    pub production: Vec<PersonId>,
    /// Whose acts an audit-trail review looks at.
    pub actors: Vec<PersonId>,
    /// Who opened the deviation.
    pub openers: Vec<PersonId>,
}

impl BatchFacts {
    /// On whose staff production is.
    pub fn maker(&self) -> Side {
        Side::manufacturing(&self.agreement)
    }

    fn about_phase(&mut self, batch: &Batch, phase: &PhaseId) {
        let Some(run) = batch.phases.get(phase) else { return };
        self.performers.clone_from(&run.performers);
        let items = run.unverified.iter().filter_map(|item| run.items.get(item));
        self.correctors = items.flat_map(|item| item.corrected.iter().filter_map(|c| c.by.clone())).collect();
    }

    fn about_deviation(&mut self, batch: &Batch, deviation: &DeviationId) {
        let Some(known) = batch.deviations.get(deviation) else { return };
        self.openers = known.opened_by.iter().cloned().collect();
        if let Some(phase) = &known.phase {
            self.about_phase(batch, phase);
        }
    }
}

impl Resource {
    /// The facility itself.
    pub fn facility() -> Self {
        Self::Facility { proposers: Vec::new(), grantees: Vec::new() }
    }
    /// The facility with a change that waits for a second person.
    pub fn change(change: &PendingChange) -> Self {
        let roles = |item: &FacilityItem| match item {
            FacilityItem::Person(person) => Some((person.id.clone(), person.roles.clone())),
            _ => None,
        };
        let changed = change.items.iter().filter_map(|item| {
            let (id, new) = roles(&item.new)?;
            let old = item.old.as_ref().and_then(roles).map(|(_, old)| old).unwrap_or_default();
            (new != old).then_some(id)
        });
        Self::Facility { proposers: vec![change.by.clone()], grantees: changed.collect() }
    }
    /// A recipe that waits for approval, or that is to be seen.
    pub fn recipe(recipe: &MasterRecipe) -> Self {
        Self::Recipe {
            id: recipe.body.header.id.to_string(),
            tenant: recipe.body.header.tenant.clone(),
            authors: vec![recipe.author.clone()],
            approvers: recipe.production.iter().chain(&recipe.quality).cloned().collect(),
        }
    }
    /// A recipe of a tenant that is to be submitted.
    pub fn new_recipe(tenant: &TenantId) -> Self {
        Self::Recipe { id: "new".to_owned(), tenant: tenant.clone(), authors: Vec::new(), approvers: Vec::new() }
    }
    /// A booking, or one that is to be made for a tenant.
    pub fn booking(id: &BookingId, tenant: &TenantId) -> Self {
        Self::Booking { id: id.to_string(), tenant: tenant.clone(), assessors: Vec::new() }
    }
    /// A booking as it stands.
    pub fn known_booking(id: &BookingId, booking: &Booking) -> Self {
        let assessors = booking.assessed.iter().map(|assessed| assessed.signature.statement.signer.clone()).collect();
        Self::Booking { id: id.to_string(), tenant: booking.tenant.clone(), assessors }
    }
    /// The batch that is to be issued on a booking under an agreement.
    pub fn issue(id: &BookingId, agreement: &Agreement) -> Self {
        Self::Batch(Box::new(BatchFacts {
            id: id.to_string(),
            agreement: agreement.clone(),
            performers: Vec::new(),
            correctors: Vec::new(),
            production: Vec::new(),
            actors: Vec::new(),
            openers: Vec::new(),
        }))
    }
    /// A batch as a whole.
    pub fn whole_batch(batch: &Batch) -> Self {
        Self::Batch(Box::new(facts(batch)))
    }
    /// A batch with the facts of the phase or deviation that a command is about.
    pub fn batch(batch: &Batch, command: &BatchCommand) -> Self {
        let mut facts = facts(batch);
        match command {
            BatchCommand::Sign { subject, .. } => match subject {
                Subject::Phase(phase) | Subject::Corrections(phase) | Subject::Items(phase, _) => {
                    facts.about_phase(batch, phase);
                }
                Subject::Deviation(deviation) => facts.about_deviation(batch, deviation),
                Subject::Issue
                | Subject::ProductionReview
                | Subject::QualityReview
                | Subject::Disposition
                | Subject::Recipe(..)
                | Subject::Booking(..) => {}
            },
            BatchCommand::RejectSignature { signature, .. } => {
                let found = batch.signatures.iter().find(|(known, _)| known.id == *signature);
                if let Some(Subject::Phase(phase)) = found.map(|(known, _)| &known.subject) {
                    facts.about_phase(batch, phase);
                }
            }
            _ => {}
        }
        Self::Batch(Box::new(facts))
    }
    /// To which tenant the thing belongs; `None` for the facility's own.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Batch(facts) => Some(&facts.agreement.tenant),
            Self::Recipe { tenant, .. } | Self::Booking { tenant, .. } => Some(tenant),
            Self::Facility { .. } => None,
        }
    }
}

fn facts(batch: &Batch) -> BatchFacts {
    BatchFacts {
        id: batch.issued.batch.to_string(),
        agreement: batch.issued.agreement.clone(),
        performers: Vec::new(),
        correctors: Vec::new(),
        production: batch.production.clone(),
        actors: batch.actors.clone(),
        openers: Vec::new(),
    }
}
