//! What the drivers count, made into figures per device: the counters as they stand, and rates between two readings of them.
//!
//! Nothing here judges a figure, and nothing here reaches a record.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use equipment_drivers::Diagnostics;
use mes_core::{clock::Clock, id::EquipmentId};

/// Rates are over at least this long.
const WINDOW: Duration = Duration::from_secs(5);

/// The figures of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// What was counted since the link was started.
    pub seen: Diagnostics,
    /// Requests in a second, with one decimal.
    pub requests_per_s: String,
    /// Values in a second that the device sent by itself, with one decimal.
    pub notifications_per_s: String,
}

/// Figures by device.
pub type AllFigures = BTreeMap<EquipmentId, Figures>;

/// Keeps the last reading of the counters, so that rates can be told.
#[derive(Debug, Default)]
pub struct DeviceFigures(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    at: Instant,
    counters: BTreeMap<EquipmentId, Diagnostics>,
    figures: Arc<AllFigures>,
}

impl DeviceFigures {
    /// The figures now. Counters are as they stand; rates are made anew once the window has passed.
    pub fn read(&self, now: Instant, counters: BTreeMap<EquipmentId, Diagnostics>) -> Arc<AllFigures> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = kept.as_ref().is_none_or(|kept| now.duration_since(kept.at) >= WINDOW);
        let figures = counters.iter().map(|(equipment, seen)| {
            let before = kept.as_ref().and_then(|kept| Some((kept.at, kept.counters.get(equipment)?)));
            let rate = |count: fn(&Diagnostics) -> u64| {
                before.map(|(at, before)| per_s(count(seen).saturating_sub(count(before)), now.duration_since(at)))
            };
            let old = kept.as_ref().and_then(|kept| kept.figures.get(equipment));
            let or_old = |new: Option<String>, old: Option<&String>| {
                if over {
                    new.unwrap_or_else(|| "–".to_owned())
                } else {
                    old.cloned().unwrap_or_else(|| "–".to_owned())
                }
            };
            let figures = Figures {
                requests_per_s: or_old(rate(|seen| seen.requests), old.map(|old| &old.requests_per_s)),
                notifications_per_s: or_old(rate(|seen| seen.notifications), old.map(|old| &old.notifications_per_s)),
                seen: seen.clone(),
            };
            (equipment.clone(), figures)
        });
        let figures: Arc<AllFigures> = Arc::new(figures.collect());
        if over {
            *kept = Some(Kept { at: now, counters, figures: Arc::clone(&figures) });
        }
        figures
    }
    /// As [`DeviceFigures::read`], now.
    pub fn now(&self, counters: BTreeMap<EquipmentId, Diagnostics>) -> Arc<AllFigures> {
        self.read(Clock::wall(), counters)
    }
}

/// A count over a time as a rate with one decimal.
fn per_s(count: u64, over: Duration) -> String {
    let ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX).max(1);
    let tenths = count.saturating_mul(10_000) / ms;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_between_two_readings_and_counters_at_once() {
        let figures = DeviceFigures::default();
        let id: EquipmentId = "INC-01".parse().unwrap();
        let counted = |requests, notifications| {
            BTreeMap::from([(id.clone(), Diagnostics { requests, notifications, ..Diagnostics::default() })])
        };
        let start = Clock::wall();
        let first = figures.read(start, counted(100, 0));
        assert_eq!((first[&id].requests_per_s.as_str(), first[&id].seen.requests), ("–", 100));
        let soon = figures.read(start + Duration::from_secs(1), counted(104, 9));
        assert_eq!((soon[&id].requests_per_s.as_str(), soon[&id].seen.requests), ("–", 104));
        let later = figures.read(start + Duration::from_secs(10), counted(125, 1000));
        assert_eq!((later[&id].requests_per_s.as_str(), later[&id].notifications_per_s.as_str()), ("2.5", "100.0"));
        // A device that was started anew counts from nothing, and its rate is not told below zero.
        let anew = figures.read(start + Duration::from_secs(20), counted(0, 0));
        assert_eq!(anew[&id].requests_per_s, "0.0");
    }
}
