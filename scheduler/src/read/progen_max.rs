//! The ProGen/max format (`.sch`): activities with minimum and maximum time lags between starts.
//! Two tables of as many lines as there are activities, then the capacities.

use super::numbers::{Line, Lines, ProjectTextError, number, numbers};
use crate::project::{LagFrom, Project, ProjectActivity, ProjectLag, ProjectMode, ProjectSpec};

/// Reads a project in the ProGen/max format.
///
/// # Errors
/// When the text is not of this format or its numbers cannot be planned: the line, what is wrong,
/// and what to do.
pub fn read_sch(text: &str) -> Result<Project, ProjectTextError> {
    let mut lines = Lines::of(text);
    let first = lines.take("the number of activities")?;
    let head: Vec<i64> = numbers(first)?;
    let (Some(inner), Some(resources)) = (head.first(), head.get(1)) else {
        let remedy = "begin with the number of activities and the number of renewable resources";
        return Err(ProjectTextError::new(first.number, "fewer than two numbers", remedy));
    };
    if head.iter().skip(2).any(|more| *more != 0) {
        let remedy = "leave out resources that are not renewable; this format is read without them";
        return Err(ProjectTextError::new(first.number, "resources of other kinds are announced", remedy));
    }
    // Source and sink are not counted, and each activity takes two lines.
    let most = lines.left() / 2;
    let activities = inner.checked_add(2).and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= most);
    let Some(activities) = activities.filter(|count| *count >= 2) else {
        let wrong = format!("{inner} activities are announced, {} lines follow", lines.left());
        let remedy = "give two lines for each activity, and for source and sink, and a line of capacities";
        return Err(ProjectTextError::new(first.number, wrong, remedy));
    };
    let mut spec = ProjectSpec::default();
    for row in 0..activities {
        successors(lines.take("the last line of successors")?, row, activities, &mut spec.lags)?;
    }
    for row in 0..activities {
        let line = lines.take("the last line of demands")?;
        spec.activities.push(activity(line, row, *resources)?);
    }
    let last = lines.take("the capacities")?;
    spec.renewable = numbers(last)?;
    if spec.renewable.len() as i64 != *resources {
        let wrong = format!("{} capacities, but {resources} resources", spec.renewable.len());
        return Err(ProjectTextError::new(last.number, wrong, "give one capacity for each resource"));
    }
    if let Some(more) = lines.peek() {
        let wrong = "text after the capacities";
        return Err(ProjectTextError::new(more.number, wrong, "correct the number of activities on the first line"));
    }
    Project::new(spec).map_err(|error| ProjectTextError::new(last.number, error.to_string(), "correct the project"))
}

fn expect_row(line: Line, found: Option<&i64>, row: usize) -> Result<(), ProjectTextError> {
    if found == Some(&(row as i64)) {
        return Ok(());
    }
    let wrong = format!("the line should begin with activity {row}");
    Err(ProjectTextError::new(line.number, wrong, "list all activities in order, counted from 0"))
}

/// `activity, modes, how many successors, the successors, their lags in brackets`.
fn successors(line: Line, row: usize, activities: usize, lags: &mut Vec<ProjectLag>) -> Result<(), ProjectTextError> {
    let (plain, bracketed) = line.text.split_at(line.text.find('[').unwrap_or(line.text.len()));
    let plain: Vec<i64> = numbers(Line { text: plain, ..line })?;
    expect_row(line, plain.first(), row)?;
    if plain.get(1) != Some(&1) {
        let remedy = "give the number of modes as 1; several modes are read from .mm files";
        return Err(ProjectTextError::new(line.number, "an activity of this format has one mode", remedy));
    }
    let mut least = Vec::new();
    for part in bracketed.split('[').skip(1) {
        let Some((inside, after)) = part.split_once(']').filter(|(_, after)| after.trim().is_empty()) else {
            let remedy = "write one lag in brackets for each successor";
            return Err(ProjectTextError::new(line.number, "lags are not all in brackets", remedy));
        };
        debug_assert!(after.trim().is_empty());
        least.push(number(line.number, inside.trim())?);
    }
    let named = plain.get(3..).unwrap_or_default();
    let told = plain.get(2).copied().unwrap_or(-1);
    if told != named.len() as i64 || named.len() != least.len() {
        let wrong = format!("{told} successors are announced, {} named, {} lags given", named.len(), least.len());
        return Err(ProjectTextError::new(line.number, wrong, "make the three numbers agree"));
    }
    for (to, least) in named.iter().zip(least) {
        let Some(to) = usize::try_from(*to).ok().filter(|to| *to < activities) else {
            let remedy = format!("name activities from 0 to {}", activities - 1);
            return Err(ProjectTextError::new(line.number, format!("there is no activity {to}"), remedy));
        };
        lags.push(ProjectLag { from: row, to, after: LagFrom::Start, least });
    }
    Ok(())
}

/// `activity, mode, duration, demands`.
fn activity(line: Line, row: usize, resources: i64) -> Result<ProjectActivity, ProjectTextError> {
    let found: Vec<i64> = numbers(line)?;
    expect_row(line, found.first(), row)?;
    let (Some(1), Some(duration), Some(demands)) = (found.get(1), found.get(2), found.get(3..)) else {
        let remedy = "give activity, mode 1, duration and one demand for each resource";
        return Err(ProjectTextError::new(line.number, "the line is not one of demands", remedy));
    };
    if demands.len() as i64 != resources {
        let wrong = format!("{} demands, but {resources} resources", demands.len());
        return Err(ProjectTextError::new(line.number, wrong, "give one demand for each resource"));
    }
    let renewable = demands.iter().map(|units| {
        u32::try_from(*units).map_err(|_| {
            let remedy = "give demands that are not negative and fit 32 bits";
            ProjectTextError::new(line.number, format!("a demand is {units}"), remedy)
        })
    });
    let renewable = renewable.collect::<Result<_, _>>()?;
    Ok(ProjectActivity { modes: vec![ProjectMode { duration: *duration, renewable, ..Default::default() }] })
}
