//! The fleet: one task per device, one queue of reports out, one bounded queue of writes in per device.
//!
//! It checks the configuration before anything is opened. It keeps no values and takes no decisions.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mes_core::{
    clock::Clock,
    engine::{WriteOutcome, WriteRequest, WriteResult},
    id::EquipmentId,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use crate::{
    diagnostic::{LinkDiagnostics, Meter},
    driver::{Device, DeviceConfig, DriverReport},
    link::{Jitter, Link, LinkControl},
    modbus::{
        address::{Address, FORMS},
        bus::{Bus, BusOptions, Seat},
    },
    opcua::{own::prepare_client, trust::PkiError},
    outbox::Outbox,
    tag::TagBook,
    template::{Protocol, TemplateError, Templates},
};

/// Writes that may wait per device.
pub const WRITES_WAITING_MAX: usize = 32;
/// Reports that may wait for the receiver; the length of the channel a caller makes.
pub const REPORTS_WAITING_MAX: usize = 1024;

/// Why the drivers were not started.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A device names a template that does not exist, or says of a tag what its template does not allow.
    #[error("device {equipment}: {source}")]
    Template {
        /// The device.
        equipment: EquipmentId,
        /// Which template.
        #[source]
        source: TemplateError,
    },
    /// An address is not of the form its protocol needs.
    #[error("device {equipment}: the address \"{address}\" is not of the form {expected}")]
    Address {
        /// The device.
        equipment: EquipmentId,
        /// What was configured.
        address: String,
        /// What is needed.
        expected: &'static str,
    },
    /// The same equipment is configured twice.
    #[error("device {equipment} is configured twice")]
    Twice {
        /// The device.
        equipment: EquipmentId,
    },
    /// Two devices share an address, and cannot.
    #[error("devices {first} and {second} share the address {address}: {reason}")]
    SharedAddress {
        /// One device.
        first: EquipmentId,
        /// The other.
        second: EquipmentId,
        /// The address.
        address: String,
        /// Why they cannot.
        reason: &'static str,
    },
    /// A unit id is not one that its kind of link has.
    #[error("device {equipment}: {unit_id} is not the unit id of one device; they are from 1 to 247")]
    Unit {
        /// The device.
        equipment: EquipmentId,
        /// What was configured.
        unit_id: u8,
    },
    /// The security of a connection is configured as it may not be.
    #[error("device {equipment}: {reason}")]
    Security {
        /// The device.
        equipment: EquipmentId,
        /// What is wrong.
        reason: String,
    },
    /// Our own certificate for OPC UA cannot be read or made.
    #[error("own certificate for OPC UA: {0}")]
    Pki(#[source] PkiError),
}

/// What all drivers have in common.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Folder with our own OPC UA certificate (made there when missing), the trusted and the rejected certificates.
    pub pki_dir: PathBuf,
    /// Seed of the spread of waits between attempts.
    pub jitter_seed: u64,
}

/// The running drivers.
#[derive(Debug)]
pub struct Fleet {
    links: BTreeMap<EquipmentId, LinkControl>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    clock: Clock,
    meters: Vec<LinkMeters>,
}

/// The meters of one physical link and of the devices on it.
#[derive(Debug)]
struct LinkMeters {
    address: String,
    link: Meter,
    devices: Vec<(EquipmentId, Meter)>,
}

impl Fleet {
    /// Checks the configuration and starts one task per device. Whether a device is there is reported, not returned.
    pub async fn start(
        devices: Vec<DeviceConfig>,
        templates: &Templates,
        clock: Clock,
        reports: mpsc::Sender<DriverReport>,
        options: FleetOptions,
    ) -> Result<Self, FleetError> {
        let mut devices = check(devices, templates, &clock, &options)?;
        if devices.iter().any(|one| one.template.protocol == Protocol::OpcUa) {
            prepare_client(&options.pki_dir).await.map_err(FleetError::Pki)?;
        }
        let (stop, stopped) = watch::channel(false);
        let (mut links, mut tasks) = (BTreeMap::new(), JoinSet::new());
        let meters = connect_modbus(&mut devices, &stopped, &mut tasks);
        for (number, device) in (0u64..).zip(devices) {
            let (writes, queue) = mpsc::channel(WRITES_WAITING_MAX);
            let try_again = Arc::new(Notify::new());
            let equipment = device.config.equipment.clone();
            links.insert(equipment.clone(), LinkControl { writes, try_again: try_again.clone() });
            let link = Link {
                book: TagBook::new(&equipment, &device.template, &device.config.tags, clock.clone()),
                device,
                outbox: Outbox::new(reports.clone()),
                writes: queue,
                try_again,
                stop: stopped.clone(),
                jitter: Jitter::new(options.jitter_seed.wrapping_add(number)),
                reported: None,
            };
            tasks.spawn(link.run());
        }
        Ok(Self { links, stop, tasks: Mutex::new(tasks), clock, meters })
    }

    /// Asks for a write. Its outcome comes as a report, or at once as the error when it could not even be queued.
    pub fn write(&self, request: WriteRequest) -> Result<(), Box<WriteOutcome>> {
        let refused = |request: WriteRequest, reason: String| {
            Box::new(WriteOutcome {
                effect: request.effect,
                tag: request.tag,
                result: WriteResult::NotSent { reason },
                before: None,
                read_back: None,
                at: self.clock.now(),
            })
        };
        let Some(link) = self.links.get(&request.tag.equipment) else {
            let reason = format!("no driver is configured for {}", request.tag.equipment);
            return Err(refused(request, reason));
        };
        link.writes.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(request) => {
                refused(request, format!("{WRITES_WAITING_MAX} writes are already waiting for this device"))
            }
            mpsc::error::TrySendError::Closed(request) => refused(request, "the driver was stopped".to_owned()),
        })
    }

    /// Connects anew at once: after a person has removed a fault, e.g. has approved a certificate. False if unknown.
    pub fn reconnect(&self, equipment: &EquipmentId) -> bool {
        let link = self.links.get(equipment);
        if let Some(link) = link {
            link.try_again.notify_one();
        }
        link.is_some()
    }

    /// What has been counted on each link and of each device since the start.
    pub fn diagnostics(&self) -> Vec<LinkDiagnostics> {
        let read = |one: &LinkMeters| LinkDiagnostics {
            address: one.address.clone(),
            link: one.link.read(),
            devices: one.devices.iter().map(|(equipment, meter)| (equipment.clone(), meter.read())).collect(),
        };
        self.meters.iter().map(read).collect()
    }

    /// Ends all links; every tag is reported Bad and every link Disconnected.
    pub async fn shutdown(&self) {
        let _ = self.stop.send(true);
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

fn check(
    devices: Vec<DeviceConfig>,
    templates: &Templates,
    clock: &Clock,
    options: &FleetOptions,
) -> Result<Vec<Device>, FleetError> {
    let mut checked: Vec<Device> = Vec::new();
    for config in devices {
        let equipment = config.equipment.clone();
        let template = templates
            .get(&config.template)
            .and_then(|template| template.narrowed(&config.tags).map(Arc::new))
            .map_err(|source| FleetError::Template { equipment: equipment.clone(), source })?;
        let modbus = address_of(&config, template.protocol)?;
        if let Some(reason) = config.security.objection() {
            return Err(FleetError::Security { equipment, reason });
        }
        for other in &checked {
            if other.config.equipment == equipment {
                return Err(FleetError::Twice { equipment });
            }
            if let Some(reason) = clash(other, &config, modbus.as_ref()) {
                let first = other.config.equipment.clone();
                return Err(FleetError::SharedAddress { first, second: equipment, address: config.address, reason });
            }
        }
        checked.push(Device {
            config,
            template,
            clock: clock.clone(),
            pki_dir: options.pki_dir.clone(),
            meter: Meter::default(),
            seat: None,
        });
    }
    Ok(checked)
}

/// The address of a Modbus device; checks that of any other.
fn address_of(config: &DeviceConfig, protocol: Protocol) -> Result<Option<Address>, FleetError> {
    let (equipment, address) = (config.equipment.clone(), config.address.clone());
    match protocol {
        Protocol::OpcUa => {
            let authority = address.strip_prefix("opc.tcp://").and_then(|rest| rest.split('/').next());
            match authority.map(str::parse::<Address>) {
                Some(Ok(Address::Tcp { .. })) => Ok(None),
                _ => Err(FleetError::Address { equipment, address, expected: "opc.tcp://HOST:PORT/PATH" }),
            }
        }
        Protocol::Modbus => match address.parse() {
            Err(_) => Err(FleetError::Address { equipment, address, expected: FORMS }),
            // On TCP, 0 and 255 mean the device itself; on a line, 0 is everybody.
            Ok(line @ Address::Rtu(_) | line @ Address::RtuOverTcp { .. }) if !(1..=247).contains(&config.unit_id) => {
                drop(line);
                Err(FleetError::Unit { equipment, unit_id: config.unit_id })
            }
            Ok(address) => Ok(Some(address)),
        },
        // Its folder is watched; there is nobody to connect to.
        Protocol::File => {
            Err(FleetError::Address { equipment, address, expected: "the address of a device that is spoken to" })
        }
    }
}

/// Why two devices cannot share what they share, if they do.
fn clash(other: &Device, config: &DeviceConfig, address: Option<&Address>) -> Option<&'static str> {
    let Some(address) = address else {
        return (other.config.address == config.address).then_some("an OPC UA device needs an address of its own");
    };
    let there: Address = other.config.address.parse().ok().filter(|_| other.template.protocol == Protocol::Modbus)?;
    if there.port() != address.port() {
        return None;
    }
    if there != *address {
        return Some("one link has one kind of frames and one speed");
    }
    (other.config.unit_id == config.unit_id).then_some("devices on one link need different unit ids")
}

/// Makes one link for each Modbus address and gives each device its place on it; one meter for each link of any kind.
fn connect_modbus(devices: &mut [Device], stop: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) -> Vec<LinkMeters> {
    let mut links: Vec<(Address, Vec<&mut Device>)> = Vec::new();
    let mut meters = Vec::new();
    for device in devices {
        let address = device.config.address.parse().ok().filter(|_| device.template.protocol == Protocol::Modbus);
        let Some(address) = address else {
            let (address, link) = (device.config.address.clone(), device.meter.clone());
            let devices = vec![(device.config.equipment.clone(), device.meter.clone())];
            meters.push(LinkMeters { address, link, devices });
            continue;
        };
        match links.iter_mut().find(|(one, _)| *one == address) {
            Some((_, members)) => members.push(device),
            None => links.push((address, vec![device])),
        }
    }
    for (address, mut members) in links {
        let link = Meter::default();
        let maps = || members.iter().filter_map(|device| device.template.modbus.as_ref());
        let pause = maps().map(|map| map.pause_after_connect_ms).max().unwrap_or_default();
        let cycle = members.iter().map(|device| device.template.poll_s).fold(0.0, f64::max);
        let (bus, handle) = Bus::new(BusOptions {
            address: address.clone(),
            shared: members.len() > 1,
            cycle: Duration::try_from_secs_f64(cycle).unwrap_or_default(),
            pause_after_connect: Duration::from_millis(u64::from(pause)),
            meter: link.clone(),
            stop: stop.clone(),
        });
        let mut on_it = Vec::new();
        for device in &mut members {
            device.seat = Some((handle.clone(), Arc::new(Seat::new(device))));
            on_it.push((device.config.equipment.clone(), device.meter.clone()));
        }
        meters.push(LinkMeters { address: address.to_string(), link, devices: on_it });
        tasks.spawn(bus.run());
    }
    meters
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(devices: Vec<DeviceConfig>) -> String {
        let (reports, _) = mpsc::channel(1);
        let options = FleetOptions { pki_dir: PathBuf::from("/nowhere"), jitter_seed: 1 };
        let templates = Templates::built_in().unwrap();
        Fleet::start(devices, &templates, Clock::real(), reports, options).await.unwrap_err().to_string()
    }

    fn incubator(id: &str, address: &str) -> DeviceConfig {
        DeviceConfig::new(id.parse().unwrap(), "co2-incubator", address)
    }

    #[tokio::test]
    async fn a_wrong_configuration_is_refused_before_anything_is_opened() {
        let good = incubator("INC-01", "localhost:502");
        assert_eq!(start(vec![good.clone(), good.clone()]).await, "device INC-01 is configured twice");
        assert!(
            start(vec![good.clone(), incubator("INC-02", "localhost:502")]).await.contains("need different unit ids")
        );
        for address in ["localhost", "localhost:", ":502", "localhost:0", "opc.tcp://localhost:502", "a b:1"] {
            assert!(start(vec![incubator("INC-01", address)]).await.contains("HOST:PORT"), "{address}");
        }
        let other_speed =
            vec![incubator("I-1", "rtu:///dev/x?baud=9600"), incubator("I-2", "rtu:///dev/x").with_unit(2)];
        assert!(start(other_speed).await.contains("one kind of frames and one speed"));
        let everybody = incubator("I-1", "rtu:///dev/x").with_unit(0);
        assert!(start(vec![everybody]).await.contains("0 is not the unit id of one device"));
        let reactor = DeviceConfig::new("BR-01".parse().unwrap(), "lads-bioreactor", "localhost:4840");
        assert!(start(vec![reactor]).await.contains("opc.tcp://HOST:PORT/PATH"));
        let unknown = DeviceConfig::new("X-01".parse().unwrap(), "toaster", "localhost:1");
        assert!(start(vec![unknown]).await.contains("known are: cell-processor-report, co2-incubator, "));
    }
}
