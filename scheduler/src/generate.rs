//! Made-up facilities of any size, the same for the same size and seed: what the planner is measured
//! and tested on. Several tenants, suites with places, shared airlocks, suites that are fitted out,
//! re-fitted and requalified, few people at night, 5-minute slots.
//!
//! Numbers are plausible, not measured at a site. How a batch is made is `routes`'s.

mod routes;

use fastrand::Rng;

use crate::generate::routes::{
    CULTURE, DAY, HOUR, SLOT_MINUTES, VECTOR, car_t, progenitors, stromal_closed, stromal_open, work,
};
use crate::spec::{
    AirlockSpec, BatchSpec, BookingSpec, Capacity, CapacityStep, ChangeoverSpec, CoOccupancySpec, FitnessSpec, Grade,
    Pool, PoolKind, ProblemSpec, Reduction, ReservationSpec, RouteSpec, Slot, SuiteSpec, TenantSpec, UnionSpec, Window,
};

/// How large a facility is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FacilitySize {
    /// Suites; four in ten handle viral vectors, a sixth are of grade B.
    pub suites: usize,
    /// Places in each.
    pub places: u32,
    /// Batches over all.
    pub batches: usize,
    /// Weeks that are planned; batches arrive in the first quarter of them.
    pub weeks: Slot,
    /// Tenants, the facility itself not counted.
    pub tenants: usize,
}

impl FacilitySize {
    /// The full size: 12 suites of 20 places, filled with 240 batches at once.
    pub const K: Self = Self { suites: 12, places: 20, batches: 600, weeks: 20, tenants: 6 };
    /// The same in small, for tests.
    pub const SMALL: Self = Self { suites: 3, places: 4, batches: 24, weeks: 14, tenants: 2 };

    fn at_once(self) -> u32 {
        self.places.saturating_mul(u32::try_from(self.suites).unwrap_or(u32::MAX))
    }

    fn horizon(self) -> Slot {
        self.weeks * 7 * DAY
    }
}

/// The tenant that works on suites.
const FACILITY: &str = "facility";
/// The family of work on suites.
const WORK: &str = "work";

/// A facility with its batches. The same size and seed give the same facility.
#[must_use]
pub fn generate(size: FacilitySize, seed: u64) -> ProblemSpec {
    let mut rng = Rng::with_seed(seed);
    let suite_ids: Vec<String> = (0..size.suites).map(suite_id).collect();
    let airlocks = 0..size.suites.div_ceil(SUITES_PER_AIRLOCK);
    let mut batches = works(size);
    batches.extend((0..size.batches.saturating_sub(batches.len())).map(|row| batch(size, row, &mut rng)));
    ProblemSpec {
        name: format!("generated-{}x{}-{}-{seed}", size.suites, size.places, size.batches),
        slot_minutes: SLOT_MINUTES,
        horizon: size.horizon(),
        cost_scale: 10,
        tenants: tenants(size),
        suites: (0..size.suites).map(|row| suite(size, row, &mut rng)).collect(),
        pools: pools(size, &mut rng),
        changeover: changeover(size),
        co_occupancy: ["closed", "closed vector"].map(|class| may_share(class, &suite_ids)).to_vec(),
        airlocks: airlocks.map(|row| AirlockSpec { id: airlock_id(row), capacity: 2, passage: 3 }).collect(),
        unions: vec![UnionSpec { pool: "operator".to_owned(), of: vec!["aseptic".to_owned(), "vector".to_owned()] }],
        batches,
        ..ProblemSpec::default()
    }
}

const SUITES_PER_AIRLOCK: usize = 3;

fn suite_id(row: usize) -> String {
    format!("S{:02}", row + 1)
}

fn airlock_id(row: usize) -> String {
    format!("L{}", row + 1)
}

fn tenant_id(row: usize) -> String {
    format!("T{}", row + 1)
}

fn may_share(class: &str, suites: &[String]) -> CoOccupancySpec {
    let classes = [class.to_owned(), class.to_owned()];
    CoOccupancySpec { id: format!("{class} beside {class}"), classes, suites: suites.to_vec() }
}

fn tenants(size: FacilitySize) -> Vec<TenantSpec> {
    let share = 2 * size.at_once() / u32::try_from(size.tenants).unwrap_or(1).max(1);
    let mut tenants: Vec<TenantSpec> = (0..size.tenants)
        .map(|row| {
            let qualified = |suite: &usize| size.suites <= 4 || (suite + row) % 4 != 3;
            TenantSpec {
                id: tenant_id(row),
                qualified_suites: (0..size.suites).filter(qualified).map(suite_id).collect(),
                max_suites: Some(share),
            }
        })
        .collect();
    let all = (0..size.suites).map(suite_id).collect();
    tenants.push(TenantSpec { id: FACILITY.to_owned(), qualified_suites: all, max_suites: None });
    tenants
}

/// What becomes of a suite during the time planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    FittedOut,
    Refitted,
    Requalified,
}

fn fate(size: FacilitySize, row: usize) -> Fate {
    match row {
        _ if row + 1 == size.suites => Fate::FittedOut,
        _ if row == size.suites / 2 => Fate::Refitted,
        0 => Fate::Requalified,
        _ => Fate::Stays,
    }
}

fn suite(size: FacilitySize, row: usize, rng: &mut Rng) -> SuiteSpec {
    let kind = (row + 1) * 12 / size.suites.max(1) - 1;
    let classes = if kind < 5 { vec![VECTOR.to_owned(), CULTURE.to_owned()] } else { vec![CULTURE.to_owned()] };
    let grade = Some(if kind >= 10 { Grade::B } else { Grade::C });
    let plain = FitnessSpec { classes: classes.clone(), grade, ..FitnessSpec::default() };
    let id = suite_id(row);
    let done = |what: &str| Some(format!("{id} {what}"));
    let both = vec![VECTOR.to_owned(), CULTURE.to_owned()];
    let fitness = match fate(size, row) {
        Fate::Stays => vec![],
        Fate::FittedOut => vec![FitnessSpec { after: done("qualification"), ..plain }],
        Fate::Refitted => vec![
            FitnessSpec { before: done("re-fit"), ..plain.clone() },
            FitnessSpec { classes: both, after: done("qualification"), ..plain },
        ],
        Fate::Requalified => vec![
            FitnessSpec { until: Some(size.horizon() / 2), ..plain.clone() },
            FitnessSpec { after: done("requalification"), ..plain },
        ],
    };
    let stays = fitness.is_empty();
    let closed = DAY * 7 * rng.i64(size.weeks / 2..size.weeks);
    let reserved = Window::new(size.horizon() / 5, size.horizon() / 2);
    SuiteSpec {
        id,
        classes: if stays { classes } else { vec![] },
        grade: grade.filter(|_| stays),
        fitness,
        airlock: Some(airlock_id(row / SUITES_PER_AIRLOCK)),
        places: size.places,
        place_clearance: HOUR,
        maintenance: if stays && row % 2 == 1 { vec![Window::new(closed, closed + DAY)] } else { vec![] },
        reserved: match row == 3 {
            true => vec![ReservationSpec { tenant: tenant_id(0), window: reserved }],
            false => vec![],
        },
        ..SuiteSpec::default()
    }
}

/// Fit-out, re-fit and requalification, each followed by what makes the suite fit again.
fn works(size: FacilitySize) -> Vec<BatchSpec> {
    let mut works = Vec::new();
    for row in 0..size.suites {
        let id = suite_id(row);
        let mut item = |what: &str, days: Slot, release: Slot, after: Option<&str>| {
            works.push(BatchSpec {
                id: format!("{id} {what}"),
                tenant: FACILITY.to_owned(),
                family: WORK.to_owned(),
                release,
                due: release + (days + 7) * DAY,
                weight: 1,
                work: true,
                after: after.map(|what| format!("{id} {what}")).into_iter().collect(),
                routes: vec![work(&id, days)],
                ..BatchSpec::default()
            });
        };
        match fate(size, row) {
            Fate::Stays => {}
            Fate::FittedOut => {
                item("fit-out", 10, 0, None);
                item("qualification", 5, 0, Some("fit-out"));
            }
            Fate::Refitted => {
                item("re-fit", 5, size.horizon() / 3, None);
                item("qualification", 4, size.horizon() / 3, Some("re-fit"));
            }
            Fate::Requalified => item("requalification", 3, size.horizon() / 2 - 4 * DAY, None),
        }
    }
    works
}

fn pools(size: FacilitySize, rng: &mut Rng) -> Vec<Pool> {
    let all = size.at_once();
    let mut people = |id: &str, day: u32, evening: u32, night: u32| Pool {
        id: id.to_owned(),
        kind: PoolKind::Labour,
        capacity: Capacity::WeeklySteps { steps: week(day, evening, night) },
        reductions: (0..size.weeks / 2).map(|_| absence(size, day, rng)).collect(),
    };
    let mut pools = vec![
        people("aseptic", all / 5 + 3, all / 12 + 2, all / 120 + 2),
        people("vector", all / 9 + 3, all / 24 + 2, 2),
        people("operator", all / 4 + 4, all / 9 + 3, all / 120 + 3),
        people("quality", all / 12 + 3, 2, 0),
        people("engineer", 4, 0, 0),
    ];
    let equipment = |id: &str, units: u32, turnaround: Slot| Pool {
        id: id.to_owned(),
        kind: PoolKind::Equipment { turnaround },
        capacity: Capacity::Constant { units },
        reductions: vec![],
    };
    pools.extend([
        equipment("processor", all / 2 + 2, 6 * HOUR),
        equipment("bioreactor", all / 2 + 2, 8 * HOUR),
        equipment("incubator", all / 2 + 2, HOUR),
        equipment("freezer", all / 40 + 2, HOUR),
        equipment("sorter", all / 80 + 1, 3 * HOUR),
    ]);
    pools
}

/// Day from 6 to 18, evening to midnight, night to 6; at the weekend two thirds of the day.
fn week(day: u32, evening: u32, night: u32) -> Vec<CapacityStep> {
    (0..7)
        .flat_map(|row| {
            let day = if row < 5 { day } else { day - day / 3 };
            let hours = [(0, night), (6, day), (18, evening)];
            hours.map(|(hour, units)| CapacityStep { from: row * DAY + hour * HOUR, units })
        })
        .collect()
}

fn absence(size: FacilitySize, day: u32, rng: &mut Rng) -> Reduction {
    let start = rng.i64(0..size.weeks * 7) * DAY;
    let days = rng.i64(1..6);
    Reduction { window: Window::new(start, start + days * DAY), units: rng.u32(1..=1 + day / 10) }
}

/// An hour for the next batch of a tenant, four for another tenant, a day after vectors; work on a
/// suite begins a day after the last batch and leaves the suite clean.
fn changeover(size: FacilitySize) -> ChangeoverSpec {
    let mut families: Vec<(usize, bool)> = Vec::new();
    for row in 0..size.tenants {
        families.extend([(row, false), (row, true)]);
    }
    let between = |from: &(usize, bool), to: &(usize, bool)| match () {
        () if from == to => (HOUR, 1),
        () if from.1 && !to.1 => (24 * HOUR, 12),
        () => (4 * HOUR, 4),
    };
    let row = |from: &(usize, bool)| {
        let steps = families.iter().map(|to| between(from, to));
        steps.chain([(24 * HOUR, 0)]).collect::<Vec<_>>()
    };
    let mut matrix: Vec<Vec<(Slot, i64)>> = families.iter().map(row).collect();
    matrix.push(vec![(0, 0); families.len() + 1]);
    let names = families.iter().map(|(row, viral)| family(*row, *viral));
    ChangeoverSpec {
        families: names.chain([WORK.to_owned()]).collect(),
        time: matrix.iter().map(|row| row.iter().map(|(time, _)| *time).collect()).collect(),
        cost: matrix.iter().map(|row| row.iter().map(|(_, cost)| *cost).collect()).collect(),
    }
}

fn family(tenant: usize, viral: bool) -> String {
    format!("{} {}", tenant_id(tenant), if viral { "vector" } else { "plain" })
}

fn batch(size: FacilitySize, row: usize, rng: &mut Rng) -> BatchSpec {
    let tenant = rng.usize(0..size.tenants.max(1));
    let arrival = rng.i64(0..(size.horizon() / 4).max(1));
    let (kind, routes, days, worth) = product(rng);
    let viral = kind == "CAR-T";
    // A shift start a little later is what would be agreed.
    let agreed = (arrival / DAY + 3) * DAY + 8 * HOUR;
    let booking = BookingSpec { start: agreed, earlier: DAY, later: 4 * DAY };
    // What can only be made by hand needs one of few suites: whether there is room is not known yet.
    let by_hand = routes.iter().all(|route| route.suite_holds.len() > 1);
    let booked = arrival < size.horizon() / 8 && row % 6 == 5 && !by_hand;
    let release = if booked { agreed - booking.earlier } else { arrival };
    BatchSpec {
        id: format!("{kind} {:03}", row + 1),
        tenant: tenant_id(tenant),
        family: family(tenant, viral),
        occupancy_class: Some(if viral { "closed vector" } else { "closed" }.to_owned()),
        release,
        start_max: (viral && !booked).then_some(release + 2 * DAY),
        due: release + (days + rng.i64(3..12)) * DAY,
        deadline: viral.then_some(release + (days + 16) * DAY),
        weight: rng.i64(1..=3),
        drop_penalty: (!booked).then(|| worth * rng.i64(8..13) / 10),
        autologous: viral,
        booking: booked.then_some(booking),
        routes,
        ..BatchSpec::default()
    }
}

/// What is made, how, in about how many days, and what a refusal costs.
fn product(rng: &mut Rng) -> (&'static str, Vec<RouteSpec>, Slot, i64) {
    match rng.u32(0..100) {
        0..40 => ("CAR-T", vec![car_t(rng.i64(60..96) * HOUR)], 22, 30_000),
        40..74 => {
            let passage = rng.i64(90..120) * HOUR;
            ("MSC", vec![stromal_closed(passage), stromal_open(passage)], 36, 12_000)
        }
        74..76 => ("MSC", vec![stromal_open(rng.i64(90..120) * HOUR)], 30, 12_000),
        _ => ("iPSC", vec![progenitors(rng.i64(130..180) * HOUR)], 44, 20_000),
    }
}
