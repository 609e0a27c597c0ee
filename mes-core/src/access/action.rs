//! Every act that a policy speaks of, and which act a command is. A command without an act does not compile.

use crate::{
    access::{Meaning, Subject},
    batch::BatchCommand,
    booking::{BookingCommand, BookingStep},
    engine::Command,
    isa88::Approval,
    quantity::Bilingual,
};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $ja:literal, $en:literal;)*) => {
        /// An act that the policies permit or forbid, in the rows of the role matrix (REQUIREMENTS 4.4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// All acts.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The name in the policies' text.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
            /// What it is called on a screen.
            pub fn title(self) -> Bilingual {
                match self { $(Self::$name => Bilingual::new($ja, $en),)* }
            }
        }
    };
}

actions! {
    /// Know that a thing exists, and see it.
    See = "see", "閲覧", "see this";
    /// See the audit trail of a batch.
    SeeAuditTrail = "see_audit_trail", "監査証跡の閲覧", "see the audit trail";
    /// Submit a master recipe for approval.
    SubmitRecipe = "submit_recipe", "マスターレシピの作成", "author a master recipe";
    /// Approve a master recipe for production.
    ApproveRecipeProduction = "approve_recipe_production", "マスターレシピの承認(製造)", "approve a master recipe for production";
    /// Approve a master recipe for quality.
    ApproveRecipeQuality = "approve_recipe_quality", "マスターレシピの承認(品質)", "approve a master recipe for quality";
    /// Ask for a quote, request or withdraw a booking.
    RequestBooking = "request_booking", "予約の申込み", "request a booking";
    /// Confirm or refuse a booking.
    ConfirmBooking = "confirm_booking", "予約の確定", "confirm a booking";
    /// Assess the risk of co-location of a booking.
    AssessBooking = "assess_booking", "同居のリスク評価", "assess the risk of a booking";
    /// Approve a booking for quality.
    ApproveBooking = "approve_booking", "予約の品質承認", "approve a booking for quality";
    /// Accept or refuse a proposed move of a booking beyond its agreement.
    AnswerMove = "answer_move", "枠変更案への回答", "answer a proposed move";
    /// See the plan of the whole facility, and adopt one.
    AdoptPlan = "adopt_plan", "製造計画の採用", "adopt a plan";
    /// Issue a batch.
    IssueBatch = "issue_batch", "製造指図", "issue a batch";
    /// Start phases, record, apply set-points, sign as performer.
    Execute = "execute", "工程の実施", "execute a step";
    /// Verify a step as second person, or reject its performer's signature.
    Verify = "verify", "二重確認", "verify a step as second person";
    /// Correct a recorded item.
    Correct = "correct", "記録の訂正", "correct a recorded item";
    /// Verify the correction of a signed item.
    VerifyCorrection = "verify_correction", "訂正の二重確認", "verify a correction";
    /// Hold a batch.
    Hold = "hold", "保留", "hold a batch";
    /// Restart a held batch.
    Restart = "restart", "再始動", "restart a batch";
    /// Comment and late entry.
    Remark = "remark", "コメント・後日記入", "write a comment or a late entry";
    /// Open a deviation.
    OpenDeviation = "open_deviation", "逸脱の起票", "open a deviation";
    /// Classify a deviation.
    ClassifyDeviation = "classify_deviation", "逸脱の分類", "classify a deviation";
    /// Close a deviation.
    CloseDeviation = "close_deviation", "逸脱の完結", "close a deviation";
    /// Declare the execution complete.
    CompleteExecution = "complete_execution", "製造完了", "declare the execution complete";
    /// Review by production.
    ReviewProduction = "review_production", "製造管理の確認", "review a batch for production";
    /// Review the audit trail.
    ReviewAuditTrail = "review_audit_trail", "監査証跡の照査", "review the audit trail";
    /// Quality review.
    ReviewQuality = "review_quality", "照査", "review a batch for quality";
    /// Release or reject.
    Dispose = "dispose", "出荷判定", "release or reject a batch";
    /// Export the evidence package and the printed record.
    Export = "export", "真正性証明パッケージの出力", "export the evidence package";
    /// Propose a change of the facility.
    ProposeChange = "propose_change", "施設構成の変更申請", "propose a change of the facility";
    /// Approve a change of the facility.
    ApproveChange = "approve_change", "施設構成の変更承認", "approve a change of the facility";
    /// Accept or refuse the certificate of a device.
    JudgeCertificate = "judge_certificate", "機器証明書の承認・拒否", "accept or refuse the certificate of a device";
    /// Connect to a device anew whose link is down or needs a person.
    ConnectAgain = "connect_again", "機器への再接続", "connect to a device again";
    /// See the links to all equipment of the facility, and what was counted on them.
    SeeDevices = "see_devices", "機器の通信状態の閲覧", "see the links to the equipment";
    /// Set somebody's credential.
    SetCredential = "set_credential", "認証情報の設定", "set a credential";
    /// Choose one's own language.
    ChooseLanguage = "choose_language", "表示言語の選択", "choose a language";
    /// Change the rate of facility time.
    SetRate = "set_rate", "時間倍率の変更", "change the rate of facility time";
    /// What only the plant itself may do; no policy permits it to a person.
    PlantOnly = "plant_only", "システムの操作", "do what only the plant itself does";
}

/// Which act a command is.
pub fn action_of(command: &Command) -> Action {
    match command {
        Command::Batch { command, .. } => action_of_batch(command),
        Command::Booking { command, .. } => match command {
            BookingCommand::Request { .. } | BookingCommand::Withdraw => Action::RequestBooking,
            BookingCommand::AcceptMove { .. } | BookingCommand::RefuseMove { .. } => Action::AnswerMove,
            BookingCommand::AssessRisk { .. } => Action::AssessBooking,
            BookingCommand::Approve { .. } => Action::ApproveBooking,
            BookingCommand::Confirm { .. } | BookingCommand::Refuse { .. } => Action::ConfirmBooking,
        },
        Command::AdoptPlan { .. } | Command::ProposeMoves { .. } => Action::AdoptPlan,
        Command::SubmitRecipe { .. } => Action::SubmitRecipe,
        Command::ApproveRecipe { approval: Approval::Production, .. } => Action::ApproveRecipeProduction,
        Command::ApproveRecipe { approval: Approval::Quality, .. } => Action::ApproveRecipeQuality,
        Command::ProposeChange { .. } => Action::ProposeChange,
        Command::ApproveChange { .. } => Action::ApproveChange,
        Command::JudgeCertificate { .. } => Action::JudgeCertificate,
        Command::ConnectAgain { .. } => Action::ConnectAgain,
        Command::ChooseLanguage { .. } => Action::ChooseLanguage,
        Command::SetRate { .. } => Action::SetRate,
    }
}

/// Which act a command about a batch is.
pub fn action_of_batch(command: &BatchCommand) -> Action {
    match command {
        BatchCommand::Issue(_) => Action::IssueBatch,
        BatchCommand::StartPhase { .. }
        | BatchCommand::Record { .. }
        | BatchCommand::ApplySetPoints { .. }
        | BatchCommand::CompletePhase { .. } => Action::Execute,
        BatchCommand::Sign { subject, meaning, .. } => action_of_signature(subject, *meaning),
        BatchCommand::RejectSignature { .. } => Action::Verify,
        BatchCommand::Correct { .. } => Action::Correct,
        BatchCommand::Hold { .. } => Action::Hold,
        BatchCommand::Restart { .. } => Action::Restart,
        BatchCommand::Comment { .. } | BatchCommand::LateEntry { .. } => Action::Remark,
        BatchCommand::OpenDeviation { .. } => Action::OpenDeviation,
        BatchCommand::ClassifyDeviation { .. } => Action::ClassifyDeviation,
        BatchCommand::CompleteExecution => Action::CompleteExecution,
        BatchCommand::ReviewAuditTrail { .. } => Action::ReviewAuditTrail,
        BatchCommand::Dispose { .. } => Action::Dispose,
        BatchCommand::NoteExport { .. } => Action::Export,
        BatchCommand::ResolveEffect { .. }
        | BatchCommand::MeetCondition { .. }
        | BatchCommand::NoticeOverdue { .. }
        | BatchCommand::NoticeViolation { .. }
        | BatchCommand::NoticeReturn { .. }
        | BatchCommand::NoticeHoldExceeded { .. }
        | BatchCommand::NoteLink { .. }
        | BatchCommand::TakeReport { .. }
        | BatchCommand::NoteDevice { .. } => Action::PlantOnly,
    }
}

/// Which act a signature is, by what it is about and what it means.
pub fn action_of_signature(subject: &Subject, meaning: Meaning) -> Action {
    match (subject, meaning) {
        (Subject::Phase(_), Meaning::Verified | Meaning::Witnessed) => Action::Verify,
        (Subject::Phase(_) | Subject::Items(..), _) => Action::Execute,
        (Subject::Corrections(_), _) => Action::VerifyCorrection,
        (Subject::Deviation(_), _) => Action::CloseDeviation,
        (Subject::Issue, _) => Action::IssueBatch,
        (Subject::ProductionReview, _) => Action::ReviewProduction,
        (Subject::QualityReview, _) => Action::ReviewQuality,
        (Subject::Disposition, _) => Action::Dispose,
        (Subject::Recipe(..), _) => Action::ApproveRecipeQuality,
        (Subject::Booking(_, BookingStep::RiskAssessment), _) => Action::AssessBooking,
        (Subject::Booking(_, BookingStep::Approval), _) => Action::ApproveBooking,
        (Subject::Booking(_, BookingStep::Confirmation), _) => Action::ConfirmBooking,
        (Subject::Booking(_, BookingStep::Consent), _) => Action::AnswerMove,
    }
}
