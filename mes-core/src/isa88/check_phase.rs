//! Whether one phase makes sense: it has content, what it names exists, and it is signed as its kind demands.
//!
//! It looks back at earlier phases (hold times, values a calculation needs), never forward.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::{
    check::Checker,
    expression::{Expression, Kind},
    finding::Path,
    recipe::{Phase, PhaseKind, RecordItem, SetPoint, SignOff, TagRef, Watch},
    unit,
};
use crate::id::ItemId;

/// Most minutes of a phase, hands-on or unattended: 100 days.
pub(crate) const PHASE_MIN_MAX: u32 = 144_000;

/// Judges one phase and remembers the values it gives.
pub(crate) fn check<'r>(checker: &mut Checker<'r>, at: &Path, phase: &'r Phase) {
    checker.text(&at.field("name"), &phase.name);
    checker.text(&at.field("instruction"), &phase.instruction);
    for (field, minutes) in [("hands_on_min", phase.hands_on_min), ("unattended_min", phase.unattended_min)] {
        if minutes > PHASE_MIN_MAX {
            checker.say(&at.field(field), format!("{minutes} min is more than 100 days; times of work are in minutes"));
        }
    }
    signed(checker, at, phase);
    content(checker, &at.field("do"), phase);
    items_differ(checker, at, phase);
    let watches = at.field("watch");
    checker.length(&watches, phase.watch.len(), None);
    for (index, watch) in phase.watch.iter().enumerate() {
        check_watch(checker, &watches.index(index), watch);
    }
    if let Some(hold) = &phase.hold {
        let at = at.field("hold");
        if !checker.earlier.contains(&&hold.since) {
            let since = &hold.since;
            checker.say(
                &at.field("since"),
                format!("`{since}` is not a phase before this one; the time counts from its completion"),
            );
        }
        if hold.max_s == 0 {
            checker.say(&at.field("max_s"), "a hold time of 0 s can never be kept");
        }
        if hold.min_s > hold.max_s {
            let (min, max) = (hold.min_s, hold.max_s);
            checker.say(
                &at.field("min_s"),
                format!("not earlier than {min} s and not later than {max} s cannot both be kept"),
            );
        }
        checker.time_s(&at.field("max_s"), hold.max_s);
    }
}

/// Line clearance and identity check need a second person; yield needs at least the performer.
fn signed(checker: &mut Checker<'_>, at: &Path, phase: &Phase) {
    let (kind, least, word) = match phase.kind {
        PhaseKind::LineClearance { .. } => ("line clearance", SignOff::Verified, "verified"),
        PhaseKind::IdentityCheck => ("identity check", SignOff::Verified, "verified"),
        PhaseKind::Yield { .. } => ("yield", SignOff::Performed, "performed"),
        PhaseKind::Instruction
        | PhaseKind::Record { .. }
        | PhaseKind::Calculate { .. }
        | PhaseKind::Set { .. }
        | PhaseKind::Wait { .. } => return,
    };
    let enough = match least {
        SignOff::None => true,
        SignOff::Performed => phase.sign != SignOff::None,
        SignOff::Verified => phase.sign == SignOff::Verified,
    };
    if !enough {
        checker.say(&at.field("sign"), format!("{kind} has to be signed at least `{word}`"));
    }
}

fn content<'r>(checker: &mut Checker<'r>, at: &Path, phase: &'r Phase) {
    match &phase.kind {
        PhaseKind::Instruction | PhaseKind::IdentityCheck => {}
        PhaseKind::Record { items } => {
            let at = at.field("items");
            checker.length(&at, items.len(), Some("nothing is recorded; name at least one parameter"));
            record(checker, &at, phase, items);
        }
        PhaseKind::Calculate { items } => {
            let at = at.field("items");
            checker.length(&at, items.len(), Some("nothing is calculated; name at least one parameter"));
            calculate(checker, &at, phase, items);
        }
        PhaseKind::Set { points } => {
            let at = at.field("points");
            checker.length(&at, points.len(), Some("nothing is set; name at least one set-point"));
            for (index, point) in points.iter().enumerate() {
                set_point(checker, &at.index(index), point);
            }
        }
        PhaseKind::Wait { condition, for_s, max_s } => wait(checker, at, condition, *for_s, *max_s),
        PhaseKind::LineClearance { lines } => {
            let at = at.field("lines");
            checker.length(&at, lines.len(), Some("the checklist is empty; name at least one line"));
            for (index, line) in lines.iter().enumerate() {
                checker.text(&at.index(index).field("text"), &line.text);
            }
        }
        PhaseKind::Yield { items, calculate: calculated } => {
            let none = "a yield calculates at least one parameter";
            checker.length(&at.field("calculate"), calculated.len(), Some(none));
            checker.length(&at.field("items"), items.len(), None);
            record(checker, &at.field("items"), phase, items);
            calculate(checker, &at.field("calculate"), phase, calculated);
        }
    }
}

/// The items of one phase must differ: the record finds a value by phase and item.
fn items_differ(checker: &mut Checker<'_>, at: &Path, phase: &Phase) {
    let at_do = at.field("do");
    let mut names: Vec<(Path, &ItemId)> = match &phase.kind {
        PhaseKind::Set { points } => {
            points.iter().enumerate().map(|(i, p)| (at_do.field("points").index(i), &p.item)).collect()
        }
        PhaseKind::LineClearance { lines } => {
            lines.iter().enumerate().map(|(i, l)| (at_do.field("lines").index(i), &l.item)).collect()
        }
        // That a parameter is named twice is found by `valued`; here it only must not meet a watch.
        PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
            let parameters: BTreeSet<&ItemId> = items.iter().map(|item| &item.parameter).collect();
            parameters.into_iter().map(|parameter| (at_do.clone(), parameter)).collect()
        }
        PhaseKind::Instruction | PhaseKind::IdentityCheck | PhaseKind::Calculate { .. } | PhaseKind::Wait { .. } => {
            Vec::new()
        }
    };
    names.extend(phase.watch.iter().enumerate().map(|(i, w)| (at.field("watch").index(i), &w.item)));
    checker.unique("item of this phase", names);
}

/// The parameter gets its value here: it must exist, and nowhere else get one.
fn valued<'r>(checker: &mut Checker<'r>, at: &Path, phase: &'r Phase, id: &'r ItemId, calculated: bool) {
    let body = checker.body;
    let Some(parameter) = body.parameter(id) else {
        checker.say(at, format!("there is no parameter `{id}` in the formula"));
        return;
    };
    match (parameter.expression.is_some(), calculated) {
        (true, false) => checker.say(at, format!("`{id}` has an expression: it is calculated, not recorded")),
        (false, true) => checker.say(at, format!("`{id}` has no expression; give it one, or record it instead")),
        (true, true) | (false, false) => {}
    }
    if let Some(first) = checker.valued_in.insert(id, &phase.id) {
        checker.say(at, format!("`{id}` already gets its value in phase `{first}`; a name stands for one value"));
    }
}

fn record<'r>(checker: &mut Checker<'r>, at: &Path, phase: &'r Phase, items: &'r [RecordItem]) {
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        valued(checker, &at.field("parameter"), phase, &item.parameter, false);
        if let Some(tag) = &item.from {
            tag_exists(checker, &at.field("from"), tag);
        }
    }
}

fn calculate<'r>(checker: &mut Checker<'r>, at: &Path, phase: &'r Phase, items: &'r [ItemId]) {
    let body = checker.body;
    for (index, id) in items.iter().enumerate() {
        let at = at.index(index);
        let text = body.parameter(id).and_then(|parameter| parameter.expression.as_deref());
        // A broken expression is reported once, at the parameter.
        if let Some(Ok(expression)) = text.map(Expression::parse) {
            for needed in expression.parameters() {
                let valued = checker.valued_in.contains_key(needed) || checker.constants.contains(needed);
                if body.parameter(needed).is_some() && !valued && needed != id {
                    checker.say(
                        &at,
                        format!("`{id}` is calculated from `{needed}`, which has no value yet at this point"),
                    );
                }
            }
        }
        valued(checker, &at, phase, id, true);
    }
}

fn set_point(checker: &mut Checker<'_>, at: &Path, point: &SetPoint) {
    checker.text(&at.field("name"), &point.name);
    tag_exists(checker, &at.field("to"), &point.to);
    if let Err(sentence) = unit::check(&point.unit) {
        checker.say(&at.field("unit"), sentence);
    }
    if point.tolerance < Decimal::ZERO {
        checker.say(&at.field("tolerance"), "the accepted difference on read-back cannot be negative");
    }
}

fn wait(checker: &mut Checker<'_>, at: &Path, condition: &str, for_s: u32, max_s: u32) {
    if max_s == 0 || for_s > max_s {
        checker.say(
            &at.field("max_s"),
            format!("a condition that holds for {for_s} s cannot come about within {max_s} s"),
        );
    }
    checker.time_s(&at.field("max_s"), max_s);
    let at = at.field("condition");
    let expression = match Expression::parse(condition) {
        Ok(expression) => expression,
        Err(error) => return checker.say(&at, error.to_string()),
    };
    if expression.kind() != Kind::Condition {
        checker.say(&at, "is a number; a condition is true or false, such as `reactor.glucose < 4.5`");
    }
    for name in expression.parameters() {
        checker.say(&at, format!("`{name}` is not a tag; a condition compares tags of equipment, written role.tag"));
    }
    if expression.tags().is_empty() {
        checker.say(&at, "names no tag of any equipment, so it would never change");
    }
    for tag in expression.tags() {
        tag_exists(checker, &at, tag);
    }
}

fn check_watch(checker: &mut Checker<'_>, at: &Path, watch: &Watch) {
    checker.text(&at.field("name"), &watch.name);
    tag_exists(checker, &at.field("tag"), &watch.tag);
    checker.range(&at.field("range"), &watch.range);
    if watch.range.low.is_none() && watch.range.high.is_none() {
        checker.say(&at.field("range"), "has neither a low nor a high end, so nothing would be watched");
    }
    checker.time_s(&at.field("for_s"), watch.for_s);
}

fn tag_exists(checker: &mut Checker<'_>, at: &Path, tag: &TagRef) {
    let TagRef { role, tag } = tag;
    match checker.roles.get(role) {
        None => {
            let known: Vec<&str> = checker.roles.keys().map(|role| role.as_str()).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
            checker.say(at, format!("there is no equipment with the role `{role}`; {known}"));
        }
        Some(requirement) if !requirement.tags.contains(tag) => {
            checker.say(at, format!("`{tag}` is not among the tags that the recipe requires of `{role}`; add it there, or correct the name"));
        }
        Some(_) => {}
    }
}
