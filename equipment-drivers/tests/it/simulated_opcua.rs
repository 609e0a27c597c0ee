//! The simulated bioreactor's OPC UA server as a raw client and as our driver see it: its faults on the wire.

use std::{path::Path, sync::Arc, time::Duration};

use equipment_drivers::{Fault, FaultKind, SimHandle};
use mes_core::{
    clock::Clock,
    engine::LinkState,
    historian::{Cause, Quality},
};
use opcua::{
    client::{Client, ClientBuilder, DataChangeCallback, IdentityToken, Session},
    crypto::{SecurityPolicy, X509},
    types::{
        AttributeId, EndpointDescription, MonitoredItemCreateRequest, NodeId, ReadValueId, StatusCode,
        TimestampsToReturn,
    },
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    opcua::{bioreactor, device, trusting},
    rig::{DEADLINE, Rig, number},
};

async fn rig(name: &str) -> (SimHandle, Rig) {
    let clock = Clock::real();
    let sim = bioreactor(name, &clock).await;
    let mut rig = Rig::start(vec![device(name, &sim)], clock, trusting(&sim)).await;
    rig.online().await;
    rig.good(&format!("{name}/temperature")).await;
    (sim, rig)
}

fn raw_client(pki: &Path) -> Client {
    ClientBuilder::new()
        .application_name("raw")
        .application_uri("urn:raw")
        .product_uri("urn:raw")
        .create_sample_keypair(true)
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .pki_dir(pki)
        .trust_server_certs(true)
        .session_retry_limit(0)
        .client()
        .unwrap()
}

async fn endpoint(sim: &SimHandle, client: &Client) -> EndpointDescription {
    let all = timeout(DEADLINE, client.get_server_endpoints_from_url(sim.address())).await.unwrap().unwrap();
    let wanted = SecurityPolicy::Basic256Sha256.to_uri();
    all.into_iter().find(|one| one.security_policy_uri.as_ref() == wanted).unwrap()
}

async fn session(sim: &SimHandle, client: &mut Client) -> Arc<Session> {
    let mut endpoint = endpoint(sim, client).await;
    endpoint.endpoint_url = sim.address().into();
    let identity = IdentityToken::new_user_name("mes", "s3cret");
    let (session, events) = client.connect_to_endpoint_directly(endpoint, identity).unwrap();
    tokio::spawn(events.run());
    assert!(timeout(DEADLINE, session.wait_for_connection()).await.unwrap());
    session
}

async fn node(session: &Session, path: &str) -> NodeId {
    let namespace = session.get_namespace_index("urn:catapult:device:lads-bioreactor").await.unwrap();
    NodeId::new(namespace, path.to_owned())
}

#[tokio::test]
async fn a_wrong_endpoint_is_advertised_and_an_expired_certificate_shown() {
    let sim = bioreactor("BR-31", &Clock::real()).await;
    let pki = TempDir::new().unwrap();
    let client = raw_client(pki.path());
    let honest = endpoint(&sim, &client).await;
    assert_eq!(honest.endpoint_url.as_ref(), sim.address());
    sim.set_fault(Fault::WrongEndpoint).await.unwrap();
    let wrong = endpoint(&sim, &client).await;
    assert!(wrong.endpoint_url.as_ref().starts_with("opc.tcp://192.0.2.1:"), "{}", wrong.endpoint_url);
    sim.clear_fault(FaultKind::WrongEndpoint).await.unwrap();
    sim.set_fault(Fault::ExpiredCertificate).await.unwrap();
    let shown = X509::from_byte_string(&endpoint(&sim, &client).await.server_certificate).unwrap();
    assert_ne!(shown.thumbprint().as_hex_string(), {
        let usual = X509::from_byte_string(&honest.server_certificate).unwrap();
        usual.thumbprint().as_hex_string()
    });
    assert_eq!(shown.not_before().unwrap(), shown.not_after().unwrap(), "valid for a moment, which is over");
}

#[tokio::test]
async fn our_driver_dials_the_address_that_it_was_given() {
    let (sim, mut rig) = rig("BR-32").await;
    sim.set_fault(Fault::WrongEndpoint).await.unwrap();
    rig.bad("BR-32/temperature").await;
    rig.online().await;
    rig.good("BR-32/temperature").await;
}

#[tokio::test]
async fn too_many_operations_are_refused_and_subscriptions_are_not_handed_over() {
    let sim = bioreactor("BR-33", &Clock::real()).await;
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sim.set_fault(Fault::OperationLimit { max: 3 }).await.unwrap();
    let first = session(&sim, &mut raw_client(one.path())).await;
    let id = node(&first, "BR-33/Vessel/pH/CurrentValue").await;
    let reads = |count| {
        vec![
            ReadValueId { node_id: id.clone(), attribute_id: AttributeId::Value as u32, ..ReadValueId::default() };
            count
        ]
    };
    assert_eq!(first.read(&reads(3), TimestampsToReturn::Both, 0.0).await.unwrap().len(), 3);
    let refused = first.read(&reads(4), TimestampsToReturn::Both, 0.0).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::BadTooManyOperations);
    drop(first);
    sim.clear_fault(FaultKind::OperationLimit).await.unwrap();

    for (fault, expected) in [(None, StatusCode::Good), (Some(Fault::NoTransfer), StatusCode::BadUserAccessDenied)] {
        if let Some(fault) = fault {
            sim.set_fault(fault).await.unwrap();
        }
        let first = session(&sim, &mut raw_client(one.path())).await;
        let second = session(&sim, &mut raw_client(other.path())).await;
        let ignore = DataChangeCallback::new(|_, _| {});
        let publishing = Duration::from_millis(200);
        let subscription = first.create_subscription(publishing, 100, 20, 0, 0, true, ignore).await.unwrap();
        let id = node(&first, "BR-33/Heartbeat").await;
        let items = vec![MonitoredItemCreateRequest::from(id)];
        first.create_monitored_items(subscription, TimestampsToReturn::Both, items).await.unwrap();
        let answer = second.transfer_subscriptions(&[subscription], true).await.unwrap();
        assert_eq!(answer.first().unwrap().status_code, expected);
    }
}

#[tokio::test]
async fn a_value_of_bad_quality_and_one_that_stands_still_are_told_apart_from_the_others() {
    let (sim, mut rig) = rig("BR-34").await;
    sim.set_fault(Fault::BadQuality { tag: "ph".parse().unwrap() }).await.unwrap();
    assert_eq!(rig.bad("BR-34/ph").await.quality, Quality::bad(Cause::Device("BadOutOfService".to_owned())));
    rig.good("BR-34/temperature").await;
    sim.clear_fault(FaultKind::BadQuality).await.unwrap();
    rig.good("BR-34/ph").await;
    sim.set_fault(Fault::Stuck { tag: "ph".parse().unwrap() }).await.unwrap();
    let stuck = number(&rig.good("BR-34/ph").await);
    let beat = number(&rig.good("BR-34/heartbeat").await);
    let mut moved = Vec::new();
    rig.sample("the heartbeat goes on", |sample| {
        match sample.tag.name.as_str() {
            "ph" => moved.push(number(sample)),
            "heartbeat" => return number(sample) > beat + 5.0,
            _ => {}
        }
        false
    })
    .await;
    assert!(moved.iter().all(|value| *value == stuck), "{stuck}: {moved:?}");
}

#[tokio::test]
async fn a_reset_a_black_hole_and_a_restart_cost_the_link_and_heal() {
    let (sim, mut rig) = rig("BR-35").await;
    sim.set_fault(Fault::Reset).await.unwrap();
    assert_eq!(rig.bad("BR-35/temperature").await.quality, Quality::bad(Cause::LinkDown));
    rig.online().await;
    rig.good("BR-35/temperature").await;
    sim.set_fault(Fault::BlackHole).await.unwrap();
    assert_eq!(rig.bad("BR-35/temperature").await.quality, Quality::bad(Cause::LinkDown));
    sim.clear_fault(FaultKind::BlackHole).await.unwrap();
    rig.online().await;
    rig.good("BR-35/temperature").await;
    sim.set_fault(Fault::Restart { seconds: 1 }).await.unwrap();
    rig.bad("BR-35/temperature").await;
    rig.online().await;
    rig.good("BR-35/temperature").await;
}

#[tokio::test]
async fn a_clock_that_fell_back_to_2000_is_reported() {
    let (sim, mut rig) = rig("BR-36").await;
    sim.set_fault(Fault::ClockReset).await.unwrap();
    let off = Quality::uncertain(Cause::ClockSkew);
    let skewed = rig.sample("skewed", |one| one.tag.name.as_str() == "temperature" && one.quality == off).await;
    let source = skewed.source_time.unwrap().to_string();
    assert!(source.starts_with("2000-01-01"), "{source}");
    let link = rig.link("degraded", |state| matches!(state, LinkState::Degraded(_))).await;
    assert!(link.cause.contains("clock"), "{link:?}");
}
