//! What equipment and recipes say, in words: the meaning of a code, a condition clause by clause, a time span, a role's name.
//!
//! The words come from the recipe and the tags' settings; nothing is judged here.

use mes_core::{
    batch::Batch,
    engine::{WriteResult, cause_words},
    historian::SampleValue,
    id::{EquipmentRole, TagId},
    isa88::{Clauses, Expression, RecipeBody, TagRef, TagWords},
    quantity::{Bilingual, decimal_of, round},
    tenant::{Equipment, Facility, Tag},
};
use rust_decimal::Decimal;

use super::{locale::Words, term};

/// A time span in whole minutes and hours: `10 min`, `2 h 30 min`; seconds only below a minute.
pub(crate) fn span(seconds: i64, w: Words) -> String {
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    match (hours, minutes) {
        (0, 0) => w.t1("span-s", "n", seconds),
        (0, minutes) => w.t1("span-min", "n", minutes),
        (hours, 0) => w.t1("span-h", "n", hours),
        (hours, minutes) => format!("{} {}", w.t1("span-h", "n", hours), w.t1("span-min", "n", minutes)),
    }
}

/// What became of a write, with the reason where there is one.
pub(crate) fn written(result: &WriteResult, w: Words) -> String {
    let said = w.t(term::write(result));
    match result {
        WriteResult::Confirmed | WriteResult::NotConfirmed => said,
        WriteResult::Refused { code: reason } | WriteResult::NotSent { reason } | WriteResult::Unknown { reason } => {
            format!("{said} ({})", w.b(&cause_words(reason)))
        }
    }
}

/// What a recipe calls the equipment of a role.
pub(crate) fn role(recipe: &RecipeBody, role: &EquipmentRole) -> Bilingual {
    let needed = recipe.equipment.iter().find(|needed| needed.role == *role);
    needed.map_or_else(|| Bilingual::new(role.as_str(), role.as_str()), |needed| needed.name.clone())
}

/// The settings of a tag, as a batch was issued with them.
pub(crate) fn issued_tag<'a>(batch: &'a Batch, tag: &TagRef) -> Option<&'a Tag> {
    tag_in(batch.issued.equipment.get(&tag.role)?, tag)
}

/// The settings of a tag in the facility, on any equipment of the class that the role asks for.
pub(crate) fn any_tag<'a>(facility: &'a Facility, recipe: &RecipeBody, tag: &TagRef) -> Option<&'a Tag> {
    let class = recipe.equipment.iter().find(|needed| needed.role == tag.role)?.class;
    facility.equipment.values().filter(|unit| unit.class == class).find_map(|unit| tag_in(unit, tag))
}

/// The settings of a device's tag, as a batch was issued with them.
pub(crate) fn device_tag<'a>(batch: &'a Batch, tag: &TagId) -> Option<&'a Tag> {
    let unit = batch.issued.equipment.values().find(|unit| unit.id == tag.equipment)?;
    unit.tags.iter().find(|known| known.name == tag.name)
}

/// What a device gave, with the unit of its tag; nothing when it gave nothing.
pub(crate) fn measured(batch: &Batch, tag: &TagId, value: Option<&SampleValue>, w: Words) -> String {
    let settings = device_tag(batch, tag);
    let unit = settings.map(|tag| tag.unit.shown()).unwrap_or_default();
    value.map(|value| sampled(value, unit, settings, w)).unwrap_or_default()
}

fn tag_in<'a>(equipment: &'a Equipment, tag: &TagRef) -> Option<&'a Tag> {
    equipment.tags.iter().find(|known| known.name == tag.tag)
}

/// A condition in words. The equipment is named where the condition looks at more than one.
pub(crate) fn condition<'a>(
    text: &str,
    recipe: &RecipeBody,
    tag: &dyn Fn(&TagRef) -> Option<&'a Tag>,
) -> Option<(Expression, Clauses)> {
    let expression = Expression::parse(text).ok()?;
    let several = expression.tags().iter().any(|tag| Some(&tag.role) != expression.tags().first().map(|t| &t.role));
    let words = |reference: &TagRef| {
        let known = tag(reference);
        let mut title = known.map_or_else(
            || Bilingual::new(String::from(reference.clone()), String::from(reference.clone())),
            |known| known.title.clone(),
        );
        if several {
            let role = role(recipe, &reference.role);
            title = Bilingual::new(format!("{}の{}", role.ja, title.ja), format!("{} of {}", title.en, role.en));
        }
        TagWords {
            title,
            unit: known.map(|known| known.unit.shown().to_owned()).unwrap_or_default(),
            states: known.map(|known| known.states.clone()).unwrap_or_default(),
        }
    };
    let clauses = expression.clauses(&words);
    Some((expression, clauses))
}

/// A number with its unit; a code with its meaning, and the code behind it.
pub(crate) fn amount(value: Decimal, unit: &str, tag: Option<&Tag>, w: Words) -> String {
    match tag.and_then(|tag| tag.state_of(value)) {
        Some(state) => w.t2("coded", ("meaning", w.b(state)), ("code", value.normalize())),
        None => format!("{value} {unit}").trim().to_owned(),
    }
}

/// What a device gave, as [`amount`] says it, rounded to the tag's decimals.
pub(crate) fn sampled(value: &SampleValue, unit: &str, tag: Option<&Tag>, w: Words) -> String {
    match value.to_f64().and_then(decimal_of) {
        Some(number) => amount(tag.map_or(number, |tag| round(number, tag.decimals)), unit, tag, w),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mes_core::quantity::Language;

    use super::*;

    #[test]
    fn a_span_is_said_in_the_units_that_people_use() {
        for (seconds, en, ja) in [
            (30, "30 s", "30秒"),
            (600, "10 min", "10分"),
            (7200, "2 h", "2時間"),
            (9000, "2 h 30 min", "2時間 30分"),
            (86_400, "24 h", "24時間"),
        ] {
            assert_eq!(
                (span(seconds, Words(Language::En)).as_str(), span(seconds, Words(Language::Ja)).as_str()),
                (en, ja)
            );
        }
    }
}
