//! Ingest and Quality: samples arrive at their tags, and are judged by range and age.
//!
//! The driver reports failures itself; the plant distrusts on top: a value outside its physical range is bad, and so is one that has
//! become older than its tag allows, whatever the driver says. Ages count in facility time at the present rate.

use bevy_ecs::prelude::*;

use super::{
    PlantSet,
    component::{Inbox, Latest, Now, Point, Rate, TagIndex},
};
use crate::{
    historian::{Cause, Grade, Quality, Sample},
    quantity::decimal_of,
    tenant::TagLimits,
};

pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems(ingest.in_set(PlantSet::Ingest));
    schedule.add_systems(age.in_set(PlantSet::Quality));
}

fn ingest(mut inbox: ResMut<Inbox>, index: Res<TagIndex>, mut tags: Query<(&Point, &mut Latest)>) {
    for (_, mut latest) in &mut tags {
        if !latest.fresh.is_empty() || latest.turned_stale {
            latest.fresh.clear();
            latest.turned_stale = false;
        }
    }
    for sample in inbox.0.drain(..) {
        let Some(entity) = index.0.get(&sample.tag) else { continue };
        let Ok((point, mut latest)) = tags.get_mut(*entity) else { continue };
        let judged = judge(sample, &point.limits);
        latest.sample = Some(judged.clone());
        latest.fresh.push(judged);
    }
}

/// A good value outside the tag's physical range is not good.
fn judge(mut sample: Sample, limits: &TagLimits) -> Sample {
    if sample.quality.is_good() {
        let number = sample.value.as_ref().and_then(crate::historian::SampleValue::to_f64);
        let inside = match number.map(decimal_of) {
            Some(Some(value)) => limits.range.contains(value),
            Some(None) => false,
            None => true,
        };
        if sample.value.is_none() {
            sample.quality = Quality::bad(Cause::NotYetRead);
        } else if !inside {
            sample.quality = Quality::bad(Cause::OutOfRange);
        }
    }
    sample
}

fn age(now: Res<Now>, rate: Res<Rate>, mut tags: Query<(&Point, &mut Latest)>) {
    for (point, mut latest) in &mut tags {
        let allowed_ms = i64::from(point.limits.stale_after_s).saturating_mul(1000).saturating_mul(i64::from(rate.0));
        let Some(sample) = &latest.sample else { continue };
        if sample.quality.grade == Grade::Bad || now.0.since_ms(sample.receive_time) <= allowed_ms {
            continue;
        }
        let mut stale = sample.clone();
        stale.quality = Quality::bad(Cause::Stale);
        latest.sample = Some(stale);
        latest.turned_stale = true;
    }
}
