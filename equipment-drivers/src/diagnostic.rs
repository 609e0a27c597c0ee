//! What is counted of every device where its requests are made: how many, how fast, and what went wrong.
//!
//! Counters only ever grow, so that whoever shows them makes rates from two readings. Nothing here judges a figure,
//! and nothing here reaches a record.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use mes_core::{clock::Clock, id::EquipmentId};
use serde::{Deserialize, Serialize};

/// Latencies are kept for the present window of this length and for the one before it.
const WINDOW: Duration = Duration::from_secs(60);
/// Latencies above this count as this, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;
/// Latencies are kept to two significant digits.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The counters of one device, or of one physical link, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Requests sent.
    pub requests: u64,
    /// Requests that no answer came to within the limit.
    pub timeouts: u64,
    /// Requests that the device refused in its own words (a Modbus exception, a Bad service result).
    pub exceptions: u64,
    /// Answers that did not belong to their request: foreign transaction, unit, function or length.
    pub mismatches: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Values that the device sent by itself.
    pub notifications: u64,
    /// Times that the device or we had to drop values for want of room.
    pub queue_overflows: u64,
    /// Half of the answers of the last one to two minutes came within this, in microseconds.
    pub latency_p50_us: Option<u64>,
    /// 99 of 100 answers of the last one to two minutes came within this, in microseconds.
    pub latency_p99_us: Option<u64>,
    /// Since the last message of the subscription, in milliseconds of wall time.
    pub last_publish_age_ms: Option<u64>,
    /// The device's clock minus ours, in milliseconds, when it was last seen.
    pub clock_skew_ms: Option<i64>,
}

/// One physical link with the devices on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkDiagnostics {
    /// Its address, as it was configured.
    pub address: String,
    /// What was counted on the link itself; of a link with one device, the same as of that device.
    pub link: Diagnostics,
    /// What was counted of each device on it.
    pub devices: BTreeMap<EquipmentId, Diagnostics>,
}

/// Counts for one device or link. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    seen: Diagnostics,
    connected_before: bool,
    latency: Option<Latency>,
    published_at: Option<Instant>,
}

#[derive(Debug)]
struct Latency {
    since: Instant,
    present: Histogram<u32>,
    before: Histogram<u32>,
}

impl Latency {
    fn new(now: Instant) -> Option<Self> {
        let empty = Histogram::new_with_bounds(1, LATENCY_MAX_US, SIGNIFICANT_DIGITS).ok()?;
        Some(Self { since: now, present: empty.clone(), before: empty })
    }

    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(self.since);
        if age < WINDOW {
            return;
        }
        std::mem::swap(&mut self.present, &mut self.before);
        self.present.reset();
        if age >= WINDOW * 2 {
            self.before.reset();
        }
        self.since = now;
    }
}

impl Meter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was made; every one but the first is a reconnect.
    pub fn connected(&self) {
        let mut counts = self.counts();
        if std::mem::replace(&mut counts.connected_before, true) {
            counts.seen.reconnects += 1;
        }
    }
    /// A request was answered after `took`, with data or with a refusal.
    pub fn answered(&self, took: Duration) {
        let now = Clock::wall();
        let mut counts = self.counts();
        counts.seen.requests += 1;
        if counts.latency.is_none() {
            counts.latency = Latency::new(now);
        }
        if let Some(latency) = &mut counts.latency {
            latency.turn(now);
            let micros = u64::try_from(took.as_micros()).unwrap_or(LATENCY_MAX_US);
            latency.present.saturating_record(micros.clamp(1, LATENCY_MAX_US));
        }
    }
    /// The device refused the request that was just answered.
    pub fn exception(&self) {
        self.counts().seen.exceptions += 1;
    }
    /// A request was sent and not answered in time.
    pub fn timeout(&self) {
        let mut counts = self.counts();
        counts.seen.requests += 1;
        counts.seen.timeouts += 1;
    }
    /// A request was sent and answered with something that does not belong to it.
    pub fn mismatch(&self) {
        let mut counts = self.counts();
        counts.seen.requests += 1;
        counts.seen.mismatches += 1;
    }
    /// A request was sent and the connection broke.
    pub fn broken(&self) {
        self.counts().seen.requests += 1;
    }
    /// The device sent `values` by itself.
    pub fn notified(&self, values: u64) {
        let mut counts = self.counts();
        counts.seen.notifications += values;
    }
    /// The subscription said something: values, or that it lives.
    pub fn published(&self) {
        self.counts().published_at = Some(Clock::wall());
    }
    /// Values were dropped for want of room.
    pub fn overflow(&self) {
        self.counts().seen.queue_overflows += 1;
    }
    /// The device's clock minus ours, in milliseconds.
    pub fn clock_skew(&self, ms: i64) {
        self.counts().seen.clock_skew_ms = Some(ms);
    }

    /// The figures as they stand.
    pub fn read(&self) -> Diagnostics {
        let now = Clock::wall();
        let mut counts = self.counts();
        let mut seen = counts.seen.clone();
        if let Some(latency) = &mut counts.latency {
            latency.turn(now);
            let mut both = latency.present.clone();
            if both.add(&latency.before).is_ok() && !both.is_empty() {
                seen.latency_p50_us = Some(both.value_at_quantile(0.5));
                seen.latency_p99_us = Some(both.value_at_quantile(0.99));
            }
        }
        seen.last_publish_age_ms =
            counts.published_at.and_then(|at| u64::try_from(now.duration_since(at).as_millis()).ok());
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_counts_what_happened_and_gives_the_spread_of_latencies() {
        let meter = Meter::default();
        assert_eq!(meter.read(), Diagnostics::default());
        for ms in 1..=100 {
            meter.clone().answered(Duration::from_millis(ms));
        }
        meter.exception();
        meter.timeout();
        meter.mismatch();
        meter.connected();
        meter.connected();
        meter.notified(500);
        meter.overflow();
        meter.clock_skew(-1500);
        meter.published();
        let seen = meter.read();
        assert_eq!((seen.requests, seen.timeouts, seen.exceptions, seen.mismatches), (102, 1, 1, 1));
        assert_eq!((seen.reconnects, seen.notifications, seen.queue_overflows), (1, 500, 1));
        assert_eq!(seen.clock_skew_ms, Some(-1500));
        assert!(seen.last_publish_age_ms.is_some());
        let near = |us: Option<u64>, ms: u64| us.is_some_and(|us| us.abs_diff(ms * 1000) <= ms * 20);
        assert!(near(seen.latency_p50_us, 50) && near(seen.latency_p99_us, 99), "{seen:?}");
    }

    #[test]
    fn latencies_of_long_ago_no_longer_count() {
        let start = Clock::wall();
        let mut latency = Latency::new(start).unwrap();
        latency.present.saturating_record(5_000_000);
        latency.turn(start + WINDOW);
        assert_eq!((latency.present.len(), latency.before.len()), (0, 1));
        latency.turn(start + WINDOW * 3);
        assert_eq!((latency.present.len(), latency.before.len()), (0, 0));
    }
}
