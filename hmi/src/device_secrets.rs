//! The passwords with which this system logs in to devices: a file beside the database, readable by its owner only.
//!
//! They are configuration of the installation, never entries, and never in a log.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mes_core::id::EquipmentId;

/// Name of the file in the data folder: TOML, one line `EQUIPMENT = "password"` each.
pub const DEVICE_SECRETS_FILE: &str = "devices.toml";

/// Why the secrets cannot be read. No secret is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read or written.
    #[error("the device passwords in {path} cannot be read or written")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file does not have the form.
    #[error("the device passwords in {path} are not lines of the form EQUIPMENT = \"password\"")]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// Device passwords by equipment.
#[derive(Default)]
pub struct DeviceSecrets(BTreeMap<String, String>);

impl DeviceSecrets {
    /// Reads the file; none means no secrets.
    pub fn load(data: &Path) -> Result<Self, SecretsError> {
        let path = data.join(DEVICE_SECRETS_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map(Self).map_err(|_| SecretsError::Form { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SecretsError::File { path, source }),
        }
    }
    /// The password for a device.
    pub fn of(&self, equipment: &EquipmentId) -> Option<&str> {
        self.0.get(equipment.as_str()).map(String::as_str)
    }
    /// Writes the file anew, readable by its owner only.
    pub fn write(data: &Path, secrets: &BTreeMap<EquipmentId, String>) -> Result<(), SecretsError> {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let path = data.join(DEVICE_SECRETS_FILE);
        let file = |source| SecretsError::File { path: path.clone(), source };
        let mut out = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(file)?;
        for (equipment, secret) in secrets {
            writeln!(out, "{equipment} = {secret:?}").map_err(file)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let unit: EquipmentId = "BR-01".parse().unwrap();
        DeviceSecrets::write(folder.path(), &BTreeMap::from([(unit.clone(), "a\"b".to_owned())])).unwrap();
        let secrets = DeviceSecrets::load(folder.path()).unwrap();
        assert_eq!(secrets.of(&unit), Some("a\"b"));
        let mode = std::fs::metadata(folder.path().join(DEVICE_SECRETS_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
