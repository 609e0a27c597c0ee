//! Reading a package's zip file without trusting it: one strict layout, no tricks, limits before anything is unpacked.
//!
//! Members stand one after the other from the first byte, their list follows at once, and the end mark closes the file.
//! Each name stands once; local and central headers agree; nothing is encrypted, split, commented or padded. This file
//! does not know what a package holds.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use zip::ZipArchive;

use crate::manifest::name_is_fit;

/// Largest package that is read, in bytes.
pub const PACKAGE_BYTES_MAX: u64 = 2 << 30;
/// Most members.
pub const MEMBERS_MAX: usize = 60_000;
/// Largest member once unpacked, in bytes.
pub const MEMBER_BYTES_MAX: u64 = 1 << 30;
/// Largest sum of all members once unpacked, in bytes.
pub const UNPACKED_BYTES_MAX: u64 = 3 << 30;

const LOCAL_MARK: u32 = 0x0403_4b50;
const CENTRAL_MARK: u32 = 0x0201_4b50;
const END_MARK: u32 = 0x0605_4b50;
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// Flag: the name is UTF-8.
const FLAG_UTF8: u16 = 0x0800;

/// Why a zip file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveFault {
    /// It is not a zip file, or its end is missing.
    #[error("this is not a complete zip file (its end is missing): download it again")]
    NotZip,
    /// It is larger than what is read.
    #[error("{what} is larger than the limit of {limit}: refused without unpacking")]
    Limit {
        /// What is too large.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// The layout is not the plain one.
    #[error("the zip file is not laid out plainly at \"{at}\": {why}")]
    Layout {
        /// Member, or place.
        at: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A name is there twice.
    #[error("the member \"{0}\" is there twice")]
    Twice(String),
    /// A name is not allowed.
    #[error("the member name \"{0}\" is not allowed")]
    Name(String),
    /// A member cannot be unpacked.
    #[error("the member \"{member}\" cannot be unpacked: {why}")]
    Unpack {
        /// Member.
        member: String,
        /// What the unpacker said.
        why: String,
    },
}

impl ArchiveFault {
    /// Whether the bytes are no package at all, as opposed to a package with something wrong in it.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::NotZip | Self::Limit { .. })
    }
    /// The member it is about, or the zip file.
    pub fn object(&self) -> String {
        match self {
            Self::Layout { at, .. } => at.clone(),
            Self::Twice(name) | Self::Name(name) => name.clone(),
            Self::Unpack { member, .. } => member.clone(),
            Self::NotZip | Self::Limit { .. } => "(zip)".to_owned(),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Version needed, flags, method, time, date, checksum: the same 14 bytes in the list and before a member's bytes.
const STAMP_LEN: usize = 14;

fn stamp_at(bytes: &[u8], at: usize) -> Option<[u8; STAMP_LEN]> {
    bytes.get(at..at.checked_add(STAMP_LEN)?)?.try_into().ok()
}

/// One line of the list of members.
struct Listed {
    name: String,
    /// Version, flags, method, time, date and checksum as the list gives them; the header before the bytes must say the same.
    stamp: [u8; STAMP_LEN],
    packed: usize,
    unpacked: u64,
    offset: usize,
    length: usize,
}

/// The members of a package by name.
///
/// # Errors
/// [`ArchiveFault`] names the member or place.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveFault> {
    let limit = |what: &str, limit| ArchiveFault::Limit { what: what.to_owned(), limit };
    if bytes.len() as u64 > PACKAGE_BYTES_MAX {
        return Err(limit("the package", PACKAGE_BYTES_MAX));
    }
    let list = layout(bytes)?;
    if list.iter().map(|member| member.unpacked).sum::<u64>() > UNPACKED_BYTES_MAX {
        return Err(limit("the unpacked package", UNPACKED_BYTES_MAX));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ArchiveFault::NotZip)?;
    let mut members = BTreeMap::new();
    for (index, Listed { name, unpacked, .. }) in list.into_iter().enumerate() {
        let failed = |why: String| ArchiveFault::Unpack { member: name.clone(), why };
        let file = archive.by_index(index).map_err(|error| failed(error.to_string()))?;
        if file.name().ok().as_deref() != Some(name.as_str()) {
            return Err(ArchiveFault::Layout { at: name, why: "the list of members is out of order" });
        }
        let mut content = Vec::new();
        file.take(unpacked.saturating_add(1)).read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
        if content.len() as u64 != unpacked {
            return Err(failed(format!("it holds other than the {unpacked} bytes it claims")));
        }
        members.insert(name, content);
    }
    Ok(members)
}

/// Checks the layout and returns the list of members.
fn layout(bytes: &[u8]) -> Result<Vec<Listed>, ArchiveFault> {
    let wrong = |why| ArchiveFault::Layout { at: "(end)".to_owned(), why };
    let end = bytes.len().checked_sub(END_LEN).ok_or(ArchiveFault::NotZip)?;
    if u32_at(bytes, end) != Some(END_MARK) {
        return Err(ArchiveFault::NotZip);
    }
    let field = |at| u16_at(bytes, end + at).map(usize::from).ok_or(ArchiveFault::NotZip);
    let long = |at| u32_at(bytes, end + at).map(|value| value as usize).ok_or(ArchiveFault::NotZip);
    let (count, size, start) = (field(10)?, long(12)?, long(16)?);
    if (field(4)?, field(6)?, field(8)?, field(20)?) != (0, 0, count, 0) {
        return Err(wrong("it is split over several files, or has a comment"));
    }
    if count > MEMBERS_MAX {
        return Err(ArchiveFault::Limit { what: "the number of members".to_owned(), limit: MEMBERS_MAX as u64 });
    }
    if start.checked_add(size) != Some(end) {
        return Err(wrong("the list of members does not end where the end mark begins"));
    }
    let mut list: Vec<Listed> = Vec::new();
    let mut at = start;
    for _ in 0..count {
        let member = central(bytes, at)?;
        at = at.saturating_add(member.length);
        if list.iter().any(|known| known.name == member.name) {
            return Err(ArchiveFault::Twice(member.name));
        }
        list.push(member);
    }
    if at != end {
        return Err(wrong("the list of members has another length than it claims"));
    }
    let mut next = 0;
    for member in &list {
        if member.offset != next {
            return Err(ArchiveFault::Layout { at: member.name.clone(), why: "there are bytes that no member claims" });
        }
        next = next.saturating_add(local(bytes, member)?);
    }
    if next != start { Err(wrong("there are bytes that no member claims")) } else { Ok(list) }
}

fn central(bytes: &[u8], at: usize) -> Result<Listed, ArchiveFault> {
    let truncated = || ArchiveFault::Layout { at: "(list of members)".to_owned(), why: "it is cut off" };
    let short = |offset| u16_at(bytes, at + offset).ok_or_else(truncated);
    let long = |offset| u32_at(bytes, at + offset).ok_or_else(truncated);
    let name_len = usize::from(short(28)?);
    let raw = bytes.get(at + CENTRAL_LEN..at + CENTRAL_LEN + name_len).ok_or_else(truncated)?;
    let name = String::from_utf8_lossy(raw).into_owned();
    let wrong = |why| ArchiveFault::Layout { at: name.clone(), why };
    if long(0)? != CENTRAL_MARK {
        return Err(ArchiveFault::Layout { at: "(list of members)".to_owned(), why: "a line of it is damaged" });
    }
    if !name_is_fit(&name) {
        return Err(ArchiveFault::Name(name.chars().take(200).collect()));
    }
    if short(8)? & !FLAG_UTF8 != 0 || !matches!(short(10)?, 0 | 8) {
        return Err(wrong("it is encrypted, streamed, or packed in a way that is not allowed"));
    }
    if (short(30)?, short(32)?, short(34)?) != (0, 0, 0) {
        return Err(wrong("it has extra fields or a comment"));
    }
    let unpacked = u64::from(long(24)?);
    if unpacked > MEMBER_BYTES_MAX {
        return Err(ArchiveFault::Limit { what: format!("the member {name}"), limit: MEMBER_BYTES_MAX });
    }
    let (packed, offset) = (long(20)? as usize, long(42)? as usize);
    let stamp = stamp_at(bytes, at + 6).ok_or_else(truncated)?;
    Ok(Listed { stamp, packed, unpacked, offset, length: CENTRAL_LEN + name_len, name })
}

/// Checks the header before a member's bytes against the list; returns the length of both.
fn local(bytes: &[u8], member: &Listed) -> Result<usize, ArchiveFault> {
    let wrong = || ArchiveFault::Layout {
        at: member.name.clone(),
        why: "the header before its bytes differs from the list of members",
    };
    let at = member.offset;
    let short = |offset| u16_at(bytes, at + offset).ok_or_else(wrong);
    let long = |offset| u32_at(bytes, at + offset).ok_or_else(wrong);
    let name = bytes.get(at + LOCAL_LEN..at + LOCAL_LEN + usize::from(short(26)?));
    let same = long(0)? == LOCAL_MARK
        && stamp_at(bytes, at + 4) == Some(member.stamp)
        && short(28)? == 0
        && long(18)? as usize == member.packed
        && u64::from(long(22)?) == member.unpacked
        && name == Some(member.name.as_bytes());
    if same { Ok(LOCAL_LEN + member.name.len() + member.packed) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::archive;

    fn package() -> Vec<u8> {
        let members = [("a.txt", "alpha".repeat(100)), ("b/c.txt", "beta".to_owned())];
        let members = members.map(|(name, text)| (name.to_owned(), text.into_bytes()));
        archive::write(&members).unwrap()
    }

    #[test]
    fn what_was_written_reads_back_and_is_the_same_bytes_each_time() {
        let members = read(&package()).unwrap();
        assert_eq!((members.len(), members["b/c.txt"].as_slice()), (2, b"beta".as_slice()));
        assert_eq!(package(), package());
    }

    #[test]
    fn every_byte_before_a_member_counts() {
        let bytes = package();
        for at in 0..LOCAL_LEN + "a.txt".len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            assert!(read(&changed).is_err(), "{at}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = package();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn tricks_are_refused_by_name() {
        let with = |from: &str, to: &str| {
            let (from, to) = (from.as_bytes(), to.as_bytes());
            let mut bytes = package();
            for at in 0..bytes.len() - from.len() {
                if bytes[at..].starts_with(from) {
                    bytes[at..at + to.len()].copy_from_slice(to);
                }
            }
            read(&bytes).unwrap_err()
        };
        assert_eq!(with("b/c.txt", "../.txt"), ArchiveFault::Name("../.txt".into()));
        assert_eq!(with("a.txt", "/.txt"), ArchiveFault::Name("/.txt".into()));
        let mut before = b"junk".to_vec();
        before.extend(package());
        assert!(matches!(read(&before), Err(ArchiveFault::Layout { .. })));
        let mut after = package();
        after.extend(b"junk");
        assert_eq!(read(&after), Err(ArchiveFault::NotZip));
        let twice = archive::write(&[("aa.txt".into(), vec![1]), ("ab.txt".into(), vec![2])]).unwrap();
        let mut bytes = twice;
        for at in 0..bytes.len() - 6 {
            if bytes[at..].starts_with(b"ab.txt") {
                bytes[at + 1] = b'a';
            }
        }
        assert_eq!(read(&bytes), Err(ArchiveFault::Twice("aa.txt".into())));
    }

    #[test]
    fn a_member_that_claims_more_than_the_limit_is_refused_before_it_is_unpacked() {
        let mut bytes = package();
        let end = bytes.len() - END_LEN;
        let start = u32_at(&bytes, end + 16).unwrap() as usize;
        bytes[start + 24..start + 28].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&bytes), Err(ArchiveFault::Limit { .. })));
        let mut bytes = package();
        bytes[start + 24..start + 28].copy_from_slice(&4_u32.to_le_bytes());
        bytes[22..26].copy_from_slice(&4_u32.to_le_bytes());
        assert!(matches!(read(&bytes), Err(ArchiveFault::Unpack { member, .. }) if member == "a.txt"));
    }
}
