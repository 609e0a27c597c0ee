//! Measures the whole way of a value: OPC UA notification, quality, plant, store, sealed chunk. Prints one table row.
//!
//!     cargo run --release -p tests --example ingest -- [DEVICES] [TAGS] [HERTZ] [SECONDS]
//!
//! The devices are servers in a process of their own, each on a secured connection. Nothing may be missing at the end:
//! every sample has its number, and none says that others were lost.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement ends at the first thing that is wrong"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use equipment_drivers::TrustList;
use hmi::admin::{Answer, Call, Login, answer};
use mes_core::{
    clock::Clock,
    historian::Sample,
    id::{ChangeId, TagId},
    store::{Store, samples_between},
};
use opcua::{
    server::{
        ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint,
        address_space::VariableBuilder,
        diagnostics::NamespaceMetadata,
        node_manager::memory::{SimpleNodeManager, simple_node_manager},
    },
    types::{DataTypeId, DataValue, NodeId, ObjectId, StatusCode, Variant},
};
use tests::facility::{Facility, story};

/// Namespace of the measured devices.
const NAMESPACE: &str = "urn:catapult:device:ingest";
/// Facility time runs at this rate, so that hours end and are sealed while it is measured.
const RATE: u32 = 120;
/// Waits between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is asked for.
#[derive(Clone, Copy)]
struct Asked {
    devices: usize,
    tags: usize,
    hertz: f64,
    seconds: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_server = arguments.first().is_some_and(|first| first == "server");
    let number = |row: usize, default: f64| {
        arguments.get(row + usize::from(is_server)).map_or(default, |text| text.parse().expect("a number"))
    };
    let count = |row: usize, default: f64| number(row, default) as usize;
    let asked =
        Asked { devices: count(0, 15.0), tags: count(1, 100.0), hertz: number(2, 10.0), seconds: number(3, 60.0) };
    if is_server {
        serve(asked, Path::new(arguments.last().unwrap()));
    } else {
        story(async |place| measure(asked, place).await);
    }
}

/// The devices' own process: prints a port a line, then changes every value at the rate asked for until its input ends.
fn serve(asked: Asked, pki: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut devices = Vec::new();
        for device in 0..asked.devices {
            devices.push(device_server(device, asked.tags, pki).await);
        }
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = std::io::stdin().read_line(&mut rest);
            let _ = stop.send(());
        });
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / asked.hertz));
        let mut round = 0_u32;
        while stopped.try_recv().is_err() {
            ticks.tick().await;
            round = round.wrapping_add(1);
            for (handle, nodes, ids) in &devices {
                let value = |row: usize| 37.0 + f64::from((round + row as u32 * 7) % 500) / 100.0;
                let values = ids.iter().enumerate().map(|(row, id)| {
                    let value = Variant::Double(value(row));
                    (id, None, DataValue { value: Some(value), status: Some(StatusCode::Good), ..DataValue::default() })
                });
                nodes.set_values(&handle.subscriptions().clone(), values).unwrap();
            }
        }
    });
}

type Device = (opcua::server::ServerHandle, std::sync::Arc<SimpleNodeManager>, Vec<NodeId>);

async fn device_server(device: usize, tags: usize, pki: &Path) -> Device {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut builder = ServerBuilder::new()
        .application_name("ingest")
        .application_uri("urn:catapult:ingest")
        .product_uri("urn:catapult:ingest")
        .create_sample_keypair(true)
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .pki_dir(pki)
        .trust_client_certs(true)
        .host("127.0.0.1")
        .port(port)
        .discovery_urls(vec![format!("opc.tcp://127.0.0.1:{port}/")])
        .add_endpoint(
            "secured",
            ServerEndpoint::new_basic256sha256_sign_encrypt("/", &[ANONYMOUS_USER_TOKEN_ID.to_owned()]),
        )
        .subscription_poll_interval_ms(20)
        .with_node_manager(simple_node_manager(
            NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..NamespaceMetadata::default() },
            "device",
        ));
    let limits = builder.limits_mut();
    limits.subscriptions.min_publishing_interval_ms = 20.0;
    limits.subscriptions.min_sampling_interval_ms = 5.0;
    limits.subscriptions.max_monitored_items_per_sub = 20_000;
    limits.subscriptions.max_queued_notifications = 200;
    limits.subscriptions.max_notifications_per_publish = 1_000;
    let (server, handle) = builder.build().unwrap();
    let nodes = handle.node_managers().get_by_name::<SimpleNodeManager>("device").unwrap();
    let namespace = handle.get_namespace_index(NAMESPACE).unwrap();
    let ids: Vec<NodeId> = (0..tags).map(|tag| NodeId::new(namespace, format!("ING-{device:02}/t{tag:03}"))).collect();
    for (row, id) in ids.iter().enumerate() {
        VariableBuilder::new(id, format!("t{row}"), format!("t{row}"))
            .data_type(DataTypeId::Double)
            .value(37.0_f64)
            .organized_by(ObjectId::ObjectsFolder)
            .insert(&mut *nodes.address_space().write());
    }
    tokio::spawn(server.run_with(listener));
    println!("{port}");
    (handle, nodes, ids)
}

/// The device process as the measuring one holds it.
struct Devices {
    child: Child,
    ports: Vec<u16>,
    certificate: PathBuf,
}

impl Devices {
    fn start(asked: Asked, pki: PathBuf) -> Self {
        std::fs::create_dir_all(&pki).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .arg("server")
            .args([asked.devices, asked.tags].map(|count| count.to_string()))
            .args([asked.hertz, asked.seconds].map(|number| number.to_string()))
            .arg(&pki)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ports = lines.take(asked.devices).map(|line| line.unwrap().parse().unwrap()).collect();
        Self { child, ports, certificate: pki.join("own/cert.der") }
    }
    /// CPU seconds of the process so far.
    fn cpu_s(&self) -> f64 {
        cpu_s(&self.child.id().to_string())
    }
    fn stop(mut self) {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        self.child.wait().unwrap();
    }
}

/// CPU seconds of a process so far, from the kernel's count of hundredths.
fn cpu_s(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let hundredths = |row: usize| fields.get(row).unwrap().parse::<f64>().unwrap();
    (hundredths(11) + hundredths(12)) / 100.0
}

/// The devices' template and records, as a facility file.
fn facility_file(asked: Asked, ports: &[u16]) -> String {
    let mut text = format!(
        "device_templates:\n  - text: |\n      name: ingest\n      version: 1\n      vendor: none\n      model: measured\n      \
         summary: Measured device\n      protocol: opc_ua\n      poll_s: 4\n      \
         opc_ua: {{ namespace: \"{NAMESPACE}\", publishing_ms: 100 }}\n      tags:\n"
    );
    for tag in 0..asked.tags {
        text += &format!(
            "        - {{ name: t{tag:03}, unit: Cel, access: read, range: [0, 80], stale_after_s: 20, \
             opc_ua: {{ node: \"{{device}}/t{tag:03}\" }} }}\n"
        );
    }
    text += "equipment:\n";
    for (device, port) in ports.iter().enumerate() {
        text += &format!(
            "  - id: ING-{device:02}\n    name: {{ ja: \"測定器{device}\", en: \"Measured {device}\" }}\n    \
             class: bioreactor\n    suite: SU-1\n    calibrated_until: 2035-03-31T15:00:00.000Z\n    \
             link: {{ template: ingest, template_version: 1, address: \"opc.tcp://127.0.0.1:{port}/\" }}\n    tags:\n"
        );
        for tag in 0..asked.tags {
            text += &format!(
                "      - {{ name: t{tag:03}, title: {{ ja: \"温度{tag}\", en: \"Temperature {tag}\" }}, unit: Cel, \
                 decimals: 2, limits: {{ range: {{ low: \"0\", high: \"80\" }}, stale_after_s: 20 }} }}\n"
            );
        }
    }
    text
}

async fn call(facility: &Facility, call: Call) {
    if let Answer::Refused(said) = answer(&facility.app, call).await {
        panic!("{said}");
    }
}

fn login(person: &str) -> Login {
    let person = person.parse().unwrap();
    Login { password: Facility::password(&person), person }
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    while !holds().await {
        looks.tick().await;
    }
}

async fn measure(asked: Asked, place: &tests::facility::Place) {
    let facility = Facility::start(place).await;
    let devices = Devices::start(asked, place.join("measured"));
    TrustList::open(&facility.app.config.pki()).unwrap().trust_file(&devices.certificate).unwrap();
    let yaml = facility_file(asked, &devices.ports);
    let (by, reason) = (login("nakamura"), Some("measured".to_owned()));
    call(&facility, Call::ProposeFacility { yaml, file: "ingest.yaml".into(), by, approved_by: None, reason }).await;
    let change: ChangeId = facility.view().changes.keys().next().unwrap().clone();
    call(&facility, Call::ApproveFacility { change, by: login("watanabe") }).await;
    let tags: Vec<TagId> = (0..asked.devices)
        .flat_map(|device| (0..asked.tags).map(move |tag| format!("ING-{device:02}/t{tag:03}").parse().unwrap()))
        .collect();
    let good = |view: &mes_core::engine::View, tag: &TagId| {
        view.readings.get(tag).is_some_and(|reading| reading.sample.quality.is_good())
    };
    until(async || tags.iter().all(|tag| good(&facility.view(), tag))).await;
    facility.rate(RATE).await;

    let (from, begun) = (facility.view().now, Clock::wall());
    let (own, theirs) = (cpu_s("self"), devices.cpu_s());
    until(async || begun.elapsed().as_secs_f64() >= asked.seconds).await;
    let (until_time, took) = (facility.view().now, begun.elapsed().as_secs_f64());
    let (own, theirs) = (cpu_s("self") - own, devices.cpu_s() - theirs);
    devices.stop();
    // What was measured is sealed when the hour after it has ended.
    let store = &facility.app.store;
    let sealed = until_time.plus_s(3_600);
    until(async || facility.view().now > sealed).await;
    until(async || {
        let tail = store.tail_extents().await.unwrap();
        tail.iter().filter(|one| one.equipment.as_str().starts_with("ING-")).all(|one| one.from > until_time)
    })
    .await;
    let mut count = 0_usize;
    let mut missing: BTreeMap<TagId, u64> = BTreeMap::new();
    for tag in &tags {
        let samples = samples_between(store.as_ref(), tag, from, until_time).await.unwrap();
        count += samples.len();
        let lost = lost(&samples);
        if lost > 0 {
            missing.insert(tag.clone(), lost);
        }
    }
    assert!(missing.is_empty(), "samples are missing: {missing:?}");
    println!(
        "| tags | offered/s | sealed/s | missing | CPU s per 10,000 | of which core |  devices' CPU s per 10,000 |"
    );
    println!("|---|---|---|---|---|---|---|");
    let per = |cpu: f64| cpu / (count as f64 / 10_000.0);
    println!(
        "| {} | {:.0} | {:.0} | 0 | {:.3} | {:.0} % | {:.3} |",
        tags.len(),
        tags.len() as f64 * asked.hertz,
        count as f64 / took,
        per(own),
        100.0 * own / took,
        per(theirs)
    );
    facility.stop().await;
}

/// Numbers that are missing among the samples of a tag, and samples that say that others were lost.
fn lost(samples: &[Sample]) -> u64 {
    let gaps = samples.windows(2).map(|pair| match pair {
        [one, next] => next.seq.saturating_sub(one.seq + 1) + u64::from(next.overflow),
        _ => 0,
    });
    gaps.sum()
}
