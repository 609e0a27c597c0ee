//! Seals the samples of every occupancy, hour by hour of facility time and at its end, so that raw data are under the same proof
//! as the record.
//!
//! What was sealed is read back from the journal at the start; this file keeps no record of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mes_core::{
    batch::{Batch, Lifecycle},
    clock::Timestamp,
    engine::{Input, Note, View, samples_stream},
    historian::{
        Sample,
        seal::{Period, SealError, seal},
    },
    id::{BatchId, EquipmentId},
    journal::{Event, Owner, SamplesEvent},
    store::{PAGE_ROWS_MAX, SqliteStore, Store, StoreError},
};

use crate::engine_task::Writer;

/// A period that is sealed at once, in seconds of facility time.
pub const PERIOD_S: i64 = 3_600;
/// Samples on their way when an occupancy ends are awaited this long, in milliseconds of facility time per unit of clock rate.
const SETTLE_MS: i64 = 500;
/// After the end of an occupancy, late samples are looked for once, this much later, in milliseconds per unit of clock rate.
const SUPPLEMENT_MS: i64 = 800;

/// Why samples could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The store failed.
    #[error("sealing samples")]
    Store(#[from] StoreError),
    /// The samples do not make chunks.
    #[error("sealing samples")]
    Seal(#[from] SealError),
}

/// What was sealed up to when.
#[derive(Default)]
pub struct Sealing {
    sealed: BTreeMap<(BatchId, EquipmentId), Timestamp>,
    /// Occupancies that were looked through for late samples after their end.
    looked_through: BTreeSet<(BatchId, EquipmentId)>,
}

impl Sealing {
    /// Reads back what was sealed of the batches in a view.
    pub async fn resume(store: &SqliteStore, view: &View) -> Result<Self, StoreError> {
        let mut sealed = BTreeMap::new();
        for (id, batch) in view.batches.iter() {
            for unit in batch.issued.equipment.values() {
                let owner = Owner::Tenant(batch.issued.owner().clone());
                let stream = samples_stream(id, &unit.id);
                let mut after = 0;
                loop {
                    let page = store.stream(&owner, &stream, after, PAGE_ROWS_MAX).await?;
                    let Some(last) = page.last() else { break };
                    after = last.entry.envelope.stream_seq;
                    for stored in &page {
                        if let Ok(Event::Samples(SamplesEvent::Sealed { sealed: period })) = Event::of(&stored.entry) {
                            let until = sealed.entry((id.clone(), unit.id.clone())).or_insert(period.until);
                            *until = period.until.max(*until);
                        }
                    }
                }
            }
        }
        Ok(Self { sealed, looked_through: BTreeSet::new() })
    }

    /// Seals every period that is due in this view.
    pub async fn seal_due(
        &mut self,
        writer: &Writer,
        store: &Arc<SqliteStore>,
        view: &View,
    ) -> Result<(), SealingError> {
        for (id, batch) in view.batches.iter() {
            for unit in batch.issued.equipment.values() {
                let key = (id.clone(), unit.id.clone());
                let mut from = self.sealed.get(&key).copied().unwrap_or(batch.issued_at);
                while let Some(until) = due(batch, from, view) {
                    let period =
                        Period { batch: id.clone(), equipment: unit.id.clone(), from, until, supplement: false };
                    if !self.seal_one(writer, store, period, view).await? {
                        return Ok(());
                    }
                    self.sealed.insert(key.clone(), until);
                    from = until;
                }
                self.supplement(writer, store, view, (id, batch), &unit.id).await?;
            }
        }
        Ok(())
    }

    /// Samples that were written after their period was sealed form a supplement of the occupancy, once it has ended.
    async fn supplement(
        &mut self,
        writer: &Writer,
        store: &Arc<SqliteStore>,
        view: &View,
        (id, batch): (&BatchId, &Batch),
        unit: &EquipmentId,
    ) -> Result<(), SealingError> {
        let Some(end) = batch.execution_completed_at else { return Ok(()) };
        let until = end.plus_ms(1);
        let key = (id.clone(), unit.clone());
        let complete = self.sealed.get(&key).is_some_and(|sealed| *sealed >= until);
        let settled = view.now.plus_ms(-SUPPLEMENT_MS.saturating_mul(i64::from(view.rate))) >= until;
        if !complete || !settled || batch.disposed_at.is_some() || self.looked_through.contains(&key) {
            return Ok(());
        }
        let period =
            Period { batch: id.clone(), equipment: unit.clone(), from: batch.issued_at, until, supplement: true };
        let late = view.readings.keys().filter(|tag| tag.equipment == *unit);
        for tag in late {
            if !store.tail(tag, period.from, period.until).await?.is_empty() {
                self.seal_one(writer, store, period, view).await?;
                break;
            }
        }
        self.looked_through.insert(key);
        Ok(())
    }

    async fn seal_one(
        &self,
        writer: &Writer,
        store: &Arc<SqliteStore>,
        period: Period,
        view: &View,
    ) -> Result<bool, SealingError> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut arrivals = Vec::new();
        let tags = view.readings.keys().filter(|tag| tag.equipment == period.equipment);
        for tag in tags {
            for tail in store.tail(tag, period.from, period.until).await? {
                arrivals.push(tail.arrival);
                samples.push(tail.sample);
            }
        }
        let (sealed, chunks) = seal(period, samples)?;
        let decision = writer.seal(Input::Note(Note::Sealed(sealed)), chunks, arrivals).await;
        Ok(matches!(decision, Some(Ok(_))))
    }
}

/// The end of the next period that is due, if one is.
fn due(batch: &Batch, from: Timestamp, view: &View) -> Option<Timestamp> {
    let hour = Timestamp::from_ms((from.as_ms().div_euclid(PERIOD_S * 1000) + 1) * PERIOD_S * 1000);
    let settled = view.now.plus_ms(-SETTLE_MS.saturating_mul(i64::from(view.rate)));
    let end = match batch.lifecycle {
        Lifecycle::Issued | Lifecycle::InExecution => None,
        _ => batch.execution_completed_at,
    };
    match end {
        // One millisecond more, so that a sample received in the very instant of the end is inside.
        Some(end) if from > end => None,
        Some(end) => {
            let until = hour.min(end.plus_ms(1));
            (until <= settled).then_some(until)
        }
        None => (hour <= settled).then_some(hour),
    }
}
