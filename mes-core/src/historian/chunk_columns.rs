//! The body of a chunk of the form `catapult-chunk-2`: one column after the other, numbers compressed.
//!
//! Six blocks (length, bytes), each a column of `count` symbols: times, server times, numbers, lost-before, qualities,
//! values. Numbers within them are `pco` streams of 64-bit integers or floats; everything else is runs. A float that is
//! a decimal of up to nine places is kept as an integer of these places, when that gives the same 64 bits back. What is
//! hashed, and the header, are in `chunk.rs`.

use std::collections::BTreeMap;

use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress_into},
};

use super::{
    bytes::{
        BytesError, FLAG, INTEGER, NONE, REAL, Reader, TEXT, grade_code, grade_of, kind_of, put_block, put_cause,
        put_number, put_runs, read_cause,
    },
    downsample::{Point, Qualities},
    sample::{Cause, Quality, Sample, SampleValue},
};
use crate::{clock::Timestamp, id::TagId};

/// By how much floats with 0 to 9 decimal places are multiplied to be whole.
const SCALES: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Most bytes of text in the samples of one chunk.
pub(super) const CHUNK_TEXT_BYTES_MAX: usize = 16 << 20;
/// Marks floats that are kept as such.
const NO_PLACES: u8 = 255;
/// Integers beyond this are not exact as floats.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// The column of times starts from the receive times, or from the source times.
const FROM_RECEIVE: u8 = 0;
const FROM_SOURCE: u8 = 1;

/// Symbol and length of each run.
type Runs = Vec<(u64, usize)>;

fn compress<T: Number>(numbers: &[T]) -> Result<Vec<u8>, BytesError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    simple_compress(numbers, &ChunkConfig::default()).map_err(BytesError::Numbers)
}

fn expand<T: Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, BytesError> {
    let mut numbers = vec![T::default(); count];
    if count > 0 {
        let progress = simple_decompress_into(bytes, &mut numbers).map_err(BytesError::Numbers)?;
        if progress.n_processed != count || !progress.finished {
            return Err(BytesError::Form("a column does not have as many numbers as the chunk says"));
        }
    }
    Ok(numbers)
}

fn ones(runs: &[(u64, usize)]) -> usize {
    runs.iter().filter(|(symbol, _)| *symbol == 1).map(|(_, length)| length).sum()
}

fn spread(runs: &[(u64, usize)]) -> impl Iterator<Item = u64> {
    runs.iter().flat_map(|(symbol, length)| std::iter::repeat_n(*symbol, *length))
}

fn spread_numbers(runs: &[(u64, usize)]) -> impl Iterator<Item = u64> {
    runs.iter().flat_map(|(first, length)| (0..*length as u64).map(|more| first.wrapping_add(more)))
}

/// The body of some samples, which are in order of receive time from `from` on.
pub(super) fn encode(from: Timestamp, samples: &[&Sample]) -> Result<Vec<u8>, BytesError> {
    let mut body = Vec::new();
    for column in [times(from, samples)?, servers(samples)?, numbers(samples), losses(samples)] {
        put_block(&mut body, &column);
    }
    put_block(&mut body, &qualities(samples)?);
    put_block(&mut body, &values(samples)?);
    Ok(body)
}

fn times(from: Timestamp, samples: &[&Sample]) -> Result<Vec<u8>, BytesError> {
    let received = samples.iter().map(|sample| sample.receive_time.since_ms(from)).collect::<Vec<_>>();
    let lags = samples.iter().filter_map(|sample| Some(sample.receive_time.since_ms(sample.source_time?)));
    let lags = compress(&lags.collect::<Vec<_>>())?;
    let mut start = (FROM_RECEIVE, compress(&received)?);
    // A device's clock often ticks more evenly than the network delivers.
    let sources = samples.iter().map(|sample| Some(sample.source_time?.since_ms(from))).collect::<Option<Vec<_>>>();
    if let Some(sources) = sources {
        let even = compress(&sources)?;
        if even.len() < start.1.len() {
            start = (FROM_SOURCE, even);
        }
    }
    let mut out = vec![start.0];
    put_block(&mut out, &start.1);
    put_runs(&mut out, samples.iter().map(|sample| u64::from(sample.source_time.is_some())));
    put_block(&mut out, &lags);
    Ok(out)
}

fn servers(samples: &[&Sample]) -> Result<Vec<u8>, BytesError> {
    let lag = |sample: &&Sample| {
        let seen = sample.server_time?;
        Some(seen.since_ms(sample.source_time.unwrap_or(sample.receive_time)))
    };
    let mut out = Vec::new();
    put_runs(&mut out, samples.iter().map(|sample| u64::from(sample.server_time.is_some())));
    put_block(&mut out, &compress(&samples.iter().filter_map(lag).collect::<Vec<_>>())?);
    Ok(out)
}

/// Runs of consecutive numbers: first number, length.
fn numbers(samples: &[&Sample]) -> Vec<u8> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for sample in samples {
        match runs.last_mut() {
            Some((first, length)) if first.checked_add(*length) == Some(sample.seq) => *length += 1,
            _ => runs.push((sample.seq, 1)),
        }
    }
    let mut out = Vec::new();
    for (first, length) in runs {
        put_number(&mut out, first);
        put_number(&mut out, length);
    }
    out
}

fn losses(samples: &[&Sample]) -> Vec<u8> {
    let mut out = Vec::new();
    put_runs(&mut out, samples.iter().map(|sample| u64::from(sample.overflow)));
    out
}

/// The different ones in the order of their first appearance, and which of them each is.
fn dictionary<T: Copy + Ord>(all: impl IntoIterator<Item = T>) -> (Vec<T>, Vec<u64>) {
    let (mut known, mut listed, mut places) = (BTreeMap::new(), Vec::new(), Vec::new());
    for one in all {
        let place = *known.entry(one).or_insert_with(|| {
            listed.push(one);
            listed.len() as u64 - 1
        });
        places.push(place);
    }
    (listed, places)
}

fn qualities(samples: &[&Sample]) -> Result<Vec<u8>, BytesError> {
    let (listed, places) = dictionary(samples.iter().map(|sample| &sample.quality));
    let mut out = Vec::new();
    put_number(&mut out, listed.len() as u64);
    for quality in listed {
        out.push(grade_code(quality.grade));
        out.push(u8::from(quality.cause.is_some()));
        if let Some(cause) = &quality.cause {
            put_cause(&mut out, cause)?;
        }
    }
    put_runs(&mut out, places);
    Ok(out)
}

fn values(samples: &[&Sample]) -> Result<Vec<u8>, BytesError> {
    let (mut reals, mut integers, mut flags, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for sample in samples {
        match &sample.value {
            None => {}
            Some(SampleValue::Real(value)) => reals.push(*value),
            Some(SampleValue::Integer(value)) => integers.push(*value),
            Some(SampleValue::Flag(value)) => flags.push(u64::from(*value)),
            Some(SampleValue::Text(text)) => texts.push(text.as_str()),
        }
    }
    let mut out = Vec::new();
    put_runs(&mut out, samples.iter().map(|sample| u64::from(kind_of(sample.value.as_ref()))));
    match places(&reals) {
        Some((places, scaled)) => {
            out.push(places);
            put_block(&mut out, &compress(&scaled)?);
        }
        None => {
            out.push(NO_PLACES);
            put_block(&mut out, &compress(&reals)?);
        }
    }
    put_block(&mut out, &compress(&integers)?);
    put_runs(&mut out, flags);
    let (listed, which) = dictionary(texts);
    put_number(&mut out, listed.len() as u64);
    for text in listed {
        put_block(&mut out, text.as_bytes());
    }
    put_runs(&mut out, which);
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "the encoder keeps below 2^53; the content hash is the proof")]
fn unscaled(whole: i64, scale: f64) -> f64 {
    whole as f64 / scale
}

/// The fewest decimal places that give every float back bit by bit, and the floats as integers of them.
fn places(reals: &[f64]) -> Option<(u8, Vec<i64>)> {
    (0_u8..).zip(SCALES).find_map(|(places, scale)| {
        let scaled = |real: &f64| {
            let float = (real * scale).round();
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, or refused")]
            let whole = float as i64;
            // Minus zero is no integer.
            (float.abs() < EXACT_MAX && unscaled(whole, scale).to_bits() == real.to_bits()).then_some(whole)
        };
        Some((places, reals.iter().map(scaled).collect::<Option<Vec<_>>>()?))
    })
}

/// The columns of a body, expanded only when they are asked for.
pub(super) struct Body<'a> {
    from: Timestamp,
    count: usize,
    columns: [&'a [u8]; 6],
}

/// The values of a body by kind, expanded.
struct Values<'a> {
    kinds: Runs,
    reals: Vec<f64>,
    integers: Vec<i64>,
    flags: Runs,
    texts: Vec<&'a str>,
    which: Runs,
}

impl<'a> Body<'a> {
    /// Finds the columns of a chunk of `count` samples, which the caller has bounded.
    pub(super) fn new(from: Timestamp, count: usize, bytes: &'a [u8]) -> Result<Self, BytesError> {
        let mut reader = Reader::new(bytes);
        let mut columns = [<&[u8]>::default(); 6];
        for column in &mut columns {
            *column = reader.block()?;
        }
        if !reader.is_empty() {
            return Err(BytesError::Form("there are bytes after the last column"));
        }
        Ok(Self { from, count, columns })
    }

    fn column(&self, index: usize) -> Reader<'a> {
        Reader::new(self.columns.get(index).copied().unwrap_or_default())
    }

    /// Receive and source times, in milliseconds after `from`.
    fn times(&self) -> Result<(Vec<i64>, Vec<Option<i64>>), BytesError> {
        let mut reader = self.column(0);
        let base = reader.byte()?;
        let start: Vec<i64> = expand(reader.block()?, self.count)?;
        let present = reader.runs(self.count, 2)?;
        let lags: Vec<i64> = expand(reader.block()?, ones(&present))?;
        let mut lags = lags.into_iter();
        let mut next = |there: u64| if there == 1 { lags.next() } else { None };
        match base {
            FROM_RECEIVE => {
                let lags = spread(&present).map(&mut next);
                let sources = lags.zip(&start).map(|(lag, at)| Some(at.wrapping_sub(lag?))).collect();
                Ok((start, sources))
            }
            FROM_SOURCE => {
                let lags = spread(&present).map(next);
                let received = lags.zip(&start).map(|(lag, at)| at.wrapping_add(lag.unwrap_or_default())).collect();
                Ok((received, start.into_iter().map(Some).collect()))
            }
            _ => Err(BytesError::Form("there is no such column of times")),
        }
    }

    /// Receive times alone, in milliseconds since 1970.
    fn received_ms(&self) -> Result<Vec<i64>, BytesError> {
        let (mut received, _) = self.times()?;
        let from = self.from.as_ms();
        received.iter_mut().for_each(|ms| *ms = ms.wrapping_add(from));
        Ok(received)
    }

    fn servers(&self) -> Result<Vec<Option<i64>>, BytesError> {
        let mut reader = self.column(1);
        let present = reader.runs(self.count, 2)?;
        let lags: Vec<i64> = expand(reader.block()?, ones(&present))?;
        let mut lags = lags.into_iter();
        Ok(spread(&present).map(|there| if there == 1 { lags.next() } else { None }).collect())
    }

    /// Runs of consecutive numbers: first number, length.
    fn number_runs(&self) -> Result<Runs, BytesError> {
        self.column(2).runs(self.count, u64::MAX)
    }

    fn loss_runs(&self) -> Result<Runs, BytesError> {
        self.column(3).runs(self.count, 2)
    }

    /// The qualities, and runs of which of them.
    fn quality_runs(&self) -> Result<(Vec<Quality>, Runs), BytesError> {
        let mut reader = self.column(4);
        let listed = reader.length()?;
        let mut qualities = Vec::new();
        for _ in 0..listed.min(self.count) {
            let grade = grade_of(u64::from(reader.byte()?))?;
            let cause = if reader.byte()? > 0 { Some(read_cause(&mut reader)?) } else { None };
            qualities.push(Quality { grade, cause });
        }
        let runs = reader.runs(self.count, qualities.len() as u64)?;
        Ok((qualities, runs))
    }

    fn values(&self) -> Result<Values<'a>, BytesError> {
        let mut reader = self.column(5);
        let kinds = reader.runs(self.count, u64::from(TEXT) + 1)?;
        let of = |kind: u8| kinds.iter().filter(|(found, _)| *found == u64::from(kind)).map(|(_, n)| n).sum::<usize>();
        let places = reader.byte()?;
        let reals = match SCALES.get(usize::from(places)) {
            Some(scale) => {
                let whole: Vec<i64> = expand(reader.block()?, of(REAL))?;
                whole.into_iter().map(|whole| unscaled(whole, *scale)).collect()
            }
            None if places == NO_PLACES => expand(reader.block()?, of(REAL))?,
            None => return Err(BytesError::Form("there are no such decimal places")),
        };
        let integers = expand(reader.block()?, of(INTEGER))?;
        let flags = reader.runs(of(FLAG), 2)?;
        let mut texts = Vec::new();
        for _ in 0..reader.length()?.min(self.count) {
            texts.push(reader.text()?);
        }
        let which = reader.runs(of(TEXT), texts.len() as u64)?;
        Ok(Values { kinds, reals, integers, flags, texts, which })
    }

    /// What a plot needs of every sample.
    pub(super) fn points(&self, known: &mut Qualities, points: &mut Vec<Point>) -> Result<(), BytesError> {
        let (received, floats) = (self.received_ms()?, self.floats()?);
        let (numbers, losses) = (self.number_runs()?, self.loss_runs()?);
        let (qualities, which) = self.quality_runs()?;
        let ours: Vec<u32> = qualities.iter().map(|quality| known.place(quality)).collect();
        let mut numbers = spread_numbers(&numbers);
        let mut losses = spread(&losses);
        let mut which = spread(&which).map(|at| usize::try_from(at).ok().and_then(|at| ours.get(at)).copied());
        points.reserve(received.len());
        points.extend(received.into_iter().zip(floats).map(|(ms, value)| Point {
            ms,
            value,
            seq: numbers.next().unwrap_or_default(),
            quality: which.next().flatten().unwrap_or_default(),
            lost: losses.next() == Some(1),
        }));
        Ok(())
    }

    /// The values as floats, NaN where there is none: texts have none.
    fn floats(&self) -> Result<Vec<f64>, BytesError> {
        let values = self.values()?;
        if let [(kind, _)] = values.kinds.as_slice()
            && *kind == u64::from(REAL)
        {
            return Ok(values.reals);
        }
        let (mut reals, mut integers) = (values.reals.into_iter(), values.integers.into_iter());
        let mut flags = spread(&values.flags);
        let float = |kind| match u8::try_from(kind).unwrap_or(NONE) {
            REAL => reals.next(),
            INTEGER => integers.next().and_then(|whole| SampleValue::Integer(whole).to_f64()),
            FLAG => flags.next().and_then(|flag| SampleValue::Flag(flag > 0).to_f64()),
            _ => None,
        };
        Ok(spread(&values.kinds).map(float).map(|value| value.unwrap_or(f64::NAN)).collect())
    }

    /// Every sample.
    pub(super) fn samples(&self, tag: &TagId) -> Result<Vec<Sample>, BytesError> {
        let (received, sources) = self.times()?;
        let (servers, numbers, losses) = (self.servers()?, self.number_runs()?, self.loss_runs()?);
        let ((qualities, which_quality), values) = (self.quality_runs()?, self.values()?);
        self.bounded(&values, &qualities, &which_quality)?;
        let mut numbers = spread_numbers(&numbers);
        let mut losses = spread(&losses);
        let mut qualities = spread(&which_quality).map(|at| usize::try_from(at).ok().and_then(|at| qualities.get(at)));
        let (mut reals, mut integers) = (values.reals.into_iter(), values.integers.into_iter());
        let (mut flags, mut texts) = (spread(&values.flags), spread(&values.which));
        let mut text = || values.texts.get(usize::try_from(texts.next()?).ok()?).map(|text| (*text).to_owned());
        let times = received.into_iter().zip(sources).zip(servers);
        let samples = times.zip(spread(&values.kinds)).map(|(((received, source), server), kind)| {
            let at = |ms: i64| self.from.plus_ms(ms);
            Sample {
                tag: tag.clone(),
                value: match u8::try_from(kind).unwrap_or(NONE) {
                    REAL => reals.next().map(SampleValue::Real),
                    INTEGER => integers.next().map(SampleValue::Integer),
                    FLAG => flags.next().map(|flag| SampleValue::Flag(flag > 0)),
                    TEXT => text().map(SampleValue::Text),
                    _ => None,
                },
                quality: qualities.next().flatten().cloned().unwrap_or(Quality::GOOD),
                source_time: source.map(at),
                server_time: server.map(|lag| at(source.unwrap_or(received).saturating_add(lag))),
                receive_time: at(received),
                seq: numbers.next().unwrap_or_default(),
                overflow: losses.next() == Some(1),
            }
        });
        Ok(samples.collect())
    }

    /// Refuses texts that a few bytes blow up to more than a chunk may hold.
    fn bounded(&self, values: &Values<'_>, qualities: &[Quality], runs: &[(u64, usize)]) -> Result<(), BytesError> {
        let mut bytes = 0_usize;
        for (place, length) in &values.which {
            let text = usize::try_from(*place).ok().and_then(|place| values.texts.get(place));
            bytes = bytes.saturating_add(text.map_or(0, |text| text.len()).saturating_mul(*length));
        }
        for (place, length) in runs {
            let quality = usize::try_from(*place).ok().and_then(|place| qualities.get(place));
            let cause = quality.map_or(0, cause_bytes);
            bytes = bytes.saturating_add(cause.saturating_mul(*length));
        }
        if bytes > CHUNK_TEXT_BYTES_MAX {
            return Err(BytesError::Form("the texts are longer than those of a chunk may be"));
        }
        Ok(())
    }
}

fn cause_bytes(quality: &Quality) -> usize {
    match &quality.cause {
        Some(Cause::Device(code)) => code.len(),
        _ => 0,
    }
}

/// How many bytes of text a sample brings along.
pub(super) fn text_bytes(sample: &Sample) -> usize {
    let value = match &sample.value {
        Some(SampleValue::Text(text)) => text.len(),
        _ => 0,
    };
    value.saturating_add(cause_bytes(&sample.quality))
}
