//! What is refused about a booking, and what happens otherwise. Permission was asked before.
//!
//! The scheduler proposes; here every window is judged again, against what is booked and running by now. A tenant learns its own
//! constraints and "no capacity of this kind in this window", and never whose the capacity is (SOD-14); the facility learns everything.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    access::Rejection,
    batch::Batch,
    booking::{Booking, BookingCommand, BookingEvent, BookingState, BookingWindow},
    clock::Timestamp,
    engine::MasterRecipe,
    id::{BatchId, BookingId, PersonId, RecipeId},
    quantity::Bilingual,
    tenant::{Agreement, Equipment, Facility, Suite},
};

/// Longest window of one booking, in days.
pub const WINDOW_MAX_D: i64 = 365;

/// What a decision about a booking may look at.
#[derive(Clone, Copy)]
pub struct BookingContext<'a> {
    /// Facility time now.
    pub now: Timestamp,
    /// Which booking.
    pub booking: &'a BookingId,
    /// Who acts.
    pub by: &'a PersonId,
    /// The facility in force.
    pub facility: &'a Facility,
    /// Master recipes.
    pub recipes: &'a BTreeMap<(RecipeId, u32), MasterRecipe>,
    /// All bookings.
    pub bookings: &'a BTreeMap<BookingId, Booking>,
    /// All batches.
    pub batches: &'a BTreeMap<BatchId, Arc<Batch>>,
}

/// Decides a command about a booking.
///
/// # Errors
/// The rule that says no; what a tenant reads names nobody else.
pub fn decide(command: &BookingCommand, ctx: &BookingContext<'_>) -> Result<BookingEvent, Rejection> {
    let known = ctx.bookings.get(ctx.booking);
    match command {
        BookingCommand::NoteQuote { recipe, version, earliest, latest, answer } => {
            free_number(known, ctx)?;
            let (tenant, _, _) = agreed(recipe, *version, ctx)?;
            let (offer, refusal) = match answer {
                Ok(window) => (Some(window.clone()), None),
                Err(reason) => (None, Some(reason.clone())),
            };
            Ok(BookingEvent::Quoted {
                booking: ctx.booking.clone(),
                tenant,
                recipe: recipe.clone(),
                version: *version,
                earliest: *earliest,
                latest: *latest,
                offer,
                refusal,
            })
        }
        BookingCommand::Request { recipe, version, window } => {
            free_number(known, ctx)?;
            request(recipe, *version, window, ctx)
        }
        BookingCommand::Confirm => confirm(open(known)?, ctx),
        BookingCommand::Refuse { reason } => refuse(open(known)?, reason, ctx),
        BookingCommand::Withdraw => {
            let booking = known.ok_or_else(Rejection::not_found)?;
            match booking.state {
                BookingState::Requested | BookingState::Confirmed => {
                    Ok(BookingEvent::Withdrawn { booking: ctx.booking.clone() })
                }
                BookingState::Refused(_) | BookingState::Issued(_) | BookingState::Withdrawn => Err(not_open()),
            }
        }
    }
}

fn free_number(known: Option<&Booking>, ctx: &BookingContext<'_>) -> Result<(), Rejection> {
    match known {
        None => Ok(()),
        Some(_) => Err(Rejection::new(
            "BKG-02",
            format!("予約番号 {} は使用済みです。もう一度見積りを取ってください。", ctx.booking),
            format!("Booking {} exists already. Ask for a new quote.", ctx.booking),
        )
        .about("booking")),
    }
}

fn open(known: Option<&Booking>) -> Result<&Booking, Rejection> {
    let booking = known.ok_or_else(Rejection::not_found)?;
    if booking.state == BookingState::Requested { Ok(booking) } else { Err(not_open()) }
}

fn not_open() -> Rejection {
    Rejection::new(
        "BKG-02",
        "この予約は既に処理済みです。画面を更新して状態を確認してください。",
        "This booking was dealt with already. Look at it again.",
    )
}

type Agreed<'a> = (crate::id::TenantId, &'a MasterRecipe, &'a Agreement);

/// The approved recipe and the agreement under which its tenant may book.
fn agreed<'a>(recipe: &RecipeId, version: u32, ctx: &BookingContext<'a>) -> Result<Agreed<'a>, Rejection> {
    let master = ctx.recipes.get(&(recipe.clone(), version)).ok_or_else(Rejection::not_found)?;
    let header = &master.body.header;
    if master.approvals.is_none() {
        return Err(Rejection::new(
            "BKG-04",
            format!("レシピ {recipe} 第{version}版は未承認です。承認後に予約してください。"),
            format!("Recipe {recipe} version {version} is not approved. Have it approved before booking."),
        )
        .about("recipe"));
    }
    let agreement = ctx.facility.agreement_for(&header.tenant, &header.product).ok_or_else(|| {
        Rejection::new(
            "TEN-05",
            format!("製品 {} の取決めがありません。施設と取決めを結んでください。", header.product),
            format!("There is no agreement for {}. Conclude one with the facility first.", header.product),
        )
        .about("recipe")
    })?;
    Ok((header.tenant.clone(), master, agreement))
}

fn request(
    recipe: &RecipeId,
    version: u32,
    window: &BookingWindow,
    ctx: &BookingContext<'_>,
) -> Result<BookingEvent, Rejection> {
    let (tenant, master, agreement) = agreed(recipe, version, ctx)?;
    in_time(window, ctx)?;
    fits(window, master, agreement, ctx)?;
    if conflict(window, ctx).is_some() {
        return Err(no_capacity());
    }
    Ok(BookingEvent::Requested {
        booking: ctx.booking.clone(),
        tenant,
        product: master.body.header.product.clone(),
        recipe: recipe.clone(),
        version,
        window: window.clone(),
        by: ctx.by.clone(),
    })
}

fn confirm(booking: &Booking, ctx: &BookingContext<'_>) -> Result<BookingEvent, Rejection> {
    let (_, master, agreement) = agreed(&booking.recipe, booking.version, ctx)?;
    in_time(&booking.window, ctx)?;
    fits(&booking.window, master, agreement, ctx)?;
    if let Some((other, what)) = conflict(&booking.window, ctx) {
        return Err(Rejection::new(
            "SCH-02",
            format!("{what} は予約 {other} と重なります。どちらかを断るか、変更してください。"),
            format!("{what} overlaps with booking {other}. Refuse or change one of them."),
        ));
    }
    Ok(BookingEvent::Confirmed { booking: ctx.booking.clone(), by: ctx.by.clone() })
}

fn refuse(_: &Booking, reason: &Bilingual, ctx: &BookingContext<'_>) -> Result<BookingEvent, Rejection> {
    if reason.ja.trim().is_empty() || reason.en.trim().is_empty() {
        return Err(Rejection::new(
            "A11-14",
            "断る理由を日本語と英語で記入してください。入居者に表示されます。",
            "Write the reason in both languages; the tenant reads it.",
        )
        .about("reason"));
    }
    Ok(BookingEvent::Refused { booking: ctx.booking.clone(), reason: reason.clone() })
}

fn no_capacity() -> Rejection {
    Rejection::new(
        "SCH-02",
        "この期間に該当する空きがありません。別の期間で見積りを取ってください。",
        "No capacity of this kind in this window. Ask for a quote in another window.",
    )
    .about("window")
}

fn in_time(window: &BookingWindow, ctx: &BookingContext<'_>) -> Result<(), Rejection> {
    let length_ms = window.until.since_ms(window.from);
    if window.until <= ctx.now || length_ms <= 0 || length_ms > WINDOW_MAX_D * 86_400_000 {
        return Err(Rejection::new(
            "SCH-11",
            format!("期間が過去か、長さが正しくありません(最長{WINDOW_MAX_D}日)。もう一度見積りを取ってください。"),
            format!("The window has passed or its length is wrong (at most {WINDOW_MAX_D} days). Ask for a new quote."),
        )
        .about("window"));
    }
    Ok(())
}

/// Suite and equipment against recipe, agreement, qualification and calibration (SCH-01, SCH-04).
fn fits(
    window: &BookingWindow,
    master: &MasterRecipe,
    agreement: &Agreement,
    ctx: &BookingContext<'_>,
) -> Result<(), Rejection> {
    let suite = ctx.facility.suites.get(&window.suite).filter(|suite| agreement.suites.contains(&suite.id));
    let suite = suite.ok_or_else(|| {
        Rejection::new(
            "TEN-05",
            format!("スイート {} は取決めの対象外です。対象のスイートを選んでください。", window.suite),
            format!("Suite {} is not among those of your agreement. Choose one that is.", window.suite),
        )
        .about("suite")
    })?;
    suite_fits(window, master, suite)?;
    let needs = &master.body.equipment;
    if let Some(extra) = window.equipment.keys().find(|role| !needs.iter().any(|need| need.role == **role)) {
        return Err(equipment(
            "S88-06",
            &format!("レシピに役割 {extra} の機器はありません。"),
            &format!("The recipe has no equipment called {extra}."),
        ));
    }
    for need in needs {
        let chosen = window.equipment.get(&need.role).and_then(|id| ctx.facility.equipment.get(id));
        let fitting = |unit: &&Equipment| {
            unit.class == need.class
                && unit.suite == suite.id
                && need.tags.iter().all(|tag| unit.tags.iter().any(|has| has.name == *tag))
        };
        let unit = chosen.filter(fitting).ok_or_else(|| {
            equipment(
                "S88-06",
                &format!("役割 {} に合う機器が選ばれていません。", need.role),
                &format!("No equipment that fits {} is chosen.", need.role),
            )
        })?;
        if unit.calibrated_until < window.until {
            return Err(equipment(
                "SCH-04",
                &format!("{} の校正期限が期間中に切れます。", unit.id),
                &format!("The calibration of {} ends within the window.", unit.id),
            ));
        }
    }
    Ok(())
}

fn equipment(rule: &str, ja: &str, en: &str) -> Rejection {
    Rejection::new(rule, format!("{ja}もう一度見積りを取ってください。"), format!("{en} Ask for a new quote."))
        .about("equipment")
}

fn suite_fits(window: &BookingWindow, master: &MasterRecipe, suite: &Suite) -> Result<(), Rejection> {
    let header = &master.body.header;
    if suite.grade > header.suite_grade || (header.viral && !suite.viral) {
        return Err(Rejection::new(
            "SCH-01",
            format!("スイート {} はレシピが求める清浄度または封じ込めを満たしません。", suite.id),
            format!("Suite {} does not have the grade or containment that the recipe needs. Choose another.", suite.id),
        )
        .about("suite"));
    }
    if suite.qualified_until < window.until {
        return Err(Rejection::new(
            "SCH-04",
            format!("スイート {} の適格性は期間中に切れます。別の期間を選んでください。", suite.id),
            format!("The qualification of suite {} ends within the window. Choose another window.", suite.id),
        )
        .about("suite"));
    }
    Ok(())
}

/// The first other booking whose suite or equipment this window would take, with what it is.
fn conflict(window: &BookingWindow, ctx: &BookingContext<'_>) -> Option<(BookingId, String)> {
    ctx.bookings.iter().filter(|(id, _)| *id != ctx.booking).find_map(|(id, other)| {
        let until = other.held_until(ctx.batches, ctx.now)?;
        let held = BookingWindow { until, ..other.window.clone() };
        if !window.overlaps(&held) {
            return None;
        }
        if held.suite == window.suite {
            return Some((id.clone(), held.suite.to_string()));
        }
        let shared = window.equipment.values().find(|unit| held.equipment.values().any(|other| other == *unit))?;
        Some((id.clone(), shared.to_string()))
    })
}
