//! `mes user`: set a person's password.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use mes_core::id::PersonId;

use super::ask::{ask_login, ask_new_login, call, config};
use crate::admin::Call;

/// Set a person's password. The person must be in the facility; a system administrator sets it.
#[derive(Debug, Args)]
pub(super) struct User {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Whose password
    person: PersonId,
    /// The system administrator
    #[arg(long)]
    by: PersonId,
}

impl User {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        let by = ask_login(self.by)?;
        let new = ask_new_login(self.person)?;
        call(config, Call::SetPassword { by, person: new.person, password: new.password }).await
    }
}
