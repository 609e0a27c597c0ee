//! `mes device browse`: the draft of a device template from what an OPC UA server offers.
//!
//! The draft is a file for a person to check; nothing is trusted or configured by it.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use equipment_drivers::{BrowseRequest, Login, Policy, Secret, Security, browse};

use super::ask;

/// The password of the device user, where nobody is at the terminal.
const PASSWORD_VARIABLE: &str = "MES_DEVICE_PASSWORD";

/// Browse an OPC UA server into the draft of a device template.
#[derive(Debug, Args)]
pub(super) struct Browse {
    /// Address of the server: opc.tcp://HOST:PORT/PATH
    url: String,
    /// User name; the password is asked for, or taken from MES_DEVICE_PASSWORD
    #[arg(long, conflicts_with = "user_certificate")]
    user: Option<String>,
    /// Certificate of the user instead (DER or PEM), with --user-key
    #[arg(long, value_name = "FILE", requires = "user_key")]
    user_certificate: Option<PathBuf>,
    /// Private key of the user's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "user_certificate")]
    user_key: Option<PathBuf>,
    /// Security policy; the best that the server offers unless given. Always signed and encrypted
    #[arg(long)]
    security: Option<Offered>,
    /// Folder with our certificate and the trust list: the folder `pki` of the facility's data
    #[arg(long, default_value = "pki", value_name = "DIR")]
    pki: PathBuf,
    /// Thumbprint of the server's certificate, read at the device: speak to it this once without approving it
    #[arg(long, value_name = "SHA1")]
    thumbprint: Option<String>,
    /// Name of the template
    #[arg(long, default_value = "new-device")]
    name: String,
    /// Where to write the draft; standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Offered {
    /// Basic256Sha256
    Basic256sha256,
    /// Aes128_Sha256_RsaOaep
    Aes128Sha256Rsaoaep,
    /// Aes256_Sha256_RsaPss
    Aes256Sha256Rsapss,
}

impl Browse {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let login = match (self.user, self.user_certificate, self.user_key) {
            (Some(user), ..) => Login::Password { secret: Secret::new(password(&user)?), user },
            (None, Some(certificate), Some(key)) => Login::Certificate { certificate, key },
            _ => Login::Anonymous,
        };
        let security = self.security.map_or(Security::Best, |policy| {
            Security::Only(match policy {
                Offered::Basic256sha256 => Policy::Basic256Sha256,
                Offered::Aes128Sha256Rsaoaep => Policy::Aes128Sha256RsaOaep,
                Offered::Aes256Sha256Rsapss => Policy::Aes256Sha256RsaPss,
            })
        });
        let request = BrowseRequest {
            url: self.url,
            security,
            login,
            pki_dir: self.pki,
            thumbprint: self.thumbprint,
            name: self.name,
        };
        let draft = browse(&request).await?;
        match &self.out {
            Some(file) => {
                std::fs::write(file, &draft.yaml).with_context(|| format!("{} cannot be written", file.display()))?;
                println!("{}: {} tags, {} remarks", file.display(), draft.tags, draft.remarks.len());
            }
            None => print!("{}", draft.yaml),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn password(user: &str) -> anyhow::Result<String> {
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Ok(password),
        Err(_) => ask::ask(&format!("Password of {user} at the device: ")),
    }
}
