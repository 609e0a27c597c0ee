//! Samples as CSV: a line for each, every column in every line, so that a line still says what it is when it is cut out.

use mes_core::historian::Sample;

use super::samples::{SamplesError, SamplesHead, cause, grade};
use crate::trend::not_a_formula;

const COLUMNS: [&str; 11] = [
    "tag",
    "unit",
    "receive_time",
    "source_time",
    "server_time",
    "value",
    "grade",
    "cause",
    "number",
    "samples_lost_before",
    "purpose",
];

/// A CSV file of samples that is being written.
pub(super) struct CsvSamples {
    head: SamplesHead,
    writer: csv::Writer<Vec<u8>>,
}

impl CsvSamples {
    pub(super) fn new(head: &SamplesHead) -> Result<Self, SamplesError> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(COLUMNS).map_err(SamplesError::Csv)?;
        Ok(Self { head: head.clone(), writer })
    }

    pub(super) fn write(&mut self, samples: &[Sample]) -> Result<(), SamplesError> {
        let purpose = self.head.marked();
        let tag = self.head.tag.to_string();
        for sample in samples {
            let time = |at: Option<mes_core::clock::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
            let value = sample.value.as_ref().map(ToString::to_string).unwrap_or_default();
            let cells = [
                not_a_formula(&tag),
                not_a_formula(&self.head.unit),
                sample.receive_time.to_string(),
                time(sample.source_time),
                time(sample.server_time),
                not_a_formula(&value),
                grade(sample.quality.grade).to_owned(),
                not_a_formula(&sample.quality.cause.as_ref().map(cause).unwrap_or_default()),
                sample.seq.to_string(),
                sample.overflow.to_string(),
                purpose.clone(),
            ];
            self.writer.write_record(cells).map_err(SamplesError::Csv)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, SamplesError> {
        self.writer.into_inner().map_err(|error| SamplesError::Finish(error.into_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{
        SamplesForm, SamplesWriter,
        tests::{head, samples},
    };

    #[test]
    fn every_sample_is_a_line_that_says_what_it_is() {
        let mut writer = SamplesWriter::new(SamplesForm::Csv, &head()).unwrap();
        writer.write(&samples()[..2]).unwrap();
        writer.write(&samples()[2..]).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        let mark = "Demo – not a manufacturing record / デモ – 製造記録ではありません";
        let expected = [
            "tag,unit,receive_time,source_time,server_time,value,grade,cause,number,samples_lost_before,purpose"
                .to_owned(),
            format!(
                "BR-01/ph,pH,2026-07-01T05:00:01.000Z,2026-07-01T04:59:59.996Z,2026-07-01T04:59:59.998Z,7.21,good,,1,false,{mark}"
            ),
            format!("BR-01/ph,pH,2026-07-01T05:00:02.000Z,,,,bad,link_down,2,false,{mark}"),
            format!(
                "BR-01/ph,pH,2026-07-01T05:00:03.000Z,2026-07-01T04:59:59.996Z,,\"'=1,\"\"x\"\"\",uncertain,device:0x8,3,true,{mark}"
            ),
            format!(
                "BR-01/ph,pH,2026-07-01T05:00:04.000Z,2026-07-01T04:59:59.996Z,,9223372036854775807,good,,4,false,{mark}"
            ),
            format!("BR-01/ph,pH,2026-07-01T05:00:05.000Z,2026-07-01T04:59:59.996Z,,true,good,,5,false,{mark}"),
        ];
        assert_eq!(text.split("\r\n").filter(|line| !line.is_empty()).collect::<Vec<_>>(), expected);
    }
}
