//! `mes export`: the evidence package of a batch, as a file.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use mes_core::id::{BatchId, PersonId};

use super::ask::{ask_login, call, config};
use crate::admin::Call;

/// Export the evidence package of a batch.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Which batch
    batch: BatchId,
    /// Who exports it
    #[arg(long)]
    by: PersonId,
    /// Folder to write to
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        let by = ask_login(self.by)?;
        // The server may run in another folder.
        let out = std::path::absolute(&self.out)?;
        call(config, Call::Export { by, batch: self.batch, out }).await
    }
}
