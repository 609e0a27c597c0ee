//! The difference between a facility file and the facility in force: what `mes facility plan` shows and a person proposes.
//!
//! Pure. An item that is not in the file is left as it is: nothing is ever removed, people are deactivated.

use crate::tenant::{Facility, FacilityItem, ItemChange};

/// The items of a file that are new, or differ from those in force; in the order in which they can be judged: what is referred
/// to comes before what refers to it.
#[must_use]
pub fn difference(facility: &Facility, items: Vec<FacilityItem>) -> Vec<ItemChange> {
    let mut changes: Vec<ItemChange> = items
        .into_iter()
        .map(|new| ItemChange { old: facility.item(&new.key()), new })
        .filter(|change| change.old.as_ref() != Some(&change.new))
        .collect();
    changes.sort_by_key(|change| (rank(&change.new), change.new.key()));
    changes
}

fn rank(item: &FacilityItem) -> u8 {
    match item {
        FacilityItem::Name(_) => 0,
        FacilityItem::Tenant(_) => 1,
        FacilityItem::Suite(_) => 2,
        FacilityItem::Agreement(_) => 3,
        FacilityItem::Terminal(_) => 4,
        FacilityItem::DeviceTemplate(_) => 5,
        FacilityItem::Equipment(_) => 6,
        FacilityItem::Person(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{quantity::Bilingual, tenant::Tenant};

    fn tenant(id: &str, name: &str) -> FacilityItem {
        FacilityItem::Tenant(Tenant { id: id.parse().unwrap(), name: Bilingual::new(name, name) })
    }

    #[test]
    fn the_difference_holds_new_and_changed_items_with_their_old_content() {
        let mut facility = Facility::default();
        facility.adopt(tenant("TEN-A", "a"));
        facility.adopt(tenant("TEN-B", "b"));
        let changes = difference(&facility, vec![tenant("TEN-C", "c"), tenant("TEN-A", "a"), tenant("TEN-B", "new")]);
        let expected = vec![
            ItemChange { new: tenant("TEN-B", "new"), old: Some(tenant("TEN-B", "b")) },
            ItemChange { new: tenant("TEN-C", "c"), old: None },
        ];
        assert_eq!(changes, expected);
    }

    #[test]
    fn an_item_that_leaves_the_file_is_not_removed() {
        let mut facility = Facility::default();
        facility.adopt(tenant("TEN-A", "a"));
        assert!(difference(&facility, Vec::new()).is_empty());
    }
}
