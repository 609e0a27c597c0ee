//! Public instances: every plan is legal by both referees, and both count the same cost.
//!
//! The instances have no licence to lie in this repository; their folder (with `*.json` and
//! `*.json.gz`) is named by `MES_SCHEDULING_INSTANCES`. When `MES_SCHEDULING_REFEREE` names the
//! script of the second referee, it judges as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use scheduler::{Committed, Problem, build, check, read_facility, read_solution, recount, write_solution};

fn instances() -> Vec<PathBuf> {
    let folder = std::env::var("MES_SCHEDULING_INSTANCES").expect("MES_SCHEDULING_INSTANCES names the folder");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = names.filter(|path| path.to_string_lossy().contains("fac-")).collect();
    found.sort();
    assert!(!found.is_empty(), "no fac-*.json in the folder");
    found
}

fn text(path: &Path) -> String {
    if path.extension().is_some_and(|end| end == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        assert!(output.status.success(), "gzip -dc {}", path.display());
        return String::from_utf8(output.stdout).unwrap();
    }
    std::fs::read_to_string(path).unwrap()
}

fn second_referee(script: &str, instance: &str, solution: &str, name: &str) -> serde_json::Value {
    let folder = std::env::temp_dir();
    let files = [folder.join(format!("{name}.instance.json")), folder.join(format!("{name}.solution.json"))];
    std::fs::write(&files[0], instance).unwrap();
    std::fs::write(&files[1], solution).unwrap();
    let output = Command::new("python3").arg(script).args(&files).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs MES_SCHEDULING_INSTANCES, a folder of facility-1 instances"]
fn a_first_plan_of_every_public_instance_is_legal_and_both_referees_count_alike() {
    for path in instances() {
        let json = text(&path);
        let problem = Problem::new(&read_facility(&json).unwrap()).unwrap();
        let draft = build(&problem);
        let violations = check(&problem, &draft.plan);
        let sentences: Vec<_> = violations.iter().map(|violation| violation.describe(&problem)).collect();
        assert!(sentences.is_empty(), "{}: {sentences:?}", problem.name());
        assert_eq!(recount(&problem, &draft.plan), draft.objective, "{}", problem.name());
        let solution = write_solution(&problem, &draft.plan).unwrap();
        assert_eq!(read_solution(&problem, &solution).unwrap(), draft.plan);
        assert_eq!(draft.plan.named(&problem).resolve(&problem).unwrap(), draft.plan);
        println!("{}: {:?}, left out {}", problem.name(), draft.objective, draft.left_out.len());
        if let Ok(script) = std::env::var("MES_SCHEDULING_REFEREE") {
            let verdict = second_referee(&script, &json, &solution, problem.name());
            assert_eq!(verdict["feasible"], true, "{verdict}");
            assert_eq!(verdict["objective"], draft.objective.total, "{verdict}");
        }
        Committed::new(problem, draft.plan).unwrap();
    }
}
