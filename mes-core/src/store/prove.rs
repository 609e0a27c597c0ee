//! What is built on any store: replay, heads and proofs, checkpoints. Samples are in `samples.rs`.

use std::collections::BTreeMap;

use super::{CheckpointRecord, PAGE_ROWS_MAX, Store, StoreError, StoredEntry};
use crate::{
    clock::Timestamp,
    journal::{
        Checkpoint, FacilityKey, FacilityPublicKey, FacilityTree, Hash, LogHead, Owner, Purpose, Sequencer, SignedNote,
        merkle::{self, NodeId, ProofError},
    },
};

/// Follows the journal from where the sequencer stands to its end: checks every number, hash and commitment, hands each
/// entry to `each`, and at the end compares the trees with the stored ones.
///
/// # Errors
/// The first entry that does not follow on the one before; the store; a tree that differs.
pub async fn rebuild<S: Store>(
    store: &S,
    sequencer: &mut Sequencer,
    mut each: impl FnMut(StoredEntry),
) -> Result<(), StoreError> {
    loop {
        let page = store.entries(sequencer.count(), PAGE_ROWS_MAX).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            let position = stored.position;
            sequencer
                .follow(&stored.entry)
                .map_err(|cause| StoreError::Journal { position, cause: Box::new(cause) })?;
            each(stored);
        }
    }
    check_logs(store, sequencer).await
}

/// Checks that the tree of every owner leads to the root of its entries, after all of them were followed.
///
/// # Errors
/// [`StoreError::Unreadable`] names the owner whose tree does not.
pub async fn check_logs<S: Store>(store: &S, sequencer: &Sequencer) -> Result<(), StoreError> {
    for (owner, head) in sequencer.logs() {
        if log_head(store, &owner, head.size).await? != head {
            let what = format!("the tree of {owner}: its nodes do not lead to the root of its entries");
            return Err(StoreError::Unreadable { what, cause: "the database was changed".into() });
        }
    }
    Ok(())
}

/// Checks the newest kept checkpoint: the facility's key signed it, the journal reaches it, and its root is that of the journal. What
/// was cut off, or rewritten with all its hashes, before that checkpoint is found here.
///
/// # Errors
/// [`StoreError::Unreadable`] names the checkpoint.
pub async fn check_newest_checkpoint<S: Store>(store: &S, key: &FacilityPublicKey) -> Result<(), StoreError> {
    let Some(record) = store.newest_checkpoint().await? else { return Ok(()) };
    let wrong = |cause: Box<dyn std::error::Error + Send + Sync>| StoreError::Unreadable {
        what: format!("the signed checkpoint {}", record.number),
        cause,
    };
    let note = SignedNote::parse(&record.note).map_err(|error| wrong(Box::new(error)))?;
    let checkpoint = Checkpoint::verify(&note, key).map_err(|error| wrong(Box::new(error)))?;
    let extent = store.extent().await?;
    if extent < record.position {
        return Err(wrong(format!("it covers {} entries, the journal has {extent}", record.position).into()));
    }
    if checkpoint_tree(store, &record).await?.root() != checkpoint.root {
        return Err(wrong("the entries before it do not lead to its root: they were rewritten".into()));
    }
    Ok(())
}

/// Where the log of an owner stood when it had `size` entries.
///
/// # Errors
/// When the store fails or a node is missing.
pub async fn log_head<S: Store>(store: &S, owner: &Owner, size: u64) -> Result<LogHead, StoreError> {
    let nodes = fetch(store, owner, merkle::nodes_for_root(size)).await?;
    let root = merkle::root_at(size, &mut |id| nodes.get(&id).copied());
    Ok(LogHead { size, root: root.map_err(|cause| proof_error(owner, cause))? })
}

/// The proof that entry `seq` of an owner is in its log of `size` entries. Verify it with index `seq − 1`.
///
/// # Errors
/// When there is no such entry in a log of that size, or the store fails.
pub async fn inclusion<S: Store>(store: &S, owner: &Owner, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
    let index = seq.checked_sub(1).ok_or(ProofError::NoSuchLeaf { index: 0, size });
    let index = index.map_err(|cause| proof_error(owner, cause))?;
    let nodes = fetch(store, owner, merkle::nodes_for_inclusion(index, size)).await?;
    let path = merkle::prove_inclusion(index, size, &mut |id| nodes.get(&id).copied());
    path.map_err(|cause| proof_error(owner, cause))
}

/// The proof that an owner's log of `old` entries is the beginning of its log of `new` entries.
///
/// # Errors
/// When `old` is 0 or above `new`, or the store fails.
pub async fn consistency<S: Store>(store: &S, owner: &Owner, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
    let nodes = fetch(store, owner, merkle::nodes_for_consistency(old, new)).await?;
    let path = merkle::prove_consistency(old, new, &mut |id| nodes.get(&id).copied());
    path.map_err(|cause| proof_error(owner, cause))
}

async fn fetch<S: Store>(
    store: &S,
    owner: &Owner,
    ids: Result<Vec<NodeId>, ProofError>,
) -> Result<BTreeMap<NodeId, Hash>, StoreError> {
    store.nodes(owner, &ids.map_err(|cause| proof_error(owner, cause))?).await
}

fn proof_error(owner: &Owner, cause: ProofError) -> StoreError {
    StoreError::Proof { owner: owner.clone(), cause }
}

/// A checkpoint that was made and kept.
#[derive(Debug)]
pub struct MadeCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// As it is kept.
    pub record: CheckpointRecord,
    /// The tree under its root; proves each owner's head.
    pub tree: FacilityTree,
}

/// Who signs a checkpoint, and what it says of the facility.
#[derive(Debug, Clone, Copy)]
pub struct Issuer<'a> {
    /// The facility's key.
    pub key: &'a FacilityKey,
    /// The facility's name, one line.
    pub facility: &'a str,
    /// Purpose of the journal.
    pub purpose: Purpose,
}

/// Makes, signs and keeps the next checkpoint over all that is durable now. `seed` is fresh secret randomness.
///
/// Call it from one place at a time: the store refuses a number that was taken.
///
/// # Errors
/// When the store fails or the facility's name cannot be signed.
pub async fn make_checkpoint<S: Store>(
    store: &S,
    issuer: Issuer<'_>,
    time: Timestamp,
    seed: [u8; 32],
) -> Result<MadeCheckpoint, StoreError> {
    let position = store.extent().await?;
    let tree = tree_at(store, position, seed).await?;
    let newest = store.newest_checkpoint().await?;
    let number = newest.map_or(0, |record| record.number).saturating_add(1);
    let Issuer { key, facility, purpose } = issuer;
    let checkpoint = Checkpoint { facility: facility.to_owned(), purpose, number, time, root: tree.root() };
    let note = checkpoint.sign(key).map_err(|cause| StoreError::Checkpoint(Box::new(cause)))?.to_string();
    let record = CheckpointRecord { number, position, seed, note };
    store.put_checkpoint(&record).await?;
    Ok(MadeCheckpoint { checkpoint, record, tree })
}

/// The facility tree of a checkpoint that was kept, from which each owner's head can be proven.
///
/// # Errors
/// When the store fails.
pub async fn checkpoint_tree<S: Store>(store: &S, record: &CheckpointRecord) -> Result<FacilityTree, StoreError> {
    tree_at(store, record.position, record.seed).await
}

async fn tree_at<S: Store>(store: &S, position: u64, seed: [u8; 32]) -> Result<FacilityTree, StoreError> {
    let mut heads = BTreeMap::new();
    for (owner, size) in store.sizes_at(position).await? {
        let head = log_head(store, &owner, size).await?;
        heads.insert(owner, head);
    }
    FacilityTree::new(&heads, seed).map_err(|cause| StoreError::Heads(Box::new(cause)))
}
