//! Plans of the whole facility after something has gone wrong: what has begun stays where it is, what is booked moves only within its
//! agreement's tolerance, and as little as possible moves at all. Where a booking has no place within its agreement, its move is a
//! proposal that waits for its tenant (SCH-10).
//!
//! It proposes. A person adopts, or asks the tenants, after the referee has judged the plan again, and the engine refuses one that was
//! made for another state. The search runs wherever the caller wants it to, and stops when told to.

use std::collections::BTreeSet;

use mes_core::{
    access::Rejection,
    booking::{
        AdoptedPlan, Ask, Booking, BookingState, BookingWindow, Move, PlanObjective, PlannedBatch, planned,
        planning_inputs,
    },
    engine::View,
    id::BookingId,
    journal::Hash,
    quantity::Bilingual,
};
use scheduler::{
    BatchIx, BatchSpec, BookingSpec, Disrupted, NamedPlacement, NamedPlan, Objective, Params, Problem, ProblemSpec,
    Reason, Replanned, Slot, Stop, check, recount, replan,
};

use crate::{
    intake::{SLOT_MIN, Translation, batch_spec, booked_spec, problem, slots, window},
    planning_words as words,
    progress::{SLIP_MIN, Step, expected, slip_min},
};

/// Steps of one search, beyond what a repair takes; the same number and seed give the same plan (SCH-12).
pub const SEARCH_STEPS: u64 = 4_000;
/// Seed of every search: plans differ by what they are made from, not by chance.
pub const SEARCH_SEED: u32 = 1;
/// What made the plan, as its entry names it.
pub const SOLVER: &str = concat!("catapult-scheduler ", env!("CARGO_PKG_VERSION"));
/// A tenant is asked for no move to a start nearer than so many hours: it has to have time to answer.
const NOTICE_H: i64 = 24;
/// How often more tenants are thought of when those that were do not suffice.
const ASK_ROUNDS: usize = 3;

/// A plan that may be adopted, or that needs the consent of some tenants first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The plan, as it would be entered.
    pub adopted: AdoptedPlan,
    /// The batches that are behind, with how many minutes.
    pub slips: Vec<(BookingId, i64)>,
    /// The tenants to be asked before; with none, it may be adopted.
    pub asks: Vec<Ask>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlan {
    /// What the planner reads.
    pub said: Bilingual,
    /// Bookings that have no place within their tolerance.
    pub unplaced: Vec<BookingId>,
    /// What was looked at.
    pub inputs: Option<Hash>,
}

/// The running batches that are behind by more than the limit, with how many minutes.
pub fn slips(view: &View) -> Vec<(BookingId, i64)> {
    let behind = planned(&view.bookings, &view.batches, view.now).map(|(id, it)| (id.clone(), slip_min(it, view)));
    behind.filter(|(_, late)| *late >= SLIP_MIN).collect()
}

/// Bookings for which a new plan is needed: behind, without their suite or equipment, or with a move that their tenant accepted.
pub fn disturbed(view: &View) -> Vec<BookingId> {
    let placed = planned(&view.bookings, &view.batches, view.now);
    let hit = |booking: &Booking| {
        let waits = !matches!(booking.state, BookingState::Issued(_));
        slip_min(booking, view) >= SLIP_MIN
            || booking.accepted_move().is_some()
            || (waits && words::closed(view, &booking.window).is_some())
    };
    placed.filter(|(_, booking)| hit(booking)).map(|(id, _)| id.clone()).collect()
}

/// Searches for a plan that moves as little as can be; with nothing gone wrong, for one that costs less with few moves. Where a
/// booking has no place within its agreement, it and as few others as can be may go beyond it, for their tenants to consent to.
///
/// # Errors
/// The bookings that have no place, or whose tenants have not answered yet.
pub fn propose(view: &View, stop: &(dyn Fn() -> bool + Sync)) -> Result<Proposal, NoPlan> {
    let mut asked: Option<BTreeSet<BookingId>> = None;
    let mut unplaced = Vec::new();
    for _ in 0..=ASK_ROUNDS {
        let found = Search::run(view, asked.as_ref(), stop)?;
        if found.unplaced.is_empty() {
            return found.proposal(asked.as_ref());
        }
        unplaced = found.unplaced;
        let may_ask = |id: &&BookingId| {
            let booking = view.bookings.get(*id);
            booking.is_some_and(|it| it.state == BookingState::Confirmed && it.held_beside(view.now).is_none())
        };
        let more: BTreeSet<BookingId> =
            unplaced.iter().filter(may_ask).chain(asked.iter().flatten()).cloned().collect();
        if asked.as_ref() == Some(&more) {
            break;
        }
        asked = Some(more);
    }
    Err(NoPlan { said: words::no_place(&unplaced), unplaced, inputs: inputs(view) })
}

fn inputs(view: &View) -> Option<Hash> {
    planning_inputs(&view.facility, &view.bookings, &view.batches, view.now).ok()
}

fn broken(view: &View, error: impl std::fmt::Display) -> NoPlan {
    let said = Bilingual::new(
        format!("計画を計算できませんでした({error})。"),
        format!("The plan could not be calculated ({error})."),
    );
    NoPlan { said, unplaced: Vec::new(), inputs: inputs(view) }
}

/// A search that has ended.
struct Search<'v> {
    view: &'v View,
    time: Translation,
    spec: ProblemSpec,
    found: Replanned,
    /// What has no place, or none within its agreement.
    unplaced: Vec<BookingId>,
}

impl<'v> Search<'v> {
    fn run(
        view: &'v View,
        asked: Option<&BTreeSet<BookingId>>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, NoPlan> {
        let time = Translation::of(view);
        let mut spec = spec(view, &time, asked);
        let notice = time.ceil(view.now.plus_s(NOTICE_H * 3_600));
        for batch in spec.batches.iter_mut().filter(|it| is_asked(asked, &it.id)) {
            batch.release = batch.release.max(notice);
        }
        let problem = Problem::new(&spec).map_err(|error| broken(view, error))?;
        let before = before(view, &time, &spec, asked).resolve(&problem).map_err(|error| broken(view, error))?;
        let disrupted = Disrupted::recorded(problem, before);
        let disrupted = if disturbed(view).is_empty() { disrupted } else { disrupted.least() };
        let stop = Stop { steps: Some(SEARCH_STEPS), asked: stop };
        let found = replan(&disrupted, &Params::default(), SEARCH_SEED.into(), stop);
        let unplaced: Vec<BookingId> =
            found.missing.iter().chain(&found.proposals).filter_map(|ix| id_of(&found.problem, *ix)).collect();
        if unplaced.is_empty()
            && let Some(violation) = check(&found.problem, &found.plan).first()
        {
            return Err(broken(view, violation.describe(&found.problem)));
        }
        Ok(Self { view, time, spec, found, unplaced })
    }

    fn proposal(self, asked: Option<&BTreeSet<BookingId>>) -> Result<Proposal, NoPlan> {
        let Self { view, time, found, .. } = &self;
        let named = found.plan.named(&found.problem);
        let slips = slips(view);
        let moves = self.moves(&named, &slips);
        let asks = words::asks(view, &moves, asked);
        let waiting: Vec<&BookingId> = match asked {
            Some(_) => moves.iter().map(|item| &item.booking).filter(|id| self.waits(id)).collect(),
            None => Vec::new(),
        };
        if asks.is_empty() && !waiting.is_empty() {
            let unplaced: Vec<BookingId> = waiting.into_iter().cloned().collect();
            return Err(NoPlan { said: words::waiting(view, &unplaced), unplaced, inputs: inputs(view) });
        }
        let inputs = planning_inputs(&view.facility, &view.bookings, &view.batches, view.now);
        let adopted = AdoptedPlan {
            inputs: inputs.map_err(|error| broken(view, error))?,
            seed: SEARCH_SEED,
            steps: found.steps,
            solver: SOLVER.to_owned(),
            objective: objective(recount(&found.problem, &found.plan)),
            origin: time.origin,
            slot_min: u32::try_from(SLOT_MIN).unwrap_or(5),
            cause: words::cause(view, &slips),
            batches: named.batches.iter().filter_map(planned_batch).collect(),
            moves,
        };
        Ok(Proposal { adopted, slips, asks })
    }

    fn waits(&self, id: &BookingId) -> bool {
        self.view.bookings.get(id).is_some_and(|booking| booking.open_move(self.view.now).is_some())
    }

    /// The bookings whose windows change, each with the reason.
    fn moves(&self, named: &NamedPlan, slips: &[(BookingId, i64)]) -> Vec<Move> {
        let one = |placement: &NamedPlacement| {
            let id: BookingId = placement.batch.parse().ok()?;
            let booking = self.view.bookings.get(&id)?;
            let recipe = &self.view.recipes.get(&(booking.recipe.clone(), booking.version))?.body;
            let batch = self.spec.batches.iter().find(|batch| batch.id == placement.batch)?;
            let mut new = window(&self.time, recipe, batch, placement)?;
            let before = &booking.window;
            if matches!(booking.state, BookingState::Issued(_)) {
                new.from = before.from;
                if !slips.iter().any(|(slipped, _)| *slipped == id) {
                    return None;
                }
            }
            let starts: Vec<Slot> = before.activities.iter().map(|it| self.time.floor(it.from)).collect();
            let stays = starts == placement.starts && before.suite == new.suite && before.equipment == new.equipment;
            (!stays).then(|| {
                let reason = words::reason(self.view, &id, slips, &self.why(&id));
                Move { booking: id.clone(), window: new, reason }
            })
        };
        named.batches.iter().filter_map(one).collect()
    }

    /// Why the search moved a booking.
    fn why(&self, id: &BookingId) -> words::Why {
        let problem = &self.found.problem;
        let of = |ix: &BatchIx| id_of(problem, *ix);
        let moved = self.found.moves.iter().find(|it| of(&it.batch).as_ref() == Some(id));
        match moved.map(|it| &it.reason) {
            Some(Reason::Hit) => words::Why::Hit,
            Some(Reason::MakesRoom { by }) => words::Why::MakesRoom(by.iter().filter_map(of).collect()),
            Some(Reason::New | Reason::Better) | None => words::Why::Better,
        }
    }
}

/// Whether a batch's tenant is to be asked anew.
fn is_asked(asked: Option<&BTreeSet<BookingId>>, id: &str) -> bool {
    asked.is_some_and(|asked| asked.iter().any(|it| it.as_str() == id))
}

fn id_of(problem: &Problem, ix: BatchIx) -> Option<BookingId> {
    problem.batch(ix)?.id.parse().ok()
}

fn objective(it: Objective) -> PlanObjective {
    let Objective { tardiness, changeover, route, drop, makespan, total } = it;
    PlanObjective { total, tardiness, changeover, route, drop, makespan }
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

/// Where a booking that has not begun may go.
enum Room<'v> {
    /// Within its agreement's tolerance of what was promised.
    Agreed,
    /// Where its tenant is being asked to let it go, and nowhere else.
    Proposed(&'v BookingWindow),
    /// Wherever its agreement has suites; its tenant is to be asked.
    Anywhere,
}

impl<'v> Room<'v> {
    /// Without anybody asked, all keep to their agreements.
    fn of(id: &BookingId, booking: &'v Booking, view: &View, asked: Option<&BTreeSet<BookingId>>) -> Self {
        match (asked, booking.open_move(view.now)) {
            (Some(_), Some(open)) => Self::Proposed(&open.window),
            (Some(asked), None) if asked.contains(id) => Self::Anywhere,
            (Some(_) | None, _) => Self::Agreed,
        }
    }
}

/// Where a booking is to be: where it is held, or where it is about to be moved with its tenant's consent.
fn target<'v>(booking: &'v Booking, room: &Room<'v>) -> &'v BookingWindow {
    match room {
        Room::Proposed(window) => window,
        Room::Agreed | Room::Anywhere => booking.accepted_move().map_or(&booking.window, |it| &it.window),
    }
}

/// The facility with everything that is planned; with `asked`, these bookings may go beyond their agreements.
fn spec(view: &View, time: &Translation, asked: Option<&BTreeSet<BookingId>>) -> ProblemSpec {
    let placed = planned(&view.bookings, &view.batches, view.now);
    let batches = placed.filter_map(|(id, booking)| match booking.state {
        BookingState::Issued(_) => running(id, booking, view, time),
        _ => waiting(id, booking, view, time, &Room::of(id, booking, view, asked)),
    });
    let mut spec = problem(view, time, batches.collect());
    spec.now = time.ceil(view.now);
    spec
}

/// Where everything of a specification is now: as recorded where it has begun, as expected of what runs, as agreed of the rest.
fn before(view: &View, time: &Translation, spec: &ProblemSpec, asked: Option<&BTreeSet<BookingId>>) -> NamedPlan {
    let one = |batch: &BatchSpec| {
        let id: BookingId = batch.id.parse().ok()?;
        let booking = view.bookings.get(&id)?;
        let recipe = &view.recipes.get(&(booking.recipe.clone(), booking.version))?.body;
        let at = target(booking, &Room::of(&id, booking, view, asked));
        let starts = match booking.state {
            BookingState::Issued(_) => starts(&expected(booking, view), time).into_iter().map(|(at, _)| at).collect(),
            _ => at.activities.iter().map(|it| time.floor(it.from)).collect(),
        };
        let units = recipe.equipment.iter().filter_map(|need| at.equipment.get(&need.role));
        Some(NamedPlacement {
            batch: batch.id.clone(),
            // What is not among its ways any more has no place until it is given one.
            route: batch.routes.iter().find(|route| route.name == at.suite.as_str()).map(|route| route.name.clone()),
            starts,
            suites: vec![at.suite.to_string()],
            equipment: units.map(ToString::to_string).collect(),
        })
    };
    NamedPlan { problem: spec.name.clone(), batches: spec.batches.iter().filter_map(one).collect() }
}

/// The slots in which work began or is expected to begin, and whether it has begun.
fn starts(steps: &[Step], time: &Translation) -> Vec<(Slot, bool)> {
    let mut before = Slot::MIN;
    let one = |step: &Step| {
        if !step.begun {
            return (time.ceil(step.from), false);
        }
        // What began in one slot is told apart by a slot each.
        before = time.floor(step.from).max(before.saturating_add(1));
        (before, true)
    };
    steps.iter().map(one).collect()
}

/// A batch that has been issued: what has begun of it is fixed, and so is its place.
fn running(id: &BookingId, booking: &Booking, view: &View, time: &Translation) -> Option<BatchSpec> {
    let (mut batch, mut fixed) = booked_spec(id.as_str(), booking, view)?;
    let steps = expected(booking, view);
    if steps.len() != fixed.starts.len() {
        return None;
    }
    fixed.starts = starts(&steps, time).into_iter().map(|(at, begun)| begun.then_some(at)).collect();
    for route in &mut batch.routes {
        overtaken(&mut route.activities, &fixed.starts, &steps);
    }
    let end = booking.window.activities.last().map_or(booking.window.until, |last| last.until);
    batch.due = time.ceil(end);
    batch.release = fixed.starts.iter().flatten().min().copied().unwrap_or_else(|| time.floor(booking.window.from));
    batch.commitment = Some(fixed);
    Some(batch)
}

/// A booking without a batch yet.
fn waiting(id: &BookingId, booking: &Booking, view: &View, time: &Translation, room: &Room<'_>) -> Option<BatchSpec> {
    let agreement = view.facility.agreement_for(&booking.tenant, &booking.product)?;
    let recipe = &view.recipes.get(&(booking.recipe.clone(), booking.version))?.body;
    let mut batch = batch_spec(id.as_str(), recipe, agreement, &view.facility);
    let to = target(booking, room);
    let tolerance = slots(i64::from(agreement.tolerance_h) * 60);
    let place = match room {
        Room::Agreed => Some((booking.agreed(), tolerance)),
        Room::Proposed(window) => Some((*window, 0)),
        Room::Anywhere => None,
    };
    batch.release = time.floor(booking.agreed().from) - tolerance;
    if let Some((at, tolerance)) = place {
        let start = time.floor(at.from);
        batch.routes.retain(|route| route.name == at.suite.as_str());
        batch.booking = Some(BookingSpec { start, earlier: tolerance, later: tolerance });
        batch.release = start - tolerance;
    }
    if batch.routes.iter().any(|route| route.activities.len() != to.activities.len()) || batch.routes.is_empty() {
        return None;
    }
    batch.due = time.ceil(to.activities.last().map_or(to.until, |last| last.until));
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

/// Judges a plan before it is adopted, with the referee that shares no code with the search (SCH-10); with `asks`, as if these tenants
/// had consented.
///
/// # Errors
/// The first rule that the plan breaks.
pub fn judge(view: &View, adopted: &AdoptedPlan, asks: &[Ask]) -> Result<(), Rejection> {
    let no = |ja: String, en: String| Err(Rejection::new("SCH-10", ja, en).about("plan"));
    let time = Translation { origin: adopted.origin };
    let asked: BTreeSet<BookingId> = asks.iter().map(|ask| ask.booking.clone()).collect();
    let mut spec = spec(view, &time, (!asks.is_empty()).then_some(&asked));
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
