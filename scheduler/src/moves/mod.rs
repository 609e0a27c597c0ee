//! How the search changes a plan: some batches are taken out, then put in again one by one.

pub(crate) mod recreate;
pub(crate) mod ruin;
