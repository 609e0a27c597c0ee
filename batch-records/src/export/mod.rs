//! The forms in which a record leaves the system: data, PDF/A-3, evidence package.

pub(crate) mod archive;
pub mod json;
mod layout;
pub mod package;
pub mod pdf;
mod readme;
