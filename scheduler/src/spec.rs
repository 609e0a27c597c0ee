//! What a caller writes down: plain, serialisable structs that name each other by id.
//!
//! Nothing here is checked; `Problem::new` checks everything and gives the validated model. Written
//! as JSON it is the format `facility-2` (FORMAT.md).
//! All times are whole slots of `slot_minutes`, counted from the problem's origin (slot 0), and
//! all windows are half open.

use serde::{Deserialize, Serialize};

/// A point in time or a length of time, in slots.
pub type Slot = i64;

/// A stretch of time, from `start` up to but not including `end`, in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First slot inside.
    pub start: Slot,
    /// First slot after it.
    pub end: Slot,
}

impl Window {
    /// The window `[start, end)`.
    #[must_use]
    pub const fn new(start: Slot, end: Slot) -> Self {
        Self { start, end }
    }

    /// Whether the two windows have a slot in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Cleanliness grade of a suite's background, ordered: `D < C < B < A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// Grade D, the least clean.
    D,
    /// Grade C.
    C,
    /// Grade B.
    B,
    /// Grade A, the cleanest.
    A,
}

/// A whole planning problem.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProblemSpec {
    /// Name, shown in messages and carried into written plans.
    pub name: String,
    /// Length of a slot in minutes; must divide a week.
    pub slot_minutes: u32,
    /// No activity may end after this slot.
    pub horizon: Slot,
    /// Nothing that is not committed may start before this slot. 0 when planning from scratch.
    #[serde(default)]
    pub now: Slot,
    /// Slots that had passed since Monday 00:00 when slot 0 began; shifts weekly calendars.
    #[serde(default)]
    pub week_phase: Slot,
    /// The objective is `cost_scale × cost + last end`.
    pub cost_scale: i64,
    /// Tenants.
    pub tenants: Vec<TenantSpec>,
    /// Suites.
    pub suites: Vec<SuiteSpec>,
    /// People by qualification, and equipment by kind (or one pool per vessel).
    pub pools: Vec<Pool>,
    /// What it takes to clear a suite from one family of batches for the next.
    pub changeover: ChangeoverSpec,
    /// Approved exceptions to "one batch per suite".
    #[serde(default)]
    pub co_occupancy: Vec<CoOccupancySpec>,
    /// Airlocks through which suites are entered and left.
    #[serde(default)]
    pub airlocks: Vec<AirlockSpec>,
    /// Labour pools that count what is asked of several others: people with several qualifications.
    #[serde(default)]
    pub unions: Vec<UnionSpec>,
    /// Batches to plan, committed ones included; work on suites among them.
    pub batches: Vec<BatchSpec>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    /// Id.
    pub id: String,
    /// Suites the tenant is qualified for; it may use no other.
    pub qualified_suites: Vec<String>,
    /// At most this many suite holds of the tenant may be open at once; no limit when absent.
    #[serde(default)]
    pub max_suites: Option<u32>,
}

/// A suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteSpec {
    /// Id.
    pub id: String,
    /// What the suite is fit for at all times, such as `viral-vector`.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Cleanliness grade at all times, when holds ask for one.
    #[serde(default)]
    pub grade: Option<Grade>,
    /// What the suite is fit for over time, in place of `classes` and `grade`.
    #[serde(default)]
    pub fitness: Vec<FitnessSpec>,
    /// The airlock through which it is entered and left, when passages are planned.
    #[serde(default)]
    pub airlock: Option<String>,
    /// Places for batches that may be held together under a co-occupancy rule.
    pub places: u32,
    /// Slots for which a place stays taken after a shared hold (clearance of the place).
    #[serde(default)]
    pub place_clearance: Slot,
    /// No hold may overlap these; changeover work may.
    #[serde(default)]
    pub maintenance: Vec<Window>,
    /// Windows that belong to one tenant; no hold of another may overlap them.
    #[serde(default)]
    pub reserved: Vec<ReservationSpec>,
    /// Family that was in the suite before slot 0; none when it was released clean.
    #[serde(default)]
    pub initial_family: Option<String>,
    /// First slot at which the suite, or the changeover from `initial_family`, may begin.
    #[serde(default)]
    pub available_from: Slot,
}

impl Default for SuiteSpec {
    /// An unnamed suite with one place, available from slot 0.
    fn default() -> Self {
        Self {
            id: String::new(),
            classes: Vec::new(),
            grade: None,
            fitness: Vec::new(),
            airlock: None,
            places: 1,
            place_clearance: 0,
            maintenance: Vec::new(),
            reserved: Vec::new(),
            initial_family: None,
            available_from: 0,
        }
    }
}

/// What a suite is fit for during one stretch of time: between its qualification and the next
/// re-fit, say. A hold must lie wholly within one stretch that has what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitnessSpec {
    /// What it is fit for.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Cleanliness grade.
    #[serde(default)]
    pub grade: Option<Grade>,
    /// In force once this work item has ended; from the first slot on when absent.
    #[serde(default)]
    pub after: Option<String>,
    /// In force until this work item starts.
    #[serde(default)]
    pub before: Option<String>,
    /// In force up to but not including this slot: the day its qualification runs out.
    #[serde(default)]
    pub until: Option<Slot>,
}

/// An airlock or pass-through: used in one direction at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AirlockSpec {
    /// Id.
    pub id: String,
    /// Passages in one direction that may take place at once.
    pub capacity: u32,
    /// Slots a passage takes: the first of a suite hold inwards, the last of it outwards.
    pub passage: Slot,
}

/// A labour pool that counts everybody with at least one of several qualifications: whatever is
/// asked of one of `of` is asked of `pool` as well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnionSpec {
    /// The pool that counts.
    pub pool: String,
    /// The pools it stands over; none of them a union itself.
    pub of: Vec<String>,
}

/// A window of a suite that belongs to one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReservationSpec {
    /// The tenant it belongs to.
    pub tenant: String,
    /// When.
    pub window: Window,
}

/// A resource of interchangeable units. Kept as written: it needs no translation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Id.
    pub id: String,
    /// People or equipment.
    pub kind: PoolKind,
    /// Units there are, over time.
    pub capacity: Capacity,
    /// Units missing for a while: leave, training, calibration, repair.
    #[serde(default)]
    pub reductions: Vec<Reduction>,
}

/// What a pool consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PoolKind {
    /// People of one qualification, needed while an activity runs.
    Labour,
    /// Equipment, kept from the first to the last activity of a hold and then turned around.
    Equipment {
        /// Slots for which the units stay taken after the hold (cleaning, set-up).
        turnaround: Slot,
    },
}

/// Units of a pool over time, before reductions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Capacity {
    /// The same at all times.
    Constant {
        /// Units.
        units: u32,
    },
    /// A week that repeats, slot by slot from Monday 00:00.
    Weekly {
        /// Units in each slot of the week.
        units: Vec<u32>,
    },
    /// A week that repeats, as steps in order of time counted from Monday 00:00; 0 before the first.
    WeeklySteps {
        /// The steps of the week.
        steps: Vec<CapacityStep>,
    },
    /// Explicit steps, in order of time; 0 before the first.
    Steps {
        /// The steps.
        steps: Vec<CapacityStep>,
    },
}

impl Capacity {
    /// A week from its shifts; overlapping shifts add up. Minutes that do not fall on a slot
    /// are cut to the slots that lie wholly inside the shift.
    #[must_use]
    pub fn from_shifts(slot_minutes: u32, shifts: &[WeeklyShift]) -> Self {
        let slot = slot_minutes.max(1);
        let units = (0..MINUTES_PER_WEEK / slot)
            .map(|row| {
                let (start, end) = (row * slot, (row + 1) * slot);
                let on = |shift: &&WeeklyShift| shift.start_min <= start && end <= shift.end_min;
                shifts.iter().filter(on).map(|shift| shift.units).sum()
            })
            .collect();
        Self::Weekly { units }
    }
}

/// Minutes in a week.
pub(crate) const MINUTES_PER_WEEK: u32 = 7 * 24 * 60;

/// A shift of a week, in minutes since Monday 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyShift {
    /// Start, minutes since Monday 00:00.
    pub start_min: u32,
    /// End, minutes since Monday 00:00.
    pub end_min: u32,
    /// Units on the shift.
    pub units: u32,
}

/// From this slot on, this many units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacityStep {
    /// First slot.
    pub from: Slot,
    /// Units.
    pub units: u32,
}

/// Units missing in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduction {
    /// When.
    pub window: Window,
    /// Units missing.
    pub units: u32,
}

/// Sequence-dependent changeover between families; the diagonal is the next batch of one family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeoverSpec {
    /// Families, in the order of rows and columns.
    pub families: Vec<String>,
    /// Slots needed between the end of a hold (row) and the start of a later one (column).
    pub time: Vec<Vec<Slot>>,
    /// Cost of the same.
    pub cost: Vec<Vec<i64>>,
}

/// An approved exception: batches of these two occupancy classes may share a suite.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoOccupancySpec {
    /// Id of the approved rule.
    pub id: String,
    /// The two classes; the same twice for batches of one class.
    pub classes: [String; 2],
    /// Suites it is approved for.
    pub suites: Vec<String>,
}

/// A batch, or a request for one; or work on a suite.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSpec {
    /// Id.
    pub id: String,
    /// Its tenant.
    pub tenant: String,
    /// Its changeover family.
    pub family: String,
    /// Its occupancy class; without one it never shares a suite.
    #[serde(default)]
    pub occupancy_class: Option<String>,
    /// The first activity may not start before this slot.
    pub release: Slot,
    /// The first activity may not start after this slot.
    #[serde(default)]
    pub start_max: Option<Slot>,
    /// Wanted end of the last activity; later costs `weight` per slot.
    pub due: Slot,
    /// The last activity may not end after this slot.
    #[serde(default)]
    pub deadline: Option<Slot>,
    /// Cost per slot of lateness.
    pub weight: i64,
    /// Cost of refusing the batch; without one it may not be refused (a confirmed booking).
    #[serde(default)]
    pub drop_penalty: Option<i64>,
    /// Whether it is made from one patient's own cells, for that patient alone.
    #[serde(default)]
    pub autologous: bool,
    /// What was agreed about its start, once it is a confirmed booking.
    #[serde(default)]
    pub booking: Option<BookingSpec>,
    /// Whether this is work on suites (fit-out, qualification, re-fit): each suite hold then names
    /// one suite, which is taken whether or not it is fit for anything.
    #[serde(default)]
    pub work: bool,
    /// Work items that must have ended before this starts.
    #[serde(default)]
    pub after: Vec<String>,
    /// Alternative ways to make it; a plan chooses one.
    pub routes: Vec<RouteSpec>,
    /// What is already fixed, when anything is.
    #[serde(default)]
    pub commitment: Option<CommitmentSpec>,
}

/// The agreed start of a confirmed booking and how far it may be moved without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookingSpec {
    /// Agreed start of the first activity.
    pub start: Slot,
    /// Slots by which it may start earlier.
    pub earlier: Slot,
    /// Slots by which it may start later.
    pub later: Slot,
}

/// One way to make a batch: a chain of activities, with what is held across them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Name, unique in the batch.
    pub name: String,
    /// Cost of choosing it.
    #[serde(default)]
    pub cost: i64,
    /// Activities in order.
    pub activities: Vec<ActivitySpec>,
    /// Suites held.
    #[serde(default)]
    pub suite_holds: Vec<SuiteHoldSpec>,
    /// Equipment held.
    #[serde(default)]
    pub equipment_holds: Vec<EquipmentHoldSpec>,
}

/// Work that people do without a break. Culture time lies in the lag before the next activity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivitySpec {
    /// Name.
    pub name: String,
    /// Slots it takes, at least 1.
    pub duration: Slot,
    /// People needed throughout, from labour pools.
    #[serde(default)]
    pub demands: Vec<DemandSpec>,
    /// Least slots since the end of the activity before; not used for the first.
    #[serde(default)]
    pub min_lag: Slot,
    /// Most slots since the end of the activity before; not used for the first.
    #[serde(default)]
    pub max_lag: Option<Slot>,
}

/// People of one qualification that an activity needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandSpec {
    /// A labour pool.
    pub pool: String,
    /// How many.
    pub units: u32,
}

/// One suite held from the start of activity `first` to the end of activity `last`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteHoldSpec {
    /// All of these the suite must have.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The suite must be of this grade or cleaner.
    #[serde(default)]
    pub grade_min: Option<Grade>,
    /// Only these suites; any the tenant is qualified for when empty.
    #[serde(default)]
    pub suites: Vec<String>,
    /// First activity, counted from 0.
    pub first: usize,
    /// Last activity, counted from 0.
    pub last: usize,
    /// Whether one place is enough where a co-occupancy rule allows it; otherwise exclusive.
    #[serde(default)]
    pub shared: bool,
    /// An earlier hold of the route, counted from 0, to whose suite this one comes back.
    #[serde(default)]
    pub same_suite_as: Option<usize>,
}

/// Equipment held from the start of activity `first` to the end of activity `last`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquipmentHoldSpec {
    /// One of these pools serves; list vessels one by one when it matters which it is.
    pub pools: Vec<String>,
    /// Units taken.
    pub units: u32,
    /// First activity, counted from 0.
    pub first: usize,
    /// Last activity, counted from 0.
    pub last: usize,
}

/// What is fixed about a batch: started work, or a confirmed booking. A plan must keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitmentSpec {
    /// Name of the route.
    pub route: String,
    /// Fixed start of each activity, in order; none where it is still open.
    pub starts: Vec<Option<Slot>>,
    /// Fixed suite of each suite hold; none where it is still open.
    pub suites: Vec<Option<String>>,
    /// Fixed pool of each equipment hold; none where it is still open.
    pub equipment: Vec<Option<String>>,
}
