#![doc = include_str!("../README.md")]

mod anchor;
mod build;
mod chains;
mod check;
mod cost;
mod index;
mod load;
mod moves;
mod plan;
mod problem;
mod profile;
mod quote;
mod read;
mod refusal;
mod search;
mod spec;
mod stop;
mod suite_line;
mod timing;
mod validate;
mod violation;
mod working;

pub use anchor::Anchor;
pub use build::{Draft, build};
pub use check::{check, recount};
pub use index::{BatchIx, FamilyIx, OccupancyIx, PoolIx, RouteIx, SuiteIx, TenantIx};
pub use plan::{NamedPlacement, NamedPlan, Objective, Placement, Plan, PlanError};
pub use problem::{Activity, Batch, Changeover, Commitment, EquipmentHold, Problem, Route, Suite, SuiteHold, Tenant};
pub use quote::{Answer, CommitError, Committed, Offer, Offers, Request, StartGrid, TenantOffer, quote};
pub use read::facility::{FacilityError, read_facility, read_solution, write_solution};
pub use refusal::{CapacityKind, Cause, Gap, Refusal, Resource, RouteRefusal, Shortage, TenantReason};
pub use search::{Outcome, improve, solve};
pub use spec::{
    ActivitySpec, BatchSpec, Capacity, CapacityStep, ChangeoverSpec, CoOccupancySpec, CommitmentSpec, DemandSpec,
    EquipmentHoldSpec, Grade, Pool, PoolKind, ProblemSpec, Reduction, ReservationSpec, RouteSpec, Slot, SuiteHoldSpec,
    SuiteSpec, TenantSpec, WeeklyShift, Window,
};
pub use stop::{Params, Progress, Stop};
pub use validate::{Fault, ProblemError};
pub use violation::Violation;
