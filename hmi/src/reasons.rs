//! Why a booking is where it is: what was promised, what is before and behind it, and where else it could begin (SCH-09).
//!
//! It answers from a picture and moves nothing. Who the neighbours are is the facility's to know; `Reason::of_tenant` leaves it out.

use mes_core::{
    booking::{Booking, BookingState, planned},
    clock::Timestamp,
    engine::View,
    id::{BookingId, EquipmentId, SuiteId},
};
use scheduler::{Answer, BatchSpec, Committed, Problem, Request, quote};

use crate::{
    intake::{Translation, batch_spec, beside_id, booked_spec, held, named_plan, problem, slots},
    progress::expected_window,
};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was confirmed for this start, and moves at most so many hours.
    Promised {
        /// The start.
        from: Timestamp,
        /// Hours.
        tolerance_h: u32,
    },
    /// The suite is another's until then.
    SuiteBefore {
        /// Suite.
        suite: SuiteId,
        /// Until when.
        until: Timestamp,
        /// Whose; left out for tenants.
        by: Option<BookingId>,
    },
    /// The suite is another's from then on.
    SuiteAfter {
        /// Suite.
        suite: SuiteId,
        /// From when.
        from: Timestamp,
        /// Whose; left out for tenants.
        by: Option<BookingId>,
    },
    /// A piece of equipment is another's until then.
    EquipmentBefore {
        /// Equipment.
        equipment: EquipmentId,
        /// Until when.
        until: Timestamp,
        /// Whose; left out for tenants.
        by: Option<BookingId>,
    },
    /// If it were placed anew, it could begin in this suite at the earliest then; or not at all within its dates.
    Elsewhere {
        /// Suite.
        suite: SuiteId,
        /// The earliest start; none when there is no place.
        earliest: Option<Timestamp>,
        /// Whether it is the suite it has.
        chosen: bool,
    },
}

impl Reason {
    /// The same without whose the neighbour is.
    #[must_use]
    pub fn of_tenant(self) -> Self {
        match self {
            Self::SuiteBefore { suite, until, .. } => Self::SuiteBefore { suite, until, by: None },
            Self::SuiteAfter { suite, from, .. } => Self::SuiteAfter { suite, from, by: None },
            Self::EquipmentBefore { equipment, until, .. } => Self::EquipmentBefore { equipment, until, by: None },
            other @ (Self::Promised { .. } | Self::Elsewhere { .. }) => other,
        }
    }
}

/// Why a booking is where it is.
pub fn reasons(view: &View, id: &BookingId) -> Vec<Reason> {
    let Some(booking) = view.bookings.get(id) else { return Vec::new() };
    let mut found = Vec::new();
    let agreement = view.facility.agreement_for(&booking.tenant, &booking.product);
    if let (Some(promised), Some(agreement)) = (&booking.promised, agreement) {
        found.push(Reason::Promised { from: promised.from, tolerance_h: agreement.tolerance_h });
    }
    found.extend(around(view, id, booking));
    // A batch that runs is where it is; it is not placed anew.
    if !matches!(booking.state, BookingState::Issued(_)) {
        found.extend(elsewhere(view, id, booking));
    }
    found
}

/// What has the suite and the equipment before and after it.
fn around(view: &View, id: &BookingId, booking: &Booking) -> Vec<Reason> {
    let own = &booking.window;
    let others = || planned(&view.bookings, &view.batches, view.now).filter(|(other, _)| *other != id);
    let windows = || others().map(|(other, it)| (other, expected_window(it, view)));
    let mut found = Vec::new();
    let suite = || windows().filter(|(_, window)| window.suite == own.suite);
    if let Some((by, window)) = suite().filter(|(_, it)| it.from < own.from).max_by_key(|(_, it)| it.until) {
        found.push(Reason::SuiteBefore { suite: own.suite.clone(), until: window.until, by: Some(by.clone()) });
    }
    if let Some((by, window)) = suite().filter(|(_, it)| it.from >= own.from).min_by_key(|(_, it)| it.from) {
        found.push(Reason::SuiteAfter { suite: own.suite.clone(), from: window.from, by: Some(by.clone()) });
    }
    for unit in own.equipment.values() {
        let has = windows().filter(|(_, it)| it.from < own.from && it.equipment.values().any(|taken| taken == unit));
        if let Some((by, window)) = has.max_by_key(|(_, it)| it.until) {
            found.push(Reason::EquipmentBefore { equipment: unit.clone(), until: window.until, by: Some(by.clone()) });
        }
    }
    found
}

/// The earliest start of the same batch in each suite of its agreement, beside everything else that is held.
fn elsewhere(view: &View, id: &BookingId, booking: &Booking) -> Vec<Reason> {
    let time = Translation::of(view);
    let mut others = held(view, &time);
    others.retain(|batch| batch.id != id.as_str() && batch.id != beside_id(id));
    let spec = problem(view, &time, others);
    let Some(agreement) = view.facility.agreement_for(&booking.tenant, &booking.product) else { return Vec::new() };
    let Some(master) = view.recipes.get(&(booking.recipe.clone(), booking.version)) else { return Vec::new() };
    if booked_spec(id.as_str(), booking, view).is_none() {
        return Vec::new();
    }
    let Ok(problem) = Problem::new(&spec) else { return Vec::new() };
    let Ok(plan) = named_plan(&spec).resolve(&problem) else { return Vec::new() };
    let Ok(committed) = Committed::new(problem, plan) else { return Vec::new() };
    let whole = batch_spec(id.as_str(), &master.body, agreement, &view.facility);
    let tolerance = slots(i64::from(agreement.tolerance_h) * 60);
    let promised = booking.promised.as_ref().unwrap_or(&booking.window);
    let release = (time.floor(promised.from) - tolerance).max(time.ceil(view.now));
    let due = spec.horizon;
    let place = |route: &scheduler::RouteSpec| {
        let suite: SuiteId = route.name.parse().ok()?;
        let one = BatchSpec { routes: vec![route.clone()], release, due, ..whole.clone() };
        let request = Request::new(committed.problem(), &one).ok()?;
        let earliest = match quote(&committed, &request) {
            Answer::Offers(offers) => Some(time.at(offers.earliest.start)),
            Answer::Refused(_) => None,
        };
        Some(Reason::Elsewhere { chosen: suite == booking.window.suite, suite, earliest })
    };
    whole.routes.iter().filter_map(place).collect()
}
