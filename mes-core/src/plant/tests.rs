//! Each system by itself: a small world, samples with their times, and what is proposed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    DutyKey, Finding, HoldRule, Pace, Plant, Proposal, ProposedBy, WaitRule, WatchRule,
    component::{Index, WaitSeen, WatchSeen},
};
use crate::{
    clock::Timestamp,
    historian::{Cause, Quality, Sample, SampleValue},
    id::TagId,
    isa88::{Expression, TagRef},
    quantity::Range,
    tenant::{Equipment, Facility, FacilityItem, read_facility},
};

const FACILITY: &str = r#"
suites:
  - { id: SU-1, name: { ja: あ, en: A }, grade: B, places: 1, qualified_until: "2030-01-01T00:00:00Z" }
equipment:
  - id: INC-1
    name: { ja: い, en: I }
    class: incubator
    suite: SU-1
    calibrated_until: "2030-01-01T00:00:00Z"
    link: { template: t, address: "a" }
    tags:
      - { name: temperature, title: { ja: う, en: T }, unit: Cel, decimals: 1, limits: { range: { low: "0", high: "60" }, stale_after_s: 15 } }
      - { name: co2, title: { ja: え, en: C }, unit: "%", decimals: 1, limits: { range: { low: "0", high: "20" }, stale_after_s: 15 } }
"#;

fn facility() -> Facility {
    let mut facility = Facility::default();
    read_facility(FACILITY, |_| None).unwrap().into_iter().for_each(|item| facility.adopt(item));
    facility
}

fn plant() -> Plant {
    let mut plant = Plant::default();
    plant.stand(&facility());
    plant
}

fn at(s: i64) -> Timestamp {
    Timestamp::from_ms(s * 1000)
}

fn tag(name: &str) -> TagId {
    format!("INC-1/{name}").parse().unwrap()
}

fn sample(name: &str, s: i64, value: f64) -> Sample {
    Sample {
        tag: tag(name),
        value: Some(SampleValue::Real(value)),
        quality: Quality::GOOD,
        source_time: None,
        server_time: None,
        receive_time: at(s),
        seq: u64::try_from(s).unwrap() + 1,
        overflow: false,
    }
}

fn bad(name: &str, s: i64) -> Sample {
    Sample { quality: Quality::bad(Cause::LinkDown), ..sample(name, s, 37.0) }
}

fn key(phase: &str, item: Option<&str>) -> DutyKey {
    DutyKey { batch: "B-1".parse().unwrap(), phase: phase.parse().unwrap(), item: item.map(|i| i.parse().unwrap()) }
}

fn watch(plant: &mut Plant, for_s: u32, violated: bool) {
    let rule = WatchRule {
        item: "temp".parse().unwrap(),
        tag: tag("temperature"),
        range: Range { low: Some(36.into()), high: Some(38.into()) },
        for_s,
        started_at: at(0),
        violated,
    };
    plant.world.spawn((key("P010", Some("temp")), rule, WatchSeen::default()));
}

fn wait(plant: &mut Plant, condition: &str, for_s: u32, due: i64) {
    let read = Expression::parse(condition).unwrap();
    let inputs: BTreeMap<TagRef, TagId> =
        read.tags().iter().map(|reference| (reference.clone(), tag(reference.tag.as_str()))).collect();
    let rule = WaitRule { text: condition.into(), condition: Some(read), inputs, for_s, due: at(due), overdue: false };
    plant.world.spawn((key("P020", None), rule, WaitSeen::default()));
}

/// Runs the plant once per group of samples, at the time of the last one.
fn run(plant: &mut Plant, groups: &[&[Sample]]) -> Vec<Proposal> {
    let pace = Pace::default();
    let mut all = Vec::new();
    for group in groups {
        all.extend(plant.run(group.last().unwrap().receive_time, &pace, group.to_vec()));
    }
    all
}

fn met(proposals: &[Proposal]) -> Option<(Timestamp, u64)> {
    proposals.iter().find_map(|proposal| match &proposal.finding {
        Finding::Met { evidence } => Some((evidence.since, evidence.readings[0].seq)),
        _ => None,
    })
}

#[test]
fn a_value_outside_its_physical_range_or_no_number_is_bad_and_a_strange_tag_is_not_taken() {
    let mut plant = plant();
    let strange = Sample { tag: "INC-9/temperature".parse().unwrap(), ..sample("temperature", 1, 37.0) };
    run(&mut plant, &[&[strange, sample("temperature", 1, 61.0), sample("co2", 1, f64::NAN)]]);
    let quality = |name: &str| plant.reading(&tag(name)).unwrap().quality;
    assert_eq!(quality("temperature"), Quality::bad(Cause::OutOfRange));
    assert_eq!(quality("co2"), Quality::bad(Cause::SensorFault));
    assert_eq!(plant.readings().len(), 2);
}

#[test]
fn a_value_becomes_stale_after_wall_seconds_whatever_the_rate_and_an_unread_tag_says_so() {
    let mut plant = plant();
    let mut pace = Pace::default();
    pace.change(at(0), 60);
    plant.run(at(100), &pace, vec![sample("temperature", 100, 37.0)]);
    assert_eq!(plant.readings()[&tag("co2")].quality, Quality::bad(Cause::NotYetRead));
    // 15 s of wall time are 900 s of facility time at this rate.
    plant.run(at(1000), &pace, Vec::new());
    assert!(plant.reading(&tag("temperature")).unwrap().quality.is_good());
    plant.run(at(1001), &pace, Vec::new());
    let stale = plant.reading(&tag("temperature")).unwrap();
    assert_eq!((stale.quality, stale.value), (Quality::bad(Cause::Stale), Some(SampleValue::Real(37.0))));
    plant.run(at(1002), &pace, vec![sample("temperature", 1002, 37.0)]);
    assert!(plant.reading(&tag("temperature")).unwrap().quality.is_good());
}

#[test]
fn p11_12_a_value_after_the_end_of_the_calibration_is_shown_but_not_used() {
    let mut plant = plant();
    wait(&mut plant, "incubator.temperature >= 36.5", 0, 10_000_000_000);
    let end = facility().equipment.values().next().unwrap().calibrated_until.as_ms() / 1000;
    assert!(met(&run(&mut plant, &[&[sample("temperature", end, 37.0)]])).is_none());
    let reading = plant.reading(&tag("temperature")).unwrap();
    assert_eq!(reading.quality, Quality::uncertain(Cause::Device("CalibrationExpired".into())));
    assert_eq!(reading.value, Some(SampleValue::Real(37.0)));
}

#[test]
fn a_sample_older_than_the_newest_does_not_replace_it() {
    let mut plant = plant();
    run(&mut plant, &[&[sample("temperature", 9, 37.0)], &[sample("temperature", 5, 20.0), sample("co2", 10, 5.0)]]);
    assert_eq!(plant.reading(&tag("temperature")).unwrap().value, Some(SampleValue::Real(37.0)));
}

#[test]
fn a_limit_is_violated_only_when_it_is_left_for_long_enough_and_returns_once() {
    let mut plant = plant();
    watch(&mut plant, 20, false);
    let t = |s, v| sample("temperature", s, v);
    assert!(run(&mut plant, &[&[t(1, 37.0)], &[t(10, 39.0)], &[t(20, 39.0)], &[t(25, 37.0)]]).is_empty());
    let found = run(&mut plant, &[&[t(30, 39.0)], &[t(40, 39.0)], &[t(50, 39.5)]]);
    let [Proposal { finding: Finding::Violated { since, evidence, .. }, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*since, evidence.value.clone()), (at(30), Some(SampleValue::Real(39.5))));
    assert_eq!(found[0].by(), ProposedBy::Alarm);
}

#[test]
fn a_violation_on_record_returns_with_the_first_good_value_inside() {
    let mut plant = plant();
    watch(&mut plant, 20, true);
    let found = run(
        &mut plant,
        &[&[sample("temperature", 1, 39.0)], &[bad("temperature", 2)], &[sample("temperature", 3, 37.0)]],
    );
    let [Proposal { finding: Finding::Returned { evidence, .. }, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(evidence.receive_time, at(3));
}

#[test]
fn a_bad_value_counts_as_outside() {
    let mut plant = plant();
    watch(&mut plant, 10, false);
    let found = run(&mut plant, &[&[bad("temperature", 1)], &[bad("temperature", 11)]]);
    assert!(
        matches!(&found[..], [Proposal { finding: Finding::Violated { since, .. }, .. }] if *since == at(1)),
        "{found:?}"
    );
}

#[test]
fn a_silent_tag_violates_its_limit_from_the_moment_it_is_stale() {
    let mut plant = plant();
    watch(&mut plant, 10, false);
    let pace = Pace::default();
    plant.run(at(1), &pace, vec![sample("temperature", 1, 37.0)]);
    assert!(plant.run(at(25), &pace, Vec::new()).is_empty());
    let found = plant.run(at(26), &pace, Vec::new());
    let [Proposal { finding: Finding::Violated { since, evidence, .. }, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*since, &evidence.quality), (at(16), &Quality::bad(Cause::Stale)));
}

#[test]
fn after_a_restart_nothing_counts_as_seen_before_it() {
    let mut plant = plant();
    watch(&mut plant, 10, false);
    // The phase started at 0; this process observes from 1,000 on.
    let pace = Pace::default();
    assert!(plant.run(at(1000), &pace, Vec::new()).is_empty());
    assert!(plant.run(at(1024), &pace, Vec::new()).is_empty());
    let found = plant.run(at(1025), &pace, Vec::new());
    let [Proposal { finding: Finding::Violated { since, evidence, .. }, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*since, &evidence.quality), (at(1015), &Quality::bad(Cause::NotYetRead)));
}

const BOTH: &str = "incubator.temperature >= 36.5 && incubator.co2 <= 5.5";

#[test]
fn a_condition_must_hold_without_a_break_for_its_time() {
    let mut plant = plant();
    wait(&mut plant, BOTH, 20, 10_000);
    let both = |s, t: f64, c: f64| [sample("temperature", s, t), sample("co2", s, c)];
    let found =
        run(&mut plant, &[&both(1, 37.0, 5.0), &both(10, 37.0, 5.0), &both(20, 36.0, 5.0), &both(25, 37.0, 5.0)]);
    assert!(found.is_empty(), "{found:?}");
    assert!(run(&mut plant, &[&both(35, 37.0, 5.0), &both(44, 37.0, 5.0)]).is_empty());
    let found = run(&mut plant, &[&both(45, 37.0, 5.0)]);
    assert_eq!(met(&found).unwrap().0, at(25));
}

#[test]
fn a_bad_value_or_a_gap_longer_than_the_staleness_breaks_the_hold() {
    let cold = "incubator.temperature >= 36.5";
    let t = |s| sample("temperature", s, 37.0);
    let mut broken = plant();
    wait(&mut broken, cold, 20, 10_000);
    assert!(run(&mut broken, &[&[t(1)], &[t(10)], &[bad("temperature", 15)], &[t(16)], &[t(25)], &[t(35)]]).is_empty());
    assert_eq!(met(&run(&mut broken, &[&[t(36)]])).unwrap().0, at(16));
    let mut gap = plant();
    wait(&mut gap, cold, 20, 10_000);
    assert!(run(&mut gap, &[&[t(1)], &[t(10)], &[t(26)], &[t(40)]]).is_empty());
    assert_eq!(met(&run(&mut gap, &[&[t(46)]])).unwrap().0, at(26));
}

#[test]
fn time_alone_never_meets_a_condition_and_a_jump_of_facility_time_still_respects_it() {
    let mut plant = plant();
    wait(&mut plant, "incubator.temperature >= 36.5", 600, 100_000);
    let mut pace = Pace::default();
    pace.change(at(0), 3600);
    assert!(plant.run(at(3600), &pace, vec![sample("temperature", 3600, 37.0)]).is_empty());
    assert!(plant.run(at(3600 + 36_000), &pace, Vec::new()).is_empty());
    let found = plant.run(at(40_000), &pace, vec![sample("temperature", 40_000, 36.0)]);
    assert!(found.is_empty(), "one sample that says otherwise begins it anew: {found:?}");
    assert!(plant.run(at(43_600), &pace, vec![sample("temperature", 43_600, 37.0)]).is_empty());
    let found = plant.run(at(47_200), &pace, vec![sample("temperature", 47_200, 37.0)]);
    assert_eq!(met(&found).unwrap().0, at(43_600));
}

#[test]
fn an_overdue_condition_is_noticed_with_its_due_time_and_may_still_come_about() {
    let mut plant = plant();
    wait(&mut plant, "incubator.temperature >= 36.5", 0, 100);
    let pace = Pace::default();
    assert!(plant.run(at(100), &pace, Vec::new()).is_empty());
    let found = plant.run(at(500), &pace, vec![sample("temperature", 400, 37.0)]);
    assert!(matches!(found[0].finding, Finding::Overdue { due } if due == at(100)), "{found:?}");
    assert_eq!(met(&found).unwrap().0, at(400));
}

#[test]
fn a_hold_time_that_ran_out_is_proposed_until_the_rules_said_no() {
    let mut plant = plant();
    plant.world.spawn((key("P030", None), HoldRule { due: at(100) }));
    let pace = Pace::default();
    assert!(plant.run(at(100), &pace, Vec::new()).is_empty());
    let found = plant.run(at(10_000), &pace, Vec::new());
    assert!(matches!(found[..], [Proposal { finding: Finding::HoldExceeded { due }, .. }] if due == at(100)));
    plant.mute(&found[0]);
    assert!(plant.run(at(10_001), &pace, Vec::new()).is_empty());
}

#[test]
fn a_tag_that_leaves_the_facility_leaves_the_world_and_a_changed_limit_counts_at_once() {
    let mut plant = plant();
    run(&mut plant, &[&[sample("temperature", 1, 37.0), sample("co2", 1, 5.0)]]);
    let mut changed = facility();
    let mut unit: Equipment = changed.equipment.values().next().unwrap().clone();
    unit.tags.truncate(1);
    unit.tags[0].limits.range.high = Some(30.into());
    changed.adopt(FacilityItem::Equipment(Box::new(unit)));
    plant.stand(&changed);
    assert_eq!(plant.readings().len(), 1);
    assert_eq!(plant.world.resource::<Index>().points.len(), 1);
    run(&mut plant, &[&[sample("temperature", 2, 37.0)]]);
    assert_eq!(plant.reading(&tag("temperature")).unwrap().quality, Quality::bad(Cause::OutOfRange));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However samples are cut into runs, the same is found.
    #[test]
    fn what_is_found_does_not_depend_on_the_length_of_a_tick(
        values in proptest::collection::vec((1i64..12, prop_oneof![Just(37.0), Just(36.0), Just(39.0)], any::<bool>()), 1..60),
        cut in 1usize..9,
    ) {
        let mut now = 0;
        let samples: Vec<Sample> = values.iter().map(|(step, value, good)| {
            now += step;
            if *good { sample("temperature", now, *value) } else { bad("temperature", now) }
        }).collect();
        let found = |length: usize| {
            let mut plant = plant();
            watch(&mut plant, 15, false);
            wait(&mut plant, "incubator.temperature >= 36.5", 25, 1_000_000);
            let groups: Vec<&[Sample]> = samples.chunks(length).collect();
            let found = run(&mut plant, &groups);
            let met = met(&found);
            let violated = found.into_iter().find(|proposal| matches!(proposal.finding, Finding::Violated { .. }));
            (met, violated)
        };
        prop_assert_eq!(found(1), found(cut));
    }
}
