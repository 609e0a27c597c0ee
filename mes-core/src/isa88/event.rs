//! What can be asked of a master recipe, and what can happen to it.

use serde::{Deserialize, Serialize};

use crate::{
    access::Signature,
    id::{PersonId, RecipeId},
    isa88::RecipeBody,
    journal::Hash,
};

/// The two approvals a recipe needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// By production.
    Production,
    /// By quality.
    Quality,
}

/// What can happen to a master recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RecipeEvent {
    /// A checked draft was submitted for approval.
    #[serde(rename = "recipe.submitted")]
    Submitted {
        /// The whole recipe.
        body: Box<RecipeBody>,
        /// SHA-256 over the canonical recipe.
        hash: Hash,
        /// The author.
        author: PersonId,
    },
    /// Approved by one of the two departments.
    #[serde(rename = "recipe.approved")]
    Approved {
        /// Recipe.
        recipe: RecipeId,
        /// Version.
        version: u32,
        /// By which department.
        approval: Approval,
        /// The signature.
        signature: Signature,
    },
}
