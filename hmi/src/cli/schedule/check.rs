//! `mes schedule check`: the referee's verdict on a plan somebody else made.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use scheduler::recount;
use serde_json::json;

use super::{NO, input, report};

/// Judge a plan.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The instance
    file: PathBuf,
    /// The plan
    plan: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let facility = input::Facility::open(&self.file)?;
        let plan = facility.plan(&self.plan)?;
        let found = scheduler::check(&facility.problem, &plan);
        report::violations(&facility.problem, &found);
        let objective = recount(&facility.problem, &plan);
        let verdict = json!({
            "instance": facility.problem.name(),
            "family": input::Format::Facility.family(),
            "feasible": found.is_empty(),
            "violations": found.len(),
            "objective": objective.total,
            "cost": report::objective(objective),
            "refused": plan.refused().count(),
        });
        println!("{verdict}");
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }
}
