//! Clauses: of several statements at least one holds. Kept flat, watched by two statements each.
//! What is done when a clause fails is decided elsewhere.
#![expect(clippy::indexing_slicing, reason = "clause numbers are made here; a clause has at least two statements")]

use super::bounds::{Bounds, Lit, Side};

#[derive(Debug, Clone, Copy)]
struct Head {
    from: u32,
    count: u32,
    /// Levels among its statements when it was learnt; 0 for a clause of the problem.
    levels: u32,
    activity: f32,
}

#[derive(Debug, Clone, Copy)]
struct Watch {
    /// The watched statement fails once the side under which this is filed reaches this.
    fails_at: i32,
    clause: u32,
    /// Another statement of the clause; when it holds there is nothing to do.
    blocker: Lit,
}

/// All clauses of an engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Clauses {
    heads: Vec<Head>,
    lits: Vec<Lit>,
    watches: Vec<Vec<Watch>>,
    learnt: usize,
    bump: f32,
}

/// What a change of a side leads to by clauses.
pub(super) enum Outcome {
    Nothing,
    /// This statement must hold, by this clause.
    Forced(Lit, u32),
    /// This clause fails.
    Broken(u32),
}

impl Clauses {
    pub(super) fn add_variable(&mut self) {
        self.watches.extend([Vec::new(), Vec::new()]);
        self.bump = self.bump.max(1.0);
    }

    pub(super) fn learnt(&self) -> usize {
        self.learnt
    }

    pub(super) fn count(&self) -> usize {
        self.heads.len()
    }

    pub(super) fn of(&self, clause: u32) -> &[Lit] {
        let head = self.heads[clause as usize];
        &self.lits[head.from as usize..(head.from + head.count) as usize]
    }

    /// Adds a clause of at least two statements, the first two of which are watched.
    pub(super) fn add(&mut self, lits: &[Lit], levels: u32) -> u32 {
        let clause = self.heads.len() as u32;
        let head = Head { from: self.lits.len() as u32, count: lits.len() as u32, levels, activity: self.bump };
        self.lits.extend_from_slice(lits);
        self.heads.push(head);
        self.learnt += usize::from(levels > 0);
        self.watch(clause, lits[0], lits[1]);
        self.watch(clause, lits[1], lits[0]);
        clause
    }

    fn watch(&mut self, clause: u32, lit: Lit, blocker: Lit) {
        let against = lit.not();
        self.watches[against.side as usize].push(Watch { fails_at: against.least, clause, blocker });
    }

    /// How many clauses a change of a side has to look at.
    pub(super) fn watching(&self, side: Side) -> usize {
        self.watches[side as usize].len()
    }

    /// Looks at the clauses of a side from `row` on, after its bound went from `old` to `new`.
    /// Gives what follows, and the row to go on from.
    pub(super) fn visit(
        &mut self,
        bounds: &Bounds,
        side: Side,
        old: i32,
        new: i32,
        mut row: usize,
    ) -> (Outcome, usize) {
        while let Some(watch) = self.watches[side as usize].get(row).copied() {
            if watch.fails_at <= old || watch.fails_at > new || bounds.holds(watch.blocker) {
                row += 1;
                continue;
            }
            let head = self.heads[watch.clause as usize];
            let lits = &mut self.lits[head.from as usize..(head.from + head.count) as usize];
            let failing = Lit::new(side, watch.fails_at).not();
            if lits[0] == failing {
                lits.swap(0, 1);
            }
            let first = lits[0];
            if bounds.holds(first) {
                self.watches[side as usize][row].blocker = first;
                row += 1;
                continue;
            }
            let other = (2..lits.len()).find(|at| !bounds.fails(lits[*at]));
            if let Some(at) = other {
                lits.swap(1, at);
                let next = lits[1];
                self.watches[side as usize].swap_remove(row);
                self.watch(watch.clause, next, first);
                continue;
            }
            let outcome =
                if bounds.fails(first) { Outcome::Broken(watch.clause) } else { Outcome::Forced(first, watch.clause) };
            return (outcome, row + 1);
        }
        (Outcome::Nothing, row)
    }

    /// A clause had a part in a conflict.
    pub(super) fn bump(&mut self, clause: u32) {
        let head = &mut self.heads[clause as usize];
        head.activity += self.bump;
        if head.activity > 1e20 {
            self.heads.iter_mut().for_each(|head| head.activity *= 1e-20);
            self.bump *= 1e-20;
        }
    }

    pub(super) fn decay(&mut self) {
        self.bump *= 1.001;
    }

    /// Forgets the learnt clauses of more than so many levels that are less active than the middle
    /// one. No change may have a clause as its reason that will be asked for again.
    pub(super) fn forget_half(&mut self, levels: u32) {
        let mut activities: Vec<f32> =
            self.heads.iter().filter(|head| head.levels > levels).map(|head| head.activity).collect();
        activities.sort_by(f32::total_cmp);
        let Some(middle) = activities.get(activities.len() / 2).copied() else { return };
        self.keep(|_, head| head.levels <= levels || head.activity > middle);
    }

    /// Forgets everything added after the first so many clauses.
    pub(super) fn truncate(&mut self, count: usize) {
        if count < self.heads.len() {
            self.keep(|row, _| row < count);
        }
    }

    fn keep(&mut self, keep: impl Fn(usize, &Head) -> bool) {
        let (heads, lits) = (std::mem::take(&mut self.heads), std::mem::take(&mut self.lits));
        self.watches.iter_mut().for_each(Vec::clear);
        self.learnt = 0;
        for (_, head) in heads.iter().enumerate().filter(|(row, head)| keep(*row, head)) {
            let clause = self.add(&lits[head.from as usize..(head.from + head.count) as usize], head.levels);
            self.heads[clause as usize].activity = head.activity;
        }
    }
}

/// The statements that forced a change by a clause: all others of it fail.
pub(super) fn others_fail(lits: &[Lit], side: Side, out: &mut Vec<Lit>) {
    out.extend(lits.iter().filter(|lit| lit.side != side).map(|lit| lit.not()));
}
