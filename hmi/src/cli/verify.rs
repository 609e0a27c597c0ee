//! `mes verify`: evidence packages, with no server and no secret.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use batch_records::verify::{Status, VerifyOptions, read_keys, verify_file};
use clap::Args;
use mes_core::{journal::SignedNote, quantity::Language};

use super::FAILED;

/// Verify evidence packages.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The facility's public key, as handed to the tenant (facility.pub), or a pinned list of keys
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
        let language = match self.lang.as_str() {
            "en" => Language::En,
            "ja" => Language::Ja,
            other => anyhow::bail!("--lang {other}: use en or ja"),
        };
        let keys = match &self.key {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
                read_keys(&text, &name)?
            }
            None => Vec::new(),
        };
        let since = match &self.since {
            Some(path) => Some(checkpoint(path)?),
            None => None,
        };
        let options = VerifyOptions { keys: &keys, since: since.as_ref(), render_pdf: true };
        let mut worst = 0;
        for package in &self.packages {
            let report = verify_file(package, &options);
            println!("== {}", package.display());
            println!("{}", report.text(language));
            worst = worst.max(severity(report.status));
        }
        Ok(ExitCode::from(STATUSES.get(worst).map_or(FAILED, |status| status.code())))
    }
}

/// From best to worst; the worst of all packages is the exit status.
const STATUSES: [Status; 4] = [Status::Verified, Status::SignerNotEstablished, Status::Failed, Status::Unreadable];

fn severity(status: Status) -> usize {
    STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len())
}

fn checkpoint(path: &Path) -> anyhow::Result<SignedNote> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    SignedNote::parse(&text).with_context(|| format!("{} is not a checkpoint", path.display()))
}
