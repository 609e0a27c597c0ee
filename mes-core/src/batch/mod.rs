//! The rules of one batch: what can be asked (`command`), what can happen (`event`), what is refused (`decide`), what follows (`evolve`).

mod command;
mod event;
mod state;

pub use command::{BatchCommand, Entered, IssueOrder};
pub use event::{
    BatchEvent, ConditionEvidence, DeviationCause, DeviationClass, ExportedFile, IssuedBatch, ItemValue,
    ReadingEvidence, ReviewKind, Source, StreamSeal, Verdict,
};
pub use state::{Batch, Correction, Deviation, Lifecycle, PhaseRun, PhaseStatus, RecordedItem, Remark, WriteStatus};
