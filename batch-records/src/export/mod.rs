//! The forms in which a record leaves the system: data, PDF/A-3, evidence package.

pub mod json;
mod layout;
pub mod pdf;
