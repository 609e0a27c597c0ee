//! `mes schedule solve`: the best plan found within a time or a number of steps, of a facility or
//! of one of the public families of problems.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use scheduler::{Params, Project, Stop, recount};
use serde_json::{Value, json};

use super::{
    NO,
    input::{self, Format},
    report::{self, Watch},
};

/// Look for the best plan.
#[derive(Debug, Args)]
pub(super) struct Solve {
    /// The instance; packed with gzip or not
    file: PathBuf,
    /// What it is; told by its name and text when not given
    #[arg(long)]
    format: Option<Format>,
    /// How long to look, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seed of the search: the same seed and steps give the same plan
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads to use; they change how long a number of steps takes, not what they find
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Steps to take, rather than a time
    #[arg(long)]
    steps: Option<u64>,
    /// Where to write the plan, when it breaks no rule
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long)]
    quiet: bool,
}

/// What a search came to, whatever the family.
struct Found {
    instance: String,
    family: &'static str,
    objective: Option<i64>,
    lower_bound: Option<i64>,
    /// The plan as it is written, when there is one.
    plan: Option<String>,
    /// Rules it breaks, as sentences.
    violations: Vec<String>,
    steps: u64,
    /// What else there is to say of this family.
    more: Vec<(&'static str, Value)>,
}

impl Solve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let watch = Watch::begin(self.limit()?, self.quiet);
        let text = input::text(&self.file)?;
        let format = match self.format {
            Some(format) => format,
            None => input::format(&self.file, &text)?,
        };
        let at = || self.file.display().to_string();
        let progress = |progress| watch.note(progress);
        let (over, gone) = (|| watch.is_over(), || watch.gone());
        let params = Params {
            threads: self.threads,
            gone: self.steps.is_none().then_some(&gone as &(dyn Fn() -> f64 + Sync)),
            progress: &progress,
        };
        let stop = Stop { steps: self.steps, asked: &over };
        let found = match format {
            Format::Facility => self.facility(&text, &params, stop)?,
            Format::JobShop => self.shop(&text, &params, stop)?,
            Format::Psplib => self.project(scheduler::read_psplib(&text).with_context(at)?, format, &params, stop)?,
            Format::Patterson => self.project(scheduler::read_rcp(&text).with_context(at)?, format, &params, stop)?,
            Format::ProgenMax => self.project(scheduler::read_sch(&text).with_context(at)?, format, &params, stop)?,
        };
        self.finish(found, &watch)
    }

    /// The limit in time: none when steps are given.
    fn limit(&self) -> anyhow::Result<Option<Duration>> {
        if self.steps.is_some() {
            return Ok(None);
        }
        match Duration::try_from_secs_f64(self.seconds) {
            Ok(limit) => Ok(Some(limit)),
            Err(_) => anyhow::bail!("--seconds {}: give a number of seconds from 0 up", self.seconds),
        }
    }

    fn facility(&self, text: &str, params: &Params, stop: Stop) -> anyhow::Result<Found> {
        let facility = input::Facility::read(&self.file, text)?;
        let problem = &facility.problem;
        let outcome = scheduler::solve(problem, params, self.seed, stop);
        let violations = scheduler::check(problem, &outcome.plan);
        let objective = recount(problem, &outcome.plan);
        let refused = outcome.plan.refused().count();
        Ok(Found {
            instance: problem.name().to_owned(),
            family: Format::Facility.family(),
            objective: Some(objective.total),
            lower_bound: Some(outcome.lower_bound),
            plan: Some(facility.written(&outcome.plan)?),
            violations: violations.iter().map(|violation| violation.describe(problem)).collect(),
            steps: outcome.steps,
            more: vec![("refused", refused.into()), ("cost", report::objective(objective))],
        })
    }

    fn shop(&self, text: &str, params: &Params, stop: Stop) -> anyhow::Result<Found> {
        let shop = scheduler::read_job_shop(text).with_context(|| self.file.display().to_string())?;
        let outcome = scheduler::solve_shop(&shop, params, self.seed, stop);
        let violations = scheduler::check_shop(&shop, &outcome.plan);
        Ok(Found {
            instance: input::name(&self.file),
            family: input::shop_family(&shop),
            objective: Some(scheduler::recount_shop(&shop, &outcome.plan)),
            lower_bound: Some(outcome.lower_bound),
            plan: Some(serde_json::to_string(&outcome.plan).context("writing the plan")?),
            violations: violations.iter().map(ToString::to_string).collect(),
            steps: outcome.steps,
            more: Vec::new(),
        })
    }

    fn project(&self, project: Project, format: Format, params: &Params, stop: Stop) -> anyhow::Result<Found> {
        let outcome = scheduler::solve_project(&project, params, self.seed, stop);
        let violations = outcome.plan.as_ref().map(|plan| scheduler::check_project(&project, plan));
        let end = outcome.plan.as_ref().and_then(|plan| scheduler::project_end(&project, plan));
        Ok(Found {
            instance: input::name(&self.file),
            family: input::project_family(&project, format),
            objective: end,
            lower_bound: outcome.lower_bound,
            plan: outcome.plan.map(|plan| json!({ "starts": plan.starts, "modes": plan.modes }).to_string()),
            violations: violations.unwrap_or_default().iter().map(|violation| format!("{violation:?}")).collect(),
            steps: outcome.steps,
            more: vec![("infeasible_proved", outcome.infeasible_proved.into())],
        })
    }

    fn finish(self, found: Found, watch: &Watch) -> anyhow::Result<ExitCode> {
        let seconds = watch.seconds();
        let feasible = found.plan.is_some() && found.violations.is_empty();
        for sentence in &found.violations {
            eprintln!("{sentence}");
        }
        if let (Some(out), Some(plan), true) = (&self.out, &found.plan, feasible) {
            input::write(out, plan)?;
        }
        let mut line = json!({
            "instance": found.instance,
            "family": found.family,
            "objective": found.objective,
            "lower_bound": found.lower_bound,
            "feasible": feasible,
            "first_feasible_ms": watch.first_feasible_ms(),
            "seconds": seconds,
            "iterations": found.steps,
            "seed": self.seed,
            "threads": self.threads,
        });
        let memory = report::peak_rss_mb().map(|megabytes| ("peak_rss_mb", megabytes.into()));
        if let Some(fields) = line.as_object_mut() {
            fields.extend(found.more.into_iter().chain(memory).map(|(name, value)| (name.to_owned(), value)));
        }
        println!("{line}");
        Ok(if feasible { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }
}
