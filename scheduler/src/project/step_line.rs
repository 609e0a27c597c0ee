//! A quantity over time that changes in steps, zero before and after. Two neighbouring steps always
//! differ, so that equal quantities have equal forms.
#![expect(clippy::indexing_slicing, reason = "rows come from partition_point over the same vector")]

/// How many units are in use at each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepLine {
    at: Vec<i32>,
    units: Vec<i64>,
}

impl StepLine {
    pub(super) fn new() -> Self {
        Self { at: vec![i32::MIN], units: vec![0] }
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    fn row(&self, time: i32) -> usize {
        self.at.partition_point(|at| *at <= time) - 1
    }

    /// The units in use at a time.
    pub(super) fn units_at(&self, time: i32) -> i64 {
        self.units[self.row(time)]
    }

    /// Adds units, possibly a negative number, from one time up to another.
    pub(super) fn add(&mut self, from: i32, to: i32, units: i64) {
        if from >= to || units == 0 {
            return;
        }
        let first = self.split(from);
        let last = self.split(to);
        for row in first..last {
            self.units[row] += units;
        }
        self.merge(last);
        self.merge(first);
    }

    fn split(&mut self, time: i32) -> usize {
        let row = self.row(time);
        if self.at[row] == time {
            return row;
        }
        self.at.insert(row + 1, time);
        self.units.insert(row + 1, self.units[row]);
        row + 1
    }

    fn merge(&mut self, row: usize) {
        if row > 0 && self.units[row - 1] == self.units[row] {
            self.at.remove(row);
            self.units.remove(row);
        }
    }

    /// The first step within a window where more than so many units are in use, cut to the window.
    pub(super) fn first_above(&self, from: i32, to: i32, units: i64) -> Option<(i32, i32)> {
        if from >= to {
            return None;
        }
        let mut row = self.row(from);
        while row < self.at.len() && self.at[row] < to {
            if self.units[row] > units {
                let end = self.at.get(row + 1).copied().unwrap_or(i32::MAX);
                return Some((self.at[row].max(from), end.min(to)));
            }
            row += 1;
        }
        None
    }

    /// The last such step.
    pub(super) fn last_above(&self, from: i32, to: i32, units: i64) -> Option<(i32, i32)> {
        if from >= to {
            return None;
        }
        let mut row = self.row(to - 1);
        loop {
            if self.units[row] > units {
                let end = self.at.get(row + 1).copied().unwrap_or(i32::MAX);
                return Some((self.at[row].max(from), end.min(to)));
            }
            if row == 0 || self.at[row] <= from {
                return None;
            }
            row -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_step_line_agrees_with_counting_time_by_time(
            adds in proptest::collection::vec((0i32..40, 1i32..12, 1i64..4, any::<bool>()), 0..16),
            from in 0i32..50, length in 0i32..20, limit in 0i64..6,
        ) {
            let mut line = StepLine::new();
            let mut times = [0i64; 60];
            for (start, length, units, and_back) in adds {
                line.add(start, start + length, units);
                if and_back {
                    line.add(start, start + length, -units);
                } else {
                    times.iter_mut().skip(start as usize).take(length as usize).for_each(|time| *time += units);
                }
            }
            let to = from + length;
            let above = |time: &i32| times.get(*time as usize).is_some_and(|units| *units > limit);
            prop_assert_eq!(line.first_above(from, to, limit).map(|step| step.0), (from..to).find(above));
            prop_assert_eq!(line.last_above(from, to, limit).map(|step| step.1 - 1), (from..to).rev().find(above));
            for (time, units) in times.iter().enumerate() {
                prop_assert_eq!(line.units_at(time as i32), *units);
            }
            let changes = times.windows(2).filter(|pair| pair[0] != pair[1]).count();
            prop_assert_eq!(line.len(), changes + usize::from(times[0] != 0) + usize::from(times[59] != 0) + 1);
        }
    }
}
