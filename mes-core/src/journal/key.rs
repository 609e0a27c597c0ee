//! The facility's signing key: two files, `facility.key` (private, read by its owner only) and `facility.pub`.
//!
//! The secret is handed in by the caller, from the system's randomness. This file does not decide whom to trust, and
//! does not rotate keys: a new key is a new file, and old notes stay verifiable with the old public one.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};

use super::{encode::sha256, entry::Hash};

/// File name of the private key.
pub const PRIVATE_KEY_FILE: &str = "facility.key";
/// File name of the public key.
pub const PUBLIC_KEY_FILE: &str = "facility.pub";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the key file {path}; a key file is never overwritten")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The text is not a private key.
    #[error("{0} is not a private Ed25519 key in PEM form (PKCS #8)")]
    NotPrivate(String),
    /// The text is not a public key.
    #[error("{0} is not a public Ed25519 key in PEM form (SubjectPublicKeyInfo)")]
    NotPublic(String),
    /// Others may read the private key.
    #[error("{path} can be read by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The two files do not belong together.
    #[error("{public} is not the public half of {private}")]
    NotAPair {
        /// The private key's file.
        private: PathBuf,
        /// The public key's file.
        public: PathBuf,
    },
    /// The key has no PEM form.
    #[error("cannot write the key in PEM form")]
    Pem,
}

/// The private key that signs checkpoints and packages.
pub struct FacilityKey(SigningKey);

/// The public key that verifies them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacilityPublicKey(VerifyingKey);

impl fmt::Debug for FacilityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FacilityKey({})", self.public().fingerprint().short())
    }
}

impl FacilityKey {
    /// A key from 32 secret bytes of the system's randomness.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }
    /// Its public half.
    pub fn public(&self) -> FacilityPublicKey {
        FacilityPublicKey(self.0.verifying_key())
    }
    /// The signature over some bytes.
    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
    /// Writes `facility.key` (mode 0600) and `facility.pub` into a folder that has neither.
    ///
    /// # Errors
    /// When a file exists already or cannot be written.
    pub fn create_files(&self, folder: &Path) -> Result<(), KeyError> {
        let private = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Pem)?;
        write_new(&folder.join(PRIVATE_KEY_FILE), private.as_bytes(), 0o600)?;
        write_new(&folder.join(PUBLIC_KEY_FILE), self.public().to_pem()?.as_bytes(), 0o644)
    }
    /// Reads `facility.key` from a folder and checks that `facility.pub`, where it is there, belongs to it.
    ///
    /// # Errors
    /// When the key is missing, is readable by others, is not a key, or the two are not a pair.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        let (private, public) = (folder.join(PRIVATE_KEY_FILE), folder.join(PUBLIC_KEY_FILE));
        refuse_exposed(&private)?;
        let pem = fs::read_to_string(&private).map_err(|cause| KeyError::Read { path: private.clone(), cause })?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::NotPrivate(private.display().to_string()))?;
        let key = Self(key);
        if public.exists() && FacilityPublicKey::load(&public)? != key.public() {
            return Err(KeyError::NotAPair { private, public });
        }
        Ok(key)
    }
}

impl FacilityPublicKey {
    /// SHA-256 of the key's 32 bytes: its name in a signature line, and what is printed and compared by people.
    pub fn fingerprint(&self) -> Hash {
        sha256(&[self.0.as_bytes()])
    }
    /// Whether a signature is of this key over these bytes.
    pub(super) fn verify(&self, bytes: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(bytes, signature).is_ok()
    }
    /// The text of `facility.pub`.
    ///
    /// # Errors
    /// None in practice: [`KeyError::Pem`].
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Pem)
    }
    /// Reads the text of a `facility.pub`; `source` names it in the error.
    ///
    /// # Errors
    /// When the text is not a public key.
    pub fn parse(pem: &str, source: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|_| KeyError::NotPublic(source.to_owned()))?;
        Ok(Self(key))
    }
    /// Reads a `facility.pub`.
    ///
    /// # Errors
    /// When the file cannot be read or is not a public key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let pem = fs::read_to_string(path).map_err(|cause| KeyError::Read { path: path.to_owned(), cause })?;
        Self::parse(&pem, &path.display().to_string())
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let fail = |cause| KeyError::Write { path: path.to_owned(), cause };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|cause| KeyError::Read { path: path.to_owned(), cause })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_read_back_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let key = FacilityKey::from_secret(&[5; 32]);
        key.create_files(folder.path()).unwrap();
        assert_eq!(FacilityKey::load(folder.path()).unwrap().public(), key.public());
        assert_eq!(FacilityPublicKey::load(&folder.path().join(PUBLIC_KEY_FILE)).unwrap(), key.public());
        let again = FacilityKey::from_secret(&[6; 32]).create_files(folder.path()).unwrap_err();
        assert!(again.to_string().contains("never overwritten"));
    }

    #[test]
    fn doc_12_a_private_key_that_others_may_read_or_of_another_pair_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        FacilityKey::from_secret(&[5; 32]).create_files(folder.path()).unwrap();
        let private = folder.path().join(PRIVATE_KEY_FILE);
        let other = FacilityKey::from_secret(&[6; 32]).public().to_pem().unwrap();
        fs::write(folder.path().join(PUBLIC_KEY_FILE), other).unwrap();
        assert!(matches!(FacilityKey::load(folder.path()).unwrap_err(), KeyError::NotAPair { .. }));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&private, fs::Permissions::from_mode(0o644)).unwrap();
            let exposed = FacilityKey::load(folder.path()).unwrap_err().to_string();
            assert!(exposed.contains("chmod 600"), "{exposed}");
        }
        fs::remove_file(&private).unwrap();
        assert!(matches!(FacilityKey::load(folder.path()).unwrap_err(), KeyError::Read { .. }));
        assert!(FacilityPublicKey::parse("x", "the file").unwrap_err().to_string().starts_with("the file is not"));
    }
}
