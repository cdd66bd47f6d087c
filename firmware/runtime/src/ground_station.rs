//! A receiver on the same machine, for the demo.
//!
//! In: datagrams on a port of its own. Out: how many messages of each type the `mavlink` crate decoded from them.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use mavlink::dialects::common::{CameraTrackingStatusFlags, MavMessage};
use mavlink::{MavlinkReader, Message as _};

use crate::tally::Counts;

/// On the same machine a datagram is there at once; so long without one, and all have been taken.
const QUIET: Duration = Duration::from_millis(300);

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Messages, by name.
    pub(crate) messages: Counts,
    /// Datagrams in which there was none.
    pub(crate) undecoded: u64,
    /// Of CAMERA_TRACKING_IMAGE_STATUS those that report an active target.
    pub(crate) active: u64,
}

/// A receiver in its own thread.
#[derive(Debug)]
pub(crate) struct GroundStation {
    port: u16,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Heard>>,
}

impl GroundStation {
    /// Listens on a free UDP port of 127.0.0.1.
    ///
    /// # Errors
    /// If the system gives no socket or no thread.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let socket =
            UdpSocket::bind("127.0.0.1:0").context("no UDP port on 127.0.0.1 can be had")?;
        socket.set_read_timeout(Some(QUIET))?;
        let port = socket.local_addr()?.port();
        let ending = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ending);
        let thread = std::thread::Builder::new()
            .name("ground-station".into())
            .spawn(move || hear(&socket, &seen))
            .context("no thread can be had for the receiver")?;
        Ok(Self {
            port,
            ending,
            thread,
        })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Takes what is still on its way, and says what was heard.
    ///
    /// # Errors
    /// If the socket failed.
    pub(crate) fn finish(self) -> anyhow::Result<Heard> {
        self.ending.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(heard) => heard,
            Err(_) => anyhow::bail!("the receiver of the demo panicked"),
        }
    }
}

fn hear(socket: &UdpSocket, ending: &AtomicBool) -> anyhow::Result<Heard> {
    let mut heard = Heard::default();
    let mut buffer = [0; 2048];
    loop {
        match socket.recv(&mut buffer) {
            Ok(count) => heard.take(buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if ending.load(Ordering::Relaxed) {
                    return Ok(heard);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the receiver's socket failed"),
        }
    }
}

impl Heard {
    fn take(&mut self, datagram: &[u8]) {
        let mut reader = MavlinkReader::new(datagram);
        let mut decoded = 0;
        // Ends at the end of the datagram.
        while let Ok((_, message)) = reader.read_any_message::<MavMessage>() {
            decoded += 1;
            let name = message.message_name().to_owned();
            *self.messages.entry(name).or_default() += 1;
            if let MavMessage::CAMERA_TRACKING_IMAGE_STATUS(status) = message {
                let active = CameraTrackingStatusFlags::CAMERA_TRACKING_STATUS_FLAGS_ACTIVE;
                self.active += u64::from(status.tracking_status.contains(active));
            }
        }
        self.undecoded += u64::from(decoded == 0);
    }
}
