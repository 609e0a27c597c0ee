//! The bytes that chunks and the tail are built from: variable-length numbers, blocks, runs, and one sample as a record.
//!
//! A record is fixed for ever, because the `content` of a chunk is a hash over records (`mes-core/README.md`). Reading
//! never goes past the end, and never reserves more than the caller has bounded. This file does not compress.

use super::sample::{Cause, Grade, Quality, Sample, SampleValue};
use crate::{clock::Timestamp, id::TagId};

/// Why bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BytesError {
    /// They end too early.
    #[error("the bytes end too early")]
    Short,
    /// They hold what their form does not have.
    #[error("{0}")]
    Form(&'static str),
    /// A column of numbers cannot be expanded or compressed.
    #[error("a column of numbers is not in order")]
    Numbers(#[source] pco::errors::PcoError),
    /// A cause cannot be read.
    #[error("the cause of a quality is not in order")]
    Cause(#[source] serde_json::Error),
}

/// Seven bits at a time, the lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Length, then the bytes.
pub(super) fn put_block(out: &mut Vec<u8>, block: &[u8]) {
    put_number(out, block.len() as u64);
    out.extend_from_slice(block);
}

/// Symbol and length of every run of equal symbols.
pub(super) fn put_runs(out: &mut Vec<u8>, symbols: impl IntoIterator<Item = u64>) {
    let mut run: Option<(u64, u64)> = None;
    for symbol in symbols {
        match &mut run {
            Some((of, length)) if *of == symbol => *length += 1,
            _ => {
                if let Some((of, length)) = run.replace((symbol, 1)) {
                    put_number(out, of);
                    put_number(out, length);
                }
            }
        }
    }
    if let Some((of, length)) = run {
        put_number(out, of);
        put_number(out, length);
    }
}

/// Reads from the front of some bytes.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], BytesError> {
        let (front, rest) = self.rest.split_at_checked(length).ok_or(BytesError::Short)?;
        self.rest = rest;
        Ok(front)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        let (front, rest) = self.rest.split_first_chunk().ok_or(BytesError::Short)?;
        self.rest = rest;
        Ok(*front)
    }
    pub(super) fn byte(&mut self) -> Result<u8, BytesError> {
        self.array().map(|[byte]| byte)
    }
    pub(super) fn number(&mut self) -> Result<u64, BytesError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return Err(BytesError::Form("a number has more than 64 bits"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BytesError::Form("a number has more than 64 bits"))
    }
    pub(super) fn length(&mut self) -> Result<usize, BytesError> {
        usize::try_from(self.number()?).map_err(|_| BytesError::Short)
    }
    pub(super) fn block(&mut self) -> Result<&'a [u8], BytesError> {
        let length = self.length()?;
        self.take(length)
    }
    pub(super) fn text(&mut self) -> Result<&'a str, BytesError> {
        std::str::from_utf8(self.block()?).map_err(|_| BytesError::Form("a text is not UTF-8"))
    }
    /// Runs that make `count` symbols together, each below `symbols`.
    pub(super) fn runs(&mut self, count: usize, symbols: u64) -> Result<Vec<(u64, usize)>, BytesError> {
        let mut runs = Vec::new();
        let mut left = count;
        while left > 0 {
            let (symbol, length) = (self.number()?, self.length()?);
            if symbol >= symbols || length == 0 || length > left {
                return Err(BytesError::Form("a run is not within its column"));
            }
            runs.push((symbol, length));
            left -= length;
        }
        Ok(runs)
    }
}

const HAS_SOURCE: u8 = 1;
const HAS_SERVER: u8 = 2;
const OVERFLOW: u8 = 4;
const HAS_CAUSE: u8 = 8;
const GRADE_SHIFT: u8 = 4;

/// Kinds of value, as records and chunks write them.
pub(super) const NONE: u8 = 0;
pub(super) const REAL: u8 = 1;
pub(super) const INTEGER: u8 = 2;
pub(super) const FLAG: u8 = 3;
pub(super) const TEXT: u8 = 4;

pub(super) fn kind_of(value: Option<&SampleValue>) -> u8 {
    match value {
        None => NONE,
        Some(SampleValue::Real(_)) => REAL,
        Some(SampleValue::Integer(_)) => INTEGER,
        Some(SampleValue::Flag(_)) => FLAG,
        Some(SampleValue::Text(_)) => TEXT,
    }
}

pub(super) fn grade_code(grade: Grade) -> u8 {
    match grade {
        Grade::Good => 0,
        Grade::Uncertain => 1,
        Grade::Bad => 2,
    }
}

pub(super) fn grade_of(code: u64) -> Result<Grade, BytesError> {
    match code {
        0 => Ok(Grade::Good),
        1 => Ok(Grade::Uncertain),
        2 => Ok(Grade::Bad),
        _ => Err(BytesError::Form("there is no such grade")),
    }
}

/// A cause as JSON, as the journal writes it too.
pub(super) fn put_cause(out: &mut Vec<u8>, cause: &Cause) -> Result<(), BytesError> {
    put_block(out, &serde_json::to_vec(cause).map_err(BytesError::Cause)?);
    Ok(())
}

pub(super) fn read_cause(reader: &mut Reader<'_>) -> Result<Cause, BytesError> {
    serde_json::from_slice(reader.block()?).map_err(BytesError::Cause)
}

/// One sample, without its tag: receive time (milliseconds since 1970, as all times, 8 bytes, highest first, as all
/// numbers), what follows (1 byte: 1 source time, 2 server time, 4 samples before it were lost, 8 cause; 16 × grade, 0 good,
/// 1 uncertain, 2 bad), number, the times, kind of value (1 byte) and the value, the cause.
pub(super) fn put_record(out: &mut Vec<u8>, sample: &Sample) -> Result<(), BytesError> {
    let present = |there: bool, bit: u8| if there { bit } else { 0 };
    let follows = present(sample.source_time.is_some(), HAS_SOURCE)
        | present(sample.server_time.is_some(), HAS_SERVER)
        | present(sample.overflow, OVERFLOW)
        | present(sample.quality.cause.is_some(), HAS_CAUSE)
        | (grade_code(sample.quality.grade) << GRADE_SHIFT);
    out.extend_from_slice(&sample.receive_time.as_ms().to_be_bytes());
    out.push(follows);
    out.extend_from_slice(&sample.seq.to_be_bytes());
    for time in [sample.source_time, sample.server_time].into_iter().flatten() {
        out.extend_from_slice(&time.as_ms().to_be_bytes());
    }
    out.push(kind_of(sample.value.as_ref()));
    match &sample.value {
        None => {}
        Some(SampleValue::Real(value)) => out.extend_from_slice(&value.to_bits().to_be_bytes()),
        Some(SampleValue::Integer(value)) => out.extend_from_slice(&value.to_be_bytes()),
        Some(SampleValue::Flag(value)) => out.push(u8::from(*value)),
        Some(SampleValue::Text(text)) => put_block(out, text.as_bytes()),
    }
    match &sample.quality.cause {
        Some(cause) => put_cause(out, cause),
        None => Ok(()),
    }
}

/// Reads one record; `tag` gives it its tag, or says with `None` that it is not wanted.
pub(super) fn read_record(reader: &mut Reader<'_>, tag: Option<&TagId>) -> Result<Option<Sample>, BytesError> {
    let time = |bytes: [u8; 8]| Timestamp::from_ms(i64::from_be_bytes(bytes));
    let receive_time = time(reader.array()?);
    let follows = reader.byte()?;
    let seq = u64::from_be_bytes(reader.array()?);
    let source_time = if follows & HAS_SOURCE > 0 { Some(time(reader.array()?)) } else { None };
    let server_time = if follows & HAS_SERVER > 0 { Some(time(reader.array()?)) } else { None };
    let kind = reader.byte()?;
    let (value, text) = match kind {
        NONE => (None, None),
        REAL => (Some(SampleValue::Real(f64::from_bits(u64::from_be_bytes(reader.array()?)))), None),
        INTEGER => (Some(SampleValue::Integer(i64::from_be_bytes(reader.array()?))), None),
        FLAG => (Some(SampleValue::Flag(reader.byte()? > 0)), None),
        TEXT => (None, Some(reader.text()?)),
        _ => return Err(BytesError::Form("there is no such kind of value")),
    };
    let cause = if follows & HAS_CAUSE > 0 { Some(reader.block()?) } else { None };
    let Some(tag) = tag else { return Ok(None) };
    let value = value.or_else(|| text.map(|text| SampleValue::Text(text.to_owned())));
    let cause = cause.map(serde_json::from_slice).transpose().map_err(BytesError::Cause)?;
    let quality = Quality { grade: grade_of(u64::from(follows >> GRADE_SHIFT))?, cause };
    let overflow = follows & OVERFLOW > 0;
    Ok(Some(Sample { tag: tag.clone(), value, quality, source_time, server_time, receive_time, seq, overflow }))
}
