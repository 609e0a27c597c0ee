//! What a signature about a batch covers: the same statement for the page that shows it and for the decision that checks it.
//!
//! A record's hash covers both languages of its names and instruction, the value, its version, where it came from and its limits. People's
//! free words are not in it (they may be withheld from a reader or erased after retention while the signature must still verify): they are
//! bound by the commitments of the entry that the record names.

use serde_json::{Value, json};

use crate::{
    access::{Meaning, RecordRef, Rejection, SignatureStatus, Statement, Subject},
    batch::{Batch, Deviation, PhaseRun, RecordedItem},
    clock::Timestamp,
    id::{ItemId, PersonId, PhaseId},
    isa88::{Phase, PhaseKind},
    journal::{
        Hash,
        encode::{canonical, sha256},
    },
    quantity::{Bilingual, Language},
};

impl Batch {
    /// The statement that a signature would sign now. A page shows it and posts its hash back; deciding rebuilds it.
    ///
    /// # Errors
    /// A subject that this batch does not have, or that has nothing to sign.
    pub fn statement(
        &self,
        subject: &Subject,
        meaning: Meaning,
        signer: &PersonId,
        shown_at: Timestamp,
        language: Language,
    ) -> Result<Statement, Rejection> {
        let mut records = self.records(subject)?;
        if records.is_empty() {
            return Err(nothing_to_sign());
        }
        records.sort();
        Ok(Statement { records, meaning, signer: signer.clone(), shown_at, language })
    }

    /// Whether a valid signature covers an item.
    pub fn signed_item(&self, phase: &PhaseId, item: &ItemId) -> bool {
        self.signatures.iter().any(|(signature, standing)| {
            let stands = match standing {
                SignatureStatus::Valid => true,
                SignatureStatus::SupersededFor(items) => !items.contains(item),
                SignatureStatus::Superseded | SignatureStatus::Rejected => false,
            };
            stands
                && match &signature.subject {
                    Subject::Phase(signed) | Subject::Corrections(signed) => signed == phase,
                    Subject::Items(signed, items) => signed == phase && items.contains(item),
                    Subject::ProductionReview | Subject::QualityReview | Subject::Disposition => true,
                    Subject::Deviation(_) | Subject::Issue | Subject::Recipe(..) | Subject::Booking(..) => false,
                }
        })
    }

    fn records(&self, subject: &Subject) -> Result<Vec<RecordRef>, Rejection> {
        match subject {
            Subject::Phase(id) => {
                let (phase, run) = self.phase_and_run(id)?;
                let items = run.items.iter().map(|(item, known)| self.item_record(phase, item, known));
                std::iter::once(self.phase_record(phase, run)).chain(items).collect()
            }
            Subject::Corrections(id) => {
                let (_, run) = self.phase_and_run(id)?;
                self.item_records(id, &run.unverified)
            }
            Subject::Items(id, items) => self.item_records(id, items),
            Subject::Deviation(id) => {
                let known = self.deviations.get(id).ok_or_else(Rejection::not_found)?;
                Ok(vec![self.deviation_record(id.as_str(), known)?])
            }
            Subject::Issue => Ok(vec![self.issue_record()?]),
            Subject::ProductionReview | Subject::QualityReview | Subject::Disposition => self.whole(),
            Subject::Recipe(..) | Subject::Booking(..) => Err(Rejection::not_found()),
        }
    }

    fn phase_and_run(&self, id: &PhaseId) -> Result<(&Phase, &PhaseRun), Rejection> {
        self.issued.recipe.phase(id).zip(self.phases.get(id)).ok_or_else(Rejection::not_found)
    }

    fn item_records(&self, id: &PhaseId, items: &[ItemId]) -> Result<Vec<RecordRef>, Rejection> {
        let (phase, run) = self.phase_and_run(id)?;
        let one = |item: &ItemId| match run.items.get(item) {
            Some(known) => self.item_record(phase, item, known),
            None => Err(nothing_to_sign()),
        };
        items.iter().map(one).collect()
    }

    /// All of the batch: the issue, each phase with its items, each deviation, and how far remarks and signatures go.
    fn whole(&self) -> Result<Vec<RecordRef>, Rejection> {
        let mut records = vec![self.issue_record()?];
        for phase in self.issued.recipe.phases() {
            let Some(run) = self.phases.get(&phase.id) else { continue };
            records.push(self.phase_record(phase, run)?);
            for (item, known) in &run.items {
                records.push(self.item_record(phase, item, known)?);
            }
        }
        for (id, deviation) in &self.deviations {
            records.push(self.deviation_record(id.as_str(), deviation)?);
        }
        let remarks: Vec<Value> = self
            .remarks
            .iter()
            .map(|r| json!({ "phase": r.phase, "by": r.by, "at": r.at, "claimed": r.claimed }))
            .collect();
        records.push(self.record("remarks", 1, &json!({ "remarks": remarks }))?);
        Ok(records)
    }

    fn record(&self, path: &str, version: u32, content: &Value) -> Result<RecordRef, Rejection> {
        let batch = &self.issued.batch;
        let record = if path.is_empty() { batch.to_string() } else { format!("{batch}/{path}") };
        let whole = json!({ "record": record, "version": version, "content": content });
        Ok(RecordRef { record, version, hash: hash_of(&whole)? })
    }

    fn issue_record(&self) -> Result<RecordRef, Rejection> {
        let issued = serde_json::to_value(&self.issued).map_err(|error| not_encodable(&error.to_string()))?;
        self.record("", 1, &json!({ "issued": issued, "issued_by": self.issued_by, "issued_at": self.issued_at }))
    }

    fn phase_record(&self, phase: &Phase, run: &PhaseRun) -> Result<RecordRef, Rejection> {
        let content = json!({
            "recipe": phase,
            "started_at": run.started_at,
            "started_by": run.started_by,
            "condition_met": run.condition_met,
            "writes": run.writes.iter().map(|(item, write)| json!({
                "item": item, "effect": write.effect, "outcome": write.outcome,
            })).collect::<Vec<_>>(),
        });
        self.record(phase.id.as_str(), 1, &content)
    }

    fn item_record(&self, phase: &Phase, item: &ItemId, known: &RecordedItem) -> Result<RecordRef, Rejection> {
        let parameter = self.issued.recipe.parameter(item);
        let content = json!({
            "phase": phase.name,
            "instruction": phase.instruction,
            "name": self.item_name(phase, item),
            "limits": parameter.map(|p| json!({ "normal": p.normal, "acceptable": p.acceptable, "unit": p.unit })),
            "value": known.value,
            "source": known.source,
            "verdict": known.verdict,
            "performer": known.performer,
            "recorder": known.recorder,
            "at": known.at,
            "entry": known.entry,
        });
        self.record(&format!("{}/{item}", phase.id), known.version, &content)
    }

    fn item_name(&self, phase: &Phase, item: &ItemId) -> Bilingual {
        let of_kind = match &phase.kind {
            PhaseKind::Set { points } => points.iter().find(|p| p.item == *item).map(|p| p.name.clone()),
            PhaseKind::LineClearance { lines } => lines.iter().find(|l| l.item == *item).map(|l| l.text.clone()),
            PhaseKind::IdentityCheck => Some(Bilingual::new("同一性コード(COI)", "Chain-of-identity code")),
            PhaseKind::Instruction
            | PhaseKind::Record { .. }
            | PhaseKind::Calculate { .. }
            | PhaseKind::Wait { .. }
            | PhaseKind::Yield { .. } => None,
        };
        of_kind.or_else(|| self.issued.recipe.parameter(item).map(|p| p.name.clone())).unwrap_or_default()
    }

    fn deviation_record(&self, id: &str, known: &Deviation) -> Result<RecordRef, Rejection> {
        let content = json!({
            "phase": known.phase,
            "item": known.item,
            "cause": known.cause,
            "opened_by": known.opened_by,
            "opened_at": known.opened_at,
            "class": known.class,
            "closed": known.closed.as_ref().map(|(at, signature, _)| json!({ "at": at, "signature": signature })),
        });
        self.record(&format!("deviation/{id}"), 1, &content)
    }
}

fn hash_of(value: &Value) -> Result<Hash, Rejection> {
    let bytes = canonical(value).map_err(|error| not_encodable(&error.to_string()))?;
    Ok(sha256(&[&bytes]))
}

fn nothing_to_sign() -> Rejection {
    Rejection::new(
        "P11-19",
        "署名する記録がありません。画面を開き直してください。",
        "There is no record to sign here. Open the page again.",
    )
}

fn not_encodable(why: &str) -> Rejection {
    Rejection::new(
        "P11-19",
        format!("記録を署名用の形に変換できません({why})。システム管理者に連絡してください。"),
        format!("The record cannot be put into signable form ({why}). Tell the system administrator."),
    )
}
