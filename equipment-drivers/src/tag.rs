//! The tags of one device: turns readings into numbered samples and says when a value is no longer live.
//!
//! It never invents a value: what is stale, frozen or behind a dead link keeps its last value under Bad quality.
//! It does not judge values against a process limit.

use std::time::{Duration, Instant};

use mes_core::{
    clock::{Clock, Timestamp},
    historian::{Cause, Grade, Quality, Sample, SampleValue},
    id::{EquipmentId, TagId},
};

use crate::{
    driver::Reading,
    template::{TagTemplate, Template},
};

/// An unchanged value is reported again after this long, in seconds of wall time, so that silence is never ambiguous.
const UNCHANGED_REPORT_S: f64 = 10.0;
/// Largest accepted difference between the device's clock and ours, in seconds (of wall time at a clock rate of 1).
const CLOCK_SKEW_MAX_S: i64 = 30;
/// After a change of the clock's rate, source times of the old rate are expected for this long, in seconds of wall time.
const RATE_MEMORY_S: u64 = 10;

#[derive(Debug)]
struct TagState {
    id: TagId,
    range: Option<[f64; 2]>,
    stale_after: Duration,
    seq: u64,
    value: Option<SampleValue>,
    quality: Quality,
    source_time: Option<Timestamp>,
    fresh_at: Option<Instant>,
    reported_at: Option<Instant>,
    overflow: bool,
}

#[derive(Debug)]
struct Beat {
    tag: usize,
    within: Duration,
    value: Option<SampleValue>,
    advanced_at: Option<Instant>,
    frozen: bool,
}

/// The tags of one device.
#[derive(Debug)]
pub(crate) struct TagBook {
    tags: Vec<TagState>,
    beat: Option<Beat>,
    clock: Clock,
    /// The fastest recent rate of facility time and when it was last in force.
    rate: (u32, Instant),
    skew_s: Option<i64>,
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

impl TagBook {
    pub(crate) fn new(equipment: &EquipmentId, template: &Template, clock: Clock) -> Self {
        let state = |tag: &TagTemplate| TagState {
            id: TagId::new(equipment.clone(), tag.name.clone()),
            range: tag.range,
            stale_after: seconds(tag.stale_after_s),
            seq: 0,
            value: None,
            quality: Quality::bad(Cause::NotYetRead),
            source_time: None,
            fresh_at: None,
            reported_at: None,
            overflow: false,
        };
        let beat = template.heartbeat.as_ref().and_then(|beat| {
            Some(Beat {
                tag: template.position(&beat.tag)?,
                within: seconds(beat.advance_within_s),
                value: None,
                advanced_at: None,
                frozen: false,
            })
        });
        let rate = (clock.rate(), Clock::wall());
        Self { tags: template.tags.iter().map(state).collect(), beat, clock, rate, skew_s: None }
    }

    /// Takes readings in; gives the samples that are worth reporting.
    pub(crate) fn accept(&mut self, readings: Vec<Reading>) -> Vec<Sample> {
        let (now, wall) = (self.clock.now(), Clock::wall());
        for reading in &readings {
            self.watch_beat(reading, now, wall);
        }
        let frozen = self.is_frozen();
        let skewed = self.skew_s.is_some();
        let mut samples = Vec::new();
        for reading in readings {
            let Some(tag) = self.tags.get_mut(reading.tag) else { continue };
            if reading.quality.grade != Grade::Bad {
                tag.fresh_at = Some(wall);
            }
            let quality = tag.judge(&reading, frozen, skewed);
            let same = tag.value == reading.value.clone().or_else(|| tag.value.clone()) && tag.quality == quality;
            tag.source_time = reading.source_time.or(tag.source_time);
            tag.value = reading.value.or_else(|| tag.value.take());
            tag.quality = quality;
            tag.overflow |= reading.overflow;
            if !same || tag.is_due(wall) {
                samples.push(tag.report(now, wall));
            }
        }
        samples
    }

    /// Marks what has become stale or frozen since the last look.
    pub(crate) fn look(&mut self) -> Vec<Sample> {
        let (now, wall) = (self.clock.now(), Clock::wall());
        if self.clock.rate() >= self.rate.0 || wall.duration_since(self.rate.1).as_secs() > RATE_MEMORY_S {
            self.rate = (self.clock.rate(), wall);
        }
        if let Some(beat) = &mut self.beat
            && let Some(at) = beat.advanced_at
        {
            beat.frozen = wall.duration_since(at) > beat.within;
        }
        let frozen = self.is_frozen();
        let mut samples = Vec::new();
        for tag in &mut self.tags {
            let silent = tag.fresh_at.is_some_and(|at| wall.duration_since(at) > tag.stale_after);
            if (silent || frozen) && tag.quality.grade != Grade::Bad {
                tag.quality = Quality::bad(Cause::Stale);
                samples.push(tag.report(now, wall));
            }
        }
        samples
    }

    /// The link is down: every tag is Bad at once.
    pub(crate) fn link_down(&mut self) -> Vec<Sample> {
        let (now, wall) = (self.clock.now(), Clock::wall());
        if let Some(beat) = &mut self.beat {
            beat.advanced_at = None;
            beat.value = None;
            beat.frozen = false;
        }
        self.skew_s = None;
        let down = Quality::bad(Cause::LinkDown);
        let mut samples = Vec::new();
        for tag in self.tags.iter_mut().filter(|tag| tag.quality != down || tag.seq == 0) {
            tag.quality = down.clone();
            tag.fresh_at = None;
            samples.push(tag.report(now, wall));
        }
        samples
    }

    /// What is wrong with the device as a whole although the link is up.
    pub(crate) fn complaint(&self) -> Option<String> {
        if let Some(beat) = self.beat.as_ref().filter(|beat| beat.frozen) {
            return Some(format!(
                "the device answers, but its heartbeat has stood still for {} s",
                beat.within.as_secs()
            ));
        }
        if let Some(skew) = self.skew_s {
            return Some(format!("the clock of the device differs from ours by about {skew} s"));
        }
        let refused: Vec<_> = self
            .tags
            .iter()
            .filter_map(|tag| match &tag.quality.cause {
                Some(Cause::Device(code)) => Some(format!("{} ({code})", tag.id.name)),
                _ => None,
            })
            .collect();
        match refused.len() {
            0 => None,
            count => Some(format!("the device refuses {count} of {} tags: {}", self.tags.len(), refused.join(", "))),
        }
    }

    /// Samples of this tag were dropped for want of room; the next one says so.
    pub(crate) fn lost_samples(&mut self, of: &[Sample]) {
        for sample in of {
            if let Some(tag) = self.tags.iter_mut().find(|tag| tag.id == sample.tag) {
                tag.overflow = true;
            }
        }
    }

    fn is_frozen(&self) -> bool {
        self.beat.as_ref().is_some_and(|beat| beat.frozen)
    }

    fn watch_beat(&mut self, reading: &Reading, now: Timestamp, wall: Instant) {
        let Some(beat) = self.beat.as_mut().filter(|beat| beat.tag == reading.tag && reading.quality.is_good()) else {
            return;
        };
        if beat.value == reading.value {
            return;
        }
        // The first value after a connect proves nothing yet, but starts the count.
        beat.value.clone_from(&reading.value);
        beat.advanced_at = Some(wall);
        beat.frozen = false;
        if let Some(source) = reading.source_time {
            let skew_s = now.since_ms(source) / 1000 / i64::from(self.rate.0.max(self.clock.rate()).max(1));
            self.skew_s = (skew_s.abs() > CLOCK_SKEW_MAX_S).then_some(skew_s);
        }
    }
}

impl TagState {
    /// Quality in the order of weight: what the device says, frozen, impossible, and the clock.
    fn judge(&self, reading: &Reading, frozen: bool, skewed: bool) -> Quality {
        if reading.quality.grade == Grade::Bad {
            return reading.quality.clone();
        }
        if frozen {
            return Quality::bad(Cause::Stale);
        }
        let number = reading.value.as_ref().and_then(SampleValue::to_f64);
        if let (Some([low, high]), Some(number)) = (self.range, number)
            && !(low..=high).contains(&number)
        {
            return Quality::bad(Cause::OutOfRange);
        }
        if skewed {
            return Quality::uncertain(Cause::ClockSkew);
        }
        reading.quality.clone()
    }

    fn is_due(&self, wall: Instant) -> bool {
        let every = seconds(UNCHANGED_REPORT_S).min(self.stale_after / 2);
        self.reported_at.is_none_or(|at| wall.duration_since(at) >= every)
    }

    fn report(&mut self, now: Timestamp, wall: Instant) -> Sample {
        self.seq += 1;
        self.reported_at = Some(wall);
        Sample {
            tag: self.id.clone(),
            value: self.value.clone(),
            quality: self.quality.clone(),
            source_time: self.source_time,
            receive_time: now,
            seq: self.seq,
            overflow: std::mem::take(&mut self.overflow),
        }
    }
}
