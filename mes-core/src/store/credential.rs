//! Passwords: hashed with argon2id, checked off the writer, locked after too many wrong tries.
//!
//! Every try is counted before it is judged, so that parallel tries do not get more than the limit. The table of
//! credentials is the only one whose rows change, and no secret is ever an entry or a log line. This file does not
//! decide who may reset whose password; a lock ends only with a new password.

use std::{fmt, future::Future};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::{SqliteStore, StoreError, sqlite::query_error};
use crate::{clock::Timestamp, id::PersonId};

/// Wrong tries after which a credential is locked.
pub const WRONG_TRIES_MAX: u32 = 5;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password, in bytes: hashing more would only cost time.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// What is checked when there is no such person, so that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5MDAwMA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A person's credential as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub person: PersonId,
    /// The argon2id hash with its salt and parameters.
    pub phc: String,
    /// Somebody else knows the password: the person must choose another before anything else.
    pub must_change: bool,
    /// Tries since the last right one.
    pub wrong_tries: u32,
    /// When the password was set (facility time).
    pub changed: Timestamp,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { person, must_change, wrong_tries, .. } = self;
        write!(f, "Credential({person}, must_change {must_change}, wrong_tries {wrong_tries})")
    }
}

/// Why a password cannot be set or checked.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Too short or too long.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters and at most {PASSWORD_BYTES_MAX} bytes")]
    Length,
    /// The system gave no randomness for the salt.
    #[error("the system gave no randomness for the salt")]
    Randomness,
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The work was cancelled.
    #[error("the password check was cancelled")]
    Cancelled,
    /// The store failed.
    #[error("the credential could not be read or written")]
    Store(#[source] Box<StoreError>),
}

impl From<StoreError> for CredentialError {
    fn from(cause: StoreError) -> Self {
        Self::Store(Box::new(cause))
    }
}

/// What came of a password check. Outsiders are told the last three alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PasswordCheck {
    /// Right.
    Accepted {
        /// The person must choose another password first.
        must_change: bool,
    },
    /// Wrong.
    Wrong {
        /// Tries left before the lock; 0 when this one locked it: raise the alert (P11-30).
        tries_left: u32,
    },
    /// Locked; the password was not looked at.
    Locked,
    /// There is no such person.
    Unknown,
}

/// Keeps credentials.
pub trait CredentialStore: Send + Sync {
    /// Sets a person's credential, new or instead of the old one.
    fn put_credential(&self, credential: &Credential) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A person's credential.
    fn credential(&self, person: &PersonId) -> impl Future<Output = Result<Option<Credential>, StoreError>> + Send;
    /// Counts a try and gives the credential with it, in one step; `None` when it is locked or not there.
    fn count_try(&self, person: &PersonId) -> impl Future<Output = Result<Option<Credential>, StoreError>> + Send;
    /// Forgets the tries counted so far, if the credential is still the one that was checked.
    fn forget_tries(&self, person: &PersonId, phc: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The argon2id hash of a password with a fresh salt, as a PHC string. Takes tens of milliseconds: call it off the
/// threads that serve.
///
/// # Errors
/// When the password is too short or too long, or the system gives no randomness.
pub fn hash_password(password: &str) -> Result<String, CredentialError> {
    if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
        return Err(CredentialError::Length);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| CredentialError::Randomness)?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash: PasswordHash| hash.to_string()).map_err(CredentialError::Hash)
}

fn fits(phc: &str, password: &str) -> Result<bool, CredentialError> {
    let hash = PasswordHash::new(phc).map_err(|cause| CredentialError::Hash(cause.into()))?;
    Ok(password.len() <= PASSWORD_BYTES_MAX && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Sets a person's password and ends a lock. `must_change` when somebody else chose it.
///
/// # Errors
/// As [`hash_password`], and when the store fails.
pub async fn set_password(
    store: &impl CredentialStore,
    person: &PersonId,
    password: &str,
    must_change: bool,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let password = password.to_owned();
    let work = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    let phc = work.map_err(|_| CredentialError::Cancelled)??;
    let credential = Credential { person: person.clone(), phc, must_change, wrong_tries: 0, changed: now };
    store.put_credential(&credential).await.map_err(CredentialError::from)
}

/// Checks a person's password. A wrong one counts towards the lock; a right one forgets the wrong ones.
///
/// # Errors
/// When the store fails or holds a hash that cannot be read.
pub async fn check_password(
    store: &impl CredentialStore,
    person: &PersonId,
    password: &str,
) -> Result<PasswordCheck, CredentialError> {
    let counted = store.count_try(person).await.map_err(CredentialError::from)?;
    let phc = counted.as_ref().map_or(NOBODY, |credential| &credential.phc).to_owned();
    let given = password.to_owned();
    let fits = tokio::task::spawn_blocking(move || fits(&phc, &given)).await;
    let fits = fits.map_err(|_| CredentialError::Cancelled)??;
    let Some(credential) = counted else {
        let known = store.credential(person).await.map_err(CredentialError::from)?;
        return Ok(known.map_or(PasswordCheck::Unknown, |_| PasswordCheck::Locked));
    };
    if fits {
        store.forget_tries(person, &credential.phc).await.map_err(CredentialError::from)?;
        return Ok(PasswordCheck::Accepted { must_change: credential.must_change });
    }
    Ok(PasswordCheck::Wrong { tries_left: WRONG_TRIES_MAX.saturating_sub(credential.wrong_tries) })
}

type Row = (String, bool, i64, i64);

fn read(person: &PersonId, row: Row) -> Credential {
    let (phc, must_change, wrong_tries, changed) = row;
    let wrong_tries = u32::try_from(wrong_tries).unwrap_or(u32::MAX);
    Credential { person: person.clone(), phc, must_change, wrong_tries, changed: Timestamp::from_ms(changed) }
}

impl CredentialStore for SqliteStore {
    async fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO credential (person, phc, must_change, wrong_tries, changed_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (person) DO UPDATE SET phc = $2, must_change = $3, wrong_tries = $4, changed_ms = $5",
        )
        .bind(credential.person.as_str())
        .bind(credential.phc.as_str())
        .bind(credential.must_change)
        .bind(i64::from(credential.wrong_tries))
        .bind(credential.changed.as_ms())
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(query_error("writing a credential"))
    }

    async fn credential(&self, person: &PersonId) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query_as("SELECT phc, must_change, wrong_tries, changed_ms FROM credential WHERE person = $1")
            .bind(person.as_str())
            .fetch_optional(&self.readers)
            .await;
        Ok(row.map_err(query_error("reading a credential"))?.map(|row| read(person, row)))
    }

    async fn count_try(&self, person: &PersonId) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query_as(
            "UPDATE credential SET wrong_tries = wrong_tries + 1 WHERE person = $1 AND wrong_tries < $2 \
             RETURNING phc, must_change, wrong_tries, changed_ms",
        )
        .bind(person.as_str())
        .bind(i64::from(WRONG_TRIES_MAX))
        .fetch_optional(&self.writer)
        .await;
        Ok(row.map_err(query_error("counting a try"))?.map(|row| read(person, row)))
    }

    async fn forget_tries(&self, person: &PersonId, phc: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE credential SET wrong_tries = 0 WHERE person = $1 AND phc = $2")
            .bind(person.as_str())
            .bind(phc)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(query_error("forgetting wrong tries"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_salted_argon2id_and_opens_only_for_its_password() {
        let (first, second) = (hash_password("correct horse").unwrap(), hash_password("correct horse").unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second);
        assert!(fits(&first, "correct horse").unwrap() && !fits(&first, "correct horsf").unwrap());
        assert!(!fits(NOBODY, "anything").unwrap());
    }

    #[test]
    fn a_password_that_is_too_short_or_too_long_is_refused() {
        for bad in ["", "1234567", &"x".repeat(257)] {
            assert!(matches!(hash_password(bad).unwrap_err(), CredentialError::Length));
        }
        assert!(hash_password("八文字以上の合言葉").is_ok());
    }

    #[test]
    fn a_credential_shows_no_hash_in_a_log() {
        let phc = "$argon2id$secret".to_owned();
        let person = "P-1".parse().unwrap();
        let credential = Credential { person, phc, must_change: true, wrong_tries: 2, changed: Timestamp::from_ms(0) };
        assert!(!format!("{credential:?}").contains("secret"));
    }
}
