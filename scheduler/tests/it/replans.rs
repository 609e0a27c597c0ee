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

/// A facility of one suite with bookings: start agreed, slots earlier and later.
fn one_suite(bookings: &[(&str, BookingSpec)]) -> (Problem, Plan) {
    one_suite_at(0, bookings)
}

fn one_suite_at(now: Slot, bookings: &[(&str, BookingSpec)]) -> (Problem, Plan) {
    let route = RouteSpec {
        name: "only".to_owned(),
        activities: vec![ActivitySpec { name: "work".to_owned(), duration: 4, ..ActivitySpec::default() }],
        suite_holds: vec![SuiteHoldSpec::default()],
        ..RouteSpec::default()
    };
    let booked = |(id, booking): &(&str, BookingSpec)| BatchSpec {
        id: (*id).to_owned(),
        tenant: "Asagi".to_owned(),
        family: "all".to_owned(),
        due: booking.start + 4,
        weight: 1,
        booking: Some(*booking),
        autologous: *id == "patient",
        routes: vec![route.clone()],
        ..BatchSpec::default()
    };
    let spec = ProblemSpec {
        name: "one suite".to_owned(),
        slot_minutes: 60,
        horizon: 100,
        now,
        cost_scale: 100,
        tenants: vec![TenantSpec { id: "Asagi".to_owned(), qualified_suites: vec!["S".to_owned()], max_suites: None }],
        suites: vec![SuiteSpec { id: "S".to_owned(), ..SuiteSpec::default() }],
        changeover: ChangeoverSpec { families: vec!["all".to_owned()], time: vec![vec![0]], cost: vec![vec![0]] },
        batches: bookings.iter().map(booked).collect(),
        ..ProblemSpec::default()
    };
    let problem = Problem::new(&spec).unwrap();
    let placed = |(id, booking): &(&str, BookingSpec)| NamedPlacement {
        batch: (*id).to_owned(),
        route: Some("only".to_owned()),
        starts: vec![booking.start],
        suites: vec!["S".to_owned()],
        equipment: vec![],
    };
    let named = NamedPlan { problem: "one suite".to_owned(), batches: bookings.iter().map(placed).collect() };
    let plan = named.resolve(&problem).unwrap();
    (problem, plan)
}

fn agreed(start: Slot, earlier: Slot, later: Slot) -> BookingSpec {
    BookingSpec { start, earlier, later }
}

/// Where batches start in a new plan.
fn starts(new: &Replanned) -> Vec<(String, Slot)> {
    new.plan.placed().map(|(ix, at)| (new.problem.batch(ix).unwrap().id.clone(), at.starts[0])).collect()
}

fn down(now: Slot, start: Slot, end: Slot) -> Disruption {
    Disruption { now, events: vec![Event::SuiteDown { suite: "S".to_owned(), start, end }] }
}

#[test]
fn a_booking_that_must_leave_its_agreement_is_a_proposal_and_a_patient_is_named() {
    let (problem, plan) = one_suite(&[("patient", agreed(10, 0, 2))]);
    let new = |end| {
        let disrupted = Disrupted::new(&problem, &plan, &down(5, 5, end)).unwrap();
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
fn others_make_room_within_their_agreements_before_a_tenant_is_asked_to_leave_its_own() {
    let bookings = [("a", agreed(10, 0, 5)), ("b", agreed(16, 0, 4)), ("c", agreed(40, 0, 4))];
    let (problem, plan) = one_suite(&bookings);
    // The suite is back at 14: a can go on at 15 at the latest, and then b has to follow it.
    let disrupted = Disrupted::new(&problem, &plan, &down(5, 5, 14)).unwrap().least();
    let new = replan(&disrupted, &Params::default(), 1, Stop::after(200));
    assert_eq!((new.proposals.as_slice(), new.missing.as_slice()), (&[][..], &[][..]));
    assert_eq!(starts(&new), [("a".to_owned(), 14), ("b".to_owned(), 18), ("c".to_owned(), 40)]);
    let reasons: Vec<&Reason> = new.moves.iter().map(|it| &it.reason).collect();
    assert_eq!(reasons, [&Reason::Hit, &Reason::MakesRoom { by: vec![new.moves[0].batch] }]);
    assert_eq!(check(&new.problem, &new.plan), vec![]);
}

#[test]
fn nobody_is_put_out_for_the_sake_of_another() {
    // b has no place beside c, and c none beside b: it is b, which is hit, whose tenant is asked.
    let (problem, plan) = one_suite(&[("b", agreed(10, 0, 2)), ("c", agreed(14, 0, 1))]);
    let disrupted = Disrupted::new(&problem, &plan, &down(5, 5, 12)).unwrap().least();
    let new = replan(&disrupted, &Params::default(), 1, Stop::after(200));
    let asked: Vec<&str> = new.proposals.iter().map(|ix| new.problem.batch(*ix).unwrap().id.as_str()).collect();
    assert_eq!((asked, new.missing.as_slice()), (vec!["b"], &[][..]));
    assert_eq!(starts(&new), [("b".to_owned(), 18), ("c".to_owned(), 14)]);
}

#[test]
fn with_as_few_moves_as_can_be_what_could_be_cheaper_elsewhere_stays() {
    let late = BookingSpec { start: 30, earlier: 20, later: 20 };
    let (problem, _) = one_suite(&[("a", late), ("b", agreed(60, 0, 9))]);
    let at = |start| NamedPlacement {
        batch: "a".to_owned(),
        route: Some("only".to_owned()),
        starts: vec![start],
        suites: vec!["S".to_owned()],
        equipment: vec![],
    };
    let placed = vec![at(45), NamedPlacement { batch: "b".to_owned(), ..at(60) }];
    let before = NamedPlan { problem: "one suite".to_owned(), batches: placed }.resolve(&problem).unwrap();
    let disrupted = Disrupted::recorded(problem, before);
    let moved = |disrupted: Disrupted| replan(&disrupted, &Params::default(), 1, Stop::after(200)).moves.len();
    assert_eq!(moved(disrupted.clone().least()), 0);
    assert_eq!(moved(disrupted.free()), 1);
}

#[test]
fn what_the_record_says_has_not_started_may_move_though_it_was_to_start_by_now() {
    let (problem, plan) = one_suite_at(12, &[("a", agreed(10, 0, 30))]);
    let start = |disrupted| starts(&replan(&disrupted, &Params::default(), 1, Stop::after(50)))[0].1;
    assert_eq!(start(Disrupted::changed(problem.clone(), plan.clone(), 12)), 10);
    assert_eq!(start(Disrupted::recorded(problem, plan)), 12);
}

#[test]
fn a_step_that_failed_is_done_again_and_what_follows_it_waits() {
    let step = |name: &str, min_lag, max_lag| ActivitySpec {
        name: name.to_owned(),
        duration: 4,
        min_lag,
        max_lag,
        ..ActivitySpec::default()
    };
    let (problem, _) = one_suite(&[("after", agreed(16, 0, 20))]);
    let failing = BatchSpec {
        id: "failing".to_owned(),
        tenant: "Asagi".to_owned(),
        family: "all".to_owned(),
        due: 12,
        weight: 1,
        routes: vec![RouteSpec {
            name: "both".to_owned(),
            activities: vec![step("seed", 0, None), step("harvest", 2, Some(6))],
            suite_holds: vec![SuiteHoldSpec { first: 0, last: 1, ..SuiteHoldSpec::default() }],
            ..RouteSpec::default()
        }],
        ..BatchSpec::default()
    };
    let rush = Disruption { now: 0, events: vec![Event::Rush { batch: Box::new(failing) }] };
    let (_, before) = one_suite(&[("after", agreed(16, 0, 20))]);
    let first = replan(&Disrupted::new(&problem, &before, &rush).unwrap(), &Params::default(), 1, Stop::after(200));
    assert_eq!(starts(&first), [("after".to_owned(), 16), ("failing".to_owned(), 0)]);
    let failed = |activity, longer_by, now| {
        let event = Event::StepFailed { batch: "failing".to_owned(), activity, longer_by };
        Disrupted::new(&first.problem, &first.plan, &Disruption { now, events: vec![event] })
    };
    // The seed is done again: it ends at 8, and the harvest, 2 later, at 14 at the earliest.
    let again = replan(&failed(0, None, 3).unwrap(), &Params::default(), 1, Stop::after(200));
    assert_eq!(check(&again.problem, &again.plan), vec![]);
    let of = again.moves.iter().find(|it| again.problem.batch(it.batch).unwrap().id == "failing").unwrap();
    assert_eq!((of.to.as_ref().unwrap().starts.as_slice(), &of.reason), (&[0, 10][..], &Reason::Hit));
    assert_eq!(again.moves.len(), 1, "the booking after it still fits");
    // Much longer: the next booking makes way, within its agreement.
    let longer = replan(&failed(0, Some(9), 3).unwrap(), &Params::default(), 1, Stop::after(200));
    assert_eq!(check(&longer.problem, &longer.plan), vec![]);
    assert_eq!(starts(&longer), [("after".to_owned(), 19), ("failing".to_owned(), 0)]);
    assert_eq!((longer.proposals.as_slice(), longer.missing.as_slice()), (&[][..], &[][..]));
    let refused = |activity, longer_by, now| failed(activity, longer_by, now).unwrap_err().to_string();
    assert_eq!(refused(0, None, 9), "event 0: the activity after it has started already");
    assert!(refused(2, None, 3).contains("no such activity") && refused(0, Some(-1), 3).contains("less than nothing"));
}

#[test]
fn an_event_that_names_nothing_is_refused_with_its_number() {
    let (problem, plan, _) = drawn(vec![3; 300]);
    let event = Event::SuiteDown { suite: "nowhere".to_owned(), start: 0, end: 9 };
    let refused = Disrupted::new(&problem, &plan, &Disruption { now: 0, events: vec![event] }).unwrap_err();
    assert_eq!(refused.to_string(), "event 0: there is no suite \"nowhere\"; name one of the problem");
}
