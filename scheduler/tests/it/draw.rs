//! Small random facilities, drawn from a list of numbers so that a failing one shrinks well:
//! fewer and smaller numbers draw a simpler facility.

use proptest::prelude::*;
use scheduler::*;

/// Numbers to draw from; 0 once they are used up.
pub(crate) struct Draw {
    numbers: std::vec::IntoIter<u32>,
}

/// Sizes of what is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) horizon: Slot,
    pub(crate) batches: i64,
    pub(crate) activities: i64,
}

pub(crate) const TENANTS: [&str; 2] = ["Asagi", "Benkei"];
/// Shifts of 12 hours: a week of 14 slots.
const SLOT_MINUTES: u32 = 720;

pub(crate) fn numbers() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 100..700)
}

impl Draw {
    pub(crate) fn new(numbers: Vec<u32>) -> Self {
        Self { numbers: numbers.into_iter() }
    }

    /// A number from 0 up to but not including `below`.
    pub(crate) fn below(&mut self, below: i64) -> i64 {
        i64::from(self.numbers.next().unwrap_or(0)) % below
    }

    pub(crate) fn units(&mut self, below: i64) -> u32 {
        u32::try_from(self.below(below)).unwrap()
    }

    /// Holds of a route: mostly one, sometimes two or none.
    fn holds(&mut self) -> i64 {
        [1, 1, 0, 2, 2][self.below(5) as usize]
    }

    pub(crate) fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == times - 1
    }

    fn window(&mut self, horizon: Slot) -> Window {
        let start = self.below(horizon);
        Window::new(start, start + 1 + self.below(4))
    }

    pub(crate) fn facility(&mut self, size: Size) -> ProblemSpec {
        let suites = 1 + self.below(3);
        let suite_ids: Vec<String> = (0..suites).map(|row| format!("suite-{row}")).collect();
        let tenant = |draw: &mut Self, id: &str| TenantSpec {
            id: id.to_owned(),
            qualified_suites: suite_ids.iter().filter(|_| !draw.once_in(4)).cloned().collect(),
            max_suites: draw.once_in(3).then_some(1),
        };
        let mut spec = ProblemSpec {
            name: "drawn".to_owned(),
            slot_minutes: SLOT_MINUTES,
            horizon: size.horizon,
            week_phase: self.below(14),
            cost_scale: 1 + self.below(100),
            tenants: TENANTS.map(|id| tenant(self, id)).to_vec(),
            suites: suite_ids.iter().map(|id| self.suite(id, size.horizon)).collect(),
            pools: self.pools(size.horizon),
            changeover: ChangeoverSpec {
                families: TENANTS.map(|id| format!("{id} family")).to_vec(),
                time: (0..2).map(|_| (0..2).map(|_| self.below(4)).collect()).collect(),
                cost: (0..2).map(|_| (0..2).map(|_| self.below(9)).collect()).collect(),
            },
            ..ProblemSpec::default()
        };
        if self.once_in(2) {
            spec.co_occupancy.push(CoOccupancySpec {
                id: "closed beside closed".to_owned(),
                classes: ["closed".to_owned(), "closed".to_owned()],
                suites: suite_ids,
            });
        }
        spec.batches = (0..size.batches).map(|row| self.batch(&format!("batch-{row}"), size)).collect();
        spec
    }

    fn suite(&mut self, id: &str, horizon: Slot) -> SuiteSpec {
        let tenant = TENANTS[self.below(2) as usize].to_owned();
        SuiteSpec {
            id: id.to_owned(),
            classes: ["open", "viral"].iter().filter(|_| !self.once_in(4)).map(|&class| class.to_owned()).collect(),
            grade: if self.once_in(3) { Some(Grade::C) } else { Some(Grade::B) },
            places: 1 + self.units(2),
            place_clearance: self.below(2),
            maintenance: if self.once_in(3) { vec![self.window(horizon)] } else { vec![] },
            reserved: match self.once_in(3) {
                true => vec![ReservationSpec { tenant: tenant.clone(), window: self.window(horizon) }],
                false => vec![],
            },
            initial_family: self.once_in(2).then(|| format!("{tenant} family")),
            available_from: self.below(4),
            ..SuiteSpec::default()
        }
    }

    fn pools(&mut self, horizon: Slot) -> Vec<Pool> {
        let mut pool = |id: &str, kind, capacity| Pool {
            id: id.to_owned(),
            kind,
            capacity,
            reductions: match self.once_in(2) {
                true => vec![Reduction { window: self.window(horizon), units: 1 + self.units(2) }],
                false => vec![],
            },
        };
        let mut pools = vec![
            pool("aseptic", PoolKind::Labour, Capacity::Weekly { units: vec![] }),
            pool("qc", PoolKind::Labour, Capacity::Steps { steps: vec![] }),
            pool("vessel-1", PoolKind::Equipment { turnaround: 0 }, Capacity::Constant { units: 1 }),
            pool("vessel-2", PoolKind::Equipment { turnaround: 1 }, Capacity::Constant { units: 2 }),
        ];
        pools[0].capacity = Capacity::Weekly { units: (0..14).map(|_| 2 - self.units(3)).collect() };
        let end = 1 + self.below(horizon);
        let steps = [(0, 2), (end, self.units(3))].map(|(from, units)| CapacityStep { from, units });
        pools[1].capacity = Capacity::Steps { steps: steps.to_vec() };
        pools
    }

    pub(crate) fn batch(&mut self, id: &str, size: Size) -> BatchSpec {
        let tenant = TENANTS[self.below(2) as usize];
        let release = self.below(size.horizon / 2);
        let due = release + self.below(size.horizon);
        BatchSpec {
            id: id.to_owned(),
            tenant: tenant.to_owned(),
            family: format!("{tenant} family"),
            occupancy_class: self.once_in(2).then(|| "closed".to_owned()),
            release,
            start_max: self.once_in(3).then(|| release + self.below(10)),
            due,
            deadline: self.once_in(4).then(|| due + self.below(8)),
            weight: self.below(5),
            drop_penalty: (!self.once_in(5)).then(|| 20 + self.below(300)),
            routes: (0..=self.below(2)).map(|row| self.route(row, size)).collect(),
            ..BatchSpec::default()
        }
    }

    fn route(&mut self, row: i64, size: Size) -> RouteSpec {
        let count = 1 + self.below(size.activities);
        let activity = |draw: &mut Self| {
            let min_lag = draw.below(4);
            ActivitySpec {
                name: "work".to_owned(),
                duration: 1 + draw.below(3),
                demands: ["aseptic", "qc"]
                    .iter()
                    .filter(|_| draw.once_in(2))
                    .map(|pool| DemandSpec { pool: (*pool).to_owned(), units: 1 })
                    .collect(),
                min_lag,
                max_lag: draw.once_in(2).then(|| min_lag + draw.below(3)),
            }
        };
        let mut spec = RouteSpec {
            name: format!("route-{row}"),
            cost: self.below(9),
            activities: (0..count).map(|_| activity(self)).collect(),
            ..RouteSpec::default()
        };
        for _ in 0..self.holds() {
            let first = self.below(count);
            let last = first + self.below(count - first);
            spec.suite_holds.push(SuiteHoldSpec {
                classes: if self.once_in(2) { vec!["viral".to_owned()] } else { vec![] },
                grade_min: self.once_in(4).then_some(Grade::B),
                suites: if self.once_in(4) { vec!["suite-0".to_owned()] } else { vec![] },
                first: first as usize,
                last: last as usize,
                shared: self.once_in(2),
                same_suite_as: None,
            });
        }
        for _ in 0..self.holds() {
            let first = self.below(count);
            let last = first + self.below(count - first);
            let both = ["vessel-1", "vessel-2"];
            spec.equipment_holds.push(EquipmentHoldSpec {
                pools: both[self.below(2) as usize..].iter().map(|&id| id.to_owned()).collect(),
                units: 1,
                first: first as usize,
                last: last as usize,
            });
        }
        spec
    }
}
