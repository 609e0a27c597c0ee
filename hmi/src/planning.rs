//! Plans of the whole facility: what has begun stays where it is, what is booked moves only within its agreement's tolerance, and as
//! little as possible moves at all (SCH-10).
//!
//! It proposes. A person adopts, after the referee has judged the plan again, and the engine refuses one that was made for another
//! state. The search runs wherever the caller wants it to, and stops when told to.

use std::collections::BTreeSet;

use mes_core::{
    access::Rejection,
    booking::{
        AdoptedPlan, Booking, BookingState, BookingWindow, Move, PlanObjective, PlannedBatch, planned, planning_inputs,
    },
    engine::View,
    id::BookingId,
    quantity::Bilingual,
};
use scheduler::{
    BatchSpec, BookingSpec, NamedPlacement, NamedPlan, Objective, Params, Problem, ProblemSpec, Slot, Stop, check,
    recount, solve,
};

use crate::{
    intake::{SLOT_MIN, Translation, booked_spec, problem, slots, window},
    progress::{SLIP_MIN, expected, slip_min},
};

/// Steps of one search; the same number and seed give the same plan (SCH-12).
pub const SEARCH_STEPS: u64 = 4_000;
/// Seed of every search: plans differ by what they are made from, not by chance.
pub const SEARCH_SEED: u32 = 1;
/// What made the plan, as its entry names it.
pub const SOLVER: &str = concat!("catapult-scheduler ", env!("CARGO_PKG_VERSION"));

/// A plan that may be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The plan, as it would be entered.
    pub adopted: AdoptedPlan,
    /// The batches that are behind, with how many minutes.
    pub slips: Vec<(BookingId, i64)>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlan {
    /// What the planner reads.
    pub said: Bilingual,
    /// Bookings that have no place within their tolerance.
    pub unplaced: Vec<BookingId>,
}

/// The running batches that are behind by more than the limit, with how many minutes.
pub fn slips(view: &View) -> Vec<(BookingId, i64)> {
    let behind = planned(&view.bookings, &view.batches, view.now).map(|(id, it)| (id.clone(), slip_min(it, view)));
    behind.filter(|(_, late)| *late >= SLIP_MIN).collect()
}

/// Searches for a plan. With a batch behind, first nothing else may move; then what shares suite or equipment with it; then all.
///
/// # Errors
/// The bookings that have no place within their tolerance.
pub fn propose(view: &View, stop: &(dyn Fn() -> bool + Sync)) -> Result<Proposal, NoPlan> {
    let slips = slips(view);
    let behind: BTreeSet<&BookingId> = slips.iter().map(|(id, _)| id).collect();
    let all: BTreeSet<&BookingId> = planned(&view.bookings, &view.batches, view.now).map(|(id, _)| id).collect();
    let levels = if behind.is_empty() {
        vec![all]
    } else {
        let near = neighbours(view, &behind);
        vec![behind, near, all]
    };
    let mut unplaced = Vec::new();
    for open in levels {
        match search(view, &open, &slips, stop)? {
            Ok(proposal) => return Ok(proposal),
            Err(missing) => unplaced = missing,
        }
    }
    let list = unplaced.iter().map(BookingId::as_str).collect::<Vec<_>>().join(", ");
    let said = Bilingual::new(
        format!("許容幅の中に置けない予約があります: {list}。入居者と新しい予約を取り決めてください。"),
        format!("There is no place within the tolerance of {list}. Agree on a new booking with the tenant."),
    );
    Err(NoPlan { said, unplaced })
}

/// The batches behind, and what shares suite or equipment with one of them later on.
fn neighbours<'v>(view: &'v View, behind: &BTreeSet<&'v BookingId>) -> BTreeSet<&'v BookingId> {
    let held = |id: &BookingId| view.bookings.get(id).map(|booking| &booking.window);
    let shares = |window: &BookingWindow| {
        behind.iter().filter_map(|id| held(id)).any(|late| {
            late.suite == window.suite
                || late.equipment.values().any(|unit| window.equipment.values().any(|it| it == unit))
        })
    };
    let placed = planned(&view.bookings, &view.batches, view.now);
    placed.filter(|(id, booking)| behind.contains(id) || shares(&booking.window)).map(|(id, _)| id).collect()
}

fn broken(error: impl std::fmt::Display) -> NoPlan {
    let said = Bilingual::new(
        format!("計画を計算できませんでした({error})。"),
        format!("The plan could not be calculated ({error})."),
    );
    NoPlan { said, unplaced: Vec::new() }
}

fn search(
    view: &View,
    open: &BTreeSet<&BookingId>,
    slips: &[(BookingId, i64)],
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Result<Proposal, Vec<BookingId>>, NoPlan> {
    let time = Translation::of(view);
    let spec = spec(view, &time, Some(open));
    let problem = Problem::new(&spec).map_err(broken)?;
    let params = Params::default();
    let stop = Stop { steps: Some(SEARCH_STEPS), asked: stop };
    let outcome = solve(&problem, &params, SEARCH_SEED.into(), stop);
    let named = outcome.plan.named(&problem);
    let missing: Vec<BookingId> = named
        .batches
        .iter()
        .filter(|batch| batch.route.is_none())
        .filter_map(|batch| batch.batch.parse().ok())
        .collect();
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    if let Some(violation) = check(&problem, &outcome.plan).first() {
        tracing::warn!(said = violation.describe(&problem), "the referee does not accept a plan that was found");
        return Ok(Err(open.iter().map(|id| (*id).clone()).collect()));
    }
    let moves = moves(view, &time, &spec, &named, open, slips);
    let inputs = planning_inputs(&view.facility, &view.bookings, &view.batches, view.now).map_err(broken)?;
    let adopted = AdoptedPlan {
        inputs,
        seed: SEARCH_SEED,
        steps: outcome.steps,
        solver: SOLVER.to_owned(),
        objective: objective(recount(&problem, &outcome.plan)),
        origin: time.origin,
        slot_min: u32::try_from(SLOT_MIN).unwrap_or(5),
        cause: cause(slips),
        batches: named.batches.iter().filter_map(planned_batch).collect(),
        moves,
    };
    Ok(Ok(Proposal { adopted, slips: slips.to_vec() }))
}

fn objective(it: Objective) -> PlanObjective {
    let Objective { tardiness, changeover, route, drop, makespan, total } = it;
    PlanObjective { total, tardiness, changeover, route, drop, makespan }
}

fn cause(slips: &[(BookingId, i64)]) -> Bilingual {
    if slips.is_empty() {
        return Bilingual::new("計画担当の依頼", "asked for by a planner");
    }
    let list = |ja: bool| {
        let one = |(id, late): &(BookingId, i64)| {
            let (h, min) = (late / 60, late % 60);
            if ja { format!("{id} が{h}時間{min}分の遅れ") } else { format!("{id} is {h} h {min} min behind") }
        };
        slips.iter().map(one).collect::<Vec<_>>().join(if ja { "、" } else { ", " })
    };
    Bilingual::new(list(true), list(false))
}

fn planned_batch(named: &NamedPlacement) -> Option<PlannedBatch> {
    Some(PlannedBatch {
        booking: named.batch.parse().ok()?,
        route: named.route.clone(),
        starts: named.starts.clone(),
        suites: named.suites.iter().filter_map(|id| id.parse().ok()).collect(),
        equipment: named.equipment.iter().filter_map(|id| id.parse().ok()).collect(),
    })
}

/// The facility with everything that is planned: what is in `open` may move as far as it may, all else stays; without a set,
/// everything may.
fn spec(view: &View, time: &Translation, open: Option<&BTreeSet<&BookingId>>) -> ProblemSpec {
    let placed = planned(&view.bookings, &view.batches, view.now);
    let batches =
        placed.filter_map(|(id, booking)| batch(id, booking, view, time, open.is_none_or(|open| open.contains(id))));
    let mut spec = problem(view, time, batches.collect());
    spec.now = time.ceil(view.now);
    spec
}

fn batch(id: &BookingId, booking: &Booking, view: &View, time: &Translation, open: bool) -> Option<BatchSpec> {
    let (mut batch, mut fixed) = booked_spec(id.as_str(), booking, view)?;
    let steps = expected(booking, view);
    if steps.len() != fixed.starts.len() {
        return None;
    }
    let end = booking.window.activities.last().map_or(booking.window.until, |last| last.until);
    batch.due = time.ceil(end);
    let running = matches!(booking.state, BookingState::Issued(_));
    let mut before = Slot::MIN;
    for (start, step) in fixed.starts.iter_mut().zip(&steps) {
        if step.begun || !open {
            // What began in one slot is told apart by a slot each.
            let at = time.floor(step.from).max(before.saturating_add(1));
            *start = Some(at);
            before = at;
        }
    }
    if running {
        for route in &mut batch.routes {
            overtaken(&mut route.activities, &fixed.starts, &steps);
        }
        batch.release = fixed.starts.iter().flatten().min().copied().unwrap_or_else(|| time.floor(booking.window.from));
    } else if open {
        let promised = booking.promised.as_ref().unwrap_or(&booking.window);
        let agreement = view.facility.agreement_for(&booking.tenant, &booking.product)?;
        let tolerance = slots(i64::from(agreement.tolerance_h) * 60);
        let start = time.floor(promised.from);
        batch.booking = Some(BookingSpec { start, earlier: tolerance, later: tolerance });
        batch.release = start - tolerance;
    } else {
        batch.release = fixed.starts.iter().flatten().min().copied().unwrap_or(0);
    }
    batch.commitment = Some(fixed);
    Some(batch)
}

/// What has really begun keeps no rule of the plan any more: its people are there, and its waits were as long as they were.
fn overtaken(activities: &mut [scheduler::ActivitySpec], starts: &[Option<Slot>], steps: &[crate::progress::Step]) {
    let mut after_begun = false;
    for (k, activity) in activities.iter_mut().enumerate() {
        let begun = steps.get(k).is_some_and(|step| step.begun);
        let here = starts.get(k).copied().flatten();
        if let (Some(here), Some(next)) = (here, starts.get(k + 1).copied().flatten()) {
            activity.duration = activity.duration.min(next - here).max(1);
        }
        if begun {
            activity.demands.clear();
        }
        if here.is_some() {
            activity.min_lag = 0;
        }
        if here.is_some() || after_begun {
            activity.max_lag = None;
        }
        after_begun = begun;
    }
}

fn moves(
    view: &View,
    time: &Translation,
    spec: &ProblemSpec,
    named: &NamedPlan,
    open: &BTreeSet<&BookingId>,
    slips: &[(BookingId, i64)],
) -> Vec<Move> {
    let one = |placement: &NamedPlacement| {
        let id: BookingId = placement.batch.parse().ok()?;
        let booking = view.bookings.get(&id).filter(|_| open.contains(&id))?;
        let recipe = &view.recipes.get(&(booking.recipe.clone(), booking.version))?.body;
        let batch = spec.batches.iter().find(|batch| batch.id == placement.batch)?;
        let mut new = window(time, recipe, batch, placement)?;
        if matches!(booking.state, BookingState::Issued(_)) {
            new.from = booking.window.from;
            let behind = slips.iter().any(|(slipped, _)| *slipped == id);
            if !behind {
                return None;
            }
        }
        let before: Vec<Slot> = booking.window.activities.iter().map(|it| time.floor(it.from)).collect();
        (before != placement.starts).then(|| Move {
            booking: id.clone(),
            window: new,
            reason: reason(view, &id, slips),
        })
    };
    named.batches.iter().filter_map(one).collect()
}

/// Why a booking moves.
fn reason(view: &View, id: &BookingId, slips: &[(BookingId, i64)]) -> Bilingual {
    if let Some((_, late)) = slips.iter().find(|(slipped, _)| slipped == id) {
        let (h, min) = (late / 60, late % 60);
        return Bilingual::new(
            format!("実績が{h}時間{min}分遅れているため"),
            format!("because it is {h} h {min} min behind what was planned"),
        );
    }
    let window = view.bookings.get(id).map(|booking| &booking.window);
    let shared = slips.iter().find(|(slipped, _)| {
        let late = view.bookings.get(slipped).map(|booking| &booking.window);
        matches!((window, late), (Some(own), Some(late)) if own.suite == late.suite)
    });
    match shared {
        Some((slipped, _)) => Bilingual::new(
            format!("同じスイートを先に使う {slipped} が遅れているため"),
            format!("because {slipped}, which has the suite before it, is late"),
        ),
        None => Bilingual::new("計画全体の費用を下げるため", "because the plan as a whole costs less"),
    }
}

/// Judges a plan before it is adopted, with the referee that shares no code with the search (SCH-10).
///
/// # Errors
/// The first rule that the plan breaks.
pub fn judge(view: &View, adopted: &AdoptedPlan) -> Result<(), Rejection> {
    let no = |ja: String, en: String| Err(Rejection::new("SCH-10", ja, en).about("plan"));
    let time = Translation { origin: adopted.origin };
    let mut spec = spec(view, &time, None);
    // A person reads before adopting; a start that has passed meanwhile is a delay like any other, not a fault of the plan.
    spec.now = 0;
    let named = NamedPlan { problem: spec.name.clone(), batches: adopted.batches.iter().map(placement).collect() };
    let judged = Problem::new(&spec).map_err(|error| error.to_string()).and_then(|problem| {
        let plan = named.resolve(&problem).map_err(|error| error.to_string())?;
        let found = check(&problem, &plan).first().map(|violation| violation.describe(&problem));
        Ok((found, objective(recount(&problem, &plan))))
    });
    match judged {
        Ok((None, cost)) if cost == adopted.objective => Ok(()),
        Ok((None, _)) => no(
            "計画の目的値が検査の結果と一致しません。計画を作り直してください。".to_owned(),
            "The plan does not cost what it says. Have it made again.".to_owned(),
        ),
        Ok((Some(said), _)) | Err(said) => no(
            format!("検査で計画の誤りが見つかりました({said})。計画を作り直してください。"),
            format!("The plan breaks a rule: {said}. Have it made again."),
        ),
    }
}

fn placement(batch: &PlannedBatch) -> NamedPlacement {
    NamedPlacement {
        batch: batch.booking.to_string(),
        route: batch.route.clone(),
        starts: batch.starts.clone(),
        suites: batch.suites.iter().map(ToString::to_string).collect(),
        equipment: batch.equipment.iter().map(ToString::to_string).collect(),
    }
}
