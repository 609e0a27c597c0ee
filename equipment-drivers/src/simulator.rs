//! Simulated devices as others hold them: an address, faults, stop and start.
//!
//! The device behind keeps living while it is unplugged or stopped: its cells grow on, its door stays open. What
//! it speaks is in `opcua/sim.rs` and `modbus/sim.rs`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use crate::{
    fault::{Fault, FaultBoard},
    gate::Gate,
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
    /// The simulator has ended.
    #[error("the simulator has ended")]
    Ended,
}

/// A device behind a gate.
pub(crate) trait Machine: Send + 'static {
    /// Starts the server on a port of its own and says which.
    fn rise(&mut self, shifted: bool) -> impl Future<Output = Result<SocketAddr, String>> + Send;
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
    Stop,
    Start,
    OpenDoor(i64),
}

type Answer = Result<bool, SimError>;

/// A running simulator; it ends when this is dropped.
#[derive(Debug)]
pub struct SimHandle {
    name: String,
    address: String,
    certificate: Option<PathBuf>,
    commands: mpsc::Sender<(Command, oneshot::Sender<Answer>)>,
}

impl SimHandle {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The address for a [`crate::DeviceConfig`].
    pub fn address(&self) -> &str {
        &self.address
    }
    /// Its certificate (DER), where its protocol has one: to be approved into a driver's trust list.
    pub fn certificate(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }
    /// Puts a fault in force, besides those that are.
    pub async fn set_fault(&self, fault: Fault) -> Result<(), SimError> {
        self.ask(Command::Fault(fault)).await.map(drop)
    }
    /// Ends all faults.
    pub async fn clear(&self) -> Result<(), SimError> {
        self.ask(Command::Clear).await.map(drop)
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
    pub(crate) port: u16,
    pub(crate) connections_max: usize,
    /// Before and after HOST:PORT in the address.
    pub(crate) around: (&'static str, &'static str),
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) faults: FaultBoard,
    /// Renew the values at once.
    pub(crate) renew: Arc<Notify>,
}

/// Takes the port, starts the machine and its task.
pub(crate) async fn start<M: Machine>(start: Start, mut machine: M) -> Result<SimHandle, SimError> {
    let Start { name, port, connections_max, around, certificate, faults, renew } = start;
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let gate = Gate::bind(asked, connections_max, faults.clone()).await.map_err(|source| SimError::Port {
        name: name.clone(),
        port,
        source,
    })?;
    let address = format!("{}{}{}", around.0, gate.address(), around.1);
    let target = machine.rise(false).await.map_err(|reason| SimError::Server { name: name.clone(), reason })?;
    let (commands, queue) = mpsc::channel(COMMANDS_WAITING_MAX);
    let mut plant = Plant { name: name.clone(), machine, gate, faults, target: Some(target), shifted: false };
    plant.plug().await?;
    tokio::spawn(plant.run(queue, renew));
    Ok(SimHandle { name, address, certificate, commands })
}

struct Plant<M> {
    name: String,
    machine: M,
    gate: Gate,
    faults: FaultBoard,
    target: Option<SocketAddr>,
    shifted: bool,
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
                () = renew.notified() => self.machine.tick(),
                _ = tick.tick() => self.machine.tick(),
            }
        }
        self.gate.cut().await;
        self.machine.fall().await;
    }

    async fn obey(&mut self, command: Command) -> Answer {
        match command {
            Command::Fault(Fault::Drop) => {
                self.faults.set(Fault::Drop);
                self.gate.cut().await;
            }
            Command::Fault(Fault::ShiftNamespace) => {
                self.shifted = !self.shifted;
                self.stop().await;
                self.start().await?;
            }
            Command::Fault(fault) => self.faults.set(fault),
            Command::Clear => {
                let was_cut = self.faults.has(&Fault::Drop);
                self.faults.clear();
                if was_cut {
                    self.plug().await?;
                }
            }
            Command::Stop => self.stop().await,
            Command::Start => self.start().await?,
            Command::OpenDoor(seconds) => return Ok(self.machine.open_door(seconds)),
        }
        Ok(true)
    }

    async fn stop(&mut self) {
        self.gate.cut().await;
        self.machine.fall().await;
        self.target = None;
    }

    async fn start(&mut self) -> Result<(), SimError> {
        if self.target.is_none() {
            let risen = self.machine.rise(self.shifted).await;
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
