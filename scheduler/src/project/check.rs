//! Whether a plan of a project is legal, and how long it takes. Shares no code with the search.

use super::model::{LagFrom, Project, ProjectMode, ProjectPlan};
use crate::spec::Slot;

/// What is wrong with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectViolation {
    /// Not one start and one mode for each activity; nothing else is judged.
    Shape,
    /// No such mode; nothing else is judged.
    NoMode {
        /// Position of the activity.
        activity: usize,
    },
    /// A start before zero.
    Start {
        /// Position of the activity.
        activity: usize,
    },
    /// Sooner than a lag allows.
    Lag {
        /// Position of the lag.
        lag: usize,
        /// Slots that are missing.
        missing: Slot,
    },
    /// More of a renewable resource than there is; the first such time of each resource.
    Renewable {
        /// Position of the resource.
        resource: usize,
        /// From this slot.
        at: Slot,
        /// Units above the capacity.
        over: i64,
    },
    /// More of a non-renewable resource than there is.
    NonRenewable {
        /// Position of the resource.
        resource: usize,
        /// Units above the stock.
        over: i64,
    },
}

/// Everything that is wrong with a plan; empty when it is legal.
#[must_use]
pub fn check_project(project: &Project, plan: &ProjectPlan) -> Vec<ProjectViolation> {
    let chosen = match chosen(project, plan) {
        Ok(chosen) => chosen,
        Err(violation) => return vec![violation],
    };
    let spec = project.spec();
    let mut found = Vec::new();
    for (activity, (start, _)) in chosen.iter().enumerate() {
        if *start < 0 {
            found.push(ProjectViolation::Start { activity });
        }
    }
    for (row, lag) in spec.lags.iter().enumerate() {
        if let (Some((start, mode)), Some((other, _))) = (chosen.get(lag.from), chosen.get(lag.to)) {
            let since = if lag.after == LagFrom::End { start.saturating_add(mode.duration) } else { *start };
            let missing = since.saturating_add(lag.least).saturating_sub(*other);
            if missing > 0 {
                found.push(ProjectViolation::Lag { lag: row, missing });
            }
        }
    }
    for (resource, capacity) in spec.renewable.iter().enumerate() {
        found.extend(first_overload(&chosen, resource, (*capacity).into()));
    }
    for (resource, stock) in spec.non_renewable.iter().enumerate() {
        let used: i64 =
            chosen.iter().filter_map(|(_, mode)| mode.non_renewable.get(resource)).copied().map(i64::from).sum();
        let over = used - i64::from(*stock);
        if over > 0 {
            found.push(ProjectViolation::NonRenewable { resource, over });
        }
    }
    found
}

/// When the last activity ends; none when the plan is not of this project.
#[must_use]
pub fn project_end(project: &Project, plan: &ProjectPlan) -> Option<Slot> {
    let chosen = chosen(project, plan).ok()?;
    Some(chosen.iter().map(|(start, mode)| start.saturating_add(mode.duration)).max().unwrap_or(0))
}

fn chosen<'a>(project: &'a Project, plan: &ProjectPlan) -> Result<Vec<(Slot, &'a ProjectMode)>, ProjectViolation> {
    let activities = &project.spec().activities;
    if plan.starts.len() != activities.len() || plan.modes.len() != activities.len() {
        return Err(ProjectViolation::Shape);
    }
    let rows = activities.iter().zip(&plan.starts).zip(&plan.modes).enumerate();
    let found = rows.map(|(activity, ((known, start), mode))| match known.modes.get(*mode) {
        Some(mode) => Ok((*start, mode)),
        None => Err(ProjectViolation::NoMode { activity }),
    });
    found.collect()
}

/// Counts over all starts and ends in order of time, ends first.
fn first_overload(chosen: &[(Slot, &ProjectMode)], resource: usize, capacity: i64) -> Option<ProjectViolation> {
    let mut changes = Vec::new();
    for (start, mode) in chosen {
        let units = i64::from(mode.renewable.get(resource).copied().unwrap_or(0));
        if mode.duration > 0 && units > 0 {
            changes.push((*start, units));
            changes.push((start.saturating_add(mode.duration), -units));
        }
    }
    changes.sort_unstable();
    let mut used = 0;
    for (at, change) in changes {
        used += change;
        if used > capacity {
            return Some(ProjectViolation::Renewable { resource, at, over: used - capacity });
        }
    }
    None
}
