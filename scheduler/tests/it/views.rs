//! Views of a plan: what is said to hold an activity does hold it, and what a tenant sees or reads
//! tells nothing of others.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, numbers};

const SIZE: Size = Size { horizon: 60, batches: 8, activities: 4 };

fn planned(numbers: Vec<u32>) -> (Problem, Plan) {
    let problem = Problem::new(&Draw::new(numbers).facility(SIZE)).unwrap();
    let plan = build(&problem).plan;
    (problem, plan)
}

/// The plan with one activity at another start.
fn moved(plan: &Plan, ix: BatchIx, activity: usize, start: Slot) -> Plan {
    let mut plan = plan.clone();
    let mut placement = plan.placement(ix).unwrap().clone();
    placement.starts[activity] = start;
    plan.set(ix, Some(placement));
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_to_hold_an_activity_is_what_the_referee_finds_in_its_way(numbers in numbers()) {
        let (problem, plan) = planned(numbers);
        prop_assume!(check(&problem, &plan).is_empty());
        for (ix, placement) in plan.placed() {
            for activity in 0..placement.starts.len() {
                let told = explain(&problem, &plan, ix, activity).unwrap();
                let sooner = check(&problem, &moved(&plan, ix, activity, told.start - 1));
                prop_assert_eq!(told.held_by.is_empty(), sooner.is_empty(), "{:?} {:?}", told, sooner);
                prop_assert!(!told.describe(&problem).is_empty());
                if let Some(free) = told.free_at {
                    prop_assert!(free < told.start);
                    prop_assert_eq!(check(&problem, &moved(&plan, ix, activity, free)), vec![]);
                }
            }
        }
    }

    #[test]
    fn a_tenant_sees_its_own_batches_and_only_busy_stretches_of_the_others(numbers in numbers()) {
        let (problem, plan) = planned(numbers);
        for (tenant, _) in problem.tenants() {
            let picture = gantt(&problem, &plan, GanttView::Tenant(tenant), &GanttWords::JA);
            for (ix, batch) in problem.batches() {
                let drawn = picture.contains(&format!("{} (", batch.id));
                let route = plan.placement(ix).and_then(|at| batch.route(at.route));
                let held = route.is_some_and(|route| !route.suite_holds.is_empty());
                prop_assert_eq!(drawn, held && batch.tenant == tenant, "{}", batch.id);
            }
            let others = problem.tenants().filter(|(ix, _)| *ix != tenant);
            others.for_each(|(_, other)| assert!(!picture.contains(&other.id), "{} in {picture}", other.id));
        }
    }
}

#[test]
fn what_is_written_into_a_picture_cannot_break_it() {
    let mut spec = Draw::new(vec![]).facility(SIZE);
    spec.name = "<&\"".to_owned();
    let problem = Problem::new(&spec).unwrap();
    let picture = gantt(&problem, &Plan::empty(&problem), GanttView::Planner, &GanttWords::EN);
    assert!(picture.contains("<title>&lt;&amp;&quot;</title>") && picture.ends_with("</svg>\n"), "{picture}");
}
