//! What the pages need, answered by the running facility. It passes questions on and commands along; it decides nothing.

use std::{ops::Range, sync::Arc};

use batch_records::export::samples::SamplesForm;
use mes_core::{
    access::{Action, AuthMethod, Reauth, Rejection, Scope},
    booking::{Offer, QUOTES_PER_MINUTE_MAX, check_series},
    clock::{Clock, Timestamp},
    engine::{Act, Command, Input, Note, Quoted, View},
    historian::{Sample, Trend},
    id::{BatchId, BookingId, EquipmentId, PersonId, TagId, TerminalId},
    journal::{Entry, EntryId, Hash, Owner, StreamId, StreamKind},
    quantity::Bilingual,
    store::{PAGE_ROWS_MAX, Store},
};
use tokio::sync::watch;

use crate::{
    app::App,
    booking_number::BookingNumbers,
    credentials,
    demo::Demo,
    device_figures::AllFigures,
    device_templates,
    device_trust::{self, Ending, Known},
    packaging,
    planner::Found,
    planning,
    quoting::{self, Wish},
    reasons::{self, Reason},
    samples::{self, Reader},
    simulators::FaultChange,
    web::port::{Answer, DemoInfo, Desk, Download, QuoteRequest, StageSender},
};

/// The running facility as the pages see it.
pub struct FacilityDesk {
    app: Arc<App>,
    demo: Option<Arc<Demo>>,
    ticks: watch::Receiver<u64>,
    quotes: credentials::PerMinute,
    numbers: BookingNumbers,
}

impl FacilityDesk {
    /// A desk over a facility; with a demo, its pages too.
    pub fn new(app: Arc<App>, demo: Option<Arc<Demo>>) -> Self {
        let (tick, ticks) = watch::channel(0u64);
        let mut views = app.writer.views();
        tokio::spawn(async move {
            while views.changed().await.is_ok() {
                tick.send_modify(|count| *count = count.wrapping_add(1));
            }
        });
        Self { app, demo, ticks, quotes: credentials::PerMinute::default(), numbers: BookingNumbers::default() }
    }

    async fn decide(&self, input: Input) -> Result<Vec<EntryId>, Rejection> {
        match self.app.writer.decide(input).await {
            Some(decision) => decision,
            None => Err(stopping()),
        }
    }

    /// The owner of a stream, as far as the person may know of it.
    fn owner_of(&self, scope: &Scope, stream: &StreamId) -> Result<Owner, Rejection> {
        let view = self.app.writer.view().cut(scope);
        let id = stream.id.as_str();
        let tenant = match stream.kind {
            StreamKind::Batch => {
                id.parse().ok().and_then(|id: BatchId| view.batches.get(&id).map(|batch| batch.issued.owner().clone()))
            }
            StreamKind::Samples => view
                .batches
                .iter()
                .find(|(batch, _)| id.starts_with(&format!("{batch}.")))
                .map(|(_, batch)| batch.issued.owner().clone()),
            StreamKind::Booking => {
                id.parse().ok().and_then(|id| view.bookings.get(&id).map(|booking| booking.tenant.clone()))
            }
            StreamKind::Recipe => view
                .recipes
                .iter()
                .find(|((recipe, _), _)| recipe.as_str() == id)
                .map(|(_, r)| r.body.header.tenant.clone()),
            StreamKind::Journal
            | StreamKind::Facility
            | StreamKind::Suite
            | StreamKind::Equipment
            | StreamKind::Material
            | StreamKind::Person
            | StreamKind::Plan => {
                return if scope.tenant.is_none() && !self.is_auditor(scope) {
                    Ok(Owner::Facility)
                } else {
                    Err(Rejection::not_found())
                };
            }
        };
        tenant.map(Owner::Tenant).ok_or_else(Rejection::not_found)
    }

    fn is_auditor(&self, scope: &Scope) -> bool {
        samples::is_auditor(&self.app.writer.view(), scope)
    }

    fn reader(&self, scope: &Scope) -> Reader {
        Reader::of(&self.app.writer.view(), scope)
    }

    async fn quoted(&self, scope: Scope, request: QuoteRequest) -> Result<Result<Vec<Offer>, Bilingual>, Rejection> {
        let view = self.app.writer.view();
        let Some(tenant) = scope.tenant.clone() else {
            return Err(Rejection::new(
                "BKG-01",
                "見積りは入居者の計画担当が依頼します。",
                "A quote is asked for by a tenant's planner.",
            ));
        };
        let recipe = view.cut(&scope).recipes.get(&(request.asked.recipe.clone(), request.asked.version)).cloned();
        let recipe = recipe.ok_or_else(Rejection::not_found)?;
        check_series(&request.asked)?;
        let in_minute = self.quotes.count(&scope.person);
        let asked = request.asked.clone();
        // Beyond the limit nothing is searched; the engine refuses the quote and enters that it did.
        let answer = if in_minute > QUOTES_PER_MINUTE_MAX {
            Err(Bilingual::default())
        } else {
            let search = move || quoting::offers(&view, &Wish { tenant: &tenant, recipe: &recipe.body, asked: &asked });
            let found = tokio::task::spawn_blocking(search).await.map_err(failed)?;
            found.map_err(|no| {
                tracing::info!(booking.id = %request.booking, reasons = ?no.planner, "a quote was refused");
                no.tenant
            })
        };
        let QuoteRequest { booking, asked } = request;
        let quoted = Quoted { scope, booking, asked, answer: answer.clone(), in_minute };
        self.decide(Input::Note(Note::Quoted(Box::new(quoted)))).await?;
        Ok(answer)
    }

    async fn whole_stream(&self, owner: Owner, stream: StreamId) -> Result<Vec<Entry>, Rejection> {
        let mut entries = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry: &Entry| entry.envelope.stream_seq);
            let page = self.app.store.stream(&owner, &stream, after, PAGE_ROWS_MAX).await.map_err(failed)?;
            if page.is_empty() {
                return Ok(entries);
            }
            entries.extend(page.into_iter().map(|stored| stored.entry));
        }
    }
}

/// The server is stopping.
pub fn stopping() -> Rejection {
    Rejection::new(
        "stopping",
        "サーバを停止しています。後でやり直してください。",
        "The server is stopping. Try again later.",
    )
}

/// Something failed that the person cannot mend; the cause is in the log.
pub fn failed(error: impl std::error::Error + 'static) -> Rejection {
    tracing::error!(error = &error as &dyn std::error::Error, "a read failed");
    Rejection::new(
        "failed",
        "記録を読み出せませんでした。システム管理者に連絡してください。",
        "The record could not be read. Contact the system administrator.",
    )
}

/// Compares in a time that does not tell how much of it agrees.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

impl Desk for FacilityDesk {
    fn view(&self) -> Arc<View> {
        self.app.writer.view()
    }
    fn subscribe(&self) -> watch::Receiver<u64> {
        self.ticks.clone()
    }
    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
    fn new_id(&self, prefix: &str) -> String {
        crate::random::id(prefix)
    }
    fn next_booking(&self, scope: &Scope) -> String {
        let view = self.app.writer.view();
        let known = view.bookings.keys().chain(view.quotes.keys()).map(|booking| booking.as_str());
        self.numbers.next(scope.tenant.as_ref(), known)
    }
    fn terminal(&self, _client: &str, host: &str) -> Option<TerminalId> {
        // A terminal is addressed by its own name: hmi-1.catapult.example, or hmi-1.localhost.
        let name = host.split(['.', ':']).next()?.to_ascii_uppercase();
        self.app.writer.view().facility.terminals.keys().find(|id| id.as_str() == name).cloned()
    }
    fn may(&self, scope: &Scope, action: Action, batch: Option<&BatchId>) -> bool {
        crate::permission::may(&self.app, scope, action, batch)
    }
    fn certificates(&self) -> Result<Vec<Known>, Rejection> {
        device_trust::list(&self.app.config.pki(), &self.app.writer.view()).map_err(failed)
    }
    fn ending_certificates(&self) -> Result<Vec<Ending>, Rejection> {
        // Certificates end by the clock on the wall, whatever time it is in the facility.
        device_trust::ending(&self.app.config.pki(), Clock::system_now()).map_err(failed)
    }
    fn figures(&self) -> Arc<AllFigures> {
        self.app.figures.now(self.app.links.borrow().diagnostics())
    }
    fn is_monitor(&self, token: &str) -> bool {
        let wanted = self.app.config.metrics_token.as_deref();
        wanted.is_some_and(|wanted| same(wanted.as_bytes(), token.as_bytes()))
    }
    fn act(&self, act: Act) -> Answer<'_, Vec<EntryId>> {
        Box::pin(async move {
            let plan = match &act.command {
                Command::AdoptPlan { adopted, .. } => Some((adopted.clone(), Vec::new())),
                Command::ProposeMoves { adopted, asks } => Some((adopted.clone(), asks.clone())),
                _ => None,
            };
            if let Some((adopted, asks)) = plan
                && self.may(&act.scope, Action::AdoptPlan, None)
            {
                // The referee has the last word on a plan, whoever made it; the engine then judges what no plan may do.
                let view = self.app.writer.view();
                let judged = tokio::task::spawn_blocking(move || planning::judge(&view, &adopted, &asks)).await;
                judged.map_err(failed)??;
            }
            if let Command::ProposeChange { items, .. } = &act.command {
                let view = self.app.writer.view();
                device_templates::judge(&view.facility, items)?;
            }
            if let Command::JudgeCertificate { certificate, .. } = &act.command {
                device_trust::judge(&self.app.config.pki(), &self.app.writer.view(), certificate)?;
            }
            let adopts = matches!(act.command, Command::AdoptPlan { .. });
            let entries = self.decide(Input::Act(Box::new(act))).await?;
            if adopts {
                self.app.planner.forget();
            }
            Ok(entries)
        })
    }
    fn check_credential(&self, person: PersonId, secret: String, client: String) -> Answer<'_, Reauth> {
        Box::pin(async move { credentials::check(&self.app, &person, secret, &client, AuthMethod::Password).await })
    }
    fn note_login(&self, scope: Scope) -> Answer<'_, ()> {
        Box::pin(async move { self.decide(Input::Note(Note::LoggedIn(scope))).await.map(drop) })
    }
    fn note_logout(&self, scope: Scope, timed_out: bool) -> Answer<'_, ()> {
        Box::pin(async move { self.decide(Input::Note(Note::LoggedOut { scope, timed_out })).await.map(drop) })
    }
    fn history(&self, scope: Scope, stream: StreamId) -> Answer<'_, Vec<Entry>> {
        Box::pin(async move {
            let owner = self.owner_of(&scope, &stream)?;
            self.whole_stream(owner, stream).await
        })
    }
    fn trend(&self, scope: Scope, tag: TagId, range: Range<Timestamp>, slices: usize) -> Answer<'_, Trend> {
        Box::pin(async move { samples::trend(&self.app, &self.reader(&scope), &tag, range, slices).await })
    }
    fn newest_sample(&self, scope: Scope, tag: TagId) -> Answer<'_, Option<Sample>> {
        Box::pin(async move { samples::newest(&self.app, &self.reader(&scope), &tag).await })
    }
    fn export_samples(
        &self,
        scope: Scope,
        tag: TagId,
        range: Range<Timestamp>,
        form: SamplesForm,
    ) -> Answer<'_, Download> {
        Box::pin(async move { samples::export(&self.app, &scope, &tag, range, form).await })
    }
    fn quote(&self, scope: Scope, request: QuoteRequest) -> Answer<'_, Result<Vec<Offer>, Bilingual>> {
        Box::pin(self.quoted(scope, request))
    }
    fn proposal(&self, scope: &Scope) -> Option<Arc<Found>> {
        let view = self.app.writer.view();
        self.may(scope, Action::AdoptPlan, None).then(|| self.app.planner.newest(&view)).flatten()
    }
    fn propose(&self, scope: Scope) -> Answer<'_, ()> {
        Box::pin(async move {
            if !self.may(&scope, Action::AdoptPlan, None) {
                return Err(Rejection::not_found());
            }
            self.app.planner.propose(self.app.writer.view()).await;
            Ok(())
        })
    }
    fn reasons(&self, scope: &Scope, booking: &BookingId) -> Vec<Reason> {
        let view = self.app.writer.view();
        if !view.cut(scope).bookings.contains_key(booking) {
            return Vec::new();
        }
        let found = reasons::reasons(&view, booking);
        let whole = scope.tenant.is_none() && !self.is_auditor(scope);
        if whole { found } else { found.into_iter().map(Reason::of_tenant).collect() }
    }
    fn package(&self, scope: Scope, batch: BatchId, stage: StageSender) -> Answer<'_, Download> {
        Box::pin(async move {
            let bytes = packaging::package(&self.app, &scope, &batch, stage).await?;
            Ok(Download { name: format!("{batch}.zip"), media: "application/zip", bytes })
        })
    }
    fn record_pdf(&self, scope: Scope, batch: BatchId, stage: StageSender) -> Answer<'_, Download> {
        Box::pin(async move {
            let bytes = packaging::record_pdf(&self.app, &scope, &batch, stage).await?;
            Ok(Download { name: format!("{batch}.pdf"), media: "application/pdf", bytes })
        })
    }
    fn report(&self, scope: Scope, batch: BatchId, sha256: Hash) -> Answer<'_, Download> {
        Box::pin(async move { packaging::report(&self.app, &scope, &batch, &sha256).await })
    }
    fn facility_report(&self, scope: Scope, equipment: EquipmentId, sha256: Hash) -> Answer<'_, Download> {
        Box::pin(async move { packaging::facility_report(&self.app, &scope, &equipment, &sha256).await })
    }
    fn demo(&self) -> Option<DemoInfo> {
        self.demo.as_ref().map(|demo| demo.info(&self.app))
    }
    fn set_colleagues(&self, on: bool) -> Answer<'_, ()> {
        Box::pin(async move {
            let demo = self.demo.as_ref().ok_or_else(Rejection::not_found)?;
            demo.set_colleagues(on);
            Ok(())
        })
    }
    fn set_fault(&self, equipment: EquipmentId, change: FaultChange) -> Answer<'_, ()> {
        Box::pin(async move {
            let demo = self.demo.as_ref().ok_or_else(Rejection::not_found)?;
            demo.set_fault(&equipment, &change).await
        })
    }
}
