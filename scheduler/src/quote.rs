//! A quote: where one more batch fits into a committed plan, without moving anything; or why it
//! does not fit.
//!
//! It answers from a snapshot and changes nothing. Offers go by time only: it does not search
//! for a cheaper plan.

use crate::check::check;
use crate::cost;
use crate::load::Load;
use crate::plan::{NamedPlacement, Placement, Plan};
use crate::problem::{Batch, Problem};
use crate::refusal::{Refusal, refuse};
use crate::spec::{BatchSpec, Slot};
use crate::timing::{Ask, earliest};
use crate::validate::ProblemError;
use crate::validate::batch;
use crate::violation::Violation;

/// A plan in force, with what it uses laid out for quick answers. Make one per plan version.
#[derive(Debug, Clone)]
pub struct Committed {
    pub(crate) problem: Problem,
    pub(crate) plan: Plan,
    pub(crate) load: Load,
}

/// A plan that does not belong to the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan does not belong to problem {problem}: {}; commit a plan made for it", sentences.join("; "))]
pub struct CommitError {
    /// The problem.
    pub problem: String,
    /// What does not fit, as violations.
    pub violations: Vec<Violation>,
    sentences: Vec<String>,
}

impl Committed {
    /// Lays out a plan. A plan that breaks rules (reality may have overtaken it) is accepted: ask
    /// [`check`] for that; whatever it overuses simply counts as full.
    ///
    /// # Errors
    /// When the plan has another shape than the problem.
    pub fn new(problem: Problem, plan: Plan) -> Result<Self, CommitError> {
        let mut violations = check(&problem, &plan);
        violations.retain(|item| matches!(item, Violation::Shape { .. } | Violation::BatchCount { .. }));
        if violations.is_empty() {
            let load = Load::of_plan(&problem, &plan);
            return Ok(Self { problem, plan, load });
        }
        let sentences = violations.iter().map(|item| item.describe(&problem)).collect();
        Err(CommitError { problem: problem.name, violations, sentences })
    }

    /// The problem.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// A batch somebody asks for.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) batch: Batch,
    pub(crate) grid: Option<StartGrid>,
}

/// Starts that may be offered: these slots of every period, such as the shift starts of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartGrid {
    period: Slot,
    offsets: Vec<Slot>,
}

impl StartGrid {
    /// A grid with starts at `offset` slots after each multiple of `period`; none when the period
    /// or the list is empty or an offset lies outside the period.
    #[must_use]
    pub fn new(period: Slot, offsets: Vec<Slot>) -> Option<Self> {
        let inside = offsets.iter().all(|offset| (0..period).contains(offset));
        (period > 0 && inside && !offsets.is_empty()).then_some(Self { period, offsets })
    }
}

impl Request {
    /// A request for a batch that the problem does not have yet. A commitment in it is ignored.
    ///
    /// # Errors
    /// As `Problem::new`, for this batch. The error is for whoever wrote the specification, not
    /// for a tenant: an id that is taken may be another tenant's.
    pub fn new(problem: &Problem, spec: &BatchSpec) -> Result<Self, ProblemError> {
        let batch = batch::batch(problem, spec)?;
        Ok(Self { batch: Batch { commitment: None, ..batch }, grid: None })
    }

    /// The same request, answered only with starts on a grid.
    #[must_use]
    pub fn on_grid(mut self, grid: StartGrid) -> Self {
        self.grid = Some(grid);
        self
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It fits.
    Offers(Offers),
    /// It does not fit.
    Refused(Refusal),
}

/// Where a request fits. More kinds of offer will join.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offers {
    /// The placement that ends first; of several, the cheapest.
    pub earliest: Offer,
}

/// One place for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where it goes.
    pub placement: Placement,
    /// The same by ids, to be stored or committed.
    pub named: NamedPlacement,
    /// Start of the first activity.
    pub start: Slot,
    /// End of the last activity.
    pub end: Slot,
    /// Slots after the wanted end.
    pub late: Slot,
    /// What it adds to the cost of the plan: lateness, route, changeover.
    pub cost: i64,
}

impl Offer {
    /// What the asking tenant is told: only times of its own batch.
    #[must_use]
    pub const fn for_tenant(&self) -> TenantOffer {
        TenantOffer { start: self.start, end: self.end, late: self.late }
    }
}

/// An offer as the tenant sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TenantOffer {
    /// Start of the first activity.
    pub start: Slot,
    /// End of the last activity.
    pub end: Slot,
    /// Slots after the wanted end.
    pub late: Slot,
}

/// Looks for the earliest place of a request beside everything committed. The request must have
/// been made for this problem.
#[must_use]
pub fn quote(committed: &Committed, request: &Request) -> Answer {
    let problem = &committed.problem;
    let batch = &request.batch;
    let grid = request.grid.as_ref().map(|grid| (grid.period, grid.offsets.as_slice()));
    let end_max = problem.horizon.min(batch.deadline.unwrap_or(Slot::MAX));
    let ask = Ask { grid, ..Ask::until(problem.batches.len(), end_max) };
    let mut best: Option<Offer> = None;
    for route in batch.routes.positions() {
        let Ok(placement) = earliest(problem, &committed.load, batch, route, ask) else { continue };
        let offer = offer(committed, batch, ask.owner, placement);
        if best.as_ref().is_none_or(|best| (offer.end, offer.cost) < (best.end, best.cost)) {
            best = Some(offer);
        }
    }
    match best {
        Some(earliest) => Answer::Offers(Offers { earliest }),
        None => Answer::Refused(refuse(committed, batch, ask)),
    }
}

fn offer(committed: &Committed, batch: &Batch, owner: usize, placement: Placement) -> Offer {
    let problem = &committed.problem;
    Offer {
        named: placement.named(problem, batch),
        start: placement.starts.first().copied().unwrap_or(0),
        end: cost::end(batch, &placement),
        late: cost::late(batch, &placement),
        cost: cost::of_placement(problem, &committed.load, batch, owner, &placement),
        placement,
    }
}
