//! The peers of the historian: Parquet with zstd, and a SQLite row per sample.

use std::sync::Arc;

use mes_core::{
    clock::Clock,
    historian::{Sample, SampleValue},
};
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{DoubleType, Int64Type},
    file::{
        properties::{WriterProperties, WriterVersion},
        reader::{FileReader, SerializedFileReader},
        writer::SerializedFileWriter,
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// What a peer did.
pub(crate) struct Peer {
    pub(crate) bytes: usize,
    pub(crate) write_s: f64,
    pub(crate) read_s: f64,
}

/// Processor time of this process so far, in seconds.
pub(crate) fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn value(sample: &Sample) -> f64 {
    sample.value.as_ref().and_then(SampleValue::to_f64).unwrap()
}

/// All columns of all tags in one file: times and numbers as packed differences, values once with a dictionary and once as split
/// bytes, whichever is smaller; quality as a column of zeros.
pub(crate) fn parquet(tags: &[Vec<Sample>]) -> Peer {
    let best = |dictionary: bool| {
        let start = Clock::wall();
        let bytes = parquet_file(tags, dictionary);
        (bytes, start.elapsed().as_secs_f64())
    };
    let (with, without) = (best(true), best(false));
    let (bytes, write_s) = if with.0.len() < without.0.len() { with } else { without };
    let size = bytes.len();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let start = Clock::wall();
    let reader = SerializedFileReader::new(file).unwrap();
    let mut read = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).unwrap();
        for column in 0..group.num_columns() {
            let rows = usize::try_from(group.metadata().num_rows()).unwrap();
            match group.get_column_reader(column).unwrap() {
                parquet::column::reader::ColumnReader::Int64ColumnReader(mut reader) => {
                    read += reader.read_records(rows, None, None, &mut Vec::with_capacity(rows)).unwrap().0;
                }
                parquet::column::reader::ColumnReader::DoubleColumnReader(mut reader) => {
                    read += reader.read_records(rows, None, None, &mut Vec::with_capacity(rows)).unwrap().0;
                }
                _ => {}
            }
        }
    }
    assert!(read > 0);
    Peer { bytes: size, write_s, read_s: start.elapsed().as_secs_f64() }
}

fn parquet_file(tags: &[Vec<Sample>], dictionary: bool) -> Vec<u8> {
    let schema = "message m { REQUIRED INT64 receive; REQUIRED INT64 source; REQUIRED INT64 server; REQUIRED DOUBLE value; \
                  REQUIRED INT64 quality; REQUIRED INT64 number; }";
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()));
    for column in ["receive", "source", "server", "number"] {
        let path = ColumnPath::from(column);
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    if !dictionary {
        let path = ColumnPath::from("value");
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        properties = properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT);
    }
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    for tag in tags {
        let mut group = writer.next_row_group().unwrap();
        let time = |of: fn(&Sample) -> i64| tag.iter().map(of).collect::<Vec<i64>>();
        let integers = [
            time(|s| s.receive_time.as_ms()),
            time(|s| s.source_time.unwrap().as_ms()),
            time(|s| s.server_time.unwrap().as_ms()),
        ];
        for column in integers {
            write_integers(&mut group, &column);
        }
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<f64> = tag.iter().map(value).collect();
        column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        write_integers(&mut group, &vec![0; tag.len()]);
        write_integers(&mut group, &time(|s| s.seq.cast_signed()));
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn write_integers(group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, Vec<u8>>, values: &[i64]) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
}

async fn open(folder: &tempfile::TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("rows.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await.unwrap();
    let table = "CREATE TABLE sample (tag INTEGER NOT NULL, receive INTEGER NOT NULL, source INTEGER, server INTEGER, \
                 value REAL, quality INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, receive, number)) WITHOUT ROWID";
    sqlx::query(table).execute(&mut connection).await.unwrap();
    connection
}

async fn insert(connection: &mut SqliteConnection, groups: &[Vec<(i64, &Sample)>]) {
    for group in groups {
        let mut transaction = connection.begin().await.unwrap();
        for (tag, sample) in group {
            sqlx::query("INSERT INTO sample VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(tag)
                .bind(sample.receive_time.as_ms())
                .bind(sample.source_time.map(|at| at.as_ms()))
                .bind(sample.server_time.map(|at| at.as_ms()))
                .bind(value(sample))
                .bind(0)
                .bind(sample.seq.cast_signed())
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

/// One hour of some tags as rows; the size is that of the closed file.
pub(crate) fn rows(tags: &[Vec<Sample>]) -> Peer {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let count: usize = tags.iter().map(Vec::len).sum();
    let hour: Vec<Vec<&Sample>> = tags.iter().map(|tag| tag.iter().take(3_600).collect()).collect();
    let longest = hour.iter().map(Vec::len).max().unwrap_or_default();
    let at = |second: usize| (0..).zip(&hour).filter_map(|(tag, of)| Some((tag, *of.get(second)?))).collect::<Vec<_>>();
    let seconds: Vec<Vec<(i64, &Sample)>> = (0..longest).map(at).collect();
    let groups: Vec<Vec<(i64, &Sample)>> = seconds.chunks(1_500 / tags.len()).map(<[_]>::concat).collect();
    let hour_count: usize = hour.iter().map(Vec::len).sum();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut connection = open(&folder).await;
        let start = Clock::wall();
        insert(&mut connection, &groups).await;
        let write_s = start.elapsed().as_secs_f64();
        let start = Clock::wall();
        let read: Vec<(i64, i64, i64, f64, i64, i64)> =
            sqlx::query_as("SELECT receive, source, server, value, quality, number FROM sample ORDER BY tag, receive")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let read_s = start.elapsed().as_secs_f64();
        assert_eq!(read.len(), hour_count);
        connection.close().await.unwrap();
        let bytes = usize::try_from(std::fs::metadata(folder.path().join("rows.db")).unwrap().len()).unwrap();
        // Measured on an hour, stated for the day.
        let scale = count as f64 / hour_count as f64;
        Peer { bytes: (bytes as f64 * scale) as usize, write_s: write_s * scale, read_s: read_s * scale }
    })
}

/// Groups of samples as rows, a transaction for each group: seconds, and processor seconds.
pub(crate) fn rows_by_the_second(groups: &[Vec<Sample>]) -> (f64, f64) {
    let numbered: Vec<Vec<(i64, &Sample)>> = groups.iter().map(|group| (0..).zip(group).collect()).collect();
    let folder = tempfile::tempdir().unwrap();
    // Called from within a runtime: the rows are written on a thread of their own.
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let mut connection = open(&folder).await;
                let (start, cpu) = (Clock::wall(), cpu_s());
                insert(&mut connection, &numbered).await;
                (start.elapsed().as_secs_f64(), cpu_s() - cpu)
            })
        });
        work.join().unwrap()
    })
}
