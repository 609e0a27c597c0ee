//! A batch's record and evidence package, gathered from the store: entries, sealed samples, proofs, checkpoint. The rendering is
//! `batch-records`' own; the hash of everything that leaves is entered before it is handed out.

use std::sync::Arc;

use batch_records::{
    BatchRecord, EarlierCheckpoint, EntryProof, GrowthProof, LogProof,
    export::{
        package::{self, PackageInput},
        pdf,
    },
};
use mes_core::{
    access::{Action, Rejection, Resource, Scope},
    batch::{Batch, BatchCommand, ExportedFile},
    engine::{Act, Command, Input, Note, samples_stream},
    historian::ChunkRef,
    id::{BatchId, EquipmentId},
    journal::{Entry, Event, Hash, Owner, SamplesEvent, SignedNote, StreamId, StreamKind, encode::sha256},
    store::{MadeCheckpoint, PAGE_ROWS_MAX, Store, checkpoint_tree, consistency, inclusion},
    tenant::{DeviceReport, FiledReport},
};

use tokio::sync::watch;

use crate::{
    app::App,
    desk::{failed, stopping},
    web::port::{Download, ExportStage},
};

/// Earlier checkpoints to which a package is tied, the newest ones.
const EARLIER_MAX: u64 = 100;

/// Everything that the record of a batch draws on.
pub(crate) struct Material {
    /// Whose.
    pub(crate) owner: Owner,
    /// All entries of all its streams.
    pub(crate) entries: Vec<Entry>,
    /// The sealed chunks that the entries name.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The reports of closed devices that the entries name.
    pub(crate) reports: Vec<Vec<u8>>,
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
        let bytes = app.store.content(&reference.hash).await.map_err(failed)?;
        chunks.push(bytes.ok_or_else(|| missing(&reference))?);
    }
    let mut reports = Vec::new();
    for report in view.reports_of(id) {
        reports.push(content(app, &report.report).await?);
    }
    Ok(Material { owner, entries, chunks, reports })
}

fn references(entries: &[Entry]) -> Vec<ChunkRef> {
    let sealed = |entry: &Entry| match Event::of(entry) {
        Ok(Event::Samples(SamplesEvent::Sealed { sealed })) => Some(sealed.chunks),
        _ => None,
    };
    entries.iter().filter_map(sealed).flatten().collect()
}

/// The bytes of a report.
async fn content(app: &App, report: &DeviceReport) -> Result<Vec<u8>, Rejection> {
    let bytes = app.store.content(&report.sha256).await.map_err(failed)?;
    // What was changed in the database is not handed out as what was received.
    bytes.filter(|bytes| sha256(&[bytes]) == report.sha256).ok_or_else(|| {
        let (name, equipment) = (&report.name, &report.equipment);
        tracing::error!(%equipment, name, hash = %report.sha256, "a report is missing from the store, or was changed");
        Rejection::new(
            "DI-04",
            format!(
                "{equipment} の報告書({name})が見つからないか、変更されています。システム管理者に連絡してください。"
            ),
            format!("The report {name} of {equipment} is missing or was changed. Tell the system administrator."),
        )
    })
}

/// A report of a batch as it was received; that it leaves is entered first.
pub async fn report(app: &App, scope: &Scope, id: &BatchId, hash: &Hash) -> Result<Download, Rejection> {
    permitted(app, scope, id)?;
    let view = app.writer.view();
    let filed = view.reports_of(id).into_iter().find(|filed| filed.report.sha256 == *hash);
    let filed = filed.ok_or_else(Rejection::not_found)?.clone();
    let bytes = content(app, &filed.report).await?;
    note(app, scope, id, vec![ExportedFile { name: filed.report.name.clone(), sha256: *hash }]).await?;
    Ok(Download { name: filed.report.name, media: "application/octet-stream", bytes })
}

/// A report of the facility's own as it was received, for whoever sees its equipment; that it leaves is entered first.
pub async fn facility_report(
    app: &App,
    scope: &Scope,
    equipment: &EquipmentId,
    hash: &Hash,
) -> Result<Download, Rejection> {
    let view = app.writer.view();
    app.policies.may(&view.facility, &scope.person, Action::SeeDevices, &Resource::facility(), view.now)?;
    let own = |filed: &&Arc<FiledReport>| filed.batch.is_none() && filed.report.sha256 == *hash;
    let filed = view.reports.get(equipment).and_then(|all| all.iter().find(own));
    let report = filed.ok_or_else(Rejection::not_found)?.report.clone();
    let bytes = content(app, &report).await?;
    let file = ExportedFile { name: report.name.clone(), sha256: *hash };
    let note = Note::ReportExported { scope: scope.clone(), equipment: equipment.clone(), file };
    app.writer.decide(Input::Note(note)).await.ok_or_else(stopping)??;
    Ok(Download { name: report.name, media: "application/octet-stream", bytes })
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

fn reach(stage: &watch::Sender<ExportStage>, at: ExportStage) {
    tracing::debug!(?at, "export");
    stage.send_replace(at);
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
pub async fn record_pdf(
    app: &App,
    scope: &Scope,
    id: &BatchId,
    stage: watch::Sender<ExportStage>,
) -> Result<Vec<u8>, Rejection> {
    permitted(app, scope, id)?;
    let material = gather(app, id).await?;
    reach(&stage, ExportStage::Typesetting);
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

/// The evidence package of a batch, under a checkpoint of its own.
pub async fn package(
    app: &App,
    scope: &Scope,
    id: &BatchId,
    stage: watch::Sender<ExportStage>,
) -> Result<Vec<u8>, Rejection> {
    permitted(app, scope, id)?;
    let material = gather(app, id).await?;
    let made = app.checkpointer.make().await.map_err(failed)?;
    let log = log_proof(app, &material, &made).await?;
    let earlier = earlier(app, &material.owner, &made, log.head.leaf.size).await?;
    let checkpoint = SignedNote::parse(&made.record.note).map_err(failed)?;
    let (key, at) = (Arc::clone(&app.key), app.clock.now());
    let built = tokio::task::spawn_blocking(move || {
        let public = key.public();
        let input = PackageInput {
            entries: &material.entries,
            chunks: &material.chunks,
            reports: &material.reports,
            checkpoint: &checkpoint,
            logs: vec![log],
            earlier,
            key: &public,
            left_out: Vec::new(),
            made: at,
            sign: &|text| SignedNote::sign(text, &key),
        };
        let reached = |at| {
            let at = match at {
                package::Stage::Typesetting => ExportStage::Typesetting,
                package::Stage::Packing => ExportStage::Packing,
                package::Stage::Verifying => ExportStage::Verifying,
            };
            reach(&stage, at);
        };
        package::build_with(&input, &reached).map_err(failed)
    });
    let package = built.await.map_err(failed)??;
    let files = vec![
        ExportedFile { name: package.file_name, sha256: package.sha256 },
        ExportedFile { name: "record.pdf".to_owned(), sha256: package.pdf_sha256 },
    ];
    note(app, scope, id, files).await?;
    Ok(package.bytes)
}

/// That every entry stands in its owner's log, and that log under the checkpoint.
async fn log_proof(app: &App, material: &Material, made: &MadeCheckpoint) -> Result<LogProof, Rejection> {
    let head = made.tree.prove(&material.owner).map_err(failed)?;
    let size = head.leaf.size;
    let mut entries = Vec::new();
    for entry in &material.entries {
        let seq = entry.envelope.owner_seq;
        let path = inclusion(app.store.as_ref(), &material.owner, seq, size).await.map_err(failed)?;
        entries.push(EntryProof { seq, path });
    }
    Ok(LogProof { head, entries })
}

/// That the owner's log only grew since the checkpoints that the reader may have kept.
async fn earlier(
    app: &App,
    owner: &Owner,
    made: &MadeCheckpoint,
    size: u64,
) -> Result<Vec<EarlierCheckpoint>, Rejection> {
    let after = made.record.number.saturating_sub(EARLIER_MAX + 1);
    let records = app.store.checkpoints(after, PAGE_ROWS_MAX).await.map_err(failed)?;
    let mut earlier = Vec::new();
    for record in records.iter().filter(|record| record.number < made.record.number) {
        let tree = checkpoint_tree(app.store.as_ref(), record).await.map_err(failed)?;
        // Before the owner's first entry there is no head to tie to.
        let Ok(head) = tree.prove(owner) else { continue };
        let path = consistency(app.store.as_ref(), owner, head.leaf.size, size).await.map_err(failed)?;
        earlier.push(EarlierCheckpoint { checkpoint: record.note.clone(), logs: vec![GrowthProof { head, path }] });
    }
    Ok(earlier)
}
