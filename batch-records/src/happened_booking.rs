//! What an entry about a booking or a plan says, in the words of the audit trail: one arm per event, none by default.

use mes_core::{
    booking::{BookingEvent, BookingWindow, PlanEvent},
    id::BookingId,
};

use crate::happened::Happened;

fn period(window: &BookingWindow) -> String {
    format!("{} {} – {}", window.suite, window.from.shown(), window.until.shown())
}

/// What happens to a move beyond the agreement, in Japanese and English.
const PROPOSED: (&str, &str) = ("許容幅を超える枠変更を提案", "Move beyond the agreement proposed to the tenant");
const ACCEPTED: (&str, &str) = ("入居者が枠変更を承諾", "Proposed move accepted by the tenant");
const REFUSED: (&str, &str) = ("入居者が枠変更を拒否", "Proposed move refused by the tenant");
const LAPSED: (&str, &str) = ("枠変更案の期限切れ", "Proposed move lapsed");
const WITHDRAWN: (&str, &str) = ("枠変更案を取下げ(不要となった)", "Proposed move withdrawn: no longer needed");

fn asked(booking: &BookingId, action: &'static str, (ja, en): (&str, &str)) -> Happened {
    Happened::new("booking", booking, action, ja, en).field("move")
}

fn slot(said: Happened, old: &BookingWindow, new: &BookingWindow) -> Happened {
    Happened { old: Some(period(old)), new: Some(period(new)), ..said }
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
        BookingEvent::Moved { booking, old, window, plan } => slot(
            Happened::new("booking", booking, "update", "計画により枠を移動", "Window moved by a plan"),
            old,
            window,
        )
        .field(plan),
        BookingEvent::MoveProposed { booking, old, window, .. } => {
            slot(asked(booking, "create", PROPOSED), old, window)
        }
        BookingEvent::MoveAccepted { booking, signature } => {
            asked(booking, "approve", ACCEPTED).signed_by(&signature.id).new_value(signature.statement_hash)
        }
        BookingEvent::MoveRefused { booking, .. } => asked(booking, "reject", REFUSED),
        BookingEvent::MoveLapsed { booking, due, .. } => asked(booking, "invalidate", LAPSED).new_value(due.shown()),
        BookingEvent::MoveWithdrawn { booking, plan } => asked(booking, "invalidate", WITHDRAWN).new_value(plan),
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
