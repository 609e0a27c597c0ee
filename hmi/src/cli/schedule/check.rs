//! `mes schedule check`: the referee's verdict on a plan somebody else made, of a facility or of one of the public families.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use scheduler::{Project, ProjectPlan, ShopPlan, recount};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    NO,
    input::{self, Format},
    report,
};

/// Judge a plan.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The instance; packed with gzip or not
    file: PathBuf,
    /// The plan, as `solve` writes it
    plan: PathBuf,
    /// What the instance is; told by its name and text when not given
    #[arg(long)]
    format: Option<Format>,
}

/// A project's plan as it is written: a start and a mode, from 0, for each activity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectFile {
    starts: Vec<i64>,
    modes: Vec<usize>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let text = input::text(&self.file)?;
        let format = match self.format {
            Some(format) => format,
            None => input::format(&self.file, &text)?,
        };
        let at = || self.file.display().to_string();
        match format {
            Format::Facility => self.facility(&text),
            Format::JobShop => self.shop(&text),
            Format::Psplib => self.project(&scheduler::read_psplib(&text).with_context(at)?, format),
            Format::Patterson => self.project(&scheduler::read_rcp(&text).with_context(at)?, format),
            Format::ProgenMax => self.project(&scheduler::read_sch(&text).with_context(at)?, format),
        }
    }

    fn facility(&self, text: &str) -> anyhow::Result<ExitCode> {
        let facility = input::Facility::read(&self.file, text)?;
        let plan = facility.plan(&self.plan)?;
        let found = scheduler::check(&facility.problem, &plan);
        report::violations(&found.iter().map(|it| it.describe(&facility.problem)).collect::<Vec<_>>());
        let objective = recount(&facility.problem, &plan);
        Ok(verdict(
            found.len(),
            json!({
                "instance": facility.problem.name(),
                "family": Format::Facility.family(),
                "objective": objective.total,
                "cost": report::objective(objective),
                "refused": plan.refused().count(),
            }),
        ))
    }

    fn shop(&self, text: &str) -> anyhow::Result<ExitCode> {
        let shop = scheduler::read_job_shop(text).with_context(|| self.file.display().to_string())?;
        let plan: ShopPlan = input::json(&self.plan, &input::text(&self.plan)?)?;
        let found = scheduler::check_shop(&shop, &plan);
        report::violations(&found.iter().map(ToString::to_string).collect::<Vec<_>>());
        Ok(verdict(
            found.len(),
            json!({
                "instance": input::name(&self.file),
                "family": input::shop_family(&shop),
                "objective": scheduler::recount_shop(&shop, &plan),
            }),
        ))
    }

    fn project(&self, project: &Project, format: Format) -> anyhow::Result<ExitCode> {
        let ProjectFile { starts, modes } = input::json(&self.plan, &input::text(&self.plan)?)?;
        let plan = ProjectPlan { starts, modes };
        let found = scheduler::check_project(project, &plan);
        report::violations(&found.iter().map(|violation| format!("{violation:?}")).collect::<Vec<_>>());
        Ok(verdict(
            found.len(),
            json!({
                "instance": input::name(&self.file),
                "family": input::project_family(project, format),
                "objective": scheduler::project_end(project, &plan),
            }),
        ))
    }
}

/// Prints the verdict; how the command ends.
fn verdict(violations: usize, mut line: Value) -> ExitCode {
    if let Some(fields) = line.as_object_mut() {
        fields.insert("feasible".to_owned(), (violations == 0).into());
        fields.insert("violations".to_owned(), violations.into());
    }
    println!("{line}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(NO) }
}
