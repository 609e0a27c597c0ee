//! A stirred vessel of 3 L with mesenchymal stromal cells on microcarriers.
//!
//! Growth with lag, limited by glucose, oxygen, lactate, temperature and room on the carriers; glucose and lactate;
//! oxygen and carbon dioxide in the liquid under gas control; a jacket with PI control; pumps. A vessel is single-use:
//! when it has been emptied, the first start or inoculation afterwards finds a fresh one, filled with medium.

use mes_core::clock::Timestamp;

use super::{Pi, Realism, Refusal, STEP_MS, follow, instrument, noise, step_s, steps};

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
/// Base, mmol/mL.
const BASE_MMOL_ML: f64 = 1.0;
/// Gas through or over the liquid, L/min.
const GAS_L_MIN: f64 = 0.2;
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
    /// Most base that the pH loop may pump, mL/h (0 to 200); 0 leaves pH to carbon dioxide alone.
    pub base_max_ml_h: f64,
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
    /// Most base that the pH loop may pump, mL/h.
    BaseMax(f64),
    /// Start or stop the harvest pump.
    Harvest(bool),
    /// A sample is drawn, mL.
    Sample(f64),
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

/// What the actuators of the vessel do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Actuators {
    /// Heater, % of its power.
    pub heater_percent: f64,
    /// Oxygen in the inlet gas beyond air, % of the cascade.
    pub oxygen_cascade_percent: f64,
    /// Air, oxygen, carbon dioxide and nitrogen, L/min.
    pub gas_l_min: [f64; 4],
    /// Head-space pressure over that of the room, mbar.
    pub pressure_mbar: f64,
    /// Base flow now, mL/h.
    pub base_ml_h: f64,
    /// Base since the vessel was mounted, mL.
    pub base_total_ml: f64,
    /// How long the control loops have run since they were started, s.
    pub run_s: f64,
    /// The lid is open.
    pub lid_open: bool,
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
    realism: Realism,
    donor_growth: f64,
    donor_lag_h: f64,
    mounted_at: Timestamp,
    last_sample_ml: f64,
    run_s: f64,
    lid_open_until: Timestamp,
    contents: Contents,
    probe: Probe,
    heater: Pi,
    oxygen: Pi,
    carbon_dioxide: Pi,
    base: Pi,
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
    heater_w: f64,
    inlet_oxygen: f64,
    inlet_carbon_dioxide: f64,
    base_flow: f64,
    base_total_ml: f64,
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
            heater_w: 0.0,
            inlet_oxygen: 0.2095,
            inlet_carbon_dioxide: 0.0004,
            base_flow: 0.0,
            base_total_ml: 0.0,
        }
    }
    fn ph(&self) -> f64 {
        6.1 + (self.bicarbonate.max(0.5) / (0.0307 * self.pco2_mmhg.max(0.5))).log10()
    }
}

impl Bioreactor {
    /// A fresh, stopped vessel at facility time `at`; the seed makes the donor and the noise.
    pub fn new(seed: u64, at: Timestamp, realism: Realism) -> Self {
        let (donor_growth, donor_lag_h) = donor(seed, realism);
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
                base_max_ml_h: 0.0,
                harvesting: false,
                sparging: true,
            },
            last_bolus_ml: 0.0,
            last_inoculum: 0.0,
            realism,
            donor_growth,
            donor_lag_h,
            mounted_at: at,
            last_sample_ml: 0.0,
            run_s: 0.0,
            lid_open_until: at,
            contents,
            probe,
            heater: Pi::new(40.0, 1440.0, [0.0, 100.0]),
            oxygen: Pi::new(0.004, 900.0, [0.02, 0.9]),
            carbon_dioxide: Pi::new(0.15, 1200.0, [0.0, 0.2]),
            base: Pi::new(10.0, 600.0, [0.0, 1.0]),
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

    /// The last sample drawn, mL.
    pub fn last_sample_ml(&self) -> f64 {
        self.last_sample_ml
    }
    /// Opens the lid for seconds of facility time.
    pub fn open_lid(&mut self, seconds: i64) {
        self.lid_open_until = self.at.plus_s(seconds);
    }
    /// The probe that is in a spell of failure, `ph` or `do`, where probes fail at times.
    pub fn failed_probe(&self) -> Option<&'static str> {
        if self.realism == Realism::Calm {
            return None;
        }
        [(21, "ph"), (22, "do")]
            .into_iter()
            .find_map(|(channel, tag)| instrument::in_episode(self.seed, channel, self.at).then_some(tag))
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
            Command::BaseMax(value) => self.targets.base_max_ml_h = within(value, 0.0, 200.0)?,
            Command::Sample(value) => {
                let drawn = within(value, 0.0, 100.0)?;
                if drawn > self.contents.volume_ml {
                    return Err(Refusal::InvalidState);
                }
                self.contents.volume_ml -= drawn;
                self.last_sample_ml = drawn;
            }
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
                if run && !self.running {
                    self.run_s = 0.0;
                }
                self.running = run;
            }
        }
        Ok(())
    }

    fn mount_if_emptied(&mut self) {
        if self.contents.volume_ml < EMPTIED_ML {
            self.contents = Contents::fresh();
            self.mounted_at = self.at;
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
        if self.running {
            self.run_s += dt_s;
        }
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
        let base = if self.running && self.targets.base_max_ml_h > 0.0 {
            // Base begins a little below the target, so that it does not work against the gas.
            let opening = self.base.output(self.targets.ph - 0.02 - self.probe.ph, dt_s);
            (opening * self.targets.base_max_ml_h * hours).min((CAPACITY_ML - c.volume_ml).max(0.0))
        } else {
            0.0
        };
        c.bicarbonate += base * BASE_MMOL_ML * 1000.0 / c.volume_ml.max(1.0);
        c.volume_ml += base;
        c.base_flow = base / hours;
        c.base_total_ml += base;
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
        (c.inlet_oxygen, c.inlet_carbon_dioxide) = (oxygen, carbon_dioxide);
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
        c.heater_w = power_w;
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
        let days = self.drift_days(now);
        let drift = |channel, per_day: f64| instrument::drift(self.seed, channel, days, per_day);
        let alive = if c.viable + c.dead > 1e-6 { 100.0 * c.viable / (c.viable + c.dead) } else { 0.0 };
        Shown {
            temperature_cel: noisy(1, self.probe.temperature, 0.02, 2.0),
            ph: noisy(2, self.probe.ph + drift(2, 0.01), 0.005, 3.0),
            oxygen_percent: noisy(3, self.probe.oxygen * (1.0 + drift(3, 0.005)), 0.4, 1.0).max(0.0),
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
    /// What the actuators do.
    pub fn actuators(&self) -> Actuators {
        let c = &self.contents;
        let gas = if self.running { GAS_L_MIN } else { 0.0 };
        let rest = 1.0 - c.inlet_carbon_dioxide;
        let enriched = ((c.inlet_oxygen - 0.2095) / (1.0 - 0.2095)).clamp(0.0, 1.0);
        let thinned = (1.0 - c.inlet_oxygen / 0.2095).clamp(0.0, 1.0);
        let rounded = |value: f64, grid: f64| (value * grid).round() / grid + 0.0;
        let air = (1.0 - enriched - thinned).max(0.0);
        let share = [air * rest, enriched * rest, c.inlet_carbon_dioxide, thinned * rest];
        Actuators {
            heater_percent: rounded(c.heater_w, 10.0),
            oxygen_cascade_percent: rounded(100.0 * enriched, 10.0),
            gas_l_min: share.map(|part| rounded(gas * part, 10_000.0)),
            pressure_mbar: rounded(2.0 + 40.0 * gas, 10.0),
            base_ml_h: rounded(c.base_flow, 100.0),
            base_total_ml: rounded(c.base_total_ml, 10.0),
            run_s: self.run_s,
            lid_open: self.at < self.lid_open_until,
        }
    }

    /// Days over which probes have drifted since the vessel was mounted; 0 where they do not drift.
    fn drift_days(&self, now: Timestamp) -> f64 {
        if self.realism == Realism::Calm {
            return 0.0;
        }
        instrument::days(now.since_ms(self.mounted_at))
    }
}

/// Growth factor and lag in hours of the seed's donor.
fn donor(seed: u64, realism: Realism) -> (f64, f64) {
    let (one, other) = (noise::uniform(seed, 1), noise::uniform(seed, 2));
    match realism {
        Realism::Calm => (0.9 + 0.2 * one, 8.0 + 8.0 * other),
        // The middle of the lag is 14 h; half of all donors lie between 11 and 18 h.
        Realism::Full => (0.85 + 0.3 * one, (14.0 * (0.4 * noise::normal(seed, 2, 0)).exp()).clamp(6.0, 36.0)),
    }
}
