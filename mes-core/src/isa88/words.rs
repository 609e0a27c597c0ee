//! A condition of a recipe in words, clause by clause: what a person reads beside the equipment instead of the expression.
//!
//! What is evaluated is the expression alone; these words follow from its tree and change nothing. Names, units and the
//! meaning of codes come from the tags' settings, through the caller.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{
    expression::{Expression, ExpressionError, holds, tags_of},
    grammar::{Comparison, Number, Truth},
    recipe::TagRef,
};
use crate::{quantity::Bilingual, tenant::TagState};

/// How people call a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagWords {
    /// Its name.
    pub title: Bilingual,
    /// Its unit as people see it; empty for a pure number.
    pub unit: String,
    /// What its codes mean.
    pub states: Vec<TagState>,
}

/// A part of a condition that can be looked at alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// In words.
    pub words: Bilingual,
    /// The tags it looks at.
    pub tags: BTreeSet<TagRef>,
    truth: Truth,
}

impl Clause {
    /// Whether it holds; `None` when one of its tags has no good value.
    ///
    /// # Errors
    /// When a calculation in it has no result.
    pub fn holds(&self, tags: &BTreeMap<TagRef, Option<f64>>) -> Result<Option<bool>, ExpressionError> {
        holds(&self.truth, &self.tags, tags)
    }
}

/// A condition, taken apart where it is `and` or `or` throughout.
#[derive(Debug, Clone, PartialEq)]
pub struct Clauses {
    /// All of them must hold; otherwise one is enough.
    pub all: bool,
    /// The parts, in the order in which they are written.
    pub parts: Vec<Clause>,
}

impl Clauses {
    /// The whole condition in one sentence.
    pub fn words(&self) -> Bilingual {
        joined(self.parts.iter().map(|part| part.words.clone()), self.all)
    }
}

impl Expression {
    /// The condition in words; a calculation has none.
    pub fn clauses(&self, name: &dyn Fn(&TagRef) -> TagWords) -> Clauses {
        let say = Say { name };
        let part = |truth: Truth| Clause { words: say.truth(&truth), tags: tags_of(&truth), truth };
        match self.condition() {
            None => Clauses { all: true, parts: Vec::new() },
            Some(Truth::Any(any)) => {
                Clauses { all: false, parts: flat(any, false).into_iter().cloned().map(part).collect() }
            }
            Some(Truth::All(all)) => {
                Clauses { all: true, parts: paired(flat(all, true)).into_iter().map(part).collect() }
            }
            Some(one) => Clauses { all: true, parts: vec![part(one.clone())] },
        }
    }
}

/// `a && (b && c)` is three parts.
fn flat(parts: &[Truth], all: bool) -> Vec<&Truth> {
    let mut found = Vec::new();
    for part in parts {
        match part {
            Truth::All(inner) if all => found.extend(flat(inner, all)),
            Truth::Any(inner) if !all => found.extend(flat(inner, all)),
            other => found.push(other),
        }
    }
    found
}

/// The two ends of one range are one part.
fn paired(parts: Vec<&Truth>) -> Vec<Truth> {
    let mut found: Vec<Truth> = Vec::new();
    for part in parts {
        let both = found.last().map(|last| Truth::All(vec![last.clone(), part.clone()]));
        match both.filter(|both| range(both).is_some()) {
            Some(both) => {
                found.pop();
                found.push(both);
            }
            None => found.push(part.clone()),
        }
    }
    found
}

/// A comparison with the number that varies on its left.
fn turned(truth: &Truth) -> Option<(&Number, Comparison, &Number)> {
    let Truth::Compared(comparison, both) = truth else { return None };
    let [a, b] = &**both;
    let mirrored = match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same @ (Comparison::Equal | Comparison::NotEqual) => *same,
    };
    Some(if matches!(a, Number::Literal(_)) { (b, mirrored, a) } else { (a, *comparison, b) })
}

/// What lies between two ends, both included.
fn range(truth: &Truth) -> Option<(&Number, Decimal, Decimal)> {
    let Truth::All(ends) = truth else { return None };
    let [first, second] = ends.as_slice() else { return None };
    let ((a, above, low), (b, below, high)) = turned(first).zip(turned(second))?;
    let (Number::Literal(x), Number::Literal(y)) = (low, high) else { return None };
    match (above, below) {
        _ if a != b => None,
        (Comparison::GreaterOrEqual, Comparison::LessOrEqual) => Some((a, *x, *y)),
        (Comparison::LessOrEqual, Comparison::GreaterOrEqual) => Some((a, *y, *x)),
        _ => None,
    }
}

fn joined(parts: impl Iterator<Item = Bilingual>, all: bool) -> Bilingual {
    let (ja, en): (Vec<String>, Vec<String>) = parts.map(|part| (part.ja, part.en)).unzip();
    let (and_ja, and_en) = if all { ("、かつ", " and ") } else { ("、または", " or ") };
    Bilingual::new(ja.join(and_ja), en.join(and_en))
}

struct Say<'n> {
    name: &'n dyn Fn(&TagRef) -> TagWords,
}

impl Say<'_> {
    fn truth(&self, truth: &Truth) -> Bilingual {
        match truth {
            Truth::Literal(true) => Bilingual::new("常に成立", "always"),
            Truth::Literal(false) => Bilingual::new("成立しない", "never"),
            Truth::Not(a) => {
                let a = self.truth(a);
                Bilingual::new(format!("「{}」でない", a.ja), format!("not ({})", a.en))
            }
            Truth::All(_) if range(truth).is_some() => self.within(truth),
            Truth::All(all) => joined(paired(flat(all, true)).iter().map(|part| self.inner(part)), true),
            Truth::Any(any) => joined(flat(any, false).into_iter().map(|part| self.inner(part)), false),
            Truth::Choice(choice) => {
                let (when, then, other) = (self.truth(&choice.0), self.truth(&choice.1), self.truth(&choice.2));
                Bilingual::new(
                    format!("{} のときは {}、それ以外は {}", when.ja, then.ja, other.ja),
                    format!("if {}: {}; otherwise {}", when.en, then.en, other.en),
                )
            }
            Truth::Compared(..) => self.compared(truth),
        }
    }

    /// A part within a larger sentence: in brackets where it is one itself.
    fn inner(&self, truth: &Truth) -> Bilingual {
        let said = self.truth(truth);
        match truth {
            Truth::All(_) if range(truth).is_some() => said,
            Truth::All(_) | Truth::Any(_) | Truth::Choice(_) => {
                Bilingual::new(format!("({})", said.ja), format!("({})", said.en))
            }
            Truth::Literal(_) | Truth::Not(_) | Truth::Compared(..) => said,
        }
    }

    fn within(&self, truth: &Truth) -> Bilingual {
        let Some((number, low, high)) = range(truth) else { return Bilingual::default() };
        let (name, unit) = (self.number(number), self.unit(number));
        Bilingual::new(
            format!("{}が {low} – {high}{unit} の範囲", name.ja),
            format!("{} within {low} – {high}{unit}", name.en),
        )
    }

    fn compared(&self, truth: &Truth) -> Bilingual {
        let Some((left, comparison, right)) = turned(truth) else { return Bilingual::default() };
        let name = self.number(left);
        if let Some(state) = self.state(left, right) {
            match comparison {
                Comparison::Equal => {
                    return Bilingual::new(
                        format!("{}が「{}」", name.ja, state.ja),
                        format!("{} is “{}”", name.en, state.en),
                    );
                }
                Comparison::NotEqual => {
                    return Bilingual::new(
                        format!("{}が「{}」以外", name.ja, state.ja),
                        format!("{} is not “{}”", name.en, state.en),
                    );
                }
                _ => {}
            }
        }
        let (to, unit) = (self.number(right), self.unit(left));
        let (after, before) = match comparison {
            Comparison::Less => ("未満", "below"),
            Comparison::LessOrEqual => ("以下", "at most"),
            Comparison::Greater => ("を超える", "above"),
            Comparison::GreaterOrEqual => ("以上", "at least"),
            Comparison::Equal => ("に等しい", "equal to"),
            Comparison::NotEqual => ("以外", "other than"),
        };
        let unit = if matches!(right, Number::Literal(_)) { unit } else { String::new() };
        Bilingual::new(
            format!("{}が {}{unit} {after}", name.ja, to.ja),
            format!("{} {before} {}{unit}", name.en, to.en),
        )
    }

    /// What a code means, when a tag is compared with one.
    fn state(&self, left: &Number, right: &Number) -> Option<Bilingual> {
        let (Number::Tag(tag), Number::Literal(value)) = (left, right) else { return None };
        let states = (self.name)(tag).states;
        states.into_iter().find(|state| Decimal::from(state.code) == *value).map(|state| state.text)
    }

    /// The unit of a tag that is compared, with a space before it.
    fn unit(&self, number: &Number) -> String {
        match number {
            Number::Tag(tag) => Some((self.name)(tag).unit).filter(|unit| !unit.is_empty()),
            _ => None,
        }
        .map(|unit| format!(" {unit}"))
        .unwrap_or_default()
    }

    fn number(&self, number: &Number) -> Bilingual {
        let both = |both: &[Number; 2], sign: &str| {
            let [a, b] = both;
            let (a, b) = (self.number(a), self.number(b));
            Bilingual::new(format!("({} {sign} {})", a.ja, b.ja), format!("({} {sign} {})", a.en, b.en))
        };
        let of = |what: &str, all: &[Number]| {
            let (ja, en): (Vec<String>, Vec<String>) =
                all.iter().map(|number| self.number(number)).map(|said| (said.ja, said.en)).unzip();
            Bilingual::new(format!("{what}({})", ja.join("、")), format!("{what}({})", en.join(", ")))
        };
        match number {
            Number::Literal(value) => Bilingual::new(value.to_string(), value.to_string()),
            Number::Parameter(id) => Bilingual::new(id.as_str(), id.as_str()),
            Number::Tag(tag) => (self.name)(tag).title,
            Number::Negated(a) => of("−", std::slice::from_ref(&**a)),
            Number::Absolute(a) => of("abs", std::slice::from_ref(&**a)),
            Number::Log2(a) => of("log2", std::slice::from_ref(&**a)),
            Number::Sum(terms) => both(terms, "+"),
            Number::Difference(terms) => both(terms, "−"),
            Number::Product(terms) => both(terms, "×"),
            Number::Quotient(terms) => both(terms, "÷"),
            Number::Smallest(all) => of("min", all),
            Number::Largest(all) => of("max", all),
            Number::Choice(choice) => {
                let (when, then, other) = (self.truth(&choice.0), self.number(&choice.1), self.number(&choice.2));
                Bilingual::new(
                    format!("({} のときは {}、それ以外は {})", when.ja, then.ja, other.ja),
                    format!("(if {}: {}; otherwise {})", when.en, then.en, other.en),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(tag: &TagRef) -> TagWords {
        let words = |ja: &str, en: &str, unit: &str| TagWords {
            title: Bilingual::new(ja, en),
            unit: unit.to_owned(),
            states: Vec::new(),
        };
        match tag.tag.as_str() {
            "glucose" => words("グルコース", "Glucose", "mmol/L"),
            "vcd" => words("生細胞密度", "Viable cell density", "10⁶/mL"),
            "door" => TagWords {
                states: vec![TagState { code: 0, text: Bilingual::new("閉", "closed") }],
                ..words("扉", "Door", "")
            },
            _ => words("温度", "Temperature", "°C"),
        }
    }

    fn said(text: &str) -> (bool, Vec<Bilingual>) {
        let clauses = Expression::parse(text).unwrap().clauses(&name);
        (clauses.all, clauses.parts.into_iter().map(|part| part.words).collect())
    }

    #[test]
    fn each_part_of_a_condition_is_a_sentence() {
        let (all, parts) = said("reactor.vcd >= 0.22 || reactor.glucose < 4.5");
        assert!(!all);
        assert_eq!(
            parts[0],
            Bilingual::new("生細胞密度が 0.22 10⁶/mL 以上", "Viable cell density at least 0.22 10⁶/mL")
        );
        assert_eq!(parts[1], Bilingual::new("グルコースが 4.5 mmol/L 未満", "Glucose below 4.5 mmol/L"));
    }

    #[test]
    fn the_two_ends_of_a_range_are_one_part_and_a_code_is_its_meaning() {
        let (all, parts) = said("i.t >= 36.5 && 37.5 >= i.t && i.door == 0");
        assert!(all);
        assert_eq!(
            parts,
            [
                Bilingual::new("温度が 36.5 – 37.5 °C の範囲", "Temperature within 36.5 – 37.5 °C"),
                Bilingual::new("扉が「閉」", "Door is “closed”"),
            ]
        );
    }

    #[test]
    fn what_is_nested_is_in_brackets_and_no_tag_is_called_by_its_code() {
        let (_, parts) = said("i.t > 30.0 && (r.glucose < 1 || r.vcd != 2)");
        assert_eq!(parts[1].en, "Glucose below 1 mmol/L or Viable cell density other than 2 10⁶/mL");
        let (_, parts) = said("!(i.t > 30.0 && (r.glucose - r.vcd < 1 || r.vcd != 2))");
        assert_eq!(
            parts[0].en,
            "not (Temperature above 30 °C and ((Glucose − Viable cell density) below 1 or Viable cell density other \
             than 2 10⁶/mL))"
        );
        assert!(!parts[0].ja.contains("r."), "{}", parts[0].ja);
    }

    #[test]
    fn a_part_is_judged_alone_and_unknown_without_a_good_value() {
        let clauses = Expression::parse("r.vcd >= 0.22 || r.glucose < 4.5").unwrap().clauses(&name);
        let tag = |text: &str| TagRef::try_from(text.to_owned()).unwrap();
        let values = BTreeMap::from([(tag("r.vcd"), Some(0.3)), (tag("r.glucose"), None)]);
        let held: Vec<_> = clauses.parts.iter().map(|part| part.holds(&values).unwrap()).collect();
        assert_eq!(held, [Some(true), None]);
    }
}
