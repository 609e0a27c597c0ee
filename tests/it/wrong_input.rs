//! Wrong input through the real command line: an exit status that says no, a sentence that says what and where, and nothing lost.

use std::{fs, net::TcpListener, path::Path};

use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tests::{
    Browser, Facility, Place, Process, Said,
    facility::{FACILITY, TEST_3},
    process::configure,
    run, story,
    work::RATE_WAITING,
};

use crate::PROGRAM;

/// Runs a command that must fail with this status, with a sentence in which all these words stand.
fn refused(folder: &Path, arguments: &[&str], input: &str, status: i32, words: &[&str]) -> Said {
    let said = run(PROGRAM, folder, arguments, input);
    assert_eq!(said.status, Some(status), "mes {}: {said:?}", arguments.join(" "));
    let all = format!("{}{}", said.out, said.err);
    for word in words {
        assert!(all.contains(word), "mes {}: \"{word}\" is not said:\n{all}", arguments.join(" "));
    }
    assert!(!all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{all}");
    said
}

fn done(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let said = run(PROGRAM, folder, arguments, input);
    assert_eq!(said.status, Some(0), "mes {}: {said:?}", arguments.join(" "));
    said
}

fn write(place: &Place, name: &str, text: &str) -> String {
    fs::write(place.join(name), text).unwrap();
    name.to_owned()
}

/// The number of the line on which a text stands.
fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}")) + 1
}

#[test]
fn a_malformed_recipe_is_refused_with_line_and_field() {
    story(async |place| {
        write(place, "good.yaml", TEST_3);
        let said = done(place.path(), &["recipe", "check", "good.yaml"], "");
        assert!(said.out.contains("TEST-3 version 1") && said.out.contains("no fault"), "{}", said.out);
        let cases = [
            ("suite_grade: B", "suite_grade: Z", "suite_grade"),
            ("    unit: Cel\n    decimals: 1", "    unit: Celsius!\n    decimals: 1", "unit"),
            ("hands_on_min: 2", "hands_on_mn: 2", "hands_on_mn"),
            ("parameter: incubator_temperature,", "parameter: incubator_temperatur,", "incubator_temperatur"),
            ("from: incubator.temperature", "from: incubater.temperature", "incubater"),
            ("to: reactor.temperature_setpoint", "to: reactor.temperature_set", "temperature_set"),
            ("normal: { low: 36.5, high: 37.5 }", "normal: { low: 38.5, high: 37.5 }", "38.5"),
            ("do: { kind: instruction }", "do: { kind: instruct }", "instruct"),
            ("sign: verified", "sign: twice", "twice"),
        ];
        for (good, bad, word) in cases {
            let text = TEST_3.replacen(good, bad, 1);
            assert_ne!(text, TEST_3, "{good}");
            write(place, "bad.yaml", &text);
            let at = format!("bad.yaml:line {}", line_of(&text, bad.lines().next().unwrap().trim()));
            let said = refused(place.path(), &["recipe", "check", "bad.yaml"], "", 1, &["bad.yaml:", word]);
            let near = said.err.lines().any(|line| line.contains(&at) || line.contains("line "));
            assert!(near, "no line is named for {bad}: {}", said.err);
        }
        for (name, text) in [("empty.yaml", ""), ("list.yaml", "- a\n- b\n"), ("broken.yaml", "form: [catapult\n")] {
            write(place, name, text);
            refused(place.path(), &["recipe", "check", name], "", 1, &[name]);
        }
        refused(place.path(), &["recipe", "check", "nowhere.yaml"], "", 1, &["nowhere.yaml", "cannot be read"]);
        // The good one among bad ones is still said to be good, and the bad ones decide the exit status.
        refused(place.path(), &["recipe", "check", "good.yaml", "list.yaml"], "", 1, &["no fault", "list.yaml"]);
    });
}

#[test]
fn a_malformed_facility_file_is_refused_with_line_and_field_and_changes_nothing() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let (config, _plant) = facility.stop().await;
        let config = configure(&config.data, "127.0.0.1:0").display().to_string();
        let facility = |arguments: &[&str], input: &str| {
            run(PROGRAM, place.path(), &[&["facility", "--config", &config], arguments].concat(), input)
        };
        write(place, "good.yaml", &FACILITY.replace("Suite 1", "Suite One"));
        let before = facility(&["plan", "good.yaml"], "");
        assert_eq!(before.status, Some(0), "{before:?}");
        assert!(before.out.contains("~ suite SU-1") && before.out.contains("Nothing was changed"), "{}", before.out);
        let cases = [
            ("permit:", "permitt:", "permitt", true),
            ("grade: B", "grade: Q", "grade", true),
            ("id: TEN-A", "id: \"TEN A\"", "tenant id", true),
            ("places: 1", "places: many", "places", true),
            ("2035-03-31T15:00:00.000Z", "soon", "soon", true),
            ("low: \"0\", high: \"60\"", "low: \"0\", high: \"sixty\"", "sixty", true),
            ("- { name: agitation,", "- { name: agitator,", "agitator", false),
            ("template: co2-incubator", "template: co3-incubator", "co3-incubator", false),
            ("id: INC-02", "id: INC-01", "INC-01", false),
        ];
        for (good, bad, word, line) in cases {
            let text = FACILITY.replacen(good, bad, 1);
            assert_ne!(text, FACILITY, "{good}");
            write(place, "bad.yaml", &text);
            let number = format!("line {}", line_of(&text, bad));
            for command in [&["plan", "bad.yaml"][..], &["apply", "bad.yaml", "--by", "nakamura"]] {
                let said = facility(command, "nakamura-demo-2026\n");
                assert_eq!(said.status, Some(1), "{bad}: {said:?}");
                assert!(said.err.contains("bad.yaml") && said.err.contains(word), "{bad}: {}", said.err);
                assert!(!line || said.err.contains(&number), "{bad} stands on {number}: {}", said.err);
            }
        }
        // An unknown tag says which device, which template, and which tags there are.
        let said =
            facility(&["plan", &write(place, "tag.yaml", &FACILITY.replacen("name: co2,", "name: co3,", 1))], "");
        for word in ["INC-01", "co2-incubator", "\"co3\"", "humidity"] {
            assert!(said.err.contains(word), "{word}: {}", said.err);
        }
        // Whoever gives the wrong password, or may not, proposes nothing.
        for (by, password) in [("nakamura", "wrong password"), ("sato", "sato-demo-2026"), ("nobody", "x")] {
            let said = facility(&["apply", "good.yaml", "--by", by], &format!("{password}\n"));
            assert_eq!(said.status, Some(1), "{by}: {said:?}");
        }
        assert_eq!(facility(&["plan", "good.yaml"], "").out, before.out, "nothing was changed by any of it");
    });
}

#[test]
fn a_wrong_file_on_an_empty_journal_leaves_it_empty() {
    story(async |place| {
        let data = place.join("new");
        let config = configure(&data, "127.0.0.1:0").display().to_string();
        let apply = ["--config", &config, "apply", "first.yaml", "--by", "nakamura", "--approved-by", "watanabe"];
        let apply = [&["facility"], &apply[..]].concat();
        let passwords = "nakamura-first-1\nwatanabe-first-1\n";
        write(place, "first.yaml", &FACILITY.replacen("product: MSC-100", "prodduct: MSC-100", 1));
        refused(place.path(), &apply, passwords, 1, &["first.yaml", "prodduct", "line "]);
        write(place, "first.yaml", FACILITY);
        refused(place.path(), &apply, "short\nwatanabe-first-1\n", 1, &["8 characters"]);
        let said = done(place.path(), &apply, passwords);
        assert!(said.out.contains("The first facility is in force"), "{}", said.out);
        let said = done(place.path(), &["facility", "--config", &config, "plan", "first.yaml"], "");
        assert!(said.out.contains("nothing would change"), "{}", said.out);
    });
}

#[test]
fn a_configuration_or_a_port_that_cannot_be_used_is_refused_before_anything_is_made() {
    story(async |place| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let data = place.join("data");
        let config = configure(&data, &address);
        let said = Process::serve(PROGRAM, &config).await.err().expect("the port is in use");
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains(&address) && said.err.contains("another port"), "{}", said.err);
        assert!(!data.exists(), "nothing was made");

        refused(place.path(), &["serve", "--config", "none.toml"], "", 1, &["none.toml", "cannot be read", "--config"]);
        let cases = [
            ("data = \"d\"\nlisten = \"nowhere\"\n", "line 2"),
            ("data = \"d\"\nsuites = 4\n", "suites"),
            ("listen = \"127.0.0.1:0\"\n", "data"),
            ("data = \"d\"\npurpose = \"fun\"\n", "line 2"),
        ];
        for (text, word) in cases {
            write(place, "mes.toml", text);
            refused(place.path(), &["serve"], "", 1, &["mes.toml", word]);
            assert!(!place.join("d").exists(), "nothing was made");
        }
    });
}

#[test]
fn a_database_that_is_in_use_newer_or_of_another_purpose_is_refused_and_left_alone() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let (settings, plant) = facility.stop().await;
        let config = configure(&settings.data, "127.0.0.1:0");
        let name = config.display().to_string();

        let first = Process::serve(PROGRAM, &config).await.unwrap_or_else(|said| panic!("{}", said.err));
        let second = Process::serve(PROGRAM, &config).await.err().expect("a second process on the same database");
        assert_eq!(second.status, Some(1));
        let lock = settings.database().display().to_string();
        assert!(second.err.contains(&lock) && second.err.contains("process "), "{}", second.err);
        // The first one still serves, and other commands speak to it.
        let mut browser = Browser::new(first.web);
        browser.log_in("sato", "sato-demo-2026").await;
        assert_eq!(browser.get("/").await.status.as_u16(), 200);
        write(place, "facility.yaml", FACILITY);
        done(place.path(), &["facility", "--config", &name, "plan", "facility.yaml"], "");
        assert_eq!(first.end().await, Some(0));

        let other = fs::read_to_string(&config).unwrap().replace("validation", "training");
        write(place, "training.toml", &other);
        refused(
            place.path(),
            &["serve", "--config", "training.toml"],
            "",
            1,
            &["purpose is fixed for ever", "Validation"],
        );

        let mut connection = SqliteConnectOptions::new().filename(settings.database()).connect().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (9001, 'from the future', 1, x'00', 0)";
        sqlx::query(newer).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        let said = Process::serve(PROGRAM, &config).await.err().expect("a database of a newer version");
        assert_eq!(said.status, Some(1));
        assert!(
            said.err.contains("newer version") && said.err.contains("9001") && said.err.contains(&lock),
            "{}",
            said.err
        );
        let mut connection = SqliteConnectOptions::new().filename(settings.database()).connect().await.unwrap();
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9001").execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        // Nothing was lost: the version that wrote it goes on with it.
        let facility = Facility::again(settings, plant).await;
        facility.all_online().await;
        facility.stop().await;

        fs::create_dir(place.join("text")).unwrap();
        fs::write(place.join("text/journal.sqlite"), "not a database, but a letter to one\n".repeat(100)).unwrap();
        let config = configure(&place.join("text"), "127.0.0.1:0");
        let said = Process::serve(PROGRAM, &config).await.err().expect("not a database");
        assert!(said.err.contains("journal.sqlite") && said.err.contains("database of this software"), "{}", said.err);
    });
}

#[test]
fn a_device_that_is_not_there_is_shown_as_such_and_everything_else_runs() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.device("INC-01").kill().await;
        let (settings, _plant) = facility.stop().await;
        let config = configure(&settings.data, "127.0.0.1:0");
        let process = Process::serve(PROGRAM, &config).await.unwrap_or_else(|said| panic!("{}", said.err));
        let mut browser = Browser::new(process.web);
        browser.log_in("bando", "bando-demo-2026").await;
        assert_eq!(browser.get("/").await.status.as_u16(), 200);
        let mut browser = Browser::new(process.web);
        browser.log_in("sato", "sato-demo-2026").await;
        browser.post("/language", &[("language", "en"), ("back", "/")]).await;
        let commands = format!("/api/v1/batches/{batch}/commands");
        let comment =
            serde_json::json!({ "command": { "comment": { "phase": null, "text": "on we go" } }, "signer": null });
        assert_eq!(browser.send(&commands, &comment).await.status.as_u16(), 200);
        let page = browser.get(&format!("/batches/{batch}?phase=P020")).await;
        assert_eq!(page.status.as_u16(), 200);
        let shown = ["not connected", "connecting", "link down", "not yet read"];
        let body = page.body.to_lowercase();
        assert!(shown.iter().any(|word| body.contains(word)), "the page says nothing of INC-01: {}", page.body);
        assert_eq!(process.end().await, Some(0));
    });
}

#[test]
fn a_package_that_is_no_package_is_refused_and_each_says_why() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let batch = facility.batch("TEST-3", 1).await;
        facility.executed(&batch).await;
        facility.rate(RATE_WAITING).await;
        facility.released(&batch).await;
        let package = facility.person("aida").exports(&batch).await.unwrap();
        let key = facility.app.config.data.join("facility.pub");
        fs::copy(&key, place.join("facility.pub")).unwrap();
        facility.stop().await;
        fs::write(place.join("whole.zip"), &package).unwrap();
        fs::write(place.join("half.zip"), &package[..package.len() / 2]).unwrap();
        fs::write(place.join("letter.zip"), "Dear auditor, all is well.\n").unwrap();
        let verify = |key: &[&str], package: &[&str], status, words: &[&str]| {
            let arguments = [&["verify"][..], key, package].concat();
            if status == 0 {
                return done(place.path(), &arguments, "");
            }
            refused(place.path(), &arguments, "", status, words)
        };
        let with_key = ["--key", "facility.pub"];
        let said = verify(&with_key, &["whole.zip"], 0, &[]);
        let verdict: Vec<&str> = said.out.lines().take(3).collect();
        assert!(verdict[1].contains("VALIDATION") || verdict[1].to_lowercase().contains("validation"), "{verdict:?}");
        assert!(verdict[2].contains("Verified"), "{verdict:?}");
        verify(&[], &["whole.zip"], 2, &["Signer not checked", "fingerprint"]);
        verify(&with_key, &["half.zip"], 3, &["half.zip", "not a complete zip file"]);
        verify(&with_key, &["letter.zip"], 3, &["letter.zip", "not a complete zip file"]);
        verify(&with_key, &["none.zip"], 3, &["none.zip", "cannot be read"]);
        verify(&with_key, &["whole.zip", "half.zip"], 3, &["Verified", "half.zip"]);
        verify(&["--key", "whole.zip"], &["whole.zip"], 1, &["whole.zip"]);
        verify(&["--key", "none.pub"], &["whole.zip"], 1, &["none.pub"]);
        verify(
            &["--key", "facility.pub", "--since", "letter.zip"],
            &["whole.zip"],
            1,
            &["letter.zip", "not a checkpoint"],
        );
        let mut bent = package.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        fs::write(place.join("bent.zip"), bent).unwrap();
        verify(&with_key, &["bent.zip"], 1, &["FAILED", "[FAIL]"]);
    });
}
