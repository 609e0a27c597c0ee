//! The PSPLIB formats `.sm` (one mode) and `.mm` (several modes, non-renewable resources), also as
//! MMLIB writes them. Due dates and tardiness costs in them are not read.

use super::numbers::{Line, Lines, ProjectTextError, number, numbers};
use crate::project::{LagFrom, Project, ProjectActivity, ProjectLag, ProjectMode, ProjectSpec};

#[derive(Debug, Default)]
struct Head {
    jobs: usize,
    renewable: usize,
    non_renewable: usize,
}

impl Head {
    fn resources(&self) -> usize {
        self.renewable.saturating_add(self.non_renewable)
    }
}

/// Reads a project in a PSPLIB format, with one mode or several.
///
/// # Errors
/// When the text is not of this format or its numbers cannot be planned: the line, what is wrong,
/// and what to do.
pub fn read_psplib(text: &str) -> Result<Project, ProjectTextError> {
    let mut lines = Lines::of(text);
    let (head, first) = head(&mut lines)?;
    let mut spec = ProjectSpec::default();
    let mut modes = Vec::new();
    let table = table(&mut lines, first)?;
    for line in &table {
        modes.push(successors(*line, modes.len(), &head, &mut spec.lags)?);
    }
    expect_jobs(modes.len(), &head, first)?;
    let second = seek(&mut lines, "REQUESTS")?;
    let table = self::table(&mut lines, second)?;
    for line in &table {
        mode(*line, &head, &modes, &mut spec.activities)?;
    }
    expect_jobs(spec.activities.len(), &head, second)?;
    expect_modes(&spec.activities, &modes, second)?;
    let third = seek(&mut lines, "RESOURCE")?;
    let [line] = self::table(&mut lines, third)?[..] else {
        let remedy = "give one line with what there is of each resource";
        return Err(ProjectTextError::new(third.number, "not one line of availabilities follows", remedy));
    };
    let mut units: Vec<u32> = numbers(line)?;
    if units.len() != head.resources() {
        let wrong = format!("{} availabilities, but {} resources", units.len(), head.resources());
        return Err(ProjectTextError::new(line.number, wrong, "give one for each resource"));
    }
    spec.non_renewable = units.split_off(head.renewable);
    spec.renewable = units;
    Project::new(spec).map_err(|error| ProjectTextError::new(line.number, error.to_string(), "correct the project"))
}

/// Everything up to and with the title of the first table.
fn head<'a>(lines: &mut Lines<'a>) -> Result<(Head, Line<'a>), ProjectTextError> {
    let mut head = Head::default();
    loop {
        let line = lines.take("PRECEDENCE RELATIONS")?;
        if line.text.starts_with("PRECEDENCE") {
            return Ok((head, line));
        }
        let Some((name, value)) = line.text.split_once(':') else { continue };
        let name = name.trim_start_matches(['-', ' ']).trim();
        let value = || number(line.number, value.split_whitespace().next().unwrap_or(""));
        match name {
            "renewable" => head.renewable = value()?,
            "nonrenewable" => head.non_renewable = value()?,
            "doubly constrained" if value()? != 0_usize => {
                let remedy = "split each into a renewable and a non-renewable one";
                return Err(ProjectTextError::new(line.number, "doubly constrained resources are not planned", remedy));
            }
            _ if name.starts_with("jobs") => head.jobs = value()?,
            _ => {}
        }
    }
}

fn seek<'a>(lines: &mut Lines<'a>, title: &str) -> Result<Line<'a>, ProjectTextError> {
    loop {
        let line = lines.take(title)?;
        if line.text.starts_with(title) {
            return Ok(line);
        }
    }
}

/// The lines that begin with a digit, after those of the table's head.
fn table<'a>(lines: &mut Lines<'a>, title: Line) -> Result<Vec<Line<'a>>, ProjectTextError> {
    let is_row = |line: &Line| line.text.starts_with(|first: char| first.is_ascii_digit());
    while !lines.peek().as_ref().is_some_and(is_row) {
        lines.take(&format!("a row of the table of line {}", title.number))?;
    }
    let mut rows = Vec::new();
    while let Some(line) = lines.peek().filter(is_row) {
        rows.push(line);
        lines.take("a row")?;
    }
    Ok(rows)
}

fn expect_jobs(found: usize, head: &Head, title: Line) -> Result<(), ProjectTextError> {
    if found == head.jobs {
        return Ok(());
    }
    let wrong = format!("{} jobs are announced, this table lists {found}", head.jobs);
    Err(ProjectTextError::new(title.number, wrong, "list every job, or correct the number of jobs"))
}

fn expect_modes(jobs: &[ProjectActivity], told: &[usize], title: Line) -> Result<(), ProjectTextError> {
    let rows = jobs.iter().zip(told).enumerate();
    let mut wrong = rows.filter(|(_, (job, told))| job.modes.len() != **told);
    wrong.next().map_or(Ok(()), |(row, (job, told))| {
        let wrong = format!("job {} should have {told} modes, {} are listed", row + 1, job.modes.len());
        Err(ProjectTextError::new(title.number, wrong, "give one line for each mode"))
    })
}

/// `job, how many modes, how many successors, the successors`; gives the number of modes.
fn successors(line: Line, row: usize, head: &Head, lags: &mut Vec<ProjectLag>) -> Result<usize, ProjectTextError> {
    let found: Vec<usize> = numbers(line)?;
    let (Some(job), Some(modes), Some(count), Some(named)) =
        (found.first(), found.get(1), found.get(2), found.get(3..))
    else {
        let remedy = "give job, number of modes, number of successors, successors";
        return Err(ProjectTextError::new(line.number, "fewer than three numbers", remedy));
    };
    if *job != row + 1 {
        let wrong = format!("job {job} where job {} should be", row + 1);
        return Err(ProjectTextError::new(line.number, wrong, "list all jobs in order, counted from 1"));
    }
    if named.len() != *count {
        let wrong = format!("{count} successors are announced, {} named", named.len());
        return Err(ProjectTextError::new(line.number, wrong, "make the two agree"));
    }
    for to in named {
        if *to == 0 || *to > head.jobs {
            let remedy = format!("name jobs from 1 to {}", head.jobs);
            return Err(ProjectTextError::new(line.number, format!("there is no job {to}"), remedy));
        }
        lags.push(ProjectLag { from: row, to: to - 1, after: LagFrom::End, least: 0 });
    }
    Ok(*modes)
}

/// `job, mode, duration, requests`; a job's name stands only on the line of its first mode.
fn mode(line: Line, head: &Head, told: &[usize], jobs: &mut Vec<ProjectActivity>) -> Result<(), ProjectTextError> {
    let found: Vec<u32> = numbers(line)?;
    let width = head.resources().saturating_add(2);
    let listed = jobs.last().map_or(0, |job| job.modes.len());
    let is_new = jobs.last().is_none_or(|_| told.get(jobs.len() - 1).is_some_and(|told| listed >= *told));
    let row = if is_new { found.split_first() } else { None };
    if let Some((job, _)) = row {
        if usize::try_from(*job) != Ok(jobs.len() + 1) {
            let wrong = format!("job {job} where job {} should be", jobs.len() + 1);
            return Err(ProjectTextError::new(line.number, wrong, "list all jobs in order, with all their modes"));
        }
        jobs.push(ProjectActivity::default());
    }
    let row = row.map_or(found.as_slice(), |(_, row)| row);
    let (Some(number), Some(duration), Some(units)) = (row.first(), row.get(1), row.get(2..)) else {
        return Err(ProjectTextError::new(line.number, "too few numbers", "give mode, duration and requests"));
    };
    let Some(job) = jobs.last_mut().filter(|job| job.modes.len() + 1 == *number as usize && row.len() == width) else {
        let wrong = format!("{} numbers for mode {number}, or modes out of order", row.len());
        let remedy = format!("give the modes in order, each with a duration and {} requests", width - 2);
        return Err(ProjectTextError::new(line.number, wrong, remedy));
    };
    let (renewable, non_renewable) = units.split_at(head.renewable);
    let (renewable, non_renewable) = (renewable.to_vec(), non_renewable.to_vec());
    job.modes.push(ProjectMode { duration: (*duration).into(), renewable, non_renewable });
    Ok(())
}
