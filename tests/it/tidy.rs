//! House rules that a machine can see: file heads and sizes, depth, names, and what a crate may not use.
//!
//! It reads the sources as text; it does not judge style beyond that.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LINES_MAX: usize = 600;
const LIB_LINES_MAX: usize = 60;
const FUNCTION_LINES_MAX: usize = 70;
const DEPTH_MAX: usize = 2;
const CRATES: [&str; 6] = ["mes-core", "equipment-drivers", "scheduler", "batch-records", "hmi", "tests"];
const BANNED_NAMES: [&str; 9] = ["util", "utils", "common", "helper", "helpers", "misc", "manager", "types", "base"];

/// Tables and exhaustive matches of one line per variant; this list may only shrink.
const LONG_FUNCTIONS: [&str; 1] = ["mes-core/src/isa88/state.rs: next"];

/// Crate, the paths it applies to, what may not be used there, and why.
const MAY_NOT: [(&str, &str, &[&str]); 13] = [
    ("mes-core/src", "", &["axum::", "opcua::", "tokio_modbus::", "tokio::spawn"]),
    ("mes-core/src", "plant/", &["bevy_ecs"]),
    ("mes-core/src", "store/", &["sqlx::"]),
    ("mes-core/src", "access/", &["cedar_policy"]),
    ("mes-core/src", "isa88/", &["cel::"]),
    ("equipment-drivers/src", "", &["sqlx::", "axum::", "bevy_ecs"]),
    (
        "scheduler/src",
        "",
        &["mes_core", "tokio::", "sqlx::", "Instant::now", "SystemTime", " rand::", "getrandom", "Rng::new()"],
    ),
    ("batch-records/src", "", &["sqlx::", "tokio::", "equipment_drivers", "cedar_policy", "bevy_ecs"]),
    ("hmi/src", "", &["sqlx::", "opcua::", "tokio_modbus::"]),
    ("mes-core/src", "clock.rs", &["Instant::now()", "SystemTime::now()"]),
    ("equipment-drivers/src", "", &["Instant::now()", "SystemTime::now()"]),
    ("hmi/src", "", &["Instant::now()", "SystemTime::now()"]),
    ("tests/it", "tidy.rs", &["thread::sleep", "time::sleep"]),
];

/// Folders that are not ours, or not kept.
const NOT_OURS: [&str; 4] = [".git", "target", "node_modules", ".sqlx"];

/// Modules of the search that the checker of plans must not share: it would repeat their mistakes.
const NOT_FOR_THE_CHECKER: [&str; 8] =
    ["profile", "suite_line", "load", "timing", "holding", "cost", "working", "search"];

/// Words that belong to a workplace or a registry and not into the repository. Put together here, so that this file holds none.
fn words_of_a_workplace() -> Vec<String> {
    let pairs = [
        ("index.crates", ".io"),
        ("registry.npm", "js"),
        ("static.crates", ".io"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/tmp/", "env.sh"),
        ("Clau", "de"),
        ("Anthro", "pic"),
        ("Chat", "GPT"),
        ("Copi", "lot"),
        ("Co-Authored", "-By"),
    ];
    pairs.iter().map(|(one, other)| format!("{one}{other}")).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn all_sources() -> Vec<(String, String)> {
    let root = root();
    CRATES
        .iter()
        .flat_map(|name| ["src", "it", "tests", "benches"].map(|part| root.join(name).join(part)))
        .flat_map(|folder| sources(&folder))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let mut faults = Vec::new();
    for (name, text) in all_sources() {
        let lines = text.lines().count();
        let head = text.lines().next().unwrap_or_default();
        if !head.starts_with("//!") && !head.starts_with("#![doc") {
            faults.push(format!("{name}: opens with `//!`: what it is for, and what it deliberately does not do"));
        }
        let cap = if name.ends_with("src/lib.rs") { LIB_LINES_MAX } else { LINES_MAX };
        if lines > cap {
            faults.push(format!("{name}: {lines} lines; the cap is {cap}"));
        }
    }
    report(faults);
}

#[test]
fn folders_are_shallow_and_names_say_something() {
    let mut faults = Vec::new();
    for (name, _) in all_sources() {
        let parts: Vec<&str> = name.split('/').collect();
        let below = parts.iter().position(|part| *part == "src").map_or(0, |at| parts.len() - at - 2);
        if below > DEPTH_MAX {
            faults.push(format!("{name}: more than {DEPTH_MAX} folders below src"));
        }
        if parts.iter().any(|part| BANNED_NAMES.contains(&part.trim_end_matches(".rs"))) {
            faults.push(format!("{name}: a name that says nothing"));
        }
    }
    report(faults);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut faults = Vec::new();
    for (name, text) in all_sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(function) = function_name(line) else { continue };
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
            let length = lines.iter().skip(at).position(|line| **line == close).map_or(0, |end| end + 1);
            let known = LONG_FUNCTIONS.contains(&format!("{name}: {function}").as_str());
            if !one_line && length > FUNCTION_LINES_MAX && !known {
                faults.push(format!(
                    "{name}:{}: fn {function} has {length} lines; the cap is {FUNCTION_LINES_MAX}",
                    at + 1
                ));
            }
        }
    }
    report(faults);
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "]
        .iter()
        .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    let name = line.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

#[test]
fn a_crate_uses_only_what_it_may() {
    let mut faults = Vec::new();
    for (name, text) in all_sources() {
        for (folder, except, words) in MAY_NOT {
            let Some(inner) = name.strip_prefix(folder).map(|rest| rest.trim_start_matches('/')) else { continue };
            if !except.is_empty() && inner.starts_with(except) {
                continue;
            }
            for word in words {
                let used = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
                if used {
                    faults.push(format!("{name}: may not use {word}"));
                }
            }
        }
    }
    report(faults);
}

/// Every text file of the repository, by its name below the root.
fn all_texts(folder: &Path, found: &mut Vec<(String, String)>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            all_texts(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(), text));
        }
    }
}

#[test]
fn nothing_of_a_workplace_or_a_registry_is_in_the_repository() {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    all_texts(&root(), &mut texts);
    assert!(texts.len() > 200, "the repository was not found: {} files", texts.len());
    for (name, text) in texts {
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = words_of_a_workplace().iter().find(|word| line.contains(word.as_str())) {
                faults.push(format!("{name}:{}: says {word}", number + 1));
            }
        }
    }
    report(faults);
}

#[test]
fn the_checker_of_plans_shares_nothing_with_the_search() {
    let checkers = all_sources().into_iter().filter(|(name, _)| name.starts_with("scheduler/src/check"));
    let mut faults = Vec::new();
    let mut seen = 0;
    for (name, text) in checkers {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for module in NOT_FOR_THE_CHECKER {
            let (path, parent) = (format!("crate::{module}"), format!("super::{module}"));
            if code.iter().any(|line| line.contains(&path) || line.contains(&parent)) {
                faults.push(format!("{name}: uses {module}, which the search uses too"));
            }
        }
        let grouped = code.iter().any(|line| line.contains("use crate::{"));
        assert!(!grouped, "one `use` per module, so that this test sees them");
        seen += 1;
    }
    assert!(seen >= 2, "the checker was not found");
    report(faults);
}

#[test]
fn libraries_are_read_from_one_list() {
    let mut faults = Vec::new();
    for (name, text) in all_sources() {
        if text.lines().any(|line| line.starts_with("pub use") && line.contains("::*")) {
            faults.push(format!("{name}: a glob re-export hides where a name comes from"));
        }
        if text
            .lines()
            .any(|line| line.trim_start().starts_with("#[allow") || line.trim_start().starts_with("#![allow"))
        {
            faults.push(format!("{name}: use #[expect(…, reason = …)] instead of #[allow]"));
        }
    }
    report(faults);
}

#[test]
fn the_visible_root_is_the_one_in_the_plan() {
    let wanted = [
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "batch-records",
        "equipment-drivers",
        "hmi",
        "mes-core",
        "scheduler",
        "tests",
    ];
    let mut found: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    found.sort();
    let extra: Vec<_> = found.iter().filter(|name| !wanted.contains(&name.as_str())).collect();
    assert!(extra.is_empty() || extra == ["rust-toolchain.toml"], "{extra:?}");
    for name in wanted {
        assert!(found.iter().any(|found| found == name), "{name} is missing");
    }
}
