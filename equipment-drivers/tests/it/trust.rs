//! Who is spoken to and who is not: approvals, chains, revocation lists and ends of certificates, over the wire.

use std::path::Path;

use equipment_drivers::{BioreactorSim, DeviceConfig, PkiError, Secret, SimHandle, TrustList};
use mes_core::clock::{Clock, Timestamp};
use tempfile::TempDir;

use crate::{
    authority::{Authority, Issued, NOW, self_signed},
    rig::Rig,
};

/// The application URI of the simulated bioreactor.
const URI: &str = "urn:catapult:simulator:bioreactor";

/// A device with this certificate, which is gone with its handle.
async fn device(certificate: &Issued) -> (TempDir, SimHandle) {
    let folder = TempDir::new().unwrap();
    certificate.install(&folder.path().join("shared"));
    let sim = BioreactorSim {
        name: "BR-01".to_owned(),
        port: 0,
        seed: 1,
        clock: Clock::real(),
        pki_dir: folder.path().to_owned(),
        user: "mes".to_owned(),
        secret: Secret::new("s3cret"),
    };
    let handle = sim.start().await.unwrap();
    (folder, handle)
}

/// What the driver with this trust list says of the device: `Ok` when it connects, or the reason of the fault.
async fn connect(pki: &Path, sim: &SimHandle) -> Result<(), String> {
    let config = DeviceConfig::new("BR-01".parse().unwrap(), "lads-bioreactor", sim.address());
    let config = config.with_user("mes", Secret::new("s3cret"));
    let mut rig = Rig::start(vec![config], Clock::real(), pki).await;
    match rig.settled().await {
        Ok(()) => {
            rig.good("BR-01/temperature").await;
            Ok(())
        }
        fault => fault,
    }
}

#[tokio::test]
async fn an_authority_vouches_for_its_devices_until_it_revokes_one() {
    let pki = TempDir::new().unwrap();
    let list = TrustList::open(pki.path()).unwrap();
    let root = Authority::root("Facility Root");
    let between = root.intermediate("Facility Devices");
    let certificate = between.issue("BR-01", URI, NOW);
    let (_folder, sim) = device(&certificate).await;

    let reason = connect(pki.path(), &sim).await.unwrap_err();
    assert!(reason.contains("incomplete") && reason.contains("CN=Facility Devices"), "{reason}");
    let rejected = list.rejected().unwrap();
    assert_eq!(rejected.len(), 1);
    assert_eq!((rejected[0].subject.as_str(), rejected[0].issuer.as_str()), ("CN=BR-01", "CN=Facility Devices"));
    assert!(rejected[0].first_seen.is_some() && rejected[0].valid_to > Clock::system_now());

    list.add_issuer(&root.own.der).unwrap();
    list.trust(&between.own.der).unwrap();
    let reason = connect(pki.path(), &sim).await.unwrap_err();
    assert!(reason.contains("there is no revocation list (CRL) of its issuer"), "{reason}");

    list.add_revocation_list(&root.revocation_list(&[], 30)).unwrap();
    let first = between.revocation_list(&[], 30);
    list.add_revocation_list(&first).unwrap();
    connect(pki.path(), &sim).await.unwrap();

    list.add_revocation_list(&between.revocation_list(&[&certificate], 30)).unwrap();
    let reason = connect(pki.path(), &sim).await.unwrap_err();
    assert!(reason.contains("it was revoked by \"CN=Facility Devices\" on 20"), "{reason}");
    // Not even an approval of the device itself outweighs that.
    list.trust(&certificate.der).unwrap();
    assert!(connect(pki.path(), &sim).await.unwrap_err().contains("revoked"));
}

#[tokio::test]
async fn a_chain_that_does_not_hold_is_named_with_the_link_that_broke() {
    let root = Authority::root("Root");
    let certificate = root.issue("BR-01", URI, NOW);
    let (_folder, sim) = device(&certificate).await;
    let impostor = Authority::root("Root");
    let old = Authority::root_for("Root", (-400, -1));
    for (authority, lists, expected) in [
        // The same name, another key.
        (&impostor, vec![impostor.revocation_list(&[], 30)], "its signature is not that of \"CN=Root\""),
        // A list that is overdue, and one that somebody else has signed.
        (&root, vec![root.revocation_list(&[], -2)], "out of date: the next one was due on 20"),
        (&root, vec![impostor.revocation_list(&[], 30)], "is not signed by that issuer"),
    ] {
        let pki = TempDir::new().unwrap();
        let list = TrustList::open(pki.path()).unwrap();
        list.trust(&authority.own.der).unwrap();
        for der in lists {
            list.add_revocation_list(&der).unwrap();
        }
        let reason = connect(pki.path(), &sim).await.unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
    let by_old = old.issue("BR-01", URI, NOW);
    let (_folder, sim) = device(&by_old).await;
    let pki = TempDir::new().unwrap();
    let list = TrustList::open(pki.path()).unwrap();
    list.trust(&old.own.der).unwrap();
    list.add_revocation_list(&old.revocation_list(&[], 30)).unwrap();
    let reason = connect(pki.path(), &sim).await.unwrap_err();
    assert!(reason.contains("its authority \"CN=Root\" expired on 20"), "{reason}");
}

#[tokio::test]
async fn an_authority_among_the_issuers_completes_chains_and_vouches_for_nothing() {
    let pki = TempDir::new().unwrap();
    let list = TrustList::open(pki.path()).unwrap();
    let root = Authority::root("Vendor");
    let certificate = root.issue("BR-01", URI, NOW);
    let (_folder, sim) = device(&certificate).await;
    list.add_issuer(&root.own.der).unwrap();
    list.add_revocation_list(&root.revocation_list(&[], 30)).unwrap();
    let reason = connect(pki.path(), &sim).await.unwrap_err();
    assert!(reason.contains("is not trusted") && reason.contains("approve it"), "{reason}");
    let waiting = list.rejected().unwrap();
    list.approve(&waiting[0].thumbprint).unwrap();
    connect(pki.path(), &sim).await.unwrap();
}

#[tokio::test]
async fn an_expired_device_and_one_that_calls_itself_otherwise_are_refused_though_approved() {
    for (uri, days, expected) in [
        (URI, (-30, -1), "it expired on 20"),
        (URI, (2, 30), "it is valid only from 20"),
        (
            "urn:somebody:else",
            NOW,
            "it names \"urn:somebody:else\", \"localhost\", \"127.0.0.1\", the device calls itself",
        ),
    ] {
        let pki = TempDir::new().unwrap();
        let certificate = self_signed("BR-01", uri, days);
        let (_folder, sim) = device(&certificate).await;
        let list = TrustList::open(pki.path()).unwrap();
        let approved = list.trust(&certificate.der).unwrap();
        let reason = connect(pki.path(), &sim).await.unwrap_err();
        assert!(reason.contains(expected) && reason.contains(&approved.thumbprint), "{reason}");
    }
}

#[test]
fn certificates_that_end_soon_are_told_the_most_urgent_first() {
    let pki = TempDir::new().unwrap();
    let list = TrustList::open(pki.path()).unwrap();
    for (name, days) in [("far", 90), ("month", 29), ("over", -3), ("week", 6), ("quarter", 59)] {
        list.trust(&self_signed(name, "urn:x", (-100, days)).der).unwrap();
    }
    let soon = list.expiring(Clock::system_now()).unwrap();
    let named: Vec<_> = soon.iter().map(|(one, days)| (one.subject.as_str(), *days)).collect();
    assert_eq!(named, [("CN=over", -4), ("CN=week", 5), ("CN=month", 28), ("CN=quarter", 58)]);
    assert_eq!(list.expiring(Timestamp::from_ms(0)).unwrap(), []);
}

#[test]
fn an_older_revocation_list_does_not_take_the_place_of_a_newer_one() {
    let pki = TempDir::new().unwrap();
    let list = TrustList::open(pki.path()).unwrap();
    let root = Authority::root("Root");
    list.add_revocation_list(&root.revocation_list(&[], 30)).unwrap();
    let older = root.revocation_list(&[], -5);
    assert!(matches!(list.add_revocation_list(&older), Err(PkiError::OlderRevocationList { .. })));
    assert!(matches!(list.add_revocation_list(b"none"), Err(PkiError::NotARevocationList)));
    assert!(list.add_issuer(b"none").is_err());
}
