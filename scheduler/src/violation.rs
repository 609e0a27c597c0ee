//! How a plan can break a rule, and the sentence that says so. It does not look for violations.

use crate::index::{AirlockIx, BatchIx, PoolIx, SuiteIx, TenantIx};
use crate::problem::Problem;
use crate::spec::{Slot, Window};

/// A rule that a plan breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The plan is of another problem: it speaks of more or fewer batches.
    BatchCount {
        /// Batches in the plan.
        planned: usize,
        /// Batches in the problem.
        wanted: usize,
    },
    /// A placement whose route, suites, equipment or number of starts do not exist in the problem.
    Shape {
        /// The batch.
        batch: BatchIx,
    },
    /// A batch that may not be refused is not placed.
    ConfirmedRefused {
        /// The batch.
        batch: BatchIx,
    },
    /// It starts before its release.
    BeforeRelease {
        /// The batch.
        batch: BatchIx,
        /// Its start.
        start: Slot,
        /// Its release.
        release: Slot,
    },
    /// It starts after its latest start.
    AfterStartMax {
        /// The batch.
        batch: BatchIx,
        /// Its start.
        start: Slot,
        /// Its latest start.
        start_max: Slot,
    },
    /// A confirmed booking starts further from its agreed start than was agreed.
    BeyondTolerance {
        /// The batch.
        batch: BatchIx,
        /// Its start.
        start: Slot,
        /// Earliest start agreed.
        earliest: Slot,
        /// Latest start agreed.
        latest: Slot,
    },
    /// It starts before work that it must follow has ended.
    WorkNotDone {
        /// The batch.
        batch: BatchIx,
        /// The work item.
        after: BatchIx,
        /// Its start.
        start: Slot,
        /// When the work ends; never when it is not in the plan.
        end: Option<Slot>,
    },
    /// Something that is not committed starts in the past.
    BeforeNow {
        /// The batch.
        batch: BatchIx,
        /// The activity, counted from 0.
        activity: usize,
        /// Its start.
        start: Slot,
        /// The problem's now.
        now: Slot,
    },
    /// It ends after its deadline.
    AfterDeadline {
        /// The batch.
        batch: BatchIx,
        /// Its end.
        end: Slot,
        /// Its deadline.
        deadline: Slot,
    },
    /// It ends after the horizon.
    BeyondHorizon {
        /// The batch.
        batch: BatchIx,
        /// Its end.
        end: Slot,
        /// The horizon.
        horizon: Slot,
    },
    /// An activity follows too soon.
    LagTooShort {
        /// The batch.
        batch: BatchIx,
        /// The later activity, counted from 0.
        activity: usize,
        /// Slots since the one before.
        lag: Slot,
        /// Least.
        min_lag: Slot,
    },
    /// An activity follows too late.
    LagTooLong {
        /// The batch.
        batch: BatchIx,
        /// The later activity, counted from 0.
        activity: usize,
        /// Slots since the one before.
        lag: Slot,
        /// Most.
        max_lag: Slot,
    },
    /// A fixed route, start, suite or pool was changed.
    CommitmentMoved {
        /// The batch.
        batch: BatchIx,
    },
    /// More units of a pool are used than there are.
    Capacity {
        /// The pool.
        pool: PoolIx,
        /// When.
        window: Window,
        /// Units missing, at worst.
        excess: i64,
    },
    /// An equipment hold uses a pool that does not serve it.
    WrongEquipment {
        /// The batch.
        batch: BatchIx,
        /// The pool.
        pool: PoolIx,
    },
    /// The suite lacks a class or the grade, or is not among those named.
    SuiteUnfit {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
    },
    /// The suite has what the hold asks for at some time, but not throughout the hold.
    SuiteNotFitThen {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// The hold.
        window: Window,
    },
    /// A hold that must come back to the suite of an earlier one is in another.
    NotTheSameSuite {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// The suite it must come back to.
        first: SuiteIx,
    },
    /// The tenant is not qualified for the suite.
    SuiteNotQualified {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
    },
    /// The hold overlaps maintenance of the suite.
    Maintenance {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// The maintenance.
        window: Window,
    },
    /// The hold overlaps another tenant's reservation.
    Reserved {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// Whose it is.
        tenant: TenantIx,
        /// The reservation.
        window: Window,
    },
    /// The suite, or its first changeover, is not finished when the hold starts.
    SuiteNotReady {
        /// The batch.
        batch: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// Start of the hold.
        start: Slot,
        /// When the suite is ready.
        ready: Slot,
    },
    /// Two batches that may not share are in the suite together.
    SuiteTaken {
        /// The later batch.
        batch: BatchIx,
        /// The one already there.
        by: BatchIx,
        /// The suite.
        suite: SuiteIx,
    },
    /// Too little time between two holds to clear the suite.
    ChangeoverTooShort {
        /// The later batch.
        batch: BatchIx,
        /// The earlier one.
        after: BatchIx,
        /// The suite.
        suite: SuiteIx,
        /// Slots between.
        gap: Slot,
        /// Slots needed.
        needed: Slot,
    },
    /// More shared holds than places.
    Places {
        /// The suite.
        suite: SuiteIx,
        /// From when.
        from: Slot,
        /// Places taken.
        taken: i64,
        /// Places there are.
        places: i64,
    },
    /// More passages through an airlock at once than it allows.
    AirlockFull {
        /// The airlock.
        airlock: AirlockIx,
        /// From when.
        from: Slot,
        /// Passages in one direction.
        passages: i64,
        /// Passages it allows.
        capacity: i64,
    },
    /// An airlock is used inwards and outwards at once.
    AirlockBothWays {
        /// The airlock.
        airlock: AirlockIx,
        /// From when.
        from: Slot,
    },
    /// The tenant holds more suites than its quota.
    Quota {
        /// The tenant.
        tenant: TenantIx,
        /// From when.
        from: Slot,
        /// Holds open.
        open: i64,
        /// Most.
        most: i64,
    },
}

impl Violation {
    /// One sentence for a planner: what, where, when.
    #[must_use]
    pub fn describe(&self, problem: &Problem) -> String {
        let names = Names(problem);
        format!("{}: {}", self.subject(&names), self.predicate(&names))
    }

    /// What breaks the rule.
    fn subject(&self, names: &Names) -> String {
        match self {
            Self::BatchCount { .. } => "plan".to_owned(),
            Self::Shape { batch }
            | Self::ConfirmedRefused { batch }
            | Self::BeforeRelease { batch, .. }
            | Self::AfterStartMax { batch, .. }
            | Self::BeyondTolerance { batch, .. }
            | Self::WorkNotDone { batch, .. }
            | Self::BeforeNow { batch, .. }
            | Self::AfterDeadline { batch, .. }
            | Self::BeyondHorizon { batch, .. }
            | Self::LagTooShort { batch, .. }
            | Self::LagTooLong { batch, .. }
            | Self::CommitmentMoved { batch }
            | Self::WrongEquipment { batch, .. }
            | Self::SuiteUnfit { batch, .. }
            | Self::SuiteNotFitThen { batch, .. }
            | Self::NotTheSameSuite { batch, .. }
            | Self::SuiteNotQualified { batch, .. }
            | Self::Maintenance { batch, .. }
            | Self::Reserved { batch, .. }
            | Self::SuiteNotReady { batch, .. }
            | Self::SuiteTaken { batch, .. }
            | Self::ChangeoverTooShort { batch, .. } => names.batch(*batch),
            Self::Capacity { pool, .. } => names.pool(*pool),
            Self::Places { suite, .. } => names.suite(*suite),
            Self::AirlockFull { airlock, .. } | Self::AirlockBothWays { airlock, .. } => names.airlock(*airlock),
            Self::Quota { tenant, .. } => names.tenant(*tenant),
        }
    }

    /// How it breaks it.
    fn predicate(&self, names: &Names) -> String {
        let suite = |ix: &SuiteIx| names.suite(*ix);
        let nth = |row: &usize| format!("activity {}", row + 1);
        match self {
            Self::BatchCount { planned, wanted } => format!("speaks of {planned} batches, the problem has {wanted}"),
            Self::Shape { .. } => "names what does not exist, or has a list of the wrong length".to_owned(),
            Self::ConfirmedRefused { .. } => "is confirmed and may not be refused".to_owned(),
            Self::BeforeRelease { start, release, .. } => format!("starts at {start}, before its release at {release}"),
            Self::AfterStartMax { start, start_max, .. } => format!("starts at {start}, later than {start_max}"),
            Self::BeyondTolerance { start, earliest, latest, .. } => {
                format!("starts at {start}; agreed was a start between {earliest} and {latest}")
            }
            Self::WorkNotDone { after, start, end, .. } => match end {
                Some(end) => format!("starts at {start}, before {} ends at {end}", names.batch(*after)),
                None => format!("follows {}, which is not in the plan", names.batch(*after)),
            },
            Self::BeforeNow { activity, start, now, .. } => {
                format!("{} at {start} is before now, {now}", nth(activity))
            }
            Self::AfterDeadline { end, deadline, .. } => format!("ends at {end}, after its deadline at {deadline}"),
            Self::BeyondHorizon { end, horizon, .. } => format!("ends at {end}, after the horizon at {horizon}"),
            Self::LagTooShort { activity, lag, min_lag, .. } => {
                format!("{} follows after {lag} slots; at least {min_lag} are needed", nth(activity))
            }
            Self::LagTooLong { activity, lag, max_lag, .. } => {
                format!("{} follows after {lag} slots; at most {max_lag} are allowed", nth(activity))
            }
            Self::CommitmentMoved { .. } => "a fixed route, start, suite or pool was changed".to_owned(),
            Self::Capacity { window, excess, .. } => {
                format!("{excess} units too few between {} and {}", window.start, window.end)
            }
            Self::WrongEquipment { pool, .. } => format!("{} does not serve its hold", names.pool(*pool)),
            Self::SuiteUnfit { suite: at, .. } => format!("{} is not fit for its hold", suite(at)),
            Self::SuiteNotFitThen { suite: at, window, .. } => {
                format!("{} is not fit for its hold all the time from {} to {}", suite(at), window.start, window.end)
            }
            Self::NotTheSameSuite { suite: at, first, .. } => {
                format!("comes back to {}, not to {}", suite(at), suite(first))
            }
            Self::SuiteNotQualified { suite: at, .. } => format!("its tenant is not qualified for {}", suite(at)),
            Self::Maintenance { suite: at, window, .. } => {
                format!("{} is in maintenance from {} to {}", suite(at), window.start, window.end)
            }
            Self::Reserved { suite: at, tenant, window, .. } => {
                let whose = names.tenant(*tenant);
                format!("{} is reserved for {whose} from {} to {}", suite(at), window.start, window.end)
            }
            Self::SuiteNotReady { suite: at, start, ready, .. } => {
                format!("needs {} at {start}, which is ready at {ready}", suite(at))
            }
            Self::SuiteTaken { suite: at, by, .. } => format!("{} is still held by {}", suite(at), names.batch(*by)),
            Self::ChangeoverTooShort { suite: at, after, gap, needed, .. } => {
                let before = names.batch(*after);
                format!("{gap} slots after {before} in {}; the changeover needs {needed}", suite(at))
            }
            Self::Places { from, taken, places, .. } => format!("{taken} of {places} places are taken from {from}"),
            Self::AirlockFull { from, passages, capacity, .. } => {
                format!("{passages} passages at once from {from}; it allows {capacity}")
            }
            Self::AirlockBothWays { from, .. } => format!("is used in both directions at once from {from}"),
            Self::Quota { from, open, most, .. } => format!("holds {open} suites from {from}; its quota is {most}"),
        }
    }
}

struct Names<'p>(&'p Problem);

impl Names<'_> {
    fn batch(&self, ix: BatchIx) -> String {
        format!("batch {}", self.0.batch(ix).map_or("?", |it| &it.id))
    }

    fn suite(&self, ix: SuiteIx) -> String {
        format!("suite {}", self.0.suite(ix).map_or("?", |it| &it.id))
    }

    fn pool(&self, ix: PoolIx) -> String {
        format!("pool {}", self.0.pool(ix).map_or("?", |it| &it.id))
    }

    fn airlock(&self, ix: AirlockIx) -> String {
        format!("airlock {}", self.0.airlock(ix).map_or("?", |it| &it.id))
    }

    fn tenant(&self, ix: TenantIx) -> String {
        format!("tenant {}", self.0.tenant(ix).map_or("?", |it| &it.id))
    }
}
