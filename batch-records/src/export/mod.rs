//! The forms in which a record leaves the system: data, PDF/A-3, evidence package; and samples as files for other programs.

pub(crate) mod archive;
pub mod json;
mod layout;
pub mod package;
pub mod pdf;
mod readme;
pub mod samples;
mod samples_csv;
mod samples_parquet;
