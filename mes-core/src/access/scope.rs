//! Who acts, from where, and how a refusal is said. Roles are not carried here: they are looked up where a command is decided.

use serde::{Deserialize, Serialize};

use crate::{
    id::{PersonId, SessionId, SuiteId, TenantId, TerminalId},
    quantity::{Bilingual, Language},
    tenant::Role,
};

/// How a person was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Password.
    Password,
    /// The process itself.
    System,
    /// A person at the command line of the server, by password.
    CommandLine,
}

/// A person at work: whom a session belongs to, and where it is. Every operation that a person performs takes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The person logged in.
    pub person: PersonId,
    /// The tenant that employs the person; `None` for the facility's own staff and for auditors.
    pub tenant: Option<TenantId>,
    /// The terminal, where it is a known one.
    pub terminal: Option<TerminalId>,
    /// The session.
    pub session: SessionId,
    /// How the session began.
    pub auth: AuthMethod,
    /// Address of the client.
    pub client: String,
    /// Language shown.
    pub language: Language,
}

/// The outcome of checking a credential at the moment of signing; it is checked off the writer and is good for 60 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reauth {
    /// Who gave the credential; not necessarily the session's person.
    pub person: PersonId,
    /// How.
    pub method: AuthMethod,
    /// Wall-clock age of the check when the command reached the engine, in milliseconds.
    pub age_ms: u64,
}

/// Longest age of a credential check when its command is decided, in milliseconds.
pub const REAUTH_MAX_MS: u64 = 60_000;

/// Who acted, as an entry's `who` part keeps it (REQUIREMENTS 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Who.
    pub actor: Actor,
    /// The person logged in at the terminal, when another one signed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_of: Option<PersonId>,
    /// Terminal.
    pub terminal: Option<TerminalId>,
    /// Suite the terminal stands in.
    pub suite: Option<SuiteId>,
    /// Client address.
    pub client: Option<String>,
    /// Session.
    pub session: Option<SessionId>,
    /// How the actor was authenticated.
    pub auth: AuthMethod,
    /// Language shown.
    pub language: Option<Language>,
    /// Version of this software.
    pub software: String,
}

/// A person, with name and role frozen at the time, or the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    Person {
        /// Id.
        id: PersonId,
        /// Full name at the time.
        name: String,
        /// The role in effect for this act.
        role: Option<Role>,
    },
    /// The system: which set of rules acted, e.g. `procedure`, `interlock`, `driver`.
    System {
        /// Name of the set.
        set: String,
    },
}

impl Actor {
    /// The person, unless it was the system.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Person { id, .. } => Some(id),
            Self::System { .. } => None,
        }
    }
    /// The name as printed.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::System { set } => set,
        }
    }
}

/// A rule that said no. Refusal is data: the rule's id and a sentence in both languages that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {}", rule, said.en)]
pub struct Rejection {
    /// Id of the rule, e.g. `SOD-01`, `P11-17`, `access`, `not-found`.
    pub rule: String,
    /// The sentence.
    pub said: Bilingual,
    /// The input field it concerns, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Rejection {
    /// A refusal by a rule.
    pub fn new(rule: &str, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), said: Bilingual::new(ja, en), field: None }
    }
    /// The same, about one input field.
    #[must_use]
    pub fn about(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
    /// What a person may not know exists.
    pub fn not_found() -> Self {
        Self::new("not-found", "見つかりません。番号を確認してください。", "Not found. Check the number.")
    }
}
