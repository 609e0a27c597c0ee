//! `mes simulate`: a plant of simulated equipment as real servers, for driver tests and operator training.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;
use equipment_drivers::{Framing, Secret, SimHandle, SimPlant};
use mes_core::clock::Clock;

use super::serve::stop_signal;
use crate::{random, server, simulation, web};

/// The password of the simulated devices, for those who want one that stays.
const PASSWORD: &str = "MES_SIMULATOR_PASSWORD";

/// Run a plant of simulated equipment as real OPC UA and Modbus servers on this machine.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Plant file: devices, seeds, ports, clock rate, and the schedule of faults
    #[arg(value_name = "PLANT.toml")]
    plant: PathBuf,
    /// Serve a page on which faults are switched, e.g. 127.0.0.1:8090
    #[arg(long, value_name = "HOST:PORT")]
    page: Option<SocketAddr>,
    /// Facility seconds per second, instead of that of the file
    #[arg(long)]
    rate: Option<u32>,
}

impl Simulate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let text =
            std::fs::read_to_string(&self.plant).with_context(|| format!("{} cannot be read", self.plant.display()))?;
        let password = std::env::var(PASSWORD).unwrap_or_else(|_| random::id("device"));
        let plan = simulation::read(&text, &Secret::new(password.as_str()))
            .with_context(|| self.plant.display().to_string())?;
        let listener = match self.page {
            Some(address) => Some(server::bind(address).await?),
            None => None,
        };
        let clock = Clock::starting_at(plan.start.unwrap_or_else(Clock::system_now), self.rate.unwrap_or(plan.rate));
        let (start, user) = (clock.now(), plan.devices.first().map(|one| one.user.0.clone()).unwrap_or_default());
        let plant = Arc::new(SimPlant::start(plan.devices, &clock, &plan.pki).await?);
        print(&plant, &user, &password);
        if let Some(page) = self.page {
            println!("\nFaults are switched on http://{page}/");
        }
        println!("Stop with Ctrl-C.");
        let schedule = async {
            plant.follow(&plan.schedule, start, &clock).await.context("the schedule of faults stopped")?;
            std::future::pending::<anyhow::Result<()>>().await
        };
        let pages = async {
            match listener {
                Some(listener) => web::serve_simulators(listener, plant.clone(), clock.clone(), stop_signal()).await,
                None => {
                    stop_signal().await;
                    Ok(())
                }
            }
        };
        tokio::select! {
            failed = schedule => failed?,
            served = pages => served.context("the page stopped")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The table of addresses.
fn print(plant: &SimPlant, user: &str, password: &str) {
    println!("{:<16} {:<22} {:<12} ADDRESS", "DEVICE", "KIND", "SPEAKS");
    for device in plant.devices() {
        let speaks = match device.framing() {
            Framing::OpcUa => "OPC UA",
            Framing::ModbusTcp => "Modbus TCP",
            Framing::ModbusRtu => "Modbus RTU",
        };
        println!("{:<16} {:<22} {speaks:<12} {}", device.name(), device.kind().name(), device.address());
    }
    if let Some(certificate) = plant.devices().find_map(SimHandle::certificate) {
        println!("\nOPC UA: user {user}, password {password}; all show the certificate {}", certificate.display());
    }
}
