//! A stirred bioreactor that is a real OPC UA server: Basic256Sha256, SignAndEncrypt, user and password.
//!
//! Target values pass range and state as in a real controller; the node shows the new value only after the next renewal.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mes_core::clock::{Clock, Timestamp};
use opcua::{
    server::{
        ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
        diagnostics::NamespaceMetadata,
        node_manager::memory::{SimpleNodeManager, simple_node_manager},
    },
    types::{DataValue, NodeId, StatusCode, Variant},
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};

use super::{
    OWN_CERTIFICATE, OWN_KEY,
    own::ensure_key_pair,
    space::{self, NAMESPACE, POINTS, View},
    value::to_date_time,
};
use crate::{
    driver::Secret,
    fault::{Fault, FaultBoard},
    physics::{
        Refusal, STEP_MS,
        bioreactor::{Bioreactor, Command},
    },
    simulator::{Machine, SimError, SimHandle, Start, start},
};

const APPLICATION_URI: &str = "urn:catapult:simulator:bioreactor";
const SHIFTING_NAMESPACE: &str = "urn:catapult:device:inserted";
const NODE_MANAGER: &str = "device";
const CONNECTIONS_MAX: usize = 16;
const SESSIONS_MAX: usize = 100;
/// Notifications in one publication; without a limit a large one would be lost whole.
const NOTIFICATIONS_PER_PUBLISH_MAX: usize = 1000;
const FALL_MAX: Duration = Duration::from_secs(2);

/// A simulated bioreactor.
#[derive(Debug, Clone)]
pub struct BioreactorSim {
    /// Its name in its address space: the equipment id, unless the driver is told otherwise.
    pub name: String,
    /// Port on the loopback interface; 0 for any.
    pub port: u16,
    /// Seed of its donor and its noise.
    pub seed: u64,
    /// The facility's clock.
    pub clock: Clock,
    /// Folder for key pairs of simulators. One pair is made there once and shared by all simulators of the folder.
    pub pki_dir: PathBuf,
    /// The user it lets in.
    pub user: String,
    /// That user's password.
    pub secret: Secret,
}

impl BioreactorSim {
    /// Starts it.
    pub async fn start(self) -> Result<SimHandle, SimError> {
        let own = self.own_pki().await.map_err(|reason| SimError::Certificate { name: self.name.clone(), reason })?;
        let faults = FaultBoard::default();
        let renew = Arc::new(Notify::new());
        let device = Arc::new(Mutex::new(Device {
            physics: Bioreactor::new(self.seed, self.clock.now()),
            clock: self.clock.clone(),
            faults: faults.clone(),
            since: Clock::wall(),
        }));
        let options = Start {
            name: self.name.clone(),
            port: self.port,
            connections_max: CONNECTIONS_MAX,
            around: ("opc.tcp://", "/"),
            certificate: Some(own.join(OWN_CERTIFICATE)),
            faults,
            renew: renew.clone(),
        };
        start(options, BioreactorMachine { options: self, own, device, renew, server: None }).await
    }

    /// A PKI folder of its own with a copy of the shared key pair.
    async fn own_pki(&self) -> Result<PathBuf, String> {
        let shared = self.pki_dir.join("shared");
        ensure_key_pair(&shared, "Simulated bioreactor", APPLICATION_URI).await.map_err(|error| error.to_string())?;
        let own = self.pki_dir.join(&self.name);
        for file in [OWN_CERTIFICATE, OWN_KEY] {
            copy(&shared.join(file), &own.join(file)).map_err(|error| format!("{}: {error}", own.display()))?;
        }
        Ok(own)
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).map(drop)
}

struct Device {
    physics: Bioreactor,
    clock: Clock,
    faults: FaultBoard,
    since: Instant,
}

impl Device {
    /// Brings the vessel up to now and looks at it; the time is that of the values.
    fn look(&mut self) -> (View, Timestamp) {
        let now = self.clock.now();
        self.physics.advance_to(now);
        // Far behind, the values are those of the time the model has reached.
        let at = if now.since_ms(self.physics.at()) > STEP_MS { self.physics.at() } else { now };
        let view = View {
            shown: self.physics.shown(at),
            targets: self.physics.targets().clone(),
            running: self.physics.running(),
            bolus_ml: self.physics.last_bolus_ml(),
            inoculum: self.physics.last_inoculum(),
            beat: u32::try_from(self.since.elapsed().as_secs()).unwrap_or_default(),
        };
        (view, at.plus_s(self.faults.clock_off_s()))
    }

    fn command(&mut self, command: Command) -> StatusCode {
        if self.faults.has(&Fault::RefuseWrites) {
            return StatusCode::BadInvalidState;
        }
        if self.faults.has(&Fault::IgnoreWrites) {
            return StatusCode::Good;
        }
        self.physics.advance_to(self.clock.now());
        match self.physics.command(command) {
            Ok(()) => StatusCode::Good,
            Err(Refusal::OutOfRange) => StatusCode::BadOutOfRange,
            Err(Refusal::InvalidState) => StatusCode::BadInvalidState,
        }
    }
}

struct Server {
    handle: ServerHandle,
    nodes: Arc<SimpleNodeManager>,
    ids: Vec<NodeId>,
    task: JoinHandle<Result<(), String>>,
}

struct BioreactorMachine {
    options: BioreactorSim,
    own: PathBuf,
    device: Arc<Mutex<Device>>,
    renew: Arc<Notify>,
    server: Option<Server>,
}

impl BioreactorMachine {
    fn builder(&self, port: u16, shifted: bool) -> ServerBuilder {
        let user = "operator".to_owned();
        let mut builder = ServerBuilder::new()
            .application_name("Simulated bioreactor")
            .application_uri(APPLICATION_URI)
            .product_uri(APPLICATION_URI)
            .create_sample_keypair(false)
            .certificate_path(OWN_CERTIFICATE)
            .private_key_path(OWN_KEY)
            .pki_dir(&self.own)
            // A simulator lets any driver in that knows the password; a real device has a list of its own.
            .trust_client_certs(true)
            .host("127.0.0.1")
            .port(port)
            .discovery_urls(vec![format!("opc.tcp://127.0.0.1:{port}/")])
            .add_user_token(&user, ServerUserToken::user_pass(self.options.user.as_str(), self.options.secret.reveal()))
            .add_endpoint("secure", ServerEndpoint::new_basic256sha256_sign_encrypt("/", &[user]))
            .max_sessions(SESSIONS_MAX)
            .subscription_poll_interval_ms(100)
            .diagnostics_enabled(false);
        let limits = &mut builder.limits_mut().subscriptions;
        limits.max_notifications_per_publish = NOTIFICATIONS_PER_PUBLISH_MAX as u64;
        if shifted {
            let inserted = NamespaceMetadata { namespace_uri: SHIFTING_NAMESPACE.to_owned(), ..Default::default() };
            builder = builder.with_node_manager(simple_node_manager(inserted, "inserted"));
        }
        let own = NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..Default::default() };
        builder.with_node_manager(simple_node_manager(own, NODE_MANAGER))
    }

    fn fill(&self, nodes: &SimpleNodeManager, namespace: u16) -> Vec<NodeId> {
        let (view, _) = self.device.lock().unwrap_or_else(PoisonError::into_inner).look();
        space::build(&mut nodes.address_space().write(), namespace, &self.options.name, &view);
        POINTS
            .iter()
            .map(|point| {
                let id = space::node(namespace, &self.options.name, point.path);
                if let Some(command) = point.command {
                    let (device, renew) = (self.device.clone(), self.renew.clone());
                    // The address space is locked here: the new value is shown by the renewal that follows.
                    nodes.inner().add_write_callback(id.clone(), move |data: DataValue, _| {
                        let Some(command) = data.value.as_ref().and_then(command) else {
                            return StatusCode::BadTypeMismatch;
                        };
                        let status = device.lock().unwrap_or_else(PoisonError::into_inner).command(command);
                        renew.notify_one();
                        status
                    });
                }
                id
            })
            .collect()
    }

    fn publish(&self, server: &Server) {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        let (view, at) = device.look();
        let faults = device.faults.clone();
        drop(device);
        if faults.has(&Fault::Freeze) {
            return;
        }
        let failed = faults.failed_sensors();
        let time = to_date_time(at);
        let values = POINTS.iter().zip(&server.ids).map(|(point, id)| {
            let broken = failed.iter().any(|tag| tag.as_str() == point.tag);
            let value = match (point.value)(&view) {
                Variant::Double(honest) => Variant::Double(faults.shown(point.tag, honest)),
                other => other,
            };
            let status = if broken { StatusCode::BadSensorFailure } else { StatusCode::Good };
            let data = DataValue {
                value: Some(value),
                status: Some(status),
                source_timestamp: Some(time),
                server_timestamp: Some(time),
                ..DataValue::default()
            };
            (id, None, data)
        });
        if let Err(status) = server.nodes.set_values(server.handle.subscriptions(), values) {
            tracing::warn!(%status, "simulator: the values could not be renewed");
        }
    }
}

impl Machine for BioreactorMachine {
    async fn rise(&mut self, shifted: bool) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (server, handle) = self.builder(address.port(), shifted).build()?;
        let nodes = handle
            .node_managers()
            .get_by_name::<SimpleNodeManager>(NODE_MANAGER)
            .ok_or("the server has no node manager for the device")?;
        let namespace = handle.get_namespace_index(NAMESPACE).ok_or("the server has no namespace for the device")?;
        let ids = self.fill(&nodes, namespace);
        let task = tokio::spawn(server.run_with(listener));
        self.server = Some(Server { handle, nodes, ids, task });
        self.tick();
        Ok(address)
    }

    async fn fall(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.handle.cancel();
            if timeout(FALL_MAX, &mut server.task).await.is_err() {
                server.task.abort();
            }
        }
    }

    fn tick(&mut self) {
        if let Some(server) = &self.server {
            self.publish(server);
        } else {
            self.device.lock().unwrap_or_else(PoisonError::into_inner).look();
        }
    }
}
