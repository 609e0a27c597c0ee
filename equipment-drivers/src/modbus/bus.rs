//! One physical Modbus link: one task, one connection, and the queues of the devices that share it.
//!
//! Urgent requests (those of a write) go first, then one attempt at a silent device, then the readings in the order in
//! which they were asked for. A device that does not answer is left alone until its next attempt is due, so that it
//! costs the others one time-out per cycle at most. Nothing is repeated here, and no value is kept.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use mes_core::clock::Clock;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{sleep, sleep_until},
};

use super::{
    address::Address,
    record::RecordMemory,
    wire::{Call, CallError, Wire},
};
use crate::{diagnostic::Meter, driver::Device};

/// Requests that may wait for a link, per kind.
const REQUESTS_WAITING_MAX: usize = 64;
/// On a shared link, a connection that could not be made is not tried again for this long; all who ask get its cause.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);
/// On a shared link, devices that stay silent are tried once in this time, one after the other.
const SILENT_EVERY: Duration = Duration::from_secs(5);

/// One device's place on a link.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Its unit id.
    pub(crate) unit: u8,
    /// Longest wait for its answer.
    pub(crate) timeout: Duration,
    /// Pause between an answer and its next request.
    pub(crate) pause: Duration,
    /// What is counted of it.
    pub(crate) meter: Meter,
    /// Which of its records have been taken.
    pub(crate) records: Mutex<RecordMemory>,
    /// Requests in a row that it did not answer.
    pub(crate) misses: AtomicU32,
}

impl Seat {
    /// The place of a device, as its configuration and template have it.
    pub(crate) fn new(device: &Device) -> Self {
        let map = device.template.modbus.as_ref();
        let ms = |ms: Option<u32>| Duration::from_millis(u64::from(ms.unwrap_or_default()));
        Self {
            unit: device.config.unit_id,
            timeout: ms(map.map(|map| map.timeout_ms)),
            pause: ms(map.map(|map| map.pause_between_requests_ms)),
            meter: device.meter.clone(),
            records: Mutex::new(RecordMemory::after(device.config.records_after)),
            misses: AtomicU32::new(0),
        }
    }
}

/// How urgent a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Part of a write.
    Write,
    /// A reading of the cycle.
    Reading,
}

#[derive(Debug)]
struct Job {
    seat: Arc<Seat>,
    call: Call,
    answer: oneshot::Sender<Result<Vec<u16>, CallError>>,
}

/// What the devices of a link hold of it. When the last is gone, the link's task ends.
#[derive(Debug, Clone)]
pub(crate) struct BusHandle {
    urgent: mpsc::Sender<Job>,
    readings: mpsc::Sender<Job>,
    attempts: mpsc::Sender<Job>,
    hang_up: Arc<Notify>,
    /// Why there is no connection, while there is none and it was tried.
    pub(crate) down: watch::Receiver<Option<String>>,
    pub(crate) shared: bool,
}

impl BusHandle {
    /// Asks the link; the answer comes when its turn has come.
    pub(crate) async fn ask(&self, seat: &Arc<Seat>, call: Call, urgency: Urgency) -> Result<Vec<u16>, CallError> {
        let queue = match urgency {
            _ if seat.misses.load(Ordering::Relaxed) > 0 => &self.attempts,
            Urgency::Write => &self.urgent,
            Urgency::Reading => &self.readings,
        };
        let stopped = || CallError::Down("the link was stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        queue.send(Job { seat: seat.clone(), call, answer }).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Ends the connection of a link that nobody shares, so that the next request makes a new one.
    pub(crate) fn hang_up(&self) {
        if !self.shared {
            self.hang_up.notify_one();
        }
    }
}

/// How a link is run.
pub(crate) struct BusOptions {
    pub(crate) address: Address,
    /// More than one device sits on it.
    pub(crate) shared: bool,
    /// The slowest device's interval of reading.
    pub(crate) cycle: Duration,
    /// Pause before the first request of a connection.
    pub(crate) pause_after_connect: Duration,
    pub(crate) meter: Meter,
    pub(crate) stop: watch::Receiver<bool>,
}

/// The task of one link.
pub(crate) struct Bus {
    options: BusOptions,
    wire: Option<Wire>,
    urgent: mpsc::Receiver<Job>,
    readings: mpsc::Receiver<Job>,
    attempts: mpsc::Receiver<Job>,
    hang_up: Arc<Notify>,
    down: watch::Sender<Option<String>>,
    /// When a connection was last tried in vain.
    failed_at: Option<Instant>,
    /// When a silent device may be tried next.
    attempt_at: Instant,
    /// When the last answer came, or its time was over.
    answered_at: Instant,
}

impl Bus {
    /// A link that is not yet running, and what its devices hold of it.
    pub(crate) fn new(options: BusOptions) -> (Self, BusHandle) {
        let (to_urgent, urgent) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (to_readings, readings) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (to_attempts, attempts) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (down, is_down) = watch::channel(None);
        let hang_up = Arc::new(Notify::new());
        let handle = BusHandle {
            urgent: to_urgent,
            readings: to_readings,
            attempts: to_attempts,
            hang_up: hang_up.clone(),
            down: is_down,
            shared: options.shared,
        };
        let now = Clock::wall();
        let bus = Self {
            options,
            wire: None,
            urgent,
            readings,
            attempts,
            hang_up,
            down,
            failed_at: None,
            attempt_at: now,
            answered_at: now,
        };
        (bus, handle)
    }

    pub(crate) async fn run(mut self) {
        let mut stop = self.options.stop.clone();
        loop {
            let due = Clock::wall() >= self.attempt_at;
            let job = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.hang_up.notified() => { self.wire = None; continue }
                Some(job) = self.urgent.recv() => job,
                Some(job) = self.attempts.recv(), if due => job,
                Some(job) = self.readings.recv() => job,
                () = sleep_until(self.attempt_at.into()), if !due => continue,
            };
            if job.answer.is_closed() {
                continue;
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.serve(job) => {}
            }
        }
    }

    async fn serve(&mut self, job: Job) {
        let Job { seat, call, answer } = job;
        if let Err(cause) = self.connect().await {
            let _ = answer.send(Err(CallError::Down(cause)));
            return;
        }
        let Some(mut wire) = self.wire.take() else { return };
        sleep((self.answered_at + seat.pause).saturating_duration_since(Clock::wall())).await;
        let started = Clock::wall();
        let result = wire.call(seat.unit, &call, seat.timeout).await;
        self.answered_at = Clock::wall();
        self.count(&seat, &result, self.answered_at.duration_since(started));
        self.judge(&seat, &result);
        let usable = match &result {
            Ok(_) | Err(CallError::Exception(_)) => true,
            Err(CallError::Broken(_) | CallError::Down(_)) => false,
            // Alone on a line, a device may take its time to finish a late answer; others are not made to wait for it.
            Err(CallError::Timeout(_)) if !self.options.shared => wire.recover(seat.timeout).await,
            Err(CallError::Timeout(_) | CallError::Mismatch(_)) => wire.recover(Duration::ZERO).await,
        };
        if usable {
            self.wire = Some(wire);
        } else {
            drop(wire);
        }
        let _ = answer.send(result);
        if !usable && self.options.shared {
            // The others on the link shall notice nothing, or all of it at once.
            let _ = self.connect().await;
        }
    }

    async fn connect(&mut self) -> Result<(), String> {
        if self.wire.is_some() {
            return Ok(());
        }
        let recently = self.failed_at.is_some_and(|at| at.elapsed() < CONNECT_PAUSE);
        if recently && self.options.shared {
            return Err(self.down.borrow().clone().unwrap_or_default());
        }
        match Wire::open(&self.options.address).await {
            Ok(wire) => {
                self.wire = Some(wire);
                self.failed_at = None;
                self.options.meter.connected();
                self.down.send_replace(None);
                sleep(self.options.pause_after_connect).await;
                self.answered_at = Clock::wall();
                Ok(())
            }
            Err(cause) => {
                self.failed_at = Some(Clock::wall());
                self.down.send_replace(Some(cause.clone()));
                Err(cause)
            }
        }
    }

    /// Silent devices wait: one that has just missed an answer for one cycle, others longer.
    fn judge(&mut self, seat: &Seat, result: &Result<Vec<u16>, CallError>) {
        if !matches!(result, Err(CallError::Timeout(_))) && !is_unreachable(result) {
            seat.misses.store(0, Ordering::Relaxed);
            return;
        }
        let misses = seat.misses.fetch_add(1, Ordering::Relaxed);
        if self.options.shared {
            let cycle = self.options.cycle.max(seat.timeout);
            let pause = if misses == 0 { cycle } else { cycle.max(SILENT_EVERY) };
            self.attempt_at = Clock::wall() + pause;
        }
    }

    fn count(&self, seat: &Seat, result: &Result<Vec<u16>, CallError>, took: Duration) {
        for meter in [&seat.meter, &self.options.meter] {
            match result {
                Ok(_) => meter.answered(took),
                Err(CallError::Exception(_)) => {
                    meter.answered(took);
                    meter.exception();
                }
                Err(CallError::Timeout(_)) => meter.timeout(),
                Err(CallError::Mismatch(_)) => meter.mismatch(),
                Err(CallError::Broken(_)) => meter.broken(),
                Err(CallError::Down(_)) => {}
            }
        }
    }
}

/// The gateway answers for a device that does not.
pub(crate) fn is_unreachable(result: &Result<Vec<u16>, CallError>) -> bool {
    use tokio_modbus::ExceptionCode::{GatewayPathUnavailable, GatewayTargetDevice};
    matches!(result, Err(CallError::Exception(GatewayPathUnavailable | GatewayTargetDevice)))
}
