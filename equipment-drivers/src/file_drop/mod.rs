//! The folder into which a closed device writes its reports: which files are finished, their bytes, and where they go afterwards.
//!
//! A file is left where it is until whoever asked says that it is kept; only then it is moved to `taken/`. Nothing is ever
//! deleted. The folder is the buffer: what was written while nobody looked is found later. It decides nothing.

mod reading;
mod table;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use mes_core::{
    clock::Timestamp,
    journal::{Hash, encode::sha256},
    tenant::{REPORT_BYTES_MAX, REPORT_TEXT_MAX},
};

pub use reading::{ReportContent, read_report};

use crate::template::FileMap;

/// The folder below a device's own into which reports are moved once they are kept.
pub const TAKEN_FOLDER: &str = "taken";

/// A finished report, not yet taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedReport {
    /// Its name, fit to be shown.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was last written, as the folder says.
    pub written: Timestamp,
    path: PathBuf,
}

/// What a look into the folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Reports that are finished, by the time at which they were written.
    pub finished: Vec<FinishedReport>,
    /// Files that cannot be taken in, each with the reason.
    pub left: Vec<String>,
}

/// Size and time of a file when it was last looked at, and since when they have been so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
    since: Instant,
}

/// The folder of one device.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    map: FileMap,
    seen: BTreeMap<OsString, Seen>,
    /// Files that are kept already and could not be moved away, by name and what they were.
    kept: BTreeMap<OsString, (u64, Option<SystemTime>)>,
}

impl Folder {
    /// A folder that has not been looked into. It need not be there yet.
    pub fn new(path: PathBuf, map: FileMap) -> Self {
        Self { path, map, seen: BTreeMap::new(), kept: BTreeMap::new() }
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks for finished reports and reads them. `now` is wall time.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn look(&mut self, now: Instant) -> io::Result<Look> {
        let mut look = Look::default();
        let mut there = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let (file, name) = (entry.file_name(), shown(&entry.file_name()));
            // A link could lead anywhere; it is no report.
            let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
            if !about.is_file() || name.starts_with('.') || is_unfinished(&name) {
                continue;
            }
            if !self.map.is_report(&name) {
                look.left.push(format!("{name}: its name does not end as that of a report"));
                continue;
            }
            let (bytes, modified) = (about.len(), about.modified().ok());
            if self.kept.get(&file) == Some(&(bytes, modified)) {
                look.left.push(format!("{name}: it is kept, but cannot be moved to {TAKEN_FOLDER}/"));
                continue;
            }
            if bytes > REPORT_BYTES_MAX {
                look.left.push(format!("{name}: it is larger than {} MiB", REPORT_BYTES_MAX >> 20));
                continue;
            }
            let before = self.seen.get(&file).filter(|seen| seen.bytes == bytes && seen.modified == modified);
            let since = before.map_or(now, |seen| seen.since);
            there.insert(file, Seen { bytes, modified, since });
            let settled = now.duration_since(since) >= Duration::from_secs(self.map.settle_s.into());
            if settled && bytes > 0 {
                match finished(entry.path(), name.clone(), modified) {
                    Ok(report) => look.finished.push(report),
                    Err(error) => look.left.push(format!("{name}: it cannot be read ({error})")),
                }
            }
        }
        self.seen = there;
        look.finished.sort_by(|a, b| (a.written, &a.name).cmp(&(b.written, &b.name)));
        look.left.sort();
        Ok(look)
    }

    /// Moves a report to `taken/`, now that it is kept. Where that is not possible it stays, and is not offered again.
    ///
    /// # Errors
    /// Why it could not be moved.
    pub fn take_away(&mut self, report: &FinishedReport) -> io::Result<()> {
        let file = report.path.file_name().map(OsString::from).unwrap_or_default();
        let moved = self.moved(report, &file);
        match &moved {
            Ok(()) => drop(self.seen.remove(&file)),
            Err(_) => {
                if let Some(seen) = self.seen.get(&file) {
                    self.kept.insert(file, (seen.bytes, seen.modified));
                }
            }
        }
        moved
    }

    fn moved(&self, report: &FinishedReport, file: &OsString) -> io::Result<()> {
        let taken = self.path.join(TAKEN_FOLDER);
        fs::create_dir_all(&taken)?;
        // The device may have written on meanwhile; what is there now was not taken in and stays.
        if sha256(&[&fs::read(&report.path)?]) != report.sha256 {
            return Ok(());
        }
        let mut to = taken.join(file);
        if to.exists() {
            let mut other = OsString::from(report.sha256.to_string());
            other.push("-");
            other.push(file);
            to = taken.join(other);
        }
        fs::rename(&report.path, to)
    }
}

fn finished(path: PathBuf, name: String, modified: Option<SystemTime>) -> io::Result<FinishedReport> {
    let bytes = fs::read(&path)?;
    let since_epoch = modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    let written = Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(0));
    Ok(FinishedReport { sha256: sha256(&[&bytes]), name, bytes, written, path })
}

/// A name as it is shown and kept: no control characters, not too long.
fn shown(name: &OsString) -> String {
    let name = name.to_string_lossy();
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(REPORT_TEXT_MAX).collect()
}

/// Names that programs give to a file while they still write it.
fn is_unfinished(name: &str) -> bool {
    let name = name.to_lowercase();
    [".tmp", ".part", ".partial", ".crdownload", "~"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use mes_core::clock::Clock;

    use super::*;
    use crate::template::TextEncoding;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let map = FileMap {
            endings: vec![".csv".into(), ".pdf".into()],
            settle_s: 3,
            format: None,
            encoding: TextEncoding::Utf8,
            delimiter: ',',
            decimal_comma: false,
            lot: None,
        };
        let folder = Folder::new(place.path().to_owned(), map);
        (place, folder)
    }

    fn names(look: &Look) -> Vec<&str> {
        look.finished.iter().map(|report| report.name.as_str()).collect()
    }

    #[test]
    fn a_report_is_taken_once_it_rests_and_stays_until_it_is_kept() {
        let (place, mut folder) = folder();
        let file = place.path().join("RUN-17.CSV");
        fs::write(&file, "half").unwrap();
        let start = Clock::wall();
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(folder.look(at(0)).unwrap(), Look::default());
        assert_eq!(folder.look(at(2)).unwrap(), Look::default(), "it may still be written");
        fs::write(&file, "the whole of it").unwrap();
        assert_eq!(folder.look(at(4)).unwrap(), Look::default(), "it was written on");
        let look = folder.look(at(7)).unwrap();
        assert_eq!(names(&look), ["RUN-17.CSV"]);
        assert_eq!(look.finished[0].bytes, b"the whole of it");
        assert_eq!(names(&folder.look(at(8)).unwrap()), ["RUN-17.CSV"], "until it is kept it is offered again");
        folder.take_away(&look.finished[0]).unwrap();
        assert_eq!(folder.look(at(20)).unwrap(), Look::default());
        assert_eq!(fs::read(place.path().join("taken/RUN-17.CSV")).unwrap(), b"the whole of it");
    }

    #[test]
    fn di_04_the_same_name_again_replaces_nothing_and_what_was_written_meanwhile_stays() {
        let (place, mut folder) = folder();
        let file = place.path().join("run.csv");
        let start = Clock::wall();
        for (n, text) in (0..).zip(["first", "second"]) {
            fs::write(&file, text).unwrap();
            folder.look(start + Duration::from_secs(n * 10)).unwrap();
            let look = folder.look(start + Duration::from_secs(n * 10 + 3)).unwrap();
            folder.take_away(&look.finished[0]).unwrap();
        }
        let mut taken: Vec<_> = fs::read_dir(place.path().join(TAKEN_FOLDER))
            .unwrap()
            .map(|e| fs::read(e.unwrap().path()).unwrap())
            .collect();
        taken.sort();
        assert_eq!(taken, [b"first".to_vec(), b"second".to_vec()]);

        fs::write(&file, "third").unwrap();
        folder.look(start + Duration::from_secs(30)).unwrap();
        let look = folder.look(start + Duration::from_secs(33)).unwrap();
        fs::write(&file, "third, and more").unwrap();
        folder.take_away(&look.finished[0]).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"third, and more");
    }

    #[test]
    fn what_is_no_report_is_left_and_named() {
        let (place, mut folder) = folder();
        for name in ["notes.docx", "run.csv.part", ".hidden.csv", "empty.csv"] {
            fs::write(place.path().join(name), if name == "empty.csv" { "" } else { "x" }).unwrap();
        }
        let large = fs::File::create(place.path().join("large.csv")).unwrap();
        large.set_len(REPORT_BYTES_MAX + 1).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hostname", place.path().join("link.csv")).unwrap();
        let start = Clock::wall();
        folder.look(start).unwrap();
        let look = folder.look(start + Duration::from_secs(60)).unwrap();
        assert!(look.finished.is_empty());
        assert_eq!(
            look.left,
            ["large.csv: it is larger than 32 MiB", "notes.docx: its name does not end as that of a report"]
        );
        fs::remove_dir_all(place.path()).unwrap();
        assert!(folder.look(start).is_err());
    }
}
