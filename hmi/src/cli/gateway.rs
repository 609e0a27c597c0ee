//! `mes gateway`: the drivers in a process of their own, until Ctrl-C or SIGTERM.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;
use equipment_drivers::buffer::BufferLimits;

use super::{ask::config, serve::stop_signal};
use crate::{config::DriversIn, gateway::Keeper};

/// Run the equipment drivers beside `mes serve`, and keep what they report while it is away.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    /// Configuration file of the installation, the same as that of `mes serve`
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Most space for each device's reports on disk, in MiB
    #[arg(long, default_value_t = 512, value_name = "MIB")]
    space: u64,
}

impl Gateway {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        if config.drivers != DriversIn::Gateway {
            bail!(
                "{}: `mes serve` runs the drivers itself; write drivers = \"gateway\" so that this command does",
                self.config.display()
            );
        }
        if self.space == 0 {
            bail!("--space 0: give at least 1 MiB");
        }
        let limits = BufferLimits { bytes_max: self.space << 20, ..BufferLimits::default() };
        let keeper = Keeper::open(config, limits).context("the gateway was not started")?;
        println!("The gateway runs.");
        keeper.run(stop_signal()).await.context("the gateway stopped")?;
        Ok(ExitCode::SUCCESS)
    }
}
