//! One process owns a database: an operating-system lock on a file beside it.
//!
//! The lock goes with the process, however that ends; the file stays and means nothing without the lock. This file does
//! not talk to the process that holds it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "the database {database} is in use by {holder} (lock file {file}); stop that process first, or run this command \
         while it serves so that it is passed on to it"
    )]
    Held {
        /// The database.
        database: PathBuf,
        /// The lock file.
        file: PathBuf,
        /// Who holds it, e.g. `process 4711`.
        holder: String,
    },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {file}; check that its folder exists and can be written")]
    File {
        /// The lock file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// The lock; held as long as this lives.
#[derive(Debug)]
pub struct ProcessLock {
    file: File,
}

/// The lock file of a database: its path with `.lock` behind it.
pub fn lock_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl ProcessLock {
    /// Takes the lock of a database, or says who has it.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process, or this one, has it already.
    pub fn acquire(database: &Path) -> Result<Self, LockError> {
        let path = lock_file(database);
        let failed = |cause| LockError::File { file: path.clone(), cause };
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let mut file = options.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) => {
                let id: Option<u32> = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                let holder = id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                return Err(LockError::Held { database: database.to_owned(), file: path, holder });
            }
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for ProcessLock {
    /// A child process that is just being started holds the file open too, until it runs its own program: closing the file alone
    /// would leave the lock to it for that moment.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of the database is left to the end of the process");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_has_the_database_and_the_lock_goes_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mes.db");
        let first = ProcessLock::acquire(&database).unwrap();
        let second = ProcessLock::acquire(&database).unwrap_err().to_string();
        assert!(second.contains(&format!("process {}", std::process::id())), "{second}");
        assert!(second.contains("mes.db.lock") && second.contains("stop that process"), "{second}");
        // As a child process has it between its start and its own program.
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        ProcessLock::acquire(&database).unwrap();
        drop(inherited);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = ProcessLock::acquire(Path::new("/nonexistent/mes.db")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/mes.db.lock"), "{error}");
    }
}
