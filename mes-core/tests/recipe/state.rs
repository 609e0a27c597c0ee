//! S88-01: the state table against a second copy of the standard's, written as it is printed.
//!
//! It does not use the table's own constants to know what is right, only to walk all pairs.

use std::collections::BTreeSet;

use mes_core::{
    isa88::{Command, State, StateRejection, auto, next},
    quantity::Language,
};

/// State, where it goes by itself, then where Start, Stop, Hold, Restart, Abort, Reset, Pause, Resume lead; `-` is blank.
const PRINTED: &str = "
Idle       -        Running -        -       -          -        -    -       -
Running    Complete -       Stopping Holding -          Aborting -    Pausing -
Complete   -        -       -        -       -          -        Idle -       -
Pausing    Paused   -       Stopping Holding -          Aborting -    -       -
Paused     -        -       Stopping Holding -          Aborting -    -       Running
Holding    Held     -       Stopping -       -          Aborting -    -       -
Held       -        -       Stopping -       Restarting Aborting -    -       -
Restarting Running  -       Stopping Holding -          Aborting -    -       -
Stopping   Stopped  -       -        -       -          Aborting -    -       -
Stopped    -        -       -        -       -          Aborting Idle -       -
Aborting   Aborted  -       -        -       -          -        -    -       -
Aborted    -        -       -        -       -          -        Idle -       -
";

const COMMANDS: [&str; 8] = ["Start", "Stop", "Hold", "Restart", "Abort", "Reset", "Pause", "Resume"];

fn state(name: &str) -> State {
    State::ALL.into_iter().find(|state| format!("{state:?}") == name).unwrap_or_else(|| panic!("no state {name}"))
}

fn command(name: &str) -> Command {
    Command::ALL.into_iter().find(|command| format!("{command:?}") == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn s88_01_all_96_pairs_agree_with_the_printed_table() {
    let mut pairs = 0;
    let mut rows = BTreeSet::new();
    for line in PRINTED.trim().lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells.len(), 10, "{line}");
        let from = state(cells[0]);
        match auto(from) {
            None => assert_eq!(cells[1], "-", "{from:?} goes nowhere by itself"),
            Some(transition) => {
                assert_eq!(transition.to, state(cells[1]));
                assert!(rows.insert(transition.row), "row {} twice", transition.row);
            }
        }
        for (name, cell) in COMMANDS.iter().zip(&cells[2..]) {
            pairs += 1;
            match next(from, command(name)) {
                Ok(transition) => {
                    assert_eq!(transition.to, state(cell), "{from:?} {name}");
                    assert!(rows.insert(transition.row), "row {} twice", transition.row);
                }
                Err(rejection) => {
                    assert_eq!(*cell, "-", "{from:?} {name} must lead to {cell}");
                    assert_eq!(rejection, StateRejection { state: from, command: command(name) });
                }
            }
        }
    }
    assert_eq!(pairs, 96);
    assert_eq!(rows, (1..=31).collect(), "rows are numbered without a gap");
}

#[test]
fn s88_01_the_row_numbers_are_those_of_the_documented_table() {
    let source = include_str!("../../src/isa88/state.rs");
    for line in source.lines().filter(|line| line.starts_with("//! | ")).skip(1) {
        let cells: Vec<&str> =
            line.trim_start_matches("//! |").trim_end_matches('|').split('|').map(str::trim).collect();
        let from = state(cells[0]);
        let written = |transition: Option<mes_core::isa88::Transition>| {
            transition.map_or(String::new(), |t| format!("{} {:?}", t.row, t.to))
        };
        assert_eq!(cells[1], written(auto(from)), "{from:?}");
        for (name, cell) in COMMANDS.iter().zip(&cells[2..]) {
            assert_eq!(*cell, written(next(from, command(name)).ok()), "{from:?} {name}");
        }
    }
}

#[test]
fn a_refusal_names_state_and_command_in_both_languages() {
    let refusal = next(State::Held, Command::Resume).unwrap_err();
    assert_eq!(refusal.sentence().ja, "状態「保留中」では「再開」を実行できません。");
    assert_eq!(refusal.to_string(), "Resume is not possible while Held.");
}

#[test]
fn one_word_per_state_and_command_in_each_language() {
    let words: Vec<_> = State::ALL.map(State::shown).into_iter().chain(Command::ALL.map(Command::shown)).collect();
    for language in [Language::Ja, Language::En] {
        let distinct: BTreeSet<&str> = words.iter().map(|word| word.get(language)).collect();
        assert_eq!(distinct.len(), 20);
    }
}
