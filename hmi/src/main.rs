//! The program `mes`: its command line is `hmi::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hmi::cli::main()
}
