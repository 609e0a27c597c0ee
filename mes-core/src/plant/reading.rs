//! Ingest and Quality: samples reach their tags and are judged. What happens when a device goes silent is decided here.
//!
//! The driver reports failures itself; the plant distrusts on top: a value that is none, not finite or outside its tag's physical
//! range is bad, and so is one that has become older than its tag allows, whatever the driver says; one from a unit whose calibration
//! ended is uncertain. Samples of a tag that the
//! facility does not have are not taken (P11-12); one that is older than the newest is history, and for the historian only.

use bevy_ecs::prelude::*;

use crate::{
    clock::Timestamp,
    historian::{Cause, Quality, Sample, SampleValue},
    id::TagId,
    plant::{
        PlantSet,
        component::{Inbox, Index, Moment, Newest, Point},
    },
    quantity::decimal_of,
};

/// Cause of a value that a unit gave after its calibration had ended: shown, but not used for a decision (P11-12).
pub const NOT_CALIBRATED: &str = "CalibrationExpired";

/// Registers the systems of this file.
pub(super) fn install(schedule: &mut Schedule) {
    schedule.add_systems((ingest.in_set(PlantSet::Ingest), age.in_set(PlantSet::Quality)));
}

fn ingest(mut inbox: ResMut<Inbox>, index: Res<Index>, mut points: Query<(&Point, &mut Newest)>) {
    let arrived = std::mem::take(&mut inbox.arrived);
    let mut judged = Vec::with_capacity(arrived.len());
    for sample in arrived {
        let Some((point, mut newest)) = index.points.get(&sample.tag).and_then(|e| points.get_mut(*e).ok()) else {
            continue;
        };
        if newest.0.as_ref().is_some_and(|known| sample.receive_time < known.receive_time) {
            continue;
        }
        let sample = judge(sample, point);
        newest.0 = Some(sample.clone());
        judged.push(sample);
    }
    inbox.judged = judged;
}

/// A sample with the quality that the plant gives it; never a better one than the driver's.
fn judge(mut sample: Sample, point: &Point) -> Sample {
    if sample.quality.is_good() {
        sample.quality = match &sample.value {
            None => Quality::bad(Cause::SensorFault),
            Some(value) => match (value.to_f64(), value.to_f64().and_then(decimal_of)) {
                (None, _) => Quality::GOOD,
                (Some(_), None) => Quality::bad(Cause::SensorFault),
                (Some(_), Some(number)) if point.limits.range.contains(number) => Quality::GOOD,
                (Some(_), Some(_)) => Quality::bad(Cause::OutOfRange),
            },
        };
    }
    if sample.quality.is_good() && sample.receive_time >= point.calibrated_until {
        sample.quality = Quality::uncertain(Cause::Device(NOT_CALIBRATED.to_owned()));
    }
    sample
}

fn age(moment: Res<Moment>, mut points: Query<(&Point, &mut Newest)>) {
    for (point, mut newest) in &mut points {
        let fresh = newest.0.as_ref().is_none_or(|sample| !sample.quality.is_good() || !gone(&moment, sample, point));
        if fresh {
            continue;
        }
        if let Some(sample) = &mut newest.0 {
            sample.quality = Quality::bad(Cause::Stale);
        }
    }
}

fn gone(moment: &Moment, sample: &Sample, point: &Point) -> bool {
    moment.now > moment.pace.after(sample.receive_time, point.limits.stale_after_s)
}

/// The number of a sample, if it is one and good.
pub(super) fn good_number(sample: &Sample) -> Option<f64> {
    sample.value.as_ref().filter(|_| sample.quality.is_good()).and_then(SampleValue::to_f64)
}

/// A sample that says that there is none yet.
pub(super) fn not_yet_read(tag: &TagId, at: Timestamp) -> Sample {
    Sample {
        tag: tag.clone(),
        value: None,
        quality: Quality::bad(Cause::NotYetRead),
        source_time: None,
        server_time: None,
        receive_time: at,
        seq: 0,
        overflow: false,
    }
}

/// A sample whose time has run out.
pub(super) fn stale(sample: &Sample) -> Sample {
    Sample { quality: Quality::bad(Cause::Stale), ..sample.clone() }
}
