//! One connection to one device: its values, writes, calls and events, and the watchdogs over them.
//!
//! A session is never carried over a lost connection: each connection gets a new session, new namespace indices and new
//! subscriptions. That avoids two faults of async-opcua 0.19 (see the crate README) and follows a device whose
//! namespace moved. Reconnecting is the supervisor's part, and only its part.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use mes_core::{
    clock::Clock,
    engine::DeviceEvent,
    historian::{Cause, Quality, SampleValue},
    id::TagId,
};
use opcua::types::{AttributeId, DataValue, NodeId, VariableId, Variant, WriteValue};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    REQUEST_MAX,
    method::judge,
    point::{OpcUaPoint, OpcUaSpace},
    resolve::{self, Limits, Point},
    session::{Open, SILENCE_MAX, Target, ask_to_publish},
    subscribe::{Agreed, Event, Subscription, Wanted},
    value::reading,
};
use crate::driver::{Device, DriverReport, LinkError, Reading, Sampling, WriteFault};

/// Values that may wait for the link's task: five seconds of 500 tags at 10 Hz, twice over.
const NOTIFICATIONS_WAITING_MAX: usize = 50_000;
/// Items that the device refused are asked for again this often.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// Interval of looking at the watchdogs while nothing comes.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// Below this service level a server itself says that it is not healthy (OPC UA Part 4, 6.6.2.4.2).
const SERVICE_LEVEL_HEALTHY: u8 = 200;

/// What is known of a tag's notifications, to tell a read that runs ahead of them from one that stands alone.
#[derive(Debug, Clone, Default)]
struct Seen {
    watched: bool,
    deadband: bool,
    last: Option<(Option<SampleValue>, Quality)>,
    ahead: bool,
}

/// One open session with its subscription.
pub(crate) struct Connection {
    open: Open,
    device: Device,
    events: mpsc::Receiver<Event>,
    waiting: VecDeque<Event>,
    news: Vec<DriverReport>,
    limits: Limits,
    subscription: Subscription,
    points: Vec<Point>,
    wanted: Vec<Wanted>,
    seen: Vec<Seen>,
    refused: Vec<usize>,
    retried_at: Instant,
    asked_at: Option<Instant>,
    published_at: Option<Instant>,
    service_level: Option<u8>,
}

impl Connection {
    pub(crate) async fn open(device: &Device) -> Result<Self, LinkError> {
        let Some(space) = device.template.opc_ua.as_ref() else {
            return Err(LinkError::NeedsPerson { reason: "the template describes no OPC UA address space".to_owned() });
        };
        let target = Target {
            url: device.config.address.clone(),
            security: device.config.security.clone(),
            login: device.config.login(),
            pki_dir: device.pki_dir.clone(),
            thumbprint: None,
        };
        let (to_us, events) = mpsc::channel(NOTIFICATIONS_WAITING_MAX);
        let open = Open::new(&target, to_us.clone()).await?;
        let mut limits = Limits::ask(&open.session).await?;
        let points = resolve::points(&open.session, &mut limits, device, space).await?;
        let publishing = Duration::from_millis(u64::from(space.publishing_ms));
        let subscription = Subscription::create(&open, publishing, to_us).await?;
        let mut one = Self {
            wanted: wanted(device, space, &points),
            seen: vec![Seen::default(); points.len()],
            open,
            device: device.clone(),
            events,
            waiting: VecDeque::new(),
            news: Vec::new(),
            limits,
            subscription,
            points,
            refused: Vec::new(),
            retried_at: Clock::wall(),
            asked_at: None,
            published_at: None,
            service_level: None,
        };
        let all = one.wanted.clone();
        one.watch(&all).await?;
        one.watch_events(space).await?;
        Ok(one)
    }

    /// How the connection is secured, in words.
    pub(crate) fn described(&self) -> &str {
        &self.open.described
    }

    /// What is wrong with the server as a whole although it answers.
    pub(crate) fn complaint(&self) -> Option<String> {
        let level = self.service_level.filter(|level| *level < SERVICE_LEVEL_HEALTHY)?;
        Some(format!("the device reports service level {level} of 255: {}", service(level)))
    }

    /// Reports other than readings that have come up since the last call.
    pub(crate) fn news(&mut self) -> Vec<DriverReport> {
        std::mem::take(&mut self.news)
    }

    async fn watch(&mut self, wanted: &[Wanted]) -> Result<(), LinkError> {
        let agreed = self.subscription.watch(&self.open.session, wanted, &mut self.limits).await?;
        self.retried_at = Clock::wall();
        self.refused.clear();
        let mut samplings = Vec::new();
        for (one, agreed) in wanted.iter().zip(agreed) {
            let Some(template) = self.device.template.tags.get(one.tag) else { continue };
            let tag = TagId::new(self.device.config.equipment.clone(), template.name.clone());
            let asked_ms = one.sampling.as_secs_f64() * 1000.0;
            let publishing_ms = self.subscription.publishing.as_secs_f64() * 1000.0;
            let mut sampling = Sampling {
                tag,
                asked_ms,
                publishing_ms,
                effective_ms: None,
                queue_size: 0,
                deadband: false,
                refused: None,
            };
            match agreed {
                Agreed::Watched { sampling_ms, queue_size, deadband } => {
                    (sampling.effective_ms, sampling.queue_size, sampling.deadband) =
                        (Some(sampling_ms), queue_size, deadband);
                    if let Some(seen) = self.seen.get_mut(one.tag) {
                        *seen = Seen { watched: true, deadband, ..Seen::default() };
                    }
                }
                Agreed::Refused(status) => {
                    sampling.refused = Some(status.sub_code().to_string());
                    self.refused.push(one.tag);
                }
            }
            samplings.push(sampling);
        }
        self.news.push(DriverReport::Sampling(samplings));
        Ok(())
    }

    async fn watch_events(&mut self, space: &OpcUaSpace) -> Result<(), LinkError> {
        let Some(text) = &space.events else { return Ok(()) };
        let namespaces = resolve::namespaces(&self.open.session).await?;
        let default = resolve::named(&space.namespace, &self.device);
        match resolve::node(text, &self.device, &default, &namespaces) {
            Ok(notifier) => {
                let refused = self.subscription.watch_events(&self.open.session, notifier, &mut self.limits).await?;
                if let Some(status) = refused {
                    tracing::warn!(equipment.id = %self.device.config.equipment, %status, "OPC UA: no events");
                }
            }
            Err(cause) => tracing::warn!(equipment.id = %self.device.config.equipment, cause, "OPC UA: no events"),
        }
        Ok(())
    }

    pub(crate) async fn notified(&mut self) -> Result<Vec<Reading>, LinkError> {
        loop {
            self.check()?;
            if self.waiting.is_empty() {
                // Both may be dropped at any time without losing anything.
                tokio::select! {
                    event = self.events.recv() => match event {
                        Some(event) => self.waiting.push_back(event),
                        None => return Err(LinkError::lost("session", "ended")),
                    },
                    () = sleep(WATCH_EVERY) => {}
                }
            }
            let readings = self.take_waiting()?;
            if !readings.is_empty() {
                return Ok(readings);
            }
        }
    }

    /// What has come by itself, in its order.
    fn take_waiting(&mut self) -> Result<Vec<Reading>, LinkError> {
        while let Ok(event) = self.events.try_recv() {
            self.waiting.push_back(event);
        }
        let mut readings = Vec::new();
        while let Some(event) = self.waiting.pop_front() {
            match event {
                Event::Value(reading) => {
                    self.device.meter.notified(1);
                    if reading.overflow {
                        self.device.meter.overflow();
                    }
                    if let Some(seen) = self.seen.get_mut(reading.tag) {
                        seen.last = Some((reading.value.clone(), reading.quality.clone()));
                        seen.ahead = false;
                    }
                    readings.push(reading);
                }
                Event::Happened(one) => self.news.push(DriverReport::Event(DeviceEvent {
                    equipment: self.device.config.equipment.clone(),
                    source: one.source,
                    message: one.message,
                    severity: one.severity,
                    source_time: one.time,
                    receive_time: self.device.clock.now(),
                })),
                Event::Ended(cause) if readings.is_empty() => return Err(LinkError::lost("session", cause)),
                Event::Ended(cause) => {
                    self.waiting.push_front(Event::Ended(cause));
                    break;
                }
            }
        }
        Ok(readings)
    }

    /// Reads every tag from the device: proof that values still hold, and the only source where it refuses to watch.
    pub(crate) async fn read_all(&mut self) -> Result<Vec<Reading>, LinkError> {
        self.retry().await?;
        let began = Clock::wall();
        let mut nodes: Vec<_> = self.points.iter().filter_map(|one| one.node().cloned()).collect();
        nodes.push(VariableId::Server_ServiceLevel.into());
        let data = resolve::read(&self.open.session, &mut self.limits, &nodes, AttributeId::Value).await?;
        self.device.meter.answered(began.elapsed());
        self.service_level = data.last().and_then(level);
        let mut data = data.iter();
        let read: Vec<_> = self
            .points
            .iter()
            .enumerate()
            .filter_map(|(tag, point)| match point {
                Point::Variable { .. } => data.next().map(|data| reading(tag, data)),
                Point::Missing(cause) => Some(without_node(tag, cause.clone())),
                Point::Method(_) => None,
            })
            .collect();
        // What was on its way before the answer comes first.
        let mut readings = self.take_waiting()?;
        readings.extend(read.into_iter().filter(|one| self.stands(one)));
        Ok(readings)
    }

    /// Whether a value that was read may be reported: it agrees with the last notification, or none is under way.
    ///
    /// A read that runs ahead of a notification would put values out of order, so the first one is held back.
    fn stands(&mut self, read: &Reading) -> bool {
        let Some(seen) = self.seen.get_mut(read.tag).filter(|seen| seen.watched && !seen.deadband) else { return true };
        let agrees =
            seen.last.as_ref().is_some_and(|(value, quality)| *value == read.value && *quality == read.quality);
        let stands = agrees || seen.ahead;
        seen.ahead = !agrees;
        stands
    }

    /// Asks again for items that the device refused.
    async fn retry(&mut self) -> Result<(), LinkError> {
        if self.refused.is_empty() || self.retried_at.elapsed() < RETRY_EVERY {
            return Ok(());
        }
        let again: Vec<_> = self.wanted.iter().filter(|one| self.refused.contains(&one.tag)).cloned().collect();
        self.watch(&again).await
    }

    pub(crate) async fn read_one(&mut self, tag: usize) -> Result<Reading, LinkError> {
        let node = match self.points.get(tag) {
            Some(Point::Variable { node, .. }) => node.clone(),
            Some(Point::Missing(cause)) => return Ok(without_node(tag, cause.clone())),
            Some(Point::Method(_)) | None => return Ok(without_node(tag, "this tag has no value".to_owned())),
        };
        let data = resolve::read(&self.open.session, &mut self.limits, &[node], AttributeId::Value).await?;
        Ok(data.first().map_or_else(|| without_node(tag, "no answer".to_owned()), |data| reading(tag, data)))
    }

    pub(crate) async fn write(&mut self, tag: usize, value: &SampleValue) -> Result<(), WriteFault> {
        let unsendable = |reason: &str| WriteFault::Unsendable { reason: reason.to_owned() };
        let (node, scalar) = match self.points.get(tag) {
            Some(Point::Variable { node, scalar: Some(scalar) }) => (node.clone(), *scalar),
            Some(Point::Variable { .. }) => {
                return Err(unsendable("the device did not say of which type this node is"));
            }
            Some(Point::Missing(cause)) => return Err(unsendable(cause)),
            Some(Point::Method(_)) | None => return Err(unsendable("this tag has no value to be written")),
        };
        let value = scalar.variant(value).map_err(|reason| WriteFault::Unsendable { reason })?;
        self.healthy().await?;
        let request = WriteValue {
            node_id: node,
            attribute_id: AttributeId::Value as u32,
            value: DataValue::value_only(value),
            ..WriteValue::default()
        };
        match timeout(REQUEST_MAX, self.open.session.write(&[request])).await {
            Err(_) => Err(WriteFault::Lost(LinkError::lost("write", "no answer in time"))),
            Ok(Err(error)) => Err(WriteFault::Lost(LinkError::lost("write", error))),
            Ok(Ok(results)) => match results.first() {
                Some(status) if status.is_good() => Ok(()),
                Some(status) => Err(judge(*status)),
                None => Err(WriteFault::Lost(LinkError::lost("write", "an answer without a result"))),
            },
        }
    }

    /// Calls the method of a tag, once.
    pub(crate) async fn call(&mut self, tag: usize, value: &SampleValue) -> Result<Option<SampleValue>, WriteFault> {
        let method = match self.points.get(tag) {
            Some(Point::Method(method)) => method.clone(),
            Some(Point::Missing(cause)) => return Err(WriteFault::Unsendable { reason: cause.clone() }),
            _ => return Err(WriteFault::Unsendable { reason: "this tag has no method".to_owned() }),
        };
        self.healthy().await?;
        method.call(&self.open.session, value).await
    }

    /// A server that says of itself that it is not healthy is given no orders.
    async fn healthy(&mut self) -> Result<(), WriteFault> {
        let nodes = [NodeId::from(VariableId::Server_ServiceLevel)];
        let data = resolve::read(&self.open.session, &mut self.limits, &nodes, AttributeId::Value).await;
        // Nothing was sent yet: this is not a write of which nobody knows.
        let data = data.map_err(|lost| WriteFault::Unsendable {
            reason: format!("the link was lost before anything was sent: {lost}"),
        })?;
        self.service_level = data.first().and_then(level);
        match self.complaint() {
            Some(reason) => Err(WriteFault::Unsendable { reason }),
            None => Ok(()),
        }
    }

    pub(crate) async fn close(self) {
        self.open.close().await;
    }

    /// The watchdogs: a connection on which nothing comes, and a subscription that neither delivers nor says that it
    /// is alive, are not trusted.
    fn check(&mut self) -> Result<(), LinkError> {
        if self.open.watch.heard_at().elapsed() > SILENCE_MAX {
            let cause = format!("nothing has come from the device for {} s", SILENCE_MAX.as_secs_f64());
            return Err(LinkError::lost("connection", cause));
        }
        let published_at = self.open.watch.published_at();
        if self.published_at != Some(published_at) {
            self.published_at = Some(published_at);
            self.device.meter.published();
        }
        let silent = published_at.elapsed();
        let silence = self.subscription.silence;
        if silent > silence * 2 {
            let cause = format!("the subscription has been silent for {:.1} s", silent.as_secs_f64());
            return Err(LinkError::lost("subscription", cause));
        }
        if silent > silence && self.asked_at != Some(published_at) {
            self.asked_at = Some(published_at);
            ask_to_publish(&self.open);
        }
        Ok(())
    }
}

fn wanted(device: &Device, space: &OpcUaSpace, points: &[Point]) -> Vec<Wanted> {
    let sampling = |said: Option<&OpcUaPoint>| {
        let own = said.and_then(|one| one.sampling_ms).or(space.sampling_ms).unwrap_or(space.publishing_ms);
        Duration::from_millis(u64::from(own))
    };
    points
        .iter()
        .zip(&device.template.tags)
        .enumerate()
        .filter_map(|(tag, (point, template))| {
            let said = template.opc_ua.as_ref();
            let deadband = said.and_then(|one| one.deadband);
            Some(Wanted { tag, node: point.node()?.clone(), sampling: sampling(said), deadband })
        })
        .collect()
}

fn without_node(tag: usize, cause: String) -> Reading {
    Reading {
        tag,
        value: None,
        quality: Quality::bad(Cause::Device(cause)),
        source_time: None,
        server_time: None,
        overflow: false,
    }
}

fn level(data: &DataValue) -> Option<u8> {
    match data.value {
        Some(Variant::Byte(level)) => Some(level),
        _ => None,
    }
}

fn service(level: u8) -> &'static str {
    match level {
        0 => "maintenance",
        1 => "no data",
        2..SERVICE_LEVEL_HEALTHY => "degraded",
        SERVICE_LEVEL_HEALTHY.. => "healthy",
    }
}
