//! What `mes schedule` prints: progress on standard error, one line of JSON last on standard output.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use mes_core::clock::Clock;
use scheduler::{Objective, Progress};
use serde_json::{Value, json};

/// A search that is being watched: prints each better plan, and keeps when the first came.
pub(super) struct Watch {
    began: Instant,
    limit: Option<Duration>,
    quiet: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    first_ms: Option<u64>,
    printed_ms: Option<u64>,
    last: Option<Progress>,
}

/// Least time between two lines of progress.
const PROGRESS_MS: u64 = 200;

impl Watch {
    pub(super) fn begin(limit: Option<Duration>, quiet: bool) -> Self {
        Self { began: Clock::wall(), limit, quiet, seen: Mutex::default() }
    }

    fn elapsed(&self) -> Duration {
        Clock::wall().saturating_duration_since(self.began)
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }

    /// Whether the time is up.
    pub(super) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }

    /// How much of the time is gone, from 0 to 1.
    pub(super) fn gone(&self) -> f64 {
        self.limit.map_or(0.0, |limit| (self.elapsed().as_secs_f64() / limit.as_secs_f64().max(1e-9)).min(1.0))
    }

    /// Takes note of something better, and says so.
    pub(super) fn note(&self, progress: Progress) {
        let ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Chains report on their own; only what is better than all before is news.
        let better = match (progress.objective, seen.last.and_then(|last| last.objective)) {
            (Some(new), Some(old)) => new < old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let tighter = progress.bound > seen.last.and_then(|last| last.bound);
        if !better && !tighter {
            return;
        }
        let objective = if better { progress.objective } else { seen.last.and_then(|last| last.objective) };
        let bound = progress.bound.max(seen.last.and_then(|last| last.bound));
        seen.last = Some(Progress { objective, bound, ..progress });
        if better {
            seen.first_ms.get_or_insert(ms);
        }
        if !self.quiet && seen.printed_ms.is_none_or(|last| ms >= last + PROGRESS_MS) {
            seen.printed_ms = Some(ms);
            let number = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
            let seconds = self.elapsed().as_secs_f64();
            eprintln!("{seconds:9.3} s  objective {}  bound {}", number(objective), number(bound));
        }
    }

    pub(super) fn first_feasible_ms(&self) -> Option<u64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).first_ms
    }
}

/// The most memory this process has used so far, in megabytes; known on Linux only.
pub(super) fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

/// The parts of a facility plan's cost.
pub(super) fn objective(objective: Objective) -> Value {
    json!({
        "tardiness": objective.tardiness,
        "changeover": objective.changeover,
        "route": objective.route,
        "drop": objective.drop,
        "makespan": objective.makespan,
        "total": objective.total,
    })
}

/// Violations as sentences, on standard error.
pub(super) fn violations(found: &[String]) {
    for violation in found {
        eprintln!("{violation}");
    }
    if !found.is_empty() {
        eprintln!("{} violation(s)", found.len());
    }
}
