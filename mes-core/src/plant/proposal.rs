//! What the plant's systems propose; the engine decides it like any other command. No entity and no order of iteration is in it.

use crate::{
    batch::{ConditionEvidence, ReadingEvidence},
    clock::Timestamp,
    historian::Sample,
    id::{BatchId, ItemId, PhaseId},
};

/// The set of systems that a proposal came from; also the order in which proposals are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProposedBy {
    /// Watched limits.
    Alarm,
    /// Conditions and hold times.
    Procedure,
}

impl ProposedBy {
    /// The name that entries give to the actor.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Procedure => "procedure",
        }
    }
}

/// What the plant found.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// A watched limit was violated for longer than allowed.
    Violated {
        /// The watch's item.
        item: ItemId,
        /// Outside, or not good, since.
        since: Timestamp,
        /// The deciding reading.
        evidence: ReadingEvidence,
    },
    /// A watched limit is kept again.
    Returned {
        /// The watch's item.
        item: ItemId,
        /// The deciding reading.
        evidence: ReadingEvidence,
    },
    /// The condition did not come about in time.
    Overdue {
        /// When it was due.
        due: Timestamp,
    },
    /// The condition has held long enough.
    Met {
        /// Evidence.
        evidence: ConditionEvidence,
    },
    /// A hold time ran out before its phase started.
    HoldExceeded {
        /// When it was due.
        due: Timestamp,
    },
}

/// A proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Batch.
    pub batch: BatchId,
    /// Phase.
    pub phase: PhaseId,
    /// What was found.
    pub finding: Finding,
}

/// What makes two proposals the same one, and how they are sorted: set, then domain ids, then kind.
pub type ProposalKey = (ProposedBy, BatchId, PhaseId, Option<ItemId>, u8);

impl Proposal {
    /// From which set.
    pub fn by(&self) -> ProposedBy {
        match self.finding {
            Finding::Violated { .. } | Finding::Returned { .. } => ProposedBy::Alarm,
            Finding::Overdue { .. } | Finding::Met { .. } | Finding::HoldExceeded { .. } => ProposedBy::Procedure,
        }
    }
    /// Its key.
    pub fn key(&self) -> ProposalKey {
        let kind = match self.finding {
            Finding::Violated { .. } => 0,
            Finding::Returned { .. } => 1,
            Finding::Overdue { .. } => 2,
            Finding::Met { .. } => 3,
            Finding::HoldExceeded { .. } => 4,
        };
        let (by, batch, phase, item) = self.place();
        (by, batch, phase, item, kind)
    }
    /// Set and domain ids only: proposals of one watch or phase stay in the order in which they came about.
    pub(super) fn place(&self) -> (ProposedBy, BatchId, PhaseId, Option<ItemId>) {
        let item = match &self.finding {
            Finding::Violated { item, .. } | Finding::Returned { item, .. } => Some(item.clone()),
            Finding::Overdue { .. } | Finding::Met { .. } | Finding::HoldExceeded { .. } => None,
        };
        (self.by(), self.batch.clone(), self.phase.clone(), item)
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
