//! What the simulated culture must do: warm up, grow, starve, be fed, be harvested; and stay within physical bounds.

use proptest::prelude::*;

use mes_core::clock::Timestamp;

use super::{Realism, Refusal, STEP_MS, bioreactor::*};

const START: i64 = 1_780_000_000_000;

fn after(reactor: &mut Bioreactor, hours: i64) -> Shown {
    let until = reactor.at().plus_s(hours * 3600);
    while until.since_ms(reactor.at()) >= STEP_MS {
        reactor.advance_to(until);
    }
    reactor.shown(until)
}

fn started(seed: u64) -> Bioreactor {
    let mut reactor = Bioreactor::new(seed, Timestamp::from_ms(START), Realism::Calm);
    reactor.command(Command::Run(true)).unwrap();
    reactor
}

#[test]
fn the_loops_bring_temperature_ph_and_oxygen_to_their_targets() {
    let mut reactor = started(1);
    let warm = after(&mut reactor, 1).temperature_cel;
    assert!((35.0..37.8).contains(&warm), "about an hour from 25 to 37 °C: {warm}");
    let shown = after(&mut reactor, 11);
    assert!((shown.temperature_cel - 37.0).abs() < 0.3, "{shown:?}");
    assert!((shown.ph - 7.2).abs() < 0.05, "{shown:?}");
    assert!((shown.oxygen_percent - 50.0).abs() < 4.0, "{shown:?}");
    assert!((shown.agitation_rpm - 60.0).abs() < 3.0, "{shown:?}");
}

#[test]
fn within_four_hours_the_vessel_is_ready_and_a_culture_keeps_it_so() {
    for seed in 1..6 {
        let mut reactor = started(seed);
        reactor.command(Command::Oxygen(40.0)).unwrap();
        after(&mut reactor, 4);
        reactor.command(Command::Inoculate(120.0)).unwrap();
        for hour in 0..150 {
            if hour == 50 {
                reactor.command(Command::Bolus(60.0)).unwrap();
            }
            let s = after(&mut reactor, 1);
            let fine = (36.3..37.6).contains(&s.temperature_cel)
                && (7.05..7.35).contains(&s.ph)
                && (30.0..60.0).contains(&s.oxygen_percent)
                && s.agitation_rpm > 55.0;
            assert!(fine, "seed {seed}, hour {hour}: {s:?}");
        }
    }
}

#[test]
fn cells_lag_then_double_in_36_to_60_hours_eating_glucose_and_a_bolus_brings_it_back() {
    for seed in 1..6 {
        let mut reactor = started(seed);
        after(&mut reactor, 6);
        reactor.command(Command::Inoculate(75.0)).unwrap();
        let seeded = after(&mut reactor, 1).vcd;
        assert!((seeded - 0.0475).abs() < 0.006, "{seeded}");
        let day2 = after(&mut reactor, 47);
        let day4 = after(&mut reactor, 48);
        let doubling_h = 48.0 * 2.0_f64.ln() / (day4.vcd / day2.vcd).ln();
        assert!((36.0..60.0).contains(&doubling_h), "seed {seed}: {doubling_h} h, {day2:?} {day4:?}");
        let day6 = after(&mut reactor, 48);
        assert!(day6.glucose_mmol_l < 3.0 && day6.lactate_mmol_l > 4.0, "seed {seed}: {day6:?}");
        assert!(day6.viability_percent > 85.0, "seed {seed}: {day6:?}");
        reactor.command(Command::Bolus(60.0)).unwrap();
        let fed = after(&mut reactor, 1);
        assert!(fed.glucose_mmol_l > day6.glucose_mmol_l + 4.0, "{fed:?}");
        assert!((fed.feed_total_ml - 60.0).abs() < 0.2, "{fed:?}");
    }
}

#[test]
fn an_emptied_vessel_is_exchanged_before_the_next_batch() {
    let mut reactor = started(3);
    reactor.command(Command::Inoculate(500.0)).unwrap();
    reactor.command(Command::Harvest(true)).unwrap();
    let empty = after(&mut reactor, 1);
    assert!(empty.weight_kg < 0.02 && empty.harvest_total_ml > 1490.0, "{empty:?}");
    reactor.command(Command::Run(true)).unwrap();
    let fresh = reactor.shown(reactor.at());
    assert!(fresh.weight_kg > 1.4 && fresh.vcd < 0.01 && fresh.harvest_total_ml == 0.0, "{fresh:?}");
}

#[test]
fn a_command_out_of_range_or_into_a_full_vessel_changes_nothing() {
    let mut reactor = started(1);
    let before = reactor.targets().clone();
    for command in [Command::Temperature(99.0), Command::Ph(f64::NAN), Command::Agitation(-1.0), Command::Feed(1e9)] {
        assert_eq!(reactor.command(command), Err(Refusal::OutOfRange), "{command:?}");
    }
    reactor.command(Command::Bolus(1000.0)).unwrap();
    after(&mut reactor, 2);
    assert_eq!(reactor.command(Command::Bolus(900.0)), Err(Refusal::InvalidState));
    assert_eq!(*reactor.targets(), before);
}

#[test]
fn the_values_do_not_depend_on_how_often_the_model_is_called() {
    let mut often = started(9);
    let mut once = started(9);
    for model in [&mut often, &mut once] {
        model.command(Command::Inoculate(100.0)).unwrap();
    }
    for s in 0..3600 {
        often.advance_to(Timestamp::from_ms(START).plus_s(s + 1));
    }
    once.advance_to(Timestamp::from_ms(START).plus_s(3600));
    let now = Timestamp::from_ms(START).plus_s(3600);
    assert_eq!(often.shown(now), once.shown(now));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn everything_stays_within_physical_bounds(
        seed: u64,
        commands in prop::collection::vec((0..10usize, -10.0..10_010.0f64, 0i64..20), 1..24),
    ) {
        let mut reactor = started(seed);
        for (kind, value, hours) in commands {
            let command = match kind {
                0 => Command::Temperature(value % 50.0),
                1 => Command::Ph(value % 10.0),
                2 => Command::Oxygen(value % 210.0),
                3 => Command::Agitation(value % 610.0),
                4 => Command::Feed(value % 2010.0),
                5 => Command::Bolus(value % 1010.0),
                6 => Command::Harvest(value > 1000.0),
                7 => Command::Inoculate(value % 5010.0),
                8 => Command::Sparge(value > 3000.0),
                _ => Command::Run(value > 1000.0),
            };
            let _ = reactor.command(command);
            let s = after(&mut reactor, hours);
            prop_assert!((0.0..60.0).contains(&s.temperature_cel), "{s:?}");
            prop_assert!((4.0..10.0).contains(&s.ph), "{s:?}");
            prop_assert!((0.0..460.0).contains(&s.oxygen_percent), "{s:?}");
            prop_assert!((0.0..200.0).contains(&s.glucose_mmol_l), "{s:?}");
            prop_assert!((0.0..200.0).contains(&s.lactate_mmol_l), "{s:?}");
            prop_assert!((0.0..3.1).contains(&s.weight_kg), "{s:?}");
            prop_assert!((0.0..=100.0).contains(&s.viability_percent), "{s:?}");
            prop_assert!(s.vcd.is_finite() && s.vcd >= 0.0, "{s:?}");
        }
    }
}
