//! What a mapping reads out of a report. What it cannot read it names; it guesses nothing.

use std::borrow::Cow;

use encoding_rs::{SHIFT_JIS, UTF_8};
use mes_core::{
    historian::SampleValue,
    quantity::Bilingual,
    tenant::{REPORT_TEXT_MAX, ReportedValue},
};

use super::table::Cells;
use crate::template::{FileMap, FilePoint, ReportFormat, Template, TextEncoding};

/// What stands in a report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportContent {
    /// The lot that it says it is about.
    pub lot: Option<String>,
    /// It should say a lot, and none could be read.
    pub lot_unread: bool,
    /// The values of the tags.
    pub values: Vec<ReportedValue>,
    /// What could not be read, in words.
    pub problems: Vec<Bilingual>,
}

/// Why a value was not read.
#[derive(Clone)]
struct Unread(Bilingual);

fn unread(ja: impl Into<String>, en: impl Into<String>) -> Unread {
    Unread(Bilingual::new(ja, en))
}

/// A report in a form in which values can be looked up.
enum Document<'d> {
    Csv(Cells),
    Xml(roxmltree::Document<'d>),
}

/// Reads a report as its device's template says. One that the template does not read gives nothing, and is no problem.
pub fn read_report(template: &Template, name: &str, bytes: &[u8]) -> ReportContent {
    let mut content = ReportContent::default();
    let Some(map) = &template.file else { return content };
    let Some(format) = map.format.filter(|format| format.is_of(name)) else { return content };
    content.lot_unread = map.lot.is_some();
    let text = text(map, bytes);
    let document = match &text {
        Ok(text) => Document::read(map, format, text),
        Err(why) => Err(why.clone()),
    };
    let document = match document {
        Ok(document) => document,
        Err(Unread(why)) => {
            content.problems.push(why);
            return content;
        }
    };
    if let Some(point) = &map.lot {
        match document.find(point).and_then(|cell| short(&cell)) {
            Ok(lot) => (content.lot, content.lot_unread) = (Some(lot), false),
            Err(Unread(why)) => content.problems.push(named("製造番号", "the lot", &why)),
        }
    }
    for tag in &template.tags {
        let Some(point) = &tag.file else { continue };
        let found = document.find(point).and_then(|cell| value(map, point, &cell));
        let within = found.and_then(|value| match (tag.range, value.to_f64()) {
            (Some([low, high]), Some(number)) if !(low..=high).contains(&number) => Err(unread(
                format!("{number} は物理的にあり得る範囲 {low} – {high} の外にある"),
                format!("{number} lies outside what is physically possible, {low} – {high}"),
            )),
            _ => Ok(value),
        });
        match within {
            Ok(value) => {
                content.values.push(ReportedValue { tag: tag.name.clone(), value, unit: tag.unit.clone() });
            }
            Err(Unread(why)) => content.problems.push(named(tag.name.as_str(), tag.name.as_str(), &why)),
        }
    }
    content
}

fn named(ja: &str, en: &str, why: &Bilingual) -> Bilingual {
    Bilingual::new(format!("{ja}: {}", why.ja), format!("{en}: {}", why.en))
}

fn text<'b>(map: &FileMap, bytes: &'b [u8]) -> Result<Cow<'b, str>, Unread> {
    let encoding = match map.encoding {
        TextEncoding::Utf8 => UTF_8,
        TextEncoding::ShiftJis => SHIFT_JIS,
    };
    // A byte-order mark says it better than the template.
    let (text, used, wrong) = encoding.decode(bytes);
    if wrong {
        let name = used.name();
        return Err(unread(
            format!("文字コードが {name} ではない。テンプレートの encoding を確認すること"),
            format!("its letters are not {name}; see encoding in the device template"),
        ));
    }
    Ok(text)
}

impl<'d> Document<'d> {
    fn read(map: &FileMap, format: ReportFormat, text: &'d str) -> Result<Self, Unread> {
        match format {
            ReportFormat::Csv => {
                let cells = Cells::read(text, u8::try_from(map.delimiter).unwrap_or(b','));
                cells
                    .map(Self::Csv)
                    .map_err(|why| unread(format!("CSV として読めない({why})"), format!("it is no CSV file ({why})")))
            }
            // Without a document type nothing can be named that is not in the file.
            ReportFormat::Xml => roxmltree::Document::parse(text)
                .map(Self::Xml)
                .map_err(|why| unread(format!("XML として読めない({why})"), format!("it is no XML file ({why})"))),
        }
    }

    fn find(&self, point: &FilePoint) -> Result<String, Unread> {
        let absent = |what: &str| unread(format!("「{what}」がない"), format!("there is no \"{what}\""));
        let twice = |what: &str| unread(format!("「{what}」が複数ある"), format!("there is more than one \"{what}\""));
        match (self, &point.label, &point.column, &point.path) {
            (Self::Csv(cells), Some(label), ..) => match cells.right_of(label).as_slice() {
                [] => Err(absent(label)),
                [one] => Ok((*one).to_owned()),
                _ => Err(twice(label)),
            },
            (Self::Csv(cells), None, Some(column), _) => match cells.last_below(column).as_slice() {
                [] => Err(absent(column)),
                [one] => Ok((*one).to_owned()),
                _ => Err(twice(column)),
            },
            (Self::Xml(document), .., Some(path)) => match at(document, path).as_slice() {
                [] => Err(absent(path)),
                [one] => Ok(one.clone()),
                _ => Err(twice(path)),
            },
            _ => Err(absent("")),
        }
    }
}

/// The texts at a path; the names of elements are compared without their namespace.
fn at(document: &roxmltree::Document<'_>, path: &str) -> Vec<String> {
    let (elements, attribute) = match path.rsplit_once("/@") {
        Some((elements, attribute)) => (elements, Some(attribute)),
        None => (path, None),
    };
    let mut names = elements.split('/').filter(|name| !name.is_empty());
    let root = document.root_element();
    let mut nodes = if names.next() == Some(root.tag_name().name()) { vec![root] } else { Vec::new() };
    for name in names {
        let children = nodes.iter().flat_map(roxmltree::Node::children);
        nodes = children.filter(|node| node.is_element() && node.tag_name().name() == name).collect();
    }
    let text = |node: &roxmltree::Node<'_, '_>| match attribute {
        Some(attribute) => node.attribute(attribute).map(str::to_owned),
        None => Some(node.descendants().filter(roxmltree::Node::is_text).filter_map(|text| text.text()).collect()),
    };
    nodes.iter().filter_map(text).map(|text: String| text.trim().to_owned()).collect()
}

fn short(cell: &str) -> Result<String, Unread> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Err(unread("空欄である", "it is empty"));
    }
    if cell.chars().count() > REPORT_TEXT_MAX || cell.chars().any(char::is_control) {
        return Err(unread("長すぎるか、制御文字を含む", "it is too long, or has control characters"));
    }
    Ok(cell.to_owned())
}

fn value(map: &FileMap, point: &FilePoint, cell: &str) -> Result<SampleValue, Unread> {
    let cell = short(cell)?;
    if point.text {
        return Ok(SampleValue::Text(cell));
    }
    let bare = match &point.suffix {
        None => cell.as_str(),
        Some(suffix) => cell.strip_suffix(suffix.as_str()).ok_or_else(|| {
            unread(
                format!("「{cell}」の末尾が「{suffix}」ではない"),
                format!("\"{cell}\" does not end in \"{suffix}\""),
            )
        })?,
    };
    let written = if map.decimal_comma { bare.trim().replace(',', ".") } else { bare.trim().to_owned() };
    let plain = written.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    match written.parse::<f64>() {
        Ok(number) if plain && number.is_finite() => Ok(SampleValue::Real(number)),
        _ => Err(unread(format!("「{cell}」は数値ではない"), format!("\"{cell}\" is no number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "name: t\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: file\npoll_s: 1\nfile: { endings: [.csv, .pdf], format: csv, delimiter: \";\", decimal_comma: true, lot: { label: Lot } }\ntags:\n  - { name: f0, unit: min, access: read, range: [0, 99], stale_after_s: 9, file: { label: F0, suffix: min } }\n  - { name: temperature, unit: Cel, access: read, stale_after_s: 9, file: { column: \"T (°C)\" } }\n  - { name: program, unit: '1', access: read, stale_after_s: 9, file: { label: Program, text: true } }\n";
    const REPORT: &str =
        "Lot;MSC-0007\nProgram;Porous 134\nF0;15,2 min\n\nTime;T (°C)\n10:00;20,1\n10:10;121,4\n10:20;\n";

    fn read(yaml: &str, name: &str, bytes: &[u8]) -> ReportContent {
        read_report(&Template::parse("t.yaml", yaml).unwrap(), name, bytes)
    }

    fn said(content: &ReportContent) -> Vec<String> {
        content.values.iter().map(|one| format!("{} {} {}", one.tag, one.value, one.unit.0)).collect()
    }

    #[test]
    fn a_csv_report_is_read_by_label_and_by_column() {
        let content = read(CSV, "run.CSV", REPORT.as_bytes());
        assert_eq!(content.problems, []);
        assert_eq!(content.lot.as_deref(), Some("MSC-0007"));
        assert_eq!(said(&content), ["f0 15.2 min", "temperature 121.4 Cel", "program Porous 134 1"]);
        assert_eq!(read(CSV, "run.pdf", b"%PDF-1.7"), ReportContent::default(), "it is only kept");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_nothing_is_guessed() {
        for (from, to, problem) in [
            ("15,2 min", "15,2", "f0: \"15,2\" does not end in \"min\""),
            ("15,2 min", "about 15 min", "f0: \"about 15 min\" is no number"),
            ("15,2 min", "inf min", "f0: \"inf min\" is no number"),
            ("15,2 min", "151 min", "f0: 151 lies outside what is physically possible, 0 – 99"),
            ("F0;15,2 min", "F0;15,2 min\nF0;1,0 min", "f0: there is more than one \"F0\""),
            ("Lot;MSC-0007\n", "", "the lot: there is no \"Lot\""),
            ("Lot;MSC-0007", "Lot;", "the lot: it is empty"),
            ("T (°C)", "T (K)", "temperature: there is no \"T (°C)\""),
        ] {
            let content = read(CSV, "run.csv", REPORT.replace(from, to).as_bytes());
            let problems: Vec<_> = content.problems.iter().map(|problem| problem.en.as_str()).collect();
            assert_eq!(problems, [problem], "{to}");
        }
        let content = read(CSV, "run.csv", b"Lot;\xff\xfe\xfd");
        assert!(content.lot_unread && !read(CSV, "run.csv", REPORT.as_bytes()).lot_unread);
        assert!(content.problems[0].en.contains("its letters are not UTF-8"), "{content:?}");
    }

    #[test]
    fn shift_jis_and_a_byte_order_mark_are_understood() {
        let yaml =
            CSV.replace("label: Lot", "label: 製造番号").replace("format: csv", "format: csv, encoding: shift_jis");
        let report = REPORT.replace("Lot;", "製造番号;");
        let (bytes, _, wrong) = SHIFT_JIS.encode(&report);
        assert!(!wrong);
        assert_eq!(read(&yaml, "run.csv", &bytes).lot.as_deref(), Some("MSC-0007"));
        let marked = [b"\xEF\xBB\xBF".as_slice(), report.as_bytes()].concat();
        assert_eq!(read(&yaml, "run.csv", &marked).lot.as_deref(), Some("MSC-0007"));
    }

    #[test]
    fn an_xml_report_is_read_by_path() {
        let yaml = "name: t\nversion: 1\nvendor: v\nmodel: m\nsummary: s\nprotocol: file\npoll_s: 1\nfile: { endings: [.xml], format: xml, lot: { path: Report/@lot } }\ntags:\n  - { name: f0, unit: min, access: read, stale_after_s: 9, file: { path: Report/Result/F0 } }\n";
        let report = r#"<r:Report xmlns:r="urn:x" lot="L-1"><r:Result><r:F0> 15.2 </r:F0></r:Result></r:Report>"#;
        let content = read(yaml, "run.xml", report.as_bytes());
        assert_eq!((content.lot.as_deref(), said(&content)), (Some("L-1"), vec!["f0 15.2 min".to_owned()]));
        let broken = read(yaml, "run.xml", report.replace("</r:F0>", "").as_bytes());
        assert!(broken.problems[0].en.starts_with("it is no XML file"), "{broken:?}");
        // Entities that unfold without end are not unfolded at all.
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbb">]><Report lot="L"><Result><F0>&b;</F0></Result></Report>"#;
        assert!(read(yaml, "run.xml", bomb.as_bytes()).problems[0].en.starts_with("it is no XML file"));
    }

    #[test]
    fn a_mapping_that_makes_no_sense_is_named_with_its_tag() {
        for (from, to, expected) in [
            (
                "label: F0,",
                "path: F0,",
                "tag \"f0\", field \"file\": in a CSV file a value stands at a label or in a column",
            ),
            ("format: csv,", "", "a value is read only where file says format"),
            ("endings: [.csv, .pdf]", "endings: []", "field \"file\": endings names how reports end"),
            ("access: read, range", "access: write, range", "a closed device cannot be written to"),
            ("protocol: file", "protocol: modbus", "field \"modbus\""),
        ] {
            let error = Template::parse("t.yaml", &CSV.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
