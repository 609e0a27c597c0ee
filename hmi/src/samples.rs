//! The samples of a tag for a person: its trend, and every sample of a range as a file. A tenant sees the equipment of its batches
//! while they occupied it, and no other time; the facility's own staff see everything.

use std::ops::Range;

use batch_records::export::samples::{SamplesForm, SamplesHead, SamplesWriter};
use mes_core::{
    access::{Action, Rejection, Resource, Scope},
    batch::{Batch, BatchCommand, ExportedFile},
    clock::Timestamp,
    engine::{Act, Command, Input, Note, SamplesExport, View},
    historian::{Sample, Trend},
    id::{BatchId, TagId},
    journal::encode::sha256,
    store::{Store, samples_between, trend as trend_of},
    tenant::{Role, RoleGrant},
};

use crate::{
    app::App,
    desk::{failed, stopping},
    web::port::Download,
};

/// Samples are exported in steps of so many milliseconds (one day), each a row group of a Parquet file.
const EXPORT_STEP_MS: i64 = 24 * 3_600_000;
/// The longest range of one export, in days.
const EXPORT_DAYS_MAX: i64 = 366;

/// When a batch occupies its equipment: until now while it runs.
pub(crate) fn occupancy(batch: &Batch, now: Timestamp) -> Range<Timestamp> {
    let end = batch.execution_completed_at.or(batch.disposed_at);
    batch.issued_at..end.unwrap_or(now).plus_ms(1)
}

/// Whether a batch has a tag among its equipment's.
pub(crate) fn has_tag(batch: &Batch, tag: &TagId) -> bool {
    let mut equipment = batch.issued.equipment.values();
    equipment.any(|unit| unit.id == tag.equipment && unit.tags.iter().any(|known| known.name == tag.name))
}

/// When a batch of a view occupied the equipment of a tag, and which batch.
fn occupancies<'a>(
    view: &'a View,
    tag: &'a TagId,
    until: Timestamp,
) -> impl Iterator<Item = (Range<Timestamp>, &'a BatchId, &'a Batch)> {
    let of_tag = view.batches.iter().filter(|(_, batch)| has_tag(batch, tag));
    of_tag.map(move |(id, batch)| (occupancy(batch, view.now.max(until)), id, batch.as_ref()))
}

/// Whether a range of a tag lies within the occupancy of one batch of a view.
fn is_within_batch(view: &View, tag: &TagId, range: &Range<Timestamp>) -> bool {
    occupancies(view, tag, range.end).any(|(held, ..)| held.start <= range.start && range.end <= held.end)
}

/// The batches of a view of which a range of a tag holds anything.
fn touched<'a>(view: &'a View, tag: &'a TagId, range: &Range<Timestamp>) -> Vec<(&'a BatchId, &'a Batch)> {
    let (start, end) = (range.start, range.end);
    let shares = move |held: &Range<Timestamp>| held.start < end && start < held.end;
    occupancies(view, tag, end).filter(|(held, ..)| shares(held)).map(|(_, id, batch)| (id, batch)).collect()
}

/// Whether somebody is an auditor, who sees what was granted and nothing of the facility's own.
pub(crate) fn is_auditor(view: &View, scope: &Scope) -> bool {
    let auditor = |grant: &RoleGrant| grant.role == Role::Aud;
    view.facility.people.get(&scope.person).is_some_and(|person| person.roles.iter().any(auditor))
}

/// Who reads samples, and what they may know of.
pub(crate) struct Reader {
    view: View,
    /// The facility's own staff see every tag at any time.
    pub(crate) staff: bool,
}

impl Reader {
    /// A person as a reader.
    pub(crate) fn of(view: &View, scope: &Scope) -> Self {
        Self { view: view.cut(scope), staff: scope.tenant.is_none() && !is_auditor(view, scope) }
    }
    /// A range of a tag that the reader may not see does not exist (TEN-01).
    fn must_see(&self, tag: &TagId, range: &Range<Timestamp>) -> Result<(), Rejection> {
        if self.staff || is_within_batch(&self.view, tag, range) { Ok(()) } else { Err(Rejection::not_found()) }
    }
}

/// The trend of a tag, as far as the reader may see it.
pub(crate) async fn trend(
    app: &App,
    reader: &Reader,
    tag: &TagId,
    range: Range<Timestamp>,
    slices: usize,
) -> Result<Trend, Rejection> {
    reader.must_see(tag, &range)?;
    trend_of(app.store.as_ref(), tag, range, slices).await.map_err(failed)
}

/// The newest sample of a tag that was kept, if the reader may see it.
pub(crate) async fn newest(app: &App, reader: &Reader, tag: &TagId) -> Result<Option<Sample>, Rejection> {
    let newest = app.store.newest(tag).await.map_err(failed)?;
    let at = |sample: &Sample| sample.receive_time..sample.receive_time.plus_ms(1);
    Ok(newest.filter(|sample| reader.must_see(tag, &at(sample)).is_ok()))
}

/// Every sample of a range of a tag as a file. It needs the permission to export of every batch of which the range holds anything,
/// and its hash is entered with each of them; of a range that touches no batch, with the equipment.
pub(crate) async fn export(
    app: &App,
    scope: &Scope,
    tag: &TagId,
    range: Range<Timestamp>,
    form: SamplesForm,
) -> Result<Download, Rejection> {
    let reader = Reader::of(&app.writer.view(), scope);
    reader.must_see(tag, &range)?;
    let view = &reader.view;
    if range.end <= range.start || range.end.since_ms(range.start) > EXPORT_DAYS_MAX * EXPORT_STEP_MS {
        return Err(Rejection::new(
            "samples-range",
            format!("終わりは始まりより後に、期間は{EXPORT_DAYS_MAX}日以内にしてください。"),
            format!("A range must end after it begins and be at most {EXPORT_DAYS_MAX} days long."),
        ));
    }
    let batches = touched(view, tag, &range);
    for (_, batch) in &batches {
        let resource = Resource::whole_batch(batch);
        app.policies.may(&view.facility, &scope.person, Action::Export, &resource, view.now)?;
    }
    let bytes = write(app, view, tag, range.clone(), form).await?;
    let ending = SamplesForm::ALL.iter().find(|(known, _)| *known == form).map_or("", |(_, name)| name);
    let name = format!("{}-{}.{ending}", tag.equipment, tag.name);
    let sha256 = sha256(&[&bytes]);
    if batches.is_empty() {
        let (file, scope) = (ExportedFile { name: name.clone(), sha256 }, scope.clone());
        let export = SamplesExport { scope, tag: tag.clone(), from: range.start, until: range.end, file };
        let note = Note::SamplesExported(Box::new(export));
        app.writer.decide(Input::Note(note)).await.ok_or_else(stopping)??;
    }
    for (batch, _) in batches {
        let files = vec![ExportedFile { name: name.clone(), sha256 }];
        let command = Command::Batch { batch: batch.clone(), command: BatchCommand::NoteExport { files } };
        let act = Act { scope: scope.clone(), signer: None, command };
        app.writer.decide(Input::Act(Box::new(act))).await.ok_or_else(stopping)??;
    }
    Ok(Download { name, media: form.media(), bytes })
}

async fn write(
    app: &App,
    view: &View,
    tag: &TagId,
    range: Range<Timestamp>,
    form: SamplesForm,
) -> Result<Vec<u8>, Rejection> {
    let head = SamplesHead {
        facility: view.facility.name.as_ref().map(|named| named.name.en.clone()).unwrap_or_default(),
        tag: tag.clone(),
        unit: view.facility.tag(tag).map(|tag| tag.unit.shown().to_owned()).unwrap_or_default(),
        from: range.start,
        until: range.end,
        purpose: view.purpose,
    };
    let mut writer = SamplesWriter::new(form, &head).map_err(failed)?;
    let mut from = range.start;
    while from < range.end {
        let until = from.plus_ms(EXPORT_STEP_MS).min(range.end);
        let samples = samples_between(app.store.as_ref(), tag, from, until).await.map_err(failed)?;
        writer = tokio::task::spawn_blocking(move || writer.write(&samples).map(|()| writer))
            .await
            .map_err(failed)?
            .map_err(failed)?;
        from = until;
    }
    tokio::task::spawn_blocking(move || writer.finish()).await.map_err(failed)?.map_err(failed)
}
