//! The trust list of the drivers, kept as the decisions on record say: a certificate that a person accepted is trusted, one that
//! was refused is not. Files follow entries, at the start and at each decision; nothing is trusted by itself.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use equipment_drivers::{Certificate, EXPIRY_WARNING_DAYS, PkiError, TrustList};
use mes_core::{
    access::Rejection,
    clock::Timestamp,
    engine::{JudgedCertificate, Note, View},
    id::EquipmentId,
    tenant::DeviceCertificate,
};

use crate::drivers::Links;

/// Nobody reads the list while certificates are moved in it.
static MOVING: Mutex<()> = Mutex::new(());

/// Where a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A device showed it, and nobody has decided.
    Waiting,
    /// A person refused it.
    Refused,
    /// It is trusted.
    Trusted,
    /// It is our own.
    Own,
}

/// A certificate that is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub standing: Standing,
    /// What it says, and on whose link it was shown.
    pub certificate: DeviceCertificate,
    /// When it came to stand there: of one that waits, when the device first showed it (wall time).
    pub since: Option<Timestamp>,
}

/// A certificate that ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Whom it names.
    pub subject: String,
    /// When it ends (wall time).
    pub until: Timestamp,
    /// Whole days left; negative when it is over.
    pub days_left: i64,
    /// The warning that is due: so many days before the end.
    pub warned_at: i64,
}

/// All certificates, those that wait first. What was decided counts at once, also where the files have yet to follow.
///
/// # Errors
/// The trust list cannot be read.
pub fn list(pki: &Path, view: &View) -> Result<Vec<Known>, PkiError> {
    let mut all = {
        let _still = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
        as_kept(&TrustList::open(pki)?, view)?
    };
    for known in all.iter_mut().filter(|known| known.standing != Standing::Own) {
        if let Some(judged) = view.certificates.get(&known.certificate.thumbprint) {
            known.standing = if judged.accepted { Standing::Trusted } else { Standing::Refused };
        }
    }
    all.sort_by_key(|known| known.standing);
    Ok(all)
}

/// All certificates where their files are.
fn as_kept(trust: &TrustList, view: &View) -> Result<Vec<Known>, PkiError> {
    let mut all: Vec<(Standing, Certificate)> = Vec::new();
    all.extend(trust.rejected()?.into_iter().map(|one| (Standing::Waiting, one)));
    all.extend(trust.refused()?.into_iter().map(|one| (Standing::Refused, one)));
    all.extend(trust.trusted()?.into_iter().map(|one| (Standing::Trusted, one)));
    // There is none before the first OPC UA device.
    all.extend(trust.own().ok().map(|one| (Standing::Own, one)));
    Ok(all.into_iter().map(|(standing, one)| known(standing, one, view)).collect())
}

/// With the equipment on whose link it was shown: as decided, or as the link says now.
fn known(standing: Standing, one: Certificate, view: &View) -> Known {
    let decided = view.certificates.get(&one.thumbprint).and_then(|judged| judged.certificate.equipment.clone());
    let equipment = decided.or_else(|| shown_by(&one.thumbprint, view).next().cloned());
    let certificate = DeviceCertificate {
        thumbprint: one.thumbprint,
        subject: one.subject,
        issuer: one.issuer,
        valid_from: one.valid_from,
        valid_until: one.valid_to,
        equipment,
    };
    Known { standing, certificate, since: one.first_seen }
}

/// The equipment whose links say that they stand still for this certificate.
fn shown_by<'v>(thumbprint: &str, view: &'v View) -> impl Iterator<Item = &'v EquipmentId> {
    view.links.iter().filter(move |(_, link)| link.cause.contains(thumbprint)).map(|(equipment, _)| equipment)
}

/// The certificates that a person is to be told of, ours among them, the most urgent first.
///
/// # Errors
/// The trust list cannot be read.
pub fn ending(pki: &Path, now: Timestamp) -> Result<Vec<Ending>, PkiError> {
    let _still = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
    let all = TrustList::open(pki)?.expiring(now)?;
    Ok(all.into_iter().filter_map(|(one, days)| told(one, days)).collect())
}

/// What is to be entered of the ends of certificates: thresholds that were passed and of which no entry tells (UA-03).
///
/// # Errors
/// The trust list cannot be read.
pub fn untold(pki: &Path, view: &View, now: Timestamp) -> Result<Vec<Note>, PkiError> {
    let all = {
        let _still = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
        TrustList::open(pki)?.expiring(now)?
    };
    let note = |(one, days_left): (Certificate, i64)| {
        let within_days = u32::try_from(threshold(days_left)?).ok()?;
        let told = view.ending.get(&one.thumbprint).is_some_and(|known| *known <= within_days);
        let certificate = Box::new(known(Standing::Trusted, one, view).certificate);
        (!told).then_some(Note::CertificateEnds { certificate, within_days })
    };
    Ok(all.into_iter().filter_map(note).collect())
}

/// The last threshold that was passed.
fn threshold(days_left: i64) -> Option<i64> {
    EXPIRY_WARNING_DAYS.into_iter().filter(|step| days_left <= *step).min()
}

fn told(one: Certificate, days_left: i64) -> Option<Ending> {
    let warned_at = threshold(days_left)?;
    Some(Ending { subject: one.subject, until: one.valid_to, days_left, warned_at })
}

/// Whether a certificate that is to be judged is one of those known here, and says what is known of it.
///
/// # Errors
/// It is not, or the trust list cannot be read.
pub fn judge(pki: &Path, view: &View, sent: &DeviceCertificate) -> Result<(), Rejection> {
    let all = list(pki, view).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the trust list cannot be read");
        Rejection::not_found()
    })?;
    let known = all.iter().any(|one| one.standing != Standing::Own && agree(&one.certificate, sent));
    if known { Ok(()) } else { Err(Rejection::not_found()) }
}

/// All that a certificate says, and its equipment where a link or a decision says whose it is.
fn agree(known: &DeviceCertificate, sent: &DeviceCertificate) -> bool {
    let equipment = known.equipment.as_ref().or(sent.equipment.as_ref()).cloned();
    *sent == DeviceCertificate { equipment, ..known.clone() }
}

/// Makes the trust list what the decisions say, and lets the links that this concerns connect anew.
pub fn follow(pki: &Path, view: &View, links: &Links) {
    if view.certificates.is_empty() {
        return;
    }
    match settle(pki, view) {
        Ok(moved) => {
            for (judged, from) in moved {
                let thumbprint = &judged.certificate.thumbprint;
                tracing::info!(thumbprint, accepted = judged.accepted, "the trust list follows a decision");
                concerned(judged, from, view).for_each(|equipment| {
                    links.reconnect(equipment);
                });
            }
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the trust list does not follow its entries");
        }
    }
}

/// Whose links a decision concerns. What was trusted may have vouched for any device, so that all of OPC UA are asked again.
fn concerned<'v>(
    judged: &JudgedCertificate,
    from: Standing,
    view: &'v View,
) -> Box<dyn Iterator<Item = &'v EquipmentId> + 'v> {
    if from == Standing::Trusted {
        let all = view.facility.equipment.values().filter(|unit| unit.link.address.starts_with("opc.tcp://"));
        return Box::new(all.map(|unit| &unit.id));
    }
    Box::new(shown_by(&judged.certificate.thumbprint, view).collect::<Vec<_>>().into_iter())
}

/// Moves what does not stand where it was decided; gives the decisions that moved something, and from where.
fn settle<'v>(pki: &Path, view: &'v View) -> Result<Vec<(&'v JudgedCertificate, Standing)>, PkiError> {
    let _still = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
    let trust = TrustList::open(pki)?;
    let mut moved = Vec::new();
    for Known { standing, certificate, .. } in as_kept(&trust, view)? {
        let Some(judged) = view.certificates.get(&certificate.thumbprint) else { continue };
        match (judged.accepted, standing) {
            (true, Standing::Waiting | Standing::Refused) => trust.approve(&certificate.thumbprint)?,
            (false, Standing::Waiting | Standing::Trusted) => trust.refuse(&certificate.thumbprint)?,
            _ => continue,
        };
        moved.push((judged, standing));
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(equipment: Option<&str>) -> DeviceCertificate {
        DeviceCertificate {
            thumbprint: "00ff".into(),
            subject: "CN=BR-09".into(),
            issuer: "CN=Maker".into(),
            valid_from: Timestamp::from_ms(0),
            valid_until: Timestamp::from_ms(1_000),
            equipment: equipment.map(|id| id.parse().unwrap()),
        }
    }

    #[test]
    fn ua_03_a_judged_certificate_says_all_that_is_known_of_it() {
        let known = certificate(Some("BR-09"));
        assert!(agree(&known, &known));
        assert!(agree(&certificate(None), &known), "no link says whose it is");
        let later = Timestamp::from_ms(2_000);
        for sent in [
            DeviceCertificate { thumbprint: "00fe".into(), ..known.clone() },
            DeviceCertificate { subject: "CN=BR-08".into(), ..known.clone() },
            DeviceCertificate { issuer: "CN=BR-09".into(), ..known.clone() },
            DeviceCertificate { valid_from: later, ..known.clone() },
            DeviceCertificate { valid_until: later, ..known.clone() },
            certificate(Some("BR-08")),
            certificate(None),
        ] {
            assert!(!agree(&known, &sent), "{sent:?}");
        }
    }

    #[test]
    fn ua_03_the_warning_of_60_30_or_7_days_is_due() {
        let one = Certificate {
            thumbprint: "00ff".into(),
            subject: "CN=BR-09".into(),
            issuer: "CN=Maker".into(),
            valid_from: Timestamp::from_ms(0),
            valid_to: Timestamp::from_ms(1_000),
            first_seen: None,
        };
        let due = |days| told(one.clone(), days).map(|ending| ending.warned_at);
        assert_eq!(
            [61, 60, 31, 30, 8, 7, -1].map(due),
            [None, Some(60), Some(60), Some(30), Some(30), Some(7), Some(7)]
        );
    }
}
