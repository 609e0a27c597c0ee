//! The PDF: it conforms, carries its data, and is the same for the same entries.

use batch_records::{BatchRecord, export::pdf};

use crate::story::Story;

fn count(bytes: &[u8], wanted: &str) -> usize {
    bytes.windows(wanted.len()).filter(|window| *window == wanted.as_bytes()).count()
}

#[test]
fn doc_01_the_pdf_is_pdf_a_3_with_its_data_attached_and_the_same_for_the_same_entries() {
    let story = Story::released();
    let record = BatchRecord::from_entries(&story.entries, &story.chunks).unwrap();
    let bytes = pdf::render(&record).unwrap();
    if let Ok(folder) = std::env::var("RECORD_PDF_DIR") {
        std::fs::write(format!("{folder}/record.pdf"), &bytes).unwrap();
    }
    assert!(bytes.starts_with(b"%PDF-1.7"));
    assert_eq!((count(&bytes, "<pdfaid:part>3<"), count(&bytes, "<pdfaid:conformance>A<")), (1, 1));
    for name in ["record.json", "audit-trail.json", "audit-trail.csv", "trends.csv"] {
        assert!(count(&bytes, name) > 0, "{name}");
    }
    assert_eq!(count(&bytes, "/AFRelationship/Source"), 1);
    assert_eq!(count(&bytes, "/AFRelationship/Data"), 2);
    assert!(bytes == pdf::render(&record).unwrap(), "a second rendering differs");
}
