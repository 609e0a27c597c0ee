//! A stirred bioreactor that is a real OPC UA server: a LADS device, Basic256Sha256, SignAndEncrypt, user and password.
//!
//! Target values pass range and state as in a real controller; the node shows the new value only after the next renewal.
//! The device's lock is kept and shown, but does not keep others out: the library does not say which session writes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mes_core::clock::{Clock, Timestamp};
use opcua::{
    nodes::{BaseEventType, Event},
    server::{
        ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
        diagnostics::NamespaceMetadata,
        node_manager::memory::{CoreNodeManager, SimpleNodeManager, simple_node_manager},
    },
    types::{ByteString, DataValue, LocalizedText, NodeId, ObjectTypeId, StatusCode, UAString, Variant},
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};

use super::{
    OWN_CERTIFICATE, OWN_KEY,
    nodesets::{DI, LADS, SharedTypes, TYPES, TypesManager},
    own::ensure_key_pair,
    sim_trouble::{EXPIRED_CERTIFICATE, StrangerEachTime, limit_operations, make_expired},
    space::{self, Kinds, NAMESPACE, POINTS},
    value::to_date_time,
    vessel::{Happened, Vessel},
};
use crate::{
    device_kind::{DeviceKind, Framing},
    driver::Secret,
    fault::{Fault, FaultBoard},
    physics::Realism,
    simulator::{Machine, Rising, SimError, SimHandle, Start, start},
};

pub(super) const APPLICATION_URI: &str = "urn:catapult:simulator:bioreactor";
const SHIFTING_NAMESPACE: &str = "urn:catapult:device:inserted";
const NODE_MANAGER: &str = "device";
/// Where nobody is: an address that is kept for documentation.
const NOWHERE: &str = "192.0.2.1";
const CONNECTIONS_MAX: usize = 16;
const SESSIONS_MAX: usize = 100;
/// Notifications in one publication; without a limit a large one would be lost whole.
const NOTIFICATIONS_PER_PUBLISH_MAX: usize = 1000;
const FALL_MAX: Duration = Duration::from_secs(2);
/// How long a server may take to start, and how often that is looked at.
const RISE_MAX: Duration = Duration::from_secs(30);
const RISE_LOOK: Duration = Duration::from_millis(5);

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

/// The tags that a fault may name.
pub(crate) fn tags() -> impl Iterator<Item = &'static str> {
    POINTS.iter().map(|point| point.tag).filter(|tag| !tag.is_empty())
}

impl BioreactorSim {
    /// Starts it; nothing happens to it that nobody asked for.
    pub async fn start(self) -> Result<SimHandle, SimError> {
        self.start_with(Realism::Calm).await
    }

    /// Starts it with so much of the trouble of real life.
    pub async fn start_with(self, realism: Realism) -> Result<SimHandle, SimError> {
        let own = self.own_pki().await.map_err(|reason| SimError::Certificate { name: self.name.clone(), reason })?;
        let faults = FaultBoard::default();
        let renew = Arc::new(Notify::new());
        let vessel = Vessel::new(self.seed, self.clock.clone(), faults.clone(), realism);
        let options = Start {
            name: self.name.clone(),
            kind: DeviceKind::LadsBioreactor,
            framing: Framing::OpcUa,
            port: self.port,
            connections_max: CONNECTIONS_MAX,
            certificate: Some(own.join(OWN_CERTIFICATE)),
            faults: faults.clone(),
            renew: renew.clone(),
        };
        let device = Arc::new(Mutex::new(vessel));
        let machine = BioreactorMachine { options: self, own, faults, device, renew, server: None };
        start(options, machine).await
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

struct Server {
    handle: ServerHandle,
    nodes: Arc<SimpleNodeManager>,
    root: NodeId,
    ids: Vec<NodeId>,
    task: JoinHandle<Result<(), String>>,
}

struct BioreactorMachine {
    options: BioreactorSim,
    own: PathBuf,
    faults: FaultBoard,
    device: Arc<Mutex<Vessel>>,
    renew: Arc<Notify>,
    server: Option<Server>,
}

fn locked(device: &Mutex<Vessel>) -> MutexGuard<'_, Vessel> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BioreactorMachine {
    fn builder(&self, rising: Rising) -> Result<ServerBuilder, String> {
        let user = "operator".to_owned();
        let token = ServerUserToken::user_pass(self.options.user.as_str(), self.options.secret.reveal());
        let host = if self.faults.has(&Fault::WrongEndpoint) { NOWHERE } else { "127.0.0.1" };
        let port = rising.public.port();
        let certificate = if self.faults.has(&Fault::ExpiredCertificate) {
            make_expired(&self.own)?;
            EXPIRED_CERTIFICATE
        } else {
            OWN_CERTIFICATE
        };
        let mut builder = ServerBuilder::new()
            .application_name("Simulated bioreactor")
            .application_uri(APPLICATION_URI)
            .product_uri(APPLICATION_URI)
            .create_sample_keypair(false)
            .certificate_path(certificate)
            .private_key_path(OWN_KEY)
            .pki_dir(&self.own)
            // A simulator lets any driver in that knows the password; a real device has a list of its own.
            .trust_client_certs(true)
            .host(host)
            .port(port)
            .discovery_urls(vec![format!("opc.tcp://{host}:{port}/")])
            .add_user_token(&user, token.clone())
            .add_endpoint("secure", ServerEndpoint::new_basic256sha256_sign_encrypt("/", std::slice::from_ref(&user)))
            .max_sessions(SESSIONS_MAX)
            .subscription_poll_interval_ms(100)
            .diagnostics_enabled(false);
        if self.faults.has(&Fault::NoTransfer) {
            builder = builder.with_authenticator(Arc::new(StrangerEachTime::new(user, token)));
        }
        if let Some(max) = self.faults.operation_limit() {
            limit_operations(builder.limits_mut(), usize::try_from(max).unwrap_or(usize::MAX));
        }
        builder.limits_mut().subscriptions.max_notifications_per_publish = NOTIFICATIONS_PER_PUBLISH_MAX as u64;
        builder = builder.with_node_manager(SharedTypes);
        if rising.shifted {
            let inserted = NamespaceMetadata { namespace_uri: SHIFTING_NAMESPACE.to_owned(), ..Default::default() };
            builder = builder.with_node_manager(simple_node_manager(inserted, "inserted"));
        }
        let own = NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..Default::default() };
        Ok(builder.with_node_manager(simple_node_manager(own, NODE_MANAGER)))
    }

    /// Builds the device, and says which node stands for which point.
    fn fill(&self, handle: &ServerHandle, nodes: &SimpleNodeManager, namespace: u16) -> Result<Vec<NodeId>, String> {
        let managers = handle.node_managers();
        let types = managers.get_by_name::<TypesManager>(TYPES).ok_or("the server has no types")?;
        let core = managers.get_of_type::<CoreNodeManager>().ok_or("the server has no core types")?;
        let index = |uri| handle.get_namespace_index(uri).ok_or_else(|| format!("the server has no namespace {uri}"));
        let (view, _) = locked(&self.device).look();
        {
            let (types, core) = (types.address_space().read(), core.address_space().read());
            let tree = handle.type_tree().read();
            let kinds = Kinds { types: &types, core: &core, tree: &tree, di: index(DI)?, lads: index(LADS)? };
            space::build(&mut nodes.address_space().write(), namespace, &self.options.name, &kinds, &view);
        }
        self.add_methods(nodes, namespace);
        Ok(POINTS.iter().map(|point| self.connect(nodes, namespace, point)).collect())
    }

    /// Lets the node of a point carry out commands, where it takes any.
    fn connect(&self, nodes: &SimpleNodeManager, namespace: u16, point: &space::Point) -> NodeId {
        let id = space::node(namespace, &self.options.name, point.path);
        if let Some(command) = point.command {
            let (device, renew) = (self.device.clone(), self.renew.clone());
            // The address space is locked here: the new value is shown by the renewal that follows.
            nodes.inner().add_write_callback(id.clone(), move |data: DataValue, _| {
                let Some(command) = data.value.as_ref().and_then(command) else {
                    return StatusCode::BadTypeMismatch;
                };
                let status = locked(&device).command(command);
                renew.notify_one();
                status
            });
        }
        id
    }

    fn add_methods(&self, nodes: &SimpleNodeManager, namespace: u16) {
        type Act = fn(&mut Vessel) -> Result<Vec<Variant>, StatusCode>;
        fn done(good: bool) -> Result<Vec<Variant>, StatusCode> {
            Ok(vec![Variant::Int32(if good { 0 } else { -1 })])
        }
        fn run(vessel: &mut Vessel, on: bool) -> Result<Vec<Variant>, StatusCode> {
            let status = vessel.command(crate::physics::bioreactor::Command::Run(on));
            if status.is_good() { Ok(Vec::new()) } else { Err(status) }
        }
        let methods: [(&str, Act); 6] = [
            ("Vessel/FunctionalUnitState/Start", |vessel| run(vessel, true)),
            ("Vessel/FunctionalUnitState/Stop", |vessel| run(vessel, false)),
            ("Vessel/Lock/InitLock", |vessel| done(vessel.lock(false))),
            ("Vessel/Lock/RenewLock", |vessel| done(vessel.lock(true))),
            ("Vessel/Lock/ExitLock", |vessel| done(vessel.unlock())),
            ("Vessel/Lock/BreakLock", |vessel| done(vessel.unlock())),
        ];
        for (path, act) in methods {
            let (device, renew) = (self.device.clone(), self.renew.clone());
            let id = space::node(namespace, &self.options.name, path);
            nodes.inner().add_method_callback(id, move |_| {
                let answer = act(&mut locked(&device));
                renew.notify_one();
                answer
            });
        }
    }

    fn publish(&self, server: &Server) {
        let mut vessel = locked(&self.device);
        let (view, at) = vessel.look();
        if self.faults.has(&Fault::Freeze) {
            return;
        }
        let (mut failed, out) = (self.faults.failed_sensors(), self.faults.out_of_service());
        failed.extend(vessel.failed_probe().and_then(|tag| tag.parse().ok()));
        let time = to_date_time(at);
        let values: Vec<DataValue> = POINTS
            .iter()
            .map(|point| {
                let is_in = |tags: &std::collections::BTreeSet<mes_core::id::TagName>| {
                    tags.iter().any(|tag| tag.as_str() == point.tag)
                };
                let value = match vessel.held(point.tag, (point.value)(&view)) {
                    Variant::Double(honest) => Variant::Double(self.faults.shown(point.tag, honest)),
                    other => other,
                };
                let status = if is_in(&failed) {
                    StatusCode::BadSensorFailure
                } else if is_in(&out) {
                    StatusCode::BadOutOfService
                } else {
                    StatusCode::Good
                };
                DataValue {
                    value: Some(value),
                    status: Some(status),
                    source_timestamp: Some(time),
                    server_timestamp: Some(time),
                    ..DataValue::default()
                }
            })
            .collect();
        let happened = vessel.happened(&view, at);
        drop(vessel);
        let values = server.ids.iter().zip(values).map(|(id, value)| (id, None, value));
        if let Err(status) = server.nodes.set_values(server.handle.subscriptions(), values) {
            tracing::warn!(%status, "simulator: the values could not be renewed");
        }
        self.report(server, &happened);
    }

    fn report(&self, server: &Server, happened: &[Happened]) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        for one in happened {
            let event = BaseEventType {
                event_id: ByteString::from(NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec()),
                event_type: ObjectTypeId::BaseEventType.into(),
                source_node: server.root.clone(),
                source_name: UAString::from(self.options.name.as_str()),
                time: to_date_time(one.at),
                receive_time: to_date_time(one.at),
                message: LocalizedText::new("en", &one.says),
                severity: one.severity,
                ..BaseEventType::default()
            };
            server.handle.subscriptions().notify_events([(&event as &dyn Event, &server.root)].into_iter());
        }
    }
}

impl Machine for BioreactorMachine {
    async fn rise(&mut self, rising: Rising) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (server, handle) = self.builder(rising)?.build()?;
        let nodes = handle
            .node_managers()
            .get_by_name::<SimpleNodeManager>(NODE_MANAGER)
            .ok_or("the server has no node manager for the device")?;
        let namespace = handle.get_namespace_index(NAMESPACE).ok_or("the server has no namespace for the device")?;
        let ids = self.fill(&handle, &nodes, namespace)?;
        let root = NodeId::new(namespace, self.options.name.clone());
        let task = tokio::spawn(server.run_with(listener));
        // Until the server has taken its own port; then it is told the one under which it is known.
        let running = handle.info().clone();
        let up = async {
            while running.port.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(RISE_LOOK).await;
            }
        };
        timeout(RISE_MAX, up).await.map_err(|_| "the server did not start in time".to_owned())?;
        running.port.store(rising.public.port(), Ordering::Relaxed);
        self.server = Some(Server { handle, nodes, root, ids, task });
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
            let _: (_, Timestamp) = locked(&self.device).look();
        }
    }

    fn open_door(&mut self, seconds: i64) -> bool {
        locked(&self.device).open_lid(seconds);
        true
    }
}
