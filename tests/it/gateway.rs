//! The core is killed while the equipment goes on: what the gateway kept meanwhile arrives once, in order, with its own times.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use hmi::config::Config;
use mes_core::{
    clock::Timestamp,
    historian::Sample,
    id::TagId,
    store::{SqliteStore, Store, samples_between},
};
use tests::{DEADLINE, Facility, Process, process::configure, story};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::PROGRAM;

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

async fn all_of(config: &Config, tag: &TagId, from: Timestamp) -> Vec<Sample> {
    let store = SqliteStore::open(&config.database()).await.unwrap();
    let samples = samples_between(&store, tag, from, from.plus_s(86_400)).await.unwrap();
    store.close().await;
    samples
}

#[test]
fn what_equipment_said_while_the_core_was_dead_arrives_once_and_in_order() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let (mut config, _plant) = facility.stop().await;
        config.drivers = hmi::config::DriversIn::Gateway;
        let file = configure(&config.data, "127.0.0.1:0");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}drivers = \"gateway\"\n")).unwrap();
        let tags: [TagId; 2] = ["INC-01/temperature".parse().unwrap(), "BR-01/temperature".parse().unwrap()];
        let before = {
            let store = SqliteStore::open(&config.database()).await.unwrap();
            let newest = store.tail_extents().await.unwrap().iter().map(|tail| tail.until).max().unwrap();
            store.close().await;
            newest.plus_ms(1)
        };

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
