//! A quote: where one more batch fits into a committed plan, without moving anything; or why it
//! does not fit.
//!
//! It answers from a snapshot and changes nothing. What a tenant is told is worked out without any
//! cost that depends on whose the neighbours are, so that two facilities that are busy at the same
//! times answer alike.

mod looks;
mod moving;
mod refusal;
mod remedy;

use crate::check::check;
use crate::cost;
use crate::index::Table;
use crate::load::Load;
use crate::plan::{NamedPlacement, Placement, Plan};
use crate::problem::{Batch, Changeover, Problem};
use crate::spec::{BatchSpec, Slot};
use crate::validate::ProblemError;
use crate::validate::batch;
use crate::violation::Violation;
use looks::{Looks, start};
pub(crate) use refusal::pool_use;
use refusal::refuse;

pub use moving::{MovingOffer, quote_with_moves};
pub use refusal::{CapacityKind, Cause, Gap, Refusal, Resource, RouteRefusal, Shortage, TenantReason};
pub use remedy::{Change, Remedy};

/// A plan in force, with what it uses laid out for quick answers. Make one per plan version.
#[derive(Debug, Clone)]
pub struct Committed {
    pub(crate) problem: Problem,
    pub(crate) plan: Plan,
    pub(crate) load: Load,
    /// The problem as if every changeover were free of cost: what tenants are answered from.
    blind: Problem,
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

/// The same problem, as if every changeover were free of cost.
fn without_changeover_cost(problem: &Problem) -> Problem {
    let mut blind = problem.clone();
    let free =
        |row: &Table<_, Changeover>| Table::new(row.rows().map(|step| Changeover { cost: 0, ..*step }).collect());
    blind.changeover = Table::new(problem.changeover.rows().map(free).collect());
    blind
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
            let blind = without_changeover_cost(&problem);
            return Ok(Self { problem, plan, load, blind });
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

    /// The period and the offsets.
    pub(crate) fn parts(&self) -> (Slot, &[Slot]) {
        (self.period, &self.offsets)
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
    Offers(Box<Offers>),
    /// It does not fit.
    Refused(Refusal),
}

/// Where a request fits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offers {
    /// The placement that ends first; of several, the cheapest.
    pub earliest: Offer,
    /// The placement that starts last and still ends when wanted; none when all end later.
    pub latest: Option<Offer>,
    /// The cheapest placement of those looked at: some 40 per route, spread over the batch's
    /// dates, and the two others.
    pub cheapest: Offer,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct TenantOffer {
    /// Start of the first activity.
    pub start: Slot,
    /// End of the last activity.
    pub end: Slot,
    /// Slots after the wanted end.
    pub late: Slot,
}

/// What the asking tenant is told, and nothing else may reach it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantAnswer {
    /// Places, by start, each once.
    Offers(Vec<TenantOffer>),
    /// Why there is none.
    Refused(Vec<TenantReason>),
}

/// Looks for places of a request beside everything committed. The request must have been made for
/// this problem.
#[must_use]
pub fn quote(committed: &Committed, request: &Request) -> Answer {
    answer(&committed.problem, committed, request)
}

/// The same for a tenant: starts lie on a grid, and neither who the neighbours are nor what a
/// changeover to them costs has a part in the answer. The second value is the same answer with
/// placements and reasons, for the facility.
#[must_use]
pub fn quote_for_tenant(committed: &Committed, request: &Request, grid: &StartGrid) -> (TenantAnswer, Answer) {
    let request = Request { grid: Some(grid.clone()), ..request.clone() };
    let answer = answer(&committed.blind, committed, &request);
    let told = match &answer {
        Answer::Refused(refusal) => TenantAnswer::Refused(refusal.for_tenant()),
        Answer::Offers(offers) => {
            let all = [Some(&offers.earliest), offers.latest.as_ref(), Some(&offers.cheapest)];
            let mut told: Vec<_> = all.into_iter().flatten().map(Offer::for_tenant).collect();
            told.sort_unstable();
            told.dedup();
            TenantAnswer::Offers(told)
        }
    };
    (told, answer)
}

/// The answer as looked for with `problem`: the committed one, or the blind one.
fn answer(problem: &Problem, committed: &Committed, request: &Request) -> Answer {
    let batch = &request.batch;
    let owner = committed.problem.batches.len();
    let looks = Looks { problem, load: &committed.load, batch, owner, grid: request.grid.as_ref() };
    let end_max = looks.end_max();
    let Some(earliest) = looks.earliest(end_max) else {
        return Answer::Refused(refuse(committed, &looks));
    };
    let latest = looks.latest(end_max.min(batch.due));
    let mut all = vec![earliest.clone()];
    all.extend(latest.clone());
    all.extend(looks.cheapest(end_max));
    let cheapest = all.into_iter().min_by_key(|it| (looks.cost(it), cost::end(batch, it)));
    Answer::Offers(Box::new(Offers {
        cheapest: offer(committed, batch, cheapest.unwrap_or_else(|| earliest.clone())),
        latest: latest.map(|placement| offer(committed, batch, placement)),
        earliest: offer(committed, batch, earliest),
    }))
}

fn offer(committed: &Committed, batch: &Batch, placement: Placement) -> Offer {
    offer_beside(&committed.problem, &committed.load, batch, committed.problem.batches.len(), placement)
}

fn offer_beside(problem: &Problem, load: &Load, batch: &Batch, owner: usize, placement: Placement) -> Offer {
    Offer {
        named: placement.named(problem, batch),
        start: start(&placement),
        end: cost::end(batch, &placement),
        late: cost::late(batch, &placement),
        cost: cost::of_placement(problem, load, batch, owner, &placement),
        placement,
    }
}
