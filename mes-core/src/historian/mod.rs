//! Samples: their form, the chunks they are sealed in, and the proof that ties them to the record.

mod chunk;
mod sample;
pub mod seal;
mod sealed;

pub use chunk::{CHUNK_FORM, CHUNK_SAMPLES_MAX, Chunk, ChunkError};
pub use sample::{Cause, Grade, Quality, Sample, SampleValue};
pub use sealed::{ChunkRef, SealedSamples};
