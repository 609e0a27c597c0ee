//! Seals the samples of every occupancy, hour by hour of facility time and at its end, and those of free equipment by the hour, so
//! that raw data are under the same proof as the record and the unsealed tail stays short.
//!
//! What was sealed is read back from the journal at the start; this file keeps no record of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use mes_core::{
    batch::{Batch, Lifecycle},
    clock::Timestamp,
    engine::{Input, Note, View, samples_stream},
    historian::{
        Chunk, Sample,
        seal::{Period, SealError, seal, seal_free},
    },
    id::{BatchId, EquipmentId, TagId},
    journal::{Event, Owner, SamplesEvent},
    store::{Due, PAGE_ROWS_MAX, SqliteStore, Store, StoreError, due, samples_between},
};

use crate::engine_task::{Sealed, Writer};

/// A period that is sealed at once, in seconds of facility time.
pub const PERIOD_S: i64 = 3_600;
/// Samples of an hour are awaited this long after it, in milliseconds of facility time per unit of clock rate: the writer holds them
/// back for up to a second.
const SETTLE_MS: i64 = 1_500;
/// The same after the end of an occupancy, whose entry takes all samples along that the writer holds.
const END_SETTLE_MS: i64 = 500;
/// After the end of an occupancy, late samples are looked for once, this much later, in milliseconds per unit of clock rate.
const SUPPLEMENT_MS: i64 = 1_800;

/// Why samples could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The store failed.
    #[error("sealing samples")]
    Store(#[from] StoreError),
    /// The samples do not make chunks.
    #[error("sealing samples")]
    Seal(#[from] SealError),
    /// The thread that compresses ended early.
    #[error("sealing samples")]
    Ended(#[from] tokio::task::JoinError),
}

/// What was sealed up to when.
#[derive(Default)]
pub struct Sealing {
    sealed: BTreeMap<(BatchId, EquipmentId), Timestamp>,
    /// Occupancies that were looked through for late samples after their end.
    looked_through: BTreeSet<(BatchId, EquipmentId)>,
    /// The hour up to which free equipment and late samples were looked through.
    hour: Option<Timestamp>,
}

/// Where samples are read and sealed.
#[derive(Clone, Copy)]
struct Place<'a> {
    writer: &'a Writer,
    store: &'a Arc<SqliteStore>,
    view: &'a View,
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
        Ok(Self { sealed, looked_through: BTreeSet::new(), hour: None })
    }

    /// Seals every period that is due in this view.
    pub async fn seal_due(
        &mut self,
        writer: &Writer,
        store: &Arc<SqliteStore>,
        view: &View,
    ) -> Result<(), SealingError> {
        let place = Place { writer, store, view };
        for (id, batch) in view.batches.iter() {
            for unit in batch.issued.equipment.values() {
                let key = (id.clone(), unit.id.clone());
                let mut from = self.sealed.get(&key).copied().unwrap_or(batch.issued_at);
                while let Some(until) = due_until(batch, from, view) {
                    let tags = unit.tags.iter().map(|tag| TagId::new(unit.id.clone(), tag.name.clone()));
                    let tags: Vec<TagId> = tags.collect();
                    if !place.seal_period(id, &unit.id, &tags, from..until).await? {
                        return Ok(());
                    }
                    self.sealed.insert(key.clone(), until);
                    from = until;
                }
                self.after_the_end(place, (id, batch), &unit.id).await?;
            }
        }
        self.by_the_hour(place).await
    }

    /// Samples that were written after their period was sealed form supplements, looked for once after the occupancy has ended.
    async fn after_the_end(
        &mut self,
        place: Place<'_>,
        (id, batch): (&BatchId, &Batch),
        unit: &EquipmentId,
    ) -> Result<(), SealingError> {
        let Some(end) = batch.execution_completed_at else { return Ok(()) };
        let key = (id.clone(), unit.clone());
        if batch.disposed_at.is_some() || self.looked_through.contains(&key) {
            return Ok(());
        }
        let complete = self.sealed.get(&key).is_some_and(|sealed| *sealed > end);
        if complete && settled(place.view, SUPPLEMENT_MS) > end {
            place.supplement(id, unit, batch.issued_at..end.plus_ms(1)).await?;
            self.looked_through.insert(key);
        }
        Ok(())
    }

    /// Once an hour: late samples of running occupancies, and everything of free equipment.
    async fn by_the_hour(&mut self, place: Place<'_>) -> Result<(), SealingError> {
        let hour = hour_of(settled(place.view, SETTLE_MS));
        if self.hour.is_some_and(|done| done >= hour) {
            return Ok(());
        }
        for extent in place.store.tail_extents().await?.into_iter().filter(|extent| extent.from < hour) {
            let occupied = occupancies(place.view, &extent.equipment);
            for (id, period) in &occupied {
                let sealed = self.sealed.get(&((*id).clone(), extent.equipment.clone())).copied();
                let until = sealed.unwrap_or(period.start).min(hour);
                if extent.from < until && period.start < until {
                    place.supplement(id, &extent.equipment, period.start..until).await?;
                }
            }
            for period in hours(hour_of(extent.from)..hour) {
                for free in without(period, occupied.iter().map(|(_, period)| period)) {
                    if !place.seal_free(&extent.equipment, free).await? {
                        return Ok(());
                    }
                }
            }
        }
        self.hour = Some(hour);
        Ok(())
    }
}

impl Place<'_> {
    /// Seals a period of an occupancy, with or without samples.
    async fn seal_period(
        self,
        batch: &BatchId,
        equipment: &EquipmentId,
        tags: &[TagId],
        range: Range<Timestamp>,
    ) -> Result<bool, SealingError> {
        let mut due = due(self.store.as_ref(), equipment, &range).await?;
        // A shared instrument's samples may have been sealed with another occupancy: they are this one's too.
        for tag in tags {
            if !self.store.chunks(tag, range.start, range.end).await?.is_empty() {
                due.samples.retain(|sample| sample.tag != *tag);
                due.samples.extend(samples_between(self.store.as_ref(), tag, range.start, range.end).await?);
            }
        }
        self.seal(batch, equipment, range, due, false).await
    }

    /// Seals what came late, each hour's samples as a supplement of that hour.
    async fn supplement(
        self,
        batch: &BatchId,
        equipment: &EquipmentId,
        range: Range<Timestamp>,
    ) -> Result<(), SealingError> {
        let late = due(self.store.as_ref(), equipment, &range).await?.samples;
        let late_hours: BTreeSet<Timestamp> = late.iter().map(|sample| hour_of(sample.receive_time)).collect();
        for hour in late_hours {
            let period = hour.max(range.start)..hour.plus_s(PERIOD_S).min(range.end);
            let due = due(self.store.as_ref(), equipment, &period).await?;
            self.seal(batch, equipment, period, due, true).await?;
        }
        Ok(())
    }

    async fn seal(
        self,
        batch: &BatchId,
        equipment: &EquipmentId,
        range: Range<Timestamp>,
        due: Due,
        supplement: bool,
    ) -> Result<bool, SealingError> {
        let (batch, equipment) = (batch.clone(), equipment.clone());
        let period = Period { batch, equipment, from: range.start, until: range.end, supplement };
        let (note, chunks) = compress(due.samples, move |samples| {
            seal(period, samples).map(|(sealed, chunks)| (Note::Sealed(sealed), chunks))
        })
        .await?;
        Ok(self
            .enter(note, Sealed { chunks, arrivals: due.arrivals, unsealed: due.unsealed, ..Sealed::default() })
            .await)
    }

    /// Seals what free equipment delivered in a period; a period without samples needs no entry.
    async fn seal_free(self, equipment: &EquipmentId, period: Range<Timestamp>) -> Result<bool, SealingError> {
        let due = due(self.store.as_ref(), equipment, &period).await?;
        let Some(first) = due.samples.first() else { return Ok(true) };
        let supplement = !self.store.chunks(&first.tag, period.start, period.end).await?.is_empty();
        let equipment = equipment.clone();
        let (note, chunks) = compress(due.samples, move |samples| {
            seal_free(equipment, period, samples, supplement)
                .map(|(sealed, chunks)| (Note::FacilitySealed(sealed), chunks))
        })
        .await?;
        Ok(self
            .enter(note, Sealed { chunks, arrivals: due.arrivals, unsealed: due.unsealed, ..Sealed::default() })
            .await)
    }

    async fn enter(self, note: Note, sealed: Sealed) -> bool {
        matches!(self.writer.seal(Input::Note(note), sealed).await, Some(Ok(_)))
    }
}

/// Compresses on a thread of its own: an hour of a fast device takes longer than a page may wait.
async fn compress(
    samples: Vec<Sample>,
    make: impl FnOnce(Vec<Sample>) -> Result<(Note, Vec<Chunk>), SealError> + Send + 'static,
) -> Result<(Note, Vec<Chunk>), SealingError> {
    Ok(tokio::task::spawn_blocking(move || make(samples)).await??)
}

fn settled(view: &View, wait_ms: i64) -> Timestamp {
    view.now.plus_ms(-wait_ms.saturating_mul(i64::from(view.rate)))
}

/// The start of the hour in which a moment lies.
fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_ms(at.as_ms().div_euclid(PERIOD_S * 1000) * PERIOD_S * 1000)
}

/// The hours from one full hour to another.
fn hours(range: Range<Timestamp>) -> impl Iterator<Item = Range<Timestamp>> {
    let next = |start: &Timestamp| Some(start.plus_s(PERIOD_S));
    std::iter::successors(Some(range.start), next)
        .take_while(move |start| *start < range.end)
        .map(|start| start..start.plus_s(PERIOD_S))
}

/// When batches that may still be sealed occupied some equipment; what comes after a disposition is the facility's.
fn occupancies<'a>(view: &'a View, equipment: &EquipmentId) -> Vec<(&'a BatchId, Range<Timestamp>)> {
    let ours = |batch: &Batch| batch.issued.equipment.values().any(|unit| unit.id == *equipment);
    let open = view.batches.iter().filter(|(_, batch)| batch.disposed_at.is_none() && ours(batch));
    let period = |batch: &Batch| {
        let end = batch.execution_completed_at.map(|end| end.plus_ms(1));
        batch.issued_at..end.unwrap_or(Timestamp::from_ms(i64::MAX))
    };
    open.map(|(id, batch)| (id, period(batch))).collect()
}

/// What is left of a period without some others.
fn without<'a>(period: Range<Timestamp>, others: impl Iterator<Item = &'a Range<Timestamp>>) -> Vec<Range<Timestamp>> {
    let mut left = vec![period];
    for other in others {
        let cut = |part: Range<Timestamp>| {
            let before = part.start..other.start.min(part.end);
            let after = other.end.max(part.start)..part.end;
            [before, after].into_iter().filter(|part| part.start < part.end)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

/// The end of the next period that is due, if one is.
fn due_until(batch: &Batch, from: Timestamp, view: &View) -> Option<Timestamp> {
    let hour = hour_of(from).plus_s(PERIOD_S);
    let hour_settled = hour <= settled(view, SETTLE_MS);
    let end = match batch.lifecycle {
        Lifecycle::Issued | Lifecycle::InExecution => None,
        _ => batch.execution_completed_at,
    };
    match end {
        // One millisecond more, so that a sample received in the very instant of the end is inside.
        Some(end) if from > end => None,
        Some(end) => {
            let end = end.plus_ms(1);
            if end <= hour {
                (end <= settled(view, END_SETTLE_MS)).then_some(end)
            } else {
                hour_settled.then_some(hour)
            }
        }
        None => hour_settled.then_some(hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(1_780_002_000_000).plus_s(s)
    }

    #[test]
    fn free_time_is_what_no_batch_occupied() {
        let hour = at(0)..at(3600);
        let left = |others: &[Range<Timestamp>]| without(hour.clone(), others.iter());
        assert_eq!(left(&[]), std::slice::from_ref(&hour));
        assert_eq!(left(&[at(600)..at(1200)]), [at(0)..at(600), at(1200)..at(3600)]);
        assert_eq!(left(&[at(600)..at(1200), at(900)..at(9000)]), [at(0)..at(600)]);
        assert_eq!(left(&[at(-600)..at(9000)]), []);
        assert_eq!(left(&[at(-600)..at(-60), at(4000)..at(9000)]), std::slice::from_ref(&hour));
    }

    #[test]
    fn periods_are_full_hours() {
        assert_eq!(hour_of(at(0)).as_ms() % 3_600_000, 0);
        let start = hour_of(at(0));
        let hours: Vec<_> = hours(start..start.plus_s(7200)).collect();
        assert_eq!(hours, [start..start.plus_s(3600), start.plus_s(3600)..start.plus_s(7200)]);
    }
}
