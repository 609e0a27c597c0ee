//! What is said about a plan: why it was made, why a booking moves, what its tenant is told of it, and why there is none.
//!
//! It judges nothing. The planner reads of everybody; what goes to a tenant names nobody else (SOD-14).

use std::collections::BTreeSet;

use mes_core::{
    booking::{Ask, Booking, BookingWindow, Move},
    engine::View,
    id::BookingId,
    quantity::Bilingual,
};

/// Why a search moved a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// It could not stay, whatever the others did.
    Hit,
    /// These are where it was.
    MakesRoom(Vec<BookingId>),
    /// The plan as a whole costs less.
    Better,
}

/// What of a window cannot be had to its end: its suite or a piece of equipment, by name.
pub(crate) fn closed(view: &View, window: &BookingWindow) -> Option<String> {
    let suite = view.facility.suites.get(&window.suite);
    if suite.is_none_or(|suite| suite.qualified_until < window.until) {
        return Some(window.suite.to_string());
    }
    let ends = |id: &&mes_core::id::EquipmentId| {
        view.facility.equipment.get(*id).is_none_or(|unit| unit.calibrated_until < window.until)
    };
    window.equipment.values().find(ends).map(ToString::to_string)
}

fn listed(ids: impl IntoIterator<Item = impl ToString>, between: &str) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(between)
}

/// What made a plan necessary.
pub(crate) fn cause(view: &View, slips: &[(BookingId, i64)]) -> Bilingual {
    let (mut ja, mut en) = (Vec::new(), Vec::new());
    for (id, late) in slips {
        let (h, min) = (late / 60, late % 60);
        ja.push(format!("{id} が{h}時間{min}分の遅れ"));
        en.push(format!("{id} is {h} h {min} min behind"));
    }
    let waiting = mes_core::booking::planned(&view.bookings, &view.batches, view.now);
    for (id, booking) in waiting.filter(|(_, it)| !matches!(it.state, mes_core::booking::BookingState::Issued(_))) {
        if booking.accepted_move().is_some() {
            ja.push(format!("{id} の枠変更を入居者が承諾"));
            en.push(format!("the tenant of {id} accepted another slot"));
        } else if let Some(what) = closed(view, &booking.window) {
            ja.push(format!("{id} の期間に {what} が使用不可"));
            en.push(format!("{what} cannot be used in the time of {id}"));
        }
    }
    if ja.is_empty() {
        return Bilingual::new("計画担当の依頼", "asked for by a planner");
    }
    Bilingual::new(ja.join("、"), en.join(", "))
}

/// Why a booking moves, for the planner.
pub(crate) fn reason(view: &View, id: &BookingId, slips: &[(BookingId, i64)], why: &Why) -> Bilingual {
    if let Some((_, late)) = slips.iter().find(|(slipped, _)| slipped == id) {
        let (h, min) = (late / 60, late % 60);
        return Bilingual::new(
            format!("実績が{h}時間{min}分遅れているため"),
            format!("because it is {h} h {min} min behind what was planned"),
        );
    }
    let Some(booking) = view.bookings.get(id) else { return Bilingual::default() };
    if booking.accepted_move().is_some() {
        return Bilingual::new("入居者が承諾したため", "because its tenant accepted the move");
    }
    match why {
        Why::Hit => hit(view, booking, slips),
        Why::MakesRoom(by) if by.is_empty() => Bilingual::new("他の予約のため", "to make room for several others"),
        Why::MakesRoom(by) => {
            Bilingual::new(format!("{} のため", listed(by, "、")), format!("to make room for {}", listed(by, ", ")))
        }
        Why::Better => Bilingual::new("計画全体の費用を下げるため", "because the plan as a whole costs less"),
    }
}

/// Why a booking cannot stay.
fn hit(view: &View, booking: &Booking, slips: &[(BookingId, i64)]) -> Bilingual {
    if let Some(what) = closed(view, &booking.window) {
        return Bilingual::new(
            format!("{what} がこの期間に使用できないため"),
            format!("because {what} cannot be used at that time"),
        );
    }
    if booking.window.from < view.now {
        return Bilingual::new("開始時刻を過ぎたため", "because its start has passed");
    }
    let own = &booking.window;
    let shared = slips.iter().find(|(slipped, _)| {
        let late = view.bookings.get(slipped).map(|it| &it.window);
        late.is_some_and(|late| {
            late.suite == own.suite || own.equipment.values().any(|unit| late.equipment.values().any(|it| it == unit))
        })
    });
    match shared {
        Some((slipped, _)) => Bilingual::new(
            format!("同じスイートまたは設備を先に使う {slipped} が遅れているため"),
            format!("because {slipped}, which has the suite or equipment before it, is late"),
        ),
        None => Bilingual::new("元の枠が使えなくなったため", "because its slot cannot be had any more"),
    }
}

/// The tenants to be asked for the moves of a plan, out of those that may be: each with the reason in terms of its own.
pub(crate) fn asks(view: &View, moves: &[Move], asked: Option<&BTreeSet<BookingId>>) -> Vec<Ask> {
    let ask = |item: &Move| {
        let booking =
            view.bookings.get(&item.booking).filter(|_| asked.is_some_and(|it| it.contains(&item.booking)))?;
        let agreement = view.facility.agreement_for(&booking.tenant, &booking.product)?;
        let beyond = booking.is_beyond(&item.window, agreement);
        beyond.then(|| Ask { booking: item.booking.clone(), reason: for_tenant(view, booking) })
    };
    moves.iter().filter_map(ask).collect()
}

/// Why a booking is to move, as its tenant may know it.
fn for_tenant(view: &View, booking: &Booking) -> Bilingual {
    match closed(view, &booking.window) {
        Some(what) => Bilingual::new(
            format!("合意した期間に {what} を使用できなくなったため"),
            format!("{what} cannot be used at the agreed time"),
        ),
        None if booking.window.from < view.now => Bilingual::new(
            "合意した開始時刻を過ぎ、許容幅の中に空きがないため",
            "The agreed start has passed, and there is no capacity of this kind within your tolerance",
        ),
        None => Bilingual::new(
            "合意した期間と許容幅の中に、該当する空きがなくなったため",
            "There is no capacity of this kind at the agreed time, nor within your tolerance",
        ),
    }
}

/// There is no plan: these have no place.
pub(crate) fn no_place(unplaced: &[BookingId]) -> Bilingual {
    Bilingual::new(
        format!(
            "許容幅の中に置けない予約があります: {}。入居者と新しい予約を取り決めてください。",
            listed(unplaced, ", ")
        ),
        format!(
            "There is no place within the tolerance of {}. Agree on a new booking with the tenant.",
            listed(unplaced, ", ")
        ),
    )
}

/// There is no plan yet: the tenants of these have not answered.
pub(crate) fn waiting(view: &View, unanswered: &[BookingId]) -> Bilingual {
    let one = |id: &BookingId| {
        let until = view.bookings.get(id).and_then(|it| it.open_move(view.now)).map(|it| it.until.shown());
        format!("{id} ({})", until.unwrap_or_default())
    };
    let list = listed(unanswered.iter().map(one), ", ");
    Bilingual::new(
        format!("入居者の回答待ちです: {list}。承諾後に計画を採用できます。"),
        format!("Waiting for the tenants' answers: {list}. A plan can be adopted once they accept."),
    )
}
