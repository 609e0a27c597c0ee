//! Files that are being made: a record or a package takes longer than a person waits without a sign of life. Each export
//! goes on by itself, says how far it is, and keeps its file for a while for the person who asked for it, and for nobody else.
//!
//! What may leave, and that it left, is decided and entered behind the desk; here a file is only handed over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mes_core::{
    access::{Rejection, Scope},
    clock::Clock,
    id::{BatchId, PersonId},
};
use tokio::sync::watch;

use super::port::{Desk, Download, ExportStage};

/// A finished file waits this long to be fetched.
const KEPT_MAX: Duration = Duration::from_secs(15 * 60);
/// Most exports known at a time; the oldest finished one makes room.
const EXPORTS_MAX: usize = 32;
/// Most exports of one person under way at a time.
const UNDER_WAY_MAX: usize = 2;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportKind {
    /// The evidence package.
    Package,
    /// The printed record.
    Record,
}

/// How far an export is.
#[derive(Clone)]
pub(crate) enum Progress {
    /// At work since.
    UnderWay(ExportStage),
    /// The file is there.
    Ready(Arc<Download>),
    /// A rule said no, or it failed.
    Refused(Rejection),
}

struct Row {
    person: PersonId,
    batch: BatchId,
    kind: ExportKind,
    began: Instant,
    took: Option<Duration>,
    stage: watch::Receiver<ExportStage>,
    outcome: Option<Result<Arc<Download>, Rejection>>,
}

/// An export as its person sees it.
pub(crate) struct Export {
    pub(crate) kind: ExportKind,
    pub(crate) progress: Progress,
    /// How long it has taken so far, or took.
    pub(crate) took: Duration,
}

/// All exports of the process.
#[derive(Default)]
pub(crate) struct Exports {
    rows: Mutex<BTreeMap<String, Row>>,
}

impl Exports {
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an export; gives the id under which it is asked for.
    ///
    /// # Errors
    /// When the person has too many under way.
    pub(crate) fn begin(
        self: &Arc<Self>,
        desk: Arc<dyn Desk>,
        scope: Scope,
        batch: BatchId,
        kind: ExportKind,
    ) -> Result<String, Rejection> {
        let id = desk.new_id("EXP");
        let (stage, known) = watch::channel(ExportStage::Gathering);
        let row = Row {
            person: scope.person.clone(),
            batch: batch.clone(),
            kind,
            began: Clock::wall(),
            took: None,
            stage: known,
            outcome: None,
        };
        self.admit(&id, row)?;
        let (exports, ours) = (Arc::clone(self), id.clone());
        tokio::spawn(async move {
            let outcome = match kind {
                ExportKind::Package => desk.package(scope, batch, stage).await,
                ExportKind::Record => desk.record_pdf(scope, batch, stage).await,
            };
            if let Some(row) = exports.locked().get_mut(&ours) {
                row.took = Some(row.began.elapsed());
                row.outcome = Some(outcome.map(Arc::new));
            }
        });
        Ok(id)
    }

    fn admit(&self, id: &str, row: Row) -> Result<(), Rejection> {
        let mut rows = self.locked();
        rows.retain(|_, row| row.outcome.is_none() || row.began.elapsed() < KEPT_MAX);
        let own = rows.values().filter(|known| known.outcome.is_none() && known.person == row.person).count();
        let all = rows.values().filter(|known| known.outcome.is_none()).count();
        if own >= UNDER_WAY_MAX || all >= EXPORTS_MAX {
            return Err(Rejection::new(
                "busy",
                "出力がほかに進行中です。終わってからやり直してください。",
                "Other exports are under way. Try again when they are done.",
            ));
        }
        while rows.len() >= EXPORTS_MAX {
            let done = rows.iter().filter(|(_, row)| row.outcome.is_some()).min_by_key(|(_, row)| row.began);
            let Some(oldest) = done.map(|(id, _)| id.clone()) else { break };
            rows.remove(&oldest);
        }
        rows.insert(id.to_owned(), row);
        Ok(())
    }

    /// The person's newest export of a batch, for whoever comes back to the page.
    pub(crate) fn latest(&self, person: &PersonId, batch: &BatchId) -> Option<String> {
        let rows = self.locked();
        let own = rows.iter().filter(|(_, row)| row.person == *person && row.batch == *batch);
        own.max_by_key(|(_, row)| row.began).map(|(id, _)| id.clone())
    }

    /// How far an export is; nothing for anybody but the person who asked for it.
    pub(crate) fn find(&self, id: &str, person: &PersonId, batch: &BatchId) -> Option<Export> {
        let rows = self.locked();
        let row = rows.get(id).filter(|row| row.person == *person && row.batch == *batch)?;
        let progress = match &row.outcome {
            None => Progress::UnderWay(*row.stage.borrow()),
            Some(Ok(download)) => Progress::Ready(Arc::clone(download)),
            Some(Err(rejection)) => Progress::Refused(rejection.clone()),
        };
        Some(Export { kind: row.kind, progress, took: row.took.unwrap_or_else(|| row.began.elapsed()) })
    }
}
