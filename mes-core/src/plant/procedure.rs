//! Procedure: conditions that phases wait for. A condition must hold without a break; a value that is not good breaks it.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

use super::{
    PlantSet,
    component::{Latest, Now, Proposal, Proposals, RunningPhase, TagIndex, WaitSpec, evidence},
};
use crate::{
    batch::ConditionEvidence,
    clock::Timestamp,
    historian::{Sample, SampleValue},
    id::TagId,
    isa88::TagRef,
};

pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems(conditions.in_set(PlantSet::Procedure));
}

fn conditions(
    now: Res<Now>,
    index: Res<TagIndex>,
    tags: Query<&Latest>,
    mut running: Query<&mut RunningPhase>,
    mut proposals: ResMut<Proposals>,
) {
    for mut run in &mut running {
        let Some(wait) = run.spec.wait.clone() else { continue };
        if run.met {
            continue;
        }
        let sources: BTreeMap<TagRef, (TagId, &Latest)> = wait
            .condition
            .tags()
            .iter()
            .filter_map(|reference| {
                let tag = run.spec.tag(reference)?;
                let latest = tags.get(*index.0.get(&tag)?).ok()?;
                Some((reference.clone(), (tag, latest)))
            })
            .collect();
        run.met_since = follow(&wait, &sources, run.met_since, now.0);
        let long_enough = |since: Timestamp| now.0.since_ms(since) >= i64::from(wait.for_s).saturating_mul(1000);
        let (batch, phase) = (run.spec.batch.clone(), run.spec.phase.clone());
        if let Some(since) = run.met_since.filter(|since| long_enough(*since)) {
            run.met = true;
            let readings = sources.values().filter_map(|(_, latest)| latest.sample.as_ref()).map(evidence).collect();
            let evidence = ConditionEvidence { expression: wait.condition.text().to_owned(), since, readings };
            proposals.0.push(Proposal::Met { batch, phase, evidence });
            continue;
        }
        let due = run.spec.started_at.plus_s(i64::from(wait.max_s));
        if !run.overdue && now.0 > due {
            run.overdue = true;
            proposals.0.push(Proposal::Overdue { batch, phase, due });
        }
    }
}

/// Since when the condition has held, after the samples of this step: each is judged in its order of arrival.
fn follow(
    wait: &WaitSpec,
    sources: &BTreeMap<TagRef, (TagId, &Latest)>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut since = since;
    let mut known: BTreeMap<TagRef, Option<f64>> =
        sources.iter().map(|(reference, (_, latest))| (reference.clone(), before(latest))).collect();
    let mut arrivals: Vec<(Timestamp, u64, &TagRef, &Sample)> = sources
        .iter()
        .flat_map(|(reference, (_, latest))| {
            latest.fresh.iter().map(move |sample| (sample.receive_time, sample.seq, reference, sample))
        })
        .collect();
    arrivals.sort_by(|a, b| (a.0, a.2, a.1).cmp(&(b.0, b.2, b.1)));
    for (at, _, reference, sample) in arrivals {
        known.insert(reference.clone(), usable(sample));
        since = if holds(wait, &known) { since.or(Some(at)) } else { None };
    }
    // What has become stale without a sample counts too.
    for (reference, (_, latest)) in sources {
        known.insert(reference.clone(), latest.sample.as_ref().and_then(usable));
    }
    if holds(wait, &known) { since.or(Some(now)) } else { None }
}

/// The value before the samples of this step: unknown when there are any, so that nothing is taken for longer than it was seen.
fn before(latest: &Latest) -> Option<f64> {
    if latest.fresh.is_empty() { latest.sample.as_ref().and_then(usable) } else { None }
}

fn usable(sample: &Sample) -> Option<f64> {
    sample.quality.is_good().then_some(sample.value.as_ref()).flatten().and_then(SampleValue::to_f64)
}

fn holds(wait: &WaitSpec, known: &BTreeMap<TagRef, Option<f64>>) -> bool {
    matches!(wait.condition.evaluate_condition(known), Ok(Some(true)))
}
