//! Quotes, plans and the chart over the demo's facility: what is offered, what is proposed when a batch is behind, and what a tenant
//! is shown of it.

use std::{collections::BTreeMap, sync::Arc};

use mes_core::{
    access::{AuthMethod, Meaning, Signature, Statement, Subject},
    booking::{Asked, Booking, BookingEvent, BookingState, BookingStep, BookingWindow, OfferKind, Series},
    engine::View,
    id::BookingId,
    quantity::Language,
    tenant::Role,
};

use super::fixture::{self, Story, at, id, recipe_a};
use crate::{
    planning::{self, NoPlan, Proposal},
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
    assert_eq!(proposal.asks, []);
    planning::judge(&view, plan, &[]).unwrap();
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
    assert_eq!(planning::judge(&view, &early, &[]).unwrap_err().rule, "SCH-10");
    let mut cheap = plan.clone();
    cheap.objective.total -= 1;
    assert_eq!(planning::judge(&view, &cheap, &[]).unwrap_err().rule, "SCH-10");
    let mut without = plan;
    without.batches.pop();
    assert_eq!(planning::judge(&view, &without, &[]).unwrap_err().rule, "SCH-10");
}

/// BKG-2 was to begin while the late BKG-1 still has the suite, and its agreement lets it move by nothing.
fn squeezed() -> View {
    let mut view = behind();
    let mut facility = (*view.facility).clone();
    facility.agreements.values_mut().for_each(|agreement| agreement.tolerance_h = 0);
    let suite = view.bookings[&id::<BookingId>("BKG-1")].window.suite.clone();
    view.facility = Arc::new(facility);
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
    view
}

/// What becomes of BKG-2 by an event.
fn then(view: &mut View, event: &BookingEvent) {
    let mut bookings = (*view.bookings).clone();
    bookings.get_mut(event.booking()).unwrap().apply(event);
    view.bookings = Arc::new(bookings);
}

/// The move of BKG-2 that a proposal asks for, proposed to its tenant.
fn proposed(view: &View, proposal: &Proposal) -> BookingEvent {
    let moved = proposal.adopted.moves.iter().find(|item| item.booking == id("BKG-2")).unwrap();
    BookingEvent::MoveProposed {
        booking: id("BKG-2"),
        old: view.bookings[&id::<BookingId>("BKG-2")].window.clone(),
        window: moved.window.clone(),
        reason: proposal.asks[0].reason.clone(),
        until: view.now.plus_s(86_400),
        by: id("nakamura"),
    }
}

fn accepted() -> BookingEvent {
    let booking: BookingId = id("BKG-2");
    let (signer, at) = (id("aoki"), at("2026-07-01T06:00:00.000Z"));
    let (records, language) = (Vec::new(), Language::Ja);
    let statement = Statement { records, meaning: Meaning::Approved, signer, shown_at: at, language };
    let signature = Signature {
        id: id("SIG-1"),
        subject: Subject::Booking(booking.clone(), BookingStep::Consent),
        statement_hash: statement.hash().unwrap(),
        statement,
        name: "青木 葵 (Aoki Aoi)".into(),
        role: Role::Tpl,
        at,
        method: AuthMethod::Password,
    };
    BookingEvent::MoveAccepted { booking, signature }
}

#[test]
fn sch_10_what_has_no_place_within_its_tolerance_is_a_proposal_that_awaits_its_tenant() {
    let mut view = squeezed();
    let proposal = planning::propose(&view, &|| false).unwrap();
    let asked: Vec<&str> = proposal.asks.iter().map(|ask| ask.booking.as_str()).collect();
    assert_eq!(asked, ["BKG-2"]);
    let reason = format!("{:?}", proposal.asks[0].reason);
    assert!(!reason.contains("BKG-1") && reason.contains("合意した期間"), "in its own terms: {reason}");
    let moved = proposal.adopted.moves.iter().find(|item| item.booking == id("BKG-2")).unwrap();
    assert!(moved.reason.en.contains("BKG-1"), "the planner reads of whom: {:?}", moved.reason);
    assert!(moved.window.from >= view.now.plus_s(24 * 3_600), "there is time to answer: {moved:?}");
    planning::judge(&view, &proposal.adopted, &proposal.asks).unwrap();
    assert_eq!(planning::judge(&view, &proposal.adopted, &[]).unwrap_err().rule, "SCH-10", "not without a yes");
    let there = moved.window.clone();
    let asking = proposed(&view, &proposal);
    then(&mut view, &asking);
    let NoPlan { said, unplaced, .. } = planning::propose(&view, &|| false).unwrap_err();
    assert!(unplaced == [id("BKG-2")] && said.en.contains("Waiting") && said.ja.contains("回答待ち"), "{said:?}");
    then(&mut view, &accepted());
    assert!(planning::disturbed(&view).contains(&id("BKG-2")), "a plan is made when a tenant accepts");
    let plan = planning::propose(&view, &|| false).unwrap();
    assert_eq!(plan.asks, []);
    let moved = plan.adopted.moves.iter().find(|item| item.booking == id("BKG-2")).unwrap();
    assert_eq!((&moved.window.suite, moved.window.from), (&there.suite, there.from), "where its tenant agreed to");
    assert!(moved.reason.en.contains("accepted"), "{:?}", moved.reason);
    planning::judge(&view, &plan.adopted, &[]).unwrap();
}

#[test]
fn sch_10_a_refused_or_lapsed_move_leaves_the_planner_to_ask_anew() {
    for no in ["refused", "lapsed"] {
        let mut view = squeezed();
        let proposal = planning::propose(&view, &|| false).unwrap();
        let asking = proposed(&view, &proposal);
        then(&mut view, &asking);
        let booking = id("BKG-2");
        let (due, noticed) = (view.now, view.now);
        then(
            &mut view,
            &match no {
                "refused" => BookingEvent::MoveRefused { booking, by: id("aoki"), text: Some("no".into()) },
                _ => BookingEvent::MoveLapsed { booking, due, noticed },
            },
        );
        let again = planning::propose(&view, &|| false).unwrap();
        assert_eq!(again.asks.len(), 1, "{no}");
    }
}

#[test]
fn sch_04_a_booking_whose_suite_is_closed_is_planned_elsewhere_once_its_tenant_consents() {
    let mut view = behind();
    let mut facility = (*view.facility).clone();
    let window = view.bookings[&id::<BookingId>("BKG-2")].window.clone();
    facility.suites.get_mut(&window.suite).unwrap().qualified_until = window.until.plus_s(-3_600);
    view.facility = Arc::new(facility);
    assert!(planning::disturbed(&view).contains(&id("BKG-2")));
    let proposal = planning::propose(&view, &|| false).unwrap();
    let asked: Vec<&str> = proposal.asks.iter().map(|ask| ask.booking.as_str()).collect();
    assert_eq!(asked, ["BKG-2"]);
    let moved = proposal.adopted.moves.iter().find(|item| item.booking == id("BKG-2")).unwrap();
    assert_ne!(moved.window.suite, window.suite);
    let closed = window.suite.as_str();
    assert!(moved.reason.en.contains(closed) && proposal.asks[0].reason.en.contains(closed), "{proposal:?}");
    planning::judge(&view, &proposal.adopted, &proposal.asks).unwrap();
}

#[test]
fn sch_10_what_runs_is_never_put_out_for_what_waits() {
    // BKG-2 has to make way for the late BKG-1 and would then end after its suite's qualification.
    let mut view = behind();
    let mut facility = (*view.facility).clone();
    let window = view.bookings[&id::<BookingId>("BKG-2")].window.clone();
    facility.suites.get_mut(&window.suite).unwrap().qualified_until = window.until.plus_s(3_600);
    view.facility = Arc::new(facility);
    let proposal = planning::propose(&view, &|| false).unwrap();
    let asked: Vec<&str> = proposal.asks.iter().map(|ask| ask.booking.as_str()).collect();
    assert_eq!(asked, ["BKG-2"]);
    planning::judge(&view, &proposal.adopted, &proposal.asks).unwrap();
}

#[test]
fn bkg_02_a_slot_that_a_tenant_is_asked_to_take_is_not_offered_to_another() {
    let mut view = squeezed();
    let proposal = planning::propose(&view, &|| false).unwrap();
    let free = offered(&view, None).unwrap();
    let asking = proposed(&view, &proposal);
    then(&mut view, &asking);
    let held = view.bookings[&id::<BookingId>("BKG-2")].held_beside(view.now).unwrap().clone();
    let offers = offered(&view, None).unwrap_or_default();
    for window in offers.iter().flat_map(|offer| &offer.windows) {
        assert_eq!(window.shares(&held), None, "{window:?}");
    }
    assert!(!free.is_empty());
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
