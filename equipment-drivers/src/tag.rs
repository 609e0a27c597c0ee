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
    driver::{DeviceTag, Reading},
    template::{Access, TagTemplate, Template},
};

/// An unchanged value is reported again after this long, in seconds of wall time, so that silence is never ambiguous.
const UNCHANGED_REPORT_S: f64 = 4.0;
/// Largest accepted difference between the device's clock and ours, in seconds (of wall time at a clock rate of 1).
const CLOCK_SKEW_MAX_S: i64 = 30;
/// After a change of the clock's rate, source times of the old rate are expected for this long, in seconds of wall time.
const RATE_MEMORY_S: u64 = 10;

#[derive(Debug)]
struct TagState {
    id: TagId,
    /// The facility has such a tag and it has a value; others are not reported.
    known: bool,
    range: Option<[f64; 2]>,
    /// The numbers that mean something, where it is a state.
    values: Vec<i64>,
    /// What a command register reads when no command is under way.
    idle: Option<i64>,
    /// Each reading is a record of its own, also when the value is the same.
    record: bool,
    stale_after: Duration,
    seq: u64,
    value: Option<SampleValue>,
    quality: Quality,
    source_time: Option<Timestamp>,
    server_time: Option<Timestamp>,
    /// Until then the last value is live.
    fresh_until: Option<Instant>,
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
    pub(crate) fn new(equipment: &EquipmentId, template: &Template, known: &[DeviceTag], clock: Clock) -> Self {
        let state = |tag: &TagTemplate| TagState {
            id: TagId::new(equipment.clone(), tag.name.clone()),
            known: tag.access != Access::Call && (known.is_empty() || known.iter().any(|one| one.name == tag.name)),
            range: tag.range,
            values: tag.values.iter().map(|named| named.value).collect(),
            idle: tag.command.as_ref().map(|command| command.executed),
            record: tag.modbus.as_ref().is_some_and(|point| point.record),
            stale_after: seconds(tag.stale_after_s),
            seq: 0,
            value: None,
            quality: Quality::bad(Cause::NotYetRead),
            source_time: None,
            server_time: None,
            fresh_until: None,
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
        let rate = self.rate.0.max(self.clock.rate());
        let mut samples = Vec::new();
        for reading in readings {
            let Some(tag) = self.tags.get_mut(reading.tag) else { continue };
            if reading.quality.grade != Grade::Bad {
                // A record is as old as it says, whenever it is fetched.
                let age = reading.source_time.filter(|_| tag.record).map_or(0, |at| now.since_ms(at).max(0));
                let age = Duration::from_millis(age.unsigned_abs() / u64::from(rate.max(1)));
                tag.fresh_until = wall.checked_add(tag.stale_after.saturating_sub(age));
            }
            let quality = tag.judge(&reading, frozen, skewed);
            let same = tag.value == reading.value.clone().or_else(|| tag.value.clone()) && tag.quality == quality;
            tag.source_time = reading.source_time.or(tag.source_time);
            tag.server_time = reading.server_time.or(tag.server_time);
            tag.value = reading.value.or_else(|| tag.value.take());
            tag.quality = quality;
            tag.overflow |= reading.overflow;
            if tag.known && (!same || tag.record || tag.is_due(wall)) {
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
            let silent = tag.fresh_until.is_some_and(|until| wall > until);
            if (silent || frozen) && tag.quality.grade != Grade::Bad {
                tag.quality = Quality::bad(Cause::Stale);
                if tag.known {
                    samples.push(tag.report(now, wall));
                }
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
            tag.fresh_until = None;
            if tag.known {
                samples.push(tag.report(now, wall));
            }
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
            .filter(|tag| tag.known)
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
        // Also an unchanged beat tells the time: it is at most as old as a beat may be.
        if let Some(source) = reading.source_time.filter(|_| !beat.frozen) {
            let skew_s = now.since_ms(source) / 1000 / i64::from(self.rate.0.max(self.clock.rate()).max(1));
            self.skew_s = (skew_s.abs() > CLOCK_SKEW_MAX_S).then_some(skew_s);
        }
        if beat.value == reading.value {
            return;
        }
        // The first value after a connect proves nothing yet, but starts the count.
        beat.value.clone_from(&reading.value);
        beat.advanced_at = Some(wall);
        beat.frozen = false;
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
        if let (Some(SampleValue::Integer(number)), Some(idle)) = (&reading.value, self.idle)
            && *number == idle
        {
            return reading.quality.clone();
        }
        let number = reading.value.as_ref().and_then(SampleValue::to_f64);
        if let (Some([low, high]), Some(number)) = (self.range, number)
            && !(low..=high).contains(&number)
        {
            return Quality::bad(Cause::OutOfRange);
        }
        if let Some(SampleValue::Integer(number)) = &reading.value
            && !self.values.is_empty()
            && !self.values.contains(number)
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
            server_time: self.server_time,
            receive_time: now,
            seq: self.seq,
            overflow: std::mem::take(&mut self.overflow),
        }
    }
}

#[cfg(test)]
mod tests {
    use mes_core::quantity::{Range, Unit};

    use super::*;
    use crate::template::Templates;

    fn book(clock: &Clock) -> TagBook {
        let template = Templates::built_in().unwrap().get("lads-bioreactor").unwrap();
        TagBook::new(&"BR-01".parse().unwrap(), &template, &[], clock.clone())
    }

    fn reading(book: &TagBook, tag: &str, value: f64, source_time: Option<Timestamp>) -> Reading {
        let tag = book.tags.iter().position(|one| one.id.name.as_str() == tag).unwrap();
        let value = Some(SampleValue::Real(value));
        Reading { tag, value, quality: Quality::GOOD, source_time, server_time: None, overflow: false }
    }

    #[test]
    fn an_unchanged_value_is_reported_once_and_a_changed_one_each_time_with_gap_free_numbers() {
        let mut book = book(&Clock::real());
        let mut numbers = Vec::new();
        for value in [37.0, 37.0, 37.1, 37.0, 37.0] {
            let readings = vec![reading(&book, "temperature", value, None)];
            numbers.extend(book.accept(readings).into_iter().map(|sample| (sample.seq, sample.value)));
        }
        let real = |value| Some(SampleValue::Real(value));
        assert_eq!(numbers, [(1, real(37.0)), (2, real(37.1)), (3, real(37.0))]);
    }

    #[test]
    fn a_tag_that_the_facility_does_not_have_is_not_reported() {
        let template = Templates::built_in().unwrap().get("lads-bioreactor").unwrap();
        let known = DeviceTag {
            name: "temperature".parse().unwrap(),
            unit: Unit("Cel".to_owned()),
            range: Range::default(),
            stale_after_s: 10,
        };
        let mut book = TagBook::new(&"BR-01".parse().unwrap(), &template, &[known], Clock::real());
        let readings = vec![reading(&book, "temperature", 37.0, None), reading(&book, "heartbeat", 1.0, None)];
        assert_eq!(book.accept(readings).len(), 1);
        assert_eq!(book.link_down().len(), 1);
    }

    #[test]
    fn behind_a_dead_link_every_tag_is_bad_once_and_keeps_its_last_value_only_as_such() {
        let mut book = book(&Clock::real());
        let readings = vec![reading(&book, "temperature", 37.0, None)];
        book.accept(readings);
        let down = book.link_down();
        assert_eq!(down.len(), book.tags.len());
        assert!(down.iter().all(|sample| sample.quality == Quality::bad(Cause::LinkDown)));
        assert_eq!(down[0].value, Some(SampleValue::Real(37.0)));
        assert!(down[1..].iter().all(|sample| sample.value.is_none()));
        assert_eq!(book.link_down(), []);
    }

    #[test]
    fn a_silent_tag_is_stale_at_its_own_limit() {
        let text = "name: t\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: opc_ua\npoll_s: 0.001\nopc_ua: { namespace: u, publishing_ms: 1 }\ntags:\n  - { name: a, unit: Cel, access: read, stale_after_s: 0.02, opc_ua: { node: a } }\n  - { name: b, unit: Cel, access: read, stale_after_s: 3600, opc_ua: { node: b } }\n";
        let template = Template::parse("t.yaml", text).unwrap();
        let mut book = TagBook::new(&"X".parse().unwrap(), &template, &[], Clock::real());
        let readings = vec![reading(&book, "a", 1.0, None), reading(&book, "b", 1.0, None)];
        assert_eq!(book.accept(readings).len(), 2);
        let stale = loop {
            let samples = book.look();
            if !samples.is_empty() {
                break samples;
            }
            std::thread::yield_now();
        };
        assert_eq!(stale.iter().map(|sample| sample.tag.to_string()).collect::<Vec<_>>(), ["X/a"]);
        assert_eq!(stale[0].quality, Quality::bad(Cause::Stale));
        assert_eq!(stale[0].value, Some(SampleValue::Real(1.0)));
    }

    #[test]
    fn a_wrong_clock_is_seen_and_a_change_of_rate_is_not_taken_for_one() {
        let clock = Clock::starting_at(Clock::system_now().plus_s(-90 * 86_400), 3600);
        let mut book = book(&clock);
        book.look();
        clock.set_rate(1);
        // Half a second before the change, the source time was half an hour earlier.
        let source = Some(clock.now().plus_s(-1800));
        let readings = vec![reading(&book, "heartbeat", 1.0, source), reading(&book, "temperature", 37.0, source)];
        assert!(book.accept(readings).iter().all(|sample| sample.quality.is_good()));

        let mut steady = self::book(&Clock::real());
        let readings = vec![reading(&steady, "heartbeat", 1.0, source), reading(&steady, "temperature", 37.0, source)];
        let samples = steady.accept(readings);
        assert!(samples.iter().all(|sample| sample.quality == Quality::uncertain(Cause::ClockSkew)), "{samples:?}");
        assert!(steady.complaint().unwrap().contains("clock"));
    }

    #[test]
    fn the_physical_range_makes_an_impossible_value_bad() {
        let mut book = book(&Clock::real());
        let readings = vec![reading(&book, "temperature", 300.0, None)];
        assert_eq!(book.accept(readings)[0].quality, Quality::bad(Cause::OutOfRange));
    }
}
