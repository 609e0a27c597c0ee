//! A zip file whose bytes depend on its members only: fixed order, fixed date, no extras.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Why members could not be put into a zip file.
#[derive(Debug, thiserror::Error)]
#[error("cannot put {member} into the package")]
pub struct ArchiveError {
    /// The member.
    pub member: String,
    /// Why.
    #[source]
    pub source: zip::result::ZipError,
}

/// The zip file of some members, in the order given.
///
/// # Errors
/// When a member is too large for a zip file.
pub(crate) fn write(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ArchiveError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, bytes) in members {
        let failed = |source| ArchiveError { member: name.clone(), source };
        zip.start_file(name.as_str(), options).map_err(failed)?;
        zip.write_all(bytes).map_err(|error| failed(zip::result::ZipError::Io(error)))?;
    }
    let failed = |source| ArchiveError { member: "the list of members".to_owned(), source };
    Ok(zip.finish().map_err(failed)?.into_inner())
}
