//! The network plug of a simulator: a public port whose connections can be cut, reset, refused, limited, slowed and spoilt.
//!
//! It passes bytes and understands none: an answer is what the server sends in one piece. Cutting it is what pulling the
//! cable and killing the process look like from outside: the port refuses, open connections end at once.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    fault::{Fault, FaultBoard},
    fault_catalogue::FaultKind,
};

const CHUNK_BYTES: usize = 16 * 1024;

/// A public port in front of a server.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    connections_max: usize,
    faults: FaultBoard,
    /// Counts the resets; every open connection watches it.
    resets: watch::Sender<u64>,
    listener: Option<TcpListener>,
    accepting: Option<JoinHandle<()>>,
}

impl Gate {
    /// Takes the port; connections wait until [`Gate::open`].
    pub(crate) async fn bind(address: SocketAddr, connections_max: usize, faults: FaultBoard) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let resets = watch::Sender::new(0);
        Ok(Self { address, connections_max, faults, resets, listener: Some(listener), accepting: None })
    }
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
    /// Passes connections on to `target`, taking the same port again if it was given up.
    pub(crate) async fn open(&mut self, target: SocketAddr) -> io::Result<()> {
        self.cut_connections().await;
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(self.address).await?,
        };
        let lines = Lines { target, connections_max: self.connections_max, faults: self.faults.clone() };
        self.accepting = Some(tokio::spawn(lines.accept(listener, self.resets.clone())));
        Ok(())
    }
    /// Resets every open connection.
    pub(crate) fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }
    /// Ends all connections and gives up the port.
    pub(crate) async fn cut(&mut self) {
        self.listener = None;
        self.cut_connections().await;
    }
    async fn cut_connections(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Waits until the sockets are closed; the task can only end as aborted.
            let _ = accepting.await;
        }
    }
}

/// What the connections of a gate have in common.
#[derive(Clone)]
struct Lines {
    target: SocketAddr,
    connections_max: usize,
    faults: FaultBoard,
}

impl Lines {
    async fn accept(self, listener: TcpListener, resets: watch::Sender<u64>) {
        let mut pipes = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = pipes.join_next() => {}
                accepted = listener.accept() => match accepted {
                    // Small devices end a connection too many at once.
                    Ok((stream, _)) if pipes.len() >= self.limit() => drop(stream),
                    Ok((stream, _)) => drop(pipes.spawn(self.clone().pipe(stream, resets.subscribe()))),
                    Err(error) => tracing::warn!(%error, "simulator: a connection could not be accepted"),
                }
            }
        }
    }

    fn limit(&self) -> usize {
        if self.faults.has(&Fault::BlackHole) {
            usize::MAX
        } else if self.faults.has(&Fault::OneConnection) {
            1
        } else {
            self.connections_max
        }
    }

    async fn pipe(self, mut client: TcpStream, mut resets: watch::Receiver<u64>) {
        let Ok(mut server) = TcpStream::connect(self.target).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        // Either side's end ends both.
        let was_reset = tokio::select! {
            () = self.ask(from_client, to_server) => false,
            () = self.answer(from_server, to_client) => false,
            changed = resets.changed() => changed.is_ok(),
        };
        if was_reset {
            // A socket closed without lingering sends RST; where that cannot be set it ends as any other.
            let _ = client.set_zero_linger();
        }
    }

    /// What the client sends.
    async fn ask(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            self.faults.passable().await;
            if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
                return;
            }
        }
    }

    /// What the server answers, spoilt as the faults in force want it.
    async fn answer(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut answers: u64 = 0;
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            answers += 1;
            let delay_ms = self.faults.take_delay_ms();
            if delay_ms > 0 {
                sleep(Duration::from_millis(delay_ms)).await;
            }
            self.faults.passable().await;
            if self.faults.lose_every().is_some_and(|n| answers.is_multiple_of(n)) {
                continue;
            }
            if self.faults.has_kind(FaultKind::ForeignTransaction)
                && let Some(number) = buffer.get_mut(..2)
            {
                number.iter_mut().for_each(|byte| *byte ^= 0x55);
            }
            let passed = if self.faults.has(&Fault::HalfFrame) { count / 2 } else { count };
            if to.write_all(buffer.get(..passed).unwrap_or_default()).await.is_err() {
                return;
            }
        }
    }
}
