//! What an entry about a booking or a plan says, in the words of the audit trail: one arm per event, none by default.

use mes_core::booking::{BookingEvent, BookingWindow, PlanEvent};

use crate::happened::Happened;

fn period(window: &BookingWindow) -> String {
    format!("{} {} – {}", window.suite, window.from.shown(), window.until.shown())
}

/// Of a booking.
pub(crate) fn booking(event: &BookingEvent) -> Happened {
    match event {
        BookingEvent::Quoted { booking, .. } | BookingEvent::Offered { booking, .. } => {
            Happened::new("booking", booking, "create", "見積り(空き枠回答)", "Quote")
        }
        BookingEvent::Requested { booking, recipe, version, .. } => {
            Happened::new("booking", booking, "create", "仮予約", "Tentative booking")
                .new_value(format!("{recipe} v{version}"))
        }
        BookingEvent::Held { booking, until, .. } => {
            Happened::new("booking", booking, "update", "仮予約の枠を確保", "Window held for the tentative booking")
                .field("hold")
                .new_value(until.shown())
        }
        BookingEvent::Lapsed { booking, due, .. } => {
            Happened::new("booking", booking, "invalidate", "仮予約の期限切れ", "Tentative booking lapsed")
                .field("hold")
                .new_value(due.shown())
        }
        BookingEvent::RiskAssessed { booking, assessment, signature, .. } => {
            Happened::new("booking", booking, "review", "同居のリスク評価", "Risk of co-location assessed")
                .field("risk")
                .signed_by(&signature.id)
                .new_value(if assessment.acceptable { "acceptable" } else { "not acceptable" })
        }
        BookingEvent::Approved { booking, signature } => Happened::new(
            "booking",
            booking,
            "approve",
            "予約を品質保証が承認",
            "Booking approved by quality assurance",
        )
        .field("risk")
        .signed_by(&signature.id)
        .new_value(signature.statement_hash),
        BookingEvent::Confirmed { booking, signature, .. } => {
            let said = Happened::new("booking", booking, "approve", "予約確定", "Booking confirmed");
            match signature {
                Some(signature) => said.signed_by(&signature.id).new_value(signature.statement_hash),
                None => said,
            }
        }
        BookingEvent::Moved { booking, old, window, plan } => {
            let mut said = Happened::new("booking", booking, "update", "計画により枠を移動", "Window moved by a plan")
                .field(plan.to_string())
                .new_value(period(window));
            said.old = Some(period(old));
            said
        }
        BookingEvent::Refused { booking, reason } => {
            Happened::new("booking", booking, "reject", "予約を謝絶", "Booking refused").new_value(&reason.en)
        }
        BookingEvent::Withdrawn { booking } => {
            Happened::new("booking", booking, "invalidate", "予約を取下げ", "Booking withdrawn")
        }
        BookingEvent::BatchIssued { booking, batch } => {
            Happened::new("booking", booking, "update", "製造指図に移行", "Batch issued for the booking")
                .new_value(batch)
        }
    }
}

/// Of the facility's plan.
pub(crate) fn plan(event: &PlanEvent) -> Happened {
    let PlanEvent::Adopted { plan, adopted, .. } = event;
    Happened::new("plan", plan, "approve", "製造計画を採用", "Plan adopted").new_value(format!(
        "{} batches, {} moved, {}",
        adopted.batches.len(),
        adopted.moves.len(),
        adopted.solver
    ))
}
