//! The trust list of the drivers, kept as the decisions on record say: a certificate that a person accepted is trusted, one that
//! was refused stays among those that are not. Files follow entries, at the start and at each decision; nothing is trusted by itself.

use std::path::Path;

use equipment_drivers::{PkiError, TrustList};
use mes_core::{access::Rejection, engine::View, tenant::DeviceCertificate};

use crate::drivers::Links;

/// Whether a certificate that is to be judged is one that a device has shown and that waits for a person.
///
/// # Errors
/// It is not, or the trust list cannot be read.
pub fn judge(pki: &Path, certificate: &DeviceCertificate) -> Result<(), Rejection> {
    let waiting = TrustList::open(pki).and_then(|trust| trust.rejected()).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the trust list cannot be read");
        Rejection::not_found()
    })?;
    let same = waiting.iter().any(|one| one.thumbprint == certificate.thumbprint && one.subject == certificate.subject);
    if same { Ok(()) } else { Err(Rejection::not_found()) }
}

/// Makes the trust list what the decisions say, and lets the links that showed the certificate connect anew.
pub fn follow(pki: &Path, view: &View, links: &Links) {
    if view.certificates.is_empty() {
        return;
    }
    match settle(pki, view) {
        Ok(accepted) => {
            for thumbprint in accepted {
                tracing::info!(thumbprint, "a certificate was accepted and is trusted now");
                let shown = view.links.iter().filter(|(_, link)| link.cause.contains(&thumbprint));
                shown.for_each(|(equipment, _)| {
                    links.reconnect(equipment);
                });
            }
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the trust list does not follow its entries");
        }
    }
}

/// Trusts what was accepted and still waits; gives the thumbprints.
fn settle(pki: &Path, view: &View) -> Result<Vec<String>, PkiError> {
    let trust = TrustList::open(pki)?;
    let mut accepted = Vec::new();
    for waiting in trust.rejected()? {
        if view.certificates.get(&waiting.thumbprint).is_some_and(|judged| judged.accepted) {
            trust.approve(&waiting.thumbprint)?;
            accepted.push(waiting.thumbprint);
        }
    }
    Ok(accepted)
}
