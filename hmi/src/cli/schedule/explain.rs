//! `mes schedule explain`: why each activity of a batch starts when it does.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{NO, input};

/// Say what holds a batch where it is.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The instance
    file: PathBuf,
    /// The plan
    plan: PathBuf,
    /// Id of the batch
    batch: String,
    /// Only what the batch's own tenant may know: nothing of others
    #[arg(long)]
    tenant_view: bool,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let facility = input::Facility::open(&self.file)?;
        let plan = facility.plan(&self.plan)?;
        let problem = &facility.problem;
        let ix = problem.batch_of_id(&self.batch);
        let ix = ix.with_context(|| format!("{} has no batch {:?}", self.file.display(), self.batch))?;
        let mut activities = Vec::new();
        while let Some(found) = scheduler::explain(problem, &plan, ix, activities.len()) {
            let told = found.for_tenant(problem);
            let sentences: Vec<String> = if self.tenant_view {
                told.iter().map(|hold| serde_json::to_value(hold).map(|it| it.to_string())).collect::<Result<_, _>>()?
            } else {
                found.describe(problem)
            };
            println!("{}", found.headline(problem, &plan));
            sentences.iter().for_each(|sentence| println!("  {sentence}"));
            activities.push(if self.tenant_view {
                json!({ "activity": found.activity, "start": found.start, "held_by": told })
            } else {
                json!({ "activity": found.activity, "start": found.start, "held_by": sentences, "free_at": found.free_at })
            });
        }
        let planned = !activities.is_empty();
        if !planned {
            println!("{} is not in the plan: it is refused", self.batch);
        }
        let result = json!({
            "instance": problem.name(),
            "family": input::Format::Facility.family(),
            "batch": self.batch,
            "planned": planned,
            "activities": activities,
        });
        println!("{result}");
        Ok(if planned { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }
}
