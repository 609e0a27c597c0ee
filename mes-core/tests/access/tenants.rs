//! The walls between tenants, and the auditor's narrow door.

use mes_core::{
    access::{Action, Policies, Rejection, Resource},
    clock::Timestamp,
    tenant::{Manufacturer, Role},
};

use crate::{
    bench::{facility, id},
    duties::{agreement, fresh, now},
};

fn things() -> Vec<Resource> {
    vec![
        fresh(&agreement(Manufacturer::Facility)),
        fresh(&agreement(Manufacturer::Tenant)),
        Resource::new_recipe(&id("TEN-A")),
        Resource::booking(&id("BK-1"), &id("TEN-A")),
    ]
}

#[test]
fn ten_01_sod_14_what_belongs_to_another_tenant_does_not_exist() {
    let policies = Policies::load().unwrap();
    for who in ["bando", "bito"] {
        for thing in things() {
            for action in Action::ALL {
                let no = policies.may(&facility(), &id(who), *action, &thing, now()).unwrap_err();
                assert_eq!(no, Rejection::not_found(), "{who} {action:?}");
            }
        }
    }
}

#[test]
fn ten_01_a_refusal_between_tenants_does_not_depend_on_the_act() {
    let policies = Policies::load().unwrap();
    let thing = fresh(&agreement(Manufacturer::Facility));
    let said = |action| policies.may(&facility(), &id("bito"), action, &thing, now()).unwrap_err();
    assert_eq!(said(Action::See), said(Action::Dispose));
}

#[test]
fn a_tenant_sees_its_own_things() {
    let policies = Policies::load().unwrap();
    for thing in things() {
        for who in ["aoki", "aida"] {
            assert!(policies.may(&facility(), &id(who), Action::See, &thing, now()).is_ok(), "{who}");
        }
    }
}

#[test]
fn sod_13_an_auditor_only_sees_and_exports_what_was_granted() {
    let policies = Policies::load().unwrap();
    let mine = fresh(&agreement(Manufacturer::Facility));
    let may = |action, thing: &Resource, at| policies.may(&facility(), &id("arai"), action, thing, at);
    for action in Action::ALL {
        let allowed = matches!(action, Action::See | Action::SeeAuditTrail | Action::Export);
        match may(*action, &mine, now()) {
            Ok(role) => assert!(allowed && role == Role::Aud, "{action:?}"),
            Err(no) => {
                assert!(!allowed, "{action:?}");
                assert!(no.rule == "SOD-13" || no.rule == "P11-11", "{action:?} {no:?}");
            }
        }
    }
    let mut other = agreement(Manufacturer::Facility);
    other.tenant = id("TEN-B");
    assert_eq!(may(Action::See, &fresh(&other), now()).unwrap_err().rule, "not-found");
}

#[test]
fn sod_13_an_auditors_door_closes_by_itself() {
    let policies = Policies::load().unwrap();
    let mine = fresh(&agreement(Manufacturer::Facility));
    let until: Timestamp = "2026-12-31T00:00:00Z".parse().unwrap();
    let may = |at| policies.may(&facility(), &id("arai"), Action::See, &mine, at);
    assert!(may(until.plus_ms(-1)).is_ok());
    assert_eq!(may(until).unwrap_err().rule, "not-found");
}

#[test]
fn whoever_may_order_and_book_is_the_tenants_planner_and_whoever_confirms_is_the_facility() {
    let policies = Policies::load().unwrap();
    let booking = Resource::booking(&id("BK-1"), &id("TEN-A"));
    let may = |who: &str, action| policies.may(&facility(), &id(who), action, &booking, now()).is_ok();
    assert!(may("aoki", Action::RequestBooking) && !may("aoki", Action::ConfirmBooking));
    assert!(may("nakamura", Action::ConfirmBooking) && may("tanaka", Action::ConfirmBooking));
    assert!(!may("abe", Action::ConfirmBooking), "a tenant's supervisor does not confirm");
    assert!(!may("sato", Action::RequestBooking) && !may("aida", Action::RequestBooking));
}
