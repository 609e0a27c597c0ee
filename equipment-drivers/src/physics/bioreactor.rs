//! A stirred vessel of 3 L with mesenchymal stromal cells on microcarriers.
//!
//! Growth with lag, limited by glucose, oxygen, lactate, temperature and room on the carriers; glucose and lactate;
//! oxygen and carbon dioxide in the liquid under gas control; a jacket with PI control; pumps. A vessel is single-use:
//! when it has been emptied, the first start or inoculation afterwards finds a fresh one, filled with medium.

use mes_core::clock::Timestamp;

use super::{Pi, Refusal, STEP_MS, follow, noise, step_s, steps};

/// Medium in a fresh vessel, mL.
pub const FILL_ML: f64 = 1500.0;
/// The vessel holds no more than this, mL.
pub const CAPACITY_ML: f64 = 3000.0;
/// Below this the vessel counts as emptied, mL.
pub const EMPTIED_ML: f64 = 300.0;
/// Glucose in fresh medium, mmol/L.
pub const MEDIUM_GLUCOSE_MMOL_L: f64 = 5.6;
/// Glucose in the feed, mmol/L.
pub const FEED_GLUCOSE_MMOL_L: f64 = 150.0;
/// Flow of a bolus, mL/h.
pub const BOLUS_ML_H: f64 = 1200.0;
/// Flow of the harvest pump, mL/h.
pub const HARVEST_ML_H: f64 = 3000.0;
/// Room temperature, °C.
const ROOM_CEL: f64 = 22.0;
/// Growth rate at best, per hour; with every limit of a real culture, cells double in about 42 h.
const MU_MAX_H: f64 = 0.0245;
/// Death rate at rest, per hour.
const DEATH_H: f64 = 0.001;
/// Cell density at which the carriers are full, 10^6/mL.
const CONFLUENT: f64 = 1.2;
/// Cells per glucose, 10^9/mmol, and upkeep in mmol per 10^9 cells and hour.
const YIELD: f64 = 0.092;
const UPKEEP: f64 = 0.12;
/// Lactate per glucose, mol/mol.
const LACTATE_YIELD: f64 = 1.8;
/// Oxygen uptake, mmol per 10^9 cells and hour; saturation with air, mmol/L.
const OXYGEN_UPTAKE: f64 = 0.1;
const OXYGEN_AIR_MMOL_L: f64 = 0.21;

/// Set-points of the vessel's control loops.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Temperature, °C (4 to 45).
    pub temperature_cel: f64,
    /// pH (5 to 9).
    pub ph: f64,
    /// Dissolved oxygen, % of air saturation (0 to 200).
    pub oxygen_percent: f64,
    /// Stirrer, 1/min (0 to 600).
    pub agitation_rpm: f64,
    /// Continuous feed, mL/h (0 to 2000).
    pub feed_ml_h: f64,
    /// Whether the harvest pump is ordered to run.
    pub harvesting: bool,
    /// Whether gas goes through the liquid; otherwise over it only.
    pub sparging: bool,
}

/// A command to the vessel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Temperature target, °C.
    Temperature(f64),
    /// pH target.
    Ph(f64),
    /// Oxygen target, % of air saturation.
    Oxygen(f64),
    /// Stirrer target, 1/min.
    Agitation(f64),
    /// Continuous feed, mL/h.
    Feed(f64),
    /// One dose of feed, mL; 0 stops a dose.
    Bolus(f64),
    /// Start or stop the harvest pump.
    Harvest(bool),
    /// Gas through the liquid, or over it only.
    Sparge(bool),
    /// Cells put in, 10^6.
    Inoculate(f64),
    /// Start or stop the control loops.
    Run(bool),
}

/// What the instruments of the vessel show.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Temperature, °C.
    pub temperature_cel: f64,
    /// pH.
    pub ph: f64,
    /// Dissolved oxygen, % of air saturation.
    pub oxygen_percent: f64,
    /// Stirrer, 1/min.
    pub agitation_rpm: f64,
    /// Viable cell density, 10^6/mL.
    pub vcd: f64,
    /// Viability, %.
    pub viability_percent: f64,
    /// Glucose, mmol/L.
    pub glucose_mmol_l: f64,
    /// Lactate, mmol/L.
    pub lactate_mmol_l: f64,
    /// Contents, kg.
    pub weight_kg: f64,
    /// Feed flow now, mL/h.
    pub feed_ml_h: f64,
    /// Feed since the vessel was mounted, mL.
    pub feed_total_ml: f64,
    /// Harvest flow now, mL/h.
    pub harvest_ml_h: f64,
    /// Harvest since the vessel was mounted, mL.
    pub harvest_total_ml: f64,
}

/// The vessel.
#[derive(Debug, Clone)]
pub struct Bioreactor {
    seed: u64,
    at: Timestamp,
    running: bool,
    targets: Targets,
    last_bolus_ml: f64,
    last_inoculum: f64,
    donor_growth: f64,
    donor_lag_h: f64,
    contents: Contents,
    probe: Probe,
    heater: Pi,
    oxygen: Pi,
    carbon_dioxide: Pi,
}

/// What is in the vessel.
#[derive(Debug, Clone)]
struct Contents {
    volume_ml: f64,
    viable: f64,
    dead: f64,
    glucose: f64,
    lactate: f64,
    bicarbonate: f64,
    pco2_mmhg: f64,
    oxygen: f64,
    temperature: f64,
    jacket: f64,
    agitation: f64,
    culture_h: f64,
    bolus_left_ml: f64,
    feed_flow: f64,
    feed_total_ml: f64,
    harvest_flow: f64,
    harvest_total_ml: f64,
}

/// What the slow sensors show.
#[derive(Debug, Clone)]
struct Probe {
    temperature: f64,
    oxygen: f64,
    ph: f64,
}

impl Contents {
    fn fresh() -> Self {
        Self {
            volume_ml: FILL_ML,
            viable: 0.0,
            dead: 0.0,
            glucose: MEDIUM_GLUCOSE_MMOL_L,
            lactate: 0.2,
            bicarbonate: 24.0,
            pco2_mmhg: 45.0,
            oxygen: 95.0,
            temperature: ROOM_CEL + 3.0,
            jacket: ROOM_CEL + 3.0,
            agitation: 0.0,
            culture_h: 0.0,
            bolus_left_ml: 0.0,
            feed_flow: 0.0,
            feed_total_ml: 0.0,
            harvest_flow: 0.0,
            harvest_total_ml: 0.0,
        }
    }
    fn ph(&self) -> f64 {
        6.1 + (self.bicarbonate.max(0.5) / (0.0307 * self.pco2_mmhg.max(0.5))).log10()
    }
}

impl Bioreactor {
    /// A fresh, stopped vessel at facility time `at`; the seed makes the donor and the noise.
    pub fn new(seed: u64, at: Timestamp) -> Self {
        let contents = Contents::fresh();
        let probe = Probe { temperature: contents.temperature, oxygen: contents.oxygen, ph: contents.ph() };
        Self {
            seed,
            at,
            running: false,
            targets: Targets {
                temperature_cel: 37.0,
                ph: 7.2,
                oxygen_percent: 50.0,
                agitation_rpm: 60.0,
                feed_ml_h: 0.0,
                harvesting: false,
                sparging: true,
            },
            last_bolus_ml: 0.0,
            last_inoculum: 0.0,
            donor_growth: 0.9 + 0.2 * noise::uniform(seed, 1),
            donor_lag_h: 8.0 + 8.0 * noise::uniform(seed, 2),
            contents,
            probe,
            heater: Pi::new(40.0, 1440.0, [0.0, 100.0]),
            oxygen: Pi::new(0.004, 900.0, [0.02, 0.9]),
            carbon_dioxide: Pi::new(0.15, 1200.0, [0.0, 0.2]),
        }
    }
    /// Facility time up to which the model has been integrated.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    /// Whether the control loops run.
    pub fn running(&self) -> bool {
        self.running
    }
    /// The set-points.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
    /// The last dose ordered, mL.
    pub fn last_bolus_ml(&self) -> f64 {
        self.last_bolus_ml
    }
    /// The last number of cells put in, 10^6.
    pub fn last_inoculum(&self) -> f64 {
        self.last_inoculum
    }

    /// Carries out a command, or says why not; nothing has changed then.
    pub fn command(&mut self, command: Command) -> Result<(), Refusal> {
        let within = |value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) { Ok(value) } else { Err(Refusal::OutOfRange) }
        };
        match command {
            Command::Temperature(value) => self.targets.temperature_cel = within(value, 4.0, 45.0)?,
            Command::Ph(value) => self.targets.ph = within(value, 5.0, 9.0)?,
            Command::Oxygen(value) => self.targets.oxygen_percent = within(value, 0.0, 200.0)?,
            Command::Agitation(value) => self.targets.agitation_rpm = within(value, 0.0, 600.0)?,
            Command::Feed(value) => self.targets.feed_ml_h = within(value, 0.0, 2000.0)?,
            Command::Harvest(on) => self.targets.harvesting = on,
            Command::Sparge(on) => self.targets.sparging = on,
            Command::Bolus(value) => {
                let value = within(value, 0.0, 1000.0)?;
                if self.contents.volume_ml + value > CAPACITY_ML {
                    return Err(Refusal::InvalidState);
                }
                self.contents.bolus_left_ml = value;
                self.last_bolus_ml = value;
            }
            Command::Inoculate(value) => {
                let cells = within(value, 0.0, 5000.0)?;
                self.mount_if_emptied();
                let volume = self.contents.volume_ml;
                self.contents.viable += 0.95 * cells / volume;
                self.contents.dead += 0.05 * cells / volume;
                self.contents.culture_h = 0.0;
                self.last_inoculum = cells;
            }
            Command::Run(run) => {
                if run {
                    self.mount_if_emptied();
                }
                self.running = run;
            }
        }
        Ok(())
    }

    fn mount_if_emptied(&mut self) {
        if self.contents.volume_ml < EMPTIED_ML {
            self.contents = Contents::fresh();
            self.targets.feed_ml_h = 0.0;
            self.targets.harvesting = false;
        }
    }

    /// Integrates up to `now`, in whole steps.
    pub fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..steps(self.at, now) {
            self.step(step_s());
            self.at = self.at.plus_ms(STEP_MS);
        }
    }

    fn step(&mut self, dt_s: f64) {
        self.pumps(dt_s);
        self.metabolism(dt_s);
        self.gas(dt_s);
        self.heat(dt_s);
        let ph = self.contents.ph();
        follow(&mut self.probe.temperature, self.contents.temperature, 20.0, dt_s);
        follow(&mut self.probe.oxygen, self.contents.oxygen, 45.0, dt_s);
        follow(&mut self.probe.ph, ph, 15.0, dt_s);
        let stirrer = if self.running { self.targets.agitation_rpm } else { 0.0 };
        follow(&mut self.contents.agitation, stirrer, 5.0, dt_s);
    }

    fn pumps(&mut self, dt_s: f64) {
        let c = &mut self.contents;
        let hours = dt_s / 3600.0;
        let bolus = c.bolus_left_ml.min(BOLUS_ML_H * hours);
        let steady = if self.running { self.targets.feed_ml_h * hours } else { 0.0 };
        let added = (bolus + steady).min((CAPACITY_ML - c.volume_ml).max(0.0));
        c.bolus_left_ml = (c.bolus_left_ml - bolus).max(0.0);
        if c.volume_ml + added > 1.0 {
            let kept = c.volume_ml / (c.volume_ml + added);
            let new = 1.0 - kept;
            c.viable *= kept;
            c.dead *= kept;
            c.lactate *= kept;
            c.glucose = c.glucose * kept + FEED_GLUCOSE_MMOL_L * new;
            c.bicarbonate = c.bicarbonate * kept + 24.0 * new;
            c.temperature = c.temperature * kept + ROOM_CEL * new;
        }
        c.volume_ml += added;
        let harvest = if self.targets.harvesting { HARVEST_ML_H * hours } else { 0.0 };
        let taken = harvest.min(c.volume_ml);
        c.volume_ml -= taken;
        c.feed_total_ml += added;
        c.harvest_total_ml += taken;
        c.feed_flow = added / hours;
        c.harvest_flow = taken / hours;
    }

    fn metabolism(&mut self, dt_s: f64) {
        let c = &mut self.contents;
        let hours = dt_s / 3600.0;
        c.culture_h += hours;
        let oxygen = c.oxygen.max(0.0);
        let lag = c.culture_h.powi(2) / (c.culture_h.powi(2) + self.donor_lag_h.powi(2));
        let suspended = 0.2 + 0.8 * (c.agitation / 30.0).clamp(0.0, 1.0);
        let warmth = (-((c.temperature - 37.0) / 4.0).powi(2)).exp();
        let growth = MU_MAX_H
            * self.donor_growth
            * warmth
            * (c.glucose / (0.3 + c.glucose))
            * (43.0 / (43.0 + c.lactate))
            * (oxygen / (oxygen + 3.0))
            * (1.0 - c.viable / CONFLUENT).max(0.0)
            * lag
            * suspended;
        let shear = ((c.agitation - 120.0) / 60.0).max(0.0).powi(2);
        let heat = ((c.temperature - 39.0) / 1.5).max(0.0).powi(2);
        let hunger = 0.2 / (0.2 + c.glucose);
        let death = DEATH_H * (1.0 + (c.lactate / 30.0).powi(2) + shear + heat + 6.0 * hunger);
        let burn = (growth / YIELD + UPKEEP * warmth * c.glucose / (0.1 + c.glucose)) * c.viable;
        let burnt = (burn * hours).min(c.glucose);
        let dying = (death * c.viable * hours).min(c.viable);
        c.viable += growth * c.viable * hours - dying;
        c.dead += dying;
        c.glucose -= burnt;
        c.lactate += LACTATE_YIELD * burnt;
        c.bicarbonate = (c.bicarbonate - LACTATE_YIELD * burnt).max(0.5);
        c.oxygen -= OXYGEN_UPTAKE * warmth * c.viable / OXYGEN_AIR_MMOL_L * 100.0 * hours * oxygen / (oxygen + 1.0);
    }

    fn gas(&mut self, dt_s: f64) {
        let c = &mut self.contents;
        let hours = dt_s / 3600.0;
        let (oxygen, carbon_dioxide, transfer) = if self.running {
            let oxygen = self.oxygen.output(self.targets.oxygen_percent - self.probe.oxygen, dt_s);
            let acid = self.carbon_dioxide.output(self.probe.ph - self.targets.ph, dt_s);
            let through =
                if self.targets.sparging { 4.0 + 10.0 * (c.agitation / 100.0).powf(1.5).min(4.0) } else { 0.0 };
            (oxygen, acid, 2.0 + through)
        } else {
            (0.2095, 0.0004, 0.5)
        };
        let share = (transfer * hours).min(1.0);
        c.oxygen = (c.oxygen + share * (100.0 * oxygen / 0.2095 - c.oxygen)).clamp(0.0, 450.0);
        let made = 0.1 * c.viable / 0.0307 * hours;
        c.pco2_mmhg = (c.pco2_mmhg + 0.5 * share * (carbon_dioxide * 713.0 - c.pco2_mmhg) + made).clamp(1.0, 400.0);
    }

    fn heat(&mut self, dt_s: f64) {
        let power_w = if self.running {
            self.heater.output(self.targets.temperature_cel - self.probe.temperature, dt_s)
        } else {
            0.0
        };
        let c = &mut self.contents;
        let to_liquid = 8.0 * (c.jacket - c.temperature);
        c.jacket += (power_w - to_liquid - (c.jacket - ROOM_CEL)) * dt_s / 800.0;
        let capacity = c.volume_ml.max(100.0) * 4.18;
        c.temperature += (to_liquid - 0.6 * (c.temperature - ROOM_CEL)) * dt_s / capacity;
    }

    /// What the instruments show at `now`, with their noise.
    pub fn shown(&self, now: Timestamp) -> Shown {
        let c = &self.contents;
        let noisy = |channel, value: f64, size: f64, decimals: f64| {
            let grid = 10.0_f64.powf(decimals);
            ((value + size * noise::normal(self.seed, channel, now.as_ms())) * grid).round() / grid + 0.0 // no negative zero
        };
        let alive = if c.viable + c.dead > 1e-6 { 100.0 * c.viable / (c.viable + c.dead) } else { 0.0 };
        Shown {
            temperature_cel: noisy(1, self.probe.temperature, 0.02, 2.0),
            ph: noisy(2, self.probe.ph, 0.005, 3.0),
            oxygen_percent: noisy(3, self.probe.oxygen, 0.4, 1.0).max(0.0),
            agitation_rpm: noisy(4, c.agitation, if c.agitation > 1.0 { 0.4 } else { 0.0 }, 1.0),
            vcd: noisy(5, c.viable, 0.001 + 0.01 * c.viable, 4.0).max(0.0),
            viability_percent: if alive > 0.0 { noisy(6, alive, 0.3, 1.0).clamp(0.0, 100.0) } else { 0.0 },
            glucose_mmol_l: noisy(7, c.glucose, 0.03, 2.0).max(0.0),
            lactate_mmol_l: noisy(8, c.lactate, 0.05, 2.0).max(0.0),
            weight_kg: noisy(9, c.volume_ml / 1000.0, 0.002, 3.0).max(0.0),
            feed_ml_h: (c.feed_flow * 10.0).round() / 10.0,
            feed_total_ml: (c.feed_total_ml * 10.0).round() / 10.0,
            harvest_ml_h: (c.harvest_flow * 10.0).round() / 10.0,
            harvest_total_ml: (c.harvest_total_ml * 10.0).round() / 10.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_780_000_000_000;

    fn after(reactor: &mut Bioreactor, hours: i64) -> Shown {
        let until = reactor.at().plus_s(hours * 3600);
        while until.since_ms(reactor.at()) >= STEP_MS {
            reactor.advance_to(until);
        }
        reactor.shown(until)
    }

    fn started(seed: u64) -> Bioreactor {
        let mut reactor = Bioreactor::new(seed, Timestamp::from_ms(START));
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
        for command in [Command::Temperature(99.0), Command::Ph(f64::NAN), Command::Agitation(-1.0), Command::Feed(1e9)]
        {
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
}
