//! Sets the demo's stage: simulators, the first facility, passwords, recipes with their approvals, bookings, issued batches.
//!
//! All of it goes through the commands that people use; the only shortcut is that the people are scripted.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use equipment_drivers::{PkiError, SimError, TrustList};
use mes_core::{
    access::Rejection,
    batch::{BatchCommand, IssueOrder},
    booking::Asked,
    clock::{Clock, Timestamp},
    engine::Command,
    id::{BatchId, BookingId, IdError, ItemId, PersonId, PhaseId, TenantId},
    isa88::{Approval, RecipeErrors, load_recipe},
    journal::Purpose,
    quantity::parse_decimal,
    tenant::{FacilityItem, FacilityReadError, difference},
};
use tokio::sync::Notify;

use super::{
    Demo, RATE_FAST, SimulatedPlant,
    colleagues::Script,
    work::{Cast, CastError},
};
use crate::{
    admin::{Login, first_facility},
    app::{App, AppError, Start},
    config::Config,
    device_secrets::{DeviceSecrets, SecretsError},
    device_templates,
    web::port::QuoteRequest,
};

const FACILITY_YAML: &str = include_str!("../../demo/facility.yaml");
const RECIPES: [&str; 2] = [
    include_str!("../../../mes-core/recipes/MBR-MSC-001-S.yaml"),
    include_str!("../../../mes-core/recipes/MBR-MSC-002-S.yaml"),
];
/// How long before the wall clock's time a demo's facility time starts, in days: room to run fast.
const PAST_D: i64 = 120;
/// How long a demo batch may take from its release to its end, in days.
const WINDOW_D: i64 = 30;
/// The phase that is left to the viewer: the bioreactor's set-points.
const VIEWER_PHASE: &str = "P070";
/// The item that is out of range in tenant A's first batch, and the value.
const OUT_OF_RANGE: (&str, &str) = ("harvest_viability", "78.0");

/// How the demo is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for the database, the keys and the simulators' certificates.
    pub data: PathBuf,
    /// Address of the web server, for the addresses printed.
    pub listen: SocketAddr,
    /// How many batches; they alternate between the tenants.
    pub batches: u32,
    /// Leave tenant B's first batch to a viewer at the bioreactor.
    pub viewer: bool,
}

/// Why the demo could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The facility could not be opened.
    #[error(transparent)]
    App(#[from] AppError),
    /// A simulator did not start.
    #[error(transparent)]
    Simulator(#[from] SimError),
    /// A simulator's certificate could not be trusted.
    #[error(transparent)]
    Trust(#[from] PkiError),
    /// The device passwords could not be written.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The demo's facility file has a fault.
    #[error("the demo's facility file")]
    Facility(#[from] FacilityReadError),
    /// A demo recipe has faults.
    #[error("a demo recipe")]
    Recipe(#[from] RecipeErrors),
    /// An id of the demo's own is malformed.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A scripted person was refused.
    #[error("a scripted person was refused: {0}")]
    Refused(#[from] Rejection),
    /// The first facility was refused.
    #[error("the demo's facility was refused: {0}")]
    FirstFacility(String),
    /// The script itself failed.
    #[error(transparent)]
    Cast(#[from] CastError),
}

/// What a stage is made of.
#[derive(Debug, Clone)]
pub struct Set {
    /// The facility file.
    pub facility: String,
    /// Recipe files, to be submitted and approved.
    pub recipes: Vec<String>,
    /// What the journal is for; never production.
    pub purpose: Purpose,
}

impl Set {
    /// The demo's own.
    pub fn demo() -> Self {
        Self {
            facility: FACILITY_YAML.to_owned(),
            recipes: RECIPES.iter().map(ToString::to_string).collect(),
            purpose: Purpose::Demo,
        }
    }
}

/// A facility with its simulators and its scripted people, ready to act.
pub struct Stage {
    /// The facility.
    pub app: Arc<App>,
    /// The equipment.
    pub plant: SimulatedPlant,
    /// The people.
    pub cast: Cast,
}

impl Stage {
    /// Simulators, the first facility, passwords, drivers, recipes with their approvals.
    pub async fn build(set: &Set, config: Config) -> Result<Self, DemoError> {
        let mut items = device_templates::read_file(&set.facility)?;
        let started = Clock::system_now().plus_s(-PAST_D * 86_400);
        let config = Config { purpose: set.purpose, ..config };
        let mut app = App::open(config, Start { facility_time: Some(started), drivers: false }).await?;
        let plant = SimulatedPlant::start(&mut items, &app.clock, &app.config.data.join("simulators")).await?;
        DeviceSecrets::write(&app.config.data, &plant.secrets)?;
        for (_, certificate) in plant.certificates() {
            TrustList::open(&app.config.pki())?.trust_file(&certificate)?;
        }
        let passwords = passwords(&items);
        adopt(&app, items, &passwords).await?;
        app.run_drivers().await;
        let app = Arc::new(app);
        let cast = Cast::new(Arc::clone(&app), passwords);
        approve_recipes(&cast, &set.recipes).await?;
        Ok(Self { app, plant, cast })
    }
}

/// Sets the demo's stage. The colleagues do not act yet.
pub async fn set_up(options: &Options) -> Result<(Arc<App>, Arc<Demo>), DemoError> {
    let config = Config { listen: options.listen, ..Config::in_folder(options.data.clone(), Purpose::Demo) };
    let Stage { app, plant, cast } = Stage::build(&Set::demo(), config).await?;
    cast.set_rate(RATE_FAST).await?;
    let scripts = book_and_issue(&cast, options).await?;
    let demo = Demo {
        plant,
        scripts,
        passwords: cast.passwords().clone(),
        colleagues_on: AtomicBool::new(true),
        switched: Notify::new(),
        address: format!("localhost:{}", options.listen.port()),
    };
    Ok((app, Arc::new(demo)))
}

/// The printed passwords: a demo's are no secret, and its journal says for ever that it is a demo.
fn passwords(items: &[FacilityItem]) -> BTreeMap<PersonId, String> {
    let person = |item: &FacilityItem| match item {
        FacilityItem::Person(person) => Some((person.id.clone(), format!("{}-demo-2026", person.id))),
        _ => None,
    };
    items.iter().filter_map(person).collect()
}

async fn adopt(app: &App, items: Vec<FacilityItem>, passwords: &BTreeMap<PersonId, String>) -> Result<(), DemoError> {
    let login = |person: &str| -> Result<Login, IdError> {
        let person: PersonId = person.parse()?;
        Ok(Login { password: passwords.get(&person).cloned().unwrap_or_default(), person })
    };
    let changes = difference(&app.writer.view().facility, items);
    let (by, approver) = (login("nakamura")?, login("watanabe")?);
    let given = BTreeSet::from([by.person.clone(), approver.person.clone()]);
    first_facility(app, changes, "CHG-first".parse()?, by, approver).await.map_err(DemoError::FirstFacility)?;
    let administrator: PersonId = "kobayashi".parse()?;
    for (person, password) in passwords.iter().filter(|(person, _)| !given.contains(*person)) {
        crate::credentials::set(app, person, password.clone(), Some(&administrator)).await?;
    }
    Ok(())
}

async fn approve_recipes(cast: &Cast, recipes: &[String]) -> Result<(), DemoError> {
    for text in recipes {
        let body = load_recipe(text)?.body().clone();
        let (id, version) = (body.header.id.clone(), body.header.version);
        let [author, production, quality] = match body.header.tenant.as_str() {
            "TEN-A" => ["aida", "tanaka", "watanabe"],
            _ => ["bito", "bessho", "watanabe"],
        };
        cast.act(&author.parse()?, Command::SubmitRecipe { body: Box::new(body) }).await?;
        cast.approve_recipe(&production.parse()?, &id, version, Approval::Production).await?;
        cast.approve_recipe(&quality.parse()?, &id, version, Approval::Quality).await?;
    }
    Ok(())
}

async fn book_and_issue(cast: &Cast, options: &Options) -> Result<BTreeMap<BatchId, Script>, DemoError> {
    let mut scripts = BTreeMap::new();
    for number in 1..=options.batches.max(1) {
        let for_a = number % 2 == 1;
        let (tenant, planner, supervisor) =
            if for_a { ("TEN-A", "aoki", "tanaka") } else { ("TEN-B", "baba", "bessho") };
        let people = Bookers { tenant: tenant.parse()?, planner: planner.parse()?, supervisor: supervisor.parse()? };
        let batch = cast.book(number, &people).await?;
        let mut script = Script::default();
        if number == 1 {
            let value = parse_decimal(OUT_OF_RANGE.1).map_err(|error| CastError::Script(error.to_string()))?;
            script.out_of_range = Some((ItemId::parse(OUT_OF_RANGE.0)?, value));
        }
        if number == 2 && options.viewer {
            script.left_to_viewer = Some(PhaseId::parse(VIEWER_PHASE)?);
        }
        scripts.insert(batch, script);
    }
    Ok(scripts)
}

/// The people who bring a batch from a wish to its issue.
#[derive(Debug, Clone)]
pub struct Bookers {
    /// Whose batch.
    pub tenant: TenantId,
    /// Asks and requests.
    pub planner: PersonId,
    /// Issues.
    pub supervisor: PersonId,
}

impl Cast {
    /// Quote, request, confirmation by the facility, issue by the supervisor; gives the batch.
    pub async fn book(&self, number: u32, people: &Bookers) -> Result<BatchId, DemoError> {
        let view = self.view();
        let tenant = &people.tenant;
        let recipe = view.recipes.iter().find(|(_, recipe)| recipe.body.header.tenant == *tenant);
        let Some(((recipe, version), _)) = recipe else {
            return Err(CastError::Script(format!("tenant {tenant} has no recipe")).into());
        };
        let booking = BookingId::parse(format!("BK-{number:03}"))?;
        let request = QuoteRequest {
            booking: booking.clone(),
            asked: Asked {
                recipe: recipe.clone(),
                version: *version,
                earliest: view.now,
                latest: view.now.plus_s(WINDOW_D * 86_400 * i64::from(number)),
                series: None,
            },
        };
        let offers = self.quote(&people.planner, request).await?;
        let window = offers.first().and_then(|offer| offer.windows.first());
        let Some(window) = window else { return Err(CastError::Script("an empty offer".to_owned()).into()) };
        self.reserve(&people.planner, &booking).await?;
        let day = date(view.now);
        let batch = BatchId::parse(format!("{}-{day}-{number:02}", tenant.as_str().replace("TEN-", "MSC-")))?;
        let order = IssueOrder {
            booking: booking.clone(),
            recipe: recipe.clone(),
            version: *version,
            lot: format!("{day}{number:02}"),
            coi: format!("COI-{}-{number:04}", tenant.as_str().replace("TEN-", "")),
            suite: window.suite.clone(),
            equipment: window.equipment.clone(),
        };
        let command = BatchCommand::Issue(Box::new(order));
        self.act(&people.supervisor, Command::Batch { batch: batch.clone(), command }).await?;
        Ok(batch)
    }
}

/// The day as it stands in batch numbers: 260701.
fn date(at: Timestamp) -> String {
    at.shown().chars().skip(2).take(8).filter(char::is_ascii_digit).collect()
}
