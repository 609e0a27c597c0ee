//! `mes schedule generate`: a made-up facility, to measure and to try things on.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use scheduler::{FacilitySize, generate, write_facility2};

use super::input;

/// Make a facility to plan.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// How large
    #[arg(long, value_enum, ignore_case = true)]
    size: Size,
    /// Seed: the same size and seed give the same facility
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Size {
    /// 12 suites of 20 places, 240 batches at once
    K,
    /// 3 suites of 4 places, for a quick try
    Small,
}

impl Generate {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let size = match self.size {
            Size::K => FacilitySize::K,
            Size::Small => FacilitySize::SMALL,
        };
        let text = write_facility2(&generate(size, self.seed)).context("writing the facility")?;
        input::write(&self.out, &text)?;
        Ok(ExitCode::SUCCESS)
    }
}
