//! Signs checkpoints: by the clock, not by activity, and at each release. It runs outside of `step`.

use std::{sync::Arc, time::Duration};

use mes_core::{
    batch::Lifecycle,
    engine::View,
    journal::FacilityKey,
    store::{Issuer, MadeCheckpoint, SqliteStore, StoreError, make_checkpoint},
};

/// Signs a checkpoint over everything that is durable now.
pub async fn checkpoint(store: &SqliteStore, key: &FacilityKey, view: &View) -> Result<MadeCheckpoint, StoreError> {
    let name = view.facility.name.as_ref().map_or("facility", |name| name.name.en.as_str());
    let mut seed = [0; 32];
    crate::random::fill(&mut seed);
    make_checkpoint(store, Issuer { key, facility: name, purpose: view.purpose }, view.now, seed).await
}

/// Signs one every `every`, and one whenever a batch was disposed of.
pub async fn run(writer: crate::engine_task::Writer, store: Arc<SqliteStore>, key: Arc<FacilityKey>, every: Duration) {
    let mut views = writer.views();
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
        let view = writer.view();
        if let Err(error) = checkpoint(&store, &key, &view).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no checkpoint could be signed; the next attempt follows"
            );
        }
    }
}

fn disposed_batches(view: &View) -> usize {
    let done = |lifecycle| matches!(lifecycle, Lifecycle::Released | Lifecycle::Rejected);
    view.batches.values().filter(|batch| done(batch.lifecycle)).count()
}
