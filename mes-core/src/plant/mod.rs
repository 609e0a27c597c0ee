//! The plant: what stands where, what runs on it, and what the readings mean. The only place that knows bevy_ecs.
//!
//! Components are *recorded* (they follow the entries; `follow.rs`) or *observed* (readings and running times; empty after a restart).
//! Systems run once per step, in named sets, on one thread; an ambiguous order is an error. What they find leaves as proposals sorted by
//! set and domain ids: no `Entity`, no order of iteration and no change tick reaches an entry. A system never acts: the engine decides
//! its proposals like any other command.

mod component;
mod follow;
mod limit;
mod pace;
mod procedure;
mod proposal;
mod reading;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bevy_ecs::{
    prelude::*,
    schedule::{LogLevel, ScheduleBuildSettings, SingleThreadedExecutor},
};

use self::component::{Inbox, Index, Moment, Newest, Proposals};
pub use self::{
    component::{DutyKey, HoldRule, WaitRule, WatchRule},
    follow::Recorded,
    pace::Pace,
    proposal::{Finding, Proposal, ProposalKey, ProposedBy},
    reading::NOT_CALIBRATED,
};
use crate::{
    clock::Timestamp,
    historian::Sample,
    id::{EquipmentId, TagId},
};

/// The named sets, in the order in which they run. A set without a system does not exist.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PlantSet {
    /// Samples reach their tags.
    Ingest,
    /// Values and ages are judged.
    Quality,
    /// Limits of running phases.
    Alarm,
    /// Conditions and hold times of phases.
    Procedure,
}

/// The plant.
pub struct Plant {
    world: World,
    schedule: Schedule,
}

impl Default for Plant {
    fn default() -> Self {
        let mut world = World::new();
        world.insert_resource(Moment { now: Timestamp::from_ms(0), observing_since: None, pace: Pace::default() });
        world.init_resource::<Inbox>();
        world.init_resource::<Index>();
        world.init_resource::<Proposals>();
        let mut schedule = Schedule::default();
        schedule.set_executor(SingleThreadedExecutor::new());
        schedule.set_build_settings(ScheduleBuildSettings {
            ambiguity_detection: LogLevel::Error,
            ..ScheduleBuildSettings::default()
        });
        schedule.configure_sets((PlantSet::Ingest, PlantSet::Quality, PlantSet::Alarm, PlantSet::Procedure).chain());
        reading::install(&mut schedule);
        limit::install(&mut schedule);
        procedure::install(&mut schedule);
        Self { world, schedule }
    }
}

impl Plant {
    /// Takes samples in the order of their arrival, lets time pass, and says what follows from it, sorted by set and domain ids.
    ///
    /// The first run begins to observe: nothing before it was seen by this process.
    pub fn run(&mut self, now: Timestamp, pace: &Pace, samples: Vec<Sample>) -> Vec<Proposal> {
        let mut moment = self.world.resource_mut::<Moment>();
        moment.now = now;
        moment.observing_since.get_or_insert(now);
        if moment.pace != *pace {
            moment.pace = pace.clone();
        }
        self.world.resource_mut::<Inbox>().arrived = samples;
        self.schedule.run(&mut self.world);
        let mut made = std::mem::take(&mut self.world.resource_mut::<Proposals>().made);
        made.sort_by_key(Proposal::place);
        made
    }

    /// The rules said no to a proposal: it is not made again before the record of its batch changes.
    pub fn mute(&mut self, proposal: &Proposal) {
        self.world.resource_mut::<Proposals>().muted.insert(proposal.key());
    }

    /// The newest sample of a tag, as judged.
    pub fn reading(&self, tag: &TagId) -> Option<Sample> {
        let entity = self.world.resource::<Index>().points.get(tag)?;
        self.world.get::<Newest>(*entity)?.0.clone()
    }

    /// The newest samples of all tags, as judged; a tag that was not read since the start says so.
    pub fn readings(&self) -> BTreeMap<TagId, Sample> {
        let moment = self.world.resource::<Moment>();
        let since = moment.observing_since.unwrap_or(moment.now);
        let points = self.world.resource::<Index>().points.keys();
        let one = |tag: &TagId| self.reading(tag).unwrap_or_else(|| reading::not_yet_read(tag, since));
        points.map(|tag| (tag.clone(), one(tag))).collect()
    }

    /// The batch that occupies a unit, if one does.
    pub fn occupant(&self, unit: &EquipmentId) -> Option<&crate::id::BatchId> {
        let unit = self.world.resource::<Index>().units.get(unit)?;
        let by = self.world.get::<component::OccupiedBy>(*unit)?;
        self.world.get::<component::OpenBatch>(by.0).map(|batch| &batch.0)
    }
}
