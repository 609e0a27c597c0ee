//! The engine: one closed set of inputs, one deterministic `step`, one closed set of effects.

mod effect;

pub use effect::{Effect, LinkReport, LinkState, WriteOutcome, WriteRequest, WriteResult};
