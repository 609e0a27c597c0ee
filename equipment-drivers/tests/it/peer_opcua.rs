//! The OPC UA driver against asyncua and node-opcua.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use equipment_drivers::{
    BrowseRequest, DeviceConfig, Draft, DriverReport, Login, Mode, Policy, Secret, Security, Templates, TrustList,
    browse,
};
use mes_core::{
    clock::Clock,
    engine::{LinkState, WriteResult},
    historian::{Cause, Quality, Sample, SampleValue},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authority::{Issued, NOW, self_signed},
    peer::{Kind, Peer, free_port},
    proxy::Proxy,
    rig::{Rig, number},
};

const URI: &str = "urn:peer:server";
/// The limit of the issue: a pulled cable shows within this time.
const BAD_WITHIN: Duration = Duration::from_secs(5);

/// A server to be, with its certificate, and the folder of a driver that trusts it.
struct Bench {
    folder: TempDir,
    port: u16,
    certificate: Issued,
}

impl Bench {
    fn new() -> Self {
        let bench =
            Self { folder: TempDir::new().unwrap(), port: free_port(), certificate: self_signed("peer", URI, NOW) };
        bench.certificate.write(&bench.path("peer.der"), &bench.path("peer.pem"));
        std::fs::write(bench.path("peer.crt"), pem(&bench.certificate.der)).unwrap();
        TrustList::open(&bench.pki()).unwrap().trust(&bench.certificate.der).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pki(&self) -> PathBuf {
        self.path("driver")
    }

    /// What the server is to offer, with `more` on top.
    fn config(&self, kind: Kind, more: Value) -> Value {
        let mut config = match kind {
            Kind::Python => json!({
                "port": self.port, "uri": URI, "certificate": self.path("peer.der"), "key": self.path("peer.pem"),
                "policies": ["Basic256Sha256_SignAndEncrypt"],
            }),
            Kind::Node => json!({
                "port": self.port, "uri": URI, "certificate": self.path("peer.crt"), "key": self.path("peer.pem"),
                "pki": self.path("node-pki"), "policies": ["Basic256Sha256"], "modes": ["SignAndEncrypt"],
                "items_per_call": 7, "nodes_per_read": 5,
            }),
        };
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    fn device(&self) -> DeviceConfig {
        self.device_at(&format!("127.0.0.1:{}", self.port))
    }

    fn device_at(&self, address: &str) -> DeviceConfig {
        DeviceConfig::new("L-1".parse().unwrap(), "line", format!("opc.tcp://{address}/peer"))
    }

    async fn rig(&self, device: DeviceConfig, tags: &str) -> Rig {
        Rig::start_with(vec![device], &line(tags), Clock::real(), &self.pki()).await
    }
}

fn pem(der: &[u8]) -> String {
    use x509_cert::der::{Decode, EncodePem, pem::LineEnding};
    x509_cert::Certificate::from_der(der).unwrap().to_pem(LineEnding::LF).unwrap()
}

/// A template of the peers' line with these tags.
fn line(tags: &str) -> Templates {
    let text = format!(
        "name: line\nversion: 1\nvendor: generic\nmodel: peer\nsummary: A line\nprotocol: opc_ua\npoll_s: 1\nopc_ua: {{ namespace: urn:peer:line, \
         publishing_ms: 100, events: \"nsu=http://opcfoundation.org/UA/;i=2253\" }}\ntags:\n{tags}"
    );
    let mut templates = Templates::built_in().unwrap();
    templates.add("line.yaml", &text).unwrap();
    templates
}

const COMMON: &str = r#"
  - { name: temperature, unit: Cel, access: read, range: [0, 100], stale_after_s: 5, opc_ua: { node: "s=Line/Temperature", deadband: { percent: 2 } } }
  - { name: setpoint, unit: Cel, access: write, range: [0, 60], stale_after_s: 5, opc_ua: { node: "nsu=urn:peer:line;s=Line/Setpoint" } }
  - { name: enabled, unit: "1", access: write, stale_after_s: 5, opc_ua: { node: Line/Enabled } }
  - { name: count, unit: "1", access: write, stale_after_s: 5, opc_ua: { node: Line/Count } }
  - { name: name, unit: "1", access: write, stale_after_s: 5, opc_ua: { node: Line/Name } }
  - { name: gone, unit: "1", access: read, stale_after_s: 5, opc_ua: { node: Line/Gone } }
  - { name: elsewhere, unit: "1", access: read, stale_after_s: 5, opc_ua: { node: "nsu=urn:not:here;i=1" } }
"#;

const MORE: &str = r#"
  - { name: small, unit: "1", access: write, stale_after_s: 5, opc_ua: { node: Line/Small } }
  - { name: fixed, unit: "1", access: write, stale_after_s: 5, opc_ua: { node: Line/ReadOnly } }
  - { name: dose, unit: mL, access: call, range: [-10, 100], stale_after_s: 5, opc_ua: { object: Line, node: Line/Dose, arguments: [{ type: double }, { type: int32, value: 3 }] } }
"#;

fn counters(count: usize) -> String {
    (0..count)
        .map(|number| {
            format!(
                "  - {{ name: c{number}, unit: \"1\", access: read, stale_after_s: 5, opc_ua: {{ node: Counter/{number} }} }}\n"
            )
        })
        .collect()
}

/// Reads, writes, zero and false among them, and what the server makes of nodes that are not there.
async fn reads_and_writes(bench: &Bench, kind: Kind) -> Rig {
    let mut rig =
        bench.rig(bench.device(), &format!("{COMMON}{}", if let Kind::Python = kind { MORE } else { "" })).await;
    let online = rig.online().await;
    assert!(online.cause.contains("Basic256Sha256, signed and encrypted"), "{online:?}");
    assert_eq!(rig.good("L-1/temperature").await.value, Some(SampleValue::Real(25.0)));
    for (tag, value) in [
        ("setpoint", SampleValue::Real(36.5)),
        ("setpoint", SampleValue::Real(0.0)),
        ("enabled", SampleValue::Flag(false)),
        ("enabled", SampleValue::Flag(true)),
        ("count", SampleValue::Integer(0)),
        ("count", SampleValue::Integer(65_535)),
        ("name", SampleValue::Text("第二ライン".to_owned())),
    ] {
        let outcome = rig.write(&format!("L-1/{tag}"), value.clone()).await;
        assert_eq!(outcome.result, WriteResult::Confirmed, "{tag} {value}: {outcome:?}");
        assert!(outcome.before.is_some() && outcome.read_back == Some(value), "{outcome:?}");
    }
    let outcome = rig.write("L-1/count", SampleValue::Integer(65_536)).await;
    assert!(matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("UInt16")), "{outcome:?}");
    rig
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_is_read_written_called_and_heard() {
    let bench = Bench::new();
    let mut peer = Peer::start(Kind::Python, &bench.config(Kind::Python, json!({}))).await;
    let mut rig = reads_and_writes(&bench, Kind::Python).await;
    for (tag, code) in [("gone", "BadNodeIdUnknown"), ("elsewhere", "the device has no namespace \"urn:not:here\"")] {
        let bad = rig.bad(&format!("L-1/{tag}")).await;
        assert_eq!(bad.quality, Quality::bad(Cause::Device(code.to_owned())));
    }
    // A single-precision node, and one that the device itself does not let anybody write.
    assert_eq!(rig.write("L-1/small", SampleValue::Real(0.1)).await.result, WriteResult::Confirmed);
    let refused = rig.write("L-1/fixed", SampleValue::Integer(8)).await;
    assert!(matches!(&refused.result, WriteResult::Refused { code } if code.starts_with("Bad")), "{refused:?}");
    // Methods: the answer, and the device's own refusal.
    let dosed = rig.write("L-1/dose", SampleValue::Real(2.5)).await;
    assert_eq!((dosed.result, dosed.read_back), (WriteResult::Confirmed, Some(SampleValue::Real(7.5))));
    let refused = rig.write("L-1/dose", SampleValue::Real(-1.0)).await;
    assert_eq!(refused.result, WriteResult::Refused { code: "BadOutOfRange".to_owned() });
    // Events.
    peer.tell("event the door was opened").await;
    let event = loop {
        if let DriverReport::Event(event) = rig.next().await
            && event.message == "the door was opened"
        {
            break event;
        }
    };
    assert_eq!((event.severity, event.equipment.as_str()), (700, "L-1"));
    assert!(event.source_time.is_some(), "{event:?}");
    // A server that is not healthy is given no orders, and is read on.
    peer.tell("service_level 150").await;
    let degraded = rig
        .link("degraded", |state| matches!(state, LinkState::Degraded(why) if why.contains("service level 150")))
        .await;
    assert!(degraded.cause.contains("degraded"), "{degraded:?}");
    let outcome = rig.write("L-1/setpoint", SampleValue::Real(37.0)).await;
    assert!(
        matches!(&outcome.result, WriteResult::NotSent { reason } if reason.contains("service level 150 of 255")),
        "{outcome:?}"
    );
    rig.good("L-1/setpoint").await;
    peer.tell("service_level 255").await;
    rig.link(
        "healthy, but for the two nodes",
        |state| matches!(state, LinkState::Degraded(why) if why.contains("refuses 2")),
    )
    .await;
    assert_eq!(rig.write("L-1/setpoint", SampleValue::Real(37.0)).await.result, WriteResult::Confirmed);
}

#[tokio::test]
#[ignore = "needs MES_PEER_NODE: tests/peers/install.sh"]
async fn peer_node_opcua_is_read_and_written_within_its_small_limits() {
    let bench = Bench::new();
    let _peer = Peer::start(Kind::Node, &bench.config(Kind::Node, json!({ "counters": 20 }))).await;
    drop(reads_and_writes(&bench, Kind::Node).await);
    // 27 tags: more than one request of 7 items, and of 5 nodes.
    let mut rig = bench.rig(bench.device(), &format!("{COMMON}{}", counters(20))).await;
    let agreed = loop {
        if let DriverReport::Sampling(agreed) = rig.next().await {
            break agreed;
        }
    };
    let of = |tag: &str| agreed.iter().find(|one| one.tag.name.as_str() == tag).unwrap();
    assert_eq!(agreed.len(), 26, "{agreed:?}");
    assert_eq!(of("gone").refused.as_deref(), Some("BadNodeIdUnknown"));
    assert!(of("temperature").deadband && !of("setpoint").deadband);
    assert!(of("c19").effective_ms.is_some_and(|ms| ms > 0.0) && of("c19").queue_size >= 10, "{:?}", of("c19"));
    let first = number(&rig.good("L-1/c19").await);
    rig.sample("it counts", |s| s.tag.name.as_str() == "c19" && number(s) > first + 10.0).await;
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_with_each_policy_and_a_password() {
    for (offered, policy) in [
        ("Basic256Sha256_SignAndEncrypt", Policy::Basic256Sha256),
        ("Aes128Sha256RsaOaep_SignAndEncrypt", Policy::Aes128Sha256RsaOaep),
        ("Aes256Sha256RsaPss_SignAndEncrypt", Policy::Aes256Sha256RsaPss),
    ] {
        let bench = Bench::new();
        let more = json!({ "policies": [offered], "tokens": ["user"], "user": ["mes", "s3cret"] });
        let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, more)).await;
        let device = bench.device().with_user("mes", Secret::new("s3cret"));
        let mut rig = bench.rig(device.clone().with_security(Security::Only(policy)), COMMON).await;
        let online = rig.online().await;
        assert!(online.cause.contains(&format!("{policy}, signed and encrypted")), "{online:?}");
        rig.good("L-1/setpoint").await;
        drop(rig);
        let wrong = device.with_user("mes", Secret::new("guess"));
        let reason = bench.rig(wrong, COMMON).await.fault().await;
        assert!(reason.contains("refuses user \"mes\"") && !reason.contains("guess"), "{reason}");
    }
}

#[tokio::test]
#[ignore = "needs MES_PEER_NODE: tests/peers/install.sh"]
async fn peer_node_opcua_with_each_policy_and_a_password() {
    let bench = Bench::new();
    let policies = ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"];
    let more = json!({ "policies": policies, "user": ["mes", "s3cret"] });
    let _peer = Peer::start(Kind::Node, &bench.config(Kind::Node, more)).await;
    let device = bench.device().with_user("mes", Secret::new("s3cret"));
    for policy in Policy::ACCEPTED {
        let mut rig = bench.rig(device.clone().with_security(Security::Only(policy)), COMMON).await;
        assert!(rig.online().await.cause.contains(&policy.to_string()));
        rig.good("L-1/setpoint").await;
    }
    // The best of them is taken by itself.
    let online = bench.rig(device, COMMON).await.online().await;
    assert!(online.cause.contains("Aes256_Sha256_RsaPss, signed and encrypted"), "{online:?}");
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_without_security_is_spoken_to_only_by_recorded_exception() {
    let bench = Bench::new();
    let more = json!({ "policies": ["NoSecurity", "Basic256Sha256_Sign"] });
    let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, more)).await;
    let reason = bench.rig(bench.device(), COMMON).await.fault().await;
    assert!(reason.contains("offers no endpoint that is signed and encrypted"), "{reason}");
    for (policy, mode, said) in [
        (Policy::None, Mode::None, "None, not signed, not encrypted, by exception: CC-12"),
        (Policy::Basic256Sha256, Mode::Sign, "Basic256Sha256, signed, not encrypted, by exception: CC-12"),
    ] {
        let security = Security::Exception { policy, mode, reason: "CC-12".to_owned() };
        let mut rig = bench.rig(bench.device().with_security(security), COMMON).await;
        let online = rig.online().await;
        assert!(online.cause.contains(said), "{online:?}");
        rig.good("L-1/setpoint").await;
    }
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_lets_a_user_in_by_certificate() {
    let bench = Bench::new();
    let user = self_signed("mes user", "urn:user", NOW);
    user.write(&bench.path("user.der"), &bench.path("user.pem"));
    let more = json!({ "tokens": ["x509"], "user_certificates": [bench.path("user.der")] });
    let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, more)).await;
    let device = bench.device().with_user_certificate(bench.path("user.der"), bench.path("user.pem"));
    let mut rig = bench.rig(device, COMMON).await;
    rig.online().await;
    rig.good("L-1/setpoint").await;
    let stranger = self_signed("stranger", "urn:stranger", NOW);
    stranger.write(&bench.path("stranger.der"), &bench.path("stranger.pem"));
    let device = bench.device().with_user_certificate(bench.path("stranger.der"), bench.path("stranger.pem"));
    let reason = bench.rig(device, COMMON).await.fault().await;
    assert!(reason.contains("refuses the user certificate"), "{reason}");
    let reason = bench.rig(bench.device(), COMMON).await.fault().await;
    assert!(reason.contains("does not let in nobody"), "{reason}");
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_killed_and_restarted_with_a_shifted_namespace_is_followed() {
    let bench = Bench::new();
    let mut peer = Peer::start(Kind::Python, &bench.config(Kind::Python, json!({ "counters": 3 }))).await;
    let mut rig = bench.rig(bench.device(), &format!("{COMMON}{}", counters(3))).await;
    rig.online().await;
    rig.good("L-1/c2").await;
    for shift in [0, 2] {
        peer.kill().await;
        let down = rig.bad("L-1/c2").await;
        assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
        peer.restart(&bench.config(Kind::Python, json!({ "counters": 3, "namespaces_before": shift }))).await;
        rig.online().await;
        // Three in a row: the subscription works, not only the read of every second.
        let (mut last, mut in_a_row) = (0.0, 0);
        while in_a_row < 3 {
            let value = number(&rig.good("L-1/c2").await);
            in_a_row = if value == last + 1.0 { in_a_row + 1 } else { 0 };
            last = value;
        }
        assert_eq!(
            rig.write("L-1/setpoint", SampleValue::Real(30.0 + f64::from(shift))).await.result,
            WriteResult::Confirmed
        );
    }
}

#[tokio::test]
#[ignore = "needs MES_PEER_NODE: tests/peers/install.sh"]
async fn peer_node_opcua_killed_and_restarted_with_a_shifted_namespace_is_followed() {
    let bench = Bench::new();
    let mut peer = Peer::start(Kind::Node, &bench.config(Kind::Node, json!({ "counters": 3 }))).await;
    let mut rig = bench.rig(bench.device(), &format!("{COMMON}{}", counters(3))).await;
    rig.online().await;
    rig.good("L-1/c2").await;
    peer.kill().await;
    assert_eq!(rig.bad("L-1/c2").await.quality, Quality::bad(Cause::LinkDown));
    peer.restart(&bench.config(Kind::Node, json!({ "counters": 3, "namespaces_before": 2 }))).await;
    rig.online().await;
    let back = number(&rig.good("L-1/c2").await);
    rig.sample("it counts on", |s| s.tag.name.as_str() == "c2" && number(s) > back).await;
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_behind_a_reset_and_a_black_hole_is_bad_in_time_and_never_good_past_its_limit() {
    let bench = Bench::new();
    let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, json!({ "counters": 3 }))).await;
    let proxy = Proxy::start(&format!("127.0.0.1:{}", bench.port)).await;
    // Dialed is the proxy; the address that the server advertises would go past it.
    let mut rig = bench.rig(bench.device_at(&proxy.address().to_string()), &format!("{COMMON}{}", counters(3))).await;
    rig.online().await;
    rig.good("L-1/c0").await;
    proxy.reset();
    assert_eq!(rig.bad("L-1/c0").await.quality, Quality::bad(Cause::LinkDown));
    rig.online().await;
    let before = number(&rig.good("L-1/c0").await);
    rig.sample("it counts on", |s| s.tag.name.as_str() == "c0" && number(s) > before + 2.0).await;

    let pulled = Clock::wall();
    proxy.black_hole();
    let down = rig.bad("L-1/c0").await;
    assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
    let seen_after = pulled.elapsed();
    println!("bad after {seen_after:?}");
    assert!(seen_after <= BAD_WITHIN, "{seen_after:?}");
    // Nothing is good any more until the cable is back, eight seconds later.
    let hole = Duration::from_secs(8);
    while pulled.elapsed() < hole {
        if let Ok(DriverReport::Samples(samples)) = tokio::time::timeout(hole - pulled.elapsed(), rig.next()).await {
            assert!(samples.iter().all(|sample| !sample.quality.is_good()), "{samples:?}");
        }
    }
    proxy.forward();
    rig.online().await;
    let late = |s: &Sample| s.receive_time.since_ms(s.source_time.unwrap()) > 5_000;
    let back = rig.sample("good again", |s| s.tag.name.as_str() == "c0" && s.quality.is_good()).await;
    assert!(!late(&back), "{back:?}");
    let on = number(&back);
    rig.sample("it counts on", |s| s.tag.name.as_str() == "c0" && number(s) > on + 2.0).await;
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_with_another_certificate_is_not_spoken_to() {
    let bench = Bench::new();
    let config = bench.config(Kind::Python, json!({}));
    let mut peer = Peer::start(Kind::Python, &config).await;
    let mut rig = bench.rig(bench.device(), COMMON).await;
    rig.online().await;
    peer.kill().await;
    let other = self_signed("peer", URI, NOW);
    other.write(&bench.path("peer.der"), &bench.path("peer.pem"));
    peer.restart(&config).await;
    let reason = rig.fault().await;
    let list = TrustList::open(&bench.pki()).unwrap();
    let rejected = list.rejected().unwrap();
    let [unknown] = rejected.as_slice() else { panic!("{rejected:?}") };
    assert!(reason.contains("not trusted") && reason.contains(&unknown.thumbprint), "{reason}");
    // Refused, it stays refused and is named so; approved, it is spoken to.
    list.refuse(&unknown.thumbprint).unwrap();
    rig.fleet.reconnect(&"L-1".parse().unwrap());
    let reason = rig.fault().await;
    assert!(reason.contains("was refused by a person"), "{reason}");
    assert_eq!((list.rejected().unwrap().len(), list.refused().unwrap().len()), (0, 1));
    list.approve(&unknown.thumbprint).unwrap();
    rig.fleet.reconnect(&"L-1".parse().unwrap());
    rig.online().await;
    rig.good("L-1/setpoint").await;
}

/// A draft made by browsing is a template with which the very server is then read and written.
async fn browsed(bench: &Bench) -> Draft {
    let request = BrowseRequest {
        url: format!("opc.tcp://127.0.0.1:{}/peer", bench.port),
        security: Security::Best,
        login: Login::Anonymous,
        pki_dir: bench.path("stranger"),
        thumbprint: None,
        name: "line".to_owned(),
    };
    // A server that nobody has approved is not browsed, unless a person has read its thumbprint at the device.
    let refused = browse(&request).await.unwrap_err().to_string();
    let own = TrustList::open(&bench.pki()).unwrap().trusted().unwrap();
    assert!(refused.contains("not trusted") && refused.contains(&own[0].thumbprint), "{refused}");
    let thumbprint = Some(own[0].thumbprint.clone());
    let draft = browse(&BrowseRequest { thumbprint, ..request.clone() }).await.unwrap();
    assert_eq!(TrustList::open(&request.pki_dir).unwrap().trusted().unwrap(), []);

    let mut templates = Templates::built_in().unwrap();
    templates.add("draft.yaml", &draft.yaml).unwrap();
    let template = templates.get("line").unwrap();
    let temperature = template.tag(&"temperature".parse().unwrap()).unwrap();
    assert_eq!((temperature.unit.0.as_str(), temperature.range), ("Cel", Some([0.0, 100.0])), "{}", draft.yaml);
    let mut rig = Rig::start_with(vec![bench.device()], &templates, Clock::real(), &bench.pki()).await;
    rig.online().await;
    rig.good("L-1/temperature").await;
    assert_eq!(rig.write("L-1/setpoint", SampleValue::Real(12.5)).await.result, WriteResult::Confirmed);
    draft
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_is_browsed_into_a_draft() {
    let bench = Bench::new();
    let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, json!({}))).await;
    let draft = browsed(&bench).await;
    assert!(draft.remarks.iter().any(|remark| remark.contains("Line/Dose: a method with 2 arguments")), "{draft:?}");
}

#[tokio::test]
#[ignore = "needs MES_PEER_NODE: tests/peers/install.sh"]
async fn peer_node_opcua_is_browsed_into_a_draft() {
    let bench = Bench::new();
    let _peer = Peer::start(Kind::Node, &bench.config(Kind::Node, json!({ "counters": 30 }))).await;
    assert!(browsed(&bench).await.tags >= 35);
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_asyncua_500_tags_at_10_hz_for_60_s_lose_nothing() {
    const TAGS: usize = 500;
    let bench = Bench::new();
    let _peer = Peer::start(Kind::Python, &bench.config(Kind::Python, json!({ "counters": TAGS }))).await;
    let mut rig = bench.rig(bench.device(), &counters(TAGS)).await;
    rig.online().await;
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let (mut samples, mut begun) = (0_u64, None);
    while begun.is_none_or(|at: Instant| at.elapsed() < Duration::from_secs(60)) {
        let DriverReport::Samples(some) = rig.next().await else { continue };
        for sample in some.iter().filter(|sample| sample.quality.is_good()) {
            let value = number(sample);
            if let Some(before) = last.insert(sample.tag.name.to_string(), value) {
                assert!(value == before || value == before + 1.0, "{before} was followed by {sample:?}");
                samples += u64::from(value != before);
            }
            assert!(!sample.overflow, "{sample:?}");
        }
        assert!(some.iter().all(|sample| sample.quality.is_good() || last.len() < TAGS), "a tag went bad: {some:?}");
        if begun.is_none() && last.len() == TAGS {
            begun = Some(Clock::wall());
        }
    }
    println!("{samples} values of {TAGS} tags, none lost");
    assert_eq!(last.len(), TAGS);
    // The server must have kept up for this to show anything: at least nine of ten of the nominal 300,000.
    assert!(samples > 270_000, "the server sent only {samples}");
}
