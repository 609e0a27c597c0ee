//! Sealed samples as trends: numbers for the table, segments for the plot, rows for the CSV file.
//!
//! Only chunks that a `samples.sealed` entry names by hash are read. Nothing is interpolated: where no good value is
//! known there is a gap, and the gap is listed. Plots are thinned to the smallest and largest value of each slice of time;
//! the CSV file and the chunks hold every sample.

use std::collections::BTreeMap;

use mes_core::{
    batch::{Batch, BatchEvent},
    clock::Timestamp,
    engine::{LinkState, cause_words},
    historian::{Chunk, ChunkRef, Grade, Sample, SealedSamples},
    id::{EquipmentId, TagId},
    isa88::{Phase, PhaseKind, Watch},
    journal::{EntryId, Hash, Purpose, encode::sha256},
    quantity::{Bilingual, decimal_of, round},
    tenant::{Equipment, Tag},
};
use serde::Serialize;

use crate::{
    plot::{Plot, PlotInput},
    record::RecordError,
    source::Line,
    wording,
};

/// The sealed samples of one tag, in the order of receipt.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Tag.
    pub tag: TagId,
    /// Samples.
    pub samples: Vec<Sample>,
    /// Sealed chunks that were not handed over, with the entry that sealed them.
    pub missing: Vec<(EntryId, ChunkRef)>,
    /// Chunks read.
    pub chunks: usize,
    /// When its equipment was not connected, as the batch's entries say.
    pub down: Vec<(Timestamp, Option<Timestamp>, String)>,
}

impl Series {
    /// Reads the chunks that the seals of this batch name; a chunk that no seal names is refused.
    pub(crate) fn read(
        batch: &Batch,
        sealed: &[(EntryId, SealedSamples)],
        chunks: &[Vec<u8>],
        lines: &[Line],
    ) -> Result<Vec<Self>, RecordError> {
        let mut given: BTreeMap<Hash, &[u8]> =
            chunks.iter().map(|bytes| (sha256(&[bytes]), bytes.as_slice())).collect();
        let mut series: BTreeMap<TagId, Self> = BTreeMap::new();
        for (entry, seal) in sealed.iter().filter(|(_, seal)| seal.batch == batch.issued.batch) {
            for chunk in &seal.chunks {
                let of = series.entry(chunk.tag.clone()).or_insert_with(|| Self::empty(chunk.tag.clone(), lines));
                let Some(bytes) = given.remove(&chunk.hash) else {
                    of.missing.push((entry.clone(), chunk.clone()));
                    continue;
                };
                let wrong =
                    |source| RecordError::Chunk { hash: chunk.hash, tag: chunk.tag.clone(), source: Box::new(source) };
                let (_, samples) = Chunk::decode(bytes).map_err(wrong)?;
                of.samples.extend(samples);
                of.chunks += 1;
            }
        }
        if let Some(hash) = given.into_keys().next() {
            return Err(RecordError::Unsealed { hash });
        }
        let mut series: Vec<Self> = series.into_values().collect();
        series.iter_mut().for_each(|of| of.samples.sort_by_key(|sample| (sample.receive_time, sample.seq)));
        Ok(series)
    }
    fn empty(tag: TagId, lines: &[Line]) -> Self {
        let down = down(&tag.equipment, lines);
        Self { tag, samples: Vec::new(), missing: Vec::new(), chunks: 0, down }
    }
}

/// When an equipment's link was not online: from, until (where it came back), and how it stood.
pub(crate) fn down(equipment: &EquipmentId, lines: &[Line]) -> Vec<(Timestamp, Option<Timestamp>, String)> {
    let mut found: Vec<(Timestamp, Option<Timestamp>, String)> = Vec::new();
    for line in lines {
        let Some(BatchEvent::LinkChanged { equipment: of, state, cause, at, .. }) = line.batch_event() else {
            continue;
        };
        if of != equipment {
            continue;
        }
        let up = matches!(state, LinkState::Online | LinkState::Degraded(_));
        match (up, found.last_mut().filter(|(_, until, _)| until.is_none())) {
            (true, Some((_, until, _))) => *until = Some(*at),
            (false, None) => found.push((*at, None, cause.clone())),
            (true, None) | (false, Some(_)) => {}
        }
    }
    found
}

/// A stretch without a good value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// From.
    pub from: Timestamp,
    /// Until; the end of the data where nothing came after.
    pub until: Timestamp,
    /// Why.
    pub why: Bilingual,
}

/// A limit over a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The watched item's name.
    pub name: Bilingual,
    /// The range as printed.
    pub range: String,
    /// Lowest value.
    pub low: Option<String>,
    /// Highest value.
    pub high: Option<String>,
    /// In force from.
    pub from: Timestamp,
    /// In force until.
    pub until: Timestamp,
}

/// The trend of one tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// Tag.
    pub tag: TagId,
    /// What it is, and of which equipment.
    pub title: Bilingual,
    /// Unit (UCUM) and as shown.
    pub unit: String,
    /// Unit as shown.
    pub unit_shown: String,
    /// Samples, and how many of them are good, uncertain, bad.
    pub samples: u64,
    /// Good ones.
    pub good: u64,
    /// Uncertain ones.
    pub uncertain: u64,
    /// Bad ones.
    pub bad: u64,
    /// Chunks they came in.
    pub chunks: u64,
    /// Sealed chunks that are not in this record.
    pub chunks_missing: u64,
    /// First sample.
    pub from: Option<Timestamp>,
    /// Last sample.
    pub until: Option<Timestamp>,
    /// Smallest good value.
    pub min: Option<String>,
    /// Largest good value.
    pub max: Option<String>,
    /// Last good value.
    pub last: Option<String>,
    /// Limits that were watched.
    pub limits: Vec<Limit>,
    /// Stretches without a good value.
    pub gaps: Vec<Gap>,
    /// What is drawn; for the PDF only.
    #[serde(skip)]
    pub plot: Option<Plot>,
}

/// The trends of all tags.
pub(crate) fn trends(batch: &Batch, series: &[Series], purpose: Purpose) -> Vec<Trend> {
    series.iter().map(|of| trend(batch, of, purpose, span(series, &of.tag.equipment))).collect()
}

/// First and last sample of a piece of equipment: the time axis that all of its trends share.
fn span(series: &[Series], equipment: &EquipmentId) -> Option<(Timestamp, Timestamp)> {
    let mine = series.iter().filter(|of| of.tag.equipment == *equipment);
    let times = mine.flat_map(|of| of.samples.first().into_iter().chain(of.samples.last()));
    times.map(|sample| sample.receive_time).fold(None, |span, at| {
        Some(span.map_or((at, at), |(from, until): (Timestamp, Timestamp)| (from.min(at), until.max(at))))
    })
}

fn trend(batch: &Batch, of: &Series, purpose: Purpose, span: Option<(Timestamp, Timestamp)>) -> Trend {
    let equipment = batch.issued.equipment.values().find(|equipment| equipment.id == of.tag.equipment);
    let tag = equipment.and_then(|equipment| equipment.tags.iter().find(|tag| tag.name == of.tag.name));
    let decimals = tag.map_or(2, |tag| tag.decimals);
    let shown = |value: f64| decimal_of(value).map(|value| round(value, decimals).to_string());
    let count = |grade| of.samples.iter().filter(|sample| sample.quality.grade == grade).count() as u64;
    let good = of.samples.iter().filter(|sample| sample.quality.is_good());
    let good: Vec<f64> = good.filter_map(|sample| sample.value.as_ref()?.to_f64()).filter(|v| v.is_finite()).collect();
    let gaps = gaps(of, tag, purpose);
    let limits = limits(batch, &of.tag, equipment, span);
    let plot = span.and_then(|(from, until)| {
        let marks = marks(batch, equipment);
        let input =
            PlotInput { samples: &of.samples, gaps: &gaps, limits: &limits, marks: &marks, from, until, decimals };
        Plot::draw(&input)
    });
    Trend {
        tag: of.tag.clone(),
        title: title(&of.tag, equipment, tag),
        unit: tag.map(|tag| tag.unit.0.clone()).unwrap_or_default(),
        unit_shown: tag.map(|tag| tag.unit.shown().to_owned()).unwrap_or_default(),
        samples: of.samples.len() as u64,
        good: count(Grade::Good),
        uncertain: count(Grade::Uncertain),
        bad: count(Grade::Bad),
        chunks: of.chunks as u64,
        chunks_missing: of.missing.len() as u64,
        from: of.samples.first().map(|sample| sample.receive_time),
        until: of.samples.last().map(|sample| sample.receive_time),
        min: good.iter().copied().reduce(f64::min).and_then(shown),
        max: good.iter().copied().reduce(f64::max).and_then(shown),
        last: good.last().copied().and_then(shown),
        limits,
        gaps,
        plot,
    }
}

fn title(id: &TagId, equipment: Option<&Equipment>, tag: Option<&Tag>) -> Bilingual {
    match (equipment, tag) {
        (Some(equipment), Some(tag)) => Bilingual::new(
            format!("{}({})", tag.title.ja, equipment.name.ja),
            format!("{} ({})", tag.title.en, equipment.name.en),
        ),
        _ => Bilingual::new(id.to_string(), id.to_string()),
    }
}

/// In production, facility time is wall time, and silence longer than the tag's staleness limit is a gap. Where facility
/// time may run faster, gaps are known from the quality of samples and from the link's entries alone.
fn gaps(of: &Series, tag: Option<&Tag>, purpose: Purpose) -> Vec<Gap> {
    let stale_ms = tag.filter(|_| purpose.is_production()).map(|tag| i64::from(tag.limits.stale_after_s) * 1000);
    let mut gaps: Vec<Gap> = Vec::new();
    let end = of.samples.last().map(|sample| sample.receive_time);
    let mut open: Option<(Timestamp, Bilingual)> = None;
    let mut before: Option<&Sample> = None;
    for sample in &of.samples {
        let at = sample.receive_time;
        if let Some(last) = before.filter(|_| open.is_none()) {
            let silent = stale_ms.is_some_and(|limit| at.since_ms(last.receive_time) > limit);
            if silent || sample.overflow {
                let why = if sample.overflow {
                    Bilingual::new("設備側でサンプル欠落", "samples lost at the device")
                } else {
                    Bilingual::new("更新停止", "no sample")
                };
                gaps.push(Gap { from: last.receive_time, until: at, why });
            }
        }
        match (sample.quality.grade == Grade::Bad, open.take()) {
            (true, None) => open = Some((at, wording::quality(&sample.quality))),
            (true, still) => open = still,
            (false, Some((from, why))) => gaps.push(Gap { from, until: at, why }),
            (false, None) => {}
        }
        before = Some(sample);
    }
    if let (Some((from, why)), Some(until)) = (open, end) {
        gaps.push(Gap { from, until, why });
    }
    for (from, until, cause) in &of.down {
        let until = until.or(end).unwrap_or(*from).max(*from);
        let cause = cause_words(cause);
        let why = Bilingual::new(format!("通信断({})", cause.ja), format!("link down ({})", cause.en));
        gaps.push(Gap { from: *from, until, why });
    }
    for (_, chunk) in &of.missing {
        let why = Bilingual::new("この記録に含まれないチャンク", "chunk not in this record");
        gaps.push(Gap { from: chunk.from, until: chunk.until, why });
    }
    gaps.sort_by_key(|gap| (gap.from, gap.until));
    merged(gaps)
}

/// Joins gaps that overlap, with all their reasons.
fn merged(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut joined: Vec<Gap> = Vec::new();
    for gap in gaps {
        match joined.last_mut().filter(|last| gap.from <= last.until) {
            Some(last) => {
                last.until = last.until.max(gap.until);
                if !last.why.en.contains(&gap.why.en) {
                    last.why.ja = format!("{}、{}", last.why.ja, gap.why.ja);
                    last.why.en = format!("{}; {}", last.why.en, gap.why.en);
                }
            }
            None => joined.push(gap),
        }
    }
    joined
}

fn window(batch: &Batch, phase: &Phase, span: (Timestamp, Timestamp)) -> Option<(Timestamp, Timestamp)> {
    let run = batch.phases.get(&phase.id)?;
    let from = run.started_at?;
    Some((from, run.completed_at.unwrap_or(span.1).max(from)))
}

fn limits(
    batch: &Batch,
    tag: &TagId,
    equipment: Option<&Equipment>,
    span: Option<(Timestamp, Timestamp)>,
) -> Vec<Limit> {
    let (Some(span), Some(equipment)) = (span, equipment) else { return Vec::new() };
    let ours = |watch: &&Watch| {
        watch.tag.tag == tag.name && batch.issued.equipment.get(&watch.tag.role).is_some_and(|of| of.id == equipment.id)
    };
    let mut limits = Vec::new();
    for phase in batch.issued.recipe.phases() {
        for watch in phase.watch.iter().filter(ours) {
            let Some((from, until)) = window(batch, phase, span) else { continue };
            limits.push(Limit {
                name: watch.name.clone(),
                range: watch.range.shown(),
                low: watch.range.low.map(|value| value.to_string()),
                high: watch.range.high.map(|value| value.to_string()),
                from,
                until,
            });
        }
    }
    limits
}

/// When phases that use the equipment started.
fn marks(batch: &Batch, equipment: Option<&Equipment>) -> Vec<(Timestamp, String)> {
    let Some(equipment) = equipment else { return Vec::new() };
    let role = batch.issued.equipment.iter().find(|(_, of)| of.id == equipment.id).map(|(role, _)| role);
    let Some(role) = role else { return Vec::new() };
    let uses = |phase: &&Phase| {
        let kind = match &phase.kind {
            PhaseKind::Set { points } => points.iter().any(|point| point.to.role == *role),
            PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
                items.iter().any(|item| item.from.as_ref().is_some_and(|from| from.role == *role))
            }
            PhaseKind::Wait { condition, .. } => condition.contains(&format!("{role}.")),
            PhaseKind::Instruction
            | PhaseKind::Calculate { .. }
            | PhaseKind::LineClearance { .. }
            | PhaseKind::IdentityCheck => false,
        };
        kind || phase.watch.iter().any(|watch| watch.tag.role == *role)
    };
    let phases = batch.issued.recipe.phases().filter(uses);
    let started = phases.filter_map(|phase| Some((batch.phases.get(&phase.id)?.started_at?, phase.id.to_string())));
    started.collect()
}

/// Every sample as a line of a CSV file (RFC 4180, UTF-8), tag by tag.
pub(crate) fn csv(series: &[Series], units: &BTreeMap<TagId, String>) -> String {
    let mut out = String::from("tag,unit,receive_time,source_time,value,grade,cause,number,samples_lost_before\r\n");
    for of in series {
        let unit = units.get(&of.tag).map_or("", String::as_str);
        for sample in &of.samples {
            let value = sample.value.as_ref().map(ToString::to_string).unwrap_or_default();
            let source = sample.source_time.map(|at| at.to_string()).unwrap_or_default();
            let grade = match sample.quality.grade {
                Grade::Good => "good",
                Grade::Uncertain => "uncertain",
                Grade::Bad => "bad",
            };
            let cause =
                if sample.quality.cause.is_some() { wording::quality(&sample.quality).en } else { String::new() };
            let cells = [
                quoted(&of.tag.to_string()),
                quoted(unit),
                sample.receive_time.to_string(),
                source,
                quoted(&value),
                grade.to_owned(),
                quoted(&cause),
                sample.seq.to_string(),
                sample.overflow.to_string(),
            ];
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
    }
    out
}

/// A text that a spreadsheet would take for a formula, kept a text.
pub(crate) fn not_a_formula(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@']) || (text.starts_with('-') && text.parse::<f64>().is_err());
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// A CSV cell, quoted where it must be; a text that a spreadsheet would take for a formula is kept a text.
pub(crate) fn quoted(text: &str) -> String {
    let text = not_a_formula(text);
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
