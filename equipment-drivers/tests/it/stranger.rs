//! Answers that do not belong to their request: a foreign transaction, unit or function, another length, half a frame,
//! noise. None of them becomes a value; each costs one connection.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use equipment_drivers::{DeviceConfig, Templates};
use mes_core::{
    clock::Clock,
    historian::{Cause, Quality},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::rig::{Rig, number};

const ONE: &str = "name: one\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: modbus\npoll_s: 0.1\nmodbus: { registers_max: 60, timeout_ms: 300 }\ntags:\n  - { name: value, unit: '1', access: read, stale_after_s: 5, modbus: { table: holding, address: 0, type: u32 } }\n";

/// The honest answer to a reading of two registers: 0 and 1234.
fn honest(request: &[u8]) -> Vec<u8> {
    let mut answer = request[..4].to_vec();
    answer.extend([0, 7, request[6], request[7], 4, 0, 0, 4, 210]);
    answer
}

/// What is done to one answer.
type Trick = fn(Vec<u8>) -> Vec<u8>;

const TRICKS: [(&str, Trick); 7] = [
    ("a foreign transaction", |mut answer| {
        answer[1] ^= 0x55;
        answer
    }),
    ("a foreign unit", |mut answer| {
        answer[6] = 77;
        answer
    }),
    ("another function", |mut answer| {
        answer[7] = 4;
        answer
    }),
    ("one register too few", |mut answer| {
        answer.truncate(11);
        answer[5] = 5;
        answer[8] = 2;
        answer
    }),
    ("one register too many", |mut answer| {
        answer.extend([9, 9]);
        answer[5] = 9;
        answer[8] = 6;
        answer
    }),
    ("half a frame", |mut answer| {
        answer.truncate(6);
        answer
    }),
    ("noise", |answer| vec![0xFF; answer.len()]),
];

async fn serve(mut stream: TcpStream, trick: Arc<Mutex<Option<Trick>>>) {
    let mut request = [0; 12];
    while stream.read_exact(&mut request).await.is_ok() {
        let answer = honest(&request);
        let trick = trick.lock().unwrap().take();
        let answer = trick.map_or_else(|| answer.clone(), |trick| trick(answer.clone()));
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_belong_to_its_request_is_never_a_value() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trick, connections) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
    let (tricks, count) = (trick.clone(), connections.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, tricks.clone()));
        }
    });
    let mut templates = Templates::default();
    templates.add("one.yaml", ONE).unwrap();
    let device = DeviceConfig::new("X-01".parse().unwrap(), "one", address.to_string());
    let mut rig = Rig::start_with(vec![device], &templates, Clock::real(), Path::new("/nowhere")).await;
    for (number_of, (name, way)) in (1..).zip(TRICKS) {
        assert_eq!(number(&rig.good("X-01/value").await), 1234.0, "before {name}");
        assert_eq!(connections.load(Ordering::Relaxed), number_of, "one connection each: {name}");
        *trick.lock().unwrap() = Some(way);
        let bad = rig.bad("X-01/value").await;
        assert_eq!(bad.quality, Quality::bad(Cause::LinkDown), "{name}");
        assert_eq!(number(&bad), 1234.0, "the last value, as such: {name}");
    }
    assert_eq!(number(&rig.good("X-01/value").await), 1234.0);
    let seen = rig.fleet.diagnostics();
    assert_eq!(seen[0].link.reconnects, TRICKS.len() as u64, "{seen:?}");
    assert!(seen[0].link.mismatches >= 5, "{seen:?}");
}
