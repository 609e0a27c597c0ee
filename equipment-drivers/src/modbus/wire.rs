//! The wire of one Modbus link: opens it, sends one request, and judges whether the answer belongs to it.
//!
//! `tokio-modbus` makes and reads the frames. It has no time limits and does not check the length of an answer; both
//! are done here. Nothing is repeated here: after a trouble, `recover` tells whether the wire can still be used.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use mes_core::clock::Clock;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_modbus::{
    Error, ExceptionCode, Request, Response, Slave,
    client::{Client, rtu, tcp},
    slave::SlaveContext,
};
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};

use super::address::{Address, Parity, SerialLine};
use crate::template::Table;

/// Longest wait for a TCP connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// A serial line that says nothing for this long is silent again after a trouble.
const QUIET: Duration = Duration::from_millis(30);
/// Longest time a serial line is listened to until it is silent.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Read {
        table: Table,
        start: u16,
        count: u16,
    },
    /// Words, or for coils one bit in each; `multiple` asks for function 16 or 15 also for one.
    Write {
        table: Table,
        start: u16,
        words: Vec<u16>,
        multiple: bool,
    },
}

/// Why a request gave no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The device said no; the link is fine.
    #[error("the device answered {0:?}")]
    Exception(ExceptionCode),
    /// No answer.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// An answer that does not belong to the request.
    #[error("an answer that does not belong to its request: {0}")]
    Mismatch(String),
    /// The connection broke.
    #[error("{0}")]
    Broken(String),
    /// There is no connection; nothing was sent.
    #[error("{0}")]
    Down(String),
}

/// An open wire.
pub(crate) struct Wire {
    context: tokio_modbus::client::Context,
    serial: Option<Serial>,
}

struct Serial {
    port: Port,
    silence: Duration,
    free_at: Instant,
}

impl Wire {
    pub(crate) async fn open(address: &Address) -> Result<Self, String> {
        match address {
            Address::Tcp { authority } => {
                let stream = connect(authority).await?;
                Ok(Self { context: tcp::attach(stream), serial: None })
            }
            Address::RtuOverTcp { authority } => {
                let stream = connect(authority).await?;
                Ok(Self { context: rtu::attach(stream), serial: None })
            }
            Address::Rtu(line) => {
                let port = Port(Arc::new(Mutex::new(open_serial(line)?)));
                let silence = Duration::from_micros(line.silence_us());
                let context = rtu::attach(port.clone());
                Ok(Self { context, serial: Some(Serial { port, silence, free_at: Clock::wall() + silence }) })
            }
        }
    }

    /// Sends one request and waits for its answer; a write gives no words.
    pub(crate) async fn call(&mut self, unit: u8, call: &Call, limit: Duration) -> Result<Vec<u16>, CallError> {
        if let Some(serial) = &mut self.serial {
            sleep(serial.free_at.saturating_duration_since(Clock::wall())).await;
            serial.port.discard().map_err(|error| CallError::Broken(error.to_string()))?;
        }
        self.context.set_slave(Slave(unit));
        let answer = timeout(limit, self.context.call(request(call))).await;
        if let Some(serial) = &mut self.serial {
            serial.free_at = Clock::wall() + serial.silence;
        }
        match answer {
            Err(_) => Err(CallError::Timeout(limit)),
            Ok(Err(Error::Protocol(error))) => Err(CallError::Mismatch(error.to_string())),
            Ok(Err(Error::Transport(error))) => Err(broken(&error, self.serial.is_some())),
            Ok(Ok(Err(code))) => Err(CallError::Exception(code)),
            Ok(Ok(Ok(response))) => words(call, response),
        }
    }

    /// After a trouble: whether the wire can be used again. A serial line is listened to until it is silent, at least
    /// for `patience`; a connection is not kept, because a late answer would put every later one out of step.
    pub(crate) async fn recover(&mut self, patience: Duration) -> bool {
        let Some(serial) = &mut self.serial else { return false };
        let quiet = QUIET.max(serial.silence * 2);
        let drained = timeout(patience + DRAIN_MAX, async {
            let mut rest = [0; 256];
            let mut wait = quiet.max(patience);
            loop {
                match timeout(wait, serial.port.read(&mut rest)).await {
                    Err(_) => return true,
                    Ok(Ok(1..)) => wait = quiet,
                    Ok(_) => return false,
                }
            }
        });
        // A line that never falls silent is opened anew.
        let usable = drained.await.unwrap_or(false);
        self.context = rtu::attach(serial.port.clone());
        serial.free_at = Clock::wall() + serial.silence;
        usable
    }
}

async fn connect(authority: &str) -> Result<TcpStream, String> {
    let stream = match timeout(CONNECT_MAX, TcpStream::connect(authority)).await {
        Err(_) => return Err(format!("no answer within {} s", CONNECT_MAX.as_secs())),
        Ok(connected) => connected.map_err(|error| error.to_string())?,
    };
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

fn open_serial(line: &SerialLine) -> Result<SerialStream, String> {
    let parity = match line.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop = if line.stop_bits == 2 { StopBits::Two } else { StopBits::One };
    tokio_serial::new(&line.path, line.baud)
        .data_bits(DataBits::Eight)
        .parity(parity)
        .stop_bits(stop)
        .open_native_async()
        .map_err(|error| format!("{}: {error}", line.path))
}

fn request(call: &Call) -> Request<'static> {
    match call {
        Call::Read { table, start, count } => match table {
            Table::Coil => Request::ReadCoils(*start, *count),
            Table::Discrete => Request::ReadDiscreteInputs(*start, *count),
            Table::Holding => Request::ReadHoldingRegisters(*start, *count),
            Table::Input => Request::ReadInputRegisters(*start, *count),
        },
        Call::Write { table, start, words, multiple } => match (table.is_bits(), words.as_slice()) {
            (true, [one]) if !multiple => Request::WriteSingleCoil(*start, *one != 0),
            (true, bits) => {
                Request::WriteMultipleCoils(*start, bits.iter().map(|bit| *bit != 0).collect::<Vec<_>>().into())
            }
            (false, [one]) if !multiple => Request::WriteSingleRegister(*start, *one),
            (false, words) => Request::WriteMultipleRegisters(*start, words.to_vec().into()),
        },
    }
}

/// The data of an answer, if it is the answer to this call.
fn words(call: &Call, response: Response) -> Result<Vec<u16>, CallError> {
    let foreign = |what: &str| Err(CallError::Mismatch(what.to_owned()));
    match (call, response) {
        (Call::Read { count, .. }, Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            if words.len() == usize::from(*count) {
                Ok(words)
            } else {
                foreign(&format!("{} registers instead of {count}", words.len()))
            }
        }
        (Call::Read { count, .. }, Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
            let (count, seen) = (usize::from(*count), bits.len());
            // Bits come in whole bytes.
            if seen == count || seen == count.next_multiple_of(8) {
                Ok(bits.into_iter().take(count).map(u16::from).collect())
            } else {
                foreign(&format!("{seen} bits instead of {count}"))
            }
        }
        (Call::Write { start, words, .. }, echo) => {
            let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
            let same = match echo {
                Response::WriteSingleRegister(at, word) => at == *start && words.first() == Some(&word),
                Response::WriteSingleCoil(at, bit) => at == *start && words.first().is_some_and(|w| (*w != 0) == bit),
                Response::WriteMultipleRegisters(at, n) | Response::WriteMultipleCoils(at, n) => {
                    at == *start && n == count
                }
                _ => false,
            };
            if same { Ok(Vec::new()) } else { foreign("the acknowledgement of another write") }
        }
        _ => foreign("another kind of answer"),
    }
}

fn broken(error: &io::Error, is_serial: bool) -> CallError {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
    match error.kind() {
        io::ErrorKind::InvalidData => CallError::Mismatch(error.to_string()),
        ConnectionAborted | ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut => {
            CallError::Broken(error.to_string())
        }
        _ if is_serial => CallError::Broken(error.to_string()),
        // A closed connection is handed on as whatever the last system error of the thread was.
        _ => CallError::Broken("the device closed the connection".to_owned()),
    }
}

/// A serial port that the frames' codec and the draining share; never both at the same time.
#[derive(Clone)]
struct Port(Arc<Mutex<SerialStream>>);

impl Port {
    fn stream(&self) -> MutexGuard<'_, SerialStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws away what has come unasked.
    fn discard(&self) -> io::Result<()> {
        let mut rest = [0; 256];
        loop {
            match self.stream().try_read(&mut rest) {
                Ok(1..) => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Port")
    }
}

impl AsyncRead for Port {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Port {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: Table, count: u16) -> Call {
        Call::Read { table, start: 10, count }
    }

    #[test]
    fn an_answer_of_the_wrong_length_is_not_an_answer() {
        let call = read(Table::Holding, 2);
        assert_eq!(words(&call, Response::ReadHoldingRegisters(vec![1, 2])), Ok(vec![1, 2]));
        let short = words(&call, Response::ReadHoldingRegisters(vec![1]));
        assert!(matches!(short, Err(CallError::Mismatch(what)) if what == "1 registers instead of 2"));
        let coils = read(Table::Coil, 3);
        assert_eq!(words(&coils, Response::ReadCoils(vec![true, false, true])), Ok(vec![1, 0, 1]));
        let byte = vec![true, false, true, false, false, false, false, false];
        assert_eq!(words(&coils, Response::ReadCoils(byte)), Ok(vec![1, 0, 1]));
        assert!(words(&coils, Response::ReadCoils(vec![true])).is_err());
    }

    #[test]
    fn the_acknowledgement_of_another_write_is_none() {
        let call = Call::Write { table: Table::Holding, start: 10, words: vec![7], multiple: false };
        assert_eq!(words(&call, Response::WriteSingleRegister(10, 7)), Ok(vec![]));
        assert!(words(&call, Response::WriteSingleRegister(10, 8)).is_err());
        assert!(words(&call, Response::WriteSingleRegister(11, 7)).is_err());
        let many = Call::Write { table: Table::Holding, start: 10, words: vec![0, 0], multiple: true };
        assert_eq!(words(&many, Response::WriteMultipleRegisters(10, 2)), Ok(vec![]));
        assert!(words(&many, Response::WriteMultipleRegisters(10, 1)).is_err());
    }

    #[test]
    fn each_write_uses_the_function_that_the_template_asks_for() {
        let write =
            |table, words: &[u16], multiple| request(&Call::Write { table, start: 1, words: words.to_vec(), multiple });
        assert_eq!(write(Table::Holding, &[0], false), Request::WriteSingleRegister(1, 0));
        assert_eq!(write(Table::Holding, &[0], true), Request::WriteMultipleRegisters(1, vec![0].into()));
        assert_eq!(write(Table::Holding, &[0, 1], false), Request::WriteMultipleRegisters(1, vec![0, 1].into()));
        assert_eq!(write(Table::Coil, &[0], false), Request::WriteSingleCoil(1, false));
        assert_eq!(write(Table::Coil, &[1], true), Request::WriteMultipleCoils(1, vec![true].into()));
    }
}
