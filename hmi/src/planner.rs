//! Watches for what keeps bookings from going as planned, and keeps the newest proposal of a plan for the planner to see.
//!
//! A proposal is no entry: it changes nothing, and after a restart it is made again. Searches run on a blocking thread, never in the
//! writer, one at a time, and end by time at the latest.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mes_core::{clock::Clock, engine::View, journal::Hash};
use tokio::sync::watch;

use crate::planning::{self, NoPlan, Proposal};

/// Longest time of one search; a plan that needs longer is the best that was found by then.
const SEARCH_MAX: Duration = Duration::from_secs(10);
/// Progress is looked at no more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What came of the newest search.
pub type Found = Result<Proposal, NoPlan>;

/// The newest proposal.
#[derive(Default)]
pub struct Planner {
    newest: Mutex<Option<Arc<Found>>>,
    searching: tokio::sync::Mutex<()>,
}

impl Planner {
    /// The newest proposal that is still for the state a view shows.
    pub fn newest(&self, view: &View) -> Option<Arc<Found>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        match newest.as_ref() {
            Ok(proposal) if inputs(view) != Some(proposal.adopted.inputs) => None,
            Err(no) if inputs(view) != no.inputs => None,
            _ => Some(newest),
        }
    }

    /// Searches for a plan now, whether or not a batch is behind.
    pub async fn propose(&self, view: Arc<View>) -> Option<Arc<Found>> {
        let _one_at_a_time = self.searching.lock().await;
        let search = move || {
            let begun = Clock::wall();
            let over = || begun.elapsed() >= SEARCH_MAX;
            planning::propose(&view, &over)
        };
        let found = match tokio::task::spawn_blocking(search).await {
            Ok(found) => Arc::new(found),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a search for a plan failed");
                return None;
            }
        };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
        Some(found)
    }

    /// Forgets what was proposed: it was adopted, or nothing is behind any more.
    pub fn forget(&self) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Follows the views: whenever others cannot go as planned than before, a plan is proposed. Ends with the writer.
    pub async fn watch(&self, mut views: watch::Receiver<Arc<View>>) {
        let mut looked = Clock::wall();
        let mut known: Option<(Option<Hash>, Vec<mes_core::id::BookingId>)> = None;
        while views.changed().await.is_ok() {
            if looked.elapsed() < LOOK_EVERY {
                continue;
            }
            looked = Clock::wall();
            let view = Arc::clone(&views.borrow_and_update());
            let now = (inputs(&view), planning::disturbed(&view));
            if now.1.is_empty() || known.as_ref() == Some(&now) {
                continue;
            }
            tracing::info!(bookings = ?now.1, "bookings cannot go as planned; a plan is proposed");
            known = Some(now);
            self.propose(view).await;
        }
    }
}

fn inputs(view: &View) -> Option<Hash> {
    mes_core::booking::planning_inputs(&view.facility, &view.bookings, &view.batches, view.now).ok()
}
