//! A Modbus server of the tests: units with an image of their registers, over TCP, RTU over TCP or a serial line, and the
//! misbehaviour that a driver must survive. It shares no tables and no codec with the driver.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use equipment_drivers::template::Table;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{Service, rtu, rtu_over_tcp, tcp},
};

/// Registers, and coils as 0 or 1.
pub(crate) type Words = BTreeMap<(Table, u16), u16>;

/// What happens after a write or a read: the device's own logic.
pub(crate) type Logic = Box<dyn FnMut(&mut Words, &Request<'static>) + Send>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) units: BTreeMap<u8, Words>,
    /// Units that say nothing.
    pub(crate) silent: BTreeSet<u8>,
    /// Units for which a gateway answers that they cannot be reached.
    pub(crate) unreachable: BTreeSet<u8>,
    /// So many requests are answered with BUSY.
    pub(crate) busy: u32,
    /// The next answer comes this late.
    pub(crate) late: Option<Duration>,
    /// Every request, in order.
    pub(crate) asked: Vec<(u8, Request<'static>)>,
    pub(crate) logic: Option<Logic>,
}

#[derive(Clone, Default)]
pub(crate) struct Image(Arc<Mutex<State>>);

impl Image {
    /// One unit with these registers.
    pub(crate) fn of(unit: u8, words: Words) -> Self {
        let image = Self::default();
        image.with(|state| state.units.insert(unit, words));
        image
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(crate) fn set(&self, unit: u8, table: Table, address: u16, word: u16) {
        self.with(|state| state.units.get_mut(&unit).unwrap().insert((table, address), word));
    }

    pub(crate) fn get(&self, unit: u8, table: Table, address: u16) -> Option<u16> {
        self.with(|state| state.units[&unit].get(&(table, address)).copied())
    }

    /// How many requests to a unit so far `fit`.
    pub(crate) fn asked(&self, unit: u8, fit: impl Fn(&Request<'static>) -> bool) -> usize {
        self.with(|state| state.asked.iter().filter(|(to, request)| *to == unit && fit(request)).count())
    }

    pub(crate) async fn tcp(&self) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let image = self.clone();
        let task = tokio::spawn(async move {
            let connected = |stream: TcpStream, peer: SocketAddr| {
                let image = image.clone();
                async move { tcp::accept_tcp_connection(stream, peer, |_| Ok(Some(image.clone()))) }
            };
            tcp::Server::new(listener).serve(&connected, |_| {}).await.unwrap();
        });
        (address, task)
    }

    pub(crate) async fn rtu_over_tcp(&self) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let image = self.clone();
        let task = tokio::spawn(async move {
            let connected = |stream: TcpStream, peer: SocketAddr| {
                let image = image.clone();
                async move { rtu_over_tcp::accept_tcp_connection(stream, peer, |_| Ok(Some(image.clone()))) }
            };
            rtu_over_tcp::Server::new(listener).serve(&connected, |_| {}).await.unwrap();
        });
        (address, task)
    }

    /// Serves one end of a line; gives the path of the other.
    pub(crate) fn serial(&self) -> (String, JoinHandle<()>) {
        let (server, path, open) = line();
        let image = self.clone();
        let task = tokio::spawn(async move {
            let _open = open;
            let _ = rtu::Server::new(server).serve_forever(image).await;
        });
        (path, task)
    }
}

/// A line of two ends: ours, the path of the other, and what keeps the other open while no driver has it.
pub(crate) fn line() -> (tokio_serial::SerialStream, String, std::fs::File) {
    use tokio_serial::SerialPort;
    let (ours, theirs) = tokio_serial::SerialStream::pair().unwrap();
    let path = theirs.name().unwrap();
    let open = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    (ours, path, open)
}

impl Service for Image {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Option<Response>, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let (answer, late) = self.with(|state| (state.answer(request.slave, request.request), state.late.take()));
        Box::pin(async move {
            if let Some(late) = late {
                tokio::time::sleep(late).await;
            }
            answer
        })
    }
}

impl State {
    fn answer(&mut self, unit: u8, request: Request<'static>) -> Result<Option<Response>, ExceptionCode> {
        self.asked.push((unit, request.clone()));
        if self.unreachable.contains(&unit) {
            return Err(ExceptionCode::GatewayTargetDevice);
        }
        let Some(words) = self.units.get_mut(&unit).filter(|_| !self.silent.contains(&unit)) else { return Ok(None) };
        if self.busy > 0 {
            self.busy -= 1;
            return Err(ExceptionCode::ServerDeviceBusy);
        }
        let answer = perform(words, &request)?;
        if let Some(logic) = &mut self.logic {
            logic(words, &request);
        }
        Ok(Some(answer))
    }
}

fn perform(words: &mut Words, request: &Request<'static>) -> Result<Response, ExceptionCode> {
    let read = |table, start: u16, count: u16| -> Result<Vec<u16>, ExceptionCode> {
        (start..start + count)
            .map(|at| words.get(&(table, at)).copied().ok_or(ExceptionCode::IllegalDataAddress))
            .collect()
    };
    let bits = |words: Vec<u16>| words.into_iter().map(|word| word != 0).collect();
    Ok(match request {
        Request::ReadCoils(start, count) => Response::ReadCoils(bits(read(Table::Coil, *start, *count)?)),
        Request::ReadDiscreteInputs(start, count) => {
            Response::ReadDiscreteInputs(bits(read(Table::Discrete, *start, *count)?))
        }
        Request::ReadHoldingRegisters(start, count) => {
            Response::ReadHoldingRegisters(read(Table::Holding, *start, *count)?)
        }
        Request::ReadInputRegisters(start, count) => Response::ReadInputRegisters(read(Table::Input, *start, *count)?),
        Request::WriteSingleCoil(at, bit) => {
            *words.get_mut(&(Table::Coil, *at)).ok_or(ExceptionCode::IllegalDataAddress)? = u16::from(*bit);
            Response::WriteSingleCoil(*at, *bit)
        }
        Request::WriteMultipleCoils(at, all) => {
            for (address, bit) in (*at..).zip(all.iter()) {
                *words.get_mut(&(Table::Coil, address)).ok_or(ExceptionCode::IllegalDataAddress)? = u16::from(*bit);
            }
            Response::WriteMultipleCoils(*at, u16::try_from(all.len()).unwrap())
        }
        Request::WriteSingleRegister(at, word) => {
            *words.get_mut(&(Table::Holding, *at)).ok_or(ExceptionCode::IllegalDataAddress)? = *word;
            Response::WriteSingleRegister(*at, *word)
        }
        Request::WriteMultipleRegisters(at, all) => {
            for (address, word) in (*at..).zip(all.iter()) {
                *words.get_mut(&(Table::Holding, address)).ok_or(ExceptionCode::IllegalDataAddress)? = *word;
            }
            Response::WriteMultipleRegisters(*at, u16::try_from(all.len()).unwrap())
        }
        _ => return Err(ExceptionCode::IllegalFunction),
    })
}
