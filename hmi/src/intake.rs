//! The facility, its people and its bookings, translated into a scheduling problem, and an answer translated back.
//!
//! It decides nothing: the scheduler finds the place, a person confirms it, and the engine checks every hard rule again. Quotes are
//! asked for in `quoting.rs`, plans in `planning.rs`.
//! Labour is a pool per employer and qualification; every piece of equipment is a pool of its own, because a batch record
//! names it. Time is cut into slots of five minutes that begin on a Monday at midnight, local time.

use std::collections::{BTreeMap, BTreeSet};

use mes_core::{
    booking::{Booking, BookingWindow, PlannedActivity, planned},
    clock::{SHOWN_OFFSET_S, Timestamp},
    engine::View,
    id::{BookingId, EquipmentId, EquipmentRole, PhaseId, SuiteId, TagName, TenantId},
    isa88::{CleanlinessGrade, EquipmentRequirement, Expression, Phase, PhaseKind, RecipeBody, SignOff},
    tenant::{Agreement, Facility, Manufacturer, Role},
};
use scheduler::{
    ActivitySpec, BatchSpec, Capacity, ChangeoverSpec, CommitmentSpec, DemandSpec, EquipmentHoldSpec, Grade,
    NamedPlacement, NamedPlan, Pool, PoolKind, ProblemSpec, RouteSpec, Slot, SuiteHoldSpec, SuiteSpec, TenantSpec,
    WeeklyShift, Window,
};

use crate::progress::expected;

/// Length of a slot, in minutes.
pub(crate) const SLOT_MIN: i64 = 5;
/// How far ahead capacity is planned, in days.
const HORIZON_D: i64 = 180;
/// Line clearance and clean-up between two batches of one tenant, in minutes.
const CLEARANCE_SAME_MIN: i64 = 4 * 60;
/// The same between two tenants, or after viral work, in minutes.
const CLEARANCE_OTHER_MIN: i64 = 12 * 60;
/// Turnaround of a piece of equipment after a batch, in minutes.
const TURNAROUND_MIN: i64 = 2 * 60;
/// How long work may wait after the work before it when the recipe sets no hold time, in minutes.
const SLACK_MIN: i64 = 4 * 60;
/// How long work may wait after a culture when the recipe sets no hold time, in minutes.
const SLACK_CULTURE_MIN: i64 = 16 * 60;

/// Between the facility's time and the slots of a problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Translation {
    /// When slot 0 begins.
    pub(crate) origin: Timestamp,
}

impl Translation {
    /// Slots that begin with the week in which the first of everything held began.
    pub(crate) fn of(view: &View) -> Self {
        let held = planned(&view.bookings, &view.batches, view.now).flat_map(|(_, booking)| {
            let begun = expected(booking, view).first().map_or(booking.window.from, |step| step.from);
            [booking.window.from, begun]
        });
        Self::from(held.min().map_or(view.now, |first| first.min(view.now)))
    }
    /// Slot 0 is Monday 00:00 local time of the week that holds `earliest`.
    pub(crate) fn from(earliest: Timestamp) -> Self {
        const WEEK_MS: i64 = 7 * 24 * 3_600_000;
        // 1970-01-05 was a Monday.
        let monday_ms = 4 * 24 * 3_600_000 - i64::from(SHOWN_OFFSET_S) * 1000;
        let weeks = (earliest.as_ms() - monday_ms).div_euclid(WEEK_MS);
        Self { origin: Timestamp::from_ms(monday_ms + weeks * WEEK_MS) }
    }
    /// The slot in which an instant lies.
    pub(crate) fn floor(&self, at: Timestamp) -> Slot {
        at.since_ms(self.origin).div_euclid(SLOT_MIN * 60_000)
    }
    /// The first slot that begins at or after an instant.
    pub(crate) fn ceil(&self, at: Timestamp) -> Slot {
        -(-at.since_ms(self.origin)).div_euclid(SLOT_MIN * 60_000)
    }
    pub(crate) fn at(&self, slot: Slot) -> Timestamp {
        self.origin.plus_s(slot * SLOT_MIN * 60)
    }
}

/// How many slots so many minutes take.
pub(crate) fn slots(minutes: i64) -> Slot {
    (minutes + SLOT_MIN - 1) / SLOT_MIN
}

/// The facility as a problem, with the given batches.
pub(crate) fn problem(view: &View, time: &Translation, batches: Vec<BatchSpec>) -> ProblemSpec {
    let facility = &view.facility;
    let now = time.floor(view.now);
    let horizon = now + slots(HORIZON_D * 24 * 60);
    let families: Vec<String> = facility.tenants.keys().map(ToString::to_string).collect();
    let clearance = |same: bool| slots(if same { CLEARANCE_SAME_MIN } else { CLEARANCE_OTHER_MIN });
    let table = |cost: bool| -> Vec<Vec<i64>> {
        families
            .iter()
            .map(|a| families.iter().map(|b| if cost { i64::from(a != b) } else { clearance(a == b) }).collect())
            .collect()
    };
    ProblemSpec {
        name: "facility".to_owned(),
        slot_minutes: u32::try_from(SLOT_MIN).unwrap_or(5),
        horizon,
        now: 0,
        week_phase: 0,
        cost_scale: 100,
        tenants: facility
            .tenants
            .keys()
            .map(|tenant| TenantSpec {
                id: tenant.to_string(),
                qualified_suites: suites_of(facility, tenant).iter().map(ToString::to_string).collect(),
                max_suites: None,
            })
            .collect(),
        suites: facility.suites.values().map(|suite| suite_spec(suite, time, horizon)).collect(),
        pools: pools(facility, time, horizon),
        changeover: ChangeoverSpec { time: table(false), cost: table(true), families },
        co_occupancy: Vec::new(),
        batches,
        ..ProblemSpec::default()
    }
}

/// Everything that is held, where it is: the batches that a quote is inserted beside. A slot that a tenant is asked to move to, or has
/// accepted, is held like a batch of its own.
pub(crate) fn held(view: &View, time: &Translation) -> Vec<BatchSpec> {
    let planned = planned(&view.bookings, &view.batches, view.now);
    let beside = |(id, booking): (&BookingId, &Booking)| {
        let there = Booking { window: booking.held_beside(view.now)?.clone(), ..booking.clone() };
        committed_spec(&beside_id(id), &there, view, time)
    };
    let own = planned.filter_map(|(id, booking)| committed_spec(id.as_str(), booking, view, time));
    own.chain(view.bookings.iter().filter_map(beside)).collect()
}

/// What the slot is called in a problem that a booking holds beside its own.
pub(crate) fn beside_id(id: &BookingId) -> String {
    format!("{id}/move")
}

fn suites_of<'a>(facility: &'a Facility, tenant: &TenantId) -> BTreeSet<&'a SuiteId> {
    facility.agreements.values().filter(|a| a.tenant == *tenant).flat_map(|a| &a.suites).collect()
}

fn grade(grade: CleanlinessGrade) -> Grade {
    match grade {
        CleanlinessGrade::A => Grade::A,
        CleanlinessGrade::B => Grade::B,
        CleanlinessGrade::C => Grade::C,
        CleanlinessGrade::D => Grade::D,
    }
}

fn suite_spec(suite: &mes_core::tenant::Suite, time: &Translation, horizon: Slot) -> SuiteSpec {
    // A window ends with the clearance after its last work, and its suite is to be qualified to that end.
    let ends = time.floor(suite.qualified_until) - slots(CLEARANCE_SAME_MIN);
    SuiteSpec {
        id: suite.id.to_string(),
        classes: if suite.viral { vec!["viral".to_owned()] } else { Vec::new() },
        grade: Some(grade(suite.grade)),
        places: suite.places,
        maintenance: if ends < horizon { vec![Window::new(ends.max(0), horizon)] } else { Vec::new() },
        ..SuiteSpec::default()
    }
}

/// The labour pool of a qualification: the facility's people, or a tenant's own in a leased suite.
fn labour(agreement: &Agreement, role: Role) -> String {
    let qualification = if role == Role::Chk { "CHK" } else { "OP" };
    match agreement.manufacturer {
        Manufacturer::Facility => format!("facility-{qualification}"),
        Manufacturer::Tenant => format!("{}-{qualification}", agreement.tenant),
    }
}

fn pools(facility: &Facility, time: &Translation, horizon: Slot) -> Vec<Pool> {
    let mut people: BTreeMap<String, u32> = BTreeMap::new();
    let employers = std::iter::once(None).chain(facility.tenants.keys().map(Some));
    for employer in employers {
        for (role, name) in [(Role::Op, "OP"), (Role::Chk, "CHK")] {
            let count = facility.people.values().filter(|p| {
                p.active
                    && p.employer.as_ref() == employer
                    && p.roles.iter().any(|g| g.role == role || g.role == Role::Sup)
            });
            let prefix = employer.map_or("facility", TenantId::as_str);
            people.insert(format!("{prefix}-{name}"), u32::try_from(count.count()).unwrap_or(u32::MAX));
        }
    }
    let shifts = facility.name.as_ref().map(|name| name.shifts.as_slice()).unwrap_or_default();
    let week = |count: u32| -> Capacity {
        if shifts.is_empty() {
            return Capacity::Constant { units: count };
        }
        let weekly: Vec<WeeklyShift> = shifts
            .iter()
            .flat_map(|shift| shift.days.iter().map(move |day| (u32::from(*day).saturating_sub(1) * 1440, shift)))
            .map(|(midnight, shift)| WeeklyShift {
                start_min: midnight + shift.from_min,
                end_min: midnight + shift.until_min,
                units: (count * shift.staffed_percent).div_ceil(100),
            })
            .collect();
        Capacity::from_shifts(u32::try_from(SLOT_MIN).unwrap_or(5), &weekly)
    };
    let labour = people.into_iter().map(|(id, count)| Pool {
        id,
        kind: PoolKind::Labour,
        capacity: week(count),
        reductions: Vec::new(),
    });
    let equipment = facility.equipment.values().map(|unit| {
        // The turnaround of equipment lies within the clearance.
        let ends = time.floor(unit.calibrated_until) - slots(CLEARANCE_SAME_MIN - TURNAROUND_MIN);
        let reductions = if ends < horizon {
            vec![scheduler::Reduction { window: Window::new(ends.max(0), horizon), units: 1 }]
        } else {
            Vec::new()
        };
        Pool {
            id: unit.id.to_string(),
            kind: PoolKind::Equipment { turnaround: slots(TURNAROUND_MIN) },
            capacity: Capacity::Constant { units: 1 },
            reductions,
        }
    });
    labour.chain(equipment).collect()
}

/// One stretch of people's work: the phases it covers.
struct Work<'a> {
    phases: Vec<&'a Phase>,
    minutes: i64,
    verified: bool,
    min_lag: i64,
    max_lag: Option<i64>,
}

/// Consecutive phases with hands-on time are one stretch of work; a culture ends it.
fn works(recipe: &RecipeBody) -> Vec<Work<'_>> {
    let mut works: Vec<Work<'_>> = Vec::new();
    let mut lag = 0;
    for phase in recipe.phases() {
        if phase.hands_on_min > 0 || works.is_empty() {
            let verified = phase.sign == SignOff::Verified;
            match works.last_mut() {
                Some(work) if lag == 0 && phase.hold.is_none() => {
                    work.phases.push(phase);
                    work.minutes += i64::from(phase.hands_on_min);
                    work.verified |= verified;
                }
                _ => {
                    let slack = if lag > 0 { SLACK_CULTURE_MIN } else { SLACK_MIN };
                    let held = phase.hold.as_ref();
                    works.push(Work {
                        phases: vec![phase],
                        minutes: i64::from(phase.hands_on_min),
                        verified,
                        min_lag: lag.max(held.map_or(0, |hold| i64::from(hold.min_s) / 60)),
                        max_lag: Some(held.map_or(lag + slack, |hold| (i64::from(hold.max_s) / 60).max(lag))),
                    });
                    lag = 0;
                }
            }
        } else if let Some(work) = works.last_mut() {
            work.phases.push(phase);
        }
        lag += i64::from(phase.unattended_min);
    }
    works
}

/// Which equipment each phase uses.
type Uses = BTreeMap<PhaseId, BTreeSet<EquipmentRole>>;

fn uses_of(recipe: &RecipeBody) -> Uses {
    recipe.phases().map(|phase| (phase.id.clone(), roles_used(phase))).collect()
}

fn uses(work: &Work<'_>, uses: &Uses, role: &EquipmentRole) -> bool {
    work.phases.iter().any(|phase| uses.get(&phase.id).is_some_and(|roles| roles.contains(role)))
}

fn roles_used(phase: &Phase) -> BTreeSet<EquipmentRole> {
    let mut roles: BTreeSet<EquipmentRole> = phase.watch.iter().map(|watch| watch.tag.role.clone()).collect();
    match &phase.kind {
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            roles.extend(items.iter().filter_map(|item| item.from.as_ref()).map(|tag| tag.role.clone()));
        }
        PhaseKind::Set { points } => roles.extend(points.iter().map(|point| point.to.role.clone())),
        PhaseKind::Wait { condition, .. } => {
            // The recipe was checked when it was submitted; what cannot be parsed names no role.
            let tags = Expression::parse(condition).map(|parsed| parsed.tags().clone()).unwrap_or_default();
            roles.extend(tags.into_iter().map(|tag| tag.role));
        }
        PhaseKind::Instruction
        | PhaseKind::Calculate { .. }
        | PhaseKind::LineClearance { .. }
        | PhaseKind::IdentityCheck => {}
    }
    roles
}

/// A batch of a recipe under an agreement: one route per suite that has the equipment.
pub(crate) fn batch_spec(id: &str, recipe: &RecipeBody, agreement: &Agreement, facility: &Facility) -> BatchSpec {
    let works = works(recipe);
    let demand = |role: Role| DemandSpec { pool: labour(agreement, role), units: 1 };
    let activities: Vec<ActivitySpec> = works
        .iter()
        .map(|work| ActivitySpec {
            name: work.phases.first().map(|phase| phase.id.to_string()).unwrap_or_default(),
            duration: slots(work.minutes.max(SLOT_MIN)),
            demands: if work.verified { vec![demand(Role::Op), demand(Role::Chk)] } else { vec![demand(Role::Op)] },
            min_lag: slots(work.min_lag),
            max_lag: work.max_lag.map(slots),
        })
        .collect();
    let last = activities.len().saturating_sub(1);
    let roles = uses_of(recipe);
    let holds_in = |suite: &SuiteId| -> Vec<EquipmentHoldSpec> {
        let hold = |need: &EquipmentRequirement| {
            // What the recipe requires and no phase reads or writes is held from beginning to end.
            let used = |work: &Work<'_>| uses(work, &roles, &need.role);
            let first = works.iter().position(used).unwrap_or(0);
            let until = works.iter().rposition(used).map_or(last, |at| (at + 1).min(last));
            EquipmentHoldSpec { pools: units_of(facility, suite, need), units: 1, first, last: until }
        };
        recipe.equipment.iter().map(hold).collect()
    };
    // A vessel stands in one suite: each suite is a route of its own, with the vessels that stand in it.
    let route = |suite: &SuiteId| RouteSpec {
        name: suite.to_string(),
        cost: 0,
        activities: activities.clone(),
        suite_holds: vec![SuiteHoldSpec {
            classes: if recipe.header.viral { vec!["viral".to_owned()] } else { Vec::new() },
            grade_min: Some(grade(recipe.header.suite_grade)),
            suites: vec![suite.to_string()],
            first: 0,
            last,
            ..SuiteHoldSpec::default()
        }],
        equipment_holds: holds_in(suite),
    };
    let equipped = |suite: &&SuiteId| holds_in(suite).iter().all(|hold| !hold.pools.is_empty());
    BatchSpec {
        id: id.to_owned(),
        tenant: agreement.tenant.to_string(),
        family: agreement.tenant.to_string(),
        weight: 1,
        drop_penalty: None,
        routes: agreement.suites.iter().filter(equipped).map(route).collect(),
        ..BatchSpec::default()
    }
}

/// The units of a suite that a recipe can use: of its class, and with every tag that it speaks of (S88-06).
fn units_of(facility: &Facility, suite: &SuiteId, need: &EquipmentRequirement) -> Vec<String> {
    let has = |unit: &mes_core::tenant::Equipment, tag: &TagName| unit.tags.iter().any(|known| known.name == *tag);
    let fits = |unit: &&mes_core::tenant::Equipment| {
        unit.class == need.class && unit.suite == *suite && need.tags.iter().all(|tag| has(unit, tag))
    };
    facility.equipment.values().filter(fits).map(|unit| unit.id.to_string()).collect()
}

/// The batch of a booking, with the one route that its suite is, and the equipment it was given.
pub(crate) fn booked_spec(id: &str, booking: &Booking, view: &View) -> Option<(BatchSpec, CommitmentSpec)> {
    let agreement = view.facility.agreement_for(&booking.tenant, &booking.product)?;
    let recipe = &view.recipes.get(&(booking.recipe.clone(), booking.version))?.body;
    let mut batch = batch_spec(id, recipe, agreement, &view.facility);
    let name = booking.window.suite.to_string();
    batch.routes.retain(|route| route.name == name);
    let route = batch.routes.first()?;
    let equipment = recipe
        .equipment
        .iter()
        .map(|need| booking.window.equipment.get(&need.role).map(EquipmentId::to_string))
        .collect();
    let starts = vec![None; route.activities.len()];
    let suites = vec![Some(booking.window.suite.to_string())];
    Some((batch, CommitmentSpec { route: name, starts, suites, equipment }))
}

/// A booking that holds capacity, where it is expected to be: as planned, or as far behind as its batch is.
fn committed_spec(id: &str, booking: &Booking, view: &View, time: &Translation) -> Option<BatchSpec> {
    let (mut batch, mut fixed) = booked_spec(id, booking, view)?;
    let expected = expected(booking, view);
    if expected.len() != fixed.starts.len() {
        return None;
    }
    fixed.starts = expected.iter().map(|step| Some(time.floor(step.from))).collect();
    batch.release = fixed.starts.iter().flatten().min().copied().unwrap_or(0);
    batch.due = time.ceil(booking.window.until);
    batch.commitment = Some(fixed);
    Some(batch)
}

/// The committed bookings as a plan: exactly their commitments.
pub(crate) fn named_plan(spec: &ProblemSpec) -> NamedPlan {
    let batches = spec
        .batches
        .iter()
        .filter_map(|batch| {
            let commitment = batch.commitment.as_ref()?;
            Some(NamedPlacement {
                batch: batch.id.clone(),
                route: Some(commitment.route.clone()),
                starts: commitment.starts.iter().copied().flatten().collect(),
                suites: commitment.suites.iter().flatten().cloned().collect(),
                equipment: commitment.equipment.iter().flatten().cloned().collect(),
            })
        })
        .collect();
    NamedPlan { problem: spec.name.clone(), batches }
}

/// A placement as a booking's window.
pub(crate) fn window(
    time: &Translation,
    recipe: &RecipeBody,
    batch: &BatchSpec,
    placement: &NamedPlacement,
) -> Option<BookingWindow> {
    let route = batch.routes.iter().find(|route| Some(&route.name) == placement.route.as_ref())?;
    let works = works(recipe);
    let activities: Vec<PlannedActivity> = works
        .iter()
        .zip(&placement.starts)
        .zip(&route.activities)
        .filter_map(|((work, start), activity)| {
            let phase = work.phases.first()?.id.clone();
            Some(PlannedActivity { phase, from: time.at(*start), until: time.at(start + activity.duration) })
        })
        .collect();
    let equipment = recipe
        .equipment
        .iter()
        .zip(&placement.equipment)
        .filter_map(|(need, unit)| Some((need.role.clone(), unit.parse().ok()?)))
        .collect();
    Some(BookingWindow {
        suite: placement.suites.first()?.parse().ok()?,
        equipment,
        from: activities.first()?.from,
        until: activities.last()?.until.plus_s(CLEARANCE_SAME_MIN * 60),
        activities,
    })
}
