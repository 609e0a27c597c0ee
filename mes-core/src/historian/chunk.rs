//! A chunk: the samples of one tag in one period, as bytes whose hash a sealing entry names.
//!
//! A new chunk has the form `catapult-chunk-2`: a first line of canonical JSON, ended by one line feed, then the columns
//! (`chunk_columns.rs`), compressed:
//!
//! ```text
//! {"content":"5f0c…","count":3600,"form":"catapult-chunk-2","from":"…T05:00:00.412Z","tag":"INC-01/co2","until":"…T05:59:59.409Z"}
//! ```
//!
//! The chunk's hash is that of the bytes as they are stored; nobody has to compress again to check it, and a later
//! compressor may make other bytes of the same samples. `content` is SHA-256 over the records of the samples (`bytes.rs`), in
//! order of receive time: it proves that whoever expands the columns, by whatever software, has got the samples that were
//! sealed. A chunk is expanded and compared before it leaves `encode`, so that no fault of a compressor costs a sample.
//! Form 1 (`chunk_lines.rs`) is read for ever. This file does not say who may see a chunk.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    bytes::{BytesError, put_record},
    chunk_columns::{self, Body},
    chunk_lines,
    downsample::{Point, Qualities},
    sample::Sample,
    sealed::ChunkRef,
};
use crate::{
    clock::Timestamp,
    id::TagId,
    journal::{
        Hash,
        encode::{EncodeError, canonical_of, sha256},
    },
};

/// Name of the first form of a chunk.
pub const CHUNK_FORM_1: &str = "catapult-chunk-1";
/// Name of the form of new chunks.
pub const CHUNK_FORM: &str = "catapult-chunk-2";
/// Most samples in one chunk; more of one tag and period become several chunks.
pub const CHUNK_SAMPLES_MAX: usize = 50_000;
/// Longest first line of a chunk, in bytes.
const HEADER_BYTES_MAX: usize = 4_096;

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
    /// A chunk has no more than so many samples.
    #[error("a chunk of {0} would hold more than {CHUNK_SAMPLES_MAX} samples, or too much text")]
    TooLarge(TagId),
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
    #[error("line {line} of the chunk cannot be read as its form says")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The columns cannot be read or written.
    #[error("the columns of the chunk of {tag} are not in order")]
    Columns {
        /// Which tag.
        tag: TagId,
        /// Why.
        #[source]
        cause: BytesError,
    },
    /// The bytes are of another form.
    #[error("the chunk has the form \"{0}\"; this software knows {CHUNK_FORM_1} and {CHUNK_FORM}")]
    Form(String),
    /// The bytes can be read, but are not the ones that these samples have.
    #[error("the chunk of {0} can be read, but its bytes are not canonical")]
    NotCanonical(TagId),
    /// The samples are not those that the first line speaks of.
    #[error("the chunk of {0} does not hold the samples that its first line speaks of")]
    Content(TagId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    content: Hash,
    count: usize,
    form: String,
    from: Timestamp,
    tag: TagId,
    until: Timestamp,
}

impl Chunk {
    /// The chunk of some samples of one tag, in any order.
    ///
    /// # Errors
    /// When there is no sample or there are too many, one is of another tag, or they do not come back as they were.
    pub fn encode(tag: &TagId, samples: &[Sample]) -> Result<Self, ChunkError> {
        let sorted = sorted(tag, samples)?;
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
            return Err(ChunkError::Empty(tag.clone()));
        };
        let text: usize = sorted.iter().map(|sample| chunk_columns::text_bytes(sample)).sum();
        if sorted.len() > CHUNK_SAMPLES_MAX || text > chunk_columns::CHUNK_TEXT_BYTES_MAX {
            return Err(ChunkError::TooLarge(tag.clone()));
        }
        let columns = |cause| ChunkError::Columns { tag: tag.clone(), cause };
        let header = Header {
            content: content(sorted.iter().copied()).map_err(columns)?,
            count: sorted.len(),
            form: CHUNK_FORM.to_owned(),
            from: first.receive_time,
            tag: tag.clone(),
            until: last.receive_time,
        };
        let mut bytes =
            canonical_of(&header).map_err(|cause| ChunkError::Encode { tag: tag.clone(), line: 1, cause })?;
        bytes.push(b'\n');
        bytes.extend(chunk_columns::encode(header.from, &sorted).map_err(columns)?);
        Self::decode(&bytes)?;
        Ok(Self { reference: reference(&header, &bytes), bytes })
    }

    /// Whether the bytes are text all through: form 1 is, newer ones only in their first line.
    pub fn is_text(bytes: &[u8]) -> bool {
        matches!(parse(bytes), Ok(Form::Lines(_)))
    }

    /// Reads a chunk's bytes, in order of receive time; its reference is computed from them, not believed.
    ///
    /// # Errors
    /// When the bytes are not a chunk, or do not hold what they say.
    pub fn decode(bytes: &[u8]) -> Result<(ChunkRef, Vec<Sample>), ChunkError> {
        let (header, body) = match parse(bytes)? {
            Form::Lines(header) => return decode_lines(header, bytes),
            Form::Columns(header, body) => (header, body),
        };
        let columns = |cause| ChunkError::Columns { tag: header.tag.clone(), cause };
        let body = Body::new(header.from, header.count, body).map_err(columns)?;
        let samples = body.samples(&header.tag).map_err(columns)?;
        let (first, last) = (samples.first(), samples.last());
        let spans = first.is_some_and(|s| s.receive_time == header.from)
            && last.is_some_and(|s| s.receive_time == header.until);
        let in_order = samples.is_sorted_by_key(|sample| sample.receive_time);
        if !spans || !in_order || content(&samples).map_err(columns)? != header.content {
            return Err(ChunkError::Content(header.tag));
        }
        Ok((reference(&header, bytes), samples))
    }

    /// Reads only what a plot needs, and adds it to `points`; the reference is computed from the bytes, but that they hold what
    /// their first line says is not checked again.
    ///
    /// # Errors
    /// When the bytes are not a chunk.
    pub fn points(bytes: &[u8], qualities: &mut Qualities, points: &mut Vec<Point>) -> Result<ChunkRef, ChunkError> {
        let (header, body) = match parse(bytes)? {
            Form::Lines(header) => {
                let (reference, samples) = decode_lines(header, bytes)?;
                points.extend(samples.iter().map(|sample| Point::of(sample, qualities)));
                return Ok(reference);
            }
            Form::Columns(header, body) => (header, body),
        };
        let columns = |cause| ChunkError::Columns { tag: header.tag.clone(), cause };
        let body = Body::new(header.from, header.count, body).map_err(columns)?;
        body.points(qualities, points).map_err(columns)?;
        Ok(reference(&header, bytes))
    }
}

fn sorted<'a>(tag: &TagId, samples: &'a [Sample]) -> Result<Vec<&'a Sample>, ChunkError> {
    if let Some(other) = samples.iter().find(|sample| sample.tag != *tag) {
        return Err(ChunkError::Foreign { tag: tag.clone(), found: other.tag.clone() });
    }
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by_key(|sample| sample.receive_time);
    Ok(sorted)
}

fn reference(header: &Header, bytes: &[u8]) -> ChunkRef {
    let Header { count, from, tag, until, .. } = header;
    ChunkRef { tag: tag.clone(), from: *from, until: *until, count: *count as u64, hash: sha256(&[bytes]) }
}

fn content<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Result<Hash, BytesError> {
    let mut records = Vec::new();
    for sample in samples {
        put_record(&mut records, sample)?;
    }
    Ok(sha256(&[&records]))
}

enum Form<'a> {
    Lines(Value),
    Columns(Header, &'a [u8]),
}

fn parse(bytes: &[u8]) -> Result<Form<'_>, ChunkError> {
    let cause = |cause| ChunkError::Line { line: 1, cause };
    let end = bytes.iter().take(HEADER_BYTES_MAX).position(|byte| *byte == b'\n');
    let end = end.unwrap_or(bytes.len().min(HEADER_BYTES_MAX));
    let (line, body) = bytes.split_at_checked(end).unwrap_or_default();
    let header: Value = serde_json::from_slice(line).map_err(cause)?;
    match header.get("form").and_then(Value::as_str) {
        Some(CHUNK_FORM_1) => Ok(Form::Lines(header)),
        Some(CHUNK_FORM) => {
            let header: Header = serde_json::from_value(header).map_err(cause)?;
            match header.count {
                0 => Err(ChunkError::Empty(header.tag)),
                count if count > CHUNK_SAMPLES_MAX => Err(ChunkError::TooLarge(header.tag)),
                _ => Ok(Form::Columns(header, body.get(1..).unwrap_or_default())),
            }
        }
        other => Err(ChunkError::Form(other.unwrap_or_default().chars().take(80).collect())),
    }
}

fn decode_lines(header: Value, bytes: &[u8]) -> Result<(ChunkRef, Vec<Sample>), ChunkError> {
    let (tag, samples) = chunk_lines::decode(header, bytes)?;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Err(ChunkError::Empty(tag)) };
    let (from, until) = (first.receive_time, last.receive_time);
    Ok((ChunkRef { tag, from, until, count: samples.len() as u64, hash: sha256(&[bytes]) }, samples))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::historian::{Cause, Quality, SampleValue};

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
            let server_time = source.filter(|ms| ms % 3 == 0).map(|ms| receive_time.plus_ms(ms / 2));
            Sample { tag: tag.parse().unwrap(), value, quality, source_time, server_time, receive_time, seq, overflow }
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
        fn a_plot_sees_the_same_samples(samples in any_samples("INC-01/co2")) {
            let chunk = Chunk::encode(&"INC-01/co2".parse().unwrap(), &samples).unwrap();
            let (mut qualities, mut points) = (Qualities::default(), Vec::new());
            let reference = Chunk::points(&chunk.bytes, &mut qualities, &mut points).unwrap();
            prop_assert_eq!(reference, chunk.reference);
            let (_, samples) = Chunk::decode(&chunk.bytes).unwrap();
            prop_assert_eq!(points.len(), samples.len());
            for (point, sample) in points.iter().zip(&samples) {
                let expected = Point::of(sample, &mut qualities);
                prop_assert_eq!(point.value.to_bits(), expected.value.to_bits());
                prop_assert_eq!(Point { value: 0.0, ..*point }, Point { value: 0.0, ..expected });
            }
        }
    }

    /// A few hundred samples as a device gives them, so that every part of the compressor has its say.
    fn realistic(seed: u64) -> Chunk {
        let tag: TagId = "BR-01/ph".parse().unwrap();
        let mut state = seed;
        let mut noise = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % range).unwrap()
        };
        let sample = |at: i64| {
            let receive_time = Timestamp::from_ms(1_780_000_000_000 + at * 1000 + noise(9));
            let value = match at % 97 {
                0 => None,
                1 => Some(SampleValue::Text("Operate".into())),
                2 => Some(SampleValue::Integer(noise(1000))),
                _ => Some(SampleValue::Real((7200 + noise(20)) as f64 / 1000.0)),
            };
            let source_time = Some(receive_time.plus_ms(-4 - noise(3)));
            let quality = if at % 50 == 7 { Quality::bad(Cause::LinkDown) } else { Quality::GOOD };
            let (seq, tag) = (at.unsigned_abs() + 1, tag.clone());
            Sample { tag, value, quality, source_time, server_time: source_time, receive_time, seq, overflow: false }
        };
        let samples: Vec<Sample> = (0..700).map(sample).collect();
        Chunk::encode(&tag, &samples).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn changed_bytes_are_refused_or_have_another_hash_and_never_harm(
            seed in 0..4_u64,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let chunk = realistic(seed);
            let mut bytes = chunk.bytes.clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let unchanged = bytes == chunk.bytes;
            if let Ok((reference, _)) = Chunk::decode(&bytes) {
                prop_assert!(unchanged || reference.hash != chunk.reference.hash);
            }
            let _ = Chunk::points(&bytes, &mut Qualities::default(), &mut Vec::new());
        }
    }

    #[test]
    #[ignore = "a minute of random changes; run it by name after a change of the codec or of the compressor"]
    fn a_minute_of_changed_bytes_does_no_harm() {
        let until = crate::clock::Clock::wall() + std::time::Duration::from_secs(60);
        let mut state = 1_u64;
        let mut tries = 0_u64;
        while crate::clock::Clock::wall() < until {
            let chunk = realistic(tries % 16);
            let header = chunk.bytes.iter().position(|byte| *byte == b'\n').unwrap();
            for _ in 0..2_000 {
                let mut bytes = chunk.bytes.clone();
                for _ in 0..1 + state % 4 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let at = header + 1 + (state >> 17) as usize % (bytes.len() - header - 1);
                    bytes[at] = (state >> 9) as u8;
                }
                let _ = Chunk::decode(&bytes);
                let _ = Chunk::points(&bytes, &mut Qualities::default(), &mut Vec::new());
                tries += 1;
            }
        }
        println!("{tries} changed chunks");
    }

    #[test]
    fn floats_come_back_bit_by_bit() {
        let tag: TagId = "INC-01/co2".parse().unwrap();
        let odd = [-0.0, 0.1 + 0.2, f64::NAN, f64::from_bits(0x7ff8_0000_0000_0123), f64::MIN_POSITIVE / 3.0, f64::MAX];
        let plain = [37.0, 37.01, 36.999, -0.5, 9e15, 123_456.789];
        for values in [&odd[..], &plain[..], &[5e-324], &[f64::INFINITY, 1.0], &[-0.0, 1.0]] {
            let sample = |(at, value): (usize, &f64)| Sample {
                tag: tag.clone(),
                value: Some(SampleValue::Real(*value)),
                quality: Quality::GOOD,
                source_time: None,
                server_time: None,
                receive_time: Timestamp::from_ms(1_780_000_000_000 + at as i64),
                seq: at as u64,
                overflow: false,
            };
            let samples: Vec<Sample> = values.iter().enumerate().map(sample).collect();
            let read = Chunk::decode(&Chunk::encode(&tag, &samples).unwrap().bytes).unwrap().1;
            let bits = |samples: &[Sample]| {
                let of = |sample: &Sample| sample.value.as_ref().and_then(SampleValue::to_f64).unwrap().to_bits();
                samples.iter().map(of).collect::<Vec<_>>()
            };
            assert_eq!(bits(&read), bits(&samples));
        }
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
        let huge = header.replace("chunk-1", "chunk-2").replace("\"count\":1", "\"count\":4000000000");
        let huge = huge.replace('{', &format!("{{\"content\":\"{}\",", "0".repeat(64)));
        assert!(matches!(Chunk::decode(huge.as_bytes()).unwrap_err(), ChunkError::TooLarge(_)), "{huge}");
    }
}
