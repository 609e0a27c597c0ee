//! The samples of a tag for a person: its trend, and every sample of a range as a file. A tenant sees the equipment of its batches
//! while they occupied it, and no other time; the facility's own staff see everything.

use std::ops::Range;

use batch_records::export::samples::{SamplesForm, SamplesHead, SamplesWriter};
use mes_core::{
    access::{Action, Rejection, Resource, Scope},
    batch::{Batch, BatchCommand, ExportedFile},
    clock::Timestamp,
    engine::{Act, Command, Input, View},
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

/// The batch of a view within whose occupancy a range of a tag lies.
fn batch_of<'a>(view: &'a View, tag: &TagId, range: &Range<Timestamp>) -> Option<(&'a BatchId, &'a Batch)> {
    let covers = |batch: &Batch| {
        let occupied = occupancy(batch, view.now.max(range.end));
        has_tag(batch, tag) && occupied.start <= range.start && range.end <= occupied.end
    };
    view.batches.iter().find(|(_, batch)| covers(batch)).map(|(id, batch)| (id, batch.as_ref()))
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
        if self.staff || batch_of(&self.view, tag, range).is_some() { Ok(()) } else { Err(Rejection::not_found()) }
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

/// Every sample of a range of a tag as a file. Within a batch it needs the permission to export, and its hash is entered.
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
    let batch = batch_of(view, tag, &range).map(|(id, batch)| (id.clone(), Resource::whole_batch(batch)));
    if let Some((_, resource)) = &batch {
        app.policies.may(&view.facility, &scope.person, Action::Export, resource, view.now)?;
    }
    let bytes = write(app, view, tag, range, form).await?;
    let ending = SamplesForm::ALL.iter().find(|(known, _)| *known == form).map_or("", |(_, name)| name);
    let name = format!("{}-{}.{ending}", tag.equipment, tag.name);
    if let Some((batch, _)) = batch {
        let files = vec![ExportedFile { name: name.clone(), sha256: sha256(&[&bytes]) }];
        let command = Command::Batch { batch, command: BatchCommand::NoteExport { files } };
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
