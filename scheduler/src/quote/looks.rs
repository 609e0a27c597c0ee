//! Places for one batch beside everything in use: the earliest, the latest that is still in time,
//! and the cheapest among looks spread over the time it has.
//!
//! It takes the earliest placement from `timing` as given and only asks for it again and again
//! with a later first start. It changes no load and moves nobody.

use crate::cost;
use crate::index::RouteIx;
use crate::load::Load;
use crate::plan::Placement;
use crate::problem::{Batch, Problem};
use crate::quote::StartGrid;
use crate::spec::Slot;
use crate::timing::{Ask, Obstacle, Obstacles, Timer, earliest};

/// Looks per route when the cheapest place is wanted.
const LOOKS_MAX: Slot = 40;

/// One batch and what it is placed beside.
#[derive(Clone)]
pub(crate) struct Looks<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) load: &'a Load,
    pub(crate) batch: &'a Batch,
    pub(crate) owner: usize,
    pub(crate) grid: Option<&'a StartGrid>,
}

impl<'a> Looks<'a> {
    /// The last end that the batch's own dates and the horizon allow.
    pub(crate) fn end_max(&self) -> Slot {
        self.problem.horizon.min(self.batch.deadline.unwrap_or(Slot::MAX))
    }

    /// The same looks beside another load.
    pub(crate) fn beside<'b>(&'b self, load: &'b Load) -> Looks<'b> {
        Looks { load, ..self.clone() }
    }

    /// The earliest placement on a route that ends by `end_max`, without regard to one obstacle;
    /// or what was in the way.
    pub(crate) fn first(
        &self,
        route: RouteIx,
        end_max: Slot,
        ignored: Option<Obstacle>,
    ) -> Result<Placement, Obstacles> {
        let ask = Ask { ignored, ..self.ask(0, end_max) };
        earliest(self.problem, self.load, self.batch, route, ask)
    }

    fn ask(&self, start_min: Slot, end_max: Slot) -> Ask<'_> {
        Ask { start_min, grid: self.grid.map(StartGrid::parts), ..Ask::until(self.owner, end_max) }
    }

    /// The placement that ends first; of several, the cheapest.
    pub(crate) fn earliest(&self, end_max: Slot) -> Option<Placement> {
        let mut timer = Timer::default();
        let found = self.batch.routes.positions().filter_map(|route| self.from(&mut timer, route, 0, end_max));
        found.min_by_key(|placement| (cost::end(self.batch, placement), self.cost(placement)))
    }

    /// The placement that starts last of those that end by `end_max`; of several, the cheapest.
    pub(crate) fn latest(&self, end_max: Slot) -> Option<Placement> {
        let found = self.batch.routes.positions().filter_map(|route| self.latest_on(route, end_max));
        found.min_by_key(|placement| (-start(placement), self.cost(placement)))
    }

    /// A later first start never makes an earlier end, so whether a start bound is still in time
    /// is a question that bisection answers.
    fn latest_on(&self, route: RouteIx, end_max: Slot) -> Option<Placement> {
        let mut timer = Timer::default();
        let mut best = self.from(&mut timer, route, 0, end_max)?;
        let mut too_late = end_max - self.batch.routes[route].length_min() + 1;
        while start(&best) + 1 < too_late {
            let middle = i64::midpoint(start(&best), too_late);
            match self.from(&mut timer, route, middle, end_max) {
                Some(later) => best = later,
                None => too_late = middle,
            }
        }
        Some(best)
    }

    fn from(&self, timer: &mut Timer, route: RouteIx, start_min: Slot, end_max: Slot) -> Option<Placement> {
        timer.earliest(self.problem, self.load, self.batch, route, self.ask(start_min, end_max))
    }

    /// The cheapest of up to 40 placements per route, spread over the time there is.
    pub(crate) fn cheapest(&self, end_max: Slot) -> Option<Placement> {
        let mut best: Option<((i64, Slot), Placement)> = None;
        let route_cost = |placement: &Placement| self.batch.routes[placement.route].cost;
        for route in self.batch.routes.positions() {
            for placement in self.spread(route, end_max, LOOKS_MAX, None) {
                let rank = (self.cost(&placement), cost::end(self.batch, &placement));
                let own = self.batch.weight * cost::late(self.batch, &placement) + route_cost(&placement);
                if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                    best = Some((rank, placement));
                }
                // Later places are no less late.
                if best.as_ref().is_some_and(|((least, _), _)| own > *least) {
                    break;
                }
            }
        }
        best.map(|(_, placement)| placement)
    }

    /// Up to `count` placements on a route with first starts spread over the time there is.
    pub(crate) fn spread(
        &self,
        route: RouteIx,
        end_max: Slot,
        count: Slot,
        ignored: Option<Obstacle>,
    ) -> impl Iterator<Item = Placement> {
        let mut timer = Timer::default();
        let mut from = self.batch.release.max(self.problem.now);
        let last = (end_max - self.batch.routes[route].length_min()).min(self.batch.start_max.unwrap_or(Slot::MAX));
        let stride = ((last - from) / count.max(1)).max(1);
        std::iter::from_fn(move || {
            if from > last {
                return None;
            }
            let ask = Ask { ignored, ..self.ask(from, end_max) };
            let placement = timer.earliest(self.problem, self.load, self.batch, route, ask)?;
            from = (start(&placement) + 1).max(from + stride);
            Some(placement)
        })
    }

    /// What a placement adds to the cost of the plan, as this problem counts it.
    pub(crate) fn cost(&self, placement: &Placement) -> i64 {
        cost::of_placement(self.problem, self.load, self.batch, self.owner, placement)
    }
}

/// First start of a placement.
pub(crate) fn start(placement: &Placement) -> Slot {
    placement.starts.first().copied().unwrap_or(0)
}
