//! What can be asked of a booking, and what can happen to it.

use serde::{Deserialize, Serialize};

use crate::{
    booking::BookingWindow,
    clock::Timestamp,
    id::{BatchId, BookingId, PersonId, ProductId, RecipeId, TenantId},
    quantity::Bilingual,
};

/// What can be asked of a booking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingCommand {
    /// A quote was asked for and answered by the scheduler; it changes nothing but is recorded.
    NoteQuote {
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// Not before.
        earliest: Timestamp,
        /// Done by.
        latest: Timestamp,
        /// The offered window, or the reason there is none.
        answer: Result<BookingWindow, Bilingual>,
    },
    /// Request the quoted window.
    Request {
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// The window as quoted; checked again against what is booked by now.
        window: BookingWindow,
    },
    /// Confirm 予約確定.
    Confirm,
    /// Refuse, with the sentence the tenant sees.
    Refuse {
        /// The sentence.
        reason: Bilingual,
    },
    /// Withdraw.
    Withdraw,
}

/// What can happen to a booking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum BookingEvent {
    /// A quote was given or refused.
    #[serde(rename = "booking.quoted")]
    Quoted {
        /// Booking.
        booking: BookingId,
        /// Tenant.
        tenant: TenantId,
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// Not before.
        earliest: Timestamp,
        /// Done by.
        latest: Timestamp,
        /// The offered window.
        offer: Option<BookingWindow>,
        /// Why there is none.
        refusal: Option<Bilingual>,
    },
    /// Requested 仮予約.
    #[serde(rename = "booking.requested")]
    Requested {
        /// Booking.
        booking: BookingId,
        /// Tenant.
        tenant: TenantId,
        /// Product.
        product: ProductId,
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// Window.
        window: BookingWindow,
        /// By whom.
        by: PersonId,
    },
    /// Confirmed 予約確定.
    #[serde(rename = "booking.confirmed")]
    Confirmed {
        /// Booking.
        booking: BookingId,
        /// By whom.
        by: PersonId,
    },
    /// Refused.
    #[serde(rename = "booking.refused")]
    Refused {
        /// Booking.
        booking: BookingId,
        /// The sentence the tenant sees.
        reason: Bilingual,
    },
    /// Withdrawn.
    #[serde(rename = "booking.withdrawn")]
    Withdrawn {
        /// Booking.
        booking: BookingId,
    },
    /// Its batch was issued.
    #[serde(rename = "booking.batch_issued")]
    BatchIssued {
        /// Booking.
        booking: BookingId,
        /// Batch.
        batch: BatchId,
    },
}
