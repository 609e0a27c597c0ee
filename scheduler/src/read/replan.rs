//! The public format `facility-replan-1`: an instance in which something has happened, with the
//! solution from before. Text in, problem and plan out; no file is opened here.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::facility::{FacilityError, read_facility, read_solution};
use crate::plan::Plan;
use crate::problem::Problem;
use crate::replan::Disrupted;
use crate::spec::Slot;
use crate::validate::ProblemError;

/// The format this reader understands.
const FORMAT: &str = "facility-replan-1";

/// Text that is no `facility-replan-1`.
#[derive(Debug, thiserror::Error)]
pub enum ReplanError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("reading the replan file: not as the format {FORMAT} has it")]
    Json(#[source] serde_json::Error),
    /// Another format.
    #[error("reading the replan file: it says replan {found:?}, this reader understands {FORMAT:?}")]
    Format {
        /// What it says.
        found: String,
    },
    /// Batches of the solution from before that the instance lacks, or in another order.
    #[error("reading the replan file: committed has batches that the instance has not; they must be its first ones")]
    Batches,
    /// The instance or the solution in it.
    #[error(transparent)]
    Facility(#[from] FacilityError),
    /// An instance that cannot be planned.
    #[error(transparent)]
    Problem(#[from] ProblemError),
}

#[derive(Deserialize)]
struct File {
    replan: String,
    now: Slot,
    instance: Value,
    committed: Value,
}

#[derive(Deserialize)]
struct Committed {
    instance: String,
    batches: Vec<Value>,
}

#[derive(Deserialize)]
struct Numbered {
    id: i64,
}

/// Reads a replan file: the instance as it is now, what has started fixed, and the plan from before.
/// Batches that the plan from before does not know are new.
///
/// # Errors
/// Where and why the text is not of the format, or the instance cannot be planned.
pub fn read_replan(json: &str) -> Result<Disrupted, ReplanError> {
    let file: File = serde_json::from_str(json).map_err(ReplanError::Json)?;
    if file.replan != FORMAT {
        return Err(ReplanError::Format { found: file.replan });
    }
    let problem = Problem::new(&read_facility(&file.instance.to_string())?)?;
    let before: Committed = serde_json::from_value(file.committed).map_err(ReplanError::Json)?;
    let known = before.batches.len();
    let numbers = before.batches.iter().map(|batch| Numbered::deserialize(batch).map(|batch| batch.id));
    let numbers = numbers.collect::<Result<BTreeSet<i64>, _>>().map_err(ReplanError::Json)?;
    let count = i64::try_from(known).unwrap_or(i64::MAX);
    if known > problem.batches.len() || numbers != (0..count).collect() {
        return Err(ReplanError::Batches);
    }
    // A solution speaks of every batch: those that came later are refused in it.
    let mut batches = before.batches;
    batches
        .extend((known..problem.batches.len()).map(|id| json!({ "id": id, "route": null, "ops": [], "suites": [] })));
    let all = json!({ "instance": before.instance, "batches": batches });
    let whole = read_solution(&problem, &all.to_string())?;
    let mut plan = Plan::of_batches(known);
    whole.placed().filter(|(ix, _)| ix.row() < known).for_each(|(ix, at)| plan.set(ix, Some(at.clone())));
    Ok(Disrupted::changed(problem, plan, file.now))
}
