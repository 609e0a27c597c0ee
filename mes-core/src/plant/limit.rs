//! Alarm: the limits that running phases watch. Every sample is judged in its order; a bad one counts as outside.

use bevy_ecs::prelude::*;

use super::{
    PlantSet,
    component::{Latest, Now, Proposal, Proposals, RunningPhase, TagIndex, WatchState, evidence},
};
use crate::{
    clock::Timestamp,
    historian::{Sample, SampleValue},
    quantity::decimal_of,
};

pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems(watch.in_set(PlantSet::Alarm));
}

fn watch(
    now: Res<Now>,
    index: Res<TagIndex>,
    tags: Query<&Latest>,
    mut running: Query<&mut RunningPhase>,
    mut proposals: ResMut<Proposals>,
) {
    for mut run in &mut running {
        let RunningPhase { spec, watches, .. } = run.as_mut();
        for state in watches {
            let Some(latest) = spec.tag(&state.watch.tag).and_then(|tag| tags.get(*index.0.get(&tag)?).ok()) else {
                continue;
            };
            for sample in &latest.fresh {
                judge(state, sample, sample.receive_time);
            }
            let Some(newest) = &latest.sample else { continue };
            if latest.turned_stale {
                judge(state, newest, newest.receive_time);
            }
            let (batch, phase, item) = (spec.batch.clone(), spec.phase.clone(), state.watch.item.clone());
            match (state.violated, state.outside_since) {
                (false, Some(since)) if now.0.since_ms(since) >= i64::from(state.watch.for_s).saturating_mul(1000) => {
                    state.violated = true;
                    proposals.0.push(Proposal::Violation { batch, phase, item, since, evidence: evidence(newest) });
                }
                (true, None) if !latest.fresh.is_empty() => {
                    state.violated = false;
                    proposals.0.push(Proposal::Return { batch, phase, item, evidence: evidence(newest) });
                }
                _ => {}
            }
        }
    }
}

fn judge(state: &mut WatchState, sample: &Sample, at: Timestamp) {
    let number = sample.value.as_ref().and_then(SampleValue::to_f64).and_then(decimal_of);
    let inside = sample.quality.is_good() && number.is_some_and(|value| state.watch.range.contains(value));
    if inside {
        state.outside_since = None;
    } else if state.outside_since.is_none() {
        state.outside_since = Some(at);
    }
}
