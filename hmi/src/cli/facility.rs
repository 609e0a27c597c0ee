//! `mes facility`: a file of the facility against the facility in force; two people bring it into force.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use mes_core::id::{ChangeId, PersonId};

use super::ask::{ask_login, ask_new_login, call, config};
use crate::admin::Call;

/// Compare a facility file with the facility in force.
#[derive(Debug, Args)]
pub(super) struct Facility {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what would change
    Plan {
        /// Facility file (YAML)
        file: PathBuf,
    },
    /// Propose the difference; on an empty journal, bring the first facility into force
    Apply {
        /// Facility file (YAML)
        file: PathBuf,
        /// Who proposes it
        #[arg(long)]
        by: PersonId,
        /// Who approves it; only for the first facility of an empty journal
        #[arg(long)]
        approved_by: Option<PersonId>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Approve a proposed change
    Approve {
        /// Which
        change: ChangeId,
        /// Who approves it
        #[arg(long)]
        by: PersonId,
    },
}

impl Facility {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        let made = match self.what {
            What::Plan { file } => {
                let (yaml, file) = read(&file)?;
                Call::PlanFacility { yaml, file }
            }
            What::Apply { file, by, approved_by, reason } => {
                let (yaml, file) = read(&file)?;
                match approved_by {
                    None => Call::ProposeFacility { yaml, file, by: ask_login(by)?, approved_by: None, reason },
                    Some(approver) => Call::ProposeFacility {
                        yaml,
                        file,
                        by: ask_new_login(by)?,
                        approved_by: Some(ask_new_login(approver)?),
                        reason,
                    },
                }
            }
            What::Approve { change, by } => Call::ApproveFacility { change, by: ask_login(by)? },
        };
        call(config, made).await
    }
}

fn read(file: &PathBuf) -> anyhow::Result<(String, String)> {
    use anyhow::Context;
    let name = file.display().to_string();
    let yaml = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    Ok((yaml, name))
}
