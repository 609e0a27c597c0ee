//! The chain from a device's certificate up to a root, and whether any link of it was revoked.
//!
//! Path building, signatures, constraints and revocation lists are webpki's; RSA is the `rsa` crate's. Who is trusted
//! is not decided here: the caller learns through which authorities the chain runs.

use mes_core::clock::Timestamp;
use rsa::{
    Pkcs1v15Sign, RsaPublicKey,
    pkcs1::DecodeRsaPublicKey,
    sha2::{Digest, Sha256, Sha384, Sha512},
};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    alg_id,
};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_cert::{
    Certificate,
    crl::CertificateList,
    der::{Decode, Encode},
    time::Time,
};

/// A certificate authority that may stand in a chain.
#[derive(Debug)]
pub(super) struct Authority {
    der: Vec<u8>,
    read: Certificate,
}

impl Authority {
    /// `None` when these bytes are no certificate.
    pub(super) fn new(der: Vec<u8>) -> Option<Self> {
        Certificate::from_der(&der).ok().map(|read| Self { der, read })
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    fn is_root(&self) -> bool {
        self.read.tbs_certificate.subject == self.read.tbs_certificate.issuer
    }

    fn name(&self) -> String {
        self.read.tbs_certificate.subject.to_string()
    }
}

/// Whether a certificate says of itself that it is its own issuer.
pub(super) fn is_self_issued(der: &[u8]) -> bool {
    Certificate::from_der(der).is_ok_and(|read| read.tbs_certificate.subject == read.tbs_certificate.issuer)
}

/// The authorities above this certificate up to a root, or why there is no chain that holds.
pub(super) fn verify<'a>(
    leaf: &[u8],
    authorities: &'a [Authority],
    revocations: &[Vec<u8>],
    now: Timestamp,
) -> Result<Vec<&'a Authority>, String> {
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_millis(now.as_ms().try_into().unwrap_or_default()));
    let certificate = CertificateDer::from(leaf);
    let end =
        EndEntityCert::try_from(&certificate).map_err(|error| format!("its certificate cannot be read: {error}"))?;
    let roots: Vec<_> = authorities.iter().filter(|one| one.is_root()).collect();
    let root_ders: Vec<_> = roots.iter().map(|one| CertificateDer::from(one.der())).collect();
    let anchors: Vec<TrustAnchor<'_>> = root_ders.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let between: Vec<_> =
        authorities.iter().filter(|one| !one.is_root()).map(|one| CertificateDer::from(one.der())).collect();
    let lists: Vec<CertRevocationList<'_>> =
        revocations.iter().filter_map(|der| BorrowedCertRevocationList::from_der(der).ok()).map(Into::into).collect();
    let lists: Vec<_> = lists.iter().collect();
    let known = authorities.iter().any(|one| issued(&one.read, leaf));
    let revocation = RevocationOptionsBuilder::new(&lists).map_err(|_| match known {
        true => "there is no revocation list (CRL) of its issuer".to_owned(),
        false => unknown_issuer(leaf),
    })?;
    let revocation = revocation
        .with_depth(RevocationCheckDepth::Chain)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let path = end
        .verify_for_usage(&ALGORITHMS, &anchors, &between, time, KeyUsage::server_auth(), Some(revocation), None)
        .map_err(|error| explain(&error, leaf, authorities, revocations, now))?;
    let mut above: Vec<_> = path
        .intermediate_certificates()
        .filter_map(|link| authorities.iter().find(|one| one.der() == link.der().as_ref()))
        .collect();
    let root = root_ders.iter().zip(&roots).find(|(der, _)| {
        anchor_from_trusted_cert(der).is_ok_and(|anchor| {
            anchor.subject == path.anchor().subject
                && anchor.subject_public_key_info == path.anchor().subject_public_key_info
        })
    });
    let (_, root) = root.ok_or_else(|| unknown_issuer(leaf))?;
    // A root is taken as it is by webpki; that it has not expired is asked here.
    expired(root, now).map_or(Ok(()), Err)?;
    above.push(root);
    Ok(above)
}

fn issued(authority: &Certificate, leaf: &[u8]) -> bool {
    Certificate::from_der(leaf).is_ok_and(|leaf| leaf.tbs_certificate.issuer == authority.tbs_certificate.subject)
}

fn issuer(leaf: &[u8]) -> String {
    Certificate::from_der(leaf).map_or_else(|_| "?".to_owned(), |read| read.tbs_certificate.issuer.to_string())
}

fn unknown_issuer(leaf: &[u8]) -> String {
    format!("the chain to a root is incomplete: the certificate of \"{}\" or of one above it is missing", issuer(leaf))
}

fn expired(authority: &Authority, now: Timestamp) -> Option<String> {
    let validity = authority.read.tbs_certificate.validity;
    let (from, to) = (timestamp(&validity.not_before), timestamp(&validity.not_after));
    if now < from {
        return Some(format!("its authority \"{}\" is valid only from {from}", authority.name()));
    }
    (now > to).then(|| format!("its authority \"{}\" expired on {to}", authority.name()))
}

fn explain(error: &Error, leaf: &[u8], authorities: &[Authority], lists: &[Vec<u8>], now: Timestamp) -> String {
    match error {
        Error::CertRevoked => {
            revoked(leaf, authorities, lists).unwrap_or_else(|| "it or an authority above it was revoked".to_owned())
        }
        Error::UnknownIssuer => unknown_issuer(leaf),
        Error::UnknownRevocationStatus => {
            "there is no revocation list (CRL) of its issuer, or of an authority above it".to_owned()
        }
        Error::CrlExpired { next_update, .. } => {
            let due = Timestamp::from_ms(i64::try_from(next_update.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000));
            format!("the revocation list (CRL) of its issuer is out of date: the next one was due on {due}")
        }
        Error::InvalidSignatureForPublicKey => {
            format!("its signature is not that of \"{}\", which it names as its issuer", issuer(leaf))
        }
        Error::InvalidCrlSignatureForPublicKey => {
            "the revocation list (CRL) of its issuer is not signed by that issuer".to_owned()
        }
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            authorities.iter().find_map(|one| expired(one, now)).unwrap_or_else(|| error.to_string())
        }
        Error::CaUsedAsEndEntity => "it is the certificate of an authority, not of a device".to_owned(),
        other => format!("its chain does not hold: {other}"),
    }
}

/// Which certificate of the chain is on which list.
fn revoked(leaf: &[u8], authorities: &[Authority], lists: &[Vec<u8>]) -> Option<String> {
    let leaf = Certificate::from_der(leaf).ok()?;
    let lists: Vec<_> = lists.iter().filter_map(|der| CertificateList::from_der(der).ok()).collect();
    let on_a_list = |one: &Certificate| {
        let of_its_issuer = lists.iter().filter(|list| list.tbs_cert_list.issuer == one.tbs_certificate.issuer);
        of_its_issuer
            .flat_map(|list| list.tbs_cert_list.revoked_certificates.iter().flatten())
            .find(|entry| entry.serial_number == one.tbs_certificate.serial_number)
            .map(|entry| timestamp(&entry.revocation_date))
    };
    if let Some(at) = on_a_list(&leaf) {
        return Some(format!("it was revoked by \"{}\" on {at}", leaf.tbs_certificate.issuer));
    }
    authorities
        .iter()
        .find_map(|one| on_a_list(&one.read).map(|at| format!("its authority \"{}\" was revoked on {at}", one.name())))
}

/// A time of a certificate.
pub(super) fn timestamp(time: &Time) -> Timestamp {
    Timestamp::from_ms(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

/// Whether these bytes are a revocation list that can be used.
pub(super) fn is_revocation_list(der: &[u8]) -> bool {
    BorrowedCertRevocationList::from_der(der).is_ok() && CertificateList::from_der(der).is_ok()
}

/// File name of a revocation list: one per issuer, so that a newer one takes the place of the older.
pub(super) fn revocation_list_name(der: &[u8]) -> Option<String> {
    let issuer = CertificateList::from_der(der).ok()?.tbs_cert_list.issuer.to_der().ok()?;
    let digest = Sha256::digest(issuer);
    Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>() + ".crl")
}

static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 3] = [
    &Rsa {
        signature: alg_id::RSA_PKCS1_SHA256,
        scheme: Pkcs1v15Sign::new::<Sha256>,
        digest: |m| Sha256::digest(m).to_vec(),
    },
    &Rsa {
        signature: alg_id::RSA_PKCS1_SHA384,
        scheme: Pkcs1v15Sign::new::<Sha384>,
        digest: |m| Sha384::digest(m).to_vec(),
    },
    &Rsa {
        signature: alg_id::RSA_PKCS1_SHA512,
        scheme: Pkcs1v15Sign::new::<Sha512>,
        digest: |m| Sha512::digest(m).to_vec(),
    },
];

/// RSA as certificates of OPC UA use it; SHA-1 is not among them.
#[derive(Debug)]
struct Rsa {
    signature: AlgorithmIdentifier,
    scheme: fn() -> Pkcs1v15Sign,
    digest: fn(&[u8]) -> Vec<u8>,
}

impl SignatureVerificationAlgorithm for Rsa {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = RsaPublicKey::from_pkcs1_der(public_key).map_err(|_| InvalidSignature)?;
        key.verify((self.scheme)(), &(self.digest)(message), signature).map_err(|_| InvalidSignature)
    }
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
