//! What a link has to say, in order, until the receiver takes it.
//!
//! It never blocks the link: when the receiver is slow, the oldest samples are dropped and the next sample of their
//! tag says so. States and outcomes are never dropped.

use std::collections::VecDeque;

use mes_core::historian::Sample;
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::driver::DriverReport;

/// Samples kept for a slow receiver, per link.
const OUTBOX_SAMPLES_MAX: usize = 20_000;

#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<DriverReport>,
    samples: usize,
    to: Sender<DriverReport>,
}

impl Outbox {
    pub(crate) fn new(to: Sender<DriverReport>) -> Self {
        Self { queue: VecDeque::new(), samples: 0, to }
    }

    /// Puts a report at the end and sends what the receiver takes; gives the samples that had to be dropped.
    pub(crate) fn push(&mut self, report: DriverReport) -> Vec<Sample> {
        if let DriverReport::Samples(samples) = &report {
            if samples.is_empty() {
                return Vec::new();
            }
            self.samples += samples.len();
        }
        self.queue.push_back(report);
        self.flush();
        let mut dropped = Vec::new();
        while self.samples > OUTBOX_SAMPLES_MAX {
            let oldest = self.queue.iter().position(|one| matches!(one, DriverReport::Samples(_)));
            match oldest.and_then(|index| self.queue.remove(index)) {
                Some(DriverReport::Samples(samples)) => {
                    self.samples -= samples.len();
                    dropped.extend(samples);
                }
                _ => break,
            }
        }
        dropped
    }

    /// Sends what the receiver takes now.
    pub(crate) fn flush(&mut self) {
        while let Some(report) = self.queue.pop_front() {
            let samples = if let DriverReport::Samples(samples) = &report { samples.len() } else { 0 };
            match self.to.try_send(report) {
                Ok(()) => self.samples -= samples,
                Err(TrySendError::Full(report)) => return self.queue.push_front(report),
                Err(TrySendError::Closed(_)) => {
                    self.queue.clear();
                    self.samples = 0;
                }
            }
        }
    }

    /// Sends the rest, waiting for the receiver.
    pub(crate) async fn drain(&mut self) {
        while let Some(report) = self.queue.pop_front() {
            if self.to.send(report).await.is_err() {
                return;
            }
        }
    }

    /// Nobody listens any more.
    pub(crate) fn is_deaf(&self) -> bool {
        self.to.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use mes_core::{
        clock::Timestamp,
        engine::{LinkReport, LinkState},
        historian::Quality,
    };
    use tokio::sync::mpsc;

    use super::*;

    fn samples(count: usize) -> DriverReport {
        let one = Sample {
            tag: "A/b".parse().unwrap(),
            value: None,
            quality: Quality::GOOD,
            source_time: None,
            server_time: None,
            receive_time: Timestamp::from_ms(0),
            seq: 1,
            overflow: false,
        };
        DriverReport::Samples(vec![one; count])
    }

    #[test]
    fn a_slow_receiver_costs_old_samples_but_never_a_state() {
        let (to, mut from) = mpsc::channel(1);
        let mut outbox = Outbox::new(to);
        let state = DriverReport::Link(LinkReport {
            equipment: "A".parse().unwrap(),
            state: LinkState::Online,
            cause: "connected".to_owned(),
            at: Timestamp::from_ms(0),
        });
        assert!(outbox.push(samples(1)).is_empty());
        assert!(outbox.push(state.clone()).is_empty());
        assert!(outbox.push(samples(OUTBOX_SAMPLES_MAX)).is_empty());
        assert_eq!(outbox.push(samples(5)).len(), OUTBOX_SAMPLES_MAX);
        assert_eq!(from.try_recv().unwrap(), samples(1));
        outbox.flush();
        assert_eq!(from.try_recv().unwrap(), state);
        outbox.flush();
        assert_eq!(from.try_recv().unwrap(), samples(5));
    }
}
