//! What of a plan is kept while the rest is planned anew: for the activities kept, the order in
//! which they pass each unit of a resource on, and their modes. Whether that leads anywhere is left
//! to the search.
#![expect(clippy::indexing_slicing, reason = "positions of a sound project")]

use fastrand::Rng;

use super::bounds::{Lit, Reason};
use super::model::{Project, ProjectPlan};
use super::search::Search;

/// Which activities to plan anew, about so many of them.
pub(super) fn choose(project: &Project, plan: &ProjectPlan, share: f64, rng: &mut Rng) -> Vec<bool> {
    let count = plan.starts.len();
    let wanted = ((count as f64 * share) as usize).clamp(2, count.max(2));
    match rng.u32(0..10) {
        0..5 => window(project, plan, wanted, rng),
        5..8 => around(project, plan, wanted, rng),
        _ => {
            let mut free = vec![false; count];
            (0..wanted).for_each(|_| free[rng.usize(0..count)] = true);
            free
        }
    }
}

fn end(project: &Project, plan: &ProjectPlan, activity: usize) -> i64 {
    plan.starts[activity] + project.spec().activities[activity].modes[plan.modes[activity]].duration
}

/// Those nearest in time to a point.
fn window(project: &Project, plan: &ProjectPlan, wanted: usize, rng: &mut Rng) -> Vec<bool> {
    let count = plan.starts.len();
    let last = (0..count).map(|row| end(project, plan, row)).max().unwrap_or(0);
    let point = rng.i64(0..=last);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|row| ((plan.starts[*row] - point).max(point - end(project, plan, *row)).max(0), *row));
    let mut free = vec![false; count];
    order.iter().take(wanted).for_each(|row| free[*row] = true);
    free
}

/// One, those joined to it by lags, and those that run beside any of these, and so on.
fn around(project: &Project, plan: &ProjectPlan, wanted: usize, rng: &mut Rng) -> Vec<bool> {
    let count = plan.starts.len();
    let mut free = vec![false; count];
    let mut found = vec![rng.usize(0..count)];
    free[found[0]] = true;
    let mut at = 0;
    while found.len() < wanted {
        let Some(seed) = found.get(at).copied() else { break };
        at += 1;
        let lags = project.spec().lags.iter();
        let joined = lags.filter_map(|lag| match (lag.from == seed, lag.to == seed) {
            (true, _) => Some(lag.to),
            (_, true) => Some(lag.from),
            _ => None,
        });
        let beside = (0..count).filter(|row| {
            plan.starts[*row] <= end(project, plan, seed) && plan.starts[seed] <= end(project, plan, *row)
        });
        let mut next: Vec<usize> = joined.chain(beside).filter(|row| !free[*row]).collect();
        rng.shuffle(&mut next);
        for row in next.into_iter().take(wanted.div_ceil(4).max(2)) {
            if !std::mem::replace(&mut free[row], true) {
                found.push(row);
            }
        }
        if at == found.len() {
            let row = rng.usize(0..count);
            if !std::mem::replace(&mut free[row], true) {
                found.push(row);
            }
        }
    }
    free
}

/// Posts what is kept, above level zero; false when it contradicts what was posted before.
pub(super) fn keep(search: &mut Search, project: &Project, plan: &ProjectPlan, free: &[bool]) -> bool {
    let spec = project.spec();
    let kept: Vec<usize> = (0..free.len()).filter(|row| !free[*row]).collect();
    for row in &kept {
        if let Some(mode) = search.network.works[*row].modes.get(plan.modes[*row]) {
            let lit = Lit::new(2 * mode, 1);
            if !search.engine.set(lit, Reason::Decision) {
                return false;
            }
        }
    }
    let mut order = kept;
    order.sort_by_key(|row| (plan.starts[*row], *row));
    for resource in 0..spec.renewable.len() {
        if !keep_resource(search, project, plan, &order, resource) {
            return false;
        }
    }
    true
}

/// Each unit of a resource passes from one kept activity to the next: an edge for each passing on.
fn keep_resource(search: &mut Search, project: &Project, plan: &ProjectPlan, order: &[usize], resource: usize) -> bool {
    // Who holds units last, and how many; what nobody holds yet needs no edge.
    let mut holders: Vec<(usize, u32)> = Vec::new();
    let mut untouched = project.spec().renewable[resource];
    for row in order {
        let mode = &project.spec().activities[*row].modes[plan.modes[*row]];
        let mut needed = mode.renewable[resource];
        if needed == 0 || mode.duration == 0 {
            continue;
        }
        // The latest to end first: its edge says most, and fewer edges are needed.
        holders.sort_by_key(|(holder, _)| std::cmp::Reverse((end(project, plan, *holder), *holder)));
        for (holder, units) in &mut holders {
            if needed == 0 || end(project, plan, *holder) > plan.starts[*row] {
                continue;
            }
            let taken = needed.min(*units);
            needed -= taken;
            *units -= taken;
            let (from, to) = (2 * search.network.works[*holder].start, 2 * search.network.works[*row].start);
            let length = (end(project, plan, *holder) - plan.starts[*holder]) as i32;
            if !search.engine.post_edge(from, to, length) {
                return false;
            }
        }
        untouched = untouched.saturating_sub(needed);
        holders.retain(|(_, units)| *units > 0);
        holders.push((*row, mode.renewable[resource]));
    }
    let _ = untouched;
    true
}
