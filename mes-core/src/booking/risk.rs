//! The risk assessment of co-location (ATMP-01 to ATMP-04), its signature and those that follow it: what is signed at each step
//! from a tentative booking to a confirmed one (BKG-02).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    access::{Meaning, RecordRef, Rejection, Statement},
    booking::{Booking, Infection},
    clock::Timestamp,
    id::{BookingId, PersonId, SignatureId},
    journal::{
        Hash,
        encode::{canonical_of, sha256},
    },
    quantity::Language,
};

/// A question of the assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskQuestion {
    /// ATMP-01: every batch in the room at the time is in a separate closed system, or is the only one.
    Separated,
    /// ATMP-02: no more than one safety cabinet is in use in the room, or their use is separated by an approved rationale.
    Cabinets,
    /// ATMP-03: no other viral vector at the same time without full exhaust and separate waste flow.
    Vectors,
    /// ATMP-04: infected or replication-competent material shares no incubator and no storage.
    Infected,
}

impl RiskQuestion {
    /// All questions, in the order in which they are asked.
    pub const ALL: [Self; 4] = [Self::Separated, Self::Cabinets, Self::Vectors, Self::Infected];

    /// The rule behind it.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Separated => "ATMP-01",
            Self::Cabinets => "ATMP-02",
            Self::Vectors => "ATMP-03",
            Self::Infected => "ATMP-04",
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskAnswer {
    /// It is so.
    Satisfied,
    /// The question does not arise.
    NotApplicable,
    /// It is not so.
    NotSatisfied,
}

/// A risk assessment of co-location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskAssessment {
    /// An answer to every question.
    pub answers: BTreeMap<RiskQuestion, RiskAnswer>,
    /// Whether the facility can take the booking.
    pub acceptable: bool,
}

impl RiskAssessment {
    /// Whether the answers are complete and the conclusion follows from them; `viral` as the recipe says.
    ///
    /// # Errors
    /// The rule that a question stands for, or `BKG-02`.
    pub fn check(&self, booking: &Booking, viral: bool) -> Result<(), Rejection> {
        if let Some(open) = RiskQuestion::ALL.into_iter().find(|question| !self.answers.contains_key(question)) {
            return Err(no(open.rule(), "すべての質問に答えてください。", "Answer every question."));
        }
        let answered = |question, answer| self.answers.get(&question) == Some(&answer);
        let infection = booking.hold.as_ref().map_or(Infection::Unknown, |hold| hold.stated.infection);
        if viral && answered(RiskQuestion::Vectors, RiskAnswer::NotApplicable) {
            return Err(no(
                "ATMP-03",
                "このレシピはウイルスベクターを使います。「該当なし」とは答えられません。",
                "This recipe uses a viral vector: \"not applicable\" is no answer here.",
            ));
        }
        if infection != Infection::Negative && answered(RiskQuestion::Infected, RiskAnswer::NotApplicable) {
            return Err(no(
                "ATMP-04",
                "原料の感染状態が陰性と確認されていません。「該当なし」とは答えられません。",
                "The starting material is not known to be free of infection: \"not applicable\" is no answer here.",
            ));
        }
        let against = RiskQuestion::ALL.into_iter().find(|question| answered(*question, RiskAnswer::NotSatisfied));
        match against {
            Some(question) if self.acceptable => Err(no(
                question.rule(),
                "満たさない項目がある場合、「受入可」と結論できません。",
                "What is not satisfied cannot be concluded to be acceptable.",
            )),
            _ => Ok(()),
        }
    }
}

fn no(rule: &str, ja: &str, en: &str) -> Rejection {
    Rejection::new(rule, ja, en).about("risk")
}

/// A signed step of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingStep {
    /// Risk assessment of co-location リスク評価.
    RiskAssessment,
    /// Quality's approval 品質保証の承認.
    Approval,
    /// Confirmation 予約確定.
    Confirmation,
    /// The tenant's consent to a move beyond its agreement 枠変更の承諾.
    Consent,
}

impl BookingStep {
    /// What a signature at this step means.
    pub fn meaning(self) -> Meaning {
        match self {
            Self::RiskAssessment => Meaning::Reviewed,
            Self::Approval | Self::Confirmation | Self::Consent => Meaning::Approved,
        }
    }
}

/// A signature as the dialog posts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingSignature {
    /// Hash of the statement shown.
    pub statement: Hash,
    /// When it was shown.
    pub shown_at: Timestamp,
    /// In which language.
    pub language: Language,
    /// New signature's id.
    pub signature: SignatureId,
}

#[derive(Serialize)]
struct BookingRecord<'a> {
    booking: &'a BookingId,
    tenant: &'a crate::id::TenantId,
    product: &'a crate::id::ProductId,
    recipe: &'a crate::id::RecipeId,
    version: u32,
    window: &'a super::BookingWindow,
    hold: &'a Option<super::Hold>,
}

#[derive(Serialize)]
struct RiskRecord<'a> {
    assessment: &'a RiskAssessment,
    text: Option<&'a str>,
}

fn record(name: String, version: u32, content: &impl Serialize) -> Result<RecordRef, Rejection> {
    let bytes = canonical_of(content).map_err(|error| {
        Rejection::new(
            "P11-19",
            format!("署名文を変換できません({error})。システム管理者に連絡してください。"),
            format!("The statement cannot be put into canonical form ({error}). Tell the system administrator."),
        )
    })?;
    Ok(RecordRef { record: name, version, hash: sha256(&[&bytes]) })
}

/// What is signed at a step: every booking of the request as it stands, and with an approval or a confirmation what was signed
/// before it; with a consent the one booking and the move proposed for it. `drafted` is the assessment that is to be signed now.
///
/// # Errors
/// A step whose predecessor is missing.
pub fn booking_statement(
    step: BookingStep,
    bookings: &[(&BookingId, &Booking)],
    drafted: Option<(&RiskAssessment, Option<&str>)>,
    signer: &PersonId,
    (shown_at, language): (Timestamp, Language),
) -> Result<Statement, Rejection> {
    let mut records = Vec::new();
    for (id, booking) in bookings {
        let content = BookingRecord {
            booking: id,
            tenant: &booking.tenant,
            product: &booking.product,
            recipe: &booking.recipe,
            version: booking.version,
            window: &booking.window,
            hold: &booking.hold,
        };
        records.push(record((*id).to_string(), 1, &content)?);
        if step == BookingStep::Consent {
            let proposed = booking.proposed.as_ref().ok_or_else(Rejection::not_found)?;
            records.push(record(format!("{id}/move"), 1, proposed)?);
            continue;
        }
        let before = booking.assessed.as_ref();
        let (assessment, text, version) = match (step, drafted, before) {
            (BookingStep::RiskAssessment, Some((assessment, text)), _) => {
                (assessment, text, before.map_or(0, |assessed| assessed.version).saturating_add(1))
            }
            (BookingStep::Approval | BookingStep::Confirmation, _, Some(assessed)) => {
                (&assessed.assessment, assessed.text.as_deref(), assessed.version)
            }
            _ => return Err(not_assessed()),
        };
        records.push(record(format!("{id}/risk"), version, &RiskRecord { assessment, text })?);
        if step == BookingStep::Confirmation {
            let approval = booking.approval.as_ref().ok_or_else(not_approved)?;
            records.push(RecordRef { record: format!("{id}/approval"), version, hash: approval.statement_hash });
        }
    }
    records.sort();
    Ok(Statement { records, meaning: step.meaning(), signer: signer.clone(), shown_at, language })
}

/// There is no assessment yet.
pub(super) fn not_assessed() -> Rejection {
    Rejection::new(
        "BKG-02",
        "同居のリスク評価がまだです。評価に署名してから進めてください。",
        "The risk of co-location is not assessed yet. Have the assessment signed first.",
    )
}

/// Quality has not approved yet.
pub(super) fn not_approved() -> Rejection {
    Rejection::new(
        "BKG-02",
        "品質保証の承認がまだです。承認後に予約を確定してください。",
        "Quality assurance has not approved this booking. Have it approved before confirming.",
    )
}
