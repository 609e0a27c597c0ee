//! Bookings: a request is checked against what is booked by now; the facility confirms; hard rules are checked again at the start.

use crate::{
    access::{Rejection, Resource, Scope, Who},
    booking::{Booking, BookingCommand, BookingEvent, BookingState, BookingWindow},
    engine::Engine,
    id::{BookingId, TenantId},
    journal::{Event, Owner, StreamId, StreamKind},
};

use super::decide::Decision;

impl Engine {
    /// The booking that a command is about: an existing one, or one that is to be made for the person's own company.
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

    pub(super) fn booking(&mut self, id: &BookingId, command: &BookingCommand, scope: &Scope, who: &Who) -> Decision {
        let known = self.books.bookings.get(id).cloned();
        let Some(person) = who.actor.person().cloned() else { return Err(Rejection::not_found()) };
        let event = match (command, known) {
            (BookingCommand::NoteQuote { recipe, version, earliest, latest, answer }, _) => {
                let tenant = self.tenant_of(scope)?;
                let (offer, refusal) = match answer {
                    Ok(window) => (Some(window.clone()), None),
                    Err(reason) => (None, Some(reason.clone())),
                };
                BookingEvent::Quoted {
                    booking: id.clone(),
                    tenant,
                    recipe: recipe.clone(),
                    version: *version,
                    earliest: *earliest,
                    latest: *latest,
                    offer,
                    refusal,
                }
            }
            (BookingCommand::Request { recipe, version, window }, None) => {
                let tenant = self.tenant_of(scope)?;
                let master = self.books.recipes.get(&(recipe.clone(), *version)).ok_or_else(Rejection::not_found)?;
                if master.approvals.is_none() {
                    return Err(Rejection::new(
                        "C211-17",
                        "レシピがまだ承認されていません。製造と品質の承認を受けてください。",
                        "The recipe is not approved yet. It needs both approvals.",
                    ));
                }
                let product = master.body.header.product.clone();
                self.fits(&tenant, &product, window, None)?;
                BookingEvent::Requested {
                    booking: id.clone(),
                    tenant,
                    product,
                    recipe: recipe.clone(),
                    version: *version,
                    window: window.clone(),
                    by: person,
                }
            }
            (BookingCommand::Request { .. }, Some(_)) => {
                return Err(Rejection::new(
                    "exists",
                    "この予約は既に申し込まれています。",
                    "This booking was requested already.",
                ));
            }
            (_, None) => return Err(Rejection::not_found()),
            (BookingCommand::Confirm, Some(booking)) => {
                expect(&booking, &[BookingState::Requested])?;
                self.fits(&booking.tenant, &booking.product, &booking.window, Some(id))?;
                BookingEvent::Confirmed { booking: id.clone(), by: person }
            }
            (BookingCommand::Refuse { reason }, Some(booking)) => {
                expect(&booking, &[BookingState::Requested])?;
                if reason.ja.trim().is_empty() && reason.en.trim().is_empty() {
                    return Err(Rejection::new("BKG-02", "理由を入力してください。", "Give a reason.").about("reason"));
                }
                BookingEvent::Refused { booking: id.clone(), reason: reason.clone() }
            }
            (BookingCommand::Withdraw, Some(booking)) => {
                expect(&booking, &[BookingState::Requested, BookingState::Confirmed])?;
                BookingEvent::Withdrawn { booking: id.clone() }
            }
        };
        let tenant = match &event {
            BookingEvent::Quoted { tenant, .. } | BookingEvent::Requested { tenant, .. } => tenant.clone(),
            _ => self.books.bookings.get(id).map(|b| b.tenant.clone()).ok_or_else(Rejection::not_found)?,
        };
        let stream = StreamId::new(StreamKind::Booking, id);
        Ok(self.enter(Owner::Tenant(tenant), stream, &Event::Booking(event), who).into_iter().collect())
    }

    fn tenant_of(&self, scope: &Scope) -> Result<TenantId, Rejection> {
        let employer = self.books.facility.people.get(&scope.person).and_then(|person| person.employer.clone());
        employer.ok_or_else(|| {
            Rejection::new(
                "BKG-01",
                "予約は入居者の計画担当が申し込みます。",
                "A booking is requested by a tenant's planner.",
            )
        })
    }

    /// Every hard rule that a window must keep. A tenant learns no more than that there is no capacity.
    fn fits(
        &self,
        tenant: &TenantId,
        product: &crate::id::ProductId,
        window: &BookingWindow,
        own: Option<&BookingId>,
    ) -> Result<(), Rejection> {
        let facility = &self.books.facility;
        let none = |what_ja: &str, what_en: &str| {
            Rejection::new(
                "SCH-02",
                format!("この期間にこの種類の製造枠は空きなしです({what_ja})。見積りを取り直してください。"),
                format!("No capacity of this kind in this window ({what_en}). Ask for a new quote."),
            )
        };
        let agreement = facility.agreement_for(tenant, product).ok_or_else(|| {
            Rejection::new(
                "TEN-05",
                "この製品の取決めがありません。",
                "There is no quality agreement for this product.",
            )
        })?;
        let Some(suite) = facility.suites.get(&window.suite).filter(|suite| agreement.suites.contains(&suite.id))
        else {
            return Err(none("スイート", "suite"));
        };
        if suite.qualified_until < window.until || window.until <= window.from {
            return Err(none("スイート", "suite"));
        }
        for unit in window.equipment.values() {
            let fits = facility
                .equipment
                .get(unit)
                .is_some_and(|unit| unit.suite == window.suite && unit.calibrated_until >= window.until);
            if !fits {
                return Err(none("設備", "equipment"));
            }
        }
        let holds = |booking: &&Booking| {
            matches!(booking.state, BookingState::Requested | BookingState::Confirmed | BookingState::Issued(_))
        };
        let others = self.books.bookings.iter().filter(|(id, _)| Some(*id) != own).map(|(_, booking)| booking);
        for other in others.filter(holds).filter(|other| other.window.overlaps(window)) {
            if other.window.suite == window.suite && suite.places <= 1 {
                return Err(none("スイート", "suite"));
            }
            if other.window.equipment.values().any(|unit| window.equipment.values().any(|mine| mine == unit)) {
                return Err(none("設備", "equipment"));
            }
        }
        Ok(())
    }
}

fn expect(booking: &Booking, states: &[BookingState]) -> Result<(), Rejection> {
    if states.contains(&booking.state) {
        return Ok(());
    }
    Err(Rejection::new(
        "BKG-02",
        "この予約の状態では行えません。画面を更新してください。",
        "The booking is no longer in a state in which this can be done. Reload the page.",
    ))
}
