//! Every sample of one tag and range as a file that other programs read: CSV or Parquet.
//!
//! The file says for what purpose its journal is kept; a file that is not of a production journal says that it is no manufacturing
//! record. It carries no proof: for that there is the evidence package. Nothing is thinned, filled or interpolated.

use mes_core::{
    clock::Timestamp,
    historian::{Cause, Grade, Sample, SampleValue},
    id::TagId,
    journal::Purpose,
};

use super::{samples_csv::CsvSamples, samples_parquet::ParquetSamples};

/// What a file of samples says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplesHead {
    /// The facility's name.
    pub facility: String,
    /// Tag.
    pub tag: TagId,
    /// Unit as shown; empty where there is none.
    pub unit: String,
    /// Start of the range, inclusive.
    pub from: Timestamp,
    /// End of the range, exclusive.
    pub until: Timestamp,
    /// What the journal is for.
    pub purpose: Purpose,
}

impl SamplesHead {
    /// The purpose, with the mark of what is no manufacturing record.
    pub(super) fn marked(&self) -> String {
        match (self.purpose.mark_en(), self.purpose.mark_ja()) {
            (Some(en), Some(ja)) => format!("{en} / {ja}"),
            _ => self.purpose.to_string(),
        }
    }
}

/// The form of a file of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplesForm {
    /// Comma-separated values (RFC 4180), UTF-8.
    Csv,
    /// Apache Parquet, compressed with zstd.
    Parquet,
}

impl SamplesForm {
    /// All forms with their written names, which are also the endings of files.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Csv, "csv"), (Self::Parquet, "parquet")];
    /// Media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl std::str::FromStr for SamplesForm {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let form = Self::ALL.iter().find(|(_, name)| *name == text).map(|(form, _)| *form);
        form.ok_or_else(|| format!("\"{text}\" is neither csv nor parquet"))
    }
}

/// Why samples cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The CSV writer failed.
    #[error("the samples cannot be written as CSV")]
    Csv(#[source] csv::Error),
    /// The Parquet writer failed.
    #[error("the samples cannot be written as Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The file could not be finished.
    #[error("the file of samples cannot be finished")]
    Finish(#[source] std::io::Error),
}

enum Form {
    Csv(Box<CsvSamples>),
    Parquet(Box<ParquetSamples>),
}

/// Writes a file of samples piece by piece, so that the whole range need not be in memory as samples.
pub struct SamplesWriter(Form);

impl SamplesWriter {
    /// An empty file.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn new(form: SamplesForm, head: &SamplesHead) -> Result<Self, SamplesError> {
        Ok(Self(match form {
            SamplesForm::Csv => Form::Csv(Box::new(CsvSamples::new(head)?)),
            SamplesForm::Parquet => Form::Parquet(Box::new(ParquetSamples::new(head)?)),
        }))
    }
    /// Adds samples, in order of receive time.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&mut self, samples: &[Sample]) -> Result<(), SamplesError> {
        match &mut self.0 {
            Form::Csv(csv) => csv.write(samples),
            Form::Parquet(parquet) => parquet.write(samples),
        }
    }
    /// The finished file.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(self) -> Result<Vec<u8>, SamplesError> {
        match self.0 {
            Form::Csv(csv) => csv.finish(),
            Form::Parquet(parquet) => parquet.finish(),
        }
    }
}

/// A grade as files write it.
pub(super) fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Good => "good",
        Grade::Uncertain => "uncertain",
        Grade::Bad => "bad",
    }
}

/// A cause as files write it: as in the journal, a device's own code after a colon.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::NotYetRead => "not_yet_read".to_owned(),
        Cause::LinkDown => "link_down".to_owned(),
        Cause::Stale => "stale".to_owned(),
        Cause::SensorFault => "sensor_fault".to_owned(),
        Cause::OutOfRange => "out_of_range".to_owned(),
        Cause::Device(code) => format!("device:{code}"),
        Cause::ClockSkew => "clock_skew".to_owned(),
    }
}

/// Whole numbers beyond this are not exact as floats.
const EXACT_MAX: u64 = 1 << 53;

/// A value as a float, where that is exact.
pub(super) fn number(value: &SampleValue) -> Option<f64> {
    match value {
        SampleValue::Integer(whole) if whole.unsigned_abs() > EXACT_MAX => None,
        other => other.to_f64(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use mes_core::historian::Quality;

    use super::*;

    pub(crate) fn head() -> SamplesHead {
        let from: Timestamp = "2026-07-01T05:00:00Z".parse().unwrap();
        SamplesHead {
            facility: "Test facility".to_owned(),
            tag: "BR-01/ph".parse().unwrap(),
            unit: "pH".to_owned(),
            from,
            until: from.plus_s(3600),
            purpose: Purpose::Demo,
        }
    }

    pub(crate) fn samples() -> Vec<Sample> {
        let from = head().from;
        let sample = |n: u64, value, quality| Sample {
            tag: head().tag,
            value,
            quality,
            source_time: (n != 2).then(|| from.plus_ms(-4)),
            server_time: (n == 1).then(|| from.plus_ms(-2)),
            receive_time: from.plus_s(n.cast_signed()),
            seq: n,
            overflow: n == 3,
        };
        vec![
            sample(1, Some(SampleValue::Real(7.21)), Quality::GOOD),
            sample(2, None, Quality::bad(Cause::LinkDown)),
            sample(
                3,
                Some(SampleValue::Text("=1,\"x\"".to_owned())),
                Quality::uncertain(Cause::Device("0x8".to_owned())),
            ),
            sample(4, Some(SampleValue::Integer(i64::MAX)), Quality::GOOD),
            sample(5, Some(SampleValue::Flag(true)), Quality::GOOD),
        ]
    }

    #[test]
    fn a_form_has_a_name_and_reads_back() {
        for (form, name) in SamplesForm::ALL {
            assert_eq!(name.parse::<SamplesForm>().unwrap(), form);
        }
        assert!("xls".parse::<SamplesForm>().unwrap_err().contains("xls"));
    }
}
