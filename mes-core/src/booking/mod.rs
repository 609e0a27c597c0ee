//! Bookings: a tenant's request with its quote, its confirmation, its place in the plan.

mod booking;
pub mod decide;
mod event;

pub use booking::{Booking, BookingState, BookingWindow, PlannedActivity};
pub use event::{BookingCommand, BookingEvent};
