//! Signs checkpoints: by the clock, not by activity, at each release, and for each package. It runs outside of `step`.

use std::{sync::Arc, time::Duration};

use mes_core::{
    batch::Lifecycle,
    engine::View,
    journal::FacilityKey,
    store::{Issuer, MadeCheckpoint, SqliteStore, StoreError, make_checkpoint},
};
use tokio::sync::Mutex;

use crate::engine_task::Writer;

/// Makes the facility's checkpoints, one at a time.
pub struct Checkpointer {
    store: Arc<SqliteStore>,
    key: Arc<FacilityKey>,
    writer: Writer,
    one_at_a_time: Mutex<()>,
}

impl Checkpointer {
    /// Over a store, with the facility's key.
    pub fn new(store: Arc<SqliteStore>, key: Arc<FacilityKey>, writer: Writer) -> Self {
        Self { store, key, writer, one_at_a_time: Mutex::new(()) }
    }

    /// Signs a checkpoint over everything that is durable now.
    pub async fn make(&self) -> Result<MadeCheckpoint, StoreError> {
        let _alone = self.one_at_a_time.lock().await;
        let view = self.writer.view();
        let facility = view.facility.name.as_ref().map_or("facility", |name| name.name.en.as_str());
        let mut seed = [0; 32];
        crate::random::fill(&mut seed);
        let issuer = Issuer { key: &self.key, facility, purpose: view.purpose };
        make_checkpoint(self.store.as_ref(), issuer, view.now, seed).await
    }

    /// Signs one every `every`, and one whenever a batch was disposed of, until the writer stops.
    pub async fn run(self: Arc<Self>, every: Duration) {
        let mut views = self.writer.views();
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut disposed = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = views.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let now = disposed_batches(&views.borrow_and_update());
                    if now == disposed {
                        continue;
                    }
                    disposed = now;
                }
            }
            if let Err(error) = self.make().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "no checkpoint could be signed; the next attempt follows"
                );
            }
        }
    }
}

fn disposed_batches(view: &View) -> usize {
    let done = |lifecycle| matches!(lifecycle, Lifecycle::Released | Lifecycle::Rejected);
    view.batches.values().filter(|batch| done(batch.lifecycle)).count()
}
