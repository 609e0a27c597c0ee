//! What a resource-constrained project is: activities with modes, time lags, resources. It holds
//! only what has been found sound; it knows nothing of a search and judges no plan.

use crate::spec::Slot;

/// Longest total time a project may need, in slots: far above any real one, low enough that sums of
/// a few times never leave 32 bits.
pub(super) const HORIZON_MAX: Slot = 1 << 28;
/// Largest capacity and demand, so that sums over all activities stay within 32 bits.
const UNITS_MAX: u32 = 1 << 24;
/// Most activities, modes in all and lags: each takes memory many times over in the search.
const COUNT_MAX: usize = 1 << 20;

/// One way of doing an activity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectMode {
    /// How long it takes, in slots; zero for a milestone.
    pub duration: Slot,
    /// Units of each renewable resource, held while it runs.
    pub renewable: Vec<u32>,
    /// Units of each non-renewable resource, used up once.
    pub non_renewable: Vec<u32>,
}

/// Something to be done once, in one of its modes, without interruption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectActivity {
    /// The ways of doing it; at least one.
    pub modes: Vec<ProjectMode>,
}

/// From where a lag is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagFrom {
    /// From the start of the earlier activity.
    Start,
    /// From its end, whatever its mode.
    End,
}

/// The activity `to` starts no earlier than `least` after `from`. A negative `least` says how far
/// `to` may lie before `from`, which is a maximum lag from `to` to `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectLag {
    /// Position of the activity from which the lag is counted.
    pub from: usize,
    /// Position of the activity that waits.
    pub to: usize,
    /// Counted from the start or the end of `from`.
    pub after: LagFrom,
    /// Slots, possibly negative.
    pub least: Slot,
}

/// A project as a caller writes it down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectSpec {
    /// Units there are of each renewable resource at any time.
    pub renewable: Vec<u32>,
    /// Units there are of each non-renewable resource in all.
    pub non_renewable: Vec<u32>,
    /// What is to be done.
    pub activities: Vec<ProjectActivity>,
    /// What waits for what.
    pub lags: Vec<ProjectLag>,
}

/// Why a specification is not a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// Too many of something.
    #[error("the project has {found} {what}, at most {COUNT_MAX} can be planned")]
    TooMany {
        /// Activities, modes or lags.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// An activity that cannot be done in any way.
    #[error("activity {activity} has no mode")]
    NoMode {
        /// Its position.
        activity: usize,
    },
    /// A mode names other resources than there are.
    #[error("activity {activity}, mode {mode}: {found} {kind} demands, but the project has {wanted} such resources")]
    Demands {
        /// Its position.
        activity: usize,
        /// Position of the mode.
        mode: usize,
        /// Renewable or non-renewable.
        kind: &'static str,
        /// Demands named.
        found: usize,
        /// Resources there are.
        wanted: usize,
    },
    /// A number outside what can be planned.
    #[error("{what} of {at} is {found}, it must lie within {least} and {most}")]
    Range {
        /// The quantity.
        what: &'static str,
        /// Whose.
        at: String,
        /// Its value.
        found: Slot,
        /// Smallest allowed.
        least: Slot,
        /// Largest allowed.
        most: Slot,
    },
    /// A lag between activities that do not exist.
    #[error("lag {lag} joins activity {activity}, but there are only {activities}")]
    NoActivity {
        /// Position of the lag.
        lag: usize,
        /// The position it names.
        activity: usize,
        /// How many there are.
        activities: usize,
    },
    /// Durations and lags that add up to more than can be planned.
    #[error("durations and lags add up to {total} slots, at most {HORIZON_MAX} can be planned; use coarser slots")]
    TooLong {
        /// Their sum.
        total: Slot,
    },
}

/// A sound project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    spec: ProjectSpec,
    horizon: Slot,
}

impl Project {
    /// # Errors
    /// When counts, numbers or positions are outside what can be planned; the first is named. That
    /// a project has no plan is not an error here.
    pub fn new(spec: ProjectSpec) -> Result<Self, ProjectError> {
        let modes = spec.activities.iter().map(|activity| activity.modes.len()).sum();
        for (what, found) in [("activities", spec.activities.len()), ("modes", modes), ("lags", spec.lags.len())] {
            if found > COUNT_MAX {
                return Err(ProjectError::TooMany { what, found });
            }
        }
        for (row, units) in spec.renewable.iter().enumerate() {
            units_in_range(*units, || format!("renewable resource {row}"))?;
        }
        for (row, units) in spec.non_renewable.iter().enumerate() {
            units_in_range(*units, || format!("non-renewable resource {row}"))?;
        }
        for (row, activity) in spec.activities.iter().enumerate() {
            check_activity(&spec, row, activity)?;
        }
        for (row, lag) in spec.lags.iter().enumerate() {
            check_lag(&spec, row, lag)?;
        }
        let horizon = horizon(&spec);
        if horizon > HORIZON_MAX {
            return Err(ProjectError::TooLong { total: horizon });
        }
        Ok(Self { spec, horizon })
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &ProjectSpec {
        &self.spec
    }

    /// No project that can be planned at all needs longer than this, in slots.
    #[must_use]
    pub fn horizon(&self) -> Slot {
        self.horizon
    }
}

fn in_range(what: &'static str, at: String, found: Slot, least: Slot, most: Slot) -> Result<(), ProjectError> {
    if found < least || found > most { Err(ProjectError::Range { what, at, found, least, most }) } else { Ok(()) }
}

fn units_in_range(units: u32, at: impl Fn() -> String) -> Result<(), ProjectError> {
    if units > UNITS_MAX { in_range("a quantity", at(), units.into(), 0, UNITS_MAX.into()) } else { Ok(()) }
}

fn check_activity(spec: &ProjectSpec, row: usize, activity: &ProjectActivity) -> Result<(), ProjectError> {
    if activity.modes.is_empty() {
        return Err(ProjectError::NoMode { activity: row });
    }
    for (column, mode) in activity.modes.iter().enumerate() {
        let kinds = [
            ("renewable", mode.renewable.len(), spec.renewable.len()),
            ("non-renewable", mode.non_renewable.len(), spec.non_renewable.len()),
        ];
        for (kind, found, wanted) in kinds {
            if found != wanted {
                return Err(ProjectError::Demands { activity: row, mode: column, kind, found, wanted });
            }
        }
        let at = || format!("activity {row}, mode {column}");
        in_range("the duration", at(), mode.duration, 0, HORIZON_MAX)?;
        for units in mode.renewable.iter().chain(&mode.non_renewable) {
            units_in_range(*units, at)?;
        }
    }
    Ok(())
}

fn check_lag(spec: &ProjectSpec, row: usize, lag: &ProjectLag) -> Result<(), ProjectError> {
    let activities = spec.activities.len();
    for activity in [lag.from, lag.to] {
        if activity >= activities {
            return Err(ProjectError::NoActivity { lag: row, activity, activities });
        }
    }
    in_range("the time", format!("lag {row}"), lag.least, -HORIZON_MAX, HORIZON_MAX)
}

/// In a shortest plan every activity starts within this sum: each gap that no lag and no running
/// activity explains could be closed.
fn horizon(spec: &ProjectSpec) -> Slot {
    let longest = |activity: &ProjectActivity| activity.modes.iter().map(|mode| mode.duration).max().unwrap_or(0);
    let lengths: Vec<Slot> = spec.activities.iter().map(longest).collect();
    let mut reach = lengths.clone();
    for lag in &spec.lags {
        let from_end = if lag.after == LagFrom::End { lengths.get(lag.from).copied().unwrap_or(0) } else { 0 };
        if let Some(reach) = reach.get_mut(lag.from) {
            *reach = (*reach).max(lag.least + from_end);
        }
    }
    // Sums of at most 2^20 numbers of at most 2^29 each: within 64 bits.
    reach.iter().sum()
}

/// When and how each activity is done, in the order of the project's activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectPlan {
    /// Start of each, in slots from zero.
    pub starts: Vec<Slot>,
    /// Position of the mode of each.
    pub modes: Vec<usize>,
}
