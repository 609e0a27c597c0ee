//! The demo's equipment: real OPC UA and Modbus servers on loopback, following facility time.

use std::{collections::BTreeMap, path::Path};

use equipment_drivers::{BioreactorSim, IncubatorSim, Secret, SimError, SimHandle, SimPlant};
use mes_core::{clock::Clock, id::EquipmentId, isa88::EquipmentClass, tenant::FacilityItem};

/// The user that the simulated bioreactors let in.
const DEVICE_USER: &str = "mes";

/// Simulators by the equipment that they stand for.
pub struct SimulatedPlant {
    units: SimPlant,
    /// The passwords of the devices.
    pub secrets: BTreeMap<EquipmentId, String>,
}

impl SimulatedPlant {
    /// Starts a simulator for every piece of equipment among the items, and writes its address into the item.
    pub async fn start(items: &mut [FacilityItem], clock: &Clock, pki: &Path) -> Result<Self, SimError> {
        let (mut units, mut secrets) = (SimPlant::default(), BTreeMap::new());
        for (seed, item) in (1u64..).zip(items.iter_mut()) {
            let FacilityItem::Equipment(unit) = item else { continue };
            let handle = match unit.class {
                EquipmentClass::Bioreactor => {
                    let secret = crate::random::id("device");
                    secrets.insert(unit.id.clone(), secret.clone());
                    let sim = BioreactorSim {
                        name: unit.id.to_string(),
                        port: 0,
                        seed,
                        clock: clock.clone(),
                        pki_dir: pki.to_owned(),
                        user: DEVICE_USER.to_owned(),
                        secret: Secret::new(secret),
                    };
                    sim.start().await?
                }
                EquipmentClass::Incubator => {
                    let sim = IncubatorSim { name: unit.id.to_string(), port: 0, seed, clock: clock.clone() };
                    sim.start().await?
                }
            };
            handle.address().clone_into(&mut unit.link.address);
            units.add(handle)?;
        }
        Ok(Self { units, secrets })
    }

    /// The certificates that a driver has to trust.
    pub fn certificates(&self) -> Vec<(EquipmentId, std::path::PathBuf)> {
        let named = |unit: &SimHandle| Some((unit.name().parse().ok()?, unit.certificate()?.to_owned()));
        self.units.devices().filter_map(named).collect()
    }

    /// The simulator of a device.
    pub fn unit(&self, equipment: &EquipmentId) -> Option<&SimHandle> {
        self.units.device(equipment.as_str()).ok()
    }

    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = &SimHandle> {
        self.units.devices()
    }
}
