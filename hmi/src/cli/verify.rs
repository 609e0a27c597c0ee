//! `mes verify`: evidence packages, with no server and no secret.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

/// Verify evidence packages.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The facility's public key, as handed to the tenant (facility.pub)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A checkpoint kept from earlier: proves that nothing before it was rewritten
    #[arg(long, value_name = "CHECKPOINT")]
    since: Option<PathBuf>,
    /// Language of the report: en or ja
    #[arg(long, default_value = "en")]
    lang: String,
    /// The packages
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<PathBuf>,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("{:?}", self.packages)
    }
}
