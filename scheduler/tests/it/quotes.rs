//! Quotes: what is offered fits without moving anything and is the earliest there is, what is
//! refused fits nowhere, and a tenant never reads of another.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, TENANTS, numbers};

const SIZE: Size = Size { horizon: 40, batches: 5, activities: 3 };
/// Small enough to try every start, suite and vessel.
const TINY: Size = Size { horizon: 18, batches: 2, activities: 2 };

/// Starts at every second slot: with slots of twelve hours, one a day.
fn shift_grid() -> StartGrid {
    StartGrid::new(2, vec![1]).unwrap()
}

fn with(committed: &Committed, spec: &BatchSpec, placement: Placement) -> (Problem, Plan) {
    let (problem, ix) = committed.problem().with_batch(spec).unwrap();
    let mut plan = committed.plan().clone();
    plan.set(ix, Some(placement));
    (problem, plan)
}

fn drawn(numbers: Vec<u32>, size: Size) -> (Committed, BatchSpec) {
    let mut draw = Draw::new(numbers);
    let request = draw.batch("request", size);
    let mut spec = draw.facility(size);
    for batch in &mut spec.batches {
        batch.drop_penalty.get_or_insert(500);
    }
    let problem = Problem::new(&spec).unwrap();
    let plan = build(&problem).plan;
    (Committed::new(problem, plan).unwrap(), request)
}

/// First start and last end of all legal placements of a request, by trying everything.
fn every_place(committed: &Committed, spec: &BatchSpec) -> Vec<(Slot, Slot)> {
    let (problem, ix) = committed.problem().with_batch(spec).unwrap();
    let mut plan = committed.plan().clone();
    let batch = problem.batch(ix).unwrap();
    let mut places = Vec::new();
    for (at, route) in batch.routes() {
        let suites = products(route.suite_holds.iter().map(|hold| hold.candidates.clone()).collect());
        let pools = products(route.equipment_holds.iter().map(|hold| hold.pools.clone()).collect());
        for starts in chains(route, problem.horizon()) {
            for suites in &suites {
                for pools in &pools {
                    let (starts, suites, equipment) = (starts.clone(), suites.clone(), pools.clone());
                    let placement = Placement { route: at, starts, suites, equipment };
                    let place = placement.span(route).unwrap();
                    plan.set(ix, Some(placement));
                    if check(&problem, &plan).is_empty() {
                        places.push(place);
                    }
                }
            }
        }
    }
    places
}

fn products<T: Copy>(candidates: Vec<Vec<T>>) -> Vec<Vec<T>> {
    candidates.into_iter().fold(vec![vec![]], |lists, more| {
        let longer = |list: &Vec<T>| more.iter().map(|one| [list.as_slice(), &[*one]].concat()).collect::<Vec<_>>();
        lists.iter().flat_map(longer).collect()
    })
}

fn chains(route: &Route, horizon: Slot) -> Vec<Vec<Slot>> {
    let mut chains: Vec<Vec<Slot>> = (0..horizon).map(|start| vec![start]).collect();
    for pair in route.activities.windows(2) {
        let next = |chain: &Vec<Slot>| {
            let end = chain.last().unwrap() + pair[0].duration;
            let last = pair[1].max_lag.map_or(horizon, |lag| (end + lag).min(horizon));
            let starts = (end + pair[1].min_lag..=last).filter(|start| start + pair[1].duration <= horizon);
            starts.map(|start| [chain.as_slice(), &[start]].concat()).collect::<Vec<_>>()
        };
        chains = chains.iter().flat_map(next).collect();
    }
    chains
}

#[test]
fn a_request_that_needs_another_batch_to_move_gets_a_place_when_one_may_move() {
    let mut draw = Draw::new(vec![]);
    let mut spec = draw.facility(Size { horizon: 20, batches: 1, activities: 1 });
    let batch = |id: &str, release: Slot, start_max: Slot| BatchSpec {
        id: id.to_owned(),
        tenant: TENANTS[0].to_owned(),
        family: format!("{} family", TENANTS[0]),
        release,
        start_max: Some(start_max),
        due: 20,
        routes: vec![RouteSpec {
            name: "only".to_owned(),
            activities: vec![ActivitySpec { name: "work".to_owned(), duration: 4, ..ActivitySpec::default() }],
            suite_holds: vec![SuiteHoldSpec { suites: vec!["suite-0".to_owned()], ..SuiteHoldSpec::default() }],
            ..RouteSpec::default()
        }],
        ..BatchSpec::default()
    };
    spec.batches = vec![batch("movable", 0, 15)];
    let problem = Problem::new(&spec).unwrap();
    let plan = build(&problem).plan;
    let committed = Committed::new(problem, plan).unwrap();
    let wanted = batch("wanted", 0, 0);
    let request = Request::new(committed.problem(), &wanted).unwrap();
    assert!(matches!(quote(&committed, &request), Answer::Refused(_)));
    assert_eq!(quote_with_moves(&committed, &request, 0, 1, Stop::after(400)), None);
    let found = quote_with_moves(&committed, &request, 1, 1, Stop::after(400)).unwrap();
    assert_eq!(found.offer.start, 0);
    let moved: Vec<_> = found.moved.iter().map(|(before, now)| (before.batch.as_str(), now.starts[0])).collect();
    assert_eq!(moved, [("movable", 4)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_offer_fits_without_moving_anything_and_costs_what_it_says(numbers in numbers()) {
        let (committed, request) = drawn(numbers, SIZE);
        let before = recount(committed.problem(), committed.plan());
        let asked = Request::new(committed.problem(), &request).unwrap();
        let Answer::Offers(offers) = quote(&committed, &asked) else { return Ok(()) };
        let Offers { earliest, latest, cheapest, .. } = *offers;
        for offer in latest.iter().chain([&earliest]) {
            prop_assert!(cheapest.cost <= offer.cost && earliest.end <= offer.end);
            prop_assert!(latest.is_some() || offer.late > 0);
        }
        for offer in latest.iter().chain([&earliest, &cheapest]) {
            let (problem, plan) = with(&committed, &request, offer.placement.clone());
            prop_assert_eq!(check(&problem, &plan), vec![]);
            let after = recount(&problem, &plan);
            let parts = |it: Objective| it.tardiness + it.changeover + it.route + it.drop;
            prop_assert_eq!(parts(after) - parts(before), offer.cost);
            prop_assert!(after.makespan >= offer.end);
            for (ix, placement) in committed.plan().placed() {
                prop_assert_eq!(plan.placement(ix), Some(placement));
            }
        }
    }

    #[test]
    fn an_offer_on_a_grid_starts_on_it_and_fits(numbers in numbers(), offset in 0i64..4) {
        let (committed, request) = drawn(numbers, SIZE);
        let grid = StartGrid::new(4, vec![offset]).unwrap();
        let asked = Request::new(committed.problem(), &request).unwrap();
        if let Answer::Offers(offers) = quote(&committed, &asked.on_grid(grid)) {
            prop_assert_eq!(offers.earliest.start % 4, offset);
            let (problem, plan) = with(&committed, &request, offers.earliest.placement);
            prop_assert_eq!(check(&problem, &plan), vec![]);
        }
    }

    #[test]
    fn a_tenant_never_reads_of_another(numbers in numbers()) {
        let (committed, request) = drawn(numbers, SIZE);
        let asked = Request::new(committed.problem(), &request).unwrap();
        let told = serde_json::to_string(&quote_for_tenant(&committed, &asked, &shift_grid()).0).unwrap();
        let problem = committed.problem();
        let foreign = TENANTS.iter().filter(|id| **id != request.tenant).map(|id| (*id).to_owned());
        let batches = problem.batches().map(|(_, batch)| batch.id.clone());
        let places = problem.suites().map(|(_, it)| it.id.clone()).chain(problem.pools().map(|(_, it)| it.id.clone()));
        for name in foreign.chain(batches).chain(places) {
            prop_assert!(!told.contains(&name), "{} in {}", name, told);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn who_the_others_are_and_what_they_make_does_not_change_what_a_tenant_is_told(numbers in numbers()) {
        let mut draw = Draw::new(numbers);
        let mut request = draw.batch("request", SIZE);
        // It may wait for the cheapest place, where it could show through what a changeover costs.
        request.weight = 0;
        request.start_max = None;
        request.deadline = None;
        let cost = (0..4).map(|_| (0..4).map(|_| draw.below(40)).collect()).collect();
        let mut spec = draw.facility(SIZE);
        // At equal busy time: what the others make takes the same changeover, whatever it costs.
        let families = ["Asagi family", "Benkei family", "Chidori viral", "Chidori plain"];
        spec.changeover = ChangeoverSpec {
            families: families.map(str::to_owned).to_vec(),
            time: vec![vec![2; 4]; 4],
            cost,
        };
        spec.tenants.push(TenantSpec {
            id: "Chidori".to_owned(),
            qualified_suites: spec.suites.iter().map(|suite| suite.id.clone()).collect(),
            max_suites: None,
        });
        spec.suites.iter_mut().for_each(|suite| suite.reserved.clear());
        let plan = build(&Problem::new(&spec).unwrap()).plan;
        let mut other = spec.clone();
        for (row, batch) in other.batches.iter_mut().enumerate() {
            if batch.tenant != request.tenant {
                batch.tenant = "Chidori".to_owned();
                batch.family = families[2 + row % 2].to_owned();
                batch.id = format!("unlike-{row}");
                batch.weight += 3;
                batch.due += 5;
                batch.drop_penalty = None;
            }
        }
        let told = [spec, other].map(|spec| {
            let problem = Problem::new(&spec).unwrap();
            let asked = Request::new(&problem, &request).unwrap();
            let committed = Committed::new(problem, plan.clone()).unwrap();
            serde_json::to_vec(&quote_for_tenant(&committed, &asked, &shift_grid()).0).unwrap()
        });
        prop_assert_eq!(&told[0], &told[1]);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_named_as_enough_to_make_room_is_enough(numbers in numbers()) {
        let (committed, request) = drawn(numbers.clone(), SIZE);
        let asked = Request::new(committed.problem(), &request).unwrap();
        let Answer::Refused(refusal) = quote(&committed, &asked) else { return Ok(()) };
        let mut draw = Draw::new(numbers);
        let _ = draw.batch("request", SIZE);
        let mut spec = draw.facility(SIZE);
        spec.batches.iter_mut().for_each(|batch| { batch.drop_penalty.get_or_insert(500); });
        for remedy in &refusal.remedies {
            let sentence = remedy.describe(committed.problem());
            let free = remedy.changes.iter().any(|change| matches!(change, Change::SuiteFree { .. }));
            let mut wider = request.clone();
            let with = granted(&spec, &mut wider, remedy, committed.problem());
            let problem = Problem::new(&with).unwrap();
            let asked = Request::new(&problem, &wider).unwrap();
            let again = quote(&Committed::new(problem, committed.plan().clone()).unwrap(), &asked);
            let Answer::Offers(offers) = again else { return Err(TestCaseError::fail(sentence)) };
            prop_assert!(offers.earliest.end <= remedy.end || free, "{}", sentence);
        }
    }
}

/// The facility and the request with the changes of a remedy made.
fn granted(spec: &ProblemSpec, request: &mut BatchSpec, remedy: &Remedy, problem: &Problem) -> ProblemSpec {
    let mut spec = spec.clone();
    for change in &remedy.changes {
        match change {
            Change::MoreUnits { pool, gaps } => {
                let pool = &mut spec.pools[pool.row()];
                for gap in gaps {
                    *pool = more(pool, *gap, problem);
                }
            }
            Change::SuiteFree { suites, .. } => {
                // A further suite that is always free, for whoever may use one of these.
                let mut free = SuiteSpec { id: "further".to_owned(), ..spec.suites[suites[0].row()].clone() };
                free.initial_family = None;
                free.maintenance.clear();
                free.reserved.clear();
                free.available_from = 0;
                spec.tenants.iter_mut().for_each(|tenant| tenant.qualified_suites.push("further".to_owned()));
                for route in &mut request.routes {
                    let named = route.suite_holds.iter_mut().filter(|hold| !hold.suites.is_empty());
                    named.for_each(|hold| hold.suites.push("further".to_owned()));
                }
                spec.suites.push(free);
            }
            Change::MoreQuota { gaps } => {
                let tenant = spec.tenants.iter_mut().find(|tenant| tenant.id == request.tenant).unwrap();
                let most = gaps.iter().map(|gap| gap.units).max().unwrap();
                tenant.max_suites = tenant.max_suites.map(|quota| quota + u32::try_from(most).unwrap());
            }
            Change::StartUntil(until) => request.start_max = Some(*until),
            Change::EndUntil(until) => request.deadline = Some(*until),
        }
    }
    spec
}

/// A pool with more units in a window: what is left of it slot by slot, and the units added.
fn more(pool: &Pool, gap: Gap, problem: &Problem) -> Pool {
    let horizon = problem.horizon() + 10;
    let at = |slot: Slot| -> i64 {
        let base = match &pool.capacity {
            Capacity::Constant { units } => *units,
            Capacity::Weekly { units } => {
                if slot < problem.horizon() {
                    units[((slot + problem.week_phase()) % 14) as usize]
                } else {
                    0
                }
            }
            Capacity::WeeklySteps { .. } => unreachable!("not drawn"),
            Capacity::Steps { steps } => steps.iter().rev().find(|step| step.from <= slot).map_or(0, |step| step.units),
        };
        let inside = |window: Window| window.start <= slot && slot < window.end;
        let missing: u32 = pool.reductions.iter().filter(|it| inside(it.window)).map(|it| it.units).sum();
        i64::from(base.saturating_sub(missing)) + if inside(gap.window) { gap.units } else { 0 }
    };
    let step = |from: Slot| CapacityStep { from, units: u32::try_from(at(from)).unwrap() };
    Pool { capacity: Capacity::Steps { steps: (0..horizon).map(step).collect() }, reductions: vec![], ..pool.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_placement_ends_before_the_one_offered_and_none_exists_when_refused(numbers in numbers()) {
        let (committed, request) = drawn(numbers, TINY);
        let asked = Request::new(committed.problem(), &request).unwrap();
        let soonest = every_place(&committed, &request).into_iter().map(|(_, end)| end).min();
        match quote(&committed, &asked) {
            Answer::Offers(offers) => {
                prop_assert_eq!(Some(offers.earliest.end), soonest);
                let in_time = every_place(&committed, &request).into_iter().filter(|(_, end)| *end <= request.due);
                prop_assert_eq!(offers.latest.map(|it| it.start), in_time.map(|(start, _)| start).max());
            }
            Answer::Refused(refusal) => {
                prop_assert_eq!(soonest, None, "{:?}", refusal.describe(committed.problem()));
                prop_assert!(!refusal.for_tenant().is_empty());
            }
        }
    }

    #[test]
    fn an_offer_that_moves_others_moves_no_more_than_allowed_and_leaves_nobody_out(
        numbers in numbers(), moves_max in 0usize..3,
    ) {
        let (committed, spec) = drawn(numbers, SIZE);
        let request = Request::new(committed.problem(), &spec).unwrap();
        if let Some(found) = quote_with_moves(&committed, &request, moves_max, 1, Stop::after(100)) {
            let (problem, ix) = committed.problem().with_batch(&spec).unwrap();
            prop_assert_eq!(check(&problem, &found.plan), vec![]);
            prop_assert!(found.plan.placement(ix).is_some());
            let before = committed.plan();
            let moved: Vec<_> = before.placed().filter(|(ix, at)| found.plan.placement(*ix) != Some(at)).collect();
            prop_assert!(moved.len() <= moves_max);
            prop_assert_eq!(moved.len(), found.moved.len());
            prop_assert_eq!(found.plan.placed().count(), before.placed().count() + 1);
        }
    }
}
