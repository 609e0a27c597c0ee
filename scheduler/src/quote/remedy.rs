//! The smallest changes that would make room for a request that was refused, each tried before it
//! is named: with exactly that change there is a place.
//!
//! It looks for changes of one kind of resource, of the request's own dates, and, when none of
//! those is enough, of two resources. It does not move other batches and it orders nothing.

use crate::cost;
use crate::index::{PoolIx, RouteIx, SuiteIx};
use crate::load::Load;
use crate::plan::Placement;
use crate::problem::{Batch, Problem};
use crate::profile::NEVER;
use crate::quote::looks::{Looks, start};
use crate::quote::refusal::{Gap, gaps};
use crate::spec::{PoolKind, Slot, Window};
use crate::timing::{Obstacle, Obstacles};
use crate::view::when;

/// Places looked at per route and obstacle, to find the one that asks for the least.
const LOOKS_MAX: Slot = 8;
/// Remedies named.
const REMEDIES_MAX: usize = 5;
/// Gaps of one pool that are closer than this are one: nobody comes in for an hour twice a day.
const SHIFT_MIN: i64 = 10 * 60;
/// More units than any pool has, and few enough to count with.
const PLENTY: i64 = 10_000;

/// Changes that together would be enough to make room, and the place there would then be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The changes; all are needed.
    pub changes: Vec<Change>,
    /// The request's first start, then.
    pub start: Slot,
    /// The request's last end, then.
    pub end: Slot,
}

/// Something that could be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// More people or equipment of one kind.
    MoreUnits {
        /// Which.
        pool: PoolIx,
        /// How many more, and when.
        gaps: Vec<Gap>,
    },
    /// One of these suites, free in this window, changeover included.
    SuiteFree {
        /// Any of these.
        suites: Vec<SuiteIx>,
        /// When.
        window: Window,
    },
    /// A larger quota of the tenant's own.
    MoreQuota {
        /// How many suites more, and when.
        gaps: Vec<Gap>,
    },
    /// A later latest start of the request.
    StartUntil(Slot),
    /// A later deadline of the request.
    EndUntil(Slot),
}

impl Change {
    /// How much of something this asks for, in unit-slots.
    fn size(&self, batch: &Batch) -> i64 {
        let area = |gaps: &[Gap]| gaps.iter().map(|it| it.units * (it.window.end - it.window.start)).sum();
        match self {
            Self::MoreUnits { gaps, .. } | Self::MoreQuota { gaps } => area(gaps),
            Self::SuiteFree { window, .. } => window.end - window.start,
            Self::StartUntil(until) => until - batch.start_max.unwrap_or(*until),
            Self::EndUntil(until) => until - batch.deadline.unwrap_or(*until),
        }
    }

    fn describe(&self, problem: &Problem) -> String {
        let each = |what: &str, gaps: &[Gap]| {
            let said = |gap: &Gap| format!("{} more {what}, {}", gap.units, when::window(problem, gap.window));
            gaps.iter().map(said).collect::<Vec<_>>().join("; ")
        };
        match self {
            Self::MoreUnits { pool, gaps } => each(problem.pool(*pool).map_or("?", |pool| &pool.id), gaps),
            Self::MoreQuota { gaps } => each("in the tenant's quota of suites", gaps),
            Self::SuiteFree { suites, window } => {
                let id = |ix: &SuiteIx| problem.suite(*ix).map_or("?", |suite| suite.id.as_str());
                let ids = suites.iter().map(id).collect::<Vec<_>>().join(", ");
                format!("one of the suites {ids} free, {}", when::window(problem, *window))
            }
            Self::StartUntil(until) => format!("a start as late as {}", when::moment(problem, *until)),
            Self::EndUntil(until) => format!("a deadline as late as {}", when::moment(problem, *until)),
        }
    }
}

impl Remedy {
    /// One sentence for the planner.
    #[must_use]
    pub fn describe(&self, problem: &Problem) -> String {
        let changes: Vec<_> = self.changes.iter().map(|change| change.describe(problem)).collect();
        let (start, end) = (when::moment(problem, self.start), when::moment(problem, self.end));
        format!("would fit from {start} to {end} with {}", changes.join(" and "))
    }

    fn of(batch: &Batch, placement: &Placement, changes: Vec<Change>) -> Self {
        Self { changes, start: start(placement), end: cost::end(batch, placement) }
    }
}

/// Remedies of all routes, the least first: fewer changes before more, then the smaller ones.
pub(crate) fn remedies(looks: &Looks) -> Vec<Remedy> {
    let mut found = Vec::new();
    let mut trial = looks.load.clone();
    for route in looks.batch.routes.positions() {
        if looks.batch.routes[route].suite_holds.iter().any(|hold| hold.candidates.is_empty()) {
            continue;
        }
        found.extend(other_dates(looks, route));
        let Err(obstacles) = looks.first(route, looks.end_max(), None) else { continue };
        let single: Vec<_> =
            obstacles.keys().filter_map(|obstacle| least(looks, &mut trial, route, *obstacle)).collect();
        if single.is_empty() {
            found.extend(pairs(looks, &mut trial, route, &obstacles));
        }
        found.extend(single);
    }
    let size = |it: &Remedy| it.changes.iter().map(|change| change.size(looks.batch)).sum::<i64>();
    found.sort_by_key(|it| (it.changes.len(), size(it), it.end));
    found.dedup();
    found.truncate(REMEDIES_MAX);
    found
}

/// The request's own dates, wider by what the earliest place beyond them needs.
fn other_dates(looks: &Looks, route: RouteIx) -> Option<Remedy> {
    let batch = Batch { start_max: None, deadline: None, ..looks.batch.clone() };
    let wider = Looks { batch: &batch, ..looks.clone() };
    let placement = wider.first(route, wider.end_max(), None).ok()?;
    let mut changes = Vec::new();
    if looks.batch.start_max.is_some_and(|start_max| start(&placement) > start_max) {
        changes.push(Change::StartUntil(start(&placement)));
    }
    let end = cost::end(&batch, &placement);
    if looks.batch.deadline.is_some_and(|deadline| end > deadline) {
        changes.push(Change::EndUntil(end));
    }
    (!changes.is_empty()).then(|| Remedy::of(&batch, &placement, changes))
}

/// The least of one resource that makes room, over places spread over the request's dates.
fn least(looks: &Looks, trial: &mut Load, route: RouteIx, obstacle: Obstacle) -> Option<Remedy> {
    let all = looks.spread(route, looks.end_max(), LOOKS_MAX, Some(obstacle));
    let asked = all.map(|placement| change(looks, obstacle, &placement));
    let least = asked.min_by_key(|change| change.size(looks.batch))?;
    confirmed(looks, trial, route, vec![(obstacle, least)])
}

/// Two resources at once: the first pair of each two obstacles that makes room.
fn pairs(looks: &Looks, trial: &mut Load, route: RouteIx, obstacles: &Obstacles) -> Vec<Remedy> {
    let kinds: Vec<Obstacle> = obstacles.keys().copied().collect();
    let mut found = Vec::new();
    for (row, one) in kinds.iter().enumerate() {
        for other in kinds.iter().skip(row + 1) {
            // Only one suite hold can be left out of regard, and it is the one not lifted here.
            let (lifted, ignored) = if matches!(one, Obstacle::Suite(_)) { (other, one) } else { (one, other) };
            if !give(trial, looks.batch, *lifted, PLENTY) {
                continue;
            }
            let placement = looks.beside(trial).first(route, looks.end_max(), Some(*ignored));
            give(trial, looks.batch, *lifted, -PLENTY);
            let Ok(placement) = placement else { continue };
            let changes = [*lifted, *ignored].map(|it| (it, change(looks, it, &placement)));
            found.extend(confirmed(looks, trial, route, changes.to_vec()));
        }
    }
    found
}

/// Gives so many units of a pool or of the quota at all times; whether that could be done.
fn give(load: &mut Load, batch: &Batch, obstacle: Obstacle, units: i64) -> bool {
    let always = Window::new(0, NEVER);
    match obstacle {
        Obstacle::Pool(pool) => load.pools[pool].take(always, -units),
        Obstacle::Quota => {
            let Some(quota) = &mut load.quotas[batch.tenant] else { return false };
            quota.take(always, -units);
        }
        Obstacle::Suite(_) => return false,
    }
    true
}

/// What a placement asks of something that was not regarded when it was found.
fn change(looks: &Looks, obstacle: Obstacle, placement: &Placement) -> Change {
    let found = gaps(looks, obstacle, placement);
    match obstacle {
        Obstacle::Pool(pool) => {
            let joins = match looks.problem.pools[pool].kind {
                PoolKind::Labour => SHIFT_MIN / i64::from(looks.problem.slot_minutes.max(1)),
                PoolKind::Equipment { .. } => 0,
            };
            Change::MoreUnits { pool, gaps: joined(found, joins) }
        }
        Obstacle::Suite(row) => {
            let hold = looks.batch.routes[placement.route].suite_holds.get(row);
            let suites = hold.map(|hold| hold.candidates.clone()).unwrap_or_default();
            let window = found.first().map_or(Window::new(0, 0), |gap| gap.window);
            Change::SuiteFree { suites, window }
        }
        Obstacle::Quota => Change::MoreQuota { gaps: joined(found, 0) },
    }
}

/// Gaps that touch, or lie less than `apart` from start to end, as one gap of the larger need.
fn joined(mut gaps: Vec<Gap>, apart: Slot) -> Vec<Gap> {
    gaps.sort_unstable();
    let mut all: Vec<Gap> = Vec::new();
    for gap in gaps {
        match all.last_mut() {
            Some(last) if gap.window.start <= last.window.end || gap.window.end <= last.window.start + apart => {
                last.window.end = last.window.end.max(gap.window.end);
                last.units = last.units.max(gap.units);
            }
            _ => all.push(gap),
        }
    }
    all
}

/// Makes exactly these changes and looks again; none when there is still no place. What was tried
/// on is afterwards as before.
fn confirmed(looks: &Looks, trial: &mut Load, route: RouteIx, changes: Vec<(Obstacle, Change)>) -> Option<Remedy> {
    changes.iter().for_each(|(_, change)| make(trial, looks.batch, change, 1));
    let free =
        |(obstacle, change): &(Obstacle, Change)| matches!(change, Change::SuiteFree { .. }).then_some(*obstacle);
    let ignored = changes.iter().find_map(free);
    let placement = looks.beside(trial).first(route, looks.end_max(), ignored);
    changes.iter().for_each(|(_, change)| make(trial, looks.batch, change, -1));
    let placement = placement.ok()?;
    let mut changes: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
    // With enough of the rest, the suite may be needed at another time than first thought.
    for item in &mut changes {
        if let (Change::SuiteFree { .. }, Some(obstacle)) = (&item, ignored) {
            *item = change(looks, obstacle, &placement);
        }
    }
    Some(Remedy::of(looks.batch, &placement, changes))
}

/// Adds the units that a change names; with `sign` -1 they are taken away again.
fn make(load: &mut Load, batch: &Batch, change: &Change, sign: i64) {
    match change {
        Change::MoreUnits { pool, gaps } => {
            gaps.iter().for_each(|gap| load.pools[*pool].take(gap.window, -sign * gap.units));
        }
        Change::MoreQuota { gaps } => {
            if let Some(quota) = &mut load.quotas[batch.tenant] {
                gaps.iter().for_each(|gap| quota.take(gap.window, -sign * gap.units));
            }
        }
        Change::SuiteFree { .. } | Change::StartUntil(_) | Change::EndUntil(_) => {}
    }
}
