//! The facility tree: the heads of all logs under one root, so that each tenant can prove its own and learns nothing else.
//!
//! It is a Merkle tree of RFC 6962 with 2⁴⁸ leaves. A log's leaf stands in the **slot** that its owner's name hashes to,
//! so that one root cannot hold two heads of one owner. Every leaf is salted, and every subtree without a log is a
//! random hash; salts and fillers are fresh at each checkpoint. A proof therefore shows 48 hashes that say nothing of
//! who else is there, how many they are, how much they record, or whether they recorded anything since the last one.
//! This file does not sign: `checkpoint.rs` does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    encode::{EncodeError, canonical_of, leaf_of, sha256},
    entry::{Hash, Owner},
    merkle::{node, verify_inclusion},
    sequence::LogHead,
};

/// Name of the form of a leaf of the facility tree.
pub const HEAD_FORM: &str = "catapult-head-1";
/// Height of the facility tree.
pub const SLOT_BITS: u8 = 48;
/// Number of its leaves.
pub const SLOTS: u64 = 1 << SLOT_BITS;

/// What is hashed into an owner's leaf (canonical JSON). Only that owner and the facility ever see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLeaf {
    /// Always [`HEAD_FORM`].
    pub form: String,
    /// Whose log.
    pub owner: Owner,
    /// Merkle root over the log's entries.
    pub root: Hash,
    /// Makes the leaf unguessable.
    pub salt: Hash,
    /// Number of entries.
    pub size: u64,
}

/// The proof that the head of one owner's log is under the root of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadProof {
    /// The leaf.
    pub leaf: HeadLeaf,
    /// The 48 siblings, lowest first.
    pub siblings: Vec<Hash>,
}

/// Why a facility tree cannot be built, or a head is not proven.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Two owners fall into one slot: one of them must take another name (2⁻⁴⁸ per pair).
    #[error("{0} and {1} fall into the same slot of the facility tree; give the newer one another id")]
    SlotTaken(Owner, Owner),
    /// The owner has no log.
    #[error("{0} has no log in this checkpoint")]
    NoLog(Owner),
    /// A leaf has no canonical bytes.
    #[error("the head of {owner} cannot be encoded")]
    Encode {
        /// Whose.
        owner: Owner,
        /// Why.
        #[source]
        cause: EncodeError,
    },
    /// A leaf is of another form than this software knows.
    #[error("the head has the form \"{0}\"; this software knows {HEAD_FORM}")]
    Form(String),
    /// The siblings do not lead from the leaf to the root.
    #[error("the head of {owner} ({size} entries) is not under the signed root")]
    NotUnderRoot {
        /// Whose.
        owner: Owner,
        /// Entries it claims.
        size: u64,
    },
}

/// The slot of an owner: the first 48 bits of SHA-256("catapult-slot-1\n" ‖ the owner's written name).
pub fn slot(owner: &Owner) -> u64 {
    let hash = sha256(&[b"catapult-slot-1\n", owner.to_string().as_bytes()]);
    hash.0.iter().take(6).fold(0, |slot, byte| slot << 8 | u64::from(*byte))
}

/// The facility tree of one checkpoint. The same heads and seed give the same tree, so that proofs can be made later.
#[derive(Debug)]
pub struct FacilityTree {
    seed: [u8; 32],
    leaves: BTreeMap<u64, (HeadLeaf, Hash)>,
}

impl FacilityTree {
    /// The tree over the heads of all logs. The seed is secret and fresh for each checkpoint.
    ///
    /// # Errors
    /// When two owners share a slot, or a size cannot be encoded.
    pub fn new(heads: &BTreeMap<Owner, LogHead>, seed: [u8; 32]) -> Result<Self, HeadError> {
        let mut leaves: BTreeMap<u64, (HeadLeaf, Hash)> = BTreeMap::new();
        for (owner, head) in heads {
            let slot = slot(owner);
            if let Some((taken, _)) = leaves.get(&slot) {
                return Err(HeadError::SlotTaken(taken.owner.clone(), owner.clone()));
            }
            let salt = sha256(&[&seed, b"salt", &slot.to_be_bytes()]);
            let leaf =
                HeadLeaf { form: HEAD_FORM.to_owned(), owner: owner.clone(), root: head.root, salt, size: head.size };
            let hash = leaf.hash()?;
            leaves.insert(slot, (leaf, hash));
        }
        Ok(Self { seed, leaves })
    }
    /// The root that the checkpoint signs.
    pub fn root(&self) -> Hash {
        self.subtree(SLOT_BITS, 0)
    }
    /// The proof for one owner: its own leaf and 48 hashes.
    ///
    /// # Errors
    /// When the owner has no log.
    pub fn prove(&self, owner: &Owner) -> Result<HeadProof, HeadError> {
        let slot = slot(owner);
        let found = self.leaves.get(&slot).filter(|(leaf, _)| leaf.owner == *owner);
        let (leaf, _) = found.ok_or_else(|| HeadError::NoLog(owner.clone()))?;
        let siblings = (0..SLOT_BITS).map(|level| self.subtree(level, (slot >> level) ^ 1)).collect();
        Ok(HeadProof { leaf: leaf.clone(), siblings })
    }
    fn subtree(&self, level: u8, position: u64) -> Hash {
        let first = position << level;
        let mut inside = self.leaves.range(first..first + (1 << level));
        match (inside.next(), level) {
            (None, _) => sha256(&[&self.seed, b"filler", &[level], &position.to_be_bytes()]),
            (Some((_, (_, hash))), 0) => *hash,
            (Some(_), _) => node(&self.subtree(level - 1, position * 2), &self.subtree(level - 1, position * 2 + 1)),
        }
    }
}

impl HeadLeaf {
    fn hash(&self) -> Result<Hash, HeadError> {
        let bytes = canonical_of(self).map_err(|cause| HeadError::Encode { owner: self.owner.clone(), cause })?;
        Ok(leaf_of(&bytes))
    }
}

impl HeadProof {
    /// Checks that this head is under the root of a checkpoint, and returns whose it is and where its log stands.
    ///
    /// # Errors
    /// When the leaf is of an unknown form or does not lead to the root.
    pub fn verify(&self, root: &Hash) -> Result<(Owner, LogHead), HeadError> {
        let leaf = &self.leaf;
        if leaf.form != HEAD_FORM {
            return Err(HeadError::Form(leaf.form.clone()));
        }
        if !verify_inclusion(&leaf.hash()?, slot(&leaf.owner), SLOTS, &self.siblings, root) {
            return Err(HeadError::NotUnderRoot { owner: leaf.owner.clone(), size: leaf.size });
        }
        Ok((leaf.owner.clone(), LogHead { size: leaf.size, root: leaf.root }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn heads(tenants: u32) -> BTreeMap<Owner, LogHead> {
        let names = (0..tenants).map(|n| format!("tenant:TEN-{n}")).chain(["facility".to_owned()]);
        let head = |name: &str| LogHead { size: name.len() as u64, root: leaf_of(name.as_bytes()) };
        names.map(|name| (name.parse().unwrap(), head(&name))).collect()
    }

    #[test]
    fn doc_07_each_owner_proves_its_own_head_and_only_as_it_is() {
        let heads = heads(12);
        let tree = FacilityTree::new(&heads, [9; 32]).unwrap();
        for (owner, head) in &heads {
            let proof = tree.prove(owner).unwrap();
            assert_eq!(proof.verify(&tree.root()).unwrap(), (owner.clone(), *head));
            let changed = |change: fn(&mut HeadProof)| {
                let mut proof = proof.clone();
                change(&mut proof);
                proof.verify(&tree.root()).is_err()
            };
            assert!(changed(|proof| proof.leaf.size += 1));
            assert!(changed(|proof| proof.leaf.root = Hash::ZERO));
            assert!(changed(|proof| proof.leaf.owner = "tenant:TEN-X".parse().unwrap()));
            assert!(changed(|proof| proof.leaf.form = "catapult-head-2".into()));
            assert!(changed(|proof| proof.siblings.truncate(47)));
            assert!(changed(|proof| proof.siblings.push(Hash::ZERO)));
        }
        assert!(matches!(tree.prove(&"tenant:TEN-X".parse().unwrap()).unwrap_err(), HeadError::NoLog(_)));
    }

    #[test]
    fn ten_01_a_proof_does_not_depend_on_who_else_is_there_and_repeats_nothing() {
        let owner: Owner = "tenant:TEN-0".parse().unwrap();
        let proof = |tenants, seed| FacilityTree::new(&heads(tenants), [seed; 32]).unwrap().prove(&owner).unwrap();
        let (alone, among_many, later) = (proof(1, 1), proof(40, 2), proof(40, 3));
        assert_eq!((alone.siblings.len(), among_many.siblings.len()), (48, 48));
        let text = serde_json::to_string(&among_many).unwrap();
        assert!(!text.contains("facility") && !text.contains("TEN-1"), "{text}");
        // The other tenants recorded nothing between these two, and even that does not show.
        let seen: BTreeSet<Hash> = among_many.siblings.iter().chain(&later.siblings).copied().collect();
        assert_eq!(seen.len(), 96);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_slot_lies_in_the_tree(name in "[A-Z][A-Z0-9-]{0,20}") {
            let owner: Owner = format!("tenant:{name}").parse().unwrap();
            prop_assert!(slot(&owner) < SLOTS);
        }
    }
}
