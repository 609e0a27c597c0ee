//! What a decision about a batch may look at beside the batch itself. All of it is passed in: deciding reads no clock,
//! evaluates no policy and no expression of its own, so that the rules can be read and tested alone.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    access::{Actor, REAUTH_MAX_MS, Reauth, Rejection},
    booking::Booking,
    clock::Timestamp,
    engine::MasterRecipe,
    historian::Sample,
    id::{BatchId, BookingId, EquipmentId, ItemId, PersonId, RecipeId, SuiteId, TagId},
    journal::Hash,
    tenant::{Facility, Role},
};

/// The newest sample of a tag, as judged by the plant; `None` when there never was one.
pub type ReadingOf<'a> = dyn Fn(&TagId) -> Option<Sample> + 'a;

/// Evaluates a recipe's expression over values by item id; the error is a sentence for people.
pub type Calculate<'a> = dyn Fn(&str, &BTreeMap<ItemId, Decimal>) -> Result<Decimal, String> + 'a;

/// What is taken already, beyond the batch in question.
pub trait Occupancy {
    /// Whether the lot was ever given to a batch.
    fn lot_taken(&self, lot: &str) -> bool;
    /// An open batch in the suite (issued, and not yet executed to its end), if there is one.
    fn batch_in_suite(&self, suite: &SuiteId) -> Option<BatchId>;
    /// An open batch that has the equipment, if there is one.
    fn batch_on_equipment(&self, equipment: &EquipmentId) -> Option<BatchId>;
}

/// What a decision may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Facility time now.
    pub now: Timestamp,
    /// Which batch the command names; for an issue it does not exist yet.
    pub batch: &'a BatchId,
    /// Who acts, with the role in effect that the policies gave for this act. For `Sign` this is the signer, who need not
    /// be the person of the session. Commands of the plant come from [`Actor::System`].
    pub actor: &'a Actor,
    /// The credential check that came with the command.
    pub signer: Option<&'a Reauth>,
    /// The facility in force.
    pub facility: &'a Facility,
    /// Master recipes.
    pub recipes: &'a BTreeMap<(RecipeId, u32), MasterRecipe>,
    /// Bookings.
    pub bookings: &'a BTreeMap<BookingId, Booking>,
    /// What is taken already.
    pub occupancy: &'a dyn Occupancy,
    /// Newest readings.
    pub reading: &'a ReadingOf<'a>,
    /// The evaluator of calculations.
    pub calculate: &'a Calculate<'a>,
    /// SHA-256 over the policies in force.
    pub policies_hash: Hash,
}

impl<'a> Context<'a> {
    /// The acting person with the role in effect.
    ///
    /// # Errors
    /// A command that only people give, when the system is the actor.
    pub fn person(&self) -> Result<(&'a PersonId, Role), Rejection> {
        match self.actor {
            Actor::Person { id, role: Some(role), .. } => Ok((id, *role)),
            Actor::Person { role: None, .. } | Actor::System { .. } => Err(Rejection::new(
                "P11-11",
                "この操作は役割を持つ本人だけが行えます。ログインしてください。",
                "Only a person with a role can do this. Log in as yourself.",
            )),
        }
    }

    /// Whether the plant itself acts.
    pub fn by_system(&self) -> bool {
        matches!(self.actor, Actor::System { .. })
    }

    /// The signer's credential check, if it is the actor's own and fresh.
    ///
    /// # Errors
    /// No check, somebody else's, or one older than [`REAUTH_MAX_MS`].
    pub fn reauthenticated(&self) -> Result<&'a Reauth, Rejection> {
        let (person, _) = self.person()?;
        let Some(reauth) = self.signer else {
            return Err(Rejection::new(
                "P11-23",
                "署名には署名者本人の認証が必要です。IDとパスワードを入力してください。",
                "A signature needs the signer's own credential. Enter user id and password.",
            ));
        };
        if reauth.person != *person {
            return Err(Rejection::new(
                "P11-26",
                "認証した人と署名者が異なります。署名者本人が認証してください。",
                "The credential is another person's. The signer has to give the signer's own.",
            ));
        }
        if reauth.age_ms > REAUTH_MAX_MS {
            return Err(Rejection::new(
                "P11-24",
                "認証から60秒を過ぎました。もう一度パスワードを入力してください。",
                "The credential check is older than 60 s. Enter the password again.",
            ));
        }
        Ok(reauth)
    }
}
