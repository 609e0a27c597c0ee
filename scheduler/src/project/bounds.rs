//! Whole-number variables whose bounds tighten and are taken back, with the reason for each change.
//! It propagates nothing by itself.
//!
//! A variable `v` has two sides: `2v` is its value, `2v + 1` is minus its value. Each side only has
//! a lower bound, so that one rule serves both directions.
#![expect(clippy::indexing_slicing, reason = "sides and positions are made here and never leave their range")]

/// A side of a variable.
pub(super) type Side = u32;

/// No position, no clause, no condition.
pub(super) const NONE: u32 = u32::MAX;

/// The statement that a side is at least so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lit {
    pub(super) side: Side,
    pub(super) least: i32,
}

impl Lit {
    pub(super) fn new(side: Side, least: i32) -> Self {
        Self { side, least }
    }

    /// The opposite statement.
    pub(super) fn not(self) -> Self {
        Self { side: self.side ^ 1, least: 1 - self.least }
    }
}

/// Why a bound was tightened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was decided, or holds from the outset.
    Decision,
    /// By an edge.
    Edge(u32),
    /// By a clause.
    Clause(u32),
    /// By the statements from here on in the store of reasons, so many of them.
    Said(u32, u32),
}

/// One tightening.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) side: Side,
    pub(super) old: i32,
    pub(super) new: i32,
    /// The change of the same side before this one.
    pub(super) before: u32,
    pub(super) level: u32,
    pub(super) reason: Reason,
}

/// The bounds, and how they came about.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    least: Vec<i32>,
    last: Vec<u32>,
    pub(super) trail: Vec<Change>,
    levels: Vec<(u32, u32)>,
    said: Vec<Lit>,
}

impl Bounds {
    pub(super) fn add_variable(&mut self, least: i32, most: i32) -> u32 {
        let variable = (self.least.len() / 2) as u32;
        self.least.extend([least, -most]);
        self.last.extend([NONE; 2]);
        variable
    }

    pub(super) fn variables(&self) -> usize {
        self.least.len() / 2
    }

    pub(super) fn least(&self, side: Side) -> i32 {
        self.least[side as usize]
    }

    pub(super) fn most(&self, side: Side) -> i32 {
        -self.least[(side ^ 1) as usize]
    }

    pub(super) fn is_fixed(&self, variable: u32) -> bool {
        self.least(2 * variable) == self.most(2 * variable)
    }

    pub(super) fn holds(&self, lit: Lit) -> bool {
        self.least(lit.side) >= lit.least
    }

    pub(super) fn fails(&self, lit: Lit) -> bool {
        self.most(lit.side) < lit.least
    }

    pub(super) fn level(&self) -> u32 {
        self.levels.len() as u32
    }

    pub(super) fn open_level(&mut self) {
        self.levels.push((self.trail.len() as u32, self.said.len() as u32));
    }

    /// Stores statements that together force something, to be named as its reason.
    pub(super) fn say(&mut self, lits: &[Lit]) -> Reason {
        let from = self.said.len() as u32;
        self.said.extend_from_slice(lits);
        Reason::Said(from, lits.len() as u32)
    }

    pub(super) fn said(&self, from: u32, count: u32) -> &[Lit] {
        &self.said[from as usize..(from + count) as usize]
    }

    /// Notes that a statement, which neither held nor failed, holds from now on.
    pub(super) fn push(&mut self, lit: Lit, reason: Reason) {
        let side = lit.side as usize;
        let before = self.last[side];
        let old = self.least[side];
        self.last[side] = self.trail.len() as u32;
        self.least[side] = lit.least;
        self.trail.push(Change { side: lit.side, old, new: lit.least, before, level: self.level(), reason });
    }

    /// Takes back the last change if it belongs to a level above the given one.
    pub(super) fn pop_above(&mut self, level: u32) -> Option<Change> {
        let (from, _) = *self.levels.get(level as usize)?;
        if self.trail.len() as u32 > from {
            let change = self.trail.pop()?;
            self.least[change.side as usize] = change.old;
            self.last[change.side as usize] = change.before;
            return Some(change);
        }
        let (_, said) = self.levels[level as usize];
        self.said.truncate(said as usize);
        self.levels.truncate(level as usize);
        None
    }

    /// Forgets how the bounds of level zero came about: they hold for good.
    pub(super) fn settle(&mut self) {
        debug_assert!(self.levels.is_empty());
        for change in self.trail.drain(..) {
            self.last[change.side as usize] = NONE;
        }
        self.said.clear();
    }

    /// The change by which a statement that holds came to hold; none when it always did.
    pub(super) fn origin(&self, lit: Lit) -> Option<u32> {
        let mut at = self.last[lit.side as usize];
        while at != NONE {
            let change = &self.trail[at as usize];
            if change.old < lit.least {
                return Some(at);
            }
            at = change.before;
        }
        None
    }
}
