//! Deviations opened by people and their classification, comments and late entries. A deviation is closed by a signature
//! (`decide_sign`).

use crate::{
    access::{Action, Rejection},
    batch::{
        Batch, BatchCommand, BatchEvent, Context, DeviationCause, DeviationClass,
        decide::{duty, phase_of, words},
    },
    clock::Timestamp,
    id::{DeviationId, PhaseId},
};

pub(super) fn decide(batch: &Batch, command: &BatchCommand, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    match command {
        BatchCommand::Comment { phase, text } => comment(batch, phase.as_ref(), text, ctx),
        BatchCommand::LateEntry { phase, claimed, text, reason } => {
            late_entry(batch, phase, *claimed, (text, reason), ctx)
        }
        BatchCommand::OpenDeviation { deviation, phase, text } => open(batch, deviation, phase.as_ref(), text, ctx),
        BatchCommand::ClassifyDeviation { deviation, class, text } => classify(batch, deviation, *class, text, ctx),
        _ => Err(Rejection::not_found()),
    }
}

fn comment(
    batch: &Batch,
    phase: Option<&PhaseId>,
    text: &str,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Remark, ctx)?;
    let text = words(text, "text")?;
    phase.map(|phase| phase_of(batch, phase)).transpose()?;
    Ok(vec![BatchEvent::Commented { phase: phase.cloned(), text: Some(text.to_owned()) }])
}

fn late_entry(
    batch: &Batch,
    phase: &PhaseId,
    claimed: Timestamp,
    (text, reason): (&str, &str),
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Remark, ctx)?;
    let (text, reason) = (words(text, "text")?, words(reason, "reason")?);
    let (_, run) = phase_of(batch, phase)?;
    if claimed >= ctx.now {
        return Err(Rejection::new(
            "DI-03",
            "後日記入の日時は現在より前にしてください。",
            "A late entry is about something earlier than now. Check the time.",
        )
        .about("claimed"));
    }
    if run.started_at.is_none() {
        return Err(Rejection::new(
            "C211-08",
            format!("工程 {phase} はまだ始まっていません。バッチへのコメントを使ってください。"),
            format!("Phase {phase} has not started; nothing can be late in it. Use a comment on the batch."),
        )
        .about("phase"));
    }
    let whole = format!("{text}\n{reason}");
    Ok(vec![BatchEvent::LateEntered { phase: phase.clone(), claimed, text: Some(whole) }])
}

fn open(
    batch: &Batch,
    deviation: &DeviationId,
    phase: Option<&PhaseId>,
    text: &str,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::OpenDeviation, ctx)?;
    let text = words(text, "text")?;
    phase.map(|phase| phase_of(batch, phase)).transpose()?;
    if batch.deviations.contains_key(deviation) {
        return Err(Rejection::new(
            "DI-06",
            format!("逸脱番号 {deviation} は使用済みです。別の番号で起票してください。"),
            format!("Deviation {deviation} exists already. Open it under another number."),
        )
        .about("deviation"));
    }
    Ok(vec![BatchEvent::DeviationOpened {
        deviation: deviation.clone(),
        phase: phase.cloned(),
        item: None,
        cause: DeviationCause::Observed,
        text: Some(text.to_owned()),
    }])
}

fn classify(
    batch: &Batch,
    deviation: &DeviationId,
    class: DeviationClass,
    text: &str,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::ClassifyDeviation, ctx)?;
    let text = words(text, "text")?;
    let known = batch.deviations.get(deviation).ok_or_else(Rejection::not_found)?;
    if known.closed.is_some() {
        return Err(Rejection::new(
            "C211-22",
            format!("逸脱 {deviation} は完結済みで、分類を変更できません。新しい逸脱を起票してください。"),
            format!("Deviation {deviation} is closed; its class stands. Open a new one."),
        ));
    }
    Ok(vec![BatchEvent::DeviationClassified { deviation: deviation.clone(), class, text: Some(text.to_owned()) }])
}
