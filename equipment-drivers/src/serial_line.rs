//! A simulated device on a serial line: what comes on the line goes to its port, and back.
//!
//! It passes bytes only, so that every fault of the port is one of the line. While the device is unplugged, what is sent to it
//! is lost, as on a real line.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_serial::SerialStream;

/// Wait before a device that does not answer its port is tried again.
const AGAIN: Duration = Duration::from_millis(200);
const CHUNK_BYTES: usize = 256;

/// Opens the line.
pub(crate) fn open(path: &str, baud: u32) -> Result<SerialStream, String> {
    SerialStream::open(&tokio_serial::new(path, baud)).map_err(|error| error.to_string())
}

/// Joins line and port for as long as the line lives.
pub(crate) async fn join(mut line: SerialStream, port: SocketAddr) {
    let mut lost = [0; CHUNK_BYTES];
    loop {
        if let Ok(mut device) = TcpStream::connect(port).await {
            let _ = device.set_nodelay(true);
            // Ends when the device ends the connection; an error of the line shows again below.
            let _ = copy_bidirectional(&mut line, &mut device).await;
        }
        let unheard = async {
            while let Ok(1..) = line.read(&mut lost).await {}
            sleep(AGAIN).await;
        };
        let _ = timeout(AGAIN, unheard).await;
    }
}
