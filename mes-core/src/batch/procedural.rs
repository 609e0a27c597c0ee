//! The three ISA-88 commands that a batch gives so far, until the whole table stands in `isa88`.

use crate::{
    access::Rejection,
    isa88::{Command, State},
};

pub(super) struct Step {
    pub(super) to: State,
    pub(super) row: u8,
}

pub(super) fn next(state: State, command: Command) -> Result<Step, Rejection> {
    match (state, command) {
        (State::Idle, Command::Start) => Ok(Step { to: State::Running, row: 1 }),
        (State::Running, Command::Hold) => Ok(Step { to: State::Holding, row: 2 }),
        (State::Held, Command::Restart) => Ok(Step { to: State::Restarting, row: 3 }),
        _ => Err(Rejection::new("S88-01", "この状態ではできない操作です。", "Not possible in this state.")),
    }
}

pub(super) fn automatic(state: State) -> Option<Step> {
    match state {
        State::Running => Some(Step { to: State::Complete, row: 4 }),
        State::Holding => Some(Step { to: State::Held, row: 5 }),
        State::Restarting => Some(Step { to: State::Running, row: 6 }),
        _ => None,
    }
}
