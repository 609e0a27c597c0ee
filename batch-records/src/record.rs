//! The executed batch record 製造記録書: a pure function of journal entries and sealed samples. No entry, no statement.
//!
//! It asks no clock, no store and no network, and judges nothing again: what it says, an entry said.

use std::collections::BTreeMap;

use mes_core::{
    clock::Timestamp,
    historian::ChunkError,
    id::{BatchId, TagId},
    journal::{Entry, EntryId, EventError, Hash, Owner, Purpose, SequenceError, StreamId},
    quantity::Bilingual,
};
use serde::Serialize;

use crate::{
    audit::{self, AuditLine},
    document::Section,
    exception::{self, Exception},
    section,
    source::Source,
    trend::{self, Trend},
    wording,
};

/// Name of the form of record.json.
pub const RECORD_FORM: &str = "catapult-record-1";
/// What made a record; two records of the same entries are equal when this is equal.
pub const RENDERER: &str = concat!("catapult-mes batch-records ", env!("CARGO_PKG_VERSION"));

/// Why entries do not make a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// An entry is not what it claims to be.
    #[error("an entry does not hold together")]
    Entry(#[source] Box<SequenceError>),
    /// An entry cannot be read as an event.
    #[error("entry {entry} cannot be read")]
    Event {
        /// The entry.
        entry: EntryId,
        /// Why.
        #[source]
        source: EventError,
    },
    /// The part that says who acted cannot be read.
    #[error("entry {entry} does not say who acted in a form this software knows")]
    Who {
        /// The entry.
        entry: EntryId,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An entry is there twice.
    #[error("entry {entry} is there twice")]
    Twice {
        /// The entry.
        entry: EntryId,
    },
    /// There is not exactly one issue.
    #[error("a record needs exactly one disclosed entry batch.issued, {found} were found")]
    Issues {
        /// How many there are.
        found: usize,
    },
    /// An entry of another batch is among them.
    #[error("entry {entry} belongs to {stream}, another batch")]
    OtherBatch {
        /// The entry.
        entry: EntryId,
        /// Its stream.
        stream: StreamId,
    },
    /// A chunk cannot be read.
    #[error("the sealed chunk {hash} of {tag} cannot be read")]
    Chunk {
        /// Its hash.
        hash: Hash,
        /// Its tag.
        tag: TagId,
        /// Why.
        #[source]
        source: Box<ChunkError>,
    },
    /// A chunk that no entry seals.
    #[error("the chunk {hash} is sealed by no entry of this batch")]
    Unsealed {
        /// Its hash.
        hash: Hash,
    },
    /// The entries say another purpose than the caller.
    #[error("the journal's first entry says its purpose is {said}, not {asked}")]
    Purpose {
        /// As the entry says.
        said: Purpose,
        /// As asked.
        asked: Purpose,
    },
}

/// What identifies the batch, for machines and for the head of each page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Always [`RECORD_FORM`].
    pub form: &'static str,
    /// What made this record.
    pub renderer: &'static str,
    /// What the journal is for.
    pub purpose: Purpose,
    /// The purpose as every page prints it; missing in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose_mark: Option<Bilingual>,
    /// Batch.
    pub batch: String,
    /// Lot 製造番号.
    pub lot: String,
    /// Product code.
    pub product: String,
    /// Product name.
    pub product_name: Bilingual,
    /// Recipe and its version.
    pub recipe: String,
    /// Tenant.
    pub tenant: Bilingual,
    /// Facility.
    pub facility: Bilingual,
    /// Permit number printed on the record.
    pub permit: String,
    /// Who manufactures under the agreement.
    pub manufacturer: Bilingual,
    /// Chain-of-identity code.
    pub coi: String,
    /// Where the batch stands.
    pub lifecycle: Bilingual,
    /// Whose entries.
    pub owner: Owner,
    /// Time of the newest entry: the date of this record.
    pub as_of: Timestamp,
    /// Number of entries.
    pub entries: u64,
}

/// An executed batch record.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// What identifies it.
    pub head: Head,
    /// What QA sees first.
    pub exceptions: Vec<Exception>,
    /// The 31 sections.
    pub sections: Vec<Section>,
    /// Trends.
    pub trends: Vec<Trend>,
    /// Every entry with the fields of REQUIREMENTS 4.2.
    pub audit_trail: Vec<AuditLine>,
    /// Every sample as CSV.
    pub trend_csv: String,
    /// The batch.
    pub batch: BatchId,
    /// Sealed chunks that are not in this record: tag and hash.
    pub chunks_missing: Vec<(TagId, Hash)>,
}

impl BatchRecord {
    /// The record that the entries and the bytes of the sealed chunks make, when the journal's first entry is among them.
    ///
    /// # Errors
    /// When the entries do not hold together or cannot be read; a missing purpose counts as production, the strictest.
    pub fn from_entries(entries: &[Entry], chunks: &[Vec<u8>]) -> Result<Self, RecordError> {
        let source = Source::read(entries, chunks)?;
        let purpose = source.purpose.unwrap_or(Purpose::Production);
        Ok(Self::of(&source, purpose))
    }
    /// The same for a journal whose purpose is known from elsewhere: from a signed checkpoint, or from the running system.
    ///
    /// # Errors
    /// As [`Self::from_entries`], and when the entries say another purpose.
    pub fn with_purpose(entries: &[Entry], chunks: &[Vec<u8>], purpose: Purpose) -> Result<Self, RecordError> {
        let source = Source::read(entries, chunks)?;
        match source.purpose {
            Some(said) if said != purpose => Err(RecordError::Purpose { said, asked: purpose }),
            _ => Ok(Self::of(&source, purpose)),
        }
    }
    fn of(source: &Source, purpose: Purpose) -> Self {
        let trends = trend::trends(&source.batch, &source.series, purpose);
        let units: BTreeMap<TagId, String> =
            trends.iter().map(|trend| (trend.tag.clone(), trend.unit.clone())).collect();
        Self {
            head: head(source, purpose),
            exceptions: exception::exceptions(source, &trends),
            sections: section::all(source, &trends),
            audit_trail: audit::trail(source),
            trend_csv: trend::csv(&source.series, &units),
            batch: source.issued().batch.clone(),
            chunks_missing: source
                .series
                .iter()
                .flat_map(|of| of.missing.iter().map(|(_, chunk)| (chunk.tag.clone(), chunk.hash)))
                .collect(),
            trends,
        }
    }
}

fn head(source: &Source, purpose: Purpose) -> Head {
    let issued = source.issued();
    let header = &issued.recipe.header;
    let epoch = || Timestamp::from_ms(0);
    Head {
        form: RECORD_FORM,
        renderer: RENDERER,
        purpose,
        purpose_mark: (!purpose.is_production()).then(|| wording::purpose(purpose)),
        batch: issued.batch.to_string(),
        lot: issued.lot.clone(),
        product: header.product.to_string(),
        product_name: header.product_name.clone(),
        recipe: format!("{} v{}", header.id, header.version),
        tenant: issued.tenant.name.clone(),
        facility: issued.facility.name.clone(),
        permit: issued.agreement.permit.clone(),
        manufacturer: wording::manufacturer(issued.agreement.manufacturer),
        coi: issued.coi.clone(),
        lifecycle: wording::lifecycle(source.batch.lifecycle),
        owner: Owner::Tenant(issued.tenant.id.clone()),
        as_of: source.lines.last().map_or_else(epoch, |line| line.at()),
        entries: source.lines.len() as u64,
    }
}
