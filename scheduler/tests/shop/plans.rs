//! Plans of shops: always legal, always the same for a step budget, and every fault is seen.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use scheduler::{Params, Progress, Shop, ShopMode, ShopPlan, ShopSpec, ShopViolation, Stop, check_shop, solve_shop};

use crate::draw::{Draw, numbers, shop};

/// Whether a plan is legal, told straight from the rules, one pair of operations after the other.
fn legal(shop: &Shop, plan: &ShopPlan) -> bool {
    if plan.lines.len() != shop.machines() || plan.starts.len() != shop.operations() {
        return false;
    }
    let mut planned: Vec<usize> = plan.lines.iter().flatten().copied().collect();
    planned.sort_unstable();
    if planned != (0..shop.operations()).collect::<Vec<_>>()
        || plan.starts.iter().any(|start| !(0..=1_000_000_000_000_000_000).contains(start))
    {
        return false;
    }
    let long = |operation: usize| {
        let machine = plan.lines.iter().position(|line| line.contains(&operation))?;
        Some(shop.modes(operation).iter().find(|mode| mode.machine == machine)?.duration)
    };
    if (0..shop.operations()).any(|operation| long(operation).is_none()) {
        return false;
    }
    let start = |operation: usize| i128::from(plan.starts[operation]);
    let end = |operation: usize| start(operation) + i128::from(long(operation).unwrap());
    let jobs = shop.jobs().all(|job| job.clone().skip(1).all(|operation| end(operation - 1) <= start(operation)));
    let lines = plan.lines.iter().enumerate().all(|(machine, line)| {
        line.windows(2).all(|pair| end(pair[0]) + i128::from(shop.setup(machine, pair[0], pair[1])) <= start(pair[1]))
    });
    jobs && lines
}

fn mutate(plan: &mut ShopPlan, draw: &mut Draw) {
    let machines = plan.lines.len();
    let (from, to) = (draw.below(machines), draw.below(machines));
    let count = plan.lines[from].len();
    let row = draw.below(plan.starts.len());
    match draw.below(8) {
        0 if count > 1 => plan.lines[from].swap(0, count - 1),
        1 if count > 0 => {
            let operation = plan.lines[from].remove(draw.below(count));
            let at = draw.below(plan.lines[to].len() + 1);
            plan.lines[to].insert(at, operation);
        }
        2 => plan.starts[row] = plan.starts[row].saturating_sub(1),
        3 => plan.starts[row] = plan.starts[row].saturating_add(1 + draw.below(9) as i64),
        4 if count > 0 => drop(plan.lines[from].remove(draw.below(count))),
        5 => plan.lines[to].push([row, usize::MAX, plan.starts.len()][draw.below(3)]),
        6 => plan.starts.iter_mut().for_each(|start| *start = start.saturating_add(5)),
        _ => plan.starts[row] = [i64::MAX, i64::MIN, 0][draw.below(3)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_legal_and_mutants_are_judged_by_the_rules(numbers in numbers(), seed in any::<u64>()) {
        let (shop, mut draw) = shop(numbers, 6, 4, 4);
        let plan = solve_shop(&shop, &Params::default(), seed, Stop::after(50)).plan;
        prop_assert!(legal(&shop, &plan));
        for _ in 0..20 {
            let mut mutant = plan.clone();
            for _ in 0..=draw.below(2) {
                mutate(&mut mutant, &mut draw);
            }
            prop_assert_eq!(check_shop(&shop, &mutant).is_empty(), legal(&shop, &mutant), "{:?}", mutant);
        }
    }

    #[test]
    fn a_step_budget_gives_the_same_plan_on_one_thread_and_on_two(numbers in numbers(), seed in any::<u64>()) {
        let (shop, _) = shop(numbers, 8, 5, 4);
        let on = |threads| solve_shop(&shop, &Params { threads, ..Params::default() }, seed, Stop::after(3_001));
        prop_assert_eq!(on(1), on(2));
    }
}

/// Two operations of one job on machines 0 and 1, and a job of one operation on machine 0, with
/// set-up time 2 everywhere.
fn small() -> Shop {
    let on = |machine| vec![ShopMode { machine, duration: 5 }];
    let jobs = vec![vec![on(0), on(1)], vec![on(0)]];
    Shop::new(&ShopSpec { machines: 2, jobs, setups: vec![2; 18] }).unwrap()
}

#[test]
fn every_kind_of_fault_is_named() {
    let shop = small();
    let plan = |lines: &[&[usize]], starts: &[i64]| ShopPlan {
        lines: lines.iter().map(|line| line.to_vec()).collect(),
        starts: starts.to_vec(),
    };
    assert_eq!(check_shop(&shop, &plan(&[&[0, 2], &[1]], &[0, 5, 7])), vec![]);
    let cases = [
        (plan(&[&[0, 2]], &[0, 5, 7]), ShopViolation::Shape { lines: 1, starts: 3, machines: 2, operations: 3 }),
        (plan(&[&[0, 2, 9], &[1]], &[0, 5, 7]), ShopViolation::Unknown { machine: 0, operation: 9 }),
        (plan(&[&[0], &[1]], &[0, 5, 7]), ShopViolation::Times { operation: 2, times: 0 }),
        (plan(&[&[0, 2], &[1, 1]], &[0, 5, 7]), ShopViolation::Times { operation: 1, times: 2 }),
        (plan(&[&[0], &[1, 2]], &[0, 5, 12]), ShopViolation::Unfit { operation: 2, machine: 1 }),
        (plan(&[&[0, 2], &[1]], &[-1, 5, 7]), ShopViolation::Start { operation: 0, start: -1 }),
        (plan(&[&[0, 2], &[1]], &[0, 4, 7]), ShopViolation::JobOrder { operation: 1, start: 4, end: 5 }),
        (
            plan(&[&[0, 2], &[1]], &[0, 5, 6]),
            ShopViolation::MachineOrder { machine: 0, operation: 2, start: 6, ready: 7 },
        ),
    ];
    for (plan, violation) in cases {
        assert!(check_shop(&shop, &plan).contains(&violation), "{violation} in {plan:?}");
    }
}

/// A shop large enough that nobody proves its best plan in a moment.
fn large() -> Shop {
    let mut draw = Draw::new((0..4_000_u32).map(|row| (row.wrapping_mul(2_654_435_761) >> 16) as u16).collect());
    let mut operation = || {
        let machine = draw.below(6);
        let modes =
            [machine, (machine + 1) % 6].map(|machine| ShopMode { machine, duration: 10 + draw.below(90) as i64 });
        modes.to_vec()
    };
    let jobs = (0..12).map(|_| (0..8).map(|_| operation()).collect()).collect();
    Shop::new(&ShopSpec { machines: 6, jobs, setups: vec![] }).unwrap()
}

#[test]
fn a_search_ends_soon_after_it_is_asked_to_and_tells_of_better_plans_only() {
    let shop = large();
    let asked = AtomicU64::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 500;
    let told = Mutex::new(Vec::new());
    let progress = |progress: Progress| told.lock().unwrap().push(progress.objective.unwrap());
    let outcome = solve_shop(&shop, &Params { progress: &progress, ..Params::default() }, 1, Stop::when(&stop));
    assert!(outcome.steps <= 500, "{} steps", outcome.steps);
    let told = told.into_inner().unwrap();
    assert!(told.windows(2).all(|pair| pair[1] < pair[0]), "{told:?}");
    assert_eq!(told.last(), Some(&outcome.objective));
}
