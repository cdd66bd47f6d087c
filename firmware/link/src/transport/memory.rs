//! A link inside the process: for programs that test theirs, and for replay without a network.
//!
//! In and out: bytes, through a [`MemoryPeer`]. Refused: more bytes than its room, as a slow radio refuses them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Delivery, Sent, Transport};

#[derive(Debug, Default)]
struct Shared {
    room: usize,
    to_peer: VecDeque<u8>,
    from_peer: VecDeque<u8>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Bytes in a queue are whole whatever the other holder was doing.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our end.
#[derive(Debug)]
pub struct MemoryTransport {
    name: String,
    shared: Arc<Mutex<Shared>>,
}

/// The other end.
#[derive(Debug, Clone)]
pub struct MemoryPeer {
    shared: Arc<Mutex<Shared>>,
}

impl MemoryTransport {
    /// A link called `name` that holds at most `room` bytes which the peer has not taken, and the peer.
    pub fn pair(name: &str, room: usize) -> (Self, MemoryPeer) {
        let shared = Arc::new(Mutex::new(Shared {
            room,
            ..Shared::default()
        }));
        (
            Self {
                name: name.into(),
                shared: Arc::clone(&shared),
            },
            MemoryPeer { shared },
        )
    }
}

impl MemoryPeer {
    /// Takes all bytes that were sent.
    pub fn take(&self) -> Vec<u8> {
        lock(&self.shared).to_peer.drain(..).collect()
    }

    /// Sends `bytes` to our end.
    pub fn put(&self, bytes: &[u8]) {
        lock(&self.shared).from_peer.extend(bytes);
    }
}

impl Transport for MemoryTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery(&self) -> Delivery {
        Delivery::Stream
    }

    fn send(&mut self, frame: &[u8], _at_unix_us: u64) -> Sent {
        let mut shared = lock(&self.shared);
        if shared.to_peer.len() + frame.len() > shared.room {
            return Sent::Busy;
        }
        shared.to_peer.extend(frame);
        Sent::Taken
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut shared = lock(&self.shared);
        let count = buffer.len().min(shared.from_peer.len());
        for (place, byte) in buffer.iter_mut().zip(shared.from_peer.drain(..count)) {
            *place = byte;
        }
        count
    }
}
