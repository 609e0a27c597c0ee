//! The real file, a real process, and SIGKILL in the middle of its appends: whatever was acknowledged is there afterwards.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use mes_core::{
    clock::Timestamp,
    historian::{Quality, Sample, SampleValue},
    journal::{Draft, PartName, Salts, Sequencer, open_parts},
    store::{Group, SqliteStore, Store, rebuild},
};
use serde_json::json;

/// Names the database to the child process.
const DATABASE: &str = "MES_CRASH_TEST_DATABASE";
/// Acknowledged groups after which the child of each round is killed.
const ROUNDS: [usize; 6] = [1, 4, 9, 17, 30, 42];
const SIZES: [u64; 5] = [1, 6, 2, 12, 3];

fn draft(group: u64, of: u64, n: u64) -> Draft {
    Draft {
        owner: ["facility", "tenant:TEN-A"][usize::from(n.is_multiple_of(2))].parse().unwrap(),
        stream: format!("batch:B-{}", n % 3).parse().unwrap(),
        time: Timestamp::from_ms(1_780_000_000_000),
        event_type: "batch.commented".into(),
        version: 1,
        parts: [
            (PartName::Who, json!({"person": "P-1"})),
            (PartName::Facts, json!({"group": group, "of": of, "pad": "x".repeat(700)})),
        ]
        .into(),
    }
}

fn sample(group: u64) -> Sample {
    Sample {
        tag: "INC-01/temperature".parse().unwrap(),
        value: Some(SampleValue::Integer(group.cast_signed())),
        quality: Quality::GOOD,
        source_time: None,
        server_time: None,
        receive_time: Timestamp::from_ms(1_780_000_000_000),
        seq: group,
        overflow: false,
    }
}

#[test]
#[ignore = "the child process of the test below; by itself it would append for ever"]
fn a_child_that_appends_until_it_is_killed() {
    let Ok(database) = env::var(DATABASE) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(Path::new(&database)).await.unwrap();
        let mut sequencer = Sequencer::default();
        let mut group = 0;
        rebuild(&store, &mut sequencer, |stored| {
            group = open_parts(&stored.entry)[&PartName::Facts]["group"].as_u64().unwrap();
        })
        .await
        .unwrap();
        let mut salts = Salts::new([9; 32]);
        loop {
            group += 1;
            let of = SIZES[usize::try_from(group).unwrap() % SIZES.len()];
            let entries = (0..of).map(|n| sequencer.number(draft(group, of, n), &mut salts).unwrap()).collect();
            let position =
                store.append(&Group { entries, samples: vec![sample(group)], ..Group::default() }).await.unwrap();
            assert_eq!(position, sequencer.count());
            println!("acknowledged {group} {position}");
        }
    });
}

/// Starts a child, lets it acknowledge some groups, kills it, and returns the last acknowledged group and position.
fn run_and_kill(database: &Path, after: usize) -> (u64, u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "sigkill::a_child_that_appends_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DATABASE, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut read = |line: std::io::Result<String>| {
        let numbers: Vec<u64> = line
            .unwrap()
            .split_once("acknowledged ")
            .map_or(Vec::new(), |(_, numbers)| numbers.split(' ').map(|number| number.parse().unwrap()).collect());
        if let [group, position] = numbers[..] {
            acknowledged.push((group, position));
        }
        acknowledged.len()
    };
    let enough = lines.by_ref().any(|line| read(line) >= after);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(enough, "the child ended before it acknowledged {after} groups");
    // What it had written to the pipe before it died was acknowledged too.
    for line in lines {
        read(line);
    }
    *acknowledged.last().unwrap()
}

#[test]
fn di_08_every_acknowledged_group_survives_sigkill_and_no_group_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("mes.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for after in ROUNDS {
        let (group, position) = run_and_kill(&database, after);
        runtime.block_on(async {
            let store = SqliteStore::open(&database).await.unwrap();
            let (mut sequencer, mut groups) = (Sequencer::default(), Vec::new());
            rebuild(&store, &mut sequencer, |stored| {
                let facts = open_parts(&stored.entry)[&PartName::Facts].clone();
                groups.push((facts["group"].as_u64().unwrap(), facts["of"].as_u64().unwrap()));
            })
            .await
            .unwrap();
            assert!(
                sequencer.count() >= position,
                "acknowledged entries up to {position}, found {}",
                sequencer.count()
            );
            let last = groups.last().unwrap().0;
            assert!(last == group || last == group + 1, "at most the group in flight is beyond what was acknowledged");
            for whole in 1..=last {
                let found: Vec<_> = groups.iter().filter(|(group, _)| *group == whole).collect();
                assert_eq!(found.len() as u64, found[0].1, "group {whole} is whole");
            }
            assert_eq!(store.tail_extents().await.unwrap()[0].count, last, "each group's sample came with it");
            store.close().await;
        });
    }
}
