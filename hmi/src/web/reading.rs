//! A live value as a page shows it: value, unit, quality in words, and how old it is. A value that is not good is never
//! shown as if it were: a dash stands in its place, and the last one seen beside it.

use askama::Template;
use mes_core::{
    clock::Timestamp,
    engine::View,
    historian::SampleValue,
    id::{EquipmentRole, TagId, TagName},
    quantity::{Range, decimal_of, round},
};

use super::{error::WebError, locale::Words, term};

/// A live value.
#[derive(Template, Clone, PartialEq, Eq)]
#[template(path = "live_value.html")]
pub(crate) struct LiveValue {
    pub(crate) w: Words,
    pub(crate) tag: String,
    pub(crate) title: String,
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) good: bool,
    pub(crate) outside: bool,
    pub(crate) cause: String,
    pub(crate) last: String,
    pub(crate) age_ms: Option<i64>,
    seq: u64,
}

impl LiveValue {
    /// Changes exactly when there is something new to show; the age runs on in the browser.
    pub(crate) fn key(&self) -> String {
        format!("{}|{}|{}|{}|{}", self.seq, self.value, self.good, self.outside, self.cause)
    }
    /// The element's content.
    pub(crate) fn html(&self) -> Result<String, WebError> {
        Ok(self.render()?)
    }
}

fn shown(value: &SampleValue, decimals: u32) -> String {
    match value {
        SampleValue::Real(real) => decimal_of(*real).map_or_else(|| "—".to_owned(), |d| round(d, decimals).to_string()),
        SampleValue::Integer(_) | SampleValue::Flag(_) | SampleValue::Text(_) => value.to_string(),
    }
}

/// The newest reading of a tag, with the range it should lie in, if any.
pub(crate) fn live(view: &View, tag: &TagId, range: Option<&Range>, now: Timestamp, w: Words) -> LiveValue {
    let settings = view.facility.tag(tag);
    let decimals = settings.map_or(2, |tag| tag.decimals);
    let sample = view.readings.get(tag).map(|reading| &reading.sample);
    let value = sample.and_then(|sample| sample.value.as_ref());
    let good = sample.is_some_and(|sample| sample.quality.is_good() && sample.value.is_some());
    let cause = match sample.map(|sample| &sample.quality.cause) {
        Some(Some(cause)) => w.t(term::cause(cause)),
        Some(None) if good => String::new(),
        Some(None) | None => w.t("cause-not-yet-read"),
    };
    let number = value.and_then(SampleValue::to_f64).and_then(decimal_of);
    let inside = range.zip(number).is_none_or(|(range, number)| range.contains(round(number, decimals)));
    let state = settings.zip(number).and_then(|(tag, number)| tag.state_of(round(number, decimals)));
    let shown = |value| state.map_or_else(|| shown(value, decimals), |state| w.b(state).to_owned());
    let text = value.map(shown).unwrap_or_default();
    let since = sample.map(|sample| now.since_ms(sample.receive_time).max(0) / i64::from(view.rate.max(1)));
    let last = match (good, sample) {
        (false, Some(sample)) if !text.is_empty() => {
            w.t2("last-seen", ("value", &text), ("time", &sample.receive_time.shown_time()))
        }
        _ => String::new(),
    };
    LiveValue {
        w,
        tag: tag.to_string(),
        title: settings.map_or_else(|| tag.name.to_string(), |tag| w.b(&tag.title).to_owned()),
        value: if good { text } else { "—".to_owned() },
        unit: settings.map(|tag| tag.unit.shown().to_owned()).unwrap_or_default(),
        good,
        outside: good && !inside,
        cause,
        last,
        age_ms: since,
        seq: sample.map_or(0, |sample| sample.seq),
    }
}

/// The tag of a role's equipment, as the batch was issued with it.
pub(crate) fn tag_of(batch: &mes_core::batch::Batch, role: &EquipmentRole, tag: &TagName) -> Option<TagId> {
    batch.issued.equipment.get(role).map(|equipment| TagId::new(equipment.id.clone(), tag.clone()))
}
