//! People with several qualifications are counted so that a plan is legal exactly when everybody it
//! asks for can be named.

use proptest::prelude::*;
use scheduler::*;

const QUALIFICATIONS: [&str; 3] = ["aseptic", "qc", "vector"];
/// Shifts of 12 hours: a week of 14 slots.
const SLOT_MINUTES: u32 = 720;

/// Whether so many people of each qualification can be named, each person once.
fn can_be_named(there: &[u8], asked: [u32; 3]) -> bool {
    let Some(which) = asked.iter().position(|units| *units > 0) else { return true };
    let mut less = asked;
    less[which] -= 1;
    let fits = |row: &usize| there[*row] >> which & 1 == 1;
    (0..there.len()).filter(fits).any(|row| can_be_named(&[&there[..row], &there[row + 1..]].concat(), less))
}

/// One batch that asks for these people in one slot.
fn problem(people: &[PersonSpec], week_phase: Slot, asked: [u32; 3]) -> Problem {
    let (pools, unions) = pools_of_people(SLOT_MINUTES, week_phase, people).unwrap();
    let named = |id: &&str| pools.iter().any(|pool| pool.id == *id);
    let demand = |(row, id): (usize, &&str)| DemandSpec { pool: (*id).to_owned(), units: asked[row] };
    let demands = QUALIFICATIONS.iter().enumerate().filter(|(_, id)| named(id)).map(demand).collect();
    let activity = ActivitySpec { name: "work".to_owned(), duration: 1, demands, ..ActivitySpec::default() };
    let batch = BatchSpec {
        id: "B".to_owned(),
        tenant: "T".to_owned(),
        family: "F".to_owned(),
        drop_penalty: Some(1),
        routes: vec![RouteSpec { name: "only".to_owned(), activities: vec![activity], ..RouteSpec::default() }],
        ..BatchSpec::default()
    };
    let spec = ProblemSpec {
        name: "people".to_owned(),
        slot_minutes: SLOT_MINUTES,
        horizon: 40,
        week_phase,
        tenants: vec![TenantSpec { id: "T".to_owned(), ..TenantSpec::default() }],
        changeover: ChangeoverSpec { families: vec!["F".to_owned()], time: vec![vec![0]], cost: vec![vec![0]] },
        pools: pools.clone(),
        unions,
        batches: vec![batch],
        ..ProblemSpec::default()
    };
    Problem::new(&spec).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn sch_05_a_plan_is_legal_exactly_when_everybody_can_be_named(
        people in proptest::collection::vec((1u8..8, 0u32..14, 1u32..9, 0i64..40, 0i64..12), 0..7),
        asked in [0u32..3, 0u32..3, 0u32..3], start in 0i64..40, week_phase in 0i64..14,
    ) {
        let person = |(has, from, length, gone, days): &(u8, u32, u32, Slot, Slot)| PersonSpec {
            qualifications: (0..3).filter(|bit| has >> bit & 1 == 1).map(|bit| QUALIFICATIONS[bit].to_owned()).collect(),
            // Two shifts that overlap count once.
            shifts: vec![(from * 720, (from + length) * 720), (from * 720, (from + 1) * 720)],
            away: vec![Window::new(*gone, gone + days)],
        };
        let specs: Vec<PersonSpec> = people.iter().map(person).collect();
        let slot = (start + week_phase) % 14;
        let is_there = |(_, from, length, gone, days): &&(u8, u32, u32, Slot, Slot)| {
            let shift = Slot::from(*from)..Slot::from(*from + *length);
            shift.contains(&slot) && !(*gone..gone + days).contains(&start)
        };
        let there: Vec<u8> = people.iter().filter(is_there).map(|(has, ..)| *has).collect();
        let known = |bit: usize| people.iter().any(|(has, ..)| has >> bit & 1 == 1);
        // Nobody has it: there is no pool to ask.
        let asked = [0, 1, 2].map(|bit| if known(bit) { asked[bit] } else { 0 });
        let problem = problem(&specs, week_phase, asked);
        let mut plan = Plan::empty(&problem);
        let (ix, batch) = problem.batches().next().unwrap();
        let (route, _) = batch.routes().next().unwrap();
        plan.set(ix, Some(Placement { route, starts: vec![start], suites: vec![], equipment: vec![] }));
        prop_assert_eq!(check(&problem, &plan).is_empty(), can_be_named(&there, asked));
    }
}

#[test]
fn qualifications_that_nobody_links_need_no_union() {
    let person = |has: &[&str]| PersonSpec {
        qualifications: has.iter().map(|&id| id.to_owned()).collect(),
        shifts: vec![(360, 1080)],
        away: vec![],
    };
    let (pools, unions) = pools_of_people(5, 0, &[person(&["a", "b"]), person(&["c"]), person(&["a"])]).unwrap();
    assert_eq!(pools.iter().map(|pool| pool.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "a or b"]);
    assert_eq!(unions, [UnionSpec { pool: "a or b".to_owned(), of: vec!["a".to_owned(), "b".to_owned()] }]);
    let steps = |from, units| CapacityStep { from, units };
    assert_eq!(pools[3].capacity, Capacity::WeeklySteps { steps: vec![steps(72, 2), steps(216, 0)] });
    let many: Vec<String> = (0..11).map(|row| format!("q{row}")).collect();
    let one = PersonSpec { qualifications: many, ..PersonSpec::default() };
    assert_eq!(pools_of_people(5, 0, &[one]), Err(PeopleError::Linked { count: 11 }));
    assert_eq!(pools_of_people(11, 0, &[]), Err(PeopleError::SlotLength { minutes: 11 }));
}
