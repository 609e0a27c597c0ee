//! What is drawn of a trend: lines, gaps, limits and ticks in a square of 10,000 by 10,000, origin at the lower left.
//!
//! The template scales it; it draws nothing that is not listed here.

use mes_core::{
    clock::Timestamp,
    historian::{Grade, Sample},
    quantity::{decimal_of, round},
};
use serde::Serialize;

use crate::trend::{Gap, Limit};

/// Side of the square.
const SIDE: f64 = 10_000.0;
/// Slices of time; each keeps its first, smallest, largest and last value.
const SLICES: usize = 360;
/// Ticks on the value axis, about.
const VALUE_TICKS: f64 = 4.0;
/// Smallest step between two ticks of the value axis.
const STEP_MIN: f64 = 1e-6;
/// Ticks on the time axis.
const TIME_TICKS: i64 = 6;
/// Nearest distance of two phase marks whose names are both printed.
const MARK_APART: i64 = 400;

/// What is drawn of one trend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plot {
    /// Unbroken lines of good values.
    pub good: Vec<Vec<(i64, i64)>>,
    /// Unbroken lines of uncertain values.
    pub uncertain: Vec<Vec<(i64, i64)>>,
    /// Stretches without a good value: from, until.
    pub gaps: Vec<(i64, i64)>,
    /// Limits: from, until, height.
    pub limits: Vec<(i64, i64, i64)>,
    /// Phase starts: position, name (empty where it would overlap).
    pub marks: Vec<(i64, String)>,
    /// Ticks of the value axis: height, label.
    pub values: Vec<(i64, String)>,
    /// Ticks of the time axis: position, label.
    pub times: Vec<(i64, String)>,
}

/// What a plot is made of.
#[derive(Debug)]
pub struct PlotInput<'a> {
    /// Samples in order.
    pub samples: &'a [Sample],
    /// Gaps.
    pub gaps: &'a [Gap],
    /// Limits.
    pub limits: &'a [Limit],
    /// Phase starts.
    pub marks: &'a [(Timestamp, String)],
    /// Left end of the time axis.
    pub from: Timestamp,
    /// Right end of the time axis.
    pub until: Timestamp,
    /// Decimals of the value.
    pub decimals: u32,
}

#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the square before")]
    fn of(self, value: f64) -> i64 {
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        (share.clamp(0.0, 1.0) * SIDE).round() as i64
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of facility time stay far below 2^53")]
fn ms(at: Timestamp) -> f64 {
    at.as_ms() as f64
}

impl Plot {
    /// Draws a trend; `None` when it has no number to show.
    pub fn draw(input: &PlotInput<'_>) -> Option<Self> {
        let shown = input.samples.iter().filter(|sample| sample.quality.grade != Grade::Bad);
        let values = shown.filter_map(|sample| sample.value.as_ref()?.to_f64()).filter(|value| value.is_finite());
        let limits = input.limits.iter().flat_map(|limit| limit.low.iter().chain(&limit.high));
        let limits: Vec<f64> = limits.filter_map(|text| text.parse().ok()).collect();
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return None;
        }
        let all = values.iter().chain(&limits).copied();
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let pad = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.05 };
        let y = Scale { low: low - pad, high: high + pad };
        let x = Scale { low: ms(input.from), high: ms(input.until) };
        let (good, uncertain) = lines(input, x, y);
        Some(Self {
            good,
            uncertain,
            gaps: input.gaps.iter().map(|gap| (x.of(ms(gap.from)), x.of(ms(gap.until)))).collect(),
            limits: limit_lines(input.limits, x, y),
            marks: marks(input.marks, x),
            values: value_ticks(y, input.decimals),
            times: time_ticks(input.from, input.until, x),
        })
    }
}

type Lines = Vec<Vec<(i64, i64)>>;

/// Splits the samples into unbroken lines by grade, broken at every gap, and thins each.
fn lines(input: &PlotInput<'_>, x: Scale, y: Scale) -> (Lines, Lines) {
    let (mut good, mut uncertain): (Lines, Lines) = (Vec::new(), Vec::new());
    let mut run: Vec<(i64, i64)> = Vec::new();
    let mut grade = Grade::Bad;
    let mut before: Option<Timestamp> = None;
    for sample in input.samples {
        let at = sample.receive_time;
        let value = sample.value.as_ref().and_then(|value| value.to_f64()).filter(|value| value.is_finite());
        let now = if value.is_some() { sample.quality.grade } else { Grade::Bad };
        let broken = before.is_some_and(|last| input.gaps.iter().any(|gap| gap.from < at && last < gap.until));
        if now != grade || broken {
            finish(&mut run, grade, &mut good, &mut uncertain);
            grade = now;
        }
        if let Some(value) = value {
            run.push((x.of(ms(at)), y.of(value)));
        }
        before = Some(at);
    }
    finish(&mut run, grade, &mut good, &mut uncertain);
    (good, uncertain)
}

fn finish(run: &mut Vec<(i64, i64)>, grade: Grade, good: &mut Lines, uncertain: &mut Lines) {
    let line = thin(&std::mem::take(run));
    match grade {
        _ if line.is_empty() => {}
        Grade::Good => good.push(line),
        Grade::Uncertain => uncertain.push(line),
        Grade::Bad => {}
    }
}

/// Keeps the first, smallest, largest and last value of each slice of time, in order.
fn thin(run: &[(i64, i64)]) -> Vec<(i64, i64)> {
    if run.len() <= SLICES {
        return run.to_vec();
    }
    let slice_of = |x: i64| usize::try_from(x).unwrap_or(0) * SLICES / 10_001;
    let mut kept = Vec::new();
    for slice in run.chunk_by(|a, b| slice_of(a.0) == slice_of(b.0)) {
        let at = |pick: Option<(usize, &(i64, i64))>| pick.map(|(index, _)| index);
        let all = || slice.iter().enumerate();
        let smallest = at(all().min_by_key(|(_, point)| point.1));
        let largest = at(all().max_by_key(|(_, point)| point.1));
        let mut indices = vec![Some(0), smallest, largest, slice.len().checked_sub(1)];
        indices.sort_unstable();
        indices.dedup();
        kept.extend(indices.into_iter().flatten().filter_map(|index| slice.get(index).copied()));
    }
    kept
}

fn limit_lines(limits: &[Limit], x: Scale, y: Scale) -> Vec<(i64, i64, i64)> {
    let ends = |limit: &Limit| [limit.low.clone(), limit.high.clone()].into_iter().flatten().collect::<Vec<_>>();
    let line = |limit: &Limit, end: &str| {
        end.parse().ok().map(|value| (x.of(ms(limit.from)), x.of(ms(limit.until)), y.of(value)))
    };
    limits.iter().flat_map(|limit| ends(limit).into_iter().filter_map(move |end| line(limit, &end))).collect()
}

fn marks(marks: &[(Timestamp, String)], x: Scale) -> Vec<(i64, String)> {
    let mut last: Option<i64> = None;
    let place = |(at, name): &(Timestamp, String)| {
        let at = x.of(ms(*at));
        let free = last.is_none_or(|last| at - last >= MARK_APART);
        if free {
            last = Some(at);
        }
        (at, if free { name.clone() } else { String::new() })
    };
    marks.iter().map(place).collect()
}

fn value_ticks(y: Scale, decimals: u32) -> Vec<(i64, String)> {
    let rough = (y.high - y.low) / VALUE_TICKS;
    let powers = std::iter::successors(Some(STEP_MIN), |power| Some(power * 10.0)).take(24);
    let mut steps = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power));
    let step = steps.find(|step| *step >= rough);
    let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else { return Vec::new() };
    let first = (y.low / step).ceil();
    let ticks = (0..12_u8).map(|n| (first + f64::from(n)) * step).take_while(|value| *value <= y.high);
    let label = |value: f64| decimal_of((value / step).round() * step).map(|value| round(value, decimals).to_string());
    let mut ticks: Vec<(i64, String)> = ticks.filter_map(|value| Some((y.of(value), label(value)?))).collect();
    ticks.dedup_by(|a, b| a.1 == b.1);
    ticks
}

fn time_ticks(from: Timestamp, until: Timestamp, x: Scale) -> Vec<(i64, String)> {
    let span = until.since_ms(from);
    let at = |n: i64| from.plus_ms(span / TIME_TICKS * n);
    let label = |at: Timestamp| {
        let shown = at.shown();
        // 2026-07-01 14:03:22 JST → 07-01 14:03
        shown.get(5..16).unwrap_or(&shown).to_owned()
    };
    (0..=TIME_TICKS).map(|n| (x.of(ms(at(n))), label(at(n)))).collect()
}
