//! A realistic little batch, built as the running system builds one: events, numbered by the sequencer, samples sealed.
//!
//! It decides nothing: which entries follow which was written by hand. Values are fictional.

use std::collections::BTreeMap;

use mes_core::{
    access::{AuthMethod, Meaning, RecordRef, Signature, Statement, Subject, Who},
    batch::*,
    booking::{BookingEvent, BookingWindow},
    clock::Timestamp,
    engine::{LinkState, WriteOutcome, WriteResult},
    historian::{Cause, Quality, Sample, SampleValue, SealedSamples, seal},
    id::*,
    isa88::{Approval, Command, RecipeEvent, State},
    journal::{encode::*, merkle::NodeId, *},
    quantity::{Language, parse_decimal},
    tenant::*,
};

const MIN: i64 = 60;
const HOUR: i64 = 3600;

use crate::facility::*;
pub(crate) struct Story {
    pub sequencer: Sequencer,
    salts: Salts,
    pub entries: Vec<Entry>,
    pub nodes: BTreeMap<Owner, BTreeMap<NodeId, Hash>>,
    pub chunks: Vec<Vec<u8>>,
    pub reports: Vec<Vec<u8>>,
    pub now: Timestamp,
    /// What each signature is of, counted.
    signed: u32,
    marks: BTreeMap<&'static str, Timestamp>,
}

impl Story {
    pub(crate) fn new() -> Self {
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        Self {
            sequencer: Sequencer::default(),
            salts: Salts::new([7; 32]),
            entries: Vec::new(),
            nodes: BTreeMap::new(),
            chunks: Vec::new(),
            reports: Vec::new(),
            now,
            signed: 0,
            marks: BTreeMap::new(),
        }
    }
    pub(crate) fn wait(&mut self, s: i64) {
        self.now = self.now.plus_s(s);
    }
    pub(crate) fn record(&mut self, owner: Owner, stream: &str, who: Who, event: Event) -> EntryId {
        let EventParts { event_type, version, mut parts } = event.to_parts().unwrap();
        parts.insert(PartName::Who, serde_json::to_value(who).unwrap());
        let stream = stream.parse().unwrap();
        let draft = Draft { owner: owner.clone(), stream, time: self.now, event_type, version, parts };
        let Numbered { entry, nodes, .. } = self.sequencer.number(draft, &mut self.salts).unwrap();
        self.nodes.entry(owner).or_default().extend(nodes);
        let id = entry.id();
        self.entries.push(entry);
        self.now = self.now.plus_ms(400);
        id
    }
    pub(crate) fn batch(&mut self, who: Who, event: BatchEvent) -> EntryId {
        self.record(tenant(), "batch:MSC-2607-01", who, Event::Batch(event))
    }
    fn start(&mut self, by: Staff, phase: &str) {
        self.wait(2 * MIN);
        self.batch(person(by), BatchEvent::PhaseStarted { phase: id(phase) });
    }
    fn done(&mut self, by: Staff, phase: &str) {
        self.wait(20);
        self.batch(person(by), BatchEvent::PhaseCompleted { phase: id(phase) });
    }
    fn item(&mut self, by: Staff, (phase, item): (&str, &str), value: ItemValue, verdict: Verdict, text: Option<&str>) {
        self.wait(45);
        let source = if matches!(value, ItemValue::Code(_)) { Source::Scanned } else { Source::Manual };
        let text = text.map(str::to_owned);
        let (phase, item) = (id(phase), id(item));
        self.batch(person(by), BatchEvent::ItemRecorded { phase, item, value, source, verdict, performer: None, text });
    }
    pub(crate) fn signature(&mut self, by: Staff, meaning: Meaning, subject: Subject, records: &[&str]) -> Signature {
        self.signed += 1;
        let records = records.iter().map(|record| RecordRef {
            record: format!("MSC-2607-01/{record}"),
            version: 1,
            hash: sha256(&[record.as_bytes()]),
        });
        let statement = Statement {
            records: records.collect(),
            meaning,
            signer: id(by.0),
            shown_at: self.now.plus_s(-20),
            language: Language::Ja,
        };
        Signature {
            id: id(&format!("SIG-{:04}", self.signed)),
            subject,
            statement_hash: sha256(&[&canonical_of(&statement).unwrap()]),
            statement,
            name: by.1.into(),
            role: by.2,
            at: self.now,
            method: AuthMethod::Password,
        }
    }
    fn sign(
        &mut self,
        by: Staff,
        meaning: Meaning,
        subject: Subject,
        records: &[&str],
        text: Option<&str>,
    ) -> SignatureId {
        self.wait(30);
        let signature = self.signature(by, meaning, subject, records);
        let signed = signature.id.clone();
        let mut who = person(by);
        if by.2 == Role::Chk {
            who.session_of = Some(id("sato"));
        }
        self.batch(who, BatchEvent::Signed { signature, text: text.map(str::to_owned) });
        signed
    }
    fn state(&mut self, by: Who, command: Option<Command>, from: State, to: State, row: u8, text: Option<&str>) {
        self.batch(by, BatchEvent::StateChanged { command, from, to, row, text: text.map(str::to_owned) });
    }
    pub(crate) fn reading(&self, tag: &str, value: f64, seq: u64) -> ReadingEvidence {
        ReadingEvidence {
            tag: tag.parse().unwrap(),
            value: Some(SampleValue::Real(value)),
            quality: Quality::GOOD,
            source_time: None,
            receive_time: self.now.plus_s(-1),
            seq,
        }
    }
    #[expect(clippy::type_complexity, reason = "a table of tags and curves")]
    /// Seals samples of one piece of equipment, minute by minute: what a tag showed at minute `n`; `None` is a lost link.
    fn seal(&mut self, name: &str, from: Timestamp, minutes: i64, tags: &[(&str, &dyn Fn(i64) -> Option<f64>)]) {
        let mut samples = Vec::new();
        for (tag, show) in tags {
            for n in 0..minutes {
                let value = show(n);
                samples.push(Sample {
                    tag: TagId::new(id(name), id(tag)),
                    value: value.map(SampleValue::Real),
                    quality: if value.is_some() { Quality::GOOD } else { Quality::bad(Cause::LinkDown) },
                    source_time: None,
                    server_time: None,
                    receive_time: from.plus_s(n * MIN),
                    seq: u64::try_from(n).unwrap() + 1,
                    overflow: false,
                });
            }
        }
        let until = from.plus_s(minutes * MIN);
        let period = seal::Period { batch: id("MSC-2607-01"), equipment: id(name), from, until, supplement: false };
        let (sealed, chunks): (SealedSamples, _) = seal::seal(period, samples).unwrap();
        self.chunks.extend(chunks.into_iter().map(|chunk| chunk.bytes));
        let stream = format!("samples:MSC-2607-01/{name}");
        self.record(tenant(), &stream, system("historian"), Event::Samples(SamplesEvent::Sealed { sealed }));
    }
    fn beginnings(&mut self) {
        let opened = JournalEvent::Opened {
            purpose: Purpose::Demo,
            facility_time: self.now,
            wall_time: self.now,
            key: Hash([1; 32]),
        };
        self.record(Owner::Facility, "journal:journal", system("start"), Event::Journal(opened));
        let started = JournalEvent::Started { software: "catapult-mes 0.1.0".into(), wall_time: self.now };
        self.record(Owner::Facility, "journal:journal", system("start"), Event::Journal(started));
        let issued = issued();
        let recipe_stream = "recipe:MBR-MSC-001-S";
        let (body, hash) = (Box::new(issued.recipe.clone()), issued.recipe_hash);
        let author: Staff = ("yamada", "山田 太郎 (Yamada Taro)", Role::Sup);
        let submitted = RecipeEvent::Submitted { body, hash, author: id("yamada") };
        self.record(tenant(), recipe_stream, person(author), Event::Recipe(submitted));
        for (by, approval) in [(SUP, Approval::Production), (QA, Approval::Quality)] {
            self.wait(HOUR);
            let subject = Subject::Recipe(id("MBR-MSC-001-S"), 3);
            let signature = self.signature(by, Meaning::Approved, subject, &["recipe"]);
            let approved = RecipeEvent::Approved { recipe: id("MBR-MSC-001-S"), version: 3, approval, signature };
            self.record(tenant(), recipe_stream, person(by), Event::Recipe(approved));
        }
        let window = BookingWindow {
            suite: id("SU-1"),
            equipment: [(id("incubator"), id("INC-03")), (id("reactor"), id("BR-01"))].into(),
            from: self.now.plus_s(HOUR),
            until: self.now.plus_s(100 * HOUR),
            activities: Vec::new(),
        };
        self.booked(window);
        self.wait(HOUR);
        self.batch(person(SUP), BatchEvent::Issued { issued: Box::new(issued) });
        let batch_issued = BookingEvent::BatchIssued { booking: id("BK-0001"), batch: id("MSC-2607-01") };
        self.record(tenant(), "booking:BK-0001", person(SUP), Event::Booking(batch_issued));
        self.sign(SUP, Meaning::Approved, Subject::Issue, &["issue"], None);
        self.wait(10 * MIN);
        self.state(person(OP), Some(Command::Start), State::Idle, State::Running, 1, None);
    }
    fn preparation(&mut self) {
        self.start(OP, "P010");
        for line in ["lc_materials", "lc_labels", "lc_clean"] {
            self.item(OP, ("P010", line), ItemValue::Confirmed, Verdict::Normal, None);
        }
        let records = ["P010/lc_materials", "P010/lc_labels", "P010/lc_clean"];
        self.sign(OP, Meaning::Performed, Subject::Phase(id("P010")), &records, None);
        self.sign(CHK, Meaning::Verified, Subject::Phase(id("P010")), &records, None);
        self.done(CHK, "P010");
        self.start(OP, "P020");
        self.item(OP, ("P020", "coi"), ItemValue::Code("COI-7K2M-0042".into()), Verdict::Normal, None);
        self.sign(OP, Meaning::Performed, Subject::Phase(id("P020")), &["P020/coi"], None);
        self.sign(CHK, Meaning::Verified, Subject::Phase(id("P020")), &["P020/coi"], None);
        self.done(CHK, "P020");
    }
    fn seeding(&mut self) {
        self.start(OP, "P030");
        let why = "解凍後の洗浄に通常より時間を要したため。許容範囲内。";
        self.item(OP, ("P030", "seed_viability"), quantity("88.5", "%"), Verdict::OutOfNormal, Some(why));
        self.wait(MIN);
        let entered = BatchEvent::ItemRecorded {
            phase: id("P030"),
            item: id("seed_cells"),
            value: quantity("121.0", "10*6"),
            source: Source::Manual,
            verdict: Verdict::Normal,
            performer: Some(id("sato")),
            text: None,
        };
        self.batch(person(CHK), entered);
        self.sign(
            OP,
            Meaning::Performed,
            Subject::Phase(id("P030")),
            &["P030/seed_viability", "P030/seed_cells"],
            None,
        );
        self.done(OP, "P030");
        self.start(OP, "P040");
        self.marks.insert("incubator", self.now.plus_s(-20 * MIN));
        self.wait(3 * HOUR);
        self.marks.insert("co2 low", self.now.plus_s(-10 * MIN));
        let evidence = self.reading("INC-03/co2", 4.21, 190);
        let cause = DeviationCause::Watch { since: self.now.plus_s(-10 * MIN), evidence, range: "4.5 – 5.5".into() };
        let opened = BatchEvent::DeviationOpened {
            deviation: id("DEV-0001"),
            phase: Some(id("P040")),
            item: Some(id("w_co2")),
            cause,
            text: None,
        };
        self.batch(system("limit"), opened);
        self.wait(12 * MIN);
        let evidence = self.reading("INC-03/co2", 4.97, 203);
        self.batch(system("limit"), BatchEvent::LimitReturned { phase: id("P040"), item: id("w_co2"), evidence });
        self.link_lost();
        self.told_by_devices();
        let text = Some("培養器のガス残量が少なかったため、ボンベを交換した。".to_owned());
        self.batch(person(OP), BatchEvent::Commented { phase: Some(id("P040")), text });
        self.wait(3 * HOUR);
        let evidence = ConditionEvidence {
            expression: "incubator.temperature > 36.5 && incubator.temperature < 37.5".into(),
            since: self.now.plus_s(-HOUR),
            readings: vec![self.reading("INC-03/temperature", 37.02, 480)],
        };
        self.batch(system("procedure"), BatchEvent::ConditionMet { phase: id("P040"), evidence });
        self.done(OP, "P040");
        self.start(OP, "P050");
        let item = BatchEvent::ItemRecorded {
            phase: id("P050"),
            item: id("inc_temperature"),
            value: quantity("37.0", "Cel"),
            source: Source::Tag(self.reading("INC-03/temperature", 37.02, 484)),
            verdict: Verdict::Normal,
            performer: None,
            text: None,
        };
        self.batch(person(OP), item);
        self.sign(OP, Meaning::Performed, Subject::Phase(id("P050")), &["P050/inc_temperature"], None);
        self.done(OP, "P050");
    }
    fn link_lost(&mut self) {
        self.wait(40 * MIN);
        let link = |state: LinkState, cause: &str, at: Timestamp| BatchEvent::LinkChanged {
            role: id("incubator"),
            equipment: id("INC-03"),
            state,
            cause: cause.into(),
            at,
        };
        let at = self.now;
        self.batch(system("driver"), link(LinkState::Disconnected, "connection refused", at));
        self.marks.insert("lost", at);
        self.wait(18 * MIN);
        let at = self.now;
        self.batch(system("driver"), link(LinkState::Online, "connected", at));
    }
    fn write(&mut self, result: WriteResult, read_back: f64) {
        let (phase, item) = (id("P060"), id("sp_temperature"));
        let tag: TagId = "BR-01/temperature-setpoint".parse().unwrap();
        let asked = BatchEvent::WriteRequested {
            phase,
            item,
            tag: tag.clone(),
            value: SampleValue::Real(37.0),
            tolerance: parse_decimal("0.1").unwrap(),
        };
        let effect = self.batch(person(OP), asked);
        self.wait(4);
        let outcome = WriteOutcome {
            effect: effect.clone(),
            tag,
            result,
            before: Some(SampleValue::Real(25.0)),
            read_back: Some(SampleValue::Real(read_back)),
            at: self.now,
        };
        let (phase, item) = (id("P060"), id("sp_temperature"));
        self.batch(system("driver"), BatchEvent::WriteResolved { phase, item, effect, outcome });
    }
    fn culture(&mut self) {
        self.start(OP, "P060");
        self.marks.insert("reactor", self.now);
        self.write(WriteResult::NotConfirmed, 25.0);
        self.wait(3 * MIN);
        self.write(WriteResult::Confirmed, 37.0);
        self.sign(OP, Meaning::Performed, Subject::Phase(id("P060")), &["P060/sp_temperature"], None);
        self.done(OP, "P060");
        self.start(OP, "P070");
        self.wait(6 * HOUR);
        let why = Some("撹拌軸の異音を確認するため。");
        self.state(person(SUP), Some(Command::Hold), State::Running, State::Holding, 2, why);
        self.state(system("procedure"), None, State::Holding, State::Held, 3, None);
        self.wait(25 * MIN);
        self.state(
            person(SUP),
            Some(Command::Restart),
            State::Held,
            State::Restarting,
            4,
            Some("異常なし。軸受の締め直しのみ。"),
        );
        self.state(system("procedure"), None, State::Restarting, State::Running, 5, None);
        self.wait(40 * HOUR);
        let evidence = ConditionEvidence {
            expression: "reactor.glucose < 3.0 && reactor.vcd >= 0.8".into(),
            since: self.now.plus_s(-30 * MIN),
            readings: vec![self.reading("BR-01/glucose", 2.71, 2795), self.reading("BR-01/vcd", 0.93, 2795)],
        };
        self.batch(system("procedure"), BatchEvent::ConditionMet { phase: id("P070"), evidence });
        self.done(OP, "P070");
    }
    fn harvest(&mut self) {
        self.start(OP, "P080");
        self.item(OP, ("P080", "harvest_viability"), quantity("82.4", "%"), Verdict::OutOfAcceptable, None);
        let opened = BatchEvent::DeviationOpened {
            deviation: id("DEV-0002"),
            phase: Some(id("P080")),
            item: Some(id("harvest_viability")),
            cause: DeviationCause::Value { shown: "82.4 %".into(), range: "≥ 85.0".into() },
            text: None,
        };
        self.batch(system("procedure"), opened);
        self.item(OP, ("P080", "harvest_density"), quantity("0.39", "10*6/mL"), Verdict::OutOfAcceptable, None);
        let opened = BatchEvent::DeviationOpened {
            deviation: id("DEV-0003"),
            phase: Some(id("P080")),
            item: Some(id("harvest_density")),
            cause: DeviationCause::Value { shown: "0.39 ×10⁶/mL".into(), range: "≥ 0.60".into() },
            text: None,
        };
        self.batch(system("procedure"), opened);
        let records = ["P080/harvest_viability", "P080/harvest_density"];
        let first = self.sign(OP, Meaning::Performed, Subject::Phase(id("P080")), &records, None);
        self.wait(MIN);
        let why = Some("生細胞密度の値が計数記録(0.93)と異なる。再確認のこと。".to_owned());
        self.batch(person(CHK), BatchEvent::SignatureRejected { signature: first, phase: id("P080"), text: why });
        self.wait(2 * MIN);
        let corrected = BatchEvent::ItemCorrected {
            phase: id("P080"),
            item: id("harvest_density"),
            version: 2,
            old: quantity("0.39", "10*6/mL"),
            value: quantity("0.93", "10*6/mL"),
            source: Source::Manual,
            verdict: Verdict::Normal,
            text: Some("転記誤り: 0.93 を 0.39 と入力した。計数器の印字で確認。".into()),
        };
        self.batch(person(OP), corrected);
        self.sign(OP, Meaning::Performed, Subject::Phase(id("P080")), &records, None);
        self.sign(CHK, Meaning::Verified, Subject::Phase(id("P080")), &records, None);
        self.done(CHK, "P080");
        self.start(OP, "P090");
        self.item(OP, ("P090", "harvest_volume"), quantity("1870", "mL"), Verdict::Normal, None);
        let calculated = BatchEvent::ItemRecorded {
            phase: id("P090"),
            item: id("yield_cells"),
            value: quantity("1739", "10*6"),
            source: Source::Calculated {
                expression: "harvest_density * harvest_volume".into(),
                inputs: [(id("harvest_density"), "0.93 v2".into()), (id("harvest_volume"), "1870 v1".into())].into(),
            },
            verdict: Verdict::Normal,
            performer: None,
            text: None,
        };
        self.batch(system("procedure"), calculated);
        self.sign(
            OP,
            Meaning::Performed,
            Subject::Phase(id("P090")),
            &["P090/harvest_volume", "P090/yield_cells"],
            None,
        );
        self.done(OP, "P090");
        self.wait(10 * MIN);
        let text = Some("撹拌停止は検体採取の3分前に行った。端末から離れており、その場で記入できなかった。".to_owned());
        let claimed = self.now.plus_s(-45 * MIN);
        self.batch(person(OP), BatchEvent::LateEntered { phase: id("P080"), claimed, text });
        self.batch(person(OP), BatchEvent::ExecutionCompleted);
    }
    fn samples(&mut self) {
        let (from, reactor) = (self.marks["incubator"], self.marks["reactor"]);
        let minute = |mark: &str| self.marks[mark].since_ms(from) / 60_000;
        let (low, lost) = (minute("co2 low"), minute("lost"));
        let online = move |n: i64| !(lost..lost + 18).contains(&n);
        let ripple = |n: i64, period: i64, step: f64| (n % period - period / 2) as f64 * step;
        let co2 = move |n: i64| {
            let dip = if (low..low + 22).contains(&n) { -0.79 } else { 0.0 };
            online(n).then(|| 5.0 + dip + ripple(n, 7, 0.03))
        };
        self.seal(
            "INC-03",
            from,
            470,
            &[("temperature", &|n| online(n).then(|| 37.0 + ripple(n, 13, 0.02))), ("co2", &co2)],
        );
        let share = |n: i64| n as f64 / 2840.0;
        self.seal(
            "BR-01",
            reactor,
            2840,
            &[
                ("temperature", &|n| Some(if n < 40 { 25.0 + n as f64 * 0.3 } else { 37.0 + ripple(n, 11, 0.03) })),
                ("glucose", &|n| Some(8.5 - share(n) * 5.8)),
                ("vcd", &|n| Some(0.06 + 0.87 * share(n) * share(n))),
            ],
        );
    }
    fn decisions(&mut self) {
        self.wait(2 * HOUR);
        let closures = [
            (
                "DEV-0001",
                DeviationClass::Minor,
                "CO₂濃度の低下は12分間で4.2 %まで。培地pHは管理幅内、細胞への影響なし。",
                "ガス残量の始業点検を手順書に追加する。",
            ),
            (
                "DEV-0002",
                DeviationClass::Major,
                "生存率82.4 %は許容範囲(85.0 %)を下回る。総細胞数は基準を満たし、再計数で84.9 %、凍結後の規格(70 %)に対する余裕を確認。",
                "製品の品質への影響は許容できる。回収操作の時間短縮をCAPA-012で実施。",
            ),
            (
                "DEV-0003",
                DeviationClass::Minor,
                "転記誤り。訂正後の値は管理幅内。",
                "訂正を確認。自動取込みへの変更を検討する。",
            ),
        ];
        for (deviation, class, impact, decision) in closures {
            self.wait(10 * MIN);
            let text = Some(impact.to_owned());
            self.batch(person(QA), BatchEvent::DeviationClassified { deviation: id(deviation), class, text });
            let subject = Subject::Deviation(id(deviation));
            let signature = self.sign(QA, Meaning::Approved, subject, &[deviation], Some(decision));
            let text = Some(decision.to_owned());
            self.batch(person(QA), BatchEvent::DeviationClosed { deviation: id(deviation), signature, text });
        }
        self.wait(HOUR);
        let signature = self.sign(SUP, Meaning::Reviewed, Subject::ProductionReview, &["batch"], None);
        self.batch(person(SUP), BatchEvent::Reviewed { kind: ReviewKind::Production, signature });
        self.wait(HOUR);
        let up_to = self.sequencer.stream(&tenant(), &"batch:MSC-2607-01".parse().unwrap()).seq;
        self.batch(person(QA), BatchEvent::AuditTrailReviewed { up_to });
        let signature =
            self.sign(QA, Meaning::Reviewed, Subject::QualityReview, &["batch"], Some("監査証跡を含め照査した。"));
        self.batch(person(QA), BatchEvent::Reviewed { kind: ReviewKind::Quality, signature });
    }
    pub(crate) fn release(&mut self) {
        self.wait(HOUR);
        let signature = self.sign(REL, Meaning::Released, Subject::Disposition, &["batch"], None);
        let seals = [
            "batch:MSC-2607-01",
            "booking:BK-0001",
            "recipe:MBR-MSC-001-S",
            "samples:MSC-2607-01/BR-01",
            "samples:MSC-2607-01/INC-03",
        ];
        let seals = seals.iter().map(|stream| {
            let stream: StreamId = stream.parse().unwrap();
            let head = self.sequencer.stream(&tenant(), &stream);
            StreamSeal { stream, seq: head.seq, hash: head.last }
        });
        let seals = seals.collect();
        let text = Some("規格に適合。出荷可とする。".to_owned());
        self.batch(person(REL), BatchEvent::Released { signature, seals, text });
    }
    /// The beginning of a batch, for another history.
    pub(crate) fn replay_beginning(&mut self) {
        self.beginnings();
    }
    /// One more comment.
    pub(crate) fn comment(&mut self, text: &str) {
        self.wait(MIN);
        self.batch(person(OP), BatchEvent::Commented { phase: None, text: Some(text.into()) });
    }
    /// Issued, prepared and started; no samples yet.
    pub(crate) fn begun() -> Self {
        let mut story = Self::new();
        story.beginnings();
        story.preparation();
        story.comment("撹拌槽の外観に異常なし。");
        story
    }
    /// Up to the quality review.
    pub(crate) fn reviewed() -> Self {
        let mut story = Self::new();
        story.beginnings();
        story.preparation();
        story.seeding();
        story.culture();
        story.harvest();
        story.samples();
        story.decisions();
        story
    }
    /// The whole batch, released.
    pub(crate) fn released() -> Self {
        let mut story = Self::reviewed();
        story.release();
        story
    }
}
