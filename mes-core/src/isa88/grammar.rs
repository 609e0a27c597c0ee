//! What of CEL a recipe may use, and its types: the step from CEL's syntax tree to a tree that can only be evaluated.
//!
//! CEL's parser reads the text. Everything not listed here (strings, lists, macros, other functions) is refused with a
//! sentence. There is one type of number, decimal: `7 / 2` is 3.5. A tree is either a number or a truth, by construction.

use std::thread;

use cel::{
    Program,
    common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators as op},
};
use rust_decimal::Decimal;

use super::{expression::ExpressionError, recipe::TagRef};
use crate::{id::ItemId, quantity::decimal_of};

/// Longest expression in characters.
pub(crate) const EXPRESSION_CHARS_MAX: usize = 1_000;
/// Deepest nesting of brackets and operations.
const NESTING_MAX: usize = 24;
/// Most operators and points in one expression.
const OPERATORS_MAX: usize = 150;
/// Most signs that nest without brackets: `-`, `!`, `?`, `:`.
const SIGNS_MAX: usize = 48;
/// Stack of the thread that parses, in bytes. CEL's parser takes up to 160 kB per level of nesting in a debug build, more
/// than the stack of the caller may have left; the limits above keep it under half of this.
const PARSER_STACK_BYTES: usize = 32 << 20;
/// Most digits of a number, which is what a binary float carries without loss.
const DIGITS_MAX: usize = 15;

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Literal(Decimal),
    Parameter(ItemId),
    Tag(TagRef),
    Negated(Box<Number>),
    Sum(Box<[Number; 2]>),
    Difference(Box<[Number; 2]>),
    Product(Box<[Number; 2]>),
    Quotient(Box<[Number; 2]>),
    Choice(Box<(Truth, Number, Number)>),
    Smallest(Vec<Number>),
    Largest(Vec<Number>),
    Log2(Box<Number>),
    Absolute(Box<Number>),
}

/// True or false.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Truth {
    Literal(bool),
    Not(Box<Truth>),
    All(Vec<Truth>),
    Any(Vec<Truth>),
    Choice(Box<(Truth, Truth, Truth)>),
    Compared(Comparison, Box<[Number; 2]>),
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// A whole expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Number(Number),
    Truth(Truth),
}

/// Reads a text.
pub(crate) fn read(text: &str) -> Result<Tree, ExpressionError> {
    let chars = text.chars().count();
    if chars > EXPRESSION_CHARS_MAX {
        return Err(ExpressionError::TooLong { chars });
    }
    if text.trim().is_empty() {
        return Err(ExpressionError::Empty);
    }
    before_parsing(text)?;
    let parse = || {
        let program = Program::compile(text).map_err(|errors| {
            let column = errors.errors.first().map_or(1, |error| usize::try_from(error.pos.1).unwrap_or(1).max(1));
            ExpressionError::Unreadable { column, near: near(text, column) }
        })?;
        Lowering { source: program.source_info() }.tree(program.expression(), 0)
    };
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(PARSER_STACK_BYTES).spawn_scoped(scope, parse);
        // A panic inside the parser is a text it cannot read, not the end of the program.
        parser.ok().and_then(|parser| parser.join().ok()).unwrap_or(Err(ExpressionError::NoParser))
    })
}

/// The few characters from a column on, for a message.
fn near(text: &str, column: usize) -> String {
    let rest: String = text.chars().skip(column.saturating_sub(1)).take(12).collect();
    if rest.trim().is_empty() { "the end".to_owned() } else { format!("`{}`", rest.trim()) }
}

/// Refuses what no accepted expression contains before the parser sees it: foreign characters, deep brackets, long numbers.
fn before_parsing(text: &str) -> Result<(), ExpressionError> {
    let mut depth = 0usize;
    let mut digits = 0usize;
    let mut signs = 0usize;
    let mut operators = 0usize;
    for (index, c) in text.chars().enumerate() {
        let column = index.saturating_add(1);
        let refuse = |sentence: String| Err(ExpressionError::NotAccepted { column, sentence });
        let known = c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_.+-*/<>=!&|?:(),%".contains(c);
        if !known {
            return refuse(format!(
                "`{c}` is not used in expressions; they are made of numbers, names, + - * / ( ) , < <= > >= == != && || ! ? :"
            ));
        }
        depth = match c {
            '(' => depth.saturating_add(1),
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        digits = if c.is_ascii_digit() {
            digits.saturating_add(1)
        } else if c == '.' {
            digits
        } else {
            0
        };
        signs = match c {
            '-' | '!' | '?' | ':' => signs.saturating_add(1),
            _ => signs,
        };
        if "+*/<>=&|.,%".contains(c) {
            operators = operators.saturating_add(1);
        }
        if depth > NESTING_MAX || signs > SIGNS_MAX || operators > OPERATORS_MAX {
            return refuse(TOO_DEEP.to_owned());
        }
        if digits > DIGITS_MAX {
            return refuse(format!("a number has at most {DIGITS_MAX} digits"));
        }
    }
    Ok(())
}

const TOO_DEEP: &str = "has too many operations in one; calculate a part of it as a parameter of its own";

struct Lowering<'s> {
    source: &'s SourceInfo,
}

impl Lowering<'_> {
    fn refuse<T>(&self, at: &IdedExpr, sentence: impl Into<String>) -> Result<T, ExpressionError> {
        let column = self.source.offset_for(at.id).map_or(1, |(start, _)| start as usize).saturating_add(1);
        Err(ExpressionError::NotAccepted { column, sentence: sentence.into() })
    }

    fn tree(&self, at: &IdedExpr, depth: usize) -> Result<Tree, ExpressionError> {
        if depth > OPERATORS_MAX {
            return self.refuse(at, TOO_DEEP);
        }
        match &at.expr {
            Expr::Literal(literal) => self.literal(at, literal),
            Expr::Ident(name) => match ItemId::parse(name.as_str()) {
                Ok(id) => Ok(Tree::Number(Number::Parameter(id))),
                Err(_) => self.refuse(at, format!("`{name}` is not a name of a parameter")),
            },
            Expr::Select(select) if !select.test => match &select.operand.expr {
                Expr::Ident(role) => self.tag(at, role, &select.field),
                _ => self.refuse(at, "a tag is written role.tag, such as reactor.glucose"),
            },
            Expr::Call(call) => self.call(at, call, depth.saturating_add(1)),
            Expr::Select(_)
            | Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Struct(_) => {
                self.refuse(at, "only numbers, names, arithmetic, comparisons, && || ! and ? : are accepted here")
            }
        }
    }

    fn literal(&self, at: &IdedExpr, literal: &LiteralValue) -> Result<Tree, ExpressionError> {
        let number = match literal {
            LiteralValue::Boolean(truth) => return Ok(Tree::Truth(Truth::Literal(*truth.inner()))),
            LiteralValue::Int(int) => Some(Decimal::from(*int.inner())),
            LiteralValue::Double(double) => decimal_of(*double.inner()),
            LiteralValue::UInt(_) | LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::String(_) => {
                return self.refuse(at, "a plain number such as 37.0 is expected here");
            }
        };
        match number {
            Some(number) => Ok(Tree::Number(Number::Literal(number))),
            None => self.refuse(at, "the number is too large"),
        }
    }

    fn tag(&self, at: &IdedExpr, role: &str, tag: &str) -> Result<Tree, ExpressionError> {
        match TagRef::try_from(format!("{role}.{tag}")) {
            Ok(tag) => Ok(Tree::Number(Number::Tag(tag))),
            Err(_) => self.refuse(at, format!("`{role}.{tag}` is not a tag of a role")),
        }
    }

    fn call(&self, at: &IdedExpr, call: &CallExpr, depth: usize) -> Result<Tree, ExpressionError> {
        let number = |index: usize| self.number(at, call, index, depth);
        let pair = || Ok::<_, ExpressionError>(Box::new([number(0)?, number(1)?]));
        if call.target.is_some() {
            let name = &call.func_name;
            return self.refuse(at, format!("`.{name}()` is not accepted; functions are min, max, log2 and abs"));
        }
        let comparison = match call.func_name.as_str() {
            op::CONDITIONAL => return self.choice(at, call, depth),
            op::LOGICAL_AND => return Ok(Tree::Truth(Truth::All(self.truths(at, call, depth)?))),
            op::LOGICAL_OR => return Ok(Tree::Truth(Truth::Any(self.truths(at, call, depth)?))),
            op::LOGICAL_NOT => return Ok(Tree::Truth(Truth::Not(Box::new(self.truth(at, call, 0, depth)?)))),
            op::LESS => Comparison::Less,
            op::LESS_EQUALS => Comparison::LessOrEqual,
            op::GREATER => Comparison::Greater,
            op::GREATER_EQUALS => Comparison::GreaterOrEqual,
            op::EQUALS => Comparison::Equal,
            op::NOT_EQUALS => Comparison::NotEqual,
            op::ADD => return Ok(Tree::Number(Number::Sum(pair()?))),
            op::SUBSTRACT => return Ok(Tree::Number(Number::Difference(pair()?))),
            op::MULTIPLY => return Ok(Tree::Number(Number::Product(pair()?))),
            op::DIVIDE => return Ok(Tree::Number(Number::Quotient(pair()?))),
            op::NEGATE => return Ok(Tree::Number(Number::Negated(Box::new(number(0)?)))),
            name => return self.function(at, call, name, depth),
        };
        Ok(Tree::Truth(Truth::Compared(comparison, pair()?)))
    }

    fn function(&self, at: &IdedExpr, call: &CallExpr, name: &str, depth: usize) -> Result<Tree, ExpressionError> {
        let count = call.args.len();
        let numbers = || (0..count).map(|index| self.number(at, call, index, depth)).collect::<Result<Vec<_>, _>>();
        let one = || self.number(at, call, 0, depth).map(Box::new);
        let number = match (name, count) {
            ("min", 2..) => Number::Smallest(numbers()?),
            ("max", 2..) => Number::Largest(numbers()?),
            ("log2", 1) => Number::Log2(one()?),
            ("abs", 1) => Number::Absolute(one()?),
            ("min" | "max", _) => {
                return self.refuse(at, format!("`{name}` compares two or more numbers, not {count}"));
            }
            ("log2" | "abs", _) => return self.refuse(at, format!("`{name}` takes one number, not {count}")),
            ("round", _) => {
                return self
                    .refuse(at, "a result is rounded once, to the decimals of its parameter; leave `round` out");
            }
            (op::MODULO, _) => return self.refuse(at, "`%` is not accepted; a percentage is written 100 * a / b"),
            (op::IN, _) => return self.refuse(at, "`in` is not accepted; compare with >= and <="),
            _ => return self.refuse(at, format!("there is no function `{name}`; there are min, max, log2 and abs")),
        };
        Ok(Tree::Number(number))
    }

    fn choice(&self, at: &IdedExpr, call: &CallExpr, depth: usize) -> Result<Tree, ExpressionError> {
        let condition = self.truth(at, call, 0, depth)?;
        let (Some(yes), Some(no)) = (call.args.get(1), call.args.get(2)) else {
            return self.refuse(at, "a choice is written condition ? a : b");
        };
        match (self.tree(yes, depth)?, self.tree(no, depth)?) {
            (Tree::Number(yes), Tree::Number(no)) => Ok(Tree::Number(Number::Choice(Box::new((condition, yes, no))))),
            (Tree::Truth(yes), Tree::Truth(no)) => Ok(Tree::Truth(Truth::Choice(Box::new((condition, yes, no))))),
            (Tree::Number(_), Tree::Truth(_)) | (Tree::Truth(_), Tree::Number(_)) => {
                self.refuse(at, "both sides of `:` must be numbers, or both true or false")
            }
        }
    }

    fn number(&self, at: &IdedExpr, call: &CallExpr, index: usize, depth: usize) -> Result<Number, ExpressionError> {
        match call.args.get(index).map(|argument| self.tree(argument, depth)).transpose()? {
            Some(Tree::Number(number)) => Ok(number),
            Some(Tree::Truth(_)) => {
                self.refuse(at, format!("{} works on numbers, but one side is true or false", shown(&call.func_name)))
            }
            None => self.refuse(at, "a number is missing"),
        }
    }

    fn truth(&self, at: &IdedExpr, call: &CallExpr, index: usize, depth: usize) -> Result<Truth, ExpressionError> {
        match call.args.get(index).map(|argument| self.tree(argument, depth)).transpose()? {
            Some(Tree::Truth(truth)) => Ok(truth),
            Some(Tree::Number(_)) => {
                let name = shown(&call.func_name);
                self.refuse(at, format!("{name} works on comparisons such as a > b, but one side is a number"))
            }
            None => self.refuse(at, "a comparison is missing"),
        }
    }

    fn truths(&self, at: &IdedExpr, call: &CallExpr, depth: usize) -> Result<Vec<Truth>, ExpressionError> {
        (0..call.args.len()).map(|index| self.truth(at, call, index, depth)).collect()
    }
}

/// An operator as it is written: `_&&_` is `&&`.
fn shown(name: &str) -> String {
    let plain = if name == op::CONDITIONAL { "? :" } else { name.trim_matches('_') };
    format!("`{plain}`")
}
