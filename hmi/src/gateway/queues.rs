//! The gateway's queues, one for each device, and how a report lies in them.
//!
//! It keeps reports and numbers them; to whom they go is for `keeper.rs`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::PathBuf,
};

use equipment_drivers::{
    DriverReport,
    buffer::{Buffer, BufferLimits, Recovered},
};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use mes_core::{engine::LinkReport, id::EquipmentId};

use super::{LINE_BYTES_MAX, Source, keeper::GatewayError, keeper::file};

/// Name of the file with a queue's own name.
const NAME_FILE: &str = "name";

/// The queue of one device.
pub(super) struct Queue {
    pub(super) buffer: Buffer,
    pub(super) source: Source,
    /// Handed to the connection up to this number; none before the core has said up to where it has everything.
    pub(super) sent: Option<u64>,
    /// The newest state of the link.
    pub(super) link: Option<LinkReport>,
}

/// All queues.
pub(super) struct Queues {
    folder: PathBuf,
    limits: BufferLimits,
    /// The core has said up to where it has everything.
    welcomed: bool,
    pub(super) all: BTreeMap<EquipmentId, Queue>,
}

impl Queues {
    /// Opens what is there from before: it is handed over even when its device is gone.
    pub(super) fn open(folder: PathBuf, limits: BufferLimits) -> Result<Self, GatewayError> {
        let mut queues = Self { folder, limits, welcomed: false, all: BTreeMap::new() };
        for entry in fs::read_dir(&queues.folder).map_err(file(&queues.folder))? {
            let path = entry.map_err(file(&queues.folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let (true, Some(Ok(equipment))) = (path.is_dir(), name.map(str::parse::<EquipmentId>)) {
                let queue = queues.open_one(&equipment)?;
                queues.all.insert(equipment, queue);
            }
        }
        Ok(queues)
    }

    fn open_one(&self, equipment: &EquipmentId) -> Result<Queue, GatewayError> {
        let folder = self.folder.join(equipment.as_str());
        let (buffer, Recovered { torn_bytes, damaged }) = Buffer::open(&folder, self.limits)?;
        if torn_bytes > 0 {
            tracing::warn!("{equipment}: {torn_bytes} bytes of an interrupted write were cut off the queue");
        }
        for missing in damaged {
            tracing::error!("{equipment}: reports {} to {} were damaged on disk", missing.first, missing.last);
        }
        let name = folder.join(NAME_FILE);
        let own = match fs::read_to_string(&name) {
            Ok(own) => own,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let own = crate::random::id(equipment.as_str());
                fs::write(&name, &own).map_err(file(&name))?;
                own
            }
            Err(error) => return Err(file(&name)(error)),
        };
        Ok(Queue { buffer, source: Source(own.trim().to_owned()), sent: None, link: None })
    }

    /// Keeps a report; gives the queue when it is new.
    pub(super) fn keep(&mut self, report: DriverReport) -> Result<Option<Source>, GatewayError> {
        let Some(equipment) = report.equipment().cloned() else { return Ok(None) };
        let bytes = packed(&report)?;
        let mut opened = None;
        if !self.all.contains_key(&equipment) {
            let mut queue = self.open_one(&equipment)?;
            queue.sent = self.welcomed.then(|| queue.buffer.taken_over());
            opened = Some(queue.source.clone());
            self.all.insert(equipment.clone(), queue);
        }
        let Some(queue) = self.all.get_mut(&equipment) else { return Ok(None) };
        if let DriverReport::Link(link) = report {
            queue.link = Some(link);
        }
        if let (_, Some(gone)) = queue.buffer.append(&bytes)? {
            tracing::error!("{equipment}: the queue is full; reports {} to {} were dropped", gone.first, gone.last);
        }
        Ok(opened)
    }

    /// Forces what was kept onto the disk.
    pub(super) fn sync(&mut self) -> Result<(), GatewayError> {
        for queue in self.all.values_mut() {
            queue.buffer.sync()?;
        }
        Ok(())
    }

    /// Nothing is handed over before the core has said up to where it has everything.
    pub(super) fn hold_back(&mut self) {
        self.welcomed = false;
        self.all.values_mut().for_each(|queue| queue.sent = None);
    }

    /// What is durable at the core, as it says when a connection begins.
    pub(super) fn begin(&mut self, durable: &[(Source, u64)]) -> Result<(), GatewayError> {
        for queue in self.all.values_mut() {
            let known = durable.iter().find(|(source, _)| *source == queue.source);
            queue.buffer.take_over(known.map_or(0, |(_, number)| *number))?;
            queue.sent = Some(queue.buffer.taken_over());
        }
        self.welcomed = true;
        Ok(())
    }

    /// One queue is durable at the core up to a number.
    pub(super) fn take_over(&mut self, source: &Source, number: u64) -> Result<(), GatewayError> {
        if let Some(queue) = self.all.values_mut().find(|queue| queue.source == *source) {
            queue.buffer.take_over(number)?;
        }
        Ok(())
    }
}

/// A report as it lies on disk: JSON, deflated.
fn packed(report: &DriverReport) -> Result<Vec<u8>, GatewayError> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&serde_json::to_vec(report).map_err(io::Error::from)?)?;
    Ok(packer.finish()?)
}

/// A report from the disk.
pub(super) fn unpacked(bytes: &[u8]) -> Result<DriverReport, GatewayError> {
    let mut text = Vec::new();
    DeflateDecoder::new(bytes).take(LINE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).map_err(io::Error::from)?)
}

#[cfg(test)]
mod tests {
    use mes_core::{
        clock::Timestamp,
        historian::{Quality, Sample, SampleValue},
    };

    use super::*;

    /// Twenty tags, each with another value every second.
    fn second(second: i64, dice: &mut u64) -> DriverReport {
        let mut roll = |below: u64| {
            *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((*dice >> 33) % below).unwrap()
        };
        let at = |ms: i64| Timestamp::from_ms(1_780_000_000_000 + second * 1_000 + ms);
        let tags = (0..20).map(|tag| Sample {
            tag: format!("BR-01/measured_value_{tag}").parse().unwrap(),
            value: Some(SampleValue::Real(f64::from(i32::try_from(roll(100_000)).unwrap()) / 100.0)),
            quality: Quality::GOOD,
            source_time: Some(at(roll(1_000))),
            server_time: Some(at(roll(1_000))),
            receive_time: at(roll(1_000)),
            seq: second.unsigned_abs() + 1,
            overflow: false,
        });
        DriverReport::Samples(tags.collect())
    }

    #[test]
    fn seventy_two_hours_of_a_device_fit_into_half_of_its_queue() {
        let (mut dice, mut bytes) = (1, 0);
        for at in 0..600 {
            let report = second(at, &mut dice);
            let packed = packed(&report).unwrap();
            assert_eq!(unpacked(&packed).unwrap(), report);
            bytes += packed.len() + 44;
        }
        let days = bytes / 600 * 72 * 3_600;
        assert!(u64::try_from(days).unwrap() < BufferLimits::default().bytes_max / 2, "{days}");
    }
}
