//! The subscription of a session: one item per tag, what the device makes of each, and the events of the device.
//!
//! It says what the device agreed to; what becomes of a refused item, and when silence is too long, is the client's.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mes_core::clock::Timestamp;
use opcua::{
    client::{MonitoredItem, Session, SubscriptionCallbacks},
    types::{
        AttributeId, DataChangeFilter, DataChangeTrigger, DataValue, DeadbandType, EventFilter, ExtensionObject,
        MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode, MonitoringParameters, NodeId,
        ObjectTypeId, QualifiedName, ReadValueId, SimpleAttributeOperand, StatusCode, TimestampsToReturn, Variant,
    },
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    REQUEST_MAX,
    point::Deadband,
    resolve::Limits,
    session::{Open, Watch, take_lost},
    value::{reading, text_of, to_timestamp},
};
use crate::driver::{LinkError, Reading};

/// A device that has nothing to say says so within about this time.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// A subscription silent for this many keep-alive periods is asked again; for twice as many, the link is given up.
const SILENT_PERIODS: u32 = 2;
/// The device forgets a subscription that nobody asks for after this long.
const LIFETIME: Duration = Duration::from_secs(30);
/// The device keeps the values of this long per tag, while a publication is under way or late.
const QUEUE: Duration = Duration::from_secs(5);
const QUEUE_MIN: u32 = 10;
const QUEUE_MAX: u32 = 1000;
/// Handle of the item that delivers events; tags have 1 and up.
const EVENTS: u32 = u32::MAX;
/// Events that the device keeps between two publications.
const EVENT_QUEUE: u32 = 1000;

/// What comes from a session by itself.
pub(super) enum Event {
    Value(Reading),
    Happened(Happening),
    Ended(String),
}

/// An event as the device tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happening {
    pub(super) source: String,
    pub(super) time: Option<Timestamp>,
    pub(super) message: String,
    pub(super) severity: u16,
}

/// A tag to be watched.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) tag: usize,
    pub(super) node: NodeId,
    pub(super) sampling: Duration,
    pub(super) deadband: Option<Deadband>,
}

/// What the device agreed to for one tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Agreed {
    Watched { sampling_ms: f64, queue_size: u32, deadband: bool },
    Refused(StatusCode),
}

/// A subscription as the device has revised it.
#[derive(Debug)]
pub(super) struct Subscription {
    id: u32,
    pub(super) publishing: Duration,
    /// Silent for this long, it is asked again.
    pub(super) silence: Duration,
}

impl Subscription {
    pub(super) async fn create(
        open: &Open,
        publishing: Duration,
        to_us: mpsc::Sender<Event>,
    ) -> Result<Self, LinkError> {
        let keep_alive = count(KEEP_ALIVE, publishing);
        let lifetime = count(LIFETIME, publishing).max(keep_alive * 3);
        let callbacks = callbacks(open.watch.clone(), to_us);
        let created = open.session.create_subscription(publishing, lifetime, keep_alive, 0, 0, true, callbacks);
        let id = match timeout(REQUEST_MAX, created).await {
            Ok(Ok(id)) => id,
            Ok(Err(error)) => return Err(LinkError::lost("subscribe", error)),
            Err(_) => return Err(LinkError::lost("subscribe", "no answer in time")),
        };
        open.watch.start();
        let state = open.session.subscription_state().lock();
        let (publishing, keep_alive) = state
            .get(id)
            .map_or((publishing, keep_alive), |one| (one.publishing_interval(), one.max_keep_alive_count()));
        let silence = (publishing * keep_alive * SILENT_PERIODS).max(KEEP_ALIVE * SILENT_PERIODS);
        Ok(Self { id, publishing, silence })
    }

    /// Has tags watched; the answers are in the order of `wanted`.
    pub(super) async fn watch(
        &self,
        session: &Session,
        wanted: &[Wanted],
        limits: &mut Limits,
    ) -> Result<Vec<Agreed>, LinkError> {
        let items = wanted.iter().map(|one| item(one, filter(one.deadband))).collect();
        let results = self.create_items(session, items, limits).await?;
        let mut agreed: Vec<_> =
            wanted.iter().zip(&results).map(|(one, result)| agree(result, one.deadband.is_some())).collect();
        // A deadband that the device cannot keep is given up, not the tag: it is reported with every change instead.
        let again: Vec<_> = (0..)
            .zip(wanted.iter().zip(&agreed))
            .filter(|(_, (one, agreed))| one.deadband.is_some() && matches!(agreed, Agreed::Refused(_)))
            .map(|(place, (one, _))| (place, one.clone()))
            .collect();
        let items = again.iter().map(|(_, one)| item(one, ExtensionObject::null())).collect();
        let results = self.create_items(session, items, limits).await?;
        for ((place, _), result) in again.iter().zip(&results) {
            if let Some(slot) = agreed.get_mut::<usize>(*place) {
                *slot = agree(result, false);
            }
        }
        Ok(agreed)
    }

    /// Has the events of an object reported; a refusal is the device's code.
    pub(super) async fn watch_events(
        &self,
        session: &Session,
        notifier: NodeId,
        limits: &mut Limits,
    ) -> Result<Option<StatusCode>, LinkError> {
        let fields = ["SourceName", "Time", "Message", "Severity"].map(|name| SimpleAttributeOperand {
            type_definition_id: ObjectTypeId::BaseEventType.into(),
            browse_path: Some(vec![QualifiedName::from(name)]),
            attribute_id: AttributeId::Value as u32,
            ..SimpleAttributeOperand::default()
        });
        let filter = EventFilter { select_clauses: Some(fields.to_vec()), ..EventFilter::default() };
        let item = MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId {
                node_id: notifier,
                attribute_id: AttributeId::EventNotifier as u32,
                ..ReadValueId::default()
            },
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: EVENTS,
                sampling_interval: 0.0,
                filter: ExtensionObject::from_message(filter),
                queue_size: EVENT_QUEUE,
                discard_oldest: true,
            },
        };
        let results = self.create_items(session, vec![item], limits).await?;
        Ok(results.first().map(|result| result.status_code).filter(|status| !status.is_good()))
    }

    /// In requests of the size that the device takes.
    async fn create_items(
        &self,
        session: &Session,
        items: Vec<MonitoredItemCreateRequest>,
        limits: &mut Limits,
    ) -> Result<Vec<MonitoredItemCreateResult>, LinkError> {
        let mut results = Vec::with_capacity(items.len());
        while let Some(rest) = items.get(results.len()..).filter(|rest| !rest.is_empty()) {
            let chunk: Vec<_> = rest.iter().take(limits.items_per_call).cloned().collect();
            let length = chunk.len();
            let call = session.create_monitored_items(self.id, TimestampsToReturn::Both, chunk);
            match timeout(REQUEST_MAX, call).await {
                Err(_) => return Err(LinkError::lost("subscribe", "no answer in time")),
                Ok(Ok(created)) if created.len() == length => results.extend(created.into_iter().map(|one| one.result)),
                Ok(Ok(_)) => return Err(LinkError::lost("subscribe", "an answer of the wrong length")),
                Ok(Err(error)) if Limits::was_too_much(error.status(), length) => limits.items_per_call = length / 2,
                Ok(Err(error)) => return Err(LinkError::lost("subscribe", error)),
            }
        }
        Ok(results)
    }
}

fn count(time: Duration, publishing: Duration) -> u32 {
    let periods = time.as_millis().div_ceil(publishing.as_millis().max(1));
    u32::try_from(periods).unwrap_or(u32::MAX).max(1)
}

fn callbacks(watch: Arc<Watch>, to_us: mpsc::Sender<Event>) -> SubscriptionCallbacks {
    let (values, happenings, ends) = (to_us.clone(), to_us.clone(), to_us);
    SubscriptionCallbacks::new(
        move |change| {
            let cause = format!("the device ended the subscription: {}", change.status.sub_code());
            let _ = ends.try_send(Event::Ended(cause));
        },
        move |data: DataValue, item: &MonitoredItem| {
            let Some(tag) = (item.client_handle() as usize).checked_sub(1) else { return };
            let mut reading = reading(tag, &data);
            reading.overflow |= take_lost(&watch);
            // Never wait here: this runs inside the session's own task.
            if values.try_send(Event::Value(reading)).is_err() {
                watch.lost_values.store(true, Ordering::Relaxed);
            }
        },
        move |fields, _: &MonitoredItem| {
            if let Some(happening) = happening(fields.unwrap_or_default())
                && happenings.try_send(Event::Happened(happening)).is_err()
            {
                tracing::warn!("OPC UA: an event of the device was lost, the link is too slow");
            }
        },
    )
}

fn happening(fields: Vec<Variant>) -> Option<Happening> {
    let [source, time, message, severity] = <[Variant; 4]>::try_from(fields).ok()?;
    let time = match time {
        Variant::DateTime(at) if !at.is_null() => Some(to_timestamp(&at)),
        _ => None,
    };
    let severity = if let Variant::UInt16(severity) = severity { severity } else { 0 };
    Some(Happening { source: text_of(&source), time, message: text_of(&message), severity })
}

fn agree(result: &MonitoredItemCreateResult, deadband: bool) -> Agreed {
    if !result.status_code.is_good() {
        return Agreed::Refused(result.status_code);
    }
    Agreed::Watched { sampling_ms: result.revised_sampling_interval, queue_size: result.revised_queue_size, deadband }
}

fn filter(deadband: Option<Deadband>) -> ExtensionObject {
    let (kind, width) = match deadband {
        None => return ExtensionObject::null(),
        Some(Deadband::Absolute(width)) => (DeadbandType::Absolute, width),
        Some(Deadband::Percent(width)) => (DeadbandType::Percent, width),
    };
    ExtensionObject::from_message(DataChangeFilter {
        trigger: DataChangeTrigger::StatusValue,
        deadband_type: kind as u32,
        deadband_value: width,
    })
}

fn item(wanted: &Wanted, filter: ExtensionObject) -> MonitoredItemCreateRequest {
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId {
            node_id: wanted.node.clone(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: u32::try_from(wanted.tag + 1).unwrap_or(EVENTS - 1),
            sampling_interval: wanted.sampling.as_secs_f64() * 1000.0,
            filter,
            queue_size: count(QUEUE, wanted.sampling).clamp(QUEUE_MIN, QUEUE_MAX),
            discard_oldest: true,
        },
    }
}
