//! Samples: their form, the chunks they are sealed in, the proof that ties them to the record, and their trend.

mod bytes;
mod chunk;
mod chunk_columns;
mod chunk_lines;
mod downsample;
mod sample;
pub mod seal;
mod sealed;
pub mod tail;

pub use bytes::BytesError;
pub use chunk::{CHUNK_FORM, CHUNK_FORM_1, CHUNK_SAMPLES_MAX, Chunk, ChunkError};
pub use downsample::{Bucket, Downsampler, Gap, GapCause, Point, Qualities, QualitySpan, Trend};
pub use sample::{Cause, Grade, Quality, Sample, SampleValue};
pub use sealed::{ChunkRef, FacilitySamples, SealedSamples};
