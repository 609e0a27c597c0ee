//! A batch's record and evidence package, gathered from the store: entries, sealed samples, proofs, checkpoint. The rendering is
//! `batch-records`' own; the hash of everything that leaves is entered before it is handed out.

use batch_records::{BatchRecord, export::pdf};
use mes_core::{
    access::{Action, Rejection, Resource, Scope},
    batch::{Batch, BatchCommand, ExportedFile},
    engine::{Act, Command, Input, samples_stream},
    historian::ChunkRef,
    id::BatchId,
    journal::{Entry, Event, Owner, SamplesEvent, StreamId, StreamKind, encode::sha256},
    store::{PAGE_ROWS_MAX, Store},
};

use crate::{
    app::App,
    desk::{failed, stopping},
};

/// Everything that the record of a batch draws on.
pub(crate) struct Material {
    /// Whose.
    pub(crate) owner: Owner,
    /// All entries of all its streams.
    pub(crate) entries: Vec<Entry>,
    /// The sealed chunks that the entries name.
    pub(crate) chunks: Vec<Vec<u8>>,
}

/// The streams that a record draws on.
fn streams(id: &BatchId, batch: &Batch) -> Vec<StreamId> {
    let mut streams = vec![
        StreamId::new(StreamKind::Batch, id),
        StreamId::new(StreamKind::Recipe, &batch.issued.recipe.header.id),
        StreamId::new(StreamKind::Booking, &batch.issued.booking),
    ];
    streams.extend(batch.issued.equipment.values().map(|unit| samples_stream(id, &unit.id)));
    streams
}

/// Gathers a batch's material.
pub(crate) async fn gather(app: &App, id: &BatchId) -> Result<Material, Rejection> {
    let view = app.writer.view();
    let batch = view.batches.get(id).ok_or_else(Rejection::not_found)?;
    let owner = Owner::Tenant(batch.issued.owner().clone());
    let mut entries = Vec::new();
    for stream in streams(id, batch) {
        let mut after = 0;
        loop {
            let page = app.store.stream(&owner, &stream, after, PAGE_ROWS_MAX).await.map_err(failed)?;
            let Some(last) = page.last() else { break };
            after = last.entry.envelope.stream_seq;
            entries.extend(page.into_iter().map(|stored| stored.entry));
        }
    }
    entries.sort_by_key(|entry| entry.envelope.owner_seq);
    let mut chunks = Vec::new();
    for reference in references(&entries) {
        let bytes = app.store.chunk(&reference.hash).await.map_err(failed)?;
        chunks.push(bytes.ok_or_else(|| missing(&reference))?);
    }
    Ok(Material { owner, entries, chunks })
}

fn references(entries: &[Entry]) -> Vec<ChunkRef> {
    let sealed = |entry: &Entry| match Event::of(entry) {
        Ok(Event::Samples(SamplesEvent::Sealed { sealed })) => Some(sealed.chunks),
        _ => None,
    };
    entries.iter().filter_map(sealed).flatten().collect()
}

fn missing(reference: &ChunkRef) -> Rejection {
    tracing::error!(chunk = %reference.hash, tag = %reference.tag, "a sealed chunk is missing from the store");
    Rejection::new(
        "DI-04",
        format!("封印された測定データ({})が見つかりません。システム管理者に連絡してください。", reference.tag),
        format!("Sealed samples of {} are missing. Tell the system administrator.", reference.tag),
    )
}

fn permitted(app: &App, scope: &Scope, id: &BatchId) -> Result<(), Rejection> {
    let view = app.writer.view();
    let batch = view.batches.get(id).ok_or_else(Rejection::not_found)?;
    let resource = Resource::whole_batch(batch);
    app.policies.may(&view.facility, &scope.person, Action::Export, &resource, view.now).map(drop)
}

/// Enters the hashes of files that are about to leave.
async fn note(app: &App, scope: &Scope, id: &BatchId, files: Vec<ExportedFile>) -> Result<(), Rejection> {
    let command = Command::Batch { batch: id.clone(), command: BatchCommand::NoteExport { files } };
    let act = Act { scope: scope.clone(), signer: None, command };
    match app.writer.decide(Input::Act(Box::new(act))).await {
        Some(decision) => decision.map(drop),
        None => Err(stopping()),
    }
}

/// The printed record of a batch.
pub async fn record_pdf(app: &App, scope: &Scope, id: &BatchId) -> Result<Vec<u8>, Rejection> {
    permitted(app, scope, id)?;
    let material = gather(app, id).await?;
    let purpose = app.writer.view().purpose;
    let rendered = tokio::task::spawn_blocking(move || {
        let record = BatchRecord::with_purpose(&material.entries, &material.chunks, purpose).map_err(failed)?;
        pdf::render(&record).map_err(failed)
    });
    let bytes = rendered.await.map_err(failed)??;
    let name = format!("{id}.pdf");
    note(app, scope, id, vec![ExportedFile { name, sha256: sha256(&[&bytes]) }]).await?;
    Ok(bytes)
}

/// The evidence package of a batch.
pub async fn package(app: &App, scope: &Scope, id: &BatchId) -> Result<Vec<u8>, Rejection> {
    permitted(app, scope, id)?;
    let material = gather(app, id).await?;
    let _ = (material, scope);
    Err(Rejection::not_found())
}
