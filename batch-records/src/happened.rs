//! What an entry says, in the words of the audit trail: one arm per event, none by default, so that a new event does not
//! compile before it has its words.

use mes_core::{
    batch::{BatchEvent, ItemValue, ReadingEvidence, Verdict},
    clock::Timestamp,
    id::{ItemId, PersonId, PhaseId},
    isa88::RecipeEvent,
    journal::{Event, JournalEvent, SamplesEvent},
    quantity::Bilingual,
    tenant::{FacilityEvent, PersonEvent},
};

use crate::{happened_booking, happened_device, source::Source, wording};

/// What one event says of one record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Happened {
    /// Kind of record.
    pub record_type: &'static str,
    /// Which record.
    pub record_id: String,
    /// Which field.
    pub field: String,
    /// Its version.
    pub version: Option<u32>,
    /// What was done.
    pub action: &'static str,
    /// In words.
    pub what: Bilingual,
    /// Value before.
    pub old: Option<String>,
    /// Value after.
    pub new: Option<String>,
    /// Unit (UCUM).
    pub unit: Option<String>,
    /// Signature.
    pub signature: Option<String>,
    /// Deviation.
    pub deviation: Option<String>,
    /// The performer, when another person recorded it.
    pub performer: Option<PersonId>,
    /// When it happened, by a person's account.
    pub claimed: Option<Timestamp>,
    /// Whether QA looks at it in a review by exception.
    pub critical: bool,
}

impl Happened {
    /// An entry whose facts are not disclosed.
    pub(crate) fn withheld() -> Self {
        Self { action: "withheld", what: Bilingual::new("開示対象外", "withheld"), ..Self::default() }
    }
    pub(crate) fn new(
        record_type: &'static str,
        record_id: impl ToString,
        action: &'static str,
        ja: &str,
        en: &str,
    ) -> Self {
        let (record_id, what) = (record_id.to_string(), Bilingual::new(ja, en));
        Self { record_type, record_id, action, what, ..Self::default() }
    }
    pub(crate) fn critical(mut self) -> Self {
        self.critical = true;
        self
    }
    pub(crate) fn field(mut self, field: impl ToString) -> Self {
        self.field = field.to_string();
        self
    }
    pub(crate) fn new_value(mut self, new: impl ToString) -> Self {
        self.new = Some(new.to_string());
        self
    }
    fn old_value(mut self, old: impl ToString) -> Self {
        self.old = Some(old.to_string());
        self
    }
    fn value(mut self, value: &ItemValue) -> Self {
        (self.new, self.unit) = plain(value);
        self
    }
    pub(crate) fn signed_by(mut self, signature: impl ToString) -> Self {
        self.signature = Some(signature.to_string());
        self
    }
    fn of_deviation(mut self, deviation: impl ToString) -> Self {
        self.deviation = Some(deviation.to_string());
        self
    }
}

fn plain(value: &ItemValue) -> (Option<String>, Option<String>) {
    match value {
        ItemValue::Quantity(quantity) => (Some(quantity.value.to_string()), Some(quantity.unit.0.clone())),
        other => (Some(wording::value(other).en), None),
    }
}

fn evidence(reading: &ReadingEvidence) -> String {
    let value = reading.value.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
    format!("{} = {value} ({}) #{}", reading.tag, wording::quality(&reading.quality).en, reading.seq)
}

/// What an event says.
pub(crate) fn happened(source: &Source, event: &Event) -> Happened {
    match event {
        Event::Batch(event) => batch(source, event),
        Event::Journal(event) => journal(event),
        Event::Facility(event) => facility(event),
        Event::Equipment(event) => happened_device::equipment(event),
        Event::Person(event) => person(event),
        Event::Recipe(event) => recipe(event),
        Event::Booking(event) => happened_booking::booking(event),
        Event::Plan(event) => happened_booking::plan(event),
        Event::Samples(SamplesEvent::FacilitySealed { sealed }) => {
            let count: u64 = sealed.chunks.iter().map(|chunk| chunk.count).sum();
            Happened::new(
                "samples",
                &sealed.equipment,
                "create",
                "占有外のサンプルを封印",
                "Samples of free equipment sealed",
            )
            .field(format!("{}–{}", sealed.from, sealed.until))
            .new_value(format!("{count} samples, root {}", sealed.root))
        }
        Event::Samples(SamplesEvent::Sealed { sealed }) => {
            let period = format!("{}–{}", sealed.from, sealed.until);
            let count: u64 = sealed.chunks.iter().map(|chunk| chunk.count).sum();
            let (ja, en) = if sealed.supplement {
                ("遅延サンプルを封印", "Late samples sealed")
            } else {
                ("サンプルを封印", "Samples sealed")
            };
            Happened::new("samples", &sealed.equipment, "create", ja, en)
                .field(period)
                .new_value(format!("{count} samples, root {}", sealed.root))
        }
    }
}

fn item(batch: &str, phase: &PhaseId, item: &ItemId) -> String {
    format!("{batch}/{phase}/{item}")
}

fn batch(source: &Source, event: &BatchEvent) -> Happened {
    let id = source.issued().batch.as_str();
    let phase_id = |phase: &PhaseId| format!("{id}/{phase}");
    match event {
        BatchEvent::Issued { issued } => Happened::new("batch", id, "create", "製造指図を発行", "Batch issued")
            .new_value(format!(
                "lot {}, recipe {} v{}",
                issued.lot, issued.recipe.header.id, issued.recipe.header.version
            ))
            .critical(),
        BatchEvent::PhaseStarted { phase } => {
            Happened::new("phase", phase_id(phase), "update", "工程を開始", "Step started")
                .field("status")
                .new_value("running")
        }
        BatchEvent::PhaseCompleted { phase } => {
            Happened::new("phase", phase_id(phase), "update", "工程を完了", "Step completed")
                .field("status")
                .new_value("complete")
        }
        BatchEvent::ItemRecorded { .. } | BatchEvent::ItemCorrected { .. } => recorded(id, event),
        BatchEvent::WriteRequested { .. }
        | BatchEvent::WriteResolved { .. }
        | BatchEvent::ConditionMet { .. }
        | BatchEvent::LimitReturned { .. } => automation(id, event),
        BatchEvent::LinkChanged { .. }
        | BatchEvent::SamplingAgreed { .. }
        | BatchEvent::DeviceEventReported { .. }
        | BatchEvent::MessagesLeftOut { .. }
        | BatchEvent::ReportReceived { .. } => happened_device::batch(event),
        BatchEvent::Signed { .. }
        | BatchEvent::SignatureRejected { .. }
        | BatchEvent::AuditTrailReviewed { .. }
        | BatchEvent::Reviewed { .. }
        | BatchEvent::Released { .. }
        | BatchEvent::Rejected { .. } => signed(id, event),
        BatchEvent::DeviationOpened { .. }
        | BatchEvent::DeviationClassified { .. }
        | BatchEvent::DeviationClosed { .. } => deviation(id, event),
        BatchEvent::StateChanged { command, from, to, row, .. } => {
            let done = command.map_or_else(|| Bilingual::new("自動遷移", "Automatic"), wording::command);
            let mut said = Happened::new("batch", id, "update", "", "").field(format!("state (row {row})"));
            said.what = Bilingual::new(format!("状態遷移: {}", done.ja), format!("State changed: {}", done.en));
            said.critical = !matches!(command, Some(mes_core::isa88::Command::Start) | None);
            said.old_value(wording::state(*from).en).new_value(wording::state(*to).en)
        }
        BatchEvent::Commented { phase, .. } => {
            let on = phase.as_ref().map_or_else(|| id.to_owned(), phase_id);
            Happened::new("remark", on, "create", "コメント", "Comment")
        }
        BatchEvent::LateEntered { phase, claimed, .. } => {
            let mut said = Happened::new("remark", phase_id(phase), "create", "後日記入", "Late entry").critical();
            said.claimed = Some(*claimed);
            said
        }
        BatchEvent::ExecutionCompleted => Happened::new("batch", id, "update", "製造を完了", "Execution completed")
            .field("lifecycle")
            .new_value("execution_complete"),
        BatchEvent::Exported { files } => {
            let files: Vec<String> = files.iter().map(|file| format!("{} {}", file.name, file.sha256)).collect();
            Happened::new("batch", id, "export", "真正性証明パッケージを出力", "Package exported")
                .new_value(files.join(", "))
        }
    }
}

fn recorded(id: &str, event: &BatchEvent) -> Happened {
    match event {
        BatchEvent::ItemRecorded { phase, item: of, value, verdict, performer, source, .. } => {
            let mut said = Happened::new("item", item(id, phase, of), "create", "記録", "Recorded")
                .field(wording::value_source(source).en)
                .value(value);
            said.version = Some(1);
            said.performer = performer.clone();
            said.critical = *verdict != Verdict::Normal || performer.is_some();
            said
        }
        BatchEvent::ItemCorrected { phase, item: of, version, old, value, source, .. } => {
            let mut said = Happened::new("item", item(id, phase, of), "update", "訂正", "Corrected")
                .field(wording::value_source(source).en)
                .value(value)
                .critical();
            said.old = plain(old).0;
            said.version = Some(*version);
            said
        }
        _ => Happened::default(),
    }
}

fn automation(id: &str, event: &BatchEvent) -> Happened {
    match event {
        BatchEvent::WriteRequested { phase, item: of, tag, value, tolerance } => Happened::new(
            "set_point",
            item(id, phase, of),
            "update",
            "設定値の書込みを要求",
            "Set-point write requested",
        )
        .field(tag)
        .new_value(format!("{value} (±{tolerance})")),
        BatchEvent::WriteResolved { phase, item: of, outcome, .. } => {
            let result = wording::write_result(&outcome.result);
            let mut said =
                Happened::new("set_point", item(id, phase, of), "update", "設定値の書込み結果", "Outcome of the write")
                    .field(&outcome.tag);
            said.old = outcome.before.as_ref().map(ToString::to_string);
            let back = outcome.read_back.as_ref().map(|value| format!("read back {value}: ")).unwrap_or_default();
            said.critical = outcome.result != mes_core::engine::WriteResult::Confirmed;
            said.new_value(format!("{back}{}", result.en))
        }
        BatchEvent::ConditionMet { phase, evidence: met } => {
            let readings: Vec<String> = met.readings.iter().map(evidence).collect();
            Happened::new("phase", format!("{id}/{phase}"), "update", "条件が成立", "Condition met")
                .field(&met.expression)
                .new_value(format!("since {}; {}", met.since.shown(), readings.join("; ")))
        }
        BatchEvent::LimitReturned { phase, item: of, evidence: reading } => {
            Happened::new("watch", item(id, phase, of), "update", "管理値内に復帰", "Limit kept again")
                .new_value(evidence(reading))
        }
        _ => Happened::default(),
    }
}

fn signed(id: &str, event: &BatchEvent) -> Happened {
    match event {
        BatchEvent::Signed { signature, .. } => {
            let (meaning, subject) =
                (wording::meaning(signature.statement.meaning), wording::subject(&signature.subject));
            let mut said = Happened::new("signature", id, "sign", "", "").signed_by(&signature.id);
            said.what = Bilingual::new(
                format!("電子署名({}): {}", meaning.ja, subject.ja),
                format!("Signed ({}): {}", meaning.en, subject.en),
            );
            said.field("statement").new_value(signature.statement_hash).critical()
        }
        BatchEvent::SignatureRejected { signature, phase, .. } => {
            Happened::new("signature", format!("{id}/{phase}"), "reject", "署名を却下", "Signature rejected")
                .signed_by(signature)
                .critical()
        }
        BatchEvent::AuditTrailReviewed { up_to } => {
            Happened::new("audit_trail", id, "approve", "監査証跡を照査", "Audit trail reviewed")
                .field("stream_seq")
                .new_value(format!("1–{up_to}"))
                .critical()
        }
        BatchEvent::Reviewed { kind, signature } => {
            let kind = wording::review(*kind);
            let mut said = Happened::new("batch", id, "approve", "", "").signed_by(signature).critical();
            said.what = Bilingual::new(format!("{}を完了", kind.ja), format!("{} completed", kind.en));
            said
        }
        BatchEvent::Released { signature, seals, .. } => {
            Happened::new("batch", id, "release", "出荷可と判定", "Released")
                .signed_by(signature)
                .field("seals")
                .new_value(format!("{} streams sealed", seals.len()))
                .critical()
        }
        BatchEvent::Rejected { signature, seals, .. } => {
            Happened::new("batch", id, "reject", "出荷不可と判定", "Rejected")
                .signed_by(signature)
                .field("seals")
                .new_value(format!("{} streams sealed", seals.len()))
                .critical()
        }
        _ => Happened::default(),
    }
}

fn deviation(id: &str, event: &BatchEvent) -> Happened {
    match event {
        BatchEvent::DeviationOpened { deviation, phase, item: of, cause, .. } => {
            let on = match (phase, of) {
                (Some(phase), Some(of)) => item(id, phase, of),
                (Some(phase), None) => format!("{id}/{phase}"),
                (None, _) => id.to_owned(),
            };
            let cause = wording::cause(cause);
            let mut said = Happened::new("deviation", deviation, "create", "", "").field(on).of_deviation(deviation);
            said.what = Bilingual::new(format!("逸脱: {}", cause.ja), format!("Deviation: {}", cause.en));
            said.new_value("open").critical()
        }
        BatchEvent::DeviationClassified { deviation, class, .. } => {
            Happened::new("deviation", deviation, "update", "逸脱を分類", "Deviation classified")
                .field("class")
                .new_value(wording::class(*class).en)
                .of_deviation(deviation)
                .critical()
        }
        BatchEvent::DeviationClosed { deviation, signature, .. } => {
            Happened::new("deviation", deviation, "approve", "逸脱を完結", "Deviation closed")
                .field("status")
                .new_value("closed")
                .of_deviation(deviation)
                .signed_by(signature)
                .critical()
        }
        _ => Happened::default(),
    }
}

fn journal(event: &JournalEvent) -> Happened {
    match event {
        JournalEvent::Opened { purpose, key, .. } => {
            Happened::new("journal", "journal", "create", "ジャーナルを開始", "Journal opened")
                .field("purpose")
                .new_value(format!("{purpose}, key {key}"))
        }
        JournalEvent::Started { software, wall_time } => {
            Happened::new("journal", "journal", "update", "システムを起動", "Process started")
                .new_value(format!("{software}, wall time {wall_time}"))
        }
        JournalEvent::RateChanged { rate } => {
            Happened::new("journal", "journal", "config", "施設時刻の速度を変更", "Rate of facility time changed")
                .new_value(rate)
        }
    }
}

fn facility(event: &FacilityEvent) -> Happened {
    match event {
        FacilityEvent::ChangeProposed { change, items, .. } => {
            Happened::new("facility", change, "config", "設備構成の変更を提案", "Change of the facility proposed")
                .new_value(format!("{} items", items.len()))
        }
        FacilityEvent::ChangeApproved { change, .. } => {
            Happened::new("facility", change, "approve", "設備構成の変更を承認", "Change of the facility approved")
        }
    }
}

fn person(event: &PersonEvent) -> Happened {
    match event {
        PersonEvent::LoggedIn { person } => Happened::new("person", person, "login", "ログイン", "Logged in"),
        PersonEvent::LoggedOut { person, timed_out } => {
            let mut said = Happened::new("person", person, "logout", "ログアウト", "Logged out");
            if *timed_out {
                said.field = "timeout".to_owned();
            }
            said
        }
        PersonEvent::CredentialRefused { person, failures, .. } => {
            Happened::new("person", person, "login_fail", "認証を拒否", "Credential refused")
                .new_value(failures)
                .critical()
        }
        PersonEvent::Refused { person, command, object, rule, count } => {
            Happened::new("person", person, "reject", "操作を拒否", "Command refused")
                .field(format!("{command} {object}"))
                .new_value(format!("{rule} ×{count}"))
        }
        PersonEvent::CredentialSet { person } => {
            Happened::new("person", person, "config", "認証情報を設定", "Credential set")
        }
        PersonEvent::LanguageChosen { person, language } => {
            let language = if *language == mes_core::quantity::Language::Ja { "ja" } else { "en" };
            Happened::new("person", person, "config", "言語を選択", "Language chosen").new_value(language)
        }
    }
}

fn recipe(event: &RecipeEvent) -> Happened {
    match event {
        RecipeEvent::Submitted { body, hash, .. } => {
            let (id, version) = (&body.header.id, body.header.version);
            let mut said = Happened::new("recipe", id, "create", "マスターレシピを提出", "Master recipe submitted")
                .new_value(hash);
            said.version = Some(version);
            said
        }
        RecipeEvent::Approved { recipe, version, approval, signature } => {
            let by = match approval {
                mes_core::isa88::Approval::Production => "production",
                mes_core::isa88::Approval::Quality => "quality",
            };
            let mut said = Happened::new("recipe", recipe, "approve", "マスターレシピを承認", "Master recipe approved")
                .field(by)
                .signed_by(&signature.id)
                .new_value(signature.statement_hash);
            said.version = Some(*version);
            said
        }
    }
}
