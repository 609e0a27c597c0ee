//! The samples in the SQLite file: rows of the unsealed tail, and sealed chunks.
//!
//! A row of the tail holds what one piece of equipment delivered in one group, so that writing costs a row per device and
//! second and not one per sample. What the bytes mean is the historian's affair.

use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{
    Group, StoreError, TailExtent, TailStored,
    sqlite::{number, query_error},
    sqlite_read::{hash, unreadable},
};
use crate::{
    clock::Timestamp,
    historian::{BytesError, Chunk, ChunkRef, Sample, tail, tail::TailRow},
    id::{EquipmentId, TagId},
};

/// Rows of the tail that are looked through at once for the newest sample of a tag.
const NEWEST_ROWS: i64 = 300;

fn unwritable(cause: BytesError) -> StoreError {
    StoreError::Unreadable { what: "a new sample".to_owned(), cause: Box::new(cause) }
}

/// One row of the tail.
const ROW: &str = "INSERT INTO sample_tail (equipment, from_ms, until_ms, count, bytes) VALUES ($1, $2, $3, $4, $5)";
/// As many as go into one statement: each statement costs a change of threads.
const ROWS: usize = 8;
const EIGHT_ROWS: &str = "INSERT INTO sample_tail (equipment, from_ms, until_ms, count, bytes) VALUES \
    ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10), ($11, $12, $13, $14, $15), ($16, $17, $18, $19, $20), \
    ($21, $22, $23, $24, $25), ($26, $27, $28, $29, $30), ($31, $32, $33, $34, $35), ($36, $37, $38, $39, $40)";

/// Writes samples into the tail.
pub(super) async fn write_tail(tx: &mut Transaction<'_, Sqlite>, samples: &[Sample]) -> Result<(), StoreError> {
    let rows = tail::rows(samples).map_err(unwritable)?;
    let (eights, rest) = rows.as_chunks::<ROWS>();
    for rows in eights {
        insert(tx, EIGHT_ROWS, rows).await?;
    }
    for row in rest {
        insert(tx, ROW, std::slice::from_ref(row)).await?;
    }
    Ok(())
}

async fn insert(tx: &mut Transaction<'_, Sqlite>, text: &'static str, rows: &[TailRow]) -> Result<(), StoreError> {
    let mut query = sqlx::query(text);
    for row in rows {
        query = query
            .bind(row.equipment.as_str())
            .bind(row.from.as_ms())
            .bind(row.until.as_ms())
            .bind(number(row.count)?)
            .bind(row.bytes.as_slice());
    }
    query.execute(&mut **tx).await.map_err(query_error("writing samples"))?;
    Ok(())
}

/// Writes chunks; the rows whose samples they hold leave the tail, except those samples that go back into it.
pub(super) async fn write_sealed(tx: &mut Transaction<'_, Sqlite>, group: &Group) -> Result<(), StoreError> {
    let failed = query_error("writing sealed samples");
    for Chunk { reference, bytes } in &group.chunks {
        // Two occupancies may seal the very same samples of a shared instrument: one chunk, named by its hash.
        sqlx::query(
            "INSERT INTO sample_chunk (hash, tag, from_ms, until_ms, count, bytes) SELECT $1, $2, $3, $4, $5, $6 \
             WHERE NOT EXISTS (SELECT 1 FROM sample_chunk WHERE hash = $1)",
        )
        .bind(reference.hash.0.as_slice())
        .bind(reference.tag.to_string())
        .bind(reference.from.as_ms())
        .bind(reference.until.as_ms())
        .bind(number(reference.count)?)
        .bind(bytes.as_slice())
        .execute(&mut **tx)
        .await
        .map_err(&failed)?;
    }
    let leaving = take_out(tx, &group.sealed_arrivals).await?;
    let held =
        group.chunks.iter().fold(group.unsealed.len() as u64, |sum, chunk| sum.saturating_add(chunk.reference.count));
    if leaving > held {
        return Err(StoreError::Leaving { leaving, held });
    }
    write_tail(tx, &group.unsealed).await
}

/// Deletes rows of the tail; gives how many samples they held.
async fn take_out(tx: &mut Transaction<'_, Sqlite>, arrivals: &[u64]) -> Result<u64, StoreError> {
    if arrivals.is_empty() {
        return Ok(0);
    }
    let failed = query_error("writing sealed samples");
    // One list instead of a statement per row.
    let list = serde_json::to_string(arrivals).map_err(|cause| unwritable(BytesError::Cause(cause)))?;
    let held: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(count), 0) FROM sample_tail WHERE arrival IN (SELECT value FROM json_each($1))",
    )
    .bind(list.as_str())
    .fetch_one(&mut **tx)
    .await
    .map_err(&failed)?;
    sqlx::query("DELETE FROM sample_tail WHERE arrival IN (SELECT value FROM json_each($1))")
        .bind(list.as_str())
        .execute(&mut **tx)
        .await
        .map_err(&failed)?;
    Ok(held.unsigned_abs())
}

type Row = (i64, String, i64, i64, i64, Vec<u8>);

fn stored((arrival, equipment, from, until, count, bytes): Row) -> Result<TailStored, StoreError> {
    let equipment = equipment.parse().map_err(unreadable(|| format!("the equipment {equipment} of the tail")))?;
    let (from, until) = (Timestamp::from_ms(from), Timestamp::from_ms(until));
    let row = TailRow { equipment, from, until, count: count.unsigned_abs(), bytes };
    Ok(TailStored { arrival: arrival.unsigned_abs(), row })
}

pub(super) async fn tail(
    pool: &SqlitePool,
    equipment: &EquipmentId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<TailStored>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT arrival, equipment, from_ms, until_ms, count, bytes FROM sample_tail \
         WHERE equipment = $1 AND until_ms >= $2 AND until_ms < $4 AND from_ms < $3 ORDER BY arrival",
    )
    .bind(equipment.to_string())
    .bind(from.as_ms())
    .bind(until.as_ms())
    .bind(until.as_ms().saturating_add(tail::ROW_SPAN_MS))
    .fetch_all(pool)
    .await
    .map_err(query_error("reading unsealed samples"))?;
    rows.into_iter().map(stored).collect()
}

pub(super) async fn tail_extents(pool: &SqlitePool) -> Result<Vec<TailExtent>, StoreError> {
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT equipment, min(from_ms), max(until_ms), sum(count) FROM sample_tail GROUP BY equipment ORDER BY equipment",
    )
    .fetch_all(pool)
    .await
    .map_err(query_error("reading the extent of the tail"))?;
    let read = rows.into_iter().map(|(equipment, from, until, count)| {
        let (from, until, count) = (Timestamp::from_ms(from), Timestamp::from_ms(until), count.unsigned_abs());
        let equipment = equipment.parse().map_err(unreadable(|| format!("the equipment {equipment} of the tail")))?;
        Ok(TailExtent { equipment, from, until, count })
    });
    read.collect()
}

type ChunkRow = (Vec<u8>, i64, i64, i64, Vec<u8>);

fn chunk_of(tag: &TagId, (bytes, from, until, count, body): ChunkRow) -> Result<Chunk, StoreError> {
    let (from, until, count) = (Timestamp::from_ms(from), Timestamp::from_ms(until), count.unsigned_abs());
    let hash = hash(&bytes, "the hash of a chunk")?;
    Ok(Chunk { reference: ChunkRef { tag: tag.clone(), from, until, count, hash }, bytes: body })
}

pub(super) async fn chunks(
    pool: &SqlitePool,
    tag: &TagId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Chunk>, StoreError> {
    let rows: Vec<ChunkRow> = sqlx::query_as(
        "SELECT hash, from_ms, until_ms, count, bytes FROM sample_chunk \
         WHERE tag = $1 AND from_ms < $3 AND until_ms >= $2 ORDER BY from_ms, until_ms, hash",
    )
    .bind(tag.to_string())
    .bind(from.as_ms())
    .bind(until.as_ms())
    .fetch_all(pool)
    .await
    .map_err(query_error("reading sealed chunks"))?;
    rows.into_iter().map(|row| chunk_of(tag, row)).collect()
}

pub(super) async fn newest(pool: &SqlitePool, tag: &TagId) -> Result<Option<Sample>, StoreError> {
    let unsealed = newest_unsealed(pool, tag).await?;
    let row: Option<ChunkRow> = sqlx::query_as(
        "SELECT hash, from_ms, until_ms, count, bytes FROM sample_chunk WHERE tag = $1 ORDER BY until_ms DESC LIMIT 1",
    )
    .bind(tag.to_string())
    .fetch_optional(pool)
    .await
    .map_err(query_error("reading the newest chunk of a tag"))?;
    let sealed = match row {
        Some(row) => super::samples::decode(&chunk_of(tag, row)?)?.pop(),
        None => None,
    };
    Ok([unsealed, sealed].into_iter().flatten().max_by_key(|sample| (sample.receive_time, sample.seq)))
}

async fn newest_unsealed(pool: &SqlitePool, tag: &TagId) -> Result<Option<Sample>, StoreError> {
    let mut newest: Option<Sample> = None;
    for page in 0.. {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT arrival, equipment, from_ms, until_ms, count, bytes FROM sample_tail \
             WHERE equipment = $1 ORDER BY until_ms DESC, arrival DESC LIMIT $2 OFFSET $3",
        )
        .bind(tag.equipment.to_string())
        .bind(NEWEST_ROWS)
        .bind(NEWEST_ROWS * page)
        .fetch_all(pool)
        .await
        .map_err(query_error("reading the newest unsealed samples"))?;
        let last_page = rows.is_empty();
        for row in rows {
            let stored = stored(row)?;
            if newest.as_ref().is_some_and(|sample| sample.receive_time > stored.row.until) {
                return Ok(newest);
            }
            let found = super::samples::read_row(&stored, Some(&tag.name))?.into_iter();
            newest = found.chain(newest).max_by_key(|sample| (sample.receive_time, sample.seq));
        }
        if last_page {
            break;
        }
    }
    Ok(newest)
}
