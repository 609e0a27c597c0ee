//! Drivers in a process of their own, so that nothing a device says is lost while the core is stopped, changed or
//! started: the gateway keeps reports on disk until the core has made them durable.
//!
//! Here is what the two say to each other, line by line over a local socket. Neither side decides anything.

mod door;
mod keeper;
mod queues;

use std::{collections::BTreeMap, io, path::PathBuf};

use equipment_drivers::{Diagnostics, DriverReport};
use mes_core::{clock::Timestamp, engine::WriteRequest, id::EquipmentId, tenant::Facility};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub use door::{Door, DoorError, Inside};
pub use keeper::{GatewayError, Keeper};

/// Version of what is said; both sides must speak the same.
pub const GATEWAY_VERSION: u32 = 2;
/// Name of the socket in the data folder.
pub const GATEWAY_SOCKET_FILE: &str = "gateway.sock";
/// Name of the gateway's own folder in the data folder.
pub const GATEWAY_FOLDER: &str = "gateway";
/// Longest line, in bytes: a report as large as the buffer takes, as text.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The queue of one device on the gateway's disk: the device, and the queue's own random name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(pub String);

/// A report with its place in its queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Which queue.
    pub source: Source,
    /// Its number there, from 1.
    pub number: u64,
    /// What the driver said.
    pub report: DriverReport,
}

/// What the gateway says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToCore {
    /// The first line.
    Hello {
        /// [`GATEWAY_VERSION`].
        version: u32,
        /// Its queues.
        sources: Vec<Source>,
    },
    /// One more queue, of a device that is new.
    Opened(Source),
    /// A report.
    Report(Box<Numbered>),
    /// What was counted of each device so far; for people who look, not for the record.
    Figures(BTreeMap<EquipmentId, Diagnostics>),
}

/// What the core says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToGateway {
    /// The answer to the first line.
    Welcome {
        /// Facility time, so that samples carry it.
        now: Timestamp,
        /// Up to where the core has made each queue durable.
        durable: Vec<(Source, u64)>,
        /// Equipment and all that its drivers need; nothing of tenants or people.
        facility: Box<Facility>,
    },
    /// The equipment has changed.
    Facility(Box<Facility>),
    /// Everything of a queue up to this number is durable.
    Durable(Source, u64),
    /// Write a value.
    Write(Box<WriteRequest>),
    /// Connect a device anew.
    Reconnect(EquipmentId),
    /// No; the reason is for a person.
    Refused(String),
}

/// Of the facility, what drivers need.
fn for_drivers(facility: &Facility) -> Facility {
    let mut own = facility.clone();
    (own.name, own.tenants, own.agreements) = (None, Default::default(), Default::default());
    (own.suites, own.terminals, own.people) = (Default::default(), Default::default(), Default::default());
    own
}

/// Writes one line.
async fn say<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), what: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// Reads one line; none at the end.
async fn hear<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let read = from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    match (read, line.last()) {
        (0, _) => Ok(None),
        (_, Some(b'\n')) => Ok(Some(serde_json::from_slice(&line)?)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the line is not whole")),
    }
}

/// The socket's path for a data folder.
pub fn socket(config: &crate::config::Config) -> PathBuf {
    config.data.join(GATEWAY_SOCKET_FILE)
}
