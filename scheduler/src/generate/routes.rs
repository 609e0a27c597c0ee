//! How the batches of a generated facility are made: CAR-T cells, mesenchymal stromal cells and
//! progenitors from pluripotent cells, each as a chain of activities, and the work on suites.
//!
//! Hours, days and people follow published processes in order of magnitude; they are no advice.

use crate::spec::{ActivitySpec, DemandSpec, EquipmentHoldSpec, Grade, RouteSpec, Slot, SuiteHoldSpec};

/// Slots of 5 minutes.
pub(crate) const SLOT_MINUTES: u32 = 5;
/// Slots in an hour.
pub(crate) const HOUR: Slot = 12;
/// Slots in a day.
pub(crate) const DAY: Slot = 24 * HOUR;

/// Class of suites in which viral vectors are handled.
pub(crate) const VECTOR: &str = "viral-vector";
/// Class of suites in which cells are cultured.
pub(crate) const CULTURE: &str = "cell-culture";

/// The next activity: so many minutes, people by pool, and between `least` and `most` slots after
/// the activity before.
fn activity(name: &str, minutes: Slot, people: &[(&str, u32)], least: Slot, most: Slot) -> ActivitySpec {
    ActivitySpec {
        name: name.to_owned(),
        duration: (minutes / Slot::from(SLOT_MINUTES)).max(1),
        demands: people.iter().map(|(pool, units)| DemandSpec { pool: (*pool).to_owned(), units: *units }).collect(),
        min_lag: least,
        max_lag: Some(most),
    }
}

fn suite(classes: &[&str], grade: Grade, first: usize, last: usize, shared: bool) -> SuiteHoldSpec {
    let classes = classes.iter().map(|class| (*class).to_owned()).collect();
    SuiteHoldSpec { classes, grade_min: Some(grade), first, last, shared, ..SuiteHoldSpec::default() }
}

fn equipment(pool: &str, first: usize, last: usize) -> EquipmentHoldSpec {
    EquipmentHoldSpec { pools: vec![pool.to_owned()], units: 1, first, last }
}

fn route(name: &str, activities: Vec<ActivitySpec>) -> RouteSpec {
    RouteSpec { name: name.to_owned(), activities, ..RouteSpec::default() }
}

/// Autologous CAR-T cells in a closed processor, about 13 days in a place of a vector suite.
pub(crate) fn car_t(expansion: Slot) -> RouteSpec {
    let mut made = route(
        "closed processor",
        vec![
            activity("receive, set up, select, activate", 360, &[("aseptic", 2)], 0, 0),
            activity("transduce", 90, &[("vector", 2)], 14 * HOUR, 30 * HOUR),
            activity("wash vector out", 45, &[("vector", 1)], 36 * HOUR, 60 * HOUR),
            activity("count and feed", 30, &[("aseptic", 1)], 24 * HOUR, 60 * HOUR),
            activity("count and feed again", 30, &[("aseptic", 1)], 48 * HOUR, 84 * HOUR),
            activity("harvest, wash, formulate, fill", 240, &[("aseptic", 2)], expansion, expansion + 2 * DAY),
            activity("freeze", 75, &[("aseptic", 1)], 0, HOUR / 2),
            activity("clean down", 75, &[("vector", 2)], 0, 12 * HOUR),
            activity("release tests", 240, &[("quality", 2)], 5 * DAY, 12 * DAY),
        ],
    );
    made.suite_holds = vec![suite(&[VECTOR], Grade::C, 0, 7, true)];
    made.equipment_holds = vec![equipment("processor", 0, 5), equipment("freezer", 6, 6)];
    made
}

/// Mesenchymal stromal cells in a closed bioreactor, about 26 days in a place of a culture suite.
pub(crate) fn stromal_closed(passage: Slot) -> RouteSpec {
    let mut made = route(
        "closed bioreactor",
        vec![
            activity("thaw and seed", 180, &[("aseptic", 2)], 0, 0),
            activity("change medium", 45, &[("aseptic", 1)], 60 * HOUR, 96 * HOUR),
            activity("passage", 150, &[("aseptic", 2)], passage, passage + 2 * DAY),
            activity("change medium again", 60, &[("aseptic", 1)], 60 * HOUR, 96 * HOUR),
            activity("passage again", 180, &[("aseptic", 2)], passage, passage + 2 * DAY),
            activity("sample", 30, &[("aseptic", 1)], 72 * HOUR, 120 * HOUR),
            activity("harvest, formulate, fill", 360, &[("aseptic", 2)], 24 * HOUR, 72 * HOUR),
            activity("freeze", 75, &[("aseptic", 1)], 0, HOUR / 2),
            activity("clean down", 60, &[("aseptic", 2)], 0, 12 * HOUR),
            activity("release tests", 360, &[("quality", 2)], 7 * DAY, 18 * DAY),
        ],
    );
    made.suite_holds = vec![suite(&[CULTURE], Grade::C, 0, 8, true)];
    made.equipment_holds = vec![equipment("bioreactor", 0, 6), equipment("freezer", 7, 7)];
    made
}

/// The same cells by hand: the flasks leave the suite for a closed incubator and come back to it
/// for each open step.
pub(crate) fn stromal_open(passage: Slot) -> RouteSpec {
    let mut made = route(
        "open by hand",
        vec![
            activity("thaw and seed", 240, &[("aseptic", 2)], 0, 0),
            activity("passage", 240, &[("aseptic", 3)], passage, passage + 3 * DAY),
            activity("passage again", 300, &[("aseptic", 3)], passage, passage + 3 * DAY),
            activity("harvest, formulate, fill", 480, &[("aseptic", 3)], passage, passage + 3 * DAY),
            activity("freeze", 75, &[("aseptic", 1)], 0, HOUR / 2),
            activity("release tests", 360, &[("quality", 2)], 7 * DAY, 18 * DAY),
        ],
    );
    made.cost = 400;
    let open = |row: usize, last| SuiteHoldSpec {
        same_suite_as: (row > 0).then_some(0),
        ..suite(&[CULTURE], Grade::B, row, last, false)
    };
    made.suite_holds = (0..4).map(|row| open(row, row)).collect();
    made.equipment_holds = vec![equipment("incubator", 0, 3), equipment("freezer", 4, 4)];
    made
}

/// Progenitors from pluripotent cells, about 44 days in a place of a culture suite; the sort is
/// done on the one kind of sorter.
pub(crate) fn progenitors(expansion: Slot) -> RouteSpec {
    let mut made = route(
        "closed spheres",
        vec![
            activity("thaw and seed", 120, &[("aseptic", 2)], 0, 0),
            activity("passage", 90, &[("aseptic", 2)], expansion, expansion + 36 * HOUR),
            activity("seed for induction", 150, &[("aseptic", 2)], expansion, expansion + 36 * HOUR),
            activity("pattern", 45, &[("aseptic", 1)], 4 * DAY, 6 * DAY),
            activity("dissociate, sort, aggregate", 420, &[("aseptic", 2)], 5 * DAY, 8 * DAY),
            activity("feed", 60, &[("aseptic", 1)], 3 * DAY, 6 * DAY),
            activity("feed again", 60, &[("aseptic", 1)], 4 * DAY, 7 * DAY),
            activity("test before release", 240, &[("quality", 2)], 4 * DAY, 7 * DAY),
            activity("collect, wash, fill", 150, &[("aseptic", 2)], 2 * DAY, 4 * DAY),
            activity("clean down", 60, &[("aseptic", 2)], 0, 12 * HOUR),
        ],
    );
    made.suite_holds = vec![suite(&[CULTURE], Grade::C, 0, 9, true)];
    made.equipment_holds = vec![equipment("incubator", 0, 8), equipment("sorter", 4, 4)];
    made
}

/// Work on one suite: so many days, by engineers at its start and by quality at its end.
pub(crate) fn work(at: &str, days: Slot) -> RouteSpec {
    let mut made = route(
        "work",
        vec![
            activity("prepare and build", 480, &[("engineer", 2)], 0, 0),
            activity("test and sign off", 480, &[("engineer", 1), ("quality", 1)], (days - 1) * DAY, (days + 2) * DAY),
        ],
    );
    let hold = SuiteHoldSpec { suites: vec![at.to_owned()], first: 0, last: 1, ..SuiteHoldSpec::default() };
    made.suite_holds = vec![hold];
    made
}
