//! `mes schedule replan`: a new plan after something has gone wrong, and what it changes.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use scheduler::{
    BatchIx, Disrupted, Disruption, Move, Params, Placement, Problem, Reason, Replanned, Stop, read_replan,
    read_request,
};
use serde_json::{Value, json};

use super::{
    NO,
    input::{self, Facility, Schema},
    report::{self, Watch},
};

/// Plan again after something has gone wrong.
#[derive(Debug, Args)]
pub(super) struct Replan {
    /// The instance; or a facility-replan-1 file, which holds all three
    file: PathBuf,
    /// The plan in force
    plan: Option<PathBuf>,
    /// What has gone wrong: {"now": slot, "events": [{"kind": "suite-down", "suite": id, "start": …, "end": …}, …]}
    event: Option<PathBuf>,
    /// How long to look for something better than the repair, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seed of the search: the same seed and steps give the same plan
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Without regard to the plan in force: any number of batches may move
    #[arg(long)]
    free: bool,
    /// Threads to use
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Steps to take, rather than a time; 0 for the repair alone
    #[arg(long)]
    steps: Option<u64>,
    /// Where to write the new plan, when it breaks no rule
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No progress on standard error
    #[arg(long)]
    quiet: bool,
}

impl Replan {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (disrupted, schema) = self.disrupted()?;
        let disrupted = if self.free { disrupted.free() } else { disrupted };
        let limit = match (self.steps, Duration::try_from_secs_f64(self.seconds)) {
            (Some(_), _) => None,
            (None, Ok(limit)) => Some(limit),
            (None, Err(_)) => bail!("--seconds {}: give a number of seconds from 0 up", self.seconds),
        };
        let watch = Watch::begin(limit, self.quiet);
        let progress = |progress| watch.note(progress);
        let (over, gone) = (|| watch.is_over(), || watch.gone());
        let params = Params {
            threads: self.threads,
            gone: limit.is_some().then_some(&gone as &(dyn Fn() -> f64 + Sync)),
            progress: &progress,
        };
        let stop = Stop { steps: self.steps, asked: &over };
        let replanned = scheduler::replan(&disrupted, &params, self.seed, stop);
        let seconds = watch.seconds();
        let problem = &replanned.problem;
        let found = scheduler::check(problem, &replanned.plan);
        report::violations(&found.iter().map(|it| it.describe(problem)).collect::<Vec<_>>());
        if let (Some(out), true) = (&self.out, found.is_empty()) {
            input::write(out, &input::written(schema, problem, &replanned.plan)?)?;
        }
        for line in lines(&replanned) {
            eprintln!("{line}");
        }
        let stability = replanned.stability;
        let result = json!({
            "instance": problem.name(),
            "family": input::Format::Facility.family(),
            "feasible": found.is_empty(),
            "objective": replanned.objective.total,
            "cost": report::objective(replanned.objective),
            "stability": stability.cost,
            "objective_with_stability": replanned.objective.total + problem.cost_scale() * stability.cost,
            "moved_batches": stability.moved_batches,
            "route_or_suite_changes": stability.route_or_suite_changes,
            "activities_moved": stability.activities_moved,
            "first_feasible_ms": watch.first_feasible_ms(),
            "seconds": seconds,
            "iterations": replanned.steps,
            "proposals": ids(problem, &replanned.proposals),
            "refused": ids(problem, &replanned.refused),
            "patients": ids(problem, &replanned.patients),
            "missing": ids(problem, &replanned.missing),
            "moves": replanned.moves.iter().map(|it| moved(problem, it)).collect::<Vec<_>>(),
        });
        println!("{result}");
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }

    fn disrupted(&self) -> anyhow::Result<(Disrupted, Schema)> {
        let text = input::text(&self.file)?;
        let at = || self.file.display().to_string();
        match (&self.plan, &self.event) {
            (None, None) => Ok((read_replan(&text).with_context(at)?, Schema::Facility1)),
            (Some(plan), Some(event)) => {
                let facility = Facility::read(&self.file, &text)?;
                let plan = facility.plan(plan)?;
                let broken = scheduler::Committed::new(facility.problem.clone(), plan.clone());
                broken.with_context(at)?;
                let disruption = disruption(event)?;
                let made = Disrupted::new(&facility.problem, &plan, &disruption);
                Ok((made.with_context(|| event.display().to_string())?, facility.schema))
            }
            (Some(_), None) | (None, Some(_)) => bail!("give the instance, the plan and the events, or a replan file"),
        }
    }
}

/// What has gone wrong, as the file has it. Ids may be numbers, and a rushed batch may be in the
/// form of a `facility-1` instance.
fn disruption(path: &Path) -> anyhow::Result<Disruption> {
    let text = input::text(path)?;
    let mut value: Value = input::json(path, &text)?;
    let events = value.get_mut("events").and_then(Value::as_array_mut);
    for event in events.into_iter().flatten().filter_map(Value::as_object_mut) {
        for (name, field) in event.iter_mut() {
            if field.is_number() && ["suite", "pool", "batch"].contains(&name.as_str()) {
                *field = field.to_string().into();
            }
            if name == "batch" && field.get("tenant").is_some_and(Value::is_number) {
                let batch = read_request(&field.to_string()).with_context(|| path.display().to_string())?;
                *field = serde_json::to_value(batch)?;
            }
        }
    }
    serde_json::from_value(value).with_context(|| format!("{} is not as expected", path.display()))
}

fn id(problem: &Problem, ix: BatchIx) -> String {
    problem.batch(ix).map(|batch| batch.id.clone()).unwrap_or_default()
}

fn ids(problem: &Problem, batches: &[BatchIx]) -> Vec<String> {
    batches.iter().map(|ix| id(problem, *ix)).collect()
}

/// What a person must know before the new plan is adopted, each on a line of its own.
fn lines(replanned: &Replanned) -> Vec<String> {
    let said = |what: &str, batches: &[BatchIx]| {
        (!batches.is_empty()).then(|| format!("{what}: {}", ids(&replanned.problem, batches).join(", ")))
    };
    let lines = [
        said("refused requests", &replanned.refused),
        said("patients affected (autologous batches)", &replanned.patients),
        said("proposals that await the tenant (outside of what was agreed)", &replanned.proposals),
        said("no place found, though it must be in the plan", &replanned.missing),
    ];
    lines.into_iter().flatten().collect()
}

fn moved(problem: &Problem, item: &Move) -> Value {
    let place = |placement: &Option<Placement>| {
        let batch = problem.batch(item.batch)?;
        let named = placement.as_ref()?.named(problem, batch);
        Some(json!({ "route": named.route, "starts": named.starts, "suites": named.suites }))
    };
    let reason = match &item.reason {
        Reason::New => "new".to_owned(),
        Reason::Hit => "could not stay: hit by what happened".to_owned(),
        Reason::MakesRoom { by } if by.is_empty() => "makes room for several others".to_owned(),
        Reason::MakesRoom { by } => format!("makes room for {}", ids(problem, by).join(", ")),
        Reason::Better => "could have stayed; the plan costs less so".to_owned(),
    };
    json!({ "batch": id(problem, item.batch), "from": place(&item.from), "to": place(&item.to), "reason": reason })
}
