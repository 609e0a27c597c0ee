//! `mes recipe check`: every fault of a master recipe with its line, in words.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::FAILED;

/// Check master recipes.
#[derive(Debug, Args)]
pub(super) struct Recipe {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read and check recipe files, and say every fault with its line
    Check {
        /// Recipe files (YAML)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl Recipe {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let What::Check { files } = self.what;
        let mut faults = 0;
        for file in files {
            let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            match mes_core::isa88::load_recipe(&text) {
                Ok(recipe) => {
                    let body = recipe.body();
                    let phases = body.phases().count();
                    println!(
                        "{}: {} version {}, {phases} phases, no fault",
                        file.display(),
                        body.header.id,
                        body.header.version
                    );
                }
                Err(errors) => {
                    for error in errors.all() {
                        faults += 1;
                        eprintln!("{}:{error}", file.display());
                    }
                }
            }
        }
        if faults > 0 {
            eprintln!("{faults} fault(s)");
            return Ok(ExitCode::from(FAILED));
        }
        Ok(ExitCode::SUCCESS)
    }
}
