//! What a simulated device can be told to do wrong, while it runs.
//!
//! Faults live in the simulators only. A driver never knows whether it speaks to one.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use mes_core::id::TagName;

/// One misbehaviour.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// All connections are cut, new ones refused.
    Drop,
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
    /// The device answers, but its values and its heartbeat stand still.
    Freeze,
    /// The sensor of this tag has failed, and the device says so (NaN, BadSensorFailure).
    SensorFault {
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
    /// The clock of the device is wrong by this, in seconds; OPC UA only.
    ClockOff {
        /// Positive: it is ahead.
        seconds: i64,
    },
    /// The device restarts, and its namespace has another index than before; OPC UA only.
    ShiftNamespace,
}

/// The faults in force, shared between a simulator and its handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultBoard(Arc<Mutex<Vec<Fault>>>);

impl FaultBoard {
    pub(crate) fn set(&self, fault: Fault) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| !same_kind(one, &fault));
        all.push(fault);
    }
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(fault)
    }
    /// Answers wait this long, in milliseconds; a single late reply is used up by asking.
    pub(crate) fn take_delay_ms(&self) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ms = 0;
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
        ms
    }
    /// Tags whose sensor has failed.
    pub(crate) fn failed_sensors(&self) -> BTreeSet<TagName> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter_map(|one| if let Fault::SensorFault { tag } = one { Some(tag.clone()) } else { None })
            .collect()
    }
    /// What the device shows for a tag instead of `honest`.
    pub(crate) fn shown(&self, tag: &str, honest: f64) -> f64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find_map(|one| match one {
                Fault::Lie { tag: of, value } if of.as_str() == tag => Some(*value),
                _ => None,
            })
            .unwrap_or(honest)
    }
    /// How far the device's clock is off, in seconds.
    pub(crate) fn clock_off_s(&self) -> i64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find_map(|one| if let Fault::ClockOff { seconds } = one { Some(*seconds) } else { None })
            .unwrap_or(0)
    }
}

fn same_kind(one: &Fault, other: &Fault) -> bool {
    match (one, other) {
        (Fault::SensorFault { tag: a }, Fault::SensorFault { tag: b }) => a == b,
        (Fault::Lie { tag: a, .. }, Fault::Lie { tag: b, .. }) => a == b,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
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
}
