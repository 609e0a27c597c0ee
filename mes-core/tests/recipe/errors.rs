//! What the author of a malformed recipe reads. Each case changes one thing in the three-step recipe or the demo's.

use mes_core::isa88::load_recipe;

use proptest::prelude::*;

use super::files::text_of;

/// The errors of a recipe in which `from` was replaced by `to`, once.
fn errors(name: &str, changes: &[(&str, &str)]) -> String {
    let mut text = text_of(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{from} does not occur in {name}");
        text = text.replacen(from, to, 1);
    }
    load_recipe(&text).map(|_| ()).expect_err("the change must be an error").to_string()
}

const SMALL: &str = "TEST-3";
const DEMO: &str = "MBR-MSC-001-S";

/// Each change with what it leads to.
fn all(cases: &[(&str, &str, &str)]) -> String {
    let shown = |text: &str| match text.trim_matches([' ', '\n']) {
        "" => "(removed)".to_owned(),
        text => text.replace('\n', "⏎").replace('\t', "⇥"),
    };
    let one = |(name, from, to): &(&str, &str, &str)| {
        format!("{}  →  {}\n{}", shown(from), shown(to), errors(name, &[(from, to)]))
    };
    cases.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn form() {
    insta::assert_snapshot!(all(&[
        (SMALL, "    decimals: 1\n", "    decimal: 1\n"),
        (SMALL, "  suite_grade: B\n", ""),
        (SMALL, "suite_grade: B", "suite_grade: E"),
        (SMALL, "    unit: Cel\n", "    unit: [Cel]\n"),
        (SMALL, "    decimals: 1\n", "    decimals: one\n"),
        (SMALL, "low: 36.5", "low: 36,5"),
        (SMALL, "sign: verified", "sign: twice"),
        (SMALL, "kind: record", "kind: measure"),
        (SMALL, "do: { kind: instruction }", "do: { }"),
        (SMALL, "from: incubator.temperature", "from: temperature"),
        (SMALL, "hands_on_min: 2", "hands_on_min: 2\n            hands_on_min: 3"),
        (SMALL, "en: \"Prepare\"", "en: \"\""),
        (SMALL, "id: P010", "id: \"P 010\""),
        (SMALL, "catapult-recipe-1", "catapult-recipe-9"),
    ]), @r#"
    decimals: 1  →  decimal: 1
    line 16, column 5: parameter `incubator_temperature`: the field `decimals` is missing
    line 19, column 5: parameter `incubator_temperature`: there is no field `decimal` here; did you mean `decimals`?

    suite_grade: B  →  (removed)
    line 6, column 3: header: the field `suite_grade` is missing

    suite_grade: B  →  suite_grade: E
    line 13, column 16: header › suite_grade: one of `A` `B` `C` `D` is expected here, but it is "E"

    unit: Cel  →  unit: [Cel]
    line 18, column 11: parameter `incubator_temperature` › unit: a unit as text (UCUM code such as Cel, %, 10*6/mL; 1 for a pure number) is expected here, but it is a list

    decimals: 1  →  decimals: one
    line 19, column 15: parameter `incubator_temperature` › decimals: a whole number (0 or more) is expected here, but it is "one"

    low: 36.5  →  low: 36,5
    line 21, column 23: parameter `incubator_temperature` › normal: there is no field `5` here; is this a decimal comma? Decimals are written with a point

    sign: verified  →  sign: twice
    line 58, column 19: phase `P020` › sign: one of `none` `performed` `verified` is expected here, but it is "twice"

    kind: record  →  kind: measure
    line 55, column 21: phase `P020` › kind: there is no kind of phase "measure"; known are instruction, record, calculate, set, wait, line_clearance, identity_check, yield

    do: { kind: instruction }  →  do: { }
    line 46, column 17: phase `P010`: the field `kind` is missing: it says what is done, one of instruction, record, calculate, set, wait, line_clearance, identity_check, yield

    from: incubator.temperature  →  from: temperature
    line 57, column 61: phase `P020` › item `incubator_temperature` › from: a tag of a role, written role.tag such as incubator.temperature, is expected here, but it is "temperature"

    hands_on_min: 2  →  hands_on_min: 2⏎            hands_on_min: 3
    line 49, column 13: phase `P010`: the field `hands_on_min` is written twice

    en: "Prepare"  →  en: ""
    line 42, column 35: phase `P010` › name › en: a text is expected here, but it is empty

    id: P010  →  id: "P 010"
    line 41, column 17: phase `P 010` › id: "P 010" is not a valid phase id: use 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or digit

    catapult-recipe-1  →  catapult-recipe-9
    line 3, column 7: form: this program reads the form `catapult-recipe-1`, but the file says `catapult-recipe-9`
    "#);
}

#[test]
fn yaml() {
    insta::assert_snapshot!(all(&[
        (SMALL, "      - id: OP10\n", "      - id: OP10\n\t"),
        (SMALL, "ja: \"準備\"", "ja: \"準備"),
        (SMALL, "tags: [temperature]", "tags: [temperature"),
        (SMALL, "formula:", "formula: &formula"),
        (SMALL, "header:\n", "header:\n   id: X\n"),
    ]), @r#"
    - id: OP10  →  - id: OP10⏎⇥
    line 38, column 13: the file is not readable YAML here: while scanning a plain scalar, found a tab. Check the indentation (spaces, never tabs), the colon after the field name, and that quotes and brackets are closed

    ja: "準備"  →  ja: "準備
    line 42, column 35: the file is not readable YAML here: invalid trailing content after double-quoted scalar. Check the indentation (spaces, never tabs), the colon after the field name, and that quotes and brackets are closed

    tags: [temperature]  →  tags: [temperature
    line 29, column 9: the file is not readable YAML here: illegal placement of ':' indicator. Check the indentation (spaces, never tabs), the colon after the field name, and that quotes and brackets are closed

    formula:  →  formula: &formula
    line 16, column 3: a recipe is written out in full: YAML anchors (`&name`) and references to them (`*name`) are not accepted; put text that starts with & or * in quotes

    header:  →  header:⏎   id: X
    line 7, column 3: the file is not readable YAML here: while parsing a block mapping, did not find expected key. Check the indentation (spaces, never tabs), the colon after the field name, and that quotes and brackets are closed
    "#);
}

#[test]
fn names() {
    insta::assert_snapshot!(all(&[
        (SMALL, "parameter: incubator_temperature", "parameter: incubator_temp"),
        (SMALL, "from: incubator.temperature", "from: freezer.temperature"),
        (SMALL, "to: reactor.temperature_setpoint", "to: reactor.temperature"),
        (SMALL, "id: P020", "id: P010"),
        (SMALL, "tags: [temperature]", "tags: [co.2, temperature]"),
        (DEMO, "- parameter: seeded_cells", "- parameter: thaw_viability"),
        (DEMO, "- item: labels", "- item: cleaning"),
        (DEMO, "since: P130", "since: P150"),
    ]), @r#"
    parameter: incubator_temperature  →  parameter: incubator_temp
    line 16, column 5: parameter `incubator_temperature`: is never recorded: no phase names it
    line 57, column 32: phase `P020` › item `incubator_temp` › parameter: there is no parameter `incubator_temp` in the formula

    from: incubator.temperature  →  from: freezer.temperature
    line 57, column 61: phase `P020` › item `incubator_temperature` › from: there is no equipment with the role `freezer`; there are incubator, reactor

    to: reactor.temperature_setpoint  →  to: reactor.temperature
    line 70, column 23: phase `P030` › set-point `temperature` › to: `temperature` is not among the tags that the recipe requires of `reactor`; add it there, or correct the name

    id: P020  →  id: P010
    line 49, column 13: phase `P010`: there is already another unit procedure, operation or phase called `P010`; names must differ

    tags: [temperature]  →  tags: [co.2, temperature]
    line 28, column 12: equipment `incubator` › tag `co.2`: roles and tags are written without a point, which stands between role and tag

    - parameter: seeded_cells  →  - parameter: thaw_viability
    line 29, column 5: parameter `seeded_cells`: is never recorded: no phase names it
    line 256, column 30: phase `P030` › item `thaw_viability` › parameter: `thaw_viability` already gets its value in phase `P030`; a name stands for one value

    - item: labels  →  - item: cleaning
    line 226, column 19: phase `P010` › checklist line `cleaning`: there is already another item of this phase called `cleaning`; names must differ

    since: P130  →  since: P150
    line 542, column 28: phase `P140` › hold › since: `P150` is not a phase before this one; the time counts from its completion
    "#);
}

#[test]
fn numbers() {
    insta::assert_snapshot!(all(&[
        (SMALL, "low: 36.5", "low: 35.5"),
        (SMALL, "target: 37.0", "target: 37.6"),
        (SMALL, "low: 36.0", "low: 38.5"),
        (SMALL, "low: 36.5", "low: 36.55"),
        (SMALL, "unit: Cel", "unit: °C"),
        (SMALL, "decimals: 1", "decimals: 7"),
        (DEMO, "max_s: 14400", "max_s: 14400, min_s: 20000"),
        (DEMO, "max_s: 7200", "max_s: 300"),
        (DEMO, "range: { low: 36.0, high: 38.0 }", "range: { }"),
        (DEMO, "sign: verified", "sign: performed"),
    ]), @r#"
    low: 36.5  →  low: 35.5
    line 21, column 13: parameter `incubator_temperature` › normal: normal range 35.5 – 37.5 must lie inside acceptable 36.0 – 38.0

    target: 37.0  →  target: 37.6
    line 20, column 13: parameter `incubator_temperature` › target: target 37.6 lies outside of the normal range 36.5 – 37.5

    low: 36.0  →  low: 38.5
    line 20, column 13: parameter `incubator_temperature` › target: target 37.0 lies outside of the acceptable range 38.5 – 38.0
    line 21, column 13: parameter `incubator_temperature` › normal: normal range 36.5 – 37.5 must lie inside acceptable 38.5 – 38.0
    line 22, column 17: parameter `incubator_temperature` › acceptable: the low end 38.5 is above the high end 38.0

    low: 36.5  →  low: 36.55
    line 21, column 13: parameter `incubator_temperature` › normal: 36.55 has more decimals than are recorded (1); no value could meet it exactly

    unit: Cel  →  unit: °C
    line 18, column 11: parameter `incubator_temperature` › unit: `°C` is not a unit code (UCUM); write `Cel`

    decimals: 1  →  decimals: 7
    line 19, column 15: parameter `incubator_temperature` › decimals: at most 6 decimals are recorded, not 7

    max_s: 14400  →  max_s: 14400, min_s: 20000
    line 542, column 55: phase `P140` › hold › min_s: not earlier than 20000 s and not later than 14400 s cannot both be kept

    max_s: 7200  →  max_s: 300
    line 298, column 22: phase `P050` › max_s: a condition that holds for 600 s cannot come about within 300 s

    range: { low: 36.0, high: 38.0 }  →  range: { }
    line 315, column 24: phase `P055` › watch `temperature_watch` › range: has neither a low nor a high end, so nothing would be watched

    sign: verified  →  sign: performed
    line 234, column 19: phase `P010` › sign: line clearance has to be signed at least `verified`
    "#);
}

#[test]
fn expressions() {
    insta::assert_snapshot!(all(&[
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: harvest_vcd * volume"),
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: harvest_vcd > 1"),
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: harvest_vcd * reactor.weight"),
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: harvested_cells + 1"),
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: yield_percent * 2"),
        (DEMO, "expression: harvest_vcd * harvest_volume", "expression: round(harvest_vcd)"),
        (DEMO, "calculate: [harvested_cells, viable_total,", "calculate: [viable_total,"),
        (DEMO, "condition: reactor.vcd >= 0.28", "condition: reactor.vcd + 0.28"),
        (DEMO, "condition: reactor.vcd >= 0.28", "condition: reactor.vdc >= 0.28"),
        (DEMO, "condition: reactor.vcd >= 0.28", "condition: vcd >= 0.28"),
        (DEMO, "condition: reactor.vcd >= 0.28", "condition: 1 > 0"),
        (DEMO, "condition: reactor.vcd >= 0.28", "condition: \"reactor.vcd => 0.28\""),
    ]), @r#"
    expression: harvest_vcd * harvest_volume  →  expression: harvest_vcd * volume
    line 152, column 17: parameter `harvested_cells` › expression: there is no parameter `volume` in the formula

    expression: harvest_vcd * harvest_volume  →  expression: harvest_vcd > 1
    line 152, column 17: parameter `harvested_cells` › expression: is true or false; a calculation gives a number

    expression: harvest_vcd * harvest_volume  →  expression: harvest_vcd * reactor.weight
    line 152, column 17: parameter `harvested_cells` › expression: names the tag `reactor.weight`; a calculation uses parameters: record the tag as one first

    expression: harvest_vcd * harvest_volume  →  expression: harvested_cells + 1
    line 152, column 17: parameter `harvested_cells` › expression: `harvested_cells` is calculated from itself

    expression: harvest_vcd * harvest_volume  →  expression: yield_percent * 2
    line 152, column 17: parameter `harvested_cells` › expression: `harvested_cells` and `yield_percent` are calculated from each other, in a circle
    line 560, column 27: phase `P150` › item `harvested_cells`: `harvested_cells` is calculated from `yield_percent`, which has no value yet at this point

    expression: harvest_vcd * harvest_volume  →  expression: round(harvest_vcd)
    line 152, column 17: parameter `harvested_cells` › expression: column 6 of the expression: a result is rounded once, to the decimals of its parameter; leave `round` out

    calculate: [harvested_cells, viable_total,  →  calculate: [viable_total,
    line 146, column 5: parameter `harvested_cells`: is never calculated: no phase names it
    line 560, column 41: phase `P150` › item `yield_percent`: `yield_percent` is calculated from `harvested_cells`, which has no value yet at this point
    line 560, column 56: phase `P150` › item `population_doublings`: `population_doublings` is calculated from `harvested_cells`, which has no value yet at this point

    condition: reactor.vcd >= 0.28  →  condition: reactor.vcd + 0.28
    line 468, column 26: phase `P120` › condition: is a number; a condition is true or false, such as `reactor.glucose < 4.5`

    condition: reactor.vcd >= 0.28  →  condition: reactor.vdc >= 0.28
    line 468, column 26: phase `P120` › condition: `vdc` is not among the tags that the recipe requires of `reactor`; add it there, or correct the name

    condition: reactor.vcd >= 0.28  →  condition: vcd >= 0.28
    line 468, column 26: phase `P120` › condition: `vcd` is not a tag; a condition compares tags of equipment, written role.tag
    line 468, column 26: phase `P120` › condition: names no tag of any equipment, so it would never change

    condition: reactor.vcd >= 0.28  →  condition: 1 > 0
    line 468, column 26: phase `P120` › condition: names no tag of any equipment, so it would never change

    condition: reactor.vcd >= 0.28  →  condition: "reactor.vcd => 0.28"
    line 468, column 26: phase `P120` › condition: is not a complete expression; something is wrong in its column 13, at `=> 0.28`
    "#);
}

#[test]
fn many_errors_come_back_at_once_in_the_order_of_the_file() {
    let changes = [
        ("version: 1", "version: 0"),
        ("decimals: 1", "decimals: 9"),
        ("low: 36.5", "low: 30"),
        ("class: incubator", "class: freezer"),
        ("kind: instruction", "kind: instructon"),
        ("unit: Cel\n                  tolerance", "unt: Cel\n                  tolerance"),
    ];
    insta::assert_snapshot!(errors("TEST-3", &changes), @r#"
    line 7, column 12: header › version: versions count from 1
    line 19, column 15: parameter `incubator_temperature` › decimals: at most 6 decimals are recorded, not 9
    line 21, column 13: parameter `incubator_temperature` › normal: normal range 30 – 37.5 must lie inside acceptable 36.0 – 38.0
    line 26, column 12: equipment `incubator` › class: one of `bioreactor` `incubator` `cell_processor` `monitor` is expected here, but it is "freezer"
    line 46, column 25: phase `P010` › kind: there is no kind of phase "instructon"; known are instruction, record, calculate, set, wait, line_clearance, identity_check, yield
    line 68, column 19: phase `P030` › set-point `temperature`: the field `unit` is missing
    line 72, column 19: phase `P030` › set-point `temperature`: there is no field `unt` here; did you mean `unit`?
    "#);
}

#[test]
fn a_body_that_is_no_file_gets_the_same_judgement() {
    use mes_core::isa88::Recipe;
    let mut body = super::files::shipped("TEST-3");
    assert!(Recipe::from_body(body.clone()).is_ok());
    body.header.version = 0;
    let errors = Recipe::from_body(body).unwrap_err();
    assert_eq!(errors.all()[0].field, "header › version");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(
        cuts in proptest::collection::vec((0usize..3_000, 0usize..40, "[\\PC\n\t]{0,8}"), 1..6),
    ) {
        let mut text: Vec<char> = text_of(SMALL).chars().collect();
        for (at, length, put) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        let _ = load_recipe(&text.into_iter().collect::<String>());
    }
}
