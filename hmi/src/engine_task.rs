//! The only writer: it owns the engine and the store's append, and nobody sees state ahead of the record.
//!
//! Orders and readings are decided one after the other; their entries form a group; the group is one transaction. Only when its
//! commit has returned do replies, effects and the new view leave this file. A failed commit aborts the process, which recovers by
//! replay. This file holds no rule.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use equipment_drivers::{DriverReport, Sampling};
use mes_core::{
    access::Rejection,
    clock::Clock,
    engine::{DeviceEvent, Effect, Engine, Input, LinkReport, LinkState, View},
    historian::{Chunk, Sample},
    id::EquipmentId,
    journal::{EntryId, Hash},
    store::{Group, SqliteStore, Store},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::drivers::Links;

/// Orders that may wait for the writer; more wait at the sender.
pub const ORDERS_WAITING_MAX: usize = 256;
/// Most orders in one group.
const GROUP_ORDERS_MAX: usize = 64;
/// Most driver reports taken in one tick.
const TICK_REPORTS_MAX: usize = 4_096;
/// Length of a tick: readings come to the engine in batches, one per tick.
pub const TICK: Duration = Duration::from_millis(100);
/// Samples are held back this long, so that the tail takes one row per device and second; an entry takes them along at once.
const SAMPLES_HELD_MAX: Duration = Duration::from_millis(850);
/// So many samples are not held back any longer.
const SAMPLES_HELD: usize = 20_000;
/// A view is published at least this often while nothing happens.
const IDLE_TICKS_MAX: u32 = 10;

/// Samples of the gateway that are older than this are history, in milliseconds of facility time.
const LATE_MS: i64 = 5_000;

/// A report on its way to the writer.
#[derive(Debug)]
pub struct Delivery {
    /// What the driver said.
    pub report: DriverReport,
    /// The queue of the gateway that keeps it until it is durable, and its number there.
    pub from: Option<(String, u64)>,
}

impl Delivery {
    /// A report that nobody keeps.
    pub fn live(report: DriverReport) -> Self {
        Self { report, from: None }
    }
}

/// What became of an order: its entries, durable, or the rule that said no.
pub type Decision = Result<Vec<EntryId>, Rejection>;

/// What an order brings along beside its entries; written in the same transaction.
#[derive(Default)]
pub struct Sealed {
    /// Chunks that the note names.
    pub chunks: Vec<Chunk>,
    /// Rows of the tail whose samples those chunks hold now.
    pub arrivals: Vec<u64>,
    /// Samples of those rows that go back into the tail.
    pub unsealed: Vec<Sample>,
    /// Files that the entries name, under their SHA-256.
    pub attachments: Vec<(Hash, Vec<u8>)>,
}

/// One thing to decide.
pub struct Order {
    /// What.
    input: Input,
    /// What is sealed with it.
    sealed: Sealed,
    /// To whom the decision goes once it is durable.
    reply: oneshot::Sender<Decision>,
}

/// Speaks to the writer.
#[derive(Clone)]
pub struct Writer {
    orders: mpsc::Sender<Order>,
    views: watch::Receiver<Arc<View>>,
}

impl Writer {
    /// Gives an order and waits until its decision is durable. `None` when the writer has stopped.
    pub async fn decide(&self, input: Input) -> Option<Decision> {
        self.seal(input, Sealed::default()).await
    }
    /// As `decide`, with chunks to be written in the same transaction.
    pub async fn seal(&self, input: Input, sealed: Sealed) -> Option<Decision> {
        let (reply, decision) = oneshot::channel();
        self.orders.send(Order { input, sealed, reply }).await.ok()?;
        decision.await.ok()
    }
    /// The newest durable view.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.views.borrow())
    }
    /// Follows the views.
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }
}

/// The writer's own side.
pub struct EngineTask {
    engine: Engine,
    store: Arc<SqliteStore>,
    clock: Clock,
    links: watch::Receiver<Arc<Links>>,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Receiver<DriverReport>,
    deliveries: mpsc::Receiver<Delivery>,
    durable: watch::Sender<BTreeMap<String, u64>>,
    views: watch::Sender<Arc<View>>,
    group: Group,
    replies: Vec<(oneshot::Sender<Decision>, Decision)>,
    effects: Vec<Effect>,
    /// Events of devices in this tick.
    events: Vec<DeviceEvent>,
    /// Since when samples are held back.
    held_since: Option<Instant>,
    /// Readings came since the last view.
    read: bool,
    idle_ticks: u32,
}

/// Aborts the process when the writer panics: state in memory could be ahead of the record.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// What the writer speaks to the equipment through.
pub struct FieldSide {
    /// The links in use.
    pub links: watch::Receiver<Arc<Links>>,
    /// Reports of the drivers in this process.
    pub reports: mpsc::Receiver<DriverReport>,
    /// Reports that the gateway keeps until they are durable.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// Up to where its queues are durable.
    pub durable: watch::Sender<BTreeMap<String, u64>>,
}

/// Starts the writer on its own task. It ends when every `Writer` is gone.
pub fn start(
    engine: Engine,
    store: Arc<SqliteStore>,
    clock: Clock,
    field: FieldSide,
) -> (Writer, tokio::task::JoinHandle<()>) {
    let FieldSide { links, reports, deliveries, durable } = field;
    let (orders, queue) = mpsc::channel(ORDERS_WAITING_MAX);
    let first = Arc::new(engine.view(clock.now()));
    let (views, seen) = watch::channel(first);
    let task = EngineTask {
        engine,
        store,
        clock,
        links,
        orders: queue,
        reports,
        deliveries,
        durable,
        views,
        group: Group::default(),
        replies: Vec::new(),
        effects: Vec::new(),
        events: Vec::new(),
        held_since: None,
        read: false,
        idle_ticks: 0,
    };
    (Writer { orders, views: seen }, tokio::spawn(task.run()))
}

impl EngineTask {
    async fn run(mut self) {
        let _guard = AbortOnPanic;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    let Some(order) = order else { break };
                    self.take(order);
                    for _ in 1..GROUP_ORDERS_MAX {
                        let Ok(order) = self.orders.try_recv() else { break };
                        self.take(order);
                    }
                }
                _ = ticks.tick() => self.tick(),
            }
            self.commit().await;
        }
        self.held_since = None;
        self.commit().await;
        self.store.close().await;
    }

    fn take(&mut self, order: Order) {
        let Order { input, sealed, reply } = order;
        if matches!(input, Input::Tick) {
            // Whoever asks for time to pass wants what was reported until now to be entered with it.
            self.tick();
        }
        let decision = self.step(input);
        if let Ok(entries) = &decision {
            // A file that was known before gives no entry.
            if !entries.is_empty() {
                self.group.attachments.extend(sealed.attachments);
            }
            self.group.chunks.extend(sealed.chunks);
            self.group.sealed_arrivals.extend(sealed.arrivals);
            self.group.unsealed.extend(sealed.unsealed);
        }
        self.replies.push((reply, decision));
    }

    /// Readings of one tick in one batch, between the link changes and outcomes that came among them; then time passes.
    fn tick(&mut self) {
        let mut samples: Vec<Sample> = Vec::new();
        for _ in 0..TICK_REPORTS_MAX {
            let Ok(report) = self.reports.try_recv() else { break };
            self.hear(report, &mut samples);
        }
        for _ in 0..TICK_REPORTS_MAX {
            let Ok(Delivery { report, from }) = self.deliveries.try_recv() else { break };
            match report {
                DriverReport::Samples(more) if from.is_some() => self.take_forwarded(more, &mut samples),
                report => self.hear(report, &mut samples),
            }
            if let Some((source, number)) = from {
                self.group.forwarded.insert(source, number);
            }
        }
        self.readings(&mut samples);
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            self.system(Input::Happened(events));
        }
        self.system(Input::Tick);
        self.idle_ticks = self.idle_ticks.saturating_add(1);
    }

    fn hear(&mut self, report: DriverReport, samples: &mut Vec<Sample>) {
        match report {
            DriverReport::Samples(more) => samples.extend(more),
            DriverReport::Link(link) => {
                self.readings(samples);
                self.system(Input::Link(link));
            }
            DriverReport::Outcome(outcome) => {
                self.readings(samples);
                self.system(Input::Outcome(outcome));
            }
            DriverReport::Sampling(agreed) => {
                if let Some(report) = Sampling::report(&agreed) {
                    self.readings(samples);
                    self.system(Input::Sampling(report));
                }
            }
            DriverReport::Event(event) => self.events.push(event),
        }
    }

    /// What waited at the gateway is history: it is kept, and nothing is decided by it.
    fn take_forwarded(&mut self, more: Vec<Sample>, samples: &mut Vec<Sample>) {
        let live = self.clock.now().plus_ms(-LATE_MS);
        for sample in more {
            if sample.receive_time < live {
                self.group.samples.push(sample);
            } else {
                samples.push(sample);
            }
        }
    }

    fn readings(&mut self, samples: &mut Vec<Sample>) {
        if !samples.is_empty() {
            self.group.samples.extend(samples.iter().cloned());
            self.held_since.get_or_insert_with(Clock::wall);
            self.read = true;
            self.system(Input::Readings(std::mem::take(samples)));
        }
    }

    fn system(&mut self, input: Input) {
        if let Err(rejection) = self.step(input) {
            tracing::warn!(rule = %rejection.rule, "a system command was refused: {}", rejection.said.en);
        }
    }

    fn step(&mut self, input: Input) -> Decision {
        let output = self.engine.step(self.clock.now(), input);
        self.group.entries.extend(output.entries);
        self.effects.extend(output.effects);
        output.reply
    }

    /// Whether the group is to be written now: entries are at once, samples alone may wait a little for more of them.
    fn is_due(&self) -> bool {
        let held = |since: Instant| {
            self.group.samples.len() < SAMPLES_HELD && Clock::wall().duration_since(since) < SAMPLES_HELD_MAX
        };
        let something = !self.group.samples.is_empty() || !self.group.forwarded.is_empty();
        !self.group.entries.is_empty() || (something && !self.held_since.is_some_and(held))
    }

    /// Makes the group durable; only then lets anything out. Readings are shown before they are in the tail: they are observed,
    /// not recorded, and no entry cites them yet.
    async fn commit(&mut self) {
        let something = std::mem::take(&mut self.read) || !self.group.entries.is_empty();
        if self.is_due() {
            if let Err(error) = self.store.append(&self.group).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a group could not be made durable; the process stops and recovers by replay"
                );
                std::process::abort();
            }
            let Group { forwarded, .. } = std::mem::take(&mut self.group);
            if !forwarded.is_empty() {
                self.durable.send_modify(|known| known.extend(forwarded));
            }
            self.held_since = None;
        }
        let rate = self.engine.rate();
        if rate != self.clock.rate() {
            self.clock.set_rate(rate);
        }
        if something || self.idle_ticks >= IDLE_TICKS_MAX {
            self.idle_ticks = 0;
            self.views.send_replace(Arc::new(self.engine.view(self.clock.now())));
        }
        for (reply, decision) in self.replies.drain(..) {
            // Whoever asked may be gone; the decision stands in the record all the same.
            let _ = reply.send(decision);
        }
        for effect in std::mem::take(&mut self.effects) {
            self.send(effect);
        }
    }

    fn send(&mut self, effect: Effect) {
        let links = Arc::clone(&self.links.borrow());
        match effect {
            Effect::Write(request) => {
                if let Err(outcome) = links.write(request, &self.clock) {
                    self.system(Input::Outcome(*outcome));
                }
            }
            Effect::Connect(equipment) if links.reconnect(&equipment) => {}
            Effect::Connect(equipment) => self.nobody_connects(equipment),
        }
    }

    /// What a driver would say, had there been one: whoever asked sees it where the link is shown.
    fn nobody_connects(&mut self, equipment: EquipmentId) {
        let cause = "no driver took the order to connect again: none runs for this device, or the gateway is away";
        let (state, cause, at) = (LinkState::Disconnected, cause.to_owned(), self.clock.now());
        self.system(Input::Link(LinkReport { equipment, state, cause, at }));
    }
}
