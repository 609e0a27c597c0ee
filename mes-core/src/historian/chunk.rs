//! The bytes of a chunk: the samples of one tag in one period, in the form `catapult-chunk-1`.
//!
//! UTF-8 lines, each canonical JSON (`journal/encode.rs`) and ended by one line feed. The first line says the form, the
//! tag, the number of samples and the receive times of the first and the last one:
//!
//! ```text
//! {"count":2,"form":"catapult-chunk-1","from":"2026-07-01T05:00:00.000Z","tag":"INC-01/co2","until":"2026-07-01T05:00:01.000Z"}
//! [1,0,-12,{"real":"5.01"}]
//! [2,1000,null,null,{"cause":"link_down","grade":"bad"},true]
//! ```
//!
//! Each further line is a sample: number, receive time and source time in milliseconds after `from`, value; then the
//! quality and whether samples before it were lost, both left away from the end when good and none. Samples stand in the
//! order of their receive times. Equal samples have equal bytes: whatever decodes also encodes to the same bytes.
//! This file does not compress, and does not say who may see a chunk.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    sample::{Quality, Sample, SampleValue},
    sealed::ChunkRef,
};
use crate::{
    clock::Timestamp,
    id::TagId,
    journal::encode::{EncodeError, canonical, canonical_of, sha256},
};

/// Name of the form of a chunk.
pub const CHUNK_FORM: &str = "catapult-chunk-1";
/// Most samples in one chunk; more of one tag and period become several chunks.
pub const CHUNK_SAMPLES_MAX: usize = 50_000;

/// A chunk: what a sealing entry says of it, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// What the entry says.
    pub reference: ChunkRef,
    /// The bytes that are hashed.
    pub bytes: Vec<u8>,
}

/// Why samples do not make a chunk, or bytes are not one.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// A chunk has at least one sample.
    #[error("a chunk of {0} would hold no sample")]
    Empty(TagId),
    /// A sample is of another tag.
    #[error("a sample of {found} stands among those of {tag}")]
    Foreign {
        /// The chunk's tag.
        tag: TagId,
        /// The sample's tag.
        found: TagId,
    },
    /// A line has no canonical bytes.
    #[error("line {line} of the chunk of {tag} cannot be encoded")]
    Encode {
        /// Which tag.
        tag: TagId,
        /// Number of the line, from 1.
        line: usize,
        /// Why.
        #[source]
        cause: EncodeError,
    },
    /// A line cannot be read.
    #[error("line {line} of the chunk cannot be read as {CHUNK_FORM}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The bytes are of another form.
    #[error("the chunk has the form \"{0}\"; this software knows {CHUNK_FORM}")]
    Form(String),
    /// The bytes can be read, but are not the ones that these samples have.
    #[error("the chunk of {0} can be read, but its bytes are not canonical")]
    NotCanonical(TagId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    count: u64,
    form: String,
    from: Timestamp,
    tag: TagId,
    until: Timestamp,
}

impl Chunk {
    /// The chunk of some samples of one tag, in any order.
    ///
    /// # Errors
    /// When there is no sample, one is of another tag, or one cannot be encoded.
    pub fn encode(tag: &TagId, samples: &[Sample]) -> Result<Self, ChunkError> {
        if let Some(other) = samples.iter().find(|sample| sample.tag != *tag) {
            return Err(ChunkError::Foreign { tag: tag.clone(), found: other.tag.clone() });
        }
        let mut sorted: Vec<&Sample> = samples.iter().collect();
        sorted.sort_by_key(|sample| sample.receive_time);
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
            return Err(ChunkError::Empty(tag.clone()));
        };
        let (from, until) = (first.receive_time, last.receive_time);
        let count = sorted.len() as u64;
        let failed = |line| move |cause| ChunkError::Encode { tag: tag.clone(), line, cause };
        let header = Header { count, form: CHUNK_FORM.to_owned(), from, tag: tag.clone(), until };
        let mut bytes = canonical_of(&header).map_err(failed(1))?;
        bytes.push(b'\n');
        for (line, sample) in (2..).zip(sorted) {
            bytes.extend(canonical(&written(sample, from)).map_err(failed(line))?);
            bytes.push(b'\n');
        }
        let reference = ChunkRef { tag: tag.clone(), from, until, count, hash: sha256(&[&bytes]) };
        Ok(Self { reference, bytes })
    }

    /// Reads a chunk's bytes; its reference is computed from them, not believed.
    ///
    /// # Errors
    /// When the bytes are not a chunk of this form, or not canonical.
    pub fn decode(bytes: &[u8]) -> Result<(ChunkRef, Vec<Sample>), ChunkError> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let header: Header = read_header(first)?;
        let samples = (2..).zip(lines).filter(|(_, line)| !line.is_empty());
        let samples = samples.map(|(line, text)| {
            let cause = |cause| ChunkError::Line { line, cause };
            let value: Value = serde_json::from_slice(text).map_err(cause)?;
            read(value, &header).map_err(cause)
        });
        let samples = samples.collect::<Result<Vec<_>, _>>()?;
        let again = Self::encode(&header.tag, &samples)?;
        if again.bytes != bytes {
            return Err(ChunkError::NotCanonical(header.tag));
        }
        Ok((again.reference, samples))
    }
}

fn read_header(line: &[u8]) -> Result<Header, ChunkError> {
    let cause = |cause| ChunkError::Line { line: 1, cause };
    let value: Value = serde_json::from_slice(line).map_err(cause)?;
    match value.get("form").and_then(Value::as_str) {
        Some(CHUNK_FORM) => serde_json::from_value(value).map_err(cause),
        other => Err(ChunkError::Form(other.unwrap_or_default().chars().take(80).collect())),
    }
}

fn written(sample: &Sample, from: Timestamp) -> Value {
    let source = sample.source_time.map(|time| time.since_ms(from));
    let mut line = vec![
        json!(sample.seq),
        json!(sample.receive_time.since_ms(from)),
        json!(source),
        sample.value.as_ref().map_or(Value::Null, |value| json!(value)),
    ];
    if sample.overflow || sample.quality != Quality::GOOD {
        line.push(json!(sample.quality));
    }
    if sample.overflow {
        line.push(json!(true));
    }
    Value::Array(line)
}

fn read(line: Value, header: &Header) -> Result<Sample, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Line {
        Good(u64, i64, Option<i64>, Option<SampleValue>),
        NotGood(u64, i64, Option<i64>, Option<SampleValue>, Quality),
        AfterLoss(u64, i64, Option<i64>, Option<SampleValue>, Quality, bool),
    }
    let (seq, receive, source, value, quality, overflow) = match serde_json::from_value(line)? {
        Line::Good(seq, receive, source, value) => (seq, receive, source, value, Quality::GOOD, false),
        Line::NotGood(seq, receive, source, value, quality) => (seq, receive, source, value, quality, false),
        Line::AfterLoss(seq, receive, source, value, quality, lost) => (seq, receive, source, value, quality, lost),
    };
    Ok(Sample {
        tag: header.tag.clone(),
        value,
        quality,
        source_time: source.map(|ms| header.from.plus_ms(ms)),
        server_time: None,
        receive_time: header.from.plus_ms(receive),
        seq,
        overflow,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::historian::Cause;

    pub(crate) fn any_samples(tag: &'static str) -> impl Strategy<Value = Vec<Sample>> {
        let value = prop_oneof![
            any::<f64>().prop_filter("NaN has no equality", |v| !v.is_nan()).prop_map(SampleValue::Real),
            any::<i64>().prop_map(SampleValue::Integer),
            any::<bool>().prop_map(SampleValue::Flag),
            "\\PC{0,8}".prop_map(SampleValue::Text),
        ];
        let quality = prop_oneof![
            Just(Quality::GOOD),
            Just(Quality::bad(Cause::LinkDown)),
            Just(Quality::uncertain(Cause::Device("BadNodeIdUnknown".into()))),
        ];
        let sample = (prop::option::of(value), quality, prop::option::of(-5000..5000_i64), 0..3_600_000_i64, 1..9_u64);
        let sample = (sample, any::<bool>()).prop_map(move |((value, quality, source, receive, seq), overflow)| {
            let receive_time = Timestamp::from_ms(1_780_000_000_000 + receive);
            let source_time = source.map(|ms| receive_time.plus_ms(ms));
            let tag = tag.parse().unwrap();
            Sample { tag, value, quality, source_time, server_time: None, receive_time, seq, overflow }
        });
        prop::collection::vec(sample, 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_chunk_reads_back_every_sample(mut samples in any_samples("INC-01/co2")) {
            let chunk = Chunk::encode(&"INC-01/co2".parse().unwrap(), &samples).unwrap();
            let (reference, read) = Chunk::decode(&chunk.bytes).unwrap();
            samples.sort_by_key(|sample| sample.receive_time);
            prop_assert_eq!(read, samples);
            prop_assert_eq!(reference, chunk.reference);
        }

        #[test]
        fn no_changed_byte_goes_unnoticed(samples in any_samples("INC-01/co2"), at in any::<prop::sample::Index>()) {
            let chunk = Chunk::encode(&"INC-01/co2".parse().unwrap(), &samples).unwrap();
            let mut bytes = chunk.bytes.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            if let Ok((reference, _)) = Chunk::decode(&bytes) {
                prop_assert_ne!(reference.hash, chunk.reference.hash);
            }
        }
    }

    #[test]
    fn the_bytes_of_a_chunk_never_change() {
        let sample = |seq, ms, value, quality, overflow| Sample {
            tag: "INC-01/co2".parse().unwrap(),
            value,
            quality,
            source_time: (seq == 1).then(|| Timestamp::from_ms(ms - 12)),
            server_time: None,
            receive_time: Timestamp::from_ms(ms),
            seq,
            overflow,
        };
        let start = "2026-07-01T05:00:00Z".parse::<Timestamp>().unwrap().as_ms();
        let samples = [
            sample(2, start + 1000, None, Quality::bad(Cause::LinkDown), true),
            sample(1, start, Some(SampleValue::Real(5.01)), Quality::GOOD, false),
        ];
        let chunk = Chunk::encode(&"INC-01/co2".parse().unwrap(), &samples).unwrap();
        let expected = concat!(
            r#"{"count":2,"form":"catapult-chunk-1","from":"2026-07-01T05:00:00.000Z","#,
            r#""tag":"INC-01/co2","until":"2026-07-01T05:00:01.000Z"}"#,
            "\n[1,0,-12,{\"real\":\"5.01\"}]\n",
            "[2,1000,null,null,{\"cause\":\"link_down\",\"grade\":\"bad\"},true]\n"
        );
        assert_eq!(String::from_utf8(chunk.bytes).unwrap(), expected);
    }

    #[test]
    fn what_is_not_a_chunk_is_named() {
        let tag: TagId = "INC-01/co2".parse().unwrap();
        assert!(matches!(Chunk::encode(&tag, &[]).unwrap_err(), ChunkError::Empty(_)));
        assert!(matches!(Chunk::decode(b"").unwrap_err(), ChunkError::Line { line: 1, .. }));
        assert!(matches!(Chunk::decode(b"{\"form\":\"x\"}\n").unwrap_err(), ChunkError::Form(_)));
        let header = r#"{"count":1,"form":"catapult-chunk-1","from":"2026-07-01T05:00:00.000Z","tag":"INC-01/co2","#;
        let header = format!("{header}\"until\":\"2026-07-01T05:00:00.000Z\"}}\n");
        assert!(matches!(Chunk::decode(header.as_bytes()).unwrap_err(), ChunkError::Empty(_)));
        let not_canonical = Chunk::decode(format!("{header}[1, 0,null,null]\n").as_bytes()).unwrap_err();
        assert!(matches!(not_canonical, ChunkError::NotCanonical(_)));
        let broken = Chunk::decode(format!("{header}[1,0.5,null,null]\n").as_bytes()).unwrap_err();
        assert!(matches!(broken, ChunkError::Line { line: 2, .. }));
    }
}
