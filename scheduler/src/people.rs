//! From people with qualifications to labour pools that count each of them once.
//!
//! One pool per qualification says how many have it. A union for every set of qualifications that
//! people link says how many have at least one of the set. By Hall's theorem, when no pool and no
//! union is overused in a slot, everybody asked for in it can be named, each person once. Who it
//! is, and whether the same person stays to the end of an activity, is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use crate::spec::{Capacity, CapacityStep, MINUTES_PER_WEEK, Pool, PoolKind, Reduction, Slot, UnionSpec, Window};

/// Most qualifications that people may link: each set of linked ones becomes a pool.
const LINKED_MAX: usize = 10;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonSpec {
    /// Qualifications: ids of pools.
    pub qualifications: Vec<String>,
    /// When in the week the person is there, in minutes since Monday 00:00; cut to whole slots.
    pub shifts: Vec<(u32, u32)>,
    /// When the person is away (leave, training that has run out), in slots from slot 0.
    pub away: Vec<Window>,
}

/// People that cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Too many qualifications are linked by people who have several.
    #[error("{count} qualifications are linked by people who have several; at most {LINKED_MAX} can be counted")]
    Linked {
        /// How many.
        count: usize,
    },
    /// A slot that does not divide a week.
    #[error("a slot of {minutes} minutes does not divide a week; choose one that does, such as 5 or 60")]
    SlotLength {
        /// The slot, in minutes.
        minutes: u32,
    },
}

/// When one person is there in a week, and away, in slots.
struct There<'s> {
    has: BTreeSet<&'s str>,
    week: Vec<Window>,
    away: Vec<Window>,
}

/// The pools and unions of a problem for these people. `week_phase` is the problem's own.
///
/// # Errors
/// When a slot does not divide a week, or people link too many qualifications.
pub fn pools_of_people(
    slot_minutes: u32,
    week_phase: Slot,
    people: &[PersonSpec],
) -> Result<(Vec<Pool>, Vec<UnionSpec>), PeopleError> {
    if slot_minutes == 0 || !MINUTES_PER_WEEK.is_multiple_of(slot_minutes) {
        return Err(PeopleError::SlotLength { minutes: slot_minutes });
    }
    let week = Slot::from(MINUTES_PER_WEEK / slot_minutes);
    let people: Vec<There> = people.iter().map(|person| there(person, slot_minutes, week, week_phase)).collect();
    let all: BTreeSet<&str> = people.iter().flat_map(|person| person.has.iter().copied()).collect();
    let single = |id: &&str| pool((*id).to_owned(), week, &people, &BTreeSet::from([*id]));
    let mut pools: Vec<Pool> = all.iter().map(single).collect();
    let mut unions = Vec::new();
    for group in linked(&people, &all) {
        if group.len() > LINKED_MAX {
            return Err(PeopleError::Linked { count: group.len() });
        }
        let group: Vec<&str> = group.into_iter().collect();
        for mask in 0u32..1 << group.len() {
            let chosen = group.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
            let set: BTreeSet<&str> = chosen.map(|(_, id)| *id).collect();
            // A set that falls apart needs no pool of its own: its parts say all.
            if set.len() < 2 || linked(&people, &set).len() > 1 {
                continue;
            }
            let id = set.iter().copied().collect::<Vec<_>>().join(" or ");
            pools.push(pool(id.clone(), week, &people, &set));
            unions.push(UnionSpec { pool: id, of: set.into_iter().map(str::to_owned).collect() });
        }
    }
    Ok((pools, unions))
}

/// The qualifications of a set in groups that nobody links with each other.
fn linked<'s>(people: &[There<'s>], set: &BTreeSet<&'s str>) -> Vec<BTreeSet<&'s str>> {
    let mut groups: Vec<BTreeSet<&str>> = set.iter().map(|id| BTreeSet::from([*id])).collect();
    for person in people {
        let (one, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| !group.is_disjoint(&person.has));
        groups = others;
        groups.extend((!one.is_empty()).then(|| one.into_iter().flatten().collect::<BTreeSet<_>>()));
    }
    groups.sort();
    groups
}

fn there<'s>(person: &'s PersonSpec, slot_minutes: u32, week: Slot, week_phase: Slot) -> There<'s> {
    let slots = |(start, end): &(u32, u32)| {
        let (start, end) = (start.div_ceil(slot_minutes), end / slot_minutes);
        Window::new(Slot::from(start).min(week), Slot::from(end).min(week))
    };
    let on = merged(person.shifts.iter().map(slots));
    let mut away = Vec::new();
    for gone in merged(person.away.iter().copied()) {
        // Only what falls into a shift is missing.
        let first = (gone.start + week_phase).div_euclid(week);
        let last = (gone.end + week_phase).div_euclid(week);
        for begin in (first..=last).map(|row| row * week - week_phase) {
            let shifts = on.iter().map(|shift| Window::new(begin + shift.start, begin + shift.end));
            let cut = shifts.map(|it| Window::new(it.start.max(gone.start), it.end.min(gone.end)));
            away.extend(cut.filter(|it| it.start < it.end));
        }
    }
    There { has: person.qualifications.iter().map(String::as_str).collect(), week: on, away }
}

/// Windows in order, those that overlap or touch made one, empty ones left out.
fn merged(windows: impl Iterator<Item = Window>) -> Vec<Window> {
    let mut sorted: Vec<Window> = windows.filter(|window| window.start < window.end).collect();
    sorted.sort_unstable();
    let mut merged: Vec<Window> = Vec::new();
    for window in sorted {
        match merged.last_mut() {
            Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
            Some(_) | None => merged.push(window),
        }
    }
    merged
}

/// Everybody with at least one qualification of a set.
fn pool(id: String, week: Slot, people: &[There], set: &BTreeSet<&str>) -> Pool {
    let counted = || people.iter().filter(|person| !person.has.is_disjoint(set));
    let mut changes: BTreeMap<Slot, i64> = BTreeMap::new();
    for shift in counted().flat_map(|person| &person.week) {
        *changes.entry(shift.start).or_default() += 1;
        *changes.entry(shift.end).or_default() -= 1;
    }
    let steps = changes.into_iter().scan(0i64, |there, (from, change)| {
        *there += change;
        Some(CapacityStep { from, units: u32::try_from(*there).unwrap_or(0) })
    });
    let steps = steps.filter(|step| step.from < week).collect();
    let away = counted().flat_map(|person| &person.away);
    Pool {
        id,
        kind: PoolKind::Labour,
        capacity: Capacity::WeeklySteps { steps },
        reductions: away.map(|window| Reduction { window: *window, units: 1 }).collect(),
    }
}
