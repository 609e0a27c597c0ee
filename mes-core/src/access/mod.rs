//! Who may do what, and what a signature says. `scope.rs` and `statement.rs` are plain data; policies need the feature `engine`.

mod scope;
mod statement;

pub use scope::{Actor, AuthMethod, REAUTH_MAX_MS, Reauth, Rejection, Scope, Who};
pub use statement::{Meaning, RecordRef, Signature, SignatureStatus, Statement, Subject};
