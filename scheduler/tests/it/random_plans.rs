//! Whatever the facility: the first plan is legal, counted alike by builder and referee, the same
//! every time, and keeps what is committed.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, numbers};

const SIZE: Size = Size { horizon: 60, batches: 8, activities: 4 };

/// Violations that the builder has to answer for: a confirmed batch for which it found no room is
/// left out, and said to be.
fn faults(problem: &Problem, draft: &Draft) -> Vec<String> {
    let mut found = check(problem, &draft.plan);
    found.retain(|violation| match violation {
        Violation::ConfirmedRefused { batch } => !draft.left_out.contains(batch),
        _ => true,
    });
    found.iter().map(|violation| violation.describe(problem)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_first_plan_is_legal_and_counted_alike_by_builder_and_referee(numbers in numbers()) {
        let spec = Draw::new(numbers).facility(SIZE);
        let problem = Problem::new(&spec).unwrap();
        let draft = build(&problem);
        prop_assert_eq!(faults(&problem, &draft), Vec::<String>::new());
        prop_assert_eq!(recount(&problem, &draft.plan), draft.objective);
        prop_assert_eq!(&draft.left_out, &draft.plan.refused().collect::<Vec<_>>());
    }

    #[test]
    fn sch_12_the_same_problem_gives_the_same_plan(numbers in numbers()) {
        let spec = Draw::new(numbers).facility(SIZE);
        let again: ProblemSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        let drafts = [spec, again].map(|spec| build(&Problem::new(&spec).unwrap()));
        prop_assert_eq!(&drafts[0], &drafts[1]);
    }

    #[test]
    fn sch_10_started_work_stays_where_it_is_when_the_rest_is_planned_again(
        numbers in numbers(), now in 0i64..50,
    ) {
        let mut spec = Draw::new(numbers).facility(SIZE);
        let problem = Problem::new(&spec).unwrap();
        let before = build(&problem).plan;
        spec.now = now;
        for batch in &mut spec.batches {
            let ix = problem.batch_of_id(&batch.id).unwrap();
            if let Some(placement) = before.placement(ix) && placement.starts[0] < now {
                batch.commitment = placement.commitment(&problem, problem.batch(ix).unwrap(), now);
            }
        }
        let replanned = Problem::new(&spec).unwrap();
        let draft = build(&replanned);
        prop_assert_eq!(faults(&replanned, &draft), Vec::<String>::new());
        for batch in spec.batches.iter().filter(|batch| batch.commitment.is_some()) {
            let ix = replanned.batch_of_id(&batch.id).unwrap();
            // What has started may leave the rest no room; then it is said, never moved.
            prop_assert!(draft.plan.placement(ix).is_some() || draft.left_out.contains(&ix));
        }
    }

    #[test]
    fn confirmed_bookings_stay_exactly_where_they_are(numbers in numbers()) {
        let mut spec = Draw::new(numbers).facility(SIZE);
        let problem = Problem::new(&spec).unwrap();
        let before = build(&problem).plan;
        let kept: Vec<_> = before.placed().filter(|(ix, _)| ix.row() % 2 == 0).collect();
        for (ix, placement) in &kept {
            let batch = problem.batch(*ix).unwrap();
            spec.batches[ix.row()].commitment = placement.commitment(&problem, batch, Slot::MAX);
        }
        let confirmed = Problem::new(&spec).unwrap();
        let draft = build(&confirmed);
        prop_assert_eq!(faults(&confirmed, &draft), Vec::<String>::new());
        for (ix, placement) in kept {
            prop_assert_eq!(draft.plan.placement(ix), Some(placement));
        }
    }

    #[test]
    fn a_stored_plan_is_read_back_as_it_was(numbers in numbers()) {
        let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
        let plan = build(&problem).plan;
        let text = serde_json::to_string(&plan.named(&problem)).unwrap();
        let named: NamedPlan = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(named.resolve(&problem).unwrap(), plan);
    }
}
