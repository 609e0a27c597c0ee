//! What a driver is told and what it reports: configuration of a device, readings, failures, and one connection.
//!
//! Nothing here decides, retries or judges. A failure is told apart by what may be done about it: it may heal by
//! itself, a person must act, or the device said no while the connection is fine.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use mes_core::{
    clock::{Clock, Timestamp},
    engine::{DeviceEvent, LinkReport, SamplingReport, TagSampling, WriteOutcome},
    historian::{Quality, Sample, SampleValue},
    id::{EquipmentId, TagId, TagName},
    quantity::{Range, Unit},
};

use serde::{Deserialize, Serialize};

use crate::{
    diagnostic::Meter,
    modbus::{
        self,
        bus::{BusHandle, Seat},
    },
    opcua::{
        self,
        security::{Login, Security},
    },
    template::{Protocol, Template},
};

/// Whole numbers of a record stay below 2^53.
const INTEGER_END: u64 = 1 << 53;

/// A secret that never appears in a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The secret itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One device of the facility, as the caller configures it. A driver looks nothing up.
#[derive(Debug, Clone)]
pub struct DeviceConfig {
    /// Which equipment it is.
    pub equipment: EquipmentId,
    /// Name of its template, e.g. `co2-incubator`.
    pub template: String,
    /// `opc.tcp://HOST:PORT/PATH`; for Modbus `HOST:PORT`, `rtu+tcp://HOST:PORT` or `rtu:///dev/PORT?baud=…`.
    pub address: String,
    /// Modbus unit id; 1 for most devices with their own address. Devices that share an address differ by it.
    pub unit_id: u8,
    /// Its name in its own address space; the equipment id unless given.
    pub device_name: Option<String>,
    /// User name, where the device wants one.
    pub user: Option<String>,
    /// Password of that user.
    pub secret: Option<Secret>,
    /// Certificate and key files of the user, where the device wants them instead (OPC UA).
    pub user_certificate: Option<(PathBuf, PathBuf)>,
    /// How the connection has to be secured (OPC UA).
    pub security: Security,
    /// What the facility says of its tags; only these are reported. Empty: all tags, as the template has them.
    pub tags: Vec<DeviceTag>,
    /// Of a device that measures in records: those up to this time have been taken in an earlier run.
    pub records_after: Option<Timestamp>,
}

/// What the facility says of one tag of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceTag {
    /// Its name; the template must know it.
    pub name: TagName,
    /// Its unit; the template must agree.
    pub unit: Unit,
    /// Its physical range, within that of the template.
    pub range: Range,
    /// Without a fresh value for this long, in seconds of wall time, it is stale.
    pub stale_after_s: u32,
}

impl DeviceConfig {
    /// A device without user and password, unit 1, named as the equipment.
    pub fn new(equipment: EquipmentId, template: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            equipment,
            template: template.into(),
            address: address.into(),
            unit_id: 1,
            device_name: None,
            user: None,
            secret: None,
            user_certificate: None,
            security: Security::Best,
            tags: Vec::new(),
            records_after: None,
        }
    }
    /// The same with another Modbus unit id.
    #[must_use]
    pub fn with_unit(mut self, unit_id: u8) -> Self {
        self.unit_id = unit_id;
        self
    }
    /// The same with a user and password.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, secret: Secret) -> Self {
        self.user = Some(user.into());
        self.secret = Some(secret);
        self
    }
    /// The same with the certificate and key files of a user.
    #[must_use]
    pub fn with_user_certificate(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.user_certificate = Some((certificate, key));
        self
    }
    /// The same with another security of the connection.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }
    /// Who logs in at the device.
    pub(crate) fn login(&self) -> Login {
        match (&self.user_certificate, &self.user, &self.secret) {
            (Some((certificate, key)), ..) => Login::Certificate { certificate: certificate.clone(), key: key.clone() },
            (None, Some(user), Some(secret)) => Login::Password { user: user.clone(), secret: secret.clone() },
            _ => Login::Anonymous,
        }
    }
    /// The same with what the facility says of its tags.
    #[must_use]
    pub fn with_tags(mut self, tags: Vec<DeviceTag>) -> Self {
        self.tags = tags;
        self
    }
}

/// What the drivers tell the rest of the system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverReport {
    /// Samples of one device, in the order in which they came.
    Samples(Vec<Sample>),
    /// The state of a link has changed.
    Link(LinkReport),
    /// What became of a write.
    Outcome(WriteOutcome),
    /// How the device has agreed to sample its tags; said at each connection.
    Sampling(Vec<Sampling>),
    /// The device tells of something that happened.
    Event(DeviceEvent),
}

/// How a device has agreed to sample one tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The tag.
    pub tag: TagId,
    /// The interval that was asked for, in milliseconds.
    pub asked_ms: f64,
    /// The interval in force, in milliseconds; `None`: the tag is only read at the interval of its template.
    pub effective_ms: Option<f64>,
    /// The interval at which changes are sent, in milliseconds.
    pub publishing_ms: f64,
    /// Values that the device keeps until it sends them.
    pub queue_size: u32,
    /// Whether the device keeps the deadband of the template.
    pub deadband: bool,
    /// The device's code where it refuses to watch the tag.
    pub refused: Option<String>,
}

impl Sampling {
    /// What of it is recorded, of the tags of one device; none when it says nothing.
    pub fn report(agreed: &[Self]) -> Option<SamplingReport> {
        let equipment = agreed.first()?.tag.equipment.clone();
        let tag = |one: &Self| TagSampling {
            tag: one.tag.name.clone(),
            asked_us: microseconds(one.asked_ms).unwrap_or_default(),
            effective_us: one.effective_ms.and_then(microseconds),
            refused: one.refused.clone(),
        };
        Some(SamplingReport { equipment, tags: agreed.iter().map(tag).collect() })
    }
}

/// As a whole number; none where a device says what is no time.
fn microseconds(ms: f64) -> Option<u64> {
    let time = Duration::try_from_secs_f64(ms / 1000.0).ok()?;
    u64::try_from(time.as_micros()).ok().filter(|us| *us < INTEGER_END)
}

impl DriverReport {
    /// The equipment it speaks of; none when it says nothing.
    pub fn equipment(&self) -> Option<&EquipmentId> {
        match self {
            Self::Samples(samples) => samples.first().map(|sample| &sample.tag.equipment),
            Self::Link(link) => Some(&link.equipment),
            Self::Outcome(outcome) => Some(&outcome.tag.equipment),
            Self::Sampling(agreed) => agreed.first().map(|one| &one.tag.equipment),
            Self::Event(event) => Some(&event.equipment),
        }
    }
}

/// One value as the wire gave it, before it is a sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Place of the tag in the template.
    pub(crate) tag: usize,
    pub(crate) value: Option<SampleValue>,
    pub(crate) quality: Quality,
    pub(crate) source_time: Option<Timestamp>,
    /// When a server between the device and us saw the value.
    pub(crate) server_time: Option<Timestamp>,
    /// The device lost values before this one.
    pub(crate) overflow: bool,
}

/// Part of a cycle of readings.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) readings: Vec<Reading>,
    /// The cycle is not over.
    pub(crate) more: bool,
}

/// Why there is no connection, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// May heal by itself: try again later.
    #[error("{step}: {cause}")]
    Lost { step: &'static str, cause: String },
    /// Trying again changes nothing until a person has acted.
    #[error("{reason}")]
    NeedsPerson { reason: String },
}

impl LinkError {
    pub(crate) fn lost(step: &'static str, cause: impl fmt::Display) -> Self {
        Self::Lost { step, cause: cause.to_string() }
    }
}

/// Why a write did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// The device said no; the connection is fine.
    Refused { code: String },
    /// The value does not fit the tag; nothing was sent.
    Unsendable { reason: String },
    /// The device answered that it does not know.
    Unclear { reason: String },
    /// The connection broke while the write was under way.
    Lost(LinkError),
}

/// A device with its template, as a link works on it.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) config: DeviceConfig,
    pub(crate) template: Arc<Template>,
    pub(crate) clock: Clock,
    /// Own certificate and trust list for OPC UA.
    pub(crate) pki_dir: PathBuf,
    /// Counted where requests are made.
    pub(crate) meter: Meter,
    /// Its place on a Modbus link.
    pub(crate) seat: Option<(BusHandle, Arc<Seat>)>,
}

impl Device {
    /// Name of the device in its own address space.
    pub(crate) fn name(&self) -> &str {
        self.config.device_name.as_deref().unwrap_or(self.config.equipment.as_str())
    }
}

/// One open connection to one device.
pub(crate) enum Connection {
    OpcUa(Box<opcua::client::Connection>),
    Modbus(modbus::client::Connection),
}

impl Connection {
    /// Connects; the caller sets the deadline of the whole.
    pub(crate) async fn open(device: &Device) -> Result<Self, LinkError> {
        match device.template.protocol {
            Protocol::OpcUa => Ok(Self::OpcUa(Box::new(opcua::client::Connection::open(device).await?))),
            Protocol::Modbus => Ok(Self::Modbus(modbus::client::Connection::open(device).await?)),
            Protocol::File => {
                Err(LinkError::NeedsPerson { reason: "a closed device cannot be connected to".to_owned() })
            }
        }
    }
    /// Readings that the device sends by itself. May be dropped at any time without losing one.
    pub(crate) async fn notified(&mut self) -> Result<Vec<Reading>, LinkError> {
        match self {
            Self::OpcUa(one) => one.notified().await,
            Self::Modbus(one) => one.notified().await,
        }
    }
    /// Starts a cycle of reading all tags.
    pub(crate) fn begin_cycle(&mut self) {
        match self {
            Self::OpcUa(_) => {}
            Self::Modbus(one) => one.begin_cycle(),
        }
    }
    /// The next part of the cycle, as much as one request brings.
    pub(crate) async fn read_part(&mut self) -> Result<Part, LinkError> {
        match self {
            Self::OpcUa(one) => Ok(Part { readings: one.read_all().await?, more: false }),
            Self::Modbus(one) => one.read_part().await,
        }
    }
    /// Reads one tag.
    pub(crate) async fn read_one(&mut self, tag: usize) -> Result<Reading, LinkError> {
        match self {
            Self::OpcUa(one) => one.read_one(tag).await,
            Self::Modbus(one) => one.read_one(tag).await,
        }
    }
    /// Writes one tag, once.
    pub(crate) async fn write(&mut self, tag: usize, value: &SampleValue) -> Result<(), WriteFault> {
        match self {
            Self::OpcUa(one) => one.write(tag, value).await,
            Self::Modbus(one) => one.write(tag, value).await,
        }
    }
    /// Calls the method of a tag, once; gives its first output.
    pub(crate) async fn call(&mut self, tag: usize, value: &SampleValue) -> Result<Option<SampleValue>, WriteFault> {
        match self {
            Self::OpcUa(one) => one.call(tag, value).await,
            Self::Modbus(_) => Err(WriteFault::Unsendable { reason: "Modbus has no methods to call".to_owned() }),
        }
    }
    /// Reports other than readings that have come up since the last call.
    pub(crate) fn news(&mut self) -> Vec<DriverReport> {
        match self {
            Self::OpcUa(one) => one.news(),
            Self::Modbus(_) => Vec::new(),
        }
    }
    /// What is wrong with the device as a whole although it answers.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::OpcUa(one) => one.complaint(),
            Self::Modbus(_) => None,
        }
    }
    /// How the connection is secured, where the protocol knows of it.
    pub(crate) fn security(&self) -> Option<&str> {
        match self {
            Self::OpcUa(one) => Some(one.described()),
            Self::Modbus(_) => None,
        }
    }
    /// Takes leave of the device.
    pub(crate) async fn close(self) {
        match self {
            Self::OpcUa(one) => one.close().await,
            Self::Modbus(one) => one.close(),
        }
    }
}
