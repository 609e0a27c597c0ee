//! Our own key pair and certificate, made once per PKI folder.
//!
//! Whom we trust is told elsewhere (`trust.rs`).

use std::path::Path;

use opcua::crypto::{CertificateStore, X509Data};
use tokio::sync::Mutex;

use super::{
    OWN_CERTIFICATE, OWN_KEY,
    trust::{PkiError, TrustList},
};

/// Application URI in our own certificate.
pub(crate) const APPLICATION_URI: &str = "urn:catapult:mes:drivers";
/// Name in our own certificate.
pub(crate) const APPLICATION_NAME: &str = "Catapult MES";
const KEY_BITS: u32 = 2048;
const CERTIFICATE_DAYS: u32 = 1825;

/// Only one key pair is made at a time in this process.
static MAKING: Mutex<()> = Mutex::const_new(());

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
    let own = TrustList::open(pki_dir).and_then(|list| list.own());
    own.map_or_else(|error| error.to_string(), |own| own.thumbprint)
}
