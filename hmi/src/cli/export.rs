//! `mes export`: the evidence package of a batch, or every sample of a range of a tag, as a file.

use std::{path::PathBuf, process::ExitCode};

use batch_records::export::samples::SamplesForm;
use clap::{Args, Subcommand};
use mes_core::{
    clock::Timestamp,
    id::{BatchId, PersonId, TagId},
};

use super::ask::{ask_login, call, config};
use crate::admin::Call;

/// Export the evidence package of a batch.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Export {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Which batch
    #[arg(required = true)]
    batch: Option<BatchId>,
    /// Who exports it
    #[arg(long, required = true)]
    by: Option<PersonId>,
    /// Folder to write to
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Export every sample of a tag and range as CSV or Parquet
    Samples(Samples),
}

/// Export every sample of a tag and range.
#[derive(Debug, Args)]
struct Samples {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Which tag, e.g. BR-01/temperature
    #[arg(long)]
    tag: TagId,
    /// Start, inclusive, e.g. 2026-07-01T05:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// End, exclusive
    #[arg(long, value_name = "TIME")]
    until: Timestamp,
    /// csv or parquet
    #[arg(long)]
    format: SamplesForm,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Who exports them
    #[arg(long)]
    by: PersonId,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(Other::Samples(samples)) = self.other {
            return samples.run().await;
        }
        let (Some(batch), Some(by)) = (self.batch, self.by) else { anyhow::bail!("name a batch and a person") };
        let config = config(&self.config)?;
        let by = ask_login(by)?;
        // The server may run in another folder.
        let out = std::path::absolute(&self.out)?;
        call(config, Call::Export { by, batch, out }).await
    }
}

impl Samples {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        let by = ask_login(self.by)?;
        let out = std::path::absolute(&self.out)?;
        let form = SamplesForm::ALL.iter().find(|(form, _)| *form == self.format).map_or("", |(_, name)| name);
        let Self { tag, from, until, .. } = self;
        call(config, Call::ExportSamples { by, tag, from, until, form: form.to_owned(), out }).await
    }
}
