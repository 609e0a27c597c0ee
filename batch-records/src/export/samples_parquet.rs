//! Samples as Apache Parquet, for programs that compute: typed columns, times as UTC milliseconds, what the file is in its metadata.
//!
//! `value` holds numbers and flags (0, 1); `text` holds texts, and whole numbers that a float cannot hold.

use std::sync::Arc;

use mes_core::historian::{Sample, SampleValue};
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterVersion},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};

use super::samples::{SamplesError, SamplesHead, cause, grade, number};

const SCHEMA: &str = "message samples {
    REQUIRED INT64 receive_time (TIMESTAMP(MILLIS,true));
    OPTIONAL INT64 source_time (TIMESTAMP(MILLIS,true));
    OPTIONAL INT64 server_time (TIMESTAMP(MILLIS,true));
    OPTIONAL DOUBLE value;
    OPTIONAL BYTE_ARRAY text (STRING);
    REQUIRED BYTE_ARRAY grade (STRING);
    OPTIONAL BYTE_ARRAY cause (STRING);
    REQUIRED INT64 number (INTEGER(64,false));
    REQUIRED BOOLEAN samples_lost_before;
}";
/// Columns that rise step by step.
const STEADY: [&str; 4] = ["receive_time", "source_time", "server_time", "number"];

/// A Parquet file of samples that is being written.
pub(super) struct ParquetSamples {
    writer: SerializedFileWriter<Vec<u8>>,
}

impl ParquetSamples {
    pub(super) fn new(head: &SamplesHead) -> Result<Self, SamplesError> {
        let facts = [
            ("facility", head.facility.clone()),
            ("tag", head.tag.to_string()),
            ("unit", head.unit.clone()),
            ("from", head.from.to_string()),
            ("until", head.until.to_string()),
            ("purpose", head.purpose.to_string()),
            ("mark", head.marked()),
        ];
        let facts = facts.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
        let mut properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("catapult-mes {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(facts));
        for column in STEADY {
            let path = ColumnPath::from(column);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self { writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))? })
    }

    /// Adds a row group.
    pub(super) fn write(&mut self, samples: &[Sample]) -> Result<(), SamplesError> {
        if samples.is_empty() {
            return Ok(());
        }
        let text = |sample: &Sample| match &sample.value {
            Some(SampleValue::Text(text)) => Some(ByteArray::from(text.as_str())),
            Some(value @ SampleValue::Integer(_)) if number(value).is_none() => {
                Some(ByteArray::from(value.to_string().as_str()))
            }
            _ => None,
        };
        let mut group = self.writer.next_row_group()?;
        let ms = |sample: &Sample| sample.receive_time.as_ms();
        required::<Int64Type>(&mut group, samples.iter().map(ms).collect())?;
        optional::<Int64Type>(&mut group, samples.iter().map(|sample| Some(sample.source_time?.as_ms())))?;
        optional::<Int64Type>(&mut group, samples.iter().map(|sample| Some(sample.server_time?.as_ms())))?;
        optional::<DoubleType>(&mut group, samples.iter().map(|sample| number(sample.value.as_ref()?)))?;
        optional::<ByteArrayType>(&mut group, samples.iter().map(text))?;
        let grades = samples.iter().map(|sample| ByteArray::from(grade(sample.quality.grade)));
        required::<ByteArrayType>(&mut group, grades.collect())?;
        let causes =
            samples.iter().map(|sample| sample.quality.cause.as_ref().map(|of| ByteArray::from(cause(of).as_str())));
        optional::<ByteArrayType>(&mut group, causes)?;
        required::<Int64Type>(&mut group, samples.iter().map(|sample| sample.seq.cast_signed()).collect())?;
        required::<BoolType>(&mut group, samples.iter().map(|sample| sample.overflow).collect())?;
        group.close()?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, SamplesError> {
        Ok(self.writer.into_inner()?)
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], present: Option<&[i16]>) -> Result<(), SamplesError> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()?;
    Ok(())
}

fn required<T: DataType>(group: &mut Group<'_>, values: Vec<T::T>) -> Result<(), SamplesError> {
    column::<T>(group, &values, None)
}

fn optional<T: DataType>(group: &mut Group<'_>, cells: impl Iterator<Item = Option<T::T>>) -> Result<(), SamplesError> {
    let (mut values, mut present) = (Vec::new(), Vec::new());
    for cell in cells {
        present.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    column::<T>(group, &values, Some(&present))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::Field,
    };

    use super::super::samples::{
        SamplesForm, SamplesWriter,
        tests::{head, samples},
    };

    #[test]
    fn every_sample_reads_back_typed_and_the_file_says_what_it_is() {
        let mut writer = SamplesWriter::new(SamplesForm::Parquet, &head()).unwrap();
        writer.write(&samples()[..2]).unwrap();
        writer.write(&[]).unwrap();
        writer.write(&samples()[2..]).unwrap();
        let reader = SerializedFileReader::new(file(writer)).unwrap();
        let facts = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let fact = |key: &str| facts.iter().find(|fact| fact.key == key).unwrap().value.clone().unwrap();
        assert_eq!((fact("tag").as_str(), fact("unit").as_str(), fact("purpose").as_str()), ("BR-01/ph", "pH", "demo"));
        assert!(fact("mark").contains("not a manufacturing record") && fact("mark").contains("製造記録ではありません"));
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        assert_eq!(rows.len(), 5);
        let ms = head().from.as_ms();
        let text = |text: &str| Field::Str(text.to_owned());
        let first = [
            Field::TimestampMillis(ms + 1000),
            Field::TimestampMillis(ms - 4),
            Field::TimestampMillis(ms - 2),
            Field::Double(7.21),
            Field::Null,
            text("good"),
            Field::Null,
            Field::ULong(1),
            Field::Bool(false),
        ];
        assert_eq!(rows[0], first);
        assert_eq!((&rows[1][1], &rows[1][3], &rows[1][6]), (&Field::Null, &Field::Null, &text("link_down")));
        assert_eq!((&rows[2][4], &rows[2][8]), (&text("=1,\"x\""), &Field::Bool(true)));
        assert_eq!((&rows[3][3], &rows[3][4]), (&Field::Null, &text("9223372036854775807")));
        assert_eq!(rows[4][3], Field::Double(1.0));
    }

    fn file(writer: SamplesWriter) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&writer.finish().unwrap()).unwrap();
        file
    }
}
