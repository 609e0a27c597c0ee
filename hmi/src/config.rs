//! What the program must know before the journal opens: where the data lie, where it listens, what the journal is for.
//!
//! Suites, equipment, people and everything else of the facility are entries, never configuration.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use mes_core::journal::Purpose;
use serde::Deserialize;

/// Name of the database file in the data folder.
pub const DATABASE_FILE: &str = "journal.sqlite";
/// Name of the socket through which other commands speak to a running server.
pub const SOCKET_FILE: &str = "mes.sock";

/// Shortest token for the metrics, in characters.
pub const METRICS_TOKEN_MIN: usize = 16;

/// The configuration file, TOML. Every field has a unit or says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the database, the keys and the PKI; made when missing.
    pub data: PathBuf,
    /// Address and port of the web server.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// What a new journal is for; an existing one keeps its own.
    #[serde(default = "purpose")]
    pub purpose: Purpose,
    /// What a program that asks for `/metrics` must give as its bearer token, at least 16 characters; without it there are none.
    #[serde(default)]
    pub metrics_token: Option<String>,
    /// Seconds of wall time between two checkpoints.
    #[serde(default = "checkpoint_s")]
    pub checkpoint_s: u64,
    /// Which process speaks to the equipment.
    #[serde(default)]
    pub drivers: DriversIn,
}

/// Which process speaks to the equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriversIn {
    /// `mes serve` itself.
    #[default]
    Serve,
    /// `mes gateway`, which keeps reports on disk while `mes serve` is away.
    Gateway,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn purpose() -> Purpose {
    Purpose::Production
}

fn checkpoint_s() -> u64 {
    60
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token for the metrics is too short to be one.
    #[error("configuration {path}: metrics_token needs at least {METRICS_TOKEN_MIN} characters; make a random one")]
    MetricsToken {
        /// The file.
        path: PathBuf,
    },
    /// The file does not have the form.
    #[error("configuration {path}: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// The defaults, for a data folder.
    pub fn in_folder(data: PathBuf, purpose: Purpose) -> Self {
        Self {
            data,
            listen: listen(),
            purpose,
            checkpoint_s: checkpoint_s(),
            drivers: DriversIn::Serve,
            metrics_token: None,
        }
    }
    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Form { path: path.to_owned(), source: Box::new(source) })?;
        match &config.metrics_token {
            Some(token) if token.len() < METRICS_TOKEN_MIN => Err(ConfigError::MetricsToken { path: path.to_owned() }),
            _ => Ok(config),
        }
    }
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join(DATABASE_FILE)
    }
    /// The local socket.
    pub fn socket(&self) -> PathBuf {
        self.data.join(SOCKET_FILE)
    }
    /// The folder of our OPC UA certificate and trust list.
    pub fn pki(&self) -> PathBuf {
        self.data.join("pki")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mes.toml");
        std::fs::write(&path, "data = \"x\"\nlisten = \"nowhere\"\n").unwrap();
        let said = Config::load(&path).unwrap_err().to_string();
        assert!(said.contains("mes.toml") && said.contains("line 2"), "{said}");
        std::fs::write(&path, "data = \"x\"\nsuites = 4\n").unwrap();
        assert!(Config::load(&path).unwrap_err().to_string().contains("suites"));
    }
}
