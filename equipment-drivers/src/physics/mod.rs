//! What the simulated devices do inside: a culture in a stirred vessel, an incubator's air, and the air of a suite.
//!
//! The models are explicit Euler on a fixed grid of facility time, so that the same seed and the same commands give the
//! same values at any clock rate. They know nothing of protocols, faults or wall time. Parameters are those of the
//! literature in order of magnitude; they train people and test software, and predict no process.

pub mod bioreactor;
pub mod incubator;
pub mod particles;
pub mod room;

mod instrument;
mod noise;

#[cfg(test)]
mod bioreactor_tests;

use mes_core::clock::Timestamp;

/// Step of the models, in milliseconds of facility time.
pub const STEP_MS: i64 = 2000;
/// Steps in one call at most; a longer gap is made up over several calls.
pub const STEPS_MAX: i64 = 20_000;

/// How much of the trouble of real life a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Realism {
    /// Lag, noise and a grid; donors differ a little. Nothing happens that nobody asked for.
    #[default]
    Calm,
    /// Besides, probes drift and fail for minutes, doors are opened in working hours, gas cylinders run out, and donors
    /// differ as donors do.
    Full,
}

/// Why a simulated device refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The value lies outside the device's range.
    OutOfRange,
    /// Not in this state, e.g. a dose into a full vessel.
    InvalidState,
}

/// How many whole steps fit between `from` and `to`, at most [`STEPS_MAX`].
fn steps(from: Timestamp, to: Timestamp) -> i64 {
    (to.since_ms(from) / STEP_MS).clamp(0, STEPS_MAX)
}

#[expect(clippy::cast_precision_loss, reason = "the step is a small number")]
fn step_s() -> f64 {
    STEP_MS as f64 / 1000.0
}

/// A proportional-integral controller whose integral stops at the limits of its output.
#[derive(Debug, Clone)]
struct Pi {
    gain: f64,
    reset_s: f64,
    limits: [f64; 2],
    integral: f64,
}

impl Pi {
    fn new(gain: f64, reset_s: f64, limits: [f64; 2]) -> Self {
        Self { gain, reset_s, limits, integral: 0.0 }
    }
    fn output(&mut self, error: f64, dt_s: f64) -> f64 {
        let [low, high] = self.limits;
        let next = (self.integral + self.gain * error * dt_s / self.reset_s).clamp(low, high);
        let raw = self.gain * error + next;
        // Within the limits, or back towards them: only then does the integral move.
        if (low..=high).contains(&raw) || (raw > high) == (next < self.integral) {
            self.integral = next;
        }
        (self.gain * error + self.integral).clamp(low, high)
    }
}

/// First-order lag of a sensor or actuator.
fn follow(value: &mut f64, target: f64, lag_s: f64, dt_s: f64) {
    *value += (target - *value) * (dt_s / lag_s).min(1.0);
}
