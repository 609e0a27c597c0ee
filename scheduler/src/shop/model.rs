//! What a flexible job shop is: operations, the machines each can go to, and set-up times.
//!
//! A `Shop` is sound by construction, and small enough that no sum of its times overflows. It says
//! nothing about how a plan is found.

/// One machine that an operation can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShopMode {
    /// The machine, counted from 0.
    pub machine: usize,
    /// How long the operation takes there, in slots.
    pub duration: i64,
}

/// A shop as a caller writes it down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShopSpec {
    /// How many machines there are.
    pub machines: usize,
    /// Per job its operations in order, per operation the machines it can go to, each at most once.
    /// Operations are numbered from 0 through all jobs, in this order.
    pub jobs: Vec<Vec<Vec<ShopMode>>>,
    /// Slots between the end of one operation and the start of the next on the same machine: by
    /// machine, then earlier operation, then later operation, `machines × operations²` in all.
    /// Empty when there are none. Only neighbours count, and the first operation needs no set-up.
    pub setups: Vec<i64>,
}

/// Why a specification is no shop. Jobs, operations (within their job) and machines count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// Nothing to plan.
    #[error("building the shop: it has no jobs; give at least one")]
    NoJobs,
    /// More than the search is made for.
    #[error("building the shop: {found} {what}, at most {most} are possible; split the shop")]
    TooMany {
        /// Machines, operations or modes.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A job without operations.
    #[error("building the shop: job {job} has no operations; give it one or leave it out")]
    EmptyJob {
        /// The job.
        job: usize,
    },
    /// An operation that can go nowhere.
    #[error("building the shop: operation {operation} of job {job} has no machine; name at least one")]
    NoMachine {
        /// The job.
        job: usize,
        /// The operation within it.
        operation: usize,
    },
    /// A machine that does not exist.
    #[error("building the shop: operation {operation} of job {job} names machine {machine} of {machines}")]
    Machine {
        /// The job.
        job: usize,
        /// The operation within it.
        operation: usize,
        /// The machine named.
        machine: usize,
        /// How many there are.
        machines: usize,
    },
    /// One machine twice for one operation.
    #[error("building the shop: operation {operation} of job {job} names machine {machine} twice; name it once")]
    MachineTwice {
        /// The job.
        job: usize,
        /// The operation within it.
        operation: usize,
        /// The machine named.
        machine: usize,
    },
    /// A duration below zero or absurdly long.
    #[error(
        "building the shop: operation {operation} of job {job} takes {found} slots, possible are 0 to {SHOP_TIME_MAX}"
    )]
    Duration {
        /// The job.
        job: usize,
        /// The operation within it.
        operation: usize,
        /// The duration given.
        found: i64,
    },
    /// The set-up times do not cover every machine and pair.
    #[error("building the shop: {found} set-up times, wanted are {wanted}: machines × operations × operations")]
    SetupCount {
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// A set-up time below zero or absurdly long.
    #[error("building the shop: set-up time number {row} is {found}, possible are 0 to {SHOP_TIME_MAX}")]
    Setup {
        /// Its position in the list, from 0.
        row: usize,
        /// The time given.
        found: i64,
    },
}

/// The longest duration and set-up time, in slots.
pub(crate) const SHOP_TIME_MAX: i64 = 1_000_000_000;
pub(crate) const MACHINES_MAX: usize = 10_000;
pub(crate) const OPERATIONS_MAX: usize = 100_000;
pub(crate) const MODES_MAX: usize = 4_000_000;

/// A flexible job shop that is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    pub(super) machines: usize,
    /// First operation of every job, and the number of operations after the last.
    pub(super) job_from: Vec<usize>,
    /// First mode of every operation, and the number of modes after the last.
    mode_from: Vec<usize>,
    modes: Vec<ShopMode>,
    setups: Vec<i64>,
}

impl Shop {
    /// Checks a specification and makes it a shop.
    ///
    /// # Errors
    /// The first thing found that makes the specification unsound.
    pub fn new(spec: &ShopSpec) -> Result<Self, ShopError> {
        let operations: usize = spec.jobs.iter().map(Vec::len).sum();
        let modes: usize = spec.jobs.iter().flatten().map(Vec::len).sum();
        if spec.jobs.is_empty() {
            return Err(ShopError::NoJobs);
        }
        let sizes = [
            ("machines", spec.machines, MACHINES_MAX),
            ("operations", operations, OPERATIONS_MAX),
            ("modes", modes, MODES_MAX),
        ];
        if let Some((what, found, most)) = sizes.into_iter().find(|(_, found, most)| found > most) {
            return Err(ShopError::TooMany { what, found, most });
        }
        for (job, operations) in spec.jobs.iter().enumerate() {
            if operations.is_empty() {
                return Err(ShopError::EmptyJob { job });
            }
            for (operation, modes) in operations.iter().enumerate() {
                check_modes(job, operation, modes, spec.machines)?;
            }
        }
        check_setups(&spec.setups, spec.machines, operations)?;
        let mut shop = Self {
            machines: spec.machines,
            job_from: vec![0],
            mode_from: vec![0],
            modes: Vec::with_capacity(modes),
            setups: spec.setups.clone(),
        };
        for job in &spec.jobs {
            for modes in job {
                shop.modes.extend(modes);
                shop.mode_from.push(shop.modes.len());
            }
            shop.job_from.push(shop.mode_from.len() - 1);
        }
        Ok(shop)
    }

    /// How many machines there are.
    #[must_use]
    pub fn machines(&self) -> usize {
        self.machines
    }

    /// How many operations there are in all jobs.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.mode_from.len() - 1
    }

    /// The operations of every job, by number.
    pub fn jobs(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.job_from.iter().zip(self.job_from.iter().skip(1)).map(|(from, to)| *from..*to)
    }

    /// The machines that an operation can go to; none for a number that is no operation.
    #[must_use]
    pub fn modes(&self, operation: usize) -> &[ShopMode] {
        let bounds = self.mode_from.get(operation).zip(self.mode_from.get(operation.saturating_add(1)));
        bounds.and_then(|(from, to)| self.modes.get(*from..*to)).unwrap_or_default()
    }

    /// Whether there are set-up times at all.
    #[must_use]
    pub fn has_setups(&self) -> bool {
        !self.setups.is_empty()
    }

    /// Slots between two neighbours on a machine; 0 where none is given.
    #[must_use]
    #[inline]
    pub fn setup(&self, machine: usize, earlier: usize, later: usize) -> i64 {
        let count = self.operations();
        if self.setups.is_empty() || machine >= self.machines || earlier >= count || later >= count {
            return 0;
        }
        self.setups.get((machine * count + earlier) * count + later).copied().unwrap_or(0)
    }
}

fn check_modes(job: usize, operation: usize, modes: &[ShopMode], machines: usize) -> Result<(), ShopError> {
    if modes.is_empty() {
        return Err(ShopError::NoMachine { job, operation });
    }
    let mut named: Vec<usize> = modes.iter().map(|mode| mode.machine).collect();
    named.sort_unstable();
    if let Some(machine) = named.iter().zip(named.iter().skip(1)).find_map(|(one, next)| (one == next).then_some(*one))
    {
        return Err(ShopError::MachineTwice { job, operation, machine });
    }
    for mode in modes {
        if mode.machine >= machines {
            return Err(ShopError::Machine { job, operation, machine: mode.machine, machines });
        }
        if !(0..=SHOP_TIME_MAX).contains(&mode.duration) {
            return Err(ShopError::Duration { job, operation, found: mode.duration });
        }
    }
    Ok(())
}

fn check_setups(setups: &[i64], machines: usize, operations: usize) -> Result<(), ShopError> {
    let wanted = machines.saturating_mul(operations).saturating_mul(operations);
    if !setups.is_empty() && setups.len() != wanted {
        return Err(ShopError::SetupCount { found: setups.len(), wanted });
    }
    match setups.iter().enumerate().find(|(_, time)| !(0..=SHOP_TIME_MAX).contains(*time)) {
        Some((row, found)) => Err(ShopError::Setup { row, found: *found }),
        None => Ok(()),
    }
}
