//! The simulated bioreactor behind its address space: what it shows at a moment, what it does on command, its lock, and what it
//! reports as events.
//!
//! It knows no server and no node.

use std::{collections::BTreeMap, time::Instant};

use mes_core::clock::{Clock, Timestamp};
use opcua::types::{StatusCode, Variant};

use super::space::View;
use crate::{
    fault::{Fault, FaultBoard},
    physics::{
        Realism, Refusal, STEP_MS,
        bioreactor::{Bioreactor, Command},
    },
};

/// A lock that nobody renews opens after so many seconds of wall time.
const LOCK_S: f64 = 120.0;
/// How far the temperature may be from its target before that is an event, °C, once the loops have run for so long, s.
const DEVIATION_CEL: f64 = 1.0;
const SETTLED_S: f64 = 7200.0;

/// Something that happened, for those who subscribe to events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    pub(super) at: Timestamp,
    pub(super) says: String,
    /// 1 (information) to 1000 (catastrophe).
    pub(super) severity: u16,
}

/// The device.
pub(super) struct Vessel {
    physics: Bioreactor,
    clock: Clock,
    pub(super) faults: FaultBoard,
    since: Instant,
    began: Timestamp,
    locked_since: Option<Instant>,
    runs: u32,
    /// Values that stand still, by tag.
    stuck: BTreeMap<String, Variant>,
    /// What is the case and was reported.
    standing: BTreeMap<&'static str, bool>,
}

impl Vessel {
    pub(super) fn new(seed: u64, clock: Clock, faults: FaultBoard, realism: Realism) -> Self {
        let began = clock.now();
        Self {
            physics: Bioreactor::new(seed, began, realism),
            clock,
            faults,
            since: Clock::wall(),
            began,
            locked_since: None,
            runs: 0,
            stuck: BTreeMap::new(),
            standing: BTreeMap::new(),
        }
    }

    /// Brings the vessel up to now and looks at it; the time is that of the values.
    pub(super) fn look(&mut self) -> (View, Timestamp) {
        let now = self.clock.now();
        self.physics.advance_to(now);
        // Far behind, the values are those of the time the model has reached.
        let at = if now.since_ms(self.physics.at()) > STEP_MS { self.physics.at() } else { now };
        let held_s = self.locked_since.map(|since| LOCK_S - since.elapsed().as_secs_f64()).filter(|left| *left > 0.0);
        let view = View {
            shown: self.physics.shown(at),
            targets: self.physics.targets().clone(),
            actuators: self.physics.actuators(),
            sample_ml: self.physics.last_sample_ml(),
            running: self.physics.running(),
            run_number: self.runs,
            locked_s: held_s,
            bolus_ml: self.physics.last_bolus_ml(),
            inoculum: self.physics.last_inoculum(),
            beat: u32::try_from(self.since.elapsed().as_secs()).unwrap_or_default(),
        };
        (view, at.plus_ms(self.faults.clock_off_ms(self.began)))
    }

    /// The probe that is in a spell of failure of its own.
    pub(super) fn failed_probe(&self) -> Option<&'static str> {
        self.physics.failed_probe()
    }

    /// What a tag shows: the value at which it is stuck, if it is, or this one.
    pub(super) fn held(&mut self, tag: &str, now: Variant) -> Variant {
        if self.faults.stuck().iter().any(|one| one.as_str() == tag) {
            return self.stuck.entry(tag.to_owned()).or_insert(now).clone();
        }
        self.stuck.remove(tag);
        now
    }

    pub(super) fn command(&mut self, command: Command) -> StatusCode {
        if self.faults.has(&Fault::RefuseWrites) {
            return StatusCode::BadInvalidState;
        }
        if self.faults.has(&Fault::IgnoreWrites) {
            return StatusCode::Good;
        }
        self.physics.advance_to(self.clock.now());
        let starts = command == Command::Run(true) && !self.physics.running();
        match self.physics.command(command) {
            Ok(()) => {
                self.runs += u32::from(starts);
                StatusCode::Good
            }
            Err(Refusal::OutOfRange) => StatusCode::BadOutOfRange,
            Err(Refusal::InvalidState) => StatusCode::BadInvalidState,
        }
    }

    /// Locks, or renews the lock; false when it is held already, or is not held.
    pub(super) fn lock(&mut self, renew: bool) -> bool {
        let held = self.locked_since.is_some_and(|since| since.elapsed().as_secs_f64() < LOCK_S);
        if held == renew {
            self.locked_since = Some(Clock::wall());
        }
        held == renew
    }

    /// Opens the lock; false when it was open.
    pub(super) fn unlock(&mut self) -> bool {
        self.locked_since.take().is_some_and(|since| since.elapsed().as_secs_f64() < LOCK_S)
    }

    pub(super) fn open_lid(&mut self, seconds: i64) {
        self.physics.open_lid(seconds);
    }

    /// What began or ended since the last call.
    pub(super) fn happened(&mut self, view: &View, at: Timestamp) -> Vec<Happened> {
        let off = view.shown.temperature_cel - view.targets.temperature_cel;
        let settled = view.running && view.actuators.run_s > SETTLED_S;
        let sensor = self.physics.failed_probe().is_some() || !self.faults.failed_sensors().is_empty();
        let now = [
            ("control loops running", view.running, 100),
            ("lid open", view.actuators.lid_open, 400),
            ("sensor failure", sensor, 600),
            ("temperature deviation", settled && off.abs() > DEVIATION_CEL, 700),
        ];
        let mut all = Vec::new();
        for (what, is, severity) in now {
            let was = self.standing.insert(what, is).unwrap_or(false);
            if is != was {
                let says = format!("{what}: {}", if is { "begins" } else { "ends" });
                all.push(Happened { at, says, severity });
            }
        }
        all
    }
}
