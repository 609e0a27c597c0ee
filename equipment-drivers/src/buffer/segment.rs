//! One file of the queue: numbered reports, each with a hash over itself and all before it.
//!
//! It reads and writes files; which of them are needed is not its business.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{BufferError, REPORT_BYTES_MAX, failed};

/// First bytes of a segment; then the hash of the report before it.
const MAGIC: &[u8; 8] = b"MESBUF\x00\x01";
const HEADER_BYTES: u64 = 40;
/// Length and number before a report, hash after it.
const FRAME_BYTES: u64 = 4 + 8 + 32;
/// How a segment's name ends, and that of a damaged one.
const ENDING: &str = "reports";
const DAMAGED: &str = "damaged";

/// A segment on disk. Empty when `last` is below `first`.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) bytes: u64,
    /// Where each report begins.
    starts: Vec<u64>,
    /// Hash of the last report.
    pub(super) chain: [u8; 32],
}

/// A segment as it was found.
pub(super) struct Scanned {
    /// Its good part.
    pub(super) segment: Segment,
    /// Where the first byte lies that is not part of a good report.
    pub(super) bad: Option<u64>,
    /// How many reports seem to lie behind that, by their lengths; one that is cut short is none.
    pub(super) after_bad: u64,
}

/// The segments of a folder, oldest first.
pub(super) fn paths(folder: &Path) -> Result<Vec<PathBuf>, BufferError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder, "reading the folder"))? {
        let path = entry.map_err(failed(folder, "reading the folder"))?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) && number_of(&path).is_some() {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn hash(before: &[u8; 32], number: u64, report: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(number.to_le_bytes());
    hasher.update(report);
    hasher.finalize().into()
}

/// One report as it lies in a file.
struct Frame {
    number: u64,
    report: Vec<u8>,
    hash: [u8; 32],
}

/// The next report of a file; none at a clean end.
fn next_report(file: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    match file.read(&mut length)? {
        0 => return Ok(None),
        read => file.read_exact(length.get_mut(read..).unwrap_or_default())?,
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > REPORT_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (mut number, mut report, mut own) = ([0; 8], vec![0; length], [0; 32]);
    file.read_exact(&mut number)?;
    file.read_exact(&mut report)?;
    file.read_exact(&mut own)?;
    Ok(Some(Frame { number: u64::from_le_bytes(number), report, hash: own }))
}

/// Reads a whole segment and checks every hash in it.
pub(super) fn scan(path: &Path) -> Result<Scanned, BufferError> {
    let first = number_of(path).unwrap_or(1);
    let file = File::open(path).map_err(failed(path, "reading"))?;
    let mut file = BufReader::new(file);
    let mut header = [0; HEADER_BYTES as usize];
    let whole = file.read_exact(&mut header).is_ok() && header.starts_with(MAGIC);
    let mut before = [0; 32];
    before.copy_from_slice(header.last_chunk::<32>().unwrap_or(&[0; 32]));
    let mut segment = Segment {
        path: path.to_owned(),
        first,
        last: first - 1,
        bytes: HEADER_BYTES,
        starts: Vec::new(),
        chain: before,
    };
    if !whole {
        let after_bad = count(&mut file);
        return Ok(Scanned { segment, bad: Some(0), after_bad });
    }
    loop {
        match next_report(&mut file) {
            Ok(None) => return Ok(Scanned { segment, bad: None, after_bad: 0 }),
            Ok(Some(Frame { number, report, hash: own }))
                if number == segment.last + 1 && own == hash(&segment.chain, number, &report) =>
            {
                segment.add(number, own, report.len());
            }
            Ok(Some(_)) => {
                let after_bad = 1 + count(&mut file);
                return Ok(Scanned { bad: Some(segment.bytes), segment, after_bad });
            }
            Err(_) => return Ok(Scanned { bad: Some(segment.bytes), segment, after_bad: 0 }),
        }
    }
}

/// How many reports lie ahead, by their lengths alone.
fn count(file: &mut impl Read) -> u64 {
    let mut count = 0;
    while let Ok(Some(_)) = next_report(file) {
        count += 1;
    }
    count
}

/// Cuts a segment at a byte; gives how many were cut.
pub(super) fn cut(path: &Path, at: u64) -> Result<u64, BufferError> {
    let file = OpenOptions::new().write(true).open(path).map_err(failed(path, "cutting a torn end"))?;
    let bytes = file.metadata().map_err(failed(path, "cutting a torn end"))?.len();
    file.set_len(at).map_err(failed(path, "cutting a torn end"))?;
    Ok(bytes.saturating_sub(at))
}

/// Keeps a copy of a damaged segment beside it, and cuts the segment where the damage begins.
pub(super) fn set_aside(path: &Path, at: u64) -> Result<(), BufferError> {
    let aside = path.with_extension(DAMAGED);
    fs::copy(path, &aside).map_err(failed(path, "keeping a copy of a damaged segment"))?;
    cut(path, at).map(drop)
}

impl Segment {
    fn add(&mut self, number: u64, own: [u8; 32], report_bytes: usize) {
        self.starts.push(self.bytes);
        self.last = number;
        self.chain = own;
        self.bytes += FRAME_BYTES + report_bytes as u64;
    }

    /// Gives the reports from a number on until told to stop.
    pub(super) fn read(&self, from: u64, mut take: impl FnMut(u64, Vec<u8>) -> bool) -> Result<(), BufferError> {
        let row = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(row) else { return Ok(()) };
        let wrong = || failed(&self.path, "reading");
        let mut file = BufReader::new(File::open(&self.path).map_err(wrong())?);
        // Before every report lies the hash of the one before it, in the header for the first.
        let mut chain = [0; 32];
        file.seek(SeekFrom::Start(start - 32)).map_err(wrong())?;
        file.read_exact(&mut chain).map_err(wrong())?;
        for number in from.max(self.first)..=self.last {
            let read = next_report(&mut file).map_err(wrong())?;
            match read {
                Some(Frame { number: found, report, hash: own })
                    if found == number && own == hash(&chain, number, &report) =>
                {
                    chain = own;
                    if !take(number, report) {
                        break;
                    }
                }
                _ => {
                    let step = "a report was changed while the queue was in use";
                    return Err(failed(&self.path, step)(io::ErrorKind::InvalidData.into()));
                }
            }
        }
        Ok(())
    }
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) segment: Segment,
    file: File,
    is_synced: bool,
}

impl Writer {
    pub(super) fn create(folder: &Path, first: u64, before: [u8; 32]) -> Result<Self, BufferError> {
        let path = folder.join(format!("{first:020}.{ENDING}"));
        let mut file = File::create(&path).map_err(failed(&path, "making"))?;
        let mut header = MAGIC.to_vec();
        header.extend(before);
        file.write_all(&header).map_err(failed(&path, "making"))?;
        let segment = Segment { path, first, last: first - 1, bytes: HEADER_BYTES, starts: Vec::new(), chain: before };
        Ok(Self { segment, file, is_synced: false })
    }

    pub(super) fn append(&mut self, number: u64, report: &[u8]) -> Result<(), BufferError> {
        let own = hash(&self.segment.chain, number, report);
        let mut frame = Vec::with_capacity(report.len() + FRAME_BYTES as usize);
        frame.extend(u32::try_from(report.len()).unwrap_or(u32::MAX).to_le_bytes());
        frame.extend(number.to_le_bytes());
        frame.extend(report);
        frame.extend(own);
        self.is_synced = false;
        self.file.write_all(&frame).map_err(failed(&self.segment.path, "writing"))?;
        self.segment.add(number, own, report.len());
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), BufferError> {
        if !self.is_synced {
            self.file.sync_data().map_err(failed(&self.segment.path, "forcing onto the disk"))?;
            self.is_synced = true;
        }
        Ok(())
    }

    pub(super) fn close(mut self) -> Result<Segment, BufferError> {
        self.sync()?;
        Ok(self.segment)
    }
}
