//! Recording, judging, calculating and correcting items.

use mes_core::{
    batch::{BatchCommand, BatchEvent, DeviationCause, Entered, ItemValue, Source, Verdict},
    historian::{Cause, Quality},
    isa88::State,
};

use crate::bench::{Bench, correct, id, number, record};

fn with_reason(phase: &str, item: &str, value: &str, reason: &str) -> BatchCommand {
    let BatchCommand::Record { phase, item, performer, .. } = record(phase, item, number(value)) else { panic!() };
    BatchCommand::Record { phase, item, value: number(value), performer, reason: Some(reason.into()) }
}

fn shown(bench: &Bench, phase: &str, item: &str) -> String {
    bench.phase(phase).items[&id(item)].value.shown()
}

#[test]
fn di_05_a_number_is_read_full_width_and_rounded_once_half_to_even() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("９２．４５")).unwrap();
    assert_eq!(shown(&bench, "P030", "viability"), "92.4 %");
    let no = bench.record("sato", "P030", "incubation_temp", number("37,0")).unwrap_err();
    assert_eq!((no.rule.as_str(), no.field.as_deref()), ("DI-05", Some("value")));
}

#[test]
fn s88_05_outside_the_normal_range_a_reason_is_required_and_the_range_is_named() {
    let mut bench = Bench::running("P030");
    let no = bench.record("sato", "P030", "viability", number("85")).unwrap_err();
    assert_eq!(no.rule, "S88-05");
    assert!(no.said.en.contains("≥ 90") && no.said.ja.contains("≥ 90"), "{}", no.said.en);
    bench.act("sato", &with_reason("P030", "viability", "85", "late thaw")).unwrap();
    assert_eq!(bench.phase("P030").items[&id("viability")].verdict, Verdict::OutOfNormal);
    assert!(bench.batch().deviations.is_empty());
}

#[test]
fn s88_05_outside_the_acceptable_range_the_value_is_kept_and_a_deviation_opens() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("79.9")).unwrap();
    assert_eq!(shown(&bench, "P030", "viability"), "79.9 %");
    let (name, deviation) = bench.batch().deviations.first_key_value().unwrap();
    assert_eq!(name.as_str(), "DEV-B-1-1");
    assert_eq!(deviation.cause, DeviationCause::Value { shown: "79.9 %".into(), range: "≥ 80".into() });
    assert_eq!(bench.batch().state, State::Running);
}

#[test]
fn s88_05_a_violation_holds_the_batch_where_the_recipe_says_so() {
    let mut bench = Bench::running("P060");
    bench.record("sato", "P060", "density", number("0.3")).unwrap();
    assert_eq!(bench.batch().state, State::Held);
    assert_eq!(bench.batch().deviations.len(), 1);
    assert_eq!(bench.performed("sato", "P060").unwrap_err().rule, "S88-01");
}

#[test]
fn p11_12_a_value_from_a_tag_must_be_good_and_keeps_its_reading_as_evidence() {
    let mut bench = Bench::running("P030");
    let take = record("P030", "incubation_temp", Entered::FromTag);
    assert_eq!(bench.act("sato", &take).unwrap_err().rule, "P11-12");
    bench.reads_with("INC-01/temperature", 37.0, Quality::bad(Cause::Stale));
    assert_eq!(bench.act("sato", &take).unwrap_err().rule, "P11-12");
    bench.reads("INC-01/temperature", 36.96);
    bench.act("sato", &take).unwrap();
    let item = &bench.phase("P030").items[&id("incubation_temp")];
    let Source::Tag(evidence) = &item.source else { panic!("{:?}", item.source) };
    assert_eq!((item.value.shown().as_str(), evidence.seq), ("37.0 °C", 41));
}

#[test]
fn a_value_typed_in_place_of_a_tag_needs_a_reason() {
    let mut bench = Bench::running("P030");
    let no = bench.record("sato", "P030", "incubation_temp", number("37.0")).unwrap_err();
    assert_eq!((no.rule.as_str(), no.field.as_deref()), ("P11-12", Some("reason")));
    bench.act("sato", &with_reason("P030", "incubation_temp", "37.0", "link down")).unwrap();
}

#[test]
fn p11_08_a_second_record_of_an_item_is_refused() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("92")).unwrap();
    assert_eq!(bench.record("sato", "P030", "viability", number("93")).unwrap_err().rule, "P11-08");
}

#[test]
fn an_item_takes_only_its_own_kind_of_value() {
    let mut bench = Bench::running("P010");
    assert_eq!(bench.record("sato", "P010", "clean", number("1")).unwrap_err().rule, "DI-05");
    assert_eq!(bench.record("sato", "P010", "other", Entered::Confirmed).unwrap_err().rule, "S88-04");
    let mut bench = Bench::running("P030");
    assert_eq!(bench.record("sato", "P030", "viability", Entered::Confirmed).unwrap_err().rule, "DI-05");
    assert_eq!(bench.record("sato", "P030", "viability", Entered::FromTag).unwrap_err().rule, "DI-05");
}

#[test]
fn c211_11_the_yield_is_calculated_with_the_last_item_and_is_not_typed() {
    let mut bench = Bench::running("P070");
    assert_eq!(bench.record("sato", "P070", "yield_pct", number("99")).unwrap_err().rule, "DI-05");
    let events = bench.record("sato", "P070", "total_cells", number("480")).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(shown(&bench, "P070", "yield_pct"), "96.0 %");
    let Source::Calculated { expression, inputs } = &bench.phase("P070").items[&id("yield_pct")].source else {
        panic!()
    };
    assert_eq!(expression, "total_cells / seeded * 100");
    assert_eq!(inputs[&id("total_cells")], "480 (v1)");
    assert_eq!(inputs[&id("seeded")], "500 (target)");
}

#[test]
fn a_calculate_phase_records_its_items_when_it_starts() {
    let bench = Bench::running("P080");
    assert_eq!(shown(&bench, "P080", "dose"), "44.40");
}

#[test]
fn di_04_a_correction_of_an_input_calculates_again_what_it_went_into() {
    let mut bench = Bench::running("P080");
    let events = bench.act("suzuki", &correct("P070", "total_cells", "240")).unwrap();
    let corrected = |events: &[BatchEvent]| -> Vec<String> {
        let item = |e: &BatchEvent| match e {
            BatchEvent::ItemCorrected { item, .. } => Some(item.to_string()),
            _ => None,
        };
        events.iter().filter_map(item).collect()
    };
    assert_eq!(corrected(&events), ["total_cells", "yield_pct", "dose"]);
    assert_eq!(shown(&bench, "P070", "yield_pct"), "48.0 %");
    assert_eq!(shown(&bench, "P080", "dose"), "22.20");
    assert_eq!(bench.batch().deviations.len(), 1, "48 % is outside the acceptable range");
    assert_eq!(bench.phase("P070").unverified.len(), 2);
}

#[test]
fn p11_08_a_corrected_value_stays_visible_with_who_and_why() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("95")).unwrap();
    bench.act("sato", &correct("P030", "viability", "93")).unwrap();
    let item = &bench.phase("P030").items[&id("viability")];
    assert_eq!((item.version, item.value.shown().as_str()), (2, "93.0 %"));
    assert_eq!(item.corrected[0].old.shown(), "95.0 %");
    assert_eq!(item.corrected[0].by, Some(id("sato")));
    assert_eq!(item.corrected[0].reason.as_deref(), Some("misread 読み違い"));
    assert!(bench.phase("P030").unverified.is_empty(), "nothing was signed yet");
}

#[test]
fn a11_14_a_correction_needs_a_reason_a_recorded_item_and_another_value() {
    let mut bench = Bench::running("P030");
    assert_eq!(bench.act("sato", &correct("P030", "viability", "93")).unwrap_err().rule, "P11-08");
    bench.record("sato", "P030", "viability", number("95")).unwrap();
    assert_eq!(bench.act("sato", &correct("P030", "viability", "95.0")).unwrap_err().rule, "P11-08");
    let BatchCommand::Correct { phase, item, value, .. } = correct("P030", "viability", "93") else { panic!() };
    let silent = BatchCommand::Correct { phase, item, value, reason: String::new() };
    assert_eq!(bench.act("sato", &silent).unwrap_err().rule, "A11-14");
    assert_eq!(bench.act("suzuki", &correct("P010", "clean", "1")).unwrap_err().rule, "P11-08");
}

#[test]
fn an_operator_corrects_only_the_operators_own_unsigned_entries() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("95")).unwrap();
    assert_eq!(bench.act("mori", &correct("P030", "viability", "93")).unwrap_err().rule, "P11-08");
    let mut bench = Bench::at("P040");
    assert_eq!(bench.act("sato", &correct("P030", "viability", "93")).unwrap_err().rule, "P11-08");
    assert!(bench.act("tanaka", &correct("P030", "viability", "93")).is_ok());
}

#[test]
fn quality_corrects_only_what_is_signed() {
    let mut bench = Bench::running("P030");
    bench.record("sato", "P030", "viability", number("95")).unwrap();
    assert_eq!(bench.act("watanabe", &correct("P030", "viability", "93")).unwrap_err().rule, "P11-08");
    let mut bench = Bench::at("P040");
    assert!(bench.act("watanabe", &correct("P030", "viability", "93")).is_ok());
}

#[test]
fn a_calculation_without_a_result_refuses_what_would_bring_it_about() {
    let mut bench = Bench::at("P070");
    if let Some(batch) = bench.batch.as_mut() {
        let seeded = batch.issued.recipe.formula.iter_mut().find(|p| p.id.as_str() == "seeded").unwrap();
        seeded.target = Some("0".parse().unwrap());
    }
    bench.start("sato", "P070").unwrap();
    let no = bench.record("sato", "P070", "total_cells", number("480")).unwrap_err();
    assert!(no.rule == "DI-05" && no.said.en.contains("Yield"), "{}", no.said.en);
    assert!(!bench.phase("P070").items.values().any(|item| matches!(item.value, ItemValue::Quantity(_))));
}
