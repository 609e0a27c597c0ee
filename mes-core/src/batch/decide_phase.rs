//! Start and completion of phases and of the execution, hold and restart, hold times.
//!
//! Starting the first phase starts the batch. What a phase must have before it is complete is listed in one place, [`missing`].

use crate::{
    access::{Action, Rejection},
    batch::{
        Batch, BatchEvent, Context, DeviationCause, Lifecycle, PhaseRun, PhaseStatus,
        decide::{Outcome, duty, phase_of, procedure_runs, running, words},
        decide_calculate,
        decide_equipment::{IDENTITY_ITEM, point_settled},
    },
    clock::Timestamp,
    id::{ItemId, PhaseId},
    isa88::{Command, HoldTime, Phase, PhaseKind, SignOff, State, TagRef},
};

pub(super) fn start(batch: &Batch, id: &PhaseId, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Execute, ctx)?;
    let (phase, run) = phase_of(batch, id)?;
    if batch.lifecycle != Lifecycle::Issued {
        procedure_runs(batch)?;
    }
    in_turn(batch, phase, run)?;
    fit_for_use(batch, phase, ctx)?;
    let mut out = Outcome::new(batch, ctx);
    if batch.state == State::Idle {
        out.command(Command::Start, None)?;
    }
    if let Some(hold) = &phase.hold {
        hold_time(batch, phase, run, hold, ctx.now, &mut out)?;
    }
    out.push(BatchEvent::PhaseStarted { phase: id.clone() });
    decide_calculate::calculate_on_start(batch, phase, ctx, &mut out)?;
    Ok(out.events)
}

fn in_turn(batch: &Batch, phase: &Phase, run: &PhaseRun) -> Result<(), Rejection> {
    match run.status {
        PhaseStatus::Ready => Ok(()),
        PhaseStatus::Waiting => {
            let undone = |p: &&Phase| batch.phases.get(&p.id).is_some_and(|run| run.status != PhaseStatus::Complete);
            let first = batch.issued.recipe.phases().find(undone).map_or_else(String::new, |p| p.id.to_string());
            Err(Rejection::new(
                "P11-10",
                format!("工程 {} の前に工程 {first} を完了してください。", phase.id),
                format!("Complete phase {first} before phase {}.", phase.id),
            )
            .about("phase"))
        }
        PhaseStatus::Running | PhaseStatus::AwaitingVerification | PhaseStatus::Complete => Err(Rejection::new(
            "P11-10",
            format!("工程 {} は開始済みです。二度は開始できません。", phase.id),
            format!("Phase {} was started before. It cannot be started twice.", phase.id),
        )
        .about("phase")),
    }
}

/// What the phase uses must be qualified and calibrated at the moment of start, whatever held at issue (SCH-04, P11-12).
fn fit_for_use(batch: &Batch, phase: &Phase, ctx: &Context<'_>) -> Result<(), Rejection> {
    let suite = ctx.facility.suites.get(&batch.issued.suite.id).unwrap_or(&batch.issued.suite);
    if suite.qualified_until <= ctx.now {
        return Err(Rejection::new(
            "SCH-04",
            format!(
                "スイート {} の適格性は {} に切れました。再適格性評価の後に開始してください。",
                suite.id,
                suite.qualified_until.shown()
            ),
            format!(
                "The qualification of suite {} ended {}. Start after it is qualified again.",
                suite.id,
                suite.qualified_until.shown()
            ),
        ));
    }
    for tag in tags_of(phase) {
        let Some(issued) = batch.issued.equipment.get(&tag.role) else { continue };
        let equipment = ctx.facility.equipment.get(&issued.id).unwrap_or(issued);
        if equipment.calibrated_until <= ctx.now {
            return Err(Rejection::new(
                "P11-12",
                format!(
                    "{} の校正期限は {} に切れました。校正の後に開始してください。",
                    equipment.id,
                    equipment.calibrated_until.shown()
                ),
                format!(
                    "The calibration of {} ended {}. Start after it is calibrated.",
                    equipment.id,
                    equipment.calibrated_until.shown()
                ),
            ));
        }
    }
    Ok(())
}

/// The tags a phase names outright. A condition's tags are in its expression and are checked with the recipe.
fn tags_of(phase: &Phase) -> Vec<&TagRef> {
    let mut tags: Vec<&TagRef> = phase.watch.iter().map(|watch| &watch.tag).collect();
    match &phase.kind {
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            tags.extend(items.iter().filter_map(|item| item.from.as_ref()));
        }
        PhaseKind::Set { points } => tags.extend(points.iter().map(|point| &point.to)),
        PhaseKind::Instruction
        | PhaseKind::Calculate { .. }
        | PhaseKind::Wait { .. }
        | PhaseKind::LineClearance { .. }
        | PhaseKind::IdentityCheck => {}
    }
    tags
}

fn hold_time(
    batch: &Batch,
    phase: &Phase,
    run: &PhaseRun,
    hold: &HoldTime,
    now: Timestamp,
    out: &mut Outcome<'_>,
) -> Result<(), Rejection> {
    let Some(since) = batch.phases.get(&hold.since).and_then(|since| since.completed_at) else { return Ok(()) };
    let earliest = since.plus_s(i64::from(hold.min_s));
    let due = since.plus_s(i64::from(hold.max_s));
    if now < earliest {
        return Err(Rejection::new(
            "C211-12",
            format!("保持時間が足りません。{} 以降に開始してください。", earliest.shown()),
            format!("The hold time is not over. Start at {} or later.", earliest.shown()),
        ));
    }
    if now > due && !run.hold_exceeded {
        out.open((Some(&phase.id), None), DeviationCause::HoldTime { due, noticed: now }, None);
    }
    Ok(())
}

pub(super) fn complete(batch: &Batch, id: &PhaseId, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Execute, ctx)?;
    let (phase, run) = running(batch, id)?;
    if phase.sign != SignOff::None {
        return Err(Rejection::new(
            "P11-17",
            format!("工程 {id} は署名で完了します。実施者が署名してください。"),
            format!("Phase {id} is completed by signing. The performer has to sign it."),
        ));
    }
    all_there(phase, run)?;
    no_countersign(run, None)?;
    Ok(vec![BatchEvent::PhaseCompleted { phase: id.clone() }])
}

/// Refuses with the list of what is still missing in a phase.
pub(super) fn all_there(phase: &Phase, run: &PhaseRun) -> Result<(), Rejection> {
    let missing = missing(phase, run);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(
        "DI-06",
        format!("工程 {} に未完了の項目があります: {}", phase.id, missing.join("、")),
        format!("Not everything of phase {} is done: {}", phase.id, missing.join(", ")),
    )
    .about(missing.first().map_or("item", String::as_str)))
}

/// The ids of what a phase still lacks before it can be signed or completed.
pub(super) fn missing(phase: &Phase, run: &PhaseRun) -> Vec<String> {
    let unrecorded = |id: &&ItemId| !run.items.contains_key(*id);
    let names = |ids: Vec<&ItemId>| ids.into_iter().map(ToString::to_string).collect();
    match &phase.kind {
        PhaseKind::Instruction => Vec::new(),
        PhaseKind::Record { items } => names(items.iter().map(|i| &i.parameter).filter(unrecorded).collect()),
        PhaseKind::Calculate { items } => names(items.iter().filter(unrecorded).collect()),
        PhaseKind::Yield { items, calculate } => {
            names(items.iter().map(|i| &i.parameter).chain(calculate).filter(unrecorded).collect())
        }
        PhaseKind::LineClearance { lines } => names(lines.iter().map(|line| &line.item).filter(unrecorded).collect()),
        PhaseKind::IdentityCheck if run.items.keys().any(|id| id.as_str() == IDENTITY_ITEM) => Vec::new(),
        PhaseKind::IdentityCheck => vec![IDENTITY_ITEM.to_owned()],
        PhaseKind::Set { points } => {
            names(points.iter().map(|point| &point.item).filter(|item| !point_settled(run, item)).collect())
        }
        PhaseKind::Wait { .. } if run.condition_met => Vec::new(),
        PhaseKind::Wait { condition, .. } => vec![condition.clone()],
    }
}

/// Refuses while somebody has still to countersign what another person entered; `except` signs for all of theirs now.
pub(super) fn no_countersign(run: &PhaseRun, except: Option<&crate::id::PersonId>) -> Result<(), Rejection> {
    let due = |item: &&crate::batch::RecordedItem| item.countersign_due && item.performer.as_ref() != except;
    let Some(item) = run.items.values().find(due) else { return Ok(()) };
    let who = item.performer.as_ref().map_or_else(String::new, ToString::to_string);
    Err(Rejection::new(
        "DI-01",
        format!("記録者が入力した項目に、実施者 {who} の連署がまだありません。先に連署してください。"),
        format!("{who} has still to countersign what the recorder entered. Have it signed first."),
    ))
}

pub(super) fn hold(batch: &Batch, reason: &str, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Hold, ctx)?;
    let reason = words(reason, "reason")?;
    procedure_runs(batch)?;
    let mut out = Outcome::new(batch, ctx);
    out.command(Command::Hold, Some(reason.to_owned()))?;
    Ok(out.events)
}

pub(super) fn restart(batch: &Batch, reason: &str, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Restart, ctx)?;
    let reason = words(reason, "reason")?;
    let mut out = Outcome::new(batch, ctx);
    out.command(Command::Restart, Some(reason.to_owned()))?;
    for phase in batch.issued.recipe.phases() {
        let waits = matches!(phase.kind, PhaseKind::Wait { .. }) && phase.sign == SignOff::None;
        let met = |run: &PhaseRun| run.status == PhaseStatus::Running && run.condition_met;
        if waits && batch.phases.get(&phase.id).is_some_and(met) {
            out.push(BatchEvent::PhaseCompleted { phase: phase.id.clone() });
        }
    }
    Ok(out.events)
}

pub(super) fn complete_execution(batch: &Batch, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::CompleteExecution, ctx)?;
    procedure_runs(batch)?;
    let open = batch
        .issued
        .recipe
        .phases()
        .find(|phase| batch.phases.get(&phase.id).is_none_or(|run| run.status != PhaseStatus::Complete));
    if let Some(phase) = open {
        return Err(Rejection::new(
            "DI-06",
            format!("工程 {} が完了していません。全工程の完了後に製造完了にしてください。", phase.id),
            format!("Phase {} is not complete. Complete every phase first.", phase.id),
        ));
    }
    no_unverified(batch)?;
    batch.phases.values().try_for_each(|run| no_countersign(run, None))?;
    let mut out = Outcome::new(batch, ctx);
    out.run_to_completion();
    out.push(BatchEvent::ExecutionCompleted);
    Ok(out.events)
}

/// Refuses while a correction of a signed item waits for a second person.
pub(super) fn no_unverified(batch: &Batch) -> Result<(), Rejection> {
    let waits = batch.phases.iter().find(|(_, run)| !run.unverified.is_empty());
    let Some((phase, run)) = waits else { return Ok(()) };
    let items: Vec<&str> = run.unverified.iter().map(ItemId::as_str).collect();
    Err(Rejection::new(
        "P11-08",
        format!("工程 {phase} の訂正({})に二重確認がまだありません。第二者が署名してください。", items.join("、")),
        format!("Corrections in phase {phase} ({}) wait for a second person's signature.", items.join(", ")),
    ))
}
