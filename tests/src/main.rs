//! The product's command line under a second name, so that integration tests start, kill and restart a real process.

use std::process::ExitCode;

fn main() -> ExitCode {
    hmi::cli::main()
}
