//! The form `catapult-chunk-1`: samples as lines of canonical JSON. Chunks of this form are read for ever; new ones are of
//! form 2.
//!
//! ```text
//! {"count":2,"form":"catapult-chunk-1","from":"2026-07-01T05:00:00.000Z","tag":"INC-01/co2","until":"2026-07-01T05:00:01.000Z"}
//! [1,0,-12,{"real":"5.01"}]
//! [2,1000,null,null,{"cause":"link_down","grade":"bad"},true]
//! ```
//!
//! Each further line is a sample: number, receive time and source time in milliseconds after `from`, value; then the
//! quality and whether samples before it were lost, both left away from the end when good and none. Samples stand in the
//! order of their receive times. Equal samples have equal bytes: whatever decodes also encodes to the same bytes. The form
//! knows no server time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    chunk::{CHUNK_FORM_1, ChunkError},
    sample::{Quality, Sample, SampleValue},
};
use crate::{
    clock::Timestamp,
    id::TagId,
    journal::encode::{canonical, canonical_of},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    count: u64,
    form: String,
    from: Timestamp,
    tag: TagId,
    until: Timestamp,
}

/// The bytes that samples have, which are of one tag and in order of receive time.
pub(super) fn encode(tag: &TagId, sorted: &[&Sample]) -> Result<Vec<u8>, ChunkError> {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Err(ChunkError::Empty(tag.clone())) };
    let (from, until) = (first.receive_time, last.receive_time);
    let failed = |line| move |cause| ChunkError::Encode { tag: tag.clone(), line, cause };
    let header = Header { count: sorted.len() as u64, form: CHUNK_FORM_1.to_owned(), from, tag: tag.clone(), until };
    let mut bytes = canonical_of(&header).map_err(failed(1))?;
    bytes.push(b'\n');
    for (line, sample) in (2..).zip(sorted) {
        bytes.extend(canonical(&written(sample, from)).map_err(failed(line))?);
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The tag and the samples of some bytes, when they are exactly those that the samples have.
pub(super) fn decode(header: Value, bytes: &[u8]) -> Result<(TagId, Vec<Sample>), ChunkError> {
    let header: Header = serde_json::from_value(header).map_err(|cause| ChunkError::Line { line: 1, cause })?;
    let lines = bytes.split(|byte| *byte == b'\n').skip(1);
    let samples = (2..).zip(lines).filter(|(_, line)| !line.is_empty());
    let samples = samples.map(|(line, text)| {
        let cause = |cause| ChunkError::Line { line, cause };
        let value: Value = serde_json::from_slice(text).map_err(cause)?;
        read(value, &header).map_err(cause)
    });
    let samples = samples.collect::<Result<Vec<_>, _>>()?;
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by_key(|sample| sample.receive_time);
    if encode(&header.tag, &sorted)? != bytes {
        return Err(ChunkError::NotCanonical(header.tag));
    }
    Ok((header.tag, samples))
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
