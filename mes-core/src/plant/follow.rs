//! The recorded part of the world follows the record: this file alone writes recorded components, from the state that entries give.
//!
//! It is called after every entry, live and in replay alike. What stays the same keeps what was observed about it; a rule that is
//! new, or says something else than before, begins unobserved.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

use crate::{
    batch::{Batch, Lifecycle, PhaseRun, PhaseStatus},
    clock::Timestamp,
    id::{BatchId, EquipmentId, SuiteId, TagId},
    isa88::{Expression, HoldTime, Phase, PhaseKind, TagRef, Watch},
    plant::{
        Plant,
        component::{
            DutyKey, DutyOf, HoldRule, Index, Newest, OccupiedBy, OpenBatch, Point, PointOf, Proposals, StandsIn,
            SuitePlace, Unit, WaitRule, WaitSeen, WatchRule, WatchSeen,
        },
    },
    tenant::{Facility, TagLimits},
};

/// The recorded part of the world, by domain ids: what the replay test compares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Suites.
    pub suites: Vec<SuiteId>,
    /// Units, the suite they stand in, and the batch that occupies them.
    pub units: BTreeMap<EquipmentId, (SuiteId, Option<BatchId>)>,
    /// Tags with their limits, and until when their unit is calibrated.
    pub points: BTreeMap<TagId, (TagLimits, Timestamp)>,
    /// Watched limits.
    pub watches: BTreeMap<DutyKey, WatchRule>,
    /// Conditions.
    pub waits: BTreeMap<DutyKey, WaitRule>,
    /// Hold times.
    pub holds: BTreeMap<DutyKey, HoldRule>,
}

/// What the plant is to do for one phase.
enum Duty {
    Watch(WatchRule),
    Wait(WaitRule),
    Hold(HoldRule),
}

impl Plant {
    /// Puts the facility's suites, equipment and tags in force.
    pub fn stand(&mut self, facility: &Facility) {
        let world = &mut self.world;
        world.resource_scope(|world, mut index: Mut<Index>| {
            for id in facility.suites.keys() {
                index.suites.entry(id.clone()).or_insert_with(|| world.spawn(SuitePlace(id.clone())).id());
            }
            for unit in facility.equipment.values() {
                let entity =
                    *index.units.entry(unit.id.clone()).or_insert_with(|| world.spawn(Unit(unit.id.clone())).id());
                if let Some(suite) = index.suites.get(&unit.suite) {
                    world.entity_mut(entity).insert(StandsIn(*suite));
                }
                let tag_id = |tag: &crate::tenant::Tag| TagId::new(unit.id.clone(), tag.name.clone());
                let wanted: BTreeMap<TagId, TagLimits> =
                    unit.tags.iter().map(|tag| (tag_id(tag), tag.limits.clone())).collect();
                let left: Vec<TagId> = index
                    .points
                    .keys()
                    .filter(|id| id.equipment == unit.id && !wanted.contains_key(*id))
                    .cloned()
                    .collect();
                for tag in left {
                    if let Some(point) = index.points.remove(&tag) {
                        world.despawn(point);
                    }
                }
                for (tag, limits) in wanted {
                    let point = Point { tag: tag.clone(), limits, calibrated_until: unit.calibrated_until };
                    match index.points.get(&tag) {
                        Some(known) => drop(world.entity_mut(*known).insert(point)),
                        None => {
                            let spawned = world.spawn((point, PointOf(entity), Newest::default())).id();
                            index.points.insert(tag, spawned);
                        }
                    }
                }
            }
        });
    }

    /// Puts in force what a batch occupies and what its phases ask of the plant.
    pub fn follow(&mut self, batch: &Batch) {
        let id = &batch.issued.batch;
        let open = matches!(batch.lifecycle, Lifecycle::Issued | Lifecycle::InExecution) && batch.disposed_at.is_none();
        self.world.resource_mut::<Proposals>().muted.retain(|(_, muted, ..)| muted != id);
        self.world.resource_scope(|world, mut index: Mut<Index>| {
            if !open {
                // Its duties go with it, and its units are free again.
                if let Some(entity) = index.batches.remove(id) {
                    world.despawn(entity);
                }
                index.duties.retain(|key, _| key.batch != *id);
                return;
            }
            let entity = *index.batches.entry(id.clone()).or_insert_with(|| world.spawn(OpenBatch(id.clone())).id());
            for unit in batch.issued.equipment.values() {
                if let Some(unit) = index.units.get(&unit.id) {
                    world.entity_mut(*unit).insert(OccupiedBy(entity));
                }
            }
            let mut wanted = duties(batch);
            let known: Vec<DutyKey> = index.duties.keys().filter(|key| key.batch == *id).cloned().collect();
            for key in known {
                if !wanted.contains_key(&key)
                    && let Some(gone) = index.duties.remove(&key)
                {
                    world.despawn(gone);
                }
            }
            while let Some((key, duty)) = wanted.pop_first() {
                match index.duties.get(&key) {
                    Some(known) => renew(world, *known, duty),
                    None => {
                        let spawned = spawn(world, entity, key.clone(), duty);
                        index.duties.insert(key, spawned);
                    }
                }
            }
        });
    }

    /// The recorded part of the world.
    pub fn recorded(&mut self) -> Recorded {
        let world = &mut self.world;
        let suites = world.query::<&SuitePlace>().iter(world).map(|suite| suite.0.clone()).collect::<Vec<_>>();
        let mut units = BTreeMap::new();
        for (unit, stands, occupied) in world.query::<(&Unit, &StandsIn, Option<&OccupiedBy>)>().iter(world) {
            let Some(suite) = world.get::<SuitePlace>(stands.0) else { continue };
            let batch = occupied.and_then(|by| world.get::<OpenBatch>(by.0)).map(|batch| batch.0.clone());
            units.insert(unit.0.clone(), (suite.0.clone(), batch));
        }
        let mut recorded = Recorded { suites, units, ..Recorded::default() };
        let mut points = world.query::<(&Point, &PointOf)>();
        recorded.points = points
            .iter(world)
            .map(|(point, _)| (point.tag.clone(), (point.limits.clone(), point.calibrated_until)))
            .collect();
        let mut watches = world.query::<(&DutyKey, &WatchRule, &DutyOf)>();
        recorded.watches = watches.iter(world).map(|(key, rule, _)| (key.clone(), rule.clone())).collect();
        let mut waits = world.query::<(&DutyKey, &WaitRule, &DutyOf)>();
        recorded.waits = waits.iter(world).map(|(key, rule, _)| (key.clone(), rule.clone())).collect();
        let mut holds = world.query::<(&DutyKey, &HoldRule, &DutyOf)>();
        recorded.holds = holds.iter(world).map(|(key, rule, _)| (key.clone(), rule.clone())).collect();
        recorded.suites.sort();
        recorded
    }
}

fn spawn(world: &mut World, batch: Entity, key: DutyKey, duty: Duty) -> Entity {
    match duty {
        Duty::Watch(rule) => world.spawn((key, rule, WatchSeen::default(), DutyOf(batch))).id(),
        Duty::Wait(rule) => world.spawn((key, rule, WaitSeen::default(), DutyOf(batch))).id(),
        Duty::Hold(rule) => world.spawn((key, rule, DutyOf(batch))).id(),
    }
}

/// Writes a rule that says something new; a rule that began anew forgets what was observed.
fn renew(world: &mut World, entity: Entity, duty: Duty) {
    let mut entity = world.entity_mut(entity);
    match duty {
        Duty::Watch(rule) => {
            let began_anew = entity.get::<WatchRule>().is_none_or(|known| known.started_at != rule.started_at);
            entity.insert(rule);
            if began_anew {
                entity.insert(WatchSeen::default());
            }
        }
        Duty::Wait(rule) => {
            let began_anew = entity.get::<WaitRule>().is_none_or(|known| known.due != rule.due);
            entity.insert(rule);
            if began_anew {
                entity.insert(WaitSeen::default());
            }
        }
        Duty::Hold(rule) => drop(entity.insert(rule)),
    }
}

fn duties(batch: &Batch) -> BTreeMap<DutyKey, Duty> {
    let mut all = BTreeMap::new();
    for phase in batch.issued.recipe.phases() {
        let Some(run) = batch.phases.get(&phase.id) else { continue };
        let key = |item: Option<&Watch>| DutyKey {
            batch: batch.issued.batch.clone(),
            phase: phase.id.clone(),
            item: item.map(|watch| watch.item.clone()),
        };
        for watch in &phase.watch {
            if let Some(rule) = watch_rule(batch, run, watch) {
                all.insert(key(Some(watch)), Duty::Watch(rule));
            }
        }
        if let Some(rule) = wait_rule(batch, run, phase) {
            all.insert(key(None), Duty::Wait(rule));
        } else if let Some(rule) = phase.hold.as_ref().and_then(|hold| hold_rule(batch, run, hold)) {
            all.insert(key(None), Duty::Hold(rule));
        }
    }
    all
}

fn tag_of(batch: &Batch, reference: &TagRef) -> Option<TagId> {
    Some(TagId::new(batch.issued.equipment.get(&reference.role)?.id.clone(), reference.tag.clone()))
}

fn watch_rule(batch: &Batch, run: &PhaseRun, watch: &Watch) -> Option<WatchRule> {
    let started_at = match run.status {
        PhaseStatus::Running | PhaseStatus::AwaitingVerification => run.started_at?,
        PhaseStatus::Waiting | PhaseStatus::Ready | PhaseStatus::Complete => return None,
    };
    Some(WatchRule {
        item: watch.item.clone(),
        tag: tag_of(batch, &watch.tag)?,
        range: watch.range.clone(),
        for_s: watch.for_s,
        started_at,
        violated: run.violated.contains_key(&watch.item),
    })
}

fn wait_rule(batch: &Batch, run: &PhaseRun, phase: &Phase) -> Option<WaitRule> {
    let PhaseKind::Wait { condition, for_s, max_s } = &phase.kind else { return None };
    if run.status != PhaseStatus::Running || run.condition_met {
        return None;
    }
    let read = Expression::parse(condition).ok();
    let tags = read.iter().flat_map(|read| read.tags());
    Some(WaitRule {
        text: condition.clone(),
        inputs: tags.filter_map(|tag| Some((tag.clone(), tag_of(batch, tag)?))).collect(),
        condition: read,
        for_s: *for_s,
        due: run.started_at?.plus_s(i64::from(*max_s)),
        overdue: run.overdue,
    })
}

fn hold_rule(batch: &Batch, run: &PhaseRun, hold: &HoldTime) -> Option<HoldRule> {
    if run.hold_exceeded || !matches!(run.status, PhaseStatus::Waiting | PhaseStatus::Ready) {
        return None;
    }
    let since = batch.phases.get(&hold.since)?.completed_at?;
    Some(HoldRule { due: since.plus_s(i64::from(hold.max_s)) })
}
