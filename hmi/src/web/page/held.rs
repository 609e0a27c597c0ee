//! Why a batch is held, since when and by whom, and who may restart it: what an operator has to know before anything else.

use mes_core::{
    access::{Action, Side, role_of, roles_for},
    batch::{Batch, DeviationCause},
    clock::Timestamp,
    engine::View,
};

use super::deviations::cause;
use crate::web::{glance::name_of, locale::Words, term};

/// Most people who are named as able to restart.
const NAMED_MAX: usize = 8;

/// A hold that stands.
pub(crate) struct HeldView {
    pub(crate) since: String,
    pub(crate) by: String,
    pub(crate) reason: String,
    /// The deviation by which it is held, and its cause.
    pub(crate) deviation: Option<(String, String)>,
    /// A wrong identity: the code that was read, and the batch's own.
    pub(crate) identity: Option<(String, String)>,
    /// The roles that may restart, with whose staff they are.
    pub(crate) roles: String,
    /// The people in them whom the reader may know.
    pub(crate) people: String,
}

/// The hold of a batch, while it is held.
pub(crate) fn held(batch: &Batch, view: &View, now: Timestamp, w: Words) -> Option<HeldView> {
    let held = batch.held.as_ref()?;
    let opened = held.deviation.as_ref().and_then(|id| batch.deviations.get(id).map(|known| (id, known)));
    let by = held.by.as_ref().map_or_else(|| w.t("the-system"), |by| name_of(view, batch, by));
    let identity = match opened.map(|(_, known)| &known.cause) {
        Some(DeviationCause::Identity { read }) => Some((read.clone(), batch.issued.coi.clone())),
        _ => None,
    };
    let agreement = &batch.issued.agreement;
    let tenant = w.b(&batch.issued.tenant.name);
    let roles = roles_for(Action::Restart, agreement).into_iter().map(|(role, side)| {
        let whose = match side {
            Side::Facility => w.t("facility-staff"),
            Side::Tenant(_) => tenant.to_owned(),
        };
        w.t2("role-of", ("role", w.t(term::role(role))), ("whose", whose))
    });
    let may =
        |person: &&mes_core::tenant::Person| person.active && role_of(person, Action::Restart, agreement, now).is_ok();
    let people = view.facility.people.values().filter(may).map(|person| person.name.full()).take(NAMED_MAX);
    Some(HeldView {
        since: held.since.shown(),
        by,
        reason: held.reason.clone().unwrap_or_default(),
        deviation: opened.map(|(id, known)| (id.to_string(), cause(&known.cause, batch, w))),
        identity,
        roles: roles.collect::<Vec<_>>().join(w.t("list-comma").as_str()),
        people: people.collect::<Vec<_>>().join(w.t("list-comma").as_str()),
    })
}
