//! A specification that cannot be planned is refused with where, what, and what to do; the reader
//! of the public format names line and field; neither ever panics.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size};

fn spec() -> ProblemSpec {
    let numbers = (0..600u32).map(|row| row * 7 + row / 3).collect();
    let mut spec = Draw::new(numbers).facility(Size { horizon: 60, batches: 3, activities: 3 });
    let route = &mut spec.batches[0].routes[0];
    route.activities[0].demands = vec![DemandSpec { pool: "qc".to_owned(), units: 1 }];
    route.suite_holds = vec![SuiteHoldSpec::default()];
    let pools = vec!["vessel-1".to_owned()];
    route.equipment_holds = vec![EquipmentHoldSpec { pools, units: 1, first: 0, last: 0 }];
    Problem::new(&spec).unwrap();
    spec
}

fn refused(edit: impl Fn(&mut ProblemSpec)) -> String {
    let mut spec = spec();
    edit(&mut spec);
    Problem::new(&spec).map(drop).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_the_facility_is_named() {
    for (text, wanted) in [
        (refused(|it| it.slot_minutes = 11), "problem: a slot of 11 minutes does not divide a week"),
        (refused(|it| it.slot_minutes = 0), "problem: slot_minutes is 0; it must lie between 1 and 10080"),
        (refused(|it| it.horizon = 0), "problem: horizon is 0"),
        (refused(|it| it.now = 61), "problem: now is 61; it must lie between 0 and 60"),
        (refused(|it| it.tenants[1].id = "Asagi".into()), "the tenant \"Asagi\" occurs twice"),
        (refused(|it| it.suites[0].id = String::new()), "suite number 1: it has no id"),
        (refused(|it| it.tenants[0].qualified_suites = vec!["S".into()]), "tenant Asagi: there is no suite \"S\""),
        (refused(|it| it.suites[0].places = 0), "suite suite-0: places is 0"),
        (
            refused(|it| it.suites[0].maintenance = vec![Window::new(5, 5)]),
            "suite suite-0: maintenance runs from 5 to 5",
        ),
        (
            refused(|it| it.pools[0].capacity = Capacity::Weekly { units: vec![1; 7] }),
            "pool aseptic: the week has 7 entries; it needs 14",
        ),
        (
            refused(|it| it.changeover.time[1].pop().map_or((), drop)),
            "changeover from Benkei family: time has 1 entries; it needs 2",
        ),
        (refused(|it| it.changeover.cost[0][0] = -1), "changeover from Asagi family: cost is -1"),
        (
            refused(|it| (it.cost_scale, it.batches[0].drop_penalty) = (10_000_000, Some(1_000_000_000_000))),
            "problem: the costs could reach",
        ),
    ] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_batch_is_named() {
    fn route(it: &mut ProblemSpec) -> &mut RouteSpec {
        &mut it.batches[0].routes[0]
    }
    for (text, wanted) in [
        (refused(|it| it.batches[1].id = "batch-0".into()), "the batch \"batch-0\" occurs twice"),
        (refused(|it| it.batches[0].tenant = "T".into()), "batch batch-0: there is no tenant \"T\""),
        (refused(|it| it.batches[0].family = "F".into()), "batch batch-0: there is no family \"F\""),
        (refused(|it| it.batches[0].weight = -1), "batch batch-0: weight is -1"),
        (refused(|it| it.batches[0].due = i64::MAX), "batch batch-0: due is 9223372036854775807"),
        (refused(|it| it.batches[0].routes.clear()), "batch batch-0: routes has 0 entries"),
        (refused(|it| route(it).activities.clear()), "batch batch-0, route route-0: activities has 0 entries"),
        (refused(|it| route(it).activities[0].duration = 0), "route route-0, activity work: duration is 0"),
        (refused(|it| route(it).activities[0].max_lag = Some(-1)), "activity work: max_lag is -1"),
        (
            refused(|it| route(it).activities[0].demands[0].pool = "vessel-1".into()),
            "pool \"vessel-1\" is equipment; take it as an equipment hold",
        ),
        (
            refused(|it| route(it).equipment_holds[0].pools = vec!["qc".into()]),
            "pool \"qc\" is people; ask for people as demand",
        ),
        (refused(|it| route(it).suite_holds[0].last = 9), "last activity of a hold is 9"),
        (refused(|it| route(it).suite_holds[0].suites = vec!["S".into()]), "there is no suite \"S\""),
        (
            refused(|it| {
                it.batches[0].commitment = Some(CommitmentSpec { route: "route-0".into(), ..Default::default() })
            }),
            "batch batch-0, commitment: starts has 0 entries",
        ),
        (
            refused(|it| it.batches[0].commitment = Some(CommitmentSpec::default())),
            "batch batch-0: there is no route \"\"",
        ),
    ] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn a_request_with_costs_that_cannot_be_added_up_is_refused() {
    let spec = spec();
    let problem = Problem::new(&ProblemSpec { cost_scale: 10_000_000, ..spec.clone() }).unwrap();
    let request =
        BatchSpec { id: "new".to_owned(), weight: 1_000_000_000_000, due: -1_048_576, ..spec.batches[0].clone() };
    let text = Request::new(&problem, &request).map(drop).unwrap_err().to_string();
    assert!(text.contains("the costs could reach"), "{text}");
}

#[test]
fn shifts_add_up_to_a_week_of_slots() {
    let shift = |start_min, end_min, units| WeeklyShift { start_min, end_min, units };
    let Capacity::Weekly { units } =
        Capacity::from_shifts(60, &[shift(6 * 60, 14 * 60, 2), shift(12 * 60 + 30, 20 * 60, 3)])
    else {
        panic!("not a week")
    };
    assert_eq!(units.len(), 168);
    assert_eq!(&units[5..21], &[0, 2, 2, 2, 2, 2, 2, 2, 5, 3, 3, 3, 3, 3, 3, 0]);
}

#[test]
fn a_text_that_is_not_facility_1_is_refused_with_line_or_field() {
    let text = |text: &str| {
        let error = read_facility(text).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    assert!(text("{\n\"schema\": 1}").contains("line 2"));
    assert!(text(r#"{"schema":"facility-9"}"#).contains("its schema is \"facility-9\", this reader understands"));
    assert!(text(r#"{"schema":"facility-1"}"#).contains("missing field `name`"));
    assert!(text(&INSTANCE.replace(r#""id":0,"name""#, r#""id":4,"name""#)).contains("tenant number 1: id is 4"));
    assert!(text(&INSTANCE.replace(r#""dur":2"#, r#""dur":"2""#)).contains("expected i64 at line 7"));
}

#[test]
fn a_solution_of_another_instance_or_with_unknown_numbers_is_refused() {
    let problem = Problem::new(&read_facility(INSTANCE).unwrap()).unwrap();
    let plan = build(&problem).plan;
    let solution = write_solution(&problem, &plan).unwrap();
    assert_eq!(solution, r#"{"instance":"tiny","batches":[{"id":0,"route":0,"ops":[1],"suites":[0]}]}"#);
    assert_eq!(read_solution(&problem, &solution).unwrap(), plan);
    let refused = |from: &str, to: &str| read_solution(&problem, &solution.replace(from, to)).unwrap_err().to_string();
    assert!(refused("tiny", "huge").contains("it is for instance \"huge\", the problem is \"tiny\""));
    assert!(refused(r#""route":0"#, r#""route":3"#).contains("batch 0: route is 3, but the batch has no such route"));
    assert!(
        refused(r#""suites":[0]"#, r#""suites":[-1]"#).contains("batch 0: suite is -1, but there is no such suite")
    );
    assert!(refused(r#""id":0"#, r#""id":1"#).contains("id is 1"));
}

const INSTANCE: &str = r#"{"schema":"facility-1","name":"tiny","slot_minutes":720,"horizon":30,"arrival_span":9,
"objective":{"cost_scale":100},"tenants":[{"id":0,"name":"T0","mix":"x","qualified_suites":[0],"max_suites":1}],
"suites":[{"id":0,"classes":["V"],"maintenance":[],"reserved":[],"initial_family":-1,"available_from":0}],
"pools":[{"id":"QC","kind":"labour","week":[0,1,1,1,1,1,1,1,1,1,1,1,1,1],"reductions":[]}],
"changeover_time":[[1]],"changeover_cost":[[1]],"batches":[{"id":0,"tenant":0,"kind":"x","viral":true,"family":0,
"weight":1,"drop_penalty":9,"release":0,"start_max":null,"due":9,"deadline":null,"routes":[{"name":"r","cost":1,
"ops":[{"name":"o","dur":2,"demand":{"QC":1},"min_lag":0,"max_lag":null}],
"holds":[{"kind":"suite","cls":"V","first":0,"last":0}]}]}]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broken_text_is_refused_or_planned_but_never_a_panic(
        at in 0usize..INSTANCE.len(), length in 0usize..12, put in "[-0-9a-z\",:{}\\[\\]]{0,6}",
    ) {
        let end = (at + length).min(INSTANCE.len());
        let text = format!("{}{put}{}", &INSTANCE[..at], &INSTANCE[end..]);
        if let Ok(spec) = read_facility(&text) && let Ok(problem) = Problem::new(&spec) {
            let draft = build(&problem);
            prop_assert_eq!(check(&problem, &draft.plan), vec![]);
        }
    }
}
