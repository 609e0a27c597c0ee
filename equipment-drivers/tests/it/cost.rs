//! What a demo's worth of simulators and drivers costs, measured on demand: `cargo test -- --ignored --nocapture`.

use std::{path::PathBuf, time::Duration};

use equipment_drivers::{DeviceConfig, DeviceKind, IncubatorSim, Secret, SimDevice, SimPlant, TrustList};
use mes_core::clock::Clock;
use tokio_modbus::{Slave, client::tcp, prelude::Reader};

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

/// A hundred devices of every kind.
const PLANT: [(DeviceKind, u64); 7] = [
    (DeviceKind::LadsBioreactor, 20),
    (DeviceKind::ModbusBioreactor, 15),
    (DeviceKind::Co2Incubator, 25),
    (DeviceKind::HettichIncubator, 10),
    (DeviceKind::ParticleCounter, 15),
    (DeviceKind::PressureTransmitter, 10),
    (DeviceKind::CometLogger, 5),
];

/// CPU time of the threads of this name, in clock ticks of 10 ms (Linux).
fn thread_ticks(name: &str) -> u64 {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        if before.ends_with(name) {
            let fields: Vec<&str> = after.split_whitespace().collect();
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    ticks
}

/// Memory of this process in MB (Linux).
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn hundred() -> Vec<SimDevice> {
    let of = |(kind, count): (DeviceKind, u64)| {
        (1..=count).map(move |number| SimDevice {
            user: ("mes".to_owned(), Secret::new("s3cret")),
            ..SimDevice::new(format!("{kind}-{number}"), kind, number)
        })
    };
    PLANT.into_iter().flat_map(of).collect()
}

/// Reads what a supervisor would read, once a second.
async fn poll(kind: DeviceKind, address: String) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut client = tcp::attach_slave(stream, Slave(1));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let read = match kind {
            DeviceKind::ModbusBioreactor => client.read_input_registers(0, 40).await,
            DeviceKind::Co2Incubator => client.read_holding_registers(0x1200, 32).await,
            DeviceKind::HettichIncubator => client.read_input_registers(0, 5).await,
            DeviceKind::ParticleCounter => client.read_holding_registers(0, 38).await,
            DeviceKind::PressureTransmitter => client.read_input_registers(3, 2).await,
            _ => client.read_holding_registers(0x30, 2).await,
        };
        read.unwrap().unwrap();
    }
}

#[test]
#[ignore = "measures for two minutes; figures are in BENCHMARKS.md"]
fn a_hundred_devices_in_one_process() {
    let runtime = |name: &str, threads| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(name).enable_all().build().unwrap()
    };
    let (simulators, clients) = (runtime("simulator", 1), runtime("client", 1));
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::starting_at(Clock::system_now().plus_s(-60 * 86_400), 1);
    let (sim_clock, pki) = (clock.clone(), folder.path().join("simulators"));
    let (before_mb, since) = (resident_mb(), Clock::wall());
    let plant =
        simulators.block_on(simulators.spawn(async move { SimPlant::start(hundred(), &sim_clock, &pki).await }));
    let plant = plant.unwrap().unwrap();
    let (start_s, memory_mb) = (since.elapsed().as_secs_f64(), resident_mb() - before_mb);
    println!("{} devices started in {start_s:.1} s and take {memory_mb} MB", plant.devices().count());
    let trusted: PathBuf = folder.path().join("driver");
    let mut devices = Vec::new();
    for sim in plant.devices() {
        if let Some(certificate) = sim.certificate() {
            TrustList::open(&trusted).unwrap().trust_file(certificate).unwrap();
            let config = DeviceConfig::new(sim.name().parse().unwrap(), sim.kind().name(), sim.address());
            devices.push(config.with_user("mes", Secret::new("s3cret")));
        } else {
            clients.spawn(poll(sim.kind(), sim.address().to_owned()));
        }
    }
    clients.block_on(async {
        let online = devices.len();
        let mut rig = Rig::start(devices, clock.clone(), &trusted).await;
        for _ in 0..online {
            rig.online().await;
        }
        for rate in [1, 60, 3600] {
            clock.set_rate(rate);
            let (before, since) = (thread_ticks("simulator"), Clock::wall());
            while since.elapsed() < Duration::from_secs(30) {
                rig.next().await;
            }
            let cpu_percent = (thread_ticks("simulator") - before) as f64 / since.elapsed().as_secs_f64();
            println!("rate {rate}: {cpu_percent:.1} % of a core");
        }
    });
    // The clients first, lest they see their devices end.
    clients.shutdown_background();
    drop(plant);
}
