//! Measures the historian beside its peers, in one run: bytes per sample and speed of chunks, of Parquet with zstd and of a SQLite row
//! per sample, and the trend of one tag over 14 days. The numbers of `BENCHMARKS.md` come from here:
//! `cargo bench -p mes-core --features store --bench historian`.
//!
//! The data are those of the simulated bioreactor, at 1 Hz, with its sensors' noise and resolution, as an OPC UA driver delivers them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark stops at the first thing that is wrong")]

// The simulator's physics, compiled here: this crate may not depend on the drivers.
#[expect(dead_code, unreachable_pub, unused_imports, reason = "the drivers' own module, of which a part is used here")]
#[path = "../../../equipment-drivers/src/physics/mod.rs"]
mod physics;

mod peers;

use mes_core::{
    clock::{Clock, Timestamp},
    historian::{Chunk, Quality, Sample, SampleValue, seal::seal_free},
    id::TagId,
    store::{Group, SqliteStore, Store, due, samples_between, trend},
};
use physics::{
    Realism,
    bioreactor::{Bioreactor, Command, Shown},
};

const HOUR: usize = 3_600;
const START_MS: i64 = 1_782_864_000_000;

/// Milliseconds of jitter on the way.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    device: u64,
    network: u64,
}

/// A LAN: the device's timer within 3 ms, 2 to 12 ms to us. And a server that looks for changes every 100 ms.
const LAN: Way = Way { device: 3, network: 10 };
const POLLED: Way = Way { device: 3, network: 100 };

struct Dice(u64);

impl Dice {
    fn below(&mut self, range: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % range).unwrap()
    }
}

type Channel = (&'static str, fn(&Shown) -> f64);

const CHANNELS: [Channel; 13] = [
    ("temperature", |s| s.temperature_cel),
    ("ph", |s| s.ph),
    ("dissolved-oxygen", |s| s.oxygen_percent),
    ("agitation", |s| s.agitation_rpm),
    ("vcd", |s| s.vcd),
    ("viability", |s| s.viability_percent),
    ("glucose", |s| s.glucose_mmol_l),
    ("lactate", |s| s.lactate_mmol_l),
    ("weight", |s| s.weight_kg),
    ("feed-flow", |s| s.feed_ml_h),
    ("feed-total", |s| s.feed_total_ml),
    ("harvest-flow", |s| s.harvest_ml_h),
    ("harvest-total", |s| s.harvest_total_ml),
];

fn reactor(seed: u64) -> Bioreactor {
    let mut reactor = Bioreactor::new(seed, Timestamp::from_ms(START_MS - 6 * 3_600_000), Realism::Calm);
    reactor.command(Command::Run(true)).unwrap();
    reactor.advance_to(Timestamp::from_ms(START_MS));
    reactor.command(Command::Inoculate(120.0)).unwrap();
    reactor
}

/// What the instruments show, second by second.
fn shown(seed: u64, seconds: usize) -> Vec<Shown> {
    let mut reactor = reactor(seed);
    let at = |second: usize| Timestamp::from_ms(START_MS + second as i64 * 1000);
    (0..seconds)
        .map(|second| {
            reactor.advance_to(at(second));
            reactor.shown(at(second))
        })
        .collect()
}

/// The samples of one channel. `changes` leaves away what the driver does: a value that did not change within 4 s.
fn samples(equipment: &str, (name, of): Channel, shown: &[Shown], way: Way, changes: bool) -> Vec<Sample> {
    let tag: TagId = format!("{equipment}/{name}").parse().unwrap();
    let mut dice = Dice(name.len() as u64 * 77 + shown.len() as u64);
    let (mut last, mut seq) = ((f64::NAN, 0), 0);
    let mut all = Vec::new();
    for (second, shown) in shown.iter().enumerate() {
        let value = of(shown);
        let source = START_MS + second as i64 * 1000 + dice.below(way.device);
        let receive = source + 2 + dice.below(way.network);
        if changes && value.to_bits() == last.0.to_bits() && second < last.1 + 4 {
            continue;
        }
        (last, seq) = ((value, second), seq + 1);
        all.push(Sample {
            tag: tag.clone(),
            value: Some(SampleValue::Real(value)),
            quality: Quality::GOOD,
            source_time: Some(Timestamp::from_ms(source)),
            server_time: Some(Timestamp::from_ms(source)),
            receive_time: Timestamp::from_ms(receive),
            seq,
            overflow: false,
        });
    }
    all
}

fn hourly(samples: &[Sample]) -> impl Iterator<Item = &[Sample]> {
    samples.chunk_by(|a, b| hour(a) == hour(b))
}

fn hour(sample: &Sample) -> i64 {
    sample.receive_time.as_ms().div_euclid(3_600_000)
}

fn per(what: f64, count: usize) -> f64 {
    what / count as f64
}

fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Clock::wall();
    let done = work();
    (start.elapsed().as_secs_f64(), done)
}

/// Size and speed of one day of one bioreactor, in the three forms.
fn one_day(shown: &[Shown], title: &str, way: Way, changes: bool) {
    let tags: Vec<Vec<Sample>> =
        CHANNELS.iter().map(|channel| samples("BR-01", *channel, shown, way, changes)).collect();
    let count: usize = tags.iter().map(Vec::len).sum();
    println!("\n## One day of one bioreactor, 13 tags, {title}: {count} samples\n");
    let (took, chunks) = seconds(|| {
        let of =
            |tag: &Vec<Sample>| hourly(tag).map(|hour| Chunk::encode(&hour[0].tag, hour).unwrap()).collect::<Vec<_>>();
        tags.iter().map(of).collect::<Vec<_>>()
    });
    let size = |of: &[Chunk]| of.iter().map(|chunk| chunk.bytes.len()).sum::<usize>();
    let bytes: usize = chunks.iter().map(|of| size(of)).sum();
    let (decoding, decoded) =
        seconds(|| chunks.iter().flatten().map(|chunk| Chunk::decode(&chunk.bytes).unwrap().1.len()).sum::<usize>());
    assert_eq!(decoded, count);
    let parquet = peers::parquet(&tags);
    let rows = peers::rows(&tags);
    println!("| form | bytes per sample | written, samples/s | read, samples/s |\n|---|---|---|---|");
    let line = |name: &str, bytes: usize, write: f64, read: f64| {
        let (size, write, read) = (per(bytes as f64, count), count as f64 / write, count as f64 / read);
        println!("| {name} | {size:.2} | {write:.0} | {read:.0} |");
    };
    line("chunks of one hour (pco, expanded and compared once)", bytes, took, decoding);
    line("Parquet, zstd, a row group per tag and day", parquet.bytes, parquet.write_s, parquet.read_s);
    line("SQLite, a row per sample, a transaction per 1,500 rows", rows.bytes, rows.write_s, rows.read_s);
    println!("\n| tag | chunks, bytes per sample |\n|---|---|");
    for (samples, chunks) in tags.iter().zip(&chunks) {
        println!("| {} | {:.2} |", samples[0].tag.name, per(size(chunks) as f64, samples.len()));
    }
}

/// From samples in memory to a durable tail and on to sealed chunks, a transaction per second, beside rows in the same rhythm.
async fn store_path(devices: usize, duration_s: usize, shown: &[Shown]) {
    let names: Vec<String> = (0..devices).map(|n| format!("BR-{n:03}")).collect();
    let of = |name: &String| {
        let channels = CHANNELS[..10].iter();
        channels
            .map(|channel| samples(name, *channel, &shown[..duration_s], LAN, false).into_iter())
            .collect::<Vec<_>>()
    };
    let (chunks_s, chunks_cpu) = straight_into_chunks(names.iter().flat_map(of).map(Iterator::collect)).await;
    let mut tags: Vec<_> = names.iter().flat_map(of).collect();
    let (tag_count, count) = (tags.len(), tags.len() * duration_s);
    let groups: Vec<Vec<Sample>> =
        (0..duration_s).map(|_| tags.iter_mut().filter_map(Iterator::next).collect()).collect();
    let of_rows: Vec<Vec<Sample>> = groups.iter().take(60).cloned().collect();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("mes.db")).await.unwrap();
    let (start, cpu) = (Clock::wall(), peers::cpu_s());
    for samples in groups {
        store.append(&Group { samples, ..Group::default() }).await.unwrap();
    }
    let (tail, tail_cpu) = (start.elapsed().as_secs_f64(), peers::cpu_s() - cpu);
    let period = Timestamp::from_ms(START_MS)..Timestamp::from_ms(START_MS + 86_400_000);
    let (start, cpu) = (Clock::wall(), peers::cpu_s());
    for name in &names {
        let equipment = name.parse().unwrap();
        let due = due(&store, &equipment, &period).await.unwrap();
        let (_, chunks) = seal_free(equipment, period.clone(), due.samples, false).unwrap();
        store
            .append(&Group { chunks, sealed_arrivals: due.arrivals, unsealed: due.unsealed, ..Group::default() })
            .await
            .unwrap();
    }
    let (sealing, sealing_cpu) = (start.elapsed().as_secs_f64(), peers::cpu_s() - cpu);
    store.close().await;
    let (rows_s, rows_cpu) = peers::rows_by_the_second(&of_rows);
    let scale = duration_s as f64 / of_rows.len() as f64;
    println!(
        "\n## The way into the store: {tag_count} tags, {duration_s} s, a transaction per second, synchronous = FULL\n"
    );
    println!("| step | samples/s | CPU-s per 10,000 samples |\n|---|---|---|");
    let line = |name: &str, s: f64, cpu: f64| {
        println!("| {name} | {:.0} | {:.4} |", count as f64 / s, cpu / count as f64 * 1e4)
    };
    line("into the durable tail", tail, tail_cpu);
    line("from the tail into sealed chunks", sealing, sealing_cpu);
    line("both", tail + sealing, tail_cpu + sealing_cpu);
    line("from memory into sealed chunks of the store, a transaction per tag", chunks_s, chunks_cpu);
    line("SQLite, a row per sample (measured on a minute)", rows_s * scale, rows_cpu * scale);
}

/// Chunks made in memory and written as they are sealed: seconds, and processor seconds.
async fn straight_into_chunks(tags: impl Iterator<Item = Vec<Sample>>) -> (f64, f64) {
    let tags: Vec<Vec<Sample>> = tags.collect();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("mes.db")).await.unwrap();
    let (start, cpu) = (Clock::wall(), peers::cpu_s());
    for samples in &tags {
        let chunks = hourly(samples).map(|hour| Chunk::encode(&hour[0].tag, hour).unwrap()).collect();
        store.append(&Group { chunks, ..Group::default() }).await.unwrap();
    }
    let took = (start.elapsed().as_secs_f64(), peers::cpu_s() - cpu);
    store.close().await;
    took
}

/// The trend of one tag over 14 days at 1 Hz, from the store to JSON.
async fn two_weeks() {
    let shown = shown(7, 14 * 24 * HOUR);
    let all = samples("BR-01", CHANNELS[0], &shown, LAN, false);
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("mes.db")).await.unwrap();
    for hour in hourly(&all) {
        let chunks = vec![Chunk::encode(&hour[0].tag, hour).unwrap()];
        store.append(&Group { chunks, ..Group::default() }).await.unwrap();
    }
    let (tag, from) = (&all[0].tag, Timestamp::from_ms(START_MS));
    let range = from..from.plus_s(14 * 86_400);
    let mut times: Vec<(f64, f64, usize)> = Vec::new();
    for _ in 0..11 {
        let start = Clock::wall();
        let trend = trend(&store, tag, range.clone(), 1000).await.unwrap();
        let queried = start.elapsed().as_secs_f64() * 1000.0;
        let drawn = trend.drawn();
        let json = serde_json::to_string(&drawn).unwrap();
        times.push((start.elapsed().as_secs_f64() * 1000.0, queried, json.len()));
        assert_eq!(trend.samples, all.len() as u64);
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (whole, queried, bytes) = times[times.len() / 2];
    println!("\n## The trend of one tag over 14 days at 1 Hz: {} samples, 1,000 slices\n", all.len());
    println!("| | median of 11 | slowest |\n|---|---|---|");
    println!("| read, expanded, downsampled | {queried:.1} ms | |");
    println!("| and as JSON ({} kB) | {whole:.1} ms | {:.1} ms |", bytes / 1000, times[times.len() - 1].0);
    let (every_s, every) = {
        let start = Clock::wall();
        let all = samples_between(&store, tag, range.start, range.end).await.unwrap();
        (start.elapsed().as_secs_f64(), all.len())
    };
    println!("| every sample, checked against its content hash | {:.0} ms | |", every_s * 1000.0);
    assert_eq!(every, all.len());
}

fn main() {
    println!("# Historian, {} cores", std::thread::available_parallelism().map_or(0, usize::from));
    let day = shown(3, 24 * HOUR);
    one_day(&day, "LAN, every second", LAN, false);
    one_day(&day, "LAN, what the driver reports", LAN, true);
    one_day(&day, "a server that looks every 100 ms, every second", POLLED, false);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store_path(150, 1_800, &day));
    runtime.block_on(two_weeks());
}
