//! Who may do what, and what a signature says. Policies need the feature `engine`; all else is plain data and tables.

mod action;
mod duty;
#[cfg(feature = "engine")]
mod policies;
mod resource;
mod scope;
mod statement;

pub use action::{Action, action_of, action_of_batch, action_of_signature};
pub use duty::{Side, check_roles, forbidden_pair, grant_covers, needed, role_name, role_of, roles_for};
#[cfg(feature = "engine")]
pub use policies::{Policies, PoliciesError};
pub use resource::{BatchFacts, Resource};
pub use scope::{Actor, AuthMethod, REAUTH_MAX_MS, Reauth, Rejection, Scope, Who};
pub use statement::{Meaning, RecordRef, Signature, SignatureStatus, Statement, Subject};
