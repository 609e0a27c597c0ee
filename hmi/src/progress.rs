//! What is expected of a booking by now: as planned, or as far behind as its batch really is.
//!
//! It reads the record and changes nothing. What has started began when it began; what has not is as late as the work before it, and
//! never expected in the past.

use mes_core::{
    batch::{Batch, PhaseStatus},
    booking::{Booking, BookingState, BookingWindow},
    clock::Timestamp,
    engine::View,
};

/// A batch this much later than its window proposes a new plan, in minutes.
pub const SLIP_MIN: i64 = 60;

/// A stretch of people's work of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it begins, or began.
    pub from: Timestamp,
    /// Whether it has begun.
    pub begun: bool,
    /// Whether it is over.
    pub over: bool,
}

/// The work of a booking as it is expected now, in order.
pub fn expected(booking: &Booking, view: &View) -> Vec<Step> {
    let batch = batch_of(booking, view);
    let mut late_ms = 0;
    let step = |planned: &mes_core::booking::PlannedActivity| {
        let run = batch.and_then(|batch| batch.phases.get(&planned.phase));
        let began = run.and_then(|run| run.started_at);
        let over = run.is_some_and(|run| run.status == PhaseStatus::Complete);
        if let Some(began) = began {
            late_ms = began.since_ms(planned.from).max(0);
            return Step { from: began, begun: true, over };
        }
        let mut from = planned.from.plus_ms(late_ms);
        // Only a batch that is there can be behind; a booking without one simply has its window.
        if batch.is_some() && from < view.now {
            from = view.now;
            late_ms = from.since_ms(planned.from);
        }
        Step { from, begun: false, over: false }
    };
    booking.window.activities.iter().map(step).collect()
}

fn batch_of<'v>(booking: &Booking, view: &'v View) -> Option<&'v Batch> {
    match &booking.state {
        BookingState::Issued(batch) => view.batches.get(batch).map(AsRef::as_ref),
        _ => None,
    }
}

/// By how many minutes a running batch is behind its window; 0 when it is not.
pub fn slip_min(booking: &Booking, view: &View) -> i64 {
    let BookingState::Issued(_) = booking.state else { return 0 };
    let ended = batch_of(booking, view).is_none_or(|batch| batch.execution_completed_at.is_some());
    if ended {
        return 0;
    }
    let steps = expected(booking, view);
    let open = booking.window.activities.iter().zip(&steps).filter(|(_, step)| !step.over);
    open.map(|(planned, step)| step.from.since_ms(planned.from) / 60_000).max().unwrap_or(0).max(0)
}

/// The window as it is expected now: a batch that is behind keeps its suite for longer.
pub fn expected_window(booking: &Booking, view: &View) -> BookingWindow {
    let late = slip_min(booking, view);
    BookingWindow { until: booking.window.until.plus_s(late * 60), ..booking.window.clone() }
}
