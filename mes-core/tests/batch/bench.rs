//! A bench for one batch: a small facility, a recipe with every kind of phase, people, and a batch that is folded from the JSON of
//! its own events after every command, beside the one in memory. Nothing here judges anything.

use std::{collections::BTreeMap, sync::OnceLock};

use mes_core::{
    access::{Actor, AuthMethod, Meaning, Reauth, Rejection, Subject, Who, action_of_batch, role_of},
    batch::{Batch, BatchCommand, BatchEvent, Context, Entered, EventMeta, IssueOrder, Occupancy, decide},
    booking::{Booking, BookingState, BookingWindow},
    clock::Timestamp,
    engine::MasterRecipe,
    historian::{Quality, Sample, SampleValue},
    id::{BatchId, EquipmentId, ItemId, PersonId, PhaseId, SuiteId, TagId, TenantId},
    isa88::{Expression, RecipeApprovals, RecipeBody},
    journal::{ENTRY_FORM, Entry, EntryId, Envelope, Event, Hash, Owner, Part, StreamId, StreamKind},
    quantity::Language,
    tenant::{Facility, FacilityItem, Manufacturer, Role},
};

pub(crate) const RECIPE: &str = include_str!("recipe.yaml");
pub(crate) const FACILITY: &str = include_str!("facility.yaml");

/// Parses any id.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// The facility of the bench, read once.
pub(crate) fn facility() -> Facility {
    static READ: OnceLock<Facility> = OnceLock::new();
    let read = || {
        let items: Vec<FacilityItem> = serde_saphyr::from_str(FACILITY).unwrap();
        let mut facility = Facility::default();
        items.into_iter().for_each(|item| facility.adopt(item));
        facility
    };
    READ.get_or_init(read).clone()
}

/// The recipe of the bench, read once.
fn recipe() -> RecipeBody {
    static READ: OnceLock<RecipeBody> = OnceLock::new();
    READ.get_or_init(|| serde_saphyr::from_str(RECIPE).unwrap()).clone()
}

/// What is taken beyond the batch.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) lots: Vec<String>,
    pub(crate) suites: BTreeMap<SuiteId, BatchId>,
    pub(crate) equipment: BTreeMap<EquipmentId, BatchId>,
}

impl Occupancy for Taken {
    fn lot_taken(&self, lot: &str) -> bool {
        self.lots.iter().any(|taken| taken == lot)
    }
    fn batch_in_suite(&self, suite: &SuiteId) -> Option<BatchId> {
        self.suites.get(suite).cloned()
    }
    fn batch_on_equipment(&self, equipment: &EquipmentId) -> Option<BatchId> {
        self.equipment.get(equipment).cloned()
    }
}

/// One batch on the bench.
pub(crate) struct Bench {
    pub(crate) now: Timestamp,
    pub(crate) batch_id: BatchId,
    pub(crate) batch: Option<Batch>,
    pub(crate) from_json: Option<Batch>,
    pub(crate) facility: Facility,
    pub(crate) recipes: BTreeMap<(mes_core::id::RecipeId, u32), MasterRecipe>,
    pub(crate) bookings: BTreeMap<mes_core::id::BookingId, Booking>,
    pub(crate) taken: Taken,
    pub(crate) readings: BTreeMap<TagId, Sample>,
    pub(crate) seq: u64,
    pub(crate) age_ms: u64,
    signatures: u32,
}

type Events = Vec<BatchEvent>;

impl Bench {
    /// A facility with a confirmed booking of tenant A; nothing issued yet.
    pub(crate) fn new() -> Self {
        let body = recipe();
        let (author, production, quality) = (id("aida"), id("tanaka"), id("watanabe"));
        let approvals = RecipeApprovals { author, production, quality };
        let recipe = MasterRecipe {
            hash: Hash([7; 32]),
            author: approvals.author.clone(),
            production: Some(approvals.production.clone()),
            quality: Some(approvals.quality.clone()),
            approvals: Some(approvals),
            body,
        };
        let now = Timestamp::from_ms(1_782_874_800_000);
        let window = BookingWindow {
            suite: id("SU-1"),
            equipment: BTreeMap::from([(id("reactor"), id("BR-01")), (id("incubator"), id("INC-01"))]),
            from: now,
            until: now.plus_s(864_000),
            activities: Vec::new(),
        };
        let whose = (id("TEN-A"), id("MSC"));
        let mut booking = Booking::requested(whose, (id("MBR-T"), 1), window, (id("aoki"), now));
        booking.state = BookingState::Confirmed;
        Self {
            now,
            batch_id: id("B-1"),
            batch: None,
            from_json: None,
            facility: facility(),
            recipes: BTreeMap::from([((id("MBR-T"), 1), recipe)]),
            bookings: BTreeMap::from([(id("BK-1"), booking)]),
            taken: Taken::default(),
            readings: BTreeMap::new(),
            seq: 0,
            age_ms: 1_000,
            signatures: 0,
        }
    }

    /// A batch issued by the supervisor.
    pub(crate) fn issued() -> Self {
        let mut bench = Self::new();
        bench.act("tanaka", &bench.order()).unwrap();
        bench
    }

    /// A batch whose phases before `phase` are complete, and which is started where `started`.
    pub(crate) fn at(phase: &str) -> Self {
        let mut bench = Self::issued();
        for (name, run) in crate::bench::STEPS {
            if *name == phase {
                break;
            }
            run(&mut bench);
        }
        bench.now = bench.now.plus_s(120);
        bench
    }

    /// As [`Bench::at`], with the phase started by the operator.
    pub(crate) fn running(phase: &str) -> Self {
        let mut bench = Self::at(phase);
        bench.start("sato", phase).unwrap();
        bench
    }

    /// A batch with every phase complete, and the execution declared so.
    pub(crate) fn executed() -> Self {
        let mut bench = Self::at("end");
        bench.act("tanaka", &BatchCommand::CompleteExecution).unwrap();
        bench
    }

    /// The same facility, but the tenant manufactures in the leased suite, with its own people.
    pub(crate) fn lease(&mut self) {
        for agreement in self.facility.agreements.values_mut() {
            agreement.manufacturer = Manufacturer::Tenant;
        }
    }

    /// The order that fits the booking.
    pub(crate) fn order(&self) -> BatchCommand {
        BatchCommand::Issue(Box::new(IssueOrder {
            booking: id("BK-1"),
            recipe: id("MBR-T"),
            version: 1,
            lot: "LOT-1".into(),
            coi: "COI-77".into(),
            suite: id("SU-1"),
            equipment: BTreeMap::from([(id("reactor"), id("BR-01")), (id("incubator"), id("INC-01"))]),
        }))
    }

    pub(crate) fn batch(&self) -> &Batch {
        self.batch.as_ref().unwrap()
    }

    pub(crate) fn phase(&self, phase: &str) -> &mes_core::batch::PhaseRun {
        &self.batch().phases[&id::<PhaseId>(phase)]
    }

    /// The person, in the first role that the agreement lets them do this in; without one, in their first role.
    fn actor(&self, person: &str, command: &BatchCommand) -> Actor {
        let Some(known) = self.facility.people.get(&id::<PersonId>(person)) else { panic!("nobody called {person}") };
        let agreement = self.facility.agreement_for(&id::<TenantId>("TEN-A"), &id("MSC")).unwrap();
        let role = role_of(known, action_of_batch(command), agreement, self.now).ok();
        let role = role.or_else(|| known.roles.first().map(|grant| grant.role));
        Actor::Person { id: known.id.clone(), name: known.name.full(), role }
    }

    /// A person gives a command.
    pub(crate) fn act(&mut self, person: &str, command: &BatchCommand) -> Result<Events, Rejection> {
        let actor = self.actor(person, command);
        let reauth = Reauth { person: id(person), method: AuthMethod::Password, age_ms: self.age_ms };
        self.give(actor, Some(reauth), command)
    }

    /// A person gives a command in a role that they name themselves.
    pub(crate) fn act_as(&mut self, person: &str, role: Role, command: &BatchCommand) -> Result<Events, Rejection> {
        let actor = Actor::Person { id: id(person), name: person.into(), role: Some(role) };
        let reauth = Reauth { person: id(person), method: AuthMethod::Password, age_ms: self.age_ms };
        self.give(actor, Some(reauth), command)
    }

    /// The plant gives a command.
    pub(crate) fn plant(&mut self, command: &BatchCommand) -> Result<Events, Rejection> {
        self.give(Actor::System { set: "procedure".into() }, None, command)
    }

    /// Decides, folds, and folds again from JSON.
    pub(crate) fn give(
        &mut self,
        actor: Actor,
        reauth: Option<Reauth>,
        command: &BatchCommand,
    ) -> Result<Events, Rejection> {
        let (readings, calculate) = (
            |tag: &TagId| self.readings.get(tag).cloned(),
            |text: &str, values: &BTreeMap<ItemId, rust_decimal::Decimal>| {
                let expression = Expression::parse(text).map_err(|e| e.to_string())?;
                expression.evaluate_number(values).map_err(|e| e.to_string())
            },
        );
        let ctx = Context {
            now: self.now,
            batch: &self.batch_id,
            actor: &actor,
            signer: reauth.as_ref(),
            facility: &self.facility,
            recipes: &self.recipes,
            bookings: &self.bookings,
            occupancy: &self.taken,
            reading: &readings,
            calculate: &calculate,
            policies_hash: Hash([9; 32]),
        };
        let events = decide(self.batch.as_ref(), command, &ctx)?;
        for event in &events {
            self.fold(event, &actor);
        }
        self.now = self.now.plus_s(1);
        Ok(events)
    }

    fn fold(&mut self, event: &BatchEvent, actor: &Actor) {
        self.seq += 1;
        let who = Who {
            actor: actor.clone(),
            session_of: None,
            terminal: None,
            suite: None,
            client: None,
            session: None,
            auth: AuthMethod::Password,
            language: None,
            software: "test".into(),
        };
        let entry = EntryId { owner: Owner::Tenant(id("TEN-A")), seq: self.seq };
        let meta = EventMeta { who: &who, at: self.now, entry, stream_seq: self.seq };
        self.batch = Batch::fold(self.batch.take(), event, &meta);
        self.from_json = Batch::fold(self.from_json.take(), &through_json(event, self.seq, self.now), &meta);
    }

    pub(crate) fn start(&mut self, person: &str, phase: &str) -> Result<Events, Rejection> {
        self.act(person, &BatchCommand::StartPhase { phase: id(phase) })
    }

    pub(crate) fn complete(&mut self, person: &str, phase: &str) -> Result<Events, Rejection> {
        self.act(person, &BatchCommand::CompletePhase { phase: id(phase) })
    }

    /// Records an item, without performer or reason.
    pub(crate) fn record(
        &mut self,
        person: &str,
        phase: &str,
        item: &str,
        value: Entered,
    ) -> Result<Events, Rejection> {
        self.act(person, &record(phase, item, value))
    }

    /// A signature dialog, opened now and posted back at once.
    pub(crate) fn dialog(&mut self, person: &str, subject: Subject, meaning: Meaning) -> BatchCommand {
        self.signatures += 1;
        let (signer, shown_at) = (id(person), self.now);
        let statement = self.batch().statement(&subject, meaning, &signer, shown_at, Language::En);
        BatchCommand::Sign {
            subject,
            meaning,
            statement: statement.map_or(Hash::ZERO, |statement| statement.hash().unwrap()),
            shown_at,
            language: Language::En,
            signature: id(&format!("SIG-{}", self.signatures)),
            text: Some("as discussed 確認済み".into()),
        }
    }

    pub(crate) fn sign(&mut self, person: &str, subject: Subject, meaning: Meaning) -> Result<Events, Rejection> {
        let dialog = self.dialog(person, subject, meaning);
        self.act(person, &dialog)
    }

    pub(crate) fn performed(&mut self, person: &str, phase: &str) -> Result<Events, Rejection> {
        self.sign(person, Subject::Phase(id(phase)), Meaning::Performed)
    }

    pub(crate) fn verified(&mut self, person: &str, phase: &str) -> Result<Events, Rejection> {
        self.sign(person, Subject::Phase(id(phase)), Meaning::Verified)
    }

    /// Puts a live value on a tag.
    pub(crate) fn reads(&mut self, tag: &str, value: f64) {
        self.reads_with(tag, value, Quality::GOOD);
    }

    pub(crate) fn reads_with(&mut self, tag: &str, value: f64, quality: Quality) {
        let tag: TagId = id(tag);
        let sample = Sample {
            tag: tag.clone(),
            value: Some(SampleValue::Real(value)),
            quality,
            source_time: Some(self.now),
            server_time: None,
            receive_time: self.now,
            seq: 41,
            overflow: false,
        };
        self.readings.insert(tag, sample);
    }

    /// Answers every write that is under way.
    pub(crate) fn answer_writes(&mut self, phase: &str, result: &mes_core::engine::WriteResult) {
        let open: Vec<_> = self.phase(phase).writes.iter().filter(|(_, w)| w.outcome.is_none()).collect();
        let outcomes: Vec<_> = open.into_iter().map(|(item, write)| (item.clone(), write.effect.clone())).collect();
        for (item, effect) in outcomes {
            self.plant(&resolve(phase, &item, effect, result.clone(), self.now)).unwrap();
        }
    }
}

pub(crate) fn resolve(
    phase: &str,
    item: &ItemId,
    effect: EntryId,
    result: mes_core::engine::WriteResult,
    at: Timestamp,
) -> BatchCommand {
    let outcome = mes_core::engine::WriteOutcome {
        effect,
        tag: id("BR-01/temperature-setpoint"),
        result,
        before: None,
        read_back: None,
        at,
    };
    BatchCommand::ResolveEffect { phase: id(phase), item: item.clone(), outcome }
}

pub(crate) fn record(phase: &str, item: &str, value: Entered) -> BatchCommand {
    BatchCommand::Record { phase: id(phase), item: id(item), value, performer: None, reason: None }
}

pub(crate) fn number(text: &str) -> Entered {
    Entered::Number(text.into())
}

pub(crate) fn correct(phase: &str, item: &str, value: &str) -> BatchCommand {
    BatchCommand::Correct {
        phase: id(phase), item: id(item), value: number(value), reason: "misread 読み違い".into()
    }
}

pub(crate) fn condition() -> mes_core::batch::ConditionEvidence {
    mes_core::batch::ConditionEvidence {
        expression: "reactor.glucose < 3.0".into(),
        since: Timestamp::from_ms(0),
        readings: Vec::new(),
    }
}

pub(crate) fn evidence() -> mes_core::batch::ReadingEvidence {
    mes_core::batch::ReadingEvidence {
        tag: id("BR-01/temperature"),
        value: Some(SampleValue::Real(39.1)),
        quality: Quality::GOOD,
        source_time: None,
        receive_time: Timestamp::from_ms(0),
        seq: 12,
    }
}

type Step = (&'static str, fn(&mut Bench));

/// How each phase of the recipe is executed when all goes well.
pub(crate) const STEPS: &[Step] = &[
    ("P010", |b| {
        b.start("sato", "P010").unwrap();
        b.record("sato", "P010", "clean", Entered::Confirmed).unwrap();
        b.record("sato", "P010", "no-labels", Entered::Confirmed).unwrap();
        b.performed("sato", "P010").unwrap();
        b.verified("suzuki", "P010").unwrap();
    }),
    ("P020", |b| {
        b.start("sato", "P020").unwrap();
        b.record("sato", "P020", "identity", Entered::Code("COI-77".into())).unwrap();
        b.performed("sato", "P020").unwrap();
    }),
    ("P030", |b| {
        b.start("sato", "P030").unwrap();
        b.record("sato", "P030", "viability", number("92.5")).unwrap();
        b.reads("INC-01/temperature", 37.04);
        b.record("sato", "P030", "incubation_temp", Entered::FromTag).unwrap();
        b.performed("sato", "P030").unwrap();
        b.verified("suzuki", "P030").unwrap();
    }),
    ("P040", |b| {
        b.start("sato", "P040").unwrap();
        b.act("sato", &BatchCommand::ApplySetPoints { phase: id("P040") }).unwrap();
        b.answer_writes("P040", &mes_core::engine::WriteResult::Confirmed);
        b.performed("sato", "P040").unwrap();
    }),
    ("P050", |b| {
        b.start("sato", "P050").unwrap();
        b.plant(&BatchCommand::MeetCondition { phase: id("P050"), evidence: condition() }).unwrap();
    }),
    ("P060", |b| {
        b.now = b.now.plus_s(120);
        b.start("sato", "P060").unwrap();
        b.record("sato", "P060", "density", number("1.50")).unwrap();
        b.performed("sato", "P060").unwrap();
    }),
    ("P070", |b| {
        b.start("sato", "P070").unwrap();
        b.record("sato", "P070", "total_cells", number("480")).unwrap();
        b.performed("sato", "P070").unwrap();
        b.verified("suzuki", "P070").unwrap();
    }),
    ("P080", |b| {
        b.start("sato", "P080").unwrap();
        b.complete("sato", "P080").unwrap();
    }),
    ("P090", |b| {
        b.start("sato", "P090").unwrap();
        b.complete("sato", "P090").unwrap();
    }),
];

/// The event as it comes back from an entry.
fn through_json(event: &BatchEvent, seq: u64, at: Timestamp) -> BatchEvent {
    let parts = Event::Batch(event.clone()).to_parts().unwrap();
    let text = serde_json::to_string(&parts.parts).unwrap();
    let parsed: BTreeMap<_, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let open = parsed.into_iter().map(|(name, value)| (name, Part::Open { salt: Hash::ZERO, value })).collect();
    let envelope = Envelope {
        form: ENTRY_FORM.into(),
        owner: Owner::Tenant(id("TEN-A")),
        owner_seq: seq,
        stream: StreamId::new(StreamKind::Batch, "B-1"),
        stream_seq: seq,
        stream_prev: Hash::ZERO,
        time: at,
        event_type: parts.event_type,
        version: parts.version,
        parts: BTreeMap::new(),
    };
    match Event::of(&Entry { envelope, parts: open }).unwrap() {
        Event::Batch(event) => event,
        other => panic!("read back as {other:?}"),
    }
}
