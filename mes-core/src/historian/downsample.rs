//! The trend of a tag: for each slice of time the smallest, largest, first and last value and the worst quality, and the
//! gaps between.
//!
//! Extremes are never lost and gaps never bridged; nothing is interpolated. A gap is where the record says that there is no
//! value: samples of bad quality, numbers that jump (samples were lost on the way) or start anew (this system or its driver
//! was not running). Bad values are in no slice's extremes; uncertain ones are, and their span is named. This file
//! does not read the store.

use std::ops::Range;

use super::sample::{Grade, Quality, Sample, SampleValue};
use crate::clock::Timestamp;

/// Most slices of a trend.
const SLICES_MAX: usize = 20_000;

/// What a plot needs of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Receive time, milliseconds since 1970.
    pub ms: i64,
    /// The value; NaN where there is none or it is a text.
    pub value: f64,
    /// Number of the sample.
    pub seq: u64,
    /// Its quality's place among the [`Qualities`].
    pub quality: u32,
    /// Samples before it were lost.
    pub lost: bool,
}

impl Point {
    /// What a plot needs of a sample.
    pub fn of(sample: &Sample, qualities: &mut Qualities) -> Self {
        let value = sample.value.as_ref().and_then(SampleValue::to_f64).unwrap_or(f64::NAN);
        let (ms, seq, lost) = (sample.receive_time.as_ms(), sample.seq, sample.overflow);
        Self { ms, value, seq, quality: qualities.place(&sample.quality), lost }
    }
}

/// The different qualities of some points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Qualities(Vec<Quality>);

impl Qualities {
    /// The place of a quality, which is added when it is new.
    pub fn place(&mut self, quality: &Quality) -> u32 {
        let at = self.0.iter().position(|known| known == quality).unwrap_or_else(|| {
            self.0.push(quality.clone());
            self.0.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
    /// The quality at a place.
    pub fn at(&self, place: u32) -> &Quality {
        const NONE: &Quality = &Quality { grade: Grade::Bad, cause: None };
        usize::try_from(place).ok().and_then(|place| self.0.get(place)).unwrap_or(NONE)
    }
}

/// Why there is no value for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapCause {
    /// The samples say so themselves.
    Bad(Quality),
    /// Samples were lost between the device and this system.
    Lost,
    /// This system or the tag's driver was not running: its numbers start anew.
    NotRunning,
}

/// A stretch without a value, from the first moment without one to the first with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// From.
    pub from: Timestamp,
    /// Until; the end of the trend where no value came after.
    pub until: Timestamp,
    /// Why.
    pub cause: GapCause,
}

/// A stretch of values that are neither good nor bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualitySpan {
    /// From.
    pub from: Timestamp,
    /// Until the first value of another quality; the end of the trend where none came after.
    pub until: Timestamp,
    /// The quality.
    pub quality: Quality,
}

/// A slice of time that has samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Number of the slice, from 0.
    pub index: usize,
    /// Values that are good or uncertain.
    pub values: u64,
    /// The first of them: milliseconds since 1970, value.
    pub first: (i64, f64),
    /// The smallest.
    pub min: (i64, f64),
    /// The largest.
    pub max: (i64, f64),
    /// The last.
    pub last: (i64, f64),
    /// The worst grade of any sample.
    pub worst: Grade,
    /// Gaps that begin and end within it; the first of them is listed among the trend's gaps.
    pub gaps_within: u32,
}

/// The trend of a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Slices with samples, in order.
    pub buckets: Vec<Bucket>,
    /// Gaps, in order. Of those that begin and end within one slice the first is here, the others are counted there.
    pub gaps: Vec<Gap>,
    /// Spans of uncertain values, thinned like the gaps.
    pub spans: Vec<QualitySpan>,
    /// Samples that were looked at.
    pub samples: u64,
}

impl Trend {
    /// What to draw: milliseconds since 1970 and values, `None` where the line must break.
    pub fn drawn(&self) -> Vec<(i64, Option<f64>)> {
        let mut points = Vec::with_capacity(self.buckets.len() * 4 + self.gaps.len());
        for bucket in self.buckets.iter().filter(|bucket| bucket.values > 0) {
            let mut four = [bucket.first, bucket.min, bucket.max, bucket.last];
            four.sort_by_key(|(ms, _)| *ms);
            let mut before: Option<(i64, f64)> = None;
            for point in four {
                if before == Some(point) {
                    continue;
                }
                if before.is_some() && bucket.gaps_within > 1 {
                    points.push((point.0, None));
                }
                points.push((point.0, Some(point.1)));
                before = Some(point);
            }
        }
        let mut out = Vec::with_capacity(points.len() + self.gaps.len());
        let mut gaps = self.gaps.iter().peekable();
        for point in points {
            // A gap ends where the next value is, so its break stands before that value.
            while let Some(gap) = gaps.next_if(|gap| gap.until.as_ms() <= point.0) {
                out.push((gap.until.as_ms().min(point.0), None));
            }
            out.push(point);
        }
        out
    }
}

/// What lasts until something else comes.
#[derive(Debug)]
struct Lasting {
    from: i64,
    quality: u32,
}

/// Makes a trend of points that come in order of receive time.
#[derive(Debug)]
pub struct Downsampler {
    from: i64,
    until: i64,
    slices: usize,
    buckets: Vec<Bucket>,
    /// The time of the newest bucket.
    newest: Range<i64>,
    gaps: Vec<Gap>,
    spans: Vec<QualitySpan>,
    samples: u64,
    before: Option<(i64, u64)>,
    bad: Option<Lasting>,
    uncertain: Option<Lasting>,
}

impl Downsampler {
    /// A trend from `from` (inclusive) to `until` (exclusive) in so many slices of equal length.
    pub fn new(from: Timestamp, until: Timestamp, slices: usize) -> Self {
        let (from, until) = (from.as_ms(), until.as_ms());
        Self {
            from,
            until: until.max(from.saturating_add(1)),
            slices: slices.clamp(1, SLICES_MAX),
            buckets: Vec::new(),
            newest: 0..0,
            gaps: Vec::new(),
            spans: Vec::new(),
            samples: 0,
            before: None,
            bad: None,
            uncertain: None,
        }
    }

    fn slice(&self, ms: i64) -> usize {
        let passed = i128::from(ms.clamp(self.from, self.until.saturating_sub(1))) - i128::from(self.from);
        let whole = i128::from(self.until) - i128::from(self.from);
        usize::try_from(passed * self.slices as i128 / whole).unwrap_or_default()
    }

    /// Takes the next points, in order of receive time; those outside the trend and those seen before are passed over.
    pub fn push(&mut self, points: &[Point], qualities: &Qualities) {
        for point in points {
            if !(self.from..self.until).contains(&point.ms) || self.before == Some((point.ms, point.seq)) {
                continue;
            }
            self.take(point, qualities);
        }
    }

    fn take(&mut self, point: &Point, qualities: &Qualities) {
        self.samples += 1;
        if let Some((ms, seq)) = self.before.replace((point.ms, point.seq))
            && (point.lost || seq.checked_add(1) != Some(point.seq))
        {
            self.end_bad(ms, qualities);
            self.end_uncertain(ms, qualities);
            let cause = if point.seq > seq { GapCause::Lost } else { GapCause::NotRunning };
            self.gap(ms, point.ms, cause);
        }
        let grade = qualities.at(point.quality).grade;
        if self.bad.as_ref().is_some_and(|bad| bad.quality != point.quality) {
            self.end_bad(point.ms, qualities);
        }
        if self.uncertain.as_ref().is_some_and(|uncertain| uncertain.quality != point.quality) {
            self.end_uncertain(point.ms, qualities);
        }
        let lasting = Lasting { from: point.ms, quality: point.quality };
        match grade {
            Grade::Good => {}
            Grade::Uncertain => drop(self.uncertain.get_or_insert(lasting)),
            Grade::Bad => drop(self.bad.get_or_insert(lasting)),
        }
        self.put(point, grade);
    }

    /// When a slice begins: the first moment that `slice` counts to it.
    fn start_of(&self, slice: usize) -> i64 {
        let whole = i128::from(self.until) - i128::from(self.from);
        let passed = (whole * slice as i128 + self.slices as i128 - 1) / self.slices as i128;
        i64::try_from(i128::from(self.from) + passed).unwrap_or(self.until)
    }

    /// The bucket of a moment, which is the last one or a new one.
    fn bucket(&mut self, ms: i64) -> Option<&mut Bucket> {
        if self.newest.contains(&ms) {
            return self.buckets.last_mut();
        }
        let index = self.slice(ms);
        self.newest = self.start_of(index)..self.start_of(index.saturating_add(1));
        if self.buckets.last().is_none_or(|last| last.index != index) {
            let none = (0, f64::NAN);
            let (first, min, max, last) = (none, none, none, none);
            self.buckets.push(Bucket { index, values: 0, first, min, max, last, worst: Grade::Good, gaps_within: 0 });
        }
        self.buckets.last_mut()
    }

    fn put(&mut self, point: &Point, grade: Grade) {
        let Some(bucket) = self.bucket(point.ms) else { return };
        bucket.worst = bucket.worst.max(grade);
        if grade == Grade::Bad || point.value.is_nan() {
            return;
        }
        let here = (point.ms, point.value);
        if bucket.values == 0 {
            (bucket.first, bucket.min, bucket.max) = (here, here, here);
        }
        bucket.values += 1;
        bucket.last = here;
        if here.1 < bucket.min.1 {
            bucket.min = here;
        }
        if here.1 > bucket.max.1 {
            bucket.max = here;
        }
    }

    fn end_bad(&mut self, until: i64, qualities: &Qualities) {
        if let Some(bad) = self.bad.take() {
            self.gap(bad.from, until, GapCause::Bad(qualities.at(bad.quality).clone()));
        }
    }

    fn end_uncertain(&mut self, until: i64, qualities: &Qualities) {
        let Some(uncertain) = self.uncertain.take() else { return };
        let (first, last) = (self.slice(uncertain.from), self.slice(until));
        let near = self.spans.last().is_some_and(|span| first == last && self.slice(span.from.as_ms()) == first);
        if !near {
            let (from, until) = (Timestamp::from_ms(uncertain.from), Timestamp::from_ms(until));
            self.spans.push(QualitySpan { from, until, quality: qualities.at(uncertain.quality).clone() });
        }
    }

    fn gap(&mut self, from: i64, until: i64, cause: GapCause) {
        let within = self.slice(from) == self.slice(until);
        let gap = Gap { from: Timestamp::from_ms(from), until: Timestamp::from_ms(until), cause };
        if within && let Some(bucket) = self.bucket(from) {
            bucket.gaps_within += 1;
            if bucket.gaps_within > 1 {
                return;
            }
        }
        self.gaps.push(gap);
    }

    /// The trend. What still lasts is taken to last until the end.
    pub fn finish(mut self, qualities: &Qualities) -> Trend {
        let end = self.until;
        self.end_bad(end, qualities);
        self.end_uncertain(end, qualities);
        let Self { buckets, gaps, spans, samples, .. } = self;
        Trend { buckets, gaps, spans, samples }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::historian::Cause;

    const START: i64 = 1_780_000_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(START + ms)
    }

    /// Samples 0.2 to 2.2 s apart; now and then bad, uncertain, lost, or after a new start.
    fn any_points() -> impl Strategy<Value = (Vec<Point>, Qualities)> {
        let step = (200..2_200_i64, -50..50_i32, 0..40_u8);
        prop::collection::vec(step, 1..600).prop_map(|steps| {
            let mut qualities = Qualities::default();
            let (mut ms, mut seq) = (START, 0);
            let points = steps.into_iter().map(|(wait, value, what)| {
                ms += wait;
                seq = match what {
                    0 => seq + 3,
                    1 => 1,
                    _ => seq + 1,
                };
                let quality = match what {
                    2..5 => Quality::bad(Cause::LinkDown),
                    5 => Quality::bad(Cause::Stale),
                    6 => Quality::uncertain(Cause::ClockSkew),
                    _ => Quality::GOOD,
                };
                Point { ms, value: f64::from(value), seq, quality: qualities.place(&quality), lost: what == 7 }
            });
            let points = points.collect();
            (points, qualities)
        })
    }

    /// Whether the record breaks between one point and the next.
    fn broken(qualities: &Qualities, a: &Point, b: &Point) -> bool {
        let bad = |point: &Point| qualities.at(point.quality).grade == Grade::Bad;
        b.lost || b.seq != a.seq + 1 || bad(a) || bad(b)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn extremes_are_never_lost_and_gaps_never_bridged((points, qualities) in any_points(), slices in 1..80_usize) {
            let mut sampler = Downsampler::new(at(0), at(700_000), slices);
            points.chunks(7).for_each(|some| sampler.push(some, &qualities));
            let of = |ms: i64| sampler.slice(ms);
            let usable = |point: &&Point| point.ms < START + 700_000 && qualities.at(point.quality).grade != Grade::Bad;
            let mut expected = std::collections::BTreeMap::new();
            for point in points.iter().filter(usable) {
                let (low, high, count) = expected.entry(of(point.ms)).or_insert((f64::MAX, f64::MIN, 0));
                (*low, *high, *count) = (low.min(point.value), high.max(point.value), *count + 1);
            }
            let trend = sampler.finish(&qualities);
            let found = trend.buckets.iter().filter(|b| b.values > 0).map(|b| (b.index, (b.min.1, b.max.1, b.values)));
            prop_assert_eq!(found.collect::<std::collections::BTreeMap<_, _>>(), expected);

            let drawn = trend.drawn();
            prop_assert!(drawn.is_sorted_by_key(|(ms, _)| *ms));
            for pair in drawn.windows(2) {
                let ((a, Some(_)), (b, Some(_))) = (pair[0], pair[1]) else { continue };
                let between = points.iter().filter(|point| (a..=b).contains(&point.ms)).collect::<Vec<_>>();
                for pair in between.windows(2) {
                    prop_assert!(!broken(&qualities, pair[0], pair[1]), "a line from {} to {} bridges a gap", a, b);
                }
            }
            prop_assert!(trend.gaps.len() <= 2 * slices + 2, "{} gaps for {slices} slices", trend.gaps.len());
        }
    }

    #[test]
    fn each_gap_has_its_cause_and_its_ends() {
        let mut qualities = Qualities::default();
        let mut sampler = Downsampler::new(at(0), at(100_000), 10);
        let mut push = |s: i64, seq: u64, quality: Quality| {
            let quality = qualities.place(&quality);
            let point = Point { ms: START + s * 1000, value: 37.0, seq, quality, lost: false };
            sampler.push(&[point], &qualities);
        };
        push(1, 1, Quality::GOOD);
        push(12, 2, Quality::bad(Cause::LinkDown));
        push(13, 3, Quality::bad(Cause::LinkDown));
        push(35, 4, Quality::GOOD);
        push(47, 9, Quality::uncertain(Cause::ClockSkew));
        push(59, 10, Quality::GOOD);
        push(81, 1, Quality::bad(Cause::NotYetRead));
        let trend = sampler.finish(&qualities);
        let gap = |from: i64, until: i64, cause| Gap { from: at(from * 1000), until: at(until * 1000), cause };
        let expected = [
            gap(12, 35, GapCause::Bad(Quality::bad(Cause::LinkDown))),
            gap(35, 47, GapCause::Lost),
            gap(59, 81, GapCause::NotRunning),
            gap(81, 100, GapCause::Bad(Quality::bad(Cause::NotYetRead))),
        ];
        assert_eq!(trend.gaps, expected);
        let quality = Quality::uncertain(Cause::ClockSkew);
        assert_eq!(trend.spans, [QualitySpan { from: at(47_000), until: at(59_000), quality }]);
        let values: Vec<_> = trend.drawn().iter().map(|(ms, value)| ((ms - START) / 1000, *value)).collect();
        let v = Some(37.0);
        assert_eq!(values, [(1, v), (35, None), (35, v), (47, None), (47, v), (59, v)]);
    }
}
