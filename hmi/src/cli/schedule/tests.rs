//! The commands on small files, in this process: what is written is what was judged, and faulty
//! input is refused with a sentence that names the file.

use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::json;

use super::Schedule;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    schedule: Schedule,
}

/// A folder with a small facility, packed, and a plan for it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let instance = place.path("facility.json");
        run(&["generate", "--size", "small", "--out", &instance]).unwrap();
        run(&["solve", &instance, "--steps", "40", "--quiet", "--out", &place.path("plan.json")]).unwrap();
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }
}

/// Runs one command; whether its answer was yes.
fn run(words: &[&str]) -> anyhow::Result<bool> {
    let line = Line::try_parse_from([&["mes"], words].concat()).unwrap();
    let code = line.schedule.run()?;
    Ok(format!("{code:?}") == format!("{:?}", std::process::ExitCode::SUCCESS))
}

fn refusal(words: &[&str]) -> String {
    format!("{:#}", run(words).unwrap_err())
}

#[test]
fn a_plan_that_was_solved_is_legal_drawn_and_solved_alike_again() {
    let place = Place::new();
    let (instance, plan) = (place.path("facility.json"), place.path("plan.json"));
    assert!(run(&["check", &instance, &plan]).unwrap());
    let again = place.path("again.json");
    run(&["solve", &instance, "--steps", "40", "--threads", "1", "--quiet", "--out", &again]).unwrap();
    assert_eq!(std::fs::read(&plan).unwrap(), std::fs::read(&again).unwrap());
    let picture = place.path("plan.svg");
    assert!(run(&["gantt", &instance, &plan, "--out", &picture]).unwrap());
    assert!(std::fs::read_to_string(picture).unwrap().starts_with("<svg"));
    let packed = PathBuf::from(place.path("facility.json.gz"));
    let mut file = flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    std::io::copy(&mut std::fs::File::open(&instance).unwrap(), &mut file).unwrap();
    file.finish().unwrap();
    assert!(run(&["check", &packed.display().to_string(), &plan]).unwrap());
}

#[test]
fn what_holds_a_batch_is_explained_and_a_batch_that_is_not_there_is_refused() {
    let place = Place::new();
    let (instance, plan) = (place.path("facility.json"), place.path("plan.json"));
    let text = std::fs::read_to_string(&plan).unwrap();
    let placed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let batches = placed["batches"].as_array().unwrap();
    let of = |placed: bool| batches.iter().find(|batch| batch["route"].is_null() != placed);
    let id = |batch: &serde_json::Value| batch["batch"].as_str().unwrap().to_owned();
    let there = id(of(true).unwrap());
    for view in [vec![], vec!["--tenant-view"]] {
        assert!(run(&[vec!["explain", &instance, &plan, &there], view].concat()).unwrap());
    }
    if let Some(refused) = of(false) {
        assert!(!run(&["explain", &instance, &plan, &id(refused)]).unwrap(), "it is not in the plan");
    }
    assert!(refusal(&["explain", &instance, &plan, "nobody"]).contains("facility.json has no batch \"nobody\""));
}

#[test]
fn a_plan_of_every_family_is_judged() {
    let place = Place::new();
    let shop = place.write("two.fjs", "2 2\n2 1 1 3 1 2 2\n2 1 2 4 1 1 1\n");
    let max = place.write(
        "two.sch",
        "2 1 0 0\n0 1 2 1 2 [0] [3]\n1 1 2 3 2 [4] [-1]\n2 1 2 3 1 [2] [-6]\n3 1 0\n0 1 0 0\n1 1 4 2\n2 1 2 1\n3 1 0 0\n2\n",
    );
    let patterson = place.write("two.rcp", "4 2\n 3 2\n\n0 0 0 2 2 3\n4 2 1 1 4\n2 2 0 1 4\n0 0 0 0\n");
    for instance in [&shop, &max, &patterson] {
        let plan = place.path("found.json");
        assert!(run(&["solve", instance, "--steps", "2000", "--quiet", "--out", &plan]).unwrap(), "{instance}");
        assert!(run(&["check", instance, &plan]).unwrap(), "{instance}");
        let mut changed: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
        changed["starts"].as_array_mut().unwrap().iter_mut().for_each(|start| *start = (-1).into());
        assert!(!run(&["check", instance, &place.write("early.json", &changed.to_string())]).unwrap(), "{instance}");
        let odd = refusal(&["check", instance, &place.write("odd.json", "{\"starts\": [\"x\"]}")]);
        assert!(odd.contains("odd.json") && odd.contains("line 1"), "{odd}");
    }
    let stray = place.write("stray.json", r#"{"lines": [[7], [0]], "starts": [0, 0, 0, 0]}"#);
    assert!(!run(&["check", &shop, &stray]).unwrap(), "an operation that the shop does not have");
}

#[test]
fn a_request_is_quoted_and_a_suite_that_fails_is_planned_around() {
    let place = Place::new();
    let (instance, plan) = (place.path("facility.json"), place.path("plan.json"));
    let text = std::fs::read_to_string(&instance).unwrap();
    let facility: serde_json::Value = serde_json::from_str(&text).unwrap();
    let suite = facility["suites"][0]["id"].clone();
    let batches = facility["batches"].as_array().unwrap();
    let mut batch = batches.iter().rev().find(|batch| batch["booking"].is_null()).unwrap().clone();
    batch["id"] = "asked".into();
    let request = place.write("request.json", &batch.to_string());
    for view in [vec![], vec!["--tenant-view"]] {
        run(&[vec!["quote", &instance, &plan, &request], view].concat()).unwrap();
    }
    let event =
        json!({ "now": 3000, "events": [{ "kind": "suite-down", "suite": suite, "start": 3000, "end": 3600 }] });
    let event = place.write("event.json", &event.to_string());
    let new = place.path("new.json");
    if run(&["replan", &instance, &plan, &event, "--steps", "40", "--quiet", "--out", &new]).unwrap() {
        assert!(Path::new(&new).exists());
    }
}

#[test]
fn faulty_input_is_refused_with_its_file_and_what_is_wrong() {
    let place = Place::new();
    let (instance, plan) = (place.path("facility.json"), place.path("plan.json"));
    let missing = refusal(&["solve", &place.path("nowhere.json")]);
    assert!(missing.contains("nowhere.json cannot be read"), "{missing}");
    let unknown = refusal(&["solve", &place.write("what.bin", "1 2 3")]);
    assert!(unknown.contains("what.bin") && unknown.contains("--format"), "{unknown}");
    let cut = refusal(&["check", &instance, &place.write("cut.json", "{\"problem\":")]);
    assert!(cut.contains("cut.json") && cut.contains("line 1"), "{cut}");
    let schema = refusal(&["check", &place.write("other.json", "{\"schema\":\"facility-9\"}"), &plan]);
    assert!(schema.contains("other.json") && schema.contains("facility-9"), "{schema}");
    let job = refusal(&["solve", &place.write("job.fjs", "2 two\n")]);
    assert!(job.contains("job.fjs") && job.contains("line 1"), "{job}");
    let packed = refusal(&["solve", &{
        let path = place.path("broken.json.gz");
        std::fs::write(&path, [0x1f, 0x8b, 1, 2, 3]).unwrap();
        path
    }]);
    assert!(packed.contains("broken.json.gz cannot be unpacked"), "{packed}");
    let event = place.write(
        "event.json",
        r#"{"now": 0, "events": [{"kind": "suite-down", "suite": "none", "start": 0, "end": 1}]}"#,
    );
    let nowhere = refusal(&["replan", &instance, &plan, &event]);
    assert!(nowhere.contains("event 0: there is no suite"), "{nowhere}");
}
