//! Simulated Modbus devices as real servers: Modbus TCP, RTU frames over TCP, and RTU on a serial line.
//!
//! Here is what all have in common: unit, functions, faults and the clock. Which registers a device has, and what it refuses,
//! is in `sim_bioreactor.rs`, `sim_incubator.rs`, `sim_counter.rs` and `sim_room.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Ready, ready},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use mes_core::{
    clock::{Clock, Timestamp},
    id::TagName,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{Service, rtu_over_tcp, tcp},
};

use crate::{
    device_kind::{DeviceKind, Framing},
    fault::{Fault, FaultBoard},
    simulator::{Machine, Rising, SimError, SimHandle, Start, start},
};

/// The unit id that a simulated device answers to unless it is told otherwise.
pub const UNIT_ID: u8 = 1;
/// Connections that a larger device takes at a time.
const CONNECTIONS_MAX: usize = 4;
/// Which registers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bank {
    Input,
    Holding,
}

/// What a device shows at one moment, apart from its own state.
pub(super) struct Moment<'a> {
    /// By how much the device's clock is off, in milliseconds.
    pub(super) clock_off_ms: i64,
    /// Seconds of wall time since the device was switched on, for a heartbeat.
    pub(super) beat: u64,
    faults: &'a FaultBoard,
    failed: BTreeSet<TagName>,
    /// Values that stand still, by tag.
    stuck: &'a BTreeMap<TagName, f64>,
    /// Answers come from a device that is calibrating.
    pub(super) busy: bool,
}

impl Moment<'_> {
    /// Whether the sensor of this tag has failed.
    pub(super) fn failed(&self, tag: &str) -> bool {
        self.failed.iter().any(|one| one.as_str() == tag)
    }
    /// Whether any sensor has failed.
    pub(super) fn any_failed(&self) -> bool {
        !self.failed.is_empty()
    }
    /// What the device shows for a tag; none when its sensor has failed.
    pub(super) fn shown(&self, tag: &str, honest: f64) -> Option<f64> {
        if self.failed(tag) {
            return None;
        }
        let held = self.stuck.iter().find(|(one, _)| one.as_str() == tag).map(|(_, value)| *value);
        Some(self.faults.shown(tag, held.unwrap_or(honest)))
    }
    /// Word `part` (0 first) of a single, high word first; NaN when the sensor has failed.
    pub(super) fn float(&self, tag: &str, honest: f64, part: u16) -> u16 {
        single(self.shown(tag, honest).unwrap_or(f64::NAN), part)
    }
    /// A tenth of the value in a signed word; the sentinel when the sensor has failed.
    pub(super) fn tenths(&self, tag: &str, honest: f64, sentinel: u16) -> u16 {
        self.shown(tag, honest).map_or(sentinel, |value| word(value * 10.0))
    }
}

/// Word `part` (0 first) of a single, high word first.
pub(super) fn single(value: f64, part: u16) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "the registers hold a single")]
    let bits = if value.is_nan() { 0x7FC0_0000 } else { (value as f32).to_bits() };
    half(bits, part)
}

/// Word `part` (0 first) of 32 bits, high word first.
pub(super) fn half(bits: u32, part: u16) -> u16 {
    let [a, b, c, d] = bits.to_be_bytes();
    if part == 0 { u16::from_be_bytes([a, b]) } else { u16::from_be_bytes([c, d]) }
}

/// A signed word, at its limit where the value is beyond.
pub(super) fn word(value: f64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "limited to the word on this line")]
    let whole = value.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16;
    u16::from_be_bytes(whole.to_be_bytes())
}

/// The two words of a single, high word first, as a number.
pub(super) fn joined(high: u16, low: u16) -> f64 {
    super::codec::shortest(f32::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// The registers of one kind of device and what is behind them.
pub(super) trait Registers: Send + 'static {
    /// Brings the model up to now.
    fn advance(&mut self, now: Timestamp);
    /// Looks at the values once; the registers show these until the next look.
    fn look(&mut self, now: Timestamp);
    /// Which of its sensors have failed, for devices whose model feels it.
    fn trouble(&mut self, _failed: &dyn Fn(&str) -> bool) {}
    /// One register; an exception where there is none.
    fn register(&self, bank: Bank, address: u16, moment: &Moment<'_>) -> Result<u16, ExceptionCode>;
    /// Most registers in one read.
    fn read_max(&self) -> u16 {
        125
    }
    /// After registers were read: some are cleared by reading.
    fn was_read(&mut self, _bank: Bank, _start: u16, _count: u16) {}
    /// Writes one register (FC06) or several (FC16) of the device.
    fn write(&mut self, _start: u16, _words: &[u16], _single: bool, _now: Timestamp) -> Result<(), ExceptionCode> {
        Err(ExceptionCode::IllegalFunction)
    }
    /// The honest value of a tag as it is shown now: what a stuck value is stuck at.
    fn value(&self, tag: &str) -> Option<f64>;
    /// Opens the door, where there is one, for seconds of facility time.
    fn open_door(&mut self, _seconds: i64) -> bool {
        false
    }
}

/// How a simulated Modbus device is reached.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) unit: u8,
    pub(crate) framing: Framing,
    pub(crate) clock: Clock,
}

/// Starts a device.
pub(super) async fn serve(line: Line, kind: DeviceKind, registers: impl Registers) -> Result<SimHandle, SimError> {
    let faults = FaultBoard::default();
    let device = Device {
        registers: Box::new(registers),
        began: line.clock.now(),
        clock: line.clock,
        faults: faults.clone(),
        since: Clock::wall(),
        frozen: None,
        stuck: BTreeMap::new(),
    };
    let machine = ModbusMachine {
        service: Answering { unit: line.unit, device: Arc::new(Mutex::new(device)) },
        framing: line.framing,
        server: None,
    };
    let options = Start {
        name: line.name,
        kind,
        framing: line.framing,
        port: line.port,
        connections_max: if kind.takes_one_connection() { 1 } else { CONNECTIONS_MAX },
        certificate: None,
        faults,
        renew: Arc::new(Notify::new()),
    };
    start(options, machine).await
}

struct Device {
    registers: Box<dyn Registers>,
    clock: Clock,
    faults: FaultBoard,
    since: Instant,
    /// Facility time at which it was switched on.
    began: Timestamp,
    /// Time and heartbeat at which the values froze.
    frozen: Option<(Timestamp, u64)>,
    stuck: BTreeMap<TagName, f64>,
}

impl Device {
    /// Brings the model up to now and looks at it, unless the device is frozen.
    fn renew(&mut self) -> (Timestamp, u64) {
        let now = self.clock.now();
        let failed = self.faults.failed_sensors();
        self.registers.trouble(&|tag| failed.iter().any(|one| one.as_str() == tag));
        self.registers.advance(now);
        let beat = self.since.elapsed().as_secs();
        if self.faults.has(&Fault::Freeze) {
            return *self.frozen.get_or_insert((now, beat));
        }
        self.frozen = None;
        self.registers.look(now);
        let stuck = self.faults.stuck();
        self.stuck.retain(|tag, _| stuck.contains(tag));
        for tag in stuck {
            if let Some(value) = self.registers.value(tag.as_str()) {
                self.stuck.entry(tag).or_insert(value);
            }
        }
        (now, beat)
    }

    fn read(&mut self, bank: Bank, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        let (_, beat) = self.renew();
        let moment = Moment {
            clock_off_ms: self.faults.clock_off_ms(self.began),
            beat,
            faults: &self.faults,
            failed: self.faults.failed_sensors(),
            stuck: &self.stuck,
            busy: self.faults.has(&Fault::Busy),
        };
        if count == 0 || count > self.registers.read_max() {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let one = |offset: u16| {
            let address = start.checked_add(offset).ok_or(ExceptionCode::IllegalDataAddress)?;
            self.registers.register(bank, address, &moment)
        };
        let words = (0..count).map(one).collect();
        self.registers.was_read(bank, start, count);
        words
    }

    fn write(&mut self, start: u16, words: &[u16], single: bool) -> Result<(), ExceptionCode> {
        let (now, _) = self.renew();
        if self.faults.has(&Fault::RefuseWrites) || self.faults.has(&Fault::Busy) {
            return Err(ExceptionCode::ServerDeviceBusy);
        }
        if self.faults.has(&Fault::IgnoreWrites) {
            return Ok(());
        }
        self.registers.write(start, words, single, now)
    }

    fn answer(&mut self, request: Request<'static>) -> Result<Response, ExceptionCode> {
        match request {
            Request::ReadHoldingRegisters(start, count) => {
                self.read(Bank::Holding, start, count).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(start, count) => {
                self.read(Bank::Input, start, count).map(Response::ReadInputRegisters)
            }
            Request::WriteMultipleRegisters(start, words) => {
                let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
                self.write(start, &words, false).map(|()| Response::WriteMultipleRegisters(start, count))
            }
            Request::WriteSingleRegister(start, word) => {
                self.write(start, &[word], true).map(|()| Response::WriteSingleRegister(start, word))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

#[derive(Clone)]
struct Answering {
    unit: u8,
    device: Arc<Mutex<Device>>,
}

impl Answering {
    fn device(&self) -> std::sync::MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Answering {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Self::Response, Self::Exception>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        // Another unit's request is none of ours: silence.
        if request.slave != self.unit {
            return ready(Ok(None));
        }
        ready(self.device().answer(request.request).map(Some))
    }
}

struct ModbusMachine {
    service: Answering,
    framing: Framing,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Machine for ModbusMachine {
    async fn rise(&mut self, _rising: Rising) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let service = self.service.clone();
        let failed = |error: io::Error| tracing::debug!(%error, "simulator: a Modbus connection ended");
        self.server = Some(if self.framing == Framing::ModbusRtu {
            tokio::spawn(async move {
                let connected = |stream: TcpStream, peer: SocketAddr| {
                    let service = service.clone();
                    async move { rtu_over_tcp::accept_tcp_connection(stream, peer, |_| Ok(Some(service.clone()))) }
                };
                rtu_over_tcp::Server::new(listener).serve(&connected, failed).await
            })
        } else {
            tokio::spawn(async move {
                let connected = |stream: TcpStream, peer: SocketAddr| {
                    let service = service.clone();
                    async move { tcp::accept_tcp_connection(stream, peer, |_| Ok(Some(service.clone()))) }
                };
                tcp::Server::new(listener).serve(&connected, failed).await
            })
        });
        Ok(address)
    }

    async fn fall(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    fn tick(&mut self) {
        self.service.device().renew();
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.service.device().registers.open_door(seconds)
    }
}
