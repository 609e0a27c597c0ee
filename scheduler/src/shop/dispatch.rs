//! First plans: operation after operation, each appended where it ends soonest.
//!
//! Drawn with some luck, so that many different first plans can be had. Nothing is improved here.
#![expect(clippy::indexing_slicing, reason = "operations, modes and machines are numbered by the shop itself")]

use fastrand::Rng;

use super::graph::Order;
use super::model::Shop;

/// Ready operations looked at per step, so that shops of very many jobs are planned quickly too.
const LOOKED_AT_MAX: usize = 64;

/// What decides which operation is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one that ends soonest.
    EndsSoonest,
    /// Among those that can start before the soonest end, the one with most work to come.
    MostWork,
    /// Among those that can start before the soonest end, any.
    Any,
}

/// An operation that could be next, on its best machine.
#[derive(Debug, Clone, Copy)]
struct Offer {
    job: usize,
    operation: usize,
    mode: usize,
    start: i64,
    end: i64,
}

struct Line {
    last: Option<usize>,
    end: i64,
}

/// Draws a first plan.
pub(super) fn dispatch(shop: &Shop, rule: Rule, rng: &mut Rng) -> Order {
    let count = shop.operations();
    let work = work_to_come(shop);
    let jobs: Vec<_> = shop.jobs().collect();
    let mut next: Vec<usize> = jobs.iter().map(|job| job.start).collect();
    let mut ready = vec![0_i64; jobs.len()];
    let mut open: Vec<usize> = (0..jobs.len()).collect();
    let mut lines: Vec<Line> = (0..shop.machines()).map(|_| Line { last: None, end: 0 }).collect();
    let mut order = Order { mode: vec![0; count], rank: vec![0; count], makespan: 0 };
    let mut offers = Vec::new();
    for rank in 0..count {
        for look in 0..open.len().min(LOOKED_AT_MAX) {
            let other = rng.usize(look..open.len());
            open.swap(look, other);
        }
        offers.clear();
        let looked_at = open.iter().take(LOOKED_AT_MAX);
        offers.extend(looked_at.map(|job| best_offer(shop, &lines, *job, next[*job], ready[*job])));
        let Some(soonest) = offers.iter().map(|offer| offer.end).min() else { break };
        let in_conflict = |offer: &&Offer| offer.start < soonest || offer.end == soonest;
        let chosen = match rule {
            Rule::EndsSoonest => offers.iter().min_by_key(|offer| offer.end),
            Rule::MostWork => offers.iter().filter(in_conflict).max_by_key(|offer| work[offer.operation]),
            Rule::Any => offers.iter().find(in_conflict),
        };
        let Some(&Offer { job, operation, mode, end, .. }) = chosen else { break };
        let machine = shop.modes(operation)[mode].machine;
        lines[machine] = Line { last: Some(operation), end };
        order.mode[operation] = mode as u32;
        order.rank[operation] = rank as u32;
        order.makespan = order.makespan.max(end);
        ready[job] = end;
        next[job] += 1;
        if next[job] == jobs[job].end {
            open.retain(|other| *other != job);
        }
    }
    order
}

fn best_offer(shop: &Shop, lines: &[Line], job: usize, operation: usize, ready: i64) -> Offer {
    let mut best = Offer { job, operation, mode: 0, start: i64::MAX, end: i64::MAX };
    for (mode, to) in shop.modes(operation).iter().enumerate() {
        let line = &lines[to.machine];
        let setup = line.last.map_or(0, |last| shop.setup(to.machine, last, operation));
        let start = ready.max(line.end + setup);
        let end = start + to.duration;
        if end < best.end {
            best = Offer { mode, start, end, ..best };
        }
    }
    best
}

/// Per operation the least work from its start to the end of its job.
fn work_to_come(shop: &Shop) -> Vec<i64> {
    let mut work = vec![0; shop.operations()];
    for job in shop.jobs() {
        let mut sum = 0;
        for operation in job.rev() {
            sum += shop.modes(operation).iter().map(|mode| mode.duration).min().unwrap_or(0);
            work[operation] = sum;
        }
    }
    work
}
