//! Up to where the records of devices that measure in records have been taken, so that a link that starts anew fetches none twice.
//!
//! What is kept says so, not the memory of a driver, which ends with its link. It judges no value.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use mes_core::{
    clock::Timestamp,
    engine::View,
    historian::Sample,
    id::{EquipmentId, TagId, TagName},
    store::{SqliteStore, Store, StoreError, samples_between},
};
use tokio::sync::watch;

/// How far back the last record is looked for, step by step, in milliseconds: an hour, a day, sixteen days, a year.
const STEPS_MS: [i64; 4] = [3_600_000, 24 * 3_600_000, 16 * 24 * 3_600_000, 366 * 24 * 3_600_000];

/// Who knows what was taken.
#[derive(Debug, Clone)]
pub enum RecordsTaken {
    /// The core: where samples are kept, and what was read last.
    Core(Arc<SqliteStore>, watch::Receiver<Arc<View>>),
    /// The gateway, which has no store of its own.
    Gateway(Arc<RecordNotes>),
}

impl RecordsTaken {
    /// The device's own time of the newest record that was taken from it; none of a device that has none, or that was never read.
    pub async fn until(&self, equipment: &EquipmentId, record_tags: &[TagName]) -> Option<Timestamp> {
        let mut newest = None;
        for name in record_tags {
            let tag = TagId::new(equipment.clone(), name.clone());
            let at = match self {
                Self::Core(store, views) => {
                    // What was read in this run may not be durable yet, but is on its way.
                    let read = views.borrow().readings.get(&tag).and_then(|reading| reading.sample.source_time);
                    match read {
                        Some(at) => Some(at),
                        None => newest_kept(store, &tag).await.unwrap_or_else(|error| {
                            let error: &dyn std::error::Error = &error;
                            tracing::error!(error, %tag, "what was taken cannot be read; records may be fetched again");
                            None
                        }),
                    }
                }
                Self::Gateway(notes) => notes.of(tag),
            };
            newest = newest.max(at);
        }
        newest
    }
}

/// What the gateway notes of the records that it has put into its queues: of each tag of records, the newest source time.
#[derive(Debug, Default)]
pub struct RecordNotes(Mutex<(BTreeMap<TagId, Option<Timestamp>>, bool)>);

impl RecordNotes {
    /// As they were written down.
    pub fn new(notes: BTreeMap<TagId, Option<Timestamp>>) -> Self {
        Self(Mutex::new((notes, false)))
    }

    /// From now on the tag is noted.
    fn of(&self, tag: TagId) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).0.entry(tag).or_default()
    }

    /// Samples are in their queue.
    pub fn note(&self, samples: &[Sample]) {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (notes, changed) = &mut *inside;
        for sample in samples {
            if let (Some(known), Some(at)) = (notes.get_mut(&sample.tag), sample.source_time) {
                *changed |= *known != Some(at);
                *known = Some(at);
            }
        }
    }

    /// All notes, if they changed since the last call.
    pub fn changed(&self) -> Option<BTreeMap<TagId, Option<Timestamp>>> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inside.1).then(|| inside.0.clone())
    }
}

/// The newest source time of a tag: samples without one say only that the link was down.
async fn newest_kept(store: &SqliteStore, tag: &TagId) -> Result<Option<Timestamp>, StoreError> {
    let Some(newest) = store.newest(tag).await? else { return Ok(None) };
    if newest.source_time.is_some() {
        return Ok(newest.source_time);
    }
    let mut until = newest.receive_time;
    for step_ms in STEPS_MS {
        let from = until.plus_ms(-step_ms);
        let samples = samples_between(store, tag, from, until).await?;
        if let Some(at) = samples.iter().rev().find_map(|sample| sample.source_time) {
            return Ok(Some(at));
        }
        until = from;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use mes_core::historian::Quality;

    use super::*;

    fn sample(tag: &str, at_ms: Option<i64>) -> Sample {
        Sample {
            tag: tag.parse().unwrap(),
            value: None,
            quality: Quality::GOOD,
            source_time: at_ms.map(Timestamp::from_ms),
            server_time: None,
            receive_time: Timestamp::from_ms(99),
            seq: 1,
            overflow: false,
        }
    }

    #[tokio::test]
    async fn the_gateway_notes_the_newest_record_of_the_tags_that_were_asked_for_and_finds_it_again() {
        let (unit, names): (EquipmentId, Vec<TagName>) = ("PC-1".parse().unwrap(), vec!["n".parse().unwrap()]);
        let notes = Arc::new(RecordNotes::default());
        let taken = RecordsTaken::Gateway(Arc::clone(&notes));
        assert_eq!(taken.until(&unit, &names).await, None);
        notes.note(&[
            sample("PC-1/n", Some(1)),
            sample("PC-1/n", Some(2)),
            sample("PC-1/n", None),
            sample("X/n", Some(9)),
        ]);
        let written = notes.changed().unwrap();
        assert!(notes.changed().is_none(), "nothing is written twice");
        let text = serde_json::to_string(&written).unwrap();
        let again = RecordsTaken::Gateway(Arc::new(RecordNotes::new(serde_json::from_str(&text).unwrap())));
        assert_eq!(again.until(&unit, &names).await, Some(Timestamp::from_ms(2)));
    }
}
