//! Expressions of a recipe: calculations over parameters, conditions over tags. Written in CEL, evaluated exactly.
//!
//! Arithmetic is decimal, so that a reviewer with a calculator gets the same digits; only `log2` goes through a binary
//! float. Nothing is rounded here: the caller rounds once, half to even, to the parameter's decimals. A condition in which
//! any tag has no good value is unknown, whatever its other parts say; it is never true by luck.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    grammar::{self, Comparison, EXPRESSION_CHARS_MAX, Number, Tree, Truth},
    recipe::TagRef,
};
use crate::{id::ItemId, quantity::decimal_of};

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number: a calculation.
    Number,
    /// True or false: a condition.
    Condition,
}

/// Why a text is not an expression, or why one has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Nothing is written.
    #[error("the expression is empty")]
    Empty,
    /// Longer than [`EXPRESSION_CHARS_MAX`].
    #[error("the expression has {chars} characters; at most {EXPRESSION_CHARS_MAX} are accepted")]
    TooLong {
        /// Its characters.
        chars: usize,
    },
    /// Not CEL.
    #[error("is not a complete expression; something is wrong in its column {column}, at {near}")]
    Unreadable {
        /// Column of the expression, from 1.
        column: usize,
        /// What stands there.
        near: String,
    },
    /// The parser could not run, or broke.
    #[error("the expression could not be read; write it in a simpler way")]
    NoParser,
    /// CEL, but not for a recipe, or of a wrong type.
    #[error("column {column} of the expression: {sentence}")]
    NotAccepted {
        /// Column of the expression, from 1.
        column: usize,
        /// What is wrong.
        sentence: String,
    },
    /// A number was asked for, but it is a condition.
    #[error("the expression is true or false, not a number")]
    NotANumber,
    /// A condition was asked for, but it is a number.
    #[error("the expression is a number, not true or false")]
    NotACondition,
    /// A name has no value.
    #[error("`{name}` has no value yet")]
    NoValue {
        /// The parameter or tag.
        name: String,
    },
    /// Divided by zero.
    #[error("the calculation divides by zero; check the values it uses")]
    DivisionByZero,
    /// Logarithm of zero or less.
    #[error("log2 of {value} does not exist; it needs a number above zero")]
    Logarithm {
        /// The number.
        value: Decimal,
    },
    /// No decimal of 28 digits holds it.
    #[error("a number becomes too large to calculate with; check the values used")]
    TooLarge,
}

/// A checked expression of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    tree: Tree,
    parameters: BTreeSet<ItemId>,
    tags: BTreeSet<TagRef>,
}

/// Whether a text can be the name of a parameter in an expression.
pub(crate) fn is_name(text: &str) -> bool {
    const TAKEN: [&str; 5] = ["min", "max", "log2", "abs", "round"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // Words that CEL keeps for itself do not parse as a name.
    plain
        && !TAKEN.contains(&text)
        && matches!(grammar::read(text), Ok(Tree::Number(Number::Parameter(id))) if id.as_str() == text)
}

impl Expression {
    /// Reads and type-checks an expression.
    ///
    /// # Errors
    /// A sentence with the column when the text is not CEL, or uses what recipes do not.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let tree = grammar::read(text)?;
        let mut names = Names { parameters: BTreeSet::new(), tags: BTreeSet::new() };
        match &tree {
            Tree::Number(number) => names.of_number(number),
            Tree::Truth(truth) => names.of_truth(truth),
        }
        Ok(Self { text: text.to_owned(), tree, parameters: names.parameters, tags: names.tags })
    }
    /// The text as it stands in the recipe.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// A number or a condition.
    pub fn kind(&self) -> Kind {
        match self.tree {
            Tree::Number(_) => Kind::Number,
            Tree::Truth(_) => Kind::Condition,
        }
    }
    /// The parameters it uses.
    pub fn parameters(&self) -> &BTreeSet<ItemId> {
        &self.parameters
    }
    /// The tags it uses.
    pub fn tags(&self) -> &BTreeSet<TagRef> {
        &self.tags
    }

    /// The result of a calculation, not rounded.
    ///
    /// # Errors
    /// When a parameter has no value, or the result does not exist.
    pub fn evaluate_number(&self, parameters: &BTreeMap<ItemId, Decimal>) -> Result<Decimal, ExpressionError> {
        match &self.tree {
            Tree::Number(number) => Values { parameters, tags: &BTreeMap::new() }.number(number),
            Tree::Truth(_) => Err(ExpressionError::NotANumber),
        }
    }

    /// Whether a condition holds; `None` when any of its tags is missing, has no good value or is not finite.
    ///
    /// # Errors
    /// When it is not a condition over tags, or a calculation in it has no result.
    pub fn evaluate_condition(&self, tags: &BTreeMap<TagRef, Option<f64>>) -> Result<Option<bool>, ExpressionError> {
        let Tree::Truth(truth) = &self.tree else { return Err(ExpressionError::NotACondition) };
        holds(truth, &self.tags, tags)
    }
    /// The condition itself; nothing when it is a calculation.
    pub(super) fn condition(&self) -> Option<&Truth> {
        match &self.tree {
            Tree::Truth(truth) => Some(truth),
            Tree::Number(_) => None,
        }
    }
}

/// Whether a condition over `used` tags holds; `None` when one of them has no good value.
pub(super) fn holds(
    truth: &Truth,
    used: &BTreeSet<TagRef>,
    tags: &BTreeMap<TagRef, Option<f64>>,
) -> Result<Option<bool>, ExpressionError> {
    let mut known = BTreeMap::new();
    for tag in used {
        let Some(value) = tags.get(tag).copied().flatten().filter(|value| value.is_finite()) else {
            return Ok(None);
        };
        known.insert(tag.clone(), decimal_of(value).ok_or(ExpressionError::TooLarge)?);
    }
    Values { parameters: &BTreeMap::new(), tags: &known }.truth(truth).map(Some)
}

/// The tags that a condition names.
pub(super) fn tags_of(truth: &Truth) -> BTreeSet<TagRef> {
    let mut names = Names { parameters: BTreeSet::new(), tags: BTreeSet::new() };
    names.of_truth(truth);
    names.tags
}

/// Collects the names a tree uses.
struct Names {
    parameters: BTreeSet<ItemId>,
    tags: BTreeSet<TagRef>,
}

impl Names {
    fn of_number(&mut self, number: &Number) {
        match number {
            Number::Literal(_) => {}
            Number::Parameter(id) => {
                self.parameters.insert(id.clone());
            }
            Number::Tag(tag) => {
                self.tags.insert(tag.clone());
            }
            Number::Negated(a) | Number::Log2(a) | Number::Absolute(a) => self.of_number(a),
            Number::Sum(both) | Number::Difference(both) | Number::Product(both) | Number::Quotient(both) => {
                both.iter().for_each(|number| self.of_number(number));
            }
            Number::Smallest(all) | Number::Largest(all) => all.iter().for_each(|number| self.of_number(number)),
            Number::Choice(choice) => {
                self.of_truth(&choice.0);
                self.of_number(&choice.1);
                self.of_number(&choice.2);
            }
        }
    }
    fn of_truth(&mut self, truth: &Truth) {
        match truth {
            Truth::Literal(_) => {}
            Truth::Not(a) => self.of_truth(a),
            Truth::All(all) | Truth::Any(all) => all.iter().for_each(|truth| self.of_truth(truth)),
            Truth::Compared(_, both) => both.iter().for_each(|number| self.of_number(number)),
            Truth::Choice(choice) => {
                self.of_truth(&choice.0);
                self.of_truth(&choice.1);
                self.of_truth(&choice.2);
            }
        }
    }
}

/// The values that names stand for.
struct Values<'v> {
    parameters: &'v BTreeMap<ItemId, Decimal>,
    tags: &'v BTreeMap<TagRef, Decimal>,
}

impl Values<'_> {
    fn number(&self, number: &Number) -> Result<Decimal, ExpressionError> {
        let both = |both: &[Number; 2]| {
            let [a, b] = both;
            Ok::<_, ExpressionError>((self.number(a)?, self.number(b)?))
        };
        let large = ExpressionError::TooLarge;
        match number {
            Number::Literal(value) => Ok(*value),
            Number::Parameter(id) => {
                self.parameters.get(id).copied().ok_or_else(|| ExpressionError::NoValue { name: id.to_string() })
            }
            Number::Tag(tag) => {
                self.tags.get(tag).copied().ok_or_else(|| ExpressionError::NoValue { name: tag.clone().into() })
            }
            Number::Negated(a) => Ok(-self.number(a)?),
            Number::Absolute(a) => Ok(self.number(a)?.abs()),
            Number::Sum(terms) => both(terms).and_then(|(a, b)| a.checked_add(b).ok_or(large)),
            Number::Difference(terms) => both(terms).and_then(|(a, b)| a.checked_sub(b).ok_or(large)),
            Number::Product(terms) => both(terms).and_then(|(a, b)| a.checked_mul(b).ok_or(large)),
            Number::Quotient(terms) => match both(terms)? {
                (_, b) if b.is_zero() => Err(ExpressionError::DivisionByZero),
                (a, b) => a.checked_div(b).ok_or(large),
            },
            Number::Choice(choice) => {
                if self.truth(&choice.0)? {
                    self.number(&choice.1)
                } else {
                    self.number(&choice.2)
                }
            }
            Number::Smallest(all) => self.extreme(all, Ordering::Less),
            Number::Largest(all) => self.extreme(all, Ordering::Greater),
            Number::Log2(a) => {
                let value = self.number(a)?;
                if value <= Decimal::ZERO {
                    return Err(ExpressionError::Logarithm { value });
                }
                value.to_f64().map(f64::log2).and_then(decimal_of).ok_or(large)
            }
        }
    }

    fn extreme(&self, all: &[Number], wanted: Ordering) -> Result<Decimal, ExpressionError> {
        let mut best: Option<Decimal> = None;
        for number in all {
            let value = self.number(number)?;
            if best.is_none_or(|best| value.cmp(&best) == wanted) {
                best = Some(value);
            }
        }
        best.ok_or(ExpressionError::Empty)
    }

    fn truth(&self, truth: &Truth) -> Result<bool, ExpressionError> {
        match truth {
            Truth::Literal(truth) => Ok(*truth),
            Truth::Not(a) => Ok(!self.truth(a)?),
            // As CEL has it, a part that decides makes up for a later part that has no result.
            Truth::All(all) => self.until(all, false),
            Truth::Any(all) => self.until(all, true),
            Truth::Choice(choice) => {
                if self.truth(&choice.0)? {
                    self.truth(&choice.1)
                } else {
                    self.truth(&choice.2)
                }
            }
            Truth::Compared(comparison, both) => {
                let [a, b] = &**both;
                let order = self.number(a)?.cmp(&self.number(b)?);
                Ok(match comparison {
                    Comparison::Less => order == Ordering::Less,
                    Comparison::LessOrEqual => order != Ordering::Greater,
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                    Comparison::Equal => order == Ordering::Equal,
                    Comparison::NotEqual => order != Ordering::Equal,
                })
            }
        }
    }

    /// The first part that equals `deciding` decides; otherwise the first error counts, or the opposite holds.
    fn until(&self, all: &[Truth], deciding: bool) -> Result<bool, ExpressionError> {
        let mut failed = None;
        for truth in all {
            match self.truth(truth) {
                Ok(value) if value == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(!deciding), Err)
    }
}
