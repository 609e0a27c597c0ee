//! What a demo's worth of simulators and drivers costs, measured on demand: `cargo test -- --ignored --nocapture`.

use std::time::Duration;

use equipment_drivers::{DeviceConfig, IncubatorSim};
use mes_core::clock::Clock;

use crate::{
    opcua::{bioreactor, device, trusting},
    rig::Rig,
};

/// CPU time of this process in clock ticks of 10 ms (Linux).
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for 40 seconds; figures are in the README"]
async fn four_bioreactors_and_eight_incubators_idle() {
    let clock = Clock::starting_at(Clock::system_now().plus_s(-60 * 86_400), 1);
    let (mut sims, mut devices) = (Vec::new(), Vec::new());
    for number in 1..=4 {
        let name = format!("BR-2{number}");
        let sim = bioreactor(&name, &clock).await;
        devices.push(device(&name, &sim));
        trusting(&sim);
        sims.push(sim);
    }
    let pki = trusting(&sims[0]);
    for number in 1..=8 {
        let name = format!("INC-2{number}");
        let sim = IncubatorSim { name: name.clone(), port: 0, seed: number, clock: clock.clone() };
        let sim = sim.start().await.unwrap();
        devices.push(DeviceConfig::new(name.parse().unwrap(), "co2-incubator", sim.address()));
        sims.push(sim);
    }
    let mut rig = Rig::start(devices, clock.clone(), pki).await;
    for _ in 0..12 {
        rig.online().await;
    }
    for rate in [1, 60, 3600] {
        clock.set_rate(rate);
        let (before, since, mut samples) = (cpu_ticks(), Clock::wall(), 0);
        while since.elapsed() < Duration::from_secs(12) {
            if let equipment_drivers::DriverReport::Samples(some) = rig.next().await {
                samples += some.len();
            }
        }
        let wall_s = since.elapsed().as_secs_f64();
        let cpu_percent = (cpu_ticks() - before) as f64 / wall_s;
        println!("rate {rate}: {cpu_percent:.1} % of a core, {:.0} samples/s", samples as f64 / wall_s);
    }
}
