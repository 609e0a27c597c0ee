//! Small random shops, drawn from a list of numbers so that a failing one shrinks well: fewer and
//! smaller numbers draw a simpler shop.

use proptest::prelude::*;
use scheduler::{Shop, ShopMode, ShopSpec};

/// Numbers to draw from; 0 once they are used up.
pub(crate) struct Draw {
    numbers: std::vec::IntoIter<u16>,
}

pub(crate) fn numbers() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 0..200)
}

impl Draw {
    pub(crate) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers: numbers.into_iter() }
    }

    /// A number from 0 up to but not including `below`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or(0)) % below
    }

    /// A shop with at most so many jobs, operations per job and machines. Some durations and
    /// set-up times are 0, and set-up times need not obey the triangle inequality.
    pub(crate) fn shop(&mut self, jobs: usize, operations: usize, machines: usize) -> ShopSpec {
        let machines = 1 + self.below(machines);
        let mode = |draw: &mut Self, machine| ShopMode { machine, duration: [3, 1, 7, 5, 0, 12][draw.below(6)] };
        let operation = |draw: &mut Self| {
            let first = draw.below(machines);
            let mut modes = vec![mode(draw, first)];
            for machine in 0..machines {
                if machine != first && draw.below(3) == 2 {
                    modes.push(mode(draw, machine));
                }
            }
            modes
        };
        let job = |draw: &mut Self| (0..=draw.below(operations)).map(|_| operation(draw)).collect::<Vec<_>>();
        let jobs: Vec<_> = (0..=self.below(jobs)).map(|_| job(self)).collect();
        let count: usize = jobs.iter().map(Vec::len).sum();
        let setups = match self.below(3) {
            0 => Vec::new(),
            1 => (0..machines * count * count).map(|_| [2, 3, 4][self.below(3)]).collect(),
            _ => (0..machines * count * count).map(|_| [0, 2, 1, 9][self.below(4)]).collect(),
        };
        ShopSpec { machines, jobs, setups }
    }
}

/// A shop drawn from numbers.
pub(crate) fn shop(numbers: Vec<u16>, jobs: usize, operations: usize, machines: usize) -> (Shop, Draw) {
    let mut draw = Draw::new(numbers);
    let spec = draw.shop(jobs, operations, machines);
    (Shop::new(&spec).unwrap(), draw)
}

/// The text of a shop, machines counted from 1.
pub(crate) fn text(spec: &ShopSpec) -> String {
    let words = |numbers: &mut dyn Iterator<Item = i64>| numbers.map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    let mut lines = vec![format!("{} {} 1.5", spec.jobs.len(), spec.machines)];
    for job in &spec.jobs {
        let modes = |modes: &Vec<ShopMode>| {
            let pairs = modes.iter().flat_map(|mode| [mode.machine as i64 + 1, mode.duration]);
            [modes.len() as i64].into_iter().chain(pairs).collect::<Vec<_>>()
        };
        lines.push(words(&mut [job.len() as i64].into_iter().chain(job.iter().flat_map(modes))));
    }
    let count: usize = spec.jobs.iter().map(Vec::len).sum();
    lines.extend(spec.setups.chunks(count.max(1)).map(|row| words(&mut row.iter().copied())));
    lines.join("\n") + "\n"
}
