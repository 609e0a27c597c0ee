//! One Modbus TCP connection to one device.
//!
//! Every request has a time limit. After a limit or a foreign transaction id the connection is given up, because a late
//! answer would put every later one out of step for good; the supervisor connects anew. Nothing is repeated here.

use std::time::Duration;

use mes_core::historian::{Cause, Quality, SampleValue};
use tokio::{net::TcpStream, time::timeout};
use tokio_modbus::{
    ExceptionCode, Slave,
    client::{Client, Context, Reader, Writer, tcp},
};

use super::{
    codec,
    plan::{Block, plan},
};
use crate::{
    driver::{Device, LinkError, Reading, WriteFault},
    template::{ModbusPoint, Table, Template},
};

/// Longest wait for the TCP connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Longest wait for an answer.
const REQUEST_MAX: Duration = Duration::from_secs(2);

/// The three layers of a Modbus answer: time and wire, then the device's word, then the data.
type Answer<T> = Result<Result<T, ExceptionCode>, LinkError>;

/// One open connection.
pub(crate) struct Connection {
    context: Context,
    template: std::sync::Arc<Template>,
    blocks: Vec<Block>,
}

impl Connection {
    pub(crate) async fn open(device: &Device) -> Result<Self, LinkError> {
        let address = &device.config.address;
        let stream = match timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Err(_) => return Err(LinkError::lost("connect", format!("no answer within {} s", CONNECT_MAX.as_secs()))),
            Ok(Err(error)) => return Err(LinkError::lost("connect", error)),
            Ok(Ok(stream)) => stream,
        };
        stream.set_nodelay(true).map_err(|error| LinkError::lost("connect", error))?;
        let context = tcp::attach_slave(stream, Slave(device.config.unit_id));
        let template = device.template.clone();
        let points: Vec<_> =
            template.tags.iter().enumerate().filter_map(|(tag, one)| Some((tag, one.modbus.as_ref()?))).collect();
        let blocks = template.modbus.as_ref().map(|map| plan(&points, map)).unwrap_or_default();
        Ok(Self { context, template, blocks })
    }

    pub(crate) async fn read_all(&mut self) -> Result<Vec<Reading>, LinkError> {
        let mut readings = Vec::with_capacity(self.template.tags.len());
        for block in self.blocks.clone() {
            match self.read(block.table, block.start, block.count).await? {
                Ok(registers) => {
                    for (tag, offset) in &block.tags {
                        let Some(point) = self.point(*tag) else { continue };
                        let end = offset + usize::from(point.kind.registers());
                        let value = codec::decode(registers.get(*offset..end).unwrap_or_default(), point);
                        readings.push(reading(*tag, value));
                    }
                }
                // The device refuses the block: read its tags one by one, so that one hole does not hide the others.
                Err(_) if block.tags.len() > 1 => {
                    for (tag, _) in &block.tags {
                        readings.push(self.read_one(*tag).await?);
                    }
                }
                Err(code) => readings.extend(block.tags.iter().map(|(tag, _)| reading(*tag, Err(said_no(code))))),
            }
        }
        Ok(readings)
    }

    pub(crate) async fn read_one(&mut self, tag: usize) -> Result<Reading, LinkError> {
        let Some(point) = self.point(tag).cloned() else {
            return Ok(reading(tag, Err(Cause::Device("the template has no register for this tag".to_owned()))));
        };
        let answer = self.read(point.table, point.address, point.kind.registers()).await?;
        Ok(reading(tag, answer.map_err(said_no).and_then(|registers| codec::decode(&registers, &point))))
    }

    pub(crate) async fn write(&mut self, tag: usize, value: &SampleValue) -> Result<(), WriteFault> {
        let Some(point) = self.point(tag).cloned() else {
            return Err(WriteFault::Unsendable { reason: "the template has no register for this tag".to_owned() });
        };
        let registers =
            codec::encode(value, &point).map_err(|error| WriteFault::Unsendable { reason: error.to_string() })?;
        let sent = match registers.as_slice() {
            [one] => within("write", self.context.write_single_register(point.address, *one)).await,
            many => within("write", self.context.write_multiple_registers(point.address, many)).await,
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(code)) => Err(WriteFault::Refused { code: format!("{code:?}") }),
            Err(lost) => Err(WriteFault::Lost(lost)),
        }
    }

    pub(crate) async fn close(mut self) {
        // The device learns of it by the closed socket in any case.
        let _ = timeout(REQUEST_MAX, self.context.disconnect()).await;
    }

    fn point(&self, tag: usize) -> Option<&ModbusPoint> {
        self.template.tags.get(tag)?.modbus.as_ref()
    }

    async fn read(&mut self, table: Table, start: u16, count: u16) -> Answer<Vec<u16>> {
        match table {
            Table::Holding => within("read", self.context.read_holding_registers(start, count)).await,
            Table::Input => within("read", self.context.read_input_registers(start, count)).await,
        }
    }
}

async fn within<T>(step: &'static str, request: impl Future<Output = tokio_modbus::Result<T>>) -> Answer<T> {
    match timeout(REQUEST_MAX, request).await {
        Err(_) => Err(LinkError::lost(step, format!("no answer within {} s", REQUEST_MAX.as_secs()))),
        Ok(Err(error)) => Err(LinkError::lost(step, error)),
        Ok(Ok(answer)) => Ok(answer),
    }
}

fn said_no(code: ExceptionCode) -> Cause {
    Cause::Device(format!("{code:?}"))
}

fn reading(tag: usize, value: Result<SampleValue, Cause>) -> Reading {
    let (value, quality) = match value {
        Ok(value) => (Some(value), Quality::GOOD),
        Err(cause) => (None, Quality::bad(cause)),
    };
    Reading { tag, value, quality, source_time: None, server_time: None, overflow: false }
}
