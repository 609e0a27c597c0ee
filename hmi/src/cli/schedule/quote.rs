//! `mes schedule quote`: where one more batch fits into a plan, or why nowhere.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use mes_core::clock::Clock;
use scheduler::{
    Answer, BatchSpec, Committed, NamedPlacement, Offer, Request, Slot, StartGrid, Stop, TenantAnswer, read_request,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NO, input};

/// Minutes between the starts that a tenant is offered, unless the request names others.
const SHIFT_MIN: i64 = 8 * 60;

/// Steps spent on a place for which others move.
const MOVING_STEPS: u64 = 4_000;

/// Quote one batch.
#[derive(Debug, Args)]
pub(super) struct Quote {
    /// The instance
    file: PathBuf,
    /// The plan in force
    plan: PathBuf,
    /// The request: a batch as the instance has them, or {"batch": …, "grid": {"period": …, "offsets": […]}}
    request: PathBuf,
    /// Answer as the tenant is told: starts on a grid, nothing of others
    #[arg(long)]
    tenant_view: bool,
    /// When it fits nowhere: look for a place for which at most so many batches move
    #[arg(long, default_value_t = 0, conflicts_with = "tenant_view")]
    moves: usize,
}

/// Starts that may be offered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    period: Slot,
    offsets: Vec<Slot>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    batch: Value,
    #[serde(default)]
    grid: Option<Grid>,
}

impl Quote {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let facility = input::Facility::open(&self.file)?;
        let plan = facility.plan(&self.plan)?;
        let (spec, grid) = self.asked()?;
        let at = || self.request.display().to_string();
        let problem = facility.problem;
        let mut request = Request::new(&problem, &spec).with_context(at)?;
        let shift = SHIFT_MIN / i64::from(problem.slot_minutes()).clamp(1, SHIFT_MIN);
        let committed = Committed::new(problem, plan).with_context(|| self.plan.display().to_string())?;
        let began = Clock::wall();
        let (told, offered) = if self.tenant_view {
            let grid = grid.or_else(|| StartGrid::new(shift, vec![0])).with_context(at)?;
            let (told, _) = scheduler::quote_for_tenant(&committed, &request, &grid);
            let offered = matches!(told, TenantAnswer::Offers(_));
            (serde_json::to_value(told)?, offered)
        } else {
            if let Some(grid) = grid {
                request = request.on_grid(grid);
            }
            let answer = scheduler::quote(&committed, &request);
            let offered = matches!(answer, Answer::Offers(_));
            let moving = if offered { None } else { self.moving(&committed, &request) };
            match moving {
                Some(moving) => (moving, true),
                None => (planner(&committed, &answer), offered),
            }
        };
        let took = Clock::wall().saturating_duration_since(began);
        eprintln!("answered in {} µs", took.as_micros());
        println!("{told}");
        Ok(if offered { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }

    /// A place for which others move, when that was asked for.
    fn moving(&self, committed: &Committed, request: &Request) -> Option<Value> {
        if self.moves == 0 {
            return None;
        }
        let stop = Stop::after(MOVING_STEPS);
        let found = scheduler::quote_with_moves(committed, request, self.moves, 1, stop)?;
        let moved = found.moved.iter().map(|(before, now)| json!({ "batch": before.batch, "from": before, "to": now }));
        Some(json!({ "offers": { "moving": offer(&found.offer) }, "moves": moved.collect::<Vec<_>>() }))
    }

    /// The request as the file has it: a batch in the instance's form or by ids, bare or with a grid.
    fn asked(&self) -> anyhow::Result<(BatchSpec, Option<StartGrid>)> {
        let at = || self.request.display().to_string();
        let text = input::text(&self.request)?;
        let value: Value = input::json(&self.request, &text)?;
        let (batch, grid) = if value.get("batch").is_some() {
            let asked: Asked = input::json(&self.request, &text)?;
            (asked.batch.to_string(), asked.grid)
        } else {
            (text, None)
        };
        let grid = match grid {
            None => None,
            Some(Grid { period, offsets }) => Some(
                StartGrid::new(period, offsets)
                    .with_context(at)
                    .context("grid: the period must be positive and every offset lie within it")?,
            ),
        };
        // Batches of the public format have activities called `ops`.
        let spec = match batch.contains("\"ops\"") {
            true => read_request(&batch).with_context(at)?,
            false => input::json(&self.request, &batch)?,
        };
        Ok((spec, grid))
    }
}

fn planner(committed: &Committed, answer: &Answer) -> Value {
    match answer {
        Answer::Refused(refusal) => json!({ "refused": refusal.describe(committed.problem()) }),
        Answer::Offers(offers) => json!({ "offers": {
            "earliest": offer(&offers.earliest),
            "latest": offers.latest.as_ref().map(offer),
            "cheapest": offer(&offers.cheapest),
        }}),
    }
}

fn offer(offer: &Offer) -> Value {
    let NamedPlacement { route, starts, suites, equipment, .. } = &offer.named;
    json!({
        "start": offer.start,
        "end": offer.end,
        "late": offer.late,
        "cost": offer.cost,
        "route": route,
        "starts": starts,
        "suites": suites,
        "equipment": equipment,
    })
}
