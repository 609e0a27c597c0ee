//! Modbus with servers and clients that nobody here wrote: pymodbus over TCP and on a serial line, libmodbus over TCP.
//!
//! Where they are installed is told by the environment (`tests/peers/install.sh`); tests that need them are ignored.

use std::{path::Path, process::Stdio, time::Duration};

use equipment_drivers::{DriverReport, IncubatorSim};
use mes_core::{
    clock::Clock,
    engine::WriteResult,
    historian::{Cause, Quality, SampleValue},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::{
    bus::{rig, used},
    proxy::Proxy,
    rig::{DEADLINE, Rig, number},
};

struct Server {
    child: Child,
    orders: ChildStdin,
}

impl Server {
    /// Starts a program and waits until it says that it listens.
    async fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let orders = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async { lines.next_line().await.unwrap().is_some_and(|line| line == "ready") };
        assert!(timeout(DEADLINE, ready).await.expect("the peer did not start in time"), "the peer ended");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, orders }
    }

    /// pymodbus, over `tcp` or `rtu`.
    async fn pymodbus(kind: &str, place: &str) -> Self {
        let python = std::env::var("MES_PEER_PYTHON").expect("MES_PEER_PYTHON is not set: tests/peers/install.sh");
        Self::start(Path::new(&python), &[&script("modbus_server.py"), kind, place]).await
    }

    /// `kill -9`.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    async fn tell(&mut self, line: &str) {
        self.orders.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
}

fn script(name: &str) -> String {
    format!("{}/tests/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Compiles a program against libmodbus.
async fn compiled(folder: &TempDir, name: &str) -> std::path::PathBuf {
    let program = folder.path().join(name);
    let (source, into) = (script(&format!("{name}.c")), program.display().to_string());
    let done = Command::new("cc").args(["-Wall", "-o", &into, &source, "-lmodbus"]).status().await.unwrap();
    assert!(done.success(), "needs libmodbus-dev: tests/peers/install.sh");
    program
}

fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// All tags of a unit go Bad, and later Good again.
async fn lost(rig: &mut Rig, unit: u8) {
    let down = rig.bad(&format!("U-{unit}/temperature")).await;
    assert_eq!(down.quality, Quality::bad(Cause::LinkDown));
}

async fn back(rig: &mut Rig, unit: u8) {
    let back = rig.good(&format!("U-{unit}/temperature")).await;
    assert_eq!(number(&back), (200.0 + f64::from(unit)) / 10.0);
}

/// Nothing is Good while nothing comes through for eight seconds, and all of it afterwards.
async fn black_hole(rig: &mut Rig, proxy: &Proxy, unit: u8) {
    let pulled = Clock::wall();
    proxy.black_hole();
    lost(rig, unit).await;
    assert!(pulled.elapsed() < Duration::from_secs(5), "{:?}", pulled.elapsed());
    while pulled.elapsed() < Duration::from_secs(8) {
        if let Some(DriverReport::Samples(samples)) = rig.next_within(Duration::from_millis(50)).await {
            assert!(samples.iter().all(|sample| !sample.quality.is_good()), "{samples:?}");
        }
    }
    proxy.forward();
    back(rig, unit).await;
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON: tests/peers/install.sh"]
async fn peer_pymodbus_over_tcp_is_read_written_killed_reset_and_late() {
    let port = free_port();
    let server = Server::pymodbus("tcp", &port).await;
    let proxy = Proxy::start(&format!("127.0.0.1:{port}")).await;
    let mut rig = rig(&[3, 7, 9], &proxy.address().to_string()).await;
    used(&mut rig, 3).await;
    used(&mut rig, 7).await;
    // A unit that is not there: this server answers for it, and says no.
    let foreign = rig.bad("U-9/temperature").await;
    assert_eq!(foreign.quality, Quality::bad(Cause::Device("ServerDeviceFailure".to_owned())));

    server.kill().await;
    lost(&mut rig, 3).await;
    lost(&mut rig, 7).await;
    let mut server = Server::pymodbus("tcp", &port).await;
    back(&mut rig, 3).await;
    back(&mut rig, 7).await;

    proxy.reset();
    rig.write_until_confirmed("U-3/setpoint", SampleValue::Real(12.5)).await;
    back(&mut rig, 3).await;
    back(&mut rig, 7).await;
    server.tell("late 450").await;
    // Whoever asked next was answered too late; nobody gets a wrong value.
    rig.sample("a late answer", |sample| sample.quality == Quality::bad(Cause::LinkDown)).await;
    back(&mut rig, 3).await;
    back(&mut rig, 7).await;
    black_hole(&mut rig, &proxy, 3).await;
    back(&mut rig, 7).await;
}

#[tokio::test]
#[ignore = "needs MES_PEER_PYTHON and socat: tests/peers/install.sh"]
async fn peer_pymodbus_on_a_serial_line_is_read_written_killed_and_late() {
    let folder = TempDir::new().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name).display().to_string());
    let ends = [&ours, &theirs].map(|end| format!("pty,raw,echo=0,link={end}"));
    let mut line = Command::new("socat").args(ends).kill_on_drop(true).spawn().expect("needs socat");
    let both = async {
        while !(Path::new(&ours).exists() && Path::new(&theirs).exists()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, both).await.expect("no line");
    let server = Server::pymodbus("rtu", &theirs).await;
    let mut rig = rig(&[3, 7], &format!("rtu://{ours}?baud=115200&parity=none")).await;
    used(&mut rig, 3).await;
    used(&mut rig, 7).await;
    server.kill().await;
    lost(&mut rig, 3).await;
    lost(&mut rig, 7).await;
    let mut server = Server::pymodbus("rtu", &theirs).await;
    rig.write_until_confirmed("U-3/setpoint", SampleValue::Real(12.5)).await;
    back(&mut rig, 3).await;
    back(&mut rig, 7).await;
    server.tell("late 450").await;
    rig.sample("a late answer", |sample| sample.quality == Quality::bad(Cause::LinkDown)).await;
    back(&mut rig, 3).await;
    back(&mut rig, 7).await;
    line.kill().await.unwrap();
}

#[tokio::test]
#[ignore = "needs cc and libmodbus-dev: tests/peers/install.sh"]
async fn peer_libmodbus_with_its_one_connection_is_read_written_killed_and_reset() {
    let folder = TempDir::new().unwrap();
    let program = compiled(&folder, "modbus_server").await;
    let port = free_port();
    let server = Server::start(&program, &[&port]).await;
    let proxy = Proxy::start(&format!("127.0.0.1:{port}")).await;
    let mut rig = rig(&[3], &proxy.address().to_string()).await;
    used(&mut rig, 3).await;
    // A reset, and the server has to notice before it takes the next connection.
    proxy.reset();
    rig.write_until_confirmed("U-3/setpoint", SampleValue::Real(12.5)).await;
    back(&mut rig, 3).await;
    server.kill().await;
    lost(&mut rig, 3).await;
    let _server = Server::start(&program, &[&port]).await;
    back(&mut rig, 3).await;
    black_hole(&mut rig, &proxy, 3).await;
    assert_eq!(rig.write("U-3/switch", SampleValue::Flag(false)).await.result, WriteResult::Confirmed);
}

#[tokio::test]
#[ignore = "needs cc and libmodbus-dev: tests/peers/install.sh"]
async fn peer_libmodbus_reads_and_writes_the_simulated_incubator() {
    let folder = TempDir::new().unwrap();
    let program = compiled(&folder, "modbus_client").await;
    let sim = IncubatorSim { name: "INC-01".to_owned(), port: 0, seed: 3, clock: Clock::real() }.start().await.unwrap();
    let port = sim.address().rsplit(':').next().unwrap();
    let done = Command::new(&program).args([port, "0x1220", "6.5"]).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout), "5\n6.5\n");
}
