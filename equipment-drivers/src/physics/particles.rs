//! What an airborne particle counter counts: particles as chance brings them, more of them when people move, in samples that
//! become records.
//!
//! Counts are Poisson with the mean that concentration, flow and time give. A record is kept in a ring; whether it was
//! fetched is the caller's affair.

use std::collections::VecDeque;

use mes_core::clock::Timestamp;

use super::{Realism, STEP_MS, instrument, noise, step_s, steps};

/// Sizes of the channels, µm; each counts particles of at least that size.
pub const SIZES_UM: [f64; 6] = [0.3, 0.5, 0.7, 1.0, 5.0, 10.0];
/// Channels.
pub const CHANNELS: usize = SIZES_UM.len();
/// Air drawn, L/min (1.00 cubic foot a minute).
pub const FLOW_L_MIN: f64 = 28.3;
/// Records that are kept.
pub const RECORDS_MAX: usize = 500;
/// Particles of at least 0.5 µm per m³ above which the counter cannot tell one from the next.
const OVERFLOW_PER_M3: f64 = 20e6;
/// How many particles there are of at least each size, per particle of at least 0.5 µm.
const SHARE: [f64; CHANNELS] = [3.2, 1.0, 0.55, 0.3, 0.02, 0.004];
/// People come in so often on a working day.
const ACTIVITY_PER_DAY: f64 = 12.0;
/// Bits of a record's status: flow alert, particle overflow.
pub const FLOW_ALERT: u32 = 1 << 1;
/// See [`FLOW_ALERT`].
pub const OVERFLOW: u32 = 1 << 2;

/// One finished sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was finished.
    pub at: Timestamp,
    /// How long it was, s.
    pub sample_s: u32,
    /// Where, 1 to 200.
    pub location: u16,
    /// Status bits.
    pub status: u32,
    /// Particles of at least each size.
    pub counts: [u32; CHANNELS],
}

/// How samples are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Wait before the first sample, s.
    pub delay_s: u32,
    /// Wait between samples, s.
    pub hold_s: u32,
    /// Length of a sample, s.
    pub sample_s: u32,
}

/// What is wrong with the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The pump does not draw the right flow.
    pub flow: bool,
    /// The laser has failed: nothing is counted.
    pub laser: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Stopped,
    /// Until a sample begins, s.
    Waiting(f64),
    /// Left of the sample, s; expected particles of at least 0.5 µm so far.
    Sampling(f64, f64),
}

/// The counter in its room.
#[derive(Debug, Clone)]
pub struct Particles {
    seed: u64,
    realism: Realism,
    at: Timestamp,
    background_per_m3: f64,
    busy_until: Timestamp,
    busy_factor: f64,
    stage: Stage,
    taken: u64,
    /// Times of sampling.
    pub timing: Timing,
    /// Where it stands, 1 to 200.
    pub location: u16,
    /// What is wrong with it.
    pub trouble: Trouble,
    records: VecDeque<Record>,
}

impl Particles {
    /// A counter that samples for a minute, again and again, in a room of grade B at rest.
    pub fn new(seed: u64, at: Timestamp, realism: Realism) -> Self {
        Self {
            seed,
            realism,
            at,
            background_per_m3: 5.0 + 45.0 * noise::uniform(seed, 41),
            busy_until: at,
            busy_factor: 1.0,
            stage: Stage::Waiting(0.0),
            taken: 0,
            timing: Timing { delay_s: 0, hold_s: 0, sample_s: 60 },
            location: 1,
            trouble: Trouble::default(),
            records: VecDeque::new(),
        }
    }
    /// Facility time up to which the model has been integrated.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    /// Whether it takes samples.
    pub fn running(&self) -> bool {
        self.stage != Stage::Stopped
    }
    /// Whether a sample is being taken now.
    pub fn sampling(&self) -> bool {
        matches!(self.stage, Stage::Sampling(..))
    }
    /// How many samples were finished since it was switched on.
    pub fn taken(&self) -> u64 {
        self.taken
    }
    /// The records kept, oldest first.
    pub fn records(&self) -> &VecDeque<Record> {
        &self.records
    }
    /// Forgets all records.
    pub fn clear(&mut self) {
        self.records.clear();
    }
    /// Begins to take samples, after the initial delay.
    pub fn start(&mut self) {
        self.stage = Stage::Waiting(f64::from(self.timing.delay_s));
    }
    /// Stops; the sample under way is lost.
    pub fn stop(&mut self) {
        self.stage = Stage::Stopped;
    }
    /// People come in, for `seconds` of facility time.
    pub fn stir(&mut self, seconds: i64) {
        self.busy_until = self.at.plus_s(seconds);
        self.busy_factor = 10.0 + 90.0 * noise::uniform(self.seed, self.at.as_ms().unsigned_abs());
    }
    /// Integrates up to `now`, in whole steps.
    pub fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..steps(self.at, now) {
            self.at = self.at.plus_ms(STEP_MS);
            self.step(step_s());
        }
    }

    fn step(&mut self, dt_s: f64) {
        if self.realism == Realism::Full
            && let Some(seconds) = instrument::opens(self.seed, 42, self.at, STEP_MS, ACTIVITY_PER_DAY)
        {
            // Ten seconds at a door are minutes in the room.
            self.stir(10 * seconds);
        }
        let busy = if self.at < self.busy_until { self.busy_factor } else { 1.0 };
        self.stage = match self.stage {
            Stage::Stopped => Stage::Stopped,
            Stage::Waiting(left) if left > 0.0 => Stage::Waiting(left - dt_s),
            Stage::Waiting(_) => self.sample(f64::from(self.timing.sample_s.max(1)), 0.0, busy, dt_s),
            Stage::Sampling(left, mean) => self.sample(left, mean, busy, dt_s),
        };
    }

    fn sample(&mut self, left: f64, mean: f64, busy: f64, dt_s: f64) -> Stage {
        let flow_m3_s = FLOW_L_MIN / 60_000.0;
        let mean = mean + self.background_per_m3 * busy * flow_m3_s * dt_s.min(left);
        let left = left - dt_s;
        if left > 0.0 {
            return Stage::Sampling(left, mean);
        }
        self.finish(mean, busy);
        Stage::Waiting(f64::from(self.timing.hold_s))
    }

    fn finish(&mut self, mean: f64, busy: f64) {
        self.taken += 1;
        let mut counts = [0; CHANNELS];
        // Each size class is drawn by itself; channels add up what is at least as large.
        let mut larger = 0_u32;
        let bounds = SHARE.iter().zip(SHARE.iter().skip(1).chain([&0.0]));
        let classes: Vec<f64> = bounds.map(|(at_least, next)| (at_least - next) * mean).collect();
        for (channel, (count, class)) in counts.iter_mut().zip(classes).enumerate().rev() {
            let number = self.taken.wrapping_mul(64).wrapping_add(channel as u64);
            larger += if self.trouble.laser { 0 } else { poisson(self.seed, number, class) };
            *count = larger;
        }
        let mut status = if self.trouble.flow { FLOW_ALERT } else { 0 };
        if self.background_per_m3 * busy > OVERFLOW_PER_M3 {
            status |= OVERFLOW;
        }
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        let record =
            Record { at: self.at, sample_s: self.timing.sample_s.max(1), location: self.location, status, counts };
        self.records.push_back(record);
    }
}

/// A Poisson number with this mean, the same for the same seed and number.
fn poisson(seed: u64, number: u64, mean: f64) -> u32 {
    if mean > 50.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
        let near = (mean + mean.sqrt() * noise::normal(seed, number, 0)).round().max(0.0) as u32;
        return near;
    }
    let mut chance = (-mean).exp();
    let (mut count, mut below) = (0, chance);
    let drawn = noise::uniform(seed, number.wrapping_add(0x5EED_0000));
    while drawn > below && count < 500 {
        count += 1;
        chance *= mean / f64::from(count);
        below += chance;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(realism: Realism) -> Particles {
        Particles::new(6, Timestamp::from_ms(1_780_000_000_000), realism)
    }

    fn run(counter: &mut Particles, seconds: i64) {
        let until = counter.at().plus_s(seconds);
        while until.since_ms(counter.at()) >= STEP_MS {
            counter.advance_to(until);
        }
    }

    #[test]
    fn a_poisson_number_has_the_mean_and_the_spread_of_its_law() {
        for mean in [0.2, 3.0, 40.0, 400.0] {
            let all: Vec<f64> = (0..20_000).map(|n| f64::from(poisson(9, n * 64, mean))).collect();
            let average = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|v| (v - average).powi(2)).sum::<f64>() / all.len() as f64;
            assert!((average / mean - 1.0).abs() < 0.05, "{mean}: {average}");
            assert!((variance / mean - 1.0).abs() < 0.12, "{mean}: {variance}");
        }
    }

    #[test]
    fn at_rest_a_cubic_metre_holds_few_particles_and_larger_ones_are_never_more() {
        let mut counter = counter(Realism::Calm);
        run(&mut counter, 36 * 3600);
        assert_eq!(counter.records().len(), RECORDS_MAX, "the ring keeps the newest");
        let total: u32 = counter.records().iter().map(|record| record.counts[1]).sum();
        let per_m3 = f64::from(total) / (0.0283 * RECORDS_MAX as f64);
        assert!((3.0..60.0).contains(&per_m3), "{per_m3}");
        assert!(counter.records().iter().all(|record| record.counts.is_sorted_by(|a, b| a >= b)));
    }

    #[test]
    fn people_bring_particles_for_minutes() {
        let mut counter = counter(Realism::Calm);
        run(&mut counter, 600);
        let quiet: u32 = counter.records().iter().map(|record| record.counts[1]).sum();
        counter.clear();
        counter.stir(600);
        run(&mut counter, 600);
        let busy: u32 = counter.records().iter().map(|record| record.counts[1]).sum();
        assert!(busy > 5 * quiet + 20, "{quiet} {busy}");
        assert_eq!(counter.records().len(), 10);
    }

    #[test]
    fn delay_hold_and_length_are_kept_and_trouble_is_marked() {
        let mut counter = counter(Realism::Calm);
        counter.stop();
        run(&mut counter, 300);
        assert!(!counter.running() && counter.records().is_empty());
        counter.timing = Timing { delay_s: 30, hold_s: 60, sample_s: 20 };
        counter.trouble = Trouble { flow: true, laser: true };
        counter.start();
        run(&mut counter, 30 + 3 * 80);
        let records = counter.records();
        assert_eq!(records.len(), 3);
        assert!(
            records.iter().all(|one| one.status == FLOW_ALERT && one.counts == [0; CHANNELS] && one.sample_s == 20)
        );
        let apart = records[1].at.since_ms(records[0].at);
        assert!((79_000..=84_000).contains(&apart), "{apart}");
    }
}
