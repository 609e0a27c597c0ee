//! The part of a template that speaks of a closed device's reports: which files they are, and where a value stands in one.
//!
//! It says where to look; `file_drop/` looks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which files in the folder of a closed device are its reports, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileMap {
    /// How the names of reports end, e.g. `[.csv, .pdf]`; capitals do not matter. Other files are left where they are.
    pub endings: Vec<String>,
    /// A file is finished when it has not changed for so long, in seconds of wall time.
    #[serde(default = "settle_s")]
    pub settle_s: u32,
    /// What is read; missing: reports are kept and not read. A report that does not end so (a PDF beside a CSV) is only kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ReportFormat>,
    /// How its letters are written, where a byte-order mark does not say it.
    #[serde(default, skip_serializing_if = "is_utf8")]
    pub encoding: TextEncoding,
    /// What stands between two cells of a CSV file.
    #[serde(default = "comma", skip_serializing_if = "is_comma")]
    pub delimiter: char,
    /// Numbers have a comma where others have a point.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decimal_comma: bool,
    /// Where the lot stands that the report is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<FilePoint>,
}

/// A form of report that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// Rows of cells; files that end in `.csv`, `.txt` or `.tsv`.
    Csv,
    /// Files that end in `.xml`.
    Xml,
}

/// How the letters of a report are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// Shift_JIS, as Japanese devices often write it.
    ShiftJis,
}

/// Where a value stands in a report: one of `label`, `column` and `path`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePoint {
    /// CSV: in the cell to the right of the only cell that reads so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// CSV: the last filled cell below the heading that reads so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// XML: names of elements from the root on, `Report/Result/F0`; at the end may stand an attribute, `Report/@lot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// It is a text, not a number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
    /// What must stand behind the number, e.g. its unit; without it a cell must hold the number alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

fn settle_s() -> u32 {
    3
}

fn comma() -> char {
    ','
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_comma(delimiter: &char) -> bool {
    *delimiter == comma()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_utf8(encoding: &TextEncoding) -> bool {
    *encoding == TextEncoding::Utf8
}

impl ReportFormat {
    /// Whether a file of this name has this form.
    pub fn is_of(self, name: &str) -> bool {
        let endings: &[&str] = match self {
            Self::Csv => &[".csv", ".txt", ".tsv"],
            Self::Xml => &[".xml"],
        };
        endings.iter().any(|ending| ends_so(name, ending))
    }
}

/// Whether a name ends so, whatever its capitals.
fn ends_so(name: &str, ending: &str) -> bool {
    name.to_lowercase().ends_with(&ending.to_lowercase())
}

impl FileMap {
    /// Whether a file of this name is a report.
    pub fn is_report(&self, name: &str) -> bool {
        self.endings.iter().any(|ending| ends_so(name, ending))
    }
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.endings.is_empty() || self.endings.iter().any(|ending| ending.trim().len() < 2) {
            return Err("endings names how reports end, e.g. [.csv, .pdf]");
        }
        if !(1..=3600).contains(&self.settle_s) {
            return Err("settle_s must be from 1 to 3600 seconds");
        }
        if !self.delimiter.is_ascii() {
            return Err("delimiter is one of the ASCII characters, e.g. \";\"");
        }
        self.lot.as_ref().map_or(Ok(()), |point| point.check(self.format))
    }
}

impl FilePoint {
    pub(super) fn check(&self, format: Option<ReportFormat>) -> Result<(), &'static str> {
        match (format, &self.label, &self.column, &self.path) {
            (Some(ReportFormat::Csv), Some(_), None, None)
            | (Some(ReportFormat::Csv), None, Some(_), None)
            | (Some(ReportFormat::Xml), None, None, Some(_)) => Ok(()),
            (None, ..) => Err("a value is read only where file says format: csv or format: xml"),
            (Some(ReportFormat::Csv), ..) => Err("in a CSV file a value stands at a label or in a column"),
            (Some(ReportFormat::Xml), ..) => Err("in an XML file a value stands at a path"),
        }
    }
}
