//! The only file that reads a clock. Everything else is told the time.
//!
//! *Wall* time (monotonic) rules links: connect, keep-alive, staleness, back-off, sessions. *Facility* time rules
//! the record. In production they run together; a training, validation or demo journal may run facility time
//! faster, from a start in the past, and never past the wall clock. This file does not decide who may change the rate.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

/// The offset in which times are shown to people (JST has no daylight saving).
pub const SHOWN_OFFSET_S: i32 = 9 * 3600;

/// An instant in facility or wall time: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an RFC 3339 time such as 2026-07-01T05:03:22.000Z")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// From milliseconds since the Unix epoch, clamped to the years 0001 to 9999.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(-62_135_596_800_000, 253_402_300_799_999))
    }
    /// Milliseconds since the Unix epoch.
    pub fn as_ms(self) -> i64 {
        self.0
    }
    /// This instant moved by milliseconds, either way.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }
    /// This instant moved by seconds, either way.
    #[must_use]
    pub fn plus_s(self, s: i64) -> Self {
        self.plus_ms(s.saturating_mul(1000))
    }
    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// As people see it: `2026-07-01 14:03:22 JST`.
    pub fn shown(self) -> String {
        self.local("%Y-%m-%d %H:%M:%S JST")
    }
    /// As people see it where the day is clear: `14:03:22`.
    pub fn shown_time(self) -> String {
        self.local("%H:%M:%S")
    }
    /// As a signature prints it: `2026-07-01 14:03:22 JST +09:00`.
    pub fn shown_signed(self) -> String {
        self.local("%Y-%m-%d %H:%M:%S JST +09:00")
    }
    fn local(self, format: &str) -> String {
        let offset = jiff::tz::Offset::from_seconds(SHOWN_OFFSET_S).unwrap_or(jiff::tz::Offset::UTC);
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.to_zoned(offset.to_time_zone()).strftime(format).to_string(),
            Err(_) => self.0.to_string(),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{}", at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let at: jiff::Timestamp = text.parse().map_err(|_| TimestampError(text.to_owned()))?;
        Ok(Self::from_ms(at.as_millisecond()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;
    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> String {
        at.to_string()
    }
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Instant,
    facility: Timestamp,
    rate: u32,
}

/// Facility time and wall time. Cheap to clone; all clones share one rate.
#[derive(Debug, Clone)]
pub struct Clock {
    anchor: Arc<Mutex<Anchor>>,
}

impl Clock {
    /// A clock whose facility time is the wall clock's.
    pub fn real() -> Self {
        Self::starting_at(Self::system_now(), 1)
    }
    /// A clock whose facility time starts at `facility` (never later than now) and runs `rate` times as fast as the wall clock.
    pub fn starting_at(facility: Timestamp, rate: u32) -> Self {
        let anchor = Anchor { wall: Self::wall(), facility: facility.min(Self::system_now()), rate: rate.max(1) };
        Self { anchor: Arc::new(Mutex::new(anchor)) }
    }
    /// Facility time now; never later than the wall clock's time.
    pub fn now(&self) -> Timestamp {
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        Self::project(anchor, Self::wall()).min(Self::system_now())
    }
    /// How many seconds of facility time pass in one second of wall time.
    pub fn rate(&self) -> u32 {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).rate
    }
    /// Changes the rate from this instant on; facility time stays continuous.
    pub fn set_rate(&self, rate: u32) {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = Self::wall();
        *anchor = Anchor { wall, facility: Self::project(*anchor, wall).min(Self::system_now()), rate: rate.max(1) };
    }
    /// The wall-clock duration in which `facility` passes at the present rate.
    pub fn wall_for(&self, facility: Duration) -> Duration {
        facility / self.rate()
    }
    /// Monotonic wall time, for links and sessions only.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that reads a clock")]
    pub fn wall() -> Instant {
        Instant::now()
    }
    /// The system's time of day, for certificates and for the ceiling of facility time.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that reads a clock")]
    pub fn system_now() -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
    fn project(anchor: Anchor, wall: Instant) -> Timestamp {
        let passed = wall.saturating_duration_since(anchor.wall).saturating_mul(anchor.rate);
        anchor.facility.plus_ms(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_what_it_writes() {
        let at: Timestamp = "2026-07-01T14:03:22.120+09:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-07-01T05:03:22.120Z");
        assert_eq!(at.shown_signed(), "2026-07-01 14:03:22 JST +09:00");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn facility_time_never_passes_the_wall_clock() {
        let future = Clock::system_now().plus_s(3600);
        assert!(Clock::starting_at(future, 3600).now() <= Clock::system_now());
        let past = Clock::starting_at(Clock::system_now().plus_s(-1), u32::MAX);
        past.set_rate(60);
        assert!(past.now() <= Clock::system_now());
    }
}
