//! How fast facility time ran when, as the journal says it: from facility times back to wall seconds.
//!
//! A tag's staleness is wall time, while samples carry facility time. This file converts; it reads no clock.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Changes of the rate that are remembered; older ones are of no use for judging live values.
const STEPS_KEPT: usize = 16;

/// The rates of facility time, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    steps: Vec<(Timestamp, u32)>,
}

impl Pace {
    /// From `at` on, facility time runs `rate` times as fast as the wall clock.
    pub fn change(&mut self, at: Timestamp, rate: u32) {
        self.steps.push((at, rate.max(1)));
        let excess = self.steps.len().saturating_sub(STEPS_KEPT);
        self.steps.drain(..excess);
    }

    /// Facility seconds per wall second now.
    pub fn rate(&self) -> u32 {
        self.steps.last().map_or(1, |(_, rate)| *rate)
    }

    /// The facility time at which `wall_s` seconds of wall time have passed since `from`.
    pub fn after(&self, from: Timestamp, wall_s: u32) -> Timestamp {
        let mut at = from;
        let mut left_ms = i64::from(wall_s).saturating_mul(1000);
        let mut rate = 1;
        for (start, next) in &self.steps {
            if *start > at {
                let stretch_ms = start.since_ms(at);
                if left_ms.saturating_mul(i64::from(rate)) <= stretch_ms {
                    break;
                }
                left_ms = left_ms.saturating_sub(stretch_ms.div_euclid(i64::from(rate)));
                at = *start;
            }
            rate = *next;
        }
        at.plus_ms(left_ms.saturating_mul(i64::from(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1000)
    }

    #[test]
    fn without_a_change_the_two_clocks_run_together() {
        assert_eq!(Pace::default().after(at(100), 15), at(115));
        assert_eq!(Pace::default().rate(), 1);
    }

    #[test]
    fn wall_seconds_are_longer_in_facility_time_while_it_runs_fast() {
        let mut pace = Pace::default();
        pace.change(at(100), 60);
        assert_eq!(pace.after(at(200), 10), at(800));
        // 10 s at rate 1, then 5 s at rate 60.
        assert_eq!(pace.after(at(90), 15), at(400));
        pace.change(at(1000), 1);
        // 600 s at rate 60 are 10 s of wall time; the other 5 s pass at rate 1.
        assert_eq!(pace.after(at(400), 15), at(1005));
        assert_eq!(pace.after(at(999), 15), Pace { steps: vec![(at(100), 60), (at(1000), 1)] }.after(at(999), 15));
        assert_eq!(pace.rate(), 1);
    }

    #[test]
    fn only_the_newest_changes_are_kept() {
        let mut pace = Pace::default();
        (0..100).for_each(|n| pace.change(at(n), u32::try_from(n).unwrap() + 1));
        assert_eq!(pace.steps.len(), STEPS_KEPT);
        assert_eq!(pace.rate(), 100);
    }
}
