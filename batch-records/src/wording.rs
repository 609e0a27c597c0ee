//! The words in which a record says what an enum means, in both languages, from the glossary (REQUIREMENTS §8).
//!
//! One word per state, command and role. Nothing here decides anything.

use mes_core::{
    access::{AuthMethod, Meaning, SignatureStatus, Subject},
    batch::{DeviationCause, DeviationClass, ItemValue, Lifecycle, ReviewKind, Source as ValueSource, Verdict},
    booking::BookingStep,
    engine::{LinkState, WriteResult, cause_words},
    historian::{Cause, Grade, Quality},
    isa88::{Command, EquipmentClass, SignOff, State},
    journal::Purpose,
    quantity::Bilingual,
    tenant::{Manufacturer, Role},
};

fn b(ja: &str, en: &str) -> Bilingual {
    Bilingual::new(ja, en)
}

/// The purpose of a journal as a record names it.
pub(crate) fn purpose(purpose: Purpose) -> Bilingual {
    match (purpose.mark_ja(), purpose.mark_en()) {
        (Some(ja), Some(en)) => b(ja, en),
        _ => b("製造記録", "Manufacturing record"),
    }
}

/// A role 役割.
pub(crate) fn role(role: Role) -> Bilingual {
    match role {
        Role::Op => b("作業者", "Operator"),
        Role::Chk => b("確認者", "Second checker"),
        Role::Sup => b("製造部門責任者", "Production supervisor"),
        Role::Mm => b("製造管理者", "Manufacturing manager"),
        Role::Qa => b("品質保証", "Quality assurance"),
        Role::Qc => b("試験検査", "Testing (QC)"),
        Role::Rel => b("出荷判定者", "Release decider"),
        Role::Tpl => b("入居者計画担当", "Tenant planner"),
        Role::Tqa => b("入居者品質保証", "Tenant QA"),
        Role::Aud => b("調査員・監査員", "Auditor"),
        Role::Fad => b("設備管理担当者", "Facility admin"),
        Role::Sys => b("システム管理者", "System admin"),
        Role::Eng => b("保全", "Maintenance"),
    }
}

/// Meaning of a signature 署名の意味.
pub(crate) fn meaning(meaning: Meaning) -> Bilingual {
    match meaning {
        Meaning::Performed => b("実施", "Performed"),
        Meaning::Verified => b("二重確認", "Verified"),
        Meaning::Authored => b("作成", "Authored"),
        Meaning::Reviewed => b("照査", "Reviewed"),
        Meaning::Approved => b("承認", "Approved"),
        Meaning::Released => b("出荷判定", "Released"),
        Meaning::Rejected => b("却下", "Rejected"),
        Meaning::Witnessed => b("証人", "Witnessed"),
    }
}

/// How a person was authenticated.
pub(crate) fn auth(method: AuthMethod) -> Bilingual {
    match method {
        AuthMethod::Password => b("ID+パスワード", "id + password"),
        AuthMethod::System => b("システム", "system"),
        AuthMethod::CommandLine => b("サーバ端末+パスワード", "command line + password"),
    }
}

/// Standing of a signature.
pub(crate) fn signature_status(status: &SignatureStatus) -> Bilingual {
    match status {
        SignatureStatus::Valid => b("有効", "Valid"),
        SignatureStatus::SupersededFor(items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            let items = items.join(", ");
            Bilingual::new(format!("有効(訂正された項目を除く: {items})"), format!("Valid except corrected: {items}"))
        }
        SignatureStatus::Superseded => b("失効(対象の変更による)", "Superseded by a change"),
        SignatureStatus::Rejected => b("却下", "Rejected"),
    }
}

/// What a signature is about.
pub(crate) fn subject(subject: &Subject) -> Bilingual {
    match subject {
        Subject::Phase(phase) => Bilingual::new(format!("工程 {phase}"), format!("Step {phase}")),
        Subject::Corrections(phase) => {
            Bilingual::new(format!("工程 {phase} の訂正"), format!("Corrections of step {phase}"))
        }
        Subject::Items(phase, items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            let items = items.join(", ");
            Bilingual::new(format!("工程 {phase} の項目 {items}"), format!("Items {items} of step {phase}"))
        }
        Subject::Deviation(deviation) => {
            Bilingual::new(format!("逸脱 {deviation} の完結"), format!("Closure of deviation {deviation}"))
        }
        Subject::Issue => b("製造指図の発行", "Issue of the batch"),
        Subject::ProductionReview => b("製造管理の確認", "Production review"),
        Subject::QualityReview => b("照査(監査証跡を含む)", "Quality review with audit trail"),
        Subject::Disposition => b("出荷判定", "Disposition"),
        Subject::Recipe(recipe, version) => Bilingual::new(
            format!("マスターレシピ {recipe} 第{version}版"),
            format!("Master recipe {recipe} v{version}"),
        ),
        Subject::Booking(booking, step) => {
            let (ja, en) = match step {
                BookingStep::RiskAssessment => ("同居のリスク評価", "risk of co-location"),
                BookingStep::Approval => ("品質保証の承認", "approval by quality assurance"),
                BookingStep::Confirmation => ("確定", "confirmation"),
                BookingStep::Consent => ("枠変更の承諾", "consent to a move"),
            };
            Bilingual::new(format!("予約 {booking} の{ja}"), format!("Booking {booking}: {en}"))
        }
    }
}

/// Life of a batch.
pub(crate) fn lifecycle(lifecycle: Lifecycle) -> Bilingual {
    match lifecycle {
        Lifecycle::Issued => b("指図発行済", "Issued"),
        Lifecycle::InExecution => b("製造中", "In execution"),
        Lifecycle::ExecutionComplete => b("製造完了", "Execution complete"),
        Lifecycle::ProductionReviewed => b("製造確認済", "Production reviewed"),
        Lifecycle::QualityReviewed => b("照査済", "Quality reviewed"),
        Lifecycle::Released => b("出荷可(合格)", "Released"),
        Lifecycle::Rejected => b("出荷不可(不合格)", "Rejected"),
    }
}

/// Procedural state of ISA-88.
pub(crate) fn state(state: State) -> Bilingual {
    match state {
        State::Idle => b("待機", "Idle"),
        State::Running => b("運転中", "Running"),
        State::Complete => b("完了", "Complete"),
        State::Pausing => b("一時停止移行中", "Pausing"),
        State::Paused => b("一時停止", "Paused"),
        State::Holding => b("保留移行中", "Holding"),
        State::Held => b("保留", "Held"),
        State::Restarting => b("再始動中", "Restarting"),
        State::Stopping => b("停止移行中", "Stopping"),
        State::Stopped => b("停止", "Stopped"),
        State::Aborting => b("中止移行中", "Aborting"),
        State::Aborted => b("中止", "Aborted"),
    }
}

/// Command of ISA-88.
pub(crate) fn command(command: Command) -> Bilingual {
    match command {
        Command::Start => b("開始", "Start"),
        Command::Stop => b("停止", "Stop"),
        Command::Hold => b("保留", "Hold"),
        Command::Restart => b("再始動", "Restart"),
        Command::Abort => b("中止", "Abort"),
        Command::Reset => b("初期化", "Reset"),
        Command::Pause => b("一時停止", "Pause"),
        Command::Resume => b("再開", "Resume"),
    }
}

/// Judgement of a value.
pub(crate) fn verdict(verdict: Verdict) -> Bilingual {
    match verdict {
        Verdict::Normal => b("適", "Within"),
        Verdict::OutOfNormal => b("管理幅外", "Out of normal"),
        Verdict::OutOfAcceptable => b("許容範囲外", "Out of acceptable"),
    }
}

/// Class of a deviation.
pub(crate) fn class(class: DeviationClass) -> Bilingual {
    match class {
        DeviationClass::Minor => b("軽微な逸脱", "Minor"),
        DeviationClass::Major => b("重大な逸脱", "Major"),
        DeviationClass::Critical => b("致命的な逸脱", "Critical"),
    }
}

/// Kind of a review.
pub(crate) fn review(kind: ReviewKind) -> Bilingual {
    match kind {
        ReviewKind::Production => b("製造管理の確認", "Production review"),
        ReviewKind::Quality => b("照査", "Quality review"),
    }
}

/// Why a deviation was opened.
pub(crate) fn cause(cause: &DeviationCause) -> Bilingual {
    match cause {
        DeviationCause::Value { shown, range } => Bilingual::new(
            format!("記録値 {shown} が許容範囲({range})の外"),
            format!("Recorded value {shown} outside the acceptable range ({range})"),
        ),
        DeviationCause::Watch { since, evidence, range } => {
            let (at, value) = (since.shown(), reading(evidence));
            Bilingual::new(
                format!("{} が管理値({range})の外、又は値が得られない: {value}、{at} から", evidence.tag),
                format!("{} outside its limit ({range}) or not good: {value}, since {at}", evidence.tag),
            )
        }
        DeviationCause::HoldTime { due, noticed } => Bilingual::new(
            format!("保持時間超過: 期限 {}、検知 {}", due.shown(), noticed.shown()),
            format!("Hold time exceeded: due {}, noticed {}", due.shown(), noticed.shown()),
        ),
        DeviationCause::Overdue { due, noticed } => Bilingual::new(
            format!("条件が期限までに成立しない: 期限 {}、検知 {}", due.shown(), noticed.shown()),
            format!("Condition overdue: due {}, noticed {}", due.shown(), noticed.shown()),
        ),
        DeviationCause::SetPoint { result } => {
            let result = write_result(result);
            Bilingual::new(
                format!("設定値が確認できない: {}", result.ja),
                format!("Set-point not confirmed: {}", result.en),
            )
        }
        DeviationCause::Identity { read } => Bilingual::new(
            format!("同一性の不一致: 読取コード「{read}」"),
            format!("Identity did not match: code read \"{read}\""),
        ),
        DeviationCause::Observed => b("作業者による発見", "Observed by a person"),
    }
}

fn reading(evidence: &mes_core::batch::ReadingEvidence) -> String {
    let value = evidence.value.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
    if evidence.quality.is_good() { value } else { format!("{value} [{}]", quality(&evidence.quality).en) }
}

/// What became of a write.
pub(crate) fn write_result(result: &WriteResult) -> Bilingual {
    match result {
        WriteResult::Confirmed => b("書込み・読戻し一致", "Confirmed by read-back"),
        WriteResult::Refused { code } => {
            Bilingual::new(format!("設備が拒否({code})"), format!("Refused by the device ({code})"))
        }
        WriteResult::NotConfirmed => b("読戻し不一致", "Read-back did not agree"),
        WriteResult::NotSent { reason } => {
            Bilingual::new(format!("未送信({})", cause_words(reason).ja), format!("Not sent ({reason})"))
        }
        WriteResult::Unknown { reason } => {
            Bilingual::new(format!("結果不明({})", cause_words(reason).ja), format!("Outcome unknown ({reason})"))
        }
    }
}

/// State of a link.
pub(crate) fn link(state: &LinkState) -> Bilingual {
    match state {
        LinkState::Disconnected => b("切断", "Disconnected"),
        LinkState::Connecting => b("接続中", "Connecting"),
        LinkState::Online => b("接続", "Online"),
        LinkState::Degraded(reason) => {
            Bilingual::new(format!("機能低下({})", cause_words(reason).ja), format!("Degraded ({reason})"))
        }
        LinkState::Faulted(reason) => {
            Bilingual::new(format!("要対応({})", cause_words(reason).ja), format!("Faulted ({reason})"))
        }
    }
}

/// Quality of a value.
pub(crate) fn quality(quality: &Quality) -> Bilingual {
    let grade = match quality.grade {
        Grade::Good => b("良", "good"),
        Grade::Uncertain => b("不確か", "uncertain"),
        Grade::Bad => b("不良", "bad"),
    };
    let Some(cause) = &quality.cause else { return grade };
    let cause = match cause {
        Cause::NotYetRead => b("未取得", "not yet read"),
        Cause::LinkDown => b("通信断", "link down"),
        Cause::Stale => b("更新停止", "stale"),
        Cause::SensorFault => b("センサ異常", "sensor fault"),
        Cause::OutOfRange => b("計測範囲外", "out of range"),
        Cause::Device(code) => {
            Bilingual::new(format!("設備エラー {}", cause_words(code).ja), format!("device error {code}"))
        }
        Cause::ClockSkew => b("時計のずれ", "clock skew"),
    };
    Bilingual::new(format!("{}: {}", grade.ja, cause.ja), format!("{}: {}", grade.en, cause.en))
}

/// Where a value came from.
pub(crate) fn value_source(source: &ValueSource) -> Bilingual {
    match source {
        ValueSource::Manual => b("手入力", "Typed"),
        ValueSource::Scanned => b("読取り", "Scanned"),
        ValueSource::Tag(evidence) => {
            let text = format!("{} #{}", evidence.tag, evidence.seq);
            let quality = quality(&evidence.quality);
            if evidence.quality.is_good() {
                Bilingual::new(text.clone(), text)
            } else {
                Bilingual::new(format!("{text}({})", quality.ja), format!("{text} ({})", quality.en))
            }
        }
        ValueSource::Calculated { expression, inputs } => {
            let inputs: Vec<String> = inputs.iter().map(|(item, value)| format!("{item} = {value}")).collect();
            let inputs = inputs.join(", ");
            let text = format!("= {expression} [{inputs}]");
            Bilingual::new(text.clone(), text)
        }
    }
}

/// A recorded value.
pub(crate) fn value(value: &ItemValue) -> Bilingual {
    match value {
        ItemValue::Confirmed => b("確認済", "Confirmed"),
        ItemValue::ConditionMet => b("条件成立", "Condition met"),
        ItemValue::Quantity(_) | ItemValue::Code(_) => Bilingual::new(value.shown(), value.shown()),
    }
}

/// Class of equipment.
pub(crate) fn equipment(class: EquipmentClass) -> Bilingual {
    match class {
        EquipmentClass::Bioreactor => b("培養槽", "Bioreactor"),
        EquipmentClass::Incubator => b("培養器", "Incubator"),
        EquipmentClass::CellProcessor => b("閉鎖系細胞処理装置", "Closed cell processor"),
        EquipmentClass::Monitor => b("環境モニター", "Environmental monitor"),
    }
}

/// Who manufactures.
pub(crate) fn manufacturer(manufacturer: Manufacturer) -> Bilingual {
    match manufacturer {
        Manufacturer::Facility => b("受託製造(施設運営者が製造)", "Contract manufacture by the facility"),
        Manufacturer::Tenant => b("施設貸与(入居者が製造)", "Leased suite: the tenant manufactures"),
    }
}

/// Who signs a phase.
pub(crate) fn sign_off(sign: SignOff) -> Bilingual {
    match sign {
        SignOff::None => b("署名不要", "No signature"),
        SignOff::Performed => b("実施", "Performed"),
        SignOff::Verified => b("実施+二重確認", "Performed + verified"),
    }
}

/// A duration as people read it: `1 h 05 min`, `12 min 30 s`.
pub(crate) fn duration(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    let (d, h, min, s) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    match (d, h, min) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) => format!("{min} min {s:02} s"),
        (0, _, _) => format!("{h} h {min:02} min"),
        _ => format!("{d} d {h:02} h {min:02} min"),
    }
}
