//! What a simulated device can be told to do wrong, while it runs: the misbehaviours and the board they hang on.
//!
//! Faults live in the simulators only. A driver never knows whether it speaks to one. Names, parameters and words of each
//! fault are in `fault_catalogue.rs`.

use std::{collections::BTreeSet, sync::Arc};

use mes_core::{clock::Timestamp, id::TagName};
use tokio::sync::watch;

use crate::fault_catalogue::FaultKind;

/// Start of 2000, to which a clock without battery falls back.
const YEAR_2000_MS: i64 = 946_684_800_000;

/// One misbehaviour.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// All connections are cut, new ones refused.
    Drop,
    /// Open connections are reset (TCP RST), once.
    Reset,
    /// Connections stay open and are accepted, but nothing passes in either direction until the fault ends.
    BlackHole,
    /// Every answer comes late, by milliseconds of wall time.
    Delay {
        /// How late.
        ms: u64,
    },
    /// The next answer comes late, once, by milliseconds of wall time.
    LateReply {
        /// How late.
        ms: u64,
    },
    /// Every n-th answer is lost; Modbus only.
    LoseEvery {
        /// n, at least 1.
        n: u64,
    },
    /// Of every answer only the first half arrives.
    HalfFrame,
    /// Answers carry the transaction number of another request; Modbus TCP only.
    ForeignTransaction,
    /// A second connection is refused while one is open.
    OneConnection,
    /// The server is killed and comes back after this many seconds of wall time.
    Restart {
        /// How long it is away.
        seconds: u64,
    },
    /// The device restarts, and its namespace has another index than before; OPC UA only.
    ShiftNamespace,
    /// The server advertises an endpoint address at which nobody is; OPC UA only.
    WrongEndpoint,
    /// The server shows a certificate that has expired; OPC UA only.
    ExpiredCertificate,
    /// A call with more operations than this is refused (BadTooManyOperations); OPC UA only.
    OperationLimit {
        /// Most operations in one call, at least 1.
        max: u64,
    },
    /// Subscriptions cannot be transferred to a new session; OPC UA only.
    NoTransfer,
    /// The device answers, but its values and its heartbeat stand still.
    Freeze,
    /// One value stands still while the others, and the heartbeat, go on.
    Stuck {
        /// The tag, named as in the template.
        tag: TagName,
    },
    /// The sensor of this tag has failed, and the device says so (NaN, a sentinel, BadSensorFailure).
    SensorFault {
        /// The tag, named as in the template.
        tag: TagName,
    },
    /// The value of this tag comes with bad quality (BadOutOfService); OPC UA only.
    BadQuality {
        /// The tag, named as in the template.
        tag: TagName,
    },
    /// The device shows this number for the tag and believes it.
    Lie {
        /// The tag, named as in the template.
        tag: TagName,
        /// What it shows.
        value: f64,
    },
    /// The device refuses every write.
    RefuseWrites,
    /// The device accepts writes and does nothing.
    IgnoreWrites,
    /// The device is calibrating and answers every request with "busy"; Modbus bioreactor only.
    Busy,
    /// The device restarts, and its clock is wrong by this, in seconds; devices that send times.
    ClockOff {
        /// Positive: it is ahead.
        seconds: i64,
    },
    /// The device restarts, and its clock has fallen back to the start of 2000; devices that send times.
    ClockReset,
}

impl Fault {
    /// Which kind it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Drop => FaultKind::Drop,
            Self::Reset => FaultKind::Reset,
            Self::BlackHole => FaultKind::BlackHole,
            Self::Delay { .. } => FaultKind::Delay,
            Self::LateReply { .. } => FaultKind::LateReply,
            Self::LoseEvery { .. } => FaultKind::LoseEvery,
            Self::HalfFrame => FaultKind::HalfFrame,
            Self::ForeignTransaction => FaultKind::ForeignTransaction,
            Self::OneConnection => FaultKind::OneConnection,
            Self::Restart { .. } => FaultKind::Restart,
            Self::ShiftNamespace => FaultKind::ShiftNamespace,
            Self::WrongEndpoint => FaultKind::WrongEndpoint,
            Self::ExpiredCertificate => FaultKind::ExpiredCertificate,
            Self::OperationLimit { .. } => FaultKind::OperationLimit,
            Self::NoTransfer => FaultKind::NoTransfer,
            Self::Freeze => FaultKind::Freeze,
            Self::Stuck { .. } => FaultKind::Stuck,
            Self::SensorFault { .. } => FaultKind::SensorFault,
            Self::BadQuality { .. } => FaultKind::BadQuality,
            Self::Lie { .. } => FaultKind::Lie,
            Self::RefuseWrites => FaultKind::RefuseWrites,
            Self::IgnoreWrites => FaultKind::IgnoreWrites,
            Self::Busy => FaultKind::Busy,
            Self::ClockOff { .. } => FaultKind::ClockOff,
            Self::ClockReset => FaultKind::ClockReset,
        }
    }
    /// The tag that it concerns, where it concerns one.
    pub fn tag(&self) -> Option<&TagName> {
        match self {
            Self::Stuck { tag } | Self::SensorFault { tag } | Self::BadQuality { tag } | Self::Lie { tag, .. } => {
                Some(tag)
            }
            _ => None,
        }
    }
    /// Its number, where it has one: milliseconds, seconds, n, a count or the value shown.
    pub fn number(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for display; far below 2^53")]
        Some(match self {
            Self::Delay { ms: n } | Self::LateReply { ms: n } | Self::LoseEvery { n } => *n as f64,
            Self::Restart { seconds: n } | Self::OperationLimit { max: n } => *n as f64,
            Self::ClockOff { seconds } => *seconds as f64,
            Self::Lie { value, .. } => *value,
            _ => return None,
        })
    }
    /// Whether the server must be started anew for it to begin or to end. A clock does not jump while a device runs, and the
    /// OPC UA library would hide it: it gives values that seem to come too soon the time at which they are due.
    pub(crate) fn needs_restart(&self) -> bool {
        matches!(
            self,
            Self::WrongEndpoint
                | Self::ExpiredCertificate
                | Self::OperationLimit { .. }
                | Self::NoTransfer
                | Self::ClockOff { .. }
                | Self::ClockReset
        )
    }
    /// Whether the other would replace it on the board.
    fn gives_way_to(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.tag() == other.tag()
    }
}

/// The faults in force, shared between a simulator and its handle.
#[derive(Debug, Clone)]
pub(crate) struct FaultBoard(Arc<watch::Sender<Vec<Fault>>>);

impl Default for FaultBoard {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }
}

impl FaultBoard {
    pub(crate) fn set(&self, fault: Fault) {
        self.0.send_modify(|all| {
            all.retain(|one| !one.gives_way_to(&fault));
            all.push(fault);
        });
    }
    pub(crate) fn clear(&self) {
        self.0.send_modify(Vec::clear);
    }
    pub(crate) fn clear_kind(&self, kind: FaultKind) {
        self.0.send_modify(|all| all.retain(|one| one.kind() != kind));
    }
    pub(crate) fn all(&self) -> Vec<Fault> {
        self.0.borrow().clone()
    }
    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.0.borrow().contains(fault)
    }
    pub(crate) fn has_kind(&self, kind: FaultKind) -> bool {
        self.0.borrow().iter().any(|one| one.kind() == kind)
    }
    /// Waits until no black hole swallows what is sent.
    pub(crate) async fn passable(&self) {
        let mut watched = self.0.subscribe();
        // The sender lives as long as this board; an error cannot come.
        let _ = watched.wait_for(|all| !all.contains(&Fault::BlackHole)).await;
    }
    /// Answers wait this long, in milliseconds; a single late reply is used up by asking.
    pub(crate) fn take_delay_ms(&self) -> u64 {
        if self.0.borrow().is_empty() {
            return 0;
        }
        let mut ms = 0;
        self.0.send_if_modified(|all| {
            let before = all.len();
            all.retain(|one| match one {
                Fault::Delay { ms: every } => {
                    ms += every;
                    true
                }
                Fault::LateReply { ms: once } => {
                    ms += once;
                    false
                }
                _ => true,
            });
            all.len() != before
        });
        ms
    }
    /// Every n-th answer is lost, where there is such a fault.
    pub(crate) fn lose_every(&self) -> Option<u64> {
        self.find(|one| if let Fault::LoseEvery { n } = one { Some((*n).max(1)) } else { None })
    }
    /// Most operations in one call, where they are limited.
    pub(crate) fn operation_limit(&self) -> Option<u64> {
        self.find(|one| if let Fault::OperationLimit { max } = one { Some((*max).max(1)) } else { None })
    }
    /// Tags whose sensor has failed.
    pub(crate) fn failed_sensors(&self) -> BTreeSet<TagName> {
        self.tags(|one| matches!(one, Fault::SensorFault { .. }))
    }
    /// Tags whose value stands still.
    pub(crate) fn stuck(&self) -> BTreeSet<TagName> {
        self.tags(|one| matches!(one, Fault::Stuck { .. }))
    }
    /// Tags of bad quality.
    pub(crate) fn out_of_service(&self) -> BTreeSet<TagName> {
        self.tags(|one| matches!(one, Fault::BadQuality { .. }))
    }
    /// What the device shows for a tag instead of `honest`.
    pub(crate) fn shown(&self, tag: &str, honest: f64) -> f64 {
        self.find(|one| match one {
            Fault::Lie { tag: of, value } if of.as_str() == tag => Some(*value),
            _ => None,
        })
        .unwrap_or(honest)
    }
    /// How far the clock of a device that was switched on at `began` is off, in milliseconds.
    pub(crate) fn clock_off_ms(&self, began: Timestamp) -> i64 {
        self.find(|one| match one {
            Fault::ClockOff { seconds } => Some(seconds * 1000),
            Fault::ClockReset => Some(YEAR_2000_MS - began.as_ms()),
            _ => None,
        })
        .unwrap_or(0)
    }

    fn find<T>(&self, of: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.borrow().iter().find_map(of)
    }

    fn tags(&self, fits: impl Fn(&Fault) -> bool) -> BTreeSet<TagName> {
        self.0.borrow().iter().filter(|one| fits(one)).filter_map(Fault::tag).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_reply_is_late_once_and_a_delay_always() {
        let board = FaultBoard::default();
        board.set(Fault::Delay { ms: 5 });
        board.set(Fault::LateReply { ms: 100 });
        assert_eq!([board.take_delay_ms(), board.take_delay_ms()], [105, 5]);
        board.set(Fault::Delay { ms: 7 });
        assert_eq!(board.take_delay_ms(), 7);
        board.clear();
        assert_eq!(board.take_delay_ms(), 0);
    }

    #[test]
    fn faults_of_one_kind_replace_each_other_unless_they_concern_different_tags() {
        let board = FaultBoard::default();
        let (ph, glucose): (TagName, TagName) = ("ph".parse().unwrap(), "glucose".parse().unwrap());
        board.set(Fault::Stuck { tag: ph.clone() });
        board.set(Fault::Stuck { tag: glucose.clone() });
        board.set(Fault::Lie { tag: ph.clone(), value: 1.0 });
        board.set(Fault::Lie { tag: ph.clone(), value: 2.0 });
        assert_eq!((board.stuck(), board.shown("ph", 7.0)), (BTreeSet::from([ph, glucose]), 2.0));
        board.clear_kind(FaultKind::Stuck);
        assert_eq!((board.all().len(), board.stuck().len()), (1, 0));
    }
}
