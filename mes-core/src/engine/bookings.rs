//! Quotes, bookings and plans: whose they are, how `booking/` sees the state, and tentative bookings whose time is over.

use crate::{
    access::{Action, Reauth, Rejection, Resource, Who},
    booking::{self, AdoptedPlan, Ask, BookingCommand, BookingContext, BookingEvent, Events, QUOTES_PER_MINUTE_MAX},
    engine::{Engine, Quoted},
    id::{BookingId, PlanId, TenantId},
    journal::{EntryId, Event, Owner, StreamId, StreamKind},
};

use super::decide::{Decision, fresh};

impl Engine {
    /// The booking that a command is about: an existing one, or one that is to be made of an open quote.
    pub(super) fn booking_resource(&self, id: &BookingId, command: &BookingCommand) -> Result<Resource, Rejection> {
        let mut of = self.books.bookings.iter().filter(|(known, booking)| booking.of_request(known, id));
        if let Some((_, booking)) = of.next() {
            return Ok(Resource::known_booking(id, booking));
        }
        let quote = self.books.quotes.get(id).filter(|_| matches!(command, BookingCommand::Request { .. }));
        quote.map(|quote| Resource::booking(id, &quote.tenant)).ok_or_else(Rejection::not_found)
    }

    fn booking_context<'a>(
        &'a self,
        id: &'a BookingId,
        who: &'a Who,
        signer: Option<&'a Reauth>,
    ) -> BookingContext<'a> {
        BookingContext {
            now: self.now(),
            booking: id,
            who,
            signer,
            facility: &self.books.facility,
            recipes: &self.books.recipes,
            quotes: &self.books.quotes,
            bookings: &self.books.bookings,
            batches: &self.books.batches,
        }
    }

    pub(super) fn booking(
        &mut self,
        id: &BookingId,
        command: &BookingCommand,
        who: &Who,
        signer: Option<&Reauth>,
    ) -> Decision {
        let events = booking::decide(command, &self.booking_context(id, who, signer))?;
        Ok(self.enter_bookings(&events, who))
    }

    fn enter_bookings(&mut self, events: &Events, who: &Who) -> Vec<EntryId> {
        let mut entries = Vec::new();
        for (id, event) in events {
            let Some(tenant) = self.tenant_of(id, event) else { continue };
            let stream = StreamId::new(StreamKind::Booking, id);
            entries.extend(self.enter(Owner::Tenant(tenant), stream, &Event::Booking(event.clone()), who));
        }
        entries
    }

    fn tenant_of(&self, id: &BookingId, event: &BookingEvent) -> Option<TenantId> {
        match event {
            BookingEvent::Offered { tenant, .. } | BookingEvent::Requested { tenant, .. } => Some(tenant.clone()),
            _ => self.books.bookings.get(id).map(|known| known.tenant.clone()),
        }
    }

    /// Enters a quote that the scheduler answered; a refusal is entered in the person's stream, like that of a command.
    pub(super) fn quoted(&mut self, quoted: &Quoted) -> Decision {
        let decision = self.judged_quote(quoted);
        if let Err(rejection) = &decision {
            let what = (Action::RequestBooking.name().to_owned(), quoted.asked.recipe.to_string());
            self.note_refusal(&quoted.scope, quoted.scope.person.clone(), what, rejection);
        }
        decision
    }

    fn judged_quote(&mut self, quoted: &Quoted) -> Decision {
        let Quoted { scope, booking, asked, answer, in_minute } = quoted;
        self.in_use(&scope.person)?;
        let master = self.books.recipes.get(&(asked.recipe.clone(), asked.version)).ok_or_else(Rejection::not_found)?;
        let resource = Resource::booking(booking, &master.body.header.tenant);
        let facility = &self.books.facility;
        let role = self.policies.may(facility, &scope.person, Action::RequestBooking, &resource, self.now())?;
        if *in_minute > QUOTES_PER_MINUTE_MAX {
            return Err(Rejection::new(
                "rate",
                format!("見積りの依頼は1分間に{QUOTES_PER_MINUTE_MAX}件までです。1分待ってからやり直してください。"),
                format!("At most {QUOTES_PER_MINUTE_MAX} quotes in a minute. Wait a minute and ask again."),
            ));
        }
        let who = self.who(scope, &scope.person, Some(role), None);
        let events = booking::quote(asked, answer, &self.booking_context(booking, &who, None))?;
        Ok(self.enter_bookings(&events, &who))
    }

    pub(super) fn adopt_plan(
        &mut self,
        plan: &PlanId,
        adopted: &AdoptedPlan,
        who: &Who,
        signer: Option<&Reauth>,
    ) -> Decision {
        fresh(signer, who.actor.person().ok_or_else(Rejection::not_found)?)?;
        if self.books.plan.as_ref().is_some_and(|known| known.id == *plan) {
            return Err(Rejection::new("exists", "この計画は採用済みです。", "This plan was adopted already."));
        }
        // A plan is about no single booking; the context's own is not looked at.
        let none = BookingId::parse(plan.as_str()).map_err(|_| Rejection::not_found())?;
        let (event, moves) = booking::adopt(plan, adopted, &self.booking_context(&none, who, signer))?;
        let stream = StreamId::new(StreamKind::Plan, "plan");
        let mut entries: Vec<EntryId> =
            self.enter(Owner::Facility, stream, &Event::Plan(event), who).into_iter().collect();
        entries.extend(self.enter_bookings(&moves, who));
        Ok(entries)
    }

    /// Asks tenants for moves beyond their agreements; each is entered in the stream of its booking.
    pub(super) fn propose_moves(&mut self, adopted: &AdoptedPlan, asks: &[Ask], who: &Who) -> Decision {
        let Some(first) = asks.first() else { return Ok(Vec::new()) };
        let events = booking::propose_moves(adopted, asks, &self.booking_context(&first.booking, who, None))?;
        Ok(self.enter_bookings(&events, who))
    }

    /// Tentative bookings and proposed moves whose time is over are free again, and it is entered that they are, with due and
    /// noticed time.
    pub(super) fn lapse_bookings(&mut self) {
        let now = self.now();
        let over = self.books.bookings.iter().filter(|(_, booking)| booking.lapsed(now));
        let moves = self.books.bookings.iter().filter_map(|(id, booking)| {
            let due = booking.lapsed_move(now)?.until;
            Some((id.clone(), BookingEvent::MoveLapsed { booking: id.clone(), due, noticed: now }))
        });
        let events: Events = over
            .filter_map(|(id, booking)| {
                let due = booking.hold.as_ref()?.until;
                Some((id.clone(), BookingEvent::Lapsed { booking: id.clone(), due, noticed: now }))
            })
            .chain(moves)
            .collect();
        if !events.is_empty() {
            let who = self.system("booking");
            self.enter_bookings(&events, &who);
        }
    }
}
