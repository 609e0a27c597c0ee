//! One OPC UA session with one device.
//!
//! A session is never carried over a lost connection: each connection gets a new session, new namespace indices and new
//! subscriptions. That avoids two faults of async-opcua 0.19 (see the crate README) and follows a device whose
//! namespace moved. Reconnecting is the supervisor's part, and only its part.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use mes_core::{
    clock::Clock,
    historian::{Cause, Quality, SampleValue},
};
use opcua::{
    client::{
        Client, ClientBuilder, DataChangeCallback, IdentityToken, MonitoredItem, Session, SessionActivity,
        SessionEventLoop, SessionPollResult, SubscriptionActivity,
    },
    crypto::SecurityPolicy,
    types::{
        AttributeId, DataValue, EndpointDescription, ExtensionObject, MessageSecurityMode, MonitoredItemCreateRequest,
        MonitoringMode, MonitoringParameters, NodeId, ReadValueId, StatusCode, TimestampsToReturn, Variant, WriteValue,
    },
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{
    OWN_CERTIFICATE, OWN_KEY, REQUEST_MAX,
    trust::{APPLICATION_NAME, APPLICATION_URI, TrustList, own_thumbprint},
    value::{Scalar, reading},
};
use crate::driver::{Device, LinkError, Reading, WriteFault};

/// A session that nobody closes is forgotten by the device after this long, in milliseconds.
const SESSION_TIMEOUT_MS: u32 = 30_000;
/// Publishing intervals without a change after which the device must still say that it is there.
const KEEP_ALIVE_COUNT: u32 = 10;
/// A subscription silent for this many keep-alive periods is asked again; for twice as many, the link is given up.
const SILENT_PERIODS: u32 = 2;
/// Items in one request; small controllers take no more.
const ITEMS_PER_REQUEST: usize = 100;
/// Values that may wait for the link's task.
const NOTIFICATIONS_WAITING_MAX: usize = 4096;
/// Values the device keeps per tag between two publications.
const QUEUE_PER_TAG: u32 = 10;
const LIFETIME_COUNT: u32 = 60;

enum Event {
    Value(Reading),
    Ended(String),
}

/// What the session's own task and ours share.
#[derive(Debug)]
struct Watch {
    published_at: Mutex<Instant>,
    lost_values: AtomicBool,
}

/// One open session.
pub(crate) struct Connection {
    session: Arc<Session>,
    task: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
    waiting: VecDeque<Event>,
    watch: Arc<Watch>,
    silence: Duration,
    nodes: Vec<NodeId>,
    scalars: Vec<Option<Scalar>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    pub(crate) async fn open(device: &Device) -> Result<Self, LinkError> {
        let url = device.config.address.as_str();
        reach(url).await?;
        let mut client = client(device)?;
        let endpoint = endpoint(&client, device, url).await?;
        let token = match (&device.config.user, &device.config.secret) {
            (Some(user), Some(secret)) => IdentityToken::new_user_name(user.clone(), secret.reveal()),
            _ => IdentityToken::new_anonymous(),
        };
        let (session, event_loop) = client
            .connect_to_endpoint_directly(endpoint, token)
            .map_err(|error| LinkError::lost("prepare session", error))?;
        let (to_us, events) = mpsc::channel(NOTIFICATIONS_WAITING_MAX);
        let (ready, is_ready) = oneshot::channel();
        let watch = Arc::new(Watch { published_at: Mutex::new(Clock::wall()), lost_values: AtomicBool::new(false) });
        let task = tokio::spawn(drive(event_loop, ready, to_us.clone(), watch.clone()));
        let space = device.template.opc_ua.as_ref();
        let publishing = Duration::from_millis(u64::from(space.map_or(1000, |space| space.publishing_ms)));
        let mut one = Self {
            session,
            task,
            events,
            waiting: VecDeque::new(),
            watch,
            silence: publishing * KEEP_ALIVE_COUNT * SILENT_PERIODS,
            nodes: Vec::new(),
            scalars: Vec::new(),
        };
        match is_ready.await {
            Ok(Ok(())) => {}
            Ok(Err(status)) => return Err(refused(device, status)),
            Err(_) => return Err(LinkError::lost("open session", "the session ended before it was open")),
        }
        one.resolve(device).await?;
        one.subscribe(publishing, to_us).await?;
        Ok(one)
    }

    /// Finds the nodes under the namespace index of this very session, and the types of those that are written.
    async fn resolve(&mut self, device: &Device) -> Result<(), LinkError> {
        let step = "resolve nodes";
        let Some(space) = device.template.opc_ua.as_ref() else {
            return Err(LinkError::NeedsPerson { reason: "the template describes no OPC UA address space".to_owned() });
        };
        let uri = space.namespace.replace("{device}", device.name());
        let namespaces = self.session.read_namespace_array().await.map_err(|error| LinkError::lost(step, error))?;
        let Some(index) = namespaces.get_index(&uri) else {
            // A server that has just started may still be loading its model: this is tried again.
            let cause = format!(
                "the device has no namespace \"{uri}\"; unless it is still starting, its template \"{}\" or its address \
                 is wrong",
                device.template.name
            );
            return Err(LinkError::lost(step, cause));
        };
        self.nodes = device
            .template
            .tags
            .iter()
            .map(|tag| {
                let node = tag.opc_ua.as_ref().map(|point| point.node.replace("{device}", device.name()));
                NodeId::new(index, node.unwrap_or_default())
            })
            .collect();
        let types = self.read(&self.nodes.clone(), AttributeId::DataType).await?;
        self.scalars = types
            .iter()
            .map(|data| match &data.value {
                Some(Variant::NodeId(data_type)) => Scalar::of(data_type),
                _ => None,
            })
            .collect();
        Ok(())
    }

    async fn subscribe(&mut self, publishing: Duration, to_us: mpsc::Sender<Event>) -> Result<(), LinkError> {
        let step = "subscribe";
        let watch = self.watch.clone();
        let callback = DataChangeCallback::new(move |data: DataValue, item: &MonitoredItem| {
            let Some(tag) = (item.client_handle() as usize).checked_sub(1) else { return };
            let mut reading = reading(tag, &data);
            reading.overflow |= watch.lost_values.swap(false, Ordering::Relaxed);
            // Never wait here: this runs inside the session's own task.
            if to_us.try_send(Event::Value(reading)).is_err() {
                watch.lost_values.store(true, Ordering::Relaxed);
            }
        });
        let subscription = self
            .session
            .create_subscription(publishing, LIFETIME_COUNT, KEEP_ALIVE_COUNT, 0, 0, true, callback)
            .await
            .map_err(|error| LinkError::lost(step, error))?;
        let items: Vec<_> = (1u32..).zip(&self.nodes).map(|(handle, node)| item(handle, node, publishing)).collect();
        for chunk in items.chunks(ITEMS_PER_REQUEST) {
            let created = self
                .session
                .create_monitored_items(subscription, TimestampsToReturn::Both, chunk.to_vec())
                .await
                .map_err(|error| LinkError::lost(step, error))?;
            // A node the device refuses is reported by the periodic read, with the device's own code.
            let refused = created.iter().filter(|one| !one.result.status_code.is_good()).count();
            if refused > 0 {
                tracing::warn!(refused, "OPC UA: the device refused to watch some nodes");
            }
        }
        Ok(())
    }

    pub(crate) async fn notified(&mut self) -> Result<Vec<Reading>, LinkError> {
        if self.waiting.is_empty() {
            match self.events.recv().await {
                Some(event) => self.waiting.push_back(event),
                None => return Err(LinkError::lost("session", "ended")),
            }
        }
        while let Ok(event) = self.events.try_recv() {
            self.waiting.push_back(event);
        }
        let mut readings = Vec::new();
        while let Some(event) = self.waiting.pop_front() {
            match event {
                Event::Value(reading) => readings.push(reading),
                Event::Ended(cause) if readings.is_empty() => return Err(LinkError::lost("session", cause)),
                Event::Ended(cause) => {
                    self.waiting.push_front(Event::Ended(cause));
                    break;
                }
            }
        }
        Ok(readings)
    }

    pub(crate) async fn read_all(&mut self) -> Result<Vec<Reading>, LinkError> {
        self.check_subscription()?;
        let data = self.read(&self.nodes.clone(), AttributeId::Value).await?;
        Ok(data.iter().enumerate().map(|(tag, data)| reading(tag, data)).collect())
    }

    pub(crate) async fn read_one(&mut self, tag: usize) -> Result<Reading, LinkError> {
        let no_node = Reading {
            tag,
            value: None,
            quality: Quality::bad(Cause::Device("the template has no node for this tag".to_owned())),
            source_time: None,
            server_time: None,
            overflow: false,
        };
        let Some(node) = self.nodes.get(tag).cloned() else { return Ok(no_node) };
        let data = self.read(&[node], AttributeId::Value).await?;
        Ok(data.first().map_or(no_node, |data| reading(tag, data)))
    }

    pub(crate) async fn write(&mut self, tag: usize, value: &SampleValue) -> Result<(), WriteFault> {
        let unsendable = |reason: &str| WriteFault::Unsendable { reason: reason.to_owned() };
        let Some(node) = self.nodes.get(tag).cloned() else {
            return Err(unsendable("the template has no node for this tag"));
        };
        let Some(scalar) = self.scalars.get(tag).copied().flatten() else {
            return Err(unsendable("the device did not say of which type this node is"));
        };
        let value = scalar.variant(value).map_err(|reason| WriteFault::Unsendable { reason })?;
        let request = WriteValue {
            node_id: node,
            attribute_id: AttributeId::Value as u32,
            value: DataValue::value_only(value),
            ..WriteValue::default()
        };
        match timeout(REQUEST_MAX, self.session.write(&[request])).await {
            Err(_) => Err(WriteFault::Lost(LinkError::lost("write", "no answer in time"))),
            Ok(Err(error)) => Err(WriteFault::Lost(LinkError::lost("write", error))),
            Ok(Ok(results)) => match results.first() {
                Some(status) if status.is_good() => Ok(()),
                Some(status) => Err(judge_write(*status)),
                None => Err(WriteFault::Lost(LinkError::lost("write", "an answer without a result"))),
            },
        }
    }

    pub(crate) async fn close(self) {
        if let Ok(Err(error)) = timeout(REQUEST_MAX, self.session.disconnect()).await {
            tracing::debug!(%error, "OPC UA: the session did not end in order");
        }
    }

    async fn read(&self, nodes: &[NodeId], attribute: AttributeId) -> Result<Vec<DataValue>, LinkError> {
        let mut all = Vec::with_capacity(nodes.len());
        for chunk in nodes.chunks(ITEMS_PER_REQUEST) {
            let request: Vec<_> = chunk
                .iter()
                .map(|node| ReadValueId {
                    node_id: node.clone(),
                    attribute_id: attribute as u32,
                    ..ReadValueId::default()
                })
                .collect();
            let answer = timeout(REQUEST_MAX, self.session.read(&request, TimestampsToReturn::Both, 0.0)).await;
            match answer {
                Err(_) => {
                    let cause = format!("no answer within {} s", REQUEST_MAX.as_secs());
                    return Err(LinkError::lost("read", cause));
                }
                Ok(Err(error)) => return Err(LinkError::lost("read", error)),
                Ok(Ok(values)) if values.len() == chunk.len() => all.extend(values),
                Ok(Ok(_)) => return Err(LinkError::lost("read", "an answer of the wrong length")),
            }
        }
        Ok(all)
    }

    /// The watchdog: a subscription that neither delivers nor says that it is alive is not trusted.
    fn check_subscription(&self) -> Result<(), LinkError> {
        let published_at = *self.watch.published_at.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = published_at.elapsed();
        if silent > self.silence * 2 {
            let cause = format!("the subscription has been silent for {} s", silent.as_secs());
            return Err(LinkError::lost("subscription", cause));
        }
        if silent > self.silence {
            self.session.trigger_publish_now();
        }
        Ok(())
    }
}

/// Runs the session until it ends; the library's own reconnection is never reached.
async fn drive<T>(
    event_loop: SessionEventLoop<T>,
    ready: oneshot::Sender<Result<(), StatusCode>>,
    to_us: mpsc::Sender<Event>,
    watch: Arc<Watch>,
) where
    T: opcua::client::transport::Connector + Send + Sync + 'static,
{
    let mut ready = Some(ready);
    let polls = event_loop.enter();
    tokio::pin!(polls);
    let cause = loop {
        match polls.next().await {
            Some(Ok(SessionPollResult::Reconnected(_))) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
            }
            Some(Ok(SessionPollResult::Subscription(SubscriptionActivity::Publish))) => {
                *watch.published_at.lock().unwrap_or_else(PoisonError::into_inner) = Clock::wall();
            }
            Some(Ok(
                SessionPollResult::ConnectionLost(status)
                | SessionPollResult::SessionActivity(SessionActivity::KeepAliveFailed(status)),
            )) => break status,
            Some(Ok(SessionPollResult::ReconnectFailed(status)) | Err(status)) => break status,
            Some(Ok(_)) => {}
            None => break StatusCode::BadSessionClosed,
        }
    };
    match ready.take() {
        Some(ready) => drop(ready.send(Err(cause))),
        // Waiting is fine here: nothing else runs in this task any more.
        None => drop(to_us.send(Event::Ended(cause.to_string())).await),
    }
}

/// Whether anything listens there at all; the operating system's own words are the clearest.
async fn reach(url: &str) -> Result<(), LinkError> {
    let authority = url.strip_prefix("opc.tcp://").unwrap_or(url).split('/').next().unwrap_or_default();
    match timeout(REQUEST_MAX, TcpStream::connect(authority)).await {
        Err(_) => Err(LinkError::lost("connect", format!("no answer within {} s", REQUEST_MAX.as_secs()))),
        Ok(Err(error)) => Err(LinkError::lost("connect", error)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn client(device: &Device) -> Result<Client, LinkError> {
    ClientBuilder::new()
        .application_name(APPLICATION_NAME)
        .application_uri(APPLICATION_URI)
        .product_uri(APPLICATION_URI)
        .create_sample_keypair(false)
        .certificate_path(OWN_CERTIFICATE)
        .private_key_path(OWN_KEY)
        .pki_dir(&device.pki_dir)
        .trust_server_certs(false)
        .verify_server_certs(true)
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .keep_alive_interval(Duration::from_secs(5))
        .max_failed_keep_alive_count(0)
        .request_timeout(REQUEST_MAX)
        .session_timeout(SESSION_TIMEOUT_MS)
        .client()
        .map_err(|reasons| LinkError::NeedsPerson { reason: format!("OPC UA client: {}", reasons.join(", ")) })
}

/// The signed and encrypted endpoint of a trusted device, at the address that was configured.
async fn endpoint(client: &Client, device: &Device, url: &str) -> Result<EndpointDescription, LinkError> {
    let offered = timeout(REQUEST_MAX * 2, client.get_server_endpoints_from_url(url))
        .await
        .map_err(|_| LinkError::lost("ask for endpoints", "no answer in time"))?
        .map_err(|error| LinkError::lost("ask for endpoints", error))?;
    let wanted = |one: &EndpointDescription| {
        one.security_policy_uri.as_ref() == SecurityPolicy::Basic256Sha256.to_uri()
            && one.security_mode == MessageSecurityMode::SignAndEncrypt
    };
    let Some(mut endpoint) = offered.into_iter().find(wanted) else {
        let reason = "the device offers no endpoint with Basic256Sha256 and SignAndEncrypt; switch it on at the device";
        return Err(LinkError::NeedsPerson { reason: reason.to_owned() });
    };
    let der = endpoint.server_certificate.as_ref();
    let checked = TrustList::open(&device.pki_dir).and_then(|list| list.check(der));
    match checked {
        Err(error) => return Err(LinkError::NeedsPerson { reason: error.to_string() }),
        Ok(Err(unknown)) => {
            let reason = format!(
                "the certificate of the device is not trusted: {} (thumbprint {}); compare the thumbprint with the \
                 device's and approve it",
                unknown.subject, unknown.thumbprint
            );
            return Err(LinkError::NeedsPerson { reason });
        }
        Ok(Ok(())) => {}
    }
    // A device behind address translation advertises an address that leads elsewhere.
    endpoint.endpoint_url = url.into();
    Ok(endpoint)
}

/// Why a session was refused, and whether trying again can help.
fn refused(device: &Device, status: StatusCode) -> LinkError {
    let code = status.sub_code().to_string();
    let reason = match code.as_str() {
        "BadUserAccessDenied" | "BadIdentityTokenRejected" | "BadIdentityTokenInvalid" => {
            let user = device.config.user.as_deref().unwrap_or("(none)");
            format!("the device refuses user \"{user}\" or the password ({code}); correct the credentials")
        }
        "BadSecurityChecksFailed" | "BadCertificateUntrusted" => format!(
            "the device does not trust our certificate ({code}); approve thumbprint {} at the device",
            own_thumbprint(&device.pki_dir)
        ),
        other if other.starts_with("BadCertificate") => {
            format!("the certificate of the device does not hold ({code}); correct its address here or renew it there")
        }
        _ => return LinkError::lost("open session", code),
    };
    LinkError::NeedsPerson { reason }
}

fn judge_write(status: StatusCode) -> WriteFault {
    let code = status.sub_code().to_string();
    match code.as_str() {
        // The server does not know whether the device behind it got the value.
        "BadCommunicationError" | "BadTimeout" | "BadNoCommunication" | "BadRequestInterrupted" => {
            WriteFault::Unclear { reason: format!("the device does not know whether the write took effect: {code}") }
        }
        _ => WriteFault::Refused { code },
    }
}

fn item(handle: u32, node: &NodeId, sampling: Duration) -> MonitoredItemCreateRequest {
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId {
            node_id: node.clone(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: handle,
            sampling_interval: sampling.as_secs_f64() * 1000.0,
            filter: ExtensionObject::null(),
            queue_size: QUEUE_PER_TAG,
            discard_oldest: true,
        },
    }
}
