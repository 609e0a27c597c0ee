//! Statements in order of how often they took part in recent conflicts: what to decide next.
#![expect(clippy::indexing_slicing, reason = "statement numbers are made here")]

use super::bounds::Lit;

/// A statement "the variable is at least so much", in one form for itself and its opposite.
fn canonical(lit: Lit) -> Lit {
    if lit.side.is_multiple_of(2) { lit } else { lit.not() }
}

/// A heap of statements by activity, the most active on top.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    lits: Vec<Lit>,
    activity: Vec<f64>,
    /// Open addressing: statement number + 1, or 0; a power of two in size.
    slots: Vec<u32>,
    heap: Vec<u32>,
    /// By statement, its row in the heap + 1, or 0.
    place: Vec<u32>,
    /// Taken from the heap, with the level at which that was.
    taken: Vec<(u32, u32)>,
    bump: f64,
}

/// Statements remembered at most; then the less active half is forgotten.
const LITS_MAX: usize = 1 << 17;

impl Order {
    pub(super) fn new() -> Self {
        Self { slots: vec![0; 1 << 10], bump: 1.0, ..Self::default() }
    }

    fn slot(&self, lit: Lit) -> usize {
        let key = (u64::from(lit.side) << 32) | u64::from(lit.least as u32);
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut at = (hash >> 32) as usize & (self.slots.len() - 1);
        while self.slots[at] != 0 && self.lits[self.slots[at] as usize - 1] != lit {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    fn number(&mut self, lit: Lit) -> usize {
        let lit = canonical(lit);
        let at = self.slot(lit);
        if self.slots[at] != 0 {
            return self.slots[at] as usize - 1;
        }
        self.lits.push(lit);
        self.activity.push(0.0);
        self.place.push(0);
        self.slots[at] = self.lits.len() as u32;
        if self.lits.len() * 2 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 2];
            for number in 0..self.lits.len() {
                let at = self.slot(self.lits[number]);
                self.slots[at] = number as u32 + 1;
            }
        }
        self.lits.len() - 1
    }

    /// A statement took part in a conflict.
    pub(super) fn bump(&mut self, lit: Lit) {
        let number = self.number(lit);
        self.activity[number] += self.bump;
        if self.activity[number] > 1e100 {
            self.activity.iter_mut().for_each(|activity| *activity *= 1e-100);
            self.bump *= 1e-100;
        }
        if self.place[number] == 0 {
            self.insert(number as u32);
        } else {
            self.rise(self.place[number] as usize - 1);
        }
    }

    pub(super) fn decay(&mut self) {
        self.bump /= 0.95;
    }

    /// The most active statement that is still open; it is kept aside until [`Order::back_to`].
    pub(super) fn take(&mut self, level: u32, is_open: impl Fn(Lit) -> bool) -> Option<Lit> {
        while let Some(top) = self.heap.first().copied() {
            self.remove_top();
            self.taken.push((level, top));
            if is_open(self.lits[top as usize]) {
                return Some(self.lits[top as usize]);
            }
        }
        None
    }

    /// Statements taken above a level may be open again.
    pub(super) fn back_to(&mut self, level: u32) {
        while let Some((_, number)) = self.taken.pop_if(|(taken, _)| *taken > level) {
            if self.place[number as usize] == 0 {
                self.insert(number);
            }
        }
    }

    /// Forgets the less active half when there are many; only at level zero.
    pub(super) fn thin_out(&mut self) {
        if self.lits.len() <= LITS_MAX {
            return;
        }
        let mut order: Vec<usize> = (0..self.lits.len()).collect();
        order.sort_by(|a, b| self.activity[*b].total_cmp(&self.activity[*a]).then(a.cmp(b)));
        let kept: Vec<(Lit, f64)> =
            order[..LITS_MAX / 2].iter().map(|row| (self.lits[*row], self.activity[*row])).collect();
        let bump = self.bump;
        *self = Self { bump, ..Self::new() };
        for (lit, activity) in kept {
            let number = self.number(lit);
            self.activity[number] = activity;
            self.insert(number as u32);
        }
    }

    fn insert(&mut self, number: u32) {
        self.heap.push(number);
        self.place[number as usize] = self.heap.len() as u32;
        self.rise(self.heap.len() - 1);
    }

    fn before(&self, a: u32, b: u32) -> bool {
        let (left, right) = (self.activity[a as usize], self.activity[b as usize]);
        left > right || (left == right && a < b)
    }

    fn rise(&mut self, mut row: usize) {
        let number = self.heap[row];
        while row > 0 && self.before(number, self.heap[(row - 1) / 2]) {
            let above = self.heap[(row - 1) / 2];
            self.put(row, above);
            row = (row - 1) / 2;
        }
        self.put(row, number);
    }

    fn put(&mut self, row: usize, number: u32) {
        self.heap[row] = number;
        self.place[number as usize] = row as u32 + 1;
    }

    fn remove_top(&mut self) {
        let top = self.heap.swap_remove(0);
        self.place[top as usize] = 0;
        let Some(number) = self.heap.first().copied() else { return };
        let mut row = 0;
        loop {
            let below = [2 * row + 1, 2 * row + 2].into_iter().filter(|row| *row < self.heap.len());
            let next = below.reduce(|a, b| if self.before(self.heap[b], self.heap[a]) { b } else { a });
            let Some(next) = next.filter(|next| self.before(self.heap[*next], number)) else { break };
            let raised = self.heap[next];
            self.put(row, raised);
            row = next;
        }
        self.put(row, number);
    }
}
