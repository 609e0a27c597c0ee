//! A bench for the engine: a facility, two tenants, an approved recipe of each, and every entry that was made. Nothing here judges.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use mes_core::{
    access::{AuthMethod, Meaning, Policies, Reauth, Rejection, Scope, Subject},
    batch::{BatchCommand, Entered, IssueOrder},
    booking::{
        Asked, Booking, BookingCommand, BookingSignature, BookingStep, BookingWindow, Infection, Offer, OfferKind,
        Regime, RiskAnswer, RiskAssessment, RiskQuestion, Series, Stated, booking_statement,
    },
    clock::Timestamp,
    engine::{Act, Command, Effect, Engine, Input, Note, Quoted, WriteOutcome, WriteResult, recipe_statement},
    historian::{Quality, Sample, SampleValue, SealedSamples},
    id::{BatchId, BookingId, EquipmentId, PersonId, TagId},
    isa88::{Approval, RecipeBody, load_recipe},
    journal::{Entry, EntryId, Event, Hash, Numbered, Purpose, Salts},
    quantity::Language,
    tenant::{Facility, FacilityItem, difference, read_facility},
};

pub(crate) const FACILITY: &str = include_str!("facility.yaml");
const RECIPE: &str = include_str!("recipe.yaml");
/// 2026-07-01T09:00:00+09:00.
pub(crate) const START_MS: i64 = 1_782_864_000_000;

pub(crate) type Decision = Result<Vec<EntryId>, Rejection>;

pub(crate) fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(crate) fn policies() -> Arc<Policies> {
    static READ: OnceLock<Arc<Policies>> = OnceLock::new();
    Arc::clone(READ.get_or_init(|| Arc::new(Policies::load().unwrap())))
}

pub(crate) fn items() -> Vec<FacilityItem> {
    read_facility(FACILITY, |_| None).unwrap()
}

pub(crate) fn recipe(tenant: &str) -> RecipeBody {
    static READ: OnceLock<RecipeBody> = OnceLock::new();
    let mut body = READ.get_or_init(|| load_recipe(RECIPE).unwrap().body().clone()).clone();
    if tenant == "TEN-B" {
        body.header.id = id("MBR-B");
        body.header.product = id("MSC-B");
        body.header.tenant = id("TEN-B");
    }
    body
}

/// The engine with everything that left it.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<Numbered>,
    pub(crate) effects: Vec<Effect>,
    signatures: u32,
    samples: u64,
}

impl Bench {
    /// An open journal without a facility.
    pub(crate) fn empty(purpose: Purpose) -> Self {
        let engine = Engine::new(policies(), Salts::new([7; 32]));
        let now = Timestamp::from_ms(START_MS);
        let mut bench = Self { engine, now, log: Vec::new(), effects: Vec::new(), signatures: 0, samples: 0 };
        bench.input(Input::Note(Note::Opened { purpose, wall_time: now, key: Hash([1; 32]) })).unwrap();
        bench
    }

    /// A demo journal with the facility in force.
    pub(crate) fn with_facility() -> Self {
        let mut bench = Self::empty(Purpose::Demo);
        let items = difference(&Facility::default(), items());
        let (proposed_by, approved_by) = (id("nakamura"), id("watanabe"));
        let note = Note::FirstFacility { items, change: id("CHG-1"), proposed_by, approved_by };
        bench.input(Input::Note(note)).unwrap();
        bench
    }

    /// As above, with an approved recipe of each tenant.
    pub(crate) fn with_recipes() -> Self {
        let mut bench = Self::with_facility();
        for (tenant, author, production) in [("TEN-A", "aida", "tanaka"), ("TEN-B", "bito", "bessho")] {
            let body = recipe(tenant);
            let recipe = body.header.id.clone();
            bench.act(author, Command::SubmitRecipe { body: Box::new(body) }).unwrap();
            bench.approve(production, &recipe, Approval::Production).unwrap();
            bench.approve("watanabe", &recipe, Approval::Quality).unwrap();
        }
        bench
    }

    /// As above, with batch B-1 of tenant A issued on BR-01 in SU-1.
    pub(crate) fn with_batch() -> Self {
        let mut bench = Self::with_recipes();
        bench.book("BK-1", "aoki", "MBR-A", &bench.window("SU-1", 0, 10)).unwrap();
        bench.accept("BK-1").unwrap();
        bench.act("tanaka", issue("B-1", "BK-1", "MBR-A", "SU-1", "BR-01")).unwrap();
        bench
    }

    /// As above, with phase P040 running.
    pub(crate) fn expanding() -> Self {
        let mut bench = Self::with_batch();
        bench.up_to_expansion();
        bench
    }

    fn up_to_expansion(&mut self) {
        self.start("P010").unwrap();
        self.complete("P010").unwrap();
        self.start("P020").unwrap();
        self.reads("temperature", 37.0);
        self.record("P020", "viability", Entered::Number("95.0".into())).unwrap();
        self.record("P020", "temperature_seen", Entered::FromTag).unwrap();
        self.sign("sato", Subject::Phase(id("P020")), Meaning::Performed).unwrap();
        self.sign("suzuki", Subject::Phase(id("P020")), Meaning::Verified).unwrap();
        self.ensure_complete("P020");
        self.start("P030").unwrap();
        self.batch("sato", BatchCommand::ApplySetPoints { phase: id("P030") }).unwrap();
        self.answer(WriteResult::Confirmed).unwrap();
        self.ensure_complete("P030");
        self.start("P040").unwrap();
    }

    /// Runs the rest of the batch to the end of its execution.
    pub(crate) fn run_to_its_end(&mut self) {
        for _ in 0..10 {
            self.pass(8);
            self.reads("temperature", 37.0);
            self.reads("ph", 7.2);
            self.reads("glucose", 2.0);
        }
        self.ensure_complete("P040");
        self.start("P050").unwrap();
        self.complete("P050").unwrap();
        self.batch("tanaka", BatchCommand::CompleteExecution).unwrap();
    }

    /// Reviews up to the signature of the disposition, which it gives.
    pub(crate) fn reviewed(&mut self) -> mes_core::id::SignatureId {
        self.sign("tanaka", Subject::ProductionReview, Meaning::Reviewed).unwrap();
        let up_to = self.engine.books().batches[&id::<BatchId>("B-1")].last_seq;
        self.batch("ueda", BatchCommand::ReviewAuditTrail { up_to }).unwrap();
        self.sign("ueda", Subject::QualityReview, Meaning::Reviewed).unwrap();
        self.sign("yamamoto", Subject::Disposition, Meaning::Released).unwrap();
        id(&format!("SIG-{}", self.signatures))
    }

    pub(crate) fn ensure_complete(&mut self, phase: &str) {
        use mes_core::batch::PhaseStatus;
        let status = self.engine.books().batches[&id::<BatchId>("B-1")].phases[&id(phase)].status;
        if status != PhaseStatus::Complete {
            self.complete(phase).unwrap();
        }
    }

    pub(crate) fn input(&mut self, input: Input) -> Decision {
        let output = self.engine.step(self.now, input);
        self.log.extend(output.entries);
        self.effects.extend(output.effects);
        output.reply
    }

    pub(crate) fn tick(&mut self) {
        self.input(Input::Tick).unwrap();
    }

    /// Time passes, in facility seconds, and the engine hears of it.
    pub(crate) fn pass(&mut self, s: i64) {
        self.now = self.now.plus_s(s);
        self.tick();
    }

    pub(crate) fn scope(person: &str) -> Scope {
        Scope {
            person: id(person),
            tenant: None,
            terminal: Some(id("HMI-1")),
            session: id("S-1"),
            auth: AuthMethod::Password,
            client: "10.0.0.1".into(),
            language: Language::Ja,
        }
    }

    pub(crate) fn act(&mut self, person: &str, command: Command) -> Decision {
        self.act_with(person, None, command)
    }

    pub(crate) fn signed(&mut self, person: &str, command: Command) -> Decision {
        let reauth = Reauth { person: id(person), method: AuthMethod::Password, age_ms: 1_000 };
        self.act_with(person, Some(reauth), command)
    }

    pub(crate) fn act_with(&mut self, person: &str, signer: Option<Reauth>, command: Command) -> Decision {
        self.now = self.now.plus_ms(500);
        self.input(Input::Act(Box::new(Act { scope: Self::scope(person), signer, command })))
    }

    pub(crate) fn approve(&mut self, person: &str, recipe: &mes_core::id::RecipeId, approval: Approval) -> Decision {
        let master = self.engine.books().recipes[&(recipe.clone(), 1)].clone();
        let statement = recipe_statement(&master, &id(person), self.now, Language::En);
        self.signatures += 1;
        let command = Command::ApproveRecipe {
            recipe: recipe.clone(),
            version: 1,
            approval,
            statement: statement.hash().unwrap(),
            shown_at: self.now,
            language: Language::En,
            signature: id(&format!("SIG-{}", self.signatures)),
        };
        self.signed(person, command)
    }

    pub(crate) fn window(&self, suite: &str, from_d: i64, until_d: i64) -> BookingWindow {
        let reactor = if suite == "SU-1" { "BR-01" } else { "BR-02" };
        let start = Timestamp::from_ms(START_MS);
        BookingWindow {
            suite: id(suite),
            equipment: BTreeMap::from([(id("reactor"), id(reactor))]),
            from: start.plus_s(from_d * 86_400),
            until: start.plus_s(until_d * 86_400),
            activities: Vec::new(),
        }
    }

    /// The scheduler answers a quote with these windows.
    pub(crate) fn quoted(&mut self, name: &str, person: &str, recipe: &str, windows: &[BookingWindow]) -> Decision {
        let batches = u32::try_from(windows.len()).unwrap();
        let series = (batches > 1).then_some(Series { batches, cadence_d: 7, tolerance_h: 24 });
        let (earliest, latest) = (windows[0].from, windows[0].until);
        let asked = Asked { recipe: id(recipe), version: 1, earliest, latest, series };
        let answer = Ok(vec![Offer { kind: OfferKind::Earliest, windows: windows.to_vec() }]);
        let scope = Self::scope(person);
        let quoted = Quoted { scope, booking: id(name), asked, answer, in_minute: 1 };
        self.input(Input::Note(Note::Quoted(Box::new(quoted))))
    }

    pub(crate) fn book(&mut self, name: &str, person: &str, recipe: &str, window: &BookingWindow) -> Decision {
        self.quoted(name, person, recipe, std::slice::from_ref(window))?;
        self.act(person, booking(name, request()))
    }

    /// The signature that the dialog of a step would post now.
    pub(crate) fn booking_dialog(&mut self, name: &str, person: &str, step: BookingStep) -> BookingSignature {
        let request: BookingId = id(name);
        let bookings = Arc::clone(&self.engine.books().bookings);
        let open: Vec<(&BookingId, &Booking)> =
            bookings.iter().filter(|(known, it)| it.of_request(known, &request)).collect();
        let risk = acceptable();
        let drafted = (step == BookingStep::RiskAssessment).then_some((&risk, Some("closed systems")));
        let statement = booking_statement(step, &open, drafted, &id(person), (self.now, Language::En));
        self.signatures += 1;
        BookingSignature {
            statement: statement.and_then(|statement| statement.hash()).unwrap_or(Hash([0; 32])),
            shown_at: self.now,
            language: Language::En,
            signature: id(&format!("SIG-{}", self.signatures)),
        }
    }

    pub(crate) fn assess(&mut self, name: &str, person: &str, assessment: RiskAssessment) -> Decision {
        let sign = self.booking_dialog(name, person, BookingStep::RiskAssessment);
        let text = Some("closed systems".to_owned());
        self.signed(person, booking(name, BookingCommand::AssessRisk { assessment, text, sign }))
    }

    pub(crate) fn approve_booking(&mut self, name: &str, person: &str) -> Decision {
        let sign = self.booking_dialog(name, person, BookingStep::Approval);
        self.signed(person, booking(name, BookingCommand::Approve { sign }))
    }

    pub(crate) fn confirm(&mut self, name: &str, person: &str) -> Decision {
        let sign = self.booking_dialog(name, person, BookingStep::Confirmation);
        self.signed(person, booking(name, BookingCommand::Confirm { sign }))
    }

    /// Risk assessment, approval and confirmation by the facility.
    pub(crate) fn accept(&mut self, name: &str) -> Decision {
        self.assess(name, "tanaka", acceptable())?;
        self.approve_booking(name, "watanabe")?;
        self.confirm(name, "nakamura")
    }

    pub(crate) fn batch(&mut self, person: &str, command: BatchCommand) -> Decision {
        self.signed(person, Command::Batch { batch: id("B-1"), command })
    }

    pub(crate) fn start(&mut self, phase: &str) -> Decision {
        self.batch("sato", BatchCommand::StartPhase { phase: id(phase) })
    }

    pub(crate) fn complete(&mut self, phase: &str) -> Decision {
        self.batch("sato", BatchCommand::CompletePhase { phase: id(phase) })
    }

    pub(crate) fn record(&mut self, phase: &str, item: &str, value: Entered) -> Decision {
        let (phase, item) = (id(phase), id(item));
        let reason = Some("because 理由".to_owned());
        self.batch("sato", BatchCommand::Record { phase, item, value, performer: None, reason })
    }

    pub(crate) fn sign(&mut self, person: &str, subject: Subject, meaning: Meaning) -> Decision {
        self.signatures += 1;
        let batch = self.engine.books().batches[&id::<BatchId>("B-1")].clone();
        let statement = batch.statement(&subject, meaning, &id(person), self.now, Language::En);
        let command = BatchCommand::Sign {
            subject,
            meaning,
            statement: statement.map_or(Hash::ZERO, |statement| statement.hash().unwrap()),
            shown_at: self.now,
            language: Language::En,
            signature: id(&format!("SIG-{}", self.signatures)),
            text: Some("as discussed".into()),
        };
        self.batch(person, command)
    }

    /// A good sample of BR-01, received now.
    pub(crate) fn reads(&mut self, name: &str, value: f64) {
        let sample = self.sample("BR-01", name, value);
        self.input(Input::Readings(vec![sample])).unwrap();
    }

    pub(crate) fn sample(&mut self, equipment: &str, name: &str, value: f64) -> Sample {
        self.samples += 1;
        Sample {
            tag: TagId::new(id(equipment), id(name)),
            value: Some(SampleValue::Real(value)),
            quality: Quality::GOOD,
            source_time: Some(self.now),
            server_time: None,
            receive_time: self.now,
            seq: self.samples,
            overflow: false,
        }
    }

    /// The driver answers the newest write.
    pub(crate) fn answer(&mut self, result: WriteResult) -> Decision {
        let write = |effect: &Effect| match effect {
            Effect::Write(request) => Some(request.clone()),
            Effect::Connect(_) => None,
        };
        let Some(request) = self.effects.iter().rev().find_map(write) else { panic!("no effect") };
        let outcome = WriteOutcome {
            effect: request.effect,
            tag: request.tag,
            result,
            before: None,
            read_back: Some(request.value),
            at: self.now,
        };
        self.input(Input::Outcome(outcome))
    }

    /// The samples of B-1 on BR-01 are sealed up to now.
    pub(crate) fn seal(&mut self) {
        let sealed = SealedSamples {
            batch: id("B-1"),
            equipment: id("BR-01"),
            from: Timestamp::from_ms(START_MS),
            until: self.now.plus_ms(1),
            root: Hash([3; 32]),
            chunks: Vec::new(),
            supplement: false,
        };
        self.input(Input::Note(Note::Sealed(sealed))).unwrap();
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter().map(|numbered| &numbered.entry)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries().map(|entry| Event::of(entry).unwrap()).collect()
    }

    /// How many entries of a type there are.
    pub(crate) fn count(&self, event_type: &str) -> usize {
        self.entries().filter(|entry| entry.envelope.event_type == event_type).count()
    }

    /// An engine that only ever saw the entries.
    pub(crate) fn replayed(&self) -> Engine {
        let mut engine = Engine::new(policies(), Salts::new([8; 32]));
        self.entries().for_each(|entry| engine.replay(entry).unwrap());
        engine
    }

    /// The process dies and starts again `later_s` seconds later; nothing but the entries survives.
    pub(crate) fn restart(&mut self, later_s: i64) {
        self.engine = self.replayed();
        self.now = self.now.plus_s(later_s);
        self.effects.clear();
        self.input(Input::Note(Note::Started { wall_time: self.now })).unwrap();
    }
}

/// The request of the first offer of a quote.
pub(crate) fn request() -> BookingCommand {
    let stated =
        Stated { regime: Regime::Gctp, open_handling: false, infection: Infection::Negative, patient_date: None };
    BookingCommand::Request { offer: 0, stated, text: Some("dry shipper".to_owned()) }
}

/// An assessment with nothing against the booking.
pub(crate) fn acceptable() -> RiskAssessment {
    let answers = RiskQuestion::ALL.map(|question| (question, RiskAnswer::Satisfied));
    RiskAssessment { answers: answers.into(), acceptable: true }
}

pub(crate) fn booking(name: &str, command: BookingCommand) -> Command {
    Command::Booking { booking: id::<BookingId>(name), command }
}

pub(crate) fn issue(batch: &str, booking: &str, recipe: &str, suite: &str, reactor: &str) -> Command {
    let order = IssueOrder {
        booking: id(booking),
        recipe: id(recipe),
        version: 1,
        lot: format!("LOT-{batch}"),
        coi: "COI-1".into(),
        suite: id(suite),
        equipment: BTreeMap::from([(id("reactor"), id::<EquipmentId>(reactor))]),
    };
    Command::Batch { batch: id(batch), command: BatchCommand::Issue(Box::new(order)) }
}

/// A person of the facility by id.
pub(crate) fn person(name: &str) -> PersonId {
    id(name)
}
