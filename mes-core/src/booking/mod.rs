//! Bookings: a tenant's request with its quote, its confirmation, its place in the plan.

mod decide;
mod event;
mod state;

pub use decide::{BookingContext, WINDOW_MAX_D, decide};
pub use event::{BookingCommand, BookingEvent};
pub use state::{Booking, BookingState, BookingWindow, PlannedActivity};
