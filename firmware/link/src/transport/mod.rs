//! Ways for bytes to leave and to arrive.
//!
//! In: one encoded frame at a time. Out: bytes as they come. Refused: waiting. No call blocks; a transport that cannot
//! take a frame now says [`Sent::Busy`] and is asked again, one that has nobody at the other end says [`Sent::Absent`].
//! A transport mends itself: it re-opens or reconnects with a growing pause, and logs each change of state once.
//!
//! A transport of your own is a struct with three functions:
//!
//! ```
//! use invdet_link::transport::{Delivery, Sent, Transport};
//!
//! /// Counts what it is given.
//! struct Counter(usize);
//!
//! impl Transport for Counter {
//!     fn name(&self) -> &str {
//!         "counter"
//!     }
//!     fn delivery(&self) -> Delivery {
//!         Delivery::Datagrams
//!     }
//!     fn send(&mut self, frame: &[u8], _at_unix_us: u64) -> Sent {
//!         self.0 += frame.len();
//!         Sent::Taken
//!     }
//!     fn receive(&mut self, _buffer: &mut [u8]) -> usize {
//!         0
//!     }
//! }
//! ```

mod memory;
mod serial;
mod stream;
mod tcp;
mod tlog;
mod udp;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use memory::{MemoryPeer, MemoryTransport};
pub use serial::SerialTransport;
pub use tcp::TcpTransport;
pub use tlog::TlogTransport;
pub use udp::UdpTransport;

use crate::Endpoint;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, whole.
    Taken,
    /// Nothing of it was taken: try again later.
    Busy,
    /// Nobody is there; the frame is lost, and keeping it would only make it stale.
    Absent,
}

/// How [`Transport::receive`] cuts what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each call gives one datagram: no frame goes on in the next.
    Datagrams,
    /// Bytes in order, cut anywhere.
    Stream,
}

/// A link's bytes. Object-safe; see the module for how to write one.
pub trait Transport: Send {
    /// The LINK string, or what else names the link to its user.
    fn name(&self) -> &str;

    /// How `receive` cuts what arrives.
    fn delivery(&self) -> Delivery;

    /// Sends one frame, without blocking. `at_unix_us`: microseconds since 1970 (UTC), for logs.
    fn send(&mut self, frame: &[u8], at_unix_us: u64) -> Sent;

    /// Puts what has arrived into `buffer` and says how many bytes; 0 if nothing has. Never blocks.
    fn receive(&mut self, buffer: &mut [u8]) -> usize;

    /// Is told of each frame received on another link. Only logs care.
    fn overhear(&mut self, frame: &[u8], at_unix_us: u64) {
        let _ = (frame, at_unix_us);
    }
}

/// Why a link cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The host has no address.
    #[error("{link}: host {host:?} has no address; check the name, or write the address itself")]
    Resolve {
        /// The LINK string.
        link: String,
        /// The host as written.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The local address cannot be used.
    #[error(
        "{link}: cannot bind a UDP socket ({source}); is another program on this port? choose another, or stop it"
    )]
    Bind {
        /// The LINK string.
        link: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The device cannot be opened.
    #[error("{link}: cannot open {} ({source}); check the cable, the name and that the user is in group dialout", path.display())]
    Serial {
        /// The LINK string.
        link: String,
        /// The device.
        path: PathBuf,
        /// What the driver said.
        #[source]
        source: serialport::Error,
    },
    /// The log cannot be created.
    #[error("{link}: cannot create {} ({source}); check that the folder exists and can be written", path.display())]
    Create {
        /// The LINK string.
        link: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Opens what `endpoint` names. A TCP peer need not be there yet; a serial port, a local UDP port and a file must be.
///
/// # Errors
/// [`TransportError`] names the link and what to do.
pub fn open(endpoint: &Endpoint) -> Result<Box<dyn Transport>, TransportError> {
    Ok(match endpoint {
        Endpoint::UdpOut { host, port } => Box::new(UdpTransport::to(host, *port)?),
        Endpoint::UdpIn { host, port } => Box::new(UdpTransport::listen(host, *port)?),
        Endpoint::TcpOut { host, port } => Box::new(TcpTransport::to(host, *port)),
        Endpoint::Serial { path, baud } => Box::new(SerialTransport::open(path, *baud)?),
        Endpoint::Tlog { path } => Box::new(TlogTransport::create(path)?),
    })
}

/// When to try again: at once, then 0.1 s, 0.2 s, ... at most 3.2 s after the last try.
#[derive(Debug, Clone, Copy)]
struct Backoff {
    pause: Duration,
    due: Option<Instant>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_millis(3_200);

    const fn new() -> Self {
        Self {
            pause: Self::FIRST,
            due: None,
        }
    }

    /// Whether it is time; if so, the next time is set.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if self.due.is_some_and(|due| now < due) {
            return false;
        }
        self.due = Some(now + self.pause);
        self.pause = (self.pause * 2).min(Self::LONGEST);
        true
    }

    /// It worked.
    fn reset(&mut self) {
        *self = Self::new();
    }
}
