//! A serial port, 8 data bits, no parity, 1 stop bit, no flow control.
//!
//! In and out: a byte stream. Refused: waiting, and ports that another program has open. A port that vanishes (USB
//! adapter pulled) is logged and looked for under the same name until it is back.

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serialport::TTYPort;

use super::stream::{Tail, is_not_now};
use super::{Backoff, Delivery, Sent, Transport, TransportError};
use crate::Endpoint;

/// A port that comes back.
#[derive(Debug)]
pub struct SerialTransport {
    name: String,
    path: PathBuf,
    baud: u32,
    port: Option<TTYPort>,
    tail: Tail,
    backoff: Backoff,
}

impl SerialTransport {
    /// Opens the device at `path` with `baud` bits per second. It must be there now; later it may come and go.
    ///
    /// # Errors
    /// [`TransportError::Serial`] if it is not there, not ours or not able to run at `baud`.
    pub fn open(path: &Path, baud: u32) -> Result<Self, TransportError> {
        let name = Endpoint::Serial {
            path: path.into(),
            baud,
        }
        .to_string();
        match open(path, baud) {
            Ok(port) => {
                let (tail, backoff) = (Tail::default(), Backoff::new());
                Ok(Self {
                    name,
                    path: path.into(),
                    baud,
                    port: Some(port),
                    tail,
                    backoff,
                })
            }
            Err(source) => Err(TransportError::Serial {
                link: name,
                path: path.into(),
                source,
            }),
        }
    }

    fn lose(&mut self, why: &dyn std::fmt::Display) {
        log::warn!("{}: the port is gone ({why}); looks for it", self.name);
        self.port = None;
        self.tail.clear();
        self.backoff.reset();
    }

    fn reopen(&mut self) -> Option<(&mut TTYPort, &mut Tail)> {
        if self.port.is_none()
            && self.backoff.is_due()
            && let Ok(port) = open(&self.path, self.baud)
        {
            log::info!("{}: the port is back", self.name);
            self.backoff.reset();
            self.port = Some(port);
        }
        self.port.as_mut().map(|port| (port, &mut self.tail))
    }
}

fn open(path: &Path, baud: u32) -> serialport::Result<TTYPort> {
    let port =
        TTYPort::open(&serialport::new(path.to_string_lossy(), baud).timeout(Duration::ZERO))?;
    // `serialport` asks whether *some* bytes fit and then writes all of them, blocking: not here.
    fcntl(port.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(std::io::Error::from)?;
    Ok(port)
}

impl Transport for SerialTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery(&self) -> Delivery {
        Delivery::Stream
    }

    fn send(&mut self, frame: &[u8], _at_unix_us: u64) -> Sent {
        let Some((port, tail)) = self.reopen() else {
            return Sent::Absent;
        };
        match tail.send(port, frame) {
            Ok(sent) => sent,
            Err(error) => {
                self.lose(&error);
                Sent::Absent
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let Some((port, tail)) = self.reopen() else {
            return 0;
        };
        let outcome = tail.flush(port).and_then(|_| port.read(buffer));
        match outcome {
            Ok(0) => {
                self.lose(&"end of file");
                0
            }
            Ok(count) => count,
            Err(error) if is_not_now(&error) => 0,
            Err(error) => {
                self.lose(&error);
                0
            }
        }
    }
}
