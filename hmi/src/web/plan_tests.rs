//! Quotes, plans and the chart over the demo's facility: what is offered, what is proposed when a batch is behind, and what a tenant
//! is shown of it.

use std::{collections::BTreeMap, sync::Arc};

use mes_core::{
    booking::{Asked, Booking, BookingState, BookingWindow, OfferKind, Series},
    engine::View,
    id::BookingId,
};

use super::fixture::{self, Story, at, id, recipe_a};
use crate::{
    planning::{self, NoPlan},
    progress::{SLIP_MIN, slip_min},
    quoting::{self, Wish},
    reasons::{Reason, reasons},
};

/// The facility three days before the story of a batch begins, with nothing booked.
fn before() -> View {
    let mut view = fixture::view(&[]);
    view.now = at("2026-06-28T00:00:00.000Z");
    view.bookings = Arc::default();
    view
}

fn asked(series: Option<Series>) -> Asked {
    Asked {
        recipe: recipe_a().header.id,
        version: 1,
        earliest: at("2026-06-30T00:00:00.000Z"),
        latest: at("2026-07-08T00:00:00.000Z"),
        series,
    }
}

fn offered(view: &View, series: Option<Series>) -> Result<Vec<mes_core::booking::Offer>, quoting::NoOffer> {
    let (tenant, recipe, asked) = (id("TEN-A"), recipe_a(), asked(series));
    quoting::offers(view, &Wish { tenant: &tenant, recipe: &recipe, asked: &asked })
}

fn confirmed(window: &BookingWindow) -> Booking {
    let recipe = recipe_a();
    let (whose, what) = ((id("TEN-A"), recipe.header.product.clone()), (recipe.header.id, 1));
    let mut booking = Booking::requested(whose, what, window.clone(), (id("aoki"), at("2026-06-28T00:00:00.000Z")));
    booking.state = BookingState::Confirmed;
    booking.promised = Some(window.clone());
    booking
}

fn with(mut view: View, bookings: &[(&str, Booking)]) -> View {
    let all: BTreeMap<BookingId, Booking> = bookings.iter().map(|(name, it)| (id(name), it.clone())).collect();
    view.bookings = Arc::new(all);
    view
}

/// Two bookings one after the other in SU-1; the first one's batch began a day late.
fn behind() -> View {
    let series = Series { batches: 2, cadence_d: 4, tolerance_h: 12 };
    let windows = offered(&before(), Some(series)).unwrap().remove(0).windows;
    let story = Story::new("MSC-2607-01", "TEN-A", windows[0].suite.as_str(), recipe_a()).up_to("P020");
    let mut first = confirmed(&windows[0]);
    first.state = BookingState::Issued(id("MSC-2607-01"));
    with(fixture::view(&[&story]), &[("BKG-1", first), ("BKG-2", confirmed(&windows[1]))])
}

#[test]
fn bkg_02_a_quote_offers_places_on_the_hour_within_the_dates_each_once() {
    let view = before();
    let offers = offered(&view, None).unwrap();
    assert_eq!(offers[0].kind, OfferKind::Earliest);
    for offer in &offers {
        assert_eq!(offer.windows.len(), 1);
        let window = &offer.windows[0];
        assert!(window.from >= at("2026-06-30T00:00:00.000Z") && window.activities.len() > 1, "{window:?}");
        assert!(window.activities.last().unwrap().until <= at("2026-07-08T00:00:00.000Z"));
        assert_eq!(window.from.as_ms() % 3_600_000, 0, "the exact end of a neighbour does not show");
    }
    let mut windows: Vec<_> = offers.iter().map(|offer| format!("{:?}", offer.windows)).collect();
    windows.dedup();
    assert_eq!(windows.len(), offers.len());
}

#[test]
fn bkg_01_the_batches_of_a_series_keep_cadence_and_tolerance_beside_each_other() {
    let series = Series { batches: 4, cadence_d: 7, tolerance_h: 6 };
    for offer in offered(&before(), Some(series)).unwrap() {
        assert_eq!(offer.windows.len(), 4);
        for (k, window) in (0_i64..).zip(&offer.windows) {
            let wanted = offer.windows[0].from.plus_s(k * 7 * 86_400);
            assert!(window.from.since_ms(wanted).abs() <= 6 * 3_600_000, "batch {k}: {window:?}");
        }
        let pairs = offer.windows.iter().zip(offer.windows.iter().skip(1));
        pairs.for_each(|(one, next)| assert_eq!(one.shares(next), None));
    }
    let too_often = Series { batches: 12, cadence_d: 1, tolerance_h: 0 };
    let no = offered(&before(), Some(too_often)).unwrap_err();
    assert!(no.tenant.en.contains("of the series") && no.tenant.ja.contains("バッチ目"), "{no:?}");
}

#[test]
fn sch_10_a_batch_that_is_behind_proposes_a_plan_that_moves_as_little_as_it_can() {
    let view = behind();
    let slips = planning::slips(&view);
    assert_eq!(slips.len(), 1);
    assert!(slips[0].0 == id("BKG-1") && slips[0].1 >= 24 * 60 - 60, "{slips:?}");
    let proposal = planning::propose(&view, &|| false).unwrap();
    let plan = &proposal.adopted;
    assert_eq!(plan.batches.len(), 2, "nobody is left out");
    let moved: Vec<&str> = plan.moves.iter().map(|item| item.booking.as_str()).collect();
    assert!(moved.contains(&"BKG-1"), "{moved:?}");
    let first = plan.moves.iter().find(|item| item.booking == id("BKG-1")).unwrap();
    assert_eq!(first.window.from, view.bookings[&id::<BookingId>("BKG-1")].window.from, "it began when it began");
    assert!(first.reason.ja.contains("遅れ") && first.reason.en.contains("behind"), "{:?}", first.reason);
    planning::judge(&view, plan).unwrap();
}

#[test]
fn sch_12_the_same_state_gives_the_same_plan() {
    let view = behind();
    assert_eq!(planning::propose(&view, &|| false), planning::propose(&view, &|| false));
}

#[test]
fn sch_10_the_referee_finds_what_was_done_to_a_plan() {
    let view = behind();
    let plan = planning::propose(&view, &|| false).unwrap().adopted;
    let mut early = plan.clone();
    let of = early.batches.iter_mut().find(|batch| batch.booking == id("BKG-2")).unwrap();
    of.starts[0] -= 12 * 24 * 20;
    assert_eq!(planning::judge(&view, &early).unwrap_err().rule, "SCH-10");
    let mut cheap = plan.clone();
    cheap.objective.total -= 1;
    assert_eq!(planning::judge(&view, &cheap).unwrap_err().rule, "SCH-10");
    let mut without = plan;
    without.batches.pop();
    assert_eq!(planning::judge(&view, &without).unwrap_err().rule, "SCH-10");
}

#[test]
fn sch_10_what_has_no_place_within_its_tolerance_is_named_and_not_moved() {
    let mut view = behind();
    let mut facility = (*view.facility).clone();
    facility.agreements.values_mut().for_each(|agreement| agreement.tolerance_h = 0);
    let suite = view.bookings[&id::<BookingId>("BKG-1")].window.suite.clone();
    view.facility = Arc::new(facility);
    // The next batch begins while the late one still has the suite.
    let mut bookings = (*view.bookings).clone();
    let late = crate::progress::expected_window(&bookings[&id::<BookingId>("BKG-1")], &view);
    let next = bookings.get_mut(&id::<BookingId>("BKG-2")).unwrap();
    let back_s = next.window.from.since_ms(late.until) / 1000 + 6 * 3_600;
    next.window.suite = suite;
    next.window.from = next.window.from.plus_s(-back_s);
    next.window.until = next.window.until.plus_s(-back_s);
    next.window.activities.iter_mut().for_each(|it| {
        it.from = it.from.plus_s(-back_s);
        it.until = it.until.plus_s(-back_s);
    });
    next.promised = Some(next.window.clone());
    view.bookings = Arc::new(bookings);
    let NoPlan { said, unplaced } = planning::propose(&view, &|| false).unwrap_err();
    assert!(unplaced.contains(&id("BKG-2")), "{unplaced:?}");
    assert!(said.ja.contains("BKG-2") && said.en.contains("BKG-2"), "{said:?}");
}

#[test]
fn a_batch_in_time_is_not_behind() {
    let view = behind();
    let mut bookings = (*view.bookings).clone();
    let first = bookings.get_mut(&id::<BookingId>("BKG-1")).unwrap();
    for (activity, day) in first.window.activities.iter_mut().zip(0_i64..) {
        activity.from = at("2026-07-01T00:00:00.000Z").plus_s(day * 86_400);
    }
    let first = first.clone();
    assert!(slip_min(&first, &with(view, &[("BKG-1", first.clone())])) < SLIP_MIN);
}

#[test]
fn sch_09_a_booking_says_why_it_is_where_it_is_and_a_tenant_is_not_told_by_whom() {
    let view = behind();
    let found = reasons(&view, &id("BKG-2"));
    assert!(found.iter().any(|it| matches!(it, Reason::Promised { tolerance_h: 12, .. })), "{found:?}");
    let before = found.iter().find(|it| matches!(it, Reason::SuiteBefore { .. })).unwrap();
    assert!(matches!(before, Reason::SuiteBefore { by: Some(by), .. } if *by == id("BKG-1")), "{before:?}");
    assert!(found.iter().any(|it| matches!(it, Reason::Elsewhere { chosen: true, earliest: Some(_), .. })));
    let told: Vec<Reason> = found.into_iter().map(Reason::of_tenant).collect();
    assert!(!format!("{told:?}").contains("BKG-1"), "{told:?}");
}
