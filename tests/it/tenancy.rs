//! SOD-14: a tenant learns nothing of another one — not on a page, not through the API, not in an error, not in a package.

use std::io::Read;

use batch_records::export::samples::SamplesForm;
use hmi::web::routes;
use mes_core::{
    batch::BatchEvent,
    id::{BatchId, TagId},
    journal::{Event, StreamId, StreamKind, encode::sha256},
    tenant::EquipmentEvent,
};
use serde_json::{Value, json};
use tests::{
    Browser, Facility, Page,
    facility::{FACILITY, TEST_3, TEST_3_B},
    story,
    work::RATE_WAITING,
};

/// Words by which somebody of tenant A would recognise tenant B: names, people, products, numbers, equipment.
const OF_B: [&str; 24] = [
    "TEN-B",
    "みなと",
    "Minato",
    "MSC-200",
    "MSC-B-",
    "BK-B-",
    "TRIAL-3",
    "LOT-TEN-B",
    "COI-TEN-B",
    "AGR-B1",
    "14FZ888888",
    "SU-2",
    "BR-02",
    "INC-02",
    "baba",
    "Baba",
    "馬場",
    "bando",
    "坂東",
    "beppu",
    "別府",
    "bessho",
    "bito",
    "尾藤",
];
/// And the other way round.
const OF_A: [&str; 18] = [
    "TEN-A",
    "あさひ",
    "Asahi",
    "MSC-100",
    "MSC-A-",
    "BK-A-",
    "TEST-3",
    "LOT-TEN-A",
    "COI-TEN-A",
    "AGR-A1",
    "SU-1",
    "BR-01",
    "INC-01",
    "aoki",
    "青木",
    "aida",
    "相田",
    "Aida",
];

/// The ids by which a tenant's things are addressed.
struct Ids {
    batch: &'static str,
    booking: &'static str,
    recipe: &'static str,
    equipment: &'static str,
}

const A: Ids = Ids { batch: "MSC-A-001", booking: "BK-A-001", recipe: "TEST-3", equipment: "BR-01" };
const B: Ids = Ids { batch: "MSC-B-001", booking: "BK-B-001", recipe: "TRIAL-3", equipment: "BR-02" };
/// Things that nobody has.
const NOBODY: Ids = Ids { batch: "MSC-Z-001", booking: "BK-Z-001", recipe: "TEST-Z", equipment: "BR-99" };

impl Ids {
    /// The address of a route with these ids.
    fn address(&self, path: &str) -> String {
        path.replace("{batch}", self.batch)
            .replace("{booking}", self.booking)
            .replace("{plan}", "PLN-1")
            .replace("{recipe}", self.recipe)
            .replace("{equipment}", self.equipment)
            .replace("{version}", "1")
            .replace("{deviation}", "DEV-1")
            .replace("{change}", "CHG-first")
            .replace("{name}", "style.css")
    }
    /// A text with these ids and all digits made unrecognisable, so that answers about different things, given a moment after each
    /// other, can be compared.
    fn veil(&self, text: &str) -> String {
        let ids = [self.batch, self.booking, self.recipe, self.equipment];
        let text = ids.iter().fold(text.to_owned(), |text, id| text.replace(id, "ID"));
        text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
    }
}

/// Whether a text says a word. A word that could stand in a hash by chance (`baba`) must stand alone.
fn said(text: &str, word: &str) -> bool {
    let hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let alone = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        ![before, after].iter().flatten().any(char::is_ascii_alphanumeric)
    };
    text.match_indices(word).any(|(at, _)| !hexadecimal || alone(at))
}

fn says_nothing(of: &[&str], page: &Page, where_from: &str) {
    for word in of {
        assert!(!said(&page.body, word), "{where_from} says \"{word}\":\n{}", page.body);
    }
}

#[test]
fn sod_14_a_tenant_learns_nothing_of_another_one() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let (a, b) = (facility.batch("TEST-3", 1).await, facility.batch("TRIAL-3", 1).await);
        assert_eq!((a.as_str(), b.as_str()), (A.batch, B.batch));
        for batch in [&a, &b] {
            facility.instruction_done(batch).await;
            facility.temperature_recorded(batch).await;
        }
        for person in ["aoki", "aida", "arai"] {
            nothing_comes_out(&facility, person, (&A, &B), &OF_B).await;
        }
        for person in ["baba", "bando", "bessho", "bito"] {
            nothing_comes_out(&facility, person, (&B, &A), &OF_A).await;
        }
        for batch in [&a, &b] {
            facility.set_point_written(batch).await;
            let supervisor = facility.person(facility.team(batch).supervisor);
            supervisor.does(batch, mes_core::batch::BatchCommand::CompleteExecution).await.unwrap();
        }
        facility.rate(RATE_WAITING).await;
        for batch in [&a, &b] {
            facility.released(batch).await;
        }
        a_package_holds_nothing_foreign(&facility, "aida", &a, &OF_B).await;
        a_package_holds_nothing_foreign(&facility, "bito", &b, &OF_A).await;
        for (person, foreign) in [("aida", &b), ("arai", &b), ("bito", &a)] {
            assert_eq!(facility.person(person).exports(foreign).await.unwrap_err().rule, "not-found");
        }
        facility.stop().await;
    });
}

async fn nothing_comes_out(facility: &Facility, person: &str, (own, other): (&Ids, &Ids), words: &[&str]) {
    let browser = facility.person(person).browser().await;
    for (method, path, open) in routes() {
        let at = format!("{person}, {method} {path}");
        if path.starts_with("/assets/") || path == "/logout" || path == "/login" {
            continue;
        }
        // Everything of one's own, and everything that is addressed by nothing.
        if method == "GET" {
            let page = get(&browser, &own.address(path)).await;
            assert!(open || page.status.as_u16() < 500, "{at}: {}", page.status);
            says_nothing(words, &page, &at);
        }
        // The other one's things are answered exactly like things that are not there.
        let foreign = ask(&browser, method, &other.address(path)).await;
        let missing = ask(&browser, method, &NOBODY.address(path)).await;
        if other.address(path) != path && !path.starts_with("/changes") {
            assert!(matches!(foreign.status.as_u16(), 403 | 404 | 400 | 415 | 422), "{at}: {}", foreign.status);
            assert!(method == "POST" || matches!(foreign.status.as_u16(), 403 | 404), "{at}: {}", foreign.status);
            assert_eq!(foreign.status, missing.status, "{at}");
            assert_eq!(other.veil(&foreign.body), NOBODY.veil(&missing.body), "{at}");
        }
        says_nothing(&words.iter().copied().filter(|word| !is_id(other, word)).collect::<Vec<_>>(), &foreign, &at);
    }
    commands_are_answered_alike(&browser, person, other, words).await;
}

/// Whether a word is part of what the request itself named.
fn is_id(ids: &Ids, word: &str) -> bool {
    [ids.batch, ids.booking, ids.recipe, ids.equipment].iter().any(|id| id.contains(word.trim_matches('"')))
}

async fn get(browser: &Browser, path: &str) -> Page {
    // A live stream never ends: its first whole message is looked at.
    if path.starts_with("/live/") { browser.get_until(path, "\n\n").await } else { browser.get(path).await }
}

async fn ask(browser: &Browser, method: &str, path: &str) -> Page {
    match method {
        "GET" => get(browser, path).await,
        _ => browser.post(path, &[("phase", "P020"), ("item", "incubator_temperature"), ("reason", "r")]).await,
    }
}

/// Every kind of command through the API, about the other tenant's things and about nothing at all.
fn commands(ids: &Ids) -> Vec<Value> {
    let batch = |command: Value| json!({ "batch": { "batch": ids.batch, "command": command } });
    let booking = |command: Value| json!({ "booking": { "booking": ids.booking, "command": command } });
    let hash = "0".repeat(64);
    vec![
        batch(json!({ "start_phase": { "phase": "P030" } })),
        batch(
            json!({ "record": { "phase": "P020", "item": "incubator_temperature", "value": "from_tag", "performer": null, "reason": null } }),
        ),
        batch(json!({ "apply_set_points": { "phase": "P030" } })),
        batch(json!({ "hold": { "reason": "r" } })),
        batch(json!({ "comment": { "phase": null, "text": "t" } })),
        batch(json!({ "open_deviation": { "deviation": "DEV-9", "phase": null, "text": "t" } })),
        batch(json!({ "review_audit_trail": { "up_to": 1 } })),
        batch(json!("complete_execution")),
        batch(json!({ "dispose": { "release": true, "signature": "SIG-1", "text": null, "seals": [] } })),
        booking(json!("withdraw")),
        booking(json!({ "refuse_move": { "text": "t" } })),
        booking(json!({ "accept_move": { "sign": { "statement": hash, "shown_at": "2026-01-01T00:00:00.000Z",
            "language": "ja", "signature": "SIG-1" } } })),
        booking(json!({ "request": { "offer": 0, "stated": { "regime": "gctp", "open_handling": false,
            "infection": "negative" }, "text": null } })),
        booking(json!({ "approve": { "sign": { "statement": hash, "shown_at": "2026-01-01T00:00:00.000Z",
            "language": "ja", "signature": "SIG-1" } } })),
        booking(json!({ "confirm": { "sign": { "statement": hash, "shown_at": "2026-01-01T00:00:00.000Z",
            "language": "ja", "signature": "SIG-1" } } })),
        json!({ "approve_recipe": { "recipe": ids.recipe, "version": 1, "approval": "quality", "statement": hash,
            "shown_at": "2026-01-01T00:00:00.000Z", "language": "ja", "signature": "SIG-1" } }),
    ]
}

async fn commands_are_answered_alike(browser: &Browser, person: &str, other: &Ids, words: &[&str]) {
    for (foreign, missing) in commands(other).iter().zip(&commands(&NOBODY)) {
        let at = format!("{person}, {foreign}");
        let foreign = browser.send("/api/v1/commands", &json!({ "command": foreign, "signer": null })).await;
        let missing = browser.send("/api/v1/commands", &json!({ "command": missing, "signer": null })).await;
        assert_eq!(foreign.json()["rule"], "not-found", "{at}: {}", foreign.body);
        assert_eq!((foreign.status, &other.veil(&foreign.body)), (missing.status, &NOBODY.veil(&missing.body)), "{at}");
        says_nothing(&words.iter().copied().filter(|word| !is_id(other, word)).collect::<Vec<_>>(), &foreign, &at);
    }
}

async fn a_package_holds_nothing_foreign(facility: &Facility, person: &str, batch: &BatchId, words: &[&str]) {
    let bytes = facility.person(person).exports(batch).await.unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).unwrap();
        let (name, mut content) = (member.name().unwrap().into_owned(), Vec::new());
        member.read_to_end(&mut content).unwrap();
        let text = String::from_utf8_lossy(&content);
        for word in words {
            assert!(!said(&text, word) && !said(&name, word), "{name} in the package of {batch} says \"{word}\"");
        }
    }
}

#[test]
fn sod_14_a_refusal_names_no_other_tenants_batch() {
    story(async |place| {
        // Both tenants may use suite 1, and only it.
        let shared = FACILITY.replace("suites: [SU-2], tolerance_h: 0", "suites: [SU-1], tolerance_h: 0");
        let facility = Facility::start_as(place, &shared, &[TEST_3, TEST_3_B.as_str()]).await;
        let running = facility.batch("TEST-3", 1).await;
        // Tenant B has a later place in it, and issues while tenant A's batch still runs.
        let booking = facility.book("TRIAL-3", 1).await;
        let window = facility.view().bookings[&booking].window.clone();
        let order = mes_core::batch::IssueOrder {
            booking,
            recipe: "TRIAL-3".parse().unwrap(),
            version: 1,
            lot: "LOT-1".into(),
            coi: "COI-1".into(),
            suite: window.suite,
            equipment: window.equipment,
        };
        let issue = mes_core::batch::BatchCommand::Issue(Box::new(order));
        let said = facility.person("bessho").does(&"MSC-B-001".parse().unwrap(), issue).await.unwrap_err();
        assert_eq!(said.rule, "SCH-02");
        for text in [&said.said.ja, &said.said.en] {
            assert!(!text.contains(running.as_str()), "{text}");
        }
        facility.stop().await;
    });
}

#[test]
fn samples_of_a_batch_leave_only_by_permission_and_with_an_entry_however_wide_the_range() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.until_true("a moment of the batch", |view| view.now > view.batches[&batch].issued_at).await;
        let view = facility.view();
        let wide = view.batches[&batch].issued_at.plus_s(-60)..view.now;
        let tag: TagId = "INC-01/temperature".parse().unwrap();
        let export = |person: &str, range| {
            facility.desk.export_samples(facility.person(person).scope(), tag.clone(), range, SamplesForm::Csv)
        };
        // The facility's administrator may see the values, and may not carry them away.
        assert!(export("nakamura", wide.clone()).await.is_err());
        let before = wide.start..view.batches[&batch].issued_at;
        let own =
            export("nakamura", before.clone()).await.expect("before the batch the equipment was the facility's own");
        let scope = facility.person("watanabe").scope();
        let unit = StreamId::new(StreamKind::Equipment, &tag.equipment);
        let entries = facility.desk.history(scope, unit).await.unwrap();
        let left: Vec<_> = entries
            .iter()
            .filter_map(|entry| match Event::of(entry).unwrap() {
                Event::Equipment(EquipmentEvent::SamplesExported { tag: of, from, until, file, by }) => {
                    Some((of, from..until, file.sha256, by.to_string()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(left, [(tag.clone(), before, sha256(&[&own.bytes]), "nakamura".to_owned())], "DI-09");
        let file = export("watanabe", wide).await.unwrap();
        let scope = facility.person("watanabe").scope();
        let entries = facility.desk.history(scope, StreamId::new(StreamKind::Batch, &batch)).await.unwrap();
        let exported: Vec<_> = entries
            .iter()
            .filter_map(|entry| match Event::of(entry).unwrap() {
                Event::Batch(BatchEvent::Exported { files, .. }) => Some(files),
                _ => None,
            })
            .collect();
        assert_eq!(exported.len(), 1, "one export was allowed");
        assert_eq!(exported[0][0].sha256, sha256(&[&file.bytes]));
        facility.stop().await;
    });
}
