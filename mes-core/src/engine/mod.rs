//! The engine: one closed set of inputs, one deterministic `step`, one closed set of effects.

mod effect;
mod input;
mod view;

pub use effect::{Effect, LinkReport, LinkState, WriteOutcome, WriteRequest, WriteResult};
pub use input::{Act, Command, Input, Note};
pub use view::{LinkView, MasterRecipe, PendingChange, Reading, View};
