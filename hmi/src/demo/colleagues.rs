//! The scripted colleagues of the demo: who would do what next, through the same commands as everybody else.
//!
//! `next_act` looks at a batch and says what its people would do now; it has no other access than a person has, and the engine
//! judges every act as it judges a viewer's. Values come from the recipe's targets; one value is scripted to be out of range.

use mes_core::{
    access::{Meaning, Subject},
    batch::{Batch, BatchCommand, DeviationClass, Entered, Lifecycle, PhaseStatus},
    clock::Timestamp,
    id::{DeviationId, ItemId, PersonId, PhaseId},
    isa88::{Parameter, Phase, PhaseKind, RecordItem, SignOff, State},
    quantity::round,
    tenant::Manufacturer,
};
use rust_decimal::Decimal;

/// The people who run a batch.
#[derive(Debug, Clone)]
pub struct Team {
    /// Operator.
    pub operator: PersonId,
    /// Second checker.
    pub checker: PersonId,
    /// Production supervisor.
    pub supervisor: PersonId,
    /// Quality assurance: classifies and closes deviations, exports.
    pub quality: PersonId,
    /// Quality assurance without an act in the batch: reviews the audit trail and the batch (SOD-05).
    pub reviewer: PersonId,
    /// Release decider.
    pub releaser: PersonId,
}

/// What one of them does next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NextAct {
    /// A command without a signature.
    Command(PersonId, BatchCommand),
    /// A signature; the runner shows the statement and signs it.
    Sign(PersonId, Subject, Meaning, Option<String>),
    /// Release with the disposition signature that is there.
    Dispose(PersonId),
}

/// What the script holds in store for a batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// A phase that is left to the viewer.
    pub left_to_viewer: Option<PhaseId>,
    /// An item that is recorded with this value instead of its target.
    pub out_of_range: Option<(ItemId, Decimal)>,
}

/// The team of a batch, by who manufactures.
pub fn team(manufacturer: Manufacturer) -> Result<Team, mes_core::id::IdError> {
    let names = match manufacturer {
        Manufacturer::Facility => ["sato", "takahashi", "tanaka", "watanabe", "mori", "yamamoto"],
        Manufacturer::Tenant => ["bando", "beppu", "bessho", "bito", "bekki", "bito"],
    };
    let [operator, checker, supervisor, quality, reviewer, releaser] = names;
    Ok(Team {
        operator: operator.parse()?,
        checker: checker.parse()?,
        supervisor: supervisor.parse()?,
        quality: quality.parse()?,
        reviewer: reviewer.parse()?,
        releaser: releaser.parse()?,
    })
}

/// A held batch stays held for at least this long, in milliseconds of facility time (an hour; a minute at 60×).
const HELD_AT_LEAST_MS: i64 = 3_600_000;

/// What the colleagues do next about a batch, if anything.
pub(crate) fn next_act(batch: &Batch, team: &Team, script: &Script, now: Timestamp) -> Option<NextAct> {
    match batch.lifecycle {
        Lifecycle::Issued | Lifecycle::InExecution => {
            if batch.state == State::Held {
                // Time for a viewer to see why it is held, and who may restart it.
                if batch.held.as_ref().is_some_and(|held| now.since_ms(held.since) < HELD_AT_LEAST_MS) {
                    return None;
                }
                let reason = "原因を確認し、処置を終えた (cause checked and dealt with)".to_owned();
                return open_deviation(batch, team)
                    .or_else(|| Some(NextAct::Command(team.supervisor.clone(), BatchCommand::Restart { reason })));
            }
            open_deviation(batch, team).or_else(|| execute(batch, team, script))
        }
        Lifecycle::ExecutionComplete => open_deviation(batch, team).or_else(|| {
            Some(NextAct::Sign(team.supervisor.clone(), Subject::ProductionReview, Meaning::Reviewed, None))
        }),
        Lifecycle::ProductionReviewed => Some(match &batch.audit_reviewed {
            Some((up_to, _)) if *up_to >= batch.last_seq.saturating_sub(1) => {
                NextAct::Sign(team.reviewer.clone(), Subject::QualityReview, Meaning::Reviewed, None)
            }
            _ => NextAct::Command(team.reviewer.clone(), BatchCommand::ReviewAuditTrail { up_to: batch.last_seq }),
        }),
        Lifecycle::QualityReviewed => Some(NextAct::Dispose(team.releaser.clone())),
        Lifecycle::Released | Lifecycle::Rejected => None,
    }
}

fn open_deviation(batch: &Batch, team: &Team) -> Option<NextAct> {
    let (id, deviation) = batch.deviations.iter().find(|(_, deviation)| deviation.closed.is_none())?;
    if deviation.opened_by.as_ref() == Some(&team.quality) {
        return None;
    }
    Some(match deviation.class {
        None => classify(id, team),
        Some(_) => NextAct::Sign(
            team.quality.clone(),
            Subject::Deviation(id.clone()),
            Meaning::Approved,
            Some("再測定は規格内。品質への影響なしと判断し、クローズする。 / Re-test within limits; no impact on quality; closed.".to_owned()),
        ),
    })
}

fn classify(id: &DeviationId, team: &Team) -> NextAct {
    NextAct::Command(
        team.quality.clone(),
        BatchCommand::ClassifyDeviation {
            deviation: id.clone(),
            class: DeviationClass::Minor,
            text: "影響評価: 工程内管理値の一時的な逸脱。最終製品の規格試験で確認できる。 / Impact: transient in-process excursion, covered by the final tests.".to_owned(),
        },
    )
}

fn execute(batch: &Batch, team: &Team, script: &Script) -> Option<NextAct> {
    let recipe = &batch.issued.recipe;
    let open = recipe.phases().find_map(|phase| {
        let run = batch.phases.get(&phase.id)?;
        (run.status != PhaseStatus::Complete || !run.unverified.is_empty()).then_some((phase, run))
    });
    let Some((phase, run)) = open else {
        return Some(NextAct::Command(team.supervisor.clone(), BatchCommand::CompleteExecution));
    };
    let by_operator = |command| Some(NextAct::Command(team.operator.clone(), command));
    let id = phase.id.clone();
    if script.left_to_viewer.as_ref() == Some(&id) {
        return None;
    }
    match run.status {
        PhaseStatus::Waiting => None,
        PhaseStatus::Ready => by_operator(BatchCommand::StartPhase { phase: id }),
        PhaseStatus::AwaitingVerification => {
            Some(NextAct::Sign(team.checker.clone(), Subject::Phase(id), Meaning::Verified, None))
        }
        PhaseStatus::Complete => {
            Some(NextAct::Sign(team.checker.clone(), Subject::Corrections(id), Meaning::Verified, None))
        }
        PhaseStatus::Running => match work(batch, phase, script) {
            Work::Do(command) => by_operator(*command),
            Work::Wait => None,
            Work::Done if phase.sign == SignOff::None => by_operator(BatchCommand::CompletePhase { phase: id }),
            Work::Done => Some(NextAct::Sign(team.operator.clone(), Subject::Phase(id), Meaning::Performed, None)),
        },
    }
}

enum Work {
    Do(Box<BatchCommand>),
    Wait,
    Done,
}

fn work(batch: &Batch, phase: &Phase, script: &Script) -> Work {
    let Some(run) = batch.phases.get(&phase.id) else { return Work::Wait };
    let record = |item: &ItemId, value: Entered, reason: Option<String>| {
        Work::Do(Box::new(BatchCommand::Record {
            phase: phase.id.clone(),
            item: item.clone(),
            value,
            performer: None,
            reason,
        }))
    };
    match &phase.kind {
        PhaseKind::Instruction | PhaseKind::Calculate { .. } => Work::Done,
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            match items.iter().find(|item| !run.items.contains_key(&item.parameter)) {
                Some(item) => {
                    let (value, reason) = entered(batch, item, script);
                    record(&item.parameter, value, reason)
                }
                None => Work::Done,
            }
        }
        PhaseKind::LineClearance { lines } => match lines.iter().find(|line| !run.items.contains_key(&line.item)) {
            Some(line) => record(&line.item, Entered::Confirmed, None),
            None => Work::Done,
        },
        PhaseKind::IdentityCheck => match run.items.is_empty() {
            true => match mes_core::batch::IDENTITY_ITEM.parse() {
                Ok(item) => record(&item, Entered::Code(batch.issued.coi.clone()), None),
                Err(_) => Work::Wait,
            },
            false => Work::Done,
        },
        PhaseKind::Set { points } => {
            if points.iter().any(|point| !run.writes.contains_key(&point.item)) {
                Work::Do(Box::new(BatchCommand::ApplySetPoints { phase: phase.id.clone() }))
            } else if run.writes.values().all(|write| write.outcome.is_some()) {
                Work::Done
            } else {
                Work::Wait
            }
        }
        PhaseKind::Wait { .. } if run.condition_met => Work::Done,
        PhaseKind::Wait { .. } => Work::Wait,
    }
}

fn entered(batch: &Batch, item: &RecordItem, script: &Script) -> (Entered, Option<String>) {
    if item.from.is_some() {
        return (Entered::FromTag, None);
    }
    let parameter = batch.issued.recipe.parameter(&item.parameter);
    if let Some((scripted, value)) = &script.out_of_range
        && *scripted == item.parameter
    {
        let reason = "計数を二回繰り返し、同じ値を得た (counted twice, same value)".to_owned();
        return (Entered::Number(value.to_string()), Some(reason));
    }
    (Entered::Number(parameter.map(typical).unwrap_or_default().to_string()), None)
}

/// A value in the middle of what is normal.
fn typical(parameter: &Parameter) -> Decimal {
    let middle = match (parameter.normal.low, parameter.normal.high) {
        (Some(low), Some(high)) => (low + high) / Decimal::TWO,
        (Some(low), None) => low + low.abs() / Decimal::from(50),
        (None, Some(high)) => high - high.abs() / Decimal::from(50),
        (None, None) => Decimal::ONE,
    };
    let value = round(parameter.target.unwrap_or(middle), parameter.decimals);
    if parameter.normal.contains(value) { value } else { round(middle, parameter.decimals) }
}

/// The batch that is left to the viewer stands at its phase and somebody must act there.
pub(crate) fn waits_for_viewer(batch: &Batch, script: &Script) -> bool {
    let Some(phase) = &script.left_to_viewer else { return false };
    batch.phases.get(phase).is_some_and(|run| match run.status {
        PhaseStatus::Ready | PhaseStatus::Running | PhaseStatus::AwaitingVerification => true,
        PhaseStatus::Waiting | PhaseStatus::Complete => false,
    })
}

/// The batch that is left to the viewer has come to its phase, or is past it.
pub(crate) fn reached_viewer(batch: &Batch, script: &Script) -> bool {
    let Some(phase) = &script.left_to_viewer else { return false };
    batch.phases.get(phase).is_some_and(|run| run.status != PhaseStatus::Waiting)
}

/// Whether a batch merely incubates: its running phase waits for the equipment and for nobody.
pub(crate) fn merely_incubates(batch: &Batch) -> bool {
    let recipe = &batch.issued.recipe;
    recipe.phases().any(|phase| {
        matches!(phase.kind, PhaseKind::Wait { .. })
            && batch.phases.get(&phase.id).is_some_and(|run| run.status == PhaseStatus::Running && !run.condition_met)
    })
}
