//! Whatever the running facility (work on suites, fitness over time, airlocks, bookings, batches
//! that leave their suite and come back, people with several qualifications): plans are legal,
//! counted alike by planner and referee, the same every time, and keep what is fixed.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, TENANTS, numbers};

const SIZE: Size = Size { horizon: 80, batches: 8, activities: 4 };

/// A drawn facility to which everything is added that only a running one has.
fn running(numbers: Vec<u32>) -> ProblemSpec {
    let mut draw = Draw::new(numbers);
    let mut spec = draw.facility(SIZE);
    for tenant in &mut spec.tenants {
        tenant.max_suites = tenant.max_suites.map(|most| most + 1);
    }
    spec.airlocks = (0..1 + draw.below(2))
        .map(|row| AirlockSpec { id: format!("lock-{row}"), capacity: 1 + draw.units(2), passage: 1 })
        .collect();
    let mut works = Vec::new();
    for suite in &mut spec.suites {
        let lock = draw.below(3).min(spec.airlocks.len() as i64 - 1) as usize;
        suite.airlock = (!draw.once_in(3)).then(|| spec.airlocks[lock].id.clone());
        changes(&mut draw, suite, &mut works);
    }
    let anyone = Pool { id: "anyone".to_owned(), capacity: Capacity::Constant { units: 3 }, ..spec.pools[1].clone() };
    spec.pools.push(anyone);
    if draw.once_in(2) {
        let of = vec!["aseptic".to_owned(), "qc".to_owned()];
        spec.unions.push(UnionSpec { pool: "anyone".to_owned(), of });
    }
    for batch in &mut spec.batches {
        if batch.drop_penalty.is_none() {
            let start = batch.release + draw.below(8);
            batch.booking = Some(BookingSpec { start, earlier: draw.below(4), later: draw.below(12) });
        }
        if draw.once_in(4) {
            batch.after.extend(works.first().map(|work| work.id.clone()));
        }
        batch.routes.iter_mut().for_each(|route| comes_back(&mut draw, route));
    }
    spec.batches.extend(works);
    spec
}

/// Mostly something changes: what the suite is fit for, and the work that changes it.
fn changes(draw: &mut Draw, suite: &mut SuiteSpec, works: &mut Vec<BatchSpec>) {
    let ids = [format!("{} first", suite.id), format!("{} second", suite.id)];
    let now = FitnessSpec { classes: suite.classes.clone(), grade: suite.grade, ..FitnessSpec::default() };
    let all = ["open", "viral"].map(str::to_owned).to_vec();
    let then = FitnessSpec { classes: all, after: Some(ids[0].clone()), ..now.clone() };
    suite.fitness = match draw.below(5) {
        0 => return,
        1 => vec![FitnessSpec { until: Some(10 + draw.below(40)), ..now }],
        2 => vec![FitnessSpec { until: Some(10 + draw.below(30)), ..now }, then],
        3 => vec![FitnessSpec { before: Some(ids[0].clone()), ..now }, then],
        _ => vec![FitnessSpec { after: Some(ids[1].clone()), ..now }],
    };
    suite.classes.clear();
    suite.grade = None;
    let tenant = TENANTS[draw.below(2) as usize].to_owned();
    let release = draw.below(30);
    for (row, id) in ids.iter().enumerate().take(1 + draw.below(2) as usize) {
        let duration = 1 + draw.below(3);
        let activity = ActivitySpec { name: "work".to_owned(), duration, min_lag: 2, ..ActivitySpec::default() };
        let hold = SuiteHoldSpec { suites: vec![suite.id.clone()], last: 1, ..SuiteHoldSpec::default() };
        works.push(BatchSpec {
            id: id.clone(),
            tenant: tenant.clone(),
            family: format!("{tenant} family"),
            release,
            due: release + 20,
            weight: 1,
            drop_penalty: draw.once_in(3).then_some(60),
            work: true,
            after: ids.iter().take(row).cloned().collect(),
            routes: vec![RouteSpec {
                name: "only".to_owned(),
                activities: vec![activity; 2],
                suite_holds: vec![hold],
                ..RouteSpec::default()
            }],
            ..BatchSpec::default()
        });
    }
    // What is waited for must exist.
    let missing = |id: &Option<String>| id.as_ref().is_some_and(|id| !works.iter().any(|work| work.id == *id));
    suite.fitness.iter_mut().filter(|it| missing(&it.after)).for_each(|it| it.after = Some(ids[0].clone()));
}

fn comes_back(draw: &mut Draw, route: &mut RouteSpec) {
    let holds = &mut route.suite_holds;
    holds.sort_by_key(|hold| (hold.last, hold.first));
    for row in 1..holds.len() {
        if holds[row - 1].last < holds[row].first && !draw.once_in(3) {
            holds[row].same_suite_as = Some(row - 1);
        }
    }
}

/// Violations that a plan has to answer for: what must be placed and is said to be left out is not
/// one of them, nor what rests on work that is left out.
fn faults(problem: &Problem, plan: &Plan, left_out: &[BatchIx]) -> Vec<String> {
    let mut found = check(problem, plan);
    found.retain(|violation| match violation {
        Violation::ConfirmedRefused { batch } => !left_out.contains(batch),
        _ => true,
    });
    found.iter().map(|violation| violation.describe(problem)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn a_first_plan_is_legal_and_counted_alike(numbers in numbers()) {
        let problem = Problem::new(&running(numbers)).unwrap();
        let draft = build(&problem);
        prop_assert_eq!(faults(&problem, &draft.plan, &draft.left_out), Vec::<String>::new());
        prop_assert_eq!(recount(&problem, &draft.plan), draft.objective);
        prop_assert_eq!(&draft.left_out, &draft.plan.refused().collect::<Vec<_>>());
    }

    #[test]
    fn a_searched_plan_is_legal_and_the_same_on_one_thread_and_on_two(numbers in numbers(), seed in 0u64..9) {
        let problem = Problem::new(&running(numbers)).unwrap();
        let [one, two] = [1, 2].map(|threads| {
            solve(&problem, &Params { threads, ..Params::default() }, seed, Stop::after(200))
        });
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(faults(&problem, &one.plan, &one.missing), Vec::<String>::new());
        prop_assert_eq!(recount(&problem, &one.plan), one.objective);
        prop_assert!(!one.missing.is_empty() || one.lower_bound <= one.objective.total);
    }

    #[test]
    fn sch_10_started_work_stays_when_the_rest_is_planned_again(numbers in numbers(), now in 0i64..60) {
        let mut spec = running(numbers);
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
        prop_assert_eq!(faults(&replanned, &draft.plan, &draft.left_out), Vec::<String>::new());
    }

    #[test]
    fn what_is_frozen_stays_and_work_keeps_out_of_its_way(numbers in numbers(), every in 1usize..4) {
        let mut spec = running(numbers);
        let problem = Problem::new(&spec).unwrap();
        let before = build(&problem).plan;
        let kept: Vec<_> = before.placed().filter(|(ix, _)| ix.row() % every == 0).collect();
        for (ix, placement) in &kept {
            let batch = problem.batch(*ix).unwrap();
            spec.batches[ix.row()].commitment = placement.commitment(&problem, batch, Slot::MAX);
        }
        let frozen = Problem::new(&spec).unwrap();
        let draft = build(&frozen);
        for (ix, placement) in &kept {
            prop_assert_eq!(draft.plan.placement(*ix), Some(*placement));
        }
        // Frozen batches may rest on work that now finds no room; it is then said to be left out.
        let no_work_left_out = !draft.left_out.iter().any(|ix| frozen.batch(*ix).unwrap().work);
        if no_work_left_out {
            prop_assert_eq!(faults(&frozen, &draft.plan, &draft.left_out), Vec::<String>::new());
        }
    }

    #[test]
    fn an_offer_fits_without_moving_anything(numbers in numbers()) {
        let mut spec = running(numbers);
        let asked = spec.batches.remove(0);
        let problem = Problem::new(&spec).unwrap();
        let committed = Committed::new(problem.clone(), build(&problem).plan).unwrap();
        let request = Request::new(&problem, &asked).unwrap();
        let before = check(&problem, committed.plan());
        if let Answer::Offers(offers) = quote(&committed, &request) {
            let (more, ix) = problem.with_batch(&asked).unwrap();
            let mut plan = committed.plan().clone();
            plan.set(ix, Some(offers.earliest.placement));
            prop_assert_eq!(check(&more, &plan), before);
        }
    }

    #[test]
    fn a_plan_that_is_disturbed_is_told_off(numbers in numbers(), row in 0usize..8, by in 1i64..40) {
        let problem = Problem::new(&running(numbers)).unwrap();
        let draft = build(&problem);
        let mut plan = draft.plan.clone();
        let moved = plan.placed().nth(row).map(|(ix, placement)| (ix, placement.clone()));
        if let Some((ix, placement)) = moved {
            let mut starts = placement.starts.clone();
            // One activity is moved before the release, now, or the agreed time of its batch.
            starts[0] = problem.batch(ix).unwrap().release.min(problem.now()) - by;
            plan.set(ix, Some(Placement { starts, ..placement }));
            prop_assert!(check(&problem, &plan).len() > check(&problem, &draft.plan).len());
            check(&problem, &plan).iter().for_each(|it| assert!(it.describe(&problem).contains(": ")));
        }
    }
}

#[test]
fn a_refit_waits_for_frozen_batches_that_need_the_suite_as_it_is() {
    let activity = ActivitySpec { name: "work".to_owned(), duration: 4, min_lag: 2, ..ActivitySpec::default() };
    let route = |suites: &[&str], classes: &[&str]| RouteSpec {
        name: "only".to_owned(),
        activities: vec![activity.clone(); 2],
        suite_holds: vec![SuiteHoldSpec {
            suites: suites.iter().map(|&id| id.to_owned()).collect(),
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            last: 1,
            ..SuiteHoldSpec::default()
        }],
        ..RouteSpec::default()
    };
    let batch = |id: &str, route| BatchSpec {
        id: id.to_owned(),
        tenant: "T".to_owned(),
        family: "F".to_owned(),
        due: 60,
        routes: vec![route],
        ..BatchSpec::default()
    };
    let frozen = CommitmentSpec {
        route: "only".to_owned(),
        starts: vec![Some(20), Some(26)],
        suites: vec![Some("S".to_owned())],
        equipment: vec![],
    };
    let fit = |class: &str| FitnessSpec { classes: vec![class.to_owned()], ..FitnessSpec::default() };
    let refit = || Some("refit".to_owned());
    let spec = ProblemSpec {
        name: "refit".to_owned(),
        slot_minutes: 60,
        horizon: 100,
        tenants: vec![TenantSpec { id: "T".to_owned(), qualified_suites: vec!["S".to_owned()], max_suites: None }],
        suites: vec![SuiteSpec {
            id: "S".to_owned(),
            fitness: vec![FitnessSpec { before: refit(), ..fit("old") }, FitnessSpec { after: refit(), ..fit("new") }],
            ..SuiteSpec::default()
        }],
        changeover: ChangeoverSpec { families: vec!["F".to_owned()], time: vec![vec![1]], cost: vec![vec![0]] },
        batches: vec![
            BatchSpec { work: true, ..batch("refit", route(&["S"], &[])) },
            BatchSpec { commitment: Some(frozen), ..batch("frozen", route(&[], &["old"])) },
            batch("next", route(&[], &["new"])),
        ],
        ..ProblemSpec::default()
    };
    let problem = Problem::new(&spec).unwrap();
    let plan = build(&problem).plan;
    assert_eq!(check(&problem, &plan), vec![]);
    let starts: Vec<Slot> = plan.placed().map(|(_, placement)| placement.starts[0]).collect();
    assert_eq!(starts, [31, 20, 42]);
}
