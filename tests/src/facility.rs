//! A whole facility in one process: simulators, engine, database, web server on a free port. It is built through the same commands as
//! any other, by scripted people.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use hmi::{
    app::{App, Start},
    config::Config,
    demo::{Set, SimulatedPlant, Stage},
    desk::FacilityDesk,
    server,
    web::port::{Desk, QuoteRequest},
};
use mes_core::{
    batch::{BatchCommand, IssueOrder},
    booking::{
        Asked, BookingCommand, BookingStep, Infection, Regime, RiskAnswer, RiskAssessment, RiskQuestion, Stated,
    },
    engine::{Command, View},
    id::{BatchId, BookingId, PersonId, TenantId},
    journal::Purpose,
};
use tokio::sync::oneshot;

use crate::{device::Device, person::Person, team::Team};

/// Longest wait for anything; generous, because nothing is timed.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How far ahead a tenant asks for capacity, in days.
const WINDOW_D: i64 = 60;

/// The facility file of the tests.
pub const FACILITY: &str = include_str!("../facility.yaml");
/// Instruction; a value read over Modbus; a set-point written and read back over OPC UA.
pub const TEST_3: &str = include_str!("../../mes-core/recipes/TEST-3.yaml");
/// The same for the second tenant.
pub static TEST_3_B: LazyLock<String> = LazyLock::new(|| for_tenant_b(TEST_3));
/// Values typed by a person, with a second check.
pub const TEST_COUNT: &str = include_str!("../recipes/TEST-COUNT.yaml");
/// One dose of feed that the device counts.
pub const TEST_FEED: &str = include_str!("../recipes/TEST-FEED.yaml");

/// A closed cell processor, which only writes reports.
pub const TEST_PROCESSOR: &str = include_str!("../recipes/TEST-PROCESSOR.yaml");

/// A recipe of tenant A made one of tenant B: TEST-… becomes TRIAL-….
pub fn for_tenant_b(recipe: &str) -> String {
    let id = recipe.lines().find_map(|line| line.trim().strip_prefix("id: ")).unwrap();
    recipe
        .replacen(&format!("id: {id}"), &format!("id: {}", id.replace("TEST", "TRIAL")), 1)
        .replace("TEN-A", "TEN-B")
        .replace("MSC-100", "MSC-200")
}

/// An empty folder for one test; removed after everything in it has ended.
#[derive(Debug)]
pub struct Place(tempfile::TempDir);

impl Place {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
    /// A path in it.
    pub fn join(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

/// Runs a test with a folder and a runtime of its own. Whatever the test left running ends before the folder goes, also after a
/// failure.
pub fn story(test: impl AsyncFnOnce(&Place)) {
    let place = Place(tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&place))));
    runtime.shutdown_timeout(DEADLINE);
    drop(place);
    if let Err(fault) = told {
        resume_unwind(fault);
    }
}

/// A running facility.
pub struct Facility {
    /// What runs behind the desk.
    pub app: Arc<App>,
    /// Its equipment; outlives the app, as equipment does.
    pub plant: SimulatedPlant,
    /// Where people's commands and questions go.
    pub desk: Arc<dyn Desk>,
    /// The address of its web server.
    pub web: SocketAddr,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Facility {
    /// A facility with TEST-3 of both tenants, its people, and its equipment on line.
    pub async fn start(place: &Place) -> Self {
        Self::start_with(place, &[TEST_3, TEST_3_B.as_str()]).await
    }

    /// A facility with other recipes.
    pub async fn start_with(place: &Place, recipes: &[&str]) -> Self {
        Self::start_as(place, FACILITY, recipes).await
    }

    /// Another facility file, other recipes.
    pub async fn start_as(place: &Place, facility: &str, recipes: &[&str]) -> Self {
        let recipes = recipes.iter().map(ToString::to_string).collect();
        let set = Set { facility: facility.to_owned(), recipes, purpose: Purpose::Validation };
        let config = Config { checkpoint_s: 3_600, ..Config::in_folder(place.join("data"), Purpose::Validation) };
        let Stage { app, plant, cast } = Stage::build(&set, config).await.unwrap();
        drop(cast);
        let facility = Self::around(app, plant).await;
        facility.all_online().await;
        facility
    }

    /// Opens the journal in a data folder again, with the equipment that stood there before.
    pub async fn again(config: Config, plant: SimulatedPlant) -> Self {
        let app = App::open(config, Start { facility_time: None, drivers: true }).await.unwrap();
        Self::around(Arc::new(app), plant).await
    }

    async fn around(app: Arc<App>, plant: SimulatedPlant) -> Self {
        let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let web = listener.local_addr().unwrap();
        let desk: Arc<dyn Desk> = Arc::new(FacilityDesk::new(Arc::clone(&app), None));
        let (stop, stopped) = oneshot::channel();
        let serving = server::serve(listener, Arc::clone(&desk), async {
            let _ = stopped.await;
        });
        let served = tokio::spawn(async move { serving.await.unwrap() });
        Self { app, plant, desk, web, stop, served }
    }

    /// Ends everything but the equipment, in order; gives what is needed to go on.
    pub async fn stop(self) -> (Config, SimulatedPlant) {
        let Self { app, plant, desk, stop, served, .. } = self;
        let _ = stop.send(());
        tokio::time::timeout(DEADLINE, served).await.expect("the web server did not stop").unwrap();
        drop(desk);
        let config = app.config.clone();
        // The task of a connection may end a moment after the server has.
        let alone = async {
            while Arc::strong_count(&app) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, alone).await.expect("somebody still holds the facility");
        let app = Arc::into_inner(app).expect("somebody still holds the facility");
        app.stop().await;
        (config, plant)
    }

    /// The newest view.
    pub fn view(&self) -> Arc<View> {
        self.app.writer.view()
    }

    /// A person at the desk.
    pub fn person(&self, id: &str) -> Person<'_> {
        Person::new(self, id.parse().unwrap())
    }

    /// A piece of equipment.
    pub fn device(&self, id: &str) -> Device<'_> {
        Device::new(self, id.parse().unwrap())
    }

    /// The password of a person, as the stage sets it.
    pub fn password(person: &PersonId) -> String {
        format!("{person}-demo-2026")
    }

    /// Awaits what can be seen on the view.
    pub async fn until<T>(&self, what: &str, mut seen: impl FnMut(&View) -> Option<T>) -> T {
        let mut views = self.app.writer.views();
        let look = async {
            loop {
                if let Some(found) = seen(&views.borrow_and_update()) {
                    return found;
                }
                views.changed().await.expect("the writer has stopped");
            }
        };
        match tokio::time::timeout(DEADLINE, look).await {
            Ok(found) => found,
            Err(_) => panic!("not seen within {DEADLINE:?}: {what}\n{}", self.stand()),
        }
    }

    /// Awaits that something holds.
    pub async fn until_true(&self, what: &str, mut holds: impl FnMut(&View) -> bool) {
        self.until(what, |view| holds(view).then_some(())).await;
    }

    /// Where everything stands, for a failure.
    fn stand(&self) -> String {
        let view = self.view();
        let mut lines = vec![format!("facility time {}, rate {}", view.now, view.rate)];
        lines.extend(view.links.iter().map(|(id, link)| format!("{id}: {:?} ({})", link.state, link.cause)));
        for (id, batch) in view.batches.iter() {
            let runs = batch.phases.iter().map(|(phase, run)| format!("{phase} {:?}", run.status));
            let runs: Vec<String> = runs.collect();
            lines.push(format!("{id}: {:?}, {:?}, {}", batch.lifecycle, batch.state, runs.join(", ")));
        }
        lines.join("\n")
    }

    /// Awaits that all equipment is on line and every tag has a good value.
    pub async fn all_online(&self) {
        self.until_true("all equipment on line", |view| {
            let good = |reading: &mes_core::engine::Reading| reading.sample.quality.is_good();
            !view.readings.is_empty() && view.readings.values().all(good)
        })
        .await;
    }

    /// Sets the rate of facility time.
    pub async fn rate(&self, rate: u32) {
        if self.view().rate != rate {
            self.person("kobayashi").act(Command::SetRate { rate }).await.unwrap();
        }
    }

    /// Quote, request, confirmation and issue of a batch of a recipe by its people; gives the batch.
    pub async fn batch(&self, recipe: &str, number: u32) -> BatchId {
        let (version, tenant) = self.recipe(recipe);
        let team = Team::of(&tenant);
        let booking = self.book(recipe, number).await;
        let window = self.view().bookings[&booking].window.clone();
        let batch = BatchId::parse(format!("{}-{number:03}", tenant.as_str().replace("TEN-", "MSC-"))).unwrap();
        let order = IssueOrder {
            booking,
            recipe: recipe.parse().unwrap(),
            version,
            lot: format!("LOT-{tenant}-{number:03}"),
            coi: format!("COI-{tenant}-{number:04}"),
            suite: window.suite,
            equipment: window.equipment,
        };
        let supervisor = self.person(team.supervisor);
        supervisor.does(&batch, BatchCommand::Issue(Box::new(order))).await.unwrap();
        batch
    }

    /// Quote, request and confirmation of a booking; gives the booking.
    pub async fn book(&self, recipe: &str, number: u32) -> BookingId {
        let (version, tenant) = self.recipe(recipe);
        let booking = BookingId::parse(format!("BK-{}-{number:03}", tenant.as_str().replace("TEN-", ""))).unwrap();
        let planner = self.person(Team::of(&tenant).planner);
        let request = QuoteRequest {
            booking: booking.clone(),
            asked: Asked {
                recipe: recipe.parse().unwrap(),
                version,
                earliest: self.view().now,
                latest: self.view().now.plus_s(WINDOW_D * 86_400),
                series: None,
            },
        };
        self.desk.quote(planner.scope(), request).await.unwrap().unwrap();
        planner.books(&booking, Self::request()).await.unwrap();
        let answers = RiskQuestion::ALL.map(|question| (question, RiskAnswer::Satisfied));
        let risk = RiskAssessment { answers: answers.into(), acceptable: true };
        self.person("tanaka").signs_booking(&booking, BookingStep::RiskAssessment, Some(&risk)).await.unwrap();
        self.person("watanabe").signs_booking(&booking, BookingStep::Approval, None).await.unwrap();
        self.person("nakamura").signs_booking(&booking, BookingStep::Confirmation, None).await.unwrap();
        booking
    }

    /// The request of the first offer of a quote.
    pub fn request() -> BookingCommand {
        let stated =
            Stated { regime: Regime::Gctp, open_handling: false, infection: Infection::Negative, patient_date: None };
        BookingCommand::Request { offer: 0, stated, text: None }
    }

    fn recipe(&self, recipe: &str) -> (u32, TenantId) {
        let view = self.view();
        let found = view.recipes.iter().find(|((id, _), _)| id.as_str() == recipe);
        let ((_, version), master) = found.unwrap_or_else(|| panic!("there is no recipe {recipe}"));
        (*version, master.body.header.tenant.clone())
    }
}
