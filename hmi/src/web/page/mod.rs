//! One file per screen.

pub(crate) mod act;
pub(crate) mod batch;
pub(crate) mod demo;
pub(crate) mod login;
pub(crate) mod overview;
pub(crate) mod sign;
pub(crate) mod work;
