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
use tokio::sync::{Mutex, Notify};

use self::colleagues::Script;
pub use self::{
    colleagues::{Team, team},
    plant::SimulatedPlant,
    set_up::{Bookers, DemoError, Options, Set, Stage, set_up},
    work::{Cast, CastError},
};
use crate::{
    app::App,
    web::port::{DemoInfo, DemoLogin},
};

/// Facility seconds per wall second while batches merely incubate or scripted people work: devices are sampled every half
/// second, so that a sampling interval spans one facility hour.
pub const RATE_FAST: u32 = 7_200;
/// Facility seconds per wall second while the viewer is expected to act.
pub const RATE_VIEWER: u32 = 60;

/// The demo around a facility.
pub struct Demo {
    plant: Mutex<SimulatedPlant>,
    unplugged: std::sync::Mutex<BTreeMap<EquipmentId, bool>>,
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
            devices: self.devices(&view),
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("mes")).display().to_string(),
            key_file: app.config.data.join(mes_core::journal::PUBLIC_KEY_FILE).display().to_string(),
        }
    }

    fn devices(&self, view: &mes_core::engine::View) -> Vec<(EquipmentId, bool)> {
        let unplugged = self.unplugged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        view.facility.equipment.keys().map(|id| (id.clone(), !unplugged.contains_key(id))).collect()
    }

    fn address_of(&self, part: &str) -> String {
        format!("http://{part}.{}/", self.address)
    }

    /// Lets the scripted colleagues work or rest.
    pub fn set_colleagues(&self, on: bool) {
        self.colleagues_on.store(on, Ordering::Relaxed);
        self.switched.notify_one();
    }

    /// Pulls the plug of a device, or puts it back.
    pub async fn set_plugged(&self, equipment: &EquipmentId, plugged: bool) -> Result<(), Rejection> {
        let found = self.plant.lock().await.set_plugged(equipment, plugged).await.map_err(crate::desk::failed)?;
        if !found {
            return Err(Rejection::not_found());
        }
        let mut unplugged = self.unplugged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if plugged {
            unplugged.remove(equipment);
        } else {
            unplugged.insert(equipment.clone(), true);
        }
        Ok(())
    }
}

/// Runs the colleagues until the demo ends.
pub async fn run_colleagues(demo: Arc<Demo>, app: Arc<App>) {
    work::run(demo, app).await;
}
