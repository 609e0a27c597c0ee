//! Sealing: the samples of an occupancy and period under one Merkle root, and the check of them.
//!
//! The root goes into a `samples.sealed` entry, so that raw data are under the same proof as the record. Samples that
//! arrive after their period was sealed form a supplement, never a rewrite. This file neither stores nor deletes.

use std::collections::BTreeMap;

use super::{
    chunk::{CHUNK_SAMPLES_MAX, Chunk, ChunkError},
    sample::Sample,
    sealed::{ChunkRef, SealedSamples},
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
    let mut by_tag: BTreeMap<TagId, Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        if !(from..until).contains(&sample.receive_time) {
            return Err(SealError::Outside { tag: sample.tag, at: sample.receive_time, from, until });
        }
        by_tag.entry(sample.tag.clone()).or_default().push(sample);
    }
    let mut chunks = Vec::new();
    for (tag, mut samples) in by_tag {
        samples.sort_by_key(|sample| sample.receive_time);
        for piece in samples.chunks(CHUNK_SAMPLES_MAX) {
            let chunk = Chunk::encode(&tag, piece);
            chunks.push(chunk.map_err(|cause| SealError::Chunk { tag: tag.clone(), cause: Box::new(cause) })?);
        }
    }
    let references: Vec<ChunkRef> = chunks.iter().map(|chunk| chunk.reference.clone()).collect();
    let root = root(&references);
    Ok((SealedSamples { batch, equipment, from, until, root, chunks: references, supplement }, chunks))
}

/// Checks sealed samples against the chunks' bytes, which `find` gives by hash, and returns every sample.
///
/// # Errors
/// The first thing that does not hold: a chunk that is missing, was changed, or is not what the entry says.
pub fn verify<'a>(
    sealed: &SealedSamples,
    mut find: impl FnMut(&Hash) -> Option<&'a [u8]>,
) -> Result<Vec<Sample>, SealError> {
    if root(&sealed.chunks) != sealed.root {
        return Err(SealError::Root(sealed.root));
    }
    let mut all = Vec::new();
    for stated in &sealed.chunks {
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
        if let Some(out) = samples.iter().find(|s| !(sealed.from..sealed.until).contains(&s.receive_time)) {
            let (from, until) = (sealed.from, sealed.until);
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
