//! One file per screen.

pub(crate) mod act;
pub(crate) mod batch;
pub(crate) mod booking;
pub(crate) mod bookings;
pub(crate) mod changes;
pub(crate) mod demo;
pub(crate) mod deviations;
pub(crate) mod devices;
pub(crate) mod fault_panel;
pub(crate) mod held;
pub(crate) mod issue;
pub(crate) mod login;
pub(crate) mod metrics;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod recipes;
pub(crate) mod records;
pub(crate) mod review;
pub(crate) mod sign;
pub(crate) mod signed_record;
pub(crate) mod simulators;
pub(crate) mod trail;
pub(crate) mod trail_columns;
pub(crate) mod trend;
pub(crate) mod work;
pub(crate) mod work_equipment;
