//! The Merkle tree of RFC 6962: right edge, roots, proofs and their verification.
//!
//! A tree of `size` leaves is never held as a whole. Complete subtrees are nodes, named by level and position; the
//! right [`Edge`] (the complete subtrees not yet under a complete parent) is enough to append and to know the root.
//! Proofs read nodes through a lookup function. This file stores nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    encode::{NODE_PREFIX, sha256},
    entry::Hash,
};

/// The name of a complete subtree: it covers the leaves `position·2^level` to `(position+1)·2^level − 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId {
    /// Height above the leaves; 0 is a leaf.
    pub level: u8,
    /// Position within the level, from 0.
    pub position: u64,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {} position {}", self.level, self.position)
    }
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf does not exist in a tree of that size.
    #[error("leaf {index} does not exist in a tree of {size} leaves")]
    NoSuchLeaf {
        /// Position of the leaf, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is empty, or larger than the newer one.
    #[error("no consistency proof exists from {old} to {new} leaves")]
    Sizes {
        /// Leaves in the older tree.
        old: u64,
        /// Leaves in the newer tree.
        new: u64,
    },
    /// A node that the proof needs is not there.
    #[error("the tree node {0} is missing")]
    MissingNode(NodeId),
}

/// The hash of two children: SHA-256(0x01 ‖ left ‖ right).
pub fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[NODE_PREFIX], &left.0, &right.0])
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root over the given leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut edge = Edge::default();
    leaves.iter().for_each(|leaf| drop(edge.append(*leaf)));
    edge.root()
}

/// The right edge of a growing tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    size: u64,
    /// Complete subtrees from left (largest) to right: one per set bit of `size`.
    peaks: Vec<Hash>,
}

impl Edge {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Appends a leaf hash in O(log n); returns the nodes completed by it, the leaf itself first.
    pub fn append(&mut self, leaf: Hash) -> Vec<(NodeId, Hash)> {
        let mut id = NodeId { level: 0, position: self.size };
        let mut hash = leaf;
        let mut completed = vec![(id, hash)];
        while id.position % 2 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node(&left, &hash);
            id = NodeId { level: id.level.saturating_add(1), position: id.position / 2 };
            completed.push((id, hash));
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
        completed
    }
    /// The root of the tree as it is.
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right)).unwrap_or_else(empty_root)
    }
}

/// A source of complete nodes.
pub trait Nodes {
    /// The hash of a complete node, where it is known.
    fn get(&mut self, id: NodeId) -> Option<Hash>;
}

impl<F: FnMut(NodeId) -> Option<Hash>> Nodes for F {
    fn get(&mut self, id: NodeId) -> Option<Hash> {
        self(id)
    }
}

/// The largest power of two below `size`; `size` is at least 2.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - size.saturating_sub(1).leading_zeros())
}

/// The root over leaves `start..start + size`. `start` is a multiple of every power of two that the range splits into.
fn subtree(start: u64, size: u64, nodes: &mut impl Nodes) -> Result<Hash, ProofError> {
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        let id = NodeId { level: u8::try_from(level).unwrap_or(u8::MAX), position: start >> level };
        return nodes.get(id).ok_or(ProofError::MissingNode(id));
    }
    if size == 0 {
        return Ok(empty_root());
    }
    let k = split(size);
    let left = subtree(start, k, nodes)?;
    Ok(node(&left, &subtree(start + k, size - k, nodes)?))
}

/// The root of the first `size` leaves, from stored nodes.
///
/// # Errors
/// [`ProofError::MissingNode`] when a node is not there.
pub fn root_at(size: u64, nodes: &mut impl Nodes) -> Result<Hash, ProofError> {
    subtree(0, size, nodes)
}

/// The inclusion proof (audit path) of leaf `index` in the tree of the first `size` leaves, lowest sibling first.
///
/// # Errors
/// When the leaf does not exist, or a node is not there.
pub fn prove_inclusion(index: u64, size: u64, nodes: &mut impl Nodes) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let (mut start, mut left_over, mut path) = (0, size, Vec::new());
    while left_over > 1 {
        let k = split(left_over);
        if index - start < k {
            path.push(subtree(start + k, left_over - k, nodes)?);
            left_over = k;
        } else {
            path.push(subtree(start, k, nodes)?);
            start += k;
            left_over -= k;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof between the trees of the first `old` and the first `new` leaves.
///
/// # Errors
/// When `old` is 0 or above `new`, or a node is not there.
pub fn prove_consistency(old: u64, new: u64, nodes: &mut impl Nodes) -> Result<Vec<Hash>, ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let (mut start, mut m, mut n, mut whole, mut path) = (0, old, new, true, Vec::new());
    while m != n {
        let k = split(n);
        if m <= k {
            path.push(subtree(start + k, n - k, nodes)?);
            n = k;
        } else {
            path.push(subtree(start, k, nodes)?);
            (start, m, n, whole) = (start + k, m - k, n - k, false);
        }
    }
    if !whole {
        path.push(subtree(start, m, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// The nodes that [`prove_inclusion`] reads, so that a store can fetch them in one go.
///
/// # Errors
/// When the leaf does not exist.
pub fn nodes_for_inclusion(index: u64, size: u64) -> Result<Vec<NodeId>, ProofError> {
    collect(|nodes| prove_inclusion(index, size, nodes))
}

/// The nodes that [`prove_consistency`] reads.
///
/// # Errors
/// When `old` is 0 or above `new`.
pub fn nodes_for_consistency(old: u64, new: u64) -> Result<Vec<NodeId>, ProofError> {
    collect(|nodes| prove_consistency(old, new, nodes))
}

/// The nodes that [`root_at`] reads.
///
/// # Errors
/// None in practice; the form is that of its companions.
pub fn nodes_for_root(size: u64) -> Result<Vec<NodeId>, ProofError> {
    collect(|nodes| root_at(size, nodes).map(|root| vec![root]))
}

struct Recorder(Vec<NodeId>);

impl Nodes for Recorder {
    fn get(&mut self, id: NodeId) -> Option<Hash> {
        self.0.push(id);
        Some(Hash::ZERO)
    }
}

fn collect(run: impl FnOnce(&mut Recorder) -> Result<Vec<Hash>, ProofError>) -> Result<Vec<NodeId>, ProofError> {
    let mut recorder = Recorder(Vec::new());
    run(&mut recorder)?;
    Ok(recorder.0)
}

/// Whether `path` proves that `leaf` is leaf `index` of the tree with `size` leaves and this root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if snode == 0 {
            return false;
        }
        if fnode % 2 == 1 || fnode == snode {
            hash = node(sibling, &hash);
            while fnode.is_multiple_of(2) && fnode != 0 {
                (fnode, snode) = (fnode >> 1, snode >> 1);
            }
        } else {
            hash = node(&hash, sibling);
        }
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    snode == 0 && hash == *root
}

/// Whether `path` proves that the tree of `old` leaves and `old_root` is the beginning of the tree of `new` leaves and
/// `new_root` (RFC 9162 §2.1.4.2). The empty tree is the beginning of every tree and has an empty path.
#[must_use]
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    if old >= new {
        return old == new && path.is_empty() && old_root == new_root;
    }
    let (mut fnode, mut snode) = (old - 1, new - 1);
    while fnode % 2 == 1 {
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    // A complete old tree is its own first node and is left out of the path.
    let (first, rest) = match path.split_first() {
        _ if old.is_power_of_two() => (*old_root, path),
        Some((first, rest)) => (*first, rest),
        None => return false,
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if snode == 0 {
            return false;
        }
        if fnode % 2 == 1 || fnode == snode {
            old_hash = node(sibling, &old_hash);
            new_hash = node(sibling, &new_hash);
            while fnode.is_multiple_of(2) && fnode != 0 {
                (fnode, snode) = (fnode >> 1, snode >> 1);
            }
        } else {
            new_hash = node(&new_hash, sibling);
        }
        (fnode, snode) = (fnode >> 1, snode >> 1);
    }
    snode == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::journal::encode::leaf_of;

    type Reference = MemoryBackedTree<Sha256, Vec<u8>>;

    fn grow(leaves: &[Vec<u8>]) -> (Edge, BTreeMap<NodeId, Hash>) {
        let mut edge = Edge::default();
        let nodes = leaves.iter().flat_map(|leaf| edge.append(leaf_of(leaf))).collect();
        (edge, nodes)
    }

    fn reference(leaves: &[Vec<u8>]) -> Reference {
        let mut tree = Reference::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
        tree
    }

    fn bytes(path: &[Hash]) -> Vec<u8> {
        path.iter().flat_map(|hash| hash.0).collect()
    }

    fn theirs(root: &RootHash<Sha256>) -> Hash {
        Hash((*root.as_bytes()).into())
    }

    #[test]
    fn doc_04_the_root_of_an_empty_tree() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(empty_root().to_string(), expected);
        assert_eq!(Edge::default().root(), empty_root());
        assert_eq!(root(&[]), empty_root());
    }

    #[test]
    fn doc_04_the_node_of_two_empty_leaves() {
        let leaf = leaf_of(b"");
        let by_hand = sha256(&[&[0x01], &leaf.0, &leaf.0]);
        assert_eq!(root(&[leaf, leaf]), by_hand);
        assert_eq!(by_hand.short().len(), 8);
    }

    #[test]
    fn every_proof_of_every_small_tree_verifies_and_no_other_does() {
        let leaves: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n]).collect();
        let (_, nodes) = grow(&leaves);
        let mut lookup = |id| nodes.get(&id).copied();
        for size in 1..=20_u64 {
            let root = root_at(size, &mut lookup).unwrap();
            for index in 0..size {
                let path = prove_inclusion(index, size, &mut lookup).unwrap();
                let leaf = leaf_of(&leaves[usize::try_from(index).unwrap()]);
                assert!(verify_inclusion(&leaf, index, size, &path, &root));
                assert!(!verify_inclusion(&leaf, index, size, &[path.clone(), vec![root]].concat(), &root));
                assert!(!verify_inclusion(&leaf_of(b"other"), index, size, &path, &root));
                if size > 1 {
                    assert!(!verify_inclusion(&leaf, (index + 1) % size, size, &path, &root));
                    assert!(!verify_inclusion(&leaf, index, size, &path[1..], &root));
                }
            }
            for old in 1..=size {
                let old_root = root_at(old, &mut lookup).unwrap();
                let path = prove_consistency(old, size, &mut lookup).unwrap();
                assert!(verify_consistency(old, &old_root, size, &root, &path), "{old} {size}");
                assert!(!verify_consistency(old, &leaf_of(b"x"), size, &root, &path), "{old} {size}");
                assert!(!verify_consistency(old, &old_root, size, &root, &[path.clone(), vec![root]].concat()));
            }
        }
    }

    #[test]
    fn a_proof_that_cannot_exist_is_refused() {
        let mut none = |_| None;
        assert_eq!(prove_inclusion(3, 3, &mut none).unwrap_err(), ProofError::NoSuchLeaf { index: 3, size: 3 });
        assert_eq!(prove_consistency(0, 3, &mut none).unwrap_err(), ProofError::Sizes { old: 0, new: 3 });
        assert!(matches!(prove_inclusion(0, 2, &mut none).unwrap_err(), ProofError::MissingNode(_)));
        assert!(!verify_inclusion(&Hash::ZERO, 0, 0, &[], &Hash::ZERO));
        assert!(verify_consistency(0, &empty_root(), 5, &Hash::ZERO, &[]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn roots_and_proofs_are_those_of_an_independent_implementation(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 1..70),
            pick in any::<prop::sample::Index>(),
            older in any::<prop::sample::Index>(),
        ) {
            let (edge, nodes) = grow(&leaves);
            let size = edge.size();
            let mut lookup = |id| nodes.get(&id).copied();
            let tree = reference(&leaves);
            prop_assert_eq!(edge.root(), theirs(&tree.root()));
            prop_assert_eq!(root_at(size, &mut lookup).unwrap(), edge.root());

            let at = pick.index(leaves.len());
            let path = prove_inclusion(at as u64, size, &mut lookup).unwrap();
            prop_assert_eq!(bytes(&path), tree.prove_inclusion(at).as_bytes().to_vec());
            let proof = InclusionProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
            prop_assert!(tree.root().verify_inclusion(&leaves[at], at as u64, &proof).is_ok());

            let old = older.index(leaves.len()) + 1;
            let old_tree = reference(&leaves[..old]);
            let path = prove_consistency(old as u64, size, &mut lookup).unwrap();
            prop_assert_eq!(bytes(&path), tree.prove_consistency(leaves.len() - old).as_bytes().to_vec());
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
            prop_assert!(tree.root().verify_consistency(&old_tree.root(), &proof).is_ok());
            prop_assert!(verify_consistency(old as u64, &theirs(&old_tree.root()), size, &edge.root(), &path));
        }
    }
}
