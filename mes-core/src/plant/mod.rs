//! The plant: what stands where, what runs on it, and what the readings mean. A bevy_ecs `World`, and the only place that knows it.
//!
//! Components are *recorded* (changed only by what entries say) or *observed* (readings and running times; empty after a restart).
//! Systems run once per step in named sets on one thread. What they find leaves as proposals, sorted by domain ids: no `Entity` and no
//! iteration order reaches an entry. A system never acts: the engine decides its proposals like any other command.

mod component;
mod limit;
mod procedure;
mod reading;

use std::collections::BTreeMap;

use bevy_ecs::{
    prelude::*,
    schedule::{LogLevel, ScheduleBuildSettings, SingleThreadedExecutor},
};

use self::component::{Inbox, Latest, Now, Point, Proposals, Rate, RunningPhase, TagIndex};
pub use self::component::{Proposal, RunningPhaseSpec, WaitSpec};
use crate::{
    clock::Timestamp,
    historian::Sample,
    id::{BatchId, PhaseId, TagId},
    tenant::Facility,
};

/// The order in which systems run.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PlantSet {
    /// Samples arrive at their tags.
    Ingest,
    /// Range and age are judged.
    Quality,
    /// Limits of running phases are watched.
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
        world.insert_resource(Now(Timestamp::from_ms(0)));
        world.insert_resource(Rate(1));
        world.insert_resource(Inbox::default());
        world.insert_resource(Proposals::default());
        world.insert_resource(TagIndex::default());
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
    /// Puts the facility's equipment and tags in force; readings of tags that stay are kept.
    pub fn stand(&mut self, facility: &Facility) {
        let mut wanted = BTreeMap::new();
        for unit in facility.equipment.values() {
            for tag in &unit.tags {
                let id = TagId::new(unit.id.clone(), tag.name.clone());
                wanted.insert(id, Point { limits: tag.limits.clone() });
            }
        }
        let known = self.world.resource::<TagIndex>().0.clone();
        for (tag, entity) in &known {
            if !wanted.contains_key(tag) {
                self.world.despawn(*entity);
                self.world.resource_mut::<TagIndex>().0.remove(tag);
            }
        }
        for (tag, point) in wanted {
            match known.get(&tag) {
                Some(entity) => drop(self.world.entity_mut(*entity).insert(point)),
                None => {
                    let entity = self.world.spawn((point, Latest::default())).id();
                    self.world.resource_mut::<TagIndex>().0.insert(tag, entity);
                }
            }
        }
    }

    /// A phase runs now.
    pub fn start(&mut self, spec: RunningPhaseSpec) {
        self.world.spawn(RunningPhase::new(spec));
    }

    /// A phase runs no longer.
    pub fn end(&mut self, batch: &BatchId, phase: &PhaseId) {
        let mut running = self.world.query::<(Entity, &RunningPhase)>();
        let matches = |run: &RunningPhase| run.spec.batch == *batch && run.spec.phase == *phase;
        let ended: Vec<Entity> =
            running.iter(&self.world).filter(|(_, run)| matches(run)).map(|(entity, _)| entity).collect();
        for entity in ended {
            self.world.despawn(entity);
        }
    }

    /// Whether a phase runs here.
    pub fn runs(&mut self, batch: &BatchId, phase: &PhaseId) -> bool {
        let mut running = self.world.query::<&RunningPhase>();
        running.iter(&self.world).any(|run| run.spec.batch == *batch && run.spec.phase == *phase)
    }

    /// Takes samples, lets time pass, and says what follows, sorted by set and domain id.
    pub fn run(&mut self, now: Timestamp, rate: u32, samples: Vec<Sample>) -> Vec<Proposal> {
        self.world.resource_mut::<Now>().0 = now;
        self.world.resource_mut::<Rate>().0 = rate;
        self.world.resource_mut::<Inbox>().0 = samples;
        self.schedule.run(&mut self.world);
        let mut proposals = std::mem::take(&mut self.world.resource_mut::<Proposals>().0);
        proposals.sort_by_key(Proposal::key);
        proposals
    }

    /// The newest judged sample of a tag.
    pub fn reading(&self, tag: &TagId) -> Option<Sample> {
        let entity = self.world.resource::<TagIndex>().0.get(tag)?;
        self.world.get::<Latest>(*entity)?.sample.clone()
    }

    /// The newest judged samples of all tags.
    pub fn readings(&self) -> BTreeMap<TagId, Sample> {
        let index = &self.world.resource::<TagIndex>().0;
        let one =
            |(tag, entity): (&TagId, &Entity)| Some((tag.clone(), self.world.get::<Latest>(*entity)?.sample.clone()?));
        index.iter().filter_map(one).collect()
    }
}
