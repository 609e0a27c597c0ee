//! The air of a suite: a cascade of three zones whose pressures sink when a door between them is opened, and the room's
//! temperature and humidity.
//!
//! Zone 0 is the airlock (15 Pa over the corridor), 1 the changing room (30 Pa), 2 the processing room (45 Pa). Supply air
//! restores each zone; an open door evens out the two that it joins.

use mes_core::clock::Timestamp;

use super::{Realism, STEP_MS, follow, instrument, noise, step_s, steps};

/// What the zones are kept at, Pa over the corridor.
pub const ZONES_PA: [f64; 3] = [15.0, 30.0, 45.0];
/// How fast supply air restores a zone, and how fast an open door evens two zones out, in seconds.
const SUPPLY_S: f64 = 15.0;
const DOOR_S: f64 = 2.0;
/// Doors between corridor, airlock, changing room and processing room are opened so often on a working day.
const DOORS_PER_DAY: [f64; 3] = [40.0, 40.0, 20.0];
/// A door stands open for at most this long, in seconds; people in an airlock do not linger.
const DOOR_MAX_S: i64 = 12;
/// Lag of the transmitter, in seconds.
const TRANSMITTER_S: f64 = 2.0;
/// Filters load: the zones lose so much a day, Pa.
const LOADING_PA: f64 = 0.03;

/// A suite's air.
#[derive(Debug, Clone)]
pub struct Room {
    seed: u64,
    realism: Realism,
    begun: Timestamp,
    at: Timestamp,
    pressure: [f64; 3],
    sensor: f64,
    open_until: [Timestamp; 3],
    temperature: f64,
    humidity: f64,
}

impl Room {
    /// A suite at rest. The seed chooses the zone that is measured: its rest by three.
    pub fn new(seed: u64, at: Timestamp, realism: Realism) -> Self {
        let mut room = Self {
            seed,
            realism,
            begun: at,
            at,
            pressure: ZONES_PA,
            sensor: 0.0,
            open_until: [at; 3],
            temperature: 21.0,
            humidity: 45.0,
        };
        room.sensor = room.zone();
        room
    }
    /// Facility time up to which the model has been integrated.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    /// The pressure that the measured zone is kept at, Pa.
    pub fn kept_pa(&self) -> f64 {
        ZONES_PA.get(self.measured()).copied().unwrap_or_default()
    }
    /// Opens the door of the measured zone for `seconds` of facility time.
    pub fn open_door(&mut self, seconds: i64) {
        let (door, until) = (self.measured(), self.at.plus_s(seconds));
        if let Some(open) = self.open_until.get_mut(door) {
            *open = until;
        }
    }
    /// Integrates up to `now`, in whole steps.
    pub fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..steps(self.at, now) {
            self.step(step_s());
            self.at = self.at.plus_ms(STEP_MS);
        }
    }
    /// Differential pressure of the measured zone against the corridor, Pa, on a grid of 0.1.
    pub fn pressure_pa(&self, now: Timestamp) -> f64 {
        on_grid(self.sensor + 0.3 * noise::normal(self.seed, 51, now.as_ms()), 10.0)
    }
    /// Temperature, °C, and relative humidity, %, on grids of 0.1.
    pub fn climate(&self, now: Timestamp) -> (f64, f64) {
        let noisy = |channel, value: f64, size: f64| {
            on_grid(value + size * noise::normal(self.seed, channel, now.as_ms()), 10.0)
        };
        (noisy(52, self.temperature, 0.03), noisy(53, self.humidity, 0.3).clamp(0.0, 100.0))
    }

    fn measured(&self) -> usize {
        usize::try_from(self.seed % 3).unwrap_or_default()
    }

    fn zone(&self) -> f64 {
        self.pressure.get(self.measured()).copied().unwrap_or_default()
    }

    fn step(&mut self, dt_s: f64) {
        if self.realism == Realism::Full {
            for ((door, channel), per_day) in self.open_until.iter_mut().zip(60..).zip(DOORS_PER_DAY) {
                if let Some(seconds) = instrument::opens(self.seed / 3, channel, self.at, STEP_MS, per_day) {
                    *door = self.at.plus_s(seconds.min(DOOR_MAX_S));
                }
            }
        }
        let loaded = match self.realism {
            Realism::Calm => 0.0,
            Realism::Full => LOADING_PA * instrument::days(self.at.since_ms(self.begun)),
        };
        let [mut airlock, mut changing, mut processing] = self.pressure;
        for (zone, kept) in [&mut airlock, &mut changing, &mut processing].into_iter().zip(ZONES_PA) {
            follow(zone, kept - loaded, SUPPLY_S, dt_s);
        }
        let [outer, middle, inner] = self.open_until.map(|until| self.at < until);
        let mut corridor = 0.0;
        if outer {
            even_out(&mut corridor, &mut airlock, dt_s);
        }
        if middle {
            even_out(&mut airlock, &mut changing, dt_s);
        }
        if inner {
            even_out(&mut changing, &mut processing, dt_s);
        }
        self.pressure = [airlock, changing, processing];
        let zone = self.zone();
        follow(&mut self.sensor, zone, TRANSMITTER_S, dt_s);
        self.climate_step(dt_s);
    }

    /// The room follows the air handling, which hunts a little and feels the day.
    fn climate_step(&mut self, dt_s: f64) {
        let day = instrument::days(self.at.as_ms().rem_euclid(86_400_000)) * std::f64::consts::TAU;
        let hunting = instrument::days(self.at.as_ms().rem_euclid(1_200_000)) * 72.0 * std::f64::consts::TAU;
        follow(&mut self.temperature, 21.0 + 0.4 * day.sin() + 0.15 * hunting.sin(), 300.0, dt_s);
        follow(&mut self.humidity, 45.0 - 3.0 * day.sin() + 1.5 * hunting.cos(), 300.0, dt_s);
    }
}

/// Moves two pressures towards their mean.
fn even_out(one: &mut f64, other: &mut f64, dt_s: f64) {
    let mean = f64::midpoint(*one, *other);
    follow(one, mean, DOOR_S, dt_s);
    follow(other, mean, DOOR_S, dt_s);
}

fn on_grid(value: f64, grid: f64) -> f64 {
    (value * grid).round() / grid + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(room: &mut Room, seconds: i64) -> f64 {
        let until = room.at().plus_s(seconds);
        while until.since_ms(room.at()) >= STEP_MS {
            room.advance_to(until);
        }
        room.pressure_pa(until)
    }

    fn room(seed: u64, realism: Realism) -> Room {
        Room::new(seed, Timestamp::from_ms(1_780_000_000_000), realism)
    }

    #[test]
    fn a_closed_suite_holds_its_cascade() {
        for (seed, kept) in [(0, 15.0), (1, 30.0), (2, 45.0)] {
            let mut room = room(seed, Realism::Calm);
            assert_eq!(room.kept_pa(), kept);
            for _ in 0..24 {
                assert!((after(&mut room, 3600) - kept).abs() < 1.5);
            }
        }
    }

    #[test]
    fn an_open_door_costs_pressure_which_is_back_within_two_minutes() {
        let mut room = room(2, Realism::Calm);
        room.open_door(20);
        let open = after(&mut room, 16);
        assert!(open < 41.0, "{open}");
        let back = after(&mut room, 120);
        assert!((back - 45.0).abs() < 1.5, "{back}");
    }

    #[test]
    fn doors_are_felt_in_working_hours_and_the_night_is_quiet() {
        let mut room = room(1, Realism::Full);
        let (mut worked, mut rested) = (0, 0);
        for _ in 0..24 * 360 {
            let low = after(&mut room, 10) < 26.0;
            let count = if instrument::at_work(room.at()) { &mut worked } else { &mut rested };
            *count += u32::from(low);
        }
        assert!(worked > 20 && rested == 0, "{worked} {rested}");
    }

    #[test]
    fn the_climate_stays_within_its_band_and_is_the_same_at_any_rate() {
        let (mut one, mut other) = (room(4, Realism::Full), room(4, Realism::Full));
        let until = one.at().plus_s(86_400);
        while until.since_ms(one.at()) >= STEP_MS {
            one.advance_to(one.at().plus_s(60));
        }
        while until.since_ms(other.at()) >= STEP_MS {
            other.advance_to(until);
        }
        assert_eq!((one.climate(until), one.pressure_pa(until)), (other.climate(until), other.pressure_pa(until)));
        let (temperature, humidity) = one.climate(until);
        assert!((20.0..22.0).contains(&temperature) && (38.0..52.0).contains(&humidity));
    }
}
