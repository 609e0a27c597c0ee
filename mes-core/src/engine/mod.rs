//! The engine: one closed set of inputs, one deterministic `step`, one closed set of effects.

#[cfg(feature = "engine")]
mod batches;
#[cfg(feature = "engine")]
mod bookings;
#[cfg(feature = "engine")]
mod books;
mod cause;
#[cfg(feature = "engine")]
mod decide;
mod effect;
#[cfg(feature = "engine")]
mod heard;
mod input;
#[cfg(feature = "engine")]
mod recipes;
#[cfg(feature = "engine")]
mod refusal;
#[cfg(feature = "engine")]
mod reports;
#[cfg(feature = "engine")]
mod snapshot;
#[cfg(feature = "engine")]
mod step;
mod told;
mod view;

#[cfg(feature = "engine")]
pub use books::{Books, Outstanding};
pub use cause::cause_words;
#[cfg(feature = "engine")]
pub use decide::{RATE_MAX, samples_stream};
pub use effect::{Effect, LinkReport, LinkState, WriteOutcome, WriteRequest, WriteResult};
pub use input::{Act, Command, Input, Note, Quoted, SamplesExport};
#[cfg(feature = "engine")]
pub use recipes::recipe_statement;
#[cfg(feature = "engine")]
pub use snapshot::SnapshotError;
#[cfg(feature = "engine")]
pub use step::{Engine, EngineError, Output, SOFTWARE};
pub use told::{
    ALARM_SEVERITY, AgreedSampling, DeviceEvent, EVENT_CHARS_MAX, LeftOut, MessageKind, SamplingReport, TagSampling,
};
pub use view::{JudgedCertificate, LinkView, MasterRecipe, PendingChange, Reading, View};
