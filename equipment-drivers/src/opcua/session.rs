//! Opens one session with one server: who is there, is it trusted, is it secured as configured, who logs in.
//!
//! The library's own reconnection is never reached: a session ends with its connection. The address that was
//! configured is dialed, not the one that the server advertises.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use mes_core::clock::Clock;
use opcua::{
    client::{
        Client, ClientBuilder, Session, SessionActivity, SessionEventLoop, SessionPollResult, SubscriptionActivity,
        transport::{Connector, TransportPollResult},
    },
    types::StatusCode,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{
    CHECKED, REQUEST_MAX,
    own::{APPLICATION_NAME, APPLICATION_URI, own_thumbprint},
    security::{Chosen, Login, Policy, Security, choose},
    subscribe::Event,
    trust::{Claim, TrustList},
};
use crate::driver::LinkError;

/// A session that nobody closes is forgotten by the device after this long, in milliseconds.
const SESSION_TIMEOUT_MS: u32 = 30_000;
/// The device is asked this often whether it is there.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A connection on which nothing at all has come for this long is given up.
pub(super) const SILENCE_MAX: Duration = Duration::from_millis(3500);
/// Largest message, in bytes: some thousands of values, or a wide folder when browsing.
const MESSAGE_MAX: usize = 16 << 20;
const ARRAY_MAX: usize = 200_000;

/// Where to connect, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) security: Security,
    pub(crate) login: Login,
    pub(crate) pki_dir: PathBuf,
    /// A certificate to be spoken to though nobody has approved it.
    pub(crate) thumbprint: Option<String>,
}

/// When something was last heard; shared with the session's own task.
#[derive(Debug)]
pub(super) struct Watch {
    published_at: Mutex<Instant>,
    heard_at: Mutex<Instant>,
    pub(super) lost_values: AtomicBool,
}

impl Watch {
    fn new() -> Self {
        let now = Clock::wall();
        Self { published_at: Mutex::new(now), heard_at: Mutex::new(now), lost_values: AtomicBool::new(false) }
    }
    fn set(at: &Mutex<Instant>) {
        *at.lock().unwrap_or_else(PoisonError::into_inner) = Clock::wall();
    }
    /// Since when the subscription has been silent.
    pub(super) fn published_at(&self) -> Instant {
        *self.published_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Since when nothing at all has come.
    pub(super) fn heard_at(&self) -> Instant {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A subscription starts now.
    pub(super) fn start(&self) {
        Self::set(&self.published_at);
    }
}

/// One open session, with the task that drives it.
pub(crate) struct Open {
    pub(super) session: Arc<Session>,
    task: JoinHandle<()>,
    pub(super) watch: Arc<Watch>,
    /// Policy and mode in words.
    pub(super) described: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Open {
    /// Opens a session; what ends it later comes as [`Event::Ended`].
    pub(super) async fn new(target: &Target, to_us: mpsc::Sender<Event>) -> Result<Self, LinkError> {
        reach(&target.url).await?;
        let mut client = client(&target.pki_dir)?;
        let chosen = endpoint(&client, target).await?;
        let token = target.login.token()?;
        let (session, event_loop) = client
            .connect_to_endpoint_directly(chosen.endpoint, token)
            .map_err(|error| LinkError::lost("prepare session", error))?;
        let (ready, is_ready) = oneshot::channel();
        let watch = Arc::new(Watch::new());
        let task = tokio::spawn(drive(event_loop, ready, to_us, watch.clone()));
        let open = Self { session, task, watch, described: chosen.described };
        match is_ready.await {
            Ok(Ok(())) => Ok(open),
            Ok(Err(status)) => Err(refused(target, status)),
            Err(_) => Err(LinkError::lost("open session", "the session ended before it was open")),
        }
    }

    pub(super) async fn close(&self) {
        if let Ok(Err(error)) = timeout(REQUEST_MAX, self.session.disconnect()).await {
            tracing::debug!(%error, "OPC UA: the session did not end in order");
        }
    }
}

/// Runs the session until it ends; the library's own reconnection is never reached.
async fn drive<T>(
    event_loop: SessionEventLoop<T>,
    ready: oneshot::Sender<Result<(), StatusCode>>,
    to_us: mpsc::Sender<Event>,
    watch: Arc<Watch>,
) where
    T: Connector + Send + Sync + 'static,
{
    let mut ready = Some(ready);
    let polls = event_loop.enter();
    tokio::pin!(polls);
    let cause = loop {
        match polls.next().await {
            Some(Ok(SessionPollResult::Reconnected(_))) => {
                Watch::set(&watch.heard_at);
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
            }
            Some(Ok(SessionPollResult::Subscription(SubscriptionActivity::Publish))) => {
                Watch::set(&watch.published_at);
            }
            Some(Ok(SessionPollResult::Transport(TransportPollResult::IncomingMessage))) => {
                Watch::set(&watch.heard_at);
            }
            Some(Ok(
                SessionPollResult::ConnectionLost(status)
                | SessionPollResult::ReconnectFailed(status)
                | SessionPollResult::SessionActivity(SessionActivity::KeepAliveFailed(status))
                | SessionPollResult::Subscription(SubscriptionActivity::FatalFailure(status)),
            )) => break status,
            Some(Err(status)) => break status,
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
    match timeout(REQUEST_MAX, TcpStream::connect(authority(url))).await {
        Err(_) => Err(LinkError::lost("connect", format!("no answer within {} s", REQUEST_MAX.as_secs()))),
        Ok(Err(error)) => Err(LinkError::lost("connect", error)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn authority(url: &str) -> &str {
    url.strip_prefix("opc.tcp://").unwrap_or(url).split('/').next().unwrap_or_default()
}

fn client(pki_dir: &Path) -> Result<Client, LinkError> {
    ClientBuilder::new()
        .application_name(APPLICATION_NAME)
        .application_uri(APPLICATION_URI)
        .product_uri(APPLICATION_URI)
        .create_sample_keypair(false)
        .certificate_path(Path::new("..").join(super::OWN_CERTIFICATE))
        .private_key_path(Path::new("..").join(super::OWN_KEY))
        .pki_dir(pki_dir.join(CHECKED))
        .trust_server_certs(false)
        // Names and times are checked by us (trust.rs), also where the library would look at the first name only.
        .verify_server_certs(false)
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .keep_alive_interval(KEEP_ALIVE_EVERY)
        .max_failed_keep_alive_count(0)
        .request_timeout(REQUEST_MAX)
        .session_timeout(SESSION_TIMEOUT_MS)
        .max_message_size(MESSAGE_MAX)
        .max_array_length(ARRAY_MAX)
        .client()
        .map_err(|reasons| LinkError::NeedsPerson { reason: format!("OPC UA client: {}", reasons.join(", ")) })
}

/// The endpoint to be used, of a trusted device, at the address that was configured.
async fn endpoint(client: &Client, target: &Target) -> Result<Chosen, LinkError> {
    let url = target.url.as_str();
    let offered = timeout(REQUEST_MAX * 2, client.get_server_endpoints_from_url(url))
        .await
        .map_err(|_| LinkError::lost("ask for endpoints", "no answer in time"))?
        .map_err(|error| LinkError::lost("ask for endpoints", error))?;
    let mut chosen = choose(&offered, &target.security, &target.login)?;
    if chosen.policy != Policy::None {
        let der = chosen.endpoint.server_certificate.as_ref();
        let host = authority(url).rsplit_once(':').map_or(authority(url), |(host, _)| host);
        let claim = Claim {
            application_uri: chosen.endpoint.server.application_uri.as_ref(),
            host: host.trim_start_matches('[').trim_end_matches(']'),
            thumbprint: target.thumbprint.as_deref(),
        };
        match TrustList::open(&target.pki_dir).and_then(|list| list.check(der, claim)) {
            Err(error) => return Err(LinkError::NeedsPerson { reason: error.to_string() }),
            Ok(Err(refusal)) => return Err(LinkError::NeedsPerson { reason: refusal.to_string() }),
            Ok(Ok(())) => {}
        }
    }
    // A device behind address translation advertises an address that leads elsewhere.
    chosen.endpoint.endpoint_url = url.into();
    Ok(chosen)
}

/// Why a session was refused, and whether trying again can help.
fn refused(target: &Target, status: StatusCode) -> LinkError {
    let code = status.sub_code().to_string();
    let reason = match code.as_str() {
        "BadUserAccessDenied" | "BadIdentityTokenRejected" | "BadIdentityTokenInvalid" | "BadUserSignatureInvalid" => {
            let told = match target.login {
                Login::Password { .. } => " or the password",
                Login::Anonymous | Login::Certificate { .. } => "",
            };
            format!("the device refuses {}{told} ({code}); correct the credentials", target.login)
        }
        "BadSecurityChecksFailed" | "BadCertificateUntrusted" => format!(
            "the device does not trust our certificate ({code}); approve thumbprint {} at the device",
            own_thumbprint(&target.pki_dir)
        ),
        other if other.starts_with("BadCertificate") => {
            format!("the certificate of the device, or ours for the device, does not hold ({code})")
        }
        _ => return LinkError::lost("open session", code),
    };
    LinkError::NeedsPerson { reason }
}

/// Asks the publish loop to ask the device at once.
pub(super) fn ask_to_publish(open: &Open) {
    open.session.trigger_publish_now();
}

/// Whether values were dropped since the last call, because the link's task was too slow.
pub(super) fn take_lost(watch: &Watch) -> bool {
    watch.lost_values.swap(false, Ordering::Relaxed)
}
