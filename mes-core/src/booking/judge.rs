//! Whether a window can be given: recipe and agreement, suite and equipment, and what else is held by now.
//!
//! The scheduler proposes; here every window is judged again. A tenant learns its own constraints and "no capacity of this kind in
//! this window", and never whose the capacity is (SOD-14).

use crate::{
    access::Rejection,
    booking::{BookingContext, BookingWindow},
    engine::MasterRecipe,
    id::{BookingId, RecipeId},
    tenant::{Agreement, Equipment, Suite},
};

/// Longest window of one booking, in days.
pub const WINDOW_MAX_D: i64 = 365;

pub(super) type Agreed<'a> = (crate::id::TenantId, &'a MasterRecipe, &'a Agreement);

/// The approved recipe and the agreement under which its tenant may book.
pub(super) fn agreed<'a>(recipe: &RecipeId, version: u32, ctx: &BookingContext<'a>) -> Result<Agreed<'a>, Rejection> {
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

pub(super) fn no_capacity() -> Rejection {
    Rejection::new(
        "SCH-02",
        "この期間に該当する空きがありません。別の期間で見積りを取ってください。",
        "No capacity of this kind in this window. Ask for a quote in another window.",
    )
    .about("window")
}

pub(super) fn in_time(window: &BookingWindow, ctx: &BookingContext<'_>) -> Result<(), Rejection> {
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
pub(super) fn fits(
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
pub(super) fn conflict(
    own: &BookingId,
    window: &BookingWindow,
    ctx: &BookingContext<'_>,
) -> Option<(BookingId, String)> {
    ctx.bookings.iter().filter(|(id, _)| *id != own).find_map(|(id, other)| {
        let until = other.held_until(ctx.batches, ctx.now)?;
        let held = BookingWindow { until, ..other.window.clone() };
        let beside = || window.shares(other.held_beside(ctx.now)?);
        Some((id.clone(), window.shares(&held).or_else(beside)?))
    })
}
