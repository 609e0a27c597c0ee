//! Segregation of duties, as the policies enforce it. `tests/batch` shows the same rules where deciding enforces them again.

use mes_core::{
    access::{Action, Meaning, Policies, Rejection, Resource, Subject},
    batch::{BatchCommand, DeviationClass},
    engine::PendingChange,
    id::{PersonId, PhaseId},
    tenant::{FacilityItem, ItemChange, Manufacturer, Role, RoleGrant},
};

use crate::{
    bench::{Bench, correct, id},
    duties::{agreement, fresh, now, person, with},
};

/// What the policies say about a person's signature on this batch.
fn may_sign(bench: &mut Bench, who: &str, subject: Subject, meaning: Meaning) -> Result<Role, Rejection> {
    let dialog = bench.dialog(who, subject, meaning);
    let action = mes_core::access::action_of_batch(&dialog);
    let resource = Resource::batch(bench.batch(), &dialog);
    Policies::load().unwrap().may(&bench.facility, &id::<PersonId>(who), action, &resource, bench.now)
}

/// Gives a person a role for this test, whatever else they hold.
fn promote(bench: &mut Bench, who: &str, role: Role) {
    let person = bench.facility.people.get_mut(&id::<PersonId>(who)).unwrap();
    person.roles.push(RoleGrant { role, tenant: None, until: None });
}

#[test]
fn sod_01_the_policies_forbid_a_performer_to_verify_and_a_corrector_to_verify_the_correction() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", crate::bench::number("92")).unwrap();
    promote(&mut bench, "sato", Role::Chk);
    let phase = || Subject::Phase(id::<PhaseId>("P030"));
    assert_eq!(may_sign(&mut bench, "sato", phase(), Meaning::Verified).unwrap_err().rule, "SOD-01");
    assert_eq!(may_sign(&mut bench, "suzuki", phase(), Meaning::Verified), Ok(Role::Chk));
    let mut bench = Bench::at("P040");
    bench.act("suzuki", &correct("P030", "viability", "91")).unwrap();
    let corrections = || Subject::Corrections(id::<PhaseId>("P030"));
    assert_eq!(may_sign(&mut bench, "suzuki", corrections(), Meaning::Verified).unwrap_err().rule, "SOD-01");
    assert_eq!(may_sign(&mut bench, "tanaka", corrections(), Meaning::Verified), Ok(Role::Sup));
}

#[test]
fn sod_02_a_recipe_is_approved_by_neither_its_author_nor_twice_by_one_person() {
    let policies = Policies::load().unwrap();
    let bench = Bench::new();
    let mut recipe = bench.recipes.values().next().unwrap().clone();
    recipe.author = id("tanaka");
    recipe.production = None;
    recipe.quality = Some(id("watanabe"));
    let resource = Resource::recipe(&recipe);
    let may = |who: &str, action| policies.may(&bench.facility, &id(who), action, &resource, now());
    assert_eq!(may("tanaka", Action::ApproveRecipeProduction).unwrap_err().rule, "SOD-02");
    assert_eq!(may("abe", Action::ApproveRecipeProduction), Ok(Role::Sup));
    let mut both = bench.facility.clone();
    let quality = both.people.get_mut(&id::<PersonId>("watanabe")).unwrap();
    quality.roles.push(RoleGrant { role: Role::Sup, tenant: None, until: None });
    let no = policies.may(&both, &id("watanabe"), Action::ApproveRecipeProduction, &resource, now()).unwrap_err();
    assert_eq!(no.rule, "SOD-02");
}

#[test]
fn sod_03_the_policies_forbid_quality_review_and_release_to_production() {
    let mut bench = Bench::executed();
    promote(&mut bench, "tanaka", Role::Qa);
    promote(&mut bench, "sato", Role::Rel);
    assert_eq!(may_sign(&mut bench, "tanaka", Subject::QualityReview, Meaning::Reviewed).unwrap_err().rule, "SOD-03");
    assert_eq!(may_sign(&mut bench, "sato", Subject::Disposition, Meaning::Released).unwrap_err().rule, "SOD-03");
    assert_eq!(may_sign(&mut bench, "watanabe", Subject::QualityReview, Meaning::Reviewed), Ok(Role::Qa));
    assert_eq!(may_sign(&mut bench, "yamamoto", Subject::Disposition, Meaning::Released), Ok(Role::Rel));
}

#[test]
fn sod_05_the_policies_forbid_an_audit_trail_review_to_who_acted_in_it() {
    let policies = Policies::load().unwrap();
    let mut bench = Bench::executed();
    let open = BatchCommand::OpenDeviation { deviation: id("DEV-1"), phase: None, text: "spill".into() };
    bench.act("watanabe", &open).unwrap();
    let resource = Resource::whole_batch(bench.batch());
    let may = |who: &str| policies.may(&bench.facility, &id(who), Action::ReviewAuditTrail, &resource, now());
    assert_eq!(may("watanabe").unwrap_err().rule, "SOD-05");
    assert_eq!(may("ueda"), Ok(Role::Qa));
    assert_eq!(may("aida"), Ok(Role::Tqa));
}

#[test]
fn sod_06_the_policies_forbid_closing_to_the_opener_and_the_performers_of_the_phase() {
    let mut bench = Bench::at("P040");
    let open = BatchCommand::OpenDeviation { deviation: id("DEV-1"), phase: Some(id("P030")), text: "spill".into() };
    bench.act("watanabe", &open).unwrap();
    let classify =
        BatchCommand::ClassifyDeviation { deviation: id("DEV-1"), class: DeviationClass::Minor, text: "none".into() };
    bench.act("tanaka", &classify).unwrap();
    promote(&mut bench, "sato", Role::Qa);
    let deviation = || Subject::Deviation(id("DEV-1"));
    assert_eq!(may_sign(&mut bench, "watanabe", deviation(), Meaning::Approved).unwrap_err().rule, "SOD-06");
    assert_eq!(may_sign(&mut bench, "sato", deviation(), Meaning::Approved).unwrap_err().rule, "SOD-06");
    assert_eq!(may_sign(&mut bench, "ueda", deviation(), Meaning::Approved), Ok(Role::Qa));
}

#[test]
fn sod_07_administrators_neither_execute_nor_review_nor_release_whatever_else_they_hold() {
    let policies = Policies::load().unwrap();
    let batch = fresh(&agreement(Manufacturer::Facility));
    let acts = [
        Action::IssueBatch,
        Action::Execute,
        Action::Verify,
        Action::Correct,
        Action::CompleteExecution,
        Action::CloseDeviation,
        Action::ReviewProduction,
        Action::ReviewAuditTrail,
        Action::ReviewQuality,
        Action::Dispose,
    ];
    for admin in [Role::Sys, Role::Fad] {
        let gmp = [Role::Op, Role::Chk, Role::Sup, Role::Qa, Role::Rel].map(|role| (role, None));
        let roles: Vec<_> = gmp.into_iter().chain([(admin, None)]).collect();
        let facility = with(person(None, &roles));
        for action in acts {
            let no = policies.may(&facility, &id("somebody"), action, &batch, now()).unwrap_err();
            assert_eq!(no.rule, "SOD-07", "{admin:?} {action:?}");
        }
        assert!(policies.may(&facility, &id("somebody"), Action::See, &batch, now()).is_ok());
    }
    for (who, action) in [("kobayashi", Action::Execute), ("nakamura", Action::Dispose)] {
        let no = policies.may(&crate::bench::facility(), &id(who), action, &batch, now()).unwrap_err();
        assert_eq!(no.rule, "SOD-07", "{who}");
    }
}

fn change(by: &str, whose: &str) -> PendingChange {
    let facility = crate::bench::facility();
    let old = facility.people[&id::<PersonId>(whose)].clone();
    let mut new = old.clone();
    new.roles.push(RoleGrant { role: Role::Mm, tenant: None, until: None });
    let items = vec![ItemChange { new: FacilityItem::Person(new), old: Some(FacilityItem::Person(old)) }];
    PendingChange { items, by: id(by), text: None }
}

#[test]
fn sod_08_sod_09_a_change_is_approved_by_a_second_person_and_not_by_whom_it_promotes() {
    let policies = Policies::load().unwrap();
    let facility = crate::bench::facility();
    let may = |who: &str, change: &PendingChange| {
        policies.may(&facility, &id(who), Action::ApproveChange, &Resource::change(change), now())
    };
    assert_eq!(may("nakamura", &change("nakamura", "ito")).unwrap_err().rule, "SOD-09");
    assert_eq!(may("watanabe", &change("nakamura", "watanabe")).unwrap_err().rule, "SOD-08");
    assert_eq!(may("watanabe", &change("nakamura", "ito")), Ok(Role::Qa));
    assert_eq!(may("sato", &change("nakamura", "ito")).unwrap_err().rule, "P11-11");
}
