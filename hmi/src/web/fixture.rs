//! A facility for the page tests: the demo's facility and recipes, batches folded from events, and a desk that notes what it
//! is asked. It is compiled for tests only; the running system has its own desk.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex},
};

use batch_records::export::samples::SamplesForm;
use equipment_drivers::{DeviceKind, Diagnostics, Fault, Framing};
use mes_core::{
    access::{
        Action, Actor, AuthMethod, Meaning, Policies, Reauth, Rejection, Resource, Scope, Signature, Subject, Who,
    },
    batch::{Batch, BatchEvent, DeviationCause, EventMeta, IssuedBatch, ItemValue, Source, Verdict},
    booking::{Asked, Booking, BookingState, BookingWindow, Offer, OfferKind, Quote, Series},
    clock::Timestamp,
    engine::{Act, LinkState, LinkView, MasterRecipe, PendingChange, Reading, View},
    historian::{Cause, Downsampler, Point, Qualities, Quality, Sample, SampleValue, Trend},
    id::*,
    isa88::{Command, RecipeApprovals, RecipeBody, State, load_recipe},
    journal::{Entry, EntryId, Envelope, Event, Hash, Owner, Part, PartName, Purpose, StreamId, StreamKind},
    quantity::{Bilingual, Language, Quantity, parse_decimal},
    tenant::{DeviceCertificate, Facility, FacilityItem, ItemChange, Role},
};
use tokio::sync::watch;

use crate::{
    device_figures::{AllFigures, Figures},
    device_trust::{Ending, Known, Standing},
    planner::Found,
    reasons::Reason,
    simulators::{FaultChange, SimulatorState},
};

use super::{
    fixture_reports::{REPORT, reports},
    port::{Answer, DemoInfo, DemoLogin, Desk, Download, QuoteRequest, StageSender},
};

/// The password that every person of the fixture has.
pub(super) const PASSWORD: &str = "right horse";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// The token of whoever watches over the process.
pub(super) const MONITOR: &str = "a-token-of-sixteen";

fn facility() -> Facility {
    let mut facility = Facility::default();
    for item in crate::device_templates::read_file(include_str!("../../demo/facility.yaml")).unwrap() {
        facility.adopt(item);
    }
    let auditor = r#"{"person":{"id":"endo","name":{"ja":"遠藤 葉","en":"Endo Yo"},"roles":[{"role":"AUD","tenant":"TEN-A"}],"language":"en"}}"#;
    facility.adopt(serde_json::from_str(auditor).unwrap());
    facility
}

fn recipe(text: &str) -> RecipeBody {
    load_recipe(text).unwrap().body().clone()
}

pub(super) fn recipe_a() -> RecipeBody {
    recipe(include_str!("../../../mes-core/recipes/MBR-MSC-001-S.yaml"))
}

fn recipe_b() -> RecipeBody {
    recipe(include_str!("../../../mes-core/recipes/MBR-MSC-002-S.yaml"))
}

/// A batch, built event by event.
pub(super) struct Story {
    pub(super) batch: Batch,
    pub(super) entries: Vec<Entry>,
    seq: u64,
    now: Timestamp,
}

fn who(person: &str, role: Role) -> Who {
    Who {
        actor: Actor::Person { id: id(person), name: format!("{person} (name)"), role: Some(role) },
        session_of: None,
        terminal: Some(id("HMI-1")),
        suite: Some(id("SU-1")),
        client: Some("127.0.0.1".into()),
        session: Some(id("S-1")),
        auth: AuthMethod::Password,
        language: Some(Language::Ja),
        software: "test".into(),
    }
}

impl Story {
    pub(super) fn new(batch: &str, tenant: &str, suite: &str, recipe: RecipeBody) -> Self {
        let facility = facility();
        let agreement = facility.agreement_for(&id(tenant), &recipe.header.product).unwrap().clone();
        let mut equipment = BTreeMap::new();
        for needed in &recipe.equipment {
            let here = |e: &&mes_core::tenant::Equipment| e.class == needed.class && e.suite.as_str() == suite;
            equipment.insert(needed.role.clone(), facility.equipment.values().find(here).unwrap().clone());
        }
        let issued = IssuedBatch {
            batch: id(batch),
            booking: id("BKG-1"),
            tenant: facility.tenants[&id::<TenantId>(tenant)].clone(),
            facility: facility.name.clone().unwrap(),
            agreement,
            recipe,
            recipe_hash: Hash([7; 32]),
            approvals: RecipeApprovals { author: id("tanaka"), production: id("ito"), quality: id("watanabe") },
            lot: format!("{batch}-L"),
            coi: format!("COI-{batch}"),
            suite: facility.suites[&id::<SuiteId>(suite)].clone(),
            device_templates: Vec::new(),
            equipment,
            policies_hash: Hash([8; 32]),
        };
        let now = at("2026-07-01T00:00:00.000Z");
        let meta = EventMeta { who: &who("tanaka", Role::Sup), at: now, entry: entry_id(1), stream_seq: 1 };
        let batch = Batch::issue(Box::new(issued.clone()), &meta);
        let mut story = Self { batch, entries: Vec::new(), seq: 1, now };
        story.keep(BatchEvent::Issued { issued: Box::new(issued) }, ("tanaka", Role::Sup));
        story
    }
    fn keep(&mut self, event: BatchEvent, (person, role): (&str, Role)) {
        let parts = Event::Batch(event).to_parts().unwrap();
        let open = |value| Part::Open { salt: Hash([1; 32]), value };
        let mut all: BTreeMap<PartName, Part> =
            parts.parts.into_iter().map(|(name, value)| (name, open(value))).collect();
        all.insert(PartName::Who, open(serde_json::to_value(who(person, role)).unwrap()));
        self.entries.push(Entry {
            envelope: Envelope {
                form: mes_core::journal::ENTRY_FORM.to_owned(),
                owner: Owner::Tenant(self.batch.issued.tenant.id.clone()),
                owner_seq: self.seq,
                stream: StreamId::new(StreamKind::Batch, &self.batch.issued.batch),
                stream_seq: self.seq,
                stream_prev: Hash::ZERO,
                time: self.now,
                event_type: parts.event_type,
                version: parts.version,
                parts: BTreeMap::new(),
            },
            parts: all,
        });
    }
    pub(super) fn then(&mut self, event: BatchEvent, (person, role): (&str, Role)) -> &mut Self {
        self.seq += 1;
        self.now = self.now.plus_s(60);
        let who = who(person, role);
        let meta = EventMeta { who: &who, at: self.now, entry: entry_id(self.seq), stream_seq: self.seq };
        self.batch.evolve(&event, &meta);
        self.keep(event, (person, role));
        self
    }
    /// The same at the moment of the event before: what one decision brings about.
    pub(super) fn and(&mut self, event: BatchEvent, by: (&str, Role)) -> &mut Self {
        self.now = self.now.plus_s(-60);
        self.then(event, by)
    }
    /// Starts the batch and completes all phases before one; then starts that one.
    pub(super) fn up_to(mut self, phase: &str) -> Self {
        let op = ("sato", Role::Op);
        let start = BatchEvent::StateChanged {
            command: Some(Command::Start),
            from: State::Idle,
            to: State::Running,
            row: 1,
            text: None,
        };
        self.then(start, op);
        let phases: Vec<PhaseId> = self.batch.issued.recipe.phases().map(|phase| phase.id.clone()).collect();
        for id in phases {
            self.then(BatchEvent::PhaseStarted { phase: id.clone() }, op);
            if id.as_str() == phase {
                break;
            }
            self.then(BatchEvent::PhaseCompleted { phase: id }, op);
        }
        self
    }
    pub(super) fn record(
        &mut self,
        phase: &str,
        item: &str,
        value: &str,
        verdict: Verdict,
        reason: Option<&str>,
    ) -> &mut Self {
        let unit = self.batch.issued.recipe.parameter(&id(item)).unwrap().unit.0.clone();
        let event = BatchEvent::ItemRecorded {
            phase: id(phase),
            item: id(item),
            value: ItemValue::Quantity(Quantity::new(parse_decimal(value).unwrap(), &unit)),
            source: Source::Manual,
            verdict,
            performer: None,
            text: reason.map(str::to_owned),
        };
        self.then(event, ("sato", Role::Op))
    }
    pub(super) fn sign(&mut self, subject: Subject, meaning: Meaning, person: &str, role: Role) -> &mut Self {
        let statement = self.batch.statement(&subject, meaning, &id(person), self.now, Language::Ja).unwrap();
        let signature = Signature {
            id: id(&format!("SIG-{}", self.seq)),
            subject,
            statement_hash: statement.hash().unwrap(),
            statement,
            name: format!("{person} (name)"),
            role,
            at: self.now,
            method: AuthMethod::Password,
        };
        self.then(BatchEvent::Signed { signature, text: None }, (person, role))
    }
    pub(super) fn deviate(&mut self, deviation: &str, phase: &str, cause: DeviationCause) -> &mut Self {
        let event = BatchEvent::DeviationOpened {
            deviation: id(deviation),
            phase: Some(id(phase)),
            item: None,
            cause,
            text: Some("濁り cloudy".into()),
        };
        self.then(event, ("sato", Role::Op))
    }
}

fn entry_id(seq: u64) -> EntryId {
    EntryId { owner: Owner::Facility, seq }
}

fn readings(facility: &Facility, now: Timestamp) -> BTreeMap<TagId, Reading> {
    let mut readings = BTreeMap::new();
    for equipment in facility.equipment.values() {
        for tag in &equipment.tags {
            let stale = tag.name.as_str() == "ph";
            let sample = Sample {
                tag: TagId::new(equipment.id.clone(), tag.name.clone()),
                value: Some(SampleValue::Real(37.02)),
                quality: if stale { Quality::bad(Cause::Stale) } else { Quality::GOOD },
                source_time: Some(now),
                server_time: None,
                receive_time: now.plus_s(-2),
                seq: 5,
                overflow: false,
            };
            readings.insert(sample.tag.clone(), Reading { sample });
        }
    }
    readings
}

fn booking(tenant: &str, recipe: &RecipeBody, suite: &str, state: BookingState) -> Booking {
    let window = BookingWindow {
        suite: id(suite),
        equipment: BTreeMap::from([(id("reactor"), id("BR-02"))]),
        from: at("2026-07-01T00:00:00.000Z"),
        until: at("2026-07-20T00:00:00.000Z"),
        activities: Vec::new(),
    };
    let header = &recipe.header;
    let planner = id(if tenant == "TEN-A" { "aoki" } else { "baba" });
    let by = (planner, at("2026-06-01T00:00:00.000Z"));
    let whose = (id(tenant), header.product.clone());
    let mut booking = Booking::requested(whose, (header.id.clone(), header.version), window, by);
    booking.state = state;
    booking
}

/// A quote of tenant A that stands.
fn quote(recipe: &RecipeBody) -> Quote {
    let window = booking("TEN-A", recipe, "SU-1", BookingState::Requested).window;
    let asked = Asked {
        recipe: recipe.header.id.clone(),
        version: 1,
        earliest: window.from,
        latest: window.until,
        series: Some(Series { batches: 2, cadence_d: 7, tolerance_h: 12 }),
    };
    let offers = vec![Offer { kind: OfferKind::Latest, windows: vec![window.clone(), window] }];
    Quote { tenant: id("TEN-A"), asked, offers, valid_until: at("2026-07-02T06:00:00.000Z") }
}

/// A view over batches, with bookings, recipes and a change of both tenants around them.
pub(super) fn view(stories: &[&Story]) -> View {
    let facility = facility();
    let now = at("2026-07-01T06:00:00.000Z");
    let (a, b) = (recipe_a(), recipe_b());
    let approvals = RecipeApprovals { author: id("tanaka"), production: id("ito"), quality: id("watanabe") };
    let master = |body: &RecipeBody, approvals: Option<RecipeApprovals>| MasterRecipe {
        body: body.clone(),
        hash: Hash([7; 32]),
        author: id("tanaka"),
        production: approvals.as_ref().map(|all| all.production.clone()),
        quality: approvals.as_ref().map(|all| all.quality.clone()),
        approvals,
    };
    let recipes = BTreeMap::from([
        ((a.header.id.clone(), 1), master(&a, Some(approvals))),
        ((b.header.id.clone(), 1), master(&b, None)),
    ]);
    let bookings = BTreeMap::from([
        (id("BKG-A1"), booking("TEN-A", &a, "SU-2", BookingState::Requested)),
        (id("BKG-A2"), booking("TEN-A", &a, "SU-2", BookingState::Confirmed)),
        (id("BKG-A3"), booking("TEN-A", &a, "SU-1", BookingState::Refused(Bilingual::new("満床です", "Full")))),
        (id("BKG-B1"), booking("TEN-B", &b, "SU-3", BookingState::Confirmed)),
    ]);
    let quotes = BTreeMap::from([(id("BKG-Q1"), quote(&a))]);
    let mut suite = facility.suites[&id::<SuiteId>("SU-1")].clone();
    let old = FacilityItem::Suite(suite.clone());
    suite.places = 2;
    let change = PendingChange {
        items: vec![ItemChange { new: FacilityItem::Suite(suite), old: Some(old) }],
        by: id("nakamura"),
        text: Some("二つ目の場所 second place".into()),
    };
    let link = |state| LinkView { state, since: now, cause: "test".into() };
    let links = facility.equipment.keys().map(|equipment| {
        let broken = equipment.as_str() == "INC-01";
        (equipment.clone(), link(if broken { LinkState::Connecting } else { LinkState::Online }))
    });
    View {
        now,
        purpose: Purpose::Demo,
        rate: 60,
        changes: Arc::new(BTreeMap::from([(id("CHG-1"), change)])),
        recipes: Arc::new(recipes),
        quotes: Arc::new(quotes),
        bookings: Arc::new(bookings),
        plan: None,
        batches: Arc::new(stories.iter().map(|s| (s.batch.issued.batch.clone(), Arc::new(s.batch.clone()))).collect()),
        readings: Arc::new(readings(&facility, now)),
        links: Arc::new(links.collect()),
        sampling: Arc::new([(id("BR-01"), super::tests_devices::sampling())].into()),
        ending: Arc::default(),
        certificates: Arc::new([("dd04".to_owned(), super::tests_devices::refused_certificate())].into()),
        languages: Arc::default(),
        reports: Arc::new(reports(stories)),
        facility: Arc::new(facility),
    }
}

/// A desk over a view. It notes every act, and answers it with `refusal` when there is one.
pub(super) struct TestDesk {
    pub(super) view: Arc<View>,
    pub(super) proposal: Option<Arc<Found>>,
    pub(super) entries: Vec<Entry>,
    pub(super) acts: Mutex<Vec<Act>>,
    pub(super) refusal: Mutex<Option<Rejection>>,
    policies: Policies,
    ids: Mutex<u64>,
    ticks: watch::Sender<u64>,
}

impl TestDesk {
    pub(super) fn new(stories: &[&Story]) -> Arc<Self> {
        Arc::new(Self {
            view: Arc::new(view(stories)),
            proposal: None,
            entries: stories.first().map(|story| story.entries.clone()).unwrap_or_default(),
            acts: Mutex::default(),
            refusal: Mutex::default(),
            policies: Policies::load().unwrap(),
            ids: Mutex::new(0),
            ticks: watch::channel(0).0,
        })
    }
}

impl Desk for TestDesk {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }
    fn subscribe(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }
    fn now(&self) -> Timestamp {
        self.view.now
    }
    fn new_id(&self, prefix: &str) -> String {
        let mut ids = self.ids.lock().unwrap();
        *ids += 1;
        format!("{prefix}-{}", *ids)
    }
    fn next_booking(&self, _scope: &Scope) -> String {
        self.new_id("BKG")
    }
    fn terminal(&self, _client: &str, host: &str) -> Option<TerminalId> {
        host.starts_with("operator.").then(|| id("HMI-1"))
    }
    fn may(&self, scope: &Scope, action: Action, batch: Option<&BatchId>) -> bool {
        let view = &self.view;
        let resources = match batch {
            Some(batch) => vec![Resource::whole_batch(&view.batches[batch])],
            None => {
                let tenants = view.facility.tenants.keys();
                let mut all: Vec<Resource> = vec![Resource::facility()];
                all.extend(tenants.flat_map(|t| [Resource::booking(&id("BKG-X"), t), Resource::new_recipe(t)]));
                all.extend(view.facility.agreements.values().map(|a| Resource::issue(&id("BKG-X"), a)));
                all
            }
        };
        resources.iter().any(|r| self.policies.may(&view.facility, &scope.person, action, r, view.now).is_ok())
    }
    fn certificates(&self) -> Result<Vec<Known>, Rejection> {
        let known = |standing, thumbprint: &str, until: &str| Known {
            standing,
            certificate: DeviceCertificate {
                thumbprint: thumbprint.into(),
                subject: format!("CN={thumbprint}"),
                issuer: "CN=Maker CA".into(),
                valid_from: at("2026-01-01T00:00:00Z"),
                valid_until: at(until),
                equipment: (standing == Standing::Waiting).then(|| id("BR-01")),
            },
            since: Some(at("2026-06-30T00:00:00Z")),
        };
        Ok(vec![
            known(Standing::Waiting, "aa01", "2030-01-01T00:00:00Z"),
            known(Standing::Refused, "dd04", "2030-01-01T00:00:00Z"),
            known(Standing::Trusted, "bb02", "2026-07-20T00:00:00Z"),
            known(Standing::Own, "cc03", "2026-06-01T00:00:00Z"),
        ])
    }
    fn ending_certificates(&self) -> Result<Vec<Ending>, Rejection> {
        let ending = |subject: &str, until: &str, days_left, warned_at| Ending {
            subject: subject.into(),
            until: at(until),
            days_left,
            warned_at,
        };
        Ok(vec![ending("CN=cc03", "2026-06-01T00:00:00Z", -30, 7), ending("CN=bb02", "2026-07-20T00:00:00Z", 18, 30)])
    }
    fn report(&self, _scope: Scope, batch: BatchId, sha256: Hash) -> Answer<'_, Download> {
        let filed = self.view.reports_of(&batch).into_iter().find(|filed| filed.report.sha256 == sha256).cloned();
        Box::pin(async move {
            let filed = filed.ok_or_else(Rejection::not_found)?;
            Ok(Download { name: filed.report.name, media: "application/octet-stream", bytes: REPORT.to_vec() })
        })
    }
    fn facility_report(&self, _scope: Scope, _equipment: EquipmentId, _sha256: Hash) -> Answer<'_, Download> {
        Box::pin(async { Err(Rejection::not_found()) })
    }
    fn figures(&self) -> Arc<AllFigures> {
        let seen = Diagnostics { timeouts: 3, latency_p99_us: Some(12_340), ..Diagnostics::default() };
        let figures = Figures { seen, requests_per_s: "2.0".into(), notifications_per_s: "0.0".into() };
        Arc::new([(id("INC-01"), figures)].into())
    }
    fn is_monitor(&self, token: &str) -> bool {
        token == MONITOR
    }
    fn act(&self, act: Act) -> Answer<'_, Vec<EntryId>> {
        self.acts.lock().unwrap().push(act);
        let refusal = self.refusal.lock().unwrap().clone();
        Box::pin(async move { refusal.map_or_else(|| Ok(vec![entry_id(99)]), Err) })
    }
    fn check_credential(&self, person: PersonId, secret: String, _client: String) -> Answer<'_, Reauth> {
        let known = self.view.facility.people.contains_key(&person) && secret == PASSWORD;
        Box::pin(async move {
            if known {
                return Ok(Reauth { person, method: AuthMethod::Password, age_ms: 1 });
            }
            Err(Rejection::new("P11-23", "IDかパスワードが違います。", "User id or password is wrong."))
        })
    }
    fn note_login(&self, _scope: Scope) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn note_logout(&self, _scope: Scope, _timed_out: bool) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn history(&self, _scope: Scope, stream: StreamId) -> Answer<'_, Vec<Entry>> {
        assert_ne!(stream.id, "BROKEN-1", "this batch's history breaks the page");
        let entries = self.entries.clone();
        Box::pin(async move { Ok(entries) })
    }
    fn trend(&self, _scope: Scope, tag: TagId, range: Range<Timestamp>, slices: usize) -> Answer<'_, Trend> {
        let mut qualities = Qualities::default();
        let points: Vec<Point> =
            (0..3).map(|n| Point::of(&sample(&tag, range.start.plus_s(n), n), &mut qualities)).collect();
        let mut sampler = Downsampler::new(range.start, range.end, slices);
        sampler.push(&points, &qualities);
        Box::pin(async move { Ok(sampler.finish(&qualities)) })
    }
    fn newest_sample(&self, _scope: Scope, tag: TagId) -> Answer<'_, Option<Sample>> {
        let newest = sample(&tag, self.now(), 2);
        Box::pin(async move { Ok(Some(newest)) })
    }
    fn export_samples(
        &self,
        _scope: Scope,
        tag: TagId,
        _range: Range<Timestamp>,
        form: SamplesForm,
    ) -> Answer<'_, Download> {
        let bytes = tag.to_string().into_bytes();
        Box::pin(async move { Ok(Download { name: "samples".to_owned(), media: form.media(), bytes }) })
    }
    fn quote(&self, _scope: Scope, request: QuoteRequest) -> Answer<'_, Result<Vec<Offer>, Bilingual>> {
        let short = request.asked.latest.since_ms(request.asked.earliest) < 86_400_000;
        let offers = self.view.quotes[&id::<BookingId>("BKG-Q1")].offers.clone();
        let no = Bilingual::new("期間が短すぎます。", "The period is shorter than the process.");
        Box::pin(async move { Ok(if short { Err(no) } else { Ok(offers) }) })
    }
    fn proposal(&self, scope: &Scope) -> Option<Arc<Found>> {
        self.may(scope, Action::AdoptPlan, None).then(|| self.proposal.clone()).flatten()
    }
    fn propose(&self, _scope: Scope) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn reasons(&self, scope: &Scope, booking: &BookingId) -> Vec<Reason> {
        if !self.view.cut(scope).bookings.contains_key(booking) {
            return Vec::new();
        }
        let by = scope.tenant.is_none().then(|| id("BKG-B1"));
        vec![Reason::SuiteBefore { suite: id("SU-2"), until: at("2026-07-01T00:00:00.000Z"), by }]
    }
    fn package(&self, _scope: Scope, batch: BatchId, _stage: StageSender) -> Answer<'_, Download> {
        let download = Download { name: format!("{batch}.zip"), media: "application/zip", bytes: b"PK".to_vec() };
        Box::pin(async move { Ok(download) })
    }
    fn record_pdf(&self, _scope: Scope, batch: BatchId, _stage: StageSender) -> Answer<'_, Download> {
        let download = Download { name: format!("{batch}.pdf"), media: "application/pdf", bytes: b"%PDF".to_vec() };
        Box::pin(async move { Ok(download) })
    }
    fn demo(&self) -> Option<DemoInfo> {
        let login = DemoLogin {
            person: id("sato"),
            password: PASSWORD.into(),
            address: "http://operator.localhost:8080/".into(),
        };
        Some(DemoInfo {
            colleagues_on: true,
            logins: vec![login],
            waiting_batch: self.view.batches.keys().next().cloned(),
            released_batch: None,
            devices: vec![
                SimulatorState {
                    name: "BR-01".into(),
                    kind: DeviceKind::LadsBioreactor,
                    framing: Framing::OpcUa,
                    address: "opc.tcp://127.0.0.1:4840/".into(),
                    faults: Vec::new(),
                },
                SimulatorState {
                    name: "INC-01".into(),
                    kind: DeviceKind::Co2Incubator,
                    framing: Framing::ModbusTcp,
                    address: "127.0.0.1:502".into(),
                    faults: vec![Fault::Drop],
                },
            ],
            program: "mes".into(),
            key_file: "facility.pub".into(),
        })
    }
    fn set_colleagues(&self, _on: bool) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn set_fault(&self, _equipment: EquipmentId, _change: FaultChange) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Sample `n` of a tag; the second is bad.
fn sample(tag: &TagId, at: Timestamp, n: i64) -> Sample {
    Sample {
        tag: tag.clone(),
        value: Some(SampleValue::Real(36.5)),
        quality: if n == 1 { Quality::bad(Cause::LinkDown) } else { Quality::GOOD },
        source_time: None,
        server_time: None,
        receive_time: at,
        seq: n.unsigned_abs(),
        overflow: false,
    }
}
