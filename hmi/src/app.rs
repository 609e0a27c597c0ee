//! The composition root: what starts when `mes serve` runs, in order, and what stops with it.
//!
//! Keys, lock and database, replay, outcomes that a crash left unknown, the writer, sealing, checkpoints, drivers. The web server and
//! the local socket are started by whoever wants them. It wires; no rule lives here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use equipment_drivers::{DeviceConfig, DeviceTag, DriverReport, Fleet, FleetOptions, Secret, Templates};
use mes_core::{
    access::{Policies, PoliciesError},
    clock::{Clock, Timestamp},
    engine::{Engine, EngineError, Input, Note},
    journal::{FacilityKey, KeyError, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, Purpose, Salts},
    store::{PAGE_ROWS_MAX, SqliteStore, Store, StoreError, check_logs, check_newest_checkpoint},
    tenant::Facility,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    checkpointing::Checkpointer,
    config::Config,
    device_secrets::{DeviceSecrets, SecretsError},
    engine_task::{self, Writer},
    planner::Planner,
    sealing::Sealing,
};

/// Driver reports that may wait for the writer.
const REPORTS_WAITING_MAX: usize = equipment_drivers::REPORTS_WAITING_MAX;

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
    /// The secrets of the devices cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The drivers could not be started.
    #[error("the equipment drivers were not started")]
    Fleet(#[from] equipment_drivers::FleetError),
    /// A device template cannot be used.
    #[error("device templates")]
    Template(#[from] equipment_drivers::TemplateError),
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
    fleet: watch::Sender<Option<Arc<Fleet>>>,
    report: mpsc::Sender<DriverReport>,
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
        let (fleet, fleet_seen) = watch::channel(None);
        let (report, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let fresh = engine.is_empty();
        let (writer, writer_task) = engine_task::start(engine, Arc::clone(&store), clock.clone(), fleet_seen, reports);
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
        let (tasks, planner) = (Vec::new(), Arc::default());
        let mut app = Self {
            config,
            clock,
            writer,
            store,
            key,
            checkpointer,
            policies,
            planner,
            tasks,
            writer_task,
            fleet,
            report,
        };
        app.start_tasks().await?;
        if start.drivers {
            app.run_drivers().await?;
        }
        Ok(app)
    }

    async fn start_tasks(&mut self) -> Result<(), AppError> {
        let every = Duration::from_secs(self.config.checkpoint_s.max(1));
        self.tasks.push(tokio::spawn(Arc::clone(&self.checkpointer).run(every)));
        let (planner, views) = (Arc::clone(&self.planner), self.writer.views());
        self.tasks.push(tokio::spawn(async move { planner.watch(views).await }));
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

    /// Runs the drivers, and starts them anew whenever the facility's equipment changes.
    pub async fn run_drivers(&mut self) -> Result<(), AppError> {
        let templates = Templates::built_in()?;
        let report = self.report.clone();
        let drivers = Drivers { config: self.config.clone(), clock: self.clock.clone(), templates, report };
        let mut views = self.writer.views();
        let mut equipment = views.borrow_and_update().facility.equipment.clone();
        self.fleet.send_replace(Some(Arc::new(drivers.start(&self.writer.view().facility).await?)));
        let fleet = self.fleet.clone();
        self.tasks.push(tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let view = Arc::clone(&views.borrow_and_update());
                if view.facility.equipment == equipment {
                    continue;
                }
                equipment.clone_from(&view.facility.equipment);
                if let Some(old) = fleet.send_replace(None) {
                    old.shutdown().await;
                }
                match drivers.start(&view.facility).await {
                    Ok(new) => drop(fleet.send_replace(Some(Arc::new(new)))),
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "the drivers were not started; correct the facility"
                        );
                    }
                }
            }
        }));
        Ok(())
    }

    /// Stops in order: drivers, tasks, a last checkpoint, the writer, the database.
    pub async fn stop(self) {
        let fleet = self.fleet.send_replace(None);
        if let Some(fleet) = fleet {
            fleet.shutdown().await;
        }
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
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

/// A tag as the facility narrows it.
fn device_tag(tag: &mes_core::tenant::Tag) -> DeviceTag {
    DeviceTag {
        name: tag.name.clone(),
        unit: tag.unit.clone(),
        range: tag.limits.range.clone(),
        stale_after_s: tag.limits.stale_after_s,
    }
}

struct Drivers {
    config: Config,
    clock: Clock,
    templates: Templates,
    report: mpsc::Sender<DriverReport>,
}

impl Drivers {
    async fn start(&self, facility: &Facility) -> Result<Fleet, AppError> {
        let secrets = DeviceSecrets::load(&self.config.data)?;
        let devices = facility
            .equipment
            .values()
            .map(|unit| {
                let mut device =
                    DeviceConfig::new(unit.id.clone(), unit.link.template.clone(), unit.link.address.clone());
                device.unit_id = unit.link.unit_id;
                device.user.clone_from(&unit.link.user);
                device.secret = secrets.of(&unit.id).map(Secret::new);
                device.with_tags(unit.tags.iter().map(device_tag).collect())
            })
            .collect();
        let mut seed = [0; 8];
        crate::random::fill(&mut seed);
        let options = FleetOptions { pki_dir: self.config.pki(), jitter_seed: u64::from_le_bytes(seed) };
        Ok(Fleet::start(devices, &self.templates, self.clock.clone(), self.report.clone(), options).await?)
    }
}
