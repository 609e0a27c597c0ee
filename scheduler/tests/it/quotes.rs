//! Quotes: what is offered fits without moving anything and is the earliest there is, what is
//! refused fits nowhere, and a tenant never reads of another.

use proptest::prelude::*;
use scheduler::*;

use crate::draw::{Draw, Size, TENANTS, numbers};

const SIZE: Size = Size { horizon: 40, batches: 5, activities: 3 };
/// Small enough to try every start, suite and vessel.
const TINY: Size = Size { horizon: 18, batches: 2, activities: 2 };

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

/// Ends of all legal placements of a request, by trying everything.
fn every_end(committed: &Committed, spec: &BatchSpec) -> Vec<Slot> {
    let (problem, ix) = committed.problem().with_batch(spec).unwrap();
    let mut plan = committed.plan().clone();
    let batch = problem.batch(ix).unwrap();
    let mut ends = Vec::new();
    for (at, route) in batch.routes() {
        let suites = products(route.suite_holds.iter().map(|hold| hold.candidates.clone()).collect());
        let pools = products(route.equipment_holds.iter().map(|hold| hold.pools.clone()).collect());
        for starts in chains(route, problem.horizon()) {
            for suites in &suites {
                for pools in &pools {
                    let (starts, suites, equipment) = (starts.clone(), suites.clone(), pools.clone());
                    let placement = Placement { route: at, starts, suites, equipment };
                    let end = placement.span(route).unwrap().1;
                    plan.set(ix, Some(placement));
                    if check(&problem, &plan).is_empty() {
                        ends.push(end);
                    }
                }
            }
        }
    }
    ends
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_offer_fits_without_moving_anything_and_costs_what_it_says(numbers in numbers()) {
        let (committed, request) = drawn(numbers, SIZE);
        let before = recount(committed.problem(), committed.plan());
        let asked = Request::new(committed.problem(), &request).unwrap();
        if let Answer::Offers(offers) = quote(&committed, &asked) {
            let offer = offers.earliest;
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
        let told = match quote(&committed, &asked) {
            Answer::Offers(offers) => serde_json::to_string(&offers.earliest.for_tenant()).unwrap(),
            Answer::Refused(refusal) => serde_json::to_string(&refusal.for_tenant()).unwrap(),
        };
        let problem = committed.problem();
        let foreign = TENANTS.iter().filter(|id| **id != request.tenant).map(|id| (*id).to_owned());
        let batches = problem.batches().map(|(_, batch)| batch.id.clone());
        let places = problem.suites().map(|(_, it)| it.id.clone()).chain(problem.pools().map(|(_, it)| it.id.clone()));
        for name in foreign.chain(batches).chain(places) {
            prop_assert!(!told.contains(&name), "{} in {}", name, told);
        }
    }

    #[test]
    fn who_the_others_are_does_not_change_what_a_tenant_is_told(numbers in numbers()) {
        let mut draw = Draw::new(numbers);
        let request = draw.batch("request", SIZE);
        let mut spec = draw.facility(SIZE);
        // At equal busy time: what the others make takes the same changeover.
        spec.changeover.time = vec![vec![2, 2], vec![2, 2]];
        let third = TenantSpec {
            id: "Chidori".to_owned(),
            qualified_suites: spec.suites.iter().map(|suite| suite.id.clone()).collect(),
            max_suites: None,
        };
        spec.tenants.push(third);
        spec.changeover.families.push("Chidori family".to_owned());
        spec.changeover.time = vec![vec![2; 3]; 3];
        spec.changeover.cost = vec![vec![0, 1, 1], vec![1, 0, 1], vec![1, 1, 0]];
        spec.suites.iter_mut().for_each(|suite| suite.reserved.clear());
        let plan = build(&Problem::new(&spec).unwrap()).plan;
        let mut other = spec.clone();
        for (row, batch) in other.batches.iter_mut().enumerate() {
            if batch.tenant != request.tenant {
                batch.tenant = "Chidori".to_owned();
                batch.family = "Chidori family".to_owned();
                batch.id = format!("unlike-{row}");
            }
        }
        let told = [spec, other].map(|spec| {
            let problem = Problem::new(&spec).unwrap();
            let asked = Request::new(&problem, &request).unwrap();
            match quote(&Committed::new(problem, plan.clone()).unwrap(), &asked) {
                Answer::Offers(offers) => serde_json::to_string(&offers.earliest.for_tenant()).unwrap(),
                Answer::Refused(refusal) => serde_json::to_string(&refusal.for_tenant()).unwrap(),
            }
        });
        prop_assert_eq!(&told[0], &told[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_placement_ends_before_the_one_offered_and_none_exists_when_refused(numbers in numbers()) {
        let (committed, request) = drawn(numbers, TINY);
        let asked = Request::new(committed.problem(), &request).unwrap();
        let soonest = every_end(&committed, &request).into_iter().min();
        match quote(&committed, &asked) {
            Answer::Offers(offers) => prop_assert_eq!(Some(offers.earliest.end), soonest),
            Answer::Refused(refusal) => {
                prop_assert_eq!(soonest, None, "{:?}", refusal.describe(committed.problem()));
                prop_assert!(!refusal.for_tenant().is_empty());
            }
        }
    }
}
