//! Which devices a person has approved, and the checks that a certificate must pass besides.
//!
//! Nothing is trusted by itself. A device is trusted when its own certificate, or an authority above it, lies in
//! `trusted/`; a certificate that names an issuer needs an unbroken, unrevoked chain to a root (`trusted/` and
//! `issuers/`) as well. What is refused is kept with the reason: `rejected/` waits for a person, `refused/` had one.
//! Who approved what and why is recorded by the caller.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use mes_core::clock::{Clock, Timestamp};
use opcua::crypto::{CertificateStore, X509};
use x509_cert::der::Decode;

use super::{
    CHECKED, OWN_CERTIFICATE, REJECTED, TRUSTED,
    chain::{self, Authority},
};

const REFUSED: &str = "refused";
const ISSUERS: &str = "issuers";
const REVOCATION_LISTS: &str = "issuers/crl";
/// Days before the end of a certificate at which a person is told.
pub const EXPIRY_WARNING_DAYS: [i64; 3] = [60, 30, 7];
const MS_PER_DAY: i64 = 86_400_000;

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
    /// What should be a revocation list is none.
    #[error("this is not a DER revocation list (CRL, version 2, with the time of the next one)")]
    NotARevocationList,
    /// A newer revocation list of the same issuer is in force.
    #[error("a newer revocation list (CRL) of this issuer, of {newer}, is in force")]
    OlderRevocationList {
        /// When the one in force was made.
        newer: Timestamp,
    },
    /// There is no certificate of this thumbprint.
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
    /// Whom it names.
    pub subject: String,
    /// Who issued it; of a self-signed certificate the subject.
    pub issuer: String,
    /// From when it is valid (wall time).
    pub valid_from: Timestamp,
    /// Until when it is valid (wall time).
    pub valid_to: Timestamp,
    /// When it came into the list: of a rejected one, when the device first showed it (wall time).
    pub first_seen: Option<Timestamp>,
}

/// Why a device is not spoken to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "the certificate of the device is not trusted: {} (thumbprint {}); compare the thumbprint with the device's \
         and approve it", .0.subject, .0.thumbprint
    )]
    Unknown(Certificate),
    #[error(
        "the certificate of the device was refused by a person: {} (thumbprint {})", .0.subject, .0.thumbprint
    )]
    RefusedByPerson(Certificate),
    #[error(
        "the certificate of the device does not hold: {reason}: {} (thumbprint {})", .certificate.subject,
        .certificate.thumbprint
    )]
    Invalid { certificate: Certificate, reason: String },
}

/// What a device says of itself and how it was reached; both must agree with its certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) application_uri: &'a str,
    pub(crate) host: &'a str,
    /// The thumbprint that a person has given for this one connection.
    pub(crate) thumbprint: Option<&'a str>,
}

/// Who is trusted.
#[derive(Debug, Clone)]
pub struct TrustList {
    dir: PathBuf,
}

impl TrustList {
    /// The list in a PKI directory; its folders are made when missing.
    pub fn open(pki_dir: &Path) -> Result<Self, PkiError> {
        let own = [TRUSTED, REJECTED, REFUSED, REVOCATION_LISTS].map(|folder| pki_dir.join(folder));
        let of_the_library = [TRUSTED, REJECTED].map(|folder| pki_dir.join(CHECKED).join(folder));
        for path in own.into_iter().chain(of_the_library) {
            fs::create_dir_all(&path).map_err(|source| PkiError::File { path, source })?;
        }
        Ok(Self { dir: pki_dir.to_owned() })
    }
    /// Certificates that wait for a person.
    pub fn rejected(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(REJECTED)
    }
    /// Certificates that are trusted: of devices, and of authorities that vouch for theirs.
    pub fn trusted(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(TRUSTED)
    }
    /// Certificates that a person has refused.
    pub fn refused(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(REFUSED)
    }
    /// Certificates of authorities that complete chains, and vouch for nothing.
    pub fn issuers(&self) -> Result<Vec<Certificate>, PkiError> {
        self.list(ISSUERS)
    }
    /// Our own certificate.
    pub fn own(&self) -> Result<Certificate, PkiError> {
        read(&self.dir.join(OWN_CERTIFICATE)).map(|(own, _)| own)
    }
    /// Trusts a certificate that was rejected or refused.
    pub fn approve(&self, thumbprint: &str) -> Result<Certificate, PkiError> {
        self.trust(&self.find(thumbprint, &[REJECTED, REFUSED])?)
    }
    /// Refuses a certificate that was rejected or even trusted: it stays refused until it is approved.
    pub fn refuse(&self, thumbprint: &str) -> Result<Certificate, PkiError> {
        let der = self.find(thumbprint, &[REJECTED, TRUSTED])?;
        self.put(&der, REFUSED, &[REJECTED, TRUSTED])
    }
    /// Trusts this certificate (DER); of an authority, all devices that it vouches for.
    pub fn trust(&self, der: &[u8]) -> Result<Certificate, PkiError> {
        self.put(der, TRUSTED, &[REJECTED, REFUSED])
    }
    /// Trusts the certificate in a DER file.
    pub fn trust_file(&self, path: &Path) -> Result<Certificate, PkiError> {
        let (_, der) = read(path)?;
        self.trust(&der)
    }
    /// Knows an authority (DER), so that chains through it are complete; it vouches for nothing.
    pub fn add_issuer(&self, der: &[u8]) -> Result<Certificate, PkiError> {
        self.put(der, ISSUERS, &[])
    }
    /// Takes a revocation list (CRL, DER) in place of the last one of the same issuer.
    pub fn add_revocation_list(&self, der: &[u8]) -> Result<(), PkiError> {
        let name = chain::revocation_list_name(der).filter(|_| chain::is_revocation_list(der));
        let path = self.dir.join(REVOCATION_LISTS).join(name.ok_or(PkiError::NotARevocationList)?);
        let made = |der: &[u8]| {
            let list = x509_cert::crl::CertificateList::from_der(der).ok()?;
            Some(chain::timestamp(&list.tbs_cert_list.this_update))
        };
        match fs::read(&path).ok().and_then(|known| made(&known)) {
            Some(newer) if made(der).is_none_or(|this| this < newer) => Err(PkiError::OlderRevocationList { newer }),
            _ => write(&path, der),
        }
    }
    /// Certificates that end within 60 days, with the whole days left (negative when over), the most urgent first.
    ///
    /// A person is told at 60, 30 and 7 days ([`EXPIRY_WARNING_DAYS`]). Our own certificate is among them.
    pub fn expiring(&self, now: Timestamp) -> Result<Vec<(Certificate, i64)>, PkiError> {
        let mut all = self.trusted()?;
        all.extend(self.issuers()?);
        all.extend(self.own().ok());
        let days = |one: &Certificate| one.valid_to.since_ms(now).div_euclid(MS_PER_DAY);
        let [first, ..] = EXPIRY_WARNING_DAYS;
        let mut soon: Vec<_> =
            all.into_iter().map(|one| (days(&one), one)).filter(|(days, _)| *days <= first).collect();
        soon.sort_by(|a, b| (a.0, &a.1.thumbprint).cmp(&(b.0, &b.1.thumbprint)));
        soon.dedup_by(|a, b| a.1.thumbprint == b.1.thumbprint);
        Ok(soon.into_iter().map(|(days, one)| (one, days)).collect())
    }

    /// Whether a device may be spoken to; if not, its certificate is kept for a person to look at.
    pub(crate) fn check(&self, der: &[u8], claim: Claim<'_>) -> Result<Result<(), Refusal>, PkiError> {
        let x509 = parse(der, "what the device sent as its certificate")?;
        let name = CertificateStore::cert_file_name(&x509);
        let certificate = describe(&x509, None);
        let checked = self.dir.join(CHECKED);
        let refusal = self.judge(der, &x509, &certificate, claim, Clock::system_now())?;
        // The library asks its own folders once more; what is in them was checked just now.
        forget(&checked.join(REJECTED).join(&name))?;
        let Some(refusal) = refusal else {
            write(&checked.join(TRUSTED).join(&name), der)?;
            forget(&self.dir.join(REJECTED).join(&name))?;
            return Ok(Ok(()));
        };
        forget(&checked.join(TRUSTED).join(&name))?;
        let rejected = self.dir.join(REJECTED).join(&name);
        let known = self.dir.join(TRUSTED).join(&name).exists() || self.dir.join(REFUSED).join(&name).exists();
        if !known && !rejected.exists() {
            write(&rejected, der)?;
        }
        Ok(Err(refusal))
    }

    /// The checks of OPC UA Part 4, 6.1.3, in their order.
    fn judge(
        &self,
        der: &[u8],
        x509: &X509,
        certificate: &Certificate,
        claim: Claim<'_>,
        now: Timestamp,
    ) -> Result<Option<Refusal>, PkiError> {
        let invalid = |reason| Ok(Some(Refusal::Invalid { certificate: certificate.clone(), reason }));
        let name = CertificateStore::cert_file_name(x509);
        let lies_in = |folder: &str| fs::read(self.dir.join(folder).join(&name)).is_ok_and(|known| known == der);
        if lies_in(REFUSED) {
            return Ok(Some(Refusal::RefusedByPerson(certificate.clone())));
        }
        if now > certificate.valid_to {
            return invalid(format!("it expired on {}", certificate.valid_to));
        }
        if now < certificate.valid_from {
            return invalid(format!("it is valid only from {}", certificate.valid_from));
        }
        let approved =
            lies_in(TRUSTED) || claim.thumbprint.is_some_and(|said| said.eq_ignore_ascii_case(&certificate.thumbprint));
        let mut vouched = false;
        if !chain::is_self_issued(der) {
            let vouching = self.authorities(TRUSTED)?;
            let trusted: Vec<_> = vouching.iter().map(|one| one.der().to_vec()).collect();
            let mut all = self.authorities(ISSUERS)?;
            all.extend(vouching);
            match chain::verify(der, &all, &self.revocation_lists()?, now) {
                Ok(above) => vouched = above.iter().any(|one| trusted.iter().any(|der| der == one.der())),
                Err(reason) => return invalid(reason),
            }
        }
        if !approved && !vouched {
            return Ok(Some(Refusal::Unknown(certificate.clone())));
        }
        let names = alternative_names(der);
        if !names.iter().any(|name| name == claim.application_uri) {
            return invalid(format!(
                "it names {}, the device calls itself \"{}\"",
                listed(&names),
                claim.application_uri
            ));
        }
        // An approval names this very key; behind address translation the host would never agree.
        if !approved && !names.iter().any(|name| name.eq_ignore_ascii_case(claim.host)) {
            return invalid(format!("it names {}, the device was reached at \"{}\"", listed(&names), claim.host));
        }
        Ok(None)
    }

    fn authorities(&self, folder: &str) -> Result<Vec<Authority>, PkiError> {
        let mut all = Vec::new();
        for path in self.files(folder, "der")? {
            all.extend(Authority::new(read(&path)?.1));
        }
        Ok(all)
    }

    fn revocation_lists(&self) -> Result<Vec<Vec<u8>>, PkiError> {
        let files = self.files(REVOCATION_LISTS, "crl")?;
        files.into_iter().map(|path| fs::read(&path).map_err(|source| PkiError::File { path, source })).collect()
    }

    /// Writes a certificate into a list and takes it out of others.
    fn put(&self, der: &[u8], into: &str, out_of: &[&str]) -> Result<Certificate, PkiError> {
        let x509 = parse(der, "the certificate")?;
        let name = CertificateStore::cert_file_name(&x509);
        write(&self.dir.join(into).join(&name), der)?;
        for folder in out_of {
            forget(&self.dir.join(folder).join(&name))?;
        }
        Ok(describe(&x509, None))
    }

    fn find(&self, thumbprint: &str, folders: &[&str]) -> Result<Vec<u8>, PkiError> {
        for folder in folders {
            for path in self.files(folder, "der")? {
                let (certificate, der) = read(&path)?;
                if certificate.thumbprint == thumbprint {
                    return Ok(der);
                }
            }
        }
        Err(PkiError::NotWaiting { thumbprint: thumbprint.to_owned() })
    }

    fn list(&self, folder: &str) -> Result<Vec<Certificate>, PkiError> {
        self.files(folder, "der")?.iter().map(|path| read(path).map(|(certificate, _)| certificate)).collect()
    }

    fn files(&self, folder: &str, extension: &str) -> Result<Vec<PathBuf>, PkiError> {
        let path = self.dir.join(folder);
        let failed = |source| PkiError::File { path: path.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|one| one == extension) {
                files.push(file);
            }
        }
        files.sort();
        Ok(files)
    }
}

fn parse(der: &[u8], what: &str) -> Result<X509, PkiError> {
    X509::from_der(der).map_err(|_| PkiError::NotACertificate { what: what.to_owned() })
}

fn read(path: &Path) -> Result<(Certificate, Vec<u8>), PkiError> {
    let failed = |source| PkiError::File { path: path.to_owned(), source };
    let der = fs::read(path).map_err(failed)?;
    let written = fs::metadata(path).and_then(|file| file.modified()).map_err(failed)?;
    let since = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let seen = Timestamp::from_ms(i64::try_from(since).unwrap_or(i64::MAX));
    Ok((describe(&parse(&der, &path.display().to_string())?, Some(seen)), der))
}

fn write(path: &Path, der: &[u8]) -> Result<(), PkiError> {
    fs::write(path, der).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn forget(path: &Path) -> Result<(), PkiError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PkiError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn describe(x509: &X509, first_seen: Option<Timestamp>) -> Certificate {
    let der = x509.to_der().unwrap_or_default();
    let read = x509_cert::Certificate::from_der(&der).ok().map(|read| read.tbs_certificate);
    let at = |time: Option<&x509_cert::time::Time>| time.map_or(Timestamp::from_ms(i64::MIN), chain::timestamp);
    Certificate {
        thumbprint: x509.thumbprint().as_hex_string(),
        subject: x509.subject_name(),
        issuer: read.as_ref().map_or_else(|| "?".to_owned(), |read| read.issuer.to_string()),
        valid_from: at(read.as_ref().map(|read| &read.validity.not_before)),
        valid_to: at(read.as_ref().map(|read| &read.validity.not_after)),
        first_seen,
    }
}

/// URIs, host names and addresses that a certificate names.
fn alternative_names(der: &[u8]) -> Vec<String> {
    use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};
    let Ok(read) = x509_cert::Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some((_, SubjectAltName(names)))) = read.tbs_certificate.get::<SubjectAltName>() else { return Vec::new() };
    let text = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        GeneralName::DnsName(host) => Some(host.to_string()),
        GeneralName::IpAddress(address) => match <[u8; 4]>::try_from(address.as_bytes()) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(address.as_bytes()).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    };
    names.iter().filter_map(text).collect()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { format!("\"{}\"", names.join("\", \"")) }
}
