//! A slot as a planner says it: day, weekday and time of day, counted from the problem's origin.
//!
//! It knows no calendar dates: which date the origin has is for whoever asks.

use crate::problem::Problem;
use crate::spec::{Slot, Window};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY_MIN: i64 = 24 * 60;

/// `day 12 (Sat) 08:00`: days count from 1.
pub(crate) fn moment(problem: &Problem, slot: Slot) -> String {
    let (day, weekday, time) = parts(problem, slot);
    format!("day {day} ({weekday}) {time}")
}

/// `day 12 (Sat) 08:00–18:00`, or with the day of the end when that is another.
pub(crate) fn window(problem: &Problem, window: Window) -> String {
    let (start, end) = (parts(problem, window.start), parts(problem, window.end));
    match start.0 == end.0 {
        true => format!("{}–{}", moment(problem, window.start), end.2),
        false => format!("{} – {}", moment(problem, window.start), moment(problem, window.end)),
    }
}

fn parts(problem: &Problem, slot: Slot) -> (i64, &'static str, String) {
    let length = i64::from(problem.slot_minutes);
    // The days a planner counts begin at midnight, wherever in the day slot 0 lies.
    let phase = problem.week_phase.saturating_mul(length);
    let minutes = slot.saturating_mul(length).saturating_add(phase);
    let days = minutes.div_euclid(DAY_MIN);
    let weekday = usize::try_from(days.rem_euclid(7)).ok().and_then(|row| WEEKDAYS.get(row)).copied();
    let in_day = minutes.rem_euclid(DAY_MIN);
    let day = days - phase.div_euclid(DAY_MIN) + 1;
    (day, weekday.unwrap_or("?"), format!("{:02}:{:02}", in_day / 60, in_day % 60))
}

/// A length of time in hours and minutes: `6 h`, `1 h 05 min`.
pub(crate) fn length(problem: &Problem, slots: Slot) -> String {
    let minutes = slots.saturating_mul(i64::from(problem.slot_minutes));
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{hours} h"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ProblemSpec;

    #[test]
    fn a_slot_is_said_with_its_weekday_and_time_of_day() {
        let spec = ProblemSpec { slot_minutes: 5, horizon: 9_000, week_phase: 12 * 30, ..ProblemSpec::default() };
        let problem = Problem::new(&spec).unwrap();
        // The origin is Tuesday 06:00.
        assert_eq!(moment(&problem, 0), "day 1 (Tue) 06:00");
        assert_eq!(moment(&problem, 12 * 18 + 1), "day 2 (Wed) 00:05");
        assert_eq!(window(&problem, Window::new(12, 24)), "day 1 (Tue) 07:00–08:00");
        assert_eq!(window(&problem, Window::new(12, 12 * 20)), "day 1 (Tue) 07:00 – day 2 (Wed) 02:00");
        assert_eq!([length(&problem, 12), length(&problem, 13), length(&problem, 2)], ["1 h", "1 h 05 min", "10 min"]);
    }
}
