//! The rules of one batch: what can be asked (`command`), what can happen (`event`), what is refused (`decide`), what follows (`evolve`).

mod command;
mod context;
mod decide;
mod decide_calculate;
mod decide_deviation;
mod decide_equipment;
mod decide_issue;
mod decide_item;
mod decide_phase;
mod decide_review;
mod decide_sign;
mod event;
mod evolve;
mod state;
mod statement;

pub use command::{BatchCommand, DeviceNews, Entered, IssueOrder};
pub use context::{Calculate, Context, Occupancy, ReadingOf};
pub use decide::{decide, next_deviation};
pub use decide_equipment::IDENTITY_ITEM;
pub use event::{
    BatchEvent, ConditionEvidence, DeviationCause, DeviationClass, ExportedFile, IssuedBatch, ItemValue,
    ReadingEvidence, ReviewKind, Source, StreamSeal, Verdict,
};
pub use evolve::EventMeta;
pub use state::{
    Batch, Correction, Deviation, Held, Lifecycle, PhaseRun, PhaseStatus, RecordedItem, Remark, WriteStatus,
};
