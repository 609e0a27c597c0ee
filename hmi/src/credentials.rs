//! Passwords: checked off the writer, counted, locked; every failure is entered. No secret goes further than this file.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use mes_core::{
    access::{Action, AuthMethod, Reauth, Rejection, Resource, Scope},
    clock::Clock,
    engine::{Input, Note, View},
    id::PersonId,
    store::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PasswordCheck, WRONG_TRIES_MAX, check_password, set_password},
};

use crate::{
    app::App,
    desk::{failed, stopping},
};

/// Checks a person's password. The outcome is good for a minute; outsiders learn nothing of who exists or is locked.
pub async fn check(
    app: &App,
    person: &PersonId,
    secret: String,
    client: &str,
    method: AuthMethod,
) -> Result<Reauth, Rejection> {
    let started = Clock::wall();
    let known = app.writer.view().facility.people.get(person).is_some_and(|person| person.active);
    let checked = check_password(app.store.as_ref(), person, &secret).await.map_err(failed)?;
    drop(secret);
    let (failures, locked) = match checked {
        PasswordCheck::Accepted { .. } if known => {
            let age_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Ok(Reauth { person: person.clone(), method, age_ms });
        }
        PasswordCheck::Wrong { tries_left } => (WRONG_TRIES_MAX.saturating_sub(tries_left), tries_left == 0),
        PasswordCheck::Locked => (WRONG_TRIES_MAX, true),
        PasswordCheck::Accepted { .. } | PasswordCheck::Unknown => {
            tracing::warn!(client, "a log-in with an unknown person id was refused");
            return Err(refused());
        }
    };
    let note = Note::CredentialRefused { person: person.clone(), client: client.to_owned(), failures, locked };
    match app.writer.decide(Input::Note(note)).await {
        Some(Ok(_)) => {}
        Some(Err(rejection)) => return Err(rejection),
        None => return Err(stopping()),
    }
    if locked {
        tracing::warn!(person.id = %person, client, "an account is locked after {failures} wrong passwords");
    }
    Err(refused())
}

fn refused() -> Rejection {
    Rejection::new(
        "P11-30",
        format!(
            "IDまたはパスワードが違います。もう一度入力してください。{WRONG_TRIES_MAX}回誤るとロックされ、解除はシステム管理者が行います。"
        ),
        format!(
            "User id or password is wrong. Try again. After {WRONG_TRIES_MAX} wrong ones the account is locked; \
             the system administrator unlocks it."
        ),
    )
    .about("password")
}

/// Whether a new password may be used.
pub fn acceptable(password: &str) -> Result<(), Rejection> {
    if password.chars().count() >= PASSWORD_CHARS_MIN && password.len() <= PASSWORD_BYTES_MAX {
        return Ok(());
    }
    Err(Rejection::new(
        "P11-27",
        format!("パスワードは{PASSWORD_CHARS_MIN}文字以上にしてください。"),
        format!("A password has at least {PASSWORD_CHARS_MIN} characters."),
    )
    .about("password"))
}

/// Whether a person may set somebody's password.
pub fn may_set(app: &App, view: &View, scope: &Scope) -> Result<(), Rejection> {
    let resource = Resource::facility();
    app.policies.may(&view.facility, &scope.person, Action::SetCredential, &resource, view.now).map(drop)
}

/// Sets a person's password, and enters that it was set and by whom.
pub async fn set(app: &App, person: &PersonId, password: String, by: Option<&PersonId>) -> Result<(), Rejection> {
    acceptable(&password)?;
    set_password(app.store.as_ref(), person, &password, false, app.clock.now()).await.map_err(failed)?;
    drop(password);
    let note = Note::CredentialSet { person: person.clone(), by: by.cloned(), method: AuthMethod::CommandLine };
    match app.writer.decide(Input::Note(note)).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(rejection)) => Err(rejection),
        None => Err(stopping()),
    }
}

/// Counts what a person does in a minute of wall time.
#[derive(Default)]
pub struct PerMinute {
    counts: Mutex<BTreeMap<PersonId, (Instant, u32)>>,
}

impl PerMinute {
    /// Counts one more; gives how many there were in this minute, this one included.
    pub fn count(&self, person: &PersonId) -> u32 {
        let now = Clock::wall();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = counts.entry(person.clone()).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= Duration::from_secs(60) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_counted_per_person() {
        let counter = PerMinute::default();
        let person: PersonId = "aoki".parse().unwrap();
        assert_eq!((counter.count(&person), counter.count(&person)), (1, 2));
        assert_eq!(counter.count(&"baba".parse().unwrap()), 1);
    }

    #[test]
    fn a_short_password_is_refused_p11_27() {
        assert!(acceptable("short").is_err());
        assert!(acceptable("long enough").is_ok());
    }
}
