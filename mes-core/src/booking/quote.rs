//! A quote: what was asked for, what was offered, and until when the offer stands. It holds no capacity.

use serde::{Deserialize, Serialize};

use crate::{
    booking::BookingWindow,
    clock::Timestamp,
    id::{RecipeId, TenantId},
    quantity::Bilingual,
};

/// How long an offer stands, in hours of facility time.
pub const QUOTE_VALID_H: i64 = 24;
/// How long a tentative booking keeps its window free, in days of facility time.
pub const HOLD_D: i64 = 7;
/// Most batches in one request.
pub const SERIES_BATCHES_MAX: u32 = 12;
/// Longest cadence of a series, in days.
pub const CADENCE_MAX_D: u32 = 180;
/// Most quotes that a person may ask for in a minute of wall time.
pub const QUOTES_PER_MINUTE_MAX: u32 = 30;

/// A series of equal batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// How many batches.
    pub batches: u32,
    /// From the start of one batch to the start of the next, in days.
    pub cadence_d: u32,
    /// How far a start may lie from its cadence, in hours.
    pub tolerance_h: u32,
}

/// What a quote was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Recipe.
    pub recipe: RecipeId,
    /// Version.
    pub version: u32,
    /// The first batch not before.
    pub earliest: Timestamp,
    /// The first batch done by.
    pub latest: Timestamp,
    /// A series; a single batch without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

impl Asked {
    /// How many batches.
    pub fn batches(&self) -> u32 {
        self.series.map_or(1, |series| series.batches)
    }
}

/// What is special about an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferKind {
    /// It ends first.
    Earliest,
    /// It starts as late as the wanted end allows.
    Latest,
    /// It costs the facility least changeover and waiting.
    Cheapest,
}

/// One offer: a window for every batch asked for, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What is special about it.
    pub kind: OfferKind,
    /// The windows.
    pub windows: Vec<BookingWindow>,
}

/// An open quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Whose.
    pub tenant: TenantId,
    /// What was asked for.
    pub asked: Asked,
    /// What was offered.
    pub offers: Vec<Offer>,
    /// Until when it stands.
    pub valid_until: Timestamp,
}

/// The answer of the scheduler: offers, or the sentence the tenant may know.
pub type Answer = Result<Vec<Offer>, Bilingual>;

/// Under which regime a product is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Regenerative medical products under the PMD Act (GCTP省令).
    Gctp,
    /// Specified processed cells under the Act on the Safety of Regenerative Medicine (ASRM).
    Asrm,
    /// A clinical trial (治験).
    Trial,
}

/// What is known of the starting material's infection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Infection {
    /// Tested negative.
    Negative,
    /// Not known yet.
    Unknown,
    /// Known to be infected.
    Positive,
}

/// What a request states of itself, beyond what its recipe and agreement say (BKG-01).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// Regime.
    pub regime: Regime,
    /// Cells or product are handled outside a closed system.
    pub open_handling: bool,
    /// Infection status of the starting material.
    pub infection: Infection,
    /// The day a patient waits for it; none for an allogeneic stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_date: Option<Timestamp>,
}
