//! The procedural states and commands of ISA-88 (IEC 61512-1, 6.5; REQUIREMENTS 5.1).
//!
//! The table of transitions stands here and nowhere else, one to one with the standard's. A command that the standard
//! ignores is refused, never dropped. What makes a state change happen by itself (`auto`) is the caller's knowledge.
//!
//! | state | auto → | Start | Stop | Hold | Restart | Abort | Reset | Pause | Resume |
//! |---|---|---|---|---|---|---|---|---|---|
//! | Idle | | 1 Running | | | | | | | |
//! | Running | 2 Complete | | 3 Stopping | 4 Holding | | 5 Aborting | | 6 Pausing | |
//! | Complete | | | | | | | 7 Idle | | |
//! | Pausing | 8 Paused | | 9 Stopping | 10 Holding | | 11 Aborting | | | |
//! | Paused | | | 12 Stopping | 13 Holding | | 14 Aborting | | | 15 Running |
//! | Holding | 16 Held | | 17 Stopping | | | 18 Aborting | | | |
//! | Held | | | 19 Stopping | | 20 Restarting | 21 Aborting | | | |
//! | Restarting | 22 Running | | 23 Stopping | 24 Holding | | 25 Aborting | | | |
//! | Stopping | 26 Stopped | | | | | 27 Aborting | | | |
//! | Stopped | | | | | | 28 Aborting | 29 Idle | | |
//! | Aborting | 30 Aborted | | | | | | | | |
//! | Aborted | | | | | | | 31 Idle | | |

use serde::{Deserialize, Serialize};

use crate::quantity::Bilingual;

/// Procedural state of a batch or a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Idle 待機.
    Idle,
    /// Running 運転中.
    Running,
    /// Complete 完了.
    Complete,
    /// Pausing 一時停止移行中.
    Pausing,
    /// Paused 一時停止.
    Paused,
    /// Holding 保留移行中.
    Holding,
    /// Held 保留.
    Held,
    /// Restarting 再始動中.
    Restarting,
    /// Stopping 停止移行中.
    Stopping,
    /// Stopped 停止.
    Stopped,
    /// Aborting 中止移行中.
    Aborting,
    /// Aborted 中止.
    Aborted,
}

/// Command of ISA-88.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start 開始.
    Start,
    /// Stop 停止.
    Stop,
    /// Hold 保留.
    Hold,
    /// Restart 再始動.
    Restart,
    /// Abort 中止.
    Abort,
    /// Reset 初期化.
    Reset,
    /// Pause 一時停止.
    Pause,
    /// Resume 再開.
    Resume,
}

/// One row of the table that applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Number in the table of this module's documentation, from 1.
    pub row: u8,
    /// The state reached.
    pub to: State,
}

/// The table has no such transition: the command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence().en)]
pub struct StateRejection {
    /// The state in which the command was given.
    pub state: State,
    /// The command.
    pub command: Command,
}

impl StateRejection {
    /// The refusal for people, in both languages.
    pub fn sentence(&self) -> Bilingual {
        let (state, command) = (self.state.shown(), self.command.shown());
        Bilingual::new(
            format!("状態「{}」では「{}」を実行できません。", state.ja, command.ja),
            format!("{} is not possible while {}.", command.en, state.en),
        )
    }
}

impl State {
    /// All states, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::Running,
        Self::Complete,
        Self::Pausing,
        Self::Paused,
        Self::Holding,
        Self::Held,
        Self::Restarting,
        Self::Stopping,
        Self::Stopped,
        Self::Aborting,
        Self::Aborted,
    ];
    /// The state as it is shown; one Japanese word per state.
    pub fn shown(self) -> Bilingual {
        let (ja, en) = match self {
            Self::Idle => ("待機", "Idle"),
            Self::Running => ("運転中", "Running"),
            Self::Complete => ("完了", "Complete"),
            Self::Pausing => ("一時停止移行中", "Pausing"),
            Self::Paused => ("一時停止中", "Paused"),
            Self::Holding => ("保留移行中", "Holding"),
            Self::Held => ("保留中", "Held"),
            Self::Restarting => ("再始動中", "Restarting"),
            Self::Stopping => ("停止移行中", "Stopping"),
            Self::Stopped => ("停止済", "Stopped"),
            Self::Aborting => ("中止移行中", "Aborting"),
            Self::Aborted => ("中止済", "Aborted"),
        };
        Bilingual::new(ja, en)
    }
}

impl Command {
    /// All commands, in the order of the table.
    pub const ALL: [Self; 8] =
        [Self::Start, Self::Stop, Self::Hold, Self::Restart, Self::Abort, Self::Reset, Self::Pause, Self::Resume];
    /// The command as it is shown; one Japanese word per command.
    pub fn shown(self) -> Bilingual {
        let (ja, en) = match self {
            Self::Start => ("開始", "Start"),
            Self::Stop => ("停止", "Stop"),
            Self::Hold => ("保留", "Hold"),
            Self::Restart => ("再始動", "Restart"),
            Self::Abort => ("中止", "Abort"),
            Self::Reset => ("初期化", "Reset"),
            Self::Pause => ("一時停止", "Pause"),
            Self::Resume => ("再開", "Resume"),
        };
        Bilingual::new(ja, en)
    }
}

/// Where a command leads. Keep it one to one with the table; do not simplify.
///
/// # Errors
/// The refusal, for each pair in which the table is blank.
pub fn next(state: State, command: Command) -> Result<Transition, StateRejection> {
    use {Command as C, State as S};
    let go = |row, to| Ok(Transition { row, to });
    match (state, command) {
        (S::Idle, C::Start) => go(1, S::Running),
        (S::Running, C::Stop) => go(3, S::Stopping),
        (S::Running, C::Hold) => go(4, S::Holding),
        (S::Running, C::Abort) => go(5, S::Aborting),
        (S::Running, C::Pause) => go(6, S::Pausing),
        (S::Complete, C::Reset) => go(7, S::Idle),
        (S::Pausing, C::Stop) => go(9, S::Stopping),
        (S::Pausing, C::Hold) => go(10, S::Holding),
        (S::Pausing, C::Abort) => go(11, S::Aborting),
        (S::Paused, C::Stop) => go(12, S::Stopping),
        (S::Paused, C::Hold) => go(13, S::Holding),
        (S::Paused, C::Abort) => go(14, S::Aborting),
        (S::Paused, C::Resume) => go(15, S::Running),
        (S::Holding, C::Stop) => go(17, S::Stopping),
        (S::Holding, C::Abort) => go(18, S::Aborting),
        (S::Held, C::Stop) => go(19, S::Stopping),
        (S::Held, C::Restart) => go(20, S::Restarting),
        (S::Held, C::Abort) => go(21, S::Aborting),
        (S::Restarting, C::Stop) => go(23, S::Stopping),
        (S::Restarting, C::Hold) => go(24, S::Holding),
        (S::Restarting, C::Abort) => go(25, S::Aborting),
        (S::Stopping, C::Abort) => go(27, S::Aborting),
        (S::Stopped, C::Abort) => go(28, S::Aborting),
        (S::Stopped, C::Reset) => go(29, S::Idle),
        (S::Aborted, C::Reset) => go(31, S::Idle),
        (S::Idle, C::Stop | C::Hold | C::Restart | C::Abort | C::Reset | C::Pause | C::Resume)
        | (S::Running, C::Start | C::Restart | C::Reset | C::Resume)
        | (S::Complete, C::Start | C::Stop | C::Hold | C::Restart | C::Abort | C::Pause | C::Resume)
        | (S::Pausing, C::Start | C::Restart | C::Reset | C::Pause | C::Resume)
        | (S::Paused, C::Start | C::Restart | C::Reset | C::Pause)
        | (S::Holding, C::Start | C::Hold | C::Restart | C::Reset | C::Pause | C::Resume)
        | (S::Held, C::Start | C::Hold | C::Reset | C::Pause | C::Resume)
        | (S::Restarting, C::Start | C::Restart | C::Reset | C::Pause | C::Resume)
        | (S::Stopping, C::Start | C::Stop | C::Hold | C::Restart | C::Reset | C::Pause | C::Resume)
        | (S::Stopped, C::Start | C::Stop | C::Hold | C::Restart | C::Pause | C::Resume)
        | (S::Aborting, C::Start | C::Stop | C::Hold | C::Restart | C::Abort | C::Reset | C::Pause | C::Resume)
        | (S::Aborted, C::Start | C::Stop | C::Hold | C::Restart | C::Abort | C::Pause | C::Resume) => {
            Err(StateRejection { state, command })
        }
    }
}

/// Where a state leads by itself, once what it does is done; `None` for a state that stays.
pub fn auto(state: State) -> Option<Transition> {
    use State as S;
    let go = |row, to| Some(Transition { row, to });
    match state {
        S::Running => go(2, S::Complete),
        S::Pausing => go(8, S::Paused),
        S::Holding => go(16, S::Held),
        S::Restarting => go(22, S::Running),
        S::Stopping => go(26, S::Stopped),
        S::Aborting => go(30, S::Aborted),
        S::Idle | S::Complete | S::Paused | S::Held | S::Stopped | S::Aborted => None,
    }
}
