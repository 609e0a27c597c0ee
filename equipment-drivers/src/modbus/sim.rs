//! A CO2 incubator that is a real Modbus TCP server: one connection at a time, unit 1, registers as in the template
//! `co2-incubator`, floats CDAB.
//!
//! It refuses what a real one refuses: other functions, unknown registers, half a float, values out of range.

use std::{
    future::{Ready, ready},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use mes_core::clock::Clock;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{
        Service,
        tcp::{Server, accept_tcp_connection},
    },
};

use crate::{
    fault::{Fault, FaultBoard},
    physics::{
        Refusal,
        incubator::{Command, Incubator, Shown},
    },
    simulator::{Machine, SimError, SimHandle, Start, start},
};

/// The unit id it answers to.
pub const UNIT_ID: u8 = 1;

/// A simulated incubator.
#[derive(Debug, Clone)]
pub struct IncubatorSim {
    /// Its name, for messages.
    pub name: String,
    /// Port on the loopback interface; 0 for any.
    pub port: u16,
    /// Seed of its noise.
    pub seed: u64,
    /// The facility's clock.
    pub clock: Clock,
}

impl IncubatorSim {
    /// Starts it.
    pub async fn start(self) -> Result<SimHandle, SimError> {
        let faults = FaultBoard::default();
        let device = Device {
            physics: Incubator::new(self.seed, self.clock.now()),
            clock: self.clock,
            faults: faults.clone(),
            since: Clock::wall(),
            frozen: None,
        };
        let machine = IncubatorMachine { device: Arc::new(Mutex::new(device)), server: None };
        let options = Start {
            name: self.name,
            port: self.port,
            connections_max: 1,
            around: ("", ""),
            certificate: None,
            faults,
            renew: Arc::new(Notify::new()),
        };
        start(options, machine).await
    }
}

struct Device {
    physics: Incubator,
    clock: Clock,
    faults: FaultBoard,
    since: Instant,
    /// What is shown while frozen.
    frozen: Option<(Shown, u16)>,
}

impl Device {
    fn renew(&mut self) {
        let now = self.clock.now();
        self.physics.advance_to(now);
        if self.faults.has(&Fault::Freeze) {
            if self.frozen.is_none() {
                self.frozen = Some((self.physics.shown(now), self.beat()));
            }
        } else {
            self.frozen = None;
        }
    }

    fn beat(&self) -> u16 {
        u16::try_from(self.since.elapsed().as_secs() % 0x1_0000).unwrap_or_default()
    }

    fn register(&self, address: u16) -> Result<u16, ExceptionCode> {
        let (shown, beat) = self.frozen.clone().unwrap_or_else(|| (self.physics.shown(self.clock.now()), self.beat()));
        let (temperature_set, humidity_set, co2_set) = self.physics.set_points();
        let float = |tag: &str, honest: f64, first: u16| {
            let failed = self.faults.failed_sensors().iter().any(|one| one.as_str() == tag);
            let value = if failed { f64::NAN } else { self.faults.shown(tag, honest) };
            #[expect(clippy::cast_possible_truncation, reason = "the registers hold a single")]
            let bits = (value as f32).to_bits();
            let word = if address == first { bits & 0xFFFF } else { bits >> 16 };
            Ok(u16::try_from(word).unwrap_or_default())
        };
        match address {
            0x11A9 | 0x11AA => float("temperature", shown.temperature_cel, 0x11A9),
            0x11CD | 0x11CE => float("humidity", shown.humidity_percent, 0x11CD),
            0x1200 | 0x1201 => float("co2", shown.co2_percent, 0x1200),
            0x1202 | 0x1203 => float("o2", shown.o2_percent, 0x1202),
            0x1077 | 0x1078 => float("temperature_setpoint", temperature_set, 0x1077),
            0x1079 | 0x107A => float("humidity_setpoint", humidity_set, 0x1079),
            0x1220 | 0x1221 => float("co2_setpoint", co2_set, 0x1220),
            0x1210 => Ok(shown.door),
            0x1211 => Ok(shown.alarms),
            0x1212 => Ok(beat),
            // Mode: manual set-points; no program.
            0x1A22 => Ok(0x0800),
            0x1A23 | 0x1204..=0x120F | 0x1213..=0x121F => Ok(0),
            _ => Err(ExceptionCode::IllegalDataAddress),
        }
    }

    fn read(&self, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        (0..count)
            .map(|offset| self.register(start.checked_add(offset).ok_or(ExceptionCode::IllegalDataAddress)?))
            .collect()
    }

    fn write(&mut self, start: u16, words: &[u16]) -> Result<(), ExceptionCode> {
        if self.faults.has(&Fault::RefuseWrites) {
            return Err(ExceptionCode::ServerDeviceBusy);
        }
        let command: fn(f64) -> Command = match start {
            0x1077 => Command::Temperature,
            0x1079 => Command::Humidity,
            0x1220 => Command::CarbonDioxide,
            _ => return Err(ExceptionCode::IllegalDataAddress),
        };
        // Both words of a float or nothing.
        let [low, high] = words else { return Err(ExceptionCode::IllegalDataValue) };
        let value = f32::from_bits(u32::from(*high) << 16 | u32::from(*low));
        if self.faults.has(&Fault::IgnoreWrites) {
            return Ok(());
        }
        self.physics.command(command(super::codec::shortest(value))).map_err(|refusal| match refusal {
            Refusal::OutOfRange => ExceptionCode::IllegalDataValue,
            Refusal::InvalidState => ExceptionCode::ServerDeviceBusy,
        })
    }
}

#[derive(Clone)]
struct Registers(Arc<Mutex<Device>>);

impl Service for Registers {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Self::Response, Self::Exception>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        if request.slave != UNIT_ID {
            return ready(Ok(None));
        }
        let mut device = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        device.renew();
        ready(match request.request {
            Request::ReadHoldingRegisters(start, count) => {
                device.read(start, count).map(|words| Some(Response::ReadHoldingRegisters(words)))
            }
            Request::WriteMultipleRegisters(start, words) => {
                let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
                device.write(start, &words).map(|()| Some(Response::WriteMultipleRegisters(start, count)))
            }
            Request::WriteSingleRegister(start, word) => {
                device.write(start, &[word]).map(|()| Some(Response::WriteSingleRegister(start, word)))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

struct IncubatorMachine {
    device: Arc<Mutex<Device>>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Machine for IncubatorMachine {
    async fn rise(&mut self, _shifted: bool) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let service = Registers(self.device.clone());
        self.server = Some(tokio::spawn(async move {
            let connected = |stream: TcpStream, peer: SocketAddr| {
                let service = service.clone();
                async move { accept_tcp_connection(stream, peer, |_| Ok(Some(service.clone()))) }
            };
            let failed = |error: io::Error| tracing::debug!(%error, "simulator: a Modbus connection ended");
            Server::new(listener).serve(&connected, failed).await
        }));
        Ok(address)
    }

    async fn fall(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    fn tick(&mut self) {
        self.device.lock().unwrap_or_else(PoisonError::into_inner).renew();
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        self.device.lock().unwrap_or_else(PoisonError::into_inner).physics.open_door(seconds);
        true
    }
}
