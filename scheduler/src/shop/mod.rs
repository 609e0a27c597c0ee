//! Flexible job shops: jobs of operations in a fixed order, each on one of several machines, with
//! or without set-up times that depend on the sequence; the last end is to come early.
//!
//! A model of its own beside the facility's `Problem`: here nothing but machines is scarce, so a
//! search that knows only machines is far quicker than one that knows suites and people.

mod bound;
mod check;
mod dispatch;
mod graph;
mod insertion;
pub(crate) mod model;
mod plan;
mod pool;
mod solve;
mod walk;

pub use check::{ShopViolation, check_shop, recount_shop};
pub use model::{Shop, ShopError, ShopMode, ShopSpec};
pub use plan::ShopPlan;
pub use solve::{ShopOutcome, solve_shop};
