//! Public instance formats, from text that somebody else has read. One file per format; none of
//! them knows how a plan is made.

pub(crate) mod facility;
pub(crate) mod facility2;
pub(crate) mod job_shop;
mod numbers;
mod patterson;
mod progen_max;
#[cfg(test)]
mod project_tests;
mod psplib;
pub(crate) mod replan;

pub use numbers::ProjectTextError;
pub use patterson::read_rcp;
pub use progen_max::read_sch;
pub use psplib::read_psplib;
