//! Sealing: the samples of an occupancy and period under one Merkle root, and the check of them.
//!
//! The root goes into a `samples.sealed` entry, so that raw data are under the same proof as the record. Samples that
//! arrive after their period was sealed form a supplement, never a rewrite. This file neither stores nor deletes.

use std::{collections::BTreeMap, ops::Range};

use super::{
    chunk::{CHUNK_SAMPLES_MAX, Chunk, ChunkError},
    chunk_columns::{CHUNK_TEXT_BYTES_MAX, text_bytes},
    sample::Sample,
    sealed::{ChunkRef, FacilitySamples, SealedSamples},
};
use crate::{
    clock::Timestamp,
    id::{BatchId, EquipmentId, TagId},
    journal::{
        Hash,
        encode::{leaf_of, sha256},
        merkle,
    },
};

/// Why samples cannot be sealed, or sealed samples are not what they were.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A sample was received outside the period.
    #[error("a sample of {tag}, received {at}, lies outside the period {from} to {until}")]
    Outside {
        /// Tag.
        tag: TagId,
        /// Receive time.
        at: Timestamp,
        /// Period start, inclusive.
        from: Timestamp,
        /// Period end, exclusive.
        until: Timestamp,
    },
    /// The samples do not make a chunk, or bytes are not one.
    #[error("the chunk of {tag} is not in order")]
    Chunk {
        /// Tag.
        tag: TagId,
        /// Why.
        #[source]
        cause: Box<ChunkError>,
    },
    /// A chunk is missing.
    #[error("the chunk of {tag} from {from} ({hash}) is missing")]
    Missing {
        /// Tag.
        tag: TagId,
        /// Receive time of its first sample.
        from: Timestamp,
        /// Its hash.
        hash: Hash,
    },
    /// A chunk's bytes are not what was sealed.
    #[error("the samples of {tag} from {from} were changed: their hash is not the sealed one")]
    Changed {
        /// Tag.
        tag: TagId,
        /// Receive time of its first sample.
        from: Timestamp,
    },
    /// A chunk holds something else than the entry says of it.
    #[error("the entry says of the chunk of {tag} from {from} what it does not hold")]
    Misstated {
        /// Tag.
        tag: TagId,
        /// Receive time of its first sample, as stated.
        from: Timestamp,
    },
    /// The chunks do not lead to the root.
    #[error("the chunk hashes do not lead to the sealed root {0}")]
    Root(Hash),
}

/// The Merkle root over chunks: RFC 6962, leaf data = the 32 bytes of the chunk's hash.
pub fn root(chunks: &[ChunkRef]) -> Hash {
    let leaves: Vec<Hash> = chunks.iter().map(|chunk| leaf_of(&chunk.hash.0)).collect();
    merkle::root(&leaves)
}

/// Which occupancy and period is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Batch whose occupancy it is.
    pub batch: BatchId,
    /// Equipment.
    pub equipment: EquipmentId,
    /// Start, inclusive.
    pub from: Timestamp,
    /// End, exclusive.
    pub until: Timestamp,
    /// Whether the period was sealed before and these samples came late.
    pub supplement: bool,
}

/// Seals samples of any tags and order. A period without samples is sealed too: its root is that of no chunk.
///
/// # Errors
/// When a sample was received outside the period or cannot be encoded.
pub fn seal(period: Period, samples: Vec<Sample>) -> Result<(SealedSamples, Vec<Chunk>), SealError> {
    let Period { batch, equipment, from, until, supplement } = period;
    let chunks = chunks_of(from..until, samples)?;
    let references: Vec<ChunkRef> = chunks.iter().map(|chunk| chunk.reference.clone()).collect();
    let root = root(&references);
    Ok((SealedSamples { batch, equipment, from, until, root, chunks: references, supplement }, chunks))
}

/// Seals samples of equipment that no batch occupied in the period.
///
/// # Errors
/// When a sample was received outside the period or cannot be encoded.
pub fn seal_free(
    equipment: EquipmentId,
    period: Range<Timestamp>,
    samples: Vec<Sample>,
    supplement: bool,
) -> Result<(FacilitySamples, Vec<Chunk>), SealError> {
    let Range { start: from, end: until } = period;
    let chunks = chunks_of(from..until, samples)?;
    let references: Vec<ChunkRef> = chunks.iter().map(|chunk| chunk.reference.clone()).collect();
    let root = root(&references);
    Ok((FacilitySamples { equipment, from, until, root, chunks: references, supplement }, chunks))
}

fn chunks_of(period: Range<Timestamp>, samples: Vec<Sample>) -> Result<Vec<Chunk>, SealError> {
    let mut by_tag: BTreeMap<TagId, Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        if !period.contains(&sample.receive_time) {
            let Range { start: from, end: until } = period;
            return Err(SealError::Outside { tag: sample.tag, at: sample.receive_time, from, until });
        }
        match by_tag.get_mut(&sample.tag) {
            Some(of) => of.push(sample),
            None => drop(by_tag.insert(sample.tag.clone(), vec![sample])),
        }
    }
    let mut chunks = Vec::new();
    for (tag, mut samples) in by_tag {
        samples.sort_by_key(|sample| sample.receive_time);
        for piece in pieces(&samples) {
            let chunk = Chunk::encode(&tag, piece);
            chunks.push(chunk.map_err(|cause| SealError::Chunk { tag: tag.clone(), cause: Box::new(cause) })?);
        }
    }
    Ok(chunks)
}

/// Samples cut so that each piece fits a chunk: by number and by length of text.
fn pieces(samples: &[Sample]) -> Vec<&[Sample]> {
    let (mut pieces, mut start, mut text) = (Vec::new(), 0, 0_usize);
    for (at, sample) in samples.iter().enumerate() {
        let more = text_bytes(sample);
        if at > start && (at - start >= CHUNK_SAMPLES_MAX || text.saturating_add(more) > CHUNK_TEXT_BYTES_MAX) {
            pieces.extend(samples.get(start..at));
            (start, text) = (at, 0);
        }
        text = text.saturating_add(more);
    }
    pieces.extend(samples.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

/// Checks sealed samples against the chunks' bytes, which `find` gives by hash, and returns every sample.
///
/// # Errors
/// The first thing that does not hold: a chunk that is missing, was changed, or is not what the entry says.
pub fn verify<'a>(
    sealed: &SealedSamples,
    find: impl FnMut(&Hash) -> Option<&'a [u8]>,
) -> Result<Vec<Sample>, SealError> {
    verify_chunks(sealed.from..sealed.until, &sealed.root, &sealed.chunks, find)
}

/// Checks the samples of free equipment as [`verify`] does.
///
/// # Errors
/// As [`verify`].
pub fn verify_free<'a>(
    sealed: &FacilitySamples,
    find: impl FnMut(&Hash) -> Option<&'a [u8]>,
) -> Result<Vec<Sample>, SealError> {
    verify_chunks(sealed.from..sealed.until, &sealed.root, &sealed.chunks, find)
}

fn verify_chunks<'a>(
    period: Range<Timestamp>,
    sealed_root: &Hash,
    chunks: &[ChunkRef],
    mut find: impl FnMut(&Hash) -> Option<&'a [u8]>,
) -> Result<Vec<Sample>, SealError> {
    if root(chunks) != *sealed_root {
        return Err(SealError::Root(*sealed_root));
    }
    let mut all = Vec::new();
    for stated in chunks {
        let (tag, from) = (stated.tag.clone(), stated.from);
        let bytes = find(&stated.hash);
        let bytes = bytes.ok_or_else(|| SealError::Missing { tag: tag.clone(), from, hash: stated.hash })?;
        if sha256(&[bytes]) != stated.hash {
            return Err(SealError::Changed { tag, from });
        }
        let (found, samples) =
            Chunk::decode(bytes).map_err(|cause| SealError::Chunk { tag: tag.clone(), cause: Box::new(cause) })?;
        if found != *stated {
            return Err(SealError::Misstated { tag, from });
        }
        if let Some(out) = samples.iter().find(|s| !period.contains(&s.receive_time)) {
            let (from, until) = (period.start, period.end);
            return Err(SealError::Outside { tag, at: out.receive_time, from, until });
        }
        all.extend(samples);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::historian::chunk::tests::any_samples;

    fn period() -> Period {
        Period {
            batch: "MSC-2607-01".parse().unwrap(),
            equipment: "INC-01".parse().unwrap(),
            from: Timestamp::from_ms(1_780_000_000_000),
            until: Timestamp::from_ms(1_780_003_600_000),
            supplement: false,
        }
    }

    fn find<'a>(chunks: &'a [Chunk]) -> impl FnMut(&Hash) -> Option<&'a [u8]> {
        |hash| chunks.iter().find(|chunk| chunk.reference.hash == *hash).map(|chunk| chunk.bytes.as_slice())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn di_04_every_sealed_sample_comes_back_and_any_change_is_named(
            co2 in any_samples("INC-01/co2"),
            door in any_samples("INC-01/door"),
            at in any::<prop::sample::Index>(),
        ) {
            let count = co2.len() + door.len();
            let (sealed, chunks) = seal(period(), [door, co2].concat()).unwrap();
            prop_assert_eq!(verify(&sealed, find(&chunks)).unwrap().len(), count);
            prop_assert_eq!(&sealed.chunks[0].tag.to_string(), "INC-01/co2");

            prop_assert!(matches!(verify(&sealed, find(&chunks[..1])), Err(SealError::Missing { .. })), "found");
            let mut changed = chunks.clone();
            let at = at.index(changed[1].bytes.len());
            changed[1].bytes[at] ^= 1;
            prop_assert!(matches!(verify(&sealed, find(&changed)), Err(SealError::Changed { .. })), "found");
            let mut fewer = sealed.clone();
            fewer.chunks.pop();
            prop_assert!(matches!(verify(&fewer, find(&chunks)), Err(SealError::Root(_))));
            let mut misstated = sealed.clone();
            misstated.chunks[0].count += 1;
            prop_assert!(matches!(verify(&misstated, find(&chunks)), Err(SealError::Misstated { .. })), "found");
        }
    }

    #[test]
    fn samples_of_free_equipment_are_under_the_same_proof() {
        let sample = Sample {
            tag: "INC-01/co2".parse().unwrap(),
            value: None,
            quality: crate::historian::Quality::GOOD,
            source_time: None,
            server_time: None,
            receive_time: period().from,
            seq: 1,
            overflow: false,
        };
        let (sealed, chunks) =
            seal_free(period().equipment, period().from..period().until, vec![sample; 3], false).unwrap();
        assert_eq!(verify_free(&sealed, find(&chunks)).unwrap().len(), 3);
        let other = FacilitySamples { until: period().from, ..sealed };
        assert!(matches!(verify_free(&other, find(&chunks)).unwrap_err(), SealError::Outside { .. }));
    }

    #[test]
    fn more_samples_than_a_chunk_holds_become_several() {
        let tag: TagId = "INC-01/co2".parse().unwrap();
        let sample = |ms| Sample {
            tag: tag.clone(),
            value: None,
            quality: crate::historian::Quality::GOOD,
            source_time: None,
            server_time: None,
            receive_time: period().from.plus_ms(ms),
            seq: 1,
            overflow: false,
        };
        let many: Vec<Sample> = (0..CHUNK_SAMPLES_MAX as i64 + 1).map(sample).collect();
        let counts: Vec<usize> = pieces(&many).iter().map(|piece| piece.len()).collect();
        assert_eq!(counts, [CHUNK_SAMPLES_MAX, 1]);
        let wordy = Sample {
            value: Some(crate::historian::SampleValue::Text("x".repeat(CHUNK_TEXT_BYTES_MAX / 2))),
            ..sample(0)
        };
        assert_eq!(pieces(&[wordy.clone(), wordy.clone(), wordy]).iter().map(|p| p.len()).collect::<Vec<_>>(), [2, 1]);
        assert!(pieces(&[]).is_empty());
    }

    #[test]
    fn a_period_without_samples_is_sealed_as_such() {
        let (sealed, chunks) = seal(period(), Vec::new()).unwrap();
        assert_eq!((sealed.root, chunks.len()), (merkle::empty_root(), 0));
        assert!(verify(&sealed, |_| None).unwrap().is_empty());
    }

    #[test]
    fn a_sample_outside_the_period_is_not_sealed() {
        let sample = Sample {
            tag: "INC-01/co2".parse().unwrap(),
            value: None,
            quality: crate::historian::Quality::GOOD,
            source_time: None,
            server_time: None,
            receive_time: period().from,
            seq: 1,
            overflow: false,
        };
        assert_eq!(seal(period(), vec![sample.clone()]).unwrap().1.len(), 1);
        let late = Period { from: period().until, until: period().until.plus_s(3600), ..period() };
        assert!(matches!(seal(late, vec![sample]).unwrap_err(), SealError::Outside { .. }));
    }
}
