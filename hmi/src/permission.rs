//! What a page may offer: the policies are asked so that what cannot be done is left away. The engine asks again when it counts.

use mes_core::{
    access::{Action, Resource, Scope, Side},
    id::BatchId,
    tenant::Role,
};

use crate::app::App;

/// Whether policies let a person do this at all.
pub fn may(app: &App, scope: &Scope, action: Action, batch: Option<&BatchId>) -> bool {
    let view = app.writer.view();
    let ask = |resource: &Resource| app.policies.may(&view.facility, &scope.person, action, resource, view.now).is_ok();
    if let Some(batch) = batch {
        return view.batches.get(batch).is_some_and(|batch| ask(&Resource::whole_batch(batch)));
    }
    if ask(&Resource::facility()) {
        return true;
    }
    // Acts that are about a tenant's things: is there one for whose things the person may do it?
    let Some(person) = view.facility.people.get(&scope.person) else { return false };
    let own = Side::of(person);
    view.facility.agreements.values().any(|agreement| {
        let booking: Option<Resource> = "BK-0".parse().ok().map(|id| Resource::booking(&id, &agreement.tenant));
        let issue: Option<Resource> = "BK-0".parse().ok().map(|id| Resource::issue(&id, agreement));
        let concerns = own == Side::Facility || own == Side::Tenant(agreement.tenant.clone());
        concerns && [booking, issue, Some(Resource::new_recipe(&agreement.tenant))].iter().flatten().any(ask)
    }) || (action == Action::See && person.roles.iter().any(|grant| grant.role == Role::Aud))
}
