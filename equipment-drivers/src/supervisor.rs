//! The fleet: one task per device, one queue of reports out, one bounded queue of writes in per device.
//!
//! It checks the configuration before anything is opened. It keeps no values and takes no decisions.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
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
    driver::{Device, DeviceConfig, DriverReport},
    link::{Jitter, Link, LinkControl},
    opcua::trust::{PkiError, prepare_client},
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
    /// Two devices share an address.
    #[error("devices {first} and {second} have the same address {address}; a device needs an address of its own")]
    SharedAddress {
        /// One device.
        first: EquipmentId,
        /// The other.
        second: EquipmentId,
        /// The address.
        address: String,
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
        let devices = check(devices, templates, &clock, &options)?;
        if devices.iter().any(|one| one.template.protocol == Protocol::OpcUa) {
            prepare_client(&options.pki_dir).await.map_err(FleetError::Pki)?;
        }
        let (stop, stopped) = watch::channel(false);
        let (mut links, mut tasks) = (BTreeMap::new(), JoinSet::new());
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
        Ok(Self { links, stop, tasks: Mutex::new(tasks), clock })
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
        let expected = match template.protocol {
            Protocol::OpcUa => "opc.tcp://HOST:PORT/PATH",
            Protocol::ModbusTcp => "HOST:PORT",
        };
        if !well_formed(&config.address, template.protocol) {
            return Err(FleetError::Address { equipment, address: config.address, expected });
        }
        for other in &checked {
            if other.config.equipment == equipment {
                return Err(FleetError::Twice { equipment });
            }
            if other.config.address == config.address {
                let first = other.config.equipment.clone();
                return Err(FleetError::SharedAddress { first, second: equipment, address: config.address });
            }
        }
        checked.push(Device { config, template, clock: clock.clone(), pki_dir: options.pki_dir.clone() });
    }
    Ok(checked)
}

fn well_formed(address: &str, protocol: Protocol) -> bool {
    let authority = match protocol {
        Protocol::OpcUa => {
            let Some(rest) = address.strip_prefix("opc.tcp://") else { return false };
            rest.split('/').next().unwrap_or_default()
        }
        Protocol::ModbusTcp => address,
    };
    authority.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
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
        assert!(start(vec![good.clone(), incubator("INC-02", "localhost:502")]).await.contains("same address"));
        for address in ["localhost", "localhost:", ":502", "localhost:0", "opc.tcp://localhost:502", "a b:1"] {
            assert!(start(vec![incubator("INC-01", address)]).await.contains("HOST:PORT"), "{address}");
        }
        let reactor = DeviceConfig::new("BR-01".parse().unwrap(), "lads-bioreactor", "localhost:4840");
        assert!(start(vec![reactor]).await.contains("opc.tcp://HOST:PORT/PATH"));
        let unknown = DeviceConfig::new("X-01".parse().unwrap(), "toaster", "localhost:1");
        assert!(start(vec![unknown]).await.contains("known are: co2-incubator, lads-bioreactor"));
    }
}
