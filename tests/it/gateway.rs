//! The core is killed while the equipment goes on: what the gateway kept meanwhile arrives once, in order, with its own times.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use equipment_drivers::Fault;
use hmi::config::Config;
use mes_core::{
    clock::{Clock, Timestamp},
    engine::WriteResult,
    historian::{Grade, Sample},
    id::TagId,
    store::{SqliteStore, Store, samples_between},
};
use serde_json::json;
use tests::{Browser, DEADLINE, Facility, Process, facility::TEST_FEED, process::configure, story};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    PROGRAM,
    crash::{connected, look},
    devices::{counter, kept},
};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `mes gateway` as a process.
async fn gateway(config: &Path) -> Child {
    let mut child = Command::new(PROGRAM)
        .args(["gateway", "--config"])
        .arg(config)
        .env("RUST_LOG", "warn,opcua=off,opcua_core=off,opcua_client=off,opcua_crypto=off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("the gateway said nothing").unwrap();
    assert_eq!(said.as_deref(), Some("The gateway runs."));
    child
}

/// Awaits what can be seen on the disk.
async fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let look = async {
        loop {
            looks.tick().await;
            if let Some(found) = seen() {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, look).await.unwrap_or_else(|_| panic!("not seen within {DEADLINE:?}: {what}"))
}

/// The queue of a device on the gateway's disk.
struct Queue(PathBuf);

impl Queue {
    /// Up to where the core has it.
    fn durable(&self) -> u64 {
        std::fs::read_to_string(self.0.join("taken-over")).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
    /// Bytes that wait.
    fn bytes(&self) -> u64 {
        let files = std::fs::read_dir(&self.0).map(Iterator::flatten).into_iter().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
    }
}

/// The configuration file of a core that leaves the drivers to the gateway.
fn configured(config: &Config) -> PathBuf {
    let file = configure(&config.data, "127.0.0.1:0");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}drivers = \"gateway\"\n")).unwrap();
    file
}

async fn all_of(config: &Config, tag: &TagId, from: Timestamp) -> Vec<Sample> {
    let store = SqliteStore::open(&config.database()).await.unwrap();
    let samples = samples_between(&store, tag, from, from.plus_s(86_400)).await.unwrap();
    store.close().await;
    samples
}

/// A moment after every sample that is kept.
async fn after_all(config: &Config) -> Timestamp {
    let store = SqliteStore::open(&config.database()).await.unwrap();
    let newest = store.tail_extents().await.unwrap().iter().map(|tail| tail.until).max().unwrap();
    store.close().await;
    newest.plus_ms(1)
}

#[test]
fn what_equipment_said_while_the_core_was_dead_arrives_once_and_in_order() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let (config, _plant) = facility.stop().await;
        let file = configured(&config);
        let tags: [TagId; 2] = ["INC-01/temperature".parse().unwrap(), "BR-01/temperature".parse().unwrap()];
        let before = after_all(&config).await;

        // The gateway knows no device before the core has told it once.
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        let mut gate = gateway(&file).await;
        let queues = ["INC-01", "BR-01"].map(|device| Queue(config.data.join("gateway").join(device)));
        for queue in &queues {
            until("the core has taken reports over", || (queue.durable() > 5).then_some(())).await;
        }
        core.kill().await;
        let (durable, waiting) = (queues.each_ref().map(Queue::durable), queues.each_ref().map(Queue::bytes));
        for (queue, waiting) in queues.iter().zip(waiting) {
            until("the queue grows while the core is dead", || (queue.bytes() > waiting + 4_000).then_some(())).await;
        }
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        for (queue, durable) in queues.iter().zip(durable) {
            until("the core catches up", || (queue.durable() > durable + 20).then_some(())).await;
        }
        core.kill().await;
        for tag in &tags {
            let samples = all_of(&config, tag, before).await;
            let numbers: Vec<u64> = samples.iter().map(|sample| sample.seq).collect();
            let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
            assert_eq!(numbers, (first..=last).collect::<Vec<_>>(), "{tag}: each sample once, in order, none missing");
            assert!(samples.iter().all(|sample| !sample.overflow), "{tag}: nothing was lost");
        }

        // A gateway that was killed keeps what it had.
        let kept = all_of(&config, &tags[0], before).await.len();
        gate.kill().await.unwrap();
        let durable = queues[0].durable();
        let mut gate = gateway(&file).await;
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        until("the queue goes on", || (queues[0].durable() > durable + 3).then_some(())).await;
        core.kill().await;
        gate.kill().await.unwrap();
        assert!(all_of(&config, &tags[0], before).await.len() > kept);
    });
}

#[test]
fn di_04_a_gateway_that_was_killed_fetches_no_record_of_a_device_twice() {
    story(async |place| {
        let facility = Facility::start(place).await;
        // The gateway runs at rate 1; this device measures faster by its own clock.
        let fast = Clock::starting_at(facility.app.clock.now(), 60);
        let _device = counter(&facility, place, &fast).await;
        kept(&facility, 2).await;
        let (config, _plant) = facility.stop().await;
        let (file, before) = (configured(&config), after_all(&config).await);
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        let queue = Queue(config.data.join("gateway").join("PC-09"));
        for _ in 0..3 {
            let durable = queue.durable();
            let mut gate = gateway(&file).await;
            until("the core has taken records over", || (queue.durable() > durable + 6).then_some(())).await;
            gate.kill().await.unwrap();
        }
        core.kill().await;
        let samples = all_of(&config, &"PC-09/particles_0_5".parse().unwrap(), before).await;
        let records = samples.iter().filter(|sample| sample.quality.grade != Grade::Bad);
        let times: Vec<Timestamp> = records.filter_map(|sample| sample.source_time).collect();
        assert!(times.len() > 6 && times.is_sorted_by(|one, next| next.since_ms(*one) == 60_000), "{times:?}");
    });
}

#[test]
fn a_write_that_was_under_way_when_the_gateway_died_is_unknown_and_not_repeated() {
    story(async |place| {
        let facility = Facility::start_with(place, &[TEST_FEED]).await;
        let batch = facility.batch("TEST-FEED", 1).await;
        facility.person("sato").starts(&batch, "P010").await.unwrap();
        let (config, plant) = facility.stop().await;
        let file = configured(&config);
        let before = look(&config).await.last;
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        let mut browser = Browser::new(core.web);
        browser.log_in("sato", &Facility::password(&"sato".parse().unwrap())).await;
        let link = |json: &serde_json::Value| json["links"]["BR-01"]["state"].clone();
        let path = format!("/api/v1/batches/{batch}");
        // What the link was before this start is not passed off as what it is.
        let away = |json: &serde_json::Value| link(json) == "disconnected";
        until_told(&browser, &path, "no link without a gateway", away).await;

        let mut gate = gateway(&file).await;
        connected(&browser, batch.as_str(), "BR-01", before).await;
        // What it counts is shown here.
        let mut admin = Browser::new(core.web);
        admin.log_in("nakamura", &Facility::password(&"nakamura".parse().unwrap())).await;
        until_seen(&admin, "/devices", "data-figures=\"BR-01\"><li>").await;
        let reactor = plant.unit(&"BR-01".parse().unwrap()).unwrap();
        reactor.set_fault(Fault::Delay { ms: 20_000 }).await.unwrap();
        let apply = json!({ "command": { "apply_set_points": { "phase": "P010" } }, "signer": null });
        let answer = browser.send(&format!("{path}/commands"), &apply).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        gate.kill().await.unwrap();
        let unknown = |json: &serde_json::Value| json["phases"]["P010"]["writes"].to_string().contains("unknown");
        until_told(&browser, &path, "the outcome is unknown", unknown).await;
        reactor.clear().await.unwrap();

        // The next gateway connects, and nothing is written by itself.
        let last = look_after_kill(core, &config).await;
        let core = Process::serve(PROGRAM, &file).await.unwrap_or_else(|said| panic!("{}", said.err));
        let mut browser = Browser::new(core.web);
        browser.log_in("sato", &Facility::password(&"sato".parse().unwrap())).await;
        let mut gate = gateway(&file).await;
        connected(&browser, batch.as_str(), "BR-01", last).await;
        gate.kill().await.unwrap();
        look_after_kill(core, &config).await;
        let found = look(&config).await;
        assert_eq!((found.requested.len(), found.resolved.len()), (1, 1), "{:?}", found.resolved);
        assert!(matches!(found.resolved[0].1, WriteResult::Unknown { .. }), "{:?}", found.resolved);
    });
}

/// Kills the core; gives the time of the newest entry.
async fn look_after_kill(core: Process, config: &Config) -> Timestamp {
    core.kill().await;
    look(config).await.last
}

/// Awaits that a page holds some text.
async fn until_seen(browser: &Browser, path: &str, text: &str) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let ask = async {
        loop {
            looks.tick().await;
            if browser.get(path).await.body.contains(text) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap_or_else(|_| panic!("not seen within {DEADLINE:?}: {text}"));
}

/// Awaits that the core says something at an address.
async fn until_told(browser: &Browser, path: &str, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let ask = async {
        loop {
            looks.tick().await;
            if holds(&browser.get(path).await.json()) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap_or_else(|_| panic!("not said within {DEADLINE:?}: {what}"));
}
