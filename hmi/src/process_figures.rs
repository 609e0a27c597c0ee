//! What the operating system says of this process, for whoever watches over it. Missing where it says nothing.

use std::fs;

/// Ticks in a second of the times in `/proc`; the same on every Linux that this runs on.
const TICKS_PER_S: u64 = 100;

/// Figures of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Memory in use, in bytes.
    pub resident_bytes: Option<u64>,
    /// Processor time since the start, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Open files and sockets.
    pub open_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl ProcessFigures {
    /// As they stand.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self {
            resident_bytes: line(&status, "VmRSS:").map(|kib| kib.saturating_mul(1024)),
            threads: line(&status, "Threads:"),
            cpu_ms: cpu_ms(&stat),
            open_files: files.and_then(|count| u64::try_from(count).ok()),
        }
    }
}

fn line(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// User and system time: the 14th and 15th field, counted behind the program's name, which may hold anything.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(ticks(11)?.saturating_add(ticks(12)?).saturating_mul(1000 / TICKS_PER_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_from_what_the_system_writes() {
        assert_eq!(line("Name:\tmes\nVmRSS:\t   2048 kB\n", "VmRSS:"), Some(2048));
        assert_eq!(cpu_ms("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0"), Some(2000));
        assert_eq!(cpu_ms(""), None);
        if cfg!(target_os = "linux") {
            let now = ProcessFigures::read();
            assert!(now.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{now:?}");
            assert!(now.open_files.is_some_and(|files| files >= 3) && now.threads.is_some_and(|n| n >= 1), "{now:?}");
        }
    }
}
