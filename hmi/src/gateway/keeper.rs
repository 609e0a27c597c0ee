//! The gateway's side: runs the drivers, keeps what they report on disk, and hands it to the core when it is there.
//!
//! It starts its devices without the core, from what the core last told it. It judges no value.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use equipment_drivers::{
    DriverReport, REPORTS_WAITING_MAX,
    buffer::{BufferError, BufferLimits},
};
use mes_core::{
    clock::{Clock, Timestamp},
    engine::LinkReport,
    tenant::Facility,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::BufReader,
    net::UnixStream,
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

use super::{
    GATEWAY_FOLDER, GATEWAY_VERSION, Numbered, ToCore, ToGateway, hear,
    queues::{Queues, unpacked},
    say, socket,
};
use crate::{
    config::Config,
    drivers::{Drivers, Links},
    records_taken::{RecordNotes, RecordsTaken},
};

/// The core is looked for this often while it is away.
const DIAL_EVERY: Duration = Duration::from_secs(1);
/// What was reported is forced onto the disk this often.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Lines that may wait for the core.
const LINES_WAITING_MAX: usize = 256;
/// Reports of one queue that may be on their way without being durable.
const ON_THE_WAY_MAX: u64 = 512;
/// Bytes read from a queue at once.
const READ_BYTES: usize = 256 << 10;
/// Name of the file with what the core last told.
const TOLD_FILE: &str = "told.json";
/// How often the core is told what was counted.
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// Name of the file with the newest record of each device that measures in records.
const RECORDS_FILE: &str = "records.json";
/// A step of the facility's clock below this is the time that the line took, in milliseconds.
const CLOCK_STEP_MS: i64 = 1_000;

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A file of the gateway cannot be used.
    #[error("{path}: {source}; see to the folder and its permissions")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another gateway uses the folder.
    #[error("another gateway runs on {path}; stop it first")]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The queue of a device cannot be used.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// A report cannot be written down or read back.
    #[error("a report cannot be written down or read back: {0}")]
    Report(#[from] io::Error),
    /// The core does not take this gateway.
    #[error("the core refused: {0}")]
    Refused(String),
}

pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> GatewayError + '_ {
    move |source| GatewayError::File { path: path.to_owned(), source }
}

/// What the core last told, kept for a start without it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    facility: Facility,
    /// Facility time less the system's, in milliseconds.
    ahead_ms: i64,
}

/// What lies in a file; none when there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, GatewayError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| file(path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file(path)(error)),
    }
}

fn write(path: &Path, what: &impl Serialize) -> Result<(), GatewayError> {
    let bytes = serde_json::to_vec(what).map_err(|error| file(path)(error.into()))?;
    let new = path.with_extension("new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).map_err(file(path))
}

impl Told {
    fn clock(&self) -> Clock {
        Clock::starting_at(Clock::system_now().plus_ms(self.ahead_ms), 1)
    }
}

/// A connection to the core.
struct Line {
    to_core: mpsc::Sender<ToCore>,
    from_core: mpsc::Receiver<ToGateway>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Line {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The running gateway.
pub struct Keeper {
    config: Config,
    folder: PathBuf,
    /// Held as long as the gateway runs.
    _lock: fs::File,
    told: Told,
    clock: Clock,
    drivers: Arc<Mutex<Drivers>>,
    links: watch::Receiver<Arc<Links>>,
    reports: mpsc::Receiver<DriverReport>,
    records: Arc<RecordNotes>,
    queues: Queues,
    line: Option<Line>,
}

impl Keeper {
    /// Opens the queues and starts the devices that the core told of last.
    ///
    /// # Errors
    /// When the folder cannot be used, or another gateway uses it.
    pub fn open(config: Config, limits: BufferLimits) -> Result<Self, GatewayError> {
        let folder = config.data.join(GATEWAY_FOLDER);
        fs::create_dir_all(&folder).map_err(file(&folder))?;
        let lock_path = folder.join("lock");
        let lock = fs::File::create(&lock_path).map_err(file(&lock_path))?;
        lock.try_lock().map_err(|_| GatewayError::Taken { path: folder.clone() })?;
        let told: Told = read(&folder.join(TOLD_FILE))?.unwrap_or_default();
        let (report, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let (links, links_seen) = watch::channel(Arc::default());
        let clock = told.clock();
        let notes: BTreeMap<_, _> = read(&folder.join(RECORDS_FILE))?.unwrap_or_default();
        let records = Arc::new(RecordNotes::new(notes));
        let mut drivers = Drivers::new(config.clone(), clock.clone(), report, links);
        drivers.go_on_after(RecordsTaken::Gateway(Arc::clone(&records)));
        let keeper = Self {
            queues: Queues::open(folder.clone(), limits)?,
            config,
            folder,
            _lock: lock,
            told,
            clock,
            drivers: Arc::new(Mutex::new(drivers)),
            links: links_seen,
            reports,
            records,
            line: None,
        };
        keeper.follow();
        Ok(keeper)
    }

    /// Makes the running links those that the core told of. Reports go on being kept meanwhile.
    fn follow(&self) {
        let (drivers, clock) = (Arc::clone(&self.drivers), self.clock.clone());
        let facility = self.told.facility.clone();
        tokio::spawn(async move {
            let mut drivers = drivers.lock().await;
            drivers.set_clock(clock);
            drivers.follow(&facility).await;
        });
    }

    /// Runs until told to stop; what was reported until then is on disk.
    ///
    /// # Errors
    /// When the disk does not take the reports, or the core refuses the gateway for good.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), GatewayError> {
        tokio::pin!(stop);
        let mut sync = tokio::time::interval(SYNC_EVERY);
        let mut dial = tokio::time::interval(DIAL_EVERY);
        let mut count = tokio::time::interval(FIGURES_EVERY);
        count.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        dial.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(report) = self.reports.recv() => {
                    self.keep(report)?;
                    while let Ok(more) = self.reports.try_recv() {
                        self.keep(more)?;
                    }
                }
                said = next(&mut self.line), if self.line.is_some() => match said {
                    Some(said) => self.obey(said)?,
                    None => self.line = None,
                },
                _ = sync.tick() => self.queues.sync()?,
                _ = count.tick() => self.tell_figures(),
                _ = dial.tick(), if self.line.is_none() => self.dial().await,
            }
            self.send()?;
        }
        self.last_words().await
    }

    /// Ends the links and keeps what they say while they end.
    async fn last_words(mut self) -> Result<(), GatewayError> {
        let drivers = Arc::clone(&self.drivers);
        let mut ended = tokio::spawn(async move { drivers.lock().await.stop().await });
        loop {
            tokio::select! {
                _ = &mut ended => break,
                Some(report) = self.reports.recv() => self.keep(report)?,
            }
        }
        while let Ok(report) = self.reports.try_recv() {
            self.keep(report)?;
        }
        self.queues.sync()
    }

    fn keep(&mut self, report: DriverReport) -> Result<(), GatewayError> {
        if let DriverReport::Samples(samples) = &report {
            self.records.note(samples);
        }
        if let (Some(opened), Some(line)) = (self.queues.keep(report)?, &self.line)
            && line.to_core.try_send(ToCore::Opened(opened)).is_err()
        {
            // The core would not know the queue: the next connection names them all.
            self.line = None;
        }
        // Records are few: each is forced onto the disk before it is noted as taken, so that none is lost and hardly one comes twice.
        match self.records.changed() {
            Some(notes) => {
                self.queues.sync()?;
                write(&self.folder.join(RECORDS_FILE), &notes)
            }
            None => Ok(()),
        }
    }

    /// Says what was counted; it does not matter when there is no room for it now.
    fn tell_figures(&self) {
        if let Some(line) = &self.line {
            let _ = line.to_core.try_send(ToCore::Figures(self.links.borrow().diagnostics()));
        }
    }

    async fn dial(&mut self) {
        let Ok(stream) = UnixStream::connect(socket(&self.config)).await else { return };
        let (read, mut write) = stream.into_split();
        let (to_core, mut lines) = mpsc::channel::<ToCore>(LINES_WAITING_MAX);
        let (heard, from_core) = mpsc::channel(LINES_WAITING_MAX);
        let sources = self.queues.all.values().map(|queue| queue.source.clone()).collect();
        // The line is empty: there is room for the first word.
        let _ = to_core.try_send(ToCore::Hello { version: GATEWAY_VERSION, sources });
        let writes = tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if say(&mut write, &line).await.is_err() {
                    return;
                }
            }
        });
        let reads = tokio::spawn(async move {
            let mut read = BufReader::new(read);
            while let Ok(Some(said)) = hear::<ToGateway>(&mut read).await {
                if heard.send(said).await.is_err() {
                    return;
                }
            }
        });
        self.queues.hold_back();
        self.line = Some(Line { to_core, from_core, tasks: [writes, reads] });
    }

    fn obey(&mut self, said: ToGateway) -> Result<(), GatewayError> {
        match said {
            ToGateway::Welcome { now, durable, facility } => {
                self.queues.begin(&durable)?;
                self.told(*facility, Some(now))?;
                // The core took every link for lost while this gateway was away.
                let links: Vec<LinkReport> = self.queues.all.values().filter_map(|queue| queue.link.clone()).collect();
                links.into_iter().try_for_each(|link| self.keep(DriverReport::Link(LinkReport { at: now, ..link })))
            }
            ToGateway::Facility(facility) => self.told(*facility, None),
            ToGateway::Durable(source, number) => self.queues.take_over(&source, number),
            ToGateway::Write(request) => {
                let links = Arc::clone(&self.links.borrow());
                match links.write(*request, &self.clock) {
                    Ok(()) => Ok(()),
                    Err(outcome) => self.keep(DriverReport::Outcome(*outcome)),
                }
            }
            ToGateway::Reconnect(equipment) => {
                self.links.borrow().reconnect(&equipment);
                Ok(())
            }
            ToGateway::Refused(reason) => Err(GatewayError::Refused(reason)),
        }
    }

    /// Takes over what the core says of the equipment and the time.
    fn told(&mut self, facility: Facility, now: Option<Timestamp>) -> Result<(), GatewayError> {
        let ahead_ms = now.map_or(self.told.ahead_ms, |now| now.since_ms(Clock::system_now()));
        let stepped = (ahead_ms - self.told.ahead_ms).abs() > CLOCK_STEP_MS;
        if facility == self.told.facility && !stepped {
            return Ok(());
        }
        self.told = Told { facility, ahead_ms };
        write(&self.folder.join(TOLD_FILE), &self.told)?;
        if stepped {
            self.clock = self.told.clock();
        }
        self.follow();
        Ok(())
    }

    /// Hands over what waits, as much as may be on its way.
    fn send(&mut self) -> Result<(), GatewayError> {
        let Some(line) = &self.line else { return Ok(()) };
        for queue in self.queues.all.values_mut() {
            while let Some(sent) = queue.sent
                && sent < queue.buffer.newest()
                && sent.saturating_sub(queue.buffer.taken_over()) < ON_THE_WAY_MAX
            {
                let waiting = queue.buffer.read(sent + 1, READ_BYTES)?;
                if waiting.is_empty() {
                    break;
                }
                for (number, bytes) in waiting {
                    let report = Numbered { source: queue.source.clone(), number, report: unpacked(&bytes)? };
                    if line.to_core.try_send(ToCore::Report(Box::new(report))).is_err() {
                        return Ok(());
                    }
                    queue.sent = Some(number);
                }
            }
        }
        Ok(())
    }
}

async fn next(line: &mut Option<Line>) -> Option<ToGateway> {
    line.as_mut()?.from_core.recv().await
}
