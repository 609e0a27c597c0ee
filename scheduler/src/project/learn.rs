//! From a contradiction to a clause that rules it out: the first statement of the last decision's
//! level through which all reasons pass, and what holds beside it on earlier levels.
#![expect(clippy::indexing_slicing, reason = "positions come from the trail itself")]

use super::bounds::Lit;
use super::engine::Engine;
use super::order::Order;

/// How many reasons are followed to find one statement of a clause superfluous.
const LOOKS_MAX: u32 = 60;

/// Room for the analysis of one conflict, kept from one to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Analysis {
    /// By position of the trail: the bound that is needed from this change, when it is needed.
    needed: Vec<Option<i32>>,
    touched: Vec<u32>,
    reasons: Vec<Lit>,
    /// The clause: what it forces first, then a statement of the level to go back to.
    pub(super) clause: Vec<Lit>,
    /// Where to go back to.
    pub(super) level: u32,
    /// Different levels in the clause.
    pub(super) levels: u32,
}

impl Analysis {
    /// Makes a clause of the engine's conflict. False when the conflict needs no decision above
    /// `root`, so that nothing is possible.
    pub(super) fn learn(&mut self, engine: &mut Engine, order: &mut Order, root: u32) -> bool {
        self.needed.resize(engine.bounds.trail.len().max(self.needed.len()), None);
        self.reasons.clear();
        self.reasons.extend_from_slice(&engine.conflict);
        let origins = self.reasons.iter().filter_map(|lit| engine.bounds.origin(*lit));
        let Some(level) = origins.map(|at| engine.bounds.trail[at as usize].level).max().filter(|level| *level > root)
        else {
            return false;
        };
        let mut open = self.need_all(engine, order, root, level);
        let mut at = engine.bounds.trail.len();
        let first = loop {
            at -= 1;
            let Some(least) = self.needed[at] else { continue };
            let change = engine.bounds.trail[at];
            if change.level < level {
                continue;
            }
            if open == 1 {
                break at;
            }
            open -= 1;
            self.needed[at] = None;
            if let super::bounds::Reason::Clause(clause) = change.reason {
                engine.clauses.bump(clause);
            }
            self.reasons.clear();
            engine.explain(Lit::new(change.side, least), change.reason, &mut self.reasons);
            engine.work += self.reasons.len() as u64;
            open += self.need_all(engine, order, root, level);
        };
        self.write(engine, first, root);
        true
    }

    /// Notes what the statements in `reasons` need; gives how many changes of the level are new.
    fn need_all(&mut self, engine: &Engine, order: &mut Order, root: u32, level: u32) -> usize {
        let mut new = 0;
        for lit in &self.reasons {
            let Some(at) = engine.bounds.origin(*lit) else { continue };
            let change = &engine.bounds.trail[at as usize];
            if change.level <= root {
                continue;
            }
            order.bump(*lit);
            match &mut self.needed[at as usize] {
                Some(least) => *least = (*least).max(lit.least),
                empty => {
                    *empty = Some(lit.least);
                    self.touched.push(at);
                    new += usize::from(change.level == level);
                }
            }
        }
        new
    }

    fn write(&mut self, engine: &mut Engine, first: usize, root: u32) {
        let mut kept: Vec<(u32, Lit)> = Vec::new();
        self.touched.sort_unstable();
        for at in self.touched.clone() {
            let Some(least) = self.needed[at as usize] else { continue };
            let change = engine.bounds.trail[at as usize];
            let lit = Lit::new(change.side, least);
            let mut looks = LOOKS_MAX;
            if at as usize == first || !self.is_implied(engine, lit, at, root, &mut looks) {
                kept.push((change.level, lit));
            }
            engine.work += u64::from(LOOKS_MAX - looks);
        }
        self.touched.drain(..).for_each(|at| self.needed[at as usize] = None);
        // The one that all reasons pass through is the last; of a side the strongest is the last.
        kept.reverse();
        let mut clause: Vec<(u32, Lit)> = Vec::with_capacity(kept.len());
        kept.sort_by_key(|(level, lit)| (std::cmp::Reverse(*level), lit.side, std::cmp::Reverse(lit.least)));
        for (level, lit) in kept {
            if !clause.iter().any(|(_, other)| other.side == lit.side) {
                clause.push((level, lit));
            }
        }
        self.level = clause.get(1).map_or(root, |(level, _)| *level);
        let mut levels: Vec<u32> = clause.iter().map(|(level, _)| *level).collect();
        levels.dedup();
        self.levels = levels.len() as u32;
        self.clause.clear();
        self.clause.extend(clause.iter().map(|(_, lit)| lit.not()));
    }

    /// Whether a needed statement follows from other needed ones that came before it.
    fn is_implied(&self, engine: &Engine, lit: Lit, at: u32, root: u32, looks: &mut u32) -> bool {
        let change = engine.bounds.trail[at as usize];
        if change.reason == super::bounds::Reason::Decision {
            return false;
        }
        let mut reasons = Vec::new();
        engine.explain(lit, change.reason, &mut reasons);
        for reason in reasons {
            let Some(before) = engine.bounds.origin(reason) else { continue };
            if engine.bounds.trail[before as usize].level <= root {
                continue;
            }
            if self.needed[before as usize].is_some_and(|least| least >= reason.least) {
                continue;
            }
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            if !self.is_implied(engine, reason, before, root, looks) {
                return false;
            }
        }
        true
    }
}
