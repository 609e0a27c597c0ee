#![doc = include_str!("../README.md")]

mod audit;
mod document;
mod exception;
pub mod export;
mod happened;
mod plot;
mod record;
mod section;
mod source;
mod trend;
mod wording;

pub use audit::AuditLine;
pub use document::{Block, Cell, Column, Field, Mark, Row, Section};
pub use exception::{Exception, Kind};
pub use plot::Plot;
pub use record::{BatchRecord, Head, RECORD_FORM, RENDERER, RecordError};
pub use section::COVERAGE;
pub use trend::{Gap, Limit, Trend};
