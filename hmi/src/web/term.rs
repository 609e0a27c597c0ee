//! Which words say a state, a role, a meaning: one key per variant of the model, and nothing else.

use mes_core::{
    access::{Meaning, SignatureStatus},
    batch::{DeviationClass, Lifecycle, PhaseStatus, Verdict},
    booking::{BookingState, BookingStep, Infection, OfferKind, Regime, RiskAnswer, RiskQuestion},
    engine::{LinkState, WriteResult},
    historian::Cause,
    isa88::{EquipmentClass, State},
    journal::Purpose,
    tenant::{Manufacturer, Role},
};

use crate::device_trust::Standing;

/// Role.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Op => "role-op",
        Role::Chk => "role-chk",
        Role::Sup => "role-sup",
        Role::Mm => "role-mm",
        Role::Qa => "role-qa",
        Role::Qc => "role-qc",
        Role::Rel => "role-rel",
        Role::Tpl => "role-tpl",
        Role::Tqa => "role-tqa",
        Role::Aud => "role-aud",
        Role::Fad => "role-fad",
        Role::Sys => "role-sys",
        Role::Eng => "role-eng",
    }
}

/// Meaning of a signature.
pub(crate) fn meaning(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Performed => "meaning-performed",
        Meaning::Verified => "meaning-verified",
        Meaning::Authored => "meaning-authored",
        Meaning::Reviewed => "meaning-reviewed",
        Meaning::Approved => "meaning-approved",
        Meaning::Released => "meaning-released",
        Meaning::Rejected => "meaning-rejected",
        Meaning::Witnessed => "meaning-witnessed",
    }
}

/// Standing of a signature.
pub(crate) fn signature(status: &SignatureStatus) -> &'static str {
    match status {
        SignatureStatus::Valid => "signature-valid",
        SignatureStatus::SupersededFor(_) => "signature-superseded-for",
        SignatureStatus::Superseded => "signature-superseded",
        SignatureStatus::Rejected => "signature-rejected",
    }
}

/// Life of a batch.
pub(crate) fn lifecycle(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Issued => "lifecycle-issued",
        Lifecycle::InExecution => "lifecycle-in-execution",
        Lifecycle::ExecutionComplete => "lifecycle-execution-complete",
        Lifecycle::ProductionReviewed => "lifecycle-production-reviewed",
        Lifecycle::QualityReviewed => "lifecycle-quality-reviewed",
        Lifecycle::Released => "lifecycle-released",
        Lifecycle::Rejected => "lifecycle-rejected",
    }
}

/// Procedural state.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Idle => "state-idle",
        State::Running => "state-running",
        State::Complete => "state-complete",
        State::Pausing => "state-pausing",
        State::Paused => "state-paused",
        State::Holding => "state-holding",
        State::Held => "state-held",
        State::Restarting => "state-restarting",
        State::Stopping => "state-stopping",
        State::Stopped => "state-stopped",
        State::Aborting => "state-aborting",
        State::Aborted => "state-aborted",
    }
}

/// Standing of a phase.
pub(crate) fn phase(status: PhaseStatus) -> &'static str {
    match status {
        PhaseStatus::Waiting => "phase-waiting",
        PhaseStatus::Ready => "phase-ready",
        PhaseStatus::Running => "phase-running",
        PhaseStatus::AwaitingVerification => "phase-awaiting-verification",
        PhaseStatus::Complete => "phase-complete",
    }
}

/// Judgement of a value.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Normal => "verdict-normal",
        Verdict::OutOfNormal => "verdict-out-of-normal",
        Verdict::OutOfAcceptable => "verdict-out-of-acceptable",
    }
}

/// Class of a deviation.
pub(crate) fn class(class: DeviationClass) -> &'static str {
    match class {
        DeviationClass::Minor => "class-minor",
        DeviationClass::Major => "class-major",
        DeviationClass::Critical => "class-critical",
    }
}

/// State of a link.
pub(crate) fn link(state: &LinkState) -> &'static str {
    match state {
        LinkState::Disconnected => "link-disconnected",
        LinkState::Connecting => "link-connecting",
        LinkState::Online => "link-online",
        LinkState::Degraded(_) => "link-degraded",
        LinkState::Faulted(_) => "link-faulted",
    }
}

/// Where the certificate of a device stands.
pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "standing-waiting",
        Standing::Refused => "standing-refused",
        Standing::Trusted => "standing-trusted",
        Standing::Own => "standing-own",
    }
}

/// Why a value is not good.
pub(crate) fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::NotYetRead => "cause-not-yet-read",
        Cause::LinkDown => "cause-link-down",
        Cause::Stale => "cause-stale",
        Cause::SensorFault => "cause-sensor-fault",
        Cause::OutOfRange => "cause-out-of-range",
        Cause::Device(_) => "cause-device",
        Cause::ClockSkew => "cause-clock-skew",
    }
}

/// What became of a write.
pub(crate) fn write(result: &WriteResult) -> &'static str {
    match result {
        WriteResult::Confirmed => "write-confirmed",
        WriteResult::Refused { .. } => "write-refused",
        WriteResult::NotConfirmed => "write-not-confirmed",
        WriteResult::NotSent { .. } => "write-not-sent",
        WriteResult::Unknown { .. } => "write-unknown",
    }
}

/// Standing of a booking.
pub(crate) fn booking(state: &BookingState) -> &'static str {
    match state {
        BookingState::Requested => "booking-requested",
        BookingState::Confirmed => "booking-confirmed",
        BookingState::Refused(_) => "booking-refused",
        BookingState::Issued(_) => "booking-issued",
        BookingState::Withdrawn => "booking-withdrawn",
        BookingState::Lapsed(_) => "booking-lapsed",
    }
}

/// What is special about an offer.
pub(crate) fn offer(kind: OfferKind) -> &'static str {
    match kind {
        OfferKind::Earliest => "offer-earliest",
        OfferKind::Latest => "offer-latest",
        OfferKind::Cheapest => "offer-cheapest",
    }
}

/// Regime of a product.
pub(crate) fn regime(regime: Regime) -> &'static str {
    match regime {
        Regime::Gctp => "regime-gctp",
        Regime::Asrm => "regime-asrm",
        Regime::Trial => "regime-trial",
    }
}

/// Infection status of the starting material.
pub(crate) fn infection(infection: Infection) -> &'static str {
    match infection {
        Infection::Negative => "infection-negative",
        Infection::Unknown => "infection-unknown",
        Infection::Positive => "infection-positive",
    }
}

/// Question of the risk assessment.
pub(crate) fn risk_question(question: RiskQuestion) -> &'static str {
    match question {
        RiskQuestion::Separated => "risk-separated",
        RiskQuestion::Cabinets => "risk-cabinets",
        RiskQuestion::Vectors => "risk-vectors",
        RiskQuestion::Infected => "risk-infected",
    }
}

/// Answer to it.
pub(crate) fn risk_answer(answer: RiskAnswer) -> &'static str {
    match answer {
        RiskAnswer::Satisfied => "risk-satisfied",
        RiskAnswer::NotApplicable => "risk-not-applicable",
        RiskAnswer::NotSatisfied => "risk-not-satisfied",
    }
}

/// Signed step of a booking.
pub(crate) fn booking_step(step: BookingStep) -> &'static str {
    match step {
        BookingStep::RiskAssessment => "step-risk",
        BookingStep::Approval => "step-approval",
        BookingStep::Confirmation => "step-confirmation",
        BookingStep::Consent => "step-consent",
    }
}

/// Class of equipment.
pub(crate) fn equipment(class: EquipmentClass) -> &'static str {
    match class {
        EquipmentClass::Bioreactor => "equipment-bioreactor",
        EquipmentClass::Incubator => "equipment-incubator",
        EquipmentClass::CellProcessor => "equipment-cell-processor",
        EquipmentClass::Monitor => "equipment-monitor",
    }
}

/// Who manufactures.
pub(crate) fn manufacturer(manufacturer: Manufacturer) -> &'static str {
    match manufacturer {
        Manufacturer::Facility => "manufacturer-facility",
        Manufacturer::Tenant => "manufacturer-tenant",
    }
}

/// The mark on every page of a journal that is not a manufacturing record.
pub(crate) fn purpose(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Production => None,
        Purpose::Validation => Some("purpose-validation"),
        Purpose::Training => Some("purpose-training"),
        Purpose::Demo => Some("purpose-demo"),
    }
}
