//! What a device has reported and nobody has taken over yet: a queue on disk, bounded, hashed and in order.
//!
//! It keeps numbered bytes. What they say, and whether they have been taken over, is for others to know. It never
//! guesses: what was damaged on disk is named as lost, and what did not fit is named as dropped.

mod segment;

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use segment::{Scanned, Segment, Writer};

/// Most bytes of one report.
pub const REPORT_BYTES_MAX: usize = 1 << 20;
/// Name of the file that holds the number up to which everything was taken over.
const CURSOR_FILE: &str = "taken-over";

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferLimits {
    /// Most bytes on disk; beyond it the oldest segment is dropped.
    pub bytes_max: u64,
    /// A segment is closed when it has reached this many bytes.
    pub segment_bytes: u64,
}

impl Default for BufferLimits {
    /// 512 MiB a device: 72 hours of twenty tags at one sample a second take less than half of it, packed.
    fn default() -> Self {
        Self { bytes_max: 512 << 20, segment_bytes: 4 << 20 }
    }
}

/// Numbers that are no longer there, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// What was found when a buffer was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Bytes at the end of the newest segment that were cut off: a write that the end of the process interrupted.
    pub torn_bytes: u64,
    /// Reports that cannot be read back, because their bytes were changed; the damaged file is kept beside.
    pub damaged: Vec<Missing>,
}

/// Why the buffer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// A file or folder cannot be read or written.
    #[error("the buffer {path}: {step}: {source}; see to the disk and its permissions")]
    File {
        /// Which.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A report is larger than the buffer takes.
    #[error("a report of {bytes} bytes is larger than the {REPORT_BYTES_MAX} that the buffer takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The cursor file holds no number.
    #[error("{path} does not hold a number; write into it the number up to which the reports were taken over")]
    Cursor {
        /// The file.
        path: PathBuf,
    },
}

pub(crate) fn failed<'p>(path: &'p Path, step: &'static str) -> impl FnOnce(io::Error) -> BufferError + 'p {
    move |source| BufferError::File { path: path.to_owned(), step, source }
}

/// The queue of one device.
#[derive(Debug)]
pub struct Buffer {
    folder: PathBuf,
    limits: BufferLimits,
    /// Closed segments, oldest first.
    closed: VecDeque<Segment>,
    open: Option<Writer>,
    /// Number of the next report.
    next: u64,
    /// Everything up to this number was taken over.
    taken_over: u64,
    /// Hash of the newest report.
    chain: [u8; 32],
}

impl Buffer {
    /// Opens the queue in a folder, which is made when missing, and checks every hash in it.
    ///
    /// # Errors
    /// When the folder cannot be read or written. Damaged reports are no error: they are told of.
    pub fn open(folder: &Path, limits: BufferLimits) -> Result<(Self, Recovered), BufferError> {
        fs::create_dir_all(folder).map_err(failed(folder, "making the folder"))?;
        let taken_over = read_cursor(folder)?;
        let mut buffer = Self {
            folder: folder.to_owned(),
            limits,
            closed: VecDeque::new(),
            open: None,
            next: taken_over + 1,
            taken_over,
            chain: [0; 32],
        };
        let mut recovered = Recovered::default();
        let paths = segment::paths(folder)?;
        for (row, path) in paths.iter().enumerate() {
            let is_newest = row + 1 == paths.len();
            let scanned = segment::scan(path)?;
            buffer.take_in(scanned, is_newest, &mut recovered)?;
        }
        Ok((buffer, recovered))
    }

    /// Makes a scanned segment part of the queue; what is wrong with it is told.
    fn take_in(&mut self, scanned: Scanned, is_newest: bool, told: &mut Recovered) -> Result<(), BufferError> {
        let Scanned { segment, bad, after_bad } = scanned;
        if segment.first > self.next {
            told.damaged.push(Missing { first: self.next, last: segment.first - 1 });
        }
        match bad {
            None => {}
            // Only the newest end can have been interrupted while it was written.
            Some(at) if is_newest && after_bad == 0 => told.torn_bytes += segment::cut(&segment.path, at)?,
            Some(at) => segment::set_aside(&segment.path, at)?,
        }
        self.next = self.next.max(segment.last + 1);
        if let (Some(_), true) = (bad, after_bad > 0) {
            let last = segment.last + after_bad;
            told.damaged.push(Missing { first: segment.last + 1, last });
            self.next = last + 1;
        }
        self.chain = segment.chain;
        if segment.last >= segment.first {
            self.closed.push_back(segment);
        } else {
            fs::remove_file(&segment.path).map_err(failed(&segment.path, "removing an empty segment"))?;
        }
        Ok(())
    }

    /// Number of the newest report; 0 before the first.
    #[must_use]
    pub const fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Everything up to this number was taken over.
    #[must_use]
    pub const fn taken_over(&self) -> u64 {
        self.taken_over
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|segment| segment.bytes).sum();
        closed + self.open.as_ref().map_or(0, |open| open.segment.bytes)
    }

    /// Puts a report at the end and gives its number, and the numbers that had to be dropped to make room. It is safe
    /// from the end of the process at once, and from the end of power after [`Buffer::sync`].
    ///
    /// # Errors
    /// When the report is too large or the disk does not take it; then it has no number.
    pub fn append(&mut self, report: &[u8]) -> Result<(u64, Option<Missing>), BufferError> {
        if report.len() > REPORT_BYTES_MAX {
            return Err(BufferError::TooLarge { bytes: report.len() });
        }
        let number = self.next;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Writer::create(&self.folder, number, self.chain)?,
        };
        let written = open.append(number, report);
        // A write that failed half-way leaves bytes behind: nothing more goes into that file.
        let healthy = written.is_ok();
        self.chain = open.segment.chain;
        if healthy && open.segment.bytes < self.limits.segment_bytes {
            self.open = Some(open);
        } else {
            self.closed.push_back(open.close()?);
        }
        written?;
        self.next += 1;
        Ok((number, self.make_room()?))
    }

    /// Drops the oldest segments until the rest fits.
    fn make_room(&mut self) -> Result<Option<Missing>, BufferError> {
        let mut dropped: Option<Missing> = None;
        while self.bytes() > self.limits.bytes_max {
            let Some(oldest) = self.closed.pop_front() else { break };
            fs::remove_file(&oldest.path).map_err(failed(&oldest.path, "dropping the oldest reports"))?;
            let first = oldest.first.max(self.taken_over + 1);
            if first <= oldest.last {
                dropped = Some(Missing { first: dropped.map_or(first, |it| it.first), last: oldest.last });
            }
        }
        if let Some(gone) = dropped {
            self.set_taken_over(gone.last)?;
        }
        Ok(dropped)
    }

    /// Forces what was appended onto the disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&mut self) -> Result<(), BufferError> {
        self.open.as_mut().map_or(Ok(()), Writer::sync)
    }

    /// Reports from a number on, oldest first, up to about so many bytes and at least one when there is one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, BufferError> {
        let from = from.max(self.taken_over + 1);
        let mut found = Vec::new();
        let mut bytes = 0;
        for segment in self.closed.iter().chain(self.open.as_ref().map(|open| &open.segment)) {
            if segment.last < from {
                continue;
            }
            segment.read(from, |number, report| {
                bytes += report.len();
                found.push((number, report));
                bytes < bytes_max
            })?;
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(found)
    }

    /// Says that everything up to a number is durable elsewhere; what is not needed any more leaves the disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn take_over(&mut self, number: u64) -> Result<(), BufferError> {
        let number = number.min(self.newest());
        if number <= self.taken_over {
            return Ok(());
        }
        self.set_taken_over(number)?;
        while self.closed.front().is_some_and(|segment| segment.last <= number) {
            if let Some(segment) = self.closed.pop_front() {
                fs::remove_file(&segment.path).map_err(failed(&segment.path, "removing what was taken over"))?;
            }
        }
        Ok(())
    }

    fn set_taken_over(&mut self, number: u64) -> Result<(), BufferError> {
        let path = self.folder.join(CURSOR_FILE);
        let new = self.folder.join("taken-over.new");
        fs::write(&new, number.to_string()).map_err(failed(&new, "writing how far was taken over"))?;
        fs::rename(&new, &path).map_err(failed(&path, "writing how far was taken over"))?;
        self.taken_over = number;
        Ok(())
    }
}

fn read_cursor(folder: &Path) -> Result<u64, BufferError> {
    let path = folder.join(CURSOR_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| BufferError::Cursor { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed(&path, "reading how far was taken over")(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque as Model;

    use proptest::prelude::*;

    use super::*;

    const SMALL: BufferLimits = BufferLimits { bytes_max: 4_000, segment_bytes: 400 };

    fn open(folder: &Path) -> (Buffer, Recovered) {
        Buffer::open(folder, SMALL).unwrap()
    }

    fn all(buffer: &Buffer) -> Vec<(u64, Vec<u8>)> {
        buffer.read(0, usize::MAX).unwrap()
    }

    #[derive(Debug, Clone)]
    enum Act {
        Append(Vec<u8>),
        TakeOver(u64),
        Reopen,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..120).prop_map(Act::Append),
            1 => (0..60_u64).prop_map(Act::TakeOver),
            1 => Just(Act::Reopen),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn it_gives_back_in_order_what_it_was_given_and_names_what_it_dropped(acts in prop::collection::vec(act(), 1..80)) {
            let folder = tempfile::tempdir().unwrap();
            let mut buffer = open(folder.path()).0;
            let (mut model, mut next): (Model<(u64, Vec<u8>)>, u64) = (Model::new(), 1);
            for act in acts {
                match act {
                    Act::Append(report) => {
                        let (number, dropped) = buffer.append(&report).unwrap();
                        prop_assert_eq!(number, next);
                        model.push_back((next, report));
                        next += 1;
                        if let Some(dropped) = dropped {
                            prop_assert_eq!(model.front().map(|(number, _)| *number), Some(dropped.first));
                            model.retain(|(number, _)| *number > dropped.last);
                        }
                    }
                    Act::TakeOver(number) => {
                        buffer.take_over(number).unwrap();
                        model.retain(|(one, _)| *one > number);
                    }
                    Act::Reopen => {
                        drop(buffer);
                        let (again, recovered) = open(folder.path());
                        prop_assert_eq!(recovered, Recovered::default());
                        buffer = again;
                    }
                }
                prop_assert_eq!(all(&buffer), Vec::from(model.clone()));
                prop_assert!(buffer.bytes() <= SMALL.bytes_max);
            }
        }

        #[test]
        fn a_changed_byte_is_named_and_costs_no_other_segment(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let folder = tempfile::tempdir().unwrap();
            let mut buffer = open(folder.path()).0;
            let given: Vec<_> = (1..=24_u64).map(|number| (number, vec![u8::try_from(number).unwrap(); 60])).collect();
            for (_, report) in &given {
                buffer.append(report).unwrap();
            }
            drop(buffer);
            let paths = segment::paths(folder.path()).unwrap();
            prop_assert!(paths.len() > 3);
            let path = &paths[1];
            let mut bytes = fs::read(path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            fs::write(path, bytes).unwrap();
            let (buffer, recovered) = open(folder.path());
            let read = all(&buffer);
            let lost: Vec<u64> = recovered.damaged.iter().flat_map(|it| it.first..=it.last).collect();
            prop_assert!(!lost.is_empty());
            let kept: Vec<_> = given.into_iter().filter(|(number, _)| !lost.contains(number)).collect();
            prop_assert_eq!(read, kept);
            prop_assert!(lost.len() <= 6);
        }
    }

    #[test]
    fn a_torn_end_is_cut_and_the_queue_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = open(folder.path()).0;
        buffer.append(b"first").unwrap();
        buffer.append(b"second").unwrap();
        drop(buffer);
        let path = segment::paths(folder.path()).unwrap().pop().unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let (mut buffer, recovered) = open(folder.path());
        assert!(recovered.torn_bytes > 0 && recovered.damaged.is_empty(), "{recovered:?}");
        assert_eq!(buffer.append(b"third").unwrap(), (2, None));
        assert_eq!(all(&buffer), [(1, b"first".to_vec()), (2, b"third".to_vec())]);
        drop(buffer);
        assert_eq!(open(folder.path()).1, Recovered::default());
    }

    #[test]
    fn numbers_go_on_after_everything_was_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = open(folder.path()).0;
        for report in [b"a", b"b", b"c"] {
            buffer.append(report).unwrap();
        }
        buffer.sync().unwrap();
        buffer.take_over(3).unwrap();
        drop(buffer);
        let mut buffer = open(folder.path()).0;
        assert_eq!((buffer.taken_over(), buffer.append(b"d").unwrap().0), (3, 4));
        assert!(matches!(buffer.append(&vec![0; REPORT_BYTES_MAX + 1]), Err(BufferError::TooLarge { .. })));
        fs::write(folder.path().join(CURSOR_FILE), "many").unwrap();
        assert!(matches!(Buffer::open(folder.path(), SMALL), Err(BufferError::Cursor { .. })));
    }
}
