//! A TCP proxy between a driver and a device: the cable that a test can pull.
//!
//! It forwards bytes, holds them back (open connections, nothing comes through, as behind a dead switch), or resets
//! every connection. It knows no protocol.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

const BUFFER: usize = 64 * 1024;

#[derive(Clone, Copy)]
struct Cable {
    holding: bool,
    resets: u64,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    cable: watch::Sender<Cable>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of this machine and connects each caller to `device`, `HOST:PORT`.
    pub(crate) async fn start(device: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cable, state) = watch::channel(Cable { holding: false, resets: 0 });
        let device = device.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(caller, device.clone(), state.clone()));
            }
        });
        Self { address, cable, task }
    }

    /// Where to connect instead of to the device.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing comes through any more, in either direction; connections stay open.
    pub(crate) fn black_hole(&self) {
        self.cable.send_modify(|cable| cable.holding = true);
    }

    /// Everything comes through again, also what was held back.
    pub(crate) fn forward(&self) {
        self.cable.send_modify(|cable| cable.holding = false);
    }

    /// Resets (RST) every open connection on both sides.
    pub(crate) fn reset(&self) {
        self.cable.send_modify(|cable| cable.resets += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut caller: TcpStream, device: String, mut cable: watch::Receiver<Cable>) {
    let resets = cable.borrow_and_update().resets;
    let Ok(mut device) = TcpStream::connect(device).await else { return };
    let (mut from_caller, mut from_device) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let state = *cable.borrow_and_update();
        if state.resets != resets {
            let _ = (caller.set_zero_linger(), device.set_zero_linger());
            return;
        }
        let passed = tokio::select! {
            changed = cable.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
            read = caller.read(&mut from_caller), if !state.holding => pass(read, &from_caller, &mut device).await,
            read = device.read(&mut from_device), if !state.holding => pass(read, &from_device, &mut caller).await,
        };
        if !passed {
            return;
        }
    }
}

async fn pass(read: std::io::Result<usize>, buffer: &[u8], to: &mut TcpStream) -> bool {
    match read {
        Ok(0) | Err(_) => false,
        Ok(length) => to.write_all(&buffer[..length]).await.is_ok(),
    }
}

#[tokio::test]
async fn a_pulled_cable_holds_everything_back_and_a_reset_ends_every_connection() {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(&echo.local_addr().unwrap().to_string()).await;
    let mut caller = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut device, _) = echo.accept().await.unwrap();
    proxy.black_hole();
    caller.write_all(b"1").await.unwrap();
    // What was sent into the hole comes out, in order, when the cable is back: nothing arrived before.
    let held = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(held, device.read_u8()).await.is_err());
    proxy.forward();
    caller.write_all(b"2").await.unwrap();
    assert_eq!((device.read_u8().await.unwrap(), device.read_u8().await.unwrap()), (b'1', b'2'));
    proxy.reset();
    assert!(caller.read_u8().await.is_err() && device.read_u8().await.is_err());
}
