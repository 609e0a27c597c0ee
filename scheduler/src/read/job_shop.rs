//! Flexible job shops as text (`.txt`, `.fjs`): a line with the numbers of jobs and machines, a line
//! per job, and, when set-up times follow, a line per machine and operation.
//!
//! A job's line holds the number of its operations and per operation the number of its machines,
//! then each machine with its duration. Machines count from 1, or from 0 when a 0 is used. No file
//! is opened here.

use crate::shop::model::{MACHINES_MAX, OPERATIONS_MAX, SHOP_TIME_MAX, Shop, ShopError, ShopMode, ShopSpec};

/// Text that is no flexible job shop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobShopError {
    /// A word that is not a number in range.
    #[error("line {line}: {what} is {found:?}; write a whole number from {least} to {most}")]
    Number {
        /// Line of the text, from 1.
        line: usize,
        /// What the number stands for.
        what: &'static str,
        /// The word found.
        found: String,
        /// Least value possible.
        least: u64,
        /// Greatest value possible.
        most: u64,
    },
    /// A line that ends too soon.
    #[error("line {line}: {what} is missing; add it, or correct the counts before it")]
    Missing {
        /// Line of the text, from 1.
        line: usize,
        /// What should come next.
        what: &'static str,
    },
    /// A line that goes on after its last number.
    #[error("line {line}: {found:?} is one word too many; remove it, or correct the counts before it")]
    TooLong {
        /// Line of the text, from 1.
        line: usize,
        /// The word found.
        found: String,
    },
    /// Fewer or more lines than the counts say.
    #[error("line {line}: {found} lines of {what}, wanted are {wanted}; correct the lines or the counts")]
    Lines {
        /// The last line read, from 1.
        line: usize,
        /// What the lines hold.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// Machine 0 and machine M of M in one text.
    #[error("line {line}: machine {machine} beside machine 0 in a shop of {machine}; count machines from 0 or from 1")]
    MixedCount {
        /// Line of the text, from 1.
        line: usize,
        /// The machine.
        machine: usize,
    },
    /// A job that is readable and still not sound.
    #[error("line {line}: the job cannot be planned")]
    Shop {
        /// Line of the job, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: ShopError,
    },
}

/// A line of the text that is not empty, word by word.
struct Line<'t> {
    number: usize,
    words: std::str::SplitWhitespace<'t>,
}

impl Line<'_> {
    fn next(&mut self, what: &'static str, least: u64, most: u64) -> Result<u64, JobShopError> {
        let line = self.number;
        let word = self.words.next().ok_or(JobShopError::Missing { line, what })?;
        let value = word.parse().ok().filter(|value| (least..=most).contains(value));
        value.ok_or_else(|| JobShopError::Number { line, what, found: shortened(word), least, most })
    }

    fn count(&mut self, what: &'static str, most: usize) -> Result<usize, JobShopError> {
        Ok(usize::try_from(self.next(what, 1, most as u64)?).unwrap_or(most))
    }

    fn time(&mut self, what: &'static str) -> Result<i64, JobShopError> {
        Ok(i64::try_from(self.next(what, 0, SHOP_TIME_MAX.unsigned_abs())?).unwrap_or(SHOP_TIME_MAX))
    }

    fn finish(mut self) -> Result<(), JobShopError> {
        let more = self.words.next();
        more.map_or(Ok(()), |word| Err(JobShopError::TooLong { line: self.number, found: shortened(word) }))
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(40).collect()
}

/// Reads a flexible job shop, with set-up times when lines for them follow the jobs.
///
/// # Errors
/// The first line that does not fit the format, and what to do about it.
pub fn read_job_shop(text: &str) -> Result<Shop, JobShopError> {
    let lines = text.lines().enumerate().map(|(row, line)| Line { number: row + 1, words: line.split_whitespace() });
    let mut lines = lines.filter(|line| line.words.clone().next().is_some());
    let mut head = lines.next().ok_or(JobShopError::Missing { line: 1, what: "the line with the counts" })?;
    let wanted = head.count("the number of jobs", OPERATIONS_MAX)?;
    let machines = head.count("the number of machines", MACHINES_MAX)?;
    // A third number may follow: how many machines an operation has on average. It says nothing new.
    let mut last = head.number;
    let mut jobs = Vec::new();
    let mut job_lines = Vec::new();
    for mut line in lines.by_ref().take(wanted) {
        last = line.number;
        job_lines.push(line.number);
        jobs.push(read_job(&mut line, machines)?);
        line.finish()?;
    }
    if jobs.len() != wanted {
        return Err(JobShopError::Lines { line: last, what: "jobs", found: jobs.len(), wanted });
    }
    count_from_zero(&mut jobs, &job_lines, machines)?;
    let operations = jobs.iter().map(Vec::len).sum();
    let setups = read_setups(lines, last, machines, operations)?;
    let spec = ShopSpec { machines, jobs, setups };
    Shop::new(&spec).map_err(|source| {
        let job = match source {
            ShopError::EmptyJob { job }
            | ShopError::NoMachine { job, .. }
            | ShopError::Machine { job, .. }
            | ShopError::MachineTwice { job, .. }
            | ShopError::Duration { job, .. } => job_lines.get(job).copied(),
            ShopError::NoJobs | ShopError::TooMany { .. } | ShopError::SetupCount { .. } | ShopError::Setup { .. } => {
                None
            }
        };
        JobShopError::Shop { line: job.unwrap_or(last), source }
    })
}

fn read_job(line: &mut Line, machines: usize) -> Result<Vec<Vec<ShopMode>>, JobShopError> {
    let operations = line.count("the number of operations", OPERATIONS_MAX)?;
    let mut job = Vec::new();
    for _ in 0..operations {
        let count = line.count("the number of machines of an operation", machines)?;
        let mut modes = Vec::new();
        for _ in 0..count {
            let machine = usize::try_from(line.next("a machine", 0, machines as u64)?).unwrap_or(machines);
            modes.push(ShopMode { machine, duration: line.time("a duration")? });
        }
        job.push(modes);
    }
    Ok(job)
}

/// Machines as the shop numbers them, from 0.
fn count_from_zero(jobs: &mut [Vec<Vec<ShopMode>>], job_lines: &[usize], machines: usize) -> Result<(), JobShopError> {
    if jobs.iter().flatten().flatten().any(|mode| mode.machine == 0) {
        let beyond = |job: &Vec<Vec<ShopMode>>| job.iter().flatten().any(|mode| mode.machine == machines);
        return match jobs.iter().zip(job_lines).find(|(job, _)| beyond(job)) {
            Some((_, line)) => Err(JobShopError::MixedCount { line: *line, machine: machines }),
            None => Ok(()),
        };
    }
    jobs.iter_mut().flatten().flatten().for_each(|mode| mode.machine -= 1);
    Ok(())
}

/// Set-up times by machine, earlier and later operation; none when no line is left.
fn read_setups<'t>(
    lines: impl Iterator<Item = Line<'t>>,
    mut last: usize,
    machines: usize,
    operations: usize,
) -> Result<Vec<i64>, JobShopError> {
    let wanted = machines.saturating_mul(operations);
    let mut setups = Vec::new();
    let mut found = 0;
    for mut line in lines {
        found += 1;
        last = line.number;
        if found > wanted {
            break;
        }
        for _ in 0..operations {
            setups.push(line.time("a set-up time")?);
        }
        line.finish()?;
    }
    if found != 0 && found != wanted {
        return Err(JobShopError::Lines { line: last, what: "set-up times", found, wanted });
    }
    Ok(setups)
}
