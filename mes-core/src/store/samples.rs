//! The samples of a tag or of equipment wherever they lie, sealed or not: every sample of a range, its trend, and what is
//! due to be sealed.

use std::ops::Range;

use super::{Store, StoreError, TailStored};
use crate::{
    clock::Timestamp,
    historian::{Chunk, Downsampler, Point, Qualities, Sample, Trend, tail},
    id::{EquipmentId, TagId, TagName},
};

/// Sealed chunks of a trend are read in steps of so many milliseconds (16 days), lest a year lie in memory at once.
const STEP_MS: i64 = 16 * 24 * 3_600_000;

/// The samples of a chunk, checked against what is known of it.
pub(super) fn decode(chunk: &Chunk) -> Result<Vec<Sample>, StoreError> {
    let hash = chunk.reference.hash;
    let (found, samples) =
        Chunk::decode(&chunk.bytes).map_err(|cause| StoreError::Chunk { hash, cause: Box::new(cause) })?;
    if found == chunk.reference { Ok(samples) } else { Err(other(chunk)) }
}

fn other(chunk: &Chunk) -> StoreError {
    let what = format!("the chunk {}", chunk.reference.hash);
    StoreError::Unreadable { what, cause: "it is not what was sealed".into() }
}

/// The samples of a row of the tail; those of one tag only, when `only` names one.
pub(super) fn read_row(stored: &TailStored, only: Option<&TagName>) -> Result<Vec<Sample>, StoreError> {
    let row = &stored.row;
    tail::read(&row.equipment, &row.bytes, only).map_err(|cause| StoreError::Unreadable {
        what: format!("row {} of the tail", stored.arrival),
        cause: Box::new(cause),
    })
}

async fn unsealed<S: Store>(store: &S, tag: &TagId, range: &Range<Timestamp>) -> Result<Vec<Sample>, StoreError> {
    let mut samples = Vec::new();
    for row in store.tail(&tag.equipment, range.start, range.end).await? {
        let read = read_row(&row, Some(&tag.name))?;
        samples.extend(read.into_iter().filter(|sample| range.contains(&sample.receive_time)));
    }
    Ok(samples)
}

/// All samples of a tag received from `from` (inclusive) to `until` (exclusive), sealed or not, by receive time and
/// number, each once: a shared instrument's sample may lie in the chunks of two occupancies.
///
/// # Errors
/// When the store fails, or a sealed chunk is not what it was.
pub async fn samples_between<S: Store>(
    store: &S,
    tag: &TagId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Sample>, StoreError> {
    // The tail is read first: a sample sealed in between is then seen twice rather than not at all.
    let tail = unsealed(store, tag, &(from..until)).await?;
    let mut samples = Vec::new();
    for chunk in store.chunks(tag, from, until).await? {
        let read = decode(&chunk)?.into_iter();
        samples.extend(read.filter(|sample| (from..until).contains(&sample.receive_time)));
    }
    samples.extend(tail);
    samples.sort_by_key(|sample| (sample.receive_time, sample.seq));
    samples.dedup();
    Ok(samples)
}

/// The trend of a tag from `from` (inclusive) to `until` (exclusive) in so many slices: extremes kept, gaps named.
///
/// Every chunk's hash is checked; its content is not expanded a second time, as [`samples_between`] does.
///
/// # Errors
/// When the store fails, or a sealed chunk is not what it was.
pub async fn trend<S: Store>(
    store: &S,
    tag: &TagId,
    range: Range<Timestamp>,
    slices: usize,
) -> Result<Trend, StoreError> {
    let mut merge = Merge::new(&range, slices);
    let tail = unsealed(store, tag, &range).await?;
    merge.tail = tail.iter().map(|sample| Point::of(sample, &mut merge.qualities)).collect();
    merge.tail.sort_by_key(order);
    merge.tail.reverse();
    let mut start = range.start;
    while start < range.end {
        let end = start.plus_ms(STEP_MS).min(range.end);
        for chunk in store.chunks(tag, start, end).await? {
            // A chunk that began in the step before was read there.
            if start == range.start || chunk.reference.from >= start {
                merge.add(&chunk)?;
            }
        }
        start = end;
    }
    Ok(merge.finish())
}

fn order(point: &Point) -> (i64, u64) {
    (point.ms, point.seq)
}

/// Chunks come by the time of their first sample. Those that overlap, as supplements do, are sorted together.
struct Merge {
    sampler: Downsampler,
    qualities: Qualities,
    group: Vec<Point>,
    until: i64,
    in_order: bool,
    /// Unsealed points, the newest first.
    tail: Vec<Point>,
}

impl Merge {
    fn new(range: &Range<Timestamp>, slices: usize) -> Self {
        Self {
            sampler: Downsampler::new(range.start, range.end, slices),
            qualities: Qualities::default(),
            group: Vec::new(),
            until: i64::MIN,
            in_order: true,
            tail: Vec::new(),
        }
    }

    fn add(&mut self, chunk: &Chunk) -> Result<(), StoreError> {
        let hash = chunk.reference.hash;
        if chunk.reference.from.as_ms() > self.until {
            self.flush();
        } else {
            self.in_order = false;
        }
        let found = Chunk::points(&chunk.bytes, &mut self.qualities, &mut self.group);
        let found = found.map_err(|cause| StoreError::Chunk { hash, cause: Box::new(cause) })?;
        self.until = self.until.max(found.until.as_ms());
        if found == chunk.reference { Ok(()) } else { Err(other(chunk)) }
    }

    fn flush(&mut self) {
        while let Some(point) = self.tail.pop_if(|point| point.ms <= self.until) {
            self.group.push(point);
            self.in_order = false;
        }
        if !self.in_order {
            self.group.sort_by_key(order);
        }
        self.sampler.push(&self.group, &self.qualities);
        self.group.clear();
        self.in_order = true;
    }

    fn finish(mut self) -> Trend {
        self.flush();
        self.tail.reverse();
        self.sampler.push(&self.tail, &self.qualities);
        self.sampler.finish(&self.qualities)
    }
}

/// What of the tail belongs to a period of some equipment.
#[derive(Debug, Default, PartialEq)]
pub struct Due {
    /// Arrival numbers of the rows that hold samples of the period.
    pub arrivals: Vec<u64>,
    /// Those samples.
    pub samples: Vec<Sample>,
    /// Samples of the same rows that do not belong to it: they go back into the tail.
    pub unsealed: Vec<Sample>,
}

/// The unsealed samples of some equipment received within a period.
///
/// # Errors
/// When the store fails.
pub async fn due<S: Store>(store: &S, equipment: &EquipmentId, period: &Range<Timestamp>) -> Result<Due, StoreError> {
    let mut due = Due::default();
    for stored in store.tail(equipment, period.start, period.end).await? {
        let (inside, outside): (Vec<_>, Vec<_>) =
            read_row(&stored, None)?.into_iter().partition(|sample| period.contains(&sample.receive_time));
        if !inside.is_empty() {
            due.arrivals.push(stored.arrival);
            due.samples.extend(inside);
            due.unsealed.extend(outside);
        }
    }
    Ok(due)
}
