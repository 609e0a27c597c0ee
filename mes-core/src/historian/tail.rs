//! The bytes of a row of the unsealed tail: samples of one piece of equipment that were written together.
//!
//! One byte for the form, the tags' names, then for each sample the place of its tag and its record (`bytes.rs`). A row is
//! never evidence and lives until its samples are sealed. Rows of a first form, one sample as JSON, are read too. This file
//! does not store.

use super::{
    bytes::{BytesError, Reader, put_block, put_number, put_record, read_record},
    sample::Sample,
};
use crate::{
    clock::Timestamp,
    id::{EquipmentId, TagId, TagName},
};

/// A row lies within one full hour of receive time, so that the rows of a period are found without looking at later ones.
pub const ROW_SPAN_MS: i64 = 3_600_000;
/// The first byte of a row of JSON.
const JSON: u8 = b'{';
/// The first byte of a row of records.
const RECORDS: u8 = 1;

/// A row of the tail, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRow {
    /// Whose samples.
    pub equipment: EquipmentId,
    /// Receive time of the first sample.
    pub from: Timestamp,
    /// Receive time of the last sample.
    pub until: Timestamp,
    /// Number of samples.
    pub count: u64,
    /// The samples.
    pub bytes: Vec<u8>,
}

struct Open<'a> {
    equipment: &'a EquipmentId,
    from: Timestamp,
    until: Timestamp,
    count: u64,
    names: Vec<&'a TagName>,
    records: Vec<u8>,
}

/// Samples of any equipment as rows: one for each piece of equipment and hour.
///
/// # Errors
/// When a sample cannot be written.
pub fn rows(samples: &[Sample]) -> Result<Vec<TailRow>, BytesError> {
    let mut open: Vec<Open<'_>> = Vec::new();
    for sample in samples {
        let equipment = &sample.tag.equipment;
        // Samples come device by device: the last row is nearly always the right one.
        let fits = |row: &Open<'_>| row.equipment == equipment && hour(row.from) == hour(sample.receive_time);
        let at = open.iter().rposition(fits).unwrap_or(open.len());
        if at == open.len() {
            let (from, until) = (sample.receive_time, sample.receive_time);
            open.push(Open { equipment, from, until, count: 0, names: Vec::new(), records: Vec::new() });
        }
        let Some(row) = open.get_mut(at) else { continue };
        let name = &sample.tag.name;
        let place = row.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            row.names.push(name);
            row.names.len() - 1
        });
        row.from = row.from.min(sample.receive_time);
        row.until = row.until.max(sample.receive_time);
        row.count += 1;
        put_number(&mut row.records, place as u64);
        put_record(&mut row.records, sample)?;
    }
    let close = |row: Open<'_>| {
        let mut bytes = vec![RECORDS];
        put_number(&mut bytes, row.names.len() as u64);
        row.names.iter().for_each(|name| put_block(&mut bytes, name.as_str().as_bytes()));
        bytes.extend(row.records);
        TailRow { equipment: row.equipment.clone(), from: row.from, until: row.until, count: row.count, bytes }
    };
    Ok(open.into_iter().map(close).collect())
}

fn hour(at: Timestamp) -> i64 {
    at.as_ms().div_euclid(ROW_SPAN_MS)
}

/// Reads a row, in the order in which its samples came; those of one tag only, when `only` names one.
///
/// # Errors
/// When the bytes are not a row.
pub fn read(equipment: &EquipmentId, bytes: &[u8], only: Option<&TagName>) -> Result<Vec<Sample>, BytesError> {
    let mut reader = Reader::new(bytes);
    match bytes.first() {
        Some(&JSON) => {
            let sample: Sample = serde_json::from_slice(bytes).map_err(BytesError::Cause)?;
            return Ok(Vec::from_iter(only.is_none_or(|name| sample.tag.name == *name).then_some(sample)));
        }
        Some(&RECORDS) => reader.byte()?,
        _ => return Err(BytesError::Form("there is no such row of the tail")),
    };
    let mut tags = Vec::new();
    for _ in 0..reader.length()?.min(bytes.len()) {
        let name = TagName::parse(reader.text()?).map_err(|_| BytesError::Form("a tag has no name"))?;
        let wanted = only.is_none_or(|only| *only == name);
        tags.push(wanted.then(|| TagId::new(equipment.clone(), name)));
    }
    let mut samples = Vec::new();
    while !reader.is_empty() {
        let tag = tags.get(reader.length()?).ok_or(BytesError::Form("a sample is of no tag"))?;
        samples.extend(read_record(&mut reader, tag.as_ref())?);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::historian::chunk::tests::any_samples;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_row_gives_every_sample_back_and_those_of_one_tag_alone(
            co2 in any_samples("INC-01/co2"), door in any_samples("INC-01/door"), other in any_samples("BR-01/ph"),
        ) {
            let all = [co2.clone(), other.clone(), door.clone()].concat();
            let rows = rows(&all).unwrap();
            let read_all = |only: Option<&str>| {
                let only = only.map(|name| name.parse().unwrap());
                let of = |row: &TailRow| read(&row.equipment, &row.bytes, only.as_ref()).unwrap();
                rows.iter().filter(|row| row.equipment.as_str() == "INC-01").flat_map(of).collect::<Vec<_>>()
            };
            let in_order = |samples: Vec<Sample>| {
                let mut samples = samples;
                samples.sort_by_key(|sample| hour(sample.receive_time));
                samples
            };
            prop_assert_eq!(in_order(read_all(None)), in_order([co2.clone(), door.clone()].concat()));
            prop_assert_eq!(in_order(read_all(Some("door"))), in_order(door.clone()));
            prop_assert_eq!(read_all(Some("ph")), vec![]);
            prop_assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), all.len() as u64);
            for row in &rows {
                let times = read(&row.equipment, &row.bytes, None).unwrap();
                let times = times.iter().map(|sample| sample.receive_time);
                prop_assert_eq!((Some(row.from), Some(row.until)), (times.clone().min(), times.max()));
                prop_assert_eq!(hour(row.from), hour(row.until));
            }
        }

        #[test]
        fn bytes_that_are_no_row_are_refused_and_never_believed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&"INC-01".parse().unwrap(), &bytes, None);
            let _ = read(&"INC-01".parse().unwrap(), &[&[RECORDS], bytes.as_slice()].concat(), None);
        }
    }

    #[test]
    fn a_row_of_the_first_form_is_read() {
        let bytes = br#"{"tag":"INC-01/co2","value":{"real":"5.01"},"quality":{"grade":"good"},"source_time":null,"receive_time":"2026-07-01T05:00:00.000Z","seq":7,"overflow":false}"#;
        let read = read(&"INC-01".parse().unwrap(), bytes, None).unwrap();
        assert_eq!((read[0].seq, read[0].server_time), (7, None));
    }
}
