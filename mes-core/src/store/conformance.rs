//! What every store must do, as one test over the trait. PostgreSQL joins by calling it with its own store.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    CheckpointRecord, CredentialStore, Group, Issuer, PAGE_ROWS_MAX, PasswordCheck, SNAPSHOTS_KEPT, Snapshot, Store,
    StoreError, WRONG_TRIES_MAX, check_password, checkpoint_tree, consistency, due, inclusion, log_head,
    make_checkpoint, rebuild, samples_between, set_password, trend,
};
use crate::{
    clock::Timestamp,
    historian::{Grade, Quality, Sample, SampleValue, seal},
    journal::{
        Checkpoint, Draft, FacilityKey, Numbered, Owner, PartName, Purpose, Salts, Sequencer, SignedNote, StreamId,
        merkle::{verify_consistency, verify_inclusion},
        verify_entry, verify_stream,
    },
};

const START_MS: i64 = 1_780_000_000_000;

fn at(s: i64) -> Timestamp {
    Timestamp::from_ms(START_MS).plus_s(s)
}

pub(super) fn draft(n: usize) -> Draft {
    let owner = ["facility", "tenant:TEN-A", "tenant:TEN-B"][n % 3];
    Draft {
        owner: owner.parse().unwrap(),
        stream: ["batch:B-1", "equipment:INC-01"][n % 2].parse().unwrap(),
        time: Timestamp::from_ms(START_MS + n as i64),
        event_type: "batch.commented".into(),
        version: 1,
        parts: [
            (PartName::Who, json!({"person": "P-1"})),
            (PartName::Facts, json!({"n": n, "phase": null})),
            (PartName::Text, json!("濁り \"cloudy\" \n")),
        ]
        .into(),
    }
}

pub(super) fn sample(s: i64, seq: u64) -> Sample {
    Sample {
        tag: "INC-01/temperature".parse().unwrap(),
        value: Some(SampleValue::Real(37.02)),
        quality: Quality { grade: Grade::Good, cause: None },
        source_time: Some(at(s).plus_ms(-5)),
        server_time: None,
        receive_time: at(s),
        seq,
        overflow: false,
    }
}

/// Runs everything against an empty store.
pub(super) async fn run<S: Store + CredentialStore>(store: &S) {
    let mut sequencer = Sequencer::default();
    let all = entries_and_reads(store, &mut sequencer).await;
    proofs(store, &all, &sequencer).await;
    checkpoints(store, &mut sequencer).await;
    what_does_not_follow_is_refused(store).await;
    snapshots(store).await;
    samples(store).await;
    forwarded(store).await;
    attachments(store).await;
    credentials(store).await;
}

async fn attachments<S: Store>(store: &S) {
    let (report, hash) = (b"F0;15.2".to_vec(), crate::journal::encode::sha256(&[b"F0;15.2"]));
    for _ in 0..2 {
        let attachments = vec![(hash, report.clone())];
        store.append(&Group { attachments, ..Group::default() }).await.unwrap();
    }
    assert_eq!(store.content(&hash).await.unwrap(), Some(report));
}

async fn forwarded<S: Store>(store: &S) {
    let group =
        |source: &str, number| Group { forwarded: BTreeMap::from([(source.to_owned(), number)]), ..Group::default() };
    assert!(store.forwarded().await.unwrap().is_empty());
    for (source, number) in [("INC-01-a", 3), ("INC-02-b", 1), ("INC-01-a", 9), ("INC-01-a", 4)] {
        store.append(&group(source, number)).await.unwrap();
    }
    let known = BTreeMap::from([("INC-01-a".to_owned(), 9), ("INC-02-b".to_owned(), 1)]);
    assert_eq!(store.forwarded().await.unwrap(), known, "a number never falls");
}

async fn entries_and_reads<S: Store>(store: &S, sequencer: &mut Sequencer) -> Vec<Numbered> {
    let mut salts = Salts::new([7; 32]);
    assert_eq!((store.extent().await.unwrap(), store.entries(0, 10).await.unwrap().len()), (0, 0));
    assert_eq!(store.append(&Group::default()).await.unwrap(), 0);
    let mut all = Vec::new();
    for size in [1, 5, 0, 30, 7] {
        let entries: Vec<_> = (0..size).map(|n| sequencer.number(draft(all.len() + n), &mut salts).unwrap()).collect();
        all.extend(entries.clone());
        let position = store.append(&Group { entries, ..Group::default() }).await.unwrap();
        assert_eq!(position, sequencer.count());
    }
    assert_eq!(store.extent().await.unwrap(), 43);

    let read = store.entries(0, u32::MAX).await.unwrap();
    assert!(read.len() <= PAGE_ROWS_MAX as usize);
    let expected: Vec<_> = all.iter().map(|numbered| numbered.entry.clone()).collect();
    assert_eq!(read.iter().map(|stored| stored.entry.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(read.iter().map(|stored| stored.position).collect::<Vec<_>>(), (1..=43).collect::<Vec<_>>());
    let page = store.entries(10, 4).await.unwrap();
    assert_eq!(page.iter().map(|stored| stored.position).collect::<Vec<_>>(), [11, 12, 13, 14]);

    let (owner, stream): (Owner, StreamId) = ("tenant:TEN-A".parse().unwrap(), "batch:B-1".parse().unwrap());
    let of_stream = store.stream(&owner, &stream, 0, 100).await.unwrap();
    let head = verify_stream(of_stream.iter().map(|stored| &stored.entry)).unwrap();
    assert_eq!(head, sequencer.stream(&owner, &stream));
    assert_eq!(store.stream(&owner, &stream, 2, 1).await.unwrap()[0].entry.envelope.stream_seq, 3);
    let log = store.log(&owner, 3, 2).await.unwrap();
    assert_eq!(log.iter().map(|stored| stored.entry.envelope.owner_seq).collect::<Vec<_>>(), [4, 5]);
    assert!(log.iter().all(|stored| stored.entry.envelope.owner == owner));

    let sizes = |f, a, b| {
        let named = [("facility", f), ("tenant:TEN-A", a), ("tenant:TEN-B", b)];
        let present = named.into_iter().filter(|(_, size)| *size > 0);
        present.map(|(name, size)| (name.parse().unwrap(), size)).collect::<BTreeMap<Owner, u64>>()
    };
    assert_eq!(store.sizes_at(43).await.unwrap(), sizes(15, 14, 14));
    assert_eq!(store.sizes_at(4).await.unwrap(), sizes(2, 1, 1));
    assert_eq!(store.sizes_at(1).await.unwrap(), sizes(1, 0, 0));

    let mut rebuilt = Sequencer::default();
    let mut seen = 0;
    rebuild(store, &mut rebuilt, |_| seen += 1).await.unwrap();
    assert_eq!((&rebuilt, seen), (&*sequencer, 43));
    all
}

async fn proofs<S: Store>(store: &S, all: &[Numbered], sequencer: &Sequencer) {
    for (owner, head) in sequencer.logs() {
        assert_eq!(log_head(store, &owner, head.size).await.unwrap(), head);
        for numbered in all.iter().filter(|numbered| numbered.entry.envelope.owner == owner) {
            let seq = numbered.entry.envelope.owner_seq;
            let path = inclusion(store, &owner, seq, head.size).await.unwrap();
            let leaf = verify_entry(&numbered.entry).unwrap();
            assert!(verify_inclusion(&leaf, seq - 1, head.size, &path, &head.root));
        }
        for old in 1..=head.size {
            let path = consistency(store, &owner, old, head.size).await.unwrap();
            let old_root = log_head(store, &owner, old).await.unwrap().root;
            assert!(verify_consistency(old, &old_root, head.size, &head.root, &path));
        }
        for (seq, size) in [(0, head.size), (head.size + 1, head.size), (1, head.size + 1)] {
            assert!(matches!(inclusion(store, &owner, seq, size).await.unwrap_err(), StoreError::Proof { .. }));
        }
        let backwards = consistency(store, &owner, 2, 1).await.unwrap_err();
        assert!(matches!(backwards, StoreError::Proof { .. }));
    }
}

async fn checkpoints<S: Store>(store: &S, sequencer: &mut Sequencer) {
    let key = FacilityKey::from_secret(&[3; 32]);
    let issuer = Issuer { key: &key, facility: "Kobe", purpose: Purpose::Validation };
    assert_eq!(store.newest_checkpoint().await.unwrap(), None);
    let owner: Owner = "tenant:TEN-A".parse().unwrap();
    let mut kept = Vec::new();
    for n in 1..=3_u8 {
        let made = make_checkpoint(store, issuer, at(i64::from(n)), [n; 32]).await.unwrap();
        assert_eq!((made.record.number, made.record.position), (u64::from(n), sequencer.count()));
        assert_eq!(
            made.tree.prove(&owner).unwrap().verify(&made.checkpoint.root).unwrap().1,
            sequencer.log(&owner).unwrap()
        );
        kept.push(made.record);
        let more = sequencer.number(draft(usize::from(n)), &mut Salts::new([n; 32])).unwrap();
        store.append(&Group { entries: vec![more], ..Group::default() }).await.unwrap();
    }
    assert_eq!(store.newest_checkpoint().await.unwrap().as_ref(), kept.last());
    assert_eq!(store.checkpoints(0, 10).await.unwrap(), kept);
    assert_eq!(store.checkpoints(1, 1).await.unwrap(), kept[1..2]);
    // DOC-06: the head that a tenant kept from the first checkpoint is the beginning of the one under the last.
    let mut heads = Vec::new();
    for record in [&kept[0], &kept[2]] {
        let note = SignedNote::parse(&record.note).unwrap();
        let checkpoint = Checkpoint::verify(&note, &key.public()).unwrap();
        let proof = checkpoint_tree(store, record).await.unwrap().prove(&owner).unwrap();
        heads.push(proof.verify(&checkpoint.root).unwrap().1);
    }
    let path = consistency(store, &owner, heads[0].size, heads[1].size).await.unwrap();
    assert!(heads[0].size < heads[1].size);
    assert!(verify_consistency(heads[0].size, &heads[0].root, heads[1].size, &heads[1].root, &path));
    let again = CheckpointRecord { number: 2, ..kept[1].clone() };
    assert!(matches!(store.put_checkpoint(&again).await.unwrap_err(), StoreError::Query { .. }));
}

async fn what_does_not_follow_is_refused<S: Store>(store: &S) {
    let before = store.extent().await.unwrap();
    let tail = store.tail_extents().await.unwrap();
    let stranger = Sequencer::default().number(draft(0), &mut Salts::new([1; 32])).unwrap();
    let group = Group { entries: vec![stranger], samples: vec![sample(0, 1)], ..Group::default() };
    let refused = store.append(&group).await.unwrap_err();
    assert!(matches!(refused, StoreError::Query { step: "writing an entry", .. }), "{refused:?}");
    assert_eq!(store.extent().await.unwrap(), before);
    assert_eq!(store.tail_extents().await.unwrap(), tail, "a group is written whole or not at all");
}

async fn snapshots<S: Store>(store: &S) {
    assert_eq!(store.newest_snapshot("catapult-snapshot-1").await.unwrap(), None);
    for n in 1..=u64::from(SNAPSHOTS_KEPT) + 2 {
        let body = n.to_be_bytes().to_vec();
        store.put_snapshot(&Snapshot { form: "catapult-snapshot-1".into(), position: n, body }).await.unwrap();
    }
    let newest = store.newest_snapshot("catapult-snapshot-1").await.unwrap().unwrap();
    assert_eq!(
        (newest.position, newest.body),
        (u64::from(SNAPSHOTS_KEPT) + 2, (u64::from(SNAPSHOTS_KEPT) + 2).to_be_bytes().to_vec())
    );
    assert_eq!(store.newest_snapshot("catapult-snapshot-2").await.unwrap(), None);
}

async fn samples<S: Store>(store: &S) {
    let tag = sample(0, 1).tag;
    let arrived: Vec<Sample> = (0..100).map(|n| sample(n, n.unsigned_abs() + 1)).collect();
    for second in arrived.chunks(3) {
        store.append(&Group { samples: second.to_vec(), ..Group::default() }).await.unwrap();
    }
    let extent = &store.tail_extents().await.unwrap()[0];
    assert_eq!((&extent.equipment, extent.from, extent.until, extent.count), (&tag.equipment, at(0), at(99), 100));
    assert_eq!(samples_between(store, &tag, at(0), at(100)).await.unwrap(), arrived);
    assert_eq!(store.newest(&tag).await.unwrap().as_ref(), arrived.last());

    let first_half = due(store, &tag.equipment, &(at(0)..at(50))).await.unwrap();
    assert_eq!((first_half.samples.as_slice(), first_half.unsealed.as_slice()), (&arrived[..50], &arrived[50..51]));
    let period = seal::Period {
        batch: "B-1".parse().unwrap(),
        equipment: "INC-01".parse().unwrap(),
        from: at(0),
        until: at(50),
        supplement: false,
    };
    let (sealed, chunks) = seal::seal(period, first_half.samples).unwrap();
    let (sealed_arrivals, unsealed) = (first_half.arrivals, first_half.unsealed);
    let early = Group { sealed_arrivals: sealed_arrivals.clone(), ..Group::default() };
    let refused = store.append(&early).await.unwrap_err();
    assert!(matches!(refused, StoreError::Query { step: "writing sealed samples", .. }), "no sample leaves unsealed");
    let group = || Group { chunks: chunks.clone(), sealed_arrivals: sealed_arrivals.clone(), ..Group::default() };
    let forgetful = store.append(&group()).await.unwrap_err();
    assert!(matches!(forgetful, StoreError::Leaving { leaving: 51, held: 50 }), "{forgetful}");
    store.append(&Group { unsealed, ..group() }).await.unwrap();
    store.append(&group()).await.unwrap();
    assert_eq!(store.tail_extents().await.unwrap()[0].count, 50);
    assert_eq!(store.chunks(&tag, at(0), at(50)).await.unwrap(), chunks);
    assert_eq!(store.chunks(&tag, at(49), at(60)).await.unwrap(), chunks);
    assert!(store.chunks(&tag, at(50), at(60)).await.unwrap().is_empty());
    let bytes = store.content(&sealed.chunks[0].hash).await.unwrap().unwrap();
    assert_eq!(seal::verify(&sealed, |_| Some(&bytes)).unwrap(), arrived[..50]);
    assert_eq!(store.content(&sealed.root).await.unwrap(), None);
    assert_eq!(samples_between(store, &tag, at(0), at(100)).await.unwrap(), arrived);
    assert_eq!(samples_between(store, &tag, at(40), at(60)).await.unwrap(), arrived[40..60]);
    late_samples(store, &arrived).await;
}

/// Samples that come after their period was sealed: a supplement, and seen in their place everywhere.
async fn late_samples<S: Store>(store: &S, arrived: &[Sample]) {
    let tag = sample(0, 1).tag;
    let seen = || trend(store, &tag, at(0)..at(200), 50);
    let before = seen().await.unwrap();
    assert_eq!((before.samples, before.gaps.len(), before.buckets.len()), (100, 0, 25));
    let late: Vec<Sample> =
        [20, 30].map(|s| Sample { receive_time: at(s).plus_ms(500), seq: 900, ..sample(s, 1) }).into();
    store.append(&Group { samples: late.clone(), ..Group::default() }).await.unwrap();
    let mut all = [arrived, late.as_slice()].concat();
    all.sort_by_key(|sample| (sample.receive_time, sample.seq));
    for sealed in [false, true] {
        if sealed {
            let due = due(store, &tag.equipment, &(at(0)..at(50))).await.unwrap();
            assert_eq!(due.samples, late);
            let (equipment, period) = (tag.equipment.clone(), at(0)..at(50));
            let (free, chunks) = seal::seal_free(equipment, period, due.samples, true).unwrap();
            let (sealed_arrivals, unsealed) = (due.arrivals, due.unsealed);
            store.append(&Group { chunks, sealed_arrivals, unsealed, ..Group::default() }).await.unwrap();
            assert_eq!(store.chunks(&tag, at(0), at(100)).await.unwrap()[1].reference, free.chunks[0]);
        }
        assert_eq!(samples_between(store, &tag, at(0), at(100)).await.unwrap(), all);
        let after = seen().await.unwrap();
        assert_eq!((after.samples, after.buckets.len()), (102, 25));
        let within: u32 = after.buckets.iter().map(|bucket| bucket.gaps_within).sum();
        assert_eq!(
            (after.gaps.len(), within),
            (2, 4),
            "a number out of line is a loss before it and a new start after it"
        );
        assert_eq!(store.newest(&tag).await.unwrap().as_ref(), arrived.last());
    }
    let nothing: crate::id::TagId = "INC-77/none".parse().unwrap();
    assert_eq!(store.newest(&nothing).await.unwrap(), None);
    assert_eq!(trend(store, &nothing, at(0)..at(200), 50).await.unwrap().samples, 0);
}

async fn credentials<S: CredentialStore>(store: &S) {
    let (person, stranger) = ("P-01".parse().unwrap(), "P-99".parse().unwrap());
    set_password(store, &person, "first password", true, at(0)).await.unwrap();
    let check = |password: &'static str| check_password(store, &person, password);
    assert_eq!(check("first password").await.unwrap(), PasswordCheck::Accepted { must_change: true });
    assert_eq!(check_password(store, &stranger, "first password").await.unwrap(), PasswordCheck::Unknown);
    assert_eq!(check("wrong").await.unwrap(), PasswordCheck::Wrong { tries_left: WRONG_TRIES_MAX - 1 });
    assert_eq!(check("first password").await.unwrap(), PasswordCheck::Accepted { must_change: true });
    for left in (0..WRONG_TRIES_MAX).rev() {
        assert_eq!(check("wrong").await.unwrap(), PasswordCheck::Wrong { tries_left: left });
    }
    // P11-30: locked, even for the right password, until a new one is set.
    assert_eq!(check("first password").await.unwrap(), PasswordCheck::Locked);
    set_password(store, &person, "second password", false, at(9)).await.unwrap();
    assert!(matches!(check("first password").await.unwrap(), PasswordCheck::Wrong { .. }));
    assert_eq!(check("second password").await.unwrap(), PasswordCheck::Accepted { must_change: false });
    assert_eq!(store.credential(&person).await.unwrap().unwrap().wrong_tries, 0);
}
