//! Small shops, where all plans can be tried: the search finds the best, and the bound is true.

use proptest::prelude::*;
use scheduler::{Params, Shop, Stop, check_shop, recount_shop, solve_shop};

use crate::draw::{numbers, shop};

/// A plan in the making, operation after operation, each appended to its machine.
#[derive(Clone)]
struct Begun {
    next: Vec<usize>,
    job_end: Vec<i64>,
    machine_end: Vec<i64>,
    machine_last: Vec<Option<usize>>,
}

/// The least makespan of all plans. Every plan without needless waiting comes about by appending
/// its operations in order of their starts.
fn best_of_all(shop: &Shop) -> i64 {
    let jobs: Vec<_> = shop.jobs().collect();
    let begun = Begun {
        next: jobs.iter().map(|job| job.start).collect(),
        job_end: vec![0; jobs.len()],
        machine_end: vec![0; shop.machines()],
        machine_last: vec![None; shop.machines()],
    };
    let mut best = i64::MAX;
    complete(shop, &jobs, &begun, &mut best);
    best
}

fn complete(shop: &Shop, jobs: &[std::ops::Range<usize>], begun: &Begun, best: &mut i64) {
    let so_far = begun.job_end.iter().copied().max().unwrap_or(0);
    if so_far >= *best {
        return;
    }
    if (0..jobs.len()).all(|job| begun.next[job] == jobs[job].end) {
        *best = so_far;
        return;
    }
    for job in 0..jobs.len() {
        let operation = begun.next[job];
        if operation == jobs[job].end {
            continue;
        }
        for mode in shop.modes(operation) {
            let mut with = begun.clone();
            let setup = begun.machine_last[mode.machine].map_or(0, |last| shop.setup(mode.machine, last, operation));
            let start = begun.job_end[job].max(begun.machine_end[mode.machine] + setup);
            with.next[job] += 1;
            with.job_end[job] = start + mode.duration;
            with.machine_end[mode.machine] = start + mode.duration;
            with.machine_last[mode.machine] = Some(operation);
            complete(shop, jobs, &with, best);
        }
    }
}

/// Whether it never helps to put an operation between two others only for the sake of set-ups.
fn detours_are_no_shorter(shop: &Shop) -> bool {
    let count = shop.operations();
    (0..count).all(|between| {
        shop.modes(between).iter().all(|mode| {
            let setup = |earlier, later| shop.setup(mode.machine, earlier, later);
            let others = || (0..count).filter(|other| *other != between);
            others().all(|earlier| {
                others().all(|later| {
                    setup(earlier, later) <= setup(earlier, between) + mode.duration + setup(between, later)
                })
            })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_bound_is_true_and_the_plan_is_legal_and_the_best(numbers in numbers(), seed in any::<u64>()) {
        let (shop, _) = shop(numbers, 3, 2, 3);
        let outcome = solve_shop(&shop, &Params::default(), seed, Stop::after(10_000));
        let best = best_of_all(&shop);
        prop_assert_eq!(check_shop(&shop, &outcome.plan), vec![]);
        prop_assert_eq!(recount_shop(&shop, &outcome.plan), outcome.objective);
        prop_assert!(outcome.lower_bound <= best, "bound {} above {}", outcome.lower_bound, best);
        prop_assert!(outcome.objective >= best);
        if detours_are_no_shorter(&shop) {
            prop_assert_eq!(outcome.objective, best);
        }
    }
}
