//! What is refused about a quote or a booking, and what happens otherwise. Permission was asked before.
//!
//! A request names an offer of a quote that still stands; its windows are judged again, against what is held by now. The signed
//! steps that follow are in `steps.rs`, the judgement of a window in `judge.rs`.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    access::{Reauth, Rejection, Who},
    batch::Batch,
    booking::{
        Answer, Asked, Booking, BookingCommand, BookingEvent, BookingState, CADENCE_MAX_D, HOLD_D, Offer,
        QUOTE_VALID_H, Quote, SERIES_BATCHES_MAX, Stated, consent,
        judge::{agreed, conflict, fits, in_time, no_capacity},
        steps,
    },
    clock::Timestamp,
    engine::MasterRecipe,
    id::{BatchId, BookingId, RecipeId},
    quantity::Bilingual,
    tenant::Facility,
};

/// What a decision about a booking may look at.
#[derive(Clone, Copy)]
pub struct BookingContext<'a> {
    /// Facility time now.
    pub now: Timestamp,
    /// Which booking, request or quote.
    pub booking: &'a BookingId,
    /// Who acts, in which role.
    pub who: &'a Who,
    /// A credential given with the command.
    pub signer: Option<&'a Reauth>,
    /// The facility in force.
    pub facility: &'a Facility,
    /// Master recipes.
    pub recipes: &'a BTreeMap<(RecipeId, u32), MasterRecipe>,
    /// Open quotes.
    pub quotes: &'a BTreeMap<BookingId, Quote>,
    /// All bookings.
    pub bookings: &'a BTreeMap<BookingId, Booking>,
    /// All batches.
    pub batches: &'a BTreeMap<BatchId, Arc<Batch>>,
}

/// Events, each with the booking in whose stream it is entered.
pub type Events = Vec<(BookingId, BookingEvent)>;

/// Decides a command about a booking.
///
/// # Errors
/// The rule that says no; what a tenant reads names nobody else.
pub fn decide(command: &BookingCommand, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    match command {
        BookingCommand::Request { offer, stated, text } => request(*offer, stated, text.as_deref(), ctx),
        BookingCommand::AssessRisk { assessment, text, sign } => steps::assess(assessment, text.as_deref(), sign, ctx),
        BookingCommand::Approve { sign } => steps::approve(sign, ctx),
        BookingCommand::Confirm { sign } => steps::confirm(sign, ctx),
        BookingCommand::Refuse { reason } => refuse(reason, ctx),
        BookingCommand::AcceptMove { sign } => consent::accept(sign, ctx),
        BookingCommand::RefuseMove { text } => consent::refuse(text, ctx),
        BookingCommand::Withdraw => {
            let booking = ctx.bookings.get(ctx.booking).ok_or_else(Rejection::not_found)?;
            match booking.state {
                BookingState::Requested | BookingState::Confirmed => {
                    let booking = ctx.booking.clone();
                    Ok(vec![(booking.clone(), BookingEvent::Withdrawn { booking })])
                }
                BookingState::Refused(_)
                | BookingState::Issued(_)
                | BookingState::Withdrawn
                | BookingState::Lapsed(_) => Err(steps::not_open()),
            }
        }
    }
}

/// Decides what is entered of a quote that the scheduler answered.
///
/// # Errors
/// A recipe that cannot be booked, a number that is taken, or a series beyond its limits.
pub fn quote(asked: &Asked, answer: &Answer, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    if ctx.quotes.contains_key(ctx.booking) || ctx.bookings.iter().any(|(id, it)| it.of_request(id, ctx.booking)) {
        return Err(Rejection::new(
            "BKG-02",
            format!("予約番号 {} は使用済みです。もう一度見積りを取ってください。", ctx.booking),
            format!("Booking {} exists already. Ask for a new quote.", ctx.booking),
        )
        .about("booking"));
    }
    let (tenant, _, _) = agreed(&asked.recipe, asked.version, ctx)?;
    check_series(asked)?;
    let (offers, refusal) = match answer {
        Ok(offers) => (offers.clone(), None),
        Err(reason) => (Vec::new(), Some(reason.clone())),
    };
    let whole = |offer: &Offer| u32::try_from(offer.windows.len()) == Ok(asked.batches());
    if !offers.iter().all(whole) {
        return Err(no_capacity());
    }
    let booking = ctx.booking.clone();
    let valid_until = ctx.now.plus_s(QUOTE_VALID_H * 3600);
    let event =
        BookingEvent::Offered { booking: booking.clone(), tenant, asked: asked.clone(), offers, valid_until, refusal };
    Ok(vec![(booking, event)])
}

/// Whether a series is one that can be asked for.
///
/// # Errors
/// The limit that it is beyond.
pub fn check_series(asked: &Asked) -> Result<(), Rejection> {
    let Some(series) = asked.series else { return Ok(()) };
    let within = (2..=SERIES_BATCHES_MAX).contains(&series.batches)
        && (1..=CADENCE_MAX_D).contains(&series.cadence_d)
        && series.tolerance_h <= series.cadence_d.saturating_mul(24) / 2;
    if within {
        return Ok(());
    }
    Err(Rejection::new(
        "BKG-01",
        format!(
            "連続予約は2〜{SERIES_BATCHES_MAX}バッチ、間隔1〜{CADENCE_MAX_D}日、許容幅は間隔の半分までです。数値を見直してください。"
        ),
        format!(
            "A series has 2 to {SERIES_BATCHES_MAX} batches, a cadence of 1 to {CADENCE_MAX_D} days, and a tolerance of at most half the cadence. Change the numbers."
        ),
    )
    .about("series"))
}

fn request(offer: u32, stated: &Stated, text: Option<&str>, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let quote = ctx.quotes.get(ctx.booking).ok_or_else(|| {
        Rejection::new(
            "BKG-02",
            format!("見積り {} は無いか、使用済みです。もう一度見積りを取ってください。", ctx.booking),
            format!("There is no open quote {}. Ask for a new one.", ctx.booking),
        )
        .about("booking")
    })?;
    if quote.valid_until <= ctx.now {
        return Err(Rejection::new(
            "BKG-02",
            format!("見積りの有効期限({})が過ぎました。もう一度見積りを取ってください。", quote.valid_until.shown()),
            format!("The quote stood until {}. Ask for a new one.", quote.valid_until.shown()),
        )
        .about("window"));
    }
    let chosen = usize::try_from(offer).ok().and_then(|row| quote.offers.get(row)).ok_or_else(Rejection::not_found)?;
    let (recipe, version) = (&quote.asked.recipe, quote.asked.version);
    let (tenant, master, agreement) = agreed(recipe, version, ctx)?;
    let by = ctx.who.actor.person().ok_or_else(Rejection::not_found)?;
    let of = u32::try_from(chosen.windows.len()).unwrap_or(u32::MAX);
    let mut events = Vec::new();
    for (window, position) in chosen.windows.iter().zip(1_u32..) {
        in_time(window, ctx)?;
        fits(window, master, agreement, ctx)?;
        let booking = member(ctx.booking, position, of)?;
        let earlier = chosen.windows.iter().take(usize::try_from(position - 1).unwrap_or(0));
        if conflict(&booking, window, ctx).is_some() || earlier.into_iter().any(|it| window.shares(it).is_some()) {
            return Err(no_capacity());
        }
        let requested = BookingEvent::Requested {
            booking: booking.clone(),
            tenant: tenant.clone(),
            product: master.body.header.product.clone(),
            recipe: recipe.clone(),
            version,
            window: window.clone(),
            by: by.clone(),
        };
        let held = BookingEvent::Held {
            booking: booking.clone(),
            until: ctx.now.plus_s(HOLD_D * 86_400),
            request: ctx.booking.clone(),
            position,
            of,
            stated: stated.clone(),
            text: text.map(str::to_owned),
        };
        events.push((booking.clone(), requested));
        events.push((booking, held));
    }
    Ok(events)
}

/// The booking of one batch of a request: the request's own number, or with a series a number behind it.
fn member(request: &BookingId, position: u32, of: u32) -> Result<BookingId, Rejection> {
    if of == 1 {
        return Ok(request.clone());
    }
    BookingId::parse(format!("{request}-{position}")).map_err(|error| {
        Rejection::new(
            "form",
            format!("予約番号が長すぎます({error})。"),
            format!("The booking's number is too long: {error}"),
        )
    })
}

fn refuse(reason: &Bilingual, ctx: &BookingContext<'_>) -> Result<Events, Rejection> {
    let open = steps::open(ctx)?;
    if reason.ja.trim().is_empty() || reason.en.trim().is_empty() {
        return Err(Rejection::new(
            "A11-14",
            "断る理由を日本語と英語で記入してください。入居者に表示されます。",
            "Write the reason in both languages; the tenant reads it.",
        )
        .about("reason"));
    }
    let refused = |(id, _): (&BookingId, &Booking)| {
        (id.clone(), BookingEvent::Refused { booking: id.clone(), reason: reason.clone() })
    };
    Ok(open.into_iter().map(refused).collect())
}
