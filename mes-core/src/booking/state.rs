//! The state of a booking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{BatchId, EquipmentId, EquipmentRole, PersonId, PhaseId, ProductId, RecipeId, SuiteId, TenantId},
    quantity::Bilingual,
};

/// When and where a booking takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingWindow {
    /// Suite.
    pub suite: SuiteId,
    /// Equipment by the recipe's roles.
    pub equipment: BTreeMap<EquipmentRole, EquipmentId>,
    /// Occupied from.
    pub from: Timestamp,
    /// Occupied until, clearance included.
    pub until: Timestamp,
    /// The planned work of people within it, in order.
    #[serde(default)]
    pub activities: Vec<PlannedActivity>,
}

/// Work that people are planned for, in one go, from the start of a phase on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedActivity {
    /// The phase it begins with.
    pub phase: PhaseId,
    /// From.
    pub from: Timestamp,
    /// Until.
    pub until: Timestamp,
}

impl BookingWindow {
    /// Whether two windows overlap in time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// Where a booking stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// Requested with a quote, waiting for the facility 仮予約.
    Requested,
    /// Confirmed 予約確定.
    Confirmed,
    /// Refused by the facility, with the sentence the tenant sees.
    Refused(Bilingual),
    /// Its batch was issued.
    Issued(BatchId),
    /// Withdrawn by the tenant.
    Withdrawn,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Whose.
    pub tenant: TenantId,
    /// Product.
    pub product: ProductId,
    /// Recipe.
    pub recipe: RecipeId,
    /// Recipe version.
    pub version: u32,
    /// The quoted, then confirmed window.
    pub window: BookingWindow,
    /// Who requested it.
    pub requested_by: PersonId,
    /// When.
    pub requested_at: Timestamp,
    /// Where it stands.
    pub state: BookingState,
}
