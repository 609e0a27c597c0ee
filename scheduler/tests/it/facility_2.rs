//! The running facility as text: what is written is read back, what is wrong is refused with field
//! and line or with what to do, generated facilities are sound and the same every time.

use proptest::prelude::*;
use scheduler::*;

fn small() -> ProblemSpec {
    generate(FacilitySize::SMALL, 1)
}

fn sentence(error: &dyn std::error::Error) -> String {
    format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
}

#[test]
fn what_is_written_is_read_back() {
    let spec = small();
    let text = write_facility2(&spec).unwrap();
    assert!(text.starts_with(r#"{"schema":"facility-2","name":"generated-"#));
    assert_eq!(read_facility2(&text).unwrap(), spec);
    let problem = Problem::new(&spec).unwrap();
    let plan = build(&problem).plan;
    let written = write_plan(&plan.named(&problem)).unwrap();
    assert_eq!(read_plan(&written).unwrap().resolve(&problem).unwrap(), plan);
}

#[test]
fn fields_that_may_be_left_out_are_left_out_in_the_least_problem() {
    let text = r#"{"schema":"facility-2","name":"least","slot_minutes":5,"horizon":288,"cost_scale":1,
        "tenants":[],"suites":[{"id":"S","places":1}],"pools":[],"changeover":{"families":[],"time":[],"cost":[]},
        "batches":[]}"#;
    let spec = read_facility2(text).unwrap();
    assert_eq!(spec.suites, vec![SuiteSpec { id: "S".to_owned(), ..SuiteSpec::default() }]);
    assert!(Problem::new(&spec).is_ok());
}

#[test]
fn a_text_that_is_not_facility_2_is_refused_with_field_and_line() {
    let text = write_facility2(&small()).unwrap().replace(r#""batches":"#, "\n\"batches\":");
    let refused = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} does not occur");
        sentence(&read_facility2(&changed).unwrap_err())
    };
    for (found, wanted) in [
        (refused("facility-2", "facility-1"), "its schema is \"facility-1\", this reader understands \"facility-2\""),
        (refused("\"horizon\"", "\"horizont\""), "there is no field \"horizont\"; it has"),
        (refused("\"horizon\":", "\"horizon\":\"\",\"x\":"), "there is no field \"x\"; it has"),
        (refused("\"duration\":96", "\"duration\":\"96\""), "at batches[0].routes[0].activities[0].duration"),
        (refused("\"duration\":96", "\"duration\":\"96\""), "expected i64 at line 2"),
        (refused("\"duration\":96", "\"minutes\":96"), "at batches[0].routes[0].activities[0].minutes"),
        (refused("\"places\":4", "\"places\":-4"), "at suites[0].places"),
        (refused("\"id\":\"L1\",", ""), "at airlocks[0]: not as the format facility-2 has it: missing field `id`"),
        (sentence(&read_facility2(&format!("{text} x")).unwrap_err()), "trailing characters at line 2"),
        (sentence(&read_plan("{\"problem\":1}").unwrap_err()), "reading the plan, at problem"),
    ] {
        assert!(found.contains(wanted), "{found}");
    }
}

#[test]
fn what_cannot_be_planned_in_a_running_facility_is_named() {
    let refused = |edit: fn(&mut ProblemSpec)| {
        let mut spec = small();
        edit(&mut spec);
        Problem::new(&spec).map(drop).unwrap_err().to_string()
    };
    fn hold(it: &mut ProblemSpec) -> &mut SuiteHoldSpec {
        &mut it.batches[0].routes[0].suite_holds[0]
    }
    for (text, wanted) in [
        (refused(|it| it.suites[0].airlock = Some("L9".into())), "suite S01: there is no airlock \"L9\""),
        (refused(|it| it.suites[0].grade = Some(Grade::C)), "suite S01: fitness and classes or grade are both given"),
        (
            refused(|it| it.suites[0].fitness[0].after = Some("none".into())),
            "suite S01: there is no work item \"none\"",
        ),
        (
            refused(|it| {
                let other = it.batches.iter().find(|batch| !batch.work).map(|batch| batch.id.clone());
                it.suites[0].fitness[0].before = other;
            }),
            "is not work on suites; name a work item",
        ),
        (refused(|it| it.airlocks[0].capacity = 0), "airlock L1: capacity is 0"),
        (refused(|it| it.airlocks[0].passage = 0), "airlock L1: passage is 0"),
        (refused(|it| it.unions[0].of.push("freezer".into())), "union operator: pool \"freezer\" is equipment"),
        (refused(|it| it.unions[0].of.push("operator".into())), "pool \"operator\" is a union itself"),
        (refused(|it| it.unions.push(it.unions[0].clone())), "the union \"operator\" occurs twice"),
        (refused(|it| it.batches[0].after = vec![it.batches[0].id.clone()]), "waits for itself through others"),
        (refused(|it| hold(it).suites.clear()), "suites of a work item's hold has 0 entries; it needs 1"),
        (refused(|it| hold(it).shared = true), "work and a shared hold are both given"),
        (refused(|it| hold(it).same_suite_as = Some(0)), "suite hold 0 has the suite of hold 0; name an earlier hold"),
        (refused(|it| it.batches[0].routes[0].suite_holds.clear()), "suite_holds of a work item has 0 entries"),
        (
            refused(|it| {
                it.batches[0].booking = Some(BookingSpec { start: 0, earlier: -1, later: 0 });
            }),
            "booking earlier is -1",
        ),
        (
            refused(|it| {
                let batch = it.batches.iter_mut().find(|batch| batch.drop_penalty.is_some());
                batch.into_iter().for_each(|batch| batch.booking = Some(BookingSpec::default()));
            }),
            "booking and drop_penalty are both given",
        ),
        (
            refused(|it| {
                it.pools[0].capacity = Capacity::WeeklySteps { steps: vec![CapacityStep { from: 2016, units: 1 }] };
            }),
            "pool aseptic: from is 2016; it must lie between 0 and 2015",
        ),
    ] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn generated_facilities_are_sound_and_the_same_every_time() {
    for size in [FacilitySize::SMALL, FacilitySize::K] {
        let spec = generate(size, 7);
        assert_eq!(spec, generate(size, 7));
        assert_ne!(spec, generate(size, 8));
        let problem = Problem::new(&spec).unwrap();
        assert_eq!(problem.batches().count(), size.batches);
        assert!(
            problem.batches().any(|(_, batch)| batch.work) && problem.batches().any(|(_, it)| it.booking.is_some())
        );
        let holds = problem.batches().flat_map(|(_, batch)| batch.routes().flat_map(|(_, route)| &route.suite_holds));
        let holds: Vec<&SuiteHold> = holds.collect();
        assert!(holds.iter().all(|hold| !hold.candidates.is_empty()), "a hold that fits no suite");
        assert!(holds.iter().any(|hold| hold.same_suite_as.is_some()));
    }
}

/// Batches of a plan that are in process at once, at most.
fn at_once(problem: &Problem, plan: &Plan) -> i64 {
    let batches = plan.placed().map(|(ix, placement)| (problem.batch(ix).unwrap(), placement));
    let spans = batches.filter(|(batch, _)| !batch.work).map(|(batch, placement)| {
        let (start, end) = placement.span(batch.route(placement.route).unwrap()).unwrap();
        [(start, 1), (end, -1)]
    });
    let mut changes: Vec<(Slot, i64)> = spans.flatten().collect();
    changes.sort_unstable();
    let open = changes.iter().scan(0, |open, (_, change)| {
        *open += change;
        Some(*open)
    });
    open.max().unwrap_or(0)
}

fn planned_without_a_violation(size: FacilitySize, seed: u64) -> (Problem, Draft) {
    let problem = Problem::new(&generate(size, seed)).unwrap();
    let draft = build(&problem);
    assert_eq!(check(&problem, &draft.plan), vec![]);
    assert_eq!(recount(&problem, &draft.plan), draft.objective);
    assert!(draft.plan.placed().filter(|(ix, _)| problem.batch(*ix).unwrap().work).count() == 5);
    (problem, draft)
}

#[test]
fn generated_facilities_are_planned_without_a_violation() {
    for seed in 0..3 {
        planned_without_a_violation(FacilitySize::SMALL, seed);
    }
}

#[test]
#[ignore = "full size; for a release build, where each takes about a second"]
fn the_full_size_is_planned_without_a_violation() {
    for seed in 1..7 {
        let (problem, draft) = planned_without_a_violation(FacilitySize::K, seed);
        let (at_once, left_out) = (at_once(&problem, &draft.plan), draft.left_out.len());
        println!("seed {seed}: {at_once} batches at once, {left_out} left out, {:?}", draft.objective);
        assert!(at_once >= 240);
    }
}

#[test]
fn a_weekly_calendar_in_steps_means_the_same_as_slot_by_slot() {
    let mut steps = small();
    steps.week_phase = 700;
    let mut rows = steps.clone();
    for pool in &mut rows.pools {
        if let Capacity::WeeklySteps { steps } = &pool.capacity {
            let at = |slot| steps.iter().rev().find(|step| step.from <= slot).map_or(0, |step| step.units);
            pool.capacity = Capacity::Weekly { units: (0..2016).map(at).collect() };
        }
    }
    let [steps, rows] = [steps, rows].map(|spec| Problem::new(&spec).unwrap());
    let plan = build(&steps).plan;
    assert_eq!(plan, build(&rows).plan);
    // And a plan that overuses people is told off alike.
    let mut moved = plan.clone();
    for (ix, placement) in plan.placed() {
        let starts = placement.starts.iter().map(|start| start - start % 288 + 30).collect();
        moved.set(ix, Some(Placement { starts, ..placement.clone() }));
    }
    let told = |problem| {
        let found = check(problem, &moved);
        found.into_iter().filter(|it| matches!(it, Violation::Capacity { .. })).collect::<Vec<_>>()
    };
    assert!(!told(&steps).is_empty());
    assert_eq!(told(&steps), told(&rows));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn broken_text_is_refused_or_planned_but_never_a_panic(
        at in 0usize..1_000_000, length in 0usize..12, put in "[-0-9a-z\",:{}\\[\\]]{0,6}",
    ) {
        let text = write_facility2(&generate(FacilitySize { batches: 9, ..FacilitySize::SMALL }, 1)).unwrap();
        let at = at % text.len();
        let end = (at + length).min(text.len());
        let broken = format!("{}{put}{}", &text[..at], &text[end..]);
        match read_facility2(&broken) {
            Ok(spec) => match Problem::new(&spec) {
                Ok(problem) => {
                    let draft = build(&problem);
                    let left_out = |it: &Violation| matches!(it, Violation::ConfirmedRefused { .. });
                    prop_assert!(check(&problem, &draft.plan).iter().all(left_out));
                }
                Err(error) => prop_assert!(error.to_string().contains(": ")),
            },
            Err(error) => prop_assert!(sentence(&error).starts_with("reading the problem")),
        }
    }
}
