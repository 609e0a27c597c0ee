//! The network plug of a simulator: a public port whose connections can be cut, refused, limited and slowed.
//!
//! It passes bytes and understands none. Cutting it is what pulling the cable and killing the process look like from
//! outside: the port refuses, open connections end at once.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::fault::FaultBoard;

const CHUNK_BYTES: usize = 16 * 1024;

/// A public port in front of a server.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    connections_max: usize,
    faults: FaultBoard,
    listener: Option<TcpListener>,
    accepting: Option<JoinHandle<()>>,
}

impl Gate {
    /// Takes the port; connections wait until [`Gate::open`].
    pub(crate) async fn bind(address: SocketAddr, connections_max: usize, faults: FaultBoard) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, connections_max, faults, listener: Some(listener), accepting: None })
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
        self.accepting = Some(tokio::spawn(accept(listener, target, self.connections_max, self.faults.clone())));
        Ok(())
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

async fn accept(listener: TcpListener, target: SocketAddr, connections_max: usize, faults: FaultBoard) {
    let mut pipes = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = pipes.join_next() => {}
            accepted = listener.accept() => match accepted {
                // Small devices end a connection too many at once.
                Ok((stream, _)) if pipes.len() >= connections_max => drop(stream),
                Ok((stream, _)) => drop(pipes.spawn(pipe(stream, target, faults.clone()))),
                Err(error) => tracing::warn!(%error, "simulator: a connection could not be accepted"),
            }
        }
    }
}

async fn pipe(client: TcpStream, target: SocketAddr, faults: FaultBoard) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Either side's end ends both.
    tokio::select! {
        () = copy(from_client, to_server, None) => {}
        () = copy(from_server, to_client, Some(faults)) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    faults: Option<FaultBoard>,
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let delay_ms = faults.as_ref().map_or(0, FaultBoard::take_delay_ms);
        if delay_ms > 0 {
            sleep(Duration::from_millis(delay_ms)).await;
        }
        if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
