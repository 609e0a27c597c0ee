//! Recording and correcting items: what was entered, where it came from, how it is judged.
//!
//! A number is rounded once, half to even, to the parameter's decimals, before it is judged or recorded. A value outside the
//! acceptable range is never refused: it is recorded at once and a deviation opens, so that a first result cannot get lost.

use rust_decimal::Decimal;

use crate::{
    access::{Action, Rejection, role_of},
    batch::{
        Batch, BatchEvent, Context, DeviationCause, Entered, ItemValue, ReadingEvidence, RecordedItem, Source, Verdict,
        decide::{Outcome, duty, phase_of, running, words},
        decide_calculate::{calculate_when_complete, recalculate},
        decide_equipment,
    },
    historian::{Sample, SampleValue},
    id::{ItemId, PersonId, PhaseId, TagId},
    isa88::{OnViolation, Parameter, Phase, PhaseKind, TagRef},
    quantity::{Quantity, decimal_of, parse_decimal, round},
    tenant::Role,
};

/// What somebody wants to record.
pub(super) struct NewItem<'a> {
    pub(super) phase: &'a PhaseId,
    pub(super) item: &'a ItemId,
    pub(super) value: &'a Entered,
    pub(super) performer: Option<&'a PersonId>,
    pub(super) reason: &'a Option<String>,
}

impl NewItem<'_> {
    /// The reason, unless it is missing or blank.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

pub(super) fn record(batch: &Batch, new: &NewItem<'_>, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let (actor, _) = duty(batch, Action::Execute, ctx)?;
    let (phase, run) = running(batch, new.phase)?;
    let performer = performer_of(batch, new, actor, ctx)?;
    if let PhaseKind::Set { points } = &phase.kind {
        return decide_equipment::settle_by_hand(batch, points, new, performer, ctx);
    }
    if run.items.contains_key(new.item) {
        return Err(Rejection::new(
            "P11-08",
            format!("{} は記録済みです。直すには「訂正」を使ってください。元の値は残ります。", new.item),
            format!("{} is recorded already. Use a correction; the first value stays visible.", new.item),
        )
        .about("item"));
    }
    let mut out = Outcome::new(batch, ctx);
    match &phase.kind {
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            let Some(wanted) = items.iter().find(|wanted| wanted.parameter == *new.item) else {
                return Err(not_by_hand(phase, new.item));
            };
            record_quantity(batch, new, wanted.from.as_ref(), performer, ctx, &mut out)?;
            calculate_when_complete(batch, phase, ctx, &mut out)?;
        }
        PhaseKind::LineClearance { lines } => {
            if !lines.iter().any(|line| line.item == *new.item) {
                return Err(not_by_hand(phase, new.item));
            }
            if *new.value != Entered::Confirmed {
                return Err(wrong_kind("確認のチェック", "a confirmation"));
            }
            out.push(recorded(new, ItemValue::Confirmed, Source::Manual, Verdict::Normal, performer));
        }
        PhaseKind::IdentityCheck => decide_equipment::identity(batch, new, performer, &mut out)?,
        PhaseKind::Instruction | PhaseKind::Calculate { .. } | PhaseKind::Set { .. } | PhaseKind::Wait { .. } => {
            return Err(not_by_hand(phase, new.item));
        }
    }
    Ok(out.events)
}

/// The performer, when the actor only enters it for hands that are in the cabinet; that person must be one who may execute.
fn performer_of(
    batch: &Batch,
    new: &NewItem<'_>,
    actor: &PersonId,
    ctx: &Context<'_>,
) -> Result<Option<PersonId>, Rejection> {
    let Some(performer) = new.performer.filter(|performer| *performer != actor) else { return Ok(None) };
    let Some(person) = ctx.facility.people.get(performer) else {
        return Err(Rejection::new(
            "DI-01",
            format!("実施者 {performer} は登録されていません。実施者を選び直してください。"),
            format!("The performer {performer} is unknown. Choose the performer again."),
        )
        .about("performer"));
    };
    role_of(person, Action::Execute, &batch.issued.agreement, ctx.now).map_err(|no| no.about("performer"))?;
    Ok(Some(performer.clone()))
}

fn not_by_hand(phase: &Phase, item: &ItemId) -> Rejection {
    let calculated = match &phase.kind {
        PhaseKind::Calculate { items } | PhaseKind::Yield { calculate: items, .. } => items.contains(item),
        _ => false,
    };
    if calculated {
        return Rejection::new(
            "DI-05",
            format!("{item} は自動計算されます。入力値を記録または訂正してください。"),
            format!("{item} is calculated. Record or correct the values it is calculated from."),
        )
        .about("item");
    }
    Rejection::new(
        "S88-04",
        format!("工程 {} に記録項目 {item} はありません。項目を確認してください。", phase.id),
        format!("Phase {} has no item {item} to record. Check the item.", phase.id),
    )
    .about("item")
}

pub(super) fn wrong_kind(ja: &str, en: &str) -> Rejection {
    Rejection::new(
        "DI-05",
        format!("この項目には{ja}が必要です。入力し直してください。"),
        format!("This item takes {en}. Enter it again."),
    )
    .about("value")
}

pub(super) fn recorded(
    new: &NewItem<'_>,
    value: ItemValue,
    source: Source,
    verdict: Verdict,
    performer: Option<PersonId>,
) -> BatchEvent {
    BatchEvent::ItemRecorded {
        phase: new.phase.clone(),
        item: new.item.clone(),
        value,
        source,
        verdict,
        performer,
        text: new.reason(),
    }
}

fn record_quantity(
    batch: &Batch,
    new: &NewItem<'_>,
    from: Option<&TagRef>,
    performer: Option<PersonId>,
    ctx: &Context<'_>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let parameter = parameter_of(batch, new.item)?;
    let (value, source) = taken(batch, parameter, from, new.value, ctx)?;
    if from.is_some() && source == Source::Manual && new.reason().is_none() {
        return Err(Rejection::new(
            "P11-12",
            "この項目は機器の値を使います。手入力する場合は理由を記入してください。",
            "This item is read from equipment. Give a reason for typing it by hand.",
        )
        .about("reason"));
    }
    let verdict = judge(parameter, value);
    if verdict == Verdict::OutOfNormal && new.reason().is_none() {
        return Err(out_of_normal(parameter, value));
    }
    out.push(recorded(new, quantity(parameter, value), source, verdict, performer));
    if verdict == Verdict::OutOfAcceptable {
        violated(parameter, value, new.phase, new.reason(), out)?;
    }
    Ok(())
}

/// Opens the deviation for a value outside its acceptable range, and holds the batch where the parameter asks for it.
pub(super) fn violated(
    parameter: &Parameter,
    value: Decimal,
    phase: &PhaseId,
    text: Option<String>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let shown = quantity(parameter, value).shown();
    let cause = DeviationCause::Value { shown, range: parameter.acceptable.shown() };
    out.open((Some(phase), Some(&parameter.id)), cause, text);
    match parameter.on_violation {
        OnViolation::Deviation => Ok(()),
        OnViolation::Hold => out.hold(None),
    }
}

fn out_of_normal(parameter: &Parameter, value: Decimal) -> Rejection {
    let (shown, range, unit) = (quantity(parameter, value).shown(), parameter.normal.shown(), parameter.unit.shown());
    Rejection::new(
        "S88-05",
        format!("{} {shown} は正常範囲 {range} {unit} の外です。理由を記入してください。", parameter.name.ja),
        format!("{} {shown} is outside the normal range {range} {unit}. Give a reason.", parameter.name.en),
    )
    .about("reason")
}

pub(super) fn parameter_of<'a>(batch: &'a Batch, item: &ItemId) -> Result<&'a Parameter, Rejection> {
    batch.issued.recipe.parameter(item).ok_or_else(|| {
        Rejection::new(
            "S88-04",
            format!("レシピにパラメータ {item} がありません。項目を確認してください。"),
            format!("The recipe has no parameter {item}. Check the item."),
        )
        .about("item")
    })
}

pub(super) fn quantity(parameter: &Parameter, value: Decimal) -> ItemValue {
    ItemValue::Quantity(Quantity { value, unit: parameter.unit.clone() })
}

pub(super) fn judge(parameter: &Parameter, value: Decimal) -> Verdict {
    if !parameter.acceptable.contains(value) {
        Verdict::OutOfAcceptable
    } else if !parameter.normal.contains(value) {
        Verdict::OutOfNormal
    } else {
        Verdict::Normal
    }
}

/// The number that was entered or read, rounded, with where it came from.
fn taken(
    batch: &Batch,
    parameter: &Parameter,
    from: Option<&TagRef>,
    entered: &Entered,
    ctx: &Context<'_>,
) -> Result<(Decimal, Source), Rejection> {
    let (value, source) = match entered {
        Entered::Number(text) => (number(text)?, Source::Manual),
        Entered::FromTag => {
            let tag = from.ok_or_else(|| wrong_kind("手入力の数値", "a number typed by hand"))?;
            let (value, evidence) = live(batch, tag, &parameter.unit.0, ctx)?;
            (value, Source::Tag(evidence))
        }
        Entered::Confirmed | Entered::Code(_) => return Err(wrong_kind("数値", "a number")),
    };
    Ok((round(value, parameter.decimals), source))
}

pub(super) fn number(text: &str) -> Result<Decimal, Rejection> {
    parse_decimal(text).map_err(|error| {
        Rejection::new(
            "DI-05",
            format!("「{text}」は数値ではありません。37.0 のように入力してください。"),
            error.to_string(),
        )
        .about("value")
    })
}

/// The live value of a tag as evidence. It must be good: a last value is never passed off as live.
pub(super) fn live(
    batch: &Batch,
    tag: &TagRef,
    unit: &str,
    ctx: &Context<'_>,
) -> Result<(Decimal, ReadingEvidence), Rejection> {
    let equipment = batch.issued.equipment.get(&tag.role);
    let settings = equipment.and_then(|e| e.tags.iter().find(|t| t.name == tag.tag));
    let (Some(equipment), Some(settings)) = (equipment, settings) else {
        return Err(Rejection::new(
            "P11-12",
            format!("{}.{} はこのバッチの機器にありません。手入力と理由を使ってください。", tag.role, tag.tag),
            format!("{}.{} is not on this batch's equipment. Type the value with a reason.", tag.role, tag.tag),
        ));
    };
    if settings.unit.0 != unit {
        return Err(Rejection::new(
            "DI-05",
            format!(
                "機器の単位 {} とレシピの単位 {unit} が異なります。設備管理担当者に連絡してください。",
                settings.unit.0
            ),
            format!("The device gives {}, the recipe wants {unit}. Tell the facility administrator.", settings.unit.0),
        ));
    }
    let id = TagId::new(equipment.id.clone(), tag.tag.clone());
    let sample = (ctx.reading)(&id).filter(|sample| sample.quality.is_good());
    sample.as_ref().and_then(|sample| numeric(sample).map(|value| (value, evidence(sample)))).ok_or_else(|| {
        Rejection::new(
            "P11-12",
            format!("{id} の現在値が正常に得られていません。復旧を待つか、理由を付けて手入力してください。"),
            format!("{id} has no good live value now. Wait for it, or type the value with a reason."),
        )
        .about("value")
    })
}

fn numeric(sample: &Sample) -> Option<Decimal> {
    match sample.value.as_ref()? {
        SampleValue::Real(value) => decimal_of(*value),
        SampleValue::Integer(value) => Some(Decimal::from(*value)),
        SampleValue::Flag(_) | SampleValue::Text(_) => None,
    }
}

fn evidence(sample: &Sample) -> ReadingEvidence {
    ReadingEvidence {
        tag: sample.tag.clone(),
        value: sample.value.clone(),
        quality: sample.quality.clone(),
        source_time: sample.source_time,
        receive_time: sample.receive_time,
        seq: sample.seq,
    }
}

pub(super) fn correct(
    batch: &Batch,
    phase_id: &PhaseId,
    item: &ItemId,
    entered: &Entered,
    reason: &str,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (actor, role) = duty(batch, Action::Correct, ctx)?;
    let reason = words(reason, "reason")?;
    let (phase, run) = phase_of(batch, phase_id)?;
    let known = run.items.get(item).ok_or_else(|| {
        Rejection::new(
            "P11-08",
            format!("{item} はまだ記録されていません。先に記録してください。"),
            format!("{item} is not recorded yet. Record it instead."),
        )
        .about("item")
    })?;
    let from = correctable(phase, item)?;
    own_and_unsigned(batch, phase_id, item, known, actor, role)?;
    let parameter = parameter_of(batch, item)?;
    let (value, source) = taken(batch, parameter, from, entered, ctx)?;
    let new = quantity(parameter, value);
    if new == known.value {
        return Err(Rejection::new(
            "P11-08",
            format!("{} は既に記録されている値です。正しい値を入力してください。", new.shown()),
            format!("{} is the value on record. Enter the right one.", new.shown()),
        )
        .about("value"));
    }
    let verdict = judge(parameter, value);
    let mut out = Outcome::new(batch, ctx);
    out.push(BatchEvent::ItemCorrected {
        phase: phase_id.clone(),
        item: item.clone(),
        version: known.version.saturating_add(1),
        old: known.value.clone(),
        value: new,
        source,
        verdict,
        text: Some(reason.to_owned()),
    });
    if verdict == Verdict::OutOfAcceptable {
        violated(parameter, value, phase_id, Some(reason.to_owned()), &mut out)?;
    }
    recalculate(batch, (phase_id, item, value, known.version.saturating_add(1)), reason, ctx, &mut out)?;
    Ok(out.events)
}

/// Whether an item of a phase is a quantity that a person recorded; gives the tag it may be read from.
fn correctable<'a>(phase: &'a Phase, item: &ItemId) -> Result<Option<&'a TagRef>, Rejection> {
    match &phase.kind {
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            let found = items.iter().find(|wanted| wanted.parameter == *item);
            found.map(|wanted| wanted.from.as_ref()).ok_or_else(|| not_by_hand(phase, item))
        }
        PhaseKind::Calculate { .. } => Err(not_by_hand(phase, item)),
        PhaseKind::LineClearance { .. }
        | PhaseKind::IdentityCheck
        | PhaseKind::Set { .. }
        | PhaseKind::Instruction
        | PhaseKind::Wait { .. } => Err(Rejection::new(
            "P11-08",
            "確認や照合の記録は数値ではないため訂正できません。逸脱を起票するか、コメントを記入してください。",
            "A confirmation or check is not a value that can be corrected. Open a deviation or write a comment.",
        )
        .about("item")),
    }
}

/// An operator corrects only what is the operator's own and not yet signed; quality corrects only what is signed. Everything else
/// takes a checker or the supervisor.
fn own_and_unsigned(
    batch: &Batch,
    phase: &PhaseId,
    item: &ItemId,
    known: &RecordedItem,
    actor: &PersonId,
    role: Role,
) -> Result<(), Rejection> {
    let own = [&known.performer, &known.recorder].into_iter().flatten().any(|person| person == actor);
    let signed = batch.signed_item(phase, item);
    match role {
        Role::Op if signed || !own => Err(Rejection::new(
            "P11-08",
            "作業者が訂正できるのは、署名前の自分の記録だけです。確認者または製造部門責任者に依頼してください。",
            "An operator corrects only the operator's own, unsigned entries. Ask a checker or the supervisor.",
        )),
        Role::Qa | Role::Tqa if !signed => Err(Rejection::new(
            "P11-08",
            "署名前の記録を品質部門は訂正しません。記録した人に訂正を依頼してください。",
            "Quality does not correct what is not signed yet. Ask who recorded it.",
        )),
        _ => Ok(()),
    }
}
