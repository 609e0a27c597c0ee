//! The golden chunks: samples sealed in every form there was must be read for ever.

use std::{fs, path::Path};

use mes_core::{
    clock::Timestamp,
    historian::{Cause, Chunk, Quality, Sample, SampleValue},
    journal::encode::sha256,
};

/// Form 1, as its golden bytes.
const LINES: &str = concat!(
    r#"{"count":2,"form":"catapult-chunk-1","from":"2026-07-01T05:00:00.000Z","#,
    r#""tag":"INC-01/co2","until":"2026-07-01T05:00:01.000Z"}"#,
    "\n[1,0,-12,{\"real\":\"5.01\"}]\n",
    "[2,1000,null,null,{\"cause\":\"link_down\",\"grade\":\"bad\"},true]\n"
);
/// SHA-256 of the golden chunk of form 2.
const COLUMNS_HASH: &str = "fc2a106bed1d8b1290e55b96e5629210f48019ce3f03f436c8de455ca05e3ce6";

fn at(ms: i64) -> Timestamp {
    "2026-07-01T05:00:00Z".parse::<Timestamp>().unwrap().plus_ms(ms)
}

fn sample(seq: u64, ms: i64, value: Option<SampleValue>) -> Sample {
    Sample {
        tag: "INC-01/co2".parse().unwrap(),
        value,
        quality: Quality::GOOD,
        source_time: None,
        server_time: None,
        receive_time: at(ms),
        seq,
        overflow: false,
    }
}

/// Every kind of value, time, quality and number, and enough floats for every part of the compressor.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for n in 0..600_i64 {
        let wave = (n * n * 7 + n * 31) % 101;
        let value = match n % 20 {
            0 => SampleValue::Integer(i64::MAX - wave),
            1 => SampleValue::Flag(wave % 2 == 0),
            2 => SampleValue::Text(["Operate", "運転", ""][usize::try_from(wave % 3).unwrap()].to_owned()),
            _ => SampleValue::Real((500 + wave) as f64 / 100.0),
        };
        let source_time = (n % 7 > 0).then(|| at(n * 1000 - wave));
        let mut one = Sample { source_time, ..sample(n.unsigned_abs() + 1, n * 1000 + wave % 9, Some(value)) };
        one.server_time = (n % 5 > 0).then(|| at(n * 1000 + 3));
        match n % 97 {
            10 => one = Sample { value: None, quality: Quality::bad(Cause::LinkDown), overflow: true, ..one },
            11 => one.quality = Quality::uncertain(Cause::Device("UncertainLastUsableValue".to_owned())),
            12 => one.seq = 3,
            _ => {}
        }
        samples.push(one);
    }
    samples
}

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chunk-2.bin")
}

#[test]
fn di_17_a_chunk_of_form_1_is_read_for_ever() {
    let (reference, read) = Chunk::decode(LINES.as_bytes()).unwrap();
    assert_eq!(reference.hash, sha256(&[LINES.as_bytes()]));
    let first = Sample { source_time: Some(at(-12)), ..sample(1, 0, Some(SampleValue::Real(5.01))) };
    let second = Sample { quality: Quality::bad(Cause::LinkDown), overflow: true, ..sample(2, 1000, None) };
    assert_eq!(read, [first, second]);
}

#[test]
fn di_17_a_chunk_of_form_2_is_read_for_ever() {
    let bytes = fs::read(golden()).unwrap();
    let (reference, read) = Chunk::decode(&bytes).unwrap();
    assert_eq!(reference.hash.to_string(), COLUMNS_HASH, "the golden file is never written again");
    assert_eq!(read, samples());
    // Other bytes of the same samples are as good: what they hold is compared, not how it was compressed.
    let again = Chunk::encode(&reference.tag, &samples()).unwrap();
    assert_eq!(Chunk::decode(&again.bytes).unwrap().1, read);
}

#[test]
#[ignore = "writes the golden chunk of form 2; it refuses to overwrite"]
fn write_the_golden_chunk() {
    assert!(!golden().exists(), "the golden file is never written again");
    let chunk = Chunk::encode(&"INC-01/co2".parse().unwrap(), &samples()).unwrap();
    fs::write(golden(), &chunk.bytes).unwrap();
    println!("{}", chunk.reference.hash);
}
