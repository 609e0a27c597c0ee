//! A certificate authority for tests: roots, intermediates, device and user certificates, revocation lists.
//!
//! Real X.509, made by hand so that a test can make it expired, revoked or broken. Keys are small for speed of making.

use std::{fs, path::Path, sync::Mutex, time::Duration};

use mes_core::clock::{Clock, Timestamp};
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding},
    sha2::{Digest, Sha256},
};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    der::{
        Decode, Encode,
        asn1::{Any, BitString, Ia5String, Null, OctetString, Uint, UtcTime},
    },
    ext::{
        AsExtension, Extension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, CrlNumber, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const DAY_MS: i64 = 86_400_000;

static SERIAL: Mutex<u64> = Mutex::new(100);

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    pub(crate) key: RsaPrivateKey,
}

impl Issued {
    /// Writes both where an OPC UA application of this crate looks for its own.
    pub(crate) fn install(&self, pki_dir: &Path) {
        for folder in ["own", "private"] {
            fs::create_dir_all(pki_dir.join(folder)).unwrap();
        }
        self.write(&pki_dir.join("own/cert.der"), &pki_dir.join("private/private.pem"));
    }

    pub(crate) fn write(&self, certificate: &Path, key: &Path) {
        fs::write(certificate, &self.der).unwrap();
        fs::write(key, self.key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    }
}

/// One that issues.
pub(crate) struct Authority {
    pub(crate) own: Issued,
    name: Name,
}

/// From and to, in days from now.
pub(crate) type Days = (i64, i64);
pub(crate) const NOW: Days = (-1, 365);

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_for(name, NOW)
    }

    pub(crate) fn root_for(name: &str, days: Days) -> Self {
        let key = new_key();
        let name = common_name(name);
        let der = certify(&name, &key, &name, &key, days, authority_extensions(&key));
        Self { own: Issued { der, key }, name }
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = new_key();
        let name = common_name(name);
        let der = certify(&self.name, &self.own.key, &name, &key, NOW, authority_extensions(&key));
        Self { own: Issued { der, key }, name }
    }

    /// A certificate for an application of this URI on this machine.
    pub(crate) fn issue(&self, name: &str, uri: &str, days: Days) -> Issued {
        let key = new_key();
        let der = certify(&self.name, &self.own.key, &common_name(name), &key, days, application_extensions(uri));
        Issued { der, key }
    }

    /// What has been revoked; the next list is due in so many days.
    pub(crate) fn revocation_list(&self, revoked: &[&Issued], next_days: i64) -> Vec<u8> {
        let entry = |one: &&Issued| RevokedCert {
            serial_number: Certificate::from_der(&one.der).unwrap().tbs_certificate.serial_number,
            revocation_date: time(-1),
            crl_entry_extensions: None,
        };
        let entries: Vec<_> = revoked.iter().map(entry).collect();
        let identifier = AuthorityKeyIdentifier {
            key_identifier: Some(key_identifier(&self.own.key)),
            ..AuthorityKeyIdentifier::default()
        };
        let list = TbsCertList {
            version: Version::V2,
            signature: sha256_rsa(),
            issuer: self.name.clone(),
            this_update: time(next_days.min(0) - 1),
            next_update: Some(time(next_days)),
            revoked_certificates: (!entries.is_empty()).then_some(entries),
            crl_extensions: Some(vec![
                extension(&identifier, &self.name),
                extension(&CrlNumber(Uint::new(&serial()).unwrap()), &self.name),
            ]),
        };
        let signature = sign(&self.own.key, &list.to_der().unwrap());
        CertificateList { tbs_cert_list: list, signature_algorithm: sha256_rsa(), signature }.to_der().unwrap()
    }
}

/// A self-signed certificate, as most devices have it.
pub(crate) fn self_signed(name: &str, uri: &str, days: Days) -> Issued {
    let key = new_key();
    let name = common_name(name);
    let der = certify(&name, &key, &name, &key, days, application_extensions(uri));
    Issued { der, key }
}

fn new_key() -> RsaPrivateKey {
    let key = opcua::crypto::PrivateKey::new(2048).unwrap();
    RsaPrivateKey::from_pkcs8_der(key.to_der().unwrap().as_bytes()).unwrap()
}

fn certify(
    issuer: &Name,
    issuer_key: &RsaPrivateKey,
    subject: &Name,
    key: &RsaPrivateKey,
    days: Days,
    extensions: Vec<Extension>,
) -> Vec<u8> {
    let public = key.to_public_key().to_public_key_der().unwrap();
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial()).unwrap(),
        signature: sha256_rsa(),
        issuer: issuer.clone(),
        validity: Validity { not_before: time(days.0), not_after: time(days.1) },
        subject: subject.clone(),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(public.as_bytes()).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signature = sign(issuer_key, &tbs_certificate.to_der().unwrap());
    Certificate { tbs_certificate, signature_algorithm: sha256_rsa(), signature }.to_der().unwrap()
}

fn authority_extensions(key: &RsaPrivateKey) -> Vec<Extension> {
    let none = Name::default();
    vec![
        extension(&BasicConstraints { ca: true, path_len_constraint: None }, &none),
        extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), &none),
        extension(&SubjectKeyIdentifier(key_identifier(key)), &none),
    ]
}

fn application_extensions(uri: &str) -> Vec<Extension> {
    let none = Name::default();
    let usage = KeyUsages::DigitalSignature
        | KeyUsages::NonRepudiation
        | KeyUsages::KeyEncipherment
        | KeyUsages::DataEncipherment;
    let names = vec![
        GeneralName::UniformResourceIdentifier(Ia5String::new(uri).unwrap()),
        GeneralName::DnsName(Ia5String::new("localhost").unwrap()),
        GeneralName::IpAddress(OctetString::new(vec![127, 0, 0, 1]).unwrap()),
    ];
    vec![
        extension(&BasicConstraints { ca: false, path_len_constraint: None }, &none),
        extension(&KeyUsage(usage), &none),
        extension(&ExtendedKeyUsage(vec![SERVER_AUTH, CLIENT_AUTH]), &none),
        extension(&SubjectAltName(names), &none),
    ]
}

fn extension<T: AsExtension>(of: &T, subject: &Name) -> Extension {
    of.to_extension(subject, &[]).unwrap()
}

fn key_identifier(key: &RsaPrivateKey) -> OctetString {
    let public = key.to_public_key().to_public_key_der().unwrap();
    OctetString::new(&Sha256::digest(public.as_bytes())[..20]).unwrap()
}

fn sha256_rsa() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA256_RSA, parameters: Some(Any::from(Null)) }
}

fn sign(key: &RsaPrivateKey, message: &[u8]) -> BitString {
    BitString::from_bytes(&key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap()).unwrap()
}

fn common_name(name: &str) -> Name {
    format!("CN={name}").parse().unwrap()
}

/// Positive, and never the same twice.
fn serial() -> [u8; 8] {
    let mut last = SERIAL.lock().unwrap();
    *last += 1;
    (*last | 0x0100_0000_0000_0000).to_be_bytes()
}

fn time(days: i64) -> Time {
    let at = Timestamp::from_ms(Clock::system_now().as_ms() + days * DAY_MS);
    let since = Duration::from_secs(u64::try_from(at.as_ms() / 1000).unwrap());
    Time::UtcTime(UtcTime::from_unix_duration(since).unwrap())
}
