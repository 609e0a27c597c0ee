//! The task of one physical link: connect, run, lose, wait, connect again, and say so each time.
//!
//! This is the only place that reconnects. It decides nothing about the process: it reports.

use std::{sync::Arc, time::Duration};

use mes_core::{
    clock::Clock,
    engine::{LinkReport, LinkState, WriteOutcome, WriteRequest},
    historian::Sample,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    driver::{Connection, Device, DriverReport, LinkError},
    outbox::Outbox,
    tag::TagBook,
    write::{self, Pending, READ_BACK_EVERY, Step},
};

/// Longest wait for a connection to be open and ready.
const OPEN_MAX: Duration = Duration::from_secs(15);
/// First wait after a lost link.
const BACK_OFF_FIRST: Duration = Duration::from_millis(250);
/// Longest wait between two attempts, before jitter.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A link that has held this long starts the next back-off from its first wait.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// Interval of looking for stale tags.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Longest wait for the receiver and the device when a link is stopped.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What the owner of a link holds of it.
#[derive(Debug)]
pub(crate) struct LinkControl {
    pub(crate) writes: mpsc::Sender<WriteRequest>,
    pub(crate) try_again: Arc<Notify>,
}

/// The task of one link.
pub(crate) struct Link {
    pub(crate) device: Device,
    pub(crate) book: TagBook,
    pub(crate) outbox: Outbox,
    pub(crate) writes: mpsc::Receiver<WriteRequest>,
    pub(crate) try_again: Arc<Notify>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) jitter: Jitter,
    pub(crate) reported: Option<(LinkState, String)>,
}

/// Why a link left the state it was in.
enum End {
    Stopped,
    Lost(LinkError),
    Again,
}

impl Link {
    pub(crate) async fn run(mut self) {
        let mut back_off = BACK_OFF_FIRST;
        self.state(LinkState::Connecting, "first attempt".to_owned());
        loop {
            let since = Clock::wall();
            let end = match self.open().await {
                Ok(connection) => self.online(connection).await,
                Err(end) => end,
            };
            if since.elapsed() > SETTLED_AFTER {
                back_off = BACK_OFF_FIRST;
            }
            let samples = self.book.link_down();
            self.samples(samples);
            let next = match end {
                End::Stopped => break,
                End::Again => End::Again,
                End::Lost(LinkError::NeedsPerson { reason }) => {
                    self.state(LinkState::Faulted(reason.clone()), reason);
                    self.wait(None).await
                }
                End::Lost(lost) => {
                    self.state(LinkState::Connecting, lost.to_string());
                    let pause = self.jitter.spread(back_off);
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                    self.wait(Some(pause)).await
                }
            };
            match next {
                End::Stopped => break,
                End::Again => {
                    back_off = BACK_OFF_FIRST;
                    self.state(LinkState::Connecting, "trying again because a person asked".to_owned());
                }
                End::Lost(_) => {}
            }
        }
        self.refuse_waiting("the driver was stopped");
        self.state(LinkState::Disconnected, "stopped".to_owned());
        let _ = timeout(CLOSE_MAX, self.outbox.drain()).await;
    }

    /// One attempt to connect; requests that come meanwhile are answered at once.
    async fn open(&mut self) -> Result<Connection, End> {
        let device = self.device.clone();
        let open = timeout(OPEN_MAX, Connection::open(&device));
        tokio::pin!(open);
        let mut tick = every(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = stopped(&mut self.stop) => return Err(End::Stopped),
                Some(request) = self.writes.recv() => self.not_sent(request),
                opened = &mut open => return match opened {
                    Ok(Ok(connection)) => Ok(connection),
                    Ok(Err(lost)) => Err(End::Lost(lost)),
                    Err(_) => Err(End::Lost(LinkError::lost("connect", format!("not ready within {} s", OPEN_MAX.as_secs())))),
                },
                _ = tick.tick() => {
                    self.outbox.flush();
                    if self.outbox.is_deaf() { return Err(End::Stopped); }
                }
            }
        }
    }

    /// Waits before the next attempt, or for a person; `End::Lost` means the pause is over.
    async fn wait(&mut self, pause: Option<Duration>) -> End {
        let over = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        let try_again = self.try_again.clone();
        let mut tick = every(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = stopped(&mut self.stop) => return End::Stopped,
                Some(request) = self.writes.recv() => self.not_sent(request),
                () = try_again.notified() => return End::Again,
                () = &mut over => return End::Lost(LinkError::lost("pause", "over")),
                _ = tick.tick() => {
                    self.outbox.flush();
                    if self.outbox.is_deaf() { return End::Stopped; }
                }
            }
        }
    }

    /// Runs an open connection until it ends.
    async fn online(&mut self, mut connection: Connection) -> End {
        self.device.meter.connected();
        let security = connection.security().map(|words| format!(" ({words})")).unwrap_or_default();
        self.state(LinkState::Online, format!("connected to {}{security}", self.device.config.address));
        let mut pending = None;
        let end = self.serve(&mut connection, &mut pending).await;
        self.news(&mut connection);
        let cause = match &end {
            End::Lost(lost) => lost.to_string(),
            End::Stopped => "the driver was stopped".to_owned(),
            End::Again => "a new connection was asked for".to_owned(),
        };
        if let Some(pending) = pending {
            let outcome = write::broken(pending, &cause, &self.device.clock);
            self.outcome(outcome);
        }
        if matches!(end, End::Lost(_)) {
            drop(connection);
        } else {
            let _ = timeout(CLOSE_MAX, connection.close()).await;
        }
        end
    }

    async fn serve(&mut self, connection: &mut Connection, pending: &mut Option<Pending>) -> End {
        let template = self.device.template.clone();
        let clock = self.device.clock.clone();
        let mut poll = every(Duration::try_from_secs_f64(template.poll_s).unwrap_or(LOOK_EVERY));
        let (mut look, mut read_back) = (every(LOOK_EVERY), every(READ_BACK_EVERY));
        let try_again = self.try_again.clone();
        let mut reading = false;
        loop {
            // One write at a time: the next is taken when the last is decided. Writes go before readings, also
            // between two parts of a cycle.
            tokio::select! {
                biased;
                _ = stopped(&mut self.stop) => return End::Stopped,
                () = try_again.notified() => return End::Again,
                Some(request) = self.writes.recv(), if pending.is_none() => {
                    let step = write::begin(connection, &template, request, &clock).await;
                    if let Some(end) = self.step(step, pending) { return end; }
                }
                _ = read_back.tick(), if pending.is_some() => {
                    if let Some(one) = pending.take() {
                        let step = write::look(connection, &template, one, &clock).await;
                        if let Some(end) = self.step(step, pending) { return end; }
                    }
                }
                _ = look.tick() => {
                    let samples = self.book.look();
                    self.samples(samples);
                    self.news(connection);
                    self.outbox.flush();
                    self.complain(connection.complaint());
                    if self.outbox.is_deaf() { return End::Stopped; }
                }
                _ = poll.tick(), if !reading => {
                    connection.begin_cycle();
                    reading = true;
                }
                () = std::future::ready(()), if reading => match connection.read_part().await {
                    Ok(part) => {
                        reading = part.more;
                        let samples = self.book.accept(part.readings);
                        self.samples(samples);
                    }
                    Err(lost) => return End::Lost(lost),
                },
                readings = connection.notified() => match readings {
                    Ok(readings) => {
                        let samples = self.book.accept(readings);
                        self.samples(samples);
                    }
                    Err(lost) => return End::Lost(lost),
                },
            }
        }
    }

    fn step(&mut self, step: Step, pending: &mut Option<Pending>) -> Option<End> {
        match step {
            Step::Done(outcome) => self.outcome(outcome),
            Step::Pending(one) => *pending = Some(one),
            Step::Broken(outcome, lost) => {
                self.outcome(outcome);
                return Some(End::Lost(lost));
            }
        }
        None
    }

    /// Degraded while something is wrong with a connected device, Online again when it is over.
    fn complain(&mut self, of_the_connection: Option<String>) {
        match of_the_connection.or_else(|| self.book.complaint()) {
            Some(reason) => self.state(LinkState::Degraded(reason.clone()), reason),
            None if matches!(self.reported, Some((LinkState::Degraded(_), _))) => {
                self.state(LinkState::Online, "the device works again".to_owned());
            }
            None => {}
        }
    }

    fn state(&mut self, state: LinkState, cause: String) {
        if self.reported.as_ref() == Some(&(state.clone(), cause.clone())) {
            return;
        }
        tracing::info!(equipment.id = %self.device.config.equipment, state = ?state, cause, "link");
        self.reported = Some((state.clone(), cause.clone()));
        let (equipment, at) = (self.device.config.equipment.clone(), self.device.clock.now());
        self.push(DriverReport::Link(LinkReport { equipment, state, cause, at }));
    }

    fn news(&mut self, connection: &mut Connection) {
        for report in connection.news() {
            self.push(report);
        }
    }

    fn samples(&mut self, samples: Vec<Sample>) {
        self.push(DriverReport::Samples(samples));
    }

    fn outcome(&mut self, outcome: WriteOutcome) {
        self.push(DriverReport::Outcome(outcome));
    }

    fn push(&mut self, report: DriverReport) {
        let dropped = self.outbox.push(report);
        self.book.lost_samples(&dropped);
    }

    fn not_sent(&mut self, request: WriteRequest) {
        let reason = match (write::objection(&self.device.template, &request), &self.reported) {
            (Some(objection), _) => objection,
            (None, Some((LinkState::Faulted(reason), _))) => format!("the link needs a person: {reason}"),
            (None, Some((_, cause))) => format!("the link is down: {cause}"),
            (None, None) => "the link is down".to_owned(),
        };
        let outcome = write::not_sent(request, reason, &self.device.clock);
        self.outcome(outcome);
    }

    fn refuse_waiting(&mut self, reason: &str) {
        self.writes.close();
        while let Ok(request) = self.writes.try_recv() {
            let outcome = write::not_sent(request, reason.to_owned(), &self.device.clock);
            self.outcome(outcome);
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period.max(Duration::from_millis(1)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Returns when the fleet stops, or its owner is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Spreads waits over a fleet, so that a hundred devices do not come back in the same instant.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// Between half and one and a half times `base`.
    pub(crate) fn spread(&mut self, base: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = u32::try_from((bits ^ bits >> 31) >> 32).unwrap_or_default();
        base.mul_f64(0.5 + f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_spreads_around_the_base_and_follows_its_seed() {
        let spread = |seed| {
            (0..100)
                .map({
                    let mut jitter = Jitter::new(seed);
                    move |_| jitter.spread(BACK_OFF_FIRST)
                })
                .collect::<Vec<_>>()
        };
        assert!(spread(1).iter().all(|d| (BACK_OFF_FIRST / 2..=BACK_OFF_FIRST * 3 / 2).contains(d)));
        assert_eq!(spread(1), spread(1));
        assert_ne!(spread(1), spread(2));
    }
}
