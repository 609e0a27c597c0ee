//! The composition root: what starts when `mes serve` runs, in order, and what stops with it.
//!
//! Keys, lock and database, replay, outcomes that a crash left unknown, the writer, sealing, checkpoints, drivers. The web server and
//! the local socket are started by whoever wants them. It wires; no rule lives here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use mes_core::{
    access::{Policies, PoliciesError},
    clock::{Clock, Timestamp},
    engine::{Engine, EngineError, Input, Note},
    journal::{FacilityKey, KeyError, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, Purpose, Salts},
    store::{PAGE_ROWS_MAX, SqliteStore, Store, StoreError, check_logs, check_newest_checkpoint},
};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};

use crate::{
    checkpointing::Checkpointer,
    config::{Config, DriversIn},
    device_figures::DeviceFigures,
    device_trust,
    drivers::{Drivers, Links},
    engine_task::{self, FieldSide, Writer},
    file_drop::FileDrop,
    gateway::{self, Door, DoorError, Inside},
    planner::Planner,
    records_taken::RecordsTaken,
    sealing::Sealing,
};

/// Driver reports that may wait for the writer.
const REPORTS_WAITING_MAX: usize = equipment_drivers::REPORTS_WAITING_MAX;

/// How often it is looked whether a certificate has passed a threshold of its end.
const ENDS_LOOKED_AT_EVERY: Duration = Duration::from_secs(3_600);

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data folder cannot be made.
    #[error("the data folder {path} cannot be made; choose another one or its permissions")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The checkpoint key cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policies cannot be used.
    #[error("the access policies")]
    Policies(#[from] PoliciesError),
    /// The journal cannot be replayed.
    #[error("replaying the journal")]
    Replay(#[from] EngineError),
    /// The journal was made for another purpose.
    #[error(
        "the journal in {folder} is for {found:?}, the configuration says {wanted:?}: a journal's purpose is fixed for ever; \
         use another data folder"
    )]
    Purpose {
        /// The folder.
        folder: PathBuf,
        /// What the journal is for.
        found: Purpose,
        /// What was asked for.
        wanted: Purpose,
    },
    /// The gateway cannot be let in.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The gateway follows the wall clock.
    #[error(
        "the facility's clock runs at {0} times the wall clock, the gateway follows the wall clock: set the rate to 1"
    )]
    GatewayRate(u32),
    /// The journal did not take its first entries.
    #[error("the journal did not take an entry of its own: {0}")]
    Refused(String),
}

/// How the process treats time and equipment.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// For a new journal that is not for production: where facility time starts; now when missing.
    pub facility_time: Option<Timestamp>,
    /// Run the drivers.
    pub drivers: bool,
}

/// A running facility, without its web server.
pub struct App {
    /// What it was started with.
    pub config: Config,
    /// Facility time.
    pub clock: Clock,
    /// The way to the writer.
    pub writer: Writer,
    /// Reads of history.
    pub store: Arc<SqliteStore>,
    /// Signs checkpoints and packages.
    pub key: Arc<FacilityKey>,
    /// Makes checkpoints.
    pub checkpointer: Arc<Checkpointer>,
    /// The policies, for pages that hide what cannot be done.
    pub policies: Arc<Policies>,
    /// Keeps the newest proposal of a plan.
    pub planner: Arc<Planner>,
    tasks: Vec<JoinHandle<()>>,
    writer_task: JoinHandle<()>,
    /// What was counted on the links.
    pub figures: DeviceFigures,
    /// The running links.
    pub links: watch::Receiver<Arc<Links>>,
    drivers: Arc<Mutex<Drivers>>,
    gateway: Option<Inside>,
}

impl App {
    /// Opens the journal and starts everything but the web server.
    pub async fn open(config: Config, start: Start) -> Result<Self, AppError> {
        let folder = |path: PathBuf| move |source| AppError::Folder { path, source };
        std::fs::create_dir_all(&config.data).map_err(folder(config.data.clone()))?;
        // The lock comes first: a second process must touch nothing.
        let store = Arc::new(SqliteStore::open(&config.database()).await?);
        let key = Arc::new(facility_key(&config)?);
        let policies = Arc::new(Policies::load()?);
        let mut salt_seed = [0; 32];
        crate::random::fill(&mut salt_seed);
        let engine = replay(&store, Arc::clone(&policies), Salts::new(salt_seed)).await?;
        check_newest_checkpoint(store.as_ref(), &key.public()).await?;
        let clock = clock_of(&engine, &config, &start)?;
        let (links, links_seen) = watch::channel(Arc::<Links>::default());
        let (report, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let (deliveries, delivered) = mpsc::channel(REPORTS_WAITING_MAX);
        let (durable_now, durable) = watch::channel(store.forwarded().await?);
        let links_read = links_seen.clone();
        let field = FieldSide { links: links_seen, reports, deliveries: delivered, durable: durable_now };
        let fresh = engine.is_empty();
        let (writer, writer_task) = engine_task::start(engine, Arc::clone(&store), clock.clone(), field);
        if fresh {
            let opened = Note::Opened {
                purpose: config.purpose,
                wall_time: Clock::system_now(),
                key: key.public().fingerprint(),
            };
            enter(&writer, opened).await?;
        }
        enter(&writer, Note::Started { wall_time: Clock::system_now() }).await?;
        let checkpointer = Arc::new(Checkpointer::new(Arc::clone(&store), Arc::clone(&key), writer.clone()));
        let mut drivers = Drivers::new(config.clone(), clock.clone(), report, links);
        drivers.go_on_after(RecordsTaken::Core(Arc::clone(&store), writer.views()));
        let drivers = Arc::new(Mutex::new(drivers));
        let (tasks, planner) = (Vec::new(), Arc::default());
        let gateway = Some(Inside { deliveries, durable, views: writer.views() });
        let mut app = Self {
            config,
            clock,
            writer,
            store,
            key,
            checkpointer,
            policies,
            planner,
            figures: DeviceFigures::default(),
            links: links_read,
            tasks,
            writer_task,
            drivers,
            gateway,
        };
        app.start_tasks().await?;
        match (start.drivers, app.config.drivers) {
            (true, DriversIn::Serve) => app.run_drivers().await,
            (true, DriversIn::Gateway) => {
                app.watch_folders();
                app.let_gateway_in().await?;
            }
            (false, _) => {}
        }
        Ok(app)
    }

    async fn start_tasks(&mut self) -> Result<(), AppError> {
        let every = Duration::from_secs(self.config.checkpoint_s.max(1));
        self.tasks.push(tokio::spawn(Arc::clone(&self.checkpointer).run(every)));
        let (planner, views) = (Arc::clone(&self.planner), self.writer.views());
        self.tasks.push(tokio::spawn(async move { planner.watch(views).await }));
        self.follow_decisions_on_trust();
        self.tell_of_ends();
        let mut sealing = Sealing::resume(&self.store, &self.writer.view()).await?;
        let (writer, store) = (self.writer.clone(), Arc::clone(&self.store));
        let mut views = writer.views();
        self.tasks.push(tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let view = Arc::clone(&views.borrow_and_update());
                if let Err(error) = sealing.seal_due(&writer, &store, &view).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "samples could not be sealed");
                }
            }
        }));
        Ok(())
    }

    /// Keeps the trust list as the decisions on record say, whenever one is made or a device shows a certificate.
    fn follow_decisions_on_trust(&mut self) {
        let (pki, links, mut views) = (self.config.pki(), self.links.clone(), self.writer.views());
        self.tasks.push(tokio::spawn(async move {
            let mut followed = None;
            loop {
                let view = Arc::clone(&views.borrow_and_update());
                let seen = Some((Arc::clone(&view.certificates), Arc::clone(&view.links)));
                if followed != seen {
                    let links = Arc::clone(&links.borrow());
                    device_trust::follow(&pki, &view, &links);
                    followed = seen;
                }
                if views.changed().await.is_err() {
                    break;
                }
            }
        }));
    }

    /// Watches the folders of closed devices: a file waits where it is, so that is done here also where a gateway runs the drivers.
    fn watch_folders(&mut self) {
        let drop = FileDrop::new(self.writer.clone(), self.clock.clone(), self.config.data.clone());
        self.tasks.push(tokio::spawn(drop.run()));
    }

    /// Enters that a certificate ends soon, when it passes a threshold: at the start, and as the wall clock goes on.
    fn tell_of_ends(&mut self) {
        let (pki, writer) = (self.config.pki(), self.writer.clone());
        self.tasks.push(tokio::spawn(async move {
            let mut looks = tokio::time::interval(ENDS_LOOKED_AT_EVERY);
            looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                match device_trust::untold(&pki, &writer.view(), Clock::system_now()) {
                    Ok(all) => {
                        for note in all {
                            if let Err(error) = enter(&writer, note).await {
                                tracing::error!(error = &error as &dyn std::error::Error, "the end of a certificate");
                            }
                        }
                    }
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::error!(error, "whether a certificate ends soon cannot be told");
                    }
                }
            }
        }));
    }

    /// Runs the drivers, and lets them follow the facility: only what a change concerns is started anew.
    pub async fn run_drivers(&mut self) {
        self.watch_folders();
        let mut views = self.writer.views();
        let mut followed = Arc::clone(&views.borrow_and_update().facility);
        self.drivers.lock().await.follow(&followed).await;
        let drivers = Arc::clone(&self.drivers);
        self.tasks.push(tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let facility = Arc::clone(&views.borrow_and_update().facility);
                if facility != followed {
                    drivers.lock().await.follow(&facility).await;
                    followed = facility;
                }
            }
        }));
    }

    /// Lets the gateway in, which runs the drivers in a process of its own.
    async fn let_gateway_in(&mut self) -> Result<(), AppError> {
        if self.clock.rate() != 1 {
            return Err(AppError::GatewayRate(self.clock.rate()));
        }
        if let Some(inside) = self.gateway.take() {
            let (door, task) = Door::open(gateway::socket(&self.config), self.clock.clone(), inside)?;
            self.tasks.push(task);
            self.drivers.lock().await.leave_to(door);
        }
        Ok(())
    }

    /// Stops in order: drivers, tasks, a last checkpoint, the writer, the database.
    pub async fn stop(self) {
        self.drivers.lock().await.stop().await;
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        // What the drivers said last is entered first, so that the last checkpoint covers it: nothing after it could be cut off unseen.
        let _ = self.writer.decide(Input::Tick).await;
        if let Err(error) = self.checkpointer.make().await {
            tracing::error!(error = &error as &dyn std::error::Error, "no last checkpoint");
        }
        drop(self.checkpointer);
        drop(self.writer);
        let _ = self.writer_task.await;
    }
}

async fn enter(writer: &Writer, note: Note) -> Result<(), AppError> {
    match writer.decide(Input::Note(note)).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(rejection)) => Err(AppError::Refused(rejection.to_string())),
        None => Err(AppError::Refused("the writer has stopped".to_owned())),
    }
}

/// The facility's checkpoint key; made when there is none and the journal is new.
fn facility_key(config: &Config) -> Result<FacilityKey, AppError> {
    let exists = config.data.join(PRIVATE_KEY_FILE).exists() || config.data.join(PUBLIC_KEY_FILE).exists();
    if !exists {
        let mut secret = [0; 32];
        crate::random::fill(&mut secret);
        FacilityKey::from_secret(&secret).create_files(&config.data)?;
    }
    Ok(FacilityKey::load(&config.data)?)
}

/// Follows the whole journal, and checks that the trees over it lead to the roots of its entries: a change of the newest entry of a
/// stream breaks no chain, but it breaks the tree.
pub async fn replay(store: &SqliteStore, policies: Arc<Policies>, salts: Salts) -> Result<Engine, AppError> {
    let mut engine = Engine::new(policies, salts);
    let mut after = 0;
    loop {
        let page = store.entries(after, PAGE_ROWS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for stored in &page {
            engine.replay(&stored.entry)?;
        }
    }
    check_logs(store, engine.sequencer()).await?;
    Ok(engine)
}

/// Production follows the wall clock. Everything else goes on where its journal stopped.
fn clock_of(engine: &Engine, config: &Config, start: &Start) -> Result<Clock, AppError> {
    match engine.purpose() {
        Some(found) if found != config.purpose => {
            Err(AppError::Purpose { folder: config.data.clone(), found, wanted: config.purpose })
        }
        _ if config.purpose.is_production() => Ok(Clock::real()),
        _ => {
            let resumed = engine.last_time().or(start.facility_time).unwrap_or_else(Clock::system_now);
            Ok(Clock::starting_at(resumed, engine.rate()))
        }
    }
}
