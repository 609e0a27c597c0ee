//! The vocabulary of ISA-88: procedural states and commands, and the model of a master recipe.

mod event;
mod recipe;
mod state;

pub use event::{Approval, RecipeEvent};
pub use recipe::{
    Approved, ChecklistLine, CleanlinessGrade, Draft, EquipmentClass, EquipmentRequirement, Header, HoldTime,
    OnViolation, Operation, Parameter, Phase, PhaseKind, Recipe, RecipeApprovals, RecipeBody, RecordItem, SetPoint,
    SignOff, TagRef, UnitProcedure, Watch,
};
pub use state::{Command, State};
