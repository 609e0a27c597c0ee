//! The Patterson format (`.rcp`): numbers only, one activity after another, line breaks anywhere.
//! A project without modes and with plain precedence comes out.

use super::numbers::{Line, Lines, ProjectTextError, numbers};
use crate::project::{LagFrom, Project, ProjectActivity, ProjectLag, ProjectMode, ProjectSpec};

struct Words {
    all: Vec<(usize, i64)>,
    next: usize,
}

impl Words {
    fn take(&mut self, what: &str, least: i64, most: i64) -> Result<(usize, i64), ProjectTextError> {
        let last = self.all.last().map_or(1, |(line, _)| *line);
        let missing = || ProjectTextError::new(last, format!("the text ends before {what}"), "give the whole file");
        let (line, found) = self.all.get(self.next).copied().ok_or_else(missing)?;
        self.next += 1;
        if found < least || found > most {
            let remedy = format!("give a number within {least} and {most}");
            return Err(ProjectTextError::new(line, format!("{what} is {found}"), remedy));
        }
        Ok((line, found))
    }

    fn count(&mut self, what: &str) -> Result<usize, ProjectTextError> {
        // Whatever is counted takes at least one number each.
        let most = self.all.len() as i64;
        Ok(self.take(what, 0, most)?.1.unsigned_abs() as usize)
    }

    fn units(&mut self, what: &str) -> Result<u32, ProjectTextError> {
        Ok(self.take(what, 0, i64::from(u32::MAX))?.1 as u32)
    }
}

/// Reads a project in the Patterson format.
///
/// # Errors
/// When the text is not of this format or its numbers cannot be planned: the line, what is wrong,
/// and what to do.
pub fn read_rcp(text: &str) -> Result<Project, ProjectTextError> {
    let mut lines = Lines::of(text);
    let mut words = Words { all: Vec::new(), next: 0 };
    let mut last: Option<Line> = None;
    while lines.left() > 0 {
        let line = lines.take("its end")?;
        words.all.extend(numbers(line)?.into_iter().map(|number| (line.number, number)));
        last = Some(line);
    }
    let activities = words.count("the number of activities")?;
    let resources = words.count("the number of resources")?;
    let mut spec = ProjectSpec::default();
    for row in 0..resources {
        spec.renewable.push(words.units(&format!("the capacity of resource {}", row + 1))?);
    }
    for row in 0..activities {
        let name = row + 1;
        let (_, duration) = words.take(&format!("the duration of activity {name}"), 0, i64::from(u32::MAX))?;
        let demand = (0..resources).map(|_| words.units(&format!("a demand of activity {name}")));
        let renewable = demand.collect::<Result<_, _>>()?;
        spec.activities
            .push(ProjectActivity { modes: vec![ProjectMode { duration, renewable, ..Default::default() }] });
        let successors = words.count(&format!("the number of successors of activity {name}"))?;
        for _ in 0..successors {
            let what = format!("a successor of activity {name}");
            let (_, to) = words.take(&what, 1, activities as i64)?;
            let to = to.unsigned_abs() as usize - 1;
            spec.lags.push(ProjectLag { from: row, to, after: LagFrom::End, least: 0 });
        }
    }
    if let Some((line, found)) = words.all.get(words.next) {
        let wrong = format!("{found} follows after the last activity");
        return Err(ProjectTextError::new(*line, wrong, "correct the number of activities on the first line"));
    }
    let line = last.map_or(1, |line| line.number);
    Project::new(spec).map_err(|error| ProjectTextError::new(line, error.to_string(), "correct the project"))
}
