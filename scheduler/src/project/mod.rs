//! Resource-constrained projects: activities with modes, time lags and shared resources, to be
//! finished as early as possible. It knows nothing of suites or tenants.

mod bounds;
mod chain;
mod check;
mod clauses;
mod closure;
mod cumulative;
mod engine;
mod evolve;
mod learn;
mod model;
mod network;
mod order;
#[cfg(test)]
mod public_instances;
mod relax;
mod search;
mod solve;
mod step_line;
#[cfg(test)]
mod tests;

pub use crate::read::{ProjectTextError, read_psplib, read_rcp, read_sch};
pub use check::{ProjectViolation, check_project, project_end};
pub use model::{LagFrom, Project, ProjectActivity, ProjectError, ProjectLag, ProjectMode, ProjectPlan, ProjectSpec};
pub use solve::{ProjectOutcome, solve_project};
