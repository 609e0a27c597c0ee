//! Expressions of a recipe: what they give, what they refuse, and that no text makes them panic.

use std::collections::BTreeMap;

use mes_core::{
    id::ItemId,
    isa88::{Expression, ExpressionKind, TagRef},
    quantity::{parse_decimal, round},
};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<ItemId, Decimal> {
    pairs.iter().map(|(id, value)| (id.parse().unwrap(), parse_decimal(value).unwrap())).collect()
}

fn calculate(text: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
    let expression = Expression::parse(text).map_err(|error| error.to_string())?;
    expression.evaluate_number(&values(pairs)).map(|value| value.normalize().to_string()).map_err(|e| e.to_string())
}

fn tag(text: &str) -> TagRef {
    TagRef::try_from(text.to_owned()).unwrap()
}

#[test]
fn a_calculation_is_exact_in_decimals() {
    for (text, result) in [
        ("0.1 + 0.2", "0.3"),
        ("7 / 2", "3.5"),
        ("100.0 * 1.005", "100.5"),
        ("(live) / (live + dead) * 100", "90"),
        ("log2(harvested / seeded)", "3"),
        ("min(live, dead, 5) + max(1, 2)", "7"),
        ("abs(-2.5) - -1", "3.5"),
        ("dead > 100 ? 1 : live / 10", "9"),
        ("dead > 0 && !(live < dead) || false ? 1 : 0", "1"),
        ("1 / 3 * 3 == 1 ? 0 : dead - 10", "0"),
    ] {
        let inputs = [("live", "90"), ("dead", "10"), ("harvested", "320.0"), ("seeded", "40")];
        assert_eq!(calculate(text, &inputs).as_deref(), Ok(result), "{text}");
    }
}

#[test]
fn a_result_is_rounded_once_half_to_even_by_its_caller() {
    let third = Expression::parse("200 / 3").unwrap().evaluate_number(&BTreeMap::new()).unwrap();
    assert_eq!(round(third, 1).to_string(), "66.7");
    let half = Expression::parse("0.25 / 2").unwrap().evaluate_number(&BTreeMap::new()).unwrap();
    assert_eq!(round(half, 2).to_string(), "0.12");
}

#[test]
fn a_result_that_does_not_exist_is_a_sentence() {
    insta::assert_snapshot!(calculate("a / b", &[("a", "1"), ("b", "0.0")]).unwrap_err(), @"the calculation divides by zero; check the values it uses");
    insta::assert_snapshot!(calculate("log2(a)", &[("a", "0")]).unwrap_err(), @"log2 of 0 does not exist; it needs a number above zero");
    insta::assert_snapshot!(calculate("a * a * a", &[("a", "99999999999999")]).unwrap_err(), @"a number becomes too large to calculate with; check the values used");
    insta::assert_snapshot!(calculate("a + b", &[("a", "1")]).unwrap_err(), @"`b` has no value yet");
    insta::assert_snapshot!(calculate("a > b", &[]).unwrap_err(), @"the expression is true or false, not a number");
}

#[test]
fn a_condition_with_a_value_that_is_not_good_is_unknown_never_true() {
    let condition = Expression::parse("reactor.vcd >= 0.12 || reactor.glucose < 4.5").unwrap();
    assert_eq!(condition.kind(), ExpressionKind::Condition);
    let held = |vcd: Option<f64>, glucose: Option<f64>| {
        let tags = BTreeMap::from([(tag("reactor.vcd"), vcd), (tag("reactor.glucose"), glucose)]);
        condition.evaluate_condition(&tags).unwrap()
    };
    assert_eq!(held(Some(0.12), Some(9.0)), Some(true), "the float 0.12 meets the limit 0.12");
    assert_eq!(held(Some(0.11), Some(9.0)), Some(false));
    for unknown in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert_eq!(held(Some(9.0), unknown), None);
        assert_eq!(held(unknown, Some(1.0)), None);
    }
    assert_eq!(condition.evaluate_condition(&BTreeMap::new()).unwrap(), None, "a tag that is not there at all");
}

#[test]
fn a_condition_lists_its_tags() {
    let condition = Expression::parse("incubator.temperature_setpoint > 36.0").unwrap();
    assert_eq!(condition.tags().iter().next(), Some(&tag("incubator.temperature_setpoint")));
}

#[test]
fn what_recipes_do_not_use_is_refused_with_a_sentence() {
    let long = "a+".repeat(600);
    let deep = format!("{}1{}", "(".repeat(30), ")".repeat(30));
    let texts = [
        "",
        "a +",
        "a > ",
        "(a",
        "a b",
        "round(a)",
        "sqrt(a)",
        "a % 2",
        "a.size()",
        "a.b.c > 1",
        "min(a)",
        "log2(a, b)",
        "a && b > 1",
        "(a > 1) + 2",
        "a > 1 ? 2 : b > 3",
        "a == 'x'",
        "5u + 1",
        "a ＞ 1",
        "1234567890.123456 + a",
        "has(a.b)",
    ];
    let sentences: Vec<String> = texts
        .into_iter()
        .chain([deep.as_str(), long.as_str()])
        .map(|text| format!("{text:.20}  →  {}", Expression::parse(text).unwrap_err()))
        .collect();
    insta::assert_snapshot!(sentences.join("\n"), @r#"
      →  the expression is empty
    a +  →  is not a complete expression; something is wrong in its column 4, at the end
    a >   →  is not a complete expression; something is wrong in its column 5, at the end
    (a  →  is not a complete expression; something is wrong in its column 3, at the end
    a b  →  is not a complete expression; something is wrong in its column 3, at `b`
    round(a)  →  column 6 of the expression: a result is rounded once, to the decimals of its parameter; leave `round` out
    sqrt(a)  →  column 5 of the expression: there is no function `sqrt`; there are min, max, log2 and abs
    a % 2  →  column 3 of the expression: `%` is not accepted; a percentage is written 100 * a / b
    a.size()  →  column 7 of the expression: `.size()` is not accepted; functions are min, max, log2 and abs
    a.b.c > 1  →  column 4 of the expression: a tag is written role.tag, such as reactor.glucose
    min(a)  →  column 4 of the expression: `min` compares two or more numbers, not 1
    log2(a, b)  →  column 5 of the expression: `log2` takes one number, not 2
    a && b > 1  →  column 3 of the expression: `&&` works on comparisons such as a > b, but one side is a number
    (a > 1) + 2  →  column 9 of the expression: `+` works on numbers, but one side is true or false
    a > 1 ? 2 : b > 3  →  column 7 of the expression: both sides of `:` must be numbers, or both true or false
    a == 'x'  →  column 6 of the expression: `'` is not used in expressions; they are made of numbers, names, + - * / ( ) , < <= > >= == != && || ! ? :
    5u + 1  →  column 1 of the expression: a plain number such as 37.0 is expected here
    a ＞ 1  →  column 3 of the expression: `＞` is not used in expressions; they are made of numbers, names, + - * / ( ) , < <= > >= == != && || ! ? :
    1234567890.123456 +   →  column 17 of the expression: a number has at most 15 digits
    has(a.b)  →  column 4 of the expression: only numbers, names, arithmetic, comparisons, && || ! and ? : are accepted here
    ((((((((((((((((((((  →  column 25 of the expression: has too many operations in one; calculate a part of it as a parameter of its own
    a+a+a+a+a+a+a+a+a+a+  →  the expression has 1200 characters; at most 1000 are accepted
    "#);
}

#[test]
fn the_worst_texts_of_the_longest_length_are_refused_or_read_but_never_break() {
    let pieces = [
        ("(", "1", ")"),
        ("(1+", "1", ")"),
        ("1+", "1", ""),
        ("!", "true", ""),
        ("-", "1", ""),
        ("a.", "a", ""),
        ("a>1?a:", "a", ""),
        ("f(", "1", ")"),
        ("a<1&&", "a<1", ""),
        ("a<1||", "a<1", ""),
        ("a<", "a", ""),
        ("min(1,", "1", ")"),
        ("1-(", "1", ")"),
        ("(a ", "", ""),
        ("?", "", ""),
        (")", "", ""),
        ("a?(", "a", "):a"),
    ];
    for (before, middle, after) in pieces {
        for count in (1..60).chain([100, 149, 150, 200, 1_000 / before.len()]) {
            let text = format!("{}{middle}{}", before.repeat(count), after.repeat(count));
            let _ = Expression::parse(&text);
        }
    }
    for depth in [1, 5, 10] {
        let text = format!("{}1{}", "(1+".repeat(depth), ")".repeat(depth));
        assert_eq!(calculate(&text, &[]), Ok((depth + 1).to_string()), "{depth} brackets are fine");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Expression::parse(&text);
    }
    #[test]
    fn no_text_of_expression_characters_panics(text in "[ab1.0+*/<>=!&|?:(), -]{0,80}") {
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate_number(&values(&[("a", "0"), ("b", "79228162514264337593543950335")]));
            let tags = expression.tags().iter().map(|tag| (tag.clone(), Some(1e300))).collect();
            let _ = expression.evaluate_condition(&tags);
        }
    }
    #[test]
    fn no_sum_of_words_panics(words in proptest::collection::vec(
        prop_oneof![Just("a"), Just("r.t"), Just("+"), Just("-"), Just("*"), Just("/"), Just("<"), Just("&&"),
            Just("("), Just(")"), Just("1"), Just("?"), Just(":"), Just("log2("), Just("min("), Just(",")], 0..40)) {
        let text = words.join(" ");
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate_number(&values(&[("a", "-3.5")]));
        }
    }
}
