//! A batch at a glance: what it is, where it stands, and what is abnormal about it. Shared by overview, list and band.

use mes_core::{
    batch::{Batch, Lifecycle, PhaseStatus},
    engine::{LinkState, View},
    id::{PersonId, PhaseId},
    isa88::{Phase, State},
};

use super::{locale::Words, term};

/// How abnormal something is; colour, shape and words follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Worth knowing.
    Notice,
    /// Abnormal.
    Warning,
    /// Abnormal, and somebody has to act.
    Alarm,
}

/// One abnormal thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl Alert {
    pub(crate) fn class(&self) -> &'static str {
        match self.level {
            Level::Notice => "notice",
            Level::Warning => "warning",
            Level::Alarm => "alarm",
        }
    }
    /// Shape that goes with the colour (HMI-04).
    pub(crate) fn mark(&self) -> &'static str {
        match self.level {
            Level::Notice => "ⓘ",
            Level::Warning => "▲",
            Level::Alarm => "■",
        }
    }
}

/// A batch at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) id: String,
    pub(crate) lot: String,
    pub(crate) coi: String,
    pub(crate) product: String,
    pub(crate) product_code: String,
    pub(crate) tenant: String,
    pub(crate) suite: String,
    pub(crate) recipe: String,
    pub(crate) lifecycle: String,
    pub(crate) state: String,
    pub(crate) held: bool,
    pub(crate) phase: String,
    pub(crate) phase_status: String,
    pub(crate) progress: String,
    pub(crate) issued: String,
    pub(crate) pattern: String,
    pub(crate) alerts: Vec<Alert>,
}

/// The phase at which a batch stands: the one that runs, else the one that may start.
pub(crate) fn current(batch: &Batch) -> Option<&Phase> {
    let status = |id: &PhaseId| batch.phases.get(id).map(|run| run.status);
    let with = |wanted: &[PhaseStatus]| {
        batch.issued.recipe.phases().find(|phase| status(&phase.id).is_some_and(|status| wanted.contains(&status)))
    };
    with(&[PhaseStatus::Running, PhaseStatus::AwaitingVerification]).or_else(|| with(&[PhaseStatus::Ready]))
}

/// A person's name: as in the facility, else as one of the batch's signatures keeps it (an auditor sees nobody's account).
pub(crate) fn name_of(view: &View, batch: &Batch, person: &PersonId) -> String {
    let known = view.facility.people.get(person).map(|known| known.name.full());
    let signed = || {
        let own = batch.signatures.iter().find(|(signature, _)| signature.statement.signer == *person);
        own.map(|(signature, _)| signature.name.clone())
    };
    known.or_else(signed).unwrap_or_else(|| person.to_string())
}

/// Whether a batch is at work in its suite.
pub(crate) fn at_work(batch: &Batch) -> bool {
    matches!(batch.lifecycle, Lifecycle::Issued | Lifecycle::InExecution)
}

/// One of eight patterns for the batch's band, the same on every screen (HMI-11).
pub(crate) fn pattern(batch: &str) -> String {
    let sum = batch.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("pattern-{}", sum % 8)
}

/// Looks at a batch.
pub(crate) fn glance(batch: &Batch, view: &View, w: Words) -> Glance {
    let issued = &batch.issued;
    let header = &issued.recipe.header;
    let phase = current(batch);
    let done = batch.phases.values().filter(|run| run.status == PhaseStatus::Complete).count();
    let status = phase.and_then(|phase| batch.phases.get(&phase.id)).map(|run| w.t(term::phase(run.status)));
    Glance {
        id: issued.batch.to_string(),
        lot: issued.lot.clone(),
        coi: issued.coi.clone(),
        product: w.b(&header.product_name).to_owned(),
        product_code: header.product.to_string(),
        tenant: w.b(&issued.tenant.name).to_owned(),
        suite: format!("{} {}", issued.suite.id, w.b(&issued.suite.name)),
        recipe: format!("{} v{}", header.id, header.version),
        lifecycle: w.t(term::lifecycle(batch.lifecycle)),
        state: w.t(term::state(batch.state)),
        held: batch.state == State::Held,
        phase: phase.map(|phase| w.b(&phase.name).to_owned()).unwrap_or_default(),
        phase_status: status.unwrap_or_default(),
        progress: format!("{done}/{}", issued.recipe.phases().count()),
        issued: batch.issued_at.shown(),
        pattern: pattern(issued.batch.as_str()),
        alerts: alerts(batch, view, w),
    }
}

/// What is abnormal about a batch, worst first.
pub(crate) fn alerts(batch: &Batch, view: &View, w: Words) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |level, text: String| alerts.push(Alert { level, text });
    if batch.state == State::Held {
        add(Level::Alarm, w.t("alert-held"));
    }
    let open = batch.deviations.values().filter(|deviation| deviation.closed.is_none()).count();
    if open > 0 {
        add(Level::Warning, w.t1("alert-deviations", "count", open));
    }
    for phase in batch.issued.recipe.phases() {
        let Some(run) = batch.phases.get(&phase.id) else { continue };
        for watch in phase.watch.iter().filter(|watch| run.violated.contains_key(&watch.item)) {
            add(Level::Alarm, w.t1("alert-violated", "name", w.b(&watch.name)));
        }
        if run.overdue && run.status == PhaseStatus::Running {
            add(Level::Warning, w.t1("alert-overdue", "name", w.b(&phase.name)));
        }
        if run.hold_exceeded && run.status != PhaseStatus::Complete {
            add(Level::Warning, w.t1("alert-hold-exceeded", "name", w.b(&phase.name)));
        }
        if !run.unverified.is_empty() {
            add(Level::Notice, w.t1("alert-unverified", "name", w.b(&phase.name)));
        }
        if run.items.values().any(|item| item.countersign_due) {
            add(Level::Notice, w.t1("alert-countersign", "name", w.b(&phase.name)));
        }
    }
    if at_work(batch) {
        for equipment in batch.issued.equipment.values() {
            let link = view.links.get(&equipment.id);
            if let Some(link) = link.filter(|link| link.state != LinkState::Online) {
                let said = w.t(term::link(&link.state));
                add(Level::Warning, w.t2("alert-link", ("equipment", equipment.id.as_str()), ("state", &said)));
            }
        }
    }
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.level));
    alerts
}
