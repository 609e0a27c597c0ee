//! What is claimed of the three project formats: a text is read as it is meant, and any other text
//! is refused with its line, never with a panic.

use proptest::prelude::*;

use super::{ProjectTextError, read_psplib, read_rcp, read_sch};
use crate::project::{LagFrom, Project, ProjectLag, solve_project};
use crate::stop::{Params, Stop};

const RCP: &str = "4 2\n 3 2\n\n0 0 0 2 2 3\n4 2 1 1 4\n2 2 0 1 4\n0 0 0 0\n";

const SCH: &str = "2\t1\t0\t0
0\t1\t2\t1\t2\t[0]\t[3]
1\t1\t2\t3\t2\t[4]\t[-1]
2\t1\t2\t3\t1\t[2]\t[-6]
3\t1\t0
0\t1\t0\t0
1\t1\t4\t2
2\t1\t2\t1
3\t1\t0\t0
2
";

const MM: &str = "************
jobs (incl. supersource/sink ):  4
horizon                       :  12
RESOURCES
  - renewable                 :  1   R
  - nonrenewable              :  1   N
  - doubly constrained        :  0   D
************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        2          1           4
   3        1          1           4
   4        1          0
************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  N 1
------------------------------
  1      1     0       0    0
  2      1     3       2    5
         2     6       1    0
  3      1     4       1    1
  4      1     0       0    0
************
RESOURCEAVAILABILITIES:
  R 1  N 1
    2    4
************
";

fn shortest(project: &Project) -> Option<i64> {
    solve_project(project, &Params::default(), 1, Stop::after(2000)).objective
}

#[test]
fn a_patterson_text_is_read_as_it_is_meant() {
    let project = read_rcp(RCP).unwrap();
    let spec = project.spec();
    assert_eq!(spec.renewable, [3, 2]);
    assert_eq!(spec.activities.len(), 4);
    assert_eq!(spec.lags[2], ProjectLag { from: 1, to: 3, after: LagFrom::End, least: 0 });
    assert_eq!(shortest(&project), Some(6));
}

#[test]
fn a_progen_max_text_is_read_as_it_is_meant() {
    let project = read_sch(SCH).unwrap();
    let spec = project.spec();
    assert_eq!(spec.lags[3], ProjectLag { from: 1, to: 2, after: LagFrom::Start, least: -1 });
    assert_eq!((spec.activities[1].modes[0].duration, &spec.renewable[..]), (4, &[2][..]));
    assert_eq!(shortest(&project), Some(6));
}

#[test]
fn a_psplib_text_is_read_as_it_is_meant() {
    let project = read_psplib(MM).unwrap();
    let spec = project.spec();
    assert_eq!((&spec.renewable[..], &spec.non_renewable[..]), (&[2][..], &[4][..]));
    assert_eq!(spec.activities[1].modes[1].duration, 6);
    assert_eq!(spec.lags[3], ProjectLag { from: 2, to: 3, after: LagFrom::End, least: 0 });
    // The short mode would use up more than there is.
    assert_eq!(shortest(&project), Some(6));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let refused = |read: fn(&str) -> Result<Project, ProjectTextError>, text: &str, old: &str, new: &str| {
        assert!(text.contains(old));
        read(&text.replacen(old, new, 1)).unwrap_err().to_string()
    };
    let told = |text: String, line: usize, words: &str| {
        assert!(text.starts_with(&format!("line {line}: ")) && text.contains(words), "{text}");
    };
    told(refused(read_rcp, RCP, "0 0 0 2 2 3", "0 0 0 2 2 5"), 4, "a successor of activity 1 is 5");
    told(refused(read_rcp, RCP, "4 2\n", "4000000000 2\n"), 1, "the number of activities is 4000000000");
    told(refused(read_rcp, RCP, "4 2 1 1 4", "-4 2 1 1 4"), 5, "the duration of activity 2 is -4");
    told(refused(read_sch, SCH, "2\t1\t0\t0\n0", "1999999999\t1\t0\t0\n0"), 1, "lines follow");
    told(refused(read_sch, SCH, "[3]", "3]"), 2, "lags are not all in brackets");
    told(refused(read_sch, SCH, "1\t1\t2\t3", "1\t1\t3\t3"), 3, "3 successors are announced, 2 named");
    told(refused(read_sch, SCH, "1\t1\t4\t2", "1\t1\t9999999999\t2"), 10, "the duration of activity 1, mode 0");
    told(refused(read_psplib, MM, "  4\nhor", "  5\nhor"), 9, "5 jobs are announced, this table lists 4");
    told(refused(read_psplib, MM, "2        2          1", "2        3          1"), 22, "5 numbers for mode 3");
    told(refused(read_psplib, MM, ":  0   D", ":  1   D"), 7, "doubly constrained");
    told(refused(read_psplib, MM, "    2    4\n", "    2\n"), 27, "1 availabilities, but 2 resources");
    told(refused(read_psplib, MM, "6       1    0", "6       x    0"), 21, "\"x\" is not a number");
}

/// A text with some of its words, lines or characters changed.
fn spoilt() -> impl Strategy<Value = (usize, String)> {
    let words = proptest::sample::select(vec![
        "",
        "0",
        "-1",
        "1",
        "7",
        "99999999",
        "268435456",
        "4294967295",
        "9223372036854775807",
        "[",
        "]",
        "x",
        "-",
        "é",
    ]);
    let change = (0u8..3, any::<proptest::sample::Index>(), words);
    (0usize..3, proptest::collection::vec(change, 1..4)).prop_map(|(format, changes)| {
        let mut text = [RCP, SCH, MM][format].to_owned();
        for (kind, at, word) in changes {
            let separator = if kind == 0 { '\n' } else { ' ' };
            let lines = text.replace('\t', " ");
            let mut parts: Vec<&str> = lines.split(separator).collect();
            let row = at.index(parts.len());
            if kind == 1 {
                parts.remove(row);
            } else {
                parts[row] = word;
            }
            text = parts.join(&separator.to_string());
        }
        (format, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn spoilt_text_is_refused_or_is_a_project((format, text) in spoilt()) {
        let read = [read_rcp, read_sch, read_psplib][format];
        match read(&text) {
            Ok(project) => {
                let outcome = solve_project(&project, &Params::default(), 1, Stop::after(20));
                prop_assert!(outcome.steps <= 20);
            }
            Err(error) => prop_assert!(error.line <= text.lines().count().max(1), "{error}"),
        }
    }

    #[test]
    fn any_text_is_refused_or_is_a_project(text in "[-0-9\\[\\] \n\ta-z:*]{0,200}") {
        for read in [read_rcp, read_sch, read_psplib] {
            if let Err(error) = read(&text) {
                prop_assert!(error.line <= text.lines().count().max(1), "{error}");
            }
        }
    }
}
