//! Reading the journal from the SQLite file. Every row is read back into its type here, or named as unreadable.

use std::collections::BTreeMap;

use sqlx::SqlitePool;

use super::{
    CheckpointRecord, Snapshot, StoreError, StoredEntry,
    sqlite::{PART_NAMES, number, query_error},
};
use crate::journal::{Entry, Hash, Owner, Part, StreamId, merkle::NodeId};

/// One part of one entry as the database gives it; an entry without parts gives one row without part.
type EntryRow = (i64, Vec<u8>, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>);

pub(super) fn unreadable<E: std::error::Error + Send + Sync + 'static>(
    what: impl FnOnce() -> String,
) -> impl FnOnce(E) -> StoreError {
    |cause| StoreError::Unreadable { what: what(), cause: Box::new(cause) }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(&'static str);

pub(super) fn hash(bytes: &[u8], what: &'static str) -> Result<Hash, StoreError> {
    let wrong = unreadable(|| what.to_owned());
    bytes.try_into().map(Hash).map_err(|_| Wrong("a hash has 32 bytes")).map_err(wrong)
}

fn entries_of(rows: Vec<EntryRow>) -> Result<Vec<StoredEntry>, StoreError> {
    let mut entries: Vec<StoredEntry> = Vec::new();
    for (position, envelope, name, salt, value) in rows {
        let position = position.unsigned_abs();
        if entries.last().is_none_or(|last| last.position != position) {
            let envelope = serde_json::from_slice(&envelope);
            let envelope = envelope.map_err(unreadable(|| format!("the envelope at position {position}")))?;
            entries.push(StoredEntry { position, entry: Entry { envelope, parts: BTreeMap::new() } });
        }
        let (Some(name), Some(salt), Some(value)) = (name, salt, value) else { continue };
        let what = || format!("the part {name} at position {position}");
        let known = PART_NAMES.iter().find(|(_, known)| *known == name).map(|(part, _)| *part);
        let part = known.ok_or(Wrong("there is no part of that name")).map_err(unreadable(what))?;
        let value = serde_json::from_slice(&value).map_err(unreadable(what))?;
        let salt = hash(&salt, "the salt of a part")?;
        if let Some(last) = entries.last_mut() {
            last.entry.parts.insert(part, Part::Open { salt, value });
        }
    }
    Ok(entries)
}

pub(super) async fn extent(pool: &SqlitePool) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM journal_entry");
    let position: i64 = query.fetch_one(pool).await.map_err(query_error("finding the newest entry"))?;
    Ok(position.unsigned_abs())
}

pub(super) async fn entries(pool: &SqlitePool, after: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = sqlx::query_as(
        "SELECT e.position, e.envelope, p.name, p.salt, p.value FROM (\
         SELECT position, envelope FROM journal_entry WHERE position > $1 ORDER BY position LIMIT $2) e \
         LEFT JOIN journal_part p ON p.position = e.position ORDER BY e.position",
    )
    .bind(number(after)?)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await;
    entries_of(rows.map_err(query_error("reading entries"))?)
}

pub(super) async fn stream(
    pool: &SqlitePool,
    owner: &Owner,
    stream: &StreamId,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = sqlx::query_as(
        "SELECT e.position, e.envelope, p.name, p.salt, p.value FROM (\
         SELECT position, envelope FROM journal_entry \
         WHERE owner = $1 AND stream = $2 AND stream_seq > $3 ORDER BY stream_seq LIMIT $4) e \
         LEFT JOIN journal_part p ON p.position = e.position ORDER BY e.position",
    )
    .bind(owner.to_string())
    .bind(stream.to_string())
    .bind(number(after)?)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await;
    entries_of(rows.map_err(query_error("reading a stream"))?)
}

pub(super) async fn log(
    pool: &SqlitePool,
    owner: &Owner,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = sqlx::query_as(
        "SELECT e.position, e.envelope, p.name, p.salt, p.value FROM (\
         SELECT position, envelope FROM journal_entry \
         WHERE owner = $1 AND owner_seq > $2 ORDER BY owner_seq LIMIT $3) e \
         LEFT JOIN journal_part p ON p.position = e.position ORDER BY e.position",
    )
    .bind(owner.to_string())
    .bind(number(after)?)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await;
    entries_of(rows.map_err(query_error("reading an owner's entries"))?)
}

pub(super) async fn sizes_at(pool: &SqlitePool, position: u64) -> Result<BTreeMap<Owner, u64>, StoreError> {
    // Steps from owner to owner along the index instead of reading every entry.
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
        "WITH RECURSIVE known (owner) AS (\
           SELECT min(owner) FROM journal_entry UNION ALL \
           SELECT (SELECT min(owner) FROM journal_entry WHERE owner > known.owner) FROM known WHERE known.owner IS NOT NULL) \
         SELECT known.owner, (SELECT e.owner_seq FROM journal_entry e \
           WHERE e.owner = known.owner AND e.position <= $1 ORDER BY e.position DESC LIMIT 1) \
         FROM known WHERE known.owner IS NOT NULL",
    )
    .bind(number(position)?)
    .fetch_all(pool)
    .await
    .map_err(query_error("counting the owners' entries"))?;
    let present = rows.into_iter().filter_map(|(owner, size)| Some((owner, size?)));
    let read = present.map(|(owner, size)| {
        let parsed = owner.parse().map_err(unreadable(|| format!("the owner {owner}")))?;
        Ok((parsed, size.unsigned_abs()))
    });
    read.collect()
}

pub(super) async fn nodes(
    pool: &SqlitePool,
    owner: &Owner,
    ids: &[NodeId],
) -> Result<BTreeMap<NodeId, Hash>, StoreError> {
    let mut found = BTreeMap::new();
    for id in ids {
        let row: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM journal_node WHERE owner = $1 AND level = $2 AND position = $3")
                .bind(owner.to_string())
                .bind(i64::from(id.level))
                .bind(number(id.position)?)
                .fetch_optional(pool)
                .await
                .map_err(query_error("reading tree nodes"))?;
        if let Some(row) = row {
            found.insert(*id, hash(&row, "a tree node")?);
        }
    }
    Ok(found)
}

type CheckpointRow = (i64, i64, Vec<u8>, String);

fn checkpoint(row: CheckpointRow) -> Result<CheckpointRecord, StoreError> {
    let (number, position, seed, note) = row;
    let seed = hash(&seed, "the seed of a checkpoint")?.0;
    Ok(CheckpointRecord { number: number.unsigned_abs(), position: position.unsigned_abs(), seed, note })
}

pub(super) async fn checkpoints(
    pool: &SqlitePool,
    after: u64,
    limit: u32,
) -> Result<Vec<CheckpointRecord>, StoreError> {
    let rows: Vec<CheckpointRow> = sqlx::query_as(
        "SELECT number, position, seed, note FROM checkpoint WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind(number(after)?)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(query_error("reading checkpoints"))?;
    rows.into_iter().map(checkpoint).collect()
}

pub(super) async fn newest_checkpoint(pool: &SqlitePool) -> Result<Option<CheckpointRecord>, StoreError> {
    let row: Option<CheckpointRow> =
        sqlx::query_as("SELECT number, position, seed, note FROM checkpoint ORDER BY number DESC LIMIT 1")
            .fetch_optional(pool)
            .await
            .map_err(query_error("reading the newest checkpoint"))?;
    row.map(checkpoint).transpose()
}

pub(super) async fn newest_snapshot(pool: &SqlitePool, form: &str) -> Result<Option<Snapshot>, StoreError> {
    let row: Option<(String, i64, Vec<u8>)> =
        sqlx::query_as("SELECT form, position, body FROM snapshot WHERE form = $1 ORDER BY id DESC LIMIT 1")
            .bind(form)
            .fetch_optional(pool)
            .await
            .map_err(query_error("reading the newest snapshot"))?;
    Ok(row.map(|(form, position, body)| Snapshot { form, position: position.unsigned_abs(), body }))
}

pub(super) async fn forwarded(pool: &SqlitePool) -> Result<BTreeMap<String, u64>, StoreError> {
    let failed = query_error("reading up to where the gateway's reports are durable");
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT source, number FROM forwarded").fetch_all(pool).await.map_err(failed)?;
    Ok(rows.into_iter().map(|(source, number)| (source, number.unsigned_abs())).collect())
}

pub(super) async fn content(pool: &SqlitePool, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = sqlx::query_scalar("SELECT bytes FROM sample_chunk WHERE hash = $1")
        .bind(hash.0.as_slice())
        .fetch_optional(pool)
        .await
        .map_err(query_error("reading a sealed chunk"))?;
    if sealed.is_some() {
        return Ok(sealed);
    }
    sqlx::query_scalar("SELECT bytes FROM attachment WHERE hash = $1")
        .bind(hash.0.as_slice())
        .fetch_optional(pool)
        .await
        .map_err(query_error("reading an attachment"))
}
