//! Every kind of violation is caught, each alone, from a legal plan with one thing changed; and the
//! referee takes any plan at all without a panic.

use std::collections::BTreeSet;

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, numbers};

fn vessel(id: &str) -> Pool {
    Pool {
        id: id.to_owned(),
        kind: PoolKind::Equipment { turnaround: 3 },
        capacity: Capacity::Constant { units: 1 },
        reductions: vec![],
    }
}

fn suite(id: &str, class: &str) -> SuiteSpec {
    SuiteSpec { id: id.to_owned(), classes: vec![class.to_owned()], grade: Some(Grade::B), ..SuiteSpec::default() }
}

/// Two activities at least 10 and at most 20 slots apart, in one suite and one vessel.
fn batch(id: &str) -> BatchSpec {
    let activity = |min_lag, max_lag| ActivitySpec {
        name: "work".to_owned(),
        duration: 4,
        demands: vec![DemandSpec { pool: "people".to_owned(), units: 1 }],
        min_lag,
        max_lag,
    };
    let suite_hold = SuiteHoldSpec {
        classes: vec!["viral".to_owned()],
        grade_min: Some(Grade::B),
        last: 1,
        ..SuiteHoldSpec::default()
    };
    let pools = vec!["vessel-1".to_owned(), "vessel-2".to_owned()];
    let route = RouteSpec {
        name: "only".to_owned(),
        activities: vec![activity(0, None), activity(10, Some(20))],
        suite_holds: vec![suite_hold],
        equipment_holds: vec![EquipmentHoldSpec { pools, units: 1, first: 0, last: 1 }],
        ..RouteSpec::default()
    };
    BatchSpec {
        id: id.to_owned(),
        tenant: "Asagi".to_owned(),
        family: "Asagi".to_owned(),
        occupancy_class: Some("closed".to_owned()),
        due: 60,
        weight: 1,
        drop_penalty: Some(100),
        routes: vec![route],
        ..BatchSpec::default()
    }
}

/// Two batches after each other in suite `viral-1`, with room to spare.
fn scene() -> (ProblemSpec, NamedPlan) {
    let first =
        BatchSpec { release: 10, start_max: Some(40), deadline: Some(80), drop_penalty: None, ..batch("first") };
    let tenant = |id: &str, suites: &[&str]| TenantSpec {
        id: id.to_owned(),
        qualified_suites: suites.iter().map(|&id| id.to_owned()).collect(),
        max_suites: None,
    };
    let first_suite = SuiteSpec {
        initial_family: Some("Benkei".to_owned()),
        available_from: 2,
        maintenance: vec![Window::new(28, 40)],
        reserved: vec![ReservationSpec { tenant: "Asagi".to_owned(), window: Window::new(0, 99) }],
        ..suite("viral-1", "viral")
    };
    let people = Pool { kind: PoolKind::Labour, capacity: Capacity::Constant { units: 2 }, ..vessel("people") };
    let spec = ProblemSpec {
        name: "scene".to_owned(),
        slot_minutes: 60,
        horizon: 200,
        cost_scale: 1,
        tenants: vec![tenant("Asagi", &["viral-1", "viral-2", "open-1"]), tenant("Benkei", &["viral-3"])],
        suites: vec![first_suite, suite("viral-2", "viral"), suite("open-1", "open"), suite("viral-3", "viral")],
        pools: vec![people, vessel("vessel-1"), vessel("vessel-2"), vessel("other")],
        changeover: ChangeoverSpec {
            families: vec!["Asagi".to_owned(), "Benkei".to_owned()],
            time: vec![vec![4, 10], vec![8, 4]],
            cost: vec![vec![1, 5], vec![5, 1]],
        },
        batches: vec![first, batch("second")],
        ..ProblemSpec::default()
    };
    let placed = |id: &str, starts: [Slot; 2]| NamedPlacement {
        batch: id.to_owned(),
        route: Some("only".to_owned()),
        starts: starts.to_vec(),
        suites: vec!["viral-1".to_owned()],
        equipment: vec!["vessel-1".to_owned()],
    };
    let batches = vec![placed("first", [10, 24]), placed("second", [40, 54])];
    (spec, NamedPlan { problem: "scene".to_owned(), batches })
}

fn kind(violation: &Violation) -> &'static str {
    match violation {
        Violation::BatchCount { .. } => "BatchCount",
        Violation::Shape { .. } => "Shape",
        Violation::ConfirmedRefused { .. } => "ConfirmedRefused",
        Violation::BeforeRelease { .. } => "BeforeRelease",
        Violation::AfterStartMax { .. } => "AfterStartMax",
        Violation::BeyondTolerance { .. } => "BeyondTolerance",
        Violation::WorkNotDone { .. } => "WorkNotDone",
        Violation::BeforeNow { .. } => "BeforeNow",
        Violation::AfterDeadline { .. } => "AfterDeadline",
        Violation::BeyondHorizon { .. } => "BeyondHorizon",
        Violation::LagTooShort { .. } => "LagTooShort",
        Violation::LagTooLong { .. } => "LagTooLong",
        Violation::CommitmentMoved { .. } => "CommitmentMoved",
        Violation::Capacity { .. } => "Capacity",
        Violation::WrongEquipment { .. } => "WrongEquipment",
        Violation::SuiteUnfit { .. } => "SuiteUnfit",
        Violation::SuiteNotFitThen { .. } => "SuiteNotFitThen",
        Violation::NotTheSameSuite { .. } => "NotTheSameSuite",
        Violation::SuiteNotQualified { .. } => "SuiteNotQualified",
        Violation::Maintenance { .. } => "Maintenance",
        Violation::Reserved { .. } => "Reserved",
        Violation::SuiteNotReady { .. } => "SuiteNotReady",
        Violation::SuiteTaken { .. } => "SuiteTaken",
        Violation::ChangeoverTooShort { .. } => "ChangeoverTooShort",
        Violation::Places { .. } => "Places",
        Violation::AirlockFull { .. } => "AirlockFull",
        Violation::AirlockBothWays { .. } => "AirlockBothWays",
        Violation::Quota { .. } => "Quota",
    }
}

/// How many kinds there are: one per arm of [`kind`].
const KINDS: usize = 28;

type Edit = fn(&mut ProblemSpec, &mut NamedPlan);

fn beside(_: &mut ProblemSpec, plan: &mut NamedPlan) {
    plan.batches[1].starts = vec![20, 34];
    plan.batches[1].equipment = vec!["vessel-2".to_owned()];
}

fn shared(spec: &mut ProblemSpec, plan: &mut NamedPlan) {
    beside(spec, plan);
    spec.suites[0].maintenance.clear();
    spec.batches.iter_mut().for_each(|batch| batch.routes[0].suite_holds[0].shared = true);
    spec.co_occupancy.push(CoOccupancySpec {
        id: "closed beside closed".to_owned(),
        classes: ["closed".to_owned(), "closed".to_owned()],
        suites: vec!["viral-1".to_owned()],
    });
}

/// The second batch in another suite behind the same airlock.
fn airlock(spec: &mut ProblemSpec, plan: &mut NamedPlan, capacity: u32, start: Slot) {
    spec.airlocks = vec![AirlockSpec { id: "lock".to_owned(), capacity, passage: 2 }];
    spec.suites[..2].iter_mut().for_each(|suite| suite.airlock = Some("lock".to_owned()));
    plan.batches[1].starts = vec![start, start + 14];
    plan.batches[1].suites = vec!["viral-2".to_owned()];
    plan.batches[1].equipment = vec!["vessel-2".to_owned()];
}

/// The first batch leaves its suite between its two activities.
fn leaves(spec: &mut ProblemSpec, plan: &mut NamedPlan) {
    let hold = &mut spec.batches[0].routes[0].suite_holds[0];
    let back = SuiteHoldSpec { first: 1, same_suite_as: Some(0), ..hold.clone() };
    hold.last = 0;
    spec.batches[0].routes[0].suite_holds.push(back);
    plan.batches[0].suites = vec!["viral-1".to_owned(); 2];
}

/// The first suite is fit for its batches only for a while.
fn for_a_while(spec: &mut ProblemSpec, until: Slot) {
    let suite = &mut spec.suites[0];
    let classes = std::mem::take(&mut suite.classes);
    suite.fitness = vec![FitnessSpec { classes, grade: suite.grade.take(), until: Some(until), ..Default::default() }];
}

const ONE_BY_ONE: [(&str, Edit); KINDS - 1] = [
    ("Shape", |_, plan| plan.batches[0].starts.truncate(1)),
    ("ConfirmedRefused", |_, plan| {
        plan.batches[0] = NamedPlacement { batch: "first".to_owned(), ..Default::default() }
    }),
    ("BeforeRelease", |spec, _| spec.batches[0].release = 11),
    ("AfterStartMax", |spec, _| spec.batches[0].start_max = Some(9)),
    ("BeyondTolerance", |spec, _| {
        spec.batches[0].booking = Some(BookingSpec { start: 13, earlier: 2, later: 5 });
    }),
    ("WorkNotDone", |spec, _| {
        spec.batches[1].work = true;
        spec.batches[1].routes[0].suite_holds[0].suites = vec!["viral-1".to_owned()];
        spec.batches[0].after = vec!["second".to_owned()];
    }),
    ("BeforeNow", |spec, _| spec.now = 11),
    ("AfterDeadline", |spec, _| spec.batches[1].deadline = Some(57)),
    ("BeyondHorizon", |spec, _| spec.horizon = 57),
    ("LagTooShort", |_, plan| plan.batches[0].starts[1] = 23),
    ("LagTooLong", |spec, plan| {
        plan.batches[0].starts[0] = 10;
        plan.batches[0].starts[1] = 35;
        plan.batches[1].starts = vec![60, 74];
        spec.suites[0].maintenance.clear();
    }),
    ("CommitmentMoved", |spec, _| {
        let suites = vec![Some("viral-2".to_owned())];
        let starts = vec![Some(10), None];
        let commitment = CommitmentSpec { route: "only".to_owned(), starts, suites, equipment: vec![None] };
        spec.batches[0].commitment = Some(commitment);
    }),
    ("Capacity", |spec, _| spec.pools[1].kind = PoolKind::Equipment { turnaround: 13 }),
    ("WrongEquipment", |_, plan| plan.batches[0].equipment = vec!["other".to_owned()]),
    ("SuiteUnfit", |_, plan| plan.batches[0].suites = vec!["open-1".to_owned()]),
    ("SuiteNotFitThen", |spec, _| for_a_while(spec, 57)),
    ("NotTheSameSuite", |spec, plan| {
        leaves(spec, plan);
        plan.batches[0].suites[1] = "viral-2".to_owned();
    }),
    ("SuiteNotQualified", |_, plan| plan.batches[0].suites = vec!["viral-3".to_owned()]),
    ("Maintenance", |spec, _| spec.suites[0].maintenance[0].start = 27),
    ("Reserved", |spec, _| spec.suites[0].reserved[0].tenant = "Benkei".to_owned()),
    ("SuiteNotReady", |spec, _| spec.suites[0].available_from = 3),
    ("SuiteTaken", |spec, plan| {
        beside(spec, plan);
        spec.suites[0].maintenance.clear();
    }),
    ("ChangeoverTooShort", |spec, _| spec.changeover.time[0][0] = 13),
    ("Places", shared),
    ("AirlockFull", |spec, plan| airlock(spec, plan, 1, 11)),
    ("AirlockBothWays", |spec, plan| airlock(spec, plan, 2, 27)),
    ("Quota", |spec, plan| {
        beside(spec, plan);
        plan.batches[1].suites = vec!["viral-2".to_owned()];
        spec.tenants[0].max_suites = Some(1);
    }),
];

fn judged(edit: Edit) -> (Problem, Vec<Violation>) {
    let (mut spec, mut named) = scene();
    edit(&mut spec, &mut named);
    let problem = Problem::new(&spec).unwrap();
    let plan = named.resolve(&problem).unwrap();
    let violations = check(&problem, &plan);
    (problem, violations)
}

#[test]
fn the_scene_is_legal_as_it_stands() {
    assert_eq!(judged(|_, _| ()).1, vec![]);
}

#[test]
fn every_kind_of_violation_is_caught_alone() {
    let mut caught = BTreeSet::new();
    for (wanted, edit) in ONE_BY_ONE {
        let (problem, violations) = judged(edit);
        let kinds: BTreeSet<&str> = violations.iter().map(kind).collect();
        assert_eq!(kinds, BTreeSet::from([wanted]), "{violations:?}");
        caught.extend(kinds);
        for violation in &violations {
            let sentence = violation.describe(&problem);
            assert!(sentence.contains(": ") && !sentence.contains('?'), "{sentence}");
        }
    }
    let (spec, _) = scene();
    let problem = Problem::new(&spec).unwrap();
    let (more, _) = problem.with_batch(&BatchSpec { id: "third".to_owned(), ..spec.batches[1].clone() }).unwrap();
    caught.extend(check(&problem, &Plan::empty(&more)).iter().map(kind));
    assert!(caught.contains("BatchCount"));
    assert_eq!(caught.len(), KINDS);
}

#[test]
fn people_are_counted_in_every_slot() {
    let (_, violations) = judged(|spec, _| {
        spec.pools[0].reductions = vec![
            Reduction { window: Window::new(11, 13), units: 2 },
            Reduction { window: Window::new(12, 30), units: 1 },
        ];
    });
    let wanted = violations.iter().filter_map(|violation| match violation {
        Violation::Capacity { window, excess, .. } => Some((window.start, window.end, *excess)),
        _ => None,
    });
    assert_eq!(wanted.collect::<Vec<_>>(), vec![(11, 13, 1)]);
}

#[test]
fn sch_02_batches_share_a_suite_only_under_a_rule_approved_for_their_classes_there() {
    let alone: Edit = |spec, plan| {
        shared(spec, plan);
        spec.suites[0].places = 2;
    };
    assert_eq!(judged(alone).1, vec![]);
    let elsewhere: Edit = |spec, plan| {
        shared(spec, plan);
        spec.suites[0].places = 2;
        spec.co_occupancy[0].suites = vec!["viral-2".to_owned()];
    };
    assert!(matches!(judged(elsewhere).1.as_slice(), [Violation::SuiteTaken { .. }]));
    let other_class: Edit = |spec, plan| {
        shared(spec, plan);
        spec.suites[0].places = 2;
        spec.batches[1].occupancy_class = Some("open".to_owned());
    };
    assert!(matches!(judged(other_class).1.as_slice(), [Violation::SuiteTaken { .. }]));
    let not_cleared: Edit = |spec, plan| {
        shared(spec, plan);
        plan.batches[1].starts = vec![30, 44];
        spec.suites[0].place_clearance = 3;
    };
    assert!(matches!(judged(not_cleared).1.as_slice(), [Violation::Places { .. }]));
}

#[test]
fn a_booking_may_use_all_of_its_tolerance_and_started_work_has_used_it() {
    let agreed: Edit = |spec, _| spec.batches[0].booking = Some(BookingSpec { start: 13, earlier: 3, later: 0 });
    assert_eq!(judged(agreed).1, vec![]);
    let started: Edit = |spec, _| {
        spec.batches[0].booking = Some(BookingSpec { start: 20, earlier: 2, later: 2 });
        let starts = vec![Some(10), None];
        let (suites, equipment) = (vec![None], vec![None]);
        spec.batches[0].commitment = Some(CommitmentSpec { route: "only".to_owned(), starts, suites, equipment });
    };
    assert_eq!(judged(started).1, vec![]);
}

#[test]
fn sch_04_a_suite_is_qualified_throughout_each_hold() {
    let just_long_enough: Edit = |spec, _| for_a_while(spec, 58);
    assert_eq!(judged(just_long_enough).1, vec![]);
    // The first batch stands for a requalification, which makes the suite fit again from its end on.
    let renewed: Edit = |spec, _| {
        spec.batches[0].work = true;
        spec.batches[0].routes[0].suite_holds[0].suites = vec!["viral-1".to_owned()];
        for_a_while(spec, 5);
        let again = FitnessSpec { after: Some("first".to_owned()), until: None, ..spec.suites[0].fitness[0].clone() };
        spec.suites[0].fitness.push(again);
    };
    assert_eq!(judged(renewed).1, vec![]);
    let taken_away: Edit = |spec, _| {
        spec.batches[0].work = true;
        spec.batches[0].routes[0].suite_holds[0].suites = vec!["viral-1".to_owned()];
        for_a_while(spec, 200);
        spec.suites[0].fitness[0].before = Some("first".to_owned());
    };
    assert!(matches!(judged(taken_away).1.as_slice(), [Violation::SuiteNotFitThen { .. }]));
}

#[test]
fn sch_07_an_airlock_serves_both_directions_one_after_the_other() {
    let after_each_other: Edit = |spec, plan| airlock(spec, plan, 1, 28);
    assert_eq!(judged(after_each_other).1, vec![]);
    let side_by_side: Edit = |spec, plan| airlock(spec, plan, 2, 11);
    assert_eq!(judged(side_by_side).1, vec![]);
}

#[test]
fn a_batch_that_leaves_its_suite_makes_room_and_comes_back() {
    let another_between: Edit = |spec, plan| {
        leaves(spec, plan);
        plan.batches[0].starts = vec![10, 33];
        plan.batches[1].starts = vec![18, 32];
        plan.batches[1].equipment = vec!["vessel-2".to_owned()];
        spec.batches[1].routes[0].activities[1].min_lag = 0;
        plan.batches[1].starts[1] = 22;
        spec.suites[0].maintenance.clear();
    };
    assert_eq!(judged(another_between).1, vec![]);
}

#[test]
fn who_has_several_qualifications_is_counted_once() {
    let (_, violations) = judged(|spec, plan| {
        let vector = Pool { id: "vector".to_owned(), ..spec.pools[0].clone() };
        let anyone = Pool { id: "anyone".to_owned(), ..spec.pools[0].clone() };
        spec.pools.extend([vector, anyone]);
        spec.unions = vec![UnionSpec { pool: "anyone".to_owned(), of: vec!["people".to_owned(), "vector".to_owned()] }];
        for batch in &mut spec.batches {
            batch.routes[0].activities[0].demands.push(DemandSpec { pool: "vector".to_owned(), units: 1 });
        }
        plan.batches[1].starts = vec![12, 26];
        plan.batches[1].suites = vec!["viral-2".to_owned()];
        plan.batches[1].equipment = vec!["vessel-2".to_owned()];
    });
    // Two of each qualification would do, but they are two people in all, and four are needed.
    assert!(matches!(
        violations.as_slice(),
        [Violation::Capacity { window: Window { start: 12, end: 14 }, excess: 2, .. }]
    ));
}

#[test]
fn sch_03_every_earlier_batch_must_be_cleared_not_only_the_last() {
    let (_, violations) = judged(|spec, plan| {
        // A short foreign batch between the two must not shorten the clearance after the first.
        spec.changeover.time = vec![vec![60, 0], vec![0, 0]];
        spec.suites[0].maintenance.clear();
        spec.suites[0].reserved.clear();
        spec.tenants[1].qualified_suites.push("viral-1".to_owned());
        let foreign = BatchSpec {
            id: "between".to_owned(),
            tenant: "Benkei".to_owned(),
            family: "Benkei".to_owned(),
            ..spec.batches[1].clone()
        };
        spec.batches.push(foreign);
        plan.batches[1].starts = vec![60, 74];
        let between = NamedPlacement {
            batch: "between".to_owned(),
            starts: vec![35, 49],
            equipment: vec!["vessel-2".to_owned()],
            ..plan.batches[1].clone()
        };
        plan.batches.push(between);
    });
    assert!(matches!(violations.as_slice(), [Violation::ChangeoverTooShort { gap: 32, needed: 60, .. }]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_plan_at_all_is_judged_without_a_panic(
        numbers in numbers(),
        starts in proptest::collection::vec(prop_oneof![-100i64..100, any::<i64>()], 0..4),
        row in 0usize..8,
    ) {
        let size = Size { horizon: 60, batches: 8, activities: 4 };
        let spec = Draw::new(numbers).facility(size);
        let problem = Problem::new(&spec).unwrap();
        let mut plan = build(&problem).plan;
        let broken = plan.placed().nth(row).map(|(ix, placement)| (ix, placement.clone()));
        if let Some((ix, placement)) = broken {
            plan.set(ix, Some(Placement { starts, ..placement }));
            for violation in check(&problem, &plan) {
                prop_assert!(!violation.describe(&problem).is_empty());
            }
            prop_assert!(recount(&problem, &plan).total >= 0);
        }
    }

    #[test]
    fn a_plan_of_another_problem_is_judged_without_a_panic(one in numbers(), other in numbers()) {
        let size = Size { horizon: 60, batches: 8, activities: 4 };
        let one = Problem::new(&Draw::new(one).facility(size)).unwrap();
        let other = Problem::new(&Draw::new(other).facility(Size { batches: 5, ..size })).unwrap();
        let plan = build(&one).plan;
        prop_assert!(!check(&other, &plan).is_empty());
        prop_assert!(recount(&other, &plan).total >= 0);
        prop_assert!(Committed::new(other, plan).is_err());
    }
}
