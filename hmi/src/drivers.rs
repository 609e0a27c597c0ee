//! The drivers of the facility in force: one fleet per physical link, started anew only where something changed.
//!
//! What a device is comes from the facility's entries. A device that cannot be spoken to as its record says is reported as a
//! link that needs a person; the others run on. This file holds no rule.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use equipment_drivers::{
    DeviceConfig, Diagnostics, DriverReport, Fleet, FleetOptions, Mode, Policy, Secret, Security, Template, Templates,
};
use mes_core::{
    clock::Clock,
    engine::{LinkReport, LinkState, WriteOutcome, WriteRequest, WriteResult},
    id::EquipmentId,
    tenant::{Facility, LinkSecurity, LinkSettings, SecurityMode, SecurityPolicy, Tag, UserToken},
};
use tokio::sync::{mpsc, watch};

use crate::{
    config::Config,
    device_secrets::DeviceSecrets,
    device_templates::{tags, template_for, text_for},
    file_drop::is_closed,
    gateway::Door,
    records_taken::RecordsTaken,
};

/// What a link is made of. When none of it changes, the link stays up.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    equipment: EquipmentId,
    link: LinkSettings,
    tags: Vec<Tag>,
    template: Option<String>,
    secret: Option<Secret>,
    user_certificate: Option<(PathBuf, PathBuf)>,
}

impl Wanted {
    /// Its template, narrowed to what its record lets be written; kept under the device's own name.
    fn template(&self) -> Result<Template, String> {
        let (name, version) = (&self.link.template, self.link.template_version);
        let text = self.template.as_deref();
        let text = text.ok_or_else(|| format!("device template {name} v{version} is not in force"))?;
        template_for(&self.link, &self.tags, text).map_err(|error| error.to_string())
    }

    fn config(&self) -> DeviceConfig {
        let mut config = DeviceConfig::new(self.equipment.clone(), self.equipment.as_str(), self.link.address.clone());
        config.unit_id = self.link.unit_id;
        config.user.clone_from(&self.link.user);
        config.secret.clone_from(&self.secret);
        config.user_certificate.clone_from(&self.user_certificate);
        config.security = self.link.security.as_ref().map_or(Security::Best, security);
        config.with_tags(tags(&self.tags))
    }
}

/// The security of a device record, in the drivers' words.
fn security(asked: &LinkSecurity) -> Security {
    let policy = match asked.policy {
        SecurityPolicy::None => Policy::None,
        SecurityPolicy::Basic128Rsa15 => Policy::Basic128Rsa15,
        SecurityPolicy::Basic256 => Policy::Basic256,
        SecurityPolicy::Basic256Sha256 => Policy::Basic256Sha256,
        SecurityPolicy::Aes128Sha256RsaOaep => Policy::Aes128Sha256RsaOaep,
        SecurityPolicy::Aes256Sha256RsaPss => Policy::Aes256Sha256RsaPss,
    };
    let mode = match asked.mode {
        SecurityMode::None => Mode::None,
        SecurityMode::Sign => Mode::Sign,
        SecurityMode::SignAndEncrypt => Mode::SignAndEncrypt,
    };
    match &asked.exception {
        Some(reason) if asked.is_weak() => Security::Exception { policy, mode, reason: reason.clone() },
        _ => Security::Only(policy),
    }
}

/// The running links by the equipment that they lead to.
#[derive(Debug, Clone, Default)]
pub struct Links {
    fleets: BTreeMap<EquipmentId, Arc<Fleet>>,
    /// The gateway, when it runs the drivers.
    door: Option<Arc<Door>>,
}

impl Links {
    /// Asks for a write; one that cannot even be queued is answered at once.
    pub fn write(&self, request: WriteRequest, clock: &Clock) -> Result<(), Box<WriteOutcome>> {
        if let Some(door) = &self.door {
            return door.write(request);
        }
        if let Some(fleet) = self.fleets.get(&request.tag.equipment) {
            return fleet.write(request);
        }
        Err(Box::new(WriteOutcome {
            effect: request.effect,
            tag: request.tag,
            result: WriteResult::NotSent { reason: "no driver runs for this equipment".to_owned() },
            before: None,
            read_back: None,
            at: clock.now(),
        }))
    }
    /// What was counted of each device, here or in the gateway.
    pub fn diagnostics(&self) -> BTreeMap<EquipmentId, Diagnostics> {
        if let Some(door) = &self.door {
            return door.figures();
        }
        // Devices on one link share a fleet, which tells of all of them.
        self.fleets.values().flat_map(|fleet| fleet.diagnostics()).flat_map(|link| link.devices).collect()
    }
    /// Connects anew at once, after a person has removed a fault. False when no driver runs for it.
    pub fn reconnect(&self, equipment: &EquipmentId) -> bool {
        match &self.door {
            Some(door) => door.reconnect(equipment),
            None => self.fleets.get(equipment).is_some_and(|fleet| fleet.reconnect(equipment)),
        }
    }
}

/// Starts and stops links, so that they are those of the facility in force.
pub struct Drivers {
    config: Config,
    clock: Clock,
    report: mpsc::Sender<DriverReport>,
    links: watch::Sender<Arc<Links>>,
    running: BTreeMap<String, (Vec<Wanted>, Option<Arc<Fleet>>)>,
    taken: Option<RecordsTaken>,
    stopped: bool,
}

impl Drivers {
    /// No link yet; what runs is published on `links`.
    pub fn new(
        config: Config,
        clock: Clock,
        report: mpsc::Sender<DriverReport>,
        links: watch::Sender<Arc<Links>>,
    ) -> Self {
        Self { config, clock, report, links, running: BTreeMap::new(), taken: None, stopped: false }
    }

    /// Links that are started from now on go on after the records that were taken.
    pub fn go_on_after(&mut self, taken: RecordsTaken) {
        self.taken = Some(taken);
    }

    /// Leaves all links to the gateway.
    pub fn leave_to(&mut self, door: Arc<Door>) {
        self.links.send_replace(Arc::new(Links { fleets: BTreeMap::new(), door: Some(door) }));
    }

    /// Links that are started from now on follow this clock.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Makes the running links those of the facility: what changed is stopped and started anew, all others stay up.
    pub async fn follow(&mut self, facility: &Facility) {
        if self.stopped {
            return;
        }
        let wanted = self.wanted(facility);
        let gone: Vec<String> = self
            .running
            .iter()
            .filter(|(port, (was, _))| wanted.get(*port) != Some(was))
            .map(|(port, _)| port.clone())
            .collect();
        let stopped: Vec<_> = gone.iter().filter_map(|port| self.running.remove(port)).collect();
        self.publish();
        for fleet in stopped.into_iter().filter_map(|(_, fleet)| fleet) {
            fleet.shutdown().await;
        }
        for (port, devices) in wanted {
            if self.running.contains_key(&port) {
                continue;
            }
            let fleet = self.start(&devices).await.map(Arc::new);
            self.running.insert(port, (devices, fleet));
            self.publish();
        }
    }

    /// The devices of a facility by the port that they are reached through.
    fn wanted(&self, facility: &Facility) -> BTreeMap<String, Vec<Wanted>> {
        let secrets = DeviceSecrets::load(&self.config.data).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no device is logged in to");
            DeviceSecrets::default()
        });
        let mut wanted: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
        // A closed device has no link; its folder is watched.
        for unit in facility.equipment.values().filter(|unit| !is_closed(facility, &unit.link)) {
            let device = Wanted {
                equipment: unit.id.clone(),
                link: unit.link.clone(),
                tags: unit.tags.clone(),
                template: text_for(facility, &unit.link).map(std::borrow::Cow::into_owned),
                secret: secrets.of(&unit.id).map(Secret::new),
                user_certificate: (unit.link.token() == UserToken::Certificate).then(|| {
                    let file = |ending: &str| self.config.pki().join("users").join(format!("{}.{ending}", unit.id));
                    (file("der"), file("pem"))
                }),
            };
            wanted.entry(port(&unit.link.address)).or_default().push(device);
        }
        wanted
    }

    /// Starts the link of these devices. One without a usable template is left out, and does not keep the others from running.
    async fn start(&self, devices: &[Wanted]) -> Option<Fleet> {
        let mut templates = Templates::default();
        let mut configs = Vec::new();
        for device in devices {
            match device.template() {
                Ok(template) => {
                    let mut config = device.config();
                    if let Some(taken) = &self.taken {
                        config.records_after = taken.until(&device.equipment, &template.record_tags()).await;
                    }
                    templates.insert(device.equipment.as_str(), template);
                    configs.push(config);
                }
                Err(reason) => self.fault(&device.equipment, &reason).await,
            }
        }
        let spoken_to: Vec<EquipmentId> = configs.iter().map(|config| config.equipment.clone()).collect();
        let mut seed = [0; 8];
        crate::random::fill(&mut seed);
        let options = FleetOptions { pki_dir: self.config.pki(), jitter_seed: u64::from_le_bytes(seed) };
        match Fleet::start(configs, &templates, self.clock.clone(), self.report.clone(), options).await {
            Ok(fleet) => Some(fleet),
            Err(error) => {
                for equipment in &spoken_to {
                    self.fault(equipment, &error.to_string()).await;
                }
                None
            }
        }
    }

    /// A link that cannot be started is a link that needs a person; that is entered like any other state of a link.
    async fn fault(&self, equipment: &EquipmentId, reason: &str) {
        tracing::error!(%equipment, reason, "a link was not started; correct the facility");
        let (equipment, cause, at) = (equipment.clone(), reason.to_owned(), self.clock.now());
        let report = LinkReport { equipment, state: LinkState::Faulted(cause.clone()), cause, at };
        // The writer takes reports until the process ends.
        let _ = self.report.send(DriverReport::Link(report)).await;
    }

    fn publish(&self) {
        let fleets = self.running.values().filter_map(|(devices, fleet)| Some((devices, fleet.as_ref()?)));
        let links = fleets
            .flat_map(|(devices, fleet)| devices.iter().map(|device| (device.equipment.clone(), Arc::clone(fleet))));
        self.links.send_replace(Arc::new(Links { fleets: links.collect(), door: None }));
    }

    /// Stops all links for good.
    pub async fn stop(&mut self) {
        self.stopped = true;
        let all = std::mem::take(&mut self.running);
        self.publish();
        for fleet in all.into_values().filter_map(|(_, fleet)| fleet) {
            fleet.shutdown().await;
        }
    }
}

/// What stands for the physical link in an address: devices that share it are on one link, whatever else they say of it.
fn port(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split('?').next().unwrap_or_default();
    let device_file = rest.starts_with('/');
    let authority = if device_file { rest } else { rest.split('/').next().unwrap_or_default() };
    authority.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_security_of_a_device_record_is_that_of_its_connection() {
        let of = |text: &str| security(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"policy":"Aes256_Sha256_RsaPss"}"#), Security::Only(Policy::Aes256Sha256RsaPss));
        let reason = "a controller of 2009".to_owned();
        let weak = Security::Exception { policy: Policy::None, mode: Mode::None, reason };
        assert_eq!(of(r#"{"policy":"None","mode":"None","exception":"a controller of 2009"}"#), weak);
        // Without a reason it is refused by the driver, not silently made stronger or weaker.
        assert_eq!(of(r#"{"policy":"None","mode":"None"}"#), Security::Only(Policy::None));
    }

    #[test]
    fn devices_that_share_a_port_are_on_one_link_whatever_else_their_addresses_say() {
        for (one, other) in [
            ("10.0.0.1:502", "rtu+tcp://10.0.0.1:502"),
            ("rtu:///dev/ttyS1?baud=9600", "rtu:///dev/ttyS1?baud=19200"),
            ("opc.tcp://HOST:4840/a", "opc.tcp://host:4840/"),
        ] {
            assert_eq!(port(one), port(other));
        }
        assert_ne!(port("rtu:///dev/ttyS1"), port("rtu:///dev/ttyS2"));
        assert_ne!(port("10.0.0.1:502"), port("10.0.0.1:503"));
    }
}
