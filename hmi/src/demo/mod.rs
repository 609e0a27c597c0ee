//! The demo: a whole facility on this machine. Simulators speak real protocols, scripted colleagues use the ordinary commands, and
//! facility time runs fast while batches merely incubate. Nothing in it goes around the engine.

mod colleagues;
mod plant;
mod set_up;
mod work;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mes_core::{
    access::Rejection,
    batch::Lifecycle,
    id::{BatchId, EquipmentId, PersonId},
};
use tokio::sync::Notify;

use self::colleagues::Script;
pub use self::{
    colleagues::{Team, team},
    plant::SimulatedPlant,
    set_up::{Bookers, DemoError, Options, Set, Stage, set_up},
    work::{Cast, CastError},
};
use crate::{
    app::App,
    simulators::{self, FaultChange, SimulatorState},
    web::port::{DemoInfo, DemoLogin},
};

/// Facility seconds per wall second while batches merely incubate or scripted people work: devices are sampled every half
/// second, so that a sampling interval spans one facility hour.
pub const RATE_FAST: u32 = 7_200;
/// Facility seconds per wall second while the viewer is expected to act.
pub const RATE_VIEWER: u32 = 60;

/// The demo around a facility.
pub struct Demo {
    plant: SimulatedPlant,
    scripts: BTreeMap<BatchId, Script>,
    passwords: BTreeMap<PersonId, String>,
    colleagues_on: AtomicBool,
    switched: Notify,
    address: String,
}

impl Demo {
    /// The password printed for a person.
    fn password(&self, person: &PersonId) -> Option<&str> {
        self.passwords.get(person).map(String::as_str)
    }

    /// What the demo's own pages show.
    pub fn info(&self, app: &App) -> DemoInfo {
        let view = app.writer.view();
        let login = |(person, part): (&str, &str)| {
            let person: PersonId = person.parse().ok()?;
            let password = self.password(&person)?.to_owned();
            Some(DemoLogin { person, password, address: self.address_of(part) })
        };
        let people = [
            ("bando", "operator"),
            ("beppu", "operator"),
            ("sato", "operator"),
            ("aoki", "tenant"),
            ("aida", "tenant"),
            ("arai", "auditor"),
            ("watanabe", "operator"),
            ("tanaka", "operator"),
            ("nakamura", "operator"),
        ];
        let released = |lifecycle| lifecycle == Lifecycle::Released;
        DemoInfo {
            colleagues_on: self.colleagues_on.load(Ordering::Relaxed),
            logins: people.into_iter().filter_map(login).collect(),
            waiting_batch: view
                .batches
                .iter()
                .find(|(id, batch)| {
                    self.scripts.get(id).is_some_and(|script| colleagues::waits_for_viewer(batch, script))
                })
                .map(|(id, _)| id.clone()),
            released_batch: view.batches.iter().find(|(_, batch)| released(batch.lifecycle)).map(|(id, _)| id.clone()),
            devices: self.plant.devices().map(SimulatorState::of).collect(),
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("mes")).display().to_string(),
            key_file: app.config.data.join(mes_core::journal::PUBLIC_KEY_FILE).display().to_string(),
        }
    }

    fn address_of(&self, part: &str) -> String {
        format!("http://{part}.{}/", self.address)
    }

    /// Lets the scripted colleagues work or rest.
    pub fn set_colleagues(&self, on: bool) {
        self.colleagues_on.store(on, Ordering::Relaxed);
        self.switched.notify_one();
    }

    /// Begins or ends a fault of a device.
    pub async fn set_fault(&self, equipment: &EquipmentId, wanted: &FaultChange) -> Result<(), Rejection> {
        let unit = self.plant.unit(equipment).ok_or_else(Rejection::not_found)?;
        simulators::change(unit, wanted).await.map_err(|error| simulators::refused(&error))
    }
}

/// Runs the colleagues until the demo ends.
pub async fn run_colleagues(demo: Arc<Demo>, app: Arc<App>) {
    work::run(demo, app).await;
}
