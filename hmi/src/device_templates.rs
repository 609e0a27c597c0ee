//! Device templates between the facility, which keeps their texts as entries, and the drivers, which read them.
//!
//! What is in force comes from entries. The templates that come with the program are offered for import and used for
//! nothing else, except for a device record of the time before templates were entries.

use std::{borrow::Cow, path::Path};

use equipment_drivers::{
    DeviceTag, Template, TemplateError, Templates,
    template::{Access, Protocol},
};
use mes_core::{
    access::Rejection,
    tenant::{DeviceTemplate, Facility, FacilityItem, FacilityReadError, ItemChange, LinkSettings, Tag, read_facility},
};

use crate::file_drop::folder_of;

/// The templates that come with the program, with their texts.
pub fn offered() -> impl Iterator<Item = DeviceTemplate> {
    Templates::texts().filter_map(|text| DeviceTemplate::read(text).ok())
}

/// Reads a facility file; a template that it imports is one of those offered.
///
/// # Errors
/// Where the file is wrong.
pub fn read_file(yaml: &str) -> Result<Vec<FacilityItem>, FacilityReadError> {
    read_facility(yaml, |name| offered().find(|template| template.name == name).map(|template| template.yaml))
}

/// What the drivers have against the items of a change, on the facility as it would stand with them. The rest is judged
/// where the change is decided.
///
/// # Errors
/// The template or the device, and what is wrong with it.
pub fn check<'a>(facility: &Facility, items: impl Iterator<Item = &'a FacilityItem>) -> Result<(), String> {
    let items: Vec<&FacilityItem> = items.collect();
    let mut after = facility.clone();
    items.iter().for_each(|item| after.adopt((*item).clone()));
    for item in items {
        match item {
            FacilityItem::DeviceTemplate(template) => drop(parsed(template).map_err(|error| error.to_string())?),
            FacilityItem::Equipment(unit) => {
                let (name, version) = (&unit.link.template, unit.link.template_version);
                // A template that does not exist is refused where the change is decided.
                let Some(template) = after.device_template(name, version) else { continue };
                let template = parsed(template).map_err(|error| error.to_string())?;
                template.fits(&tags(&unit.tags)).map_err(|error| format!("equipment {}: {error}", unit.id))?;
                if template.protocol == Protocol::File {
                    let folder = folder_of(&unit.link.address, Path::new(""));
                    folder.map_err(|error| format!("equipment {}: {error}", unit.id))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The same, said about a proposed change.
///
/// # Errors
/// What the drivers have against it.
pub fn judge(facility: &Facility, items: &[ItemChange]) -> Result<(), Rejection> {
    check(facility, items.iter().map(|change| &change.new)).map_err(|said| {
        Rejection::new(
            "MB-02",
            format!("この機器とは通信できません({said})。修正して申請してください。"),
            format!("The drivers cannot speak to this: {said}. Correct it and propose again."),
        )
    })
}

fn parsed(template: &DeviceTemplate) -> Result<Template, TemplateError> {
    Template::parse(&format!("device template {}", template.key()), &template.yaml)
}

/// The text by which a device is spoken to; none when no such template ever came into force.
pub fn text_for<'a>(facility: &'a Facility, link: &LinkSettings) -> Option<Cow<'a, str>> {
    let (name, version) = (&link.template, link.template_version);
    let of_before =
        || offered().find(|one| one.name == *name && one.version == version).map(|one| Cow::Owned(one.yaml));
    facility.device_template(name, version).map(|known| Cow::Borrowed(known.yaml.as_str())).or_else(of_before)
}

/// The template of one device: it writes only what the device's own record lets be written (MB-05).
///
/// # Errors
/// What the drivers have against the text.
pub fn template_for(link: &LinkSettings, tags: &[Tag], text: &str) -> Result<Template, TemplateError> {
    let mut template = Template::parse(&format!("device template {}", link.template), text)?;
    for tag in &mut template.tags {
        let writable = tags.iter().any(|known| known.name == tag.name && known.writable);
        if !writable {
            tag.access = Access::Read;
        }
    }
    Ok(template)
}

/// A device's tags as the facility narrows them.
pub fn tags(tags: &[Tag]) -> Vec<DeviceTag> {
    let tag = |tag: &Tag| DeviceTag {
        name: tag.name.clone(),
        unit: tag.unit.clone(),
        range: tag.limits.range.clone(),
        stale_after_s: tag.limits.stale_after_s,
    };
    tags.iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use mes_core::tenant::Equipment;

    use super::*;

    fn demo() -> (Facility, Vec<FacilityItem>) {
        (Facility::default(), read_file(include_str!("../demo/facility.yaml")).unwrap())
    }

    fn incubator(items: &mut [FacilityItem]) -> &mut Equipment {
        let found = items.iter_mut().find_map(|item| match item {
            FacilityItem::Equipment(unit) if unit.id.as_str() == "INC-01" => Some(unit),
            _ => None,
        });
        found.unwrap()
    }

    #[test]
    fn every_template_offered_is_read_by_the_core_and_by_the_drivers_alike() {
        let all: Vec<_> = offered().collect();
        assert_eq!(all.len(), Templates::texts().count());
        for one in &all {
            let theirs = parsed(one).unwrap();
            assert_eq!((&theirs.name, &theirs.summary), (&one.name, &one.summary));
            assert_eq!(theirs.tags.len(), one.tags.len());
            for (theirs, ours) in theirs.tags.iter().zip(&one.tags) {
                assert_eq!((&theirs.name, &theirs.unit, theirs.is_writable()), (&ours.name, &ours.unit, ours.writable));
            }
        }
    }

    #[test]
    fn what_the_drivers_cannot_speak_is_refused_before_it_is_proposed() {
        let (facility, items) = demo();
        check(&facility, items.iter()).unwrap();
        let mut wrong = items.clone();
        incubator(&mut wrong).tags[0].limits.stale_after_s = 0;
        assert!(check(&facility, wrong.iter()).unwrap_err().contains("equipment INC-01"));
        let mut wrong = items;
        for item in &mut wrong {
            if let FacilityItem::DeviceTemplate(template) = item {
                template.yaml = template.yaml.replace("poll_s:", "pol_s:");
            }
        }
        assert!(check(&facility, wrong.iter()).unwrap_err().contains("is not a device template"));
    }

    #[test]
    fn mb_05_a_tag_is_written_only_when_the_device_record_says_so() {
        let (mut facility, mut items) = demo();
        items.iter().for_each(|item| facility.adopt(item.clone()));
        let unit = incubator(&mut items);
        let setpoint = "temperature_setpoint".parse().unwrap();
        let writes = |unit: &Equipment| {
            let text = text_for(&facility, &unit.link).unwrap();
            let template = template_for(&unit.link, &unit.tags, &text).unwrap();
            template.tag(&setpoint).unwrap().is_writable()
        };
        assert!(writes(unit));
        unit.tags.iter_mut().for_each(|tag| tag.writable = false);
        assert!(!writes(unit));
    }

    #[test]
    fn a_device_of_the_time_before_is_spoken_to_by_what_came_with_the_program() {
        let (facility, mut items) = demo();
        let unit = incubator(&mut items);
        assert!(text_for(&facility, &unit.link).is_some_and(|text| text.contains("name: co2-incubator")));
        unit.link.template_version = 2;
        assert_eq!(text_for(&facility, &unit.link), None);
    }
}
