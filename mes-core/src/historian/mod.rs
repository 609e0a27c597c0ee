//! Samples: their form, the chunks they are sealed in, and the proof that ties them to the record.

mod sample;
mod sealed;

pub use sample::{Cause, Grade, Quality, Sample, SampleValue};
pub use sealed::{ChunkRef, SealedSamples};
