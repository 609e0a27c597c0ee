//! Procedure: conditions that phases wait for, and hold times (C211-12).
//!
//! A condition must hold without a break for as long as the recipe says, from sample to sample: a bad value, a gap longer than a tag's
//! staleness, or one sample that says otherwise begins it anew. Time alone never meets a condition. A timer that ran out while the
//! process was down is found by the first run after it; its due time is the one it had.

use bevy_ecs::prelude::*;

use crate::{
    batch::ConditionEvidence,
    clock::Timestamp,
    historian::Sample,
    isa88::TagRef,
    plant::{
        Finding, PlantSet, Proposal,
        component::{DutyKey, HoldRule, Inbox, Index, Moment, Point, Proposals, WaitRule, WaitSeen},
        proposal::evidence,
        reading::good_number,
    },
};

/// Registers the systems of this file.
pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems((conditions, hold_times).chain().in_set(PlantSet::Procedure));
}

fn conditions(
    moment: Res<Moment>,
    inbox: Res<Inbox>,
    index: Res<Index>,
    points: Query<&Point>,
    mut waits: Query<(&DutyKey, &WaitRule, &mut WaitSeen)>,
    mut proposals: ResMut<Proposals>,
) {
    for (key, rule, mut seen) in &mut waits {
        let gone = |sample: &Sample| {
            let point = index.points.get(&sample.tag).and_then(|entity| points.get(*entity).ok());
            moment.pace.after(sample.receive_time, point.map_or(0, |point| point.limits.stale_after_s))
        };
        let mut met = None;
        for sample in &inbox.judged {
            let inputs = rule.inputs.iter().filter(|(_, tag)| **tag == sample.tag);
            let inputs: Vec<&TagRef> = inputs.map(|(reference, _)| reference).collect();
            if inputs.is_empty() || met.is_some() {
                continue;
            }
            let at = sample.receive_time;
            // A tag that was not seen for too long breaks the hold, whichever tag speaks now.
            if seen.last.values().any(|last| at > gone(last)) {
                seen.held_since = None;
                seen.last.retain(|_, last| at <= gone(last));
            }
            for reference in inputs {
                seen.last.insert(reference.clone(), sample.clone());
            }
            met = follow(rule, &mut seen, at).map(|since| (since, at));
        }
        if seen.last.values().any(|last| moment.now > gone(last)) {
            seen.held_since = None;
        }
        propose(key, rule, &seen, met, moment.now, &mut proposals);
    }
}

/// Judges the condition after a sample; since when it has held, once that is long enough.
fn follow(rule: &WaitRule, seen: &mut WaitSeen, at: Timestamp) -> Option<Timestamp> {
    let values = seen.last.iter().map(|(reference, sample)| (reference.clone(), good_number(sample))).collect();
    let holds = rule.condition.as_ref().is_some_and(|c| matches!(c.evaluate_condition(&values), Ok(Some(true))));
    if !holds {
        seen.held_since = None;
        return None;
    }
    let since = *seen.held_since.get_or_insert(at);
    (at.since_ms(since) >= i64::from(rule.for_s).saturating_mul(1000)).then_some(since)
}

fn propose(
    key: &DutyKey,
    rule: &WaitRule,
    seen: &WaitSeen,
    met: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
    proposals: &mut Proposals,
) {
    let mut find = |finding| {
        let DutyKey { batch, phase, .. } = key.clone();
        proposals.make(Proposal { batch, phase, finding });
    };
    let in_time = met.is_some_and(|(_, at)| at <= rule.due);
    if !rule.overdue && now > rule.due && !in_time {
        find(Finding::Overdue { due: rule.due });
    }
    if let Some((since, _)) = met {
        let readings = seen.last.values().map(evidence).collect();
        find(Finding::Met { evidence: ConditionEvidence { expression: rule.text.clone(), since, readings } });
    }
}

fn hold_times(moment: Res<Moment>, timers: Query<(&DutyKey, &HoldRule)>, mut proposals: ResMut<Proposals>) {
    for (key, rule) in &timers {
        if moment.now > rule.due {
            let DutyKey { batch, phase, .. } = key.clone();
            proposals.make(Proposal { batch, phase, finding: Finding::HoldExceeded { due: rule.due } });
        }
    }
}
