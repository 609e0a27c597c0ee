//! The PDF: it conforms and carries its data. That it is the same for the same entries shows in `verify.rs`.

use batch_records::{BatchRecord, export::pdf};

use crate::{
    evidence::{package, unzip},
    story::Story,
};

fn count(bytes: &[u8], wanted: &str) -> usize {
    bytes.windows(wanted.len()).filter(|window| *window == wanted.as_bytes()).count()
}

#[test]
fn doc_01_the_pdf_is_pdf_a_3_with_its_data_attached() {
    let bytes = &unzip(&package().bytes)["record.pdf"];
    if let Ok(folder) = std::env::var("RECORD_PDF_DIR") {
        std::fs::write(format!("{folder}/record.pdf"), bytes).unwrap();
    }
    assert!(bytes.starts_with(b"%PDF-1.7"));
    assert_eq!((count(bytes, "<pdfaid:part>3<"), count(bytes, "<pdfaid:conformance>A<")), (1, 1));
    for name in ["record.json", "audit-trail.json", "audit-trail.csv", "trends.csv"] {
        assert!(count(bytes, name) > 0, "{name}");
    }
    assert_eq!(count(bytes, "/AFRelationship/Source"), 1);
    assert_eq!(count(bytes, "/AFRelationship/Data"), 2);
}

#[test]
fn whatever_a_person_wrote_can_be_printed_and_is_never_markup() {
    let mut story = Story::begun();
    for text in [
        "#set page(fill: red) #panic(\"x\") $x^2$ *b* _i_ `r` @ref <label> // c /* d */ \\ = h",
        "\u{202e}reversed\u{202c} \u{1f9ec} \t tab \u{0} nul \r\n two\nlines \u{fffd} שלום",
        &"あ".repeat(4000),
        &"x".repeat(4000),
    ] {
        story.comment(text);
    }
    let record = BatchRecord::from_entries(&story.entries, &story.chunks).unwrap();
    assert!(pdf::render(&record).unwrap().starts_with(b"%PDF-1.7"));
}
