//! `mes schedule`: the scheduler on files. It needs no facility and changes none: a plan that it
//! writes is adopted elsewhere, by a person.

mod check;
mod explain;
mod gantt;
mod generate;
mod input;
mod quote;
mod replan;
mod report;
mod solve;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Exit status when the command did its work and the answer is no: a plan that breaks a rule, a
/// request that does not fit, a problem without a plan.
const NO: u8 = 3;

/// Plan, quote, replan and draw from files. Exit status: 0 done, 1 the input is faulty, 3 the
/// answer is no (a plan breaks a rule, a request does not fit).
#[derive(Debug, Args)]
pub(super) struct Schedule {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Look for the best plan within a time, and write it; the last line of the output is JSON
    Solve(solve::Solve),
    /// Judge a plan: every rule it breaks, and what it costs
    Check(check::Check),
    /// Say what holds each activity of a batch where it is, and when it could start instead; the last line is JSON
    Explain(explain::Explain),
    /// Say where one more batch fits into a plan, or why nowhere
    Quote(quote::Quote),
    /// Plan again after something has gone wrong: few and small moves, each with its reason
    Replan(replan::Replan),
    /// Make a facility to plan, of a given size
    Generate(generate::Generate),
    /// Draw a plan as SVG
    Gantt(gantt::Gantt),
}

impl Schedule {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Solve(command) => command.run(),
            What::Check(command) => command.run(),
            What::Explain(command) => command.run(),
            What::Quote(command) => command.run(),
            What::Replan(command) => command.run(),
            What::Generate(command) => command.run(),
            What::Gantt(command) => command.run(),
        }
    }
}
