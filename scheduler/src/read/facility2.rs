//! The format `facility-2`: a [`ProblemSpec`] and a [`NamedPlan`] as JSON text, read strictly. What
//! each field means is in FORMAT.md.
//!
//! It finds what is not JSON, misnamed or of the wrong kind; whether the whole can be planned is for
//! `Problem::new` to say. No file is opened here.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::plan::NamedPlan;
use crate::spec::ProblemSpec;

/// The schema this reader understands.
const SCHEMA: &str = "facility-2";

/// Text that is not a `facility-2` problem or plan.
#[derive(Debug, thiserror::Error)]
pub enum Facility2Error {
    /// Not JSON, or a field is missing, misnamed or of the wrong kind.
    #[error("reading {what}, at {field}: not as the format {SCHEMA} has it")]
    Json {
        /// What was read.
        what: &'static str,
        /// The field, as a path such as `batches[3].due`.
        field: String,
        /// Line, column and reason.
        #[source]
        source: serde_json::Error,
    },
    /// Another format.
    #[error("reading the problem: its schema is {found:?}, this reader understands {SCHEMA:?}")]
    Schema {
        /// What it says.
        found: String,
    },
    /// A field of the problem that the format does not have.
    #[error("reading the problem: there is no field {field:?}; it has {known}")]
    Field {
        /// What it says.
        field: String,
        /// The fields there are.
        known: String,
    },
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

#[derive(Serialize)]
struct Written<'s> {
    schema: &'static str,
    #[serde(flatten)]
    spec: &'s ProblemSpec,
}

/// Reads a problem.
///
/// # Errors
/// Which field, at which line and column, is not as the format has it.
pub fn read_facility2(json: &str) -> Result<ProblemSpec, Facility2Error> {
    let what = "the problem";
    let head: Schema = read(what, json)?;
    if head.schema != SCHEMA {
        return Err(Facility2Error::Schema { found: head.schema });
    }
    let given: BTreeMap<String, IgnoredAny> = read(what, json)?;
    let known = fields(what)?;
    if let Some(field) = given.into_keys().find(|field| !known.contains_key(field)) {
        return Err(Facility2Error::Field { field, known: known.into_keys().collect::<Vec<_>>().join(", ") });
    }
    read(what, json)
}

/// The fields of a problem: all of them are always written.
fn fields(what: &'static str) -> Result<BTreeMap<String, IgnoredAny>, Facility2Error> {
    read(what, &write_facility2(&ProblemSpec::default())?)
}

fn read<T: DeserializeOwned>(what: &'static str, json: &str) -> Result<T, Facility2Error> {
    let mut text = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(&mut text).map_err(|error| Facility2Error::Json {
        what,
        field: error.path().to_string(),
        source: error.into_inner(),
    })?;
    text.end().map_err(|source| Facility2Error::Json { what, field: "the end".to_owned(), source })?;
    Ok(read)
}

/// Writes a problem.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn write_facility2(spec: &ProblemSpec) -> Result<String, Facility2Error> {
    write("the problem", &Written { schema: SCHEMA, spec })
}

/// Reads a plan. Whether it is one of a problem is for [`NamedPlan::resolve`] to say, whether it is
/// legal for `check`.
///
/// # Errors
/// Which field, at which line and column, is not as the format has it.
pub fn read_plan(json: &str) -> Result<NamedPlan, Facility2Error> {
    read("the plan", json)
}

/// Writes a plan.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn write_plan(plan: &NamedPlan) -> Result<String, Facility2Error> {
    write("the plan", plan)
}

fn write(what: &'static str, value: &impl Serialize) -> Result<String, Facility2Error> {
    serde_json::to_string(value).map_err(|source| Facility2Error::Json { what, field: "the whole".to_owned(), source })
}
