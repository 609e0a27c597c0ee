//! Evidence packages seen from outside: their members, put together again, verified with the facility's key. No test stands here.

use std::io::{Cursor, Read, Write};

use batch_records::verify::{Report, Status, VerifyOptions, verify};
use mes_core::{journal::FacilityPublicKey, quantity::Language};
use tests::Facility;
use zip::{DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// The members of a package, in their order.
pub(crate) fn members(package: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(package)).unwrap();
    let count = zip.len();
    let read = |index| {
        let mut member = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        (member.name().unwrap().into_owned(), content)
    };
    (0..count).map(read).collect()
}

/// One member.
pub(crate) fn member(package: &[u8], name: &str) -> Vec<u8> {
    members(package).into_iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no member {name}")).1
}

/// A zip file of members, as the export writes one.
pub(crate) fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o644);
    for (name, bytes) in members {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What the verifier says of a package, given a key.
pub(crate) fn judged(package: &[u8], key: &FacilityPublicKey) -> Report {
    verify(package, &VerifyOptions { keys: std::slice::from_ref(key), since: None, render_pdf: false })
}

/// Asserts that a package verifies with the facility's key, its PDF rendered again.
pub(crate) fn verified(facility: &Facility, package: &[u8]) -> Report {
    let key = facility.app.key.public();
    let options = VerifyOptions { keys: std::slice::from_ref(&key), since: None, render_pdf: true };
    let report = verify(package, &options);
    assert_eq!(report.status, Status::Verified, "{}", report.text(Language::En));
    report
}
