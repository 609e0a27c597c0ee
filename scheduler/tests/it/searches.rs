//! Whatever the facility: a searched plan is legal, no worse than the first plan, the same for the
//! same seed and steps on one thread and on two, and as near to another plan as was asked.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, numbers};

const SIZE: Size = Size { horizon: 60, batches: 8, activities: 4 };
const STEPS: u64 = 400;

fn on(threads: usize) -> Params<'static> {
    Params { threads, ..Params::default() }
}

/// Violations that the search has to answer for.
fn faults(problem: &Problem, outcome: &Outcome) -> Vec<String> {
    let mut found = check(problem, &outcome.plan);
    found.retain(|violation| match violation {
        Violation::ConfirmedRefused { batch } => !outcome.missing.contains(batch),
        _ => true,
    });
    found.iter().map(|violation| violation.describe(problem)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_searched_plan_is_legal_counted_alike_and_no_worse_than_the_first(numbers in numbers(), seed in 0u64..9) {
        let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
        let first = build(&problem);
        let found = solve(&problem, &on(1), seed, Stop::after(STEPS));
        prop_assert_eq!(faults(&problem, &found), Vec::<String>::new());
        prop_assert_eq!(recount(&problem, &found.plan), found.objective);
        prop_assert!(!found.missing.is_empty() || found.lower_bound <= found.objective.total);
        let must = |ix: &&BatchIx| problem.batch(**ix).unwrap().drop_penalty.is_none();
        let missing = first.left_out.iter().filter(must).count();
        prop_assert!((found.missing.len(), found.objective.total) <= (missing, first.objective.total));
    }

    #[test]
    fn sch_12_the_same_seed_and_steps_give_the_same_plan_on_one_thread_and_on_two(
        numbers in numbers(), seed in 0u64..9,
    ) {
        let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
        let [one, two] = [1, 2].map(|threads| solve(&problem, &on(threads), seed, Stop::after(STEPS)));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn sch_10_no_more_batches_move_than_are_allowed(numbers in numbers(), moved_max in 0usize..4) {
        let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
        let before = build(&problem).plan;
        let window = Window::new(0, SIZE.horizon);
        let anchor = Anchor {
            plan: before.clone(), change_cost: 5, move_cost: 1, window, moved_min: 2, moved_max: Some(moved_max),
        };
        let found = improve(&problem, &before, &anchor, &on(1), 1, Stop::after(STEPS));
        prop_assert_eq!(faults(&problem, &found), Vec::<String>::new());
        let moved = problem.batches().filter(|(ix, _)| found.plan.placement(*ix) != before.placement(*ix)).count();
        prop_assert!(moved <= moved_max);
    }

    #[test]
    fn sch_10_nothing_moves_that_is_not_worth_its_move(numbers in numbers(), change_cost in 0i64..60) {
        let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
        let before = build(&problem);
        let window = Window::new(0, SIZE.horizon);
        let anchor = Anchor {
            plan: before.plan.clone(), change_cost, move_cost: 3, window, moved_min: 1, moved_max: None,
        };
        let found = improve(&problem, &before.plan, &anchor, &on(1), 1, Stop::after(STEPS));
        let away: i64 = problem.batches().map(|(ix, _)| anchor.cost(ix, found.plan.placement(ix))).sum();
        let must = |ix: &&BatchIx| problem.batch(**ix).unwrap().drop_penalty.is_none();
        let missing = before.left_out.iter().filter(must).count();
        let worth = found.objective.total + problem.cost_scale() * away;
        prop_assert!((found.missing.len(), worth) <= (missing, before.objective.total));
    }
}

#[test]
fn a_search_that_is_told_to_stop_at_once_still_has_a_whole_plan() {
    let problem = Problem::new(&Draw::new((0..600).map(|it| it * 7919).collect()).facility(SIZE)).unwrap();
    let found = solve(&problem, &on(2), 1, Stop::when(&|| true));
    assert_eq!(found.steps, 0);
    assert_eq!(found.plan, build(&problem).plan);
}
