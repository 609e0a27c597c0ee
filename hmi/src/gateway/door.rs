//! The core's side: takes the gateway in, passes on what it says, and tells it what is durable.
//!
//! A report that was taken already is not taken again; a number that is missing is named. No value is judged here.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use equipment_drivers::{Diagnostics, DriverReport};
use mes_core::{
    clock::Clock,
    engine::{LinkReport, LinkState, View, WriteOutcome, WriteRequest, WriteResult},
    id::{EquipmentId, TagId},
    journal::EntryId,
    tenant::Facility,
};
use tokio::{
    io::BufReader,
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{mpsc, watch},
};

use super::{GATEWAY_VERSION, Numbered, Source, ToCore, ToGateway, for_drivers, hear, say};
use crate::engine_task::Delivery;

/// Lines that may wait for the gateway.
const LINES_WAITING_MAX: usize = 256;

/// Why no gateway can be taken in.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The socket cannot be opened.
    #[error("the gateway's socket {path} cannot be opened: {source}")]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Where the gateway comes in. At most one is inside.
#[derive(Debug)]
pub struct Door {
    clock: Clock,
    line: Mutex<Option<mpsc::Sender<ToGateway>>>,
    /// Writes that were passed on and have no outcome yet.
    under_way: Mutex<BTreeMap<EntryId, TagId>>,
    /// What the gateway last said that it had counted; nothing while it is away.
    figures: Mutex<BTreeMap<EquipmentId, Diagnostics>>,
}

/// What the door works with.
pub struct Inside {
    /// Where reports go.
    pub deliveries: mpsc::Sender<Delivery>,
    /// What became durable of each queue, from the writer.
    pub durable: watch::Receiver<BTreeMap<String, u64>>,
    /// For the equipment in force.
    pub views: watch::Receiver<Arc<View>>,
}

impl Door {
    /// Opens the door on a socket. It stays open until the task is aborted.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn open(
        path: PathBuf,
        clock: Clock,
        inside: Inside,
    ) -> Result<(Arc<Self>, tokio::task::JoinHandle<()>), DoorError> {
        let wrong = |source| DoorError::Socket { path: path.clone(), source };
        // One left behind by a crash: the database lock says that no other core runs.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path).map_err(wrong)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        let door =
            Arc::new(Self { clock, line: Mutex::default(), under_way: Mutex::default(), figures: Mutex::default() });
        let task = tokio::spawn(Arc::clone(&door).stand(listener, inside));
        Ok((door, task))
    }

    /// Asks for a write. Its outcome comes as a report, or at once as the error when it could not be passed on.
    pub fn write(&self, request: WriteRequest) -> Result<(), Box<WriteOutcome>> {
        let (effect, tag) = (request.effect.clone(), request.tag.clone());
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if self.tell(ToGateway::Write(Box::new(request))) {
            under_way.insert(effect, tag);
            return Ok(());
        }
        let result = WriteResult::NotSent { reason: "the gateway is away".to_owned() };
        Err(Box::new(WriteOutcome { effect, tag, result, before: None, read_back: None, at: self.clock.now() }))
    }

    /// Connects a device anew.
    pub fn reconnect(&self, equipment: &EquipmentId) -> bool {
        self.tell(ToGateway::Reconnect(equipment.clone()))
    }

    /// What was counted of each device, as the gateway last said; nothing while it is away.
    pub fn figures(&self) -> BTreeMap<EquipmentId, Diagnostics> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, what: ToGateway) -> bool {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.as_ref().is_some_and(|line| line.try_send(what).is_ok())
    }

    async fn stand(self: Arc<Self>, listener: UnixListener, mut inside: Inside) {
        let mut taken = Taken::default();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let ended = self.take_in(stream, &mut inside, &mut taken).await;
                    *self.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    self.figures.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    let why = ended.err().map_or_else(|| "it has left".to_owned(), |error| error.to_string());
                    tracing::warn!("the gateway is away: {why}");
                    if self.all_down(&inside, &why).await.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!("the gateway's socket failed: {error}");
                    return;
                }
            }
        }
    }

    /// What the gateway's absence means: no link is known any more, and of no write under way what became of it.
    async fn all_down(&self, inside: &Inside, why: &str) -> Option<()> {
        let equipment: Vec<EquipmentId> = inside.views.borrow().facility.equipment.keys().cloned().collect();
        for equipment in equipment {
            let cause = format!("the gateway is away: {why}");
            let report = LinkReport { equipment, state: LinkState::Disconnected, cause, at: self.clock.now() };
            inside.deliveries.send(Delivery::live(DriverReport::Link(report))).await.ok()?;
        }
        let under_way = std::mem::take(&mut *self.under_way.lock().unwrap_or_else(PoisonError::into_inner));
        for (effect, tag) in under_way {
            let result = WriteResult::Unknown { reason: format!("the gateway is away: {why}") };
            let outcome = WriteOutcome { effect, tag, result, before: None, read_back: None, at: self.clock.now() };
            inside.deliveries.send(Delivery::live(DriverReport::Outcome(outcome))).await.ok()?;
        }
        Some(())
    }

    async fn take_in(&self, stream: UnixStream, inside: &mut Inside, taken: &mut Taken) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        match hear::<ToCore>(&mut read).await? {
            Some(ToCore::Hello { version: GATEWAY_VERSION, sources }) => taken.sources = sources.into_iter().collect(),
            other => {
                let reason = format!("this core speaks version {GATEWAY_VERSION} of the gateway's language");
                say(&mut write, &ToGateway::Refused(reason.clone())).await?;
                return Err(io::Error::other(format!("{reason}; the gateway began with {other:?}")));
            }
        }
        let durable = inside.durable.borrow_and_update().clone();
        for (source, number) in &durable {
            let known = taken.numbers.entry(Source(source.clone())).or_default();
            *known = (*known).max(*number);
        }
        let facility = for_drivers(&inside.views.borrow_and_update().facility);
        let welcome = ToGateway::Welcome {
            now: self.clock.now(),
            durable: durable.clone().into_iter().map(|(source, number)| (Source(source), number)).collect(),
            facility: Box::new(facility.clone()),
        };
        say(&mut write, &welcome).await?;
        let (line, lines) = mpsc::channel(LINES_WAITING_MAX);
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        let told = Told { durable, facility };
        let telling = tokio::spawn(tell_all(write, lines, inside.durable.clone(), inside.views.clone(), told));
        let heard = self.listen(&mut read, inside, taken).await;
        telling.abort();
        heard
    }

    async fn listen(
        &self,
        read: &mut BufReader<tokio::net::unix::OwnedReadHalf>,
        inside: &Inside,
        taken: &mut Taken,
    ) -> io::Result<()> {
        let gone = || io::Error::other("the writer has stopped");
        while let Some(said) = hear::<ToCore>(read).await? {
            match said {
                ToCore::Hello { .. } => return Err(io::Error::other("it said hello twice")),
                ToCore::Opened(source) => drop(taken.sources.insert(source)),
                ToCore::Figures(figures) => *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures,
                ToCore::Report(numbered) => {
                    if let Some(missing) = taken.missing_before(&numbered)
                        && let Some(equipment) = numbered.report.equipment().cloned()
                    {
                        let (at, state) = (self.clock.now(), LinkState::Degraded(missing.clone()));
                        let link = LinkReport { equipment, state, cause: missing, at };
                        inside.deliveries.send(Delivery::live(DriverReport::Link(link))).await.map_err(|_| gone())?;
                    }
                    if let DriverReport::Outcome(outcome) = &numbered.report {
                        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&outcome.effect);
                    }
                    if let Some(delivery) = taken.take(*numbered)? {
                        inside.deliveries.send(delivery).await.map_err(|_| gone())?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What was taken, by queue.
#[derive(Default)]
struct Taken {
    sources: BTreeSet<Source>,
    numbers: BTreeMap<Source, u64>,
    /// Devices of which reports are lost, with the tags that have said so since.
    after_loss: BTreeMap<EquipmentId, BTreeSet<TagId>>,
}

impl Taken {
    /// What to say of the reports before this one that will never come: the queue was full or damaged.
    fn missing_before(&mut self, numbered: &Numbered) -> Option<String> {
        let last = self.numbers.entry(numbered.source.clone()).or_default();
        if numbered.number <= *last + 1 {
            return None;
        }
        let (first, until) = (*last + 1, numbered.number - 1);
        *last = until;
        if let Some(equipment) = numbered.report.equipment() {
            self.after_loss.insert(equipment.clone(), BTreeSet::new());
        }
        Some(format!("the gateway's buffer was full or damaged: reports {first} to {until} are lost"))
    }

    /// A report for the writer; none when it was taken before.
    fn take(&mut self, numbered: Numbered) -> io::Result<Option<Delivery>> {
        let Numbered { source, number, mut report } = numbered;
        if !self.sources.contains(&source) {
            return Err(io::Error::other("a report of a queue that was not named"));
        }
        let last = self.numbers.entry(source.clone()).or_default();
        if number <= *last {
            return Ok(None);
        }
        *last = number;
        let said = report.equipment().and_then(|equipment| self.after_loss.get_mut(equipment));
        if let (Some(said), DriverReport::Samples(samples)) = (said, &mut report) {
            for sample in samples {
                sample.overflow |= said.insert(sample.tag.clone());
            }
        }
        Ok(Some(Delivery { report, from: Some((source.0, number)) }))
    }
}

/// What the gateway was told last.
struct Told {
    durable: BTreeMap<String, u64>,
    facility: Facility,
}

/// Tells the gateway what it has to know, as it comes.
async fn tell_all(
    mut write: OwnedWriteHalf,
    mut lines: mpsc::Receiver<ToGateway>,
    mut durable: watch::Receiver<BTreeMap<String, u64>>,
    mut views: watch::Receiver<Arc<View>>,
    mut told: Told,
) {
    loop {
        let said = tokio::select! {
            line = lines.recv() => match line {
                Some(line) => say(&mut write, &line).await,
                None => return,
            },
            changed = durable.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = durable.borrow_and_update().clone();
                let mut said = Ok(());
                for (source, number) in now.iter().filter(|(source, number)| told.durable.get(*source) != Some(number)) {
                    said = said.and(say(&mut write, &ToGateway::Durable(Source(source.clone()), *number)).await);
                }
                told.durable = now;
                said
            }
            changed = views.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = for_drivers(&views.borrow_and_update().facility);
                if now == told.facility {
                    continue;
                }
                told.facility = now;
                say(&mut write, &ToGateway::Facility(Box::new(told.facility.clone()))).await
            }
        };
        if said.is_err() {
            return;
        }
    }
}
