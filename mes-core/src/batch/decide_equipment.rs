//! Set-points and what the plant reports: outcomes of writes, conditions, watched limits, hold times, links; and the identity check.
//!
//! **After an outcome that is not `Confirmed`** a deviation is open and the point is unsettled. When the outcome is known (refused,
//! not sent, read-back did not agree) it may be written again by `ApplySetPoints`. When it is `Unknown`, nobody may write again before
//! a person has looked: `Record` of the set-point's item with what the device shows (typed, or read from the tag) settles the point
//! when it agrees within the tolerance, and makes another write possible when it does not. The same `Record` settles a point that was
//! set at the device itself. Nothing is ever repeated by the system.

use crate::{
    access::{Action, Rejection},
    batch::{
        Batch, BatchCommand, BatchEvent, ConditionEvidence, Context, DeviationCause, DeviceNews, Entered, ItemValue,
        Lifecycle, PhaseRun, PhaseStatus, ReadingEvidence, Source, Verdict,
        decide::{Outcome, duty, phase_of, running},
        decide_item::{NewItem, live, number, recorded, wrong_kind},
    },
    clock::Timestamp,
    engine::{TagSampling, WriteOutcome, WriteResult},
    historian::SampleValue,
    id::{DeviationId, EquipmentId, EquipmentRole, ItemId, PersonId, PhaseId, TagId},
    isa88::{OnViolation, Phase, PhaseKind, SetPoint, SignOff, State, Watch},
    quantity::Quantity,
};

/// The item of an identity check.
pub const IDENTITY_ITEM: &str = "identity";

/// Where a set-point stands.
enum Point {
    /// Never written.
    Unsent,
    /// Written, no outcome yet.
    UnderWay,
    /// Confirmed by read-back, or by a person after it was not.
    Settled,
    /// It is known that the device does not have it.
    Failed,
    /// It may or may not have reached the device.
    Unknown,
}

fn point(run: &PhaseRun, item: &ItemId) -> Point {
    let Some(write) = run.writes.get(item) else { return Point::Unsent };
    let Some(outcome) = &write.outcome else { return Point::UnderWay };
    let seen = run.items.get(item).filter(|seen| seen.entry.seq > write.effect.seq);
    match (&outcome.result, seen.map(|seen| seen.verdict)) {
        (WriteResult::Confirmed, _) | (_, Some(Verdict::Normal)) => Point::Settled,
        (_, Some(Verdict::OutOfNormal | Verdict::OutOfAcceptable)) => Point::Failed,
        (WriteResult::Unknown { .. }, None) => Point::Unknown,
        (WriteResult::Refused { .. } | WriteResult::NotConfirmed | WriteResult::NotSent { .. }, None) => Point::Failed,
    }
}

/// Whether a set-point is on the device, by read-back or by what a person saw there.
pub(super) fn point_settled(run: &PhaseRun, item: &ItemId) -> bool {
    matches!(point(run, item), Point::Settled)
}

pub(super) fn apply_set_points(batch: &Batch, id: &PhaseId, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Execute, ctx)?;
    let (phase, run) = running(batch, id)?;
    let PhaseKind::Set { points } = &phase.kind else {
        return Err(Rejection::new(
            "S88-04",
            format!("工程 {id} には設定値がありません。工程を確認してください。"),
            format!("Phase {id} has no set-points. Check the phase."),
        )
        .about("phase"));
    };
    if let Some(unknown) = points.iter().find(|p| matches!(point(run, &p.item), Point::Unknown)) {
        return Err(Rejection::new(
            "S88-07",
            format!(
                "{} の書込み結果が不明です。機器の表示値を確認し、その値を記録してから再送してください。",
                unknown.name.ja
            ),
            format!(
                "It is unknown whether {} reached the device. Read the device and record what it shows first.",
                unknown.name.en
            ),
        )
        .about(unknown.item.as_str()));
    }
    let unsent = points.iter().filter(|p| matches!(point(run, &p.item), Point::Unsent | Point::Failed));
    let requests: Vec<BatchEvent> = unsent.map(|p| request(batch, id, p)).collect::<Result<_, _>>()?;
    if requests.is_empty() {
        return Err(Rejection::new(
            "S88-07",
            "書き込む設定値は残っていません。結果を待つか、工程を署名してください。",
            "No set-point is left to write. Wait for the outcome, or sign the phase.",
        ));
    }
    Ok(requests)
}

fn request(batch: &Batch, phase: &PhaseId, point: &SetPoint) -> Result<BatchEvent, Rejection> {
    let equipment = batch.issued.equipment.get(&point.to.role).ok_or_else(|| {
        Rejection::new(
            "P11-12",
            format!("役割 {} の機器がこの製造指図にありません。", point.to.role),
            format!("This batch has no equipment for {}.", point.to.role),
        )
    })?;
    Ok(BatchEvent::WriteRequested {
        phase: phase.clone(),
        item: point.item.clone(),
        tag: TagId::new(equipment.id.clone(), point.to.tag.clone()),
        value: SampleValue::Real(Quantity { value: point.value, unit: point.unit.clone() }.to_f64()),
        tolerance: point.tolerance,
    })
}

/// Records what a person saw at the device after a write whose outcome was not `Confirmed`.
pub(super) fn settle_by_hand(
    batch: &Batch,
    points: &[SetPoint],
    new: &NewItem<'_>,
    performer: Option<PersonId>,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run) = running(batch, new.phase)?;
    let wanted = points.iter().find(|p| p.item == *new.item).ok_or_else(|| {
        Rejection::new(
            "S88-04",
            format!("設定値 {} はこの工程にありません。項目を確認してください。", new.item),
            format!("This phase has no set-point {}. Check the item.", new.item),
        )
        .about("item")
    })?;
    if !matches!(point(run, new.item), Point::Unknown | Point::Failed) {
        return Err(Rejection::new(
            "S88-07",
            "設定値はシステムが書き込み、読み戻して記録します。手での記録は、書込みが確認できなかった後だけです。",
            "The system writes set-points and reads them back. Record one by hand only after a write was not confirmed.",
        )
        .about("item"));
    }
    let (value, source) = match new.value {
        Entered::Number(text) => (number(text)?, Source::Manual),
        Entered::FromTag => {
            let (value, evidence) = live(batch, &wanted.to, &wanted.unit.0, ctx)?;
            (value, Source::Tag(evidence))
        }
        Entered::Confirmed | Entered::Code(_) => {
            return Err(wrong_kind("機器が示す数値", "the number that the device shows"));
        }
    };
    let agrees = value.checked_sub(wanted.value).is_some_and(|difference| difference.abs() <= wanted.tolerance);
    let verdict = if agrees { Verdict::Normal } else { Verdict::OutOfAcceptable };
    let shown = ItemValue::Quantity(Quantity { value, unit: wanted.unit.clone() });
    Ok(vec![match run.items.get(new.item) {
        None => recorded(new, shown, source, verdict, performer),
        Some(known) => BatchEvent::ItemCorrected {
            phase: new.phase.clone(),
            item: new.item.clone(),
            version: known.version.saturating_add(1),
            old: known.value.clone(),
            value: shown,
            source,
            verdict,
            text: new.reason(),
        },
    }])
}

/// Compares a scanned or typed code with the batch's chain-of-identity code. A mismatch opens a deviation that keeps the code that
/// was read, and holds the batch; the check itself stays open.
pub(super) fn identity(
    batch: &Batch,
    new: &NewItem<'_>,
    performer: Option<PersonId>,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let Entered::Code(code) = new.value else { return Err(wrong_kind("コードの読取り", "a scanned code")) };
    let code = code.trim();
    if new.item.as_str() != IDENTITY_ITEM || code.is_empty() {
        return Err(wrong_kind(
            "同一性コードの読取り(項目 identity)",
            "the scanned chain-of-identity code, as item identity",
        ));
    }
    if code == batch.issued.coi {
        out.push(recorded(new, ItemValue::Code(code.to_owned()), Source::Scanned, Verdict::Normal, performer));
        return Ok(());
    }
    out.open((Some(new.phase), Some(new.item)), DeviationCause::Identity { read: code.to_owned() }, new.reason());
    out.hold(None)
}

/// What the plant reports. A person cannot give these commands.
pub(super) fn by_plant(batch: &Batch, command: &BatchCommand, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    use BatchCommand as C;
    if !ctx.by_system() {
        return Err(Rejection::new(
            "SOD-18",
            "この記録は機器とシステムだけが行います。手での記録にはコメントか逸脱を使ってください。",
            "Only the plant itself enters this. Use a comment or a deviation for what you saw.",
        ));
    }
    match command {
        C::ResolveEffect { phase, item, outcome } => resolve(batch, phase, item, outcome, ctx),
        C::MeetCondition { phase, evidence } => meet(batch, phase, evidence),
        C::NoticeOverdue { phase, due } => overdue(batch, phase, *due, ctx),
        C::NoticeViolation { phase, item, since, evidence, deviation } => {
            violation(batch, (phase, item), *since, evidence, deviation, ctx)
        }
        C::NoticeReturn { phase, item, evidence } => returned(batch, phase, item, evidence),
        C::NoticeHoldExceeded { phase, due, deviation } => hold_exceeded(batch, phase, *due, deviation, ctx),
        C::NoteLink { role, equipment, state, cause, at } => {
            let (ours, open) = (has(batch, role, equipment), is_open(batch));
            let news = batch.links.get(equipment).is_none_or(|known| known.state != *state || known.cause != *cause);
            if !(ours && open && news) {
                return Err(unchanged());
            }
            Ok(vec![BatchEvent::LinkChanged {
                role: role.clone(),
                equipment: equipment.clone(),
                state: state.clone(),
                cause: cause.clone(),
                at: *at,
            }])
        }
        C::TakeReport { role, report } => {
            let ours = batch.issued.equipment.get(role).is_some_and(|known| known.id == report.equipment);
            let known = batch.reports.contains(&(report.equipment.clone(), report.sha256));
            if !ours || known || batch.disposed_at.is_some() {
                return Err(unchanged());
            }
            Ok(vec![BatchEvent::ReportReceived { role: role.clone(), report: report.clone() }])
        }
        C::NoteDevice { role, equipment, news } if has(batch, role, equipment) && is_open(batch) => {
            told(batch, role, equipment, news)
        }
        _ => Err(unchanged()),
    }
}

fn has(batch: &Batch, role: &EquipmentRole, equipment: &EquipmentId) -> bool {
    batch.issued.equipment.get(role).is_some_and(|known| known.id == *equipment)
}

fn is_open(batch: &Batch) -> bool {
    matches!(batch.lifecycle, Lifecycle::Issued | Lifecycle::InExecution)
}

/// What a device told. The engine counts what comes again and again; here only a sampling that is known already is no news.
fn told(
    batch: &Batch,
    role: &EquipmentRole,
    equipment: &EquipmentId,
    news: &DeviceNews,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (role, equipment) = (role.clone(), equipment.clone());
    Ok(vec![match news {
        DeviceNews::Sampling { tags } => {
            let known = batch.sampling.get(&equipment);
            let is_new = |one: &&TagSampling| known.and_then(|known| known.get(&one.tag)) != Some(*one);
            let tags: Vec<TagSampling> = tags.iter().filter(is_new).cloned().collect();
            if tags.is_empty() {
                return Err(unchanged());
            }
            BatchEvent::SamplingAgreed { role, equipment, tags }
        }
        DeviceNews::Event { happened, again } => {
            BatchEvent::DeviceEventReported { role, happened: happened.clone(), again: *again }
        }
        DeviceNews::LeftOut { left_out } => BatchEvent::MessagesLeftOut { role, equipment, left_out: left_out.clone() },
    }])
}

/// What the plant reports does not fit the batch as it stands: it is known already, or came too late.
fn unchanged() -> Rejection {
    Rejection::new(
        "no-change",
        "この報告はバッチの現在の状態に合いません。操作は不要です。",
        "This report does not fit the batch as it stands; it is known already or came too late. Nothing has to be done.",
    )
}

fn resolve(
    batch: &Batch,
    id: &PhaseId,
    item: &ItemId,
    outcome: &WriteOutcome,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run) = phase_of(batch, id)?;
    let write = run.writes.get(item).filter(|write| write.effect == outcome.effect).ok_or_else(unchanged)?;
    let was = write.outcome.as_ref().map(|known| &known.result);
    let first = was.is_none();
    if !(first || matches!(was, Some(WriteResult::Unknown { .. })) && was != Some(&outcome.result)) {
        return Err(unchanged());
    }
    let mut out = Outcome::new(batch, ctx);
    out.push(BatchEvent::WriteResolved {
        phase: id.clone(),
        item: item.clone(),
        effect: outcome.effect.clone(),
        outcome: outcome.clone(),
    });
    if outcome.result != WriteResult::Confirmed && first {
        out.open((Some(id), Some(item)), DeviationCause::SetPoint { result: outcome.result.clone() }, None);
    }
    Ok(out.events)
}

fn waiting<'a>(batch: &'a Batch, id: &PhaseId) -> Result<(&'a Phase, &'a PhaseRun, &'a str), Rejection> {
    let (phase, run) = phase_of(batch, id)?;
    match &phase.kind {
        PhaseKind::Wait { condition, .. } if run.status == PhaseStatus::Running && !run.condition_met => {
            Ok((phase, run, condition))
        }
        _ => Err(unchanged()),
    }
}

fn meet(batch: &Batch, id: &PhaseId, evidence: &ConditionEvidence) -> Result<Vec<BatchEvent>, Rejection> {
    let (phase, _, condition) = waiting(batch, id)?;
    if evidence.expression != condition {
        return Err(unchanged());
    }
    let mut events = vec![BatchEvent::ConditionMet { phase: id.clone(), evidence: evidence.clone() }];
    if phase.sign == SignOff::None && batch.state == State::Running {
        events.push(BatchEvent::PhaseCompleted { phase: id.clone() });
    }
    Ok(events)
}

fn overdue(batch: &Batch, id: &PhaseId, due: Timestamp, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run, _) = waiting(batch, id)?;
    if run.overdue || due > ctx.now {
        return Err(unchanged());
    }
    let mut out = Outcome::new(batch, ctx);
    out.open((Some(id), None), DeviationCause::Overdue { due, noticed: ctx.now }, None);
    Ok(out.events)
}

fn watched<'a>(batch: &'a Batch, id: &PhaseId, item: &ItemId) -> Result<(&'a Watch, &'a PhaseRun), Rejection> {
    let (phase, run) = phase_of(batch, id)?;
    let watch = phase.watch.iter().find(|watch| watch.item == *item).ok_or_else(unchanged)?;
    match run.status {
        PhaseStatus::Running | PhaseStatus::AwaitingVerification => Ok((watch, run)),
        PhaseStatus::Waiting | PhaseStatus::Ready | PhaseStatus::Complete => Err(unchanged()),
    }
}

fn violation(
    batch: &Batch,
    (id, item): (&PhaseId, &ItemId),
    since: Timestamp,
    evidence: &ReadingEvidence,
    deviation: &DeviationId,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (watch, run) = watched(batch, id, item)?;
    if run.violated.contains_key(item) || batch.deviations.contains_key(deviation) {
        return Err(unchanged());
    }
    let mut out = Outcome::new(batch, ctx);
    let cause = DeviationCause::Watch { since, evidence: evidence.clone(), range: watch.range.shown() };
    out.open_as(deviation.clone(), (Some(id), Some(item)), cause, None);
    if watch.on_violation == OnViolation::Hold {
        out.hold(None)?;
    }
    Ok(out.events)
}

fn returned(
    batch: &Batch,
    id: &PhaseId,
    item: &ItemId,
    evidence: &ReadingEvidence,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run) = watched(batch, id, item)?;
    if !run.violated.contains_key(item) {
        return Err(unchanged());
    }
    Ok(vec![BatchEvent::LimitReturned { phase: id.clone(), item: item.clone(), evidence: evidence.clone() }])
}

fn hold_exceeded(
    batch: &Batch,
    id: &PhaseId,
    due: Timestamp,
    deviation: &DeviationId,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (phase, run) = phase_of(batch, id)?;
    let unstarted = matches!(run.status, PhaseStatus::Waiting | PhaseStatus::Ready);
    let known = run.hold_exceeded || batch.deviations.contains_key(deviation);
    if phase.hold.is_none() || !unstarted || known || due > ctx.now {
        return Err(unchanged());
    }
    let mut out = Outcome::new(batch, ctx);
    let cause = DeviationCause::HoldTime { due, noticed: ctx.now };
    out.open_as(deviation.clone(), (Some(id), None), cause, None);
    Ok(out.events)
}
