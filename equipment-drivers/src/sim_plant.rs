//! Many simulated devices in one process: started from a list, found by name, made to misbehave by hand or by a schedule.
//!
//! It reads no file; whoever has one hands over the list.

use std::{collections::BTreeMap, path::Path, time::Duration};

use mes_core::clock::{Clock, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    device_kind::{DeviceKind, Framing},
    driver::Secret,
    fault::Fault,
    fault_catalogue::FaultKind,
    modbus::{
        sim::{Line, UNIT_ID},
        sim_bioreactor, sim_counter, sim_incubator, sim_room,
    },
    opcua::sim::BioreactorSim,
    physics::Realism,
    simulator::{SimError, SimHandle},
};

/// How often the schedule is looked at, in wall time.
const LOOK: Duration = Duration::from_millis(100);

/// One device to be simulated.
#[derive(Debug, Clone)]
pub struct SimDevice {
    /// Its name; a device of OPC UA has it in its address space.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Port on the loopback interface; 0 for any.
    pub port: u16,
    /// Modbus unit id; 1 for most devices with their own address.
    pub unit: u8,
    /// Modbus RTU frames instead of Modbus TCP.
    pub rtu: bool,
    /// A serial line that it answers on too, and its speed in bit/s; it then speaks Modbus RTU.
    pub serial: Option<(String, u32)>,
    /// Seed of its noise, of its donor and of what happens to it.
    pub seed: u64,
    /// How much of the trouble of real life it has.
    pub realism: Realism,
    /// User and password of a device that asks for them.
    pub user: (String, Secret),
}

impl SimDevice {
    /// A device with any free port, unit 1, Modbus TCP, and the trouble of real life.
    pub fn new(name: impl Into<String>, kind: DeviceKind, seed: u64) -> Self {
        Self {
            name: name.into(),
            kind,
            port: 0,
            unit: UNIT_ID,
            rtu: false,
            serial: None,
            seed,
            realism: Realism::Full,
            user: ("mes".to_owned(), Secret::new("")),
        }
    }
    /// How it speaks.
    pub fn framing(&self) -> Framing {
        match self.kind {
            DeviceKind::LadsBioreactor => Framing::OpcUa,
            _ if self.rtu || self.serial.is_some() => Framing::ModbusRtu,
            _ => Framing::ModbusTcp,
        }
    }

    /// Starts it; `pki` is the folder for key pairs of simulators.
    pub async fn start(self, clock: &Clock, pki: &Path) -> Result<SimHandle, SimError> {
        let framing = self.framing();
        let Self { name, kind, port, unit, seed, realism, serial, user: (user, secret), .. } = self;
        let line = Line { name: name.clone(), port, unit, framing, clock: clock.clone() };
        let mut handle = match kind {
            DeviceKind::LadsBioreactor => {
                let clock = clock.clone();
                let sim = BioreactorSim { name, port, seed, clock, pki_dir: pki.to_owned(), user, secret };
                // Its start keeps much on the stack.
                Box::pin(sim.start_with(realism)).await?
            }
            DeviceKind::ModbusBioreactor => sim_bioreactor::bioreactor(line, seed, realism).await?,
            DeviceKind::Co2Incubator => sim_incubator::binder(line, seed, realism).await?,
            DeviceKind::HettichIncubator => sim_incubator::hettich(line, seed, realism).await?,
            DeviceKind::ParticleCounter => sim_counter::counter(line, seed, realism).await?,
            DeviceKind::PressureTransmitter => sim_room::pressure(line, seed, realism).await?,
            DeviceKind::CometLogger => sim_room::comet(line, seed, realism).await?,
        };
        if let Some((path, baud)) = serial {
            handle.answer_on(&path, baud)?;
        }
        Ok(handle)
    }
}

/// A fault that begins, and ends, at a facility time.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledFault {
    /// Which device.
    pub device: String,
    /// When it begins, in seconds of facility time after the start.
    pub at_s: i64,
    /// How long it lasts, in seconds of facility time; until it is ended by hand when missing.
    pub for_s: Option<i64>,
    /// What it is.
    pub fault: Fault,
}

/// The simulated devices of this process.
#[derive(Debug, Default)]
pub struct SimPlant {
    devices: BTreeMap<String, SimHandle>,
}

impl SimPlant {
    /// Starts all devices; none is left running when one cannot be started.
    pub async fn start(devices: Vec<SimDevice>, clock: &Clock, pki: &Path) -> Result<Self, SimError> {
        let mut plant = Self::default();
        for device in devices {
            plant.add(device.start(clock, pki).await?)?;
        }
        Ok(plant)
    }
    /// Takes in a device that was started.
    pub fn add(&mut self, handle: SimHandle) -> Result<(), SimError> {
        let name = handle.name().to_owned();
        if self.devices.contains_key(&name) {
            return Err(SimError::SameName { name });
        }
        self.devices.insert(name, handle);
        Ok(())
    }
    /// All devices, by name.
    pub fn devices(&self) -> impl Iterator<Item = &SimHandle> {
        self.devices.values()
    }
    /// One device.
    pub fn device(&self, name: &str) -> Result<&SimHandle, SimError> {
        self.devices.get(name).ok_or_else(|| SimError::NoSuchDevice { name: name.to_owned() })
    }
    /// Puts a fault in force; its parameters are checked against the device.
    pub async fn begin(
        &self,
        device: &str,
        kind: FaultKind,
        tag: Option<&str>,
        value: Option<f64>,
    ) -> Result<(), SimError> {
        let handle = self.device(device)?;
        let fault = kind.build(handle.kind(), handle.framing(), tag, value)?;
        handle.set_fault(fault).await
    }
    /// Ends the faults of one kind.
    pub async fn end(&self, device: &str, kind: FaultKind) -> Result<(), SimError> {
        self.device(device)?.clear_fault(kind).await
    }

    /// Carries out a schedule that began at `start`, and returns when it is done.
    pub async fn follow(&self, schedule: &[ScheduledFault], start: Timestamp, clock: &Clock) -> Result<(), SimError> {
        enum Turn {
            Begins(Fault),
            Ends(FaultKind),
        }
        let mut turns: Vec<(i64, &str, Turn)> = Vec::new();
        for one in schedule {
            turns.push((one.at_s, &one.device, Turn::Begins(one.fault.clone())));
            if let Some(lasts_s) = one.for_s {
                turns.push((one.at_s + lasts_s, &one.device, Turn::Ends(one.fault.kind())));
            }
        }
        turns.sort_by_key(|(at_s, ..)| *at_s);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for (at_s, device, turn) in turns {
            while clock.now() < start.plus_s(at_s) {
                look.tick().await;
            }
            match turn {
                Turn::Begins(fault) => self.device(device)?.set_fault(fault).await?,
                Turn::Ends(kind) => self.end(device, kind).await?,
            }
        }
        Ok(())
    }
}
