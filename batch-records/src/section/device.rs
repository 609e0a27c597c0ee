//! What a device told during the batch, as row 19 shows it: its link, its sampling, its events, and how much was left out.

use mes_core::{
    batch::BatchEvent,
    engine::{LinkState, MessageKind, TagSampling, cause_words},
    quantity::Bilingual,
};

use crate::{
    document::{Cell, Mark},
    wording,
};

/// What it is, of which equipment, in detail, and how it is marked.
pub(super) type Told = ((&'static str, &'static str), Cell, Cell, Option<Mark>);

/// Nothing when the event is not a device's.
pub(super) fn told(event: &BatchEvent) -> Option<Told> {
    match event {
        BatchEvent::LinkChanged { equipment, state, cause, at, .. } => {
            let (said, why, at) = (wording::link(state), cause_words(cause), at.shown());
            let detail = Cell::both(format!("{}、{}、{at}", said.ja, why.ja), format!("{}, {}, {at}", said.en, why.en));
            let down = *state != LinkState::Online;
            Some((
                ("通信状態の変化", "Link changed"),
                Cell::text(equipment.as_str()),
                detail,
                down.then_some(Mark::Look),
            ))
        }
        BatchEvent::SamplingAgreed { equipment, tags, .. } => {
            let line = |one: &TagSampling| {
                let Bilingual { ja, en } = one.said();
                Cell::both(format!("{}: {ja}", one.tag), format!("{}: {en}", one.tag))
            };
            let otherwise = !tags.iter().all(TagSampling::is_as_asked);
            let lines = Cell::lines(tags.iter().map(line).collect());
            let what = ("サンプリング周期", "Sampling interval");
            Some((what, Cell::text(equipment.as_str()), lines, otherwise.then_some(Mark::Look)))
        }
        BatchEvent::DeviceEventReported { happened, again, .. } => {
            let what = if happened.is_alarm() {
                ("機器の警報", "Alarm of the device")
            } else {
                ("機器のイベント", "Event of the device")
            };
            let mark = happened.is_alarm().then_some(Mark::Look);
            Some((what, Cell::text(happened.equipment.as_str()), Cell::bilingual(happened.said(*again)), mark))
        }
        BatchEvent::MessagesLeftOut { equipment, left_out, .. } => {
            let mark = (left_out.kind == MessageKind::Alarms).then_some(Mark::Look);
            let what = ("通知の省略", "Messages left out");
            Some((what, Cell::text(equipment.as_str()), Cell::bilingual(left_out.said()), mark))
        }
        _ => None,
    }
}
