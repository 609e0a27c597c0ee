//! A CO2 incubator of 165 L: air and wall, a PI heater, a CO2 valve, a water pan, and a door.
//!
//! An opened door exchanges the air within seconds and cuts heater and gas; temperature is back in minutes, CO2 in about
//! five, humidity in half an hour.

use mes_core::clock::Timestamp;

use super::{Pi, Realism, Refusal, STEP_MS, follow, instrument, noise, step_s, steps};

/// Temperature of the room, °C; its humidity and CO2, %.
const ROOM: (f64, f64, f64) = (21.0, 40.0, 0.04);
/// An alarm of temperature or CO2 waits this long after a change of set-point or a door, in seconds of facility time.
const ALARM_DELAY_S: i64 = 1800;

/// Doors are opened so often on a working day.
const DOORS_PER_DAY: f64 = 9.0;
/// Once in so many hours water is refilled (the door stands open for a minute and a half), and a gas cylinder is empty for
/// twenty minutes until somebody has changed it.
const REFILL_EVERY_H: i64 = 7 * 24;
const REFILL_S: i64 = 90;
const CYLINDER_EVERY_H: i64 = 21 * 24;
const CYLINDER_S: i64 = 1200;

/// Bit of the door in the alarm register.
pub const ALARM_DOOR: u16 = 1;
/// Bit of "too warm".
pub const ALARM_HIGH: u16 = 1 << 1;
/// Bit of "too cold".
pub const ALARM_LOW: u16 = 1 << 2;

/// A command to the incubator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Temperature set-point, °C (5 to 60).
    Temperature(f64),
    /// Humidity set-point, % (0 to 98).
    Humidity(f64),
    /// CO2 set-point, % (0 to 20).
    CarbonDioxide(f64),
}

/// What the incubator shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Temperature, °C.
    pub temperature_cel: f64,
    /// Relative humidity, %.
    pub humidity_percent: f64,
    /// CO2, %.
    pub co2_percent: f64,
    /// O2, %.
    pub o2_percent: f64,
    /// 0 closed, 3 outer and inner door open.
    pub door: u16,
    /// Alarm bits.
    pub alarms: u16,
}

/// The incubator.
#[derive(Debug, Clone)]
pub struct Incubator {
    seed: u64,
    realism: Realism,
    at: Timestamp,
    temperature_set: f64,
    humidity_set: f64,
    co2_set: f64,
    air: f64,
    wall: f64,
    sensor: f64,
    humidity: f64,
    co2: f64,
    heater: Pi,
    open_until: Timestamp,
    disturbed_at: Timestamp,
}

impl Incubator {
    /// An incubator that has been running at 37 °C, 5 % CO2 and 95 % humidity.
    pub fn new(seed: u64, at: Timestamp, realism: Realism) -> Self {
        let mut heater = Pi::new(120.0, 900.0, [0.0, 300.0]);
        heater.integral = 1.6 * (37.0 - ROOM.0);
        Self {
            seed,
            realism,
            at,
            temperature_set: 37.0,
            humidity_set: 95.0,
            co2_set: 5.0,
            air: 37.0,
            wall: 37.0,
            sensor: 37.0,
            humidity: 95.0,
            co2: 5.0,
            heater,
            open_until: at,
            disturbed_at: at,
        }
    }
    /// Facility time up to which the model has been integrated.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    /// Set-points: temperature in °C, humidity in %, CO2 in %.
    pub fn set_points(&self) -> (f64, f64, f64) {
        (self.temperature_set, self.humidity_set, self.co2_set)
    }
    /// Carries out a command, or says why not; nothing has changed then.
    pub fn command(&mut self, command: Command) -> Result<(), Refusal> {
        let (slot, value, low, high) = match command {
            Command::Temperature(value) => (&mut self.temperature_set, value, 5.0, 60.0),
            Command::Humidity(value) => (&mut self.humidity_set, value, 0.0, 98.0),
            Command::CarbonDioxide(value) => (&mut self.co2_set, value, 0.0, 20.0),
        };
        if !(low..=high).contains(&value) {
            return Err(Refusal::OutOfRange);
        }
        *slot = value;
        self.disturbed_at = self.at;
        Ok(())
    }
    /// Opens both doors for `seconds` of facility time.
    pub fn open_door(&mut self, seconds: i64) {
        self.open_until = self.at.plus_s(seconds);
    }
    /// Integrates up to `now`, in whole steps.
    pub fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..steps(self.at, now) {
            self.step(step_s());
            self.at = self.at.plus_ms(STEP_MS);
        }
    }

    /// Whether the CO2 sensor is in a spell of failure, where sensors fail at times.
    pub fn co2_sensor_failed(&self) -> bool {
        self.realism == Realism::Full && instrument::in_episode(self.seed, 31, self.at)
    }

    /// What people do to it, and what runs out.
    fn live(&mut self) {
        if let Some(seconds) = instrument::opens(self.seed, 32, self.at, STEP_MS, DOORS_PER_DAY) {
            self.open_door(seconds);
        }
        if self.within(33, REFILL_EVERY_H, STEP_MS / 1000) {
            self.open_door(REFILL_S);
        }
    }

    /// Whether `at` is within the first seconds of a period of so many hours; the seed shifts the periods.
    fn within(&self, channel: u64, every_h: i64, seconds: i64) -> bool {
        let period_ms = every_h * 3_600_000;
        let shift = i64::try_from(self.seed.wrapping_add(channel).wrapping_mul(7_919) % 1_000).unwrap_or_default();
        (self.at.as_ms() + shift * (period_ms / 1_000)).rem_euclid(period_ms) < seconds * 1000
    }

    fn is_open(&self) -> bool {
        self.at < self.open_until
    }

    fn step(&mut self, dt_s: f64) {
        let (room, room_humidity, room_co2) = ROOM;
        let mut heat_w = 0.0;
        if self.realism == Realism::Full {
            self.live();
        }
        if self.is_open() {
            self.disturbed_at = self.at;
            let share = (dt_s / 14.0).min(1.0);
            self.air += (room - self.air) * share;
            self.humidity += (room_humidity - self.humidity) * share;
            self.co2 += (room_co2 - self.co2) * share;
        } else {
            heat_w = self.heater.output(self.temperature_set - self.sensor, dt_s);
            let empty = self.realism == Realism::Full && self.within(34, CYLINDER_EVERY_H, CYLINDER_S);
            let gas = if empty { 0.0 } else { (0.012 * (self.co2_set - self.co2)).clamp(0.0, 0.035) };
            self.co2 += (gas - 2.0e-5 * (self.co2 - room_co2)) * dt_s;
            self.humidity += 1.6e-3 * (self.humidity_set - self.humidity) * dt_s;
        }
        let from_wall = 9.0 * (self.wall - self.air);
        self.air += from_wall * dt_s / 199.0;
        self.wall += (heat_w - from_wall - 1.6 * (self.wall - room)) * dt_s / 6000.0;
        let air = self.air;
        follow(&mut self.sensor, air, 30.0, dt_s);
        self.co2 = self.co2.clamp(0.0, 25.0);
        self.humidity = self.humidity.clamp(0.0, 100.0);
    }

    /// What the display shows at `now`, with its noise.
    pub fn shown(&self, now: Timestamp) -> Shown {
        let noisy = |channel, value: f64, size: f64| {
            let value = value + size * noise::normal(self.seed, channel, now.as_ms());
            (value * 100.0).round() / 100.0
        };
        let mut alarms = if self.is_open() { ALARM_DOOR } else { 0 };
        if self.at.since_ms(self.disturbed_at) > ALARM_DELAY_S * 1000 {
            if self.sensor > self.temperature_set + 1.0 {
                alarms |= ALARM_HIGH;
            }
            if self.sensor < self.temperature_set - 1.0 {
                alarms |= ALARM_LOW;
            }
        }
        Shown {
            temperature_cel: noisy(1, self.sensor, 0.02),
            humidity_percent: noisy(2, self.humidity, 0.2).clamp(0.0, 100.0),
            co2_percent: noisy(3, self.co2, 0.02).max(0.0),
            o2_percent: noisy(4, 20.9 * (1.0 - self.co2 / 100.0), 0.03),
            door: if self.is_open() { 3 } else { 0 },
            alarms,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(incubator: &mut Incubator, seconds: i64) -> Shown {
        let until = incubator.at().plus_s(seconds);
        while until.since_ms(incubator.at()) >= STEP_MS {
            incubator.advance_to(until);
        }
        incubator.shown(until)
    }

    fn incubator() -> Incubator {
        Incubator::new(5, Timestamp::from_ms(1_780_000_000_000), Realism::Calm)
    }

    #[test]
    fn undisturbed_it_holds_its_set_points_for_a_day() {
        let mut incubator = incubator();
        for _ in 0..24 {
            let s = after(&mut incubator, 3600);
            assert!((s.temperature_cel - 37.0).abs() < 0.3 && (s.co2_percent - 5.0).abs() < 0.15, "{s:?}");
            assert!(s.humidity_percent > 93.0 && s.alarms == 0 && s.door == 0, "{s:?}");
        }
    }

    #[test]
    fn a_door_of_30_seconds_costs_minutes_of_co2_and_half_an_hour_of_humidity() {
        let mut incubator = incubator();
        incubator.open_door(30);
        let open = after(&mut incubator, 28);
        assert_eq!((open.door, open.alarms & ALARM_DOOR), (3, 1));
        let shut = after(&mut incubator, 10);
        assert!(shut.door == 0 && shut.co2_percent < 1.5 && shut.humidity_percent < 55.0, "{shut:?}");
        let later = after(&mut incubator, 480);
        assert!(later.co2_percent > 4.6 && later.humidity_percent < 88.0, "{later:?}");
        assert!((later.temperature_cel - 37.0).abs() < 1.0, "{later:?}");
        let back = after(&mut incubator, 2400);
        assert!(back.humidity_percent > 92.0 && (back.temperature_cel - 37.0).abs() < 0.3, "{back:?}");
    }

    #[test]
    fn in_real_life_doors_are_opened_by_day_and_the_night_is_quiet() {
        let mut incubator = Incubator::new(5, Timestamp::from_ms(1_780_000_000_000), Realism::Full);
        let (mut worked, mut rested) = (0, 0);
        for _ in 0..5 * 24 * 120 {
            let open = after(&mut incubator, 30).door != 0;
            let count = if instrument::at_work(incubator.at()) { &mut worked } else { &mut rested };
            *count += u32::from(open);
        }
        assert!(worked > 20 && rested <= 3, "{worked} {rested}: a refill may fall into the night");
    }

    #[test]
    fn a_new_set_point_is_followed_and_a_wrong_one_refused() {
        let mut incubator = incubator();
        incubator.command(Command::Temperature(33.0)).unwrap();
        incubator.command(Command::CarbonDioxide(0.0)).unwrap();
        assert_eq!(incubator.command(Command::Temperature(61.0)), Err(Refusal::OutOfRange));
        assert_eq!(incubator.command(Command::CarbonDioxide(f64::NAN)), Err(Refusal::OutOfRange));
        let s = after(&mut incubator, 6 * 3600);
        assert!((s.temperature_cel - 33.0).abs() < 0.4, "{s:?}");
        assert_eq!(incubator.set_points(), (33.0, 95.0, 0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn everything_stays_within_physical_bounds(
            commands in prop::collection::vec((0..4usize, 0.0..60.0f64, 0i64..7200), 1..30),
        ) {
            let mut incubator = incubator();
            for (kind, value, seconds) in commands {
                match kind {
                    0 => drop(incubator.command(Command::Temperature(value))),
                    1 => drop(incubator.command(Command::Humidity(value))),
                    2 => drop(incubator.command(Command::CarbonDioxide(value))),
                    _ => incubator.open_door(value as i64 * 20),
                }
                let s = after(&mut incubator, seconds);
                prop_assert!((15.0..75.0).contains(&s.temperature_cel), "{s:?}");
                prop_assert!((0.0..=100.0).contains(&s.humidity_percent), "{s:?}");
                prop_assert!((0.0..=21.0).contains(&s.co2_percent), "{s:?}");
                prop_assert!((15.0..22.0).contains(&s.o2_percent), "{s:?}");
            }
        }
    }
}
