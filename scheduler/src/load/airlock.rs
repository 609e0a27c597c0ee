//! The passages through one airlock over time: when a suite behind it can be entered and left.
//!
//! It knows neither suites nor batches. Passages in one direction may coincide up to the airlock's
//! capacity; a passage in the other direction finds no room beside them.

use crate::problem::Airlock;
use crate::profile::Profile;
use crate::spec::{Slot, Window};

/// Which way a passage goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the first slots of a hold.
    In,
    /// In the last slots of a hold.
    Out,
}

/// Why a passage finds no room: it cannot begin before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) until: Slot,
    /// Whether only because of passages of the same batch.
    pub(crate) in_own_way: bool,
}

/// Passages through one airlock.
#[derive(Debug, Clone)]
pub(crate) struct Passages {
    inwards: Profile,
    outwards: Profile,
    capacity: i64,
    length: Slot,
}

impl Passages {
    pub(crate) fn new(airlock: &Airlock, slots: Slot) -> Self {
        Self {
            inwards: Profile::constant(airlock.capacity, slots),
            outwards: Profile::constant(airlock.capacity, slots),
            capacity: i64::from(airlock.capacity),
            length: airlock.passage,
        }
    }

    /// When a hold passes.
    pub(crate) fn passage(&self, held: Window, way: Way) -> Window {
        match way {
            Way::In => Window::new(held.start, held.start + self.length),
            Way::Out => Window::new(held.end - self.length, held.end),
        }
    }

    /// Takes room for one passage of a hold; with `sign` -1 it is given back.
    pub(crate) fn take(&mut self, held: Window, way: Way, sign: i64) {
        let passage = self.passage(held, way);
        match way {
            Way::In => self.inwards.take(passage, sign),
            Way::Out => self.outwards.take(passage, sign),
        }
    }

    /// Why a hold cannot pass, if it cannot, beside all others and the other holds of its batch
    /// behind the same airlock.
    pub(crate) fn busy(&self, held: Window, way: Way, own: &[Window]) -> Option<Busy> {
        let (with, against, back) = match way {
            Way::In => (&self.inwards, &self.outwards, Way::Out),
            Way::Out => (&self.outwards, &self.inwards, Way::In),
        };
        let passage = self.passage(held, way);
        let until = with.blocked_until(passage, 1).max(against.blocked_until(passage, self.capacity));
        if let Some(until) = until {
            return Some(Busy { until, in_own_way: false });
        }
        // The batch's own passages are few: they count as if they all took place at once.
        let mine = |way| own.iter().map(move |held| self.passage(*held, way)).filter(|it| it.overlaps(passage));
        let until = mine(back).map(|it| it.end).max();
        let beside = 1 + mine(way).map(|_| 1).sum::<i64>();
        let until = until.max(with.blocked_until(passage, beside).and(mine(way).map(|it| it.end).max()));
        until.map(|until| Busy { until, in_own_way: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Passages {
        Passages::new(&Airlock { id: "L".to_owned(), capacity: 2, passage: 3 }, 100)
    }

    #[test]
    fn sch_07_a_way_out_waits_for_ways_in_and_for_room() {
        let mut lock = lock();
        lock.take(Window::new(10, 40), Way::In, 1);
        assert_eq!(lock.busy(Window::new(11, 40), Way::In, &[]), None);
        let busy = |until| Some(Busy { until, in_own_way: false });
        assert_eq!(lock.busy(Window::new(0, 12), Way::Out, &[]), busy(13));
        assert_eq!(lock.busy(Window::new(0, 10), Way::Out, &[]), None);
        assert_eq!(lock.busy(Window::new(0, 16), Way::Out, &[]), None);
        lock.take(Window::new(12, 40), Way::In, 1);
        assert_eq!(lock.busy(Window::new(11, 40), Way::In, &[]), busy(13));
        lock.take(Window::new(12, 40), Way::In, -1);
        assert_eq!(lock.busy(Window::new(11, 40), Way::In, &[]), None);
    }

    #[test]
    fn the_passages_of_a_batch_stand_in_each_others_way() {
        let lock = lock();
        let own = |until| Some(Busy { until, in_own_way: true });
        assert_eq!(lock.busy(Window::new(10, 40), Way::In, &[Window::new(0, 11)]), own(11));
        assert_eq!(lock.busy(Window::new(11, 40), Way::In, &[Window::new(0, 11)]), None);
        assert_eq!(lock.busy(Window::new(10, 40), Way::In, &[Window::new(10, 50)]), None);
        let two = [Window::new(10, 50), Window::new(11, 50)];
        assert_eq!(lock.busy(Window::new(10, 40), Way::In, &two), own(14));
    }
}
