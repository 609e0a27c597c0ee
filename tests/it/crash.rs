//! The real process under load, killed with SIGKILL again and again: what was acknowledged is there, nothing is there twice, and what
//! was under way to a device is neither forgotten nor repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use equipment_drivers::Fault;
use hmi::{config::Config, demo::SimulatedPlant};
use mes_core::{
    batch::{BatchCommand, BatchEvent},
    clock::Timestamp,
    engine::{Reading, WriteResult},
    historian::Grade,
    id::BatchId,
    journal::{EntryId, Event, Sequencer},
    store::{SqliteStore, Store, rebuild},
};
use serde_json::json;
use tests::{
    Browser, DEADLINE, Facility, Process,
    facility::{TEST_FEED, for_tenant_b},
    process::configure,
    story,
};
use tokio::sync::Notify;

use crate::PROGRAM;

/// How often the process is killed.
const KILLS: usize = 20;
/// Rounds at which a write to a device is under way when the process dies: of tenant A's batch, of tenant B's.
const WRITES: [(usize, &str, &str); 2] = [(3, "sato", "BR-01"), (11, "bando", "BR-02")];
/// Who writes at once, and about whose batch.
const WRITERS: [(&str, &str); 4] =
    [("sato", "MSC-A-001"), ("takahashi", "MSC-A-001"), ("bando", "MSC-B-001"), ("beppu", "MSC-B-001")];

/// What the server said was done: entry and text.
#[derive(Default)]
struct Acknowledged {
    entries: Mutex<Vec<(EntryId, String)>>,
    asked: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
    more: Notify,
}

/// Comments until the server dies.
async fn write_on(browser: Browser, writer: (&str, &str), round: usize, seen: Arc<Acknowledged>) {
    for number in 0.. {
        let text = format!("{round}/{}/{number}", writer.0);
        let command = json!({ "command": { "comment": { "phase": null, "text": text } }, "signer": null });
        seen.asked.lock().unwrap().insert(text.clone());
        let path = format!("/api/v1/batches/{}/commands", writer.1);
        let Ok(answer) = browser.try_send(&path, &command).await else { return };
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        let entry: EntryId = serde_json::from_value(answer.json()["entries"][0].clone()).unwrap();
        seen.entries.lock().unwrap().push((entry, text));
        seen.count.fetch_add(1, Ordering::SeqCst);
        seen.more.notify_one();
    }
}

/// One round: serve, let four people write, kill in the middle of it; in some rounds with a write to a device under way.
async fn round(number: usize, config: &Path, seen: &Arc<Acknowledged>, (plant, before): (&SimulatedPlant, Timestamp)) {
    let process = Process::serve(PROGRAM, config).await.unwrap_or_else(|said| panic!("round {number}: {}", said.err));
    let acknowledged = seen.count.load(Ordering::SeqCst);
    let mut tasks = Vec::new();
    for writer in WRITERS {
        let mut browser = Browser::new(process.web);
        browser.log_in(writer.0, &Facility::password(&writer.0.parse().unwrap())).await;
        tasks.push(tokio::spawn(write_on(browser, writer, number, Arc::clone(seen))));
    }
    let write = WRITES.iter().find(|(round, ..)| *round == number);
    if let Some((_, person, device)) = write {
        let mut browser = Browser::new(process.web);
        browser.log_in(person, &Facility::password(&person.parse().unwrap())).await;
        let batch = WRITERS.iter().find(|(writer, _)| writer == person).unwrap().1;
        connected(&browser, batch, device, before).await;
        // Its answers come long after the process is gone: the write is under way when it dies.
        plant.unit(&device.parse().unwrap()).unwrap().set_fault(Fault::Delay { ms: 20_000 }).await.unwrap();
        let apply = json!({ "command": { "apply_set_points": { "phase": "P010" } }, "signer": null });
        let answer = browser.send(&format!("/api/v1/batches/{batch}/commands"), &apply).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
    }
    // Another number of acknowledged entries in every round, so that the kill falls into different moments.
    let wanted = acknowledged + 1 + number * 7 % 29;
    let enough = async {
        while seen.count.load(Ordering::SeqCst) < wanted {
            seen.more.notified().await;
        }
    };
    tokio::time::timeout(DEADLINE, enough).await.expect("nothing was acknowledged");
    process.kill().await;
    for task in tasks {
        task.await.unwrap();
    }
    if let Some((_, _, device)) = write {
        plant.unit(&device.parse().unwrap()).unwrap().clear().await.unwrap();
    }
}

/// Awaits that this process, and not only the one before it, is connected to a device.
pub(crate) async fn connected(browser: &Browser, batch: &str, device: &str, before: Timestamp) {
    let ask = async {
        loop {
            let link = browser.get(&format!("/api/v1/batches/{batch}")).await.json()["links"][device].clone();
            let since: Option<Timestamp> = link["since"].as_str().map(|at| at.parse().unwrap());
            let up = link["state"] == "online" || link["state"]["degraded"].is_string();
            if up && since.is_some_and(|since| since > before) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap_or_else(|_| panic!("{device} was not connected"));
}

/// Everything the database holds after a kill: comments by entry, outcomes of effects, each with its entry.
pub(crate) struct Found {
    pub(crate) comments: BTreeMap<EntryId, String>,
    pub(crate) requested: Vec<EntryId>,
    pub(crate) resolved: Vec<(EntryId, WriteResult)>,
    pub(crate) last: Timestamp,
}

pub(crate) async fn look(config: &Config) -> Found {
    let store = SqliteStore::open(&config.database()).await.unwrap();
    let mut found =
        Found { comments: BTreeMap::new(), requested: Vec::new(), resolved: Vec::new(), last: Timestamp::from_ms(0) };
    // Checks every number, hash, commitment and tree on the way.
    rebuild(&store, &mut Sequencer::default(), |stored| {
        let id = stored.entry.id();
        found.last = stored.entry.envelope.time;
        match Event::of(&stored.entry).unwrap() {
            Event::Batch(BatchEvent::Commented { text, .. }) => {
                assert!(found.comments.insert(id, text.unwrap()).is_none());
            }
            Event::Batch(BatchEvent::WriteRequested { .. }) => found.requested.push(id),
            Event::Batch(BatchEvent::WriteResolved { effect, outcome, .. }) => {
                found.resolved.push((effect, outcome.result));
            }
            _ => {}
        }
    })
    .await
    .unwrap();
    store.close().await;
    found
}

fn nothing_is_lost_and_nothing_is_twice(found: &Found, seen: &Acknowledged, round: usize) {
    for (entry, text) in seen.entries.lock().unwrap().iter() {
        assert_eq!(found.comments.get(entry), Some(text), "round {round}: acknowledged, but not there");
    }
    let texts: BTreeSet<&String> = found.comments.values().collect();
    assert_eq!(texts.len(), found.comments.len(), "round {round}: an entry is there twice");
    let asked = seen.asked.lock().unwrap();
    assert!(texts.iter().all(|text| asked.contains(*text)), "round {round}: an entry that nobody made");
}

#[test]
fn di_08_a_process_killed_twenty_times_under_load_loses_nothing_and_repeats_nothing() {
    story(async |place| {
        let feed_b = for_tenant_b(TEST_FEED);
        let facility = Facility::start_with(place, &[TEST_FEED, &feed_b]).await;
        let (a, b) = (facility.batch("TEST-FEED", 1).await, facility.batch("TRIAL-FEED", 1).await);
        for (batch, person) in [(&a, "sato"), (&b, "bando")] as [(&BatchId, &str); 2] {
            facility.person(person).starts(batch, "P010").await.unwrap();
        }
        let (config, plant) = facility.stop().await;
        let file = configure(&config.data, "127.0.0.1:0");
        let seen = Arc::new(Acknowledged::default());
        let mut last = look(&config).await.last;
        for number in 0..KILLS {
            round(number, &file, &seen, (&plant, last)).await;
            let found = look(&config).await;
            nothing_is_lost_and_nothing_is_twice(&found, &seen, number);
            last = found.last;
        }

        // Once more, in this process: each write was asked once, its outcome is unknown, and the device has at most the one dose.
        let facility = Facility::again(config, plant).await;
        for (device, batch) in [("BR-01", &a), ("BR-02", &b)] {
            unknown_and_not_repeated(&facility, device, batch).await;
        }
        let (config, _plant) = facility.stop().await;
        let found = look(&config).await;
        assert_eq!(found.requested.len(), WRITES.len(), "no command was repeated");
        for effect in &found.requested {
            let outcomes: Vec<_> = found.resolved.iter().filter(|(of, _)| of == effect).collect();
            assert_eq!(outcomes.len(), 1, "{effect} has one outcome: {outcomes:?}");
            assert!(matches!(outcomes[0].1, WriteResult::Unknown { .. }), "{outcomes:?}");
        }
        nothing_is_lost_and_nothing_is_twice(&found, &seen, KILLS);
    });
}

async fn unknown_and_not_repeated(facility: &Facility, device: &str, batch: &BatchId) {
    let view = facility.view();
    let state = &view.batches[batch];
    let run = &state.phases[&"P010".parse().unwrap()];
    let outcome = run.writes[&"dose".parse().unwrap()].outcome.clone().unwrap();
    assert!(matches!(outcome.result, WriteResult::Unknown { .. }), "{outcome:?}");
    assert!(!state.deviations.is_empty(), "a person is told");
    // The program does not try again on anybody's word before somebody looked.
    let person = facility.team(batch).operator;
    let again = BatchCommand::ApplySetPoints { phase: "P010".parse().unwrap() };
    assert_eq!(facility.person(person).does(batch, again).await.unwrap_err().rule, "S88-07");
    // (The clocks have gone apart while nobody served: the value is uncertain, but it is there.)
    let there = |reading: &Reading| reading.sample.quality.grade != Grade::Bad;
    let reading = facility.device(device).until_reading("feed_total", "a live value", there).await;
    let fed = reading.sample.value.and_then(|value| value.to_f64()).unwrap();
    assert!(fed < 75.0, "{device} was given {fed} mL: the dose of 50 mL was repeated");
}
