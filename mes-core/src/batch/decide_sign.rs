//! Signatures: who may sign what with which meaning, and what follows (REQUIREMENTS 4.3).
//!
//! A signature re-authenticates the person. What is signed is the statement as the record stands now; when its hash is not the one that
//! the dialog showed, the record changed in between, and the signer has to look again.

use crate::{
    access::{Action, Meaning, Rejection, Signature, SignatureStatus, Subject, action_of_signature},
    batch::{
        Batch, BatchEvent, Context, Deviation, Lifecycle, PhaseStatus, ReviewKind,
        decide::{duty, phase_of, procedure_runs, words},
        decide_phase::{all_there, no_countersign, no_unverified},
        decide_review,
    },
    clock::Timestamp,
    id::{DeviationId, ItemId, PersonId, PhaseId, SignatureId},
    isa88::SignOff,
    journal::Hash,
    quantity::Language,
    tenant::Role,
};

/// What a signature dialog posts back.
pub(super) struct Dialog<'a> {
    pub(super) subject: &'a Subject,
    pub(super) meaning: Meaning,
    pub(super) statement: Hash,
    pub(super) shown_at: Timestamp,
    pub(super) language: Language,
    pub(super) signature: &'a SignatureId,
    pub(super) text: &'a Option<String>,
}

impl Dialog<'_> {
    fn text(&self) -> Option<String> {
        self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

pub(super) fn sign(batch: &Batch, dialog: &Dialog<'_>, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let (signer, role) = duty(batch, action_of_signature(dialog.subject, dialog.meaning), ctx)?;
    let mut follow = match dialog.subject {
        Subject::Phase(phase) => phase_signed(batch, phase, dialog.meaning, signer)?,
        Subject::Corrections(phase) => corrections(batch, phase, dialog.meaning, signer)?,
        Subject::Items(phase, items) => countersigned(batch, phase, items, dialog.meaning, signer)?,
        Subject::Deviation(id) => deviation(batch, id, dialog, signer)?,
        Subject::Issue => issue(batch, dialog.meaning)?,
        Subject::ProductionReview => production_review(batch, dialog)?,
        Subject::QualityReview => quality_review(batch, dialog, signer)?,
        Subject::Disposition => disposition(batch, dialog, signer)?,
        Subject::Recipe(..) | Subject::Booking(..) => return Err(Rejection::not_found()),
    };
    let signature = signature(batch, dialog, signer, role, ctx)?;
    follow.insert(0, BatchEvent::Signed { signature, text: dialog.text() });
    Ok(follow)
}

fn signature(
    batch: &Batch,
    dialog: &Dialog<'_>,
    signer: &PersonId,
    role: Role,
    ctx: &Context<'_>,
) -> Result<Signature, Rejection> {
    let reauth = ctx.reauthenticated()?;
    if batch.signatures.iter().any(|(known, _)| known.id == *dialog.signature) {
        return Err(Rejection::new(
            "P11-19",
            "この署名番号は使用済みです。画面を開き直して署名してください。",
            "This signature id was used before. Open the page again and sign there.",
        ));
    }
    if dialog.shown_at > ctx.now {
        return Err(changed());
    }
    let statement = batch.statement(dialog.subject, dialog.meaning, signer, dialog.shown_at, dialog.language)?;
    let hash = statement.hash()?;
    if hash != dialog.statement {
        return Err(changed());
    }
    Ok(Signature {
        id: dialog.signature.clone(),
        subject: dialog.subject.clone(),
        statement,
        statement_hash: hash,
        name: ctx.actor.name().to_owned(),
        role,
        at: ctx.now,
        method: reauth.method,
    })
}

fn changed() -> Rejection {
    Rejection::new(
        "P11-19",
        "表示後に記録が変わりました。画面を開き直し、内容を確かめてから署名してください。",
        "The record changed since it was shown. Open it again, look at it, then sign.",
    )
}

fn wrong_meaning(meaning: Meaning) -> Rejection {
    Rejection::new(
        "P11-17",
        format!("署名の意味「{meaning:?}」はここでは使えません。画面に示された意味で署名してください。"),
        format!("The meaning \"{meaning:?}\" is not offered here. Sign with a meaning that the page offers."),
    )
    .about("meaning")
}

fn same_person(ja: &str, en: &str) -> Rejection {
    Rejection::new("SOD-01", ja, en)
}

fn phase_signed(
    batch: &Batch,
    id: &PhaseId,
    meaning: Meaning,
    signer: &PersonId,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (phase, run) = phase_of(batch, id)?;
    procedure_runs(batch)?;
    let done = || BatchEvent::PhaseCompleted { phase: id.clone() };
    match (meaning, phase.sign, run.status) {
        (Meaning::Performed, SignOff::Performed | SignOff::Verified, PhaseStatus::Running) => {
            all_there(phase, run)?;
            no_countersign(run, Some(signer))?;
            let performers: Vec<&PersonId> = run.items.values().filter_map(|item| item.performer.as_ref()).collect();
            if !performers.is_empty() && !performers.contains(&signer) {
                return Err(Rejection::new(
                    "P11-17",
                    format!("実施の署名は、工程 {id} の実施者が行います。"),
                    format!("\"Performed\" is signed by a person who performed in phase {id}."),
                ));
            }
            Ok(if phase.sign == SignOff::Performed { vec![done()] } else { Vec::new() })
        }
        (Meaning::Verified, SignOff::Verified, PhaseStatus::AwaitingVerification) => {
            if run.performers.contains(signer) {
                return Err(same_person(
                    "この工程を実施・記録した人は二重確認できません。別の確認者が署名してください。",
                    "Who performed or recorded in this phase cannot verify it. Another person has to sign.",
                ));
            }
            Ok(vec![done()])
        }
        (Meaning::Performed, SignOff::None, _) | (Meaning::Verified, SignOff::None | SignOff::Performed, _) => {
            Err(wrong_meaning(meaning))
        }
        (Meaning::Performed | Meaning::Verified, ..) => Err(Rejection::new(
            "P11-10",
            format!("工程 {id} は今この署名を待っていません。画面を開き直してください。"),
            format!("Phase {id} does not wait for this signature now. Open the page again."),
        )),
        (
            Meaning::Authored
            | Meaning::Reviewed
            | Meaning::Approved
            | Meaning::Released
            | Meaning::Rejected
            | Meaning::Witnessed,
            ..,
        ) => Err(wrong_meaning(meaning)),
    }
}

fn corrections(batch: &Batch, id: &PhaseId, meaning: Meaning, signer: &PersonId) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run) = phase_of(batch, id)?;
    if meaning != Meaning::Verified {
        return Err(wrong_meaning(meaning));
    }
    if run.unverified.is_empty() {
        return Err(Rejection::new(
            "P11-08",
            format!("工程 {id} に確認待ちの訂正はありません。"),
            format!("No correction in phase {id} waits for verification."),
        ));
    }
    let items = run.unverified.iter().filter_map(|item| run.items.get(item));
    let own = items.flat_map(|item| item.corrected.iter()).any(|c| c.by.as_ref() == Some(signer));
    if own {
        return Err(same_person(
            "訂正した人は、その訂正を二重確認できません。別の人が署名してください。",
            "Who made a correction cannot verify it. Another person has to sign.",
        ));
    }
    Ok(Vec::new())
}

fn countersigned(
    batch: &Batch,
    id: &PhaseId,
    items: &[ItemId],
    meaning: Meaning,
    signer: &PersonId,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (_, run) = phase_of(batch, id)?;
    if meaning != Meaning::Performed {
        return Err(wrong_meaning(meaning));
    }
    let due = |item: &ItemId| {
        run.items.get(item).is_some_and(|known| known.countersign_due && known.performer.as_ref() == Some(signer))
    };
    if items.is_empty() || !items.iter().all(due) {
        return Err(Rejection::new(
            "DI-01",
            "連署できるのは、自分が実施し、記録者が入力した項目だけです。",
            "You countersign only what you performed and somebody else entered for you.",
        ));
    }
    Ok(Vec::new())
}

fn deviation(
    batch: &Batch,
    id: &DeviationId,
    dialog: &Dialog<'_>,
    signer: &PersonId,
) -> Result<Vec<BatchEvent>, Rejection> {
    let known = batch.deviations.get(id).ok_or_else(Rejection::not_found)?;
    if dialog.meaning != Meaning::Approved {
        return Err(wrong_meaning(dialog.meaning));
    }
    closable(id, known)?;
    let text = words(dialog.text.as_deref().unwrap_or_default(), "text")?.to_owned();
    let performed = known.phase.as_ref().and_then(|phase| batch.phases.get(phase));
    if known.opened_by.as_ref() == Some(signer) || performed.is_some_and(|run| run.performers.contains(signer)) {
        return Err(Rejection::new(
            "SOD-06",
            "起票者やその工程の実施者は、この逸脱を完結できません。別の品質担当者が署名してください。",
            "Who opened a deviation or performed in its phase cannot close it. Another person of quality has to sign.",
        ));
    }
    Ok(vec![BatchEvent::DeviationClosed {
        deviation: id.clone(),
        signature: dialog.signature.clone(),
        text: Some(text),
    }])
}

fn closable(id: &DeviationId, known: &Deviation) -> Result<(), Rejection> {
    if known.closed.is_some() {
        return Err(Rejection::new(
            "C211-22",
            format!("逸脱 {id} は完結済みです。"),
            format!("Deviation {id} is closed already. Nothing has to be done."),
        ));
    }
    if known.class.is_none() {
        return Err(Rejection::new(
            "C211-22",
            format!("逸脱 {id} は未分類です。先に分類と影響評価を記入してください。"),
            format!("Deviation {id} is not classified. Classify it with its impact first."),
        ));
    }
    Ok(())
}

fn issue(batch: &Batch, meaning: Meaning) -> Result<Vec<BatchEvent>, Rejection> {
    if meaning != Meaning::Approved {
        return Err(wrong_meaning(meaning));
    }
    if batch.signatures.iter().any(|(known, _)| known.subject == Subject::Issue) {
        return Err(Rejection::new(
            "C211-19",
            "製造指図は署名済みです。",
            "The issue of this batch is signed already. Nothing has to be done.",
        ));
    }
    Ok(Vec::new())
}

fn production_review(batch: &Batch, dialog: &Dialog<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    if dialog.meaning != Meaning::Reviewed {
        return Err(wrong_meaning(dialog.meaning));
    }
    decide_review::at(batch, &[Lifecycle::ExecutionComplete])?;
    no_unverified(batch)?;
    Ok(vec![BatchEvent::Reviewed { kind: ReviewKind::Production, signature: dialog.signature.clone() }])
}

fn quality_review(batch: &Batch, dialog: &Dialog<'_>, signer: &PersonId) -> Result<Vec<BatchEvent>, Rejection> {
    if dialog.meaning != Meaning::Reviewed {
        return Err(wrong_meaning(dialog.meaning));
    }
    decide_review::at(batch, &[Lifecycle::ProductionReviewed])?;
    decide_review::independent(batch, signer)?;
    decide_review::audit_trail_is_reviewed(batch)?;
    decide_review::no_open_deviation(batch)?;
    no_unverified(batch)?;
    Ok(vec![BatchEvent::Reviewed { kind: ReviewKind::Quality, signature: dialog.signature.clone() }])
}

fn disposition(batch: &Batch, dialog: &Dialog<'_>, signer: &PersonId) -> Result<Vec<BatchEvent>, Rejection> {
    let release = match dialog.meaning {
        Meaning::Released => true,
        Meaning::Rejected => false,
        other => return Err(wrong_meaning(other)),
    };
    decide_review::independent(batch, signer)?;
    decide_review::may_be_disposed(batch, release)?;
    if !release {
        words(dialog.text.as_deref().unwrap_or_default(), "text")?;
    }
    Ok(Vec::new())
}

pub(super) fn reject(
    batch: &Batch,
    id: &SignatureId,
    reason: &str,
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    let (person, _) = duty(batch, Action::Verify, ctx)?;
    let reason = words(reason, "reason")?;
    let found = batch.signatures.iter().find(|(known, _)| known.id == *id);
    let (known, standing) = found.ok_or_else(Rejection::not_found)?;
    let refused = || {
        Rejection::new(
            "P11-17",
            "却下できるのは、二重確認を待っている実施署名だけです。",
            "Only a performer's signature that waits for verification can be rejected.",
        )
    };
    let Subject::Phase(phase) = &known.subject else { return Err(refused()) };
    let (_, run) = phase_of(batch, phase)?;
    let stands = matches!(standing, SignatureStatus::Valid | SignatureStatus::SupersededFor(_));
    if !stands || known.statement.meaning != Meaning::Performed || run.status != PhaseStatus::AwaitingVerification {
        return Err(refused());
    }
    procedure_runs(batch)?;
    if run.performers.contains(person) {
        return Err(same_person(
            "この工程を実施・記録した人は、その署名を却下できません。別の確認者が行ってください。",
            "Who performed or recorded in this phase cannot reject its signature. Another person has to.",
        ));
    }
    Ok(vec![BatchEvent::SignatureRejected {
        signature: id.clone(),
        phase: phase.clone(),
        text: Some(reason.to_owned()),
    }])
}
