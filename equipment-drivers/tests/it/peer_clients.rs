//! Clients that nobody here wrote read the simulators: asyncua the bioreactor, pymodbus the Modbus devices.
//!
//! Run where `MES_PEER_PYTHON` names a Python with both; see `tests/peers/install.sh`.

use std::path::Path;

use equipment_drivers::{DeviceKind, SimDevice, physics::Realism};
use mes_core::clock::Clock;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{opcua::bioreactor, rig::DEADLINE};

/// Runs a script of `tests/peers` and gives back what it printed.
async fn peer(script: &str, arguments: &[&str]) -> String {
    let python = std::env::var_os("MES_PEER_PYTHON").expect("MES_PEER_PYTHON names a Python with asyncua and pymodbus");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let run = Command::new(python).arg(script).args(arguments).kill_on_drop(true).output();
    let output = timeout(3 * DEADLINE, run).await.expect("the peer hangs").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MES_PEER_PYTHON"]
async fn peer_asyncua_finds_a_whole_lads_device_and_uses_it() {
    let sim = bioreactor("BR-41", &Clock::real()).await;
    let own = TempDir::new().unwrap();
    let folder = own.path().display().to_string();
    let said = peer("read_lads.py", &[sim.address(), "BR-41", "mes", "s3cret", &folder]).await;
    println!("{said}");
    assert!(said.contains("all with the mandatory children of their types"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MES_PEER_PYTHON"]
async fn peer_pymodbus_reads_every_modbus_device() {
    let clock = Clock::starting_at(Clock::system_now().plus_s(-60 * 86_400), 60);
    let kinds = [
        DeviceKind::ModbusBioreactor,
        DeviceKind::Co2Incubator,
        DeviceKind::HettichIncubator,
        DeviceKind::ParticleCounter,
        DeviceKind::PressureTransmitter,
        DeviceKind::CometLogger,
    ];
    let mut sims = Vec::new();
    for kind in kinds {
        let device = SimDevice { realism: Realism::Calm, ..SimDevice::new(kind.name(), kind, 4) };
        sims.push(device.start(&clock, Path::new("/nowhere")).await.unwrap());
    }
    let addresses: Vec<&str> = sims.iter().map(|sim| sim.address()).collect();
    let said = peer("read_modbus.py", &addresses).await;
    println!("{said}");
    assert_eq!(said.lines().count(), kinds.len(), "{said}");
}
