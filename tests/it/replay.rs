//! Replay equals live: the journal of a whole batch, read again, brings about the very state that people saw.

use std::sync::Arc;

use hmi::app::replay;
use mes_core::{
    access::{Meaning, Policies},
    batch::{BatchCommand, Lifecycle},
    engine::View,
    journal::Salts,
    store::{SqliteStore, Store},
};
use tests::{Facility, story, work::RATE_WAITING};

/// What the record says, as far as a view shows it. Readings are observed, not recorded.
fn same_record(one: &View, other: &View) {
    assert_eq!(one.purpose, other.purpose);
    assert_eq!(one.rate, other.rate);
    assert_eq!(one.facility, other.facility);
    assert_eq!(one.changes, other.changes);
    assert_eq!(one.recipes, other.recipes);
    assert_eq!(one.bookings, other.bookings);
    assert_eq!(one.batches, other.batches);
    assert_eq!(one.languages, other.languages);
}

#[test]
fn replay_equals_live_and_the_facility_goes_on_where_it_stopped() {
    story(async |place| {
        let facility = Facility::start(place).await;
        // A batch to release with a refusal, a comment, a hold and a restart; another one that is left in the middle.
        let (a, b) = (facility.batch("TEST-3", 1).await, facility.batch("TRIAL-3", 1).await);
        facility.instruction_done(&b).await;
        assert!(facility.person("sato").signs_phase(&a, "P020", Meaning::Verified).await.is_err());
        facility.person("sato").comments(&a, "初回 / first").await.unwrap();
        facility.instruction_done(&a).await;
        facility.person("sato").does(&a, BatchCommand::Hold { reason: "確認 / to check".into() }).await.unwrap();
        facility.person("tanaka").does(&a, BatchCommand::Restart { reason: "済 / done".into() }).await.unwrap();
        facility.temperature_recorded(&a).await;
        facility.set_point_written(&a).await;
        facility.person("tanaka").does(&a, BatchCommand::CompleteExecution).await.unwrap();
        facility.rate(RATE_WAITING).await;
        facility.released(&a).await;
        facility.rate(1).await;
        // The devices' clock ran on at the old rate until the change was durable: an entry after it keeps the journal abreast of them.
        facility.person("bando").comments(&b, "続き / goes on").await.unwrap();

        // A receiver outlives the writer: what it holds then is the last thing anybody saw.
        let views = facility.app.writer.views();
        let (config, plant) = facility.stop().await;
        let live = Arc::clone(&views.borrow());
        let store = SqliteStore::open(&config.database()).await.unwrap();
        let engine = replay(&store, Arc::new(Policies::load().unwrap()), Salts::new([0; 32])).await.unwrap();
        assert_eq!(store.extent().await.unwrap(), engine.sequencer().count());
        let replayed = engine.view(live.now);
        same_record(&replayed, &live);
        assert_eq!(replayed.links, live.links);
        store.close().await;
        drop(store);

        let facility = Facility::again(config, plant).await;
        let view = facility.view();
        assert_eq!((&view.facility, &view.recipes, &view.bookings), (&live.facility, &live.recipes, &live.bookings));
        assert_eq!(view.batches[&a], live.batches[&a]);
        assert_eq!(view.batches[&a].lifecycle, Lifecycle::Released);
        // Of the other batch only its links may be other ones: its equipment is being connected again.
        assert_eq!(view.batches[&b].phases, live.batches[&b].phases);
        assert_eq!(view.batches[&b].signatures, live.batches[&b].signatures);
        facility.all_online().await;
        facility.temperature_recorded(&b).await;
        facility.set_point_written(&b).await;
        assert!(facility.complete(&b));
        facility.stop().await;
    });
}
