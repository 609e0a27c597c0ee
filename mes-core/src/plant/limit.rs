//! Alarm: the limits that running phases watch (S88-05).
//!
//! Every sample is judged in the order of arrival, by its own time, so that facility time may jump between two of them. Outside, bad
//! and missing count alike: a limit that cannot be seen is not kept. How long it was so is measured from sample to sample; only a
//! tag that has gone silent is measured against the present.

use bevy_ecs::prelude::*;

use crate::{
    clock::Timestamp,
    historian::Sample,
    plant::{
        Finding, PlantSet, Proposal,
        component::{DutyKey, Inbox, Index, Moment, Point, Proposals, WatchRule, WatchSeen},
        proposal::evidence,
        reading::{good_number, not_yet_read, stale},
    },
    quantity::decimal_of,
};

/// Registers the systems of this file.
pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems(watch.in_set(PlantSet::Alarm));
}

fn watch(
    moment: Res<Moment>,
    inbox: Res<Inbox>,
    index: Res<Index>,
    points: Query<&Point>,
    mut watches: Query<(&DutyKey, &WatchRule, &mut WatchSeen)>,
    mut proposals: ResMut<Proposals>,
) {
    for (key, rule, mut seen) in &mut watches {
        let point = index.points.get(&rule.tag).and_then(|entity| points.get(*entity).ok());
        let stale_after_s = point.map_or(0, |point| point.limits.stale_after_s);
        let mut judge = Judge { key, rule, stale_after_s, violated: rule.violated, moment: &moment, found: Vec::new() };
        for sample in inbox.judged.iter().filter(|sample| sample.tag == rule.tag) {
            judge.arrives(&mut seen, sample);
        }
        judge.silent(&mut seen);
        judge.found.into_iter().for_each(|proposal| proposals.make(proposal));
    }
}

struct Judge<'a> {
    key: &'a DutyKey,
    rule: &'a WatchRule,
    stale_after_s: u32,
    violated: bool,
    moment: &'a Moment,
    found: Vec<Proposal>,
}

impl Judge<'_> {
    fn arrives(&mut self, seen: &mut WatchSeen, sample: &Sample) {
        let at = sample.receive_time;
        self.silent_until(seen, at);
        let number = good_number(sample).and_then(decimal_of);
        if number.is_some_and(|value| self.rule.range.contains(value)) {
            seen.outside_since = None;
            if std::mem::take(&mut self.violated) {
                self.find(Finding::Returned { item: self.rule.item.clone(), evidence: evidence(sample) });
            }
        } else {
            let since = *seen.outside_since.get_or_insert(at);
            self.violates(since, at, sample);
        }
        seen.last = Some(sample.clone());
    }

    /// Nothing came any more: measured against the present.
    fn silent(&mut self, seen: &mut WatchSeen) {
        self.silent_until(seen, self.moment.now);
    }

    fn silent_until(&mut self, seen: &mut WatchSeen, at: Timestamp) {
        let gone = self.gone(seen);
        if at > gone {
            let since = seen.outside_since.map_or(gone, |since| since.min(gone));
            seen.outside_since = Some(since);
            let known = seen.last.as_ref().map_or_else(|| not_yet_read(&self.rule.tag, at), stale);
            self.violates(since, at, &known);
        }
    }

    /// When the last sample, or the beginning of the watch, is too old to speak for the tag.
    fn gone(&self, seen: &WatchSeen) -> Timestamp {
        let begun = self.moment.observing_since.map_or(self.rule.started_at, |since| since.max(self.rule.started_at));
        let last = seen.last.as_ref().map_or(begun, |sample| sample.receive_time.max(begun));
        self.moment.pace.after(last, self.stale_after_s)
    }

    fn violates(&mut self, since: Timestamp, at: Timestamp, reading: &Sample) {
        let long_enough = at.since_ms(since) >= i64::from(self.rule.for_s).saturating_mul(1000);
        if long_enough && !self.violated {
            self.violated = true;
            self.find(Finding::Violated { item: self.rule.item.clone(), since, evidence: evidence(reading) });
        }
    }

    fn find(&mut self, finding: Finding) {
        let DutyKey { batch, phase, .. } = self.key.clone();
        self.found.push(Proposal { batch, phase, finding });
    }
}
