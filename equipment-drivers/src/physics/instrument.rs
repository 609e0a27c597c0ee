//! What instruments do besides measuring: drift between calibrations and fail for minutes; and what people do to them.
//!
//! All of it depends on the seed and on facility time only, without state, so that any clock rate shows the same.

use mes_core::clock::Timestamp;

use super::noise::uniform;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: f64 = 86_400_000.0;
/// A probe fails about once in this many hours.
const FAILS_EVERY_H: f64 = 300.0;
/// Shortest and longest failure, in seconds.
const FAILS_S: (f64, f64) = (300.0, 1500.0);
/// Working hours in Japan (8 to 18 h), as hours of the day in UTC.
const WORK_FROM_H: i64 = 23;
const WORK_H: i64 = 10;
/// Doors are thought of in slots of this length.
const SLOT_MS: i64 = 300_000;
/// Slots of a working day.
const SLOTS: f64 = 120.0;

/// Milliseconds as days.
pub(super) fn days(ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let days = ms as f64 / DAY_MS;
    days
}

/// Drift after so many days: at most `per_day`, in a direction of the channel's own.
pub(super) fn drift(seed: u64, channel: u64, days: f64, per_day: f64) -> f64 {
    per_day * days * (2.0 * uniform(seed, 7000 + channel) - 1.0)
}

/// Whether this channel's probe is in a spell of failure.
pub(super) fn in_episode(seed: u64, channel: u64, at: Timestamp) -> bool {
    let hour = at.as_ms().div_euclid(HOUR_MS);
    let number = hour.unsigned_abs().wrapping_mul(8).wrapping_add(channel << 40);
    if uniform(seed, number) >= 1.0 / FAILS_EVERY_H {
        return false;
    }
    let lasts_s = FAILS_S.0 + (FAILS_S.1 - FAILS_S.0) * uniform(seed, number.wrapping_add(1));
    let begins_s = (3600.0 - lasts_s) * uniform(seed, number.wrapping_add(2));
    let within_s = days(at.as_ms().rem_euclid(HOUR_MS)) * 86_400.0;
    (begins_s..begins_s + lasts_s).contains(&within_s)
}

/// Whether people are at work.
pub(super) fn at_work(at: Timestamp) -> bool {
    let hour = at.as_ms().div_euclid(HOUR_MS).rem_euclid(24);
    (hour - WORK_FROM_H).rem_euclid(24) < WORK_H
}

/// For how many seconds a door is opened at the step that begins at `at`; none when it is not.
///
/// `per_day` is the mean number of openings on a working day; they come independently of each other.
pub(super) fn opens(seed: u64, channel: u64, at: Timestamp, step_ms: i64, per_day: f64) -> Option<i64> {
    if !at_work(at) {
        return None;
    }
    let slot = at.as_ms().div_euclid(SLOT_MS);
    let number = slot.unsigned_abs().wrapping_mul(8).wrapping_add(channel << 40);
    if uniform(seed, number) >= per_day / SLOTS {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds or minutes")]
    let (begins_ms, seconds) = (
        (300_000.0 * uniform(seed, number.wrapping_add(1))) as i64,
        (10.0 + 50.0 * uniform(seed, number.wrapping_add(2))) as i64,
    );
    let within_ms = at.as_ms().rem_euclid(SLOT_MS);
    (within_ms..within_ms + step_ms).contains(&begins_ms).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH_S: i64 = 30 * 86_400;

    #[test]
    fn doors_are_opened_as_often_as_asked_and_in_working_hours_only() {
        let begin = Timestamp::from_ms(1_780_000_000_000);
        let openings: Vec<Timestamp> = (0..MONTH_S / 2)
            .map(|step| begin.plus_s(2 * step))
            .filter(|at| opens(5, 1, *at, 2000, 9.0).is_some())
            .collect();
        let per_day = openings.len() as f64 / 30.0;
        assert!((6.0..12.0).contains(&per_day), "{per_day}");
        assert!(openings.iter().all(|at| at_work(*at)));
    }

    #[test]
    fn a_probe_fails_for_minutes_every_two_weeks_or_so() {
        let begin = Timestamp::from_ms(1_780_000_000_000);
        let failed = (0..6 * MONTH_S / 60).filter(|minute| in_episode(3, 21, begin.plus_s(60 * minute))).count();
        let hours = failed as f64 / 60.0;
        // 180 days hold about 14 failures of 15 minutes.
        assert!((1.0..8.0).contains(&hours), "{hours}");
    }

    #[test]
    fn drift_grows_with_time_and_stays_below_its_limit() {
        assert_eq!(drift(1, 2, 0.0, 0.01), 0.0);
        let after = drift(1, 2, 10.0, 0.01);
        assert!(after.abs() <= 0.1 && (after - 10.0 * drift(1, 2, 1.0, 0.01)).abs() < 1e-12);
    }
}
