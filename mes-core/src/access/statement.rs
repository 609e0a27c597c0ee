//! What is signed: a statement, the canonical list of (record id, version, hash) with meaning, person, time and language shown.
//!
//! The hash of a record covers both languages and the values frozen before the dialog opened. The page posts the statement's
//! hash back; `decide` rebuilds the statement and refuses when it differs. A signature row copied elsewhere does not verify,
//! because the statement names the records.

use serde::{Deserialize, Serialize};

use crate::{
    access::{AuthMethod, Rejection},
    booking::BookingStep,
    clock::Timestamp,
    id::{BookingId, DeviationId, ItemId, PersonId, PhaseId, RecipeId, SignatureId},
    journal::{
        Hash,
        encode::{canonical_of, sha256},
    },
    quantity::Language,
    tenant::Role,
};

/// Meaning of a signature 署名の意味 (REQUIREMENTS 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Performed 実施.
    Performed,
    /// Verified by a second person 二重確認.
    Verified,
    /// Authored 作成.
    Authored,
    /// Reviewed 照査.
    Reviewed,
    /// Approved 承認.
    Approved,
    /// Released 出荷判定.
    Released,
    /// Rejected 却下.
    Rejected,
    /// Witnessed 証人.
    Witnessed,
}

/// One record that a statement covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordRef {
    /// Record id, e.g. `MSC-2607-01/P030/viability`.
    pub record: String,
    /// Version of the record, from 1.
    pub version: u32,
    /// SHA-256 over the canonical record.
    pub hash: Hash,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The records, in canonical order.
    pub records: Vec<RecordRef>,
    /// The meaning.
    pub meaning: Meaning,
    /// Who signs.
    pub signer: PersonId,
    /// When the dialog was opened, and its values frozen (facility time).
    pub shown_at: Timestamp,
    /// In which language.
    pub language: Language,
}

impl Statement {
    /// SHA-256 over the canonical statement: what the page posts back, and what `decide` compares.
    ///
    /// # Errors
    /// A statement that has no canonical form; none that this crate makes.
    pub fn hash(&self) -> Result<Hash, Rejection> {
        let bytes = canonical_of(self).map_err(|error| {
            Rejection::new(
                "P11-19",
                format!("署名文を変換できません({error})。システム管理者に連絡してください。"),
                format!("The statement cannot be put into canonical form ({error}). Tell the system administrator."),
            )
        })?;
        Ok(sha256(&[&bytes]))
    }

    /// The statement that approves a version of a master recipe, whose record is the recipe's hash.
    pub fn of_recipe(
        (recipe, version, hash): (&RecipeId, u32, Hash),
        signer: &PersonId,
        shown_at: Timestamp,
        language: Language,
    ) -> Self {
        let records = vec![RecordRef { record: recipe.to_string(), version, hash }];
        Self { records, meaning: Meaning::Approved, signer: signer.clone(), shown_at, language }
    }
}

/// What a signature is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// All items of a phase.
    Phase(PhaseId),
    /// Corrected items of a phase that was signed before.
    Corrections(PhaseId),
    /// Items of a phase that somebody else entered for the performer (countersignature).
    Items(PhaseId, Vec<ItemId>),
    /// The closure of a deviation.
    Deviation(DeviationId),
    /// The issue of the batch 製造指図.
    Issue,
    /// Production review 製造管理の確認.
    ProductionReview,
    /// Quality review with audit-trail review 照査.
    QualityReview,
    /// Disposition 出荷判定.
    Disposition,
    /// The approval of a master recipe's version; not about any batch.
    Recipe(RecipeId, u32),
    /// A step of a booking, before there is a batch.
    Booking(BookingId, BookingStep),
}

/// Standing of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureStatus {
    /// Valid for all it covers.
    Valid,
    /// Still valid for the other items; these were corrected since.
    SupersededFor(Vec<ItemId>),
    /// No longer valid; what it covered changed.
    Superseded,
    /// Rejected by a second person; the reason is in the rejecting entry.
    Rejected,
}

/// An electronic signature with all that is printed (REQUIREMENTS 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Its id.
    pub id: SignatureId,
    /// What it is about.
    pub subject: Subject,
    /// What was signed.
    pub statement: Statement,
    /// SHA-256 over the canonical statement.
    pub statement_hash: Hash,
    /// Full printed name, kanji and romaji, at the time.
    pub name: String,
    /// Role in effect.
    pub role: Role,
    /// When (facility time).
    pub at: Timestamp,
    /// How the signer was authenticated for this signature.
    pub method: AuthMethod,
}
