//! Simulated devices as others hold them: an address, faults, stop and start.
//!
//! The device behind keeps living while it is unplugged or stopped: its cells grow on, its door stays open. What
//! it speaks is in `opcua/sim.rs` and `modbus/sim.rs`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::{MissedTickBehavior, Sleep, interval, sleep},
};

use crate::{
    device_kind::{DeviceKind, Framing},
    fault::{Fault, FaultBoard},
    fault_catalogue::{FaultError, FaultKind},
    gate::Gate,
    serial_line,
};

/// Interval at which a simulated device renews its values, in wall time.
pub const TICK: Duration = Duration::from_millis(500);
/// Commands that may wait for a simulator.
const COMMANDS_WAITING_MAX: usize = 16;

/// Why a simulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The port could not be taken.
    #[error("simulator {name}: port {port} cannot be opened: {source}")]
    Port {
        /// Its name.
        name: String,
        /// The port.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server behind the port could not be started.
    #[error("simulator {name}: the server did not start: {reason}")]
    Server {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Its certificate could not be read or made.
    #[error("simulator {name}: {reason}")]
    Certificate {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The fault is none for this device.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// There is no such device.
    #[error("no simulated device is called {name}")]
    NoSuchDevice {
        /// The name asked for.
        name: String,
    },
    /// Two devices have the same name.
    #[error("two simulated devices are called {name}; give each a name of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// The serial line could not be opened.
    #[error("simulator {name}: the serial line {path} cannot be opened: {reason}")]
    Serial {
        /// Its name.
        name: String,
        /// The line.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The simulator has ended.
    #[error("the simulator has ended")]
    Ended,
}

/// How a server is to start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rising {
    /// The namespace of the device has another index than usual.
    pub(crate) shifted: bool,
    /// The address at which clients reach it: that of the gate.
    pub(crate) public: SocketAddr,
}

/// A device behind a gate.
pub(crate) trait Machine: Send + 'static {
    /// Starts the server on a port of its own and says which.
    fn rise(&mut self, rising: Rising) -> impl Future<Output = Result<SocketAddr, String>> + Send;
    /// Ends the server at once.
    fn fall(&mut self) -> impl Future<Output = ()> + Send;
    /// Renews the values.
    fn tick(&mut self);
    /// Opens the door, where there is one, for seconds of facility time.
    fn open_door(&mut self, _seconds: i64) -> bool {
        false
    }
}

enum Command {
    Fault(Fault),
    Clear,
    ClearKind(FaultKind),
    Stop,
    Start,
    OpenDoor(i64),
}

type Answer = Result<bool, SimError>;

/// A running simulator; it ends when this is dropped.
#[derive(Debug)]
pub struct SimHandle {
    name: String,
    kind: DeviceKind,
    framing: Framing,
    address: String,
    certificate: Option<PathBuf>,
    faults: FaultBoard,
    commands: mpsc::Sender<(Command, oneshot::Sender<Answer>)>,
    /// Where its port is, and the serial lines that lead to it; they end with this.
    port: SocketAddr,
    lines: JoinSet<()>,
}

impl SimHandle {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What it is.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }
    /// How it speaks.
    pub fn framing(&self) -> Framing {
        self.framing
    }
    /// The address for a [`crate::DeviceConfig`].
    pub fn address(&self) -> &str {
        &self.address
    }
    /// Its certificate (DER), where its protocol has one: to be approved into a driver's trust list.
    pub fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }
    /// The faults in force, in the order in which they were set.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.all()
    }
    /// Puts a fault in force, besides those that are; an error when this device cannot do that.
    pub async fn set_fault(&self, fault: Fault) -> Result<(), SimError> {
        fault.kind().build(self.kind, self.framing, fault.tag().map(mes_core::id::TagName::as_str), fault.number())?;
        self.ask(Command::Fault(fault)).await.map(drop)
    }
    /// Ends all faults.
    pub async fn clear(&self) -> Result<(), SimError> {
        self.ask(Command::Clear).await.map(drop)
    }
    /// Ends the faults of one kind.
    pub async fn clear_fault(&self, kind: FaultKind) -> Result<(), SimError> {
        self.ask(Command::ClearKind(kind)).await.map(drop)
    }
    /// Lets it answer on a serial line too. Only of use to a device that speaks Modbus RTU.
    pub fn answer_on(&mut self, path: &str, baud: u32) -> Result<(), SimError> {
        let failed = |reason| SimError::Serial { name: self.name.clone(), path: path.to_owned(), reason };
        let line = serial_line::open(path, baud).map_err(failed)?;
        self.lines.spawn(serial_line::join(line, self.port));
        Ok(())
    }
    /// Kills the server: connections end, the port refuses. The device goes on living.
    pub async fn stop(&self) -> Result<(), SimError> {
        self.ask(Command::Stop).await.map(drop)
    }
    /// Starts the server again on the same port.
    pub async fn start(&self) -> Result<(), SimError> {
        self.ask(Command::Start).await.map(drop)
    }
    /// Opens the door for seconds of facility time; false where there is none.
    pub async fn open_door(&self, seconds: i64) -> Result<bool, SimError> {
        self.ask(Command::OpenDoor(seconds)).await
    }
    async fn ask(&self, command: Command) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.commands.send((command, answer)).await.map_err(|_| SimError::Ended)?;
        answered.await.map_err(|_| SimError::Ended)?
    }
}

/// What a machine is started with.
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) kind: DeviceKind,
    pub(crate) framing: Framing,
    pub(crate) port: u16,
    pub(crate) connections_max: usize,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) faults: FaultBoard,
    /// Renew the values at once.
    pub(crate) renew: Arc<Notify>,
}

/// Takes the port, starts the machine and its task.
pub(crate) async fn start<M: Machine>(start: Start, machine: M) -> Result<SimHandle, SimError> {
    let Start { name, kind, framing, port, connections_max, certificate, faults, renew } = start;
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let gate = Gate::bind(asked, connections_max, faults.clone()).await.map_err(|source| SimError::Port {
        name: name.clone(),
        port,
        source,
    })?;
    let address = match framing {
        Framing::OpcUa => format!("opc.tcp://{}/", gate.address()),
        Framing::ModbusTcp | Framing::ModbusRtu => gate.address().to_string(),
    };
    let public = gate.address();
    let (commands, queue) = mpsc::channel(COMMANDS_WAITING_MAX);
    let mut plant =
        Plant { name: name.clone(), machine, gate, faults: faults.clone(), target: None, shifted: false, away: None };
    plant.start().await?;
    tokio::spawn(plant.run(queue, renew));
    let lines = JoinSet::new();
    Ok(SimHandle { name, kind, framing, address, certificate, faults, commands, port: public, lines })
}

struct Plant<M> {
    name: String,
    machine: M,
    gate: Gate,
    faults: FaultBoard,
    target: Option<SocketAddr>,
    shifted: bool,
    /// Runs out when a killed server comes back.
    away: Option<Pin<Box<Sleep>>>,
}

impl<M: Machine> Plant<M> {
    async fn run(mut self, mut commands: mpsc::Receiver<(Command, oneshot::Sender<Answer>)>, renew: Arc<Notify>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let Some((command, answer)) = command else { break };
                    let done = self.obey(command).await;
                    self.machine.tick();
                    let _ = answer.send(done);
                }
                () = over(&mut self.away) => {
                    if let Err(error) = self.start().await {
                        tracing::warn!(%error, "simulator: it did not come back");
                    }
                }
                () = renew.notified() => self.machine.tick(),
                _ = tick.tick() => self.machine.tick(),
            }
        }
        self.gate.cut().await;
        self.machine.fall().await;
    }

    async fn obey(&mut self, command: Command) -> Answer {
        match command {
            Command::Fault(fault) => self.begin(fault).await?,
            Command::Clear => {
                let ended = self.faults.all();
                self.faults.clear();
                self.mend(&ended).await?;
            }
            Command::ClearKind(kind) => {
                let ended: Vec<Fault> = self.faults.all().into_iter().filter(|one| one.kind() == kind).collect();
                self.faults.clear_kind(kind);
                self.mend(&ended).await?;
            }
            Command::Stop => self.stop().await,
            Command::Start => self.start().await?,
            Command::OpenDoor(seconds) => return Ok(self.machine.open_door(seconds)),
        }
        Ok(true)
    }

    async fn begin(&mut self, fault: Fault) -> Result<(), SimError> {
        match fault {
            Fault::Reset => self.gate.reset(),
            Fault::Restart { seconds } => {
                self.stop().await;
                self.away = Some(Box::pin(sleep(Duration::from_secs(seconds))));
            }
            Fault::ShiftNamespace => {
                self.shifted = !self.shifted;
                self.restart().await?;
            }
            Fault::Drop => {
                self.faults.set(fault);
                self.gate.cut().await;
            }
            _ => {
                let anew = fault.needs_restart();
                self.faults.set(fault);
                if anew {
                    self.restart().await?;
                }
            }
        }
        Ok(())
    }

    /// Undoes what ended faults did to server and plug.
    async fn mend(&mut self, ended: &[Fault]) -> Result<(), SimError> {
        if ended.iter().any(Fault::needs_restart) {
            self.restart().await
        } else if ended.contains(&Fault::Drop) {
            self.plug().await
        } else {
            Ok(())
        }
    }

    async fn restart(&mut self) -> Result<(), SimError> {
        // A server that is away stays away; it comes back as it is then to be.
        if self.target.is_none() {
            return Ok(());
        }
        self.stop().await;
        self.start().await
    }

    async fn stop(&mut self) {
        self.away = None;
        self.gate.cut().await;
        self.machine.fall().await;
        self.target = None;
    }

    async fn start(&mut self) -> Result<(), SimError> {
        self.away = None;
        if self.target.is_none() {
            let rising = Rising { shifted: self.shifted, public: self.gate.address() };
            let risen = self.machine.rise(rising).await;
            self.target = Some(risen.map_err(|reason| SimError::Server { name: self.name.clone(), reason })?);
            self.plug().await?;
        }
        Ok(())
    }

    /// Connects the public port with the server, unless the cable is pulled.
    async fn plug(&mut self) -> Result<(), SimError> {
        if let Some(target) = self.target.filter(|_| !self.faults.has(&Fault::Drop)) {
            let port = self.gate.address().port();
            self.gate.open(target).await.map_err(|source| SimError::Port { name: self.name.clone(), port, source })?;
        }
        Ok(())
    }
}

async fn over(away: &mut Option<Pin<Box<Sleep>>>) {
    match away {
        Some(sleep) => sleep.as_mut().await,
        None => std::future::pending().await,
    }
}
