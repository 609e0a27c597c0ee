#![doc = include_str!("../README.md")]

mod audit;
mod document;
mod exception;
pub mod export;
mod happened;
mod happened_booking;
mod happened_device;
mod manifest;
mod measured;
mod plot;
mod proof;
mod record;
mod section;
mod source;
mod trend;
pub mod verify;
mod wording;

pub use audit::AuditLine;
pub use document::{Block, Cell, Column, Field, Mark, Row, Section};
pub use exception::{Exception, Kind};
pub use manifest::{Manifest, ManifestError, Member, PACKAGE_FORM};
pub use plot::Plot;
pub use proof::{EarlierCheckpoint, EntryProof, GrowthProof, LogProof, PROOFS_FORM, Proofs};
pub use record::{BatchRecord, Head, RECORD_FORM, RENDERER, RecordError};
pub use section::COVERAGE;
pub use trend::{Gap, Limit, Trend};
