//! The real program as a process of its own: served, killed, started again; and its other commands with what they say.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::facility::DEADLINE;

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// Exit status; `None` when it was killed.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs a command of the program to its end, with lines for its standard input.
pub fn run(program: &str, folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut child = std::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses before it asks for anything closes its input: that is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Writes a configuration file for a data folder; gives its path.
pub fn configure(data: &Path, listen: &str) -> PathBuf {
    let file = data.with_extension("toml");
    let text = format!(
        "data = {:?}\nlisten = \"{listen}\"\npurpose = \"validation\"\ncheckpoint_s = 3600\n",
        data.display().to_string()
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// A serving process.
pub struct Process {
    child: Child,
    /// The address of its web server.
    pub web: SocketAddr,
}

impl Process {
    /// Starts `serve` on a data folder and awaits that it listens; or gives what it said when it ended instead.
    pub async fn serve(program: &str, config: &Path) -> Result<Self, Said> {
        let mut child = Command::new(program)
            .args(["serve", "--config"])
            .arg(config)
            .env("RUST_LOG", "warn,opcua=off,opcua_core=off,opcua_client=off,opcua_crypto=off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut err = child.stderr.take().unwrap();
        let first = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("the process said nothing").unwrap();
        let Some(first) = first else {
            let mut said = String::new();
            err.read_to_string(&mut said).await.unwrap();
            let status = child.wait().await.unwrap().code();
            return Err(Said { status, out: String::new(), err: said });
        };
        let web = first.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        // Keep reading, so that neither pipe fills up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        tokio::spawn(async move { tokio::io::copy(&mut err, &mut tokio::io::stderr()).await });
        Ok(Self { child, web })
    }
    /// SIGKILL; returns when it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
    /// Asks it to end, as Ctrl-C or the service manager would, and awaits that; gives its exit status.
    pub async fn end(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(asked.success());
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        ended.expect("the process did not end").unwrap().code()
    }
}
