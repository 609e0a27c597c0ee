//! Commands about bookings: whose booking it is, and how `booking/decide.rs` sees the state.

use crate::{
    access::{Rejection, Resource, Who},
    booking::{BookingCommand, BookingContext, BookingEvent, decide},
    engine::Engine,
    id::BookingId,
    journal::{Event, Owner, StreamId, StreamKind},
};

use super::decide::Decision;

impl Engine {
    /// The booking that a command is about: an existing one, or one that is to be made for the recipe's tenant.
    pub(super) fn booking_resource(&self, id: &BookingId, command: &BookingCommand) -> Result<Resource, Rejection> {
        match (self.books.bookings.get(id), command) {
            (Some(booking), _) => Ok(Resource::booking(id, &booking.tenant)),
            (
                None,
                BookingCommand::NoteQuote { recipe, version, .. } | BookingCommand::Request { recipe, version, .. },
            ) => {
                let master = self.books.recipes.get(&(recipe.clone(), *version)).ok_or_else(Rejection::not_found)?;
                Ok(Resource::booking(id, &master.body.header.tenant))
            }
            (None, BookingCommand::Confirm | BookingCommand::Refuse { .. } | BookingCommand::Withdraw) => {
                Err(Rejection::not_found())
            }
        }
    }

    pub(super) fn booking(&mut self, id: &BookingId, command: &BookingCommand, who: &Who) -> Decision {
        let by = who.actor.person().ok_or_else(Rejection::not_found)?;
        let context = BookingContext {
            now: self.now(),
            booking: id,
            by,
            facility: &self.books.facility,
            recipes: &self.books.recipes,
            bookings: &self.books.bookings,
            batches: &self.books.batches,
        };
        let event = decide(command, &context)?;
        let tenant = match &event {
            BookingEvent::Quoted { tenant, .. } | BookingEvent::Requested { tenant, .. } => tenant.clone(),
            BookingEvent::Confirmed { .. }
            | BookingEvent::Refused { .. }
            | BookingEvent::Withdrawn { .. }
            | BookingEvent::BatchIssued { .. } => {
                self.books.bookings.get(id).map(|known| known.tenant.clone()).ok_or_else(Rejection::not_found)?
            }
        };
        let stream = StreamId::new(StreamKind::Booking, id);
        Ok(self.enter(Owner::Tenant(tenant), stream, &Event::Booking(event), who).into_iter().collect())
    }
}
