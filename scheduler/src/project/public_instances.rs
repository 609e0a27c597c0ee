//! Public projects, which have no licence to lie in this repository: every plan is legal, none is
//! found where none exists, and no bound contradicts what is known.
//!
//! The folder that holds the families, with `best-known.csv`, is named by
//! `MES_SCHEDULING_FAMILIES`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Project, check_project, project_end, solve_project};
use crate::read::{read_psplib, read_sch};
use crate::stop::{Params, Stop};

/// Every so manieth instance of a family is tried.
const STRIDE: usize = 12;
/// Steps for each.
const STEPS: u64 = 400;

fn folder() -> PathBuf {
    std::env::var_os("MES_SCHEDULING_FAMILIES").expect("MES_SCHEDULING_FAMILIES names the folder of families").into()
}

/// By family and instance: lower and upper bound as written, "unsat" where no plan exists.
fn best_known() -> BTreeMap<(String, String), (String, String)> {
    let text = std::fs::read_to_string(folder().join("best-known.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.splitn(5, ',').map(str::to_owned).collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() == 5);
    rows.map(|row| ((row[0].clone(), row[1].clone()), (row[2].clone(), row[3].clone()))).collect()
}

/// Reads, searches for a few steps, and judges; gives how many plans were found.
fn judge(family: &str, read: impl Fn(&str) -> Project) -> usize {
    let known = best_known();
    let mut names: Vec<_> =
        std::fs::read_dir(folder().join(family)).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut found = 0;
    for path in names.iter().step_by(STRIDE) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let project = read(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        let outcome = solve_project(&project, &Params { threads: 2, ..Params::default() }, 1, Stop::after(STEPS));
        let (least, most) = known.get(&(family.to_owned(), name.clone())).cloned().unwrap_or_default();
        assert!(outcome.plan.is_none() || least != "unsat", "{name} has no plan");
        assert!(!outcome.infeasible_proved || least == "unsat", "{name} has a plan");
        if let Some(plan) = &outcome.plan {
            found += 1;
            assert_eq!(check_project(&project, plan), vec![], "{name}");
            assert_eq!(project_end(&project, plan), outcome.objective, "{name}");
        }
        if let (Ok(most), Some(bound)) = (most.parse::<i64>(), outcome.lower_bound) {
            assert!(bound <= most, "{name}: bound {bound} above a known plan of {most}");
        }
        if let (Ok(least), Some(objective)) = (least.parse::<i64>(), outcome.objective) {
            assert!(objective >= least, "{name}: {objective} below a known bound of {least}");
        }
    }
    found
}

#[test]
#[ignore = "needs MES_SCHEDULING_FAMILIES"]
fn projects_with_time_lags_are_planned_or_refused() {
    let read = |text: &str| read_sch(text).unwrap();
    for family in ["rcpspmax-sm_j30", "rcpspmax-ubo50", "rcpspmax-ubo100"] {
        assert!(judge(family, read) > 0, "{family}");
    }
}

#[test]
#[ignore = "needs MES_SCHEDULING_FAMILIES"]
fn projects_with_and_without_modes_are_planned() {
    let read = |text: &str| read_psplib(text).unwrap();
    for family in ["rcpsp-j60", "rcpsp-j120", "mmrcpsp-j30", "mmrcpsp-mmlib50"] {
        assert!(judge(family, read) > 0, "{family}");
    }
}
