//! The procedural states and commands of ISA-88 (IEC 61512-1, 6.5; REQUIREMENTS 5.1).
//!
//! The table of transitions stands here and nowhere else, one to one with the standard's.

use serde::{Deserialize, Serialize};

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
