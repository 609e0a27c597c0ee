//! A plan: for every batch the chosen route, the start of each activity, and what it holds.
//!
//! A plan is only data. Whether it is legal is for `check` to say; who adopted it is not known here.

use serde::{Deserialize, Serialize};

use crate::index::{BatchIx, PoolIx, Position, RouteIx, SuiteIx};
use crate::problem::{Batch, Problem, Route};
use crate::spec::{CommitmentSpec, Slot, Window};

/// Where one batch goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The route taken.
    pub route: RouteIx,
    /// Start of each activity.
    pub starts: Vec<Slot>,
    /// Suite of each suite hold.
    pub suites: Vec<SuiteIx>,
    /// Pool of each equipment hold.
    pub equipment: Vec<PoolIx>,
}

impl Placement {
    /// First start and last end on this route; none when the placement does not fit the route.
    #[must_use]
    pub fn span(&self, route: &Route) -> Option<(Slot, Slot)> {
        let last = route.activities.get(self.starts.len().checked_sub(1)?)?;
        Some((*self.starts.first()?, self.starts.last()?.saturating_add(last.duration)))
    }

    /// The span of a hold on this route, from the start of activity `first` to the end of activity
    /// `last`; none when the placement does not fit the route.
    #[must_use]
    pub fn hold_span(&self, route: &Route, first: usize, last: usize) -> Option<Window> {
        let end = self.starts.get(last)?.saturating_add(route.activities.get(last)?.duration);
        Some(Window::new(*self.starts.get(first)?, end))
    }

    /// What of this placement is fixed once everything that starts before a slot may not move any
    /// more: those starts, and the suites and pools of holds that have begun by then. With
    /// `Slot::MAX` all of it: a confirmed booking.
    #[must_use]
    pub fn commitment(&self, problem: &Problem, batch: &Batch, before: Slot) -> Option<CommitmentSpec> {
        let route = batch.route(self.route)?;
        let named = self.named(problem, batch);
        let begun = |first: usize| self.starts.get(first).is_some_and(|start| *start < before);
        let suites = route.suite_holds.iter().zip(named.suites);
        let pools = route.equipment_holds.iter().zip(named.equipment);
        Some(CommitmentSpec {
            route: route.name.clone(),
            starts: self.starts.iter().map(|start| (*start < before).then_some(*start)).collect(),
            suites: suites.map(|(hold, suite)| begun(hold.first).then_some(suite)).collect(),
            equipment: pools.map(|(hold, pool)| begun(hold.first).then_some(pool)).collect(),
        })
    }

    /// The same with ids in place of positions.
    #[must_use]
    pub fn named(&self, problem: &Problem, batch: &Batch) -> NamedPlacement {
        NamedPlacement {
            batch: batch.id.clone(),
            route: batch.routes.find(self.route).map(|route| route.name.clone()),
            starts: self.starts.clone(),
            suites: self
                .suites
                .iter()
                .filter_map(|ix| problem.suites.find(*ix).map(|suite| suite.id.clone()))
                .collect(),
            equipment: self
                .equipment
                .iter()
                .filter_map(|ix| problem.pools.find(*ix).map(|pool| pool.id.clone()))
                .collect(),
        }
    }
}

/// A placement or a refusal for every batch of one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    rows: Vec<Option<Placement>>,
}

impl Plan {
    /// A plan in which every batch is refused.
    #[must_use]
    pub fn empty(problem: &Problem) -> Self {
        Self { rows: vec![None; problem.batches.len()] }
    }

    /// A plan in which the first so many batches of a problem are refused; it speaks of no others.
    pub(crate) fn of_batches(count: usize) -> Self {
        Self { rows: vec![None; count] }
    }

    /// Where a batch goes; none when it is refused.
    #[must_use]
    pub fn placement(&self, batch: BatchIx) -> Option<&Placement> {
        self.rows.get(batch.row()).and_then(Option::as_ref)
    }

    /// Places or refuses a batch. A plan made before the batch was added grows to hold it.
    pub fn set(&mut self, batch: BatchIx, placement: Option<Placement>) {
        if self.rows.len() <= batch.row() {
            self.rows.resize(batch.row() + 1, None);
        }
        if let Some(row) = self.rows.get_mut(batch.row()) {
            *row = placement;
        }
    }

    /// Batches the plan speaks of, placed or refused.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the plan speaks of no batch at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The placed batches.
    pub fn placed(&self) -> impl Iterator<Item = (BatchIx, &Placement)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(row, placement)| Some((BatchIx::at(row), placement.as_ref()?)))
    }

    /// The refused batches.
    pub fn refused(&self) -> impl Iterator<Item = BatchIx> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, placement)| placement.is_none()).map(|(row, _)| BatchIx::at(row))
    }

    /// The plan with ids in place of positions: what is stored and read again.
    #[must_use]
    pub fn named(&self, problem: &Problem) -> NamedPlan {
        let refused = |batch: &Batch| NamedPlacement { batch: batch.id.clone(), ..NamedPlacement::default() };
        let batches = problem
            .batches
            .pairs()
            .map(|(ix, batch)| self.placement(ix).map_or_else(|| refused(batch), |at| at.named(problem, batch)));
        NamedPlan { problem: problem.name.clone(), batches: batches.collect() }
    }
}

/// A plan by ids: it outlives the problem it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NamedPlan {
    /// Name of the problem.
    pub problem: String,
    /// Every batch, placed or refused.
    pub batches: Vec<NamedPlacement>,
}

/// A placement by ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NamedPlacement {
    /// The batch.
    pub batch: String,
    /// Name of its route; none when it is refused, and the lists are then empty.
    pub route: Option<String>,
    /// Start of each activity.
    pub starts: Vec<Slot>,
    /// Suite of each suite hold.
    pub suites: Vec<String>,
    /// Pool of each equipment hold.
    pub equipment: Vec<String>,
}

/// Why a stored plan does not belong to a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An id is not the problem's.
    #[error("plan of batch {batch}: the problem has no {kind} {id}; plan again from the problem in force")]
    Unknown {
        /// The batch it was read at.
        batch: String,
        /// What kind of thing.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// A batch occurs twice.
    #[error("plan of batch {batch}: it occurs twice; keep one")]
    Twice {
        /// The batch.
        batch: String,
    },
}

impl NamedPlan {
    /// Finds the ids in a problem. Batches that the plan does not mention are refused; whether
    /// the lists have the right length is for `check` to say.
    ///
    /// # Errors
    /// An id that the problem does not have, or a batch that occurs twice.
    pub fn resolve(&self, problem: &Problem) -> Result<Plan, PlanError> {
        let mut plan = Plan::empty(problem);
        let mut seen = std::collections::BTreeSet::new();
        for named in &self.batches {
            let ix = *find(&problem.names.batches, named, "batch", &named.batch)?;
            if !seen.insert(ix) {
                return Err(PlanError::Twice { batch: named.batch.clone() });
            }
            let Some(route) = &named.route else { continue };
            plan.set(ix, Some(named.resolve(problem, ix, route)?));
        }
        Ok(plan)
    }
}

impl NamedPlacement {
    fn resolve(&self, problem: &Problem, ix: BatchIx, route: &str) -> Result<Placement, PlanError> {
        let batch = &problem.batches[ix];
        let position = batch.routes.pairs().find(|(_, known)| known.name == route);
        let unknown = || PlanError::Unknown { batch: self.batch.clone(), kind: "route", id: route.to_owned() };
        let suite = |id: &String| find(&problem.names.suites, self, "suite", id).copied();
        let pool = |id: &String| find(&problem.names.pools, self, "pool", id).copied();
        Ok(Placement {
            route: position.ok_or_else(unknown)?.0,
            starts: self.starts.clone(),
            suites: self.suites.iter().map(suite).collect::<Result<_, _>>()?,
            equipment: self.equipment.iter().map(pool).collect::<Result<_, _>>()?,
        })
    }
}

fn find<'n, T>(
    names: &'n std::collections::BTreeMap<String, T>,
    at: &NamedPlacement,
    kind: &'static str,
    id: &str,
) -> Result<&'n T, PlanError> {
    let unknown = || PlanError::Unknown { batch: at.batch.clone(), kind, id: id.to_owned() };
    names.get(id).ok_or_else(unknown)
}

/// What a plan costs, part by part. Smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objective {
    /// Sum of weight × slots late.
    pub tardiness: i64,
    /// Sum of changeover costs.
    pub changeover: i64,
    /// Sum of route costs.
    pub route: i64,
    /// Sum of penalties of refused batches.
    pub drop: i64,
    /// End of the last activity of all; 0 for an empty plan.
    pub makespan: Slot,
    /// `cost_scale × (tardiness + changeover + route + drop) + makespan`.
    pub total: i64,
}
