//! What the world of the plant is made of: entities, the relations between them, and what the systems share.
//!
//! *Recorded* components say what the entries say; only `follow.rs` writes them. *Observed* ones come from readings and running
//! times; they are empty after a restart. No system is here.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use crate::{
    clock::Timestamp,
    historian::Sample,
    id::{BatchId, EquipmentId, ItemId, PhaseId, SuiteId, TagId},
    isa88::{Expression, TagRef},
    plant::{Pace, Proposal, ProposalKey},
    quantity::Range,
    tenant::TagLimits,
};

/// Recorded: a suite.
#[derive(Component)]
pub(super) struct SuitePlace(pub(super) SuiteId);

/// Recorded: a unit.
#[derive(Component)]
pub(super) struct Unit(pub(super) EquipmentId);

/// Recorded: a unit stands in a suite.
#[derive(Component)]
#[relationship(relationship_target = Houses)]
pub(super) struct StandsIn(pub(super) Entity);

/// The units of a suite.
#[derive(Component)]
#[relationship_target(relationship = StandsIn)]
pub(super) struct Houses(Vec<Entity>);

/// Recorded: a batch that is issued and not yet executed to its end.
#[derive(Component)]
pub(super) struct OpenBatch(pub(super) BatchId);

/// Recorded: a unit is occupied by a batch.
#[derive(Component)]
#[relationship(relationship_target = Occupies)]
pub(super) struct OccupiedBy(pub(super) Entity);

/// The units of a batch.
#[derive(Component)]
#[relationship_target(relationship = OccupiedBy)]
pub(super) struct Occupies(Vec<Entity>);

/// Recorded: a tag of a unit.
#[derive(Component)]
pub(super) struct Point {
    pub(super) tag: TagId,
    pub(super) limits: TagLimits,
    /// Calibration of the unit ends then.
    pub(super) calibrated_until: Timestamp,
}

/// Recorded: to which unit a tag belongs.
#[derive(Component)]
#[relationship(relationship_target = Points)]
pub(super) struct PointOf(pub(super) Entity);

/// The tags of a unit; they go with it.
#[derive(Component)]
#[relationship_target(relationship = PointOf, linked_spawn)]
pub(super) struct Points(Vec<Entity>);

/// Recorded: a limit, condition or timer belongs to a batch.
#[derive(Component)]
#[relationship(relationship_target = Duties)]
pub(super) struct DutyOf(pub(super) Entity);

/// What the plant does for a batch; it goes with the batch.
#[derive(Component)]
#[relationship_target(relationship = DutyOf, linked_spawn)]
pub(super) struct Duties(Vec<Entity>);

/// Recorded: a limit that a running phase watches.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct WatchRule {
    /// The watch's item.
    pub item: ItemId,
    /// Tag.
    pub tag: TagId,
    /// The range it must stay in.
    pub range: Range,
    /// How long it may be outside, or not good, in seconds.
    pub for_s: u32,
    /// When the phase started.
    pub started_at: Timestamp,
    /// A violation is on record and has not returned.
    pub violated: bool,
}

/// Recorded: a condition that a running phase waits for.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct WaitRule {
    /// The condition as the recipe has it.
    pub text: String,
    /// The condition, read; `None` when this version cannot read it, and then it never holds.
    pub condition: Option<Expression>,
    /// Where its tags are.
    pub inputs: BTreeMap<TagRef, TagId>,
    /// How long it must hold without a break, in seconds.
    pub for_s: u32,
    /// When it should have come about.
    pub due: Timestamp,
    /// That it did not is on record.
    pub overdue: bool,
}

/// Recorded: a hold time that runs until its phase starts.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct HoldRule {
    /// When it ends.
    pub due: Timestamp,
}

/// Recorded: for which phase a rule stands, and for which of its items.
#[derive(Component, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DutyKey {
    /// Batch.
    pub batch: BatchId,
    /// Phase.
    pub phase: PhaseId,
    /// The watch's item; `None` for a condition or a hold time.
    pub item: Option<ItemId>,
}

/// Observed: the newest sample of a tag, as judged.
#[derive(Component, Default)]
pub(super) struct Newest(pub(super) Option<Sample>);

/// Observed: what was seen of a watched tag.
#[derive(Component, Default)]
pub(super) struct WatchSeen {
    /// The last sample since the watch began.
    pub(super) last: Option<Sample>,
    /// Outside, or not good, since.
    pub(super) outside_since: Option<Timestamp>,
}

/// Observed: what was seen of the tags of a condition.
#[derive(Component, Default)]
pub(super) struct WaitSeen {
    /// The last sample of each tag since the phase started.
    pub(super) last: BTreeMap<TagRef, Sample>,
    /// It has held since.
    pub(super) held_since: Option<Timestamp>,
}

/// The moment of this run.
#[derive(Resource)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// Since when this process observes; nothing before it was seen.
    pub(super) observing_since: Option<Timestamp>,
    pub(super) pace: Pace,
}

/// Samples of this run as they came, then as they were judged, both in the order of arrival.
#[derive(Resource, Default)]
pub(super) struct Inbox {
    pub(super) arrived: Vec<Sample>,
    pub(super) judged: Vec<Sample>,
}

/// Where the entities of domain ids are.
#[derive(Resource, Default)]
pub(super) struct Index {
    pub(super) suites: BTreeMap<SuiteId, Entity>,
    pub(super) units: BTreeMap<EquipmentId, Entity>,
    pub(super) points: BTreeMap<TagId, Entity>,
    pub(super) batches: BTreeMap<BatchId, Entity>,
    pub(super) duties: BTreeMap<DutyKey, Entity>,
}

/// What the systems found, and what they keep to themselves because the rules said no to it.
#[derive(Resource, Default)]
pub(super) struct Proposals {
    pub(super) made: Vec<Proposal>,
    pub(super) muted: BTreeSet<ProposalKey>,
}

impl Proposals {
    pub(super) fn make(&mut self, proposal: Proposal) {
        if !self.muted.contains(&proposal.key()) {
            self.made.push(proposal);
        }
    }
}
