#![doc = include_str!("../README.md")]
mod anchor;
mod bound;
mod build;
mod chains;
mod check;
mod cost;
mod generate;
mod holding;
mod index;
mod load;
mod moves;
mod people;
mod plan;
mod problem;
mod profile;
mod project;
mod quote;
mod read;
mod replan;
mod search;
mod shop;
mod spec;
mod stop;
mod suite_line;
mod timing;
mod validate;
mod view;
mod violation;
mod working;
pub use index::{AirlockIx, BatchIx, FamilyIx, OccupancyIx, PoolIx, RouteIx, SuiteIx, TenantIx};
pub use plan::{NamedPlacement, NamedPlan, Objective, Placement, Plan, PlanError};
pub use problem::{Activity, Airlock, Batch, Booking, Changeover, Commitment, EquipmentHold, Fitness, Problem, Route};
pub use project::{
    LagFrom, Project, ProjectActivity, ProjectError, ProjectLag, ProjectMode, ProjectOutcome, ProjectPlan, ProjectSpec,
    ProjectTextError, ProjectViolation, check_project, project_end, read_psplib, read_rcp, read_sch, solve_project,
};
pub use quote::{
    Answer, CapacityKind, Cause, Change, CommitError, Committed, Gap, MovingOffer, Offer, Offers, Refusal, Remedy,
    Request, Resource, RouteRefusal, Shortage, StartGrid, TenantAnswer, TenantOffer, TenantReason, quote,
    quote_for_tenant, quote_with_moves,
};
pub use read::facility::{FacilityError, read_facility, read_request, read_solution, write_solution};
pub use read::facility2::{Facility2Error, read_facility2, read_plan, write_facility2, write_plan};
pub use read::job_shop::{JobShopError, read_job_shop};
pub use read::replan::{ReplanError, read_replan};
pub use replan::{Disrupted, Disruption, DisruptionError, Event, Move, Reason, Replanned, Stability, replan};
pub use shop::{
    Shop, ShopError, ShopMode, ShopOutcome, ShopPlan, ShopSpec, ShopViolation, check_shop, recount_shop, solve_shop,
};
pub use spec::{
    ActivitySpec, AirlockSpec, BatchSpec, BookingSpec, Capacity, CapacityStep, ChangeoverSpec, CoOccupancySpec,
    CommitmentSpec, DemandSpec, EquipmentHoldSpec, FitnessSpec, Grade, Pool, PoolKind, ProblemSpec, Reduction,
    ReservationSpec, RouteSpec, Slot, SuiteHoldSpec, SuiteSpec, TenantSpec, UnionSpec, WeeklyShift, Window,
};
pub use view::{Explanation, GanttView, GanttWords, Hold, TenantHold, explain, gantt};
pub use {anchor::Anchor, bound::lower_bound, problem::Suite, search::Outcome, search::improve, search::solve};
pub use {build::Draft, build::build, check::check, check::recount, generate::FacilitySize, generate::generate};
pub use {people::PeopleError, people::PersonSpec, people::pools_of_people, problem::SuiteHold, problem::Tenant};
pub use {stop::Params, stop::Progress, stop::Stop, validate::Fault, validate::ProblemError, violation::Violation};
