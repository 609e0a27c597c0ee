//! Issue 製造指図: every hard rule is checked again at this moment, whatever the plan said, and all that the batch needs is frozen.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    access::{Action, Rejection, Side, needed, roles_for},
    batch::{BatchEvent, Context, IssueOrder, IssuedBatch},
    booking::{Booking, BookingState},
    engine::MasterRecipe,
    id::{BatchId, EquipmentRole},
    isa88::{EquipmentRequirement, Header},
    tenant::{Agreement, Equipment, Suite, TemplateMark},
};

pub(super) fn already_issued(batch: &BatchId) -> Rejection {
    Rejection::new(
        "S88-04",
        format!("バッチ {batch} は発行済みです。新しい番号で発行してください。"),
        format!("Batch {batch} was issued before. Issue under a new number."),
    )
}

pub(super) fn issue(order: &IssueOrder, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let booking = ctx.bookings.get(&order.booking).ok_or_else(Rejection::not_found)?;
    let recipe = ctx.recipes.get(&(order.recipe.clone(), order.version)).ok_or_else(Rejection::not_found)?;
    let header = &recipe.body.header;
    let agreement = ctx.facility.agreement_for(&booking.tenant, &header.product).ok_or_else(|| {
        Rejection::new(
            "TEN-05",
            format!("入居者 {} と製品 {} の取決めがありません。先に登録してください。", booking.tenant, header.product),
            format!("There is no agreement with {} for {}. Have it entered first.", booking.tenant, header.product),
        )
    })?;
    supervisor(agreement, ctx)?;
    as_booked(order, booking)?;
    let approvals =
        recipe.approvals.clone().filter(|_| header.tenant == booking.tenant).ok_or_else(|| not_approved(recipe))?;
    let suite = suite_fits(order, header, agreement, ctx)?;
    let equipment = equipment_fits(order, &recipe.body.equipment, ctx)?;
    let (lot, coi) = identity(order, ctx)?;
    let tenant = ctx.facility.tenants.get(&booking.tenant).cloned().ok_or_else(Rejection::not_found)?;
    let facility = ctx.facility.name.clone().ok_or_else(Rejection::not_found)?;
    let issued = IssuedBatch {
        batch: ctx.batch.clone(),
        booking: order.booking.clone(),
        tenant,
        facility,
        agreement: agreement.clone(),
        recipe: recipe.body.clone(),
        recipe_hash: recipe.hash,
        approvals,
        lot,
        coi,
        suite: suite.clone(),
        device_templates: templates_of(&equipment, ctx),
        equipment,
        policies_hash: ctx.policies_hash,
    };
    Ok(vec![BatchEvent::Issued { issued: Box::new(issued) }])
}

/// The device templates that the equipment is spoken to by, each once.
fn templates_of(equipment: &BTreeMap<EquipmentRole, Equipment>, ctx: &Context<'_>) -> Vec<TemplateMark> {
    let links: BTreeSet<_> =
        equipment.values().map(|unit| (unit.link.template.as_str(), unit.link.template_version)).collect();
    let known = links.into_iter().filter_map(|(name, version)| ctx.facility.device_template(name, version));
    known.map(|one| TemplateMark { name: one.name.clone(), version: one.version, hash: one.hash }).collect()
}

fn supervisor(agreement: &Agreement, ctx: &Context<'_>) -> Result<(), Rejection> {
    let (id, role) = ctx.person()?;
    let side = ctx.facility.people.get(id).map(Side::of);
    let fits = roles_for(Action::IssueBatch, agreement).iter().any(|(r, s)| *r == role && Some(s) == side.as_ref());
    if fits { Ok(()) } else { Err(needed(Action::IssueBatch, agreement)) }
}

fn as_booked(order: &IssueOrder, booking: &Booking) -> Result<(), Rejection> {
    if booking.state != BookingState::Confirmed {
        return Err(Rejection::new(
            "TEN-05",
            format!("予約 {} は確定していないか、発行済みです。確定した予約を選んでください。", order.booking),
            format!("Booking {} is not confirmed, or was issued already. Choose a confirmed booking.", order.booking),
        )
        .about("booking"));
    }
    let differs = [
        ("recipe", booking.recipe != order.recipe || booking.version != order.version),
        ("suite", booking.window.suite != order.suite),
        ("equipment", booking.window.equipment != order.equipment),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((field, _)) => Err(Rejection::new(
            "SCH-02",
            format!("{field} が予約の内容と異なります。予約どおりに発行するか、予約を変更してください。"),
            format!("The {field} is not the one booked. Issue as booked, or have the booking changed."),
        )
        .about(field)),
    }
}

fn not_approved(recipe: &MasterRecipe) -> Rejection {
    let header = &recipe.body.header;
    Rejection::new(
        "C211-17",
        format!(
            "レシピ {} 第{}版は、製造と品質の承認が揃っていません。承認後に発行してください。",
            header.id, header.version
        ),
        format!(
            "Recipe {} version {} is not approved by production and quality. Have it approved first.",
            header.id, header.version
        ),
    )
    .about("recipe")
}

fn suite_fits<'a>(
    order: &IssueOrder,
    header: &Header,
    agreement: &Agreement,
    ctx: &Context<'a>,
) -> Result<&'a Suite, Rejection> {
    let suite = ctx.facility.suites.get(&order.suite).ok_or_else(Rejection::not_found)?;
    let id = &suite.id;
    let no = |rule: &str, ja: String, en: String| Err(Rejection::new(rule, ja, en).about("suite"));
    if !agreement.suites.contains(id) {
        return no(
            "TEN-05",
            format!("スイート {id} は取決め {} の対象外です。対象のスイートを選んでください。", agreement.id),
            format!("Suite {id} is not among those of agreement {}. Choose one that is.", agreement.id),
        );
    }
    if suite.grade > header.suite_grade || (header.viral && !suite.viral) {
        return no(
            "SCH-01",
            format!(
                "スイート {id} はレシピが求める清浄度または封じ込めを満たしません。別のスイートを予約してください。"
            ),
            format!("Suite {id} does not have the grade or containment that the recipe needs. Book another suite."),
        );
    }
    if suite.qualified_until <= ctx.now {
        return no(
            "SCH-04",
            format!("スイート {id} の適格性は {} に切れました。", suite.qualified_until.shown()),
            format!(
                "The qualification of suite {id} ended {}. Have it qualified again.",
                suite.qualified_until.shown()
            ),
        );
    }
    if let Some(other) = ctx.occupancy.batch_in_suite(id).filter(|_| suite.places <= 1) {
        let (ja, en) = known(&other, ctx);
        return no(
            "SCH-02",
            format!("スイート {id} では{ja}が進行中です。完了後に発行してください。"),
            format!("In suite {id} there is still {en}. Issue after it is complete."),
        );
    }
    Ok(suite)
}

fn equipment_fits(
    order: &IssueOrder,
    needs: &[EquipmentRequirement],
    ctx: &Context<'_>,
) -> Result<BTreeMap<EquipmentRole, Equipment>, Rejection> {
    if let Some(extra) = order.equipment.keys().find(|role| !needs.iter().any(|need| need.role == **role)) {
        return Err(Rejection::new(
            "S88-06",
            format!("レシピに役割 {extra} の機器はありません。外してください。"),
            format!("The recipe has no equipment called {extra}. Leave it out."),
        )
        .about("equipment"));
    }
    needs.iter().map(|need| one_fits(order, need, ctx).map(|found| (need.role.clone(), found.clone()))).collect()
}

fn one_fits<'a>(
    order: &IssueOrder,
    need: &EquipmentRequirement,
    ctx: &Context<'a>,
) -> Result<&'a Equipment, Rejection> {
    let role = &need.role;
    let no = |rule: &str, ja: String, en: String| Rejection::new(rule, ja, en).about("equipment");
    let chosen = order.equipment.get(role).and_then(|id| ctx.facility.equipment.get(id)).ok_or_else(|| {
        no(
            "S88-06",
            format!("役割 {role} の機器が選ばれていません。機器を選んでください。"),
            format!("No equipment is chosen for {role}. Choose one."),
        )
    })?;
    let id = &chosen.id;
    let lacks = need.tags.iter().find(|tag| !chosen.tags.iter().any(|has| has.name == **tag));
    if chosen.class != need.class || chosen.suite != order.suite || lacks.is_some() {
        return Err(no(
            "S88-06",
            format!("{id} は役割 {role} に合いません(種類・設置スイート・計測点)。別の機器を選んでください。"),
            format!("{id} does not fit {role} (class, suite or tags). Choose other equipment."),
        ));
    }
    if chosen.calibrated_until <= ctx.now {
        return Err(no(
            "SCH-04",
            format!("{id} の校正期限は {} に切れました。", chosen.calibrated_until.shown()),
            format!("The calibration of {id} ended {}. Have it calibrated.", chosen.calibrated_until.shown()),
        ));
    }
    match ctx.occupancy.batch_on_equipment(id) {
        None => Ok(chosen),
        Some(other) => {
            let (ja, en) = known(&other, ctx);
            Err(no(
                "S88-06",
                format!("{id} は{ja}が使用中です。完了後に発行してください。"),
                format!("{id} is in use by {en}. Issue after it is complete."),
            ))
        }
    }
}

/// Another batch, by its number to whoever may know of it: the facility's staff, and its own tenant's (SOD-14).
fn known(other: &BatchId, ctx: &Context<'_>) -> (String, String) {
    let of = |booking: &&Booking| booking.state == BookingState::Issued(other.clone());
    let owner = ctx.bookings.values().find(of).map(|booking| Side::Tenant(booking.tenant.clone()));
    let side = ctx.person().ok().and_then(|(id, _)| ctx.facility.people.get(id)).map(Side::of);
    if side == Some(Side::Facility) || (side.is_some() && side == owner) {
        (format!("別のバッチ {other} "), format!("batch {other}"))
    } else {
        ("別のバッチ".to_owned(), "another batch".to_owned())
    }
}

fn identity(order: &IssueOrder, ctx: &Context<'_>) -> Result<(String, String), Rejection> {
    let (lot, coi) = (order.lot.trim(), order.coi.trim());
    if lot.is_empty() || coi.is_empty() {
        return Err(Rejection::new(
            "DI-01",
            "製造番号と同一性コード(COI)の両方が必要です。",
            "Both the lot number and the chain-of-identity code are needed.",
        )
        .about(if lot.is_empty() { "lot" } else { "coi" }));
    }
    if ctx.occupancy.lot_taken(lot) {
        return Err(Rejection::new(
            "DI-01",
            format!("製造番号 {lot} は使用済みです。別の番号を付けてください。"),
            format!("Lot {lot} was used before. Give another number."),
        )
        .about("lot"));
    }
    Ok((lot.to_owned(), coi.to_owned()))
}
