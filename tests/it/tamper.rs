//! Whatever is changed is found, and named: in an evidence package, and in the database behind the program's back.

use std::{path::Path, sync::Arc};

use batch_records::{Manifest, Member, verify::Status};
use hmi::app::{App, AppError, Start, replay};
use mes_core::{
    access::Policies,
    id::BatchId,
    journal::{Checkpoint, Entry, FacilityKey, FacilityPublicKey, Salts, SignedNote, encode::sha256},
    quantity::Language,
    store::{SqliteStore, Store},
};
use serde_json::Value;
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tests::{Facility, Place, Process, process::configure, story, work::RATE_WAITING};

use crate::{
    PROGRAM,
    package::{judged, member, members, verified, zipped},
};

type Members = Vec<(String, Vec<u8>)>;

/// A facility that released one batch of each tenant, and the two packages.
async fn released(place: &Place) -> (Facility, Vec<u8>, Vec<u8>) {
    let facility = Facility::start(place).await;
    let (a, b) = (facility.batch("TEST-3", 1).await, facility.batch("TRIAL-3", 1).await);
    facility.executed(&a).await;
    facility.executed(&b).await;
    facility.rate(RATE_WAITING).await;
    let mut packages = Vec::new();
    for (batch, exporter) in [(&a, "aida"), (&b, "bito")] as [(&BatchId, &str); 2] {
        facility.released(batch).await;
        packages.push(facility.person(exporter).exports(batch).await.unwrap());
    }
    let other = packages.pop().unwrap();
    (facility, packages.pop().unwrap(), other)
}

/// Asserts that a package fails, and that the first thing that does not hold is named.
fn found_and_named(package: &[u8], key: &FacilityPublicKey, name: &str, what: &str) {
    let report = judged(package, key);
    assert_eq!(report.status, Status::Failed, "{what}: {}", report.text(Language::En));
    let (object, why) = report.first_failure().unwrap();
    assert!(object.contains(name), "{what}: \"{name}\" is not named, but \"{object}\": {}", why.en);
    assert!(!why.en.is_empty() && !why.ja.is_empty());
}

#[test]
fn doc_09_every_change_of_a_package_is_found_and_named() {
    story(async |place| {
        let (facility, package, other) = released(place).await;
        verified(&facility, &package);
        let key = facility.app.key.public();
        let all = members(&package);
        assert_eq!(judged(&zipped(&all), &key).status, Status::Verified, "an unchanged package put together again");
        any_member_changed_missing_or_foreign(&all, &members(&other), &key);
        a_member_added(&all, &key);
        signed_again_with_another_key(&all, &key);
        the_owner_of_the_key_cannot_shorten_or_bend_history(&all, &facility.app.key);
        a_truncated_zip_is_never_verified(&package, &key);
        without_a_key_the_signer_is_not_established(&package);
        facility.stop().await;
    });
}

fn any_member_changed_missing_or_foreign(all: &Members, other: &Members, key: &FacilityPublicKey) {
    for (index, (name, content)) in all.iter().enumerate() {
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut changed = all.clone();
            changed[index].1[at] ^= 0x01;
            found_and_named(&zipped(&changed), key, name, &format!("{name}, byte {at} changed"));
        }
        let mut missing = all.clone();
        missing.remove(index);
        let report = judged(&zipped(&missing), key);
        assert_ne!(report.status, Status::Verified, "{name} is missing");
        assert!(report.first_failure().unwrap().0.contains(name.as_str()), "{name}: {}", report.text(Language::En));
        // The member of the same name, or the nth, of another batch's package of the same facility.
        let foreign = other.iter().find(|(known, _)| known == name).unwrap_or(&other[index % other.len()]);
        if foreign.1 != *content && name != "manifest" {
            let mut swapped = all.clone();
            swapped[index].1.clone_from(&foreign.1);
            found_and_named(&zipped(&swapped), key, name, &format!("{name} of another package"));
        }
    }
    // The whole manifest of the other package: it speaks of other members.
    let mut swapped = all.clone();
    swapped[0].1 = other[0].1.clone();
    assert_eq!(judged(&zipped(&swapped), key).status, Status::Failed);
}

fn a_member_added(all: &Members, key: &FacilityPublicKey) {
    for name in ["extra.txt", "samples/INC-01/temperature/more.jsonl", "manifest2"] {
        let mut added = all.clone();
        added.push((name.to_owned(), b"more".to_vec()));
        found_and_named(&zipped(&added), key, name, "a member added");
    }
}

/// A package with a manifest, and if asked a checkpoint and a key file, that fit its members and are signed with a key.
fn signed(mut all: Members, key: &FacilityKey, checkpoint_too: bool) -> Vec<u8> {
    if checkpoint_too {
        let note = SignedNote::parse(&text(&all, "checkpoint")).unwrap();
        let again = Checkpoint::read(note.text()).unwrap().sign(key).unwrap();
        set(&mut all, "checkpoint", again.to_string().into_bytes());
        set(&mut all, "facility.pub", key.public().to_pem().unwrap().into_bytes());
    }
    let note = SignedNote::parse(&text(&all, "manifest")).unwrap();
    let mut manifest = Manifest::read(note.text()).unwrap();
    let listed = all.iter().filter(|(name, _)| name != "manifest");
    manifest.members = listed
        .map(|(name, bytes)| Member { sha256: sha256(&[bytes]), bytes: bytes.len() as u64, name: name.clone() })
        .collect();
    manifest.members.sort_by(|a, b| a.name.cmp(&b.name));
    manifest.entries = entries(&all).len() as u64;
    let note = SignedNote::sign(manifest.text(), key).unwrap();
    set(&mut all, "manifest", note.to_string().into_bytes());
    zipped(&all)
}

fn text(all: &Members, name: &str) -> String {
    String::from_utf8(all.iter().find(|(known, _)| known == name).unwrap().1.clone()).unwrap()
}

fn set(all: &mut Members, name: &str, bytes: Vec<u8>) {
    all.iter_mut().find(|(known, _)| known == name).unwrap().1 = bytes;
}

fn entries(all: &Members) -> Vec<String> {
    text(all, "entries.jsonl").lines().map(str::to_owned).collect()
}

fn with_entries(all: &Members, lines: &[String]) -> Members {
    let mut changed = all.clone();
    set(&mut changed, "entries.jsonl", lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect());
    changed
}

fn signed_again_with_another_key(all: &Members, key: &FacilityPublicKey) {
    let thief = FacilityKey::from_secret(&[7; 32]);
    for checkpoint_too in [false, true] {
        let package = signed(all.clone(), &thief, checkpoint_too);
        found_and_named(&package, key, "manifest", "signed again with another key");
        let why = judged(&package, key).first_failure().unwrap().1.en.clone();
        assert!(why.contains(&key.fingerprint().to_string()), "says which key was expected: {why}");
        assert!(why.contains(&thief.public().fingerprint().to_string()), "and which one signed: {why}");
    }
    // With the manifest alone signed anew by the facility, the checkpoint of somebody else is found.
    let mut mixed = all.clone();
    let note = SignedNote::parse(&text(all, "checkpoint")).unwrap();
    let forged = Checkpoint::read(note.text()).unwrap().sign(&thief).unwrap();
    set(&mut mixed, "checkpoint", forged.to_string().into_bytes());
    assert_eq!(judged(&zipped(&mixed), key).status, Status::Failed);
}

/// Even the facility itself cannot hand out a package whose history is shorter or other than what its own checkpoint says.
fn the_owner_of_the_key_cannot_shorten_or_bend_history(all: &Members, key: &FacilityKey) {
    let lines = entries(all);
    let public = key.public();
    let resigned = |lines: &[String]| signed(with_entries(all, lines), key, false);
    assert_eq!(judged(&resigned(&lines), &public).status, Status::Verified, "the same entries, signed again");
    let stream = |line: &String| {
        let entry: Entry = serde_json::from_str(line).unwrap();
        (entry.envelope.stream.to_string(), entry.envelope.stream_seq)
    };
    for (index, line) in lines.iter().enumerate() {
        let (stream, number) = stream(line);
        let mut shorter = lines.clone();
        shorter.remove(index);
        let report = judged(&resigned(&shorter), &public);
        assert_eq!(report.status, Status::Failed, "without number {number} of {stream}: {}", report.text(Language::En));
        assert!(!report.first_failure().unwrap().0.is_empty());
    }
    let mut cut = lines.clone();
    cut.truncate(lines.len() - 3);
    assert_eq!(judged(&resigned(&cut), &public).status, Status::Failed, "a truncated history");
    let mut twice = lines.clone();
    twice.push(lines[lines.len() / 2].clone());
    assert_eq!(judged(&resigned(&twice), &public).status, Status::Failed, "an entry twice");
    a_signature_row_copied_to_another_entry(all, key, &lines);
}

/// P11-19, offline: the facts of one signed entry put into another one.
fn a_signature_row_copied_to_another_entry(all: &Members, key: &FacilityKey, lines: &[String]) {
    let is_signed = |line: &&String| line.contains("\"batch.signed\"");
    let rows: Vec<Value> = lines.iter().filter(is_signed).map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut copied = rows[1].clone();
    copied["parts"]["facts"] = rows[0]["parts"]["facts"].clone();
    let target = mes_core::journal::encode::canonical(&rows[1]).unwrap();
    let forged = String::from_utf8(mes_core::journal::encode::canonical(&copied).unwrap()).unwrap();
    let bent: Vec<String> =
        lines.iter().map(|line| if line.as_bytes() == target { forged.clone() } else { line.clone() }).collect();
    assert_ne!(bent, lines);
    let entry: Entry = serde_json::from_value(rows[1].clone()).unwrap();
    let package = signed(with_entries(all, &bent), key, false);
    found_and_named(&package, &key.public(), &entry.id().to_string(), "a signature row copied to another record");
}

fn a_truncated_zip_is_never_verified(package: &[u8], key: &FacilityPublicKey) {
    for length in (0..20).map(|step| package.len() * step / 20).chain([package.len() - 1]) {
        let report = judged(&package[..length], key);
        assert!(matches!(report.status, Status::Unreadable | Status::Failed), "{length} bytes");
    }
}

fn without_a_key_the_signer_is_not_established(package: &[u8]) {
    let options = batch_records::verify::VerifyOptions::default();
    let report = batch_records::verify::verify(package, &options);
    assert_eq!(report.status, Status::SignerNotEstablished);
    let first = report.text(Language::En).lines().nth(1).unwrap().to_owned();
    assert!(first.contains("Signer not checked") && first.contains("fingerprint"), "{first}");
    let record = member(package, "record.json");
    assert!(!record.is_empty());
}

/// One value of the journal as the database holds it: table, column, position, name of the part, bytes.
struct Stored {
    table: &'static str,
    column: &'static str,
    position: i64,
    part: String,
    bytes: Vec<u8>,
}

async fn connected(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).connect().await.unwrap()
}

async fn everything_stored(database: &Path) -> Vec<Stored> {
    let mut connection = connected(database).await;
    let mut all = Vec::new();
    let rows = sqlx::query("SELECT position, envelope FROM journal_entry").fetch_all(&mut connection).await.unwrap();
    all.extend(rows.iter().map(|row| Stored {
        table: "journal_entry",
        column: "envelope",
        position: row.get(0),
        part: String::new(),
        bytes: row.get(1),
    }));
    for column in ["value", "salt"] {
        let rows = sqlx::query("SELECT position, name, value, salt FROM journal_part");
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        all.extend(rows.iter().map(|row| Stored {
            table: "journal_part",
            column,
            position: row.get(0),
            part: row.get(1),
            bytes: row.get(if column == "value" { 2 } else { 3 }),
        }));
    }
    all
}

/// Climbs over the triggers, as somebody with the file could, and writes other bytes.
async fn overwrite(database: &Path, stored: &Stored, bytes: &[u8]) {
    let mut connection = connected(database).await;
    for trigger in ["DROP TRIGGER journal_entry_no_update", "DROP TRIGGER journal_part_no_update"] {
        sqlx::query(trigger).execute(&mut connection).await.unwrap();
    }
    let update = match (stored.table, stored.column) {
        ("journal_entry", _) => "UPDATE journal_entry SET envelope = $1 WHERE position = $2 AND $3 = ''",
        (_, "value") => "UPDATE journal_part SET value = $1 WHERE position = $2 AND name = $3",
        (_, _) => "UPDATE journal_part SET salt = $1 WHERE position = $2 AND name = $3",
    };
    let done = sqlx::query(update).bind(bytes).bind(stored.position).bind(&stored.part).execute(&mut connection).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
    sqlx::Connection::close(connection).await.unwrap();
}

/// A copy of a database that was closed properly.
fn copied(from: &Path, to: &Path) -> std::path::PathBuf {
    std::fs::create_dir_all(to).unwrap();
    let file = to.join(from.file_name().unwrap());
    std::fs::copy(from, &file).unwrap();
    file
}

/// How many bytes of the journal are flipped, one at a time, spread over all of it.
const FLIPS: usize = 60;

#[test]
fn p11_09_a_flipped_byte_anywhere_in_the_journal_is_noticed_at_the_next_start() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.instruction_done(&batch).await;
        let (config, _plant) = facility.stop().await;
        let policies = Arc::new(Policies::load().unwrap());
        let stored = everything_stored(&config.database()).await;
        let total: usize = stored.iter().map(|stored| stored.bytes.len()).sum();
        let last = stored.iter().filter(|stored| stored.table == "journal_entry").max_by_key(|stored| stored.position);
        let newest = last.unwrap();
        // Evenly spread places, and the time of the very newest entry, which no later entry's hash covers.
        let time = newest.bytes.windows(8).position(|bytes| bytes == b"\"time\":\"").unwrap() + 11;
        let spread = (0..FLIPS).map(|n| place_of(&stored, total * n / FLIPS + n % 7));
        for (number, (stored, at)) in spread.chain([(newest, time)]).enumerate() {
            let database = copied(&config.database(), &place.join(&format!("flip-{number}")));
            let mut bytes = stored.bytes.clone();
            bytes[at] ^= 1 << (number % 7);
            overwrite(&database, stored, &bytes).await;
            let said = refusal(&database, &policies).await;
            let what = format!("{} {} {} byte {at}", stored.table, stored.position, stored.part);
            assert!(said.is_some(), "{what} was changed, and nobody noticed");
            std::fs::remove_dir_all(database.parent().unwrap()).unwrap();
        }
        the_sentence_of_the_program_names_the_entry(place, &config.data, &stored).await;
        a_journal_that_was_cut_off_is_noticed(place, &config).await;
    });
}

/// The value in which the nth byte of all lies, and where in it.
fn place_of(stored: &[Stored], mut nth: usize) -> (&Stored, usize) {
    for one in stored {
        if nth < one.bytes.len() {
            return (one, nth);
        }
        nth -= one.bytes.len();
    }
    (&stored[0], 0)
}

async fn refusal(database: &Path, policies: &Arc<Policies>) -> Option<String> {
    let store = SqliteStore::open(database).await.unwrap();
    replay(&store, Arc::clone(policies), Salts::new([0; 32])).await.err().map(|error| error.to_string())
}

async fn the_sentence_of_the_program_names_the_entry(place: &Place, data: &Path, stored: &[Stored]) {
    let changed = stored.iter().find(|stored| stored.part == "facts" && stored.position == 5).unwrap();
    assert_eq!(changed.table, "journal_part");
    let folder = place.join("changed");
    for file in std::fs::read_dir(data).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        copied(&file, &folder);
    }
    let database = folder.join("journal.sqlite");
    let text = String::from_utf8(changed.bytes.clone()).unwrap();
    overwrite(&database, changed, text.replacen(":", ": ", 1).as_bytes()).await;
    // A space in the JSON changes nothing that is said: it is not a change of the record.
    assert!(refusal(&database, &Arc::new(Policies::load().unwrap())).await.is_none());
    let mut connection = connected(&database).await;
    sqlx::query("UPDATE journal_part SET value = CAST('{\"rate\":1}' AS BLOB) WHERE position = 5 AND name = 'facts'")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let said = Process::serve(PROGRAM, &configure(&folder, "127.0.0.1:0")).await.err().expect("it must not start");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("the journal was changed") && said.err.contains("#"), "{}", said.err);
    assert_eq!(said.err.lines().filter(|line| line.starts_with("mes: ")).count(), 1, "{}", said.err);
}

/// The newest entries deleted with their tree nodes: the signed checkpoint knows of them.
async fn a_journal_that_was_cut_off_is_noticed(place: &Place, config: &hmi::config::Config) {
    let folder = place.join("cut");
    for file in std::fs::read_dir(&config.data).unwrap().map(|file| file.unwrap().path()).filter(|f| f.is_file()) {
        copied(&file, &folder);
    }
    let store = SqliteStore::open(&folder.join("journal.sqlite")).await.unwrap();
    let covered = store.newest_checkpoint().await.unwrap().unwrap().position;
    assert_eq!(
        covered,
        store.extent().await.unwrap(),
        "a facility that stopped leaves no entry behind its last checkpoint"
    );
    store.close().await;
    drop(store);
    let mut connection = connected(&folder.join("journal.sqlite")).await;
    for step in [
        "DROP TRIGGER journal_entry_no_delete",
        "DROP TRIGGER journal_part_no_delete",
        "DELETE FROM journal_part WHERE position = (SELECT max(position) FROM journal_entry)",
        "DELETE FROM journal_entry WHERE position = (SELECT max(position) FROM journal_entry)",
    ] {
        sqlx::query(step).execute(&mut connection).await.unwrap();
    }
    sqlx::Connection::close(connection).await.unwrap();
    let cut = hmi::config::Config { data: folder, ..config.clone() };
    let error = App::open(cut, Start::default()).await.err().expect("a journal that was cut off must not open");
    assert!(matches!(error, AppError::Store(_)), "{error}");
}
