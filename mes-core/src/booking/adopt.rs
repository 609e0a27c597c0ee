//! Whether a plan may be put in force. Its legality in detail is for the scheduler's referee, which the caller has asked; here stands
//! what must hold whoever made the plan: it is for this facility and these bookings, leaves nobody out, moves nobody further than
//! agreed, and gives no suite or equipment twice (SCH-10).

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    access::Rejection,
    batch::Batch,
    booking::{
        AdoptedPlan, Ask, Booking, BookingContext, BookingEvent, BookingState, BookingWindow, Move, PlanEvent,
        decide::Events,
        judge::{agreed, fits, in_time},
        planning_inputs,
    },
    clock::Timestamp,
    id::{BatchId, BookingId, PlanId},
};

use super::plan::planned;

/// What a decision about a plan may look at.
pub type PlanContext<'a> = BookingContext<'a>;

/// Decides whether a plan is adopted: the plan's own event, and the event of every booking that it moves.
///
/// # Errors
/// The rule that says no.
pub fn adopt(plan: &PlanId, adopted: &AdoptedPlan, ctx: &PlanContext<'_>) -> Result<(PlanEvent, Events), Rejection> {
    let by = ctx.who.actor.person().ok_or_else(Rejection::not_found)?;
    judged(adopted, None, ctx)?;
    let moved = |item: &Move| {
        let old = ctx.bookings.get(&item.booking)?.window.clone();
        let (booking, window) = (item.booking.clone(), item.window.clone());
        Some((booking.clone(), BookingEvent::Moved { booking, old, window, plan: plan.clone() }))
    };
    // A plan that keeps to all agreements needs no tenant's consent any more.
    let open = ctx.bookings.iter().filter(|(_, booking)| booking.open_move(ctx.now).is_some());
    let withdrawn = open.map(|(booking, _)| {
        (booking.clone(), BookingEvent::MoveWithdrawn { booking: booking.clone(), plan: plan.clone() })
    });
    let events = withdrawn.chain(adopted.moves.iter().filter_map(moved)).collect();
    Ok((PlanEvent::Adopted { plan: plan.clone(), adopted: Box::new(adopted.clone()), by: by.clone() }, events))
}

/// Whether a plan may be adopted; with `asks`, whether it might be if the tenants asked said yes.
pub(super) fn judged(adopted: &AdoptedPlan, asks: Option<&[Ask]>, ctx: &PlanContext<'_>) -> Result<(), Rejection> {
    let inputs = planning_inputs(ctx.facility, ctx.bookings, ctx.batches, ctx.now)?;
    if inputs != adopted.inputs {
        return Err(Rejection::new(
            "SCH-10",
            "計画の作成後に施設構成または予約が変わりました。計画を作り直してから採用してください。",
            "The facility or the bookings changed since this plan was made. Have it made again, then adopt it.",
        )
        .about("plan"));
    }
    let mut windows: BTreeMap<&BookingId, BookingWindow> = BTreeMap::new();
    for (id, booking) in planned(ctx.bookings, ctx.batches, ctx.now) {
        windows.insert(id, held(booking, ctx.batches, ctx.now));
    }
    for item in &adopted.moves {
        let booking = ctx.bookings.get(&item.booking).filter(|_| windows.contains_key(&item.booking));
        let booking = booking.ok_or_else(Rejection::not_found)?;
        may_move(item, booking, asks, ctx)?;
        windows.insert(&item.booking, item.window.clone());
    }
    kept(&windows, ctx)?;
    placed(adopted, &windows, ctx)?;
    if let Some((one, other, what)) = twice(&windows, adopted) {
        return Err(Rejection::new(
            "SCH-02",
            format!("この計画では予約 {one} と {other} が {what} を同時に使います。計画を作り直してください。"),
            format!("In this plan bookings {one} and {other} have {what} at the same time. Have it made again."),
        )
        .about("plan"));
    }
    Ok(())
}

/// What a tenant has accepted is kept to, whether or not the plan moves the booking.
fn kept(windows: &BTreeMap<&BookingId, BookingWindow>, ctx: &PlanContext<'_>) -> Result<(), Rejection> {
    for (id, window) in windows {
        let Some(booking) = ctx.bookings.get(*id).filter(|it| it.accepted_move().is_some()) else { continue };
        let (_, _, agreement) = agreed(&booking.recipe, booking.version, ctx)?;
        if booking.is_beyond(window, agreement) && booking.window == *window {
            return Err(Rejection::new(
                "SCH-10",
                format!("予約 {id} の入居者は枠の変更を承諾しました。その枠に移す計画を作り直してください。"),
                format!("The tenant of booking {id} accepted another slot. Have a plan made that moves it there."),
            )
            .about("plan"));
        }
    }
    Ok(())
}

/// A window as it is held now: a batch that runs over keeps what it has.
fn held(booking: &Booking, batches: &BTreeMap<BatchId, Arc<Batch>>, now: Timestamp) -> BookingWindow {
    let until = booking.held_until(batches, now).unwrap_or(booking.window.until);
    BookingWindow { until, ..booking.window.clone() }
}

fn may_move(item: &Move, booking: &Booking, asks: Option<&[Ask]>, ctx: &PlanContext<'_>) -> Result<(), Rejection> {
    let (_, master, agreement) = agreed(&booking.recipe, booking.version, ctx)?;
    let window = &item.window;
    if let BookingState::Issued(batch) = &booking.state {
        let before = &booking.window;
        let stays = window.suite == before.suite && window.equipment == before.equipment && window.from == before.from;
        return if stays && window.until > window.from {
            Ok(())
        } else {
            Err(Rejection::new(
                "SCH-10",
                format!("製造中のバッチ {batch} の場所と開始は変えられません。計画を作り直してください。"),
                format!("Batch {batch} is running: its place and its start stay. Have the plan made again."),
            )
            .about("plan"))
        };
    }
    in_time(window, ctx)?;
    fits(window, master, agreement, ctx)?;
    let beyond = booking.is_beyond(window, agreement);
    let asked = asks.is_some_and(|asks| asks.iter().any(|ask| ask.booking == item.booking));
    if asked && !beyond {
        return Err(needless(&item.booking));
    }
    // What another tenant is being asked for already stays as it was proposed.
    let waits = || booking.open_move(ctx.now).map(|it| (&it.window.suite, it.window.from));
    let known = asks.is_some() && waits() == Some((&window.suite, window.from));
    if beyond && !asked && !known {
        return Err(Rejection::new(
            "SCH-10",
            format!(
                "予約 {} は取決めの許容幅({}時間)を超えて、または別のスイートへは動かせません。入居者の承諾を得てください。",
                item.booking, agreement.tolerance_h
            ),
            format!(
                "Booking {} moves at most {} h, and to no other suite, without its tenant's consent. Ask for it first.",
                item.booking, agreement.tolerance_h
            ),
        )
        .about("plan"));
    }
    Ok(())
}

fn needless(booking: &BookingId) -> Rejection {
    Rejection::new(
        "SCH-10",
        format!("予約 {booking} の移動は取決めの許容幅の中です。入居者の承諾は要りません。"),
        format!("Booking {booking} moves within its agreement: its tenant need not be asked."),
    )
    .about("plan")
}

/// Every booking is in the plan, where its window says.
fn placed(
    adopted: &AdoptedPlan,
    windows: &BTreeMap<&BookingId, BookingWindow>,
    ctx: &PlanContext<'_>,
) -> Result<(), Rejection> {
    let slot_s = i64::from(adopted.slot_min) * 60;
    for (id, window) in windows {
        let batch = adopted.batches.iter().find(|batch| batch.booking == **id && batch.route.is_some());
        let Some(batch) = batch else {
            return Err(Rejection::new(
                "SCH-10",
                format!("この計画には予約 {id} がありません。予約は計画から外せません。"),
                format!("Booking {id} is not in this plan. No booking may be left out."),
            )
            .about("plan"));
        };
        let from = batch.starts.first().map(|start| adopted.origin.plus_s(start.saturating_mul(slot_s)));
        let late_ms = from.map(|from| window.from.since_ms(from));
        // A batch that runs began when it began; its window says when it was to.
        let running = ctx.bookings.get(*id).is_some_and(|it| matches!(it.state, BookingState::Issued(_)));
        let there = batch.suites.first() == Some(&window.suite)
            && (running || late_ms.is_some_and(|late| (0..slot_s * 1000).contains(&late)));
        if !there {
            return Err(Rejection::new(
                "SCH-10",
                format!("予約 {id} の枠が計画の内容と一致しません。計画を作り直してください。"),
                format!("The window of booking {id} is not where this plan has it. Have the plan made again."),
            )
            .about("plan"));
        }
    }
    Ok(())
}

/// Two bookings, at least one of them moved, that would have the same suite or equipment at the same time.
fn twice<'a>(
    windows: &BTreeMap<&'a BookingId, BookingWindow>,
    adopted: &AdoptedPlan,
) -> Option<(&'a BookingId, &'a BookingId, String)> {
    let moved = |id: &BookingId| adopted.moves.iter().any(|item| item.booking == *id);
    let pairs = windows.iter().flat_map(|one| windows.iter().map(move |other| (one, other)));
    let mut pairs = pairs.filter(|((one, _), (other, _))| one < other && (moved(one) || moved(other)));
    pairs.find_map(|((one, here), (other, there))| Some((*one, *other, here.shares(there)?)))
}
