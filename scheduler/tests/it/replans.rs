//! Planning again: whatever goes wrong, the new plan is legal, what has started stays, no booking is
//! left out, and every difference is accounted for.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, numbers};

const SIZE: Size = Size { horizon: 80, batches: 8, activities: 3 };

/// A facility, its plan, and something that goes wrong in it.
fn drawn(numbers: Vec<u32>) -> (Problem, Plan, Disruption) {
    let mut draw = Draw::new(numbers);
    let now = draw.below(30);
    let (start, length) = (now + draw.below(10), 1 + draw.below(10));
    let which = draw.below(4);
    let rush = draw.batch("rush", SIZE);
    let problem = Problem::new(&draw.facility(SIZE)).unwrap();
    let plan = build(&problem).plan;
    let first = plan.placed().find(|(_, at)| at.starts[0] >= now).map(|(ix, _)| problem.batch(ix).unwrap().id.clone());
    // People who are away while work that has begun needs them are missed by every plan: what is
    // drawn begins when that work is done.
    let running = plan.placed().flat_map(|(ix, at)| {
        let activities = &problem.batch(ix).unwrap().route(at.route).unwrap().activities;
        at.starts.iter().zip(activities).filter(|(start, _)| **start < now).map(|(start, it)| start + it.duration)
    });
    let start = running.chain([start]).max().unwrap_or(start);
    let event = match (which, first) {
        (0, _) => Event::SuiteDown { suite: "suite-0".to_owned(), start, end: start + length },
        (1, _) => Event::FewerUnits { pool: "aseptic".to_owned(), start, end: start + length, units: 1 },
        (2, Some(batch)) => Event::LateRelease { batch, by: length },
        _ => Event::Rush { batch: Box::new(rush) },
    };
    (problem, plan, Disruption { now, events: vec![event] })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_new_plan_is_legal_keeps_what_has_started_and_accounts_for_every_difference(numbers in numbers()) {
        let (problem, plan, disruption) = drawn(numbers);
        prop_assume!(check(&problem, &plan).is_empty());
        let disrupted = Disrupted::new(&problem, &plan, &disruption).unwrap();
        let new = replan(&disrupted, &Params::default(), 1, Stop::after(200));
        let broken = check(&new.problem, &new.plan);
        // What has started may be left without a way to go on; then it is said.
        let out = |it: &Violation| matches!(it, Violation::ConfirmedRefused { batch } if new.missing.contains(batch));
        let stuck = !new.missing.is_empty() || disrupted.problem().batches().any(|(ix, batch)| {
            batch.commitment.is_some() && new.plan.placement(ix).is_none()
        });
        prop_assert!(stuck || broken.iter().all(out), "{broken:?}");
        for (ix, before) in plan.placed() {
            if let Some(after) = new.plan.placement(ix) {
                for (was, is) in before.starts.iter().zip(&after.starts).filter(|(was, _)| **was < disruption.now) {
                    prop_assert_eq!(was, is);
                }
            }
            let told = new.moves.iter().find(|it| it.batch == ix);
            prop_assert_eq!(told.is_some(), new.plan.placement(ix) != Some(before));
        }
        prop_assert_eq!(recount(&new.problem, &new.plan), new.objective);
        let moved = new.moves.iter().filter(|it| it.batch.row() < plan.len()).count();
        prop_assert_eq!(moved, new.stability.moved_batches);
    }

    #[test]
    fn the_same_disruption_gives_the_same_plan_on_one_thread_and_on_two(numbers in numbers()) {
        let (problem, plan, disruption) = drawn(numbers);
        let disrupted = Disrupted::new(&problem, &plan, &disruption).unwrap();
        let on = |threads| replan(&disrupted, &Params { threads, ..Params::default() }, 7, Stop::after(200));
        prop_assert_eq!(on(1).plan, on(2).plan);
    }
}

#[test]
fn a_booking_that_must_leave_its_agreement_is_a_proposal_and_a_patient_is_named() {
    let route = RouteSpec {
        name: "only".to_owned(),
        activities: vec![ActivitySpec { name: "work".to_owned(), duration: 4, ..ActivitySpec::default() }],
        suite_holds: vec![SuiteHoldSpec::default()],
        ..RouteSpec::default()
    };
    let booked = BatchSpec {
        id: "booked".to_owned(),
        tenant: "Asagi".to_owned(),
        family: "all".to_owned(),
        due: 90,
        booking: Some(BookingSpec { start: 10, earlier: 0, later: 2 }),
        autologous: true,
        routes: vec![route],
        ..BatchSpec::default()
    };
    let spec = ProblemSpec {
        name: "one suite".to_owned(),
        slot_minutes: 60,
        horizon: 100,
        cost_scale: 100,
        tenants: vec![TenantSpec { id: "Asagi".to_owned(), qualified_suites: vec!["S".to_owned()], max_suites: None }],
        suites: vec![SuiteSpec { id: "S".to_owned(), ..SuiteSpec::default() }],
        changeover: ChangeoverSpec { families: vec!["all".to_owned()], time: vec![vec![0]], cost: vec![vec![0]] },
        batches: vec![booked],
        ..ProblemSpec::default()
    };
    let problem = Problem::new(&spec).unwrap();
    let plan = build(&problem).plan;
    let down = |end| Disruption { now: 5, events: vec![Event::SuiteDown { suite: "S".to_owned(), start: 5, end }] };
    let new = |end| {
        let disrupted = Disrupted::new(&problem, &plan, &down(end)).unwrap();
        replan(&disrupted, &Params::default(), 1, Stop::after(50))
    };
    let within = new(12);
    assert_eq!((within.proposals.len(), within.moves.len(), within.missing.len()), (0, 1, 0));
    assert_eq!(within.moves[0].reason, Reason::Hit);
    assert_eq!(within.plan.placement(within.moves[0].batch).unwrap().starts, vec![12]);
    let beyond = new(20);
    assert_eq!(beyond.plan.placement(beyond.moves[0].batch).unwrap().starts, vec![20]);
    assert_eq!(beyond.proposals, vec![beyond.moves[0].batch]);
    assert_eq!(beyond.patients, beyond.proposals);
    assert_eq!(check(&beyond.problem, &beyond.plan), vec![]);
}

#[test]
fn an_event_that_names_nothing_is_refused_with_its_number() {
    let (problem, plan, _) = drawn(vec![3; 300]);
    let event = Event::SuiteDown { suite: "nowhere".to_owned(), start: 0, end: 9 };
    let refused = Disrupted::new(&problem, &plan, &Disruption { now: 0, events: vec![event] }).unwrap_err();
    assert_eq!(refused.to_string(), "event 0: there is no suite \"nowhere\"; name one of the problem");
}
