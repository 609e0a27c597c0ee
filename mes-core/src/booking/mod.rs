//! Bookings: a tenant's request with its quote, its confirmation, its place in the plan.

mod booking;
mod decide;
mod event;

pub use booking::{Booking, BookingState, BookingWindow, PlannedActivity};
pub use decide::{BookingContext, WINDOW_MAX_D, decide};
pub use event::{BookingCommand, BookingEvent};
