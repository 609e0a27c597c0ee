//! Packages of the batch in `story.rs`, whole and tampered with.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
    sync::OnceLock,
};

use batch_records::{
    EarlierCheckpoint, EntryProof, GrowthProof, LogProof, Manifest, Member,
    export::package::{Package, PackageInput, build},
};
use mes_core::{
    clock::Timestamp,
    journal::{
        Checkpoint, Entry, FacilityKey, FacilityTree, LogHead, Owner, Purpose, SignedNote,
        encode::sha256,
        merkle::{prove_consistency, prove_inclusion, root_at},
    },
};

use crate::story::Story;

pub(crate) type Members = BTreeMap<String, Vec<u8>>;

/// The facility's key, and somebody else's.
pub(crate) fn key() -> FacilityKey {
    FacilityKey::from_secret(&[11; 32])
}
pub(crate) fn other_key() -> FacilityKey {
    FacilityKey::from_secret(&[12; 32])
}

/// The facility at one moment: its logs up to a number of entries per owner, under a signed checkpoint.
pub(crate) struct Moment<'a> {
    pub(crate) story: &'a Story,
    heads: BTreeMap<Owner, LogHead>,
    tree: FacilityTree,
    pub(crate) note: SignedNote,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(story: &'a Story, number: u64, sizes: impl Fn(&Owner, u64) -> u64) -> Self {
        let heads = story.sequencer.logs().into_iter().map(|(owner, head)| {
            let size = sizes(&owner, head.size);
            let root = root_at(size, &mut |id| story.nodes[&owner].get(&id).copied()).unwrap();
            (owner, LogHead { size, root })
        });
        let heads: BTreeMap<Owner, LogHead> = heads.collect();
        let tree = FacilityTree::new(&heads, [u8::try_from(number).unwrap(); 32]).unwrap();
        let checkpoint = Checkpoint {
            facility: "日本版カタパルト 川崎".into(),
            purpose: Purpose::Demo,
            number,
            time: story.now,
            root: tree.root(),
        };
        Self { story, heads, note: checkpoint.sign(&key()).unwrap(), tree }
    }
    /// All entries there are.
    pub(crate) fn now(story: &'a Story) -> Self {
        Self::new(story, 17, |_, size| size)
    }
    pub(crate) fn proofs(&self, entries: &[Entry]) -> Vec<LogProof> {
        let log = |(owner, head): (&Owner, &LogHead)| {
            let nodes = &self.story.nodes[owner];
            let mine = entries.iter().filter(|entry| entry.envelope.owner == *owner);
            let entries = mine.map(|entry| {
                let seq = entry.envelope.owner_seq;
                let path = prove_inclusion(seq - 1, head.size, &mut |id| nodes.get(&id).copied()).unwrap();
                EntryProof { seq, path }
            });
            LogProof { head: self.tree.prove(owner).unwrap(), entries: entries.collect() }
        };
        self.heads.iter().map(log).collect()
    }
    /// The tie of this, earlier moment to a later one.
    pub(crate) fn tie(&self, later: &Self) -> EarlierCheckpoint {
        let growth = |(owner, old): (&Owner, &LogHead)| {
            let (nodes, new) = (&self.story.nodes[owner], later.heads[owner].size);
            let path = prove_consistency(old.size, new, &mut |id| nodes.get(&id).copied()).unwrap();
            GrowthProof { head: self.tree.prove(owner).unwrap(), path }
        };
        EarlierCheckpoint { checkpoint: self.note.to_string(), logs: self.heads.iter().map(growth).collect() }
    }
}

pub(crate) fn made() -> Timestamp {
    "2026-07-04T02:00:00Z".parse().unwrap()
}

/// Builds the package of some entries at a moment.
pub(crate) fn build_with(
    moment: &Moment<'_>,
    entries: &[Entry],
    chunks: &[Vec<u8>],
    earlier: Vec<EarlierCheckpoint>,
) -> Result<Package, batch_records::export::package::PackageError> {
    let key = key();
    build(&PackageInput {
        entries,
        chunks,
        reports: &[],
        checkpoint: &moment.note,
        logs: moment.proofs(entries),
        earlier,
        key: &key.public(),
        left_out: Vec::new(),
        made: made(),
        sign: &|text| SignedNote::sign(text, &key),
    })
}

/// The released batch with one earlier checkpoint; made once, because it holds a PDF.
pub(crate) fn package() -> &'static Package {
    static PACKAGE: OnceLock<Package> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let story = Story::released();
        let (now, before) = (Moment::now(&story), before(&story));
        build_with(&now, &story.entries, &story.chunks, vec![before.tie(&now)]).unwrap()
    })
}

/// The checkpoint number 9, when half of the entries were there.
pub(crate) fn before(story: &Story) -> Moment<'_> {
    Moment::new(story, 9, |_, size| size.div_ceil(2))
}

pub(crate) fn unzip(package: &[u8]) -> Members {
    let mut zip = zip::ZipArchive::new(Cursor::new(package)).unwrap();
    let count = zip.len();
    let read = |index| {
        let mut file = zip.by_index(index).unwrap();
        let (name, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    (0..count).map(read).collect()
}

pub(crate) fn zip(members: &Members) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        out.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// Lists the members as they are now and signs the list: what somebody with the key could do.
pub(crate) fn sign_again(members: &mut Members, key: &FacilityKey, change: impl FnOnce(&mut Manifest)) {
    let note = SignedNote::parse(std::str::from_utf8(&members["manifest"]).unwrap()).unwrap();
    let mut manifest = Manifest::read(note.text()).unwrap();
    let listed = members.iter().filter(|(name, _)| *name != "manifest");
    manifest.members = listed
        .map(|(name, bytes)| Member { sha256: sha256(&[bytes]), bytes: bytes.len() as u64, name: name.clone() })
        .collect();
    let lines = members["entries.jsonl"].iter().filter(|byte| **byte == b'\n').count();
    manifest.entries = lines as u64;
    change(&mut manifest);
    let note = SignedNote::sign(manifest.text(), key).unwrap();
    members.insert("manifest".into(), note.to_string().into_bytes());
}
