//! `mes schedule gantt`: a plan as a picture.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use scheduler::{GanttView, GanttWords};

use super::input;

/// Draw a plan as SVG.
#[derive(Debug, Args)]
pub(super) struct Gantt {
    /// The instance
    file: PathBuf,
    /// The plan
    plan: PathBuf,
    /// Where to write the picture
    #[arg(long, value_name = "SVG")]
    out: PathBuf,
    /// Draw it for one tenant: all that is not its own is only "not available"
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Language of the words: en or ja
    #[arg(long, default_value = "en")]
    lang: String,
}

impl Gantt {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let words = match self.lang.as_str() {
            "en" => GanttWords::EN,
            "ja" => GanttWords::JA,
            other => anyhow::bail!("--lang {other}: use en or ja"),
        };
        let facility = input::Facility::open(&self.file)?;
        let plan = facility.plan(&self.plan)?;
        let view = match &self.tenant {
            None => GanttView::Planner,
            Some(id) => {
                let known = facility.problem.tenants().find(|(_, tenant)| tenant.id == *id);
                let (ix, _) = known.with_context(|| format!("{} has no tenant {id}", self.file.display()))?;
                GanttView::Tenant(ix)
            }
        };
        input::write(&self.out, &scheduler::gantt(&facility.problem, &plan, view, &words))?;
        Ok(ExitCode::SUCCESS)
    }
}
