//! Audit-trail review, disposition and export, and what a batch must be before quality may judge it.
//!
//! A batch is rejected either after its quality review or while it is held in execution: one that is contaminated need not be
//! run to its end. It is released only after its quality review, with every deviation closed.

use crate::{
    access::{Action, Meaning, Rejection, SignatureStatus, Subject},
    batch::{
        Batch, BatchEvent, Context, ExportedFile, Lifecycle, StreamSeal,
        decide::{duty, words},
        decide_phase::no_unverified,
    },
    id::{DeviationId, PersonId, SignatureId},
    isa88::State,
    journal::{StreamId, StreamKind},
};

/// A release or rejection to be entered.
pub(super) struct Decision<'a> {
    pub(super) release: bool,
    pub(super) signature: &'a SignatureId,
    pub(super) text: &'a Option<String>,
    pub(super) seals: &'a [StreamSeal],
}

pub(super) fn audit_trail(batch: &Batch, up_to: u64, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let (person, _) = duty(batch, Action::ReviewAuditTrail, ctx)?;
    at(batch, &[Lifecycle::ExecutionComplete, Lifecycle::ProductionReviewed, Lifecycle::QualityReviewed])?;
    if batch.actors.contains(person) {
        return Err(Rejection::new(
            "SOD-05",
            "このバッチで操作した人は、その監査証跡を照査できません。別の品質担当者が照査してください。",
            "Who acted in this batch cannot review its audit trail. Another person of quality has to.",
        ));
    }
    if up_to > batch.last_seq || up_to < batch.last_act_seq {
        return Err(Rejection::new(
            "A11D-28",
            format!("監査証跡は {} 番まであります。最後まで照査してください。", batch.last_seq),
            format!("The audit trail goes up to entry {}. Review it to its end.", batch.last_seq),
        )
        .about("up_to"));
    }
    Ok(vec![BatchEvent::AuditTrailReviewed { up_to }])
}

/// Refuses unless the batch stands at one of these points of its life.
pub(super) fn at(batch: &Batch, wanted: &[Lifecycle]) -> Result<(), Rejection> {
    if wanted.contains(&batch.lifecycle) {
        return Ok(());
    }
    let (ja, en) = match batch.lifecycle {
        Lifecycle::Issued | Lifecycle::InExecution => ("製造完了にして", "Complete the execution"),
        Lifecycle::ExecutionComplete => ("製造管理の確認を行って", "Have production review it"),
        Lifecycle::ProductionReviewed => ("照査(品質)を行って", "Have quality review it"),
        Lifecycle::QualityReviewed => ("出荷判定を行って", "Decide its disposition"),
        Lifecycle::Released | Lifecycle::Rejected => ("記録の出力を使って", "It is disposed of; export it"),
    };
    Err(Rejection::new(
        "C211-21",
        format!("このバッチは今この段階にありません。先に{ja}ください。"),
        format!("The batch is not at this point of its life. {en} first."),
    ))
}

/// SOD-03: who acted in production cannot judge for quality.
pub(super) fn independent(batch: &Batch, person: &PersonId) -> Result<(), Rejection> {
    if batch.production.contains(person) {
        Err(Rejection::new(
            "SOD-03",
            "このバッチの製造に関わった人は、品質の照査や出荷判定ができません。別の人に依頼してください。",
            "Who took part in producing this batch can neither review it for quality nor decide its release. Ask another person.",
        ))
    } else {
        Ok(())
    }
}

pub(super) fn audit_trail_is_reviewed(batch: &Batch) -> Result<(), Rejection> {
    if batch.audit_reviewed.as_ref().is_some_and(|(up_to, _)| *up_to >= batch.last_act_seq) {
        return Ok(());
    }
    Err(Rejection::new(
        "A11D-28",
        format!("監査証跡が {} 番まで照査されていません。先に監査証跡を照査してください。", batch.last_act_seq),
        format!("The audit trail is not reviewed up to entry {}. Review it first.", batch.last_act_seq),
    ))
}

pub(super) fn no_open_deviation(batch: &Batch) -> Result<(), Rejection> {
    let open = batch.deviations.iter().filter(|(_, deviation)| deviation.closed.is_none());
    let open: Vec<&str> = open.map(|(id, _)| DeviationId::as_str(id)).collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(
        "C211-22",
        format!("完結していない逸脱があります: {}。先に完結してください。", open.join("、")),
        format!("These deviations are open: {}. Close them first.", open.join(", ")),
    ))
}

pub(super) fn may_be_disposed(batch: &Batch, release: bool) -> Result<(), Rejection> {
    let held = batch.lifecycle == Lifecycle::InExecution && batch.state == State::Held;
    if !release && held {
        return Ok(());
    }
    at(batch, &[Lifecycle::QualityReviewed])?;
    if release {
        no_open_deviation(batch)?;
        no_unverified(batch)?;
        audit_trail_is_reviewed(batch)?;
    }
    Ok(())
}

pub(super) fn dispose(batch: &Batch, decision: &Decision<'_>, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    let (person, _) = duty(batch, Action::Dispose, ctx)?;
    independent(batch, person)?;
    may_be_disposed(batch, decision.release)?;
    let meaning = if decision.release { Meaning::Released } else { Meaning::Rejected };
    let signed = batch.signatures.iter().any(|(known, standing)| {
        known.id == *decision.signature
            && *standing == SignatureStatus::Valid
            && known.subject == Subject::Disposition
            && known.statement.meaning == meaning
            && known.statement.signer == *person
    });
    if !signed {
        return Err(Rejection::new(
            "P11-17",
            "出荷判定には、判定者本人の有効な署名が必要です。先に署名してください。",
            "A disposition needs the decider's own valid signature with the same meaning. Sign it first.",
        )
        .about("signature"));
    }
    let own = StreamId::new(StreamKind::Batch, &batch.issued.batch);
    if !decision.seals.iter().any(|seal| seal.stream == own) {
        return Err(Rejection::new(
            "P11-19",
            "記録の終端(シール)が揃っていません。システム管理者に連絡してください。",
            "The seals of the record's streams are missing. Tell the system administrator.",
        ));
    }
    let (signature, seals) = (decision.signature.clone(), decision.seals.to_vec());
    let text = decision.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if decision.release {
        return Ok(vec![BatchEvent::Released { signature, seals, text }]);
    }
    words(text.as_deref().unwrap_or_default(), "text")?;
    Ok(vec![BatchEvent::Rejected { signature, seals, text }])
}

pub(super) fn note_export(
    batch: &Batch,
    files: &[ExportedFile],
    ctx: &Context<'_>,
) -> Result<Vec<BatchEvent>, Rejection> {
    duty(batch, Action::Export, ctx)?;
    if files.is_empty() {
        return Err(Rejection::new(
            "P11-03",
            "出力されたファイルがありません。もう一度出力してください。",
            "No file was exported. Export again.",
        )
        .about("files"));
    }
    Ok(vec![BatchEvent::Exported { files: files.to_vec() }])
}
