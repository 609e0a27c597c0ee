//! Public instance formats, from text that somebody else has read. One file per format; none of
//! them knows how a plan is made.

pub(crate) mod facility;
pub(crate) mod facility2;
pub(crate) mod job_shop;
