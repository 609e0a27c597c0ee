//! Components and resources of the plant. *Recorded*: `Point`, `RunningPhase::spec`. *Observed*: all the rest.

use std::{collections::BTreeMap, sync::Arc};

use bevy_ecs::prelude::*;

use crate::{
    batch::{ConditionEvidence, ReadingEvidence},
    clock::Timestamp,
    historian::Sample,
    id::{BatchId, EquipmentId, EquipmentRole, ItemId, PhaseId, TagId},
    isa88::{Expression, TagRef, Watch},
    tenant::TagLimits,
};

/// Facility time of this step.
#[derive(Resource)]
pub(super) struct Now(pub(super) Timestamp);

/// Facility seconds per wall second.
#[derive(Resource)]
pub(super) struct Rate(pub(super) u32);

/// Samples of this step, in the order in which they were received.
#[derive(Resource, Default)]
pub(super) struct Inbox(pub(super) Vec<Sample>);

/// Where the entity of a tag is.
#[derive(Resource, Default)]
pub(super) struct TagIndex(pub(super) BTreeMap<TagId, Entity>);

/// What the systems found in this step.
#[derive(Resource, Default)]
pub(super) struct Proposals(pub(super) Vec<Proposal>);

/// A tag as the facility has it.
#[derive(Component, Debug, Clone)]
pub(super) struct Point {
    pub(super) limits: TagLimits,
}

/// The newest sample of a tag, as judged.
#[derive(Component, Debug, Clone, Default)]
pub(super) struct Latest {
    pub(super) sample: Option<Sample>,
    /// The samples of this step, judged, in order.
    pub(super) fresh: Vec<Sample>,
    /// The newest one became stale in this step.
    pub(super) turned_stale: bool,
}

/// What a running phase asks of the plant.
#[derive(Debug, Clone)]
pub struct RunningPhaseSpec {
    /// Batch.
    pub batch: BatchId,
    /// Phase.
    pub phase: PhaseId,
    /// When it started.
    pub started_at: Timestamp,
    /// Equipment by role.
    pub equipment: BTreeMap<EquipmentRole, EquipmentId>,
    /// Limits to watch, with those that are violated already according to the record.
    pub watches: Vec<(Watch, bool)>,
    /// The condition to wait for, how long it must hold, and until when it should have come about.
    pub wait: Option<WaitSpec>,
}

/// A condition to wait for.
#[derive(Debug, Clone)]
pub struct WaitSpec {
    /// The condition.
    pub condition: Arc<Expression>,
    /// How long it must hold, in seconds of facility time.
    pub for_s: u32,
    /// Within how many seconds of the start it should come about.
    pub max_s: u32,
    /// It was noticed already that it is overdue.
    pub overdue: bool,
}

impl RunningPhaseSpec {
    /// The tag of a role in this batch.
    pub(super) fn tag(&self, reference: &TagRef) -> Option<TagId> {
        Some(TagId::new(self.equipment.get(&reference.role)?.clone(), reference.tag.clone()))
    }
}

/// Standing of one watched limit.
#[derive(Debug, Clone)]
pub(super) struct WatchState {
    pub(super) watch: Watch,
    /// Violated and noticed.
    pub(super) violated: bool,
    /// Outside, or not good, since.
    pub(super) outside_since: Option<Timestamp>,
}

/// A phase that runs.
#[derive(Component, Debug, Clone)]
pub(super) struct RunningPhase {
    pub(super) spec: RunningPhaseSpec,
    pub(super) watches: Vec<WatchState>,
    /// The condition has held since.
    pub(super) met_since: Option<Timestamp>,
    /// It was proposed that the condition is met, or overdue; the entry follows in the same step.
    pub(super) met: bool,
    pub(super) overdue: bool,
}

impl RunningPhase {
    pub(super) fn new(spec: RunningPhaseSpec) -> Self {
        let state = |(watch, violated): &(Watch, bool)| WatchState {
            watch: watch.clone(),
            violated: *violated,
            outside_since: None,
        };
        Self {
            watches: spec.watches.iter().map(state).collect(),
            met_since: None,
            met: false,
            overdue: spec.wait.as_ref().is_some_and(|wait| wait.overdue),
            spec,
        }
    }
}

/// What a system proposes; the engine decides it.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// A watched limit was violated for longer than allowed.
    Violation {
        /// Batch.
        batch: BatchId,
        /// Phase.
        phase: PhaseId,
        /// The watch's item.
        item: ItemId,
        /// Since.
        since: Timestamp,
        /// The deciding reading.
        evidence: ReadingEvidence,
    },
    /// A watched limit is kept again.
    Return {
        /// Batch.
        batch: BatchId,
        /// Phase.
        phase: PhaseId,
        /// The watch's item.
        item: ItemId,
        /// The deciding reading.
        evidence: ReadingEvidence,
    },
    /// A condition has held long enough.
    Met {
        /// Batch.
        batch: BatchId,
        /// Phase.
        phase: PhaseId,
        /// Evidence.
        evidence: ConditionEvidence,
    },
    /// A condition did not come about in time.
    Overdue {
        /// Batch.
        batch: BatchId,
        /// Phase.
        phase: PhaseId,
        /// Due.
        due: Timestamp,
    },
}

impl Proposal {
    /// Set, batch, phase, item: the order in which proposals are decided.
    pub(super) fn key(&self) -> (u8, BatchId, PhaseId, Option<ItemId>) {
        match self {
            Self::Violation { batch, phase, item, .. } => (0, batch.clone(), phase.clone(), Some(item.clone())),
            Self::Return { batch, phase, item, .. } => (1, batch.clone(), phase.clone(), Some(item.clone())),
            Self::Met { batch, phase, .. } => (2, batch.clone(), phase.clone(), None),
            Self::Overdue { batch, phase, .. } => (3, batch.clone(), phase.clone(), None),
        }
    }
}

/// A sample as evidence.
pub(super) fn evidence(sample: &Sample) -> ReadingEvidence {
    ReadingEvidence {
        tag: sample.tag.clone(),
        value: sample.value.clone(),
        quality: sample.quality.clone(),
        source_time: sample.source_time,
        receive_time: sample.receive_time,
        seq: sample.seq,
    }
}
