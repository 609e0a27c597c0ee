//! Reports of closed devices: files that such a device writes and this system takes in as they are.
//!
//! The bytes are kept beside the journal under their SHA-256, which the entry names; what a mapping read out of them stands in
//! the entry. Nothing here reads a file.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    historian::SampleValue,
    id::{BatchId, EquipmentId, TagName},
    journal::{EntryId, Hash},
    quantity::{Bilingual, Unit},
};

/// Largest report, in bytes.
pub const REPORT_BYTES_MAX: u64 = 32 << 20;
/// Most characters of the name, of a text value and of a lot that are kept.
pub const REPORT_TEXT_MAX: usize = 200;

/// A file that a closed device wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceReport {
    /// The device.
    pub equipment: EquipmentId,
    /// Name of the file, without its folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Number of its bytes.
    pub bytes: u64,
    /// When it was last written (facility time), by the age that the folder gives it.
    pub written: Timestamp,
    /// The device template whose mapping read it.
    pub template: String,
    /// Its version.
    pub template_version: u32,
    /// The lot that it says it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// It should say a lot, and none could be read: whose it is, is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lot_unread: bool,
    /// What the mapping read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ReportedValue>,
    /// What the mapping could not read, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Bilingual>,
}

/// One value of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedValue {
    /// The device's tag.
    pub tag: TagName,
    /// The value as it stands in the file.
    pub value: SampleValue,
    /// Its unit.
    pub unit: Unit,
}

/// A report as it was entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiledReport {
    /// The report.
    pub report: DeviceReport,
    /// The batch that it was entered with; none for the facility.
    pub batch: Option<BatchId>,
    /// When it was entered (facility time).
    pub at: Timestamp,
    /// The entry.
    pub entry: EntryId,
}
