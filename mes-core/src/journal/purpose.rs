//! What a journal is for. Its first entry says so for ever; every checkpoint repeats it under its signature.
//!
//! This file does not decide what a purpose allows; `clock.rs` and the composition root ask it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The purpose of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Manufacturing records.
    Production,
    /// Validation of the system (バリデーション用).
    Validation,
    /// Training of people (訓練用).
    Training,
    /// Demonstration (デモ).
    Demo,
}

impl Purpose {
    /// All purposes with their written names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Production, "production"),
        (Self::Validation, "validation"),
        (Self::Training, "training"),
        (Self::Demo, "demo"),
    ];
    /// Whether these are manufacturing records: real time only, no simulators, no printed passwords.
    pub fn is_production(self) -> bool {
        self == Self::Production
    }
    /// The mark in Japanese that every screen, label, page and package carries; `None` in production.
    pub fn mark_ja(self) -> Option<&'static str> {
        match self {
            Self::Production => None,
            Self::Validation => Some("バリデーション用 – 製造記録ではありません"),
            Self::Training => Some("訓練用 – 製造記録ではありません"),
            Self::Demo => Some("デモ – 製造記録ではありません"),
        }
    }
    /// The mark in English; `None` in production.
    pub fn mark_en(self) -> Option<&'static str> {
        match self {
            Self::Production => None,
            Self::Validation => Some("Validation – not a manufacturing record"),
            Self::Training => Some("Training – not a manufacturing record"),
            Self::Demo => Some("Demo – not a manufacturing record"),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(purpose, _)| purpose == self).map_or("", |(_, name)| name))
    }
}

/// Why a text is not a purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the purpose of a journal: use production, validation, training or demo")]
pub struct PurposeError(pub String);

impl FromStr for Purpose {
    type Err = PurposeError;
    fn from_str(text: &str) -> Result<Self, PurposeError> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(purpose, _)| *purpose).ok_or_else(|| PurposeError(text.chars().take(80).collect()))
    }
}
