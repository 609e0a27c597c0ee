//! Our own certificate and the list of devices that a person has approved.
//!
//! A certificate is trusted when the very same bytes lie in `trusted/`; there is no chain and no automatic approval. An
//! unknown one is kept in `rejected/` under its thumbprint until a person approves it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use opcua::crypto::{CertificateStore, X509, X509Data};
use tokio::sync::Mutex;

use super::{OWN_CERTIFICATE, OWN_KEY, REJECTED, TRUSTED};

/// Application URI in our own certificate.
pub const APPLICATION_URI: &str = "urn:catapult:mes:drivers";
/// Name in our own certificate.
pub const APPLICATION_NAME: &str = "Catapult MES";
const KEY_BITS: u32 = 2048;
const CERTIFICATE_DAYS: u32 = 1825;

/// Only one key pair is made at a time in this process.
static MAKING: Mutex<()> = Mutex::const_new(());

/// Why certificates cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A folder or file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A key pair could not be made.
    #[error("a key pair could not be made in {path}: {reason}")]
    KeyPair {
        /// Where.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What should be a certificate is none.
    #[error("{what} is not a DER certificate")]
    NotACertificate {
        /// Which file or device.
        what: String,
    },
    /// Nothing was rejected under this thumbprint.
    #[error("no certificate with the thumbprint {thumbprint} is waiting for approval")]
    NotWaiting {
        /// The thumbprint asked for.
        thumbprint: String,
    },
}

/// A certificate in one of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1 of the DER bytes in hex, as every OPC UA tool shows it.
    pub thumbprint: String,
    /// Subject.
    pub subject: String,
    /// First and last day of validity.
    pub valid: String,
}

/// Who is trusted.
#[derive(Debug, Clone)]
pub struct TrustList {
    dir: PathBuf,
}

impl TrustList {
    /// The list in a PKI directory; its folders are made when missing.
    pub fn open(pki_dir: &Path) -> Result<Self, PkiError> {
        for folder in [TRUSTED, REJECTED] {
            let path = pki_dir.join(folder);
            fs::create_dir_all(&path).map_err(|source| PkiError::File { path, source })?;
        }
        Ok(Self { dir: pki_dir.to_owned() })
    }
    /// Certificates that wait for a person.
    pub fn rejected(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(REJECTED)
    }
    /// Certificates that are trusted.
    pub fn trusted(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(TRUSTED)
    }
    /// Trusts a certificate that was rejected. The caller records who approved it and why.
    pub fn approve(&self, thumbprint: &str) -> Result<Certificate, PkiError> {
        for path in self.files(REJECTED)? {
            let (certificate, der) = read(&path)?;
            if certificate.thumbprint == thumbprint {
                return self.trust(&der);
            }
        }
        Err(PkiError::NotWaiting { thumbprint: thumbprint.to_owned() })
    }
    /// Trusts this certificate (DER). The caller records who approved it and why.
    pub fn trust(&self, der: &[u8]) -> Result<Certificate, PkiError> {
        let x509 = parse(der, "the certificate")?;
        let name = CertificateStore::cert_file_name(&x509);
        write(&self.dir.join(TRUSTED).join(&name), der)?;
        let rejected = self.dir.join(REJECTED).join(&name);
        match fs::remove_file(&rejected) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PkiError::File { path: rejected, source }),
            _ => Ok(describe(&x509)),
        }
    }
    /// Trusts the certificate in a DER file.
    pub fn trust_file(&self, path: &Path) -> Result<Certificate, PkiError> {
        let (_, der) = read(path)?;
        self.trust(&der)
    }
    /// Whether a device may be spoken to; if not, its certificate is kept for a person to look at.
    pub(crate) fn check(&self, der: &[u8]) -> Result<Result<(), Certificate>, PkiError> {
        let x509 = parse(der, "what the device sent as its certificate")?;
        let name = CertificateStore::cert_file_name(&x509);
        if fs::read(self.dir.join(TRUSTED).join(&name)).is_ok_and(|known| known == der) {
            // The library looks into `rejected/` first.
            self.forget_rejected(&name)?;
            return Ok(Ok(()));
        }
        write(&self.dir.join(REJECTED).join(&name), der)?;
        Ok(Err(describe(&x509)))
    }

    fn forget_rejected(&self, name: &str) -> Result<(), PkiError> {
        let path = self.dir.join(REJECTED).join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PkiError::File { path, source }),
            _ => Ok(()),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<Certificate>, PkiError> {
        self.files(folder)?.iter().map(|path| read(path).map(|(certificate, _)| certificate)).collect()
    }

    fn files(&self, folder: &str) -> Result<Vec<PathBuf>, PkiError> {
        let path = self.dir.join(folder);
        let failed = |source| PkiError::File { path: path.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "der") {
                files.push(file);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Makes the folders and, once, our own key pair and certificate.
pub(crate) async fn prepare_client(pki_dir: &Path) -> Result<(), PkiError> {
    TrustList::open(pki_dir)?;
    ensure_key_pair(pki_dir, APPLICATION_NAME, APPLICATION_URI).await
}

/// Makes a key pair and a self-signed certificate unless they are there. Slow: seconds in a debug build.
pub(crate) async fn ensure_key_pair(dir: &Path, name: &str, uri: &str) -> Result<(), PkiError> {
    let _one_at_a_time = MAKING.lock().await;
    let (certificate, key) = (dir.join(OWN_CERTIFICATE), dir.join(OWN_KEY));
    if certificate.is_file() && key.is_file() {
        return Ok(());
    }
    let data = X509Data {
        key_size: KEY_BITS,
        common_name: name.to_owned(),
        organization: name.to_owned(),
        organizational_unit: "equipment".to_owned(),
        country: "JP".to_owned(),
        state: "-".to_owned(),
        alt_host_names: X509Data::alt_host_names(uri, None, true, false, true),
        certificate_duration_days: CERTIFICATE_DAYS,
    };
    let made = tokio::task::spawn_blocking(move || {
        CertificateStore::create_certificate_and_key(&data, true, &certificate, &key).map(drop)
    });
    let failed = |reason| PkiError::KeyPair { path: dir.to_owned(), reason };
    made.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

/// Our own certificate's thumbprint: what the person at the device must approve.
pub(crate) fn own_thumbprint(pki_dir: &Path) -> String {
    read(&pki_dir.join(OWN_CERTIFICATE)).map_or_else(|error| error.to_string(), |(own, _)| own.thumbprint)
}

fn parse(der: &[u8], what: &str) -> Result<X509, PkiError> {
    X509::from_der(der).map_err(|_| PkiError::NotACertificate { what: what.to_owned() })
}

fn read(path: &Path) -> Result<(Certificate, Vec<u8>), PkiError> {
    let der = fs::read(path).map_err(|source| PkiError::File { path: path.to_owned(), source })?;
    Ok((describe(&parse(&der, &path.display().to_string())?), der))
}

fn write(path: &Path, der: &[u8]) -> Result<(), PkiError> {
    fs::write(path, der).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn describe(x509: &X509) -> Certificate {
    let day = |at: Option<String>| at.map_or_else(|| "?".to_owned(), |at| at.chars().take(10).collect());
    let from = day(x509.not_before().ok().map(|at| at.to_string()));
    let to = day(x509.not_after().ok().map(|at| at.to_string()));
    Certificate {
        thumbprint: x509.thumbprint().as_hex_string(),
        subject: x509.subject_name(),
        valid: format!("{from} – {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_certificate_waits_until_a_person_approves_its_thumbprint() {
        let dir = tempfile::tempdir().unwrap();
        let device = tempfile::tempdir().unwrap();
        ensure_key_pair(device.path(), "Device", "urn:test:device").await.unwrap();
        let der = fs::read(device.path().join(OWN_CERTIFICATE)).unwrap();
        let list = TrustList::open(dir.path()).unwrap();
        let refused = list.check(&der).unwrap().unwrap_err();
        assert_eq!(list.rejected().unwrap(), std::slice::from_ref(&refused));
        assert!(matches!(list.approve("00"), Err(PkiError::NotWaiting { .. })));
        list.approve(&refused.thumbprint).unwrap();
        assert_eq!(list.check(&der).unwrap(), Ok(()));
        assert_eq!((list.rejected().unwrap().len(), list.trusted().unwrap()), (0, vec![refused]));
        assert!(list.trust(b"no certificate").is_err());
        // Made once, then reused.
        let first = own_thumbprint(device.path());
        ensure_key_pair(device.path(), "Device", "urn:test:device").await.unwrap();
        assert_eq!(own_thumbprint(device.path()), first);
    }
}
