//! Several links at once.
//!
//! In: an [`Outbox`], bytes from every link. Out: each frame on every link, each frame received to the caller.
//! Refused: waiting for a slow link. Each has a queue of its own, so that one that is stuck delays nobody else.
//! Frames are not routed from link to link.

use crate::frame::RawFrame;
use crate::framer::Framer;
use crate::outbox::Outbox;
use crate::transport::{self, Delivery, Sent, Transport};
use crate::{Endpoint, TransportError};

/// Most bytes taken from one link in one [`Links::poll`]: a flood on one link must not starve the others.
const POLL_BYTES: usize = 64 * 1024;

/// A frame begun on a serial line or TCP and silent for so long will not be completed: even at 9600 baud two bytes
/// are 2 ms apart, and USB adapters hold bytes back for 16 ms.
const SILENCE_US: u64 = 200_000;

/// What one link has done since it was opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames sent.
    pub sent: u64,
    /// Frames not sent: no room, replaced by a newer heartbeat, or nobody there.
    pub dropped: u64,
    /// Whole frames received.
    pub received: u64,
    /// Places in what was received that looked like a frame but were damaged or of an unknown message.
    pub bad: u64,
    /// Bytes received that belong to no frame.
    pub skipped_bytes: u64,
}

struct Link {
    transport: Box<dyn Transport>,
    queue: Outbox,
    framer: Framer,
    sent: u64,
    lost: u64,
    heard_at_us: u64,
}

impl Link {
    fn drain(&mut self, at_unix_us: u64) {
        while let Some(frame) = self.queue.front() {
            match self.transport.send(frame, at_unix_us) {
                Sent::Taken => self.sent += 1,
                Sent::Absent => self.lost += 1,
                Sent::Busy => return,
            }
            self.queue.pop();
        }
    }
}

/// All links of a program.
#[derive(Default)]
pub struct Links {
    links: Vec<Link>,
}

impl Links {
    /// Opens every endpoint.
    ///
    /// # Errors
    /// The first [`TransportError`]; links opened before it are closed.
    pub fn open(endpoints: &[Endpoint]) -> Result<Self, TransportError> {
        Ok(Self::of(
            endpoints
                .iter()
                .map(transport::open)
                .collect::<Result<_, _>>()?,
        ))
    }

    /// Links over transports that are open already.
    pub fn of(transports: Vec<Box<dyn Transport>>) -> Self {
        let link = |transport| Link {
            transport,
            queue: Outbox::new(),
            framer: Framer::new(),
            sent: 0,
            lost: 0,
            heard_at_us: 0,
        };
        Self {
            links: transports.into_iter().map(link).collect(),
        }
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is no link.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Empties `out` onto every link, as far as each takes it; the rest waits in the link's own queue for the next
    /// call of this or of [`Links::poll`]. `at_unix_us`: microseconds since 1970 (UTC), for logs.
    pub fn publish(&mut self, out: &mut Outbox, at_unix_us: u64) {
        for link in &mut self.links {
            link.drain(at_unix_us);
            for (priority, frame) in out.iter() {
                link.queue.push(priority, frame);
            }
            link.drain(at_unix_us);
        }
        out.clear();
    }

    /// Sends what waits, and calls `received(frame, link)` for each frame that has arrived, in the order of the links.
    /// `link` counts from 0 in the order they were opened.
    pub fn poll(&mut self, at_unix_us: u64, mut received: impl FnMut(RawFrame<'_>, usize)) {
        let mut buffer = [0; 2048];
        for index in 0..self.links.len() {
            let (before, rest) = self.links.split_at_mut(index);
            let Some((link, after)) = rest.split_first_mut() else {
                return;
            };
            link.drain(at_unix_us);
            let mut found = |frame: RawFrame<'_>| {
                for other in before.iter_mut().chain(after.iter_mut()) {
                    other.transport.overhear(frame.bytes(), at_unix_us);
                }
                received(frame, index);
            };
            let mut taken = 0;
            while taken < POLL_BYTES {
                let count = link.transport.receive(&mut buffer);
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                    break;
                };
                taken += count;
                link.heard_at_us = at_unix_us;
                link.framer.feed(bytes, &mut found);
                if link.transport.delivery() == Delivery::Datagrams {
                    link.framer.finish(&mut found);
                }
            }
            if link.framer.pending() > 0 && at_unix_us.abs_diff(link.heard_at_us) > SILENCE_US {
                link.framer.finish(&mut found);
            }
        }
    }

    /// Name and counters of each link, in the order they were opened.
    pub fn counters(&self) -> impl Iterator<Item = (&str, LinkCounters)> {
        self.links.iter().map(|link| {
            let framer = link.framer.counters();
            let counters = LinkCounters {
                sent: link.sent,
                dropped: link.lost + link.queue.dropped(),
                received: framer.frames,
                bad: framer.bad_checksum + framer.unknown_id,
                skipped_bytes: framer.skipped_bytes,
            };
            (link.transport.name(), counters)
        })
    }
}
