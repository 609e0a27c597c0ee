//! Public instances: every plan is legal by both referees, and both count the same cost.
//!
//! The instances have no licence to lie in this repository; their folder (with `*.json` and
//! `*.json.gz`) is named by `MES_SCHEDULING_INSTANCES`. When `MES_SCHEDULING_REFEREE` names the
//! script of the second referee, it judges as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use scheduler::{
    BatchIx, Committed, Plan, Problem, build, check, read_facility, read_solution, recount, write_solution,
};

use crate::draw::{Draw, numbers};

/// Mutated plans per instance that both referees judge.
const MUTANTS: usize = 200;
/// Instances with more batches are judged by the second referee only as they are: it is slow.
const MUTATED_BATCHES_MAX: usize = 300;

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

/// The second referee is the function `check(instance, solution)` of a Python script, called here
/// for many solutions in one process.
const JUDGE_ALL: &str = r"
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('referee', sys.argv[1])
referee = importlib.util.module_from_spec(spec)
spec.loader.exec_module(referee)
instance, *solutions = [json.loads(line) for line in open(sys.argv[2])]
for solution in solutions:
    print(json.dumps(referee.check(instance, solution)))
";

/// Verdicts of the second referee, or none when it is not named.
fn second_referee(instance: &str, solutions: &[String], name: &str) -> Option<Vec<serde_json::Value>> {
    let script = std::env::var("MES_SCHEDULING_REFEREE").ok()?;
    let one_line = serde_json::from_str::<serde_json::Value>(instance).unwrap().to_string();
    let file = std::env::temp_dir().join(format!("{name}-{}-{}.jsonl", solutions.len(), std::process::id()));
    std::fs::write(&file, [&[one_line], solutions].concat().join("\n")).unwrap();
    let output = Command::new("python3").args(["-c", JUDGE_ALL, &script]).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Whether two referees agree on a plan: legal or not, and what it costs.
fn agree(problem: &Problem, plan: &Plan, verdict: &serde_json::Value) {
    let violations = check(problem, plan);
    let sentences: Vec<_> = violations.iter().map(|violation| violation.describe(problem)).collect();
    assert_eq!(verdict["feasible"], sentences.is_empty(), "{}: {verdict}\n{sentences:?}", problem.name());
    assert_eq!(verdict["objective"], recount(problem, plan).total, "{}: {verdict}", problem.name());
}

/// Moves, lengthens, swaps and refuses batches of a plan, a little or a lot.
fn mutated(problem: &Problem, plan: &Plan, draw: &mut Draw) -> Plan {
    let mut plan = plan.clone();
    let placed: Vec<BatchIx> = plan.placed().map(|(ix, _)| ix).collect();
    let any = |draw: &mut Draw| placed[draw.below(placed.len() as i64) as usize];
    for _ in 0..=draw.below(3) {
        let ix = any(draw);
        let Some(mut placement) = plan.placement(ix).cloned() else { continue };
        let last = placement.starts.len() as i64;
        match draw.below(6) {
            0 => {
                let by = draw.below(21) - 10;
                placement.starts.iter_mut().for_each(|start| *start += by);
            }
            1 => {
                let (from, by) = (draw.below(last) as usize, draw.below(9) - 4);
                placement.starts[from..].iter_mut().for_each(|start| *start += by);
            }
            2 if !placement.suites.is_empty() => {
                let row = draw.below(placement.suites.len() as i64) as usize;
                let suites: Vec<_> = problem.suites().map(|(ix, _)| ix).collect();
                placement.suites[row] = suites[draw.below(suites.len() as i64) as usize];
            }
            3 => {
                let other = plan.placement(any(draw)).cloned();
                placement.starts[0] = other.map_or(0, |other| other.starts[0]);
            }
            4 => {
                plan.set(ix, None);
                continue;
            }
            _ => placement.starts.iter_mut().for_each(|start| *start += 24),
        }
        plan.set(ix, Some(placement));
    }
    plan
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
        for verdict in second_referee(&json, &[solution], problem.name()).iter().flatten() {
            agree(&problem, &draft.plan, verdict);
        }
        Committed::new(problem, draft.plan).unwrap();
    }
}

#[test]
#[ignore = "needs MES_SCHEDULING_INSTANCES and MES_SCHEDULING_REFEREE"]
fn both_referees_agree_on_mutated_plans() {
    let mut runner = TestRunner::deterministic();
    let mut illegal = 0;
    for path in instances() {
        let json = text(&path);
        let problem = Problem::new(&read_facility(&json).unwrap()).unwrap();
        let plan = build(&problem).plan;
        if plan.len() > MUTATED_BATCHES_MAX {
            continue;
        }
        let mutants: Vec<Plan> = (0..MUTANTS)
            .map(|_| mutated(&problem, &plan, &mut Draw::new(numbers().new_tree(&mut runner).unwrap().current())))
            .collect();
        let solutions: Vec<_> = mutants.iter().map(|plan| write_solution(&problem, plan).unwrap()).collect();
        let verdicts = second_referee(&json, &solutions, problem.name());
        let verdicts = verdicts.expect("MES_SCHEDULING_REFEREE names the script of the second referee");
        assert_eq!(verdicts.len(), MUTANTS);
        for (mutant, verdict) in mutants.iter().zip(&verdicts) {
            agree(&problem, mutant, verdict);
            illegal += usize::from(verdict["feasible"] == false);
        }
    }
    assert!(illegal > MUTANTS, "mutants must mostly be illegal to show anything: {illegal}");
}
