//! The store in one SQLite file: opening it, and writing.
//!
//! Write-ahead log, `synchronous=FULL`: what `append` has returned survives the loss of power. One connection writes,
//! a few read. Reading is in `sqlite_read.rs`, samples are in `sqlite_samples.rs`, what is
//! written for ever in `migrations/sqlite`.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    CheckpointRecord, Group, PAGE_ROWS_MAX, ProcessLock, SNAPSHOTS_KEPT, Snapshot, Store, StoreError, StoredEntry,
    TailExtent, TailStored, sqlite_read, sqlite_samples,
};
use crate::{
    clock::Timestamp,
    historian::{Chunk, Sample},
    id::{EquipmentId, TagId},
    journal::{
        Hash, Numbered, Owner, Part, PartName, StreamId,
        encode::{EncodeError, canonical},
        merkle::NodeId,
    },
};

/// Connections that read.
const READERS: u32 = 4;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// The store in one SQLite file. Cheap to clone; holds the process lock as long as one clone lives.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    _lock: Arc<ProcessLock>,
}

pub(super) fn query_error(step: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |cause| StoreError::Query { step, cause }
}

/// A number as the database holds it.
pub(super) fn number(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::TooLarge(n))
}

/// The name of a part, as the database holds it.
pub(super) const PART_NAMES: [(PartName, &str); 4] =
    [(PartName::Who, "who"), (PartName::Facts, "facts"), (PartName::Text, "text"), (PartName::Other, "other")];

impl SqliteStore {
    /// Takes the process lock, opens the database, and creates or brings it to the form of this version.
    ///
    /// # Errors
    /// When another process has it, it cannot be opened, or a newer version wrote it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Arc::new(ProcessLock::acquire(path)?);
        let open = |cause| StoreError::Open { path: path.to_owned(), cause };
        create_private(path).map_err(|cause| open(sqlx::Error::Io(cause)))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("recursive_triggers", "on");
        let pool = |connections| {
            let options = SqlitePoolOptions::new().min_connections(1).max_connections(connections);
            options.idle_timeout(None).max_lifetime(None).test_before_acquire(false)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(open)?;
        migrate(&writer, path).await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await.map_err(open)?;
        Ok(Self { writer, readers, _lock: lock })
    }
}

/// Makes an empty database file that only its owner may read; SQLite gives its companions the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    match MIGRATIONS.run(writer).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) => {
            let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        }
        Err(cause) => Err(StoreError::Migrate { path: path.to_owned(), cause }),
    }
}

async fn write_entry(tx: &mut Transaction<'_, Sqlite>, position: i64, numbered: &Numbered) -> Result<(), StoreError> {
    let failed = query_error("writing an entry");
    let envelope = &numbered.entry.envelope;
    sqlx::query(
        "INSERT INTO journal_entry (position, owner, owner_seq, stream, stream_seq, envelope) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(position)
    .bind(envelope.owner.to_string())
    .bind(number(envelope.owner_seq)?)
    .bind(envelope.stream.to_string())
    .bind(number(envelope.stream_seq)?)
    .bind(numbered.bytes.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(&failed)?;
    for (name, part) in &numbered.entry.parts {
        // A new entry's parts are open; withheld ones exist only in what a reader is given.
        let Part::Open { salt, value } = part else { continue };
        let value = canonical(value).map_err(|cause| unreadable("a part of a new entry", cause))?;
        let name = PART_NAMES.iter().find(|(known, _)| known == name).map_or("", |(_, name)| name);
        sqlx::query("INSERT INTO journal_part (position, name, salt, value) VALUES ($1, $2, $3, $4)")
            .bind(position)
            .bind(name)
            .bind(salt.0.as_slice())
            .bind(value)
            .execute(&mut **tx)
            .await
            .map_err(&failed)?;
    }
    for (id, hash) in &numbered.nodes {
        sqlx::query("INSERT INTO journal_node (owner, level, position, hash) VALUES ($1, $2, $3, $4)")
            .bind(envelope.owner.to_string())
            .bind(i64::from(id.level))
            .bind(number(id.position)?)
            .bind(hash.0.as_slice())
            .execute(&mut **tx)
            .await
            .map_err(&failed)?;
    }
    Ok(())
}

fn unreadable(what: &str, cause: EncodeError) -> StoreError {
    StoreError::Unreadable { what: what.to_owned(), cause: Box::new(cause) }
}

async fn write_attachments(tx: &mut Transaction<'_, Sqlite>, all: &[(Hash, Vec<u8>)]) -> Result<(), StoreError> {
    for (hash, bytes) in all {
        // Two devices may write the very same file.
        sqlx::query(
            "INSERT INTO attachment (hash, bytes) SELECT $1, $2 \
             WHERE NOT EXISTS (SELECT 1 FROM attachment WHERE hash = $1)",
        )
        .bind(hash.0.as_slice())
        .bind(bytes.as_slice())
        .execute(&mut **tx)
        .await
        .map_err(query_error("writing an attachment"))?;
    }
    Ok(())
}

async fn write_forwarded(
    tx: &mut Transaction<'_, Sqlite>,
    forwarded: &BTreeMap<String, u64>,
) -> Result<(), StoreError> {
    for (source, until) in forwarded {
        sqlx::query(
            "INSERT INTO forwarded (source, number) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET number = excluded.number WHERE excluded.number > number",
        )
        .bind(source)
        .bind(number(*until)?)
        .execute(&mut **tx)
        .await
        .map_err(query_error("noting what the gateway need not keep any more"))?;
    }
    Ok(())
}

impl Store for SqliteStore {
    async fn append(&self, group: &Group) -> Result<u64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(query_error("starting a group"))?;
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM journal_entry")
            .fetch_one(&mut *tx)
            .await
            .map_err(query_error("finding the newest entry"))?;
        sqlite_samples::write_tail(&mut tx, &group.samples).await?;
        let mut position = last;
        for numbered in &group.entries {
            position = position.saturating_add(1);
            write_entry(&mut tx, position, numbered).await?;
        }
        sqlite_samples::write_sealed(&mut tx, group).await?;
        write_attachments(&mut tx, &group.attachments).await?;
        write_forwarded(&mut tx, &group.forwarded).await?;
        tx.commit().await.map_err(query_error("committing a group"))?;
        Ok(position.unsigned_abs())
    }

    async fn extent(&self) -> Result<u64, StoreError> {
        sqlite_read::extent(&self.readers).await
    }

    async fn entries(&self, after: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        sqlite_read::entries(&self.readers, after, limit.min(PAGE_ROWS_MAX)).await
    }

    async fn stream(
        &self,
        owner: &Owner,
        stream: &StreamId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        sqlite_read::stream(&self.readers, owner, stream, after, limit.min(PAGE_ROWS_MAX)).await
    }

    async fn log(&self, owner: &Owner, after: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        sqlite_read::log(&self.readers, owner, after, limit.min(PAGE_ROWS_MAX)).await
    }

    async fn sizes_at(&self, position: u64) -> Result<BTreeMap<Owner, u64>, StoreError> {
        sqlite_read::sizes_at(&self.readers, position).await
    }

    async fn nodes(&self, owner: &Owner, ids: &[NodeId]) -> Result<BTreeMap<NodeId, Hash>, StoreError> {
        sqlite_read::nodes(&self.readers, owner, ids).await
    }

    async fn put_checkpoint(&self, checkpoint: &CheckpointRecord) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO checkpoint (number, position, seed, note) VALUES ($1, $2, $3, $4)")
            .bind(number(checkpoint.number)?)
            .bind(number(checkpoint.position)?)
            .bind(checkpoint.seed.as_slice())
            .bind(checkpoint.note.as_str())
            .execute(&self.writer)
            .await
            .map_err(query_error("writing a checkpoint"))?;
        Ok(())
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<CheckpointRecord>, StoreError> {
        sqlite_read::checkpoints(&self.readers, after, limit.min(PAGE_ROWS_MAX)).await
    }

    async fn newest_checkpoint(&self) -> Result<Option<CheckpointRecord>, StoreError> {
        sqlite_read::newest_checkpoint(&self.readers).await
    }

    async fn put_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let failed = query_error("writing a snapshot");
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        sqlx::query("INSERT INTO snapshot (form, position, body) VALUES ($1, $2, $3)")
            .bind(snapshot.form.as_str())
            .bind(number(snapshot.position)?)
            .bind(snapshot.body.as_slice())
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        sqlx::query(
            "DELETE FROM snapshot WHERE form = $1 AND id NOT IN \
             (SELECT id FROM snapshot WHERE form = $1 ORDER BY id DESC LIMIT $2)",
        )
        .bind(snapshot.form.as_str())
        .bind(i64::from(SNAPSHOTS_KEPT))
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    async fn newest_snapshot(&self, form: &str) -> Result<Option<Snapshot>, StoreError> {
        sqlite_read::newest_snapshot(&self.readers, form).await
    }

    async fn tail(
        &self,
        equipment: &EquipmentId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<TailStored>, StoreError> {
        sqlite_samples::tail(&self.readers, equipment, from, until).await
    }

    async fn forwarded(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        sqlite_read::forwarded(&self.readers).await
    }

    async fn tail_extents(&self) -> Result<Vec<TailExtent>, StoreError> {
        sqlite_samples::tail_extents(&self.readers).await
    }

    async fn chunks(&self, tag: &TagId, from: Timestamp, until: Timestamp) -> Result<Vec<Chunk>, StoreError> {
        sqlite_samples::chunks(&self.readers, tag, from, until).await
    }

    async fn newest(&self, tag: &TagId) -> Result<Option<Sample>, StoreError> {
        sqlite_samples::newest(&self.readers, tag).await
    }

    async fn content(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        sqlite_read::content(&self.readers, hash).await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::conformance, *};
    use crate::{
        journal::{Salts, Sequencer},
        store::LockError,
    };

    async fn temporary() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("mes.db")).await.unwrap();
        (folder, store)
    }

    async fn filled() -> (tempfile::TempDir, SqliteStore) {
        let (folder, store) = temporary().await;
        let entry = Sequencer::default().number(conformance::draft(0), &mut Salts::new([1; 32])).unwrap();
        let (sealed, chunks) = crate::historian::seal::seal(
            crate::historian::seal::Period {
                batch: "B-1".parse().unwrap(),
                equipment: "INC-01".parse().unwrap(),
                from: conformance::sample(0, 1).receive_time,
                until: conformance::sample(1, 1).receive_time,
                supplement: false,
            },
            vec![conformance::sample(0, 1)],
        )
        .unwrap();
        assert_eq!(sealed.chunks.len(), 1);
        let samples = vec![conformance::sample(5, 1)];
        let attachments = vec![(Hash([9; 32]), b"report".to_vec())];
        let group = Group { entries: vec![entry], samples, chunks, attachments, ..Group::default() };
        store.append(&group).await.unwrap();
        let checkpoint = CheckpointRecord { number: 1, position: 1, seed: [0; 32], note: "note".into() };
        store.put_checkpoint(&checkpoint).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn sqlite_does_what_every_store_must() {
        let (_folder, store) = temporary().await;
        conformance::run(&store).await;
    }

    #[tokio::test]
    async fn a_commit_is_synced_to_the_disk() {
        let (_folder, store) = temporary().await;
        let read = |name| sqlx::query_scalar::<_, String>(name).fetch_one(&store.writer);
        assert_eq!(read("SELECT CAST(journal_mode AS TEXT) FROM pragma_journal_mode").await.unwrap(), "wal");
        assert_eq!(read("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await.unwrap(), "2");
        assert_eq!(read("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await.unwrap(), "1");
    }

    #[tokio::test]
    async fn p11_09_the_database_refuses_to_change_or_delete_what_is_recorded() {
        let (_folder, store) = filled().await;
        let attempts = [
            "UPDATE journal_entry SET envelope = x'00'",
            "DELETE FROM journal_entry",
            "INSERT OR REPLACE INTO journal_entry SELECT position, owner, owner_seq, stream, stream_seq, x'00' FROM journal_entry",
            "INSERT INTO journal_entry VALUES (3, 'facility', 2, 'batch:B-1', 2, x'00')",
            "INSERT INTO journal_entry VALUES (2, 'facility', 3, 'batch:B-1', 2, x'00')",
            "INSERT INTO journal_entry VALUES (2, 'facility', 2, 'batch:B-1', 3, x'00')",
            "UPDATE journal_part SET value = x'00'",
            "DELETE FROM journal_part",
            "INSERT OR REPLACE INTO journal_part SELECT position, name, salt, x'00' FROM journal_part",
            "UPDATE journal_node SET level = 9",
            "DELETE FROM journal_node",
            "INSERT OR REPLACE INTO journal_node SELECT owner, level, position, randomblob(32) FROM journal_node",
            "UPDATE checkpoint SET note = ''",
            "DELETE FROM checkpoint",
            "INSERT OR REPLACE INTO checkpoint SELECT number, position, seed, '' FROM checkpoint",
            "UPDATE sample_chunk SET count = 9",
            "DELETE FROM sample_chunk",
            "INSERT OR REPLACE INTO sample_chunk SELECT hash, tag, from_ms, until_ms, 9, bytes FROM sample_chunk",
            "UPDATE sample_tail SET count = 9",
            "DELETE FROM sample_tail",
            "UPDATE attachment SET bytes = x'00'",
            "DELETE FROM attachment",
            "INSERT OR REPLACE INTO attachment SELECT hash, x'00' FROM attachment",
        ];
        for attempt in attempts {
            let refused = sqlx::query(attempt).execute(&store.writer).await.unwrap_err().to_string();
            assert!(refused.contains("append-only") || refused.contains("sample"), "{attempt}: {refused}");
        }
        let written = sqlx::query("INSERT INTO snapshot (form, position, body) VALUES ('x', 1, x'00')");
        assert!(written.execute(&store.readers).await.is_err(), "readers cannot write");
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_there_after_the_database_is_opened_again() {
        let (folder, store) = filled().await;
        let before = store.entries(0, 10).await.unwrap();
        store.close().await;
        drop(store);
        let store = SqliteStore::open(&folder.path().join("mes.db")).await.unwrap();
        assert_eq!(store.entries(0, 10).await.unwrap(), before);
        assert_eq!(store.tail_extents().await.unwrap()[0].count, 1);
    }

    #[tokio::test]
    async fn a_database_in_use_of_a_newer_version_or_of_another_kind_is_refused_with_a_sentence() {
        let (folder, store) = temporary().await;
        let path = folder.path().join("mes.db");
        let second = SqliteStore::open(&path).await.unwrap_err();
        assert!(matches!(second, StoreError::Lock(LockError::Held { .. })), "{second}");
        sqlx::query("UPDATE _sqlx_migrations SET version = 9001 WHERE version = 2")
            .execute(&store.writer)
            .await
            .unwrap();
        store.close().await;
        drop(store);
        let newer = SqliteStore::open(&path).await.unwrap_err().to_string();
        assert!(newer.contains("written by a newer version") && newer.contains("9001"), "{newer}");

        let other = folder.path().join("letter.txt");
        fs::write(&other, "Dear Sir or Madam, this is not a database at all.".repeat(40)).unwrap();
        let refused = SqliteStore::open(&other).await.unwrap_err().to_string();
        assert!(refused.contains("letter.txt"), "{refused}");
        let nowhere = SqliteStore::open(Path::new("/nonexistent/mes.db")).await.unwrap_err().to_string();
        assert!(nowhere.contains("/nonexistent"), "{nowhere}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_its_owner_may_read_the_database() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, _store) = filled().await;
        for name in ["mes.db", "mes.db-wal"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }
}
