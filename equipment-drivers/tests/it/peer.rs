//! Servers that nobody here wrote, as processes: started from a file, told by lines, killed without a word.
//!
//! Where they are installed is told by the environment (`tests/peers/install.sh`); tests that need them are ignored.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::rig::DEADLINE;

/// Which one.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// asyncua.
    Python,
    /// node-opcua.
    Node,
}

pub(crate) struct Peer {
    child: Child,
    orders: ChildStdin,
    kind: Kind,
    file: PathBuf,
    _folder: TempDir,
}

impl Peer {
    /// Starts a server with this configuration and waits until it listens.
    pub(crate) async fn start(kind: Kind, config: &Value) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("peer.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let (child, orders) = launch(kind, &file).await;
        Self { child, orders, kind, file, _folder: folder }
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// The same server again, at the same address.
    pub(crate) async fn restart(&mut self, config: &Value) {
        std::fs::write(&self.file, config.to_string()).unwrap();
        (self.child, self.orders) = launch(self.kind, &self.file).await;
    }

    /// One line for the server, e.g. `service_level 150`.
    pub(crate) async fn tell(&mut self, line: &str) {
        self.orders.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
}

async fn launch(kind: Kind, file: &Path) -> (Child, ChildStdin) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let installed =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tests/peers/install.sh"));
    let mut command = match kind {
        Kind::Python => {
            let mut command = Command::new(installed("MES_PEER_PYTHON"));
            command.arg(scripts.join("opcua_server.py"));
            command
        }
        Kind::Node => {
            installed("MES_PEER_NODE");
            let mut command = Command::new("node");
            command.arg(scripts.join("opcua_server.js"));
            command
        }
    };
    command.arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let orders = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line == "ready" {
                return true;
            }
        }
        false
    };
    assert!(timeout(DEADLINE, listening).await.expect("the peer did not start in time"), "the peer ended");
    // What it says later is read and dropped, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, orders)
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
