//! The command line: a table of commands, one file each. It parses and prints; it decides nothing.

mod ask;
mod browse;
mod demo;
mod device;
mod export;
mod facility;
mod gateway;
mod recipe;
mod schedule;
mod serve;
mod simulate;
mod user;
mod verify;

use std::{io::IsTerminal, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Exit status of a failed command.
const FAILED: u8 = 1;

/// Manufacturing execution system for a multi-tenant cell-manufacturing facility.
#[derive(Debug, Parser)]
#[command(name = "mes", version, about, max_term_width = 100)]
struct Mes {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole demo facility on this machine, with simulators, batches and scripted colleagues
    Demo(demo::Demo),
    /// Serve a facility
    Serve(serve::Serve),
    /// Run the equipment drivers beside `mes serve`, and keep what they report while it is away
    Gateway(gateway::Gateway),
    /// Run simulated equipment as real OPC UA and Modbus servers
    Simulate(simulate::Simulate),
    /// Compare a facility file with the facility in force, and propose or approve the difference
    Facility(facility::Facility),
    /// Show the device templates that a facility file can import, or browse a server into a draft
    Device(device::Device),
    /// Check master recipes
    Recipe(recipe::Recipe),
    /// Export the evidence package of a batch
    Export(export::Export),
    /// Verify evidence packages, with no server and no secret
    Verify(verify::Verify),
    /// Plan, quote, replan and draw from files, without a facility
    Schedule(schedule::Schedule),
    /// Set a person's password
    User(user::User),
}

/// Parses the command line, runs the command, and says in one sentence what went wrong.
pub fn main() -> ExitCode {
    let mes = Mes::parse();
    log();
    let run = || -> anyhow::Result<ExitCode> {
        match mes.command {
            Command::Demo(command) => block_on(command.run()),
            Command::Serve(command) => block_on(command.run()),
            Command::Gateway(command) => block_on(command.run()),
            Command::Simulate(command) => block_on(command.run()),
            Command::Facility(command) => block_on(command.run()),
            Command::Device(command) => block_on(command.run()),
            Command::Recipe(command) => command.run(),
            Command::Export(command) => block_on(command.run()),
            Command::Verify(command) => command.run(),
            Command::Schedule(command) => command.run(),
            Command::User(command) => block_on(command.run()),
        }
    };
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mes: {}", sentence(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// The error and its causes on one line, without saying anything twice.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.contains(&cause) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&cause);
        }
    }
    said
}

fn block_on<F: Future<Output = anyhow::Result<ExitCode>>>(future: F) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Logs go to standard error; `RUST_LOG` chooses what. No secret is ever in a log.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new("warn,hmi=info,opcua=off,opcua_core=off,opcua_client=off,opcua_server=off,opcua_crypto=off")
    });
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = layer.with_ansi(std::io::stderr().is_terminal());
    // A second initialisation (in-process tests) keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Mes::command().debug_assert();
    }
}
