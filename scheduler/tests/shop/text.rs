//! Shops as text: what is written is read, and whatever is wrong is refused with its line.

use std::error::Error;

use proptest::prelude::*;
use scheduler::{Params, Shop, Stop, check_shop, read_job_shop, solve_shop};

use crate::draw::{Draw, numbers, text};

/// What a malformed text is refused with, with its causes.
fn refusal(text: &str) -> String {
    let error = read_job_shop(text).unwrap_err();
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

/// Changes a word, a character, or the lines of a text.
fn mutate(text: &str, draw: &mut Draw) -> String {
    const WORDS: [&str; 10] =
        ["-1", "0", "99999999999999999999", "1e9", "18446744073709551615", "1000000000", "x", "３", "", "4294967296"];
    let mut lines: Vec<Vec<String>> = text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    let line = draw.below(lines.len());
    let word = draw.below(lines[line].len());
    match draw.below(6) {
        0 => lines[line][word] = WORDS[draw.below(WORDS.len())].to_owned(),
        1 => drop(lines[line].remove(word)),
        2 => lines[line].insert(word, draw.below(20).to_string()),
        3 => drop(lines.remove(line)),
        4 => lines.insert(line, lines[line].clone()),
        _ => {
            let whole = text.char_indices().map(|(at, _)| at).nth(draw.below(text.len())).unwrap_or(0);
            return format!("{}{}", &text[..whole], &text[whole..].replacen(' ', "\u{0}\t", 1));
        }
    }
    lines.iter().map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(numbers in numbers()) {
        let spec = Draw::new(numbers).shop(4, 4, 4);
        prop_assert_eq!(read_job_shop(&text(&spec)).unwrap(), Shop::new(&spec).unwrap());
    }

    #[test]
    fn malformed_text_is_refused_with_a_line_or_read_as_another_shop(numbers in numbers()) {
        let mut draw = Draw::new(numbers);
        let mut text = text(&draw.shop(3, 3, 3));
        for _ in 0..=draw.below(3) {
            text = mutate(&text, &mut draw);
            if text.is_empty() {
                break;
            }
        }
        match read_job_shop(&text) {
            Err(error) => prop_assert!(error.to_string().starts_with("line "), "{}", error),
            Ok(shop) => {
                let outcome = solve_shop(&shop, &Params::default(), 1, Stop::after(20));
                prop_assert_eq!(check_shop(&shop, &outcome.plan), vec![]);
            }
        }
    }
}

#[test]
fn a_refusal_names_the_line_and_what_to_do() {
    let cases = [
        ("", "line 1: the line with the counts is missing; add it, or correct the counts before it"),
        ("2\n", "line 1: the number of machines is missing; add it, or correct the counts before it"),
        (
            "1 99999999999 1\n1 1 1 5\n",
            "line 1: the number of machines is \"99999999999\"; write a whole number from 1 to 10000",
        ),
        (
            "1 2\n4000000000 1 1 5\n",
            "line 2: the number of operations is \"4000000000\"; write a whole number from 1 to 100000",
        ),
        (
            "1 2\n100000 1 1 5\n",
            "line 2: the number of machines of an operation is missing; add it, or correct the counts before it",
        ),
        ("1 2\n\n1 1 3 5\n", "line 3: a machine is \"3\"; write a whole number from 0 to 2"),
        ("1 2\n1 1 1 -5\n", "line 2: a duration is \"-5\"; write a whole number from 0 to 1000000000"),
        ("1 2\n1 1 1 5 7\n", "line 2: \"7\" is one word too many; remove it, or correct the counts before it"),
        ("2 2\n1 1 1 5\n", "line 2: 1 lines of jobs, wanted are 2; correct the lines or the counts"),
        ("1 2\n2 1 0 5 1 2 5\n", "line 2: machine 2 beside machine 0 in a shop of 2; count machines from 0 or from 1"),
        (
            "1 2\n1 2 1 5 1 6\n",
            "line 2: the job cannot be planned: building the shop: operation 0 of job 0 names machine 0 twice; name it once",
        ),
        ("1 2\n1 1 1 5\n0\n", "line 3: 1 lines of set-up times, wanted are 2; correct the lines or the counts"),
        ("1 2\n1 1 1 5\n0\n0 1\n", "line 4: \"1\" is one word too many; remove it, or correct the counts before it"),
        ("1 2\n1 1 1 5\n0\n\n0\n0\n", "line 6: 3 lines of set-up times, wanted are 2; correct the lines or the counts"),
    ];
    for (text, sentence) in cases {
        assert_eq!(refusal(text), sentence, "{text:?}");
    }
}

#[test]
fn machines_may_be_counted_from_0_or_from_1() {
    let from_1 = read_job_shop("1 2 1\n2 1 1 5 2 1 4 2 3\n").unwrap();
    let from_0 = read_job_shop("1 2 1\n2 1 0 5 2 0 4 1 3\n").unwrap();
    assert_eq!(from_1, from_0);
}
