//! The demo's equipment: real OPC UA and Modbus servers on loopback, following facility time. What a device is, its template says; one
//! that is not simulated keeps the address that the facility file gives it.

use std::{collections::BTreeMap, path::Path};

use equipment_drivers::{DeviceKind, Secret, SimDevice, SimError, SimHandle, SimPlant, physics::Realism};
use mes_core::{clock::Clock, id::EquipmentId, tenant::FacilityItem};

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
            let Ok(kind) = unit.link.template.parse::<DeviceKind>() else { continue };
            let mut device = SimDevice::new(unit.id.to_string(), kind, seed);
            device.unit = unit.link.unit_id;
            device.realism = Realism::Calm;
            if kind.speaks_opc_ua() {
                let secret = crate::random::id("device");
                secrets.insert(unit.id.clone(), secret.clone());
                device.user = (DEVICE_USER.to_owned(), Secret::new(secret));
            }
            let handle = device.start(clock, pki).await?;
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
