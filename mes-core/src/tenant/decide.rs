//! What is refused about a change of the facility, and what happens otherwise. Permission was asked before.
//!
//! A proposal is judged as a whole, on the facility as it would stand with it: everything referred to must exist. At the
//! approval it is judged again, because other changes may have come into force between the two.

use std::collections::BTreeSet;

use crate::{
    access::{Rejection, check_roles},
    engine::PendingChange,
    id::{ChangeId, PersonId},
    tenant::{
        Facility, FacilityEvent, FacilityItem, ItemChange, Manufacturer, Person,
        decide_device::{check_equipment, check_template},
    },
};

/// Most items of one change.
pub const CHANGE_ITEMS_MAX: usize = 10_000;

/// Decides a proposal.
///
/// # Errors
/// The rule that the change would break, with the item it concerns.
pub fn propose(
    facility: &Facility,
    known: Option<&PendingChange>,
    change: &ChangeId,
    items: &[ItemChange],
    (by, text): (&PersonId, Option<String>),
) -> Result<FacilityEvent, Rejection> {
    if known.is_some() {
        return Err(Rejection::new(
            "A11D-22",
            format!("変更番号 {change} は使用済みです。別の番号で申請してください。"),
            format!("Change {change} was used before. Propose under another number."),
        )
        .about("change"));
    }
    check(facility, items)?;
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(FacilityEvent::ChangeProposed { change: change.clone(), items: items.to_vec(), by: by.clone(), text })
}

/// Decides an approval: by a second person, on a change that still fits the facility in force.
///
/// # Errors
/// The rule that says no.
pub fn approve(
    facility: &Facility,
    pending: Option<&PendingChange>,
    change: &ChangeId,
    by: &PersonId,
) -> Result<FacilityEvent, Rejection> {
    let Some(pending) = pending else {
        return Err(Rejection::new(
            "not-found",
            format!("承認待ちの変更 {change} はありません。番号を確認してください。"),
            format!("No change {change} waits for approval. Check the number."),
        ));
    };
    second_person(&pending.by, by)?;
    check(facility, &pending.items)?;
    Ok(FacilityEvent::ChangeApproved { change: change.clone(), by: by.clone() })
}

/// Decides the first facility of an empty journal: two people named in it bring it into force.
///
/// # Errors
/// When there is a facility already, or the two people are not two active people of the facility in it.
pub fn first(
    facility: &Facility,
    change: &ChangeId,
    items: &[ItemChange],
    proposed_by: &PersonId,
    approved_by: &PersonId,
) -> Result<[FacilityEvent; 2], Rejection> {
    if *facility != Facility::default() {
        return Err(Rejection::new(
            "A11D-22",
            "施設は登録済みです。変更は申請と承認で行ってください。",
            "There is a facility in force already. Propose a change and have it approved.",
        ));
    }
    second_person(proposed_by, approved_by)?;
    check(facility, items)?;
    let after = with(facility, items);
    for person in [proposed_by, approved_by] {
        let known = after.people.get(person);
        if !known.is_some_and(|person| person.active && person.employer.is_none() && !person.roles.is_empty()) {
            return Err(Rejection::new(
                "A11D-22",
                format!("{person} は、この施設の職員として登録される人ではありません。"),
                format!(
                    "{person} is not an active person of the facility's own staff with a role in this file. Name one who is."
                ),
            ));
        }
    }
    Ok([
        FacilityEvent::ChangeProposed {
            change: change.clone(),
            items: items.to_vec(),
            by: proposed_by.clone(),
            text: None,
        },
        FacilityEvent::ChangeApproved { change: change.clone(), by: approved_by.clone() },
    ])
}

fn second_person(proposer: &PersonId, approver: &PersonId) -> Result<(), Rejection> {
    if proposer == approver {
        return Err(Rejection::new(
            "SOD-09",
            "自分が申請した変更は承認できません。第二者が承認してください。",
            "You cannot approve a change that you proposed. A second person has to.",
        ));
    }
    Ok(())
}

/// The facility with these items in force.
#[must_use]
pub fn with(facility: &Facility, items: &[ItemChange]) -> Facility {
    let mut after = facility.clone();
    items.iter().for_each(|change| after.adopt(change.new.clone()));
    after
}

/// Judges the items of a change on the facility as it would stand with them.
///
/// # Errors
/// The first item that does not fit, by name.
pub fn check(facility: &Facility, items: &[ItemChange]) -> Result<(), Rejection> {
    if items.is_empty() || items.len() > CHANGE_ITEMS_MAX {
        return Err(wrong(
            "変更する項目がないか、多すぎます。",
            &format!("A change has 1 to {CHANGE_ITEMS_MAX} items."),
        ));
    }
    let mut seen = BTreeSet::new();
    for change in items {
        let key = change.new.key();
        let name = format!("{} {}", key.kind, key.id);
        if !seen.insert(key.clone()) {
            return Err(wrong(&format!("{name} が二重です。"), &format!("{name} stands in the change twice.")));
        }
        if facility.item(&key) != change.old {
            return Err(Rejection::new(
                "A11D-22",
                format!("{name} は申請後に変更されました。もう一度差分を取って申請してください。"),
                format!("{name} is not as it was when the change was made up. Make the plan again and propose anew."),
            ));
        }
    }
    let after = with(facility, items);
    if after.name.is_none() {
        return Err(wrong("施設の名称と許可番号がありません。", "The facility's name and permit are missing."));
    }
    items.iter().try_for_each(|change| check_item(facility, &after, &change.new))
}

pub(super) fn wrong(ja: &str, en: &str) -> Rejection {
    Rejection::new("facility", format!("{ja}修正して申請してください。"), format!("{en} Correct it and propose again."))
}

pub(super) fn missing(item: &str, what: &str, id: impl std::fmt::Display) -> Rejection {
    wrong(
        &format!("{item}: {what} {id} は登録されていません。"),
        &format!("{item} names {what} {id}, which does not exist."),
    )
}

fn check_item(before: &Facility, after: &Facility, item: &FacilityItem) -> Result<(), Rejection> {
    let key = item.key();
    let name = format!("{} {}", key.kind, key.id);
    match item {
        FacilityItem::Name(facility) => {
            let fine = |shift: &crate::tenant::Shift| {
                shift.from_min < shift.until_min
                    && shift.until_min <= 1440
                    && shift.staffed_percent <= 100
                    && shift.days.iter().all(|day| (1..=7).contains(day))
            };
            if facility.shifts.iter().all(fine) {
                Ok(())
            } else {
                Err(wrong(
                    "勤務帯が正しくありません(曜日1〜7、0〜1440分、0〜100%)。",
                    "A shift needs days 1 to 7, minutes 0 to 1440 in order, and 0 to 100 percent.",
                ))
            }
        }
        FacilityItem::Tenant(_) => Ok(()),
        FacilityItem::Agreement(agreement) => {
            if !after.tenants.contains_key(&agreement.tenant) {
                return Err(missing(&name, "tenant", &agreement.tenant));
            }
            if let Some(suite) = agreement.suites.iter().find(|suite| !after.suites.contains_key(*suite)) {
                return Err(missing(&name, "suite", suite));
            }
            let same = after.agreements.values().find(|other| {
                other.id != agreement.id && other.tenant == agreement.tenant && other.product == agreement.product
            });
            match same {
                Some(other) => Err(wrong(
                    &format!("{name}: 同じ入居者と製品の取決め {} があります。", other.id),
                    &format!("{name} is for the same tenant and product as {}.", other.id),
                )),
                None if agreement.manufacturer == Manufacturer::Tenant && agreement.suites.is_empty() => Err(wrong(
                    &format!("{name}: 施設貸与には貸与するスイートが必要です。"),
                    &format!("{name} leases a suite, but names none."),
                )),
                None => Ok(()),
            }
        }
        FacilityItem::Suite(suite) if suite.places == 0 => {
            Err(wrong(&format!("{name}: 場所数は1以上です。"), &format!("{name} needs at least one place.")))
        }
        FacilityItem::Suite(_) => Ok(()),
        FacilityItem::Terminal(terminal) => match terminal.suite.as_ref().filter(|s| !after.suites.contains_key(*s)) {
            Some(suite) => Err(missing(&name, "suite", suite)),
            None => Ok(()),
        },
        FacilityItem::DeviceTemplate(template) => check_template(before, template),
        FacilityItem::Equipment(unit) => check_equipment(after, &name, unit),
        FacilityItem::Person(person) => check_person(after, &name, person),
    }
}

fn check_person(after: &Facility, name: &str, person: &Person) -> Result<(), Rejection> {
    let granted = person.roles.iter().filter_map(|grant| grant.tenant.as_ref());
    if let Some(tenant) = person.employer.iter().chain(granted).find(|tenant| !after.tenants.contains_key(*tenant)) {
        return Err(missing(name, "tenant", tenant));
    }
    if person.name.ja.trim().is_empty() || person.name.en.trim().is_empty() {
        return Err(wrong(
            &format!("{name}: 氏名とローマ字氏名の両方が必要です。"),
            &format!("{name} needs the name in both scripts; signatures print it."),
        ));
    }
    check_roles(person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        quantity::{Bilingual, Language},
        tenant::{FacilityName, PersonName, Role, RoleGrant, difference},
    };

    fn person(id: &str, roles: &[Role]) -> Person {
        Person {
            id: id.parse().unwrap(),
            name: PersonName { ja: "山田 太郎".into(), en: "Yamada Taro".into() },
            employer: None,
            roles: roles.iter().map(|role| RoleGrant { role: *role, tenant: None, until: None }).collect(),
            language: Language::Ja,
            active: true,
        }
    }

    fn base() -> Vec<FacilityItem> {
        vec![
            FacilityItem::Name(FacilityName {
                name: Bilingual::new("施設", "Facility"),
                permit: "1".into(),
                shifts: Vec::new(),
            }),
            FacilityItem::Person(person("fad", &[Role::Fad])),
            FacilityItem::Person(person("qa", &[Role::Qa])),
        ]
    }

    fn ids() -> (ChangeId, PersonId, PersonId) {
        ("CHG-1".parse().unwrap(), "fad".parse().unwrap(), "qa".parse().unwrap())
    }

    #[test]
    fn the_first_facility_needs_two_people_of_its_own_and_an_empty_journal() {
        let (change, fad, qa) = ids();
        let empty = Facility::default();
        let items = difference(&empty, base());
        assert!(first(&empty, &change, &items, &fad, &qa).is_ok());
        assert_eq!(first(&empty, &change, &items, &fad, &fad).unwrap_err().rule, "SOD-09");
        assert!(first(&empty, &change, &items, &fad, &"stranger".parse().unwrap()).is_err());
        let full = with(&empty, &items);
        assert!(first(&full, &change, &items, &fad, &qa).is_err());
    }

    #[test]
    fn sod_16_a_forbidden_pair_of_roles_is_refused_with_the_person_named() {
        let mut items = base();
        items.push(FacilityItem::Person(person("both", &[Role::Sys, Role::Qa])));
        let refused = check(&Facility::default(), &difference(&Facility::default(), items)).unwrap_err();
        assert_eq!(refused.rule, "SOD-16");
    }

    #[test]
    fn what_refers_to_nothing_is_refused_by_name() {
        let mut items = base();
        let mut stray = person("stray", &[Role::Op]);
        stray.employer = Some("TEN-X".parse().unwrap());
        items.push(FacilityItem::Person(stray));
        let refused = check(&Facility::default(), &difference(&Facility::default(), items)).unwrap_err();
        assert!(refused.said.en.contains("person stray names tenant TEN-X"), "{refused}");
    }

    #[test]
    fn sod_09_and_an_outdated_change_are_refused_at_the_approval() {
        let (change, fad, qa) = ids();
        let facility = with(&Facility::default(), &difference(&Facility::default(), base()));
        let mut leaver = person("qa", &[Role::Qa]);
        leaver.name.en = "Yamada Jiro".into();
        let items = difference(&facility, vec![FacilityItem::Person(leaver)]);
        let pending = PendingChange { items, by: fad.clone(), text: None };
        assert_eq!(approve(&facility, Some(&pending), &change, &fad).unwrap_err().rule, "SOD-09");
        assert!(approve(&facility, Some(&pending), &change, &qa).is_ok());
        let moved = with(&facility, &pending.items);
        assert!(approve(&moved, Some(&pending), &change, &qa).unwrap_err().said.en.contains("propose anew"));
        assert_eq!(approve(&facility, None, &change, &qa).unwrap_err().rule, "not-found");
    }
}
