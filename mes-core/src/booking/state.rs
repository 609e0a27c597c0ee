//! The state of a booking.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    batch::Batch,
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

impl Booking {
    /// Until when it holds its suite and equipment; `None` when it holds nothing. A batch that runs longer than planned keeps what
    /// it has; one that ended gives it back.
    pub fn held_until(&self, batches: &BTreeMap<BatchId, Arc<Batch>>, now: Timestamp) -> Option<Timestamp> {
        let planned = self.window.until;
        match &self.state {
            BookingState::Requested | BookingState::Confirmed => Some(planned),
            BookingState::Refused(_) | BookingState::Withdrawn => None,
            BookingState::Issued(batch) => {
                let Some(batch) = batches.get(batch) else { return Some(planned) };
                let ended = batch.execution_completed_at.or(batch.disposed_at);
                Some(ended.unwrap_or_else(|| planned.max(now.plus_ms(1))))
            }
        }
    }
}
