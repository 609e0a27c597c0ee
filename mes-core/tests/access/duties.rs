//! The policies and the table of duties say the same; every act has somebody who may do it.

use std::collections::BTreeSet;

use mes_core::{
    access::{
        Action, BatchFacts, Policies, Resource, Side, check_roles, forbidden_pair, grant_covers, role_of, roles_for,
    },
    clock::Timestamp,
    id::TenantId,
    tenant::{Agreement, Facility, Manufacturer, Person, PersonName, Role, RoleGrant},
};

use crate::bench::{facility, id};

pub(crate) const ROLES: [Role; 13] = [
    Role::Op,
    Role::Chk,
    Role::Sup,
    Role::Mm,
    Role::Qa,
    Role::Qc,
    Role::Rel,
    Role::Tpl,
    Role::Tqa,
    Role::Aud,
    Role::Fad,
    Role::Sys,
    Role::Eng,
];

pub(crate) fn now() -> Timestamp {
    Timestamp::from_ms(1_782_874_800_000)
}

pub(crate) fn agreement(manufacturer: Manufacturer) -> Agreement {
    let mut agreement = facility().agreements.into_values().next().unwrap();
    agreement.manufacturer = manufacturer;
    agreement
}

pub(crate) fn person(employer: Option<&str>, roles: &[(Role, Option<&str>)]) -> Person {
    let grant = |(role, tenant): &(Role, Option<&str>)| RoleGrant { role: *role, tenant: tenant.map(id), until: None };
    Person {
        id: id("somebody"),
        name: PersonName { ja: "誰か".into(), en: "Somebody".into() },
        employer: employer.map(id),
        roles: roles.iter().map(grant).collect(),
        language: mes_core::quantity::Language::Ja,
        active: true,
    }
}

pub(crate) fn with(person: Person) -> Facility {
    let mut facility = facility();
    facility.people.insert(person.id.clone(), person);
    facility
}

/// A batch on which nobody has acted.
pub(crate) fn fresh(agreement: &Agreement) -> Resource {
    Resource::Batch(Box::new(BatchFacts {
        id: "B-1".into(),
        agreement: agreement.clone(),
        performers: Vec::new(),
        correctors: Vec::new(),
        production: Vec::new(),
        actors: Vec::new(),
        openers: Vec::new(),
    }))
}

#[test]
fn ten_05_the_policies_permit_exactly_what_the_table_of_duties_says() {
    let policies = Policies::load().unwrap();
    let mut permitted = 0;
    for manufacturer in [Manufacturer::Facility, Manufacturer::Tenant] {
        let agreement = agreement(manufacturer);
        for action in Action::ALL {
            let table = roles_for(*action, &agreement);
            if table.is_empty() {
                continue;
            }
            for role in ROLES {
                for (employer, granted) in [
                    (None, None),
                    (None, Some("TEN-A")),
                    (None, Some("TEN-B")),
                    (Some("TEN-A"), Some("TEN-A")),
                    (Some("TEN-B"), Some("TEN-B")),
                ] {
                    let somebody = person(employer, &[(role, granted)]);
                    let by_table = role_of(&somebody, *action, &agreement, now()).ok();
                    let facility = with(somebody);
                    let by_policy = policies.may(&facility, &id("somebody"), *action, &fresh(&agreement), now()).ok();
                    assert_eq!(
                        by_policy, by_table,
                        "{action:?} {role:?} of {employer:?} for {granted:?}, {manufacturer:?}"
                    );
                    permitted += usize::from(by_policy.is_some());
                }
            }
        }
    }
    assert!(permitted > 100, "{permitted}");
}

#[test]
fn s4_4_every_act_is_permitted_to_somebody_but_what_only_the_plant_does() {
    let policies = Policies::load().unwrap();
    let agreement = agreement(Manufacturer::Facility);
    let things = [
        fresh(&agreement),
        Resource::new_recipe(&id("TEN-A")),
        Resource::booking(&id("BK-1"), &id("TEN-A")),
        Resource::facility(),
    ];
    let facility = facility();
    for action in Action::ALL {
        let may = |thing: &Resource| {
            facility.people.keys().any(|person| policies.may(&facility, person, *action, thing, now()).is_ok())
        };
        assert_eq!(things.iter().any(may), *action != Action::PlantOnly, "{action:?}");
    }
}

#[test]
fn names_of_acts_are_unique_in_policies_and_on_screens() {
    let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
    let titles: BTreeSet<_> = Action::ALL.iter().map(|action| action.title()).collect();
    assert_eq!((names.len(), titles.len()), (Action::ALL.len(), Action::ALL.len()));
}

#[test]
fn the_role_in_effect_is_the_one_that_the_act_needs() {
    let policies = Policies::load().unwrap();
    let facility = facility();
    let batch = fresh(&agreement(Manufacturer::Facility));
    let role = |action| policies.may(&facility, &id("suzuki"), action, &batch, now());
    assert_eq!(role(Action::Execute), Ok(Role::Op));
    assert_eq!(role(Action::Verify), Ok(Role::Chk));
    assert_eq!(role(Action::Correct), Ok(Role::Chk), "not within the narrower limits of an operator");
}

#[test]
fn p11_20_an_account_that_is_not_in_use_may_do_nothing() {
    let policies = Policies::load().unwrap();
    let mut left = person(None, &[(Role::Op, None)]);
    left.active = false;
    let facility = with(left);
    let batch = fresh(&agreement(Manufacturer::Facility));
    for who in ["somebody", "nobody"] {
        let no = policies.may(&facility, &id(who), Action::Execute, &batch, now()).unwrap_err();
        assert_eq!(no.rule, "P11-20");
    }
}

#[test]
fn p11_11_a_refusal_names_the_roles_that_would_be_needed() {
    let policies = Policies::load().unwrap();
    let batch = fresh(&agreement(Manufacturer::Facility));
    let no = policies.may(&facility(), &id("sato"), Action::Verify, &batch, now()).unwrap_err();
    assert_eq!(no.rule, "P11-11");
    assert!(no.said.en.contains("second checker (facility)") && no.said.ja.contains("確認者(施設)"), "{no:?}");
    let no = policies.may(&facility(), &id("sato"), Action::SetRate, &Resource::facility(), now()).unwrap_err();
    assert_eq!(no.rule, "P11-11");
}

#[test]
fn an_act_that_a_thing_does_not_have_is_permitted_to_nobody() {
    let policies = Policies::load().unwrap();
    let facility = facility();
    for person in facility.people.keys() {
        assert!(policies.may(&facility, person, Action::Execute, &Resource::facility(), now()).is_err());
    }
}

#[test]
fn sod_16_forbidden_pairs_of_roles_are_found() {
    let pair = |roles: &[(Role, Option<&str>)]| forbidden_pair(&person(None, roles).roles);
    for gmp in [Role::Op, Role::Chk, Role::Sup, Role::Qa, Role::Rel, Role::Tqa] {
        for admin in [Role::Sys, Role::Fad] {
            assert!(pair(&[(admin, None), (gmp, None)]).is_some(), "{admin:?} {gmp:?}");
            assert!(pair(&[(gmp, Some("TEN-A")), (admin, None)]).is_some(), "{gmp:?} {admin:?}");
        }
    }
    for quality in [Role::Qa, Role::Rel] {
        assert!(pair(&[(Role::Op, Some("TEN-A")), (quality, Some("TEN-A"))]).is_some());
        assert!(pair(&[(Role::Op, None), (quality, Some("TEN-A"))]).is_some());
        assert!(pair(&[(Role::Op, Some("TEN-A")), (quality, Some("TEN-B"))]).is_none());
    }
    assert!(pair(&[(Role::Op, None), (Role::Chk, None)]).is_none());
    assert!(pair(&[(Role::Aud, Some("TEN-A")), (Role::Aud, Some("TEN-B"))]).is_none());
    let no = check_roles(&person(None, &[(Role::Sys, None), (Role::Qa, None)])).unwrap_err();
    assert!(no.rule == "SOD-16" && no.said.en.contains("quality assurance"), "{no:?}");
    assert!(facility().people.values().all(|person| check_roles(person).is_ok()));
}

#[test]
fn sod_13_an_auditor_is_granted_tenants_by_name() {
    let tenant: TenantId = id("TEN-A");
    let grant = |role, tenant: Option<&str>| RoleGrant { role, tenant: tenant.map(id), until: None };
    assert!(!grant_covers(&grant(Role::Aud, None), &tenant, now()));
    assert!(grant_covers(&grant(Role::Aud, Some("TEN-A")), &tenant, now()));
    assert!(grant_covers(&grant(Role::Op, None), &tenant, now()));
    let side = Side::of(&person(Some("TEN-A"), &[]));
    assert_eq!(side, Side::Tenant(tenant));
}
