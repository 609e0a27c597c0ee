//! The vocabulary of ISA-88: procedural states and commands, and the model of a master recipe.

#[cfg(feature = "engine")]
mod check;
#[cfg(feature = "engine")]
mod check_phase;
mod event;
#[cfg(feature = "engine")]
mod expression;
#[cfg(feature = "engine")]
mod finding;
#[cfg(feature = "engine")]
mod grammar;
#[cfg(feature = "engine")]
mod loader;
#[cfg(feature = "engine")]
mod read;
mod recipe;
#[cfg(feature = "engine")]
mod source;
mod state;
#[cfg(feature = "engine")]
mod unit;
#[cfg(feature = "engine")]
mod words;

pub use event::{Approval, RecipeEvent};
#[cfg(feature = "engine")]
pub use expression::{Expression, ExpressionError, Kind as ExpressionKind};
#[cfg(feature = "engine")]
pub use finding::{RecipeError, RecipeErrors};
#[cfg(feature = "engine")]
pub use loader::{RECIPE_FORM, load_recipe};
pub use recipe::{
    Approved, ChecklistLine, CleanlinessGrade, Draft, EquipmentClass, EquipmentRequirement, Header, HoldTime,
    OnViolation, Operation, Parameter, Phase, PhaseKind, Recipe, RecipeApprovals, RecipeBody, RecordItem, SetPoint,
    SignOff, TagRef, UnitProcedure, Watch,
};
pub use state::{Command, State, StateRejection, Transition, auto, next};
#[cfg(feature = "engine")]
pub use words::{Clause, Clauses, TagWords};
