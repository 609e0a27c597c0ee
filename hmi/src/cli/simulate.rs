//! `mes simulate`: simulated equipment as real servers, for driver tests and operator training.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use equipment_drivers::{BioreactorSim, IncubatorSim, Secret};
use mes_core::clock::Clock;

/// Run simulated equipment as real OPC UA and Modbus servers on this machine.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// What to simulate
    kind: Kind,
    /// Port on the loopback interface; 0 for any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Name of the device in its own address space: the equipment id
    #[arg(long, default_value = "SIM-01")]
    name: String,
    /// Seed of donor and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of device time that pass in one second
    #[arg(long, default_value_t = 1)]
    rate: u32,
    /// Folder for the device's certificate (bioreactor)
    #[arg(long, default_value = "simulator-pki", value_name = "DIR")]
    pki: PathBuf,
    /// User that the bioreactor lets in; the password is read from the first line of standard input
    #[arg(long, default_value = "mes")]
    user: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Stirred bioreactor, OPC UA, SignAndEncrypt
    Bioreactor,
    /// CO2 incubator, Modbus TCP
    Incubator,
}

impl Simulate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let clock = Clock::starting_at(Clock::system_now(), self.rate);
        let handle = match self.kind {
            Kind::Bioreactor => {
                let mut secret = String::new();
                eprintln!("Password of the device user {} (one line on standard input):", self.user);
                std::io::stdin().read_line(&mut secret).context("the password could not be read")?;
                let secret = Secret::new(secret.trim_end_matches(['\r', '\n']));
                let Self { name, port, seed, pki, user, .. } = self;
                BioreactorSim { name, port, seed, clock, pki_dir: pki, user, secret }.start().await?
            }
            Kind::Incubator => {
                let Self { name, port, seed, .. } = self;
                IncubatorSim { name, port, seed, clock }.start().await?
            }
        };
        println!("{} listens on {}", handle.name(), handle.address());
        if let Some(certificate) = handle.certificate() {
            println!("its certificate: {}", certificate.display());
        }
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
        Ok(ExitCode::SUCCESS)
    }
}
