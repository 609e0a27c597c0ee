//! The address of a Modbus link as it is configured: TCP, a serial line, or RTU frames over TCP.
//!
//! It reads text; it opens nothing.

use std::{fmt, str::FromStr};

/// What an address may look like, for messages.
pub(crate) const FORMS: &str =
    "HOST:PORT, tcp://HOST:PORT, rtu+tcp://HOST:PORT or rtu:///dev/PORT?baud=19200&parity=even&stop=1";

/// Serial speed when the address does not say: the default of the Modbus specification.
const BAUD: u32 = 19_200;
/// Above this speed the silence between frames is fixed, in bits per second.
const FAST_BAUD: u32 = 19_200;

/// A physical link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Modbus TCP.
    Tcp {
        /// Host and port.
        authority: String,
    },
    /// RTU frames through a serial server.
    RtuOverTcp {
        /// Host and port.
        authority: String,
    },
    /// A serial line.
    Rtu(SerialLine),
}

/// How a serial line is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialLine {
    /// The device file, e.g. `/dev/ttyUSB0`.
    pub path: String,
    /// Bits per second.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
}

/// The parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even; the default of the Modbus specification.
    Even,
    /// Odd.
    Odd,
}

/// Why a text is not the address of a Modbus link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

impl SerialLine {
    /// The silence that must lie between two frames: three and a half characters, fixed at high speed.
    pub fn silence_us(&self) -> u64 {
        if self.baud > FAST_BAUD {
            return 1750;
        }
        // A character has 11 bits: start, 8 data, parity or a second stop bit, stop.
        (11 * 1_000_000 * 7 / 2_u64).div_ceil(u64::from(self.baud.max(1)))
    }
}

impl Address {
    /// What is shared when two devices share a link: the port, whatever the framing.
    pub fn port(&self) -> &str {
        match self {
            Self::Tcp { authority } | Self::RtuOverTcp { authority } => authority,
            Self::Rtu(line) => &line.path,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(rest) = text.strip_prefix("rtu+tcp://") {
            return Ok(Self::RtuOverTcp { authority: authority(rest)? });
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            return Ok(Self::Tcp { authority: authority(rest)? });
        }
        match text.strip_prefix("rtu://") {
            Some(rest) => serial(rest).map(Self::Rtu),
            None => Ok(Self::Tcp { authority: authority(text)? }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { authority } => f.write_str(authority),
            Self::RtuOverTcp { authority } => write!(f, "rtu+tcp://{authority}"),
            Self::Rtu(SerialLine { path, baud, parity, stop_bits }) => {
                let parity = match parity {
                    Parity::None => "none",
                    Parity::Even => "even",
                    Parity::Odd => "odd",
                };
                write!(f, "rtu://{path}?baud={baud}&parity={parity}&stop={stop_bits}")
            }
        }
    }
}

fn authority(text: &str) -> Result<String, AddressError> {
    let well_formed = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if well_formed { Ok(text.to_owned()) } else { Err(AddressError(format!("\"{text}\" is not HOST:PORT"))) }
}

fn serial(text: &str) -> Result<SerialLine, AddressError> {
    let (path, settings) = text.split_once('?').unwrap_or((text, ""));
    if !path.starts_with('/') || path.len() < 2 || path.contains(' ') {
        return Err(AddressError(format!("\"{path}\" is not the path of a serial port")));
    }
    let mut line = SerialLine { path: path.to_owned(), baud: BAUD, parity: Parity::Even, stop_bits: 1 };
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        let wrong = |expected: &str| AddressError(format!("serial setting \"{setting}\": {expected}"));
        match setting.split_once('=') {
            Some(("baud", value)) => {
                let baud = value.parse().ok().filter(|baud| (300..=1_000_000).contains(baud));
                line.baud = baud.ok_or_else(|| wrong("a speed is from 300 to 1000000"))?;
            }
            Some(("parity", "none")) => line.parity = Parity::None,
            Some(("parity", "even")) => line.parity = Parity::Even,
            Some(("parity", "odd")) => line.parity = Parity::Odd,
            Some(("stop", "1")) => line.stop_bits = 1,
            Some(("stop", "2")) => line.stop_bits = 2,
            _ => return Err(wrong("expected are baud=…, parity=none, even or odd, stop=1 or 2")),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, String> {
        text.parse().map_err(|error: AddressError| error.to_string())
    }

    #[test]
    fn the_three_kinds_of_link_are_told_apart() {
        let tcp = Address::Tcp { authority: "10.0.0.21:502".to_owned() };
        assert_eq!(read("10.0.0.21:502"), Ok(tcp.clone()));
        assert_eq!(read("tcp://10.0.0.21:502"), Ok(tcp));
        assert_eq!(read("rtu+tcp://moxa:4001").unwrap().to_string(), "rtu+tcp://moxa:4001");
        let plain = "rtu:///dev/ttyUSB0?baud=19200&parity=even&stop=1";
        assert_eq!(read("rtu:///dev/ttyUSB0").unwrap().to_string(), plain);
        let set = "rtu:///dev/ttyS1?baud=9600&parity=none&stop=2";
        assert_eq!(read(set).unwrap().to_string(), set);
        assert_eq!(read(set).unwrap().port(), "/dev/ttyS1");
    }

    #[test]
    fn a_wrong_address_is_answered_with_a_sentence() {
        for text in
            ["localhost", "localhost:", ":502", "h:0", "opc.tcp://h:502", "a b:1", "tcp://h", "rtu+tcp://h:70000"]
        {
            assert!(read(text).unwrap_err().contains("is not HOST:PORT"), "{text}");
        }
        assert!(read("rtu://ttyS0").unwrap_err().contains("path of a serial port"));
        assert!(read("rtu:///dev/ttyS0?baud=fast").unwrap_err().contains("from 300"));
        assert!(read("rtu:///dev/ttyS0?parity=mark").unwrap_err().contains("none, even or odd"));
    }

    #[test]
    fn the_silence_between_frames_follows_the_speed() {
        let silence = |baud: u32| match read(&format!("rtu:///dev/x?baud={baud}")) {
            Ok(Address::Rtu(line)) => line.silence_us(),
            other => panic!("{other:?}"),
        };
        assert_eq!((silence(9600), silence(19_200), silence(115_200)), (4011, 2006, 1750));
    }
}
