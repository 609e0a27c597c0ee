//! A plan while it is worked on: placements, what they use and what they cost, kept together.
//!
//! Batches are put in and taken out one by one; both cost only what the batch itself touches. It
//! does not decide where a batch goes.
#![expect(clippy::indexing_slicing, reason = "every list has a row for each batch of the problem")]

use crate::anchor::Anchor;
use crate::cost;
use crate::index::BatchIx;
use crate::load::Load;
use crate::plan::{Placement, Plan};
use crate::problem::{Batch, Problem};
use crate::spec::Slot;

/// What a plan is worth, smaller is better: batches that must be in it and are not, then the
/// objective.
pub(crate) type Worth = (usize, i64);

/// A plan being worked on.
#[derive(Debug, Clone)]
pub(crate) struct Working<'p> {
    pub(crate) problem: &'p Problem,
    pub(crate) load: Load,
    rows: Vec<Option<Placement>>,
    /// What each batch costs by itself: lateness and route, or its refusal.
    costs: Vec<i64>,
    ends: Vec<Slot>,
    /// Sum of `costs` and of all changeovers.
    cost: i64,
    /// Batches that must not be refused and are not in.
    missing: usize,
    anchor: Option<&'p Anchor>,
    /// Batches that are not where the anchor has them.
    moved: usize,
    /// Rows changed since they were last taken over by `save_into`.
    changed: Vec<bool>,
    changes: Vec<BatchIx>,
}

impl<'p> Working<'p> {
    /// Nothing placed but what is fixed as a whole.
    pub(crate) fn new(problem: &'p Problem, anchor: Option<&'p Anchor>) -> Self {
        let count = problem.batches.len();
        let mut working = Self {
            problem,
            load: Load::new(problem),
            rows: vec![None; count],
            costs: vec![0; count],
            ends: vec![0; count],
            cost: 0,
            missing: problem.batches.rows().filter(|batch| batch.must_be_in()).count(),
            anchor,
            moved: 0,
            changed: vec![false; count],
            changes: Vec::new(),
        };
        for ix in problem.batches.positions() {
            working.costs[ix.row()] = working.refusal_cost(ix);
            working.moved += usize::from(working.is_moved(ix));
        }
        working.cost = working.costs.iter().sum();
        working.cost += working.load.suites.rows().map(|line| line.cost(problem)).sum::<i64>();
        for (ix, batch) in problem.batches.pairs() {
            working.cost += working.load.set_aside(problem, batch, ix.row(), 1);
        }
        for (ix, batch) in problem.batches.pairs() {
            if let Some(placement) = whole_commitment(batch) {
                working.insert(ix, placement);
            }
        }
        working
    }

    /// A plan in use. Its placements must have the shape of the problem.
    pub(crate) fn of_plan(problem: &'p Problem, plan: &Plan, anchor: Option<&'p Anchor>) -> Self {
        let mut working = Self::new(problem, anchor);
        for (ix, placement) in plan.placed() {
            if working.rows[ix.row()].is_none() {
                working.insert(ix, placement.clone());
            }
        }
        working
    }

    pub(crate) fn placement(&self, ix: BatchIx) -> Option<&Placement> {
        self.rows[ix.row()].as_ref()
    }

    /// What the batch costs by itself: lateness and route, or its refusal.
    pub(crate) fn cost_of(&self, ix: BatchIx) -> i64 {
        self.costs[ix.row()]
    }

    /// Puts a batch in; it must not be in.
    pub(crate) fn insert(&mut self, ix: BatchIx, placement: Placement) {
        let (row, batch) = (ix.row(), &self.problem.batches[ix]);
        self.cost += self.load.set_aside(self.problem, batch, row, -1);
        self.cost += self.load.place(self.problem, batch, row, &placement);
        let own = batch.weight * cost::late(batch, &placement)
            + batch.routes[placement.route].cost
            + self.anchor.map_or(0, |anchor| anchor.cost(ix, Some(&placement)));
        self.missing -= usize::from(batch.must_be_in());
        self.ends[row] = cost::end(batch, &placement);
        self.change(ix, Some(placement), own);
    }

    /// Takes a batch out, when it is in.
    pub(crate) fn remove(&mut self, ix: BatchIx) -> Option<Placement> {
        let (row, batch) = (ix.row(), &self.problem.batches[ix]);
        let placement = self.rows[row].clone()?;
        self.cost -= self.load.unplace(self.problem, batch, row, &placement);
        self.cost += self.load.set_aside(self.problem, batch, row, 1);
        self.missing += usize::from(batch.must_be_in());
        self.ends[row] = 0;
        self.change(ix, None, self.refusal_cost(ix));
        Some(placement)
    }

    fn change(&mut self, ix: BatchIx, placement: Option<Placement>, own: i64) {
        let row = ix.row();
        self.moved -= usize::from(self.is_moved(ix));
        self.rows[row] = placement;
        self.moved += usize::from(self.is_moved(ix));
        self.cost += own - self.costs[row];
        self.costs[row] = own;
        if !std::mem::replace(&mut self.changed[row], true) {
            self.changes.push(ix);
        }
    }

    /// What leaving a batch out costs, beside its counting as missing when it must be in.
    pub(crate) fn refusal_cost(&self, ix: BatchIx) -> i64 {
        let anchored = self.anchor.map_or(0, |anchor| anchor.cost(ix, None));
        self.problem.batches[ix].drop_penalty.unwrap_or(0) + anchored
    }

    /// Batches that must be in and are not.
    pub(crate) const fn missing(&self) -> usize {
        self.missing
    }

    /// Where the anchor has a batch.
    pub(crate) fn anchored(&self, ix: BatchIx) -> Option<&'p Placement> {
        self.anchor.and_then(|anchor| anchor.plan.placement(ix))
    }

    /// What a placement costs for being away from the anchor.
    pub(crate) fn anchor_cost(&self, ix: BatchIx, placement: &Placement) -> i64 {
        self.anchor.map_or(0, |anchor| anchor.cost(ix, Some(placement)))
    }

    /// Whether a batch is not where the anchor has it.
    pub(crate) fn is_moved(&self, ix: BatchIx) -> bool {
        self.anchor.is_some_and(|anchor| anchor.is_moved(ix, self.rows[ix.row()].as_ref()))
    }

    /// Whether the anchor limits how many batches may move.
    pub(crate) fn limits_moves(&self) -> bool {
        self.anchor.is_some_and(|anchor| anchor.moved_max.is_some())
    }

    /// Batches that are not where the anchor has them.
    pub(crate) const fn moved(&self) -> usize {
        self.moved
    }

    /// Whether more batches are moved than the anchor allows.
    pub(crate) fn moves_too_many(&self) -> bool {
        self.anchor.and_then(|anchor| anchor.moved_max).is_some_and(|most| self.moved > most)
    }

    /// Whether a batch is placed and may be taken out.
    pub(crate) fn may_move(&self, ix: BatchIx) -> bool {
        !self.is_fixed(ix) && self.rows[ix.row()].is_some()
    }

    /// Whether a batch stays where it is: it is fixed as a whole, or is work that others rely on.
    pub(crate) fn is_fixed(&self, ix: BatchIx) -> bool {
        let batch = &self.problem.batches[ix];
        batch.work || batch.commitment.as_ref().is_some_and(|fixed| fixed.is_complete())
    }

    /// Makes room to place a batch that is out: what is set aside for it is no obstacle to it.
    pub(crate) fn lift(&mut self, ix: BatchIx, up: bool) {
        let sign = if up { -1 } else { 1 };
        self.cost += self.load.set_aside(self.problem, &self.problem.batches[ix], ix.row(), sign);
    }

    /// What the plan is worth as it stands, the anchor's costs included.
    pub(crate) fn worth(&self) -> Worth {
        let makespan = self.ends.iter().copied().max().unwrap_or(0);
        (self.missing, self.problem.cost_scale * self.cost + makespan)
    }

    /// A copy of the plan as it stands.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = Plan::empty(self.problem);
        for (ix, placement) in self.problem.batches.positions().zip(&self.rows) {
            plan.set(ix, placement.clone());
        }
        plan
    }

    /// Brings a copy of the plan up to date that was up to date at the last call.
    pub(crate) fn save_into(&mut self, plan: &mut Plan) {
        for ix in self.changes.drain(..) {
            self.changed[ix.row()] = false;
            plan.set(ix, self.rows[ix.row()].clone());
        }
    }

    /// Goes over to another plan of the same problem.
    pub(crate) fn take_over(&mut self, plan: &Plan) {
        let differs = |ix: &BatchIx| self.rows[ix.row()].as_ref() != plan.placement(*ix);
        let others: Vec<BatchIx> = self.problem.batches.positions().filter(differs).collect();
        for ix in &others {
            self.remove(*ix);
        }
        for ix in others {
            if let Some(placement) = plan.placement(ix) {
                self.insert(ix, placement.clone());
            }
        }
    }
}

/// Where a batch is that is fixed as a whole.
pub(crate) fn whole_commitment(batch: &Batch) -> Option<Placement> {
    let commitment = batch.commitment.as_ref().filter(|commitment| commitment.is_complete())?;
    Some(Placement {
        route: commitment.route,
        starts: commitment.starts.iter().copied().flatten().collect(),
        suites: commitment.suites.iter().copied().flatten().collect(),
        equipment: commitment.equipment.iter().copied().flatten().collect(),
    })
}
